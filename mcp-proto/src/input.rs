//! What a server needs from the client before it can answer (2026-07-28, basic/patterns/mrtr).

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;
use serde::ser::Serializer;

use crate::elicitation::ElicitRequest;
use crate::sampling::CreateMessageRequest;

/// Something that a client is asked for.
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
    use crate::sampling::SamplingMessage;
    use alloc::vec;

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

    #[test]
    fn something_must_be_asked_for_and_under_names_of_its_own() {
        let error = InputRequired::new(Vec::new(), None).unwrap_err();
        assert_eq!(error, InvalidInputRequired::Empty);
        let twice = vec![("a".into(), url()), ("b".into(), url()), ("a".into(), url())];
        let error = InputRequired::new(twice, None).unwrap_err();
        assert_eq!(error, InvalidInputRequired::Duplicate { name: "a".into() });
    }
}
