//! A law holds trivially on scripts in which nothing happens. So: do generated scripts reach every
//! state, every way to end, and every refusal?

use std::collections::BTreeMap;

use mcp_proto::{Event, Input, Instant, Output, Session};
use mcp_tests::generate::scripts;
use mcp_tests::http::Response;
use mcp_tests::laws::exchanges::Exchanges;
use mcp_tests::messages::{self, Ending};
use mcp_tests::script::{Gate, Mode, Pace, Script, Setup, Size};
use mcp_tests::sent::{Kind, Sent};
use mcp_tests::simulation::{Given, Manners, Seen, Simulation, Trace};
use mcp_tests::traffic::invalid_requests;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// What at least one of five thousand scripts must come to.
const EVERYTHING: &str = "
    authorize, authorization cancelled, authorization that counts, authorization that does not,
    lost InAuthorization, refused SlowAuthorization, status 401, status 403, status 500, status 503,
    call, cancelled, handed over, subscription, change, end of subscription, question, extension, closed, half-closed by us,
    reply that counts, reply that does not, progress, keep-alive comment,
    lost InHead, lost InBody, lost InCall, lost InResponse, refused SlowHead, refused SlowBody,
    batch in one array, batch in a stream, answer to a batch out of order, batch of notifications,
    error for a member, several cancelled, several handed over, refused UnknownBatch,
    refused EmptyBatch, refused BatchTooLarge { limit: 2 }, refused UnknownSession,
    session, priming event, stream of a session, resumed stream, question in a session,
    question taken back, log, change in a session,
    resource in a session, refused UnknownSession, refused SessionExists, refused UnknownEvent,
    refused MissingSessionId, status 204, page of another origin, preflight,
    framing Chunked, framing UntilClose, 100 Continue, four responses,
    status 200, status 202, status 400, status 404, status 405, status 408, status 413, status 431
";

#[test]
fn everything_happens() {
    let mut runner = TestRunner::deterministic();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..5000 {
        let script = scripts().new_tree(&mut runner).expect("a script").current();
        let trace = Simulation::run(&script, Manners::PUSHY);
        for what in happenings(&trace, &script) {
            *counts.entry(what).or_default() += 1;
        }
    }
    let mut never = EVERYTHING.trim().split(',').map(str::trim).collect::<Vec<_>>();
    never.retain(|what| !counts.contains_key(*what));
    assert!(never.is_empty(), "{never:?} never happens: {counts:#?}");
}

fn happenings(trace: &Trace, script: &Script) -> Vec<String> {
    let mut all = Vec::new();
    for turn in &trace.turns {
        match turn.given {
            Given::Reply(_, true) => all.push("reply that counts".into()),
            Given::Authorized(_, true) => all.push("authorization that counts".into()),
            Given::Authorized(_, false) => all.push("authorization that does not".into()),
            Given::Reply(_, false) => all.push("reply that does not".into()),
            _ => {}
        }
        let count = |is: fn(&Seen) -> bool| turn.outputs.iter().filter(|seen| is(seen)).count();
        if count(|seen| matches!(seen, Seen::Cancelled(_))) > 1 {
            all.push("several cancelled".into());
        }
        if count(|seen| matches!(seen, Seen::HandedOver(_))) > 1 {
            all.push("several handed over".into());
        }
        for output in &turn.outputs {
            all.push(match output {
                Seen::Authorize(..) => "authorize".into(),
                Seen::AuthorizationCancelled(_) => "authorization cancelled".into(),
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
    let exchanges = Exchanges::read(&trace.turns, &trace.emitted, script, fed);
    all.extend(exchanges.pairs().flat_map(|(response, request)| of_batch(response, request)));
    let is_resumed = |(response, request): (&Response, &Sent)| {
        response.status == 200 && request.field("last-event-id").is_some()
    };
    if exchanges.pairs().any(is_resumed) {
        all.push("resumed stream".into());
    }
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
        for (field, what) in [
            ("access-control-allow-origin", "page of another origin"),
            ("access-control-max-age", "preflight"),
        ] {
            all.extend(response.field(field).map(|_| what.into()));
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
        all.extend(of_session(&response));
        if response.body.starts_with(b": keep-alive") {
            all.push("keep-alive comment".into());
        }
    }
    all
}

/// What happens in a session.
fn of_session(response: &Response) -> Vec<String> {
    let mut all = Vec::new();
    if response.field("mcp-session-id").is_some() {
        all.push("session".into());
    }
    let events = response.events();
    if events.iter().any(|event| event.data.is_empty()) {
        all.push("priming event".into());
    }
    if events.iter().any(|event| event.id.is_some_and(|(_, number)| number > 1)) {
        all.push("stream of a session".into());
    }
    let in_session =
        |sign: &str| events.iter().any(|event| event.id.is_some() && event.data.contains(sign));
    for (sign, what) in [
        ("\"method\":\"ping\"", "question in a session"),
        ("notifications/cancelled", "question taken back"),
        ("notifications/message", "log"),
        ("notifications/tools/list_changed", "change in a session"),
        ("notifications/resources/updated", "resource in a session"),
    ] {
        if in_session(sign) {
            all.push(what.into());
        }
    }
    all
}

/// What happens to a batch.
fn of_batch(response: &Response, request: &Sent) -> Vec<String> {
    let Some(members) = request.batch() else {
        return Vec::new();
    };
    let mut all = Vec::new();
    let is_stream = response.field("content-type") == Some("text/event-stream");
    if response.status == 202 && members.iter().all(|member| member.kind == Kind::Silent) {
        all.push("batch of notifications".into());
    }
    if let Ending::Batch(endings) = messages::check(response, request) {
        let array = if is_stream { "batch in a stream" } else { "batch in one array" };
        all.push(array.into());
        if !endings.is_sorted_by_key(|(at, _)| *at) {
            all.push("answer to a batch out of order".into());
        }
        if endings.iter().any(|(_, ending)| matches!(ending, Ending::Error(_))) {
            all.push("error for a member".into());
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
        keeps_sessions: true,
        gate: Gate::Open,
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
