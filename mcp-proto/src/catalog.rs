//! What a server offers, described once and for all revisions.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::LazyCell;
use core::fmt;
use core::num::NonZeroUsize;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::caching::{CacheScope, Caching};
use crate::call::{Call, Reply};
use crate::completion::CompletionReference;
use crate::error::{Excerpt, RpcError};
use crate::method::McpMethod;
use crate::param_header::ParamHeaders;
use crate::prompt::Prompt;
use crate::request::Request;
use crate::resource::{Resource, ResourceTemplate};
use crate::revision::{Era, Revision};
use crate::tool::{Tool, describes_object};
use crate::uri_template::{Captures, percent_decode};

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
    /// What is not for everybody: see [`Catalog::answer_to`]. Lists with such members are private
    /// to their readers, whatever `list_caching` says.
    pub restricted: BTreeSet<OfferKey>,
    /// How long clients may keep lists. By default, [`Caching::LIST`].
    pub list_caching: Option<Caching>,
}

/// Names one thing that is offered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "MCP offers these four")]
pub enum OfferKey {
    /// A tool, by its name.
    Tool(String),
    /// A prompt, by its name.
    Prompt(String),
    /// A resource, by its URI.
    Resource(String),
    /// A resource template, by its text.
    ResourceTemplate(String),
}

impl OfferKey {
    /// The name, URI or text.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Tool(name)
            | Self::Prompt(name)
            | Self::Resource(name)
            | Self::ResourceTemplate(name) => name,
        }
    }
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
    /// The URIs of restricted resources, decoded and sorted.
    restricted: Vec<String>,
    /// Those of each tool.
    param_headers: Vec<ParamHeaders>,
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
    pub(crate) caching: Caching,
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
                 `\"type\": \"object\"`, or its type `#[schemars(extend(\"type\" = \"object\"))]`"
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
        let mut param_headers = Vec::with_capacity(offer.tools.len());
        for tool in &offer.tools {
            let name = tool.name.clone();
            if !is_tool_name(&name) {
                return Err(CatalogError::InvalidToolName { name });
            }
            if !describes_object(tool.input_schema()) {
                return Err(CatalogError::InvalidInputSchema { name });
            }
            let schema = serde_json::from_str(tool.input_schema().get()).unwrap_or_default();
            match ParamHeaders::find(&schema) {
                Ok(headers) => param_headers.push(headers),
                Err(reason) => return Err(CatalogError::InvalidParamHeader { name, reason }),
            }
        }
        let resources = List::new(offer, &offer.resources)?;
        let mut restricted: Vec<_> = resources.restricted().collect();
        restricted.sort_unstable();
        let inner = Inner {
            tools: List::new(offer, &offer.tools)?,
            prompts: List::new(offer, &offer.prompts)?,
            resources,
            restricted,
            resource_templates: List::new(offer, &offer.resource_templates)?,
            templates: offer.resource_templates.clone(),
            param_headers,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Answers `call` if nothing has to run for that: lists, and calls of what is not offered. To
    /// this, whatever is [restricted](Offer::restricted) is not there.
    #[must_use]
    pub fn answer(&self, call: &Call) -> Option<Reply> {
        self.answer_to(call, |_| false)
    }

    /// Answers a call as [`answer`](Self::answer) does, to a caller for whom `is_visible` says
    /// which of the [restricted](Offer::restricted) things are there.
    #[must_use]
    pub fn answer_to(&self, call: &Call, is_visible: impl Fn(&OfferKey) -> bool) -> Option<Reply> {
        let request = call.request();
        let is_visible = &|item: &Item| !item.is_restricted || is_visible(&item.key);
        let inner = &*self.inner;
        let result = match request.method() {
            McpMethod::ListTools => inner.tools.page(request, is_visible),
            McpMethod::ListPrompts => inner.prompts.page(request, is_visible),
            McpMethod::ListResources => inner.resources.page(request, is_visible),
            McpMethod::ListResourceTemplates => inner.resource_templates.page(request, is_visible),
            McpMethod::CallTool => match inner.tools.find(request.name(), is_visible) {
                Some(position) => match check(&inner.param_headers[position], request) {
                    Ok(()) => return None,
                    Err(error) => Err(error),
                },
                None => Err(unknown("tool", request.name(), "tools/list")),
            },
            McpMethod::GetPrompt => match inner.prompts.find(request.name(), is_visible) {
                Some(_) => return None,
                None => Err(unknown("prompt", request.name(), "prompts/list")),
            },
            McpMethod::ReadResource => match inner.find_resource(request.name()) {
                Some((item, _)) if is_visible(item) => return None,
                _ => Err(RpcError::resource_not_found(request.name())),
            },
            McpMethod::Complete => match &request.completion()?.reference {
                CompletionReference::Prompt { name } => {
                    match inner.prompts.find(name, is_visible) {
                        Some(_) => return None,
                        None => Err(unknown("prompt", name, "prompts/list")),
                    }
                }
                CompletionReference::Resource { uri } => {
                    // One without variables has nothing to complete, which is no mistake.
                    let template = inner.resource_templates.find(uri, is_visible);
                    match template.or_else(|| inner.resources.find(uri, is_visible)) {
                        Some(_) => return None,
                        None => Err(unknown("resource template", uri, "resources/templates/list")),
                    }
                }
            },
            _ => return None,
        };
        Some(result.unwrap_or_else(Reply::Error))
    }

    /// Whether `uri` means something that is there and [restricted](Offer::restricted), and that
    /// `is_visible` does not let through.
    #[must_use]
    pub fn hides_resource(&self, uri: &str, is_visible: impl Fn(&OfferKey) -> bool) -> bool {
        let item = self.inner.find_resource(uri).map(|(item, _)| item);
        item.is_some_and(|item| item.is_restricted && !is_visible(&item.key))
    }

    /// Finds what a URI means: the resource of that URI, or else the first template that fits.
    ///
    /// Another spelling of a [restricted](Offer::restricted) one, such as `%61` for `a`, means nothing.
    #[must_use]
    pub fn find_resource(&self, uri: &str) -> Option<ResourceMatch> {
        self.inner.find_resource(uri).map(|(_, found)| found)
    }
}

