//! Functions with their descriptions: what a server can be given, at its start or later.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use mcp_proto::{
    Catalog, CatalogError, CompletionReference, InvalidTemplate, McpMethod, Offer, OfferKey,
    Prompt, Request, Resource, ResourceMatch, ResourceTemplate, Tool, UriTemplate,
};

use crate::arguments::Described;
use crate::completions::Completions;
use crate::handler::{Begin, Handler, Kind, Started};
use crate::prompts::{self, Prompts};
use crate::resources::{ResourceInfo, Resources};
use crate::tools::{self, IntoToolResult, Tools};

pub(crate) type HandlerFn = Arc<dyn Fn(Begin) -> Started + Send + Sync>;
pub(crate) type VisibleFn = Arc<dyn Fn(&Request) -> bool + Send + Sync>;

pub(crate) fn handler_fn<K: Kind, Form, H: Handler<K, Form>>(
    handler: H,
    info: K::Info,
) -> HandlerFn {
    Arc::new(move |begin| handler.call(begin, &info))
}

/// A function and how it is described to clients: a tool, prompt, resource or template of
/// resources.
///
/// Made by [`tool`], [`prompt`], [`resource`] and [`resource_template`], and given to
/// [`Server::add`](crate::Server::add) or, while the server runs, to
/// [`ServerHandle::add`](crate::ServerHandle::add).
///
/// ```
/// use mcp_server::{Server, tool};
///
/// let now = tool("now", "The time", || "noon").describe(|tool| tool.title("What time is it?"));
/// let server = Server::new("clock", "1.0.0").add(now);
/// ```
pub struct Offered<D> {
    pub(crate) description: D,
    pub(crate) handler: HandlerFn,
    pub(crate) visible: Option<VisibleFn>,
    pub(crate) completions: Vec<(String, HandlerFn)>,
}

/// A function as a tool. See [`Handler`] for the functions that can be tools.
#[must_use]
pub fn tool<Form, H>(
    name: impl Into<String>,
    description: impl Into<String>,
    handler: H,
) -> Offered<Tool>
where
    H: Handler<Tools, Form, Arguments: Described, Output: IntoToolResult>,
{
    let tool = tools::describe::<H::Arguments, H::Output>(name.into(), description.into());
    Offered::new(tool, handler_fn::<Tools, _, _>(handler, ()))
}

/// A function as a prompt. Its arguments are the fields of the type it takes: text, or what can be read
/// from it, like numbers.
#[must_use]
pub fn prompt<Form, H>(
    name: impl Into<String>,
    description: impl Into<String>,
    handler: H,
) -> Offered<Prompt>
where
    H: Handler<Prompts, Form, Arguments: Described>,
{
    let prompt = prompts::describe::<H::Arguments>(name.into(), description.into());
    Offered::new(prompt, handler_fn::<Prompts, _, _>(handler, ()))
}

/// A function as a resource: what it returns is its content. It takes no arguments but a
/// [`Context`](crate::Context), whose [`request`](crate::Context::request) has the URI as its name.
#[must_use]
pub fn resource<Form, H: Handler<Resources, Form>>(
    resource: Resource,
    handler: H,
) -> Offered<Resource> {
    let info = ResourceInfo::from(&resource);
    Offered::new(resource, handler_fn::<Resources, _, _>(handler, info))
}

/// A function as all resources whose URIs fit a template. The fields of the type it takes have the names
/// of variables, and those of variables of a query are optional; the URI is the name of the
/// [`request`](crate::Context::request).
#[must_use]
pub fn resource_template<Form, H: Handler<Resources, Form>>(
    uri_template: UriTemplate,
    name: impl Into<String>,
    describe: impl FnOnce(ResourceTemplate) -> ResourceTemplate,
    handler: H,
) -> Offered<ResourceTemplate> {
    let template = describe(ResourceTemplate::new(uri_template, name));
    let info = ResourceInfo::from(&template);
    Offered::new(template, handler_fn::<Resources, _, _>(handler, info))
}

impl<D> Offered<D> {
    fn new(description: D, handler: HandlerFn) -> Self {
        Self { description, handler, visible: None, completions: Vec::new() }
    }

