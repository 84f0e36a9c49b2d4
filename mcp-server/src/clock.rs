//! What time it is for a service: that of the machine, or what a test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mcp_proto::Now;

/// A clock that stands still until somebody moves it, for tests that take no time. All clones are
/// the same clock. Starts at the time of the machine.
///
/// [`Endpoints::clock`](crate::Endpoints::clock) has servers look at it.
#[derive(Clone, Debug)]
pub struct ManualClock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    origin: Instant,
    origin_unix: Duration,
    /// Microseconds since the origin.
    elapsed: AtomicU64,
}

impl ManualClock {
    /// A clock that shows the time of the machine from now on, and for ever.
    #[must_use]
    pub fn new() -> Self {
        let (origin, elapsed) = (Instant::now(), AtomicU64::new(0));
        let origin_unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { inner: Arc::new(Inner { origin, origin_unix, elapsed }) }
    }

    /// Moves it forward, by whole microseconds. The tasks that look at it have to be polled after
    /// that: it wakes nobody.
    pub fn advance(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let later = |elapsed: u64| Some(elapsed.saturating_add(micros));
        // The function always gives something, so this cannot fail.
        let _ = self.inner.elapsed.fetch_update(Ordering::AcqRel, Ordering::Acquire, later);
    }

    /// What it shows, for timers: what [`Timer::reset`](crate::runtime::Timer::reset) is given is on
    /// this clock.
    ///
    /// # Panics
    ///
    /// If it was moved past the end of time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.inner.origin + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.inner.elapsed.load(Ordering::Acquire))
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

/// The clock of a service, and the origin of what its sessions see of it.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
    manual: Option<ManualClock>,
}

impl Clock {
    /// Begins now.
    pub(crate) fn start(manual: Option<ManualClock>) -> Self {
        let origin = manual.as_ref().map_or_else(Instant::now, |clock| clock.inner.origin);
        Self { origin, manual }
    }

    pub(crate) fn now(&self) -> Now {
        let (elapsed, unix) = match &self.manual {
            None => {
                let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                (self.origin.elapsed(), unix)
            }
            Some(clock) => (clock.elapsed(), clock.inner.origin_unix + clock.elapsed()),
        };
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        Now::new(mcp_proto::Instant::from_micros(micros), unix.as_secs())
    }

    /// The same instant as the runtime's timers know it.
    pub(crate) fn to_std(&self, instant: mcp_proto::Instant) -> Instant {
        let since_start = Duration::from_micros(instant.as_micros());
        // Past the end of time, a day is as good as never.
        let day = Duration::from_secs(86_400);
        self.origin.checked_add(since_start).unwrap_or_else(|| Instant::now() + day)
    }
}
