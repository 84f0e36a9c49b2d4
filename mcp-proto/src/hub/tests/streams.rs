//! What calls say on their streams, and who reads it.

use super::*;

#[test]
fn as_many_streams_can_be_come_back_to_as_the_limit_and_not_one_more() {
    let mut world = World::new(HubLimits { streams: 2, ..HubLimits::default() });
    let id = world.session(0);
    for stream in 1..=3 {
        let (key, reader) = world.call(0, id);
        world.progress(0, key, 1.0);
        assert_eq!(world.reply(0, key).map(drop), None);
        let events = [format!("{stream}-1 notifications/progress"), format!("{stream}-2 response")];
        assert_eq!(world.read(0, reader), [&events[0][..], &events[1], "end"]);
        world.hub.detach(at(0), reader);
    }
    assert_eq!(world.come_back(0, id, "1-1"), Err(Refusal::UnknownEvent));
    for event in ["2-1", "3-1"] {
        let reader = world.come_back(0, id, event).unwrap();
        assert_eq!(world.read(0, reader).len(), 2);
        world.hub.detach(at(0), reader);
    }
    for event in ["3-3", "4-0", "0-0", "", "x", "3-02"] {
        assert_eq!(world.come_back(0, id, event), Err(Refusal::UnknownEvent), "{event}");
    }
}

#[test]
fn a_handler_waits_for_a_reader_and_for_nobody_else() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let (key, reader) = world.call(0, id);
    assert!(world.hub.can_notify(key));
    world.progress(0, key, 1.0);
    assert!(!world.hub.can_notify(key));
    while world.hub.poll_news().is_some() {}
    assert!(world.hub.next_event(at(0), reader).is_some());
    assert_eq!(world.hub.poll_news(), Some(News::Call(key)));
    assert!(world.hub.can_notify(key));
    world.progress(0, key, 2.0);
    assert!(!world.hub.can_notify(key));
    world.hub.detach(at(0), reader);
    let news: Vec<_> = core::iter::from_fn(|| world.hub.poll_news()).collect();
    assert_eq!(news, [News::Call(key)]);
    world.progress(0, key, 3.0);
    assert!(world.hub.can_notify(key), "it is not there to be waited for");
}

/// Its client comes back, and there is nothing for it to read first.
#[test]
fn a_handler_is_told_of_another_reader_that_keeps_up() {
    let mut world = World::new(HubLimits { replay_bytes: 0, ..HubLimits::default() });
    let id = world.session(0);
    let (key, reader) = world.call(0, id);
    world.progress(0, key, 1.0);
    assert_eq!(world.read(0, reader).len(), 1);
    world.hub.detach(at(0), reader);
    world.come_back(0, id, "1-1").unwrap();
    world.progress(0, key, 2.0);
    assert!(!world.hub.can_notify(key));
    while world.hub.poll_news().is_some() {}
    let other = world.come_back(0, id, "1-1").unwrap();
    let news: Vec<_> = core::iter::from_fn(|| world.hub.poll_news()).collect();
    assert!(news.contains(&News::Call(key)), "{news:?}");
    assert!(world.hub.can_notify(key));
    assert!(world.read(0, other).is_empty());
}

