//! Changes of what a server offers, as a client hears of them.

use std::collections::VecDeque;
use std::fmt;

use mcp_proto::Change;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::world::Stalled;

/// A stream of changes. To drop it is to hang up.
#[must_use = "dropping it hangs up"]
pub struct Listening {
    client: Client,
    exchange: Exchange,
    changes: VecDeque<Change>,
    /// Whether the server has said that it will tell of changes.
    is_acknowledged: bool,
    has_ended: bool,
}

impl Listening {
    pub(crate) fn begin(client: Client, changes: &[Change]) -> Result<Self, Error> {
        let request = if client.is_modern() {
            let mut params = json!({"notifications": filter(changes)});
            let id = client.next_id();
            if let Value::Object(params) = &mut params {
                client.add_meta(params, id);
            }
            let method = "subscriptions/listen";
            let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
            client.post(&message, None, &[])
        } else {
            for change in changes {
                if let Change::Resource { uri } = change {
                    client.request("resources/subscribe", json!({"uri": &**uri}))?;
                }
            }
            client.get(None)
        };
        let exchange = Exchange::begin(&client, &request)?;
        let mut this = Self {
            client,
            exchange,
            changes: VecDeque::new(),
            is_acknowledged: false,
            has_ended: false,
        };
        this.wait("the acknowledgment", |this| this.has_begun().then_some(()))?;
        Ok(this)
    }

    /// Waits for the next change.
    ///
    /// # Errors
    ///
    /// If the stream ends before, or nothing changes.
    pub fn next_change(&mut self) -> Result<Change, Error> {
        self.wait("a change", |this| this.changes.pop_front())
    }

    /// The changes that come until nothing more happens by itself.
    ///
    /// # Errors
    ///
    /// If the server has refused to tell of more.
    pub fn take_changes(&mut self) -> Result<Vec<Change>, Error> {
        self.client.settle();
        self.update()?;
        Ok(self.changes.drain(..).collect())
    }

    /// Whether the server has ended the stream in order, as at a shutdown.
    ///
    /// # Errors
    ///
    /// If the stream has broken off.
    pub fn has_ended(&mut self) -> Result<bool, Error> {
        self.client.settle();
        self.update()?;
        Ok(self.has_ended)
    }

    /// Stops listening, and runs the server until nothing more happens by itself.
    pub fn hang_up(self) {
        let client = self.client.clone();
        drop(self);
        client.settle();
    }

    fn has_begun(&self) -> bool {
        if self.client.is_modern() {
            self.is_acknowledged
        } else {
            self.exchange.response().status() == Some(200)
        }
    }

    fn wait<T>(
        &mut self,
        expected: &str,
        take: impl Fn(&mut Self) -> Option<T>,
    ) -> Result<T, Error> {
        let world = self.client.world.clone();
        let found = world.wait(|| {
            self.update()?;
            match take(self) {
                Some(found) => Ok(Some(found)),
                None if self.has_ended => {
                    Err(Error::unexpected(expected, "the server has ended the stream"))
                }
                None => Ok(None),
            }
        })?;
        found.map_err(|Stalled| world.stalled(expected))
    }

    fn update(&mut self) -> Result<(), Error> {
        while let Some(mut message) = self.exchange.next_message()? {
            let params = message["params"].take();
            match message["method"].as_str() {
                Some("notifications/subscriptions/acknowledged") => {
                    self.is_acknowledged = true;
                }
                Some(method) => self.changes.extend(change_in(method, &params)),
                None if message.get("error").is_some() => {
                    return Err(Error::unexpected("to be told of changes", message.to_string()));
                }
                None => self.has_ended = true,
            }
        }
        if let Some(session) = &self.client.session {
            self.changes.extend(session.changes.borrow_mut().drain(..));
        }
        if self.exchange.is_over() && !self.has_ended {
            // In the 2025 revisions, a stream that ends has no last word.
            if self.client.is_modern() || self.exchange.response().status() != Some(200) {
                return Err(self.exchange.error("the request to listen"));
            }
            self.has_ended = true;
        }
        Ok(())
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening")
            .field("changes", &self.changes)
            .field("has_ended", &self.has_ended)
            .finish_non_exhaustive()
    }
}

/// What a notification tells of, if that is a change.
pub(crate) fn change_in(method: &str, params: &Value) -> Option<Change> {
    match method {
        "notifications/tools/list_changed" => Some(Change::Tools),
        "notifications/prompts/list_changed" => Some(Change::Prompts),
        "notifications/resources/list_changed" => Some(Change::Resources),
        "notifications/resources/updated" => params["uri"].as_str().map(Change::resource),
        _ => None,
    }
}

/// The filter of `subscriptions/listen`.
fn filter(changes: &[Change]) -> Value {
    let mut filter = json!({});
    let mut uris = Vec::new();
    for change in changes {
        match change {
            Change::Tools => filter["toolsListChanged"] = json!(true),
            Change::Prompts => filter["promptsListChanged"] = json!(true),
            Change::Resources => filter["resourcesListChanged"] = json!(true),
            Change::Resource { uri } => uris.push(&**uri),
            _ => {}
        }
    }
    if !uris.is_empty() {
        filter["resourceSubscriptions"] = json!(uris);
    }
    filter
}
