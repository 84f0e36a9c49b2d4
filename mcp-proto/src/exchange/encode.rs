//! The JSON-RPC messages that go out, and the HTTP responses around those that stand alone.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Immediate, Invalid};
use crate::authorization::ProtectedResource;
use crate::caching::Caching;
use crate::call::{LogMessage, Progress, Reply};
use crate::catalog::Listing;
use crate::content::{Content, TextContent};
use crate::endpoint::Endpoint;
use crate::error::{ErrorCode, Refusal, RpcError, Status};
use crate::extension::ExtensionResult;
use crate::http::{ResponseHead, ResponseWriter};
use crate::json::{each, object, write_string};
use crate::jsonrpc::Id;
use crate::media;
use crate::method::McpMethod;
use crate::revision::{Era, Revision};
use crate::subscription::{Change, SubscriptionFilter};
use crate::tool::CallToolResult;

/// The head of a response that carries one JSON object.
pub(super) const fn json_head(status: Status) -> ResponseHead<'static> {
    ResponseHead::new(status, media::JSON_FIELD)
}

/// Answers a notification.
pub(crate) fn write_accepted(writer: &mut ResponseWriter<'_>) {
    writer.write_empty(ResponseHead::new(Status::Accepted, ""));
}

/// Answers a browser that asks what it may send.
pub(crate) fn write_preflight(writer: &mut ResponseWriter<'_>, fields: &str) {
    writer.write_empty(ResponseHead::new(Status::NoContent, fields));
}

/// Answers a request that was refused, of which the endpoint and the id may be known.
pub(crate) fn write_refusal(
    writer: &mut ResponseWriter<'_>,
    endpoint: Option<&Endpoint>,
    id: Option<&Id>,
    refusal: &Refusal,
) {
    let challenge = match refusal {
        Refusal::Denied(denial) => {
            denial.challenge(endpoint.and_then(|endpoint| endpoint.protected_resource.as_ref()))
        }
        _ => None,
    };
    let head = ResponseHead {
        allow: match refusal {
            // RFC 9110 section 15.5.6 wants to know what would be allowed.
            Refusal::MethodNotAllowed { allow } => Some(allow),
            _ => None,
        },
        challenge: challenge.as_deref(),
        ..json_head(refusal.status())
    };
    let error = RpcError::from(refusal);
    writer.write_whole(head, |out| write_error(out, id, &error));
}

/// Answers a request that could be read but not served.
pub(crate) fn write_invalid(writer: &mut ResponseWriter<'_>, invalid: &Invalid) {
    let Invalid { id, era, error } = invalid;
    writer.write_whole(json_head(error.status(*era)), |out| write_error(out, id.as_ref(), error));
}

/// Tells where tokens for an endpoint come from (RFC 9728 section 3.2).
pub(crate) fn write_metadata(writer: &mut ResponseWriter<'_>, resource: &ProtectedResource) {
    writer.write_whole(json_head(Status::Ok), |out| write_json(out, resource));
}

/// Answers a request that the protocol itself answers.
pub(crate) fn write_immediate(
    writer: &mut ResponseWriter<'_>,
    endpoint: &Endpoint,
    immediate: &Immediate,
) {
    writer.write_whole(json_head(Status::Ok), |out| {
        write_immediate_message(out, endpoint, immediate);
    });
}

/// Appends the response to a request that the protocol itself answers.
pub(crate) fn write_immediate_message(
    out: &mut Vec<u8>,
    endpoint: &Endpoint,
    immediate: &Immediate,
) {
    let info = endpoint.info();
    match immediate {
        Immediate::Ping { id } => write_done(out, id),
        Immediate::Initialize { id, revision } => {
            write_result(out, id, |out| write_initialized(out, endpoint, *revision));
        }
        Immediate::Discover { id } => write_result(out, id, |out| {
            out.extend_from_slice(b"{\"resultType\":\"complete\",\"supportedVersions\":");
            write_json(out, &Revision::ALL.map(Revision::as_str));
            out.extend_from_slice(b",\"capabilities\":");
            write_json(out, &info.capabilities.to_json(Revision::V2026_07_28, false));
            write_instructions(out, info.instructions.as_deref());
            let is_public = !endpoint.requires_authorization;
            let caching = if is_public { Caching::LIST } else { Caching::PRIVATE_LIST };
            caching.write(out);
            write_meta(out, endpoint, None, None);
            out.push(b'}');
        }),
    }
}

