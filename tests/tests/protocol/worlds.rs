//! Many sessions, connections and a hub, through thousands of schedules: each ends with nothing
//! missing and nothing left. `SEED=7 cargo test -p mcp-tests --test protocol worlds` goes through one again.

use std::env;
use std::panic::catch_unwind;

use mcp_tests::world;

/// In a plain `cargo test`; continuous integration asks for more.
const SCHEDULES: u64 = 400;

#[test]
fn every_schedule_ends_with_nothing_missing_and_nothing_left() {
    let number = |name| env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    if let Some(seed) = number("SEED") {
        return world::check(seed);
    }
    for seed in 0..number("SCHEDULES").unwrap_or(SCHEDULES) {
        let outcome = catch_unwind(|| world::check(seed));
        assert!(outcome.is_ok(), "to see it again: SEED={seed}");
    }
}
