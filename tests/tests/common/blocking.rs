//! The blocking example, as a process of its own.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::common::client::{ToolCall, Wire};
use crate::common::wait_until;
use serde_json::json;

/// Its file.
pub const EXAMPLE: &str = env!("CARGO_BIN_EXE_blocking");

/// The example as a process of its own.
pub struct Blocking {
    process: Child,
    pub address: SocketAddr,
    /// Those since the last check.
    pub warnings: Arc<AtomicUsize>,
    /// Whatever it prints besides warnings.
    other: Arc<Mutex<Vec<String>>>,
}

impl Blocking {
    pub fn start() -> Self {
        Self::start_by(Command::new(EXAMPLE).arg("0"))
    }

    /// Starts it by a command that executes it.
    pub fn start_by(command: &mut Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
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

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The warnings since the last check.
    pub fn warnings(&self) -> usize {
        self.warnings.load(Ordering::SeqCst)
    }

    /// A number from the kernel's account of the process.
    pub fn status(&self, field: &str) -> usize {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Each connection has a thread; the other one accepts.
    pub fn open_connections(&self) -> usize {
        self.status("Threads:") - 1
    }

    /// The warnings since the last check are as many as expected, and all is well.
    #[track_caller]
    pub fn check(&self, warnings: usize) {
        wait_until("no open connections", || self.open_connections() == 0);
        wait_until("the warnings", || self.warnings() >= warnings);
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
