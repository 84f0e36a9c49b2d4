//! One connection, on which anything happens: all laws at once.
//!
//! ```sh
//! mkdir -p fuzz/corpus/session
//! cargo +nightly fuzz run --sanitizer none session fuzz/corpus/session fuzz/seeds/session -- \
//!     -dict=fuzz/session.dict -max_len=4096 -max_total_time=120
//! ```
//!
//! What is found prints as a script, to be pasted into `tests/tests/protocol/regressions.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_fuzz::Case;
use mcp_tests::laws;
use mcp_tests::meter::Counting;
use mcp_tests::script::Script;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fuzz_target!(|case: Case<Script>| {
    laws::check_all(&case.0);
    laws::memory::check(&case.0);
});
