//! Law 6: responses are well-formed HTTP, and their messages valid for their revision.

use mcp_tests::generate::{config, conversations, scripts, visits};
use mcp_tests::laws::wellformed;
use proptest::prelude::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_response_is_well_formed(script in scripts()) {
        wellformed::check(&script);
    }

    #[test]
    fn every_stream_is_well_formed(script in conversations()) {
        wellformed::check(&script);
    }

    #[test]
    fn every_visit_is_well_formed(script in visits()) {
        wellformed::check(&script);
    }
}
