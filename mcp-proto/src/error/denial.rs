//! Why nobody was let in, and how a client is told to do better (RFC 6750 section 3).

use alloc::string::String;
use core::fmt;

use crate::authorization::ProtectedResource;

/// Why a request was not let in.
///
/// What it says is sent to the client, so it must not quote a token. Other than the reason, it may
/// name the scopes that would do.
///
/// ```
/// use mcp_proto::Denial;
///
/// let denial = Denial::invalid_token("the token has expired").scopes(["files:read"]);
/// assert_eq!(denial.status().code(), 401);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    reason: Reason,
    /// Scope tokens, a space between each two.
    scope: String,
    description: String,
}

/// What is told apart by status, or by error code (RFC 6750 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    NoToken,
    InvalidRequest,
    InvalidToken,
    InsufficientScope,
    Unavailable,
    Failed,
}

impl Denial {
    const fn new(reason: Reason, description: String) -> Self {
        Self { reason, scope: String::new(), description }
    }

    /// There is no token: 401, by which clients learn where to get one.
    #[must_use]
    pub const fn missing_token() -> Self {
        Self::new(Reason::NoToken, String::new())
    }

    /// The token is sent in a way that it must not be: 400.
    #[must_use]
    pub fn invalid_request(description: impl Into<String>) -> Self {
        Self::new(Reason::InvalidRequest, description.into())
    }

    /// The token has expired, was revoked, is for somebody else, or is no token at all: 401.
    #[must_use]
    pub fn invalid_token(description: impl Into<String>) -> Self {
        Self::new(Reason::InvalidToken, description.into())
    }

    /// The token is good, but not for this; one that is granted `scopes` would be: 403. Name all
    /// that are needed, or clients have to come back for each.
    #[must_use]
    pub fn insufficient_scope<S: AsRef<str>>(scopes: impl IntoIterator<Item = S>) -> Self {
        Self::new(Reason::InsufficientScope, String::new()).scopes(scopes)
    }

    /// It cannot be told for now whether the token is good: 503.
    #[must_use]
    pub fn unavailable(description: impl Into<String>) -> Self {
        Self::new(Reason::Unavailable, description.into())
    }

    /// It cannot be told whether the token is good, and that is the server's fault: 500. What went
    /// wrong is for the server's log.
    #[must_use]
    pub const fn failed() -> Self {
        Self::new(Reason::Failed, String::new())
    }

    /// Adds scopes that are needed. What is no scope (RFC 6749 section 3.3) is left out.
    #[must_use]
    pub fn scopes<S: AsRef<str>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        for scope in scopes {
            for token in scope_tokens(scope.as_ref()) {
                if !self.scope.is_empty() {
                    self.scope.push(' ');
                }
                self.scope.push_str(token);
            }
        }
        self
    }

    pub(super) const fn reason(&self) -> Reason {
        self.reason
    }

    /// The value of the `WWW-Authenticate` field, where a token would help.
    pub(crate) fn challenge(&self, resource: Option<&ProtectedResource>) -> Option<String> {
        let error = match self.reason {
            // RFC 6750 section 3.1: who did not try is told of no error.
            Reason::NoToken => None,
            Reason::InvalidRequest => Some("invalid_request"),
            Reason::InvalidToken => Some("invalid_token"),
            Reason::InsufficientScope => Some("insufficient_scope"),
            Reason::Unavailable | Reason::Failed => return None,
        };
        let mut challenge = Challenge::default();
        if let Some(resource) = resource {
            challenge.push("resource_metadata", &resource.metadata_url());
        }
        challenge.push("scope", &self.scope);
        challenge.push("error", error.unwrap_or_default());
        challenge.push("error_description", &self.description);
        Some(match challenge.0.is_empty() {
            true => "Bearer".into(),
            false => challenge.0,
        })
    }
}

/// The parameters of a challenge (RFC 9110 section 11.6.1).
#[derive(Default)]
struct Challenge(String);

