//! What a server needs from the client before it can answer: on 2026-07-28 in a result
//! (basic/patterns/mrtr), before that in requests of its own.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;
use serde::ser::Serializer;

use crate::elicitation::ElicitRequest;
use crate::revision::Revision;
use crate::sampling::CreateMessageRequest;

/// Something that a client is asked for.
///
/// Serialised it is what the latest revision defines.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "method", content = "params")]
#[non_exhaustive]
pub enum InputRequest {
    /// To ask its user.
    #[serde(rename = "elicitation/create")]
    Elicit(ElicitRequest),
    /// To ask its model.
    #[serde(rename = "sampling/createMessage")]
    Sample(Box<CreateMessageRequest>),
    /// For the places that its user lets servers work on.
    #[serde(rename = "roots/list")]
    ListRoots,
}

impl InputRequest {
    /// The name of its method on the wire.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Elicit(_) => "elicitation/create",
            Self::Sample(_) => "sampling/createMessage",
            Self::ListRoots => "roots/list",
        }
    }

    /// Its `params` as `revision` defines them, without `_meta`, if it has any. `id` becomes the
    /// `elicitationId` that 2025-11-25 asks for, and must be unique within the server.
    ///
    /// # Errors
    ///
    /// If `revision` has no such thing. What it merely knows less of is left out.
    pub(crate) fn params_json<'a>(
        &'a self,
        revision: Revision,
        id: &'a str,
    ) -> Result<Option<impl Serialize>, NotInRevision> {
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Params<E, S> {
            Elicit(E),
            Sample(S),
        }

        let (params, (what, since)) = match self {
            Self::Elicit(request) => {
                (Params::Elicit(request.to_json(revision, id)), request.newest_part())
            }
            Self::Sample(request) => {
                (Params::Sample(request.to_json(revision)), request.newest_part())
            }
            Self::ListRoots => return Ok(None),
        };
        if revision < since {
            return Err(NotInRevision { what, since, revision });
        }
        Ok(Some(params))
    }
}

/// Something that a client cannot be asked for on the revision that it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct NotInRevision {
    /// What is missing, such as `asking the model with tools`.
    pub what: &'static str,
    /// The first revision that has it.
    pub since: Revision,
    /// The revision that the client speaks.
    pub revision: Revision,
}

impl fmt::Display for NotInRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, since, revision } = self;
        write!(f, "{what} needs a client of {since} or later, and this one speaks {revision}")
    }
}

impl core::error::Error for NotInRevision {}

impl From<ElicitRequest> for InputRequest {
    fn from(request: ElicitRequest) -> Self {
        Self::Elicit(request)
    }
}

impl From<CreateMessageRequest> for InputRequest {
    fn from(request: CreateMessageRequest) -> Self {
        Self::Sample(Box::new(request))
    }
}

/// What the client is to find out before it asks again (`InputRequiredResult`).
#[derive(Clone, Debug)]
pub struct InputRequired {
    requests: Vec<(String, InputRequest)>,
    state: Option<String>,
}

impl InputRequired {
    /// What the client is asked for, under names of the server's choice, and a text that it sends
    /// back as it is.
    ///
    /// Anyone can send another text instead: sign `state` if that could do harm.
    ///
    /// # Errors
    ///
    /// If there are neither requests nor state, or two requests have one name.
    pub fn new(
        requests: Vec<(String, InputRequest)>,
        state: Option<String>,
    ) -> Result<Self, InvalidInputRequired> {
        if requests.is_empty() && state.is_none() {
            return Err(InvalidInputRequired::Empty);
        }
        let mut names = BTreeSet::new();
        if let Some((name, _)) = requests.iter().find(|(name, _)| !names.insert(name)) {
            return Err(InvalidInputRequired::Duplicate { name: name.clone() });
        }
        Ok(Self { requests, state })
    }

    /// What the client is asked for, by name.
    #[must_use]
    pub fn requests(&self) -> &[(String, InputRequest)] {
        &self.requests
    }

    /// What the client sends back as it is.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }
}

impl Serialize for InputRequired {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Requests<'a>(&'a [(String, InputRequest)]);

        impl Serialize for Requests<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|(name, request)| (name, request)))
            }
        }

        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Object<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            input_requests: Option<Requests<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            request_state: Option<&'a str>,
        }

        Object {
            input_requests: (!self.requests.is_empty()).then_some(Requests(&self.requests)),
            request_state: self.state(),
        }
        .serialize(serializer)
    }
}

/// An [`InputRequired`] of which a client could make nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidInputRequired {
    /// There are neither requests nor state.
    Empty,
    /// Two requests have the same name.
    Duplicate {
        /// The name.
        name: String,
    },
}

impl fmt::Display for InvalidInputRequired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("nothing is asked for: give at least a request or a state"),
            Self::Duplicate { name } => {
                write!(f, "two requests are called {name:?}: give each its own name")
            }
        }
    }
}

impl core::error::Error for InvalidInputRequired {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elicitation::{ElicitProperty, ElicitSchema};
    use crate::sampling::{CreateMessageResult, SamplingMessage, ToolChoice};
    use alloc::string::ToString;
    use alloc::{format, vec};

    fn url() -> InputRequest {
        ElicitRequest::url("Look.", "https://a.test").into()
    }

