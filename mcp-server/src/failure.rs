//! Errors of handlers that the protocol has words for.

use std::any::Any;
use std::error::Error;
use std::fmt::Display;
use std::iter;

use mcp_proto::{Denial, MissingCapability, RpcError};

use crate::ask::AskError;
use crate::server::BoxError;

/// The error of the protocol that something is which can be told apart by its type.
macro_rules! known {
    ($error:expr) => {{
        let error: Option<&RpcError> = $error.downcast_ref();
        let ask = || $error.downcast_ref::<AskError>().cloned().map(Into::into);
        let missing = || $error.downcast_ref::<MissingCapability>().cloned().map(Into::into);
        let denial = || $error.downcast_ref::<Denial>().cloned().map(Into::into);
        error.cloned().or_else(ask).or_else(missing).or_else(denial)
    }};
}

/// The error of the protocol that a handler's error is, if it is one, or that is the source of one in a
/// box. All others are up to the kind of handler.
pub(crate) fn rpc_error<E: Display + 'static>(error: &E) -> Option<RpcError> {
    let error: &dyn Any = error;
    #[cfg(feature = "anyhow")]
    if let Some(error) = error.downcast_ref::<anyhow::Error>() {
        // It looks into what is attached to errors as well, which `source` does not.
        return known!(error).or_else(|| in_sources(&**error));
    }
    match error.downcast_ref::<BoxError>() {
        Some(boxed) => in_sources(&**boxed),
        None => known!(error),
    }
}

/// Looks at an error, and at those that it comes from.
fn in_sources(error: &(dyn Error + 'static)) -> Option<RpcError> {
    iter::successors(Some(error), |&error| error.source()).find_map(|error| known!(error))
}

/// For kinds of handlers whose errors are all errors of the protocol.
pub(crate) fn any_rpc_error<E: Display + 'static>(error: &E) -> RpcError {
    rpc_error(error).unwrap_or_else(|| RpcError::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;

    #[derive(Debug)]
    struct Ours(RpcError);

    impl Display for Ours {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("something of ours failed")
        }
    }

    impl Error for Ours {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn what_is_of_the_protocol_is_found_in_a_box() {
        fn message(error: &(impl Display + 'static)) -> Option<String> {
            rpc_error(error).map(|error| error.message.into_owned())
        }

        let error = RpcError::invalid_params("no such day");
        let expected = Some("no such day".to_owned());
        assert_eq!(message(&error), expected);
        assert_eq!(message(&BoxError::from(error.clone())), expected);
        assert_eq!(message(&BoxError::from(Ours(error.clone()))), expected);
        assert_eq!(message(&Ours(error)), None);
        assert_eq!(message(&BoxError::from("no such day")), None);
    }

    #[cfg(feature = "anyhow")]
    #[test]
    fn what_is_of_the_protocol_is_found_in_anyhow() {
        use anyhow::{Context, anyhow};

        fn is_found(error: anyhow::Error) -> bool {
            rpc_error(&error).is_some_and(|error| error.message == "no such day")
        }

        let error = RpcError::invalid_params("no such day");
        assert!(is_found(error.clone().into()));
        assert!(is_found(Ours(error.clone()).into()));
        let in_context = Err::<(), _>(error.clone()).context("on Monday").context("at noon");
        assert!(in_context.is_err_and(is_found));
        let as_context = Err::<(), _>(fmt::Error).context(error).context("at noon");
        assert!(as_context.is_err_and(is_found));
        assert!(!is_found(anyhow!("no such day")));
    }
}
