//! Connections on async-io.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_io::{Async, IoSafe};
use futures_lite::io::{AsyncRead, AsyncWrite};

/// A connection, whose sending half is closed by closing it: `Async` alone leaves that to the drop.
#[derive(Debug)]
pub struct Stream<S = TcpStream> {
    inner: Async<S>,
    /// Whether all there was has been read, so that the reactor has to be asked first: `Async` alone
    /// would ask the system each time.
    is_drained: bool,
}

impl<S> Stream<S> {
    const fn new(inner: Async<S>) -> Self {
        Self { inner, is_drained: false }
    }
}

/// What has halves.
#[expect(unnameable_types, reason = "the sockets of the standard library have them")]
pub trait Halves {
    /// Closes the sending half.
    fn close_sending(&self) -> io::Result<()>;
}

impl Halves for TcpStream {
    fn close_sending(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[cfg(unix)]
impl Halves for std::os::unix::net::UnixStream {
    fn close_sending(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl TryFrom<TcpStream> for Stream {
    type Error = io::Error;

    fn try_from(stream: TcpStream) -> io::Result<Self> {
        Ok(Self::new(Async::new(stream)?))
    }
}

#[cfg(unix)]
impl TryFrom<std::os::unix::net::UnixStream> for Stream<std::os::unix::net::UnixStream> {
    type Error = io::Error;

    fn try_from(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        Ok(Self::new(Async::new(stream)?))
    }
}

impl<S> AsyncRead for Stream<S>
where
    for<'a> &'a S: Read,
    Async<S>: Unpin,
{
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            if self.is_drained {
                ready!(self.inner.poll_readable(cx))?;
                self.is_drained = false;
            }
            match self.inner.get_ref().read(buffer) {
                Ok(count) => {
                    // Less than there is room for is all there is, or the end, which is seen again.
                    self.is_drained = count < buffer.len();
                    return Poll::Ready(Ok(count));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_drained = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl<S: Write + IoSafe + Halves> AsyncWrite for Stream<S>
where
    Async<S>: Unpin,
{
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.inner.get_ref().close_sending())
    }
}
