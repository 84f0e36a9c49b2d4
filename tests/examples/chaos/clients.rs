//! The clients of the storm. Each returns an error of the kind `InvalidData` if it was answered
//! wrongly, and any other if it was hung up on.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mcp_proto::Revision;
use serde_json::{Value, json};
use socket2::SockRef;

use crate::common::client::{HangUp, Request, ToolCall, Wire, data_of, field};
use crate::common::random::Random;
use crate::common::session::{self, notification, request, tool_call};
use crate::common::subscription::listen;
use crate::process::wrong;
use crate::storm::Totals;

/// What a client does, and its name.
pub(crate) type Kind = (&'static str, fn(&mut Client<'_>, &mut Held) -> io::Result<()>);

pub(crate) const KINDS: &[Kind] = &[
    ("calls", calls),
    ("cut off", cuts_off),
    ("half-closes", half_closes),
    ("pipelines", pipelines),
    ("never reads", never_reads),
    ("reads slowly", reads_slowly),
    ("listens", listens),
    ("sessions", has_session),
    ("batches", batches),
    ("mutates", mutates),
    ("slow bytes", is_slow),
    ("huge bodies", is_huge),
    ("answers", answers),
    ("leaves", leaves),
    ("idle", idles),
];

const WIRES: [Wire; 2] = [Wire::Modern, Wire::Legacy];

/// How many connections a thread keeps open and does nothing with.
const HELD: usize = 8;

/// How long they are, at most: past most of the server's deadlines.
const HELD_FOR: usize = 2_500;

/// How long a client of the storm waits for an event, while it hears that somebody is still at work.
const EVENT_WITHIN: Duration = Duration::from_millis(60);

/// How long one waits for bytes that may not come.
const SOON: Duration = Duration::from_millis(50);

/// What a client that is no part of the storm waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// One thread's view of the server.
pub(crate) struct Client<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) totals: &'a Totals,
    pub(crate) random: Random,
}

impl Client<'_> {
    fn connect(&mut self) -> io::Result<TcpStream> {
        let stream = connect(self.address)?;
        self.totals.connections.fetch_add(1, Ordering::Relaxed);
        if self.random.one_in(4) {
            SockRef::from(&stream).set_recv_buffer_size(4096)?;
        }
        Ok(stream)
    }

    /// Connects and sends so many requests.
    fn send(&mut self, bytes: &[u8], requests: u64) -> io::Result<TcpStream> {
        let mut stream = self.connect()?;
        self.totals.requests.fetch_add(requests, Ordering::Relaxed);
        stream.write_all(bytes)?;
        Ok(stream)
    }

    fn post(&mut self, client: &session::Client, message: &Value) -> io::Result<Answer> {
        Answer::read(self.send(&client.post_bytes(message), 1)?)
    }

    fn hang_up(&mut self, stream: TcpStream) {
        let (how, count) = match self.random.one_in(2) {
            true => (HangUp::Fin, &self.totals.fins),
            false => (HangUp::Rst, &self.totals.resets),
        };
        count.fetch_add(1, Ordering::Relaxed);
        // It fails if the server has reset first.
        let linger = (how == HangUp::Rst).then_some(Duration::ZERO);
        let _ = SockRef::from(&stream).set_linger(linger);
    }

    fn echo(&mut self) -> ToolCall {
        let message = "x".repeat(self.random.below(2_000));
        ToolCall::new(self.random.pick(&WIRES), "echo", json!({"message": message}))
    }

    /// A request of any method, which is valid.
    fn any_request(&mut self) -> Vec<u8> {
        let wire = self.random.pick(&WIRES);
        match self.random.below(7) {
            0 => Request::new(wire, "tools/list", json!({})).sized(),
            1 => Request::new(wire, "resources/read", json!({"uri": "chaos://a"})).sized(),
            2 => Request::new(wire, "prompts/get", json!({"name": "greet"})).sized(),
            3 => listen(json!({"toolsListChanged": true})).sized(),
            4 => session::Client::new(self.address).get_bytes(),
            5 => self.echo().chunked(),
            _ => self.echo().sized(),
        }
    }

    fn steps(&mut self) -> Value {
        json!({
            "steps": 1 + self.random.below(8),
            "milliseconds": self.random.pick(&[0, 1, 30, 120]),
            "releases": self.random.one_in(2),
        })
    }
}

