//! What sessions are, whose they are, and how they end.

use super::*;

#[test]
fn there_are_no_more_places_than_keys_can_name() {
    for (limit, counts) in [(PLACES - 1, PLACES - 1), (PLACES, PLACES), (PLACES + 1, PLACES)] {
        let limits = HubLimits { subscriptions: limit, sessions: limit, ..HubLimits::default() };
        let Hub { limits, .. } = Hub::new(limits);
        assert_eq!((limits.subscriptions, limits.sessions), (counts, counts));
    }
}

#[test]
fn one_session_more_takes_the_place_of_the_longest_idle() {
    let mut world = World::new(HubLimits { sessions: 3, ..HubLimits::default() });
    let busy = world.session(0);
    let (key, reader) = world.call(0, busy);
    let (first, second) = (world.session(1), world.session(2));
    // What happens in it makes it less idle.
    world.post(3, first, r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    let third = world.session(4);
    assert_eq!(world.hub.sessions(), 3);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    assert_eq!(refusal(world.post(5, second, ping)), Refusal::UnknownSession);

    world.call(5, first);
    world.listen(5, third);
    let reply = world.initialize(6, "2025-11-25");
    assert!(matches!(reply, Reply::Refused(Refusal::TooManySessions { limit: 3 })), "{reply:?}");
    assert!(matches!(world.reply(7, key), Some(Reply::Tool(_))));
    world.hub.detach(at(7), reader);
    world.session(8);
    assert_eq!(refusal(world.post(9, busy, ping)), Refusal::UnknownSession);
}

#[test]
fn a_client_may_say_as_much_of_itself_as_the_limit_and_not_one_byte_more() {
    let capabilities = r#"{"roots":{}}"#;
    for (limit, fits) in [(capabilities.len() + 2, true), (capabilities.len() + 1, false)] {
        let mut world = World::new(HubLimits { client_bytes: limit, ..HubLimits::default() });
        let reply = world.initialize_as(0, "2025-11-25", capabilities, None);
        assert_eq!(matches!(reply, Reply::Initialized(Some(_))), fits, "{reply:?}");
        assert_eq!(world.hub.sessions(), usize::from(fits));
    }
}

#[test]
fn a_session_is_for_whoever_opened_it() {
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let principals = [None, Some(""), Some("ann"), Some("bob")];
    for owner in principals {
        let mut world = World::new(HubLimits::default());
        world.initialize_as(0, "2025-11-25", "{}", owner);
        let fields = format!("Mcp-Session-Id: {}\r\n", SessionId::new([1; 16]));
        for principal in principals {
            let call = world.calls("POST", &fields, ping).remove(0);
            let caller = Caller { principal, is_hidden: false };
            match world.admit(0, caller, call) {
                Admission::Reply(_, Reply::Done) => assert_eq!(principal, owner),
                other => {
                    assert_eq!(refusal(other), Refusal::UnknownSession);
                    assert_ne!(principal, owner);
                }
            }
        }
    }
}

#[test]
fn time_ends_what_is_over() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let (key, reader) = world.call(10, id);
    assert_eq!(world.hub.poll_timeout(), None, "it is busy");
    world.progress(10, key, 1.0);
    world.hub.detach(at(20), reader);
    assert!(world.reply(30, key).is_none());
    // The end was sent at 30, and the stream left then: it is kept for 50 seconds.
    assert_eq!(world.hub.poll_timeout(), Some(at(80)));
    let reader = world.come_back(79, id, "1-1").unwrap();
    assert_eq!(world.read(79, reader), ["1-2 response", "end"]);
    world.hub.detach(at(79), reader);
    assert_eq!(world.come_back(80, id, "1-1"), Err(Refusal::UnknownEvent));
    assert_eq!(world.come_back(80, id, "1-2").map(drop), Ok(()), "it has seen all");

    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    assert_eq!(world.hub.poll_timeout(), Some(at(100)));
    world.hub.handle_timeout(at(99));
    assert_eq!(world.hub.sessions(), 1);
    world.hub.handle_timeout(at(100));
    assert!(world.hub.is_empty(), "{:?}", world.hub);
    assert_eq!(world.come_back(100, id, "1-0"), Err(Refusal::UnknownSession));
}

#[test]
fn one_id_is_not_for_two_sessions() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    world.sessions -= 1;
    let reply = world.initialize(0, "2025-11-25");
    assert!(matches!(reply, Reply::Error(_)), "{reply:?}");
    // The one that has it goes on.
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    assert!(matches!(world.post(0, id, ping), Admission::Reply(_, Reply::Done)));
}

#[test]
fn a_call_knows_the_client_of_its_session() {
    let mut world = World::new(HubLimits::default());
    let Reply::Initialized(Some(id)) =
        world.initialize_as(0, "2025-11-25", r#"{"roots":{}}"#, None)
    else {
        panic!("no session");
    };
    let Admission::Call { call, .. } = world.post(0, id, CALL) else { panic!("no call") };
    assert_eq!(call.request().client_capabilities(), Some(r#"{"roots":{}}"#));
    assert_eq!(call.request().client_info(), Some("{}"));
    // A notification that nobody knows means nothing.
    let unknown = r#"{"jsonrpc":"2.0","method":"notifications/unknown"}"#;
    assert!(matches!(world.post(0, id, unknown), Admission::Reply(_, Reply::Done)));
}

#[test]
fn a_session_that_ends_takes_everything_along() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let (key, reader) = world.call(0, id);
    let listener = world.listen(0, id);
    let (done, left) = world.call(0, id);
    world.progress(0, done, 1.0);
    world.hub.detach(at(0), left);
    assert!(world.reply(0, done).is_none());
    let fields = format!("Mcp-Session-Id: {id}\r\n");
    let call = world.calls("DELETE", &fields, "").remove(0);
    let admission = world.admit(0, Caller::default(), call);
    assert!(matches!(admission, Admission::Reply(_, Reply::Done)), "{admission:?}");
    assert!(world.hub.is_empty(), "{:?}", world.hub);
    assert!(world.hub.log.next(StreamKey { session: 1, stream: 3 }, 0).is_none());
    assert!(!world.hub.is_open(key));
    let news: Vec<_> = core::iter::from_fn(|| world.hub.poll_news()).collect();
    assert_eq!(news, [News::Reader(reader), News::Reader(listener), News::Call(key)]);
    for reader in [reader, listener] {
        assert_eq!(world.read(0, reader), ["end"]);
    }
    assert!(world.reply(0, key).is_none());
    assert_eq!(world.come_back(0, id, "3-1"), Err(Refusal::UnknownSession));
}
