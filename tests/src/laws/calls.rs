//! Law 3: every `Call` ends exactly once: by the one accepted reply, by `Cancelled`, or by being
//! handed over. A late or second reply is a no-op, never a panic and never a write.

use std::collections::BTreeSet;

use crate::script::{Script, Step};
use crate::simulation::{Given, Manners, Seen, Simulation, Trace, Turn};

/// Checks law 3: on the trace, and by leaving out what should make no difference.
pub fn check(script: &Script) {
    for manners in [Manners::PUSHY, Manners::POLITE] {
        let trace = Simulation::run(script, manners);
        let without_effect = check_trace(&trace);
        if without_effect.is_empty() {
            continue;
        }
        // The numbers of steps must stay, so what is left out becomes a step that does nothing.
        let mut shorter = script.clone();
        for &step in &without_effect {
            shorter.steps[step] = Step::Read(0);
        }
        let other = Simulation::run(&shorter, manners);
        assert_eq!(trace.outputs(), other.outputs(), "what is late makes a difference");
        assert_eq!(trace.emitted, other.emitted, "what is late is written");
    }
}

/// Returns the steps that named a call that was over, or none at all.
fn check_trace(trace: &Trace) -> BTreeSet<usize> {
    let mut open = BTreeSet::new();
    // In which turn they came: only those of a batch come together.
    let mut since = 0;
    let mut calls = 0;
    let mut without_effect = BTreeSet::new();
    let mut deadline = None;
    let mut has_shutdown = false;
    let mut is_refused = false;
    let mut is_owed = false;
    let mut waiting = None;
    // The calls of a batch are let into their session one by one.
    let is_batch = |since: usize, position: usize| {
        let mut between = trace.turns[since..=position].iter().skip(1);
        between.all(|turn| {
            matches!(turn.given, Given::Admitted | Given::Reply(..) | Given::Refused(..))
        })
    };
    for (position, turn) in trace.turns.iter().enumerate() {
        has_shutdown |= turn.given == Given::Shutdown;
        match turn.given {
            Given::Reply(call, true) => {
                assert!(take(&mut open, call), "an open call can be replied to");
                // The end of a stream without framing is that of its connection.
                let is_end = turn.unsent > 0 || turn.outputs.contains(&Seen::ShutdownWrite);
                let is_sent = !turn.emitted.is_empty() || is_end || is_closed(turn);
                is_owed = !is_sent && open.is_empty();
            }
            Given::Refused(call, true) => {
                // Of a batch, one is refused and the others are cancelled.
                if turn.emitted.is_empty() {
                    assert!(is_refused || has_shutdown, "a refusal that is not sent");
                } else {
                    assert!(take(&mut open, call), "an open call can be refused");
                    is_refused = true;
                }
            }
            Given::Authorized(number, true) => {
                assert_eq!(waiting.take(), Some(number), "let in, and did not wait");
            }
            Given::Reply(_, false)
            | Given::Refused(_, false)
            | Given::Notify(_, false)
            | Given::Authorized(_, false) => {
                assert!(turn.outputs.is_empty(), "{:?} causes {:?}", turn.given, turn.outputs);
                assert!(turn.emitted.is_empty(), "{:?} is written", turn.given);
                assert_eq!(turn.deadline, deadline, "{:?} moves the deadline", turn.given);
                without_effect.insert(turn.step);
            }
            _ => {}
        }
        deadline = turn.deadline;
        for output in &turn.outputs {
            match output {
                Seen::Authorize(number, _) => {
                    assert!(open.is_empty() && waiting.is_none(), "one request at a time");
                    waiting = Some(*number);
                }
                Seen::AuthorizationCancelled(number) => {
                    assert_eq!(waiting.take(), Some(*number), "cancelled, and did not wait");
                }
                Seen::Call(number, _) => {
                    assert_eq!(waiting, None, "a call that waits to be let in");
                    assert_eq!(*number, calls);
                    let is_of_batch = calls > 0 && is_batch(since, position);
                    assert!(open.is_empty() || is_of_batch, "one request at a time");
                    is_refused &= is_of_batch;
                    // The answers to a batch go out together.
                    is_owed &= !is_of_batch;
                    open.insert(*number);
                    (since, calls) = (position, calls + 1);
                }
                Seen::Cancelled(number) => {
                    assert!(open.remove(number), "a call that is over is cancelled");
                    let is_ours = has_shutdown || matches!(turn.given, Given::Refused(_, true));
                    let is_disconnect = matches!(turn.given, Given::PeerClosed(_));
                    assert!(
                        !trace.calls[*number].survives() || (is_ours && !is_disconnect),
                        "a disconnect cancels a request of 2025"
                    );
                    check_disconnect(turn, is_ours);
                }
                Seen::HandedOver(number) => {
                    assert!(open.remove(number), "a call that is over is handed over");
                    assert!(trace.calls[*number].survives(), "handed over what nobody hears of");
                    check_disconnect(turn, false);
                }
                Seen::Close => {
                    assert!(open.is_empty(), "a call survives its connection");
                    assert_eq!(waiting, None, "a request waits longer than its connection");
                }
                Seen::Event(_) | Seen::ShutdownWrite => {}
            }
        }
        // Neither an answer nor the word to go on.
        let is_said = match turn.outputs.iter().any(is_authorize) {
            // What answers those before it is no concern of it.
            true => trace.emitted[turn.emitted.clone()].ends_with(b"HTTP/1.1 100 Continue\r\n\r\n"),
            false => !turn.emitted.is_empty(),
        };
        assert!(waiting.is_none() || !is_said, "said before it is let in");
        assert!(!is_owed, "a reply that is not sent");
        let has_subscription = open.iter().any(|call| trace.calls[*call].is_endless());
        // What the session says next, it has said before the hub was asked.
        let is_asked = trace
            .turns
            .get(position + 1)
            .is_some_and(|next| matches!(next.given, Given::Admitted | Given::Refused(..)));
        let goes_on = has_shutdown && has_subscription && !is_asked;
        assert!(!goes_on, "a subscription goes on in a shutdown");
    }
    without_effect
}

fn take(open: &mut BTreeSet<usize>, call: Option<usize>) -> bool {
    call.is_some_and(|call| open.remove(&call))
}

const fn is_authorize(output: &Seen) -> bool {
    matches!(output, Seen::Authorize(..))
}

fn is_closed(turn: &Turn) -> bool {
    turn.outputs.contains(&Seen::Close)
}

/// Calls end against their will when the connection does, or when the server wants it so.
fn check_disconnect(turn: &Turn, is_ours: bool) {
    let is_closed = is_closed(turn);
    // A false alarm may come when something happens to be due.
    let ends = matches!(turn.given, Given::PeerClosed(_) | Given::Timeout | Given::FalseAlarm);
    assert!((ends && is_closed) || is_ours, "a call ends on {:?}", turn.given);
}
