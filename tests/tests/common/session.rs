//! A raw client of the 2025 revisions, which keeps a session (2025-11-25, basic/transports).

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use mcp_proto::Revision;
use mcp_tests::schema;
use serde_json::{Value, json};

use super::client::{HangUp, connect, field, read_chunk, read_head};

/// The revisions with sessions, latest first.
pub const REVISIONS: [Revision; 3] =
    [Revision::V2025_11_25, Revision::V2025_06_18, Revision::V2025_03_26];

/// A request.
pub fn request(id: Value, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// A request of `tools/call`, which asks for progress with token 1.
pub fn tool_call(id: Value, tool: &str, arguments: Value) -> Value {
    let meta = json!({"progressToken": 1});
    request(id, "tools/call", json!({"name": tool, "arguments": arguments, "_meta": meta}))
}

pub fn notification(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}

/// A client, with what it says in the head of each request.
#[derive(Clone, Debug)]
pub struct Client {
    pub address: SocketAddr,
    pub path: &'static str,
    /// What it asks for in `initialize`, and names in the field from then on.
    pub revision: Revision,
    /// What it can be asked.
    pub capabilities: Value,
    /// The id of its session.
    pub session: Option<String>,
    pub accept: &'static str,
    /// More field lines.
    pub fields: String,
}

impl Client {
    /// A client of 2025-11-25 that can be asked everything, without a session.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            path: "/mcp",
            revision: Revision::V2025_11_25,
            capabilities: json!({
                "elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {},
            }),
            session: None,
            accept: "application/json, text/event-stream",
            fields: String::new(),
        }
    }

    /// A client of that token.
    #[must_use]
    pub fn authorized(self, token: &str) -> Self {
        Self { fields: format!("Authorization: Bearer {token}\r\n"), ..self }
    }

    /// Begins a session.
    #[must_use]
    #[track_caller]
    pub fn begin(self) -> Self {
        let client = self.introduced();
        client.notify("notifications/initialized", json!({}));
        client
    }

    /// Begins a session, and has yet to say that it is ready.
    #[must_use]
    #[track_caller]
    pub fn introduced(self) -> Self {
        let answer = self.post(&self.introduction());
        let id = answer.field("mcp-session-id").map(str::to_owned);
        assert!(id.is_some(), "{}", answer.head);
        assert_eq!(answer.result()["protocolVersion"], json!(self.revision.as_str()));
        Self { session: id, ..self }
    }

    /// The request that begins a session.
    pub fn introduction(&self) -> Value {
        let info = json!({"name": "raw", "version": "1.0.0"});
        let version = self.revision.as_str();
        let capabilities = &self.capabilities;
        let params =
            json!({"protocolVersion": version, "capabilities": capabilities, "clientInfo": info});
        request(json!(1), "initialize", params)
    }

    fn head(&self, method: &str) -> String {
        let mut head = format!(
            "{method} {} HTTP/1.1\r\nHost: localhost\r\nAccept: {}\r\n{}",
            self.path, self.accept, self.fields
        );
        if let Some(id) = &self.session {
            head.push_str(&format!("Mcp-Session-Id: {id}\r\n"));
        }
        head
    }

    /// A POST of one message, or of a batch.
    pub fn post_bytes(&self, message: &Value) -> Vec<u8> {
        self.post_text(&message.to_string(), message["method"] == json!("initialize"))
    }

    /// A POST of whatever it is. 2025-03-26 had no field for the version, and `initialize` comes
    /// before there is one.
    pub fn post_text(&self, body: &str, is_introduction: bool) -> Vec<u8> {
        let mut head = self.head("POST");
        if self.revision > Revision::V2025_03_26 && !is_introduction {
            head.push_str(&format!("MCP-Protocol-Version: {}\r\n", self.revision));
        }
        let length = body.len();
        format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
            .into_bytes()
    }

    /// Sends a message, or a batch, on a connection of its own.
    pub fn send(&self, message: &Value) -> Underway {
        let underway = self.send_bytes(&self.post_bytes(message));
        Underway { answers: answers_to(message), ..underway }
    }

    /// Sends bytes, with no request in them that is answered with a result.
    pub fn send_bytes(&self, bytes: &[u8]) -> Underway {
        self.send_bytes_on(connect(self.address), bytes)
    }

    /// Likewise on a connection that there is.
    pub fn send_bytes_on(&self, mut stream: TcpStream, bytes: &[u8]) -> Underway {
        stream.write_all(bytes).unwrap();
        Underway {
            stream: BufReader::new(stream),
            revision: self.revision,
            has_session: self.session.is_some(),
            answers: Answers::default(),
        }
    }

    /// Sends a message, or a batch, and reads the head of the answer.
    #[track_caller]
    pub fn post(&self, message: &Value) -> Answer {
        self.send(message).answer()
    }

    #[track_caller]
    pub fn request(&self, method: &str, params: Value) -> Answer {
        self.post(&request(json!(1), method, params))
    }

    #[track_caller]
    pub fn call(&self, tool: &str, arguments: Value) -> Answer {
        self.post(&tool_call(json!(1), tool, arguments))
    }

    /// Whether the session is alive.
    #[track_caller]
    pub fn lives(&self) -> bool {
        let answer = self.request("ping", json!({}));
        if answer.status == 200 {
            assert_eq!(answer.result(), json!({}));
            return true;
        }
        assert_eq!(answer.refusal(), (404, -32600));
        false
    }

    /// Sends a notification, which is accepted.
    #[track_caller]
    pub fn notify(&self, method: &str, params: Value) {
        self.accepted(&notification(method, params));
    }

    /// Answers what the server has asked.
    #[track_caller]
    pub fn respond(&self, question: &Value, result: Value) {
        self.accepted(&json!({"jsonrpc": "2.0", "id": question["id"], "result": result}));
    }

    /// Sends what is accepted and has no answer.
    #[track_caller]
    pub fn accepted(&self, message: &Value) {
        let answer = self.post(message);
        assert_eq!(answer.status, 202, "{message}");
        assert_eq!(answer.messages(), [Value::Null; 0]);
    }

    /// Opens a stream for what belongs to no call.
    #[track_caller]
    pub fn get(&self) -> Answer {
        self.get_behind("")
    }

    /// Goes on with a stream behind the event of that id.
    #[track_caller]
    pub fn resume(&self, id: &str) -> Answer {
        let mut answer = self.get_behind(&format!("Last-Event-ID: {id}\r\n"));
        answer.answers.any = true;
        answer
    }

    /// Goes on with the stream that answers this message, or batch.
    #[track_caller]
    pub fn resume_answering(&self, message: &Value, id: &str) -> Answer {
        Answer { answers: answers_to(message), ..self.resume(id) }
    }

    #[track_caller]
    fn get_behind(&self, field: &str) -> Answer {
        self.send_bytes(&self.get_bytes_with(field)).answer()
    }

    /// A GET of a stream that belongs to no call.
    pub fn get_bytes(&self) -> Vec<u8> {
        self.get_bytes_with("")
    }

    fn get_bytes_with(&self, field: &str) -> Vec<u8> {
        let head = self.head("GET");
        let version = format!("MCP-Protocol-Version: {}\r\n", self.revision);
        format!("{head}{version}{field}\r\n").into_bytes()
    }

    /// Ends the session.
    #[track_caller]
    pub fn delete(&self) -> Answer {
        self.send_bytes(format!("{}\r\n", self.head("DELETE")).as_bytes()).answer()
    }

    /// The messages of a stream up to the response, come back to as often as it takes.
    #[track_caller]
    pub fn follow(&self, mut answer: Answer) -> Vec<Value> {
        let mut messages = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            while let Some(event) = answer.event() {
                let is_response = event.message.as_ref().is_some_and(is_response);
                messages.extend(event.message);
                if is_response {
                    return messages;
                }
            }
            answer = self.resume(answer.last_id());
            assert_eq!(answer.status, 200, "{messages:#?}");
        }
        panic!("no response: {messages:#?}")
    }
}

