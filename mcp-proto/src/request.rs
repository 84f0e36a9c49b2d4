//! A request: the bytes it came in, and what they have turned out to say.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use serde_json::value::RawValue;

use crate::authorization::Principal;
use crate::completion::Completion;
use crate::error::{Refusal, RpcError};
use crate::http::Head;
use crate::hub::{SessionClient, SessionId};
use crate::json::Part;
use crate::jsonrpc::{Id, Message};
use crate::limits::Limits;
use crate::logging::LogLevel;
use crate::method::McpMethod;
use crate::revision::Revision;
use crate::subscription::SubscriptionFilter;

/// One MCP request, from its header fields to its arguments.
///
/// Owns the bytes it came in; what the methods return borrows from them.
pub struct Request {
    pub(crate) head: Head,
    pub(crate) body: String,
    pub(crate) parts: RequestParts,
}

/// What a request says, as far as it is not its bytes.
pub(crate) struct RequestParts {
    pub(crate) revision: Revision,
    pub(crate) method: McpMethod,
    pub(crate) id: Option<Id>,
    pub(crate) progress_token: Option<Id>,
    pub(crate) name: Text,
    pub(crate) cursor: Option<Text>,
    pub(crate) arguments: Option<Part>,
    pub(crate) meta: Option<Part>,
    pub(crate) client_info: Option<Part>,
    pub(crate) client_capabilities: Option<Part>,
    pub(crate) log_level: Option<LogLevel>,
    pub(crate) completion: Option<Box<Completion>>,
    pub(crate) subscription: Option<Arc<SubscriptionFilter>>,
    pub(crate) params: Option<Part>,
    pub(crate) input_responses: Option<Part>,
    pub(crate) request_state: Option<Text>,
    pub(crate) is_of_session: bool,
    /// The session of the connection that it came by, where that has one.
    pub(crate) session: Option<SessionId>,
    pub(crate) message: Option<Box<ClientMessage>>,
    /// What the session of the request knows of its client.
    pub(crate) client: Option<Arc<SessionClient>>,
    pub(crate) principal: Option<Arc<Principal>>,
}

impl RequestParts {
    /// What says nothing but that.
    pub(crate) const fn new(revision: Revision, method: McpMethod) -> Self {
        Self {
            revision,
            method,
            id: None,
            progress_token: None,
            name: Text::Nothing,
            cursor: None,
            arguments: None,
            meta: None,
            client_info: None,
            client_capabilities: None,
            log_level: None,
            completion: None,
            subscription: None,
            params: None,
            input_responses: None,
            request_state: None,
            is_of_session: false,
            session: None,
            message: None,
            client: None,
            principal: None,
        }
    }
}

/// What a client sends in a session besides requests, as far as it means something.
pub(crate) enum ClientMessage {
    /// `notifications/initialized`.
    Initialized,
    /// `notifications/cancelled`.
    Cancelled { request: Id },
    /// `notifications/progress`, of a question.
    Progress { token: Id },
    /// The answer to a question.
    Answer { id: Id, answer: Result<Box<RawValue>, RpcError> },
    /// The client sends nothing more, though it listens.
    InputEnded,
    /// A notification that changes nothing: what it tells of is asked for when it is needed.
    Other,
    /// A request that cannot be served, if there is its session, for this reason.
    Invalid(RpcError),
}

/// A string that stands in the body, or was decoded from it.
#[derive(Debug)]
pub(crate) enum Text {
    InBody(Part),
    Decoded(Box<str>),
    Nothing,
}

impl Text {
    /// `None` if what stands there is no string. `body` must be that of the message.
    pub(crate) fn of(part: Part, message: &Message, body: &str) -> Option<Self> {
        match message.plain_string(part, body) {
            Some(plain) => Some(Self::InBody(plain)),
            None => message.string(part, body).map(|text| Self::Decoded(text.into())),
        }
    }

    pub(crate) fn as_str<'a>(&'a self, body: &'a str) -> &'a str {
        match self {
            Self::InBody(part) => part.of(body),
            Self::Decoded(text) => text,
            Self::Nothing => "",
        }
    }
}

impl Request {
    /// A request of which nothing is known yet but its bytes: it will turn out what they say.
    pub(crate) const fn unread(head: Head, body: String) -> Self {
        let parts = RequestParts::new(Revision::LATEST_LEGACY, McpMethod::ClientMessage);
        Self { head, body, parts }
    }

    /// A request with the head that `bytes` begin with, and no body yet.
    pub(crate) fn with_head(bytes: &[u8], limits: &Limits) -> Result<Box<Self>, Refusal> {
        let mut request = Box::new(Self::unread(Head::none(), String::new()));
        request.head.read(bytes, limits)?;
        Ok(request)
    }

