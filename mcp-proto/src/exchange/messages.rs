//! The messages about one call: what its client hears while it is served, and in the end.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem::replace;

use super::encode::{
    write_acknowledged, write_changed, write_log, write_progress, write_reply, wrong_kind_of_reply,
};
use crate::call::{Notification, Reply};
use crate::endpoint::Endpoint;
use crate::error::Status;
use crate::jsonrpc::Id;
use crate::logging::LogLevel;
use crate::method::McpMethod;
use crate::request::Request;
use crate::revision::{Era, Revision};
use crate::subscription::SubscriptionFilter;

/// What messages need to know of the request that they are about.
pub(crate) struct Messages {
    id: Option<Id>,
    revision: Revision,
    method: McpMethod,
    progress_token: Option<Id>,
    log_level: Option<LogLevel>,
    last_progress: Option<f64>,
    subscription: Option<Subscription>,
}

/// What a client listens to.
struct Subscription {
    filter: Arc<SubscriptionFilter>,
    /// The acknowledgment has to come before anything else.
    is_acknowledged: bool,
}

impl Messages {
    pub(crate) fn new(request: &Request) -> Self {
        Self {
            id: request.id().cloned(),
            revision: request.revision(),
            method: request.method(),
            progress_token: request.progress_token().cloned(),
            log_level: request.log_level(),
            last_progress: None,
            subscription: request
                .subscription()
                .map(|filter| Subscription { filter: filter.clone(), is_acknowledged: false }),
        }
    }

    /// Whether it goes on until its client leaves.
    pub(crate) const fn is_subscription(&self) -> bool {
        self.subscription.is_some()
    }

    pub(crate) const fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }

    pub(crate) const fn revision(&self) -> Revision {
        self.revision
    }

    pub(crate) const fn set_revision(&mut self, revision: Revision) {
        self.revision = revision;
    }

    pub(crate) const fn set_log_level(&mut self, level: Option<LogLevel>) {
        self.log_level = level;
    }

    pub(crate) const fn method(&self) -> McpMethod {
        self.method
    }

    /// Whether the client wants to hear that, as far as it can be told by anybody. What is let through is
    /// taken note of, as an acknowledgment goes out once, and progress only increases.
    pub(crate) fn let_through(&mut self, notification: &Notification) -> bool {
        match (notification, &mut self.subscription) {
            (Notification::Subscribed, Some(subscription)) => {
                !replace(&mut subscription.is_acknowledged, true)
            }
            (Notification::Changed(change), Some(subscription)) => {
                subscription.is_acknowledged && subscription.filter.includes(change)
            }
            (Notification::Progress(progress), None) => {
                // It must increase each time (2026-07-28, basic/patterns/progress).
                let has_increased = self.last_progress.is_none_or(|last| progress.progress > last);
                let is_wanted =
                    self.progress_token.is_some() && progress.progress.is_finite() && has_increased;
                if is_wanted {
                    self.last_progress = Some(progress.progress);
                }
                is_wanted
            }
            (Notification::Log(log), None) => {
                self.log_level.is_some_and(|least| log.level >= least)
            }
            _ => false,
        }
    }

    /// Appends a notification that was [let through](Self::let_through).
    pub(crate) fn write(&self, out: &mut Vec<u8>, notification: &Notification) {
        let subscription = self.id.as_ref().zip(self.subscription.as_ref());
        match (notification, &self.progress_token, subscription) {
            (Notification::Progress(progress), Some(token), _) => {
                write_progress(out, token, progress);
            }
            (Notification::Log(log), ..) => write_log(out, log),
            (Notification::Changed(change), _, Some((id, _))) => write_changed(out, id, change),
            (Notification::Subscribed, _, Some((id, subscription))) => {
                write_acknowledged(out, id, &subscription.filter);
            }
            _ => debug_assert!(false, "{notification:?} was not let through"),
        }
    }

    /// Makes an error of a reply that does not answer such a call.
    pub(crate) fn fit(&self, reply: &mut Reply) {
        let is_modern = self.revision.era() == Era::Modern;
        let fits = match reply {
            Reply::Error(_) | Reply::Refused(_) => true,
            Reply::List(list) => list.method == self.method,
            Reply::Tool(result) => {
                // The 2025 revisions know one type of result.
                self.method == McpMethod::CallTool && (result.extension.is_none() || is_modern)
            }
            Reply::Prompt(_) => self.method == McpMethod::GetPrompt,
            Reply::Resource(_) => self.method == McpMethod::ReadResource,
            Reply::Completion(_) => self.method == McpMethod::Complete,
            Reply::InputRequired(_) => is_modern && self.method.may_require_input(),
            Reply::SubscriptionEnded => self.method == McpMethod::Listen,
            Reply::Extension(_) => matches!(self.method, McpMethod::Extension(_)),
            Reply::Initialized(_) => self.method == McpMethod::Initialize,
            Reply::Done => matches!(
                self.method,
                McpMethod::Ping
                    | McpMethod::SetLogLevel
                    | McpMethod::Subscribe
                    | McpMethod::Unsubscribe
                    | McpMethod::ClientMessage
                    | McpMethod::EndSession
            ),
            Reply::NoResponse => !is_modern,
        };
        if !fits {
            *reply = Reply::Error(wrong_kind_of_reply());
        }
    }

    /// Whether the reply has a status to tell, which an event stream could not carry. That goes before what
    /// the client accepts, as that of a refusal does. So does what never became a call.
    pub(crate) fn has_status(&self, reply: &Reply) -> bool {
        match reply {
            Reply::Error(error) => {
                error.denial.is_some()
                    || self.method == McpMethod::Invalid
                    || error.status(self.revision.era()) != Status::Ok
            }
            reply => matches!(reply, Reply::Refused(_)),
        }
    }

    /// The status of a response that carries the reply alone.
    pub(crate) fn status(&self, reply: &Reply) -> Status {
        match reply {
            Reply::Error(error) => error.status(self.revision.era()),
            _ => Status::Ok,
        }
    }

    /// Appends the JSON-RPC response.
    pub(crate) fn write_reply(&self, out: &mut Vec<u8>, endpoint: &Endpoint, reply: &Reply) {
        write_reply(out, self.id.as_ref(), self.revision, endpoint, reply);
    }
}
