//! The members of one JSON-RPC message, found in a single pass over its text.
//!
//! Nothing here rejects a value for its type: it is recorded where each member stands, so that
//! whoever checks a member can answer with the id of the request it belongs to.

use crate::json::{Malformed, Scanner, is_object};
use crate::revision::Meta;

/// The members of a JSON-RPC message that mean anything, as JSON.
///
/// Keys are compared exactly; case-folding parsers have let requests slip past proxies
/// (CVE-2026-27896).
#[derive(Debug, Default)]
pub(crate) struct Message<'a> {
    pub(crate) jsonrpc: Option<&'a str>,
    pub(crate) id: Option<&'a str>,
    pub(crate) method: Option<&'a str>,
    /// The text of `params`, whatever it is.
    pub(crate) params: Option<&'a str>,
    /// What stands in `params`, if that is an object.
    members: Members<'a>,
    pub(crate) result: Option<&'a str>,
    pub(crate) error: Option<&'a str>,
    /// A key that comes twice. Other parsers on the way may have read the other value.
    duplicate: Option<&'static str>,
}

/// The members of `params` that some method reads, as JSON.
#[derive(Debug, Default)]
pub(crate) struct Members<'a> {
    pub(crate) meta: Option<Meta<'a>>,
    pub(crate) name: Option<&'a str>,
    pub(crate) arguments: Option<&'a str>,
    pub(crate) cursor: Option<&'a str>,
    pub(crate) protocol_version: Option<&'a str>,
    pub(crate) client_info: Option<&'a str>,
    pub(crate) uri: Option<&'a str>,
    pub(crate) reference: Option<&'a str>,
    pub(crate) argument: Option<&'a str>,
    pub(crate) context: Option<&'a str>,
    pub(crate) notifications: Option<&'a str>,
    pub(crate) input_responses: Option<&'a str>,
    pub(crate) request_state: Option<&'a str>,
    /// A key that comes twice.
    pub(crate) duplicate: Option<&'static str>,
}

impl<'a> Message<'a> {
    /// Finds the members of the JSON object that `json` is.
    pub(crate) fn parse(json: &'a str, depth_limit: usize) -> Result<Self, Malformed> {
        let mut scanner = Scanner::new(json, depth_limit);
        let mut message = Self::default();
        scanner.object(|scanner, key| {
            let (slot, key) = match key {
                "jsonrpc" => (&mut message.jsonrpc, "jsonrpc"),
                "id" => (&mut message.id, "id"),
                "method" => (&mut message.method, "method"),
                "result" => (&mut message.result, "result"),
                "error" => (&mut message.error, "error"),
                "params" => {
                    let text = message.members.scan(scanner)?;
                    put(&mut message.params, text, "params", &mut message.duplicate);
                    return Ok(());
                }
                _ => return scanner.value().map(drop),
            };
            put(slot, scanner.value()?, key, &mut message.duplicate);
            Ok(())
        })?;
        scanner.end()?;
        Ok(message)
    }

    /// Whether it answers a request of ours.
    pub(crate) const fn is_response(&self) -> bool {
        self.result.is_some() || self.error.is_some()
    }

    /// The members of `params`, if that is an object.
    pub(crate) fn members(&self) -> Option<&Members<'a>> {
        self.params.filter(|params| is_object(params)).map(|_| &self.members)
    }

    /// A key that comes twice, in the message or its `params`.
    pub(crate) fn duplicate(&self) -> Option<&'static str> {
        self.duplicate.or(self.members.duplicate)
    }
}

impl<'a> Members<'a> {
    /// Walks over `params` and finds what stands in it. Returns the text of it all.
    fn scan(&mut self, scanner: &mut Scanner<'a>) -> Result<&'a str, Malformed> {
        if scanner.peek() != Some(b'{') {
            return scanner.value();
        }
        scanner.object(|scanner, key| {
            let (slot, key) = match key {
                "name" => (&mut self.name, "name"),
                "arguments" => (&mut self.arguments, "arguments"),
                "cursor" => (&mut self.cursor, "cursor"),
                "protocolVersion" => (&mut self.protocol_version, "protocolVersion"),
                "clientInfo" => (&mut self.client_info, "clientInfo"),
                "uri" => (&mut self.uri, "uri"),
                "ref" => (&mut self.reference, "ref"),
                "argument" => (&mut self.argument, "argument"),
                "context" => (&mut self.context, "context"),
                "notifications" => (&mut self.notifications, "notifications"),
                "inputResponses" => (&mut self.input_responses, "inputResponses"),
                "requestState" => (&mut self.request_state, "requestState"),
                "_meta" => {
                    let meta = Meta::scan(scanner)?;
                    put(&mut self.meta, meta, "_meta", &mut self.duplicate);
                    return Ok(());
                }
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
        assert_eq!(message.id.unwrap(), r#""x""#);
        assert_eq!(message.method.unwrap(), r#""tools/call""#);
        assert_eq!(message.members().unwrap().name.unwrap(), r#""t""#);
        assert_eq!(message.members().unwrap().arguments.unwrap(), r#"{"a" : [1, 2]}"#);
        assert_eq!(message.duplicate(), None);
        assert!(!message.is_response());
    }

    #[test]
    fn keys_are_exact_and_escapes_in_them_are_seen_through() {
        let message = Message::parse(r#"{"ID":1,"Method":"x","\u0069d":2}"#, 9).unwrap();
        assert_eq!(message.id.unwrap(), "2");
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
            assert_eq!(message.params.unwrap(), json);
            assert!(message.members().is_none(), "{json}");
            assert_eq!(message.id.unwrap(), "3");
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
