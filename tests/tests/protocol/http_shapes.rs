//! What a session makes of every shape of HTTP request: the status, and whether the connection
//! survives. One row a shape, each fed whole, byte by byte, and with another request behind it.

use std::sync::Arc;

use mcp_proto::{
    Config, Endpoint, Input, Instant, Limits, Now, Output, PeerClosed, Revision, ServerInfo,
    Session, ToolsCapability,
};
use mcp_tests::http::read_responses;
use mcp_tests::schema;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const JSON: &str = "Host: localhost\r\nContent-Type: application/json\r\n";

fn config() -> Arc<Config> {
    let mut info = ServerInfo::new("shapes", "1.0.0");
    info.capabilities.tools = Some(ToolsCapability::default());
    let mut config = Config::new([Endpoint::new("/mcp", info).unwrap()]);
    config.limits = Limits::default();
    config.limits.head = 1024;
    config.limits.fields = 10;
    config.limits.body = 256;
    config.limits.chunk_overhead = 16;
    config.limits.json_depth = 4;
    Arc::new(config)
}

fn now() -> Now {
    Instant::from_micros(0).into()
}

/// A session and what it has said so far.
struct Peer {
    session: Session,
    received: Vec<u8>,
    has_fin: bool,
}

impl Peer {
    fn new() -> Self {
        Self { session: Session::new(config(), now()), received: Vec::new(), has_fin: false }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.session.handle(now(), Input::Bytes(bytes));
        loop {
            let bytes = self.session.transmit();
            if bytes.is_empty() {
                break;
            }
            self.received.extend_from_slice(bytes);
            let count = bytes.len();
            self.session.handle(now(), Input::Written(count));
        }
        while let Some(output) = self.session.poll_output() {
            self.has_fin |= matches!(output, Output::ShutdownWrite);
        }
    }

    /// All that has come back, whose messages are valid by their [`schema`]. No request here names
    /// a revision, and only a ping has a result.
    fn read(self, begins_with_head: bool) -> String {
        let responses = read_responses(&self.received, |number, _| begins_with_head && number == 0);
        for response in &responses.finals {
            for message in response.messages() {
                schema::check(Revision::V2025_03_26, message, Some("ping"));
            }
        }
        String::from_utf8(self.received).unwrap()
    }
}

/// What came back: the statuses, and whether the connection takes another request.
fn exchange(pieces: &[&[u8]]) -> (Vec<u16>, bool) {
    let mut peer = Peer::new();
    pieces.iter().for_each(|piece| peer.send(piece));
    let survives = !peer.has_fin;
    let text = peer.read(pieces.concat().starts_with(b"HEAD "));
    let statuses = text.split("HTTP/1.1 ").skip(1).map(|part| part[..3].parse().unwrap()).collect();
    (statuses, survives)
}

#[track_caller]
fn check(request: &str, statuses: &[u16], survives: bool) {
    let request = request.as_bytes();
    let expected = (statuses.to_vec(), survives);
    assert_eq!(exchange(&[request]), expected, "whole: {}", request.escape_ascii());
    let bytes: Vec<_> = request.chunks(1).collect();
    assert_eq!(exchange(&bytes), expected, "byte by byte: {}", request.escape_ascii());
    // Another request is served if the connection survives, and not even looked at if not.
    let follower = ping("");
    let followed = [request, follower.as_bytes()].concat();
    let mut expected = expected;
    if survives {
        expected.0.push(200);
    }
    assert_eq!(exchange(&[&followed]), expected, "followed: {}", request.escape_ascii());
}

/// A ping with more header fields.
fn ping(fields: &str) -> String {
    format!("POST /mcp HTTP/1.1\r\n{JSON}{fields}Content-Length: {}\r\n\r\n{PING}", PING.len())
}

