//! The scenario in which many clients are there and nothing happens.

use std::thread::sleep;
use std::time::Duration;

use mcp_benches::requests::call_echo;

use crate::client::{Client, Exchange};
use crate::recording::Recording;
use crate::server::{HYPER, Kind, Running, Server};
use crate::subscription::{CLIENTS, Subscription};
use crate::system::Placement;
use crate::table::{Column, Table};
use crate::{BoxError, Plan};

/// As long as a server has to finish what it does after its last answer.
const SETTLE: Duration = Duration::from_millis(300);

const COLUMNS: &[Column] = &[
    Column { title: "at rest, KiB", decimals: 0, is_compared: true },
    Column { title: "bytes/idle connection", decimals: 0, is_compared: true },
    Column { title: "bytes/subscription", decimals: 0, is_compared: true },
];

/// What a server holds of each client: of one that has had an answer, and of one that listens. It is
/// measured once, whatever the rounds; what the system holds of a socket is not part of it.
pub(crate) fn memory(plan: &Plan) -> Result<Table, BoxError> {
    let call = Exchange::new(call_echo("hello", false), &[r#""text":"hello""#]);
    let subscription = Subscription::new();
    let recording = Recording::of_answer(&plan.cores, &call, 0)?;
    let recording = recording.and_stream(&plan.cores, &subscription)?;
    let mut rows = Vec::new();
    for server in plan.servers.iter().filter(|server| server.kind != Kind::Blocking) {
        eprintln!("memory: {}", server.name);
        let measured = measure(plan, server, &recording, &call, &subscription);
        rows.push((server.name, vec![measured.map_err(|e| format!("{}: {e}", server.name))?]));
    }
    let title = format!("memory: resident set, with {CLIENTS} clients of each kind");
    Ok(Table { title, columns: COLUMNS, rows, reference: HYPER })
}

fn measure(
    plan: &Plan,
    server: &Server,
    recording: &Recording,
    call: &Exchange,
    subscription: &Subscription,
) -> Result<Vec<f64>, BoxError> {
    let start = || -> Result<(Running, u64), BoxError> {
        let running = server.start(&plan.cores, Placement::Apart, recording, 0)?;
        // Once, so that what is needed for the first request counts as its own.
        Client::connect(running.address)?.call(call)?;
        sleep(SETTLE);
        let at_rest = running.resident_bytes()?;
        Ok((running, at_rest))
    };
    let each = |running: &Running, at_rest: u64| -> Result<f64, BoxError> {
        sleep(SETTLE);
        Ok((running.resident_bytes()? as f64 - at_rest as f64) / CLIENTS as f64)
    };

    let (running, at_rest) = start()?;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = Client::connect(running.address)?;
        client.call(call)?;
        clients.push(client);
    }
    let idle = each(&running, at_rest)?;
    drop(clients);
    drop(running);
    if server.kind == Kind::HyperFixed {
        return Ok(vec![at_rest as f64 / 1024.0, idle, f64::NAN]);
    }

    let (running, at_rest) = start()?;
    let clients = subscription.open_all(&running)?;
    let subscribed = each(&running, at_rest)?;
    drop(clients);
    Ok(vec![at_rest as f64 / 1024.0, idle, subscribed])
}
