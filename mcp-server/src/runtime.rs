//! What an async runtime has to provide: sockets, a timer, tasks. Nothing here knows HTTP or MCP.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_io::{AsyncRead, AsyncWrite};

/// A future in a box, as runtimes take them for tasks.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An async runtime.
pub trait Runtime: Send + Sync + 'static {
    /// Its way to wait.
    type Timer: Timer;

    /// A timer that is not set.
    fn timer(&self) -> Self::Timer;

    /// Runs `task` beside everything else until it is done.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// Runs `main`, and what it spawns. For runtimes that have no threads of their own.
    fn run<'a, T: Send + 'a>(&'a self, main: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        main
    }
}

/// A socket that accepts connections.
pub trait Listener: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Accepts the next connection, with the address of the client if it has one. The streams must not delay small writes (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// Those of `accept(2)`. They never end the listener: it is asked again.
    fn poll_accept(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Stream, Option<SocketAddr>)>>;

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// Those of `getsockname(2)`.
    fn local_addr(&self) -> io::Result<Address>;

    /// Whether its connections speak TLS. Default: no.
    fn is_encrypted(&self) -> bool {
        false
    }
}

/// Where a listener listens.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Address {
    /// At an address of the internet.
    Ip(SocketAddr),
    /// At a path, as a Unix socket.
    Path(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

/// The error of [`Listener::poll_accept`] for a connection that was lost while it was set up: its
/// own affair, and no reason to pause.
#[must_use]
pub fn aborted(error: io::Error) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, error)
}

/// A timer that can be set again and again.
pub trait Timer: Send + Unpin + 'static {
    /// Sets the timer, whatever it was set to before.
    fn reset(&mut self, deadline: Instant);

    /// Ready once the deadline last set has passed. Not called while none is set.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()>;
}
