//! From listening to the last goodbye: accepts connections until told to stop.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::endpoints::{Endpoints, Service, Shared, StartError};
use crate::housekeeping::Housekeeping;
use crate::registry::Report;
use crate::runtime::{Address, BoxFuture, Listener, Runtime, Timer};

/// Pauses between attempts to accept when the system lacks something, such as file descriptors:
/// the first, and the longest after doubling.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The least time between two warnings of that: at the limit, connections come and go all the time.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Serves endpoints on a listener. Await it; it is done when it has been told to stop and the
/// last connection is closed. Dropped before that, it ends its connections and cancels their work,
/// and the shut-down hooks do not run.
#[must_use = "nothing is served until this is awaited"]
pub struct Serve<R, L> {
    runtime: R,
    listener: L,
    endpoints: Endpoints,
    stop: BoxFuture<'static, ()>,
    drain: Duration,
    max_connections: usize,
    by_line: bool,
}

impl<R, L> fmt::Debug for Serve<R, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

impl<R: Runtime, L: Listener> Serve<R, L> {
    /// Serves for ever, with the defaults for all else.
    pub fn new(runtime: R, listener: L, endpoints: Endpoints) -> Self {
        Self {
            runtime,
            listener,
            endpoints,
            stop: Box::pin(std::future::pending()),
            drain: Duration::from_secs(10),
            max_connections: 10_000,
            by_line: false,
        }
    }

    /// Serves messages line by line, each a JSON-RPC message, as over stdio, and no HTTP: for the
    /// clients of a Unix socket. There must be one server in the endpoints. Nothing guards it, and its
    /// [authorizer](crate::Server::authorizer) is not asked: who can connect is let in.
    pub const fn by_line(mut self) -> Self {
        self.by_line = true;
        self
    }

    /// Stops when `stop` is done: accepts no more connections, closes the idle ones, and waits
    /// for what is in flight.
    pub fn until(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.stop = Box::pin(stop);
        self
    }

    /// How long a stop waits for what is in flight before it cancels it. Default: 10 s.
    pub const fn drain_deadline(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// How many connections may be open at once, counting those whose work goes on without their
    /// client. Further ones wait to be accepted. Default: 10,000.
    pub const fn max_connections(mut self, max_connections: usize) -> Self {
        self.max_connections = max_connections;
        self
    }

    async fn run(self) -> Result<Report, ServeError> {
        let Self { runtime, listener, endpoints, stop, drain, max_connections, by_line } = self;
        let main = async {
            let address = listener.local_addr().map_err(ServeError::Address)?;
            let endpoints = endpoints.listening_at(&address);
            let mut stop = Stop::new(stop);
            let start = async {
                match by_line {
                    true => endpoints.start_by_line().await,
                    false => endpoints.start().await,
                }
            };
            let service = stop.beside(start).await.map_err(ServeError::Start)?;
            say_what_is_served(&service, &address, listener.is_encrypted(), by_line);
            let _guard = EndsConnections(service.shared().clone());
            let protocol = if by_line { serve_lines::<R, L> } else { serve_http::<R, L> };
            let shared = service.shared();
            accept_until(&runtime, listener, shared, stop, max_connections, protocol).await;
            let report = service.stop(drain).await;
            tracing::info!(finished = report.finished, cut = report.cut, "stopped");
            Ok(report)
        };
        runtime.run(Box::pin(main)).await
    }
}

impl<R: Runtime, L: Listener> IntoFuture for Serve<R, L> {
    type Output = Result<Report, ServeError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

fn say_what_is_served(service: &Service, address: &Address, is_encrypted: bool, by_line: bool) {
    let scheme = if is_encrypted { "https" } else { "http" };
    for (path, name) in service.mounts() {
        match address {
            _ if by_line => tracing::info!(server = name, "serving line by line at {address}"),
            Address::Ip(address) => {
                tracing::info!(server = name, "serving {scheme}://{address}{path}");
            }
            Address::Path(_) => {
                tracing::info!(server = name, "serving {scheme}://localhost{path} at {address}");
            }
        }
    }
    if !by_line {
        let config = &service.shared().config;
        tracing::info!(
            hosts = %config.hosts,
            origins = %config.origins,
            "allowed hosts and origins; Endpoints::hosts and Endpoints::origins let in others"
        );
    }
}

/// What becomes of a stream that was accepted.
type Protocol<R, L> =
    fn(&R, &Arc<Shared>, <L as Listener>::Stream, Option<SocketAddr>) -> BoxFuture<'static, ()>;

fn serve_http<R: Runtime, L: Listener>(
    runtime: &R,
    service: &Arc<Shared>,
    stream: L::Stream,
    peer: Option<SocketAddr>,
) -> BoxFuture<'static, ()> {
    Box::pin(Connection::new(service.clone(), stream, runtime.timer(), peer))
}

fn serve_lines<R: Runtime, L: Listener>(
    runtime: &R,
    service: &Arc<Shared>,
    stream: L::Stream,
    peer: Option<SocketAddr>,
) -> BoxFuture<'static, ()> {
    Box::pin(Connection::by_line(service.clone(), stream, runtime.timer(), peer))
}

