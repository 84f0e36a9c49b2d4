//! The server that a user writes.

use std::future::Future;
use std::sync::Arc;

use mcp_proto::{
    Caching, ExtensionMethod, Head, Icon, LoggingCapability, OfferKey, ProtectedResource,
    ReplayLog, Reply, Resource, ResourceTemplate, ResponseMode, ServerInfo,
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::arguments::Described;
use crate::authorizer::{AuthorizeFn, Authorizer, authorize_fn};
use crate::context::Context;
use crate::counters::Counters;
use crate::failure::any_rpc_error;
use crate::handler::{Begin, Handler, Started};
use crate::live::{Live, ServerHandle};
use crate::methods::Methods;
use crate::offered::{self, OfferError, Offerable, Offered};
use crate::prompts::Prompts;
use crate::request_state::{PrincipalFn, StateKeys, authorization};
use crate::resources::Resources;
use crate::runtime::BoxFuture;
use crate::tools::{IntoToolResult, Tools};

/// Any error, from any thread.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) type StartHook = Box<dyn FnOnce() -> BoxFuture<'static, Result<(), BoxError>> + Send>;
pub(crate) type InitializeHook = Box<dyn Fn(Begin) -> Started + Send + Sync>;
pub(crate) type StopHook = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

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
    pub(crate) live: Arc<Live>,
    pub(crate) methods: Vec<ExtensionMethod>,
    pub(crate) state_keys: Option<StateKeys>,
    pub(crate) principal: PrincipalFn,
    pub(crate) authorize: Option<AuthorizeFn>,
    pub(crate) protected_resource: Option<ProtectedResource>,
    /// The first thing that cannot be offered; reported when the server is started.
    pub(crate) problem: Option<OfferError>,
    pub(crate) on_initialize: Option<InitializeHook>,
    pub(crate) keeps_sessions: bool,
    pub(crate) replay_log: Option<Box<dyn ReplayLog>>,
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
        let info = ServerInfo::new(name, version);
        Self {
            counters: Counters::new(&info.name),
            info,
            live: Arc::default(),
            methods: Vec::new(),
            state_keys: None,
            principal: Box::new(authorization),
            authorize: None,
            protected_resource: None,
            problem: None,
            on_initialize: None,
            keeps_sessions: true,
            replay_log: None,
            on_start: Vec::new(),
            on_stop: Vec::new(),
            response_mode: ResponseMode::default(),
            answer_half_closed: false,
        }
    }

    /// A name for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.info.title = Some(title.into());
        self
    }

    /// What it is for, for people.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.info.description = Some(description.into());
        self
    }

    /// The URL of its website.
    #[must_use]
    pub fn website_url(mut self, website_url: impl Into<String>) -> Self {
        self.info.website_url = Some(website_url.into());
        self
    }

    /// A picture that stands for it. It goes out with every result of 2026-07-28, so give a URL rather
    /// than data.
    #[must_use]
    pub fn icon(mut self, icon: Icon) -> Self {
        self.info.icons.push(icon);
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
        self,
        name: impl Into<String>,
        description: impl Into<String>,
        handler: H,
    ) -> Self
    where
        H: Handler<Tools, Form, Arguments: Described, Output: IntoToolResult>,
    {
        self.add(offered::tool(name, description, handler))
    }

    /// Offers a function as a prompt. Its arguments are the fields of the type it takes: text, or what is
    /// read from it, such as numbers.
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
        self,
        name: impl Into<String>,
        description: impl Into<String>,
        handler: H,
    ) -> Self
    where
        H: Handler<Prompts, Form, Arguments: Described>,
    {
        self.add(offered::prompt(name, description, handler))
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
        self,
        resource: Resource,
        handler: H,
    ) -> Self {
        self.add(offered::resource(resource, handler))
    }

    /// Offers a function as all resources whose URIs fit a template, such as
    /// `file:///{+path}`. The variables are the fields of the type it takes. Clients are told of
    /// the template; add what `resources/list` shall have as resources.
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
            Ok(template) => self.add(offered::resource_template(template, name, describe, handler)),
            Err(error) => {
                self.problem.get_or_insert(OfferError::Template(error));
                self
            }
        }
    }

    /// Offers what [`tool`](crate::tool), [`prompt`](crate::prompt), [`resource`](crate::resource)
    /// and [`resource_template`](crate::resource_template) make, which can say more of it than the
    /// methods of these names here.
    ///
    /// ```
    /// # use mcp_server::{Completion, Server, prompt};
    /// # use schemars::JsonSchema;
    /// # use serde::Deserialize;
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Greet { language: String }
    ///
    /// let greet = prompt("greet", "Greets", |args: Greet| format!("Greet me in {}.", args.language))
    ///     .complete("language", |typed: Completion| {
    ///         let mut languages = vec!["de", "en", "fr"];
    ///         languages.retain(|language| language.starts_with(&typed.value));
    ///         languages
    ///     });
    /// let server = Server::new("demo", "1.0.0").add(greet);
    /// ```
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "nothing is summed up")]
    pub fn add<D: Offerable>(mut self, item: Offered<D>) -> Self {
        let capabilities = &mut self.info.capabilities;
        match item.description.key() {
            OfferKey::Tool(_) => drop(capabilities.tools.get_or_insert_default()),
            OfferKey::Prompt(_) => drop(capabilities.prompts.get_or_insert_default()),
            OfferKey::Resource(_) | OfferKey::ResourceTemplate(_) => {
                capabilities.resources.get_or_insert_default();
            }
        }
        if !item.completions.is_empty() {
            capabilities.completions.get_or_insert_default();
        }
        match item.prepared() {
            Ok(item) => self.live.describe(|offering| offering.put(item, false)),
            Err(error) => drop(self.problem.get_or_insert(error)),
        }
        self
    }

    /// A handle to change the server by while it runs, to be made before the server is mounted.
    /// Clients are told that what it offers may change, and can listen for that. As it may come to
    /// offer anything, it declares tools, prompts, resources and completion from the start.
    ///
    /// ```
    /// # use mcp_server::{Resource, Server};
    /// let mut server = Server::new("news", "1.0.0");
    /// let handle = server.handle();
    /// let server = server.resource(Resource::new("news://latest", "latest"), || "Nothing new.");
    /// // Later, from anywhere:
    /// handle.notify_resource_updated("news://latest");
    /// ```
    pub fn handle(&mut self) -> ServerHandle {
        let capabilities = &mut self.info.capabilities;
        capabilities.tools.get_or_insert_default().list_changed = true;
        capabilities.prompts.get_or_insert_default().list_changed = true;
        let resources = capabilities.resources.get_or_insert_default();
        (resources.list_changed, resources.subscribe) = (true, true);
        capabilities.completions.get_or_insert_default();
        ServerHandle::new(self.live.clone())
    }

    /// Seals with these keys what clients carry from one round of questions to the next, so that
    /// other replicas, and this one when it has been restarted, can go on. By default, a new key is
    /// made at each start.
    #[must_use]
    pub fn state_keys(mut self, keys: StateKeys) -> Self {
        self.state_keys = Some(keys);
        self
    }

    /// Says who sends a request, by its head. By default, whoever sends the same `Authorization` is
    /// the same; where tokens are renewed while people answer questions, take what stays the same,
    /// such as the subject of the token.
    ///
    /// What a client carries between rounds is good for the same principal only, and so are sessions
    /// of the 2025 revisions. That is all it is for: [`Context::principal`](crate::Context::principal) and
    /// [`visible_if`](crate::Offered::visible_if) know of whom an [authorizer](Self::authorizer) lets in,
    /// who is then the principal here, too.
    #[must_use]
    pub fn principal(
        mut self,
        principal: impl Fn(&Head) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.principal = Box::new(principal);
        self
    }

    /// Lets in only requests that `authorizer` lets in. By default, everybody is let in.
    ///
    /// Who that is, [handlers](crate::Context::principal) and
    /// [what says who sees what](Offered::visible_if) get to know. Sessions of the 2025 revisions, and
    /// what clients carry between rounds, are good for the same
    /// [subject](crate::Principal::subject) only.
    ///
    /// Over HTTP. Where messages go line by line there is no head that could carry a token: there,
    /// whoever can connect or has launched the process is let in.
    #[must_use]
    pub fn authorizer(mut self, authorizer: impl Authorizer) -> Self {
        self.authorize = Some(authorize_fn(authorizer));
        self
    }

    /// Tells clients where to get tokens: at `/.well-known/oauth-protected-resource` followed by the
    /// path that the server is mounted at (RFC 9728), and in what is answered to requests that are
    /// not let in. That path is open to everybody.
    #[must_use]
    pub fn protected_resource(mut self, resource: ProtectedResource) -> Self {
        self.protected_resource = Some(resource);
        self
    }

    /// Declares an extension of the protocol that the server has (2026-07-28). `settings` is a JSON
    /// object; what is none is declared as `{}`. A name without a prefix, such as `com.example/`, is an error
    /// at the start.
    #[must_use]
    pub fn extension(mut self, name: impl Into<String>, settings: impl Serialize) -> Self {
        let name = name.into();
        if !is_extension_name(&name) {
            self.problem.get_or_insert_with(|| OfferError::Extension { name: name.clone() });
        }
        let settings = serde_json::value::to_raw_value(&settings).ok();
        let settings = settings.filter(|settings| settings.get().starts_with('{'));
        let settings =
            settings.unwrap_or_else(|| RawValue::from_string("{}".into()).expect("JSON"));
        self.info.capabilities.extensions.insert(name, settings);
        self
    }

    /// Answers a method that an extension adds, on 2026-07-28. A name that MCP or another extension of the
    /// server has is an error at the start. The function takes the parameters of
    /// the method, as a type that has those it needs, and returns an
    /// [`ExtensionResult`](crate::ExtensionResult).
    ///
    /// ```
    /// # use mcp_server::{ExtensionMethod, ExtensionResult, Server};
    /// # use serde::Deserialize;
    /// # use serde_json::json;
    /// #[derive(Deserialize)]
    /// struct Lookup { word: String }
    ///
    /// let server = Server::new("dictionary", "1.0.0")
    ///     .extension("com.example/dictionary", json!({}))
    ///     .method(ExtensionMethod::new("dictionary/look_up"), |params: Lookup| {
    ///         ExtensionResult::complete(&json!({"meaning": format!("{} means itself", params.word)}))
    ///     });
    /// ```
    #[must_use]
    pub fn method<Form, H: Handler<Methods, Form>>(
        mut self,
        method: ExtensionMethod,
        handler: H,
    ) -> Self {
        let is_taken = self.methods.iter().any(|other| other.name == method.name);
        if is_taken || method.is_of_mcp() {
            let name = method.name.clone();
            self.problem.get_or_insert(OfferError::Method { name });
        }
        self.methods.push(method);
        let handler = offered::handler_fn::<Methods, _, _>(handler, ());
        self.live.describe(|offering| offering.methods.push(handler));
        self
    }

    /// How long clients may keep lists, and for whom. By default, a minute, and for everybody unless there
    /// is an [authorizer](Self::authorizer); lists in which not all is [for all](Offered::visible_if) are
    /// never for everybody.
    #[must_use]
    pub fn list_caching(self, caching: Caching) -> Self {
        self.live.describe(|offering| offering.offer.list_caching = Some(caching));
        self
    }

    /// Lists at most that many tools, prompts, resources or templates at once. By default, all.
    #[must_use]
    pub fn page_size(self, page_size: std::num::NonZeroUsize) -> Self {
        self.live.describe(|offering| offering.offer.page_size = Some(page_size));
        self
    }

    /// Lets handlers send log messages to clients, by [`Context::log`](crate::Context::log).
    #[must_use]
    pub fn logging(mut self) -> Self {
        self.info.capabilities.logging = Some(LoggingCapability::default());
        self
    }

    /// Keeps no sessions for clients of the 2025 revisions, so that any replica can serve any of
    /// their requests. They cannot be asked anything then, and hear of no changes; 2026-07-28 has
    /// both without sessions.
    #[must_use]
    pub const fn stateless(mut self) -> Self {
        self.keeps_sessions = false;
        self
    }

    /// Keeps what was sent in sessions in a log of your own, for clients that come back to it. By
    /// default in memory, within [`HubLimits`](crate::HubLimits).
    ///
    /// It is called while all sessions of the server wait: it must not block, nor use a
    /// [`ServerHandle`]. If it panics, there is a warning in the log, and the event is forgotten.
    #[must_use]
    pub fn replay_log(mut self, log: impl ReplayLog + 'static) -> Self {
        self.replay_log = Some(Box::new(log));
        self
    }

    /// Runs `hook` each time a client of the 2025 revisions sends `initialize`, before it gets a
    /// session. The last hook that is set is the one that runs. An error refuses the session. Other
    /// clients are served while it runs. Over HTTP it is not run with [`stateless`](Self::stateless),
    /// where there is no session to refuse.
    ///
    /// It keeps nobody out: requests that belong to no session never come by here, such as all of
    /// 2026-07-28. Who is let in, an [authorizer](Self::authorizer) says.
    ///
    /// ```
    /// # use mcp_server::{Context, Server};
    /// let server = Server::new("demo", "1.0.0").on_initialize(|ctx: Context| async move {
    ///     match ctx.client_info() {
    ///         Some(info) if info.contains("\"old-client\"") => Err("update your client"),
    ///         _ => Ok(()),
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn on_initialize<F, Fut, E>(mut self, hook: F) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: std::fmt::Display + 'static,
    {
        self.on_initialize = Some(Box::new(move |begin| {
            Started::with_reply(begin, |context| {
                let initialized = hook(context);
                async move {
                    match initialized.await {
                        Ok(()) => Reply::Initialized(None),
                        Err(error) => Reply::Error(any_rpc_error(&error)),
                    }
                }
            })
        }));
        self
    }

    /// Runs `hook` once, before the first request. Several hooks run one after the other, in the order in
    /// which they were set. An error stops the start of all that is mounted beside it.
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

    /// Runs `hook` once after the last request, if the server was started. Several hooks run in the reverse
    /// of the order in which they were set.
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

/// Whether it is a prefix of labels, a slash, and a name (2026-07-28, basic/versioning, "Extension
/// Negotiation", and basic/index, "_meta").
fn is_extension_name(name: &str) -> bool {
    let is_word = |word: &str, inside: &[u8]| {
        let ends = [word.bytes().next(), word.bytes().next_back()];
        ends.iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || inside.contains(&byte))
    };
    let is_label = |label: &str| {
        label.starts_with(|first: char| first.is_ascii_alphabetic()) && is_word(label, b"-")
    };
    name.split_once('/').is_some_and(|(prefix, name)| {
        prefix.split('.').all(is_label) && (name.is_empty() || is_word(name, b"-_."))
    })
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("info", &self.info).finish_non_exhaustive()
    }
}
