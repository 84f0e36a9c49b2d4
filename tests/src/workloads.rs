//! What a server has to do for its peers, of any size, to see that twice as much costs twice as much.

use std::sync::Arc;
use std::time::Duration;

use mcp_proto::{
    CallKey, CallToolResult, Catalog, Change, Config, Deadlines, FromStream, Hub, HubDeadlines,
    HubLimits, Input, Instant, Limits, MemoryLog, News, Notification, Offer, Progress, Reply,
    Resource, ResourceTemplate, Revision, SessionId, SubscriptionFilter, Tool,
};
use serde_json::json;

use crate::peer::{CALL, Host, PING, Peer, Visit, begin_chunks, config, post, push_chunk};

/// Something that is done in any size.
pub struct Workload {
    /// What it is called.
    pub name: &'static str,
    /// What it is counted in.
    pub unit: &'static str,
    /// The size at which it is measured first; then twice and four times that. All that is done once
    /// is small beside it, and limits that cannot be lifted allow four times that.
    pub size: usize,
    /// Does it, in that size. Of size zero, it does all but that.
    pub run: fn(usize),
}

/// All of them.
pub const WORKLOADS: &[Workload] = &[
    Workload { name: "head byte by byte", unit: "byte", size: 8000, run: head_bytewise },
    Workload { name: "header fields", unit: "field", size: 30, run: header_fields },
    Workload { name: "long target", unit: "byte", size: 16_000, run: long_target },
    Workload { name: "body byte by byte", unit: "byte", size: 8000, run: body_bytewise },
    Workload { name: "chunks of one byte", unit: "chunk", size: 8000, run: chunks },
    Workload { name: "chunks byte by byte", unit: "chunk", size: 4000, run: chunks_bytewise },
    Workload { name: "pipelined requests", unit: "request", size: 400, run: pipelined },
    Workload { name: "requests behind a call", unit: "request", size: 400, run: behind_a_call },
    Workload { name: "batch", unit: "message", size: 400, run: batch },
    Workload { name: "calls in a batch", unit: "call", size: 400, run: batch_in_order },
    Workload { name: "calls in a batch, last first", unit: "call", size: 400, run: batch_reversed },
    Workload { name: "escapes", unit: "escape", size: 8000, run: escapes },
    Workload { name: "deep JSON", unit: "60 levels", size: 400, run: deep_json },
    Workload { name: "brackets without end", unit: "level", size: 8000, run: brackets },
    Workload { name: "ids in what is too deep", unit: "id", size: 8000, run: ids_too_deep },
    Workload { name: "members of parameters", unit: "member", size: 2000, run: members },
    Workload { name: "mirrored parameters", unit: "parameter", size: 30, run: mirrored },
    Workload { name: "completion context", unit: "argument", size: 2000, run: completion },
    Workload { name: "result as JSON", unit: "byte", size: 64_000, run: result_as_json },
    Workload { name: "result as an event", unit: "byte", size: 64_000, run: result_as_event },
    Workload { name: "events unread", unit: "event", size: 1000, run: events_unread },
    Workload { name: "events read slowly", unit: "event", size: 1000, run: events_read_slowly },
    Workload { name: "templates", unit: "template", size: 1000, run: templates },
    Workload {
        name: "URI against templates",
        unit: "byte",
        size: 8000,
        run: uri_against_templates,
    },
    Workload { name: "filter", unit: "URI", size: 1000, run: filter },
    Workload { name: "subscriptions", unit: "subscription", size: 1000, run: subscriptions },
    Workload { name: "changes", unit: "change", size: 1000, run: changes },
    Workload { name: "URIs of a session", unit: "URI", size: 60, run: uris_of_session },
    Workload { name: "sessions", unit: "session", size: 400, run: sessions },
    Workload {
        name: "sessions past the limit",
        unit: "session",
        size: 400,
        run: sessions_past_limit,
    },
    Workload { name: "calls of a session", unit: "call", size: 400, run: calls_of_session },
    Workload { name: "calls cancelled", unit: "call", size: 400, run: calls_cancelled },
    Workload { name: "streams of a session", unit: "stream", size: 400, run: streams_of_session },
    Workload { name: "questions", unit: "question", size: 400, run: questions },
    Workload { name: "replay", unit: "event", size: 1000, run: replay },
    Workload { name: "replay past the limit", unit: "event", size: 1000, run: replay_past_limit },
];

