//! What has been sent on the streams of sessions, for clients that come back to them.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use core::time::Duration;

use super::limits::HubLimits;
use super::names::StreamKey;
use crate::time::Instant;

/// Keeps what was sent on streams, for clients that were cut off and come back (2025-11-25,
/// basic/transports, "Resumability and Redelivery").
///
/// A log may forget whatever it likes, and bounds itself: a client that comes back for what is
/// forgotten is told so, or gets what is left. [`MemoryLog`] is one.
///
/// It is part of the [`Hub`](crate::Hub), and called while nobody else can use that: it must not wait for
/// anything, nor use the hub.
pub trait ReplayLog: Send {
    /// Takes in the event with that number, which is greater than those before it in its stream.
    fn append(&mut self, now: Instant, stream: StreamKey, number: u64, message: &Arc<str>);

    /// The first event of a stream with a number greater than `after`.
    fn next(&self, stream: StreamKey, after: u64) -> Option<(u64, Arc<str>)>;

    /// A stream has gone, and nobody will ask for it.
    fn forget_stream(&mut self, stream: StreamKey);

    /// Time has passed: a chance to forget what is old. Called often, whether there is anything to forget
    /// or not.
    fn expire(&mut self, now: Instant);
}

/// What an event counts besides its text.
const BYTES_PER_EVENT: usize = 256;

/// A [`ReplayLog`] in memory, bounded in bytes and time: what is oldest is forgotten first.
#[derive(Debug)]
pub struct MemoryLog {
    bytes_of_session: usize,
    bytes_in_all: usize,
    keep: Duration,
    /// In the order in which they came.
    events: BTreeMap<u64, Event>,
    by_stream: BTreeMap<(StreamKey, u64), u64>,
    sessions: BTreeMap<u64, SessionLog>,
    bytes: usize,
    last_event: u64,
}

#[derive(Debug)]
struct Event {
    stream: StreamKey,
    number: u64,
    at: Instant,
    message: Arc<str>,
}

impl Event {
    fn bytes(&self) -> usize {
        self.message.len() + BYTES_PER_EVENT
    }
}

/// The events of one session, so that one that says much pushes out its own.
#[derive(Debug, Default)]
struct SessionLog {
    events: BTreeSet<u64>,
    bytes: usize,
}

impl MemoryLog {
    /// A log that keeps as much as the limits allow, and nothing for longer than `keep`.
    #[must_use]
    pub const fn new(limits: &HubLimits, keep: Duration) -> Self {
        Self {
            bytes_of_session: limits.replay_bytes,
            bytes_in_all: limits.total_replay_bytes,
            keep,
            events: BTreeMap::new(),
            by_stream: BTreeMap::new(),
            sessions: BTreeMap::new(),
            bytes: 0,
            last_event: 0,
        }
    }

    /// Whether it keeps nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    fn remove(&mut self, key: u64) {
        let Some(event) = self.events.remove(&key) else {
            return;
        };
        self.by_stream.remove(&(event.stream, event.number));
        self.bytes -= event.bytes();
        if let Some(session) = self.sessions.get_mut(&event.stream.session) {
            session.events.remove(&key);
            session.bytes -= event.bytes();
            if session.events.is_empty() {
                self.sessions.remove(&event.stream.session);
            }
        }
    }
}

impl ReplayLog for MemoryLog {
    fn append(&mut self, now: Instant, stream: StreamKey, number: u64, message: &Arc<str>) {
        self.last_event += 1;
        let key = self.last_event;
        let event = Event { stream, number, at: now, message: message.clone() };
        let session = self.sessions.entry(stream.session).or_default();
        session.events.insert(key);
        session.bytes += event.bytes();
        self.bytes += event.bytes();
        self.events.insert(key, event);
        self.by_stream.insert((stream, number), key);

        while let Some(session) = self.sessions.get(&stream.session)
            && session.bytes > self.bytes_of_session
            && let Some(oldest) = session.events.first().copied()
        {
            self.remove(oldest);
        }
        while self.bytes > self.bytes_in_all
            && let Some((oldest, _)) = self.events.first_key_value()
        {
            self.remove(*oldest);
        }
    }