impl Inner {
    fn find_resource(&self, uri: &str) -> Option<(&Item, ResourceMatch)> {
        if let Some(position) = self.resources.position(uri) {
            return Some((&self.resources.items[position], ResourceMatch::Listed));
        }
        // The handler of a template sees its values decoded, and so would take another spelling of a URI
        // for that one (RFC 3986 section 6.2.2.2). Under such a spelling, nothing restricted is found.
        let decoded = LazyCell::new(|| percent_decode(uri));
        if !self.restricted.is_empty()
            && let Some(decoded) = &*decoded
            && self.restricted.binary_search(decoded).is_ok()
        {
            return None;
        }
        // What cannot be decoded has no values.
        let plain = LazyCell::new(|| Some(decoded.as_deref()?.replace('%', "%25")));
        for (position, ResourceTemplate { uri_template, .. }) in self.templates.iter().enumerate() {
            let item = &self.resource_templates.items[position];
            if let Some(captures) = uri_template.match_uri(uri) {
                return Some((item, ResourceMatch::Template { position, captures }));
            }
            if item.is_restricted && uri_template.match_uri(plain.as_deref()?).is_some() {
                return None;
            }
        }
        None
    }
}

/// Checks that the fields of a call say what its arguments say.
fn check(headers: &ParamHeaders, request: &Request) -> Result<(), RpcError> {
    let is_mirrored = request.revision().era() == Era::Modern && !request.head().is_none();
    if headers.is_empty() || !is_mirrored {
        return Ok(());
    }
    headers.check(request.head(), request.arguments())
}

fn unknown(kind: &str, name: &str, list: &str) -> RpcError {
    RpcError::invalid_params(format!(
        "unknown {kind} {}: see {list} for those offered",
        Excerpt(name)
    ))
}

/// Something that is listed.
pub(crate) trait Listed {
    /// What it is asked for by.
    fn key(&self) -> OfferKey;

