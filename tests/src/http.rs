//! Reads what the server has sent, strictly and simply: a response reader that shares nothing
//! with the code that wrote the responses.
//!
//! Anything that is not well-formed is a panic that says so.

use serde_json::value::RawValue;

/// One final response, with the interim ones in front of it.
#[derive(Clone, Debug)]
pub struct Response {
    /// Where its status line stands in what was sent.
    pub start: usize,
    /// How many `100 Continue` came first.
    pub interim: usize,
    /// The status.
    pub status: u16,
    /// The fields, with names in lower case.
    pub fields: Vec<(String, String)>,
    /// How the body is delimited.
    pub framing: Framing,
    /// The body so far, decoded.
    pub body: Vec<u8>,
    /// Whether the body is complete. Of one that ends with the connection, nobody knows.
    pub is_complete: bool,
}

/// Where the body of a response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Behind that many bytes.
    Length(usize),
    /// Behind the last chunk.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// What a server has sent on one connection.
#[derive(Clone, Debug, Default)]
pub struct Responses {
    /// The final responses; the last may be incomplete.
    pub finals: Vec<Response>,
    /// `100 Continue` behind the last of them.
    pub interim: usize,
}

/// Takes `bytes` apart. `is_head` tells whether the response of that number, which starts at that
/// offset, answers a HEAD: such an answer has no body.
#[must_use]
pub fn read_responses(bytes: &[u8], is_head: impl Fn(usize, usize) -> bool) -> Responses {
    const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut responses = Responses::default();
    let mut rest = bytes;
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix(CONTINUE) {
            responses.interim += 1;
            rest = behind;
            continue;
        }
        let start = bytes.len() - rest.len();
        let (mut response, behind) = read_response(rest, is_head(responses.finals.len(), start));
        response.start = start;
        response.interim = std::mem::take(&mut responses.interim);
        assert!(
            response.is_complete || behind.is_empty(),
            "bytes behind a response without an end: {:?}",
            behind.escape_ascii().to_string()
        );
        responses.finals.push(response);
        rest = behind;
    }
    responses
}

fn read_response(bytes: &[u8], is_head: bool) -> (Response, &[u8]) {
    // Heads are never sent in part.
    let length = find(bytes, b"\r\n\r\n").expect("a response head has an end");
    let head = std::str::from_utf8(&bytes[..length]).expect("a response head is ASCII");
    let mut rest = &bytes[length + 4..];
    let mut lines = head.split("\r\n");
    let status = status_of(lines.next().unwrap_or_default());
    let mut response = Response {
        start: 0,
        interim: 0,
        status,
        fields: lines.map(field_of).collect(),
        framing: Framing::UntilClose,
        body: Vec::new(),
        is_complete: false,
    };
    for once in ["content-length", "transfer-encoding", "date", "content-type", "connection"] {
        let count = response.fields.iter().filter(|(name, _)| name == once).count();
        assert!(count <= 1, "{once} comes {count} times in {head:?}");
    }
    match (response.field("content-length"), response.field("transfer-encoding")) {
        (Some(length), None) => {
            let length: usize = length.parse().expect("a length is a number");
            response.framing = Framing::Length(length);
            let (body, behind) = rest.split_at(if is_head { 0 } else { length.min(rest.len()) });
            response.is_complete = is_head || body.len() == length;
            response.body = body.to_vec();
            rest = behind;
        }
        (None, Some("chunked")) => {
            response.framing = Framing::Chunked;
            (response.body, rest, response.is_complete) = decode_chunked(rest);
        }
        // It has no body (RFC 9110 section 15.3.5).
        (None, None) if status == 204 => {
            response.framing = Framing::Length(0);
            response.is_complete = true;
        }
        (None, None) => {
            assert_eq!(response.field("connection"), Some("close"), "{head:?}");
            response.body = rest.to_vec();
            rest = b"";
        }
        _ => panic!("two framings, or an unknown one, in {head:?}"),
    }
    (response, rest)
}

fn status_of(line: &str) -> u16 {
    let parts = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split_once(' '));
    let (code, reason) = parts.unwrap_or_else(|| panic!("malformed status line {line:?}"));
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    assert!(!reason.is_empty() && is_plain(reason), "reason {reason:?}");
    let code = code.parse().expect("a status is a number");
    assert!((200..600).contains(&code), "a final status, not {code}");
    code
}

fn field_of(line: &str) -> (String, String) {
    let parts = line.split_once(": ");
    let (name, value) = parts.unwrap_or_else(|| panic!("malformed field line {line:?}"));
    let is_token = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_plain = value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    assert!(is_token && !name.is_empty() && is_plain && value.trim() == value, "{line:?}");
    (name.to_ascii_lowercase(), value.into())
}

