//! What a session makes of hostile JSON: the status, the code of JSON-RPC, and the call that comes
//! out, if one does. Each body is fed in either framing, whole and byte by byte. None of them costs
//! the connection.

use std::sync::Arc;

use mcp_proto::{CallToolResult, Config, Input, Limits, Output, Reply};
use serde_json::Value;

use super::{PING, Peer, config_with, in_chunks, ping};

/// The codes of JSON-RPC 2.0, section 5.1.
pub(super) const PARSE_ERROR: i64 = -32700;
pub(super) const INVALID_REQUEST: i64 = -32600;
pub(super) const METHOD_NOT_FOUND: i64 = -32601;
pub(super) const INVALID_PARAMS: i64 = -32602;
pub(super) const HEADER_MISMATCH: i64 = -32020;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    /// Name and arguments of the call, if there was one.
    pub(super) call: Option<(String, String)>,
}

impl Answer {
    /// The code of the error, if it is one.
    pub(super) fn code(&self) -> Option<i64> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        body["error"]["code"].as_i64()
    }
}

/// Sends `body` in every way, with these fields; the answer must be the same.
#[track_caller]
pub(super) fn answer_in(config: &Arc<Config>, fields: &str, body: &[u8]) -> Answer {
    let head = ping(fields).replace(PING, "");
    let with_length = head.replace(": 40\r\n", &format!(": {}\r\n", body.len())).into_bytes();
    let in_chunks = in_chunks("").replacen("Host:", &format!("{fields}Host:"), 1).into_bytes();
    let one: Vec<_> = match body {
        [] => Vec::new(),
        body => [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n"].concat(),
    };
    let tiny: Vec<_> =
        body.iter().flat_map(|byte| [b'1', b'\r', b'\n', *byte, b'\r', b'\n']).collect();
    let requests = [
        [&with_length[..], body].concat(),
        [&in_chunks[..], &one, b"0\r\n\r\n"].concat(),
        [&in_chunks[..], &tiny, b"0\r\n\r\n"].concat(),
    ];
    let mut answers = requests
        .iter()
        .flat_map(|request| [request.len(), 1].map(|size| exchange(config, request, size)));
    let first = answers.next().expect("an answer");
    for other in answers {
        assert_eq!(other, first, "{}", body.escape_ascii());
    }
    first
}

/// Sends a request in pieces of that size, and a ping behind it.
#[track_caller]
fn exchange(config: &Arc<Config>, request: &[u8], size: usize) -> Answer {
    let mut peer = Peer::new(config.clone());
    request.chunks(size).for_each(|piece| peer.send(piece));
    let mut call = None;
    for output in std::mem::take(&mut peer.outputs) {
        match output {
            Output::Call(made) => {
                let request = made.request();
                call = Some((request.name().to_owned(), request.arguments().to_owned()));
                peer.give(Input::Reply(made.key(), Reply::Tool(CallToolResult::text(""))));
            }
            Output::Event(_) => {}
            other => panic!("{other:?} after {}", request.escape_ascii()),
        }
    }
    let response = String::from_utf8(std::mem::take(&mut peer.received)).expect("UTF-8");
    let (head, body) = response.split_once("\r\n\r\n").expect("a response");
    let status = head["HTTP/1.1 ".len()..][..3].parse().expect("a status");
    peer.send(ping("").as_bytes());
    assert!(peer.received.starts_with(b"HTTP/1.1 200 OK"), "{}", request.escape_ascii());
    Answer { status, body: body.to_owned(), call }
}

pub(super) fn answer(body: impl AsRef<[u8]>) -> Answer {
    answer_in(&config_with(Limits::default()), "", body.as_ref())
}

#[track_caller]
pub(super) fn check<B: AsRef<[u8]>>(status: u16, code: i64, bodies: impl IntoIterator<Item = B>) {
    for body in bodies {
        let answer = answer(&body);
        let found = (answer.status, answer.code());
        let body = body.as_ref().escape_ascii();
        assert_eq!(found, (status, Some(code)), "{body}: {}", answer.body);
    }
}

/// A ping in which one text is replaced.
pub(super) fn with(from: &str, to: &str) -> String {
    assert!(PING.contains(from));
    PING.replacen(from, to, 1)
}

/// A ping with that id, as JSON.
pub(super) fn with_id(id: &str) -> String {
    with(":1,", &format!(":{id},"))
}

/// A ping with a member more.
pub(super) fn with_member(member: &str) -> String {
    with("}", &format!(",{member}}}"))
}

pub(super) fn call(name: &str, arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":{name},"arguments":{arguments}}}}}"#
    )
}

