//! What peers send that is refused, and what happens to requests on their way.

use proptest::prelude::*;
use proptest::sample::select;

/// Requests that are refused, one for each way that a request can be.
pub(super) fn invalid() -> impl Strategy<Value = Vec<u8>> {
    (0..invalid_requests().len()).prop_map(|number| invalid_requests().swap_remove(number).1)
}

/// Each with the name of its refusal. The limits are those of [`Size::Tiny`].
///
/// [`Size::Tiny`]: crate::script::Size::Tiny
#[must_use]
pub fn invalid_requests() -> Vec<(&'static str, Vec<u8>)> {
    const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let raw =
        |line: &str, fields: &str, body: &str| format!("{line}\r\n{fields}\r\n{body}").into_bytes();
    let post = |fields: &str, body: &str| {
        let fields = format!("Host: localhost\r\nContent-Type: application/json\r\n{fields}");
        raw("POST /mcp HTTP/1.1", &fields, body)
    };
    let with_length = |body: &str| post(&format!("Content-Length: {}\r\n", body.len()), body);
    let chunked = |body: &str| post("Transfer-Encoding: chunked\r\n", body);
    let host = "Host: localhost\r\n";
    let nested = format!("{}{}", "[".repeat(70), "]".repeat(70));
    let mut not_utf8 = with_length("{\"a\":\"xx\"}");
    let at = not_utf8.len() - 3;
    not_utf8[at] = 0xff;
    vec![
        ("MalformedRequestLine", raw("POST  /mcp HTTP/1.1", host, "")),
        ("BareLineFeed", raw("POST /mcp HTTP/1.1", "Host: localhost\n", "")),
        ("FoldedField", raw("POST /mcp HTTP/1.1", "Host:\r\n localhost\r\n", "")),
        ("MalformedField", raw("POST /mcp HTTP/1.1", "Host : localhost\r\n", "")),
        ("UnsupportedVersion", raw("POST /mcp HTTP/2.0", host, "")),
        ("TargetTooLong", raw(&format!("POST /{} HTTP/1.1", "t".repeat(20_000)), host, "")),
        ("HeadTooLarge", post(&format!("X: {}\r\n", "h".repeat(20_000)), "")),
        ("TooManyFields", post(&"a:\r\n".repeat(101), "")),
        ("RepeatedField", post("Host: localhost\r\n", "")),
        ("MissingHost", raw("POST /mcp HTTP/1.1", "", "")),
        ("InvalidHost", raw("POST /mcp HTTP/1.1", "Host: a b\r\n", "")),
        ("InvalidTarget", raw("POST mcp HTTP/1.1", host, "")),
        ("InvalidContentLength", post("Content-Length: +1\r\n", "x")),
        (
            "ConflictingFraming",
            post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ),
        (
            "TransferEncodingOnHttp10",
            raw("POST /mcp HTTP/1.0", "Host: localhost\r\nTransfer-Encoding: chunked\r\n", ""),
        ),
        ("ChunkedNotLast", post("Transfer-Encoding: chunked, gzip\r\n", "")),
        ("UnknownTransferCoding", post("Transfer-Encoding: gzip, chunked\r\n", "")),
        ("MalformedChunk", chunked("x\r\n")),
        ("ChunkExtensionsTooLarge", chunked(&format!("1;{}\r\n", "e".repeat(5000)))),
        ("TrailersTooLarge", chunked(&format!("0\r\n{}:\r\n", "t".repeat(5000)))),
        ("UnmetExpectation", post("Expect: 200-ok\r\nContent-Length: 1\r\n", "x")),
        ("UnknownMethod", raw("BREW /mcp HTTP/1.1", host, "")),
        ("NoEndpoint", raw("POST /tea HTTP/1.1", host, "")),
        ("ForeignHost", raw("POST /mcp HTTP/1.1", "Host: evil.example\r\n", "")),
        ("ForeignOrigin", post("Origin: http://evil.example\r\nContent-Length: 1\r\n", "x")),
        ("MethodNotAllowed", raw("PUT /mcp HTTP/1.1", host, "")),
        (
            "UnsupportedMediaType",
            raw(
                "POST /mcp HTTP/1.1",
                "Host: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n",
                "{}",
            ),
        ),
        ("NotAcceptable", post("Accept: text/html\r\nContent-Length: 1\r\n", "x")),
        ("BodyTooLarge", post("Content-Length: 99999999999999999999999\r\n", "x")),
        ("BodyTooLarge", chunked("ffffffffff\r\nx")),
        ("NotUtf8", not_utf8),
        ("NotJson", with_length(&PING[1..])),
        ("NotJson", post("", "")),
        ("NotAMessage", with_length(" 1")),
        ("TooDeep", with_length(&nested)),
        ("EmptyBatch", with_length("[ ]")),
        ("BatchTooLarge", with_length(&format!("[{}1]", "1,".repeat(100)))),
        ("UnknownBatch", post("MCP-Protocol-Version: 2025-06-18\r\nContent-Length: 3\r\n", "[1]")),
    ]
}

/// Something that happens to a request on its way, at some place (of 65,536 parts of it).
#[derive(Clone, Debug)]
pub(super) enum Mutation {
    Flip(u16, u8),
    Remove(u16, usize),
    Repeat(u16, usize),
    Insert(u16, &'static str),
}

pub(super) fn mutation() -> impl Strategy<Value = Mutation> {
    let tokens = vec![
        "\r\n",
        "\n",
        "\r",
        "\r\n\r\n",
        " ",
        "\t",
        "\0",
        ":",
        ",",
        ";",
        "%2F",
        "%",
        "\u{e9}",
        "{",
        "]",
        "\"",
        "\\",
        "\"id\":1,",
        "0\r\n\r\n",
        "0",
        "-",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "Expect: 100-continue\r\n",
        "POST /mcp HTTP/1.1\r\n",
    ];
    prop_oneof![
        (any::<u16>(), 0..8_u8).prop_map(|(at, bit)| Mutation::Flip(at, 1 << bit)),
        (any::<u16>(), 1..20_usize).prop_map(|(at, count)| Mutation::Remove(at, count)),
        (any::<u16>(), 1..20_usize).prop_map(|(at, count)| Mutation::Repeat(at, count)),
        (any::<u16>(), select(tokens)).prop_map(|(at, token)| Mutation::Insert(at, token)),
    ]
}

impl Mutation {
    pub(super) fn apply(self, mut request: Vec<u8>) -> Vec<u8> {
        let place = |at: u16| usize::from(at) * request.len() / (usize::from(u16::MAX) + 1);
        let range = |at: u16, count: usize| place(at)..(place(at) + count).min(request.len());
        match self {
            _ if request.is_empty() => {}
            Self::Flip(at, bits) => {
                let at = place(at);
                request[at] ^= bits;
            }
            Self::Remove(at, count) => {
                let range = range(at, count);
                request.drain(range);
            }
            Self::Repeat(at, count) => {
                let piece = request[range(at, count)].to_vec();
                let at = place(at);
                request.splice(at..at, piece);
            }
            Self::Insert(at, token) => {
                let at = place(at);
                request.splice(at..at, token.bytes());
            }
        }
        request
    }
}
