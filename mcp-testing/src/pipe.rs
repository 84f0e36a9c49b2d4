//! A connection in memory: one end for the server, the other for the client.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::mem::take;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_io::{AsyncRead, AsyncWrite};

/// What is on its way, without a bound: a test writes and reads all of it.
#[derive(Debug, Default)]
struct Wire {
    to_server: VecDeque<u8>,
    to_client: Vec<u8>,
    client_has_left: bool,
    server_has_left: bool,
    /// Of the server, when it waits for bytes.
    reader: Option<Waker>,
}

impl Wire {
    fn wake_server(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
    }
}

/// The ends of a new connection.
pub(crate) fn pipe() -> (ClientEnd, ServerEnd) {
    let wire = Rc::<RefCell<Wire>>::default();
    (ClientEnd(wire.clone()), ServerEnd(wire))
}

/// The client's end. To drop it is to hang up.
#[derive(Debug)]
pub(crate) struct ClientEnd(Rc<RefCell<Wire>>);

impl ClientEnd {
    pub(crate) fn write(&self, bytes: &[u8]) {
        let mut wire = self.0.borrow_mut();
        wire.to_server.extend(bytes);
        wire.wake_server();
    }

    /// Takes all that the server has sent.
    pub(crate) fn read(&self) -> Vec<u8> {
        take(&mut self.0.borrow_mut().to_client)
    }

    /// Whether the server has closed its half, or all of the connection.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.borrow().server_has_left
    }
}

impl Drop for ClientEnd {
    fn drop(&mut self) {
        let mut wire = self.0.borrow_mut();
        wire.client_has_left = true;
        wire.wake_server();
    }
}

/// The server's end.
#[derive(Debug)]
pub(crate) struct ServerEnd(Rc<RefCell<Wire>>);

impl AsyncRead for ServerEnd {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut wire = self.0.borrow_mut();
        if wire.to_server.is_empty() && !wire.client_has_left {
            wire.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = buffer.len().min(wire.to_server.len());
        for (to, from) in buffer.iter_mut().zip(wire.to_server.drain(..count)) {
            *to = from;
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for ServerEnd {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut wire = self.0.borrow_mut();
        if wire.client_has_left {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        wire.to_client.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.0.borrow_mut();
        wire.server_has_left = true;
        // The client closes its half at once: it has nothing to say on a connection that ends.
        wire.client_has_left = true;
        wire.wake_server();
        Poll::Ready(Ok(()))
    }
}

impl Drop for ServerEnd {
    fn drop(&mut self) {
        self.0.borrow_mut().server_has_left = true;
    }
}
