//! Sessions at their limits. How they live otherwise is shown by the simulation in `tests`.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::*;
use crate::call::{Call, LogMessage, Notification, Progress, Reply};
use crate::config::Config;
use crate::endpoint::{Endpoint, ResponseMode};
use crate::error::Refusal;
use crate::input::InputRequest;
use crate::logging::LogLevel;
use crate::server_info::{LoggingCapability, ServerInfo};
use crate::session::{Input, Output};
use crate::time::Now;
use crate::tool::CallToolResult;

const fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

/// A hub and the endpoint that it is of.
struct World {
    hub: Hub,
    config: Arc<Config>,
    sessions: u8,
}

impl World {
    fn new(limits: HubLimits) -> Self {
        Self::with_mode(limits, ResponseMode::Auto)
    }

    fn with_mode(limits: HubLimits, mode: ResponseMode) -> Self {
        let deadlines = HubDeadlines {
            session_idle: Duration::from_secs(100),
            replay: Duration::from_secs(50),
            answer: Duration::from_secs(10),
            retry: Duration::from_secs(1),
        };
        let mut info = ServerInfo::new("t", "1");
        info.capabilities.tools.get_or_insert_default().list_changed = true;
        info.capabilities.prompts.get_or_insert_default().list_changed = true;
        let resources = info.capabilities.resources.get_or_insert_default();
        resources.list_changed = true;
        resources.subscribe = true;
        info.capabilities.logging = Some(LoggingCapability::default());
        let mut endpoint = Endpoint::new("/mcp", info).unwrap();
        endpoint.keeps_sessions = true;
        endpoint.response_mode = mode;
        let log = Box::new(MemoryLog::new(&limits, deadlines.replay));
        let hub = Hub::with(limits, deadlines, log);
        Self { hub, config: Arc::new(Config::new([endpoint])), sessions: 0 }
    }

