//! Law 7: responses leave in request order, each on its own exchange.

use mcp_tests::generate::{calls, config, scripts, valid_scripts};
use mcp_tests::laws::order;
use proptest::prelude::*;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_request_gets_its_own_answer(script in prop_oneof![scripts().boxed(), valid_scripts().boxed()]) {
        order::check(&script);
    }

    #[test]
    fn every_call_has_a_result(script in calls()) {
        order::check_calls(&script);
    }
}