/// Everything is allowed, and nothing ever late.
fn unlimited(keeps_sessions: bool) -> Config {
    let mut config = config(keeps_sessions);
    config.limits = Limits {
        head: usize::MAX,
        fields: usize::MAX,
        body: usize::MAX,
        chunk_overhead: usize::MAX,
        batch: usize::MAX,
        in_flight: usize::MAX,
        json_depth: 64,
        read_ahead: usize::MAX,
        unsent: usize::MAX,
        drain: usize::MAX,
    };
    config.deadlines = Deadlines { stream_after: Duration::MAX, ..config.deadlines };
    config
}

fn peer() -> Peer {
    Peer::new(&Arc::new(unlimited(false)), Instant::from_micros(0))
}

/// Everything arrived, and was answered well.
#[track_caller]
fn is_answered(peer: &mut Peer, method: &str, count: usize) {
    assert!(peer.refusals().is_empty(), "{:?}", peer.refusals());
    assert_eq!(peer.statuses(method), vec![200; count]);
}

fn head_bytewise(size: usize) {
    let mut peer = peer();
    peer.send_in(1, &post(&format!("X: {}\r\n", "y".repeat(size)), PING));
    is_answered(&mut peer, "ping", 1);
}

fn header_fields(size: usize) {
    let request = post(&"X-Something: something\r\n".repeat(size), PING);
    let mut peer = peer();
    for _ in 0..100 {
        peer.send(&request);
    }
    is_answered(&mut peer, "ping", 100);
}

fn long_target(size: usize) {
    let request = String::from_utf8(post("", PING)).expect("ASCII");
    // Half of it is escaped.
    let path = "%6d".repeat(size / 6) + &"x".repeat(size / 2);
    let mut peer = peer();
    peer.send(request.replace("/mcp", &format!("/{path}")).as_bytes());
    assert_eq!(peer.statuses("ping"), [404]);
    let mut peer = self::peer();
    peer.send(request.replace("/mcp", &format!("/%6dcp?{path}")).as_bytes());
    is_answered(&mut peer, "ping", 1);
}

/// A ping with as many blanks behind it.
fn padded(size: usize) -> String {
    format!("{PING}{}", " ".repeat(size))
}

fn body_bytewise(size: usize) {
    let mut peer = peer();
    peer.send_in(1, &post("", &padded(size)));
    is_answered(&mut peer, "ping", 1);
}

