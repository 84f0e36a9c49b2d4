//! From bytes to requests.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::awake::{Awake, Exchange, State};
use super::{Output, PeerClosed};
use crate::authorization::{Authorization, AuthorizationKey, Principal};
use crate::call::{Call, CallKey, ResponseForm};
use crate::endpoint::ResponseMode;
use crate::error::{Denial, Refusal};
use crate::exchange::{
    Answer, BatchMember, Incoming, Outcome, Received, admit, write_error, write_immediate_message,
};
use crate::http::{BodyDecoder, Framing, HeadScan, Method, Progress, ResponseWriter};
use crate::media::Accepts;
use crate::request::Request;
use crate::time::Now;

impl Awake<'_> {
    pub(super) fn receive(&mut self, now: Now, bytes: &[u8]) {
        if *self.is_half_closed {
            return;
        }
        if let State::Drain { .. } = self.room.state {
            return self.discard(bytes.len());
        }
        if self.room.inbox.is_empty() {
            // Mostly a whole request, which is then looked at where it is.
            let mut rest = bytes;
            self.advance(now, &mut rest);
            if !self.room.is_closed() {
                self.room.inbox.push(rest);
            }
        } else {
            self.room.inbox.push(bytes);
            self.advance_inbox(now);
        }
    }

    /// Goes on with bytes that had to wait.
    pub(super) fn advance_inbox(&mut self, now: Now) {
        let inbox = core::mem::take(&mut self.room.inbox);
        let mut rest = inbox.as_slice();
        self.advance(now, &mut rest);
        let used = inbox.len() - rest.len();
        if !self.room.is_closed() {
            self.room.inbox = inbox;
            self.room.inbox.consume(used);
        }
    }

    /// Takes requests from the front of `input` until one has to be answered first, or more
    /// bytes are needed.
    fn advance(&mut self, now: Now, input: &mut &[u8]) {
        loop {
            let before = input.len();
            match self.room.state {
                State::Head { .. } => self.advance_head(now, input),
                State::Body { .. } => self.advance_body(now, input),
                _ => return,
            }
            if input.is_empty() || input.len() == before {
                return;
            }
        }
    }

    fn advance_head(&mut self, now: Now, input: &mut &[u8]) {
        let limit = self.config.head_limit();
        let State::Head { scan, since } = &mut self.room.state else {
            return;
        };
        if scan.is_at_start() {
            // RFC 9112 section 2.2: skip empty lines before a request.
            while let Some(rest) = input.strip_prefix(b"\r\n") {
                *input = rest;
            }
            if input.is_empty() || *input == b"\r" {
                return;
            }
            // Only now is there a request that can be slow.
            *since = now.instant;
            // Mostly a head has come whole and well-formed, and is read in one pass.
            let window = &input[..input.len().min(limit)];
            if let Ok(request) = Request::with_head(window, &self.config.limits) {
                *input = &input[request.head.len()..];
                return self.begin_request(now, request, input);
            }
        }
        match scan.advance(input, limit) {
            Ok(None) => {}
            Ok(Some(length)) => {
                let (raw, rest) = input.split_at(length);
                *input = rest;
                match Request::with_head(raw, &self.config.limits) {
                    Ok(request) => self.begin_request(now, request, input),
                    Err(refusal) => self.refuse_head(now, raw, refusal),
                }
            }
            Err(refusal) => self.refuse_head(now, input, refusal),
        }
    }

    fn begin_request(&mut self, now: Now, request: Box<Request>, input: &mut &[u8]) {
        let head = &request.head;
        let framing = head.framing();
        self.room.out.exchange = Exchange {
            endpoint: None,
            received: 0,
            announced: match framing {
                Framing::Empty => Some(0),
                Framing::Length(length) => Some(length),
                Framing::Chunked => None,
            },
            is_http11: head.is_http11(),
            keep_alive: head.keep_alive() && self.shutdown.is_none(),
            omit_body: head.method() == Method::Head,
            cors_origin: None,
        };
        let received = match admit(self.config, head) {
            Ok(admitted) => {
                self.room.out.exchange.endpoint = Some(admitted.found.endpoint());
                let received = Received::new(self.config, request, &admitted);
                self.room.out.exchange.cors_origin = admitted.cors_origin;
                received
            }
            Err((endpoint, refusal)) => {
                self.room.out.exchange.endpoint = endpoint;
                Err(refusal)
            }
        };
        match received {
            Ok(Received::Request(incoming)) => {
                let endpoint = &self.config.endpoints[incoming.endpoint()];
                if endpoint.requires_authorization && !incoming.is_preflight() {
                    return self.authorize(now, incoming);
                }
                self.begin_body(now, incoming, input);
            }
            Ok(Received::Metadata(endpoint)) => {
                self.leave_body(framing);
                self.answer_metadata(now, endpoint);
            }
            Ok(Received::Preflight(fields)) => {
                self.leave_body(framing);
                self.answer_preflight(now, &fields);
            }
            Err(refusal) => {
                self.leave_body(framing);
                self.refuse(now, refusal);
            }
        }
    }

    /// Asks whether a request may be let in.
    fn authorize(&mut self, now: Now, incoming: Incoming) {
        let key = AuthorizationKey(*self.next_key);
        *self.next_key += 1;
        self.room.outputs.push(Output::Authorize(Authorization {
            key,
            endpoint: incoming.endpoint(),
            head: Box::new(incoming.head().clone()),
        }));
        self.room.state = State::Authorize { key, incoming, since: now.instant };
    }

    /// Lets in the request that waits for that, or does not.
    pub(super) fn authorized(
        &mut self,
        now: Now,
        key: AuthorizationKey,
        result: Result<Principal, Denial>,
    ) {
        let state = core::mem::replace(&mut self.room.state, State::Closed);
        let mut incoming = match state {
            State::Authorize { key: waiting, incoming, .. } if waiting == key => incoming,
            state => {
                self.room.state = state;
                return;
            }
        };
        match result {
            Ok(principal) => {
                incoming.let_in(principal);
                let inbox = core::mem::take(&mut self.room.inbox);
                let mut rest = inbox.as_slice();
                self.begin_body(now, incoming, &mut rest);
                let used = inbox.len() - rest.len();
                self.room.inbox = inbox;
                self.room.inbox.consume(used);
            }
            Err(denial) => {
                self.leave_body(incoming.head().framing());
                self.refuse(now, Refusal::Denied(Box::new(denial)));
            }
        }
        self.end_authorization();
    }

    /// Goes on with the FIN of a peer that was waiting to be let in: only now is it known whether
    /// its request is complete.
    pub(super) fn end_authorization(&mut self) {
        if *self.is_half_closed {
            self.peer_closed(PeerClosed::Fin);
        }
    }

    /// A body that nobody will read still has to pass before the next request could.
    pub(super) fn leave_body(&mut self, framing: Framing) {
        self.room.out.exchange.keep_alive &= framing == Framing::Empty;
    }

    fn begin_body(&mut self, now: Now, mut incoming: Incoming, input: &mut &[u8]) {
        let framing = incoming.head().framing();
        if framing == Framing::Empty {
            return self.finish_request(now, incoming);
        }
        if incoming.head().expects_continue() {
            self.room.out.write(now, |writer| ResponseWriter::write_continue(writer.out));
        }
        incoming.reserve();
        let mut decoder = BodyDecoder::new(framing, &self.config.limits);
        match self.read_body(&mut incoming, &mut decoder, input) {
            // Mostly it has come with the head, and nothing has to be kept.
            Ok(true) => self.finish_request(now, incoming),
            Ok(false) => {
                self.room.state = State::Body { incoming, decoder, since: now.instant };
            }
            Err(refusal) => self.refuse_and_close(now, refusal),
        }
    }

    fn advance_body(&mut self, now: Now, input: &mut &[u8]) {
        let state = core::mem::replace(&mut self.room.state, State::Closed);
        let State::Body { mut incoming, mut decoder, since } = state else {
            self.room.state = state;
            return;
        };
        match self.read_body(&mut incoming, &mut decoder, input) {
            Ok(true) => self.finish_request(now, incoming),
            Ok(false) => self.room.state = State::Body { incoming, decoder, since },
            Err(refusal) => self.refuse_and_close(now, refusal),
        }
    }

    /// Moves what is there of a body to where it belongs. Returns whether that is all of it.
    fn read_body(
        &mut self,
        incoming: &mut Incoming,
        decoder: &mut BodyDecoder,
        input: &mut &[u8],
    ) -> Result<bool, Refusal> {
        let limit = self.config.body_limit();
        loop {
            match decoder.next(input, incoming.room(limit), limit)? {
                Progress::Data(piece) => {
                    self.room.out.exchange.received += piece.len() as u64;
                    incoming.push(piece);
                }
                Progress::NeedMore => return Ok(false),
                Progress::End => return Ok(true),
            }
        }
    }

    fn finish_request(&mut self, now: Now, incoming: Incoming) {
        let endpoint = incoming.endpoint();
        match incoming.finish(self.config) {
            Ok(Outcome::Call(request, accepts)) => {
                let call = self.call(endpoint, request, self.form(endpoint, accepts, false));
                let answer = Answer::new(&call, now.instant);
                self.room.outputs.push(Output::Call(call));
                self.room.state = State::Call { answer };
                if self.shutdown.is_some() {
                    self.end_endless(now);
                }
            }
            Ok(Outcome::Batch(members, accepts)) => {
                self.begin_batch(now, endpoint, members, accepts);
            }
            Ok(Outcome::Preflight(fields)) => self.answer_preflight(now, &fields),
            Ok(Outcome::Immediate(immediate)) => self.answer_immediate(now, endpoint, &immediate),
            Ok(Outcome::Accepted) => self.answer_accepted(now),
            Err(failure) => self.answer_failure(now, failure),
        }
    }

    fn begin_batch(
        &mut self,
        now: Now,
        endpoint: usize,
        members: Vec<BatchMember>,
        accepts: Accepts,
    ) {
        let form = self.form(endpoint, accepts, true);
        let (mut calls, mut ready) = (Vec::new(), Vec::new());
        for member in members {
            let mut message = Vec::new();
            match member {
                BatchMember::Call(request) => calls.push(self.call(endpoint, request, form)),
                BatchMember::Immediate(immediate) => {
                    let endpoint = &self.config.endpoints[endpoint];
                    write_immediate_message(&mut message, endpoint, &immediate);
                }
                BatchMember::Failed { id, error } => {
                    write_error(&mut message, id.as_ref(), &error);
                }
                BatchMember::Accepted => {}
            }
            if !message.is_empty() {
                ready.push(message);
            }
        }
        let mut requests = calls.iter_mut().filter(|call| call.request.id().is_some());
        if let Some(first) = requests.next().filter(|call| call.request.is_of_session())
            && form.takes_events
        {
            first.ready = core::mem::take(&mut ready);
        }
        let mut answer = Answer::batch(&calls, ready, form, now.instant);
        if answer.is_done() {
            self.begin_flush(false);
            return self.room.out.write(now, |writer| answer.finish_batch(writer, now.instant));
        }
        self.room.outputs.extend(calls.into_iter().map(Output::Call));
        self.room.state = State::Call { answer };
    }

    fn call(&mut self, endpoint: usize, request: Box<Request>, form: ResponseForm) -> Call {
        let key = CallKey(*self.next_key);
        *self.next_key += 1;
        Call { key, endpoint, request, form, ready: Vec::new() }
    }

    fn form(&self, endpoint: usize, accepts: Accepts, is_batch: bool) -> ResponseForm {
        let mode = self.config.endpoints[endpoint].response_mode;
        ResponseForm {
            takes_json: accepts.json,
            takes_events: accepts.event_stream,
            wants_events: mode == ResponseMode::EventStream,
            is_batch,
        }
    }

    /// Refuses a head, of which `raw` is there.
    pub(super) fn refuse_head(&mut self, now: Now, raw: &[u8], refusal: Refusal) {
        // A HEAD is answered without a body even if nothing else of it could be read.
        let omit_body = raw.starts_with(b"HEAD ");
        self.room.out.exchange = Exchange { omit_body, ..Exchange::default() };
        self.refuse(now, refusal);
    }

    /// Refuses a request in whose body something is wrong, and behind which no other could be
    /// found.
    pub(super) fn refuse_and_close(&mut self, now: Now, refusal: Refusal) {
        self.room.out.exchange.keep_alive = false;
        self.refuse(now, refusal);
    }

    /// Waits for the next request.
    pub(super) fn wait_for_request(&mut self, now: Now) {
        self.room.state = State::Head { scan: HeadScan::default(), since: now.instant };
    }
}
