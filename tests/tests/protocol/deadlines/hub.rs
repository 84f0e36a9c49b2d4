//! The deadlines of what connections share.

use std::time::Duration;

use mcp_proto::{
    CallToolResult, Hub, HubDeadlines, HubLimits, InputRequest, Instant, MemoryLog, Notification,
    Progress, QuestionFailure, Reply, Revision, ServerRequest,
};
use mcp_tests::peer::{CALL, Host, PING, Visit};

use super::{AGES, TICK, seconds};

const REVISION: Revision = Revision::V2025_11_25;

/// All different, so that none passes for another.
const DEADLINES: HubDeadlines = HubDeadlines {
    session_idle: seconds(100),
    replay: seconds(40),
    answer: seconds(7),
    retry: Duration::from_millis(1500),
};

fn host(deadlines: HubDeadlines) -> Host {
    let limits = HubLimits::default();
    let log = MemoryLog::new(&limits, deadlines.replay);
    let mut host = Host::new(Hub::with(limits, deadlines, Box::new(log)));
    host.now = Instant::from_micros(0) + AGES;
    host
}

fn pass(host: &mut Host, time: Duration) {
    host.now = host.now + time;
}

fn status(mut visit: Visit) -> u16 {
    visit.peer.responses_on(REVISION, "ping").finals[0].status
}

/// The ids of what a client gets that comes back, or nothing if it is refused.
fn replayed(host: &mut Host, id: &str, last_seen: &str) -> Option<Vec<u64>> {
    let mut visit = host.listen(REVISION, id, Some(last_seen));
    host.pump(&mut visit);
    host.leave(&mut visit);
    let responses = visit.peer.responses_on(REVISION, "tools/call").finals;
    let ids = responses[0].events().into_iter().filter_map(|event| Some(event.id?.1));
    visit.peer.refusals().is_empty().then(|| ids.collect())
}

fn progress(host: &mut Host, visit: &mut Visit, progress: f64) {
    let notification = Notification::Progress(Progress::new(progress));
    host.hub.notify(host.now, visit.work[0].key, &notification);
    host.pump(visit);
}

fn done() -> Reply {
    Reply::Tool(CallToolResult::text("done"))
}

#[test]
fn session_idle() {
    let mut host = host(DEADLINES);
    let id = host.session(REVISION);
    let other = host.session(REVISION);
    // Whatever is said in it begins its time anew, and that of no other.
    pass(&mut host, seconds(99));
    assert_eq!(status(host.say(REVISION, &id, PING)), 200);
    assert_eq!(host.hub.poll_timeout(), Some(host.now + seconds(1)));
    pass(&mut host, seconds(1) - TICK);
    host.hub.handle_timeout(host.now);
    assert_eq!(host.hub.sessions(), 2);
    pass(&mut host, TICK);
    host.hub.handle_timeout(host.now);
    assert_eq!(host.hub.sessions(), 1);
    assert_eq!(status(host.say(REVISION, &other, PING)), 404);

    // Neither a call nor a stream that is open is idle. Time begins when it ends.
    let mut working = host.say(REVISION, &id, CALL);
    assert_eq!(host.hub.poll_timeout(), None);
    pass(&mut host, AGES);
    host.hub.handle_timeout(host.now);
    let mut listening = host.listen(REVISION, &id, None);
    host.reply(&mut working, done());
    assert_eq!(host.hub.poll_timeout(), None);
    pass(&mut host, AGES);
    host.leave(&mut listening);
    assert_eq!(host.hub.poll_timeout(), Some(host.now + seconds(100)));
    pass(&mut host, seconds(100) - TICK);
    host.hub.handle_timeout(host.now);
    assert_eq!(host.hub.sessions(), 1);
    // Nobody needs to look at the clock: whoever comes too late finds it gone.
    pass(&mut host, TICK);
    assert_eq!(status(host.say(REVISION, &id, PING)), 404);
    assert!(host.hub.is_empty());
}

#[test]
fn replay() {
    let mut host = host(DEADLINES);
    let id = host.session(REVISION);
    let mut working = host.say(REVISION, &id, CALL);
    progress(&mut host, &mut working, 1.0);
    pass(&mut host, seconds(10));
    progress(&mut host, &mut working, 2.0);
    host.reply(&mut working, done());
    // Each message has its own time. To come back to it gives it no more.
    pass(&mut host, seconds(30) - TICK);
    assert_eq!(replayed(&mut host, &id, "1-0"), Some(vec![1, 2, 3]));
    pass(&mut host, TICK);
    assert_eq!(replayed(&mut host, &id, "1-0"), Some(vec![2, 3]));
    pass(&mut host, seconds(10) - TICK);
    assert_eq!(replayed(&mut host, &id, "1-0"), Some(vec![2, 3]));
    assert_eq!(replayed(&mut host, &id, "1-2"), Some(vec![3]));
    pass(&mut host, TICK);
    assert_eq!(replayed(&mut host, &id, "1-0"), None);
    assert_eq!(status(host.say(REVISION, &id, PING)), 200);

    // A stream that nobody has come back for takes its leave by itself.
    let mut host = self::host(HubDeadlines { session_idle: AGES, ..DEADLINES });
    let id = host.session(REVISION);
    let mut working = host.say(REVISION, &id, CALL);
    progress(&mut host, &mut working, 1.0);
    host.reply(&mut working, done());
    assert_eq!(host.hub.poll_timeout(), Some(host.now + seconds(40)));
    pass(&mut host, seconds(40));
    host.hub.handle_timeout(host.now);
    assert_eq!(host.hub.poll_timeout(), Some(host.now + (AGES - seconds(40))));
    assert_eq!(replayed(&mut host, &id, "1-2"), None);
}

