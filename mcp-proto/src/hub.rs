//! The subscriptions of one server, which several connections share.

use alloc::boxed::Box;
use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::ToString;
use core::fmt;

use crate::error::RpcError;
use crate::subscription::{Change, SubscriptionFilter};

/// Names one subscription of its [`Hub`], never another: a late question finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionKey(u64);

/// How much clients may subscribe to.
///
/// One value serves all subscriptions of a [`Hub`]. Each limit is inclusive: what is exactly at it
/// passes.
#[derive(Clone, Debug)]
pub struct HubLimits {
    /// Subscriptions at the same time, of all clients. Past it: -32603.
    ///
    /// Default 4096: over HTTP/1.1 each holds a connection, and systems allow a process a few
    /// thousand.
    pub subscriptions: usize,
    /// Bytes that the resource URIs of one filter count: those of their text, and 256 more for
    /// each, which is what it takes besides to keep one. Past it: -32602.
    ///
    /// Default 64 KiB: some 200 URIs of usual length.
    pub filter_bytes: usize,
}

/// What a URI in a filter counts besides its text.
const BYTES_PER_URI: usize = 256;

impl Default for HubLimits {
    fn default() -> Self {
        Self { subscriptions: 4096, filter_bytes: 64 * 1024 }
    }
}

/// Why a subscription was not taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeError {
    /// There are as many as [`HubLimits::subscriptions`] allows.
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The URIs of the filter count more bytes than [`HubLimits::filter_bytes`] allows.
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
/// A hub knows no connections: whoever drives it carries what happens between it and sessions. When
/// [`Hub::publish`] was called, ask [`Hub::poll_news`] whom that is for until it returns `None`. A
/// subscription that was named is to be asked for its changes with [`Hub::next_change`], as soon
/// as its client can take them, until that returns `None`; before, it is not named again.
///
/// What is pending for a subscription is a set: a change that is there already is not added. So
/// however slow a client is, its subscription keeps no more than its filter, and still every
/// change that it asked for is followed by a notification.
///
/// ```
/// use mcp_proto::{Change, Hub, HubLimits, SubscriptionFilter};
///
/// let mut hub = Hub::new(HubLimits::default());
/// let filter = SubscriptionFilter { tools_list_changed: true, ..Default::default() };
/// let key = hub.subscribe(&filter)?;
///
/// hub.publish(&Change::Tools);
/// hub.publish(&Change::Prompts);
/// hub.publish(&Change::Tools);
/// assert_eq!(hub.poll_news(), Some(key));
/// assert_eq!(hub.poll_news(), None);
/// assert_eq!(hub.next_change(key), Some(Change::Tools));
/// assert_eq!(hub.next_change(key), None);
/// # Ok::<(), mcp_proto::SubscribeError>(())
/// ```
#[derive(Debug)]
pub struct Hub {
    limits: HubLimits,
    subscriptions: BTreeMap<SubscriptionKey, Subscription>,
    /// Who asked for what, as far as it is not pending for them. So a change passes by those who
    /// have yet to hear of the one before. No set is empty.
    waiting: BTreeMap<Change, BTreeSet<SubscriptionKey>>,
    /// Those that [`Hub::poll_news`] has to name, in this order, under numbers of their own.
    news: BTreeMap<u64, SubscriptionKey>,
    /// The last number given to a subscription or to news. None is given twice.
    last_number: u64,
}

#[derive(Debug)]
struct Subscription {
    asked: Box<[Change]>,
    /// Those of `asked` that are not in `Hub::waiting`, longest pending first.
    pending: VecDeque<Change>,
    /// Where it stands in `Hub::news`, unless it has been named since.
    news: u64,
}

