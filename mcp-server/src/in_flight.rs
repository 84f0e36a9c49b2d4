//! One call while its handler is at work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{self, Poll};

use mcp_proto::{CallKey, Instant, Notification, Reply, Request, RpcError};

use crate::context::Context;
use crate::counters::Counted;
use crate::handler::{Begin, Started};
use crate::runtime::BoxFuture;
use crate::session_call::SessionCall;
use crate::sight::Sight;

/// A handler's future with what belongs to it. To drop it is to cancel the call.
pub(crate) struct InFlight {
    pub(crate) key: CallKey,
    /// The position of its endpoint.
    pub(crate) endpoint: usize,
    name: String,
    /// None if its function has panicked before there was one.
    future: Option<BoxFuture<'static, Reply>>,
    context: Option<Context>,
    /// What stands for it in its session, if it is in one.
    pub(crate) session: Option<SessionCall>,
    pub(crate) sight: Sight,
    _counted: Counted,
}

/// What came of polling a call in a session.
pub(crate) enum InSession {
    /// It goes on; and whether it has said something.
    Pending(bool),
    /// It was answered. What is left to say, if anything is, is for the connection that the call came by.
    Ready(Option<Reply>),
    /// Its client has cancelled it, or its session has ended.
    Over,
}

/// The calls of one connection: mostly none or one, and several only for a batch.
#[derive(Default)]
pub(crate) struct Calls {
    /// In a box, which a connection that only listens need not have.
    first: Option<Box<InFlight>>,
    others: Vec<InFlight>,
}

impl Calls {
    pub(crate) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn push(&mut self, call: InFlight) {
        match &mut self.first {
            Some(_) => self.others.push(call),
            first => *first = Some(Box::new(call)),
        }
    }

    pub(crate) fn get(&mut self, at: usize) -> Option<&mut InFlight> {
        self.first.iter_mut().map(|first| &mut **first).chain(&mut self.others).nth(at)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &InFlight> {
        self.first.iter().map(|first| &**first).chain(&self.others)
    }

    pub(crate) fn take(&mut self, key: CallKey) -> Option<InFlight> {
        match self.first.take_if(|call| call.key == key) {
            Some(call) => {
                self.first = self.others.pop().map(Box::new);
                Some(*call)
            }
            None => {
                let at = self.others.iter().position(|call| call.key == key)?;
                Some(self.others.swap_remove(at))
            }
        }
    }
}

impl InFlight {
    /// Begins a call.
    pub(crate) fn start(
        handler: &(dyn Fn(Begin) -> Started + Send + Sync),
        begin: Begin,
        session: Option<SessionCall>,
        sight: Sight,
        counted: Counted,
    ) -> Self {
        let key = begin.call.key();
        let endpoint = begin.call.endpoint();
        let name = begin.call.request().name().to_owned();
        let started =
            sight.span.in_scope(|| catch_unwind(AssertUnwindSafe(|| handler(begin)))).ok();
        let (future, context) = match started {
            Some(started) => (Some(started.future), started.context),
            None => (None, None),
        };
        Self { key, endpoint, name, future, context, session, sight, _counted: counted }
    }

    /// The name of the tool or prompt, or the URI of the resource.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Goes on with the work.
    ///
    /// A panic of the handler is its own failure: it ends this call with -32603 and nothing else.
    pub(crate) fn poll(&mut self, cx: &mut task::Context<'_>) -> Poll<Reply> {
        if let Some(context) = &self.context {
            context.watch();
        }
        let polled = self.sight.span.in_scope(|| match &mut self.future {
            Some(future) => catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))).ok(),
            None => None,
        });
        let reply = match polled {
            Some(Poll::Ready(reply)) => reply,
            Some(Poll::Pending) => {
                // Whoever calls this looks into it next, so nothing is missed in between.
                if let Some(context) = &self.context {
                    context.register(cx.waker());
                }
                return Poll::Pending;
            }
            None => {
                tracing::warn!(call = self.name, "a handler panicked");
                let error = format!("internal error: the handler of {:?} failed", self.name);
                Reply::Error(RpcError::internal(error))
            }
        };
        // Whether there is a session is still to be seen.
        if !matches!(reply, Reply::Initialized(_)) {
            self.sight.end(&reply);
        }
        Poll::Ready(reply)
    }

    /// Goes on with a call in a session, and carries what it says to the hub.
    pub(crate) fn poll_in_session(
        &mut self,
        cx: &mut task::Context<'_>,
        now: Instant,
    ) -> InSession {
        // Others may have spoken for the handler in between.
        let (_, mut happened) = self.say(now, false);
        let (session, context) = (self.session.as_mut(), self.context.as_ref());
        if !session.is_some_and(|session| session.carry(cx, now, context)) {
            // What is left of its stream says so to its client.
            return InSession::Over;
        }
        let polled = self.poll(cx);
        let (has_asked, has_said) = self.say(now, polled.is_ready());
        happened |= has_asked | has_said;
        let Some(session) = &mut self.session else {
            return InSession::Over;
        };
        if has_asked {
            session.carry(cx, now, self.context.as_ref());
        }
        match polled {
            Poll::Ready(reply) => InSession::Ready(session.reply(now, reply)),
            Poll::Pending => InSession::Pending(happened),
        }
    }

    /// Has the hub take what was reported. Returns whether there is a question or a wish for it as well,
    /// which come after that, and whether there was anything.
    ///
    /// A client that reads too slowly makes its handler wait, but neither what comes after its reports nor
    /// the final reply.
    fn say(&self, now: Instant, is_done: bool) -> (bool, bool) {
        let (Some(session), Some(context)) = (&self.session, &self.context) else {
            return (false, false);
        };
        // Looked at first: what was reported before that is there to be taken by now.
        let has_asked = context.has_for_session();
        let mut has_said = false;
        while context.has_said()
            && (is_done || has_asked || session.can_notify())
            && let Some(notification) = context.take()
        {
            session.notify(now, &notification);
            has_said = true;
        }
        (has_asked, has_said)
    }

    /// The request, as far as it is still known.
    pub(crate) fn request(&self) -> Option<&Request> {
        self.context.as_ref().map(Context::request)
    }

    /// The context of a handler that has to wait for answers of the client.
    pub(crate) fn asking(&self) -> Option<&Context> {
        self.context.as_ref().filter(|context| context.asking(|asking| !asking.asked.is_empty()))
    }

    /// Takes the oldest notification that the handler has sent.
    pub(crate) fn take_notification(&self) -> Option<Notification> {
        self.context.as_ref()?.take()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(context) = &self.context {
            context.close();
        }
        // What a handler owns may panic when it is dropped, and must not take others along.
        let future = self.future.take();
        let dropped = || catch_unwind(AssertUnwindSafe(|| drop(future)));
        if self.sight.span.in_scope(dropped).is_err() {
            tracing::warn!(call = self.name, "a handler panicked when it was dropped");
        }
    }
}
