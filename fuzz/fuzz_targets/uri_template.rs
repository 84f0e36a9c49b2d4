//! URI templates: which are taken, and every way to read a URI by one.
//!
//! ```sh
//! mkdir -p fuzz/corpus/uri_template
//! cargo +nightly fuzz run --sanitizer none uri_template fuzz/corpus/uri_template fuzz/seeds/uri_template -- \
//!     -dict=fuzz/uri_template.dict -max_len=128 -max_total_time=120
//! ```
//!
//! What is found becomes a test of the parser, or an input in `tests/tests/protocol/parsers.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_tests::oracles::uri_template::check;

fuzz_target!(|input: &[u8]| check(input));
