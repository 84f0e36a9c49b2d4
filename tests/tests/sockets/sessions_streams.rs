//! What sessions of the 2025 revisions are told on, over real sockets: responses as JSON or as event
//! streams, streams that belong to no call, and coming back to either (2025-11-25, basic/transports,
//! "Sending Messages to the Server" to "Resumability and Redelivery").

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::common::client::{HangUp, ToolCall, Wire};
use crate::common::fixture::{Fixture, Gate};
use crate::common::session::{
    Answer, Client, Event, Piece, REVISIONS, is_response, text_in, tool_call,
};
use crate::common::subscription::change_in;
use crate::common::{On, wait_until};
use mcp_proto::Revision;
use mcp_smol::{
    Context, Deadlines, Endpoints, HubDeadlines, HubLimits, LogLevel, Resource, ResponseMode,
    Server, ServerHandle,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// How long "soon" is, and nothing on the way there takes any time.
const SOON: Duration = Duration::from_secs(3);

#[derive(Deserialize, JsonSchema)]
struct Count {
    to: u32,
    /// Bytes of text with each report.
    #[serde(default)]
    bytes: usize,
}

fn server(gate: &Gate) -> Server {
    let [holding, stepping, releasing] = [gate.clone(), gate.clone(), gate.clone()];
    Server::new("streams", "1.0.0")
        .logging()
        .resource(Resource::new("a:", "a"), || "A")
        .tool("hello", "Says hello", || "hello")
        .tool("log", "Logs", |ctx: Context| async move {
            ctx.log(LogLevel::Info, "a message").await;
            "logged"
        })
        .tool("hold", "Waits at the gate", move |_: Context| {
            let gate = holding.clone();
            async move {
                gate.pass().await;
                "held"
            }
        })
        .tool("count", "Counts as fast as it can", |args: Count, ctx: Context| async move {
            for step in 1..=args.to {
                ctx.progress(step.into()).message("x".repeat(args.bytes)).await;
            }
            "counted"
        })
        .tool(
            "step",
            "Counts, and waits at the gate each time",
            move |args: Count, ctx: Context| {
                let gate = stepping.clone();
                async move {
                    for step in 1..=args.to {
                        ctx.progress(step.into()).await;
                        gate.pass().await;
                    }
                    "stepped"
                }
            },
        )
        .tool(
            "release",
            "Counts, and does without its connection each time",
            move |args: Count, ctx: Context| {
                let gate = releasing.clone();
                async move {
                    for step in 1..=args.to {
                        ctx.release_connection();
                        gate.pass().await;
                        ctx.progress(step.into()).await;
                    }
                    "released"
                }
            },
        )
}

fn on_all_runtimes(test: impl Fn(&Fixture)) {
    for &on in On::ALL {
        let fixture = Fixture::start(on, server);
        test(&fixture);
        fixture.stop();
    }
}

fn start_with(on: On, deadlines: HubDeadlines, limits: HubLimits) -> Fixture {
    Fixture::start_with(on, server, |endpoints| {
        endpoints.hub_deadlines(deadlines).hub_limits(limits)
    })
}

#[track_caller]
fn step_of(message: &Value) -> f64 {
    assert_eq!(message["method"], json!("notifications/progress"), "{message}");
    message["params"]["progress"].as_f64().unwrap()
}

/// The steps, and the text of the response that comes last.
#[track_caller]
fn counted(messages: &[Value]) -> (Vec<f64>, String) {
    let (response, steps) = messages.split_last().expect("there are messages");
    assert!(is_response(response), "{messages:#?}");
    (steps.iter().map(step_of).collect(), text_in(response))
}

/// The events up to the end of a stream, or of a connection that it is to do without.
#[track_caller]
fn events(answer: &mut Answer) -> Vec<Event> {
    std::iter::from_fn(|| answer.event()).collect()
}

#[test]
fn what_comes_first_decides_the_shape() {
    for &on in On::ALL {
        let fixture = Fixture::start_with(on, server, |endpoints| {
            let stream_after = Duration::from_millis(200);
            let keep_alive = Duration::from_millis(100);
            endpoints.deadlines(Deadlines { stream_after, keep_alive, ..Deadlines::default() })
        });
        for revision in REVISIONS {
            let client = Client { revision, ..fixture.stranger() }.begin();
            let answer = client.call("hello", json!({}));
            assert!(!answer.is_stream(), "{revision}: {}", answer.head);
            assert_eq!(answer.text(), "hello");
            for (tool, arguments, text) in
                [("count", json!({"to": 1}), "counted"), ("log", json!({}), "logged")]
            {
                let answer = client.call(tool, arguments);
                assert!(answer.is_stream(), "{revision}: {}", answer.head);
                let messages = answer.messages();
                assert_eq!(messages.len(), 2, "{messages:#?}");
                assert_eq!(text_in(&messages[1]), text);
            }
            // Nothing to tell is told as well.
            let begun = Instant::now();
            let mut answer = client.call("hold", json!({}));
            assert!(answer.is_stream(), "{revision}: {}", answer.head);
            assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
            answer.primed();
            assert_eq!((answer.piece(), answer.piece()), (Piece::Comment, Piece::Comment));
            fixture.gate.open(1);
            assert_eq!(answer.text(), "held");
            // A client without streams, and a server without.
            let client = Client { accept: "application/json", ..client };
            let answer = client.call("count", json!({"to": 3}));
            assert!(!answer.is_stream(), "{revision}: {}", answer.head);
            assert_eq!(answer.text(), "counted");
        }
        fixture.stop();
    }
}

#[test]
fn a_server_that_is_pinned_to_json_has_no_streams() {
    for &on in On::ALL {
        let pinned = |gate: &Gate| server(gate).response_mode(ResponseMode::Json);
        let fixture = Fixture::start(on, pinned);
        let answer = fixture.client().call("count", json!({"to": 3}));
        assert!(!answer.is_stream(), "{}", answer.head);
        assert_eq!(answer.text(), "counted");
        fixture.stop();
    }
}

#[test]
fn a_server_that_is_pinned_to_streams_has_sessions() {
    for &on in On::ALL {
        let pinned = |gate: &Gate| server(gate).response_mode(ResponseMode::EventStream);
        let fixture = Fixture::start(on, pinned);
        let answer = fixture.client().call("hello", json!({}));
        assert!(answer.is_stream(), "{}", answer.head);
        assert_eq!(answer.text(), "hello");
        fixture.stop();
    }
}

#[test]
fn streams_are_primed_where_clients_know_that() {
    for &on in On::ALL {
        for (retry, milliseconds) in [(None, 1_000), (Some(Duration::from_millis(250)), 250)] {
            let mut deadlines = HubDeadlines::default();
            deadlines.retry = retry.unwrap_or(deadlines.retry);
            let fixture = start_with(on, deadlines, HubLimits::default());
            for revision in REVISIONS {
                let client = Client { revision, ..fixture.stranger() }.begin();
                let of_call = client.call("count", json!({"to": 2}));
                let of_none = client.get();
                fixture.handle.notify_tools_list_changed();
                for (mut answer, messages) in [(of_call, 3), (of_none, 1)] {
                    if revision == Revision::V2025_11_25 {
                        let event = answer.event().unwrap();
                        assert_eq!((event.place().1, event.message), (0, None));
                        assert_eq!(event.retry, Some(milliseconds));
                    }
                    for _ in 0..messages {
                        assert!(answer.event().unwrap().message.is_some());
                    }
                }
            }
            fixture.stop();
        }
    }
}

#[test]
fn every_event_of_a_session_has_an_id_of_its_own() {
    on_all_runtimes(|fixture| {
        for revision in REVISIONS {
            let client = Client { revision, ..fixture.stranger() }.begin();
            let mut gets = [client.get(), client.get()];
            // Those of responses that are no streams cost none, or they do.
            client.call("hello", json!({}));
            let underway = [2, 3, 4].map(|to| client.call("count", json!({"to": to})));
            let mut streams: Vec<_> = underway.into_iter().map(|mut it| events(&mut it)).collect();
            fixture.handle.notify_tools_list_changed();
            fixture.handle.notify_prompts_list_changed();
            client.delete();
            streams.extend(gets.iter_mut().map(events));

            let mut known = BTreeSet::new();
            for events in streams.iter().filter(|events| !events.is_empty()) {
                let places: Vec<_> = events.iter().map(Event::place).collect();
                assert!(places.is_sorted_by(|a, b| a.0 == b.0 && a.1 < b.1), "{places:?}");
                assert!(known.insert(places[0].0), "the stream {} is there twice", places[0].0);
            }
        }
    });
}

#[test]
fn who_may_have_a_stream_that_belongs_to_no_call() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        assert_eq!(fixture.stranger().get().refusal(), (400, -32600));
        for accept in ["application/json", "text/event-stream;q=0", "text/html"] {
            let client = Client { accept, ..client.clone() };
            assert_eq!(client.get().status, 406, "{accept}");
            assert_eq!(client.resume("1-0").status, 406, "{accept}");
        }
        for accept in ["text/event-stream", "*/*", "application/json, text/event-stream"] {
            let answer = Client { accept, ..client.clone() }.get();
            assert_eq!((answer.status, answer.is_stream()), (200, true), "{accept}");
        }
        // 2026-07-28 has none, whatever else the request has.
        for client in [client.clone(), fixture.stranger()] {
            let modern = Client { revision: Revision::V2026_07_28, ..client };
            let answer = modern.get();
            assert_eq!(answer.status, 405);
            assert!(answer.field("allow").unwrap().contains("POST"), "{}", answer.head);
        }
        fixture.has_streams(0);
    });
}

