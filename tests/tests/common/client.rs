//! A client as raw as it gets: it writes bytes, and hangs up where it is told to.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use mcp_proto::Revision;
use mcp_tests::schema;
use serde_json::{Value, json};

/// How a client goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HangUp {
    Fin,
    Rst,
}

impl HangUp {
    pub const BOTH: [Self; 2] = [Self::Fin, Self::Rst];

    pub fn close(self, stream: TcpStream) {
        if self == Self::Rst {
            let linger = Some(Duration::ZERO);
            socket2::SockRef::from(&stream).set_linger(linger).unwrap();
        }
        drop(stream);
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// The revisions that a call is made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Legacy,
    Modern,
}

impl Wire {
    pub fn revision(self) -> Revision {
        match self {
            Self::Legacy => Revision::V2025_11_25,
            Self::Modern => Revision::V2026_07_28,
        }
    }
}

/// A request of any method.
pub struct Request {
    pub wire: Wire,
    pub path: &'static str,
    pub id: Value,
    pub method: &'static str,
    /// What it is about, for `Mcp-Name`.
    pub name: Option<String>,
    pub params: Value,
    pub accept: &'static str,
    /// The token it is authorized by.
    pub bearer: Option<&'static str>,
}

impl Request {
    pub fn new(wire: Wire, method: &'static str, params: Value) -> Self {
        let subject = if method == "completion/complete" { Value::Null } else { params.clone() };
        let name = subject["name"].as_str().or_else(|| subject["uri"].as_str());
        Self {
            wire,
            path: "/mcp",
            id: json!(1),
            method,
            name: name.map(str::to_owned),
            params,
            accept: "application/json, text/event-stream",
            bearer: None,
        }
    }

    fn body(&self) -> String {
        let mut params = self.params.clone();
        if self.wire == Wire::Modern {
            let meta = &mut params["_meta"];
            meta["io.modelcontextprotocol/protocolVersion"] = json!(self.wire.revision().as_str());
            let capabilities = &mut meta["io.modelcontextprotocol/clientCapabilities"];
            if capabilities.is_null() {
                *capabilities = json!({});
            }
        }
        json!({"jsonrpc": "2.0", "id": self.id, "method": self.method, "params": params})
            .to_string()
    }

    fn head(&self) -> String {
        let mut head = format!(
            "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Accept: {}\r\nMCP-Protocol-Version: {}\r\n",
            self.path,
            self.accept,
            self.wire.revision()
        );
        if let Some(token) = self.bearer {
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        if self.wire == Wire::Modern {
            head.push_str(&format!("Mcp-Method: {}\r\n", self.method));
            if let Some(name) = &self.name {
                head.push_str(&format!("Mcp-Name: {name}\r\n"));
            }
        }
        head
    }

    /// The request with a `Content-Length`.
    pub fn sized(&self) -> Vec<u8> {
        let (head, body) = (self.head(), self.body());
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    /// The request with a body in three chunks.
    pub fn chunked(&self) -> Vec<u8> {
        let (head, body) = (self.head(), self.body());
        let mut request = format!("{head}Transfer-Encoding: chunked\r\n\r\n").into_bytes();
        for chunk in body.as_bytes().chunks(body.len().div_ceil(3)) {
            request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            request.extend_from_slice(chunk);
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"0\r\n\r\n");
        request
    }

    /// Sends it on a connection of its own and returns the response.
    pub fn send(&self, address: SocketAddr) -> Response {
        let mut stream = connect(address);
        stream.write_all(&self.sized()).unwrap();
        Response::read(&mut BufReader::new(stream), self)
    }
}

/// A request of `tools/call`, which asks for progress with token 1.
pub struct ToolCall {
    pub wire: Wire,
    pub path: &'static str,
    pub id: Value,
    pub tool: &'static str,
    pub arguments: Value,
}

impl ToolCall {
    pub fn new(wire: Wire, tool: &'static str, arguments: Value) -> Self {
        Self { wire, path: "/mcp", id: json!(1), tool, arguments }
    }

    pub fn request(&self) -> Request {
        let meta = json!({"progressToken": 1});
        let params = json!({"name": self.tool, "arguments": self.arguments, "_meta": meta});
        let request = Request::new(self.wire, "tools/call", params);
        Request { path: self.path, id: self.id.clone(), ..request }
    }

    pub fn sized(&self) -> Vec<u8> {
        self.request().sized()
    }

    pub fn chunked(&self) -> Vec<u8> {
        self.request().chunked()
    }

    pub fn send(&self, address: SocketAddr) -> Response {
        self.request().send(address)
    }
}

/// A response that has been read whole.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Response {
    /// Reads the answer to `request`, whose messages are valid by their [`schema`].
    pub fn read(stream: &mut impl BufRead, request: &Request) -> Self {
        let head = read_head(stream);
        let status = head[9..12].parse().unwrap();
        let mut body = Vec::new();
        if let Some(length) = field(&head, "content-length") {
            body.resize(length.parse().unwrap(), 0);
            stream.read_exact(&mut body).unwrap();
        } else if field(&head, "transfer-encoding") == Some("chunked") {
            loop {
                let chunk = read_chunk(stream);
                if chunk.is_empty() {
                    break;
                }
                body.extend_from_slice(&chunk);
            }
        } else {
            stream.read_to_end(&mut body).unwrap();
        }
        let response = Self { status, head, body: String::from_utf8(body).unwrap() };
        for json in response.texts() {
            schema::check(request.wire.revision(), json, Some(request.method));
        }
        response
    }

    /// The messages in the body: one, or one for each event, or none in a body of another type.
    pub fn messages(&self) -> Vec<Value> {
        self.texts().into_iter().map(|json| serde_json::from_str(json).unwrap()).collect()
    }

    fn texts(&self) -> Vec<&str> {
        match field(&self.head, "content-type") {
            Some("text/event-stream") => data_of(&self.body).collect(),
            Some("application/json") => vec![&self.body],
            _ => Vec::new(),
        }
    }

    /// The final message.
    pub fn answer(&self) -> Value {
        self.messages().pop().unwrap()
    }

    /// The text of the first piece of content in the result.
    pub fn text(&self) -> String {
        let answer = self.answer();
        answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{self:?}")).into()
    }
}

/// Reads up to the empty line.
pub fn read_head(stream: &mut impl BufRead) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(stream.read_line(&mut head).unwrap(), 0, "the head is cut: {head:?}");
    }
    head
}

/// The notifications in a chunk of a stream, which are valid by their [`schema`]. The first look
/// into a schema takes a while: where time matters, read first and look later.
pub fn notifications_in(chunk: &[u8], wire: Wire) -> Vec<&str> {
    let notifications: Vec<_> = data_of(std::str::from_utf8(chunk).unwrap()).collect();
    for json in &notifications {
        schema::check(wire.revision(), json, None);
    }
    notifications
}

/// What the events in a stream carry.
pub fn data_of(stream: &str) -> impl Iterator<Item = &str> {
    stream.lines().filter_map(|line| line.strip_prefix("data: "))
}

/// Reads one chunk; the last is empty.
pub fn read_chunk(stream: &mut impl BufRead) -> Vec<u8> {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    let size = usize::from_str_radix(line.trim_end(), 16).unwrap_or_else(|_| panic!("{line:?}"));
    let mut chunk = vec![0; size + 2];
    stream.read_exact(&mut chunk).unwrap();
    chunk.truncate(size);
    chunk
}

/// The value of a field in a head; its name may be in any case.
pub fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (other, value) = line.split_once(':')?;
        other.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}
