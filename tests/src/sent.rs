//! What the peer has sent, read by the book: an HTTP/1.1 request reader of its own.
//!
//! It knows nothing of limits and guards and is lenient where that makes it simpler: what matters
//! is where requests begin and end, and what they ask for, once the session has accepted them.

use std::collections::BTreeMap;

use mcp_proto::Revision;
use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One request, or as much of it as has come.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Where its first byte stands in the stream.
    pub start: usize,
    /// Whether its head is complete.
    pub has_head: bool,
    /// Where the next request may start, once this one is complete.
    pub end: Option<usize>,
    /// The method; empty until there is a blank behind it.
    pub method: String,
    /// The target.
    pub target: String,
    /// Whether it is HTTP/1.1, and not 1.0.
    pub is_http11: bool,
    /// Its fields, with names in lower case.
    pub fields: Vec<(String, String)>,
    /// The length of its body as announced; `None` if it is chunked.
    pub announced: Option<u64>,
    /// The body so far, decoded.
    pub body: Vec<u8>,
    /// The revision of the session that it names, if that has been there.
    pub session: Option<Revision>,
    /// Whether its client has said by then that it is initialized.
    pub is_initialized: bool,
}

/// What kind of message a client has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Its answer has its id.
    Request,
    /// A notification, or the answer to a question. It has no answer.
    Silent,
    /// None that JSON-RPC knows. The error that answers it may have an id or not.
    #[default]
    Invalid,
}

/// The JSON-RPC message in a body: the members that matter, as JSON text.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// `id`.
    pub id: Option<String>,
    /// `method`, without its quotes.
    pub method: String,
    /// `params.name` or `params.uri`.
    pub name: Option<String>,
    /// `params.arguments`.
    pub arguments: Option<String>,
    /// `params._meta.progressToken`.
    pub progress_token: Option<String>,
    /// `params.notifications`.
    pub filter: Option<Members>,
}

/// Takes `stream` apart. What follows a request that cannot be read is left out.
#[must_use]
pub fn read_requests(stream: &[u8]) -> Vec<Sent> {
    let mut requests = Vec::new();
    let mut at = 0;
    loop {
        at = skip_empty_lines(stream, at);
        if at == stream.len() {
            return requests;
        }
        let request = read_request(stream, at);
        let end = request.end;
        requests.push(request);
        match end {
            Some(end) => at = end,
            None => return requests,
        }
    }
}

/// The offset of the first byte from `at` on that is no part of an empty line.
#[must_use]
pub fn skip_empty_lines(stream: &[u8], mut at: usize) -> usize {
    while stream[at..].starts_with(b"\r\n") {
        at += 2;
    }
    if &stream[at..] == b"\r" { at + 1 } else { at }
}

fn read_request(stream: &[u8], start: usize) -> Sent {
    let mut request = Sent {
        start,
        has_head: false,
        end: None,
        method: String::new(),
        target: String::new(),
        is_http11: true,
        fields: Vec::new(),
        announced: None,
        body: Vec::new(),
        session: None,
        is_initialized: false,
    };
    let Some(length) = find(&stream[start..], b"\r\n\r\n") else {
        let mut words = stream[start..].splitn(2, |&byte| byte == b' ');
        if let (Some(method), Some(_)) = (words.next(), words.next()) {
            request.method = String::from_utf8_lossy(method).into_owned();
        }
        return request;
    };
    let body_start = start + length + 4;
    let head = String::from_utf8_lossy(&stream[start..start + length]).into_owned();
    let mut lines = head.split("\r\n");
    let (method, rest) = lines.next().unwrap_or_default().split_once(' ').unwrap_or_default();
    let mut request_line = rest.split(' ');
    request.has_head = true;
    request.method = method.into();
    request.target = request_line.next().unwrap_or_default().into();
    request.is_http11 = request_line.next() != Some("HTTP/1.0");
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let name = name.to_ascii_lowercase();
        request.fields.push((name, value.trim().into()));
    }
    if request.field("transfer-encoding").is_some() {
        if let Some((body, end)) = decode_chunked(&stream[body_start..]) {
            request.body = body;
            request.end = end.map(|end| body_start + end);
        }
        return request;
    }
    let length = request.field("content-length").unwrap_or("0").parse();
    let Ok(length): Result<u64, _> = length else {
        return request;
    };
    request.announced = Some(length);
    let there = (stream.len() - body_start) as u64;
    let body_end = body_start + length.min(there) as usize;
    request.body = stream[body_start..body_end].to_vec();
    request.end = (length <= there).then_some(body_end);
    request
}

