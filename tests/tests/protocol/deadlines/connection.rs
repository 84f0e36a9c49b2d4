//! The deadlines of one connection.

use std::sync::Arc;
use std::time::Duration;

use mcp_proto::{
    CallKey, CallToolResult, Config, Deadlines, Event, Input, Instant, LineSession, Lost,
    Notification, Output, PeerClosed, Principal, Progress, Refusal, Reply,
};
use mcp_tests::peer::{CALL, PING, Peer, begin_chunks, config, post};

use super::{AGES, TICK, seconds};

/// All different, so that none passes for another.
const DEADLINES: Deadlines = Deadlines {
    head: seconds(11),
    authorization: seconds(2),
    body: seconds(13),
    idle: seconds(17),
    write_stall: seconds(19),
    input_end: seconds(23),
    drain: seconds(3),
    stream_after: seconds(5),
    keep_alive: seconds(7),
};

/// Some time after the clock began.
fn start() -> Instant {
    Instant::from_micros(0) + AGES
}

fn with(deadlines: Deadlines) -> Arc<Config> {
    let mut config = config(false);
    config.deadlines = deadlines;
    Arc::new(config)
}

fn peer() -> Peer {
    Peer::new(&with(DEADLINES), start())
}

fn deaf() -> Peer {
    Peer::deaf(&with(DEADLINES), start())
}

/// All that can be seen of a connection.
fn state(peer: &Peer) -> String {
    let keys: Vec<_> = peer.calls.iter().map(|call| call.key()).collect();
    let out = (peer.session.transmit(), &peer.events, &peer.ended, keys);
    format!("{:?} {out:?} {} {:?}", peer.session, peer.has_fin, peer.session.poll_timeout())
}

/// The next deadline is that far away. Nothing happens up to a microsecond before, whoever looks
/// at the clock; then it is reached.
#[track_caller]
fn reach(peer: &mut Peer, time: Duration) {
    assert_eq!(peer.session.poll_timeout(), Some(peer.now + time));
    assert!(peer.bytes().is_empty(), "the peer has something to read");
    let before = state(peer);
    peer.handle(Input::Timeout);
    peer.wake_after(time / 2);
    peer.wake_after(time - time / 2 - TICK);
    assert_eq!(state(peer), before, "too early");
    assert!(peer.bytes().is_empty());
    peer.wake_after(TICK);
    assert_ne!(state(peer), before, "nothing happens");
}

/// The peer sends one byte a second of `bytes`, of which it has more than time.
fn trickle(peer: &mut Peer, bytes: &[u8], time: Duration) {
    for byte in bytes.iter().take(time.as_secs() as usize) {
        peer.wake_after(seconds(1));
        peer.send(&[*byte]);
    }
}

#[track_caller]
fn is_refused(peer: &mut Peer, refusal: Refusal) {
    let responses = peer.responses("ping").finals;
    assert_eq!(responses.len(), 1);
    assert_eq!((responses[0].status, responses[0].closes()), (408, true));
    assert!(responses[0].messages()[0].contains("did not arrive in time"));
    assert_eq!(peer.refusals(), [refusal]);
    assert!(peer.has_fin && !peer.is_closed, "it has time to read that");
    reach(peer, DEADLINES.drain);
    assert!(peer.is_closed);
    assert_eq!(peer.session.poll_timeout(), None);
}

fn serve(peer: &mut Peer) {
    peer.send(&post("", PING));
    assert_eq!(peer.statuses("ping"), [200]);
}

fn call(peer: &mut Peer, fields: &str) -> CallKey {
    peer.send(&post(fields, CALL));
    peer.calls.pop().expect("a call").key()
}

fn done() -> Reply {
    Reply::Tool(CallToolResult::text("done"))
}

fn progress(peer: &mut Peer, key: CallKey, progress: f64) {
    peer.notify(key, Notification::Progress(Progress::new(progress)));
}

