//! Unix sockets: HTTP on them, and messages line by line.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mcp_smol::{Context, Counters, Endpoints, Serve, Server};
use serde_json::{Value, json};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::common::client::{Response, ToolCall, Wire};
use crate::common::{On, wait_until};

fn server(on: On) -> Server {
    Server::new("unix", "1.0.0").tool("hello", "Greets", || "hello").tool(
        "wait",
        "Waits",
        move |ctx: Context| async move {
            for turn in 1..6_000 {
                ctx.progress(f64::from(turn)).await;
                on.sleep(Duration::from_millis(10)).await;
            }
        },
    )
}

/// Runs what clients do at a path of their own, and then stops.
fn with(on: On, name: &str, by_line: bool, clients: impl FnOnce(&Path, &Counters)) {
    let file = format!("mcp-{name}-{on:?}-{}.sock", std::process::id());
    let path: PathBuf = std::env::temp_dir().join(file);
    // What a process has left there.
    drop(UnixListener::bind(&path).unwrap());
    let server = server(on);
    let counters = server.counters();
    let (stop, stopped) = async_channel::bounded::<()>(1);
    let until = async move {
        let _ = stopped.recv().await;
    };
    let at = path.clone();
    let thread = std::thread::spawn(move || match on {
        On::Smol => {
            let listener = mcp_smol::bind_unix(at).unwrap();
            let serve =
                Serve::new(mcp_smol::Smol::new(), listener, Endpoints::new().mount("/mcp", server));
            let serve = serve.until(until).drain_deadline(Duration::from_millis(100));
            mcp_smol::block_on(if by_line { serve.by_line() } else { serve })
        }
        #[cfg(feature = "tokio")]
        On::Tokio => mcp_tokio::tokio::runtime::Runtime::new().unwrap().block_on(async {
            let listener = mcp_tokio::bind_unix(at).unwrap();
            let serve = Serve::new(
                mcp_tokio::Tokio::default(),
                listener,
                Endpoints::new().mount("/mcp", server),
            );
            let serve = serve.until(until).drain_deadline(Duration::from_millis(100));
            if by_line { serve.by_line().await } else { serve.await }
        }),
        #[cfg(feature = "axum")]
        On::Axum => unreachable!("not on a listener of ours"),
    });
    wait_until("a listener", || UnixStream::connect(&path).is_ok());
    clients(&path, &counters);
    wait_until("the end of all work", || counters.calls_in_flight() == 0);
    stop.close();
    thread.join().unwrap().unwrap();
    assert!(!path.exists(), "the file of the socket is left behind");
}

#[test]
fn http_is_spoken_at_a_path() {
    for &on in On::ALL {
        with(on, "http", false, |path, counters| {
            let hello = ToolCall::new(Wire::Modern, "hello", json!({}));
            let mut stream = UnixStream::connect(path).unwrap();
            stream.write_all(&hello.sized()).unwrap();
            let response = Response::read(&mut BufReader::new(&stream), &hello.request());
            assert_eq!(response.text(), "hello");
            let wait = ToolCall::new(Wire::Modern, "wait", json!({}));
            stream.write_all(&wait.sized()).unwrap();
            wait_until("the call", || counters.calls_in_flight() == 1);
            // Leaving is cancelling, here as well.
            drop(stream);
        });
    }
}

fn call(name: &str) -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "progressToken": name,
    });
    let params = json!({"name": name, "arguments": {}, "_meta": meta});
    json!({"jsonrpc": "2.0", "id": name, "method": "tools/call", "params": params})
}

#[test]
fn messages_go_line_by_line_at_a_path() {
    for &on in On::ALL {
        with(on, "line", true, |path, counters| {
            let clients = [(); 3].map(|()| UnixStream::connect(path).unwrap());
            for mut client in &clients {
                writeln!(client, "{}\n{}", call("wait"), call("hello")).unwrap();
            }
            for client in &clients {
                let lines = BufReader::new(client).lines();
                let mut messages = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap());
                assert!(messages.any(|message: Value| message["id"] == "hello"));
            }
            wait_until("the calls", || counters.calls_in_flight() == 3);
            // The end of their input is no reason to stop, but that nobody hears of progress is.
            drop(clients);
        });
    }
}

#[test]
fn a_path_that_is_taken_is_left_alone() {
    let path = std::env::temp_dir().join(format!("mcp-taken-{}.sock", std::process::id()));
    let owner = UnixListener::bind(&path).unwrap();
    let error = mcp_smol::bind_unix(&path).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    drop(owner);
    std::fs::remove_file(&path).unwrap();

    // Nobody waits for one who has no room for more.
    let owner = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    owner.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    owner.listen(0).unwrap();
    let _client = UnixStream::connect(&path).unwrap();
    let error = mcp_smol::bind_unix(&path).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    drop(owner);
    std::fs::remove_file(&path).unwrap();

    std::fs::write(&path, "precious").unwrap();
    assert!(mcp_smol::bind_unix(&path).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    std::fs::remove_file(&path).unwrap();
}
