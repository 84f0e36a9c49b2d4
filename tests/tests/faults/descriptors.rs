//! A server whose descriptors run out.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::blocking::{Blocking, EXAMPLE};
use crate::common::client::{Response, ToolCall, Wire, connect};
use crate::common::process::{Process, cpu};
use crate::common::{On, wait_until};

/// How many descriptors the server may have, of which it needs some itself.
const DESCRIPTORS: usize = 32;

const CONNECTIONS: usize = 2 * DESCRIPTORS;

/// How long they stay, and how much of that a server may work.
const STAY: Duration = Duration::from_secs(1);
const WORK: Duration = Duration::from_millis(200);

/// A command that executes that file with few descriptors.
fn limited(file: &str) -> Command {
    let mut command = Command::new("sh");
    let script = format!("ulimit -n {DESCRIPTORS}; exec \"$0\" \"$@\"");
    command.arg("-c").arg(script).arg(file);
    command
}

fn echo() -> ToolCall {
    ToolCall::new(Wire::Modern, "echo", json!({"message": "hello"}))
}

/// Reads the answer to an [`echo`].
fn check(stream: TcpStream) {
    let answer = Response::read(&mut BufReader::new(stream), &echo().request());
    assert_eq!(answer.text(), "hello");
}

fn run_out(name: &str, address: SocketAddr, pid: u32, warnings: &AtomicUsize) {
    let mut all: Vec<_> = (0..CONNECTIONS).map(|_| connect(address)).collect();
    for stream in &mut all {
        stream.write_all(&echo().sized()).unwrap();
    }
    wait_until("a warning", || warnings.load(Ordering::SeqCst) > 0);
    let before = cpu(pid);
    std::thread::sleep(STAY);
    let worked = cpu(pid) - before;
    assert!(worked < WORK, "{name} works {worked:?} in {STAY:?}");
    let is_answered = |stream: &TcpStream| {
        stream.set_nonblocking(true).unwrap();
        let is_answered = stream.peek(&mut [0]).is_ok();
        stream.set_nonblocking(false).unwrap();
        is_answered
    };
    let (mut served, waiting): (Vec<_>, Vec<_>) = all.into_iter().partition(is_answered);
    assert!(served.len() >= DESCRIPTORS / 4, "{name} serves {}", served.len());
    assert!(waiting.len() >= DESCRIPTORS, "{name} lets {} wait", waiting.len());

    // One goes, one comes, and that is no news.
    served.drain(..4).for_each(check);
    // The others are served when there is room for them.
    served.into_iter().for_each(check);
    waiting.into_iter().for_each(check);
    check({
        let mut stream = connect(address);
        stream.write_all(&echo().sized()).unwrap();
        stream
    });
    assert_eq!(warnings.load(Ordering::SeqCst), 1, "{name} says so once");
}

#[test]
fn it_waits_and_says_so_once() {
    std::thread::scope(|scope| {
        for &on in On::ALL {
            scope.spawn(move || {
                let file = std::env::current_exe().unwrap();
                let mut command = limited(file.to_str().unwrap());
                let mut process = Process::start_by(on, command.stderr(Stdio::piped()));
                let warnings = Arc::new(AtomicUsize::new(0));
                let (counted, stderr) = (warnings.clone(), process.stderr().unwrap());
                std::thread::spawn(move || {
                    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                        let is_of_it = line.contains("cannot accept connections");
                        counted.fetch_add(usize::from(is_of_it), Ordering::SeqCst);
                    }
                });
                run_out(&format!("{on:?}"), process.address, process.id(), &warnings);
                process.stop();
            });
        }
        scope.spawn(|| {
            let blocking = Blocking::start_by(limited(EXAMPLE).arg("0"));
            run_out("blocking", blocking.address, blocking.id(), &blocking.warnings);
        });
    });
}