#[track_caller]
fn is_lost(peer: &Peer, stage: Lost) {
    let lost = |event: &Event| match event {
        Event::RequestLost(lost) => Some(lost.stage),
        _ => None,
    };
    assert_eq!(peer.events.iter().filter_map(lost).collect::<Vec<_>>(), [stage]);
}

#[test]
fn head() {
    let request = post("", PING);
    let mut peer = peer();
    peer.pass(seconds(16));
    peer.send(&request[..1]);
    reach(&mut peer, DEADLINES.head);
    is_refused(&mut peer, Refusal::SlowHead);

    // It is from the first byte, of whichever request, and no byte after that gives more time.
    let mut peer = self::peer();
    serve(&mut peer);
    peer.pass(seconds(16));
    peer.send(b"\r\nP");
    trickle(&mut peer, &request[1..], seconds(10));
    reach(&mut peer, seconds(1));
    is_refused(&mut peer, Refusal::SlowHead);

    // One that had to wait is looked at when the one before it is answered.
    let mut peer = self::peer();
    let key = call(&mut peer, "Accept: application/json\r\n");
    peer.send(&request[..9]);
    assert_eq!(peer.session.poll_timeout(), None);
    peer.pass(AGES);
    peer.reply(key, done());
    assert_eq!(peer.statuses("tools/call"), [200]);
    reach(&mut peer, DEADLINES.head);
    is_refused(&mut peer, Refusal::SlowHead);

    // A head that comes in time is all right, be it with its last byte.
    let mut peer = self::peer();
    peer.send(&request[..9]);
    peer.wake_after(DEADLINES.head - TICK);
    peer.send(&request[9..]);
    assert_eq!(peer.statuses("ping"), [200]);
}

#[test]
fn body() {
    let request = post("", PING);
    let (head, body) = request.split_at(request.len() - PING.len());
    for (head, body, continues) in [
        (head.to_vec(), body.to_vec(), 0),
        (begin_chunks(), b"1;some=extensions\r\n{\r\n".to_vec(), 0),
        (post("Expect: 100-continue\r\n", PING)[..head.len() + 22].to_vec(), vec![], 1),
    ] {
        // However the head comes.
        let mut peer = peer();
        peer.send(&head[..1]);
        peer.pass(seconds(10));
        peer.send(&head[1..]);
        assert_eq!(peer.responses("ping").interim, continues);
        reach(&mut peer, DEADLINES.body);
        is_refused(&mut peer, Refusal::SlowBody);

        let mut peer = self::peer();
        peer.send(&head);
        assert_eq!(peer.responses("ping").interim, continues);
        let begun = peer.now;
        trickle(&mut peer, &body, seconds(12));
        let passed = peer.now.saturating_since(begun);
        reach(&mut peer, DEADLINES.body - passed);
        is_refused(&mut peer, Refusal::SlowBody);
    }

    let mut peer = peer();
    peer.send(head);
    peer.wake_after(DEADLINES.body - TICK);
    peer.send(body);
    assert_eq!(peer.statuses("ping"), [200]);
}

#[test]
fn idle() {
    // A connection on which nothing ever comes, and one on which nothing more comes.
    let mut peer = peer();
    reach(&mut peer, DEADLINES.idle);
    assert!(peer.is_closed && peer.events.is_empty() && peer.bytes().is_empty());
    let mut peer = self::peer();
    peer.pass(seconds(16));
    serve(&mut peer);
    reach(&mut peer, DEADLINES.idle);
    assert!(peer.is_closed && peer.events.is_empty());

    // Empty lines are no request, nor is half of one.
    let mut peer = self::peer();
    trickle(&mut peer, b"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r", seconds(15));
    reach(&mut peer, seconds(2));
    assert!(peer.is_closed && peer.events.is_empty());

    // A call is not idle, whatever it takes; time begins when its answer is written.
    let mut peer = self::peer();
    let key = call(&mut peer, "Accept: application/json\r\n");
    assert_eq!(peer.session.poll_timeout(), None);
    peer.wake_after(AGES);
    peer.reads = false;
    peer.reply(key, done());
    peer.wake_after(seconds(16));
    peer.read(usize::MAX);
    assert_eq!(peer.statuses("tools/call"), [200]);
    reach(&mut peer, DEADLINES.idle);
    assert!(peer.is_closed && peer.events.is_empty());
}

