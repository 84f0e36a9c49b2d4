//! How connections end: the peer leaves, a deadline passes, the server shuts down.

use alloc::vec::Vec;

use super::awake::{Awake, Room, State};
use super::{Event, Lost, LostRequest, Output, PeerClosed};
use crate::call::{CallKey, Reply};
use crate::config::Config;
use crate::error::{Refusal, RpcError};
use crate::method::McpMethod;
use crate::revision::Era;
use crate::time::{Instant, Now};

impl Room {
    /// When [`Input::Timeout`] is due, if ever.
    pub(super) fn deadline(&self, config: &Config, shutdown: Option<Instant>) -> Option<Instant> {
        let deadlines = &config.deadlines;
        let state = match &self.state {
            State::Head { since, .. } if self.waiting() == 0 => Some(*since + deadlines.idle),
            State::Head { since, .. } => Some(*since + deadlines.head),
            State::Authorize { since, .. } => Some(*since + deadlines.authorization),
            State::Body { since, .. } => Some(*since + deadlines.body),
            State::Call { answer } if self.out.queue.is_empty() => answer.deadline(deadlines),
            // A connection on which bytes wait is not silent.
            State::Call { .. } | State::Flush { .. } => None,
            State::Drain { since, .. } => Some(*since + deadlines.drain),
            State::Closed => return None,
        };
        [state, self.stall_deadline(config), self.shutdown_deadline(config, shutdown)]
            .into_iter()
            .flatten()
            .min()
    }

    /// When a peer that takes no bytes counts as gone.
    fn stall_deadline(&self, config: &Config) -> Option<Instant> {
        (!self.out.queue.is_empty()).then(|| self.out.last_write + config.deadlines.write_stall)
    }

    /// When a shutdown stops waiting. A response that is on its way gets as long again as a
    /// refused peer has to read its answer.
    fn shutdown_deadline(&self, config: &Config, shutdown: Option<Instant>) -> Option<Instant> {
        let until = shutdown?;
        Some(match self.state {
            State::Flush { .. } | State::Drain { .. } => until + config.deadlines.drain,
            _ => until,
        })
    }

    /// Bytes that have come and were not served: of a head, or of pipelined requests. Empty lines
    /// in front of them, and half of one, are nothing that could be late or get lost.
    pub(super) fn waiting(&self) -> usize {
        let mut waiting = self.inbox.as_slice();
        while let Some(rest) = waiting.strip_prefix(b"\r\n") {
            waiting = rest;
        }
        if waiting == b"\r" { 0 } else { waiting.len() }
    }
}

