//! What a browser has to be told before a page of another origin may send a request here or read
//! the response (WHATWG Fetch, "CORS protocol").
//!
//! Which origins are let in at all, [`guard`](crate::guard) knows. Credentials are never allowed:
//! nothing here goes by cookies, and a token that the page itself puts into `Authorization` is none
//! of what a browser means by that.

use alloc::string::String;
use alloc::vec::Vec;

use crate::http::{Head, Method, is_tchar, list_members};
use crate::param_header;

/// How long a browser may keep the answer to a preflight, in seconds: two hours, which is what
/// Chromium cuts longer times down to. An origin that is let in no more need not wait for that, as
/// every request is checked.
const MAX_AGE: &str = "7200";

/// What MCP clients say in a head, and pages may not say unasked.
const REQUEST_FIELDS: &str = "Content-Type, Accept, Authorization, MCP-Protocol-Version, \
    Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID";

/// What clients read in the head of a response, and pages may not read unasked.
const RESPONSE_FIELDS: &str = "Mcp-Session-Id, WWW-Authenticate";

/// Whether a browser asks if it may send a request ("CORS-preflight request").
pub(crate) fn is_preflight(head: &Head) -> bool {
    head.method() == Method::Options && head.field("Access-Control-Request-Method").is_some()
}

/// Appends the fields of every response to a page of `origin`, which is not our own.
pub(crate) fn write_fields(out: &mut Vec<u8>, origin: &str) {
    out.extend_from_slice(b"Access-Control-Allow-Origin: ");
    out.extend_from_slice(origin.as_bytes());
    out.extend_from_slice(b"\r\nAccess-Control-Expose-Headers: ");
    out.extend_from_slice(RESPONSE_FIELDS.as_bytes());
    out.extend_from_slice(b"\r\nVary: Origin\r\n");
}

/// The further fields of the answer to a preflight, each ending in CR LF.
pub(crate) fn preflight_fields(head: &Head, methods: &str) -> String {
    let mut fields = String::from("Access-Control-Allow-Methods: ");
    fields.push_str(methods);
    fields.push_str("\r\nAccess-Control-Allow-Headers: ");
    fields.push_str(REQUEST_FIELDS);
    for name in requested(head).filter(|name| is_parameter(name)) {
        fields.push_str(", ");
        fields.push_str(name);
    }
    fields.push_str("\r\nAccess-Control-Max-Age: ");
    fields.push_str(MAX_AGE);
    fields.push_str("\r\n");
    // Asked where the page comes from a public address and the server has a private one (WICG,
    // "Private Network Access").
    if head.field("Access-Control-Request-Private-Network") == Some(b"true") {
        fields.push_str("Access-Control-Allow-Private-Network: true\r\n");
    }
    fields
}

/// The names of the fields that the page wants to send.
fn requested(head: &Head) -> impl Iterator<Item = &str> {
    head.fields()
        .filter(|(name, _)| name.eq_ignore_ascii_case(b"access-control-request-headers"))
        .flat_map(|(_, value)| list_members(value))
        .filter_map(|name| core::str::from_utf8(name).ok())
}

/// Whether a field mirrors a parameter of a tool. Which there are, only the tool knows.
fn is_parameter(name: &str) -> bool {
    name.split_at_checked(param_header::PREFIX.len()).is_some_and(|(prefix, rest)| {
        prefix.eq_ignore_ascii_case(param_header::PREFIX)
            && !rest.is_empty()
            && rest.bytes().all(is_tchar)
    })
}