/// Appends what the server says of itself to a client of the 2025 revisions.
fn write_initialized(out: &mut Vec<u8>, endpoint: &Endpoint, revision: Revision) {
    let info = endpoint.info();
    out.extend_from_slice(b"{\"protocolVersion\":");
    write_string(out, revision.as_str());
    out.extend_from_slice(b",\"capabilities\":");
    write_json(out, &info.capabilities.to_json(revision, endpoint.keeps_sessions));
    out.extend_from_slice(b",\"serverInfo\":");
    write_json(out, &info.implementation(revision));
    write_instructions(out, info.instructions.as_deref());
    out.push(b'}');
}

/// Appends the JSON-RPC response to a call.
///
/// `id` is that of the request; only notifications have none, and get no response.
pub(super) fn write_reply(
    out: &mut Vec<u8>,
    id: Option<&Id>,
    revision: Revision,
    endpoint: &Endpoint,
    reply: &Reply,
) {
    let id = match (reply, id) {
        (Reply::Error(error), id) => return write_error_of(out, id, error, revision.era()),
        (Reply::Refused(refusal), id) => return write_error(out, id, &refusal.into()),
        (_, Some(id)) => id,
        (_, None) => return debug_assert!(false, "{reply:?} to what is no request"),
    };
    let is_modern = revision.era() == Era::Modern;
    let extension = match reply {
        Reply::Extension(result) => Some(result),
        Reply::Tool(result) => result.extension.as_deref(),
        _ => None,
    };
    if let Some(result) = extension {
        return write_result(out, id, |out| write_extension(out, result, endpoint));
    }
    let begin: &[u8] = match reply {
        Reply::InputRequired(_) => b"{\"resultType\":\"input_required\",",
        Reply::SubscriptionEnded => b"{\"resultType\":\"complete\"",
        _ if is_modern => b"{\"resultType\":\"complete\",",
        _ => b"{",
    };
    if let Reply::Initialized(_) = reply {
        return write_result(out, id, |out| write_initialized(out, endpoint, revision));
    }
    begin_result(out, id);
    out.extend_from_slice(begin);
    match reply {
        Reply::List(list) => write_listing(out, list),
        Reply::Tool(result) => write_tool_result(out, result, revision),
        Reply::Prompt(result) => write_members(out, &result.to_json(revision)),
        Reply::Resource(result) => {
            out.extend_from_slice(b"\"contents\":");
            write_json(out, &each(&result.contents, |it| it.to_json(revision)));
        }
        Reply::Completion(result) => {
            out.extend_from_slice(b"\"completion\":");
            write_json(out, result);
        }
        Reply::InputRequired(required) => write_members(out, required),
        // The others have no members, or have been written by now.
        _ => {}
    }
    if is_modern {
        match reply {
            Reply::List(list) => list.caching.write(out),
            Reply::Resource(result) => result.caching.write(out),
            _ => {}
        }
        let subscription = matches!(reply, Reply::SubscriptionEnded).then_some(id);
        write_meta(out, endpoint, subscription, meta_of(reply));
    } else if let Some(meta) = meta_of(reply) {
        out.extend_from_slice(b",\"_meta\":");
        out.extend_from_slice(meta.get().as_bytes());
    }
    out.extend_from_slice(b"}}");
}

fn write_extension(out: &mut Vec<u8>, result: &ExtensionResult, endpoint: &Endpoint) {
    out.extend_from_slice(b"{\"resultType\":");
    write_string(out, result.result_type());
    if !result.members().is_empty() {
        out.push(b',');
        out.extend_from_slice(result.members().as_bytes());
    }
    write_meta(out, endpoint, None, None);
    out.push(b'}');
}

fn write_listing(out: &mut Vec<u8>, list: &Listing) {
    let member: &[u8] = match list.method {
        McpMethod::ListPrompts => b"\"prompts\":",
        McpMethod::ListResources => b"\"resources\":",
        McpMethod::ListResourceTemplates => b"\"resourceTemplates\":",
        _ => b"\"tools\":",
    };
    out.extend_from_slice(member);
    out.extend_from_slice(list.items.as_bytes());
    if let Some(cursor) = &list.next_cursor {
        out.extend_from_slice(b",\"nextCursor\":");
        write_string(out, cursor);
    }
}

/// Appends `notifications/message`.
pub(super) fn write_log(out: &mut Vec<u8>, log: &LogMessage) {
    out.extend_from_slice(
        b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":",
    );
    write_json(out, &log.level);
    if let Some(logger) = &log.logger {
        out.extend_from_slice(b",\"logger\":");
        write_string(out, logger);
    }
    out.extend_from_slice(b",\"data\":");
    out.extend_from_slice(log.data.get().as_bytes());
    out.extend_from_slice(b"}}");
}

