//! From replies to bytes, and on to the next request.

use super::{Event, Output, Session, State};
use crate::call::{CallKey, Notification, Reply};
use crate::error::Refusal;
use crate::exchange::{
    Answer, Failure, Immediate, write_accepted, write_failure, write_immediate, write_refusal,
};
use crate::http::ResponseWriter;
use crate::time::Now;

impl Session {
    pub(super) fn reply(&mut self, now: Now, key: CallKey, reply: Reply) {
        if !matches!(&self.state, State::Call { key: current, .. } if *current == key) {
            return;
        }
        let State::Call { answer, .. } = self.begin_flush(false) else {
            return;
        };
        let config = self.config.clone();
        if let Some(endpoint) = self.exchange.endpoint.and_then(|at| config.endpoints.get(at)) {
            self.write(now, |writer| answer.reply(writer, now.instant, endpoint, reply));
        }
    }

    pub(super) fn notify(&mut self, now: Now, key: CallKey, notification: &Notification) {
        self.with_answer(key, |session, answer| {
            session.write(now, |writer| answer.notify(writer, now.instant, notification));
        });
    }

    pub(super) fn answer_immediate(&mut self, now: Now, endpoint: usize, immediate: &Immediate) {
        self.begin_flush(false);
        let config = self.config.clone();
        self.write(now, |writer| write_immediate(writer, &config.endpoints[endpoint], immediate));
    }

    pub(super) fn answer_accepted(&mut self, now: Now) {
        self.begin_flush(false);
        self.write(now, write_accepted);
    }

    pub(super) fn answer_failure(&mut self, now: Now, failure: &Failure) {
        if let Failure::Refused(refusal) = failure {
            return self.refuse(now, refusal.clone());
        }
        // It was answered, if with an error: to lose that is to lose a request.
        self.begin_flush(false);
        self.write(now, |writer| write_failure(writer, failure));
    }

    pub(super) fn refuse(&mut self, now: Now, refusal: Refusal) {
        self.begin_flush(true);
        self.write(now, |writer| write_refusal(writer, &refusal));
        self.outputs
            .push_back(Output::Event(Event::Refused { endpoint: self.exchange.endpoint, refusal }));
    }

    /// Returns the state that ends.
    fn begin_flush(&mut self, is_refusal: bool) -> State {
        core::mem::replace(&mut self.state, State::Flush { is_refusal })
    }

    /// Appends to the bytes for the peer.
    pub(super) fn write(&mut self, now: Now, write: impl FnOnce(&mut ResponseWriter<'_>)) {
        let exchange = &mut self.exchange;
        if self.outbox.is_empty() {
            self.last_write = now.instant;
        }
        self.outbox.append(|out| {
            let mut writer = ResponseWriter {
                out,
                unix_seconds: now.unix_seconds,
                is_http11: exchange.is_http11,
                keep_alive: exchange.keep_alive,
                omit_body: exchange.omit_body,
            };
            write(&mut writer);
            exchange.keep_alive = writer.keep_alive;
        });
    }

    /// Lends out the answer of the call named `key`, if that is the one in hand.
    pub(super) fn with_answer(&mut self, key: CallKey, with: impl FnOnce(&mut Self, &mut Answer)) {
        // `with` gets the session and the answer apart, so the answer has to leave the session.
        match core::mem::replace(&mut self.state, State::Closed) {
            State::Call { key: current, mut answer } if current == key => {
                with(self, &mut answer);
                self.state = State::Call { key, answer };
            }
            other => self.state = other,
        }
    }

    pub(super) fn written(&mut self, now: Now, count: usize) {
        if count == 0 {
            return;
        }
        self.outbox.consume(count);
        self.last_write = now.instant;
        if matches!(self.state, State::Flush { .. }) && self.outbox.is_empty() {
            self.flushed(now);
        }
    }

    /// The response is out: on to the next request, or to the end.
    fn flushed(&mut self, now: Now) {
        if self.exchange.keep_alive && self.shutdown.is_none() && !self.is_half_closed {
            self.wait_for_request(now);
            if !self.inbox.is_empty() {
                self.advance_inbox(now);
            }
        } else if self.is_half_closed {
            self.close();
        } else {
            self.begin_drain(now);
        }
    }
}
