//! Handlers that do what they should not.

use std::io::{BufReader, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use mcp_smol::{Context, Deadlines, Endpoints};
use serde_json::json;

use crate::common::client::{HangUp, Response, ToolCall, Wire, connect};
use crate::common::log::Log;
use crate::common::{On, wait_until};
use crate::{Wait, server};

/// Panics when it is dropped.
struct Trap;

impl Drop for Trap {
    fn drop(&mut self) {
        panic!("the trap snaps");
    }
}

fn echo() -> ToolCall {
    ToolCall::new(Wire::Modern, "echo", json!({"message": "fine"}))
}

#[test]
fn one_that_panics_when_it_is_dropped() {
    let log = Log::capture();
    for &on in On::ALL {
        let server = server(on).tool("trap", "Panics when it is left", move || async move {
            let _trap = Trap;
            on.sleep(Duration::from_secs(60)).await;
        });
        let counters = server.counters();
        let running = on.serve(Endpoints::new().mount("/mcp", server));
        for how in HangUp::BOTH {
            log.clear();
            let mut stream = connect(running.address);
            let trap = ToolCall::new(Wire::Modern, "trap", json!({}));
            stream.write_all(&trap.sized()).unwrap();
            wait_until("the call", || counters.calls_in_flight() == 1);
            how.close(stream);
            wait_until("its end", || counters.calls_in_flight() == 0);
            wait_until("no connections", || counters.open_connections() == 0);
            // The request that was lost, and the panic.
            assert_eq!(log.warnings(), 2, "{:#?}", log.excerpt());
            assert_eq!(log.errors(), 0, "{:#?}", log.excerpt());
            assert_eq!(echo().send(running.address).text(), "fine");
        }
        running.stop().unwrap();
    }
}

/// On smol, that is. On tokio, nobody is told of anything while the thread that waits for the system
/// is the one that is blocked.
#[test]
fn one_that_blocks_its_thread_holds_up_nobody_on_another() {
    let on = On::Smol;
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let for_handler = gate.clone();
    let server = server(on).tool("block", "Blocks until it is let go", move || {
        let (is_open, opened) = &*for_handler;
        let mut is_open = is_open.lock().unwrap();
        while !*is_open {
            is_open = opened.wait(is_open).unwrap();
        }
        *is_open = false;
        "blocked"
    });
    let counters = server.counters();
    let running = on.serve(Endpoints::new().mount("/mcp", server));
    // As often as it takes until each thread has been the one.
    for _ in 0..12 {
        let mut stream = connect(running.address);
        let block = ToolCall::new(Wire::Modern, "block", json!({}));
        stream.write_all(&block.sized()).unwrap();
        wait_until("the call", || counters.calls_in_flight() == 1);
        let others = std::thread::spawn(move || echo().send(running.address).text());
        let is_served = || others.is_finished();
        let begun = Instant::now();
        while !is_served() && begun.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let was_served = is_served();
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        assert!(was_served, "{on:?}");
        assert_eq!(others.join().unwrap(), "fine");
        let mut stream = BufReader::new(stream);
        assert_eq!(Response::read(&mut stream, &block.request()).text(), "blocked");
    }
    running.stop().unwrap();
}

/// Nobody can be made to return. But what comes when the time of a shutdown is over comes to
/// nothing, and the shutdown is done then.
#[test]
fn those_that_return_after_the_shutdown() {
    for &on in On::ALL {
        let server = server(on)
            .tool("block", "Blocks", |args: Wait| {
                std::thread::sleep(Duration::from_millis(args.milliseconds));
                "blocked"
            })
            .tool("panic", "Panics after a while", move |args: Wait, _: Context| async move {
                on.sleep(Duration::from_millis(args.milliseconds)).await;
                panic!("at last");
                #[expect(unreachable_code, reason = "it says what it would return")]
                ""
            });
        let counters = server.counters();
        let deadlines = Deadlines { drain: Duration::from_millis(100), ..Deadlines::default() };
        let endpoints = Endpoints::new().mount("/mcp", server).deadlines(deadlines);
        let running = on.serve_with(endpoints, Duration::from_millis(150));
        let calls = [("panic", 50, false), ("panic", 60_000, true), ("block", 400, true)].map(
            |(tool, milliseconds, is_cut)| {
                let arguments = json!({"milliseconds": milliseconds});
                let call = ToolCall::new(Wire::Modern, tool, arguments);
                let mut stream = connect(running.address);
                stream.write_all(&call.sized()).unwrap();
                (call, BufReader::new(stream), is_cut)
            },
        );
        wait_until("the calls", || counters.calls_in_flight() == 3);
        let begun = Instant::now();
        running.begin_stop();
        for (call, mut stream, is_cut) in calls {
            let answer = Response::read(&mut stream, &call.request()).answer();
            if call.tool == "block" {
                // It was done before anybody could cut it.
                assert_eq!(answer["result"]["content"][0]["text"], json!("blocked"), "{answer}");
                continue;
            }
            let message = answer["error"]["message"].as_str().unwrap();
            assert_eq!(message.contains("shutting down"), is_cut, "{message}");
        }
        let report = running.stopped().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(2), "{on:?}: {:?}", begun.elapsed());
        assert_eq!((report.finished, report.cut), (2, 1), "{on:?}");
        assert_eq!((counters.open_connections(), counters.calls_in_flight()), (0, 0));
    }
}
