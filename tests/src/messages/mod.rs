//! Checks the JSON-RPC messages that a server has sent against the schema of their revision, as
//! far as this server uses it. Anything invalid is a panic that says so.

mod batch;
mod results;
mod session;

use serde_json::value::RawValue;

use crate::http::Response;
use crate::sent::{Members, Message, Sent, members_of};

/// How a response ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It has not: the final message is still to come.
    Open,
    /// Nothing was to be said.
    Empty,
    /// A result, as JSON text.
    Result(String),
    /// An error with its code.
    Error(i64),
    /// Each member of a batch that is to be answered was, in this order. Of one whose id another
    /// has, too, it is not known which it was.
    Batch(Vec<(Option<usize>, Self)>),
}

/// What is answered by `json`, a message of the response to `request`, if that can be told.
#[must_use]
pub fn asked_by(json: &str, request: &Sent) -> Option<Message> {
    match request.batch() {
        Some(members) => {
            let answer = members_of(json)?;
            let asked = batch::members_with_id(&members, raw(&answer, "id")?);
            (asked.len() == 1).then(|| members[asked[0]].clone())
        }
        // On a stream that a client has come back to, it answers another request.
        None if request.method == "GET" => None,
        None => Some(request.message().unwrap_or_default()),
    }
}

/// Checks all messages of `response`, the answer to `request`.
#[must_use]
pub fn check(response: &Response, request: &Sent) -> Ending {
    let is_stream = response.field("content-type") == Some("text/event-stream");
    session::check_events(response, request);
    match request.batch() {
        _ if is_stream && request.method == "GET" => session::check_opened(response, request),
        Some(members) if is_stream || response.is_batch() => {
            assert_eq!(response.status, 200, "a batch has no status of its own");
            batch::check(response, &members, request)
        }
        Some(members) => batch::check_refusal(response, &members),
        None => check_one(response, request),
    }
}

fn check_one(response: &Response, request: &Sent) -> Ending {
    assert!(!response.is_batch(), "an array answers one message");
    let asked = request.message().unwrap_or_default();
    let mut ending = Ending::Open;
    let mut last_progress = f64::NEG_INFINITY;
    let mut questions = Vec::new();
    for json in response.messages() {
        assert_eq!(ending, Ending::Open, "behind the final message comes {json}");
        let message = message_of(json);
        if asked.method == "subscriptions/listen" && message.contains_key("method") {
            check_change(&message, &asked, last_progress == f64::NEG_INFINITY);
            last_progress = 0.0;
        } else if session::is_of_session(&message) {
            session::check_message(&message, request, &mut questions);
        } else if message.contains_key("method") {
            let progress = check_progress(&message, &asked);
            assert!(progress > last_progress, "{progress} is no progress after {last_progress}");
            last_progress = progress;
        } else {
            ending = check_final(&message, &asked, request);
            let is_acknowledged = last_progress > f64::NEG_INFINITY;
            let is_end =
                asked.method == "subscriptions/listen" && matches!(ending, Ending::Result(_));
            assert!(is_acknowledged || !is_end, "a subscription ends before it began");
        }
    }
    match (&ending, response.field("content-type")) {
        // The answer to a HEAD has no body.
        (Ending::Open, None | Some("application/json")) => Ending::Empty,
        _ => ending,
    }
}

/// Takes a message apart.
fn message_of(json: &str) -> Members {
    let message = members_of(json).unwrap_or_else(|| panic!("not a JSON object: {json}"));
    assert_eq!(raw(&message, "jsonrpc"), Some("\"2.0\""), "{json}");
    message
}

