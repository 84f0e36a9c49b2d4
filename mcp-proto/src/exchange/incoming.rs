//! From the head and body of an HTTP request to an MCP request.
//!
//! Until the last check has passed, a request owns nothing but its bytes: no key, no table row, no
//! task. So the cheapest attack on a server, requests that are refused, leaves nothing behind.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::completion::Completion;
use crate::config::Config;
use crate::endpoint;
use crate::error::{Refusal, RpcError};
use crate::guard;
use crate::http::{Framing, Head, Method};
use crate::jsonrpc::{Id, Members, Message, Params, is_deeper_than, string_of};
use crate::logging::LogLevel;
use crate::media::{self, Accepts};
use crate::method::{McpMethod, Subject};
use crate::request::{Part, Request, Text};
use crate::revision::{Era, Meta, Revision, VersionField, legacy, modern};
use crate::server_info::Capabilities;

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

/// Requests that need nothing but the description of the server.
pub(crate) enum Immediate {
    Initialize { id: Id, revision: Revision },
    Discover { id: Id },
    Ping { id: Id },
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
        let accepts = Accepts::parse(&head)?.pinned(config.endpoints[endpoint].response_mode)?;
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
        let capabilities = &config.endpoints[self.endpoint].info().capabilities;
        match interpret(&self.head, &message, &body, capabilities)? {
            Interpretation::Done(outcome) => Ok(outcome),
            Interpretation::Call(parts) => {
                let request = Box::new(Request {
                    head: self.head,
                    revision: parts.revision,
                    method: parts.method,
                    id: parts.id,
                    progress_token: parts.progress_token,
                    name: parts.name,
                    cursor: parts.cursor,
                    arguments: parts.arguments,
                    meta: parts.meta,
                    client_info: parts.client_info,
                    log_level: parts.log_level,
                    completion: parts.completion,
                    body,
                });
                Ok(Outcome::Call(request, self.accepts))
            }
        }
    }
}

enum Interpretation {
    Done(Outcome),
    Call(RequestParts),
}

/// A [`Request`] without the bytes that its parts point into.
struct RequestParts {
    revision: Revision,
    method: McpMethod,
    id: Id,
    progress_token: Option<Id>,
    name: Text,
    cursor: Option<Text>,
    arguments: Option<Part>,
    meta: Option<Part>,
    client_info: Option<Part>,
    log_level: Option<LogLevel>,
    completion: Option<Box<Completion>>,
}

