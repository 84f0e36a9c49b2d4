//! A raw client that listens for changes.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use mcp_tests::schema;
use serde_json::{Value, json};

use super::client::{Request, Wire, connect, data_of, read_chunk, read_head};

/// What the id of a subscription stands under, in every message of it.
const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";

/// A request to listen for what `notifications` says.
pub fn listen(notifications: Value) -> Request {
    let params = json!({"notifications": notifications});
    Request::new(Wire::Modern, "subscriptions/listen", params)
}

/// What a message tells of: `tools`, `prompts`, `resources`, or the URI of a resource.
#[track_caller]
pub fn change_in(message: &Value) -> String {
    let change = match message["method"].as_str() {
        Some("notifications/tools/list_changed") => Some("tools"),
        Some("notifications/prompts/list_changed") => Some("prompts"),
        Some("notifications/resources/list_changed") => Some("resources"),
        Some("notifications/resources/updated") => message["params"]["uri"].as_str(),
        _ => None,
    };
    change.unwrap_or_else(|| panic!("no change: {message}")).to_owned()
}

/// A stream of changes.
pub struct Subscription {
    stream: BufReader<TcpStream>,
    id: Value,
    /// What the acknowledgment says.
    pub granted: Value,
}

/// What one chunk of the stream carries.
#[derive(Debug, PartialEq)]
pub enum Piece {
    /// A message of the subscription.
    Message(Value),
    /// A comment, with its colon.
    Comment(String),
    /// The end of the stream.
    End,
}

impl Subscription {
    /// Listens on a connection of its own.
    pub fn to(address: SocketAddr, notifications: Value) -> Self {
        Self::open(address, &listen(notifications))
    }

    pub fn open(address: SocketAddr, request: &Request) -> Self {
        let mut stream = connect(address);
        stream.write_all(&request.sized()).unwrap();
        Self::begun(stream, request)
    }

    /// Reads up to the acknowledgment, which is the first message.
    pub fn begun(stream: TcpStream, request: &Request) -> Self {
        let mut stream = BufReader::new(stream);
        let head = read_head(&mut stream);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("Content-Type: text/event-stream\r\n"), "{head}");
        let mut this = Self { stream, id: request.id.clone(), granted: Value::Null };
        let mut message = this.message();
        assert_eq!(message["method"], json!("notifications/subscriptions/acknowledged"));
        this.granted = message["params"]["notifications"].take();
        this
    }

    pub fn piece(&mut self) -> Piece {
        let chunk = String::from_utf8(read_chunk(&mut self.stream)).unwrap();
        if chunk.is_empty() {
            return Piece::End;
        }
        let mut data = data_of(&chunk);
        let Some(json) = data.next() else {
            return Piece::Comment(chunk.trim_end().into());
        };
        assert_eq!(data.next(), None, "one message a chunk");
        let message: Value = serde_json::from_str(json).unwrap();
        let answers = message.get("id").is_some().then_some("subscriptions/listen");
        schema::check(Wire::Modern.revision(), json, answers);
        let carrier = if answers.is_some() { "result" } else { "params" };
        assert_eq!(message[carrier]["_meta"][SUBSCRIPTION_ID], self.id, "{message}");
        Piece::Message(message)
    }

    /// The next message, behind any number of comments.
    pub fn message(&mut self) -> Value {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            match self.piece() {
                Piece::Message(message) => return message,
                Piece::Comment(_) => {}
                Piece::End => panic!("the stream has ended"),
            }
        }
        panic!("nothing but comments")
    }

    /// What the next message tells of, as [`change_in`] says it.
    pub fn change(&mut self) -> String {
        change_in(&self.message())
    }

    /// All changes before `last` is told of.
    pub fn changes_until(&mut self, last: &str) -> Vec<String> {
        let changes = std::iter::repeat_with(|| self.change());
        changes.take_while(|change| change != last).collect()
    }

    /// Reads the result that ends the subscription, the end of its stream and that of the
    /// connection.
    pub fn ended(mut self) {
        let result = self.message();
        assert_eq!(result["id"], self.id, "{result}");
        assert_eq!(result["result"]["resultType"], json!("complete"), "{result}");
        assert_eq!(self.piece(), Piece::End);
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut self.stream, &mut rest).unwrap();
        assert!(rest.is_empty(), "{rest:?}");
    }

    pub fn into_stream(self) -> TcpStream {
        self.stream.into_inner()
    }
}
