//! What is set is what holds, on real connections. What the limits and deadlines do is tested
//! without any, in `tests/tests/protocol/limits` and `deadlines`.
//!
//! | setting | where |
//! |---|---|
//! | `Endpoints::limits`, `Endpoints::deadlines` | here |
//! | `Endpoints::hub_limits`, `Endpoints::hub_deadlines` | `sessions_streams.rs`, `logged/subscriptions.rs` |
//! | `Serve::max_connections` | `listening.rs` |
//! | `Serve::drain_deadline` | `shutdown.rs` |
//! | `StateKeys::lifetime` | `questions.rs` |

use std::io::{BufReader, Read, Write};
use std::time::{Duration, Instant};

use crate::common::On;
use crate::common::client::{Response, ToolCall, Wire, connect};
use mcp_smol::{Deadlines, Endpoints, Limits, Server};
use serde_json::json;

fn endpoints() -> Endpoints {
    let server = Server::new("limits", "1.0.0").tool("hello", "Says hello", || "hello");
    Endpoints::new().mount("/mcp", server)
}

fn call() -> ToolCall {
    ToolCall::new(Wire::Modern, "hello", json!({}))
}

#[test]
fn limits_are_those_that_were_set() {
    for &on in On::ALL {
        let request = call().sized();
        let body = request.len() - request.windows(4).position(|w| w == b"\r\n\r\n").unwrap() - 4;
        for (limit, status) in [(body, 200), (body - 1, 413)] {
            let limits = Limits { body: limit, ..Limits::default() };
            let running = on.serve(endpoints().limits(limits));
            for request in [call().sized(), call().chunked()] {
                let mut stream = connect(running.address);
                // In two pieces, so that it is refused by what is announced.
                let (first, rest) = request.split_at(request.len() - 20);
                stream.write_all(first).unwrap();
                let _ = stream.write_all(rest);
                let response = Response::read(&mut BufReader::new(stream), &call().request());
                assert_eq!(response.status, status, "{on:?}: {response:?}");
            }
            running.stop().unwrap();
        }
    }
}

#[test]
fn deadlines_are_those_that_were_set() {
    for &on in On::ALL {
        let short = Duration::from_millis(100);
        let deadlines = Deadlines { head: short, idle: 3 * short, ..Deadlines::default() };
        let running = on.serve(endpoints().deadlines(deadlines));
        for (sent, starts_with, least) in [(&b"P"[..], "HTTP/1.1 408", short), (b"", "", 3 * short)]
        {
            let mut stream = connect(running.address);
            let begun = Instant::now();
            stream.write_all(sent).unwrap();
            let mut received = String::new();
            stream.read_to_string(&mut received).unwrap();
            let elapsed = begun.elapsed();
            assert!(received.starts_with(starts_with), "{on:?}: {received}");
            assert_eq!(received.is_empty(), starts_with.is_empty());
            assert!(elapsed >= least && elapsed < Duration::from_secs(5), "{on:?}: {elapsed:?}");
            assert_eq!(call().send(running.address).text(), "hello");
        }
        running.stop().unwrap();
    }
}