/// The body so far, what follows it, and whether its end was found.
fn decode_chunked(bytes: &[u8]) -> (Vec<u8>, &[u8], bool) {
    let mut body = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        // Chunks are never sent in part.
        let line = find(rest, b"\r\n").expect("a chunk's size line has an end");
        let digits = std::str::from_utf8(&rest[..line]).expect("a chunk's size is ASCII");
        let is_lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        assert!(digits.bytes().all(is_lower_hex), "chunk size {digits:?}");
        let size = usize::from_str_radix(digits, 16).expect("a chunk has a size");
        rest = &rest[line + 2..];
        assert!(rest.len() >= size + 2, "a chunk is shorter than its size");
        body.extend_from_slice(&rest[..size]);
        assert_eq!(&rest[size..size + 2], b"\r\n", "behind a chunk of {size} bytes");
        rest = &rest[size + 2..];
        if size == 0 {
            return (body, rest, true);
        }
    }
    (body, rest, false)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

impl Response {
    /// The field of that name, which must be in lower case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(other, _)| other == name);
        field.map(|(_, value)| &**value)
    }

    /// Whether the server closes the connection behind it.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.field("connection") == Some("close")
    }

    /// Whether it is one array of messages.
    #[must_use]
    pub fn is_batch(&self) -> bool {
        self.field("content-type") == Some("application/json") && self.body.starts_with(b"[")
    }

    /// The events in it, if it is a stream.
    #[must_use]
    pub fn events(&self) -> Vec<Event<'_>> {
        match self.field("content-type") {
            Some("text/event-stream") => {
                read_events(std::str::from_utf8(&self.body).expect("a body is UTF-8"))
            }
            _ => Vec::new(),
        }
    }

    /// The JSON texts in it: that of the body, those of an array in it, or those of the events.
    #[must_use]
    pub fn messages(&self) -> Vec<&str> {
        let body = std::str::from_utf8(&self.body).expect("a body is UTF-8");
        match self.field("content-type") {
            Some("application/json") if body.is_empty() => Vec::new(),
            Some("application/json") if self.is_batch() => {
                let items: Vec<&RawValue> = serde_json::from_str(body).expect("an array");
                items.into_iter().map(RawValue::get).collect()
            }
            Some("application/json") => vec![body],
            Some("text/event-stream") => self
                .events()
                .into_iter()
                .map(|event| event.data)
                .filter(|data| !data.is_empty())
                .collect(),
            None => {
                assert_eq!(body, "", "a body without a type");
                Vec::new()
            }
            other => panic!("content type {other:?}"),
        }
    }
}

/// One event of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its id: of which stream, and which in that.
    pub id: Option<(u64, u64)>,
    /// Its data, empty if it only says how to come back.
    pub data: &'a str,
}

/// The events of a stream.
fn read_events(mut stream: &str) -> Vec<Event<'_>> {
    let mut events = Vec::new();
    assert!(!stream.contains('\r'), "a CR ends a line, too");
    while !stream.is_empty() {
        // Events are never sent in part.
        let (block, rest) = stream.split_once("\n\n").expect("an event has an end");
        stream = rest;
        if block == ": keep-alive" {
            continue;
        }
        let mut lines = block.split('\n').peekable();
        let mut field = |name: &str| {
            let value = (*lines.peek()?).strip_prefix(name)?;
            lines.next();
            Some(value.strip_prefix(' ').unwrap_or(value))
        };
        let (event, retry, id) = (field("event:"), field("retry:"), field("id:"));
        let data = field("data:").unwrap_or_else(|| panic!("malformed event {block:?}"));
        assert_eq!(lines.next(), None, "an event of several lines: {block:?}");
        // Without data, it says how to come back.
        let expected = if data.is_empty() { None } else { Some("message") };
        assert_eq!(event, expected, "malformed event {block:?}");
        assert_eq!(retry.is_some(), data.is_empty(), "malformed event {block:?}");
        let id = id.map(|id| {
            let (stream, number) = id.split_once('-').expect("an id of two numbers");
            let read = |digits: &str| digits.parse().expect("a number");
            (read(stream), read(number))
        });
        events.push(Event { id, data });
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_told_apart() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\n\
            HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
            e\r\n: keep-alive\n\n\r\n0\r\n\r\n\
            HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 7\r\n\r\n\
            HTTP/1.1 202 Accepted\r\nConnection: close\r\n\r\nrest";
        let responses = read_responses(bytes, |number, _| number == 1).finals;
        let told: Vec<_> = responses
            .iter()
            .map(|response| (response.status, response.framing, response.is_complete))
            .collect();
        assert_eq!(
            told,
            [
                (200, Framing::Chunked, true),
                (405, Framing::Length(7), true),
                (202, Framing::UntilClose, false),
            ]
        );
        assert_eq!(responses[0].interim, 1);
        assert_eq!(responses[0].messages(), [""; 0]);
    }

    #[test]
    #[should_panic(expected = "malformed status line")]
    fn stray_bytes_are_found() {
        let bytes = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n{}\r\n\r\n";
        let _ = read_responses(bytes, |_, _| false);
    }
}
