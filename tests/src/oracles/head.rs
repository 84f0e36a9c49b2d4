//! Heads of requests: RFC 9112 sections 2 to 6.3, with everything ambiguous refused.

use mcp_proto::internals::{Connection, Framing, HeadScan, parse_head};
use mcp_proto::{Head, Limits, Method, Refusal};

use super::{is_field_value, is_token, trim};

/// Checks what is made of `bytes`, which begin with a head or are none: with much room and little.
pub fn check(bytes: &[u8]) {
    check_within(&Limits::default(), bytes);
    check_within(&Limits { head: 128, fields: 4, ..Limits::default() }, bytes);
}

fn check_within(limits: &Limits, bytes: &[u8]) {
    let scanned = HeadScan::default().advance(bytes, limits.head);
    assert_eq!(scanned, scan_bytewise(bytes, limits.head), "another end, byte by byte");
    let in_one_pass = parse_head(&bytes[..bytes.len().min(limits.head)], limits).ok();
    let length = match (scanned, length_of(bytes, limits.head)) {
        (Ok(None), Length::Unknown) => return assert!(in_one_pass.is_none(), "before its end"),
        (Ok(Some(length)), Length::Known(expected)) => {
            assert_eq!(length, expected, "the length");
            length
        }
        (Err(refusal), Length::Refused(expected)) => {
            assert_eq!(refusal, expected);
            return assert!(in_one_pass.is_none(), "taken in one pass");
        }
        (scanned, expected) => panic!("scanned as {scanned:?}, and not as {expected:?}"),
    };
    let raw = &bytes[..length];
    assert_eq!(HeadScan::default().advance(raw, limits.head), Ok(Some(length)));
    let expected = read(raw, limits.fields);
    let head = parse_head(raw, limits);
    let fields = |head: &Head| -> Vec<_> {
        head.fields().map(|(name, value)| [name, value].concat()).collect()
    };
    assert_eq!(
        in_one_pass.map(|(head, connection)| (fields(&head), connection)),
        head.as_ref().ok().map(|(head, connection)| (fields(head), *connection)),
        "another head, with more behind it"
    );
    match head {
        Err(refusal) => assert!(
            expected.faults.contains(&refusal),
            "refused with {refusal:?} and not with one of {:?}",
            expected.faults
        ),
        Ok((head, connection)) => {
            assert_eq!(expected.faults, [], "taken");
            assert_eq!(method_name(head.method()), known_method(expected.method));
            assert_eq!(head.target().as_bytes(), expected.target);
            assert_eq!(head.fields().collect::<Vec<_>>(), expected.fields);
            for (name, _) in &expected.fields {
                let named = |(other, _): &&(&[u8], &[u8])| other.eq_ignore_ascii_case(name);
                let first = expected.fields.iter().find(named).map(|(_, value)| *value);
                assert_eq!(std::str::from_utf8(name).ok().and_then(|name| head.field(name)), first);
            }
            assert_eq!(Some(connection), expected.connection);
            check_httparse(raw, &expected);
        }
    }
}

fn scan_bytewise(bytes: &[u8], limit: usize) -> Result<Option<usize>, Refusal> {
    let mut scan = HeadScan::default();
    for end in 0..=bytes.len() {
        let scanned = scan.advance(&bytes[..end], limit);
        if scanned != Ok(None) {
            return scanned;
        }
    }
    Ok(None)
}

/// Whatever is taken, httparse takes and reads alike.
fn check_httparse(raw: &[u8], expected: &Expected<'_>) {
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut request = httparse::Request::new(&mut fields);
    assert_eq!(request.parse(raw), Ok(httparse::Status::Complete(raw.len())));
    assert_eq!(request.method.map(str::as_bytes), Some(expected.method));
    assert_eq!(request.path.map(str::as_bytes), Some(expected.target));
    let is_http11 = expected.connection.map(|connection| u8::from(connection.is_http11));
    assert_eq!(request.version, is_http11);
    let fields: Vec<_> =
        request.headers.iter().map(|field| (field.name.as_bytes(), field.value)).collect();
    assert_eq!(fields, expected.fields);
}

