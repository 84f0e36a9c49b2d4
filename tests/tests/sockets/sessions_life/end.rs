//! How sessions end: by their client, by time, to make room, and with the server.

use super::*;

#[test]
fn a_client_ends_its_session() {
    on_all_runtimes(|fixture| {
        let (client, other) = (fixture.client(), fixture.client());
        let mut streams = [client.get(), client.get()];
        streams.iter_mut().for_each(Answer::primed);
        let mut others = other.get();
        others.primed();
        let held = client.send(&tool_call(json!(1), "hold", json!({})));
        let mut streaming = client.call("stream", json!({}));
        assert_eq!(streaming.message()["method"], json!("notifications/progress"));
        let others_call = other.send(&tool_call(json!(1), "hold", json!({})));
        fixture.has_calls(3);
        fixture.has_streams(3);

        let answer = client.delete();
        assert_eq!(answer.status, 204);
        assert_eq!(fixture.counters.open_sessions(), 1);
        // Its calls are gone, and what it was still to be told with them.
        fixture.has_calls(1);
        fixture.has_streams(1);
        streaming.ended();
        streams.into_iter().for_each(Answer::ended);
        // Some answer to that one there is, and it is no result.
        let messages = held.answer().messages();
        assert!(messages.iter().all(|message| message.get("result").is_none()), "{messages:?}");
        is_unknown(&client);

        fixture.gate.open(1);
        assert_eq!(others_call.answer().text(), "held");
        fixture.handle.notify_tools_list_changed();
        assert_eq!(others.message()["method"], json!("notifications/tools/list_changed"));
        assert!(other.lives());
        // It has to name the session.
        assert_eq!(fixture.stranger().delete().refusal(), (400, -32600));
        assert_eq!(other.delete().status, 204);
        others.ended();
        assert_eq!(fixture.counters.open_sessions(), 0);
    });
}

#[test]
fn idle_sessions_end_and_busy_ones_do_not() {
    for &on in On::AND_INSIDE {
        let session_idle = Duration::from_millis(400);
        let deadlines = HubDeadlines { session_idle, ..HubDeadlines::default() };
        let fixture =
            Fixture::start_with(on, server, |endpoints| endpoints.hub_deadlines(deadlines));
        let (calling, listening, active) = (fixture.client(), fixture.client(), fixture.client());
        let held = calling.send(&tool_call(json!(1), "hold", json!({})));
        let stream = listening.get();
        fixture.has_calls(1);
        fixture.has_streams(1);
        // As long as two idle ones live, one after the other, which is longer than the deadline
        // for those that are busy.
        for _ in 0..2 {
            let begun = Instant::now();
            let idle = fixture.client();
            wait_until("the end of the idle one", || {
                assert!(active.lives());
                fixture.counters.open_sessions() == 3
            });
            assert!(begun.elapsed() >= session_idle, "{on:?}: after {:?}", begun.elapsed());
            is_unknown(&idle);
        }
        assert!(calling.lives() && listening.lives());
        // The deadline counts from the end of what was going on.
        let begun = Instant::now();
        fixture.gate.open(1);
        assert_eq!(held.answer().text(), "held");
        let has_sessions = |count| {
            wait_until("the end of an idle one", || {
                // Those who come may be what makes the server look.
                is_unknown(&Client { session: Some("0".repeat(32)), ..fixture.stranger() });
                fixture.counters.open_sessions() == count
            });
        };
        has_sessions(1);
        assert!(begun.elapsed() >= session_idle, "{on:?}: after {:?}", begun.elapsed());
        assert!(listening.lives());
        let begun = Instant::now();
        stream.hang_up(HangUp::Fin);
        has_sessions(0);
        assert!(begun.elapsed() >= session_idle, "{on:?}: after {:?}", begun.elapsed());
        fixture.stop();
    }
}

#[test]
fn idle_sessions_end_though_nobody_comes_for_one() {
    for &on in On::AND_INSIDE {
        let session_idle = Duration::from_millis(200);
        let deadlines = HubDeadlines { session_idle, ..HubDeadlines::default() };
        let fixture =
            Fixture::start_with(on, server, |endpoints| endpoints.hub_deadlines(deadlines));
        for _ in 0..3 {
            fixture.client();
        }
        // Clients that need no session have the server at work meanwhile.
        wait_until("the end of the sessions", || {
            let modern = ToolCall::new(Wire::Modern, "who", json!({}));
            assert_eq!(modern.send(fixture.running.address).text(), "2026-07-28 of None");
            assert!(fixture.stranger().lives());
            fixture.counters.open_sessions() == 0
        });
        fixture.stop();
    }
}

