//! A hundred thousand requests that are refused leave nothing behind: no session, no stream, no
//! call, and no memory.
//!
//! In several SDKs every request without a session began one, health checks among them, and nothing
//! ever ended it.

mod common;

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use common::client::{ToolCall, Wire, connect, field, read_head};
use common::process::{self, Process};
use common::session::{Client, notification, request};
use common::{On, wait_until};
use mcp_proto::Revision;
use mcp_smol::{Counters, Endpoints, Server};
use serde_json::{Value, json};

/// On each runtime.
const REQUESTS: usize = 100_000;
/// How many of them come before memory is looked at: what is only made once must not be counted.
const FIRST: usize = REQUESTS / 10;

/// Connections at a time, and requests on one before the answers are read.
const CONNECTIONS: usize = 4;
const AT_ONCE: usize = 100;

/// How much more the server may take in the end. A session that is left takes some hundred bytes.
const NOISE_KIB: usize = 1024;

/// How many of what there is: connections, calls, subscriptions, sessions and streams.
fn counts(counters: &Counters) -> Value {
    json!([
        counters.open_connections(),
        counters.calls_in_flight(),
        counters.open_subscriptions(),
        counters.open_sessions(),
        counters.open_streams(),
    ])
}

#[test]
fn serve() {
    process::serve(None, |_| {
        let mut server = Server::new("refused", "1.0.0");
        server.handle();
        let counters = server.counters();
        let server = server
            .tool("counts", "Counts what there is", move || counts(&counters).to_string())
            .on_initialize(|ctx: mcp_smol::Context| async move {
                match ctx.header("x-refused") {
                    Some(_) => Err("nobody wants you here"),
                    None => Ok(()),
                }
            });
        Endpoints::new().mount("/mcp", server)
    });
}

/// A request, and the statuses of which its answer has one.
struct Refused {
    bytes: Vec<u8>,
    statuses: &'static [u16],
    /// What the answer has to say, besides.
    says: &'static str,
}

impl Refused {
    fn new(bytes: impl Into<Vec<u8>>, statuses: &'static [u16], says: &'static str) -> Self {
        Self { bytes: bytes.into(), statuses, says }
    }

    /// Reads the answer. Returns whether the connection is kept.
    fn read(&self, stream: &mut BufReader<TcpStream>) -> bool {
        let head = read_head(stream);
        let status = head[9..12].parse().unwrap();
        let length = field(&head, "content-length").unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        let body = std::str::from_utf8(&body).unwrap();
        let request = || self.bytes.escape_ascii().to_string();
        assert!(self.statuses.contains(&status), "{}\n{head}{body}", request());
        assert!(body.contains(self.says), "{}\n{head}{body}", request());
        assert_eq!(field(&head, "mcp-session-id"), None, "{}", request());
        field(&head, "connection") != Some("close")
    }
}

fn bare(method: &str, path: &str, fields: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")
}

/// What is refused and costs no connection. `owner` has a session.
fn refused(owner: &Client) -> Vec<Refused> {
    const INVALID: &str = "-32600";
    let stranger = Client { session: None, fields: String::new(), ..owner.clone() };
    let unknown = Client { session: Some("0".repeat(32)), ..stranger.clone() };
    let thief = Client { session: owner.session.clone(), ..stranger.clone() };
    let with = |client: &Client, fields: &str| Client { fields: fields.into(), ..client.clone() };
    let old = Client { revision: Revision::V2025_03_26, ..stranger.clone() };
    let ping = request(json!(1), "ping", json!({}));
    let introduction = stranger.introduction();
    let initialize = |params| stranger.post_bytes(&request(json!(1), "initialize", params));
    let get = |fields: &str| bare("GET", "/mcp", fields);
    let resume = |client: &Client, id: &str| {
        with(client, &format!("{}Last-Event-ID: {id}\r\n", client.fields)).get_bytes()
    };
    let mut all = vec![
        // Nobody knows what to make of them.
        Refused::new(old.post_text("{\"jsonrpc\":\"2.0\",", false), &[400], "-32700"),
        Refused::new(old.post_text("nonsense", false), &[400], "-32700"),
        Refused::new(old.post_text("", false), &[400], "-32700"),
        Refused::new(old.post_text("{}", false), &[400], INVALID),
        Refused::new(old.post_text("7", false), &[400], INVALID),
        Refused::new(
            with(&old, "MCP-Protocol-Version: 1999-01-01\r\n").post_bytes(&ping),
            &[400],
            "-32022",
        ),
        // Batches.
        Refused::new(old.post_bytes(&json!([])), &[400], INVALID),
        Refused::new(old.post_bytes(&json!(vec![0; 101])), &[400], INVALID),
        Refused::new(old.post_bytes(&json!([introduction])), &[200, 400], INVALID),
        Refused::new(stranger.post_bytes(&json!([ping])), &[400], INVALID),
        // Sessions that do not begin.
        Refused::new(initialize(json!({})), &[200, 400], "-32602"),
        Refused::new(initialize(json!([])), &[200, 400], "-3260"),
        Refused::new(initialize(json!({"protocolVersion": 7})), &[200, 400], "-32602"),
        Refused::new(
            with(&stranger, "X-Refused: yes\r\n").post_bytes(&introduction),
            &[200, 400, 403],
            "nobody wants you here",
        ),
        Refused::new(unknown.post_bytes(&introduction), &[404], INVALID),
        Refused::new(owner.post_bytes(&introduction), &[400], INVALID),
        // Health checks, and streams for nobody.
        Refused::new(get(""), &[400, 406], INVALID),
        Refused::new(get("Accept: */*\r\n"), &[400], INVALID),
        Refused::new(get("Accept: text/html\r\n"), &[406], INVALID),
        Refused::new(stranger.get_bytes(), &[400], INVALID),
        Refused::new(resume(&stranger, "1-0"), &[400], INVALID),
        Refused::new(resume(owner, "1-0"), &[400], INVALID),
        Refused::new(resume(owner, "x"), &[400], INVALID),
        Refused::new(bare("GET", "/health", ""), &[404], INVALID),
        Refused::new(bare("OPTIONS", "/mcp", ""), &[405], INVALID),
        Refused::new(bare("DELETE", "/mcp", ""), &[400], INVALID),
        // Other methods need no session either.
        Refused::new(
            stranger.post_bytes(&request(json!(1), "logging/setLevel", json!({"level": "info"}))),
            &[200],
            "-32601",
        ),
        Refused::new(
            stranger.post_bytes(&request(json!(1), "resources/subscribe", json!({"uri": "a:"}))),
            &[200],
            "-32601",
        ),
    ];
    for client in [&unknown, &thief] {
        let session = format!("Mcp-Session-Id: {}\r\n", client.session.as_deref().unwrap());
        let messages = [
            ping.clone(),
            request(json!(1), "tools/call", json!({"name": "counts"})),
            request(json!(1), "resources/subscribe", json!({"uri": "a:"})),
            notification("notifications/initialized", json!({})),
            notification("notifications/cancelled", json!({"requestId": 1})),
            json!({"jsonrpc": "2.0", "id": 1, "result": {}}),
        ];
        let posts = messages.iter().map(|message| client.post_bytes(message));
        let others = [
            client.get_bytes(),
            resume(client, "1-0"),
            bare("DELETE", "/mcp", &session).into_bytes(),
        ];
        all.extend(posts.chain(others).map(|bytes| Refused::new(bytes, &[404], INVALID)));
    }
    all
}

