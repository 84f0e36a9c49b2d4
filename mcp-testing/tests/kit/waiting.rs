//! What a test waits for, and the clock that it moves.

use super::*;

#[test]
fn what_is_reported_is_there_without_waiting_for_anything_else() {
    for client in clients(hanging(&Arc::default())) {
        let mut call = client.begin_call("hang", ()).unwrap();
        assert_eq!(call.take_progress().unwrap().len(), 1);
        assert!(call.take_progress().unwrap().is_empty());
    }
}

#[test]
fn other_threads_are_waited_for() {
    for client in clients(sample()) {
        assert_eq!(client.call("elsewhere", ()).unwrap().text(), "done");
    }
}

#[test]
fn what_never_comes_is_said() {
    let client = Client::new(hanging(&Arc::default())).unwrap();
    client.patience(Duration::ZERO);
    let mut call = client.begin_call("hang", ()).unwrap();
    let error = call.finish().unwrap_err();
    assert!(matches!(error, Error::Stalled { .. }));
    let error = error.to_string();
    assert!(error.contains(r#"waited 0ns for a result of tools/call "hang""#), "{error}");
    let error = call.next_question().unwrap_err().to_string();
    assert!(error.contains(r#"for a question of tools/call "hang""#), "{error}");
}

#[test]
fn sessions_that_are_idle_end_by_themselves() {
    let server = sample();
    let counters = server.counters();
    let client = Client::new(server).unwrap().revision(Revision::V2025_11_25).unwrap();
    client.advance(Duration::from_secs(29 * 60));
    assert_eq!(counters.open_sessions(), 1);
    client.advance(Duration::from_secs(2 * 60));
    assert_eq!(counters.open_sessions(), 0);
}

#[test]
fn what_never_rests_is_cut_short() {
    let server = Server::new("s", "1").tool("spin", "Never rests", || async {
        poll_fn::<(), _>(|cx| {
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    });
    let client = Client::new(server).unwrap();
    let begun = std::time::Instant::now();
    client.patience(Duration::from_millis(50));
    assert!(matches!(client.call("spin", ()).unwrap_err(), Error::Stalled { .. }));
    assert!(begun.elapsed() < 5 * SECOND);
}

#[test]
fn time_passes_when_told_to() {
    let client = Client::new(hanging(&Arc::default())).unwrap();
    let begun = std::time::Instant::now();
    let session = client.revision(Revision::V2025_11_25).unwrap();
    session.call("add", json!({"a": 1, "b": 2})).unwrap();
    client.advance(20 * 60 * SECOND);
    session.call("add", json!({"a": 1, "b": 2})).unwrap();
    // Idle for longer than half an hour, which is the default.
    client.advance(40 * 60 * SECOND);
    let error = session.call("add", json!({"a": 1, "b": 2})).unwrap_err();
    assert!(error.to_string().contains("session"), "{error}");
    assert!(begun.elapsed() < 20 * SECOND);
}

#[test]
fn time_may_be_as_long_as_can_be() {
    let client = Client::new(hanging(&Arc::default())).unwrap();
    let mut session = client.revision(Revision::V2025_11_25).unwrap();
    session.advance(Duration::MAX);
    session.call("add", json!({"a": 1, "b": 2})).unwrap_err();
    session = client.revision(Revision::V2025_11_25).unwrap();
    let _call = session.begin_call("hang", ()).unwrap();
    client.patience(Duration::from_millis(50));
    client.shutdown(Duration::MAX).unwrap_err();
}

#[test]
fn a_deadline_comes_when_it_is_due() {
    let deadlines = HubDeadlines { answer: 30 * SECOND, ..HubDeadlines::default() };
    let endpoints = Endpoints::new().mount("/mcp", sample()).hub_deadlines(deadlines);
    let client = Client::start(endpoints).unwrap().revision(Revision::V2025_11_25).unwrap();
    let mut call = client.begin_call("order", ()).unwrap();
    call.next_question().unwrap();
    client.advance(29 * SECOND);
    assert!(call.take_logs().unwrap().is_empty());
    client.advance(SECOND);
    let error = call.answer_elicitation(decline()).and_then(|()| call.finish()).unwrap_err();
    assert!(error.to_string().contains("in time"), "{error}");
}

/// A question that has been taken back is not there to be answered.
#[test]
fn a_question_may_be_taken_back() {
    let server = Server::new("s", "1").tool("ask", "Asks twice", |ctx: Context| async move {
        let first = ctx.list_roots("first").await;
        let second = ctx.list_roots("second").await;
        format!("{} {}", first.is_ok(), second.is_ok())
    });
    let deadlines = HubDeadlines { answer: 30 * SECOND, ..HubDeadlines::default() };
    let endpoints = Endpoints::new().mount("/mcp", server).hub_deadlines(deadlines);
    let client = Client::start(endpoints).unwrap().revision(Revision::V2025_11_25).unwrap();
    let mut call = client.begin_call("ask", ()).unwrap();
    call.next_question().unwrap();
    client.advance(30 * SECOND);
    call.answer_roots(&[]).unwrap();
    assert_eq!(call.finish().unwrap().text(), "false true");
}

#[test]
fn changes_are_heard_of() {
    let mut server = sample();
    let handle = server.handle();
    let client = Client::new(server).unwrap();
    let logo = Change::resource("shop://logo");
    for revision in [Revision::V2026_07_28, Revision::V2025_11_25] {
        let client = client.revision(revision).unwrap();
        let mut listening = client.listen([Change::Tools, logo.clone()]).unwrap();
        assert_eq!(listening.take_changes().unwrap(), []);
        handle.notify_resource_updated("shop://logo");
        assert_eq!(listening.next_change().unwrap(), logo);
        handle.add(tool("new", "Is new", || "new")).unwrap();
        assert_eq!(listening.next_change().unwrap(), Change::Tools);
        assert_eq!(client.call("new", ()).unwrap().text(), "new");
        handle.remove(&OfferKey::Tool("new".into()));
        assert_eq!(listening.take_changes().unwrap(), [Change::Tools]);
        client.advance(60 * SECOND);
        assert!(!listening.has_ended().unwrap());
        listening.hang_up();
    }
    client.patience(Duration::ZERO);
    let mut listening = client.listen([Change::Tools]).unwrap();
    assert!(matches!(listening.next_change().unwrap_err(), Error::Stalled { .. }));
    client.shutdown(SECOND).unwrap();
    assert!(listening.has_ended().unwrap());
}

#[test]
fn what_nobody_tells_of_is_not_listened_for() {
    let client = Client::new(sample()).unwrap();
    let error = client.listen([Change::Tools]).unwrap_err().to_string();
    assert!(error.contains("expected to be told of"), "{error}");
}
