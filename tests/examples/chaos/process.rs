//! The process of the server, and the kernel's account of it.

use std::fs;
use std::io::{self, BufRead, BufReader, Error};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::clients::{Answer, call};
use crate::common::client::Wire;
use crate::common::process::cpu;

/// How many lines of complaint are kept.
const KEPT: usize = 20;

/// How long the server may take to end when it is asked to.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Whether it can say what is left.
    counts: bool,
    log: Arc<Log>,
}

/// What the server has said on stderr.
#[derive(Default)]
struct Log {
    warnings: AtomicU64,
    /// Errors, panics, and whatever else is no line of the log.
    complaints: Mutex<Vec<String>>,
}

/// What a process has, and has used.
pub(crate) struct Account {
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
    pub(crate) resident_kib: u64,
    pub(crate) cpu: Duration,
}

impl Process {
    pub(crate) fn start(runtime: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--serve", "--runtime", runtime])
            // What is freed goes back to the system, so that what is left is what is held.
            .env("MALLOC_ARENA_MAX", "1")
            .env("MALLOC_MMAP_THRESHOLD_", "65536")
            .env("MALLOC_TRIM_THRESHOLD_", "65536")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().parse().unwrap();
        let log = Arc::<Log>::default();
        let (kept, stderr) = (log.clone(), BufReader::new(child.stderr.take().unwrap()));
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|l| kept.add(l)));
        Self { child, address, counts: runtime != "blocking", log }
    }

    /// What is left of clients; nothing if that is empty.
    pub(crate) fn left(&self) -> io::Result<String> {
        if !self.counts {
            // Each connection has a thread.
            let connections = self.account().threads - 1;
            let text = format!("{connections} connections");
            return Ok(if connections == 0 { String::new() } else { text });
        }
        let text = call(self.address, Wire::Modern, "left", json!({})).and_then(Answer::text)?;
        let left: Value = serde_json::from_str(&text)?;
        let is_zero = left.as_object().unwrap().values().all(|count| *count == json!(0));
        Ok(if is_zero { String::new() } else { text })
    }

    /// The account when nobody is there: the last to go may not be gone altogether.
    pub(crate) fn quiet_account(&self) -> Account {
        let samples = (0..10).map(|_| {
            std::thread::sleep(Duration::from_millis(20));
            self.account()
        });
        samples.min_by_key(|account| account.descriptors).unwrap()
    }

    pub(crate) fn account(&self) -> Account {
        let root = format!("/proc/{}", self.child.id());
        let status = fs::read_to_string(format!("{root}/status")).unwrap();
        let number = |field: &str| {
            let line = status.lines().find(|line| line.starts_with(field)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        Account {
            descriptors: fs::read_dir(format!("{root}/fd")).unwrap().count() as u64,
            threads: number("Threads:"),
            resident_kib: number("VmRSS:"),
            cpu: cpu(self.child.id()),
        }
    }

    pub(crate) fn warnings(&self) -> u64 {
        self.log.warnings.load(Ordering::Relaxed)
    }

    pub(crate) fn complaints(&self) -> Vec<String> {
        self.log.complaints.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks it to end. Returns what is wrong with how it does.
    pub(crate) fn stop(mut self) -> Option<String> {
        if !self.counts {
            // It knows no end.
            return None;
        }
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let begun = Instant::now();
        while begun.elapsed() < ENDS_WITHIN {
            match self.child.try_wait() {
                Ok(Some(status)) if status.success() => return None,
                Ok(Some(status)) => return Some(format!("ends with {status}")),
                _ => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        Some(format!("does not end: {asked:?}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    fn add(&self, line: String) {
        // The blocking example has no other lines than warnings.
        let levels = [line.split_whitespace().next(), line.split_whitespace().nth(1)];
        if levels.contains(&Some("WARN")) {
            self.warnings.fetch_add(1, Ordering::Relaxed);
        } else if !levels.contains(&Some("INFO")) {
            let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
            if complaints.len() < KEPT {
                complaints.push(line);
            }
        }
    }
}

/// An answer that is not what it should be.
pub(crate) fn wrong(what: impl Into<String>) -> Error {
    Error::new(io::ErrorKind::InvalidData, what.into())
}
