//! Buffers of the system that hold next to nothing: every write is partial.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use mcp_smol::{Deadlines, Endpoints};
use serde_json::json;
use socket2::{Domain, Socket, Type};

use crate::common::client::{Response, ToolCall, Wire};
use crate::common::{On, wait_until};
use crate::server;

#[path = "../../../mcp-proto/examples/blocking.rs"]
#[allow(dead_code, reason = "its main is not ours")]
mod example;

/// How long a peer may take no bytes, where that is tried.
const STALL: Duration = Duration::from_millis(150);

/// Listens; what is accepted has so little room for what it sends.
pub(crate) fn listener(send_buffer: usize) -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_send_buffer_size(send_buffer).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(16).unwrap();
    socket.into()
}

/// A client that has so little room for what it receives.
pub(crate) fn connect(address: SocketAddr, receive_buffer: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(receive_buffer).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

/// Runs `test` against a server of each kind.
fn with_each(deadlines: &Deadlines, test: impl Fn(&str, SocketAddr)) {
    for &on in On::ALL {
        let endpoints = Endpoints::new().mount("/mcp", server(on)).deadlines(deadlines.clone());
        let running = on.serve_at(listener(2048), endpoints, Duration::from_millis(100));
        test(&format!("{on:?}"), running.address);
        running.stop().unwrap();
    }
    let listener = listener(2048);
    let address = listener.local_addr().unwrap();
    // It knows no end but that of the process.
    let deadlines = deadlines.clone();
    std::thread::spawn(move || example::serve(&listener, deadlines).unwrap());
    test("blocking", address);
}

fn echo(wire: Wire, letter: char) -> ToolCall {
    let message = letter.to_string().repeat(1 << 20);
    ToolCall::new(wire, "echo", json!({"message": message}))
}

/// Reads what the server has, in pieces of changing size.
struct Sipping {
    stream: TcpStream,
    nth: usize,
}

impl Read for Sipping {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.nth += 1;
        let most = buffer.len().min(1 + self.nth * 7919 % 8192);
        self.stream.read(&mut buffer[..most])
    }
}

#[test]
fn a_mebibyte_a_response_arrives_whole() {
    with_each(&Deadlines::default(), |name, address| {
        let calls = [echo(Wire::Modern, 'a'), echo(Wire::Legacy, 'b'), echo(Wire::Modern, 'c')];
        let stream = connect(address, 16 * 1024);
        let mut sending = stream.try_clone().unwrap();
        let requests: Vec<u8> = calls.iter().flat_map(ToolCall::chunked).collect();
        let sender = std::thread::spawn(move || sending.write_all(&requests).unwrap());
        let mut sipping = std::io::BufReader::new(Sipping { stream, nth: 0 });
        for call in &calls {
            let text = Response::read(&mut sipping, &call.request()).text();
            assert!(json!(text) == call.arguments["message"], "{name}: {} bytes", text.len());
        }
        sender.join().unwrap();
    });
}

#[test]
fn who_does_not_read_is_left() {
    let deadlines = Deadlines { write_stall: STALL, ..Deadlines::default() };
    with_each(&deadlines, |name, address| {
        let mut stream = connect(address, 4096);
        stream.write_all(&echo(Wire::Modern, 'a').sized()).unwrap();
        wait_until("the response", || stream.peek(&mut [0]).is_ok_and(|count| count > 0));
        let begun = Instant::now();
        // For much longer than a peer may take no bytes: the system takes some more at first.
        std::thread::sleep(STALL * 6);
        let mut response = Vec::new();
        // The end, in whatever way it comes.
        let ended = stream.read_to_end(&mut response);
        let elapsed = begun.elapsed();
        assert!(response.len() < 1 << 20, "{name}: all {} bytes, {ended:?}", response.len());
        assert!(elapsed < Duration::from_secs(3), "{name}: {elapsed:?}, {ended:?}");
    });
}
