//! The log of the servers in this process, captured.

use std::cell::Cell;
use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// As many lines are kept to be shown; the others are only counted, or they would take up more
/// memory than what is tested.
const KEPT: usize = 20;

static RECORD: Mutex<Record> = Mutex::new(Record { kept: Vec::new(), warnings: 0, errors: 0 });

/// Who uses the log: one test that looks into it, or any number of servers that it must not have
/// lines of.
static USERS: Mutex<Users> = Mutex::new(Users { is_read: false, servers: 0 });
static FEWER: Condvar = Condvar::new();

struct Users {
    is_read: bool,
    servers: usize,
}

thread_local! {
    static READS: Cell<bool> = const { Cell::new(false) };
}

struct Record {
    kept: Vec<String>,
    warnings: usize,
    errors: usize,
}

/// The log since it was made. While it lives, no other test of the process has a server; so it comes
/// first in a test.
pub struct Log(());

impl Log {
    pub fn capture() -> Self {
        static INSTALL: Once = Once::new();
        INSTALL.call_once(|| {
            tracing_subscriber::fmt().with_ansi(false).with_writer(Capture).init();
        });
        let is_used = |users: &mut Users| users.is_read || users.servers > 0;
        wait_while(is_used).is_read = true;
        READS.set(true);
        let log = Self(());
        log.clear();
        log
    }

    pub fn clear(&self) {
        let mut record = record();
        (record.warnings, record.errors) = (0, 0);
        record.kept.clear();
    }

    pub fn warnings(&self) -> usize {
        record().warnings
    }

    pub fn errors(&self) -> usize {
        record().errors
    }

    /// The first lines.
    pub fn excerpt(&self) -> Vec<String> {
        record().kept.clone()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        READS.set(false);
        users().is_read = false;
        FEWER.notify_all();
    }
}

/// A server, while it runs.
pub struct Writer {
    is_counted: bool,
}

impl Writer {
    /// Waits until no other test reads the log.
    pub fn begin() -> Self {
        let is_counted = !READS.get();
        if is_counted {
            wait_while(|users| users.is_read).servers += 1;
        }
        Self { is_counted }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.is_counted {
            users().servers -= 1;
            FEWER.notify_all();
        }
    }
}

fn users() -> MutexGuard<'static, Users> {
    USERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait_while(condition: impl FnMut(&mut Users) -> bool) -> MutexGuard<'static, Users> {
    FEWER.wait_while(users(), condition).unwrap_or_else(PoisonError::into_inner)
}

fn record() -> MutexGuard<'static, Record> {
    RECORD.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Capture;

impl<'a> MakeWriter<'a> for Capture {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

/// The subscriber writes one line at a time.
impl Write for Capture {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let mut record = record();
        match text.split_whitespace().nth(1) {
            Some("WARN") => record.warnings += 1,
            Some("ERROR") => record.errors += 1,
            _ => {}
        }
        if record.kept.len() < KEPT {
            record.kept.push(text.into_owned());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