#[test]
fn where_nothing_can_change_only_streams_of_calls_are_resumed() {
    for &on in On::ALL {
        let server = server(&Gate::default());
        let running = on.serve(Endpoints::new().mount("/mcp", server));
        let client = Client::new(running.address).begin();
        let answer = client.get();
        assert_eq!(answer.status, 405);
        assert!(answer.field("allow").unwrap().contains("POST"), "{}", answer.head);
        let mut answer = client.call("count", json!({"to": 3}));
        answer.primed();
        assert_eq!(step_of(&answer.message()), 1.0);
        let id = answer.last_id().to_owned();
        answer.hang_up(HangUp::Fin);
        let messages = client.resume(&id).messages();
        assert_eq!(counted(&messages), (vec![2.0, 3.0], "counted".into()));
        running.stop().unwrap();
    }
}

#[test]
fn sessions_hear_of_changes() {
    on_all_runtimes(|fixture| {
        for revision in REVISIONS {
            let client = Client { revision, ..fixture.stranger() }.begin();
            let other = Client { revision, ..fixture.stranger() }.begin();
            for uri in ["a:", "b:", "a:", "last:"] {
                let result = client.request("resources/subscribe", json!({"uri": uri})).result();
                assert_eq!(result, json!({}));
            }
            other.request("resources/subscribe", json!({"uri": "last:"})).result();
            let (mut stream, mut others) = (client.get(), other.get());
            let mut hear = |expected: &[&str], others_expected: &[&str]| {
                fixture.handle.notify_resources_list_changed();
                fixture.handle.notify_resource_updated("a:");
                fixture.handle.notify_tools_list_changed();
                fixture.handle.notify_resource_updated("A:");
                fixture.handle.notify_prompts_list_changed();
                fixture.handle.notify_resource_updated("b:");
                fixture.handle.notify_resource_updated("last:");
                for (stream, expected) in [(&mut stream, expected), (&mut others, others_expected)]
                {
                    let mut heard: Vec<_> =
                        (0..expected.len()).map(|_| change_in(&stream.message())).collect();
                    heard.sort_unstable();
                    assert_eq!(heard, expected, "{revision}");
                }
            };
            let lists = ["last:", "prompts", "resources", "tools"];
            hear(&["a:", "b:", "last:", "prompts", "resources", "tools"], &lists);
            for uri in ["b:", "b:", "never:"] {
                let result = client.request("resources/unsubscribe", json!({"uri": uri})).result();
                assert_eq!(result, json!({}));
            }
            hear(&["a:", "last:", "prompts", "resources", "tools"], &lists);
            client.request("resources/unsubscribe", json!({"uri": "a:"})).result();
            hear(&lists, &lists);
            for method in ["resources/subscribe", "resources/unsubscribe"] {
                for params in [json!({}), json!({"uri": 7}), json!([])] {
                    let error = client.request(method, params).error();
                    assert_eq!(error["code"], json!(-32602));
                }
            }
        }
    });
}

