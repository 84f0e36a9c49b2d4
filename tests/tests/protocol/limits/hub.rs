//! The limits of what connections share, as clients meet them.

use mcp_proto::{
    CallToolResult, Change, ErrorCode, Hub, HubLimits, Notification, Progress, Reply, Revision,
    RpcError, SubscribeError, SubscriptionFilter,
};
use mcp_tests::peer::{CALL, Host, PING, Visit};

/// What each URI in a filter, and each message that is kept, counts besides its text.
const EXTRA: usize = 256;

const REVISION: Revision = Revision::V2025_11_25;

fn host(limits: HubLimits) -> Host {
    Host::new(Hub::new(limits))
}

/// A session is there.
#[track_caller]
fn lives(host: &mut Host, id: &str) {
    let mut pinged = host.say(REVISION, id, PING);
    let responses = pinged.peer.responses_on(REVISION, "ping").finals;
    assert_eq!(responses[0].status, 200);
}

/// A session is not there.
#[track_caller]
fn is_gone(host: &mut Host, id: &str) {
    let mut pinged = host.say(REVISION, id, PING);
    assert_eq!(pinged.peer.responses_on(REVISION, "ping").finals[0].status, 404);
}

/// The status and the one message of an answer.
fn answer(mut visit: Visit, method: &str) -> (u16, String) {
    let responses = visit.peer.responses_on(REVISION, method).finals;
    (responses[0].status, responses[0].messages()[0].to_owned())
}

#[test]
fn subscriptions() {
    let mut host = host(HubLimits { subscriptions: 2, ..HubLimits::default() });
    let filter = SubscriptionFilter { tools_list_changed: true, ..Default::default() };
    let keys = [host.hub.subscribe(&filter).unwrap(), host.hub.subscribe(&filter).unwrap()];
    let error = host.hub.subscribe(&filter).unwrap_err();
    assert_eq!(error, SubscribeError::TooMany { limit: 2 });
    assert_eq!(RpcError::from(error).code, ErrorCode::INTERNAL_ERROR);
    // Those of sessions do not count, and those that are there hear everything.
    for id in [host.session(REVISION), host.session(REVISION), host.session(REVISION)] {
        lives(&mut host, &id);
    }
    host.hub.publish(&Change::Tools);
    for key in keys {
        assert_eq!(host.hub.next_change(key), Some(Change::Tools));
    }
    host.hub.unsubscribe(keys[0]);
    host.hub.subscribe(&filter).unwrap();
}

