//! Unix sockets on async-io.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::Path;
use std::task::{Context, Poll, ready};

use async_io::Async;
use mcp_server::SocketFile;
use mcp_server::runtime::{Address, Listener};

use crate::stream::Stream;

/// Listens at `path` as a Unix socket, for [`Serve::new`](crate::Serve::new). A socket that a process
/// has left there which is gone is replaced; the file is removed with the listener. Who may connect,
/// the permissions of the file and its folder say, and nothing else where messages go
/// [line by line](crate::Serve::by_line).
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
    // Removed before the socket is closed: until then, nobody else binds the path.
    file: SocketFile,
    inner: Async<StdListener>,
}

impl Listener for UnixListener {
    type Stream = Stream<StdStream>;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Stream, Option<SocketAddr>)>> {
        loop {
            match self.inner.get_ref().accept() {
                Ok((stream, _)) => {
                    return Poll::Ready(Ok((stream.try_into()?, None)));
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
