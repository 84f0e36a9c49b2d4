//! Streams of pipelined requests, most of them with something that happens to them on their way: to
//! single bytes, or to the tokens that frame them.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{JSON, PING, bare, ping};

/// A call whose every byte matters, as its arguments are sent back.
fn call(arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"t","arguments":{arguments}}}}}"#
    )
}

/// Requests as they should be.
fn valid() -> impl Strategy<Value = String> {
    let text = "[a-zA-Z0-9 .,:;=+-]{0,60}";
    let body = prop_oneof![
        4 => text.prop_map(|text| call(&format!("{{\"a\":\"{text}\"}}"))),
        1 => Just(PING.to_owned()),
        1 => Just(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#.to_owned()),
        1 => text.prop_map(String::from),
    ];
    let line = prop_oneof![
        6 => Just("POST /mcp HTTP/1.1"),
        2 => Just("POST /mcp?x=y HTTP/1.1"),
        2 => Just("POST http://localhost/mcp HTTP/1.1"),
        1 => Just("POST /mcp HTTP/1.0"),
    ];
    let fields = prop_oneof![
        6 => Just(""),
        4 => Just("Connection: keep-alive\r\n"),
        4 => Just("Expect: 100-continue\r\n"),
        4 => Just("X: a, b;c\r\n"),
        1 => Just("Connection: close\r\n"),
    ];
    let request = (line, fields, body, proptest::option::of(1..30_usize)).prop_map(
        |(line, fields, body, chunk)| {
            let head = format!("{line}\r\n{JSON}{fields}");
            let Some(size) = chunk else {
                return format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
            };
            let mut chunks = String::new();
            for (number, piece) in body.as_bytes().chunks(size).enumerate() {
                let extension = if number % 3 == 1 { ";x=\"y\"" } else { "" };
                let piece = String::from_utf8_lossy(piece);
                chunks.push_str(&format!("{:x}{extension}\r\n{piece}\r\n", piece.len()));
            }
            let trailer = if size % 2 == 0 { "T: v\r\n" } else { "" };
            format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n{trailer}\r\n")
        },
    );
    let bare = select(vec!["GET /mcp", "OPTIONS *", "HEAD /mcp", "DELETE /mcp", "CONNECT a:1"])
        .prop_map(|line| bare(&format!("{line} HTTP/1.1")));
    prop_oneof![5 => request, 1 => bare]
}

/// What happens to a stream on its way.
#[derive(Clone, Debug)]
enum Mutation {
    Flip(Index, u8),
    Remove(Index, usize),
    Repeat(Index, usize),
    Insert(Index, &'static str),
    /// In front of a line.
    InsertLine(Index, &'static str),
    /// One of the places where the first text stands gets the second.
    Replace(Index, &'static str, &'static str),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let tokens = vec![
        "\r\n",
        "\n",
        "\r",
        "\r\n\r\n",
        "\n\n",
        " ",
        "\t",
        "\0",
        "\u{b}",
        "\u{c}",
        "\x7f",
        "\u{e9}",
        ":",
        ",",
        ";",
        "\"",
        "=",
        "#",
        "%",
        "/",
        "?",
        "`",
        "<",
        "|",
        "+",
        "-",
        "0",
        "0x",
        "f",
        "_",
        "00000000000000000",
        "ffffffffffffffff",
        "0\r\n\r\n",
        "5\r\nhello\r\n",
        "close",
    ];
    let lines = vec![
        "Content-Length: 5\r\n",
        "Content-Length: 0\r\n",
        "Content-Length:\r\n",
        "Transfer-Encoding: chunked\r\n",
        "transfer-encoding:CHUNKED\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: chunked,\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer_Encoding: chunked\r\n",
        "Connection: close\r\n",
        "Connection: keep-alive, close\r\n",
        "Connection: upgrade\r\nUpgrade: h2c\r\n",
        "Expect: 100-continue\r\n",
        "Host: localhost\r\n",
        "Host: a, b\r\n",
        " folded: yes\r\n",
        "X\r\n",
        "X: \u{e9}\r\n",
        "T: v\r\n",
        "0\r\n\r\n",
        "0;x\r\n",
        "\r\n",
        "\n",
        "POST /mcp HTTP/1.1\r\n",
        "GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];
    let replacements = vec![
        ("\r\n", "\n"),
        ("\r\n", "\r"),
        ("\r\n", "\r\r\n"),
        ("\r\n", "\n\r"),
        ("\r\n", "\n\n"),
        ("\r\n", "\rx"),
        ("\r\n", "xy"),
        ("\r\n", "\r\n "),
        ("\r\n", " \r\n"),
        ("\r\n", ";\n"),
        ("\r\n", ";x\r\n"),
        (": ", " : "),
        (": ", ":\t"),
        (": ", ":"),
        (": ", ":\r\n "),
        ("chunked", "Chunked"),
        ("chunked", "xchunked"),
        ("chunked", ",chunked"),
        ("chunked", "\"chunked\""),
        ("chunked", "chunked;q=1"),
        ("chunked", "gzip, chunked"),
        ("Content-Length: ", "Content-Length: +"),
        ("Content-Length: ", "Content-Length: 0"),
        ("Content-Length: ", "Content-Length: 0, "),
        ("Content-Length", "content-length"),
        ("Content-Length", "Content_Length"),
        ("Transfer-Encoding", "Content-Length"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("HTTP/1.1", "HTTP/1.2"),
        ("HTTP/1.1", "http/1.1"),
        ("localhost", "[::1]"),
        ("localhost", ""),
        ("POST", "GET"),
        ("POST", "CONNECT"),
        ("POST", "post"),
        ("/mcp", "*"),
        ("/mcp", "/mcp#x"),
        ("/mcp", "//localhost/mcp"),
        ("100-continue", "100-continue, x"),
        ("keep-alive", "close"),
        ("0\r\n", "00\r\n"),
        ("0\r\n", "\r\n"),
    ];
    let at = any::<Index>;
    prop_oneof![
        2 => (at(), 0..8_u8).prop_map(|(at, bit)| Mutation::Flip(at, 1 << bit)),
        1 => (at(), 1..20_usize).prop_map(|(at, count)| Mutation::Remove(at, count)),
        1 => (at(), 1..20_usize).prop_map(|(at, count)| Mutation::Repeat(at, count)),
        2 => (at(), select(tokens)).prop_map(|(at, token)| Mutation::Insert(at, token)),
        2 => (at(), select(lines)).prop_map(|(at, line)| Mutation::InsertLine(at, line)),
        3 => (at(), select(replacements)).prop_map(|(at, (from, to))| Mutation::Replace(at, from, to)),
    ]
}

impl Mutation {
    fn apply(&self, stream: &mut Vec<u8>) {
        let places = |what: &str| -> Vec<usize> {
            let what = what.as_bytes();
            let windows = stream.windows(what.len()).enumerate();
            windows.filter(|(_, window)| *window == what).map(|(at, _)| at).collect()
        };
        let range = |at: &Index, count: usize| {
            let start = at.index(stream.len());
            start..(start + count).min(stream.len())
        };
        match self {
            _ if stream.is_empty() => {}
            Self::Flip(at, bits) => {
                let at = at.index(stream.len());
                stream[at] ^= bits;
            }
            Self::Remove(at, count) => drop(stream.drain(range(at, *count))),
            Self::Repeat(at, count) => {
                let range = range(at, *count);
                let piece = stream[range.clone()].to_vec();
                stream.splice(range.start..range.start, piece);
            }
            Self::Insert(at, token) => {
                let at = at.index(stream.len());
                stream.splice(at..at, token.bytes());
            }
            Self::InsertLine(at, line) => {
                if let places @ [_, ..] = &places("\r\n")[..] {
                    let at = at.get(places) + 2;
                    stream.splice(at..at, line.bytes());
                }
            }
            Self::Replace(at, from, to) => {
                if let places @ [_, ..] = &places(from)[..] {
                    let at = *at.get(places);
                    stream.splice(at..at + from.len(), to.bytes());
                }
            }
        }
    }
}

/// Requests one behind the other, most of them with something that happens to them.
pub(super) fn streams() -> impl Strategy<Value = Vec<u8>> {
    (vec(valid(), 1..5), vec(mutation(), 0..4)).prop_map(|(requests, mutations)| {
        let mut stream = requests.concat().into_bytes();
        mutations.iter().for_each(|mutation| mutation.apply(&mut stream));
        // Behind them all, one that must not become a part of the others, or be lost.
        stream.extend_from_slice(ping("").as_bytes());
        stream
    })
}
