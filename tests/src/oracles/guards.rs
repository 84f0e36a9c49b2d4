//! What a head is let in by: `Host` and `Origin`, media types, and the target.

use std::sync::LazyLock;

use mcp_proto::internals::{
    accepts, check_content_type, check_guards, decode_header_value, find_endpoint, parse_event_id,
    parse_head, parse_session_id,
};
use mcp_proto::{Endpoint, Head, Hosts, Limits, Origins, Refusal, ServerInfo};

use super::{find, lines, trim};

struct Fixture {
    endpoints: Vec<Endpoint>,
    hosts: Hosts,
    origins: Origins,
}

const PATHS: [&str; 3] = ["/mcp", "/a/b~c", ""];
const ALLOWED_HOSTS: [&str; 3] = ["mcp.example.com", "10.0.0.7:81", "[2001:db8::1]"];
const ALLOWED_ORIGIN: &str = "https://app.example.com";

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| Fixture {
    endpoints: PATHS
        .iter()
        .map(|path| Endpoint::new(&format!("{path}/"), ServerInfo::new("guarded", "1")))
        .collect::<Result<_, _>>()
        .expect("plain paths"),
    hosts: ALLOWED_HOSTS.into_iter().fold(Hosts::loopback(), Hosts::allow),
    origins: Origins::same().allow(ALLOWED_ORIGIN),
});

/// Checks values of fields, a line for each: `Host`, `Origin`, `Content-Type`, two of `Accept`, a
/// target, and one of ids and mirrored values. A value that is a single `-` is left out.
pub fn check(input: &[u8]) {
    let ([host, origin, content_type, accept, more, target, value], _) = lines(input);
    check_ids(value);
    let is_there = |value: &&[u8]| *value != b"-";
    let fields = [
        (&b"Host"[..], host),
        (b"Origin", origin),
        (b"Content-Type", content_type),
        (b"Accept", accept),
        (b"Accept", more),
    ];
    let mut raw = [b"POST ", target, b" HTTP/1.0\r\n"].concat();
    for (name, value) in fields.into_iter().filter(|(_, value)| is_there(value)) {
        raw.extend([name, b":", value, b"\r\n"].concat());
    }
    raw.extend(b"\r\n");
    if let Ok((head, _)) = parse_head(&raw, &Limits::default()) {
        let [host, origin, content_type, accept, more] =
            fields.map(|(_, value)| Some(value).filter(is_there).map(trim));
        check_host_and_origin(&head, host, origin);
        check_media(&head, content_type, accept, more);
        let found = find_endpoint(&FIXTURE.endpoints, &head);
        assert_eq!(found, endpoint_of(target, host));
    }
}

/// Ids are read as they are written and not otherwise, whatever else would look like one.
fn check_ids(text: &[u8]) {
    assert_eq!(decode_header_value(text).as_deref(), mirrored(text).as_deref());
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    if let Some((stream, number)) = parse_event_id(text) {
        assert_eq!(format!("{stream}-{number}"), text);
    } else if let Some((stream, number)) = text.split_once('-')
        && let (Ok(stream), Ok(number)) = (stream.parse::<u32>(), number.parse::<u64>())
    {
        assert_ne!(format!("{stream}-{number}"), text);
    }
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_session_id = text.len() == 32 && text.bytes().all(is_hex);
    let session_id = parse_session_id(text).map(|id| id.to_string());
    assert_eq!(session_id.as_deref(), is_session_id.then_some(text));
}

/// 2026-07-28, basic/transports/streamable-http, "Value Encoding".
pub(super) fn mirrored(value: &[u8]) -> Option<String> {
    let inner = value.strip_prefix(b"=?base64?").and_then(|rest| rest.strip_suffix(b"?="));
    let bytes = match inner {
        Some(inner) => base64(inner)?,
        None if value.iter().all(|&byte| byte == b'\t' || matches!(byte, b' '..=b'~')) => {
            value.to_vec()
        }
        None => return None,
    };
    String::from_utf8(bytes).ok()
}