    /// The revision it is of.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.parts.revision
    }

    /// What is asked for.
    #[must_use]
    pub const fn method(&self) -> McpMethod {
        self.parts.method
    }

    /// The id its answer will carry. Clients reuse ids, even at the same time. None for what is no
    /// JSON-RPC request.
    #[must_use]
    pub const fn id(&self) -> Option<&Id> {
        self.parts.id.as_ref()
    }

    /// Whether it needs a session, or begins one: then [`Hub::admit`](crate::Hub::admit) has to let
    /// it in.
    #[must_use]
    pub const fn is_of_session(&self) -> bool {
        self.parts.is_of_session
    }

    /// Which session it names, if it names one: `Some(None)` for a name that no session can have.
    pub(crate) fn session(&self) -> Option<Option<SessionId>> {
        match self.parts.session {
            None => self.session_id().map(SessionId::parse),
            session => Some(session),
        }
    }

    /// The `Mcp-Session-Id` that came with it, where that means something.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        let id = self.head.session_id().filter(|_| self.parts.is_of_session)?;
        // No session has a name that is no text.
        Some(core::str::from_utf8(id).unwrap_or_default())
    }

    /// What it is about: the name of the tool or prompt, the URI of the resource, or the
    /// [subject](crate::ExtensionMethod::subject) of an extension's method. Empty for the other
    /// methods.
    #[must_use]
    pub fn name(&self) -> &str {
        self.parts.name.as_str(&self.body)
    }

    /// The arguments as JSON text, an object.
    #[must_use]
    pub fn arguments(&self) -> &str {
        self.part(self.parts.arguments).unwrap_or("{}")
    }

    /// The position in a list to go on from.
    #[must_use]
    pub fn cursor(&self) -> Option<&str> {
        self.parts.cursor.as_ref().map(|cursor| cursor.as_str(&self.body))
    }

    /// The `_meta` member as JSON text, an object.
    #[must_use]
    pub fn meta(&self) -> Option<&str> {
        self.part(self.parts.meta)
    }

    /// What progress notifications have to carry. Without it, there are none.
    #[must_use]
    pub const fn progress_token(&self) -> Option<&Id> {
        self.parts.progress_token.as_ref()
    }

    /// What the client says of itself, as JSON text. Not verified by anybody. In the 2025 revisions
    /// only sessions know it.
    #[must_use]
    pub fn client_info(&self) -> Option<&str> {
        match &self.parts.client {
            Some(client) => client.info.as_deref(),
            None => self.part(self.parts.client_info),
        }
    }

    /// What the client can do (`ClientCapabilities`), as JSON text. In the 2025 revisions only
    /// sessions know it.
    #[must_use]
    pub fn client_capabilities(&self) -> Option<&str> {
        match &self.parts.client {
            Some(client) => client.capabilities.as_deref(),
            None => self.part(self.parts.client_capabilities),
        }
    }

    /// The least severe log messages that the client wants to hear of, or now asks for with
    /// [`McpMethod::SetLogLevel`]. Without it, there are none.
    #[must_use]
    pub const fn log_level(&self) -> Option<LogLevel> {
        self.parts.log_level
    }

    /// All parameters as JSON text, an object, for [`McpMethod::Extension`].
    #[must_use]
    pub fn params(&self) -> &str {
        self.part(self.parts.params).unwrap_or("{}")
    }

    /// What is to be completed, for [`McpMethod::Complete`].
    #[must_use]
    pub fn completion(&self) -> Option<&Completion> {
        self.parts.completion.as_deref()
    }

    /// What the client wants to hear of, as far as the server offers it, for
    /// [`McpMethod::Listen`].
    #[must_use]
    pub const fn subscription(&self) -> Option<&Arc<SubscriptionFilter>> {
        self.parts.subscription.as_ref()
    }

    /// The answers to what was asked in a [`Reply::InputRequired`](crate::Reply::InputRequired), as
    /// JSON text, an object. Nobody has verified that they are answers to anything.
    #[must_use]
    pub fn input_responses(&self) -> Option<&str> {
        self.part(self.parts.input_responses)
    }

    /// The state that came with what was asked. The client may have made it up.
    #[must_use]
    pub fn request_state(&self) -> Option<&str> {
        self.parts.request_state.as_ref().map(|state| state.as_str(&self.body))
    }

    /// Who it was [let in](crate::Input::Authorized) as, if its endpoint
    /// [asks for that](crate::Endpoint::requires_authorization).
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.parts.principal.as_deref()
    }

    /// Whether it came by a [`LineSession`](crate::LineSession), and not over HTTP.
    #[must_use]
    pub const fn is_by_line(&self) -> bool {
        self.head.is_none()
    }

    /// The HTTP request it came in. Says nothing if there was none.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    fn part(&self, part: Option<Part>) -> Option<&str> {
        part.map(|part| part.of(&self.body))
    }
}

/// Shows what was asked, not what with: arguments may be secret.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("revision", &self.parts.revision)
            .field("method", &self.parts.method)
            .field("id", &self.parts.id.as_ref())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}
