//! From the JSON Schema of a type, as generators write it, to a form that clients can show.
//!
//! Clients know a small part of JSON Schema. What says the same in other words is rewritten, what
//! only narrows the answer is dropped, and what a form cannot ask for is an error.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use serde_json::Value;

use super::schema::{ElicitFormat, ElicitProperty, ElicitSchema, Object};

/// How many references and alternatives may lie around a property. A generator writes two around an
/// optional choice; the bound is for schemas that refer to themselves.
const MOST_LAYERS: usize = 5;

const IS_NESTED: &str =
    "is an object, and forms are flat: ask for its members as properties of their own";
const IS_LIST: &str = "is a list of something other than choices: ask for a string, or make its \
     items an enum of strings";
const IS_OTHER: &str = "is of no kind that forms know: make it a string, a number, an integer, a \
     boolean, an enum of strings or a list of these";
const IS_MIXED: &str =
    "has alternatives other than strings: make it an enum of strings, or of one type";
const IS_ENDLESS: &str = "refers to something that is not there, or to itself: let `$ref` name one \
     of the `$defs`";

/// A JSON Schema of something that a form cannot ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidElicitSchema {
    property: Option<String>,
    reason: &'static str,
}

impl fmt::Display for InvalidElicitSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.property {
            Some(property) => write!(f, "the property {property:?} {}", self.reason),
            None => write!(f, "the schema {}", self.reason),
        }
    }
}

impl core::error::Error for InvalidElicitSchema {}

/// Takes the schema of a flat struct of strings, numbers, booleans, enums without data, lists of
/// such enums, and options of all these. Properties come in the order in which `schema` has them.
///
/// Fails if there is anything else in it, such as a struct in the struct.
impl TryFrom<&Value> for ElicitSchema {
    type Error = InvalidElicitSchema;

    fn try_from(schema: &Value) -> Result<Self, InvalidElicitSchema> {
        let is_plain =
            ["$ref", "allOf", "anyOf", "oneOf"].iter().all(|it| schema.get(it).is_none());
        if schema.get("type").and_then(Value::as_str) != Some("object") || !is_plain {
            let reason = "does not list the properties of one object: make it that of a struct \
                 with named fields";
            return Err(InvalidElicitSchema { property: None, reason });
        }
        let required = schema.get("required").and_then(Value::as_array);
        let is_listed = |name| required.is_some_and(|names| names.iter().any(|it| it == name));
        let properties = schema.get("properties").and_then(Value::as_object);
        let mut reduced = Self::new();
        for (name, property) in properties.into_iter().flatten() {
            let (object, may_be_null) = reduce(schema, property)
                .map_err(|reason| InvalidElicitSchema { property: Some(name.clone()), reason })?;
            // A form has no null: what may be null is left empty instead.
            let is_required = is_listed(name) && !may_be_null;
            reduced = reduced.with(name.clone(), object, is_required);
        }
        Ok(reduced)
    }
}

/// Reduces one property. Tells whether it may be null, too.
fn reduce(root: &Value, property: &Value) -> Result<(Object, bool), &'static str> {
    let mut found = Found::below(root, property)?;
    let schema = found.schema();
    let kind = found.kind()?;
    let length = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
    let object = match (kind, choices(schema)?) {
        (Some("string") | None, Some(choices)) => choices.one(),
        (Some("string"), None) => Object {
            min_length: length("minLength"),
            max_length: length("maxLength"),
            format: text(schema, "format").and_then(ElicitFormat::from_name),
            ..ElicitProperty::string().object
        },
        (Some(kind @ ("number" | "integer")), None) => {
            let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_number).cloned();
            Object {
                minimum: bound("minimum"),
                maximum: bound("maximum"),
                ..match kind {
                    "integer" => ElicitProperty::integer().object,
                    _ => ElicitProperty::number().object,
                }
            }
        }
        (Some("boolean"), None) => ElicitProperty::boolean().object,
        (Some("array"), None) => {
            let items = Found::below(root, schema.get("items").ok_or(IS_LIST)?)?;
            Object {
                min_items: length("minItems"),
                max_items: length("maxItems"),
                ..choices(items.schema())?.ok_or(IS_LIST)?.many()
            }
        }
        (Some("object"), _) => return Err(IS_NESTED),
        _ => return Err(IS_OTHER),
    };
    let default = found.first(|layer| layer.get("default").filter(|value| !value.is_null()));
    let object = Object {
        title: found.first(|layer| text(layer, "title")).map(ToOwned::to_owned),
        description: found.first(|layer| text(layer, "description")).map(ToOwned::to_owned),
        default: default.filter(|value| fits(object.kind, value)).cloned(),
        ..object
    };
    Ok((object, found.may_be_null))
}

