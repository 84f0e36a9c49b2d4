//! The hub of one server, which its connections share, and who is to be woken when there is news.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use mcp_proto::{Change, Hub, HubLimits, Instant, News};

use crate::counters::Counters;
use crate::plain_hash::PlainHash;

/// A hub behind a lock. What is of 2026-07-28 takes it for subscriptions and changes only.
pub(crate) struct SharedHub {
    inner: Mutex<Inner>,
}

struct Inner {
    hub: Hub,
    /// Of those who wait for news. Whoever was woken is kept a place, as they mostly come back.
    wakers: HashMap<News, Option<Waker>, PlainHash>,
    /// Of whoever looks after what is over, and when they will.
    housekeeper: Option<Waker>,
    next_look: Option<Instant>,
    counters: Counters,
}

impl Default for SharedHub {
    fn default() -> Self {
        let (wakers, counters) = (HashMap::default(), Counters::default());
        let hub = Hub::new(HubLimits::default());
        Self {
            inner: Mutex::new(Inner { hub, wakers, housekeeper: None, next_look: None, counters }),
        }
    }
}

impl SharedHub {
    /// Sets the hub, before anybody uses it, and the counters that show what is in it.
    pub(crate) fn start(&self, hub: Hub, counters: Counters) {
        let mut inner = self.inner();
        inner.hub = hub;
        inner.counters = counters;
    }

    /// Forgets all there is, when nobody uses it any more: sessions do not end with their connections.
    pub(crate) fn stop(&self) {
        let fresh = Hub::new(HubLimits::default());
        let old = self.with_inner(|inner| {
            debug_assert!(inner.wakers.is_empty(), "somebody still waits for news");
            std::mem::replace(&mut inner.hub, fresh)
        });
        // Its log is somebody else's, who may call back when it is dropped.
        drop(old);
    }

    /// Tells all who asked for it that something has changed.
    pub(crate) fn publish(&self, change: &Change) {
        self.with(|hub| hub.publish(change));
    }

    /// Lends out the hub, and wakes whom that concerns.
    pub(crate) fn with<R>(&self, with: impl FnOnce(&mut Hub) -> R) -> R {
        self.with_inner(|inner| with(&mut inner.hub))
    }

    /// Like [`SharedHub::with`]; if `with` gives nothing, has the task woken when there is news.
    pub(crate) fn poll<R>(
        &self,
        cx: &Context<'_>,
        news: News,
        with: impl FnOnce(&mut Hub) -> Option<R>,
    ) -> Option<R> {
        self.poll_next(cx, news, |hub| {
            let result = with(hub);
            let is_some = result.is_some();
            (result, is_some)
        })
        .0
    }

    /// Like [`SharedHub::with`]; if `with` says that there is no more, has the task woken when there
    /// is news.
    pub(crate) fn poll_next<R>(
        &self,
        cx: &Context<'_>,
        news: News,
        with: impl FnOnce(&mut Hub) -> (R, bool),
    ) -> (R, bool) {
        let mut replaced = None;
        let result = self.with_inner(|inner| {
            let (result, has_more) = with(&mut inner.hub);
            if !has_more {
                let known = inner.wakers.entry(news).or_default();
                if !known.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
                    // Wakers belong to somebody else, who may call back when they are dropped.
                    replaced = known.replace(cx.waker().clone());
                }
            }
            (result, has_more)
        });
        drop(replaced);
        result
    }

    /// Ends what is over at `now`, and says when to come back, if ever. Has the task woken when that
    /// is to be earlier.
    pub(crate) fn poll_housekeeping(&self, cx: &Context<'_>, now: Instant) -> Option<Instant> {
        let mut replaced = None;
        let next_look = self.with_inner(|inner| {
            inner.hub.handle_timeout(now);
            inner.next_look = inner.hub.poll_timeout();
            replaced = inner.housekeeper.replace(cx.waker().clone());
            inner.next_look
        });
        // As in `poll`: not to be dropped under the lock.
        drop(replaced);
        next_look
    }

    /// Nobody waits for that any more.
    pub(crate) fn forget(&self, news: News) {
        let waker = self.inner().wakers.remove(&news);
        drop(waker);
    }

    fn with_inner<R>(&self, with: impl FnOnce(&mut Inner) -> R) -> R {
        let mut inner = self.inner();
        let result = with(&mut inner);
        let sessions = inner.hub.sessions();
        #[cfg(feature = "metrics")]
        let change = sessions as f64 - inner.counters.open_sessions() as f64;
        #[cfg(feature = "metrics")]
        let counters = (change != 0.0).then(|| inner.counters.clone());
        inner.counters.set_sessions(sessions);
        let mut wakers = Vec::new();
        let is_earlier = |at: Instant| inner.next_look.is_none_or(|look| at < look);
        if inner.hub.poll_timeout().is_some_and(is_earlier) {
            wakers.extend(inner.housekeeper.take());
        }
        while let Some(news) = inner.hub.poll_news() {
            wakers.extend(inner.wakers.get_mut(&news).and_then(Option::take));
        }
        drop(inner);
        #[cfg(feature = "metrics")]
        counters.into_iter().for_each(|counters| counters.follow_sessions(change));
        wakers.into_iter().for_each(Waker::wake);
        result
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // No code that could panic runs under the lock: replay logs are caught.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
