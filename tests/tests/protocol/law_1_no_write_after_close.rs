//! Law 1: after `Close`, or after `PeerClosed` was handled, nothing is sent.

use mcp_tests::generate::{config, scripts};
use mcp_tests::laws::silence;
use proptest::prelude::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn nothing_is_sent_behind_the_end(script in scripts()) {
        silence::check(&script);
    }
}
