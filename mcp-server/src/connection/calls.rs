//! From calls to handlers, and from handlers to replies.

use std::task::{Context, Poll};

use mcp_proto::{
    Admission, Call, CallKey, Caller, CompleteResult, Input, McpMethod, Now, Reply, Request,
    RpcError, SessionId,
};

use super::Connection;
use crate::context::Attachment;
use crate::handler::Begin;
use crate::in_flight::{InFlight, InSession};
use crate::live::Answered;
use crate::machine::Machine;
use crate::request_state::{Remembered, random};
use crate::runtime::Timer;
use crate::session_call::SessionCall;
use crate::sight::Sight;
use crate::subscription::Subscription;

impl<S, T: Timer, M: Machine> Connection<S, T, M> {
    pub(super) fn begin_call(&mut self, now: Now, call: Call) {
        let key = call.key();
        let mount = &self.entry.shared.mounts[call.endpoint()];
        let sight = Sight::begin(&call, &self.entry.shared, self.peer);
        if call.request().is_of_session() {
            return self.begin_in_session(now, call, sight);
        }
        if let Some(filter) = call.request().subscription() {
            let live = mount.live.clone();
            let subscription = Subscription::new(live, &call, filter, &mount.counters);
            return self.begin_subscription(now, key, subscription, sight);
        }
        self.serve(now, call, None, sight);
    }

    fn attachment(&self) -> Option<Attachment> {
        self.attachment.as_deref().cloned()
    }

    /// Has a call served, in a session or without.
    fn serve(&mut self, now: Now, call: Call, session: Option<SessionCall>, mut sight: Sight) {
        let key = call.key();
        let mount = &self.entry.shared.mounts[call.endpoint()];
        let reply = match mount.live.answer(&call) {
            Answered::Already(reply) => reply,
            Answered::By(handler) => match mount.rounds.open(now, call.request()) {
                Ok(remembered) => {
                    sight.finds(&call);
                    let counted = mount.counters.count_call();
                    let (is_in_session, attachment) = (session.is_some(), self.attachment());
                    let begin = Begin { call, is_in_session, remembered, attachment };
                    let call = InFlight::start(&*handler, begin, session, sight, counted);
                    return self.work().calls.push(call);
                }
                Err(error) => Reply::Error(error),
            },
            // Whatever has nobody to complete it has no completions.
            Answered::Nobody if call.request().method() == McpMethod::Complete => {
                Reply::Completion(CompleteResult::default())
            }
            Answered::Nobody => Reply::Error(RpcError::internal(
                "internal error: there is no function behind what is asked for",
            )),
        };
        sight.end(&reply);
        match session {
            Some(session) => {
                let reply = session.reply(now.instant, reply);
                self.reply_directly(now, key, reply);
            }
            None => self.handle(now, Input::Reply(key, reply)),
        }
    }

    /// Brings a call of the 2025 revisions to its session.
    fn begin_in_session(&mut self, now: Now, call: Call, mut sight: Sight) {
        let (key, endpoint) = (call.key(), call.endpoint());
        let mount = &self.entry.shared.mounts[endpoint];
        let principal = match mount.rounds.principal_of(call.request()) {
            Ok(principal) => principal,
            Err(error) => return self.answer_at_once(now, key, Reply::Error(error), sight),
        };
        let caller = Caller {
            principal: principal.as_deref(),
            is_hidden: mount.live.hides_subject_of(call.request()),
        };
        // The calls of a batch come one after the other.
        let reader = self.work.as_ref().and_then(|work| Some(work.readings.last()?.key));
        let is_opened = call.request().method() == McpMethod::OpenStream;
        let hub = &mount.live.hub;
        match hub.with(|hub| hub.admit(now.instant, call, reader, caller)) {
            Admission::Reply(key, reply) => self.answer_at_once(now, key, reply, sight),
            Admission::Initialize(call) => match &mount.on_initialize {
                Some(hook) => {
                    let begin = Begin {
                        call,
                        is_in_session: false,
                        remembered: Remembered::default(),
                        attachment: self.attachment(),
                    };
                    let counted = mount.counters.count_call();
                    let call = InFlight::start(&**hook, begin, None, sight, counted);
                    self.work().calls.push(call);
                }
                None => {
                    let reply = self.open_session(now, endpoint, Some(call.request()));
                    self.answer_at_once(now, key, reply, sight);
                }
            },
            Admission::Stream { call, reader, start, answered } => {
                if let Some(reply) = answered {
                    sight.end(&reply);
                }
                let counted = is_opened.then(|| mount.counters.count_stream());
                self.read(endpoint, reader, call, counted);
                self.handle(now, Input::Admit(call, start));
            }
            Admission::Call { call, key, reader, start } => {
                self.read(endpoint, reader, call.key(), None);
                self.handle(now, Input::Admit(call.key(), start));
                let session = SessionCall::new(self.entry.shared.clone(), endpoint, key);
                self.serve(now, call, Some(session), sight);
            }
        }
    }

