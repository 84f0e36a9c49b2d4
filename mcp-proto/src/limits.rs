//! Every bound on what a peer can make us keep, and every bound on how long it may take.

use core::time::Duration;

/// How much a peer may send, or leave unread, before it is refused.
///
/// One value serves all connections of a [`Config`](crate::Config). Each limit is inclusive: a
/// message exactly at it passes.
///
/// ```
/// use mcp_proto::Limits;
///
/// let limits = Limits { body: 64 * 1024, ..Limits::default() };
/// ```
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a request's head, from the request line to the empty line. Past it: 431, or 414
    /// within the request line.
    ///
    /// Default 16 KiB, as in Node.js: room for a bearer token and
    /// cookies. Values above 65,535 count as 65,535.
    pub head: usize,
    /// Field lines in a head. Past it: 431.
    ///
    /// Default 100, as in hyper and Apache.
    pub fields: usize,
    /// Bytes of a request's body after chunked decoding, or of a line. Past it: 413, or an error.
    ///
    /// Default 4 MiB: a tool argument that carries a picture fits, a film does not. Values above
    /// 4,294,967,295 count as 4,294,967,295.
    pub body: usize,
    /// Bytes of chunk extensions and trailers in one chunked body. Past it: 400 (extensions) or
    /// 431 (trailers).
    ///
    /// Default 4 KiB. Nobody sends either to an MCP server on purpose.
    pub chunk_overhead: usize,
    /// Messages in a JSON-RPC batch (2025-03-26). Past it: 400.
    ///
    /// Default 100: batches were meant for a handful.
    pub batch: usize,
    /// Requests of one [`LineSession`](crate::LineSession) that are served at once. Past it: an
    /// error.
    ///
    /// Default 100, the least that HTTP/2 asks servers to allow (RFC 9113 section 6.5.2).
    pub in_flight: usize,
    /// Levels of JSON nesting in a body. Past it: 400.
    ///
    /// Default 64, half of what serde_json parses before it gives up. Values above 128 count as 128.
    pub json_depth: usize,
    /// Bytes of further requests taken in while one is being answered (pipelining). At it,
    /// [`Session::wants_read`](crate::Session::wants_read) turns false.
    ///
    /// Default 64 KiB. While reading is paused a disconnect goes unseen, so this is not tiny.
    pub read_ahead: usize,
    /// Bytes of responses that the peer has not read yet, at which a handler that reports
    /// progress has to wait. A result is never held back by it.
    ///
    /// Default 256 KiB.
    pub unsent: usize,
    /// Bytes read and thrown away after a refusal, and after any other response that is the last, so
    /// that the peer gets to read it before the connection is reset (RFC 9112 section 9.6).
    ///
    /// Default 1 MiB.
    pub drain: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 16 * 1024,
            fields: 100,
            body: 4 * 1024 * 1024,
            chunk_overhead: 4 * 1024,
            batch: 100,
            in_flight: 100,
            json_depth: 64,
            read_ahead: 64 * 1024,
            unsent: 256 * 1024,
            drain: 1024 * 1024,
        }
    }
}

/// How long a peer may take, and how long it is kept waiting. `Duration::MAX` means forever.
///
/// ```
/// use core::time::Duration;
/// use mcp_proto::Deadlines;
///
/// let deadlines = Deadlines { idle: Duration::from_secs(300), ..Deadlines::default() };
/// ```
#[derive(Clone, Debug)]
pub struct Deadlines {
    /// From the first byte of a head to its last. Past it: 408.
    ///
    /// Default 10 s, so that slow heads cannot hold connections (Slowloris).
    pub head: Duration,
    /// From the end of a head to the word that its request may be let in, where
    /// [that is needed](crate::Endpoint::requires_authorization). Past it: 503.
    ///
    /// Default 10 s: time to ask an authorization server twice, and less than clients wait.
    pub authorization: Duration,
    /// From the end of a head, or when the request was let in, to the end of its body. Past it: 408.
    ///
    /// Default 60 s: [`Limits::body`] at 560 kbit/s.
    pub body: Duration,
    /// Without a request in sight, before a connection is closed.
    ///
    /// Default 75 s, as in nginx.
    pub idle: Duration,
    /// Without the peer taking a single byte of a response, before it counts as gone. Of a
    /// [`LineSession`](crate::LineSession), only when it has closed its input.
    ///
    /// Default 30 s.
    pub write_stall: Duration,
    /// With calls in flight whose client has closed its input, before they are cancelled. Only of a
    /// [`LineSession`](crate::LineSession).
    ///
    /// Default 10 s: what comes through a pipe gets its answer, and no process outlives its client
    /// for long.
    pub input_end: Duration,
    /// After the last response, such as a refusal: from our FIN to the peer's, before the connection is
    /// closed anyway. Also what a client is left to read its last response once a shutdown waits no
    /// longer.
    ///
    /// Default 2 s, as Apache's lingering close.
    pub drain: Duration,
    /// With a handler silent, before its response becomes an event stream, whose comments tell
    /// proxies and clients that somebody is still at work.
    ///
    /// Default 5 s: well below the 30 to 60 s after which proxies cut a silent connection.
    pub stream_after: Duration,
    /// Between two keep-alive comments on a silent event stream.
    ///
    /// Default 15 s, as the WHATWG event stream notes suggest.
    pub keep_alive: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            authorization: Duration::from_secs(10),
            body: Duration::from_secs(60),
            idle: Duration::from_secs(75),
            write_stall: Duration::from_secs(30),
            input_end: Duration::from_secs(10),
            drain: Duration::from_secs(2),
            stream_after: Duration::from_secs(5),
            keep_alive: Duration::from_secs(15),
        }
    }
}
