//! A thousand clients listen to one server, half of them never read, and much changes.

mod common;

use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::On;
use common::client::{Request, Response, ToolCall, Wire, data_of, read_chunk, read_head};
use common::process::{self, Process};
use common::subscription::listen;
use mcp_smol::{Deadlines, Endpoints, Resource, Server, ServerHandle, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

const LISTENERS: usize = 1_000;
const CHANGES: usize = 10_000;
const URIS: usize = 50;
/// How many of the URIs each listener asks for, besides the list of tools.
const ASKED: usize = 10;

/// Between fifty changes and the next.
const PAUSE: Duration = Duration::from_millis(10);

/// How long it may take until a client that reads has been told of everything. It has to be told of
/// eleven things, as 499 others have.
const SOON: Duration = Duration::from_secs(5);

/// What a listener may take while all that it asked for is pending, in bytes: its URIs as they
/// count in a filter (`HubLimits::filter_bytes`), each text twice, and one message on its way.
const BYTES_PER_LISTENER: usize = ASKED * (256 + 2 * 20) + 512;

fn uri(nth: usize) -> String {
    format!("file:///{}", nth % URIS)
}

/// When something happens, on the clock that both processes share.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

/// What has changed, by `tools` or URI, and when it last did.
type Times = BTreeMap<String, Duration>;

#[derive(Deserialize, JsonSchema)]
struct Storm {
    changes: usize,
}

/// Changes the server as fast as it can, and then one thing that everybody hears of last.
fn storm(handle: &ServerHandle, changes: usize) -> Times {
    let mut times = Times::new();
    for nth in 0..changes {
        // Who is told after this can see the change.
        match nth % (URIS + 1) {
            0 => {
                let changing = tool("changing", format!("Version {nth}"), || "");
                times.insert("tools".into(), now());
                handle.replace(changing).unwrap();
            }
            which => {
                times.insert(uri(which), now());
                handle.notify_resource_updated(&uri(which));
            }
        }
        if nth % URIS == 0 {
            // Leaves some time to tell of it, or most changes would be told of as one.
            std::thread::sleep(PAUSE);
        }
    }
    times.insert("last:".into(), now());
    handle.notify_resource_updated("last:");
    times
}

fn endpoints() -> Endpoints {
    let mut server = Server::new("news", "1.0.0");
    let handle = server.handle();
    let server = server
        .resource(Resource::new("file:///0", "0"), || "")
        .tool("hello", "Says hello", || "hello")
        .tool("storm", "Changes much", move |args: Storm| {
            let (done, is_done) = async_channel::bounded(1);
            let handle = handle.clone();
            std::thread::spawn(move || done.send_blocking(storm(&handle, args.changes)));
            async move { json!(is_done.recv().await.unwrap()).to_string() }
        });
    // Those who do not read are to stay.
    let deadlines = Deadlines {
        write_stall: Duration::from_secs(600),
        drain: Duration::from_millis(100),
        ..Deadlines::default()
    };
    Endpoints::new().mount("/mcp", server).deadlines(deadlines)
}

#[test]
fn serve() {
    process::serve(Some(4096), |_| endpoints());
}

/// The server, as its clients see it.
struct Serving {
    process: Process,
}

impl Serving {
    fn connect(&self, receive_buffer: Option<usize>) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size).unwrap();
        }
        socket.connect(&self.process.address.into()).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        socket.into()
    }

    fn call(&self, tool: &'static str, arguments: Value) -> Response {
        let call = ToolCall::new(Wire::Modern, tool, arguments);
        let mut stream = self.connect(None);
        stream.write_all(&call.sized()).unwrap();
        Response::read(&mut BufReader::new(stream), &call.request())
    }

    fn storm(&self, changes: usize) -> Times {
        serde_json::from_str(&self.call("storm", json!({"changes": changes})).text()).unwrap()
    }

    /// Listens for the tools, some URIs and the end, and reads up to the acknowledgment.
    fn listen(&self, nth: usize, receive_buffer: Option<usize>) -> Listener {
        let uris: Vec<_> = (0..ASKED).map(|k| uri(nth + k)).chain(["last:".into()]).collect();
        let filter = json!({"toolsListChanged": true, "resourceSubscriptions": uris});
        let request: Request = listen(filter);
        let mut stream = self.connect(receive_buffer);
        stream.write_all(&request.sized()).unwrap();
        let mut stream = BufReader::with_capacity(1024, stream);
        assert!(read_head(&mut stream).starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(String::from_utf8(read_chunk(&mut stream)).unwrap().contains("acknowledged"));
        Listener { stream, asked: uris.into_iter().chain(["tools".into()]).collect() }
    }
}

