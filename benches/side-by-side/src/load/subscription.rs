//! What the scenarios with subscriptions have in common.

use mcp_benches::requests::{listen, post};

use crate::BoxError;
use crate::client::{Client, Exchange};
use crate::server::Running;

/// How many clients there are where they are many.
pub(crate) const CLIENTS: usize = 5000;

pub(crate) struct Subscription {
    /// Subscribes; the first event says that this was understood.
    pub(crate) listen: Exchange,
    /// Makes a change.
    pub(crate) change: Exchange,
    /// Asks nothing: is answered on the subscription by the event of a change.
    pub(crate) changed: Exchange,
}

impl Subscription {
    pub(crate) fn new() -> Self {
        let params = r#"{"name":"change","arguments":{}}"#;
        let change = post("127.0.0.1:8000", "tools/call", "mcp-name: change\r\n", params);
        Self {
            listen: Exchange::new(listen(), &["notifications/subscriptions/acknowledged"]),
            change: Exchange::new(change, &[r#""result":{"#]),
            changed: Exchange::new(Vec::new(), &["notifications/tools/list_changed"]),
        }
    }

    /// Clients that listen for changes, of which all have been told that they do.
    pub(crate) fn open_all(&self, server: &Running) -> Result<Vec<Client>, BoxError> {
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let mut client = Client::connect(server.address)?;
            client.subscribe(&self.listen)?;
            client.response.forget();
            clients.push(client);
        }
        Ok(clients)
    }
}
