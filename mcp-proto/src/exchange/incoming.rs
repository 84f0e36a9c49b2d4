//! From the head and body of an HTTP request to an MCP request.
//!
//! Until the last check has passed, a request owns nothing but its bytes: no key, no table row, no
//! task. So the cheapest attack on a server, requests that are refused, leaves nothing behind.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::de::IgnoredAny;

use super::batch::{self, BatchMember};
use super::interpret::{Immediate, Invalid, Meaning, interpret};
use crate::authorization::Principal;
use crate::config::Config;
use crate::cors;
use crate::endpoint::{self, Endpoint, Found};
use crate::error::Refusal;
use crate::guard;
use crate::http::{Framing, Head, Method};
use crate::json::{MOST_LEVELS, Malformed, is_object};
use crate::jsonrpc::{Id, Message, find_request_id};
use crate::media::{self, Accepts};
use crate::method::McpMethod;
use crate::request::Request;
use crate::revision::{Era, VersionField, legacy};

/// The first allocation for a body that is announced but not there yet; it grows with what comes.
const FIRST_RESERVATION: usize = 16 * 1024;

/// Where a request is let in.
pub(crate) struct Admitted {
    /// What it is for.
    pub(crate) found: Found,
    /// The origin of the page that it comes from, if that is not ours.
    pub(crate) cors_origin: Option<Box<str>>,
}

/// Finds out where a request is for, and whether it may go there.
pub(crate) fn admit(config: &Config, head: &Head) -> Result<Admitted, (Option<usize>, Refusal)> {
    let host = guard::parse_host(head).map_err(|refusal| (None, refusal))?;
    // RFC 9110 section 9.1: what is not implemented at all is 501, at any target. That of a
    // CONNECT is not even a path (RFC 9112 section 3.2.3).
    if matches!(head.method(), Method::Unknown | Method::Connect) {
        return Err((None, Refusal::UnknownMethod));
    }
    let found = endpoint::find(&config.endpoints, head).map_err(|refusal| (None, refusal))?;
    let cors_origin = guard::check(head, host.as_ref(), &config.hosts, &config.origins)
        .map(|origin| origin.map(Box::from));
    match cors_origin {
        Ok(cors_origin) => Ok(Admitted { found, cors_origin }),
        Err(refusal) => Err((Some(found.endpoint()), refusal)),
    }
}

/// A request whose head has been accepted and whose body is on its way.
pub(crate) struct Incoming {
    /// It has its body only in the end, when that has turned out to be text.
    request: Box<Request>,
    endpoint: usize,
    accepts: Accepts,
    body: Vec<u8>,
}

/// What a head that has been accepted is of.
pub(crate) enum Received {
    /// An MCP request.
    Request(Incoming),
    /// A request for the metadata of the endpoint at that position.
    Metadata(usize),
    /// A browser that asks what it may send there, with the fields of the answer.
    Preflight(String),
}

/// What a complete request turned out to be.
pub(crate) enum Outcome {
    /// Work for the application.
    Call(Box<Request>, Accepts),
    /// A request that the protocol itself answers.
    Immediate(Immediate),
    /// A notification or response, which gets no answer.
    Accepted,
    /// Several messages at once.
    Batch(Vec<BatchMember>, Accepts),
    /// A browser that asks what it may send, with the fields of the answer.
    Preflight(String),
}

/// Why a complete request was not served.
pub(crate) enum Failure {
    Refused {
        /// Of the request, as far as it could be read.
        id: Option<Id>,
        refusal: Refusal,
    },
    Invalid(Invalid),
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused { id: None, refusal }
    }
}

impl Received {
    /// Checks what else a head can tell.
    pub(crate) fn new(
        config: &Config,
        request: Box<Request>,
        admitted: &Admitted,
    ) -> Result<Self, Refusal> {
        let head = &request.head;
        let is_preflight = admitted.cors_origin.is_some() && cors::is_preflight(head);
        match (admitted.found, head.method()) {
            (Found::Endpoint(at), _) => {
                Incoming::at_endpoint(config, request, at, is_preflight).map(Self::Request)
            }
            (Found::Metadata(at), Method::Get | Method::Head) => Ok(Self::Metadata(at)),
            (Found::Metadata(_), _) if is_preflight => {
                Ok(Self::Preflight(cors::preflight_fields(head, "GET, HEAD")))
            }
            (Found::Metadata(_), _) => Err(Refusal::MethodNotAllowed { allow: "GET, HEAD" }),
        }
    }
}

impl Incoming {
    fn at_endpoint(
        config: &Config,
        request: Box<Request>,
        endpoint: usize,
        is_preflight: bool,
    ) -> Result<Self, Refusal> {
        let head = &request.head;
        let accepts = match head.method() {
            Method::Post => {
                media::check_content_type(head)?;
                let accepts = Accepts::parse(head)?;
                accepts.pinned(config.endpoints[endpoint].response_mode)?;
                accepts
            }
            _ if is_preflight => Accepts { json: false, event_stream: false },
            method => {
                check_session_method(head, method, &config.endpoints[endpoint])?;
                Accepts { json: false, event_stream: true }
            }
        };
        let body_limit = config.body_limit();
        match head.framing() {
            Framing::Length(length) if length > body_limit as u64 => {
                Err(Refusal::BodyTooLarge { limit: body_limit })
            }
            _ => Ok(Self { request, endpoint, accepts, body: Vec::new() }),
        }
    }

    pub(crate) const fn endpoint(&self) -> usize {
        self.endpoint
    }

    pub(crate) const fn head(&self) -> &Head {
        &self.request.head
    }

