//! Law 8: nothing survives its owner: when a session is gone, the hub and the driver hold nothing of
//! it. What holds for sockets, counters and memory is tested on sockets; here, that a session says
//! all that a driver has to know for that.

use crate::script::{Script, Step};
use crate::simulation::{Manners, Simulation};

/// Checks law 8, for each way in which a connection can end.
pub fn check(script: &Script) {
    for last in [Step::Fin, Step::Reset, Step::Shutdown(0)] {
        for manners in [Manners::PUSHY, Manners::POLITE, Manners::LATE] {
            let mut simulation = Simulation::new(script, manners, |_| {});
            simulation.play();
            simulation.take(Step::Resume);
            simulation.take(last);
            // After a shutdown, the peer still has to close its side.
            simulation.take(Step::Fin);
            // That each of them ends it in time is for law 4 to say.
            let is_closed = simulation.is_closed();
            let open = simulation.open_calls();
            let is_authorizing = simulation.is_authorizing();
            let trace = simulation.into_trace();
            if is_closed || last == Step::Reset {
                assert_eq!(open, 0, "calls are open behind {last:?}");
                assert!(!is_authorizing, "somebody waits to be let in behind {last:?}");
                assert_eq!(trace.subscriptions, 0, "subscriptions stay behind {last:?}");
                assert!(trace.is_forgotten, "something stays in the hub behind {last:?}");
            }
        }
    }
}