/// The body as far as it has come, and where it ends. `None` if it is malformed.
fn decode_chunked(stream: &[u8]) -> Option<(Vec<u8>, Option<usize>)> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        let Some(length) = find(&stream[at..], b"\r\n") else {
            return Some((body, None));
        };
        // An extension may hold any bytes; only the size in front of it is text for sure.
        let size = stream[at..at + length].split(|&byte| byte == b';').next()?;
        let size = u64::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        at += length + 2;
        if size == 0 {
            break;
        }
        let there = (stream.len() - at) as u64;
        let take = size.min(there) as usize;
        body.extend_from_slice(&stream[at..at + take]);
        at += take;
        if stream.len() - at < 2 {
            return Some((body, None));
        }
        at += 2;
    }
    // Trailers, up to an empty line.
    loop {
        let Some(line) = find(&stream[at..], b"\r\n") else {
            return Some((body, None));
        };
        at += line + 2;
        if line == 0 {
            return Some((body, Some(at)));
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

impl Sent {
    /// The first field of that name, which must be in lower case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(other, _)| other == name);
        field.map(|(_, value)| &**value)
    }

    /// Whether a second request may follow on the connection.
    #[must_use]
    pub fn keeps_alive(&self) -> bool {
        let has = |option: &str| {
            self.fields.iter().any(|(name, value)| {
                let mut options = value.split(',').map(str::trim);
                name == "connection" && options.any(|other| other.eq_ignore_ascii_case(option))
            })
        };
        !has("close") && (self.is_http11 || has("keep-alive"))
    }

    /// Whether the peer waits for `100 Continue` before it sends a body.
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        self.is_http11 && self.field("expect").is_some() && self.announced != Some(0)
    }

    /// Whether it is for the endpoint `/other/mcp`.
    #[must_use]
    pub fn is_for_other(&self) -> bool {
        let target = self.target.split('?').next().unwrap_or_default();
        let path = target
            .split_once("://")
            .map_or(target, |(_, rest)| &rest[rest.find('/').unwrap_or(rest.len())..]);
        percent_decoded(path).contains("/other/")
    }

    /// The message in the body, if there is one.
    #[must_use]
    pub fn message(&self) -> Option<Message> {
        Message::read(std::str::from_utf8(&self.body).ok()?)
    }

    /// The messages in the body, if it is an array.
    #[must_use]
    pub fn batch(&self) -> Option<Vec<Message>> {
        let items: Vec<Box<RawValue>> = serde_json::from_slice(&self.body).ok()?;
        Some(items.iter().map(|item| Message::read(item.get()).unwrap_or_default()).collect())
    }

    /// The revision it is of, if it is a valid request.
    #[must_use]
    pub fn revision(&self) -> Revision {
        if let Some(revision) = self.session {
            return revision;
        }
        self.field("mcp-protocol-version")
            .and_then(Revision::from_name)
            .unwrap_or(Revision::V2025_03_26)
    }
}