#[test]
fn changes_wait_as_a_set() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        for uri in ["a:", "last:"] {
            client.request("resources/subscribe", json!({"uri": uri})).result();
        }
        // With nobody to tell, and nobody to tell any more.
        for _ in 0..2 {
            for _ in 0..100 {
                fixture.handle.notify_tools_list_changed();
                fixture.handle.notify_resource_updated("a:");
            }
            let mut stream = client.get();
            let mut heard = [change_in(&stream.message()), change_in(&stream.message())];
            heard.sort_unstable();
            assert_eq!(heard, ["a:", "tools"]);
            fixture.handle.notify_resource_updated("last:");
            assert_eq!(change_in(&stream.message()), "last:");
            stream.hang_up(HangUp::Rst);
            fixture.has_streams(0);
        }
        // A subscription that has ended has nothing to wait for.
        fixture.handle.notify_resource_updated("a:");
        client.request("resources/unsubscribe", json!({"uri": "a:"})).result();
        fixture.handle.notify_resource_updated("last:");
        assert_eq!(change_in(&client.get().message()), "last:");
    });
}

#[test]
fn nothing_is_told_before_the_client_is_ready() {
    for &on in On::ALL {
        let keep_alive = Duration::from_millis(100);
        let deadlines = Deadlines { keep_alive, ..Deadlines::default() };
        let fixture = Fixture::start_with(on, server, |endpoints| endpoints.deadlines(deadlines));
        let client = fixture.stranger().introduced();
        client.request("resources/subscribe", json!({"uri": "last:"})).result();
        let mut stream = client.get();
        stream.primed();
        fixture.handle.notify_tools_list_changed();
        fixture.handle.notify_resource_updated("last:");
        assert_eq!((stream.piece(), stream.piece()), (Piece::Comment, Piece::Comment));
        client.notify("notifications/initialized", json!({}));
        fixture.handle.notify_resource_updated("last:");
        // Whether that of before is told now is another matter.
        while change_in(&stream.message()) != "last:" {}
        fixture.stop();
    }
}

