//! What a server says of itself.

use alloc::string::String;

use serde::Serialize;

use crate::revision::Revision;

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

/// The `ServerCapabilities` object.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// Present if there are tools to call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<ToolsCapability>,
}

/// The `tools` member of [`Capabilities`].
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct ToolsCapability {}
