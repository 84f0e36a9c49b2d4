//! What passes between a session and the application: calls out, replies and notifications in.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::value::RawValue;

use crate::catalog::Listing;
use crate::completion::CompleteResult;
use crate::error::{Refusal, RpcError};
use crate::extension::ExtensionResult;
use crate::hub::{SessionId, StreamEvent};
use crate::input::InputRequired;
use crate::logging::LogLevel;
use crate::prompt::GetPromptResult;
use crate::request::Request;
use crate::resource::ReadResourceResult;
use crate::subscription::Change;
use crate::tool::CallToolResult;

/// Names one call on its session, never another: a late reply finds nothing to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey(pub(crate) u64);

/// Work for the application.
#[derive(Debug)]
pub struct Call {
    pub(crate) key: CallKey,
    pub(crate) endpoint: usize,
    pub(crate) request: Box<Request>,
    pub(crate) form: ResponseForm,
    /// Responses to other messages of its batch that are ready, for the stream of its session.
    pub(crate) ready: Vec<Vec<u8>>,
}

/// What is known of the response to a call before there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResponseForm {
    /// Whether it may be JSON, whether it may be an event stream, and whether it should be.
    pub(crate) takes_json: bool,
    pub(crate) takes_events: bool,
    pub(crate) wants_events: bool,
    /// Whether it answers other calls, too.
    pub(crate) is_batch: bool,
}

impl Call {
    /// What to reply with.
    #[must_use]
    pub const fn key(&self) -> CallKey {
        self.key
    }

    /// The position of its endpoint in [`Config::endpoints`](crate::Config::endpoints).
    #[must_use]
    pub const fn endpoint(&self) -> usize {
        self.endpoint
    }

    /// What the client asked for.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }
}

/// The answer to a call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reply {
    /// To a list request, from a [`Catalog`](crate::Catalog).
    List(Listing),
    /// To `tools/call`.
    Tool(CallToolResult),
    /// To `prompts/get`.
    Prompt(GetPromptResult),
    /// To `resources/read`.
    Resource(ReadResourceResult),
    /// To `completion/complete`.
    Completion(CompleteResult),
    /// To `tools/call`, `prompts/get` and `resources/read` on 2026-07-28: the client has to answer
    /// questions first, and then to send its request again.
    InputRequired(InputRequired),
    /// To `subscriptions/listen`: it has ended, in order.
    SubscriptionEnded,
    /// To a method of an extension.
    Extension(ExtensionResult),
    /// To [`McpMethod::Initialize`](crate::McpMethod::Initialize): with a session, or without.
    Initialized(Option<SessionId>),
    /// To what is done for a session and has no result to speak of.
    Done,
    /// To a call of the 2025 revisions: there is no response, because the client has cancelled it;
    /// or no other than what was sent as a [`Notification::Event`]. Ends that stream.
    NoResponse,
    /// To any call: it should not have been made. Ends all calls of its batch, unless their
    /// response has become an event stream: then it is an error like any other.
    Refused(Refusal),
    /// To any call.
    Error(RpcError),
}

/// What the client hears before the answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notification {
    /// `notifications/progress`. Left out if the client gave no token, and if the progress is not
    /// a finite number greater than the last.
    Progress(Progress),
    /// `notifications/message`. Left out if the client did not ask for messages of that level.
    Log(LogMessage),
    /// `notifications/subscriptions/acknowledged`: the call to `subscriptions/listen` has become a
    /// subscription.
    Subscribed,
    /// Something of the server has changed. Left out if the call is no subscription to that.
    Changed(Change),
    /// A message from the stream of a session that the call reads.
    Event(StreamEvent),
}

/// A log message for the client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogMessage {
    /// How severe it is.
    pub level: LogLevel,
    /// Which part of the server it comes from.
    pub logger: Option<String>,
    /// What it says: any JSON.
    pub data: Box<RawValue>,
}

impl LogMessage {
    /// A message from the server as a whole.
    #[must_use]
    pub const fn new(level: LogLevel, data: Box<RawValue>) -> Self {
        Self { level, logger: None, data }
    }
}

/// How far a call has come.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// How much is done.
    pub progress: f64,
    /// How much there is to do, if that is known.
    pub total: Option<f64>,
    /// What is being done, for people.
    pub message: Option<String>,
}

impl Progress {
    /// Progress towards an unknown end.
    #[must_use]
    pub const fn new(progress: f64) -> Self {
        Self { progress, total: None, message: None }
    }
}
