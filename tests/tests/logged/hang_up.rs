//! Clients that hang up, at every byte and in every way: python-sdk issue 2064, from raw sockets.
//!
//! There, a client that left in the middle of a body crashed the session, because the error was
//! logged to the client, over a stream that was closed. Here it is one line in the server's log.

use std::future::pending;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::client::{
    HangUp, ToolCall, Wire, connect, notifications_in, read_chunk, read_head,
};
use crate::common::log::Log;
use crate::common::{On, Running, wait_until};
use mcp_smol::{AskError, Context, Counters, Endpoints, Server};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// Whose calls are on one connection, all of them.
#[test]
fn each_call_that_is_lost_line_by_line_is_named() {
    let log = Log::capture();
    let tools = ["a", "b", "c", "d"];
    let mut server = Server::new("lines", "1.0.0");
    for name in tools {
        server = server.tool(name, "Begins, and never ends", |ctx: Context| async move {
            ctx.progress(1.0).await;
            pending::<()>().await;
        });
    }
    let counters = server.counters();
    let (mut client, stream) = UnixStream::pair().unwrap();
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "progressToken": 1,
    });
    let client = std::thread::spawn(move || {
        for name in tools {
            let params = json!({"name": name, "arguments": {}, "_meta": meta});
            let request =
                json!({"jsonrpc": "2.0", "id": name, "method": "tools/call", "params": params});
            writeln!(client, "{request}").unwrap();
        }
        wait_until("all calls", || counters.calls_in_flight() == tools.len());
        // That there is more to read makes a reset of its end.
        client.read_exact(&mut [0]).unwrap();
    });
    serve_lines(server, stream);
    client.join().unwrap();
    let log = log.excerpt();
    let lost: Vec<_> = log.iter().filter(|line| line.contains("WARN")).collect();
    assert_eq!(lost.len(), tools.len(), "{log:#?}");
    for (line, name) in lost.iter().zip(tools) {
        assert!(line.contains(&format!("call=\"{name}\"")), "{log:#?}");
    }
}

/// What a handler asks whose client has closed its end has no answer, and it is told so.
#[test]
fn who_has_left_cannot_be_asked_any_more() {
    let server = Server::new("s", "1").tool("ask", "Asks", |ctx: Context| async move {
        let asked = ctx.list_roots("roots").await;
        format!("left: {}", matches!(asked, Err(AskError::Left { .. })))
    });
    let (client, stream) = UnixStream::pair().unwrap();
    let client = std::thread::spawn(move || {
        let mut lines = BufReader::new(client.try_clone().unwrap()).lines();
        let mut client = client;
        let mut next = || lines.next().unwrap().unwrap();
        for message in session(json!({"roots": {}})) {
            writeln!(client, "{message}").unwrap();
        }
        assert!(next().contains("protocolVersion"));
        let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call",
            "params": {"name": "ask", "arguments": {}}});
        writeln!(client, "{call}").unwrap();
        assert!(next().contains("roots/list"));
        client.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(next().contains("notifications/cancelled"));
        assert!(next().contains("left: true"));
    });
    serve_lines(server, stream);
    client.join().unwrap();
}

/// Serves one client to its end.
fn serve_lines(server: Server, stream: UnixStream) {
    mcp_smol::block_on(async {
        let service = Endpoints::new().mount("/mcp", server).start_by_line().await.unwrap();
        let timer = mcp_smol::runtime::Runtime::timer(&mcp_smol::Smol::new());
        let stream = mcp_smol::async_io::Async::new(stream).unwrap();
        // Kept when it is over, as whoever races it against something else may.
        let timer_of_house = mcp_smol::runtime::Runtime::timer(&mcp_smol::Smol::new());
        let mut house = std::pin::pin!(service.housekeeping(timer_of_house));
        let connection = service.line_connection(stream, timer, None);
        let ends = futures_lite::future::or(
            async {
                connection.await;
                true
            },
            async {
                house.as_mut().await;
                false
            },
        );
        assert!(ends.await);
        futures_lite::future::zip(service.stop(Duration::ZERO), house.as_mut()).await;
    });
}

/// What begins a session with these capabilities of the client.
fn session(capabilities: serde_json::Value) -> [serde_json::Value; 2] {
    [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": capabilities,
            "clientInfo": {"name": "c", "version": "1"},
        }}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
    ]
}

