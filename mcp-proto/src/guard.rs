//! The guards against web pages that reach for a local server: `Host` and `Origin`.
//!
//! A page on another site can make a browser send requests here, and DNS rebinding can make its
//! own host name resolve to the loopback address (CVE-2025-66414 and its siblings). The first
//! shows in `Origin`, the second in `Host`, so both are checked on every request
//! (2026-07-28, basic/transports/streamable-http, "Security & Endpoint").

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::error::Refusal;
use crate::http::Head;
use crate::word::leading;

/// Which `Host` values are served.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    any: bool,
    allowed: Vec<String>,
}

impl Hosts {
    /// `localhost`, `127.0.0.1` and `[::1]`, on any port. The default.
    #[must_use]
    pub fn loopback() -> Self {
        Self::default()
    }

    /// Every host: for a server behind a proxy that checks `Host` itself.
    #[must_use]
    pub fn any() -> Self {
        Self { any: true, allowed: Vec::new() }
    }

    /// Serves `host` too: a name or address, on any port unless one is given, such as
    /// `mcp.example.com`, `192.0.2.7:8000`, `[2001:db8::1]`.
    #[must_use]
    pub fn allow(mut self, host: impl Into<String>) -> Self {
        self.allowed.push(host.into());
        self
    }

    fn admit(&self, authority: &Authority<'_>) -> bool {
        let is_loopback = || {
            [&b"127.0.0.1"[..], b"localhost", b"[::1]"]
                .iter()
                .any(|name| name.eq_ignore_ascii_case(authority.host))
        };
        self.any || is_loopback() || self.allowed.iter().any(|host| authority.is(host))
    }
}

/// Those that are served, as a list for people.
impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.any {
            return f.write_str("all");
        }
        f.write_str("localhost, 127.0.0.1, [::1]")?;
        self.allowed.iter().try_for_each(|host| write!(f, ", {host}"))
    }
}

/// Which web origins may use the server.
///
/// A request without `Origin` does not come from a page on another site and is not asked for one.
/// To pages of origins that are let in, browsers are told to show what they are answered (WHATWG
/// Fetch, "CORS protocol").
#[derive(Clone, Debug, Default)]
pub struct Origins {
    any: bool,
    allowed: Vec<String>,
}

impl Origins {
    /// Only pages served from the host and port that the request is for. The default.
    #[must_use]
    pub fn same() -> Self {
        Self::default()
    }

    /// Every page on the web. Anyone whose page a user of this machine visits can then call its
    /// tools.
    #[must_use]
    pub fn any() -> Self {
        Self { any: true, allowed: Vec::new() }
    }

    /// Lets pages of `origin` in too, such as `https://app.example.com`: as a browser writes it, with
    /// its port unless that is the default one, and without a path.
    #[must_use]
    pub fn allow(mut self, origin: impl Into<String>) -> Self {
        self.allowed.push(origin.into());
        self
    }

    /// Whether `origin` is let in whatever the request is for.
    fn allows(&self, origin: &str) -> bool {
        self.any || self.allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }
}

/// Those that are let in, as a list for people.
impl fmt::Display for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.any {
            return f.write_str("all");
        }
        f.write_str("the same")?;
        self.allowed.iter().try_for_each(|origin| write!(f, ", {origin}"))
    }
}

/// Whether a page of `origin` comes from the host and port that the request is for.
fn is_same(origin: &str, host: Option<&Authority<'_>>) -> Option<bool> {
    let (scheme, authority) = origin.split_once("://")?;
    let default_port = match scheme {
        "http" => &b"80"[..],
        "https" => b"443",
        _ => return None,
    };
    let (origin, host) = (Authority::parse(authority.as_bytes())?, host?);
    let port = |authority: &Authority<'_>| authority.port.is_none_or(|port| port == default_port);
    let same_port = origin.port == host.port || (port(&origin) && port(host));
    Some(origin.host.eq_ignore_ascii_case(host.host) && same_port)
}

