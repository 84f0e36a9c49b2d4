//! What a request can ask for.

use crate::endpoint::Endpoint;
use crate::revision::Era;

/// What is asked for: a method whose answer is up to the application, or something of a session,
/// which is up to a [`Hub`](crate::Hub).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum McpMethod {
    /// `tools/list`.
    ListTools,
    /// `tools/call`.
    CallTool,
    /// `prompts/list`.
    ListPrompts,
    /// `prompts/get`.
    GetPrompt,
    /// `resources/list`.
    ListResources,
    /// `resources/templates/list`.
    ListResourceTemplates,
    /// `resources/read`.
    ReadResource,
    /// `completion/complete`.
    Complete,
    /// `subscriptions/listen` (2026-07-28).
    Listen,
    /// A method of an [extension](crate::Endpoint::methods), by its position there.
    Extension(usize),
    /// `initialize`, where the endpoint [keeps sessions](crate::Endpoint::keeps_sessions).
    Initialize,
    /// `ping`, in a session.
    Ping,
    /// `logging/setLevel`, in a session.
    SetLogLevel,
    /// `resources/subscribe`, in a session.
    Subscribe,
    /// `resources/unsubscribe`, in a session.
    Unsubscribe,
    /// A notification of the client, or its answer to a question, in a session.
    ClientMessage,
    /// A GET: the client listens, or comes back to a stream.
    OpenStream,
    /// A DELETE: the client ends its session.
    EndSession,
}

/// Which parameter says what a method is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// None does.
    Nothing,
    /// `params.name`.
    Name,
    /// `params.uri`.
    Uri,
}

impl McpMethod {
    /// Those of MCP itself.
    const ALL: [Self; 14] = [
        Self::ListTools,
        Self::CallTool,
        Self::ListPrompts,
        Self::GetPrompt,
        Self::ListResources,
        Self::ListResourceTemplates,
        Self::ReadResource,
        Self::Complete,
        Self::Listen,
        Self::Initialize,
        Self::Ping,
        Self::SetLogLevel,
        Self::Subscribe,
        Self::Unsubscribe,
    ];

    /// The name on the wire. Empty for what has none, and for that of an extension, which is known to
    /// its endpoint alone.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ListTools => "tools/list",
            Self::CallTool => "tools/call",
            Self::ListPrompts => "prompts/list",
            Self::GetPrompt => "prompts/get",
            Self::ListResources => "resources/list",
            Self::ListResourceTemplates => "resources/templates/list",
            Self::ReadResource => "resources/read",
            Self::Complete => "completion/complete",
            Self::Listen => "subscriptions/listen",
            Self::Initialize => "initialize",
            Self::Ping => "ping",
            Self::SetLogLevel => "logging/setLevel",
            Self::Subscribe => "resources/subscribe",
            Self::Unsubscribe => "resources/unsubscribe",
            Self::Extension(_) | Self::ClientMessage | Self::OpenStream | Self::EndSession => "",
        }
    }

    /// The method called `name`, if the endpoint has it in that era, and for a request in a session or
    /// not.
    pub(crate) fn find(
        name: &str,
        endpoint: &Endpoint,
        era: Era,
        is_in_session: bool,
    ) -> Option<Self> {
        let capabilities = &endpoint.info().capabilities;
        let Some(method) = Self::ALL.into_iter().find(|method| method.as_str() == name) else {
            let position = endpoint.methods.iter().position(|method| method.name == name)?;
            return (era == Era::Modern).then_some(Self::Extension(position));
        };
        let is_offered = match method {
            Self::ListTools | Self::CallTool => capabilities.tools.is_some(),
            Self::ListPrompts | Self::GetPrompt => capabilities.prompts.is_some(),
            Self::ListResources | Self::ListResourceTemplates | Self::ReadResource => {
                capabilities.resources.is_some()
            }
            Self::Complete => capabilities.completions.is_some(),
            Self::Listen => era == Era::Modern && capabilities.has_changes(),
            Self::Initialize => era == Era::Legacy && endpoint.keeps_sessions,
            Self::Ping => is_in_session,
            Self::SetLogLevel => is_in_session && capabilities.logging.is_some(),
            Self::Subscribe | Self::Unsubscribe => {
                is_in_session && capabilities.resources.as_ref().is_some_and(|it| it.subscribe)
            }
            Self::Extension(_) | Self::ClientMessage | Self::OpenStream | Self::EndSession => false,
        };
        is_offered.then_some(method)
    }

    /// What the method is about. On 2026-07-28, that is mirrored in the field `Mcp-Name`.
    pub(crate) const fn subject(self) -> Subject {
        match self {
            Self::CallTool | Self::GetPrompt => Subject::Name,
            Self::ReadResource | Self::Subscribe | Self::Unsubscribe => Subject::Uri,
            Self::ListTools
            | Self::ListPrompts
            | Self::ListResources
            | Self::ListResourceTemplates
            | Self::Complete
            | Self::Listen
            | Self::Extension(_)
            | Self::Initialize
            | Self::Ping
            | Self::SetLogLevel
            | Self::ClientMessage
            | Self::OpenStream
            | Self::EndSession => Subject::Nothing,
        }
    }

    /// Whether its answer may be that input is required (2026-07-28, basic/patterns/mrtr,
    /// "Supported Requests").
    pub(crate) const fn may_require_input(self) -> bool {
        matches!(self, Self::CallTool | Self::GetPrompt | Self::ReadResource)
    }
}
