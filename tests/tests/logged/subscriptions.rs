//! Clients that listen for changes, over real sockets (2026-07-28, basic/patterns/subscriptions).

use std::io::{self, BufReader, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};
use std::time::{Duration, Instant};

use crate::common::client::{HangUp, Request, Response, ToolCall, Wire, connect};
use crate::common::log::Log;
use crate::common::subscription::{Piece, Subscription, listen};
use crate::common::{On, Running, wait_until};
use mcp_smol::runtime::Timer;
use mcp_smol::{Counters, Deadlines, Endpoints, HubLimits, Report, Resource, Server, ServerHandle};
use serde_json::{Value, json};

/// What a URI in a filter counts besides its text.
const BYTES_PER_URI: usize = 256;

struct Fixture {
    running: Running,
    handle: ServerHandle,
    counters: Counters,
}

fn server() -> Server {
    Server::new("news", "1.0.0")
        .tool("hello", "Says hello", || "hello")
        .resource(Resource::new("file:///a", "a"), || "A")
}

impl Fixture {
    fn start(on: On) -> Self {
        Self::start_with(on, |endpoints| endpoints)
    }

    fn start_with(on: On, set_up: impl FnOnce(Endpoints) -> Endpoints) -> Self {
        let mut server = server();
        let (handle, counters) = (server.handle(), server.counters());
        // Tests stop servers whose clients are still there.
        let deadlines = Deadlines { drain: Duration::from_millis(100), ..Deadlines::default() };
        let endpoints = set_up(Endpoints::new().mount("/mcp", server).deadlines(deadlines));
        Self { running: on.serve_with(endpoints, Duration::from_secs(60)), handle, counters }
    }

    fn listen(&self, notifications: Value) -> Subscription {
        Subscription::to(self.running.address, notifications)
    }

    fn has_subscriptions(&self, count: usize) {
        wait_until("the subscriptions", || self.counters.open_subscriptions() == count);
    }

    /// The status, the code and the message of the answer to a client that is not let listen.
    fn refused(&self, notifications: Value) -> (u16, i64, String) {
        let response = listen(notifications).send(self.running.address);
        let error = response.answer()["error"].clone();
        let message = error["message"].as_str().unwrap_or_else(|| panic!("{response:?}"));
        (response.status, error["code"].as_i64().unwrap(), message.to_owned())
    }
}

#[test]
fn the_acknowledgment_says_what_is_granted() {
    for &on in On::ALL {
        let fixture = Fixture::start(on);
        for (asked, granted) in [
            (json!({}), json!({})),
            (json!({"toolsListChanged": true}), json!({"toolsListChanged": true})),
            (json!({"toolsListChanged": false, "promptsListChanged": null, "x": true}), json!({})),
            (
                json!({"promptsListChanged": true, "resourceSubscriptions": []}),
                json!({"promptsListChanged": true}),
            ),
            (
                json!({"resourceSubscriptions": ["b:", "a:\"\u{e9}\n", "b:"]}),
                json!({"resourceSubscriptions": ["b:", "a:\"\u{e9}\n"]}),
            ),
            (
                json!({
                    "toolsListChanged": true, "promptsListChanged": true,
                    "resourcesListChanged": true, "resourceSubscriptions": ["unknown:"],
                }),
                json!({
                    "toolsListChanged": true, "promptsListChanged": true,
                    "resourcesListChanged": true, "resourceSubscriptions": ["unknown:"],
                }),
            ),
        ] {
            assert_eq!(fixture.listen(asked.clone()).granted, granted, "{asked}");
        }
        fixture.has_subscriptions(0);
        fixture.running.stop().unwrap();
    }
}

