//! The server: sessions, a hub, and the driver that carries between them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mcp_proto::{
    Admission, Call, CallKey, CallToolResult, Caller, Change, Config, ElicitProperty,
    ElicitRequest, ElicitSchema, Endpoint, FromStream, Hub, HubDeadlines, HubLimits, Input,
    InputRequest, Instant, MemoryLog, News, Notification, Now, Output, PeerClosed, Progress,
    QuestionFailure, QuestionKey, ReaderKey, ReplayLog, Reply, ServerInfo, ServerRequest, Session,
    SessionCallKey, SessionId, Spare, StreamKey,
};

use super::Random;

/// One server in a simulated world.
pub(super) struct Server {
    config: Arc<Config>,
    hub: Hub,
    log: SharedLog,
    clock: Instant,
    /// By number, in the order in which they were opened; none is ever taken away.
    pub(super) connections: Vec<Connection>,
    /// What connections without a request have left for others.
    spares: Vec<Spare>,
    works: BTreeMap<u64, Work>,
    last_number: u64,
}

/// A connection, with its two pipes.
pub(super) struct Connection {
    session: Session,
    /// What the client has sent and has not arrived.
    to_server: VecDeque<u8>,
    /// What the server has sent and has not arrived.
    to_client: VecDeque<u8>,
    /// All that has arrived at the client.
    pub(super) received: Vec<u8>,
    /// The reader, and the calls that it reads for.
    reading: Option<(ReaderKey, Vec<CallKey>)>,
    /// Whether the server has closed it, and whether the client has or it broke.
    is_closed: bool,
    pub(super) is_gone: bool,
    /// What the server has yet to hear of that.
    unheard: Option<PeerClosed>,
    /// Whether the client does not read at the moment.
    is_stalled: bool,
}

/// A call that is being served.
struct Work {
    session: SessionCallKey,
    /// The call of a connection, unless that has gone.
    call: Option<(usize, CallKey)>,
    to_do: VecDeque<Act>,
    progress: f64,
    waits_for: Option<QuestionKey>,
    /// Whether there was nothing that it could do, and the hub has not named it since.
    sleeps: bool,
    text: String,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Report,
    Ask,
    Release,
    Reply,
}

/// A log that can be looked into.
#[derive(Clone)]
struct SharedLog(Arc<Mutex<MemoryLog>>);

