//! Messages of a conversation with a model.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Not;

use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::CreateMessageResult;
use crate::content::{Content, MediaContent, TextContent};
use crate::json::{
    each, is_no_object, is_object, object, read_by_type, read_object, write_one_or_many,
};
use crate::revision::Revision;
use crate::role::Role;
use crate::tool::CallToolResult;

/// One message of a conversation with a model.
#[derive(Clone, Debug)]
pub struct SamplingMessage {
    role: Role,
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

    /// Adds more to it. Before 2025-11-25 that becomes a message of its own, by the same speaker.
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

    /// The messages that `revision` makes of it: before 2025-11-25, one for each piece of content.
    pub(super) fn to_json(&self, revision: Revision) -> impl Iterator<Item = impl Serialize> {
        let messages: Vec<_> = if revision >= Revision::V2025_11_25 {
            vec![&self.content[..]]
        } else {
            self.content.chunks(1).collect()
        };
        messages.into_iter().map(move |content| self.with(content, revision))
    }

    /// The object as `revision` defines it, with some of the content.
    fn with(&self, content: &[SamplingContent], revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        struct Object<T: Serialize> {
            role: Role,
            #[serde(serialize_with = "write_one_or_many")]
            content: Vec<T>,
        }

        let content = content.iter().map(|content| content.to_json(revision)).collect();
        Object { role: self.role, content }
    }
}

impl Serialize for SamplingMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with(&self.content, Revision::V2026_07_28).serialize(serializer)
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
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ToolResult {
    /// The `id` of the tool use.
    pub tool_use_id: String,
    /// What the model gets to read.
    pub content: Vec<Content>,
    /// The same for a program. Before 2026-07-28 left out if it is no object.
    #[serde(rename = "structuredContent")]
    pub structured: Option<Box<RawValue>>,
    /// Whether the tool failed. The content then says why.
    #[serde(default)]
    pub is_error: bool,
    /// More about it, an object.
    #[serde(rename = "_meta")]
    pub meta: Option<Box<RawValue>>,
}

impl ToolResult {
    /// The object as `revision` defines it.
    fn to_json(&self, revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        #[serde(tag = "type", rename = "tool_result", rename_all = "camelCase")]
        struct Object<'a, T> {
            tool_use_id: &'a str,
            content: T,
            #[serde(skip_serializing_if = "Option::is_none")]
            structured_content: Option<&'a RawValue>,
            #[serde(skip_serializing_if = "Not::not")]
            is_error: bool,
            #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
            meta: Option<&'a RawValue>,
        }

        let structured = self.structured.as_deref();
        Object {
            tool_use_id: &self.tool_use_id,
            content: each(&self.content, move |content| content.to_json(revision)),
            structured_content: structured
                .filter(|value| revision >= Revision::V2026_07_28 || is_object(value.get())),
            is_error: self.is_error,
            meta: object(&self.meta),
        }
    }
}

impl Serialize for ToolResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json(Revision::V2026_07_28).serialize(serializer)
    }
}

impl ToolUse {
    /// Answers it.
    #[must_use]
    pub fn result(&self, result: CallToolResult) -> ToolResult {
        let CallToolResult { content, structured, is_error, meta, extension: _ } = result;
        ToolResult { tool_use_id: self.id.clone(), content, structured, is_error, meta }
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

    /// The object as `revision` defines it.
    fn to_json(&self, revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Object<'a, T, M, R> {
            Text(T),
            Media(M),
            ToolUse(&'a ToolUse),
            ToolResult(R),
        }

        match self {
            Self::Text(text) => Object::Text(text.to_json(revision)),
            Self::Image(image) => Object::Media(image.to_json("image", revision)),
            Self::Audio(audio) => Object::Media(audio.to_json("audio", revision)),
            Self::ToolUse(tool_use) => Object::ToolUse(tool_use),
            Self::ToolResult(result) => Object::ToolResult(result.to_json(revision)),
        }
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
        self.to_json(Revision::V2026_07_28).serialize(serializer)
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
    use alloc::format;

    fn json<T: Serialize>(value: &T) -> String {
        serde_json::to_string(value).unwrap()
    }

    #[test]
    fn messages_have_the_shape_of_their_revision() {
        let json = |message: &SamplingMessage, revision| {
            json(&message.to_json(revision).collect::<Vec<_>>())
        };
        let hinted = r#"{"type":"text","text":"a","annotations":{"priority":1.0,"lastModified":"2026"},"_meta":{"m":1}}"#;
        let hinted: SamplingContent = serde_json::from_str(hinted).unwrap();
        let one = SamplingMessage::user(hinted);
        let two = SamplingMessage::assistant("a").and(SamplingContent::audio(b"", "audio/wav"));
        let old = r#"[{"role":"user","content":{"type":"text","text":"a","annotations":{"priority":1.0}}}]"#;
        let whole = r#"[{"role":"user","content":{"type":"text","text":"a","annotations":{"priority":1.0,"lastModified":"2026"},"_meta":{"m":1}}}]"#;
        let apart = r#"[{"role":"assistant","content":{"type":"text","text":"a"}},{"role":"assistant","content":{"type":"audio","data":"","mimeType":"audio/wav"}}]"#;
        let together = r#"[{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"audio","data":"","mimeType":"audio/wav"}]}]"#;
        for (revision, first, second) in [
            (Revision::V2025_03_26, old, apart),
            (Revision::V2025_06_18, whole, apart),
            (Revision::V2025_11_25, whole, together),
            (Revision::V2026_07_28, whole, together),
        ] {
            assert_eq!(json(&one, revision), first);
            assert_eq!(json(&two, revision), second);
        }
        // A model can have said nothing.
        let none = SamplingMessage { role: Role::Assistant, content: Vec::new() };
        assert_eq!(json(&none, Revision::V2025_06_18), "[]");
        assert_eq!(json(&none, Revision::V2025_11_25), r#"[{"role":"assistant","content":[]}]"#);
    }

    #[test]
    fn results_of_tools_have_the_shape_of_their_revision() {
        for (structured, old) in [("[0]", ""), (r#"{"a":1}"#, r#","structuredContent":{"a":1}"#)] {
            let whole = format!(
                r#"{{"type":"tool_result","toolUseId":"1","content":[],"structuredContent":{structured},"isError":true,"_meta":{{}}}}"#
            );
            let result: ToolResult = serde_json::from_str(&whole).unwrap();
            assert_eq!(json(&result.to_json(Revision::V2026_07_28)), whole);
            assert_eq!(
                json(&result.to_json(Revision::V2025_11_25)),
                format!(
                    r#"{{"type":"tool_result","toolUseId":"1","content":[]{old},"isError":true,"_meta":{{}}}}"#
                )
            );
        }
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
        let message =
            SamplingMessage::user(String::from("a")).and(SamplingContent::image(b"", "image/png"));
        assert_eq!(
            json(&message.and(SamplingContent::audio(b"", "audio/wav"))),
            r#"{"role":"user","content":[{"type":"text","text":"a"},{"type":"image","data":"","mimeType":"image/png"},{"type":"audio","data":"","mimeType":"audio/wav"}]}"#
        );
    }
}