/// Connections with which nothing happens for a while.
#[derive(Default)]
pub(crate) struct Held {
    streams: Vec<(Instant, TcpStream)>,
}

impl Held {
    fn hold(&mut self, client: &mut Client<'_>, stream: TcpStream) {
        let time = Duration::from_millis(client.random.below(HELD_FOR) as u64);
        self.streams.push((Instant::now() + time, stream));
    }

    /// Hangs up those whose time has come, or that are too many.
    pub(crate) fn let_go(&mut self, client: &mut Client<'_>) {
        let now = Instant::now();
        while let Some(at) = self.streams.iter().position(|(until, _)| *until <= now) {
            client.hang_up(self.streams.swap_remove(at).1);
        }
        while self.streams.len() > HELD {
            let at = client.random.below(self.streams.len());
            client.hang_up(self.streams.swap_remove(at).1);
        }
    }

    /// Holds it, or hangs up at once.
    fn leave(&mut self, client: &mut Client<'_>, stream: TcpStream) {
        if client.random.one_in(2) {
            self.hold(client, stream);
        } else {
            client.hang_up(stream);
        }
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Calls a tool on a connection of its own.
pub(crate) fn call(
    address: SocketAddr,
    wire: Wire,
    tool: &'static str,
    arguments: Value,
) -> io::Result<Answer> {
    Answer::to(connect(address)?, &ToolCall::new(wire, tool, arguments))
}

/// An answer of which the head has been read.
pub(crate) struct Answer {
    status: u16,
    head: String,
    stream: BufReader<TcpStream>,
    /// What has been read of the stream and is no event yet.
    pending: String,
}

/// The id of an event, and what it carries.
struct Event {
    id: Option<String>,
    message: Option<Value>,
}

impl Answer {
    pub(crate) fn to(mut stream: TcpStream, call: &ToolCall) -> io::Result<Self> {
        stream.write_all(&call.sized())?;
        Self::read(stream)
    }

    fn read(stream: TcpStream) -> io::Result<Self> {
        Self::read_next(BufReader::new(stream))
    }

    fn read_next(mut stream: BufReader<TcpStream>) -> io::Result<Self> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.ok_or_else(|| wrong(format!("no status in {head:?}")))?;
        Ok(Self { status, head, stream, pending: String::new() })
    }

    /// The connection once more, if the server means to keep it.
    pub(crate) fn stream_to_keep(&self) -> Option<TcpStream> {
        let is_kept = field(&self.head, "connection") != Some("close");
        is_kept.then(|| self.stream.get_ref().try_clone().ok())?
    }

    fn is_stream(&self) -> bool {
        field(&self.head, "content-type") == Some("text/event-stream")
    }

    /// One chunk; the last is empty.
    fn chunk(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        if line.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let size = usize::from_str_radix(line.trim_end(), 16)
            .map_err(|_| wrong(format!("no chunk size: {line:?}")))?;
        let mut chunk = vec![0; size + 2];
        self.stream.read_exact(&mut chunk)?;
        chunk.truncate(size);
        String::from_utf8(chunk).map_err(|error| wrong(error.to_string()))
    }

    fn body(&mut self) -> io::Result<String> {
        if let Some(length) = field(&self.head, "content-length") {
            let length = length.parse().map_err(|_| wrong(format!("length {length:?}")))?;
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body)?;
            return String::from_utf8(body).map_err(|error| wrong(error.to_string()));
        }
        let mut body = String::new();
        loop {
            match self.chunk()? {
                chunk if chunk.is_empty() => return Ok(body),
                chunk => body += &chunk,
            }
        }
    }

    /// The last message of a stream, or the only one.
    fn message(&mut self) -> io::Result<Value> {
        let body = self.body()?;
        let json = if self.is_stream() { data_of(&body).last() } else { Some(&*body) };
        serde_json::from_str(json.unwrap_or_default()).map_err(|_| wrong(format!("{body:?}")))
    }