/// How long a head is.
#[derive(Debug)]
enum Length {
    Unknown,
    Known(usize),
    Refused(Refusal),
}

/// Line by line, as long as there are any within the limit.
fn length_of(bytes: &[u8], limit: usize) -> Length {
    if bytes.first().is_some_and(|first| !is_token(&[*first])) {
        return Length::Refused(Refusal::MalformedRequestLine);
    }
    let mut end = 0;
    let window = &bytes[..bytes.len().min(limit)];
    for line in window.split_inclusive(|&byte| byte == b'\n') {
        end += line.len();
        match line {
            b"\r\n" => return Length::Known(end),
            [b' ' | b'\t', .., b'\r', b'\n'] => return Length::Refused(Refusal::FoldedField),
            [.., b'\r', b'\n'] => {}
            [.., b'\n'] => return Length::Refused(Refusal::BareLineFeed),
            _ => break,
        }
    }
    if bytes.len() <= limit {
        return Length::Unknown;
    }
    // RFC 9112 section 3: a method that is too long is unknown, and a target has its own status.
    Length::Refused(match window {
        _ if window.contains(&b'\n') => Refusal::HeadTooLarge { limit },
        _ if window.contains(&b' ') => Refusal::TargetTooLong { limit },
        _ => Refusal::UnknownMethod,
    })
}

/// A head by the book, and all that is wrong with it: which of that is told is not settled.
struct Expected<'a> {
    method: &'a [u8],
    target: &'a [u8],
    fields: Vec<(&'a [u8], &'a [u8])>,
    connection: Option<Connection>,
    faults: Vec<Refusal>,
}

fn read(raw: &[u8], most_fields: usize) -> Expected<'_> {
    let mut faults = Vec::new();
    let mut lines = raw
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .take_while(|line| !line.is_empty());
    let line = lines.next().unwrap_or_default();
    let parts: Vec<_> = line.split(|&byte| byte == b' ').collect();
    let (method, target, version) = match parts[..] {
        [method, target, version] => (method, target, version),
        _ => (&b""[..], &b""[..], &b""[..]),
    };
    // Section 3: one space between three parts. A target is not looked into here, but text.
    let is_text = std::str::from_utf8(target).is_ok();
    let is_visible = target.iter().all(|&byte| byte > b' ' && byte != 0x7f);
    if !is_token(method) || target.is_empty() || !is_text || !is_visible {
        faults.push(Refusal::MalformedRequestLine);
    }
    // Section 2.3.
    let is_http11 = version == b"HTTP/1.1";
    if !is_http11 && version != b"HTTP/1.0" {
        faults.push(match version {
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
                Refusal::UnsupportedVersion
            }
            _ => Refusal::MalformedRequestLine,
        });
    }
    // Section 5: a name, a colon right behind it, and a value without control characters.
    let mut fields = Vec::new();
    let mut count = 0;
    for line in lines {
        count += 1;
        let colon = super::find(line, b':').unwrap_or(line.len());
        let (name, value) = line.split_at(colon);
        match value {
            [b':', value @ ..] if is_token(name) && is_field_value(value) => {
                fields.push((name, trim(value)));
            }
            _ => faults.push(Refusal::MalformedField),
        }
    }
    if count > most_fields {
        faults.push(Refusal::TooManyFields { limit: most_fields });
    }
    let connection = Connection {
        is_http11,
        keep_alive: keeps_alive(is_http11, &fields),
        expects_continue: is_http11 && !named(&fields, "Expect").is_empty(),
        framing: framing(is_http11, &fields, &mut faults),
    };
    check_fields(is_http11, &fields, &mut faults);
    let connection = faults.is_empty().then_some(connection);
    Expected { method, target, fields, connection, faults }
}

/// The values of all fields of that name.
fn named<'a>(fields: &[(&[u8], &'a [u8])], name: &str) -> Vec<&'a [u8]> {
    let is_it = |field: &&(&[u8], &[u8])| field.0.eq_ignore_ascii_case(name.as_bytes());
    fields.iter().filter(is_it).map(|(_, value)| *value).collect()
}

