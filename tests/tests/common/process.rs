//! A server that is a process of its own, which is the file of the test once more: its memory is its
//! alone, and neither side needs more than the 1,024 descriptors that systems allow by default.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use mcp_smol::Endpoints;
use socket2::{Domain, Socket, Type};

use super::On;

/// Names the runtime, in the process that is the server.
const SERVER: &str = "MCP_TESTS_SERVER";

/// Serves until nobody writes to it any more, in the process that is the server. Anywhere else, does
/// nothing. Has to be called by a test of the name `serve`.
///
/// With a send buffer of so many bytes, the system does not take in all that clients are told who do
/// not read. Those that do are served more slowly then.
pub fn serve(send_buffer: Option<usize>, endpoints: impl FnOnce(On) -> Endpoints) {
    let Ok(runtime) = std::env::var(SERVER) else {
        return;
    };
    let on = *On::ALL.iter().find(|on| format!("{on:?}") == runtime).unwrap();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    if let Some(size) = send_buffer {
        // What connections have, too.
        socket.set_send_buffer_size(size).unwrap();
    }
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket.listen(1024).unwrap();
    let running = on.serve_at(TcpListener::from(socket), endpoints(on), Duration::from_secs(1));
    println!("\nlistening on {}", running.address);
    std::io::stdin().read_line(&mut String::new()).unwrap();
    running.stop().unwrap();
}

pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    pub address: SocketAddr,
}

impl Process {
    pub fn start(on: On) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "serve", "--nocapture"])
            .env(SERVER, format!("{on:?}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address =
            lines.find_map(|line| line.unwrap().strip_prefix("listening on ")?.parse().ok());
        // What else it prints is of no interest.
        std::thread::spawn(move || lines.for_each(drop));
        Self { stdin: child.stdin.take(), address: address.unwrap(), child }
    }

    /// A number from the kernel's account of the process, in KiB.
    pub fn kib(&self, field: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    pub fn stop(mut self) {
        self.stdin = None;
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