/// What stands behind references, and behind "this or null".
struct Found<'a> {
    /// From the property inwards. The last says of what type it is, the first that has a title what
    /// its title is.
    layers: Vec<&'a Value>,
    may_be_null: bool,
}

impl<'a> Found<'a> {
    fn below(root: &'a Value, property: &'a Value) -> Result<Self, &'static str> {
        let mut found = Self { layers: vec![property], may_be_null: false };
        while let Some(next) = found.next(root)? {
            if found.layers.len() == MOST_LAYERS {
                return Err(IS_ENDLESS);
            }
            found.layers.push(next);
        }
        Ok(found)
    }

    fn next(&mut self, root: &'a Value) -> Result<Option<&'a Value>, &'static str> {
        let schema = self.schema();
        if let Some(reference) = schema.get("$ref") {
            let pointer = reference.as_str().and_then(|reference| reference.strip_prefix('#'));
            let target = pointer.and_then(|pointer| root.pointer(pointer));
            return target.map(Some).ok_or(IS_ENDLESS);
        }
        let (nulls, others): (Vec<_>, Vec<_>) =
            alternatives(schema).partition(|alternative| is_null(alternative));
        self.may_be_null |= !nulls.is_empty();
        Ok(match others[..] {
            [only] if !nulls.is_empty() => Some(only),
            _ => None,
        })
    }

    fn schema(&self) -> &'a Value {
        self.layers[self.layers.len() - 1]
    }

    /// The type, if there is one.
    fn kind(&mut self) -> Result<Option<&'a str>, &'static str> {
        let Some(kind) = self.schema().get("type") else {
            return Ok(None);
        };
        let mut kinds = match kind {
            Value::Array(kinds) => &kinds[..],
            kind => core::slice::from_ref(kind),
        }
        .iter()
        .filter_map(Value::as_str)
        .filter(|&kind| {
            self.may_be_null |= kind == "null";
            kind != "null"
        });
        match (kinds.next(), kinds.next()) {
            (_, Some(_)) => Err(IS_MIXED),
            (kind, None) => Ok(kind),
        }
    }

    fn first<T>(&self, find: impl Fn(&'a Value) -> Option<T>) -> Option<T> {
        self.layers.iter().copied().find_map(find)
    }
}

/// What can be chosen: values, and what the user sees instead of some of them.
struct Choices<'a>(Vec<(&'a str, Option<&'a str>)>);

impl Choices<'_> {
    fn one(&self) -> Object {
        if self.have_titles() {
            ElicitProperty::one_of_titled(self.titled()).object
        } else {
            ElicitProperty::one_of(self.values()).object
        }
    }

    fn many(&self) -> Object {
        if self.have_titles() {
            ElicitProperty::any_of_titled(self.titled()).object
        } else {
            ElicitProperty::any_of(self.values()).object
        }
    }

    fn have_titles(&self) -> bool {
        self.0.iter().any(|(_, title)| title.is_some())
    }

    fn values(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(value, _)| *value)
    }

    fn titled(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(value, title)| (*value, title.unwrap_or(value)))
    }
}

/// The choices that a schema lists, if it lists any.
fn choices(schema: &Value) -> Result<Option<Choices<'_>>, &'static str> {
    let mut choices = Vec::new();
    if let Some(values) = values(schema)? {
        choices.extend(values.into_iter().map(|value| (value, None)));
    } else {
        for alternative in alternatives(schema).filter(|alternative| !is_null(alternative)) {
            // Generators put the variants without a description into one `enum`.
            let title = text(alternative, "title").or_else(|| text(alternative, "description"));
            let title = title.filter(|_| alternative.get("const").is_some());
            let values = values(alternative)?.ok_or(IS_MIXED)?;
            choices.extend(values.into_iter().map(|value| (value, title)));
        }
    }
    Ok(Some(choices).filter(|choices| !choices.is_empty()).map(Choices))
}