    /// Offers it to those clients only whose requests pass `is_visible`. To all others it is
    /// neither listed nor there, they hear of no change of what is in it, and a template that fits
    /// the URI of a hidden resource does not show it.
    ///
    /// `is_visible` is asked at each request that would show or use it, and should only look. When
    /// it panics, the answer is no. Of a resource, who may hear that it was updated is settled when a client
    /// subscribes to it, and not again. That a list has changed is told to all who listen for that, be the
    /// change one that they do not see.
    ///
    /// ```
    /// use mcp_server::tool;
    ///
    /// let reset = tool("reset", "Resets all", || "done").visible_if(|request| {
    ///     request.head().field("authorization") == Some(b"Bearer of-the-operator")
    /// });
    /// ```
    #[must_use]
    pub fn visible_if(
        mut self,
        is_visible: impl Fn(&Request) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.visible = Some(Arc::new(is_visible));
        self
    }

    fn completed_by<Form, H: Handler<Completions, Form>>(
        mut self,
        argument: impl Into<String>,
        handler: H,
    ) -> Self {
        let handler = handler_fn::<Completions, _, _>(handler, ());
        self.completions.push((argument.into(), handler));
        self
    }
}

impl<D: Offerable> Offered<D> {
    /// Makes its function do what the description says.
    pub(crate) fn prepared(self) -> Result<Self, OfferError> {
        let arguments = self.description.arguments();
        let mut completed = self.completions.iter().map(|(argument, _)| argument);
        if let Some(unknown) = completed.find(|argument| !arguments.contains(&argument.as_str())) {
            return Err(OfferError::Completion {
                of: self.description.key().name().to_owned(),
                argument: unknown.clone(),
                arguments: arguments.into_iter().map(str::to_owned).collect(),
            });
        }
        let handler = self.description.prepare(self.handler)?;
        Ok(Self { handler, ..self })
    }
}

impl Offered<Tool> {
    /// Adds to the description: a title, icons, hints on what it does.
    #[must_use]
    pub fn describe(mut self, describe: impl FnOnce(Tool) -> Tool) -> Self {
        self.description = describe(self.description);
        self
    }

    /// Holds calls to a schema written by hand (JSON Schema 2020-12, or draft-07 where `$schema`
    /// says so), in place of that of the function's type. A schema that cannot be used is reported
    /// when the tool is added.
    ///
    /// ```
    /// use mcp_server::tool;
    /// use serde_json::{Value, json};
    ///
    /// let pay = tool("pay", "Pays", |args: Value| format!("Paid {}.", args["amount"]))
    ///     .input_schema(json!({
    ///         "type": "object",
    ///         "properties": {"amount": {"type": "number", "exclusiveMinimum": 0}},
    ///         "required": ["amount"],
    ///     }));
    /// ```
    #[cfg(feature = "validation")]
    #[must_use]
    pub fn input_schema(mut self, schema: serde_json::Value) -> Self {
        self.description = self.description.with_input_schema(&schema);
        self
    }

    /// Holds structured results to a schema written by hand, likewise. One that does not fit is a
    /// failure of the server.
    #[cfg(feature = "validation")]
    #[must_use]
    pub fn output_schema(mut self, schema: serde_json::Value) -> Self {
        self.description = self.description.with_output_schema(&schema);
        self
    }
}

impl Offered<Prompt> {
    /// Adds to the description: a title, icons.
    #[must_use]
    pub fn describe(mut self, describe: impl FnOnce(Prompt) -> Prompt) -> Self {
        self.description = describe(self.description);
        self
    }

    /// Completes an argument with a function of [`Completion`](crate::Completion). If there is no such
    /// argument, that is reported when the prompt is added.
    #[must_use]
    pub fn complete<Form, H: Handler<Completions, Form>>(
        self,
        argument: impl Into<String>,
        handler: H,
    ) -> Self {
        self.completed_by(argument, handler)
    }
}

impl Offered<ResourceTemplate> {
    /// Completes a variable with a function of [`Completion`](crate::Completion). If there is no such
    /// variable, that is reported when the template is added.
    #[must_use]
    pub fn complete<Form, H: Handler<Completions, Form>>(
        self,
        variable: impl Into<String>,
        handler: H,
    ) -> Self {
        self.completed_by(variable, handler)
    }
}

