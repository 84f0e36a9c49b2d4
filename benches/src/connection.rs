//! A session and the peer at its other end, with as little between them as can be.

use std::sync::Arc;

use mcp_proto::{
    Call, CallKey, Config, Endpoint, Input, Instant, Notification, Now, Output, Reply, ServerInfo,
    Session,
};

/// A day on which requests come in.
const NOW: Now = Now::new(Instant::from_micros(1), 1_795_219_200);

/// One endpoint at `/mcp`.
pub(crate) fn config() -> Arc<Config> {
    let mut info = ServerInfo::new("bench", "1.0.0");
    info.capabilities.tools.get_or_insert_default().list_changed = true;
    Arc::new(Config::new([Endpoint::new("/mcp", info).expect("a plain path")]))
}

pub(crate) struct Connection {
    session: Session,
    has_ended: bool,
}

impl Connection {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        Self { session: Session::new(config, NOW), has_ended: false }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.session.handle(NOW, Input::Bytes(bytes));
    }

    /// The next call, if there is one.
    pub(crate) fn poll_call(&mut self) -> Option<Call> {
        loop {
            match self.session.poll_output()? {
                Output::Call(call) => return Some(call),
                Output::ShutdownWrite | Output::Close => self.has_ended = true,
                _ => {}
            }
        }
    }

    pub(crate) fn take_call(&mut self) -> Call {
        self.poll_call().expect("a call")
    }

    /// Sends a request that becomes a call.
    pub(crate) fn call(&mut self, request: &[u8]) -> Call {
        self.send(request);
        self.take_call()
    }

    pub(crate) fn notify(&mut self, key: CallKey, notification: Notification) {
        self.session.handle(NOW, Input::Notify(key, notification));
    }

    pub(crate) fn reply(&mut self, key: CallKey, reply: Reply) {
        self.session.handle(NOW, Input::Reply(key, reply));
    }

    /// The peer reads all that there is, which is so many bytes.
    pub(crate) fn send_out(&mut self) -> usize {
        let count = self.session.transmit().len();
        self.session.handle(NOW, Input::Written(count));
        count
    }

    /// Whether the connection serves no other request.
    pub(crate) const fn has_ended(&self) -> bool {
        self.has_ended
    }
}
