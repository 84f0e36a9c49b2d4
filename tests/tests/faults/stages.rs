//! Clients that leave late: when there is a response, or was one. The bytes of a request and the
//! time of its handler are those of `hang_up`.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use mcp_smol::{Context, Counters, Endpoints};
use serde_json::json;

use crate::blocking::Blocking;
use crate::common::client::{HangUp, Response, ToolCall, Wire, connect, field, read_head};
use crate::common::log::Log;
use crate::common::process::{Process, cpu};
use crate::common::{On, Running, wait_until};
use crate::{buffers, server};

const WIRES: [Wire; 2] = [Wire::Modern, Wire::Legacy];

/// What clients leave.
enum Target {
    On(On, Running, Counters),
    Blocking(Blocking),
}

impl Target {
    fn all() -> Vec<Self> {
        let on = On::ALL.iter().map(|&on| Self::start(on));
        on.chain([Self::Blocking(Blocking::start())]).collect()
    }

    fn start(on: On) -> Self {
        // All day long: what has reason to tell somebody something.
        let server = server(on).tool("tell", "Tells much", |ctx: Context| async move {
            for step in 0..1_000 {
                ctx.progress(f64::from(step)).message("x".repeat(1024)).await;
            }
            "told"
        });
        let counters = server.counters();
        let half = self::server(on).answer_half_closed(true);
        let endpoints = Endpoints::new().mount("/mcp", server).mount("/half", half);
        let drain = Duration::from_millis(100);
        Self::On(on, on.serve_at(buffers::listener(4096), endpoints, drain), counters)
    }

    fn address(&self) -> SocketAddr {
        match self {
            Self::On(_, running, _) => running.address,
            Self::Blocking(blocking) => blocking.address,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::On(on, ..) => format!("{on:?}"),
            Self::Blocking(_) => "blocking".into(),
        }
    }

    fn open_connections(&self) -> usize {
        match self {
            Self::On(_, _, counters) => counters.open_connections(),
            Self::Blocking(blocking) => blocking.open_connections(),
        }
    }

    /// Nothing is left of the clients, so many warnings have been logged, and all is well.
    #[track_caller]
    fn check(&self, log: &Log, warnings: usize) {
        let (_, counters) = match self {
            Self::Blocking(blocking) => return blocking.check(warnings),
            Self::On(on, _, counters) => (on, counters),
        };
        wait_until("no open connections", || counters.open_connections() == 0);
        wait_until("no calls in flight", || counters.calls_in_flight() == 0);
        let echo = ToolCall::new(Wire::Modern, "echo", json!({"message": "still here"}));
        assert_eq!(echo.send(self.address()).text(), "still here");
        assert_eq!(log.warnings(), warnings, "{}: {:#?}", self.name(), log.excerpt());
        assert_eq!(log.errors(), 0, "{}: {:#?}", self.name(), log.excerpt());
        log.clear();
    }
}

/// Leaves with what the server has sent unread. A close would be a reset then.
fn leave_unread(how: HangUp, stream: TcpStream) -> Option<TcpStream> {
    match how {
        HangUp::Fin => {
            stream.shutdown(Shutdown::Write).unwrap();
            Some(stream)
        }
        HangUp::Rst => {
            how.close(stream);
            None
        }
    }
}

#[test]
fn in_the_middle_of_a_response() {
    let log = Log::capture();
    for target in Target::all() {
        // More than the system takes in for a client that has room for little.
        let (size, ways) = match target {
            Target::On(..) => (256 * 1024, &HangUp::BOTH[..]),
            // What sleeps in a write hears of no FIN.
            Target::Blocking(_) => (3 << 20, &[HangUp::Rst][..]),
        };
        for wire in WIRES {
            for &how in ways {
                let call = ToolCall::new(wire, "echo", json!({"message": "x".repeat(size)}));
                let mut stream = buffers::connect(target.address(), 4096);
                stream.write_all(&call.sized()).unwrap();
                stream.read_exact(&mut [0; 10_000]).unwrap();
                let left = leave_unread(how, stream);
                wait_until("its end", || target.open_connections() == 0);
                drop(left);
                target.check(&log, 1);
            }
        }
    }
}