    #[test]
    fn what_is_asked_for_has_the_shape_of_the_schema() {
        let sample = CreateMessageRequest::new(5, [SamplingMessage::user("Hi")]);
        let requests = vec![
            ("z".into(), sample.into()),
            ("b".into(), InputRequest::ListRoots),
            ("a".into(), url()),
        ];
        let requests = InputRequired::new(requests, Some("s\"".into())).unwrap();
        assert_eq!(
            serde_json::to_string(&requests).unwrap(),
            r#"{"inputRequests":{"z":{"method":"sampling/createMessage","params":{"messages":[{"role":"user","content":{"type":"text","text":"Hi"}}],"maxTokens":5}},"b":{"method":"roots/list"},"a":{"method":"elicitation/create","params":{"mode":"url","message":"Look.","url":"https://a.test"}}},"requestState":"s\""}"#
        );
        assert_eq!(requests.requests().len(), 3);

        let state = InputRequired::new(Vec::new(), Some(String::new())).unwrap();
        assert_eq!(serde_json::to_string(&state).unwrap(), r#"{"requestState":""}"#);
        let request = InputRequired::new(vec![("a".into(), InputRequest::ListRoots)], None);
        assert_eq!(
            serde_json::to_string(&request.unwrap()).unwrap(),
            r#"{"inputRequests":{"a":{"method":"roots/list"}}}"#
        );
    }

    fn form(schema: ElicitSchema) -> InputRequest {
        ElicitRequest::form("?", schema).into()
    }

    fn sample() -> CreateMessageRequest {
        CreateMessageRequest::new(5, [SamplingMessage::user("Hi")])
    }

    #[test]
    fn requests_of_all_revisions_have_a_method_and_params() {
        let sample_json =
            r#"{"messages":[{"role":"user","content":{"type":"text","text":"Hi"}}],"maxTokens":5}"#;
        let url_json =
            r#"{"mode":"url","message":"Look.","elicitationId":"7","url":"https://a.test"}"#;
        let schema_json = r#""message":"?","requestedSchema":{"type":"object","properties":{}}}"#;
        let new_form = format!(r#"{{"mode":"form",{schema_json}"#);
        for (request, method, revision, params) in [
            (url(), "elicitation/create", Revision::V2025_11_25, Some(url_json)),
            (
                form(ElicitSchema::new()),
                "elicitation/create",
                Revision::V2025_06_18,
                Some(&*format!("{{{schema_json}")),
            ),
            (
                form(ElicitSchema::new()),
                "elicitation/create",
                Revision::V2025_11_25,
                Some(&*new_form),
            ),
            (sample().into(), "sampling/createMessage", Revision::V2025_03_26, Some(sample_json)),
            (sample().into(), "sampling/createMessage", Revision::V2025_11_25, Some(sample_json)),
            (InputRequest::ListRoots, "roots/list", Revision::V2025_03_26, None),
            (InputRequest::ListRoots, "roots/list", Revision::V2025_11_25, None),
        ] {
            assert_eq!(request.method(), method);
            let found = request.params_json(revision, "7").unwrap();
            let found = found.map(|params| serde_json::to_string(&params).unwrap());
            assert_eq!(found.as_deref(), params);
        }
    }

    #[test]
    fn the_latest_revision_has_the_same_in_a_result() {
        for request in [url(), form(ElicitSchema::new()), sample().into(), InputRequest::ListRoots]
        {
            let params = request.params_json(Revision::V2026_07_28, "7").unwrap();
            let params = params.map_or_else(String::new, |params| {
                format!(r#","params":{}"#, serde_json::to_string(&params).unwrap())
            });
            assert_eq!(
                serde_json::to_string(&request).unwrap(),
                format!(r#"{{"method":"{}"{params}}}"#, request.method())
            );
        }
    }

    #[test]
    fn what_a_revision_does_not_have_is_told() {
        let list = ElicitSchema::new().property("a", ElicitProperty::any_of(["b"]));
        let tool = r#"{"role":"assistant","content":{"type":"tool_use","id":"1","name":"t","input":{}},"model":"m"}"#;
        let tool: CreateMessageResult = serde_json::from_str(tool).unwrap();
        for (request, since) in [
            (form(ElicitSchema::new()), Revision::V2025_06_18),
            (form(list), Revision::V2025_11_25),
            (url(), Revision::V2025_11_25),
            (sample().into(), Revision::V2025_03_26),
            (sample().tool_choice(ToolChoice::Auto).into(), Revision::V2025_11_25),
            (CreateMessageRequest::new(5, [tool.into()]).into(), Revision::V2025_11_25),
            (InputRequest::ListRoots, Revision::V2025_03_26),
        ] {
            for revision in Revision::ALL {
                let found = request.params_json(revision, "7").map(|_| ());
                let missing = found.err().map(|error| (error.since, error.revision));
                assert_eq!(missing, (revision < since).then_some((since, revision)), "{request:?}");
            }
        }
        let error = url().params_json(Revision::V2025_06_18, "7").map(|_| ()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sending the user to a page needs a client of 2025-11-25 or later, and this one speaks \
             2025-06-18"
        );
    }

    #[test]
    fn something_must_be_asked_for_and_under_names_of_its_own() {
        let error = InputRequired::new(Vec::new(), None).unwrap_err();
        assert_eq!(error, InvalidInputRequired::Empty);
        assert!(error.to_string().contains("give at least a request or a state"));
        let twice = vec![("a".into(), url()), ("b".into(), url()), ("a".into(), url())];
        let error = InputRequired::new(twice, None).unwrap_err();
        assert_eq!(error, InvalidInputRequired::Duplicate { name: "a".into() });
        assert!(error.to_string().contains("two requests are called \"a\""));
    }
}
