//! Parameters of tools that clients mirror into header fields (`x-mcp-header`; 2026-07-28,
//! basic/transports/streamable-http, "Custom Headers from Tool Parameters").
//!
//! Proxies route by these fields, so what they say must be what the body says.

mod arguments;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Ordering;

use serde_json::Value;

use self::arguments::{Argument, Property};
use crate::error::{Excerpt, RpcError};
use crate::http::{Head, is_tchar};
use crate::revision::header_value;

/// The annotation in a schema.
const ANNOTATION: &str = "x-mcp-header";

/// What the names of such fields begin with.
pub(crate) const PREFIX: &str = "Mcp-Param-";

/// The largest integer that every double-precision number up to it can express: 2^53 - 1.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// The parameters of a tool that are mirrored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ParamHeaders {
    /// Sorted by their names.
    fields: Vec<Field>,
    /// Those at the root of the schema that are mirrored or lead there, sorted by their names.
    properties: Vec<Property>,
    /// How many properties there are at all levels.
    count: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    /// The annotation's value: the name without the [`PREFIX`].
    name: String,
    /// The [number](Property::number) of the property that it mirrors.
    property: usize,
}

impl ParamHeaders {
    /// Finds the annotations of a tool's input schema. The error says what is wrong with one.
    pub(crate) fn find(schema: &Value) -> Result<Self, String> {
        if schema.get(ANNOTATION).is_some() {
            return Err(format!("`{ANNOTATION}` stands at the root, and not on a property"));
        }
        let mut headers = Self::default();
        headers.properties = headers.find_below(schema)?;
        headers.fields.sort_by(|one, other| compare_names(&one.name, &other.name));
        let is_twice = |pair: &&[Field]| compare_names(&pair[0].name, &pair[1].name).is_eq();
        match headers.fields.windows(2).find(is_twice) {
            Some(pair) => Err(format!("two properties are mirrored in {PREFIX}{}", pair[0].name)),
            None => Ok(headers),
        }
    }

    /// Searches a schema that is reached through `properties` alone.
    fn find_below(&mut self, schema: &Value) -> Result<Vec<Property>, String> {
        let mut found = Vec::new();
        for (keyword, value) in schema.as_object().into_iter().flatten() {
            match (keyword.as_str(), value.as_object()) {
                ("properties", Some(properties)) => {
                    for (name, property) in properties {
                        found.extend(self.find_property(name, property)?);
                    }
                }
                (ANNOTATION, _) => {}
                _ if is_annotated(value) => {
                    return Err(format!("`{ANNOTATION}` stands below `{keyword}`"));
                }
                _ => {}
            }
        }
        // Whether they are already depends on a feature of serde_json that any crate may turn on.
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// The property, if it is mirrored or something below it is.
    fn find_property(&mut self, name: &str, schema: &Value) -> Result<Option<Property>, String> {
        let annotation = schema.get(ANNOTATION);
        let header = annotation.map(|annotation| field_name(annotation, schema)).transpose()?;
        let below = self.find_below(schema)?;
        if header.is_none() && below.is_empty() {
            return Ok(None);
        }
        let number = self.count;
        self.count += 1;
        self.fields.extend(header.map(|name| Field { name, property: number }));
        Ok(Some(Property { name: name.to_string(), number, below }))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Checks that the fields of a call say what its arguments say.
    pub(crate) fn check(&self, head: &Head, arguments: &str) -> Result<(), RpcError> {
        let arguments = arguments::find(arguments, &self.properties, self.count)
            .map_err(|error| RpcError::invalid_params(format!("invalid params: {error}")))?;
        let values = self.values(head);
        let mut fields = self.fields.iter().zip(values);
        fields.try_for_each(|(field, value)| field.check(value, &arguments[field.property]))
    }

    /// How often each field is there, and its last value.
    fn values<'a>(&self, head: &'a Head) -> Vec<(usize, &'a [u8])> {
        let mut values = vec![(0, &[][..]); self.fields.len()];
        for (name, value) in head.fields() {
            let Some((prefix, name)) = name.split_at_checked(PREFIX.len()) else {
                continue;
            };
            if !prefix.eq_ignore_ascii_case(PREFIX.as_bytes()) {
                continue;
            }
            if let Ok(at) = self.fields.binary_search_by(|field| compare_names(&field.name, name)) {
                values[at] = (values[at].0 + 1, value);
            }
        }
        values
    }
}

fn field_name(annotation: &Value, property: &Value) -> Result<String, String> {
    let name = annotation.as_str().unwrap_or_default();
    if name.is_empty() || !name.bytes().all(is_tchar) {
        return Err(format!("`{ANNOTATION}` is {annotation}, which is no field name"));
    }
    match property.get("type").and_then(Value::as_str) {
        Some("string" | "integer" | "boolean") => Ok(name.to_string()),
        _ => Err(format!(
            "`{ANNOTATION}` {name:?} stands on a property that is no string, integer or boolean"
        )),
    }
}

fn is_annotated(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.contains_key(ANNOTATION) || members.values().any(is_annotated)
        }
        Value::Array(items) => items.iter().any(is_annotated),
        _ => false,
    }
}