/// What a server is told to stop by. Looked at from the beginning: a signal that comes while start-up
/// hooks run is for us, too.
pub(crate) struct Stop {
    /// Gone when it is done.
    future: Option<BoxFuture<'static, ()>>,
}

impl Stop {
    pub(crate) const fn new(future: BoxFuture<'static, ()>) -> Self {
        Self { future: Some(future) }
    }

    /// Whether it is time to stop.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        self.future.take_if(|future| future.as_mut().poll(cx).is_ready());
        self.future.is_none()
    }

    /// Starts what would be stopped.
    pub(crate) async fn beside<T>(&mut self, start: impl Future<Output = T>) -> T {
        let mut start = pin!(start);
        poll_fn(|cx| {
            self.poll(cx);
            start.as_mut().poll(cx)
        })
        .await
    }
}

/// Ends the connections of a service that is dropped before it was stopped.
pub(crate) struct EndsConnections(pub(crate) Arc<Shared>);

impl Drop for EndsConnections {
    fn drop(&mut self) {
        self.0.begin_shutdown(Duration::ZERO);
    }
}

/// Accepts connections until `stop` is done, then closes the listener.
async fn accept_until<R: Runtime, L: Listener>(
    runtime: &R,
    mut listener: L,
    service: &Arc<Shared>,
    mut stop: Stop,
    max_connections: usize,
    protocol: Protocol<R, L>,
) {
    let mut timer = runtime.timer();
    let mut pause = None;
    let mut is_pausing = false;
    let mut warned_at: Option<Instant> = None;
    let mut housekeeping = Housekeeping::new(runtime.timer());
    loop {
        let accepted = poll_fn(|cx| {
            housekeeping.poll(cx, service);
            if stop.poll(cx) {
                return Poll::Ready(None);
            }
            if is_pausing && timer.poll(cx).is_pending() {
                return Poll::Pending;
            }
            is_pausing = false;
            if service.registry.poll_below(cx, max_connections).is_pending() {
                return Poll::Pending;
            }
            listener.poll_accept(cx).map(Some)
        });
        match accepted.await {
            None => return,
            Some(Ok((stream, peer))) => {
                pause = None;
                runtime.spawn(protocol(runtime, service, stream, peer));
            }
            // The client gave up before it was accepted, which is its own affair.
            Some(Err(error)) if is_of_the_peer(&error) => {}
            Some(Err(error)) => {
                let next =
                    pause.map_or(FIRST_PAUSE, |pause: Duration| (pause * 2).min(LONGEST_PAUSE));
                let now = Instant::now();
                if warned_at.is_none_or(|at| now.duration_since(at) >= WARN_EVERY) {
                    warned_at = Some(now);
                    tracing::warn!("cannot accept connections, will go on trying: {error}");
                }
                timer.reset(now + next);
                pause = Some(next);
                is_pausing = true;
            }
        }
    }
}

fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// Why nothing is being served.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// The listener has no address.
    Address(io::Error),
    /// A server could not be started.
    Start(StartError),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(error) => write!(f, "the listener has no address: {error}"),
            Self::Start(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Address(error) => Some(error),
            Self::Start(error) => error.source(),
        }
    }
}
