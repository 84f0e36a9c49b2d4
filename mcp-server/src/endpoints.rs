//! Many servers under one roof: what is mounted where, and its common life.

use std::fmt;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use mcp_proto::{
    Caching, Config, Deadlines, Endpoint, Hosts, Hub, HubDeadlines, HubLimits, Instant,
    InvalidPath, Limits, LineSession, MemoryLog, Now, Origins, ReplayLog,
};

use crate::authorizer::AuthorizeFn;
use crate::caught_log::CaughtLog;
use crate::clock::{Clock, ManualClock};
use crate::connection::Connection;
use crate::counters::Counters;
use crate::housekeeping::Housekeeping;
use crate::live::Live;
use crate::offered::OfferError;
use crate::registry::{Entry, Registry, Report};
use crate::request_state::{Rounds, StateKeys};
use crate::runtime::{Address, BoxFuture, Timer};
use crate::server::{BoxError, InitializeHook, Server, StopHook};
use crate::sight::SpanHook;
use crate::trace_context::TraceContext;

/// Servers and the paths they are mounted at.
///
/// ```
/// use mcp_server::{Endpoints, Server};
///
/// let endpoints = Endpoints::new()
///     .mount("/echo/mcp", Server::new("echo", "1.0.0"))
///     .mount("/math/mcp", Server::new("math", "1.0.0"));
/// ```
#[derive(Default)]
pub struct Endpoints {
    mounts: Vec<(String, Server)>,
    hosts: Hosts,
    origins: Origins,
    limits: Limits,
    hub_limits: HubLimits,
    hub_deadlines: HubDeadlines,
    deadlines: Deadlines,
    by_line: bool,
    /// What carries requests, if a listener has told.
    transport: Option<&'static str>,
    clock: Option<ManualClock>,
    on_span: Option<SpanHook>,
}

/// A server alone, at the root.
impl From<Server> for Endpoints {
    fn from(server: Server) -> Self {
        Self::new().mount("/", server)
    }
}

impl Endpoints {
    /// Nothing mounted, and the defaults for all else.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves `server` at `path`, with or without a trailing slash.
    ///
    /// A path that is taken or that no request could match is reported at the start.
    #[must_use]
    pub fn mount(mut self, path: impl Into<String>, server: Server) -> Self {
        self.mounts.push((path.into(), server));
        self
    }

    /// Which `Host` values are served. Default: loopback names, and the address listened at.
    #[must_use]
    pub fn hosts(mut self, hosts: Hosts) -> Self {
        self.hosts = hosts;
        self
    }

    /// Which web pages may use the servers. Default: those of the same origin.
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// How much a client may send.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How much clients may subscribe to, and how much is kept for their sessions, at each server.
    #[must_use]
    pub fn hub_limits(mut self, limits: HubLimits) -> Self {
        self.hub_limits = limits;
        self
    }

    /// How long sessions are kept, and what is in them, at each server.
    #[must_use]
    pub fn hub_deadlines(mut self, deadlines: HubDeadlines) -> Self {
        self.hub_deadlines = deadlines;
        self
    }

