//! Checks the result of each method against what its revision has.

use mcp_proto::Revision;
use serde_json::value::RawValue;

use super::{array, is_string, object, only, raw};
use crate::sent::{Members, Message, members_of};

/// Checks the result of what was `asked`.
pub(super) fn check(result: &Members, asked: &Message, revision: Revision) {
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
        "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" => {
            only(result, &[]);
        }
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

/// What is offered is the same for all; what is read is its reader's alone. What a server says of itself is
/// for all who are let in: who they are, law 6 knows.
fn check_cache_hints(result: &Members) {
    let hints = (raw(result, "ttlMs"), raw(result, "cacheScope"));
    let private = Some("\"private\"");
    match hints {
        (Some("60000"), scope) if result.contains_key("supportedVersions") => {
            assert!(scope == private || scope == Some("\"public\""), "{hints:?}");
        }
        hints if result.contains_key("contents") => assert_eq!(hints, (Some("0"), private)),
        hints => assert_eq!(hints, (Some("60000"), Some("\"public\""))),
    }
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
