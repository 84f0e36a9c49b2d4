//! Streams that are left and come back to: `Last-Event-ID`, and what is kept for it.

use super::*;

#[test]
fn a_handler_may_do_without_its_connection() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        let mut answer = client.call("release", json!({"to": 3}));
        for step in [1.0, 2.0, 3.0] {
            // The response ends in good order, the call does not.
            let begun = Instant::now();
            let last = events(&mut answer);
            assert!(begun.elapsed() < SOON, "after {:?}", begun.elapsed());
            let steps: Vec<_> = last.iter().filter_map(|event| event.message.as_ref()).collect();
            assert_eq!(steps.len(), usize::from(step > 1.0), "{steps:?}");
            assert_eq!(fixture.counters.calls_in_flight(), 1);
            // It has nobody to do without before the client is back.
            answer = client.resume(answer.last_id());
            fixture.gate.open(1);
        }
        let messages = answer.messages();
        assert_eq!(counted(&messages), (vec![3.0], "released".into()));

        // It goes on while nobody is there.
        let mut answer = client.call("release", json!({"to": 1}));
        assert_eq!(events(&mut answer).len(), 1);
        fixture.gate.open(1);
        fixture.has_calls(0);
        let messages = client.resume(answer.last_id()).messages();
        assert_eq!(counted(&messages), (vec![1.0], "released".into()));
    });
}

#[test]
fn what_was_reported_before_is_said_before_the_connection_goes() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        let mut answer = client.call("part", json!({}));
        let last = events(&mut answer);
        assert_eq!(last.iter().filter(|event| event.message.is_some()).count(), 1);
        fixture.gate.open(1);
        let messages = client.resume(answer.last_id()).messages();
        assert_eq!(counted(&messages), (vec![], "parted".into()));
    });
}

#[test]
fn a_connection_is_kept_where_nobody_could_come_back() {
    on_all_runtimes(|fixture| {
        fixture.gate.open(100);
        let client = fixture.client();
        // Without streams, or without a session, and on the revision that has neither.
        let arguments = json!({"to": 2});
        let json_only = Client { accept: "application/json", ..client.clone() };
        assert_eq!(json_only.call("release", arguments.clone()).text(), "released");
        let answer = fixture.stranger().call("release", arguments.clone());
        assert_eq!(counted(&answer.messages()), (vec![1.0, 2.0], "released".into()));
        let modern = ToolCall::new(Wire::Modern, "release", arguments.clone());
        let response = modern.send(client.address);
        assert_eq!(counted(&response.messages()), (vec![1.0, 2.0], "released".into()));
        // Clients of before 2025-11-25 do not know that trick, and lose nothing by it.
        for revision in REVISIONS {
            let client = Client { revision, ..fixture.stranger() }.begin();
            let messages = client.follow(client.call("release", arguments.clone()));
            assert_eq!(counted(&messages), (vec![1.0, 2.0], "released".into()), "{revision}");
        }
    });
}

#[test]
fn a_stream_goes_on_behind_the_last_event_and_it_alone() {
    on_all_runtimes(|fixture| {
        for revision in REVISIONS {
            let client = Client { revision, ..fixture.stranger() }.begin();
            let mut get = client.get();
            fixture.handle.notify_tools_list_changed();
            assert_eq!(change_in(&get.message()), "tools");
            let streams = [4, 2].map(|to| events(&mut client.call("count", json!({"to": to}))));
            for stream in &streams {
                for (nth, event) in stream.iter().enumerate() {
                    let mut again = client.resume(&event.id);
                    assert_eq!((again.status, again.is_stream()), (200, true));
                    let mut rest = events(&mut again);
                    rest.retain(|event| event.message.is_some());
                    assert_eq!(rest, stream[nth + 1..], "{revision}: behind {}", event.id);
                }
            }
            // The other stream is where it was.
            fixture.handle.notify_prompts_list_changed();
            assert_eq!(change_in(&get.message()), "prompts");
        }
    });
}

#[test]
fn a_stream_that_belongs_to_no_call_goes_on_as_well() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        client.request("resources/subscribe", json!({"uri": "last:"})).result();
        let notify: [fn(&ServerHandle); 2] =
            [ServerHandle::notify_tools_list_changed, ServerHandle::notify_prompts_list_changed];
        // Two streams, one after the other, each with a change of its own.
        let ids = notify.map(|notify| {
            let mut stream = client.get();
            notify(&fixture.handle);
            let first = stream.event().unwrap();
            // An older client is not primed, and would begin anew.
            assert_eq!(first.message, None);
            stream.message();
            stream.hang_up(HangUp::Fin);
            fixture.has_streams(0);
            first.id
        });
        for (id, expected) in ids.iter().zip(["tools", "prompts"]) {
            let mut stream = client.resume(id);
            assert_eq!(change_in(&stream.message()), expected);
            fixture.handle.notify_resource_updated("last:");
            assert_eq!(change_in(&stream.message()), "last:");
            stream.hang_up(HangUp::Rst);
            fixture.has_streams(0);
        }
    });
}

