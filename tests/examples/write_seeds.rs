//! Writes the seeds of the fuzzer: `cargo run -p mcp-tests --example write_seeds`.

use mcp_tests::encoding::encode;
use mcp_tests::generate::scripts;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

const SEEDS: usize = 40;
/// A short seed is mutated more often in the same time.
const LONGEST: usize = 1500;

fn main() -> std::io::Result<()> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/session");
    std::fs::create_dir_all(folder)?;
    let mut runner = TestRunner::deterministic();
    let mut number = 0;
    while number < SEEDS {
        let script = scripts().new_tree(&mut runner).expect("a script").current();
        if script.stream.len() < LONGEST {
            std::fs::write(format!("{folder}/{number:02}"), encode(&script))?;
            number += 1;
        }
    }
    Ok(())
}