#[test]
fn what_is_no_json() {
    check(
        400,
        PARSE_ERROR,
        ["", " ", "\r\n\t ", "\0", "\u{feff}", "{", "}", "[", "]", "\"", "nul"],
    );
    let behind = ["{}", PING, "x", ",", "}", "]", "\0", "\u{feff}", "1", "//", "\u{1a}", "\u{a0}"];
    check(400, PARSE_ERROR, behind.map(|more| format!("{PING}{more}")));
    let before = ["\u{feff}", "\0", ",", "x", "1", "/**/", "\u{a0}", "\u{2028}", ")]}'\n"];
    check(400, PARSE_ERROR, before.map(|more| format!("{more}{PING}")));
    check(400, PARSE_ERROR, (0..PING.len()).map(|end| &PING[..end]));
    check(
        400,
        PARSE_ERROR,
        [
            with("}", ",}"),
            with("{", "{,"),
            with(",", ",,"),
            with(",", " "),
            with(":1", ":1/**/"),
            with(":1,", ":1,//\n"),
            with(":1,", ":1,#\n"),
            with("\"id\"", "id"),
            with("\"id\"", "'id'"),
            with("\"id\"", "1"),
            with(":1", "=1"),
            with("\"ping\"", "'ping'"),
            with("\"ping\"", "`ping`"),
            with("\"ping\"", "\"ping"),
            with("\"ping\"", "\"ping\\\""),
        ],
    );
    // RFC 8259 sections 3 and 6.
    check(400, PARSE_ERROR, {
        [
            "01",
            "-01",
            "+1",
            "1.",
            ".5",
            "1e",
            "1e+",
            "-",
            "0x1",
            "1_0",
            "NaN",
            "Infinity",
            "-Infinity",
            "True",
            "None",
            "undefined",
        ]
        .map(with_id)
    });
    // Section 7.
    check(400, PARSE_ERROR, {
        ["\t", "\n", "\0", "\u{1f}", "\\x41", "\\u12", "\\u123g", "\\u{41}", "\\'", "\\", "\\0"]
            .map(|text| with_id(&format!("\"{text}\"")))
    });
}

/// RFC 8259 section 8.1: UTF-8, and no other encoding.
#[test]
fn what_is_no_utf8() {
    let not_utf8: [&[u8]; 14] = [
        b"\x80",
        b"\xbf",
        b"\xc0\x80",
        b"\xc1\xbf",
        b"\xc3",
        b"\xe0\x80\x80",
        b"\xe2\x82",
        // A surrogate, alone and in a pair.
        b"\xed\xa0\x80",
        b"\xed\xa0\xbd\xed\xb8\x80",
        b"\xf0\x80\x80\x80",
        b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80",
        b"\xfe",
        b"\xff",
    ];
    let full =
        r#" {"jsonrpc":"2.0","id":"i@","method":"pi@ng","params":{"k@":"v@","_meta":{"m@":@1}}@}@"#;
    for bytes in not_utf8 {
        for (at, _) in full.match_indices('@').chain([(0, "")]) {
            let part = |text: &str| text.replace('@', "").into_bytes();
            let (before, after) = full.split_at(at);
            check(400, PARSE_ERROR, [[&part(before)[..], bytes, &part(after)].concat()]);
        }
    }
    let utf16: Vec<u16> = PING.encode_utf16().collect();
    check(
        400,
        PARSE_ERROR,
        [
            utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect::<Vec<_>>(),
            utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
            b"\xff\xfe"
                .iter()
                .copied()
                .chain(utf16.iter().flat_map(|it| it.to_le_bytes()))
                .collect(),
            b"\xfe\xff"
                .iter()
                .copied()
                .chain(utf16.iter().flat_map(|it| it.to_be_bytes()))
                .collect(),
        ],
    );
    for text in ["\u{7f}", "\u{80}", "\u{fffe}", "\u{ffff}", "\u{fffd}", "\u{1f600}", "\u{10ffff}"]
    {
        assert_eq!(answer(with_id(&format!("\"{text}\""))).status, 200);
    }
}

#[test]
fn nesting_at_the_limit_and_past_it() {
    let ping = |value: &str| with_member(&format!("\"params\":{{\"a\":{value}}}"));
    let arrays = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let objects = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    for make in [arrays, objects] {
        assert_eq!(answer(ping(&make(62))).status, 200);
        check(400, INVALID_REQUEST, [ping(&make(63)), ping(&make(1000)), make(65)]);
    }
    check(400, INVALID_REQUEST, ["[".repeat(10_000), "{\"a\":".repeat(10_000), arrays(10_000)]);
    // Brackets in strings nest nothing, whatever quotes there are.
    let text = "[{".repeat(1000);
    for text in
        [format!("\"{text}\""), format!("\"\\\"{text}\\\\\""), format!("[\"\\\\\",\"{text}\"]")]
    {
        assert_eq!(answer(ping(&text)).status, 200);
    }
    check(400, PARSE_ERROR, [format!("\"{text}"), format!("{{\"{text}"), format!("\"\\\"{text}")]);
    // Without a limit of ours, nothing recurses either.
    let config = config_with(Limits { json_depth: usize::MAX, ..Limits::default() });
    for body in ["[".repeat(5_000), "{\"a\":".repeat(5_000), ping(&arrays(5_000)), arrays(5_000)] {
        let answer = answer_in(&config, "", body.as_bytes());
        assert!([200, 400].contains(&answer.status), "{}", answer.body);
    }
}
