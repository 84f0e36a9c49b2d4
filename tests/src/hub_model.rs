//! A hub as simple as it can be, to compare the real one with.
//!
//! It keeps every change for everybody who asked for it, however often it came, and what a
//! listener takes is taken off that list: all that came before is told of by one notification.

use mcp_proto::{
    Change, Hub, HubLimits, News, SubscribeError, SubscriptionFilter, SubscriptionKey,
};

/// What a URI counts besides its text.
const BYTES_PER_URI: usize = 256;

/// Few enough that both limits are met often.
const SUBSCRIPTIONS: usize = 5;
const FILTER_BYTES: usize = 17 + 2 * BYTES_PER_URI;

/// Two of them are within the limit, the third and the last exactly at it, the two longest and any
/// three beyond it.
const URIS: [&str; 5] = ["", "a", "a:", "a:/bc", "a:/bcdefghijklm"];

/// Something that happens to a hub. Numbers beyond what there is start again at the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Somebody subscribes to the three lists and to five URIs, each for a bit that is set.
    Subscribe(u8),
    /// A subscription ends. It is the nth that ever was, and may have ended before.
    Unsubscribe(u8),
    /// The nth of what one can subscribe to has changed, or what nobody can.
    Publish(u8),
    /// The driver asks for news.
    PollNews,
    /// The driver takes a change for the nth subscription that ever was.
    NextChange(u8),
}

/// Checks that a hub does what the model does, until everybody has heard of everything and left.
pub fn check(operations: &[Operation]) {
    let limits = HubLimits {
        subscriptions: SUBSCRIPTIONS,
        filter_bytes: FILTER_BYTES,
        ..HubLimits::default()
    };
    let mut run = Run { hub: Hub::new(limits), listeners: Vec::new(), news: Vec::new() };
    for &operation in operations {
        run.take(operation);
    }
    while !run.news.is_empty() {
        run.poll_news();
    }
    run.poll_news();
    for nth in 0..run.listeners.len() {
        let pending = std::iter::from_fn(|| run.next_change(nth)).count();
        let filter = &run.listeners[nth].filter;
        assert!(pending <= 3 + filter.resource_subscriptions.len(), "{pending} for {filter:?}");
    }
    for nth in 0..run.listeners.len() {
        run.unsubscribe(nth);
    }
    assert!(run.hub.is_empty());
    for change in (0..=u8::MAX).map(change) {
        run.publish(&change);
    }
    run.poll_news();
}

/// A hub and what is expected of it.
struct Run {
    hub: Hub,
    /// All that ever were, in the order in which they subscribed.
    listeners: Vec<Listener>,
    /// Positions of those that have come to have something, and were not named since.
    news: Vec<usize>,
}

struct Listener {
    key: SubscriptionKey,
    filter: SubscriptionFilter,
    is_live: bool,
    /// All that it asked for and has not been told of since, in the order in which it came.
    untold: Vec<Change>,
}

impl Run {
    fn take(&mut self, operation: Operation) {
        let count = self.listeners.len();
        let nth = |number: u8| usize::from(number).checked_rem(count);
        match operation {
            Operation::Subscribe(bits) => self.subscribe(bits),
            Operation::Unsubscribe(number) => {
                if let Some(nth) = nth(number) {
                    self.unsubscribe(nth);
                }
            }
            Operation::Publish(number) => self.publish(&change(number)),
            Operation::PollNews => self.poll_news(),
            Operation::NextChange(number) => {
                if let Some(nth) = nth(number) {
                    self.next_change(nth);
                }
            }
        }
        let live = self.listeners.iter().filter(|listener| listener.is_live).count();
        assert_eq!(self.hub.subscriptions(), live);
        assert_eq!(self.hub.is_empty(), live == 0);
    }

    fn subscribe(&mut self, bits: u8) {
        let filter = filter(bits);
        let uris = &filter.resource_subscriptions;
        let bytes = uris.concat().len() + uris.len() * BYTES_PER_URI;
        let expected = if bytes > FILTER_BYTES {
            Err(SubscribeError::FilterTooLarge { limit: FILTER_BYTES })
        } else if self.hub.subscriptions() == SUBSCRIPTIONS {
            Err(SubscribeError::TooMany { limit: SUBSCRIPTIONS })
        } else {
            Ok(())
        };
        let result = self.hub.subscribe(&filter);
        assert_eq!(result.clone().map(drop), expected);
        if let Ok(key) = result {
            assert!(self.listeners.iter().all(|other| other.key != key), "{key:?} is not new");
            self.listeners.push(Listener { key, filter, is_live: true, untold: Vec::new() });
        }
    }

    fn unsubscribe(&mut self, nth: usize) {
        let listener = &mut self.listeners[nth];
        self.hub.unsubscribe(listener.key);
        listener.is_live = false;
        listener.untold.clear();
        self.news.retain(|&other| other != nth);
    }

    fn publish(&mut self, change: &Change) {
        self.hub.publish(change);
        for (nth, listener) in self.listeners.iter_mut().enumerate() {
            if listener.is_live && listener.filter.includes(change) {
                if listener.untold.is_empty() {
                    self.news.push(nth);
                }
                listener.untold.push(change.clone());
            }
        }
    }

    fn poll_news(&mut self) {
        let expected = (!self.news.is_empty()).then(|| self.news.remove(0));
        let key = self.hub.poll_news();
        assert_eq!(key, expected.map(|nth| News::Subscription(self.listeners[nth].key)));
    }

    fn next_change(&mut self, nth: usize) -> Option<Change> {
        let listener = &mut self.listeners[nth];
        let expected = listener.untold.first().cloned();
        assert_eq!(self.hub.next_change(listener.key), expected);
        listener.untold.retain(|change| Some(change) != expected.as_ref());
        if listener.untold.is_empty() {
            self.news.retain(|&other| other != nth);
        }
        expected
    }
}

fn filter(bits: u8) -> SubscriptionFilter {
    let is_set = |bit: usize| bits & (1 << bit) != 0;
    SubscriptionFilter {
        tools_list_changed: is_set(0),
        prompts_list_changed: is_set(1),
        resources_list_changed: is_set(2),
        resource_subscriptions: URIS
            .iter()
            .enumerate()
            .filter(|(nth, _)| is_set(3 + nth))
            .map(|(_, uri)| (*uri).to_owned())
            .collect(),
    }
}

fn change(number: u8) -> Change {
    match usize::from(number) % (URIS.len() + 4) {
        0 => Change::Tools,
        1 => Change::Prompts,
        2 => Change::Resources,
        3 => Change::resource("b"),
        nth => Change::resource(URIS[nth - 4]),
    }
}
