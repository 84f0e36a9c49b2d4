//! Checks the JSON-RPC messages that a server has sent against the schema of their revision, as
//! far as this server uses it. Anything invalid is a panic that says so.

use mcp_proto::Revision;
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
}

/// Checks all messages of `response`, the answer to `request`.
#[must_use]
pub fn check(response: &Response, request: &Sent) -> Ending {
    let asked = request.message().unwrap_or_default();
    let mut ending = Ending::Open;
    let mut last_progress = f64::NEG_INFINITY;
    for json in response.messages() {
        assert_eq!(ending, Ending::Open, "behind the final message comes {json}");
        let message = members_of(json).unwrap_or_else(|| panic!("not a JSON object: {json}"));
        assert_eq!(raw(&message, "jsonrpc"), Some("\"2.0\""), "{json}");
        if asked.method == "subscriptions/listen" && message.contains_key("method") {
            check_change(&message, &asked, last_progress == f64::NEG_INFINITY);
            last_progress = 0.0;
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
    only(message, &["jsonrpc", "id", "result", "error"]);
    let id = raw(message, "id");
    assert!(id.is_none() || id == asked.id.as_deref(), "id {id:?} for {:?}", asked.id);
    match (raw(message, "result"), message.contains_key("error")) {
        (Some(result), false) => {
            assert!(id.is_some(), "a result without an id");
            check_result(&object(message, "result"), asked, request.revision());
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

fn check_result(result: &Members, asked: &Message, revision: Revision) {
    let is_modern = revision == Revision::V2026_07_28;
    let result_type = raw(result, "resultType");
    let may_ask = matches!(&*asked.method, "tools/call" | "prompts/get" | "resources/read");
    let is_extended = is_modern && asked.method == "tools/call" && result_type == Some("\"laws\"");
    let is_question = is_modern && may_ask && result_type == Some("\"input_required\"");
    if !is_question && !is_extended {
        let expected = is_modern.then_some("\"complete\"");
        assert_eq!(result_type, expected, "resultType on {revision}");
    }
    if is_modern {
        let meta = object(result, "_meta");
        let info = object(&meta, "io.modelcontextprotocol/serverInfo");
        check_implementation(&info, true);
    } else {
        assert!(!result.contains_key("_meta"));
    }
    match &*asked.method {
        _ if is_question => {
            only(result, &["resultType", "inputRequests", "requestState", "_meta"]);
            for (key, request) in object(result, "inputRequests") {
                let request = members_of(request.get()).expect("a request is an object");
                only(&request, &["method", "params"]);
                assert!(is_string(&request, "method"), "{key}");
            }
            assert!(is_string(result, "requestState"));
        }
        "laws/get" | "laws/count" => only(result, &["resultType", "text", "lines", "_meta"]),
        _ if is_extended => only(result, &["resultType", "text", "lines", "_meta"]),
        "subscriptions/listen" => {
            only(result, &["resultType", "_meta"]);
            let id = object(result, "_meta").remove("io.modelcontextprotocol/subscriptionId");
            assert_eq!(id.as_deref().map(RawValue::get), asked.id.as_deref());
        }
        "ping" => only(result, &[]),
        "initialize" => {
            only(result, &["protocolVersion", "capabilities", "serverInfo"]);
            let settled: String =
                serde_json::from_str(raw(result, "protocolVersion").expect("a version"))
                    .expect("a string");
            let settled = Revision::from_name(&settled).expect("a version that is served");
            assert!(settled < Revision::V2026_07_28, "{settled} has no handshake");
            let knows_titles = settled >= Revision::V2025_06_18;
            check_implementation(&object(result, "serverInfo"), knows_titles);
            let _ = object(result, "capabilities");
        }
        "server/discover" => {
            let keys = ["resultType", "supportedVersions", "capabilities", "ttlMs", "cacheScope"];
            only(result, &[&keys[..], &["_meta"]].concat());
            check_cache_hints(result);
            assert!(!array(result, "supportedVersions").is_empty());
        }
        "tools/list" => {
            for tool in page(result, "tools", is_modern) {
                check_tool(&tool, revision);
            }
        }
        "prompts/list" => {
            for prompt in page(result, "prompts", is_modern) {
                only(&prompt, &["name", "description", "arguments"]);
                assert!(is_string(&prompt, "name") && is_string(&prompt, "description"));
            }
        }
        "resources/list" => {
            for resource in page(result, "resources", is_modern) {
                only(&resource, &["uri", "name", "mimeType"]);
                assert!(is_string(&resource, "uri") && is_string(&resource, "name"));
            }
        }
        "resources/templates/list" => {
            for template in page(result, "resourceTemplates", is_modern) {
                only(&template, &["uriTemplate", "name"]);
                assert!(is_string(&template, "uriTemplate") && is_string(&template, "name"));
            }
        }
        "prompts/get" => {
            only(result, &["resultType", "messages", "_meta"]);
            for message in array(result, "messages") {
                let message = members_of(&message).expect("a message is an object");
                only(&message, &["role", "content"]);
                assert_eq!(raw(&message, "role"), Some("\"user\""));
            }
        }
        "resources/read" => {
            only(result, &["resultType", "contents", "ttlMs", "cacheScope", "_meta"]);
            check_whether_cacheable(result, is_modern);
            for contents in array(result, "contents") {
                let contents = members_of(&contents).expect("contents are objects");
                only(&contents, &["uri", "text"]);
                assert!(is_string(&contents, "uri") && is_string(&contents, "text"));
            }
        }
        "completion/complete" => {
            only(result, &["resultType", "completion", "_meta"]);
            let completion = object(result, "completion");
            only(&completion, &["values", "total", "hasMore"]);
            assert!(array(&completion, "values").len() <= 100);
        }
        "tools/call" => check_tool_result(result, revision),
        other => panic!("a result for {other:?}"),
    }
}

/// The items of a list result.
fn page(result: &Members, member: &str, is_modern: bool) -> Vec<Members> {
    only(result, &["resultType", member, "nextCursor", "ttlMs", "cacheScope", "_meta"]);
    check_whether_cacheable(result, is_modern);
    assert!(!result.contains_key("nextCursor") || is_string(result, "nextCursor"));
    let items = array(result, member).into_iter();
    items.map(|item| members_of(&item).expect("an item is an object")).collect()
}

/// Only 2026-07-28 knows of caching.
fn check_whether_cacheable(result: &Members, is_modern: bool) {
    if is_modern {
        check_cache_hints(result);
    } else {
        assert!(!result.contains_key("ttlMs") && !result.contains_key("cacheScope"));
    }
}

fn check_implementation(info: &Members, knows_titles: bool) {
    only(info, &["name", "version", "title"]);
    assert!(is_string(info, "name") && is_string(info, "version"));
    assert_eq!(info.contains_key("title"), knows_titles);
}

/// What is offered is the same for all; what is read is its reader's alone.
fn check_cache_hints(result: &Members) {
    let hints = (raw(result, "ttlMs"), raw(result, "cacheScope"));
    let expected = if result.contains_key("contents") {
        (Some("0"), Some("\"private\""))
    } else {
        (Some("60000"), Some("\"public\""))
    };
    assert_eq!(hints, expected);
}

fn check_tool(tool: &Members, revision: Revision) {
    only(tool, &["name", "title", "description", "inputSchema", "outputSchema"]);
    assert!(is_string(tool, "name") && is_string(tool, "description"));
    let is_object = |key| raw(&object(tool, key), "type") == Some("\"object\"");
    assert!(is_object("inputSchema"));
    if revision < Revision::V2025_06_18 {
        assert!(!tool.contains_key("title") && !tool.contains_key("outputSchema"));
    } else if revision < Revision::V2026_07_28 && tool.contains_key("outputSchema") {
        assert!(is_object("outputSchema"));
    }
}

fn check_tool_result(result: &Members, revision: Revision) {
    only(result, &["resultType", "content", "structuredContent", "isError", "_meta"]);
    for content in array(result, "content") {
        let content = members_of(&content).expect("content is an object");
        only(&content, &["type", "text"]);
        assert_eq!(raw(&content, "type"), Some("\"text\""));
        assert!(is_string(&content, "text"));
    }
    assert!(matches!(raw(result, "isError"), None | Some("true" | "false")));
    if let Some(structured) = raw(result, "structuredContent") {
        let is_known = revision >= Revision::V2025_06_18;
        let may_be_any = revision >= Revision::V2026_07_28;
        assert!(is_known && (may_be_any || structured.starts_with('{')), "{structured}");
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
