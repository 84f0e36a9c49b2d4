//! What a client can be asked for.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use core::fmt;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use crate::error::{ErrorCode, RpcError};
use crate::input::InputRequest;
use crate::revision::Revision;

/// What a client declared that it can be asked for (`ClientCapabilities`). By default, nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "Object")]
#[non_exhaustive]
pub struct ClientCapabilities {
    /// Present if its user can be asked.
    pub elicitation: Option<ElicitationCapability>,
    /// Present if its model can be asked.
    pub sampling: Option<SamplingCapability>,
    /// Whether it has roots to list.
    pub roots: bool,
    /// The extensions that it knows, each with its settings.
    pub extensions: BTreeMap<String, Box<RawValue>>,
}

/// The `elicitation` member of [`ClientCapabilities`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ElicitationCapability {
    /// Whether the user can be shown a form.
    pub form: bool,
    /// Whether the user can be sent to a page.
    pub url: bool,
}

/// The `sampling` member of [`ClientCapabilities`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SamplingCapability {
    /// Whether the model can be offered tools.
    pub tools: bool,
    /// Whether the model can be given context from servers.
    pub context: bool,
}

/// [`ClientCapabilities`] on the wire.
#[derive(Deserialize)]
struct Object {
    elicitation: Option<Elicitation>,
    sampling: Option<Sampling>,
    roots: Option<Present>,
    extensions: Option<BTreeMap<String, Box<RawValue>>>,
}

#[derive(Deserialize)]
struct Elicitation {
    form: Option<Present>,
    url: Option<Present>,
}

#[derive(Deserialize)]
struct Sampling {
    tools: Option<Present>,
    context: Option<Present>,
}

/// An object of which it only matters that it is there.
#[derive(Deserialize)]
struct Present {}

impl From<Object> for ClientCapabilities {
    fn from(object: Object) -> Self {
        Self {
            elicitation: object.elicitation.map(|modes| ElicitationCapability {
                // An empty object is what there was before there were modes.
                form: modes.form.is_some() || modes.url.is_none(),
                url: modes.url.is_some(),
            }),
            sampling: object.sampling.map(|sampling| SamplingCapability {
                tools: sampling.tools.is_some(),
                context: sampling.context.is_some(),
            }),
            roots: object.roots.is_some(),
            extensions: object.extensions.unwrap_or_default(),
        }
    }
}

/// One thing that a client can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientCapability {
    /// Showing a form to the user.
    ElicitationForm,
    /// Sending the user to a page.
    ElicitationUrl,
    /// Asking the model.
    Sampling,
    /// Asking the model, with tools.
    SamplingTools,
    /// Asking the model, with context from servers.
    SamplingContext,
    /// Listing roots.
    Roots,
    /// An extension, by its identifier.
    Extension(String),
}

/// Shows the path of the capability in [`ClientCapabilities`].
impl fmt::Display for ClientCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ElicitationForm => "elicitation.form",
            Self::ElicitationUrl => "elicitation.url",
            Self::Sampling => "sampling",
            Self::SamplingTools => "sampling.tools",
            Self::SamplingContext => "sampling.context",
            Self::Roots => "roots",
            Self::Extension(name) => return write!(f, "extensions[{name:?}]"),
        })
    }
}

impl ClientCapabilities {
    /// What they mean if they were declared on `revision`. Before 2025-11-25, elicitation was forms
    /// and sampling took context, without a word about it.
    #[must_use]
    pub fn declared_on(mut self, revision: Revision) -> Self {
        if revision < Revision::V2025_11_25 {
            if let Some(elicitation) = &mut self.elicitation {
                elicitation.form = true;
            }
            if let Some(sampling) = &mut self.sampling {
                sampling.context = true;
            }
        }
        self
    }

    /// Checks that the client can be asked for `capability`.
    ///
    /// # Errors
    ///
    /// If it did not declare that.
    pub fn require(&self, capability: ClientCapability) -> Result<(), MissingCapability> {
        let is_declared = match &capability {
            ClientCapability::ElicitationForm => self.elicitation.is_some_and(|it| it.form),
            ClientCapability::ElicitationUrl => self.elicitation.is_some_and(|it| it.url),
            ClientCapability::Sampling => self.sampling.is_some(),
            ClientCapability::SamplingTools => self.sampling.is_some_and(|it| it.tools),
            ClientCapability::SamplingContext => self.sampling.is_some_and(|it| it.context),
            ClientCapability::Roots => self.roots,
            ClientCapability::Extension(name) => self.extensions.contains_key(name),
        };
        if is_declared { Ok(()) } else { Err(MissingCapability { capability }) }
    }

