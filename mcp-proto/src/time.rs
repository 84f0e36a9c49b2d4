//! Time as the core sees it: a number that its owner supplies.

use core::ops::Add;
use core::time::Duration;

/// A point on the owner's monotonic clock, in microseconds since an origin of its choice.
///
/// All instants given to one [`Session`](crate::Session) must share that origin. A clock that
/// jumps, even backwards, makes deadlines late or early and does no other harm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The instant `micros` microseconds after the origin.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the origin.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`; zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// Saturates at the end of time, so that `Duration::MAX` means "never".
impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        let micros = u64::try_from(later.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

/// What the clocks show while an input is handled.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The monotonic clock; deadlines are kept on it.
    pub instant: Instant,
    /// Seconds since 1970-01-01 00:00:00 UTC, for the `Date` field of responses. Without a wall
    /// clock the field is left out, as RFC 9110 section 6.6.1 asks.
    pub unix_seconds: Option<u64>,
}

impl Now {
    /// The time on a machine that has both clocks.
    #[must_use]
    pub const fn new(instant: Instant, unix_seconds: u64) -> Self {
        Self { instant, unix_seconds: Some(unix_seconds) }
    }
}

/// The time on a machine without a wall clock.
impl From<Instant> for Now {
    fn from(instant: Instant) -> Self {
        Self { instant, unix_seconds: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_never_overflows() {
        let late = Instant::from_micros(u64::MAX - 1);
        assert_eq!(late + Duration::MAX, Instant::from_micros(u64::MAX));
        assert_eq!(Instant::from_micros(5) + Duration::from_micros(7), Instant::from_micros(12));
    }

    #[test]
    fn a_clock_that_went_back_reads_as_no_time() {
        let (early, late) = (Instant::from_micros(1), Instant::from_micros(4));
        assert_eq!(early.saturating_since(late), Duration::ZERO);
        assert_eq!(late.saturating_since(early), Duration::from_micros(3));
    }
}
