//! From replies to bytes, and on to the next request.

use super::awake::{Awake, KEPT_BUFFER, State};
use super::{Event, Output};
use crate::call::{CallKey, Notification, Reply};
use crate::endpoint::Endpoint;
use crate::error::{Refusal, RpcError};
use crate::exchange::{
    Answer, Failure, Immediate, write_accepted, write_immediate, write_invalid, write_metadata,
    write_preflight, write_refusal,
};
use crate::http::ResponseWriter;
use crate::hub::StreamStart;
use crate::jsonrpc::Id;
use crate::time::Now;

impl Awake<'_> {
    pub(super) fn reply(&mut self, now: Now, key: CallKey, reply: Reply) {
        match reply {
            Reply::Refused(refusal) if !self.is_streaming() => {
                self.refuse_calls(now, key, refusal);
            }
            // In a batch, the others have answers of their own.
            Reply::Error(RpcError { denial: Some(denial), .. })
                if !self.is_streaming() && !self.is_batch() =>
            {
                self.refuse_calls(now, key, Refusal::Denied(denial));
            }
            mut reply => self.with_answer(now, key, |answer, writer, endpoint| {
                answer.reply(writer, now.instant, endpoint, key, &mut reply);
            }),
        }
    }

    /// Whether the response in hand has become an event stream, which cannot take its status back.
    fn is_streaming(&self) -> bool {
        matches!(&self.room.state, State::Call { answer } if answer.is_streaming())
    }

    fn is_batch(&self) -> bool {
        matches!(&self.room.state, State::Call { answer } if answer.is_batch())
    }

    /// Refuses a call that has come out already, and with it the others of its batch.
    fn refuse_calls(&mut self, now: Now, key: CallKey, refusal: Refusal) {
        let State::Call { answer } = &self.room.state else {
            return;
        };
        let Some((_, messages)) = answer.open().find(|(open, _)| *open == key) else {
            return;
        };
        let id = messages.id().cloned();
        let others = answer.open().map(|(open, _)| open).filter(|open| *open != key);
        self.room.outputs.extend(others.map(Output::Cancelled));
        self.refuse_with_id(now, id.as_ref(), refusal);
    }

    pub(super) fn notify(&mut self, now: Now, key: CallKey, notification: &Notification) {
        self.with_answer(now, key, |answer, writer, _| {
            answer.notify(writer, now.instant, key, notification);
        });
    }

    pub(super) fn admit(&mut self, now: Now, key: CallKey, start: StreamStart) {
        self.with_answer(now, key, |answer, writer, _| {
            answer.admit(writer, now.instant, key, start);
        });
    }

    pub(super) fn answer_immediate(&mut self, now: Now, endpoint: usize, immediate: &Immediate) {
        self.begin_flush(false);
        let endpoint = &self.config.endpoints[endpoint];
        self.room.out.write(now, |writer| write_immediate(writer, endpoint, immediate));
    }

    pub(super) fn answer_metadata(&mut self, now: Now, endpoint: usize) {
        self.begin_flush(false);
        if let Some(resource) = &self.config.endpoints[endpoint].protected_resource {
            self.room.out.write(now, |writer| write_metadata(writer, resource));
        }
    }

    pub(super) fn answer_accepted(&mut self, now: Now) {
        self.begin_flush(false);
        self.room.out.write(now, write_accepted);
    }

    pub(super) fn answer_preflight(&mut self, now: Now, fields: &str) {
        self.begin_flush(false);
        self.room.out.write(now, |writer| write_preflight(writer, fields));
    }

    pub(super) fn answer_failure(&mut self, now: Now, failure: Failure) {
        match failure {
            Failure::Refused { id, refusal } => self.refuse_with_id(now, id.as_ref(), refusal),
            Failure::Invalid(invalid) => {
                // It was answered, if with an error: to lose that is to lose a request.
                self.begin_flush(false);
                self.room.out.write(now, |writer| write_invalid(writer, &invalid));
            }
        }
    }

    pub(super) fn refuse(&mut self, now: Now, refusal: Refusal) {
        self.refuse_with_id(now, None, refusal);
    }

    fn refuse_with_id(&mut self, now: Now, id: Option<&Id>, refusal: Refusal) {
        self.begin_flush(true);
        let endpoint = self.room.out.exchange.endpoint.and_then(|at| self.config.endpoints.get(at));
        self.room.out.write(now, |writer| write_refusal(writer, endpoint, id, &refusal));
        self.room.outputs.push(Output::Event(Event::Refused {
            endpoint: self.room.out.exchange.endpoint,
            refusal,
        }));
    }

    pub(super) fn begin_flush(&mut self, is_refusal: bool) {
        self.room.state = State::Flush { is_refusal };
    }

    /// Goes on with the response in hand, if it answers the call named `key`. If it is complete
    /// after that, it only has to be written.
    pub(super) fn with_answer(
        &mut self,
        now: Now,
        key: CallKey,
        with: impl FnOnce(&mut Answer, &mut ResponseWriter<'_>, &Endpoint),
    ) {
        let endpoint = self.room.out.exchange.endpoint.and_then(|at| self.config.endpoints.get(at));
        let (State::Call { answer }, Some(endpoint)) = (&mut self.room.state, endpoint) else {
            return;
        };
        if !answer.has(key) {
            return;
        }
        let was_streaming = answer.is_streaming_session();
        self.room.out.write(now, |writer| with(answer, writer, endpoint));
        if answer.is_done() {
            self.begin_flush(false);
            // A stream that ends with the connection may have nothing left to say.
            if self.room.out.queue.is_empty() {
                self.flushed(now);
            }
        } else if !was_streaming && answer.is_streaming_session() {
            self.room.outputs.push(Output::StreamBegun(key));
        }
    }

    pub(super) fn written(&mut self, now: Now, count: usize) {
        if count == 0 {
            return;
        }
        let is_flushing = matches!(self.room.state, State::Flush { .. });
        // In the middle of a response, it may be long until there is more to say.
        self.room.out.queue.consume_keeping(count, if is_flushing { KEPT_BUFFER } else { 0 });
        self.room.out.last_write = now.instant;
        if is_flushing && self.room.out.queue.is_empty() {
            self.flushed(now);
        }
    }

    /// The response is out: on to the next request, or to the end.
    fn flushed(&mut self, now: Now) {
        if self.room.out.exchange.keep_alive && self.shutdown.is_none() && !*self.is_half_closed {
            self.wait_for_request(now);
            if !self.room.inbox.is_empty() {
                self.advance_inbox(now);
            }
        } else if *self.is_half_closed {
            self.close();
        } else {
            self.begin_drain(now);
        }
    }
}
