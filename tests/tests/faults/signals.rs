//! A process that is asked to end while there is much to do.

use std::io::{BufReader, Write};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::On;
use crate::common::client::{Response, ToolCall, Wire, connect};
use crate::common::process::{DRAIN, Process};
use crate::races::call;

fn signal(process: &Process, name: &str) {
    let pid = process.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

fn ends_well(on: On, signals: &[&str]) {
    let process = Process::start(on);
    let address = process.address;
    let wait = |milliseconds: u64| {
        ToolCall::new(Wire::Modern, "wait", json!({"milliseconds": milliseconds}))
    };
    // Those that are done in time, and those that are not.
    let in_flight = [300, 300, 60_000, 300, 60_000].map(|milliseconds| {
        let call = wait(milliseconds);
        let mut stream = connect(address);
        stream.write_all(&call.sized()).unwrap();
        // The handler has reported progress.
        stream.peek(&mut [0]).unwrap();
        (milliseconds, call, BufReader::new(stream))
    });
    let (is_over, load_until) = (AtomicBool::new(false), Instant::now() + Duration::from_secs(10));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) && Instant::now() < load_until {
                    if let Ok(body) = call(address, &wait(1)) {
                        assert!(body.contains("waited"), "{on:?}: {body}");
                    }
                }
            });
        }
        std::thread::sleep(Duration::from_millis(50));
        let begun = Instant::now();
        for name in signals {
            signal(&process, name);
            std::thread::sleep(Duration::from_millis(20));
        }
        for (milliseconds, call, mut stream) in in_flight {
            let response = Response::read(&mut stream, &call.request());
            let expected = if milliseconds < 1_000 { "waited" } else { "shutting down" };
            assert!(response.answer().to_string().contains(expected), "{on:?}: {response:?}");
        }
        let status = process.ended(Duration::from_secs(5));
        is_over.store(true, Ordering::SeqCst);
        assert_eq!(status.code(), Some(0), "{on:?}");
        let elapsed = begun.elapsed();
        assert!(elapsed >= DRAIN, "{on:?}: {elapsed:?}");
        assert!(elapsed < 3 * DRAIN, "{on:?}: {elapsed:?}");
    });
}

#[test]
fn under_load() {
    std::thread::scope(|scope| {
        for &on in On::ALL {
            // Those that come later change nothing.
            for signals in [&["-INT", "-INT"][..], &["-TERM", "-INT"]] {
                scope.spawn(move || ends_well(on, signals));
            }
        }
    });
}
