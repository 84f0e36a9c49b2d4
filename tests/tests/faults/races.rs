//! Starts and stops that come when something else goes on.

use std::future::poll_fn;
use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use mcp_smol::{BoxError, Endpoints};
use serde_json::json;

use crate::common::client::{ToolCall, Wire, field, read_head};
use crate::common::{On, listen};
use crate::server;

/// How long a stop may take when nothing is in flight.
const SOON: Duration = Duration::from_secs(2);

fn echo() -> ToolCall {
    ToolCall::new(Wire::Modern, "echo", json!({"message": "hello"}))
}

/// Calls the server, if it is still there. What it answers, it answers whole.
pub(crate) fn call(address: SocketAddr, call: &ToolCall) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(&call.sized())?;
    let mut first = [0];
    if stream.peek(&mut first)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let mut stream = BufReader::new(stream);
    let head = read_head(&mut stream);
    let mut body = String::new();
    match field(&head, "content-length") {
        Some(length) => {
            let mut bytes = vec![0; length.parse().unwrap()];
            stream.read_exact(&mut bytes).unwrap();
            body = String::from_utf8(bytes).unwrap();
        }
        None => drop(stream.read_to_string(&mut body).unwrap()),
    }
    Ok(body)
}

#[test]
fn a_stop_at_once() {
    for &on in On::ALL {
        for with_client in [false, true] {
            for _ in 0..10 {
                let running = on.serve(Endpoints::new().mount("/mcp", server(on)));
                let address = running.address;
                let client =
                    with_client.then(|| std::thread::spawn(move || call(address, &echo())));
                let begun = Instant::now();
                running.begin_stop();
                // Once more is no more.
                running.begin_stop();
                let report = running.stopped().unwrap();
                assert!(begun.elapsed() < SOON, "{on:?}: {:?}", begun.elapsed());
                assert_eq!(report.cut, 0);
                if let Some(Ok(body)) = client.map(|client| client.join().unwrap()) {
                    assert!(body.contains("hello"), "{on:?}: {body}");
                }
            }
        }
    }
}

#[test]
fn a_stop_in_a_storm_of_clients() {
    for &on in On::ALL {
        for pause in [1, 20, 60] {
            let server = server(on);
            let counters = server.counters();
            let running = on.serve(Endpoints::new().mount("/mcp", server));
            let address = running.address;
            let is_over = Arc::new(AtomicBool::new(false));
            let clients: Vec<_> = (0..4)
                .map(|_| {
                    let is_over = is_over.clone();
                    std::thread::spawn(move || {
                        let mut answers = Vec::new();
                        while !is_over.load(Ordering::SeqCst) {
                            answers.push(call(address, &echo()).ok());
                        }
                        answers
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_millis(pause));
            let begun = Instant::now();
            running.begin_stop();
            running.stopped().unwrap();
            assert!(begun.elapsed() < SOON, "{on:?}: {:?}", begun.elapsed());
            is_over.store(true, Ordering::SeqCst);
            let answers = clients.into_iter().flat_map(|client| client.join().unwrap());
            for answer in answers.flatten() {
                assert!(answer.contains("hello"), "{on:?}: {answer}");
            }
            assert_eq!((counters.open_connections(), counters.calls_in_flight()), (0, 0));
        }
    }
}

/// A signal that comes meanwhile must not be lost.
#[test]
fn a_stop_is_listened_for_while_it_starts() {
    for &on in On::ALL {
        let (listens, was_heard) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (listening, heard) = (listens.clone(), was_heard.clone());
        let server = server(on).on_start(move || async move {
            let begun = Instant::now();
            while !listening.load(Ordering::SeqCst) && begun.elapsed() < SOON {
                on.sleep(Duration::from_millis(1)).await;
            }
            heard.store(listening.load(Ordering::SeqCst), Ordering::SeqCst);
            Ok::<_, BoxError>(())
        });
        let stop = poll_fn(move |_| {
            listens.store(true, Ordering::SeqCst);
            Poll::Ready(())
        });
        on.run(listen(), Endpoints::new().mount("/mcp", server), SOON, stop).unwrap();
        assert!(was_heard.load(Ordering::SeqCst), "{on:?}");
    }
}

/// What has begun to start is started, and stopped then.
#[test]
fn a_stop_while_it_starts() {
    for &on in On::ALL {
        let hooks = Arc::new(AtomicUsize::new(0));
        let (started, stopped) = (hooks.clone(), hooks.clone());
        let server = server(on)
            .on_start(move || async move {
                on.sleep(Duration::from_millis(100)).await;
                started.fetch_add(1, Ordering::SeqCst);
                Ok::<_, BoxError>(())
            })
            .on_stop(move || async move {
                stopped.fetch_add(10, Ordering::SeqCst);
            });
        let running = on.serve(Endpoints::new().mount("/mcp", server));
        let address = running.address;
        // It waits to be accepted, which it never is.
        let client = std::thread::spawn(move || call(address, &echo()).ok());
        let begun = Instant::now();
        running.stop().unwrap();
        assert!(begun.elapsed() < SOON, "{on:?}: {:?}", begun.elapsed());
        assert_eq!(hooks.load(Ordering::SeqCst), 11);
        assert_eq!(client.join().unwrap(), None);
    }
}