    /// How long things may take.
    #[must_use]
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Takes the time from a clock that a test moves. Default: the clocks of the machine.
    ///
    /// For connections that are driven by hand, with timers that go by the same clock;
    /// [`Serve`](crate::Serve) has timers of its own.
    #[must_use]
    pub fn clock(mut self, clock: ManualClock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Hands each span that is recorded to `look`, before it is entered, with the trace that its
    /// request belongs to. There, whoever exports spans to OpenTelemetry sets their parent:
    ///
    /// ```ignore
    /// endpoints.on_span(|span, trace| {
    ///     let fields = trace.fields().map(|(name, value)| (name.to_owned(), value.to_owned()));
    ///     let fields: HashMap<_, _> = fields.collect();
    ///     let parent = global::get_text_map_propagator(|propagator| propagator.extract(&fields));
    ///     let _ = span.set_parent(parent); // tracing_opentelemetry::OpenTelemetrySpanExt
    /// })
    /// ```
    ///
    /// See [spans](crate#spans) for what is in one.
    #[must_use]
    pub fn on_span(
        mut self,
        look: impl Fn(&tracing::Span, &TraceContext) + Send + Sync + 'static,
    ) -> Self {
        self.on_span = Some(Arc::new(look));
        self
    }

    /// Starts every server, in the order mounted. Only needed to serve connections that something
    /// else accepts; [`Serve`](crate::Serve) does it by itself.
    ///
    /// # Errors
    ///
    /// If something is mounted wrong, or a start-up hook fails. The error names the mount; the
    /// servers that had been started by then have been stopped again.
    ///
    /// Not cancel-safe: if it is dropped while a start-up hook runs, the shut-down hooks of the servers
    /// that have been started by then do not run.
    pub async fn start(self) -> Result<Service, StartError> {
        let mut config = Config::new([]);
        config.hosts = self.hosts;
        config.origins = self.origins;
        config.limits = self.limits;
        config.deadlines = self.deadlines;

        let mut mounts: Vec<Mount> = Vec::new();
        let mut hooks = Vec::new();
        for (path, server) in self.mounts {
            let wrong = |reason| StartError { mount: path.clone(), reason };
            let mut endpoint =
                Endpoint::new(&path, server.info).map_err(|error| wrong(Reason::Path(error)))?;
            endpoint.response_mode = server.response_mode;
            endpoint.answer_half_closed = server.answer_half_closed;
            // A connection is a session wherever messages go line by line.
            endpoint.keeps_sessions = server.keeps_sessions || self.by_line;
            endpoint.requires_authorization = server.authorize.is_some();
            endpoint.protected_resource = server.protected_resource;
            endpoint.methods = server.methods;
            if config.endpoints.iter().any(|other| other.path() == endpoint.path()) {
                return Err(wrong(Reason::Taken));
            }
            if let Some(error) = server.problem {
                return Err(wrong(Reason::Offer(error)));
            }
            if server.authorize.is_some() {
                server.live.describe(|offering| {
                    offering.offer.list_caching.get_or_insert(Caching::PRIVATE_LIST);
                });
            }
            let started = server.live.start();
            started.map_err(|error| wrong(Reason::Offer(error.into())))?;
            let (limits, deadlines) = (self.hub_limits.clone(), self.hub_deadlines.clone());
            let log: Box<dyn ReplayLog> = match server.replay_log {
                Some(log) => Box::new(CaughtLog::new(log)),
                None => Box::new(MemoryLog::new(&limits, deadlines.replay)),
            };
            server.live.hub.start(Hub::with(limits, deadlines, log), server.counters.clone());
            let keys = match server.state_keys {
                Some(keys) => keys,
                None => StateKeys::generate().map_err(|error| wrong(Reason::Keys(error)))?,
            };
            let server_name = endpoint.info().name.clone();
            let is_guarded = endpoint.requires_authorization && !self.by_line;
            if is_guarded && endpoint.protected_resource.is_none() {
                tracing::info!(
                    server = server_name,
                    "clients are not told where to get tokens; Server::protected_resource tells them"
                );
            }
            config.endpoints.push(endpoint);
            mounts.push(Mount {
                authorize: server.authorize,
                live: server.live,
                rounds: Rounds { server: server_name, keys, principal: server.principal },
                on_initialize: server.on_initialize,
                counters: server.counters,
            });
            hooks.push((path, server.on_start, server.on_stop));
        }

        if self.by_line && mounts.len() != 1 {
            let mount = hooks.get(1).map_or_else(String::new, |(path, ..)| path.clone());
            return Err(StartError { mount, reason: Reason::NotAlone });
        }
        // Nothing starts until everything is known to be mounted right.
        let mut on_stop = Vec::new();
        for (path, start, stop) in hooks {
            for hook in start {
                let started = run_hook(hook).await;
                if let Err(error) = started.unwrap_or_else(|| Err("it panicked".into())) {
                    run_stop_hooks(on_stop).await;
                    return Err(StartError { mount: path, reason: Reason::Hook(error) });
                }
            }
            on_stop.push(stop);
        }
        Ok(Service {
            shared: Arc::new(Shared {
                config: Arc::new(config),
                mounts,
                registry: Registry::new(),
                // Without a listener of ours, what is no HTTP is most likely a pair of pipes.
                transport: self.transport.unwrap_or(if self.by_line { "pipe" } else { "tcp" }),
                clock: Clock::start(self.clock),
                on_span: self.on_span,
            }),
            on_stop,
        })
    }

    /// Starts the one server there is for clients with which messages go
    /// [line by line](Service::line_connection). Only needed to serve streams of your own.
    ///
    /// # Errors
    ///
    /// As [`Endpoints::start`], and if there are several servers, or none.
    ///
    /// Not cancel-safe, likewise.
    pub async fn start_by_line(mut self) -> Result<Service, StartError> {
        self.by_line = true;
        self.start().await
    }

    /// Serves the address that is listened at, too: whoever reaches it by number was not led here
    /// by a rebound name.
    pub(crate) fn listening_at(mut self, address: &Address) -> Self {
        let address = match address {
            Address::Ip(address) => address,
            Address::Path(_) => {
                self.transport = Some("unix");
                return self;
            }
        };
        self.transport = Some("tcp");
        // Loopback names are served anyway.
        let is_known = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        if !address.ip().is_unspecified() && !is_known.contains(&address.ip()) {
            let host = match address {
                SocketAddr::V4(address) => address.ip().to_string(),
                SocketAddr::V6(address) => format!("[{}]", address.ip()),
            };
            self.hosts = self.hosts.allow(host);
        }
        self
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints")
            .field("mounts", &self.mounts)
            .field("hosts", &self.hosts)
            .field("origins", &self.origins)
            .finish_non_exhaustive()
    }
}

/// Stops in the reverse order of the start.
async fn run_stop_hooks(hooks: Vec<Vec<StopHook>>) {
    for hook in hooks.into_iter().flatten().rev() {
        if run_hook(hook).await.is_none() {
            tracing::warn!("a shut-down hook panicked");
        }
    }
}

/// Runs a hook, which gives nothing if it panics: others have to run all the same.
async fn run_hook<T>(hook: impl FnOnce() -> BoxFuture<'static, T>) -> Option<T> {
    let mut future = catch_unwind(AssertUnwindSafe(hook)).ok()?;
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// Servers that have been started.
///
/// Must be [stopped](Service::stop) for the shut-down hooks to run.
#[must_use = "stop the service, or its shut-down hooks do not run"]
pub struct Service {
    shared: Arc<Shared>,
    on_stop: Vec<Vec<StopHook>>,
}

/// What the connections of a service share. Nothing in it changes but counters, and what servers
/// offer.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    /// In the order of the endpoints in `config`.
    pub(crate) mounts: Vec<Mount>,
    pub(crate) registry: Registry,
    /// What carries requests, in the words of OpenTelemetry.
    pub(crate) transport: &'static str,
    clock: Clock,
    pub(crate) on_span: Option<SpanHook>,
}

pub(crate) struct Mount {
    pub(crate) authorize: Option<AuthorizeFn>,
    pub(crate) live: Arc<Live>,
    pub(crate) rounds: Rounds,
    pub(crate) on_initialize: Option<InitializeHook>,
    pub(crate) counters: Counters,
}

impl Service {
    /// Serves one connection that has been accepted already, with a timer that is not set.
    /// The stream must not delay small writes (`TCP_NODELAY`).
    pub fn connection<S, T: Timer>(
        &self,
        stream: S,
        timer: T,
        peer: Option<SocketAddr>,
    ) -> Connection<S, T> {
        self.acceptor().connection(stream, timer, peer)
    }

