//! How connections end: the client closes its end or is lost, the server shuts down.

use alloc::vec::Vec;

use super::{LineSession, Open, Phase};
use crate::call::{CallKey, Reply};
use crate::error::RpcError;
use crate::method::McpMethod;
use crate::request::ClientMessage;
use crate::session::{Event, Lost, LostRequest, Output, PeerClosed};
use crate::time::Instant;

impl LineSession {
    /// Whether requests are being served.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::ShuttingDown)
    }

    pub(super) fn peer_closed(&mut self, now: Instant, how: PeerClosed) {
        match how {
            PeerClosed::Fin if self.is_open() => {
                self.input_ended.get_or_insert(now);
                self.advance();
            }
            PeerClosed::Fin => {}
            PeerClosed::Reset => self.lose_all(),
        }
    }

    /// Nobody is there any more.
    fn lose_all(&mut self) {
        if matches!(self.phase, Phase::EndSession(_)) {
            return;
        }
        if self.lines.len() > 0 {
            self.lose_line(self.lines.len());
        }
        let has_open = self.requests() > 0;
        for (key, open) in core::mem::take(&mut self.open) {
            if open.is_endless() {
                self.outputs.push(Output::Event(Event::StreamEnded { endpoint: Some(0) }));
            } else if open.is_request() {
                self.lose(Lost::InCall, Some(key), open.received);
            }
            self.outputs.push(Output::Cancelled(key));
        }
        if !self.out.is_empty() && !has_open {
            self.lose(Lost::InResponse, None, 0);
        }
        self.out.clear();
        self.finish();
    }

    pub(super) fn lose_line(&mut self, received: usize) {
        self.lose(Lost::InLine, None, received);
    }

    fn lose(&mut self, stage: Lost, call: Option<CallKey>, received: usize) {
        let received = received as u64;
        let announced = (stage != Lost::InLine).then_some(received);
        let lost = LostRequest { endpoint: Some(0), call, stage, received, announced };
        self.outputs.push(Output::Event(Event::RequestLost(lost)));
    }

    pub(super) fn begin_shutdown(&mut self, now: Instant, until: Instant) {
        // Who has closed its input and has us end as well waits for no answer (2026-07-28,
        // basic/transports/stdio, "Shutdown").
        let until = if self.input_ended.is_some() { now } else { until };
        self.shutdown = Some(self.shutdown.map_or(until, |earlier| earlier.min(until)));
        if self.phase == Phase::Open {
            self.phase = Phase::ShuttingDown;
            self.end_endless();
            self.end_if_done();
        }
        self.timeout(now);
    }

    pub(super) fn timeout(&mut self, now: Instant) {
        let is_due = |deadline: Option<Instant>| deadline.is_some_and(|at| at <= now);
        if is_due(self.stall_deadline()) {
            return self.lose_all();
        }
        let has_left = is_due(self.input_deadline());
        if !has_left && !is_due(self.shutdown_deadline()) {
            return;
        }
        if self.phase == Phase::Flush {
            // The session ends even if its client does not read what it was answered.
            self.lose(Lost::InResponse, None, 0);
            self.out.clear();
            return self.finish();
        }
        if let Phase::EndSession(key) = self.phase {
            self.outputs.push(Output::Cancelled(key));
            return self.close();
        }
        // The time that is left for calls is over, and no more of them begin.
        self.phase = Phase::ShuttingDown;
        self.end_endless();
        let error = match has_left {
            true => "internal error: the client has closed its input and does not wait any longer",
            false => "internal error: the server is shutting down",
        };
        let open: Vec<CallKey> = self.open.keys().copied().collect();
        for key in open {
            self.outputs.push(Output::Cancelled(key));
            self.answer(key, Reply::Error(RpcError::internal(error)));
        }
        self.end_if_done();
    }

    /// On to the end, if there is nothing left to serve and nothing more can come.
    pub(super) fn end_if_done(&mut self) {
        let has_all = self.input_ended.is_some() && self.lines.len() == 0;
        if has_all && !self.has_told_session && self.is_open() {
            self.has_told_session = true;
            let message = Some(ClientMessage::InputEnded);
            if let Some(request) = self.request_of_session(McpMethod::ClientMessage, message) {
                self.begin_call(request, 0);
            }
        }
        let is_ending = has_all || self.phase == Phase::ShuttingDown;
        if self.is_open() && is_ending && self.open.values().all(Open::is_endless) {
            self.end_endless();
            self.lines.clear();
            self.phase = Phase::Flush;
        }
        if self.phase == Phase::Flush && self.out.is_empty() {
            self.finish();
        }
    }

    /// Ends what would not end by itself: subscriptions with the answer to their requests
    /// (2026-07-28, basic/patterns/subscriptions, "Graceful Closure"), and the stream of the session.
    fn end_endless(&mut self) {
        let endless = self.open.iter().filter(|(_, open)| open.is_endless());
        let endless = endless.map(|(key, open)| match open.messages.is_subscription() {
            true => (*key, Reply::SubscriptionEnded),
            false => (*key, Reply::NoResponse),
        });
        for (key, reply) in endless.collect::<Vec<_>>() {
            self.outputs.push(Output::Event(Event::StreamEnded { endpoint: Some(0) }));
            self.outputs.push(Output::Cancelled(key));
            self.answer(key, reply);
        }
    }

    /// Ends the session, if there is one, and then the connection.
    fn finish(&mut self) {
        match self.request_of_session(McpMethod::EndSession, None) {
            Some(request) => {
                let call = self.new_call(request);
                self.phase = Phase::EndSession(call.key);
                self.outputs.push(Output::Call(call));
            }
            None => self.close(),
        }
    }

    /// The one way to the end.
    pub(super) fn close(&mut self) {
        self.phase = Phase::Closed;
        self.lines.clear();
        self.out.clear();
        self.outputs.push(Output::Close);
    }
}
