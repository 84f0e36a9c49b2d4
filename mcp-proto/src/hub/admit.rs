//! How calls get into their sessions, and how sessions begin and end.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem::take;

use super::names::{ReaderKey, SessionCallKey, SessionId};
use super::session::{Session, SessionCall, SessionClient};
use super::streams::{Reader, Stream, StreamStart};
use super::{Hub, News};
use crate::call::{Call, CallKey, Reply};
use crate::endpoint::Endpoint;
use crate::error::{Refusal, RpcError};
use crate::exchange::{Messages, write_done, write_error};
use crate::logging::LogLevel;
use crate::method::McpMethod;
use crate::request::{ClientMessage, Request};
use crate::revision::Revision;
use crate::subscription::{Change, SubscriptionFilter};
use crate::time::Instant;

/// Who makes a call.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "made by drivers")]
pub struct Caller<'a> {
    /// Whom the caller was found to be, if anybody in particular. A session is for whoever opened
    /// it alone.
    pub principal: Option<&'a str>,
    /// Whether the resource that it is about is not for them to see. They may subscribe to it like
    /// to one that is not there, and hear nothing.
    pub is_hidden: bool,
}

/// What is to be done with a call of a session.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver must handle them all")]
pub enum Admission {
    /// Give this reply. The hub has done what there was to do.
    Reply(CallKey, Reply),
    /// A client begins. If the application has nothing against it, give the reply that
    /// [`Hub::open_session`] makes.
    Initialize(Call),
    /// The client listens, or is answered on a stream: hand `start` to its session with
    /// [`Input::Admit`](crate::Input::Admit), and then what [`Hub::next_event`] has for `reader`.
    Stream {
        /// The call that has become a stream.
        call: CallKey,
        /// Who reads for it.
        reader: ReaderKey,
        /// For its session.
        start: StreamStart,
        /// What has been answered there already, for whoever takes note of it.
        answered: Option<Reply>,
    },
    /// Work for the application. Hand `start` to its session, and then what [`Hub::next_event`]
    /// has for `reader`.
    Call {
        /// The call, with what its session knows of the client.
        call: Call,
        /// What it is called in the hub.
        key: SessionCallKey,
        /// Who reads the stream that answers it. The calls of a batch have the same.
        reader: ReaderKey,
        /// For its session.
        start: StreamStart,
    },
}

impl Hub {
    /// Lets a call into its session, or answers it. `reader` is that of the calls of its batch that
    /// came before it.
    pub fn admit(
        &mut self,
        now: Instant,
        mut call: Call,
        reader: Option<ReaderKey>,
        caller: Caller<'_>,
    ) -> Admission {
        self.handle_timeout(now);
        let key = call.key;
        let refused = |refusal| Admission::Reply(key, Reply::Refused(refusal));
        let method = call.request.method();
        let id = match call.request.session() {
            None if method == McpMethod::Initialize => return Admission::Initialize(call),
            None => return refused(Refusal::MissingSessionId),
            Some(id) => match id.filter(|id| self.is_of(*id, caller)) {
                None => return refused(Refusal::UnknownSession),
                Some(id) => id,
            },
        };
        let admission = match method {
            McpMethod::Initialize => refused(Refusal::SessionExists),
            McpMethod::EndSession => {
                self.end_session(id);
                Admission::Reply(key, Reply::Done)
            }
            McpMethod::OpenStream => {
                let opened = match call.request.head().last_event_id() {
                    Some(last_seen) => self.resume_stream(id, last_seen),
                    None => self.open_stream(id, call.form).ok_or(Refusal::UnknownSession),
                };
                match opened {
                    Ok((reader, start)) => {
                        Admission::Stream { call: key, reader, start, answered: None }
                    }
                    Err(refusal) => refused(refusal),
                }
            }
            _ if call.form.is_batch && !self.has_batches(id) => refused(Refusal::UnknownBatch),
            McpMethod::Ping
            | McpMethod::SetLogLevel
            | McpMethod::Subscribe
            | McpMethod::Unsubscribe
            | McpMethod::ClientMessage
            | McpMethod::Invalid => {
                let reply = self.serve(now, id, &mut call.request, caller);
                self.answer_member(now, id, call, reader, reply)
            }
            _ if self.has_all_calls(id) => {
                let refusal = Refusal::TooManyRequests { limit: self.limits.calls };
                // What others in its batch have done by now cannot be taken back.
                match call.form.is_batch {
                    true => {
                        let reply = Reply::Error(RpcError::from(&refusal));
                        self.answer_member(now, id, call, reader, reply)
                    }
                    false => refused(refusal),
                }
            }
            _ => self.begin_call(now, id, call, reader),
        };
        self.settle(now, id);
        admission
    }

