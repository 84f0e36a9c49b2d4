//! Accepts TCP connections on tokio.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use mcp_server::runtime::{Address, aborted};
use tokio::net::TcpListener;

use crate::stream::Stream;

/// A TCP listener.
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
}

impl Listener {
    /// Where it listens.
    ///
    /// # Errors
    ///
    /// Those of `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

impl From<TcpListener> for Listener {
    fn from(inner: TcpListener) -> Self {
        Self { inner }
    }
}

impl mcp_server::runtime::Listener for Listener {
    type Stream = Stream;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Stream, Option<SocketAddr>)>> {
        let (stream, peer) = ready!(self.inner.poll_accept(cx))?;
        stream.set_nodelay(true).map_err(aborted)?;
        Poll::Ready(Ok((stream.into(), Some(peer))))
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.local_addr().map(Address::Ip)
    }
}
