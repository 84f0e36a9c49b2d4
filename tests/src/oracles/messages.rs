//! JSON-RPC messages, and the fields that have to say the same: what one POST means.
//!
//! The rules are those of JSON-RPC 2.0 and, with `_meta` or the field for it, of 2026-07-28 (basic,
//! and basic/transports/streamable-http). Where the toolkit is stricter it says so here.

use std::sync::{Arc, LazyLock};

use mcp_proto::{
    Call, Catalog, CompletionsCapability, Config, Endpoint, Era, ErrorCode, ExtensionMethod, Input,
    Limits, McpMethod, Offer, Output, PromptsCapability, Reply, Revision, RpcError, ServerInfo,
    Session, Tool,
};
use serde_json::{Value, json};

use super::json::{Json, Kind};
use super::{NOW, is_field_value, lines, receive, trim};
use crate::http::read_responses;

/// Checks a body behind four lines, which are the values of `MCP-Protocol-Version`, `Mcp-Method`,
/// `Mcp-Name` and `Mcp-Param-P`. A value that is a single `-` is left out.
pub fn check(input: &[u8]) {
    let (values, body) = lines::<4>(input);
    if !values.iter().all(|value| is_field_value(value)) {
        return;
    }
    let values = values.map(|value| Some(trim(value)).filter(|value| *value != b"-"));
    let mut expected = Fields(values).expect(body);
    let outcome = answer(values, body);
    // A request that is not read to its end may have its id found all the same.
    if let Ok(text) = std::str::from_utf8(body)
        && is_too_deep(text, Limits::default().json_depth)
        && let ([(id, _)], [(found, _)]) = (&mut expected.messages[..], &outcome.messages[..])
    {
        assert!(found.as_ref().is_none_or(|found| text.contains(found)), "{found:?}");
        id.clone_from(found);
    }
    if expected.messages.iter().all(|(_, code)| *code != UNSETTLED.0) {
        assert_eq!(outcome, expected);
    }
}

/// Stands for an error, or none: the oracle does not know.
const UNSETTLED: ErrorCode = ErrorCode(i32::MIN);

const NAMES: [&str; 4] = ["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Param-P"];

/// The error that the application answers with.
const ANSWER: i32 = 7;

/// A method of an extension, and which of its parameters says what it is about.
const EXTENSION: (&str, &str) = ("laws/get", "law");

struct Fixture {
    config: Arc<Config>,
    catalog: Catalog,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let mut info = ServerInfo::new("messages", "1");
    info.capabilities.tools.get_or_insert_default();
    info.capabilities.resources.get_or_insert_default();
    info.capabilities.prompts = Some(PromptsCapability::default());
    info.capabilities.completions = Some(CompletionsCapability::default());
    let mut endpoint = Endpoint::new("/", info).expect("a path");
    endpoint.methods = vec![ExtensionMethod::new(EXTENSION.0).subject(EXTENSION.1)];
    let mirrored = json!({
        "type": "object",
        "properties": { "p": { "type": "string", "x-mcp-header": "P" } },
    });
    let offer = Offer { tools: vec![Tool::new("echo", "Says it", &mirrored)], ..Offer::default() };
    let catalog = Catalog::new(&offer).expect("an offer");
    Fixture { config: Arc::new(Config::new([endpoint])), catalog }
});

/// What one POST led to.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    status: u16,
    calls: Vec<Asked>,
    /// Ids as they were sent, if they could be read, and codes of errors, 0 for none; sorted.
    messages: Vec<(Option<String>, i32)>,
}

/// A call, as the application gets it. Values are JSON as it was sent.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    id: String,
    revision: Revision,
    method: &'static str,
    name: String,
    arguments: String,
    cursor: Option<String>,
    progress_token: Option<String>,
    meta: Option<String>,
    input_responses: Option<String>,
    request_state: Option<String>,
    /// What is completed, and what there is of it.
    completion: Option<(String, String)>,
    /// Whether the fields for its arguments say what they say.
    is_mirrored: bool,
}

