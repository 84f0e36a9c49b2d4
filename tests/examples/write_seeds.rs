//! Writes the seeds of the fuzzer: `cargo run -p mcp-tests --example write_seeds`.

use std::fs;
use std::io::Result;

use mcp_tests::encoding::Encoded;
use mcp_tests::generate::{operations, scripts};
use mcp_tests::oracles::inputs;
use mcp_tests::script::Script;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// Of a target that needs many steps to get anywhere.
const SEEDS: usize = 40;
/// Of a parser.
const INPUTS: usize = 24;
/// A short seed is mutated more often in the same time.
const LONGEST: usize = 1500;

fn main() -> Result<()> {
    let short = |script: &Script| script.stream.len() < LONGEST;
    let scripts = scripts().prop_filter("short", short);
    write("session", SEEDS, &scripts.prop_map(|script| script.encode()))?;
    write("hub", SEEDS, &operations().prop_map(|operations| operations.encode()))?;
    write("head", INPUTS, &inputs::heads())?;
    write("chunks", INPUTS, &inputs::chunked_bodies())?;
    write("messages", INPUTS, &inputs::messages())?;
    write("guards", INPUTS, &inputs::guarded_heads())?;
    write("sse", INPUTS, &inputs::events())?;
    write("request_state", INPUTS, &inputs::states())?;
    write("uri_template", INPUTS, &inputs::templates())?;
    write("lines", INPUTS, &inputs::line_scripts())?;
    let short = |stream: &Vec<u8>| stream.len() < LONGEST;
    write("bytes", INPUTS, &inputs::streams().prop_filter("short", short))
}

/// Writes the seeds of one target.
fn write(target: &str, count: usize, cases: &impl Strategy<Value = Vec<u8>>) -> Result<()> {
    let folder = format!("{}/../fuzz/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
    fs::create_dir_all(&folder)?;
    let mut runner = TestRunner::deterministic();
    for number in 0..count {
        let case = cases.new_tree(&mut runner).expect("a case").current();
        fs::write(format!("{folder}/{number:02}"), case)?;
    }
    Ok(())
}
