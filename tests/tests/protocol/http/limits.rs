//! Limits are inclusive, and refusals say what would be right.

use super::{
    End, JSON, PING, Peer, PeerClosed, Rows, answered, config, exchange, in_chunks, now, ping,
    post, refused, served,
};
use mcp_proto::{Input, Output};

fn rows() -> Rows {
    let mut rows = Rows::default();
    // The head: its limit is 1,024 bytes.
    let head_of = |length: usize| {
        let head = ping("X: \r\n").len() - PING.len();
        ping(&format!("X: {}\r\n", "y".repeat(length - head)))
    };
    rows.add("Limits::head", served(), [head_of(1024)]);
    rows.add("Limits::head", refused(431), [head_of(1025)]);
    // The target, if there is nothing else yet.
    let target_of = |length: usize| {
        let line = "GET /? HTTP/1.1\r\n";
        let target = "x".repeat(length - line.len());
        format!("GET /?{target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
    };
    rows.add("Limits::head", refused(431), [target_of(1024)]);
    rows.add("Limits::head", refused(414), [target_of(1025)]);
    // The body: 256 bytes, in either framing.
    let body_of = |length: usize| format!("{PING}{}", " ".repeat(length - PING.len()));
    let chunks_of = |length: usize| {
        let body = body_of(length);
        let (first, rest) = body.split_at(100);
        in_chunks(&format!("64\r\n{first}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n", rest.len()))
    };
    rows.add("Limits::body", served(), [post(&body_of(256)), chunks_of(256)]);
    rows.add("Limits::body", refused(413), [post(&body_of(257)), chunks_of(257)]);
    // Chunk extensions and trailers: 40 bytes, in all chunks together.
    let overhead_of = |extension: usize, trailer: usize| {
        let (extension, trailer) = ("x".repeat(extension - 1), "y".repeat(trailer - 3));
        let (first, rest) = PING.split_at(20);
        let last = format!("0\r\nT: {trailer}\r\n\r\n");
        in_chunks(&format!("14;{extension}\r\n{first}\r\n14\r\n{rest}\r\n{last}"))
    };
    rows.add("Limits::chunk_overhead", served(), [overhead_of(36, 4), overhead_of(1, 39)]);
    rows.add("Limits::chunk_overhead", refused(400), [overhead_of(41, 3)]);
    rows.add("Limits::chunk_overhead", refused(431), [overhead_of(37, 4), overhead_of(1, 40)]);
    // Fields: 10 of them, with the three of every ping.
    rows.add("Limits::fields", served(), [ping(&"X: y\r\n".repeat(7))]);
    rows.add("Limits::fields", refused(431), [ping(&"X: y\r\n".repeat(8))]);
    // Nesting: 4 levels.
    let nested = |value: &str| {
        post(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":{value}}}}}"#))
    };
    rows.add("Limits::json_depth", served(), [nested("[[1]]")]);
    rows.add("Limits::json_depth", answered(400), [nested("[[[1]]]")]);
    rows
}

#[test]
fn limits_are_inclusive() {
    rows().check();
}

#[test]
fn a_refusal_says_what_would_be_right() {
    for (line, status, says) in [
        ("GET /mcp HTTP/1.1", "405 Method Not Allowed", "POST"),
        ("BREW /mcp HTTP/1.1", "501 Not Implemented", "POST"),
        ("GET /other HTTP/1.1", "404 Not Found", "no MCP endpoint"),
        ("GET /mcp HTTP/2.0", "505 HTTP Version Not Supported", "HTTP/1.1"),
        (&format!("GET /{}", "x".repeat(1100)), "414 URI Too Long", "1024 bytes"),
    ] {
        let mut peer = Peer::new(config());
        peer.send(format!("{line}\r\nHost: localhost\r\n\r\n").as_bytes());
        let text = peer.read(false);
        assert!(text.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{text}");
        assert_eq!(text.contains("\r\nAllow: POST\r\n"), status.starts_with("405"), "{text}");
        let body = text.split_once("\r\n\r\n").unwrap().1;
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["error"]["code"], -32600);
        assert!(body["error"]["message"].as_str().unwrap().contains(says), "{body}");
        assert!(body.get("id").is_none());
    }
}

/// RFC 9112 section 9.6: a connection that is closed too early takes the answer with it.
#[test]
fn a_refused_peer_has_time_to_read_why() {
    let mut peer = Peer::new(config());
    let request = ping("").replace("/mcp", "/other");
    let (head, body) = request.split_at(request.len() - PING.len());
    peer.send(head.as_bytes());
    // We have sent our FIN; what the peer still sends is taken in, until its own FIN.
    assert!(peer.has_fin() && !peer.session.is_closed());
    assert!(peer.session.wants_read());
    peer.send(body.as_bytes());
    assert!(!peer.session.is_closed());
    peer.session.handle(now(), Input::PeerClosed(PeerClosed::Fin));
    assert!(matches!(peer.session.poll_output(), Some(Output::Close)));
    assert!(peer.session.poll_output().is_none());
}

/// RFC 9110 section 9.3.2: the answer to a HEAD has no content, whatever it is.
#[test]
fn answers_to_head_have_no_content() {
    for request in [
        "HEAD /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "HEAD /other HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "HEAD /mcp HTTP/1.1\r\nHost: a b\r\n\r\n",
        "HEAD /mcp HTTP/1.1\r\n\r\n",
        "HEAD /mcp HTTP/1.2\r\n\r\n",
        "HEAD /mcp HTTP/1.1\n",
        "HEAD /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
    ] {
        let mut peer = Peer::new(config());
        peer.send(request.as_bytes());
        let text = peer.read(true);
        assert!(text.ends_with("\r\n\r\n") && text.contains("Content-Length: "), "{text}");
    }
}

#[test]
fn a_row_that_is_wrong_is_found() {
    let mut rows = Rows::default();
    rows.add("", served(), [format!("GET / HTTP/1.1\r\n{JSON}\r\n")]);
    assert!(rows.0[0].check().is_err());
    assert_eq!(exchange(&[ping("").as_bytes()]).end, End::Open);
}
