//! Where one request ends and the next begins, compared with hyper: whatever we take for a request
//! must be the same request there, or somebody between two such servers could be fooled.
//!
//! Both get the same bytes one by one, so that each tells by itself behind which byte a request is
//! complete. Its body is compared by what we answer: the request as hyper has read it, sent again
//! in the plainest framing, must have the same answer. Calls have their arguments sent back, and
//! what is no JSON is told where not, so few bodies that differ have the same answer.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use mcp_proto::{
    Call, CallToolResult, Config, Event, Input, Limits, McpMethod, Output, Refusal, Reply, RpcError,
};
use mcp_tests::generate;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::streams::streams;
use super::{Peer, config_with, every_row, ping};

/// What hyper takes for a request.
#[derive(Debug)]
struct Framed {
    /// Behind how many bytes of the stream it is complete.
    end: usize,
    method: String,
    target: String,
    is_http11: bool,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

/// One byte after the other for hyper.
#[derive(Default)]
struct Wire {
    unread: VecDeque<u8>,
    is_shut: bool,
}

struct Stream(Rc<RefCell<Wire>>);

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // The only one to poll does it whenever there is something new.
        match self.0.borrow_mut().unread.pop_front() {
            Some(byte) => {
                buffer.put_slice(&[byte]);
                Poll::Ready(Ok(()))
            }
            None => Poll::Pending,
        }
    }
}

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().is_shut = true;
        Poll::Ready(Ok(()))
    }
}

/// A response without a body.
struct Nothing;

impl Body for Nothing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(0)
    }
}

/// Tells whether a future wants to be polled again.
#[derive(Default)]
struct Again(AtomicBool);

impl Wake for Again {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The requests that hyper finds in `stream`, up to what it refuses.
fn framed_by_hyper(stream: &[u8]) -> Vec<Framed> {
    let wire = Rc::new(RefCell::new(Wire::default()));
    let requests = Rc::new(RefCell::new(Vec::new()));
    let fed = Rc::new(RefCell::new(0));
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (requests, fed) = (requests.clone(), fed.clone());
        async move {
            let (head, mut body) = request.into_parts();
            let mut bytes = Vec::new();
            while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                if let Ok(data) = frame?.into_data() {
                    bytes.extend_from_slice(&data);
                }
            }
            requests.borrow_mut().push(Framed {
                end: *fed.borrow(),
                method: head.method.to_string(),
                target: head.uri.to_string(),
                is_http11: head.version == hyper::Version::HTTP_11,
                fields: head
                    .headers
                    .iter()
                    .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                    .collect(),
                body: bytes,
            });
            let mut response = hyper::Response::new(Nothing);
            // To CONNECT, 200 would begin a tunnel.
            *response.status_mut() = hyper::StatusCode::NOT_FOUND;
            Ok::<_, hyper::Error>(response)
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .header_read_timeout(None)
            .half_close(true)
            .serve_connection(Stream(wire.clone()), service)
    );
    let again = Arc::new(Again::default());
    let waker = again.clone().into();
    for &byte in stream {
        wire.borrow_mut().unread.push_back(byte);
        *fed.borrow_mut() += 1;
        again.0.store(true, Ordering::Relaxed);
        while again.0.swap(false, Ordering::Relaxed) {
            if connection.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                return requests.take();
            }
        }
        if wire.borrow().is_shut {
            break;
        }
    }
    requests.take()
}

/// What we make of a request.
#[derive(Debug, PartialEq, Eq)]
struct Answered {
    end: usize,
    status: u16,
    body: Vec<u8>,
    /// Whether its head or its framing was refused.
    is_refused: bool,
    /// Whether nothing behind it is looked at.
    is_last: bool,
}

/// The answers that we give, each when its request is complete, to pieces of that size.
fn answered_by_us(config: &Arc<Config>, stream: &[u8], size: usize) -> Vec<Answered> {
    let mut peer = Peer::new(config.clone());
    let mut answers = Vec::new();
    let mut fed = 0;
    for piece in stream.chunks(size) {
        peer.send(piece);
        fed += piece.len();
        let mut why = None;
        let mut is_last = false;
        while !peer.outputs.is_empty() {
            for output in std::mem::take(&mut peer.outputs) {
                match output {
                    Output::Call(call) => peer.give(Input::Reply(call.key(), echo(&call))),
                    Output::Event(Event::Refused { refusal, .. }) => why = Some(refusal),
                    Output::ShutdownWrite => is_last = true,
                    _ => {}
                }
            }
        }
        let received = std::mem::take(&mut peer.received);
        let answer = received.strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&received);
        if answer.is_empty() {
            continue;
        }
        let text = String::from_utf8_lossy(answer);
        let (head, body) = text.split_once("\r\n\r\n").expect("a whole response");
        answers.push(Answered {
            end: fed,
            status: head["HTTP/1.1 ".len()..][..3].parse().expect("a status"),
            body: body.as_bytes().to_vec(),
            is_refused: why.is_some_and(|why| !is_of_json(&why)),
            is_last,
        });
        if is_last {
            break;
        }
    }
    answers
}

