//! Which answers are streams, who may open one, and how it begins.

use super::*;

#[test]
fn what_comes_first_decides_the_shape() {
    for &on in On::AND_INSIDE {
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
    for &on in On::AND_INSIDE {
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
    for &on in On::AND_INSIDE {
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
    for &on in On::AND_INSIDE {
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
    for &on in On::AND_INSIDE {
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