/// Appends `notifications/progress`.
pub(super) fn write_progress(out: &mut Vec<u8>, token: &Id, progress: &Progress) {
    #[derive(Serialize)]
    struct Rest<'a> {
        progress: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        total: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a str>,
    }

    let rest = Rest {
        progress: progress.progress,
        total: progress.total.filter(|total| total.is_finite()),
        message: progress.message.as_deref(),
    };
    out.extend_from_slice(
        b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":",
    );
    token.write_json(out);
    out.push(b',');
    write_members(out, &rest);
    out.extend_from_slice(b"}}");
}

/// Appends `notifications/subscriptions/acknowledged`.
pub(super) fn write_acknowledged(out: &mut Vec<u8>, id: &Id, filter: &SubscriptionFilter) {
    begin_of_subscription(out, "notifications/subscriptions/acknowledged", id);
    out.extend_from_slice(b",\"notifications\":");
    write_json(out, filter);
    out.extend_from_slice(b"}}");
}

/// Appends the notification of a change for a subscription.
pub(super) fn write_changed(out: &mut Vec<u8>, id: &Id, change: &Change) {
    begin_of_subscription(out, change.method(), id);
    if let Change::Resource { uri } = change {
        out.extend_from_slice(b",\"uri\":");
        write_string(out, uri);
    }
    out.extend_from_slice(b"}}");
}

/// Appends the notification of a change for a session.
pub(crate) fn write_changed_in_session(out: &mut Vec<u8>, change: &Change) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":\"");
    out.extend_from_slice(change.method().as_bytes());
    out.push(b'"');
    if let Change::Resource { uri } = change {
        out.extend_from_slice(b",\"params\":{\"uri\":");
        write_string(out, uri);
        out.push(b'}');
    }
    out.push(b'}');
}

/// Appends a question to the client, whose `params` are JSON. Its id is the token of its progress.
pub(crate) fn write_question(out: &mut Vec<u8>, id: u64, method: &str, params: Option<&str>) {
    let mut buffer = itoa::Buffer::new();
    let id = buffer.format(id).as_bytes();
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    out.extend_from_slice(id);
    out.extend_from_slice(b",\"method\":\"");
    out.extend_from_slice(method.as_bytes());
    out.extend_from_slice(b"\",\"params\":{");
    if let Some(members) = params.and_then(|it| it.strip_prefix('{')?.strip_suffix('}')) {
        out.extend_from_slice(members.as_bytes());
        out.push(b',');
    }
    out.extend_from_slice(b"\"_meta\":{\"progressToken\":");
    out.extend_from_slice(id);
    out.extend_from_slice(b"}}}");
}

/// Appends `notifications/cancelled`, of the request whose id is shown as JSON.
pub(crate) fn write_cancelled(out: &mut Vec<u8>, id: &impl fmt::Display, reason: &str) {
    begin_cancelled(out, id, reason);
    out.extend_from_slice(b"}}");
}

/// Appends `notifications/cancelled`, of a subscription that the server ends.
pub(crate) fn write_subscription_cancelled(out: &mut Vec<u8>, id: &Id) {
    begin_cancelled(out, id, "the subscription has ended");
    out.extend_from_slice(b",\"_meta\":{");
    write_subscription_id(out, id);
    out.extend_from_slice(b"}}}");
}

fn begin_cancelled(out: &mut Vec<u8>, id: &impl fmt::Display, reason: &str) {
    out.extend_from_slice(
        b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":",
    );
    out.extend_from_slice(format!("{id}").as_bytes());
    out.extend_from_slice(b",\"reason\":");
    write_string(out, reason);
}

fn begin_of_subscription(out: &mut Vec<u8>, method: &str, id: &Id) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"method\":\"");
    out.extend_from_slice(method.as_bytes());
    out.extend_from_slice(b"\",\"params\":{\"_meta\":{");
    write_subscription_id(out, id);
    out.push(b'}');
}

/// The error for a reply that does not fit its call.
pub(super) fn wrong_kind_of_reply() -> RpcError {
    RpcError::new(ErrorCode::INTERNAL_ERROR, "internal error: the reply does not fit the method")
}

fn write_tool_result(out: &mut Vec<u8>, result: &CallToolResult, revision: Revision) {
    out.extend_from_slice(b"\"content\":");
    for (nth, content) in result.content.iter().enumerate() {
        out.push(if nth == 0 { b'[' } else { b',' });
        match content {
            // What nearly all tools say.
            Content::Text(TextContent { text, annotations: None, meta: None }) => {
                out.extend_from_slice(b"{\"type\":\"text\",\"text\":");
                write_string(out, text);
                out.push(b'}');
            }
            content => write_json(out, &content.to_json(revision)),
        }
    }
    out.extend_from_slice(if result.content.is_empty() { b"[]" } else { b"]" });
    if let Some(structured) = result.structured_for(revision) {
        out.extend_from_slice(b",\"structuredContent\":");
        out.extend_from_slice(structured.get().as_bytes());
    }
    if result.is_error {
        out.extend_from_slice(b",\"isError\":true");
    }
}

