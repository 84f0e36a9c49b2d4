//! What a server asks of the client's model (2026-07-28, client/sampling).

mod message;

pub use message::{SamplingContent, SamplingMessage, ToolResult, ToolUse};

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::annotations::Priority;
use crate::catalog::Listed;
use crate::json::{each, object, read_one_or_many};
use crate::revision::Revision;
use crate::role::Role;
use crate::tool::Tool;

/// A conversation that the client's model is to go on with: the parameters of
/// `sampling/createMessage`.
#[derive(Clone, Debug)]
pub struct CreateMessageRequest {
    messages: Vec<SamplingMessage>,
    model_preferences: Option<ModelPreferences>,
    system_prompt: Option<String>,
    include_context: Option<IncludeContext>,
    temperature: Option<f64>,
    max_tokens: u32,
    stop_sequences: Vec<String>,
    metadata: Option<Box<RawValue>>,
    tools: Vec<Tool>,
    tool_choice: Option<ToolChoice>,
}

impl CreateMessageRequest {
    /// A conversation so far, and how many tokens the next message may have.
    ///
    /// A message in which the model uses tools must be followed by one with the results of all of
    /// them ([`SamplingMessage::tool_results`]).
    #[must_use]
    pub fn new(max_tokens: u32, messages: impl IntoIterator<Item = SamplingMessage>) -> Self {
        Self {
            messages: messages.into_iter().collect(),
            model_preferences: None,
            system_prompt: None,
            include_context: None,
            temperature: None,
            max_tokens,
            stop_sequences: Vec::new(),
            metadata: None,
            tools: Vec::new(),
            tool_choice: None,
        }
    }

    /// Says which model would be good.
    #[must_use]
    pub fn model_preferences(mut self, preferences: ModelPreferences) -> Self {
        self.model_preferences = Some(preferences);
        self
    }

    /// Sets what the model is told before the conversation.
    #[must_use]
    pub fn system_prompt(mut self, prompt: impl Into<String>) -> Self {
        self.system_prompt = Some(prompt.into());
        self
    }

    /// Asks for context from servers.
    #[must_use]
    pub const fn include_context(mut self, context: IncludeContext) -> Self {
        self.include_context = Some(context);
        self
    }

    /// Sets how much chance there is in the answer; the range depends on the model. Left out if it
    /// is not finite.
    #[must_use]
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = Some(temperature).filter(|temperature| temperature.is_finite());
        self
    }

    /// Sets at which texts the model is to stop.
    #[must_use]
    pub fn stop_sequences(
        mut self,
        sequences: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.stop_sequences = sequences.into_iter().map(Into::into).collect();
        self
    }

    /// Sets what is passed on to whoever runs the model. Left out if it is no object.
    #[must_use]
    pub fn metadata(mut self, metadata: Box<RawValue>) -> Self {
        self.metadata = Some(metadata);
        self
    }

    /// Offers tools to the model; they need not be those of the server.
    #[must_use]
    pub fn tools(mut self, tools: Vec<Tool>) -> Self {
        self.tools = tools;
        self
    }

    /// Says whether the model may or must use tools.
    #[must_use]
    pub const fn tool_choice(mut self, choice: ToolChoice) -> Self {
        self.tool_choice = Some(choice);
        self
    }

    /// Whether the client must have declared `sampling.tools`.
    #[must_use]
    pub fn needs_tools(&self) -> bool {
        !self.tools.is_empty()
            || self.tool_choice.is_some()
            || self.messages.iter().any(SamplingMessage::is_of_tools)
    }

    /// Whether the client should have declared `sampling.context`.
    #[must_use]
    pub const fn needs_context(&self) -> bool {
        matches!(
            self.include_context,
            Some(IncludeContext::ThisServer | IncludeContext::AllServers)
        )
    }

    /// What of it came last into the specification, and the first revision with that.
    pub(crate) fn newest_part(&self) -> (&'static str, Revision) {
        if self.needs_tools() {
            ("asking the model with tools", Revision::V2025_11_25)
        } else {
            ("asking the model", Revision::V2025_03_26)
        }
    }

    /// The object as `revision` defines it, which must know all of it.
    pub(crate) fn to_json(&self, revision: Revision) -> impl Serialize {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Params<'a, M, T> {
            messages: Vec<M>,
            #[serde(skip_serializing_if = "Option::is_none")]
            model_preferences: Option<&'a ModelPreferences>,
            #[serde(skip_serializing_if = "Option::is_none")]
            system_prompt: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            include_context: Option<IncludeContext>,
            #[serde(skip_serializing_if = "Option::is_none")]
            temperature: Option<f64>,
            max_tokens: u32,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            stop_sequences: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            metadata: Option<&'a RawValue>,
            #[serde(skip_serializing_if = "Option::is_none")]
            tools: Option<T>,
            #[serde(skip_serializing_if = "Option::is_none")]
            tool_choice: Option<ToolChoice>,
        }

        let tools = Some(&self.tools[..]).filter(|tools| !tools.is_empty());
        Params {
            messages: self.messages.iter().flat_map(|it| it.to_json(revision)).collect(),
            model_preferences: self.model_preferences.as_ref(),
            system_prompt: self.system_prompt.as_deref(),
            include_context: self.include_context,
            temperature: self.temperature,
            max_tokens: self.max_tokens,
            stop_sequences: &self.stop_sequences,
            metadata: object(&self.metadata),
            tools: tools.map(|tools| each(tools, move |tool| tool.to_json(revision))),
            tool_choice: self.tool_choice,
        }
    }
}

