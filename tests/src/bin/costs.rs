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
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

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
    let is_asked_for = |workload: &&Workload| {
        arguments.is_empty() || arguments.iter().any(|name| workload.name.contains(name))
    };
    let workloads: Vec<_> = WORKLOADS.iter().filter(is_asked_for).collect();
    println!("| workload | n | Ir at n | at 2n | at 4n | ratios | Ir for one |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    if measure_all(&workloads)? {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("twice as much costs more than {MOST} times as much, where it is bold");
    Ok(ExitCode::FAILURE)
}

/// Prints a line for each, as they are done: each core has one at a time. Returns whether costs are
/// linear.
fn measure_all(workloads: &[&Workload]) -> Result<bool, Box<dyn Error>> {
    let (next, is_good) = (AtomicUsize::new(0), AtomicBool::new(true));
    let work = || {
        while let Some(workload) = workloads.get(next.fetch_add(1, Ordering::Relaxed)) {
            let is_linear = measure(workload).map_err(|error| error.to_string())?;
            is_good.fetch_and(is_linear, Ordering::Relaxed);
        }
        Ok::<_, String>(())
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism()?.get();
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            worker.join().map_err(|_| "a worker has panicked")??;
        }
        Ok(is_good.load(Ordering::Relaxed))
    })
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
