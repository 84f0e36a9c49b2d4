//! Law 9: a disconnect is reported once, with what was lost.

use mcp_tests::generate::{config, deaf_peers, scripts, valid_scripts};
use mcp_tests::laws::disconnect;
use proptest::prelude::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_disconnect_is_reported_once(script in prop_oneof![scripts().boxed(), valid_scripts().boxed()]) {
        disconnect::check(&script);
    }

    #[test]
    fn who_is_given_up_is_reported_once(script in deaf_peers()) {
        disconnect::check(&script);
    }
}