fn write_result(out: &mut Vec<u8>, id: &Id, result: impl FnOnce(&mut Vec<u8>)) {
    begin_result(out, id);
    result(out);
    out.push(b'}');
}

fn begin_result(out: &mut Vec<u8>, id: &Id) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    id.write_json(out);
    out.extend_from_slice(b",\"result\":");
}

/// Appends the result of what is done for a session and has no result to speak of.
pub(crate) fn write_done(out: &mut Vec<u8>, id: &Id) {
    write_result(out, id, |out| out.extend_from_slice(b"{}"));
}

/// Without an id where none could be read: MCP leaves it out, where plain JSON-RPC has null.
pub(crate) fn write_error(out: &mut Vec<u8>, id: Option<&Id>, error: &RpcError) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",");
    if let Some(id) = id {
        out.extend_from_slice(b"\"id\":");
        id.write_json(out);
        out.push(b',');
    }
    out.extend_from_slice(b"\"error\":");
    write_json(out, error);
    out.push(b'}');
}

/// Appends an error as clients of that era know it.
#[cold]
fn write_error_of(out: &mut Vec<u8>, id: Option<&Id>, error: &RpcError, era: Era) {
    write_error(out, id, &error.in_era(era));
}

fn write_instructions(out: &mut Vec<u8>, instructions: Option<&str>) {
    if let Some(instructions) = instructions {
        out.extend_from_slice(b",\"instructions\":");
        write_string(out, instructions);
    }
}

/// What the application says beside its result.
fn meta_of(reply: &Reply) -> Option<&RawValue> {
    match reply {
        Reply::Tool(result) => object(&result.meta),
        Reply::Prompt(result) => object(&result.meta),
        Reply::Resource(result) => object(&result.meta),
        _ => None,
    }
}

/// 2026-07-28 asks for `serverInfo` on every result (basic, "Per-response protocol fields"), and for
/// the id of the subscription on all that belongs to one.
fn write_meta(
    out: &mut Vec<u8>,
    endpoint: &Endpoint,
    subscription: Option<&Id>,
    more: Option<&RawValue>,
) {
    out.extend_from_slice(b",\"_meta\":{\"io.modelcontextprotocol/serverInfo\":");
    out.extend_from_slice(endpoint.implementation_json().as_bytes());
    if let Some(id) = subscription {
        out.push(b',');
        write_subscription_id(out, id);
    }
    if let Some(more) = more {
        write_more_meta(out, more);
    }
    out.push(b'}');
}

/// Appends what the application says in `_meta`, without what the protocol says there: who passes results
/// on has that of another server.
#[cold]
fn write_more_meta(out: &mut Vec<u8>, more: &RawValue) {
    let text = more.get();
    if !text.contains("io.modelcontextprotocol") {
        let members = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        if let Some(members) = members.filter(|members| !members.trim_ascii().is_empty()) {
            out.push(b',');
            out.extend_from_slice(members.as_bytes());
        }
        return;
    }
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(text).unwrap_or_default();
    for (name, value) in members {
        let said = ["io.modelcontextprotocol/serverInfo", "io.modelcontextprotocol/subscriptionId"];
        if !said.contains(&&*name) {
            out.push(b',');
            write_string(out, &name);
            out.push(b':');
            out.extend_from_slice(value.get().as_bytes());
        }
    }
}

/// The id is that of the request to listen (basic/patterns/subscriptions).
fn write_subscription_id(out: &mut Vec<u8>, id: &Id) {
    out.extend_from_slice(b"\"io.modelcontextprotocol/subscriptionId\":");
    id.write_json(out);
}

/// Appends the members of an object, without its braces.
fn write_members<T: Serialize>(out: &mut Vec<u8>, object: &T) {
    let start = out.len();
    write_json(out, object);
    out.remove(start);
    out.pop();
}