    /// The calls that one request makes.
    fn calls(&self, method: &str, fields: &str, body: &str) -> Vec<Call> {
        let now = Now::from(at(0));
        let mut session = crate::session::Session::new(self.config.clone(), now);
        let request = format!(
            "{method} /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             {fields}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        session.handle(now, Input::Bytes(request.as_bytes()));
        let outputs = core::iter::from_fn(|| session.poll_output());
        let calls: Vec<_> = outputs
            .filter_map(|output| match output {
                Output::Call(call) => Some(call),
                _ => None,
            })
            .collect();
        assert!(!calls.is_empty(), "refused: {body}");
        calls
    }

    fn admit(&mut self, now: u64, caller: Caller<'_>, call: Call) -> Admission {
        self.hub.admit(at(now), call, None, caller)
    }

    /// Sends a message in a session.
    fn post(&mut self, now: u64, id: SessionId, message: &str) -> Admission {
        let fields = format!("Mcp-Session-Id: {id}\r\n");
        let call = self.calls("POST", &fields, message).remove(0);
        self.admit(now, Caller::default(), call)
    }

    fn initialize(&mut self, now: u64, revision: &str) -> Reply {
        self.initialize_as(now, revision, "{}", None)
    }

    fn initialize_as(
        &mut self,
        now: u64,
        revision: &str,
        capabilities: &str,
        principal: Option<&str>,
    ) -> Reply {
        let message = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"{revision}","capabilities":{capabilities},"clientInfo":{{}}}}}}"#
        );
        let call = self.calls("POST", "", &message).remove(0);
        let Admission::Initialize(call) = self.admit(now, Caller::default(), call) else {
            panic!("no initialize");
        };
        self.sessions += 1;
        let id = SessionId::new([self.sessions; 16]);
        let endpoint = &self.config.endpoints[0];
        self.hub.open_session(at(now), id, call.request(), endpoint, principal)
    }

    /// A session whose client is ready.
    fn session(&mut self, now: u64) -> SessionId {
        self.session_of(now, "2025-11-25")
    }

    fn session_of(&mut self, now: u64, revision: &str) -> SessionId {
        let Reply::Initialized(Some(id)) = self.initialize(now, revision) else {
            panic!("no session");
        };
        let message = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert!(matches!(self.post(now, id, message), Admission::Reply(_, Reply::Done)));
        id
    }

    /// A call of a tool.
    fn call(&mut self, now: u64, id: SessionId) -> (SessionCallKey, ReaderKey) {
        let admission = self.post(now, id, CALL);
        let Admission::Call { key, reader, .. } = admission else { panic!("{admission:?}") };
        (key, reader)
    }

    fn reply(&mut self, now: u64, key: SessionCallKey) -> Option<Reply> {
        let endpoint = &self.config.endpoints[0];
        self.hub.reply(at(now), key, endpoint, Reply::Tool(CallToolResult::text("done")))
    }

    fn progress(&mut self, now: u64, key: SessionCallKey, progress: f64) {
        let notification = Notification::Progress(Progress::new(progress));
        self.hub.notify(at(now), key, &notification);
    }

    fn get(&mut self, now: u64, id: SessionId, fields: &str) -> Admission {
        let fields = format!("Mcp-Session-Id: {id}\r\n{fields}");
        let call = self.calls("GET", &fields, "").remove(0);
        self.admit(now, Caller::default(), call)
    }

    fn listen(&mut self, now: u64, id: SessionId) -> ReaderKey {
        let admission = self.get(now, id, "");
        let Admission::Stream { reader, .. } = admission else { panic!("{admission:?}") };
        reader
    }

    fn come_back(&mut self, now: u64, id: SessionId, event: &str) -> Result<ReaderKey, Refusal> {
        match self.get(now, id, &format!("Last-Event-ID: {event}\r\n")) {
            Admission::Stream { reader, .. } => Ok(reader),
            Admission::Reply(_, Reply::Refused(refusal)) => Err(refusal),
            other => panic!("{other:?}"),
        }
    }

    /// What a reader gets now: the id and what tells its message apart, or `end`.
    fn read(&mut self, now: u64, reader: ReaderKey) -> Vec<String> {
        let mut read = Vec::new();
        while let Some(next) = self.hub.next_event(at(now), reader) {
            match next {
                FromStream::Event(event) => {
                    let message = &event.message;
                    let method = message.split(r#""method":""#).nth(1).unwrap_or("response");
                    let method = method.split('"').next().unwrap_or_default();
                    read.push(format!("{} {method}", event.id));
                }
                FromStream::End => {
                    read.push("end".into());
                    break;
                }
            }
        }
        read
    }
}

const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":1}}}"#;

