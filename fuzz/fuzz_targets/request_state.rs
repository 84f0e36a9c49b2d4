//! Sealed state: it opens for what it was sealed for, and for nothing else.
//!
//! ```sh
//! mkdir -p fuzz/corpus/request_state
//! cargo +nightly fuzz run --sanitizer none request_state fuzz/corpus/request_state fuzz/seeds/request_state -- \
//!     -dict=fuzz/request_state.dict -max_len=512 -max_total_time=120
//! ```
//!
//! What is found becomes a test of the parser, or an input in `tests/tests/protocol/parsers.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_tests::oracles::request_state::check;

fuzz_target!(|input: &[u8]| check(input));
