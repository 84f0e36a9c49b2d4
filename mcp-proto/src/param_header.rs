//! Parameters of tools that clients mirror into header fields (`x-mcp-header`; 2026-07-28,
//! basic/transports/streamable-http, "Custom Headers from Tool Parameters").
//!
//! Proxies route by these fields, so what they say must be what the body says.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::error::{Excerpt, RpcError};
use crate::http::{Head, is_tchar};
use crate::revision::header_value;

/// The annotation in a schema.
const ANNOTATION: &str = "x-mcp-header";

/// The largest integer that every double-precision number up to it can express: 2^53 - 1.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// One mirrored parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParamHeader {
    /// `Mcp-Param-` and the annotation's value.
    field: String,
    /// The names that lead to the parameter in the arguments.
    path: Vec<String>,
}

/// Finds the annotations of a tool's input schema. The error says what is wrong with one.
pub(crate) fn find(schema: &Value) -> Result<Vec<ParamHeader>, String> {
    let mut found = Vec::new();
    if schema.get(ANNOTATION).is_some() {
        return Err(format!("`{ANNOTATION}` stands at the root, and not on a property"));
    }
    find_below(schema, &mut Vec::new(), &mut found)?;
    Ok(found)
}

/// Searches a schema that is reached through `properties` alone.
fn find_below(
    schema: &Value,
    path: &mut Vec<String>,
    found: &mut Vec<ParamHeader>,
) -> Result<(), String> {
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        match (keyword.as_str(), value.as_object()) {
            ("properties", Some(properties)) => {
                for (name, property) in properties {
                    path.push(name.clone());
                    if let Some(annotation) = property.get(ANNOTATION) {
                        let field = field_name(annotation, property)?;
                        if found.iter().any(|other| other.field.eq_ignore_ascii_case(&field)) {
                            return Err(format!("two properties are mirrored in {field}"));
                        }
                        found.push(ParamHeader { field, path: path.clone() });
                    }
                    find_below(property, path, found)?;
                    path.pop();
                }
            }
            (ANNOTATION, _) => {}
            _ if is_annotated(value) => {
                return Err(format!("`{ANNOTATION}` stands below `{keyword}`"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn field_name(annotation: &Value, property: &Value) -> Result<String, String> {
    let name = annotation.as_str().unwrap_or_default();
    if name.is_empty() || !name.bytes().all(is_tchar) {
        return Err(format!("`{ANNOTATION}` is {annotation}, which is no field name"));
    }
    match property.get("type").and_then(Value::as_str) {
        Some("string" | "integer" | "boolean") => Ok(format!("Mcp-Param-{name}")),
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

/// The values of all fields, by their names in lower case.
type Fields<'a> = BTreeMap<Vec<u8>, Vec<&'a [u8]>>;

/// Checks that the fields of a call say what its arguments say.
pub(crate) fn check(headers: &[ParamHeader], head: &Head, arguments: &str) -> Result<(), RpcError> {
    if headers.is_empty() {
        return Ok(());
    }
    let arguments: Value = serde_json::from_str(arguments)
        .map_err(|error| RpcError::invalid_params(format!("invalid params: {error}")))?;
    let mut fields = Fields::new();
    for (name, value) in head.fields() {
        fields.entry(name.to_ascii_lowercase()).or_default().push(value);
    }
    headers.iter().try_for_each(|header| header.check(&fields, &arguments))
}

impl ParamHeader {
    fn check(&self, fields: &Fields<'_>, arguments: &Value) -> Result<(), RpcError> {
        let field = &self.field;
        let argument = self.path.iter().try_fold(arguments, |value, name| value.get(name));
        // Null is the same as absent.
        let argument = argument.filter(|value| !value.is_null());
        let values = fields.get(&field.as_bytes().to_ascii_lowercase());
        let mut values = values.into_iter().flatten().copied();
        let mismatch = |what: String| Err(RpcError::header_mismatch(what));
        match (values.next(), argument) {
            (None, None) => Ok(()),
            (None, Some(_)) => mismatch(format!(
                "header mismatch: the required field {field} is missing, see tools/list"
            )),
            (Some(_), None) => mismatch(format!(
                "header mismatch: there is a field {field} and no such argument in the body"
            )),
            (Some(_), Some(_)) if values.next().is_some() => {
                mismatch(format!("header mismatch: the field {field} is repeated"))
            }
            (Some(value), Some(argument)) => match header_value::decode(value) {
                None => mismatch(format!(
                    "header mismatch: {field} is neither visible ASCII nor valid `=?base64?..?=`"
                )),
                Some(text) if says(&text, argument) => Ok(()),
                Some(text) => mismatch(format!(
                    "header mismatch: {field} is {} and the body says {}",
                    Excerpt(&text),
                    Excerpt(&argument_text(argument))
                )),
            },
        }
    }
}

/// Whether a field's text stands for an argument. Integers are compared as numbers: `42.0` is 42.
fn says(text: &str, argument: &Value) -> bool {
    match argument {
        Value::String(argument) => text == argument,
        Value::Bool(argument) => text == if *argument { "true" } else { "false" },
        Value::Number(argument) => {
            let is_decimal = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
            let number: Option<f64> = text.parse().ok().filter(|_| is_decimal);
            number.is_some_and(|number| number.abs() <= MAX_SAFE_INTEGER)
                && number == argument.as_f64()
        }
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

fn argument_text(argument: &Value) -> String {
    match argument {
        Value::String(text) => text.to_owned(),
        other => format!("{other}"),
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
        let found = find(&schema(json!({
            "region": {"type": "string", "x-mcp-header": "Region"},
            "inner": {"type": "object", "properties": {
                "dry": {"type": "boolean", "x-mcp-header": "Dry-Run"},
            }},
            "query": {"type": "string"},
        })));
        let header = |field: &str, path: &[&str]| ParamHeader {
            field: field.into(),
            path: path.iter().map(|name| (*name).into()).collect(),
        };
        let mut found = found.unwrap();
        found.sort_by(|a, b| a.field.cmp(&b.field));
        assert_eq!(
            found,
            [
                header("Mcp-Param-Dry-Run", &["inner", "dry"]),
                header("Mcp-Param-Region", &["region"])
            ]
        );
        assert_eq!(find(&json!({"type": "object"})), Ok(Vec::new()));
        assert_eq!(find(&schema(json!({"x-mcp-header": {"type": "string"}}))), Ok(Vec::new()));
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
            assert!(find(&schema).is_err(), "{schema}");
        }
    }

    fn agree(fields: &str, arguments: &Value) -> bool {
        let schema = schema(json!({"p": {"type": "string", "x-mcp-header": "P"}}));
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let head = Head::parse(head.as_bytes(), &Limits::default()).unwrap();
        let result = check(&find(&schema).unwrap(), &head, &format!("{arguments}"));
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
}
