//! Accepts TCP connections on async-io.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::task::{Context, Poll, ready};

use async_io::Async;
use mcp_server::runtime::{Address, aborted};

use crate::stream::Stream;

/// A TCP listener.
#[derive(Debug)]
pub struct Listener {
    inner: Async<TcpListener>,
    /// Whether there was nobody to accept, so that the reactor has to be asked first.
    is_drained: bool,
}

impl Listener {
    /// Where it listens.
    ///
    /// # Errors
    ///
    /// Those of `getsockname(2)`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.get_ref().local_addr()
    }
}

impl TryFrom<TcpListener> for Listener {
    type Error = io::Error;

    fn try_from(listener: TcpListener) -> io::Result<Self> {
        Ok(Self { inner: Async::new(listener)?, is_drained: false })
    }
}

impl mcp_server::runtime::Listener for Listener {
    type Stream = Stream;

    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Self::Stream, Option<SocketAddr>)>> {
        loop {
            if self.is_drained {
                ready!(self.inner.poll_readable(cx))?;
                self.is_drained = false;
            }
            match self.inner.get_ref().accept() {
                Ok((stream, peer)) => {
                    stream.set_nodelay(true).map_err(aborted)?;
                    return Poll::Ready(Ok((stream.try_into()?, Some(peer))));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_drained = true,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn local_addr(&self) -> io::Result<Address> {
        self.local_addr().map(Address::Ip)
    }
}
