//! Law 2: the same bytes in any split give the same outputs, byte for byte.

use mcp_tests::generate::{config, scripts};
use mcp_tests::laws::chunking;
use proptest::prelude::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_split_gives_the_same(script in scripts()) {
        chunking::check(&script);
    }
}
