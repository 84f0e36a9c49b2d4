//! JSON-RPC messages, and the fields that have to say the same: what one POST means.
//!
//! ```sh
//! mkdir -p fuzz/corpus/messages
//! cargo +nightly fuzz run --sanitizer none messages fuzz/corpus/messages fuzz/seeds/messages -- \
//!     -dict=fuzz/messages.dict -max_len=2048 -max_total_time=120
//! ```
//!
//! What is found becomes a test of the parser, or an input in `tests/tests/protocol/parsers.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_tests::oracles::messages::check;

fuzz_target!(|input: &[u8]| check(input));
