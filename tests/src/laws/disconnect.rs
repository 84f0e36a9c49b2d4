//! Law 9: a disconnect is an event, not an error: it is reported once, with what was lost (bytes
//! received of bytes announced), and nothing else comes of it.

use std::collections::BTreeSet;

use mcp_proto::{Event, Lost, LostRequest, PeerClosed};

use super::exchanges::Exchanges;
use crate::http::Response;
use crate::script::Script;
use crate::sent::skip_empty_lines;
use crate::simulation::{Given, Manners, Seen, Simulation, Trace, Turn};

/// What a report says, in the order of [`LostRequest`]'s fields.
type Report = (Option<usize>, Lost, u64, Option<u64>);

/// Checks law 9.
pub fn check(script: &Script) {
    for manners in [Manners::PUSHY, Manners::POLITE] {
        check_trace(&Simulation::run(script, manners), script);
    }
}

fn check_trace(trace: &Trace, script: &Script) {
    let mut is_closed = false;
    // What a FIN has done that comes behind calls which the hub was asked about first.
    let mut put_off: Option<(bool, Vec<Report>)> = None;
    for (number, turn) in trace.turns.iter().enumerate() {
        check_subscriptions(trace, turn);
        let reported: Vec<Report> = turn.outputs.iter().filter_map(report).collect();
        let next = trace.turns.get(number + 1).map(|next| &next.given);
        let is_asked = matches!(next, Some(Given::Admitted | Given::Refused(..)));
        let is_put_off = is_asked && reported.is_empty();
        match turn.given {
            _ if put_off.is_some() && is_put_off => {}
            _ if put_off.is_some() => {
                let (is_end, expected) = put_off.take().unwrap_or_default();
                assert_eq!(reported, expected, "lost, by a FIN before {:?}", turn.given);
                assert_eq!(turn.outputs.contains(&Seen::Close), is_end, "closed");
            }
            Given::PeerClosed(_) if !is_closed => {
                let (is_end, expected) = expect(trace, number, script);
                assert_eq!(reported, expected, "lost, by {:?}", turn.given);
                assert_eq!(turn.outputs.contains(&Seen::Close), is_end, "closed");
                for output in &turn.outputs {
                    let is_due = matches!(
                        output,
                        Seen::Event(Event::RequestLost(_) | Event::StreamEnded { .. })
                            | Seen::Cancelled(_)
                            | Seen::HandedOver(_)
                            | Seen::AuthorizationCancelled(_)
                            | Seen::Close
                    );
                    assert!(is_due, "a disconnect causes {output:?}");
                }
            }
            // A peer that does not read counts as gone.
            Given::Timeout | Given::FalseAlarm
                if (!reported.is_empty() || is_given_up(trace, number))
                    && deferred_fin(trace, number).is_none() =>
            {
                assert_ne!(unsent_before(trace, number), 0, "lost without a disconnect");
                assert_eq!(reported, expect(trace, number, script).1, "lost, by a stalled reader");
            }
            _ => match deferred_fin(trace, number) {
                Some(deferred) => {
                    let (is_end, expected) = expect(&deferred, number + 1, script);
                    if is_put_off {
                        put_off = Some((is_end, expected));
                        continue;
                    }
                    assert_eq!(reported, expected, "lost, by a FIN before {:?}", turn.given);
                    assert_eq!(turn.outputs.contains(&Seen::Close), is_end, "closed");
                }
                None => assert_eq!(reported, [], "lost, by {:?}", turn.given),
            },
        }
        is_closed |= turn.outputs.contains(&Seen::Close);
    }
}

