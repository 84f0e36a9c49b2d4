//! Scenarios in which requests follow one another as fast as they are answered.

use std::time::Duration;

use mcp_benches::requests::{call_echo, call_tool, list_tools};

use crate::client::Exchange;
use crate::drive::drive;
use crate::recording::Recording;
use crate::server::{HYPER, Kind, Running, Server, THREADED};
use crate::system::Placement;
use crate::table::{Column, Table};
use crate::{BoxError, Plan};

/// With these, and the three that our server and that of rmcp have, there are fifty.
const TOOLS_MORE: usize = 47;

const COLUMNS: &[Column] = &[
    Column { title: "calls/s", decimals: 0, is_compared: true },
    Column { title: "CPU µs/call", decimals: 1, is_compared: true },
    Column { title: "p50 µs", decimals: 0, is_compared: true },
    Column { title: "p99 µs", decimals: 0, is_compared: true },
    Column { title: "slowest µs", decimals: 0, is_compared: false },
    Column { title: "load %", decimals: 0, is_compared: false },
];

/// A call that is answered by one JSON object, where the server does that.
pub(crate) fn call(plan: &Plan) -> Result<Table, BoxError> {
    let exchange = Exchange::new(call_echo("hello", false), &[r#""text":"hello""#]);
    let title = "call: tools/call, answered by an object";
    measure(plan, title, &plan.servers, &exchange, 0, Placement::Apart, HYPER)
}

/// A call that is answered by events: a report of progress, then the result.
pub(crate) fn call_sse(plan: &Plan) -> Result<Table, BoxError> {
    let exchange = Exchange::new(
        call_tool("echo-progress", "hello", true),
        &[r#""progressToken":1"#, r#""text":"hello""#],
    );
    let title = "call-sse: tools/call, answered by one report of progress and the result";
    measure(plan, title, &without_blocking(plan), &exchange, 0, Placement::Apart, HYPER)
}

/// A list of fifty tools.
pub(crate) fn list(plan: &Plan) -> Result<Table, BoxError> {
    let exchange = Exchange::new(list_tools(), &[r#""name":"tool-47""#]);
    let title = "list: tools/list of 50 tools";
    measure(plan, title, &without_blocking(plan), &exchange, TOOLS_MORE, Placement::Apart, HYPER)
}

/// What another thread brings, where the system may put everything anywhere.
pub(crate) fn threads(plan: &Plan) -> Result<Table, BoxError> {
    let exchange = Exchange::new(call_echo("hello", false), &[r#""text":"hello""#]);
    let title = "threads: tools/call, servers on one thread and on two, not pinned";
    let reference = THREADED[0].name;
    measure(plan, title, THREADED, &exchange, 0, Placement::Anywhere, reference)
}

fn without_blocking(plan: &Plan) -> Vec<Server> {
    plan.servers.iter().copied().filter(|server| server.kind != Kind::Blocking).collect()
}

fn measure(
    plan: &Plan,
    title: &str,
    servers: &[Server],
    exchange: &Exchange,
    more_tools: usize,
    placement: Placement,
    reference: &'static str,
) -> Result<Table, BoxError> {
    let recording = Recording::of_answer(&plan.cores, exchange, more_tools)?;
    let start = |server: &Server| server.start(&plan.cores, placement, &recording, more_tools);
    let running: Vec<Running> = servers.iter().map(start).collect::<Result<_, _>>()?;
    let mut rows: Vec<_> = running.iter().map(|server| (server.name, Vec::new())).collect();
    let failed = |server: &Running, error| format!("{}: {error}", server.name);
    for server in &running {
        let warm_up = plan.duration.min(Duration::from_secs(1));
        drive(server, exchange, warm_up).map_err(|error| failed(server, error))?;
    }
    for round in 1..=plan.rounds {
        eprintln!("{title}: round {round}");
        for (server, (_, rounds)) in running.iter().zip(&mut rows) {
            let driven = drive(server, exchange, plan.duration);
            let driven = driven.map_err(|error| failed(server, error))?;
            rounds.push(vec![
                driven.calls_per_second,
                driven.cpu_micros,
                driven.p50_micros,
                driven.p99_micros,
                driven.slowest_micros,
                driven.load_percent,
            ]);
        }
    }
    Ok(Table { title: title.into(), columns: COLUMNS, rows, reference })
}
