//! The members of one JSON-RPC message, found in a single pass over its text.
//!
//! Nothing here rejects a value for its type: it is recorded where each member stands, so that
//! whoever checks a member can answer with the id of the request it belongs to.

use alloc::borrow::Cow;

use crate::json::{Malformed, Part, Scanner, decoded};
use crate::revision::Meta;

/// Where the members of a JSON-RPC message stand that mean anything.
///
/// Keys are compared exactly; case-folding parsers have let requests slip past proxies
/// (CVE-2026-27896).
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) jsonrpc: Option<Part>,
    pub(crate) id: Option<Part>,
    pub(crate) method: Option<Part>,
    /// Whatever it is.
    pub(crate) params: Option<Part>,
    /// What stands in `params`.
    members: Members,
    pub(crate) result: Option<Part>,
    pub(crate) error: Option<Part>,
    /// A key that comes twice. Other parsers on the way may have read the other value.
    duplicate: Option<&'static str>,
    /// Whether any string in it has escapes. Mostly none has, and there is no need to look for them.
    has_escapes: bool,
}

/// Where the members of `params` stand that some method reads.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// Whether `params` is an object, which has any.
    are_in_object: bool,
    pub(crate) meta: Option<Meta>,
    pub(crate) name: Option<Part>,
    pub(crate) arguments: Option<Part>,
    pub(crate) cursor: Option<Part>,
    pub(crate) protocol_version: Option<Part>,
    pub(crate) client_info: Option<Part>,
    pub(crate) uri: Option<Part>,
    pub(crate) reference: Option<Part>,
    pub(crate) argument: Option<Part>,
    pub(crate) context: Option<Part>,
    pub(crate) notifications: Option<Part>,
    pub(crate) input_responses: Option<Part>,
    pub(crate) request_state: Option<Part>,
    /// A key that comes twice.
    duplicate: Option<&'static str>,
}

impl Message {
    /// Finds the members of the JSON object that `json` is.
    #[cfg(any(test, feature = "internals"))]
    pub(crate) fn parse(json: &str, depth_limit: usize) -> Result<Self, Malformed> {
        let mut message = Self::default();
        message.read(json, depth_limit).map(|()| message)
    }

    /// Finds the members of the JSON object that `json` is. It must not have read another before.
    pub(crate) fn read(&mut self, json: &str, depth_limit: usize) -> Result<(), Malformed> {
        let mut scanner = Scanner::new(json, depth_limit);
        scanner.object(|scanner, key| {
            // A comparison takes a word at a time, where a pattern would take a byte.
            let (slot, key) = match key {
                _ if key == b"jsonrpc" => (&mut self.jsonrpc, "jsonrpc"),
                _ if key == b"id" => (&mut self.id, "id"),
                _ if key == b"method" => (&mut self.method, "method"),
                _ if key == b"params" => {
                    let params = self.members.scan(scanner)?;
                    put(&mut self.params, params, "params", &mut self.duplicate);
                    return Ok(());
                }
                _ if key == b"result" => (&mut self.result, "result"),
                _ if key == b"error" => (&mut self.error, "error"),
                _ => return scanner.value().map(drop),
            };
            put(slot, scanner.value()?, key, &mut self.duplicate);
            Ok(())
        })?;
        scanner.end()?;
        self.has_escapes = scanner.has_escapes();
        Ok(())
    }

    /// Where a string in it stands without its quotes, if it says what stands there.
    #[inline]
    pub(crate) fn plain_string(&self, part: Part, json: &str) -> Option<Part> {
        let is_plain = |text: &Part| !self.has_escapes || !text.bytes_of(json).contains(&b'\\');
        part.within_quotes(json).filter(is_plain)
    }

    /// What a string in it says. Nothing if it is no string, or half of a surrogate pair is missing.
    #[inline]
    pub(crate) fn string<'a>(&self, part: Part, json: &'a str) -> Option<Cow<'a, str>> {
        match self.plain_string(part, json) {
            Some(plain) => Some(Cow::Borrowed(plain.of(json))),
            None => decoded(part.of(json)),
        }
    }

    /// Whether it answers a request of ours.
    pub(crate) const fn is_response(&self) -> bool {
        self.result.is_some() || self.error.is_some()
    }

    /// The members of `params`, if that is an object.
    pub(crate) fn members(&self) -> Option<&Members> {
        Some(&self.members).filter(|members| members.are_in_object)
    }

    /// A key that comes twice, in the message or its `params`.
    pub(crate) fn duplicate(&self) -> Option<&'static str> {
        self.duplicate.or(self.members.duplicate)
    }
}

