//! One MCP request over one HTTP request and response, whatever carries the two.
//!
//! `incoming` takes the head and the pieces of the body, `interpret` finds out what the message in
//! it means: together they make a [`Request`], or the error to send. `answer` turns what the
//! application then says into a JSON object or an event stream. Neither knows where the bytes come
//! from or go to.
//!
//! [`Request`]: crate::Request

mod answer;
mod batch;
mod encode;
mod incoming;
mod interpret;
mod messages;

pub(crate) use answer::Answer;
pub(crate) use batch::{BatchMember, read as read_batch};
pub(crate) use encode::{
    write_accepted, write_cancelled, write_changed_in_session, write_done, write_error,
    write_immediate, write_immediate_message, write_invalid, write_metadata, write_preflight,
    write_question, write_refusal, write_subscription_cancelled,
};
pub(crate) use incoming::{Failure, Incoming, Outcome, Received, admit, no_message};
pub(crate) use interpret::{Immediate, Invalid, Meaning, Settled, interpret};
pub(crate) use messages::Messages;
