//! Writes responses: a whole one in a single piece, or a stream of pieces.

use alloc::vec::Vec;
use core::ops::Range;

use super::date::DateLine;
use crate::cors;
use crate::error::Status;
use crate::hub::SessionId;

/// How a response of unknown length is delimited (RFC 9112 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyEncoding {
    Chunked,
    /// HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
    UntilClose,
}

/// What stands in the head of a response besides its length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseHead<'a> {
    pub(crate) status: Status,
    /// Field lines, each ending in CR LF.
    pub(crate) fields: &'a str,
    /// The `Allow` field.
    pub(crate) allow: Option<&'static str>,
    /// The `WWW-Authenticate` field.
    pub(crate) challenge: Option<&'a str>,
    /// The `Mcp-Session-Id` field.
    pub(crate) session: Option<SessionId>,
}

impl<'a> ResponseHead<'a> {
    pub(crate) const fn new(status: Status, fields: &'a str) -> Self {
        Self { status, fields, allow: None, challenge: None, session: None }
    }
}

/// Appends responses to a connection's output.
pub(crate) struct ResponseWriter<'a> {
    pub(crate) out: &'a mut Vec<u8>,
    /// For the `Date` field, and what it was last.
    pub(crate) unix_seconds: Option<u64>,
    pub(crate) date: &'a mut DateLine,
    /// Whether the peer speaks HTTP/1.1.
    pub(crate) is_http11: bool,
    /// Whether the connection stays open behind this response.
    pub(crate) keep_alive: bool,
    /// Whether the request was a HEAD, whose answer has no body.
    pub(crate) omit_body: bool,
    /// The page's origin, if the request came from one that is not ours and is let in.
    pub(crate) cors_origin: Option<&'a str>,
}

