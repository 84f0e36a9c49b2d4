//! Many servers on one listener: python-sdk issue 713, where only the server whose lifespan was
//! started by hand worked. Here mounting is all there is.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::On;
use crate::common::client::{ToolCall, Wire};
use mcp_smol::{BoxError, Endpoints, Server};
use serde_json::json;

const PATHS: [&str; 5] = ["/a/mcp", "/b/mcp", "/b", "/deep/er/mcp", "/"];

/// How often each hook of a server ran.
#[derive(Default)]
struct Life {
    up: AtomicUsize,
    down: AtomicUsize,
}

impl Life {
    fn counts(&self) -> (usize, usize) {
        (self.up.load(Ordering::SeqCst), self.down.load(Ordering::SeqCst))
    }
}

/// A server whose tool tells where it is mounted.
fn server(path: &'static str, life: &Arc<Life>) -> Server {
    let (up, down) = (life.clone(), life.clone());
    Server::new(path, "1.0.0")
        .tool("where", "Tells the mount", move || path)
        .on_start(move || async move {
            up.up.fetch_add(1, Ordering::SeqCst);
            Ok::<(), BoxError>(())
        })
        .on_stop(move || async move {
            down.down.fetch_add(1, Ordering::SeqCst);
        })
}

#[test]
fn five_servers_on_one_listener() {
    for &on in On::AND_INSIDE {
        let lives: Vec<_> = PATHS.iter().map(|_| Arc::new(Life::default())).collect();
        let mut endpoints = Endpoints::new();
        for (path, life) in PATHS.into_iter().zip(&lives) {
            endpoints = endpoints.mount(path, server(path, life));
        }
        let running = on.serve(endpoints);
        for wire in [Wire::Modern, Wire::Legacy] {
            for path in PATHS {
                let call = ToolCall { path, ..ToolCall::new(wire, "where", json!({})) };
                assert_eq!(call.send(running.address).text(), path, "{on:?} {wire:?}");
            }
        }
        for (asked, served) in [("/a/mcp/", "/a/mcp"), ("/b/", "/b"), ("/%62/mcp", "/b/mcp")] {
            let call = ToolCall { path: asked, ..ToolCall::new(Wire::Modern, "where", json!({})) };
            assert_eq!(call.send(running.address).text(), served);
        }
        let call = ToolCall { path: "/c/mcp", ..ToolCall::new(Wire::Modern, "where", json!({})) };
        assert_eq!(call.send(running.address).status, 404);

        assert!(lives.iter().all(|life| life.counts() == (1, 0)));
        running.stop().unwrap();
        assert!(lives.iter().all(|life| life.counts() == (1, 1)));
    }
}

#[test]
fn a_failing_start_stops_the_whole_and_names_its_mount() {
    for &on in On::AND_INSIDE {
        let [first, third] = [(); 2].map(|()| Arc::new(Life::default()));
        let never = Arc::new(Life::default());
        let failing =
            server("/failing/mcp", &never).on_start(|| async { Err("the database is away") });
        let endpoints = Endpoints::new()
            .mount("/first/mcp", server("/first/mcp", &first))
            .mount("/failing/mcp", failing)
            .mount("/third/mcp", server("/third/mcp", &third));
        let running = on.serve(endpoints);
        let address = running.address;
        let error = running.stopped().unwrap_err().to_string();
        assert!(
            error.contains("/failing/mcp") && error.contains("the database is away"),
            "{error}"
        );
        // What was up is down again, what came later never was, and nobody listens.
        assert_eq!((first.counts(), third.counts()), ((1, 1), (0, 0)));
        assert_eq!(never.counts(), (1, 0));
        assert!(std::net::TcpStream::connect(address).is_err());
    }
}

#[test]
fn a_hook_that_panics_is_its_own_failure() {
    for &on in On::AND_INSIDE {
        let [first, third] = [(); 2].map(|()| Arc::new(Life::default()));
        let mounted = |middle: Server| {
            Endpoints::new()
                .mount("/first/mcp", server("/first/mcp", &first))
                .mount("/panics/mcp", middle)
                .mount("/third/mcp", server("/third/mcp", &third))
        };
        let panics = || Server::new("panics", "1.0.0");
        let at_stop = panics().on_stop(|| async { panic!("at the stop") });
        on.serve(mounted(at_stop)).stop().unwrap();
        assert_eq!((first.counts(), third.counts()), ((1, 1), (1, 1)));

        let panic_later = async move || -> Result<(), BoxError> {
            on.sleep(Duration::from_millis(1)).await;
            panic!("at the start")
        };
        let at_start = panics().on_start(panic_later);
        let error = on.serve(mounted(at_start)).stopped().unwrap_err().to_string();
        assert!(error.contains("/panics/mcp") && error.contains("panicked"), "{error}");
        assert_eq!((first.counts(), third.counts()), ((2, 2), (1, 1)));
    }
}

#[test]
fn what_is_mounted_wrong_is_reported_before_anything_starts() {
    let life = Arc::new(Life::default());
    let twice = || Server::new("twice", "1").tool("t", "T", || "1").tool("t", "T", || "2");
    for (endpoints, expected) in [
        (
            Endpoints::new().mount("/x", Server::new("x", "1")).mount("/x/", Server::new("y", "1")),
            "/x/",
        ),
        (Endpoints::new().mount("no-slash", Server::new("x", "1")), "no-slash"),
        (Endpoints::new().mount("/twice", twice()), "\"t\" is offered twice"),
        (
            Endpoints::new()
                .mount("/text", Server::new("x", "1").tool("t", "T", |text: String| text)),
            "does not describe an object",
        ),
    ] {
        let endpoints = endpoints.mount("/fine", server("/fine", &life));
        let error = On::Smol.serve(endpoints).stopped().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(life.counts(), (0, 0));
}

#[test]
fn servers_stop_in_reverse() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut endpoints = Endpoints::new();
    for path in ["/1", "/2", "/3"] {
        let (up, down) = (order.clone(), order.clone());
        let server = Server::new(path, "1.0.0")
            .on_start(move || async move {
                up.lock().unwrap().push(format!("{path} up"));
                Ok::<(), BoxError>(())
            })
            .on_stop(move || async move { down.lock().unwrap().push(format!("{path} down")) });
        endpoints = endpoints.mount(path, server);
    }
    On::Smol.serve(endpoints).stop().unwrap();
    assert_eq!(
        *order.lock().unwrap(),
        ["/1 up", "/2 up", "/3 up", "/3 down", "/2 down", "/1 down"]
    );
}
