//! The subscriptions of one server: its hub, and who is to be woken when there is news.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use mcp_proto::{
    Call, CallKey, Change, Hub, HubLimits, SubscribeError, SubscriptionFilter, SubscriptionKey,
};

use crate::counters::Counted;
use crate::live::Live;

/// A hub that the connections of a server share. Only subscriptions and changes take its lock.
#[derive(Default)]
pub(crate) struct Subscriptions {
    inner: Mutex<Inner>,
}

struct Inner {
    hub: Hub,
    /// Of those subscriptions that wait for news.
    wakers: HashMap<SubscriptionKey, Waker>,
}

impl Default for Inner {
    fn default() -> Self {
        Self { hub: Hub::new(HubLimits::default()), wakers: HashMap::new() }
    }
}

impl Subscriptions {
    /// Sets the limits, before there is a subscription.
    pub(crate) fn start(&self, limits: HubLimits) {
        self.inner().hub = Hub::new(limits);
    }

    /// Tells all who asked for it that something has changed.
    pub(crate) fn publish(&self, change: &Change) {
        let mut inner = self.inner();
        inner.hub.publish(change);
        let mut wakers = Vec::new();
        while let Some(key) = inner.hub.poll_news() {
            wakers.extend(inner.wakers.remove(&key));
        }
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // No code that could panic runs under the lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One subscription, which ends when this is dropped.
pub(crate) struct Subscription {
    live: Arc<Live>,
    key: SubscriptionKey,
    pub(crate) call: CallKey,
    /// Resources that its client asked for and was not to see when it did.
    hidden: HashSet<String>,
    _counted: Counted,
}

impl Subscription {
    pub(crate) fn new(
        live: Arc<Live>,
        call: &Call,
        filter: &SubscriptionFilter,
        counted: Counted,
    ) -> Result<Self, SubscribeError> {
        let hidden = live.hidden_of(filter, call.request());
        // With those that are hidden: they count like any that are not there.
        let key = live.subscriptions.inner().hub.subscribe(filter)?;
        Ok(Self { live, key, call: call.key(), hidden, _counted: counted })
    }

    /// Takes the next change.
    pub(crate) fn next_change(&self) -> Option<Change> {
        self.take_next(&mut self.live.subscriptions.inner())
    }

    /// Takes the next change or, if there is none, has the task woken when there is one.
    pub(crate) fn poll_change(&self, cx: &Context<'_>) -> Option<Change> {
        let mut inner = self.live.subscriptions.inner();
        let change = self.take_next(&mut inner);
        let replaced = match &change {
            Some(_) => None,
            None => inner.wakers.insert(self.key, cx.waker().clone()),
        };
        // Wakers belong to somebody else, who may call back when they are dropped.
        drop(inner);
        drop(replaced);
        change
    }

    fn take_next(&self, inner: &mut Inner) -> Option<Change> {
        let mut changes = std::iter::from_fn(|| inner.hub.next_change(self.key));
        changes.find(|change| match change {
            Change::Resource { uri } => !self.hidden.contains(&**uri),
            _ => true,
        })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut inner = self.live.subscriptions.inner();
        inner.hub.unsubscribe(self.key);
        let waker = inner.wakers.remove(&self.key);
        drop(inner);
        drop(waker);
    }
}
