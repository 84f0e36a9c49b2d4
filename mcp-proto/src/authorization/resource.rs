//! Where clients get their tokens: OAuth 2.0 Protected Resource Metadata (RFC 9728).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use crate::error::scope_tokens;

/// Stands between the host and the path of a resource (RFC 9728 section 3).
pub(crate) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// What an endpoint is called by those who issue tokens for it, and who they are.
///
/// ```
/// use mcp_proto::ProtectedResource;
///
/// let resource = ProtectedResource::new("https://mcp.example.com/mcp", ["https://auth.example.com"])?
///     .scopes(["files:read"])
///     .name("The files of Example Ltd.");
/// # Ok::<(), mcp_proto::InvalidResource>(())
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct ProtectedResource {
    resource: String,
    authorization_servers: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    /// The others would have tokens in logs and histories; the specification forbids them.
    bearer_methods_supported: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_documentation: Option<String>,
}

impl ProtectedResource {
    /// The endpoint that clients know as `resource`, its URL as seen from outside, for which
    /// `authorization_servers`, by their issuer identifiers, issue tokens.
    ///
    /// # Errors
    ///
    /// If there is no authorization server, or one of these is no URL of `http` or `https`, or has a
    /// query or fragment.
    pub fn new<S: Into<String>>(
        resource: impl Into<String>,
        authorization_servers: impl IntoIterator<Item = S>,
    ) -> Result<Self, InvalidResource> {
        let resource = plain_url(resource.into())?;
        let servers = authorization_servers.into_iter().map(|server| plain_url(server.into()));
        let authorization_servers = servers.collect::<Result<Vec<_>, _>>()?;
        if authorization_servers.is_empty() {
            // 2026-07-28, basic/authorization/authorization-server-discovery.
            return Err(InvalidResource { url: None });
        }
        Ok(Self {
            resource,
            authorization_servers,
            scopes_supported: Vec::new(),
            bearer_methods_supported: ["header"],
            resource_name: None,
            resource_documentation: None,
        })
    }

    /// Adds scopes that clients should ask for to begin with. Default: none are named. What is no
    /// scope (RFC 6749 section 3.3) is left out.
    #[must_use]
    pub fn scopes<S: AsRef<str>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        for scope in scopes {
            self.scopes_supported.extend(scope_tokens(scope.as_ref()).map(Into::into));
        }
        self
    }

    /// What people know it as. Default: nothing.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.resource_name = Some(name.into());
        self
    }

    /// The URL of a page for developers. Default: none.
    #[must_use]
    pub fn documentation(mut self, url: impl Into<String>) -> Self {
        self.resource_documentation = Some(url.into());
        self
    }

    /// The identifier, which tokens for it have as their audience (RFC 8707).
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Where clients find all this (RFC 9728 section 3.1).
    #[must_use]
    pub fn metadata_url(&self) -> String {
        format!("{}{WELL_KNOWN}{}", self.split().0, self.path())
    }

    /// The path of the endpoint as clients know it, without a slash at its end.
    pub(crate) fn path(&self) -> &str {
        let path = self.split().1;
        path.strip_suffix('/').unwrap_or(path)
    }

    /// Origin and path.
    fn split(&self) -> (&str, &str) {
        let host = self.resource.find("://").map_or(0, |colon| colon + 3);
        let path = self.resource[host..].find('/').map_or(self.resource.len(), |at| host + at);
        self.resource.split_at(path)
    }
}

/// Lets a URL pass whose parts can be told apart, and that can stand in a field value.
fn plain_url(url: String) -> Result<String, InvalidResource> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let has_host = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>?\\^`{|}@".contains(&byte);
    match has_host && url.bytes().all(is_plain) {
        true => Ok(url),
        false => Err(InvalidResource { url: Some(url) }),
    }
}

/// What no client could get a token for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidResource {
    /// The one that is none; without it, there is no authorization server.
    url: Option<String>,
}

impl fmt::Display for InvalidResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.url {
            Some(url) => write!(
                f,
                "invalid URL {url:?}: use http or https, a host, and no query or fragment, such as \
                 https://mcp.example.com/mcp"
            ),
            None => f.write_str("no authorization server: name one that issues tokens"),
        }
    }
}

impl core::error::Error for InvalidResource {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;
    use alloc::string::ToString;

    const SERVERS: [&str; 1] = ["https://auth.example.com"];

    #[test]
    fn the_well_known_path_stands_between_host_and_path() {
        for (resource, expected) in [
            ("https://a.example", "https://a.example/.well-known/oauth-protected-resource"),
            ("https://a.example/", "https://a.example/.well-known/oauth-protected-resource"),
            (
                "http://localhost:8000/public/mcp",
                "http://localhost:8000/.well-known/oauth-protected-resource/public/mcp",
            ),
            ("https://[::1]:1/mcp/", "https://[::1]:1/.well-known/oauth-protected-resource/mcp"),
        ] {
            let resource = ProtectedResource::new(resource, SERVERS).unwrap();
            assert_eq!(resource.metadata_url(), expected);
        }
    }

    #[test]
    fn urls_are_plain() {
        for url in [
            "mcp.example.com",
            "ftp://a",
            "https://",
            "https:///mcp",
            "https://a/?x",
            "https://a#x",
            "https://a/\"x",
            "https://a/\r\nX: y",
            "https://a b",
            "https://\u{e9}",
            "https://user@a",
        ] {
            for refused in
                [ProtectedResource::new(url, SERVERS), ProtectedResource::new("https://a", [url])]
            {
                let says = refused.unwrap_err().to_string();
                assert!(says.starts_with(&format!("invalid URL {url:?}: use http")), "{says}");
            }
        }
        let none = ProtectedResource::new("https://a", [""; 0]).unwrap_err();
        assert!(none.to_string().contains("name one that issues tokens"), "{none}");
        assert_eq!(
            ProtectedResource::new("https://a/b", SERVERS).unwrap().resource(),
            "https://a/b"
        );
    }

    #[test]
    fn it_is_written_by_the_names_of_the_rfc() {
        let resource = ProtectedResource::new("https://a/mcp", SERVERS).unwrap();
        assert_eq!(
            serde_json::to_string(&resource).unwrap(),
            r#"{"resource":"https://a/mcp","authorization_servers":["https://auth.example.com"],"#
                .to_owned()
                + r#""bearer_methods_supported":["header"]}"#
        );
        let resource = resource.scopes(["a b", "c\"d", "e"]).name("A").documentation("https://b");
        let json = serde_json::to_value(&resource).unwrap();
        assert_eq!(json["scopes_supported"], serde_json::json!(["a", "b", "e"]));
        assert_eq!(
            (&json["resource_name"], &json["resource_documentation"]),
            (&"A".into(), &"https://b".into())
        );
    }
}
