//! Event streams: what is written is what a client reads.
//!
//! ```sh
//! mkdir -p fuzz/corpus/sse
//! cargo +nightly fuzz run --sanitizer none sse fuzz/corpus/sse fuzz/seeds/sse -- \
//!     -max_len=512 -max_total_time=120
//! ```
//!
//! What is found becomes a test of the parser, or an input in `tests/tests/protocol/parsers.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_tests::oracles::sse::check;

fuzz_target!(|input: &[u8]| check(input));
