//! Requests that are refused before JSON-RPC is reached.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use super::{Denial, Excerpt};

/// Why an HTTP request was refused. The peer's doing, unless nobody could tell who it is.
///
/// The text of a refusal is sent to the peer, so it says what was wrong and what would be right,
/// and quotes nothing of the request but names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The request line is not `method SP target SP HTTP-version` (RFC 9112 section 3).
    MalformedRequestLine,
    /// A line of the head ends in LF without CR (RFC 9112 section 2.2 lets us refuse it).
    BareLineFeed,
    /// A field line continues on the next line (RFC 9112 section 5.2).
    FoldedField,
    /// A field line is not `name: value`: white space before the colon, a control character.
    MalformedField,
    /// An HTTP version other than 1.0 and 1.1.
    UnsupportedVersion,
    /// The request line is longer than [`Limits::head`](crate::Limits::head), in bytes.
    TargetTooLong {
        /// The limit.
        limit: usize,
    },
    /// The head is longer than [`Limits::head`](crate::Limits::head), in bytes.
    HeadTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The head has more lines than [`Limits::fields`](crate::Limits::fields).
    TooManyFields {
        /// The limit.
        limit: usize,
    },
    /// A field that must come once comes twice.
    RepeatedField {
        /// Its name.
        name: &'static str,
    },
    /// No `Host` field (RFC 9112 section 3.2).
    MissingHost,
    /// A `Host` that is no host and port, or differs from the request target's.
    InvalidHost,
    /// A request target that is neither a path nor an absolute URI, has a broken escape, or
    /// characters of no URI.
    InvalidTarget,
    /// A `Content-Length` that is not one decimal number.
    InvalidContentLength,
    /// Both `Content-Length` and `Transfer-Encoding` (RFC 9112 section 6.3: smuggling).
    ConflictingFraming,
    /// `Transfer-Encoding` in an HTTP/1.0 request (RFC 9112 section 6.1).
    TransferEncodingOnHttp10,
    /// `Transfer-Encoding` whose last coding is not `chunked`, or which has it twice.
    ChunkedNotLast,
    /// A transfer coding besides `chunked`.
    UnknownTransferCoding,
    /// A chunk's size line or end is malformed (RFC 9112 section 7.1).
    MalformedChunk,
    /// Chunk extensions beyond [`Limits::chunk_overhead`](crate::Limits::chunk_overhead).
    ChunkExtensionsTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// Trailers beyond [`Limits::chunk_overhead`](crate::Limits::chunk_overhead).
    TrailersTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// An expectation other than `100-continue` (RFC 9110 section 10.1.1).
    UnmetExpectation,
    /// The head was not complete within [`Deadlines::head`](crate::Deadlines::head).
    SlowHead,
    /// The body was not complete within [`Deadlines::body`](crate::Deadlines::body).
    SlowBody,
    /// A method that is not of HTTP, or CONNECT.
    UnknownMethod,
    /// It could not be told within [`Deadlines::authorization`](crate::Deadlines::authorization)
    /// whether the request may be let in.
    SlowAuthorization,
    /// The request was not let in.
    Denied(Box<Denial>),
    /// No endpoint at this path.
    NoEndpoint,
    /// A `Host` that is not served here; the guard against DNS rebinding.
    ForeignHost {
        /// The value sent, if it was readable.
        host: String,
    },
    /// An `Origin` that may not use this server.
    ForeignOrigin {
        /// The value sent, if it was readable.
        origin: String,
    },
    /// A method that the endpoint, or what it says of itself, does not take.
    MethodNotAllowed {
        /// Those that it does, as the `Allow` field has them.
        allow: &'static str,
    },
    /// A `Content-Type` other than `application/json`, or a compressed body.
    UnsupportedMediaType,
    /// An `Accept` that admits neither of the two types we can answer with.
    NotAcceptable,
    /// A body longer than [`Limits::body`](crate::Limits::body).
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// A line longer than [`Limits::body`](crate::Limits::body).
    LineTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// More requests at once than [`Limits::in_flight`](crate::Limits::in_flight) or, of one session,
    /// [`HubLimits::calls`](crate::HubLimits::calls).
    TooManyRequests {
        /// The limit.
        limit: usize,
    },
    /// The body is not UTF-8.
    NotUtf8,
    /// The body is not JSON.
    NotJson {
        /// What the parser found, and where.
        reason: String,
    },
    /// The body is JSON, and neither an object nor an array.
    NotAMessage,
    /// The body nests deeper than [`Limits::json_depth`](crate::Limits::json_depth).
    TooDeep {
        /// The limit in levels.
        limit: usize,
    },
    /// A JSON-RPC batch, in a revision without batches.
    UnknownBatch,
    /// A batch with more messages than [`Limits::batch`](crate::Limits::batch).
    BatchTooLarge {
        /// The limit.
        limit: usize,
    },
    /// A batch without messages.
    EmptyBatch,
    /// `initialize` in a batch (2025-03-26, basic/lifecycle).
    InitializeInBatch,
    /// A GET or DELETE without `Mcp-Session-Id`.
    MissingSessionId,
    /// A GET or DELETE with an `MCP-Protocol-Version` that is not served.
    UnknownRevision,
    /// An `Mcp-Session-Id` that names no session, or one of somebody else.
    UnknownSession,
    /// An `initialize` within a session.
    SessionExists,
    /// A `Last-Event-ID` from which no stream can go on.
    UnknownEvent,
    /// There are as many sessions as [`HubLimits::sessions`](crate::HubLimits::sessions) allows, and
    /// none of them is idle.
    TooManySessions {
        /// The limit.
        limit: usize,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MalformedRequestLine => f.write_str(
                "malformed request line: send method, one space, target, one space, HTTP/1.1",
            ),
            Self::BareLineFeed => {
                f.write_str("a line of the head ends in a bare LF: end each line with CR LF")
            }
            Self::FoldedField => {
                f.write_str("a field line is folded: send each field on a single line")
            }
            Self::MalformedField => f.write_str(
                "malformed field line: send `name: value` with no space before the colon and no \
                 control characters",
            ),
            Self::UnsupportedVersion => f.write_str("unsupported HTTP version: send HTTP/1.1"),
            Self::TargetTooLong { limit } => {
                write!(f, "the request line is longer than {limit} bytes")
            }
            Self::HeadTooLarge { limit } => {
                write!(f, "the request head is larger than {limit} bytes")
            }
            Self::TooManyFields { limit } => {
                write!(f, "the request has more than {limit} header fields")
            }
            Self::RepeatedField { name } => {
                write!(f, "the {name} field is repeated: send it once")
            }
            Self::MissingHost => f.write_str("the Host field is missing"),
            Self::InvalidHost => f.write_str(
                "invalid Host: send one host with an optional port, the same as in the target",
            ),
            Self::InvalidTarget => {
                f.write_str("invalid request target: send the path of an endpoint, such as /mcp")
            }
            Self::InvalidContentLength => {
                f.write_str("invalid Content-Length: send one decimal number")
            }
            Self::ConflictingFraming => {
                f.write_str("both Content-Length and Transfer-Encoding: send one of them")
            }
            Self::TransferEncodingOnHttp10 => {
                f.write_str("Transfer-Encoding in an HTTP/1.0 request: send HTTP/1.1")
            }
            Self::ChunkedNotLast => f.write_str(
                "the last transfer coding is not a single `chunked`: the body has no end",
            ),
            Self::UnknownTransferCoding => {
                f.write_str("unknown transfer coding: the only one understood is `chunked`")
            }
            Self::MalformedChunk => {
                f.write_str("malformed chunk: send its size in hexadecimal, CR LF, the data, CR LF")
            }
            Self::ChunkExtensionsTooLarge { limit } => {
                write!(f, "the chunk extensions are larger than {limit} bytes")
            }
            Self::TrailersTooLarge { limit } => {
                write!(f, "the trailer section is larger than {limit} bytes")
            }
            Self::UnmetExpectation => {
                f.write_str("unknown expectation: the only one met is `100-continue`")
            }
            Self::SlowHead => f.write_str("the request head did not arrive in time"),
            Self::SlowBody => f.write_str("the request body did not arrive in time"),
            Self::SlowAuthorization => f.write_str("nobody can be let in for now: try again later"),
            Self::Denied(denial) => write!(f, "{denial}"),
            Self::UnknownMethod => {
                f.write_str("unknown HTTP method: MCP messages are sent with POST")
            }
            Self::NoEndpoint => f.write_str("there is no MCP endpoint at this path"),
            Self::ForeignHost { host } => write!(
                f,
                "host {} is not served here: the server must be configured to allow it",
                Excerpt(host)
            ),
            Self::ForeignOrigin { origin } => write!(
                f,
                "origin {} may not use this server: the server must be configured to allow it",
                Excerpt(origin)
            ),
            Self::MethodNotAllowed { allow } => {
                write!(f, "method not allowed: what is served here takes {allow}")
            }
            Self::UnsupportedMediaType => f.write_str(
                "unsupported media type: send `Content-Type: application/json`, uncompressed UTF-8",
            ),
            Self::NotAcceptable => {
                f.write_str("not acceptable: send `Accept: application/json, text/event-stream`")
            }
            Self::BodyTooLarge { limit } => {
                write!(f, "the request body is larger than {limit} bytes")
            }
            Self::LineTooLong { limit } => {
                write!(f, "the line is longer than {limit} bytes")
            }
            Self::TooManyRequests { limit } => {
                write!(f, "{limit} requests are being served already: try again later")
            }
            Self::NotUtf8 => f.write_str("parse error: the body is not UTF-8"),
            Self::NotJson { reason } => write!(f, "parse error: {reason}"),
            Self::NotAMessage => f.write_str(
                "invalid request: a message is a JSON object, send a request or a notification",
            ),
            Self::TooDeep { limit } => {
                write!(f, "the body nests deeper than {limit} levels")
            }
            Self::UnknownBatch => f.write_str(
                "invalid request: this is a batch, which only 2025-03-26 has; send each message in \
                 a request of its own",
            ),
            Self::BatchTooLarge { limit } => {
                write!(f, "invalid request: the batch has more than {limit} messages, send several")
            }
            Self::EmptyBatch => {
                f.write_str("invalid request: the batch is empty, send at least one message")
            }
            Self::InitializeInBatch => {
                f.write_str("invalid request: send `initialize` in a request of its own")
            }
            Self::MissingSessionId => {
                f.write_str("the Mcp-Session-Id field is missing: send what `initialize` gave you")
            }
            Self::UnknownRevision => f.write_str(
                "unknown MCP-Protocol-Version: send the one that `initialize` has settled",
            ),
            Self::UnknownSession => f.write_str(
                "unknown session: it has ended, or never was; send `initialize` for a new one",
            ),
            Self::SessionExists => f.write_str(
                "this session is initialized already: send `initialize` without Mcp-Session-Id for \
                 another one",
            ),
            Self::UnknownEvent => f.write_str(
                "unknown Last-Event-ID: the stream is not kept any more; send the request again",
            ),
            Self::TooManySessions { limit } => {
                write!(f, "all {limit} sessions of this server are in use: try again later")
            }
        }
    }
}

impl core::error::Error for Refusal {}
