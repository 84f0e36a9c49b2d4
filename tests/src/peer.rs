//! One connection in virtual time, for tests that say step by step what happens on it, and a hub
//! that several of them share.

use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use mcp_proto::{
    Admission, Authorization, Call, CallKey, Caller, CompletionsCapability, Config, Endpoint,
    Event, FromStream, Hub, Input, Instant, LoggingCapability, Notification, Now, Output,
    PeerClosed, ReaderKey, Refusal, Reply, Revision, ServerInfo, Session, SessionCallKey,
    SessionId,
};

use crate::http::{Responses, read_responses};
use crate::schema;

/// The end of a head that announces a JSON body.
const JSON: &str = "Host: localhost\r\nContent-Type: application/json\r\n";

/// A call that asks for progress.
pub const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{},"_meta":{"progressToken":1}}}"#;

/// A request that needs no application, outside of sessions.
pub const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// One endpoint at `/mcp`, whose resources and tools may change, and the defaults for all else.
#[must_use]
pub fn config(keeps_sessions: bool) -> Config {
    let mut info = ServerInfo::new("peer", "1.0.0");
    info.capabilities.tools.get_or_insert_default().list_changed = true;
    info.capabilities.resources.get_or_insert_default().subscribe = true;
    info.capabilities.logging = Some(LoggingCapability::default());
    info.capabilities.completions = Some(CompletionsCapability::default());
    let mut endpoint = Endpoint::new("/mcp", info).expect("a plain path");
    endpoint.keeps_sessions = keeps_sessions;
    Config::new([endpoint])
}

