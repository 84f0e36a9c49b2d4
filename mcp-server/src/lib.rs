//! MCP servers from typed functions, and the driver that serves them on any runtime.
//!
//! A [`Server`] is a name and what it offers: tools, which are functions. [`Endpoints`] mounts
//! servers at paths.
//!
//! ```
//! use mcp_server::{Context, Endpoints, Server};
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Greet {
//!     /// Whom to greet. Models read this.
//!     name: String,
//! }
//!
//! async fn greet(args: Greet, ctx: Context) -> Result<String, String> {
//!     if args.name.is_empty() {
//!         return Err("`name` must not be empty".into()); // models read this, too
//!     }
//!     ctx.progress(1.0).total(2.0).await;
//!     Ok(format!("Hello, {}!", args.name))
//! }
//!
//! let server = Server::new("greeter", "1.0.0").tool("greet", "Greets somebody", greet);
//! let endpoints = Endpoints::new().mount("/mcp", server);
//! ```
//!
//! To serve them, take the crate of your runtime, `mcp-smol` or `mcp-tokio`, which re-exports
//! everything here, or `mcp-tower` inside an axum or tower application; to bring another runtime,
//! implement [`runtime::Runtime`] and hand it to [`Serve::new`], or drive each [`Connection`]
//! yourself. To test them, take `mcp-testing`. The protocol is in the crate `mcp-proto`; this one
//! adds futures, and no runtime.
//!
//! # Where to look
//!
//! | for | see |
//! |---|---|
//! | what a server can be told | [`Server`] |
//! | which functions can be tools, and what they may return | [`Handler`], [`IntoToolResult`] |
//! | prompts, resources, and what they may return | [`IntoPromptResult`], [`IntoResourceResult`] |
//! | titles, hints, completion, who may see what | [`Offered`] |
//! | progress, log messages, questions to the client | [`Context`], [`Ask`] |
//! | changes while it runs | [`ServerHandle`] |
//! | hosts, origins, limits, deadlines | [`Endpoints`] |
//! | who is let in | [`Authorizer`], [`Principal`], [`Denial`] |
//! | the end, and how many connections there may be | [`Serve`], [`ServeStdio`] |
//!
//! The guides in `docs` of the repository lead through all of it, beginning with
//! `docs/writing-a-server.md`.
//!
//! # Features
//!
//! None is on by default, and the crates of runtimes have the same:
//!
//! - `anyhow`: errors of the protocol are found in those of anyhow;
//! - `jwt`: an authorizer for JSON Web Tokens;
//! - `metrics`: the `metrics` facade, [see below](#metrics);
//! - `tls`: listeners that speak TLS, by rustls;
//! - `validation`: arguments and results are held to their JSON Schemas.
//!
//! # Cancellation
//!
//! A handler's future belongs to the connection that its request came by. On 2026-07-28, the future is
//! dropped as soon as the client hangs up; on the 2025 revisions, it goes on without. On all, it is
//! dropped when the client cancels the call or its session ends, and at the drain deadline of a
//! shutdown. Without a session, clients of the 2025 revisions can cancel nothing over HTTP. What must
//! not stop midway belongs into a task of its own.
//!
//! # The log
//!
//! Through `tracing`: a warning for each request whose client left before its answer was out, and
//! for each handler or authorizer that panics; at info level, what is served, which hosts and origins
//! are let in, and which were refused, with the setting that would let them in; other refusals at
//! debug level. What clients do is never an error.
//!
//! # Spans
//!
//! Each request is a span `mcp` at info level, of the target `mcp_server::sight`. Its handler runs
//! in it, so that what it logs can be told apart. Fields have the names of the OpenTelemetry
//! conventions for MCP: `mcp.method.name`, `gen_ai.tool.name`, `error.type` and the like; `otel.name`,
//! `otel.kind` and `otel.status_code` are for `tracing-opentelemetry`. `traceparent`, `tracestate` and
//! `baggage` are those of the client, from `_meta` or the HTTP request, if they are well-formed:
//! [`Endpoints::on_span`] has the span exported as a child of the client's.
//!
//! In place of the id of a session, which is secret, `mcp.session.id` is a hash of it. What the session
//! answers by itself, such as `server/discover`, has no span. Where nobody records spans, they cost a
//! look at a flag.
//!
//! # Metrics
//!
//! With the feature `metrics`, through the facade of that name: `mcp.server.operation.duration` (a
//! histogram in seconds, by method, tool or prompt, revision, `network.transport` and `error.type`, as
//! in those conventions), the gauges `mcp.server.active_connections`, `mcp.server.active_calls`,
//! `mcp.server.active_sessions`, `mcp.server.active_streams` and `mcp.server.active_subscriptions`, and
//! the counters `mcp.server.requests.lost` (`mcp.server.stage` says how far the request had come) and
//! `mcp.server.refusals` (`mcp.server.reason` says why). All have `mcp.server.name`, as far as it is
//! known. No label is what a client says, so that there are never more series than the server offers.
#![forbid(unsafe_code)]

mod ask;
pub use ask::{Ask, AskError, Elicited};

mod arguments;
#[doc(hidden)]
pub use arguments::Described;

mod authorizer;
pub use authorizer::Authorizer;

mod caught_log;

mod clock;
pub use clock::ManualClock;

mod completions;
pub use completions::Completions;

mod connection;
pub use connection::Connection;

mod context;
pub use context::{Context, ReportProgress, Sent};

mod counters;
pub use counters::Counters;

mod endpoints;
pub use endpoints::{Acceptor, Endpoints, Service, StartError};

mod failure;

mod handler;
pub use handler::Handler;
#[doc(hidden)]
pub use handler::{Arguments, Begin, IntoReply, Kind, NoArguments, Started, form};

mod housekeeping;

mod in_flight;

#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;

#[cfg(feature = "jwt")]
mod jwt;
#[cfg(feature = "jwt")]
pub use jwt::{InvalidJwks, JwtAuthorizer, JwtKeys};

mod live;
pub use live::ServerHandle;

mod machine;

#[cfg(feature = "metrics")]
mod meters;

mod methods;
pub use methods::Methods;

mod offered;
pub use offered::{OfferError, Offered, prompt, resource, resource_template, tool};
#[doc(hidden)]
pub use offered::{Offerable, Offering};

mod registry;
pub use registry::Report;

mod plain_hash;
mod prompts;
pub use prompts::{IntoPromptResult, Prompts};

mod purpose;

mod resources;
#[doc(hidden)]
pub use resources::ResourceInfo;
pub use resources::{IntoResourceResult, ResourceSubject, Resources};

mod request_state;
pub use request_state::StateKeys;

pub mod runtime;

mod serve;
pub use serve::{Serve, ServeError};

mod server;
pub use server::{BoxError, Server};

mod session_call;

mod shared_hub;

mod sight;

mod stdio;
pub use stdio::ServeStdio;

mod subscription;

#[cfg(feature = "tls")]
pub mod tls;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
#[doc(hidden)]
pub use unix::SocketFile;

mod trace_context;
pub use trace_context::TraceContext;

mod tools;
pub use tools::{IntoToolResult, Structured, Tools};

#[cfg(feature = "validation")]
mod validation;

pub use mcp_proto::{
    Annotations, CacheScope, Caching, CallToolResult, CatalogError, Change, ClientCapabilities,
    ClientCapability, Completion, CompletionReference, Content, CreateMessageRequest,
    CreateMessageResult, Deadlines, Denial, ElicitFormat, ElicitProperty, ElicitSchema, ErrorCode,
    ExtensionMethod, ExtensionResult, GetPromptResult, Head, Hosts, HubDeadlines, HubLimits, Icon,
    IconTheme, Id, IncludeContext, Instant, InvalidElicitSchema, InvalidExtensionResult,
    InvalidResource, InvalidTemplate, Limits, LogLevel, McpMethod, MemoryLog, MissingCapability,
    ModelPreferences, NotInRevision, Now, OfferKey, Origins, Principal, Prompt, PromptArgument,
    PromptMessage, ProtectedResource, ReadResourceResult, ReplayLog, Request, Resource,
    ResourceContents, ResourceTemplate, ResponseMode, Revision, Role, Root, RpcError,
    SamplingContent, SamplingMessage, StreamKey, Tool, ToolAnnotations, ToolChoice, ToolResult,
    ToolUse, UriTemplate,
};
