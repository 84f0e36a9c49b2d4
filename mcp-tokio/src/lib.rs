//! Serves MCP on tokio.
//!
//! Everything of [`mcp_server`] is re-exported here. What this adds is where bytes come from:
//!
//! ```no_run
//! use mcp_tokio::{BoxError, Endpoints, Server};
//!
//! async fn run() -> Result<(), BoxError> {
//!     let server = Server::new("hello", "1.0.0").tool("hello", "Says hello", || "Hello!");
//!     let listener = mcp_tokio::bind("127.0.0.1:8000").await?;
//!     mcp_tokio::serve(listener, Endpoints::new().mount("/mcp", server))
//!         .until(mcp_tokio::shutdown_signal())
//!         .await?;
//!     Ok(())
//! }
//! ```
//!
//! [`Server`] says what can be offered, [`Context`] what a handler can do on the way, [`Endpoints`] who
//! is let in and what is bounded. Each connection is a task of the runtime that awaits [`serve`].
//! [`serve_stdio`] serves a client that has launched the process, [`Serve::new`] any other listener,
//! `mcp-tower` an application that has one already; `mcp-testing` tests servers without sockets.
//!
//! # Features
//!
//! `anyhow`, `jwt`, `metrics`, `tls` and `validation`, none of them on by default, are those of
//! `mcp-server`, which says what they do.
#![forbid(unsafe_code)]

mod listener;
mod stream;
mod timer;
#[cfg(unix)]
mod unix;

pub use listener::Listener;
pub use mcp_server::*;
pub use stream::Stream;
pub use timer::Timer;
#[cfg(unix)]
pub use unix::{UnixListener, bind_unix};
// For those who want the runtime in the version used here.
pub use tokio;

use std::future::Future;
use std::io;
use std::task::Poll;

use mcp_server::runtime::{BoxFuture, Runtime};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};

/// Listens at `address`, such as `127.0.0.1:8000`.
///
/// # Errors
///
/// Those of `bind(2)`: the address is taken, or not of this machine.
pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Listener> {
    Ok(TcpListener::bind(address).await?.into())
}

/// Serves `endpoints` with the defaults of [`Serve`], in tasks of the runtime that awaits it.
pub fn serve(listener: Listener, endpoints: Endpoints) -> Serve<Tokio, Listener> {
    Serve::new(Tokio::default(), listener, endpoints)
}

/// Serves `server` on stdin and stdout, with the defaults of [`ServeStdio`], in tasks of the runtime that
/// awaits it.
///
/// ```no_run
/// use mcp_tokio::{BoxError, Server};
///
/// async fn run() -> Result<(), BoxError> {
///     let server = Server::new("hello", "1.0.0").tool("hello", "Says hello", || "Hello!");
///     mcp_tokio::serve_stdio(server).await?;
///     Ok(())
/// }
/// ```
pub fn serve_stdio(server: impl Into<Endpoints>) -> ServeStdio<Tokio> {
    ServeStdio::new(Tokio::default(), server)
}

/// Serves one connection that has been accepted already.
///
/// # Errors
///
/// If the socket cannot be set up.
pub async fn serve_stream(stream: TcpStream, service: &Service) -> io::Result<()> {
    let peer = stream.peer_addr().ok();
    stream.set_nodelay(true)?;
    service.connection(Stream::from(stream), Timer::new(), peer).await;
    Ok(())
}

/// Done when the process is asked to end, by Ctrl-C (SIGINT) or SIGTERM. For [`Serve::until`].
///
/// If the system does not let signals be watched, it is never done, and they end the process as
/// they do by default. Later signals do nothing: a second Ctrl-C does not shorten the drain.
pub async fn shutdown_signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            let mut interrupt = std::pin::pin!(interrupt);
            return std::future::poll_fn(|cx| {
                let is_asked =
                    interrupt.as_mut().poll(cx).is_ready() || terminate.poll_recv(cx).is_ready();
                if is_asked { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
    }
    interrupt.await;
}

/// tokio as a [`Runtime`]: the one in whose context it is used.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Tokio {}

impl Runtime for Tokio {
    type Timer = Timer;

    fn timer(&self) -> Timer {
        Timer::new()
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }
}
