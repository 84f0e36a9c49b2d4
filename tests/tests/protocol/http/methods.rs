//! Methods, and refusals of the head that are not about framing (RFC 9110 sections 9 and 15).

use std::sync::Arc;

use mcp_proto::{CallToolResult, Instant, Reply, Revision, RpcError};
use mcp_tests::peer::{Peer, config, post};

use super::{Rows, answered, bare, ping, ping_by, ping_with, refused, served};

pub(super) fn rows() -> Rows {
    let mut rows = Rows::default();
    let methods = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"];
    let at = |path: &'static str| move |method: &str| format!("{method} {path} HTTP/1.1");
    // Without a body, nothing stands in the way of the next request.
    rows.add("RFC 9110 15.5.6", answered(405), methods.map(at("/mcp")).map(|line| bare(&line)));
    rows.add("RFC 9110 15.5.6", refused(405), methods.map(at("/mcp")).map(|line| ping_by(&line)));
    rows.add("RFC 9110 15.5.5", answered(404), methods.map(at("/")).map(|line| bare(&line)));
    rows.add("RFC 9110 15.5.5", refused(404), methods.map(at("/")).map(|line| ping_by(&line)));
    let unknown = ["CONNECT", "BREW", "PRI", "M-SEARCH", "PROPFIND", "get", "*"];
    rows.add("RFC 9110 9.1", answered(501), unknown.map(at("/mcp")).map(|line| bare(&line)));
    rows.add("RFC 9110 9.1", refused(501), unknown.map(at("/mcp")).map(|line| ping_by(&line)));
    // That method overrides are of no use to anybody.
    rows.add("RFC 9110 9.1, overridden", served(), {
        ["X-HTTP-Method-Override: DELETE\r\n", "X-HTTP-Method: GET\r\n"].map(ping)
    });

    let content_type =
        |value: &str| ping_with("Content-Type: application/json", &format!("Content-Type:{value}"));
    rows.add("RFC 9110 8.3", served(), {
        [
            " application/json",
            " Application/JSON",
            " application/json; charset=utf-8",
            " application/json;charset=\"UTF-8\"",
            " application/json ; x=y",
        ]
        .map(content_type)
    });
    rows.add("RFC 9110 15.5.16", refused(415), {
        [
            "",
            " text/plain",
            " application/jsonx",
            " application/json-rpc",
            " application/json, text/plain",
            " text/plain, application/json",
            " application/json; charset=latin1",
            " application/x-www-form-urlencoded",
            " multipart/form-data; boundary=x",
            " */*",
            " application",
        ]
        .map(content_type)
    });
    rows.add("RFC 9110 15.5.16", refused(415), {
        [ping_with("Content-Type: application/json\r\n", "")]
    });
    rows.add("RFC 9110 8.4", served(), ["identity", "Identity"].map(encoded));
    rows.add("RFC 9110 8.4", refused(415), ["gzip", "br", "gzip, identity", "", "x"].map(encoded));
    rows.add("RFC 9110 5.3, no lists", refused(400), {
        [
            ping("Content-Type: application/json\r\n"),
            ping("Content-Type: text/plain\r\n"),
            ping("Content-Encoding: identity\r\nContent-Encoding: gzip\r\n"),
            ping("MCP-Protocol-Version: 2025-03-26\r\nMCP-Protocol-Version: 2025-03-26\r\n"),
            ping("Mcp-Session-Id: a\r\nmcp-session-id: a\r\n"),
            ping("Mcp-Method: ping\r\nMcp-Method: ping\r\n"),
            ping("Mcp-Name: a\r\nMcp-Name: b\r\n"),
            ping("Last-Event-ID: a\r\nLast-Event-ID: a\r\n"),
        ]
    });
    let accept = |value: &str| ping(&format!("Accept:{value}\r\n"));
    rows.add("RFC 9110 12.5.1", served(), {
        [
            " application/json",
            " text/event-stream",
            " application/json, text/event-stream",
            " */*",
            " text/html, */*;q=0.1",
        ]
        .map(accept)
    });
    rows.add("RFC 9110 15.5.7", refused(406), {
        [" text/html", "", " */*;q=0", " application/json;q=0", " application/xml"].map(accept)
    });
    rows
}

fn encoded(coding: &str) -> String {
    ping(&format!("Content-Encoding: {coding}\r\n"))
}

#[test]
fn methods_and_refusals() {
    rows().check();
}

/// A call of 2026-07-28 with that `Accept`, and what it is answered: status, media type, text.
fn accepting(accept: &str, method: &'static str, reply: Option<Reply>) -> (u16, String, String) {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{{"name":"t","notifications":{{}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    );
    let name = if method == "tools/call" { "Mcp-Name: t\r\n" } else { "" };
    let fields = format!(
        "Accept: {accept}\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {method}\r\n{name}"
    );
    let mut peer = Peer::new(&Arc::new(config(false)), Instant::from_micros(0));
    peer.send(&post(&fields, &body));
    if let Some(reply) = reply {
        let key = peer.calls[0].key();
        peer.reply(key, reply);
    }
    let responses = peer.responses_on(Revision::V2026_07_28, method).finals;
    let media = responses[0].field("content-type").unwrap_or_default().to_owned();
    (responses[0].status, media, responses[0].messages()[0].to_owned())
}

/// An event stream has no status of its own, and a refusal does not ask what is accepted either.
#[test]
fn an_error_has_its_status_whatever_is_accepted() {
    let error = || Some(Reply::Error(RpcError::invalid_params("no such thing")));
    for accept in ["application/json", "text/event-stream", "*/*"] {
        let (status, media, message) = accepting(accept, "tools/call", error());
        assert_eq!((status, &*media), (400, "application/json"), "{accept}");
        assert!(message.contains("no such thing"), "{message}");
    }
    let done = Some(Reply::Tool(CallToolResult::text("done")));
    let (status, media, _) = accepting("text/event-stream", "tools/call", done);
    assert_eq!((status, &*media), (200, "text/event-stream"));
}

#[test]
fn who_accepts_no_form_of_the_answer_is_told_so_by_the_id() {
    let (status, _, message) = accepting("application/json", "subscriptions/listen", None);
    assert!(status == 406 && message.contains(r#""id":7"#), "{status} {message}");
}
