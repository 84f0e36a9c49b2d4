//! The server that a user writes.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use mcp_proto::{
    Call, CompletionReference, CompletionsCapability, InvalidTemplate, LoggingCapability, Offer,
    PromptsCapability, Resource, ResourceTemplate, ResourcesCapability, ResponseMode, ServerInfo,
    ToolsCapability,
};

use crate::arguments::Described;
use crate::completions::Completions;
use crate::counters::Counters;
use crate::handler::{Handler, Kind, Started};
use crate::prompts::{self, Prompts};
use crate::resources::{ResourceInfo, Resources};
use crate::runtime::BoxFuture;
use crate::tools::{self, IntoToolResult, Tools};

/// Any error, from any thread.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) type StartHook = Box<dyn FnOnce() -> BoxFuture<'static, Result<(), BoxError>> + Send>;
pub(crate) type StopHook = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;
pub(crate) type HandlerFn = Arc<dyn Fn(Call) -> Started + Send + Sync>;

/// The functions behind an [`Offer`].
#[derive(Default)]
pub(crate) struct Handlers {
    pub(crate) tools: HashMap<String, HandlerFn>,
    pub(crate) prompts: HashMap<String, HandlerFn>,
    pub(crate) resources: HashMap<String, HandlerFn>,
    /// In the order of the offer.
    pub(crate) resource_templates: Vec<HandlerFn>,
    /// By what is completed.
    pub(crate) completions: HashMap<(CompletionReference, String), HandlerFn>,
}

fn handler_fn<K: Kind, Form, H: Handler<K, Form>>(handler: H, info: K::Info) -> HandlerFn {
    Arc::new(move |call| handler.call(call, &info))
}