#[test]
fn every_message_has_the_id_of_the_request() {
    for &on in On::ALL {
        let fixture = Fixture::start(on);
        let ids = [json!(0), json!(7), json!(-1), json!("7"), json!(""), json!("a \"b\"\n\u{e9}")];
        let everything = json!({
            "toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true,
            "resourceSubscriptions": ["a:"],
        });
        let mut subscriptions: Vec<_> = ids
            .into_iter()
            .map(|id| {
                let request = Request { id, ..listen(everything.clone()) };
                Subscription::open(fixture.running.address, &request)
            })
            .collect();
        fixture.handle.notify_prompts_list_changed();
        fixture.handle.notify_resources_list_changed();
        fixture.handle.notify_resource_updated("a:");
        fixture.handle.notify_tools_list_changed();
        for subscription in &mut subscriptions {
            assert_eq!(subscription.changes_until("tools"), ["prompts", "resources", "a:"]);
        }
        fixture.running.begin_stop();
        subscriptions.into_iter().for_each(Subscription::ended);
        fixture.running.stopped().unwrap();
    }
}

/// The three lists, and URIs some of which only look the same: they are compared as written.
const CHANGES: [&str; 12] = [
    "tools",
    "prompts",
    "resources",
    "file:///a",
    "file:///A",
    "file:///a/",
    "FILE:///a",
    "file:///a%2F",
    "file:///a%2f",
    "file:///%C3%A9",
    "file:///%c3%a9",
    "a:",
];

/// A filter that asks for these of [`CHANGES`], and for one more URI.
fn filter(changes: &[&str], last: &str) -> Value {
    let is_uri = |change: &&&str| !CHANGES[..3].contains(*change);
    let mut uris: Vec<_> = changes.iter().filter(is_uri).collect();
    uris.push(&last);
    json!({
        "toolsListChanged": changes.contains(&"tools"),
        "promptsListChanged": changes.contains(&"prompts"),
        "resourcesListChanged": changes.contains(&"resources"),
        "resourceSubscriptions": uris,
    })
}

fn notify(handle: &ServerHandle, change: &str) {
    match change {
        "tools" => handle.notify_tools_list_changed(),
        "prompts" => handle.notify_prompts_list_changed(),
        "resources" => handle.notify_resources_list_changed(),
        uri => handle.notify_resource_updated(uri),
    }
}

#[test]
fn changes_reach_those_who_asked_and_nobody_else() {
    for &on in On::ALL {
        let fixture = Fixture::start(on);
        let mut asked: Vec<Vec<_>> = CHANGES.iter().map(|&change| vec![change]).collect();
        asked.extend([vec![], CHANGES.to_vec(), vec!["tools", "file:///A"]]);
        let mut subscriptions: Vec<_> = asked
            .into_iter()
            .map(|asked| (fixture.listen(filter(&asked, "last:")), asked))
            .collect();
        for _ in 0..3 {
            CHANGES.iter().for_each(|change| notify(&fixture.handle, change));
            fixture.handle.notify_resource_updated("file:///");
            // When it is there, all that came before it is.
            fixture.handle.notify_resource_updated("last:");
            for (subscription, asked) in &mut subscriptions {
                assert_eq!(subscription.changes_until("last:"), *asked, "{on:?}");
            }
        }
        fixture.running.stop().unwrap();
    }
}

#[test]
fn subscriptions_of_one_client_are_apart() {
    for &on in On::ALL {
        let fixture = Fixture::start(on);
        // With the same id, which is no matter: each has a stream of its own.
        let mut tools = fixture.listen(json!({"toolsListChanged": true}));
        let mut both = fixture.listen(filter(&["tools"], "a:"));
        let mut resource = fixture.listen(json!({"resourceSubscriptions": ["a:"]}));
        fixture.has_subscriptions(3);
        fixture.handle.notify_tools_list_changed();
        assert_eq!((tools.change(), both.change()), ("tools".into(), "tools".into()));
        drop(tools);
        fixture.has_subscriptions(2);
        fixture.handle.notify_tools_list_changed();
        fixture.handle.notify_resource_updated("a:");
        assert_eq!(both.changes_until("a:"), ["tools"]);
        assert_eq!(resource.change(), "a:");
        fixture.running.stop().unwrap();
    }
}

