//! `Content-Type` and `Accept`: what came in, and what may go out.

use memchr::memchr;

use crate::endpoint::ResponseMode;
use crate::error::Refusal;
use crate::http::Head;
use crate::http::list_members;

const JSON: &str = "application/json";
/// The field line of a response of that type.
pub(crate) const JSON_FIELD: &str = "Content-Type: application/json\r\n";
const EVENT_STREAM: &str = "text/event-stream";

/// What the specification tells clients to send, and nearly all do.
const ALL: &str = "application/json, text/event-stream";

/// Which of our two media types the client takes (RFC 9110 section 12.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Accepts {
    pub(crate) json: bool,
    pub(crate) event_stream: bool,
}

impl Accepts {
    /// Clients must name both types. One that names a single type has its calls answered in that, while
    /// what the protocol itself answers is JSON; only one that takes neither is refused.
    pub(crate) fn parse(head: &Head) -> Result<Self, Refusal> {
        if head.accept().eq([ALL.as_bytes()]) {
            return Ok(Self { json: true, event_stream: true });
        }
        let (mut json, mut event_stream) = (None, None);
        let mut is_present = false;
        for value in head.accept() {
            is_present = true;
            for range in list_members(value) {
                let (range, parameters) = split_parameters(range);
                consider(&mut json, JSON, range, parameters);
                consider(&mut event_stream, EVENT_STREAM, range, parameters);
            }
        }
        let takes = |best: Option<Best>| best.map_or(!is_present, |best| best.accepted);
        let accepts = Self { json: takes(json), event_stream: takes(event_stream) };
        if !accepts.json && !accepts.event_stream {
            return Err(Refusal::NotAcceptable);
        }
        Ok(accepts)
    }

    /// Leaves only the type that an endpoint is pinned to. With a stream, JSON stays for errors.
    pub(crate) fn pinned(self, mode: ResponseMode) -> Result<Self, Refusal> {
        match mode {
            ResponseMode::Auto => Ok(self),
            ResponseMode::Json if self.json => Ok(Self { event_stream: false, ..self }),
            ResponseMode::EventStream if self.event_stream => Ok(self),
            ResponseMode::Json | ResponseMode::EventStream => Err(Refusal::NotAcceptable),
        }
    }
}

/// The most specific range seen that matches a type.
#[derive(Clone, Copy)]
struct Best {
    /// 0 for `*/*`, 1 for `type/*`, 2 for `type/subtype`.
    specificity: u8,
    accepted: bool,
}

fn consider(best: &mut Option<Best>, media_type: &str, range: &[u8], parameters: &[u8]) {
    let (main_type, _) = media_type.split_once('/').unwrap_or_default();
    let specificity = if range.eq_ignore_ascii_case(media_type.as_bytes()) {
        2
    } else if range
        .strip_suffix(b"/*")
        .is_some_and(|range| range.eq_ignore_ascii_case(main_type.as_bytes()))
    {
        1
    } else if range == b"*/*" {
        0
    } else {
        return;
    };
    // A weight of zero means "not this" (RFC 9110 section 12.4.2).
    let is_zero = |weight: &[u8]| {
        matches!(weight, [b'q' | b'Q', b'=', b'0', rest @ ..]
            if rest.iter().all(|byte| b".0".contains(byte)))
    };
    if best.is_none_or(|best| specificity >= best.specificity) {
        let is_zero = parameters.split(|&byte| byte == b';').map(<[u8]>::trim_ascii).any(is_zero);
        *best = Some(Best { specificity, accepted: !is_zero });
    }
}

/// Splits a media type or range from its parameters.
fn split_parameters(value: &[u8]) -> (&[u8], &[u8]) {
    match memchr(b';', value) {
        Some(at) => (value[..at].trim_ascii(), &value[at + 1..]),
        None => (value.trim_ascii(), &[]),
    }
}

/// Refuses a body that is not plain JSON.
///
/// This is a security rule: a page on another site can send `text/plain` without asking the
/// server first, but not `application/json` (CVE-2026-33252).
pub(crate) fn check_content_type(head: &Head) -> Result<(), Refusal> {
    let content_type = head.content_type().unwrap_or_default();
    if content_type == JSON.as_bytes() && head.content_encoding().is_none() {
        // What nearly all clients send.
        return Ok(());
    }
    let (essence, parameters) = split_parameters(content_type);
    let is_json = essence.eq_ignore_ascii_case(JSON.as_bytes());
    let is_utf8 = parameters.split(|&byte| byte == b';').map(<[u8]>::trim_ascii).all(|parameter| {
        let (name, value) = parameter.split_at(parameter.len().min(b"charset=".len()));
        !name.eq_ignore_ascii_case(b"charset=")
            || value.trim_ascii().eq_ignore_ascii_case(b"utf-8")
            || value.trim_ascii().eq_ignore_ascii_case(b"\"utf-8\"")
    });
    let is_plain =
        head.content_encoding().is_none_or(|coding| coding.eq_ignore_ascii_case(b"identity"));
    if is_json && is_utf8 && is_plain { Ok(()) } else { Err(Refusal::UnsupportedMediaType) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use alloc::format;

    fn head(fields: &str) -> Head {
        let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        Head::parse(text.as_bytes(), &Limits::default()).unwrap()
    }

    fn accepts(fields: &str) -> Result<(bool, bool), Refusal> {
        Accepts::parse(&head(fields)).map(|accepts| (accepts.json, accepts.event_stream))
    }

    #[test]
    fn accept_is_read_as_http_defines_it() {
        let both = Ok((true, true));
        for (fields, expected) in [
            ("", both.clone()),
            ("Accept: application/json, text/event-stream\r\n", both.clone()),
            ("Accept: TEXT/Event-Stream;q=0.5,application/json\r\n", both.clone()),
            ("Accept: application/json\r\nAccept: text/event-stream\r\n", both.clone()),
            ("Accept: */*\r\n", both.clone()),
            ("Accept: text/*, application/*;q=0.1\r\n", both),
            ("Accept: application/json\r\n", Ok((true, false))),
            ("Accept: text/event-stream\r\n", Ok((false, true))),
            ("Accept: */*, application/json;q=0\r\n", Ok((false, true))),
            ("Accept: text/event-stream; q=0.000, */*\r\n", Ok((true, false))),
            ("Accept: text/html\r\n", Err(Refusal::NotAcceptable)),
            ("Accept: application/jsonx\r\n", Err(Refusal::NotAcceptable)),
            ("Accept: */*;q=0\r\n", Err(Refusal::NotAcceptable)),
            ("Accept:\r\n", Err(Refusal::NotAcceptable)),
        ] {
            assert_eq!(accepts(fields), expected, "{fields}");
        }
    }

    #[test]
    fn only_plain_utf8_json_comes_in() {
        for fields in [
            "Content-Type: application/json\r\n",
            "Content-Type: Application/JSON; charset=UTF-8\r\n",
            "Content-Type: application/json;charset=\"utf-8\"; x=y\r\n",
            "Content-Type: application/json\r\nContent-Encoding: identity\r\n",
        ] {
            assert_eq!(check_content_type(&head(fields)), Ok(()), "{fields}");
        }
        for fields in [
            "",
            "Content-Type:\r\n",
            "Content-Type: text/plain\r\n",
            "Content-Type: application/json-rpc\r\n",
            "Content-Type: application/json, text/plain\r\n",
            "Content-Type: application/json; charset=latin1\r\n",
            "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
        ] {
            assert_eq!(
                check_content_type(&head(fields)),
                Err(Refusal::UnsupportedMediaType),
                "{fields}"
            );
        }
    }
}
