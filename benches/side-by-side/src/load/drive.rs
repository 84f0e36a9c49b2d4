//! Keeps a server busy from one thread, and measures what that costs.

use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;

use crate::BoxError;
use crate::client::{Client, Exchange, PATIENCE};
use crate::server::Running;
use crate::system::cpu_time;
use crate::table::percentile;

/// Keep-alive connections, with one request in flight on each.
const CONNECTIONS: usize = 32;

/// As many bytes as are read at once.
const READ: usize = 64 * 1024;

/// Tells which of many clients have something to read.
pub(crate) struct Readiness {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Readiness {
    pub(crate) fn of(clients: &[Client]) -> Result<Self, BoxError> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (at, client) in clients.iter().enumerate() {
            client.stream.set_nonblocking(true)?;
            let token = epoll::EventData::new_u64(at as u64);
            epoll::add(&epoll, &client.stream, token, epoll::EventFlags::IN)?;
        }
        Ok(Self { epoll, events: Vec::with_capacity(256) })
    }

    /// Those of which there is something to read. Waits until there are any.
    pub(crate) fn wait(&mut self) -> Result<impl Iterator<Item = usize>, BoxError> {
        let patience = Timespec::try_from(PATIENCE)?;
        self.events.clear();
        rustix::io::retry_on_intr(|| {
            epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&patience))
        })?;
        if self.events.is_empty() {
            return Err(format!("nothing comes for {} s", PATIENCE.as_secs()).into());
        }
        Ok(self.events.iter().map(|event| event.data.u64() as usize))
    }
}

/// What a server did in one round.
pub(crate) struct Driven {
    pub(crate) calls_per_second: f64,
    /// Processor time of the server for one call.
    pub(crate) cpu_micros: f64,
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
    /// The one call that took longest.
    pub(crate) slowest_micros: f64,
    /// How much of its core the load itself took: from 95 % on, it may be what was measured.
    pub(crate) load_percent: f64,
}

/// Sends the request over and over, for so long.
pub(crate) fn drive(
    server: &Running,
    exchange: &Exchange,
    duration: Duration,
) -> Result<Driven, BoxError> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut client = Client::connect(server.address)?;
        client.call(exchange)?;
        clients.push(client);
    }
    let mut readiness = Readiness::of(&clients)?;
    let mut buffer = vec![0; READ];
    let mut nanos: Vec<u32> = Vec::new();

    let server_before = cpu_time(&server.process())?;
    let load_before = cpu_time("self")?;
    let start = Instant::now();
    for client in &mut clients {
        client.send(exchange)?;
    }
    let mut in_flight = CONNECTIONS;
    while in_flight > 0 {
        for at in readiness.wait()? {
            let client = &mut clients[at];
            if !client.receive(&mut buffer)? {
                continue;
            }
            client.check(exchange)?;
            let took = client.sent_at.elapsed();
            nanos.push(u32::try_from(took.as_nanos()).unwrap_or(u32::MAX));
            if start.elapsed() < duration {
                client.send(exchange)?;
            } else {
                in_flight -= 1;
            }
        }
    }
    let took = start.elapsed();
    let server_took = cpu_time(&server.process())? - server_before;
    let load_took = cpu_time("self")? - load_before;

    nanos.sort_unstable();
    let calls = nanos.len() as f64;
    Ok(Driven {
        calls_per_second: calls / took.as_secs_f64(),
        cpu_micros: server_took.as_secs_f64() * 1e6 / calls,
        p50_micros: percentile(&nanos, 0.5) / 1e3,
        p99_micros: percentile(&nanos, 0.99) / 1e3,
        slowest_micros: percentile(&nanos, 1.0) / 1e3,
        load_percent: 100.0 * load_took.as_secs_f64() / took.as_secs_f64(),
    })
}
