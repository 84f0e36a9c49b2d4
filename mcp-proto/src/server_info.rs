//! What a server says of itself.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Not;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::icon::{Icon, icons_for};
use crate::json::is_object;
use crate::revision::{Era, Revision};
use crate::subscription::SubscriptionFilter;

/// Name, version and capabilities of an MCP server: what `initialize` and `server/discover` tell.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerInfo {
    /// A name for programs.
    pub name: String,
    /// A name for people.
    pub title: Option<String>,
    /// The server's own version.
    pub version: String,
    /// What it is for, for people. Left out before 2025-11-25, like the two that follow.
    pub description: Option<String>,
    /// The URL of its website.
    pub website_url: Option<String>,
    /// Pictures that stand for it. They go out with every result of 2026-07-28, so give URLs
    /// rather than data.
    pub icons: Vec<Icon>,
    /// How a model should use the server.
    pub instructions: Option<String>,
    /// Which parts of MCP it offers.
    pub capabilities: Capabilities,
}

impl ServerInfo {
    /// A server that offers nothing yet.
    #[must_use]
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            title: None,
            version: version.into(),
            description: None,
            website_url: None,
            icons: Vec::new(),
            instructions: None,
            capabilities: Capabilities::default(),
        }
    }

    /// The `Implementation` object as `revision` defines it.
    pub(crate) fn implementation(&self, revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Implementation<'a> {
            name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            title: Option<&'a str>,
            version: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            description: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            website_url: Option<&'a str>,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            icons: &'a [Icon],
        }

        let knows_icons = revision >= Revision::V2025_11_25;
        Implementation {
            name: &self.name,
            title: self.title.as_deref().filter(|_| revision >= Revision::V2025_06_18),
            version: &self.version,
            description: self.description.as_deref().filter(|_| knows_icons),
            website_url: self.website_url.as_deref().filter(|_| knows_icons),
            icons: icons_for(&self.icons, revision),
        }
    }
}

/// Which parts of MCP a server offers (`ServerCapabilities`).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Capabilities {
    /// Present if there are tools to call.
    pub tools: Option<ToolsCapability>,
    /// Present if there are prompts to get.
    pub prompts: Option<PromptsCapability>,
    /// Present if there are resources to read.
    pub resources: Option<ResourcesCapability>,
    /// Present if arguments can be completed.
    pub completions: Option<CompletionsCapability>,
    /// Present if handlers send log messages.
    pub logging: Option<LoggingCapability>,
    /// The extensions that it knows, each with its settings, which are an object. Identifiers have
    /// a prefix, such as `com.example/extension`. Left out before 2026-07-28.
    pub extensions: BTreeMap<String, Box<RawValue>>,
    /// What is on no standard's way yet, each with its settings, which are an object.
    pub experimental: BTreeMap<String, Box<RawValue>>,
}

/// The `tools` member of [`Capabilities`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ToolsCapability {
    /// Whether clients can hear of changes of the list. In the 2025 revisions, that
    /// needs sessions.
    pub list_changed: bool,
}

/// The `prompts` member of [`Capabilities`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PromptsCapability {
    /// Whether clients can hear of changes of the list. In the 2025 revisions, that
    /// needs sessions.
    pub list_changed: bool,
}

/// The `resources` member of [`Capabilities`].
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ResourcesCapability {
    /// Whether clients can hear of changes of one resource. In the 2025
    /// revisions, that needs sessions.
    pub subscribe: bool,
    /// Whether clients can hear of changes of the list. In the 2025 revisions, that
    /// needs sessions.
    pub list_changed: bool,
}

/// The `completions` member of [`Capabilities`].
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct CompletionsCapability {}

/// The `logging` member of [`Capabilities`].
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct LoggingCapability {}

