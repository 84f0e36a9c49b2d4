//! Drives one session through a script in virtual time, by the documented contract, and writes
//! down what went in and what came out.
//!
//! On request it is a bad driver: one that feeds bytes nobody asked for, or looks at the outputs
//! late. The laws hold for those too.

pub mod elsewhere;
mod sessions;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use sessions::Reading;

use mcp_proto::{
    AuthorizationKey, Config, Denial, Event, Input, Instant, Notification, Now, Output, PeerClosed,
    Principal, Session, Spare,
};

use crate::application::{Application, Task};
use crate::script::{Gate, News, Script, Step, To, Verdict, With};

/// How the driver behaves.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// How the bytes of one [`Step::Feed`] are split over inputs.
    pub pieces: Pieces,
    /// Whether bytes wait until the session wants to read, and progress until the peer keeps up.
    pub is_polite: bool,
    /// Whether outputs are taken only after every third input.
    pub is_late: bool,
}

/// How bytes are split over inputs.
#[derive(Clone, Copy, Debug)]
pub enum Pieces {
    /// Not at all.
    Whole,
    /// One by one.
    Bytewise,
    /// Into pieces of 1 to 64 bytes, chosen by a seed.
    Ragged(u64),
}

impl Manners {
    /// Outputs are taken at once; bytes are pushed in as they come.
    pub const PUSHY: Self = Self { pieces: Pieces::Whole, is_polite: false, is_late: false };
    /// As the contract has it.
    pub const POLITE: Self = Self { is_polite: true, ..Self::PUSHY };
    /// Outputs are taken late.
    pub const LATE: Self = Self { is_late: true, ..Self::PUSHY };
}

/// One input and what came of it.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The input.
    pub given: Given,
    /// The step of the script it belongs to; past the end if it was added to that.
    pub step: usize,
    /// When, in microseconds.
    pub at: u64,
    /// The outputs taken behind it.
    pub outputs: Vec<Seen>,
    /// The bytes that it caused to be sent, as positions in [`Trace::emitted`].
    pub emitted: Range<usize>,
    /// How many bytes of the stream the session has been given so far.
    pub fed: usize,
    /// How many bytes there are to be written.
    pub unsent: usize,
    /// Whether the session wants to read.
    pub wants_read: bool,
    /// The next deadline.
    pub deadline: Option<Instant>,
}

/// An input, as far as the laws look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// The connection was accepted.
    Accepted,
    /// Bytes.
    Bytes,
    /// The peer left.
    PeerClosed(PeerClosed),
    /// Bytes were written.
    Written,
    /// A request was let in or not, the one of that number, and whether it still waited.
    Authorized(usize, bool),
    /// A reply, to the call of that number, and whether that was still open.
    Reply(Option<usize>, bool),
    /// Likewise one that refuses the call, and the others of its batch.
    Refused(Option<usize>, bool),
    /// A call has been let into its session.
    Admitted,
    /// A notification, likewise.
    Notify(Option<usize>, bool),
    /// One that was left when a shutdown began, which waits for none before it.
    Flushed(usize),
    /// A deadline.
    Timeout,
    /// A time-out when nothing is due.
    FalseAlarm,
    /// A shutdown.
    Shutdown,
}

/// An output, with calls numbered in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A request waits to be let in: its number, and all that is known of it.
    Authorize(usize, String),
    /// The request of that number does not wait any more.
    AuthorizationCancelled(usize),
    /// A call: its number, and all that the application sees of it.
    Call(usize, String),
    /// The call of that number was cancelled.
    Cancelled(usize),
    /// The call of that number outlives its connection.
    HandedOver(usize),
    /// For the log.
    Event(Event),
    /// Close the sending half.
    ShutdownWrite,
    /// Close.
    Close,
}

/// All that happened on a connection.
#[derive(Debug, Default)]
pub struct Trace {
    /// One entry an input.
    pub turns: Vec<Turn>,
    /// All bytes the session ever asked to send.
    pub emitted: Vec<u8>,
    /// The calls, by number.
    pub calls: Vec<Task>,
    /// How many subscriptions the hub has at the end.
    pub subscriptions: usize,
    /// Whether the hub has nothing left once everybody has gone and time has passed.
    pub is_forgotten: bool,
}

