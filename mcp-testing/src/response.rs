//! Reads an HTTP/1.1 response and the JSON-RPC messages in it, as they arrive.

use std::collections::VecDeque;

use serde_json::Value;

use crate::error::Error;

/// Fields of a head. Ours have a dozen at most.
const MOST_FIELDS: usize = 64;

/// A response of which some has arrived.
#[derive(Debug, Default)]
pub(crate) struct Response {
    /// What has arrived and is not read.
    bytes: Vec<u8>,
    head: Option<Head>,
    /// The body without its framing, as far as it is not read.
    body: Vec<u8>,
    messages: VecDeque<Value>,
    last_event_id: Option<String>,
    is_complete: bool,
}

#[derive(Debug)]
struct Head {
    status: u16,
    session_id: Option<String>,
    is_event_stream: bool,
    framing: Framing,
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    Chunked,
    /// That many bytes are still to come.
    Sized(usize),
}

impl Response {
    /// Takes in what has arrived.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes.extend_from_slice(bytes);
        while self.head.is_none() {
            if !self.read_head()? {
                return Ok(());
            }
        }
        while !self.is_complete && self.read_framing()? {}
        if self.head.as_ref().is_some_and(|head| head.is_event_stream) {
            while self.read_event()? {}
        } else if self.is_complete && !self.body.is_empty() {
            let message = json(&self.body);
            // What is refused on the way to MCP is told in JSON-RPC, too, but need not be.
            if self.status() == Some(200) || message.as_ref().is_ok_and(is_error) {
                self.body.clear();
                self.messages.push_back(message?);
            }
        }
        Ok(())
    }

    /// The status, once the head is there.
    pub(crate) fn status(&self) -> Option<u16> {
        self.head.as_ref().map(|head| head.status)
    }

    pub(crate) fn session_id(&self) -> Option<&str> {
        self.head.as_ref()?.session_id.as_deref()
    }

    /// Whether all of it has arrived.
    pub(crate) const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The body of a response that has no message in it.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The id of the last event with one, to come back to the stream by.
    pub(crate) fn last_event_id(&self) -> Option<&str> {
        self.last_event_id.as_deref()
    }

    pub(crate) fn next_message(&mut self) -> Option<Value> {
        self.messages.pop_front()
    }

    /// Whether a head was there; an interim response is passed over.
    fn read_head(&mut self) -> Result<bool, Error> {
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        let parsed = response.parse(&self.bytes);
        let parsed = parsed.map_err(|error| Error::Malformed(format!("a head: {error}")))?;
        let httparse::Status::Complete(length) = parsed else {
            return Ok(false);
        };
        let field = |name: &str| {
            let field = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
            field.and_then(|field| std::str::from_utf8(field.value).ok())
        };
        let status = response.code.unwrap_or_default();
        let framing = match (field("transfer-encoding"), field("content-length")) {
            (Some(_), _) => Framing::Chunked,
            (None, Some(length)) => Framing::Sized(number(length, 10)?),
            (None, None) => Framing::Sized(0),
        };
        let is_event_stream = field("content-type") == Some("text/event-stream");
        let session_id = field("mcp-session-id").map(str::to_owned);
        if status >= 200 {
            self.head = Some(Head { status, session_id, is_event_stream, framing });
        }
        self.bytes.drain(..length);
        Ok(true)
    }

    /// Moves what is there of the body to it. Whether there may be more.
    fn read_framing(&mut self) -> Result<bool, Error> {
        let Some(head) = &mut self.head else {
            return Ok(false);
        };
        match &mut head.framing {
            Framing::Sized(left) => {
                let count = self.bytes.len().min(*left);
                self.body.extend(self.bytes.drain(..count));
                *left -= count;
                self.is_complete = *left == 0;
                Ok(false)
            }
            Framing::Chunked => {
                let Some(end) = self.bytes.windows(2).position(|pair| pair == b"\r\n") else {
                    return Ok(false);
                };
                let size = number(&String::from_utf8_lossy(&self.bytes[..end]), 16)?;
                let (start, behind) = (end + 2, end + 2 + size + 2);
                if self.bytes.len() < behind {
                    return Ok(false);
                }
                self.body.extend_from_slice(&self.bytes[start..start + size]);
                self.bytes.drain(..behind);
                self.is_complete = size == 0;
                Ok(true)
            }
        }
    }

    /// Reads an event of the stream (WHATWG HTML, server-sent events). Whether one was there.
    fn read_event(&mut self) -> Result<bool, Error> {
        let Some(end) = self.body.windows(2).position(|pair| pair == b"\n\n") else {
            return Ok(false);
        };
        let event: Vec<u8> = self.body.drain(..end + 2).collect();
        let event = String::from_utf8_lossy(&event);
        let mut data = Vec::new();
        for line in event.lines() {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "data" => data.push(value),
                "id" => self.last_event_id = Some(value.to_owned()),
                // Times to wait before coming back, and comments.
                _ => {}
            }
        }
        let data = data.join("\n");
        if !data.is_empty() {
            self.messages.push_back(json(data.as_bytes())?);
        }
        Ok(true)
    }
}

fn is_error(message: &Value) -> bool {
    message.get("error").is_some()
}

fn json(text: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(text).map_err(|error| {
        Error::Malformed(format!("a message: {error}: {}", String::from_utf8_lossy(text)))
    })
}

fn number(text: &str, radix: u32) -> Result<usize, Error> {
    usize::from_str_radix(text.trim(), radix)
        .map_err(|error| Error::Malformed(format!("the length {text:?}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\
        Content-Type: text/event-stream\r\nMcp-Session-Id: s\r\nTransfer-Encoding: chunked\r\n\r\n\
        12\r\nid: 1-0\ndata: \n\n: \r\n1a\r\nk\n\nid: 1-1\ndata: {\"a\":1}\n\n\r\n0\r\n\r\n";

    #[test]
    fn a_response_reads_the_same_in_any_split() {
        for split in 0..STREAM.len() {
            let mut response = Response::default();
            response.push(&STREAM[..split]).unwrap();
            response.push(&STREAM[split..]).unwrap();
            assert!(response.is_complete());
            assert_eq!((response.status(), response.session_id()), (Some(200), Some("s")));
            assert_eq!(response.last_event_id(), Some("1-1"));
            assert_eq!(response.next_message(), Some(serde_json::json!({"a": 1})));
            assert_eq!(response.next_message(), None);
        }
    }

    #[test]
    fn what_is_no_response_is_an_error() {
        for bytes in [
            &b"HTTP/1.1 twohundred\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        ] {
            let error = Response::default().push(bytes).unwrap_err();
            assert!(matches!(error, Error::Malformed(_)), "{error}");
        }
    }
}