/// What costs its connection, because it is refused before its body has come.
fn costly(owner: &Client) -> Vec<Refused> {
    let ping = request(json!(1), "ping", json!({}));
    let text = String::from_utf8(owner.post_bytes(&ping)).unwrap();
    let with = |from: &str, to: &str, status| {
        assert!(text.contains(from), "{from}");
        Refused::new(text.replace(from, to), status, "-32600")
    };
    vec![
        with("Content-Type: application/json", "Content-Type: text/plain", &[415]),
        with(&format!("Accept: {}", owner.accept), "Accept: text/html", &[406]),
        with("Host: localhost", "Host: evil.example.com", &[403]),
        with("Host: ", "Origin: http://evil.example.com\r\nHost: ", &[403]),
        with("POST /mcp", "POST /other", &[404]),
        with("POST /mcp", "PUT /mcp", &[405]),
        with("Content-Length: ", "Content-Length: 999999", &[413]),
    ]
}

/// Sends `count` requests on one connection after the other.
fn send(address: SocketAddr, kept: &[Refused], costly: &[Refused], from: usize, count: usize) {
    let mut stream = BufReader::new(connect(address));
    let mut kept = kept.iter().cycle().skip(from);
    let mut costly = costly.iter().cycle().skip(from);
    for _ in 0..count / AT_ONCE {
        let mut all: Vec<_> = kept.by_ref().take(AT_ONCE - 1).collect();
        all.extend(costly.next());
        let mut bytes = Vec::new();
        all.iter().for_each(|request| bytes.extend_from_slice(&request.bytes));
        stream.get_mut().write_all(&bytes).unwrap();
        let (last, others) = all.split_last().unwrap();
        for request in others {
            assert!(request.read(&mut stream), "{}", request.bytes.escape_ascii());
        }
        assert!(!last.read(&mut stream), "{}", last.bytes.escape_ascii());
        stream = BufReader::new(connect(address));
    }
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    for &on in On::ALL {
        let server = Process::start(on);
        let owner = Client::new(server.address).authorized("owner").begin();
        let (kept, costly) = (refused(&owner), costly(&owner));
        let send_all = |count: usize| {
            std::thread::scope(|scope| {
                for nth in 0..CONNECTIONS {
                    let (kept, costly) = (&kept, &costly);
                    scope.spawn(move || {
                        send(server.address, kept, costly, nth, count / CONNECTIONS);
                    });
                }
            });
        };
        let counts = || -> Value {
            let call = ToolCall::new(Wire::Modern, "counts", json!({}));
            serde_json::from_str(&call.send(server.address).text()).unwrap()
        };
        send_all(FIRST);
        let first = server.kib("VmRSS:");
        send_all(REQUESTS - FIRST);
        // This connection and this call, and the one session that there is.
        let expected = json!([1, 1, 0, 1, 0]);
        wait_until(&format!("{expected} on {on:?}"), || counts() == expected);
        let last = server.kib("VmRSS:");
        eprintln!("{on:?}: {first} KiB, {last} KiB");
        assert!(last <= first + NOISE_KIB, "{on:?}: from {first} KiB to {last} KiB");
        assert!(owner.lives());
        server.stop();
    }
}
