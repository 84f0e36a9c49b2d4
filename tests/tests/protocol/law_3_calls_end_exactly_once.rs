//! Law 3: every call ends exactly once, and what comes later does nothing.

use mcp_tests::generate::{applicants_that_leave, config, late_listeners, scripts, visits};
use mcp_tests::laws::calls;
use proptest::prelude::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_call_ends_once(script in scripts()) {
        calls::check(&script);
    }

    #[test]
    fn of_who_leaves_before_it_is_let_in(script in applicants_that_leave()) {
        calls::check(&script);
    }

    #[test]
    fn of_a_listener_in_a_shutdown(script in late_listeners()) {
        calls::check(&script);
    }

    #[test]
    fn every_call_of_a_session_ends_once(script in visits()) {
        calls::check(&script);
    }
}
