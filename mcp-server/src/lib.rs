//! MCP servers from typed functions, and the driver that serves them on any runtime.
//!
//! A [`Server`] is a name and what it offers: tools, which are functions. [`Endpoints`] mounts
//! servers at paths. To serve them, take the crate of your runtime, `mcp-smol` or `mcp-tokio`,
//! which re-exports everything here; to bring another runtime, implement
//! [`runtime::Runtime`] and hand it to [`Serve::new`], or drive each [`Connection`] yourself.
//!
//! The protocol is in the crate `mcp-proto`. This one adds futures, and no runtime.
//!
//! # Cancellation
//!
//! A handler's future belongs to the connection that its request came by. On 2026-07-28, the
//! future is dropped as soon as the client hangs up; on the 2025 revisions, it runs to its end. At
//! a shutdown, whatever is left at the drain deadline is dropped.
//!
//! # The log
//!
//! Through `tracing`: a warning for each request whose client left before its answer was out, and
//! for each handler or authorizer that panics; at info level, what is served and which `Host` or `Origin` was
//! refused; other refusals at debug level. What clients do is never an error.
#![forbid(unsafe_code)]

mod ask;
pub use ask::{Ask, AskError, Elicited};

mod arguments;
#[doc(hidden)]
pub use arguments::Described;

mod authorizer;
pub use authorizer::Authorizer;

mod completions;
pub use completions::Completions;

mod connection;
pub use connection::Connection;

mod context;
pub use context::{Context, ReportProgress, Sent};

mod counters;
pub use counters::Counters;

mod endpoints;
pub use endpoints::{Endpoints, Service, StartError};

mod failure;

mod handler;
pub use handler::Handler;
#[doc(hidden)]
pub use handler::{Arguments, Begin, IntoReply, Kind, NoArguments, Started, form};

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

mod methods;
pub use methods::Methods;

mod offered;
pub use offered::{OfferError, Offered, prompt, resource, resource_template, tool};
#[doc(hidden)]
pub use offered::{Offerable, Offering};

mod registry;
pub use registry::Report;

mod prompts;
pub use prompts::{IntoPromptResult, Prompts};

mod purpose;

mod resources;
#[doc(hidden)]
pub use resources::ResourceInfo;
pub use resources::{IntoResourceContents, ResourceSubject, Resources};

mod request_state;
pub use request_state::StateKeys;

pub mod runtime;

mod serve;
pub use serve::{Serve, ServeError};

mod server;
pub use server::{BoxError, Server};

mod session_call;

mod shared_hub;

mod subscription;

mod tools;
pub use tools::{IntoToolResult, Structured, Tools};

#[cfg(feature = "validation")]
mod validation;

pub use mcp_proto::{
    Annotations, CacheScope, Caching, CallToolResult, CatalogError, ClientCapabilities,
    ClientCapability, Completion, CompletionReference, Content, CreateMessageRequest,
    CreateMessageResult, Deadlines, Denial, ElicitFormat, ElicitProperty, ElicitSchema, ErrorCode,
    ExtensionMethod, ExtensionResult, GetPromptResult, Head, Hosts, HubDeadlines, HubLimits, Icon,
    Instant, InvalidElicitSchema, InvalidExtensionResult, InvalidResource, InvalidTemplate, Limits,
    LogLevel, MemoryLog, MissingCapability, ModelPreferences, NotInRevision, Now, OfferKey,
    Origins, Principal, Prompt, PromptArgument, PromptMessage, ProtectedResource, ReplayLog,
    Request, Resource, ResourceContents, ResourceTemplate, ResponseMode, Revision, Role, Root,
    RpcError, SamplingContent, SamplingMessage, StreamKey, Tool, ToolAnnotations, ToolChoice,
    ToolUse, UriTemplate,
};
