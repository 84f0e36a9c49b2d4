//! Pieces of content: what tools return.

use alloc::string::String;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// One piece of content (`ContentBlock`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Content {
    /// Text for the model.
    #[non_exhaustive]
    Text {
        /// The text.
        text: String,
    },
    /// A picture.
    #[non_exhaustive]
    Image {
        /// The bytes in Base64.
        data: String,
        /// Such as `image/png`.
        #[serde(rename = "mimeType")]
        mime_type: String,
    },
    /// A sound.
    #[non_exhaustive]
    Audio {
        /// The bytes in Base64.
        data: String,
        /// Such as `audio/wav`.
        #[serde(rename = "mimeType")]
        mime_type: String,
    },
    /// A resource with its content.
    #[non_exhaustive]
    Resource {
        /// The resource.
        resource: ResourceContents,
    },
}

impl Content {
    /// Text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }

    /// A picture from the bytes of its file.
    #[must_use]
    pub fn image(bytes: &[u8], mime_type: impl Into<String>) -> Self {
        Self::Image { data: STANDARD.encode(bytes), mime_type: mime_type.into() }
    }

    /// A sound from the bytes of its file.
    #[must_use]
    pub fn audio(bytes: &[u8], mime_type: impl Into<String>) -> Self {
        Self::Audio { data: STANDARD.encode(bytes), mime_type: mime_type.into() }
    }

    /// A resource with its content.
    #[must_use]
    pub const fn resource(resource: ResourceContents) -> Self {
        Self::Resource { resource }
    }
}

/// The content of a resource (`TextResourceContents` or `BlobResourceContents`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ResourceContents {
    /// Which resource it is, a URI.
    pub uri: String,
    /// Such as `text/plain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    #[serde(flatten)]
    data: ResourceData,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum ResourceData {
    Text(String),
    Blob(String),
}

impl ResourceContents {
    /// A resource that is text.
    #[must_use]
    pub fn text(uri: impl Into<String>, text: impl Into<String>) -> Self {
        Self { uri: uri.into(), mime_type: None, data: ResourceData::Text(text.into()) }
    }

    /// A resource that is bytes.
    #[must_use]
    pub fn blob(uri: impl Into<String>, bytes: &[u8]) -> Self {
        Self { uri: uri.into(), mime_type: None, data: ResourceData::Blob(STANDARD.encode(bytes)) }
    }

    /// Names its media type.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_has_the_shape_of_the_schema() {
        for (content, json) in [
            (Content::text("a\"b"), r#"{"type":"text","text":"a\"b"}"#),
            (
                Content::image(b"\xff", "image/png"),
                r#"{"type":"image","data":"/w==","mimeType":"image/png"}"#,
            ),
            (
                Content::audio(b"", "audio/wav"),
                r#"{"type":"audio","data":"","mimeType":"audio/wav"}"#,
            ),
            (
                Content::resource(ResourceContents::text("a:b", "c").mime_type("text/plain")),
                r#"{"type":"resource","resource":{"uri":"a:b","mimeType":"text/plain","text":"c"}}"#,
            ),
            (
                Content::resource(ResourceContents::blob("a:b", b"c")),
                r#"{"type":"resource","resource":{"uri":"a:b","blob":"Yw=="}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&content).unwrap(), json);
        }
    }
}
