//! The subscriptions of one server, which several connections share.

use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU64;

use slab::Slab;

use super::limits::{BYTES_PER_URI, HubLimits};
use crate::error::RpcError;
use crate::subscription::{Change, SubscriptionFilter};

/// Names one subscription of its [`Hub`](crate::Hub), never another: a late question finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionKey(
    /// A number that no other gets, and below it the place where it is, or was.
    u64,
);

impl SubscriptionKey {
    /// Nothing if one of the two is too large. Numbers would last for fifty years of ten thousand
    /// subscriptions a second.
    fn new(number: u64, place: usize) -> Option<Self> {
        let place = u64::try_from(place).ok().filter(|place| *place < PLACES as u64)?;
        Some(Self(number.checked_mul(PLACES as u64)? | place))
    }

    const fn place(self) -> usize {
        self.0 as usize % PLACES
    }
}

/// As many subscriptions there can be at once.
pub(super) const PLACES: usize = 1 << 20;

/// Why a subscription was not taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeError {
    /// There are as many as [`HubLimits::subscriptions`](crate::HubLimits::subscriptions) allows.
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The URIs of the filter count more bytes than
    /// [`HubLimits::filter_bytes`](crate::HubLimits::filter_bytes) allows.
    FilterTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { limit } => write!(
                f,
                "all {limit} subscriptions of this server are taken: try again when others have \
                 ended"
            ),
            Self::FilterTooLarge { limit } => write!(
                f,
                "the filter is too large: subscribe to resources whose URIs have at most {limit} \
                 bytes in all, and count {BYTES_PER_URI} more for each"
            ),
        }
    }
}

impl core::error::Error for SubscribeError {}

impl From<SubscribeError> for RpcError {
    fn from(error: SubscribeError) -> Self {
        match error {
            SubscribeError::TooMany { .. } => Self::internal(error.to_string()),
            SubscribeError::FilterTooLarge { .. } => {
                Self::invalid_params(format!("invalid params: {error}"))
            }
        }
    }
}

/// The subscriptions of one server, and what each of them has yet to hear.
///
/// What is pending for a subscription is a set: a change that is there already is not added. So
/// however slow a client is, its subscription keeps no more than its filter, and still every
/// change that it asked for is followed by a notification.
#[derive(Debug)]
pub(super) struct Subscriptions {
    limits: HubLimits,
    subscriptions: Slab<Subscription>,
    /// Who asked for what, as far as it is not pending for them. So a change passes by those who
    /// have yet to hear of the one before. No set is empty.
    waiting: BTreeMap<Change, BTreeSet<SubscriptionKey>>,
    /// Those that [`Self::poll_news`] has to name, in this order, under numbers of their own; and up to
    /// as many others, which have forgotten the number.
    news: VecDeque<(NonZeroU64, SubscriptionKey)>,
    /// How many others.
    old_news: usize,
    /// The last number given to a subscription or to news. None is given twice.
    last_number: u64,
}

#[derive(Debug)]
struct Subscription {
    key: SubscriptionKey,
    /// Sorted.
    asked: Vec<Change>,
    /// What that counts.
    bytes: usize,
    /// Those of `asked` that are not in `Self::waiting`, longest pending first.
    pending: VecDeque<Change>,
    /// Under which number it stands in `Self::news`, if it does.
    news: Option<NonZeroU64>,
}

impl Subscriptions {
    pub(super) const fn new(limits: HubLimits) -> Self {
        Self {
            limits,
            subscriptions: Slab::new(),
            waiting: BTreeMap::new(),
            news: VecDeque::new(),
            old_news: 0,
            last_number: 0,
        }
    }