/// RFC 9110 section 5.1: the names of fields are the same in any case.
fn compare_names(one: &str, other: impl AsRef<[u8]>) -> Ordering {
    one.bytes()
        .map(|byte| byte.to_ascii_lowercase())
        .cmp(other.as_ref().iter().map(u8::to_ascii_lowercase))
}

impl Field {
    /// Checks a field that is there so many times.
    fn check(
        &self,
        (count, value): (usize, &[u8]),
        argument: &Argument<'_>,
    ) -> Result<(), RpcError> {
        let name = &self.name;
        let mismatch = |what: String| Err(RpcError::header_mismatch(what));
        match (count, argument) {
            (0, Argument::Absent | Argument::Null) => Ok(()),
            (0, _) => mismatch(format!(
                "header mismatch: the required field {PREFIX}{name} is missing, see tools/list"
            )),
            (_, Argument::Absent | Argument::Null) => mismatch(format!(
                "header mismatch: there is a field {PREFIX}{name} and no such argument in the body"
            )),
            (2.., _) => mismatch(format!("header mismatch: the field {PREFIX}{name} is repeated")),
            (1, argument) => match header_value::decode(value) {
                None => mismatch(format!(
                    "header mismatch: {PREFIX}{name} is neither visible ASCII nor valid \
                     `=?base64?..?=`"
                )),
                Some(text) if says(&text, argument) => Ok(()),
                Some(text) => mismatch(format!(
                    "header mismatch: {PREFIX}{name} is {} and the body says {}",
                    Excerpt(&text),
                    describe(argument)
                )),
            },
        }
    }
}

/// Whether a field's text stands for an argument. Integers are compared as numbers: `42.0` is 42.
fn says(text: &str, argument: &Argument<'_>) -> bool {
    match argument {
        Argument::String(argument) => text == argument,
        Argument::Bool(argument) => text == if *argument { "true" } else { "false" },
        Argument::Number(argument) => {
            let is_decimal = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
            let number: Option<f64> = text.parse().ok().filter(|_| is_decimal);
            number.is_some_and(|number| number.abs() <= MAX_SAFE_INTEGER && number == *argument)
        }
        Argument::Absent | Argument::Null | Argument::Object | Argument::Array => false,
    }
}

