//! What clients listen for, and what they hear (2026-07-28, basic/patterns/subscriptions).

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Not;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::RpcError;
use crate::json::{decoded, is_object};

/// What a client wants to hear of (`SubscriptionFilter`). By default, nothing.
///
/// Serializes to the members that are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionFilter {
    /// Whether [`Change::Tools`] is of interest.
    #[serde(skip_serializing_if = "Not::not")]
    pub tools_list_changed: bool,
    /// Whether [`Change::Prompts`] is of interest.
    #[serde(skip_serializing_if = "Not::not")]
    pub prompts_list_changed: bool,
    /// Whether [`Change::Resources`] is of interest.
    #[serde(skip_serializing_if = "Not::not")]
    pub resources_list_changed: bool,
    /// The URIs whose [`Change::Resource`] is of interest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_subscriptions: Vec<String>,
}

impl SubscriptionFilter {
    /// The filter in the `notifications` member of `subscriptions/listen`; of URIs that are there
    /// twice, the first.
    ///
    /// `json` must be one well-formed JSON value without white space around it.
    pub(crate) fn parse(json: &str) -> Result<Self, RpcError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Members<'a> {
            #[serde(borrow)]
            tools_list_changed: Option<&'a RawValue>,
            #[serde(borrow)]
            prompts_list_changed: Option<&'a RawValue>,
            #[serde(borrow)]
            resources_list_changed: Option<&'a RawValue>,
            #[serde(borrow)]
            resource_subscriptions: Option<&'a RawValue>,
        }

        // serde would take an array, too, for the members in their order.
        let members = Some(json).filter(|json| is_object(json));
        let members: Members<'_> =
            members.and_then(|json| serde_json::from_str(json).ok()).ok_or_else(|| {
                RpcError::invalid_params(
                    "invalid params: `notifications` must be an object that has each key once",
                )
            })?;
        Ok(Self {
            tools_list_changed: flag("toolsListChanged", members.tools_list_changed)?,
            prompts_list_changed: flag("promptsListChanged", members.prompts_list_changed)?,
            resources_list_changed: flag("resourcesListChanged", members.resources_list_changed)?,
            resource_subscriptions: uris("resourceSubscriptions", members.resource_subscriptions)?,
        })
    }

    /// Whether `change` is asked for. URIs are compared as text.
    #[must_use]
    pub fn includes(&self, change: &Change) -> bool {
        match change {
            Change::Tools => self.tools_list_changed,
            Change::Prompts => self.prompts_list_changed,
            Change::Resources => self.resources_list_changed,
            Change::Resource { uri } => self.resource_subscriptions.iter().any(|it| **it == **uri),
        }
    }

    /// All that is asked for.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change> {
        let lists = [Change::Tools, Change::Prompts, Change::Resources];
        let resources = self.resource_subscriptions.iter().map(|uri| Change::resource(&**uri));
        lists.into_iter().filter(|list| self.includes(list)).chain(resources)
    }
}

fn flag(name: &str, value: Option<&RawValue>) -> Result<bool, RpcError> {
    match value.map(RawValue::get) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(wrong_type(name, "a boolean")),
    }
}

fn uris(name: &str, value: Option<&RawValue>) -> Result<Vec<String>, RpcError> {
    let wrong = || wrong_type(name, "an array of strings");
    let Some(value) = value else {
        return Ok(Vec::new());
    };
    let values: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(|_| wrong())?;
    let mut seen = BTreeSet::new();
    let mut uris = Vec::new();
    for value in values {
        let uri = decoded(value.get()).ok_or_else(wrong)?;
        if seen.insert(uri.clone()) {
            uris.push(uri.into_owned());
        }
    }
    Ok(uris)
}

fn wrong_type(name: &str, what: &str) -> RpcError {
    RpcError::invalid_params(format!("invalid params: `notifications.{name}` must be {what}"))
}

/// Something of a server that has changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Change {
    /// Which tools there are, or how one is described.
    Tools,
    /// Which prompts there are, or how one is described.
    Prompts,
    /// Which resources there are, or how one is described.
    Resources,
    /// What is in a resource.
    Resource {
        /// What it is read by.
        uri: Arc<str>,
    },
}

impl Change {
    /// What is in the resource at `uri` has changed.
    #[must_use]
    pub fn resource(uri: impl Into<Arc<str>>) -> Self {
        Self::Resource { uri: uri.into() }
    }