/// If a request waited to be let in when its peer sent a FIN that did not end it, and does not any
/// more by the given turn: the same trace with the FIN behind that turn, where it counts.
fn deferred_fin(trace: &Trace, number: usize) -> Option<Trace> {
    let (turn, before) = (&trace.turns[number], &trace.turns[..number]);
    let has_ended = matches!(turn.given, Given::Authorized(_, true))
        || turn.outputs.iter().any(|output| matches!(output, Seen::AuthorizationCancelled(_)));
    let since = before.iter().rposition(|turn| turn.outputs.iter().any(is_authorize))?;
    let is_fin = |turn: &Turn| turn.given == Given::PeerClosed(PeerClosed::Fin);
    let fin = since + before[since..].iter().position(is_fin)?;
    // The end of a shutdown is one of everything.
    let is_cut =
        turn.outputs.contains(&Seen::Close) && !matches!(turn.given, Given::Authorized(..));
    if !has_ended || is_cut {
        return None;
    }
    let mut turns = trace.turns[..=number].to_vec();
    for turn in turns.iter_mut().skip(fin) {
        // What comes behind a FIN is nothing.
        turn.fed = trace.turns[fin].fed;
        if is_fin(turn) {
            turn.given = Given::FalseAlarm;
        }
    }
    let mut last = turns.last()?.clone();
    last.given = Given::PeerClosed(PeerClosed::Fin);
    // What the FIN does is still to come.
    turns.last_mut()?.outputs.retain(|output| {
        !matches!(
            output,
            Seen::Event(Event::RequestLost(_) | Event::StreamEnded { .. })
                | Seen::Cancelled(_)
                | Seen::HandedOver(_)
                | Seen::Close
        )
    });
    turns.push(last);
    let (emitted, calls) = (trace.emitted.clone(), Vec::new());
    Some(Trace { turns, emitted, calls, ..Trace::default() })
}

/// Whether a request waits to be let in.
fn is_waiting(turns: &[Turn]) -> bool {
    let mut is_waiting = false;
    for turn in turns {
        is_waiting &= !matches!(turn.given, Given::Authorized(_, true));
        for output in &turn.outputs {
            match output {
                Seen::Authorize(..) => is_waiting = true,
                Seen::AuthorizationCancelled(_) => is_waiting = false,
                _ => {}
            }
        }
    }
    is_waiting
}

const fn is_authorize(output: &Seen) -> bool {
    matches!(output, Seen::Authorize(..))
}

/// The end of a subscription is reported as what it is, once.
fn check_subscriptions(trace: &Trace, turn: &Turn) {
    let outputs = || turn.outputs.iter();
    let reported =
        outputs().filter(|output| matches!(output, Seen::Event(Event::StreamEnded { .. })));
    let ended = outputs().filter(
        |output| matches!(output, Seen::Cancelled(call) if trace.calls[*call].is_endless()),
    );
    assert_eq!(reported.count(), ended.count(), "ends of subscriptions, by {:?}", turn.given);
}

/// Whether the application is at work, and the response cannot be complete.
fn has_open_call(turns: &[Turn]) -> bool {
    let mut open = BTreeSet::new();
    for turn in turns {
        if let Given::Reply(Some(call), _) | Given::Refused(Some(call), _) = turn.given {
            open.remove(&call);
        }
        for output in &turn.outputs {
            match output {
                Seen::Call(call, _) => open.insert(*call),
                Seen::Cancelled(call) | Seen::HandedOver(call) => open.remove(call),
                _ => continue,
            };
        }
    }
    !open.is_empty()
}

fn unsent_before(trace: &Trace, number: usize) -> usize {
    number.checked_sub(1).map_or(0, |last| trace.turns[last].unsent)
}

/// Whether this turn ends a connection because its peer does not read.
fn is_given_up(trace: &Trace, number: usize) -> bool {
    let is_shut_down = trace.turns[..number].iter().any(|turn| turn.given == Given::Shutdown);
    let is_end = trace.turns[number].outputs.contains(&Seen::Close);
    is_end && !is_shut_down && unsent_before(trace, number) > 0
}

fn report(output: &Seen) -> Option<Report> {
    match output {
        Seen::Event(Event::RequestLost(LostRequest {
            endpoint,
            call,
            stage,
            received,
            announced,
            ..
        })) => {
            assert_eq!(call.is_some(), *stage == Lost::InCall, "{output:?}");
            Some((*endpoint, *stage, *received, *announced))
        }
        _ => None,
    }
}