#[test]
fn the_longest_idle_makes_room_for_another() {
    for &on in On::AND_INSIDE {
        let limits = HubLimits { sessions: 3, ..HubLimits::default() };
        let fixture = Fixture::start_with(on, server, |endpoints| endpoints.hub_limits(limits));
        let [first, second, third] = [fixture.client(), fixture.client(), fixture.client()];
        assert!(first.lives());
        let fourth = fixture.client();
        is_unknown(&second);
        assert!(first.lives() && third.lives() && fourth.lives());
        assert_eq!(fixture.counters.open_sessions(), 3);

        // Who is busy is not idle, however long ago that began.
        let held = first.send(&tool_call(json!(1), "hold", json!({})));
        let mut stream = third.get();
        stream.primed();
        fixture.has_calls(1);
        fixture.has_streams(1);
        assert!(fourth.lives());
        let fifth = fixture.client();
        is_unknown(&fourth);
        let fifths = fifth.send(&tool_call(json!(1), "hold", json!({})));
        fixture.has_calls(2);
        let stranger = fixture.stranger();
        let answer = stranger.post(&stranger.introduction());
        assert_eq!(answer.field("mcp-session-id"), None);
        assert_eq!(answer.status, 503, "{}", answer.head);
        assert!(answer.error()["message"].as_str().unwrap().contains("3 sessions"));
        assert_eq!(fixture.counters.open_sessions(), 3);

        // They have not noticed.
        fixture.handle.notify_tools_list_changed();
        assert_eq!(stream.message()["method"], json!("notifications/tools/list_changed"));
        fixture.gate.open(2);
        assert_eq!(held.answer().text(), "held");
        assert_eq!(fifths.answer().text(), "held");
        assert!(first.lives() && third.lives() && fifth.lives());
        let _sixth = fixture.client();
        is_unknown(&first);
        fixture.stop();
    }
}

#[test]
fn what_a_session_keeps_of_its_client_is_bounded() {
    for &on in On::AND_INSIDE {
        let limits =
            HubLimits { client_bytes: 1024, filter_bytes: 2 * 256 + 20, ..HubLimits::default() };
        let fixture = Fixture::start_with(on, server, |endpoints| endpoints.hub_limits(limits));
        let stranger = fixture.stranger();
        let introduce = |bytes: usize| {
            let mut introduction = stranger.introduction();
            introduction["params"]["clientInfo"]["name"] = json!("x".repeat(bytes));
            stranger.post(&introduction)
        };
        let answer = introduce(1024);
        assert_eq!(answer.field("mcp-session-id"), None);
        assert_eq!(answer.error()["code"], json!(-32602));
        assert!(introduce(800).field("mcp-session-id").is_some());
        fixture.has_sessions(1);

        let client = fixture.client();
        let subscribe = |uri: &str| client.request("resources/subscribe", json!({"uri": uri}));
        assert_eq!(subscribe("a:").result(), json!({}));
        assert_eq!(subscribe("a:").result(), json!({}));
        assert_eq!(subscribe(&"b".repeat(19)).error()["code"], json!(-32602));
        assert_eq!(subscribe(&"b".repeat(18)).result(), json!({}));
        assert_eq!(subscribe("c:").error()["code"], json!(-32602));
        client.request("resources/unsubscribe", json!({"uri": "a:"})).result();
        assert_eq!(subscribe("c:").result(), json!({}));
        fixture.stop();
    }
}

#[test]
fn a_shutdown_ends_sessions() {
    for &on in On::AND_INSIDE {
        let fixture = Fixture::start(on, server);
        let client = fixture.client();
        let mut stream = client.get();
        stream.primed();
        fixture.has_streams(1);
        let held = client.send(&tool_call(json!(1), "hold", json!({})));
        let mut streaming = client.call("stream", json!({}));
        streaming.message();
        fixture.has_calls(2);
        let begun = Instant::now();
        fixture.handle.notify_tools_list_changed();
        fixture.running.begin_stop();
        // What belongs to no call ends at once, and what is in flight may finish.
        assert_eq!(stream.message()["method"], json!("notifications/tools/list_changed"));
        stream.ended();
        assert!(begun.elapsed() < Duration::from_secs(3), "{on:?}: {:?}", begun.elapsed());
        fixture.gate.open(2);
        assert_eq!(held.answer().text(), "held");
        assert_eq!(streaming.text(), "streamed");
        let report = fixture.running.stopped().unwrap();
        assert_eq!((report.finished, report.cut), (2, 0), "{on:?}");
        assert_eq!(fixture.counters.open_streams(), 0);
    }
}
