//! Unix sockets on tokio.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll, ready};

use mcp_server::SocketFile;
use mcp_server::runtime::{Address, Listener};
use tokio::net::UnixStream;

use crate::stream::Stream;

/// Listens at `path` as a Unix socket, for [`Serve::new`](crate::Serve::new). A socket that a process
/// has left there which is gone is replaced; the file is removed with the listener. Who may connect,
/// the permissions of the file and its folder say, and nothing else where messages go
/// [line by line](crate::Serve::by_line).
///
/// ```no_run
/// # use mcp_tokio::{BoxError, Server, Serve, Tokio};
/// # async fn example(server: Server) -> Result<(), BoxError> {
/// let listener = mcp_tokio::bind_unix("/run/user/1000/mcp.sock")?;
/// Serve::new(Tokio::default(), listener, server.into()).by_line().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Those of `bind(2)`: somebody listens there, or there is a file that is no socket.
///
/// # Panics
///
/// Outside of a runtime.
pub fn bind_unix(path: impl AsRef<Path>) -> io::Result<UnixListener> {
    let (listener, file) = SocketFile::bind(path)?;
    listener.set_nonblocking(true)?;
    Ok(UnixListener { inner: tokio::net::UnixListener::from_std(listener)?, file })
}

/// A listener at a path.
#[derive(Debug)]
pub struct UnixListener {
    // Removed before the socket is closed: until then, nobody else binds the path.
    file: SocketFile,
    inner: tokio::net::UnixListener,
}

impl Listener for UnixListener {
    type Stream = Stream<UnixStream>;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Stream, Option<SocketAddr>)>> {
        let (stream, _) = ready!(self.inner.poll_accept(cx))?;
        Poll::Ready(Ok((stream.into(), None)))
    }

    fn local_addr(&self) -> io::Result<Address> {
        Ok(Address::Path(self.file.path().to_owned()))
    }
}