#[test]
fn a_quiet_stream_is_kept_alive() {
    for &on in On::ALL {
        let keep_alive = Duration::from_millis(100);
        let deadlines = Deadlines { keep_alive, ..Deadlines::default() };
        let fixture = Fixture::start_with(on, |endpoints| endpoints.deadlines(deadlines));
        let begun = Instant::now();
        let mut subscription = fixture.listen(json!({"toolsListChanged": true}));
        for _ in 0..3 {
            assert_eq!(subscription.piece(), Piece::Comment(": keep-alive".into()));
        }
        let elapsed = begun.elapsed();
        let soon = Duration::from_secs(5);
        assert!((3 * keep_alive..soon).contains(&elapsed), "{on:?}: after {elapsed:?}");
        // Whatever is sent keeps it alive as well.
        for _ in 0..3 {
            std::thread::sleep(keep_alive / 2);
            let begun = Instant::now();
            fixture.handle.notify_tools_list_changed();
            assert_eq!(subscription.change(), "tools");
            assert_eq!(subscription.piece(), Piece::Comment(": keep-alive".into()));
            assert!(begun.elapsed() >= keep_alive, "{on:?}: after {:?}", begun.elapsed());
        }
        fixture.running.stop().unwrap();
    }
}

#[test]
fn to_leave_is_to_end_the_subscription() {
    let log = Log::capture();
    for &on in On::ALL {
        let fixture = Fixture::start(on);
        let address = fixture.running.address;
        let request = listen(filter(&CHANGES, "last:"));
        let mut other = Subscription::open(address, &request);
        log.clear();
        // Before it has read a thing, on a quiet stream, and between changes that never end.
        let is_over = Arc::new(AtomicBool::new(false));
        let publisher = std::thread::spawn({
            let (handle, is_over) = (fixture.handle.clone(), is_over.clone());
            move || {
                while !is_over.load(Ordering::SeqCst) {
                    CHANGES.iter().for_each(|change| notify(&handle, change));
                }
            }
        });
        for how in HangUp::BOTH {
            for _ in 0..20 {
                let mut stream = connect(address);
                stream.write_all(&request.sized()).unwrap();
                how.close(stream);

                let quiet = fixture.listen(json!({}));
                how.close(quiet.into_stream());

                let mut busy = Subscription::open(address, &request);
                busy.change();
                how.close(busy.into_stream());
            }
        }
        fixture.has_subscriptions(1);
        is_over.store(true, Ordering::SeqCst);
        publisher.join().unwrap();
        fixture.handle.notify_resource_updated("last:");
        other.changes_until("last:");
        wait_until("one connection", || fixture.counters.open_connections() == 1);
        assert_eq!(fixture.counters.requests_lost(), 0);
        assert_eq!((log.warnings(), log.errors()), (0, 0), "{:#?}", log.excerpt());
        fixture.running.stop().unwrap();
    }
}

#[test]
fn a_shutdown_ends_subscriptions_at_once() {
    let log = Log::capture();
    for &on in On::ALL {
        let fixture = Fixture::start(on);
        log.clear();
        let subscriptions = [json!({}), json!({"toolsListChanged": true}), filter(&CHANGES, "b:")];
        let subscriptions = subscriptions.map(|filter| fixture.listen(filter));
        // One whose request is complete only when the shutdown has begun.
        let late = listen(json!({"toolsListChanged": true}));
        let bytes = late.sized();
        let (most, rest) = bytes.split_at(bytes.len() - 1);
        let mut late_stream = connect(fixture.running.address);
        late_stream.write_all(most).unwrap();
        wait_until("its connection", || fixture.counters.open_connections() == 4);
        std::thread::sleep(Duration::from_millis(50));

        let begun = Instant::now();
        CHANGES.iter().for_each(|change| notify(&fixture.handle, change));
        fixture.running.begin_stop();
        // All that has happened before is told of, and then the end.
        for (mut subscription, told) in subscriptions.into_iter().zip([0, 1, CHANGES.len()]) {
            let expected = CHANGES[..told].iter();
            expected.for_each(|change| assert_eq!(subscription.change(), *change, "{on:?}"));
            subscription.ended();
        }
        late_stream.write_all(rest).unwrap();
        Subscription::begun(late_stream, &late).ended();
        let report: Report = fixture.running.stopped().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5), "{on:?}: {:?}", begun.elapsed());
        assert_eq!((report.finished, report.cut), (0, 0), "a subscription is no work");
        assert_eq!(fixture.counters.open_subscriptions(), 0);
        assert_eq!((log.warnings(), log.errors()), (0, 0), "{:#?}", log.excerpt());
        // Nobody hears it, and nothing breaks.
        fixture.handle.notify_tools_list_changed();
    }
}