    /// The text that a tool has returned.
    pub(crate) fn text(mut self) -> io::Result<String> {
        let message = self.message()?;
        let text = message["result"]["content"][0]["text"].as_str();
        text.map(str::to_owned).ok_or_else(|| wrong(format!("{} {message}", self.status)))
    }

    /// The next event of a stream, if it comes in time, behind any number of comments.
    fn event(&mut self) -> io::Result<Option<Event>> {
        let begun = Instant::now();
        while begun.elapsed() < EVENT_WITHIN {
            let Some((block, rest)) = self.pending.split_once("\n\n") else {
                match self.chunk()? {
                    chunk if chunk.is_empty() => return Ok(None),
                    chunk => self.pending += &chunk,
                }
                continue;
            };
            let value = |name| block.lines().find_map(|line| line.strip_prefix(name));
            let id = value("id: ").map(str::to_owned);
            let message = value("data: ").map(serde_json::from_str).transpose();
            let message = message.map_err(|_| wrong(format!("{block:?}")))?;
            let is_comment = block.starts_with(':');
            self.pending = rest.to_owned();
            if !is_comment {
                return Ok(Some(Event { id, message }));
            }
        }
        Ok(None)
    }

    fn into_stream(self) -> TcpStream {
        self.stream.into_inner()
    }
}

fn calls(client: &mut Client<'_>, _: &mut Held) -> io::Result<()> {
    let call = client.echo();
    let bytes = if client.random.one_in(2) { call.sized() } else { call.chunked() };
    let stream = client.send(&bytes, 1)?;
    check_echo(&call, Answer::read(stream)?)
}

fn check_echo(call: &ToolCall, answer: Answer) -> io::Result<()> {
    let text = answer.text()?;
    match call.arguments["message"] == json!(text) {
        true => Ok(()),
        false => Err(wrong(format!("{} is answered {text:?}", call.arguments))),
    }
}

fn cuts_off(client: &mut Client<'_>, held: &mut Held) -> io::Result<()> {
    let request = client.any_request();
    let end = client.random.below(request.len());
    let stream = client.send(&request[..end], 0)?;
    held.leave(client, stream);
    Ok(())
}

fn half_closes(client: &mut Client<'_>, held: &mut Held) -> io::Result<()> {
    let mut call = client.echo();
    // Where that is no reason not to be answered.
    let is_half = client.random.one_in(2);
    if is_half {
        call.path = "/half";
    }
    let request = call.sized();
    let is_whole = client.random.one_in(2);
    let end = if is_whole { request.len() } else { client.random.below(request.len()) };
    let stream = client.send(&request[..end], 1)?;
    stream.shutdown(Shutdown::Write)?;
    if client.random.one_in(4) {
        held.leave(client, stream);
        return Ok(());
    }
    let answer = Answer::read(stream);
    // The blocking example has nothing there.
    if is_half && is_whole && !answer.as_ref().is_ok_and(|answer| answer.status == 404) {
        return check_echo(&call, answer?);
    }
    Ok(())
}

fn pipelines(client: &mut Client<'_>, held: &mut Held) -> io::Result<()> {
    let calls: Vec<_> = (0..1 + client.random.below(8)).map(|_| client.echo()).collect();
    let mut bytes: Vec<u8> = calls.iter().flat_map(ToolCall::sized).collect();
    if client.random.one_in(2) {
        let cut = client.any_request();
        bytes.extend_from_slice(&cut[..client.random.below(cut.len())]);
    }
    let mut stream = BufReader::new(client.send(&bytes, calls.len() as u64)?);
    for call in &calls {
        if client.random.one_in(10) {
            break;
        }
        let mut answer = Answer::read_next(stream)?;
        let message = answer.message()?;
        if message["result"]["content"][0]["text"] != call.arguments["message"] {
            return Err(wrong(format!("{} is answered {message}", call.arguments)));
        }
        stream = answer.stream;
    }
    held.leave(client, stream.into_inner());
    Ok(())
}