#[test]
fn write_stall() {
    // Who never reads its answer has gone, though others might still see it send.
    let mut peer = deaf();
    let key = call(&mut peer, "");
    peer.wake_after(seconds(4));
    peer.reply(key, done());
    reach_unread(&mut peer, DEADLINES.write_stall);
    is_lost(&peer, Lost::InResponse);

    // Each byte that it reads gives it more time. One that it sends does not.
    let mut peer = deaf();
    let key = call(&mut peer, "");
    peer.reply(key, done());
    for _ in 0..100 {
        peer.wake_after(DEADLINES.write_stall - TICK);
        assert_eq!(peer.read(1), 1);
    }
    peer.wake_after(seconds(18));
    peer.send(b"P");
    reach_unread(&mut peer, seconds(1));
    let lost: Vec<_> = peer.events.iter().map(|event| format!("{event:?}")).collect();
    assert!(lost[0].contains("InResponse") && lost[1].contains("InHead"), "{lost:?}");

    // In a call, whose work goes on as for anybody who leaves; nothing more is sent meanwhile.
    let mut peer = deaf();
    let key = call(&mut peer, "");
    progress(&mut peer, key, 1.0);
    reach_unread(&mut peer, DEADLINES.write_stall);
    is_lost(&peer, Lost::InCall);
    assert_eq!(peer.ended, [key]);

    // What is said by then does not give it more time.
    let mut peer = deaf();
    let key = call(&mut peer, "");
    progress(&mut peer, key, 1.0);
    peer.pass(seconds(18));
    progress(&mut peer, key, 2.0);
    reach_unread(&mut peer, seconds(1));
    assert_eq!(peer.ended, [key]);

    // Of who is refused nothing is lost.
    let mut peer = deaf();
    peer.send(b"nonsense\r\n\r\n");
    let refused = peer.events.len();
    reach_unread(&mut peer, DEADLINES.write_stall);
    assert_eq!(peer.events.len(), refused);

    // Who does not even read that it may go on, and has more time for its body.
    let mut peer = Peer::deaf(&with(Deadlines { body: AGES, ..DEADLINES }), start());
    let request = post("Expect: 100-continue\r\n", PING);
    peer.send(&request[..request.len() - PING.len()]);
    reach_unread(&mut peer, DEADLINES.write_stall);
    is_lost(&peer, Lost::InBody);
}

/// The same as [`reach`], where the peer does not read and is gone in the end.
#[track_caller]
fn reach_unread(peer: &mut Peer, time: Duration) {
    peer.bytes();
    reach(peer, time);
    assert!(peer.is_closed && peer.session.transmit().is_empty());
}

#[test]
fn drain() {
    let mut peer = peer();
    peer.send(b"nonsense\r\n\r\n");
    assert_eq!(peer.statuses("ping"), [400]);
    assert!(peer.has_fin);
    // A peer that goes on sending has no more time than one that does not.
    trickle(&mut peer, b"on and on", seconds(2));
    reach(&mut peer, seconds(1));
    assert!(peer.is_closed);

    // It begins when the answer is written.
    let mut peer = deaf();
    peer.send(b"nonsense\r\n\r\n");
    peer.wake_after(seconds(18));
    assert!(!peer.has_fin);
    peer.read(usize::MAX);
    peer.bytes();
    reach(&mut peer, DEADLINES.drain);
    assert!(peer.is_closed);
}