    /// The notification that tells of it.
    pub(crate) const fn method(&self) -> &'static str {
        match self {
            Self::Tools => "notifications/tools/list_changed",
            Self::Prompts => "notifications/prompts/list_changed",
            Self::Resources => "notifications/resources/list_changed",
            Self::Resource { .. } => "notifications/resources/updated",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use alloc::string::ToString;
    use alloc::vec;

    fn to_json(filter: &SubscriptionFilter) -> String {
        serde_json::to_string(filter).unwrap()
    }

    #[test]
    fn a_filter_is_written_as_what_it_asks_for() {
        let mut filter = SubscriptionFilter::default();
        assert_eq!(to_json(&filter), "{}");
        filter.resource_subscriptions = vec!["file:///b".into(), "file:///\"a\"".into()];
        assert_eq!(to_json(&filter), r#"{"resourceSubscriptions":["file:///b","file:///\"a\""]}"#);
        filter.tools_list_changed = true;
        filter.prompts_list_changed = true;
        filter.resources_list_changed = true;
        assert_eq!(
            to_json(&filter),
            concat!(
                r#"{"toolsListChanged":true,"promptsListChanged":true,"#,
                r#""resourcesListChanged":true,"#,
                r#""resourceSubscriptions":["file:///b","file:///\"a\""]}"#
            )
        );
    }

    #[test]
    fn a_filter_is_read_by_exact_keys() {
        for (json, expected) in [
            ("{}", "{}"),
            (r#"{"toolsListChanged":true}"#, r#"{"toolsListChanged":true}"#),
            (r#"{ "promptsListChanged" : true }"#, r#"{"promptsListChanged":true}"#),
            (r#"{"resourcesListChanged":true}"#, r#"{"resourcesListChanged":true}"#),
            (r#"{"tools\u004cistChanged":true}"#, r#"{"toolsListChanged":true}"#),
            (r#"{"toolsListChanged":false,"resourceSubscriptions":[]}"#, "{}"),
            (r#"{"toolsListChanged":null,"resourceSubscriptions":null}"#, "{}"),
            (r#"{"ToolsListChanged":true,"tools_list_changed":1,"x":[{}],"x":0}"#, "{}"),
            (
                r#"{"resourceSubscriptions":["b","a","\u0062","","a", "c" ,""]}"#,
                r#"{"resourceSubscriptions":["b","a","","c"]}"#,
            ),
        ] {
            assert_eq!(to_json(&SubscriptionFilter::parse(json).unwrap()), expected, "{json}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_by_name() {
        for (json, expected) in [
            ("[]", "`notifications` must be an object"),
            ("[true,true,true,[]]", "`notifications` must be an object"),
            ("true", "`notifications` must be an object"),
            ("null", "`notifications` must be an object"),
            (r#""toolsListChanged""#, "`notifications` must be an object"),
            (r#"{"toolsListChanged":true,"toolsListChanged":true}"#, "has each key once"),
            (r#"{"toolsListChanged":null,"toolsListChanged":true}"#, "has each key once"),
            (r#"{"toolsListChanged":"true"}"#, "`notifications.toolsListChanged` must be a bool"),
            (r#"{"promptsListChanged":1}"#, "`notifications.promptsListChanged` must be a bool"),
            (r#"{"resourcesListChanged":{}}"#, "`notifications.resourcesListChanged` must be"),
            (r#"{"resourceSubscriptions":"a"}"#, "`notifications.resourceSubscriptions` must be"),
            (r#"{"resourceSubscriptions":{"a":1}}"#, "`notifications.resourceSubscriptions` must"),
            (r#"{"resourceSubscriptions":["a",1]}"#, "must be an array of strings"),
            (r#"{"resourceSubscriptions":[null]}"#, "must be an array of strings"),
            (r#"{"resourceSubscriptions":["\ud800"]}"#, "must be an array of strings"),
        ] {
            let error = SubscriptionFilter::parse(json).unwrap_err();
            assert_eq!(error.code, ErrorCode::INVALID_PARAMS, "{json}");
            assert!(error.message.contains(expected), "{json}: {}", error.message);
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_not_quoted() {
        let json = format!(r#"{{"toolsListChanged":"{}"}}"#, "x".repeat(10_000));
        let error = SubscriptionFilter::parse(&json).unwrap_err().to_string();
        assert!(error.len() < 200, "{error}");
    }

    #[test]
    fn a_filter_includes_what_it_asks_for() {
        let all = [
            (Change::Tools, r#"{"toolsListChanged":true}"#),
            (Change::Prompts, r#"{"promptsListChanged":true}"#),
            (Change::Resources, r#"{"resourcesListChanged":true}"#),
            (Change::resource("a"), r#"{"resourceSubscriptions":["b","a"]}"#),
            (Change::resource("A"), r#"{"resourceSubscriptions":["A","a/"]}"#),
        ];
        for (position, (_, json)) in all.iter().enumerate() {
            let filter = SubscriptionFilter::parse(json).unwrap();
            for (other, (change, _)) in all.iter().enumerate() {
                assert_eq!(filter.includes(change), position == other, "{change:?} in {json}");
                assert_eq!(filter.changes().any(|it| it == *change), position == other);
            }
        }
    }

    #[test]
    fn each_change_has_its_notification() {
        for (change, method) in [
            (Change::Tools, "notifications/tools/list_changed"),
            (Change::Prompts, "notifications/prompts/list_changed"),
            (Change::Resources, "notifications/resources/list_changed"),
            (Change::resource("a"), "notifications/resources/updated"),
        ] {
            assert_eq!(change.method(), method);
        }
    }
}
