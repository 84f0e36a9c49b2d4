//! What a server asks of the user (2026-07-28, client/elicitation).
//!
//! `schema` describes the form, `reduce` makes such a description from a JSON Schema.

mod reduce;
mod schema;

pub use reduce::InvalidElicitSchema;
pub use schema::{ElicitChoice, ElicitChoices, ElicitFormat, ElicitProperty, ElicitSchema};

use alloc::boxed::Box;
use alloc::string::String;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::is_object;

/// Something that is asked of the user: the parameters of `elicitation/create`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct ElicitRequest {
    mode: Mode,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
enum Mode {
    #[serde(rename_all = "camelCase")]
    Form {
        message: String,
        requested_schema: ElicitSchema,
    },
    Url {
        message: String,
        url: String,
    },
}

impl ElicitRequest {
    /// Has the user fill in a form. Not for secrets: what is entered passes through the client, and
    /// the model may see it. `message` says why it is needed.
    #[must_use]
    pub fn form(message: impl Into<String>, schema: ElicitSchema) -> Self {
        Self { mode: Mode::Form { message: message.into(), requested_schema: schema } }
    }

    /// Sends the user to a page, of which the client learns no more than the URL. `message` says
    /// why.
    ///
    /// The URL must be absolute, and hold nothing secret: whoever has it may open it.
    #[must_use]
    pub fn url(message: impl Into<String>, url: impl Into<String>) -> Self {
        Self { mode: Mode::Url { message: message.into(), url: url.into() } }
    }

    /// Whether it is a form, as opposed to a page.
    pub(crate) const fn is_form(&self) -> bool {
        matches!(self.mode, Mode::Form { .. })
    }
}

/// What the user did about it (`ElicitResult`).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ElicitResult {
    /// What the user decided.
    pub action: ElicitAction,
    /// What was entered, an object. Only a form that was accepted has it.
    ///
    /// The client should have held it to the schema, and may have not.
    pub content: Option<Box<RawValue>>,
}

/// What a user decided about something that was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the specification knows these three")]
pub enum ElicitAction {
    /// To go along: the form was sent, or the page opened.
    Accept,
    /// Not to.
    Decline,
    /// Nothing: the question was put away.
    Cancel,
}

/// Fails if what was accepted is no object. What comes with another action is not looked at.
impl<'de> Deserialize<'de> for ElicitResult {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Object {
            action: ElicitAction,
            content: Option<Box<RawValue>>,
        }

        let Object { action, content } = Object::deserialize(deserializer)?;
        let content = content.filter(|_| action == ElicitAction::Accept);
        match content {
            Some(content) if !is_object(&content) => {
                Err(D::Error::custom("`content` must be an object"))
            }
            content => Ok(Self { action, content }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_shape_of_the_schema() {
        let schema = ElicitSchema::new().required("name", ElicitProperty::string());
        for (request, json) in [
            (
                ElicitRequest::form("Who are you?", schema),
                r#"{"mode":"form","message":"Who are you?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}}"#,
            ),
            (
                ElicitRequest::url("Enter your key.", "https://a.test/key"),
                r#"{"mode":"url","message":"Enter your key.","url":"https://a.test/key"}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&request).unwrap(), json);
        }
    }

    #[test]
    fn results_are_read_by_their_action() {
        let read = |json: &str| {
            let result: ElicitResult = serde_json::from_str(json).ok()?;
            Some((result.action, result.content.map(|content| content.get().into())))
        };
        let entered: Box<str> = r#"{"a":1}"#.into();
        for (json, expected) in [
            (
                r#"{"action":"accept","content":{"a":1}}"#,
                Some((ElicitAction::Accept, Some(entered))),
            ),
            (r#"{"action":"accept"}"#, Some((ElicitAction::Accept, None))),
            (r#"{"action":"accept","content":null}"#, Some((ElicitAction::Accept, None))),
            (r#"{"action":"decline","_meta":{}}"#, Some((ElicitAction::Decline, None))),
            (r#"{"action":"cancel","content":{"a":1}}"#, Some((ElicitAction::Cancel, None))),
            (r#"{"action":"accept","content":[1]}"#, None),
            (r#"{"action":"accept","content":"a"}"#, None),
            (r#"{"action":"agree"}"#, None),
            (r#"{"content":{}}"#, None),
            ("[]", None),
        ] {
            assert_eq!(read(json), expected, "{json}");
        }
    }
}
