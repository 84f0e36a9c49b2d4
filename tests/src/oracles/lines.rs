//! One client line by line, in which anything happens: what it sends, what the application says,
//! how it ends. The laws of a session hold for it, too.
//!
//! An input is a script of lines. What begins with `!` is done, by the table in `Act::read`; all
//! else the client sends, up to a `~` with its line feed, and from there without.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use mcp_proto::{
    Admission, Call, CallKey, CallToolResult, Caller, Change, Config, Deadlines, Endpoint, Event,
    FromStream, Hub, HubLimits, Input, InputRequest, Instant, Limits, LineSession, Lost, McpMethod,
    Notification, Now, Output, PeerClosed, Progress, ReaderKey, Reply, RpcError, ServerInfo,
    ServerRequest, SessionCallKey, SessionId, SubscriptionKey,
};
use serde_json::Value;

use super::ragged;

/// With room for one request, and for a few.
static CONFIGS: LazyLock<[Arc<Config>; 2]> = LazyLock::new(|| [1, 4].map(config));

fn config(in_flight: usize) -> Arc<Config> {
    let mut info = ServerInfo::new("lines", "1");
    info.capabilities.tools.get_or_insert_default().list_changed = true;
    info.capabilities.resources.get_or_insert_default().subscribe = true;
    info.capabilities.logging.get_or_insert_default();
    let mut endpoint = Endpoint::new("/", info).expect("a path");
    endpoint.keeps_sessions = true;
    let mut config = Config::new([endpoint]);
    config.limits = Limits { body: 600, in_flight, unsent: 3000, ..Limits::default() };
    config.deadlines = Deadlines {
        drain: Duration::from_secs(2),
        write_stall: Duration::from_secs(9),
        ..Deadlines::default()
    };
    Arc::new(config)
}

/// How long a shutdown waits.
const DRAIN: Duration = Duration::from_secs(5);

/// Something that happens.
#[derive(Clone, Copy, Debug)]
enum Act {
    Reply(usize),
    Fail(usize),
    Progress(usize),
    Ask(usize),
    Change,
    Write(usize),
    Fin,
    Reset,
    Shutdown,
    Wait(u64),
}

impl Act {
    fn read(line: &[u8]) -> Option<Self> {
        let [b'!', what, rest @ ..] = line else {
            return None;
        };
        let number = usize::from(rest.first().copied().unwrap_or(b'0').wrapping_sub(b'0') % 16);
        Some(match what {
            b'r' => Self::Reply(number),
            b'e' => Self::Fail(number),
            b'p' => Self::Progress(number),
            b'q' => Self::Ask(number),
            b'c' => Self::Change,
            b'w' => Self::Write(number * number * 20 + 1),
            b'f' => Self::Fin,
            b'x' => Self::Reset,
            b's' => Self::Shutdown,
            b't' => Self::Wait(number as u64),
            _ => return None,
        })
    }
}

/// Checks the laws on a script, whole and in pieces.
pub fn check(input: &[u8]) {
    let whole = Run::of(input, None);
    for seed in [0, input.len() as u64] {
        let split = Run::of(input, Some(seed));
        let [whole, split] =
            [&whole, &split].map(|run| (run.sent.escape_ascii().to_string(), &run.seen));
        assert_eq!(whole, split, "how lines are split makes a difference");
    }
}

/// A client, an application and a hub, and what passed between them.
struct Run {
    config: Arc<Config>,
    session: LineSession,
    hub: Hub,
    now: Instant,
    /// How the client's bytes are split: whole, one by one, or in ragged pieces.
    seed: Option<u64>,
    tasks: BTreeMap<CallKey, Task>,
    readers: Vec<(ReaderKey, CallKey)>,
    sessions: u8,
    /// All that the client was sent, and how much of it is checked.
    sent: Vec<u8>,
    checked: usize,
    seen: Vec<String>,
    /// What calls were answered with and their ids, as far as the client has not read it.
    answers: BTreeMap<String, Option<String>>,
    answered: usize,
    keys: BTreeSet<CallKey>,
    has_left: bool,
    is_reset: bool,
    is_closed: bool,
}