#[test]
fn what_cannot_be_resumed_is_refused() {
    on_all_runtimes(|fixture| {
        let (client, other) = (fixture.client(), fixture.client());
        let known = events(&mut client.call("count", json!({"to": 2})));
        let (stream, last) = known.last().unwrap().place();
        for id in [
            format!("{}-0", stream + 1),
            format!("{}-1", u64::MAX),
            format!("{stream}-{}", last + 1),
            format!("{stream}-{}", u64::MAX),
            format!("{stream}-99999999999999999999"),
            format!("{stream}-"),
            format!("{stream}"),
            format!("-{last}"),
            format!("{stream}-{last}-1"),
            format!("{stream}-+1"),
            format!("0{stream}-1"),
            format!("{stream} -1"),
            "x".into(),
            "x-y".into(),
            "\u{e9}-1".into(),
            "9".repeat(10_000),
        ] {
            let answer = client.resume(&id);
            assert_eq!(answer.refusal(), (400, -32600), "{id:?}");
        }
        // What another session has been told is none of this one's business.
        for event in &known {
            assert_eq!(other.resume(&event.id).refusal(), (400, -32600));
        }
        assert!(client.lives() && other.lives());
        fixture.has_streams(0);
    });
}

#[test]
fn the_newer_connection_has_the_stream() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        let mut older = client.call("step", json!({"to": 3}));
        older.primed();
        let begin = older.last_id().to_owned();
        for _ in 0..3 {
            assert_eq!(step_of(&older.message()), 1.0);
            let newer = client.resume(&begin);
            let begun = Instant::now();
            older.ended();
            assert!(begun.elapsed() < SOON, "after {:?}", begun.elapsed());
            older = newer;
        }
        fixture.gate.open(3);
        let messages = older.messages();
        assert_eq!(counted(&messages), (vec![1.0, 2.0, 3.0], "stepped".into()));

        let mut older = client.get();
        older.primed();
        let mut newer = client.resume(older.last_id());
        older.ended();
        fixture.has_streams(1);
        fixture.handle.notify_tools_list_changed();
        assert_eq!(change_in(&newer.message()), "tools");
    });
}

#[test]
fn to_come_back_to_a_call_takes_no_other_stream_away() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        let mut get = client.get();
        get.primed();
        let mut call = client.call("step", json!({"to": 2}));
        assert_eq!(step_of(&call.message()), 1.0);
        let id = call.last_id().to_owned();
        for how in HangUp::BOTH {
            call.hang_up(how);
            call = client.resume(&id);
            fixture.handle.notify_tools_list_changed();
            assert_eq!(change_in(&get.message()), "tools");
        }
        fixture.gate.open(2);
        assert_eq!(counted(&call.messages()), (vec![2.0], "stepped".into()));
    });
}

#[test]
fn to_leave_a_call_is_not_to_cancel_it() {
    on_all_runtimes(|fixture| {
        for how in HangUp::BOTH {
            let client = fixture.client();
            // Without an event there is nothing to come back with, and it is done all the same.
            let held = client.send(&tool_call(json!(1), "hold", json!({})));
            let mut stepping = client.call("step", json!({"to": 4}));
            assert_eq!(step_of(&stepping.message()), 1.0);
            fixture.has_calls(2);
            let id = stepping.last_id().to_owned();
            held.hang_up(how);
            stepping.hang_up(how);
            wait_until("the connections", || fixture.counters.open_connections() == 0);
            assert_eq!(fixture.counters.calls_in_flight(), 2);
            fixture.gate.open(5);
            fixture.has_calls(0);
            let messages = client.resume(&id).messages();
            assert_eq!(counted(&messages), (vec![2.0, 3.0, 4.0], "stepped".into()));
            assert!(client.lives());
        }
    });
}

/// Bounds of which each alone makes the log of a session short.
fn short_logs() -> [HubLimits; 2] {
    let bytes = 8 * 1024;
    [
        HubLimits { replay_bytes: bytes, ..HubLimits::default() },
        HubLimits { total_replay_bytes: bytes, ..HubLimits::default() },
    ]
}

