//! The client: whom it speaks to and as what, and what it asks for.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mcp_proto::{Change, Era, Revision};
use mcp_server::{Endpoints, Report, Server};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::listening::Listening;
use crate::results::{Listed, PromptResult, Question, ResourceResult, ToolResult, array};
use crate::world::{Shared, World};

/// What the members of `_meta` that are the protocol's begin with.
const META: &str = "io.modelcontextprotocol";

pub(crate) type Answering = Box<dyn FnMut(&Question) -> Option<Value>>;

/// A client in memory, and the servers that it speaks to.
///
/// Clones, and clients made from it by [`revision`](Self::revision) and the like, speak to the same
/// servers. When the last of them is dropped, with all calls, the servers are dropped, too, and their
/// shut-down hooks do not run; [`shutdown`](Self::shutdown) runs them.
#[derive(Clone)]
pub struct Client {
    pub(crate) world: Shared,
    path: String,
    revision: Revision,
    /// On the 2025 revisions.
    pub(crate) session: Option<Rc<Session>>,
    fields: Vec<(String, String)>,
    pub(crate) attachment: Option<Arc<dyn Any + Send + Sync>>,
    capabilities: Value,
    /// Whether it asks for neither progress nor log messages.
    is_quiet: bool,
    next_id: Rc<Cell<u64>>,
    pub(crate) answering: Option<Rc<RefCell<Answering>>>,
}

/// What `initialize` has begun.
#[derive(Debug)]
pub(crate) struct Session {
    /// A server without sessions gives none.
    id: Option<String>,
    result: Value,
    /// What has come by the stream of some call: each is told by one stream only.
    pub(crate) changes: RefCell<VecDeque<Change>>,
}

impl Client {
    /// Starts a server at `/mcp`, and is its client, on 2026-07-28. It can be asked everything, and
    /// wants to know of all progress and to get all log messages.
    ///
    /// # Errors
    ///
    /// If the server cannot be started.
    pub fn new(server: Server) -> Result<Self, Error> {
        Self::start(Endpoints::new().mount("/mcp", server))
    }

    /// Starts servers. The client speaks to the one at `/mcp`, if not told [otherwise](Self::at).
    ///
    /// # Errors
    ///
    /// If a server cannot be started.
    pub fn start(endpoints: Endpoints) -> Result<Self, Error> {
        Ok(Self {
            world: Rc::new(World::start(endpoints)?),
            path: "/mcp".into(),
            revision: Revision::V2026_07_28,
            session: None,
            fields: Vec::new(),
            attachment: None,
            capabilities: json!({
                "elicitation": {"form": {}, "url": {}},
                "roots": {},
                "sampling": {"context": {}, "tools": {}},
            }),
            is_quiet: false,
            next_id: Rc::default(),
            answering: None,
        })
    }

