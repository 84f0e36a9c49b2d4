//! Law 8: nothing survives its owner.

use mcp_tests::generate::{config, scripts};
use mcp_tests::laws::leftovers;
use proptest::prelude::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_ends_with_a_connection_is_told(script in scripts()) {
        leftovers::check(&script);
    }
}
