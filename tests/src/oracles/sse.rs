//! Event streams: what is written is read by WHATWG HTML, section "Server-sent events", and says
//! what it should.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use mcp_proto::internals::{write_event, write_keep_alive, write_priming_event};
use mcp_proto::{
    CallToolResult, Config, Endpoint, Input, Notification, Output, Progress, Reply, ResponseMode,
    ServerInfo, Session,
};
use serde_json::{Value, json};

use super::{NOW, ragged, receive};
use crate::http::read_responses;

/// Checks a text if the first byte is odd, and otherwise a stream of events.
pub fn check(input: &[u8]) {
    match input {
        [] => {}
        [first, text @ ..] if first % 2 == 1 => check_session(&String::from_utf8_lossy(text)),
        [_, events @ ..] => check_events(events),
    }
}

/// The events stand between NULs. Of each, the first byte says which kind of event it is, the next
/// what its id is, and the rest is its data.
fn check_events(input: &[u8]) {
    let mut out = Vec::new();
    let mut decoder = Decoder::default();
    let mut expected = Vec::new();
    let mut last_id = String::new();
    let mut retry = None;
    for line in input.split(|&byte| byte == b'\0') {
        let [kind, number, data @ ..] = line else {
            continue;
        };
        let number = u64::from(*number).saturating_pow(u32::from(kind >> 4));
        let id = (number as u32, number);
        match kind % 4 {
            0 => {
                write_keep_alive(&mut out);
                continue;
            }
            1 => {
                write_priming_event(&mut out, id, Duration::from_millis(number));
                retry = Some(number);
                last_id = format!("{}-{}", id.0, id.1);
                expected.push(Event {
                    kind: "message".into(),
                    data: String::new(),
                    id: last_id.clone(),
                });
                continue;
            }
            2 => write_event(&mut out, None, data),
            _ => {
                write_event(&mut out, Some(id), data);
                last_id = format!("{}-{}", id.0, id.1);
            }
        }
        // Line ends are white space of JSON, and blanks are as good.
        let data = String::from_utf8_lossy(data).replace(['\r', '\n'], " ");
        expected.push(Event { kind: "message".into(), data, id: last_id.clone() });
    }
    decoder.feed(&out);
    assert_eq!(decoder.events, expected, "{:?}", out.escape_ascii().to_string());
    assert_eq!(decoder.retry, retry);
    assert!(decoder.is_between_events(), "an event without its end");
    let mut length = ragged(input.len() as u64);
    let (mut pieces, mut rest) = (Decoder::default(), &out[..]);
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(length().min(rest.len()));
        pieces.feed(piece);
        rest = behind;
    }
    assert_eq!(pieces.events, decoder.events);
    assert_eq!(pieces.retry, decoder.retry);
}

static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let mut info = ServerInfo::new("streams", "1");
    info.capabilities.tools.get_or_insert_default();
    let mut endpoint = Endpoint::new("/", info).expect("a path");
    endpoint.response_mode = ResponseMode::EventStream;
    Arc::new(Config::new([endpoint]))
});

/// Any text survives a session: as an id, a progress token, a report of progress and a result.
fn check_session(text: &str) {
    let request = json!({
        "jsonrpc": "2.0", "id": text, "method": "tools/call",
        "params": { "name": "say", "_meta": { "progressToken": text } },
    });
    let body = request.to_string();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    let mut session = Session::new(CONFIG.clone(), NOW);
    let outputs = receive(&mut session, &[head.as_bytes(), body.as_bytes()].concat());
    let [Output::Call(call)] = &outputs[..] else {
        panic!("no call but {outputs:?}");
    };
    let key = call.key();
    let mut progress = Progress::new(1.0);
    progress.message = Some(text.into());
    session.handle(NOW, Input::Notify(key, Notification::Progress(progress)));
    session.handle(NOW, Input::Reply(key, Reply::Tool(CallToolResult::text(text))));
    let responses = read_responses(session.transmit(), |_, _| false).finals;
    let mut decoder = Decoder::default();
    decoder.feed(&responses[0].body);
    let messages: Vec<Value> = decoder
        .events
        .iter()
        .map(|event| serde_json::from_str(&event.data).expect("a message"))
        .collect();
    let [progress, result] = &messages[..] else {
        panic!("{} messages", messages.len());
    };
    assert_eq!(progress["params"]["message"], text);
    assert_eq!(progress["params"]["progressToken"], text);
    assert_eq!(result["id"], text);
    assert_eq!(result["result"]["content"][0]["text"], text);
}

/// What a client is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    kind: String,
    data: String,
    id: String,
}

/// WHATWG HTML, section "Interpreting an event stream", for bytes in any pieces.
#[derive(Default)]
struct Decoder {
    line: Vec<u8>,
    is_behind_cr: bool,
    kind: String,
    data: String,
    last_id: String,
    retry: Option<u64>,
    events: Vec<Event>,
}

impl Decoder {
    fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let is_crlf = std::mem::replace(&mut self.is_behind_cr, byte == b'\r') && byte == b'\n';
            match byte {
                _ if is_crlf => {}
                b'\r' | b'\n' => {
                    let line = std::mem::take(&mut self.line);
                    self.take_line(&String::from_utf8_lossy(&line));
                }
                _ => self.line.push(byte),
            }
        }
    }

    fn take_line(&mut self, line: &str) {
        let (name, value) = match line.split_once(':') {
            None if line.is_empty() => return self.dispatch(),
            None => (line, ""),
            Some((name, value)) => (name, value.strip_prefix(' ').unwrap_or(value)),
        };
        match name {
            "event" => self.kind = value.to_owned(),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => self.last_id = value.to_owned(),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok();
            }
            // A comment.
            "" => {}
            other => panic!("a field {other:?}, which nobody reads"),
        }
    }

    fn dispatch(&mut self) {
        let kind = std::mem::take(&mut self.kind);
        let data = std::mem::take(&mut self.data);
        let Some(data) = data.strip_suffix('\n') else {
            return;
        };
        let kind = if kind.is_empty() { "message".to_owned() } else { kind };
        self.events.push(Event { kind, data: data.to_owned(), id: self.last_id.clone() });
    }

    fn is_between_events(&self) -> bool {
        self.line.is_empty() && self.data.is_empty() && self.kind.is_empty()
    }
}