/// A ping in chunks, as many of which have one byte.
fn in_chunks(size: usize) -> Vec<u8> {
    let mut request = begin_chunks();
    push_chunk(&mut request, PING.as_bytes());
    (0..size).for_each(|_| push_chunk(&mut request, b" "));
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

fn chunks(size: usize) {
    let mut peer = peer();
    peer.send(&in_chunks(size));
    is_answered(&mut peer, "ping", 1);
}

fn chunks_bytewise(size: usize) {
    let mut peer = peer();
    peer.send_in(1, &in_chunks(size));
    is_answered(&mut peer, "ping", 1);
}

fn pipelined(size: usize) {
    let mut peer = peer();
    peer.send(&post("", PING).repeat(size));
    is_answered(&mut peer, "ping", size);
}

fn call(peer: &mut Peer) -> CallKey {
    peer.send(&post("", CALL));
    last_call(peer)
}

#[track_caller]
fn last_call(peer: &mut Peer) -> CallKey {
    peer.calls.pop().expect("a call").key()
}

fn done() -> Reply {
    Reply::Tool(CallToolResult::text("done"))
}

fn behind_a_call(size: usize) {
    let mut peer = peer();
    let mut key = call(&mut peer);
    peer.send_in(100, &post("", CALL).repeat(size));
    for _ in 0..size {
        peer.reply(key, done());
        key = last_call(&mut peer);
    }
    peer.reply(key, done());
    is_answered(&mut peer, "tools/call", size + 1);
}

fn batch_of(message: &str, size: usize) -> Vec<u8> {
    post("", &format!("[{}]", vec![message; size + 1].join(",")))
}

fn batch(size: usize) {
    let mut peer = peer();
    peer.send(&batch_of(PING, size));
    is_answered(&mut peer, "ping", 1);
}

fn batch_of_calls(size: usize, order: impl FnOnce(&mut Vec<CallKey>)) {
    let mut peer = peer();
    peer.send(&batch_of(CALL, size));
    let mut keys: Vec<_> = peer.calls.drain(..).map(|call| call.key()).collect();
    order(&mut keys);
    for key in keys {
        peer.notify(key, Notification::Progress(Progress::new(1.0)));
        peer.reply(key, done());
    }
    is_answered(&mut peer, "tools/call", 1);
}

fn batch_in_order(size: usize) {
    batch_of_calls(size, |_| {});
}

fn batch_reversed(size: usize) {
    batch_of_calls(size, |keys| keys.reverse());
}

fn call_with(arguments: &str) -> String {
    CALL.replace("{},", &format!("{arguments},"))
}

fn escapes(size: usize) {
    let text = r#"\u00e9\"\\"#.repeat(size / 3);
    let mut peer = peer();
    peer.send(&post("", &call_with(&format!(r#"{{"{text}":"{text}"}}"#))));
    let key = last_call(&mut peer);
    peer.reply(key, done());
    is_answered(&mut peer, "tools/call", 1);
    // A name is unescaped, and quoted in part.
    peer.send(&post("", &PING.replace("ping", &text)));
    is_answered(&mut peer, "ping", 1);
}

fn deep_json(size: usize) {
    let nested = format!("{}{}", "[".repeat(60), "]".repeat(60));
    let arguments = format!(r#"{{"a":[{}]}}"#, vec![&*nested; size + 1].join(","));
    let mut peer = peer();
    peer.send(&post("", &call_with(&arguments)));
    let key = last_call(&mut peer);
    peer.reply(key, done());
    is_answered(&mut peer, "tools/call", 1);
}

fn brackets(size: usize) {
    let mut peer = peer();
    peer.send(&post("", &"[\"]\",".repeat(size)));
    assert_eq!(peer.statuses("ping"), [400]);
}

fn ids_too_deep(size: usize) {
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    for id in ["\"id\":x", "\"id\":1", "\"id\":\"", "\"id\":\"\\\""] {
        let mut peer = peer();
        peer.send(&post("", &format!("{{\"a\":{deep}{}", id.repeat(size))));
        assert_eq!(peer.statuses("ping"), [400]);
    }
}

/// As many members, all different.
fn members_of(size: usize) -> String {
    (0..size).map(|nth| format!(r#""{nth}":"{nth}","#)).collect()
}

fn members(size: usize) {
    let config = Arc::new(unlimited(true));
    let mut peer = Peer::new(&config, Instant::from_micros(0));
    let params = format!(r#"{{{}"level":"info"}}"#, members_of(size));
    let message =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{params}}}"#);
    let id = SessionId::new([1; 16]);
    peer.send(&post(&format!("Mcp-Session-Id: {id}\r\n"), &message));
    let key = last_call(&mut peer);
    peer.reply(key, Reply::Done);
    is_answered(&mut peer, "ping", 1);
}

fn mirrored(size: usize) {
    let names: Vec<_> = (0..size).map(|nth| format!("p{nth}")).collect();
    let property = |name: &String| (name.clone(), json!({"type": "string", "x-mcp-header": name}));
    let properties: serde_json::Map<_, _> = names.iter().map(property).collect();
    let schema = json!({"type": "object", "properties": properties});
    let tools = vec![Tool::new("t", "Tests", &schema)];
    let catalog = Catalog::new(&Offer { tools, ..Offer::default() }).expect("a good schema");
    let arguments: Vec<_> = names.iter().map(|name| format!(r#""{name}":"{name}""#)).collect();
    let params = format!(
        r#"{{"name":"t","arguments":{{{}}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}"#,
        arguments.join(",")
    );
    let fields = names.iter().map(|name| format!("Mcp-Param-{name}: {name}\r\n"));
    let fields = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: t\r\n"
        .to_owned()
        + &fields.collect::<String>();
    let message = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
    let mut peer = peer();
    for _ in 0..20 {
        peer.send(&post(&fields, &message));
        let call = peer.calls.pop().expect("a call");
        assert!(catalog.answer(&call).is_none(), "they are the same");
        peer.reply(call.key(), done());
    }
    assert!(peer.responses_on(Revision::V2026_07_28, "tools/call").finals.len() == 20);
}

fn completion(size: usize) {
    let mut peer = peer();
    let params = format!(
        r#"{{"ref":{{"type":"ref/prompt","name":"p"}},"argument":{{"name":"a","value":""}},"context":{{"arguments":{{{}"x":""}}}}}}"#,
        members_of(size)
    );
    let message =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{params}}}"#);
    peer.send(&post("", &message));
    let key = last_call(&mut peer);
    peer.reply(key, Reply::Completion(mcp_proto::CompleteResult::new(vec!["a".into(); size])));
    is_answered(&mut peer, "completion/complete", 1);
}

fn result(size: usize, accept: &str) {
    let mut peer = Peer::deaf(&Arc::new(unlimited(false)), Instant::from_micros(0));
    peer.send(&post(&format!("Accept: {accept}\r\n"), CALL));
    let key = last_call(&mut peer);
    peer.reply(key, Reply::Tool(CallToolResult::text("a\n\"b\u{e9}".repeat(size / 6))));
    while peer.read(1000) > 0 {}
    is_answered(&mut peer, "tools/call", 1);
}

fn result_as_json(size: usize) {
    result(size, "application/json");
}

fn result_as_event(size: usize) {
    result(size, "text/event-stream");
}

/// A call that says so much, to a peer that does not read by itself.
fn events(size: usize, after_each: impl Fn(&mut Peer)) {
    let mut peer = Peer::deaf(&Arc::new(unlimited(false)), Instant::from_micros(0));
    let key = call(&mut peer);
    for nth in 0..size {
        peer.notify(key, Notification::Progress(Progress::new(nth as f64)));
        after_each(&mut peer);
    }
    peer.reply(key, done());
    while peer.read(100) > 0 {}
    is_answered(&mut peer, "tools/call", 1);
}

fn events_unread(size: usize) {
    events(size, |_| {});
}

/// Half of what is said is read meanwhile, a few bytes at a time.
fn events_read_slowly(size: usize) {
    events(size, |peer| (0..7).for_each(|_| assert!(peer.read(10) <= 10)));
}

/// As many templates, all different, behind as many resources.
fn offer(size: usize) -> Catalog {
    let template = |nth: usize| {
        let text = format!("test://{{host}}/{nth}/{{+path}}/end{{?q,r}}");
        ResourceTemplate::new(text.parse().expect("a template"), nth.to_string())
    };
    let resource = |nth: usize| Resource::new(format!("test:{nth}"), nth.to_string());
    let offer = Offer {
        resources: (0..size).map(resource).collect(),
        resource_templates: (0..size).map(template).collect(),
        ..Offer::default()
    };
    Catalog::new(&offer).expect("all different")
}

fn templates(size: usize) {
    let catalog = offer(size);
    for _ in 0..20 {
        assert!(catalog.find_resource("test://host/x/path/end?q=1&r=2").is_none());
    }
}

fn uri_against_templates(size: usize) {
    let catalog = offer(50);
    let (host, path, query) =
        ("h".repeat(size), "%41/end".repeat(size / 7), "%41".repeat(size / 3));
    for last in ["49", "x"] {
        let uri = format!("test://h{host}/{last}/p{path}/end?q={query}&r=");
        assert_eq!(catalog.find_resource(&uri).is_some(), last == "49");
    }
}

/// As many URIs, all different.
fn uris(size: usize) -> Vec<String> {
    (0..size).map(|nth| format!("test:{}", nth * 7919 % 100_003)).collect()
}

fn filter(size: usize) {
    let uris: Vec<_> = uris(size).iter().map(|uri| format!("\"{uri}\"")).collect();
    // Each of them comes twice.
    let uris = [uris.join(","), uris.join(",")].join(",");
    let uris = uris.trim_matches(',');
    let message = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{{"notifications":{{"resourceSubscriptions":[{uris}]}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    );
    let fields = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n";
    let mut peer = peer();
    peer.send(&post(fields, &message));
    let call = peer.calls.pop().expect("a call");
    let mut hub = hub();
    let filter = call.request().subscription().expect("a filter");
    assert_eq!(filter.resource_subscriptions.len(), size);
    let key = hub.subscribe(filter).expect("no limit");
    peer.notify(call.key(), Notification::Subscribed);
    hub.unsubscribe(key);
    peer.reply(call.key(), Reply::SubscriptionEnded);
    assert_eq!(peer.responses_on(Revision::V2026_07_28, "subscriptions/listen").finals.len(), 1);
}

fn hub() -> Hub {
    let limits = HubLimits {
        subscriptions: usize::MAX,
        filter_bytes: usize::MAX,
        sessions: usize::MAX,
        calls: usize::MAX,
        client_bytes: usize::MAX,
        streams: usize::MAX,
        replay_bytes: usize::MAX,
        total_replay_bytes: usize::MAX,
    };
    hub_with(limits)
}

fn hub_with(limits: HubLimits) -> Hub {
    let log = MemoryLog::new(&limits, Duration::MAX);
    let deadlines = HubDeadlines { replay: Duration::MAX, ..HubDeadlines::default() };
    Hub::with(limits, deadlines, Box::new(log))
}

fn subscriptions(size: usize) {
    let mut hub = hub();
    let filter = SubscriptionFilter { tools_list_changed: true, ..Default::default() };
    let keys: Vec<_> = (0..size).map(|_| hub.subscribe(&filter).expect("no limit")).collect();
    for _ in 0..3 {
        hub.publish(&Change::Tools);
        while let Some(News::Subscription(key)) = hub.poll_news() {
            assert!(hub.next_change(key).is_some());
        }
    }
    keys.into_iter().for_each(|key| hub.unsubscribe(key));
    assert!(hub.is_empty());
}

fn changes(size: usize) {
    let mut hub = hub();
    let uris = uris(size);
    let filter = SubscriptionFilter { resource_subscriptions: uris.clone(), ..Default::default() };
    let key = hub.subscribe(&filter).expect("no limit");
    for _ in 0..3 {
        for uri in uris.iter().chain(&uris) {
            hub.publish(&Change::resource(&**uri));
        }
        let heard = std::iter::from_fn(|| hub.next_change(key)).count();
        assert_eq!(heard, size);
    }
}

const REVISION: Revision = Revision::V2025_11_25;

/// A host, and a session of it.
fn host() -> (Host, String) {
    let mut host = Host::new(hub());
    host.config = Arc::new(unlimited(true));
    let id = host.session(REVISION);
    (host, id)
}

/// Each is compared with all others, of which a filter has no more than a few hundred: a set of them
/// would take more room than they count.
fn uris_of_session(size: usize) {
    let (mut host, id) = host();
    for verb in ["subscribe", "unsubscribe"] {
        for uri in uris(size) {
            let message = format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"resources/{verb}","params":{{"uri":"{uri}"}}}}"#
            );
            let mut visit = host.say(REVISION, &id, &message);
            is_answered(&mut visit.peer, "resources/subscribe", 1);
        }
    }
}

fn sessions(size: usize) {
    let (mut host, _) = host();
    let ids: Vec<_> = (0..size).map(|_| host.session(REVISION)).collect();
    for id in &ids {
        is_answered(&mut host.say(REVISION, id, PING).peer, "ping", 1);
    }
    host.hub.publish(&Change::Tools);
    while host.hub.poll_news().is_some() {}
    host.now = Instant::from_micros(u64::MAX);
    host.hub.handle_timeout(host.now);
    assert!(host.hub.is_empty());
}

fn sessions_past_limit(size: usize) {
    let mut host = Host::new(Hub::new(HubLimits { sessions: 10, ..HubLimits::default() }));
    for _ in 0..size {
        host.session(REVISION);
    }
    assert!(host.hub.sessions() <= 10);
}

/// As many calls in one session, at once.
fn calls(host: &mut Host, id: &str, size: usize) -> Vec<Visit> {
    let call = |nth: usize| CALL.replace(r#""id":1"#, &format!(r#""id":{nth}"#));
    (0..size).map(|nth| host.say(REVISION, id, &call(nth))).collect()
}

fn calls_of_session(size: usize) {
    let (mut host, id) = host();
    let mut visits = calls(&mut host, &id, size);
    for nth in 0..3 {
        for visit in &mut visits {
            let key = visit.work[0].key;
            let progress = Notification::Progress(Progress::new(f64::from(nth)));
            host.hub.notify(host.now, key, &progress);
            assert!(!host.hub.can_notify(key));
            host.pump(visit);
            while host.hub.poll_news().is_some() {}
        }
    }
    for visit in &mut visits {
        host.reply(visit, done());
        is_answered(&mut visit.peer, "tools/call", 1);
    }
}

fn calls_cancelled(size: usize) {
    let (mut host, id) = host();
    let visits = calls(&mut host, &id, size);
    for nth in 0..size {
        let message = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{nth}}}}}"#
        );
        host.say(REVISION, &id, &message);
    }
    assert!(visits.iter().all(|visit| !host.hub.is_open(visit.work[0].key)));
}

fn streams_of_session(size: usize) {
    let (mut host, id) = host();
    let mut visits: Vec<_> = (0..size).map(|_| host.listen(REVISION, &id, None)).collect();
    host.hub.publish(&Change::Tools);
    while host.hub.poll_news().is_some() {}
    for visit in &mut visits {
        host.pump(visit);
        host.leave(visit);
    }
}

fn questions(size: usize) {
    let (mut host, id) = host();
    let mut visit = host.say(REVISION, &id, CALL);
    let key = visit.work[0].key;
    for nth in 1..=size {
        host.hub.ask(host.now, key, mcp_proto::ServerRequest::Ping).expect("it is there");
        host.pump(&mut visit);
        host.say(REVISION, &id, &format!(r#"{{"jsonrpc":"2.0","id":{nth},"result":{{}}}}"#));
        assert!(host.hub.take_answer(host.now, key).is_some());
    }
    host.reply(&mut visit, done());
    is_answered(&mut visit.peer, "tools/call", 1);
}

/// A call that says so much while its client is away, which then comes back.
fn come_back(mut host: Host, size: usize) {
    let id = host.session(REVISION);
    let mut visit = host.say(REVISION, &id, CALL);
    let key = visit.work[0].key;
    host.hub.notify(host.now, key, &Notification::Progress(Progress::new(-1.0)));
    host.pump(&mut visit);
    host.leave(&mut visit);
    visit.peer.handle(Input::PeerClosed(mcp_proto::PeerClosed::Reset));
    for nth in 0..size {
        let progress = Notification::Progress(Progress::new(nth as f64));
        host.hub.notify(host.now, key, &progress);
    }
    let endpoint = &host.config.endpoints[0];
    assert!(host.hub.reply(host.now, key, endpoint, done()).is_none());
    let mut back = host.listen(REVISION, &id, Some("1-1"));
    while let Some(FromStream::Event(_)) =
        back.reader.and_then(|reader| host.hub.next_event(host.now, reader))
    {}
    host.leave(&mut back);
    assert!(back.peer.refusals().is_empty());
}

fn replay(size: usize) {
    let (host, _) = host();
    come_back(host, size);
}

fn replay_past_limit(size: usize) {
    let limits = HubLimits { replay_bytes: 10_000, ..HubLimits::default() };
    let host = Host::new(hub_with(limits));
    come_back(host, size);
}