/// An MCP server: a name, and what it offers.
///
/// It does nothing until it is mounted in [`Endpoints`](crate::Endpoints) and served.
///
/// ```
/// use mcp_server::Server;
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Add {
///     /// The first summand.
///     a: f64,
///     /// The second summand.
///     b: f64,
/// }
///
/// let server = Server::new("math", "1.0.0")
///     .instructions("Use it for sums that must be right.")
///     .tool("add", "Adds two numbers", |args: Add| async move { args.a + args.b });
/// ```
pub struct Server {
    pub(crate) info: ServerInfo,
    pub(crate) offer: Offer,
    pub(crate) handlers: Handlers,
    /// The first template that was none; reported when the server is started.
    pub(crate) invalid_template: Option<InvalidTemplate>,
    pub(crate) on_start: Vec<StartHook>,
    pub(crate) on_stop: Vec<StopHook>,
    pub(crate) response_mode: ResponseMode,
    pub(crate) answer_half_closed: bool,
    pub(crate) counters: Counters,
}

impl Server {
    /// A server that offers nothing yet.
    #[must_use]
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            info: ServerInfo::new(name, version),
            offer: Offer::default(),
            handlers: Handlers::default(),
            invalid_template: None,
            on_start: Vec::new(),
            on_stop: Vec::new(),
            response_mode: ResponseMode::default(),
            answer_half_closed: false,
            counters: Counters::default(),
        }
    }

    /// A name for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.info.title = Some(title.into());
        self
    }

    /// How a model should use the server.
    #[must_use]
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.info.instructions = Some(instructions.into());
        self
    }

    /// Offers a function as a tool. Tools are listed in the order in which they are added.
    ///
    /// See [`Handler`] for the functions that can be tools. A name that is taken, or that
    /// clients could not call, is reported when the server is started.
    ///
    /// What calls share goes into an `Arc`, which is cloned for each:
    ///
    /// ```
    /// # use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
    /// # use mcp_server::Server;
    /// let visits = Arc::new(AtomicU64::new(0));
    /// let server = Server::new("counter", "1.0.0").tool("visit", "Counts visits", move || {
    ///     let visits = visits.clone();
    ///     async move { visits.fetch_add(1, Ordering::Relaxed) + 1 }
    /// });
    /// ```
    #[must_use]
    pub fn tool<Form, H>(
        mut self,
        name: impl Into<String>,
        description: impl Into<String>,
        handler: H,
    ) -> Self
    where
        H: Handler<Tools, Form, Arguments: Described, Output: IntoToolResult>,
    {
        let tool = tools::describe::<H::Arguments, H::Output>(name.into(), description.into());
        self.info.capabilities.tools = Some(ToolsCapability::default());
        self.handlers.tools.insert(tool.name.clone(), handler_fn::<Tools, _, _>(handler, ()));
        self.offer.tools.push(tool);
        self
    }

    /// Offers a function as a prompt. Its arguments are text, each a field of the type it takes.
    ///
    /// ```
    /// # use mcp_server::Server;
    /// # use schemars::JsonSchema;
    /// # use serde::Deserialize;
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Review {
    ///     /// The code to be reviewed.
    ///     code: String,
    /// }
    ///
    /// let server = Server::new("reviews", "1.0.0").prompt("review", "Reviews code", |args: Review| {
    ///     format!("Please review this code:\n\n{}", args.code)
    /// });
    /// ```
    #[must_use]
    pub fn prompt<Form, H>(
        mut self,
        name: impl Into<String>,
        description: impl Into<String>,
        handler: H,
    ) -> Self
    where
        H: Handler<Prompts, Form, Arguments: Described>,
    {
        let prompt = prompts::describe::<H::Arguments>(name.into(), description.into());
        self.info.capabilities.prompts = Some(PromptsCapability::default());
        self.handlers.prompts.insert(prompt.name.clone(), handler_fn::<Prompts, _, _>(handler, ()));
        self.offer.prompts.push(prompt);
        self
    }

    /// Offers a function as a resource.
    ///
    /// ```
    /// # use mcp_server::{Resource, Server};
    /// let motd = Resource::new("demo://motd", "motd").mime_type("text/plain");
    /// let server = Server::new("demo", "1.0.0").resource(motd, || "Have a nice day.");
    /// ```
    #[must_use]
    pub fn resource<Form, H: Handler<Resources, Form>>(
        mut self,
        resource: Resource,
        handler: H,
    ) -> Self {
        let info = ResourceInfo::from(&resource);
        self.info.capabilities.resources = Some(ResourcesCapability::default());
        let handler = handler_fn::<Resources, _, _>(handler, info);
        self.handlers.resources.insert(resource.uri.clone(), handler);
        self.offer.resources.push(resource);
        self
    }

    /// Offers a function as all resources whose URIs fit a template, such as
    /// `file:///{+path}`. The variables are the fields of the type it takes. What it takes for
    /// none is not listed.
    ///
    /// `describe` adds to the description. See [`UriTemplate`](crate::UriTemplate) for what a
    /// template can be; another is reported when the server is started.
    ///
    /// ```
    /// # use mcp_server::Server;
    /// # use serde::Deserialize;
    /// #[derive(Deserialize)]
    /// struct Order { number: u32 }
    ///
    /// let server = Server::new("shop", "1.0.0").resource_template(
    ///     "shop://orders/{number}",
    ///     "order",
    ///     |template| template.mime_type("text/plain"),
    ///     |order: Order| format!("This is order {}.", order.number),
    /// );
    /// ```
    #[must_use]
    pub fn resource_template<Form, H: Handler<Resources, Form>>(
        mut self,
        uri_template: &str,
        name: impl Into<String>,
        describe: impl FnOnce(ResourceTemplate) -> ResourceTemplate,
        handler: H,
    ) -> Self {
        match uri_template.parse() {
            Ok(uri_template) => {
                let template = describe(ResourceTemplate::new(uri_template, name));
                let info = ResourceInfo::from(&template);
                self.info.capabilities.resources = Some(ResourcesCapability::default());
                let handler = handler_fn::<Resources, _, _>(handler, info);
                self.handlers.resource_templates.push(handler);
                self.offer.resource_templates.push(template);
            }
            Err(error) => drop(self.invalid_template.get_or_insert(error)),
        }
        self
    }

    /// Completes an argument of a prompt with a function of [`Completion`](crate::Completion).
    ///
    /// ```
    /// # use mcp_server::{Completion, Server};
    /// let server = Server::new("demo", "1.0.0")
    ///     .prompt("greet", "Greets", || "Hello!")
    ///     .complete_prompt("greet", "language", |typed: Completion| {
    ///         let mut languages = vec!["de", "en", "fr"];
    ///         languages.retain(|language| language.starts_with(&typed.value));
    ///         languages
    ///     });
    /// ```
    #[must_use]
    pub fn complete_prompt<Form, H: Handler<Completions, Form>>(
        self,
        prompt: impl Into<String>,
        argument: impl Into<String>,
        handler: H,
    ) -> Self {
        let reference = CompletionReference::Prompt { name: prompt.into() };
        self.complete(reference, argument.into(), handler)
    }

    /// Completes a variable of a resource template with a function of
    /// [`Completion`](crate::Completion).
    #[must_use]
    pub fn complete_template<Form, H: Handler<Completions, Form>>(
        self,
        uri_template: impl Into<String>,
        variable: impl Into<String>,
        handler: H,
    ) -> Self {
        let reference = CompletionReference::Resource { uri: uri_template.into() };
        self.complete(reference, variable.into(), handler)
    }

    fn complete<Form, H: Handler<Completions, Form>>(
        mut self,
        reference: CompletionReference,
        argument: String,
        handler: H,
    ) -> Self {
        self.info.capabilities.completions = Some(CompletionsCapability::default());
        let handler = handler_fn::<Completions, _, _>(handler, ());
        self.handlers.completions.insert((reference, argument), handler);
        self
    }

    /// Lists at most that many tools, prompts, resources or templates at once. By default, all.
    #[must_use]
    pub const fn page_size(mut self, page_size: std::num::NonZeroUsize) -> Self {
        self.offer.page_size = Some(page_size);
        self
    }

    /// Lets handlers send log messages to clients, by [`Context::log`](crate::Context::log).
    #[must_use]
    pub fn logging(mut self) -> Self {
        self.info.capabilities.logging = Some(LoggingCapability::default());
        self
    }

    /// Runs `hook` once, before the first request. An error stops the start of all that is mounted
    /// beside it.
    #[must_use]
    pub fn on_start<F, Fut, E>(mut self, hook: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.on_start.push(Box::new(|| {
            let started = hook();
            Box::pin(async { started.await.map_err(Into::into) })
        }));
        self
    }

    /// Runs `hook` once after the last request, if the server was started.
    #[must_use]
    pub fn on_stop<F, Fut>(mut self, hook: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.on_stop.push(Box::new(|| Box::pin(hook())));
        self
    }

    /// Pins responses to JSON objects or to event streams. By default the handler decides: see
    /// [`ResponseMode::Auto`].
    #[must_use]
    pub const fn response_mode(mut self, mode: ResponseMode) -> Self {
        self.response_mode = mode;
        self
    }

    /// Answers clients that close their sending half as soon as a request is out, such as some
    /// uses of netcat. By default they count as gone, and their requests are cancelled.
    #[must_use]
    pub const fn answer_half_closed(mut self, answer: bool) -> Self {
        self.answer_half_closed = answer;
        self
    }

    /// The server's counters, which stay valid after it has been mounted.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters.clone()
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("info", &self.info)
            .field("offer", &self.offer)
            .finish_non_exhaustive()
    }
}
