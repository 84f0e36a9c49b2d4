//! Storms a server with clients that do everything wrong, and shows that nothing is left of them.
//!
//! `cargo run --release -p mcp-tests --example chaos -- --runtime smol --seconds 60 --seed 1`
//!
//! The server is a process of its own, this program once more. A short storm comes first, for what
//! is only made once; then it must have as many descriptors and threads after the long storm as
//! before, and no more memory but for [`NOISE_KIB`]. All the while, a well-behaved client is served
//! as if it were alone. Meant for Linux, whose account of processes it reads.

mod clients;
mod process;
mod server;
mod storm;

// Only the names of its tests and clients are needed.
#[path = "../../tests/common/mod.rs"]
mod common;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use common::process::cpu;
use process::Process;
use storm::Storm;

/// How much more memory the server may take after the long storm than after the short one.
const NOISE_KIB: u64 = 2 * 1024;

/// How long it may take until nothing is left of the clients: the longest of the server's deadlines
/// one after the other.
const SETTLED_WITHIN: Duration = Duration::from_secs(20);

/// How much of a second a server may work when nobody is there.
const IDLE_CPU: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let options = match Options::parse() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\nchaos --runtime smol|tokio|blocking [--seconds N] [--seed S]");
            return ExitCode::FAILURE;
        }
    };
    if options.serves {
        server::serve(&options.runtime);
        return ExitCode::SUCCESS;
    }
    let problems = run(&options);
    for problem in &problems {
        println!("FAILED: {problem}");
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns what is wrong.
fn run(options: &Options) -> Vec<String> {
    let Options { runtime, seconds, seed, .. } = options;
    println!("chaos on {runtime} for {seconds} s with seed {seed}");
    let length = Duration::from_secs(*seconds);
    let warm_up = (length / 4).clamp(Duration::from_secs(2), Duration::from_secs(20));
    let process = Process::start(runtime);
    let mut problems = Vec::new();

    problems.extend(Storm::run(&process, warm_up, !seed).problems);
    problems.extend(settle(&process));
    let before = process.quiet_account();

    let own_cpu = cpu(std::process::id());
    let storm = Storm::run(&process, length, *seed);
    problems.extend(storm.problems);
    let own_cpu = cpu(std::process::id()) - own_cpu;
    let server_cpu = process.account().cpu - before.cpu;
    problems.extend(settle(&process));
    let after = process.quiet_account();

    println!("{}", storm.summary);
    println!("CPU time: server {server_cpu:.1?}, clients {own_cpu:.1?}");
    for (what, before, after, slack) in [
        ("descriptors", before.descriptors, after.descriptors, 0),
        ("threads", before.threads, after.threads, 0),
        ("resident KiB", before.resident_kib, after.resident_kib, NOISE_KIB),
    ] {
        println!("{what}: {before} before, {after} after");
        if after > before + slack {
            problems.push(format!("{what}: {before} before, {after} after"));
        }
    }
    let idle = process.account().cpu;
    std::thread::sleep(Duration::from_secs(1));
    let idle = process.account().cpu - idle;
    if idle > IDLE_CPU {
        problems.push(format!("works for {idle:?} in a second in which nobody is there"));
    }
    println!("log: {} warnings", process.warnings());
    problems.extend(process.complaints().into_iter().map(|line| format!("logged: {line}")));
    problems.extend(process.stop());
    problems
}

/// Waits until nothing is left of the clients.
fn settle(process: &Process) -> Option<String> {
    let begun = Instant::now();
    loop {
        let left = match process.left() {
            Ok(left) if left.is_empty() => return None,
            Ok(left) => left,
            Err(error) => format!("does not answer: {error}"),
        };
        if begun.elapsed() > SETTLED_WITHIN {
            return Some(format!("{left}, {SETTLED_WITHIN:?} after all clients have gone"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

struct Options {
    runtime: String,
    seconds: u64,
    seed: u64,
    /// Whether this process is the server.
    serves: bool,
}

impl Options {
    fn parse() -> Result<Self, lexopt::Error> {
        use lexopt::prelude::*;

        let mut options = Self { runtime: "smol".into(), seconds: 30, seed: 1, serves: false };
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("runtime") => options.runtime = arguments.value()?.string()?,
                Long("seconds") => options.seconds = arguments.value()?.parse()?,
                Long("seed") => options.seed = arguments.value()?.parse()?,
                Long("serve") => options.serves = true,
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(options)
    }
}