#[test]
fn stream_after() {
    let mut peer = peer();
    let key = call(&mut peer, "");
    // A request behind it changes nothing.
    peer.pass(seconds(1));
    peer.send(&post("", PING));
    reach(&mut peer, seconds(4));
    let text = String::from_utf8(peer.bytes()).unwrap();
    assert!(text.contains("\r\nContent-Type: text/event-stream\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\ne\r\n: keep-alive\n\n\r\n"), "{text}");
    peer.reply(key, done());
    assert!(String::from_utf8(peer.bytes()).unwrap().contains("data: {"));

    // Who takes no events, or has its answer by then, gets JSON.
    let mut peer = self::peer();
    let key = call(&mut peer, "");
    peer.wake_after(DEADLINES.stream_after - TICK);
    peer.reply(key, done());
    let responses = peer.responses("tools/call").finals;
    assert_eq!(responses[0].field("content-type"), Some("application/json"));
    let key = call(&mut peer, "Accept: application/json\r\n");
    assert_eq!(peer.session.poll_timeout(), None);
    peer.wake_after(AGES);
    peer.reply(key, done());
    assert_eq!(peer.statuses("tools/call"), [200]);
}

#[test]
fn keep_alive() {
    const COMMENT: &[u8] = b"e\r\n: keep-alive\n\n\r\n";
    let mut peer = peer();
    let key = call(&mut peer, "");
    progress(&mut peer, key, 1.0);
    peer.bytes();
    for _ in 0..3 {
        reach(&mut peer, DEADLINES.keep_alive);
        assert_eq!(peer.bytes(), COMMENT);
    }
    // Whatever is said is as good as a comment; what the client sends is not.
    peer.pass(seconds(6));
    progress(&mut peer, key, 2.0);
    peer.bytes();
    peer.pass(seconds(6));
    peer.send(b"P");
    reach(&mut peer, seconds(1));
    assert_eq!(peer.bytes(), COMMENT);
    // A connection on which something waits is not silent. When it is read, a comment may be due.
    peer.reads = false;
    progress(&mut peer, key, 3.0);
    let waiting = peer.session.transmit().to_vec();
    peer.wake_after(seconds(18));
    assert_eq!(peer.session.transmit(), waiting);
    peer.read(usize::MAX);
    assert_eq!(peer.bytes(), waiting);
    peer.reads = true;
    peer.handle(Input::Timeout);
    assert_eq!(peer.bytes(), COMMENT);
    peer.reply(key, done());
}

#[test]
fn a_shutdown_has_its_own() {
    let shut_down = |peer: &mut Peer| {
        // Of two, the earlier counts.
        peer.handle(Input::Shutdown(peer.now + seconds(2)));
        peer.handle(Input::Shutdown(peer.now + seconds(4)));
    };
    let mut peer = peer();
    shut_down(&mut peer);
    assert!(peer.is_closed, "it was idle");

    // In a call: it is cut, and says so.
    let mut peer = self::peer();
    let key = call(&mut peer, "Accept: application/json\r\n");
    shut_down(&mut peer);
    reach(&mut peer, seconds(2));
    assert_eq!(peer.ended, [key]);
    let responses = peer.responses("tools/call").finals;
    assert!(responses[0].messages()[0].contains("shutting down"));
    assert!(responses[0].closes() && peer.has_fin);
    reach(&mut peer, DEADLINES.drain);
    assert!(peer.is_closed);

    // In a head or a body, which trickle.
    for sent in [&post("", PING)[..9], &begin_chunks()] {
        let mut peer = self::peer();
        peer.send(sent);
        shut_down(&mut peer);
        trickle(&mut peer, b"1", seconds(1));
        reach(&mut peer, seconds(1));
        assert!(peer.is_closed);
    }

    // A response that nobody reads gets as long again as who was refused.
    let mut peer = deaf();
    let key = call(&mut peer, "");
    shut_down(&mut peer);
    peer.pass(seconds(1));
    peer.reply(key, done());
    reach_unread(&mut peer, seconds(1) + DEADLINES.drain);

    // One that has passed means now.
    let mut peer = self::peer();
    let key = call(&mut peer, "");
    peer.handle(Input::Shutdown(Instant::from_micros(0)));
    assert_eq!(peer.ended, [key]);
}

