//! Resources and templates of them: how they are described, and what reading one returns.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::annotations::Annotations;
use crate::caching::Caching;
use crate::catalog::{Listed, OfferKey, listed_builders};
use crate::content::{Hints, ResourceContents};
use crate::icon::{Icon, icons_for};
use crate::revision::Revision;
use crate::uri_template::UriTemplate;

/// A resource as `resources/list` shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Resource {
    /// What it is read by.
    pub uri: String,
    /// What it is called.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What it is.
    pub description: Option<String>,
    /// Such as `text/plain`.
    pub mime_type: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Pictures that stand for it.
    #[serde(default)]
    pub icons: Vec<Icon>,
    /// How to use it.
    pub annotations: Option<Annotations>,
    /// More about it, an object.
    #[serde(rename = "_meta")]
    pub meta: Option<Box<RawValue>>,
}

/// A template of resources as `resources/templates/list` shows it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResourceTemplate {
    /// What they are read by.
    pub uri_template: UriTemplate,
    /// What they are called.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What they are.
    pub description: Option<String>,
    /// Such as `text/plain`, if they all are of one type.
    pub mime_type: Option<String>,
    /// Pictures that stand for them.
    pub icons: Vec<Icon>,
    /// How to use them.
    pub annotations: Option<Annotations>,
    /// More about them, an object.
    pub meta: Option<Box<RawValue>>,
}

/// Gives resources and templates what they have in common: builders, and how it is written.
macro_rules! details {
    () => {
        listed_builders!();

        /// Says what it is.
        #[must_use]
        pub fn description(mut self, description: impl Into<String>) -> Self {
            self.description = Some(description.into());
            self
        }

        /// Says of which media type it is.
        #[must_use]
        pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
            self.mime_type = Some(mime_type.into());
            self
        }

        /// Says how to use it.
        #[must_use]
        pub fn annotated(mut self, annotations: Annotations) -> Self {
            self.annotations = Some(annotations);
            self
        }

        fn details(&self, revision: Revision) -> Details<'_> {
            Details {
                name: &self.name,
                title: self.title.as_deref().filter(|_| revision >= Revision::V2025_06_18),
                description: self.description.as_deref(),
                mime_type: self.mime_type.as_deref(),
                icons: icons_for(&self.icons, revision),
                hints: Hints::new(&self.annotations, &self.meta, revision),
            }
        }
    };
}

/// What resources and their templates have in common on the wire.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    icons: &'a [Icon],
    #[serde(flatten)]
    hints: Hints<'a>,
}

impl Resource {
    /// A resource of which nothing more is known.
    #[must_use]
    pub fn new(uri: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            uri: uri.into(),
            name: name.into(),
            title: None,
            description: None,
            mime_type: None,
            size: None,
            icons: Vec::new(),
            annotations: None,
            meta: None,
        }
    }

    /// Says how many bytes it has.
    #[must_use]
    pub const fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    details!();

    /// Its description, as content if it has the `type` of such.
    pub(crate) fn describe(
        &self,
        kind: Option<&'static str>,
        revision: Revision,
    ) -> impl Serialize {
        #[derive(Serialize)]
        struct Object<'a> {
            #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
            kind: Option<&'static str>,
            uri: &'a str,
            #[serde(flatten)]
            details: Details<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            size: Option<u64>,
        }

        Object { kind, uri: &self.uri, details: self.details(revision), size: self.size }
    }
}

impl Listed for Resource {
    fn key(&self) -> OfferKey {
        OfferKey::Resource(self.uri.clone())
    }

    fn to_json(&self, revision: Revision) -> impl Serialize {
        self.describe(None, revision)
    }
}

impl ResourceTemplate {
    /// A template of which nothing more is known.
    #[must_use]
    pub fn new(uri_template: UriTemplate, name: impl Into<String>) -> Self {
        Self {
            uri_template,
            name: name.into(),
            title: None,
            description: None,
            mime_type: None,
            icons: Vec::new(),
            annotations: None,
            meta: None,
        }
    }

    details!();
}

