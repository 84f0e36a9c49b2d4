//! Law 1: after `Close`, or after `PeerClosed` was handled, no byte output is ever emitted. No
//! output of any kind follows `Close`.

use mcp_proto::PeerClosed;

use crate::script::{Script, Step};
use crate::simulation::{Given, Manners, Seen, Simulation, Trace};

/// Checks law 1, with a driver that looks at outputs at once, one that keeps the contract, and
/// one that looks late.
pub fn check(script: &Script) {
    for manners in [Manners::PUSHY, Manners::POLITE, Manners::LATE] {
        let mut simulation = Simulation::new(script, manners, |_| {});
        simulation.play();
        // Whatever still comes must not wake a session that has ended.
        simulation.reply_to_all();
        for step in [Step::Resume, Step::Feed(100), Step::Fin, Step::Reset, Step::FalseAlarm] {
            simulation.take(step);
        }
        check_trace(&simulation.into_trace(), script);
    }
}

fn check_trace(trace: &Trace, script: &Script) {
    let mut is_closed = false;
    let mut has_shut = false;
    let mut must_be_silent = false;
    for turn in &trace.turns {
        if must_be_silent {
            assert!(turn.emitted.is_empty(), "bytes after the end, on {:?}", turn.given);
        }
        for output in &turn.outputs {
            assert!(!is_closed, "{output:?} follows Close");
            match output {
                Seen::ShutdownWrite => {
                    assert!(!has_shut, "a second ShutdownWrite");
                    assert_eq!(turn.unsent, 0, "ShutdownWrite before the last byte");
                    (has_shut, must_be_silent) = (true, true);
                }
                Seen::Close => (is_closed, must_be_silent) = (true, true),
                _ => {}
            }
        }
        if let Given::PeerClosed(how) = turn.given {
            // Whether a FIN may mean less is for the endpoint to say.
            must_be_silent |= how == PeerClosed::Reset || !script.setup.answer_half_closed;
        }
        if must_be_silent {
            assert_eq!(turn.unsent, 0, "bytes to be sent after the end, on {:?}", turn.given);
        }
        if is_closed {
            assert!(!turn.wants_read && turn.deadline.is_none(), "a session that is closed waits");
        }
    }
    let has_left =
        trace.turns.iter().any(|turn| turn.given == Given::PeerClosed(PeerClosed::Reset));
    assert!(is_closed || !has_left, "the peer has left and the connection is not closed");
}
