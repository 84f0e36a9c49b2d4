//! JSON-RPC 2.0: one message from a request body, as places in its text.

mod find_id;
mod id;
mod message;

pub use id::Id;

pub(crate) use find_id::find_request_id;
pub(crate) use message::{Members, Message, put};
