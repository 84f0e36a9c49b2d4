//! One call while its handler is at work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{self, Poll};

use mcp_proto::{CallKey, Notification, Reply, RpcError};

use crate::context::Context;
use crate::counters::Counted;
use crate::handler::{Begin, Started};
use crate::runtime::BoxFuture;

/// A handler's future with what belongs to it. To drop it is to cancel the call.
pub(crate) struct InFlight {
    pub(crate) key: CallKey,
    /// The position of its endpoint.
    pub(crate) endpoint: usize,
    name: String,
    /// Gone when it has panicked.
    future: Option<BoxFuture<'static, Reply>>,
    context: Option<Context>,
    _counted: Counted,
}

impl InFlight {
    /// Begins a call.
    pub(crate) fn start(
        handler: &(dyn Fn(Begin) -> Started + Send + Sync),
        begin: Begin,
        counted: Counted,
    ) -> Self {
        let key = begin.call.key();
        let endpoint = begin.call.endpoint();
        let name = begin.call.request().name().to_owned();
        let started = catch_unwind(AssertUnwindSafe(|| handler(begin))).ok();
        let (future, context) = match started {
            Some(started) => (Some(started.future), started.context),
            None => (None, None),
        };
        Self { key, endpoint, name, future, context, _counted: counted }
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
            context.register(cx.waker());
        }
        let polled = match &mut self.future {
            Some(future) => catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))).ok(),
            None => None,
        };
        match polled {
            Some(Poll::Ready(reply)) => Poll::Ready(reply),
            Some(Poll::Pending) => Poll::Pending,
            None => {
                tracing::warn!(call = self.name, "a handler panicked");
                let error = format!("internal error: the handler of {:?} failed", self.name);
                Poll::Ready(Reply::Error(RpcError::internal(error)))
            }
        }
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
        if catch_unwind(AssertUnwindSafe(|| drop(future))).is_err() {
            tracing::warn!(call = self.name, "a handler panicked when it was dropped");
        }
    }
}
