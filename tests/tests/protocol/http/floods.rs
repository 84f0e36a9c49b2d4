//! Requests without end, or of many tiny pieces: each has its answer, and what is kept meanwhile
//! follows from the limits and not from what is sent.

use mcp_proto::{Input, Limits, Output};
use mcp_tests::meter;

use super::{PING, Peer, config_with, in_chunks, now, ping, post};

const MIB: usize = 1 << 20;
/// As much as a driver reads at once.
const READ: usize = 16 * 1024;
/// A session with nothing in it but its states, and an answer.
const FIXED: usize = 6 * 1024;
/// A growing buffer has up to twice the room that it needs, and while it moves both exist.
const GROWING: usize = 3;

/// What came of a request.
struct Fate {
    /// Of each answer.
    statuses: Vec<u16>,
    answer: String,
    /// Whether we have ended the connection, if only our half of it.
    has_fin: bool,
    is_closed: bool,
    /// The most bytes that were held.
    peak: usize,
}

/// Sends `pieces`, and counts what is kept of them.
fn flood(limits: Limits, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Fate {
    let config = config_with(limits);
    // The answers themselves are the test's.
    let (mut received, mut has_fin) = (Vec::with_capacity(64 * 1024), false);
    meter::reset();
    meter::switch(true);
    let mut peer = Peer::new(config);
    for piece in pieces {
        for read in piece.as_ref().chunks(READ) {
            meter::switch(true);
            peer.session.handle(now(), Input::Bytes(read));
            meter::switch(false);
            drain(&mut peer, &mut received, &mut has_fin);
        }
    }
    let is_closed = peer.session.is_closed();
    let peak = meter::peak() as usize;
    let answer = String::from_utf8(received).unwrap();
    let statuses = answer.split("HTTP/1.1 ").skip(1).map(|part| part[..3].parse().unwrap());
    Fate { statuses: statuses.collect(), answer: answer.clone(), has_fin, is_closed, peak }
}

fn drain(peer: &mut Peer, received: &mut Vec<u8>, has_fin: &mut bool) {
    loop {
        while let Some(output) = peer.session.poll_output() {
            *has_fin |= matches!(output, Output::ShutdownWrite);
        }
        let bytes = peer.session.transmit();
        if bytes.is_empty() {
            return;
        }
        received.extend_from_slice(bytes);
        let count = bytes.len();
        meter::switch(true);
        peer.session.handle(now(), Input::Written(count));
        meter::switch(false);
    }
}

impl Fate {
    #[track_caller]
    fn check(&self, status: u16, has_fin: bool, bound: usize) {
        let answer = &self.answer[..self.answer.len().min(500)];
        assert_eq!((&self.statuses[..], self.has_fin), (&[status][..], has_fin), "{answer}");
        assert!(self.peak <= bound, "{} bytes held, where {bound} should do", self.peak);
    }
}

/// The head as received.
fn of_head(limits: &Limits) -> usize {
    FIXED + GROWING * (limits.head + READ)
}

/// The head, and the body as received; the answer may quote all of it.
fn of_body(length: usize) -> usize {
    of_head(&Limits::default()) + (GROWING + 1) * length
}

#[test]
fn heads_without_end() {
    let limits = Limits::default();
    let bound = of_head(&limits);
    let start = "POST /mcp HTTP/1.1\r\nHost: localhost\r\n";
    for (lines, status) in [
        ("a: b\r\n".repeat(10_000), 431),
        (format!("{}\r\n", "a:\r\n".repeat(101)), 431),
        (format!("X: {}\r\n\r\n", "y".repeat(MIB)), 431),
        (format!("{}: y\r\n\r\n", "x".repeat(65_536)), 431),
        ("x".repeat(MIB), 431),
        (format!("X:{}", " ".repeat(MIB)), 431),
        (format!("X: {}", "\t,".repeat(MIB / 2)), 431),
        (format!("Accept: {}\r\n", "*/*,".repeat(MIB / 4)), 431),
        (format!("Connection: {}\r\n", "close,".repeat(MIB / 6)), 431),
        (format!("Transfer-Encoding: {}\r\n", "chunked,".repeat(MIB / 8)), 431),
        (format!("Content-Length: {}\r\n", "0".repeat(MIB)), 431),
        ("\r".repeat(MIB), 431),
    ] {
        let fate = flood(limits.clone(), [start, &lines]);
        fate.check(status, true, bound);
    }
    flood(limits.clone(), [format!("GET /{}", "x".repeat(MIB))]).check(414, true, bound);
    flood(limits.clone(), [format!("GET /?{}", "%41".repeat(MIB / 3))]).check(414, true, bound);
    flood(limits.clone(), ["X".repeat(MIB)]).check(501, true, bound);
    flood(limits.clone(), [vec![0; MIB]]).check(400, true, bound);
    flood(limits, [vec![0xff; MIB]]).check(400, true, bound);
}

/// Offsets into a head have 16 bits, which bounds its fields as well.
#[test]
fn limits_that_are_set_too_high() {
    let limits = Limits { head: usize::MAX, fields: usize::MAX, ..Limits::default() };
    let head_of = |length: usize| {
        let head = ping("X: \r\n").len() - PING.len();
        ping(&format!("X: {}\r\n", "y".repeat(length - head)))
    };
    let bound = FIXED + (GROWING + 1) * (65_535 + READ);
    flood(limits.clone(), [head_of(65_535)]).check(200, false, bound);
    flood(limits.clone(), [head_of(65_536)]).check(431, true, bound);
    flood(limits.clone(), [ping(&"a:\r\n".repeat(16_000))]).check(200, false, bound);
    flood(limits, [ping(&"a:\r\n".repeat(17_000))]).check(431, true, bound);
}

/// RFC 9112 section 2.2 has us skip one; a peer that sends nothing else keeps nothing here.
#[test]
fn empty_lines_without_end() {
    let fate = flood(Limits::default(), ["\r\n".repeat(MIB / 2), ping("")]);
    fate.check(200, false, FIXED);
    let lines = "\r\n".repeat(10_000);
    let bytes = lines.as_bytes().chunks(1).map(<[u8]>::to_vec);
    let fate = flood(Limits::default(), bytes.chain([ping("").into_bytes()]));
    fate.check(200, false, FIXED);
}

#[test]
fn chunks_without_end() {
    let limits = Limits::default();
    // Some are as large as the limit of the body, and not kept.
    let bound = of_head(&limits) + GROWING * limits.chunk_overhead;
    for (body, status) in [
        (format!("28;{}", "x".repeat(MIB)), 400),
        (format!("28;{}\r\n{PING}\r\n0\r\n\r\n", "x".repeat(MIB)), 400),
        (format!("28;x=\"{}\"\r\n", "y".repeat(MIB)), 400),
        ("1;xxxxxxxxx\r\n \r\n".repeat(10_000), 400),
        ("0".repeat(MIB), 400),
        (format!("0\r\n{}", "T: v\r\n".repeat(10_000)), 431),
        (format!("0\r\nT: {}", "v".repeat(MIB)), 431),
        (format!("0\r\n{}", "t".repeat(MIB)), 431),
        ("ffffffffffffffff\r\n".to_owned(), 413),
        (format!("{:x}\r\n", limits.body + 1), 413),
    ] {
        flood(limits.clone(), [in_chunks(&body)]).check(status, true, bound);
    }
    // A body that is announced takes no room before it is there.
    let fates = [
        flood(limits.clone(), [in_chunks(&format!("{:x}\r\n", limits.body))]),
        flood(limits.clone(), [ping("").replace(": 40", &format!(": {}", limits.body))]),
    ];
    for fate in fates {
        assert_eq!((fate.statuses.len(), fate.has_fin), (0, false));
        assert!(fate.peak <= bound, "{}", fate.peak);
    }
    // A body that is more than announced is not taken in.
    let limits = Limits { body: 0x80000, ..limits };
    let chunks = format!("10000\r\n{}\r\n", " ".repeat(0x10000)).repeat(8);
    let fate = flood(limits.clone(), [in_chunks(&chunks), "1\r\n".into()]);
    fate.check(413, true, of_body(limits.body));
}

#[test]
fn tiny_chunks() {
    let body = format!("{PING}{}", " ".repeat(10_000));
    let each: String = body.chars().map(|byte| format!("1\r\n{byte}\r\n")).collect();
    let request = in_chunks(&format!("{each}0\r\n\r\n"));
    flood(Limits::default(), [&request]).check(200, false, of_body(body.len()));
    let bytes = request.as_bytes().chunks(1);
    flood(Limits::default(), bytes).check(200, false, of_body(body.len()));
}

/// RFC 9112 section 9.6: what a refused peer still sends is read for a while, and thrown away.
#[test]
fn what_follows_a_refusal_is_not_kept() {
    let limits = Limits { drain: MIB, ..Limits::default() };
    let request = ping("").replace("/mcp", "/other");
    let fate = flood(limits.clone(), [request.as_bytes(), &vec![b'x'; MIB - PING.len()]]);
    fate.check(404, true, of_head(&limits));
    assert!(!fate.is_closed);
    let fate = flood(limits.clone(), [request.as_bytes(), &vec![b'x'; MIB - PING.len() + 1]]);
    fate.check(404, true, of_head(&limits));
    assert!(fate.is_closed);
}

#[test]
fn bombs_of_json() {
    let limits = Limits { body: 512 * 1024, ..Limits::default() };
    let fill = |piece: &str| piece.repeat(limits.body / piece.len());
    let bound = of_body(limits.body);
    for (body, status) in [
        (fill("["), 400),
        (fill("{\"a\":"), 400),
        (fill("[]"), 400),
        (fill(" "), 400),
        (fill("\""), 400),
        (fill("\\u0000"), 400),
        (fill("9"), 400),
        (format!("[{}0]", fill("0,").split_at(limits.body - 4).0), 400),
        (format!("\"{}\"", " ".repeat(limits.body - 2)), 400),
        (format!("{{{}", &fill("\"id\":1,")[1..]), 400),
        (format!("{{\"id\":{}}}", "1".repeat(limits.body - 7)), 400),
        (format!("{PING}{}", " ".repeat(limits.body - PING.len())), 200),
    ] {
        assert!(body.len() <= limits.body);
        flood(limits.clone(), [post(&body)]).check(status, false, bound);
    }
    // An id comes back as it came.
    let id = "\\u0041".repeat(limits.body / 6 - 10);
    let fate = flood(limits, [post(&PING.replace(":1,", &format!(":\"{id}\",")))]);
    fate.check(200, false, bound);
    assert!(fate.answer.contains(&id));
}
