//! A server on the standard streams of a process: how it ends, and what it does not put up with.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use mcp_smol::{Deadlines, Endpoints, Limits};
use serde_json::{Value, json};

use crate::common::{On, wait_until};
use crate::server;

/// Names the runtime, in the process that is the server.
const SERVER: &str = "MCP_TESTS_STDIO";

/// Printed before the first message: what comes earlier is of the test harness.
const BEGIN: &str = "the server begins";

/// The server, in a process of its own. Anywhere else, does nothing.
#[test]
fn serve_stdio() {
    let Ok(runtime) = std::env::var(SERVER) else {
        return;
    };
    tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
    let on = *On::ALL.iter().find(|on| format!("{on:?}") == runtime).unwrap();
    println!("\n{BEGIN}");
    let endpoints = Endpoints::from(server(on))
        .limits(Limits { in_flight: 3, ..Limits::default() })
        .deadlines(Deadlines { input_end: Duration::from_secs(2), ..Deadlines::default() });
    let drain = Duration::from_millis(500);
    let report = match on {
        On::Smol => {
            let serve = mcp_smol::serve_stdio(endpoints).until(on.shutdown_signal());
            mcp_smol::block_on(serve.drain_deadline(drain))
        }
        #[cfg(feature = "tokio")]
        On::Tokio => mcp_tokio::tokio::runtime::Runtime::new().unwrap().block_on(async {
            let serve = mcp_tokio::serve_stdio(endpoints).until(on.shutdown_signal());
            serve.drain_deadline(drain).await
        }),
        #[cfg(feature = "axum")]
        On::Axum => unreachable!("an application has no stdio"),
    };
    report.unwrap();
    // So that the harness has nothing more to say.
    std::process::exit(0);
}

struct Launched {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Launched {
    fn by(on: On) -> Self {
        let (mut launched, stdout) = Self::unread(on);
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let lines = stdout.lines().map_while(Result::ok);
            let _ =
                lines.skip_while(|line| line != BEGIN).skip(1).try_for_each(|it| sender.send(it));
        });
        launched.lines = lines;
        launched
    }

    fn unread(on: On) -> (Self, BufReader<ChildStdout>) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "stdio::serve_stdio", "--nocapture"])
            .env(SERVER, format!("{on:?}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stdin = child.stdin.take();
        (Self { child, stdin, lines: channel().1 }, stdout)
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.stdin.as_mut().unwrap(), "{message}").unwrap();
    }

    #[track_caller]
    fn receive(&self) -> Value {
        let line = self.lines.recv_timeout(Duration::from_secs(5)).expect("a message");
        serde_json::from_str(&line).expect(&line)
    }

    /// The next message that is no notification.
    #[track_caller]
    fn answer(&self) -> Value {
        std::iter::from_fn(|| Some(self.receive())).find(|it| it.get("method").is_none()).unwrap()
    }

    /// Waits for the end, in which nothing more is said; returns the log.
    #[track_caller]
    fn ended(mut self, within: Duration) -> String {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < within, "it goes on after {within:?}");
            std::thread::sleep(Duration::from_millis(5));
        };
        let log = std::io::read_to_string(self.child.stderr.take().unwrap()).unwrap();
        assert_eq!(status.code(), Some(0), "{log}");
        let rest: Vec<String> = self.lines.iter().collect();
        assert!(rest.is_empty(), "{rest:?}");
        log
    }

    fn kib(&self, field: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

fn call(id: u64, name: &str, arguments: Value) -> Value {
    let params = json!({"name": name, "arguments": arguments, "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "progressToken": id,
    }});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
}

fn wait(id: u64, milliseconds: u64) -> Value {
    call(id, "wait", json!({"milliseconds": milliseconds}))
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn stdin_is_closed_in_the_middle_of_calls() {
    for &on in On::ALL {
        let mut launched = Launched::by(on);
        launched.send(&wait(1, 600));
        launched.send(&wait(2, 300));
        launched.stdin = None;
        let answers = [launched.answer(), launched.answer()];
        assert_eq!(answers.map(|answer| answer["id"].as_u64()), [Some(2), Some(1)], "{on:?}");
        let log = launched.ended(Duration::from_secs(1));
        assert!(!log.contains("WARN") && !log.contains("ERROR"), "{on:?}: {log}");
    }
}

#[test]
fn calls_do_not_outlive_stdin_for_long() {
    for &on in On::ALL {
        let mut launched = Launched::by(on);
        launched.send(&wait(1, 60_000));
        launched.receive();
        launched.stdin = None;
        let cut = launched.answer();
        assert_eq!(cut["id"], 1);
        let message = cut["error"]["message"].as_str().unwrap();
        assert!(message.contains("has closed its input"), "{on:?}: {cut}");
        launched.ended(Duration::from_secs(1));
    }
}

/// It ends up between two messages, which clients complain about, and holds nothing up.
#[test]
fn what_a_handler_prints_is_printed() {
    for &on in On::ALL {
        let mut launched = Launched::by(on);
        launched.send(&call(1, "print", json!({})));
        let said = [launched.receive(), launched.receive()];
        assert!(said.contains(&json!("printed")), "{said:?}");
        assert!(said.iter().any(|it| it["result"]["content"][0]["text"] == "done"), "{said:?}");
        launched.stdin = None;
        launched.ended(Duration::from_secs(1));
    }
}

#[test]
fn a_session_ends_with_stdin() {
    for &on in On::ALL {
        let mut launched = Launched::by(on);
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "a", "version": "1"}});
        launched
            .send(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}));
        assert_eq!(launched.answer()["result"]["protocolVersion"], "2025-11-25");
        launched.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        let params = json!({"name": "wait", "arguments": {"milliseconds": 200}});
        launched
            .send(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}));
        launched.stdin = None;
        assert_eq!(text(&launched.answer()), "waited");
        launched.ended(Duration::from_secs(1));
    }
}

