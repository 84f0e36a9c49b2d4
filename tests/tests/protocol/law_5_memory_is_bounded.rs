//! Law 5: what a session keeps for its peer is bounded by the limits.

use mcp_tests::generate::{config, deaf_listeners, floods, neglects, scripts};
use mcp_tests::laws::memory;
use proptest::prelude::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn of_any_connection(script in scripts()) {
        memory::check(&script);
    }

    #[test]
    fn of_a_peer_that_sends_without_end(script in floods()) {
        memory::check(&script);
    }

    #[test]
    fn of_a_peer_that_does_not_read(script in neglects()) {
        memory::check(&script);
    }

    #[test]
    fn of_a_listener_that_does_not_read(script in deaf_listeners()) {
        memory::check(&script);
    }
}
