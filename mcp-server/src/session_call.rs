//! What a connection holds of the sessions of the 2025 revisions: calls that it serves, and streams
//! that it reads.

use std::sync::Arc;
use std::task;

use mcp_proto::{
    CallKey, FromStream, Hub, InputRequest, Instant, News, Notification, QuestionKey, ReaderKey,
    Reply, RpcError, ServerRequest, SessionCallKey,
};

use crate::ask::Answered;
use crate::context::Context;
use crate::counters::Counted;
use crate::endpoints::Shared;

/// A call in a session, which fails when this is dropped before it was answered.
pub(crate) struct SessionCall {
    shared: Arc<Shared>,
    endpoint: usize,
    key: SessionCallKey,
    /// What its client has been asked, under the keys of its handler.
    questions: Vec<(QuestionKey, String)>,
    /// When the time for the first answer is over.
    pub(crate) deadline: Option<Instant>,
}

impl SessionCall {
    pub(crate) const fn new(shared: Arc<Shared>, endpoint: usize, key: SessionCallKey) -> Self {
        Self { shared, endpoint, key, questions: Vec::new(), deadline: None }
    }

    /// Carries what has happened between the hub and the handler. Returns whether the call is still
    /// to be served, and has the task woken when there is something new.
    pub(crate) fn carry(
        &mut self,
        cx: &task::Context<'_>,
        now: Instant,
        context: Option<&Context>,
    ) -> bool {
        let (key, questions) = (self.key, &mut self.questions);
        let mut answers = Vec::new();
        let is_over = self.shared.mounts[self.endpoint].live.hub.poll(cx, News::Call(key), |hub| {
            if let Some(context) = context {
                context.asking(|asking| {
                    if std::mem::take(&mut asking.is_released) {
                        hub.release(key);
                    }
                    for withdrawn in std::mem::take(&mut asking.withdrawn) {
                        if let Some(at) = questions.iter().position(|(_, it)| *it == withdrawn) {
                            let (question, _) = questions.remove(at);
                            hub.withdraw(now, key, question);
                        }
                    }
                    for (asked, request) in std::mem::take(&mut asking.asked) {
                        match ask(hub, now, key, request.as_ref()) {
                            Ok(question) => questions.push((question, asked)),
                            Err(error) => answers.push((asked, Answered::Not(error))),
                        }
                    }
                });
            }
            while let Some((question, answer)) = hub.take_answer(now, key) {
                if let Some(at) = questions.iter().position(|(it, _)| *it == question) {
                    let (_, asked) = questions.remove(at);
                    answers.push((asked, Answered::from(answer)));
                }
            }
            self.deadline = hub.question_deadline(key);
            (!hub.is_open(key)).then_some(())
        });
        if let Some(context) = context.filter(|_| !answers.is_empty()) {
            context.answer(answers);
        }
        is_over.is_none()
    }

    /// Whether the client keeps up, or is not there to be waited for.
    pub(crate) fn can_notify(&self) -> bool {
        self.with(|hub, key| hub.can_notify(key))
    }

    pub(crate) fn notify(&self, now: Instant, notification: &Notification) {
        self.with(|hub, key| hub.notify(now, key, notification));
    }

    /// Answers the call. What comes back is for the connection that it came by.
    pub(crate) fn reply(&self, now: Instant, reply: Reply) -> Option<Reply> {
        let endpoint = &self.shared.config.endpoints[self.endpoint];
        self.with(|hub, key| hub.reply(now, key, endpoint, reply))
    }

    fn with<R>(&self, with: impl FnOnce(&mut Hub, SessionCallKey) -> R) -> R {
        self.shared.mounts[self.endpoint].live.hub.with(|hub| with(hub, self.key))
    }
}

fn ask(
    hub: &mut Hub,
    now: Instant,
    key: SessionCallKey,
    request: Option<&InputRequest>,
) -> Result<QuestionKey, crate::ask::AskError> {
    let request = request.map_or(ServerRequest::Ping, ServerRequest::Input);
    Ok(hub.ask(now, key, request)?)
}

impl Drop for SessionCall {
    fn drop(&mut self) {
        let error = RpcError::internal("internal error: the work was stopped");
        // If it was answered or cancelled, the hub does not know it any more.
        let _ = self.reply(self.shared.now().instant, Reply::Error(error));
        self.shared.mounts[self.endpoint].live.hub.forget(News::Call(self.key));
    }
}

/// A stream that a connection reads for calls of its own. The client can come back to it when this
/// is dropped.
pub(crate) struct Reading {
    shared: Arc<Shared>,
    pub(crate) endpoint: usize,
    pub(crate) key: ReaderKey,
    /// The calls of the connection that it answers.
    pub(crate) calls: Vec<CallKey>,
    _counted: Option<Counted>,
}

impl Reading {
    pub(crate) const fn new(
        shared: Arc<Shared>,
        endpoint: usize,
        key: ReaderKey,
        counted: Option<Counted>,
    ) -> Self {
        Self { shared, endpoint, key, calls: Vec::new(), _counted: counted }
    }

    /// The response has become an event stream.
    pub(crate) fn begin(&self) {
        self.with(|hub| hub.begin_stream(self.key));
    }

    /// Takes what comes next or, if there is nothing yet, has the task woken when there is.
    pub(crate) fn poll_next(&self, cx: &task::Context<'_>, now: Instant) -> Option<FromStream> {
        let hub = &self.shared.mounts[self.endpoint].live.hub;
        hub.poll(cx, News::Reader(self.key), |hub| hub.next_event(now, self.key))
    }

    /// Takes what comes next.
    pub(crate) fn next(&self, now: Instant) -> Option<FromStream> {
        self.with(|hub| hub.next_event(now, self.key))
    }

    fn with<R>(&self, with: impl FnOnce(&mut Hub) -> R) -> R {
        self.shared.mounts[self.endpoint].live.hub.with(with)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let now = self.shared.now().instant;
        self.with(|hub| hub.detach(now, self.key));
        self.shared.mounts[self.endpoint].live.hub.forget(News::Reader(self.key));
    }
}