#[test]
fn answer() {
    let mut host = host(DEADLINES);
    let id = host.session(REVISION);
    let mut working = host.say(REVISION, &id, CALL);
    let key = working.work[0].key;
    let roots = InputRequest::ListRoots;
    let mut ask = |host: &mut Host| {
        let question = host.hub.ask(host.now, key, ServerRequest::Input(&roots)).unwrap();
        host.pump(&mut working);
        question
    };
    let first = ask(&mut host);
    pass(&mut host, seconds(1));
    let second = ask(&mut host);
    assert_eq!(host.hub.question_deadline(key), Some(host.now + seconds(6)));
    pass(&mut host, seconds(6) - TICK);
    assert!(host.hub.take_answer(host.now, key).is_none());
    pass(&mut host, TICK);
    let (late, answer) = host.hub.take_answer(host.now, key).unwrap();
    assert!(late == first && matches!(answer, Err(QuestionFailure::TimedOut)));
    assert!(host.hub.take_answer(host.now, key).is_none());
    // The other has as long as it has, and an answer in the last moment counts.
    pass(&mut host, seconds(1) - TICK);
    host.say(REVISION, &id, r#"{"jsonrpc":"2.0","id":2,"result":{"roots":[]}}"#);
    pass(&mut host, AGES);
    let (answered, answer) = host.hub.take_answer(host.now, key).unwrap();
    assert!(answered == second && answer.is_ok());
    assert_eq!(host.hub.question_deadline(key), None);
    // The client was told that the first is not needed any more.
    host.reply(&mut working, done());
    let messages = working.peer.responses_on(REVISION, "tools/call").finals[0].clone();
    let messages = messages.messages().join("\n");
    assert_eq!(messages.matches("notifications/cancelled").count(), 1, "{messages}");
    assert_eq!(status(host.say(REVISION, &id, PING)), 200);
}

#[test]
fn retry() {
    for (retry, told) in [
        (DEADLINES.retry, "1500"),
        (Duration::ZERO, "0"),
        (TICK, "0"),
        (Duration::MAX, "18446744073709551615999"),
    ] {
        let mut host = host(HubDeadlines { retry, ..DEADLINES });
        let id = host.session(REVISION);
        let mut listening = host.listen(REVISION, &id, None);
        let text = String::from_utf8(listening.peer.bytes()).unwrap();
        assert!(text.contains(&format!("\nretry: {told}\nid: 1-0\ndata:\n\n")), "{text}");
    }
}

#[test]
fn clocks_jump() {
    // Ahead: everything is over at once, and what begins then is on time.
    let mut host = host(DEADLINES);
    let id = host.session(REVISION);
    let mut working = host.say(REVISION, &id, CALL);
    progress(&mut host, &mut working, 1.0);
    host.leave(&mut working);
    pass(&mut host, AGES);
    host.hub.handle_timeout(host.now);
    assert_eq!(host.hub.sessions(), 1, "it is not idle");
    host.reply(&mut working, done());
    assert_eq!(replayed(&mut host, &id, "1-0"), Some(vec![2]));
    host.now = Instant::from_micros(u64::MAX);
    host.hub.handle_timeout(host.now);
    assert!(host.hub.is_empty());

    // Back: what has begun is late, and does no other harm.
    let mut host = self::host(DEADLINES);
    let id = host.session(REVISION);
    let mut working = host.say(REVISION, &id, CALL);
    progress(&mut host, &mut working, 1.0);
    let ahead = host.now;
    host.now = Instant::from_micros(0);
    progress(&mut host, &mut working, 2.0);
    host.reply(&mut working, done());
    pass(&mut host, seconds(39));
    host.hub.handle_timeout(host.now);
    assert_eq!(replayed(&mut host, &id, "1-0"), Some(vec![1, 2, 3]));
    assert_eq!(status(host.say(REVISION, &id, PING)), 200);
    host.now = ahead + seconds(40);
    assert_eq!(replayed(&mut host, &id, "1-0"), None);
    host.hub.handle_timeout(host.now);
    assert!(host.hub.is_empty());
}

#[test]
fn for_ever_is_for_ever() {
    let ever = Duration::MAX;
    let mut host =
        host(HubDeadlines { session_idle: ever, replay: ever, answer: ever, ..DEADLINES });
    let id = host.session(REVISION);
    let mut working = host.say(REVISION, &id, CALL);
    let key = working.work[0].key;
    host.hub.ask(host.now, key, ServerRequest::Ping).unwrap();
    host.pump(&mut working);
    pass(&mut host, AGES);
    assert!(host.hub.take_answer(host.now, key).is_none());
    host.reply(&mut working, done());
    pass(&mut host, AGES);
    host.hub.handle_timeout(host.now);
    assert_eq!(replayed(&mut host, &id, "1-0"), Some(vec![1, 2, 3]));
    assert_eq!(status(host.say(REVISION, &id, PING)), 200);
}
