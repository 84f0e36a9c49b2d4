//! What a session makes of every shape of HTTP request: the status, and whether the connection
//! survives. One row a shape, with the section it comes from; each is fed whole, byte by byte, and
//! with another request behind it.

mod bodies;
mod chunked;
mod connection;
mod cors;
mod floods;
mod format;
mod framing;
mod host;
mod hyper;
mod limits;
mod messages;
mod methods;
mod request_line;
mod smuggling;
mod streams;

use std::sync::Arc;

use mcp_proto::{
    Config, Endpoint, Input, Instant, Limits, Now, Origins, Output, PeerClosed, Revision,
    ServerInfo, Session, ToolsCapability,
};
use mcp_tests::http::read_responses;
use mcp_tests::schema;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const JSON: &str = "Host: localhost\r\nContent-Type: application/json\r\n";

/// One shape of request, and what becomes of it.
struct Row {
    /// Where it is defined; of an attack, its name.
    section: &'static str,
    request: Vec<u8>,
    expected: Expected,
}

/// The statuses that come back, interim ones too, and what becomes of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Expected {
    statuses: Vec<u16>,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It takes another request.
    Open,
    /// It is closed, and what follows not even looked at.
    Closed,
    /// It stays open, and what follows is taken for a part of the request.
    Waiting,
}

/// Served, and the connection survives.
fn served() -> Expected {
    answered(200)
}

/// Served or not, the connection survives.
fn answered(status: u16) -> Expected {
    Expected { statuses: vec![status], end: End::Open }
}

/// Refused, which costs the connection.
fn refused(status: u16) -> Expected {
    closed([status])
}

/// Served with interim responses, or several times.
fn given<const N: usize>(statuses: [u16; N]) -> Expected {
    Expected { statuses: statuses.into(), end: End::Open }
}

fn closed<const N: usize>(statuses: [u16; N]) -> Expected {
    Expected { statuses: statuses.into(), end: End::Closed }
}

fn waiting<const N: usize>(statuses: [u16; N]) -> Expected {
    Expected { statuses: statuses.into(), end: End::Waiting }
}

#[derive(Default)]
struct Rows(Vec<Row>);

impl Rows {
    /// Adds requests that have one fate, by one section.
    fn add<R: AsRef<[u8]>>(
        &mut self,
        section: &'static str,
        expected: Expected,
        requests: impl IntoIterator<Item = R>,
    ) {
        self.0.extend(requests.into_iter().map(|request| Row {
            section,
            request: request.as_ref().to_vec(),
            expected: expected.clone(),
        }));
    }

    #[track_caller]
    fn check(&self) {
        let failures: Vec<_> = self.0.iter().filter_map(|row| row.check().err()).collect();
        assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), self.0.len(), {
            failures.join("\n")
        });
    }
}

/// The rows of all subjects.
fn every_row() -> Vec<Row> {
    [
        format::rows(),
        request_line::rows(),
        host::rows(),
        cors::rows(),
        framing::rows(),
        chunked::rows(),
        connection::rows(),
        methods::rows(),
        smuggling::rows(),
    ]
    .into_iter()
    .flat_map(|rows| rows.0)
    .collect()
}

impl Row {
    fn check(&self) -> Result<(), String> {
        let request = &self.request[..];
        let bytes: Vec<_> = request.chunks(1).collect();
        // Another request is served if the connection survives, and not even looked at if not.
        let followed = [request, ping("").as_bytes()].concat();
        let mut with_follower = self.expected.clone();
        if self.expected.end == End::Open {
            with_follower.statuses.push(200);
        }
        for (how, pieces, expected) in [
            ("whole", &[request][..], &self.expected),
            ("byte by byte", &bytes, &self.expected),
            ("followed", &[&followed], &with_follower),
        ] {
            let mut found = exchange(pieces);
            if expected.end == End::Waiting {
                if how == "followed" {
                    continue;
                }
                found.end = if found.end == End::Open { End::Waiting } else { found.end };
            }
            if found != *expected {
                let (section, request) = (self.section, request.escape_ascii());
                return Err(format!("{section}: {how}: {request}\n {expected:?}, not {found:?}"));
            }
        }
        Ok(())
    }
}

/// Limits that are easy to reach.
fn config() -> Arc<Config> {
    config_with(Limits {
        head: 1024,
        fields: 10,
        body: 256,
        chunk_overhead: 40,
        json_depth: 4,
        ..Limits::default()
    })
}

fn config_with(limits: Limits) -> Arc<Config> {
    let mut info = ServerInfo::new("shapes", "1.0.0");
    info.capabilities.tools = Some(ToolsCapability::default());
    let mut config = Config::new([Endpoint::new("/mcp", info).unwrap()]);
    config.limits = limits;
    config.origins = Origins::same().allow("https://app.example.com");
    Arc::new(config)
}

fn now() -> Now {
    Instant::from_micros(0).into()
}

/// A session and what it has said so far.
struct Peer {
    session: Session,
    received: Vec<u8>,
    outputs: Vec<Output>,
}

impl Peer {
    fn new(config: Arc<Config>) -> Self {
        Self { session: Session::new(config, now()), received: Vec::new(), outputs: Vec::new() }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.give(Input::Bytes(bytes));
    }

    fn give(&mut self, input: Input<'_>) {
        self.session.handle(now(), input);
        loop {
            while let Some(output) = self.session.poll_output() {
                self.outputs.push(output);
            }
            let bytes = self.session.transmit();
            if bytes.is_empty() {
                break;
            }
            self.received.extend_from_slice(bytes);
            let count = bytes.len();
            self.session.handle(now(), Input::Written(count));
        }
    }

    fn has_fin(&self) -> bool {
        self.outputs.iter().any(|output| matches!(output, Output::ShutdownWrite))
    }

    /// All that has come back, whose messages are valid by their [`schema`]. No request here names
    /// a revision, and only a ping has a result.
    fn read(self, begins_with_head: bool) -> String {
        let responses = read_responses(&self.received, |number, _| begins_with_head && number == 0);
        for response in &responses.finals {
            for message in response.messages() {
                schema::check(Revision::V2025_03_26, message, Some("ping"));
            }
        }
        String::from_utf8(self.received).unwrap()
    }
}

fn exchange(pieces: &[&[u8]]) -> Expected {
    let mut peer = Peer::new(config());
    pieces.iter().for_each(|piece| peer.send(piece));
    let end = if peer.has_fin() { End::Closed } else { End::Open };
    let text = peer.read(pieces.concat().starts_with(b"HEAD "));
    let statuses = text.split("HTTP/1.1 ").skip(1).map(|part| part[..3].parse().unwrap()).collect();
    Expected { statuses, end }
}

/// A ping with more header fields.
fn ping(fields: &str) -> String {
    format!("POST /mcp HTTP/1.1\r\n{JSON}{fields}Content-Length: {}\r\n\r\n{PING}", PING.len())
}

/// A ping of which something is replaced.
fn ping_with(from: &str, to: &str) -> String {
    let request = ping("");
    assert!(request.contains(from), "{from}");
    request.replacen(from, to, 1)
}

/// A ping with another request line.
fn ping_by(line: &str) -> String {
    ping_with("POST /mcp HTTP/1.1", line)
}

fn post(body: &str) -> String {
    format!("POST /mcp HTTP/1.1\r\n{JSON}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn in_chunks(body: &str) -> String {
    format!("POST /mcp HTTP/1.1\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n{body}")
}

/// A head without a body.
fn bare(line: &str) -> String {
    format!("{line}\r\nHost: localhost\r\n\r\n")
}
