//! What a session hears of that changes.

use super::*;

#[test]
fn what_is_not_for_the_caller_may_be_subscribed_to_and_is_not_heard_of() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let reader = world.listen(0, id);
    assert!(world.subscribe(id, "subscribe", "a:hidden", true));
    assert!(world.subscribe(id, "subscribe", "a:open", false));
    assert!(world.subscribe(id, "subscribe", "a:open", false));
    let publish = |world: &mut World| {
        for uri in ["a:hidden", "a:open", "a:other", "a:open"] {
            world.hub.publish(&Change::resource(uri));
        }
        world.read(0, reader)
    };
    assert_eq!(publish(&mut world), ["1-1 notifications/resources/updated"]);
    assert!(world.subscribe(id, "unsubscribe", "a:open", false));
    assert!(publish(&mut world).is_empty());
}

/// What is hidden counts like what is not there, so that nobody can tell the two apart.
#[test]
fn what_is_hidden_is_not_told_by_the_limit() {
    for is_hidden in [false, true] {
        let mut world = World::new(HubLimits { filter_bytes: 600, ..HubLimits::default() });
        let id = world.session(0);
        assert!(world.subscribe(id, "subscribe", "a:first", is_hidden));
        assert!(world.subscribe(id, "subscribe", "a:made-up", false));
        assert!(!world.subscribe(id, "subscribe", "a:third", is_hidden), "there is no room for it");
    }
}

/// Who may see it when it asks again hears of it from then on.
#[test]
fn what_was_hidden_can_be_asked_for_again() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let reader = world.listen(0, id);
    for (is_hidden, heard) in [(true, 0), (false, 1), (true, 0)] {
        assert!(world.subscribe(id, "subscribe", "a:b", is_hidden));
        world.hub.publish(&Change::resource("a:b"));
        assert_eq!(world.read(0, reader).len(), heard);
    }
}

#[test]
fn each_change_goes_to_one_of_the_streams_that_a_client_has_opened() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let readers = [world.listen(0, id), world.listen(0, id)];
    world.hub.publish(&Change::Tools);
    let named: Vec<_> = core::iter::from_fn(|| world.hub.poll_news()).collect();
    assert_eq!(named, readers.map(News::Reader));
    let read = readers.map(|reader| world.read(0, reader));
    assert_eq!(read.concat(), ["1-1 notifications/tools/list_changed"]);
}

#[test]
fn a_session_hears_of_every_list_that_changes() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let reader = world.listen(0, id);
    for (change, list) in
        [(Change::Tools, "tools"), (Change::Prompts, "prompts"), (Change::Resources, "resources")]
    {
        world.hub.publish(&change);
        let read = world.read(0, reader);
        assert!(
            matches!(&read[..], [it] if it.ends_with(&format!("{list}/list_changed"))),
            "{read:?}"
        );
    }
}

#[test]
fn changes_wait_for_a_client_that_is_not_initialized_or_not_there() {
    let mut world = World::new(HubLimits::default());
    let Reply::Initialized(Some(id)) = world.initialize(0, "2025-11-25") else { panic!() };
    let reader = world.listen(0, id);
    world.hub.publish(&Change::Tools);
    assert!(world.read(0, reader).is_empty());
    world.post(0, id, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    let news: Vec<_> = core::iter::from_fn(|| world.hub.poll_news()).collect();
    assert_eq!(news, [News::Reader(reader)]);
    assert_eq!(world.read(0, reader), ["1-1 notifications/tools/list_changed"]);

    world.hub.detach(at(0), reader);
    world.hub.publish(&Change::Tools);
    let reader = world.come_back(1, id, "1-1").unwrap();
    assert_eq!(world.read(1, reader), ["1-2 notifications/tools/list_changed"]);
}

#[test]
fn a_change_is_not_told_to_who_does_not_want_to_hear_it_any_more() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let say = |world: &mut World, verb: &str| {
        world.post(
            0,
            id,
            &format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"resources/{verb}","params":{{"uri":"a:"}}}}"#
            ),
        )
    };
    say(&mut world, "subscribe");
    world.hub.publish(&Change::resource("a:"));
    say(&mut world, "unsubscribe");
    assert_eq!(world.hub.poll_news(), None);
    let reader = world.listen(0, id);
    assert!(world.read(0, reader).is_empty());
}
