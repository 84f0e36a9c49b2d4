//! What it takes to say what is wrong with a value.
//!
//! All mistakes are collected before the first is told, those in every branch of `anyOf` and the like
//! among them, with copies of the values. In a schema that refers to itself, they multiply at each level
//! of the value. So the places that are looked at are counted beforehand, up to what is affordable.

use serde_json::{Map, Value};

/// What a mistake takes besides its place.
const BYTES_PER_MISTAKE: usize = 512;

/// Deeper than any value with the schemas that apply to it one within the other: a value has at most
/// 128 levels.
const DEEPEST: usize = 512;

/// Whether it takes at most `bytes` to say what of `schema` a value violates.
pub(super) fn is_affordable(schema: &Value, value: &Value, bytes: usize) -> bool {
    let place = Place { length: 0, depth: 0, is_copied: false };
    Effort { schema, left: bytes }.visit(schema, value, place).is_some()
}

struct Effort<'a> {
    /// The whole schema.
    schema: &'a Value,
    left: usize,
}

/// Where in a value a schema applies.
#[derive(Clone, Copy)]
struct Place {
    /// In bytes, as it is told.
    length: usize,
    /// Of schemas within schemas.
    depth: usize,
    /// Whether mistakes are of one branch among several, and so have a copy of the value.
    is_copied: bool,
}

impl Place {
    const fn of_member(self, name: &str) -> Self {
        Self { length: self.length + 1 + name.len(), ..self }
    }

    const fn of_item(self) -> Self {
        // A slash and a number.
        Self { length: self.length + 8, ..self }
    }
}

impl<'a> Effort<'a> {
    /// `None` if it is too much.
    fn spend(&mut self, bytes: usize) -> Option<()> {
        self.left = self.left.checked_sub(bytes)?;
        Some(())
    }

    fn visit(&mut self, schema: &'a Value, value: &Value, place: Place) -> Option<()> {
        let missing = schema.get("required").and_then(Value::as_array).map_or(0, Vec::len);
        let copy = if place.is_copied { footprint(value) } else { 0 };
        let mistake = BYTES_PER_MISTAKE + place.length + copy;
        self.spend(mistake.saturating_mul(missing.max(1)))?;
        if place.depth == DEEPEST {
            return None;
        }
        let place = Place { depth: place.depth + 1, ..place };
        let Value::Object(schema) = schema else {
            return Some(());
        };
        self.visit_in_place(schema, value, place)?;
        match value {
            Value::Array(items) => self.visit_items(schema, items, place),
            Value::Object(members) => self.visit_members(schema, members, place),
            _ => Some(()),
        }
    }

    /// What else applies to the same value.
    fn visit_in_place(
        &mut self,
        schema: &'a Map<String, Value>,
        value: &Value,
        place: Place,
    ) -> Option<()> {
        for (keyword, applied) in schema {
            match (&**keyword, applied) {
                ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(reference)) => {
                    let whole = self.schema;
                    // What is named in another way may be anything.
                    let meant = reference.strip_prefix('#').and_then(|at| whole.pointer(at));
                    self.visit(meant.unwrap_or(whole), value, place)?;
                }
                ("anyOf" | "oneOf", Value::Array(branches)) => {
                    let place = Place { is_copied: true, ..place };
                    branches.iter().try_for_each(|branch| self.visit(branch, value, place))?;
                }
                ("allOf", Value::Array(branches)) => {
                    branches.iter().try_for_each(|branch| self.visit(branch, value, place))?;
                }
                ("dependentSchemas" | "dependencies", Value::Object(branches)) => {
                    branches.values().try_for_each(|branch| self.visit(branch, value, place))?;
                }
                ("not" | "if" | "then" | "else", branch) => self.visit(branch, value, place)?,
                _ => {}
            }
        }
        Some(())
    }

    fn visit_items(
        &mut self,
        schema: &'a Map<String, Value>,
        items: &[Value],
        place: Place,
    ) -> Option<()> {
        let place = place.of_item();
        for (at, item) in items.iter().enumerate() {
            self.spend(1)?;
            for keyword in ["prefixItems", "items"] {
                if let Some(Value::Array(each)) = schema.get(keyword) {
                    each.get(at).map_or(Some(()), |schema| self.visit(schema, item, place))?;
                }
            }
            for keyword in ["items", "additionalItems", "contains", "unevaluatedItems"] {
                match schema.get(keyword) {
                    None | Some(Value::Array(_)) => {}
                    Some(schema) => self.visit(schema, item, place)?,
                }
            }
        }
        Some(())
    }

    fn visit_members(
        &mut self,
        schema: &'a Map<String, Value>,
        members: &Map<String, Value>,
        place: Place,
    ) -> Option<()> {
        let properties = schema.get("properties").and_then(Value::as_object);
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        for (name, member) in members {
            self.spend(1)?;
            let place = place.of_member(name);
            let property = properties.and_then(|properties| properties.get(name));
            if let Some(schema) = property {
                self.visit(schema, member, place)?;
            }
            for schema in patterns.into_iter().flat_map(Map::values) {
                self.visit(schema, member, place)?;
            }
            if let Some(schema) = schema.get("additionalProperties").filter(|_| property.is_none())
            {
                self.visit(schema, member, place)?;
            }
            if let Some(schema) = schema.get("unevaluatedProperties") {
                self.visit(schema, member, place)?;
            }
            if schema.contains_key("propertyNames") {
                self.spend(BYTES_PER_MISTAKE + place.length)?;
            }
        }
        Some(())
    }
}

/// How much memory a value takes, more or less.
fn footprint(value: &Value) -> usize {
    let within: usize = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(footprint).sum(),
        Value::Object(members) => {
            members.iter().map(|(name, member)| 32 + name.len() + footprint(member)).sum()
        }
        _ => 0,
    };
    size_of::<Value>() + within
}