    /// Takes in a subscription, which hears of all that is published from now on and that its
    /// filter includes.
    ///
    /// # Errors
    ///
    /// If a limit would be exceeded.
    pub(super) fn subscribe(
        &mut self,
        filter: &SubscriptionFilter,
    ) -> Result<SubscriptionKey, SubscribeError> {
        // Before anything is allocated for it.
        let uris = filter.resource_subscriptions.iter();
        let bytes = uris.map(|uri| uri.len() + BYTES_PER_URI).sum();
        self.check_size(bytes)?;
        if self.subscriptions.len() >= self.limits.subscriptions {
            return Err(SubscribeError::TooMany { limit: self.limits.subscriptions });
        }
        self.last_number += 1;
        let place = self.subscriptions.vacant_entry();
        let key = SubscriptionKey::new(self.last_number, place.key())
            .ok_or(SubscribeError::TooMany { limit: PLACES })?;
        let mut asked: Vec<_> = filter.changes().collect();
        asked.sort_unstable();
        for change in &asked {
            self.waiting.entry(change.clone()).or_default().insert(key);
        }
        place.insert(Subscription { key, asked, bytes, pending: VecDeque::new(), news: None });
        Ok(key)
    }

    fn get(&self, key: SubscriptionKey) -> Option<&Subscription> {
        self.subscriptions.get(key.place()).filter(|it| it.key == key)
    }

    fn get_mut(&mut self, key: SubscriptionKey) -> Option<&mut Subscription> {
        self.subscriptions.get_mut(key.place()).filter(|it| it.key == key)
    }

    /// Adds to what a subscription asks for, if that is not there yet.
    pub(super) fn add(
        &mut self,
        key: SubscriptionKey,
        change: &Change,
    ) -> Result<(), SubscribeError> {
        let Some(subscription) = self.get(key) else {
            return Ok(());
        };
        let Err(at) = subscription.asked.binary_search(change) else {
            return Ok(());
        };
        self.check_size(subscription.bytes + bytes_of(change))?;
        if let Some(subscription) = self.get_mut(key) {
            subscription.asked.insert(at, change.clone());
            subscription.bytes += bytes_of(change);
            self.waiting.entry(change.clone()).or_default().insert(key);
        }
        Ok(())
    }

    /// Takes away from what a subscription asks for, and from what is pending for it.
    pub(super) fn remove(&mut self, key: SubscriptionKey, change: &Change) {
        let Some(subscription) = self.get_mut(key) else {
            return;
        };
        if let Ok(at) = subscription.asked.binary_search(change) {
            subscription.asked.remove(at);
            subscription.bytes -= bytes_of(change);
        }
        subscription.pending.retain(|pending| pending != change);
        if subscription.pending.is_empty() {
            self.forget_news(key);
        }
        self.stop_waiting(key, change.clone());
    }

    const fn check_size(&self, bytes: usize) -> Result<(), SubscribeError> {
        let limit = self.limits.filter_bytes;
        if bytes > limit { Err(SubscribeError::FilterTooLarge { limit }) } else { Ok(()) }
    }

    /// Has nobody told of what is no news any more.
    fn forget_news(&mut self, key: SubscriptionKey) {
        if self.get_mut(key).and_then(|subscription| subscription.news.take()).is_none() {
            return;
        }
        self.old_news += 1;
        if self.old_news > self.news.len() / 2 {
            // Each that is moved has had one forgotten since it was moved last.
            self.old_news = 0;
            let subscriptions = &self.subscriptions;
            self.news.retain(|(number, key)| {
                let subscription = subscriptions.get(key.place());
                subscription.is_some_and(|subscription| subscription.news == Some(*number))
            });
        }
    }

    fn stop_waiting(&mut self, key: SubscriptionKey, change: Change) {
        if let Entry::Occupied(mut listeners) = self.waiting.entry(change) {
            listeners.get_mut().remove(&key);
            if listeners.get().is_empty() {
                listeners.remove();
            }
        }
    }

    /// Forgets a subscription and what was pending for it. Does nothing if there is none.
    pub(super) fn unsubscribe(&mut self, key: SubscriptionKey) {
        self.forget_news(key);
        if self.get(key).is_none() {
            return;
        }
        for change in self.subscriptions.remove(key.place()).asked {
            self.stop_waiting(key, change);
        }
    }