fn refusal(admission: Admission) -> Refusal {
    match admission {
        Admission::Reply(_, Reply::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn there_are_no_more_places_than_keys_can_name() {
    for (limit, counts) in [(PLACES - 1, PLACES - 1), (PLACES, PLACES), (PLACES + 1, PLACES)] {
        let limits = HubLimits { subscriptions: limit, sessions: limit, ..HubLimits::default() };
        let Hub { limits, .. } = Hub::new(limits);
        assert_eq!((limits.subscriptions, limits.sessions), (counts, counts));
    }
}

#[test]
fn one_session_more_takes_the_place_of_the_longest_idle() {
    let mut world = World::new(HubLimits { sessions: 3, ..HubLimits::default() });
    let busy = world.session(0);
    let (key, reader) = world.call(0, busy);
    let (first, second) = (world.session(1), world.session(2));
    // What happens in it makes it less idle.
    world.post(3, first, r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    let third = world.session(4);
    assert_eq!(world.hub.sessions(), 3);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    assert_eq!(refusal(world.post(5, second, ping)), Refusal::UnknownSession);

    world.call(5, first);
    world.listen(5, third);
    let reply = world.initialize(6, "2025-11-25");
    assert!(matches!(reply, Reply::Refused(Refusal::TooManySessions { limit: 3 })), "{reply:?}");
    assert!(matches!(world.reply(7, key), Some(Reply::Tool(_))));
    world.hub.detach(at(7), reader);
    world.session(8);
    assert_eq!(refusal(world.post(9, busy, ping)), Refusal::UnknownSession);
}

#[test]
fn a_client_may_say_as_much_of_itself_as_the_limit_and_not_one_byte_more() {
    let capabilities = r#"{"roots":{}}"#;
    for (limit, fits) in [(capabilities.len() + 2, true), (capabilities.len() + 1, false)] {
        let mut world = World::new(HubLimits { client_bytes: limit, ..HubLimits::default() });
        let reply = world.initialize_as(0, "2025-11-25", capabilities, None);
        assert_eq!(matches!(reply, Reply::Initialized(Some(_))), fits, "{reply:?}");
        assert_eq!(world.hub.sessions(), usize::from(fits));
    }
}

#[test]
fn a_session_is_for_whoever_opened_it() {
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let principals = [None, Some(""), Some("ann"), Some("bob")];
    for owner in principals {
        let mut world = World::new(HubLimits::default());
        world.initialize_as(0, "2025-11-25", "{}", owner);
        let fields = format!("Mcp-Session-Id: {}\r\n", SessionId::new([1; 16]));
        for principal in principals {
            let call = world.calls("POST", &fields, ping).remove(0);
            let caller = Caller { principal, is_hidden: false };
            match world.admit(0, caller, call) {
                Admission::Reply(_, Reply::Done) => assert_eq!(principal, owner),
                other => {
                    assert_eq!(refusal(other), Refusal::UnknownSession);
                    assert_ne!(principal, owner);
                }
            }
        }
    }
}

#[test]
fn what_is_not_for_the_caller_may_be_subscribed_to_and_is_not_heard_of() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let reader = world.listen(0, id);
    let fields = format!("Mcp-Session-Id: {id}\r\n");
    let subscribe = |world: &mut World, verb: &str, uri: &str, is_hidden| {
        let message = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"resources/{verb}","params":{{"uri":"{uri}"}}}}"#
        );
        let call = world.calls("POST", &fields, &message).remove(0);
        let admission = world.admit(0, Caller { principal: None, is_hidden }, call);
        assert!(matches!(admission, Admission::Reply(_, Reply::Done)), "{admission:?}");
    };
    subscribe(&mut world, "subscribe", "a:hidden", true);
    subscribe(&mut world, "subscribe", "a:open", false);
    subscribe(&mut world, "subscribe", "a:open", false);
    let publish = |world: &mut World| {
        for uri in ["a:hidden", "a:open", "a:other", "a:open"] {
            world.hub.publish(&Change::resource(uri));
        }
        world.read(0, reader)
    };
    assert_eq!(publish(&mut world), ["1-1 notifications/resources/updated"]);
    subscribe(&mut world, "unsubscribe", "a:open", false);
    assert!(publish(&mut world).is_empty());
}

#[test]
fn each_change_goes_to_one_of_the_streams_that_a_client_has_opened() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let readers = [world.listen(0, id), world.listen(0, id)];
    world.hub.publish(&Change::Tools);
    let named: Vec<_> = core::iter::from_fn(|| world.hub.poll_news()).collect();
    assert_eq!(named, readers.map(News::Reader));
    let read = readers.map(|reader| world.read(0, reader));
    assert_eq!(read.concat(), ["1-1 notifications/tools/list_changed"]);
}

#[test]
fn a_session_hears_of_every_list_that_changes() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let reader = world.listen(0, id);
    for (change, list) in
        [(Change::Tools, "tools"), (Change::Prompts, "prompts"), (Change::Resources, "resources")]
    {
        world.hub.publish(&change);
        let read = world.read(0, reader);
        assert!(
            matches!(&read[..], [it] if it.ends_with(&format!("{list}/list_changed"))),
            "{read:?}"
        );
    }
}

