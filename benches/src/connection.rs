//! A session and the peer at its other end, with as little between them as can be.

use std::sync::Arc;

use mcp_proto::{
    Call, CallKey, Config, Endpoint, Input, Instant, Notification, Now, Output, Reply, ServerInfo,
    Session,
};

/// A day on which requests come in.
const NOW: Now = Now::new(Instant::from_micros(1), 1_795_219_200);

/// One endpoint at `/mcp`.
pub(crate) fn config() -> Arc<Config> {
    let mut info = ServerInfo::new("bench", "1.0.0");
    info.capabilities.tools.get_or_insert_default().list_changed = true;
    Arc::new(Config::new([Endpoint::new("/mcp", info).expect("a plain path")]))
}

/// A request of 2026-07-28 that has what it must, and nothing else.
pub(crate) fn post(host: &str, method: &str, fields: &str, params: &str) -> Vec<u8> {
    let meta = concat!(
        r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
        r#""io.modelcontextprotocol/clientCapabilities":{}}}"#,
    );
    let params = match params {
        "{}" => format!("{{{meta}"),
        params => format!("{},{meta}", params.strip_suffix('}').expect("an object")),
    };
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    let length = body.len();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n\
         Mcp-Method: {method}\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The same call as the official TypeScript client sends it from Node.
pub(crate) fn call_echo_from_node(message: &str) -> Vec<u8> {
    let request = String::from_utf8(call_echo(message, false)).expect("UTF-8");
    let client =
        r#""_meta":{"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},"#;
    let request = with_body(&request, |body| body.replace(r#""_meta":{"#, client));
    let fields = "connection: keep-alive\r\naccept-language: *\r\nsec-fetch-mode: cors\r\n\
                  user-agent: node\r\naccept-encoding: gzip, deflate\r\nContent-Type";
    request.replace("Content-Type", fields).into_bytes()
}

/// The request with another body.
fn with_body(request: &str, change: impl FnOnce(&str) -> String) -> String {
    let (head, body) = request.split_once("\r\n\r\n").expect("a head");
    let body = change(body);
    let fields = head.rsplit_once(' ').expect("the length comes last").0;
    format!("{fields} {}\r\n\r\n{body}", body.len())
}

/// A call of the tool `echo`, which may ask for progress.
pub(crate) fn call_echo(message: &str, asks_for_progress: bool) -> Vec<u8> {
    let params = format!(r#"{{"name":"echo","arguments":{{"message":"{message}"}}}}"#);
    let request = post("127.0.0.1:8000", "tools/call", "mcp-name: echo\r\n", &params);
    if !asks_for_progress {
        return request;
    }
    let request = String::from_utf8(request).expect("UTF-8");
    with_body(&request, |body| body.replace(r#""_meta":{"#, r#""_meta":{"progressToken":1,"#))
        .into_bytes()
}

pub(crate) fn list_tools() -> Vec<u8> {
    post("127.0.0.1:8000", "tools/list", "", "{}")
}

pub(crate) fn discover() -> Vec<u8> {
    post("127.0.0.1:8000", "server/discover", "", "{}")
}

/// Subscribes to changes of the tools.
pub(crate) fn listen() -> Vec<u8> {
    let params = r#"{"notifications":{"toolsListChanged":true}}"#;
    post("127.0.0.1:8000", "subscriptions/listen", "", params)
}

pub(crate) struct Connection {
    session: Session,
    has_ended: bool,
}

impl Connection {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        Self { session: Session::new(config, NOW), has_ended: false }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.session.handle(NOW, Input::Bytes(bytes));
    }

    /// The next call, if there is one.
    pub(crate) fn poll_call(&mut self) -> Option<Call> {
        loop {
            match self.session.poll_output()? {
                Output::Call(call) => return Some(call),
                Output::ShutdownWrite | Output::Close => self.has_ended = true,
                _ => {}
            }
        }
    }

    pub(crate) fn take_call(&mut self) -> Call {
        self.poll_call().expect("a call")
    }

    /// Sends a request that becomes a call.
    pub(crate) fn call(&mut self, request: &[u8]) -> Call {
        self.send(request);
        self.take_call()
    }

    pub(crate) fn notify(&mut self, key: CallKey, notification: Notification) {
        self.session.handle(NOW, Input::Notify(key, notification));
    }

    pub(crate) fn reply(&mut self, key: CallKey, reply: Reply) {
        self.session.handle(NOW, Input::Reply(key, reply));
    }

    /// The peer reads all that there is, which is so many bytes.
    pub(crate) fn send_out(&mut self) -> usize {
        let count = self.session.transmit().len();
        self.session.handle(NOW, Input::Written(count));
        count
    }

    /// Whether the connection serves no other request.
    pub(crate) const fn has_ended(&self) -> bool {
        self.has_ended
    }
}
