//! Prompts: how they are described, and what getting one returns.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::catalog::{Listed, OfferKey, listed_builders};
use crate::content::{Content, meta_for};
use crate::icon::{Icon, icons_for};
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
    /// Pictures that stand for it. Left out before 2025-11-25.
    pub icons: Vec<Icon>,
    /// More about it (`_meta`). Left out if it is no object, and before 2025-06-18.
    pub meta: Option<Box<RawValue>>,
}

/// One argument of a [`Prompt`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PromptArgument {
    /// What it is called.
    pub name: String,
    /// A name for people. Left out before 2025-06-18.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether the prompt needs it.
    pub required: bool,
}

impl PromptArgument {
    /// An argument.
    #[must_use]
    pub fn new(name: impl Into<String>, required: bool) -> Self {
        Self { name: name.into(), title: None, description: None, required }
    }

    fn to_json(&self, revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        struct Object<'a> {
            name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            title: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            description: Option<&'a str>,
            required: bool,
        }

        Object {
            name: &self.name,
            title: self.title.as_deref().filter(|_| revision >= Revision::V2025_06_18),
            description: self.description.as_deref(),
            required: self.required,
        }
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
            icons: Vec::new(),
            meta: None,
        }
    }

    listed_builders!();
}

impl Listed for Prompt {
    fn key(&self) -> OfferKey {
        OfferKey::Prompt(self.name.clone())
    }

    fn to_json(&self, revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        struct PromptObject<'a, A> {
            name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            title: Option<&'a str>,
            description: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            arguments: Option<A>,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            icons: &'a [Icon],
            #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
            meta: Option<&'a RawValue>,
        }

        let arguments = Some(&self.arguments[..]).filter(|arguments| !arguments.is_empty());

        PromptObject {
            name: &self.name,
            title: self.title.as_deref().filter(|_| revision >= Revision::V2025_06_18),
            description: &self.description,
            arguments: arguments
                .map(|arguments| each(arguments, move |argument| argument.to_json(revision))),
            icons: icons_for(&self.icons, revision),
            meta: meta_for(&self.meta, revision),
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
    /// More about it, for the client (`_meta`).
    pub meta: Option<Box<RawValue>>,
}

impl GetPromptResult {
    /// A prompt of several messages.
    #[must_use]
    pub const fn new(messages: Vec<PromptMessage>) -> Self {
        Self { description: None, messages, meta: None }
    }

    /// A prompt of one text of the user.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(vec![PromptMessage::user(Content::text(text))])
    }

    /// Says what it is for.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Says more about it (`_meta`). Left out if it is no object.
    #[must_use]
    pub fn meta(mut self, meta: Box<RawValue>) -> Self {
        self.meta = Some(meta);
        self
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Resource;
    use alloc::borrow::ToOwned;
    use alloc::format;

    #[test]
    fn prompts_have_the_shape_of_their_revision() {
        let mut prompt = Prompt::new("p", "says it");
        let json = |prompt: &Prompt, revision| {
            serde_json::to_string(&Listed::to_json(prompt, revision)).unwrap()
        };
        let plain = r#"{"name":"p","description":"says it"}"#;
        assert_eq!(json(&prompt, Revision::V2026_07_28), plain);
        let mut argument = PromptArgument::new("a", true);
        argument.title = Some("A".into());
        argument.description = Some("An a".into());
        prompt.title = Some("P".into());
        prompt.arguments = vec![argument, PromptArgument::new("b", false)];
        prompt.icons = vec![Icon::new("a:i")];
        prompt.meta = Some(serde_json::from_str::<&RawValue>("{}").unwrap().to_owned());
        assert_eq!(
            json(&prompt, Revision::V2025_03_26),
            r#"{"name":"p","description":"says it","arguments":[{"name":"a","description":"An a","required":true},{"name":"b","required":false}]}"#
        );
        let titled = r#"{"name":"p","title":"P","description":"says it","arguments":[{"name":"a","title":"A","description":"An a","required":true},{"name":"b","required":false}]"#;
        assert_eq!(json(&prompt, Revision::V2025_06_18), format!(r#"{titled},"_meta":{{}}}}"#));
        assert_eq!(
            json(&prompt, Revision::V2026_07_28),
            format!(r#"{titled},"icons":[{{"src":"a:i"}}],"_meta":{{}}}}"#)
        );
    }

    #[test]
    fn results_have_the_shape_of_their_revision() {
        let link = Content::resource_link(Resource::new("a:b", "c"));
        let mut result = GetPromptResult::new(vec![PromptMessage::assistant(link)]);
        let json = |result: &GetPromptResult, revision| {
            serde_json::to_string(&result.to_json(revision)).unwrap()
        };
        assert_eq!(
            json(&result, Revision::V2025_03_26),
            r#"{"messages":[{"role":"assistant","content":{"type":"text","text":"c: a:b"}}]}"#
        );
        result.description = Some("D".into());
        assert_eq!(
            json(&result, Revision::V2026_07_28),
            r#"{"description":"D","messages":[{"role":"assistant","content":{"type":"resource_link","uri":"a:b","name":"c"}}]}"#
        );
    }
}