    /// Checks that the client can be sent `request`, which it must not be otherwise (2026-07-28,
    /// basic/patterns/mrtr, "Server Requirements").
    ///
    /// # Errors
    ///
    /// If it did not declare all that the request needs. The first that is missing is told.
    pub fn check(&self, request: &InputRequest) -> Result<(), MissingCapability> {
        match request {
            InputRequest::Elicit(request) if request.is_form() => {
                self.require(ClientCapability::ElicitationForm)
            }
            InputRequest::Elicit(_) => self.require(ClientCapability::ElicitationUrl),
            InputRequest::Sample(request) => {
                if request.needs_tools() {
                    self.require(ClientCapability::SamplingTools)?;
                }
                if request.needs_context() {
                    self.require(ClientCapability::SamplingContext)?;
                }
                self.require(ClientCapability::Sampling)
            }
            InputRequest::ListRoots => self.require(ClientCapability::Roots),
        }
    }
}

/// The client cannot be asked for something that an answer needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MissingCapability {
    capability: ClientCapability,
}

impl MissingCapability {
    /// What is missing.
    #[must_use]
    pub const fn capability(&self) -> &ClientCapability {
        &self.capability
    }
}

impl fmt::Display for MissingCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "missing client capability: this needs a client that declares `{}`",
            self.capability
        )
    }
}

impl core::error::Error for MissingCapability {}