impl ResponseWriter<'_> {
    /// `HTTP/1.1 100 Continue` (RFC 9110 section 15.2.1).
    pub(crate) fn write_continue(out: &mut Vec<u8>) {
        out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    /// A complete response. Head and body end up side by side, to leave in one write: apart, the
    /// second waits for the peer's delayed ACK of the first.
    pub(crate) fn write_whole(&mut self, head: ResponseHead<'_>, body: impl FnOnce(&mut Vec<u8>)) {
        // For nearly all heads, and what is around a result.
        self.out.reserve(512);
        self.write_head(head);
        self.out.extend_from_slice(b"Content-Length: ");
        // Most lengths have as many digits.
        let digits = self.reserve_digits(3);
        self.out.extend_from_slice(b"\r\n\r\n");
        let start = self.out.len();
        body(self.out);
        let length = self.out.len() - start;
        if self.omit_body {
            self.out.truncate(start);
        }
        self.put_digits(digits, itoa::Buffer::new().format(length).as_bytes());
    }

    /// A response without content, such as 202.
    pub(crate) fn write_empty(&mut self, head: ResponseHead<'_>) {
        if head.status == Status::NoContent {
            // It has no length either (RFC 9110 section 8.6).
            self.write_head(head);
            self.out.extend_from_slice(b"\r\n");
        } else {
            self.write_whole(head, |_| {});
        }
    }

    /// The head of a response whose body follows in pieces.
    pub(crate) fn begin_stream(&mut self, head: ResponseHead<'_>) -> BodyEncoding {
        self.keep_alive &= self.is_http11;
        self.out.reserve(512);
        self.write_head(head);
        if self.is_http11 {
            self.out.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            BodyEncoding::Chunked
        } else {
            self.out.extend_from_slice(b"\r\n");
            BodyEncoding::UntilClose
        }
    }

    /// One piece of a streamed body; `piece` must append something.
    pub(crate) fn write_piece(&mut self, encoding: BodyEncoding, piece: impl FnOnce(&mut Vec<u8>)) {
        // For nearly all that is said on the way to a result.
        self.out.reserve(256);
        if encoding == BodyEncoding::UntilClose {
            return piece(self.out);
        }
        let digits = self.reserve_digits(2);
        self.out.extend_from_slice(b"\r\n");
        let start = self.out.len();
        piece(self.out);
        let length = self.out.len() - start;
        debug_assert_ne!(length, 0, "an empty chunk would end the body");
        self.out.extend_from_slice(b"\r\n");
        let mut buffer = [0; HEX_DIGITS];
        self.put_digits(digits, hex(&mut buffer, length));
    }

    /// The end of a streamed body.
    pub(crate) fn end_stream(&mut self, encoding: BodyEncoding) {
        if encoding == BodyEncoding::Chunked {
            self.out.extend_from_slice(b"0\r\n\r\n");
        }
    }

    /// Keeps room for so many digits of a number that will be known when what is behind it has been
    /// written. Returns where they go.
    fn reserve_digits(&mut self, count: usize) -> Range<usize> {
        let start = self.out.len();
        self.out.resize(start + count, b'0');
        start..start + count
    }

    /// Puts the digits of a number where room was kept. If there are fewer or more, what is behind them
    /// is moved.
    fn put_digits(&mut self, place: Range<usize>, digits: &[u8]) {
        if place.len() == digits.len() {
            self.out[place].copy_from_slice(digits);
        } else {
            self.out.splice(place, digits.iter().copied());
        }
    }

    fn write_head(&mut self, head: ResponseHead<'_>) {
        let out = &mut *self.out;
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(head.status.line().as_bytes());
        if let Some(unix_seconds) = self.unix_seconds {
            out.extend_from_slice(self.date.at(unix_seconds));
        }
        out.extend_from_slice(head.fields.as_bytes());
        if let Some(allow) = head.allow {
            out.extend_from_slice(b"Allow: ");
            out.extend_from_slice(allow.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if let Some(challenge) = head.challenge {
            out.extend_from_slice(b"WWW-Authenticate: ");
            out.extend_from_slice(challenge.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if let Some(session) = head.session {
            out.extend_from_slice(b"Mcp-Session-Id: ");
            out.extend_from_slice(&session.digits());
            out.extend_from_slice(b"\r\n");
        }
        if let Some(origin) = self.cors_origin {
            cors::write_fields(out, origin);
        }
        if !self.keep_alive {
            out.extend_from_slice(b"Connection: close\r\n");
        } else if !self.is_http11 {
            out.extend_from_slice(b"Connection: keep-alive\r\n");
        }
    }
}

/// As many digits as any number has in hexadecimal.
const HEX_DIGITS: usize = usize::BITS as usize / 4;

fn hex(buffer: &mut [u8; HEX_DIGITS], mut number: usize) -> &[u8] {
    let mut start = HEX_DIGITS;
    loop {
        start -= 1;
        buffer[start] = b"0123456789abcdef"[number & 0xf];
        number >>= 4;
        if number == 0 {
            return &buffer[start..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    fn write(
        is_http11: bool,
        keep_alive: bool,
        with: impl FnOnce(&mut ResponseWriter<'_>),
    ) -> String {
        let mut out = b"|".to_vec();
        with(&mut ResponseWriter {
            out: &mut out,
            unix_seconds: Some(784_111_777),
            date: &mut DateLine::default(),
            is_http11,
            keep_alive,
            omit_body: false,
            cors_origin: None,
        });
        String::from_utf8(out).unwrap()
    }

    const JSON: ResponseHead<'_> =
        ResponseHead::new(Status::Ok, "Content-Type: application/json\r\n");

    #[test]
    fn a_whole_response_is_one_piece() {
        assert_eq!(
            write(true, true, |writer| writer
                .write_whole(JSON, |out| out.extend_from_slice(b"{}"))),
            "|HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        );
    }

    #[test]
    fn lengths_are_of_any_size() {
        for length in [0, 9, 10, 99, 100, 999, 1000, 12_345] {
            let body = "x".repeat(length);
            let text = write(true, true, |writer| {
                writer.write_whole(JSON, |out| out.extend_from_slice(body.as_bytes()));
            });
            assert!(
                text.ends_with(&format!("\r\nContent-Length: {length}\r\n\r\n{body}")),
                "{text}"
            );
            if length > 0 {
                let text = write(true, true, |writer| {
                    writer.write_piece(BodyEncoding::Chunked, |out| {
                        out.extend_from_slice(body.as_bytes());
                    });
                });
                assert_eq!(text, format!("|{length:x}\r\n{body}\r\n"));
            }
        }
    }

    #[test]
    fn an_answer_to_head_has_the_length_and_no_body() {
        let text = write(true, false, |writer| {
            writer.omit_body = true;
            writer.write_whole(JSON, |out| out.extend_from_slice(b"{}"));
        });
        assert!(text.ends_with("Connection: close\r\nContent-Length: 2\r\n\r\n"), "{text}");
    }

    #[test]
    fn streams_are_chunked_or_end_with_the_connection() {
        let stream = |writer: &mut ResponseWriter<'_>| {
            let encoding = writer.begin_stream(JSON);
            writer.write_piece(encoding, |out| out.resize(out.len() + 26, b'x'));
            writer.end_stream(encoding);
        };
        let text = write(true, true, stream);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with("\r\nTransfer-Encoding: chunked"), "{head}");
        assert_eq!(body, "1a\r\nxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n0\r\n\r\n");

        let text = write(false, true, stream);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with("\r\nConnection: close"), "{head}");
        assert_eq!(body, "xxxxxxxxxxxxxxxxxxxxxxxxxx");
    }

    #[test]
    fn hexadecimal_lengths() {
        for (number, text) in
            [(0, "0"), (1, "1"), (15, "f"), (16, "10"), (0xabc, "abc"), (65536, "10000")]
        {
            assert_eq!(hex(&mut [0; HEX_DIGITS], number), text.as_bytes());
        }
    }
}
