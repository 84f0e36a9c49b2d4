//! Law 5: memory is bounded by the configured limits, whatever the peer sends or refuses to read.
//!
//! Holds for drivers that heed `wants_read` and `can_notify`. Needs [`Counting`] as the global
//! allocator.
//!
//! [`Counting`]: meter::Counting

use crate::meter;
use crate::script::{Script, Setup, Size};
use crate::simulation::{Given, Manners, READ_SIZE, Simulation, Trace};

/// A connection with nothing in it but the states, and what a refusal takes.
const FIXED: usize = 6 * 1024;
/// The largest answer of the simulated application, with its HTTP head.
const ANSWER: usize = 4 * 1024;

/// A request besides its bytes, with what its response has to know of it.
const REQUEST: usize = 2 * 1024;

/// A session with its streams and the calls in it.
const SESSION: usize = 4 * 1024;
/// Messages on the way to a client: the answers to a batch, and what was said before.
const STREAM: usize = 8;
/// A connection that sends one small request.
const OTHER: usize = 16 * 1024;

/// Checks law 5.
pub fn check(script: &Script) {
    // What is only made once must not be counted.
    check_listeners(&Simulation::run(script, Manners::POLITE));
    meter::reset();
    let mut simulation = Simulation::new(script, Manners::POLITE, meter::switch);
    simulation.play();
    let _ = simulation.into_trace();
    let (peak, bound) = (meter::peak() as usize, bound(script.setup.size) + of_hub(script.setup));
    assert!(peak <= bound, "{peak} bytes, where {bound} should do");
    assert_eq!(meter::live(), 0, "bytes outlive the session");
}

/// A change is taken up only when the one before it is out: until then it waits in the hub, where
/// it takes no more room however many there are.
fn check_listeners(trace: &Trace) {
    for (before, turn) in trace.turns.iter().zip(trace.turns.iter().skip(1)) {
        if let Given::Notify(Some(call), true) = turn.given
            && trace.calls[call].is_endless()
        {
            assert_eq!(before.unsent, 0, "a change piles up");
        }
    }
}

/// What the hub may need at most, with one more connection to it.
fn of_hub(setup: Setup) -> usize {
    let limits = setup.size.hub_limits();
    let subscriptions = limits.filter_bytes * 3;
    if !setup.keeps_sessions {
        return subscriptions + OTHER;
    }
    let sessions =
        limits.sessions.saturating_mul(limits.client_bytes + 3 * limits.filter_bytes + SESSION);
    // What is kept is also in the queue of whoever has come back to it, and what was kept elsewhere
    // was on its way.
    let replay = 3 * limits.total_replay_bytes + STREAM * ANSWER;
    sessions.saturating_add(subscriptions + replay + OTHER)
}

/// What a connection may need at most, from its limits.
fn bound(size: Size) -> usize {
    let limits = size.limits();
    // A growing buffer has up to twice the room it needs, and while it moves both exist.
    let growing = 3;
    // The head is kept once as received and once as parsed, and whoever says who is let in has it,
    // too.
    let head = (growing + 2) * (limits.head + READ_SIZE);
    // The body as received; id, name and token copied out of it; and an error that quotes any
    // of it, escaped twice.
    let body = (growing + 4 + 20) * limits.body;
    let waiting = growing * (limits.read_ahead + READ_SIZE);
    // Past the limit go the answers to one request, which are put together elsewhere first.
    let answers = limits.batch * ANSWER;
    let unsent = growing * (limits.unsent + answers) + 2 * answers;
    // Each call of a batch has the head, and what is known of a request.
    let batch = limits.batch * (limits.head + REQUEST);
    FIXED + head + body + waiting + unsent + batch
}
