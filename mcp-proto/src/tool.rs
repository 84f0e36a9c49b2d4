//! Tools: how they are described, and what a call of one returns.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::catalog::{Listed, OfferKey};
use crate::content::Content;
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
    input_schema: Box<RawValue>,
    output_schema: Option<Box<RawValue>>,
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
            input_schema: raw(input_schema),
            output_schema: None,
        }
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
    fn name(&self) -> &str {
        &self.name
    }

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
        }
    }
}

fn raw(schema: &Value) -> Box<RawValue> {
    // A `Value` can always be written.
    to_raw_value(schema).unwrap_or_else(|_| RawValue::NULL.to_owned())
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

    /// A structured result, with its JSON as text for clients that look at content only.
    #[must_use]
    pub fn structured(value: Box<RawValue>) -> Self {
        Self { structured: Some(value.clone()), ..Self::text(value.get().to_string()) }
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