/// What a disconnect at the given turn should do: whether it ends the connection, and what it
/// loses. A function of the bytes in both directions, and of which requests have become calls.
fn expect(trace: &Trace, number: usize, script: &Script) -> (bool, Vec<Report>) {
    let turn = &trace.turns[number];
    let before = &trace.turns[..number];
    let unsent = before.last().map_or(0, |turn| turn.unsent);
    let was_given = |given: fn(&Given) -> bool| before.iter().any(|turn| given(&turn.given));
    let mut seen = before.iter().flat_map(|turn| &turn.outputs);
    if seen.any(|output| *output == Seen::ShutdownWrite) {
        // All is said; what the peer still sends is thrown away.
        return (true, Vec::new());
    }

    let stream = &script.stream[..turn.fed];
    let exchanges = Exchanges::read(before, &trace.emitted, script, turn.fed);
    let (requests, responses) = (&exchanges.requests, &exchanges.responses);
    // The request in hand is the first whose response is not yet out.
    let last = responses.finals.last().zip(responses.finals.len().checked_sub(1));
    let is_open = has_open_call(before);
    let is_streaming = |response: &Response| is_open && !response.is_complete;
    let begun = last.filter(|(response, _)| is_streaming(response) || unsent > 0);
    // Bytes of `100 Continue` belong to the next.
    let begun = begun.filter(|_| responses.interim == 0);
    let index = begun.map_or(responses.finals.len(), |(_, index)| index);
    let Some(request) = requests.get(index) else {
        return (true, Vec::new());
    };

    let is_refused = |response: &Response| {
        let since = before.iter().position(|turn| turn.emitted.contains(&response.start));
        let turns = before.iter().skip(since.unwrap_or(before.len()));
        // The calls of a batch are refused one by one, and the first says it.
        let is_same = |turn: &&Turn| {
            turn.emitted.contains(&response.start) || matches!(turn.given, Given::Refused(..))
        };
        let mut outputs = turns.take_while(is_same).flat_map(|turn| &turn.outputs);
        outputs.any(|output| matches!(output, Seen::Event(Event::Refused { .. })))
    };
    let stage = match &begun {
        None if is_waiting(before) => Some(Lost::InAuthorization),
        None if !request.has_head => Some(Lost::InHead),
        None if request.end.is_none() => Some(Lost::InBody),
        None => Some(Lost::InCall),
        Some((response, _)) if is_streaming(response) => Some(Lost::InCall),
        // That it was refused has been reported.
        Some((response, _)) if is_refused(response) => None,
        Some(_) => Some(Lost::InResponse),
    };
    let is_served = matches!(stage, Some(Lost::InCall | Lost::InResponse)) || begun.is_some();
    let endpoint = before
        .iter()
        .flat_map(|turn| &turn.outputs)
        .filter_map(|output| match output {
            Seen::Event(Event::Refused { endpoint, .. }) => Some(*endpoint),
            _ => None,
        })
        .next_back()
        .filter(|_| stage.is_none())
        .unwrap_or_else(|| Some(usize::from(request.is_for_other())));

    let message = request.message().unwrap_or_default();
    let is_subscription = message.method == "subscriptions/listen" || request.method == "GET";
    let has_half_closed = was_given(|given| matches!(given, Given::PeerClosed(_)));
    let keeps_alive = match &begun {
        Some((response, _)) => !response.closes(),
        None => request.keeps_alive(),
    };
    let keeps_alive =
        keeps_alive && !has_half_closed && !was_given(|given| *given == Given::Shutdown);
    let is_end = !(turn.given == Given::PeerClosed(PeerClosed::Fin)
        && script.setup.answer_half_closed
        && (is_served || stage == Some(Lost::InAuthorization))
        && endpoint == Some(0));

    let mut expected = Vec::new();
    match stage {
        Some(Lost::InHead) => {
            expected.push((None, Lost::InHead, (turn.fed - request.start) as u64, None));
        }
        // Nothing is lost of a subscription: to leave is the way to end it.
        Some(Lost::InCall) if is_subscription => {}
        Some(stage) if is_end => {
            let received = match stage {
                Lost::InAuthorization => 0,
                _ => request.body.len() as u64,
            };
            expected.push((endpoint, stage, received, request.announced));
        }
        _ => {}
    }
    if let Some(end) = request.end.filter(|_| is_served && keeps_alive) {
        let waiting = turn.fed - skip_empty_lines(stream, end);
        if waiting > 0 {
            expected.push((None, Lost::InHead, waiting as u64, None));
        }
    }
    (is_end, expected)
}
