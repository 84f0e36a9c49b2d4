//! What a server offers, described once and for all revisions.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroUsize;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::call::{Call, Reply};
use crate::completion::CompletionReference;
use crate::error::{ErrorCode, Excerpt, RpcError};
use crate::method::McpMethod;
use crate::param_header::{self, ParamHeader};
use crate::prompt::Prompt;
use crate::request::Request;
use crate::resource::{Resource, ResourceTemplate};
use crate::revision::{Era, Revision};
use crate::tool::{Tool, describes_object};
use crate::uri_template::Captures;

/// What a server offers, each kind in the order in which it is listed.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// What can be called.
    pub tools: Vec<Tool>,
    /// What can be got.
    pub prompts: Vec<Prompt>,
    /// What can be read.
    pub resources: Vec<Resource>,
    /// What can be read once it is filled in.
    pub resource_templates: Vec<ResourceTemplate>,
    /// How many are listed at once. By default, all.
    pub page_size: Option<NonZeroUsize>,
}

/// An [`Offer`] that is ready to be served: serialised for each revision, page by page.
///
/// A [`Session`](crate::Session) hands every call to the application; the catalog answers those
/// that only need to be looked up. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Catalog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    tools: List,
    prompts: List,
    resources: List,
    resource_templates: List,
    templates: Vec<ResourceTemplate>,
    /// By the name of the tool, for those that have any.
    param_headers: BTreeMap<String, Vec<ParamHeader>>,
}

/// Which resource a URI means.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "MCP knows these two")]
pub enum ResourceMatch {
    /// The one that is listed under this URI.
    Listed,
    /// One of those that a template describes.
    Template {
        /// The position of the template in [`Offer::resource_templates`].
        position: usize,
        /// The values of its variables.
        captures: Captures,
    },
}

/// One page of a serialised list: the answer to a list request.
#[derive(Clone, Debug)]
pub struct Listing {
    pub(crate) method: McpMethod,
    /// A JSON array.
    pub(crate) items: Arc<str>,
    pub(crate) next_cursor: Option<Arc<str>>,
}

/// An offer of which clients could not make use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CatalogError {
    /// The name of a tool is empty, longer than 128 characters, or holds others than
    /// `A-Za-z0-9_.-` (2026-07-28, server/tools, "Tool Names").
    InvalidToolName {
        /// The name.
        name: String,
    },
    /// Two of a kind have the same name, or URI.
    Duplicate {
        /// The name or URI.
        name: String,
    },
    /// The input schema of a tool is no JSON object with `"type": "object"`.
    InvalidInputSchema {
        /// The tool's name.
        name: String,
    },
    /// The input schema of a tool has an `x-mcp-header` for which clients would leave out the tool
    /// (2026-07-28, basic/transports/streamable-http, "Schema Extension").
    InvalidParamHeader {
        /// The tool's name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidToolName { name } => write!(
                f,
                "invalid tool name {name:?}: use 1 to 128 of the characters `A-Za-z0-9_.-`"
            ),
            Self::Duplicate { name } => {
                write!(f, "{name:?} is offered twice: give each its own name")
            }
            Self::InvalidInputSchema { name } => write!(
                f,
                "the input schema of tool {name:?} does not describe an object: give it \
                 `\"type\": \"object\"`"
            ),
            Self::InvalidParamHeader { name, reason } => {
                write!(f, "clients would leave out the tool {name:?}: {reason}")
            }
        }
    }
}

impl core::error::Error for CatalogError {}

impl Catalog {
    /// Serialises the descriptions of what is offered.
    ///
    /// # Errors
    ///
    /// If a client could not tell two things apart, or call one.
    pub fn new(offer: &Offer) -> Result<Self, CatalogError> {
        let mut param_headers = BTreeMap::new();
        for tool in &offer.tools {
            let name = tool.name.clone();
            if !is_tool_name(&name) {
                return Err(CatalogError::InvalidToolName { name });
            }
            if !describes_object(tool.input_schema()) {
                return Err(CatalogError::InvalidInputSchema { name });
            }
            let schema = serde_json::from_str(tool.input_schema().get()).unwrap_or_default();
            match param_header::find(&schema) {
                Ok(headers) if headers.is_empty() => {}
                Ok(headers) => drop(param_headers.insert(name, headers)),
                Err(reason) => return Err(CatalogError::InvalidParamHeader { name, reason }),
            }
        }
        let Offer { tools, prompts, resources, resource_templates, page_size } = offer;
        let page_size = page_size.map_or(usize::MAX, NonZeroUsize::get);
        Ok(Self {
            inner: Arc::new(Inner {
                tools: List::new(tools, page_size)?,
                prompts: List::new(prompts, page_size)?,
                resources: List::new(resources, page_size)?,
                resource_templates: List::new(resource_templates, page_size)?,
                templates: resource_templates.clone(),
                param_headers,
            }),
        })
    }