    /// Opens a session for a client that has sent `initialize`, by the name of `id`, which nobody
    /// can guess. Returns what to answer.
    pub fn open_session(
        &mut self,
        now: Instant,
        id: SessionId,
        request: &Request,
        endpoint: &Endpoint,
        principal: Option<&str>,
    ) -> Reply {
        let info = request.client_info().unwrap_or_default();
        let capabilities = request.client_capabilities().unwrap_or_default();
        let limit = self.limits.client_bytes;
        if info.len() + capabilities.len() > limit {
            return Reply::Error(RpcError::invalid_params(format!(
                "invalid params: `clientInfo` and `capabilities` have more than {limit} bytes"
            )));
        }
        while self.sessions.len() >= self.limits.sessions {
            let Some(&(_, longest_idle)) = self.idle.first() else {
                return Reply::Refused(Refusal::TooManySessions { limit: self.limits.sessions });
            };
            self.end_session(longest_idle);
        }
        if self.sessions.contains_key(&id) {
            return Reply::Error(RpcError::internal("internal error: no id for the session"));
        }
        let everything = SubscriptionFilter {
            tools_list_changed: true,
            prompts_list_changed: true,
            resources_list_changed: true,
            ..SubscriptionFilter::default()
        };
        let offered = endpoint.info().capabilities.offered_of(everything);
        let subscription = match self.session_subscriptions.subscribe(&offered) {
            Ok(subscription) => subscription,
            Err(error) => return Reply::Error(error.into()),
        };
        self.by_subscription.insert(subscription, id);
        let session = Session {
            number: self.next_key(),
            client: Arc::new(SessionClient {
                revision: request.revision(),
                info: request.client_info().map(Into::into),
                capabilities: request.client_capabilities().map(Into::into),
            }),
            principal: principal.map(Into::into),
            // Until it says which, the choice is ours (2025-11-25, server/utilities/logging).
            log_level: endpoint.info().capabilities.logging.as_ref().map(|_| LogLevel::Info),
            is_initialized: false,
            is_by_line: request.head().is_none(),
            can_answer: true,
            subscription,
            hidden: BTreeSet::new(),
            streams: BTreeMap::new(),
            left: Vec::new(),
            last_stream: 0,
            calls: Vec::new(),
            ids: BTreeSet::new(),
            questions: Vec::new(),
            last_question: 0,
            idle_since: None,
        };
        self.sessions.insert(id, session);
        self.settle(now, id);
        Reply::Initialized(Some(id))
    }

    /// Ends a session with all that belongs to it. Does nothing if there is none.
    pub fn end_session(&mut self, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else {
            return;
        };
        self.session_subscriptions.unsubscribe(session.subscription);
        self.by_subscription.remove(&session.subscription);
        if let Some(since) = session.idle_since {
            self.idle.remove(&(since, id));
        }
        for call in &session.calls {
            self.calls.remove(call);
            self.news.insert(News::Call(*call));
        }
        for (at, stream) in &session.streams {
            self.log.forget_stream(session.stream_key(*at));
            if let Some(since) = stream.left_since {
                self.left.remove(&(since, id, *at));
            }
            if let Some(reader) = &stream.reader {
                self.readers.remove(&reader.key);
                self.news.insert(News::Reader(reader.key));
            }
        }
    }

    fn is_of(&self, id: SessionId, caller: Caller<'_>) -> bool {
        let session = self.sessions.get(&id);
        session.is_some_and(|session| session.principal.as_deref() == caller.principal)
    }

    /// Whether a session has as many calls as it may have.
    fn has_all_calls(&self, id: SessionId) -> bool {
        self.sessions.get(&id).is_some_and(|session| session.calls.len() >= self.limits.calls)
    }

    fn has_batches(&self, id: SessionId) -> bool {
        let session = self.sessions.get(&id);
        session.is_some_and(|session| session.client.revision == Revision::V2025_03_26)
    }

    /// Takes note of whether a session is idle.
    pub(super) fn settle(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let idle_since = session.is_idle().then_some(now);
        if let Some(since) = core::mem::replace(&mut session.idle_since, idle_since) {
            self.idle.remove(&(since, id));
        }
        self.idle.extend(idle_since.map(|since| (since, id)));
    }