    /// Whether a browser asks what it may send: nobody has to be let in for that.
    pub(crate) fn is_preflight(&self) -> bool {
        self.head().method() == Method::Options
    }

    /// Notes who was let in.
    pub(crate) fn let_in(&mut self, principal: Principal) {
        self.request.parts.principal = Some(Arc::new(principal));
    }

    /// Makes room for the body.
    pub(crate) fn reserve(&mut self) {
        if let Framing::Length(length) = self.head().framing() {
            self.body = Vec::with_capacity((length as usize).min(FIRST_RESERVATION));
        }
    }

    /// By how many bytes the body may still grow, if it may have that many.
    pub(crate) fn room(&self, body_limit: usize) -> usize {
        body_limit - self.body.len()
    }

    /// Takes a piece of the body, which must fit in [`Incoming::room`].
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.body.extend_from_slice(piece);
    }

    /// Checks the complete request.
    pub(crate) fn finish(self, config: &Config) -> Result<Outcome, Failure> {
        let endpoint = &config.endpoints[self.endpoint];
        if self.is_preflight() {
            let methods = if endpoint.keeps_sessions { "POST, GET, DELETE" } else { "POST" };
            return Ok(Outcome::Preflight(cors::preflight_fields(self.head(), methods)));
        }
        let mut request = self.request;
        if request.head.method() != Method::Post {
            read_request_of_session(&mut request);
            return Ok(Outcome::Call(request, self.accepts));
        }
        request.body = String::from_utf8(self.body).map_err(|_| Refusal::NotUtf8)?;
        let body = &request.body;
        if body.trim_ascii_start().starts_with('[') {
            let accepts = self.accepts.pinned(endpoint.response_mode)?;
            let mut members = batch::read(&request.head, None, body, endpoint, config)?;
            for member in &mut members {
                if let BatchMember::Call(member) = member {
                    member.parts.principal.clone_from(&request.parts.principal);
                }
            }
            return Ok(Outcome::Batch(members, accepts));
        }
        let depth_limit = config.limits.json_depth;
        let mut message = Message::default();
        message
            .read(body, depth_limit)
            .map_err(|malformed| no_message(body, malformed, depth_limit))?;
        Ok(match interpret(&mut request, &message, None, endpoint)? {
            Meaning::Call => {
                let accepts = match request.method() {
                    // A stream by nature, wherever other responses are pinned to.
                    McpMethod::Listen if self.accepts.event_stream => Ok(self.accepts),
                    McpMethod::Listen => Err(Refusal::NotAcceptable),
                    _ => self.accepts.pinned(endpoint.response_mode),
                };
                let accepts = accepts
                    .map_err(|refusal| Failure::Refused { id: request.id().cloned(), refusal })?;
                Outcome::Call(request, accepts)
            }
            Meaning::Immediate(immediate) => Outcome::Immediate(immediate),
            Meaning::Nothing => Outcome::Accepted,
        })
    }
}

/// Why a text is no message, or no batch of them. JSON-RPC tells apart what is no JSON and what is
/// some, but no message (section 5.1).
pub(crate) fn no_message(body: &str, malformed: Malformed, depth_limit: usize) -> Failure {
    if malformed == Malformed::TooDeep {
        // It may be a request all the same, for whose answer somebody waits.
        let refusal = Refusal::TooDeep { limit: depth_limit.min(MOST_LEVELS) };
        return Failure::Refused { id: find_request_id(body.as_bytes()), refusal };
    }
    Failure::from(match serde_json::from_str::<IgnoredAny>(body) {
        Ok(_) if !is_object(body.trim_ascii_start()) => Refusal::NotAMessage,
        Ok(_) => Refusal::NotJson { reason: "half of a surrogate pair in a key".to_owned() },
        Err(error) => Refusal::NotJson { reason: format!("{error}") },
    })
}

/// Checks a GET or DELETE, which the 2025 revisions have for sessions.
fn check_session_method(head: &Head, method: Method, endpoint: &Endpoint) -> Result<(), Refusal> {
    let version = VersionField::parse(head.protocol_version());
    if endpoint.keeps_sessions && matches!(version, VersionField::Unknown(_)) {
        return Err(Refusal::UnknownRevision);
    }
    if !endpoint.keeps_sessions || version.era(None) == Era::Modern {
        return Err(Refusal::MethodNotAllowed { allow: "POST" });
    }
    // To come back to the stream of a call is possible where there is nothing else to hear.
    let can_listen = endpoint.info().capabilities.has_changes() || head.last_event_id().is_some();
    match method {
        Method::Get if can_listen => {
            let accepts = Accepts::parse(head)?;
            if !accepts.event_stream {
                return Err(Refusal::NotAcceptable);
            }
        }
        Method::Delete => {}
        _ if can_listen => {
            return Err(Refusal::MethodNotAllowed { allow: "POST, GET, DELETE" });
        }
        _ => return Err(Refusal::MethodNotAllowed { allow: "POST, DELETE" }),
    }
    match head.session_id() {
        Some(_) => Ok(()),
        None => Err(Refusal::MissingSessionId),
    }
}

/// Reads a GET or DELETE, whose content means nothing (RFC 9110 sections 9.3.1 and 9.3.5).
fn read_request_of_session(request: &mut Request) {
    request.parts.method = match request.head.method() {
        Method::Get => McpMethod::OpenStream,
        _ => McpMethod::EndSession,
    };
    let field = VersionField::parse(request.head.protocol_version());
    request.parts.revision = legacy::revision_of(field);
    request.parts.is_of_session = true;
}