fn big(client: &mut Client<'_>) -> ToolCall {
    let kib = client.random.pick(&[100, 1024, 4096]);
    ToolCall::new(client.random.pick(&WIRES), "big", json!({"kib": kib}))
}

fn never_reads(client: &mut Client<'_>, held: &mut Held) -> io::Result<()> {
    let count = 1 + client.random.below(3);
    // The blocking example returns no more than it is sent.
    let echo = ToolCall::new(Wire::Modern, "echo", json!({"message": "x".repeat(200 * 1024)}));
    let calls: Vec<u8> = (0..count)
        .flat_map(|_| if client.random.one_in(3) { echo.sized() } else { big(client).sized() })
        .collect();
    let mut stream = client.connect()?;
    client.totals.requests.fetch_add(count as u64, Ordering::Relaxed);
    // It may be that nobody reads that.
    stream.set_write_timeout(Some(Duration::from_millis(100)))?;
    let sent = stream.write_all(&calls);
    held.hold(client, stream);
    sent
}

fn reads_slowly(client: &mut Client<'_>, held: &mut Held) -> io::Result<()> {
    let bytes = big(client).sized();
    let mut stream = client.send(&bytes, 1)?;
    stream.set_read_timeout(Some(SOON))?;
    let mut buffer = [0; 8 * 1024];
    for _ in 0..client.random.below(40) {
        if stream.read(&mut buffer)? == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    held.leave(client, stream);
    Ok(())
}

fn listens(client: &mut Client<'_>, held: &mut Held) -> io::Result<()> {
    let filter = json!({"toolsListChanged": true, "resourceSubscriptions": ["chaos://a"]});
    let bytes = listen(filter).sized();
    let mut answer = Answer::read(client.send(&bytes, 1)?)?;
    // No more fit in, or the blocking example has nothing to listen to.
    if answer.is_stream() {
        for _ in 0..client.random.below(20) {
            answer.event()?;
        }
    }
    held.leave(client, answer.into_stream());
    Ok(())
}

/// A client with a session, if there is room for another.
fn begin(client: &mut Client<'_>, revision: Revision) -> io::Result<Option<session::Client>> {
    let stranger = session::Client { revision, ..session::Client::new(client.address) };
    let answer = client.post(&stranger, &stranger.introduction())?;
    if ![200, 503].contains(&answer.status) {
        return Err(wrong(answer.head));
    }
    let session = field(&answer.head, "mcp-session-id").map(str::to_owned);
    Ok(session.map(|id| session::Client { session: Some(id), ..stranger }))
}

fn has_session(client: &mut Client<'_>, held: &mut Held) -> io::Result<()> {
    let revision = client.random.pick(&session::REVISIONS);
    let Some(owner) = begin(client, revision)? else {
        return Ok(());
    };
    client.post(&owner, &notification("notifications/initialized", json!({})))?;
    for _ in 0..client.random.below(12) {
        match client.random.below(8) {
            0 | 1 => {
                let steps = client.steps();
                let answer = client.post(&owner, &tool_call(json!(1), "steps", steps))?;
                follow(client, held, &owner, answer)?;
            }
            2 | 3 => {
                let answer = client.post(&owner, &tool_call(json!(1), "ask", json!({})))?;
                follow(client, held, &owner, answer)?;
            }
            4 => {
                let stream = client.send(&owner.get_bytes(), 1)?;
                let answer = Answer::read(stream)?;
                follow(client, held, &owner, answer)?;
            }
            5 => {
                let method = client.random.pick(&["resources/subscribe", "resources/unsubscribe"]);
                let params = json!({"uri": "chaos://a"});
                client.post(&owner, &request(json!(2), method, params))?;
            }
            6 => {
                let level = client.random.pick(&["debug", "error"]);
                let params = json!({"level": level});
                client.post(&owner, &request(json!(3), "logging/setLevel", params))?;
            }
            _ => {
                let message = json!({"message": "in a session"});
                let answer = client.post(&owner, &tool_call(json!(4), "echo", message))?;
                // Others may have needed the room.
                if answer.status != 404 && answer.text()? != "in a session" {
                    return Err(wrong("it is not what was to be echoed"));
                }
            }
        }
    }
    if client.random.one_in(2) {
        let id = owner.session.as_deref().unwrap_or_default();
        let delete =
            format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: {id}\r\n\r\n");
        let answer = Answer::read(client.send(delete.as_bytes(), 1)?)?;
        if ![200, 204, 404].contains(&answer.status) {
            return Err(wrong(answer.head));
        }
    }
    Ok(())
}

/// Reads some events, answers questions or does not, cancels, and perhaps goes away and comes back.
fn follow(
    client: &mut Client<'_>,
    held: &mut Held,
    owner: &session::Client,
    mut answer: Answer,
) -> io::Result<()> {
    for _ in 0..4 {
        if !answer.is_stream() {
            return Ok(());
        }
        let mut last_id = None;
        let mut is_over = false;
        for _ in 0..client.random.below(8) {
            let Some(event) = answer.event()? else {
                break;
            };
            last_id = event.id.or(last_id);
            let Some(message) = event.message else { continue };
            is_over |= message.get("method").is_none();
            if message["method"] == json!("elicitation/create") {
                respond(client, owner, &message["id"])?;
            }
        }
        held.leave(client, answer.into_stream());
        if is_over || client.random.one_in(3) {
            return Ok(());
        }
        let fields = last_id.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let returned = session::Client { fields, ..owner.clone() };
        answer = Answer::read(client.send(&returned.get_bytes(), 1)?)?;
        if ![200, 400, 404].contains(&answer.status) {
            return Err(wrong(answer.head));
        }
    }
    Ok(())
}

fn respond(client: &mut Client<'_>, owner: &session::Client, id: &Value) -> io::Result<()> {
    let message = match client.random.below(5) {
        0 => notification("notifications/cancelled", json!({"requestId": 1})),
        1 => json!({"jsonrpc": "2.0", "id": id, "error": {"code": 1, "message": "no"}}),
        2 => json!({"jsonrpc": "2.0", "id": "nobody's", "result": {}}),
        3 => return Ok(()),
        _ => {
            let result = json!({"action": "accept", "content": {"name": "Ann"}});
            json!({"jsonrpc": "2.0", "id": id, "result": result})
        }
    };
    let answer = client.post(owner, &message)?;
    match answer.status {
        202 | 400 | 404 => Ok(()),
        _ => Err(wrong(answer.head)),
    }
}

fn batches(client: &mut Client<'_>, held: &mut Held) -> io::Result<()> {
    let Some(owner) = begin(client, Revision::V2025_03_26)? else {
        return Ok(());
    };
    let calls = (0..1 + client.random.below(6)).map(|id| match client.random.below(5) {
        0 => tool_call(json!(id), "steps", client.steps()),
        1 => tool_call(json!(id), "ask", json!({})),
        2 => notification("notifications/cancelled", json!({"requestId": client.random.below(6)})),
        3 => json!(7),
        _ => tool_call(json!(id), "echo", json!({"message": "in a batch"})),
    });
    let batch = Value::Array(calls.collect());
    let stream = client.send(&owner.post_bytes(&batch), 1)?;
    if client.random.one_in(3) {
        held.leave(client, stream);
        return Ok(());
    }
    let answer = Answer::read(stream)?;
    follow(client, held, &owner, answer)
}

fn mutates(client: &mut Client<'_>, held: &mut Held) -> io::Result<()> {
    let mut request = client.any_request();
    for _ in 0..1 + client.random.below(4) {
        let at = client.random.below(request.len());
        match client.random.below(4) {
            0 if request.len() > 1 => drop(request.remove(at)),
            1 => request.insert(at, client.random.pick(b"\r\n\0 :\"{}[],\\x\xff")),
            2 => request.truncate(at.max(1)),
            _ => request[at] = client.random.below(256) as u8,
        }
    }
    let mut stream = client.send(&request, 1)?;
    stream.set_read_timeout(Some(SOON))?;
    // Whatever it is: there may be an answer to that, or not.
    let answered = stream.read(&mut [0; 4096]);
    held.leave(client, stream);
    answered.map(drop)
}

fn is_slow(client: &mut Client<'_>, held: &mut Held) -> io::Result<()> {
    let call = client.echo();
    let request = call.sized();
    let mut stream = client.connect()?;
    client.totals.requests.fetch_add(1, Ordering::Relaxed);
    let pieces = 5 + client.random.below(60);
    for piece in request.chunks(request.len().div_ceil(pieces)) {
        stream.write_all(piece)?;
        std::thread::sleep(Duration::from_millis(client.random.below(5) as u64));
        if client.random.one_in(200) {
            held.leave(client, stream);
            return Ok(());
        }
    }
    check_echo(&call, Answer::read(stream)?)
}

fn is_huge(client: &mut Client<'_>, held: &mut Held) -> io::Result<()> {
    let head = match client.random.below(3) {
        0 => format!("Content-Length: {}\r\n\r\n", 1_usize << (20 + client.random.below(40))),
        1 => "Transfer-Encoding: chunked\r\n\r\n6000000\r\n".into(),
        _ => format!("X-Huge: {}", "x".repeat(60 * 1024)),
    };
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{head}"
    );
    let mut stream = client.send(head.as_bytes(), 1)?;
    let block = vec![b' '; 64 * 1024];
    for _ in 0..client.random.below(100) {
        stream.write_all(&block)?;
    }
    if client.random.one_in(2) {
        held.leave(client, stream);
        return Ok(());
    }
    let answer = Answer::read(stream)?;
    match answer.status {
        // Where as much is allowed, it makes no sense.
        400 | 408 | 413 | 431 => Ok(()),
        _ => Err(wrong(answer.head)),
    }
}

