//! The log of the servers in this process, captured.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// As many lines are kept to be shown; the others are only counted, or they would take up more
/// memory than what is tested.
const KEPT: usize = 20;

static RECORD: Mutex<Record> = Mutex::new(Record { kept: Vec::new(), warnings: 0, errors: 0 });
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct Record {
    kept: Vec<String>,
    warnings: usize,
    errors: usize,
}

/// The log since it was made. While it lives, no other test of the process has one.
pub struct Log {
    _alone: MutexGuard<'static, ()>,
}

impl Log {
    pub fn capture() -> Self {
        static INSTALL: Once = Once::new();
        INSTALL.call_once(|| {
            tracing_subscriber::fmt().with_ansi(false).with_writer(Capture).init();
        });
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let log = Self { _alone: alone };
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