    /// Takes connections for the service wherever they are accepted, for as long as it runs.
    #[must_use]
    pub fn acceptor(&self) -> Acceptor {
        Acceptor { shared: self.shared.clone() }
    }

    /// Ends sessions that have been idle for too long, though nobody comes, until the service is
    /// stopped. Run it beside the connections, in a task of its own; [`Serve`](crate::Serve) does so by
    /// itself. [`stop`](Self::stop) waits for its end, or for it to be dropped.
    pub fn housekeeping<T: Timer>(&self, timer: T) -> impl Future<Output = ()> + Send + use<T> {
        let mut entry = Some(Entry::new(self.shared.clone()));
        let mut housekeeping = Housekeeping::new(timer);
        poll_fn(move |cx| {
            if let Some(present) = &mut entry {
                housekeeping.poll(cx, &present.shared);
                if present.poll_shutdown(cx).is_none() {
                    return Poll::Pending;
                }
            }
            // It leaves now, though somebody may keep the future.
            entry = None;
            Poll::Ready(())
        })
    }

    /// The path and name of each server.
    pub fn mounts(&self) -> impl Iterator<Item = (&str, &str)> {
        let endpoints = self.shared.config.endpoints.iter();
        endpoints.map(|endpoint| (endpoint.path(), &*endpoint.info().name))
    }

