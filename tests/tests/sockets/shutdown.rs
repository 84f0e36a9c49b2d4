//! The end of a server: what is in flight may finish, until it may not.

use std::io::{BufReader, Read, Write};
use std::time::{Duration, Instant};

use crate::common::client::{Response, ToolCall, Wire, connect};
use crate::common::{On, wait_until};
use mcp_smol::{Context, Endpoints, Server};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize, JsonSchema)]
struct Wait {
    milliseconds: u64,
    #[serde(default)]
    stream: bool,
}

fn server(on: On) -> Server {
    Server::new("shutdown", "1.0.0").tool(
        "wait",
        "Waits",
        move |args: Wait, ctx: Context| async move {
            if args.stream {
                ctx.progress(1.0).await;
            }
            on.sleep(Duration::from_millis(args.milliseconds)).await;
            "waited"
        },
    )
}

#[test]
fn what_is_in_flight_finishes_or_is_cut() {
    for &on in On::ALL {
        let server = server(on);
        let counters = server.counters();
        let drain = Duration::from_millis(1_000);
        let running = on.serve_with(Endpoints::new().mount("/mcp", server), drain);
        let send = |wire, milliseconds, stream| {
            let arguments = json!({"milliseconds": milliseconds, "stream": stream});
            let mut connection = connect(running.address);
            let call = ToolCall::new(wire, "wait", arguments);
            connection.write_all(&call.sized()).unwrap();
            (BufReader::new(connection), call.request())
        };
        let mut finishing = [
            send(Wire::Modern, 200, false),
            send(Wire::Legacy, 200, false),
            send(Wire::Modern, 200, true),
        ];
        let mut cut = [send(Wire::Modern, 60_000, false), send(Wire::Modern, 60_000, true)];
        // One whose client has gone, and which goes on all the same.
        drop(send(Wire::Legacy, 60_000, false));
        wait_until("all in flight", || counters.calls_in_flight() == 6);
        wait_until("the one that has gone", || counters.open_connections() == 5);
        // What has not been accepted when the listener closes, the kernel resets.
        let mut idle = connect(running.address);
        wait_until("the idle one", || counters.open_connections() == 6);

        let begun = Instant::now();
        running.begin_stop();
        assert_eq!(idle.read(&mut [0]).unwrap(), 0, "an idle connection is closed");
        assert!(begun.elapsed() < Duration::from_millis(500), "long before the deadline");
        for (connection, request) in &mut finishing {
            assert_eq!(Response::read(connection, request).text(), "waited");
        }
        for (connection, request) in &mut cut {
            let answer = Response::read(connection, request).answer();
            assert_eq!(answer["error"]["code"], json!(-32603), "{answer}");
            assert!(answer["error"]["message"].as_str().unwrap().contains("shutting down"));
        }
        drop((finishing, cut));
        let report = running.stopped().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        assert_eq!((report.finished, report.cut), (3, 3), "{on:?}");
        assert_eq!((counters.open_connections(), counters.calls_in_flight()), (0, 0));
    }
}

#[test]
fn a_peer_that_never_reads_cannot_hold_it_up() {
    for &on in On::ALL {
        let server =
            Server::new("big", "1.0.0").tool("big", "Returns much", || "x".repeat(16 << 20));
        let counters = server.counters();
        let drain = Duration::from_millis(200);
        let running = on.serve_with(Endpoints::new().mount("/mcp", server), drain);
        let mut connection = connect(running.address);
        connection.write_all(&ToolCall::new(Wire::Modern, "big", json!({})).sized()).unwrap();
        wait_until("the response begins", || connection.peek(&mut [0]).is_ok_and(|read| read > 0));
        let begun = Instant::now();
        running.stop().unwrap();
        // The drain deadline, and as long again as a refused peer has to read its answer.
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        assert_eq!(counters.open_connections(), 0);
    }
}

#[test]
fn a_connection_accepted_elsewhere_is_served() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = std::thread::spawn(move || {
        let call = ToolCall::new(Wire::Modern, "wait", json!({"milliseconds": 1}));
        call.send(address).text()
    });
    mcp_smol::block_on(async {
        let service = Endpoints::new().mount("/mcp", server(On::Smol)).start().await.unwrap();
        let (stream, _) = listener.accept().unwrap();
        mcp_smol::serve_stream(stream, &service).await.unwrap();
        service.stop(Duration::ZERO).await;
    });
    assert_eq!(client.join().unwrap(), "waited");
}

#[cfg(feature = "tokio")]
#[test]
fn a_connection_accepted_elsewhere_is_served_on_tokio() {
    use mcp_tokio::tokio;

    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = tokio::task::spawn_blocking(move || {
            let call = ToolCall::new(Wire::Modern, "wait", json!({"milliseconds": 1}));
            call.send(address).text()
        });
        let service = Endpoints::new().mount("/mcp", server(On::Tokio)).start().await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        mcp_tokio::serve_stream(stream, &service).await.unwrap();
        service.stop(Duration::ZERO).await;
        assert_eq!(client.await.unwrap(), "waited");
    });
}

#[test]
fn for_ever_is_a_drain_deadline() {
    for &on in On::ALL {
        let endpoints = Endpoints::new().mount("/mcp", server(on));
        let running = on.serve_with(endpoints, Duration::MAX);
        let call = ToolCall::new(Wire::Modern, "wait", json!({"milliseconds": 1}));
        assert_eq!(call.send(running.address).text(), "waited");
        running.stop().unwrap();
    }
}

#[test]
fn a_client_that_leaves_meanwhile_was_not_cut() {
    let server = server(On::Smol);
    let counters = server.counters();
    let running = On::Smol.serve(Endpoints::new().mount("/mcp", server));
    let mut connection = connect(running.address);
    let call = ToolCall::new(Wire::Modern, "wait", json!({"milliseconds": 60_000}));
    connection.write_all(&call.sized()).unwrap();
    wait_until("the call", || counters.calls_in_flight() == 1);
    running.begin_stop();
    std::thread::sleep(Duration::from_millis(50));
    drop(connection);
    let report = running.stopped().unwrap();
    assert_eq!((report.finished, report.cut), (0, 0));
}
