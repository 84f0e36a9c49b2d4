//! Unix sockets on async-io.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_io::Async;
use futures_lite::io::{AsyncRead, AsyncWrite};
use mcp_server::SocketFile;
use mcp_server::runtime::{Address, Listener, aborted};

/// Listens at `path` as a Unix socket, for [`Serve::new`](crate::Serve::new). A socket that a process
/// has left there which is gone is replaced; the file is removed with the listener. Who may connect,
/// the permissions of the file and its folder say.
///
/// ```no_run
/// # use mcp_smol::{BoxError, Server, Serve, Smol};
/// # fn example(server: Server) -> Result<(), BoxError> {
/// let listener = mcp_smol::bind_unix("/run/user/1000/mcp.sock")?;
/// mcp_smol::block_on(Serve::new(Smol::new(), listener, server.into()).by_line())?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Those of `bind(2)`: somebody listens there, or there is a file that is no socket.
pub fn bind_unix(path: impl AsRef<Path>) -> io::Result<UnixListener> {
    let (listener, file) = SocketFile::bind(path)?;
    Ok(UnixListener { inner: Async::new(listener)?, file })
}

/// A listener at a path.
#[derive(Debug)]
pub struct UnixListener {
    inner: Async<StdListener>,
    file: SocketFile,
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Stream, Option<SocketAddr>)>> {
        loop {
            match self.inner.get_ref().accept() {
                Ok((stream, _)) => {
                    let inner = Async::new(stream).map_err(aborted)?;
                    return Poll::Ready(Ok((UnixStream { inner }, None)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.inner.poll_readable(cx))?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn local_addr(&self) -> io::Result<Address> {
        Ok(Address::Path(self.file.path().to_owned()))
    }
}

/// A connection of a Unix socket.
#[derive(Debug)]
pub struct UnixStream {
    inner: Async<StdStream>,
}

impl AsyncRead for UnixStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for UnixStream {
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
        Poll::Ready(self.inner.get_ref().shutdown(Shutdown::Write))
    }
}
