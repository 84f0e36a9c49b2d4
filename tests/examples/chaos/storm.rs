//! Clients on a few threads, a well-behaved one beside them, and what has become of them all.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::clients::{Answer, Client, Held, KINDS, call};
use crate::common::client::{ToolCall, Wire};
use crate::common::random::Random;
use crate::process::Process;

const THREADS: u64 = 24;

/// How long the well-behaved client may have to wait, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two of its calls.
const PAUSE: Duration = Duration::from_millis(10);

/// Those that wait for what they have asked for, which hardly one in a hundred may miss.
const SERVED: [&str; 8] = [
    "answers",
    "batches",
    "calls",
    "half-closes",
    "listens",
    "pipelines",
    "sessions",
    "slow bytes",
];

/// How many problems are told.
const KEPT: usize = 20;

pub(crate) struct Storm {
    pub(crate) problems: Vec<String>,
    pub(crate) summary: String,
}

/// What became of the clients of one kind.
#[derive(Clone, Copy, Default)]
struct Tally {
    begun: u64,
    /// How many the server hung up on, or kept waiting for longer than they cared.
    cut: u64,
    /// How long they took.
    time: Duration,
}

/// What one thread has seen.
#[derive(Default)]
struct Seen {
    tallies: BTreeMap<&'static str, Tally>,
    problems: Vec<String>,
}

/// What the well-behaved client has seen.
#[derive(Default)]
struct Calm {
    calls: u64,
    longest: Duration,
    problems: Vec<String>,
}

impl Storm {
    pub(crate) fn run(process: &Process, length: Duration, seed: u64) -> Self {
        let until = Instant::now() + length;
        let (is_over, totals) = (AtomicBool::new(false), Totals::default());
        let (seen, calm) = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let totals = &totals;
                    // Far apart, as neighbours begin alike.
                    let random = Random((seed ^ thread).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                    scope.spawn(move || storm(process, totals, random, until))
                })
                .collect();
            let calm = scope.spawn(|| stay_calm(process, &is_over));
            let seen = threads.into_iter().map(|thread| {
                thread.join().unwrap_or_else(|_| Seen {
                    problems: vec!["a thread of clients has panicked".into()],
                    ..Seen::default()
                })
            });
            let seen: Vec<_> = seen.collect();
            is_over.store(true, Ordering::Relaxed);
            (seen, calm.join().unwrap())
        });
        let mut tallies: BTreeMap<_, Tally> = BTreeMap::new();
        for (kind, tally) in seen.iter().flat_map(|seen| &seen.tallies) {
            let sum = tallies.entry(kind).or_default();
            sum.begun += tally.begun;
            sum.cut += tally.cut;
            sum.time += tally.time;
        }
        let mut summary = format!(
            "connections: {}, requests: {}, resets: {}, FINs: {}\n",
            totals.connections.load(Ordering::Relaxed),
            totals.requests.load(Ordering::Relaxed),
            totals.resets.load(Ordering::Relaxed),
            totals.fins.load(Ordering::Relaxed),
        );
        for (kind, Tally { begun, cut, time }) in &tallies {
            summary += &format!("{kind:>12}: {begun:>7}, of which cut: {cut}, in {time:.1?}\n");
        }
        let unserved = tallies
            .iter()
            .filter(|(kind, tally)| SERVED.contains(kind) && tally.cut > tally.begun / 100);
        let unserved: Vec<_> = unserved.map(|(kind, _)| format!("{kind}: many were cut")).collect();
        let Calm { calls, longest, .. } = calm;
        summary += &format!("well-behaved: {calls:>7}, longest wait: {longest:.1?}");
        let problems = seen.into_iter().flat_map(|seen| seen.problems).chain(calm.problems);
        let problems = unserved.into_iter().chain(problems);
        Self { problems: problems.take(KEPT).collect(), summary }
    }
}

/// Counts of all threads.
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) connections: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) resets: AtomicU64,
    pub(crate) fins: AtomicU64,
}

fn storm(process: &Process, totals: &Totals, random: Random, until: Instant) -> Seen {
    let mut seen = Seen::default();
    let mut client = Client { address: process.address, totals, random };
    let mut held = Held::default();
    while Instant::now() < until {
        let (kind, run) = client.random.pick(KINDS);
        let tally = seen.tallies.entry(kind).or_default();
        tally.begun += 1;
        let begun = Instant::now();
        let result = run(&mut client, &mut held);
        tally.time += begun.elapsed();
        match result {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                seen.problems.push(format!("{kind}: {error}"));
            }
            Err(_) => tally.cut += 1,
        }
        held.let_go(&mut client);
    }
    seen
}

/// Calls again and again, on connections that are kept and on new ones.
fn stay_calm(process: &Process, is_over: &AtomicBool) -> Calm {
    let mut calm = Calm::default();
    let mut kept = None;
    while !is_over.load(Ordering::Relaxed) {
        let message = format!("call {}", calm.calls);
        let wire = [Wire::Modern, Wire::Legacy][calm.calls as usize / 2 % 2];
        let arguments = json!({"message": message});
        let begun = Instant::now();
        let answer = match kept.take() {
            Some(stream) => Answer::to(stream, &ToolCall::new(wire, "echo", arguments)),
            None => call(process.address, wire, "echo", arguments),
        };
        calm.calls += 1;
        match answer.and_then(|answer| Ok((answer.stream_to_keep(), answer.text()?))) {
            Ok((stream, text)) if text == message => kept = stream.filter(|_| calm.calls % 7 != 0),
            Ok((_, text)) => calm.problems.push(format!("{message} is answered {text:?}")),
            Err(error) => calm.problems.push(format!("{message} fails: {error}")),
        }
        let wait = begun.elapsed();
        if wait > PATIENCE {
            calm.problems.push(format!("{message} takes {wait:?}"));
        }
        calm.longest = calm.longest.max(wait);
        std::thread::sleep(PAUSE);
    }
    calm
}
