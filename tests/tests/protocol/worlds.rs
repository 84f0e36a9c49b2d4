//! Many sessions, connections and a hub, through thousands of schedules: each ends with nothing
//! missing and nothing left. `SEED=7 cargo test -p mcp-tests --test protocol worlds` goes through one again.

use std::env;
use std::panic::catch_unwind;

use mcp_tests::world::{self, Totals};

/// In a plain `cargo test`; continuous integration asks for more.
const SCHEDULES: u64 = 400;

#[test]
fn every_schedule_ends_with_nothing_missing_and_nothing_left() {
    let number = |name| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    if let Some(seed) = number("SEED") {
        let _ = world::check(seed);
        return;
    }
    let mut totals = Totals::default();
    let schedules = number("SCHEDULES").unwrap_or(SCHEDULES);
    for seed in 0..schedules {
        let outcome = catch_unwind(|| world::check(seed));
        totals += outcome.unwrap_or_else(|_| panic!("to see it again: SEED={seed}"));
    }
    // Mostly there is something that could have been missing.
    let schedules = schedules as usize;
    assert!(totals.results > schedules, "{totals:?}");
    assert!(totals.come_back_for > schedules / 8, "{totals:?}");
    assert!(totals.changes > schedules / 8, "{totals:?}");
}
