//! One connection, from accept to close.
//!
//! This file holds the contract and the states. `receive` leads bytes to requests, `respond` leads
//! replies to bytes, `leave` is how it all ends: the peer's disconnect, deadlines, shutdown.

mod buffers;
mod event;
mod leave;
mod receive;
mod respond;

pub use event::{Event, Lost, LostRequest};

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

pub(crate) use buffers::{ByteQueue, Outputs};

use crate::authorization::{Authorization, AuthorizationKey, Principal};
use crate::call::{Call, CallKey, Notification, Reply};
use crate::config::Config;
use crate::error::Denial;
use crate::exchange::{Answer, Incoming};
use crate::http::{BodyDecoder, HeadScan, ResponseWriter};
use crate::hub::StreamStart;
use crate::time::{Instant, Now};

/// One peer's connection as a state machine: bytes and events in, bytes and events out.
///
/// It does no I/O and knows no clock; whoever owns the connection drives it.
///
/// # Contract
///
/// Inputs go in through [`handle`](Self::handle), one at a time, whenever they occur. Any input is
/// legal in any state; one that no longer means anything does nothing. After each, in this order:
///
/// 1. take outputs from [`poll_output`](Self::poll_output) until it returns `None`, and act on
///    each;
/// 2. write bytes of [`transmit`](Self::transmit) to the peer, as many as it takes, and report
///    them with [`Input::Written`];
/// 3. arrange to be woken at [`poll_timeout`](Self::poll_timeout), to hand in [`Input::Timeout`];
/// 4. if [`wants_read`](Self::wants_read), read from the peer, and hand in [`Input::Bytes`] or
///    [`Input::PeerClosed`].
///
/// The order of 1 and 2 matters: an [`Output::Close`] means that nothing is left to write. The
/// rest is up to the owner. When `Output::Close` has come, drop the connection and the session.
///
/// # States
///
/// ```text
///            first byte            head complete          body complete
///   Idle ───────────────▶ Head ───────────────────▶ Body ───────────────▶ Call
///    ▲                     │ └────▶ Authorize ──────▶ │                    │
///    │                     │            │   let in    │                    │
///    │                     │ refused,   │ denied,     │ refused,           │ reply
///    │                     ▼ too slow   ▼ too slow    ▼ too slow           ▼
///    └───────────────── Flush ◀──────────────────────────────────────── (answer)
///       keep-alive         │ written, not to be kept alive
///                          ▼
///                        Drain ──────▶ Closed ◀────── PeerClosed, in any state
///                               FIN,
///                            too long
/// ```
///
/// A request waits in `Authorize` only where its endpoint
/// [says so](crate::Endpoint::requires_authorization).
///
/// One request is served at a time. Bytes of the next ones wait (pipelining), at most
/// [`Limits::read_ahead`](crate::Limits::read_ahead) of them.
///
/// # Promises
///
/// - After [`Output::Close`] nothing comes out. After [`Input::PeerClosed`] no byte does, unless
///   the endpoint [answers half-closed peers](crate::Endpoint::answer_half_closed).
/// - How the bytes of the peer are split over inputs makes no difference to the outputs.
/// - Each [`Output::Call`] ends exactly once: by the first [`Input::Reply`] to it, or by
///   [`Output::Cancelled`], or by [`Output::HandedOver`].
/// - Each [`Output::Authorize`] ends exactly once: by the first [`Input::Authorized`] for it, or by
///   [`Output::AuthorizationCancelled`]. Before it has ended, nothing of the request's body is looked
///   at, and the peer is not told to send it.
/// - Nothing a peer sends causes a panic, and what is kept for it is bounded by
///   [`Limits`](crate::Limits), as long as reads heed `wants_read`.
pub struct Session {
    config: Arc<Config>,
    state: State,
    /// Bytes received and not yet looked at, or part of an incomplete head.
    inbox: ByteQueue,
    outputs: Outputs,
    out: Outgoing,
    next_key: u64,
    /// Set by [`Input::Shutdown`].
    shutdown: Option<Instant>,
    /// The peer has closed its sending half and still wants its answer.
    is_half_closed: bool,
}