impl<D: fmt::Debug> fmt::Debug for Offered<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offered").field("description", &self.description).finish_non_exhaustive()
    }
}

/// All that a server offers, and the functions behind it.
#[derive(Clone, Default)]
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "functions have nothing to show")]
pub struct Offering {
    pub(crate) offer: Offer,
    pub(crate) tools: HashMap<String, HandlerFn>,
    pub(crate) prompts: HashMap<String, HandlerFn>,
    pub(crate) resources: HashMap<String, HandlerFn>,
    pub(crate) resource_templates: HashMap<String, HandlerFn>,
    /// By what is completed.
    pub(crate) completions: HashMap<(CompletionReference, String), HandlerFn>,
    /// The methods of extensions, in the order of those of the endpoint.
    pub(crate) methods: Vec<HandlerFn>,
    /// Who may see what is not for everybody.
    pub(crate) visible: HashMap<OfferKey, VisibleFn>,
}

/// Something of which clients could not make use.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum OfferError {
    /// They could not call it, or tell it from another.
    Catalog(CatalogError),
    /// A URI template is none.
    Template(InvalidTemplate),
    /// A tool's schema is none that calls could be held to.
    #[non_exhaustive]
    Schema {
        /// The tool's name.
        tool: String,
        /// `input` or `output`.
        which: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A function completes an argument that a prompt, or a variable that a template, does not have.
    #[non_exhaustive]
    Completion {
        /// The prompt's name, or the template.
        of: String,
        /// What it does not have.
        argument: String,
        /// What it has.
        arguments: Vec<String>,
    },
    /// An extension has no name that clients could know it by.
    #[non_exhaustive]
    Extension {
        /// The name.
        name: String,
    },
    /// A method of an extension has the name of one of MCP itself, or of another.
    #[non_exhaustive]
    Method {
        /// The name.
        name: String,
    },
}

impl fmt::Display for OfferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Catalog(error) => error.fmt(f),
            Self::Template(error) => error.fmt(f),
            Self::Schema { tool, which, reason } => {
                write!(f, "the {which} schema of tool {tool:?} cannot be used: {reason}")
            }
            Self::Completion { of, argument, arguments } => {
                write!(f, "{of:?} has no {argument:?} to complete, but {arguments:?}")
            }
            Self::Extension { name } => write!(
                f,
                "invalid name {name:?} of an extension: use a prefix and a name, such as \
                 com.example/{name}"
            ),
            Self::Method { name } => write!(
                f,
                "MCP or another extension has a method {name:?} already, choose another name"
            ),
        }
    }
}

impl std::error::Error for OfferError {}

impl From<CatalogError> for OfferError {
    fn from(error: CatalogError) -> Self {
        Self::Catalog(error)
    }
}

/// A description of something that can be offered.
#[doc(hidden)]
pub trait Offerable: Sized {
    fn key(&self) -> OfferKey;

    /// What can be completed: the names of arguments or variables.
    fn arguments(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Makes what its function does what the description says.
    fn prepare(&self, handler: HandlerFn) -> Result<HandlerFn, OfferError> {
        Ok(handler)
    }

    /// Where its kind is kept.
    fn place(offering: &mut Offering) -> (&mut Vec<Self>, &mut HashMap<String, HandlerFn>);
}

impl Offerable for Tool {
    fn key(&self) -> OfferKey {
        OfferKey::Tool(self.name.clone())
    }

    #[cfg(feature = "validation")]
    fn prepare(&self, handler: HandlerFn) -> Result<HandlerFn, OfferError> {
        crate::validation::validated(self, handler)
    }

    fn place(offering: &mut Offering) -> (&mut Vec<Self>, &mut HashMap<String, HandlerFn>) {
        (&mut offering.offer.tools, &mut offering.tools)
    }
}

impl Offerable for Prompt {
    fn key(&self) -> OfferKey {
        OfferKey::Prompt(self.name.clone())
    }

    fn arguments(&self) -> Vec<&str> {
        self.arguments.iter().map(|argument| argument.name.as_str()).collect()
    }

