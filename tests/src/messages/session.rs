//! Checks what only sessions have: the ids of events, and messages that are about no request.

use super::{Ending, check_progress, ending_of, is_string, message_of, object, only, raw};
use crate::http::Response;
use crate::sent::{Members, Message, Sent};

use mcp_proto::Revision;

/// Checks the ids of the events in a response: those of one stream, one after the other.
pub(super) fn check_events(response: &Response, request: &Sent) {
    let events = response.events();
    let Some(revision) = request.session else {
        assert!(events.iter().all(|event| event.id.is_none()), "an id without a session");
        return;
    };
    if response.field("content-type") != Some("text/event-stream") {
        return;
    }
    // What the hub answers by itself has no stream there.
    const OF_HUB: [&str; 4] =
        ["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];
    let has_no_id = events.iter().all(|event| event.id.is_none());
    // Without a call, a batch has no stream; in a shutdown, none is opened.
    if has_no_id && (request.batch().is_some() || request.method == "GET" && events.is_empty()) {
        return;
    }
    // What stands in the body of a GET is no message.
    let message = request.message().filter(|_| request.method == "POST").unwrap_or_default();
    if OF_HUB.contains(&&*message.method) {
        assert!(has_no_id, "an id without a stream");
        return;
    }
    let last_seen = request.field("last-event-id").filter(|_| request.method == "GET");
    // 2025-11-25, basic/transports: a stream begins with an id to come back to.
    let is_primed = revision >= Revision::V2025_11_25 && last_seen.is_none();
    let primings = events.iter().filter(|event| event.data.is_empty()).count();
    assert_eq!(primings, usize::from(is_primed), "priming events of {revision}");
    assert!(!is_primed || events[0].data.is_empty(), "a stream begins otherwise");
    let mut last = last_seen.map(|id| {
        let (stream, number) = id.split_once('-').expect("an id that was accepted");
        let read = |digits: &str| digits.parse::<u64>().expect("an id that was accepted");
        (read(stream), read(number))
    });
    let mut is_first = true;
    for event in events {
        let Some((stream, number)) = event.id else {
            let is_cut = event.data.contains("shutting down");
            assert!(is_cut || request.batch().is_some(), "an event without an id: {}", event.data);
            continue;
        };
        match last {
            Some((of, _)) if of != stream => panic!("an event of stream {stream} on {of}"),
            // What has been forgotten is left out.
            Some((_, before)) if last_seen.is_some() && is_first => assert!(number > before),
            Some((_, before)) => assert_eq!(number, before + 1),
            None => assert_eq!(number, u64::from(!is_primed)),
        }
        (last, is_first) = (Some((stream, number)), false);
    }
}

/// Checks a stream that the client has opened, to listen or to come back to another.
pub(super) fn check_opened(response: &Response, request: &Sent) -> Ending {
    let is_resumed = request.field("last-event-id").is_some();
    let mut questions = Vec::new();
    for json in response.messages() {
        let message = message_of(json);
        let params = || object(&message, "params");
        let is_change = ["_changed\"", "/updated\""].iter().any(|sign| json.contains(sign));
        assert!(request.is_initialized || !is_change, "{json} before the client is initialized");
        match raw(&message, "method") {
            Some("\"notifications/tools/list_changed\"") => {
                only(&message, &["jsonrpc", "method"]);
            }
            Some("\"notifications/resources/updated\"") => {
                only(&params(), &["uri"]);
                assert!(is_string(&params(), "uri"));
            }
            Some("\"notifications/progress\"") if is_resumed => {
                let token = raw(&params(), "progressToken").map(str::to_owned);
                let asked = Message { progress_token: token, ..Message::default() };
                check_progress(&message, &asked);
            }
            None if is_resumed => drop(ending_of(&message)),
            Some(_) if is_resumed => {
                // The question may have been asked before.
                questions.extend(cancelled(&message));
                check_message(&message, request, &mut questions);
            }
            other => panic!("{other:?} on a stream that a client listens to"),
        }
    }
    Ending::Empty
}

/// Whether it is about no request in particular.
pub(super) fn is_of_session(message: &Members) -> bool {
    let method = raw(message, "method");
    let is_change = |method: &str| {
        method.contains("/progress") || method.contains("_changed") || method.contains("/updated")
    };
    let is_subscription = |method: &str| method.contains("/acknowledged");
    method.is_some_and(|method| !is_change(method) && !is_subscription(method))
}

/// Checks a line for the log, a question to the client, or that it was taken back.
pub(super) fn check_message(message: &Members, request: &Sent, questions: &mut Vec<String>) {
    assert!(request.session.is_some(), "{message:?} without a session");
    match raw(message, "method").unwrap_or_default() {
        "\"notifications/message\"" => {
            only(message, &["jsonrpc", "method", "params"]);
            let params = object(message, "params");
            only(&params, &["level", "logger", "data"]);
            assert_eq!(raw(&params, "level"), Some("\"info\""));
        }
        "\"notifications/cancelled\"" => {
            only(message, &["jsonrpc", "method", "params"]);
            let question = cancelled(message).expect("what is taken back");
            let at = questions.iter().position(|other| *other == question);
            questions.swap_remove(at.unwrap_or_else(|| panic!("{question} was not asked")));
        }
        method @ ("\"ping\"" | "\"roots/list\"" | "\"elicitation/create\"") => {
            only(message, &["jsonrpc", "id", "method", "params"]);
            let needs_params = method == "\"elicitation/create\"";
            assert!(!needs_params || message.contains_key("params"), "{message:?}");
            let id = raw(message, "id").expect("a question has an id").to_owned();
            assert!(id.parse::<u64>().is_ok() && !questions.contains(&id), "asked as {id}");
            questions.push(id);
        }
        other => panic!("{other} in the response to a request"),
    }
}

/// The question that a notification takes back.
fn cancelled(message: &Members) -> Option<String> {
    let is_cancelled = raw(message, "method") == Some("\"notifications/cancelled\"");
    is_cancelled.then(|| raw(&object(message, "params"), "requestId").map(str::to_owned))?
}