/// A connection in each state, what it is about to do, and how far away that is.
fn states() -> Vec<(&'static str, Peer, Duration)> {
    let mut in_head = peer();
    in_head.send(b"P");
    let mut in_body = peer();
    in_body.send(&begin_chunks());
    let mut in_call = peer();
    call(&mut in_call, "");
    let mut in_stream = peer();
    let key = call(&mut in_stream, "");
    progress(&mut in_stream, key, 1.0);
    let mut in_flush = deaf();
    in_flush.send(&post("", PING));
    let mut in_drain = peer();
    in_drain.send(b"nonsense\r\n\r\n");
    let mut states = vec![
        ("idle", peer(), DEADLINES.idle),
        ("head", in_head, DEADLINES.head),
        ("body", in_body, DEADLINES.body),
        ("call", in_call, DEADLINES.stream_after),
        ("stream", in_stream, DEADLINES.keep_alive),
        ("flush", in_flush, DEADLINES.write_stall),
        ("drain", in_drain, DEADLINES.drain),
    ];
    states.iter_mut().for_each(|(_, peer, _)| drop(peer.bytes()));
    states
}

#[test]
fn false_alarms_change_nothing() {
    for (_, mut peer, time) in states() {
        (0..1000).for_each(|_| peer.handle(Input::Timeout));
        reach(&mut peer, time);
    }
}

/// Each state does once what it would have done, and the next deadline is as far away as ever.
#[test]
fn a_clock_that_jumps_ahead_is_late() {
    for (name, mut peer, time) in states() {
        let mut on_time = states().into_iter().find(|(other, ..)| *other == name).unwrap().1;
        on_time.wake_after(time);
        peer.wake_after(AGES);
        assert_eq!(peer.bytes(), on_time.bytes(), "{name}");
        assert_eq!(peer.is_closed, on_time.is_closed, "{name}");
        assert_eq!(format!("{:?}", peer.events), format!("{:?}", on_time.events));
        let left = |peer: &Peer| Some(peer.session.poll_timeout()?.saturating_since(peer.now));
        assert_eq!(left(&peer), left(&on_time), "{name}");
    }
    // There is an end of time, at which everything is due that ever will be.
    for (name, mut peer, _) in states() {
        peer.now = Instant::from_micros(u64::MAX);
        (0..10).for_each(|_| peer.handle(Input::Timeout));
        assert_eq!(peer.is_closed, !["call", "stream"].contains(&name), "{name}");
    }
}

#[test]
fn authorization() {
    let gated = || {
        let mut config = config(false);
        config.deadlines = DEADLINES;
        config.endpoints[0].requires_authorization = true;
        Peer::new(&Arc::new(config), start())
    };
    let slow = |peer: &mut Peer, closes: bool| {
        let responses = peer.responses("ping").finals;
        assert_eq!((responses.len(), responses[0].status), (1, 503));
        assert_eq!(responses[0].closes(), closes);
        assert_eq!(peer.refusals(), [Refusal::SlowAuthorization]);
        assert!(peer.waiting.is_empty(), "that it does not matter any more was said");
        assert!(peer.calls.is_empty());
    };
    // It is from the end of the head, and no byte after that gives more time.
    let request = post("Expect: 100-continue\r\n", PING);
    let head = request.len() - PING.len();
    let mut peer = gated();
    peer.send(&request[..head]);
    let key = peer.waiting[0].key();
    peer.wake_after(seconds(1));
    peer.send(PING.as_bytes());
    reach(&mut peer, seconds(1));
    slow(&mut peer, true);
    // What comes too late is nothing.
    let before = state(&peer);
    peer.handle(Input::Authorized(key, Ok(Principal::new("somebody"))));
    assert_eq!(state(&peer), before);

    // With no body to come, the connection stays.
    let mut peer = gated();
    peer.send(&post("", ""));
    reach(&mut peer, DEADLINES.authorization);
    slow(&mut peer, false);

    // The time for the body begins when the request is let in.
    let mut peer = gated();
    peer.send(&request[..head]);
    let key = peer.waiting.pop().unwrap().key();
    peer.wake_after(seconds(2) - TICK);
    peer.handle(Input::Authorized(key, Ok(Principal::new("somebody"))));
    assert_eq!(peer.bytes(), b"HTTP/1.1 100 Continue\r\n\r\n");
    reach(&mut peer, DEADLINES.body);
    is_refused(&mut peer, Refusal::SlowBody);
}

