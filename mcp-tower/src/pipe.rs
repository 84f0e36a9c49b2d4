//! The way of a response, from the connection that writes it to the application that reads it:
//! bounded, and either end knows when the other has gone.

use std::io;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Bytes on their way, at most. As much as a socket would hold, about: what counts as unsent waits
/// in the session, where it has limits.
const CAPACITY: usize = 64 * 1024;

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// Nothing more will be written.
    is_closed: bool,
    /// Nobody will read what is written.
    is_gone: bool,
    /// The task that writes.
    writer: Option<Waker>,
    /// The task that reads.
    reader: Option<Waker>,
}

type Shared = Arc<Mutex<State>>;

/// The end of the connection, polled by one task. Dropping it closes the pipe.
#[derive(Debug)]
pub(crate) struct Writer(Shared);

/// The end of the application, polled by one task.
#[derive(Debug)]
pub(crate) struct Reader {
    shared: Shared,
    /// All has been read that there is to read, so that to drop this is not to leave.
    is_done: bool,
}

pub(crate) fn pipe() -> (Writer, Reader) {
    let shared = Shared::default();
    (Writer(shared.clone()), Reader { shared, is_done: false })
}

impl Writer {
    /// Writes as much as there is room for, at least a byte.
    ///
    /// # Errors
    ///
    /// If the reader has gone.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.0);
        if state.is_gone {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let count = bytes.len().min(CAPACITY - state.bytes.len());
        if count == 0 {
            wait(&mut state.writer, cx);
            return Poll::Pending;
        }
        state.bytes.extend_from_slice(&bytes[..count]);
        wake(state, |state| state.reader.take());
        Poll::Ready(Ok(count))
    }

    /// Nothing more will be written.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.0);
        state.is_closed = true;
        wake(state, |state| state.reader.take());
    }

    /// Ready with what has become of the response once that is certain: whether its reader left
    /// before the end.
    pub(crate) fn poll_end(&self, cx: &mut Context<'_>) -> Poll<End> {
        let mut state = lock(&self.0);
        if state.is_gone {
            return Poll::Ready(End::Left);
        }
        if state.is_closed {
            return Poll::Ready(End::Written);
        }
        wait(&mut state.writer, cx);
        Poll::Pending
    }
}

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// All of it was written.
    Written,
    /// The reader left before its end.
    Left,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

impl Reader {
    /// All that has been written and was not read; nothing once the pipe is closed.
    pub(crate) fn poll_bytes(&self, cx: &mut Context<'_>) -> Poll<Option<Vec<u8>>> {
        let mut state = lock(&self.shared);
        if !state.bytes.is_empty() {
            let bytes = take(&mut state.bytes);
            wake(state, |state| state.writer.take());
            return Poll::Ready(Some(bytes));
        }
        if state.is_closed {
            return Poll::Ready(None);
        }
        wait(&mut state.reader, cx);
        Poll::Pending
    }

    /// The response is complete.
    pub(crate) fn done(&mut self) {
        self.is_done = true;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if !self.is_done {
            let mut state = lock(&self.shared);
            state.is_gone = true;
            wake(state, |state| state.writer.take());
        }
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    // Nothing that could panic runs under the lock.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *slot = Some(cx.waker().clone()),
    }
}

/// Wakers belong to somebody else, and are called with the lock released.
fn wake(mut state: MutexGuard<'_, State>, which: impl FnOnce(&mut State) -> Option<Waker>) {
    let waker = which(&mut state);
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures_lite::future::{block_on, poll_once, zip};

    use super::*;

    async fn write(writer: &Writer, bytes: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| writer.poll_write(cx, bytes)).await
    }

    async fn read(reader: &Reader) -> Option<Vec<u8>> {
        poll_fn(|cx| reader.poll_bytes(cx)).await
    }

    #[test]
    fn bytes_arrive_in_order_whatever_the_pieces() {
        let sent: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
        for size in [1, 7, 4096, CAPACITY, sent.len()] {
            let (writer, reader) = pipe();
            let sending = async {
                for mut piece in sent.chunks(size) {
                    while !piece.is_empty() {
                        piece = &piece[write(&writer, piece).await.unwrap()..];
                    }
                }
                writer.close();
            };
            let receiving = async {
                let mut received = Vec::new();
                while let Some(bytes) = read(&reader).await {
                    assert!(bytes.len() <= CAPACITY);
                    received.extend(bytes);
                }
                received
            };
            assert!(block_on(zip(sending, receiving)).1 == sent, "in pieces of {size}");
        }
    }

    #[test]
    fn a_reader_that_does_not_read_stops_the_writer() {
        block_on(async {
            let (writer, reader) = pipe();
            assert_eq!(write(&writer, &[0; CAPACITY + 1]).await.unwrap(), CAPACITY);
            assert!(poll_once(write(&writer, &[0])).await.is_none());
            assert_eq!(read(&reader).await.unwrap().len(), CAPACITY);
            assert_eq!(write(&writer, &[0]).await.unwrap(), 1);
        });
    }

    #[test]
    fn either_end_hears_that_the_other_has_gone() {
        block_on(async {
            let (writer, reader) = pipe();
            assert!(poll_once(poll_fn(|cx| writer.poll_end(cx))).await.is_none());
            let end = poll_fn(|cx| writer.poll_end(cx));
            let (end, ()) = zip(end, async { drop(reader) }).await;
            assert_eq!(end, End::Left);
            assert!(write(&writer, b"x").await.is_err());

            let (writer, reader) = pipe();
            write(&writer, b"rest").await.unwrap();
            drop(writer);
            assert_eq!(read(&reader).await.unwrap(), b"rest");
            assert_eq!(read(&reader).await, None);
        });
    }

    #[test]
    fn a_reader_that_is_done_has_not_left() {
        block_on(async {
            let (writer, mut reader) = pipe();
            reader.done();
            drop(reader);
            assert!(poll_once(poll_fn(|cx| writer.poll_end(cx))).await.is_none());
            writer.close();
            assert_eq!(poll_fn(|cx| writer.poll_end(cx)).await, End::Written);
        });
    }
}