impl Capabilities {
    /// Whether there is anything to listen for.
    pub(crate) fn has_changes(&self) -> bool {
        let everything = SubscriptionFilter {
            tools_list_changed: true,
            prompts_list_changed: true,
            resources_list_changed: true,
            resource_subscriptions: Vec::new(),
        };
        self.offered_of(everything) != SubscriptionFilter::default()
            || self.resources.as_ref().is_some_and(|resources| resources.subscribe)
    }

    /// As much of a filter as the server has promised to tell of.
    pub(crate) fn offered_of(&self, mut filter: SubscriptionFilter) -> SubscriptionFilter {
        filter.tools_list_changed &= self.tools.as_ref().is_some_and(|it| it.list_changed);
        filter.prompts_list_changed &= self.prompts.as_ref().is_some_and(|it| it.list_changed);
        let resources = self.resources.as_ref();
        filter.resources_list_changed &= resources.is_some_and(|it| it.list_changed);
        if !resources.is_some_and(|it| it.subscribe) {
            filter.resource_subscriptions.clear();
        }
        filter
    }

    /// The object as `revision` defines it.
    /// In the 2025 revisions, some need sessions.
    pub(crate) fn to_json(&self, revision: Revision, has_sessions: bool) -> impl Serialize {
        #[derive(Serialize)]
        struct ServerCapabilities<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            tools: Option<Notified>,
            #[serde(skip_serializing_if = "Option::is_none")]
            prompts: Option<Notified>,
            #[serde(skip_serializing_if = "Option::is_none")]
            resources: Option<Notified>,
            #[serde(skip_serializing_if = "Option::is_none")]
            completions: Option<&'a CompletionsCapability>,
            #[serde(skip_serializing_if = "Option::is_none")]
            logging: Option<&'a LoggingCapability>,
            #[serde(skip_serializing_if = "Option::is_none")]
            extensions: Option<Objects<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            experimental: Option<Objects<'a>>,
        }

        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Notified {
            #[serde(skip_serializing_if = "Not::not")]
            subscribe: bool,
            #[serde(skip_serializing_if = "Not::not")]
            list_changed: bool,
        }

        // In the 2025 revisions notifications of changes, and `logging/setLevel`, need a session.
        let is_modern = revision.era() == Era::Modern;
        let can_notify = is_modern || has_sessions;
        let notified = |subscribe, list_changed| Notified {
            subscribe: subscribe && can_notify,
            list_changed: list_changed && can_notify,
        };
        ServerCapabilities {
            tools: self.tools.as_ref().map(|tools| notified(false, tools.list_changed)),
            prompts: self.prompts.as_ref().map(|prompts| notified(false, prompts.list_changed)),
            resources: self
                .resources
                .as_ref()
                .map(|resources| notified(resources.subscribe, resources.list_changed)),
            completions: self.completions.as_ref(),
            logging: self.logging.as_ref().filter(|_| can_notify),
            extensions: Objects::of(&self.extensions).filter(|_| is_modern),
            experimental: Objects::of(&self.experimental),
        }
    }
}

/// Those members that are objects, as they all have to be.
struct Objects<'a>(&'a BTreeMap<String, Box<RawValue>>);

impl<'a> Objects<'a> {
    /// `None` if there is no such member.
    fn of(members: &'a BTreeMap<String, Box<RawValue>>) -> Option<Self> {
        let has_any = members.values().any(|settings| is_object(settings.get()));
        has_any.then_some(Self(members))
    }
}