/// A connection on which a client listens and says no more. It knows no wakers.
struct Quiet {
    request: Vec<u8>,
}

impl futures_io::AsyncRead for Quiet {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let request = std::mem::take(&mut self.request);
        if request.is_empty() {
            return Poll::Pending;
        }
        buffer[..request.len()].copy_from_slice(&request);
        Poll::Ready(Ok(request.len()))
    }
}

impl futures_io::AsyncWrite for Quiet {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct Never;

impl Timer for Never {
    fn reset(&mut self, _: Instant) {}

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

/// A task that changes the server when its executor forgets it.
struct Task(ServerHandle);

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.notify_tools_list_changed();
    }
}

#[test]
fn wakers_may_do_what_they_like_when_they_are_dropped() {
    let mut server = server();
    let (handle, counters) = (server.handle(), server.counters());
    let endpoints = Endpoints::new().mount("/mcp", server);
    let service = mcp_smol::block_on(endpoints.start()).unwrap();
    let request = listen(json!({"toolsListChanged": true})).sized();
    let polling = std::thread::spawn(move || {
        let mut connection = service.connection(Quiet { request }, Never, None);
        for _ in 0..3 {
            let waker = Arc::new(Task(handle.clone())).into();
            assert!(Pin::new(&mut connection).poll(&mut Context::from_waker(&waker)).is_pending());
            assert_eq!(counters.open_subscriptions(), 1);
        }
        drop(connection);
        assert_eq!(counters.open_subscriptions(), 0);
    });
    wait_until("the end", || polling.is_finished());
    polling.join().unwrap();
}

/// A URI of which a few notifications are more than all buffers on the way hold.
fn long_uri() -> String {
    format!("file:///{}", "x".repeat(60_000))
}