/// Line by line only: over HTTP, who has closed its half has left.
#[test]
fn input_end() {
    let mut session = LineSession::new(with(DEADLINES));
    session.handle(start().into(), Input::Bytes(format!("{CALL}\n").as_bytes()));
    let Some(Output::Call(call)) = session.poll_output() else { panic!("no call") };
    assert_eq!(session.poll_timeout(), None, "its input is open");
    session.handle(start().into(), Input::PeerClosed(PeerClosed::Fin));
    let end = start() + DEADLINES.input_end;
    assert_eq!(session.poll_timeout(), Some(end));

    session.handle((start() + (DEADLINES.input_end - TICK)).into(), Input::Timeout);
    assert!(session.poll_output().is_none() && session.transmit().is_empty(), "too early");
    session.handle(end.into(), Input::Timeout);
    let ended = session.poll_output();
    assert!(matches!(ended, Some(Output::Cancelled(key)) if key == call.key()), "{ended:?}");
    let answer = String::from_utf8_lossy(session.transmit()).into_owned();
    assert!(answer.contains(r#""id":1"#) && answer.contains("has closed its input"), "{answer}");
    assert_eq!(session.poll_timeout(), Some(end + DEADLINES.write_stall));
    session.handle(end.into(), Input::Written(answer.len()));
    assert!(matches!(session.poll_output(), Some(Output::Close)));
}

#[test]
fn a_clock_that_is_set_back_makes_deadlines_late() {
    for (name, mut peer, time) in states() {
        let (now, before) = (peer.now, state(&peer));
        peer.now = Instant::from_micros(0);
        (0..3).for_each(|_| peer.handle(Input::Timeout));
        peer.now = Instant::from_micros(0) + time;
        peer.handle(Input::Timeout);
        assert_eq!(state(&peer), before, "{name}");
        peer.now = now;
        reach(&mut peer, time);
    }
    // What begins then is on time.
    let mut peer = peer();
    peer.now = Instant::from_micros(0);
    peer.send(b"P");
    reach(&mut peer, DEADLINES.head);
    is_refused(&mut peer, Refusal::SlowHead);
}

#[test]
fn for_ever_is_for_ever() {
    let deadlines = Deadlines {
        head: Duration::MAX,
        authorization: Duration::MAX,
        body: Duration::MAX,
        idle: Duration::MAX,
        write_stall: Duration::MAX,
        input_end: Duration::MAX,
        drain: Duration::MAX,
        stream_after: Duration::MAX,
        keep_alive: Duration::MAX,
    };
    let mut peer = Peer::new(&with(deadlines), start());
    for piece in [&post("", CALL)[..9], &post("", CALL)[9..200], &post("", CALL)[200..]] {
        peer.wake_after(AGES);
        peer.send(piece);
    }
    peer.wake_after(AGES);
    let key = peer.calls[0].key();
    progress(&mut peer, key, 1.0);
    peer.wake_after(AGES);
    peer.reads = false;
    peer.reply(key, done());
    peer.wake_after(AGES);
    peer.read(usize::MAX);
    peer.reads = true;
    peer.send(b"nonsense\r\n\r\n");
    peer.wake_after(AGES);
    assert!(!peer.is_closed);
    assert_eq!(peer.statuses("tools/call"), [200, 400]);
}
