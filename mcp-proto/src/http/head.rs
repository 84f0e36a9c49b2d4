//! A request's head: the parts of it that decide anything, and where its body ends.

use alloc::boxed::Box;
use core::ops::Range;

use super::fields::{Fields, MalformedField, RequestLine, is_name};
use crate::error::Refusal;
use crate::limits::Limits;

/// The request methods that HTTP defines (RFC 9110 section 9, RFC 5789).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the RFCs")]
#[non_exhaustive]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    /// Anything else.
    Unknown,
}

impl Method {
    fn from_token(token: &[u8]) -> Self {
        match token {
            _ if token == b"POST" => Self::Post,
            _ if token == b"GET" => Self::Get,
            _ if token == b"HEAD" => Self::Head,
            _ if token == b"PUT" => Self::Put,
            _ if token == b"DELETE" => Self::Delete,
            _ if token == b"CONNECT" => Self::Connect,
            _ if token == b"OPTIONS" => Self::Options,
            _ if token == b"TRACE" => Self::Trace,
            _ if token == b"PATCH" => Self::Patch,
            _ => Self::Unknown,
        }
    }
}

/// Where the body of a request ends (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// No body: neither `Content-Length` nor `Transfer-Encoding`, or a length of zero.
    Empty,
    /// That many bytes, at least one.
    Length(u64),
    Chunked,
}

/// Offsets into the head's bytes.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u16,
    end: u16,
}

impl Span {
    const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The head of one request: method, target and header fields, well-formed.
#[derive(Clone)]
pub struct Head {
    raw: Box<[u8]>,
    method: Method,
    target: Span,
    /// Where the first field line starts.
    fields: u16,
    is_http11: bool,
    keep_alive: bool,
    expects_continue: bool,
    framing: Framing,
    host: Option<Span>,
    /// The first of them; there may be several.
    accept: Option<Span>,
    has_more_accepts: bool,
    origin: Option<Span>,
    content_type: Option<Span>,
    content_encoding: Option<Span>,
    protocol_version: Option<Span>,
    mcp_method: Option<Span>,
    mcp_name: Option<Span>,
    session_id: Option<Span>,
    last_event_id: Option<Span>,
}

impl Head {
    /// Takes apart the head that `bytes` begin with.
    #[cfg(any(test, feature = "internals"))]
    pub(crate) fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, Refusal> {
        let mut head = Self::none();
        head.read(bytes, limits).map(|()| head)
    }