/// Notifies of changes, which fill all that there is on the way to who does not read them.
fn stuff(handle: &ServerHandle, uri: &str, is_done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_done() {
        assert!(begun.elapsed() < Duration::from_secs(20), "still not done");
        handle.notify_resource_updated(uri);
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn who_stops_reading_is_cut_off() {
    let log = Log::capture();
    for &on in On::ALL {
        let write_stall = Duration::from_millis(1_000);
        let deadlines = Deadlines { write_stall, ..Deadlines::default() };
        let fixture = Fixture::start_with(on, |endpoints| endpoints.deadlines(deadlines));
        log.clear();
        let uri = long_uri();
        let asked = json!({"resourceSubscriptions": [uri, "last:"]});
        let mut reading = fixture.listen(asked.clone());
        let stalled = fixture.listen(asked);
        fixture.has_subscriptions(2);
        let reader = std::thread::spawn(move || {
            reading.changes_until("last:");
            reading
        });
        let begun = Instant::now();
        stuff(&fixture.handle, &uri, || fixture.counters.open_subscriptions() == 1);
        assert!(begun.elapsed() > write_stall, "{on:?}: after {:?}", begun.elapsed());
        wait_until("its connection", || fixture.counters.open_connections() == 1);
        fixture.handle.notify_resource_updated("last:");
        drop(reader.join().unwrap());
        fixture.has_subscriptions(0);
        assert_eq!((log.warnings(), log.errors()), (0, 0), "{:#?}", log.excerpt());
        drop(stalled);
        fixture.running.stop().unwrap();
    }
}

#[test]
fn who_stops_reading_cannot_hold_up_a_shutdown() {
    let log = Log::capture();
    for &on in On::ALL {
        let mut server = server();
        let (handle, counters) = (server.handle(), server.counters());
        let endpoints = Endpoints::new().mount("/mcp", server);
        let running = on.serve_with(endpoints, Duration::from_millis(200));
        log.clear();
        let uri = long_uri();
        let stalled = Subscription::to(running.address, json!({"resourceSubscriptions": [uri]}));
        let begun = Instant::now();
        // Time enough to fill all that there is on the way.
        stuff(&handle, &uri, || begun.elapsed() > Duration::from_secs(1));
        let begun = Instant::now();
        running.stop().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        assert_eq!((counters.open_connections(), counters.open_subscriptions()), (0, 0));
        assert_eq!((log.warnings(), log.errors()), (0, 0), "{:#?}", log.excerpt());
        drop(stalled);
    }
}

#[test]
fn only_an_event_stream_will_do() {
    for &on in On::ALL {
        let fixture = Fixture::start(on);
        let with = |accept| Request { accept, ..listen(json!({"toolsListChanged": true})) };
        for accept in ["application/json", "application/json, text/event-stream;q=0"] {
            let response = with(accept).send(fixture.running.address);
            assert_eq!(response.status, 406, "{accept}: {response:?}");
        }
        for accept in ["text/event-stream", "*/*"] {
            let mut subscription = Subscription::open(fixture.running.address, &with(accept));
            fixture.handle.notify_tools_list_changed();
            assert_eq!(subscription.change(), "tools", "{accept}");
        }
        fixture.has_subscriptions(0);
        fixture.running.stop().unwrap();
    }
}

#[test]
fn where_nothing_changes_nobody_can_listen() {
    let running = On::Smol.serve(Endpoints::new().mount("/mcp", server()));
    let request = listen(json!({"toolsListChanged": true}));
    let response = request.send(running.address);
    assert_eq!((response.status, &response.answer()["error"]["code"]), (404, &json!(-32601)));
    let discover = Request::new(Wire::Modern, "server/discover", json!({})).send(running.address);
    let capabilities = &discover.answer()["result"]["capabilities"];
    assert_eq!(*capabilities, json!({"tools": {}, "resources": {}}));
    running.stop().unwrap();
}

#[test]
fn the_2025_revisions_do_not_know_it() {
    let fixture = Fixture::start(On::Smol);
    let request = Request { wire: Wire::Legacy, ..listen(json!({"toolsListChanged": true})) };
    let response = request.send(fixture.running.address);
    assert_eq!((response.status, &response.answer()["error"]["code"]), (200, &json!(-32601)));
    // What it replaces needs a session, and there are none.
    let params = json!({"uri": "file:///a"});
    let response = Request::new(Wire::Legacy, "resources/subscribe", params);
    let answer = response.send(fixture.running.address).answer();
    assert_eq!(answer["error"]["code"], json!(-32601));
    fixture.running.stop().unwrap();
}

#[test]
fn what_is_no_filter_is_refused() {
    let fixture = Fixture::start(On::Smol);
    for (filter, what) in [
        (Value::Null, "`notifications` must be an object"),
        (json!([]), "`notifications` must be an object"),
        (json!({"toolsListChanged": 1}), "`notifications.toolsListChanged` must be a boolean"),
        (json!({"resourceSubscriptions": "a:"}), "must be an array of strings"),
        (json!({"resourceSubscriptions": [7]}), "must be an array of strings"),
    ] {
        let (status, code, message) = fixture.refused(filter);
        assert_eq!((status, code), (400, -32602));
        assert!(message.contains(what), "{message}");
    }
    let request = Request { params: json!({}), ..listen(json!({})) };
    let response = request.send(fixture.running.address);
    assert_eq!((response.status, &response.answer()["error"]["code"]), (400, &json!(-32602)));
    fixture.running.stop().unwrap();
}

#[test]
fn no_more_subscriptions_than_the_limit() {
    for &on in On::ALL {
        let limits = HubLimits { subscriptions: 2, ..HubLimits::default() };
        let fixture = Fixture::start_with(on, |endpoints| {
            let mut another = server();
            another.handle();
            endpoints.mount("/another", another).hub_limits(limits)
        });
        let filter = || json!({"toolsListChanged": true});
        let mut subscriptions = [fixture.listen(filter()), fixture.listen(filter())];
        let (status, code, message) = fixture.refused(filter());
        assert_eq!((status, code), (200, -32603));
        assert!(message.contains("all 2 subscriptions of this server are taken"), "{message}");
        // Each server has its own.
        let elsewhere = Request { path: "/another", ..listen(filter()) };
        drop(Subscription::open(fixture.running.address, &elsewhere));
        // Who was let in hears everything, and when one leaves there is room for another.
        fixture.handle.notify_tools_list_changed();
        for subscription in &mut subscriptions {
            assert_eq!(subscription.change(), "tools");
        }
        drop(subscriptions);
        fixture.has_subscriptions(0);
        let _more = [fixture.listen(filter()), fixture.listen(filter())];
        assert_eq!(fixture.refused(filter()).1, -32603);
        assert_eq!(fixture.counters.open_subscriptions(), 2);
        fixture.running.stop().unwrap();
    }
}

#[test]
fn no_larger_filter_than_the_limit() {
    let limit = 3 * BYTES_PER_URI + 10;
    let limits = HubLimits { filter_bytes: limit, ..HubLimits::default() };
    let fixture = Fixture::start_with(On::Smol, |endpoints| endpoints.hub_limits(limits));
    let filter = |uris: &[&str]| json!({"toolsListChanged": true, "resourceSubscriptions": uris});
    // What is there twice counts once.
    for uris in [&["a:", "b:", "c:/xyz", "a:"][..], &["", "1", "2"], &["x"; 99]] {
        fixture.listen(filter(uris));
    }
    for uris in [&["a:", "b:", "c:/xyzz"][..], &["", "1", "2", "3"]] {
        let (status, code, message) = fixture.refused(filter(uris));
        assert_eq!((status, code), (400, -32602));
        assert!(message.contains(&format!("at most {limit} bytes in all")), "{message}");
    }
    fixture.has_subscriptions(0);
    fixture.running.stop().unwrap();
}

#[test]
fn calls_behind_a_subscription_wait_for_its_end() {
    for &on in On::ALL {
        let fixture = Fixture::start(on);
        let request = listen(json!({"toolsListChanged": true}));
        let mut stream = connect(fixture.running.address);
        let call = ToolCall::new(Wire::Modern, "hello", json!({}));
        stream.write_all(&[request.sized(), call.sized()].concat()).unwrap();
        let mut subscription = Subscription::begun(stream, &request);
        fixture.handle.notify_tools_list_changed();
        assert_eq!(subscription.change(), "tools");
        // A call on another connection is served meanwhile.
        assert_eq!(call.send(fixture.running.address).text(), "hello");
        fixture.running.begin_stop();
        // The connection ends with the stream: a server that stops takes nothing new.
        subscription.ended();
        fixture.running.stopped().unwrap();
    }
}

#[test]
fn a_client_of_http_1_0_listens_until_the_connection_ends() {
    let fixture = Fixture::start(On::Smol);
    let request = listen(json!({"toolsListChanged": true}));
    let text = String::from_utf8(request.sized()).unwrap().replace("HTTP/1.1", "HTTP/1.0");
    let mut stream = connect(fixture.running.address);
    stream.write_all(text.as_bytes()).unwrap();
    fixture.has_subscriptions(1);
    fixture.handle.notify_tools_list_changed();
    fixture.running.stop().unwrap();
    let response = Response::read(&mut BufReader::new(stream), &request);
    let messages = response.messages();
    assert_eq!(messages.len(), 3, "{messages:#?}");
    assert_eq!(messages[1]["method"], json!("notifications/tools/list_changed"));
    assert_eq!(messages[2]["result"]["resultType"], json!("complete"));
}
