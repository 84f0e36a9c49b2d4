//! A server that is a process of its own, which is the file of the test once more: its memory is its
//! alone, and neither side needs more than the 1,024 descriptors that systems allow by default.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use futures_lite::future::or;
use mcp_smol::Endpoints;
use socket2::{Domain, Socket, Type};

use super::On;

/// Names the runtime, in the process that is the server.
const SERVER: &str = "MCP_TESTS_SERVER";

/// How long it waits in the end for what is in flight.
pub const DRAIN: Duration = Duration::from_secs(1);

/// Serves until nobody writes to it any more, or it is asked to end, in the process that is the
/// server. Anywhere else, does nothing. Has to be called by a test of the name `serve`.
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
    let listener = TcpListener::from(socket);
    println!("\nlistening on {}", listener.local_addr().unwrap());
    let (left, is_left) = async_channel::bounded::<()>(1);
    std::thread::spawn(move || {
        std::io::stdin().read_line(&mut String::new()).unwrap();
        drop(left);
    });
    let left = async move {
        let _ = is_left.recv().await;
    };
    let stop = or(left, on.shutdown_signal());
    on.run(listener, endpoints(on), DRAIN, stop).unwrap();
}

pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    pub address: SocketAddr,
}

impl Process {
    pub fn start(on: On) -> Self {
        Self::start_by(on, &mut Command::new(std::env::current_exe().unwrap()))
    }

    /// Starts it by a command that executes this file, with the arguments that follow its own.
    pub fn start_by(on: On, command: &mut Command) -> Self {
        let mut child = command
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

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it says on stderr, if that is piped.
    pub fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
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

    /// How it has ended, unless it goes on for longer than that.
    #[track_caller]
    pub fn ended(mut self, within: Duration) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < within, "it goes on after {within:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The time that a process has worked, itself and in the kernel.
pub fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name in front of it may have spaces.
    let fields = stat.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.map(|field| field.parse::<u64>().unwrap()).sum();
    // USER_HZ is 100 wherever Linux runs.
    Duration::from_millis(ticks * 10)
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