    /// Its description as `revision` defines it.
    fn to_json(&self, revision: Revision) -> impl Serialize;
}

/// The builders that all descriptions have.
macro_rules! listed_builders {
    () => {
        /// Gives it a name for people. Left out before 2025-06-18.
        #[must_use]
        pub fn title(mut self, title: impl Into<String>) -> Self {
            self.title = Some(title.into());
            self
        }

        /// Adds a picture that stands for it. Left out before 2025-11-25.
        #[must_use]
        pub fn icon(mut self, icon: Icon) -> Self {
            self.icons.push(icon);
            self
        }

        /// Says more about it (`_meta`). Left out if it is no object, and before 2025-06-18.
        #[must_use]
        pub fn meta(mut self, meta: Box<RawValue>) -> Self {
            self.meta = Some(meta);
            self
        }
    };
}
pub(crate) use listed_builders;

/// One kind of what is offered.
#[derive(Debug)]
struct List {
    items: Vec<Item>,
    /// Their positions, in the order of their names.
    by_name: Vec<usize>,
    page_size: usize,
    /// For each revision, the pages of a list that is the same for all.
    pages: [Vec<Arc<str>>; Revision::ALL.len()],
    is_restricted: bool,
    caching: Caching,
}

#[derive(Debug)]
struct Item {
    key: OfferKey,
    is_restricted: bool,
    /// For each revision.
    json: [Box<str>; Revision::ALL.len()],
    /// What a client asks with for the items behind this one: its name in Base64. So it stays
    /// good when the server restarts, and when other items come and go.
    cursor: Arc<str>,
}

impl List {
    fn new<T: Listed>(offer: &Offer, items: &[T]) -> Result<Self, CatalogError> {
        Self::of(offer, items.iter().map(|item| Item::new(offer, item)).collect())
    }

    fn of(offer: &Offer, items: Vec<Item>) -> Result<Self, CatalogError> {
        let name = |position: &usize| items[*position].key.name();
        let mut by_name: Vec<_> = (0..items.len()).collect();
        by_name.sort_unstable_by_key(name);
        if let Some(pair) = by_name.windows(2).find(|pair| name(&pair[0]) == name(&pair[1])) {
            return Err(CatalogError::Duplicate { name: name(&pair[0]).to_owned() });
        }
        let page_size = offer.page_size.map_or(usize::MAX, NonZeroUsize::get);
        let is_restricted = items.iter().any(|item| item.is_restricted);
        let caching = offer.list_caching.unwrap_or(Caching::LIST);
        let scope = if is_restricted { CacheScope::Private } else { caching.scope };
        Ok(Self {
            pages: core::array::from_fn(|revision| {
                let pages = items.chunks(page_size);
                pages.map(|page| array_of(page.iter(), revision)).collect()
            }),
            by_name,
            page_size,
            is_restricted,
            caching: Caching { scope, ..caching },
            items,
        })
    }

    fn position(&self, name: &str) -> Option<usize> {
        let found =
            self.by_name.binary_search_by_key(&name, |position| self.items[*position].key.name());
        found.ok().map(|at| self.by_name[at])
    }

    /// The names of those that are restricted, decoded. One that is not UTF-8 then is like no value of a
    /// template.
    fn restricted(&self) -> impl Iterator<Item = String> {
        let items = self.items.iter().filter(|item| item.is_restricted);
        items.filter_map(|item| percent_decode(item.key.name()))
    }

    fn find(&self, name: &str, is_visible: &impl Fn(&Item) -> bool) -> Option<usize> {
        self.position(name).filter(|&position| is_visible(&self.items[position]))
    }

