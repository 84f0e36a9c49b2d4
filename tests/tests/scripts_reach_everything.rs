//! A law holds trivially on scripts in which nothing happens. So: do generated scripts reach every
//! state, every way to end, and every refusal?

use std::collections::BTreeMap;

use mcp_proto::{Event, Input, Instant, Output, Session};
use mcp_tests::generate::scripts;
use mcp_tests::laws::exchanges::Exchanges;
use mcp_tests::script::{Mode, Pace, Setup, Size};
use mcp_tests::simulation::{Given, Manners, Seen, Simulation, Trace};
use mcp_tests::traffic::invalid_requests;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// What at least one of a thousand scripts must come to.
const EVERYTHING: &str = "
    call, cancelled, handed over, subscription, change, end of subscription, question, extension, closed, half-closed by us,
    reply that counts, reply that does not, progress, keep-alive comment,
    lost InHead, lost InBody, lost InCall, lost InResponse, refused SlowHead, refused SlowBody,
    framing Chunked, framing UntilClose, 100 Continue, four responses,
    status 200, status 202, status 400, status 404, status 405, status 408, status 413, status 431
";

#[test]
fn everything_happens() {
    let mut runner = TestRunner::deterministic();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..1000 {
        let script = scripts().new_tree(&mut runner).expect("a script").current();
        let trace = Simulation::run(&script, Manners::PUSHY);
        for what in happenings(&trace, &script.stream) {
            *counts.entry(what).or_default() += 1;
        }
    }
    for what in EVERYTHING.trim().split(',').map(str::trim) {
        assert!(counts.contains_key(what), "{what} never happens: {counts:#?}");
    }
}

fn happenings(trace: &Trace, stream: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    for turn in &trace.turns {
        match turn.given {
            Given::Reply(_, true) => all.push("reply that counts".into()),
            Given::Reply(_, false) => all.push("reply that does not".into()),
            _ => {}
        }
        for output in &turn.outputs {
            all.push(match output {
                Seen::Call(..) => "call".into(),
                Seen::Cancelled(_) => "cancelled".into(),
                Seen::HandedOver(_) => "handed over".into(),
                Seen::Event(Event::RequestLost(lost)) => format!("lost {:?}", lost.stage),
                Seen::Event(Event::Refused { refusal, .. }) => format!("refused {refusal:?}"),
                Seen::Event(Event::StreamEnded { .. }) => "end of subscription".into(),
                Seen::Event(other) => format!("{other:?}"),
                Seen::ShutdownWrite => "half-closed by us".into(),
                Seen::Close => "closed".into(),
            });
        }
    }
    let fed = trace.turns.last().map_or(0, |turn| turn.fed);
    let exchanges = Exchanges::read(&trace.turns, &trace.emitted, stream, fed);
    let responses = exchanges.responses.finals;
    if responses.len() >= 4 {
        all.push("four responses".into());
    }
    for response in responses {
        all.push(format!("status {}", response.status));
        all.push(format!("framing {:?}", response.framing));
        if response.interim > 0 {
            all.push("100 Continue".into());
        }
        if response.messages().iter().any(|json| json.contains("notifications/progress")) {
            all.push("progress".into());
        }
        for (sign, what) in [
            ("subscriptions/acknowledged", "subscription"),
            ("list_changed", "change"),
            ("input_required", "question"),
            ("\"lines\":", "extension"),
        ] {
            if response.messages().iter().any(|json| json.contains(sign)) {
                all.push(what.into());
            }
        }
        if response.body.starts_with(b": keep-alive") {
            all.push("keep-alive comment".into());
        }
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