impl Serialize for Objects<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let objects = self.0.iter().filter(|(_, settings)| is_object(settings.get()));
        serializer.collect_map(objects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned;
    use alloc::vec;

    #[test]
    fn implementations_have_the_shape_of_their_revision() {
        let mut info = ServerInfo::new("s", "1");
        info.title = Some("S".into());
        info.description = Some("serves".into());
        info.website_url = Some("https://a.test".into());
        info.icons = vec![Icon::new("a:i")];
        let whole = r#"{"name":"s","title":"S","version":"1","description":"serves","websiteUrl":"https://a.test","icons":[{"src":"a:i"}]}"#;
        for (revision, json) in [
            (Revision::V2025_03_26, r#"{"name":"s","version":"1"}"#),
            (Revision::V2025_06_18, r#"{"name":"s","title":"S","version":"1"}"#),
            (Revision::V2025_11_25, whole),
            (Revision::V2026_07_28, whole),
        ] {
            assert_eq!(serde_json::to_string(&info.implementation(revision)).unwrap(), json);
        }
    }

    #[test]
    fn what_is_granted_of_a_filter_is_what_the_capabilities_promise() {
        let parse = |json| SubscriptionFilter::parse(json).unwrap();
        let all = r#"{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true,"resourceSubscriptions":["a:"]}"#;
        let resources = |subscribe, list_changed| Capabilities {
            resources: Some(ResourcesCapability { subscribe, list_changed }),
            ..Capabilities::default()
        };
        for (capabilities, granted) in [
            (Capabilities::default(), "{}"),
            (
                Capabilities {
                    tools: Some(ToolsCapability { list_changed: true }),
                    prompts: Some(PromptsCapability { list_changed: false }),
                    resources: Some(ResourcesCapability::default()),
                    ..Capabilities::default()
                },
                r#"{"toolsListChanged":true}"#,
            ),
            (
                Capabilities {
                    tools: Some(ToolsCapability::default()),
                    prompts: Some(PromptsCapability { list_changed: true }),
                    ..Capabilities::default()
                },
                r#"{"promptsListChanged":true}"#,
            ),
            (resources(false, true), r#"{"resourcesListChanged":true}"#),
            (resources(true, false), r#"{"resourceSubscriptions":["a:"]}"#),
            (
                resources(true, true),
                r#"{"resourcesListChanged":true,"resourceSubscriptions":["a:"]}"#,
            ),
        ] {
            assert_eq!(capabilities.offered_of(parse(all)), parse(granted));
            assert_eq!(capabilities.offered_of(parse("{}")), parse("{}"));
            // Where nothing could be granted, there is nothing to listen for.
            assert_eq!(capabilities.has_changes(), granted != "{}", "{granted}");
        }
    }

    #[test]
    fn capabilities_have_the_shape_of_their_revision() {
        let raw = |json: &str| serde_json::from_str::<&RawValue>(json).unwrap().to_owned();
        let json = |capabilities: &Capabilities, revision| {
            serde_json::to_string(&capabilities.to_json(revision, false)).unwrap()
        };
        let mut capabilities = Capabilities {
            tools: Some(ToolsCapability::default()),
            prompts: Some(PromptsCapability::default()),
            resources: Some(ResourcesCapability::default()),
            ..Capabilities::default()
        };
        let plain = r#"{"tools":{},"prompts":{},"resources":{}}"#;
        assert_eq!(json(&capabilities, Revision::V2026_07_28), plain);
        assert_eq!(json(&Capabilities::default(), Revision::V2026_07_28), "{}");

        capabilities.tools = Some(ToolsCapability { list_changed: true });
        capabilities.prompts = Some(PromptsCapability { list_changed: true });
        capabilities.resources = Some(ResourcesCapability { subscribe: true, list_changed: true });
        capabilities.logging = Some(LoggingCapability {});
        capabilities.extensions =
            [("a.b/c".into(), raw(r#"{"x":1}"#)), ("a.b/d".into(), raw("true"))].into();
        capabilities.experimental = [("e".into(), raw("{}"))].into();
        for revision in [Revision::V2025_03_26, Revision::V2025_11_25] {
            assert_eq!(
                json(&capabilities, revision),
                r#"{"tools":{},"prompts":{},"resources":{},"experimental":{"e":{}}}"#
            );
        }
        assert_eq!(
            json(&capabilities, Revision::V2026_07_28),
            r#"{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"logging":{},"extensions":{"a.b/c":{"x":1}},"experimental":{"e":{}}}"#
        );
    }
}
