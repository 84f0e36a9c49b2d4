//! The server that a user writes.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use mcp_proto::{Call, ResponseMode, ServerInfo, Tool, ToolsCapability};

use crate::counters::Counters;
use crate::handler::{Started, ToolHandler};
use crate::runtime::BoxFuture;

/// Any error, from any thread.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) type StartHook = Box<dyn FnOnce() -> BoxFuture<'static, Result<(), BoxError>> + Send>;
pub(crate) type StopHook = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;
pub(crate) type ToolFn = dyn Fn(Call) -> Started + Send + Sync;

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
    pub(crate) tools: Vec<Tool>,
    pub(crate) handlers: HashMap<String, Arc<ToolFn>>,
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
            tools: Vec::new(),
            handlers: HashMap::new(),
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
    /// See [`ToolHandler`] for the functions that can be tools. A name that is taken, or that
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
    pub fn tool<Form, H: ToolHandler<Form>>(
        mut self,
        name: impl Into<String>,
        description: impl Into<String>,
        handler: H,
    ) -> Self {
        let tool = H::describe(name.into(), description.into());
        self.info.capabilities.tools = Some(ToolsCapability::default());
        self.handlers.insert(tool.name.clone(), Arc::new(move |call| handler.call(call)));
        self.tools.push(tool);
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
            .field("tools", &self.tools)
            .finish_non_exhaustive()
    }
}
