//! What browsers are told of pages on other origins (WHATWG Fetch, "CORS protocol").

use std::sync::Arc;
use std::time::Duration;

use mcp_proto::{
    CallToolResult, Config, Endpoint, Input, McpMethod, Notification, Origins, Output, Progress,
    Refusal, Reply, RpcError, ServerInfo,
};
use mcp_tests::http::{Response, read_responses};

use super::{PING, Peer, Rows, answered, bare, now, ping, post, refused, served};

/// The one that is let in.
const PAGE: &str = "https://app.example.com";

/// What it may send, and read, besides what every page may.
const SENDS: &str = "Content-Type, Accept, Authorization, MCP-Protocol-Version, Mcp-Method, \
    Mcp-Name, Mcp-Session-Id, Last-Event-ID";
const READS: &str = "Mcp-Session-Id, WWW-Authenticate";

const ASKS: &str = "Access-Control-Request-Method: POST\r\n";

pub(super) fn rows() -> Rows {
    let mut rows = Rows::default();
    let origin = |origin: &str| format!("Origin: {origin}\r\n");
    rows.add("Fetch, CORS protocol", served(), {
        [PAGE, "HTTPS://APP.EXAMPLE.COM"].map(|page| ping(&origin(page)))
    });
    rows.add("Fetch, CORS protocol, other origins", refused(403), {
        ["http://app.example.com", "https://app.example.com:8443", "https://app.example.com/", "*"]
            .map(|page| ping(&origin(page)))
    });
    let options = |fields: &str| bare("OPTIONS /mcp HTTP/1.1").replacen("\r\n\r\n", fields, 1);
    let preflight = |page: &str| options(&format!("\r\nOrigin: {page}\r\n{ASKS}\r\n"));
    rows.add("Fetch, CORS-preflight request", answered(204), {
        [
            preflight(PAGE),
            preflight(PAGE).replace("/mcp", "/mcp/?x"),
            preflight(PAGE).replace("POST", "anything"),
            // Its content means nothing (RFC 9110 section 9.3.7).
            preflight(PAGE).replace("\r\n\r\n", "\r\nContent-Length: 3\r\n\r\nabc"),
            preflight(PAGE)
                .replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        ]
    });
    rows.add("Fetch, CORS-preflight request, other origins", answered(403), {
        ["http://evil.example.com", "null", ""].map(preflight)
    });
    rows.add("Fetch, CORS-preflight request, other paths", answered(404), {
        [preflight(PAGE).replace("/mcp", "/"), preflight(PAGE).replace("/mcp", "*")]
    });
    rows.add("Fetch, CORS-preflight request, other hosts", answered(403), {
        [preflight(PAGE).replace("localhost", "evil.example.com")]
    });
    rows.add("RFC 9110 9.3.7, no preflight", answered(405), {
        [
            options(&format!("\r\n{ASKS}\r\n")),
            options(&format!("\r\nOrigin: {PAGE}\r\n\r\n")),
            preflight("http://localhost"),
            preflight(PAGE).replacen("OPTIONS", "HEAD", 1),
        ]
    });
    rows
}

#[test]
fn requests_of_pages() {
    rows().check();
}

/// `/mcp`, and `/sessions` which keeps sessions.
fn config(origins: Origins) -> Arc<Config> {
    let mut info = ServerInfo::new("cors", "1.0.0");
    info.capabilities.tools.get_or_insert_default().list_changed = true;
    let mut sessions = Endpoint::new("/sessions", info.clone()).unwrap();
    sessions.keeps_sessions = true;
    let mut config = Config::new([Endpoint::new("/mcp", info).unwrap(), sessions]);
    config.origins = origins;
    Arc::new(config)
}

/// Sends the pieces, and answers calls by the name that is in them.
fn responses(config: &Arc<Config>, pieces: &[&[u8]]) -> Vec<Response> {
    let mut peer = Peer::new(config.clone());
    for piece in pieces {
        peer.send(piece);
        while let Some(at) = peer.outputs.iter().position(|it| matches!(it, Output::Call(_))) {
            let Output::Call(call) = peer.outputs.swap_remove(at) else { unreachable!() };
            let name = call.request().name();
            if name == "progress" {
                let progress = Notification::Progress(Progress::new(1.0));
                peer.give(Input::Notify(call.key(), progress));
            }
            let reply = match (name, call.request().method()) {
                ("fail", _) => Reply::Error(RpcError::internal("it failed")),
                ("refuse", _) => Reply::Refused(Refusal::TooManySessions { limit: 1 }),
                (_, McpMethod::CallTool) => Reply::Tool(CallToolResult::text("done")),
                (_, McpMethod::Initialize) => Reply::Initialized(None),
                (_, McpMethod::OpenStream) => Reply::NoResponse,
                _ => Reply::Done,
            };
            peer.give(Input::Reply(call.key(), reply));
        }
    }
    let is_head = pieces.concat().starts_with(b"HEAD ");
    read_responses(&peer.received, |number, _| is_head && number == 0).finals
}

