//! The limits of one connection.

use std::sync::Arc;

use mcp_proto::{
    CallKey, CallToolResult, Input, Instant, Limits, LineSession, Notification, Output, Progress,
    Refusal, Reply, ResponseMode, SessionId,
};
use mcp_tests::peer::{CALL, PING, Peer, begin_chunks, config, post, post_in_chunks, push_chunk};

use super::{PIECES, is_refused, is_served, limited, peer, serves};

/// A ping whose head has that many bytes.
fn head_of(length: usize) -> Vec<u8> {
    let bare = post("X: \r\n", PING).len() - PING.len();
    post(&format!("X: {}\r\n", "y".repeat(length - bare)), PING)
}

/// A ping that has that many bytes, blanks at the end included.
fn body_of(length: usize) -> String {
    format!("{PING:length$}")
}

fn call(peer: &mut Peer) -> CallKey {
    peer.send(&post("", CALL));
    peer.calls.pop().expect("a call").key()
}

fn done() -> Reply {
    Reply::Tool(CallToolResult::text("done"))
}

#[test]
fn head() {
    let limits = Limits { head: 300, ..Limits::default() };
    is_served(&limits, &head_of(300));
    is_refused(&limits, &head_of(301), 431, "larger than 300 bytes", false);
    // It is refused as soon as it cannot pass any more, and not before.
    let mut peer = peer(&limits);
    let head = &head_of(400)[..301];
    peer.send_in(1, &head[..300]);
    assert!(peer.refusals().is_empty());
    peer.send(&head[300..]);
    assert_eq!(peer.refusals(), [Refusal::HeadTooLarge { limit: 300 }]);
}

#[test]
fn fields() {
    let limits = Limits { fields: 10, ..Limits::default() };
    // Three are those of every ping.
    is_served(&limits, &post(&"X: y\r\n".repeat(7), PING));
    is_refused(&limits, &post(&"X: y\r\n".repeat(8), PING), 431, "more than 10 header", false);
    // Those of an earlier request do not count.
    let mut peer = peer(&limits);
    for _ in 0..3 {
        peer.send(&post(&"X: y\r\n".repeat(7), PING));
        assert_eq!(peer.statuses("ping"), [200]);
    }
}

#[test]
fn body() {
    let limits = Limits { body: 100, ..Limits::default() };
    is_served(&limits, &post("", &body_of(100)));
    for size in [1, 7, 99, 100] {
        is_served(&limits, &post_in_chunks(&body_of(100), size));
    }
    let reason = "larger than 100 bytes";
    is_refused(&limits, &post("", &body_of(101)), 413, reason, false);
    for size in [1, 7, 100, 101] {
        is_refused(&limits, &post_in_chunks(&body_of(101), size), 413, reason, false);
    }
    // An announcement is enough: what is too large need not come.
    let request = post("", &body_of(101));
    is_refused(&limits, &request[..request.len() - 101], 413, reason, false);
    let mut request = begin_chunks();
    push_chunk(&mut request, &[b' '; 100]);
    let mut peer = peer(&limits);
    peer.send_in(1, &request);
    assert!(peer.refusals().is_empty());
    peer.send_in(1, b"1\r\n");
    assert_eq!(peer.refusals(), [Refusal::BodyTooLarge { limit: 100 }]);
    // Neither is too much to count.
    for size in ["ffffffffffffffff", "10000000000000065"] {
        let mut request = begin_chunks();
        request.extend_from_slice(format!("{size}\r\n").as_bytes());
        let status = if size.len() > 16 { 400 } else { 413 };
        is_refused(&limits, &request, status, "", false);
    }
}