/// What the session makes of it, with an application that answers at once.
fn answer(values: [Option<&[u8]>; 4], body: &[u8]) -> Outcome {
    let mut request = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                        Connection: close\r\n"
        .to_vec();
    for (name, value) in NAMES.iter().zip(values) {
        if let Some(value) = value {
            request.extend([name.as_bytes(), b":", value, b"\r\n"].concat());
        }
    }
    request.extend(format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes());
    request.extend(body);
    let mut session = Session::new(FIXTURE.config.clone(), NOW);
    let mut calls = Vec::new();
    for output in receive(&mut session, &request) {
        if let Output::Call(call) = output {
            calls.push(asked(&call));
            let error = RpcError::new(ErrorCode(ANSWER), "answered");
            session.handle(NOW, Input::Reply(call.key(), Reply::Error(error)));
        }
    }
    let responses = read_responses(session.transmit(), |_, _| false).finals;
    let [response] = &responses[..] else {
        panic!("{} responses", responses.len());
    };
    assert!(response.is_complete);
    let mut messages: Vec<_> = response.messages().into_iter().map(read_answer).collect();
    messages.sort();
    Outcome { status: response.status, calls, messages }
}

fn asked(call: &Call) -> Asked {
    let request = call.request();
    let text = |id: &mcp_proto::Id| id.to_string();
    Asked {
        id: request.id().map(text).expect("a request has an id"),
        revision: request.revision(),
        method: match request.method() {
            McpMethod::Extension(_) => EXTENSION.0,
            method => method.as_str(),
        },
        name: request.name().to_owned(),
        arguments: request.arguments().to_owned(),
        cursor: request.cursor().map(ToOwned::to_owned),
        progress_token: request.progress_token().map(text),
        meta: request.meta().map(ToOwned::to_owned),
        input_responses: request.input_responses().map(ToOwned::to_owned),
        request_state: request.request_state().map(ToOwned::to_owned),
        completion: request.completion().map(|it| (it.argument.clone(), it.value.clone())),
        is_mirrored: match FIXTURE.catalog.answer(call) {
            Some(Reply::Error(error)) => error.code != ErrorCode::HEADER_MISMATCH,
            _ => true,
        },
    }
}

fn read_answer(json: &str) -> (Option<String>, i32) {
    let message = Json::read(json).expect("a message is JSON");
    let id = message.get("id").map(|id| id.text.to_owned());
    let code = message.get("error").map(|error| {
        let code = error.get("code").expect("an error has a code");
        code.text.parse().expect("a code is a number")
    });
    assert_eq!(code.is_none(), message.get("result").is_some(), "{json}");
    (id, code.unwrap_or(0))
}

/// What a message means.
enum Meaning {
    Call(Box<Asked>),
    /// `initialize` and `server/discover`, which are alone.
    Begin {
        id: String,
    },
    Ping {
        id: String,
    },
    /// With no answer.
    Silent,
    Failed {
        id: Option<String>,
        era: Era,
        code: ErrorCode,
    },
}

impl Outcome {
    /// That of a request which is refused as a whole.
    fn refused(code: ErrorCode) -> Self {
        Self { status: 400, calls: Vec::new(), messages: vec![(None, code.0)] }
    }

    fn empty(status: u16) -> Self {
        Self { status, calls: Vec::new(), messages: Vec::new() }
    }

    fn push(&mut self, meaning: Meaning) {
        match meaning {
            Meaning::Call(call) => {
                self.messages.push((Some(call.id.clone()), ANSWER));
                self.calls.push(*call);
            }
            Meaning::Begin { id } | Meaning::Ping { id } => self.messages.push((Some(id), 0)),
            Meaning::Silent => {}
            Meaning::Failed { id, code, .. } => {
                self.messages.push((id, code.0));
            }
        }
    }
}

/// The text of a member that may be left out. Some clients write null for that.
fn optional<'a>(
    value: Option<&Json<'a>>,
    is_right: impl FnOnce(&Json<'a>) -> bool,
) -> Result<Option<String>, ErrorCode> {
    match value.filter(|value| value.text != "null") {
        Some(value) if !is_right(value) => Err(ErrorCode::INVALID_PARAMS),
        value => Ok(value.map(|value| value.text.to_owned())),
    }
}