impl Awake<'_> {
    pub(super) fn timeout(&mut self, now: Now) {
        let is_due = |deadline: Option<Instant>| deadline.is_some_and(|at| at <= now.instant);
        if is_due(self.room.stall_deadline(self.config)) {
            return self.peer_closed(PeerClosed::Reset);
        }
        if is_due(self.room.shutdown_deadline(self.config, *self.shutdown)) {
            return self.cut(now);
        }
        let deadlines = &self.config.deadlines;
        match &self.room.state {
            State::Head { since, .. } if self.room.waiting() == 0 => {
                if is_due(Some(*since + deadlines.idle)) {
                    self.close();
                }
            }
            State::Head { since, .. } => {
                if is_due(Some(*since + deadlines.head)) {
                    let inbox = core::mem::take(&mut self.room.inbox);
                    self.refuse_head(now, inbox.as_slice(), Refusal::SlowHead);
                }
            }
            State::Authorize { key, incoming, since } => {
                if is_due(Some(*since + deadlines.authorization)) {
                    let framing = incoming.head().framing();
                    self.room.outputs.push(Output::AuthorizationCancelled(*key));
                    self.leave_body(framing);
                    self.refuse(now, Refusal::SlowAuthorization);
                    self.end_authorization();
                }
            }
            State::Body { since, .. } => {
                if is_due(Some(*since + deadlines.body)) {
                    self.refuse_and_close(now, Refusal::SlowBody);
                }
            }
            State::Call { answer } => {
                let is_due = self.room.out.queue.is_empty() && is_due(answer.deadline(deadlines));
                let key = answer.open().next().map(|(key, _)| key);
                if let Some(key) = key.filter(|_| is_due) {
                    self.with_answer(now, key, |answer, writer, _| {
                        answer.keep_alive(writer, now.instant);
                    });
                }
            }
            State::Drain { since, .. } => {
                if is_due(Some(*since + deadlines.drain)) {
                    self.close();
                }
            }
            State::Flush { .. } | State::Closed => {}
        }
    }

    pub(super) fn peer_closed(&mut self, how: PeerClosed) {
        // Part of a head, or pipelined requests that would have been served next.
        let waiting = match self.room.state {
            State::Head { .. } => self.room.waiting(),
            State::Call { .. } | State::Flush { .. } if self.room.out.exchange.keep_alive => {
                self.room.waiting()
            }
            _ => 0,
        };
        let only_half = how == PeerClosed::Fin && self.still_wants_answer();
        match &self.room.state {
            _ if only_half => {}
            State::Head { .. } | State::Drain { .. } | State::Closed => {}
            State::Authorize { .. } => self.lose(Lost::InAuthorization),
            State::Body { .. } => self.lose(Lost::InBody),
            // To leave is how a client ends such streams: nothing is lost.
            State::Call { answer } if answer.is_subscription() || answer.is_opened_stream() => {
                let key = answer.open().next().map(|(key, _)| key);
                self.ended(key);
            }
            State::Call { answer } => {
                let ends = answer.open().map(|(key, messages)| {
                    match (messages.revision().era(), messages.method()) {
                        // 2026-07-28, basic/patterns/cancellation: a disconnect is a cancellation.
                        // A session that nobody hears of is no good to anybody.
                        (Era::Modern, _) | (_, McpMethod::Initialize) => Output::Cancelled(key),
                        // 2025-11-25, basic/transports: a disconnect is not a cancellation.
                        (Era::Legacy, _) => Output::HandedOver(key),
                    }
                });
                let ends: Vec<_> = ends.collect();
                self.lose(Lost::InCall);
                self.room.outputs.extend(ends);
            }
            State::Flush { is_refusal: true } => {}
            State::Flush { is_refusal: false } => self.lose(Lost::InResponse),
        }
        if waiting > 0 {
            self.room.outputs.push(Output::Event(Event::RequestLost(LostRequest {
                endpoint: None,
                call: None,
                stage: Lost::InHead,
                received: waiting as u64,
                announced: None,
            })));
        }
        if only_half && matches!(self.room.state, State::Authorize { .. }) {
            // Where the request ends will show when it is let in.
            *self.is_half_closed = true;
        } else if only_half {
            *self.is_half_closed = true;
            self.room.out.exchange.keep_alive = false;
            self.room.inbox.clear();
        } else {
            self.close();
        }
    }

    /// Whether a FIN only means that no further request follows.
    fn still_wants_answer(&self) -> bool {
        let may_be_complete = matches!(
            self.room.state,
            State::Authorize { .. } | State::Call { .. } | State::Flush { .. }
        );
        let endpoint = self.room.out.exchange.endpoint.and_then(|at| self.config.endpoints.get(at));
        may_be_complete && endpoint.is_some_and(|endpoint| endpoint.answer_half_closed)
    }

    fn lose(&mut self, stage: Lost) {
        let call = match &self.room.state {
            State::Call { answer } => answer.open().next().map(|(key, _)| key),
            _ => None,
        };
        self.room.outputs.push(Output::Event(Event::RequestLost(LostRequest {
            endpoint: self.room.out.exchange.endpoint,
            call,
            stage,
            received: self.room.out.exchange.received,
            announced: self.room.out.exchange.announced,
        })));
    }

    pub(super) fn begin_shutdown(&mut self, now: Now, until: Instant) {
        *self.shutdown = Some(self.shutdown.map_or(until, |earlier| earlier.min(until)));
        self.room.out.exchange.keep_alive = false;
        if matches!(self.room.state, State::Head { .. }) && self.room.waiting() == 0 {
            self.close();
        } else {
            self.end_endless(now);
            // An instant that has passed means now.
            if !self.room.is_closed() {
                self.timeout(now);
            }
        }
    }

    /// Ends a stream that would not end by itself: a subscription with the answer to its request
    /// (2026-07-28, basic/patterns/subscriptions, "Graceful Closure"), and what a client of the 2025
    /// revisions has opened.
    pub(super) fn end_endless(&mut self, now: Now) {
        let State::Call { answer } = &self.room.state else {
            return;
        };
        let reply = match answer {
            answer if answer.is_subscription() => Reply::SubscriptionEnded,
            answer if answer.is_opened_stream() => Reply::NoResponse,
            _ => return,
        };
        let key = answer.open().next().map(|(key, _)| key);
        if let Some(key) = key {
            self.ended(Some(key));
            self.reply(now, key, reply);
        }
    }

    /// Reports the end of a stream that has no other.
    fn ended(&mut self, key: Option<CallKey>) {
        let endpoint = self.room.out.exchange.endpoint;
        self.room.outputs.push(Output::Event(Event::StreamEnded { endpoint }));
        self.room.outputs.extend(key.map(Output::Cancelled));
    }

    /// The time that a shutdown leaves is over.
    fn cut(&mut self, now: Now) {
        let State::Call { answer } = &self.room.state else {
            return self.close();
        };
        let open: Vec<_> = answer.open().map(|(key, _)| key).collect();
        // Which calls of a batch the stream of its session has answered, the hub knows.
        let reply = match answer.is_batch() && answer.is_streaming_session() {
            true => Reply::NoResponse,
            false => {
                Reply::Error(RpcError::internal("internal error: the server is shutting down"))
            }
        };
        for key in open {
            self.room.outputs.push(Output::Cancelled(key));
            self.reply(now, key, reply.clone());
        }
    }

    /// Closes our half and waits for the peer to do the same.
    pub(super) fn begin_drain(&mut self, now: Now) {
        self.room.state = State::Drain { since: now.instant, discarded: 0 };
        self.room.outputs.push(Output::ShutdownWrite);
        // Whatever the peer has pipelined behind its last request stays unanswered.
        let waiting = self.room.inbox.len();
        self.room.inbox.clear();
        self.discard(waiting);
    }

    /// Takes note of bytes that came in while draining.
    pub(super) fn discard(&mut self, count: usize) {
        if let State::Drain { discarded, .. } = &mut self.room.state {
            *discarded = discarded.saturating_add(count);
            if *discarded > self.config.limits.drain {
                self.close();
            }
        }
    }

    /// The one way to the end.
    pub(super) fn close(&mut self) {
        if let State::Authorize { key, .. } = &self.room.state {
            self.room.outputs.push(Output::AuthorizationCancelled(*key));
        }
        self.room.state = State::Closed;
        self.room.inbox.clear();
        self.room.out.queue.clear();
        self.room.outputs.push(Output::Close);
    }
}