/// The `Host` field. One that is malformed is refused with 400, whatever else the request asks for
/// (RFC 9112 section 3.2).
pub(crate) fn parse_host(head: &Head) -> Result<Option<Authority<'_>>, Refusal> {
    let parse = |value| Authority::parse(value).ok_or(Refusal::InvalidHost);
    head.host().map(parse).transpose()
}

/// Checks the host and the `Origin` of a request. Returns the origin if it is let in as another
/// than ours: its browser wants to be [told](crate::cors).
pub(crate) fn check<'a>(
    head: &'a Head,
    host: Option<&Authority<'_>>,
    hosts: &Hosts,
    origins: &Origins,
) -> Result<Option<&'a str>, Refusal> {
    match host {
        Some(authority) if !hosts.admit(authority) => {
            return Err(Refusal::ForeignHost { host: readable(head.host()) });
        }
        // Only HTTP/1.0 requests get here; without a host there is nothing to trust.
        None if !hosts.any => return Err(Refusal::MissingHost),
        _ => {}
    }
    let Some(origin) = head.origin() else {
        return Ok(None);
    };
    match core::str::from_utf8(origin) {
        // What browsers send is ASCII (Fetch, "Origin header"), and so are response heads.
        Ok(origin) if origins.allows(origin) => {
            let is_visible = |origin: &&str| origin.bytes().all(|byte| byte.is_ascii_graphic());
            Ok(Some(origin).filter(|origin| !origin.is_empty()).filter(is_visible))
        }
        Ok(origin) if is_same(origin, host) == Some(true) => Ok(None),
        _ => Err(Refusal::ForeignOrigin { origin: readable(Some(origin)) }),
    }
}

fn readable(value: Option<&[u8]>) -> String {
    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
}

/// A host with an optional port (RFC 3986 section 3.2), without user information.
pub(crate) struct Authority<'a> {
    host: &'a [u8],
    port: Option<&'a [u8]>,
}

impl<'a> Authority<'a> {
    fn parse(value: &'a [u8]) -> Option<Self> {
        let (host, behind) = match value {
            // A colon inside the brackets of an IPv6 address starts no port.
            [b'[', rest @ ..] => {
                let length =
                    leading(rest, |byte| byte.is_ascii_hexdigit() || b":.".contains(&byte));
                let rest = rest[length..].strip_prefix(b"]").filter(|_| length > 0)?;
                value.split_at(value.len() - rest.len())
            }
            _ => value.split_at(leading(value, is_reg_name)),
        };
        let port = match behind {
            [] => None,
            [b':', port @ ..] if port.iter().all(u8::is_ascii_digit) => Some(port),
            _ => return None,
        };
        // "example.com:" has an empty port, which means the default one.
        let port = port.filter(|port| !port.is_empty());
        (!host.is_empty()).then_some(Self { host, port })
    }

    /// Whether a configured host, with or without a port, means this one.
    fn is(&self, configured: &str) -> bool {
        Authority::parse(configured.as_bytes()).is_some_and(|configured| {
            configured.host.eq_ignore_ascii_case(self.host)
                && (configured.port.is_none() || configured.port == self.port)
        })
    }
}

/// RFC 3986 section 3.2.2: what a host that is no address is made of.
const fn is_reg_name(byte: u8) -> bool {
    REG_NAME[byte as usize]
}

