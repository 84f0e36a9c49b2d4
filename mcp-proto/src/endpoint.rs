//! MCP endpoints and how a request finds its own: by path.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::authorization::{ProtectedResource, WELL_KNOWN};
use crate::error::Refusal;
use crate::extension::ExtensionMethod;
use crate::http::Head;
use crate::revision::Revision;
use crate::server_info::ServerInfo;

/// One MCP server under one path.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Endpoint {
    /// The path as given to [`Endpoint::new`], without a trailing slash.
    path: String,
    info: ServerInfo,
    /// `info` as every result of 2026-07-28 carries it, serialised once.
    implementation_json: String,
    /// Whether responses are JSON objects or event streams. Default: what the handler does first
    /// decides.
    pub response_mode: ResponseMode,
    /// Whether a peer that closes only its sending half after a complete request still gets its
    /// answer. Default: false.
    ///
    /// A FIN is the only early sign that a client has gone, so by default it counts as that, as
    /// it does in hyper, nginx and Go.
    pub answer_half_closed: bool,
    /// Whether clients of the 2025 revisions can have sessions: notifications and questions from the
    /// server need them. If so, whoever drives the connections has to bring what is
    /// [of a session](crate::Request::is_of_session) to a [`Hub`](crate::Hub). Default: false.
    pub keeps_sessions: bool,
    /// Whether each request waits until somebody has [let it in](crate::Output::Authorize). Default:
    /// false.
    pub requires_authorization: bool,
    /// Where clients get the tokens with which they are let in; served as JSON, to everybody, at
    /// `/.well-known/oauth-protected-resource` followed by the path (RFC 9728). Default: not told.
    pub protected_resource: Option<ProtectedResource>,
    /// The methods that extensions add to the server. Default: none. Declare the extensions
    /// themselves in [`Capabilities::extensions`](crate::Capabilities::extensions).
    pub methods: Vec<ExtensionMethod>,
}

/// Whether a call is answered by a JSON object or by an event stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseMode {
    /// An event stream if the handler reports progress or stays silent long, and a JSON object if
    /// it finishes first.
    #[default]
    Auto,
    /// Always a JSON object; progress is not sent.
    Json,
    /// Always an event stream, but for what the protocol itself answers, such as `server/discover`.
    EventStream,
}

impl Endpoint {
    /// An endpoint for `info` at `path`, such as `/mcp`.
    ///
    /// # Errors
    ///
    /// If `path` does not start with a slash, or holds anything but unreserved characters and
    /// slashes (RFC 3986 section 2.3).
    pub fn new(path: &str, info: ServerInfo) -> Result<Self, InvalidPath> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        if !path.starts_with('/') || !path.bytes().all(is_plain) {
            return Err(InvalidPath { path: path.into() });
        }
        let implementation = serde_json::to_string(&info.implementation(Revision::V2026_07_28));
        Ok(Self {
            path: path.strip_suffix('/').unwrap_or(path).into(),
            implementation_json: implementation.unwrap_or_default(),
            info,
            response_mode: ResponseMode::default(),
            answer_half_closed: false,
            keeps_sessions: false,
            requires_authorization: false,
            protected_resource: None,
            methods: Vec::new(),
        })
    }

    /// The path it is served at, without a trailing slash; the root is the empty path.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Who serves here.
    #[must_use]
    pub const fn info(&self) -> &ServerInfo {
        &self.info
    }

    pub(crate) fn implementation_json(&self) -> &str {
        &self.implementation_json
    }
}

/// A mount path that no request could match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPath {
    path: String,
}

impl fmt::Display for InvalidPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "invalid mount path {:?}: start it with a slash and use letters, digits, `-._~/` only",
            self.path
        )
    }
}

impl core::error::Error for InvalidPath {}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The endpoint at that position.
    Endpoint(usize),
    /// What that endpoint tells of where tokens for it come from.
    Metadata(usize),
}

impl Found {
    /// The position of the endpoint that it has to do with.
    pub(crate) const fn endpoint(self) -> usize {
        match self {
            Self::Endpoint(at) | Self::Metadata(at) => at,
        }
    }
}