/// RFC 4648 section 4, with its padding and without stray bits.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::new();
    let mut groups = text.chunks(4).peekable();
    while let Some(group) = groups.next() {
        let is_last = groups.peek().is_none();
        let digits = match group {
            [digits @ .., b'=', b'='] if is_last && digits.len() == 2 => digits,
            [digits @ .., b'='] if is_last && digits.len() == 3 => digits,
            [_, _, _, _] => group,
            _ => return None,
        };
        let mut bits = 0;
        for digit in digits {
            bits = bits << 6 | find(ALPHABET, *digit)? as u32;
        }
        bits <<= 6 * (4 - digits.len());
        let (whole, stray) = ([0, 0, 1, 2, 3][digits.len()], bits.to_be_bytes());
        bytes.extend_from_slice(&stray[1..1 + whole]);
        if stray[1 + whole..].iter().any(|&byte| byte != 0) {
            return None;
        }
    }
    Some(bytes)
}

/// A host, and the digits of its port if there are any (RFC 3986 section 3.2, without user
/// information).
fn authority(value: &[u8]) -> Option<(String, Option<String>)> {
    let is_in = |set: &[u8], byte: u8| set.contains(&byte);
    let length = match value {
        [b'[', ..] => {
            let end = find(value, b']')?;
            let address = &value[1..end];
            let is_plain = |byte: &u8| byte.is_ascii_hexdigit() || is_in(b":.", *byte);
            if address.is_empty() || !address.iter().all(is_plain) {
                return None;
            }
            end + 1
        }
        _ => {
            let end = find(value, b':').unwrap_or(value.len());
            let is_plain =
                |byte: &u8| byte.is_ascii_alphanumeric() || is_in(b"-._~%!$&'()*+,;=", *byte);
            if end == 0 || !value[..end].iter().all(is_plain) {
                return None;
            }
            end
        }
    };
    let (host, port) = value.split_at(length);
    let port = match port {
        [] | [b':'] => None,
        [b':', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => {
            Some(String::from_utf8_lossy(digits).into_owned())
        }
        _ => return None,
    };
    Some((String::from_utf8_lossy(host).to_ascii_lowercase(), port))
}

fn check_host_and_origin(head: &Head, host: Option<&[u8]>, origin: Option<&[u8]>) {
    let expected = guarded(host, origin);
    let found = check_guards(head, &FIXTURE.hosts, &FIXTURE.origins);
    let status = |result: &Result<_, Refusal>| match result {
        Ok(_) => Ok(()),
        Err(refusal) => Err(std::mem::discriminant(refusal)),
    };
    assert_eq!(
        status(&found.clone().map(|_| ())),
        status(&expected),
        "{found:?}, and not {expected:?}"
    );
    if let Ok(told) = found {
        let other = |origin: &&[u8]| origin.eq_ignore_ascii_case(ALLOWED_ORIGIN.as_bytes());
        assert_eq!(told.map(str::as_bytes), origin.filter(other), "who is told");
    }
}

fn guarded(host: Option<&[u8]>, origin: Option<&[u8]>) -> Result<(), Refusal> {
    let host = host.ok_or(Refusal::MissingHost)?;
    let (name, port) = authority(host).ok_or(Refusal::InvalidHost)?;
    let is_allowed = |allowed: &str| {
        let (other, only) = authority(allowed.as_bytes()).expect("a host");
        other == name && (only.is_none() || only == port)
    };
    let is_loopback = ["localhost", "127.0.0.1", "[::1]"].contains(&name.as_str());
    if !is_loopback && !ALLOWED_HOSTS.iter().any(|allowed| is_allowed(allowed)) {
        return Err(Refusal::ForeignHost { host: String::new() });
    }
    let Some(origin) = origin else {
        return Ok(());
    };
    let foreign = || Refusal::ForeignOrigin { origin: String::new() };
    if origin.eq_ignore_ascii_case(ALLOWED_ORIGIN.as_bytes()) {
        return Ok(());
    }
    // RFC 6454 section 4: scheme, host and port are the same. `Host` does not say the scheme, so
    // it is that of the origin.
    let (authority_of, default) = match origin {
        [b'h', b't', b't', b'p', b':', b'/', b'/', rest @ ..] => (rest, "80"),
        [b'h', b't', b't', b'p', b's', b':', b'/', b'/', rest @ ..] => (rest, "443"),
        _ => return Err(foreign()),
    };
    let (origin, origin_port) = authority(authority_of).ok_or_else(foreign)?;
    let effective = |port: Option<String>| port.unwrap_or_else(|| default.into());
    match origin == name && effective(origin_port) == effective(port) {
        true => Ok(()),
        false => Err(foreign()),
    }
}

fn check_media(
    head: &Head,
    content_type: Option<&[u8]>,
    accept: Option<&[u8]>,
    more: Option<&[u8]>,
) {
    let is_json = content_type.is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        let mut parts = value.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        parts.next() == Some(b"application/json")
            && parts.all(|parameter| match parameter.strip_prefix(b"charset=") {
                Some(charset) => [&b"utf-8"[..], b"\"utf-8\""].contains(&charset.trim_ascii()),
                None => true,
            })
    });
    assert_eq!(check_content_type(head).is_ok(), is_json);

    let ranges: Vec<&[u8]> = [accept, more]
        .into_iter()
        .flatten()
        .flat_map(|value| value.split(|&byte| byte == b','))
        .map(trim)
        .filter(|range| !range.is_empty())
        .collect();
    let is_asked = accept.is_some() || more.is_some();
    let takes = |kind: &str, range_of_kind: &str| {
        // RFC 9110 section 12.5.1: the most specific range counts; of two, the last.
        let weights: Vec<_> = [kind, range_of_kind, "*/*"]
            .map(|wanted| ranges.iter().rev().find_map(|range| weighed(range, wanted)))
            .into_iter()
            .flatten()
            .collect();
        weights.first().copied().unwrap_or(!is_asked)
    };
    let (json, events) =
        (takes("application/json", "application/*"), takes("text/event-stream", "text/*"));
    let expected = if json || events { Ok((json, events)) } else { Err(Refusal::NotAcceptable) };
    assert_eq!(accepts(head), expected);
}

