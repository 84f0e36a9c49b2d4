//! What the core does for one request, in machine instructions and allocations.
//!
//! ```sh
//! cargo build --profile bench -p mcp-benches --no-default-features --bins
//! alias counts=target/release/counts
//! counts         # all cases, beside benches/baseline.txt
//! counts call    # those whose names contain that
//! counts --save  # writes benches/baseline.txt
//! ```
//!
//! It fails if anything takes more than [`TOLERANCE`] more than it did, or less: then the baseline has
//! to follow, in the commit that is to be praised for it.

use std::error::Error;
use std::fmt::Write;
use std::process::ExitCode;

use mcp_benches::{CASES, Case};
use mcp_tests::callgrind::instructions;
use mcp_tests::meter;

/// How far a count of instructions may be from the baseline: what another layout of the same code
/// makes of it. Allocations must be as many.
const TOLERANCE: f64 = 0.03;

/// From the workspace's root, where the program has to be started.
const BASELINE: &str = "benches/baseline.txt";

#[global_allocator]
static ALLOCATOR: meter::Counting = meter::Counting;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let saves = arguments.iter().any(|argument| argument == "--save");
    let is_asked_for = |case: &&Case| {
        arguments.is_empty() || saves || arguments.iter().any(|name| case.name.contains(name))
    };
    let baseline = std::fs::read_to_string(BASELINE).unwrap_or_default();
    let mut counted = String::new();
    let mut is_as_before = true;
    for case in CASES.iter().filter(is_asked_for) {
        let count = count(*case)?;
        writeln!(counted, "{} {} {}", case.name, count.instructions, count.allocations)?;
        is_as_before &= compare(case.name, &count, Count::find(&baseline, case.name).as_ref());
    }
    if saves {
        std::fs::write(BASELINE, counted)?;
        return Ok(ExitCode::SUCCESS);
    }
    if !is_as_before {
        eprintln!("`counts --save` writes {BASELINE}, if that is how it shall be");
    }
    Ok(if is_as_before { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Count {
    instructions: u64,
    allocations: u64,
}

impl Count {
    /// Reads the line of a case: its name, instructions and allocations.
    fn find(baseline: &str, name: &str) -> Option<Self> {
        let line = baseline.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        let (instructions, allocations) = line.split_once(' ')?;
        Some(Self {
            instructions: instructions.parse().ok()?,
            allocations: allocations.parse().ok()?,
        })
    }
}

/// What one time costs, after a few.
fn count(case: Case) -> Result<Count, Box<dyn Error>> {
    const FIRST: u64 = 5;
    const MORE: u64 = 20;

    // Without the allocator that counts, which takes instructions itself.
    let program = std::env::current_exe()?.with_file_name("case");
    let instructions = |times: u64| instructions(&program, &[case.name, &times.to_string()]);
    let instructions = (instructions(FIRST + MORE)? - instructions(FIRST)?) / MORE;

    let mut again = (case.prepare)();
    (0..FIRST).for_each(|_| again());
    meter::reset();
    meter::switch(true);
    (0..MORE).for_each(|_| again());
    meter::switch(false);
    Ok(Count { instructions, allocations: meter::allocations() as u64 / MORE })
}

/// Prints a line. Returns whether it is as it was.
fn compare(name: &str, count: &Count, before: Option<&Count>) -> bool {
    let Count { instructions, allocations } = count;
    print!("{name:20} {instructions:>10} instructions {allocations:>6} allocations");
    let Some(before) = before else {
        println!("   not in {BASELINE}");
        return false;
    };
    let change = *instructions as f64 / before.instructions as f64 - 1.0;
    let is_as_before = change.abs() <= TOLERANCE && *allocations == before.allocations;
    println!(
        "   {:+.1} %, {:+}{}",
        100.0 * change,
        *allocations as i64 - before.allocations as i64,
        if is_as_before { "" } else { "   NOT AS BEFORE" }
    );
    is_as_before
}