/// Checks a notification of a subscription, of which the first says what it is to.
fn check_change(message: &Members, asked: &Message, is_first: bool) {
    only(message, &["jsonrpc", "method", "params"]);
    let params = object(message, "params");
    let meta = object(&params, "_meta");
    only(&meta, &["io.modelcontextprotocol/subscriptionId"]);
    assert_eq!(raw(&meta, "io.modelcontextprotocol/subscriptionId"), asked.id.as_deref());
    let filter = asked.filter.clone().unwrap_or_default();
    let has = |key: &str| raw(&filter, key) == Some("true");
    let uris = filter.contains_key("resourceSubscriptions");
    let uris = if uris { array(&filter, "resourceSubscriptions") } else { Vec::new() };
    match raw(message, "method") {
        Some("\"notifications/subscriptions/acknowledged\"") => {
            assert!(is_first, "acknowledged twice");
            only(&params, &["_meta", "notifications"]);
            let granted = object(&params, "notifications");
            // All that the application offers: see `Setup::config`.
            only(&granted, &["toolsListChanged", "resourceSubscriptions"]);
            assert_eq!(granted.contains_key("toolsListChanged"), has("toolsListChanged"));
            assert_eq!(granted.contains_key("resourceSubscriptions"), !uris.is_empty());
        }
        method => {
            assert!(!is_first, "{method:?} before it is acknowledged");
            match method {
                Some("\"notifications/tools/list_changed\"") => {
                    only(&params, &["_meta"]);
                    assert!(has("toolsListChanged"));
                }
                Some("\"notifications/resources/updated\"") => {
                    only(&params, &["_meta", "uri"]);
                    let uri = raw(&params, "uri").expect("a URI").to_owned();
                    assert!(uris.contains(&uri), "{uri} is not listened to");
                }
                other => panic!("{other:?} on a subscription"),
            }
        }
    }
}

/// Checks a notification and returns the progress it reports.
fn check_progress(message: &Members, asked: &Message) -> f64 {
    only(message, &["jsonrpc", "method", "params"]);
    assert_eq!(raw(message, "method"), Some("\"notifications/progress\""));
    let params = object(message, "params");
    only(&params, &["progressToken", "progress", "total", "message"]);
    assert_eq!(raw(&params, "progressToken"), asked.progress_token.as_deref());
    for key in ["progress", "total"] {
        if let Some(number) = raw(&params, key) {
            let number: f64 = number.parse().expect("a number");
            assert!(number.is_finite());
        }
    }
    let progress = raw(&params, "progress").expect("progress is reported");
    progress.parse().expect("a number")
}

fn check_final(message: &Members, asked: &Message, request: &Sent) -> Ending {
    let id = raw(message, "id");
    assert!(id.is_none() || id == asked.id.as_deref(), "id {id:?} for {:?}", asked.id);
    let ending = ending_of(message);
    if let Ending::Result(_) = ending {
        results::check(&object(message, "result"), asked, request.revision());
    }
    ending
}

/// What a response says, whatever was asked.
fn ending_of(message: &Members) -> Ending {
    only(message, &["jsonrpc", "id", "result", "error"]);
    match (raw(message, "result"), message.contains_key("error")) {
        (Some(result), false) => {
            assert!(message.contains_key("id"), "a result without an id");
            Ending::Result(result.into())
        }
        (None, true) => {
            let error = object(message, "error");
            only(&error, &["code", "message", "data"]);
            assert!(is_string(&error, "message"), "{error:?}");
            let code = raw(&error, "code").and_then(|code| code.parse().ok());
            Ending::Error(code.expect("a code is an integer"))
        }
        _ => panic!("neither or both of result and error: {message:?}"),
    }
}

fn raw<'a>(members: &'a Members, key: &str) -> Option<&'a str> {
    members.get(key).map(|raw| raw.get())
}

fn object(members: &Members, key: &str) -> Members {
    let object = raw(members, key).and_then(members_of);
    object.unwrap_or_else(|| panic!("{key} is no object in {members:?}"))
}

fn array(members: &Members, key: &str) -> Vec<String> {
    let items =
        raw(members, key).and_then(|json| serde_json::from_str::<Vec<Box<RawValue>>>(json).ok());
    let items = items.unwrap_or_else(|| panic!("{key} is no array in {members:?}"));
    items.iter().map(|item| item.get().to_owned()).collect()
}

fn is_string(members: &Members, key: &str) -> bool {
    raw(members, key).is_some_and(|json| serde_json::from_str::<String>(json).is_ok())
}

fn only(members: &Members, keys: &[&str]) {
    let other = members.keys().find(|key| !keys.contains(&key.as_str()));
    assert_eq!(other, None, "an unknown member in {members:?}");
}