impl Trace {
    /// The outputs in order, each with the number of bytes emitted by then.
    #[must_use]
    pub fn outputs(&self) -> Vec<(usize, Seen)> {
        let outputs = self.turns.iter().flat_map(|turn| {
            let outputs = turn.outputs.iter();
            outputs.map(|output| (turn.emitted.end, output.clone()))
        });
        outputs.collect()
    }

    /// Whether the connection was closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let mut outputs = self.turns.iter().flat_map(|turn| &turn.outputs);
        outputs.any(|output| *output == Seen::Close)
    }
}

/// Called with `true` before anything is done to the session, and with `false` afterwards.
pub type Meter = fn(bool);

/// A session between a scripted peer and a scripted application.
pub struct Simulation<'a> {
    script: &'a Script,
    manners: Manners,
    meter: Meter,
    /// Shared with the session, and so not to be counted as its own.
    config: Arc<Config>,
    session: Session,
    /// What it has left for whoever needs it.
    spare: Option<Spare>,
    application: Application,
    /// All requests that have waited to be let in.
    authorizations: Vec<AuthorizationKey>,
    /// The one that does.
    waiting: Option<usize>,
    /// The stream of the hub that the response in hand is read from.
    reading: Option<Reading>,
    /// How many streams each session has had, and how many questions.
    streams: BTreeMap<String, u32>,
    questions: BTreeMap<String, u64>,
    /// How many sessions were begun.
    sessions: u128,
    is_taking: bool,
    trace: Trace,
    step: usize,
    /// Virtual time in microseconds.
    clock: u64,
    /// How many bytes of the stream have arrived, and how many of them the session was given.
    arrived: usize,
    fed: usize,
    /// A FIN that has arrived behind bytes not read yet.
    has_fin: bool,
    is_stalled: bool,
    random: u64,
}

/// A clock that starts here can be set back, by 1000 seconds in all.
const START: u64 = 1_000_000_000;

impl<'a> Simulation<'a> {
    /// Runs a script to its end.
    #[must_use]
    pub fn run(script: &'a Script, manners: Manners) -> Trace {
        let mut simulation = Self::new(script, manners, |_| {});
        simulation.play();
        simulation.into_trace()
    }

    /// A connection that has just been accepted.
    #[must_use]
    pub fn new(script: &'a Script, manners: Manners, meter: Meter) -> Self {
        let config = script.setup.config();
        let now = now(script, START);
        meter(true);
        let session = Session::new(config.clone(), now);
        let application = Application::new(script.setup);
        meter(false);
        let mut simulation = Self {
            script,
            manners,
            meter,
            config,
            session,
            spare: None,
            application,
            authorizations: Vec::new(),
            waiting: None,
            reading: None,
            streams: BTreeMap::new(),
            questions: BTreeMap::new(),
            sessions: 0,
            is_taking: false,
            trace: Trace::default(),
            step: 0,
            clock: START,
            arrived: 0,
            fed: 0,
            has_fin: false,
            is_stalled: false,
            random: match manners.pieces {
                Pieces::Ragged(seed) => seed,
                Pieces::Whole | Pieces::Bytewise => 0,
            },
        };
        if script.setup.keeps_sessions {
            simulation.open_sessions();
        }
        simulation.note(Given::Accepted, 0);
        simulation
    }

    /// Goes through all steps.
    pub fn play(&mut self) {
        for (number, &step) in self.script.steps.iter().enumerate() {
            self.step = number;
            self.take(step);
        }
        self.step = self.script.steps.len();
    }

    /// The end of it, with everything put away.
    #[must_use]
    pub fn into_trace(mut self) -> Trace {
        self.take_outputs();
        self.trace.subscriptions = self.application.subscriptions();
        self.trace.is_forgotten = self.metered(Self::leave);
        self.trace.calls = self.metered(|this| this.application.take_calls());
        (self.meter)(true);
        drop(self.session);
        drop(self.spare);
        drop(self.application);
        (self.meter)(false);
        drop(self.config);
        self.trace
    }

