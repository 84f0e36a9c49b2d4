//! A server on the standard streams of its process.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};

use crate::endpoints::Endpoints;
use crate::registry::Report;
use crate::runtime::{BoxFuture, Runtime};
use crate::serve::{EndsConnections, ServeError, Stop};

/// How much waits between a stream and the server, in each direction: as much as a pipe of Linux
/// takes.
const CAPACITY: usize = 64 * 1024;

/// Serves a client on stdin and stdout. Await it; it is done when the client has closed stdin and
/// everything it asked for is answered, for which there is
/// [`Deadlines::input_end`](mcp_proto::Deadlines::input_end), or when it was told to stop.
///
/// Nothing else may write to stdout meanwhile: send your log to stderr.
#[must_use = "nothing is served until this is awaited"]
pub struct ServeStdio<R> {
    runtime: R,
    endpoints: Endpoints,
    stop: BoxFuture<'static, ()>,
    drain: Duration,
}

impl<R: Runtime> ServeStdio<R> {
    /// Serves until the client leaves, with the defaults for all else. `server` is one
    /// [`Server`](crate::Server), or [`Endpoints`] with one, for other limits.
    pub fn new(runtime: R, server: impl Into<Endpoints>) -> Self {
        Self {
            runtime,
            endpoints: server.into(),
            stop: Box::pin(std::future::pending()),
            drain: Duration::from_secs(10),
        }
    }

    /// Stops when `stop` is done: refuses new requests, and waits for what is in flight.
    pub fn until(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.stop = Box::pin(stop);
        self
    }

    /// How long a stop waits for what is in flight before it cancels it. Default: 10 s.
    pub const fn drain_deadline(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    async fn run(self) -> Result<Report, ServeError> {
        let Self { runtime, endpoints, stop, drain } = self;
        let main = async {
            let mut stop = Stop::new(stop);
            let service = stop.beside(endpoints.start_by_line()).await;
            let service = service.map_err(ServeError::Start)?;
            for (_, name) in service.mounts() {
                tracing::info!(server = name, "serving on stdin and stdout");
            }
            let shared = service.shared().clone();
            let _guard = EndsConnections(shared.clone());
            let connection = service.line_connection(Stdio::open(), runtime.timer(), None);
            runtime.spawn(Box::pin(connection));
            let mut is_stopping = false;
            poll_fn(|cx| {
                if !is_stopping && stop.poll(cx) {
                    is_stopping = true;
                    shared.begin_shutdown(drain);
                }
                shared.registry.poll_below(cx, 1)
            })
            .await;
            let report = service.stop(Duration::ZERO).await;
            tracing::info!(finished = report.finished, cut = report.cut, "stopped");
            Ok(report)
        };
        runtime.run(Box::pin(main)).await
    }
}

impl<R: Runtime> IntoFuture for ServeStdio<R> {
    type Output = Result<Report, ServeError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<R> fmt::Debug for ServeStdio<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeStdio").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

/// The standard streams of the process. A thread of its own reads each of them, or writes it: what
/// they are connected to need not be able to do it without blocking.
struct Stdio {
    input: Arc<Pipe>,
    output: Arc<Pipe>,
}

impl Stdio {
    fn open() -> Self {
        let (input, output) = (Arc::new(Pipe::default()), Arc::new(Pipe::default()));
        let (to, from) = (input.clone(), output.clone());
        // Neither is waited for: a read may never return. Both end with the process.
        thread::spawn(move || to.fill(io::stdin().lock()));
        // Not locked for good, or whoever prints something by mistake would wait for ever.
        thread::spawn(move || from.empty(io::stdout()));
        Self { input, output }
    }
}

impl Drop for Stdio {
    fn drop(&mut self) {
        self.input.close();
        self.output.close();
    }
}

impl AsyncRead for Stdio {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.input.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stdio {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.output.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.output.poll_drained(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.output.close();
        self.output.poll_drained(cx)
    }
}

/// Bytes between a thread that blocks and a task that does not.
#[derive(Default)]
struct Pipe {
    state: Mutex<State>,
    /// Wakes the thread.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// Whether the thread is writing what it took.
    is_writing: bool,
    /// Nothing more goes in.
    is_closed: bool,
    /// Why the thread has stopped.
    error: Option<io::ErrorKind>,
    task: Option<Waker>,
}

impl Pipe {
    /// Fills the pipe from `source` until that ends, on a thread of its own.
    fn fill(&self, mut source: impl Read) {
        let mut buffer = vec![0; CAPACITY];
        loop {
            let read = match source.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read,
            };
            let mut state = self.wait_while(|state| !state.is_closed && !state.bytes.is_empty());
            match read {
                Ok(count @ 1..) if !state.is_closed => {
                    state.bytes.extend_from_slice(&buffer[..count]);
                }
                Ok(_) => state.is_closed = true,
                Err(error) => {
                    state.error = Some(error.kind());
                    state.is_closed = true;
                }
            }
            let is_closed = state.is_closed;
            wake(state);
            if is_closed {
                return;
            }
        }
    }

    /// Empties the pipe into `sink` until it is closed, on a thread of its own.
    fn empty(&self, mut sink: impl Write) {
        loop {
            let mut state = self.wait_while(|state| !state.is_closed && state.bytes.is_empty());
            let bytes = std::mem::take(&mut state.bytes);
            if bytes.is_empty() {
                return wake(state);
            }
            state.is_writing = true;
            wake(state);
            let written = sink.write_all(&bytes).and_then(|()| sink.flush());
            let mut state = self.state();
            state.is_writing = false;
            if let Err(error) = written {
                state.error = Some(error.kind());
                state.bytes.clear();
                return wake(state);
            }
            wake(state);
        }
    }

    fn poll_read(&self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        let count = state.bytes.len().min(buffer.len());
        if count > 0 {
            buffer[..count].copy_from_slice(&state.bytes[..count]);
            state.bytes.drain(..count);
            self.changed.notify_one();
            return Poll::Ready(Ok(count));
        }
        if state.is_closed {
            return Poll::Ready(state.error.map_or(Ok(0), |kind| Err(kind.into())));
        }
        state.task = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        if let Some(kind) = state.error {
            return Poll::Ready(Err(kind.into()));
        }
        let count = (CAPACITY - state.bytes.len().min(CAPACITY)).min(bytes.len());
        if count == 0 && !bytes.is_empty() {
            state.task = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.bytes.extend_from_slice(&bytes[..count]);
        self.changed.notify_one();
        Poll::Ready(Ok(count))
    }

    /// Ready when all that went in has been written, or cannot be.
    fn poll_drained(&self, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if let Some(kind) = state.error {
            return Poll::Ready(Err(kind.into()));
        }
        if state.bytes.is_empty() && !state.is_writing {
            return Poll::Ready(Ok(()));
        }
        state.task = Some(cx.waker().clone());
        Poll::Pending
    }

    fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_one();
    }

    fn wait_while(&self, condition: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let guard = self.changed.wait_while(self.state(), |state| condition(state));
        guard.unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the task of a pipe, after the lock was given back.
fn wake(mut state: MutexGuard<'_, State>) {
    let task = state.task.take();
    drop(state);
    if let Some(task) = task {
        task.wake();
    }
}