/// What happens to a connection.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver must be able to name every input")]
pub enum Input<'a> {
    /// Bytes from the peer, in the order sent.
    Bytes(&'a [u8]),
    /// The peer closed the connection: a read returned no bytes, or failed, or a write failed.
    PeerClosed(PeerClosed),
    /// That many bytes of [`Session::transmit`] were written.
    Written(usize),
    /// Whether a request may be let in. If nobody waits for that any more, nothing happens.
    Authorized(AuthorizationKey, Result<Principal, Denial>),
    /// The application's answer to a call. If the call has ended, nothing happens.
    Reply(CallKey, Reply),
    /// News of a call for the client. If the call has ended, nothing happens.
    Notify(CallKey, Notification),
    /// A [`Hub`](crate::Hub) has let a call in. If the call has ended, nothing happens.
    Admit(CallKey, StreamStart),
    /// [`Session::poll_timeout`] has been reached. Harmless at any other time.
    Timeout,
    /// Serve nothing new. What is in flight may go on until the given instant and is then
    /// cancelled. Of several, the earliest counts.
    Shutdown(Instant),
}

/// How a peer closed its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "TCP knows these two")]
pub enum PeerClosed {
    /// In order: there is nothing more to read.
    Fin,
    /// Abruptly: there is nobody to write to either.
    Reset,
}

/// What a session wants done.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver must handle every output")]
pub enum Output {
    /// Find out who sends this and hand in an [`Input::Authorized`].
    Authorize(Authorization),
    /// Stop finding that out: the client has gone, or it has taken too long. An answer does nothing.
    AuthorizationCancelled(AuthorizationKey),
    /// Do this work and hand in an [`Input::Reply`].
    Call(Call),
    /// Stop that work; its client has gone or its time is up. A reply to it does nothing. For a
    /// subscription this is the usual end.
    Cancelled(CallKey),
    /// That work outlives its connection: in the 2025 revisions a disconnect cancels nothing. Let
    /// it run to its end; a reply to it does nothing here, but may reach the client by the stream of
    /// its session.
    HandedOver(CallKey),
    /// The response to that call of a session has become an event stream. Tell the
    /// [`Hub`](crate::Hub) with [`Hub::begin_stream`](crate::Hub::begin_stream).
    StreamBegun(CallKey),
    /// Something for the log.
    Event(Event),
    /// Close the sending half of the connection; go on reading.
    ShutdownWrite,
    /// Close the connection. The last output.
    Close,
}

enum State {
    /// Between requests, or within the head of one.
    Head {
        scan: HeadScan,
        /// When the first byte came, or when waiting for it began.
        since: Instant,
    },
    /// Somebody finds out whether the request may be let in.
    Authorize {
        key: AuthorizationKey,
        incoming: Box<Incoming>,
        since: Instant,
    },
    Body {
        incoming: Box<Incoming>,
        decoder: BodyDecoder,
        since: Instant,
    },
    /// The application is at work.
    Call {
        answer: Answer,
    },
    /// The response is complete but not yet written.
    Flush {
        /// Whether the peer has been told of a refusal, and so need not be reported as lost.
        is_refusal: bool,
    },
    /// We have sent a FIN and wait for the peer's, discarding what else it sends, so that it can
    /// read our last response (RFC 9112 section 9.6).
    Drain {
        since: Instant,
        discarded: usize,
    },
    Closed,
}

/// The way to the peer.
struct Outgoing {
    /// Bytes to send.
    queue: ByteQueue,
    /// When the peer last took a byte, or the first one came to be sent.
    last_write: Instant,
    /// The request in hand; meaningful from the end of its head to the end of its response.
    exchange: Exchange,
}

impl Outgoing {
    fn new(now: Instant) -> Self {
        Self { queue: ByteQueue::default(), last_write: now, exchange: Exchange::default() }
    }

