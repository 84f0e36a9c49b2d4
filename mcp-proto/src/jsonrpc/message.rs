//! The shape of one JSON-RPC message, found in a single pass over its text.
//!
//! Parsing here never rejects a value for its type: it records where each member stands, so that
//! whoever checks a member can answer with the id of the request it belongs to.

use alloc::borrow::Cow;
use core::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON object that may be a JSON-RPC request, notification or response.
///
/// Keys are compared exactly; case-folding parsers have let requests slip past proxies
/// (CVE-2026-27896). A key that occurs twice is remembered for the same reason.
#[derive(Debug, Default)]
pub(crate) struct Message<'a> {
    pub(crate) jsonrpc: Option<&'a RawValue>,
    pub(crate) id: Option<&'a RawValue>,
    pub(crate) method: Option<&'a RawValue>,
    pub(crate) params: Params<'a>,
    pub(crate) result: Option<&'a RawValue>,
    pub(crate) error: Option<&'a RawValue>,
    pub(crate) duplicate: Option<&'static str>,
}

/// The `params` member.
#[derive(Debug, Default)]
#[expect(clippy::large_enum_variant, reason = "on the stack, while a message is read")]
pub(crate) enum Params<'a> {
    #[default]
    Absent,
    Object(Members<'a>),
    /// An array or a scalar, which no MCP method takes.
    Other,
}

/// The members of `params` that some method of some revision defines; all else is skipped.
#[derive(Debug, Default)]
pub(crate) struct Members<'a> {
    pub(crate) meta: Option<&'a RawValue>,
    pub(crate) name: Option<&'a RawValue>,
    pub(crate) arguments: Option<&'a RawValue>,
    pub(crate) cursor: Option<&'a RawValue>,
    pub(crate) protocol_version: Option<&'a RawValue>,
    pub(crate) client_info: Option<&'a RawValue>,
    pub(crate) uri: Option<&'a RawValue>,
    pub(crate) reference: Option<&'a RawValue>,
    pub(crate) argument: Option<&'a RawValue>,
    pub(crate) context: Option<&'a RawValue>,
    pub(crate) notifications: Option<&'a RawValue>,
    pub(crate) input_responses: Option<&'a RawValue>,
    pub(crate) request_state: Option<&'a RawValue>,
    pub(crate) duplicate: Option<&'static str>,
}

impl<'a> Message<'a> {
    /// Parses `json`, which must hold one object and nothing else.
    pub(crate) fn parse(json: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(json)
    }

    /// Whether there is a `result` or an `error`, as in a response.
    pub(crate) const fn is_response(&self) -> bool {
        self.result.is_some() || self.error.is_some()
    }

    /// The members of `params`, if that is an object.
    pub(crate) fn params(&self) -> Option<&Members<'a>> {
        match &self.params {
            Params::Object(members) => Some(members),
            Params::Absent | Params::Other => None,
        }
    }

    /// The first key that occurs twice in the message or its `params`.
    pub(crate) fn duplicate(&self) -> Option<&'static str> {
        self.duplicate.or_else(|| self.params().and_then(|params| params.duplicate))
    }
}

/// The text of a JSON string, or `None` if the value is something else.
pub(crate) fn string_of(value: &RawValue) -> Option<Cow<'_, str>> {
    let json = value.get();
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    // Fails for a lone surrogate, which RawValue does not look at.
    serde_json::from_str(json).ok().map(Cow::Owned)
}