/// A POST with that body and further field lines, each of which ends in CR LF.
#[must_use]
pub fn post(fields: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST /mcp HTTP/1.1\r\n{JSON}{fields}Content-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// A POST with that body in chunks of that size.
#[must_use]
pub fn post_in_chunks(body: &str, size: usize) -> Vec<u8> {
    let mut request = begin_chunks();
    body.as_bytes().chunks(size).for_each(|data| push_chunk(&mut request, data));
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

/// The head of a POST whose body comes in chunks.
#[must_use]
pub fn begin_chunks() -> Vec<u8> {
    format!("POST /mcp HTTP/1.1\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n").into_bytes()
}

/// Appends one chunk.
pub fn push_chunk(request: &mut Vec<u8>, data: &[u8]) {
    request.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
    request.extend_from_slice(data);
    request.extend_from_slice(b"\r\n");
}

/// A session, its clock, and the peer at the other end.
pub struct Peer {
    /// The connection.
    pub session: Session,
    /// What its clock shows.
    pub now: Instant,
    /// Whether the peer reads what it is sent, at once.
    pub reads: bool,
    /// The calls that have come out and were not taken.
    pub calls: Vec<Call>,
    /// The requests that wait to be let in, until that is decided or does not matter any more.
    pub waiting: Vec<Authorization>,
    /// What there was for the log.
    pub events: Vec<Event>,
    /// The calls that have ended without a reply.
    pub ended: Vec<CallKey>,
    /// Whether we have sent our FIN.
    pub has_fin: bool,
    /// Whether the connection is closed.
    pub is_closed: bool,
    received: Vec<u8>,
}

impl Peer {
    /// A connection that has just been accepted, and a peer that reads.
    #[must_use]
    pub fn new(config: &Arc<Config>, now: Instant) -> Self {
        Self {
            session: Session::new(config.clone(), now.into()),
            now,
            reads: true,
            calls: Vec::new(),
            waiting: Vec::new(),
            events: Vec::new(),
            ended: Vec::new(),
            has_fin: false,
            is_closed: false,
            received: Vec::new(),
        }
    }

    /// A peer that reads what it is told to read, and nothing else.
    #[must_use]
    pub fn deaf(config: &Arc<Config>, now: Instant) -> Self {
        Self { reads: false, ..Self::new(config, now) }
    }

    /// Something happens.
    pub fn handle(&mut self, input: Input<'_>) {
        self.session.handle(Now::from(self.now), input);
        self.settle();
    }

    /// Acts on all that the session wants done.
    pub fn settle(&mut self) {
        loop {
            while let Some(output) = self.session.poll_output() {
                assert!(!self.is_closed, "{output:?} behind the end");
                match output {
                    Output::Authorize(authorization) => self.waiting.push(authorization),
                    Output::AuthorizationCancelled(key) => {
                        self.waiting.retain(|waiting| waiting.key() != key);
                    }
                    Output::Call(call) => self.calls.push(call),
                    Output::Cancelled(key) | Output::HandedOver(key) => self.ended.push(key),
                    Output::StreamBegun(_) => {}
                    Output::Event(event) => self.events.push(event),
                    Output::ShutdownWrite => self.has_fin = true,
                    Output::Close => self.is_closed = true,
                }
            }
            if !self.reads || self.take(usize::MAX) == 0 {
                return;
            }
        }
    }

    /// The peer reads that many bytes, if there are so many. Returns how many it were.
    pub fn read(&mut self, most: usize) -> usize {
        let count = self.take(most);
        self.settle();
        count
    }

    fn take(&mut self, most: usize) -> usize {
        let bytes = self.session.transmit();
        let count = bytes.len().min(most);
        self.received.extend_from_slice(&bytes[..count]);
        self.session.handle(Now::from(self.now), Input::Written(count));
        count
    }

    /// The peer sends bytes, in one piece.
    pub fn send(&mut self, bytes: &[u8]) {
        self.handle(Input::Bytes(bytes));
    }

    /// The peer sends bytes, that many at a time.
    pub fn send_in(&mut self, size: usize, bytes: &[u8]) {
        bytes.chunks(size).for_each(|piece| self.send(piece));
    }

    /// The peer leaves in order.
    pub fn close(&mut self) {
        self.handle(Input::PeerClosed(PeerClosed::Fin));
    }

    /// Time passes, and nobody looks at the clock.
    pub fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    /// Time passes, and somebody looks at the clock in the end.
    pub fn wake_after(&mut self, time: Duration) {
        self.pass(time);
        self.handle(Input::Timeout);
    }

    /// The application answers a call.
    pub fn reply(&mut self, key: CallKey, reply: Reply) {
        self.handle(Input::Reply(key, reply));
    }

    /// The application says something about a call.
    pub fn notify(&mut self, key: CallKey, notification: Notification) {
        self.handle(Input::Notify(key, notification));
    }

    /// The bytes that the peer has read since this was last asked.
    pub fn bytes(&mut self) -> Vec<u8> {
        take(&mut self.received)
    }

    /// What the peer has read, which is nothing but whole responses and perhaps one without an end,
    /// to requests of `method` on 2025-03-26. The messages are valid by their [`schema`].
    pub fn responses(&mut self, method: &str) -> Responses {
        self.responses_on(Revision::V2025_03_26, method)
    }

    /// The same on another revision.
    pub fn responses_on(&mut self, revision: Revision, method: &str) -> Responses {
        let responses = read_responses(&self.bytes(), |_, _| false);
        for message in responses.finals.iter().flat_map(|response| response.messages()) {
            schema::check(revision, message, Some(method));
        }
        responses
    }

    /// The statuses of all that the peer has read.
    pub fn statuses(&mut self, method: &str) -> Vec<u16> {
        self.responses(method).finals.iter().map(|response| response.status).collect()
    }

    /// Why requests were refused.
    #[must_use]
    pub fn refusals(&self) -> Vec<Refusal> {
        let refusal = |event: &Event| match event {
            Event::Refused { refusal, .. } => Some(refusal.clone()),
            _ => None,
        };
        self.events.iter().filter_map(refusal).collect()
    }
}

/// A hub, and the connections that clients of its sessions make.
pub struct Host {
    /// What is shared.
    pub hub: Hub,
    /// What each connection has.
    pub config: Arc<Config>,
    /// What all clocks show.
    pub now: Instant,
    /// How many sessions there have been.
    sessions: u64,
}

/// A call of a session that the application is at work on.
#[derive(Clone, Copy, Debug)]
pub struct SessionWork {
    /// What its connection knows it by.
    pub call: CallKey,
    /// What the hub knows it by.
    pub key: SessionCallKey,
}

/// One connection of a client, and what it has asked for.
pub struct Visit {
    /// The connection.
    pub peer: Peer,
    /// What the application is at work on.
    pub work: Vec<SessionWork>,
    /// Who reads a stream for it.
    pub reader: Option<ReaderKey>,
    reading_for: Vec<CallKey>,
}

impl Host {
    /// A server with that hub.
    #[must_use]
    pub fn new(hub: Hub) -> Self {
        Self { hub, config: Arc::new(config(true)), now: Instant::from_micros(0), sessions: 0 }
    }

    /// Makes a connection and sends one request on it, which is admitted by the hub.
    pub fn visit(&mut self, request: &[u8]) -> Visit {
        let mut visit = Visit {
            peer: Peer::new(&self.config, self.now),
            work: Vec::new(),
            reader: None,
            reading_for: Vec::new(),
        };
        visit.peer.send(request);
        for call in take(&mut visit.peer.calls) {
            let key = call.key();
            match self.hub.admit(self.now, call, visit.reader, Caller::default()) {
                Admission::Reply(key, reply) => visit.peer.reply(key, reply),
                Admission::Initialize(call) => {
                    self.sessions += 1;
                    let id = SessionId::new(u128::from(self.sessions).to_be_bytes());
                    let endpoint = &self.config.endpoints[0];
                    let reply = self.hub.open_session(self.now, id, call.request(), endpoint, None);
                    visit.peer.reply(key, reply);
                }
                Admission::Stream { call, reader, start, .. } => {
                    visit.reader = Some(reader);
                    visit.reading_for.push(call);
                    visit.peer.handle(Input::Admit(call, start));
                }
                Admission::Call { call, key, reader, start } => {
                    let call = call.key();
                    visit.reader = Some(reader);
                    visit.reading_for.push(call);
                    visit.work.push(SessionWork { call, key });
                    visit.peer.handle(Input::Admit(call, start));
                }
            }
        }
        visit
    }

    /// A session whose client is ready; its id as it stands on the wire.
    ///
    /// # Panics
    ///
    /// If there is no room for it.
    pub fn session(&mut self, revision: Revision) -> String {
        let mut begun = self.initialize(revision, "{}");
        let responses = begun.peer.responses_on(revision, "initialize");
        let id = responses.finals[0].field("mcp-session-id").expect("a session").to_owned();
        let fields = fields(revision, &id);
        self.visit(&post(&fields, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#));
        id
    }

    /// Sends `initialize` with those capabilities.
    pub fn initialize(&mut self, revision: Revision, capabilities: &str) -> Visit {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"{revision}","capabilities":{capabilities},"clientInfo":{{}}}}}}"#
        );
        self.visit(&post("", &body))
    }

    /// Sends a message in a session.
    pub fn say(&mut self, revision: Revision, id: &str, message: &str) -> Visit {
        self.visit(&post(&fields(revision, id), message))
    }

    /// Opens a stream, or comes back to one behind the event of that id.
    pub fn listen(&mut self, revision: Revision, id: &str, last_seen: Option<&str>) -> Visit {
        let last_seen = last_seen.map(|event| format!("Last-Event-ID: {event}\r\n"));
        let (fields, last_seen) = (fields(revision, id), last_seen.unwrap_or_default());
        let request = format!("GET /mcp HTTP/1.1\r\nHost: localhost\r\n{fields}{last_seen}\r\n");
        self.visit(request.as_bytes())
    }

    /// Hands what there is in the hub to whoever reads it.
    pub fn pump(&mut self, visit: &mut Visit) {
        while let Some(reader) = visit.reader {
            let call = *visit.reading_for.last().expect("it reads for a call");
            match self.hub.next_event(self.now, reader) {
                None => return,
                Some(FromStream::Event(event)) => {
                    visit.peer.notify(call, Notification::Event(event));
                }
                Some(FromStream::End) => {
                    for call in take(&mut visit.reading_for) {
                        visit.peer.reply(call, Reply::NoResponse);
                    }
                    self.leave(visit);
                }
            }
        }
    }

    /// The application answers the call of a visit.
    pub fn reply(&mut self, visit: &mut Visit, reply: Reply) {
        let SessionWork { call, key } = visit.work.remove(0);
        if let Some(reply) = self.hub.reply(self.now, key, &self.config.endpoints[0], reply) {
            visit.peer.reply(call, reply);
            self.leave(visit);
        }
        self.pump(visit);
    }

    /// The connection breaks, or has nothing more to read.
    pub fn leave(&mut self, visit: &mut Visit) {
        if let Some(reader) = visit.reader.take() {
            self.hub.detach(self.now, reader);
        }
    }
}

fn fields(revision: Revision, id: &str) -> String {
    format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: {revision}\r\n")
}
