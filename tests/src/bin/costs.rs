//! What a server does for its peers, in machine instructions: twice as much must cost twice as much.
//!
//! ```sh
//! alias costs="cargo run --release -p mcp-tests --no-default-features --bin costs --"
//! costs                   # all of it, with valgrind
//! costs replay batch      # some of it
//! costs run replay 1000   # once, without
//! ```
//!
//! Instructions are the same each time and on each machine of a kind, as no time is.

use std::error::Error;
use std::process::ExitCode;

use mcp_tests::callgrind::instructions;
use mcp_tests::workloads::{WORKLOADS, Workload};

/// How much more may twice as much cost. Trees, of which there are many, grow a little faster than
/// what is in them.
const MOST: f64 = 2.2;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [command, name, size] = &arguments[..]
        && command == "run"
    {
        let workload = WORKLOADS.iter().find(|workload| workload.name == name);
        (workload.ok_or("no such workload")?.run)(size.parse()?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut is_good = true;
    println!("| workload | n | Ir at n | at 2n | at 4n | ratios | Ir for one |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for workload in WORKLOADS {
        if arguments.is_empty() || arguments.iter().any(|name| workload.name.contains(name)) {
            is_good &= measure(workload)?;
        }
    }
    if !is_good {
        eprintln!("twice as much costs more than {MOST} times as much, where it is bold");
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints a line. Returns whether costs are linear.
fn measure(workload: &Workload) -> Result<bool, Box<dyn Error>> {
    let Workload { name, unit, size, .. } = workload;
    let program = std::env::current_exe()?;
    let count = |size: usize| instructions(&program, &["run", name, &size.to_string()]);
    let base = count(0)?;
    let mut costs = [0; 3];
    for (cost, size) in costs.iter_mut().zip([*size, 2 * size, 4 * size]) {
        *cost = count(size)?.saturating_sub(base);
    }
    let ratios = [costs[1] as f64 / costs[0] as f64, costs[2] as f64 / costs[1] as f64];
    let shown = ratios.map(|ratio| match ratio {
        ratio if ratio > MOST => format!("**{ratio:.2}**"),
        ratio => format!("{ratio:.2}"),
    });
    println!(
        "| {name} | {size} | {} | {} | {} | {} | {} per {unit} |",
        costs[0],
        costs[1],
        costs[2],
        shown.join(", "),
        costs[2] / (4 * *size as u64)
    );
    Ok(ratios.iter().all(|ratio| *ratio <= MOST))
}