impl Serialize for CreateMessageRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json(Revision::V2026_07_28).serialize(serializer)
    }
}

/// Whose context a model gets to see besides the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_enums, reason = "the specification knows these three")]
pub enum IncludeContext {
    /// Nobody's.
    None,
    /// That of the server that asks. Deprecated since 2025-11-25.
    ThisServer,
    /// That of all servers of the client. Deprecated since 2025-11-25.
    AllServers,
}

/// Whether a model uses tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the specification knows these three")]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// One at least.
    Required,
    /// Not at all.
    None,
}

/// Which model would be good. Clients take it as advice.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelPreferences {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<ModelHint>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_priority: Option<Priority>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed_priority: Option<Priority>,
    #[serde(skip_serializing_if = "Option::is_none")]
    intelligence_priority: Option<Priority>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ModelHint {
    name: String,
}

/// Priorities go from 0, it does not matter, to 1, nothing matters more. What lies outside becomes
/// the nearer of the two, and NaN is left out.
impl ModelPreferences {
    /// Any model.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            hints: Vec::new(),
            cost_priority: None,
            speed_priority: None,
            intelligence_priority: None,
        }
    }

    /// Adds a name, or a part of one. The first that fits counts.
    #[must_use]
    pub fn hint(mut self, name: impl Into<String>) -> Self {
        self.hints.push(ModelHint { name: name.into() });
        self
    }

    /// Says how much it matters to be cheap.
    #[must_use]
    pub fn cost_priority(mut self, priority: f64) -> Self {
        self.cost_priority = Priority::new(priority);
        self
    }

    /// Says how much it matters to be fast.
    #[must_use]
    pub fn speed_priority(mut self, priority: f64) -> Self {
        self.speed_priority = Priority::new(priority);
        self
    }

    /// Says how much it matters to be able.
    #[must_use]
    pub fn intelligence_priority(mut self, priority: f64) -> Self {
        self.intelligence_priority = Priority::new(priority);
        self
    }
}

/// What the client's model answered (`CreateMessageResult`).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreateMessageResult {
    /// Who says it: the model.
    pub role: Role,
    /// What it says.
    #[serde(deserialize_with = "read_one_or_many")]
    pub content: Vec<SamplingContent>,
    /// The name of the model.
    pub model: String,
    /// Why it stopped, if that is known: `endTurn`, `stopSequence`, `maxTokens`, `toolUse` or
    /// something else.
    pub stop_reason: Option<String>,
}

