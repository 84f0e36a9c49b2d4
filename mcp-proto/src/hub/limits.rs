//! Every bound on what clients can make a hub keep, and on how long.

use core::time::Duration;

/// How much clients may subscribe to, and how much is kept for their sessions.
///
/// One value serves all clients of a [`Hub`](crate::Hub). Each limit is inclusive: what is exactly
/// at it passes.
#[derive(Clone, Debug)]
pub struct HubLimits {
    /// Subscriptions at the same time, of all clients of 2026-07-28. Past it: -32603.
    ///
    /// Default 4096: over HTTP/1.1 each holds a connection, and systems allow a process a few
    /// thousand. Values above 1,048,576 count as that.
    pub subscriptions: usize,
    /// Bytes that the resource URIs of one filter or session count: those of their text, and 256
    /// more for each, which is what it takes besides to keep one. Past it: -32602.
    ///
    /// Default 64 KiB: some 200 URIs of usual length.
    pub filter_bytes: usize,
    /// Sessions of the 2025 revisions. Past it, a new one takes the place of the one that has been
    /// idle longest; if none is, it gets 503.
    ///
    /// Default 10,000: at a few KiB each, they fit in any machine. Values above 1,048,576 count as
    /// that.
    pub sessions: usize,
    /// Calls of one session at the same time, those that their client has left among them. Past it:
    /// 503, and for one of a batch an error in its place.
    ///
    /// Default 100, as [`Limits::in_flight`](crate::Limits::in_flight).
    pub calls: usize,
    /// Bytes of what a client says of itself in `initialize`, which its session keeps. Past it:
    /// -32602.
    ///
    /// Default 16 KiB, some fifty times what clients send.
    pub client_bytes: usize,
    /// Streams of one session that can be come back to, besides those that are open. Past it, the
    /// oldest is forgotten.
    ///
    /// Default 32: a client whose connections break has a few calls in flight on them.
    pub streams: usize,
    /// Bytes of messages that are kept for one session to come back to, each counting 256 bytes more
    /// than its text. The oldest go first. A client that has missed some of those gets the others, if
    /// the response it waits for is among them.
    ///
    /// Default 1 MiB: a result of usual size and all that was said before it.
    pub replay_bytes: usize,
    /// The same for all sessions together.
    ///
    /// Default 64 MiB: as much as sixty-four sessions may keep, and most keep next to nothing.
    pub total_replay_bytes: usize,
}

/// What a URI in a filter counts besides its text.
pub(super) const BYTES_PER_URI: usize = 256;

impl Default for HubLimits {
    fn default() -> Self {
        Self {
            subscriptions: 4096,
            filter_bytes: 64 * 1024,
            sessions: 10_000,
            calls: 100,
            client_bytes: 16 * 1024,
            streams: 32,
            replay_bytes: 1024 * 1024,
            total_replay_bytes: 64 * 1024 * 1024,
        }
    }
}

/// How long things of sessions are kept, and waited for. `Duration::MAX` means forever.
#[derive(Clone, Debug)]
pub struct HubDeadlines {
    /// How long a session is kept that has no call in flight and no open stream.
    ///
    /// Default 30 min: sessions are cheap, and not every client begins a new one when it should.
    pub session_idle: Duration,
    /// How long a message is kept for a client to come back to.
    ///
    /// Default 5 min: clients try again within seconds, and a laptop may have been shut meanwhile.
    pub replay: Duration,
    /// How long a client may take to answer a question. Each progress that it reports on it begins
    /// the time anew, up to ten times as long in all.
    ///
    /// Default 10 min: people answer.
    pub answer: Duration,
    /// How long clients are told to wait before they come back to a stream.
    ///
    /// Default 1 s, as official clients take by themselves.
    pub retry: Duration,
}

impl Default for HubDeadlines {
    fn default() -> Self {
        Self {
            session_idle: Duration::from_secs(30 * 60),
            replay: Duration::from_secs(5 * 60),
            answer: Duration::from_secs(10 * 60),
            retry: Duration::from_secs(1),
        }
    }
}
