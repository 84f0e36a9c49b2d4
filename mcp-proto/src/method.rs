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
    /// A request that cannot be served, in a session: whether that is there is the first question.
    Invalid,
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
    /// Those of MCP itself, the most frequent first.
    const ALL: [Self; 14] = [
        Self::CallTool,
        Self::ListTools,
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

    /// Whether MCP itself has a method of that name. `server/discover` never gets beyond the protocol.
    pub(crate) fn is_known(name: &str) -> bool {
        name == "server/discover" || Self::named(name).is_some()
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

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
            Self::Extension(_)
            | Self::ClientMessage
            | Self::OpenStream
            | Self::EndSession
            | Self::Invalid => "",
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
        let Some(method) = Self::named(name) else {
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
            Self::Extension(_)
            | Self::ClientMessage
            | Self::OpenStream
            | Self::EndSession
            | Self::Invalid => false,
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
            | Self::EndSession
            | Self::Invalid => Subject::Nothing,
        }
    }

    /// Whether its answer may be that input is required (2026-07-28, basic/patterns/mrtr,
    /// "Supported Requests").
    pub(crate) const fn may_require_input(self) -> bool {
        matches!(self, Self::CallTool | Self::GetPrompt | Self::ReadResource)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server_info::{Capabilities, ServerInfo};

    #[test]
    fn methods_are_there_for_their_era_and_what_the_server_can_do() {
        let endpoint = |capabilities| {
            let mut info = ServerInfo::new("t", "1");
            info.capabilities = capabilities;
            let mut endpoint = Endpoint::new("/", info).unwrap();
            endpoint.keeps_sessions = true;
            endpoint
        };
        let mut all = Capabilities {
            logging: Some(Default::default()),
            completions: Some(Default::default()),
            tools: Some(Default::default()),
            prompts: Some(Default::default()),
            resources: Some(Default::default()),
            ..Capabilities::default()
        };
        if let Some(resources) = &mut all.resources {
            (resources.subscribe, resources.list_changed) = (true, true);
        }
        let (all, none) = (endpoint(all), endpoint(Capabilities::default()));
        // Whether it is there on 2026-07-28, on the 2025 revisions, and there in a session.
        for (name, modern, legacy, in_session) in [
            ("tools/list", true, true, true),
            ("tools/call", true, true, true),
            ("prompts/list", true, true, true),
            ("prompts/get", true, true, true),
            ("resources/list", true, true, true),
            ("resources/templates/list", true, true, true),
            ("resources/read", true, true, true),
            ("completion/complete", true, true, true),
            ("subscriptions/listen", true, false, false),
            ("initialize", false, true, true),
            ("ping", false, false, true),
            ("logging/setLevel", false, false, true),
            ("resources/subscribe", false, false, true),
            ("resources/unsubscribe", false, false, true),
            ("", false, false, false),
            ("tools/none", false, false, false),
        ] {
            let is_there = |endpoint: &Endpoint, era, is_in_session| {
                McpMethod::find(name, endpoint, era, is_in_session).is_some()
            };
            assert_eq!(is_there(&all, Era::Modern, false), modern, "{name}");
            assert_eq!(is_there(&all, Era::Legacy, false), legacy, "{name}");
            assert_eq!(is_there(&all, Era::Legacy, true), in_session, "{name}");
            // These two need nothing else.
            let needs_nothing = ["initialize", "ping"].contains(&name);
            assert!(!is_there(&none, Era::Modern, false), "{name}");
            assert_eq!(is_there(&none, Era::Legacy, false), legacy && needs_nothing, "{name}");
            assert_eq!(is_there(&none, Era::Legacy, true), in_session && needs_nothing, "{name}");
        }
    }
}
