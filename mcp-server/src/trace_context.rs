//! What a client says of the trace that its request belongs to (2026-07-28, basic, "_meta";
//! W3C Trace Context; W3C Baggage).

use std::borrow::Cow;

use mcp_proto::Request;
use serde::Deserialize;

/// Characters that `tracestate` and `baggage` may have (W3C Trace Context section 3.3.1.5, W3C Baggage
/// section 3.3.2). More would be cut off by others, which no format survives.
const LONGEST_STATE: usize = 512;
const LONGEST_BAGGAGE: usize = 8192;

/// Members of a `tracestate` (W3C Trace Context section 3.3.1.1).
const MOST_MEMBERS: usize = 32;

/// The trace that a request belongs to, as its client says: whatever is malformed is left out.
///
/// It comes from the `_meta` of the request, and from the fields of the HTTP request if there is no
/// `traceparent` in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceContext {
    traceparent: Option<String>,
    tracestate: Option<String>,
    baggage: Option<String>,
}

/// The members of `_meta` that are of a trace. What is no string is none.
#[derive(Default, Deserialize)]
struct Members<'a> {
    #[serde(borrow, default)]
    traceparent: Option<Member<'a>>,
    #[serde(borrow, default)]
    tracestate: Option<Member<'a>>,
    #[serde(borrow, default)]
    baggage: Option<Member<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Member<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Other(serde::de::IgnoredAny),
}

impl TraceContext {
    /// Reads what a request says.
    pub(crate) fn of(request: &Request) -> Self {
        let members = request.meta().and_then(|meta| serde_json::from_str(meta).ok());
        let Members { traceparent, tracestate, baggage } = members.unwrap_or_default();
        let text = |member: Option<Member<'_>>| match member {
            Some(Member::Text(text)) => Some(text.into_owned()),
            Some(Member::Other(_)) | None => None,
        };
        let field = |name: &str| {
            let value = std::str::from_utf8(request.head().field(name)?).ok()?;
            Some(value.to_owned())
        };
        let mut context = match text(traceparent) {
            Some(parent) => Self {
                traceparent: Some(parent),
                tracestate: text(tracestate),
                baggage: text(baggage),
            },
            None => Self {
                traceparent: field("traceparent"),
                tracestate: field("tracestate"),
                baggage: text(baggage).or_else(|| field("baggage")),
            },
        };
        context.traceparent = context.traceparent.filter(|parent| is_parent(parent));
        // A state without its parent says nothing (W3C Trace Context section 3.3.1).
        let has_parent = context.traceparent.is_some();
        context.tracestate = context.tracestate.filter(|state| has_parent && is_state(state));
        context.baggage = context.baggage.filter(|baggage| is_baggage(baggage));
        context
    }

    /// What there is, by the names that W3C propagators know.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let fields = [
            ("traceparent", self.traceparent()),
            ("tracestate", self.tracestate()),
            ("baggage", self.baggage()),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }

    /// The span of the client: `version-trace-parent-flags`.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// What the tracing systems on the way have to say. Only there with a `traceparent`.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }

    /// What travels with the trace: keys and values.
    #[must_use]
    pub fn baggage(&self) -> Option<&str> {
        self.baggage.as_deref()
    }
}

/// W3C Trace Context section 3.2.2. Later versions may say more, behind another dash.
fn is_parent(text: &str) -> bool {
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_some = |text: &str| text.bytes().any(|byte| byte != b'0');
    let mut parts = text.splitn(5, '-');
    let mut next = || parts.next().unwrap_or_default();
    let (version, trace, parent, flags) = (next(), next(), next(), next());
    let has_more = parts.next().is_some();
    is_hex(version, 2)
        && version != "ff"
        && is_hex(trace, 32)
        && is_some(trace)
        && is_hex(parent, 16)
        && is_some(parent)
        && is_hex(flags, 2)
        && !(has_more && version == "00")
        && text.len() <= LONGEST_STATE
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// W3C Trace Context section 3.3.1. Members may be empty.
fn is_state(text: &str) -> bool {
    let is_member = |member: &str| {
        let member = member.trim_matches([' ', '\t']);
        member.is_empty()
            || member.split_once('=').is_some_and(|(key, value)| {
                let is_key = |byte: u8| {
                    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@')
                };
                !key.is_empty()
                    && key.bytes().all(is_key)
                    && !value.is_empty()
                    && value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'=')
            })
    };
    text.len() <= LONGEST_STATE
        && text.split(',').count() <= MOST_MEMBERS
        && text.split(',').all(is_member)
}

/// W3C Baggage section 3.2: visible characters, and each member has a key.
fn is_baggage(text: &str) -> bool {
    let is_member =
        |member: &str| member.split_once('=').is_some_and(|(key, _)| !key.trim().is_empty());
    text.len() <= LONGEST_BAGGAGE
        && text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
        && text.split(',').all(is_member)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";

    #[test]
    fn a_parent_is_held_to_its_format() {
        assert!(is_parent(PARENT));
        assert!(is_parent(&PARENT.replacen("00", "cc", 1)));
        assert!(is_parent(&(PARENT.replacen("00", "cc", 1) + "-more")));
        for broken in [
            String::new(),
            PARENT.to_uppercase(),
            PARENT.replacen("00", "ff", 1),
            format!("{PARENT}-more"),
            PARENT.replace("00f067aa0ba902b7", "0000000000000000"),
            PARENT.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            PARENT[..54].into(),
            format!(" {PARENT}"),
            PARENT.replacen("00", "cc", 1) + "-\n",
        ] {
            assert!(!is_parent(&broken), "{broken:?}");
        }
    }

    #[test]
    fn a_state_is_held_to_its_format() {
        for good in ["", "a=1", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "a@b=1, c=x y", "a=1,,"]
        {
            assert!(is_state(good), "{good:?}");
        }
        let many = vec!["a=1"; MOST_MEMBERS + 1].join(",");
        let long = format!("a={}", "1".repeat(LONGEST_STATE - 1));
        for broken in ["a", "=1", "a=", "A=1", "a=b=c", "a=\n", &many, &long] {
            assert!(!is_state(broken), "{broken:?}");
        }
        assert!(is_state(&many[..many.len() - 4]));
        assert!(is_state(&long[..long.len() - 1]));
    }

    #[test]
    fn baggage_is_held_to_its_format() {
        for good in ["userId=alice,serverNode=DF%2028,isProduction=false", "a=", "a=1;p=2"] {
            assert!(is_baggage(good), "{good:?}");
        }
        let long = format!("a={}", "1".repeat(LONGEST_BAGGAGE - 1));
        for broken in ["", "a", "=1", "a=1,", "a=é", "a=\n", &long] {
            assert!(!is_baggage(broken), "{broken:?}");
        }
        assert!(is_baggage(&long[..long.len() - 1]));
    }
}
