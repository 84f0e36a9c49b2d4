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
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::is_object;
use crate::revision::Revision;

/// Something that is asked of the user: the parameters of `elicitation/create`.
#[derive(Clone, Debug, PartialEq)]
pub struct ElicitRequest {
    message: String,
    mode: Mode,
}

#[derive(Clone, Debug, PartialEq)]
enum Mode {
    Form(ElicitSchema),
    Url(String),
}

impl ElicitRequest {
    /// Has the user fill in a form. Not for secrets: what is entered passes through the client, and
    /// the model may see it. `message` says why it is needed.
    ///
    /// Clients have it since 2025-06-18, and lists of choices since 2025-11-25.
    #[must_use]
    pub fn form(message: impl Into<String>, schema: ElicitSchema) -> Self {
        Self { message: message.into(), mode: Mode::Form(schema) }
    }

    /// Sends the user to a page, of which the client learns no more than the URL. `message` says
    /// why.
    ///
    /// The URL must be absolute, and hold nothing secret: whoever has it may open it. Clients have
    /// it since 2025-11-25.
    #[must_use]
    pub fn url(message: impl Into<String>, url: impl Into<String>) -> Self {
        Self { message: message.into(), mode: Mode::Url(url.into()) }
    }

    /// Whether it is a form, as opposed to a page.
    pub(crate) const fn is_form(&self) -> bool {
        matches!(self.mode, Mode::Form(_))
    }

    /// What of it came last into the specification, and the first revision with that.
    pub(crate) fn newest_part(&self) -> (&'static str, Revision) {
        match &self.mode {
            Mode::Url(_) => ("sending the user to a page", Revision::V2025_11_25),
            Mode::Form(schema) if schema.has_lists() => {
                ("a form with a choice of several values", Revision::V2025_11_25)
            }
            Mode::Form(_) => ("asking the user", Revision::V2025_06_18),
        }
    }

    /// The object as `revision` defines it, which must know all of it. `id` is for 2025-11-25,
    /// where a page needs one that is unique within the server (2025-11-25, client/elicitation).
    pub(crate) fn to_json<'a>(&'a self, revision: Revision, id: &'a str) -> impl Serialize {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Params<'a, T> {
            #[serde(skip_serializing_if = "Option::is_none")]
            mode: Option<&'static str>,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            requested_schema: Option<T>,
            #[serde(skip_serializing_if = "Option::is_none")]
            elicitation_id: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            url: Option<&'a str>,
        }

        let (mode, schema, url) = match &self.mode {
            Mode::Form(schema) => ("form", Some(schema), None),
            Mode::Url(url) => ("url", None, Some(url.as_str())),
        };
        Params {
            mode: (revision >= Revision::V2025_11_25).then_some(mode),
            message: &self.message,
            requested_schema: schema.map(|schema| schema.to_json(revision)),
            elicitation_id: (url.is_some() && revision == Revision::V2025_11_25).then_some(id),
            url,
        }
    }
}

impl Serialize for ElicitRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // This revision has no id to put there.
        self.to_json(Revision::V2026_07_28, "").serialize(serializer)
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
            Some(content) if !is_object(content.get()) => {
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
    fn requests_have_the_shape_of_their_revision() {
        let json = |request: &ElicitRequest, revision| {
            serde_json::to_string(&request.to_json(revision, "i\"")).unwrap()
        };
        let schema = ElicitSchema::new().property("a", ElicitProperty::string().default("b"));
        let form = ElicitRequest::form("Who?", schema);
        assert_eq!(
            json(&form, Revision::V2025_06_18),
            r#"{"message":"Who?","requestedSchema":{"type":"object","properties":{"a":{"type":"string"}}}}"#
        );
        let url = ElicitRequest::url("Look.", "https://a.test");
        assert_eq!(
            json(&url, Revision::V2025_11_25),
            r#"{"mode":"url","message":"Look.","elicitationId":"i\"","url":"https://a.test"}"#
        );
        let form_json = r#"{"mode":"form","message":"Who?","requestedSchema":{"type":"object","properties":{"a":{"type":"string","default":"b"}}}}"#;
        let url_json = r#"{"mode":"url","message":"Look.","url":"https://a.test"}"#;
        assert_eq!(json(&form, Revision::V2025_11_25), form_json);
        assert_eq!(json(&form, Revision::V2026_07_28), form_json);
        assert_eq!(json(&url, Revision::V2026_07_28), url_json);
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
            // 2025-06-18, and 2025-11-25 with a list.
            (
                r#"{"action":"accept","content":{"a":"b","c":1.5,"d":true}}"#,
                Some((ElicitAction::Accept, Some(r#"{"a":"b","c":1.5,"d":true}"#.into()))),
            ),
            (
                r#"{"_meta":{"m":1},"action":"accept","content":{"a":["b"]}}"#,
                Some((ElicitAction::Accept, Some(r#"{"a":["b"]}"#.into()))),
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