    /// Opens a session for a client that nobody has anything against.
    fn open_session(&self, now: Now, endpoint: usize, request: Option<&Request>) -> Reply {
        let failed =
            |reason: &str| Reply::Error(RpcError::internal(format!("internal error: {reason}")));
        let Some(request) = request else {
            return failed("the request is gone");
        };
        let mount = &self.entry.shared.mounts[endpoint];
        let principal = match mount.rounds.principal_of(request) {
            Ok(principal) => principal,
            Err(error) => return Reply::Error(error),
        };
        let Ok(random) = random() else {
            return failed("there is no randomness");
        };
        let id = SessionId::new(random);
        let endpoint = &self.entry.shared.config.endpoints[endpoint];
        mount
            .live
            .hub
            .with(|hub| hub.open_session(now.instant, id, request, endpoint, principal.as_deref()))
    }

    /// Answers a call that nobody had to work on.
    pub(super) fn answer_at_once(
        &mut self,
        now: Now,
        key: CallKey,
        reply: Reply,
        mut sight: Sight,
    ) {
        sight.end(&reply);
        self.handle(now, Input::Reply(key, reply));
    }

    fn call_at(&mut self, at: usize) -> Option<&mut InFlight> {
        self.work.as_mut()?.calls.get(at)
    }

    /// Whether anything happened.
    pub(super) fn poll_calls(&mut self, cx: &mut Context<'_>, now: Now) -> bool {
        let (mut happened, mut at) = (false, 0);
        while let Some(call) = self.call_at(at) {
            let key = call.key;
            happened |= if call.session.is_some() {
                self.poll_session_call(cx, now, at)
            } else {
                self.poll_call(cx, now, at)
            };
            // Another has taken the place of one that is done.
            if self.call_at(at).is_some_and(|call| call.key == key) {
                at += 1;
            }
        }
        happened
    }

    fn poll_session_call(&mut self, cx: &mut Context<'_>, now: Now, at: usize) -> bool {
        let Some(call) = self.call_at(at) else {
            return false;
        };
        let key = call.key;
        match call.poll_in_session(cx, now.instant) {
            InSession::Pending(happened) => happened,
            InSession::Ready(reply) => {
                self.end_call(key);
                self.reply_directly(now, key, reply);
                true
            }
            InSession::Over => {
                self.take_call(key);
                true
            }
        }
    }

    fn poll_call(&mut self, cx: &mut Context<'_>, now: Now, at: usize) -> bool {
        let Some(call) = self.work.as_mut().and_then(|work| work.calls.get(at)) else {
            return false;
        };
        let (key, endpoint) = (call.key, call.endpoint);
        let mut polled = call.poll(cx);
        if let (Poll::Pending, Some(context)) = (&polled, call.asking()) {
            // It cannot go on before the client has answered, and that is another call.
            let rounds = &self.entry.shared.mounts[endpoint].rounds;
            let reply = context.asking(|asking| rounds.close(now, context.request(), asking));
            call.sight.end(&reply);
            polled = Poll::Ready(reply);
        }
        let mut happened = false;
        // A client that reads too slowly makes its handler wait, but never the final reply.
        while polled.is_ready() || self.session.can_notify() {
            let Some(notification) = call.take_notification() else {
                break;
            };
            self.session.handle(now, Input::Notify(key, notification));
            happened = true;
        }
        if let Poll::Ready(mut reply) = polled {
            let call = self.end_call(key);
            if matches!(reply, Reply::Initialized(_))
                && let Some(mut call) = call
            {
                reply = self.open_session(now, endpoint, call.request());
                call.sight.end(&reply);
            }
            self.handle(now, Input::Reply(key, reply));
            happened = true;
        }
        happened
    }

    /// Answers a call of a session with what did not go by its stream.
    fn reply_directly(&mut self, now: Now, key: CallKey, reply: Option<Reply>) {
        if let Some(reply) = reply {
            self.work().stop_reading_for(key);
            self.handle(now, Input::Reply(key, reply));
        }
    }

    fn end_call(&mut self, key: CallKey) -> Option<InFlight> {
        if self.entry.is_shutting_down() {
            self.entry.count_finished();
        }
        self.take_call(key)
    }

    fn take_call(&mut self, key: CallKey) -> Option<InFlight> {
        self.work.as_mut()?.calls.take(key)
    }

    /// Goes on with calls whose clients have gone: without a session, their results are nobody's.
    pub(super) fn poll_handed_over(&mut self, cx: &mut Context<'_>, now: Now) -> bool {
        let Some(work) = &mut self.work else {
            return false;
        };
        let entry = &self.entry;
        let is_shutting_down = entry.is_shutting_down();
        let mut happened = false;
        work.handed_over.retain_mut(|call| {
            let is_answered = if call.session.is_some() {
                match call.poll_in_session(cx, now.instant) {
                    InSession::Pending(has_said) => {
                        happened |= has_said;
                        false
                    }
                    InSession::Ready(_) => true,
                    InSession::Over => return false,
                }
            } else {
                let polled = call.poll(cx);
                while call.take_notification().is_some() {
                    happened = true;
                }
                polled.is_ready()
            };
            if is_answered && is_shutting_down {
                entry.count_finished();
            }
            !is_answered
        });
        happened
    }
}