#[test]
fn chunk_overhead() {
    let limits = Limits { chunk_overhead: 16, ..Limits::default() };
    // Extensions of as many bytes, each with its semicolon, on the chunks of a ping.
    let extended = |extensions: &[&str], trailers: &str| {
        let mut request = begin_chunks();
        let mut rest = PING;
        for extension in extensions {
            let data;
            (data, rest) = rest.split_at(1);
            request.extend_from_slice(format!("1{extension}\r\n{data}\r\n").as_bytes());
        }
        push_chunk(&mut request, rest.as_bytes());
        request.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
        request
    };
    let extensions = "chunk extensions are larger than 16 bytes";
    is_served(&limits, &extended(&[";abcdefghijklmno"], ""));
    is_refused(&limits, &extended(&[";abcdefghijklmnop"], ""), 400, extensions, false);
    is_served(&limits, &extended(&[";a=b"; 4], ""));
    is_refused(
        &limits,
        &extended(&[";a=b", ";a=b", ";a=b", ";a=b", ";"], ""),
        400,
        extensions,
        false,
    );
    let trailers = "trailer section is larger than 16 bytes";
    is_served(&limits, &extended(&[], "A: bcde\r\nF: ghijkl\r\n"));
    is_refused(&limits, &extended(&[], "A: bcde\r\nF: ghijklm\r\n"), 431, trailers, false);
    // Both together.
    is_served(&limits, &extended(&[";a=b"; 2], "A: bcdef\r\n"));
    is_refused(&limits, &extended(&[";a=b"; 2], "A: bcdefg\r\n"), 431, trailers, false);
    // Those of an earlier request do not count.
    let mut peer = peer(&limits);
    for _ in 0..3 {
        peer.send(&extended(&[";a=b"; 4], ""));
        assert_eq!(peer.statuses("ping"), [200]);
    }
}

#[test]
fn batch() {
    let limits = Limits { batch: 4, ..Limits::default() };
    let batch_of = |count: usize| format!("[{}]", vec![PING; count].join(","));
    is_served(&limits, &post("", &batch_of(4)));
    is_served(&limits, &post_in_chunks(&batch_of(4), 3));
    is_refused(&limits, &post("", &batch_of(5)), 400, "more than 4 messages", true);
    is_refused(&limits, &post_in_chunks(&batch_of(5), 3), 400, "more than 4 messages", true);
    // Each of them is answered, and what gets no answer counts, too.
    let mut peer = peer(&limits);
    peer.send(&post("", &batch_of(4)));
    assert_eq!(peer.responses("ping").finals[0].messages().len(), 4);
    let told = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let mixed = format!("[{},{PING}]", [told; 4].join(","));
    is_refused(&limits, &post("", &mixed), 400, "more than 4 messages", true);
}

#[test]
fn in_flight() {
    let limits = Limits { in_flight: 3, ..Limits::default() };
    let mut session = LineSession::new(limited(&limits));
    let now = Instant::from_micros(0).into();
    let mut calls = Vec::new();
    let mut call = |session: &mut LineSession| {
        session.handle(now, Input::Bytes(format!("{CALL}\n").as_bytes()));
        while let Some(output) = session.poll_output() {
            if let Output::Call(call) = output {
                calls.push(call.key());
            }
        }
        calls.clone()
    };
    assert_eq!([1, 2, 3].map(|_| call(&mut session).len()), [1, 2, 3]);
    assert!(session.transmit().is_empty());
    let open = call(&mut session);
    assert_eq!(open.len(), 3);
    let refused = String::from_utf8_lossy(session.transmit()).into_owned();
    assert!(refused.contains("3 requests are being served already"), "{refused}");
    // One that is over makes room for another.
    session.handle(now, Input::Reply(open[1], done()));
    assert_eq!(call(&mut session).len(), 4);
}

