//! From the head and body of an HTTP request to an MCP request.
//!
//! Until the last check has passed, a request owns nothing but its bytes: no key, no table row, no
//! task. So the cheapest attack on a server, requests that are refused, leaves nothing behind.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::interpret::{Immediate, Meaning, interpret};
use crate::config::Config;
use crate::endpoint;
use crate::error::{Refusal, RpcError};
use crate::guard;
use crate::http::{Framing, Head, Method};
use crate::jsonrpc::{Id, Message, is_deeper_than};
use crate::media::{self, Accepts};
use crate::method::McpMethod;
use crate::request::Request;
use crate::revision::Era;

/// The first allocation for a body that is announced but not there yet; it grows with what comes.
const FIRST_RESERVATION: usize = 16 * 1024;

/// A request whose head has been accepted and whose body is on its way.
pub(crate) struct Incoming {
    head: Head,
    endpoint: usize,
    accepts: Accepts,
    body: Vec<u8>,
    body_limit: usize,
}

/// What a complete request turned out to be.
pub(crate) enum Outcome {
    /// Work for the application.
    Call(Box<Request>, Accepts),
    /// A request that the protocol itself answers.
    Immediate(Immediate),
    /// A notification or response, which gets no answer.
    Accepted,
}

/// Why a complete request was not served.
pub(crate) enum Failure {
    Refused(Refusal),
    Rpc {
        /// Of the request, as far as it could be read.
        id: Option<Id>,
        era: Era,
        error: RpcError,
    },
}

impl Incoming {
    /// Checks all that a head can tell.
    pub(crate) fn new(config: &Config, head: Head) -> Result<Self, (Option<usize>, Refusal)> {
        if head.method() == Method::Unknown {
            return Err((None, Refusal::UnknownMethod));
        }
        let endpoint =
            endpoint::find(&config.endpoints, &head).map_err(|refusal| (None, refusal))?;
        Self::at_endpoint(config, head, endpoint).map_err(|refusal| (Some(endpoint), refusal))
    }

    fn at_endpoint(config: &Config, head: Head, endpoint: usize) -> Result<Self, Refusal> {
        guard::check(&head, &config.hosts, &config.origins)?;
        if head.method() != Method::Post {
            return Err(Refusal::MethodNotAllowed);
        }
        media::check_content_type(&head)?;
        let accepts = Accepts::parse(&head)?;
        accepts.pinned(config.endpoints[endpoint].response_mode)?;
        // Request::part addresses the body with 32 bits.
        let body_limit = config.limits.body.min(u32::MAX as usize);
        let body = match head.framing() {
            Framing::Length(length) if length > body_limit as u64 => {
                return Err(Refusal::BodyTooLarge { limit: body_limit });
            }
            Framing::Length(length) => Vec::with_capacity((length as usize).min(FIRST_RESERVATION)),
            Framing::Empty | Framing::Chunked => Vec::new(),
        };
        Ok(Self { head, endpoint, accepts, body, body_limit })
    }

    pub(crate) const fn endpoint(&self) -> usize {
        self.endpoint
    }

    /// How many bytes the body may still grow by.
    pub(crate) fn room(&self) -> usize {
        self.body_limit - self.body.len()
    }

    /// Takes a piece of the body, which must fit in [`Incoming::room`].
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.body.extend_from_slice(piece);
    }

    /// Checks the complete request.
    pub(crate) fn finish(self, config: &Config) -> Result<Outcome, Failure> {
        let refused = Failure::Refused;
        let body = String::from_utf8(self.body).map_err(|_| refused(Refusal::NotUtf8))?;
        let limit = config.limits.json_depth;
        if is_deeper_than(limit, body.as_bytes()) {
            return Err(refused(Refusal::TooDeep { limit }));
        }
        // Batches came and went with 2025-03-26.
        if body.trim_ascii_start().starts_with('[') {
            return Err(Failure::Rpc {
                id: None,
                era: Era::Legacy,
                error: RpcError::invalid_request(
                    "invalid request: this is a batch, send each message in a request of its own",
                ),
            });
        }
        let message = Message::parse(&body).map_err(|error| {
            // serde_json quotes a string that stands where an object should, however long.
            let mut reason = format!("{error}");
            if reason.len() > 200 {
                reason = format!("no object, at line {} column {}", error.line(), error.column());
            }
            refused(Refusal::NotJson { reason })
        })?;
        let endpoint = &config.endpoints[self.endpoint];
        Ok(match interpret(&self.head, &message, &body, endpoint)? {
            Meaning::Call(parts) => {
                let accepts = match parts.method {
                    // A stream by nature, wherever other responses are pinned to.
                    McpMethod::Listen if self.accepts.event_stream => self.accepts,
                    McpMethod::Listen => return Err(refused(Refusal::NotAcceptable)),
                    _ => self.accepts.pinned(endpoint.response_mode).map_err(refused)?,
                };
                let request = Request { head: self.head, body, parts };
                Outcome::Call(Box::new(request), accepts)
            }
            Meaning::Immediate(immediate) => Outcome::Immediate(immediate),
            Meaning::Nothing => Outcome::Accepted,
        })
    }
}
