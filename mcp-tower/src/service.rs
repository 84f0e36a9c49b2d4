//! The service: each request is one connection, spawned on the runtime.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::mem::take;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response};
use mcp_server::Acceptor;
use mcp_server::runtime::Runtime;
use tower_service::Service;

use crate::body::Body;
use crate::pipe::pipe;
use crate::request::RequestBytes;
use crate::response::{Incoming, bad_request, unavailable};
use crate::stream::Stream;

/// MCP as a [`tower_service::Service`], for axum's `Router`, anything of tower's, and hyper by way
/// of `hyper_util::service::TowerToHyperService`. Cheap to clone; always ready.
///
/// Made by [`Mcp::service`](crate::Mcp::service).
pub struct McpService<R> {
    shared: Arc<Shared<R>>,
    max_requests: usize,
}

struct Shared<R> {
    runtime: R,
    acceptor: Acceptor,
    in_flight: Arc<AtomicUsize>,
}

impl<R: Runtime> McpService<R> {
    pub(crate) fn new(runtime: R, acceptor: Acceptor) -> Self {
        let shared = Shared { runtime, acceptor, in_flight: Arc::default() };
        Self { shared: Arc::new(shared), max_requests: 10_000 }
    }

    /// How many requests may be in flight at once, on all clones, counting those whose work goes on
    /// without their client. Past it, this one answers with 503 and `Retry-After`: the application
    /// has accepted a request by then, so to let it wait would bound nothing. Default: 10,000.
    #[must_use]
    pub fn max_requests(mut self, max_requests: usize) -> Self {
        self.max_requests = max_requests;
        self
    }
}

impl<R, B> Service<Request<B>> for McpService<R>
where
    R: Runtime,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> ResponseFuture {
        let Shared { runtime, acceptor, in_flight } = &*self.shared;
        let Some(permit) = Permit::take(in_flight, self.max_requests) else {
            tracing::debug!(limit = self.max_requests, "refused: too many requests in flight");
            return ResponseFuture { incoming: None, is_broken: Arc::default() };
        };
        let extensions = take(request.extensions_mut());
        let peer = extensions.get::<SocketAddr>().copied();
        let is_head = request.method() == Method::HEAD;
        let (writer, reader) = pipe();
        let bytes = RequestBytes::new(request);
        let is_broken = bytes.is_broken();
        let stream = Stream::new(bytes, writer);
        let connection = acceptor.connection(stream, runtime.timer(), peer);
        let connection = connection.attach(Arc::new(extensions));
        // Its own task, as it outlives the response: in the 2025 revisions a call goes on without
        // its client.
        runtime.spawn(Box::pin(async move {
            connection.await;
            drop(permit);
        }));
        ResponseFuture { incoming: Some(Incoming::new(reader, is_head)), is_broken }
    }
}

impl<R> Clone for McpService<R> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), max_requests: self.max_requests }
    }
}

impl<R> fmt::Debug for McpService<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpService")
            .field("in_flight", &self.shared.in_flight)
            .field("max_requests", &self.max_requests)
            .finish_non_exhaustive()
    }
}

/// A request in flight, counted until this is dropped.
struct Permit(Arc<AtomicUsize>);

impl Permit {
    fn take(in_flight: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let permit = Self(in_flight.clone());
        // If it is one too many, the permit takes it back.
        (in_flight.fetch_add(1, Ordering::AcqRel) < limit).then_some(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A response to come. Dropped before, it is a client that has hung up.
#[derive(Debug)]
#[must_use = "to drop a response is to hang up"]
pub struct ResponseFuture {
    /// Nothing if nobody answers.
    incoming: Option<Incoming>,
    /// Whether the body of the request has failed.
    is_broken: Arc<AtomicBool>,
}

impl Future for ResponseFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        while let Some(incoming) = &mut self.incoming {
            let read = ready!(incoming.reader().poll_bytes(cx));
            // Nothing was said before the end: that of the request, or of the servers.
            let Some(bytes) = read else { break };
            incoming.push(&bytes);
            match self.incoming.take().map(Incoming::finish) {
                Some(Ok(response)) => return Poll::Ready(Ok(response)),
                Some(Err(more)) => self.incoming = Some(more),
                None => {}
            }
        }
        let is_broken = self.is_broken.load(Ordering::Acquire);
        Poll::Ready(Ok(if is_broken { bad_request() } else { unavailable() }))
    }
}