    /// Appends to the bytes for the peer.
    fn write(&mut self, now: Now, write: impl FnOnce(&mut ResponseWriter<'_>)) {
        if self.queue.is_empty() {
            self.last_write = now.instant;
        }
        let exchange = &mut self.exchange;
        self.queue.append(|out| {
            let mut writer = ResponseWriter {
                out,
                unix_seconds: now.unix_seconds,
                is_http11: exchange.is_http11,
                keep_alive: exchange.keep_alive,
                omit_body: exchange.omit_body,
                cors_origin: exchange.cors_origin.as_deref(),
            };
            write(&mut writer);
            exchange.keep_alive = writer.keep_alive;
        });
    }
}

/// What a response has to know of the request it answers.
struct Exchange {
    endpoint: Option<usize>,
    received: u64,
    announced: Option<u64>,
    is_http11: bool,
    keep_alive: bool,
    omit_body: bool,
    /// The origin of the page that it comes from, if that is not ours.
    cors_origin: Option<Box<str>>,
}

impl Default for Exchange {
    /// For answers to what is no request.
    fn default() -> Self {
        Self {
            endpoint: None,
            received: 0,
            announced: None,
            is_http11: true,
            keep_alive: false,
            omit_body: false,
            cors_origin: None,
        }
    }
}

impl Session {
    /// A connection that has just been accepted.
    #[must_use]
    pub fn new(config: Arc<Config>, now: Now) -> Self {
        Self {
            config,
            state: State::Head { scan: HeadScan::default(), since: now.instant },
            inbox: ByteQueue::default(),
            outputs: Outputs::default(),
            out: Outgoing::new(now.instant),
            next_key: 0,
            shutdown: None,
            is_half_closed: false,
        }
    }

    /// Takes note of what happened. `now` must not lag behind that of earlier calls.
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        if matches!(self.state, State::Closed) {
            return;
        }
        match input {
            Input::Bytes(bytes) => self.receive(now, bytes),
            Input::PeerClosed(how) => self.peer_closed(how),
            Input::Written(count) => self.written(now, count),
            Input::Authorized(key, result) => self.authorized(now, key, result),
            Input::Reply(key, reply) => self.reply(now, key, reply),
            Input::Notify(key, notification) => self.notify(now, key, &notification),
            Input::Admit(key, start) => self.admit(now, key, start),
            Input::Timeout => self.timeout(now),
            Input::Shutdown(until) => self.begin_shutdown(now, until),
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
        debug_assert!(!self.is_closed() || self.out.queue.is_empty(), "no write after close");
        self.out.queue.as_slice()
    }

    /// Whether bytes from the peer are welcome. False while it pipelines faster than it is served,
    /// and when nothing it could send would be looked at.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        match self.state {
            _ if self.is_half_closed => false,
            State::Head { .. } | State::Body { .. } | State::Drain { .. } => true,
            State::Authorize { .. } | State::Call { .. } | State::Flush { .. } => {
                self.inbox.len() < self.config.limits.read_ahead
            }
            State::Closed => false,
        }
    }

    /// Whether the client keeps up with what it is sent. While it does not, a handler that reports
    /// progress should be made to wait, and changes should stay in the [`Hub`](crate::Hub), where
    /// they take no more room however many there are: so a subscription is ready for the next when
    /// the last has been written.
    #[must_use]
    pub fn can_notify(&self) -> bool {
        match &self.state {
            State::Call { answer } if answer.is_subscription() || answer.is_opened_stream() => {
                self.out.queue.is_empty()
            }
            _ => self.out.queue.len() < self.config.limits.unsent,
        }
    }

    /// Whether [`Output::Close`] has been queued.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Head { .. } if self.waiting() == 0 => "Idle",
            State::Head { .. } => "Head",
            State::Authorize { .. } => "Authorize",
            State::Body { .. } => "Body",
            State::Call { .. } => "Call",
            State::Flush { .. } => "Flush",
            State::Drain { .. } => "Drain",
            State::Closed => "Closed",
        };
        f.debug_struct("Session")
            .field("state", &state)
            .field("read_ahead", &self.inbox.len())
            .field("unsent", &self.out.queue.len())
            .finish_non_exhaustive()
    }
}
