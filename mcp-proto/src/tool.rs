//! Tools: how they are described, and what a call of one returns.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::catalog::{Listed, OfferKey, listed_builders};
use crate::content::{Content, meta_for};
use crate::extension::ExtensionResult;
use crate::icon::{Icon, icons_for};
use crate::revision::Revision;

/// A tool as `tools/list` shows it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tool {
    /// What it is called by.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What it does, for the model.
    pub description: String,
    /// Pictures that stand for it. Left out before 2025-11-25.
    pub icons: Vec<Icon>,
    /// What calling it may do.
    pub annotations: Option<ToolAnnotations>,
    /// More about it (`_meta`). Left out if it is no object, and before 2025-06-18.
    pub meta: Option<Box<RawValue>>,
    input_schema: Box<RawValue>,
    output_schema: Option<Box<RawValue>>,
}

/// What calling a tool may do, so that a client knows when to ask its user. All of it is optional,
/// and clients that do not trust the server do not trust this either.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ToolAnnotations {
    /// A name for people, for clients that do not know [`Tool::title`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Whether it changes nothing. If unsaid, it may.
    #[serde(rename = "readOnlyHint", skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// Whether it may destroy something, as opposed to only adding. If unsaid, it may.
    #[serde(rename = "destructiveHint", skip_serializing_if = "Option::is_none")]
    pub destructive: Option<bool>,
    /// Whether to call it again with the same arguments changes nothing more. If unsaid, it does.
    #[serde(rename = "idempotentHint", skip_serializing_if = "Option::is_none")]
    pub idempotent: Option<bool>,
    /// Whether it deals with a world without bounds, such as the web. If unsaid, it may.
    #[serde(rename = "openWorldHint", skip_serializing_if = "Option::is_none")]
    pub open_world: Option<bool>,
}

impl ToolAnnotations {
    /// Nothing in particular.
    #[must_use]
    pub const fn new() -> Self {
        Self { title: None, read_only: None, destructive: None, idempotent: None, open_world: None }
    }

    /// Gives it a name for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Says whether it changes nothing.
    #[must_use]
    pub const fn read_only(mut self, is_read_only: bool) -> Self {
        self.read_only = Some(is_read_only);
        self
    }

    /// Says whether it may destroy something, as opposed to only adding.
    #[must_use]
    pub const fn destructive(mut self, is_destructive: bool) -> Self {
        self.destructive = Some(is_destructive);
        self
    }

    /// Says whether to call it again with the same arguments changes nothing more.
    #[must_use]
    pub const fn idempotent(mut self, is_idempotent: bool) -> Self {
        self.idempotent = Some(is_idempotent);
        self
    }

    /// Says whether it deals with a world without bounds, such as the web.
    #[must_use]
    pub const fn open_world(mut self, is_open_world: bool) -> Self {
        self.open_world = Some(is_open_world);
        self
    }
}

impl Tool {
    /// A tool that takes arguments of the given schema.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        input_schema: &Value,
    ) -> Self {
        Self {
            name: name.into(),
            title: None,
            description: description.into(),
            icons: Vec::new(),
            annotations: None,
            meta: None,
            input_schema: raw(input_schema),
            output_schema: None,
        }
    }

    listed_builders!();

    /// Says what calling it may do.
    #[must_use]
    pub fn annotated(mut self, annotations: ToolAnnotations) -> Self {
        self.annotations = Some(annotations);
        self
    }

    /// Gives it another schema of its arguments.
    #[must_use]
    pub fn with_input_schema(mut self, input_schema: &Value) -> Self {
        self.input_schema = raw(input_schema);
        self
    }

    /// Gives it the schema of its structured result.
    #[must_use]
    pub fn with_output_schema(mut self, output_schema: &Value) -> Self {
        self.output_schema = Some(raw(output_schema));
        self
    }

    /// The JSON Schema of its structured result, if it has one.
    #[must_use]
    pub fn output_schema(&self) -> Option<&RawValue> {
        self.output_schema.as_deref()
    }

    /// The JSON Schema of its arguments.
    #[must_use]
    pub fn input_schema(&self) -> &RawValue {
        &self.input_schema
    }
}

