//! The Model Context Protocol (MCP) over HTTP/1.1 as a pure state machine.
//!
//! A [`Session`] is one connection of an MCP server. Bytes, replies and the passing of time go in;
//! bytes, calls and events come out. It does no I/O, has no clock, spawns and locks nothing, and
//! runs wherever there is an allocator. Whoever owns the socket drives it; `examples/blocking.rs`
//! does so on threads, the crate `mcp-server` on any async runtime.
//!
//! If you want to write a server rather than a driver, you want `mcp-smol` or `mcp-tokio`. To drive
//! sessions yourself, read [`Session`], then the guide `docs/without-a-runtime.md` of the repository,
//! which leads through that example.
//!
//! ```
//! use std::sync::Arc;
//! use mcp_proto::{Config, Endpoint, Input, Instant, Output, ServerInfo, Session};
//!
//! let endpoint = Endpoint::new("/mcp", ServerInfo::new("quiet", "1.0.0"))?;
//! let now = Instant::from_micros(0).into();
//! let mut session = Session::new(Arc::new(Config::new([endpoint])), now);
//!
//! session.handle(now, Input::Bytes(b"GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n"));
//! assert!(session.transmit().starts_with(b"HTTP/1.1 405 Method Not Allowed\r\n"));
//! assert!(matches!(session.poll_output(), Some(Output::Event(_))));
//! # Ok::<(), mcp_proto::InvalidPath>(())
//! ```
//!
//! # The way of a request
//!
//! One module a step, in this order: `session` takes bytes, `http` finds the head and the body in
//! them, `endpoint` the server at the path; `guard` and `media` check `Host`, `Origin` and media
//! types; where an endpoint wants that, the application says who sends it (`authorization`);
//! `jsonrpc` finds the message, `revision` the rules it is held to; `exchange` makes it a
//! [`Request`]. The application gets a [`Call`] and gives a [`Reply`], most easily through a
//! [`Catalog`]. `exchange`, `sse` and `http` turn that into bytes again.
//!
//! A [`Session`] is one connection. What the 2025 revisions call a session outlives connections: a
//! [`Hub`] keeps those, for endpoints that [have them](Endpoint::keeps_sessions), and the
//! subscriptions of 2026-07-28. A [`LineSession`] is its twin without HTTP, as over stdio.
//!
//! # Bounds
//!
//! What a peer can make a session keep is bounded by [`Limits`], how long it can take by
//! [`Deadlines`]. No input makes it panic, and none is illegal in any state. What peers can make a
//! [`Hub`] keep is bounded by [`HubLimits`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod annotations;
pub use annotations::Annotations;

mod authorization;
pub use authorization::{
    Authorization, AuthorizationKey, InvalidResource, Principal, ProtectedResource,
};

mod caching;
pub use caching::{CacheScope, Caching};

mod call;
pub use call::{Call, CallKey, LogMessage, Notification, Progress, Reply};

mod catalog;
pub use catalog::{Catalog, CatalogError, Listing, Offer, OfferKey, ResourceMatch};

mod client_capabilities;
pub use client_capabilities::{
    ClientCapabilities, ClientCapability, ElicitationCapability, MissingCapability,
    SamplingCapability,
};

mod completion;
pub use completion::{CompleteResult, Completion, CompletionReference};

mod config;
pub use config::Config;

mod content;
pub use content::{Content, EmbeddedResource, MediaContent, ResourceContents, TextContent};

mod cors;

mod elicitation;
pub use elicitation::{
    ElicitAction, ElicitChoice, ElicitChoices, ElicitFormat, ElicitProperty, ElicitRequest,
    ElicitResult, ElicitSchema, InvalidElicitSchema,
};

mod endpoint;
pub use endpoint::{Endpoint, InvalidPath, ResponseMode};

mod error;
pub use error::{Denial, ErrorCode, Refusal, RpcError, Status};

mod exchange;

mod extension;
pub use extension::{ExtensionMethod, ExtensionResult, InvalidExtensionResult};

mod guard;
pub use guard::{Hosts, Origins};

mod http;
pub use http::{Head, Method};

mod hub;
pub use hub::{
    Admission, AskRefused, Caller, FromStream, Hub, HubDeadlines, HubLimits, MemoryLog, News,
    QuestionFailure, QuestionKey, ReaderKey, ReplayLog, ServerRequest, SessionCallKey, SessionId,
    StreamEvent, StreamKey, StreamStart, SubscribeError, SubscriptionKey,
};

mod icon;
pub use icon::{Icon, IconTheme};

mod input;
pub use input::{InputRequest, InputRequired, InvalidInputRequired, NotInRevision};

#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals;

mod json;

mod jsonrpc;
pub use jsonrpc::Id;

mod limits;
pub use limits::{Deadlines, Limits};

mod line;
pub use line::LineSession;

mod logging;
pub use logging::LogLevel;

mod media;

mod method;
pub use method::McpMethod;

mod param_header;

mod prompt;
pub use prompt::{GetPromptResult, Prompt, PromptArgument, PromptMessage};

mod request;
pub use request::Request;

mod resource;
pub use resource::{ReadResourceResult, Resource, ResourceTemplate};

mod revision;
pub use revision::{Era, Revision};

mod role;
pub use role::Role;

mod roots;
pub use roots::{ListRootsResult, Root};

mod sampling;
pub use sampling::{
    CreateMessageRequest, CreateMessageResult, IncludeContext, ModelPreferences, SamplingContent,
    SamplingMessage, ToolChoice, ToolResult, ToolUse,
};

mod server_info;
pub use server_info::{
    Capabilities, CompletionsCapability, LoggingCapability, PromptsCapability, ResourcesCapability,
    ServerInfo, ToolsCapability,
};

mod session;
pub use session::{Event, Input, Lost, LostRequest, Output, PeerClosed, Session, Spare};

mod sse;

mod subscription;
pub use subscription::{Change, SubscriptionFilter};

mod time;
pub use time::{Instant, Now};

mod tool;
pub use tool::{CallToolResult, Tool, ToolAnnotations};

mod uri_template;
pub use uri_template::{Captures, InvalidTemplate, UriTemplate};

mod word;
