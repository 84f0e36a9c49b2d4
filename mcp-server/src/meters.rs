//! Durations and numbers, through the `metrics` facade. What clients say is no label: methods, tools
//! and prompts are those that are offered, and all else is from a list of ours.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use mcp_proto::{Endpoint, LostRequest, McpMethod, Refusal, Request};
use metrics::{Label, SharedString, counter, gauge, histogram};

/// A request while it is answered.
pub(crate) struct Operation {
    began: Instant,
    server: String,
    method: String,
    version: &'static str,
    transport: &'static str,
    /// Of the tool or prompt, if it is offered: which of the two, and its name.
    target: Option<(&'static str, String)>,
}

impl Operation {
    pub(crate) fn begin(
        endpoint: &Endpoint,
        request: &Request,
        method: &str,
        transport: &'static str,
    ) -> Self {
        Self {
            began: Instant::now(),
            server: endpoint.info().name.clone(),
            method: method.to_owned(),
            version: request.revision().as_str(),
            transport,
            target: None,
        }
    }

    pub(crate) fn finds(&mut self, request: &Request) {
        let kind = match request.method() {
            McpMethod::CallTool => "gen_ai.tool.name",
            _ => "gen_ai.prompt.name",
        };
        self.target = Some((kind, request.name().to_owned()));
    }

    pub(crate) fn end(self, error: Option<Cow<'static, str>>) {
        let mut labels = vec![
            Label::new("mcp.server.name", self.server),
            Label::new("mcp.method.name", self.method),
            Label::new("mcp.protocol.version", self.version),
            Label::new("network.transport", self.transport),
        ];
        labels.extend(self.target.map(|(kind, name)| Label::new(kind, name)));
        labels.extend(error.map(|error| Label::new("error.type", error)));
        histogram!("mcp.server.operation.duration", labels).record(self.began.elapsed());
    }
}

/// Changes how many of something there are.
pub(crate) fn add(name: &'static str, server: &Arc<str>, change: f64) {
    gauge!(name, "mcp.server.name" => SharedString::from(server.clone())).increment(change);
}

/// A client has left before it was answered.
pub(crate) fn lost(lost: &LostRequest, server: Option<&str>) {
    let stage = name_of(&lost.stage);
    counter!("mcp.server.requests.lost", labels(server, "mcp.server.stage", stage)).increment(1);
}

/// A request was refused.
pub(crate) fn refused(refusal: &Refusal, server: Option<&str>) {
    let reason = name_of(refusal);
    counter!("mcp.server.refusals", labels(server, "mcp.server.reason", reason)).increment(1);
}

fn labels(server: Option<&str>, key: &'static str, value: String) -> Vec<Label> {
    let server = server.map(|server| Label::new("mcp.server.name", server.to_owned()));
    server.into_iter().chain([Label::new(key, value)]).collect()
}

/// The name of a variant, without what is in it: `ForeignHost { .. }` is `foreign_host`.
fn name_of(variant: &impl std::fmt::Debug) -> String {
    let debug = format!("{variant:?}");
    let name = debug.split(|character: char| !character.is_alphanumeric()).next().unwrap_or("");
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
    }
    snake
}