    /// Takes apart the head that `bytes` begin with, and becomes that. If it is not all there, it is
    /// refused: then [`HeadScan`](super::HeadScan) tells what is to be waited for, and what is wrong.
    pub(crate) fn read(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), Refusal> {
        let mut rest = bytes;
        let line = RequestLine::take(&mut rest)?;
        let span_of = |part: &[u8]| {
            let start = part.as_ptr() as usize - bytes.as_ptr() as usize;
            // Limits::head is capped at 65,535, so offsets fit.
            Span { start: start as u16, end: (start + part.len()) as u16 }
        };
        let is_http11 = line.is_http11;
        *self = Self {
            method: Method::from_token(line.method),
            target: span_of(line.target),
            fields: (bytes.len() - rest.len()) as u16,
            is_http11,
            ..Self::none()
        };
        let mut count = 0;
        let mut content_length = None;
        let mut transfer_coding = None;
        let mut options = ConnectionOptions::default();
        let mut fields = Fields::new(rest);
        for field in &mut fields {
            let (name, text) = field.map_err(|MalformedField| Refusal::MalformedField)?;
            count += 1;
            if count > limits.fields {
                return Err(Refusal::TooManyFields { limit: limits.fields });
            }
            let value = span_of(text);
            // One comparison of lengths sorts out nearly every name.
            match name.len() {
                4 if is(name, b"host") => set_once(&mut self.host, value, "Host")?,
                6 if is(name, b"accept") => {
                    self.has_more_accepts = self.accept.is_some();
                    self.accept = self.accept.or(Some(value));
                }
                6 if is(name, b"origin") => set_once(&mut self.origin, value, "Origin")?,
                6 if is(name, b"expect") => {
                    if !text.eq_ignore_ascii_case(b"100-continue") {
                        return Err(Refusal::UnmetExpectation);
                    }
                    self.expects_continue = is_http11;
                }
                8 if is(name, b"mcp-name") => set_once(&mut self.mcp_name, value, "Mcp-Name")?,
                10 if is(name, b"mcp-method") => {
                    set_once(&mut self.mcp_method, value, "Mcp-Method")?
                }
                10 if is(name, b"connection") => options.add(text),
                12 if is(name, b"content-type") => {
                    set_once(&mut self.content_type, value, "Content-Type")?;
                }
                13 if is(name, b"last-event-id") => {
                    set_once(&mut self.last_event_id, value, "Last-Event-ID")?;
                }
                14 if is(name, b"mcp-session-id") => {
                    set_once(&mut self.session_id, value, "Mcp-Session-Id")?;
                }
                14 if is(name, b"content-length") => {
                    let length = parse_content_length(text)?;
                    if content_length.replace(length).is_some() {
                        return Err(Refusal::RepeatedField { name: "Content-Length" });
                    }
                }
                16 if is(name, b"content-encoding") => {
                    set_once(&mut self.content_encoding, value, "Content-Encoding")?;
                }
                17 if is(name, b"transfer-encoding") => {
                    // Not `list_members`: RFC 9110 section 5.6.1.2 skips empty members, which other
                    // parsers take for the last coding.
                    for coding in text.split(|&byte| byte == b',') {
                        push_coding(&mut transfer_coding, coding.trim_ascii())?;
                    }
                }
                20 if is(name, b"mcp-protocol-version") => {
                    set_once(&mut self.protocol_version, value, "MCP-Protocol-Version")?;
                }
                _ if is_name(name) => {}
                _ => return Err(Refusal::MalformedField),
            }
        }
        self.keep_alive =
            if is_http11 { !options.close } else { options.keep_alive && !options.close };
        self.framing = framing(is_http11, content_length, transfer_coding)?;
        if is_http11 && self.host.is_none() {
            return Err(Refusal::MissingHost);
        }
        let Some(behind) = fields.rest().strip_prefix(b"\r\n") else {
            return Err(Refusal::MalformedField);
        };
        self.raw = bytes[..bytes.len() - behind.len()].into();
        Ok(())
    }

    /// The request method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The request target as sent: a path with an optional query, or an absolute URI.
    #[must_use]
    pub fn target(&self) -> &str {
        // Anything else was refused.
        core::str::from_utf8(self.target_bytes()).unwrap_or_default()
    }

    pub(crate) fn target_bytes(&self) -> &[u8] {
        &self.raw[self.target.range()]
    }

    /// The value of the first field called `name`, in any case, without white space around it.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields()
            .find_map(|(other, value)| other.eq_ignore_ascii_case(name.as_bytes()).then_some(value))
    }

    /// Names and values of all fields in the order sent.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        Fields::new(&self.raw[usize::from(self.fields)..]).map_while(Result::ok)
    }

    /// How many bytes it has taken.
    pub(crate) const fn len(&self) -> usize {
        self.raw.len()
    }

    pub(crate) const fn is_http11(&self) -> bool {
        self.is_http11
    }

    /// Whether the connection may serve another request after this one (RFC 9112 section 9.3).
    pub(crate) const fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Whether the peer holds the body back until it is told to go on.
    pub(crate) const fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    pub(crate) const fn framing(&self) -> Framing {
        self.framing
    }

    pub(crate) fn host(&self) -> Option<&[u8]> {
        self.value(self.host)
    }

    pub(crate) fn origin(&self) -> Option<&[u8]> {
        self.value(self.origin)
    }

    /// That of a request which came by a line, and not by HTTP: it says nothing.
    pub(crate) fn none() -> Self {
        Self {
            raw: Box::default(),
            method: Method::Post,
            target: Span { start: 0, end: 0 },
            fields: 0,
            is_http11: true,
            keep_alive: true,
            expects_continue: false,
            framing: Framing::Empty,
            host: None,
            accept: None,
            has_more_accepts: false,
            origin: None,
            content_type: None,
            content_encoding: None,
            protocol_version: None,
            mcp_method: None,
            mcp_name: None,
            session_id: None,
            last_event_id: None,
        }
    }

    /// Whether there is none, as the request came by a line.
    pub(crate) const fn is_none(&self) -> bool {
        self.raw.is_empty()
    }

    /// The values of all `Accept` fields.
    pub(crate) fn accept(&self) -> impl Iterator<Item = &[u8]> {
        let more = self.fields().filter(|(name, _)| name.eq_ignore_ascii_case(b"accept"));
        let more = self.has_more_accepts.then(|| more.skip(1).map(|(_, value)| value));
        self.value(self.accept).into_iter().chain(more.into_iter().flatten())
    }

    pub(crate) fn content_type(&self) -> Option<&[u8]> {
        self.value(self.content_type)
    }

    pub(crate) fn content_encoding(&self) -> Option<&[u8]> {
        self.value(self.content_encoding)
    }

    pub(crate) fn protocol_version(&self) -> Option<&[u8]> {
        self.value(self.protocol_version)
    }

    pub(crate) fn mcp_method(&self) -> Option<&[u8]> {
        self.value(self.mcp_method)
    }

    pub(crate) fn mcp_name(&self) -> Option<&[u8]> {
        self.value(self.mcp_name)
    }

    pub(crate) fn session_id(&self) -> Option<&[u8]> {
        self.value(self.session_id)
    }

    pub(crate) fn last_event_id(&self) -> Option<&[u8]> {
        self.value(self.last_event_id)
    }

    fn value(&self, span: Option<Span>) -> Option<&[u8]> {
        span.map(|span| &self.raw[span.range()])
    }
}

