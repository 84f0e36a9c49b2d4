//! Resources and templates of them: how they are described, and what reading one returns.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::caching::Caching;
use crate::catalog::{Listed, OfferKey};
use crate::content::ResourceContents;
use crate::revision::Revision;
use crate::uri_template::UriTemplate;

/// A resource as `resources/list` shows it.
#[derive(Clone, Debug)]
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
        }
    }

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
}

impl Listed for Resource {
    fn name(&self) -> &str {
        &self.uri
    }

    fn key(&self) -> OfferKey {
        OfferKey::Resource(self.uri.clone())
    }

    fn to_json(&self, revision: Revision) -> impl Serialize {
        Object {
            uri: Some(&self.uri),
            uri_template: None,
            name: &self.name,
            title: self.title.as_deref().filter(|_| revision >= Revision::V2025_06_18),
            description: self.description.as_deref(),
            mime_type: self.mime_type.as_deref(),
            size: self.size,
        }
    }
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
}

impl ResourceTemplate {
    /// A template of which nothing more is known.
    #[must_use]
    pub fn new(uri_template: UriTemplate, name: impl Into<String>) -> Self {
        Self { uri_template, name: name.into(), title: None, description: None, mime_type: None }
    }

    /// Says what they are.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Says of which media type they are.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.mime_type = Some(mime_type.into());
        self
    }
}

impl Listed for ResourceTemplate {
    fn name(&self) -> &str {
        self.uri_template.as_str()
    }

    fn key(&self) -> OfferKey {
        OfferKey::ResourceTemplate(self.uri_template.as_str().into())
    }

    fn to_json(&self, revision: Revision) -> impl Serialize {
        Object {
            uri: None,
            uri_template: Some(self.uri_template.as_str()),
            name: &self.name,
            title: self.title.as_deref().filter(|_| revision >= Revision::V2025_06_18),
            description: self.description.as_deref(),
            mime_type: self.mime_type.as_deref(),
            size: None,
        }
    }
}

/// What resources and their templates have in common on the wire.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_template: Option<&'a str>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mime_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
}

/// The result of `resources/read` (`ReadResourceResult`).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReadResourceResult {
    /// What is in it, or in several if it is a folder of them.
    pub contents: Vec<ResourceContents>,
    /// How long the client may keep it.
    pub caching: Caching,
}

impl ReadResourceResult {
    /// What was read.
    #[must_use]
    pub const fn new(contents: Vec<ResourceContents>) -> Self {
        Self { contents, caching: Caching::NONE }
    }
}
