//! Raw bytes into one session: answers that can be read, the same in any pieces.
//!
//! ```sh
//! mkdir -p fuzz/corpus/bytes
//! cargo +nightly fuzz run --sanitizer none bytes fuzz/corpus/bytes fuzz/seeds/bytes -- \
//!     -dict=fuzz/bytes.dict -max_len=4096 -max_total_time=120
//! ```
//!
//! What is found becomes a test of the parser, or an input in `tests/tests/protocol/parsers.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_tests::oracles::bytes::check;

fuzz_target!(|input: &[u8]| check(input));
