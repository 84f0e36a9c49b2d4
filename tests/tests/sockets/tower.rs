//! Servers inside an axum application: what a client sees is what it would see without.

use std::io::{BufReader, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::Request as HttpRequest;
use axum::http::Extensions;
use axum::middleware::map_request;
use axum::{Extension, Router};
use mcp_smol::{
    BoxError, Context, Counters, Endpoints, Head, HubDeadlines, Limits, Principal, Server,
};
use mcp_tower::Mcp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::common::axum::serve;
use crate::common::client::{
    HangUp, Response, ToolCall, Wire, connect, field, notifications_in, read_chunk, read_head,
};
use crate::common::fixture::{Fixture, Gate};
use crate::common::session::{Client, Piece};
use crate::common::{On, Running, wait_until};

#[derive(Deserialize, JsonSchema)]
struct Echo {
    message: String,
}

/// A server whose handlers may wait at a gate, and what became of them.
struct Watched {
    gate: Gate,
    /// Handlers that came to their end.
    finished: Arc<AtomicUsize>,
    counters: Counters,
}

impl Watched {
    fn new() -> (Self, Server) {
        let (gate, finished) = (Gate::default(), Arc::new(AtomicUsize::new(0)));
        let (at_gate, counted) = (gate.clone(), finished.clone());
        let streaming = gate.clone();
        let server = Server::new("tower", "1.0.0")
            .tool("echo", "Returns its message", |args: Echo| args.message)
            .tool("wait", "Waits at the gate", move || {
                let (gate, finished) = (at_gate.clone(), counted.clone());
                async move {
                    gate.pass().await;
                    finished.fetch_add(1, Ordering::SeqCst);
                    "waited"
                }
            })
            .tool("steps", "Reports progress after each gate", move |ctx: Context| {
                let gate = streaming.clone();
                async move {
                    for step in 1..=3 {
                        gate.pass().await;
                        ctx.progress(step.into()).await;
                    }
                    gate.pass().await;
                    "done"
                }
            });
        (Self { gate, finished, counters: server.counters() }, server)
    }

    fn start() -> (Self, Running) {
        let (watched, server) = Self::new();
        (watched, On::Axum.serve(Endpoints::new().mount("/mcp", server)))
    }

    /// Nothing is left of whoever has gone, and others are served.
    #[track_caller]
    fn check(&self, running: &Running) {
        wait_until("no calls", || self.counters.calls_in_flight() == 0);
        wait_until("no connections", || self.counters.open_connections() == 0);
        assert_eq!(echo("still here").send(running.address).text(), "still here");
        wait_until("no connections", || self.counters.open_connections() == 0);
    }
}

fn echo(message: &str) -> ToolCall {
    ToolCall::new(Wire::Modern, "echo", json!({"message": message}))
}

fn tool(wire: Wire, tool: &'static str) -> ToolCall {
    ToolCall::new(wire, tool, json!({}))
}

#[test]
fn calls_are_answered_beside_the_application() {
    let (watched, running) = Watched::start();
    let long = "x".repeat(1 << 20);
    for wire in [Wire::Modern, Wire::Legacy] {
        for message in ["hello", &long] {
            let call = ToolCall::new(wire, "echo", json!({"message": message}));
            for request in [call.sized(), call.chunked()] {
                let mut stream = connect(running.address);
                stream.write_all(&request).unwrap();
                let response = Response::read(&mut BufReader::new(stream), &call.request());
                assert!(response.text() == message, "{wire:?}");
            }
        }
    }
    for (target, answer) in [("/own", "200 OK"), ("/none", "404 Not Found")] {
        let mut stream = connect(running.address);
        write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let head = read_head(&mut BufReader::new(stream));
        assert!(head.starts_with(&format!("HTTP/1.1 {answer}\r\n")), "{head}");
    }
    watched.check(&running);
    running.stop().unwrap();
}

#[test]
fn requests_follow_each_other_on_one_connection() {
    let (_, running) = Watched::start();
    let calls = [echo("one"), echo("two"), echo("three")];
    let mut stream = connect(running.address);
    stream.write_all(&calls.each_ref().map(ToolCall::sized).concat()).unwrap();
    let mut reader = BufReader::new(stream);
    for (call, expected) in calls.iter().zip(["one", "two", "three"]) {
        let response = Response::read(&mut reader, &call.request());
        assert_eq!(response.text(), expected);
        assert_eq!(field(&response.head, "connection"), None);
    }
    reader.get_mut().write_all(&echo("four").chunked()).unwrap();
    assert_eq!(Response::read(&mut reader, &echo("").request()).text(), "four");
    running.stop().unwrap();
}

#[test]
fn guards_and_limits_are_those_of_the_servers() {
    let server = Server::new("limits", "1.0.0").tool("echo", "Echoes", |args: Echo| args.message);
    let counters = server.counters();
    let limits = Limits { body: 100_000, ..Limits::default() };
    let running = On::Axum.serve(Endpoints::new().mount("/mcp", server).limits(limits));
    let long = echo(&"x".repeat(500_000));
    for request in [long.sized(), long.chunked()] {
        let mut stream = connect(running.address);
        stream.write_all(&request).unwrap();
        assert_eq!(Response::read(&mut BufReader::new(stream), &long.request()).status, 413);
    }
    let text = |call: ToolCall| String::from_utf8(call.sized()).unwrap();
    for (from, to, status) in [
        ("Host: localhost", "Host: evil.example.com", "403"),
        ("Host: localhost", "Host: localhost\r\nOrigin: https://evil.example.com", "403"),
        ("POST /mcp", "POST http://evil.example.com/mcp", "403"),
        ("POST /mcp", "PUT /mcp", "405"),
        ("POST /mcp", "OPTIONS *", "404"),
        ("application/json\r\nAccept", "text/plain\r\nAccept", "415"),
        ("Host: localhost", "Host: localhost\r\nExpect: 100-continue", "200"),
    ] {
        let mut stream = connect(running.address);
        stream.write_all(text(echo("x")).replacen(from, to, 1).as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = read_head(&mut reader);
        if head.starts_with("HTTP/1.1 100 ") {
            head = read_head(&mut reader);
        }
        assert_eq!(&head[9..12], status, "{to}: {head}");
    }
    wait_until("no connections", || counters.open_connections() == 0);
    running.stop().unwrap();
}

#[test]
fn a_client_that_waits_for_it_is_told_to_go_on_once_it_is_let_in() {
    let (deciding, gate) = (Arc::new(AtomicUsize::new(0)), Gate::default());
    let (counted, at_gate) = (deciding.clone(), gate.clone());
    let authorize = move |head: Head| {
        let (counted, gate) = (counted.clone(), at_gate.clone());
        async move {
            counted.fetch_add(1, Ordering::SeqCst);
            gate.pass().await;
            head.bearer_token().map(Principal::new)
        }
    };
    let server = Server::new("waits", "1.0.0").tool("echo", "Echoes", |args: Echo| args.message);
    let counters = server.counters();
    let limits = Limits { body: 100_000, ..Limits::default() };
    let endpoints = Endpoints::new().mount("/mcp", server.authorizer(authorize)).limits(limits);
    let running = On::Axum.serve(endpoints);
    let (short, long) = (echo("x"), echo(&"x".repeat(500_000)));
    for (number, (call, token, statuses)) in [
        (&short, "Authorization: Bearer alice\r\n", ["100", "200"].as_slice()),
        (&short, "", &["401"]),
        (&long, "Authorization: Bearer alice\r\n", &["413"]),
    ]
    .into_iter()
    .enumerate()
    {
        for request in [call.sized(), call.chunked()] {
            let request = String::from_utf8(request).unwrap();
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            let is_refused_by_length = statuses == ["413"];
            if is_refused_by_length && !head.contains("Content-Length") {
                continue;
            }
            let before = deciding.load(Ordering::SeqCst);
            let mut stream = connect(running.address);
            write!(stream, "{head}\r\n{token}Expect: 100-continue\r\n\r\n").unwrap();
            if !is_refused_by_length {
                wait_until("it is asked", || deciding.load(Ordering::SeqCst) > before);
                // Nothing is said before it is decided.
                stream.set_nonblocking(true).unwrap();
                let error = stream.peek(&mut [0]).unwrap_err();
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{number}");
                stream.set_nonblocking(false).unwrap();
                gate.open(1);
            }
            let mut reader = BufReader::new(stream);
            for status in statuses {
                let head = read_head(&mut reader);
                assert_eq!(&head[9..12], *status, "{number}: {head}");
                if *status == "100" {
                    reader.get_mut().write_all(body.as_bytes()).unwrap();
                }
            }
        }
    }
    wait_until("no connections", || counters.open_connections() == 0);
    running.stop().unwrap();
}

#[test]
fn a_head_is_answered_without_a_body() {
    let (_, running) = Watched::start();
    let mut stream = connect(running.address);
    let request = "HEAD /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut received = String::new();
    stream.read_to_string(&mut received).unwrap();
    let (head, body) = received.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 405 "), "{received}");
    assert_ne!(field(head, "content-length"), Some("0"));
    assert_eq!(body, "");
    running.stop().unwrap();
}

#[test]
fn progress_comes_when_it_is_reported() {
    let (watched, running) = Watched::start();
    for wire in [Wire::Modern, Wire::Legacy] {
        let mut stream = connect(running.address);
        stream.write_all(&tool(wire, "steps").sized()).unwrap();
        let mut reader = BufReader::new(stream);
        for step in 1..=3 {
            watched.gate.open(1);
            if step == 1 {
                assert!(read_head(&mut reader).contains("text/event-stream"));
            }
            let chunk = read_chunk(&mut reader);
            let notifications = notifications_in(&chunk, wire);
            assert!(notifications[0].contains(&format!("\"progress\":{step}")), "{wire:?}");
        }
        watched.gate.open(1);
        assert!(String::from_utf8(read_chunk(&mut reader)).unwrap().contains("done"));
        assert_eq!(read_chunk(&mut reader), b"");
    }
    watched.check(&running);
    running.stop().unwrap();
}

#[test]
fn clients_that_leave_harm_nobody() {
    let (watched, running) = Watched::start();
    let mut lost = 0;
    for how in HangUp::BOTH {
        // In the body: of those in the head, only the HTTP server knows.
        for request in [echo("hello").sized(), echo("hello").chunked()] {
            let head = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
            for end in [head, head + 1, request.len() - 1] {
                let mut stream = connect(running.address);
                stream.write_all(&request[..end]).unwrap();
                wait_until("the request", || watched.counters.open_connections() == 1);
                how.close(stream);
                lost += 1;
                wait_until("the loss", || watched.counters.requests_lost() == lost);
            }
        }
        // While a handler runs.
        for (wire, tool_name) in [
            (Wire::Modern, "wait"),
            (Wire::Modern, "steps"),
            (Wire::Legacy, "wait"),
            (Wire::Legacy, "steps"),
        ] {
            let finished = watched.finished.load(Ordering::SeqCst);
            let mut stream = connect(running.address);
            stream.write_all(&tool(wire, tool_name).sized()).unwrap();
            wait_until("the call", || watched.counters.calls_in_flight() == 1);
            if tool_name == "steps" {
                watched.gate.open(1);
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                read_head(&mut reader);
                read_chunk(&mut reader);
            }
            how.close(stream);
            lost += 1;
            wait_until("the loss", || watched.counters.requests_lost() == lost);
            if wire == Wire::Legacy {
                // The disconnect cancels nothing (2025-11-25, basic/transports).
                assert_eq!(watched.counters.calls_in_flight(), 1, "{how:?} {tool_name}");
                watched.gate.open(if tool_name == "wait" { 1 } else { 3 });
            }
            wait_until("the end", || watched.counters.calls_in_flight() == 0);
            let expected = usize::from(wire == Wire::Legacy && tool_name == "wait");
            assert_eq!(watched.finished.load(Ordering::SeqCst) - finished, expected);
        }
    }
    watched.check(&running);
    assert_eq!(watched.counters.requests_lost(), lost);
    running.stop().unwrap();
}

#[derive(Clone)]
struct Tenant(&'static str);

#[derive(Clone)]
struct UserAgent(String);

#[test]
fn handlers_see_what_middleware_has_put_into_the_extensions() {
    let server = Server::new("tower", "1.0.0").tool("whose", "Says for whom", |ctx: Context| {
        let extensions = ctx.attachment::<Extensions>().ok_or("no extensions")?;
        let tenant = extensions.get::<Tenant>().ok_or("no tenant")?;
        let agent = extensions.get::<UserAgent>().ok_or("no agent")?;
        Ok::<_, &str>(format!("{}, {}", tenant.0, agent.0))
    });
    let endpoints = Endpoints::new().mount("/mcp", server);
    let running = serve(endpoints, |mcp| {
        let note_agent = async |mut request: HttpRequest| {
            let agent = request.headers().get("user-agent").unwrap().to_str().unwrap().to_owned();
            request.extensions_mut().insert(UserAgent(agent));
            request
        };
        let app = Router::new().fallback_service(mcp.service());
        app.layer(map_request(note_agent)).layer(Extension(Tenant("acme")))
    });
    let mut stream = BufReader::new(connect(running.address));
    for wire in [Wire::Modern, Wire::Legacy] {
        let call = tool(wire, "whose");
        for agent in ["curl", "fetch"] {
            let request = String::from_utf8(call.sized()).unwrap();
            let request = request.replacen("\r\n", &format!("\r\nUser-Agent: {agent}\r\n"), 1);
            stream.get_mut().write_all(request.as_bytes()).unwrap();
            let response = Response::read(&mut stream, &call.request());
            assert_eq!(response.text(), format!("acme, {agent}"), "{wire:?}");
        }
    }
    running.stop().unwrap();
}

#[test]
fn several_servers_live_in_one_application() {
    let (up, down) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let server = |name: &'static str| {
        let (up, down) = (up.clone(), down.clone());
        Server::new(name, "1.0.0")
            .tool("where", "Tells the server", move || name)
            .on_start(move || async move {
                up.fetch_add(1, Ordering::SeqCst);
                Ok::<(), BoxError>(())
            })
            .on_stop(move || async move {
                down.fetch_add(1, Ordering::SeqCst);
            })
    };
    let endpoints = Endpoints::new().mount("/a/mcp", server("a")).mount("/b/mcp", server("b"));
    let running = serve(endpoints, |mcp| {
        Router::new().route_service("/a/mcp", mcp.service()).nest_service("/nested", mcp.service())
    });
    for (path, expected) in [("/a/mcp", "a"), ("/nested/a/mcp", "a"), ("/nested/b/mcp", "b")] {
        let call = ToolCall { path, ..tool(Wire::Modern, "where") };
        assert_eq!(call.send(running.address).text(), expected);
    }
    assert_eq!((up.load(Ordering::SeqCst), down.load(Ordering::SeqCst)), (2, 0));
    running.stop().unwrap();
    assert_eq!((up.load(Ordering::SeqCst), down.load(Ordering::SeqCst)), (2, 2));
}

#[test]
fn too_many_requests_are_told_to_come_again() {
    let (watched, server) = Watched::new();
    let endpoints = Endpoints::new().mount("/mcp", server);
    let app = |mcp: &Mcp<_>| Router::new().fallback_service(mcp.service().max_requests(2));
    let running = serve(endpoints, app);
    let address = running.address;
    let begin = |wire| {
        let mut stream = connect(address);
        stream.write_all(&tool(wire, "wait").sized()).unwrap();
        stream
    };
    let (mut staying, leaving) = (begin(Wire::Modern), begin(Wire::Legacy));
    wait_until("both", || watched.counters.calls_in_flight() == 2);
    let refused = || {
        let response = echo("x").send(address);
        let is_refused = response.status == 503;
        if is_refused {
            assert_eq!(field(&response.head, "retry-after"), Some("1"));
            assert!(response.body.ends_with("try again later\n"), "{response:?}");
        }
        is_refused
    };
    assert!(refused());
    // Its work goes on, and counts.
    drop(leaving);
    wait_until("the loss", || watched.counters.requests_lost() == 1);
    assert!(refused());
    watched.gate.open(2);
    let request = tool(Wire::Modern, "wait").request();
    assert_eq!(Response::read(&mut BufReader::new(&mut staying), &request).text(), "waited");
    wait_until("room", || !refused());
    running.stop().unwrap();
}

#[test]
fn a_body_that_cannot_be_read_is_a_bad_request() {
    let running = On::Axum.serve(Endpoints::new().mount("/mcp", Watched::new().1));
    let request = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                   Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\nZZZ\r\n";
    let mut stream = connect(running.address);
    stream.write_all(request.as_bytes()).unwrap();
    let head = read_head(&mut BufReader::new(&mut stream));
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    assert!(field(&head, "retry-after").is_none(), "{head}");
    assert_eq!(field(&head, "content-type"), Some("text/plain"));
    running.stop().unwrap();
}

#[test]
fn a_stop_answers_what_is_in_flight_and_ends_streams() {
    let (watched, mut server) = Watched::new();
    let handle = server.handle();
    let running = On::Axum.serve(Endpoints::new().mount("/mcp", server));
    let client = Client::new(running.address).begin();
    let mut stream = client.get();
    assert!(matches!(stream.piece(), Piece::Event(_)));
    handle.notify_tools_list_changed();
    assert!(matches!(stream.piece(), Piece::Event(event) if event.message.is_some()));
    let mut waiting = connect(running.address);
    waiting.write_all(&tool(Wire::Modern, "wait").sized()).unwrap();
    wait_until("the call", || watched.counters.calls_in_flight() == 1);
    running.begin_stop();
    assert_eq!(stream.piece(), Piece::End);
    // The listener is still there, and so is what keeps it waiting.
    assert_eq!(echo("late").send(running.address).status, 503);
    watched.gate.open(1);
    let request = tool(Wire::Modern, "wait").request();
    assert_eq!(Response::read(&mut BufReader::new(&mut waiting), &request).text(), "waited");
    drop(waiting);
    let report = running.stopped().unwrap();
    assert_eq!((report.finished, report.cut), (1, 0));
    assert_eq!(watched.counters.open_connections(), 0);
}

#[test]
fn sessions_that_are_idle_end() {
    let idle = Duration::from_millis(200);
    let deadlines = HubDeadlines { session_idle: idle, ..HubDeadlines::default() };
    let fixture = Fixture::start_with(
        On::Axum,
        |_| Server::new("idle", "1.0.0"),
        |endpoints| endpoints.hub_deadlines(deadlines),
    );
    let client = fixture.client();
    assert!(client.lives());
    fixture.has_sessions(0);
    fixture.stop();
}

/// A request on HTTP/2, of a client that knows the server speaks it (RFC 9113 section 3.3).
#[test]
fn http_2_is_served() {
    let (_, running) = Watched::start();
    for (authority, is_served) in [("localhost", true), ("evil.example.com", false)] {
        let request = String::from_utf8(echo("by frames").sized()).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let mut fields = Vec::new();
        let mut push = |name: &str, value: &str| {
            // Literal, never indexed, no Huffman (RFC 7541 section 6.2.3).
            for (prefix, text) in [(Some(0x10), name), (None, value)] {
                fields.extend(prefix);
                fields.push(u8::try_from(text.len()).unwrap());
                fields.extend(text.as_bytes());
            }
        };
        let pseudo = [":method POST", ":scheme http", ":path /mcp", ":authority"];
        for field in pseudo {
            let (name, value) = field.split_once(' ').unwrap_or((field, authority));
            push(name, value);
        }
        for line in head.lines().skip(1).filter(|line| !line.starts_with("Host")) {
            let (name, value) = line.split_once(": ").unwrap();
            push(&name.to_lowercase(), value);
        }
        let mut stream = connect(running.address);
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        for (kind, flags, on, payload) in
            [(4, 0, 0, &[][..]), (1, 4, 1, &fields), (0, 1, 1, body.as_bytes())]
        {
            bytes.extend(&u32::try_from(payload.len()).unwrap().to_be_bytes()[1..]);
            bytes.extend([kind, flags, 0, 0, 0, on]);
            bytes.extend(payload);
        }
        stream.write_all(&bytes).unwrap();
        let (mut first, mut content) = (None, Vec::new());
        loop {
            let mut header = [0; 9];
            stream.read_exact(&mut header).unwrap();
            let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
            let mut payload = vec![0; length as usize];
            stream.read_exact(&mut payload).unwrap();
            let (kind, flags) = (header[3], header[4]);
            match kind {
                0 => content.extend(payload),
                1 => first = Some(payload[0]),
                _ => continue,
            }
            if flags & 1 == 1 {
                break;
            }
        }
        // 200 is the one of these that stands in a table (RFC 7541 appendix A).
        assert_eq!(first == Some(0x88), is_served, "{first:x?}");
        let content = String::from_utf8(content).unwrap();
        assert_eq!(content.contains("by frames"), is_served, "{content}");
    }
    running.stop().unwrap();
}
