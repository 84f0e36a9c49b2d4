//! What this repository's own tests and fuzz targets look into; no part of the API, no promise
//! about versions.
//!
//! Each item is the one of the same name behind it, as thin as can be.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::endpoint::{self, Endpoint, Found};
use crate::error::Refusal;
use crate::guard::{self, Hosts, Origins};
use crate::http::{self, Head};
use crate::hub::{EventId, SessionId};
use crate::jsonrpc::Message;
use crate::limits::Limits;
use crate::media::{self, Accepts};
use crate::revision::header_value;
use crate::sse;

/// How far a head has been scanned.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeadScan(http::HeadScan);

impl HeadScan {
    /// Looks for the empty line in `bytes`, which hold at least what the last call was given.
    /// Returns the head's length once it is complete.
    ///
    /// # Errors
    ///
    /// If no head begins like that.
    pub fn advance(&mut self, bytes: &[u8], limit: usize) -> Result<Option<usize>, Refusal> {
        self.0.advance(bytes, limit)
    }
}

/// Where the body of a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "no part of the API")]
pub enum Framing {
    /// No body.
    Empty,
    /// That many bytes, at least one.
    Length(u64),
    /// Behind the last chunk.
    Chunked,
}

/// What a head says of its connection and its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "no part of the API")]
pub struct Connection {
    /// Whether it is HTTP/1.1, and not 1.0.
    pub is_http11: bool,
    /// Whether it may serve another request.
    pub keep_alive: bool,
    /// Whether the peer waits to be told to go on.
    pub expects_continue: bool,
    /// Where the body ends.
    pub framing: Framing,
}

/// Takes apart a head that has passed a [`HeadScan`].
///
/// # Errors
///
/// If it is malformed.
pub fn parse_head(raw: &[u8], limits: &Limits) -> Result<(Head, Connection), Refusal> {
    let head = Head::parse(raw, limits)?;
    let connection = Connection {
        is_http11: head.is_http11(),
        keep_alive: head.keep_alive(),
        expects_continue: head.expects_continue(),
        framing: match head.framing() {
            http::Framing::Empty => Framing::Empty,
            http::Framing::Length(length) => Framing::Length(length),
            http::Framing::Chunked => Framing::Chunked,
        },
    };
    Ok((head, connection))
}

/// An incremental decoder for one chunked body.
#[derive(Debug)]
pub struct ChunkedDecoder(http::ChunkedDecoder);

/// What [`ChunkedDecoder::next`] found.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "no part of the API")]
pub enum Chunk<'a> {
    /// The next piece of the body.
    Data(&'a [u8]),
    /// The size of a chunk that now begins.
    Announced(u64),
    /// More input is needed.
    NeedMore,
    /// The body is complete.
    End,
}

impl ChunkedDecoder {
    /// For a body with that many bytes of extensions and trailers at most.
    #[must_use]
    pub const fn new(overhead_limit: usize) -> Self {
        Self(http::ChunkedDecoder::new(overhead_limit))
    }

    /// Takes bytes from the front of `input` until it has something to tell.
    ///
    /// # Errors
    ///
    /// If the encoding is malformed, or there is too much around the data.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Chunk<'a>, Refusal> {
        Ok(match self.0.next(input)? {
            http::Chunk::Data(data) => Chunk::Data(data),
            http::Chunk::Announced(size) => Chunk::Announced(size),
            http::Chunk::NeedMore => Chunk::NeedMore,
            http::Chunk::End => Chunk::End,
        })
    }
}

/// Checks `Host` and `Origin`. Returns the origin if it is let in as another than ours.
///
/// # Errors
///
/// If one of them is not served.
pub fn check_guards<'a>(
    head: &'a Head,
    hosts: &Hosts,
    origins: &Origins,
) -> Result<Option<&'a str>, Refusal> {
    let host = guard::parse_host(head)?;
    guard::check(head, host.as_ref(), hosts, origins)
}

/// Checks that the body is plain JSON.
///
/// # Errors
///
/// If it is not.
pub fn check_content_type(head: &Head) -> Result<(), Refusal> {
    media::check_content_type(head)
}

/// Whether the client takes JSON, and whether it takes event streams.
///
/// # Errors
///
/// If it takes neither.
pub fn accepts(head: &Head) -> Result<(bool, bool), Refusal> {
    Accepts::parse(head).map(|accepts| (accepts.json, accepts.event_stream))
}

/// Which of the endpoints the request is for.
///
/// # Errors
///
/// If it is for none.
pub fn find_endpoint(endpoints: &[Endpoint], head: &Head) -> Result<usize, Refusal> {
    match endpoint::find(endpoints, head)? {
        Found::Endpoint(at) => Ok(at),
        // None of them has any.
        Found::Metadata(_) => Err(Refusal::NoEndpoint),
    }
}

/// Decodes the value of a field that mirrors the body.
#[must_use]
pub fn decode_header_value(value: &[u8]) -> Option<Cow<'_, str>> {
    header_value::decode(value)
}

/// Appends an event with that JSON text.
pub fn write_event(out: &mut Vec<u8>, id: Option<(u32, u64)>, json: &[u8]) {
    sse::write_event(out, id.map(event_id), |out| out.extend_from_slice(json));
}

/// Appends an event that says how to come back.
pub fn write_priming_event(out: &mut Vec<u8>, id: (u32, u64), retry: Duration) {
    sse::write_priming_event(out, event_id(id), retry);
}

/// Stream and number of an event.
fn event_id((stream, number): (u32, u64)) -> EventId {
    EventId { stream, number }
}

/// Appends a comment.
pub fn write_keep_alive(out: &mut Vec<u8>) {
    sse::write_keep_alive(out);
}

/// The id of an event as it was handed out: its stream and its number.
#[must_use]
pub fn parse_event_id(text: &str) -> Option<(u32, u64)> {
    EventId::parse(text).map(|id| (id.stream, id.number))
}

/// The id of a session as it was handed out.
#[must_use]
pub fn parse_session_id(text: &str) -> Option<SessionId> {
    SessionId::parse(text)
}

/// Finds the members of a JSON-RPC message.
///
/// # Errors
///
/// If it is no JSON object.
pub fn parse_message(json: &str) -> Result<(), impl fmt::Debug> {
    Message::parse(json, Limits::default().json_depth).map(drop)
}
