//! A hub tells every listener of all that it asked for, in order, and of nothing else.

use mcp_tests::generate::config;
use mcp_tests::hub_model::{Operation, check};
use proptest::collection::vec;
use proptest::prelude::*;

/// Numbers are small, so that most operations meet a listener that is there.
fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => any::<u8>().prop_map(Operation::Subscribe),
        1 => (0..12_u8).prop_map(Operation::Unsubscribe),
        6 => (0..9_u8).prop_map(Operation::Publish),
        3 => Just(Operation::PollNews),
        6 => (0..12_u8).prop_map(Operation::NextChange),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_hub_does_what_its_model_does(operations in vec(operation(), 0..200)) {
        check(&operations);
    }
}