    /// Speaks to the server at that path.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Sends a header field with every request, such as `Authorization`. It takes the place of one
    /// of that name which the client would send by itself. On the 2025 revisions, whoever has begun a
    /// session goes on with it: say who that is before [`revision`](Self::revision).
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.fields.retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
        self.fields.push((name, value.into()));
        self
    }

    /// Attaches to its connections what an application knows of one, which handlers find with
    /// [`Context::attachment`](mcp_server::Context::attachment).
    #[must_use]
    pub fn attach(mut self, attachment: Arc<dyn Any + Send + Sync>) -> Self {
        self.attachment = Some(attachment);
        self
    }

    /// Declares what it can be asked, as `ClientCapabilities`: `json!({})` for nothing. On the 2025
    /// revisions, before the session is begun by [`revision`](Self::revision).
    #[must_use]
    pub fn capabilities(mut self, capabilities: Value) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Asks for neither progress nor log messages. On the 2025 revisions, before the session is begun
    /// by [`revision`](Self::revision).
    #[must_use]
    pub const fn quiet(mut self) -> Self {
        self.is_quiet = true;
        self
    }

    /// Answers questions of the server as they come, with the result that a client would send; what
    /// the function gives nothing for waits for [`Call::answer`].
    #[must_use]
    pub fn answering(mut self, answer: impl FnMut(&Question) -> Option<Value> + 'static) -> Self {
        self.answering = Some(Rc::new(RefCell::new(Box::new(answer))));
        self
    }

    /// A client of the same server that speaks that revision. On the 2025 revisions it begins a
    /// session, if the server has them.
    ///
    /// # Errors
    ///
    /// If the server begins none.
    pub fn revision(&self, revision: Revision) -> Result<Self, Error> {
        let mut client = Self { revision, session: None, ..self.clone() };
        if revision.era() == Era::Modern {
            return Ok(client);
        }
        let params = json!({
            "protocolVersion": revision.as_str(),
            "capabilities": self.capabilities,
            "clientInfo": info(),
        });
        let mut call = client.begin("initialize", params)?;
        let result = call.result()?;
        if result["protocolVersion"] != revision.as_str() {
            return Err(Error::unexpected(format!("a session of {revision}"), result.to_string()));
        }
        let has_logs = !result["capabilities"]["logging"].is_null();
        let (id, changes) = (call.session_id(), RefCell::default());
        let has_session = id.is_some();
        client.session = Some(Rc::new(Session { id, result, changes }));
        if has_session {
            client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
            if has_logs {
                // If nothing is said, the server chooses.
                let level = if self.is_quiet { "emergency" } else { "debug" };
                client.request("logging/setLevel", json!({"level": level}))?;
            }
        }
        Ok(client)
    }

    /// How long it waits, in real time, for what other threads have to do. Default: 5 s, which is
    /// spent only where a test fails.
    pub fn patience(&self, patience: Duration) {
        self.world.patience.set(patience);
    }

    /// What the server says of itself: the result of `server/discover`, or of `initialize` on the
    /// 2025 revisions.
    ///
    /// # Errors
    ///
    /// Those of [`request`](Self::request).
    pub fn discover(&self) -> Result<Value, Error> {
        match &self.session {
            Some(session) => Ok(session.result.clone()),
            None => self.request("server/discover", json!({})),
        }
    }

    /// Calls a tool, and waits for its result. No arguments are `()`.
    ///
    /// # Errors
    ///
    /// [`Error::Rpc`] if the server answers with an error, which a tool that fails does not; others
    /// if there is no answer.
    pub fn call(&self, tool: &str, arguments: impl Serialize) -> Result<ToolResult, Error> {
        self.begin_call(tool, arguments)?.finish()
    }

    /// Calls a tool, to see what it does on the way to its result. No arguments are `()`.
    ///
    /// # Errors
    ///
    /// If the call cannot be sent.
    pub fn begin_call(&self, tool: &str, arguments: impl Serialize) -> Result<Call, Error> {
        self.begin("tools/call", json!({"name": tool, "arguments": arguments_of(arguments)?}))
    }

    /// Sends a request of any method, and waits for its result.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    pub fn request(&self, method: &str, params: impl Serialize) -> Result<Value, Error> {
        self.begin(method, params)?.result()
    }

    /// Sends a request of any method.
    ///
    /// # Errors
    ///
    /// If it cannot be sent.
    pub fn begin(&self, method: &str, params: impl Serialize) -> Result<Call, Error> {
        match to_json(params)? {
            Value::Object(params) => Call::begin(self.clone(), method, params),
            other => Err(Error::Argument(format!("`params` must be an object, and not {other}"))),
        }
    }

    /// All tools, from as many pages as there are.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    pub fn list_tools(&self) -> Result<Vec<Listed>, Error> {
        self.list("tools/list", "tools")
    }

    /// All prompts.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    pub fn list_prompts(&self) -> Result<Vec<Listed>, Error> {
        self.list("prompts/list", "prompts")
    }

    /// All resources.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    pub fn list_resources(&self) -> Result<Vec<Listed>, Error> {
        self.list("resources/list", "resources")
    }

    /// All templates of resources.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    pub fn list_resource_templates(&self) -> Result<Vec<Listed>, Error> {
        self.list("resources/templates/list", "resourceTemplates")
    }

    fn list(&self, method: &str, member: &str) -> Result<Vec<Listed>, Error> {
        let (mut listed, mut params) = (Vec::new(), json!({}));
        loop {
            let page = self.request(method, params)?;
            listed.extend(array(&page[member]).iter().cloned().map(Listed::new));
            match &page["nextCursor"] {
                Value::Null => return Ok(listed),
                cursor => params = json!({"cursor": cursor}),
            }
        }
    }

    /// Reads a resource.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    pub fn read_resource(&self, uri: &str) -> Result<ResourceResult, Error> {
        self.request("resources/read", json!({"uri": uri})).map(ResourceResult::new)
    }

    /// Fills in a prompt. Arguments are text.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    pub fn get_prompt(&self, name: &str, arguments: impl Serialize) -> Result<PromptResult, Error> {
        let params = json!({"name": name, "arguments": arguments_of(arguments)?});
        self.request("prompts/get", params).map(PromptResult::new)
    }

    /// What an argument of a prompt could be, of which `typed` has been typed.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    pub fn complete_prompt(
        &self,
        name: &str,
        argument: &str,
        typed: &str,
    ) -> Result<Vec<String>, Error> {
        self.complete(json!({"type": "ref/prompt", "name": name}), argument, typed)
    }

    /// What a variable of a resource template could be, of which `typed` has been typed.
    ///
    /// # Errors
    ///
    /// As for [`call`](Self::call).
    pub fn complete_template(
        &self,
        uri_template: &str,
        variable: &str,
        typed: &str,
    ) -> Result<Vec<String>, Error> {
        self.complete(json!({"type": "ref/resource", "uri": uri_template}), variable, typed)
    }

    fn complete(&self, subject: Value, argument: &str, typed: &str) -> Result<Vec<String>, Error> {
        let argument = json!({"name": argument, "value": typed});
        let params = json!({"ref": subject, "argument": argument});
        let result = self.request("completion/complete", params)?;
        let values = array(&result["completion"]["values"]).iter();
        Ok(values.filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// Listens for changes: by `subscriptions/listen`, or on the 2025 revisions by a GET, which tells
    /// of all lists whatever is asked for, and `resources/subscribe` for each resource.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] if the server does not tell of changes, as it has no
    /// [handle](mcp_server::Server::handle); others if there is no answer.
    pub fn listen(&self, changes: impl IntoIterator<Item = Change>) -> Result<Listening, Error> {
        Listening::begin(self.clone(), &Vec::from_iter(changes))
    }

    /// Runs the servers until nothing more happens by itself.
    pub fn settle(&self) {
        self.world.settle();
    }

    /// Lets that much time pass, on the clock of the servers and in no time: deadlines, keep-alives
    /// and the ends of sessions come when they are due. Timers of a runtime go by a clock of their own.
    /// More than a year counts as a year.
    pub fn advance(&self, time: Duration) {
        self.world.advance(time);
    }

    /// Stops the servers: idle connections are closed at once, and what is at work is cut off after
    /// `drain`, on the clock of the servers, which moves when nothing happens by itself. Then the
    /// shut-down hooks run. A `drain` of more than a year, such as `Duration::MAX`, never ends.
    ///
    /// # Errors
    ///
    /// If a shut-down hook, or what is waited for, does not end, or the servers have been stopped before.
    pub fn shutdown(&self, drain: Duration) -> Result<Report, Error> {
        self.world.stop(drain)
    }

    pub(crate) fn is_modern(&self) -> bool {
        self.revision.era() == Era::Modern
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.next_id.set(self.next_id.get() + 1);
        self.next_id.get()
    }

    /// Sends what is accepted and not answered.
    pub(crate) fn send(&self, message: &Value) -> Result<(), Error> {
        let mut exchange = Exchange::begin(self, &self.post(message, None, &[]))?;
        let what = message["method"].as_str().unwrap_or("an answer");
        let sent = self.world.wait(|| {
            let message = exchange.next_message()?;
            Ok((message.is_some() || exchange.is_over()).then_some(message))
        })?;
        match sent.map_err(|_| self.world.stalled(format!("{what} to be accepted")))? {
            Some(message) => Err(Error::unexpected("no answer", message.to_string())),
            None if exchange.response().status() == Some(202) => Ok(()),
            None => Err(exchange.error(what)),
        }
    }

    /// The `_meta` of a request, beside what the test has put in it.
    pub(crate) fn add_meta(&self, params: &mut Map<String, Value>, id: u64) {
        let mut meta = Map::new();
        if !self.is_quiet {
            meta.insert("progressToken".into(), json!(id));
        }
        if self.is_modern() {
            meta.insert(format!("{META}/protocolVersion"), json!(self.revision.as_str()));
            meta.insert(format!("{META}/clientInfo"), info());
            meta.insert(format!("{META}/clientCapabilities"), self.capabilities.clone());
            if !self.is_quiet {
                meta.insert(format!("{META}/logLevel"), json!("debug"));
            }
        }
        if let Some(Value::Object(given)) = params.remove("_meta") {
            meta.extend(given);
        }
        params.insert("_meta".into(), Value::Object(meta));
    }

    /// A POST of a message, with fields that belong to it alone.
    pub(crate) fn post(
        &self,
        message: &Value,
        subject: Option<&str>,
        more: &[(String, String)],
    ) -> Vec<u8> {
        let body = message.to_string();
        let mut fields = more.to_vec();
        let mut add = |name: &str, value: &str| fields.push((name.to_owned(), value.to_owned()));
        add("Content-Type", "application/json");
        add("Content-Length", &body.len().to_string());
        if self.is_modern() {
            add("Mcp-Method", message["method"].as_str().unwrap_or_default());
            if let Some(subject) = subject {
                add("Mcp-Name", &encoded(subject));
            }
        }
        let mut request = self.head("POST", fields);
        request.push_str(&body);
        request.into_bytes()
    }

    /// A GET of a stream of the session, behind the event of that id.
    pub(crate) fn get(&self, last_event_id: Option<&str>) -> Vec<u8> {
        let field = last_event_id.map(|id| ("Last-Event-ID".to_owned(), id.to_owned()));
        self.head("GET", field.into_iter().collect()).into_bytes()
    }

    fn head(&self, method: &str, mut fields: Vec<(String, String)>) -> String {
        let mut add = |name: &str, value: &str| fields.push((name.to_owned(), value.to_owned()));
        add("Host", "localhost");
        add("Accept", "application/json, text/event-stream");
        // `initialize` comes before there is a version, and 2025-03-26 knew no such field.
        if self.is_modern() || self.session.is_some() && self.revision > Revision::V2025_03_26 {
            add("MCP-Protocol-Version", self.revision.as_str());
        }
        if let Some(id) = self.session.as_ref().and_then(|session| session.id.as_deref()) {
            add("Mcp-Session-Id", id);
        }
        let is_given =
            |name: &str| self.fields.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        fields.retain(|(name, _)| !is_given(name));
        let mut head = format!("{method} {} HTTP/1.1\r\n", self.path);
        for (name, value) in fields.iter().chain(&self.fields) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("path", &self.path)
            .field("revision", &self.revision)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

fn info() -> Value {
    json!({"name": "mcp-testing", "version": env!("CARGO_PKG_VERSION")})
}

fn to_json(value: impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|error| Error::Argument(error.to_string()))
}

/// What `()` says is that there are no arguments.
fn arguments_of(arguments: impl Serialize) -> Result<Value, Error> {
    let arguments = to_json(arguments)?;
    Ok(if arguments.is_null() { json!({}) } else { arguments })
}

/// A value as a header field has it (2026-07-28, basic/transports/streamable-http, "Value Encoding").
pub(crate) fn encoded(value: &str) -> String {
    let is_plain = value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
        && value.trim() == value
        && !(value.starts_with("=?base64?") && value.ends_with("?="));
    if is_plain { value.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(value)) }
}