    /// Makes a change pending for every subscription that asked for it and has it not pending yet.
    ///
    /// Costs nothing for the others. [`Self::poll_news`] may have something afterwards.
    pub(super) fn publish(&mut self, change: &Change) {
        for key in self.waiting.remove(change).unwrap_or_default() {
            self.last_number += 1;
            let number = NonZeroU64::new(self.last_number);
            let Some(subscription) = self.get_mut(key) else {
                debug_assert!(false, "{key:?} awaits a change and is no subscription");
                continue;
            };
            let is_news = subscription.pending.is_empty();
            subscription.pending.push_back(change.clone());
            if let Some(number) = number.filter(|_| is_news) {
                subscription.news = Some(number);
                self.news.push_back((number, key));
            }
        }
    }

    /// Names a subscription for which something is pending, once until nothing is again.
    ///
    /// In the order in which they came to have something; those to which the same change gave it,
    /// in the order in which they subscribed.
    #[must_use]
    pub(super) fn poll_news(&mut self) -> Option<SubscriptionKey> {
        while let Some((number, key)) = self.news.pop_front() {
            let news = self.get_mut(key).map(|subscription| &mut subscription.news);
            match news {
                Some(news) if *news == Some(number) => {
                    *news = None;
                    return Some(key);
                }
                _ => self.old_news -= 1,
            }
        }
        None
    }

    /// Takes what is pending longest for a subscription, so that its client can be told.
    ///
    /// `None` if nothing is, or if there is no such subscription.
    #[must_use]
    pub(super) fn next_change(&mut self, key: SubscriptionKey) -> Option<Change> {
        let subscription = self.get_mut(key)?;
        let change = subscription.pending.pop_front()?;
        if subscription.pending.is_empty() {
            self.forget_news(key);
        }
        self.waiting.entry(change.clone()).or_default().insert(key);
        Some(change)
    }

    /// Whether anything is pending for a subscription.
    #[must_use]
    pub(super) fn has_change(&self, key: SubscriptionKey) -> bool {
        self.get(key).is_some_and(|subscription| !subscription.pending.is_empty())
    }

    /// How many subscriptions there are.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.subscriptions.len()
    }

    /// Whether there are none.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.subscriptions.is_empty()
    }
}