/// Shows what routing needs; header values may hold credentials.
impl core::fmt::Debug for Head {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Head")
            .field("method", &self.method)
            .field("target", &self.target())
            .field("framing", &self.framing)
            .finish_non_exhaustive()
    }
}

/// Splits a comma-separated list (RFC 9110 section 5.6.1), skipping empty members.
pub(crate) fn list_members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

/// Tells upper from lower case of letters. Besides them, a CR alone would become something that is
/// looked for, a hyphen, and there is none in a name.
const CASE: u8 = b' ';

/// Whether a field's name is that one, which is in lower case and of letters and hyphens.
#[inline]
fn is<const LENGTH: usize>(name: &[u8], known: &[u8; LENGTH]) -> bool {
    let Ok(name) = <&[u8; LENGTH]>::try_from(name) else {
        return false;
    };
    // Word by word, of which the last two overlap if need be.
    let is_at = |at: usize| {
        let word = |text: &[u8; LENGTH]| {
            text[at..]
                .first_chunk()
                .map(|word| u64::from_ne_bytes(*word) | u64::from_ne_bytes([CASE; 8]))
        };
        word(name) == word(known)
    };
    match LENGTH {
        ..8 => name.map(|byte| byte | CASE) == *known,
        8..=16 => is_at(0) && is_at(LENGTH - 8),
        _ => (0..LENGTH - 8).step_by(8).all(is_at) && is_at(LENGTH - 8),
    }
}

fn set_once(slot: &mut Option<Span>, value: Span, name: &'static str) -> Result<(), Refusal> {
    if slot.replace(value).is_some() {
        return Err(Refusal::RepeatedField { name });
    }
    Ok(())
}

#[derive(Default)]
struct ConnectionOptions {
    close: bool,
    keep_alive: bool,
}

impl ConnectionOptions {
    fn add(&mut self, value: &[u8]) {
        for option in list_members(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }
}

/// Digits only: no sign, no list of equal values, though RFC 9110 section 8.6 would allow that.
fn parse_content_length(value: &[u8]) -> Result<u64, Refusal> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::InvalidContentLength);
    }
    // A number beyond 64 bits is well-formed, and certainly too large.
    Ok(value.iter().fold(0_u64, |length, digit| {
        length.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    }))
}

/// The last transfer coding seen so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coding {
    Chunked,
    Other,
    /// Other codings, with `chunked` last.
    OtherThenChunked,
}

fn push_coding(last: &mut Option<Coding>, coding: &[u8]) -> Result<(), Refusal> {
    if coding.is_empty() {
        return Err(Refusal::ChunkedNotLast);
    }
    let is_chunked = coding.eq_ignore_ascii_case(b"chunked");
    *last = Some(match (*last, is_chunked) {
        (None, true) => Coding::Chunked,
        (None | Some(Coding::Other), false) => Coding::Other,
        (Some(Coding::Other), true) => Coding::OtherThenChunked,
        // `chunked` must be last and must not be applied twice (RFC 9112 section 6.1).
        (Some(Coding::Chunked | Coding::OtherThenChunked), _) => {
            return Err(Refusal::ChunkedNotLast);
        }
    });
    Ok(())
}

