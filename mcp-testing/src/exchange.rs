//! One request and its response, on a connection of its own.

use serde_json::Value;

use crate::client::Client;
use crate::error::Error;
use crate::pipe::ClientEnd;
use crate::response::Response;

/// A request that has been sent. To drop it is to hang up.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// Closed once the response is complete.
    end: Option<ClientEnd>,
    response: Response,
}

impl Exchange {
    pub(crate) fn begin(client: &Client, request: &[u8]) -> Result<Self, Error> {
        let end = client.world.connect(client.attachment.clone())?;
        end.write(request);
        Ok(Self { end: Some(end), response: Response::default() })
    }

    /// The next message that has arrived.
    pub(crate) fn next_message(&mut self) -> Result<Option<Value>, Error> {
        if let Some(end) = &self.end {
            let is_closed = end.is_closed();
            self.response.push(&end.read())?;
            if is_closed || self.response.is_complete() {
                self.end = None;
            }
        }
        Ok(self.response.next_message())
    }

    /// Whether nothing more will arrive.
    pub(crate) const fn is_over(&self) -> bool {
        self.end.is_none()
    }

    pub(crate) const fn response(&self) -> &Response {
        &self.response
    }

    /// What has gone wrong if it ended without a message.
    pub(crate) fn error(&self, request: &str) -> Error {
        let request = request.to_owned();
        match self.response.status() {
            Some(status) if status != 200 => {
                Error::Refused { request, status, body: self.response.text() }
            }
            _ => Error::HungUp { request },
        }
    }
}
