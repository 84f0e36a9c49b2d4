//! Writes the seeds of the fuzzer: `cargo run -p mcp-tests --example write_seeds`.

use mcp_tests::encoding::Encoded;
use mcp_tests::generate::{operations, scripts};
use mcp_tests::script::Script;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

const SEEDS: usize = 40;
/// A short seed is mutated more often in the same time.
const LONGEST: usize = 1500;

fn main() -> std::io::Result<()> {
    let short = |script: &Script| script.stream.len() < LONGEST;
    write("session", &scripts().prop_filter("short", short))?;
    write("hub", &operations())
}

/// Writes the seeds of one target.
fn write(target: &str, cases: &impl Strategy<Value: Encoded>) -> std::io::Result<()> {
    let folder = format!("{}/../fuzz/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
    std::fs::create_dir_all(&folder)?;
    let mut runner = TestRunner::deterministic();
    for number in 0..SEEDS {
        let case = cases.new_tree(&mut runner).expect("a case").current();
        std::fs::write(format!("{folder}/{number:02}"), case.encode())?;
    }
    Ok(())
}
