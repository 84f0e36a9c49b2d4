//! What a server says of itself.

use alloc::string::String;

use serde::Serialize;

use crate::revision::{Era, Revision};
use crate::subscription::SubscriptionFilter;

/// Name, version and capabilities of an MCP server: what `initialize` and `server/discover` tell.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerInfo {
    /// A name for programs.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// The server's own version.
    pub version: String,
    /// How a model should use the server.
    pub instructions: Option<String>,
    /// Which parts of MCP it offers.
    pub capabilities: Capabilities,
}

impl ServerInfo {
    /// A server that offers nothing yet.
    #[must_use]
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: None,
            version: version.into(),
            instructions: None,
            capabilities: Capabilities::default(),
        }
    }

    /// The `Implementation` object as `revision` defines it.
    pub(crate) fn implementation(&self, revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        struct Implementation<'a> {
            name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            title: Option<&'a str>,
            version: &'a str,
        }

        Implementation {
            name: &self.name,
            title: self.title.as_deref().filter(|_| revision >= Revision::V2025_06_18),
            version: &self.version,
        }
    }
}

/// Which parts of MCP a server offers (`ServerCapabilities`).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Capabilities {
    /// Present if there are tools to call.
    pub tools: Option<ToolsCapability>,
    /// Present if there are prompts to get.
    pub prompts: Option<PromptsCapability>,
    /// Present if there are resources to read.
    pub resources: Option<ResourcesCapability>,
    /// Present if arguments can be completed.
    pub completions: Option<CompletionsCapability>,
    /// Present if handlers send log messages.
    pub logging: Option<LoggingCapability>,
    /// x
    pub extensions: alloc::collections::BTreeMap<String, alloc::boxed::Box<serde_json::value::RawValue>>,
}

/// The `tools` member of [`Capabilities`].
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct ToolsCapability {
    /// x
    #[serde(rename = "listChanged")]
    pub list_changed: bool,
}

/// The `prompts` member of [`Capabilities`].
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct PromptsCapability {
    /// x
    #[serde(rename = "listChanged")]
    pub list_changed: bool,
}

/// The `resources` member of [`Capabilities`].
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct ResourcesCapability {
    /// x
    #[serde(rename = "listChanged")]
    pub list_changed: bool,
    /// x
    pub subscribe: bool,
}

/// The `completions` member of [`Capabilities`].
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct CompletionsCapability {}

/// The `logging` member of [`Capabilities`].
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct LoggingCapability {}

impl Capabilities {
    /// Whether there is anything to listen for.
    pub(crate) fn has_changes(&self) -> bool {
        let mut everything = SubscriptionFilter::default();
        everything.tools_list_changed = true;
        everything.prompts_list_changed = true;
        everything.resources_list_changed = true;
        self.offered_of(everything) != SubscriptionFilter::default()
            || self.resources.as_ref().is_some_and(|resources| resources.subscribe)
    }

    /// As much of a filter as the server has promised to tell of.
    pub(crate) fn offered_of(&self, mut filter: SubscriptionFilter) -> SubscriptionFilter {
        filter.tools_list_changed &= self.tools.as_ref().is_some_and(|it| it.list_changed);
        filter.prompts_list_changed &= self.prompts.as_ref().is_some_and(|it| it.list_changed);
        let resources = self.resources.as_ref();
        filter.resources_list_changed &= resources.is_some_and(|it| it.list_changed);
        if !resources.is_some_and(|it| it.subscribe) {
            filter.resource_subscriptions.clear();
        }
        filter
    }

    /// The object as `revision` defines it.
    pub(crate) fn to_json(&self, revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        struct ServerCapabilities<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            tools: Option<&'a ToolsCapability>,
            #[serde(skip_serializing_if = "Option::is_none")]
            prompts: Option<&'a PromptsCapability>,
            #[serde(skip_serializing_if = "Option::is_none")]
            resources: Option<&'a ResourcesCapability>,
            #[serde(skip_serializing_if = "Option::is_none")]
            completions: Option<&'a CompletionsCapability>,
            #[serde(skip_serializing_if = "Option::is_none")]
            logging: Option<&'a LoggingCapability>,
        }

        ServerCapabilities {
            tools: self.tools.as_ref(),
            prompts: self.prompts.as_ref(),
            resources: self.resources.as_ref(),
            completions: self.completions.as_ref(),
            // In the 2025 revisions it promises `logging/setLevel`, which needs a session.
            logging: self.logging.as_ref().filter(|_| revision.era() == Era::Modern),
        }
    }
}
