//! The driver: moves bytes between a stream and its session, and runs the handlers.
//!
//! Every decision is the session's. The driver carries: what it reads goes in, what comes out is
//! written, a call becomes a handler's future, which lives and dies here.

use std::cell::RefCell;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use mcp_proto::{
    Call, CallKey, CompleteResult, Event, Input, Instant, Lost, McpMethod, Notification, Now,
    Output, PeerClosed, Refusal, Reply, RpcError, Session, SubscribeError,
};

use crate::counters::Counted;
use crate::endpoints::Shared;
use crate::handler::Begin;
use crate::in_flight::InFlight;
use crate::live::Answered;
use crate::registry::Entry;
use crate::runtime::Timer;
use crate::subscriptions::Subscription;

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
    call: Option<InFlight>,
    /// What the client listens to, in place of a call.
    subscription: Option<Subscription>,
    /// Calls that go on though their client has gone.
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
            call: None,
            subscription: None,
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
                Output::Call(call) => self.begin_call(now, call),
                Output::Cancelled(key) => {
                    let is_over = self.shutdown.is_some_and(|until| until <= now.instant);
                    if self.call.take_if(|call| call.key == key).is_some() && is_over {
                        self.entry.count_cut();
                    }
                    self.subscription.take_if(|subscription| subscription.call == key);
                }
                Output::HandedOver(key) => {
                    self.handed_over.extend(self.call.take_if(|call| call.key == key));
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

    fn begin_call(&mut self, now: Now, call: Call) {
        let key = call.key();
        let mount = &self.shared.mounts[call.endpoint()];
        if let Some(filter) = call.request().subscription() {
            let counted = mount.counters.count_subscription();
            let subscription = Subscription::new(mount.live.clone(), &call, filter, counted);
            return self.begin_subscription(now, key, subscription);
        }
        let reply = match mount.live.answer(&call) {
            Answered::Already(reply) => reply,
            Answered::By(handler) => match mount.rounds.open(now, call.request()) {
                Ok(asking) => {
                    let counted = mount.counters.count_call();
                    self.call = Some(InFlight::start(&*handler, Begin { call, asking }, counted));
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
        self.handle(now, Input::Reply(key, reply));
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
    fn poll_call(&mut self, cx: &mut Context<'_>, now: Now) -> bool {
        let Some(call) = &mut self.call else {
            return false;
        };
        let key = call.key;
        let mut polled = call.poll(cx);
        if let (Poll::Pending, Some(context)) = (&polled, call.asking()) {
            // It cannot go on before the client has answered, and that is another call.
            let rounds = &self.shared.mounts[call.endpoint].rounds;
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
        if let Poll::Ready(reply) = polled {
            self.call = None;
            if self.shutdown.is_some() {
                self.entry.count_finished();
            }
            self.handle(now, Input::Reply(key, reply));
            happened = true;
        }
        happened
    }

    /// Goes on with calls whose clients have gone; their results are nobody's.
    fn poll_handed_over(&mut self, cx: &mut Context<'_>) {
        let entry = &self.entry;
        let is_shutting_down = self.shutdown.is_some();
        self.handed_over.retain_mut(|call| {
            let polled = call.poll(cx);
            while call.take_notification().is_some() {
                cx.waker().wake_by_ref();
            }
            if polled.is_ready() && is_shutting_down {
                entry.count_finished();
            }
            polled.is_pending()
        });
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>, now: Now) -> bool {
        let until = self.entry.poll_shutdown(cx);
        if until.is_none() || until == self.shutdown {
            return false;
        }
        self.shutdown = until;
        if let Some(until) = until {
            self.flush_subscription(now);
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
        let Some(deadline) = deadline else {
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
                let call = self.call.as_ref().filter(|_| lost.stage == Lost::InCall);
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
            happened |= this.poll_call(cx, now);
            happened |= this.poll_subscription(cx, now);
            happened |= this.poll_write(cx, now);
            happened |= this.poll_read(cx, now);
            happened |= this.poll_timer(cx, now);
            if happened {
                continue;
            }
            this.poll_handed_over(cx);
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
