//! Clients that hang up on the blocking example: the core alone, without runtime or driver.

use std::io::{BufReader, Write};
use std::time::Duration;

use crate::blocking::Blocking;
use crate::common::client::{
    HangUp, ToolCall, Wire, connect, notifications_in, read_chunk, read_head,
};
use crate::common::wait_until;
use serde_json::json;

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
        wait_until("the first warnings", || server.warnings() == 500);
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