fn post(body: &str) -> String {
    format!("POST /mcp HTTP/1.1\r\n{JSON}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn chunked(body: &str) -> String {
    format!("POST /mcp HTTP/1.1\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n{body}")
}

#[test]
fn requests_that_are_served() {
    check(&ping(""), &[200], true);
    check(&format!("\r\n\r\n{}", ping("")), &[200], true);
    check(&ping("Connection: close\r\n"), &[200], false);
    check(&ping("Expect: 100-continue\r\n"), &[100, 200], true);
    check(&ping("Accept: application/json\r\n"), &[200], true);
    check(&ping("Accept: text/event-stream\r\n"), &[200], true);
    check(&ping("Origin: http://localhost\r\n"), &[200], true);
    check(&ping("").replace("/mcp", "/mcp/?x=y"), &[200], true);
    check(&ping("").replace("/mcp", "http://localhost/mcp"), &[200], true);
    check(&ping("").replace("HTTP/1.1", "HTTP/1.0"), &[200], false);
    check(&ping("Connection: keep-alive\r\n").replace("HTTP/1.1", "HTTP/1.0"), &[200], true);
    let (first, rest) = PING.split_at(7);
    let chunks = format!("7;x=y\r\n{first}\r\n{:X}\r\n{rest}\r\n0\r\nT: v\r\n\r\n", rest.len());
    check(&chunked(&chunks), &[200], true);
    check(&post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#), &[202], true);
}

#[test]
fn requests_whose_json_is_refused_cost_no_connection() {
    for body in [
        "{",
        "\u{feff}{}",
        "nonsense",
        "1",
        "[]",
        "{}",
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":7}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":[[[1]]]}}"#,
    ] {
        check(&post(body), &[400], true);
    }
    check(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\r\n",
        &[400],
        true,
    );
    let mut not_utf8 = post("xx").into_bytes();
    let end = not_utf8.len();
    not_utf8[end - 2..].copy_from_slice(b"\xff\xfe");
    assert_eq!(exchange(&[&not_utf8]), (vec![400], true));
    // The 2025 revisions answer what they could read with 200.
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"no/such"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize"}"#,
    ] {
        check(&post(body), &[200], true);
    }
}

#[test]
fn requests_that_are_refused_by_their_head() {
    let with = |from: &str, to: &str| {
        let request = ping("");
        assert!(request.contains(from), "{from}");
        request.replace(from, to)
    };
    for (request, status) in [
        (with("/mcp", "/other"), 404),
        (with("/mcp", "/mcp%2"), 400),
        (with("/mcp", "*"), 404),
        (with("Host: localhost", "Host: evil.example.com"), 403),
        (with("Host: localhost", "Host: a b"), 400),
        (ping("Origin: http://evil.example.com\r\n"), 403),
        (with("application/json", "text/plain"), 415),
        (ping("Content-Encoding: gzip\r\n"), 415),
        (ping("Accept: text/html\r\n"), 406),
        (with("POST", "PUT"), 405),
        (with("POST", "BREW"), 501),
        (with(&format!("Content-Length: {}", PING.len()), "Content-Length: 257"), 413),
        // Framing that is read differently on the way, or not at all (RFC 9112).
        (with("Host: localhost\r\n", ""), 400),
        (ping("Host: localhost\r\n"), 400),
        (ping("Transfer-Encoding: chunked\r\n"), 400),
        (ping("Content-Length: 5\r\n"), 400),
        (with("Content-Length: ", "Content-Length: +"), 400),
        (with("Content-Length: ", "Content-Length : "), 400),
        (with("Content-Length: ", "X: y\r\n folded: "), 400),
        (with("Content-Type", "X\r\nContent-Type"), 400),
        (with("localhost\r\n", "localhost\n"), 400),
        (with("Host: ", "X: a\rb\r\nHost: "), 400),
        (with("Host: ", "X: a\0b\r\nHost: "), 400),
        (with(" HTTP/1.1", "  HTTP/1.1"), 400),
        (with(" HTTP/1.1", ""), 400),
        (with("HTTP/1.1", "HTTP/2.0"), 505),
        (with("HTTP/1.1", "HTTP/1.2"), 505),
        (with("Content-Length: 40", "Transfer-Encoding: gzip"), 400),
        (with("Content-Length: 40", "Transfer-Encoding: chunked, gzip"), 400),
        (with("Content-Length: 40", "Transfer-Encoding: gzip, chunked"), 501),
        (ping("Expect: a miracle\r\n"), 417),
        (ping(&format!("X: {}\r\n", "y".repeat(1024))), 431),
        (ping(&"X: y\r\n".repeat(8)), 431),
    ] {
        check(&request, &[status], false);
    }
    // Without a body, nothing stands in the way of the next request.
    check("GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", &[405], true);
    check("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", &[405], true);
    check("OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", &[405], true);
    check("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", &[404], true);
    check("HEAD /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n", &[405], true);
}

