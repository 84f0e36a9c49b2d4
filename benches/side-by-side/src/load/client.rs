//! One connection to a server.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use memchr::memmem::Finder;

use crate::BoxError;
use crate::framing::Response;

/// How long a server may take for anything: far more than any does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// As much of a wrong answer as is shown.
const SHOWN: usize = 2000;

/// A request, and what every good answer to it contains.
pub(crate) struct Exchange {
    pub(crate) request: Vec<u8>,
    markers: Vec<Finder<'static>>,
}

impl Exchange {
    pub(crate) fn new(request: Vec<u8>, markers: &[&'static str]) -> Self {
        Self { request, markers: markers.iter().map(|marker| Finder::new(*marker)).collect() }
    }

    /// Whether the body, or what has come of it, has what it should.
    pub(crate) fn is_answered_by(&self, body: &[u8]) -> bool {
        self.markers.iter().all(|marker| marker.find(body).is_some())
    }
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    pub(crate) response: Response,
    pub(crate) sent_at: Instant,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, BoxError> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .map_err(|error| format!("cannot connect to {address}: {error}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, response: Response::default(), sent_at: Instant::now() })
    }

    /// Sends a request that is much smaller than what a socket takes at once.
    pub(crate) fn send(&mut self, exchange: &Exchange) -> Result<(), BoxError> {
        self.response.clear();
        self.sent_at = Instant::now();
        let written = self.stream.write(&exchange.request)?;
        if written < exchange.request.len() {
            return Err("the server does not read".into());
        }
        Ok(())
    }

    /// Reads once. Returns whether the response is complete.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Result<bool, BoxError> {
        let count = match self.stream.read(buffer) {
            Ok(0) => return Err(self.complain("the server has closed the connection")),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let waited = self.sent_at.elapsed().as_secs();
                return Err(self.complain(&format!("there is no whole answer in {waited} s")));
            }
            Err(error) => return Err(self.complain(&error.to_string())),
        };
        self.response.receive(&buffer[..count]).map_err(|error| self.complain(&error))
    }

    /// Fails unless the complete response is a good one.
    pub(crate) fn check(&self, exchange: &Exchange) -> Result<(), BoxError> {
        if exchange.is_answered_by(self.response.body()) {
            return Ok(());
        }
        Err(self.complain("the answer is not what was asked for"))
    }

    /// Sends the request and waits for the answer to it.
    pub(crate) fn call(&mut self, exchange: &Exchange) -> Result<(), BoxError> {
        self.send(exchange)?;
        let mut buffer = [0; 16 * 1024];
        while !self.receive(&mut buffer)? {}
        self.check(exchange)
    }

    /// Sends the request and waits for so much of a stream that it has the markers, up to the end of
    /// an event.
    pub(crate) fn subscribe(&mut self, exchange: &Exchange) -> Result<(), BoxError> {
        self.send(exchange)?;
        self.wait_for_event(exchange)
    }

    /// Waits for events with the markers.
    pub(crate) fn wait_for_event(&mut self, exchange: &Exchange) -> Result<(), BoxError> {
        let mut buffer = [0; 16 * 1024];
        loop {
            if self.receive(&mut buffer)? {
                return Err(self.complain("the stream has ended"));
            }
            let body = self.response.body();
            if exchange.is_answered_by(body) && body.ends_with(b"\n\n") {
                return Ok(());
            }
        }
    }

    fn complain(&self, what: &str) -> BoxError {
        let came = self.response.raw();
        let came = String::from_utf8_lossy(&came[..came.len().min(SHOWN)]);
        format!("{what}; what came:\n{came}").into()
    }
}