impl Message {
    /// Reads a JSON object, of which nothing else is asked.
    fn read(json: &str) -> Option<Self> {
        let members = members_of(json)?;
        let text = |members: &Members, key: &str| members.get(key).map(|raw| raw.get().to_owned());
        let params = members.get("params").and_then(|raw| members_of(raw.get()));
        let params = params.unwrap_or_default();
        let meta = params.get("_meta").and_then(|raw| members_of(raw.get()));
        Some(Self {
            kind: kind_of(json, &members),
            id: text(&members, "id"),
            method: text(&members, "method")
                .and_then(|json| serde_json::from_str(&json).ok())
                .unwrap_or_default(),
            name: text(&params, "name")
                .or_else(|| text(&params, "uri"))
                .and_then(|json| serde_json::from_str(&json).ok()),
            arguments: text(&params, "arguments"),
            progress_token: meta.and_then(|meta| text(&meta, "progressToken")),
            filter: params.get("notifications").and_then(|filter| members_of(filter.get())),
        })
    }
}

fn kind_of(json: &str, members: &Members) -> Kind {
    let raw = |key: &str| members.get(key).map(|raw| raw.get());
    let is_string = |json: &str| json.starts_with('"');
    let is_integer = |json: &str| json.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
    let has_id = raw("id").map(|id| is_string(id) || is_integer(id));
    let is_answer = raw("result").is_some() || raw("error").is_some();
    let is_call = raw("method").is_some_and(is_string);
    let is_known = raw("jsonrpc") == Some("\"2.0\"")
        && raw("method").is_none_or(is_string)
        && has_id != Some(false)
        && !has_duplicates(json);
    // Only an error may not know what it answers.
    let answers_nothing = is_answer && raw("error").is_none() && has_id.is_none();
    match (is_call, is_answer) {
        (true, false) if is_known && has_id.is_some() => Kind::Request,
        (true, false) | (false, true) if is_known && !answers_nothing => Kind::Silent,
        _ => Kind::Invalid,
    }
}

/// Whether a key of a JSON object comes twice.
fn has_duplicates(json: &str) -> bool {
    struct Keys;

    impl<'de> Visitor<'de> for Keys {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
            let mut keys = Vec::new();
            while let Some((key, IgnoredAny)) = map.next_entry()? {
                keys.push(key);
            }
            Ok(keys)
        }
    }

    let mut keys =
        serde_json::Deserializer::from_str(json).deserialize_map(Keys).unwrap_or_default();
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    keys.len() < count
}

/// The members of a JSON object, as they were sent.
pub type Members = BTreeMap<String, Box<RawValue>>;

/// Takes one JSON object apart.
#[must_use]
pub fn members_of(json: &str) -> Option<Members> {
    serde_json::from_str(json).ok()
}

fn percent_decoded(path: &str) -> String {
    let mut decoded = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = tail
            .get(..2)
            .filter(|_| byte == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart() {
        let stream = b"\r\nPOST /mcp HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc\
                       POST /%6Fther/mcp HTTP/1.0\r\nTRANSFER-encoding: chunked\r\n\r\n\
                       2;x\r\nde\r\n1\r\nf\r\n0\r\nT: u\r\n\r\n\r\nGET";
        let requests = read_requests(stream);
        let bodies: Vec<_> = requests.iter().map(|request| &request.body[..]).collect();
        assert_eq!(bodies, [&b"abc"[..], b"def", b""]);
        assert_eq!(requests[0].announced, Some(3));
        assert_eq!(requests[1].announced, None);
        assert!(requests[1].is_for_other() && !requests[1].keeps_alive());
        assert_eq!(requests[2].start, stream.len() - 3);
        assert!(!requests[2].has_head);
    }

    #[test]
    fn an_incomplete_body_is_read_as_far_as_it_has_come() {
        for (stream, body) in [
            (&b"P / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"[..], &b"abc"[..]),
            (b"P / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabcd", b"abcd"),
            (b"P / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"a"),
        ] {
            let requests = read_requests(stream);
            assert_eq!((&requests[0].body[..], requests[0].end), (body, None));
        }
    }
}
