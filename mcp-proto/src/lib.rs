//! The Model Context Protocol (MCP) over HTTP/1.1, without any I/O.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod call;
pub use call::{Call, CallKey, Notification, Progress, Reply};

mod catalog;
pub use catalog::{Catalog, CatalogError, ToolList};

mod config;
pub use config::Config;

mod content;
pub use content::{Content, ResourceContents};

mod endpoint;
pub use endpoint::{Endpoint, InvalidPath, ResponseMode};

mod error;
pub use error::{ErrorCode, Refusal, RpcError, Status};

mod exchange;

mod guard;
pub use guard::{Hosts, Origins};

mod http;
pub use http::{Head, Method};

mod jsonrpc;
pub use jsonrpc::Id;

mod limits;
pub use limits::{Deadlines, Limits};

mod media;

mod request;
pub use request::{McpMethod, Request};

mod revision;
pub use revision::{Era, Revision};

mod server_info;
pub use server_info::{Capabilities, ServerInfo, ToolsCapability};

mod session;
pub use session::{Event, Input, Lost, LostRequest, Output, PeerClosed, Session};

mod sse;

mod time;
pub use time::{Instant, Now};

mod tool;
pub use tool::{CallToolResult, Tool};