/// Stores a member, or the fact that it came twice.
pub(crate) fn set<'de, M: MapAccess<'de>>(
    slot: &mut Option<&'de RawValue>,
    duplicate: &mut Option<&'static str>,
    key: &'static str,
    map: &mut M,
) -> Result<(), M::Error> {
    let value = map.next_value()?;
    if slot.replace(value).is_some() {
        duplicate.get_or_insert(key);
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum MessageKey {
    Jsonrpc,
    Id,
    Method,
    Params,
    Result,
    Error,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Message<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MessageVisitor;

        impl<'de> Visitor<'de> for MessageVisitor {
            type Value = Message<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON-RPC message, which is a JSON object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut message = Message::default();
                let mut has_params = false;
                while let Some(key) = map.next_key()? {
                    let twice = &mut message.duplicate;
                    match key {
                        MessageKey::Jsonrpc => {
                            set(&mut message.jsonrpc, twice, "jsonrpc", &mut map)?;
                        }
                        MessageKey::Id => set(&mut message.id, twice, "id", &mut map)?,
                        MessageKey::Method => set(&mut message.method, twice, "method", &mut map)?,
                        MessageKey::Params => {
                            message.params = map.next_value()?;
                            if core::mem::replace(&mut has_params, true) {
                                message.duplicate.get_or_insert("params");
                            }
                        }
                        MessageKey::Result => set(&mut message.result, twice, "result", &mut map)?,
                        MessageKey::Error => set(&mut message.error, twice, "error", &mut map)?,
                        MessageKey::Other => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(message)
            }
        }

        deserializer.deserialize_map(MessageVisitor)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum ParamsKey {
    #[serde(rename = "_meta")]
    Meta,
    Name,
    Arguments,
    Cursor,
    ProtocolVersion,
    ClientInfo,
    Uri,
    #[serde(rename = "ref")]
    Reference,
    Argument,
    Context,
    Notifications,
    InputResponses,
    RequestState,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Params<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ParamsVisitor;

        impl<'de> Visitor<'de> for ParamsVisitor {
            type Value = Params<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("params")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Members::default();
                while let Some(key) = map.next_key()? {
                    let (slot, key) = match key {
                        ParamsKey::Meta => (&mut members.meta, "_meta"),
                        ParamsKey::Name => (&mut members.name, "name"),
                        ParamsKey::Arguments => (&mut members.arguments, "arguments"),
                        ParamsKey::Cursor => (&mut members.cursor, "cursor"),
                        ParamsKey::ProtocolVersion => {
                            (&mut members.protocol_version, "protocolVersion")
                        }
                        ParamsKey::ClientInfo => (&mut members.client_info, "clientInfo"),
                        ParamsKey::Uri => (&mut members.uri, "uri"),
                        ParamsKey::Reference => (&mut members.reference, "ref"),
                        ParamsKey::Argument => (&mut members.argument, "argument"),
                        ParamsKey::Context => (&mut members.context, "context"),
                        ParamsKey::Notifications => (&mut members.notifications, "notifications"),
                        ParamsKey::InputResponses => {
                            (&mut members.input_responses, "inputResponses")
                        }
                        ParamsKey::RequestState => (&mut members.request_state, "requestState"),
                        ParamsKey::Other => {
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    set(slot, &mut members.duplicate, key, &mut map)?;
                }
                Ok(Params::Object(members))
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Params::Other)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Params::Other)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Params::Other)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Params::Other)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Params::Other)
            }

            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Params::Other)
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Params::Other)
            }
        }

        deserializer.deserialize_any(ParamsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members<'a>(message: &'a Message<'a>) -> &'a Members<'a> {
        match &message.params {
            Params::Object(members) => members,
            other => panic!("params are {other:?}"),
        }
    }

    #[test]
    fn finds_every_member_where_it_stands() {
        let json = r#" {"params":{"arguments": {"a" : [1, 2]},"name":"t","other":{"name":1}},
                       "method":"tools/call","id":"x","jsonrpc":"2.0","more":null} "#;
        let message = Message::parse(json).unwrap();
        assert_eq!(message.id.unwrap().get(), r#""x""#);
        assert_eq!(message.method.unwrap().get(), r#""tools/call""#);
        assert_eq!(members(&message).name.unwrap().get(), r#""t""#);
        assert_eq!(members(&message).arguments.unwrap().get(), r#"{"a" : [1, 2]}"#);
        assert_eq!(message.duplicate(), None);
        assert!(!message.is_response());
    }

    #[test]
    fn keys_are_exact_and_escapes_in_them_are_seen_through() {
        let message = Message::parse(r#"{"ID":1,"Method":"x","\u0069d":2}"#).unwrap();
        assert_eq!(message.id.unwrap().get(), "2");
        assert!(message.method.is_none());
    }

    #[test]
    fn a_key_that_comes_twice_is_reported() {
        for (json, key) in [
            (r#"{"id":1,"id":1}"#, "id"),
            (r#"{"method":"a","\u006dethod":"b"}"#, "method"),
            (r#"{"params":{},"params":[]}"#, "params"),
            (r#"{"params":{"name":"a","name":"a"}}"#, "name"),
            (r#"{"params":{"_meta":{},"_meta":{}}}"#, "_meta"),
        ] {
            assert_eq!(Message::parse(json).unwrap().duplicate(), Some(key), "{json}");
        }
    }

    #[test]
    fn params_of_any_other_type_are_told_apart() {
        for json in ["[1,[2]]", "1", "-1", "1.5", "\"s\"", "true", "null"] {
            let text = alloc::format!(r#"{{"params":{json},"id":3}}"#);
            let message = Message::parse(&text).unwrap();
            assert!(matches!(message.params, Params::Other), "{json}");
            assert_eq!(message.id.unwrap().get(), "3");
        }
    }

    #[test]
    fn text_that_is_cut_or_followed_by_more_is_no_message() {
        let json = r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"a":[1,"x"]}}}"#;
        assert!(Message::parse(json).is_ok());
        for end in 0..json.len() {
            assert!(Message::parse(&json[..end]).is_err(), "cut at {end}");
        }
        for tail in ["x", "{}", ",", "\0"] {
            assert!(Message::parse(&alloc::format!("{json}{tail}")).is_err());
        }
    }

    #[test]
    fn strings_are_decoded_and_lone_surrogates_are_not_strings() {
        let raw = |json: &str| {
            serde_json::from_str::<&RawValue>(json)
                .map(|raw| string_of(raw).map(Cow::into_owned))
                .unwrap()
        };
        assert_eq!(raw(r#""plain""#).as_deref(), Some("plain"));
        assert_eq!(raw(r#""a\"\u00e9""#).as_deref(), Some("a\"é"));
        assert_eq!(raw(r#""\ud800""#), None);
        assert_eq!(raw("12"), None);
    }
}
