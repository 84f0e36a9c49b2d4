//! Values that a client mirrors from the body into header fields (2026-07-28,
//! basic/transports/streamable-http, "Value Encoding").

use alloc::borrow::Cow;
use alloc::string::String;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const PREFIX: &[u8] = b"=?base64?";

/// Whether a value may be in Base64.
pub(super) fn is_encoded(value: &[u8]) -> bool {
    value.starts_with(PREFIX)
}

/// Decodes a field value: plain visible ASCII, or `=?base64?<text>?=`.
///
/// `None` if it holds other bytes, or Base64 that is not strict or not UTF-8.
pub(crate) fn decode(value: &[u8]) -> Option<Cow<'_, str>> {
    let encoded = value.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(b"?="));
    if let Some(encoded) = encoded {
        let decoded = STANDARD.decode(encoded).ok()?;
        return String::from_utf8(decoded).ok().map(Cow::Owned);
    }
    let is_plain = value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    if !is_plain {
        return None;
    }
    core::str::from_utf8(value).ok().map(Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_the_examples_of_the_specification() {
        for (value, expected) in [
            ("us-west1", Some("us-west1")),
            ("=?base64?SGVsbG8sIOS4lueVjA==?=", Some("Hello, 世界")),
            ("=?base64?IHBhZGRlZCA=?=", Some(" padded ")),
            ("=?base64?bGluZTEKbGluZTI=?=", Some("line1\nline2")),
            ("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", Some("=?base64?literal?=")),
            ("SGVsbG8=", Some("SGVsbG8=")),
            ("=?base64?SGVsbG8=", Some("=?base64?SGVsbG8=")),
            ("=?BASE64?SGVsbG8=?=", Some("=?BASE64?SGVsbG8=?=")),
            ("=?base64?SGVsbG8?=", None),
            ("=?base64?SGVs!!!bG8=?=", None),
            ("=?base64?/w==?=", None),
            ("caf\u{e9}", None),
        ] {
            assert_eq!(decode(value.as_bytes()).as_deref(), expected, "{value}");
        }
    }
}
