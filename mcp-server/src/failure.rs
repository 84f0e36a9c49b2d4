//! Errors of handlers that the protocol has words for.

use std::any::Any;
use std::fmt::Display;

use mcp_proto::{Denial, MissingCapability, RpcError};

use crate::ask::AskError;
use crate::server::BoxError;

/// The error of the protocol that a handler's error is, in a box or not, if it is one. All others are
/// up to the kind of handler.
pub(crate) fn rpc_error<E: Display + 'static>(error: &E) -> Option<RpcError> {
    let error: &dyn Any = error;
    if let Some(boxed) = error.downcast_ref::<BoxError>() {
        let boxed = &**boxed;
        return known(
            boxed.downcast_ref(),
            boxed.downcast_ref(),
            boxed.downcast_ref(),
            boxed.downcast_ref(),
        );
    }
    known(error.downcast_ref(), error.downcast_ref(), error.downcast_ref(), error.downcast_ref())
}

fn known(
    error: Option<&RpcError>,
    ask: Option<&AskError>,
    missing: Option<&MissingCapability>,
    denial: Option<&Denial>,
) -> Option<RpcError> {
    let ask = ask.cloned().map(Into::into);
    let missing = || missing.cloned().map(Into::into);
    error.cloned().or(ask).or_else(missing).or_else(|| denial.cloned().map(Into::into))
}

/// For kinds of handlers whose errors are all errors of the protocol.
pub(crate) fn any_rpc_error<E: Display + 'static>(error: &E) -> RpcError {
    rpc_error(error).unwrap_or_else(|| RpcError::internal(error.to_string()))
}
