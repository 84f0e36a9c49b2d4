//! Law 4: no panic, no loop without progress, and every connection ends.

use mcp_tests::generate::{config, scripts};
use mcp_tests::laws::progress;
use proptest::prelude::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_connection_ends(script in scripts()) {
        progress::check(&script);
    }
}