#[test]
fn a_last_line_needs_no_end() {
    for &on in On::ALL {
        let mut launched = Launched::by(on);
        let echo = call(1, "echo", json!({"message": "whole"}));
        write!(launched.stdin.take().unwrap(), "{echo}").unwrap();
        assert_eq!(text(&launched.answer()), "whole");
        launched.ended(Duration::from_secs(1));

        let mut launched = Launched::by(on);
        let half = &echo.to_string()[..40];
        launched.stdin.take().unwrap().write_all(half.as_bytes()).unwrap();
        let log = launched.ended(Duration::from_secs(5));
        assert!(log.contains("client left within a line, after 40"), "{on:?}: {log}");
    }
}

#[test]
fn a_line_that_is_too_long_is_refused_and_not_kept() {
    for &on in On::ALL {
        let mut launched = Launched::by(on);
        launched.send(&call(1, "echo", json!({"message": "before"})));
        assert_eq!(text(&launched.answer()), "before");
        let before = launched.kib("VmHWM");
        let piece = vec![b'x'; 1024 * 1024];
        for _ in 0..64 {
            launched.stdin.as_mut().unwrap().write_all(&piece).unwrap();
        }
        launched.send(&Value::Null);
        let refused = launched.answer();
        assert_eq!(refused["error"]["code"], -32600, "{refused}");
        assert_eq!(refused["error"]["message"], "the line is longer than 4194304 bytes");
        launched.send(&call(2, "echo", json!({"message": "after"})));
        assert_eq!(text(&launched.answer()), "after");
        // A line at its limit, and what a buffer has that grows by doubling.
        let most = 3 * 4 * 1024;
        let after = launched.kib("VmHWM");
        assert!(after < before + most, "{on:?}: {before} KiB before, {after} KiB after");
        launched.stdin = None;
        launched.ended(Duration::from_secs(1));
    }
}

#[test]
fn no_more_requests_at_once_than_allowed() {
    for &on in On::ALL {
        let mut launched = Launched::by(on);
        for id in 1..=3 {
            launched.send(&wait(id, 60_000));
        }
        launched.send(&call(4, "echo", json!({"message": "one too many"})));
        let refused = launched.answer();
        assert_eq!(refused["id"], 4);
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("3 requests are being served already"), "{message}");
        let params = json!({"requestId": 2});
        launched.send(
            &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}),
        );
        launched.send(&call(5, "echo", json!({"message": "room"})));
        assert_eq!(text(&launched.answer()), "room");
        for id in [1, 3] {
            let params = json!({"requestId": id});
            launched.send(
                &json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}),
            );
        }
        launched.stdin = None;
        launched.ended(Duration::from_secs(1));
    }
}

#[test]
fn asked_to_end_it_finishes_what_it_can() {
    for &on in On::ALL {
        let mut launched = Launched::by(on);
        launched.send(&wait(1, 200));
        launched.send(&wait(2, 60_000));
        // The handlers have reported progress.
        launched.receive();
        launched.receive();
        let pid = launched.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert_eq!(text(&launched.answer()), "waited");
        let cut = launched.answer();
        assert_eq!(cut["id"], 2);
        assert!(cut["error"]["message"].as_str().unwrap().contains("shutting down"), "{cut}");
        launched.ended(Duration::from_secs(3));
    }
}

#[test]
fn a_client_that_no_longer_reads_is_gone() {
    for &on in On::ALL {
        let (mut launched, mut stdout) = Launched::unread(on);
        launched.send(&wait(1, 60_000));
        let mut line = String::new();
        while !line.contains("progressToken") {
            line.clear();
            stdout.read_line(&mut line).unwrap();
        }
        drop(stdout);
        // A process that another test is about to begin may hold its end for a moment, too.
        let echo = call(2, "echo", json!({"message": "nobody"}));
        let mut stdin = launched.stdin.take().unwrap();
        wait_until("the end", || {
            let _ = writeln!(stdin, "{echo}");
            launched.child.try_wait().unwrap().is_some()
        });
        let log = launched.ended(Duration::from_secs(5));
        assert!(log.contains("client left during the call"), "{on:?}: {log}");
    }
}
