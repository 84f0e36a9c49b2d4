//! What the driver carries between the session of a connection and the hub.

use mcp_proto::{
    Admission, Call, CallKey, Caller, ElicitRequest, ElicitSchema, FromStream, Input, InputRequest,
    Instant, Notification, ReaderKey, Reply, RpcError, ServerRequest, SessionId,
};

use super::{Given, Simulation};
use crate::application::Task;
use crate::script::{Asked, News, To, With};

/// More questions than that are not asked on behalf of one call.
const MOST_QUESTIONS: usize = 4;

/// A stream that is read for calls of the connection.
pub(super) struct Reading {
    key: ReaderKey,
    calls: Vec<CallKey>,
}

impl Simulation<'_> {
    pub(super) const fn instant(&self) -> Instant {
        Instant::from_micros(self.clock)
    }

    /// The name of the next session, which scripts can guess.
    pub(super) const fn next_session(&mut self) -> SessionId {
        self.sessions += 1;
        SessionId::new(self.sessions.to_be_bytes())
    }

    /// Brings a call, the one that came last, to its session.
    pub(super) fn admit(&mut self, call: Call) {
        let (now, number) = (self.instant(), self.application.number_of(call.key()));
        let reader = self.reading.as_ref().map(|reading| reading.key);
        let is_resumed = call
            .request()
            .head()
            .fields()
            .any(|(name, _)| name.eq_ignore_ascii_case(b"last-event-id"));
        let admission =
            self.metered(|this| this.application.hub.admit(now, call, reader, Caller::default()));
        match admission {
            Admission::Reply(key, reply) => {
                self.end(Some(number));
                self.answer(number, key, reply);
            }
            Admission::Initialize(call) => self.application.keep(number, call),
            Admission::Stream { call, reader, start, answered } => {
                self.metered(|_| drop(answered));
                let task = &mut self.application.calls[number];
                (task.is_streamed, task.is_working) = (true, false);
                self.read_stream(number, reader, call, is_resumed);
                self.handle(Given::Admitted, Input::Admit(call, start));
            }
            Admission::Call { call, key, reader, start } => {
                self.application.admitted(number, &call, key);
                self.read_stream(number, reader, call.key(), false);
                self.handle(Given::Admitted, Input::Admit(call.key(), start));
                self.metered(|_| drop(call));
            }
        }
    }

    /// Hands in the answer to an open call.
    fn answer(&mut self, number: usize, key: CallKey, reply: Reply) {
        let given = match reply {
            Reply::Refused(_) => Given::Refused(Some(number), true),
            _ => Given::Reply(Some(number), true),
        };
        self.handle(given, Input::Reply(key, reply));
    }

    fn read_stream(&mut self, number: usize, reader: ReaderKey, call: CallKey, is_resumed: bool) {
        if let Some(reading) = self.reading.as_mut().filter(|reading| reading.key == reader) {
            reading.calls.push(call);
            return;
        }
        assert!(self.reading.is_none(), "one stream at a time");
        self.reading = Some(Reading { key: reader, calls: vec![call] });
        let session = self.application.calls[number].session_id.clone();
        if let Some(session) = session.filter(|_| !is_resumed) {
            *self.streams.entry(session).or_default() += 1;
        }
    }

    fn stop_reading_for(&mut self, call: CallKey) {
        if let Some(reading) = &mut self.reading {
            reading.calls.retain(|other| *other != call);
        }
        if let Some(reading) = self.reading.take_if(|reading| reading.calls.is_empty()) {
            let now = self.instant();
            self.metered(|this| this.application.hub.detach(now, reading.key));
        }
    }

    /// The session has ended a call.
    pub(super) fn cancelled(&mut self, key: CallKey) -> usize {
        let number = self.application.number_of(key);
        self.stop_working(number);
        self.end(Some(number));
        self.stop_reading_for(key);
        number
    }

    /// The connection has gone, and the work goes on if that is of a session.
    pub(super) fn handed_over(&mut self, key: CallKey) -> usize {
        let number = self.application.number_of(key);
        let task = &mut self.application.calls[number];
        if task.in_session.is_some() && task.is_working {
            task.is_open = false;
        } else {
            self.end(Some(number));
        }
        self.stop_reading_for(key);
        number
    }

    pub(super) fn begin_stream(&mut self) {
        if let Some(reader) = self.reading.as_ref().map(|reading| reading.key) {
            self.metered(|this| this.application.hub.begin_stream(reader));
        }
    }

    /// Drops the work on a call of a session, as a handler is dropped.
    fn stop_working(&mut self, number: usize) {
        let task = &mut self.application.calls[number];
        if let Some(key) = task.in_session.filter(|_| std::mem::take(&mut task.is_working)) {
            let (now, config) = (self.instant(), self.config.clone());
            self.metered(|this| {
                let error = Reply::Error(RpcError::internal("internal error: stopped"));
                drop(this.application.hub.reply(now, key, &config.endpoints[0], error));
            });
        }
    }

    /// The application answers a call, of a session or of none.
    pub(super) fn reply(&mut self, to: To, with: With) {
        let (key, call, is_open) = self.application.choose(to);
        if call.is_some_and(|call| self.application.calls[call].is_read()) {
            return;
        }
        let (now, config) = (self.instant(), self.config.clone());
        let session =
            call.and_then(|call| self.application.calls[call].in_session.map(|it| (call, it)));
        let Some((number, session)) = session else {
            let is_opened = !matches!(with, With::Error | With::Refusal | With::WrongKind);
            let id = SessionId::new((self.sessions + 1).to_be_bytes());
            let reply = self.metered(|this| {
                let opened = call
                    .filter(|_| is_open && is_opened)
                    .and_then(|call| this.application.open_session(now, &config, id, call));
                opened.unwrap_or_else(|| this.application.reply(call, with))
            });
            self.sessions += u128::from(matches!(reply, Reply::Initialized(_)));
            self.end(call);
            let given = match reply {
                Reply::Refused(_) => Given::Refused(call, is_open),
                _ => Given::Reply(call, is_open),
            };
            self.handle(given, Input::Reply(key, reply));
            return;
        };
        let is_working = std::mem::take(&mut self.application.calls[number].is_working);
        let direct = self.metered(|this| {
            let reply = this.application.reply(call, with);
            this.application.hub.reply(now, session, &config.endpoints[0], reply)
        });
        match direct {
            Some(reply) => {
                assert!(is_working && is_open, "a late reply is answered by {reply:?}");
                self.stop_reading_for(key);
                self.end(call);
                self.answer(number, key, reply);
            }
            None if !is_open && !is_working => {
                self.handle(Given::Reply(call, false), Input::Reply(key, Reply::NoResponse));
            }
            // The rest comes by its stream.
            None => {}
        }
    }

    /// Tells of a call in a session; false if it is in none, or has no connection any more.
    pub(super) fn notify_in_session(&mut self, to: To, news: News) -> bool {
        let (_, call, is_open) = self.application.choose(to);
        let Some(task) = call.map(|call| &self.application.calls[call]) else {
            return false;
        };
        let Some(key) = task.in_session.filter(|_| task.is_working || is_open) else {
            return false;
        };
        if !self.manners.is_polite || self.application.hub.can_notify(key) {
            let now = self.instant();
            self.metered(|this| {
                let note = this.application.progress(call, news);
                this.application.hub.notify(now, key, &note);
            });
        }
        true
    }

    /// Asks a client, as far as it keeps up.
    pub(super) fn ask(&mut self, to: To, asked: Asked) {
        let (_, Some(call), _) = self.application.choose(to) else {
            return;
        };
        let task = &mut self.application.calls[call];
        let (Some(key), Some(session)) = (task.in_session, task.session_id.clone()) else {
            return;
        };
        let is_slow = self.manners.is_polite && !self.application.hub.can_notify(key);
        if is_slow || task.asked == MOST_QUESTIONS {
            return;
        }
        task.asked += 1;
        let now = self.instant();
        let result = self.metered(|this| {
            let form = InputRequest::Elicit(ElicitRequest::form("?", ElicitSchema::new()));
            let request = match asked {
                Asked::Ping => ServerRequest::Ping,
                Asked::Form => ServerRequest::Input(&form),
                Asked::Roots => ServerRequest::Input(&InputRequest::ListRoots),
            };
            this.application.hub.ask(now, key, request).is_ok()
        });
        if result {
            *self.questions.entry(session).or_default() += 1;
        }
    }

    pub(super) fn release(&mut self, to: To) {
        let call = self.application.choose(to).1.map(|call| &self.application.calls[call]);
        if let Some(key) = call.and_then(|task| task.in_session) {
            self.metered(|this| this.application.hub.release(key));
        }
    }

    /// Carries one thing from the hub to the session; false if there is none.
    pub(super) fn carry(&mut self) -> bool {
        let now = self.instant();
        self.metered(|this| while this.application.hub.poll_news().is_some() {});
        let is_over = |task: &Task| {
            task.is_working && task.in_session.is_some_and(|key| !self.application.hub.is_open(key))
        };
        if let Some(number) = self.application.calls.iter().position(is_over) {
            let Task { key, is_open, .. } = self.application.calls[number];
            self.end(Some(number));
            if is_open {
                self.stop_reading_for(key);
                self.answer(number, key, Reply::NoResponse);
            }
            return true;
        }
        let working: Vec<_> =
            self.application.calls.iter().filter_map(|task| task.in_session).collect();
        self.metered(|this| {
            for &key in &working {
                while this.application.hub.take_answer(now, key).is_some() {}
            }
        });
        let given = |number| Given::Notify(Some(number), true);
        (!self.manners.is_polite || self.session.can_notify()) && self.pass_on(given)
    }

    /// Passes on all that there is, at once: the client is about to hear no more.
    pub(super) fn flush_reading(&mut self) {
        while self.pass_on(Given::Flushed) {}
    }

    fn pass_on(&mut self, given: impl FnOnce(usize) -> Given) -> bool {
        let Some(reading) = &self.reading else {
            return false;
        };
        let (now, reader, key) = (self.instant(), reading.key, reading.calls[0]);
        match self.metered(|this| this.application.hub.next_event(now, reader)) {
            Some(FromStream::Event(event)) => {
                let number = self.application.number_of(key);
                let note = Notification::Event(event);
                self.handle(given(number), Input::Notify(key, note));
                true
            }
            Some(FromStream::End) => {
                let reading = self.reading.take();
                self.metered(|this| this.application.hub.detach(now, reader));
                for key in reading.into_iter().flat_map(|reading| reading.calls) {
                    let number = self.application.number_of(key);
                    // If the call is not done, its client will come back for the rest.
                    self.application.calls[number].is_open = false;
                    self.answer(number, key, Reply::NoResponse);
                }
                true
            }
            None => false,
        }
    }

    /// Ends the streams that would go on for ever, by ending their sessions.
    pub(super) fn end_streams(&mut self) {
        let is_stream = |task: &&Task| task.is_open && task.is_endless();
        let streams = self.application.calls.iter().filter(is_stream);
        let names: Vec<_> = streams.filter_map(|task| task.session_id.clone()).collect();
        for name in names {
            let id = SessionId::new(number_of(&name).to_be_bytes());
            self.metered(|this| this.application.hub.end_session(id));
            self.settle();
        }
    }

    /// Everybody goes, and time passes. Returns whether the hub has forgotten all of it.
    pub(super) fn leave(&mut self) -> bool {
        let (now, config) = (self.instant(), self.config.clone());
        let hub = &mut self.application.hub;
        for task in &self.application.calls {
            if let Some(key) = task.in_session {
                let error = Reply::Error(RpcError::internal("internal error: stopped"));
                drop(hub.reply(now, key, &config.endpoints[0], error));
            }
        }
        if let Some(reading) = &self.reading {
            hub.detach(now, reading.key);
        }
        // Sessions without calls and readers are idle, and end by themselves.
        while let Some(at) = hub.poll_timeout() {
            hub.handle_timeout(at);
            if hub.poll_timeout() == Some(at) {
                // For ever, that is.
                (1..=self.sessions)
                    .for_each(|id| hub.end_session(SessionId::new(id.to_be_bytes())));
            }
        }
        hub.is_empty()
    }
}

/// The number of a session of that name.
pub(super) fn number_of(name: &str) -> u128 {
    u128::from_str_radix(name, 16).unwrap_or_default()
}
