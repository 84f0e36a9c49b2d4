//! A request in parts, back as the bytes of HTTP/1.1: the head, then the body as it comes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderName, Request};
use http_body::Body;

/// What is about the connection that the request came by (RFC 9110 section 7.6.1), or about how its
/// body was framed there. Fields that a `Connection` field names besides are meant for whoever the
/// connection leads to, which we are: to drop those would let a client take away what a proxy has
/// added.
static OF_THE_CONNECTION: [HeaderName; 8] = [
    CONNECTION,
    CONTENT_LENGTH,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// The bytes of a request, which end behind its body.
pub(crate) struct RequestBytes<B: Body> {
    /// The head, or what stands around the chunks.
    text: Bytes,
    /// The piece of the body in hand.
    data: Option<B::Data>,
    body: Source<B>,
    framing: Framing,
    /// Whether the body must not be asked for yet: whoever is in front of us tells a client that waits
    /// for that (RFC 9110 section 10.1.1) to send it when it is.
    is_held: bool,
    /// Whether the body has failed, for whoever answers.
    is_broken: Arc<AtomicBool>,
}

/// Where the body comes from.
enum Source<B> {
    More(Pin<Box<B>>),
    Ended,
    /// It failed, or is of another length than it said.
    Broken,
}

enum Framing {
    /// So many bytes are still to come.
    Length(u64),
    Chunked,
}

impl<B: Body> RequestBytes<B> {
    pub(crate) fn new(request: Request<B>) -> Self {
        let (parts, body) = request.into_parts();
        let framing = match body.size_hint().exact() {
            Some(length) => Framing::Length(length),
            None => Framing::Chunked,
        };
        let text = head(&parts, &framing).into();
        let body = Source::More(Box::pin(body));
        let is_held = parts.headers.contains_key(EXPECT);
        Self { text, data: None, body, framing, is_held, is_broken: Arc::default() }
    }

    pub(crate) const fn is_held(&self) -> bool {
        self.is_held
    }

    /// The client may be told to send the body. Whoever waits for it has to be woken.
    pub(crate) const fn release(&mut self) {
        self.is_held = false;
    }

    /// Becomes true when the body fails, or turns out to be of another length than it said.
    pub(crate) fn is_broken(&self) -> Arc<AtomicBool> {
        self.is_broken.clone()
    }

    /// Reads what there is. No bytes are the end. While the body is held, nobody is woken.
    ///
    /// # Errors
    ///
    /// If the body fails, which is how a client that leaves in it looks like, or if it has another
    /// length than it said.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut read = 0;
        while read < buffer.len() {
            if self.text.has_remaining() {
                read += copy(&mut self.text, &mut buffer[read..]);
                continue;
            }
            if let Some(data) = &mut self.data {
                if data.has_remaining() {
                    read += copy(data, &mut buffer[read..]);
                    continue;
                }
                self.data = None;
                if matches!(self.framing, Framing::Chunked) {
                    self.text = Bytes::from_static(b"\r\n");
                    continue;
                }
            }
            match &mut self.body {
                Source::More(_) if self.is_held && read == 0 => return Poll::Pending,
                Source::More(_) if self.is_held => break,
                Source::Broken if read == 0 => {
                    self.is_broken.store(true, Ordering::Release);
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                Source::Broken | Source::Ended => break,
                Source::More(body) => match body.as_mut().poll_frame(cx) {
                    Poll::Pending if read == 0 => return Poll::Pending,
                    Poll::Pending => break,
                    Poll::Ready(Some(Ok(frame))) => {
                        // Trailers say nothing to an MCP server.
                        if let Ok(data) = frame.into_data() {
                            self.begin(data);
                        }
                    }
                    Poll::Ready(Some(Err(_))) => self.body = Source::Broken,
                    Poll::Ready(None) => self.end(),
                },
            }
        }
        Poll::Ready(Ok(read))
    }

    fn begin(&mut self, data: B::Data) {
        let length = data.remaining();
        // An empty chunk would be the last.
        if length == 0 {
            return;
        }
        match &mut self.framing {
            Framing::Chunked => self.text = format!("{length:x}\r\n").into(),
            Framing::Length(left) => match left.checked_sub(length as u64) {
                Some(rest) => *left = rest,
                None => {
                    self.body = Source::Broken;
                    return;
                }
            },
        }
        self.data = Some(data);
    }

    fn end(&mut self) {
        self.body = match self.framing {
            Framing::Length(1..) => Source::Broken,
            Framing::Length(0) | Framing::Chunked => Source::Ended,
        };
        if matches!(self.framing, Framing::Chunked) {
            self.text = Bytes::from_static(b"0\r\n\r\n");
        }
    }
}

/// Methods, targets, names and values are of types that let no line ends in.
fn head(parts: &Parts, framing: &Framing) -> Vec<u8> {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut head = Vec::with_capacity(1024);
    for part in [parts.method.as_str(), " ", target, " HTTP/1.1\r\n"] {
        head.extend_from_slice(part.as_bytes());
    }
    // That of the target replaces any other, as it does in a request to a proxy (RFC 9112 section
    // 3.2.2) and on HTTP/2 (RFC 9113 section 8.3.1).
    let authority = parts.uri.authority();
    if let Some(authority) = authority {
        push_field(&mut head, HOST.as_str(), authority.as_str().as_bytes());
    }
    for (name, value) in &parts.headers {
        let is_replaced = name == HOST && authority.is_some();
        if !is_replaced && !OF_THE_CONNECTION.contains(name) {
            push_field(&mut head, name.as_str(), value.as_bytes());
        }
    }
    match framing {
        Framing::Length(0) => {}
        Framing::Length(length) => {
            push_field(&mut head, CONTENT_LENGTH.as_str(), length.to_string().as_bytes());
        }
        Framing::Chunked => push_field(&mut head, TRANSFER_ENCODING.as_str(), b"chunked"),
    }
    push_field(&mut head, CONNECTION.as_str(), b"close");
    head.extend_from_slice(b"\r\n");
    head
}

fn push_field(head: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        head.extend_from_slice(part);
    }
}