/// A call that the application has not answered.
struct Task {
    method: McpMethod,
    /// As JSON.
    id: Option<String>,
    in_session: Option<SessionCallKey>,
    subscription: Option<SubscriptionKey>,
    progress: f64,
}

impl Run {
    fn of(input: &[u8], seed: Option<u64>) -> Self {
        let config = CONFIGS[input.len() % 2].clone();
        let mut run = Self {
            session: LineSession::new(config.clone()),
            config,
            hub: Hub::new(HubLimits::default()),
            now: Instant::from_micros(0),
            seed,
            tasks: BTreeMap::new(),
            readers: Vec::new(),
            sessions: 0,
            sent: Vec::new(),
            checked: 0,
            seen: Vec::new(),
            answers: BTreeMap::new(),
            answered: 0,
            keys: BTreeSet::new(),
            has_left: false,
            is_reset: false,
            is_closed: false,
        };
        for line in input.split(|byte| *byte == b'\n') {
            match (Act::read(line), line.strip_suffix(b"~")) {
                (Some(act), _) => run.act(act),
                (None, Some(line)) => run.feed(line),
                (None, None) => run.feed(&[line, b"\n"].concat()),
            }
            run.carry();
        }
        run.end();
        run
    }

    /// The client leaves in order, and everything comes to its end.
    fn end(&mut self) {
        self.act(Act::Fin);
        for _ in 0..10_000 {
            self.carry();
            if self.is_closed {
                break;
            }
            self.act(Act::Write(usize::MAX));
            self.act(Act::Reply(0));
        }
        assert!(self.is_closed, "it goes on for ever: {:?}", self.session);
        assert!(self.tasks.is_empty(), "a call survives its connection");
        assert!(self.hub.is_empty(), "something survives in the hub: {:?}", self.hub);
        self.check_lines();
        assert_eq!(self.checked, self.sent.len(), "half a line was sent");
    }

