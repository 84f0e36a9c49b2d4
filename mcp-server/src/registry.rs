//! The open connections of a service: how many there are, and how a shutdown reaches them.

use std::future::poll_fn;
use std::mem::take;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use mcp_proto::Instant;
use slab::Slab;

use crate::endpoints::Shared;

/// No shutdown in sight.
const NEVER: u64 = u64::MAX;

#[derive(Debug)]
pub(crate) struct Registry {
    connections: Mutex<Connections>,
    /// When a shutdown stops waiting, in microseconds; read whenever a connection is polled,
    /// and written once.
    shutdown: AtomicU64,
    finished: AtomicU64,
    cut: AtomicU64,
}

#[derive(Debug, Default)]
struct Connections {
    wakers: Slab<Option<Waker>>,
    /// Whoever waits for a connection to close.
    watcher: Option<Waker>,
}

/// What a shutdown left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Calls that were in flight when the shutdown began and were answered.
    pub finished: u64,
    /// Calls that were cancelled because their time was up.
    pub cut: u64,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self {
            connections: Mutex::default(),
            shutdown: AtomicU64::new(NEVER),
            finished: AtomicU64::new(0),
            cut: AtomicU64::new(0),
        }
    }

    /// Tells every connection to end until `until`. Of several instants, the earliest counts.
    pub(crate) fn begin_shutdown(&self, until: Instant) {
        self.shutdown.fetch_min(until.as_micros().min(NEVER - 1), Ordering::AcqRel);
        let wakers: Vec<_> =
            self.connections().wakers.iter().filter_map(|(_, w)| w.clone()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits until fewer than `limit` connections are open.
    pub(crate) async fn below(&self, limit: usize) {
        poll_fn(|cx| self.poll_below(cx, limit)).await;
    }

    /// Only one task at a time can wait.
    pub(crate) fn poll_below(&self, cx: &mut Context<'_>, limit: usize) -> Poll<()> {
        let mut connections = self.connections();
        if connections.wakers.len() < limit {
            return Poll::Ready(());
        }
        connections.watcher = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(crate) fn report(&self) -> Report {
        Report {
            finished: self.finished.load(Ordering::Acquire),
            cut: self.cut.load(Ordering::Acquire),
        }
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place in its service, left when it is dropped.
pub(crate) struct Entry {
    pub(crate) shared: Arc<Shared>,
    key: usize,
    waker: Option<Waker>,
    is_counted: bool,
}

impl Entry {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let key = shared.registry.connections().wakers.insert(None);
        Self { shared, key, waker: None, is_counted: false }
    }

    /// Has the connection counted with each server that it can reach.
    pub(crate) fn count(&mut self) {
        self.is_counted = true;
        self.shared.mounts.iter().for_each(|mount| mount.counters.begin_connection());
    }

    /// The connection is closed, though work may go on.
    pub(crate) fn close(&mut self) {
        if take(&mut self.is_counted) {
            self.shared.mounts.iter().for_each(|mount| mount.counters.end_connection());
        }
    }

    /// When the shutdown that has begun stops waiting; has the task woken when one begins.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Option<Instant> {
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
            if let Some(slot) = self.shared.registry.connections().wakers.get_mut(self.key) {
                *slot = self.waker.clone();
            }
        }
        // Read after the waker is in place, so that no shutdown falls in between.
        match self.shared.registry.shutdown.load(Ordering::Acquire) {
            NEVER => None,
            micros => Some(Instant::from_micros(micros)),
        }
    }

    /// Whether one has begun, though the connection may not have been told.
    pub(crate) fn is_shutting_down(&self) -> bool {
        self.shared.registry.shutdown.load(Ordering::Acquire) != NEVER
    }

    pub(crate) fn count_finished(&self) {
        self.shared.registry.finished.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn count_cut(&self) {
        self.shared.registry.cut.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // Before it leaves, so that whoever waits for that finds the counters at zero.
        self.close();
        let mut connections = self.shared.registry.connections();
        connections.wakers.try_remove(self.key);
        let watcher = connections.watcher.take();
        drop(connections);
        if let Some(watcher) = watcher {
            watcher.wake();
        }
    }
}
