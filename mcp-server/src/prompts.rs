//! Functions as prompts: what they take, and what they may return.

use std::collections::BTreeMap;

use mcp_proto::{
    Call, Content, GetPromptResult, Prompt, PromptArgument, PromptMessage, Reply, RpcError,
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::arguments::{self, Described};
use crate::failure::any_rpc_error;
use crate::handler::{Arguments, IntoReply, Kind};

/// The kind of handler that is a prompt.
#[derive(Debug)]
pub enum Prompts {}

impl Kind for Prompts {
    type Info = ();
    type Subject = ();

    fn subject(_: &Call, (): &()) {}
}

impl<A: DeserializeOwned + JsonSchema> Arguments<Prompts> for A {
    fn parse(call: &Call, (): &()) -> Result<Self, Reply> {
        let json = call.request().arguments();
        arguments::parse(json)
            // Clients send text whatever it is: 7 as "7".
            .or_else(|mistake| from_strings(json).ok_or(mistake))
            .map_err(|mistake| Reply::Error(RpcError::invalid_params(mistake)))
    }
}

/// Reads arguments that are all strings.
fn from_strings<A: DeserializeOwned>(json: &str) -> Option<A> {
    let texts: BTreeMap<String, String> = serde_json::from_str(json).ok()?;
    arguments::from_texts(&texts.into_iter().collect::<Vec<_>>()).ok()
}

/// A value that a prompt may return.
///
/// Text becomes one message of the user. An `Err` is answered as -32603 with its text, which the
/// client gets to read: keep secrets out of it. [`RpcError`] and [`AskError`](crate::AskError) are
/// answered as what they are.
#[diagnostic::on_unimplemented(
    message = "a prompt cannot return `{Self}`",
    note = "return text, `PromptMessage`, `Vec<PromptMessage>`, `GetPromptResult`, or a `Result` \
            of these"
)]
pub trait IntoPromptResult {
    /// Makes the answer.
    ///
    /// # Errors
    ///
    /// If there is no result to send, only an error.
    fn into_prompt_result(self) -> Result<GetPromptResult, RpcError>;
}

impl<R: IntoPromptResult> IntoReply<Prompts> for R {
    fn into_reply(self, (): ()) -> Reply {
        self.into_prompt_result().map_or_else(Reply::Error, Reply::Prompt)
    }
}

impl IntoPromptResult for GetPromptResult {
    fn into_prompt_result(self) -> Result<GetPromptResult, RpcError> {
        Ok(self)
    }
}

impl IntoPromptResult for Vec<PromptMessage> {
    fn into_prompt_result(self) -> Result<GetPromptResult, RpcError> {
        Ok(GetPromptResult::new(self))
    }
}

impl IntoPromptResult for PromptMessage {
    fn into_prompt_result(self) -> Result<GetPromptResult, RpcError> {
        vec![self].into_prompt_result()
    }
}

impl IntoPromptResult for String {
    fn into_prompt_result(self) -> Result<GetPromptResult, RpcError> {
        PromptMessage::user(Content::text(self)).into_prompt_result()
    }
}

impl IntoPromptResult for &'static str {
    fn into_prompt_result(self) -> Result<GetPromptResult, RpcError> {
        self.to_owned().into_prompt_result()
    }
}

impl<T: IntoPromptResult, E: std::fmt::Display + 'static> IntoPromptResult for Result<T, E> {
    fn into_prompt_result(self) -> Result<GetPromptResult, RpcError> {
        self.map_err(|error| any_rpc_error(&error))?.into_prompt_result()
    }
}

/// Describes a prompt as the type of its arguments does: each property is an argument.
pub(crate) fn describe<A: Described>(name: String, description: String) -> Prompt {
    let schema = A::schema();
    let required = schema.get("required").and_then(|required| required.as_array());
    let is_required = |name: &str| {
        required.is_some_and(|required| required.iter().any(|other| other.as_str() == Some(name)))
    };
    let properties = schema.get("properties").and_then(|properties| properties.as_object());
    let mut prompt = Prompt::new(name, description);
    prompt.arguments = properties
        .into_iter()
        .flatten()
        .map(|(name, property)| {
            let mut argument = PromptArgument::new(name, is_required(name));
            let description = property.get("description").and_then(|text| text.as_str());
            argument.description = description.map(str::to_owned);
            argument
        })
        .collect();
    prompt
}