/// The members of a list over all fields of that name, in lower case (RFC 9110 section 5.6.1).
fn list(fields: &[(&[u8], &[u8])], name: &str) -> Vec<Vec<u8>> {
    let values = named(fields, name).join(&b',');
    let members = values.split(|&byte| byte == b',').map(trim);
    members.filter(|member| !member.is_empty()).map(<[u8]>::to_ascii_lowercase).collect()
}

/// Fields that decide something, and of which no two may contradict each other.
fn check_fields(is_http11: bool, fields: &[(&[u8], &[u8])], faults: &mut Vec<Refusal>) {
    for name in [
        "Host",
        "Origin",
        "Content-Type",
        "Content-Encoding",
        "MCP-Protocol-Version",
        "Mcp-Method",
        "Mcp-Name",
        "Mcp-Session-Id",
        "Last-Event-ID",
    ] {
        if named(fields, name).len() > 1 {
            faults.push(Refusal::RepeatedField { name });
        }
    }
    // Section 3.2.
    if is_http11 && named(fields, "Host").is_empty() {
        faults.push(Refusal::MissingHost);
    }
    // RFC 9110 section 10.1.1.
    let is_unmet = |value: &&[u8]| !value.eq_ignore_ascii_case(b"100-continue");
    if named(fields, "Expect").iter().any(is_unmet) {
        faults.push(Refusal::UnmetExpectation);
    }
}

/// Section 9.3.
fn keeps_alive(is_http11: bool, fields: &[(&[u8], &[u8])]) -> bool {
    let options = list(fields, "Connection");
    let has = |option: &[u8]| options.iter().any(|other| other == option);
    !has(b"close") && (is_http11 || has(b"keep-alive"))
}

/// Section 6.3, in its order.
fn framing(is_http11: bool, fields: &[(&[u8], &[u8])], faults: &mut Vec<Refusal>) -> Framing {
    let coded = named(fields, "Transfer-Encoding");
    let is_coded = !coded.is_empty();
    let codings = list(fields, "Transfer-Encoding");
    let lengths = named(fields, "Content-Length");
    // Rule 3: both are an attempt at smuggling.
    if is_coded && !lengths.is_empty() {
        faults.push(Refusal::ConflictingFraming);
    }
    // Section 6.1.
    if is_coded && !is_http11 {
        faults.push(Refusal::TransferEncodingOnHttp10);
    }
    // Rule 4: `chunked` comes last and once. No other coding is known.
    let chunked = codings.iter().filter(|coding| *coding == b"chunked").count();
    if is_coded && (chunked != 1 || codings.last().is_none_or(|last| last != b"chunked")) {
        faults.push(Refusal::ChunkedNotLast);
    } else if codings.len() > 1 {
        faults.push(Refusal::UnknownTransferCoding);
    }
    // Stricter than a list, whose empty members do not count: other parsers take them for codings.
    let is_empty = |member: &[u8]| member.iter().all(|byte| b" \t".contains(byte));
    if coded.iter().any(|value| value.split(|&byte| byte == b',').any(is_empty)) {
        faults.push(Refusal::ChunkedNotLast);
    }
    // Rule 5, without its exception for lists of one number.
    for length in &lengths {
        if length.is_empty() || !length.iter().all(u8::is_ascii_digit) {
            faults.push(Refusal::InvalidContentLength);
        }
    }
    if lengths.len() > 1 {
        faults.push(Refusal::RepeatedField { name: "Content-Length" });
    }
    if is_coded {
        return Framing::Chunked;
    }
    // Rule 7 if there is none.
    let digits = lengths.first().copied().unwrap_or(b"0");
    match std::str::from_utf8(digits).unwrap_or_default().parse::<u128>() {
        Ok(0) => Framing::Empty,
        Ok(length) => Framing::Length(u64::try_from(length).unwrap_or(u64::MAX)),
        // No digits, which is refused, or more than anybody can send.
        Err(_) => Framing::Length(u64::MAX),
    }
}

fn method_name(method: Method) -> Option<&'static str> {
    Some(match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        _ => return None,
    })
}

/// RFC 9110 section 9.1: names of methods are case-sensitive.
fn known_method(name: &[u8]) -> Option<&'static str> {
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]
        .into_iter()
        .find(|known| known.as_bytes() == name)
}