    /// Answers `call` if nothing has to run for that: lists, and calls of what is not offered.
    #[must_use]
    pub fn answer(&self, call: &Call) -> Option<Reply> {
        let request = call.request();
        let result = match request.method() {
            method @ McpMethod::ListTools => self.inner.tools.page(method, request),
            method @ McpMethod::ListPrompts => self.inner.prompts.page(method, request),
            method @ McpMethod::ListResources => self.inner.resources.page(method, request),
            method @ McpMethod::ListResourceTemplates => {
                self.inner.resource_templates.page(method, request)
            }
            McpMethod::CallTool if self.inner.tools.has(request.name()) => {
                match self.check_param_headers(request) {
                    Ok(()) => return None,
                    Err(error) => Err(error),
                }
            }
            McpMethod::CallTool => Err(unknown("tool", request.name(), "tools/list")),
            McpMethod::GetPrompt if self.inner.prompts.has(request.name()) => return None,
            McpMethod::GetPrompt => Err(unknown("prompt", request.name(), "prompts/list")),
            McpMethod::ReadResource if self.find_resource(request.name()).is_some() => return None,
            McpMethod::ReadResource => Err(unknown_resource(request)),
            McpMethod::Complete => match &request.completion()?.reference {
                CompletionReference::Prompt { name } if self.inner.prompts.has(name) => {
                    return None;
                }
                CompletionReference::Prompt { name } => {
                    Err(unknown("prompt", name, "prompts/list"))
                }
                CompletionReference::Resource { uri } if self.inner.resource_templates.has(uri) => {
                    return None;
                }
                CompletionReference::Resource { uri } => {
                    Err(unknown("resource template", uri, "resources/templates/list"))
                }
            },
        };
        Some(result.unwrap_or_else(Reply::Error))
    }

    fn check_param_headers(&self, request: &Request) -> Result<(), RpcError> {
        match self.inner.param_headers.get(request.name()) {
            Some(headers) if request.revision().era() == Era::Modern => {
                param_header::check(headers, request.head(), request.arguments())
            }
            _ => Ok(()),
        }
    }

    /// Finds what a URI means: the resource of that URI, or else the first template that fits.
    #[must_use]
    pub fn find_resource(&self, uri: &str) -> Option<ResourceMatch> {
        if self.inner.resources.has(uri) {
            return Some(ResourceMatch::Listed);
        }
        self.inner.templates.iter().enumerate().find_map(|(position, template)| {
            let captures = template.uri_template.match_uri(uri)?;
            Some(ResourceMatch::Template { position, captures })
        })
    }
}

fn unknown(kind: &str, name: &str, list: &str) -> RpcError {
    RpcError::invalid_params(format!(
        "unknown {kind} {}: see {list} for those offered",
        Excerpt(name)
    ))
}

/// Has a code of its own in the 2025 revisions, and the URI in its data in all of them.
fn unknown_resource(request: &Request) -> RpcError {
    #[derive(Serialize)]
    struct Data<'a> {
        uri: &'a str,
    }

    let uri = request.name();
    let code = match request.revision().era() {
        Era::Legacy => ErrorCode::LEGACY_RESOURCE_NOT_FOUND,
        Era::Modern => ErrorCode::INVALID_PARAMS,
    };
    RpcError {
        code,
        data: serde_json::value::to_raw_value(&Data { uri }).ok(),
        ..unknown("resource", uri, "resources/list")
    }
}

/// Something that is listed.
pub(crate) trait Listed {
    /// What it is asked for by: its name or URI.
    fn key(&self) -> &str;

    /// Its description as `revision` defines it.
    fn to_json(&self, revision: Revision) -> impl Serialize;
}

/// One kind of what is offered.
#[derive(Debug)]
struct List {
    names: BTreeSet<String>,
    pages: Vec<Page>,
}

#[derive(Debug)]
struct Page {
    /// What a client asks for it with: the name of the last item of the page before, in Base64. So
    /// it stays good when the server restarts.
    cursor: Option<Arc<str>>,
    /// For each revision.
    items: [Arc<str>; Revision::ALL.len()],
}