/// Answers a question of 2026-07-28, which is another call.
fn answers(client: &mut Client<'_>, _: &mut Held) -> io::Result<()> {
    let capabilities = json!({"elicitation": {"form": {}}});
    let meta = json!({"io.modelcontextprotocol/clientCapabilities": capabilities});
    let ask = |more: Value| {
        let mut params = json!({"name": "ask", "arguments": {}, "_meta": meta});
        let more = more.as_object().into_iter().flatten();
        more.for_each(|(name, value)| params[name] = value.clone());
        Request::new(Wire::Modern, "tools/call", params).sized()
    };
    let asked = Answer::read(client.send(&ask(json!({})), 1)?)?.message()?;
    if asked["result"]["resultType"] != json!("input_required") {
        // The blocking example knows no such tool.
        return Ok(());
    }
    let mut rest = json!({
        "inputResponses": {"name": {"action": "accept", "content": {"name": "Ann"}}},
    });
    if let Some(state) = asked["result"]["requestState"].as_str() {
        rest["requestState"] = json!(state);
    }
    let is_forged = client.random.one_in(3);
    if is_forged {
        rest["requestState"] = json!("forged");
    }
    let mut answer = Answer::read(client.send(&ask(rest), 1)?)?;
    let message = answer.message()?;
    let text = &message["result"]["content"][0]["text"];
    match (is_forged, text.as_str()) {
        (true, None) | (false, Some("Ann")) => Ok(()),
        _ => Err(wrong(format!("forged: {is_forged}, {message}"))),
    }
}

fn leaves(client: &mut Client<'_>, held: &mut Held) -> io::Result<()> {
    let steps = client.steps();
    let bytes = ToolCall::new(client.random.pick(&WIRES), "steps", steps).sized();
    let mut stream = client.send(&bytes, 1)?;
    stream.set_read_timeout(Some(SOON))?;
    let mut buffer = [0; 512];
    for _ in 0..client.random.below(6) {
        if stream.read(&mut buffer)? == 0 {
            break;
        }
    }
    held.leave(client, stream);
    Ok(())
}

fn idles(client: &mut Client<'_>, held: &mut Held) -> io::Result<()> {
    let stream = client.connect()?;
    held.hold(client, stream);
    Ok(())
}