#[test]
fn chunks_that_are_refused() {
    for body in
        ["x\r\n", "\r\n", "5 \r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "2\r\n{}}\r\n"]
    {
        check(&chunked(body), &[400], false);
    }
    check(&chunked("101\r\n"), &[413], false);
    check(&chunked("ffffffffffffffff\r\n"), &[413], false);
    check(&chunked("11111111111111111\r\n"), &[400], false);
    check(&chunked(&format!("1;{}\r\n", "x".repeat(16))), &[400], false);
    check(&chunked(&format!("0\r\nX: {}\r\n", "y".repeat(14))), &[431], false);
}

#[test]
fn limits_are_inclusive() {
    // The head: its limit is 1,024 bytes.
    let head_of = |length: usize| {
        let bare = ping("X: \r\n");
        let head = bare.len() - PING.len();
        ping(&format!("X: {}\r\n", "y".repeat(length - head)))
    };
    check(&head_of(1024), &[200], true);
    check(&head_of(1025), &[431], false);
    // The body: 256 bytes, in either framing.
    let body_of = |length: usize| format!("{PING}{}", " ".repeat(length - PING.len()));
    check(&post(&body_of(256)), &[200], true);
    check(&post(&body_of(257)), &[413], false);
    let in_chunks = |length: usize| {
        let body = body_of(length);
        let (first, rest) = body.split_at(100);
        chunked(&format!("64\r\n{first}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n", rest.len()))
    };
    check(&in_chunks(256), &[200], true);
    let (statuses, survives) = exchange(&[in_chunks(257).as_bytes()]);
    assert_eq!((statuses, survives), (vec![413], false));
    // Fields: 10 of them, with the three of every ping.
    check(&ping(&"X: y\r\n".repeat(7)), &[200], true);
    // Nesting: 4 levels.
    let nested = r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":[[1]]}}"#;
    check(&post(nested), &[200], true);
}

#[test]
fn a_refusal_says_what_would_be_right() {
    let mut peer = Peer::new();
    peer.send(b"GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let text = peer.read(false);
    assert!(text.contains("\r\nAllow: POST\r\n"), "{text}");
    let body = text.split_once("\r\n\r\n").unwrap().1;
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["error"]["code"], -32600);
    assert!(body["error"]["message"].as_str().unwrap().contains("POST"));
    assert!(body.get("id").is_none());
}

#[test]
fn a_refused_peer_has_time_to_read_why() {
    let mut peer = Peer::new();
    let request = ping("").replace("/mcp", "/other");
    let (head, body) = request.split_at(request.len() - PING.len());
    peer.send(head.as_bytes());
    // We have sent our FIN; what the peer still sends is taken in, until its own FIN.
    assert!(peer.has_fin && !peer.session.is_closed());
    assert!(peer.session.wants_read());
    peer.send(body.as_bytes());
    assert!(!peer.session.is_closed());
    peer.session.handle(now(), Input::PeerClosed(PeerClosed::Fin));
    assert!(matches!(peer.session.poll_output(), Some(Output::Close)));
    assert!(peer.session.poll_output().is_none());
}