    fn place(offering: &mut Offering) -> (&mut Vec<Self>, &mut HashMap<String, HandlerFn>) {
        (&mut offering.offer.prompts, &mut offering.prompts)
    }
}

impl Offerable for Resource {
    fn key(&self) -> OfferKey {
        OfferKey::Resource(self.uri.clone())
    }

    fn place(offering: &mut Offering) -> (&mut Vec<Self>, &mut HashMap<String, HandlerFn>) {
        (&mut offering.offer.resources, &mut offering.resources)
    }
}

impl Offerable for ResourceTemplate {
    fn key(&self) -> OfferKey {
        OfferKey::ResourceTemplate(self.uri_template.as_str().to_owned())
    }

    fn arguments(&self) -> Vec<&str> {
        self.uri_template.variables().collect()
    }

    fn place(offering: &mut Offering) -> (&mut Vec<Self>, &mut HashMap<String, HandlerFn>) {
        (&mut offering.offer.resource_templates, &mut offering.resource_templates)
    }
}

impl Offering {
    /// Adds something that is prepared at the end of its list or, where `replaces` says so, in the
    /// place of what has its name.
    pub(crate) fn put<D: Offerable>(&mut self, item: Offered<D>, replaces: bool) {
        let Offered { description, handler, visible, completions } = item;
        let key = description.key();
        if replaces {
            self.forget(&key);
        }
        if let Some(is_visible) = visible {
            self.offer.restricted.insert(key.clone());
            self.visible.insert(key.clone(), is_visible);
        }
        for (argument, handler) in completions {
            self.completions.extend(reference(&key).map(|it| ((it, argument), handler)));
        }
        let (list, handlers) = D::place(self);
        handlers.insert(key.name().to_owned(), handler);
        match list.iter_mut().find(|other| replaces && other.key() == key) {
            Some(other) => *other = description,
            None => list.push(description),
        }
    }

    /// Whether there was something to remove.
    pub(crate) fn remove(&mut self, key: &OfferKey) -> bool {
        self.forget(key);
        match key {
            OfferKey::Tool(_) => self.remove_from::<Tool>(key),
            OfferKey::Prompt(_) => self.remove_from::<Prompt>(key),
            OfferKey::Resource(_) => self.remove_from::<Resource>(key),
            OfferKey::ResourceTemplate(_) => self.remove_from::<ResourceTemplate>(key),
        }
    }

    fn remove_from<D: Offerable>(&mut self, key: &OfferKey) -> bool {
        let (list, handlers) = D::place(self);
        list.retain(|item| item.key() != *key);
        handlers.remove(key.name()).is_some()
    }

    /// Forgets all but the description and the function.
    fn forget(&mut self, key: &OfferKey) {
        self.offer.restricted.remove(key);
        self.visible.remove(key);
        if let Some(reference) = reference(key) {
            self.completions.retain(|(other, _), _| *other != reference);
        }
    }

    /// Finds who answers a request that the catalog does not.
    pub(crate) fn handler(&self, catalog: &Catalog, request: &Request) -> Option<&HandlerFn> {
        let name = request.name();
        match request.method() {
            McpMethod::CallTool => self.tools.get(name),
            McpMethod::GetPrompt => self.prompts.get(name),
            McpMethod::ReadResource => match catalog.find_resource(name)? {
                ResourceMatch::Listed => self.resources.get(name),
                ResourceMatch::Template { position, .. } => {
                    let template = self.offer.resource_templates.get(position)?;
                    self.resource_templates.get(template.uri_template.as_str())
                }
            },
            McpMethod::Complete => {
                let completion = request.completion()?;
                let key = (completion.reference.clone(), completion.argument.clone());
                self.completions.get(&key)
            }
            McpMethod::Extension(position) => self.methods.get(position),
            _ => None,
        }
    }
}

/// What completion knows something by, if it knows it.
fn reference(key: &OfferKey) -> Option<CompletionReference> {
    match key {
        OfferKey::Prompt(name) => Some(CompletionReference::Prompt { name: name.clone() }),
        OfferKey::ResourceTemplate(uri) => Some(CompletionReference::Resource { uri: uri.clone() }),
        OfferKey::Tool(_) | OfferKey::Resource(_) => None,
    }
}
