//! A session with something to do: the states of a request, and the way to the peer.
//!
//! `receive` leads bytes to requests, `respond` leads replies to bytes, `leave` is how it all ends.

use alloc::boxed::Box;

use super::{ByteQueue, Input, Outputs};
use crate::authorization::AuthorizationKey;
use crate::config::Config;
use crate::exchange::{Answer, Incoming};
use crate::http::{BodyDecoder, DateLine, HeadScan, ResponseWriter};
use crate::time::{Instant, Now};

/// A buffer that held a response is kept for the next one, if it is of the size that most are of.
pub(super) const KEPT_BUFFER: usize = 1024;

/// A session with its room at hand.
pub(super) struct Awake<'a> {
    pub(super) config: &'a Config,
    pub(super) next_key: &'a mut u64,
    pub(super) shutdown: &'a mut Option<Instant>,
    pub(super) is_half_closed: &'a mut bool,
    pub(super) room: &'a mut Room,
}

/// What a session keeps from the first byte of a request to the last of its response.
pub(super) struct Room {
    pub(super) state: State,
    /// Bytes received and not yet looked at, or part of an incomplete head.
    pub(super) inbox: ByteQueue,
    pub(super) outputs: Outputs,
    pub(super) out: Outgoing,
}

pub(super) enum State {
    /// Between requests, or within the head of one.
    Head {
        scan: HeadScan,
        /// When the first byte came, or when waiting for it began.
        since: Instant,
    },
    /// Somebody finds out whether the request may be let in.
    Authorize {
        key: AuthorizationKey,
        incoming: Incoming,
        since: Instant,
    },
    Body {
        incoming: Incoming,
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
pub(super) struct Outgoing {
    /// Bytes to send.
    pub(super) queue: ByteQueue,
    date: DateLine,
    /// When the peer last took a byte, or the first one came to be sent.
    pub(super) last_write: Instant,
    /// The request in hand; meaningful from the end of its head to the end of its response.
    pub(super) exchange: Exchange,
}

impl Outgoing {
    fn new(now: Instant) -> Self {
        Self {
            queue: ByteQueue::default(),
            date: DateLine::default(),
            last_write: now,
            exchange: Exchange::default(),
        }
    }

    /// Appends to the bytes for the peer.
    pub(super) fn write(&mut self, now: Now, write: impl FnOnce(&mut ResponseWriter<'_>)) {
        if self.queue.is_empty() {
            self.last_write = now.instant;
        }
        let (exchange, date) = (&mut self.exchange, &mut self.date);
        self.queue.append(|out| {
            let mut writer = ResponseWriter {
                out,
                unix_seconds: now.unix_seconds,
                date,
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
pub(super) struct Exchange {
    pub(super) endpoint: Option<usize>,
    pub(super) received: u64,
    pub(super) announced: Option<u64>,
    pub(super) is_http11: bool,
    pub(super) keep_alive: bool,
    pub(super) omit_body: bool,
    /// The origin of the page that it comes from, if that is not ours.
    pub(super) cors_origin: Option<Box<str>>,
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

impl Room {
    /// For a session that waits for the first byte since `since`.
    pub(super) fn new(since: Instant) -> Self {
        Self {
            state: State::Head { scan: HeadScan::default(), since },
            inbox: ByteQueue::default(),
            outputs: Outputs::default(),
            out: Outgoing::new(since),
        }
    }

    /// Forgets the request that was in it, which is done.
    pub(super) fn clear(&mut self) {
        self.out.exchange = Exchange::default();
    }

    /// Has it wait for the first byte, since `since`.
    pub(super) fn restart(&mut self, since: Instant) {
        self.state = State::Head { scan: HeadScan::default(), since };
    }

    /// Since when there has been nothing to do, and nothing is in the room that would be missed: not
    /// even half of an empty line.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let State::Head { scan, since } = self.state else {
            return None;
        };
        let is_idle = scan.is_at_start()
            && self.inbox.is_empty()
            && self.outputs.is_empty()
            && self.out.queue.is_empty();
        is_idle.then_some(since)
    }

    pub(super) fn wants_read(&self, config: &Config) -> bool {
        match self.state {
            State::Head { .. } | State::Body { .. } | State::Drain { .. } => true,
            State::Authorize { .. } | State::Call { .. } | State::Flush { .. } => {
                self.inbox.len() < config.limits.read_ahead
            }
            State::Closed => false,
        }
    }

    pub(super) fn can_notify(&self, config: &Config) -> bool {
        match &self.state {
            State::Call { answer } if answer.is_subscription() || answer.is_opened_stream() => {
                self.out.queue.is_empty()
            }
            _ => self.out.queue.is_empty() || self.out.queue.len() < config.limits.unsent,
        }
    }

    pub(super) const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    pub(super) fn name_of_state(&self) -> &'static str {
        match self.state {
            State::Head { .. } if self.waiting() == 0 => "Idle",
            State::Head { .. } => "Head",
            State::Authorize { .. } => "Authorize",
            State::Body { .. } => "Body",
            State::Call { .. } => "Call",
            State::Flush { .. } => "Flush",
            State::Drain { .. } => "Drain",
            State::Closed => "Closed",
        }
    }
}

impl Awake<'_> {
    pub(super) fn handle(&mut self, now: Now, input: Input<'_>) {
        if matches!(self.room.state, State::Closed) {
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
}