#[test]
fn changes_wait_for_a_client_that_is_not_initialized_or_not_there() {
    let mut world = World::new(HubLimits::default());
    let Reply::Initialized(Some(id)) = world.initialize(0, "2025-11-25") else { panic!() };
    let reader = world.listen(0, id);
    world.hub.publish(&Change::Tools);
    assert!(world.read(0, reader).is_empty());
    world.post(0, id, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    let news: Vec<_> = core::iter::from_fn(|| world.hub.poll_news()).collect();
    assert_eq!(news, [News::Reader(reader)]);
    assert_eq!(world.read(0, reader), ["1-1 notifications/tools/list_changed"]);

    world.hub.detach(at(0), reader);
    world.hub.publish(&Change::Tools);
    let reader = world.come_back(1, id, "1-1").unwrap();
    assert_eq!(world.read(1, reader), ["1-2 notifications/tools/list_changed"]);
}

#[test]
fn as_many_streams_can_be_come_back_to_as_the_limit_and_not_one_more() {
    let mut world = World::new(HubLimits { streams: 2, ..HubLimits::default() });
    let id = world.session(0);
    for stream in 1..=3 {
        let (key, reader) = world.call(0, id);
        world.progress(0, key, 1.0);
        assert_eq!(world.reply(0, key).map(drop), None);
        let events = [format!("{stream}-1 notifications/progress"), format!("{stream}-2 response")];
        assert_eq!(world.read(0, reader), [&events[0][..], &events[1], "end"]);
        world.hub.detach(at(0), reader);
    }
    assert_eq!(world.come_back(0, id, "1-1"), Err(Refusal::UnknownEvent));
    for event in ["2-1", "3-1"] {
        let reader = world.come_back(0, id, event).unwrap();
        assert_eq!(world.read(0, reader).len(), 2);
        world.hub.detach(at(0), reader);
    }
    for event in ["3-3", "4-0", "0-0", "", "x", "3-02"] {
        assert_eq!(world.come_back(0, id, event), Err(Refusal::UnknownEvent), "{event}");
    }
}

#[test]
fn time_ends_what_is_over() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let (key, reader) = world.call(10, id);
    assert_eq!(world.hub.poll_timeout(), None, "it is busy");
    world.progress(10, key, 1.0);
    world.hub.detach(at(20), reader);
    assert!(world.reply(30, key).is_none());
    // The end was sent at 30, and the stream left then: it is kept for 50 seconds.
    assert_eq!(world.hub.poll_timeout(), Some(at(80)));
    let reader = world.come_back(79, id, "1-1").unwrap();
    assert_eq!(world.read(79, reader), ["1-2 response", "end"]);
    world.hub.detach(at(79), reader);
    assert_eq!(world.come_back(80, id, "1-1"), Err(Refusal::UnknownEvent));
    assert_eq!(world.come_back(80, id, "1-2").map(drop), Ok(()), "it has seen all");

    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    assert_eq!(world.hub.poll_timeout(), Some(at(100)));
    world.hub.handle_timeout(at(99));
    assert_eq!(world.hub.sessions(), 1);
    world.hub.handle_timeout(at(100));
    assert!(world.hub.is_empty(), "{:?}", world.hub);
    assert_eq!(world.come_back(100, id, "1-0"), Err(Refusal::UnknownSession));
}