/// What its client has taken back was not answered, on any revision.
#[test]
fn a_shutdown_counts_what_was_answered() {
    let session = session(json!({}));
    let modern = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    for (before, meta) in [(&session[..], json!({})), (&[], modern)] {
        let server = Server::new("s", "1").tool("hang", "Never ends", pending::<String>);
        let counters = server.counters();
        let (client, stream) = UnixStream::pair().unwrap();
        let (stop, stopped) = async_channel::bounded::<()>(1);
        let before = before.to_vec();
        let client = std::thread::spawn(move || {
            let mut client = client;
            let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {
                "name": "hang", "arguments": {}, "_meta": meta,
            }});
            for message in before.iter().chain([&call]) {
                writeln!(client, "{message}").unwrap();
            }
            wait_until("the call", || counters.calls_in_flight() == 1);
            stop.send_blocking(()).unwrap();
            let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
                "params": {"requestId": 2}});
            // Lines are read during a shutdown, too.
            std::thread::sleep(Duration::from_millis(50));
            writeln!(client, "{cancel}").unwrap();
            client.read_to_end(&mut Vec::new()).unwrap();
        });
        let report = mcp_smol::block_on(async {
            let service = Endpoints::new().mount("/mcp", server).start_by_line().await.unwrap();
            let timer = mcp_smol::runtime::Runtime::timer(&mcp_smol::Smol::new());
            let stream = mcp_smol::async_io::Async::new(stream).unwrap();
            let connection = service.line_connection(stream, timer, None);
            let stop = async {
                stopped.recv().await.unwrap();
                service.stop(Duration::from_secs(10)).await
            };
            futures_lite::future::zip(connection, stop).await.1
        });
        client.join().unwrap();
        assert_eq!((report.finished, report.cut), (0, 0));
    }
}

#[derive(Deserialize, JsonSchema)]
struct Echo {
    message: String,
}

#[derive(Deserialize, JsonSchema)]
struct Wait {
    milliseconds: u64,
}

/// What became of the handlers of `wait`.
#[derive(Default)]
struct Handlers {
    /// Futures that exist.
    alive: AtomicUsize,
    /// Handlers that came to their end.
    finished: AtomicUsize,
}

/// Lives as long as a handler's future.
struct Alive(Arc<Handlers>);

