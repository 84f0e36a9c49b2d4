//! What clients are asked, and for how long.

use super::*;

#[test]
fn a_question_has_its_time_and_progress_gives_it_more_up_to_an_end() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let (key, reader) = world.call(0, id);
    let ask = |world: &mut World, now| {
        let roots = InputRequest::ListRoots;
        world.hub.ask(at(now), key, ServerRequest::Input(&roots)).unwrap()
    };
    let first = ask(&mut world, 0);
    assert_eq!(world.read(0, reader), ["1-1 roots/list"]);
    assert_eq!(world.hub.question_deadline(key), Some(at(10)));
    let progress = |token: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":1}}}}"#
        )
    };
    for token in ["2", "\"1\"", "-1", "1.0"] {
        world.post(9, id, &progress(token));
        assert_eq!(world.hub.question_deadline(key), Some(at(10)), "{token}");
    }
    for now in [9, 18, 27, 36, 45, 54, 63, 72, 81, 89] {
        world.post(now, id, &progress("1"));
        assert_eq!(world.hub.question_deadline(key), Some(at(now + 10)));
    }
    world.post(95, id, &progress("1"));
    assert_eq!(world.hub.question_deadline(key), Some(at(100)), "ten times as long in all");
    assert!(world.hub.take_answer(at(99), key).is_none());
    let (question, answer) = world.hub.take_answer(at(100), key).unwrap();
    assert!(question == first && matches!(answer, Err(QuestionFailure::TimedOut)));
    assert_eq!(world.read(100, reader), ["1-2 notifications/cancelled"]);
    assert!(world.hub.take_answer(at(200), key).is_none());

    // Answers of others, to others, and second ones.
    let second = ask(&mut world, 100);
    let other = world.session(100);
    let answer = |id| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"roots":[]}}}}"#);
    world.post(100, other, &answer("2"));
    for wrong in ["1", "3", "\"2\"", "-2"] {
        world.post(100, id, &answer(wrong));
    }
    assert!(world.hub.take_answer(at(100), key).is_none());
    world.post(100, id, &answer("2"));
    world.post(100, id, &answer("2"));
    let (question, given) = world.hub.take_answer(at(100), key).unwrap();
    assert_eq!((question, given.unwrap().get()), (second, r#"{"roots":[]}"#));
    assert!(world.hub.take_answer(at(100), key).is_none());

    // What nobody has answered is taken back with the call.
    ask(&mut world, 101);
    assert!(world.reply(101, key).is_none());
    let read = world.read(101, reader);
    assert_eq!(
        read,
        ["1-3 roots/list", "1-4 roots/list", "1-5 notifications/cancelled", "1-6 response", "end"]
    );
}

#[test]
fn a_question_can_be_taken_back() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let (key, reader) = world.call(0, id);
    let question = world.hub.ask(at(0), key, ServerRequest::Ping).unwrap();
    world.hub.withdraw(at(1), key, question);
    assert_eq!(world.read(1, reader), ["1-1 ping", "1-2 notifications/cancelled"]);
    // Nobody waits for it any more, and nothing more is said of it.
    world.post(1, id, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    assert!(world.hub.take_answer(at(100), key).is_none());
    world.hub.withdraw(at(2), key, question);
    assert!(world.read(2, reader).is_empty());
}

#[test]
fn a_client_may_answer_with_an_error() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let (key, _) = world.call(0, id);
    for (number, error, code, says) in [
        (1, r#"{"code":-7,"message":"no"}"#, -7, "no"),
        (2, r#"{"code":"no"}"#, -32603, "an error that is malformed"),
    ] {
        world.hub.ask(at(0), key, ServerRequest::Ping).unwrap();
        world.post(0, id, &format!(r#"{{"jsonrpc":"2.0","id":{number},"error":{error}}}"#));
        match world.hub.take_answer(at(0), key) {
            Some((_, Err(QuestionFailure::Refused(error)))) => {
                assert_eq!(error.code.0, code);
                assert!(error.message.contains(says), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_open_question_waits_for_a_client_that_comes_back_whatever_the_log_keeps() {
    let mut world = World::new(HubLimits { replay_bytes: 0, ..HubLimits::default() });
    let id = world.session(0);
    let (key, reader) = world.call(0, id);
    world.hub.begin_stream(reader);
    world.hub.detach(at(0), reader);
    for _ in 0..2 {
        world.hub.ask(at(0), key, ServerRequest::Ping).unwrap();
        world.progress(0, key, 1.0);
    }
    for _ in 0..2 {
        let reader = world.come_back(1, id, "1-0").unwrap();
        assert_eq!(world.read(1, reader), ["1-1 ping", "1-3 ping"]);
        world.hub.detach(at(1), reader);
    }
    let reader = world.come_back(1, id, "1-1").unwrap();
    assert_eq!(world.read(1, reader), ["1-3 ping"]);
    world.hub.detach(at(1), reader);
    world.post(1, id, r#"{"jsonrpc":"2.0","id":2,"result":{}}"#);
    let reader = world.come_back(1, id, "1-0").unwrap();
    assert_eq!(world.read(1, reader), ["1-1 ping"]);
}

#[test]
fn nobody_is_asked_who_has_left_and_knows_no_way_back() {
    let ask = |world: &mut World, key| world.hub.ask(at(0), key, ServerRequest::Ping).is_ok();
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut world = World::new(HubLimits::default());
        let id = world.session_of(0, revision);
        // Its response has become a stream, of which older clients know no id.
        let (key, reader) = world.call(0, id);
        world.hub.begin_stream(reader);
        world.hub.detach(at(0), reader);
        assert_eq!(ask(&mut world, key), revision == "2025-11-25", "{revision}");
        // It has not, and nobody is there to be let go.
        let (key, reader) = world.call(0, id);
        world.hub.detach(at(0), reader);
        world.hub.release(key);
        assert!(!ask(&mut world, key), "{revision}");
        assert!(world.reply(0, key).is_none());
    }
}

#[test]
fn nobody_is_asked_who_cannot_hear_it() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let fields = format!("Mcp-Session-Id: {id}\r\nAccept: application/json\r\n");
    let call = world.calls("POST", &fields, CALL).remove(0);
    let Admission::Call { key, .. } = world.admit(0, Caller::default(), call) else { panic!() };
    let asked = world.hub.ask(at(0), key, ServerRequest::Ping);
    assert_eq!(asked, Err(AskRefused::Unreachable));
    assert!(format!("{}", AskRefused::Unreachable).contains("it takes no event stream"));

    // It has left before it knew how to come back.
    let (key, reader) = world.call(0, id);
    world.hub.detach(at(0), reader);
    assert_eq!(world.hub.ask(at(0), key, ServerRequest::Ping), Err(AskRefused::Unreachable));

    // It has left, and knows.
    let (key, reader) = world.call(0, id);
    world.hub.begin_stream(reader);
    world.hub.detach(at(0), reader);
    world.hub.ask(at(0), key, ServerRequest::Ping).unwrap();
    let reader = world.come_back(0, id, "3-0").unwrap();
    assert_eq!(world.read(0, reader), ["3-1 ping"]);
}
