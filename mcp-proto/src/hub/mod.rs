//! What several connections share: subscriptions, and the sessions of the 2025 revisions.
//!
//! This file holds the contract. `subscriptions` is who waits for which change; `session` what a
//! session consists of, `admit` how calls get into it, `calls` what becomes of them, `streams` how
//! messages get to those who read them, `replay` what is kept for those who come back.

mod admit;
mod calls;
mod limits;
mod names;
mod replay;
mod session;
mod streams;
mod subscriptions;
#[cfg(test)]
mod tests;

pub use admit::{Admission, Caller};
pub use calls::{AskRefused, QuestionFailure, ServerRequest};
pub use limits::{HubDeadlines, HubLimits};
pub(crate) use names::EventId;
pub use names::{QuestionKey, ReaderKey, SessionCallKey, SessionId, StreamKey};
pub use replay::{MemoryLog, ReplayLog};
pub(crate) use session::SessionClient;
pub use streams::{FromStream, StreamEvent, StreamStart};
pub use subscriptions::{SubscribeError, SubscriptionKey};

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use core::fmt;

use session::{Session, SessionCall};
use subscriptions::{PLACES, Subscriptions};

use crate::subscription::{Change, SubscriptionFilter};
use crate::time::Instant;

/// What the connections of one server share: the subscriptions of 2026-07-28, and the sessions of
/// the 2025 revisions with their streams.
///
/// A hub knows no connections: whoever drives it carries what happens between it and
/// [`Session`](crate::Session)s. It does no I/O, has no clock, and locks nothing.
///
/// # Subscriptions
///
/// When [`Hub::publish`] was called, ask [`Hub::poll_news`] whom that is for until it returns
/// `None`. A subscription that was named is to be asked for its changes with [`Hub::next_change`],
/// as soon as its client can take them, until that returns `None`; before, it is not named again.
///
/// What is pending for a subscription is a set: a change that is there already is not added. So
/// however slow a client is, its subscription keeps no more than its filter, and still every
/// change that it asked for is followed by a notification.
///
/// ```
/// use mcp_proto::{Change, Hub, HubLimits, News, SubscriptionFilter};
///
/// let mut hub = Hub::new(HubLimits::default());
/// let filter = SubscriptionFilter { tools_list_changed: true, ..Default::default() };
/// let key = hub.subscribe(&filter)?;
///
/// hub.publish(&Change::Tools);
/// hub.publish(&Change::Prompts);
/// hub.publish(&Change::Tools);
/// assert_eq!(hub.poll_news(), Some(News::Subscription(key)));
/// assert_eq!(hub.poll_news(), None);
/// assert_eq!(hub.next_change(key), Some(Change::Tools));
/// assert_eq!(hub.next_change(key), None);
/// # Ok::<(), mcp_proto::SubscribeError>(())
/// ```
///
/// # Sessions
///
/// Each call that [`is_of_session`](crate::Request::is_of_session) is brought to [`Hub::admit`],
/// which says what is to be done with it. What becomes of a call goes to the hub, too:
/// [`Hub::notify`], [`Hub::ask`], and in the end [`Hub::reply`]. The hub turns it into events of a
/// stream, which whoever reads the stream takes with [`Hub::next_event`]: the connection that the
/// call came by, or the one by which its client has come back. A reply that needs no stream comes
/// back from [`Hub::reply`], for the session that made the call.
///
/// [`Hub::poll_news`] names the readers and calls for which there is something.
pub struct Hub {
    limits: HubLimits,
    deadlines: HubDeadlines,
    /// Those of 2026-07-28.
    subscriptions: Subscriptions,
    /// Those of sessions. Each has one.
    session_subscriptions: Subscriptions,
    sessions: BTreeMap<SessionId, Session>,
    by_subscription: BTreeMap<SubscriptionKey, SessionId>,
    /// The sessions in which nothing happens, and since when.
    idle: BTreeSet<(Instant, SessionId)>,
    /// The streams that have come to their end, and when their readers left.
    left: BTreeSet<(Instant, SessionId, u32)>,
    calls: BTreeMap<SessionCallKey, SessionCall>,
    readers: BTreeMap<ReaderKey, (SessionId, u32)>,
    log: Box<dyn ReplayLog>,
    news: BTreeSet<News>,
    /// The last key given to a call, a reader or a session. None is given twice.
    last_key: u64,
}

/// For whom there is something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a driver must be able to wake them all")]
pub enum News {
    /// See [`Hub::next_change`].
    Subscription(SubscriptionKey),
    /// See [`Hub::next_event`].
    Reader(ReaderKey),
    /// See [`Hub::is_open`], [`Hub::take_answer`] and [`Hub::can_notify`].
    Call(SessionCallKey),
}