impl Listed for Tool {
    fn key(&self) -> OfferKey {
        OfferKey::Tool(self.name.clone())
    }

    fn to_json(&self, revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct ToolObject<'a> {
            name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            title: Option<&'a str>,
            description: &'a str,
            input_schema: &'a RawValue,
            #[serde(skip_serializing_if = "Option::is_none")]
            output_schema: Option<&'a RawValue>,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            icons: &'a [Icon],
            #[serde(skip_serializing_if = "Option::is_none")]
            annotations: Option<&'a ToolAnnotations>,
            #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
            meta: Option<&'a RawValue>,
        }

        let knows_structure = revision >= Revision::V2025_06_18;
        ToolObject {
            name: &self.name,
            title: self.title.as_deref().filter(|_| knows_structure),
            description: &self.description,
            input_schema: &self.input_schema,
            output_schema: self.output_schema.as_deref().filter(|schema| {
                revision >= Revision::V2026_07_28 || (knows_structure && describes_object(schema))
            }),
            icons: icons_for(&self.icons, revision),
            annotations: self.annotations.as_ref(),
            meta: meta_for(&self.meta, revision),
        }
    }
}

fn raw(schema: &Value) -> Box<RawValue> {
    let mut schema = schema.clone();
    no_boolean(&mut schema);
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(Map::values_mut).for_each(no_boolean);
    // A `Value` can always be written.
    to_raw_value(&schema).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// Makes an object of a schema that is a boolean, to say the same (JSON Schema core, section 4.3.2): a
/// whole schema and its properties must be objects, or clients reject the whole list of tools.
fn no_boolean(schema: &mut Value) {
    match schema {
        Value::Bool(true) => *schema = json!({}),
        Value::Bool(false) => *schema = json!({"not": {}}),
        _ => {}
    }
}

/// Whether a schema has `"type": "object"` at its root, which the 2025 revisions ask for.
pub(crate) fn describes_object(schema: &RawValue) -> bool {
    #[derive(serde::Deserialize)]
    struct Root<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<&'a RawValue>,
    }
    serde_json::from_str::<Root<'_>>(schema.get())
        .is_ok_and(|root| root.kind.is_some_and(|kind| kind.get() == "\"object\""))
}

/// The result of `tools/call` (`CallToolResult`).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CallToolResult {
    /// What the model gets to read.
    pub content: Vec<Content>,
    /// The same for a program, matching the tool's output schema.
    pub structured: Option<Box<RawValue>>,
    /// Whether the tool failed. The content then says why, so that the model can do better.
    pub is_error: bool,
    /// More about it, for the client (`_meta`).
    pub meta: Option<Box<RawValue>>,
    pub(crate) extension: Option<Box<ExtensionResult>>,
}

impl CallToolResult {
    /// A result of several pieces of content.
    #[must_use]
    pub fn new(content: Vec<Content>) -> Self {
        Self { content, ..Self::default() }
    }