/// Finds what a request is for.
pub(crate) fn find(endpoints: &[Endpoint], head: &Head) -> Result<Found, Refusal> {
    let is_at = |path| move |endpoint: &Endpoint| endpoint.path.as_bytes() == path;
    // Mostly a target is a path as it was mounted, in which there is nothing to take apart.
    if let Some(at) = endpoints.iter().position(is_at(head.target_bytes())) {
        return Ok(Found::Endpoint(at));
    }
    let target = Target::parse(head.target()).ok_or(Refusal::InvalidTarget)?;
    if let Some(authority) = target.authority {
        // RFC 9112 section 3.2.2: the target's authority replaces Host, and a client must send
        // the two alike. We trust neither when they differ.
        if head.host().is_some_and(|host| !host.eq_ignore_ascii_case(authority.as_bytes())) {
            return Err(Refusal::InvalidHost);
        }
    }
    let decoded;
    let path = if target.path.contains('%') {
        decoded = percent_decode(target.path).ok_or(Refusal::InvalidTarget)?;
        &decoded[..]
    } else {
        target.path.as_bytes()
    };
    let path = path.strip_suffix(b"/").unwrap_or(path);
    if let Some(at) = endpoints.iter().position(is_at(path)) {
        return Ok(Found::Endpoint(at));
    }
    path.strip_prefix(WELL_KNOWN.as_bytes())
        .and_then(|path| find_told(endpoints, path))
        .map(Found::Metadata)
        .ok_or(Refusal::NoEndpoint)
}

/// Finds the endpoint that tells where tokens for it come from, by where clients know it, or, behind a
/// proxy that leaves a part of the path out, by where it is mounted.
fn find_told(endpoints: &[Endpoint], path: &[u8]) -> Option<usize> {
    let told = || {
        let all = endpoints.iter().enumerate();
        all.filter_map(|(at, endpoint)| Some((at, endpoint, endpoint.protected_resource.as_ref()?)))
    };
    // RFC 9728 section 3.3: what says that it is of another resource than was asked for is no use.
    told()
        .find(|(.., resource)| resource.path().as_bytes() == path)
        .or_else(|| told().find(|(_, endpoint, _)| endpoint.path.as_bytes() == path))
        .map(|(at, ..)| at)
}

/// The parts of a request target (RFC 9112 section 3.2) that choose an endpoint.
struct Target<'a> {
    authority: Option<&'a str>,
    path: &'a str,
}

impl<'a> Target<'a> {
    fn parse(target: &'a str) -> Option<Self> {
        // A fragment is for the client alone and never part of a target. Of what else no URI holds
        // (RFC 3986 section 2), queries of browsers have all but these (URL standard, "query
        // percent-encode set").
        if !target.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"#<>".contains(&byte)) {
            return None;
        }
        let (authority, path) = if target.starts_with('/') || target == "*" {
            (None, target)
        } else {
            let (scheme, rest) = target.split_once("://")?;
            if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
                return None;
            }
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            (Some(authority), path)
        };
        let path = path.split_once('?').map_or(path, |(path, _query)| path);
        Some(Self { authority, path })
    }
}

