//! The driver: moves bytes between a stream and its session, and runs the handlers.
//!
//! Every decision is the session's. The driver carries: what it reads goes in, what comes out is
//! written, a call becomes a handler's future, which lives and dies here.
//!
//! This file has what a connection consists of, and its turns. `calls` is what becomes of calls,
//! `streams` what clients listen to, `log` what operators hear.

mod calls;
mod log;
mod streams;

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::mem::take;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use mcp_proto::{
    Authorization, Denial, Input, Instant, LineSession, Now, Output, PeerClosed, Session,
};

use crate::authorizer::Authorizing;
use crate::context::Attachment;
use crate::endpoints::Shared;
use crate::in_flight::{Calls, InFlight};
use crate::machine::{Machine, Spares};
use crate::registry::Entry;
use crate::runtime::Timer;
use crate::session_call::Reading;
use crate::subscription::Subscription;

/// The size of a read. One buffer serves all connections of a thread: none is held by a
/// connection that is idle.
const READ_SIZE: usize = 64 * 1024;

/// The most that is written at once.
const MOST_WRITTEN: u32 = 1 << 30;

/// Turns of one connection before others on the thread get theirs.
const TURNS: usize = 32;

thread_local! {
    static READ_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_SIZE].into());
    static SPARES: RefCell<Spares> = RefCell::default();
}

/// One connection being served: a future that is done when the connection is closed and the work
/// that outlives it has ended.
///
/// Dropping it closes the connection and cancels its work.
///
/// `M` is what the bytes mean: HTTP, or messages line by line ([`LineSession`]).
#[must_use = "a connection is served by polling it"]
pub struct Connection<S, T, M = Session> {
    /// Gone when the connection is closed.
    stream: Option<S>,
    peer: Option<SocketAddr>,
    /// In a box of its own, as few connections have one.
    attachment: Option<Box<Attachment>>,
    session: M,
    timer: T,
    /// What the timer is set to, if it is. May be too early, never too late.
    timer_at: Option<Instant>,
    /// In a box, which a connection that is idle need not have.
    work: Option<Box<Work>>,
    /// How many bytes were written that the stream may still hold. The session hears of them when it
    /// does not: it counts as read what it has been told is written, and may close behind it.
    unflushed: u32,
    /// Whether our half has to be closed.
    is_closing: bool,
    awaited: Awaited,
    /// When a shutdown stops waiting, once one has begun.
    shutdown: Option<Instant>,
    // Dropped last: then, nothing of the connection is left.
    entry: Entry,
}

/// What has been asked for since the task was last woken, and will wake it when it is there. There is
/// no need to ask again before that.
#[derive(Default)]
struct Awaited {
    bytes: bool,
    changes: bool,
}

/// What is being done for a client.
#[derive(Default)]
struct Work {
    /// A request that waits to be let in.
    authorizing: Option<Authorizing>,
    calls: Calls,
    /// What the client listens to, in place of calls. Over HTTP, one at most.
    subscriptions: Vec<Subscription>,
    /// The streams of sessions that responses are read from. Over HTTP, one at most.
    readings: Vec<Reading>,
    /// Calls that go on without a response of this connection.
    handed_over: Vec<InFlight>,
}

