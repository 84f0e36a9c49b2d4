//! What can be wrong with a request, and what its sender is told.
//!
//! [`Refusal`] is the peer's fault in HTTP or in the bytes of JSON; [`RpcError`] is an error of
//! JSON-RPC or MCP, ours or the application's. `status.rs` maps both to HTTP statuses: one total
//! table each, and nothing else in the crate picks a status for an error.

mod denial;
mod excerpt;
mod refusal;
mod rpc;
mod status;

pub use denial::Denial;
pub(crate) use denial::scope_tokens;
pub(crate) use excerpt::Excerpt;
pub use refusal::Refusal;
pub use rpc::{ErrorCode, RpcError};
pub use status::Status;
