//! One MCP request over one HTTP request and response, whatever carries the two.
//!
//! `incoming` takes the head and the pieces of the body and turns them into a [`Request`], or
//! into the error to send. `answer` turns what the application then says into a JSON object or an
//! event stream. Neither knows where the bytes come from or go to.
//!
//! [`Request`]: crate::Request

mod answer;
mod encode;
mod incoming;

pub(crate) use answer::Answer;
pub(crate) use encode::{write_accepted, write_failure, write_immediate, write_refusal};
pub(crate) use incoming::{Failure, Immediate, Incoming, Outcome};
