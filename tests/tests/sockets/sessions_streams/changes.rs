//! What is told on which stream.

use super::*;

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
    for &on in On::AND_INSIDE {
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
