//! A server that keeps sessions, and the means to watch it and to hold its handlers.

use std::time::Duration;

use mcp_smol::{Counters, Deadlines, Endpoints, Server, ServerHandle};

use super::session::Client;
use super::{On, Running, wait_until};

/// Holds handlers until the test lets them pass.
#[derive(Clone, Debug)]
pub struct Gate {
    open: async_channel::Sender<()>,
    opened: async_channel::Receiver<()>,
}

impl Default for Gate {
    fn default() -> Self {
        let (open, opened) = async_channel::unbounded();
        Self { open, opened }
    }
}

impl Gate {
    /// Waits until it is this one's turn.
    pub async fn pass(&self) {
        self.opened.recv().await.expect("the gate is there as long as this is");
    }

    /// Lets so many pass, now or when they come.
    pub fn open(&self, count: usize) {
        (0..count).for_each(|_| self.open.try_send(()).expect("there is always room"));
    }

    /// Lets nobody pass for whom it was opened before and who has not come.
    pub fn shut(&self) {
        while self.opened.try_recv().is_ok() {}
    }
}

/// A server that can be changed, and whose handlers may wait at a gate.
pub struct Fixture {
    pub running: Running,
    pub handle: ServerHandle,
    pub counters: Counters,
    pub gate: Gate,
}

impl Fixture {
    pub fn start(on: On, server: impl FnOnce(&Gate) -> Server) -> Self {
        Self::start_with(on, server, |endpoints| endpoints)
    }

    pub fn start_with(
        on: On,
        server: impl FnOnce(&Gate) -> Server,
        set_up: impl FnOnce(Endpoints) -> Endpoints,
    ) -> Self {
        let gate = Gate::default();
        let mut server = server(&gate);
        let (handle, counters) = (server.handle(), server.counters());
        // Tests stop servers whose clients are still there.
        let deadlines = Deadlines { drain: Duration::from_millis(100), ..Deadlines::default() };
        let endpoints = set_up(Endpoints::new().mount("/mcp", server).deadlines(deadlines));
        Self { running: on.serve(endpoints), handle, counters, gate }
    }

    /// A client that has yet to introduce itself.
    pub fn stranger(&self) -> Client {
        Client::new(self.running.address)
    }

    /// A client with a session.
    pub fn client(&self) -> Client {
        self.stranger().begin()
    }

    #[track_caller]
    pub fn has_sessions(&self, count: usize) {
        wait_until("the sessions", || self.counters.open_sessions() == count);
    }

    #[track_caller]
    pub fn has_streams(&self, count: usize) {
        wait_until("the streams", || self.counters.open_streams() == count);
    }

    #[track_caller]
    pub fn has_calls(&self, count: usize) {
        wait_until("the calls", || self.counters.calls_in_flight() == count);
    }

    /// Stops the server, which then has nothing left of its clients.
    pub fn stop(self) {
        self.has_calls(0);
        self.running.stop().unwrap();
        assert_eq!(self.counters.open_connections(), 0);
        assert_eq!(self.counters.open_streams(), 0);
        assert_eq!(self.counters.open_sessions(), 0);
    }
}
