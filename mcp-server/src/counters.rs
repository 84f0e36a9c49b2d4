//! Numbers that show what a server is doing, and that it has cleaned up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Live counters of one [`Server`](crate::Server). Cheap to clone; all clones show the same.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Who is counted for.
    #[cfg(feature = "metrics")]
    server: Arc<str>,
    open_connections: AtomicUsize,
    calls_in_flight: AtomicUsize,
    open_subscriptions: AtomicUsize,
    open_streams: AtomicUsize,
    open_sessions: AtomicUsize,
    requests_lost: AtomicU64,
}

impl Counters {
    /// Those of a server of that name.
    pub(crate) fn new(server: &str) -> Self {
        #[cfg(feature = "metrics")]
        let inner = Inner { server: server.into(), ..Inner::default() };
        #[cfg(not(feature = "metrics"))]
        let (inner, _) = (Inner::default(), server);
        Self { inner: Arc::new(inner) }
    }

    /// Connections that are open on listeners where the server is mounted.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.inner.open_connections.load(Ordering::Acquire)
    }

    /// Calls whose handlers have neither finished nor been dropped.
    #[must_use]
    pub fn calls_in_flight(&self) -> usize {
        self.inner.calls_in_flight.load(Ordering::Acquire)
    }

    /// Streams on which clients listen for changes.
    #[must_use]
    pub fn open_subscriptions(&self) -> usize {
        self.inner.open_subscriptions.load(Ordering::Acquire)
    }

    /// Streams that clients of the 2025 revisions have opened to listen, or come back to.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.inner.open_streams.load(Ordering::Acquire)
    }

    /// Sessions of the 2025 revisions.
    #[must_use]
    pub fn open_sessions(&self) -> usize {
        self.inner.open_sessions.load(Ordering::Acquire)
    }

    /// Requests whose clients left before the answer was out, since the server was made. Those
    /// that ended within the head are counted nowhere: they name no server.
    #[must_use]
    pub fn requests_lost(&self) -> u64 {
        self.inner.requests_lost.load(Ordering::Acquire)
    }

    pub(crate) fn begin_connection(&self) {
        self.add(&Which::CONNECTIONS);
    }

    pub(crate) fn end_connection(&self) {
        self.subtract(&Which::CONNECTIONS);
    }

    pub(crate) fn count_call(&self) -> Counted {
        Counted::new(
            self.clone(),
            Which::new("mcp.server.active_calls", |inner| &inner.calls_in_flight),
        )
    }

    pub(crate) fn count_subscription(&self) -> Counted {
        Counted::new(
            self.clone(),
            Which::new("mcp.server.active_subscriptions", |inner| &inner.open_subscriptions),
        )
    }

    pub(crate) fn count_stream(&self) -> Counted {
        Counted::new(
            self.clone(),
            Which::new("mcp.server.active_streams", |inner| &inner.open_streams),
        )
    }

    pub(crate) fn set_sessions(&self, sessions: usize) {
        self.inner.open_sessions.store(sessions, Ordering::Release);
    }

    /// Has metrics follow, when no lock is held any more.
    #[cfg(feature = "metrics")]
    pub(crate) fn follow_sessions(&self, change: f64) {
        crate::meters::add("mcp.server.active_sessions", &self.inner.server, change);
    }

    fn add(&self, which: &Which) {
        (which.of)(&self.inner).fetch_add(1, Ordering::AcqRel);
        #[cfg(feature = "metrics")]
        crate::meters::add(which.name, &self.inner.server, 1.0);
    }

    fn subtract(&self, which: &Which) {
        (which.of)(&self.inner).fetch_sub(1, Ordering::AcqRel);
        #[cfg(feature = "metrics")]
        crate::meters::add(which.name, &self.inner.server, -1.0);
    }

    pub(crate) fn count_lost_request(&self) {
        self.inner.requests_lost.fetch_add(1, Ordering::AcqRel);
    }
}

/// Counts for as long as it lives.
pub(crate) struct Counted {
    counters: Counters,
    which: Which,
}

/// One of the counters that go up and down.
struct Which {
    #[cfg(feature = "metrics")]
    name: &'static str,
    of: fn(&Inner) -> &AtomicUsize,
}

impl Which {
    const CONNECTIONS: Self =
        Self::new("mcp.server.active_connections", |inner| &inner.open_connections);

    /// Under the name that it has for whoever collects metrics.
    const fn new(name: &'static str, of: fn(&Inner) -> &AtomicUsize) -> Self {
        #[cfg(not(feature = "metrics"))]
        let _ = name;
        Self {
            #[cfg(feature = "metrics")]
            name,
            of,
        }
    }
}

impl Counted {
    fn new(counters: Counters, which: Which) -> Self {
        counters.add(&which);
        Self { counters, which }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.counters.subtract(&self.which);
    }
}
