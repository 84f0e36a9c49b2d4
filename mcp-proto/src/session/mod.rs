//! One connection, from accept to close.
//!
//! This file holds the contract. `awake` holds the states, `receive` leads bytes to requests, `respond`
//! leads replies to bytes, `leave` is how it all ends: the peer's disconnect, deadlines, shutdown.

mod awake;
mod buffers;
mod event;
mod leave;
mod receive;
mod respond;

pub use event::{Event, Lost, LostRequest};

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

use awake::{Awake, Room};
pub(crate) use buffers::{ByteQueue, Outputs};

use crate::authorization::{Authorization, AuthorizationKey, Principal};
use crate::call::{Call, CallKey, Notification, Reply};
use crate::config::Config;
use crate::error::Denial;
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
    next_key: u64,
    /// Set by [`Input::Shutdown`].
    shutdown: Option<Instant>,
    /// The peer has closed its sending half and still wants its answer.
    is_half_closed: bool,
    /// When waiting for a request began, if there is no room.
    since: Instant,
    /// What a request takes. Not there before the first, nor when it was taken as a [`Spare`].
    room: Option<Box<Room>>,
}

/// Room for what a session keeps while there is a request, of one that has none: see
/// [`Session::take_spare`].
pub struct Spare(Box<Room>);

impl fmt::Debug for Spare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spare").finish_non_exhaustive()
    }
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

impl Session {
    /// A connection that has just been accepted.
    #[must_use]
    pub const fn new(config: Arc<Config>, now: Now) -> Self {
        Self {
            config,
            next_key: 0,
            shutdown: None,
            is_half_closed: false,
            since: now.instant,
            room: None,
        }
    }

    /// Takes note of what happened. `now` must not lag behind that of earlier calls.
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        if self.room.is_none() {
            let is_heard = match input {
                Input::Bytes(_) | Input::PeerClosed(_) | Input::Shutdown(_) => true,
                Input::Timeout => self.poll_timeout().is_some_and(|at| at <= now.instant),
                // There is no request that these could be about.
                Input::Written(_)
                | Input::Authorized(..)
                | Input::Reply(..)
                | Input::Notify(..)
                | Input::Admit(..) => false,
            };
            if !is_heard {
                return;
            }
        }
        let since = self.since;
        Awake {
            config: &self.config,
            next_key: &mut self.next_key,
            shutdown: &mut self.shutdown,
            is_half_closed: &mut self.is_half_closed,
            room: self.room.get_or_insert_with(|| Box::new(Room::new(since))),
        }
        .handle(now, input);
    }

    /// Takes what a session keeps for its requests, if it has none, to [lend](Self::lend) it to
    /// whichever needs it first. A driver of many connections then holds no more of it than there are
    /// requests at once, and a connection that is idle costs next to nothing.
    #[must_use]
    pub fn take_spare(&mut self) -> Option<Spare> {
        self.since = self.room.as_ref()?.idle_since()?;
        let mut room = self.room.take()?;
        room.clear();
        Some(Spare(room))
    }

    /// Whether a request would find no room, which would have to be made.
    #[must_use]
    pub const fn wants_spare(&self) -> bool {
        self.room.is_none()
    }

    /// Gives it room for its next request, if it has none.
    pub fn lend(&mut self, spare: Spare) {
        if self.room.is_none() {
            let Spare(mut room) = spare;
            room.restart(self.since);
            self.room = Some(room);
        }
    }

    /// The next thing to do. Only [`handle`](Self::handle) makes more.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        let room = self.room.as_mut()?;
        let is_closed = room.is_closed();
        room.outputs.pop(is_closed)
    }

    /// The bytes to be written now, possibly none. Only [`handle`](Self::handle) changes them.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        let Some(room) = &self.room else {
            return &[];
        };
        debug_assert!(!room.is_closed() || room.out.queue.is_empty(), "no write after close");
        room.out.queue.as_slice()
    }

    /// When [`Input::Timeout`] is due, if ever. Only [`handle`](Self::handle) changes it.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.room {
            Some(room) => room.deadline(&self.config, self.shutdown),
            None => Some(self.since + self.config.deadlines.idle),
        }
    }

    /// Whether bytes from the peer are welcome. False while it pipelines faster than it is served,
    /// and when nothing it could send would be looked at.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        !self.is_half_closed && self.room.as_ref().is_none_or(|room| room.wants_read(&self.config))
    }

    /// Whether the client keeps up with what it is sent. While it does not, a handler that reports
    /// progress should be made to wait, and changes should stay in the [`Hub`](crate::Hub), where
    /// they take no more room however many there are: so a subscription is ready for the next when
    /// the last has been written.
    #[must_use]
    pub fn can_notify(&self) -> bool {
        self.room.as_ref().is_none_or(|room| room.can_notify(&self.config))
    }

    /// Whether [`Output::Close`] has been queued.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.room.as_ref().is_some_and(|room| room.is_closed())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (state, read_ahead, unsent) = match &self.room {
            Some(room) => (room.name_of_state(), room.inbox.len(), room.out.queue.len()),
            None => ("Idle", 0, 0),
        };
        f.debug_struct("Session")
            .field("state", &state)
            .field("read_ahead", &read_ahead)
            .field("unsent", &unsent)
            .finish_non_exhaustive()
    }
}
