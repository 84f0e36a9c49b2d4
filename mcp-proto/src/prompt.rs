//! Prompts: how they are described, and what getting one returns.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use serde::Serialize;

use crate::catalog::{Listed, OfferKey};
use crate::content::Content;
use crate::json::each;
use crate::revision::Revision;
use crate::role::Role;

/// A prompt as `prompts/list` shows it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Prompt {
    /// What it is got by.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// What it is for.
    pub description: String,
    /// What can be filled in.
    pub arguments: Vec<PromptArgument>,
}

/// One argument of a [`Prompt`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct PromptArgument {
    /// What it is called.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether the prompt needs it.
    pub required: bool,
}

impl PromptArgument {
    /// An argument.
    #[must_use]
    pub fn new(name: impl Into<String>, required: bool) -> Self {
        Self { name: name.into(), description: None, required }
    }
}

impl Prompt {
    /// A prompt without arguments.
    #[must_use]
    pub fn new(name: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: None,
            description: description.into(),
            arguments: Vec::new(),
        }
    }
}

impl Listed for Prompt {
    fn name(&self) -> &str {
        &self.name
    }

    fn key(&self) -> OfferKey {
        OfferKey::Prompt(self.name.clone())
    }

    fn to_json(&self, revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        struct PromptObject<'a> {
            name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            title: Option<&'a str>,
            description: &'a str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            arguments: &'a [PromptArgument],
        }

        PromptObject {
            name: &self.name,
            title: self.title.as_deref().filter(|_| revision >= Revision::V2025_06_18),
            description: &self.description,
            arguments: &self.arguments,
        }
    }
}

/// One message of a prompt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PromptMessage {
    /// Who says it.
    pub role: Role,
    /// What.
    pub content: Content,
}

impl PromptMessage {
    /// Something that the user says.
    #[must_use]
    pub const fn user(content: Content) -> Self {
        Self { role: Role::User, content }
    }

    /// Something that the model says.
    #[must_use]
    pub const fn assistant(content: Content) -> Self {
        Self { role: Role::Assistant, content }
    }

    fn to_json(&self, revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        struct Object<C> {
            role: Role,
            content: C,
        }

        Object { role: self.role, content: self.content.to_json(revision) }
    }
}

/// The result of `prompts/get` (`GetPromptResult`).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct GetPromptResult {
    /// What the prompt is for.
    pub description: Option<String>,
    /// What is said.
    pub messages: Vec<PromptMessage>,
}

impl GetPromptResult {
    /// A prompt of several messages.
    #[must_use]
    pub const fn new(messages: Vec<PromptMessage>) -> Self {
        Self { description: None, messages }
    }

    /// A prompt of one text of the user.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(vec![PromptMessage::user(Content::text(text))])
    }

    /// The members as `revision` defines them.
    pub(crate) fn to_json(&self, revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        struct Object<'a, M> {
            #[serde(skip_serializing_if = "Option::is_none")]
            description: Option<&'a str>,
            messages: M,
        }

        Object {
            description: self.description.as_deref(),
            messages: each(&self.messages, move |message| message.to_json(revision)),
        }
    }
}
