//! The other connections of a client that has a session: whole requests, served at once.

use std::sync::Arc;

use mcp_proto::{
    Admission, Caller, Config, FromStream, Input, Instant, Notification, Output, PeerClosed, Reply,
    Session,
};
use serde_json::Value;

use super::{Simulation, now};
use crate::application::{Application, Task};
use crate::http::{Response, read_responses};
use crate::script::{Elsewhere, Gate};

/// The sessions that there are from the start: one of each revision, by their numbers from 1.
pub const FIRST_SESSIONS: [&str; 3] = ["2025-03-26", "2025-06-18", "2025-11-25"];

/// Those of them whose clients have said that they are initialized.
pub const INITIALIZED: [u128; 2] = [1, 3];

/// The name of a session.
#[must_use]
pub fn session_name(number: u128) -> String {
    format!("{number:032x}")
}

impl Simulation<'_> {
    /// Begins the sessions that scripts know of.
    pub(super) fn open_sessions(&mut self) {
        for version in FIRST_SESSIONS {
            let id = self.next_session();
            self.metered(|this| {
                let mut other = Other::new(this);
                other.session_id = Some(id);
                let params = format!(r#"{{"protocolVersion":"{version}","capabilities":{{}}}}"#);
                other.post(
                    None,
                    &format!(
                        r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{params}}}"#
                    ),
                );
            });
        }
        let json = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        for number in INITIALIZED {
            self.metered(|this| Other::new(this).post(Some(&session_name(number)), json));
        }
    }

    /// The client of a session does something on another connection.
    pub(super) fn elsewhere(&mut self, what: Elsewhere) {
        if self.script.setup.gate != Gate::Open {
            // Nobody lets in what comes by another connection.
            return;
        }
        let calls = &self.application.calls;
        let is_known = |task: &&Task| task.session_id.is_some();
        let in_session = |task: &&Task| task.is_working && task.in_session.is_some();
        let newest = calls.iter().rfind(in_session).or_else(|| calls.iter().rfind(is_known));
        let Some(task) = newest else {
            return;
        };
        let name = task.session_id.clone().unwrap_or_default();
        let question = self.questions.get(&name).copied().unwrap_or_default();
        let message = match what {
            Elsewhere::Cancel => {
                let Some(id) = task.id.clone() else {
                    return;
                };
                return self.cancel(&name, &id);
            }
            Elsewhere::Answer => format!(r#""id":{question},"result":{{"roots":[]}}"#),
            Elsewhere::Progress => format!(
                r#""method":"notifications/progress","params":{{"progressToken":{question},"progress":1}}"#
            ),
            Elsewhere::Refuse => {
                format!(r#""id":{question},"error":{{"code":-1,"message":"no"}}"#)
            }
            Elsewhere::Resume => {
                let stream = self.streams.get(&name).copied().unwrap_or_default();
                return self.metered(|this| Other::new(this).get(&name, stream));
            }
            Elsewhere::End => return self.metered(|this| Other::new(this).delete(&name)),
        };
        let json = format!(r#"{{"jsonrpc":"2.0",{message}}}"#);
        self.metered(|this| Other::new(this).post(Some(&name), &json));
    }

    /// Cancels whatever has that id in a session: one call or, if there are several, none.
    fn cancel(&mut self, name: &str, id: &str) {
        let hub = &self.application.hub;
        let is_named = |task: &&Task| {
            task.session_id.as_deref() == Some(name) && task.id.as_deref() == Some(id)
        };
        let named = self.application.calls.iter().filter(is_named);
        let keys = named.filter_map(|task| task.in_session);
        let keys: Vec<_> = keys.filter(|key| hub.is_open(*key)).collect();
        let json = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
        );
        self.metered(|this| Other::new(this).post(Some(name), &json));
        let hub = &self.application.hub;
        let open = keys.iter().filter(|key| hub.is_open(**key)).count();
        let expected = if keys.len() == 1 { 0 } else { keys.len() };
        assert_eq!(open, expected, "cancelled, of {} calls called {id}", keys.len());
    }
}

/// Checks that nothing is missing, and nothing there twice, behind the beginning of a stream. Before that
/// may come questions that are open, which outlive what the log keeps.
fn check_events(sent: &[u8]) {
    let responses = read_responses(sent, |_, _| false).finals;
    let (mut last, mut are_questions) = (None, true);
    for event in responses.iter().flat_map(Response::events) {
        let Some((_, number)) = event.id else {
            continue;
        };
        let follows = |last| number == last + 1 || (are_questions && number > last);
        assert!(last.is_none_or(follows), "{number} comes after {last:?}");
        let message: Value = serde_json::from_str(event.data).unwrap_or_default();
        are_questions &= message.get("method").is_some() && message.get("id").is_some();
        last = Some(number);
    }
}

/// One connection, for one request.
struct Other<'a> {
    session: Session,
    application: &'a mut Application,
    config: &'a Arc<Config>,
    now: mcp_proto::Now,
    session_id: Option<mcp_proto::SessionId>,
}

impl<'a> Other<'a> {
    fn new(simulation: &'a mut Simulation<'_>) -> Self {
        let now = now(simulation.script, simulation.clock);
        Self {
            session: Session::new(simulation.config.clone(), now),
            application: &mut simulation.application,
            config: &simulation.config,
            now,
            session_id: None,
        }
    }

    fn post(self, name: Option<&str>, json: &str) {
        let field = name.map(|name| format!("Mcp-Session-Id: {name}\r\n")).unwrap_or_default();
        let length = json.len();
        self.send(&format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             {field}Content-Length: {length}\r\n\r\n{json}"
        ));
    }

    fn get(self, name: &str, stream: u32) {
        self.send(&format!(
            "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\
             Mcp-Session-Id: {name}\r\nLast-Event-ID: {stream}-0\r\n\r\n"
        ));
    }

    fn delete(self, name: &str) {
        self.send(&format!(
            "DELETE /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: {name}\r\n\r\n"
        ));
    }

    /// Sends a request and leaves when it is answered, or has begun to be.
    fn send(mut self, request: &str) {
        self.session.handle(self.now, Input::Bytes(request.as_bytes()));
        let at: Instant = self.now.instant;
        while let Some(output) = self.session.poll_output() {
            let Output::Call(call) = output else {
                continue;
            };
            match self.application.hub.admit(at, call, None, Caller::default()) {
                Admission::Reply(key, reply) => {
                    self.session.handle(self.now, Input::Reply(key, reply))
                }
                Admission::Initialize(call) => {
                    let (id, endpoint) = (self.session_id, &self.config.endpoints[0]);
                    let id = id.expect("initialize is for what is named");
                    let hub = &mut self.application.hub;
                    let reply = hub.open_session(at, id, call.request(), endpoint, None);
                    assert!(matches!(reply, Reply::Initialized(_)), "{reply:?}");
                    self.session.handle(self.now, Input::Reply(call.key(), reply));
                }
                Admission::Stream { call, reader, start, .. } => {
                    self.session.handle(self.now, Input::Admit(call, start));
                    while let Some(next) = self.application.hub.next_event(at, reader) {
                        let FromStream::Event(event) = next else {
                            break;
                        };
                        let note = Notification::Event(event);
                        self.session.handle(self.now, Input::Notify(call, note));
                    }
                    check_events(self.session.transmit());
                    self.session.handle(self.now, Input::PeerClosed(PeerClosed::Reset));
                    self.application.hub.detach(at, reader);
                }
                other => panic!("{other:?} for {request}"),
            }
        }
    }
}
