//! The driver: moves bytes between a stream and its session, and runs the handlers.
//!
//! Every decision is the session's. The driver carries: what it reads goes in, what comes out is
//! written, a call becomes a handler's future, which lives and dies here.

use std::cell::RefCell;
use std::future::Future;
use std::mem::take;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use mcp_proto::{
    Admission, Authorization, Call, CallKey, Caller, CompleteResult, Denial, Event, FromStream,
    Input, Instant, LineSession, Lost, McpMethod, Notification, Now, Output, PeerClosed, ReaderKey,
    Refusal, Reply, Request, RpcError, Session, SessionId, SubscribeError,
};

use crate::ask::Asking;
use crate::authorizer::Authorizing;
use crate::counters::Counted;
use crate::endpoints::Shared;
use crate::handler::Begin;
use crate::in_flight::{Calls, InFlight, InSession};
use crate::live::Answered;
use crate::machine::Machine;
use crate::registry::Entry;
use crate::request_state::random;
use crate::runtime::Timer;
use crate::session_call::{Reading, SessionCall};
use crate::sight::Sight;
use crate::subscription::Subscription;

/// The size of a read. One buffer serves all connections of a thread: none is held by a
/// connection that is idle.
const READ_SIZE: usize = 64 * 1024;

/// Turns of one connection before others on the thread get theirs.
const TURNS: usize = 32;

thread_local! {
    static READ_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_SIZE].into());
}

/// One connection being served: a future that is done when the connection is closed and the work
/// that outlives it has ended.
///
/// Dropping it closes the connection and cancels its work.
///
/// `M` is what the bytes mean: HTTP, or messages line by line ([`LineSession`]).
#[must_use = "a connection is served by polling it"]
pub struct Connection<S, T, M = Session> {
    shared: Arc<Shared>,
    /// Gone when the connection is closed.
    stream: Option<S>,
    peer: Option<SocketAddr>,
    session: M,
    timer: T,
    /// What the timer is set to, if it is. May be too early, never too late.
    timer_at: Option<Instant>,
    /// A request that waits to be let in.
    authorizing: Option<Authorizing>,
    calls: Calls,
    /// What the client listens to, in place of calls. Over HTTP, one at most.
    subscriptions: Vec<Subscription>,
    /// The streams of sessions that responses are read from. Over HTTP, one at most.
    readings: Vec<Reading>,
    /// Calls that go on without a response of this connection.
    handed_over: Vec<InFlight>,
    /// Whether bytes were written that the stream may still hold.
    needs_flush: bool,
    /// Whether our half has to be closed.
    is_closing: bool,
    /// When a shutdown stops waiting, once one has begun.
    shutdown: Option<Instant>,
    // Dropped before the entry, so that whoever waits for that finds the counters at zero.
    counted: Vec<Counted>,
    entry: Entry,
}

impl<S, T: Timer> Connection<S, T> {
    /// A connection that speaks HTTP.
    pub(crate) fn new(shared: Arc<Shared>, stream: S, timer: T, peer: Option<SocketAddr>) -> Self {
        let session = Session::new(shared.config.clone(), shared.now());
        Self::with(session, shared, stream, timer, peer)
    }
}

impl<S, T: Timer> Connection<S, T, LineSession> {
    /// A connection on which messages go line by line.
    pub(crate) fn by_line(
        shared: Arc<Shared>,
        stream: S,
        timer: T,
        peer: Option<SocketAddr>,
    ) -> Self {
        let session = LineSession::new(shared.config.clone());
        Self::with(session, shared, stream, timer, peer)
    }
}

impl<S, T: Timer, M: Machine> Connection<S, T, M> {
    fn with(
        session: M,
        shared: Arc<Shared>,
        stream: S,
        timer: T,
        peer: Option<SocketAddr>,
    ) -> Self {
        Self {
            session,
            entry: shared.registry.enter(),
            counted: shared.mounts.iter().map(|mount| mount.counters.count_connection()).collect(),
            shared,
            stream: Some(stream),
            peer,
            timer,
            timer_at: None,
            authorizing: None,
            calls: Calls::default(),
            subscriptions: Vec::new(),
            readings: Vec::new(),
            handed_over: Vec::new(),
            needs_flush: false,
            is_closing: false,
            shutdown: None,
        }
    }

