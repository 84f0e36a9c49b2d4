//! Ends what is over though nobody comes to see: the sessions of clients that are gone.

use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

use crate::endpoints::Shared;
use crate::runtime::Timer;

/// The least time between two looks at what is over, which may be much at once.
const SHORTEST_REST: Duration = Duration::from_millis(100);

/// Ends sessions that have been idle for too long, though nobody comes.
pub(crate) struct Housekeeping<T> {
    timer: T,
    /// What the timer is set to, if it is.
    timer_at: Option<Instant>,
}

impl<T: Timer> Housekeeping<T> {
    pub(crate) const fn new(timer: T) -> Self {
        Self { timer, timer_at: None }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, service: &Arc<Shared>) {
        loop {
            let now = service.now().instant;
            let hubs = service.mounts.iter().map(|mount| &mount.live.hub);
            let next = hubs.filter_map(|hub| hub.poll_housekeeping(cx, now)).min();
            let Some(next) = next.map(|next| service.to_std(next)) else {
                return;
            };
            if self.timer_at.is_none_or(|at| next < at) {
                let next = next.max(service.to_std(now + SHORTEST_REST));
                self.timer.reset(next);
                self.timer_at = Some(next);
            }
            if self.timer.poll(cx).is_pending() {
                return;
            }
            self.timer_at = None;
        }
    }
}
