//! A complete MCP server on threads and blocking sockets: no runtime, no framework.
//!
//! `cargo run -p mcp-proto --example blocking` serves <http://127.0.0.1:8000/mcp>.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mcp_proto::{
    Call, CallToolResult, Catalog, Config, Deadlines, Endpoint, Event, Input, Instant,
    Notification, Now, Offer, Output, PeerClosed, Progress, Reply, ServerInfo, Session, Tool,
    ToolsCapability,
};
use serde_json::json;

/// The least time between two warnings that there is no room for another connection.
const WARN_EVERY: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8000".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    println!("listening on http://{}/mcp", listener.local_addr()?);
    serve(&listener, Deadlines::default())
}

/// Serves each connection on a thread of its own.
pub(crate) fn serve(
    listener: &TcpListener,
    deadlines: Deadlines,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut info = ServerInfo::new("blocking", "1.0.0");
    info.capabilities.tools = Some(ToolsCapability::default());
    let mut config = Config::new([Endpoint::new("/mcp", info)?]);
    config.deadlines = deadlines;
    let config = Arc::new(config);
    let message = json!({"type": "object", "properties": {"message": {"type": "string"}}});
    let tools = vec![
        Tool::new("echo", "Returns its message", &message),
        Tool::new("count", "Counts to three, a step every 50 ms", &json!({"type": "object"})),
    ];
    let catalog = Catalog::new(&Offer { tools, ..Offer::default() })?;
    let mut warned_at: Option<std::time::Instant> = None;
    loop {
        // The peer's address is asked for now, as it is gone once the peer has reset.
        let served = listener.accept().and_then(|(stream, peer)| {
            let session = Session::new(config.clone(), now());
            let connection = Connection { session, stream, peer, catalog: catalog.clone() };
            std::thread::Builder::new().spawn(move || connection.run())
        });
        // No descriptors or no threads: those who wait are served when others have gone.
        if let Err(error) = served {
            if warned_at.is_none_or(|at| at.elapsed() > WARN_EVERY) {
                eprintln!("WARN cannot serve another connection: {error}");
                warned_at = Some(std::time::Instant::now());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

struct Connection {
    session: Session,
    stream: TcpStream,
    peer: SocketAddr,
    catalog: Catalog,
}

impl Connection {
    fn run(mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        let mut buffer = [0; 16 * 1024];
        loop {
            while let Some(output) = self.session.poll_output() {
                match output {
                    Output::Call(call) => self.answer(&call),
                    // It lets everybody in.
                    Output::Authorize(_) | Output::AuthorizationCancelled(_) => {}
                    Output::Event(Event::RequestLost(lost)) => {
                        eprintln!("WARN {}: {lost}", self.peer)
                    }
                    Output::Event(_) | Output::Cancelled(_) => {}
                    // It keeps no sessions.
                    Output::HandedOver(_) | Output::StreamBegun(_) => {}
                    // If it fails, so does the next read.
                    Output::ShutdownWrite => drop(self.stream.shutdown(Shutdown::Write)),
                    Output::Close => return Ok(()),
                }
            }
            if self.write() {
                continue;
            }
            self.stream.set_read_timeout(self.wait())?;
            let input = match self.stream.read(&mut buffer) {
                Ok(0) => Input::PeerClosed(PeerClosed::Fin),
                Ok(count) => Input::Bytes(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Input::Timeout,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => Input::PeerClosed(PeerClosed::Reset),
            };
            self.session.handle(now(), input);
        }
    }

    /// How long to wait for the peer, at least as long as a system can.
    fn wait(&self) -> Option<Duration> {
        let until = self.session.poll_timeout()?;
        Some(until.saturating_since(now().instant).max(Duration::from_millis(1)))
    }

    /// Writes what there is to write; false if that was nothing.
    fn write(&mut self) -> bool {
        let wait = self.wait();
        let bytes = self.session.transmit();
        if bytes.is_empty() {
            return false;
        }
        // A peer that does not read must not hold the thread for longer than it may.
        let written = self.stream.set_write_timeout(wait).and_then(|()| self.stream.write(bytes));
        let input = match written {
            Ok(count) => Input::Written(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Input::Timeout,
            Err(error) if error.kind() == ErrorKind::Interrupted => return true,
            Err(_) => Input::PeerClosed(PeerClosed::Reset),
        };
        self.session.handle(now(), input);
        true
    }

    fn answer(&mut self, call: &Call) {
        let reply = self.catalog.answer(call).unwrap_or_else(|| Reply::Tool(self.run_tool(call)));
        // Nobody has read while the tool ran, so look whether the client is still there.
        if let Some(closed) = peer_closed(&self.stream) {
            self.session.handle(now(), Input::PeerClosed(closed));
        }
        self.session.handle(now(), Input::Reply(call.key(), reply));
    }

    fn run_tool(&mut self, call: &Call) -> CallToolResult {
        let arguments: Result<serde_json::Value, _> =
            serde_json::from_str(call.request().arguments());
        match (call.request().name(), arguments) {
            ("echo", Ok(arguments)) => match arguments["message"].as_str() {
                Some(message) => CallToolResult::text(message),
                None => CallToolResult::error("`message` must be a string"),
            },
            ("count", Ok(_)) => {
                for step in 1..=3 {
                    let progress = Notification::Progress(Progress::new(f64::from(step)));
                    self.session.handle(now(), Input::Notify(call.key(), progress));
                    while self.write() {}
                    std::thread::sleep(Duration::from_millis(50));
                }
                CallToolResult::text("three")
            }
            (_, Ok(_)) => CallToolResult::error("not implemented"),
            (_, Err(error)) => CallToolResult::error(format!("invalid arguments: {error}")),
        }
    }
}

fn peer_closed(stream: &TcpStream) -> Option<PeerClosed> {
    stream.set_nonblocking(true).ok()?;
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false).ok()?;
    match peeked {
        Ok(0) => Some(PeerClosed::Fin),
        Err(error) if error.kind() != ErrorKind::WouldBlock => Some(PeerClosed::Reset),
        _ => None,
    }
}

fn now() -> Now {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now::new(Instant::from_micros(START.elapsed().as_micros() as u64), unix.as_secs())
}