#[test]
fn each_message_is_on_one_of_several_streams() {
    const CHANGES: usize = 60;
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        let uris: Vec<_> = (0..CHANGES).map(|n| format!("n:{n}")).collect();
        for uri in &uris {
            client.request("resources/subscribe", json!({"uri": uri})).result();
        }
        let streams = [client.get(), client.get(), client.get()];
        fixture.has_streams(3);
        let (hear, heard) = std::sync::mpsc::channel();
        let readers = streams.map(|mut stream| {
            let hear = hear.clone();
            std::thread::spawn(move || {
                for event in events(&mut stream) {
                    event.message.iter().for_each(|it| hear.send(change_in(it)).unwrap());
                }
            })
        });
        drop(hear);
        uris.iter().for_each(|uri| fixture.handle.notify_resource_updated(uri));
        fixture.handle.notify_tools_list_changed();
        // Ends the streams behind all that came before.
        fixture.running.begin_stop();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        let mut heard: Vec<_> = heard.iter().collect();
        heard.sort_unstable();
        let mut expected = uris;
        expected.push("tools".into());
        expected.sort_unstable();
        assert_eq!(heard, expected);
    });
}

#[test]
fn changes_go_to_a_stream_that_is_left() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        for how in HangUp::BOTH {
            let mut streams = vec![client.get(), client.get(), client.get()];
            streams.iter_mut().for_each(Answer::primed);
            while let Some(stream) = streams.pop() {
                let left = streams.len();
                fixture.has_streams(left + 1);
                stream.hang_up(how);
                fixture.has_streams(left);
            }
            // None of them was there for it, and the next is.
            fixture.handle.notify_tools_list_changed();
            assert_eq!(change_in(&client.get().message()), "tools");
            fixture.has_streams(0);
        }
    });
}

#[test]
fn responses_are_on_the_stream_of_their_call() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        let mut get = client.get();
        for _ in 0..10 {
            let messages = client.call("count", json!({"to": 2})).messages();
            assert_eq!(counted(&messages), (vec![1.0, 2.0], "counted".into()));
        }
        // A call whose client is gone, too, has no other stream.
        let mut answer = client.call("step", json!({"to": 1}));
        assert_eq!(step_of(&answer.message()), 1.0);
        answer.hang_up(HangUp::Fin);
        wait_until("its connection", || fixture.counters.open_connections() == 1);
        fixture.gate.open(1);
        fixture.has_calls(0);
        fixture.handle.notify_tools_list_changed();
        assert_eq!(change_in(&get.message()), "tools");
    });
}

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
    for &on in On::ALL {
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
    for &on in On::ALL {
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
    for &on in On::ALL {
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
    for &on in On::ALL {
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
    for &on in On::ALL {
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
