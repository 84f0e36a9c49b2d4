//! Puts the toolkit's servers and others under the same load, and prints what that costs them.
//!
//! ```sh
//! cargo build --release --manifest-path benches/side-by-side/Cargo.toml --bins
//! alias load=benches/side-by-side/target/release/load
//! load                                              # all scenarios, a quarter of an hour
//! load call list --rounds 1 --seconds 1             # two of them, in a hurry
//! load fan-out --servers smol,tokio,raw-fixed       # some servers
//! ```
//!
//! Servers run on one core and the load on another, on a machine that should do nothing else. The
//! numbers are medians of the rounds; in brackets, the ratio to `hyper-fixed`; to `raw-fixed` for
//! `fan-out`, to `smol` for `threads`.

mod client;
mod drive;
mod fan_out;
mod framing;
mod memory;
mod recording;
mod server;
mod subscription;
mod system;
mod table;
mod throughput;

use std::time::Duration;

use server::{SERVERS, Server};
use subscription::CLIENTS;
use system::Cores;
use table::Table;

type BoxError = Box<dyn std::error::Error>;

type Scenario = fn(&Plan) -> Result<Table, BoxError>;

const SCENARIOS: &[(&str, Scenario)] = &[
    ("call", throughput::call),
    ("call-sse", throughput::call_sse),
    ("list", throughput::list),
    ("memory", memory::memory),
    ("fan-out", fan_out::fan_out),
    ("threads", throughput::threads),
];

fn main() -> Result<(), BoxError> {
    let (plan, scenarios) = parse_arguments()?;
    let descriptors = system::raise_descriptors()?;
    // Some are open already, and there is another client that makes changes.
    if descriptors < CLIENTS as u64 + 100 {
        eprintln!(
            "only {descriptors} descriptors are allowed: scenarios with many clients will fail"
        );
    }
    if !plan.cores.are_enough() {
        eprintln!("there is one core: servers and load share it");
    }
    println!("{}\n", system::describe_machine()?);
    println!("{} rounds of {} s\n", plan.rounds, plan.duration.as_secs_f64());
    for scenario in scenarios {
        println!("{}", scenario(&plan)?.to_markdown());
    }
    Ok(())
}

/// What all scenarios go by.
struct Plan {
    servers: Vec<Server>,
    rounds: usize,
    duration: Duration,
    cores: Cores,
}

fn parse_arguments() -> Result<(Plan, Vec<Scenario>), BoxError> {
    use lexopt::prelude::*;

    let mut scenarios = Vec::new();
    let mut rounds = 5;
    let mut seconds = 3.0;
    let mut servers = SERVERS.to_vec();
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("rounds") => rounds = arguments.value()?.parse()?,
            Long("seconds") => seconds = arguments.value()?.parse()?,
            Long("servers") => servers = find_servers(&arguments.value()?.string()?)?,
            Value(name) => scenarios.push(find_scenario(&name.string()?)?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    if scenarios.is_empty() {
        scenarios = SCENARIOS.iter().map(|(_, scenario)| *scenario).collect();
    }
    if rounds == 0 {
        return Err("there must be a round".into());
    }
    let duration = Duration::try_from_secs_f64(seconds)?;
    Ok((Plan { servers, rounds, duration, cores: Cores::find()? }, scenarios))
}

fn find_servers(names: &str) -> Result<Vec<Server>, BoxError> {
    let find = |name| SERVERS.iter().copied().find(|server| server.name == name);
    let all = || SERVERS.iter().map(|server| server.name).collect::<Vec<_>>().join(", ");
    let unknown = |name| format!("no server is called {name:?}, but {}", all());
    Ok(names
        .split(',')
        .map(|name| find(name).ok_or_else(|| unknown(name)))
        .collect::<Result<_, _>>()?)
}

fn find_scenario(name: &str) -> Result<Scenario, BoxError> {
    let found = SCENARIOS.iter().find(|(known, _)| *known == name);
    let all = || SCENARIOS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let scenario = found.map(|(_, scenario)| *scenario);
    Ok(scenario.ok_or_else(|| format!("no scenario is called {name:?}, but {}", all()))?)
}
