//! From lines to requests.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::framing::Line;
use super::{LineSession, Phase};
use crate::call::{Call, ResponseForm};
use crate::error::{Refusal, RpcError};
use crate::exchange::{
    BatchMember, Failure, Immediate, Invalid, Meaning, interpret, no_message, read_batch,
    write_error, write_immediate_message,
};
use crate::http::Head;
use crate::jsonrpc::{Id, Message};
use crate::method::McpMethod;
use crate::request::{ClientMessage, Request, RequestParts};
use crate::session::{Event, Output};

impl LineSession {
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        if self.is_open() && self.input_ended.is_none() {
            self.lines.push(bytes);
            self.advance();
        }
    }

    /// Takes lines until one has to be answered first, or more bytes are needed.
    pub(super) fn advance(&mut self) {
        let limit = self.config.body_limit();
        while self.is_open() && self.can_advance() {
            match self.lines.next(limit) {
                Some(Line::Text(line)) => self.take_line(line),
                Some(Line::TooLong { id }) => {
                    self.refuse_request(id.as_ref(), Refusal::LineTooLong { limit });
                }
                None if self.input_ended.is_some() && self.lines.len() > 0 => {
                    let rest = self.lines.take_rest();
                    self.take_rest(rest);
                }
                None => break,
            }
        }
        self.end_if_done();
    }

    /// Takes a last line without an end, if it is whole all the same.
    fn take_rest(&mut self, rest: Vec<u8>) {
        match serde_json::from_slice::<serde::de::IgnoredAny>(&rest) {
            Ok(_) => self.take_line(rest),
            Err(_) => self.lose_line(rest.len()),
        }
    }

    fn take_line(&mut self, line: Vec<u8>) {
        let received = line.len();
        let config = self.config.clone();
        let Some(endpoint) = config.endpoints.first() else {
            return self.refuse(Refusal::NoEndpoint);
        };
        let Ok(line) = String::from_utf8(line) else {
            return self.refuse(Refusal::NotUtf8);
        };
        let head = Head::none();
        if line.trim_ascii().is_empty() {
            return;
        }
        if line.trim_ascii_start().starts_with('[') {
            return match read_batch(&head, self.settled.as_ref(), &line, endpoint, &config) {
                Ok(members) => members.into_iter().for_each(|it| self.take_member(it, received)),
                Err(failure) => self.fail(failure),
            };
        }
        let (mut message, depth_limit) = (Message::default(), config.limits.json_depth);
        if let Err(malformed) = message.read(&line, depth_limit) {
            return self.fail(no_message(&line, malformed, depth_limit));
        }
        let mut request = Box::new(Request::unread(head, line));
        match interpret(&mut request, &message, self.settled.as_ref(), endpoint) {
            Ok(Meaning::Call) => self.begin(request, received),
            Ok(Meaning::Immediate(immediate)) => self.answer_immediate(&immediate),
            Ok(Meaning::Nothing) => {}
            Err(invalid) => self.fail(invalid.into()),
        }
    }

    /// Takes a message of a batch, which is answered like one that comes alone.
    fn take_member(&mut self, member: BatchMember, received: usize) {
        match member {
            BatchMember::Call(request) => self.begin(request, received),
            BatchMember::Immediate(immediate) => self.answer_immediate(&immediate),
            BatchMember::Failed { id, error } => self.write_error(id.as_ref(), &error),
            BatchMember::Accepted => {}
        }
    }

    fn begin(&mut self, request: Box<Request>, received: usize) {
        if let Some(ClientMessage::Cancelled { request: id }) = request.parts.message.as_deref()
            && (self.cancel(id) || request.parts.session.is_none())
        {
            return;
        }
        if let Some(id) = request.id() {
            let limit = self.config.limits.in_flight;
            let error = if self.phase == Phase::ShuttingDown {
                Some(RpcError::internal("internal error: the server is shutting down"))
            } else if request.method() == McpMethod::Initialize && self.settled.is_some() {
                Some(is_settled())
            } else {
                None
            };
            if let Some(error) = error {
                return self.write_error(Some(id), &error);
            }
            if self.requests() >= limit {
                return self.refuse_request(Some(id), Refusal::TooManyRequests { limit });
            }
        }
        self.begin_call(request, received);
    }

    /// Hands over a request of the client, or one that the connection makes for it.
    pub(super) fn begin_call(&mut self, request: Box<Request>, received: usize) {
        let call = self.new_call(request);
        self.call(call, received);
    }

    pub(super) fn new_call(&mut self, request: Box<Request>) -> Call {
        let form = ResponseForm {
            takes_json: true,
            takes_events: true,
            wants_events: false,
            is_batch: false,
        };
        Call { key: self.next_key(), endpoint: 0, request, form, ready: Vec::new() }
    }

    /// A request that the connection makes for its session, if it has one.
    pub(super) fn request_of_session(
        &self,
        method: McpMethod,
        message: Option<ClientMessage>,
    ) -> Option<Box<Request>> {
        let settled = self.settled?;
        let parts = RequestParts {
            is_of_session: true,
            session: Some(settled.session?),
            message: message.map(Box::new),
            ..RequestParts::new(settled.revision, method)
        };
        Some(Box::new(Request { head: Head::none(), body: String::new(), parts }))
    }

    /// Ends a request that is no session's. An id that several have stands for none of them.
    fn cancel(&mut self, id: &Id) -> bool {
        let mut named = self.open.iter().filter(|(_, open)| {
            !open.is_of_session && open.messages.id().is_some_and(|open| open == id)
        });
        let (Some((&key, _)), None) = (named.next(), named.next()) else {
            return false;
        };
        self.open.remove(&key);
        self.outputs.push(Output::Cancelled(key));
        true
    }

    fn answer_immediate(&mut self, immediate: &Immediate) {
        if let Immediate::Initialize { id, revision } = immediate {
            if self.settled.is_some() {
                return self.write_error(Some(id), &is_settled());
            }
            self.settle(None, *revision);
        }
        let config = self.config.clone();
        self.write_line(|out| {
            write_immediate_message(out, &config.endpoints[0], immediate);
        });
    }

    fn fail(&mut self, failure: Failure) {
        match failure {
            Failure::Refused { id, refusal } => self.refuse_request(id.as_ref(), refusal),
            Failure::Invalid(Invalid { id, error, .. }) => self.write_error(id.as_ref(), &error),
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.refuse_request(None, refusal);
    }

    fn refuse_request(&mut self, id: Option<&Id>, refusal: Refusal) {
        self.write_error(id, &RpcError::from(&refusal));
        self.outputs.push(Output::Event(Event::Refused { endpoint: Some(0), refusal }));
    }

    fn write_error(&mut self, id: Option<&Id>, error: &RpcError) {
        self.write_line(|out| write_error(out, id, error));
    }
}

fn is_settled() -> RpcError {
    RpcError::invalid_request("invalid request: this connection is initialized already")
}
