//! A client of the 2025 revisions, and what it makes sure of.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use mcp_proto::{PeerClosed, Revision};
use serde_json::{Value, json};

use super::Random;
use super::server::Server;
use super::wire::{Response, read_responses};
use crate::schema;

/// One client, with a session at most.
pub(super) struct Client {
    number: u64,
    revision: &'static str,
    session: State,
    calls: Vec<Call>,
    /// Its connections, with what was asked on each, in order.
    connections: BTreeMap<usize, Vec<Asked>>,
    /// How many events of a response, the nth on a connection, have been looked at.
    seen: BTreeMap<(usize, usize), usize>,
    /// Questions of the server that were not answered yet.
    questions: Vec<Value>,
    next_id: u64,
    /// On which connection a stream to listen on is open.
    listens: Option<usize>,
    changes: usize,
    /// Whether its session has ended without it.
    is_put_out: bool,
}

/// What has come of the calls of clients that have lost nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls with a result.
    pub results: usize,
    /// Those of them whose client has come back for it.
    pub come_back_for: usize,
    /// Changes that were heard of.
    pub changes: usize,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.results += other.results;
        self.come_back_for += other.come_back_for;
        self.changes += other.changes;
    }
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    None,
    Initializing,
    Open(String),
    /// It has ended it, or heard that it has ended.
    Ended,
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Initialize,
    Message,
    Call(usize),
    Listen,
    End,
}

/// A call, and what has come of it.
#[derive(Debug)]
struct Call {
    id: Value,
    tool: String,
    /// The number in its arguments, which no other call has.
    number: u64,
    revision: Revision,
    /// The events so far, by their ids.
    events: BTreeMap<(u32, u64), String>,
    last_event: Option<String>,
    result: Option<String>,
    progress: f64,
    /// On which connection, and in which response there, more may come.
    place: Option<(usize, usize)>,
    /// Whether it may remain without an answer.
    is_cancelled: bool,
    is_lost: bool,
    /// Whether its client has come back for it.
    was_left: bool,
    /// Whether its client was sent away when it came back.
    is_refused: bool,
}

const TOOLS: [&str; 10] = ["", "p", "ppp", "a", "pap", "r", "pr", "rp", "prpap", "pppppppppp"];

impl Client {
    pub(super) fn new(number: u64) -> Self {
        Self {
            number,
            revision: ["2025-11-25", "2025-11-25", "2025-06-18", "2025-03-26"]
                [(number % 4) as usize],
            session: State::None,
            calls: Vec::new(),
            connections: BTreeMap::new(),
            seen: BTreeMap::new(),
            questions: Vec::new(),
            next_id: 0,
            listens: None,
            changes: 0,
            is_put_out: false,
        }
    }

    /// Does something.
    pub(super) fn act(&mut self, server: &mut Server, random: &mut Random) {
        let State::Open(_) = self.session else {
            if self.session == State::None {
                self.initialize(server);
            }
            return;
        };
        match random.below(12) {
            0..5 => self.call(server, random),
            5..8 => self.answer(server, random),
            8 => self.listen(server),
            9 => self.cancel(server, random),
            10 => self.come_back(server),
            _ if random.one_in(8) => self.end(server),
            _ => {
                let ping = json!({"jsonrpc": "2.0", "id": "ping", "method": "ping"});
                self.post(server, Asked::Message, &ping);
            }
        }
    }

    fn initialize(&mut self, server: &mut Server) {
        self.session = State::Initializing;
        let params = json!({
            "protocolVersion": self.revision,
            "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "c", "version": "1"},
        });
        let request = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        self.post(server, Asked::Initialize, &request);
    }