    /// Serves what needs no application.
    fn serve(
        &mut self,
        now: Instant,
        id: SessionId,
        request: &mut Request,
        caller: Caller<'_>,
    ) -> Reply {
        let Some(session) = self.sessions.get_mut(&id) else {
            return Reply::Refused(Refusal::UnknownSession);
        };
        match request.method() {
            McpMethod::SetLogLevel => {
                session.log_level = request.log_level();
                for call in &session.calls {
                    if let Some(call) = self.calls.get_mut(call) {
                        call.messages.set_log_level(session.log_level);
                    }
                }
            }
            McpMethod::Subscribe => {
                let change = Change::resource(request.name());
                if let Err(error) = self.session_subscriptions.add(session.subscription, &change) {
                    return Reply::Error(error.into());
                }
                match caller.is_hidden {
                    true => drop(session.hidden.insert(change)),
                    false => drop(session.hidden.remove(&change)),
                }
            }
            McpMethod::Unsubscribe => {
                let change = Change::resource(request.name());
                self.session_subscriptions.remove(session.subscription, &change);
                session.hidden.remove(&change);
            }
            McpMethod::ClientMessage | McpMethod::Invalid => {
                match request.parts.message.take().map(|message| *message) {
                    Some(ClientMessage::Initialized) => {
                        session.is_initialized = true;
                        self.news.extend(session.open_readers().map(News::Reader));
                        self.ask_held(now, id);
                    }
                    Some(ClientMessage::Cancelled { request }) => self.cancel(now, id, &request),
                    Some(ClientMessage::Progress { token }) => {
                        self.extend_question(now, id, &token)
                    }
                    Some(ClientMessage::Answer { id: question, answer }) => {
                        self.answer(id, &question, answer);
                    }
                    Some(ClientMessage::InputEnded) => self.give_up_questions(now, id),
                    Some(ClientMessage::Invalid(error)) => return Reply::Error(error),
                    Some(ClientMessage::Other) | None => {}
                }
            }
            _ => {}
        }
        Reply::Done
    }

    /// Answers a message that needs no work, and may be one of a batch.
    fn answer_member(
        &mut self,
        now: Instant,
        id: SessionId,
        call: Call,
        reader: Option<ReaderKey>,
        reply: Reply,
    ) -> Admission {
        if call.form.is_batch && call.form.takes_events && call.request.id().is_some() {
            self.reply_in_stream(now, id, call, reader, reply)
        } else {
            Admission::Reply(call.key(), reply)
        }
    }

    /// Answers a message of a batch on the stream that the others are answered on.
    fn reply_in_stream(
        &mut self,
        now: Instant,
        id: SessionId,
        call: Call,
        reader: Option<ReaderKey>,
        reply: Reply,
    ) -> Admission {
        let mut message = Vec::new();
        if let Some(request) = call.request.id() {
            match &reply {
                Reply::Error(error) => write_error(&mut message, Some(request), error),
                _ => write_done(&mut message, request),
            }
        }
        match self.begin_call(now, id, call, reader) {
            Admission::Call { call, key, reader, start } => {
                if let Some(served) = self.calls.remove(&key) {
                    self.push(now, id, served.stream, message);
                    self.end_call(now, key, &served);
                }
                Admission::Stream { call: call.key, reader, start, answered: Some(reply) }
            }
            other => other,
        }
    }

    fn begin_call(
        &mut self,
        now: Instant,
        id: SessionId,
        mut call: Call,
        reader: Option<ReaderKey>,
    ) -> Admission {
        let known = reader.and_then(|reader| self.readers.get(&reader).copied());
        let known = known.filter(|(session, _)| call.form.is_batch && *session == id);
        let key = SessionCallKey(self.next_key());
        let new_reader = ReaderKey(self.next_key());
        let Some(session) = self.sessions.get_mut(&id) else {
            return Admission::Reply(call.key, Reply::Refused(Refusal::UnknownSession));
        };
        let (reader, at) = match (reader, known) {
            (Some(reader), Some((_, at))) => (reader, at),
            _ => {
                session.last_stream += 1;
                let at = session.last_stream;
                let mut stream = Stream::new(false, call.form);
                let queue = VecDeque::new();
                stream.reader = Some(Reader { key: new_reader, queue, ends: false });
                session.streams.insert(at, stream);
                self.readers.insert(new_reader, (id, at));
                (new_reader, at)
            }
        };
        if let Some(stream) = session.streams.get_mut(&at) {
            stream.calls.push(key);
            // Those before it in the batch may be done.
            if let Some(reader) = &mut stream.reader {
                reader.ends = false;
            }
        }
        session.calls.push(key);
        session.ids.extend(call.request.id().map(|id| (id.clone(), key)));
        call.request.parts.revision = session.client.revision;
        call.request.parts.client = Some(session.client.clone());
        call.request.parts.log_level = session.log_level;
        let start = session.start_of(at, self.deadlines.retry);
        self.calls.insert(
            key,
            SessionCall {
                session: id,
                stream: at,
                messages: Messages::new(&call.request),
                waits: false,
                questions: Vec::new(),
                answers: VecDeque::new(),
            },
        );
        for message in take(&mut call.ready) {
            self.push(now, id, at, message);
        }
        Admission::Call { call, key, reader, start }
    }
}
