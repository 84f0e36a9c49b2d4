//! The heads of requests: read by the book, and never more than httparse takes.
//!
//! ```sh
//! mkdir -p fuzz/corpus/head
//! cargo +nightly fuzz run --sanitizer none head fuzz/corpus/head fuzz/seeds/head -- \
//!     -dict=fuzz/head.dict -max_len=1024 -max_total_time=120
//! ```
//!
//! What is found becomes a test of the parser, or an input in `tests/tests/protocol/parsers.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_tests::oracles::head::check;

fuzz_target!(|input: &[u8]| check(input));
