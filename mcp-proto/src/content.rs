//! Pieces of content: what tools return, what prompts and models say.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::annotations::{Annotations, AnnotationsObject};
use crate::json::{object, read_by_type};
use crate::resource::Resource;
use crate::revision::Revision;

/// One piece of content (`ContentBlock`).
///
/// Serialised it is what the latest revision defines.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Content {
    /// Text for the model.
    Text(TextContent),
    /// A picture.
    Image(MediaContent),
    /// A sound.
    Audio(MediaContent),
    /// A resource without its content. Before 2025-06-18 it becomes a text that names it.
    ResourceLink(Box<Resource>),
    /// A resource with its content.
    Resource(EmbeddedResource),
}

/// Text.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct TextContent {
    /// The text.
    pub text: String,
    /// How to use it.
    pub annotations: Option<Annotations>,
    /// More about it, an object.
    #[serde(rename = "_meta")]
    pub meta: Option<Box<RawValue>>,
}

/// A picture or a sound.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MediaContent {
    /// The bytes in Base64.
    pub data: String,
    /// Such as `image/png`.
    pub mime_type: String,
    /// How to use it.
    pub annotations: Option<Annotations>,
    /// More about it, an object.
    #[serde(rename = "_meta")]
    pub meta: Option<Box<RawValue>>,
}

/// A resource with its content.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct EmbeddedResource {
    /// The resource.
    pub resource: ResourceContents,
    /// How to use it.
    pub annotations: Option<Annotations>,
    /// More about it, an object.
    #[serde(rename = "_meta")]
    pub meta: Option<Box<RawValue>>,
}

impl Content {
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

    /// A resource that the client can read; it need not be one that is listed.
    #[must_use]
    pub fn resource_link(resource: Resource) -> Self {
        Self::ResourceLink(Box::new(resource))
    }

    /// A resource with its content.
    #[must_use]
    pub const fn resource(resource: ResourceContents) -> Self {
        Self::Resource(EmbeddedResource { resource, annotations: None, meta: None })
    }

    /// Says how to use it.
    #[must_use]
    pub fn annotated(mut self, annotations: Annotations) -> Self {
        *self.hints().0 = Some(annotations);
        self
    }

    /// Says more about it (`_meta`). Left out if it is no object, and before 2025-06-18.
    #[must_use]
    pub fn meta(mut self, meta: Box<RawValue>) -> Self {
        *self.hints().1 = Some(meta);
        self
    }

    fn hints(&mut self) -> (&mut Option<Annotations>, &mut Option<Box<RawValue>>) {
        match self {
            Self::Text(text) => (&mut text.annotations, &mut text.meta),
            Self::Image(media) | Self::Audio(media) => (&mut media.annotations, &mut media.meta),
            Self::ResourceLink(resource) => (&mut resource.annotations, &mut resource.meta),
            Self::Resource(resource) => (&mut resource.annotations, &mut resource.meta),
        }
    }

    /// The object as `revision` defines it.
    pub(crate) fn to_json(&self, revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Object<T, M, L, R> {
            Text(T),
            Media(M),
            Link(L),
            Resource(R),
        }

        match self {
            Self::Text(text) => Object::Text(text.to_json(revision)),
            Self::ResourceLink(link) if revision < Revision::V2025_06_18 => {
                let text = format!("{}: {}", link.name, link.uri);
                let hints = Hints::new(&link.annotations, &link.meta, revision);
                Object::Text(TextObject { text: text.into(), hints })
            }
            Self::ResourceLink(link) => {
                Object::Link(link.describe(Some("resource_link"), revision))
            }
            Self::Image(image) => Object::Media(image.to_json("image", revision)),
            Self::Audio(audio) => Object::Media(audio.to_json("audio", revision)),
            Self::Resource(resource) => Object::Resource(resource.to_json(revision)),
        }
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json(Revision::V2026_07_28).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read_by_type(deserializer, |kind, json| {
            Some(match kind {
                "text" => serde_json::from_str(json).map(Self::Text),
                "image" => serde_json::from_str(json).map(Self::Image),
                "audio" => serde_json::from_str(json).map(Self::Audio),
                "resource_link" => serde_json::from_str(json).map(Self::ResourceLink),
                "resource" => serde_json::from_str(json).map(Self::Resource),
                _ => return None,
            })
        })
    }
}