/// Appends a value whose serialisation cannot fail: no maps with odd keys, no I/O.
fn write_json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    // Without std, serde_json serialises into buffers of its own only.
    match serde_json::to_vec(value) {
        Ok(json) => out.extend_from_slice(&json),
        Err(error) => debug_assert!(false, "{error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::{Content, ResourceContents};
    use crate::prompt::{GetPromptResult, PromptMessage};
    use crate::resource::{ReadResourceResult, Resource};
    use crate::server_info::ServerInfo;
    use alloc::borrow::ToOwned;
    use alloc::string::String;
    use alloc::vec;
    use serde_json::{Value, json};

    /// The response to a request.
    fn write(reply: &Reply, revision: Revision) -> String {
        let endpoint = Endpoint::new("/", ServerInfo::new("s", "1")).unwrap();
        let mut out = Vec::new();
        write_reply(&mut out, Some(&Id::from(1)), revision, &endpoint, reply);
        String::from_utf8(out).unwrap()
    }

    /// A part of it, by its JSON Pointer; null if it is not there.
    fn part(reply: &Reply, revision: Revision, pointer: &str) -> Value {
        let response: Value = serde_json::from_str(&write(reply, revision)).unwrap();
        response.pointer(pointer).cloned().unwrap_or_default()
    }

    #[test]
    fn content_is_written_as_the_revision_knows_it() {
        let link = || Content::resource_link(Resource::new("a:b", "c"));
        let meta = serde_json::from_str::<&RawValue>(r#"{"m":1}"#).unwrap().to_owned();
        let contents = ResourceContents::text("a:b", "c").meta(meta);
        for (reply, member) in [
            (Reply::Tool(CallToolResult::new(vec![link()])), "resource_link"),
            (
                Reply::Prompt(GetPromptResult::new(vec![PromptMessage::user(link())])),
                "resource_link",
            ),
            (Reply::Resource(ReadResourceResult::new(vec![contents])), r#""_meta":{"m":1}"#),
        ] {
            assert!(!write(&reply, Revision::V2025_03_26).contains(member), "{member}");
            assert!(write(&reply, Revision::V2025_06_18).contains(member), "{member}");
        }
    }

    #[test]
    fn results_say_more_in_their_meta() {
        let meta_of = |reply: &Reply, revision| part(reply, revision, "/result/_meta");
        let server = json!({"name": "s", "version": "1"});
        let info = "io.modelcontextprotocol/serverInfo";
        for (meta, modern, legacy) in [
            (
                r#"{"a/b":{"c":1},"d":2}"#,
                json!({info: server, "a/b": {"c": 1}, "d": 2}),
                json!({"a/b": {"c": 1}, "d": 2}),
            ),
            // What comes from another server, and is passed on.
            (
                r#"{"d":2,"io.modelcontextprotocol/serverInfo":{"name":"other"},"a/b":[1]}"#,
                json!({info: server, "a/b": [1], "d": 2}),
                json!({info: {"name": "other"}, "a/b": [1], "d": 2}),
            ),
            ("{ }", json!({info: server}), json!({})),
            ("[1]", json!({info: server}), json!(null)),
        ] {
            let raw = || serde_json::from_str::<&RawValue>(meta).unwrap().to_owned();
            for reply in [
                Reply::Tool(CallToolResult::text("t").meta(raw())),
                Reply::Prompt(GetPromptResult::text("t").meta(raw())),
                Reply::Resource(ReadResourceResult::new(vec![]).meta(raw())),
            ] {
                assert_eq!(meta_of(&reply, Revision::V2026_07_28), modern, "{reply:?}");
                assert_eq!(meta_of(&reply, Revision::V2025_03_26), legacy, "{reply:?}");
            }
        }
    }

    #[test]
    fn no_member_of_meta_stands_twice() {
        let meta = r#"{"io.modelcontextprotocol/serverInfo":{}}"#;
        let meta = serde_json::from_str::<&RawValue>(meta).unwrap().to_owned();
        let text = write(&Reply::Tool(CallToolResult::text("t").meta(meta)), Revision::V2026_07_28);
        assert_eq!(text.matches("serverInfo").count(), 1, "{text}");
    }

    #[test]
    fn a_resource_that_is_not_there_has_the_code_of_its_revision() {
        let code = |error: &RpcError, revision| {
            part(&Reply::Error(error.clone()), revision, "/error/code")
        };
        let not_found = RpcError::resource_not_found("a:b");
        assert_eq!(code(&not_found, Revision::V2026_07_28), -32602);
        assert_eq!(code(&not_found, Revision::V2025_11_25), -32002);
        assert_eq!(code(&not_found, Revision::V2025_03_26), -32002);
        let renamed = RpcError { code: ErrorCode(7), ..not_found };
        assert_eq!(code(&renamed, Revision::V2025_11_25), 7);
        let others = RpcError::invalid_params("no such page");
        assert_eq!(code(&others, Revision::V2025_11_25), -32602);
    }
}
