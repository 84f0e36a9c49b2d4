//! The body of a response, as it comes.

use std::io;
use std::mem::take;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};
use httparse::Status;

use crate::pipe::Reader;

/// The body of a response: an event of a stream is a piece of its own, and comes when it is sent.
///
/// Dropped before its end, it is a client that has hung up. It fails if the server gives up on the
/// client, which has stopped reading for too long.
#[derive(Debug)]
#[must_use = "to drop a body is to hang up"]
pub struct Body {
    /// Gone when the body is complete.
    reader: Option<Reader>,
    /// What has been read and not been looked at.
    bytes: Bytes,
    framing: Framing,
}

/// Where the body ends (RFC 9112 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Behind that many bytes.
    Length(u64),
    Chunked(Chunked),
}

/// What comes next in a chunked body (RFC 9112 section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunked {
    Size,
    /// That many bytes of a chunk.
    Data(u64),
    /// The line end behind a chunk.
    DataEnd,
    /// The line end behind the last chunk: our sessions send no trailers.
    LastEnd,
}

impl Body {
    /// Nothing.
    pub(crate) const fn empty() -> Self {
        Self { reader: None, bytes: Bytes::new(), framing: Framing::Length(0) }
    }

    /// What is known beforehand.
    pub(crate) const fn text(text: &'static str) -> Self {
        let bytes = Bytes::from_static(text.as_bytes());
        Self { reader: None, framing: Framing::Length(text.len() as u64), bytes }
    }

    /// What is read from `reader`, of which `bytes` are there.
    pub(crate) fn new(reader: Reader, bytes: Bytes, framing: Framing) -> Self {
        let mut body = Self { reader: Some(reader), bytes, framing };
        body.end_if_complete();
        body
    }

    fn end_if_complete(&mut self) {
        if self.framing == Framing::Length(0)
            && let Some(mut reader) = self.reader.take()
        {
            reader.done();
        }
    }

    /// The next piece of what is there.
    fn next_data(&mut self) -> Result<Option<Bytes>, httparse::InvalidChunkSize> {
        self.skip_framing()?;
        let (Framing::Length(left) | Framing::Chunked(Chunked::Data(left))) = &mut self.framing
        else {
            return Ok(None);
        };
        let count = self.bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
        if count == 0 {
            return Ok(None);
        }
        *left -= count as u64;
        let data = self.bytes.split_to(count);
        // Whether that was all is known before anybody asks.
        self.skip_framing()?;
        Ok(Some(data))
    }

    /// Goes on to the next data, as far as what is there leads.
    fn skip_framing(&mut self) -> Result<(), httparse::InvalidChunkSize> {
        while let Framing::Chunked(next) = &mut self.framing {
            match next {
                Chunked::Data(1..) => return Ok(()),
                Chunked::Data(0) => *next = Chunked::DataEnd,
                Chunked::Size => match httparse::parse_chunk_size(&self.bytes)? {
                    Status::Partial => return Ok(()),
                    Status::Complete((length, size)) => {
                        self.bytes.advance(length);
                        *next = if size == 0 { Chunked::LastEnd } else { Chunked::Data(size) };
                    }
                },
                Chunked::DataEnd | Chunked::LastEnd => {
                    if self.bytes.len() < 2 {
                        return Ok(());
                    }
                    self.bytes.advance(2);
                    self.framing = match next {
                        Chunked::LastEnd => Framing::Length(0),
                        _ => Framing::Chunked(Chunked::Size),
                    };
                }
            }
        }
        self.end_if_complete();
        Ok(())
    }