#[test]
fn what_is_kept_is_bounded_and_holds_up_nobody() {
    for &on in On::AND_INSIDE {
        for limits in short_logs() {
            let fixture = start_with(on, HubDeadlines::default(), limits);
            let client = fixture.client();
            // With someone there to take it, and with nobody.
            let all = events(&mut client.call("count", json!({"to": 40, "bytes": 1024})));
            assert_eq!(all.iter().filter(|event| event.message.is_some()).count(), 41);
            let near_the_end = &all[all.len() - 3..];
            let mut rest = events(&mut client.resume(&near_the_end[0].id));
            rest.retain(|event| event.message.is_some());
            assert_eq!(rest, near_the_end[1..]);
            let answer = client.resume(&all[1].id);
            if answer.status == 200 {
                assert!(answer.messages().len() < 10, "more than is to be kept");
            }

            let mut answer = client.call("step", json!({"to": 1_000}));
            assert_eq!(step_of(&answer.message()), 1.0);
            answer.hang_up(HangUp::Fin);
            wait_until("its connection", || fixture.counters.open_connections() == 0);
            fixture.gate.open(1_000);
            fixture.has_calls(0);
            assert!(client.lives());
            fixture.stop();
        }
    }
}

#[test]
fn as_many_streams_are_kept_as_the_limit() {
    for &on in On::AND_INSIDE {
        let limits = HubLimits { streams: 2, ..HubLimits::default() };
        let fixture = start_with(on, HubDeadlines::default(), limits);
        let (client, other) = (fixture.client(), fixture.client());
        let mut get = client.get();
        get.primed();
        let others = events(&mut other.call("count", json!({"to": 1})));
        let mut stepping = client.call("step", json!({"to": 1}));
        stepping.primed();
        let all: Vec<_> =
            (0..3).map(|_| events(&mut client.call("count", json!({"to": 1})))).collect();
        // The oldest is gone. Those that are open do not count, nor do those of others.
        assert_eq!(client.resume(&all[0][0].id).refusal(), (400, -32600));
        for (client, events) in [(&client, &all[1]), (&client, &all[2]), (&other, &others)] {
            let messages = client.resume(&events[0].id).messages();
            assert_eq!(counted(&messages), (vec![1.0], "counted".into()));
        }
        let mut stepping = client.resume(stepping.last_id());
        assert_eq!(step_of(&stepping.message()), 1.0);
        fixture.gate.open(1);
        assert_eq!(stepping.text(), "stepped");
        let mut get = client.resume(get.last_id());
        fixture.handle.notify_tools_list_changed();
        assert_eq!(change_in(&get.message()), "tools");
        fixture.stop();
    }
}

/// A late answer is better than none, if the client has missed some progress on the way.
#[test]
fn who_has_missed_what_is_no_longer_kept_gets_the_rest() {
    for &on in On::AND_INSIDE {
        for limits in short_logs() {
            let fixture = start_with(on, HubDeadlines::default(), limits);
            let client = fixture.client();
            let all = events(&mut client.call("count", json!({"to": 40, "bytes": 1024})));
            let rest = events(&mut client.resume(&all[1].id));
            assert!((1..20).contains(&rest.len()), "{rest:#?}");
            assert_eq!(rest, all[all.len() - rest.len()..]);
            fixture.stop();
        }
    }
}

#[test]
fn who_has_missed_the_answer_is_told_so() {
    for &on in On::AND_INSIDE {
        let limits = HubLimits { replay_bytes: 100, ..HubLimits::default() };
        let fixture = start_with(on, HubDeadlines::default(), limits);
        let client = fixture.client();
        let all = events(&mut client.call("count", json!({"to": 3})));
        assert_eq!(client.resume(&all[1].id).refusal(), (400, -32600));
        fixture.stop();
    }
}

#[test]
fn what_is_kept_is_not_kept_for_ever() {
    for &on in On::AND_INSIDE {
        let replay = Duration::from_millis(300);
        let deadlines = HubDeadlines { replay, ..HubDeadlines::default() };
        let fixture = start_with(on, deadlines, HubLimits::default());
        let client = fixture.client();
        let events = events(&mut client.call("count", json!({"to": 3})));
        assert_eq!(client.resume(&events[1].id).messages().len(), 3);
        // To come back to it may be to have it kept for longer.
        wait_until("the end of the stream", || {
            std::thread::sleep(2 * replay);
            client.resume(&events[1].id).status == 400
        });
        // A call that is still going on has no such end.
        let mut answer = client.call("step", json!({"to": 2}));
        assert_eq!(step_of(&answer.message()), 1.0);
        std::thread::sleep(2 * replay);
        fixture.gate.open(2);
        assert_eq!(counted(&answer.messages()), (vec![2.0], "stepped".into()));
        fixture.stop();
    }
}
