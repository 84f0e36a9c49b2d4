//! The tables that map an error to its HTTP status.

use super::denial::Reason;
use super::{Denial, ErrorCode, Refusal, RpcError};
use crate::revision::Era;

/// The HTTP statuses that a server of MCP answers with (RFC 9110 section 15, RFC 6585).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the RFCs")]
#[non_exhaustive]
pub enum Status {
    Ok = 200,
    Accepted = 202,
    NoContent = 204,
    BadRequest = 400,
    Unauthorized = 401,
    Forbidden = 403,
    NotFound = 404,
    MethodNotAllowed = 405,
    NotAcceptable = 406,
    RequestTimeout = 408,
    ContentTooLarge = 413,
    UriTooLong = 414,
    UnsupportedMediaType = 415,
    ExpectationFailed = 417,
    RequestHeaderFieldsTooLarge = 431,
    InternalServerError = 500,
    NotImplemented = 501,
    ServiceUnavailable = 503,
    HttpVersionNotSupported = 505,
}

impl Status {
    /// The three digits.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The status line behind its version: code, reason phrase, and the end of the line.
    pub(crate) const fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK\r\n",
            Self::Accepted => "202 Accepted\r\n",
            Self::NoContent => "204 No Content\r\n",
            Self::BadRequest => "400 Bad Request\r\n",
            Self::Unauthorized => "401 Unauthorized\r\n",
            Self::Forbidden => "403 Forbidden\r\n",
            Self::NotFound => "404 Not Found\r\n",
            Self::MethodNotAllowed => "405 Method Not Allowed\r\n",
            Self::NotAcceptable => "406 Not Acceptable\r\n",
            Self::RequestTimeout => "408 Request Timeout\r\n",
            Self::ContentTooLarge => "413 Content Too Large\r\n",
            Self::UriTooLong => "414 URI Too Long\r\n",
            Self::UnsupportedMediaType => "415 Unsupported Media Type\r\n",
            Self::ExpectationFailed => "417 Expectation Failed\r\n",
            Self::RequestHeaderFieldsTooLarge => "431 Request Header Fields Too Large\r\n",
            Self::InternalServerError => "500 Internal Server Error\r\n",
            Self::NotImplemented => "501 Not Implemented\r\n",
            Self::ServiceUnavailable => "503 Service Unavailable\r\n",
            Self::HttpVersionNotSupported => "505 HTTP Version Not Supported\r\n",
        }
    }
}

impl Refusal {
    /// The HTTP status that a refusal is answered with.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::MalformedRequestLine
            | Self::BareLineFeed
            | Self::FoldedField
            | Self::MalformedField
            | Self::RepeatedField { .. }
            | Self::MissingHost
            | Self::InvalidHost
            | Self::InvalidTarget
            | Self::InvalidContentLength
            | Self::ConflictingFraming
            | Self::TransferEncodingOnHttp10
            | Self::ChunkedNotLast
            | Self::MalformedChunk
            | Self::ChunkExtensionsTooLarge { .. }
            | Self::NotUtf8
            | Self::NotJson { .. }
            | Self::NotAMessage
            | Self::TooDeep { .. }
            | Self::UnknownBatch
            | Self::BatchTooLarge { .. }
            | Self::EmptyBatch
            | Self::InitializeInBatch
            | Self::MissingSessionId
            | Self::UnknownRevision
            | Self::SessionExists
            | Self::UnknownEvent => Status::BadRequest,
            Self::Denied(denial) => denial.status(),
            Self::ForeignHost { .. } | Self::ForeignOrigin { .. } => Status::Forbidden,
            Self::NoEndpoint | Self::UnknownSession => Status::NotFound,
            Self::MethodNotAllowed { .. } => Status::MethodNotAllowed,
            Self::NotAcceptable => Status::NotAcceptable,
            Self::SlowHead | Self::SlowBody => Status::RequestTimeout,
            Self::BodyTooLarge { .. } | Self::LineTooLong { .. } => Status::ContentTooLarge,
            Self::TargetTooLong { .. } => Status::UriTooLong,
            Self::UnsupportedMediaType => Status::UnsupportedMediaType,
            Self::UnmetExpectation => Status::ExpectationFailed,
            Self::HeadTooLarge { .. }
            | Self::TooManyFields { .. }
            | Self::TrailersTooLarge { .. } => Status::RequestHeaderFieldsTooLarge,
            Self::UnknownMethod | Self::UnknownTransferCoding => Status::NotImplemented,
            Self::TooManySessions { .. }
            | Self::TooManyRequests { .. }
            | Self::SlowAuthorization => Status::ServiceUnavailable,
            Self::UnsupportedVersion => Status::HttpVersionNotSupported,
        }
    }

    /// The JSON-RPC code in the body of the answer.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            // What they say twice cannot be what the body says (2026-07-28,
            // basic/transports/streamable-http, "Server Validation").
            Self::RepeatedField { name: "MCP-Protocol-Version" | "Mcp-Method" | "Mcp-Name" } => {
                ErrorCode::HEADER_MISMATCH
            }
            Self::NotUtf8 | Self::NotJson { .. } => ErrorCode::PARSE_ERROR,
            Self::Denied(denial) => denial.code(),
            Self::SlowAuthorization => ErrorCode::INTERNAL_ERROR,
            _ => ErrorCode::INVALID_REQUEST,
        }
    }
}

impl Denial {
    /// The HTTP status that a request is answered with that was not let in (RFC 6750 section 3.1).
    #[must_use]
    pub const fn status(&self) -> Status {
        match self.reason() {
            Reason::NoToken | Reason::InvalidToken => Status::Unauthorized,
            Reason::InvalidRequest => Status::BadRequest,
            Reason::InsufficientScope => Status::Forbidden,
            Reason::Unavailable => Status::ServiceUnavailable,
            Reason::Failed => Status::InternalServerError,
        }
    }

    pub(super) const fn code(&self) -> ErrorCode {
        match self.reason() {
            Reason::Unavailable | Reason::Failed => ErrorCode::INTERNAL_ERROR,
            _ => ErrorCode::INVALID_REQUEST,
        }
    }
}

impl RpcError {
    /// The HTTP status that goes with the error when it answers a request of `era`.
    ///
    /// 2026-07-28 gives statuses to its own codes (basic/transports/streamable-http); what is left,
    /// failures of the server and codes of the application, is 200. So is every outcome of a
    /// well-formed request of the 2025 revisions. Clients take other statuses for a failure of
    /// the transport and never read the error.
    #[must_use]
    pub const fn status(&self, era: Era) -> Status {
        match (era, self.code) {
            (_, ErrorCode::PARSE_ERROR | ErrorCode::INVALID_REQUEST) => Status::BadRequest,
            (Era::Legacy, _) => Status::Ok,
            (Era::Modern, ErrorCode::METHOD_NOT_FOUND) => Status::NotFound,
            (
                Era::Modern,
                ErrorCode::INVALID_PARAMS
                | ErrorCode::HEADER_MISMATCH
                | ErrorCode::MISSING_CLIENT_CAPABILITY
                | ErrorCode::UNSUPPORTED_VERSION,
            ) => Status::BadRequest,
            (Era::Modern, _) => Status::Ok,
        }
    }
}