    fn next(&self, stream: StreamKey, after: u64) -> Option<(u64, Arc<str>)> {
        let from = after.checked_add(1)?;
        let (_, key) = self.by_stream.range((stream, from)..=(stream, u64::MAX)).next()?;
        let event = self.events.get(key)?;
        Some((event.number, event.message.clone()))
    }

    fn forget_stream(&mut self, stream: StreamKey) {
        while let Some((_, key)) = self.by_stream.range((stream, 0)..=(stream, u64::MAX)).next() {
            self.remove(*key);
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some((oldest, event)) = self.events.first_key_value()
            && event.at + self.keep <= now
        {
            self.remove(*oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    const fn stream(session: u64, stream: u32) -> StreamKey {
        StreamKey { session, stream }
    }

    fn log(replay_bytes: usize, total_replay_bytes: usize) -> MemoryLog {
        let limits = HubLimits { replay_bytes, total_replay_bytes, ..HubLimits::default() };
        MemoryLog::new(&limits, Duration::from_micros(100))
    }

    fn kept(log: &MemoryLog, stream: StreamKey) -> Vec<u64> {
        let mut last = 0;
        core::iter::from_fn(|| {
            let (number, _) = log.next(stream, last)?;
            last = number;
            Some(number)
        })
        .collect()
    }

    const EVENT: usize = 10 + BYTES_PER_EVENT;

    fn append(log: &mut MemoryLog, now: u64, stream: StreamKey, number: u64) {
        log.append(at(now), stream, number, &"0123456789".into());
    }

    #[test]
    fn each_session_keeps_as_much_as_the_limit_and_not_one_byte_more() {
        for (limit, expected) in [(3 * EVENT, [2, 3, 4].as_slice()), (3 * EVENT - 1, &[3, 4])] {
            let mut log = log(limit, usize::MAX);
            append(&mut log, 0, stream(2, 1), 1);
            for number in 1..=4 {
                append(&mut log, 0, stream(1, 1), number);
            }
            assert_eq!(kept(&log, stream(1, 1)), expected);
            assert_eq!(kept(&log, stream(2, 1)), [1], "of no concern to others");
        }
    }

    #[test]
    fn all_together_keep_as_much_as_the_limit_and_not_one_byte_more() {
        for (limit, expected) in [(3 * EVENT, [1, 2].as_slice()), (3 * EVENT - 1, &[2])] {
            let mut log = log(usize::MAX, limit);
            append(&mut log, 0, stream(1, 1), 1);
            append(&mut log, 0, stream(1, 1), 2);
            append(&mut log, 0, stream(2, 1), 1);
            assert_eq!(kept(&log, stream(1, 1)), expected);
        }
        let mut log = log(usize::MAX, EVENT - 1);
        append(&mut log, 0, stream(1, 1), 1);
        assert!(log.is_empty(), "larger than all there is room for");
    }

    #[test]
    fn nothing_is_kept_for_longer_than_the_limit() {
        let mut log = log(usize::MAX, usize::MAX);
        append(&mut log, 0, stream(1, 1), 1);
        append(&mut log, 1, stream(1, 1), 2);
        log.expire(at(99));
        assert_eq!(kept(&log, stream(1, 1)), [1, 2]);
        log.expire(at(100));
        assert_eq!(kept(&log, stream(1, 1)), [2]);
        log.expire(at(101));
        assert!(log.is_empty() && log.sessions.is_empty() && log.bytes == 0, "{log:?}");
    }

    #[test]
    fn a_stream_is_forgotten_alone() {
        let mut log = log(usize::MAX, usize::MAX);
        for (session, of) in [(1, 1), (1, 2), (2, 1)] {
            append(&mut log, 0, stream(session, of), 1);
            append(&mut log, 0, stream(session, of), u64::MAX);
        }
        log.forget_stream(stream(1, 1));
        assert!(kept(&log, stream(1, 1)).is_empty());
        assert_eq!(kept(&log, stream(1, 2)), [1, u64::MAX]);
        assert_eq!(kept(&log, stream(2, 1)), [1, u64::MAX]);
        log.forget_stream(stream(1, 2));
        log.forget_stream(stream(2, 1));
        assert!(log.is_empty() && log.sessions.is_empty() && log.bytes == 0, "{log:?}");
    }
}