/// If the range is that one: whether its weight is more than zero (section 12.4.2).
fn weighed(range: &[u8], wanted: &str) -> Option<bool> {
    let range = range.to_ascii_lowercase();
    let mut parts = range.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
    if parts.next() != Some(wanted.as_bytes()) {
        return None;
    }
    let is_zero = |parameter: &[u8]| match parameter.strip_prefix(b"q=0") {
        Some(digits) => digits.iter().all(|byte| [b'0', b'.'].contains(byte)),
        None => false,
    };
    Some(!parts.any(is_zero))
}

/// RFC 9112 section 3.2: a path, or an absolute URI whose authority is that of `Host`, in characters
/// that some client sends there (URL standard, "query state").
fn endpoint_of(target: &[u8], host: Option<&[u8]>) -> Result<usize, Refusal> {
    if target.iter().any(|byte| !(b'!'..=b'~').contains(byte) || b"\"#<>".contains(byte)) {
        return Err(Refusal::InvalidTarget);
    }
    let lower = target.to_ascii_lowercase();
    let scheme = ["http://", "https://"].into_iter().find(|it| lower.starts_with(it.as_bytes()));
    let path = match scheme {
        _ if target.starts_with(b"/") || target == b"*" => target,
        None => return Err(Refusal::InvalidTarget),
        Some(scheme) => {
            let rest = &target[scheme.len()..];
            let end = rest.iter().position(|byte| b"/?".contains(byte)).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            if host.is_some_and(|host| !host.eq_ignore_ascii_case(authority)) {
                return Err(Refusal::InvalidHost);
            }
            path
        }
    };
    let path = path.split(|&byte| byte == b'?').next().unwrap_or_default();
    // An escaped slash separates nothing, so no path that is served has one.
    let mut decoded = Vec::new();
    let mut parts = path.split(|&byte| byte == b'%');
    decoded.extend_from_slice(parts.next().unwrap_or_default());
    for part in parts {
        let escape = part.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = escape.ok_or(Refusal::InvalidTarget)?;
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        match u8::from_str_radix(digits, 16) {
            Ok(b'/') => decoded.push(0),
            Ok(byte) => decoded.push(byte),
            Err(_) => return Err(Refusal::InvalidTarget),
        }
        decoded.extend_from_slice(&part[2..]);
    }
    let served =
        |path: &&str| decoded == path.as_bytes() || decoded == format!("{path}/").as_bytes();
    PATHS.iter().position(served).ok_or(Refusal::NoEndpoint)
}
