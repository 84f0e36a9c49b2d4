//! What a server offers, serialised once.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::call::{Call, Reply};
use crate::error::{Excerpt, RpcError};
use crate::request::McpMethod;
use crate::revision::Revision;
use crate::tool::{Tool, describes_object};

/// The tools of one server, in the order in which they are listed.
///
/// A [`Session`](crate::Session) hands every call to the application; the catalog answers those
/// that only need to be looked up. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Catalog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    names: BTreeSet<String>,
    /// The JSON array of all tools, for each revision.
    tools: [ToolList; Revision::ALL.len()],
}

/// A serialised list of tools: the answer to `tools/list`.
#[derive(Clone, Debug)]
pub struct ToolList {
    pub(crate) json: Arc<str>,
}

/// Tools that cannot stand in one catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CatalogError {
    /// The name is empty, longer than 128 characters, or holds others than `A-Za-z0-9_.-`
    /// (2026-07-28, server/tools, "Tool Names").
    InvalidName {
        /// The name.
        name: String,
    },
    /// Two tools have the same name.
    DuplicateName {
        /// The name.
        name: String,
    },
    /// The input schema is no JSON object with `"type": "object"`.
    InvalidInputSchema {
        /// The tool's name.
        name: String,
    },
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidName { name } => write!(
                f,
                "invalid tool name {name:?}: use 1 to 128 of the characters `A-Za-z0-9_.-`"
            ),
            Self::DuplicateName { name } => {
                write!(f, "two tools are called {name:?}: give each its own name")
            }
            Self::InvalidInputSchema { name } => write!(
                f,
                "the input schema of tool {name:?} does not describe an object: give it \
                 `\"type\": \"object\"`"
            ),
        }
    }
}

impl core::error::Error for CatalogError {}

impl Catalog {
    /// Serialises the descriptions of `tools` for every revision.
    ///
    /// # Errors
    ///
    /// If a client could not tell the tools apart or call them.
    pub fn new(tools: &[Tool]) -> Result<Self, CatalogError> {
        let mut names = BTreeSet::new();
        for tool in tools {
            let name = tool.name.clone();
            if !is_tool_name(&name) {
                return Err(CatalogError::InvalidName { name });
            }
            if !describes_object(tool.input_schema()) {
                return Err(CatalogError::InvalidInputSchema { name });
            }
            if !names.insert(name) {
                return Err(CatalogError::DuplicateName { name: tool.name.clone() });
            }
        }
        let list = |revision| {
            let objects: Vec<_> = tools.iter().map(|tool| tool.to_json(revision)).collect();
            let json = serde_json::to_string(&objects).unwrap_or_else(|_| "[]".to_string());
            ToolList { json: json.into() }
        };
        Ok(Self { inner: Arc::new(Inner { names, tools: Revision::ALL.map(list) }) })
    }

    /// Answers `call` if no tool has to run for that.
    ///
    /// `None` means that the call is `tools/call` for a tool of this catalog.
    #[must_use]
    pub fn answer(&self, call: &Call) -> Option<Reply> {
        let request = call.request();
        match request.method() {
            McpMethod::ListTools if request.cursor().is_some() => Some(Reply::Error(
                RpcError::invalid_params("invalid cursor: it was not issued by this server"),
            )),
            McpMethod::ListTools => {
                let position = Revision::ALL.iter().position(|&r| r == request.revision())?;
                Some(Reply::Tools(self.inner.tools[position].clone()))
            }
            McpMethod::CallTool => {
                let name = request.name();
                (!self.inner.names.contains(name)).then(|| {
                    Reply::Error(RpcError::invalid_params(format!(
                        "unknown tool {}: see tools/list for those offered",
                        Excerpt(name)
                    )))
                })
            }
        }
    }
}

fn is_tool_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn tool(name: &str, schema: &Value) -> Tool {
        Tool::new(name, "does it", schema)
    }

    #[test]
    fn refuses_tools_that_clients_could_not_call() {
        let object = &json!({"type": "object"});
        let error = |tools: &[Tool]| Catalog::new(tools).err().map(|error| error.to_string());
        assert_eq!(error(&[tool("a", object), tool("B.c_d-9", object)]), None);
        for name in ["", "a b", "a/b", "é", &"x".repeat(129)] {
            assert!(error(&[tool(name, object)]).unwrap().contains("invalid tool name"));
        }
        assert!(error(&[tool("a", object), tool("a", object)]).unwrap().contains("two tools"));
        for schema in [json!(true), json!({}), json!({"type": "string"}), json!([])] {
            assert!(error(&[tool("a", &schema)]).unwrap().contains("input schema"), "{schema}");
        }
    }

    #[test]
    fn lists_have_the_shape_of_their_revision() {
        let mut titled =
            tool("a", &json!({"type": "object"})).with_output_schema(&json!({"type": "array"}));
        titled.title = Some("A".into());
        let catalog = Catalog::new(&[titled]).unwrap();
        let json = |revision| {
            let position = Revision::ALL.iter().position(|&r| r == revision).unwrap();
            catalog.inner.tools[position].json.to_string()
        };
        let plain = r#"{"name":"a","description":"does it","inputSchema":{"type":"object"}}"#;
        assert_eq!(json(Revision::V2025_03_26), format!("[{plain}]"));
        assert_eq!(
            json(Revision::V2025_11_25),
            r#"[{"name":"a","title":"A","description":"does it","inputSchema":{"type":"object"}}]"#
        );
        assert!(json(Revision::V2026_07_28).contains(r#""outputSchema":{"type":"array"}"#));
    }
}