#[test]
fn a_batch_is_of_its_revision_and_has_one_stream() {
    let batch = format!(r#"[{CALL},{}]"#, CALL.replace(":7", ":8"));
    let mut world = World::new(HubLimits::default());
    let newer = world.session_of(0, "2025-06-18");
    let fields = format!("Mcp-Session-Id: {newer}\r\n");
    for call in world.calls("POST", &fields, &batch) {
        assert_eq!(refusal(world.admit(0, Caller::default(), call)), Refusal::UnknownBatch);
    }

    let id = world.session_of(0, "2025-03-26");
    let fields = format!("Mcp-Session-Id: {id}\r\n");
    let (mut reader, mut keys) = (None, Vec::new());
    for call in world.calls("POST", &fields, &batch) {
        let admission = world.hub.admit(at(0), call, reader, Caller::default());
        let Admission::Call { key, reader: of, .. } = admission else { panic!("{admission:?}") };
        assert!(reader.is_none_or(|reader| reader == of));
        reader = Some(of);
        keys.push(key);
    }
    let reader = reader.unwrap();
    assert!(world.reply(0, keys[1]).is_none());
    assert_eq!(world.read(0, reader), ["1-1 response"]);
    assert!(world.reply(0, keys[0]).is_none());
    assert_eq!(world.read(0, reader), ["1-2 response", "end"]);

    // What is wrong, what needs no application, and what is answered before the next is let in.
    let mixed = format!(
        r#"[7,{{"jsonrpc":"2.0","id":1,"method":"ping"}},{CALL},{{"jsonrpc":"2.0","id":2,"method":"ping"}}]"#
    );
    let mut reader = None;
    for call in world.calls("POST", &fields, &mixed) {
        reader = match world.hub.admit(at(0), call, reader, Caller::default()) {
            Admission::Call { key, reader, .. } => {
                assert!(world.reply(0, key).is_none());
                Some(reader)
            }
            Admission::Stream { reader, .. } => Some(reader),
            other => panic!("{other:?}"),
        };
    }
    let read = world.read(0, reader.unwrap());
    assert_eq!(read, ["2-1 response", "2-2 response", "2-3 response", "2-4 response", "end"]);

    // Without events each goes back by the connection.
    let fields = format!("{fields}Accept: application/json\r\n");
    let mut reader = None;
    for call in world.calls("POST", &fields, &batch) {
        let admission = world.hub.admit(at(0), call, reader, Caller::default());
        let Admission::Call { key, reader: of, .. } = admission else { panic!("{admission:?}") };
        reader = Some(of);
        assert!(matches!(world.reply(0, key), Some(Reply::Tool(_))));
    }
}

/// A session of 2025-03-26, and the calls of a batch of two in it.
fn batch_of_two(world: &mut World, fields: &str) -> (SessionId, Vec<Call>) {
    let id = world.session_of(0, "2025-03-26");
    let batch = format!(r#"[{CALL},{}]"#, CALL.replace(":7", ":8"));
    (id, world.calls("POST", &format!("Mcp-Session-Id: {id}\r\n{fields}"), &batch))
}

#[test]
fn one_call_too_many_of_a_batch_is_refused_by_itself() {
    for fields in ["", "Accept: application/json\r\n"] {
        let mut world = World::new(HubLimits { calls: 1, ..HubLimits::default() });
        let (_, calls) = batch_of_two(&mut world, fields);
        let mut calls = calls.into_iter();
        let first = world.admit(0, Caller::default(), calls.next().unwrap());
        let Admission::Call { key, reader, .. } = first else { panic!("{first:?}") };
        let second = calls.next().unwrap();
        match world.hub.admit(at(0), second, Some(reader), Caller::default()) {
            Admission::Stream { reader: of, .. } => assert_eq!(of, reader),
            Admission::Reply(_, Reply::Error(error)) => {
                assert!(!fields.is_empty() && error.message.contains("requests"), "{error}");
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(world.reply(0, key).is_some(), !fields.is_empty());
        let expected: &[&str] =
            if fields.is_empty() { &["1-1 response", "1-2 response", "end"] } else { &["end"] };
        assert_eq!(world.read(0, reader), expected);
    }
}

#[test]
fn a_cancelled_call_leaves_the_responses_to_others_in_its_batch() {
    let mut world = World::new(HubLimits::default());
    let (id, calls) = batch_of_two(&mut world, "");
    let (mut reader, mut keys) = (None, Vec::new());
    for call in calls {
        let admission = world.hub.admit(at(0), call, reader, Caller::default());
        let Admission::Call { key, reader: of, .. } = admission else { panic!("{admission:?}") };
        reader = Some(of);
        keys.push(key);
    }
    world.progress(0, keys[1], 1.0);
    assert!(world.reply(0, keys[0]).is_none());
    world.hub.detach(at(0), reader.unwrap());
    let cancelled =
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":8}}"#;
    world.post(0, id, cancelled);
    assert!(!world.hub.is_open(keys[1]));
    let reader = world.come_back(0, id, "1-1").unwrap();
    assert_eq!(world.read(0, reader), ["1-2 response", "end"]);
}

#[test]
fn the_first_thing_said_decides_and_pinning_beats_it() {
    for (mode, is_direct) in
        [(ResponseMode::Auto, true), (ResponseMode::Json, true), (ResponseMode::EventStream, false)]
    {
        let mut world = World::with_mode(HubLimits::default(), mode);
        let id = world.session(0);
        let (key, reader) = world.call(0, id);
        assert_eq!(world.reply(0, key).is_some(), is_direct, "{mode:?}");
        let expected: &[&str] = if is_direct { &["end"] } else { &["1-1 response", "end"] };
        assert_eq!(world.read(0, reader), expected);
        // An error has a status.
        let (key, _) = world.call(0, id);
        let error = Reply::Refused(Refusal::UnknownBatch);
        assert!(world.hub.reply(at(0), key, &world.config.endpoints[0], error).is_some());
    }
}

#[test]
fn only_clients_that_come_back_are_let_go() {
    for (revision, expected) in [("2025-11-25", ["end"].as_slice()), ("2025-06-18", &[])] {
        let mut world = World::new(HubLimits::default());
        let id = world.session_of(0, revision);
        let (key, reader) = world.call(0, id);
        world.hub.release(key);
        assert_eq!(world.read(0, reader), expected);
        world.hub.detach(at(0), reader);
        assert!(world.reply(0, key).is_none());
        let came_back = world.come_back(0, id, "1-0").is_ok();
        assert_eq!(came_back, revision == "2025-11-25");
    }
}

#[test]
fn log_messages_are_of_the_level_that_the_client_has_set() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let log = |world: &mut World, level| {
        let (key, reader) = world.call(0, id);
        let data = serde_json::value::to_raw_value("said").unwrap();
        world.hub.notify(at(0), key, &Notification::Log(LogMessage::new(level, data)));
        !world.read(0, reader).is_empty()
    };
    assert!(!log(&mut world, LogLevel::Debug));
    assert!(log(&mut world, LogLevel::Info), "the level before one is set");
    let set = r#"{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"error"}}"#;
    assert!(matches!(world.post(0, id, set), Admission::Reply(_, Reply::Done)));
    assert!(!log(&mut world, LogLevel::Warning));
    assert!(log(&mut world, LogLevel::Error));
}
