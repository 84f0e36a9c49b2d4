//! One connection over which messages go line by line: stdio, and streams like it.
//!
//! This file holds the contract and what a connection consists of. `framing` finds the lines,
//! `receive` leads them to requests, `respond` leads replies to lines, `leave` is how it all ends.

mod framing;
mod leave;
mod receive;
mod respond;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::fmt;

use framing::Lines;

use crate::call::{Call, CallKey};
use crate::config::Config;
use crate::exchange::{Messages, Settled};
use crate::hub::SessionId;
use crate::method::McpMethod;
use crate::revision::Revision;
use crate::session::{ByteQueue, Input, Output, Outputs};
use crate::time::{Instant, Now};

/// One client on a pair of byte streams, as a state machine: newline-delimited JSON-RPC messages, as
/// over stdio (2026-07-28, basic/transports/stdio).
///
/// The twin of [`Session`](crate::Session) without HTTP: the same inputs and outputs, under the same
/// contract. It serves the first endpoint of its [`Config`]. There are no heads, so there are no
/// hosts and origins to guard; whoever has the other end of the streams is trusted with the server.
///
/// ```
/// use std::sync::Arc;
/// use mcp_proto::{Config, Endpoint, Input, Instant, LineSession, ServerInfo};
///
/// let endpoint = Endpoint::new("/", ServerInfo::new("quiet", "1.0.0"))?;
/// let now = Instant::from_micros(0).into();
/// let mut session = LineSession::new(Arc::new(Config::new([endpoint])));
///
/// session.handle(now, Input::Bytes(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n"));
/// assert_eq!(session.transmit(), b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
/// # Ok::<(), mcp_proto::InvalidPath>(())
/// ```
///
/// # Requests
///
/// Any number are served at once, up to [`Limits::in_flight`](crate::Limits::in_flight), and are
/// answered as they finish. `notifications/cancelled` ends one with an [`Output::Cancelled`].
///
/// # The 2025 revisions
///
/// A client that sends `initialize` begins a session, which is the connection's: requests without a
/// `_meta` that says otherwise belong to it from then on. The calls of it, and some that the
/// connection itself makes to open its stream and to end it, are for a [`Hub`](crate::Hub), if the
/// endpoint [keeps sessions](crate::Endpoint::keeps_sessions).
///
/// # The end
///
/// When the client has closed its end ([`PeerClosed::Fin`](crate::PeerClosed::Fin)), what is in
/// flight is answered, and then comes [`Output::Close`]. Subscriptions end at once, and nobody is
/// left to answer questions. Calls have [`Deadlines::input_end`](crate::Deadlines::input_end) to be
/// done, and a shutdown that comes after that end does not wait for them. A
/// [`PeerClosed::Reset`](crate::PeerClosed::Reset), which is what a failed write means, cancels
/// everything.
///
/// As long as its input is open there are no deadlines but that of a shutdown: a client that is
/// silent or does not read may be asleep. One that has closed it has
/// [`Deadlines::write_stall`](crate::Deadlines::write_stall) to take more of its answers.
pub struct LineSession {
    config: Arc<Config>,
    lines: Lines,
    out: ByteQueue,
    /// When the client last took a byte, or the first one came to be sent.
    last_write: Instant,
    outputs: Outputs,
    phase: Phase,
    /// Since when the client sends no more: what is left is served and answered.
    input_ended: Option<Instant>,
    /// Whether the session knows that.
    has_told_session: bool,
    open: BTreeMap<CallKey, Open>,
    next_key: u64,
    /// What `initialize` has settled.
    settled: Option<Settled>,
    /// Set by [`Input::Shutdown`].
    shutdown: Option<Instant>,
}

/// A call that has not been answered.
struct Open {
    messages: Messages,
    is_of_session: bool,
    /// How long its line was.
    received: usize,
}

impl Open {
    fn is_request(&self) -> bool {
        self.messages.id().is_some()
    }

