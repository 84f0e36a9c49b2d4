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
        let later = |elapsed: u64| Some(elapsed.saturating_add(micros(time)));
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
    wall: WallClock,
    manual: Option<ManualClock>,
}

impl Clock {
    /// Begins now.
    pub(crate) fn start(manual: Option<ManualClock>) -> Self {
        let origin = manual.as_ref().map_or_else(Instant::now, |clock| clock.inner.origin);
        Self { origin, wall: WallClock::default(), manual }
    }

    pub(crate) fn now(&self) -> Now {
        let (elapsed, unix) = match &self.manual {
            None => {
                let elapsed = self.origin.elapsed();
                (elapsed, self.wall.after(elapsed))
            }
            Some(clock) => (clock.elapsed(), clock.inner.origin_unix + clock.elapsed()),
        };
        Now::new(mcp_proto::Instant::from_micros(micros(elapsed)), unix.as_secs())
    }

    /// The same instant as the runtime's timers know it.
    pub(crate) fn to_std(&self, instant: mcp_proto::Instant) -> Instant {
        let since_start = Duration::from_micros(instant.as_micros());
        // Past the end of time, a day is as good as never.
        let day = Duration::from_secs(86_400);
        self.origin.checked_add(since_start).unwrap_or_else(|| Instant::now() + day)
    }
}

/// The clock on the wall, which is read once a second: what it is for has no smaller unit.
#[derive(Debug, Default)]
struct WallClock {
    /// How many seconds had passed when it was last read, and one.
    read_at: AtomicU64,
    /// What it showed, less what had passed, in microseconds.
    origin: AtomicU64,
}

impl WallClock {
    /// What it shows when so much has passed. If somebody has set it, that is seen within a second.
    fn after(&self, elapsed: Duration) -> Duration {
        let second = elapsed.as_secs() + 1;
        // Whoever sees one of the two without the other is wrong by what the clock was set, once.
        if self.read_at.load(Ordering::Acquire) != second {
            let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.origin.store(micros(unix.saturating_sub(elapsed)), Ordering::Release);
            self.read_at.store(second, Ordering::Release);
        }
        Duration::from_micros(self.origin.load(Ordering::Acquire)) + elapsed
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_is_read_once_a_second() {
        let wall = WallClock::default();
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let (before, shown, after) = (now(), wall.after(Duration::from_millis(100)), now());
        assert!(before <= shown + Duration::from_micros(1) && shown <= after);
        // What has passed is taken from whoever asks, until the second is over.
        let later = wall.after(Duration::from_millis(999));
        assert_eq!(later - shown, Duration::from_millis(899));
        let (before, read, after) = (now(), wall.after(Duration::from_millis(1000)), now());
        assert!(before <= read + Duration::from_micros(1) && read <= after);
    }
}