fn describe(argument: &Argument<'_>) -> String {
    match argument {
        Argument::String(text) => Excerpt(text).to_string(),
        Argument::Bool(value) => value.to_string(),
        Argument::Number(number) => number.to_string(),
        Argument::Absent | Argument::Null => "nothing".to_string(),
        Argument::Object => "an object".to_string(),
        Argument::Array => "an array".to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use serde_json::json;

    fn schema(properties: Value) -> Value {
        json!({"type": "object", "properties": properties})
    }

    #[test]
    fn annotations_are_found_through_properties_alone() {
        let found = ParamHeaders::find(&schema(json!({
            "region": {"type": "string", "x-mcp-header": "Region"},
            "inner": {"type": "object", "properties": {
                "dry": {"type": "boolean", "x-mcp-header": "Dry-Run"},
            }},
            "query": {"type": "string"},
        })));
        let leaf = |name: &str, number| Property { name: name.into(), number, below: Vec::new() };
        let found = found.unwrap();
        let inner = Property { below: vec![leaf("dry", 0)], ..leaf("inner", 1) };
        assert_eq!(found.properties, [inner, leaf("region", 2)]);
        let fields = found.fields.iter().map(|field| (&*field.name, field.property));
        assert_eq!(fields.collect::<Vec<_>>(), [("Dry-Run", 0), ("Region", 2)]);

        let none = Ok(ParamHeaders::default());
        assert_eq!(ParamHeaders::find(&json!({"type": "object"})), none);
        let property = json!({"x-mcp-header": {"type": "string"}});
        assert_eq!(ParamHeaders::find(&schema(property)), none);
    }

    #[test]
    fn annotations_that_clients_would_reject_are_refused() {
        let on = |kind: &str, name: Value| schema(json!({"p": {"type": kind, ANNOTATION: name}}));
        let annotated = || json!({"type": "string", "x-mcp-header": "X"});
        for schema in [
            on("string", json!("")),
            on("string", json!("a b")),
            on("string", json!("a\r\n")),
            on("string", json!(7)),
            on("number", json!("X")),
            on("object", json!("X")),
            schema(json!({"p": {"x-mcp-header": "X"}})),
            schema(json!({"p": annotated(), "q": {"type": "integer", "x-mcp-header": "x"}})),
            schema(json!({"p": {"type": "array", "items": annotated()}})),
            json!({"type": "object", "anyOf": [schema(json!({"p": annotated()}))]}),
            json!({"type": "object", "$defs": {"d": annotated()}}),
            json!({"type": "object", "x-mcp-header": "X"}),
        ] {
            assert!(ParamHeaders::find(&schema).is_err(), "{schema}");
        }
    }

    fn agree(fields: &str, arguments: &Value) -> bool {
        let schema = schema(json!({"p": {"type": "string", "x-mcp-header": "P"}}));
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let head = Head::parse(head.as_bytes(), &Limits::default()).unwrap();
        let result = ParamHeaders::find(&schema).unwrap().check(&head, &format!("{arguments}"));
        result.map_err(|error| assert_eq!(error.code.0, -32020)).is_ok()
    }

    #[test]
    fn fields_must_say_what_the_arguments_say() {
        for (fields, argument, expected) in [
            ("Mcp-Param-P: Hello\r\n", json!("Hello"), true),
            ("MCP-PARAM-p:  Hello \r\n", json!("Hello"), true),
            ("Mcp-Param-P: =?base64?SGVsbG8=?=\r\n", json!("Hello"), true),
            ("Mcp-Param-P: =?base64?SGVsbG8=\r\n", json!("=?base64?SGVsbG8="), true),
            ("Mcp-Param-P: hello\r\n", json!("Hello"), false),
            ("Mcp-Param-P: =?base64?SGVsbG8?=\r\n", json!("Hello"), false),
            ("Mcp-Param-P: =?base64?SGVs!!!bG8=?=\r\n", json!("Hello"), false),
            ("Mcp-Param-P: Hello\r\nMcp-Param-P: Hello\r\n", json!("Hello"), false),
            ("Mcp-Param-P: 42\r\n", json!(42), true),
            ("Mcp-Param-P: 42.0\r\n", json!(42), true),
            ("Mcp-Param-P: 42\r\n", json!(42.0), true),
            ("Mcp-Param-P: 42\r\n", json!(42.5), false),
            ("Mcp-Param-P: -7\r\n", json!(-7), true),
            ("Mcp-Param-P: 43\r\n", json!(42), false),
            ("Mcp-Param-P: inf\r\n", json!(1), false),
            ("Mcp-Param-P: 9007199254740992\r\n", json!(9_007_199_254_740_993_i64), false),
            ("Mcp-Param-P: true\r\n", json!(true), true),
            ("Mcp-Param-P: True\r\n", json!(true), false),
            ("Mcp-Param-P: []\r\n", json!([]), false),
            ("", json!("Hello"), false),
            ("", json!(null), true),
            ("Mcp-Param-P: x\r\n", json!(null), false),
        ] {
            assert_eq!(agree(fields, &json!({"p": argument})), expected, "{fields} {argument}");
        }
        assert!(agree("", &json!({})));
    }

    #[test]
    fn arguments_are_found_where_the_schema_says() {
        let property = |kind: &str, name: &str| json!({"type": kind, "x-mcp-header": name});
        let inner = json!({"type": "object", "properties": {"q": property("integer", "Q")}});
        let headers =
            ParamHeaders::find(&schema(json!({"p": property("string", "P"), "o": inner})));
        let headers = headers.unwrap();
        let check = |arguments: &str| {
            let head = "POST / HTTP/1.1\r\nHost: a\r\nMcp-Param-P: \t x\r\nmcp-param-q: 7\r\n\r\n";
            let head = Head::parse(head.as_bytes(), &Limits::default()).unwrap();
            headers.check(&head, arguments).map_err(|error| (error.code.0, error.message))
        };
        assert_eq!(check(r#"{"p":"x","o":{"q":7}}"#), Ok(()));
        // Whatever else there is does not count.
        assert_eq!(
            check(r#"{"q":8,"o":{"p":[],"q":7,"o":{"q":9}},"x":{"p":1},"p":"\u0078"}"#),
            Ok(())
        );
        for (arguments, says) in [
            (r#"{"p":"x","o":{}}"#, "there is a field Mcp-Param-Q and no such argument"),
            (r#"{"p":"x","o":7}"#, "there is a field Mcp-Param-Q and no such argument"),
            (r#"{"p":"x","o":[{"q":7}]}"#, "there is a field Mcp-Param-Q and no such argument"),
            (r#"{"p":{"p":"x"},"o":{"q":7}}"#, "Mcp-Param-P is \"x\" and the body says an object"),
            (r#"{"p":["x"],"o":{"q":7}}"#, "Mcp-Param-P is \"x\" and the body says an array"),
            (r#"{"p":true,"o":{"q":7}}"#, "Mcp-Param-P is \"x\" and the body says true"),
            (r#"{"p":"x","o":{"q":8}}"#, "Mcp-Param-Q is \"7\" and the body says 8"),
        ] {
            let (code, message) = check(arguments).unwrap_err();
            assert_eq!(code, -32020, "{arguments}");
            assert!(message.contains(says), "{arguments}: {message}");
        }
        // A proxy may have looked at one of them, and the handler at the other.
        for arguments in [
            r#"{"p":"y","p":"x","o":{"q":7}}"#,
            r#"{"p":null,"p":"x","o":{"q":7}}"#,
            r#"{"p":"x","o":{},"o":{"q":7}}"#,
        ] {
            let (code, message) = check(arguments).unwrap_err();
            assert_eq!(code, -32602, "{arguments}");
            assert!(message.contains("is there twice"), "{message}");
        }
    }
}
