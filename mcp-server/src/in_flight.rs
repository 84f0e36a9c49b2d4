//! One call while its handler is at work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{self, Poll};

use mcp_proto::{Call, CallKey, CallToolResult, Notification, Reply, RpcError};

use crate::context::Context;
use crate::counters::Counted;
use crate::runtime::BoxFuture;
use crate::server::ToolFn;

/// A handler's future with what belongs to it. To drop it is to cancel the call.
pub(crate) struct InFlight {
    pub(crate) key: CallKey,
    name: String,
    /// Gone when it has panicked.
    future: Option<BoxFuture<'static, CallToolResult>>,
    context: Option<Context>,
    _counted: Counted,
}

impl InFlight {
    /// Begins a call of `tool`.
    pub(crate) fn start(tool: &ToolFn, call: Call, counted: Counted) -> Self {
        let key = call.key();
        let name = call.request().name().to_owned();
        let started = catch_unwind(AssertUnwindSafe(|| tool(call))).ok();
        let (future, context) = match started {
            Some(started) => (Some(started.future), started.context),
            None => (None, None),
        };
        Self { key, name, future, context, _counted: counted }
    }

    /// The name of the tool.
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
            Some(Poll::Ready(result)) => Poll::Ready(Reply::Tool(result)),
            Some(Poll::Pending) => Poll::Pending,
            None => {
                tracing::warn!(tool = self.name, "the handler of a tool panicked");
                let error = format!("internal error: tool {:?} failed", self.name);
                Poll::Ready(Reply::Error(RpcError::internal(error)))
            }
        }
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
            tracing::warn!(tool = self.name, "the handler of a tool panicked when it was dropped");
        }
    }
}
