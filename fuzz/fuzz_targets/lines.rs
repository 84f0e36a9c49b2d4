//! One client line by line, on which anything happens: all laws at once.
//!
//! ```sh
//! mkdir -p fuzz/corpus/lines
//! cargo +nightly fuzz run --sanitizer none lines fuzz/corpus/lines fuzz/seeds/lines -- \
//!     -max_len=4096 -max_total_time=120
//! ```
//!
//! What is found is a script that can be read, for `tests/tests/protocol/parsers.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_tests::oracles::lines::check;

fuzz_target!(|input: &[u8]| check(input));