#[test]
fn filter_bytes() {
    let mut host = host(HubLimits { filter_bytes: 2 * EXTRA + 10, ..HubLimits::default() });
    let ids = [host.session(REVISION), host.session(REVISION)];
    let say = |host: &mut Host, id: &str, verb: &str, uri: &str| {
        let message = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"resources/{verb}","params":{{"uri":"{uri}"}}}}"#
        );
        answer(host.say(REVISION, id, &message), "resources/subscribe")
    };
    // Each session has its own.
    for id in &ids {
        assert!(say(&mut host, id, "subscribe", "a:345").1.contains("result"));
        let (status, message) = say(&mut host, id, "subscribe", "b:3456");
        assert!(message.contains(r#""code":-32602"#), "{message}");
        assert!(message.contains("at most 522 bytes in all"), "{message}");
        assert_eq!(status, 200);
        assert!(say(&mut host, id, "subscribe", "b:345").1.contains("result"));
        // What is there already takes no more room, and what is as short as can be takes some.
        assert!(say(&mut host, id, "subscribe", "a:345").1.contains("result"));
        assert!(say(&mut host, id, "subscribe", "").1.contains("error"));
    }
    // The others go on, and what is not listened to any more makes room.
    let mut listening = host.listen(REVISION, &ids[0], None);
    host.hub.publish(&Change::resource("b:3456"));
    host.hub.publish(&Change::resource("a:345"));
    host.pump(&mut listening);
    let responses = listening.peer.responses_on(REVISION, "").finals;
    assert_eq!(responses[0].messages().len(), 1);
    assert!(responses[0].messages()[0].contains("a:345"));
    say(&mut host, &ids[0], "unsubscribe", "a:345");
    assert!(say(&mut host, &ids[0], "subscribe", "c:345").1.contains("result"));
}

#[test]
fn sessions() {
    let mut host = host(HubLimits { sessions: 2, ..HubLimits::default() });
    let (busy, other) = (host.session(REVISION), host.session(REVISION));
    let mut working = host.say(REVISION, &busy, CALL);
    // One that is idle makes room for another.
    let third = host.session(REVISION);
    is_gone(&mut host, &other);
    lives(&mut host, &third);
    let mut listening = host.listen(REVISION, &third, None);
    let mut refused = host.initialize(REVISION, "{}");
    let responses = refused.peer.responses_on(REVISION, "initialize").finals;
    assert_eq!((responses.len(), responses[0].status), (1, 503));
    let message = responses[0].messages()[0];
    assert!(
        message.contains(r#""code":-32600"#) && message.contains("all 2 sessions"),
        "{message}"
    );
    // Those that are there go on, and one that has become idle makes room.
    host.reply(&mut working, Reply::Tool(CallToolResult::text("done")));
    assert_eq!(working.peer.responses_on(REVISION, "tools/call").finals[0].status, 200);
    let fourth = host.session(REVISION);
    is_gone(&mut host, &busy);
    lives(&mut host, &third);
    lives(&mut host, &fourth);
    host.leave(&mut listening);
    assert_eq!(host.hub.sessions(), 2);
}

#[test]
fn calls() {
    let mut host = host(HubLimits { calls: 2, ..HubLimits::default() });
    let (id, other) = (host.session(REVISION), host.session(REVISION));
    let refused = |host: &mut Host| {
        let (status, message) = answer(host.say(REVISION, &id, CALL), "tools/call");
        let is_named =
            message.contains("2 requests are being served") && message.contains(r#""id":1"#);
        assert!(status == 503 && is_named, "{status} {message}");
    };
    let mut left = host.say(REVISION, &id, CALL);
    let mut open = host.say(REVISION, &id, CALL);
    refused(&mut host);
    // What needs no application is served, and other sessions have their own.
    lives(&mut host, &id);
    assert_eq!(host.say(REVISION, &other, CALL).work.len(), 1);
    // A client that leaves has not ended its calls.
    host.leave(&mut left);
    refused(&mut host);
    host.reply(&mut open, Reply::Tool(CallToolResult::text("done")));
    assert_eq!(host.say(REVISION, &id, CALL).work.len(), 1);
    refused(&mut host);
}

#[test]
fn client_bytes() {
    // Its `clientInfo` is an empty object.
    let mut host = host(HubLimits { client_bytes: 2 + 20, ..HubLimits::default() });
    let capabilities_of = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
    let (status, message) = answer(host.initialize(REVISION, &capabilities_of(20)), "initialize");
    assert!(status == 200 && message.contains("result"), "{message}");
    let (status, message) = answer(host.initialize(REVISION, &capabilities_of(21)), "initialize");
    assert!(status == 200 && message.contains(r#""code":-32602"#), "{message}");
    assert!(message.contains("more than 22 bytes"), "{message}");
    assert_eq!(host.hub.sessions(), 1);
    let id = host.session(REVISION);
    lives(&mut host, &id);
}

/// A call that says so much, and the events of its stream, the last with the answer.
fn told(host: &mut Host, id: &str, count: u32) -> Vec<(String, String)> {
    let mut visit = host.say(REVISION, id, CALL);
    for nth in 1..=count {
        let progress = Notification::Progress(Progress::new(nth.into()));
        host.hub.notify(host.now, visit.work[0].key, &progress);
    }
    host.reply(&mut visit, Reply::Tool(CallToolResult::text("done")));
    events(&mut visit)
}

/// Ids and data of what has come, but for the beginning of a stream.
fn events(visit: &mut Visit) -> Vec<(String, String)> {
    let responses = visit.peer.responses_on(REVISION, "tools/call").finals;
    assert_eq!(responses[0].status, 200);
    let events = responses[0].events().into_iter().filter(|event| !event.data.is_empty());
    let id = |(stream, number)| format!("{stream}-{number}");
    events.map(|event| (event.id.map(id).unwrap_or_default(), event.data.to_owned())).collect()
}

/// What a client gets that comes back, or nothing if it is refused.
fn replayed(host: &mut Host, id: &str, last_seen: &str) -> Option<Vec<(String, String)>> {
    let mut visit = host.listen(REVISION, id, Some(last_seen));
    host.pump(&mut visit);
    if visit.peer.refusals().is_empty() {
        return Some(events(&mut visit));
    }
    let (status, message) = answer(visit, "");
    assert!(status == 400 && message.contains("unknown Last-Event-ID"), "{message}");
    None
}

#[test]
fn streams() {
    let mut host = host(HubLimits { streams: 2, ..HubLimits::default() });
    let (id, other) = (host.session(REVISION), host.session(REVISION));
    let told: Vec<_> = (0..3).map(|_| told(&mut host, &id, 1)).collect();
    let others = self::told(&mut host, &other, 1);
    assert_eq!(replayed(&mut host, &id, "1-1"), None);
    assert_eq!(replayed(&mut host, &id, "2-1").unwrap(), told[1][1..]);
    assert_eq!(replayed(&mut host, &id, "3-0").unwrap(), told[2]);
    assert_eq!(replayed(&mut host, &other, "1-0").unwrap(), others);
}

/// What messages count.
fn size(events: &[(String, String)]) -> usize {
    events.iter().map(|(_, data)| data.len() + EXTRA).sum()
}

#[test]
fn replay_bytes() {
    let mut unlimited = host(HubLimits::default());
    let id = unlimited.session(REVISION);
    let all = told(&mut unlimited, &id, 3);
    assert_eq!(all.len(), 4);
    let (first, last) = (size(&all[..1]), size(&all[3..]));
    for (replay_bytes, kept) in [
        (size(&all), Some(&all[..])),
        (size(&all) - 1, Some(&all[1..])),
        (size(&all) - first, Some(&all[1..])),
        (size(&all) - first - 1, Some(&all[2..])),
        (last, Some(&all[3..])),
        // Without the answer, the others are no use.
        (last - 1, None),
        (0, None),
    ] {
        let mut host = host(HubLimits { replay_bytes, ..HubLimits::default() });
        let (id, other) = (host.session(REVISION), host.session(REVISION));
        assert_eq!(told(&mut host, &id, 3), all);
        // What others are told takes no room from it.
        assert_eq!(told(&mut host, &other, 3), all);
        assert_eq!(replayed(&mut host, &id, "1-0").as_deref(), kept, "{replay_bytes}");
        assert_eq!(replayed(&mut host, &other, "1-0").as_deref(), kept, "{replay_bytes}");
        lives(&mut host, &id);
    }
}

#[test]
fn total_replay_bytes() {
    let mut unlimited = host(HubLimits::default());
    let id = unlimited.session(REVISION);
    let all = told(&mut unlimited, &id, 3);
    let first = size(&all[..1]);
    for (total_replay_bytes, kept) in [
        (2 * size(&all), &all[..]),
        (2 * size(&all) - 1, &all[1..]),
        (2 * size(&all) - first - 1, &all[2..]),
    ] {
        let mut host = host(HubLimits { total_replay_bytes, ..HubLimits::default() });
        let (id, other) = (host.session(REVISION), host.session(REVISION));
        assert_eq!(told(&mut host, &id, 3), all);
        assert_eq!(told(&mut host, &other, 3), all);
        // What is oldest goes first, of whichever session it is.
        assert_eq!(replayed(&mut host, &id, "1-0").unwrap(), kept, "{total_replay_bytes}");
        assert_eq!(replayed(&mut host, &other, "1-0").unwrap(), all, "{total_replay_bytes}");
    }
}