    /// Nothing more comes, and nothing more is waited for.
    fn fail(&mut self, kind: io::ErrorKind) -> io::Error {
        *self = Self::empty();
        kind.into()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        loop {
            match this.next_data() {
                Ok(Some(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(None) => {}
                Err(_) => return Poll::Ready(Some(Err(this.fail(io::ErrorKind::InvalidData)))),
            }
            let Some(reader) = &this.reader else {
                return Poll::Ready(None);
            };
            match ready!(reader.poll_bytes(cx)) {
                Some(bytes) => this.bytes = append(take(&mut this.bytes), bytes),
                None => return Poll::Ready(Some(Err(this.fail(io::ErrorKind::UnexpectedEof)))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.reader.is_none() && self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.framing {
            Framing::Length(left) => SizeHint::with_exact(left),
            Framing::Chunked(_) => SizeHint::default(),
        }
    }
}

/// Puts `more` behind what there is, which is next to nothing: part of a line.
fn append(bytes: Bytes, more: Vec<u8>) -> Bytes {
    if bytes.is_empty() { more.into() } else { [&bytes[..], &more].concat().into() }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_lite::future::{block_on, poll_once};
    use http_body::Body as _;

    use super::*;
    use crate::pipe::{End, pipe};

    const CHUNKS: Framing = Framing::Chunked(Chunked::Size);

    /// What comes of a body that is written that many bytes at a time, and whether its end in order
    /// was known without asking for more.
    fn read(framing: Framing, size: usize, bytes: &'static [u8]) -> (Vec<String>, bool) {
        let (writer, reader) = pipe();
        let mut body = Body::new(reader, Bytes::new(), framing);
        let mut pieces = Vec::new();
        block_on(async {
            let mut written = bytes.chunks(size);
            loop {
                let mut body = Pin::new(&mut body);
                let next = poll_once(poll_fn(|cx| body.as_mut().poll_frame(cx))).await;
                match next {
                    Some(Some(Ok(frame))) => {
                        let data = frame.into_data().unwrap();
                        pieces.push(String::from_utf8(data.to_vec()).unwrap());
                    }
                    Some(Some(Err(error))) => pieces.push(error.kind().to_string()),
                    Some(None) => break,
                    None => match written.next() {
                        Some(piece) => {
                            poll_fn(|cx| writer.poll_write(cx, piece)).await.unwrap();
                        }
                        None => writer.close(),
                    },
                }
                if body.is_end_stream() {
                    break;
                }
            }
            let has_left = poll_once(poll_fn(|cx| writer.poll_end(cx))).await == Some(End::Left);
            (pieces, !has_left)
        })
    }

    #[test]
    fn pieces_are_those_that_were_sent() {
        let streamed = b"3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n";
        assert_eq!(
            read(CHUNKS, 1000, streamed),
            (vec!["abc".into(), "0123456789abcdef".into()], true)
        );
        assert_eq!(read(Framing::Length(5), 1000, b"hello"), (vec!["hello".into()], true));
        for size in 1..streamed.len() {
            let (pieces, is_whole) = read(CHUNKS, size, streamed);
            assert_eq!((pieces.concat().as_str(), is_whole), ("abc0123456789abcdef", true));
        }
        assert_eq!(read(Framing::Length(0), 1, b""), (vec![], true));
    }

    #[test]
    fn what_is_cut_fails() {
        let cut = || io::ErrorKind::UnexpectedEof.to_string();
        for size in 1..20 {
            for (framing, bytes, received) in [
                (Framing::Length(5), &b"hell"[..], "hell"),
                (CHUNKS, b"3\r\nabc\r\n5\r\nx", "abcx"),
                (CHUNKS, b"3\r\nabc\r\n0\r\n", "abc"),
            ] {
                let (pieces, is_whole) = read(framing, size, bytes);
                assert_eq!(pieces.concat(), format!("{received}{}", cut()));
                assert!(!is_whole);
            }
        }
    }

    #[test]
    fn to_drop_it_is_to_leave_unless_it_is_complete() {
        for (bytes, has_left) in [(&b"3\r\nabc\r\n0\r\n\r\n"[..], false), (b"3\r\nabc\r\n0", true)]
        {
            let (writer, reader) = pipe();
            let mut body = Body::new(reader, Bytes::from_static(bytes), CHUNKS);
            block_on(poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).unwrap().unwrap();
            assert_eq!(body.is_end_stream(), !has_left);
            drop(body);
            let end = block_on(poll_once(poll_fn(|cx| writer.poll_end(cx))));
            assert_eq!(end, has_left.then_some(End::Left));
        }
    }
}