struct Listener {
    stream: BufReader<TcpStream>,
    asked: Vec<String>,
}

impl Listener {
    /// Everything up to the end, with the time of its arrival.
    fn read(&mut self) -> Vec<(String, Duration)> {
        let mut heard: Vec<(String, Duration)> = Vec::new();
        while heard.last().is_none_or(|(change, _)| change != "last:") {
            let chunk = String::from_utf8(read_chunk(&mut self.stream)).unwrap();
            let Some(json) = data_of(&chunk).next() else {
                continue;
            };
            let message: Value = serde_json::from_str(json).unwrap();
            let change = match message["method"].as_str() {
                Some("notifications/tools/list_changed") => "tools",
                Some("notifications/resources/updated") => {
                    message["params"]["uri"].as_str().unwrap()
                }
                _ => panic!("{message}"),
            };
            assert!(self.asked.iter().any(|asked| asked == change), "did not ask for {change}");
            heard.push((change.to_owned(), now()));
        }
        heard
    }
}

#[test]
fn everybody_hears_of_the_last_change() {
    for &on in On::ALL {
        let server = Serving { process: Process::start(on) };
        let mut stalled: Vec<_> =
            (0..LISTENERS / 2).map(|nth| server.listen(nth, Some(1))).collect();
        let reading: Vec<_> = (0..LISTENERS / 2).map(|nth| server.listen(nth, None)).collect();
        // What is only made once must not be counted.
        let quiet = server.process.kib("VmRSS:");

        let readers: Vec<_> = reading
            .into_iter()
            .map(|mut listener| {
                let builder = std::thread::Builder::new().stack_size(256 * 1024);
                builder.spawn(move || (listener.read(), listener)).unwrap()
            })
            .collect();
        let is_over = AtomicBool::new(false);
        let times = std::thread::scope(|scope| {
            // Others are served meanwhile.
            let caller = scope.spawn(|| {
                let mut longest = Duration::ZERO;
                while !is_over.load(Ordering::SeqCst) {
                    let begun = Instant::now();
                    assert_eq!(server.call("hello", json!({})).text(), "hello");
                    longest = longest.max(begun.elapsed());
                }
                longest
            });
            let times = server.storm(CHANGES);
            is_over.store(true, Ordering::SeqCst);
            let longest = caller.join().unwrap();
            assert!(longest < SOON, "{on:?}: a call took {longest:?}");
            times
        });
        assert_eq!(times.len(), URIS + 2);
        let mut slowest = Duration::ZERO;
        for reader in readers {
            let (heard, listener) = reader.join().unwrap();
            let last: Times = heard.into_iter().collect();
            for asked in &listener.asked {
                let changed = times[asked.as_str()];
                let heard = last.get(asked).unwrap_or_else(|| panic!("nothing of {asked}"));
                assert!(*heard >= changed, "{on:?}: not told of the last change of {asked}");
                slowest = slowest.max(*heard - changed);
            }
        }
        assert!(slowest < SOON, "{on:?}: told after {slowest:?}");

        let peak = server.process.kib("VmHWM:");
        let bound = LISTENERS * BYTES_PER_LISTENER / 1024;
        assert!(peak < quiet + bound, "{on:?}: from {quiet} KiB to {peak} KiB, not {bound} more");

        // And those who come back to their streams find what they asked for, each thing once.
        for listener in &mut stalled {
            let heard = listener.read();
            let mut end: Vec<_> = heard.iter().rev().take(listener.asked.len()).collect();
            end.sort_unstable();
            let mut asked = listener.asked.clone();
            asked.sort_unstable();
            assert!(end.into_iter().map(|(change, _)| change).eq(&asked), "{on:?}: {heard:?}");
            assert!(heard.len() < 200, "{on:?}: it had not stalled, and heard {}", heard.len());
        }
        server.process.stop();
    }
}