/// 2026-07-28 has a status for each of its errors; in the 2025 revisions, only what is no message
/// has one.
fn status(era: Era, code: ErrorCode) -> u16 {
    match (era, code) {
        (_, ErrorCode::INVALID_REQUEST) => 400,
        (Era::Legacy, _) => 200,
        (Era::Modern, ErrorCode::METHOD_NOT_FOUND) => 404,
        (Era::Modern, _) => 400,
    }
}

/// The values of the fields in [`NAMES`].
struct Fields<'a>([Option<&'a [u8]>; 4]);

impl<'a> Fields<'a> {
    fn expect(&self, body: &[u8]) -> Outcome {
        let limits = Limits::default();
        let Ok(text) = std::str::from_utf8(body) else {
            return Outcome::refused(ErrorCode::PARSE_ERROR);
        };
        if text.trim_ascii_start().starts_with('[') {
            return self.expect_batch(text, &limits);
        }
        if is_too_deep(text, limits.json_depth) {
            return Outcome::refused(ErrorCode::INVALID_REQUEST);
        }
        let json = Json::read(text);
        // JSON-RPC section 5.1: what is JSON and no message is no parse error.
        if json.as_ref().is_some_and(|json| !json.is_object()) {
            return Outcome::refused(ErrorCode::INVALID_REQUEST);
        }
        let Some(message) = json.filter(is_message) else {
            return Outcome::refused(ErrorCode::PARSE_ERROR);
        };
        let meaning = self.interpret(&message);
        let mut outcome = Outcome::empty(match meaning {
            Meaning::Silent => 202,
            Meaning::Failed { era, code, .. } => status(era, code),
            _ => 200,
        });
        outcome.push(meaning);
        outcome
    }

    /// 2025-03-26, basic, "Batching": other revisions have none.
    fn expect_batch(&self, text: &str, limits: &Limits) -> Outcome {
        let is_known = matches!(self.version(), None | Some(Ok(Revision::V2025_03_26)));
        if !is_known || is_too_deep(text, limits.json_depth) {
            return Outcome::refused(ErrorCode::INVALID_REQUEST);
        }
        let Some(Json { kind: Kind::Array(members), .. }) = Json::read(text) else {
            return Outcome::refused(ErrorCode::PARSE_ERROR);
        };
        if members.is_empty() || members.len() > limits.batch {
            return Outcome::refused(ErrorCode::INVALID_REQUEST);
        }
        let mut outcome = Outcome::empty(200);
        for member in members {
            let invalid =
                Meaning::Failed { id: None, era: Era::Legacy, code: ErrorCode::INVALID_REQUEST };
            match Some(member).filter(is_message).map(|member| self.interpret(&member)) {
                Some(Meaning::Begin { .. }) => return Outcome::refused(ErrorCode::INVALID_REQUEST),
                Some(Meaning::Failed { era: Era::Modern, code, .. })
                    if code != ErrorCode::INVALID_REQUEST =>
                {
                    return Outcome::refused(ErrorCode::INVALID_REQUEST);
                }
                Some(Meaning::Call(asked)) if asked.revision.era() == Era::Modern => {
                    return Outcome::refused(ErrorCode::INVALID_REQUEST);
                }
                meaning => outcome.push(meaning.unwrap_or(invalid)),
            }
        }
        outcome.messages.sort();
        if outcome.messages.is_empty() {
            outcome.status = 202;
        }
        outcome
    }