/// The call by which a connection listens to its session is none of the client's.
#[test]
fn in_flight_beside_a_session() {
    let mut config = config(true);
    config.limits.in_flight = 1;
    let mut session = LineSession::new(Arc::new(config));
    let now = Instant::from_micros(0).into();
    let send = |session: &mut LineSession, input: Input<'_>| {
        session.handle(now, input);
        let outputs = std::iter::from_fn(|| session.poll_output());
        let calls = outputs.filter_map(|output| match output {
            Output::Call(call) => Some(call.key()),
            _ => None,
        });
        calls.collect::<Vec<_>>()
    };
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{}}}"#;
    let begun = send(&mut session, Input::Bytes(format!("{initialize}\n").as_bytes()));
    let reply = Reply::Initialized(Some(SessionId::new([1; 16])));
    assert_eq!(send(&mut session, Input::Reply(begun[0], reply)).len(), 1, "it listens");
    assert!(session.wants_read());
    let line = format!("{CALL}\n");
    assert_eq!(send(&mut session, Input::Bytes(line.as_bytes())).len(), 1);
    assert!(session.wants_read());
    assert!(send(&mut session, Input::Bytes(line.as_bytes())).is_empty(), "it is one too many");
    let refused = String::from_utf8_lossy(session.transmit()).into_owned();
    assert!(refused.contains("1 requests are being served already"), "{refused}");
    // A ping is answered whatever it is at work on.
    let length = refused.len();
    assert!(send(&mut session, Input::Bytes(format!("{PING}\n").as_bytes())).is_empty());
    assert_eq!(&session.transmit()[length..], b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
    // Messages without an id are waited for, as nobody can be told that they were refused.
    let told = b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";
    let keys = send(&mut session, Input::Bytes(told));
    assert_eq!(keys.len(), 1);
    assert!(!session.wants_read());
    send(&mut session, Input::Reply(keys[0], Reply::Done));
    assert!(session.wants_read());
}

#[test]
fn json_depth() {
    let limits = Limits { json_depth: 6, ..Limits::default() };
    // The message and its parameters are two levels.
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels - 2), "]".repeat(levels - 2));
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{{"a":{open}{close}}}}}"#)
    };
    is_served(&limits, &post("", &nested(6)));
    is_served(&limits, &post_in_chunks(&nested(6), 1));
    is_refused(&limits, &post("", &nested(7)), 400, "deeper than 6 levels", true);
    is_refused(&limits, &post_in_chunks(&nested(7), 1), 400, "deeper than 6 levels", true);
    // A batch is a level of its own.
    is_served(&limits, &post("", &format!("[{}]", nested(5))));
    is_refused(&limits, &post("", &format!("[{}]", nested(6))), 400, "deeper than 6 levels", true);
}

#[test]
fn read_ahead() {
    let calls = post("", CALL).repeat(3);
    let limits = Limits { read_ahead: calls.len(), ..Limits::default() };
    for size in PIECES {
        let mut peer = peer(&limits);
        let mut key = call(&mut peer);
        let (before, last) = calls.split_at(calls.len() - 1);
        peer.send_in(size, before);
        assert!(peer.session.wants_read());
        peer.send(last);
        assert!(!peer.session.wants_read());
        // What has been read by then is not lost, and does not change that.
        peer.send(&calls);
        assert!(!peer.session.wants_read());
        for nth in 1..=7 {
            peer.reply(key, done());
            assert_eq!(peer.statuses("tools/call"), [200]);
            // As many bytes as there are calls behind the one that is served now.
            let behind = (6_usize).saturating_sub(nth) * calls.len() / 3;
            assert_eq!(peer.session.wants_read(), behind < calls.len(), "behind {nth}");
            key = peer.calls.pop().map_or(key, |call| call.key());
        }
        assert!(peer.calls.is_empty());
        serves(&mut peer);
    }
}