impl Hub {
    /// A hub without subscriptions.
    #[must_use]
    pub const fn new(limits: HubLimits) -> Self {
        Self {
            limits,
            subscriptions: BTreeMap::new(),
            waiting: BTreeMap::new(),
            news: BTreeMap::new(),
            last_number: 0,
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
        let HubLimits { subscriptions, filter_bytes } = self.limits;
        let bytes = filter.resource_subscriptions.iter().map(|uri| uri.len() + BYTES_PER_URI);
        if bytes.sum::<usize>() > filter_bytes {
            return Err(SubscribeError::FilterTooLarge { limit: filter_bytes });
        }
        if self.subscriptions.len() >= subscriptions {
            return Err(SubscribeError::TooMany { limit: subscriptions });
        }
        self.last_number += 1;
        let key = SubscriptionKey(self.last_number);
        let asked: Box<[_]> = filter.changes().collect();
        for change in &asked {
            self.waiting.entry(change.clone()).or_default().insert(key);
        }
        self.subscriptions.insert(key, Subscription { asked, pending: VecDeque::new(), news: 0 });
        Ok(key)
    }

    /// Forgets a subscription and what was pending for it. Does nothing if there is none.
    pub fn unsubscribe(&mut self, key: SubscriptionKey) {
        let Some(subscription) = self.subscriptions.remove(&key) else {
            return;
        };
        for change in subscription.asked {
            if let Entry::Occupied(mut listeners) = self.waiting.entry(change) {
                listeners.get_mut().remove(&key);
                if listeners.get().is_empty() {
                    listeners.remove();
                }
            }
        }
        self.news.remove(&subscription.news);
    }

    /// Makes a change pending for every subscription that asked for it and has it not pending yet.
    ///
    /// Costs nothing for the others. [`Hub::poll_news`] may have something afterwards.
    pub fn publish(&mut self, change: &Change) {
        for key in self.waiting.remove(change).unwrap_or_default() {
            let Some(subscription) = self.subscriptions.get_mut(&key) else {
                debug_assert!(false, "{key:?} awaits a change and is no subscription");
                continue;
            };
            if subscription.pending.is_empty() {
                self.last_number += 1;
                self.news.insert(self.last_number, key);
                subscription.news = self.last_number;
            }
            subscription.pending.push_back(change.clone());
        }
    }

    /// Names a subscription for which something is pending, once until nothing is again.
    ///
    /// In the order in which they came to have something; those to which the same change gave it,
    /// in the order in which they subscribed.
    #[must_use]
    pub fn poll_news(&mut self) -> Option<SubscriptionKey> {
        self.news.pop_first().map(|(_, key)| key)
    }

    /// Takes what is pending longest for a subscription, so that its client can be told.
    ///
    /// `None` if nothing is, or if there is no such subscription.
    #[must_use]
    pub fn next_change(&mut self, key: SubscriptionKey) -> Option<Change> {
        let subscription = self.subscriptions.get_mut(&key)?;
        let change = subscription.pending.pop_front()?;
        self.waiting.entry(change.clone()).or_default().insert(key);
        if subscription.pending.is_empty() {
            self.news.remove(&subscription.news);
        }
        Some(change)
    }

    /// How many subscriptions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.subscriptions.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.subscriptions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use alloc::vec;
    use alloc::vec::Vec;

    fn for_uris(uris: &[&str]) -> SubscriptionFilter {
        SubscriptionFilter {
            resource_subscriptions: uris.iter().map(|&uri| uri.into()).collect(),
            ..SubscriptionFilter::default()
        }
    }

    /// Takes what is pending, all of it.
    fn drain(hub: &mut Hub, key: SubscriptionKey) -> Vec<Change> {
        core::iter::from_fn(|| hub.next_change(key)).collect()
    }

    #[test]
    fn as_many_subscriptions_as_the_limit_and_not_one_more() {
        let mut hub = Hub::new(HubLimits { subscriptions: 2, ..HubLimits::default() });
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
        let mut hub = Hub::new(HubLimits { filter_bytes: limit, ..HubLimits::default() });
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
        let mut hub = Hub::new(HubLimits::default());
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
        let mut hub = Hub::new(HubLimits::default());
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
    fn nothing_is_left_of_a_subscription() {
        let mut hub = Hub::new(HubLimits::default());
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
        let mut hub = Hub::new(HubLimits::default());
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
            let subscription = &hub.subscriptions[key];
            assert!(subscription.pending.capacity() <= 2 * subscription.asked.len());
            // They have all that they asked for, in the order of the first fifty-one rounds.
            let asked = changes.iter().filter(|change| subscription.asked.contains(change));
            assert!(subscription.pending.iter().eq(asked));
        }
        // A change passes by those for whom it is pending.
        assert_eq!(hub.waiting.values().map(BTreeSet::len).sum::<usize>(), 500 * 3);
    }
}
