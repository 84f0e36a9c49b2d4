//! The servers that are measured, and one of them while it runs.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use crate::BoxError;
use crate::client::PATIENCE;
use crate::recording::Recording;
use crate::system::{self, Cores, Placement};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Ours,
    /// Ours, on threads. Its only tool that is measured is `echo`.
    Blocking,
    HyperFixed,
    RawFixed,
    Rmcp,
}

#[derive(Clone, Copy)]
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    arguments: &'static [&'static str],
}

/// What others are compared with, where only requests and responses are concerned.
pub(crate) const HYPER: &str = "hyper-fixed";

/// What others are compared with, where streams are concerned.
pub(crate) const RAW: &str = "raw-fixed";

/// The one whose answers the fixed ones give.
pub(crate) const MODEL: Server =
    Server { name: "smol", kind: Kind::Ours, arguments: &["--runtime", "smol"] };

pub(crate) const SERVERS: &[Server] = &[
    Server { name: RAW, kind: Kind::RawFixed, arguments: &["raw-fixed", "--nodelay"] },
    Server { name: HYPER, kind: Kind::HyperFixed, arguments: &["hyper-fixed", "--nodelay"] },
    MODEL,
    Server { name: "tokio", kind: Kind::Ours, arguments: &["--runtime", "tokio"] },
    Server { name: "blocking", kind: Kind::Blocking, arguments: &["--runtime", "blocking"] },
    Server { name: "rmcp-json", kind: Kind::Rmcp, arguments: &["rmcp", "--json"] },
    Server {
        name: "rmcp-json-nodelay",
        kind: Kind::Rmcp,
        arguments: &["rmcp", "--json", "--nodelay"],
    },
    Server { name: "rmcp", kind: Kind::Rmcp, arguments: &["rmcp"] },
    Server { name: "rmcp-nodelay", kind: Kind::Rmcp, arguments: &["rmcp", "--nodelay"] },
];

/// Those on two threads, beside those on one.
pub(crate) const THREADED: &[Server] = &[
    MODEL,
    Server {
        name: "smol-2",
        kind: Kind::Ours,
        arguments: &["--runtime", "smol", "--threads", "2"],
    },
    Server { name: "tokio", kind: Kind::Ours, arguments: &["--runtime", "tokio"] },
    Server {
        name: "tokio-2",
        kind: Kind::Ours,
        arguments: &["--runtime", "tokio", "--threads", "2"],
    },
];

impl Server {
    /// Starts it, with so many tools more. The fixed ones answer what was recorded.
    pub(crate) fn start(
        &self,
        cores: &Cores,
        placement: Placement,
        recording: &Recording,
        more_tools: usize,
    ) -> Result<Running, BoxError> {
        let program = match self.kind {
            Kind::Ours | Kind::Blocking => "echo-server",
            Kind::HyperFixed | Kind::RawFixed | Kind::Rmcp => "peer",
        };
        let mut command = Command::new(std::env::current_exe()?.with_file_name(program));
        command.args(self.arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        match self.kind {
            Kind::Ours | Kind::Blocking => command.args(["--port", "0"]),
            Kind::HyperFixed => command.args(recording.of_bodies()),
            Kind::RawFixed => command.args(recording.of_bytes()),
            Kind::Rmcp => &mut command,
        };
        if more_tools > 0 && matches!(self.kind, Kind::Ours | Kind::Rmcp) {
            command.args(["--tools", &more_tools.to_string()]);
        }
        let child = cores
            .at_server(placement, || command.spawn())?
            .map_err(|error| format!("cannot start {program}: {error}; have all been built?"))?;
        Running::new(self.name, child)
    }
}

/// A server that runs until this is dropped.
pub(crate) struct Running {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    child: Guard,
}

/// Ends the process with it.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Running {
    fn new(name: &'static str, mut child: Child) -> Result<Self, BoxError> {
        let output = child.stdout.take().expect("it is piped");
        let child = Guard(child);
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            // If nobody waits any more, or nothing was read, that is known elsewhere.
            drop(BufReader::new(output).read_line(&mut line).map(|_| sender.send(line)));
        });
        let line = receiver.recv_timeout(PATIENCE);
        let line = line.map_err(|_| format!("{name} does not say where it listens"))?;
        let address = line.trim_end().strip_prefix("listening on http://");
        let address = address.and_then(|rest| rest.strip_suffix("/mcp")?.parse().ok());
        let address = address.ok_or_else(|| format!("{name} says {line:?} and no address"))?;
        Ok(Self { name, address, child })
    }

    pub(crate) fn process(&self) -> String {
        self.child.0.id().to_string()
    }

    pub(crate) fn resident_bytes(&self) -> Result<u64, BoxError> {
        system::resident_bytes(&self.process())
    }
}