    fn call(&mut self, server: &mut Server, random: &mut Random) {
        self.next_id += 1;
        let number = self.number * 1_000_000 + self.next_id;
        // Now and then one that others have as well.
        let id = if random.one_in(4) { json!(1) } else { json!(format!("c{}", self.next_id)) };
        let tool = TOOLS[random.position(TOOLS.len())];
        let params = json!({
            "name": format!("t{tool}"),
            "arguments": {"n": number},
            "_meta": {"progressToken": number},
        });
        let request = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
        let at = self.post(server, Asked::Call(self.calls.len()), &request);
        self.calls.push(Call {
            id,
            tool: format!("t{tool}"),
            number,
            revision: Revision::from_name(self.revision).expect("a revision"),
            events: BTreeMap::new(),
            last_event: None,
            result: None,
            progress: 0.0,
            place: Some(at),
            is_cancelled: false,
            is_lost: false,
            was_left: false,
            is_refused: false,
        });
    }

    fn answer(&mut self, server: &mut Server, random: &mut Random) {
        if self.questions.is_empty() {
            return;
        }
        let id = self.questions.swap_remove(random.position(self.questions.len()));
        let content = json!({"action": "accept", "content": {"a": "b"}});
        let answer = json!({"jsonrpc": "2.0", "id": id, "result": content});
        self.post(server, Asked::Message, &answer);
        if random.one_in(4) {
            // Another time does no harm.
            self.post(server, Asked::Message, &answer);
        }
    }

    fn listen(&mut self, server: &mut Server) {
        if self.listens.is_none() {
            let at = self.request(server, Asked::Listen, "GET", "", &[]);
            self.listens = Some(at.0);
            let uri = json!({"uri": "world:one"});
            let subscribe = json!({
                "jsonrpc": "2.0", "id": "s", "method": "resources/subscribe", "params": uri,
            });
            self.post(server, Asked::Message, &subscribe);
        }
    }

    fn cancel(&mut self, server: &mut Server, random: &mut Random) {
        let open =
            self.calls.iter_mut().filter(|call| call.result.is_none() && call.id != json!(1));
        let mut open: Vec<_> = open.collect();
        if open.is_empty() {
            return;
        }
        let at = random.position(open.len());
        open[at].is_cancelled = true;
        let params = json!({"requestId": open[at].id});
        let message =
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
        self.post(server, Asked::Message, &message);
    }

    fn end(&mut self, server: &mut Server) {
        self.request(server, Asked::End, "DELETE", "", &[]);
        self.session = State::Ended;
    }

    /// Comes back for what was interrupted.
    pub(super) fn come_back(&mut self, server: &mut Server) {
        if !matches!(self.session, State::Open(_)) {
            return;
        }
        for nth in 0..self.calls.len() {
            let call = &self.calls[nth];
            let is_over = call.result.is_some() || call.is_cancelled || call.is_lost;
            if is_over || call.place.is_some() {
                continue;
            }
            let Some(last) = call.last_event.clone() else {
                panic!("{call:?} of {} has no way back", self.number);
            };
            let asked = Asked::Call(nth);
            let at = self.request(server, asked, "GET", "", &[("Last-Event-ID", &last)]);
            let call = &mut self.calls[nth];
            (call.place, call.was_left) = (Some(at), true);
        }
        let questions = std::mem::take(&mut self.questions);
        for id in questions {
            let error = json!({"code": -1, "message": "no"});
            let answer = json!({"jsonrpc": "2.0", "id": id, "error": error});
            self.post(server, Asked::Message, &answer);
        }
    }

    /// Returns which response on which connection will answer it.
    fn post(&mut self, server: &mut Server, asked: Asked, message: &Value) -> (usize, usize) {
        let fields = [("Content-Type", "application/json")];
        self.request(server, asked, "POST", &message.to_string(), &fields)
    }

    fn request(
        &mut self,
        server: &mut Server,
        asked: Asked,
        method: &str,
        body: &str,
        fields: &[(&str, &str)],
    ) -> (usize, usize) {
        let mut head = format!(
            "{method} /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\
             Accept: application/json, text/event-stream\r\n",
            body.len()
        );
        if let State::Open(id) = &self.session {
            head += &format!("Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: {}\r\n", self.revision);
        }
        for (name, value) in fields {
            head += &format!("{name}: {value}\r\n");
        }
        let at = self.idle_connection(server).unwrap_or_else(|| server.connect());
        let all_asked = self.connections.entry(at).or_default();
        all_asked.push(asked);
        let place = (at, all_asked.len());
        server.send(at, format!("{head}\r\n{body}").as_bytes());
        place
    }