    fn handle(&mut self, input: Input<'_>) {
        self.session.handle(Now::from(self.now), input);
        assert!(!self.is_closed || self.session.transmit().is_empty(), "a write after the close");
        assert!(!self.is_reset || self.session.transmit().is_empty(), "a write to nobody");
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        let mut length: Box<dyn FnMut() -> usize> = match self.seed {
            None => Box::new(|| usize::MAX),
            Some(0) => Box::new(|| 1),
            Some(seed) => Box::new(ragged(seed)),
        };
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(length().min(bytes.len()));
            self.handle(Input::Bytes(piece));
            bytes = rest;
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Reply(nth) => self.reply(nth, None),
            Act::Fail(nth) => {
                self.reply(nth, Some(RpcError::new(mcp_proto::ErrorCode(-7), "failed")));
            }
            Act::Progress(nth) => {
                let Some((key, task)) = self.nth(nth) else {
                    return;
                };
                task.progress += 1.0;
                let progress = Notification::Progress(Progress::new(task.progress));
                match task.in_session {
                    Some(call) => self.hub.notify(self.now, call, &progress),
                    None => self.handle(Input::Notify(key, progress)),
                }
            }
            Act::Ask(nth) => {
                if let Some(call) = self.nth(nth).and_then(|(_, task)| task.in_session) {
                    let roots = InputRequest::ListRoots;
                    let _ = self.hub.ask(self.now, call, ServerRequest::Input(&roots));
                }
            }
            Act::Change => self.hub.publish(&Change::Tools),
            Act::Write(count) => {
                let bytes = self.session.transmit();
                let count = count.min(bytes.len());
                self.sent.extend_from_slice(&bytes[..count]);
                self.handle(Input::Written(count));
            }
            Act::Fin => {
                self.has_left = true;
                self.handle(Input::PeerClosed(PeerClosed::Fin));
            }
            Act::Reset => {
                self.is_reset = true;
                self.check_lines();
                // What was cut off is nobody's.
                self.sent.truncate(self.checked);
                self.handle(Input::PeerClosed(PeerClosed::Reset));
            }
            Act::Shutdown => self.handle(Input::Shutdown(self.now + DRAIN)),
            Act::Wait(seconds) => {
                self.now = self.now + Duration::from_secs(seconds);
                let is_due =
                    |run: &Self| run.session.poll_timeout().is_some_and(|at| at <= run.now);
                // The end of a shutdown, and that of what it leaves to be written.
                for _ in 0..2 {
                    if is_due(self) {
                        let unread = self.session.transmit().len();
                        self.handle(Input::Timeout);
                        // Who has left and reads nothing is gone.
                        self.is_reset |=
                            self.has_left && unread > 0 && self.session.transmit().is_empty();
                        self.carry();
                    }
                }
                assert!(!is_due(self), "a deadline that is not met");
                if self.is_closed || self.is_reset {
                    // What the client has not read in time is cut off.
                    self.check_lines();
                    self.sent.truncate(self.checked);
                }
            }
        }
    }

    fn nth(&mut self, nth: usize) -> Option<(CallKey, &mut Task)> {
        let count = self.tasks.len().max(1);
        self.tasks.iter_mut().nth(nth % count).map(|(key, task)| (*key, task))
    }

    /// Answers a call, if there is one that does not end by itself.
    fn reply(&mut self, nth: usize, error: Option<RpcError>) {
        let waiting = self.tasks.iter().filter(|(_, task)| !task.is_endless());
        let keys: Vec<CallKey> = waiting.map(|(key, _)| *key).collect();
        let Some(key) = keys.get(nth % keys.len().max(1)).copied() else {
            return;
        };
        let task = self.tasks.remove(&key).expect("one of them");
        let reply = match (task.method, error) {
            (McpMethod::CallTool, None) => {
                // No two are alike, so that each can be told from the others.
                self.answered += 1;
                let text = format!("done {}\n", self.answered);
                self.answers.insert(text.clone(), task.id.clone());
                Reply::Tool(CallToolResult::text(text))
            }
            (McpMethod::CallTool, Some(error)) => Reply::Error(error),
            _ => Reply::Error(RpcError::new(mcp_proto::ErrorCode(-8), "nothing of the kind")),
        };
        let direct = match task.in_session {
            Some(call) => self.hub.reply(self.now, call, &self.config.endpoints[0], reply),
            None => Some(reply),
        };
        if let Some(reply) = direct {
            self.stop_reading(key);
            let before = self.session.transmit().len();
            self.handle(Input::Reply(key, reply));
            let is_answered = self.session.transmit().len() > before || self.is_reset;
            assert!(is_answered || task.id.is_none(), "an answer that is not sent");
        }
    }

    fn stop_reading(&mut self, call: CallKey) {
        let gone = self.readers.iter().position(|(_, key)| *key == call);
        if let Some(at) = gone {
            let (reader, _) = self.readers.swap_remove(at);
            self.hub.detach(self.now, reader);
        }
    }

    /// Does what a driver does, until there is nothing left to do.
    fn carry(&mut self) {
        loop {
            let mut happened = false;
            while let Some(output) = self.session.poll_output() {
                assert!(!self.is_closed, "{output:?} after the close");
                happened = true;
                self.output(output);
            }
            let mut at = 0;
            while self.session.can_notify()
                && let Some(&(reader, call)) = self.readers.get(at)
            {
                match self.hub.next_event(self.now, reader) {
                    Some(FromStream::Event(event)) => {
                        self.handle(Input::Notify(call, Notification::Event(event)));
                        happened = true;
                    }
                    Some(FromStream::End) => {
                        self.stop_reading(call);
                        self.tasks.remove(&call);
                        self.handle(Input::Reply(call, Reply::NoResponse));
                        happened = true;
                    }
                    None => at += 1,
                }
            }
            let subscribed =
                self.tasks.iter().filter_map(|(key, task)| Some((*key, task.subscription?)));
            for (call, subscription) in subscribed.collect::<Vec<_>>() {
                while self.session.can_notify()
                    && let Some(change) = self.hub.next_change(subscription)
                {
                    self.handle(Input::Notify(call, Notification::Changed(change)));
                    happened = true;
                }
            }
            // Those that a client of a session has cancelled.
            let cancelled = self
                .tasks
                .iter()
                .filter(|(_, task)| task.in_session.is_some_and(|call| !self.hub.is_open(call)));
            for key in cancelled.map(|(key, _)| *key).collect::<Vec<_>>() {
                self.tasks.remove(&key);
            }
            while self.hub.poll_news().is_some() {}
            if !happened {
                return;
            }
        }
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Call(call) => {
                self.seen.push(format!("{:?}", call.request()));
                assert!(self.keys.insert(call.key()), "two calls have one key");
                self.begin(call);
            }
            Output::Cancelled(key) => {
                self.seen.push(format!("cancelled {key:?}"));
                assert!(self.keys.contains(&key), "cancelled what never was");
                let task = self.tasks.remove(&key);
                let reader = self.readers.iter().any(|(_, call)| *call == key);
                assert!(task.is_some() || reader, "cancelled what is over");
                self.stop_reading(key);
                if let Some(subscription) = task.as_ref().and_then(|task| task.subscription) {
                    self.hub.unsubscribe(subscription);
                }
                if let Some(call) = task.and_then(|task| task.in_session) {
                    let error = Reply::Error(RpcError::new(mcp_proto::ErrorCode(-9), "stopped"));
                    let _ = self.hub.reply(self.now, call, &self.config.endpoints[0], error);
                }
            }
            Output::Authorize(_)
            | Output::AuthorizationCancelled(_)
            | Output::HandedOver(_)
            | Output::StreamBegun(_)
            | Output::ShutdownWrite => panic!("{output:?} is of HTTP"),
            Output::Event(event) => {
                if let Event::RequestLost(lost) = &event {
                    // A line that the client left unfinished, or answers that it never read.
                    let is_cut = matches!(lost.stage, Lost::InLine | Lost::InResponse);
                    assert!(self.is_reset || is_cut, "{lost:?}, though nobody has gone");
                }
                self.seen.push(format!("{event:?}"));
            }
            Output::Close => self.is_closed = true,
        }
    }

    fn begin(&mut self, call: Call) {
        let key = call.key();
        let mut task = Task {
            method: call.request().method(),
            id: call.request().id().map(ToString::to_string),
            in_session: None,
            subscription: None,
            progress: 0.0,
        };
        if !call.request().is_of_session() {
            if let Some(filter) = call.request().subscription() {
                task.subscription = Some(self.hub.subscribe(filter).expect("within the limits"));
                self.tasks.insert(key, task);
                return self.handle(Input::Notify(key, Notification::Subscribed));
            }
            self.tasks.insert(key, task);
            return;
        }
        match self.hub.admit(self.now, call, None, Caller::default()) {
            Admission::Reply(key, reply) => self.handle(Input::Reply(key, reply)),
            Admission::Initialize(call) => {
                self.sessions += 1;
                let id = SessionId::new([self.sessions; 16]);
                let endpoint = &self.config.endpoints[0];
                let reply = self.hub.open_session(self.now, id, call.request(), endpoint, None);
                self.handle(Input::Reply(key, reply));
            }
            Admission::Stream { call, reader, start, .. } => {
                self.readers.push((reader, call));
                self.handle(Input::Admit(call, start));
            }
            Admission::Call { call, key: in_session, reader, start } => {
                task.in_session = Some(in_session);
                self.readers.push((reader, key));
                self.tasks.insert(key, task);
                self.handle(Input::Admit(call.key(), start));
            }
        }
    }

    /// Every line that has come is a message, and every result is that of the call whose id it has, once.
    fn check_lines(&mut self) {
        while let Some(length) = super::find(&self.sent[self.checked..], b'\n') {
            let line = &self.sent[self.checked..self.checked + length];
            let message: Value = serde_json::from_slice(line)
                .unwrap_or_else(|error| panic!("{error}: {}", line.escape_ascii()));
            assert_eq!(message["jsonrpc"], "2.0", "{message}");
            if let Some(text) = message["result"]["content"][0]["text"].as_str() {
                let id = self.answers.remove(text).flatten();
                let id = id.unwrap_or_else(|| panic!("nobody waits for {message}"));
                let id: Value = serde_json::from_str(&id).expect("JSON");
                assert_eq!(message["id"], id, "{message}");
            }
            self.checked += length + 1;
        }
    }
}

impl Task {
    fn is_endless(&self) -> bool {
        self.subscription.is_some()
    }
}
