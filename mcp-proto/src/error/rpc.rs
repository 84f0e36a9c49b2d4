//! JSON-RPC errors with the codes of MCP.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Denial, Excerpt, Refusal};
use crate::revision::Era;

/// The code of a JSON-RPC error.
///
/// The constants are those of JSON-RPC 2.0 and of MCP 2026-07-28 (basic, "Error Codes"). For
/// errors of your own, take numbers outside -32768 to -32000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct ErrorCode(
    /// The number on the wire.
    pub i32,
);

impl ErrorCode {
    /// The body is not JSON.
    pub const PARSE_ERROR: Self = Self(-32700);
    /// The JSON is no JSON-RPC message, or the HTTP request around it was refused.
    pub const INVALID_REQUEST: Self = Self(-32600);
    /// There is no such method.
    pub const METHOD_NOT_FOUND: Self = Self(-32601);
    /// The parameters do not fit the method; an unknown tool is such a parameter.
    pub const INVALID_PARAMS: Self = Self(-32602);
    /// The server failed.
    pub const INTERNAL_ERROR: Self = Self(-32603);
    /// There is no such resource, in the 2025 revisions. 2026-07-28 has
    /// [`INVALID_PARAMS`](Self::INVALID_PARAMS) for it.
    const LEGACY_RESOURCE_NOT_FOUND: Self = Self(-32002);
    /// Header fields and body disagree (2026-07-28).
    pub const HEADER_MISMATCH: Self = Self(-32020);
    /// The client lacks a capability that the request needs (2026-07-28).
    pub const MISSING_CLIENT_CAPABILITY: Self = Self(-32021);
    /// The protocol version is not supported (2026-07-28).
    pub const UNSUPPORTED_VERSION: Self = Self(-32022);
}

/// The `error` member of a JSON-RPC response.
#[derive(Clone, Debug, Serialize)]
pub struct RpcError {
    /// Which error it is.
    pub code: ErrorCode,
    /// What was wrong and what would be right, in a sentence for a human.
    pub message: Cow<'static, str>,
    /// More about it, for a program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
    /// What it is over HTTP, as long as nothing else was said.
    #[serde(skip)]
    pub(crate) denial: Option<Box<Denial>>,
    /// Whether it is [`RpcError::resource_not_found`], whose code depends on the revision.
    #[serde(skip)]
    pub(crate) is_resource_not_found: bool,
}

impl From<&Refusal> for RpcError {
    /// What stands in the answer.
    fn from(refusal: &Refusal) -> Self {
        Self::new(refusal.code(), format!("{refusal}"))
    }
}

impl RpcError {
    /// An error without data.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Self { code, message, data: None, denial: None, is_resource_not_found: false }
    }

    /// -32600.
    pub(crate) fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::INVALID_REQUEST, message)
    }

    /// -32602: the parameters do not fit.
    #[must_use]
    pub fn invalid_params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::INVALID_PARAMS, message)
    }

    /// There is no such resource: -32602, or -32002 for a client of the 2025 revisions, with the URI
    /// in its data (server/resources, "Error Handling").
    #[must_use]
    pub fn resource_not_found(uri: &str) -> Self {
        #[derive(Serialize)]
        struct Data<'a> {
            uri: &'a str,
        }

        let message = format!("unknown resource {}: see resources/list", Excerpt(uri));
        let data = serde_json::value::to_raw_value(&Data { uri }).ok();
        Self { data, is_resource_not_found: true, ..Self::invalid_params(message) }
    }

    /// The same as clients of that era know it.
    pub(crate) fn in_era(&self, era: Era) -> Cow<'_, Self> {
        let is_renamed = self.is_resource_not_found && self.code == ErrorCode::INVALID_PARAMS;
        match era {
            Era::Legacy if is_renamed => {
                Cow::Owned(Self { code: ErrorCode::LEGACY_RESOURCE_NOT_FOUND, ..self.clone() })
            }
            _ => Cow::Borrowed(self),
        }
    }

    /// -32603: the server failed. `message` goes to the client: keep secrets out of it.
    #[must_use]
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::INTERNAL_ERROR, message)
    }

    /// The `error` member of a client's response.
    pub(crate) fn read(error: &str) -> Self {
        #[derive(Deserialize)]
        struct Members<'a> {
            code: i32,
            #[serde(borrow)]
            message: Cow<'a, str>,
            data: Option<Box<RawValue>>,
        }

        match serde_json::from_str(error) {
            Ok(Members { code, message, data }) => {
                Self { data, ..Self::new(ErrorCode(code), message.into_owned()) }
            }
            Err(_) => Self::internal("the client has answered with an error that is malformed"),
        }
    }

    /// -32601.
    pub(crate) fn method_not_found(method: &str) -> Self {
        Self::new(
            ErrorCode::METHOD_NOT_FOUND,
            format!("method not found: {} is not offered by this server", Excerpt(method)),
        )
    }

    /// -32020.
    pub(crate) fn header_mismatch(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::HEADER_MISMATCH, message)
    }
}

/// A handler that finds that its caller may not do what it asks for: 401 or 403, unless the response
/// has become an event stream by then.
impl From<Denial> for RpcError {
    fn from(denial: Denial) -> Self {
        let error = Self::new(denial.code(), format!("{denial}"));
        Self { denial: Some(Box::new(denial)), ..error }
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code.0)
    }
}

impl core::error::Error for RpcError {}
