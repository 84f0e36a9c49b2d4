//! One request and its response as a connection: what the driver reads and writes in place of a
//! socket.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use http_body::Body;

use crate::pipe::{End, Writer};
use crate::request::RequestBytes;

pub(crate) struct Stream<B: Body> {
    request: RequestBytes<B>,
    response: Writer,
}

impl<B: Body> Stream<B> {
    pub(crate) fn new(request: RequestBytes<B>, response: Writer) -> Self {
        Self { request, response }
    }
}

// A body is pinned where it is kept, and nothing else needs to be.
impl<B: Body> Unpin for Stream<B> {}

impl<B: Body> AsyncRead for Stream<B> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let end = self.response.poll_end(cx);
        if end == Poll::Ready(End::Left) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        // It was answered without its body.
        if end.is_ready() && self.request.is_held() {
            return Poll::Ready(Ok(0));
        }
        match ready!(self.request.poll_read(cx, buffer)) {
            // The end of a request is not that of its client, who waits for the answer.
            Ok(0) => end.map(|_| Ok(0)),
            read => Poll::Ready(read),
        }
    }
}

impl<B: Body> AsyncWrite for Stream<B> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.request.is_held() && bytes.starts_with(b"HTTP/1.1 100 ") {
            self.request.release();
            cx.waker().wake_by_ref();
        }
        self.response.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.response.close();
        Poll::Ready(Ok(()))
    }
}