    /// A connection on which everything has been answered.
    fn idle_connection(&self, server: &Server) -> Option<usize> {
        self.connections.iter().map(|(at, asked)| (*at, asked)).find_map(|(at, asked)| {
            let responses = read_responses(&server.connections[at].received);
            let is_done = responses.len() == asked.len()
                && responses.last().is_some_and(|last| {
                    last.is_complete && last.field("connection") != Some("close")
                });
            (is_done && server.is_open(at) && server.is_quiet(at)).then_some(at)
        })
    }

    /// Looks at what has arrived.
    pub(super) fn look(&mut self, server: &mut Server) {
        for at in self.connections.keys().copied().collect::<Vec<_>>() {
            let connection = &server.connections[at];
            let has_gone = connection.is_gone;
            let responses = read_responses(&connection.received);
            let asked = self.connections[&at].clone();
            assert!(responses.len() <= asked.len(), "a response to no request");
            // Those before the last have been looked at while they were the last.
            if let Some(response) = responses.last() {
                let asked = asked[responses.len() - 1];
                self.look_at(server, (at, responses.len()), asked, response);
            }
            if has_gone || !server.is_open(at) && server.is_quiet(at) {
                let answered = responses.iter().filter(|response| response.is_complete).count();
                for asked in asked.into_iter().skip(answered) {
                    self.lose(at, asked);
                }
                self.connections.remove(&at);
                self.seen.retain(|(other, _), _| *other != at);
            }
        }
    }

    /// A connection has gone before a request on it was answered to the end.
    fn lose(&mut self, at: usize, asked: Asked) {
        match asked {
            Asked::Initialize if self.session == State::Initializing => self.session = State::None,
            Asked::Call(nth) if self.calls[nth].place.is_some_and(|place| place.0 == at) => {
                let call = &mut self.calls[nth];
                call.place = None;
                // Without an event there is nothing to come back to.
                call.is_lost |= call.last_event.is_none();
            }
            Asked::Listen if self.listens == Some(at) => self.listens = None,
            _ => {}
        }
    }

    fn look_at(
        &mut self,
        server: &mut Server,
        (at, nth_response): (usize, usize),
        asked: Asked,
        response: &Response,
    ) {
        let is_stream = response.is_stream();
        if !is_stream && !response.is_complete {
            return;
        }
        if response.status == 404 {
            self.is_put_out |= self.session != State::Ended;
            self.session = State::Ended;
        }
        match asked {
            // Too slow.
            Asked::Initialize if response.status == 408 => self.session = State::None,
            Asked::Initialize if self.session == State::Initializing => {
                let id = response.field("mcp-session-id").expect("a session").to_owned();
                self.session = State::Open(id);
                let message = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
                self.post(server, Asked::Message, &message);
            }
            Asked::Call(nth) if is_stream => self.look_at_stream((at, nth_response), nth, response),
            Asked::Call(nth) if self.calls[nth].place == Some((at, nth_response)) => {
                let call = &mut self.calls[nth];
                call.place = None;
                match response.status {
                    200 => call.finish(&response.body),
                    // The request took too long to arrive.
                    408 => call.is_lost |= call.last_event.is_none(),
                    status => {
                        // What it wanted to come back to is not kept any more.
                        assert!(matches!(status, 400 | 404), "{status} for {call:?}");
                        call.is_lost = true;
                        call.is_refused = true;
                        call.last_event = None;
                    }
                }
            }
            Asked::Listen if is_stream => {
                self.changes = self.changes.max(response.body.matches("notifications/").count());
                if response.is_complete {
                    self.listens = None;
                }
            }
            Asked::Initialize | Asked::Message | Asked::Call(_) | Asked::Listen | Asked::End => {}
        }
    }