/// Code -32021, with what would have to be declared in its data.
impl From<MissingCapability> for RpcError {
    fn from(missing: MissingCapability) -> Self {
        let required = match &missing.capability {
            ClientCapability::ElicitationForm => json!({"elicitation": {"form": {}}}),
            ClientCapability::ElicitationUrl => json!({"elicitation": {"url": {}}}),
            ClientCapability::Sampling => json!({"sampling": {}}),
            ClientCapability::SamplingTools => json!({"sampling": {"tools": {}}}),
            ClientCapability::SamplingContext => json!({"sampling": {"context": {}}}),
            ClientCapability::Roots => json!({"roots": {}}),
            ClientCapability::Extension(name) => json!({"extensions": {name: {}}}),
        };
        Self {
            data: to_raw_value(&json!({"requiredCapabilities": required})).ok(),
            ..Self::new(ErrorCode::MISSING_CLIENT_CAPABILITY, format!("{missing}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elicitation::{ElicitRequest, ElicitSchema};
    use crate::sampling::{CreateMessageRequest, IncludeContext, ToolChoice};
    use alloc::string::ToString;

    fn read(json: &str) -> ClientCapabilities {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn capabilities_are_read() {
        let elicitation = |json: &str| read(json).elicitation.map(|it| (it.form, it.url));
        assert_eq!(elicitation("{}"), None);
        assert_eq!(elicitation(r#"{"elicitation":null}"#), None);
        assert_eq!(elicitation(r#"{"elicitation":{}}"#), Some((true, false)));
        assert_eq!(elicitation(r#"{"elicitation":{"other":1}}"#), Some((true, false)));
        assert_eq!(elicitation(r#"{"elicitation":{"form":{"x":1}}}"#), Some((true, false)));
        assert_eq!(elicitation(r#"{"elicitation":{"url":{}}}"#), Some((false, true)));
        assert_eq!(elicitation(r#"{"elicitation":{"url":{},"form":{}}}"#), Some((true, true)));

        let sampling = |json: &str| read(json).sampling.map(|it| (it.tools, it.context));
        assert_eq!(sampling(r#"{"tasks":{},"experimental":{}}"#), None);
        assert_eq!(sampling(r#"{"sampling":{}}"#), Some((false, false)));
        assert_eq!(sampling(r#"{"sampling":{"tools":{}}}"#), Some((true, false)));
        assert_eq!(sampling(r#"{"sampling":{"context":{}}}"#), Some((false, true)));

        assert!(read(r#"{"roots":{"listChanged":true}}"#).roots);
        assert!(!read("{}").roots);
        let extensions = read(r#"{"extensions":{"a.b/c":{"d":[1]}}}"#).extensions;
        assert_eq!(extensions["a.b/c"].get(), r#"{"d":[1]}"#);

        for json in ["7", r#"{"roots":true}"#, r#"{"elicitation":{"url":false}}"#] {
            assert!(serde_json::from_str::<ClientCapabilities>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn requests_need_what_they_ask_for() {
        let sample = || CreateMessageRequest::new(1, []);
        let form = ElicitRequest::form("?", ElicitSchema::new());
        for (request, lacking, having, missing) in [
            (
                form.into(),
                r#"{"elicitation":{"url":{}}}"#,
                r#"{"elicitation":{}}"#,
                "elicitation.form",
            ),
            (
                ElicitRequest::url("?", "https://a.test").into(),
                r#"{"elicitation":{}}"#,
                r#"{"elicitation":{"url":{}}}"#,
                "elicitation.url",
            ),
            (sample().into(), r#"{"roots":{}}"#, r#"{"sampling":{}}"#, "sampling"),
            (
                sample().tool_choice(ToolChoice::Auto).into(),
                r#"{"sampling":{"context":{}}}"#,
                r#"{"sampling":{"tools":{}}}"#,
                "sampling.tools",
            ),
            (
                sample().include_context(IncludeContext::AllServers).into(),
                r#"{"sampling":{"tools":{}}}"#,
                r#"{"sampling":{"context":{}}}"#,
                "sampling.context",
            ),
            (InputRequest::ListRoots, r#"{"sampling":{}}"#, r#"{"roots":{}}"#, "roots"),
        ] {
            assert_eq!(read(having).check(&request), Ok(()));
            for lacking in [lacking, "{}"] {
                let error = read(lacking).check(&request).unwrap_err();
                assert_eq!(error.capability().to_string(), missing);
            }
        }
    }

    #[test]
    fn capabilities_mean_what_they_meant_on_their_revision() {
        let form = || ElicitRequest::form("?", ElicitSchema::new()).into();
        let sample = || CreateMessageRequest::new(1, []);
        let context = || sample().include_context(IncludeContext::ThisServer).into();
        let old = [Revision::V2025_03_26, Revision::V2025_06_18];
        let new = [Revision::V2025_11_25, Revision::V2026_07_28];
        for (json, request, on_old, on_new) in [
            ("{}", form(), false, false),
            (r#"{"elicitation":{}}"#, form(), true, true),
            (r#"{"elicitation":{"url":{}}}"#, form(), true, false),
            ("{}", context(), false, false),
            (r#"{"sampling":{}}"#, context(), true, false),
            (r#"{"sampling":{"context":{}}}"#, context(), true, true),
            (r#"{"sampling":{}}"#, sample().into(), true, true),
            (r#"{"sampling":{}}"#, sample().tool_choice(ToolChoice::Auto).into(), false, false),
            (r#"{"roots":{"listChanged":true}}"#, InputRequest::ListRoots, true, true),
            (r#"{"roots":{"listChanged":false}}"#, InputRequest::ListRoots, true, true),
        ] {
            for (revisions, expected) in [(old, on_old), (new, on_new)] {
                for revision in revisions {
                    let found = read(json).declared_on(revision).check(&request);
                    assert_eq!(found.is_ok(), expected, "{json} on {revision}");
                }
            }
        }
    }

    #[test]
    fn what_is_missing_is_told_as_the_client_would_declare_it() {
        let extension = "a.b/c".to_string();
        for (capability, required) in [
            (ClientCapability::ElicitationForm, r#"{"elicitation":{"form":{}}}"#),
            (ClientCapability::ElicitationUrl, r#"{"elicitation":{"url":{}}}"#),
            (ClientCapability::Sampling, r#"{"sampling":{}}"#),
            (ClientCapability::SamplingTools, r#"{"sampling":{"tools":{}}}"#),
            (ClientCapability::SamplingContext, r#"{"sampling":{"context":{}}}"#),
            (ClientCapability::Roots, r#"{"roots":{}}"#),
            (ClientCapability::Extension(extension), r#"{"extensions":{"a.b/c":{}}}"#),
        ] {
            let missing = ClientCapabilities::default().require(capability.clone()).unwrap_err();
            let error = RpcError::from(missing);
            assert_eq!(error.code.0, -32021);
            assert!(error.message.contains(&capability.to_string()), "{error}");
            let data = error.data.unwrap();
            assert_eq!(data.get(), format!(r#"{{"requiredCapabilities":{required}}}"#));
            // Declared like that, it is there.
            assert_eq!(read(required).require(capability), Ok(()));
        }
    }
}