/// Names and values of all fields that are about other origins.
fn cors_fields(response: &Response) -> Vec<(&str, &str)> {
    let fields = response.fields.iter().map(|(name, value)| (&name[..], &value[..]));
    fields.filter(|(name, _)| name.starts_with("access-control-") || *name == "vary").collect()
}

fn told(origin: &str) -> Vec<(&str, &str)> {
    vec![
        ("access-control-allow-origin", origin),
        ("access-control-expose-headers", READS),
        ("vary", "Origin"),
    ]
}

fn call(name: &str) -> String {
    let meta = "\"_meta\":{\"progressToken\":1}";
    post(&format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}",{meta}}}}}"#
    ))
}

/// A request of every kind, its fields yet to be completed at `Host: localhost`, and what it is
/// answered with.
fn kinds() -> Vec<(u16, Option<&'static str>, String)> {
    let accepts = |request: String, accept: &str| {
        request.replacen("Host:", &format!("Accept: {accept}\r\nHost:"), 1)
    };
    let (json, events) = (Some("application/json"), Some("text/event-stream"));
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"page","version":"1"}}}"#;
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let session = "\r\nMcp-Session-Id: x\r\nAccept: text/event-stream\r\n\r\n";
    let of_session = |method: &str| {
        bare(&format!("{method} /sessions HTTP/1.1")).replacen("\r\n\r\n", session, 1)
    };
    vec![
        (200, json, ping("")),
        (200, json, ping("").replace("HTTP/1.1", "HTTP/1.0")),
        (200, json, call("echo")),
        (200, events, accepts(call("echo"), "text/event-stream")),
        (200, events, call("progress")),
        (200, json, call("fail")),
        (503, json, call("refuse")),
        (200, json, post(initialize)),
        (200, json, post(initialize).replace("/mcp", "/sessions")),
        (202, None, post(notification)),
        (200, json, post(&format!("[{PING},{notification}]"))),
        (202, None, post(&format!("[{notification}]"))),
        (200, events, of_session("GET")),
        (204, None, of_session("DELETE")),
        (400, json, bare("GET /sessions HTTP/1.1")),
        (405, json, bare("GET /mcp HTTP/1.1")),
        (405, json, bare("HEAD /mcp HTTP/1.1")),
        (405, json, bare("OPTIONS /mcp HTTP/1.1")),
        (400, json, post("{")),
        (400, json, post("[]")),
        (400, json, post(&PING.replace("2.0", "1.0"))),
        (415, json, ping("").replace("application/json", "text/plain")),
        (406, json, accepts(ping(""), "text/html")),
        (413, json, ping("").replace("Content-Length: ", "Content-Length: 99999999999")),
        (400, json, post("").replace("Content-Length: 0", "Transfer-Encoding: chunked") + "x\r\n"),
    ]
}

/// Whatever is answered to a page that is let in, its browser may show; and nobody else is told
/// anything, the next on the same connection among them.
#[test]
fn every_response_to_a_page_says_whose_it_is() {
    for (status, content_type, request) in kinds() {
        for (sent, expected) in [
            (Some(PAGE), told(PAGE)),
            (Some("HTTPS://app.example.com"), told("HTTPS://app.example.com")),
            (Some("http://localhost"), vec![]),
            (None, vec![]),
        ] {
            let field = sent.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
            let request = request.replacen("Host:", &format!("{field}Host:"), 1);
            let config = config(Origins::same().allow(PAGE));
            let followed = [&request, &ping("")[..]].concat();
            let bytes: Vec<_> = request.as_bytes().chunks(1).collect();
            for pieces in [&[request.as_bytes()][..], &bytes, &[followed.as_bytes()]] {
                let responses = responses(&config, pieces);
                let first = &responses[0];
                assert_eq!((first.status, first.field("content-type")), (status, content_type));
                assert_eq!(cors_fields(first), expected, "{request}");
                for next in &responses[1..] {
                    assert_eq!(cors_fields(next), [], "{request}");
                }
            }
        }
    }
}

