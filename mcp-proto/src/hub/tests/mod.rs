//! Sessions at their limits. How they live otherwise is shown by the simulation in `tests`.
//!
//! Here is the world that they live in; its files are what is checked of them.

mod changes;
mod questions;
mod sessions;
mod streams;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::call::{Call, LogMessage, Notification, Progress, Reply};
use crate::config::Config;
use crate::endpoint::{Endpoint, ResponseMode};
use crate::error::Refusal;
use crate::input::InputRequest;
use crate::logging::LogLevel;
use crate::server_info::{LoggingCapability, ServerInfo};
use crate::session::{Input, Output};
use crate::time::Now;
use crate::tool::CallToolResult;

const fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

/// A hub and the endpoint that it is of.
struct World {
    hub: Hub,
    config: Arc<Config>,
    sessions: u8,
}

impl World {
    fn new(limits: HubLimits) -> Self {
        Self::with_mode(limits, ResponseMode::Auto)
    }

    fn with_mode(limits: HubLimits, mode: ResponseMode) -> Self {
        let deadlines = HubDeadlines {
            session_idle: Duration::from_secs(100),
            replay: Duration::from_secs(50),
            answer: Duration::from_secs(10),
            retry: Duration::from_secs(1),
        };
        let mut info = ServerInfo::new("t", "1");
        info.capabilities.tools.get_or_insert_default().list_changed = true;
        info.capabilities.prompts.get_or_insert_default().list_changed = true;
        let resources = info.capabilities.resources.get_or_insert_default();
        resources.list_changed = true;
        resources.subscribe = true;
        info.capabilities.logging = Some(LoggingCapability::default());
        let mut endpoint = Endpoint::new("/mcp", info).unwrap();
        endpoint.keeps_sessions = true;
        endpoint.response_mode = mode;
        let log = Box::new(MemoryLog::new(&limits, deadlines.replay));
        let hub = Hub::with(limits, deadlines, log);
        Self { hub, config: Arc::new(Config::new([endpoint])), sessions: 0 }
    }

    /// The calls that one request makes.
    fn calls(&self, method: &str, fields: &str, body: &str) -> Vec<Call> {
        let now = Now::from(at(0));
        let mut session = crate::session::Session::new(self.config.clone(), now);
        let request = format!(
            "{method} /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             {fields}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        session.handle(now, Input::Bytes(request.as_bytes()));
        let outputs = core::iter::from_fn(|| session.poll_output());
        let calls: Vec<_> = outputs
            .filter_map(|output| match output {
                Output::Call(call) => Some(call),
                _ => None,
            })
            .collect();
        assert!(!calls.is_empty(), "refused: {body}");
        calls
    }

    fn admit(&mut self, now: u64, caller: Caller<'_>, call: Call) -> Admission {
        self.hub.admit(at(now), call, None, caller)
    }

    /// Sends a message in a session.
    fn post(&mut self, now: u64, id: SessionId, message: &str) -> Admission {
        let fields = format!("Mcp-Session-Id: {id}\r\n");
        let call = self.calls("POST", &fields, message).remove(0);
        self.admit(now, Caller::default(), call)
    }

    fn initialize(&mut self, now: u64, revision: &str) -> Reply {
        self.initialize_as(now, revision, "{}", None)
    }

    fn initialize_as(
        &mut self,
        now: u64,
        revision: &str,
        capabilities: &str,
        principal: Option<&str>,
    ) -> Reply {
        let message = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"{revision}","capabilities":{capabilities},"clientInfo":{{}}}}}}"#
        );
        let call = self.calls("POST", "", &message).remove(0);
        let Admission::Initialize(call) = self.admit(now, Caller::default(), call) else {
            panic!("no initialize");
        };
        self.sessions += 1;
        let id = SessionId::new([self.sessions; 16]);
        let endpoint = &self.config.endpoints[0];
        self.hub.open_session(at(now), id, call.request(), endpoint, principal)
    }

    /// A session whose client is ready.
    fn session(&mut self, now: u64) -> SessionId {
        self.session_of(now, "2025-11-25")
    }

    fn session_of(&mut self, now: u64, revision: &str) -> SessionId {
        let Reply::Initialized(Some(id)) = self.initialize(now, revision) else {
            panic!("no session");
        };
        let message = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert!(matches!(self.post(now, id, message), Admission::Reply(_, Reply::Done)));
        id
    }

    /// Subscribes to a resource, or unsubscribes, and says whether that was accepted.
    fn subscribe(&mut self, id: SessionId, verb: &str, uri: &str, is_hidden: bool) -> bool {
        let message = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"resources/{verb}","params":{{"uri":"{uri}"}}}}"#
        );
        let call = self.calls("POST", &format!("Mcp-Session-Id: {id}\r\n"), &message).remove(0);
        match self.admit(0, Caller { principal: None, is_hidden }, call) {
            Admission::Reply(_, reply) => matches!(reply, Reply::Done),
            other => panic!("{other:?}"),
        }
    }

    /// A call of a tool.
    fn call(&mut self, now: u64, id: SessionId) -> (SessionCallKey, ReaderKey) {
        let admission = self.post(now, id, CALL);
        let Admission::Call { key, reader, .. } = admission else { panic!("{admission:?}") };
        (key, reader)
    }

    fn reply(&mut self, now: u64, key: SessionCallKey) -> Option<Reply> {
        let endpoint = &self.config.endpoints[0];
        self.hub.reply(at(now), key, endpoint, Reply::Tool(CallToolResult::text("done")))
    }

    fn progress(&mut self, now: u64, key: SessionCallKey, progress: f64) {
        let notification = Notification::Progress(Progress::new(progress));
        self.hub.notify(at(now), key, &notification);
    }

    fn get(&mut self, now: u64, id: SessionId, fields: &str) -> Admission {
        let fields = format!("Mcp-Session-Id: {id}\r\n{fields}");
        let call = self.calls("GET", &fields, "").remove(0);
        self.admit(now, Caller::default(), call)
    }

    fn listen(&mut self, now: u64, id: SessionId) -> ReaderKey {
        let admission = self.get(now, id, "");
        let Admission::Stream { reader, .. } = admission else { panic!("{admission:?}") };
        reader
    }

    fn come_back(&mut self, now: u64, id: SessionId, event: &str) -> Result<ReaderKey, Refusal> {
        match self.get(now, id, &format!("Last-Event-ID: {event}\r\n")) {
            Admission::Stream { reader, .. } => Ok(reader),
            Admission::Reply(_, Reply::Refused(refusal)) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    /// What a reader gets now: the id and what tells its message apart, or `end`.
    fn read(&mut self, now: u64, reader: ReaderKey) -> Vec<String> {
        let mut read = Vec::new();
        while let Some(next) = self.hub.next_event(at(now), reader) {
            match next {
                FromStream::Event(event) => {
                    let message = &event.message;
                    let method = message.split(r#""method":""#).nth(1).unwrap_or("response");
                    let method = method.split('"').next().unwrap_or_default();
                    read.push(format!("{} {method}", event.id));
                }
                FromStream::End => {
                    read.push("end".into());
                    break;
                }
            }
        }
        read
    }
}

const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":1}}}"#;

fn refusal(admission: Admission) -> Refusal {
    match admission {
        Admission::Reply(_, Reply::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}