    /// A result of one text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(vec![Content::text(text)])
    }

    /// A failure of the tool, as opposed to one of the protocol.
    #[must_use]
    pub fn error(message: impl Into<String>) -> Self {
        Self { is_error: true, ..Self::text(message) }
    }

    /// A result of another type, which an extension defines: the client must have declared that
    /// extension. On the 2025 revisions it is an error.
    #[must_use]
    pub fn extension(result: ExtensionResult) -> Self {
        Self { extension: Some(Box::new(result)), ..Self::default() }
    }

    /// Whether it is of a type that an extension defines.
    #[must_use]
    pub const fn is_extension(&self) -> bool {
        self.extension.is_some()
    }

    /// A structured result, with its JSON as text for clients that look at content only.
    #[must_use]
    pub fn structured(value: Box<RawValue>) -> Self {
        Self { structured: Some(value.clone()), ..Self::text(value.get().to_string()) }
    }

    /// Says more about it (`_meta`). Left out if it is no object.
    #[must_use]
    pub fn meta(mut self, meta: Box<RawValue>) -> Self {
        self.meta = Some(meta);
        self
    }

    /// The structured result as far as `revision` knows it: nothing before 2025-06-18, an object
    /// up to 2025-11-25, any value since.
    pub(crate) fn structured_for(&self, revision: Revision) -> Option<&RawValue> {
        self.structured.as_deref().filter(|value| {
            revision >= Revision::V2026_07_28
                || (revision >= Revision::V2025_06_18 && value.get().starts_with('{'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn schemas_and_their_properties_are_objects() {
        let schema = json!({
            "type": "object",
            "properties": {"a": true, "b": false, "c": {"items": true}},
            "additionalProperties": false,
        });
        let mut expected = schema.clone();
        expected["properties"]["a"] = json!({});
        expected["properties"]["b"] = json!({"not": {}});
        let tool = Tool::new("t", "does it", &schema).with_output_schema(&schema);
        for schema in [tool.input_schema(), tool.output_schema().unwrap()] {
            assert_eq!(serde_json::from_str::<Value>(schema.get()).unwrap(), expected);
        }
        let tool = tool.with_output_schema(&json!(true));
        assert_eq!(tool.output_schema().map(RawValue::get), Some("{}"));
    }

    #[test]
    fn structured_results_are_for_those_who_know_them() {
        let object = CallToolResult::structured(raw(&json!({"a": 1})));
        let array = CallToolResult::structured(raw(&json!([1])));
        for (revision, knows_objects, knows_all) in [
            (Revision::V2025_03_26, false, false),
            (Revision::V2025_06_18, true, false),
            (Revision::V2025_11_25, true, false),
            (Revision::V2026_07_28, true, true),
        ] {
            assert_eq!(object.structured_for(revision).is_some(), knows_objects, "{revision}");
            assert_eq!(array.structured_for(revision).is_some(), knows_all, "{revision}");
        }
    }

    #[test]
    fn tools_have_the_shape_of_their_revision() {
        let mut tool = Tool::new("t", "does it", &json!({"type": "object"}));
        let plain = r#"{"name":"t","description":"does it","inputSchema":{"type":"object"}"#;
        tool.icons = vec![Icon::new("a:i")];
        let annotations = ToolAnnotations::new().title("T").read_only(true).destructive(false);
        tool.annotations = Some(annotations.idempotent(true).open_world(false));
        tool.meta = Some(raw(&json!({"a.b/c": 1})));
        let annotations = r#""annotations":{"title":"T","readOnlyHint":true,"destructiveHint":false,"idempotentHint":true,"openWorldHint":false}"#;
        let meta = r#""_meta":{"a.b/c":1}"#;
        let icons = r#""icons":[{"src":"a:i"}]"#;
        for (revision, rest) in [
            (Revision::V2025_03_26, format!("{annotations}}}")),
            (Revision::V2025_06_18, format!("{annotations},{meta}}}")),
            (Revision::V2025_11_25, format!("{icons},{annotations},{meta}}}")),
            (Revision::V2026_07_28, format!("{icons},{annotations},{meta}}}")),
        ] {
            let json = serde_json::to_string(&tool.to_json(revision)).unwrap();
            assert_eq!(json, format!("{plain},{rest}"));
        }
        tool.meta = Some(raw(&json!([])));
        let mut tool = tool.annotated(ToolAnnotations::new());
        let json = serde_json::to_string(&tool.to_json(Revision::V2026_07_28)).unwrap();
        assert_eq!(json, format!(r#"{plain},{icons},"annotations":{{}}}}"#));
        assert!(tool.output_schema().is_none());
        tool = tool.with_input_schema(&json!({"a": 1})).with_output_schema(&json!({"b": 2}));
        assert_eq!(tool.input_schema().get(), r#"{"a":1}"#);
        assert_eq!(tool.output_schema().map(RawValue::get), Some(r#"{"b":2}"#));
    }
}
