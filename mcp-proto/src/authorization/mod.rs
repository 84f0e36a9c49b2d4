//! Who may come in: the part of an OAuth 2.1 resource server (2026-07-28, basic/authorization).
//!
//! Whether a token is good is the application's to know. A session shows it the head of a request
//! before anything else is done for that, and lets in whom it [lets in](crate::Input::Authorized).
//! What clients need to get a token is in `resource`, what they are told without one in
//! `error/denial.rs`.

mod principal;
mod resource;

pub use principal::Principal;
pub use resource::{InvalidResource, ProtectedResource};

pub(crate) use resource::WELL_KNOWN;

use alloc::boxed::Box;

use crate::error::Denial;
use crate::http::Head;

/// Names one request that waits to be let in, never another on its session: a late answer finds
/// nobody who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorizationKey(pub(crate) u64);

/// A request that waits to be let in. Its head has passed every check; of its body nothing has been
/// looked at.
#[derive(Debug)]
pub struct Authorization {
    pub(crate) key: AuthorizationKey,
    pub(crate) endpoint: usize,
    pub(crate) head: Box<Head>,
}

impl Authorization {
    /// What to answer with.
    #[must_use]
    pub const fn key(&self) -> AuthorizationKey {
        self.key
    }

    /// The position of its endpoint in [`Config::endpoints`](crate::Config::endpoints).
    #[must_use]
    pub const fn endpoint(&self) -> usize {
        self.endpoint
    }

    /// All that there is to judge it by.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The same, to be taken along.
    #[must_use]
    pub fn into_head(self) -> Head {
        *self.head
    }
}

impl Head {
    /// The token in the `Authorization` field (RFC 6750 section 2.1). Nobody has verified it.
    ///
    /// # Errors
    ///
    /// If there is none, or it is not sent as it must be: what the client should be told.
    pub fn bearer_token(&self) -> Result<&str, Denial> {
        let is_field = |(name, _): &(&[u8], &[u8])| name.eq_ignore_ascii_case(b"authorization");
        let mut values = self.fields().filter(is_field).map(|(_, value)| value);
        let value = values.next().ok_or_else(Denial::missing_token)?;
        if values.next().is_some() {
            return Err(Denial::invalid_request("send the Authorization field once"));
        }
        let (scheme, token) = match value.iter().position(|&byte| byte == b' ') {
            Some(space) => (&value[..space], value[space..].trim_ascii_start()),
            None => (value, &b""[..]),
        };
        // RFC 6750 section 3.1: another scheme is as good as none.
        if !scheme.eq_ignore_ascii_case(b"Bearer") {
            return Err(Denial::missing_token());
        }
        core::str::from_utf8(token).ok().filter(|token| is_token68(token)).ok_or_else(|| {
            Denial::invalid_request("send `Authorization: Bearer`, a space, a token")
        })
    }
}

/// RFC 9110 section 11.2.
fn is_token68(text: &str) -> bool {
    let text = text.trim_end_matches('=');
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !text.is_empty() && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use alloc::borrow::ToOwned;
    use alloc::format;
    use alloc::string::String;

    fn token(fields: &str) -> Result<String, Denial> {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let head = Head::parse(head.as_bytes(), &Limits::default()).unwrap();
        head.bearer_token().map(ToOwned::to_owned)
    }

    #[test]
    fn a_token_is_found() {
        for (fields, expected) in [
            ("Authorization: Bearer a.b-c_d~e+f/g==\r\n", "a.b-c_d~e+f/g=="),
            ("authorization:bearer  x\r\n", "x"),
            ("X: y\r\nAUTHORIZATION: BEARER x \r\n", "x"),
        ] {
            assert_eq!(token(fields).as_deref(), Ok(expected), "{fields}");
        }
    }

    #[test]
    fn what_is_no_token_is_told_apart() {
        for fields in ["", "Authorization: Basic eDp5\r\n", "Authorization:\r\n"] {
            assert_eq!(token(fields), Err(Denial::missing_token()), "{fields}");
        }
        for fields in [
            "Authorization: Bearer\r\n",
            "Authorization: Bearer a b\r\n",
            "Authorization: Bearer a,b\r\n",
            "Authorization: Bearer \u{e9}\r\n",
            "Authorization: Bearer ==\r\n",
            "Authorization: Bearer a\r\nAuthorization: Bearer a\r\n",
        ] {
            let status = token(fields).map_err(|denial| denial.status().code());
            assert_eq!(status, Err(400), "{fields}");
        }
    }

    #[test]
    fn nothing_shows_a_token() {
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret\r\n\r\n";
        let head = Box::new(Head::parse(head, &Limits::default()).unwrap());
        let authorization = Authorization { key: AuthorizationKey(0), endpoint: 0, head };
        assert!(!format!("{authorization:?}").contains("secret"));
    }
}