const REG_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        table[byte as usize] = matches!(byte,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$'
            | b'&'..=b',' | b';' | b'=');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use alloc::format;

    fn check_with(fields: &str, hosts: Hosts, origins: Origins) -> Result<(), Refusal> {
        let version = if fields.contains("Host") { "1.1" } else { "1.0" };
        let head = format!("POST / HTTP/{version}\r\n{fields}\r\n");
        let head = Head::parse(head.as_bytes(), &Limits::default()).unwrap();
        check(&head, parse_host(&head)?.as_ref(), &hosts, &origins).map(|_| ())
    }

    fn host(value: &str, hosts: Hosts) -> Result<(), Refusal> {
        check_with(&format!("Host: {value}\r\n"), hosts, Origins::default())
    }

    fn origin(host: &str, origin: &str, origins: Origins) -> bool {
        let fields = format!("Host: {host}\r\nOrigin: {origin}\r\n");
        check_with(&fields, Hosts::default(), origins).is_ok()
    }

    #[test]
    fn who_is_let_in_is_shown_to_people() {
        let hosts = Hosts::loopback().allow("a.example").allow("b.example:81");
        assert_eq!(format!("{hosts}"), "localhost, 127.0.0.1, [::1], a.example, b.example:81");
        let origins = Origins::same().allow("https://a.example");
        assert_eq!(format!("{origins}"), "the same, https://a.example");
        assert_eq!(format!("{}, {}", Hosts::any(), Origins::any()), "all, all");
    }

    #[test]
    fn loopback_hosts_are_served_by_default() {
        for value in
            ["localhost", "LocalHost:8000", "127.0.0.1:80", "[::1]", "[::1]:8000", "localhost:"]
        {
            assert_eq!(host(value, Hosts::default()), Ok(()), "{value}");
        }
        for value in
            ["evil.example.com", "localhost.evil.com", "127.0.0.1.evil.com", "[::2]", "192.168.0.1"]
        {
            assert!(
                matches!(host(value, Hosts::default()), Err(Refusal::ForeignHost { .. })),
                "{value}"
            );
        }
    }

    #[test]
    fn who_is_not_let_in_is_named() {
        let fields = "Host: evil.example.com:80\r\n";
        let error = check_with(fields, Hosts::default(), Origins::default()).unwrap_err();
        assert_eq!(error, Refusal::ForeignHost { host: "evil.example.com:80".into() });
        let fields = "Host: localhost\r\nOrigin: https://evil.example.com\r\n";
        let error = check_with(fields, Hosts::default(), Origins::default()).unwrap_err();
        assert_eq!(error, Refusal::ForeignOrigin { origin: "https://evil.example.com".into() });
    }

    #[test]
    fn hosts_can_be_configured() {
        let hosts = || Hosts::loopback().allow("mcp.example.com").allow("10.0.0.7:81");
        for value in ["MCP.example.com", "mcp.example.com:9", "10.0.0.7:81", "localhost"] {
            assert_eq!(host(value, hosts()), Ok(()), "{value}");
        }
        for value in ["10.0.0.7", "10.0.0.7:82", "x.mcp.example.com"] {
            assert!(host(value, hosts()).is_err(), "{value}");
        }
        assert_eq!(host("evil.example.com", Hosts::any()), Ok(()));
    }

    #[test]
    fn a_host_must_be_a_host() {
        for value in ["", "a b", "a@b", "[::1", "::1", "a:b", "a/b", "[]", "a:1:2"] {
            assert_eq!(host(value, Hosts::any()), Err(Refusal::InvalidHost), "{value}");
        }
        assert_eq!(check_with("", Hosts::default(), Origins::default()), Err(Refusal::MissingHost));
        assert_eq!(check_with("", Hosts::any(), Origins::default()), Ok(()));
    }

    #[test]
    fn pages_of_the_same_origin_are_let_in() {
        let same = Origins::same;
        assert!(origin("localhost:8000", "http://localhost:8000", same()));
        assert!(origin("localhost", "http://LOCALHOST:80", same()));
        assert!(origin("localhost:443", "https://localhost", same()));
        assert!(!origin("localhost:8000", "http://localhost:3000", same()));
        assert!(!origin("localhost:8000", "http://evil.example.com", same()));
        assert!(!origin("localhost:8000", "null", same()));
        assert!(!origin("localhost:8000", "", same()));
        assert!(!origin("localhost", "ftp://localhost", same()));
    }

    #[test]
    fn origins_can_be_configured() {
        let origins = || Origins::same().allow("https://app.example.com");
        assert!(origin("localhost", "https://app.example.com", origins()));
        assert!(!origin("localhost", "http://app.example.com", origins()));
        assert!(origin("localhost", "http://evil.example.com", Origins::any()));
    }
}