/// What a change counts in a filter.
fn bytes_of(change: &Change) -> usize {
    match change {
        Change::Resource { uri } => uri.len() + BYTES_PER_URI,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use alloc::vec;

    fn for_uris(uris: &[&str]) -> SubscriptionFilter {
        SubscriptionFilter {
            resource_subscriptions: uris.iter().map(|&uri| uri.into()).collect(),
            ..SubscriptionFilter::default()
        }
    }

    /// Takes what is pending, all of it.
    fn drain(hub: &mut Subscriptions, key: SubscriptionKey) -> Vec<Change> {
        core::iter::from_fn(|| hub.next_change(key)).collect()
    }

    #[test]
    fn as_many_subscriptions_as_the_limit_and_not_one_more() {
        let mut hub = Subscriptions::new(HubLimits { subscriptions: 2, ..HubLimits::default() });
        let filter = SubscriptionFilter::default();
        let first = hub.subscribe(&filter).unwrap();
        assert!(!hub.is_empty());
        hub.subscribe(&filter).unwrap();
        let error = hub.subscribe(&filter).unwrap_err();
        assert_eq!(error, SubscribeError::TooMany { limit: 2 });
        assert!(error.to_string().contains("all 2 subscriptions"), "{error}");
        assert_eq!(RpcError::from(error).code, ErrorCode::INTERNAL_ERROR);
        assert_eq!(hub.len(), 2);
        hub.unsubscribe(first);
        hub.subscribe(&filter).unwrap();
    }

    #[test]
    fn as_many_bytes_of_uris_as_the_limit_and_not_one_more() {
        let limit = 5 + 2 * BYTES_PER_URI;
        let mut hub = Subscriptions::new(HubLimits { filter_bytes: limit, ..HubLimits::default() });
        hub.subscribe(&for_uris(&["ab", "cde"])).unwrap();
        let error = hub.subscribe(&for_uris(&["abcd", "\u{e9}"])).unwrap_err();
        assert_eq!(error, SubscribeError::FilterTooLarge { limit });
        assert!(error.to_string().contains("at most 517 bytes in all"), "{error}");
        // Each costs something, be it ever so short.
        hub.subscribe(&for_uris(&["", "a"])).unwrap();
        assert!(hub.subscribe(&for_uris(&["", "a", "b"])).is_err());
        assert_eq!(RpcError::from(error).code, ErrorCode::INVALID_PARAMS);
        assert_eq!(hub.len(), 2);
    }

    #[test]
    fn what_is_pending_is_taken_in_the_order_in_which_it_came() {
        let mut hub = Subscriptions::new(HubLimits::default());
        let filter =
            SubscriptionFilter { tools_list_changed: true, ..for_uris(&["a", "b", "a", "c"]) };
        let key = hub.subscribe(&filter).unwrap();
        for change in [
            Change::resource("b"),
            Change::Tools,
            Change::Prompts,
            Change::resource("b"),
            Change::resource("d"),
            Change::resource("a"),
        ] {
            hub.publish(&change);
        }
        assert_eq!(hub.next_change(key), Some(Change::resource("b")));
        // It has changed once more since, and is behind the others now.
        hub.publish(&Change::resource("b"));
        assert_eq!(
            drain(&mut hub, key),
            [Change::Tools, Change::resource("a"), Change::resource("b")]
        );
    }

    #[test]
    fn news_are_told_once_until_there_are_none() {
        let mut hub = Subscriptions::new(HubLimits::default());
        let filter = SubscriptionFilter { tools_list_changed: true, ..for_uris(&["a"]) };
        let first = hub.subscribe(&filter).unwrap();
        let second = hub.subscribe(&for_uris(&["a"])).unwrap();
        assert_eq!(hub.poll_news(), None);

        hub.publish(&Change::resource("a"));
        assert_eq!(hub.poll_news(), Some(first));
        hub.publish(&Change::Tools);
        assert_eq!(hub.poll_news(), Some(second));
        assert_eq!(hub.poll_news(), None);
        assert_eq!(hub.next_change(first), Some(Change::resource("a")));
        hub.publish(&Change::resource("a"));
        assert_eq!(hub.poll_news(), None, "it still had something");

        drain(&mut hub, first);
        drain(&mut hub, second);
        hub.publish(&Change::resource("a"));
        // What it comes to have after that is other news, and later.
        drain(&mut hub, first);
        hub.publish(&Change::Tools);
        assert_eq!(hub.poll_news(), Some(second));
        assert_eq!(hub.poll_news(), Some(first));

        drain(&mut hub, first);
        hub.publish(&Change::Tools);
        drain(&mut hub, first);
        assert_eq!(hub.poll_news(), None, "they have been taken already");
    }

    #[test]
    fn keys_are_in_the_order_of_their_numbers_and_know_their_places() {
        let key = |number, place| SubscriptionKey::new(number, place);
        assert!(key(1, PLACES - 1) < key(2, 0));
        for place in [0, 1, PLACES - 1] {
            assert_eq!(key(7, place).unwrap().place(), place);
        }
        assert_eq!(key(7, PLACES), None);
        assert!(key(u64::MAX / PLACES as u64, PLACES - 1).is_some());
        assert_eq!(key(u64::MAX / PLACES as u64 + 1, 0), None);
    }

    #[test]
    fn old_news_take_no_more_room_than_news() {
        let mut hub = Subscriptions::new(HubLimits::default());
        let keys: Vec<_> = (0..100).map(|_| hub.subscribe(&for_uris(&["a"])).unwrap()).collect();
        for _ in 0..10 {
            hub.publish(&Change::resource("a"));
            for key in &keys[..60] {
                assert_eq!(drain(&mut hub, *key).len(), 1);
                assert!(hub.news.len() <= 2 * (hub.news.len() - hub.old_news) + 1, "{hub:?}");
            }
        }
        // Those that never took anything are named in the order in which they came to have it.
        let named: Vec<_> = core::iter::from_fn(|| hub.poll_news()).collect();
        assert_eq!(named, keys[60..]);
        assert_eq!((hub.old_news, hub.poll_news()), (0, None));
    }

    #[test]
    fn nothing_is_left_of_a_subscription() {
        let mut hub = Subscriptions::new(HubLimits::default());
        let filter = SubscriptionFilter { tools_list_changed: true, ..for_uris(&["a", "b", "a"]) };
        let keys: Vec<_> = (0..3).map(|_| hub.subscribe(&filter).unwrap()).collect();
        hub.publish(&Change::Tools);
        hub.publish(&Change::resource("a"));
        drain(&mut hub, keys[1]);
        assert_eq!(hub.poll_news(), Some(keys[0]));
        for key in &keys {
            hub.unsubscribe(*key);
            hub.unsubscribe(*key);
            hub.publish(&Change::resource("b"));
            assert_eq!(hub.next_change(*key), None);
        }
        assert!(hub.is_empty());
        assert!(hub.waiting.is_empty(), "{hub:?}");
        assert!(hub.news.is_empty(), "{hub:?}");
        assert_eq!(hub.poll_news(), None);
        assert!(!keys.contains(&hub.subscribe(&filter).unwrap()));
    }

    #[test]
    fn a_crowd_of_which_half_never_listens() {
        let uris: Vec<_> = (0..50).map(|n| format!("file:///{n}")).collect();
        let changes: Vec<_> = core::iter::once(Change::Tools)
            .chain(uris.iter().map(|uri| Change::resource(&**uri)))
            .collect();
        let mut hub = Subscriptions::new(HubLimits::default());
        // Each asks for the tools and two of the resources, and every other one listens.
        let filters: Vec<_> = (0..1000)
            .map(|n| SubscriptionFilter {
                tools_list_changed: true,
                resource_subscriptions: vec![uris[n % 50].clone(), uris[(n + 1) % 50].clone()],
                ..SubscriptionFilter::default()
            })
            .collect();
        let keys: Vec<_> = filters.iter().map(|filter| hub.subscribe(filter).unwrap()).collect();
        let listens: BTreeMap<_, _> =
            keys.into_iter().zip([true, false].into_iter().cycle()).collect();

        let mut neglected = BTreeSet::new();
        for round in 0..10_000 {
            let change = &changes[round % changes.len()];
            hub.publish(change);
            let mut told = 0;
            while let Some(key) = hub.poll_news() {
                if listens[&key] {
                    assert!(drain(&mut hub, key).iter().eq([change]));
                    told += 1;
                } else {
                    assert!(neglected.insert(key), "named again with nothing taken");
                }
            }
            assert_eq!(told, if *change == Change::Tools { 500 } else { 20 }, "of {change:?}");
        }

        assert_eq!(neglected.len(), 500);
        for key in &neglected {
            let subscription = hub.get(*key).unwrap();
            assert!(subscription.pending.capacity() <= 2 * subscription.asked.len());
            // They have all that they asked for, in the order of the first fifty-one rounds.
            let asked = changes.iter().filter(|change| subscription.asked.contains(change));
            assert!(subscription.pending.iter().eq(asked));
        }
        // A change passes by those for whom it is pending.
        assert_eq!(hub.waiting.values().map(BTreeSet::len).sum::<usize>(), 500 * 3);
    }
}