    /// Whether the session has closed the connection.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.session.is_closed()
    }

    /// Whether a request waits to be let in, as far as the application has heard.
    #[must_use]
    pub fn is_authorizing(&mut self) -> bool {
        self.take_outputs();
        self.waiting.is_some()
    }

    /// How many calls are open, as far as the application has heard.
    #[must_use]
    pub fn open_calls(&mut self) -> usize {
        self.take_outputs();
        self.application.open_calls()
    }

    /// The time since the connection was accepted.
    #[must_use]
    pub fn age(&self) -> Duration {
        Duration::from_micros(self.clock.saturating_sub(START))
    }

    /// Does one thing, and what the contract asks for behind it.
    pub fn take(&mut self, step: Step) {
        match step {
            Step::Feed(count) => self.feed(usize::from(count)),
            Step::Fin if self.manners.is_polite => self.has_fin = true,
            Step::Fin => self.close_peer(PeerClosed::Fin),
            Step::Reset => self.close_peer(PeerClosed::Reset),
            Step::Authorize(verdict) => self.authorize(verdict),
            Step::Reply(to, with) => self.reply(to, with),
            Step::Notify(to, news) => {
                let (_, call, _) = self.application.choose(to);
                // A subscription begins first, but for an application that is too early.
                let is_new = self.application.is_new_subscription(call) && news != News::Same;
                if is_new && (!self.manners.is_polite || self.session.can_notify()) {
                    self.metered(|this| this.application.subscribe(call));
                    let (key, call, is_open) = self.application.choose(to);
                    let given = Given::Notify(call, is_open);
                    self.handle(given, Input::Notify(key, Notification::Subscribed));
                    self.settle();
                }
                if !is_new || self.application.choose(to).2 {
                    self.notify(to, news);
                }
            }
            Step::Wait(ms) => self.wait(micros(ms)),
            Step::Oversleep(ms) => {
                self.clock += micros(ms);
                self.meet_deadlines(self.clock);
            }
            Step::ClockBack(ms) => self.clock = self.clock.saturating_sub(micros(ms)),
            Step::Deadline => self.sleep_to_deadline(),
            Step::FalseAlarm => self.handle(Given::FalseAlarm, Input::Timeout),
            Step::Stall => self.is_stalled = true,
            Step::Read(count) => self.write(usize::from(count)),
            Step::Resume => self.is_stalled = false,
            Step::Change(changed) => self.metered(|this| this.application.change(changed)),
            Step::Ask(to, asked) => self.ask(to, asked),
            Step::Release(to) => self.release(to),
            Step::Elsewhere(what) => self.elsewhere(what),
            Step::Shutdown(ms) => {
                self.flush_reading();
                let until = Instant::from_micros(self.clock + micros(ms));
                self.handle(Given::Shutdown, Input::Shutdown(until));
            }
        }
        self.settle();
    }

    /// Says of the last request that has waited to be let in whether it is.
    fn authorize(&mut self, verdict: Verdict) {
        let Some(number) = self.authorizations.len().checked_sub(1) else {
            return;
        };
        let is_waiting = self.waiting.take_if(|waiting| *waiting == number).is_some();
        let result = self.metered(|_| match verdict {
            Verdict::LetIn => Ok(Principal::new("somebody").scopes(["laws:read"])),
            Verdict::NoToken => Err(Denial::missing_token()),
            Verdict::InvalidToken => Err(Denial::invalid_token("\"\r\n\\").scopes(["laws:read"])),
            Verdict::InsufficientScope => Err(Denial::insufficient_scope(["laws:read"])),
            Verdict::Failed => Err(Denial::failed()),
        });
        let key = self.authorizations[number];
        self.handle(Given::Authorized(number, is_waiting), Input::Authorized(key, result));
    }

    fn notify(&mut self, to: To, news: News) {
        if self.notify_in_session(to, news) {
            return;
        }
        if !self.manners.is_polite || self.session.can_notify() {
            let (key, call, is_open) = self.application.choose(to);
            let note = self.metered(|this| this.application.progress(call, news));
            self.handle(Given::Notify(call, is_open), Input::Notify(key, note));
            self.settle();
        }
    }

    /// Answers every open call, until there is none left.
    pub fn reply_to_all(&mut self) {
        // One at a time is open, so each round takes the next request.
        for _ in 0..=self.script.stream.len() {
            self.take_outputs();
            let turns = self.trace.turns.len();
            self.end_streams();
            self.settle();
            if self.waiting.is_some() {
                self.take(Step::Authorize(Verdict::LetIn));
            } else if self.application.is_working() {
                self.take(Step::Reply(To::Newest, With::Text));
            } else if self.trace.turns.len() == turns {
                // Nothing is left, or it waits for a client that does not read.
                return;
            }
        }
        panic!("calls stay open, or come without end");
    }

    /// Sleeps until the next deadline and meets it. A deadline that never comes is none.
    pub fn sleep_to_deadline(&mut self) {
        if let Some(at) = self.next_deadline() {
            self.clock = self.clock.max(at);
            self.meet_deadlines(self.clock);
        }
    }

    /// The next deadline in microseconds, if it will ever come.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        let at = self.session.poll_timeout()?.as_micros();
        (at != u64::MAX).then_some(at)
    }

    fn feed(&mut self, count: usize) {
        let end = (self.arrived + count).min(self.script.stream.len());
        self.arrived = end;
        if self.manners.is_polite {
            return;
        }
        while self.fed < end {
            let piece = self.piece(end - self.fed);
            self.give(piece);
            self.settle();
        }
    }

    /// Hands the session the next bytes of the stream.
    fn give(&mut self, count: usize) {
        let script = self.script;
        let bytes = &script.stream[self.fed..self.fed + count];
        self.fed += count;
        self.handle(Given::Bytes, Input::Bytes(bytes));
    }

    /// The size of the next piece, at most `most`.
    fn piece(&mut self, most: usize) -> usize {
        match self.manners.pieces {
            Pieces::Whole => most,
            Pieces::Bytewise => 1,
            Pieces::Ragged(_) => {
                // Numerical Recipes' generator: good enough to vary lengths.
                self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (1 + (self.random >> 16) as usize % 64).min(most)
            }
        }
    }

    fn close_peer(&mut self, how: PeerClosed) {
        self.handle(Given::PeerClosed(how), Input::PeerClosed(how));
    }

    fn wait(&mut self, micros: u64) {
        let end = self.clock + micros;
        while let Some(at) = self.next_deadline().filter(|&at| at <= end) {
            self.clock = self.clock.max(at);
            self.meet_deadlines(self.clock);
        }
        self.clock = end;
    }

    /// Hands in time-outs as long as something is due by `now`.
    fn meet_deadlines(&mut self, now: u64) {
        let mut rounds = 0;
        while self.next_deadline().is_some_and(|at| at <= now) {
            // The worst case: the time to shut down is over, then the time to flush, and between
            // the two nothing but a call is cancelled.
            assert!(rounds < 4, "livelock: still due at {now} after {rounds} time-outs");
            rounds += 1;
            self.handle(Given::Timeout, Input::Timeout);
            self.settle();
        }
    }

    /// Does what can be done now: takes outputs, writes and reads.
    fn settle(&mut self) {
        for _ in 0..=self.script.stream.len() + 16 {
            let unsent = self.session.transmit().len();
            if unsent > 0 && !self.is_stalled {
                self.write(unsent);
                continue;
            }
            let wants_read = self.manners.is_polite && self.session.wants_read();
            if !(self.carry() || self.tell() || wants_read && self.read()) {
                return;
            }
        }
        panic!("livelock: reading and writing never come to rest");
    }

    /// Passes on a change that somebody listens for; false if there is none, or it has to wait.
    fn tell(&mut self) -> bool {
        if self.manners.is_polite && !self.session.can_notify() {
            return false;
        }
        match self.metered(|this| this.application.next_change()) {
            Some((key, call, change)) => {
                let note = Notification::Changed(change);
                self.handle(Given::Notify(Some(call), true), Input::Notify(key, note));
                true
            }
            None => false,
        }
    }

    /// Reads what has arrived; false if that is nothing.
    fn read(&mut self) -> bool {
        let waiting = self.arrived - self.fed;
        if waiting > 0 {
            let piece = self.piece(waiting.min(READ_SIZE));
            self.give(piece);
        } else if self.has_fin {
            self.has_fin = false;
            self.close_peer(PeerClosed::Fin);
        } else {
            return false;
        }
        true
    }

    fn write(&mut self, most: usize) {
        let count = most.min(self.session.transmit().len());
        self.handle_written(Given::Written, Input::Written(count), count);
    }

    fn handle(&mut self, given: Given, input: Input<'_>) {
        self.handle_written(given, input, 0);
    }

    /// Hands in an input, by which `written` bytes leave the queue.
    fn handle_written(&mut self, given: Given, input: Input<'_>, written: usize) {
        let kept = self.session.transmit().len() - written;
        let now = now(self.script, self.clock);
        self.metered(|this| {
            // Its room comes and goes, as with a driver of many sessions. Nobody must notice.
            if let Some(spare) = this.session.take_spare() {
                this.spare = Some(spare);
            }
            if this.trace.turns.len() % 2 == 0
                && let Some(spare) = this.spare.take()
            {
                this.session.lend(spare);
            }
            this.session.handle(now, input);
        });
        self.note(given, kept);
    }

    /// Writes down what came of an input that left `kept` bytes to be written.
    fn note(&mut self, given: Given, kept: usize) {
        let unsent = self.session.transmit();
        let start = self.trace.emitted.len();
        if let Some(new) = unsent.get(kept..).filter(|_| !unsent.is_empty()) {
            let old = &self.trace.emitted[start - kept..];
            assert_eq!(&unsent[..kept], old, "bytes change while they wait");
            self.trace.emitted.extend_from_slice(new);
        } else {
            assert!(self.session.is_closed() || kept == 0, "bytes vanish while they wait");
        }
        self.trace.turns.push(Turn {
            given,
            step: self.step,
            at: self.clock,
            outputs: Vec::new(),
            emitted: start..self.trace.emitted.len(),
            fed: self.fed,
            unsent: self.session.transmit().len(),
            wants_read: self.session.wants_read(),
            deadline: self.session.poll_timeout(),
        });
        if self.is_taking {
            return;
        }
        if !self.manners.is_late || self.trace.turns.len().is_multiple_of(3) {
            self.take_outputs();
        }
    }

    /// Takes all outputs. They are counted as part of the last turn.
    fn take_outputs(&mut self) {
        if std::mem::replace(&mut self.is_taking, true) {
            return;
        }
        while let Some(output) = self.metered(|this| this.session.poll_output()) {
            let seen = match &output {
                Output::Authorize(authorization) => {
                    let number = self.authorizations.len();
                    self.authorizations.push(authorization.key());
                    self.waiting = Some(number);
                    Seen::Authorize(number, format!("{authorization:?}"))
                }
                Output::AuthorizationCancelled(key) => {
                    let number = self.authorizations.iter().position(|known| known == key);
                    let number = number.expect("only what waits can be cancelled");
                    self.waiting.take_if(|waiting| *waiting == number);
                    Seen::AuthorizationCancelled(number)
                }
                Output::Call(call) => self.application.begin(call),
                Output::Cancelled(key) => Seen::Cancelled(self.cancelled(*key)),
                Output::HandedOver(key) => Seen::HandedOver(self.handed_over(*key)),
                Output::StreamBegun(_) => {
                    self.begin_stream();
                    continue;
                }
                Output::Event(event) => Seen::Event(event.clone()),
                Output::ShutdownWrite => {
                    assert_eq!(self.session.transmit(), b"", "a FIN before the last byte");
                    Seen::ShutdownWrite
                }
                Output::Close => Seen::Close,
            };
            if let Some(turn) = self.trace.turns.last_mut() {
                turn.outputs.push(seen);
            }
            match output {
                Output::Authorize(_) if self.script.setup.gate == Gate::Prompt => {
                    self.metered(|_| drop(output));
                    self.authorize(Verdict::LetIn);
                }
                Output::Call(call) if call.request().is_of_session() => self.admit(call),
                output => self.metered(|_| drop(output)),
            }
        }
        self.is_taking = false;
    }

    fn end(&mut self, call: Option<usize>) {
        self.metered(|this| this.application.end(call));
    }

    fn metered<R>(&mut self, with: impl FnOnce(&mut Self) -> R) -> R {
        (self.meter)(true);
        let result = with(self);
        (self.meter)(false);
        result
    }
}

/// What a polite driver reads at once.
pub const READ_SIZE: usize = 512;

fn now(script: &Script, clock: u64) -> Now {
    let instant = Instant::from_micros(clock);
    if script.setup.has_clock {
        Now::new(instant, 1_700_000_000 + clock / 1_000_000)
    } else {
        instant.into()
    }
}

fn micros(ms: u16) -> u64 {
    u64::from(ms) * 1000
}
