//! A replay log of the user's, whose panics take nothing else along.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mcp_proto::{Instant, ReplayLog, StreamKey};

/// Runs a log under the lock of the hub, with which all sessions of a server would be gone.
pub(crate) struct CaughtLog {
    log: Box<dyn ReplayLog>,
}

impl CaughtLog {
    pub(crate) fn new(log: Box<dyn ReplayLog>) -> Self {
        Self { log }
    }
}

/// What the log did, or nothing if it panicked: then it has forgotten.
fn caught<R>(run: impl FnOnce() -> R) -> Option<R> {
    let result = catch_unwind(AssertUnwindSafe(run));
    if result.is_err() {
        tracing::warn!("a replay log panicked: clients may miss what they come back for");
    }
    result.ok()
}

impl ReplayLog for CaughtLog {
    fn append(&mut self, now: Instant, stream: StreamKey, number: u64, message: &Arc<str>) {
        caught(|| self.log.append(now, stream, number, message));
    }

    fn next(&self, stream: StreamKey, after: u64) -> Option<(u64, Arc<str>)> {
        caught(|| self.log.next(stream, after)).flatten()
    }

    fn forget_stream(&mut self, stream: StreamKey) {
        caught(|| self.log.forget_stream(stream));
    }

    fn expire(&mut self, now: Instant) {
        caught(|| self.log.expire(now));
    }
}