impl Members {
    /// Walks over `params` and finds what stands in it. Returns where it stands itself.
    fn scan(&mut self, scanner: &mut Scanner<'_>) -> Result<Part, Malformed> {
        self.are_in_object = scanner.peek() == b'{';
        if !self.are_in_object {
            return scanner.value();
        }
        scanner.object(|scanner, key| {
            let (slot, key) = match key {
                _ if key == b"name" => (&mut self.name, "name"),
                _ if key == b"arguments" => (&mut self.arguments, "arguments"),
                _ if key == b"_meta" => {
                    if self.meta.is_some() {
                        self.duplicate.get_or_insert("_meta");
                    }
                    return self.meta.insert(Meta::default()).scan(scanner);
                }
                _ if key == b"uri" => (&mut self.uri, "uri"),
                _ if key == b"cursor" => (&mut self.cursor, "cursor"),
                _ if key == b"protocolVersion" => (&mut self.protocol_version, "protocolVersion"),
                _ if key == b"clientInfo" => (&mut self.client_info, "clientInfo"),
                _ if key == b"ref" => (&mut self.reference, "ref"),
                _ if key == b"argument" => (&mut self.argument, "argument"),
                _ if key == b"context" => (&mut self.context, "context"),
                _ if key == b"notifications" => (&mut self.notifications, "notifications"),
                _ if key == b"inputResponses" => (&mut self.input_responses, "inputResponses"),
                _ if key == b"requestState" => (&mut self.request_state, "requestState"),
                _ => return scanner.value().map(drop),
            };
            put(slot, scanner.value()?, key, &mut self.duplicate);
            Ok(())
        })
    }
}

/// Records a value, and its key if there was one already.
pub(crate) fn put<T>(
    slot: &mut Option<T>,
    value: T,
    key: &'static str,
    duplicate: &mut Option<&'static str>,
) {
    if slot.replace(value).is_some() {
        duplicate.get_or_insert(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_member_where_it_stands() {
        let json = r#" {"params":{"arguments": {"a" : [1, 2]},"name":"t","other":{"name":1}},
                       "method":"tools/call","id":"x","jsonrpc":"2.0","more":null} "#;
        let message = Message::parse(json, 9).unwrap();
        let text = |part: Option<Part>| part.unwrap().of(json);
        assert_eq!(text(message.id), r#""x""#);
        assert_eq!(text(message.method), r#""tools/call""#);
        assert_eq!(text(message.members().unwrap().name), r#""t""#);
        assert_eq!(text(message.members().unwrap().arguments), r#"{"a" : [1, 2]}"#);
        assert_eq!(message.duplicate(), None);
        assert!(!message.is_response());
    }

    #[test]
    fn keys_are_exact_and_escapes_in_them_are_seen_through() {
        let json = r#"{"ID":1,"Method":"x","\u0069d":2}"#;
        let message = Message::parse(json, 9).unwrap();
        assert_eq!(message.id.unwrap().of(json), "2");
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
            assert_eq!(Message::parse(json, 9).unwrap().duplicate(), Some(key), "{json}");
        }
    }

    #[test]
    fn params_of_any_other_type_are_told_apart() {
        for json in ["[1,[2]]", "1", "-1", "1.5", "\"s\"", "true", "null"] {
            let text = alloc::format!(r#"{{"params":{json},"id":3}}"#);
            let message = Message::parse(&text, 9).unwrap();
            assert_eq!(message.params.unwrap().of(&text), json);
            assert!(message.members().is_none(), "{json}");
            assert_eq!(message.id.unwrap().of(&text), "3");
        }
    }

    #[test]
    fn text_that_is_cut_or_followed_by_more_is_no_message() {
        let json = r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"a":[1,"x"]}}}"#;
        assert!(Message::parse(json, 9).is_ok());
        for end in 0..json.len() {
            assert!(Message::parse(&json[..end], 9).is_err(), "cut at {end}");
        }
        for tail in ["x", "{}", ",", "\0"] {
            assert!(Message::parse(&alloc::format!("{json}{tail}"), 9).is_err());
        }
    }
}
