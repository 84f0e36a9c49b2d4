//! The methods of MCP that an application answers.

use crate::endpoint::Endpoint;
use crate::revision::Era;

/// A method whose answer is up to the application.
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
    const ALL: [Self; 9] = [
        Self::ListTools,
        Self::CallTool,
        Self::ListPrompts,
        Self::GetPrompt,
        Self::ListResources,
        Self::ListResourceTemplates,
        Self::ReadResource,
        Self::Complete,
        Self::Listen,
    ];

    /// The name on the wire; that of an extension's is known to its endpoint alone.
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
            Self::Extension(_) => "",
        }
    }

    /// The method called `name`, if the endpoint has it in that era.
    pub(crate) fn find(name: &str, endpoint: &Endpoint, era: Era) -> Option<Self> {
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
            Self::Extension(_) => return None,
        };
        is_offered.then_some(method)
    }

    /// What the method is about. On 2026-07-28, that is mirrored in the field `Mcp-Name`.
    pub(crate) const fn subject(self) -> Subject {
        match self {
            Self::CallTool | Self::GetPrompt => Subject::Name,
            Self::ReadResource => Subject::Uri,
            Self::ListTools
            | Self::ListPrompts
            | Self::ListResources
            | Self::ListResourceTemplates
            | Self::Complete
            | Self::Listen
            | Self::Extension(_) => Subject::Nothing,
        }
    }

    /// Whether its answer may be that input is required (2026-07-28, basic/patterns/mrtr,
    /// "Supported Requests").
    pub(crate) const fn may_require_input(self) -> bool {
        matches!(self, Self::CallTool | Self::GetPrompt | Self::ReadResource)
    }
}