/// Whether it is no request and no notification.
pub fn is_response(message: &Value) -> bool {
    message.get("method").is_none()
}

/// Which responses may come, with the methods that they answer.
#[derive(Debug, Default)]
struct Answers {
    methods: Vec<(Value, String)>,
    /// Whether those to calls of tools may come, whatever their id.
    any: bool,
}

fn answers_to(message: &Value) -> Answers {
    let methods = members(message).iter().filter_map(|message| {
        Some((message.get("id")?.clone(), message["method"].as_str()?.to_owned()))
    });
    Answers { methods: methods.collect(), any: false }
}

/// A request that has been sent.
pub struct Underway {
    stream: BufReader<TcpStream>,
    revision: Revision,
    has_session: bool,
    answers: Answers,
}

impl Underway {
    /// Waits for the head of the answer.
    #[track_caller]
    pub fn answer(mut self) -> Answer {
        let head = read_head(&mut self.stream);
        let status = head[9..12].parse().unwrap();
        let Self { stream, revision, has_session, answers } = self;
        let (text, last_id) = (String::new(), None);
        Answer { status, head, stream, revision, has_session, answers, text, last_id }
    }

    /// Whether nothing has come back so far.
    pub fn is_silent(&self) -> bool {
        let stream = self.stream.get_ref();
        stream.set_nonblocking(true).unwrap();
        let is_silent = stream.peek(&mut [0]).is_err();
        stream.set_nonblocking(false).unwrap();
        is_silent
    }