    fn handle(&mut self, now: Now, input: Input<'_>) {
        self.session.handle(now, input);
    }

    /// Acts on what the session wants done.
    fn take_outputs(&mut self, now: Now) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Authorize(authorization) => self.begin_authorization(now, authorization),
                Output::AuthorizationCancelled(key) => {
                    self.authorizing.take_if(|authorizing| authorizing.key == key);
                }
                Output::Call(call) => self.begin_call(now, call),
                Output::Cancelled(key) => {
                    let is_over = self.shutdown.is_some_and(|until| until <= now.instant);
                    if self.calls.take(key).is_some() && is_over {
                        self.entry.count_cut();
                    }
                    self.subscriptions.retain(|subscription| subscription.call != key);
                    self.stop_reading_for(key);
                }
                Output::HandedOver(key) => {
                    self.stop_reading_for(key);
                    self.handed_over.extend(self.calls.take(key));
                }
                Output::StreamBegun(key) => {
                    let mut readings = self.readings.iter();
                    if let Some(reading) = readings.find(|reading| reading.calls.contains(&key)) {
                        reading.begin();
                    }
                }
                Output::Event(event) => self.log(&event),
                Output::ShutdownWrite => self.is_closing = true,
                Output::Close => {
                    self.stream = None;
                    self.counted.clear();
                }
            }
        }
    }

    fn begin_authorization(&mut self, now: Now, authorization: Authorization) {
        match &self.shared.mounts[authorization.endpoint()].authorize {
            Some(authorize) => {
                self.authorizing = Some(Authorizing::start(authorize, authorization, now));
            }
            None => {
                debug_assert!(false, "an endpoint waits for an authorizer that is not there");
                let input = Input::Authorized(authorization.key(), Err(Denial::failed()));
                self.handle(now, input);
            }
        }
    }

    /// Whether somebody was let in, or was not.
    fn poll_authorization(&mut self, cx: &mut Context<'_>, now: Now) -> bool {
        let Some(authorizing) = &mut self.authorizing else {
            return false;
        };
        let key = authorizing.key;
        match authorizing.poll(cx) {
            Poll::Ready(result) => {
                self.authorizing = None;
                self.handle(now, Input::Authorized(key, result));
                true
            }
            Poll::Pending => false,
        }
    }

    fn begin_call(&mut self, now: Now, call: Call) {
        let key = call.key();
        let mount = &self.shared.mounts[call.endpoint()];
        let endpoint = &self.shared.config.endpoints[call.endpoint()];
        let mut sight = Sight::begin(&call, endpoint, self.peer, self.shared.on_span.as_ref());
        if call.request().is_of_session() {
            return self.begin_in_session(now, call, sight);
        }
        if let Some(filter) = call.request().subscription() {
            let live = mount.live.clone();
            let subscription = Subscription::new(live, &call, filter, &mount.counters);
            return self.begin_subscription(now, key, subscription, &mut sight);
        }
        self.serve(now, call, None, sight);
    }

    /// Has a call served, in a session or without.
    fn serve(&mut self, now: Now, call: Call, session: Option<SessionCall>, mut sight: Sight) {
        let key = call.key();
        let mount = &self.shared.mounts[call.endpoint()];
        let reply = match mount.live.answer(&call) {
            Answered::Already(reply) => reply,
            Answered::By(handler) => match mount.rounds.open(now, call.request()) {
                Ok(asking) => {
                    sight.finds(&call);
                    let counted = mount.counters.count_call();
                    let begin = Begin { call, asking };
                    self.calls.push(InFlight::start(&*handler, begin, session, sight, counted));
                    return;
                }
                Err(error) => Reply::Error(error),
            },
            // Whatever has nobody to complete it has no completions.
            Answered::Nobody if call.request().method() == McpMethod::Complete => {
                Reply::Completion(CompleteResult::default())
            }
            Answered::Nobody => Reply::Error(RpcError::internal(
                "internal error: there is no function behind what is asked for",
            )),
        };
        sight.end(&reply);
        match session {
            Some(session) => {
                let reply = session.reply(now.instant, reply);
                self.reply_directly(now, key, reply);
            }
            None => self.handle(now, Input::Reply(key, reply)),
        }
    }

    /// Brings a call of the 2025 revisions to its session.
    fn begin_in_session(&mut self, now: Now, call: Call, mut sight: Sight) {
        let (key, endpoint) = (call.key(), call.endpoint());
        let mount = &self.shared.mounts[endpoint];
        let principal = match mount.rounds.principal_of(call.request()) {
            Ok(principal) => principal,
            Err(error) => {
                let reply = Reply::Error(error);
                sight.end(&reply);
                return self.handle(now, Input::Reply(key, reply));
            }
        };
        let caller = Caller {
            principal: principal.as_deref(),
            is_hidden: mount.live.hides_subject_of(call.request()),
        };
        // The calls of a batch come one after the other.
        let reader = self.readings.last().map(|reading| reading.key);
        let is_opened = call.request().method() == McpMethod::OpenStream;
        let hub = &mount.live.hub;
        match hub.with(|hub| hub.admit(now.instant, call, reader, caller)) {
            Admission::Reply(key, reply) => {
                sight.end(&reply);
                self.handle(now, Input::Reply(key, reply));
            }
            Admission::Initialize(call) => match &mount.on_initialize {
                Some(hook) => {
                    let begin = Begin { call, asking: Asking::default() };
                    let counted = mount.counters.count_call();
                    self.calls.push(InFlight::start(&**hook, begin, None, sight, counted));
                }
                None => {
                    let reply = self.open_session(now, endpoint, Some(call.request()));
                    sight.end(&reply);
                    self.handle(now, Input::Reply(key, reply));
                }
            },
            Admission::Stream { call, reader, start } => {
                let counted = is_opened.then(|| mount.counters.count_stream());
                self.read(endpoint, reader, call, counted);
                self.handle(now, Input::Admit(call, start));
            }
            Admission::Call { call, key, reader, start } => {
                self.read(endpoint, reader, call.key(), None);
                self.handle(now, Input::Admit(call.key(), start));
                let session = SessionCall::new(self.shared.clone(), endpoint, key);
                self.serve(now, call, Some(session), sight);
            }
        }
    }

    /// Opens a session for a client that nobody has anything against.
    fn open_session(&self, now: Now, endpoint: usize, request: Option<&Request>) -> Reply {
        let failed =
            |reason: &str| Reply::Error(RpcError::internal(format!("internal error: {reason}")));
        let Some(request) = request else {
            return failed("the request is gone");
        };
        let mount = &self.shared.mounts[endpoint];
        let principal = match mount.rounds.principal_of(request) {
            Ok(principal) => principal,
            Err(error) => return Reply::Error(error),
        };
        let Ok(random) = random() else {
            return failed("there is no randomness");
        };
        let id = SessionId::new(random);
        let endpoint = &self.shared.config.endpoints[endpoint];
        mount
            .live
            .hub
            .with(|hub| hub.open_session(now.instant, id, request, endpoint, principal.as_deref()))
    }

    /// Reads a stream for a call.
    fn read(
        &mut self,
        endpoint: usize,
        reader: ReaderKey,
        call: CallKey,
        counted: Option<Counted>,
    ) {
        if let Some(known) = self.readings.iter_mut().find(|reading| reading.key == reader) {
            return known.calls.push(call);
        }
        let mut reading = Reading::new(self.shared.clone(), endpoint, reader, counted);
        reading.calls.push(call);
        // Mostly there is one.
        self.readings.reserve_exact(1);
        self.readings.push(reading);
    }

    /// That call gets nothing more from the stream that is read for it.
    fn stop_reading_for(&mut self, call: CallKey) {
        self.readings.retain_mut(|reading| {
            reading.calls.retain(|other| *other != call);
            !reading.calls.is_empty()
        });
    }

    /// Answers a call of a session with what did not go by its stream.
    fn reply_directly(&mut self, now: Now, key: CallKey, reply: Option<Reply>) {
        if let Some(reply) = reply {
            self.stop_reading_for(key);
            self.handle(now, Input::Reply(key, reply));
        }
    }

    /// Passes on what there is in the streams of sessions, as fast as the client reads.
    fn poll_readings(&mut self, cx: &Context<'_>, now: Now) -> bool {
        let (mut happened, mut at) = (false, 0);
        // All of it, so that the last event and the end of the stream leave in one write.
        while let Some(reading) = self.readings.get(at).filter(|_| self.session.can_notify()) {
            let next = reading.poll_next(cx, now.instant);
            happened |= next.is_some();
            match next {
                Some(next) => self.pass_on(now, at, next),
                None => at += 1,
            }
        }
        happened
    }

    /// Passes on all that there is, at once: the client is about to hear no more.
    fn flush_readings(&mut self, now: Now) {
        let mut at = 0;
        while let Some(reading) = self.readings.get(at) {
            match reading.next(now.instant) {
                Some(next) => self.pass_on(now, at, next),
                None => at += 1,
            }
        }
    }

    /// Passes on what the stream at that position has. After its end there is another in its place.
    fn pass_on(&mut self, now: Now, at: usize, next: FromStream) {
        match next {
            FromStream::Event(event) => {
                if let Some(key) = self.readings[at].calls.first().copied() {
                    self.handle(now, Input::Notify(key, Notification::Event(event)));
                }
            }
            FromStream::End => {
                let calls = take(&mut self.readings.swap_remove(at).calls);
                for key in calls {
                    // If the call is not done, its client will come back for the rest.
                    self.handed_over.extend(self.calls.take(key));
                    self.handle(now, Input::Reply(key, Reply::NoResponse));
                }
            }
        }
    }

    fn begin_subscription(
        &mut self,
        now: Now,
        key: CallKey,
        subscription: Result<Subscription, SubscribeError>,
        sight: &mut Sight,
    ) {
        let input = match subscription {
            Ok(subscription) => {
                // Mostly there is one.
                self.subscriptions.reserve_exact(1);
                self.subscriptions.push(subscription);
                // What counts is how long it takes until it is there, not how long the client listens.
                sight.end(&Reply::SubscriptionEnded);
                Input::Notify(key, Notification::Subscribed)
            }
            Err(error) => {
                let reply = Reply::Error(error.into());
                sight.end(&reply);
                Input::Reply(key, reply)
            }
        };
        self.handle(now, input);
    }

    /// Passes on changes that the client listens for, as fast as it reads.
    fn poll_subscriptions(&mut self, cx: &Context<'_>, now: Now) -> bool {
        let mut happened = false;
        for subscription in &self.subscriptions {
            if !self.session.can_notify() {
                break;
            }
            if let Some(change) = subscription.poll_change(cx) {
                let changed = Notification::Changed(change);
                self.session.handle(now, Input::Notify(subscription.call, changed));
                happened = true;
            }
        }
        happened
    }

    /// Passes on all that is pending, at once: the client is about to hear no more. It is no more
    /// than what it asked for.
    fn flush_subscriptions(&mut self, now: Now) {
        for subscription in &self.subscriptions {
            while let Some(change) = subscription.next_change() {
                let changed = Notification::Changed(change);
                self.session.handle(now, Input::Notify(subscription.call, changed));
            }
        }
    }

    /// Whether anything happened.
    fn poll_calls(&mut self, cx: &mut Context<'_>, now: Now) -> bool {
        let (mut happened, mut at) = (false, 0);
        while let Some(call) = self.calls.get(at) {
            let key = call.key;
            happened |= if call.session.is_some() {
                self.poll_session_call(cx, now, at)
            } else {
                self.poll_call(cx, now, at)
            };
            // Another has taken the place of one that is done.
            if self.calls.get(at).is_some_and(|call| call.key == key) {
                at += 1;
            }
        }
        happened
    }

    fn poll_session_call(&mut self, cx: &mut Context<'_>, now: Now, at: usize) -> bool {
        let Some(call) = self.calls.get(at) else {
            return false;
        };
        let key = call.key;
        match call.poll_in_session(cx, now.instant) {
            InSession::Pending(happened) => happened,
            InSession::Ready(reply) => {
                self.end_call(key);
                self.reply_directly(now, key, reply);
                true
            }
        }
    }

    fn poll_call(&mut self, cx: &mut Context<'_>, now: Now, at: usize) -> bool {
        let Some(call) = self.calls.get(at) else {
            return false;
        };
        let (key, endpoint) = (call.key, call.endpoint);
        let mut polled = call.poll(cx);
        if let (Poll::Pending, Some(context)) = (&polled, call.asking()) {
            // It cannot go on before the client has answered, and that is another call.
            let rounds = &self.shared.mounts[endpoint].rounds;
            let reply = context.asking(|asking| rounds.close(now, context.request(), asking));
            call.sight.end(&reply);
            polled = Poll::Ready(reply);
        }
        let mut happened = false;
        // A client that reads too slowly makes its handler wait, but never the final reply.
        while polled.is_ready() || self.session.can_notify() {
            let Some(notification) = call.take_notification() else {
                break;
            };
            self.session.handle(now, Input::Notify(key, notification));
            happened = true;
        }
        if let Poll::Ready(mut reply) = polled {
            let call = self.end_call(key);
            if matches!(reply, Reply::Initialized(_)) {
                reply = self.open_session(now, endpoint, call.as_ref().and_then(InFlight::request));
            }
            self.handle(now, Input::Reply(key, reply));
            happened = true;
        }
        happened
    }

    fn end_call(&mut self, key: CallKey) -> Option<InFlight> {
        if self.entry.is_shutting_down() {
            self.entry.count_finished();
        }
        self.calls.take(key)
    }

    /// Goes on with calls whose clients have gone: without a session, their results are nobody's.
    fn poll_handed_over(&mut self, cx: &mut Context<'_>, now: Now) -> bool {
        let entry = &self.entry;
        let is_shutting_down = entry.is_shutting_down();
        let mut happened = false;
        self.handed_over.retain_mut(|call| {
            let is_done = if call.session.is_some() {
                match call.poll_in_session(cx, now.instant) {
                    InSession::Pending(has_said) => {
                        happened |= has_said;
                        false
                    }
                    InSession::Ready(_) => true,
                }
            } else {
                let polled = call.poll(cx);
                while call.take_notification().is_some() {
                    happened = true;
                }
                polled.is_ready()
            };
            if is_done && is_shutting_down {
                entry.count_finished();
            }
            !is_done
        });
        happened
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>, now: Now) -> bool {
        let until = self.entry.poll_shutdown(cx);
        if until.is_none() || until == self.shutdown {
            return false;
        }
        self.shutdown = until;
        if let Some(until) = until {
            self.flush_subscriptions(now);
            self.flush_readings(now);
            self.handle(now, Input::Shutdown(until));
        }
        true
    }

    /// Hands in a deadline that has passed, or sets the timer for the next.
    fn poll_timer(&mut self, cx: &mut Context<'_>, now: Now) -> bool {
        let deadline = if self.session.is_closed() {
            // The session is gone, and with it its deadlines; only a shutdown is left.
            self.shutdown.filter(|_| !self.handed_over.is_empty())
        } else {
            self.session.poll_timeout()
        };
        // Those that have passed were seen to when their calls were polled.
        let in_flight = self.calls.iter().chain(&self.handed_over);
        let answers = in_flight.filter_map(|call| call.session.as_ref()?.deadline);
        let answers = answers.filter(|deadline| *deadline > now.instant);
        let Some(deadline) = answers.chain(deadline).min() else {
            return false;
        };
        if deadline <= now.instant {
            if self.session.is_closed() {
                self.handed_over.drain(..).for_each(|_| self.entry.count_cut());
            } else {
                self.handle(now, Input::Timeout);
            }
            return true;
        }
        // Deadlines mostly move later. Then the timer may go off early once, which costs less
        // than to set it anew each time.
        if self.timer_at.is_none_or(|at| deadline < at) {
            self.timer.reset(self.shared.to_std(deadline));
            self.timer_at = Some(deadline);
        }
        let is_over = self.timer.poll(cx).is_ready();
        if is_over {
            self.timer_at = None;
        }
        is_over
    }

    #[cfg(feature = "metrics")]
    fn server_name(&self, endpoint: Option<usize>) -> Option<&str> {
        Some(&self.shared.config.endpoints.get(endpoint?)?.info().name)
    }

    fn log(&self, event: &Event) {
        let path = |endpoint: Option<usize>| {
            let endpoint = endpoint.and_then(|at| self.shared.config.endpoints.get(at));
            endpoint.map_or("-", |endpoint| endpoint.path())
        };
        let peer = self.peer.map(tracing::field::display);
        match event {
            Event::RequestLost(lost) => {
                if let Some(mount) = lost.endpoint.and_then(|at| self.shared.mounts.get(at)) {
                    mount.counters.count_lost_request();
                }
                #[cfg(feature = "metrics")]
                crate::meters::lost(lost, self.server_name(lost.endpoint));
                // Still there: what becomes of the call is said after this.
                let call = self.calls.iter().next().filter(|_| lost.stage == Lost::InCall);
                tracing::warn!(
                    peer,
                    endpoint = path(lost.endpoint),
                    call = call.map(InFlight::name),
                    received = lost.received,
                    announced = lost.announced,
                    "{lost}"
                );
            }
            Event::Refused { endpoint, refusal } => {
                #[cfg(feature = "metrics")]
                crate::meters::refused(refusal, self.server_name(*endpoint));
                let hint = match refusal {
                    Refusal::ForeignHost { host } => {
                        format!("to allow it: Endpoints::hosts(Hosts::loopback().allow({host:?}))")
                    }
                    Refusal::ForeignOrigin { origin } => format!(
                        "to allow it: Endpoints::origins(Origins::same().allow({origin:?}))"
                    ),
                    _ => {
                        tracing::debug!(peer, endpoint = path(*endpoint), "refused: {refusal}");
                        return;
                    }
                };
                tracing::info!(peer, endpoint = path(*endpoint), hint, "refused: {refusal}");
            }
            _ => tracing::debug!(peer, "{event:?}"),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, T: Timer, M: Machine> Connection<S, T, M> {
    fn poll_write(&mut self, cx: &mut Context<'_>, now: Now) -> bool {
        let Some(stream) = &mut self.stream else {
            return false;
        };
        let bytes = self.session.transmit();
        if !bytes.is_empty() {
            let input = match Pin::new(stream).poll_write(cx, bytes) {
                Poll::Pending => return false,
                Poll::Ready(Ok(count @ 1..)) => Input::Written(count),
                Poll::Ready(Ok(0) | Err(_)) => Input::PeerClosed(PeerClosed::Reset),
            };
            self.needs_flush = true;
            self.handle(now, input);
            return true;
        }
        if self.needs_flush {
            match Pin::new(&mut *stream).poll_flush(cx) {
                Poll::Pending => return false,
                Poll::Ready(Ok(())) => self.needs_flush = false,
                Poll::Ready(Err(_)) => {
                    self.handle(now, Input::PeerClosed(PeerClosed::Reset));
                    return true;
                }
            }
        }
        if self.is_closing {
            // Whether it worked shows in what is read next.
            self.is_closing = Pin::new(stream).poll_close(cx).is_pending();
        }
        false
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, now: Now) -> bool {
        let Some(stream) = &mut self.stream else {
            return false;
        };
        if !self.session.wants_read() {
            return false;
        }
        READ_BUFFER.with_borrow_mut(|buffer| {
            let input = match Pin::new(stream).poll_read(cx, buffer) {
                Poll::Pending => return false,
                Poll::Ready(Ok(0)) => Input::PeerClosed(PeerClosed::Fin),
                Poll::Ready(Ok(count)) => Input::Bytes(&buffer[..count]),
                Poll::Ready(Err(_)) => Input::PeerClosed(PeerClosed::Reset),
            };
            self.session.handle(now, input);
            true
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, T: Timer, M: Machine> Future for Connection<S, T, M> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        for _ in 0..TURNS {
            let now = this.shared.now();
            let mut happened = this.poll_shutdown(cx, now);
            this.take_outputs(now);
            happened |= this.poll_authorization(cx, now);
            happened |= this.poll_calls(cx, now);
            happened |= this.poll_handed_over(cx, now);
            happened |= this.poll_subscriptions(cx, now);
            happened |= this.poll_readings(cx, now);
            happened |= this.poll_write(cx, now);
            happened |= this.poll_read(cx, now);
            happened |= this.poll_timer(cx, now);
            if happened {
                continue;
            }
            return if this.stream.is_none() && this.handed_over.is_empty() {
                Poll::Ready(())
            } else {
                Poll::Pending
            };
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S, T, M: std::fmt::Debug> std::fmt::Debug for Connection<S, T, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