impl SharedLog {
    fn with<R>(&self, with: impl FnOnce(&mut MemoryLog) -> R) -> R {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ReplayLog for SharedLog {
    fn append(&mut self, now: Instant, stream: StreamKey, number: u64, message: &Arc<str>) {
        self.with(|log| log.append(now, stream, number, message));
    }

    fn next(&self, stream: StreamKey, after: u64) -> Option<(u64, Arc<str>)> {
        self.with(|log| log.next(stream, after))
    }

    fn forget_stream(&mut self, stream: StreamKey) {
        self.with(|log| log.forget_stream(stream));
    }

    fn expire(&mut self, now: Instant) {
        self.with(|log| log.expire(now));
    }
}

impl Server {
    pub(super) fn new(forgets: bool) -> Self {
        let mut info = ServerInfo::new("world", "1.0.0");
        info.capabilities.tools.get_or_insert_default().list_changed = true;
        info.capabilities.resources.get_or_insert_default().subscribe = true;
        let mut endpoint = Endpoint::new("/mcp", info).expect("a plain path");
        endpoint.keeps_sessions = true;
        // As many streams as there are steps: whoever comes back may count on its own.
        let mut limits = HubLimits { sessions: 100, streams: 250, ..HubLimits::default() };
        if forgets {
            limits.replay_bytes = 0;
        }
        let deadlines = HubDeadlines {
            session_idle: Duration::from_secs(120),
            replay: Duration::from_secs(100),
            answer: Duration::from_secs(60),
            ..HubDeadlines::default()
        };
        let log = SharedLog(Arc::new(Mutex::new(MemoryLog::new(&limits, deadlines.replay))));
        let mut config = Config::new([endpoint]);
        // Handlers have to wait for clients that stall.
        config.limits.unsent = 300;
        Self {
            config: Arc::new(config),
            hub: Hub::with(limits, deadlines, Box::new(log.clone())),
            log,
            clock: Instant::from_micros(1_000_000),
            connections: Vec::new(),
            spares: Vec::new(),
            works: BTreeMap::new(),
            last_number: 0,
        }
    }

    fn now(&self) -> Now {
        self.clock.into()
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Accepts a connection and returns its number.
    pub(super) fn connect(&mut self) -> usize {
        self.connections.push(Connection {
            session: Session::new(self.config.clone(), self.now()),
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            received: Vec::new(),
            reading: None,
            is_closed: false,
            is_gone: false,
            unheard: None,
            is_stalled: false,
        });
        self.connections.len() - 1
    }

    /// A client sends bytes.
    pub(super) fn send(&mut self, at: usize, bytes: &[u8]) {
        self.connections[at].to_server.extend(bytes);
    }

    /// Whether a connection can be used.
    pub(super) fn is_open(&self, at: usize) -> bool {
        let connection = &self.connections[at];
        !connection.is_gone && !connection.is_closed
    }

    /// Whether nothing is on its way on a connection.
    pub(super) fn is_quiet(&self, at: usize) -> bool {
        let connection = &self.connections[at];
        connection.to_server.is_empty()
            && connection.to_client.is_empty()
            && connection.session.transmit().is_empty()
    }

    /// A client closes a connection, or it breaks. What is on its way is lost, and the server hears of it
    /// later.
    pub(super) fn close(&mut self, at: usize, how: PeerClosed) {
        let connection = &mut self.connections[at];
        if !connection.is_gone {
            connection.is_gone = true;
            connection.to_client.clear();
            connection.to_server.clear();
            connection.unheard = Some(how);
        }
    }

    /// Something of what is on its way arrives somewhere.
    pub(super) fn move_bytes(&mut self, random: &mut Random) {
        if self.connections.is_empty() {
            return;
        }
        let at = random.position(self.connections.len());
        let connection = &mut self.connections[at];
        if random.one_in(10) {
            connection.is_stalled = !connection.is_stalled;
        }
        // That a client has gone is mostly heard of late.
        if connection.is_gone && !random.one_in(8) {
            return;
        }
        let most = 1 + random.position(4000);
        self.move_at(at, most);
    }

    fn move_at(&mut self, at: usize, most: usize) {
        // A driver asks for what its client is to hear of when it is woken, and that it has to be.
        let mut happened = false;
        let connection = &mut self.connections[at];
        if connection.is_gone {
            if let Some(how) = connection.unheard.take() {
                self.handle(at, Input::PeerClosed(how));
                self.wake();
            }
            return;
        }
        if connection.is_closed {
            connection.to_server.clear();
        }
        if !connection.is_stalled {
            let count = connection.to_client.len().min(most);
            connection.received.extend(connection.to_client.drain(..count));
        }
        if connection.session.wants_read() {
            let count = connection.to_server.len().min(most);
            let bytes: Vec<u8> = connection.to_server.drain(..count).collect();
            if !bytes.is_empty() {
                self.handle(at, Input::Bytes(&bytes));
                happened = true;
            }
        }
        // What the system takes off the server's hands; a client that stalls leaves little room.
        let connection = &self.connections[at];
        let room = if connection.is_stalled { 200 } else { 100_000 };
        let unsent = connection.session.transmit();
        let count = unsent.len().min(room - connection.to_client.len().min(room)).min(most);
        if count > 0 {
            let bytes = unsent[..count].to_vec();
            self.connections[at].to_client.extend(bytes);
            self.handle(at, Input::Written(count));
            happened = true;
        }
        if happened {
            self.settle(at);
        }
    }

    /// A handler does the next things.
    pub(super) fn work(&mut self, random: &mut Random) {
        if !self.works.is_empty() {
            let nth = random.position(self.works.len());
            let number = self.works.keys().nth(nth).copied();
            if let Some(number) = number {
                for _ in 0..=random.below(8) {
                    self.work_on(number);
                }
            }
        }
    }

    /// Something changes.
    pub(super) fn publish(&mut self, random: &mut Random) {
        let change = match random.one_in(2) {
            true => Change::Tools,
            false => Change::resource("world:one"),
        };
        self.hub.publish(&change);
        self.wake();
    }

    /// Time passes, and what is due happens.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.clock + time;
        loop {
            let sessions = self.connections.iter().filter_map(|it| it.session.poll_timeout());
            let questions =
                self.works.values().filter_map(|work| self.hub.question_deadline(work.session));
            let due = sessions.chain(questions).chain(self.hub.poll_timeout()).min();
            let Some(due) = due.filter(|due| *due <= end) else {
                break;
            };
            self.clock = self.clock.max(due);
            for at in 0..self.connections.len() {
                let deadline = self.connections[at].session.poll_timeout();
                if deadline.is_some_and(|deadline| deadline <= self.clock) {
                    self.handle(at, Input::Timeout);
                    self.settle(at);
                }
            }
            self.hub.handle_timeout(self.clock);
            self.wake();
            for number in self.works.keys().copied().collect::<Vec<_>>() {
                self.time_out(number);
            }
            self.wake();
        }
        self.clock = end;
    }

    /// A connection breaks, one way or the other.
    pub(super) fn break_connection(&mut self, random: &mut Random) {
        let open: Vec<_> = (0..self.connections.len()).filter(|at| self.is_open(*at)).collect();
        if open.is_empty() || !random.one_in(3) {
            return;
        }
        let at = open[random.position(open.len())];
        let how = if random.one_in(2) { PeerClosed::Fin } else { PeerClosed::Reset };
        self.close(at, how);
        if random.one_in(2) {
            self.move_at(at, 0);
        }
    }

    pub(super) fn shut_down(&mut self, drain: Duration) {
        for at in 0..self.connections.len() {
            self.handle(at, Input::Shutdown(self.clock + drain));
            self.settle(at);
        }
    }

    /// Lets all bytes arrive and all handlers do what they can.
    pub(super) fn finish_all(&mut self) {
        for _ in 0..1000 {
            let mut is_quiet = true;
            for at in 0..self.connections.len() {
                self.connections[at].is_stalled = false;
                self.move_at(at, usize::MAX);
                is_quiet &= self.connections[at].is_gone || self.is_quiet(at);
            }
            self.wake();
            for number in self.works.keys().copied().collect::<Vec<_>>() {
                is_quiet &= !self.work_on(number);
            }
            if is_quiet {
                return self.check_nobody_oversleeps();
            }
        }
        panic!("the world never comes to rest");
    }

    /// Who waits for a client to keep up is told when it does.
    fn check_nobody_oversleeps(&mut self) {
        for work in self.works.values().filter(|work| work.sleeps && work.waits_for.is_none()) {
            let waits = !self.hub.is_open(work.session) || !self.hub.can_notify(work.session);
            assert!(waits, "the hub has not named {:?}", work.session);
        }
    }

    /// With nobody there any more, nothing may be kept once the time for it is over.
    pub(super) fn check_nothing_left(&mut self) {
        for _ in 0..40 {
            self.pass(Duration::from_secs(50));
            self.finish_all();
        }
        assert!(self.works.is_empty(), "handlers without clients: {}", self.works.len());
        for connection in &self.connections {
            assert!(connection.session.is_closed(), "{:?}", connection.session);
            assert!(connection.reading.is_none(), "a reader without a connection");
        }
        assert_eq!(self.hub.poll_timeout(), None, "something waits in {:?}", self.hub);
        assert!(self.hub.is_empty(), "{:?}", self.hub);
        assert!(self.log.with(|log| log.is_empty()), "the log keeps what nobody can ask for");
    }

    fn handle(&mut self, at: usize, input: Input<'_>) {
        let now = self.now();
        let session = &mut self.connections[at].session;
        if session.wants_spare()
            && let Some(spare) = self.spares.pop()
        {
            session.lend(spare);
        }
        session.handle(now, input);
        self.take_outputs(at);
        self.spares.extend(self.connections[at].session.take_spare());
    }

    fn take_outputs(&mut self, at: usize) {
        while let Some(output) = self.connections[at].session.poll_output() {
            match output {
                Output::Call(call) => self.begin(at, call),
                Output::Cancelled(key) => {
                    self.stop_reading_for(at, key);
                    self.works.retain(|_, work| {
                        let is_cancelled = work.call == Some((at, key));
                        if is_cancelled {
                            let endpoint = &self.config.endpoints[0];
                            let reply = Reply::NoResponse;
                            let _ = self.hub.reply(self.clock, work.session, endpoint, reply);
                        }
                        !is_cancelled
                    });
                }
                Output::HandedOver(key) => {
                    self.stop_reading_for(at, key);
                    self.hand_over(at, key);
                }
                Output::StreamBegun(_) => {
                    if let Some((reader, _)) = &self.connections[at].reading {
                        self.hub.begin_stream(*reader);
                    }
                }
                Output::Event(_) | Output::ShutdownWrite => {}
                Output::Authorize(_) | Output::AuthorizationCancelled(_) => {}
                Output::Close => self.connections[at].is_closed = true,
            }
        }
    }

    fn begin(&mut self, at: usize, call: Call) {
        let reader = self.connections[at].reading.as_ref().map(|(reader, _)| *reader);
        match self.hub.admit(self.clock, call, reader, Caller::default()) {
            Admission::Reply(key, reply) => self.handle(at, Input::Reply(key, reply)),
            Admission::Initialize(call) => {
                let id = SessionId::new(u128::from(self.next_number()).to_be_bytes());
                let endpoint = &self.config.endpoints[0];
                let reply = self.hub.open_session(self.clock, id, call.request(), endpoint, None);
                self.handle(at, Input::Reply(call.key(), reply));
            }
            Admission::Stream { call, reader, start, .. } => {
                self.read(at, reader, call);
                self.handle(at, Input::Admit(call, start));
            }
            Admission::Call { call, key, reader, start } => {
                self.read(at, reader, call.key());
                self.handle(at, Input::Admit(call.key(), start));
                let number = self.next_number();
                self.works.insert(number, Work::new(&call, key, at));
            }
        }
        self.wake();
    }

    fn read(&mut self, at: usize, reader: ReaderKey, call: CallKey) {
        match &mut self.connections[at].reading {
            Some((current, calls)) if *current == reader => calls.push(call),
            reading => {
                assert!(reading.is_none(), "the response before this is still read");
                *reading = Some((reader, vec![call]));
            }
        }
    }

    fn stop_reading_for(&mut self, at: usize, call: CallKey) {
        let reading = &mut self.connections[at].reading;
        if let Some((_, calls)) = reading {
            calls.retain(|other| *other != call);
        }
        if let Some((reader, _)) = reading.take_if(|(_, calls)| calls.is_empty()) {
            self.hub.detach(self.clock, reader);
        }
    }

    /// Passes on what the client can take.
    fn settle(&mut self, at: usize) {
        while self.connections[at].session.can_notify()
            && let Some((reader, calls)) = &self.connections[at].reading
        {
            let (reader, calls) = (*reader, calls.clone());
            match self.hub.next_event(self.clock, reader) {
                Some(FromStream::Event(event)) => {
                    self.handle(at, Input::Notify(calls[0], Notification::Event(event)));
                }
                Some(FromStream::End) => {
                    self.connections[at].reading = None;
                    self.hub.detach(self.clock, reader);
                    for call in calls {
                        self.hand_over(at, call);
                        self.handle(at, Input::Reply(call, Reply::NoResponse));
                    }
                }
                None => return,
            }
        }
    }

    /// The response by which a call came is over, and the call is not.
    fn hand_over(&mut self, at: usize, key: CallKey) {
        for work in self.works.values_mut().filter(|work| work.call == Some((at, key))) {
            work.call = None;
        }
    }

    /// Does what the hub has news of. Readers are looked after by their connections.
    fn wake(&mut self) {
        let mut rounds = 0;
        while let Some(news) = self.hub.poll_news() {
            rounds += 1;
            assert!(rounds < 10_000, "news without end: {news:?}");
            match news {
                News::Reader(reader) => {
                    let is_its =
                        |it: &Connection| it.reading.as_ref().is_some_and(|r| r.0 == reader);
                    if let Some(at) = self.connections.iter().position(is_its) {
                        self.settle(at);
                    }
                }
                News::Call(key) => {
                    let number = self.works.iter().find(|(_, work)| work.session == key);
                    if let Some((&number, _)) = number {
                        self.take_answers(number);
                        if let Some(work) = self.works.get_mut(&number) {
                            work.sleeps = false;
                        }
                    }
                }
                News::Subscription(_) => {}
            }
        }
    }

    /// Takes note of what has become of a call. False if it is over.
    fn take_answers(&mut self, number: u64) -> bool {
        let Some(work) = self.works.get_mut(&number) else {
            return false;
        };
        if !self.hub.is_open(work.session) {
            self.works.remove(&number);
            return false;
        }
        while let Some((question, answer)) = self.hub.take_answer(self.clock, work.session) {
            assert_eq!(work.waits_for.take(), Some(question), "an answer that nobody waits for");
            work.text.push_str(if answer.is_ok() { " answered" } else { " unanswered" });
        }
        true
    }

    /// Gives up the questions of a call whose time is over. Answers have been taken when they came.
    fn time_out(&mut self, number: u64) {
        let Some(work) = self.works.get_mut(&number) else {
            return;
        };
        if self.hub.question_deadline(work.session).is_none_or(|deadline| deadline > self.clock) {
            return;
        }
        while let Some((question, answer)) = self.hub.take_answer(self.clock, work.session) {
            assert!(
                matches!(answer, Err(QuestionFailure::TimedOut)),
                "nobody was told of {answer:?}"
            );
            assert_eq!(work.waits_for.take(), Some(question), "an answer that nobody waits for");
            work.text.push_str(" unanswered");
            work.sleeps = false;
        }
    }

    /// Whether a handler could do something.
    fn work_on(&mut self, number: u64) -> bool {
        if self.works.get(&number).is_none_or(|work| work.sleeps) || !self.take_answers(number) {
            return false;
        }
        let Some(work) = self.works.get_mut(&number) else {
            return false;
        };
        let waits = work.waits_for.is_some()
            || matches!(work.to_do.front(), Some(Act::Report))
                && !self.hub.can_notify(work.session);
        if waits {
            work.sleeps = true;
            return false;
        }
        let act = work.to_do.pop_front().expect("the last act is to reply");
        match act {
            Act::Report => {
                work.progress += 1.0;
                let progress = Notification::Progress(Progress::new(work.progress));
                self.hub.notify(self.clock, work.session, &progress);
            }
            Act::Ask => {
                let schema = ElicitSchema::new().required("a", ElicitProperty::string());
                let request = InputRequest::Elicit(ElicitRequest::form("Which?", schema));
                let request = ServerRequest::Input(&request);
                match self.hub.ask(self.clock, work.session, request) {
                    Ok(question) => work.waits_for = Some(question),
                    Err(_) => work.text.push_str(" unasked"),
                }
            }
            Act::Release => self.hub.release(work.session),
            Act::Reply => {
                let (session, call) = (work.session, work.call);
                let reply = Reply::Tool(CallToolResult::text(work.text.clone()));
                self.works.remove(&number);
                let endpoint = &self.config.endpoints[0];
                let reply = self.hub.reply(self.clock, session, endpoint, reply);
                if let Some(reply) = reply {
                    let (at, key) = call.expect("a direct reply is for a connection");
                    self.stop_reading_for(at, key);
                    self.handle(at, Input::Reply(key, reply));
                }
            }
        }
        self.wake();
        true
    }
}

impl Work {
    /// What a handler does is in the name of its tool: a letter for each act.
    fn new(call: &Call, session: SessionCallKey, at: usize) -> Self {
        let acts = call.request().name().chars().filter_map(|letter| match letter {
            'p' => Some(Act::Report),
            'a' => Some(Act::Ask),
            'r' => Some(Act::Release),
            _ => None,
        });
        Self {
            session,
            call: Some((at, call.key())),
            to_do: acts.chain([Act::Reply]).collect(),
            progress: 0.0,
            waits_for: None,
            sleeps: false,
            text: format!("{} {}", call.request().name(), call.request().arguments()),
        }
    }
}
