//! The scenario in which one change is told to many who listen.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::drive::Readiness;
use crate::recording::Recording;
use crate::server::{Kind, RAW, Server};
use crate::subscription::{CLIENTS, Subscription};
use crate::system::{Placement, cpu_time};
use crate::table::{Column, Table};
use crate::{BoxError, Plan};

const COLUMNS: &[Column] = &[
    Column { title: "CPU ms/change", decimals: 1, is_compared: true },
    Column { title: "CPU µs/listener", decimals: 2, is_compared: true },
    Column { title: "all told after, ms", decimals: 1, is_compared: true },
    Column { title: "changes", decimals: 0, is_compared: false },
];

/// What it costs to tell all of a change, and how long it takes until the last knows.
pub(crate) fn fan_out(plan: &Plan) -> Result<Table, BoxError> {
    let subscription = Subscription::new();
    let recording = Recording::of_answer(&plan.cores, &subscription.change, 0)?;
    let recording = recording.and_stream(&plan.cores, &subscription)?;
    let has_streams = |kind| !matches!(kind, Kind::Blocking | Kind::HyperFixed);
    let servers = || plan.servers.iter().filter(|server| has_streams(server.kind));
    let mut rows: Vec<_> = servers().map(|server| (server.name, Vec::new())).collect();
    for round in 1..=plan.rounds {
        eprintln!("fan-out: round {round}");
        for (server, (_, rounds)) in servers().zip(&mut rows) {
            let measured = measure(plan, server, &recording, &subscription);
            rounds.push(measured.map_err(|error| format!("{}: {error}", server.name))?);
        }
    }
    let title = format!("fan-out: one change, told to {CLIENTS} who listen");
    Ok(Table { title, columns: COLUMNS, rows, reference: RAW })
}

fn measure(
    plan: &Plan,
    server: &Server,
    recording: &Recording,
    subscription: &Subscription,
) -> Result<Vec<f64>, BoxError> {
    let running = server.start(&plan.cores, Placement::Apart, recording, 0)?;
    let mut listeners = subscription.open_all(&running)?;
    let mut readiness = Readiness::of(&listeners)?;
    let mut control = Client::connect(running.address)?;
    // A server may still be on its way to listen for changes itself, having said so.
    sleep(Duration::from_millis(300));
    change_once(&mut control, &mut listeners, &mut readiness, subscription)?;

    let before = cpu_time(&running.process())?;
    let start = Instant::now();
    let mut told_after = Vec::new();
    while start.elapsed() < plan.duration {
        let took = change_once(&mut control, &mut listeners, &mut readiness, subscription)?;
        told_after.push(took.as_secs_f64());
    }
    let cpu = (cpu_time(&running.process())? - before).as_secs_f64();
    let changes = told_after.len() as f64;
    Ok(vec![
        cpu * 1e3 / changes,
        cpu * 1e6 / changes / CLIENTS as f64,
        told_after.iter().sum::<f64>() * 1e3 / changes,
        changes,
    ])
}

/// Makes a change. Returns how long it took until it was answered and all had been told.
fn change_once(
    control: &mut Client,
    listeners: &mut [Client],
    readiness: &mut Readiness,
    subscription: &Subscription,
) -> Result<Duration, BoxError> {
    let mut buffer = [0; 4096];
    let mut untold = listeners.len();
    control.send(&subscription.change)?;
    while untold > 0 {
        for at in readiness.wait().map_err(|error| format!("{untold} are not told: {error}"))? {
            let listener = &mut listeners[at];
            if listener.receive(&mut buffer)? {
                return Err("a stream has ended".into());
            }
            let body = listener.response.body();
            if subscription.changed.is_answered_by(body) && body.ends_with(b"\n\n") {
                listener.response.forget();
                untold -= 1;
            }
        }
    }
    while !control.receive(&mut buffer)? {}
    Ok(control.sent_at.elapsed())
}