    fn version(&self) -> Option<Result<Revision, &'a [u8]>> {
        let value = self.0[0]?;
        let known = Revision::ALL.into_iter().find(|it| it.as_str().as_bytes() == value);
        Some(known.ok_or(value))
    }

    fn interpret(&self, message: &Json<'_>) -> Meaning {
        const OF_META: [&str; 5] = [
            "progressToken",
            "io.modelcontextprotocol/protocolVersion",
            "io.modelcontextprotocol/clientInfo",
            "io.modelcontextprotocol/clientCapabilities",
            "io.modelcontextprotocol/logLevel",
        ];
        let params = message.get("params");
        let meta = params.and_then(|params| params.get("_meta"));
        let is_meta =
            |meta: &Json<'_>| meta.is_object() && meta.has_names() && !meta.repeats(&OF_META);
        let declared = meta
            .filter(|meta| is_meta(meta))
            .and_then(|meta| meta.get("io.modelcontextprotocol/protocolVersion"));
        // With any of these and no version in the field, a request is not of 2025, whatever it lacks.
        let keys = ["protocolVersion", "clientCapabilities", "clientInfo", "logLevel"];
        let is_modern = keys.iter().any(|key| {
            meta.is_some_and(|meta| meta.get(&format!("io.modelcontextprotocol/{key}")).is_some())
        });
        let era = match (self.version(), declared.and_then(Json::as_str)) {
            (None, None) if is_modern => Era::Modern,
            (None, None) => Era::Legacy,
            (Some(Ok(revision)), None) => revision.era(),
            (Some(Ok(revision)), Some(name)) if revision.as_str() == name => revision.era(),
            _ => Era::Modern,
        };
        // An error may say by null that it does not know what it answers.
        let is_error = message.get("error").is_some() && message.get("method").is_none();
        let id = message.get("id").filter(|id| !is_error || id.text != "null");
        if id.is_some_and(|id| !id.is_id()) {
            return Meaning::Failed { id: None, era, code: ErrorCode::INVALID_REQUEST };
        }
        let id = id.map(|id| id.text.to_owned());
        let failed = |code| Meaning::Failed { id: id.clone(), era, code };
        let is_answer = message.get("result").is_some() || message.get("error").is_some();
        let method = message.get("method");
        // Stricter than JSON: no escapes in the version.
        let is_of_version = message.get("jsonrpc").is_some_and(|it| it.text == "\"2.0\"");
        if !is_of_version || repeats(message) || (method.is_some() && is_answer) {
            return failed(ErrorCode::INVALID_REQUEST);
        }
        let Some(method) = method else {
            // What a client of 2026-07-28 sends are requests and notifications. Only an error may not
            // know what it answers.
            let answers = id.is_some() || message.get("error").is_some();
            return match is_answer && answers && era == Era::Legacy {
                true => Meaning::Silent,
                false => failed(ErrorCode::INVALID_REQUEST),
            };
        };
        let Some(method) = method.as_str() else {
            return failed(ErrorCode::INVALID_REQUEST);
        };
        let Some(id) = id.clone() else {
            return match (era, self.version()) {
                (Era::Modern, Some(Err(_))) => failed(ErrorCode::UNSUPPORTED_VERSION),
                _ => Meaning::Silent,
            };
        };
        let is_well_formed = params.is_none_or(Json::is_object) && meta.is_none_or(is_meta);
        if !is_well_formed {
            return failed(ErrorCode::INVALID_PARAMS);
        }
        let params = params.unwrap_or(&EMPTY);
        let meaning = match era {
            Era::Legacy => self.read_legacy(id, method, params),
            Era::Modern => self
                .check_version(meta.unwrap_or(&EMPTY))
                .and_then(|()| self.read_modern(id, method, params)),
        };
        meaning.unwrap_or_else(failed)
    }

    fn read_legacy(
        &self,
        id: String,
        method: &str,
        params: &Json<'_>,
    ) -> Result<Meaning, ErrorCode> {
        match method {
            "initialize" => match params.get("protocolVersion").and_then(Json::as_str) {
                Some(_) => Ok(Meaning::Begin { id }),
                None => Err(ErrorCode::INVALID_PARAMS),
            },
            "ping" => Ok(Meaning::Ping { id }),
            method if method == EXTENSION.0 => Err(ErrorCode::METHOD_NOT_FOUND),
            method => {
                let revision = match self.version() {
                    Some(Ok(revision)) => revision,
                    _ => Revision::V2025_03_26,
                };
                self.read_call(id, revision, method, params)
            }
        }
    }

    fn read_modern(
        &self,
        id: String,
        method: &str,
        params: &Json<'_>,
    ) -> Result<Meaning, ErrorCode> {
        if self.0[1].is_none_or(|value| value != method.as_bytes()) {
            return Err(ErrorCode::HEADER_MISMATCH);
        }
        match method {
            "server/discover" => Ok(Meaning::Begin { id }),
            method => self.read_call(id, Revision::V2026_07_28, method, params),
        }
    }

    /// In the order of the official suite: missing members beat a mismatch, and that beats an
    /// unsupported version.
    fn check_version(&self, meta: &Json<'_>) -> Result<(), ErrorCode> {
        let declared = match (meta.get("io.modelcontextprotocol/protocolVersion"), self.version()) {
            (Some(declared), _) => declared.as_str().ok_or(ErrorCode::INVALID_PARAMS)?,
            (None, Some(Err(_))) => return Err(ErrorCode::UNSUPPORTED_VERSION),
            (None, _) => return Err(ErrorCode::INVALID_PARAMS),
        };
        let capabilities = meta.get("io.modelcontextprotocol/clientCapabilities");
        if !capabilities.is_some_and(Json::is_object) {
            return Err(ErrorCode::INVALID_PARAMS);
        }
        match self.0[0] {
            Some(value) if value == declared.as_bytes() => match declared {
                "2026-07-28" => Ok(()),
                _ => Err(ErrorCode::UNSUPPORTED_VERSION),
            },
            _ => Err(ErrorCode::HEADER_MISMATCH),
        }
    }

    fn read_call(
        &self,
        id: String,
        revision: Revision,
        method: &str,
        params: &Json<'_>,
    ) -> Result<Meaning, ErrorCode> {
        // What it is about, and whether its answer may be a question.
        const METHODS: [(&str, Option<&str>, bool); 9] = [
            ("tools/list", None, false),
            ("tools/call", Some("name"), true),
            ("prompts/list", None, false),
            ("prompts/get", Some("name"), true),
            ("resources/list", None, false),
            ("resources/templates/list", None, false),
            ("resources/read", Some("uri"), true),
            ("completion/complete", None, false),
            (EXTENSION.0, Some(EXTENSION.1), false),
        ];
        let is_modern = revision.era() == Era::Modern;
        let known = METHODS.into_iter().find(|(name, ..)| *name == method);
        let (method, subject, may_ask) = known.ok_or(ErrorCode::METHOD_NOT_FOUND)?;
        let completion = match method {
            "completion/complete" => Some(read_completion(params)?),
            _ => None,
        };
        let name = match subject {
            None => "",
            Some(member) => {
                // Others are looked for in all messages.
                if params.repeats(&[member]) {
                    return Err(ErrorCode::INVALID_REQUEST);
                }
                let subject = params.get(member).and_then(Json::as_str);
                subject.ok_or(ErrorCode::INVALID_PARAMS)?
            }
        };
        if is_modern && subject.is_some() && self.mirrored(2).as_deref() != Some(name) {
            return Err(ErrorCode::HEADER_MISMATCH);
        }
        let text = |value: Option<&Json<'_>>| {
            optional(value, |value| value.as_str().is_some())?;
            Ok(value.and_then(Json::as_str).map(ToOwned::to_owned))
        };
        // What an extension asks with is the extension's.
        let is_mcp = method != EXTENSION.0;
        let arguments = optional(params.get("arguments").filter(|_| is_mcp), Json::is_object)?;
        let arguments = arguments.unwrap_or_else(|| "{}".into());
        let meta = params.get("_meta");
        let may_ask = may_ask && is_modern;
        Ok(Meaning::Call(Box::new(Asked {
            id,
            revision,
            method,
            name: name.to_owned(),
            is_mirrored: !is_modern
                || (method, name) != ("tools/call", "echo")
                || self.says(&arguments),
            arguments,
            cursor: text(params.get("cursor").filter(|_| is_mcp))?,
            progress_token: optional(meta.and_then(|it| it.get("progressToken")), Json::is_id)?,
            meta: meta.map(|meta| meta.text.to_owned()),
            completion,
            input_responses: optional(
                params.get("inputResponses").filter(|_| may_ask),
                Json::is_object,
            )?,
            request_state: text(params.get("requestState").filter(|_| may_ask))?,
        })))
    }

    /// The value of a field, which may be encoded ("Value Encoding").
    fn mirrored(&self, position: usize) -> Option<String> {
        super::guards::mirrored(self.0[position]?)
    }

    /// Whether `Mcp-Param-P` says what the argument `p` says ("Custom Headers from Tool
    /// Parameters"). What cannot be read as arguments has another error.
    fn says(&self, arguments: &str) -> bool {
        let Ok(arguments) = serde_json::from_str::<Value>(arguments) else {
            return true;
        };
        let argument = arguments.get("p").filter(|value| !value.is_null());
        match (argument, self.0[3]) {
            (None, None) => true,
            (None, Some(_)) | (Some(_), None) => false,
            (Some(argument), Some(_)) => self.mirrored(3).is_some_and(|text| match argument {
                Value::String(argument) => text == *argument,
                Value::Bool(argument) => text == argument.to_string(),
                // Safe integers as numbers: `42.0` is 42.
                Value::Number(argument) => {
                    let number: Result<f64, _> = text.parse();
                    let is_number =
                        !text.contains(|c: char| c.is_alphabetic() && c != 'e' && c != 'E');
                    is_number
                        && number.is_ok_and(|number| {
                            number.abs() < 2_f64.powi(53) && Some(number) == argument.as_f64()
                        })
                }
                _ => false,
            }),
        }
    }
}

