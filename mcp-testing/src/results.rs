//! What a server answers with, as tests look at it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::Error;

/// The result of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolResult {
    json: Value,
}

impl ToolResult {
    pub(crate) const fn new(json: Value) -> Self {
        Self { json }
    }

    /// The text of all its content, one piece a line.
    #[must_use]
    pub fn text(&self) -> String {
        let texts: Vec<_> =
            self.content().iter().filter_map(|content| content["text"].as_str()).collect();
        texts.join("\n")
    }

    /// Its content, piece by piece.
    #[must_use]
    pub fn content(&self) -> &[Value] {
        array(&self.json["content"])
    }

    /// Its structured content; null if it has none.
    #[must_use]
    pub fn structured(&self) -> &Value {
        &self.json["structuredContent"]
    }

    /// Its structured content as a type.
    ///
    /// # Errors
    ///
    /// If it has none, or another.
    pub fn structured_as<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(self.structured()).map_err(|error| {
            Error::unexpected(
                format!("structured content that is a {}", std::any::type_name::<T>()),
                format!("{error}: {}", self.json),
            )
        })
    }

    /// Whether it tells the model of an error. Errors of the protocol are no results, but
    /// [`Error::Rpc`].
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.json["isError"] == Value::Bool(true)
    }

    /// All of it.
    #[must_use]
    pub const fn json(&self) -> &Value {
        &self.json
    }
}

/// What is in a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceResult {
    json: Value,
}

impl ResourceResult {
    pub(crate) const fn new(json: Value) -> Self {
        Self { json }
    }

    /// The text of all its contents, one after the other.
    #[must_use]
    pub fn text(&self) -> String {
        self.contents().iter().filter_map(|contents| contents["text"].as_str()).collect()
    }

    /// The bytes of its contents that are binary, one after the other.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let blobs = self.contents().iter().filter_map(|contents| contents["blob"].as_str());
        blobs.filter_map(|blob| STANDARD.decode(blob).ok()).flatten().collect()
    }

    /// Its contents: mostly one, but a resource can have parts.
    #[must_use]
    pub fn contents(&self) -> &[Value] {
        array(&self.json["contents"])
    }

    /// All of it.
    #[must_use]
    pub const fn json(&self) -> &Value {
        &self.json
    }
}

/// A prompt that has been filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptResult {
    json: Value,
}

impl PromptResult {
    pub(crate) const fn new(json: Value) -> Self {
        Self { json }
    }

    /// The text of all its messages, one a line.
    #[must_use]
    pub fn text(&self) -> String {
        let texts: Vec<_> = self
            .messages()
            .iter()
            .filter_map(|message| message["content"]["text"].as_str())
            .collect();
        texts.join("\n")
    }

    /// Its messages.
    #[must_use]
    pub fn messages(&self) -> &[Value] {
        array(&self.json["messages"])
    }

    /// All of it.
    #[must_use]
    pub const fn json(&self) -> &Value {
        &self.json
    }
}

/// A tool, prompt, resource or template in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    json: Value,
}

impl Listed {
    pub(crate) const fn new(json: Value) -> Self {
        Self { json }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.json["name"].as_str().unwrap_or_default()
    }

    /// What it is for; empty if nobody says so.
    #[must_use]
    pub fn description(&self) -> &str {
        self.json["description"].as_str().unwrap_or_default()
    }

    /// The URI of a resource; empty for anything else.
    #[must_use]
    pub fn uri(&self) -> &str {
        self.json["uri"].as_str().unwrap_or_default()
    }

    /// All of it.
    #[must_use]
    pub const fn json(&self) -> &Value {
        &self.json
    }
}

/// A report of progress.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// How much is done.
    pub progress: f64,
    /// How much there is to do, if that is known.
    pub total: Option<f64>,
    /// What is being done.
    pub message: Option<String>,
}

impl Progress {
    pub(crate) fn read(params: &Value) -> Self {
        Self {
            progress: params["progress"].as_f64().unwrap_or(f64::NAN),
            total: params["total"].as_f64(),
            message: params["message"].as_str().map(str::to_owned),
        }
    }
}

/// A log message.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Log {
    /// How severe it is, such as `warning`.
    pub level: String,
    /// What it says.
    pub data: Value,
}

impl Log {
    pub(crate) fn read(params: &Value) -> Self {
        let level = params["level"].as_str().unwrap_or_default().to_owned();
        Self { level, data: params["data"].clone() }
    }
}

/// What a server asks its client while it answers a call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Question {
    /// Names it. On 2026-07-28 the key that the handler has given it; on the 2025 revisions the id of
    /// a request.
    pub key: Value,
    /// `elicitation/create`, `sampling/createMessage` or `roots/list`.
    pub method: String,
    /// What exactly is asked.
    pub params: Value,
}

impl Question {
    /// What an elicitation says to the user; empty for anything else.
    #[must_use]
    pub fn message(&self) -> &str {
        self.params["message"].as_str().unwrap_or_default()
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.method, self.key, self.params)
    }
}

/// The elements of an array; none of what is no array.
pub(crate) fn array(json: &Value) -> &[Value] {
    json.as_array().map_or(&[], Vec::as_slice)
}
