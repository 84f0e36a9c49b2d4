//! MCP servers from typed functions, and the driver that serves them on any runtime.
#![forbid(unsafe_code)]

mod connection;
pub use connection::Connection;

mod context;
pub use context::{Context, ReportProgress, Sent};

mod counters;
pub use counters::Counters;

mod endpoints;
pub use endpoints::{Endpoints, Service, StartError};

mod handler;
pub use handler::ToolHandler;
#[doc(hidden)]
pub use handler::{Started, form};

mod in_flight;

mod registry;
pub use registry::Report;

mod result;
pub use result::{IntoToolResult, Structured};

pub mod runtime;

mod serve;
pub use serve::{Serve, ServeError};

mod server;
pub use server::{BoxError, Server};

pub use mcp_proto::{
    CallToolResult, Content, Deadlines, Hosts, Limits, Origins, ResourceContents, ResponseMode,
    Revision,
};
// What the derives in a user's argument types expand to, so that versions cannot disagree.
pub use {schemars, serde};