impl Hub {
    /// A hub without subscriptions and sessions, and with a [`MemoryLog`].
    #[must_use]
    pub fn new(limits: HubLimits) -> Self {
        let deadlines = HubDeadlines::default();
        let log = MemoryLog::new(&limits, deadlines.replay);
        Self::with(limits, deadlines, Box::new(log))
    }

    /// A hub without subscriptions and sessions.
    #[must_use]
    pub fn with(limits: HubLimits, deadlines: HubDeadlines, log: Box<dyn ReplayLog>) -> Self {
        let limits = HubLimits {
            subscriptions: limits.subscriptions.min(PLACES),
            // Each has a subscription.
            sessions: limits.sessions.min(PLACES),
            ..limits
        };
        // Sessions are limited themselves.
        let of_sessions = HubLimits { subscriptions: usize::MAX, ..limits.clone() };
        Self {
            subscriptions: Subscriptions::new(limits.clone()),
            session_subscriptions: Subscriptions::new(of_sessions),
            limits,
            deadlines,
            sessions: BTreeMap::new(),
            by_subscription: BTreeMap::new(),
            idle: BTreeSet::new(),
            left: BTreeSet::new(),
            calls: BTreeMap::new(),
            readers: BTreeMap::new(),
            log,
            news: BTreeSet::new(),
            last_key: 0,
        }
    }

    /// Takes in a subscription, which hears of all that is published from now on and that its
    /// filter includes.
    ///
    /// # Errors
    ///
    /// If a limit would be exceeded.
    pub fn subscribe(
        &mut self,
        filter: &SubscriptionFilter,
    ) -> Result<SubscriptionKey, SubscribeError> {
        self.subscriptions.subscribe(filter)
    }

    /// Forgets a subscription and what was pending for it. Does nothing if there is none.
    pub fn unsubscribe(&mut self, key: SubscriptionKey) {
        self.subscriptions.unsubscribe(key);
    }

    /// Makes a change pending for every subscription and session that asked for it and has it not
    /// pending yet.
    ///
    /// Costs nothing for the others. [`Hub::poll_news`] may have something afterwards.
    pub fn publish(&mut self, change: &Change) {
        self.subscriptions.publish(change);
        self.session_subscriptions.publish(change);
    }

    /// Takes what is pending longest for a subscription, so that its client can be told.
    ///
    /// `None` if nothing is, or if there is no such subscription.
    #[must_use]
    pub fn next_change(&mut self, key: SubscriptionKey) -> Option<Change> {
        self.subscriptions.next_change(key)
    }

    /// Whether anything is pending for a subscription. False if there is no such subscription.
    #[must_use]
    pub fn has_change(&self, key: SubscriptionKey) -> bool {
        self.subscriptions.has_change(key)
    }

    /// Names one for whom there is something, once until that was taken.
    ///
    /// Subscriptions come in the order in which they came to have something; those to which the
    /// same change gave it, in the order in which they subscribed.
    #[must_use]
    pub fn poll_news(&mut self) -> Option<News> {
        if let Some(key) = self.subscriptions.poll_news() {
            return Some(News::Subscription(key));
        }
        while let Some(key) = self.session_subscriptions.poll_news() {
            // Whichever of them can take it first will.
            let session = self.by_subscription.get(&key).and_then(|id| self.sessions.get(id));
            let readers = session.into_iter().flat_map(Session::open_readers);
            self.news.extend(readers.map(News::Reader));
        }
        self.news.pop_first()
    }

    /// How many subscriptions there are, not counting those of sessions.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.subscriptions.len()
    }

    /// How many sessions there are.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Whether nothing is kept for anybody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.subscriptions.is_empty()
            && self.session_subscriptions.is_empty()
            && self.sessions.is_empty()
            && self.by_subscription.is_empty()
            && self.idle.is_empty()
            && self.left.is_empty()
            && self.calls.is_empty()
            && self.readers.is_empty()
    }

    /// When [`Hub::handle_timeout`] is due, if ever.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let idle = self.idle.first().map(|(since, _)| *since + self.deadlines.session_idle);
        let left = self.left.first().map(|(since, ..)| *since + self.deadlines.replay);
        idle.into_iter().chain(left).min()
    }

    /// Ends sessions that have been idle for too long, and forgets what nobody has come back for.
    /// Harmless at any time; [`Hub::admit`] does it, too.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(since, id)) = self.idle.first()
            && since + self.deadlines.session_idle <= now
        {
            self.end_session(id);
        }
        while let Some(&(since, id, stream)) = self.left.first()
            && since + self.deadlines.replay <= now
        {
            self.left.pop_first();
            self.forget_stream(id, stream);
        }
        self.log.expire(now);
    }

    const fn next_key(&mut self) -> u64 {
        self.last_key += 1;
        self.last_key
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("subscriptions", &self.subscriptions.len())
            .field("sessions", &self.sessions.len())
            .field("calls", &self.calls.len())
            .field("readers", &self.readers.len())
            .finish_non_exhaustive()
    }
}
