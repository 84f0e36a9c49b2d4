//! What 2026-07-28 asks of every request: `_meta`, and header fields that agree with the body.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use serde::Serialize;

use super::header_value;
use super::{Meta, Revision, VersionField};
use crate::error::{ErrorCode, Excerpt, RpcError};
use crate::http::Head;

/// Checks `_meta` and the version that it declares, if that is a string, before the method is looked
/// at.
///
/// In the order of the official suite: missing members beat a mismatch, a mismatch beats an
/// unsupported version.
///
/// `field` is that of the head or, by line, what `_meta` says in its place.
pub(crate) fn check_version(
    head: &Head,
    field: VersionField<'_>,
    body: &str,
    meta: Option<&Meta>,
    declared: Option<&str>,
) -> Result<(), RpcError> {
    let Some(declared) = declared else {
        let is_absent = meta.is_none_or(|meta| meta.protocol_version.is_none());
        return Err(match field {
            // A version we do not know may ask for other members, or for none.
            VersionField::Unknown(requested) if is_absent => {
                unsupported(&String::from_utf8_lossy(requested))
            }
            _ => missing_meta("io.modelcontextprotocol/protocolVersion", "a string"),
        });
    };
    let capabilities = meta.and_then(|meta| meta.client_capabilities);
    if !capabilities.is_some_and(|capabilities| capabilities.is_object(body)) {
        return Err(missing_meta("io.modelcontextprotocol/clientCapabilities", "an object"));
    }
    check_plain("MCP-Protocol-Version", head, head.protocol_version(), declared)?;
    // The two are the same by now.
    match field {
        VersionField::Known(Revision::V2026_07_28) => Ok(()),
        _ => Err(unsupported(declared)),
    }
}

/// Checks that `Mcp-Method` says what the body says.
pub(crate) fn check_method(head: &Head, method: &str) -> Result<(), RpcError> {
    check_plain("Mcp-Method", head, head.mcp_method(), method)
}

/// Checks that `Mcp-Name` says what the body says.
pub(crate) fn check_name(head: &Head, name: &str) -> Result<(), RpcError> {
    // Mostly it is the same, and says what it says.
    let is_literal = |value: &[u8]| value.is_ascii() && !header_value::is_encoded(value);
    match head.mcp_name() {
        Some(value) if value == name.as_bytes() && is_literal(value) => Ok(()),
        value => check_mirrored("Mcp-Name", head, value.map(header_value::decode), name),
    }
}

/// Checks a field without the Base64 form.
fn check_plain(field: &str, head: &Head, value: Option<&[u8]>, body: &str) -> Result<(), RpcError> {
    match value {
        Some(value) if value == body.as_bytes() => Ok(()),
        value => {
            let value = value.map(|value| core::str::from_utf8(value).ok().map(Cow::Borrowed));
            check_mirrored(field, head, value, body)
        }
    }
}

/// `value` is `None` if the field is absent and `Some(None)` if it cannot be decoded.
#[cold]
fn check_mirrored(
    field: &str,
    head: &Head,
    value: Option<Option<Cow<'_, str>>>,
    body: &str,
) -> Result<(), RpcError> {
    match value {
        // There is no header layer (2026-07-28, basic/transports/stdio, "Request Metadata").
        None if head.is_none() => Ok(()),
        Some(Some(value)) if value == body => Ok(()),
        Some(Some(value)) => Err(RpcError::header_mismatch(format!(
            "header mismatch: {field} is {} and the body says {}",
            Excerpt(&value),
            Excerpt(body)
        ))),
        Some(None) => Err(RpcError::header_mismatch(format!(
            "header mismatch: {field} is neither visible ASCII nor valid `=?base64?..?=`"
        ))),
        None => Err(RpcError::header_mismatch(format!(
            "header mismatch: the required field {field} is missing, send {} in it",
            Excerpt(body)
        ))),
    }
}