/// What is refused before the origin is looked at, or for it, no page is shown.
#[test]
fn a_refusal_that_is_nobodys_business() {
    let page = format!("Origin: {PAGE}\r\n");
    let preflight = format!(
        "OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n{ASKS}\r\n"
    );
    for (status, request) in [
        (403, ping("Origin: http://evil.example\r\n")),
        (403, ping("Origin: null\r\n")),
        (403, preflight),
        (403, ping(&page).replace("localhost", "evil.example")),
        (404, ping(&page).replace("/mcp", "/")),
        (501, ping(&page).replace("POST", "BREW")),
        (400, ping(&page.repeat(2))),
        (400, ping(&format!("{page}X : y\r\n"))),
    ] {
        let responses = responses(&config(Origins::same().allow(PAGE)), &[request.as_bytes()]);
        assert_eq!(responses[0].status, status, "{request}");
        assert_eq!(cors_fields(&responses[0]), [], "{request}");
    }
}

/// The answer to a body that does not come is shown as well.
#[test]
fn a_page_that_is_too_slow_is_told() {
    let mut peer = Peer::new(config(Origins::same().allow(PAGE)));
    let request = ping(&format!("Origin: {PAGE}\r\n"));
    peer.send(&request.as_bytes()[..request.len() - 1]);
    let later = now().instant + Duration::from_secs(3600);
    peer.session.handle(later.into(), Input::Timeout);
    let responses = read_responses(peer.session.transmit(), |_, _| false).finals;
    assert_eq!((responses[0].status, cors_fields(&responses[0])), (408, told(PAGE)));
}

/// Every origin is named as it was sent, as far as it can be one.
#[test]
fn any_origin() {
    let config = config(Origins::any());
    for (origin, expected) in [
        ("http://evil.example", told("http://evil.example")),
        ("null", told("null")),
        ("http://localhost", told("http://localhost")),
        ("http://a http://b", vec![]),
        ("http://\u{e9}", vec![]),
        ("a\tb", vec![]),
        ("", vec![]),
    ] {
        let request = ping(&format!("Origin: {origin}\r\n"));
        let responses = responses(&config, &[request.as_bytes()]);
        assert_eq!((responses[0].status, cors_fields(&responses[0])), (200, expected));
    }
}

/// What a browser asks, at which path, and what it is told of methods, fields and networks.
#[test]
fn preflights() {
    let config = config(Origins::same().allow(PAGE));
    let headers = |names: &str| format!("Access-Control-Request-Headers: {names}\r\n");
    let (network, more) = ("Access-Control-Request-Private-Network", format!("{SENDS}, "));
    for (path, asked, methods, names, is_network) in [
        ("/mcp", String::new(), "POST", SENDS.into(), false),
        ("/sessions", String::new(), "POST, GET, DELETE", SENDS.into(), false),
        ("/mcp", headers("content-type,mcp-method"), "POST", SENDS.into(), false),
        ("/mcp", headers("x-other"), "POST", SENDS.into(), false),
        (
            "/mcp",
            headers("accept,mcp-param-region, Mcp-Param-~!|"),
            "POST",
            more.clone() + "mcp-param-region, Mcp-Param-~!|",
            false,
        ),
        (
            "/mcp",
            headers("mcp-param-a") + &headers("mcp-param-b"),
            "POST",
            more + "mcp-param-a, mcp-param-b",
            false,
        ),
        (
            "/mcp",
            headers(
                "mcp-param-,mcp-param,mcp-param-a b,mcp-param-\u{e9},xmcp-param-a,mcp-param-a:",
            ),
            "POST",
            SENDS.into(),
            false,
        ),
        ("/mcp", format!("{network}: true\r\n"), "POST", SENDS.into(), true),
        ("/mcp", format!("{network}: false\r\n"), "POST", SENDS.into(), false),
    ] {
        let request = format!(
            "OPTIONS {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: {PAGE}\r\n{ASKS}{asked}\r\n"
        );
        let mut expected = vec![
            ("access-control-allow-methods", methods),
            ("access-control-allow-headers", &names),
            ("access-control-max-age", "7200"),
        ];
        if is_network {
            expected.push(("access-control-allow-private-network", "true"));
        }
        expected.extend(told(PAGE));
        let followed = [&request, &ping("")[..]].concat();
        let bytes: Vec<_> = request.as_bytes().chunks(1).collect();
        for pieces in [&[request.as_bytes()][..], &bytes, &[followed.as_bytes()]] {
            let responses = responses(&config, pieces);
            assert_eq!((responses[0].status, cors_fields(&responses[0])), (204, expected.clone()));
            assert!(!responses[0].closes(), "{request}");
            assert!(responses[1..].iter().all(|next| cors_fields(next).is_empty()));
        }
    }
}