impl Listed for ResourceTemplate {
    fn key(&self) -> OfferKey {
        OfferKey::ResourceTemplate(self.uri_template.as_str().into())
    }

    fn to_json(&self, revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Object<'a> {
            uri_template: &'a str,
            #[serde(flatten)]
            details: Details<'a>,
        }

        Object { uri_template: self.uri_template.as_str(), details: self.details(revision) }
    }
}

/// The result of `resources/read` (`ReadResourceResult`).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReadResourceResult {
    /// What is in it, or in several if it is a folder of them.
    pub contents: Vec<ResourceContents>,
    /// How long the client may keep it. Left out before 2026-07-28.
    pub caching: Caching,
    /// More about it, for the client (`_meta`).
    pub meta: Option<Box<RawValue>>,
}

impl ReadResourceResult {
    /// What was read.
    #[must_use]
    pub const fn new(contents: Vec<ResourceContents>) -> Self {
        Self { contents, caching: Caching::NONE, meta: None }
    }

    /// Says how long the client may keep it.
    #[must_use]
    pub const fn caching(mut self, caching: Caching) -> Self {
        self.caching = caching;
        self
    }

    /// Says more about it (`_meta`). Left out if it is no object.
    #[must_use]
    pub fn meta(mut self, meta: Box<RawValue>) -> Self {
        self.meta = Some(meta);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;
    use alloc::format;

    fn meta() -> Box<RawValue> {
        serde_json::from_str::<&RawValue>(r#"{"a.b/c":1}"#).unwrap().to_owned()
    }

    fn json<T: Listed>(item: &T, revision: Revision) -> String {
        serde_json::to_string(&item.to_json(revision)).unwrap()
    }

    #[test]
    fn resources_have_the_shape_of_their_revision() {
        let plain = Resource::new("a:b", "b");
        assert_eq!(json(&plain, Revision::V2026_07_28), r#"{"uri":"a:b","name":"b"}"#);
        let whole = plain
            .title("B")
            .description("The b")
            .mime_type("text/plain")
            .size(7)
            .icon(Icon::new("a:i"))
            .annotated(Annotations::new().priority(1.0).last_modified("2026"))
            .meta(meta());
        assert_eq!(
            json(&whole, Revision::V2025_03_26),
            r#"{"uri":"a:b","name":"b","description":"The b","mimeType":"text/plain","annotations":{"priority":1.0},"size":7}"#
        );
        let annotations =
            r#""annotations":{"priority":1.0,"lastModified":"2026"},"_meta":{"a.b/c":1}"#;
        let named =
            r#"{"uri":"a:b","name":"b","title":"B","description":"The b","mimeType":"text/plain""#;
        assert_eq!(
            json(&whole, Revision::V2025_06_18),
            format!(r#"{named},{annotations},"size":7}}"#)
        );
        for revision in [Revision::V2025_11_25, Revision::V2026_07_28] {
            assert_eq!(
                json(&whole, revision),
                format!(r#"{named},"icons":[{{"src":"a:i"}}],{annotations},"size":7}}"#)
            );
        }
    }

    #[test]
    fn templates_have_the_shape_of_their_revision() {
        let plain = ResourceTemplate::new("a:{b}".parse().unwrap(), "b");
        let expected = r#"{"uriTemplate":"a:{b}","name":"b"}"#;
        assert_eq!(json(&plain, Revision::V2026_07_28), expected);
        let whole = plain
            .title("B")
            .description("Some b")
            .mime_type("text/plain")
            .icon(Icon::new("a:i"))
            .annotated(Annotations::new().priority(1.0))
            .meta(meta());
        assert_eq!(
            json(&whole, Revision::V2025_03_26),
            r#"{"uriTemplate":"a:{b}","name":"b","description":"Some b","mimeType":"text/plain","annotations":{"priority":1.0}}"#
        );
        assert_eq!(
            json(&whole, Revision::V2026_07_28),
            r#"{"uriTemplate":"a:{b}","name":"b","title":"B","description":"Some b","mimeType":"text/plain","icons":[{"src":"a:i"}],"annotations":{"priority":1.0},"_meta":{"a.b/c":1}}"#
        );
    }
}