/// What all kinds of content can carry, on the wire.
#[derive(Serialize)]
pub(crate) struct Hints<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<AnnotationsObject<'a>>,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    meta: Option<&'a RawValue>,
}

impl<'a> Hints<'a> {
    pub(crate) fn new(
        annotations: &'a Option<Annotations>,
        meta: &'a Option<Box<RawValue>>,
        revision: Revision,
    ) -> Self {
        Self {
            annotations: annotations.as_ref().map(|annotations| annotations.to_json(revision)),
            meta: meta_for(meta, revision),
        }
    }
}

/// A `_meta` member as far as `revision` knows it.
pub(crate) fn meta_for(meta: &Option<Box<RawValue>>, revision: Revision) -> Option<&RawValue> {
    object(meta).filter(|_| revision >= Revision::V2025_06_18)
}

/// Text of which nothing more is said.
impl From<String> for TextContent {
    fn from(text: String) -> Self {
        Self { text, annotations: None, meta: None }
    }
}

/// [`TextContent`] on the wire.
#[derive(Serialize)]
#[serde(tag = "type", rename = "text")]
pub(crate) struct TextObject<'a> {
    text: Cow<'a, str>,
    #[serde(flatten)]
    hints: Hints<'a>,
}

impl TextContent {
    pub(crate) fn to_json(&self, revision: Revision) -> TextObject<'_> {
        let hints = Hints::new(&self.annotations, &self.meta, revision);
        TextObject { text: self.text.as_str().into(), hints }
    }
}

impl MediaContent {
    /// From the bytes of a file.
    pub(crate) fn new(bytes: &[u8], mime_type: impl Into<String>) -> Self {
        let data = STANDARD.encode(bytes);
        Self { data, mime_type: mime_type.into(), annotations: None, meta: None }
    }

    pub(crate) fn to_json(&self, kind: &'static str, revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Object<'a> {
            #[serde(rename = "type")]
            kind: &'static str,
            data: &'a str,
            mime_type: &'a str,
            #[serde(flatten)]
            hints: Hints<'a>,
        }

        let hints = Hints::new(&self.annotations, &self.meta, revision);
        Object { kind, data: &self.data, mime_type: &self.mime_type, hints }
    }
}

impl EmbeddedResource {
    fn to_json(&self, revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        #[serde(tag = "type", rename = "resource")]
        struct Object<'a, R> {
            resource: R,
            #[serde(flatten)]
            hints: Hints<'a>,
        }

        let hints = Hints::new(&self.annotations, &self.meta, revision);
        Object { resource: self.resource.to_json(revision), hints }
    }
}

/// The content of a resource (`TextResourceContents` or `BlobResourceContents`).
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "ResourceContentsObject")]
#[non_exhaustive]
pub struct ResourceContents {
    /// Which resource it is, a URI.
    pub uri: String,
    /// Such as `text/plain`.
    pub mime_type: Option<String>,
    /// More about it, an object.
    pub meta: Option<Box<RawValue>>,
    data: ResourceData,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum ResourceData {
    Text(String),
    Blob(String),
}

/// [`ResourceContents`] on the wire. Of text and bytes there is one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceContentsObject {
    uri: String,
    mime_type: Option<String>,
    text: Option<String>,
    blob: Option<String>,
    #[serde(rename = "_meta")]
    meta: Option<Box<RawValue>>,
}

impl TryFrom<ResourceContentsObject> for ResourceContents {
    type Error = &'static str;

    fn try_from(object: ResourceContentsObject) -> Result<Self, &'static str> {
        let ResourceContentsObject { uri, mime_type, text, blob, meta } = object;
        let text = text.map(ResourceData::Text);
        let data = text.or_else(|| blob.map(ResourceData::Blob));
        let data = data.ok_or("a resource needs `text` or `blob`")?;
        Ok(Self { uri, mime_type, meta, data })
    }
}

impl ResourceContents {
    /// A resource that is text.
    #[must_use]
    pub fn text(uri: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(uri.into(), ResourceData::Text(text.into()))
    }

    /// A resource that is bytes.
    #[must_use]
    pub fn blob(uri: impl Into<String>, bytes: &[u8]) -> Self {
        Self::new(uri.into(), ResourceData::Blob(STANDARD.encode(bytes)))
    }

    const fn new(uri: String, data: ResourceData) -> Self {
        Self { uri, mime_type: None, meta: None, data }
    }