/// Moves as much as there is and fits.
fn copy(from: &mut impl Buf, to: &mut [u8]) -> usize {
    let count = from.remaining().min(to.len());
    from.copy_to_slice(&mut to[..count]);
    count
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::poll_fn;

    use futures_lite::future::{block_on, poll_once};
    use http::HeaderMap;
    use http_body::{Frame, SizeHint};

    use super::*;

    /// What a body gives: data, trailers, an error, or a pause.
    enum Piece {
        Data(&'static [u8]),
        Trailers,
        Error,
        Pause,
    }
    use Piece::{Data, Error, Pause, Trailers};

    struct Pieces {
        pieces: VecDeque<Piece>,
        length: Option<u64>,
    }

    impl Body for Pieces {
        type Data = &'static [u8];
        type Error = ();

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Self::Data>, ()>>> {
            match self.pieces.pop_front() {
                Some(Data(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Trailers) => Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new())))),
                Some(Error) => Poll::Ready(Some(Err(()))),
                Some(Pause) => Poll::Pending,
                None => Poll::Ready(None),
            }
        }

        fn size_hint(&self) -> SizeHint {
            self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
        }
    }

    /// All that is read of a request, that many bytes at a time, and whether it ends in order.
    fn read(size: usize, request: Request<Pieces>) -> (String, bool) {
        let mut bytes = RequestBytes::new(request);
        let (mut all, mut buffer) = (Vec::new(), vec![0; size]);
        block_on(async {
            loop {
                match poll_once(poll_fn(|cx| bytes.poll_read(cx, &mut buffer))).await {
                    None => {}
                    Some(Ok(0)) => break,
                    Some(Ok(count)) => all.extend_from_slice(&buffer[..count]),
                    Some(Err(_)) => return (String::from_utf8(all).unwrap(), false),
                }
            }
            (String::from_utf8(all).unwrap(), true)
        })
    }

    fn request(
        builder: http::request::Builder,
        pieces: impl IntoIterator<Item = Piece>,
        length: Option<u64>,
    ) -> Request<Pieces> {
        builder.body(Pieces { pieces: pieces.into_iter().collect(), length }).unwrap()
    }

    fn post() -> http::request::Builder {
        Request::post("/mcp?a=b").header("Host", "localhost")
    }

    const HEAD: &str = "POST /mcp?a=b HTTP/1.1\r\nhost: localhost\r\n";

    #[test]
    fn bodies_are_framed_by_what_is_known_of_them() {
        for size in [1, 2, 3, 64 * 1024] {
            let pieces = || [Data(b"{\"a\""), Pause, Data(b""), Data(b":1}"), Trailers];
            assert_eq!(
                read(size, request(post(), pieces(), Some(7))),
                (format!("{HEAD}content-length: 7\r\nconnection: close\r\n\r\n{{\"a\":1}}"), true)
            );
            let chunks = "4\r\n{\"a\"\r\n3\r\n:1}\r\n0\r\n\r\n";
            let head = format!("{HEAD}transfer-encoding: chunked\r\nconnection: close\r\n\r\n");
            assert_eq!(
                read(size, request(post(), pieces(), None)),
                (format!("{head}{chunks}"), true)
            );
            assert_eq!(
                read(size, request(post(), [], Some(0))),
                (format!("{HEAD}connection: close\r\n\r\n"), true)
            );
        }
    }

    #[test]
    fn a_body_that_breaks_off_has_no_end() {
        for size in [1, 64 * 1024] {
            for (pieces, length, received) in [
                (vec![Data(b"ab"), Error], None, "2\r\nab\r\n"),
                (vec![Data(b"ab"), Error], Some(4), "ab"),
                // Less than it said, and more.
                (vec![Data(b"ab")], Some(4), "ab"),
                (vec![Data(b"ab"), Data(b"cde")], Some(4), "ab"),
            ] {
                let (bytes, has_ended) = read(size, request(post(), pieces, length));
                assert!(!has_ended, "{bytes}");
                assert_eq!(bytes.split_once("\r\n\r\n").unwrap().1, received);
            }
        }
    }

    #[test]
    fn what_is_about_the_connection_does_not_pass() {
        let builder = post()
            .header("Connection", "keep-alive, x-user")
            .header("Keep-Alive", "timeout=5")
            .header("Proxy-Connection", "close")
            .header("TE", "trailers")
            .header("Trailer", "x")
            .header("Transfer-Encoding", "chunked")
            .header("Upgrade", "h2c")
            .header("Content-Length", "9")
            .header("X-User", "kept")
            .header("Accept", "a/b")
            .header("Accept", "c/d");
        assert_eq!(
            read(100, request(builder, [], Some(0))).0,
            format!(
                "{HEAD}x-user: kept\r\naccept: a/b\r\naccept: c/d\r\nconnection: close\r\n\r\n"
            )
        );
    }

    #[test]
    fn the_host_is_that_of_the_target_if_it_has_one() {
        let builder = Request::get("http://b.example:81/x").header("Host", "a.example");
        assert_eq!(
            read(100, request(builder, [], Some(0))).0,
            "GET /x HTTP/1.1\r\nhost: b.example:81\r\nconnection: close\r\n\r\n"
        );
        let builder = Request::connect("b.example:81");
        assert_eq!(
            read(100, request(builder, [], Some(0))).0,
            "CONNECT / HTTP/1.1\r\nhost: b.example:81\r\nconnection: close\r\n\r\n"
        );
    }
}
