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
    Input, Instant, Lost, McpMethod, Notification, Now, Output, PeerClosed, ReaderKey, Refusal,
    Reply, Request, RpcError, Session, SessionId, SubscribeError,
};

use crate::ask::Asking;
use crate::authorizer::Authorizing;
use crate::counters::Counted;
use crate::endpoints::Shared;
use crate::handler::Begin;
use crate::in_flight::{Calls, InFlight, InSession};
use crate::live::Answered;
use crate::registry::Entry;
use crate::request_state::random;
use crate::runtime::Timer;
use crate::session_call::{Reading, SessionCall};
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
#[must_use = "a connection is served by polling it"]
pub struct Connection<S, T> {
    shared: Arc<Shared>,
    /// Gone when the connection is closed.
    stream: Option<S>,
    peer: Option<SocketAddr>,
    session: Session,
    timer: T,
    /// What the timer is set to, if it is. May be too early, never too late.
    timer_at: Option<Instant>,
    /// A request that waits to be let in.
    authorizing: Option<Authorizing>,
    calls: Calls,
    /// What the client listens to, in place of a call.
    subscription: Option<Subscription>,
    /// The stream of a session that the response in hand is read from.
    reading: Option<Reading>,
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
    pub(crate) fn new(shared: Arc<Shared>, stream: S, timer: T, peer: Option<SocketAddr>) -> Self {
        Self {
            session: Session::new(shared.config.clone(), shared.now()),
            entry: shared.registry.enter(),
            counted: shared.mounts.iter().map(|mount| mount.counters.count_connection()).collect(),
            shared,
            stream: Some(stream),
            peer,
            timer,
            timer_at: None,
            authorizing: None,
            calls: Calls::default(),
            subscription: None,
            reading: None,
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
                    self.subscription.take_if(|subscription| subscription.call == key);
                    self.stop_reading_for(key);
                }
                Output::HandedOver(key) => {
                    self.stop_reading_for(key);
                    self.handed_over.extend(self.calls.take(key));
                }
                Output::StreamBegun(_) => {
                    if let Some(reading) = &self.reading {
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
        if call.request().is_of_session() {
            return self.begin_in_session(now, call);
        }
        if let Some(filter) = call.request().subscription() {
            let live = mount.live.clone();
            let subscription = Subscription::new(live, &call, filter, &mount.counters);
            return self.begin_subscription(now, key, subscription);
        }
        self.serve(now, call, None);
    }

    /// Has a call served, in a session or without.
    fn serve(&mut self, now: Now, call: Call, session: Option<SessionCall>) {
        let key = call.key();
        let mount = &self.shared.mounts[call.endpoint()];
        let reply = match mount.live.answer(&call) {
            Answered::Already(reply) => reply,
            Answered::By(handler) => match mount.rounds.open(now, call.request()) {
                Ok(asking) => {
                    let counted = mount.counters.count_call();
                    let begin = Begin { call, asking };
                    self.calls.push(InFlight::start(&*handler, begin, session, counted));
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
        match session {
            Some(session) => {
                let reply = session.reply(now.instant, reply);
                self.reply_directly(now, key, reply);
            }
            None => self.handle(now, Input::Reply(key, reply)),
        }
    }

    /// Brings a call of the 2025 revisions to its session.
    fn begin_in_session(&mut self, now: Now, call: Call) {
        let (key, endpoint) = (call.key(), call.endpoint());
        let mount = &self.shared.mounts[endpoint];
        let principal = match mount.rounds.principal_of(call.request()) {
            Ok(principal) => principal,
            Err(error) => return self.handle(now, Input::Reply(key, Reply::Error(error))),
        };
        let caller = Caller {
            principal: principal.as_deref(),
            is_hidden: mount.live.hides_subject_of(call.request()),
        };
        let reader = self.reading.as_ref().map(|reading| reading.key);
        let is_opened = call.request().method() == McpMethod::OpenStream;
        let hub = &mount.live.hub;
        match hub.with(|hub| hub.admit(now.instant, call, reader, caller)) {
            Admission::Reply(key, reply) => self.handle(now, Input::Reply(key, reply)),
            Admission::Initialize(call) => match &mount.on_initialize {
                Some(hook) => {
                    let begin = Begin { call, asking: Asking::default() };
                    let counted = mount.counters.count_call();
                    self.calls.push(InFlight::start(&**hook, begin, None, counted));
                }
                None => {
                    let reply = self.open_session(now, endpoint, Some(call.request()));
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
                self.serve(now, call, Some(session));
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
        let reading = match &mut self.reading {
            Some(reading) if reading.key == reader => reading,
            reading => reading.insert(Reading::new(self.shared.clone(), endpoint, reader, counted)),
        };
        reading.calls.push(call);
    }

    /// That call gets nothing more from the stream that is read.
    fn stop_reading_for(&mut self, call: CallKey) {
        if let Some(reading) = &mut self.reading {
            reading.calls.retain(|other| *other != call);
        }
        self.reading.take_if(|reading| reading.calls.is_empty());
    }

    /// Answers a call of a session with what did not go by its stream.
    fn reply_directly(&mut self, now: Now, key: CallKey, reply: Option<Reply>) {
        if let Some(reply) = reply {
            self.stop_reading_for(key);
            self.handle(now, Input::Reply(key, reply));
        }
    }

    /// Passes on what there is in the stream of a session, as fast as the client reads.
    fn poll_reading(&mut self, cx: &Context<'_>, now: Now) -> bool {
        let mut happened = false;
        // All of it, so that the last event and the end of the stream leave in one write.
        while let Some(reading) = self.reading.as_ref().filter(|_| self.session.can_notify()) {
            let next = reading.poll_next(cx, now.instant);
            if !self.pass_on(now, next) {
                break;
            }
            happened = true;
        }
        happened
    }

    /// Passes on all that there is, at once: the client is about to hear no more.
    fn flush_reading(&mut self, now: Now) {
        while let Some(reading) = &self.reading {
            let next = reading.next(now.instant);
            if !self.pass_on(now, next) {
                return;
            }
        }
    }

    fn pass_on(&mut self, now: Now, next: Option<FromStream>) -> bool {
        match next {
            Some(FromStream::Event(event)) => {
                let key = self.reading.as_ref().and_then(|reading| reading.calls.first().copied());
                if let Some(key) = key {
                    self.handle(now, Input::Notify(key, Notification::Event(event)));
                }
                true
            }
            Some(FromStream::End) => {
                let calls = self.reading.take().map(|mut reading| take(&mut reading.calls));
                for key in calls.into_iter().flatten() {
                    // If the call is not done, its client will come back for the rest.
                    self.handed_over.extend(self.calls.take(key));
                    self.handle(now, Input::Reply(key, Reply::NoResponse));
                }
                true
            }
            None => false,
        }
    }

    fn begin_subscription(
        &mut self,
        now: Now,
        key: CallKey,
        subscription: Result<Subscription, SubscribeError>,
    ) {
        let input = match subscription {
            Ok(subscription) => {
                self.subscription = Some(subscription);
                Input::Notify(key, Notification::Subscribed)
            }
            Err(error) => Input::Reply(key, Reply::Error(error.into())),
        };
        self.handle(now, input);
    }

    /// Passes on changes that the client listens for, as fast as it reads.
    fn poll_subscription(&mut self, cx: &Context<'_>, now: Now) -> bool {
        let Some(subscription) = self.subscription.as_ref().filter(|_| self.session.can_notify())
        else {
            return false;
        };
        let key = subscription.call;
        match subscription.poll_change(cx) {
            Some(change) => {
                self.handle(now, Input::Notify(key, Notification::Changed(change)));
                true
            }
            None => false,
        }
    }

    /// Passes on all that is pending, at once: the client is about to hear no more. It is no more
    /// than what it asked for.
    fn flush_subscription(&mut self, now: Now) {
        while let Some(subscription) = &self.subscription
            && let Some(change) = subscription.next_change()
        {
            let key = subscription.call;
            self.handle(now, Input::Notify(key, Notification::Changed(change)));
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
            self.flush_subscription(now);
            self.flush_reading(now);
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
                let hint = match refusal {
                    Refusal::ForeignHost { .. } => "to allow it: Endpoints::hosts",
                    Refusal::ForeignOrigin { .. } => "to allow it: Endpoints::origins",
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

impl<S: AsyncRead + AsyncWrite + Unpin, T: Timer> Connection<S, T> {
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

impl<S: AsyncRead + AsyncWrite + Unpin, T: Timer> Future for Connection<S, T> {
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
            happened |= this.poll_subscription(cx, now);
            happened |= this.poll_reading(cx, now);
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

impl<S, T> std::fmt::Debug for Connection<S, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