/// Applies JSON-RPC, then the rules of the request's era, then those of its method.
fn interpret(
    head: &Head,
    message: &Message<'_>,
    body: &str,
    capabilities: &Capabilities,
) -> Result<Interpretation, Failure> {
    let field = VersionField::parse(head.protocol_version());
    let params = match &message.params {
        Params::Object(members) => Some(members),
        Params::Absent | Params::Other => None,
    };
    let raw_meta = params.and_then(|params| params.meta);
    let meta = raw_meta.map(Meta::parse).transpose();
    let declared = match &meta {
        Ok(Some(meta)) => meta.protocol_version.and_then(string_of),
        _ => None,
    };
    let era = field.era(declared.as_deref());

    // Until the id is known, an error goes without one.
    let unnamed = |error| Failure::Rpc { id: None, era, error };
    let id = match message.id {
        None => None,
        Some(id) => Some(Id::from_json(id.get()).ok_or_else(|| {
            unnamed(RpcError::invalid_request(
                "invalid request: `id` must be a string or an integer",
            ))
        })?),
    };
    let fail = |error| Failure::Rpc { id: id.clone(), era, error };
    if message.jsonrpc.is_none_or(|version| version.get() != "\"2.0\"") {
        return Err(fail(RpcError::invalid_request("invalid request: `jsonrpc` must be \"2.0\"")));
    }
    if let Some(key) = message.duplicate() {
        return Err(fail(RpcError::invalid_request(format!(
            "invalid request: the key {key:?} comes twice"
        ))));
    }
    let Some(method) = message.method else {
        return if message.is_response && era == Era::Legacy {
            // We ask nothing of stateless clients, so this answers somebody else.
            Ok(Interpretation::Done(Outcome::Accepted))
        } else {
            Err(fail(RpcError::invalid_request(
                "invalid request: `method` is missing, send a request or a notification",
            )))
        };
    };
    let method = string_of(method).ok_or_else(|| {
        fail(RpcError::invalid_request("invalid request: `method` must be a string"))
    })?;
    if message.is_response {
        return Err(fail(RpcError::invalid_request(
            "invalid request: a message has either `method` or `result` or `error`",
        )));
    }

    let Some(id) = id.clone() else {
        // A notification. 2026-07-28 defines none that a client sends over HTTP, and none of the
        // 2025 ones says anything to a server that keeps no session.
        if let (Era::Modern, VersionField::Unknown(_)) = (era, field) {
            modern::check_version(head, None).map_err(fail)?;
        }
        return Ok(Interpretation::Done(Outcome::Accepted));
    };
    let meta = meta.map_err(fail)?;
    if matches!(message.params, Params::Other) {
        return Err(fail(RpcError::invalid_params("invalid params: `params` must be an object")));
    }

    let revision = match era {
        Era::Legacy => legacy::revision_of(field),
        Era::Modern => {
            modern::check_version(head, meta.as_ref()).map_err(fail)?;
            modern::check_method(head, &method).map_err(fail)?;
            Revision::V2026_07_28
        }
    };
    let immediate = match (era, &*method) {
        (Era::Legacy, "initialize") => {
            let revision = legacy::negotiate(params).map_err(fail)?;
            Some(Immediate::Initialize { id: id.clone(), revision })
        }
        (Era::Legacy, "ping") => Some(Immediate::Ping { id: id.clone() }),
        (Era::Modern, "server/discover") => Some(Immediate::Discover { id: id.clone() }),
        _ => None,
    };
    if let Some(immediate) = immediate {
        return Ok(Interpretation::Done(Outcome::Immediate(immediate)));
    }
    let method = McpMethod::find(&method, capabilities)
        .ok_or_else(|| fail(RpcError::method_not_found(&method)))?;

    let absent = Members::default();
    let params = params.unwrap_or(&absent);
    let subject = match method.subject() {
        Subject::Nothing => None,
        Subject::Name => Some(("name", params.name)),
        Subject::Uri => Some(("uri", params.uri)),
    };
    let name = match subject {
        None => Text::Decoded(Box::default()),
        Some((member, value)) => {
            let name = value.and_then(|value| Text::of(value, body)).ok_or_else(|| {
                fail(RpcError::invalid_params(format!(
                    "invalid params: `{member}` must be a string"
                )))
            })?;
            if era == Era::Modern {
                modern::check_name(head, name.as_str(body)).map_err(fail)?;
            }
            name
        }
    };
    let completion = match method {
        McpMethod::Complete => Some(Box::new(Completion::parse(params).map_err(fail)?)),
        _ => None,
    };
    let arguments = match params.arguments {
        Some(arguments) if arguments.get().starts_with('{') => Some(Part::of(arguments, body)),
        None => None,
        // Some clients write null for "none".
        Some(arguments) if arguments.get() == "null" => None,
        Some(_) => {
            return Err(fail(RpcError::invalid_params(
                "invalid params: `arguments` must be an object",
            )));
        }
    };
    let cursor = match params.cursor {
        Some(cursor) if cursor.get() != "null" => {
            Some(Text::of(cursor, body).ok_or_else(|| {
                fail(RpcError::invalid_params("invalid params: `cursor` must be a string"))
            })?)
        }
        _ => None,
    };
    let progress_token = match meta.as_ref().and_then(|meta| meta.progress_token) {
        Some(token) => Some(Id::from_json(token.get()).ok_or_else(|| {
            fail(RpcError::invalid_params(
                "invalid params: `_meta.progressToken` must be a string or an integer",
            ))
        })?),
        None => None,
    };
    let log_level = match meta.as_ref().and_then(|meta| meta.log_level) {
        Some(level) => Some(serde_json::from_str(level.get()).map_err(|_| {
            fail(RpcError::invalid_params(
                "invalid params: the log level in `_meta` must be one of syslog, such as \"info\"",
            ))
        })?),
        None => None,
    };
    let client_info = meta.and_then(|meta| meta.client_info);
    // `_meta` was parsed on its own, but from a slice of the same body.
    let client_info = client_info.map(|info| Part::of(info, body));
    Ok(Interpretation::Call(RequestParts {
        revision,
        method,
        id,
        progress_token,
        name,
        cursor,
        arguments,
        meta: raw_meta.map(|meta| Part::of(meta, body)),
        client_info,
        log_level,
        completion,
    }))
}