impl CreateMessageResult {
    /// The first text in it.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.content.iter().find_map(|content| match content {
            SamplingContent::Text(text) => Some(text.text.as_str()),
            _ => None,
        })
    }

    /// The tools that the model wants to be called.
    pub fn tool_uses(&self) -> impl Iterator<Item = &ToolUse> {
        self.content.iter().filter_map(|content| match content {
            SamplingContent::ToolUse(tool_use) => Some(tool_use),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::CallToolResult;
    use alloc::borrow::ToOwned;
    use alloc::{format, vec};
    use serde_json::json;

    fn raw(json: &str) -> Box<RawValue> {
        serde_json::from_str::<&RawValue>(json).unwrap().to_owned()
    }

    fn json<T: Serialize>(value: &T) -> String {
        serde_json::to_string(value).unwrap()
    }

    #[test]
    fn requests_have_the_shape_of_the_schema() {
        let hi = || [SamplingMessage::user("Hi")];
        let message = r#"{"messages":[{"role":"user","content":{"type":"text","text":"Hi"}}]"#;
        let request = CreateMessageRequest::new(7, hi());
        assert_eq!(json(&request), format!(r#"{message},"maxTokens":7}}"#));
        assert!(!request.needs_tools() && !request.needs_context());

        let preferences = ModelPreferences::new()
            .hint("claude")
            .hint("gpt")
            .cost_priority(0.5)
            .speed_priority(-1.0)
            .intelligence_priority(f64::NAN);
        let request = CreateMessageRequest::new(7, hi())
            .model_preferences(preferences)
            .system_prompt("Be brief.")
            .include_context(IncludeContext::ThisServer)
            .temperature(0.5)
            .stop_sequences(["."])
            .metadata(raw(r#"{"a":1}"#))
            .tools(vec![Tool::new("t", "does it", &json!({"type": "object"}))])
            .tool_choice(ToolChoice::Required);
        assert_eq!(
            json(&request),
            format!(
                r#"{message},"modelPreferences":{{"hints":[{{"name":"claude"}},{{"name":"gpt"}}],"costPriority":0.5,"speedPriority":0.0}},"systemPrompt":"Be brief.","includeContext":"thisServer","temperature":0.5,"maxTokens":7,"stopSequences":["."],"metadata":{{"a":1}},"tools":[{{"name":"t","description":"does it","inputSchema":{{"type":"object"}}}}],"toolChoice":{{"mode":"required"}}}}"#
            )
        );
        assert!(request.needs_tools() && request.needs_context());
    }

    #[test]
    fn requests_have_the_shape_of_their_revision() {
        let list = json!({"type": "array"});
        let tool = Tool::new("t", "does it", &json!({"type": "object"})).with_output_schema(&list);
        let said = SamplingMessage::user("Hi").and("there");
        let request = CreateMessageRequest::new(7, [said])
            .model_preferences(ModelPreferences::new().hint("m"))
            .system_prompt("Be brief.")
            .include_context(IncludeContext::AllServers)
            .temperature(0.5)
            .stop_sequences(["."])
            .metadata(raw(r#"{"a":1}"#));
        let rest = r#""modelPreferences":{"hints":[{"name":"m"}]},"systemPrompt":"Be brief.","includeContext":"allServers","temperature":0.5,"maxTokens":7,"stopSequences":["."],"metadata":{"a":1}"#;
        let apart = r#"{"messages":[{"role":"user","content":{"type":"text","text":"Hi"}},{"role":"user","content":{"type":"text","text":"there"}}],"#;
        let together = r#"{"messages":[{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"text","text":"there"}]}],"#;
        for (revision, messages) in [
            (Revision::V2025_03_26, apart),
            (Revision::V2025_06_18, apart),
            (Revision::V2025_11_25, together),
            (Revision::V2026_07_28, together),
        ] {
            assert_eq!(json(&request.to_json(revision)), format!("{messages}{rest}}}"));
        }
        let request = request.tools(vec![tool]).tool_choice(ToolChoice::Auto);
        for (revision, output) in [
            (Revision::V2025_11_25, ""),
            (Revision::V2026_07_28, r#","outputSchema":{"type":"array"}"#),
        ] {
            assert_eq!(
                json(&request.to_json(revision)),
                format!(
                    r#"{together}{rest},"tools":[{{"name":"t","description":"does it","inputSchema":{{"type":"object"}}{output}}}],"toolChoice":{{"mode":"auto"}}}}"#
                )
            );
        }
    }

    #[test]
    fn what_json_or_the_schema_has_no_word_for_is_left_out() {
        let request = CreateMessageRequest::new(0, [])
            .temperature(f64::INFINITY)
            .metadata(raw("[]"))
            .tools(Vec::new());
        assert_eq!(json(&request), r#"{"messages":[],"maxTokens":0}"#);
    }

    #[test]
    fn a_conversation_with_tools_goes_on() {
        let answer = r#"{"role":"assistant","content":[{"type":"text","text":"Let me see."},{"type":"tool_use","id":"1","name":"t","input":{"a":1},"_meta":{"m":2}}]"#;
        let result: CreateMessageResult =
            serde_json::from_str(&format!(r#"{answer},"model":"m","stopReason":"toolUse"}}"#))
                .unwrap();
        assert_eq!(result.text(), Some("Let me see."));
        let mut failed = CallToolResult::error("no");
        failed.structured = Some(raw("[0]"));
        let results: Vec<_> = result.tool_uses().map(|it| it.result(failed.clone())).collect();
        let messages = [result.into(), SamplingMessage::tool_results(results)];
        assert_eq!(json(&messages[0]), format!("{answer}}}"));
        assert_eq!(
            json(&messages[1]),
            r#"{"role":"user","content":{"type":"tool_result","toolUseId":"1","content":[{"type":"text","text":"no"}],"structuredContent":[0],"isError":true}}"#
        );
        let request = CreateMessageRequest::new(7, messages);
        assert!(request.needs_tools());
        let request = request.include_context(IncludeContext::None).tool_choice(ToolChoice::None);
        let request = json(&request);
        assert!(request.contains(r#""includeContext":"none""#), "{request}");
        assert!(request.ends_with(r#""toolChoice":{"mode":"none"}}"#), "{request}");
    }

    #[test]
    fn results_of_all_revisions_are_read() {
        for (json, text, stop_reason) in [
            // 2025-03-26
            (
                r#"{"role":"assistant","content":{"type":"text","text":"a","annotations":{"audience":["user"],"priority":1}},"model":"m"}"#,
                Some("a"),
                None,
            ),
            // 2025-06-18
            (
                r#"{"_meta":{"x":1},"model":"m","stopReason":"endTurn","role":"assistant","content":{"type":"image","data":"","mimeType":"image/png","annotations":{"lastModified":"2025"},"_meta":{}}}"#,
                None,
                Some("endTurn"),
            ),
            // 2025-11-25
            (
                r#"{"_meta":{},"model":"m","stopReason":"toolUse","role":"assistant","content":[{"type":"text","text":"a"},{"type":"tool_use","id":"1","name":"t","input":{}}]}"#,
                Some("a"),
                Some("toolUse"),
            ),
        ] {
            let result: CreateMessageResult = serde_json::from_str(json).unwrap();
            assert_eq!((result.role, result.model.as_str()), (Role::Assistant, "m"));
            assert_eq!((result.text(), result.stop_reason.as_deref()), (text, stop_reason));
        }
    }

    #[test]
    fn results_have_one_piece_of_content_or_many() {
        let read = |content: &str| {
            let json = format!(r#"{{"role":"assistant","content":{content},"model":"m","x":1}}"#);
            serde_json::from_str::<CreateMessageResult>(&json).ok()
        };
        let one = read(r#"{"type":"text","text":"a"}"#).unwrap();
        assert_eq!((one.text(), one.content.len()), (Some("a"), 1));
        assert_eq!(one.stop_reason, None);
        assert_eq!(read(r#"[{"type":"text","text":"a"}]"#).unwrap().text(), Some("a"));
        assert_eq!(read("[]").unwrap().text(), None);
        for content in [
            r#""a""#,
            "null",
            r#"{"type":"resource","resource":{"uri":"a:b","text":""}}"#,
            r#"[{"type":"tool_use","id":"1","name":"t","input":[]}]"#,
            r#"{"type":"tool_result","toolUseId":"1","content":[{"type":"video"}]}"#,
            r#"[[{"type":"text","text":"a"}]]"#,
        ] {
            assert!(read(content).is_none(), "{content}");
        }
    }
}