    fn page(
        &self,
        request: &Request,
        is_visible: &impl Fn(&Item) -> bool,
    ) -> Result<Reply, RpcError> {
        let start = match request.cursor() {
            None => 0,
            Some(cursor) => self.behind(cursor, is_visible).ok_or_else(|| {
                RpcError::invalid_params("invalid cursor: start again without one")
            })?,
        };
        let revision = Revision::ALL.iter().position(|&it| it == request.revision()).unwrap_or(0);
        let is_ready = !self.is_restricted && start.is_multiple_of(self.page_size);
        let ready = self.pages[revision].get(start / self.page_size).filter(|_| is_ready);
        let (items, next_cursor) = match ready {
            Some(page) => {
                let end = start.saturating_add(self.page_size);
                let last = self.items.get(end.saturating_sub(1));
                let last = last.filter(|_| end < self.items.len());
                (page.clone(), last.map(|last| last.cursor.clone()))
            }
            None => {
                // Each is asked for once: the answer may not be the same twice.
                let mut visible = self.items[start..].iter().filter(|item| is_visible(item));
                let page: Vec<_> = visible.by_ref().take(self.page_size).collect();
                let last = page.last().filter(|_| visible.next().is_some());
                let next_cursor = last.map(|last| last.cursor.clone());
                (array_of(page.into_iter(), revision), next_cursor)
            }
        };
        let caching = self.caching;
        Ok(Reply::List(Listing { method: request.method(), items, next_cursor, caching }))
    }

    /// The position behind the item that a cursor names. A client makes up the name of one that it
    /// does not see, and must not learn whether it is there.
    fn behind(&self, cursor: &str, is_visible: &impl Fn(&Item) -> bool) -> Option<usize> {
        let name = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
        self.find(&name, is_visible).map(|position| position + 1)
    }
}

impl Item {
    fn new<T: Listed>(offer: &Offer, item: &T) -> Self {
        let key = item.key();
        Self {
            is_restricted: offer.restricted.contains(&key),
            json: Revision::ALL.map(|revision| {
                serde_json::to_string(&item.to_json(revision)).unwrap_or_default().into()
            }),
            cursor: STANDARD.encode(key.name()).into(),
            key,
        }
    }
}

/// A JSON array of items, as the revision of that position has them.
fn array_of<'a>(items: impl Iterator<Item = &'a Item>, revision: usize) -> Arc<str> {
    let mut json = String::from("[");
    for item in items {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(&item.json[revision]);
    }
    json.push(']');
    json.into()
}