    /// Names its media type.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }

    /// Says more about it (`_meta`). Left out if it is no object, and before 2025-06-18.
    #[must_use]
    pub fn meta(mut self, meta: Box<RawValue>) -> Self {
        self.meta = Some(meta);
        self
    }

    /// The object as `revision` defines it.
    pub(crate) fn to_json(&self, revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Object<'a> {
            uri: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            mime_type: Option<&'a str>,
            #[serde(flatten)]
            data: &'a ResourceData,
            #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
            meta: Option<&'a RawValue>,
        }

        Object {
            uri: &self.uri,
            mime_type: self.mime_type.as_deref(),
            data: &self.data,
            meta: meta_for(&self.meta, revision),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;

    fn raw(json: &str) -> Box<RawValue> {
        serde_json::from_str::<&RawValue>(json).unwrap().to_owned()
    }

    #[test]
    fn content_has_the_shape_of_the_schema() {
        let text = || ResourceContents::text("a:b", "c").mime_type("text/plain");
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
                Content::resource_link(Resource::new("a:b", "c").mime_type("d/e").size(7)),
                r#"{"type":"resource_link","uri":"a:b","name":"c","mimeType":"d/e","size":7}"#,
            ),
            (
                Content::resource(text()),
                r#"{"type":"resource","resource":{"uri":"a:b","mimeType":"text/plain","text":"c"}}"#,
            ),
            (
                Content::resource(ResourceContents::blob("a:b", b"c").meta(raw("{}"))),
                r#"{"type":"resource","resource":{"uri":"a:b","blob":"Yw==","_meta":{}}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&content).unwrap(), json);
            let read: Content = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
        }
    }

    #[test]
    fn every_kind_can_say_more() {
        for content in [
            Content::text("a"),
            Content::image(b"a", "image/png"),
            Content::audio(b"a", "audio/wav"),
            Content::resource(ResourceContents::text("a:b", "c").meta(raw("{\"x\":1}"))),
        ] {
            let annotations = Annotations::new().priority(1.0).last_modified("2026");
            let content = content.annotated(annotations).meta(raw(r#"{"a.b/c":[1]}"#));
            let json = serde_json::to_string(&content).unwrap();
            let more =
                r#","annotations":{"priority":1.0,"lastModified":"2026"},"_meta":{"a.b/c":[1]}}"#;
            assert!(json.ends_with(more), "{json}");
            let read: Content = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), json);

            let old = serde_json::to_string(&content.to_json(Revision::V2025_03_26)).unwrap();
            assert!(old.ends_with(r#","annotations":{"priority":1.0}}"#), "{old}");
            assert!(!old.contains("_meta"), "{old}");

            let odd = serde_json::to_string(&content.meta(raw("[]"))).unwrap();
            assert!(odd.ends_with(r#""lastModified":"2026"}}"#), "{odd}");
        }
    }

    #[test]
    fn links_can_say_more_and_become_texts_where_they_are_not_known() {
        let link = Content::resource_link(Resource::new("a:b", "c").title("C"))
            .annotated(Annotations::new().priority(1.0))
            .meta(raw(r#"{"m":1}"#));
        let json = |revision| serde_json::to_string(&link.to_json(revision)).unwrap();
        let whole = r#"{"type":"resource_link","uri":"a:b","name":"c","title":"C","annotations":{"priority":1.0},"_meta":{"m":1}}"#;
        assert_eq!(json(Revision::V2025_06_18), whole);
        assert_eq!(json(Revision::V2026_07_28), whole);
        assert_eq!(
            json(Revision::V2025_03_26),
            r#"{"type":"text","text":"c: a:b","annotations":{"priority":1.0}}"#
        );
        let read: Content = serde_json::from_str(whole).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), whole);
    }

    #[test]
    fn what_is_no_content_is_not_read() {
        for json in [
            r#"{"type":"video","data":"","mimeType":"video/mp4"}"#,
            r#"{"type":"text"}"#,
            r#"{"type":"image","data":""}"#,
            r#"{"type":"resource","resource":{"uri":"a:b"}}"#,
            r#"{"text":"a"}"#,
            r#"{"type":7}"#,
            "[]",
            "null",
        ] {
            assert!(serde_json::from_str::<Content>(json).is_err(), "{json}");
        }
    }
}