impl List {
    fn new<T: Listed>(items: &[T], page_size: usize) -> Result<Self, CatalogError> {
        let mut names = BTreeSet::new();
        for item in items {
            if !names.insert(item.key().to_owned()) {
                return Err(CatalogError::Duplicate { name: item.key().to_owned() });
            }
        }
        // An empty list has a page, too.
        let starts = (0..items.len().max(1)).step_by(page_size);
        let pages = starts.map(|start| {
            let page = &items[start..items.len().min(start.saturating_add(page_size))];
            let before = start.checked_sub(1).map(|last| &items[last]);
            Page {
                cursor: before.map(|last| STANDARD.encode(last.key()).into()),
                items: Revision::ALL.map(|revision| {
                    let objects: Vec<_> = page.iter().map(|item| item.to_json(revision)).collect();
                    serde_json::to_string(&objects).unwrap_or_else(|_| "[]".to_string()).into()
                }),
            }
        });
        Ok(Self { pages: pages.collect(), names })
    }

    fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    fn page(&self, method: McpMethod, request: &Request) -> Result<Reply, RpcError> {
        let position = self
            .pages
            .iter()
            .position(|page| page.cursor.as_deref() == request.cursor())
            .ok_or_else(|| RpcError::invalid_params("invalid cursor: start again without one"))?;
        let revision = Revision::ALL.iter().position(|&it| it == request.revision()).unwrap_or(0);
        Ok(Reply::List(Listing {
            method,
            items: self.pages[position].items[revision].clone(),
            next_cursor: self.pages.get(position + 1).and_then(|next| next.cursor.clone()),
        }))
    }
}

fn is_tool_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use serde_json::{Value, json};

    fn tool(name: &str, schema: &Value) -> Tool {
        Tool::new(name, "does it", schema)
    }

    fn offer(tools: Vec<Tool>) -> Result<Catalog, CatalogError> {
        Catalog::new(&Offer { tools, ..Offer::default() })
    }

    #[test]
    fn refuses_tools_that_clients_could_not_call() {
        let object = &json!({"type": "object"});
        let error = |tools: Vec<Tool>| offer(tools).err().map(|error| error.to_string());
        assert_eq!(error(vec![tool("a", object), tool("B.c_d-9", object)]), None);
        for name in ["", "a b", "a/b", "é", &"x".repeat(129)] {
            assert!(error(vec![tool(name, object)]).unwrap().contains("invalid tool name"));
        }
        assert!(error(vec![tool("a", object), tool("a", object)]).unwrap().contains("twice"));
        for schema in [json!(true), json!({}), json!({"type": "string"}), json!([])] {
            assert!(error(vec![tool("a", &schema)]).unwrap().contains("input schema"), "{schema}");
        }
    }

    #[test]
    fn lists_have_the_shape_of_their_revision() {
        let mut titled =
            tool("a", &json!({"type": "object"})).with_output_schema(&json!({"type": "array"}));
        titled.title = Some("A".into());
        let catalog = offer(vec![titled]).unwrap();
        let json = |revision| {
            let position = Revision::ALL.iter().position(|&r| r == revision).unwrap();
            catalog.inner.tools.pages[0].items[position].to_string()
        };
        let plain = r#"{"name":"a","description":"does it","inputSchema":{"type":"object"}}"#;
        assert_eq!(json(Revision::V2025_03_26), format!("[{plain}]"));
        assert_eq!(
            json(Revision::V2025_11_25),
            r#"[{"name":"a","title":"A","description":"does it","inputSchema":{"type":"object"}}]"#
        );
        assert!(json(Revision::V2026_07_28).contains(r#""outputSchema":{"type":"array"}"#));
    }

    #[test]
    fn pages_are_cut_by_size_and_named_by_what_came_before() {
        let object = json!({"type": "object"});
        let cut = |count: usize, page_size| {
            let tools = (0..count).map(|n| tool(&format!("t{n}"), &object)).collect();
            let page_size = NonZeroUsize::new(page_size);
            let catalog = Catalog::new(&Offer { tools, page_size, ..Offer::default() }).unwrap();
            let pages = &catalog.inner.tools.pages;
            let sizes: Vec<_> =
                pages.iter().map(|page| page.items[0].matches("\"name\"").count()).collect();
            let cursors: Vec<_> =
                pages.iter().map(|page| page.cursor.as_deref().map(ToOwned::to_owned)).collect();
            (sizes, cursors)
        };
        assert_eq!(cut(0, 2), (vec![0], vec![None]));
        assert_eq!(cut(2, 2), (vec![2], vec![None]));
        let t1 = Some(STANDARD.encode("t1"));
        assert_eq!(cut(3, 2), (vec![2, 1], vec![None, t1.clone()]));
        assert_eq!(cut(4, 2), (vec![2, 2], vec![None, t1]));
        assert_eq!(cut(3, 0), (vec![3], vec![None]));
    }
}
