//! Servers that speak TLS: what holds on plain sockets, behind a handshake that may go wrong.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use mcp_smol::tls::rustls::pki_types::{CertificateDer, ServerName};
use mcp_smol::tls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned,
};
use mcp_smol::tls::{TlsListener, config_from_pem_files};
use mcp_smol::{Context, Counters, Deadlines, Endpoints, Serve, Server};
use rcgen::CertifiedKey;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use socket2::SockRef;

use crate::common::client::{
    HangUp, Response, ToolCall, Wire, connect, notifications_in, read_chunk, read_head,
};
use crate::common::fixture::Gate;
use crate::common::{On, Running, listen, wait_until};

/// A certificate for `localhost` that its clients trust, and no one else.
struct Identity {
    certificate: CertificateDer<'static>,
    config: ServerConfig,
}

static IDENTITY: LazyLock<Identity> = LazyLock::new(|| {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = std::env::temp_dir().join(format!("mcp-tests-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (certificates, key) = (folder.join("certificates.pem"), folder.join("key.pem"));
    std::fs::write(&certificates, cert.pem()).unwrap();
    std::fs::write(&key, signing_key.serialize_pem()).unwrap();
    let config = config_from_pem_files(&certificates, &key).unwrap();
    // What is wrong is said, and where.
    let missing = config_from_pem_files(folder.join("none.pem"), &key).unwrap_err();
    assert!(missing.to_string().contains("none.pem"), "{missing}");
    let swapped = config_from_pem_files(&key, &certificates).unwrap_err();
    assert!(swapped.to_string().contains("key.pem"), "{swapped}");
    std::fs::remove_dir_all(&folder).unwrap();
    Identity { certificate: cert.der().clone(), config }
});

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A client that has those application protocols.
fn client(address: SocketAddr, protocols: &[&str]) -> Tls {
    let mut roots = RootCertStore::empty();
    roots.add(IDENTITY.certificate.clone()).unwrap();
    let provider = mcp_smol::tls::rustls::crypto::ring::default_provider();
    let mut config = ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(session, connect(address))
}

const MUCH: usize = 1 << 20;

struct Fixture {
    running: Running,
    counters: Counters,
    gate: Gate,
}

#[derive(Deserialize, JsonSchema)]
struct Echo {
    message: String,
}

impl Fixture {
    fn start(on: On, deadlines: Deadlines) -> Self {
        Self::start_on(listen(), on, deadlines)
    }

    fn start_on(listener: TcpListener, on: On, deadlines: Deadlines) -> Self {
        let gate = Gate::default();
        let at_gate = gate.clone();
        let server = Server::new("tls", "1.0.0")
            .tool("echo", "Returns its message", |args: Echo| args.message)
            .tool("much", "Returns more than sockets hold", || "x".repeat(MUCH))
            .tool("steps", "Reports progress after each gate", move |ctx: Context| {
                let gate = at_gate.clone();
                async move {
                    for step in 1..=2 {
                        gate.pass().await;
                        ctx.progress(step.into()).await;
                    }
                    gate.pass().await;
                    "done"
                }
            });
        let counters = server.counters();
        let endpoints = Endpoints::new().mount("/mcp", server).deadlines(deadlines);
        let running = Running::start(listener, move |listener, until| {
            let config = IDENTITY.config.clone();
            match on {
                On::Smol => {
                    let listener = mcp_smol::Listener::try_from(listener).unwrap();
                    let listener = TlsListener::new(listener, config);
                    let serve = Serve::new(mcp_smol::Smol::new(), listener, endpoints);
                    mcp_smol::block_on(serve.until(until))
                }
                #[cfg(feature = "tokio")]
                _ => {
                    use mcp_tokio::tokio;
                    tokio::runtime::Runtime::new().unwrap().block_on(async {
                        listener.set_nonblocking(true).unwrap();
                        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                        let listener = mcp_tokio::Listener::from(listener);
                        let listener = TlsListener::new(listener, config);
                        let tokio = mcp_tokio::Tokio::default();
                        Serve::new(tokio, listener, endpoints).until(until).await
                    })
                }
            }
        });
        Self { running, counters, gate }
    }

    fn client(&self) -> Tls {
        client(self.running.address, &["h2", "http/1.1"])
    }

    /// Others are served, and nothing is left of whoever has gone.
    #[track_caller]
    fn check(&self) {
        let mut stream = self.client();
        let call = echo("still here");
        stream.write_all(&call.sized()).unwrap();
        assert_eq!(
            Response::read(&mut BufReader::new(stream), &call.request()).text(),
            "still here"
        );
        wait_until("no calls", || self.counters.calls_in_flight() == 0);
        wait_until("no connections", || self.counters.open_connections() == 0);
    }
}

fn echo(message: &str) -> ToolCall {
    ToolCall::new(Wire::Modern, "echo", json!({"message": message}))
}

#[test]
fn calls_are_answered_and_the_end_is_said() {
    for &on in On::ALL {
        let fixture = Fixture::start(on, Deadlines::default());
        let mut reader = BufReader::new(fixture.client());
        for message in ["hello", &"x".repeat(1 << 20), "again"] {
            let call = echo(message);
            reader.get_mut().write_all(&call.sized()).unwrap();
            assert!(Response::read(&mut reader, &call.request()).text() == message);
        }
        assert_eq!(reader.get_ref().conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        // To rustls, an end without close_notify is an error.
        let last = String::from_utf8(echo("bye").sized()).unwrap();
        let last = last.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        reader.get_mut().write_all(last.as_bytes()).unwrap();
        assert_eq!(Response::read(&mut reader, &echo("bye").request()).text(), "bye");
        assert_eq!(reader.read(&mut [0]).unwrap(), 0, "{on:?}");
        drop(reader);
        fixture.check();
        fixture.running.stop().unwrap();
    }
}

/// What TLS has taken is not what the client has: a connection that is to close waits for the rest.
#[test]
fn a_client_that_reads_slowly_gets_its_last_response_whole() {
    for &on in On::ALL {
        let drain = Duration::from_millis(1);
        // Which holds less than TLS does.
        let listener = listen();
        SockRef::from(&listener).set_send_buffer_size(4096).unwrap();
        let deadlines = Deadlines { drain, ..Deadlines::default() };
        let fixture = Fixture::start_on(listener, on, deadlines);
        let mut stream = fixture.client();
        let call = ToolCall::new(Wire::Modern, "much", json!({}));
        let call = String::from_utf8(call.sized()).unwrap();
        let call = call.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        stream.write_all(call.as_bytes()).unwrap();
        let (mut response, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
        loop {
            std::thread::sleep(Duration::from_millis(5));
            match stream.read(&mut piece).unwrap() {
                0 => break,
                count => response.extend_from_slice(&piece[..count]),
            }
        }
        let text = response.iter().filter(|byte| **byte == b'x').count();
        assert!(text >= MUCH, "{on:?}: {} bytes", response.len());
        drop(stream);
        fixture.check();
        fixture.running.stop().unwrap();
    }
}

#[test]
fn an_idle_connection_is_told_that_it_ends() {
    for &on in On::ALL {
        let idle = Duration::from_millis(200);
        let fixture = Fixture::start(on, Deadlines { idle, ..Deadlines::default() });
        let mut reader = BufReader::new(fixture.client());
        reader.get_mut().write_all(&echo("x").sized()).unwrap();
        assert_eq!(Response::read(&mut reader, &echo("x").request()).text(), "x");
        assert_eq!(reader.read(&mut [0]).unwrap(), 0, "{on:?}");
        fixture.running.stop().unwrap();
    }
}

#[test]
fn progress_comes_when_it_is_reported_until_the_client_leaves() {
    for &on in On::ALL {
        let fixture = Fixture::start(on, Deadlines::default());
        // In order, without a word, and abruptly.
        for leave in [Some(HangUp::Fin), None, Some(HangUp::Rst)] {
            let mut reader = BufReader::new(fixture.client());
            let call = ToolCall::new(Wire::Modern, "steps", json!({}));
            reader.get_mut().write_all(&call.sized()).unwrap();
            for step in 1..=2 {
                fixture.gate.open(1);
                if step == 1 {
                    assert!(read_head(&mut reader).contains("text/event-stream"));
                }
                let chunk = read_chunk(&mut reader);
                let notifications = notifications_in(&chunk, Wire::Modern);
                assert!(notifications[0].contains(&format!("\"progress\":{step}")), "{on:?}");
            }
            assert_eq!(fixture.counters.calls_in_flight(), 1);
            let mut stream = reader.into_inner();
            if leave == Some(HangUp::Fin) {
                stream.conn.send_close_notify();
                stream.flush().unwrap();
            }
            leave.unwrap_or(HangUp::Fin).close(stream.sock);
            wait_until("the cancellation", || fixture.counters.calls_in_flight() == 0);
            fixture.check();
        }
        assert_eq!(fixture.counters.requests_lost(), 3);
        fixture.running.stop().unwrap();
    }
}

#[test]
fn handshakes_that_fail_are_their_own_affair() {
    for &on in On::ALL {
        let fixture = Fixture::start(on, Deadlines::default());
        // Who speaks in the clear is not answered in the clear.
        let mut plain = connect(fixture.running.address);
        plain.write_all(&echo("in the clear").sized()).unwrap();
        let mut received = Vec::new();
        let _ = plain.read_to_end(&mut received);
        assert!(!received.starts_with(b"HTTP"), "{received:?}");
        // Who speaks another protocol behind it finds nobody who does.
        let mut stream = client(fixture.running.address, &["h2"]);
        assert!(stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").is_err(), "{on:?}");
        drop((plain, stream));
        fixture.check();
        assert_eq!(fixture.counters.requests_lost(), 0);
        fixture.running.stop().unwrap();
    }
}

#[test]
fn a_handshake_that_stalls_holds_up_nobody_and_ends() {
    for &on in On::ALL {
        let idle = Duration::from_millis(400);
        let fixture = Fixture::start(on, Deadlines { idle, ..Deadlines::default() });
        let begun = Instant::now();
        let mut silent = connect(fixture.running.address);
        let mut halting = connect(fixture.running.address);
        // The record of a ClientHello, of which the rest does not come (RFC 8446 section 5.1).
        halting.write_all(&[22, 3, 1, 1, 0, 1, 0, 0, 252]).unwrap();
        wait_until("both", || fixture.counters.open_connections() == 2);
        let mut stream = BufReader::new(fixture.client());
        stream.get_mut().write_all(&echo("meanwhile").sized()).unwrap();
        assert_eq!(Response::read(&mut stream, &echo("").request()).text(), "meanwhile");
        assert!(begun.elapsed() < idle, "nobody was waited for: {:?}", begun.elapsed());
        for stalled in [&mut silent, &mut halting] {
            let mut rest = Vec::new();
            let _ = BufReader::new(stalled).read_until(0, &mut rest);
            assert!(begun.elapsed() >= idle, "{on:?}: {:?}", begun.elapsed());
        }
        drop(stream);
        fixture.check();
        fixture.running.stop().unwrap();
    }
}
