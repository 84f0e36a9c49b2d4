//! Chunked bodies: the same data and the same end by the book, in any pieces.
//!
//! ```sh
//! mkdir -p fuzz/corpus/chunks
//! cargo +nightly fuzz run --sanitizer none chunks fuzz/corpus/chunks fuzz/seeds/chunks -- \
//!     -dict=fuzz/chunks.dict -max_len=512 -max_total_time=120
//! ```
//!
//! What is found becomes a test of the parser, or an input in `tests/tests/protocol/parsers.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_tests::oracles::chunks::check;

fuzz_target!(|input: &[u8]| check(input));
