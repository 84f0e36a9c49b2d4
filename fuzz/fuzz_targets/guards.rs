//! `Host`, `Origin`, media types, targets and ids: what a head is let in by.
//!
//! ```sh
//! mkdir -p fuzz/corpus/guards
//! cargo +nightly fuzz run --sanitizer none guards fuzz/corpus/guards fuzz/seeds/guards -- \
//!     -dict=fuzz/guards.dict -max_len=512 -max_total_time=120
//! ```
//!
//! What is found becomes a test of the parser, or an input in `tests/tests/protocol/parsers.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_tests::oracles::guards::check;

fuzz_target!(|input: &[u8]| check(input));