impl Work {
    fn is_done(&self) -> bool {
        self.authorizing.is_none()
            && self.calls.is_empty()
            && self.subscriptions.is_empty()
            && self.readings.is_empty()
            && self.handed_over.is_empty()
    }
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
        let mut entry = Entry::new(shared);
        entry.count();
        Self {
            session,
            entry,
            stream: Some(stream),
            peer,
            attachment: None,
            timer,
            timer_at: None,
            work: None,
            unflushed: 0,
            is_closing: false,
            awaited: Awaited::default(),
            shutdown: None,
        }
    }

    /// Lets handlers know what the application knows of this connection: they find it by its type, with
    /// [`Context::attachment`](crate::Context::attachment). It takes the place of what was attached
    /// before.
    pub fn attach(mut self, attachment: Arc<dyn Any + Send + Sync>) -> Self {
        self.attachment = Some(Box::new(attachment));
        self
    }

    fn handle(&mut self, now: Now, input: Input<'_>) {
        self.session.handle(now, input);
    }

    fn work(&mut self) -> &mut Work {
        self.work.get_or_insert_default()
    }

    /// Acts on what the session wants done.
    fn take_outputs(&mut self, now: Now) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Authorize(authorization) => self.begin_authorization(now, authorization),
                Output::AuthorizationCancelled(key) => {
                    self.work().authorizing.take_if(|authorizing| authorizing.key == key);
                }
                Output::Call(call) => self.begin_call(now, call),
                Output::Cancelled(key) => {
                    let is_over = self.shutdown.is_some_and(|until| until <= now.instant);
                    let work = self.work();
                    let was_called = work.calls.take(key).is_some();
                    work.subscriptions.retain(|subscription| subscription.call != key);
                    work.stop_reading_for(key);
                    if was_called && is_over {
                        self.entry.count_cut();
                    }
                }
                Output::HandedOver(key) => {
                    let work = self.work();
                    work.stop_reading_for(key);
                    work.handed_over.extend(work.calls.take(key));
                }
                Output::StreamBegun(key) => {
                    let mut readings = self.work().readings.iter();
                    if let Some(reading) = readings.find(|reading| reading.calls.contains(&key)) {
                        reading.begin();
                    }
                }
                Output::Event(event) => self.log(&event),
                Output::ShutdownWrite => self.is_closing = true,
                Output::Close => {
                    self.stream = None;
                    self.entry.close();
                }
            }
        }
    }

    fn begin_authorization(&mut self, now: Now, authorization: Authorization) {
        match &self.entry.shared.mounts[authorization.endpoint()].authorize {
            Some(authorize) => {
                let authorizing = Authorizing::start(authorize, authorization, now);
                self.work().authorizing = Some(authorizing);
            }
            None => {
                debug_assert!(false, "an endpoint waits for an authorizer that is not there");
                let input = Input::Authorized(authorization.key(), Err(Denial::failed()));
                self.handle(now, input);
            }
        }
    }

    fn has_handed_over(&self) -> bool {
        self.work.as_ref().is_some_and(|work| !work.handed_over.is_empty())
    }

    /// Whether somebody was let in, or was not.
    fn poll_authorization(&mut self, cx: &mut Context<'_>, now: Now) -> bool {
        let work = self.work.as_mut();
        let Some(authorizing) = work.and_then(|work| work.authorizing.as_mut()) else {
            return false;
        };
        let key = authorizing.key;
        match authorizing.poll(cx) {
            Poll::Ready(result) => {
                self.work().authorizing = None;
                self.handle(now, Input::Authorized(key, result));
                true
            }
            Poll::Pending => false,
        }
    }

    /// Goes on with what is being done for the client. Returns whether anything came of it.
    fn poll_work(&mut self, cx: &mut Context<'_>, now: Now) -> bool {
        self.work.is_some()
            && self.poll_authorization(cx, now)
                | self.poll_calls(cx, now)
                | self.poll_handed_over(cx, now)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>, now: Now) {
        let until = self.entry.poll_shutdown(cx);
        if until == self.shutdown {
            return;
        }
        self.shutdown = until;
        if let Some(until) = until {
            self.flush_subscriptions(now);
            self.flush_readings(now);
            self.handle(now, Input::Shutdown(until));
        }
    }

    /// Hands in a deadline that has passed, or sets the timer for the next.
    fn poll_timer(&mut self, cx: &mut Context<'_>, now: Now) -> bool {
        let deadline = if self.session.is_closed() {
            // The session is gone, and with it its deadlines; only a shutdown is left.
            self.shutdown.filter(|_| self.has_handed_over())
        } else {
            self.session.poll_timeout()
        };
        // Those that have passed were seen to when their calls were polled.
        let in_flight =
            self.work.iter().flat_map(|work| work.calls.iter().chain(&work.handed_over));
        let answers = in_flight.filter_map(|call| call.session.as_ref()?.deadline);
        let answers = answers.filter(|deadline| *deadline > now.instant);
        let Some(deadline) = answers.chain(deadline).min() else {
            return false;
        };
        if deadline <= now.instant {
            if self.session.is_closed() {
                let cut = self.work.take().map_or(0, |work| work.handed_over.len());
                (0..cut).for_each(|_| self.entry.count_cut());
            } else {
                self.handle(now, Input::Timeout);
            }
            return true;
        }
        // Deadlines mostly move later. Then the timer may go off early once, which costs less
        // than to set it anew each time.
        if self.timer_at.is_none_or(|at| deadline < at) {
            self.timer.reset(self.entry.shared.to_std(deadline));
            self.timer_at = Some(deadline);
        }
        let is_over = self.timer.poll(cx).is_ready();
        if is_over {
            self.timer_at = None;
        }
        is_over
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, T: Timer, M: Machine> Connection<S, T, M> {
    fn poll_write(&mut self, cx: &mut Context<'_>, now: Now) -> bool {
        let Some(stream) = &mut self.stream else {
            return false;
        };
        let bytes = self.session.transmit();
        if self.unflushed == 0 && !bytes.is_empty() {
            let bytes = &bytes[..bytes.len().min(MOST_WRITTEN as usize)];
            match Pin::new(&mut *stream).poll_write(cx, bytes) {
                Poll::Pending => return false,
                Poll::Ready(Ok(count @ 1..)) => {
                    self.unflushed = u32::try_from(count).unwrap_or(MOST_WRITTEN);
                }
                Poll::Ready(Ok(0) | Err(_)) => {
                    self.handle(now, Input::PeerClosed(PeerClosed::Reset));
                    return true;
                }
            }
        }
        if self.unflushed > 0 {
            let input = match Pin::new(stream).poll_flush(cx) {
                Poll::Pending => return false,
                Poll::Ready(Ok(())) => Input::Written(take(&mut self.unflushed) as usize),
                Poll::Ready(Err(_)) => Input::PeerClosed(PeerClosed::Reset),
            };
            self.handle(now, input);
            return true;
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
        if self.awaited.bytes || !self.session.wants_read() {
            return false;
        }
        READ_BUFFER.with_borrow_mut(|buffer| {
            let input = match Pin::new(stream).poll_read(cx, buffer) {
                Poll::Pending => {
                    self.awaited.bytes = true;
                    return false;
                }
                Poll::Ready(Ok(0)) => Input::PeerClosed(PeerClosed::Fin),
                Poll::Ready(Ok(count)) => Input::Bytes(&buffer[..count]),
                Poll::Ready(Err(_)) => Input::PeerClosed(PeerClosed::Reset),
            };
            SPARES.with_borrow_mut(|spares| self.session.find_room(spares));
            self.session.handle(now, input);
            true
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, T: Timer, M: Machine> Future for Connection<S, T, M> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let mut now = this.entry.shared.now();
        this.awaited = Awaited::default();
        this.poll_shutdown(cx, now);
        for _ in 0..TURNS {
            // First, so that mostly a request is read, served and answered in one turn.
            let mut happened = this.poll_read(cx, now);
            this.take_outputs(now);
            if this.poll_work(cx, now) {
                happened = true;
                // Handlers may take their time.
                now = this.entry.shared.now();
            }
            happened |= this.poll_subscriptions(cx, now);
            happened |= this.poll_readings(cx, now);
            happened |= this.poll_write(cx, now);
            // While there is something to do, the timer matters only where it may have gone off.
            if !happened || this.timer_at.is_none_or(|at| at <= now.instant) {
                happened |= this.poll_timer(cx, now);
            }
            if happened {
                continue;
            }
            if this.stream.is_none() && !this.has_handed_over() {
                return Poll::Ready(());
            }
            this.work.take_if(|work| work.is_done());
            SPARES.with_borrow_mut(|spares| this.session.leave_room(spares));
            return Poll::Pending;
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
