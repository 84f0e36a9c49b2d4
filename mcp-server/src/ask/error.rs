//! Why a question has no answer.

use std::fmt;

use mcp_proto::{AskRefused, InvalidElicitSchema, MissingCapability, NotInRevision, RpcError};

/// Why a question has no answer.
///
/// A handler that returns it, as it is or in a [`BoxError`](crate::BoxError), fails its call with
/// the error that the protocol has for that. Within other errors it is only text.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AskError {
    /// The client has not declared that it can be asked this.
    Missing(MissingCapability),
    /// There is no way to ask: the 2025 revisions need a session for that, and a response that can be
    /// an event stream; on 2026-07-28 only tools, prompts and resources can ask.
    NobodyToAsk,
    /// The revision of the client does not know such a question.
    NotInRevision(NotInRevision),
    /// The client has answered with an error. Only in the 2025 revisions.
    Refused {
        /// The key of the question.
        key: String,
        /// What the client says.
        error: RpcError,
    },
    /// The client has not answered in time ([`HubDeadlines`](crate::HubDeadlines)). Only in the 2025
    /// revisions.
    TimedOut {
        /// The key of the question.
        key: String,
    },
    /// The client has closed its end without an answer. Only in the 2025 revisions, and where
    /// messages go line by line.
    Left {
        /// The key of the question.
        key: String,
    },
    /// The type of a form has fields that forms cannot have.
    Form(InvalidElicitSchema),
    /// The client has answered with something else.
    Answer {
        /// The key of the question.
        key: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// Another question or step of the call has this key.
    KeyTaken {
        /// The key.
        key: String,
    },
    /// The call has ended meanwhile: it was answered, or its client left, or it has to wait for
    /// answers, with which it will begin anew. The handler's future is gone by then; this is for what
    /// it has started on other threads.
    Ended,
    /// The outcome of a step that is done once cannot be kept.
    Step {
        /// The key of the step.
        key: String,
        /// Why it cannot. May quote the outcome, so the client is not told.
        reason: String,
    },
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(missing) => missing.fmt(f),
            Self::NobodyToAsk => f.write_str(
                "the client cannot be asked: on the 2025 revisions that takes a session and an event \
                 stream, and on 2026-07-28 a tool, prompt or resource",
            ),
            Self::NotInRevision(error) => error.fmt(f),
            Self::Refused { key, error } => {
                write!(f, "the client has answered {key:?} with an error: {error}")
            }
            Self::TimedOut { key } => write!(f, "the client has not answered {key:?} in time"),
            Self::Left { key } => write!(f, "the client has left without an answer to {key:?}"),
            Self::Form(error) => error.fmt(f),
            Self::Answer { key, reason } => {
                write!(f, "the answer to {key:?} is not what was asked for: {reason}")
            }
            Self::KeyTaken { key } => write!(
                f,
                "the key {key:?} is used twice in one call: give each question and each step a key \
                 of its own"
            ),
            Self::Ended => f.write_str("the call has ended, and nobody waits for an answer"),
            Self::Step { key, reason } => {
                write!(f, "the outcome of {key:?} cannot be kept as JSON: {reason}")
            }
        }
    }
}

impl std::error::Error for AskError {}

impl From<MissingCapability> for AskError {
    fn from(missing: MissingCapability) -> Self {
        Self::Missing(missing)
    }
}

impl From<AskRefused> for AskError {
    fn from(refused: AskRefused) -> Self {
        match refused {
            AskRefused::Unreachable => Self::NobodyToAsk,
            AskRefused::NotInRevision(error) => Self::NotInRevision(error),
        }
    }
}

impl From<AskError> for RpcError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Missing(missing) => missing.into(),
            AskError::Answer { .. } => Self::invalid_params(format!("invalid params: {error}")),
            AskError::Step { key, .. } => Self::internal(format!(
                "internal error: the outcome of {key:?} cannot be kept as JSON"
            )),
            AskError::NobodyToAsk
            | AskError::NotInRevision(_)
            | AskError::Refused { .. }
            | AskError::TimedOut { .. }
            | AskError::Left { .. }
            | AskError::Form(_)
            | AskError::KeyTaken { .. }
            | AskError::Ended => Self::internal(format!("internal error: {error}")),
        }
    }
}