    fn look_at_stream(&mut self, place: (usize, usize), nth: usize, response: &Response) {
        let body = &response.body;
        let whole = body.rfind("\n\n").map_or("", |end| &body[..end]);
        let seen = self.seen.entry(place).or_default();
        let new: Vec<&str> = whole.split("\n\n").filter(|block| !block.is_empty()).collect();
        let call = &mut self.calls[nth];
        for block in new.iter().skip(*seen) {
            let field = |name: &str| {
                let mut lines = block.lines();
                lines.find_map(|line| line.strip_prefix(name)).map(str::trim)
            };
            if let Some(id) = field("id:") {
                let (stream, number) = id.split_once('-').expect("an id of ours");
                let key = (stream.parse().expect("a stream"), number.parse().expect("a number"));
                call.take(id, key, field("data:").expect("data"), &mut self.questions);
            }
        }
        *seen = new.len();
        if response.is_complete && call.place == Some(place) {
            call.place = None;
            // A response that ends before its call has to say how to come back.
            call.is_lost |= call.result.is_none() && call.last_event.is_none();
        }
    }

    /// With all that is over, makes sure that nothing is missing.
    pub(super) fn check(&self) -> Totals {
        assert!(!self.is_put_out, "the session of {} has ended", self.number);
        let mut totals = Totals { changes: self.changes, ..Totals::default() };
        for call in &self.calls {
            let is_over = call.is_cancelled || self.session == State::Ended;
            assert!(is_over || !call.is_refused, "{call:?} is not kept");
            let numbers = call.events.keys().map(|(_, number)| *number);
            assert!(numbers.eq(1..=call.events.len() as u64), "an event is missing in {call:?}");
            let may_miss = call.is_cancelled || call.is_lost || self.session == State::Ended;
            assert!(may_miss || call.result.is_some(), "{call:?} has no result");
            if let Some(result) = &call.result {
                totals.results += 1;
                totals.come_back_for += usize::from(call.was_left);
                let expected = format!("{} {{\\\"n\\\":{}}}", call.tool, call.number);
                assert!(result.contains(&expected), "{result} for {call:?}");
                if !call.events.is_empty() {
                    let reports = call.tool.matches('p').count() as f64;
                    assert_eq!(call.progress, reports, "{call:?} misses progress");
                }
            }
        }
        totals
    }

    /// Ends everything.
    pub(super) fn leave(&mut self, server: &mut Server) {
        for at in self.connections.keys() {
            server.close(*at, PeerClosed::Fin);
        }
        self.connections.clear();
    }
}

impl Call {
    /// Takes an event, which comes once and in order.
    fn take(&mut self, id: &str, key: (u32, u64), data: &str, questions: &mut Vec<Value>) {
        self.last_event = Some(id.to_owned());
        if key.1 == 0 {
            assert_eq!(data, "", "a priming event says nothing");
            return;
        }
        let last = self.events.last_key_value().map_or((key.0, 0), |(last, _)| *last);
        let is_next = key.0 == last.0 && key.1 > last.1;
        assert!(is_next, "{key:?} out of order: {data} for {self:?}");
        self.events.insert(key, data.to_owned());
        let message: Value = serde_json::from_str(data).expect("JSON");
        if message.get("method").is_some() {
            schema::check(self.revision, data, None);
        }
        match (message["method"].as_str(), message.get("id")) {
            (Some("elicitation/create"), Some(id)) => questions.push(id.clone()),
            (Some("notifications/cancelled"), None) => {
                let question = &message["params"]["requestId"];
                questions.retain(|other| other != question);
            }
            (Some("notifications/progress"), None) => {
                assert_eq!(message["params"]["progressToken"], json!(self.number), "{data}");
                let progress = message["params"]["progress"].as_f64().expect("a number");
                assert!(progress > self.progress, "{data} after {}", self.progress);
                self.progress = progress;
            }
            (None, Some(_)) => self.finish(data),
            _ => panic!("{data} on the stream of {self:?}"),
        }
    }

    fn finish(&mut self, message: &str) {
        assert_eq!(self.result, None, "answered twice: {message}");
        schema::check(self.revision, message, Some("tools/call"));
        let parsed: Value = serde_json::from_str(message).expect("JSON");
        assert_eq!(parsed["id"], self.id, "{message} for {self:?}");
        self.result = Some(message.to_owned());
    }
}
