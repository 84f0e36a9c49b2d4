//! The head of a response, from bytes to its parts.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use httparse::Status;

use crate::body::{Body, Chunked, Framing};
use crate::pipe::Reader;

/// More field lines than our sessions send.
const MAX_FIELDS: usize = 32;

/// Of a response, what has come of its head.
#[derive(Debug)]
pub(crate) struct Incoming {
    reader: Reader,
    bytes: Vec<u8>,
    /// Whether it answers a HEAD, and has no body.
    is_head: bool,
}

impl Incoming {
    pub(crate) const fn new(reader: Reader, is_head: bool) -> Self {
        Self { reader, bytes: Vec::new(), is_head }
    }

    pub(crate) const fn reader(&self) -> &Reader {
        &self.reader
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The response, once all of its head is there.
    pub(crate) fn finish(mut self) -> Result<Response<Body>, Self> {
        loop {
            let Some((length, head)) = parse(&self.bytes) else {
                return Err(self);
            };
            if head.status.is_informational() {
                // 100 (Continue): what is in front of us has its own when a body is asked for.
                self.bytes.drain(..length);
                continue;
            }
            let framing = match head.framing {
                _ if self.is_head => Framing::Length(0),
                framing => framing,
            };
            let rest = Bytes::from(self.bytes).slice(length..);
            let mut response = Response::new(Body::new(self.reader, rest, framing));
            *response.status_mut() = head.status;
            response.headers_mut().extend(head.fields);
            return Ok(response);
        }
    }
}

/// The answer of nobody: the servers have been stopped, or have too much to do.
pub(crate) fn unavailable() -> Response<Body> {
    let mut response = said(
        StatusCode::SERVICE_UNAVAILABLE,
        "the MCP servers have been stopped, or have all the requests that they take at once: try \
         again later\n",
    );
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// The answer to a request whose body cannot be read to its end.
pub(crate) fn bad_request() -> Response<Body> {
    said(StatusCode::BAD_REQUEST, "the body of the request could not be read to its end\n")
}

fn said(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::text(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

struct Head {
    status: StatusCode,
    fields: Vec<(HeaderName, HeaderValue)>,
    framing: Framing,
}

/// Takes apart a head that is complete, and says how long it is. Our sessions write no other than
/// well-formed ones.
fn parse(bytes: &[u8]) -> Option<(usize, Head)> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let Ok(Status::Complete(length)) = response.parse(bytes) else {
        return None;
    };
    let status = StatusCode::from_u16(response.code?).ok()?;
    let mut head = Head { status, fields: Vec::new(), framing: Framing::Length(0) };
    for field in response.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        if name == TRANSFER_ENCODING {
            head.framing = Framing::Chunked(Chunked::Size);
        }
        // The connection is that of whoever is in front of us.
        if name == TRANSFER_ENCODING || name == CONNECTION {
            continue;
        }
        if name == CONTENT_LENGTH {
            let length = str::from_utf8(field.value).ok()?.parse().ok()?;
            head.framing = Framing::Length(length);
        }
        head.fields.push((name, HeaderValue::from_bytes(field.value).ok()?));
    }
    Some((length, head))
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;
    use crate::pipe::pipe;

    /// The response whose head comes that many bytes at a time.
    fn read(is_head: bool, size: usize, bytes: &[u8]) -> Response<Body> {
        let mut incoming = Incoming::new(pipe().1, is_head);
        let mut pieces = bytes.chunks(size);
        loop {
            incoming.push(pieces.next().expect("the head is complete"));
            match incoming.finish() {
                Ok(response) => return response,
                Err(more) => incoming = more,
            }
        }
    }

    #[test]
    fn heads_are_taken_apart() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nA: b\r\nA: c\r\n\
            Connection: close\r\nContent-Length: 2\r\n\r\n";
        for size in 1..=bytes.len() {
            let response = read(false, size, bytes);
            assert_eq!(response.status(), 404);
            let fields: Vec<_> = response.headers().iter().collect();
            let value = |text| HeaderValue::from_static(text);
            let (a, length) = (HeaderName::from_static("a"), CONTENT_LENGTH);
            assert_eq!(fields, [(&a, &value("b")), (&a, &value("c")), (&length, &value("2"))]);
            assert_eq!(response.body().size_hint().exact(), Some(2));
        }
    }

    #[test]
    fn bodies_are_framed_as_the_head_says() {
        let exact = |is_head, fields: &str| {
            let bytes = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
            let response = read(is_head, bytes.len(), bytes.as_bytes());
            assert!(!response.headers().contains_key(TRANSFER_ENCODING));
            (response.body().size_hint().exact(), response.body().is_end_stream())
        };
        assert_eq!(exact(false, "Transfer-Encoding: chunked\r\n"), (None, false));
        assert_eq!(exact(false, "Content-Length: 0\r\n"), (Some(0), true));
        assert_eq!(exact(false, ""), (Some(0), true));
        assert_eq!(exact(true, "Content-Length: 7\r\n"), (Some(0), true));
    }
}
