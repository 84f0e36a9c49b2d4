//! Serves MCP on smol.
//!
//! Everything of [`mcp_server`] is re-exported here. What this adds is where bytes come from:
//!
//! ```no_run
//! use mcp_smol::{BoxError, Endpoints, Server};
//!
//! fn main() -> Result<(), BoxError> {
//!     let server = Server::new("hello", "1.0.0").tool("hello", "Says hello", || "Hello!");
//!     let listener = mcp_smol::bind("127.0.0.1:8000")?;
//!     let serve = mcp_smol::serve(listener, Endpoints::new().mount("/mcp", server))
//!         .until(mcp_smol::shutdown_signal());
//!     mcp_smol::block_on(serve)?;
//!     Ok(())
//! }
//! ```
//!
//! [`Server`] says what can be offered, [`Context`] what a handler can do on the way, [`Endpoints`] who
//! is let in and what is bounded. One thread serves all of it, unless [`Smol::threads`] says
//! otherwise. [`serve_stdio`] serves a client that has launched the process, [`Serve::new`] any other
//! listener; `mcp-testing` tests servers without sockets.
//!
//! # Features
//!
//! `anyhow`, `jwt`, `metrics`, `tls` and `validation`, none of them on by default, are those of
//! `mcp-server`, which says what they do.
#![forbid(unsafe_code)]

mod fairly;
mod listener;
mod stream;
mod timer;
#[cfg(unix)]
mod unix;

// For those who want the reactor's timers and sockets in the version used here.
pub use async_io;
pub use listener::Listener;
pub use mcp_server::*;
pub use stream::Stream;
pub use timer::Timer;
#[cfg(unix)]
pub use unix::{UnixListener, bind_unix};

use std::future::IntoFuture;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::thread::JoinHandle;

use async_executor::Executor;
use async_signal::{Signal, Signals};
use futures_lite::StreamExt;
use mcp_server::runtime::{BoxFuture, Runtime};
use socket2::{Domain, Socket, Type};

/// How many connections may wait to be accepted. std asks for 128, which a storm of clients
/// overruns; this is what tokio asks for.
const BACKLOG: i32 = 1024;

/// Listens at `address`, such as `127.0.0.1:8000`. A name is looked up, which blocks; the first of
/// its addresses that can be bound is used.
///
/// # Errors
///
/// Those of `bind(2)`: the address is taken, or not of this machine.
pub fn bind(address: impl ToSocketAddrs) -> io::Result<Listener> {
    let mut result = Err(io::Error::new(io::ErrorKind::InvalidInput, "the name has no address"));
    for address in address.to_socket_addrs()? {
        result = bind_one(address);
        if result.is_ok() {
            break;
        }
    }
    std::net::TcpListener::from(result?).try_into()
}

fn bind_one(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // On Windows it would let others take the port away.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// Serves `endpoints` on the thread that awaits it, with the defaults of [`Serve`]. A handler that
/// blocks holds up all clients; [`Smol::threads`] gives it more threads.
pub fn serve(listener: Listener, endpoints: Endpoints) -> Serve<Smol, Listener> {
    Smol::new().serve(listener, endpoints)
}

/// Serves `server` on stdin and stdout, on the thread that awaits it, with the defaults of
/// [`ServeStdio`].
///
/// ```no_run
/// use mcp_smol::{BoxError, Server};
///
/// fn main() -> Result<(), BoxError> {
///     let server = Server::new("hello", "1.0.0").tool("hello", "Says hello", || "Hello!");
///     mcp_smol::block_on(mcp_smol::serve_stdio(server))?;
///     Ok(())
/// }
/// ```
pub fn serve_stdio(server: impl Into<Endpoints>) -> ServeStdio<Smol> {
    ServeStdio::new(Smol::new(), server)
}

/// Serves one connection that has been accepted already.
///
/// # Errors
///
/// If the socket cannot be set up.
pub async fn serve_stream(stream: std::net::TcpStream, service: &Service) -> io::Result<()> {
    let peer = stream.peer_addr().ok();
    stream.set_nodelay(true)?;
    service.connection(Stream::try_from(stream)?, Timer::new(), peer).await;
    Ok(())
}

/// Done when the process is asked to end, by Ctrl-C (SIGINT) or SIGTERM. For [`Serve::until`].
///
/// If the system does not let signals be watched, it is never done, and they end the process as
/// they do by default. Later signals do nothing: a second Ctrl-C does not shorten the drain.
pub async fn shutdown_signal() {
    match Signals::new([Signal::Int, Signal::Term]) {
        Ok(mut signals) => drop(signals.next().await),
        Err(_) => std::future::pending().await,
    }
}

/// Runs a future to its end on this thread, such as a [`Serve`].
pub fn block_on<F: IntoFuture>(future: F) -> F::Output {
    async_io::block_on(future.into_future())
}

/// smol as a [`Runtime`]: an executor of its own, which lives as long as what is served.
#[derive(Debug)]
pub struct Smol {
    executor: Arc<Executor<'static>>,
    threads: usize,
}

impl Smol {
    /// On the thread that awaits it.
    #[must_use]
    pub fn new() -> Self {
        Self { executor: Arc::default(), threads: 1 }
    }

    /// On that many threads. If it is one, that is the one that awaits it; if there are more, that
    /// one only accepts connections, which no handler can hold up then.
    #[must_use]
    pub const fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Serves `endpoints`.
    pub fn serve(self, listener: Listener, endpoints: Endpoints) -> Serve<Self, Listener> {
        Serve::new(self, listener, endpoints)
    }
}

impl Default for Smol {
    fn default() -> Self {
        Self::new()
    }
}

impl Runtime for Smol {
    type Timer = Timer;

    fn timer(&self) -> Timer {
        Timer::new()
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.executor.spawn(task).detach();
    }

    fn run<'a, T: Send + 'a>(&'a self, main: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        if self.threads <= 1 {
            return Box::pin(fairly::run(&self.executor, main));
        }
        let threads = Threads::start(&self.executor, self.threads);
        Box::pin(async move {
            let output = main.await;
            drop(threads);
            output
        })
    }
}

/// Threads that run an executor until this is dropped.
struct Threads {
    /// Closed when dropped, which the threads wait for.
    stop: Option<async_channel::Sender<()>>,
    handles: Vec<JoinHandle<()>>,
}

impl Threads {
    fn start(executor: &Arc<Executor<'static>>, count: usize) -> Self {
        let (stop, stopped) = async_channel::bounded(1);
        let handles = (0..count).map(|_| {
            let (executor, stopped) = (executor.clone(), stopped.clone());
            std::thread::spawn(move || {
                // Only closing the channel ends this.
                let _ = block_on(fairly::run(&executor, stopped.recv()));
            })
        });
        Self { handles: handles.collect(), stop: Some(stop) }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop = None;
        for handle in self.handles.drain(..) {
            // The panic of a thread has been printed by then, and there is nobody to tell.
            let _ = handle.join();
        }
    }
}