#[test]
fn unsent() {
    let progress = |peer: &mut Peer, key, progress| {
        peer.notify(key, Notification::Progress(Progress::new(progress)));
    };
    let deaf = |unsent| {
        let mut config = config(false);
        config.limits.unsent = unsent;
        config.endpoints[0].response_mode = ResponseMode::EventStream;
        let mut peer = Peer::deaf(&config.into(), Instant::default());
        let key = call(&mut peer);
        (peer, key)
    };
    // However little that is, what has been read makes room for one more.
    let (mut peer, key) = deaf(0);
    for nth in 1..=3 {
        assert!(peer.session.can_notify());
        progress(&mut peer, key, f64::from(nth));
        assert!(!peer.session.can_notify());
        while peer.read(7) > 0 {}
    }
    let (mut peer, key) = deaf(usize::MAX);
    (1..=3).for_each(|nth| progress(&mut peer, key, f64::from(nth)));
    let length = peer.session.transmit().len();
    for (unsent, is_below) in [(length + 1, true), (length, false)] {
        let (mut peer, key) = deaf(unsent);
        for nth in 1..=3 {
            assert!(peer.session.can_notify());
            progress(&mut peer, key, f64::from(nth));
        }
        assert_eq!(peer.session.can_notify(), is_below);
        // One byte makes room.
        peer.read(1);
        assert!(peer.session.can_notify());
        // A result is not held back.
        let text = "x".repeat(3 * length);
        peer.reply(key, Reply::Tool(CallToolResult::text(text.as_str())));
        assert!(!peer.session.can_notify());
        while peer.read(7) > 0 {}
        let responses = peer.responses("tools/call").finals;
        assert!(responses[0].is_complete && responses[0].messages().len() == 4);
        assert!(responses[0].messages()[3].contains(&text));
        peer.reads = true;
        serves(&mut peer);
    }
}

/// A client that reads nothing is read no further, until it does.
#[test]
fn unsent_line_by_line() {
    let (line, answer) = (format!("{PING}\n"), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
    let now = Instant::from_micros(0).into();
    let limits = Limits { unsent: 0, ..Limits::default() };
    let mut session = LineSession::new(limited(&limits));
    for _ in 0..3 {
        assert!(session.wants_read());
        session.handle(now, Input::Bytes(line.as_bytes()));
        assert_eq!(session.transmit(), answer.as_bytes());
        assert!(!session.wants_read());
        session.handle(now, Input::Written(answer.len()));
    }
    let limits = Limits { unsent: 3 * answer.len(), ..Limits::default() };
    for size in PIECES {
        let mut session = LineSession::new(limited(&limits));
        for nth in 1..=5 {
            assert_eq!(session.wants_read(), nth <= 3, "before line {nth}, in pieces of {size}");
            for piece in line.as_bytes().chunks(size) {
                session.handle(now, Input::Bytes(piece));
            }
            let answers = String::from_utf8_lossy(session.transmit());
            assert_eq!(answers, answer.repeat(nth.min(3)), "in pieces of {size}");
        }
        // One byte makes room for one more answer, and then for the last.
        session.handle(now, Input::Written(1));
        assert!(!session.wants_read());
        session.handle(now, Input::Written(answer.len()));
        assert_eq!(session.transmit().len(), 4 * answer.len() - 1);
        assert!(!session.wants_read());
        session.handle(now, Input::Written(4 * answer.len() - 1));
        assert!(session.wants_read());
    }
}

#[test]
fn drain() {
    let limits = Limits { drain: 50, ..Limits::default() };
    let head = "POST /other HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n";
    for size in PIECES {
        for with_the_head in [0, 20, 50] {
            let mut peer = peer(&limits);
            let request = [head.as_bytes(), &[b' '; 50][..with_the_head]].concat();
            peer.send(&request);
            assert_eq!(peer.statuses("ping"), [404]);
            assert!(peer.has_fin && peer.session.wants_read());
            peer.send_in(size, &[b' '; 50][with_the_head..]);
            assert!(!peer.is_closed, "{with_the_head} with the head, in pieces of {size}");
            peer.send(b" ");
            assert!(peer.is_closed);
            assert!(!peer.session.wants_read());
        }
        // Who stays below has all the time to read, and is then let go.
        let mut peer = peer(&limits);
        peer.send(head.as_bytes());
        peer.send_in(size, &[b' '; 50]);
        peer.close();
        assert!(peer.is_closed);
    }
    let mut peer = peer(&limits);
    peer.send(&[head.as_bytes(), &[b' '; 51]].concat());
    assert_eq!((peer.statuses("ping"), peer.is_closed), (vec![404], true));
}