    /// Whether it goes on until somebody ends it.
    fn is_endless(&self) -> bool {
        self.messages.is_subscription() || self.messages.method() == McpMethod::OpenStream
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Lines come in.
    Open,
    /// A shutdown waits for what is in flight. New requests are refused.
    ShuttingDown,
    /// All is answered and has only to be written.
    Flush,
    /// The session of the connection is being ended, by that call.
    EndSession(CallKey),
    Closed,
}

impl LineSession {
    /// A client that has just come.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            lines: Lines::default(),
            out: ByteQueue::default(),
            last_write: Instant::default(),
            outputs: Outputs::default(),
            phase: Phase::Open,
            input_ended: None,
            has_told_session: false,
            open: BTreeMap::new(),
            next_key: 0,
            settled: None,
            shutdown: None,
        }
    }

    /// Takes note of what happened. `now` must not lag behind that of earlier calls.
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        if self.phase == Phase::Closed {
            return;
        }
        if self.out.is_empty() || matches!(input, Input::Written(1..) | Input::PeerClosed(_)) {
            self.last_write = now.instant;
        }
        match input {
            Input::Bytes(bytes) => self.receive(bytes),
            Input::PeerClosed(how) => self.peer_closed(now.instant, how),
            Input::Written(count) => self.written(count),
            Input::Reply(key, reply) => self.reply(key, reply),
            Input::Notify(key, notification) => self.notify(key, &notification),
            Input::Admit(key, start) => self.admit(key, start.revision),
            // Nobody is asked for that: there is no head that could carry a token.
            Input::Authorized(..) => {}
            Input::Timeout => self.timeout(now.instant),
            Input::Shutdown(until) => self.begin_shutdown(now.instant, until),
        }
    }

    /// The next thing to do. Only [`handle`](Self::handle) makes more.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop(self.is_closed())
    }

    /// The bytes to be written now, possibly none. Only [`handle`](Self::handle) changes them.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        debug_assert!(!self.is_closed() || self.out.is_empty(), "no write after close");
        self.out.as_slice()
    }

    /// Whether bytes from the client are welcome. False while it does not read what it is answered.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        self.is_open() && self.input_ended.is_none() && self.can_advance()
    }

    /// Whether the client keeps up with what it is sent. While it does not, a handler that reports
    /// progress should be made to wait, and changes should stay in the [`Hub`](crate::Hub).
    #[must_use]
    pub fn can_notify(&self) -> bool {
        self.out.is_empty() || self.out.len() < self.config.limits.unsent
    }

    /// When [`Input::Timeout`] is due, if ever. Only [`handle`](Self::handle) changes it.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = [self.shutdown_deadline(), self.input_deadline(), self.stall_deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// When a shutdown stops waiting.
    fn shutdown_deadline(&self) -> Option<Instant> {
        let until = self.shutdown?;
        match self.phase {
            Phase::Closed => None,
            // What is answered gets as long again as a client has to read its last response.
            Phase::Flush | Phase::EndSession(_) => Some(until + self.config.deadlines.drain),
            _ => Some(until),
        }
    }

    /// When calls end whose client has closed its input.
    fn input_deadline(&self) -> Option<Instant> {
        let ended = self.input_ended.filter(|_| self.is_open())?;
        Some(ended + self.config.deadlines.input_end)
    }

    /// When a client that has closed its input and reads nothing counts as gone.
    fn stall_deadline(&self) -> Option<Instant> {
        let is_waited_for = self.input_ended.is_some() && !self.out.is_empty();
        is_waited_for.then(|| self.last_write + self.config.deadlines.write_stall)
    }

    /// Whether [`Output::Close`] has been queued.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Whether the next line can be looked at: its answer has room, and what it means does not
    /// depend on something that is not known yet.
    fn can_advance(&self) -> bool {
        let is_settling = |open: &Open| open.messages.method() == McpMethod::Initialize;
        self.can_notify()
            && self.told() < self.config.limits.in_flight.max(1)
            && !self.open.values().any(is_settling)
    }

    /// How many messages of the client without an id the session has not taken note of yet.
    fn told(&self) -> usize {
        let is_told = |open: &&Open| !open.is_request() && !open.is_endless();
        self.open.values().filter(is_told).count()
    }

    /// How many requests of the client are open.
    fn requests(&self) -> usize {
        self.open.values().filter(|open| open.is_request()).count()
    }

    fn next_key(&mut self) -> CallKey {
        let key = CallKey(self.next_key);
        self.next_key += 1;
        key
    }

    /// Hands a call to the application, or to the hub.
    fn call(&mut self, call: Call, received: usize) {
        let open = Open {
            messages: Messages::new(&call.request),
            is_of_session: call.request.is_of_session(),
            received,
        };
        self.open.insert(call.key, open);
        self.outputs.push(Output::Call(call));
    }

    fn settle(&mut self, session: Option<SessionId>, revision: Revision) {
        self.settled = Some(Settled { session, revision });
    }
}

impl fmt::Debug for LineSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineSession")
            .field("phase", &self.phase)
            .field("open", &self.open.len())
            .field("read_ahead", &self.lines.len())
            .field("unsent", &self.out.len())
            .finish_non_exhaustive()
    }
}