/// Decodes escapes once. An escaped slash stays as it is: it is data, not a separator (RFC 3986
/// section 2.2), and so matches no endpoint.
fn percent_decode(path: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte != b'%' {
            decoded.push(byte);
            rest = tail;
            continue;
        }
        let [high, low, tail @ ..] = tail else {
            return None;
        };
        let digit = |byte: &u8| (*byte as char).to_digit(16);
        let value = (digit(high)? << 4 | digit(low)?) as u8;
        if value == b'/' {
            decoded.extend_from_slice(b"%2F");
        } else {
            decoded.push(value);
        }
        rest = tail;
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use alloc::format;
    use alloc::string::ToString;

    fn route(target: &str) -> Result<Found, Refusal> {
        let endpoints: Vec<_> = ["/echo/mcp", "/math/mcp/", "/"]
            .iter()
            .map(|path| Endpoint::new(path, ServerInfo::new("t", "1")).unwrap())
            .collect();
        let head = format!("POST {target} HTTP/1.1\r\nHost: a:1\r\n\r\n");
        find(&endpoints, &Head::parse(head.as_bytes(), &Limits::default()).unwrap())
    }

    #[test]
    fn routes_by_path() {
        for (target, expected) in [
            ("/echo/mcp", Ok(0)),
            ("/echo/mcp/", Ok(0)),
            ("/math/mcp", Ok(1)),
            ("/math/mcp/?a=b/c", Ok(1)),
            ("/", Ok(2)),
            ("/?x", Ok(2)),
            ("http://a:1/echo/mcp", Ok(0)),
            ("HTTP://A:1", Ok(2)),
            ("/e%63ho/%6dcp", Ok(0)),
            ("/echo%2Fmcp", Err(Refusal::NoEndpoint)),
            ("/e%2563ho/mcp", Err(Refusal::NoEndpoint)),
            ("/Echo/mcp", Err(Refusal::NoEndpoint)),
            ("/echo/mcp//", Err(Refusal::NoEndpoint)),
            ("//echo/mcp", Err(Refusal::NoEndpoint)),
            ("/echo/./mcp", Err(Refusal::NoEndpoint)),
            ("*", Err(Refusal::NoEndpoint)),
            ("/echo/mcp%", Err(Refusal::InvalidTarget)),
            ("/echo/mcp%4", Err(Refusal::InvalidTarget)),
            ("/echo/mcp%zz", Err(Refusal::InvalidTarget)),
            ("/echo/mcp#x", Err(Refusal::InvalidTarget)),
            ("/echo/mcp?x#y", Err(Refusal::InvalidTarget)),
            ("/echo/mcp?<", Err(Refusal::InvalidTarget)),
            ("/echo/mcp?\u{e9}", Err(Refusal::InvalidTarget)),
            ("/echo/mcp?{|}", Ok(0)),
            ("echo/mcp", Err(Refusal::InvalidTarget)),
            ("a:1", Err(Refusal::InvalidTarget)),
            ("ftp://a:1/echo/mcp", Err(Refusal::InvalidTarget)),
            ("http://b/echo/mcp", Err(Refusal::InvalidHost)),
        ] {
            assert_eq!(route(target), expected.map(Found::Endpoint), "{target}");
        }
    }

    #[test]
    fn metadata_is_where_it_is_declared() {
        let resource = ProtectedResource::new("https://a/mcp", ["https://b"]).unwrap();
        let mut endpoints: Vec<_> = ["/mcp", "/", "/open/mcp", "/inside"]
            .iter()
            .map(|path| Endpoint::new(path, ServerInfo::new("t", "1")).unwrap())
            .collect();
        endpoints[0].protected_resource = Some(resource.clone());
        endpoints[1].protected_resource = Some(resource);
        let outside = ProtectedResource::new("https://a/api/inside/", ["https://b"]).unwrap();
        endpoints[3].protected_resource = Some(outside);
        let at = |path: &str| {
            let head = format!("GET /.well-known/oauth-protected-resource{path} HTTP/1.0\r\n\r\n");
            find(&endpoints, &Head::parse(head.as_bytes(), &Limits::default()).unwrap())
        };
        for (path, expected) in [
            ("/mcp", Ok(Found::Metadata(0))),
            ("/mcp/?x", Ok(Found::Metadata(0))),
            ("", Ok(Found::Metadata(1))),
            ("/", Ok(Found::Metadata(1))),
            ("/inside", Ok(Found::Metadata(3))),
            ("/api/inside", Ok(Found::Metadata(3))),
            ("/api/inside/", Ok(Found::Metadata(3))),
            ("/api", Err(Refusal::NoEndpoint)),
            ("/open/mcp", Err(Refusal::NoEndpoint)),
            ("mcp", Err(Refusal::NoEndpoint)),
            ("/other", Err(Refusal::NoEndpoint)),
        ] {
            assert_eq!(at(path), expected, "{path}");
        }
    }

    /// RFC 9728 section 3.3: who is told of another resource than it asked for has to ignore it.
    #[test]
    fn metadata_is_of_the_resource_that_was_asked_for() {
        let endpoint = |path, resource| {
            let mut endpoint = Endpoint::new(path, ServerInfo::new("t", "1")).unwrap();
            let resource = ProtectedResource::new(resource, ["https://b"]).unwrap();
            endpoint.protected_resource = Some(resource);
            endpoint
        };
        // Behind a proxy that leads elsewhere.
        let endpoints = [endpoint("/mcp", "https://a/v1/mcp"), endpoint("/old", "https://a/mcp")];
        for (path, at) in [("/mcp", 1), ("/v1/mcp", 0), ("/old", 1)] {
            let head = format!("GET /.well-known/oauth-protected-resource{path} HTTP/1.0\r\n\r\n");
            let head = Head::parse(head.as_bytes(), &Limits::default()).unwrap();
            assert_eq!(find(&endpoints, &head), Ok(Found::Metadata(at)), "{path}");
        }
    }

    #[test]
    fn mount_paths_are_plain() {
        let new = |path| Endpoint::new(path, ServerInfo::new("t", "1"));
        assert_eq!(new("/a/b/").unwrap().path(), "/a/b");
        for path in ["", "mcp", "/m cp", "/mcp?x", "/mcp%20", "/é"] {
            let says = new(path).unwrap_err().to_string();
            assert!(says.starts_with(&format!("invalid mount path {path:?}: start it")), "{says}");
        }
    }
}