/// Says what was understood of a call.
fn echo(call: &Call) -> Reply {
    let request = call.request();
    match request.method() {
        McpMethod::CallTool => {
            let text = format!("{} {}", request.name(), request.arguments());
            Reply::Tool(CallToolResult::text(text))
        }
        _ => Reply::Error(RpcError::internal("no call of a tool")),
    }
}

/// Whether a request was refused for what is in its body: then that has been found.
const fn is_of_json(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::NotUtf8
            | Refusal::NotJson { .. }
            | Refusal::NotAMessage
            | Refusal::TooDeep { .. }
            | Refusal::UnknownBatch
            | Refusal::EmptyBatch
            | Refusal::BatchTooLarge { .. }
            | Refusal::InitializeInBatch
    )
}

impl Framed {
    /// The request in the plainest framing.
    fn plain(&self) -> Vec<u8> {
        let version = if self.is_http11 { "1.1" } else { "1.0" };
        let mut plain = format!("{} {} HTTP/{version}\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.fields {
            if !["content-length", "transfer-encoding", "expect"].contains(&&**name) {
                plain.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
            }
        }
        plain.extend_from_slice(format!("Content-Length: {}\r\n\r\n", self.body.len()).as_bytes());
        plain.extend_from_slice(&self.body);
        plain
    }
}

/// How much was compared.
#[derive(Debug, Default)]
struct Tally {
    /// Requests that are the same to both.
    same: usize,
    /// Streams that we refuse to go on with, where hyper does go on.
    stricter: usize,
}

/// Compares what both make of `stream`, up to what we refuse.
fn compare(config: &Arc<Config>, stream: &[u8], tally: &mut Tally) -> Result<(), String> {
    let (ours, theirs) = (answered_by_us(config, stream, 1), framed_by_hyper(stream));
    let mut theirs = theirs.iter();
    for answered in &ours {
        let framed = theirs.next();
        if answered.is_refused && (answered.is_last || framed.is_none()) {
            tally.stricter += usize::from(framed.is_some());
            return Ok(());
        }
        let Some(framed) = framed else {
            return Err(format!("hyper refuses what is {answered:?} to us"));
        };
        if framed.end != answered.end {
            return Err(format!("{framed:?} to hyper, and {answered:?} to us"));
        }
        // What is malformed to us alone has no other form to be compared with.
        if (answered.is_refused, answered.status) != (true, 400) {
            let again = answered_by_us(config, &framed.plain(), usize::MAX);
            let is_same = matches!(&again[..], [again]
                if (again.status, &again.body) == (answered.status, &answered.body));
            if !is_same {
                return Err(format!("{framed:?} to hyper: {again:?}, and not {answered:?}"));
            }
            tally.same += 1;
        }
        if answered.is_last {
            return Ok(());
        }
    }
    match theirs.next() {
        Some(framed) => Err(format!("{framed:?} to hyper, and we wait for more")),
        None => Ok(()),
    }
}

fn config() -> Arc<Config> {
    config_with(Limits::default())
}

#[test]
fn every_shape_is_the_same_to_hyper() {
    let config = config();
    let mut tally = Tally::default();
    let mut differences = Vec::new();
    for row in every_row() {
        let stream = [&row.request[..], ping("").as_bytes()].concat();
        if let Err(difference) = compare(&config, &stream, &mut tally) {
            differences.push(format!("{}: {}\n {difference}", row.section, stream.escape_ascii()));
        }
    }
    assert!(differences.is_empty(), "{tally:?}\n{}", differences.join("\n"));
    assert!(tally.same > 300 && tally.stricter > 100, "{tally:?}");
}

/// Fewer than of scripts: byte by byte, hyper takes its time.
fn cases() -> ProptestConfig {
    let config = generate::config();
    ProptestConfig { cases: config.cases.div_ceil(4), ..config }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_stream_is_framed_in_two_ways(stream in streams()) {
        let result = compare(&config(), &stream, &mut Tally::default());
        prop_assert!(result.is_ok(), "{}: {}", stream.escape_ascii(), result.unwrap_err());
    }
}

#[test]
fn most_streams_are_compared() {
    let mut runner = TestRunner::deterministic();
    let mut tally = Tally::default();
    for _ in 0..100 {
        let stream = streams().new_tree(&mut runner).expect("a stream").current();
        let _ = compare(&config(), &stream, &mut tally);
    }
    assert!(tally.same > 100 && tally.stricter > 5, "{tally:?}");
}
