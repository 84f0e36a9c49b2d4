//! Completion of the arguments of prompts and of the variables of templates.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::error::RpcError;
use crate::json::{Part, is_object};
use crate::jsonrpc::Members;

/// How many values may be suggested at once (2026-07-28, server/utilities/completion).
const MOST_VALUES: usize = 100;

/// What is to be completed: the parameters of `completion/complete`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Completion {
    /// Where the argument belongs.
    pub reference: CompletionReference,
    /// The argument or variable.
    pub argument: String,
    /// What has been typed of it.
    pub value: String,
    /// The arguments that have been filled in already.
    pub arguments: BTreeMap<String, String>,
}

/// What an argument belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum CompletionReference {
    /// A prompt.
    #[serde(rename = "ref/prompt")]
    Prompt {
        /// Its name.
        name: String,
    },
    /// A resource template.
    #[serde(rename = "ref/resource")]
    Resource {
        /// The template, as it is listed.
        uri: String,
    },
}

impl Completion {
    /// `params` are members that stand in `body`.
    pub(crate) fn parse(params: &Members, body: &str) -> Result<Self, RpcError> {
        #[derive(Deserialize)]
        struct Argument {
            name: String,
            value: String,
        }

        #[derive(Default, Deserialize)]
        struct Context {
            #[serde(default)]
            arguments: BTreeMap<String, String>,
        }

        let text = |member: Option<Part>| member.map(|member| member.of(body));
        let argument: Argument = member("argument", text(params.argument))?;
        let context = match text(params.context) {
            Some(context) => member("context", Some(context))?,
            None => Context::default(),
        };
        Ok(Self {
            reference: member("ref", text(params.reference))?,
            argument: argument.name,
            value: argument.value,
            arguments: context.arguments,
        })
    }
}

fn member<'de, T: Deserialize<'de>>(name: &str, value: Option<&'de str>) -> Result<T, RpcError> {
    let value = value
        .ok_or_else(|| RpcError::invalid_params(format!("invalid params: `{name}` is missing")))?;
    // serde would take an array, too, for the members in their order.
    let object = Some(value).filter(|value| is_object(value));
    object
        .and_then(|object| serde_json::from_str(object).ok())
        .ok_or_else(|| RpcError::invalid_params(format!("invalid params: `{name}` is malformed")))
}

/// The result of `completion/complete` (`CompleteResult`).
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CompleteResult {
    values: Vec<String>,
    total: usize,
    has_more: bool,
}

impl CompleteResult {
    /// All that fits, best first. The client is shown the first hundred, and told how many there
    /// are.
    #[must_use]
    pub fn new(mut values: Vec<String>) -> Self {
        let total = values.len();
        values.truncate(MOST_VALUES);
        Self { values, total, has_more: total > MOST_VALUES }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jsonrpc::Message;
    use alloc::string::ToString;

    #[test]
    fn members_are_objects_and_not_what_serde_takes_for_them() {
        let parse = |reference: &str, argument: &str| {
            let json = format!(r#"{{"params":{{"ref":{reference},"argument":{argument}}}}}"#);
            let message = Message::parse(&json, 9).unwrap();
            Completion::parse(message.members().unwrap(), &json)
        };
        let (reference, argument) =
            (r#"{"type":"ref/prompt","name":"p"}"#, r#"{"name":"a","value":"v"}"#);
        assert_eq!(parse(reference, argument).unwrap().value, "v");
        assert!(parse(reference, r#"["a","v"]"#).is_err());
        assert!(parse(r#"["ref/prompt","p"]"#, argument).is_err());
    }

    #[test]
    fn a_hundred_values_and_not_one_more() {
        let values = |count: usize| (0..count).map(|n| n.to_string()).collect();
        let result = CompleteResult::new(values(100));
        assert_eq!((result.values.len(), result.total, result.has_more), (100, 100, false));
        let result = CompleteResult::new(values(101));
        assert_eq!((result.values.len(), result.total, result.has_more), (100, 101, true));
    }
}
