//! What becomes of the calls of sessions: notifications, questions to the client, and the reply.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde_json::value::RawValue;

use super::names::{QuestionKey, SessionCallKey, SessionId};
use super::session::{Question, SessionCall};
use super::streams::Stream;
use super::{Hub, News};
use crate::call::{Notification, Reply};
use crate::endpoint::Endpoint;
use crate::error::RpcError;
use crate::exchange::{write_cancelled, write_question};
use crate::input::{InputRequest, NotInRevision};
use crate::jsonrpc::Id;
use crate::time::Instant;

/// How much longer than [`HubDeadlines::answer`](crate::HubDeadlines::answer) a client that reports
/// progress may take.
const MOST_EXTENSION: u32 = 10;

/// Something that the client of a session is asked for.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the specification knows these")]
pub enum ServerRequest<'a> {
    /// Input for the call.
    Input(&'a InputRequest),
    /// Whether it is there.
    Ping,
}

/// Why a client was not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are no other reasons")]
pub enum AskRefused {
    /// There is no way to it: it wants a response without events, or has left and cannot come back.
    Unreachable,
    /// Its revision does not know such a question.
    NotInRevision(NotInRevision),
}

impl fmt::Display for AskRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str(
                "the client cannot be asked: it takes no event stream, or has left before one began",
            ),
            Self::NotInRevision(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for AskRefused {}

/// Why a question that was asked has no answer.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "there are no other reasons")]
pub enum QuestionFailure {
    /// The client has answered with an error.
    Refused(RpcError),
    /// The client has not answered within [`HubDeadlines::answer`](crate::HubDeadlines::answer).
    TimedOut,
    /// The client has closed its end without an answer.
    Left,
}

impl Hub {
    /// Whether a call is still to be served. If not, its client has cancelled it, or its session has
    /// ended: stop the work.
    #[must_use]
    pub fn is_open(&self, key: SessionCallKey) -> bool {
        self.calls.contains_key(&key)
    }

    /// Whether the client keeps up with what the call says, or is not there to be waited for. While
    /// it does not, a handler that reports progress should be made to wait; [`Hub::poll_news`] names
    /// the call when it does.
    #[must_use]
    pub fn can_notify(&mut self, key: SessionCallKey) -> bool {
        let stream = self.calls.get(&key).and_then(|call| self.stream_of(call));
        let reader = stream.and_then(|stream| stream.reader.as_ref());
        let keeps_up = reader.is_none_or(|reader| reader.queue.is_empty());
        if let Some(call) = self.calls.get_mut(&key) {
            call.waits = !keeps_up;
        }
        keeps_up
    }

    /// Tells the client something about a call, if it wants to hear it.
    pub fn notify(&mut self, now: Instant, key: SessionCallKey, notification: &Notification) {
        let Some(call) = self.calls.get_mut(&key) else {
            return;
        };
        if call.messages.let_through(notification) {
            let mut message = Vec::new();
            call.messages.write(&mut message, notification);
            let (session, stream) = (call.session, call.stream);
            self.push(now, session, stream, message);
        }
    }

    /// Asks the client something on behalf of a call. The answer comes by [`Hub::take_answer`]. What is no
    /// ping is held back until the client has said that it is initialized.
    ///
    /// Whether the client has declared that it can be asked this is not checked.
    ///
    /// # Errors
    ///
    /// If the client cannot be asked.
    pub fn ask(
        &mut self,
        now: Instant,
        key: SessionCallKey,
        request: ServerRequest<'_>,
    ) -> Result<QuestionKey, AskRefused> {
        let call = self.calls.get_mut(&key).ok_or(AskRefused::Unreachable)?;
        let session = self.sessions.get_mut(&call.session).ok_or(AskRefused::Unreachable)?;
        let stream = session.streams.get(&call.stream);
        let is_reachable = stream.is_some_and(|stream| {
            stream.form.takes_events && (stream.reader.is_some() || stream.is_begun)
        });
        if !is_reachable || !session.can_answer {
            return Err(AskRefused::Unreachable);
        }
        // 2025-11-25, basic/lifecycle, "Initialization": before that, only pings go out.
        let is_ready = session.is_initialized || matches!(request, ServerRequest::Ping);
        let number = session.last_question + 1;
        // Elicitations by URL have ids that are unique in their server.
        let id = format!("{}-{number}", session.number);
        let (method, params) = match request {
            ServerRequest::Ping => ("ping", None),
            ServerRequest::Input(input) => {
                let params = input.params_json(session.client.revision, &id);
                let params = params.map_err(AskRefused::NotInRevision)?;
                (input.method(), params.and_then(|params| serde_json::to_string(&params).ok()))
            }
        };
        session.last_question = number;
        let question = QuestionKey(number);
        session.questions.push((question, key));
        let answer = self.deadlines.answer;
        let latest = now + answer.checked_mul(MOST_EXTENSION).unwrap_or(Duration::MAX);
        let (session, stream) = (call.session, call.stream);
        let mut message = Vec::new();
        write_question(&mut message, number, method, params.as_deref());
        let (event, held) = match is_ready {
            true => (self.push(now, session, stream, message), None),
            false => (None, Some(message)),
        };
        if let Some(call) = self.calls.get_mut(&key) {
            let deadline = now + answer;
            call.questions.push(Question { key: question, deadline, latest, event, held });
        }
        Ok(question)
    }

    /// Asks what had to wait until the client is ready.
    pub(super) fn ask_held(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        for (question, key) in session.questions.clone() {
            let Some((at, message)) = self.calls.get_mut(&key).and_then(|call| {
                let open = call.questions.iter_mut().find(|open| open.key == question)?;
                Some((call.stream, open.held.take()?))
            }) else {
                continue;
            };
            let event = self.push(now, id, at, message);
            let call = self.calls.get_mut(&key);
            let open =
                call.and_then(|call| call.questions.iter_mut().find(|open| open.key == question));
            if let Some(open) = open {
                open.event = event;
            }
        }
    }

    /// Takes back a question that nobody waits for any more, and tells the client so. Does nothing
    /// if it was answered.
    pub fn withdraw(&mut self, now: Instant, key: SessionCallKey, question: QuestionKey) {
        self.close_question(now, key, question, "the answer is not needed any more");
    }

    /// Takes the next answer to a question of a call, or one for which the time is over.
    #[must_use]
    pub fn take_answer(
        &mut self,
        now: Instant,
        key: SessionCallKey,
    ) -> Option<(QuestionKey, Result<Box<RawValue>, QuestionFailure>)> {
        let call = self.calls.get_mut(&key)?;
        if let Some(answer) = call.answers.pop_front() {
            return Some(answer);
        }
        let late = call.questions.iter().find(|question| question.deadline <= now)?.key;
        self.close_question(now, key, late, "there was no answer in time");
        Some((late, Err(QuestionFailure::TimedOut)))
    }

    /// When the time for the first question of a call is over, if it has any: then ask
    /// [`Hub::take_answer`].
    #[must_use]
    pub fn question_deadline(&self, key: SessionCallKey) -> Option<Instant> {
        let call = self.calls.get(&key)?;
        call.questions.iter().map(|question| question.deadline).min()
    }

    /// Ends the response that the client waits for, though not its stream: it is to come back for
    /// the rest (2025-11-25, basic/transports, "Sending Messages to the Server"). Does nothing where
    /// the client would not know how to.
    pub fn release(&mut self, key: SessionCallKey) {
        let Some(call) = self.calls.get(&key) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(&call.session) else {
            return;
        };
        if !session.client.revision.primes_streams() || session.is_by_line {
            return;
        }
        let stream = session.streams.get_mut(&call.stream);
        let stream = stream.filter(|stream| stream.form.takes_events && stream.reader.is_some());
        if let Some(stream) = stream {
            stream.is_begun = true;
            stream.is_streaming = true;
            self.news.extend(stream.end());
        }
    }

    /// Ends a call. A reply that needs no stream is returned, for the session that made the call;
    /// all others go to whoever reads the stream.
    #[must_use]
    pub fn reply(
        &mut self,
        now: Instant,
        key: SessionCallKey,
        endpoint: &Endpoint,
        mut reply: Reply,
    ) -> Option<Reply> {
        self.close_questions(now, key);
        let call = self.calls.remove(&key)?;
        self.news.remove(&News::Call(key));
        let (id, at) = (call.session, call.stream);
        let stream = self.stream_of(&call)?;
        let form = stream.form;
        let is_pinned = form.wants_events && !matches!(reply, Reply::Error(_) | Reply::Refused(_));
        let is_event = stream.is_streaming
            || (form.takes_events && (form.is_batch || is_pinned))
            || !(form.takes_json || call.messages.has_status(&reply));
        let is_read = stream.reader.is_some();
        let mut direct = None;
        if is_event {
            call.messages.fit(&mut reply);
            if !matches!(reply, Reply::NoResponse) {
                let mut message = Vec::new();
                call.messages.write_reply(&mut message, endpoint, &reply);
                self.push(now, id, at, message);
            }
        } else if is_read {
            direct = Some(reply);
        }
        self.end_call(now, key, &call);
        direct
    }

    /// The client wants a call to stop.
    pub(super) fn cancel(&mut self, now: Instant, id: SessionId, request: &Id) {
        let Some(key) = self.find_call(id, request) else {
            return;
        };
        self.close_questions(now, key);
        let Some(call) = self.calls.remove(&key) else {
            return;
        };
        self.news.insert(News::Call(key));
        self.end_call(now, key, &call);
        // It gets no response, so there is nothing to come back for, but those of others in its batch.
        let session = self.sessions.get_mut(&id);
        if let Some(stream) = session.and_then(|session| session.streams.get_mut(&call.stream))
            && stream.has_ended()
            && !stream.form.is_batch
        {
            stream.is_begun = false;
        }
        self.leave_stream(now, id, call.stream);
    }

    /// Takes a call out of its session and stream. If its stream carries nothing else, that ends.
    pub(super) fn end_call(&mut self, now: Instant, key: SessionCallKey, call: &SessionCall) {
        let (id, at) = (call.session, call.stream);
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.calls.retain(|open| *open != key);
        if let Some(id) = call.messages.id() {
            session.ids.remove(&(id.clone(), key));
        }
        if let Some(stream) = session.streams.get_mut(&at) {
            stream.calls.retain(|open| *open != key);
            if stream.has_ended() {
                self.news.extend(stream.end());
            }
        }
        self.leave_stream(now, id, at);
        self.settle(now, id);
    }

    /// The answer of the client to a question. One that nobody asked means nothing.
    pub(super) fn answer(
        &mut self,
        id: SessionId,
        question: &Id,
        answer: Result<Box<RawValue>, RpcError>,
    ) {
        let Some((question, key)) = self.find_question(id, question) else {
            return;
        };
        self.forget_question(key, question);
        if let Some(call) = self.calls.get_mut(&key) {
            call.answers.push_back((question, answer.map_err(QuestionFailure::Refused)));
            self.news.insert(News::Call(key));
        }
    }

    /// The client is at work on a question (2025-11-25, basic/lifecycle, "Timeouts").
    pub(super) fn extend_question(&mut self, now: Instant, id: SessionId, token: &Id) {
        let Some((question, key)) = self.find_question(id, token) else {
            return;
        };
        let call = self.calls.get_mut(&key);
        let open =
            call.and_then(|call| call.questions.iter_mut().find(|open| open.key == question));
        if let Some(open) = open {
            open.deadline = (now + self.deadlines.answer).min(open.latest);
        }
    }

    fn find_question(&self, id: SessionId, name: &Id) -> Option<(QuestionKey, SessionCallKey)> {
        let question = QuestionKey(u64::try_from(name.as_integer()?).ok()?);
        let questions = &self.sessions.get(&id)?.questions;
        let at = questions.binary_search_by_key(&question, |(open, _)| *open).ok()?;
        Some(questions[at])
    }

    /// Takes a question out of its call and session. Returns where its client is to hear of it, if it knows
    /// of the question.
    fn forget_question(
        &mut self,
        key: SessionCallKey,
        question: QuestionKey,
    ) -> Option<(SessionId, u32)> {
        let call = self.calls.get_mut(&key)?;
        let at = call.questions.binary_search_by_key(&question, |open| open.key).ok()?;
        let was_held = call.questions.remove(at).held.is_some();
        if let Some(session) = self.sessions.get_mut(&call.session) {
            let questions = &mut session.questions;
            if let Ok(at) = questions.binary_search_by_key(&question, |(open, _)| *open) {
                questions.remove(at);
            }
        }
        (!was_held).then_some((call.session, call.stream))
    }

    /// The call with that id. One that several calls have stands for none of them.
    fn find_call(&self, id: SessionId, request: &Id) -> Option<SessionCallKey> {
        let [first, last] = [0, u64::MAX].map(|key| (request.clone(), SessionCallKey(key)));
        let mut named = self.sessions.get(&id)?.ids.range(first..=last);
        let (_, key) = named.next()?;
        named.next().is_none().then_some(*key)
    }

    /// The client can answer no more questions.
    pub(super) fn give_up_questions(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.can_answer = false;
        for (question, key) in session.questions.clone() {
            self.close_question(now, key, question, "there can be no answer any more");
            if let Some(call) = self.calls.get_mut(&key) {
                call.answers.push_back((question, Err(QuestionFailure::Left)));
                self.news.insert(News::Call(key));
            }
        }
    }

    fn close_questions(&mut self, now: Instant, key: SessionCallKey) {
        while let Some(call) = self.calls.get(&key)
            && let Some(question) = call.questions.first()
        {
            self.close_question(now, key, question.key, "the call has ended");
        }
    }

    fn close_question(
        &mut self,
        now: Instant,
        key: SessionCallKey,
        question: QuestionKey,
        reason: &str,
    ) {
        let Some((id, at)) = self.forget_question(key, question) else {
            return;
        };
        let mut message = Vec::new();
        write_cancelled(&mut message, &question.0, reason);
        self.push(now, id, at, message);
    }

    fn stream_of(&self, call: &SessionCall) -> Option<&Stream> {
        self.sessions.get(&call.session)?.streams.get(&call.stream)
    }
}