impl Alive {
    fn new(handlers: Arc<Handlers>) -> Self {
        handlers.alive.fetch_add(1, Ordering::SeqCst);
        Self(handlers)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Fixture {
    server: Running,
    counters: Counters,
    handlers: Arc<Handlers>,
}

impl Fixture {
    /// Tools that echo at once, that wait, and that report progress and then wait.
    fn start(on: On) -> Self {
        let handlers = Arc::new(Handlers::default());
        let (for_wait, for_stream) = (handlers.clone(), handlers.clone());
        let server = Server::new("hang-up", "1.0.0")
            .tool("echo", "Returns its message", |args: Echo| async move { args.message })
            .tool("wait", "Waits", move |args: Wait| {
                let alive = Alive::new(for_wait.clone());
                async move {
                    on.sleep(Duration::from_millis(args.milliseconds)).await;
                    alive.0.finished.fetch_add(1, Ordering::SeqCst);
                    "waited"
                }
            })
            .tool("stream", "Reports progress, then waits", move |args: Wait, ctx: Context| {
                let alive = Alive::new(for_stream.clone());
                async move {
                    ctx.progress(1.0).await;
                    on.sleep(Duration::from_millis(args.milliseconds)).await;
                    ctx.progress(2.0).await;
                    alive.0.finished.fetch_add(1, Ordering::SeqCst);
                    "streamed"
                }
            });
        let counters = server.counters();
        let server = on.serve(Endpoints::new().mount("/mcp", server));
        Self { server, counters, handlers }
    }

    /// All is well: nothing is left of the lost ones, and others are served.
    fn check(&self, log: &Log, warnings: usize) {
        wait_until("no open connections", || self.counters.open_connections() == 0);
        wait_until("no calls in flight", || self.counters.calls_in_flight() == 0);
        wait_until("the warnings", || log.warnings() >= warnings);
        let echo = ToolCall::new(Wire::Modern, "echo", json!({"message": "still here"}));
        assert_eq!(echo.send(self.server.address).text(), "still here");
        wait_until("no open connections", || self.counters.open_connections() == 0);
        assert_eq!(log.warnings(), warnings, "{:#?}", log.excerpt());
        assert_eq!(log.errors(), 0, "{:#?}", log.excerpt());
        assert_eq!(self.handlers.alive.load(Ordering::SeqCst), 0);
    }

    /// Opens 2,000 connections, sends part of a request on each, and then hangs them all up.
    /// Returns the resident memory when 500 of them were gone, and when all were.
    fn storm(&self, log: &Log, request: &[u8]) -> (usize, usize) {
        log.clear();
        // What is only made once must not be counted.
        self.check(log, 0);
        let mut streams: Vec<_> = (0..2_000)
            .map(|n| {
                let mut stream = connect(self.server.address);
                stream.write_all(&request[..1 + n % (request.len() - 1)]).unwrap();
                stream
            })
            .collect();
        let hang_up = |streams: Vec<_>| {
            for (n, stream) in streams.into_iter().enumerate() {
                HangUp::BOTH[n % 2].close(stream);
            }
        };
        let rest = streams.split_off(500);
        hang_up(streams);
        wait_until("the first warnings", || log.warnings() == 500);
        let before = resident_kib();
        hang_up(rest);
        self.check(log, 2_000);
        (before, resident_kib())
    }
}

#[test]
fn at_every_byte_of_a_request() {
    let log = Log::capture();
    for &on in On::ALL {
        let fixture = Fixture::start(on);
        for wire in [Wire::Modern, Wire::Legacy] {
            let call = ToolCall::new(wire, "echo", json!({"message": "hello"}));
            for request in [call.sized(), call.chunked()] {
                log.clear();
                for how in HangUp::BOTH {
                    for end in 0..request.len() {
                        let mut stream = connect(fixture.server.address);
                        stream.write_all(&request[..end]).unwrap();
                        how.close(stream);
                    }
                }
                // To leave before the first byte is to lose nothing.
                fixture.check(&log, 2 * (request.len() - 1));
            }
        }
        fixture.server.stop().unwrap();
    }
}

#[test]
fn while_the_handler_runs() {
    let log = Log::capture();
    for &on in On::ALL {
        let fixture = Fixture::start(on);
        for how in HangUp::BOTH {
            for (wire, tool) in [
                (Wire::Modern, "wait"),
                (Wire::Modern, "stream"),
                (Wire::Legacy, "wait"),
                (Wire::Legacy, "stream"),
            ] {
                log.clear();
                let finished = fixture.handlers.finished.load(Ordering::SeqCst);
                let milliseconds = if wire == Wire::Modern { 60_000 } else { 600 };
                let call = ToolCall::new(wire, tool, json!({"milliseconds": milliseconds}));
                let mut stream = connect(fixture.server.address);
                stream.write_all(&call.sized()).unwrap();
                wait_until("the handler", || fixture.handlers.alive.load(Ordering::SeqCst) == 1);
                let mut received = Vec::new();
                if tool == "stream" {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    assert!(read_head(&mut reader).contains("text/event-stream"));
                    received = read_chunk(&mut reader);
                }
                how.close(stream);

                let context = format!("{on:?} {how:?} {wire:?} {tool}");
                let gone = wait_until("the handler's end", || {
                    fixture.handlers.alive.load(Ordering::SeqCst) == 0
                });
                let has_finished = fixture.handlers.finished.load(Ordering::SeqCst) - finished;
                match wire {
                    // The disconnect is the cancellation.
                    Wire::Modern => {
                        assert!(gone < Duration::from_millis(100), "{context}: {gone:?}");
                        assert_eq!(has_finished, 0, "{context}");
                    }
                    // The disconnect cancels nothing.
                    Wire::Legacy => {
                        assert!(gone > Duration::from_millis(100), "{context}: {gone:?}");
                        assert_eq!(has_finished, 1, "{context}");
                    }
                }
                let notifications = notifications_in(&received, wire);
                let is_progress = |json: &&str| json.contains("notifications/progress");
                assert!(notifications.iter().all(is_progress), "{notifications:?}");
                assert_eq!(notifications.len(), usize::from(tool == "stream"), "{context}");
                fixture.check(&log, 1);
            }
        }
        fixture.server.stop().unwrap();
    }
}

#[test]
fn two_thousand_at_once() {
    let log = Log::capture();
    for &on in On::ALL {
        let fixture = Fixture::start(on);
        let request = ToolCall::new(Wire::Modern, "echo", json!({"message": "hello"})).sized();
        let (after_500, after_all) = fixture.storm(&log, &request);
        assert!(after_all <= after_500 + 2 * 1024, "{on:?}: {after_500} KiB, {after_all} KiB");
        // Nor do they add up from one storm to the next.
        let (_, after_another) = fixture.storm(&log, &request);
        assert!(
            after_another <= after_all + 2 * 1024,
            "{on:?}: {after_all} KiB, {after_another} KiB"
        );
        eprintln!("{on:?}: {after_500} KiB, {after_all} KiB, {after_another} KiB");
        fixture.server.stop().unwrap();
    }
}

/// The resident memory of this process.
fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