    pub fn hang_up(self, how: HangUp) {
        how.close(self.stream.into_inner());
    }
}

/// The answer to a request: its head, and the rest as it is read. Its messages are valid by their
/// [`schema`].
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    stream: BufReader<TcpStream>,
    revision: Revision,
    has_session: bool,
    answers: Answers,
    /// What has been read of the stream and is no event yet.
    text: String,
    last_id: Option<String>,
}

/// One event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Empty without a session, where there is nothing to come back to.
    pub id: String,
    /// In milliseconds.
    pub retry: Option<u64>,
    /// Nothing in the event that primes a stream.
    pub message: Option<Value>,
}

impl Event {
    /// The stream and the number that its id is made of.
    #[track_caller]
    pub fn place(&self) -> (u64, u64) {
        let parts = self.id.split_once('-').unwrap_or_else(|| panic!("the id is {:?}", self.id));
        let (stream, number) = (parts.0.parse().unwrap(), parts.1.parse().unwrap());
        assert_eq!(self.id, format!("{stream}-{number}"));
        (stream, number)
    }
}

/// One piece of a stream.
#[derive(Debug, PartialEq)]
pub enum Piece {
    Event(Event),
    /// A comment that keeps it alive.
    Comment,
    End,
}

impl Answer {
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }

    pub fn is_stream(&self) -> bool {
        self.field("content-type") == Some("text/event-stream")
    }

    /// The next piece of the stream.
    #[track_caller]
    pub fn piece(&mut self) -> Piece {
        assert!(self.is_stream(), "no stream: {}", self.head);
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if block == ": keep-alive" {
                    return Piece::Comment;
                }
                let event = self.read_event(&block);
                self.last_id = Some(event.id.clone());
                return Piece::Event(event);
            }
            let chunk = read_chunk(&mut self.stream);
            if chunk.is_empty() {
                assert_eq!(self.text, "", "the stream ends within an event");
                return Piece::End;
            }
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// By the fields of WHATWG server-sent events, with none that nobody knows and none twice.
    #[track_caller]
    fn read_event(&self, block: &str) -> Event {
        let (mut kind, mut id, mut retry, mut data) = (None, None, None, None);
        for line in block.split('\n') {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            let place = match name {
                "event" => &mut kind,
                "id" => &mut id,
                "retry" => &mut retry,
                "data" => &mut data,
                _ => panic!("unknown field in {block:?}"),
            };
            assert_eq!(place.replace(value), None, "{name} comes twice in {block:?}");
        }
        let data = data.unwrap_or_else(|| panic!("no data in {block:?}"));
        let message = (!data.is_empty()).then(|| {
            assert_eq!(kind, Some("message"), "{block:?}");
            let message = serde_json::from_str(data).unwrap();
            self.check(&message);
            message
        });
        assert_eq!(id.is_some(), self.has_session, "{block:?}");
        let id = id.unwrap_or_default().to_owned();
        let event = Event { id, retry: retry.map(|retry| retry.parse().unwrap()), message };
        if self.has_session {
            event.place();
        }
        event
    }

    #[track_caller]
    fn check(&self, message: &Value) {
        for message in members(message) {
            let known = self.answers.methods.iter().find(|(id, _)| *id == message["id"]);
            let method = known.map(|(_, method)| &**method);
            let method = method.or_else(|| self.answers.any.then_some("tools/call"));
            if is_response(message) {
                let is_awaited = method.is_some() || message.get("error").is_some();
                assert!(is_awaited, "nobody waits for {message}");
            }
            schema::check(self.revision, &message.to_string(), method);
        }
    }

    /// The next event of the stream, behind any number of comments.
    #[track_caller]
    pub fn event(&mut self) -> Option<Event> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            match self.piece() {
                Piece::Event(event) => return Some(event),
                Piece::Comment => {}
                Piece::End => return None,
            }
        }
        panic!("nothing but comments")
    }

    /// The next message of the stream.
    #[track_caller]
    pub fn message(&mut self) -> Value {
        loop {
            let event = self.event().expect("the stream has ended");
            if let Some(message) = event.message {
                return message;
            }
        }
    }

    /// Reads up to the event that primes the stream. Where the revision has one, it is the first.
    #[track_caller]
    pub fn primed(&mut self) {
        if self.revision == Revision::V2025_11_25 {
            let event = self.event().expect("the stream has ended");
            assert_eq!(event.message, None);
        }
    }

    /// Reads up to the end of the stream, which has no more messages.
    #[track_caller]
    pub fn ended(mut self) {
        while let Some(event) = self.event() {
            assert_eq!(event.message, None);
        }
    }

    /// Reads all there is: the messages of the stream, or of the body.
    #[track_caller]
    pub fn messages(mut self) -> Vec<Value> {
        if self.is_stream() {
            let events = std::iter::from_fn(|| self.event());
            return events.filter_map(|event| event.message).flat_map(flat).collect();
        }
        let body = self.body();
        if body.is_empty() {
            return Vec::new();
        }
        let message = serde_json::from_slice(&body).unwrap();
        self.check(&message);
        flat(message)
    }

    /// Reads a body of known length.
    #[track_caller]
    pub fn body(&mut self) -> Vec<u8> {
        let length = self.field("content-length").unwrap_or_else(|| panic!("{}", self.head));
        let mut body = vec![0; length.parse().unwrap()];
        self.stream.read_exact(&mut body).unwrap();
        body
    }

    /// Reads all there is, and returns the response, which is last.
    #[track_caller]
    pub fn response(self) -> Value {
        let status = self.status;
        let response = self.messages().pop().unwrap_or_else(|| panic!("{status} and no message"));
        assert!(is_response(&response), "the last message is {response}");
        response
    }

    #[track_caller]
    pub fn result(self) -> Value {
        let mut response = self.response();
        assert!(response["result"].is_object(), "{response}");
        response["result"].take()
    }

    #[track_caller]
    pub fn error(self) -> Value {
        let mut response = self.response();
        assert!(response["error"].is_object(), "{response}");
        response["error"].take()
    }

    /// The text of the first piece of content in the result.
    #[track_caller]
    pub fn text(self) -> String {
        text_in(&self.response())
    }

    /// The status, and the code of the error in the body.
    #[track_caller]
    pub fn refusal(self) -> (u16, i64) {
        let status = self.status;
        (status, self.error()["code"].as_i64().unwrap())
    }

    /// The id of the last event that has been read.
    #[track_caller]
    pub fn last_id(&self) -> &str {
        self.last_id.as_deref().expect("there has been an event")
    }

    pub fn hang_up(self, how: HangUp) {
        how.close(self.stream.into_inner());
    }
}

/// The messages of a batch, or the one message.
fn members(message: &Value) -> &[Value] {
    message.as_array().map_or_else(|| std::slice::from_ref(message), Vec::as_slice)
}

fn flat(message: Value) -> Vec<Value> {
    match message {
        Value::Array(messages) => messages,
        message => vec![message],
    }
}

/// The text of the first piece of content in a result.
#[track_caller]
pub fn text_in(response: &Value) -> String {
    let text = response["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("{response}")).to_owned()
}
