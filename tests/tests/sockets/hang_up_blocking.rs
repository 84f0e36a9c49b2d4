//! Clients that hang up on the blocking example: the core alone, without runtime or driver.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::client::{
    HangUp, ToolCall, Wire, connect, notifications_in, read_chunk, read_head,
};
use crate::common::wait_until;
use serde_json::json;

/// The example as a process of its own.
struct Blocking {
    process: Child,
    address: SocketAddr,
    warnings: Arc<AtomicUsize>,
    /// Whatever it prints besides warnings.
    other: Arc<Mutex<Vec<String>>>,
}

impl Blocking {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_blocking"))
            .arg("0")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap();
        let address = address.strip_suffix("/mcp").unwrap().parse().unwrap();

        let (warnings, other) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (counted, kept) = (warnings.clone(), other.clone());
        let stderr = BufReader::new(process.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if line.starts_with("WARN ") {
                    counted.fetch_add(1, Ordering::SeqCst);
                } else {
                    kept.lock().unwrap().push(line);
                }
            }
        });
        Self { process, address, warnings, other }
    }

    /// A number from the kernel's account of the process.
    fn status(&self, field: &str) -> usize {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Each connection has a thread; the other one accepts.
    fn open_connections(&self) -> usize {
        self.status("Threads:") - 1
    }

    /// The warnings since the last check are as many as expected, and all is well.
    fn check(&self, warnings: usize) {
        wait_until("no open connections", || self.open_connections() == 0);
        wait_until("the warnings", || self.warnings.load(Ordering::SeqCst) >= warnings);
        let echo = ToolCall::new(Wire::Modern, "echo", json!({"message": "still here"}));
        assert_eq!(echo.send(self.address).text(), "still here");
        wait_until("no open connections", || self.open_connections() == 0);
        assert_eq!(self.warnings.swap(0, Ordering::SeqCst), warnings);
        assert_eq!(*self.other.lock().unwrap(), Vec::<String>::new());
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn at_every_byte_of_a_request() {
    let server = Blocking::start();
    for wire in [Wire::Modern, Wire::Legacy] {
        let call = ToolCall::new(wire, "echo", json!({"message": "hello"}));
        for request in [call.sized(), call.chunked()] {
            for how in HangUp::BOTH {
                for end in 0..request.len() {
                    let mut stream = connect(server.address);
                    stream.write_all(&request[..end]).unwrap();
                    how.close(stream);
                }
            }
            server.check(2 * (request.len() - 1));
        }
    }
}

#[test]
fn while_the_handler_runs() {
    let server = Blocking::start();
    for wire in [Wire::Modern, Wire::Legacy] {
        for how in HangUp::BOTH {
            // Later ones leave too little time to hang up in before the end.
            for events in 0..2 {
                let call = ToolCall::new(wire, "count", json!({}));
                let mut stream = connect(server.address);
                stream.write_all(&call.sized()).unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                if events > 0 {
                    read_head(&mut reader);
                }
                let chunks: Vec<_> = (0..events).map(|_| read_chunk(&mut reader)).collect();
                // Well within the pause that follows each event.
                std::thread::sleep(Duration::from_millis(10));
                drop(reader);
                how.close(stream);
                server.check(1);
                for chunk in chunks {
                    assert_eq!(notifications_in(&chunk, wire).len(), 1);
                }
            }
        }
    }
}

#[test]
fn two_thousand_at_once() {
    let server = Blocking::start();
    let request = ToolCall::new(Wire::Modern, "echo", json!({"message": "hello"})).sized();
    let storm = || {
        let mut streams: Vec<_> = (0..2_000)
            .map(|n| {
                if n % 64 == 0 {
                    // std listens with a backlog of 128, and the kernel loses what overruns it.
                    wait_until("all accepted", || server.open_connections() == n);
                }
                let mut stream = connect(server.address);
                stream.write_all(&request[..1 + n % (request.len() - 1)]).unwrap();
                stream
            })
            .collect();
        wait_until("all accepted", || server.open_connections() == streams.len());
        let hang_up = |streams: Vec<_>| {
            for (n, stream) in streams.into_iter().enumerate() {
                HangUp::BOTH[n % 2].close(stream);
            }
        };
        let rest = streams.split_off(500);
        hang_up(streams);
        wait_until("the first warnings", || server.warnings.load(Ordering::SeqCst) == 500);
        let before = server.status("VmRSS:");
        hang_up(rest);
        server.check(2_000);
        (before, server.status("VmRSS:"))
    };
    let (after_500, after_all) = storm();
    assert!(after_all <= after_500 + 2 * 1024, "{after_500} KiB, {after_all} KiB");
    let (_, after_another) = storm();
    assert!(after_another <= after_all + 2 * 1024, "{after_all} KiB, {after_another} KiB");
}