static EMPTY: Json<'_> = Json { text: "{}", kind: Kind::Object(Vec::new()) };

/// Whether a text nests deeper than that where it is still JSON.
fn is_too_deep(text: &str, limit: usize) -> bool {
    let mut open = Vec::new();
    let (mut is_in_string, mut is_escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        let was_escaped = is_escaped;
        is_escaped = is_in_string && !was_escaped && byte == b'\\';
        match byte {
            b'"' if !was_escaped => is_in_string = !is_in_string,
            b'{' | b'[' if !is_in_string && open.len() == limit => {
                // A string in its place, and an end to it all, make a whole of what is there, unless
                // there is a value in front of it.
                let ends: String = open.iter().rev().collect();
                let whole = format!("{}\"\"{ends}", &text[..at]);
                let json = Json::read(&whole);
                return json.is_some_and(|json| !json.is_object() || is_message(&json));
            }
            b'{' if !is_in_string => open.push('}'),
            b'[' if !is_in_string => open.push(']'),
            b'}' | b']' if !is_in_string => _ = open.pop(),
            _ => {}
        }
    }
    false
}

/// Whether it is an object that can be read at all: names that are looked at are text.
fn is_message(message: &Json<'_>) -> bool {
    let all = |json: &Json<'_>, name: &str, check: &dyn Fn(&Json<'_>) -> bool| {
        let members = json.members().unwrap_or_default().iter();
        let mut members = members.filter(|(it, _)| it.says.as_deref() == Some(name));
        json.has_names() && members.all(|(_, value)| check(value))
    };
    let is_readable = |params: &Json<'_>| all(params, "_meta", &|meta| meta.has_names());
    message.is_object() && all(message, "params", &is_readable)
}

