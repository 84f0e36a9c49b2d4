//! Functions as methods that extensions of the protocol add.

use mcp_proto::{Call, ExtensionResult, Reply, RpcError};
use serde::de::DeserializeOwned;

use crate::arguments;
use crate::failure::any_rpc_error;
use crate::handler::{Arguments, IntoReply, Kind};

/// The kind of handler that is a method of an extension.
#[derive(Debug)]
pub enum Methods {}

impl Kind for Methods {
    type Info = ();
    type Subject = ();

    fn subject(_: &Call, (): &()) {}
}

/// All of the parameters.
impl<A: DeserializeOwned> Arguments<Methods> for A {
    fn parse(call: &Call, (): &()) -> Result<Self, Reply> {
        arguments::parse(call.request().params())
            .map_err(|message| Reply::Error(RpcError::invalid_params(message)))
    }
}

impl IntoReply<Methods> for ExtensionResult {
    fn into_reply(self, (): ()) -> Reply {
        Reply::Extension(self)
    }
}

/// An `Err` is answered as -32603 with its text; [`RpcError`] and [`AskError`](crate::AskError) are
/// answered as what they are.
impl<E: std::fmt::Display + 'static> IntoReply<Methods> for Result<ExtensionResult, E> {
    fn into_reply(self, (): ()) -> Reply {
        self.map_or_else(|error| Reply::Error(any_rpc_error(&error)), Reply::Extension)
    }
}
