//! A law holds trivially on scripts in which nothing happens. So: do generated scripts reach every
//! state, every way to end, and every refusal?

use std::collections::BTreeMap;

use mcp_proto::{Event, Input, Instant, Output, Session};
use mcp_tests::generate::scripts;
use mcp_tests::http::Framing;
use mcp_tests::laws::exchanges::Exchanges;
use mcp_tests::script::{Mode, Pace, Setup, Size};
use mcp_tests::simulation::{Given, Manners, Seen, Simulation, Trace};
use mcp_tests::traffic::invalid_requests;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

#[test]
fn everything_happens() {
    let mut runner = TestRunner::deterministic();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let strategy = scripts();
    for _ in 0..2000 {
        let script = strategy.new_tree(&mut runner).expect("a script").current();
        let trace = Simulation::run(&script, Manners::PUSHY);
        for what in happenings(&trace, &script.stream) {
            *counts.entry(what).or_default() += 1;
        }
    }
    println!("{counts:#?}");
}

fn happenings(trace: &Trace, stream: &[u8]) -> std::collections::BTreeSet<String> {
    let mut all = std::collections::BTreeSet::new();
    for turn in &trace.turns {
        for output in &turn.outputs {
            all.insert(match output {
                Seen::Call(..) => "call".into(),
                Seen::Cancelled(_) => format!("cancelled on {:?}", turn.given),
                Seen::HandedOver(_) => format!("handed over on {:?}", turn.given),
                Seen::Event(Event::RequestLost(lost)) => format!("lost {:?} on {:?}", lost.stage, turn.given),
                Seen::Event(Event::Refused { refusal, .. }) => {
                    let name = format!("{refusal:?}");
                    name.split([' ', '{']).next().unwrap().to_string()
                }
                Seen::Event(other) => format!("{other:?}"),
                Seen::ShutdownWrite => "shutdown write".into(),
                Seen::Close => format!("close on {:?}", turn.given),
            });
        }
        if let Given::Reply(_, open) | Given::Notify(_, open) = turn.given {
            let name = if matches!(turn.given, Given::Reply(..)) { "reply" } else { "notify" };
            all.insert(format!("{name} {open} {}", !turn.emitted.is_empty()));
        }
    }
    let fed = trace.turns.last().unwrap().fed;
    let responses = Exchanges::read(&trace.turns, &trace.emitted, stream, fed).responses.finals;
    all.insert(format!("responses {}", responses.len()));
    for response in responses {
        all.insert(format!("framing {}", match response.framing { Framing::Length(_) => "length", Framing::Chunked => "chunked", Framing::UntilClose => "close" }));
        if response.interim > 0 { all.insert("interim".into()); }
        if response.messages().len() > 1 { all.insert("progress".into()); }
        all.insert(format!("status {}", response.status));
        if std::str::from_utf8(&response.body).unwrap().contains(": keep-alive") { all.insert("keepalive".into()); }
    }
    all
}

#[test]
fn every_refusal_is_provoked() {
    let setup = Setup {
        size: Size::Usual,
        pace: Pace::Quick,
        mode: Mode::Auto,
        answer_half_closed: false,
        has_clock: false,
    };
    let now = Instant::default().into();
    for (name, request) in invalid_requests() {
        let mut session = Session::new(setup.config(), now);
        session.handle(now, Input::Bytes(&request));
        let outputs = std::iter::from_fn(|| session.poll_output());
        let refusals: Vec<_> = outputs
            .filter_map(|output| match output {
                Output::Event(Event::Refused { refusal, .. }) => Some(format!("{refusal:?}")),
                _ => None,
            })
            .collect();
        assert!(refusals.len() == 1 && refusals[0].starts_with(name), "{refusals:?} for {name}");
    }
}