/// Whether a member that somebody could look at comes twice.
fn repeats(message: &Json<'_>) -> bool {
    message.repeats(&["jsonrpc", "id", "method", "params", "result", "error"])
        || message.get("params").is_some_and(|params| {
            params.repeats(&[
                "_meta",
                "name",
                "arguments",
                "cursor",
                "protocolVersion",
                "clientInfo",
                "uri",
                "ref",
                "argument",
                "context",
                "notifications",
                "inputResponses",
                "requestState",
            ])
        })
}

/// 2026-07-28, server/utilities/completion, "Requesting Completions". With members that are not
/// defined, or a context, it may be refused or not.
fn read_completion(params: &Json<'_>) -> Result<(String, String), ErrorCode> {
    let text = |object: &Json<'_>, member: &str| {
        let text = object.get(member).and_then(Json::as_str).filter(|_| object.is_object());
        text.map(ToOwned::to_owned).ok_or(ErrorCode::INVALID_PARAMS)
    };
    let (Some(reference), Some(argument)) = (params.get("ref"), params.get("argument")) else {
        return Err(ErrorCode::INVALID_PARAMS);
    };
    match text(reference, "type")?.as_str() {
        "ref/prompt" => text(reference, "name")?,
        "ref/resource" => text(reference, "uri")?,
        _ => return Err(ErrorCode::INVALID_PARAMS),
    };
    let completion = (text(argument, "name")?, text(argument, "value")?);
    let is_plain = |object: &Json<'_>| object.members().is_some_and(|members| members.len() == 2);
    match params.get("context") {
        None if is_plain(reference) && is_plain(argument) => Ok(completion),
        _ => Err(UNSETTLED),
    }
}
