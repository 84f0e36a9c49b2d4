//! JSON-RPC 2.0: one message from a request body, borrowed from its bytes.

mod depth;
mod id;
mod message;

pub use id::Id;

pub(crate) use depth::is_deeper_than;
pub(crate) use message::{Members, Message, Params, set, string_of};