/// RFC 9112 section 6.3, with everything ambiguous refused.
fn framing(
    is_http11: bool,
    content_length: Option<u64>,
    transfer_coding: Option<Coding>,
) -> Result<Framing, Refusal> {
    match (transfer_coding, content_length) {
        (Some(_), Some(_)) => Err(Refusal::ConflictingFraming),
        (Some(_), None) if !is_http11 => Err(Refusal::TransferEncodingOnHttp10),
        (Some(Coding::Chunked), None) => Ok(Framing::Chunked),
        (Some(Coding::Other), None) => Err(Refusal::ChunkedNotLast),
        (Some(Coding::OtherThenChunked), None) => Err(Refusal::UnknownTransferCoding),
        (None, None | Some(0)) => Ok(Framing::Empty),
        (None, Some(length)) => Ok(Framing::Length(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    fn parse(fields: &str) -> Result<Head, Refusal> {
        parse_line("POST /mcp HTTP/1.1", fields)
    }

    fn parse_line(line: &str, fields: &str) -> Result<Head, Refusal> {
        Head::parse(format!("{line}\r\n{fields}\r\n").as_bytes(), &Limits::default())
    }

    #[test]
    fn takes_a_head_apart() {
        let head = parse(
            "Host: localhost:8000\r\nACCEPT:  a/b \r\nmcp-Method:\ttools/call\t\r\nX:\r\nAccept: c/d\r\n",
        )
        .unwrap();
        assert_eq!(head.method(), Method::Post);
        assert_eq!(head.target(), "/mcp");
        assert_eq!(head.host(), Some(&b"localhost:8000"[..]));
        assert_eq!(head.mcp_method(), Some(&b"tools/call"[..]));
        assert_eq!(head.field("x"), Some(&b""[..]));
        assert_eq!(head.field("y"), None);
        let accepts: Vec<_> =
            head.fields().filter(|(n, _)| n.eq_ignore_ascii_case(b"accept")).collect();
        assert_eq!(accepts.len(), 2);
        assert!(head.is_http11() && head.keep_alive() && !head.expects_continue());
        assert_eq!(head.framing(), Framing::Empty);
    }

    #[test]
    fn settles_where_the_body_ends() {
        let framing =
            |fields: &str| parse(&format!("Host: a\r\n{fields}")).map(|head| head.framing());
        for (fields, expected) in [
            ("", Ok(Framing::Empty)),
            ("Content-Length: 0\r\n", Ok(Framing::Empty)),
            ("Content-Length: 007\r\n", Ok(Framing::Length(7))),
            ("Content-Length: 99999999999999999999\r\n", Ok(Framing::Length(u64::MAX))),
            ("Transfer-Encoding: chunked\r\n", Ok(Framing::Chunked)),
            ("Transfer-Encoding: CHUNKED \r\n", Ok(Framing::Chunked)),
            ("Transfer-Encoding: chunked,\r\n", Err(Refusal::ChunkedNotLast)),
            ("Transfer-Encoding: ,chunked\r\n", Err(Refusal::ChunkedNotLast)),
            ("Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n", Err(Refusal::ChunkedNotLast)),
            (
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                Err(Refusal::ConflictingFraming),
            ),
            (
                "Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
                Err(Refusal::ConflictingFraming),
            ),
            (
                "Content-Length: 5\r\nContent-Length: 6\r\n",
                Err(Refusal::RepeatedField { name: "Content-Length" }),
            ),
            (
                "Content-Length: 5\r\nContent-Length: 5\r\n",
                Err(Refusal::RepeatedField { name: "Content-Length" }),
            ),
            ("Content-Length: 5, 5\r\n", Err(Refusal::InvalidContentLength)),
            ("Content-Length: +5\r\n", Err(Refusal::InvalidContentLength)),
            ("Content-Length: 5 5\r\n", Err(Refusal::InvalidContentLength)),
            ("Content-Length:\r\n", Err(Refusal::InvalidContentLength)),
            ("Transfer-Encoding: gzip\r\n", Err(Refusal::ChunkedNotLast)),
            ("Transfer-Encoding:\r\n", Err(Refusal::ChunkedNotLast)),
            ("Transfer-Encoding: chunked, gzip\r\n", Err(Refusal::ChunkedNotLast)),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                Err(Refusal::ChunkedNotLast),
            ),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n", Err(Refusal::ChunkedNotLast)),
            ("Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n", Err(Refusal::ChunkedNotLast)),
            ("Transfer-Encoding: xchunked\r\n", Err(Refusal::ChunkedNotLast)),
            ("Transfer-Encoding: gzip, chunked\r\n", Err(Refusal::UnknownTransferCoding)),
        ] {
            assert_eq!(framing(fields), expected, "{fields}");
        }
        assert_eq!(
            parse_line("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n").unwrap_err(),
            Refusal::TransferEncodingOnHttp10
        );
    }

    #[test]
    fn settles_whether_the_connection_stays() {
        let keeps = |line: &str, connection: &str| {
            parse_line(line, &format!("Host: a\r\n{connection}")).unwrap().keep_alive()
        };
        let (v11, v10) = ("POST / HTTP/1.1", "POST / HTTP/1.0");
        assert!(keeps(v11, ""));
        assert!(!keeps(v11, "Connection: foo, Close\r\n"));
        assert!(!keeps(v11, "Connection: keep-alive\r\nConnection: close\r\n"));
        assert!(!keeps(v10, ""));
        assert!(keeps(v10, "Connection: Keep-Alive\r\n"));
    }

    #[test]
    fn refuses_malformed_heads() {
        for (fields, refusal) in [
            ("", Refusal::MissingHost),
            ("Host: a\r\nHost: a\r\n", Refusal::RepeatedField { name: "Host" }),
            ("Host : a\r\n", Refusal::MalformedField),
            ("Host: a\r\nNo colon\r\n", Refusal::MalformedField),
            ("Host: a\r\nX: a\rb\r\n", Refusal::MalformedField),
            ("Host: a\r\nX: a\0b\r\n", Refusal::MalformedField),
            ("Host: a\r\nX: a\x7fb\r\n", Refusal::MalformedField),
            ("Host: a\r\n: b\r\n", Refusal::MalformedField),
            (
                "Host: a\r\nMcp-Name: b\r\nMCP-NAME: b\r\n",
                Refusal::RepeatedField { name: "Mcp-Name" },
            ),
            ("Host: a\r\nExpect: the-worst\r\n", Refusal::UnmetExpectation),
        ] {
            assert_eq!(parse(fields).unwrap_err(), refusal, "{fields:?}");
        }
        for (line, refusal) in [
            ("POST /mcp HTTP/2.0", Refusal::UnsupportedVersion),
            ("PRI * HTTP/2.0", Refusal::UnsupportedVersion),
            ("POST /mcp HTTP/1.2", Refusal::UnsupportedVersion),
            ("POST /mcp HTTP/1.1 ", Refusal::MalformedRequestLine),
            ("POST /mcp HTTP/1.1\rHost: b", Refusal::MalformedRequestLine),
            ("POST /mcp  HTTP/1.1", Refusal::MalformedRequestLine),
            ("POST  /mcp HTTP/1.1", Refusal::MalformedRequestLine),
            ("POST /mcp http/1.1", Refusal::MalformedRequestLine),
            ("POST /mcp", Refusal::MalformedRequestLine),
            ("POST /m\x01cp HTTP/1.1", Refusal::MalformedRequestLine),
            ("PO(ST /mcp HTTP/1.1", Refusal::MalformedRequestLine),
        ] {
            assert_eq!(parse_line(line, "Host: a\r\n").unwrap_err(), refusal, "{line:?}");
        }
    }

    #[test]
    fn the_field_limit_is_inclusive() {
        let limits = Limits { fields: 3, ..Limits::default() };
        let head = |count: usize| {
            let fields: String = (1..count).map(|n| format!("X{n}: v\r\n")).collect();
            Head::parse(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes(), &limits)
        };
        assert!(head(3).is_ok());
        assert_eq!(head(4).unwrap_err(), Refusal::TooManyFields { limit: 3 });
    }
}