#[test]
fn a_question_has_its_time_and_progress_gives_it_more_up_to_an_end() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let (key, reader) = world.call(0, id);
    let ask = |world: &mut World, now| {
        let roots = InputRequest::ListRoots;
        world.hub.ask(at(now), key, ServerRequest::Input(&roots)).unwrap()
    };
    let first = ask(&mut world, 0);
    assert_eq!(world.read(0, reader), ["1-1 roots/list"]);
    assert_eq!(world.hub.question_deadline(key), Some(at(10)));
    let progress = |token: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":1}}}}"#
        )
    };
    for token in ["2", "\"1\"", "-1", "1.0"] {
        world.post(9, id, &progress(token));
        assert_eq!(world.hub.question_deadline(key), Some(at(10)), "{token}");
    }
    for now in [9, 18, 27, 36, 45, 54, 63, 72, 81, 89] {
        world.post(now, id, &progress("1"));
        assert_eq!(world.hub.question_deadline(key), Some(at(now + 10)));
    }
    world.post(95, id, &progress("1"));
    assert_eq!(world.hub.question_deadline(key), Some(at(100)), "ten times as long in all");
    assert!(world.hub.take_answer(at(99), key).is_none());
    let (question, answer) = world.hub.take_answer(at(100), key).unwrap();
    assert!(question == first && matches!(answer, Err(QuestionFailure::TimedOut)));
    assert_eq!(world.read(100, reader), ["1-2 notifications/cancelled"]);
    assert!(world.hub.take_answer(at(200), key).is_none());

    // Answers of others, to others, and second ones.
    let second = ask(&mut world, 100);
    let other = world.session(100);
    let answer = |id| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"roots":[]}}}}"#);
    world.post(100, other, &answer("2"));
    for wrong in ["1", "3", "\"2\"", "-2"] {
        world.post(100, id, &answer(wrong));
    }
    assert!(world.hub.take_answer(at(100), key).is_none());
    world.post(100, id, &answer("2"));
    world.post(100, id, &answer("2"));
    let (question, given) = world.hub.take_answer(at(100), key).unwrap();
    assert_eq!((question, given.unwrap().get()), (second, r#"{"roots":[]}"#));
    assert!(world.hub.take_answer(at(100), key).is_none());

    // What nobody has answered is taken back with the call.
    ask(&mut world, 101);
    assert!(world.reply(101, key).is_none());
    let read = world.read(101, reader);
    assert_eq!(
        read,
        ["1-3 roots/list", "1-4 roots/list", "1-5 notifications/cancelled", "1-6 response", "end"]
    );
}

#[test]
fn a_question_can_be_taken_back() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let (key, reader) = world.call(0, id);
    let question = world.hub.ask(at(0), key, ServerRequest::Ping).unwrap();
    world.hub.withdraw(at(1), key, question);
    assert_eq!(world.read(1, reader), ["1-1 ping", "1-2 notifications/cancelled"]);
    // Nobody waits for it any more, and nothing more is said of it.
    world.post(1, id, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    assert!(world.hub.take_answer(at(100), key).is_none());
    world.hub.withdraw(at(2), key, question);
    assert!(world.read(2, reader).is_empty());
}

#[test]
fn a_client_may_answer_with_an_error() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let (key, _) = world.call(0, id);
    for (number, error, code, says) in [
        (1, r#"{"code":-7,"message":"no"}"#, -7, "no"),
        (2, r#"{"code":"no"}"#, -32603, "an error that is malformed"),
    ] {
        world.hub.ask(at(0), key, ServerRequest::Ping).unwrap();
        world.post(0, id, &format!(r#"{{"jsonrpc":"2.0","id":{number},"error":{error}}}"#));
        match world.hub.take_answer(at(0), key) {
            Some((_, Err(QuestionFailure::Refused(error)))) => {
                assert_eq!(error.code.0, code);
                assert!(error.message.contains(says), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn one_id_is_not_for_two_sessions() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    world.sessions -= 1;
    let reply = world.initialize(0, "2025-11-25");
    assert!(matches!(reply, Reply::Error(_)), "{reply:?}");
    // The one that has it goes on.
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    assert!(matches!(world.post(0, id, ping), Admission::Reply(_, Reply::Done)));
}

#[test]
fn a_change_is_not_told_to_who_does_not_want_to_hear_it_any_more() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let say = |world: &mut World, verb: &str| {
        world.post(
            0,
            id,
            &format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"resources/{verb}","params":{{"uri":"a:"}}}}"#
            ),
        )
    };
    say(&mut world, "subscribe");
    world.hub.publish(&Change::resource("a:"));
    say(&mut world, "unsubscribe");
    assert_eq!(world.hub.poll_news(), None);
    let reader = world.listen(0, id);
    assert!(world.read(0, reader).is_empty());
}

#[test]
fn a_call_knows_the_client_of_its_session() {
    let mut world = World::new(HubLimits::default());
    let Reply::Initialized(Some(id)) =
        world.initialize_as(0, "2025-11-25", r#"{"roots":{}}"#, None)
    else {
        panic!("no session");
    };
    let Admission::Call { call, .. } = world.post(0, id, CALL) else { panic!("no call") };
    assert_eq!(call.request().client_capabilities(), Some(r#"{"roots":{}}"#));
    assert_eq!(call.request().client_info(), Some("{}"));
    // A notification that nobody knows means nothing.
    let unknown = r#"{"jsonrpc":"2.0","method":"notifications/unknown"}"#;
    assert!(matches!(world.post(0, id, unknown), Admission::Reply(_, Reply::Done)));
}

#[test]
fn nobody_is_asked_who_cannot_hear_it() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let fields = format!("Mcp-Session-Id: {id}\r\nAccept: application/json\r\n");
    let call = world.calls("POST", &fields, CALL).remove(0);
    let Admission::Call { key, .. } = world.admit(0, Caller::default(), call) else { panic!() };
    let asked = world.hub.ask(at(0), key, ServerRequest::Ping);
    assert_eq!(asked, Err(AskRefused::Unreachable));
    assert!(format!("{}", AskRefused::Unreachable).contains("it takes no event stream"));

    // It has left before it knew how to come back.
    let (key, reader) = world.call(0, id);
    world.hub.detach(at(0), reader);
    assert_eq!(world.hub.ask(at(0), key, ServerRequest::Ping), Err(AskRefused::Unreachable));

    // It has left, and knows.
    let (key, reader) = world.call(0, id);
    world.hub.begin_stream(reader);
    world.hub.detach(at(0), reader);
    world.hub.ask(at(0), key, ServerRequest::Ping).unwrap();
    let reader = world.come_back(0, id, "3-0").unwrap();
    assert_eq!(world.read(0, reader), ["3-1 ping"]);
}

#[test]
fn a_handler_waits_for_a_reader_and_for_nobody_else() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let (key, reader) = world.call(0, id);
    assert!(world.hub.can_notify(key));
    world.progress(0, key, 1.0);
    assert!(!world.hub.can_notify(key));
    while world.hub.poll_news().is_some() {}
    assert!(world.hub.next_event(at(0), reader).is_some());
    assert_eq!(world.hub.poll_news(), Some(News::Call(key)));
    assert!(world.hub.can_notify(key));
    world.progress(0, key, 2.0);
    assert!(!world.hub.can_notify(key));
    world.hub.detach(at(0), reader);
    let news: Vec<_> = core::iter::from_fn(|| world.hub.poll_news()).collect();
    assert_eq!(news, [News::Call(key)]);
    world.progress(0, key, 3.0);
    assert!(world.hub.can_notify(key), "it is not there to be waited for");
}

#[test]
fn a_batch_is_of_its_revision_and_has_one_stream() {
    let batch = format!(r#"[{CALL},{}]"#, CALL.replace(":7", ":8"));
    let mut world = World::new(HubLimits::default());
    let newer = world.session_of(0, "2025-06-18");
    let fields = format!("Mcp-Session-Id: {newer}\r\n");
    for call in world.calls("POST", &fields, &batch) {
        assert_eq!(refusal(world.admit(0, Caller::default(), call)), Refusal::UnknownBatch);
    }

    let id = world.session_of(0, "2025-03-26");
    let fields = format!("Mcp-Session-Id: {id}\r\n");
    let (mut reader, mut keys) = (None, Vec::new());
    for call in world.calls("POST", &fields, &batch) {
        let admission = world.hub.admit(at(0), call, reader, Caller::default());
        let Admission::Call { key, reader: of, .. } = admission else { panic!("{admission:?}") };
        assert!(reader.is_none_or(|reader| reader == of));
        reader = Some(of);
        keys.push(key);
    }
    let reader = reader.unwrap();
    assert!(world.reply(0, keys[1]).is_none());
    assert_eq!(world.read(0, reader), ["1-1 response"]);
    assert!(world.reply(0, keys[0]).is_none());
    assert_eq!(world.read(0, reader), ["1-2 response", "end"]);

    // What is wrong, what needs no application, and what is answered before the next is let in.
    let mixed = format!(
        r#"[7,{{"jsonrpc":"2.0","id":1,"method":"ping"}},{CALL},{{"jsonrpc":"2.0","id":2,"method":"ping"}}]"#
    );
    let mut reader = None;
    for call in world.calls("POST", &fields, &mixed) {
        reader = match world.hub.admit(at(0), call, reader, Caller::default()) {
            Admission::Call { key, reader, .. } => {
                assert!(world.reply(0, key).is_none());
                Some(reader)
            }
            Admission::Stream { reader, .. } => Some(reader),
            other => panic!("{other:?}"),
        };
    }
    let read = world.read(0, reader.unwrap());
    assert_eq!(read, ["2-1 response", "2-2 response", "2-3 response", "2-4 response", "end"]);

    // Without events each goes back by the connection.
    let fields = format!("{fields}Accept: application/json\r\n");
    let mut reader = None;
    for call in world.calls("POST", &fields, &batch) {
        let admission = world.hub.admit(at(0), call, reader, Caller::default());
        let Admission::Call { key, reader: of, .. } = admission else { panic!("{admission:?}") };
        reader = Some(of);
        assert!(matches!(world.reply(0, key), Some(Reply::Tool(_))));
    }
}

#[test]
fn the_first_thing_said_decides_and_pinning_beats_it() {
    for (mode, is_direct) in
        [(ResponseMode::Auto, true), (ResponseMode::Json, true), (ResponseMode::EventStream, false)]
    {
        let mut world = World::with_mode(HubLimits::default(), mode);
        let id = world.session(0);
        let (key, reader) = world.call(0, id);
        assert_eq!(world.reply(0, key).is_some(), is_direct, "{mode:?}");
        let expected: &[&str] = if is_direct { &["end"] } else { &["1-1 response", "end"] };
        assert_eq!(world.read(0, reader), expected);
        // An error has a status.
        let (key, _) = world.call(0, id);
        let error = Reply::Refused(Refusal::UnknownBatch);
        assert!(world.hub.reply(at(0), key, &world.config.endpoints[0], error).is_some());
    }
}

#[test]
fn only_clients_that_come_back_are_let_go() {
    for (revision, expected) in [("2025-11-25", ["end"].as_slice()), ("2025-06-18", &[])] {
        let mut world = World::new(HubLimits::default());
        let id = world.session_of(0, revision);
        let (key, reader) = world.call(0, id);
        world.hub.release(key);
        assert_eq!(world.read(0, reader), expected);
        world.hub.detach(at(0), reader);
        assert!(world.reply(0, key).is_none());
        let came_back = world.come_back(0, id, "1-0").is_ok();
        assert_eq!(came_back, revision == "2025-11-25");
    }
}

#[test]
fn log_messages_are_of_the_level_that_the_client_has_set() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let log = |world: &mut World, level| {
        let (key, reader) = world.call(0, id);
        let data = serde_json::value::to_raw_value("said").unwrap();
        world.hub.notify(at(0), key, &Notification::Log(LogMessage::new(level, data)));
        !world.read(0, reader).is_empty()
    };
    assert!(!log(&mut world, LogLevel::Debug));
    assert!(log(&mut world, LogLevel::Info), "the level before one is set");
    let set = r#"{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"error"}}"#;
    assert!(matches!(world.post(0, id, set), Admission::Reply(_, Reply::Done)));
    assert!(!log(&mut world, LogLevel::Warning));
    assert!(log(&mut world, LogLevel::Error));
}

#[test]
fn a_session_that_ends_takes_everything_along() {
    let mut world = World::new(HubLimits::default());
    let id = world.session(0);
    let (key, reader) = world.call(0, id);
    let listener = world.listen(0, id);
    let (done, left) = world.call(0, id);
    world.progress(0, done, 1.0);
    world.hub.detach(at(0), left);
    assert!(world.reply(0, done).is_none());
    let fields = format!("Mcp-Session-Id: {id}\r\n");
    let call = world.calls("DELETE", &fields, "").remove(0);
    let admission = world.admit(0, Caller::default(), call);
    assert!(matches!(admission, Admission::Reply(_, Reply::Done)), "{admission:?}");
    assert!(world.hub.is_empty(), "{:?}", world.hub);
    assert!(world.hub.log.next(StreamKey { session: 1, stream: 3 }, 0).is_none());
    assert!(!world.hub.is_open(key));
    let news: Vec<_> = core::iter::from_fn(|| world.hub.poll_news()).collect();
    assert_eq!(news, [News::Reader(reader), News::Reader(listener), News::Call(key)]);
    for reader in [reader, listener] {
        assert_eq!(world.read(0, reader), ["end"]);
    }
    assert!(world.reply(0, key).is_none());
    assert_eq!(world.come_back(0, id, "3-1"), Err(Refusal::UnknownSession));
}
