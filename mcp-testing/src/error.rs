//! What can go wrong in a test.

use std::fmt;
use std::time::Duration;

use mcp_server::StartError;
use serde_json::Value;

/// Why something did not go as the test asked for. It says what was expected, and what came.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The servers could not be started.
    Start(StartError),
    /// The server has answered with a JSON-RPC error.
    Rpc {
        /// What was asked for.
        request: String,
        /// The code, such as -32602 for invalid params.
        code: i64,
        /// What the server says.
        message: String,
        /// What else it says; null if that is nothing.
        data: Value,
        /// The status of the HTTP response, such as 401 for a caller who is not let in.
        status: u16,
    },
    /// The server has refused the HTTP request, and not in JSON-RPC, as what is in front of a server may.
    Refused {
        /// What was asked for.
        request: String,
        /// The status code.
        status: u16,
        /// What the body says.
        body: String,
    },
    /// Nothing more happens by itself, and what was waited for is not there.
    Stalled {
        /// What that is.
        waited_for: String,
        /// How long was waited for other threads, in real time.
        patience: Duration,
    },
    /// Something else came.
    Unexpected {
        /// What was expected.
        expected: String,
        /// What came.
        came: String,
    },
    /// The server has ended the response before it was complete, as at a shutdown.
    HungUp {
        /// What was asked for.
        request: String,
    },
    /// The test has stopped the servers.
    Stopped,
    /// What the test hands in is no JSON, or none of the right kind.
    Argument(String),
    /// What the server sends is no HTTP or JSON-RPC: a bug of the toolkit.
    Malformed(String),
}

impl Error {
    pub(crate) fn unexpected(expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self::Unexpected { expected: expected.into(), came: came.into() }
    }

    /// The status of the HTTP response, if it is an answer.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Rpc { status, .. } | Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The code, if it is a JSON-RPC error.
    #[must_use]
    pub const fn code(&self) -> Option<i64> {
        match self {
            Self::Rpc { code, .. } => Some(*code),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => error.fmt(f),
            Self::Rpc { request, code, message, data, .. } => {
                write!(f, "{request} was answered with error {code}: {message}")?;
                if data.is_null() { Ok(()) } else { write!(f, " ({data})") }
            }
            Self::Refused { request, status, body } => {
                write!(f, "{request} was refused with HTTP status {status}: {body}")
            }
            Self::Stalled { waited_for, patience } => write!(
                f,
                "nothing more happens: waited {patience:?} for {waited_for}. Whatever has to happen \
                 first is neither up to the client nor to its clock: if another thread takes longer, \
                 see `Client::patience`; if time has to pass, see `Client::advance`; if a future \
                 needs a runtime, the test has to be within one that has threads of its own \
                 (`#[tokio::test(flavor = \"multi_thread\")]`)"
            ),
            Self::Unexpected { expected, came } => write!(f, "expected {expected}, but {came}"),
            Self::HungUp { request } => {
                write!(f, "the server hung up before it had answered {request}")
            }
            Self::Stopped => f.write_str("the servers have been stopped"),
            Self::Argument(reason) => write!(f, "the test asks for what cannot be sent: {reason}"),
            Self::Malformed(reason) => {
                write!(f, "the server sends what nobody understands: {reason}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start(error) => error.source(),
            _ => None,
        }
    }
}
