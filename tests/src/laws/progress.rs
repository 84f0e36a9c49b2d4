//! Law 4: never panics, never loops without progress, on any input sequence.
//!
//! That nothing panics is checked by running at all, and a timer that goes off without end stops
//! the simulation. What is left is that little comes of each input, and that every connection
//! ends: when its peer leaves, and when nobody says anything any more.

use std::time::Duration;

use crate::script::{Pace, Script, Step};
use crate::simulation::{Manners, Seen, Simulation};

/// No input has more outputs than a disconnect: what was lost, twice, the calls, and the end.
const MOST_OUTPUTS: usize = 3;

/// Checks law 4.
pub fn check(script: &Script) {
    for manners in [Manners::PUSHY, Manners::POLITE, Manners::LATE] {
        ends_when_the_peer_leaves(script, manners);
    }
    for is_read in [true, false] {
        ends_when_abandoned(script, is_read);
    }
}

fn ends_when_the_peer_leaves(script: &Script, manners: Manners) {
    let mut simulation = Simulation::new(script, manners, |_| {});
    simulation.play();
    simulation.take(Step::Resume);
    simulation.reply_to_all();
    simulation.take(Step::Fin);
    simulation.reply_to_all();
    assert!(simulation.is_closed(), "the peer has left and the connection stays");
    let trace = simulation.into_trace();
    assert!(trace.is_closed(), "Close was not seen");
    if !manners.is_late {
        for turn in &trace.turns {
            let is_of_call = |output: &&Seen| {
                matches!(output, Seen::Call(..) | Seen::Cancelled(_) | Seen::HandedOver(_))
            };
            let calls = turn.outputs.iter().filter(is_of_call).count();
            let others = turn.outputs.len() - calls;
            assert!(calls <= script.setup.size.limits().batch, "{calls} calls on {:?}", turn.given);
            assert!(others <= MOST_OUTPUTS, "{others} outputs on {:?}", turn.given);
        }
    }
}

/// Nobody sends anything, the timer goes off when it should, the application does its work, and
/// the peer reads or does not.
fn ends_when_abandoned(script: &Script, is_read: bool) {
    let mut simulation = Simulation::new(script, Manners::PUSHY, |_| {});
    simulation.play();
    simulation.take(if is_read { Step::Resume } else { Step::Stall });
    simulation.reply_to_all();
    if script.setup.pace == Pace::Patient {
        // Then it may take for ever.
        return;
    }
    let start = simulation.age();
    while let Some(at) = simulation.next_deadline() {
        simulation.sleep_to_deadline();
        simulation.reply_to_all();
        let lasted = simulation.age().saturating_sub(start);
        assert!(lasted <= bound(script), "still waiting until {at} after {lasted:?}");
    }
    assert!(simulation.is_closed(), "nothing will ever close the connection");
}

/// No deadline is met twice on the way to the end, so no connection lasts longer than all of
/// them, and what the clock was set back by, and what a shutdown allows.
fn bound(script: &Script) -> Duration {
    let deadlines = script.setup.pace.deadlines();
    let shifts = script.steps.iter().map(|step| match step {
        Step::ClockBack(ms) | Step::Shutdown(ms) => Duration::from_millis((*ms).into()),
        _ => Duration::ZERO,
    });
    deadlines.head
        + deadlines.authorization
        + deadlines.body
        + deadlines.idle
        + deadlines.write_stall
        + deadlines.drain
        + shifts.sum::<Duration>()
}
