//! What a client of 2026-07-28 listens to.

use std::collections::HashSet;
use std::sync::Arc;
use std::task::Context;

use mcp_proto::{
    Call, CallKey, Change, Hub, News, SubscribeError, SubscriptionFilter, SubscriptionKey,
};

use crate::counters::{Counted, Counters};
use crate::live::Live;

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
        counters: &Counters,
    ) -> Result<Self, SubscribeError> {
        // With those that are hidden: they count like any that are not there. There may be too many.
        let key = live.hub.with(|hub| hub.subscribe(filter))?;
        let hidden = live.hidden_of(filter, call.request());
        // Counted once it is there to hear of changes.
        let counted = counters.count_subscription();
        Ok(Self { live, key, call: call.key(), hidden, _counted: counted })
    }

    /// Takes the next change.
    pub(crate) fn next_change(&self) -> Option<Change> {
        self.live.hub.with(|hub| self.take_next(hub))
    }

    /// Takes the next change, and says whether there are more. If there are not, has the task woken
    /// when there is one.
    pub(crate) fn poll_change(&self, cx: &Context<'_>) -> (Option<Change>, bool) {
        self.live.hub.poll_next(cx, News::Subscription(self.key), |hub| {
            (self.take_next(hub), hub.has_change(self.key))
        })
    }

    fn take_next(&self, hub: &mut Hub) -> Option<Change> {
        let mut changes = std::iter::from_fn(|| hub.next_change(self.key));
        changes.find(|change| match change {
            Change::Resource { uri } => !self.hidden.contains(&**uri),
            _ => true,
        })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.live.hub.with(|hub| hub.unsubscribe(self.key));
        self.live.hub.forget(News::Subscription(self.key));
    }
}