    /// Serves one client with which messages go line by line, each a JSON-RPC message, as over stdio:
    /// for services that were [started so](Endpoints::start_by_line).
    pub fn line_connection<S, T: Timer>(
        &self,
        stream: S,
        timer: T,
        peer: Option<SocketAddr>,
    ) -> Connection<S, T, LineSession> {
        self.acceptor().line_connection(stream, timer, peer)
    }

    /// Ends every connection: idle ones at once, the others when what is in flight is done, or
    /// after `drain`, when it is cancelled. Then ends all sessions, and runs the shut-down hooks.
    ///
    /// The connections are ended by those who drive them; this only waits for them, and for
    /// [housekeeping](Self::housekeeping). Not cancel-safe: if it is dropped, connections end all the same,
    /// but the shut-down hooks do not run.
    pub async fn stop(self, drain: Duration) -> Report {
        self.shared.begin_shutdown(drain);
        self.shared.registry.below(1).await;
        self.shared.end_sessions();
        run_stop_hooks(self.on_stop).await;
        self.shared.registry.report()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

/// The way in to a [`Service`]. Cheap to clone.
///
/// When the service is stopped, what comes in by this is closed before it is served.
#[derive(Clone)]
pub struct Acceptor {
    shared: Arc<Shared>,
}

impl Acceptor {
    /// Serves one connection, as [`Service::connection`] does.
    pub fn connection<S, T: Timer>(
        &self,
        stream: S,
        timer: T,
        peer: Option<SocketAddr>,
    ) -> Connection<S, T> {
        Connection::new(self.shared.clone(), stream, timer, peer)
    }

    /// Serves one connection, as [`Service::line_connection`] does.
    pub fn line_connection<S, T: Timer>(
        &self,
        stream: S,
        timer: T,
        peer: Option<SocketAddr>,
    ) -> Connection<S, T, LineSession> {
        Connection::by_line(self.shared.clone(), stream, timer, peer)
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.end_sessions();
    }
}

impl Shared {
    /// Ends what outlives connections, when there are none any more.
    fn end_sessions(&self) {
        self.mounts.iter().for_each(|mount| mount.live.hub.stop());
    }

    pub(crate) fn begin_shutdown(&self, drain: Duration) {
        self.registry.begin_shutdown(self.now().instant + drain);
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    /// The same instant as the runtime's timers know it.
    pub(crate) fn to_std(&self, instant: Instant) -> std::time::Instant {
        self.clock.to_std(instant)
    }
}

/// Why a service could not be started.
#[derive(Debug)]
pub struct StartError {
    mount: String,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    Path(InvalidPath),
    Taken,
    NotAlone,
    Offer(OfferError),
    Keys(getrandom::Error),
    Hook(BoxError),
}

impl StartError {
    /// The path of the server that could not be started.
    #[must_use]
    pub fn mount(&self) -> &str {
        &self.mount
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mount = &self.mount;
        match &self.reason {
            Reason::Path(error) => write!(f, "cannot mount at {mount:?}: {error}"),
            Reason::Taken => write!(
                f,
                "cannot mount at {mount:?}: another server is mounted there, choose another path"
            ),
            Reason::NotAlone => write!(
                f,
                "cannot serve line by line: lines do not say which server they are for, mount \
                 exactly one"
            ),
            Reason::Offer(error) => write!(f, "cannot start the server at {mount:?}: {error}"),
            Reason::Keys(error) => write!(
                f,
                "cannot start the server at {mount:?}: no randomness for its state keys: {error}"
            ),
            Reason::Hook(error) => {
                write!(f, "cannot start the server at {mount:?}: its start-up hook failed: {error}")
            }
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            Reason::Path(error) => Some(error),
            Reason::Taken | Reason::NotAlone => None,
            Reason::Offer(error) => Some(error),
            Reason::Keys(error) => Some(error),
            Reason::Hook(error) => Some(&**error),
        }
    }
}
