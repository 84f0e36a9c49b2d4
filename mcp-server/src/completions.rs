//! Functions that complete the arguments of prompts and the variables of templates.

use mcp_proto::{Call, CompleteResult, Completion, Reply, RpcError};

use crate::failure::any_rpc_error;
use crate::handler::{Arguments, IntoReply, Kind};

/// The kind of handler that completes an argument.
#[derive(Debug)]
pub enum Completions {}

impl Kind for Completions {
    type Info = ();
    type Subject = ();

    fn subject(_: &Call, (): &()) {}
}

impl Arguments<Completions> for Completion {
    fn parse(call: &Call, (): &()) -> Result<Self, Reply> {
        let completion = call.request().completion();
        completion
            .cloned()
            .ok_or_else(|| Reply::Error(RpcError::internal("internal error: nothing to complete")))
    }
}

/// An `Err` is answered as -32603 with its text; [`RpcError`] is answered as what it is.
impl<T: Into<String>, E: std::fmt::Display + 'static> IntoReply<Completions> for Result<Vec<T>, E> {
    fn into_reply(self, subject: ()) -> Reply {
        match self {
            Ok(values) => values.into_reply(subject),
            Err(error) => Reply::Error(any_rpc_error(&error)),
        }
    }
}

/// All values that fit, best first. The client is shown the first hundred.
impl<T: Into<String>> IntoReply<Completions> for Vec<T> {
    fn into_reply(self, (): ()) -> Reply {
        let values = self.into_iter().map(Into::into).collect();
        Reply::Completion(CompleteResult::new(values))
    }
}