#[test]
fn in_the_middle_of_a_stream_that_is_not_read() {
    let log = Log::capture();
    for &on in On::ALL {
        let target = Target::start(on);
        for wire in WIRES {
            for how in HangUp::BOTH {
                let mut stream = buffers::connect(target.address(), 4096);
                let call = ToolCall::new(wire, "tell", json!({}));
                stream.write_all(&call.sized()).unwrap();
                wait_until("the response", || stream.peek(&mut [0]).is_ok_and(|n| n > 0));
                // Until the handler has to wait.
                std::thread::sleep(Duration::from_millis(20));
                let left = leave_unread(how, stream);
                wait_until("its end", || target.open_connections() == 0);
                drop(left);
                target.check(&log, 1);
            }
        }
    }
}

#[test]
fn while_being_drained() {
    let log = Log::capture();
    for target in Target::all() {
        for how in HangUp::BOTH {
            let call = ToolCall::new(Wire::Modern, "echo", json!({"message": "hello"})).sized();
            let call = String::from_utf8(call).unwrap().replace("/mcp", "/nowhere");
            let (head, body) = call.split_once("\r\n\r\n").unwrap();
            let mut stream = connect(target.address());
            stream.write_all(format!("{head}\r\n\r\n").as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
            assert_eq!(field(&answer, "connection"), Some("close"));
            stream.write_all(&body.as_bytes()[..10]).unwrap();
            wait_until("only that one", || target.open_connections() == 1);
            how.close(stream);
            let gone = wait_until("its end", || target.open_connections() == 0);
            // Not when its time is over.
            assert!(gone < Duration::from_secs(1), "{}: {gone:?}", target.name());
            target.check(&log, 0);
        }
    }
}

#[test]
fn idle_after_a_response() {
    let log = Log::capture();
    for target in Target::all() {
        for wire in WIRES {
            for how in HangUp::BOTH {
                let call = ToolCall::new(wire, "echo", json!({"message": "hello"}));
                let mut stream = connect(target.address());
                for _ in 0..2 {
                    stream.write_all(&call.sized()).unwrap();
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    assert_eq!(Response::read(&mut reader, &call.request()).text(), "hello");
                }
                how.close(stream);
                target.check(&log, 0);
            }
        }
    }
}

#[test]
fn with_more_behind_the_request() {
    let log = Log::capture();
    for &on in On::ALL {
        let target = Target::start(on);
        for how in HangUp::BOTH {
            let wait = ToolCall::new(Wire::Modern, "wait", json!({"milliseconds": 60_000}));
            let mut stream = connect(target.address());
            stream.write_all(&wait.sized()).unwrap();
            read_head(&mut BufReader::new(stream.try_clone().unwrap()));
            stream.write_all(&wait.sized()[..100]).unwrap();
            std::thread::sleep(Duration::from_millis(20));
            leave_unread(how, stream);
            // The one that was served, and the one that would have been.
            target.check(&log, 2);
        }
    }
}

#[test]
fn half_of_a_connection() {
    let log = Log::capture();
    for &on in On::ALL {
        let target = Target::start(on);
        for (path, is_answered) in [("/mcp", false), ("/half", true)] {
            for wire in WIRES {
                // The FIN is to come first where it ends the response. A call of 2025 goes on behind
                // it, and is waited for.
                let milliseconds = if is_answered { 50 } else { 1_000 };
                let wait = ToolCall::new(wire, "wait", json!({"milliseconds": milliseconds}));
                let wait = ToolCall { path, ..wait };
                let mut stream = connect(target.address());
                stream.write_all(&wait.sized()).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                let mut response = String::new();
                stream.read_to_string(&mut response).unwrap();
                assert_eq!(response.contains("waited"), is_answered, "{on:?} {path}: {response}");
                target.check(&log, usize::from(!is_answered));
            }
        }
    }
}

/// The FIN is read once, and not again and again while the handler works.
#[test]
fn half_of_a_connection_is_waited_for_in_peace() {
    for &on in On::ALL {
        let process = Process::start(on);
        let wait = ToolCall::new(Wire::Modern, "wait", json!({"milliseconds": 400}));
        let wait = ToolCall { path: "/half", ..wait };
        let mut stream = connect(process.address);
        stream.write_all(&wait.sized()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        read_head(&mut BufReader::new(stream.try_clone().unwrap()));
        let before = cpu(process.id());
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        let worked = cpu(process.id()) - before;
        assert!(rest.contains("waited"), "{rest}");
        assert!(worked < Duration::from_millis(100), "{on:?}: {worked:?}");
        process.stop();
    }
}
