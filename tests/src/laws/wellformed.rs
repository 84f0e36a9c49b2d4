//! Law 6: every response is well-formed HTTP/1.1 and every JSON-RPC message in it valid for its
//! revision; an independent parser agrees on where it ends.

use super::exchanges::Exchanges;
use crate::http::{Framing, Response};
use crate::messages::{self, Ending};
use crate::script::{Gate, Mode, PAGE, Script, Step, With};
use crate::sent::Sent;
use crate::simulation::{Manners, Simulation, Trace};

/// Checks law 6.
pub fn check(script: &Script) {
    for manners in [Manners::PUSHY, Manners::POLITE] {
        check_trace(&Simulation::run(script, manners), script);
    }
}

fn check_trace(trace: &Trace, script: &Script) {
    let fed = trace.turns.last().map_or(0, |turn| turn.fed);
    let exchanges = Exchanges::read(&trace.turns, &trace.emitted, script, fed);
    let count = exchanges.responses.finals.len();
    let is_silence = |step: &Step| matches!(step, Step::Reply(_, With::Silence));
    let may_be_silent = script.steps.iter().any(is_silence);
    for (number, (response, request)) in exchanges.pairs().enumerate() {
        check_response(response, request, script);
        let is_last = number + 1 == count;
        assert!(is_last || !response.closes(), "a response behind the last");
        let ending = messages::check(response, request);
        if let Ending::Result(result) = &ending
            && result.contains("\"supportedVersions\"")
        {
            // What is said behind an authorizer is for those who are let in.
            let scope = if script.setup.gate == Gate::Open { "public" } else { "private" };
            assert!(result.contains(&format!("\"cacheScope\":\"{scope}\"")), "{result}");
        }
        let is_begun = script.setup.keeps_sessions
            && matches!(ending, Ending::Result(_))
            && request.message().is_some_and(|message| message.method == "initialize");
        assert_eq!(
            is_begun,
            response.field("mcp-session-id").is_some(),
            "a session without a name"
        );
        // A call may be cancelled, and its stream be taken over or end before it does.
        if response.is_complete && !may_be_silent && request.session.is_none() {
            assert_ne!(ending, Ending::Open, "a complete stream without a final message");
        }
    }
    let interim = exchanges.responses.interim;
    if interim > 0 {
        let request = exchanges.requests.get(count).expect("100 Continue belongs to a request");
        assert!(interim == 1 && request.expects_continue());
    }
}

fn check_response(response: &Response, request: &Sent, script: &Script) {
    assert!(response.interim <= usize::from(request.expects_continue()), "100 unasked for");
    let date = response.field("date");
    assert_eq!(date.is_some(), script.setup.has_clock);
    // Virtual time starts in that month, and goes on for hours at most.
    let is_date =
        |date: &str| date.len() == 29 && date.contains(" Nov 2023 ") && date.ends_with(" GMT");
    assert!(date.is_none_or(is_date), "{date:?}");
    assert_ne!((request.is_http11, response.framing), (false, Framing::Chunked));
    if request.is_http11 && request.has_head {
        assert_ne!(response.framing, Framing::UntilClose);
    }
    if !request.keeps_alive() || !request.has_head {
        assert!(response.closes(), "kept alive against the peer's will");
    } else if !request.is_http11 && !response.closes() {
        assert_eq!(response.field("connection"), Some("keep-alive"));
    }
    let is_empty = [202, 204].contains(&response.status);
    assert_eq!(is_empty, response.field("content-type").is_none());
    assert_eq!(is_empty, response.framing == Framing::Length(0));
    assert_eq!(response.status == 405, response.field("allow").is_some());
    // Origins are refused with 403, too.
    let may_be_challenged = [401, 403].contains(&response.status);
    assert!(may_be_challenged || response.field("www-authenticate").is_none());
    assert!(response.status != 401 || response.field("www-authenticate").is_some());
    if response.field("content-type") == Some("text/event-stream") {
        assert_eq!(response.status, 200, "a stream has no status of its own");
        let message = request.message().unwrap_or_default();
        let may_stream = request.is_for_other()
            || script.setup.mode != Mode::Json
            || request.method == "GET"
            || message.method == "subscriptions/listen";
        assert!(may_stream, "a stream, pinned to JSON");
        assert_eq!(response.field("cache-control"), Some("no-cache"));
    }
    let known = [
        "date",
        "content-type",
        "content-length",
        "transfer-encoding",
        "connection",
        "allow",
        "www-authenticate",
        "cache-control",
        "x-accel-buffering",
        "mcp-session-id",
    ];
    let of_cors = check_cors(response, request);
    for (name, _) in &response.fields {
        assert!(
            of_cors.contains(&name.as_str()) || known.contains(&name.as_str()),
            "an unknown field {name}"
        );
    }
    let refused = [400, 401, 403, 404, 405, 406, 408, 413, 414, 415, 417, 431, 500, 501, 503, 505];
    let is_known = [200, 202, 204].contains(&response.status) || refused.contains(&response.status);
    assert!(is_known, "an unknown status {}", response.status);
}

/// What a browser is told of pages on other sites (WHATWG Fetch, "CORS protocol"): which page may read
/// the response, and to a preflight, what it may send. Returns the names of the fields.
fn check_cors(response: &Response, request: &Sent) -> &'static [&'static str] {
    // Schemes and hosts are compared in any case, and told as they came.
    let origin = request.field("origin").filter(|origin| origin.eq_ignore_ascii_case(PAGE));
    let told = response.field("access-control-allow-origin");
    assert!(told.is_none() || told == origin, "{told:?} to a page of {origin:?}");
    assert_eq!(response.field("vary"), told.map(|_| "Origin"));
    // What stands before the origin is looked at is not told to anybody.
    let is_let_in = !matches!(response.status, 400 | 403 | 404 | 408 | 417 | 431 | 501 | 505);
    assert!(told.is_some() || origin.is_none() || !is_let_in, "a page is not told");
    let is_answer = response.field("access-control-allow-methods").is_some();
    let asks = request.field("access-control-request-method").is_some();
    let is_preflight = request.method == "OPTIONS" && asks && response.status == 204;
    assert_eq!(is_answer, is_preflight, "the answer to a preflight");
    match (told, is_answer) {
        (None, _) => &[],
        (Some(_), false) => {
            &["access-control-allow-origin", "access-control-expose-headers", "vary"]
        }
        (Some(_), true) => &[
            "access-control-allow-origin",
            "access-control-expose-headers",
            "access-control-allow-methods",
            "access-control-allow-headers",
            "access-control-max-age",
            "vary",
        ],
    }
}