/// The values of an `enum` or `const`, apart from null.
fn values(schema: &Value) -> Result<Option<Vec<&str>>, &'static str> {
    let values = match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(values)), _) => &values[..],
        (_, Some(value)) => core::slice::from_ref(value),
        _ => return Ok(None),
    };
    let values = values.iter().filter(|value| !value.is_null());
    values.map(Value::as_str).collect::<Option<_>>().map(Some).ok_or(IS_MIXED)
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    let alternatives = schema.get("oneOf").or_else(|| schema.get("anyOf"));
    alternatives.and_then(Value::as_array).into_iter().flatten()
}

fn is_null(schema: &Value) -> bool {
    text(schema, "type") == Some("null")
}

fn text<'a>(schema: &'a Value, keyword: &str) -> Option<&'a str> {
    schema.get(keyword).and_then(Value::as_str)
}

/// Whether a default is of the kind that clients expect.
fn fits(kind: &str, default: &Value) -> bool {
    match kind {
        "string" => default.is_string(),
        "boolean" => default.is_boolean(),
        "array" => default.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
        _ => default.is_number(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;
    use serde_json::json;

    fn form(properties: Value, required: Value) -> Value {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Order",
            "description": "An order",
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
            "$defs": {
                "Color": {"type": "string", "enum": ["red", "green"], "description": "A color"},
                "Size": {"oneOf": [
                    {"type": "string", "enum": ["s", "m"], "description": "Others"},
                    {"type": "string", "const": "l", "description": "Large"},
                    {"type": "string", "const": "x", "title": "Extra", "description": "No"},
                ]},
                "Alias": {"$ref": "#/$defs/Color"},
                "Loop": {"$ref": "#/$defs/Loop"},
                "Point": {"type": "object", "properties": {"x": {"type": "number"}}},
                "Shape": {"oneOf": [{"type": "string", "const": "dot"}, {"type": "object"}]},
            },
        })
    }

    #[test]
    fn what_generators_write_is_reduced_to_what_clients_know() {
        let sizes = json!([
            {"const": "s", "title": "s"}, {"const": "m", "title": "m"},
            {"const": "l", "title": "Large"}, {"const": "x", "title": "Extra"},
        ]);
        let nullable =
            |name: &str| json!({"anyOf": [{"$ref": format!("#/$defs/{name}")}, {"type": "null"}]});
        for (property, expected, is_required) in [
            (json!({"type": "string"}), json!({"type": "string"}), true),
            (
                json!({"type": "string", "format": "uuid", "pattern": "a", "minLength": 1, "maxLength": 9,
                    "title": "T", "description": "D", "default": "d", "examples": ["e"]}),
                json!({"type": "string", "minLength": 1, "maxLength": 9, "title": "T",
                    "description": "D", "default": "d"}),
                true,
            ),
            (
                json!({"type": "string", "format": "date-time"}),
                json!({"type": "string", "format": "date-time"}),
                true,
            ),
            (
                json!({"type": ["string", "null"], "default": null}),
                json!({"type": "string"}),
                false,
            ),
            (
                json!({"type": "integer", "format": "uint64", "minimum": 0, "maximum": u64::MAX}),
                json!({"type": "integer", "minimum": 0, "maximum": u64::MAX}),
                true,
            ),
            (
                json!({"type": ["number", "null"], "format": "double", "default": 0.5}),
                json!({"type": "number", "default": 0.5}),
                false,
            ),
            (json!({"type": "boolean", "default": "yes"}), json!({"type": "boolean"}), true),
            (json!({"type": "boolean", "default": 1}), json!({"type": "boolean"}), true),
            (
                json!({"type": "boolean", "default": true}),
                json!({"type": "boolean", "default": true}),
                true,
            ),
            (
                json!({"$ref": "#/$defs/Color", "description": "Which?", "default": "red"}),
                json!({"type": "string", "enum": ["red", "green"], "description": "Which?",
                    "default": "red"}),
                true,
            ),
            (
                nullable("Color"),
                json!({"type": "string", "enum": ["red", "green"], "description": "A color"}),
                false,
            ),
            (
                nullable("Alias"),
                json!({"type": "string", "enum": ["red", "green"], "description": "A color"}),
                false,
            ),
            (json!({"$ref": "#/$defs/Size"}), json!({"type": "string", "oneOf": sizes}), true),
            (nullable("Size"), json!({"type": "string", "oneOf": sizes}), false),
            (
                json!({"type": ["string", "null"], "enum": ["a", null]}),
                json!({"type": "string", "enum": ["a"]}),
                false,
            ),
            (json!({"const": "a"}), json!({"type": "string", "enum": ["a"]}), true),
            (
                json!({"type": "array", "items": {"$ref": "#/$defs/Color"}, "uniqueItems": true,
                    "minItems": 1, "maxItems": 2, "default": ["red"]}),
                json!({"type": "array", "items": {"type": "string", "enum": ["red", "green"]},
                    "minItems": 1, "maxItems": 2, "default": ["red"]}),
                true,
            ),
            (
                json!({"type": ["array", "null"], "items": {"$ref": "#/$defs/Size"}}),
                json!({"type": "array", "items": {"anyOf": sizes}}),
                false,
            ),
        ] {
            let schema = form(json!({"p": property}), json!(["p"]));
            let reduced =
                ElicitSchema::try_from(&schema).map(|it| serde_json::to_value(&it).unwrap());
            let mut whole = json!({"type": "object", "properties": {"p": expected}});
            if is_required {
                whole["required"] = json!(["p"]);
            }
            assert_eq!(reduced, Ok(whole.clone()), "{property}");
            // What has been reduced stays as it is.
            let again = ElicitSchema::try_from(&whole).map(|it| serde_json::to_value(&it).unwrap());
            assert_eq!(again, Ok(whole), "{property}");
        }
    }

    #[test]
    fn properties_are_optional_unless_they_are_required() {
        let properties = json!({"a": {"type": "string"}, "b": {"type": "boolean"}});
        let schema = ElicitSchema::try_from(&form(properties, json!(["b", "c"])));
        let by_hand = ElicitSchema::new()
            .property("a", ElicitProperty::string())
            .required("b", ElicitProperty::boolean());
        assert_eq!(schema, Ok(by_hand));
        assert_eq!(ElicitSchema::try_from(&json!({"type": "object"})), Ok(ElicitSchema::new()));
    }

    #[test]
    fn what_a_form_cannot_ask_for_is_refused_by_name() {
        for (property, reason) in [
            (json!({"$ref": "#/$defs/Point"}), IS_NESTED),
            (json!({"type": "object", "additionalProperties": {"type": "string"}}), IS_NESTED),
            (json!({"type": "array", "items": {"type": "string"}}), IS_LIST),
            (json!({"type": "array", "items": {"$ref": "#/$defs/Point"}}), IS_LIST),
            (json!({"type": "array"}), IS_LIST),
            (json!({"$ref": "#/$defs/Shape"}), IS_MIXED),
            (json!({"enum": [1, 2]}), IS_MIXED),
            (json!({"type": ["string", "integer"]}), IS_MIXED),
            (json!({"type": "null"}), IS_OTHER),
            (json!({"type": []}), IS_OTHER),
            (json!({"enum": []}), IS_OTHER),
            (json!(true), IS_OTHER),
            (json!({"$ref": "#/$defs/Loop"}), IS_ENDLESS),
            (json!({"$ref": "#/$defs/Nothing"}), IS_ENDLESS),
            (json!({"$ref": "https://a.test"}), IS_ENDLESS),
        ] {
            let error = ElicitSchema::try_from(&form(json!({"p": property}), json!([])));
            let error = error.unwrap_err().to_string();
            assert_eq!(error, format!("the property \"p\" {reason}"), "{property}");
        }
        for schema in [
            json!(true),
            json!({"type": "string"}),
            json!({"type": "array", "items": {"type": "string"}}),
            json!({"type": "object", "oneOf": []}),
            json!({"$ref": "#/$defs/A", "type": "object"}),
        ] {
            let error = ElicitSchema::try_from(&schema).unwrap_err().to_string();
            assert!(error.starts_with("the schema does not list"), "{schema} {error}");
        }
    }
}
