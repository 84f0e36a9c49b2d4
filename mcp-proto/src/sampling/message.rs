//! Messages of a conversation with a model.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::CreateMessageResult;
use crate::content::{Content, MediaContent, TextContent};
use crate::json::{is_no_object, read_by_type, read_object, write_one_or_many};
use crate::revision::Revision;
use crate::role::Role;
use crate::tool::CallToolResult;

/// One message of a conversation with a model.
#[derive(Clone, Debug, Serialize)]
pub struct SamplingMessage {
    role: Role,
    #[serde(serialize_with = "write_one_or_many")]
    content: Vec<SamplingContent>,
}

impl SamplingMessage {
    /// Something that the user says.
    #[must_use]
    pub fn user(content: impl Into<SamplingContent>) -> Self {
        Self { role: Role::User, content: vec![content.into()] }
    }

    /// Something that the model said.
    #[must_use]
    pub fn assistant(content: impl Into<SamplingContent>) -> Self {
        Self { role: Role::Assistant, content: vec![content.into()] }
    }

    /// What came of the tools that the model used in the message before; of all of them, and
    /// nothing else may stand in this message.
    #[must_use]
    pub fn tool_results(results: impl IntoIterator<Item = ToolResult>) -> Self {
        let content = results.into_iter().map(SamplingContent::ToolResult).collect();
        Self { role: Role::User, content }
    }

    /// Adds more to it.
    #[must_use]
    pub fn and(mut self, content: impl Into<SamplingContent>) -> Self {
        self.content.push(content.into());
        self
    }

    /// Whether a client must know tools to make something of it.
    pub(super) fn is_of_tools(&self) -> bool {
        self.content.iter().any(|content| {
            matches!(content, SamplingContent::ToolUse(_) | SamplingContent::ToolResult(_))
        })
    }
}

/// What a model answered, to go on from there.
impl From<CreateMessageResult> for SamplingMessage {
    fn from(result: CreateMessageResult) -> Self {
        Self { role: result.role, content: result.content }
    }
}

/// One piece of what is said to a model, or by one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SamplingContent {
    /// Text.
    Text(TextContent),
    /// A picture.
    Image(MediaContent),
    /// A sound.
    Audio(MediaContent),
    /// The model wants a tool to be called.
    ToolUse(ToolUse),
    /// A tool was called for the model.
    ToolResult(ToolResult),
}

/// A tool that a model wants to be called.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename = "tool_use")]
#[non_exhaustive]
pub struct ToolUse {
    /// Tells it from the other uses.
    pub id: String,
    /// The name of the tool.
    pub name: String,
    /// The arguments, an object. The client may not have held them to the tool's schema.
    #[serde(deserialize_with = "read_object")]
    pub input: Box<RawValue>,
    /// More about it, an object. Clients and models may want it back as it is.
    #[serde(rename = "_meta", skip_serializing_if = "is_no_object")]
    pub meta: Option<Box<RawValue>>,
}

/// What came of a [`ToolUse`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename = "tool_result", rename_all = "camelCase")]
#[non_exhaustive]
pub struct ToolResult {
    /// The `id` of the tool use.
    pub tool_use_id: String,
    /// What the model gets to read.
    pub content: Vec<Content>,
    /// The same for a program.
    #[serde(rename = "structuredContent", skip_serializing_if = "Option::is_none")]
    pub structured: Option<Box<RawValue>>,
    /// Whether the tool failed. The content then says why.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub is_error: bool,
    /// More about it, an object.
    #[serde(rename = "_meta", skip_serializing_if = "is_no_object")]
    pub meta: Option<Box<RawValue>>,
}

impl ToolUse {
    /// Answers it.
    #[must_use]
    pub fn result(&self, result: CallToolResult) -> ToolResult {
        let CallToolResult { content, structured, is_error, extension: _ } = result;
        ToolResult { tool_use_id: self.id.clone(), content, structured, is_error, meta: None }
    }
}

impl SamplingContent {
    /// Text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into().into())
    }

    /// A picture from the bytes of its file.
    #[must_use]
    pub fn image(bytes: &[u8], mime_type: impl Into<String>) -> Self {
        Self::Image(MediaContent::new(bytes, mime_type))
    }

    /// A sound from the bytes of its file.
    #[must_use]
    pub fn audio(bytes: &[u8], mime_type: impl Into<String>) -> Self {
        Self::Audio(MediaContent::new(bytes, mime_type))
    }
}

impl From<&str> for SamplingContent {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for SamplingContent {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl Serialize for SamplingContent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let revision = Revision::V2026_07_28;
        match self {
            Self::Text(text) => text.to_json(revision).serialize(serializer),
            Self::Image(image) => image.to_json("image", revision).serialize(serializer),
            Self::Audio(audio) => audio.to_json("audio", revision).serialize(serializer),
            Self::ToolUse(tool_use) => tool_use.serialize(serializer),
            Self::ToolResult(result) => result.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for SamplingContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_by_type(deserializer, |kind, json| {
            Some(match kind {
                "text" => serde_json::from_str(json).map(Self::Text),
                "image" => serde_json::from_str(json).map(Self::Image),
                "audio" => serde_json::from_str(json).map(Self::Audio),
                "tool_use" => serde_json::from_str(json).map(Self::ToolUse),
                "tool_result" => serde_json::from_str(json).map(Self::ToolResult),
                _ => return None,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json<T: Serialize>(value: &T) -> String {
        serde_json::to_string(value).unwrap()
    }

    #[test]
    fn content_comes_back_as_it_went() {
        for content in [
            r#"{"type":"text","text":"a"}"#,
            r#"{"type":"image","data":"/w==","mimeType":"image/png","annotations":{"audience":["user"]}}"#,
            r#"{"type":"audio","data":"","mimeType":"audio/wav","_meta":{}}"#,
            r#"{"type":"tool_use","id":"1","name":"t","input":{}}"#,
            r#"{"type":"tool_result","toolUseId":"1","content":[{"type":"image","data":"","mimeType":"a/b"}],"_meta":{}}"#,
        ] {
            let read: SamplingContent = serde_json::from_str(content).unwrap();
            assert_eq!(json(&read), content);
        }
        let message = SamplingMessage::user("a").and(SamplingContent::image(b"", "image/png"));
        assert_eq!(
            json(&message.and(SamplingContent::audio(b"", "audio/wav"))),
            r#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"image","data":"","mimeType":"image/png"},{"type":"audio","data":"","mimeType":"audio/wav"}]}"#
        );
    }
}