fn is_tool_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use alloc::string::ToString;
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
        let mirrored = json!({"type": "number", "x-mcp-header": "P"});
        let schema = json!({"type": "object", "properties": {"p": mirrored}});
        assert!(error(vec![tool("a", &schema)]).unwrap().contains("leave out the tool \"a\": "));
    }

    #[test]
    fn a_key_has_the_name_that_it_was_made_of() {
        let keys =
            [OfferKey::Tool, OfferKey::Prompt, OfferKey::Resource, OfferKey::ResourceTemplate];
        assert_eq!(keys.map(|key| key("a".into()).name() == "a"), [true; 4]);
    }

    #[test]
    fn lists_have_the_shape_of_their_revision() {
        let mut titled =
            tool("a", &json!({"type": "object"})).with_output_schema(&json!({"type": "array"}));
        titled.title = Some("A".into());
        let catalog = offer(vec![titled]).unwrap();
        let json = |revision| {
            let position = Revision::ALL.iter().position(|&r| r == revision).unwrap();
            catalog.inner.tools.pages[position][0].to_string()
        };
        let plain = r#"{"name":"a","description":"does it","inputSchema":{"type":"object"}}"#;
        assert_eq!(json(Revision::V2025_03_26), format!("[{plain}]"));
        assert_eq!(
            json(Revision::V2025_11_25),
            r#"[{"name":"a","title":"A","description":"does it","inputSchema":{"type":"object"}}]"#
        );
        assert!(json(Revision::V2026_07_28).contains(r#""outputSchema":{"type":"array"}"#));
    }

    /// Walks through a list of `count` tools, of which those named `hidden` are restricted, and
    /// returns the names on each page.
    fn walk(count: usize, page_size: usize, hidden: &[&str], sees: &[&str]) -> Vec<Vec<String>> {
        let object = json!({"type": "object"});
        let restricted = hidden.iter().map(|name| OfferKey::Tool((*name).into())).collect();
        let catalog = Catalog::new(&Offer {
            tools: (0..count).map(|n| tool(&format!("t{n}"), &object)).collect(),
            page_size: NonZeroUsize::new(page_size),
            restricted,
            ..Offer::default()
        });
        let catalog = catalog.unwrap();
        let is_visible = |item: &Item| !item.is_restricted || sees.contains(&item.key.name());
        let mut pages = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let request = list_tools(cursor.as_deref());
            let Ok(Reply::List(page)) = catalog.inner.tools.page(&request, &is_visible) else {
                panic!("no page for {cursor:?}");
            };
            let scope = if hidden.is_empty() { CacheScope::Public } else { CacheScope::Private };
            assert_eq!(page.caching.scope, scope);
            let items: Vec<Value> = serde_json::from_str(&page.items).unwrap();
            let names = items.iter().map(|item| item["name"].as_str().unwrap().into());
            pages.push(names.collect());
            match page.next_cursor {
                Some(next) => cursor = Some(next.to_string()),
                None => return pages,
            }
        }
    }

    fn list_tools(cursor: Option<&str>) -> Request {
        let body = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"cursor": cursor},
        });
        let body = body.to_string();
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let mut info = crate::ServerInfo::new("t", "1");
        info.capabilities.tools = Some(crate::ToolsCapability::default());
        let config = crate::Config::new([crate::Endpoint::new("/mcp", info).unwrap()]);
        let now = crate::Instant::from_micros(0).into();
        let mut session = crate::Session::new(Arc::new(config), now);
        session.handle(now, crate::Input::Bytes((head + &body).as_bytes()));
        match session.poll_output() {
            Some(crate::Output::Call(call)) => *call.request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pages_are_cut_by_size() {
        let sizes = |count, page_size| -> Vec<usize> {
            walk(count, page_size, &[], &[]).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(0, 2), [0]);
        assert_eq!(sizes(2, 2), [2]);
        assert_eq!(sizes(3, 2), [2, 1]);
        assert_eq!(sizes(4, 2), [2, 2]);
        assert_eq!(sizes(3, 0), [3]);
    }

    #[test]
    fn pages_have_every_item_once_and_in_order() {
        for count in 0..20 {
            let names: Vec<_> = (0..count).map(|n| format!("t{n}")).collect();
            for page_size in 0..5 {
                assert_eq!(walk(count, page_size, &[], &[]).concat(), names, "by {page_size}");
            }
        }
    }

    #[test]
    fn what_is_hidden_is_not_there_and_fills_no_page() {
        let walk = |sees: &[&str]| walk(5, 2, &["t1", "t4"], sees);
        assert_eq!(walk(&[]), [vec!["t0", "t2"], vec!["t3"]]);
        assert_eq!(walk(&["t1"]), [vec!["t0", "t1"], vec!["t2", "t3"]]);
        assert_eq!(walk(&["t1", "t4"]), [vec!["t0", "t1"], vec!["t2", "t3"], vec!["t4"]]);
    }

    #[test]
    fn a_cursor_stays_good_while_its_item_is_there() {
        let object = json!({"type": "object"});
        let page = |names: &[&str], cursor: &str| {
            let tools = names.iter().map(|name| tool(name, &object)).collect();
            let page_size = NonZeroUsize::new(2);
            let catalog = Catalog::new(&Offer { tools, page_size, ..Offer::default() }).unwrap();
            let cursor = STANDARD.encode(cursor);
            match catalog.inner.tools.page(&list_tools(Some(&cursor)), &|_| true) {
                Ok(Reply::List(page)) => Ok(page.items.to_string().matches("name").count()),
                Ok(other) => panic!("{other:?}"),
                Err(error) => Err(error.code),
            }
        };
        assert_eq!(page(&["a", "b", "c"], "b"), Ok(1));
        assert_eq!(page(&["b", "c", "d", "e"], "b"), Ok(2));
        assert_eq!(page(&["a", "b"], "b"), Ok(0));
        assert_eq!(page(&["a", "c"], "b"), Err(ErrorCode::INVALID_PARAMS));
    }
}
