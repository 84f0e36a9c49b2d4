//! One hub, to which anything happens: it does what its model does.
//!
//! ```sh
//! mkdir -p fuzz/corpus/hub
//! cargo +nightly fuzz run --sanitizer none hub fuzz/corpus/hub fuzz/seeds/hub -- \
//!     -max_len=512 -max_total_time=120
//! ```
//!
//! What is found prints as operations, to be pasted into `tests/tests/protocol/hub.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_fuzz::Case;
use mcp_tests::hub_model::{Operation, check};

fuzz_target!(|case: Case<Vec<Operation>>| check(&case.0));