impl Challenge {
    /// Adds a parameter as a quoted string, unless its value is empty. In place of what RFC 6750
    /// section 3 keeps out of these strings stands something else, so that there is nothing to be
    /// escaped, and nothing that could end the field.
    fn push(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        self.0.push_str(if self.0.is_empty() { "Bearer " } else { ", " });
        self.0.push_str(name);
        self.0.push_str("=\"");
        self.0.extend(value.chars().map(|char| match char {
            '"' => '\'',
            '\\' => '/',
            ' '..='~' => char,
            _ => '?',
        }));
        self.0.push('"');
    }
}

/// The scopes in a list of them, without what is none (RFC 6749 section 3.3).
pub(crate) fn scope_tokens(list: &str) -> impl Iterator<Item = &str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
    list.split(' ').filter(move |token| !token.is_empty() && token.bytes().all(is_plain))
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { description, scope, .. } = self;
        match self.reason {
            Reason::NoToken => {
                f.write_str("a token is needed: send `Authorization: Bearer` with one")
            }
            Reason::InvalidRequest => write!(f, "invalid authorization: {description}"),
            Reason::InvalidToken => write!(f, "invalid token: {description}"),
            Reason::InsufficientScope if scope.is_empty() => {
                f.write_str("the token is not granted what is asked for")
            }
            Reason::InsufficientScope => {
                write!(f, "insufficient scope: get a token that is granted {scope:?}")
            }
            Reason::Unavailable => {
                write!(f, "nobody can be let in for now: {description}, try again later")
            }
            Reason::Failed => f.write_str("internal error: it cannot be told who sends this"),
        }
    }
}

impl core::error::Error for Denial {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_challenge_says_what_would_help() {
        let resource = ProtectedResource::new("https://a/mcp", ["https://b"]).unwrap();
        let metadata =
            r#"Bearer resource_metadata="https://a/.well-known/oauth-protected-resource/mcp""#;
        for (denial, rest) in [
            (Denial::missing_token(), ""),
            (Denial::missing_token().scopes(["x", "y"]), r#", scope="x y""#),
            (
                Denial::invalid_token("it has expired").scopes(["x"]),
                r#", scope="x", error="invalid_token", error_description="it has expired""#,
            ),
            (Denial::insufficient_scope(["x y"]), r#", scope="x y", error="insufficient_scope""#),
            (Denial::invalid_request("a"), r#", error="invalid_request", error_description="a""#),
        ] {
            let challenge = denial.challenge(Some(&resource)).unwrap();
            assert_eq!(challenge.strip_prefix(metadata), Some(rest));
        }
        assert_eq!(Denial::missing_token().challenge(None).as_deref(), Some("Bearer"));
        assert_eq!(Denial::unavailable("x").challenge(Some(&resource)), None);
        assert_eq!(Denial::failed().challenge(Some(&resource)), None);
    }

    #[test]
    fn a_denial_says_what_to_get() {
        for (denial, says) in [
            (Denial::missing_token(), "send `Authorization: Bearer`"),
            (Denial::invalid_request("two tokens"), "invalid authorization: two tokens"),
            (Denial::invalid_token("it has expired"), "invalid token: it has expired"),
            (Denial::insufficient_scope(["a", "b"]), "a token that is granted \"a b\""),
            (Denial::insufficient_scope([""; 0]), "is not granted what is asked for"),
            (Denial::unavailable("no keys"), "no keys, try again later"),
            (Denial::failed(), "internal error"),
        ] {
            assert!(format!("{denial}").contains(says), "{denial}");
        }
    }

    #[test]
    fn nothing_leaves_its_quotes() {
        let denial = Denial::invalid_token("a\"b\\c\r\nX: y\u{e9}\0\u{7f}")
            .scopes(["o\"k", "fine", "a\\b", "tab\t", "\r\nX:", "\u{e9}"]);
        assert_eq!(
            denial.challenge(None).as_deref(),
            Some(
                "Bearer scope=\"fine\", error=\"invalid_token\", \
                 error_description=\"a'b/c??X: y???\""
            )
        );
    }
}