fn missing_meta(key: &str, what: &str) -> RpcError {
    RpcError::invalid_params(format!("invalid params: `_meta` must have {key:?}, {what}"))
}

fn unsupported(requested: &str) -> RpcError {
    #[derive(Serialize)]
    struct Data<'a> {
        supported: [&'static str; Revision::ALL.len()],
        requested: &'a str,
    }

    let data = Data { supported: Revision::ALL.map(Revision::as_str), requested };
    RpcError {
        data: serde_json::value::to_raw_value(&data).ok(),
        ..RpcError::new(
            ErrorCode::UNSUPPORTED_VERSION,
            format!("unsupported protocol version {}: see data.supported", Excerpt(requested)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Scanner, decoded};
    use crate::limits::Limits;

    const GOOD: &str = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":{}}"#;

    fn head(fields: &str) -> Head {
        let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        Head::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn check(fields: &str, json: &str) -> Result<(), i32> {
        let mut meta = Meta::default();
        meta.scan(&mut Scanner::new(json, 9)).unwrap();
        meta.check().map_err(|error| error.code.0)?;
        let declared = meta.protocol_version.and_then(|declared| decoded(declared.of(json)));
        let head = head(fields);
        let field = VersionField::parse(head.protocol_version());
        check_version(&head, field, json, Some(&meta), declared.as_deref())
            .map_err(|error| error.code.0)
    }

    #[test]
    fn the_order_of_errors_is_that_of_the_suite() {
        let version = |version: &str| format!("MCP-Protocol-Version: {version}\r\n");
        let declares = |version: &str| GOOD.replace("2026-07-28", version);
        for (fields, meta, expected) in [
            (version("2026-07-28"), GOOD.into(), Ok(())),
            (version("2026-07-28"), "{}".into(), Err(-32602)),
            (version("2026-07-28"), GOOD.replace("clientCap", "x"), Err(-32602)),
            (version("2026-07-28"), GOOD.replace("{}", "[]"), Err(-32602)),
            (version("2026-07-28"), GOOD.replace("\"2026-07-28\"", "7"), Err(-32602)),
            (version("2026-07-28"), declares("v999"), Err(-32020)),
            (version("v999"), GOOD.into(), Err(-32020)),
            (String::new(), GOOD.into(), Err(-32020)),
            (version("v999"), declares("v999"), Err(-32022)),
            (version("v999"), "{}".into(), Err(-32022)),
            (version("2026-07-28"), "[]".into(), Err(-32602)),
            (
                version("2026-07-28"),
                "{\"progressToken\":1,\"progressToken\":2}".into(),
                Err(-32602),
            ),
        ] {
            assert_eq!(check(&fields, &meta), expected, "{fields} {meta}");
        }
        let field = VersionField::Known(Revision::V2026_07_28);
        let error =
            check_version(&head(&version("2026-07-28")), field, "", None, None).unwrap_err();
        assert_eq!(error.code.0, -32602);
    }

    #[test]
    fn an_unsupported_version_names_those_that_are() {
        let data = unsupported("v999").data.unwrap();
        assert_eq!(
            data.get(),
            r#"{"supported":["2026-07-28","2025-11-25","2025-06-18","2025-03-26"],"requested":"v999"}"#
        );
    }

    #[test]
    fn mirrored_fields_must_agree() {
        let is_ok = |fields: &str, name: &str| check_name(&head(fields), name).is_ok();
        assert!(is_ok("Mcp-Name:  add \r\n", "add"));
        assert!(is_ok("mcp-name: =?base64?YWRk?=\r\n", "add"));
        assert!(!is_ok("Mcp-Name: Add\r\n", "add"));
        assert!(!is_ok("Mcp-Name: =?base64?YWR?=\r\n", "add"));
        assert!(!is_ok("", "add"));
        assert!(check_method(&head("Mcp-Method: =?base64?YWRk?=\r\n"), "add").is_err());
    }
}
