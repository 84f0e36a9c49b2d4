//! One client line by line, step by step. What generated scripts of it come to is checked by `parsers`.

use std::sync::Arc;
use std::time::Duration;

use mcp_proto::{
    Admission, CallKey, CallToolResult, Caller, Change, CompleteResult, Config, Deadlines, Denial,
    Event, FromStream, Hub, HubLimits, Input, Instant, Limits, LineSession, Lost, McpMethod,
    Notification, Output, PeerClosed, QuestionFailure, Refusal, Reply, ServerRequest, SessionId,
};
use mcp_tests::peer::{CALL, PING, Peer, config, post};
use serde_json::value::RawValue;

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{}}}"#;

const MODERN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;

const ZERO: Instant = Instant::from_micros(0);

struct Client {
    session: LineSession,
    now: Instant,
}

impl Client {
    fn new(keeps_sessions: bool) -> Self {
        Self::of(config(keeps_sessions))
    }

    fn of(config: Config) -> Self {
        Self { session: LineSession::new(Arc::new(config)), now: ZERO }
    }

    /// Something happens. Returns what the session wants done.
    fn handle(&mut self, input: Input<'_>) -> Vec<Output> {
        self.session.handle(self.now.into(), input);
        std::iter::from_fn(|| self.session.poll_output()).collect()
    }

    fn send(&mut self, line: &str) -> Vec<Output> {
        self.handle(Input::Bytes(format!("{line}\n").as_bytes()))
    }

    /// What the client reads.
    fn read(&mut self) -> String {
        let text = String::from_utf8(self.session.transmit().to_vec()).expect("UTF-8");
        self.handle(Input::Written(text.len()));
        text
    }

    /// The call of a request that makes one.
    #[track_caller]
    fn call(&mut self, line: &str) -> CallKey {
        key(&self.send(line))
    }
}

#[track_caller]
fn key(outputs: &[Output]) -> CallKey {
    match outputs {
        [Output::Call(call)] => call.key(),
        other => panic!("no call: {other:?}"),
    }
}

#[test]
fn a_request_says_that_it_came_by_line() {
    let mut client = Client::new(false);
    let outputs = client.send(CALL);
    assert!(matches!(&outputs[..], [Output::Call(call)] if call.request().is_by_line()));
    let mut peer = Peer::new(&Arc::new(config(false)), ZERO);
    peer.send(&post("", CALL));
    assert!(!peer.calls[0].request().is_by_line());
}

/// What an application has made of JSON by hand may go over several lines.
#[test]
fn an_answer_is_one_line_whatever_is_in_it() {
    let mut client = Client::new(false);
    // Of a revision that has structured results.
    let key = client.call(MODERN);
    let json = RawValue::from_string("{\"a\":\r\n[1,\n2]}".into()).expect("JSON");
    client.handle(Input::Reply(key, Reply::Tool(CallToolResult::structured(json))));
    let line = client.read();
    assert_eq!(line.find(['\r', '\n']), Some(line.len() - 1), "{line:?}");
    let read: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(read["result"]["structuredContent"], serde_json::json!({"a": [1, 2]}));
    // As text, it is as it was.
    assert_eq!(read["result"]["content"][0]["text"], "{\"a\":\r\n[1,\n2]}");
}

#[test]
fn a_request_can_be_taken_back() {
    let mut client = Client::new(false);
    let cancel = |id: u8| {
        format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#
        )
    };
    for request in [CALL, MODERN] {
        let key = client.call(request);
        assert!(client.send(&cancel(2)).is_empty(), "no request has that id");
        let outputs = client.send(&cancel(1));
        assert!(matches!(outputs[..], [Output::Cancelled(ended)] if ended == key), "{outputs:?}");
        // It gets no answer, and none that comes late.
        client.handle(Input::Reply(key, Reply::Tool(CallToolResult::text("done"))));
        assert!(client.session.transmit().is_empty());
    }
    // An id that two have stands for none of them.
    let keys = [client.call(CALL), client.call(CALL)];
    assert!(client.send(&cancel(1)).is_empty());
    for key in keys {
        client.handle(Input::Reply(key, Reply::Tool(CallToolResult::text("done"))));
        assert!(client.read().contains("done"));
    }
}

/// 2026-07-28, basic/patterns/cancellation, "Error Handling": what names no request is ignored.
#[test]
fn what_takes_back_nothing_means_nothing() {
    for keeps_sessions in [false, true] {
        let mut client = Client::new(keeps_sessions);
        for params in ["{}", r#"{"requestId":null}"#, r#"{"requestId":[]}"#, "null"] {
            let cancel = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{params}}}"#
            );
            let outputs = client.send(&cancel);
            assert!(outputs.is_empty() && client.read().is_empty(), "{params}: {outputs:?}");
        }
    }
}

/// JSON-RPC 2.0 section 5: who could not read a message of ours cannot say which. To answer that, with
/// an error without an id, could go on for ever.
#[test]
fn an_error_that_answers_nothing_is_not_answered() {
    for id in ["", r#""id":null,"#] {
        let error =
            format!(r#"{{"jsonrpc":"2.0",{id}"error":{{"code":-32700,"message":"parse error"}}}}"#);
        let mut client = Client::new(false);
        assert!(client.send(&error).is_empty());
        assert_eq!(client.read(), "");
        let mut client = listening().0;
        assert!(client.send(&error).is_empty());
        assert_eq!(client.read(), "");
    }
}

/// There is no field that could say it: what `_meta` says stands for both.
#[test]
fn a_request_may_name_any_version_that_is_served() {
    for (version, is_served) in
        [("2025-03-26", true), ("2025-11-25", true), ("2026-07-28", true), ("2024-11-05", false)]
    {
        let mut client = Client::new(false);
        let outputs = client.send(&MODERN.replace("2026-07-28", version));
        match &outputs[..] {
            [Output::Call(call)] => assert_eq!(call.request().revision().as_str(), version),
            _ => assert!(!is_served && client.read().contains("-32022"), "{version}: {outputs:?}"),
        }
    }
}

#[test]
fn a_batch_has_nothing_modern_in_it() {
    let discover = MODERN.replace("tools/call", "server/discover");
    for modern in [MODERN, &discover] {
        let mut client = Client::new(false);
        let outputs = client.send(&format!("[{PING},{modern}]"));
        let is_refused = matches!(
            outputs[..],
            [Output::Event(Event::Refused { refusal: Refusal::UnknownBatch, .. })]
        );
        assert!(is_refused, "{outputs:?}");
        assert!(client.read().contains("-32600"));
    }
}

/// As over HTTP.
#[test]
fn a_reply_of_another_kind_is_an_error() {
    for request in [MODERN, CALL] {
        for reply in [Reply::NoResponse, Reply::Done, Reply::Completion(CompleteResult::default())]
        {
            if request == CALL && matches!(reply, Reply::NoResponse) {
                continue;
            }
            let mut client = Client::new(false);
            let key = client.call(request);
            client.handle(Input::Reply(key, reply));
            let line = client.read();
            assert!(line.contains("-32603") && line.contains("does not fit"), "{line:?}");
        }
    }
}

/// An event of the session's stream is a line as it is.
#[test]
fn what_goes_by_the_stream_of_a_session_is_written_as_it_is() {
    let mut hub = Hub::new(HubLimits::default());
    let mut client = Client::new(true);
    let endpoint = config(true).endpoints.remove(0);
    let [Output::Call(initialize)] = &client.send(INITIALIZE)[..] else { panic!("no call") };
    let id = SessionId::new([1; 16]);
    let reply = hub.open_session(ZERO, id, initialize.request(), &endpoint, None);
    let outputs = client.handle(Input::Reply(initialize.key(), reply));
    let [Output::Call(_)] = &outputs[..] else { panic!("{outputs:?}") };
    let stream = key(&outputs);
    let call = outputs.into_iter().find_map(|output| match output {
        Output::Call(call) => Some(call),
        _ => None,
    });
    let admission = hub.admit(ZERO, call.expect("it listens"), None, Caller::default());
    let Admission::Stream { reader, .. } = admission else { panic!("{admission:?}") };
    let told = client.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    for output in told {
        if let Output::Call(call) = output {
            let told = call.key();
            hub.admit(ZERO, call, None, Caller::default());
            client.handle(Input::Reply(told, Reply::Done));
        }
    }
    client.read();
    hub.publish(&Change::Tools);
    let Some(FromStream::Event(event)) = hub.next_event(ZERO, reader) else { panic!("no event") };
    client.handle(Input::Notify(stream, Notification::Event(event)));
    let line = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n";
    assert_eq!(client.read(), line);
}

/// Somebody waits for the answer, and knows it by its id.
#[test]
fn what_cannot_be_read_is_refused_with_its_id() {
    let mut config = config(false);
    config.limits = Limits { body: 600, json_depth: 8, ..Limits::default() };
    let mut client = Client::of(config);
    let (deep, long) = ("[".repeat(9) + &"]".repeat(9), format!("{:?}", "x".repeat(600)));
    for (value, reason) in [(deep, "nests deeper"), (long, "longer than 600 bytes")] {
        for (line, id) in [
            (format!(r#"{{"id":"a","method":"m","params":{value}}}"#), r#""id":"a""#),
            // A response has none of the client's.
            (format!(r#"{{"id":7,"result":{value}}}"#), r#"{"jsonrpc":"2.0","error""#),
        ] {
            client.send(&line);
            let answer = client.read();
            assert!(answer.contains(id) && answer.contains(reason), "{line}: {answer}");
        }
    }
}

/// Something in `_meta` that only 2026-07-28 has shows that a request is of it.
#[test]
fn a_modern_request_that_lacks_something_is_no_older_one() {
    for meta in [
        r#""io.modelcontextprotocol/protocolVersion":20260728"#,
        r#""io.modelcontextprotocol/clientCapabilities":{}"#,
        r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#,
    ] {
        let params = format!(r#"{{"name":"t","_meta":{{{meta}}}}}"#);
        let request =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        let mut client = Client::new(false);
        assert!(client.send(&request).is_empty());
        let answer = client.read();
        assert!(answer.contains("-32602") && answer.contains("`_meta` must have"), "{answer}");
        // Over HTTP, that is 400.
        let mut peer = Peer::new(&Arc::new(config(false)), ZERO);
        peer.send(&post("", &request));
        assert_eq!(peer.statuses("tools/call"), [400]);
    }
}

#[test]
fn each_message_of_a_batch_is_answered_by_itself() {
    let mut client = Client::new(false);
    let told = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert!(client.send(&format!("[{told},7,{PING},{told}]")).is_empty());
    let lines = client.read();
    let lines: Vec<&str> = lines.lines().collect();
    let [invalid, pong] = lines[..] else { panic!("{lines:?}") };
    assert!(invalid.contains("each message of a batch must be an object"), "{invalid}");
    assert_eq!(pong, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
}

#[test]
fn a_connection_is_initialized_once() {
    for keeps_sessions in [false, true] {
        let mut client = Client::new(keeps_sessions);
        let outputs = client.send(INITIALIZE);
        if keeps_sessions {
            let reply = Reply::Initialized(Some(SessionId::new([1; 16])));
            client.handle(Input::Reply(key(&outputs), reply));
        }
        assert!(client.read().contains(r#""protocolVersion":"2025-11-25""#));
        assert!(client.send(INITIALIZE).is_empty());
        let again = client.read();
        assert!(again.contains("this connection is initialized already"), "{again}");
    }
}

/// A server that has no room for a session says so to client and log.
#[test]
fn what_the_hub_refuses_is_told_to_both() {
    let mut client = Client::new(true);
    let key = client.call(INITIALIZE);
    let refusal = Refusal::TooManySessions { limit: 3 };
    match &client.handle(Input::Reply(key, Reply::Refused(refusal.clone())))[..] {
        [Output::Event(Event::Refused { endpoint: Some(0), refusal: logged })] => {
            assert_eq!(*logged, refusal);
        }
        other => panic!("{other:?}"),
    }
    let line = client.read();
    assert!(line.contains(r#""id":1"#) && line.contains("error"), "{line}");
    // It may try again.
    client.call(INITIALIZE);
}

#[test]
fn where_nothing_is_mounted_nothing_is_served() {
    let mut client = Client::of(Config::new([]));
    let outputs = client.send(PING);
    assert!(matches!(
        outputs[..],
        [Output::Event(Event::Refused { refusal: Refusal::NoEndpoint, .. })]
    ));
    assert!(client.read().contains("error"));
}

/// Nobody is asked who a client line by line is: an answer to that means nothing.
#[test]
fn nobody_has_to_be_let_in() {
    let mut config = config(false);
    config.endpoints[0].requires_authorization = true;
    let mut peer = Peer::new(&Arc::new(config.clone()), ZERO);
    peer.send(&post("", CALL));
    let waiting = peer.waiting.pop().expect("it waits to be let in");
    let mut client = Client::of(config);
    client.call(CALL);
    let denied = Err(Denial::missing_token());
    assert!(client.handle(Input::Authorized(waiting.key(), denied)).is_empty());
    assert!(client.session.transmit().is_empty());
    assert_eq!(waiting.into_head().bearer_token(), Err(Denial::missing_token()));
}

/// A connection with a session, and the call by which it listens to that.
fn listening() -> (Client, CallKey) {
    let mut client = Client::new(true);
    let initialize = client.call(INITIALIZE);
    let reply = Reply::Initialized(Some(SessionId::new([1; 16])));
    let stream = key(&client.handle(Input::Reply(initialize, reply)));
    client.read();
    (client, stream)
}

/// A connection with a session, whose call to end that is not answered yet.
fn ending() -> (Client, CallKey) {
    let (mut client, stream) = listening();
    // It asks the session to end the stream, and to know that nothing more comes.
    let told = key(&client.handle(Input::PeerClosed(PeerClosed::Fin)));
    let outputs = client.handle(Input::Reply(told, Reply::Done));
    match &outputs[..] {
        [Output::Event(_), Output::Cancelled(ended), Output::Call(end)] => {
            assert_eq!((*ended, end.request().method()), (stream, McpMethod::EndSession));
            let end = end.key();
            (client, end)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_session_ends_before_its_connection_closes() {
    for how in [PeerClosed::Fin, PeerClosed::Reset] {
        let (mut client, end) = ending();
        // That the client has gone is no reason to forget its session.
        assert!(client.handle(Input::PeerClosed(how)).is_empty());
        assert!(!client.session.is_closed());
        let outputs = client.handle(Input::Reply(end, Reply::Done));
        assert!(matches!(outputs[..], [Output::Close]), "{outputs:?}");
    }
}

#[test]
fn a_shutdown_does_not_wait_for_the_end_of_a_session_for_ever() {
    let (mut client, end) = ending();
    let until = client.now + Duration::from_secs(1);
    client.handle(Input::Shutdown(until));
    let last = client.session.poll_timeout().expect("a deadline");
    assert!(last < until + Deadlines::default().drain, "nobody waits for calls any more");
    assert_eq!(last, client.now + Deadlines::default().drain);
    client.now = Instant::from_micros(last.as_micros() - 1);
    assert!(client.handle(Input::Timeout).is_empty());
    client.now = last;
    let outputs = client.handle(Input::Timeout);
    assert!(
        matches!(outputs[..], [Output::Cancelled(ended), Output::Close] if ended == end),
        "{outputs:?}"
    );
}

#[test]
fn what_a_shutdown_does_not_wait_for_any_longer_is_told_so() {
    let mut client = Client::new(false);
    let key = client.call(CALL);
    let until = client.now + Duration::from_secs(1);
    client.handle(Input::Shutdown(until));
    client.now = until;
    let outputs = client.handle(Input::Timeout);
    assert!(matches!(outputs[..], [Output::Cancelled(ended)] if ended == key), "{outputs:?}");
    let line = client.read();
    assert!(line.contains(r#""id":1"#) && line.contains("the server is shutting down"), "{line}");
    assert!(client.session.is_closed(), "what it waited for has been read");
}

/// A client that has its server end closes its input first, and kills it if it goes on after a signal.
#[test]
fn a_shutdown_does_not_wait_for_a_client_that_has_closed_its_input() {
    let mut client = Client::new(false);
    let key = client.call(CALL);
    client.handle(Input::PeerClosed(PeerClosed::Fin));
    let until = client.now + Duration::from_secs(10);
    let outputs = client.handle(Input::Shutdown(until));
    assert!(matches!(outputs[..], [Output::Cancelled(ended)] if ended == key), "{outputs:?}");
    assert!(client.read().contains("the server is shutting down"));
    assert!(client.session.is_closed());
}

/// What the client listens to ends with its input as well, and not with an error.
#[test]
fn what_goes_on_for_ever_ends_with_the_time_for_calls() {
    let (mut client, stream) = listening();
    let call = client.call(CALL);
    let told = key(&client.handle(Input::PeerClosed(PeerClosed::Fin)));
    client.handle(Input::Reply(told, Reply::Done));
    client.now = client.now + Deadlines::default().input_end;
    let outputs = client.handle(Input::Timeout);
    match &outputs[..] {
        [
            Output::Event(Event::StreamEnded { .. }),
            Output::Cancelled(ended),
            Output::Cancelled(cut),
        ] => {
            assert_eq!((*ended, *cut), (stream, call));
        }
        other => panic!("{other:?}"),
    }
    let answers = client.read();
    assert_eq!(answers.lines().count(), 1, "{answers}");
    assert!(answers.contains("has closed its input"), "{answers}");
}

/// 2026-07-28, basic/patterns/subscriptions, "Graceful Closure", and basic/patterns/cancellation, which has
/// the server take the request back as well.
#[test]
fn a_subscription_that_the_server_ends_is_answered_and_taken_back() {
    for id in ["7", "\"seven\""] {
        let mut client = Client::new(false);
        let listen = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"subscriptions/listen","params":{{"notifications":{{"toolsListChanged":true}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
        );
        let key = client.call(&listen);
        client.handle(Input::Notify(key, Notification::Subscribed));
        assert!(client.read().contains("notifications/subscriptions/acknowledged"));
        client.handle(Input::Shutdown(client.now + Duration::from_secs(1)));
        let lines = client.read();
        let lines: Vec<serde_json::Value> =
            lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let [result, cancelled] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(result["result"]["resultType"], "complete", "{result}");
        assert_eq!(cancelled["method"], "notifications/cancelled");
        assert_eq!(cancelled["params"]["requestId"], result["id"]);
        let meta = &cancelled["params"]["_meta"];
        assert_eq!(meta["io.modelcontextprotocol/subscriptionId"], result["id"]);
        assert!(client.session.is_closed());
    }
}

/// What is reported as lost is what there was.
#[test]
fn a_reset_loses_what_there_was() {
    let mut client = Client::new(false);
    let outputs = client.handle(Input::PeerClosed(PeerClosed::Reset));
    assert!(matches!(outputs[..], [Output::Close]), "{outputs:?}");
    for unread in [false, true] {
        let mut client = Client::new(false);
        let key = client.call(CALL);
        if unread {
            client.send(PING);
        }
        match &client.handle(Input::PeerClosed(PeerClosed::Reset))[..] {
            [Output::Event(Event::RequestLost(lost)), Output::Cancelled(ended), Output::Close] => {
                assert_eq!((lost.stage, lost.call, *ended), (Lost::InCall, Some(key), key));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Who has closed its input and reads nothing has a write stall's time for each byte.
#[test]
fn who_leaves_its_answer_unread_is_gone() {
    let stall = Deadlines::default().write_stall;
    let mut client = Client::new(false);
    client.send(PING);
    assert_eq!(client.session.poll_timeout(), None, "it may be asleep");
    client.handle(Input::PeerClosed(PeerClosed::Fin));
    client.now = client.now + stall / 2;
    client.handle(Input::Written(1));
    assert_eq!(client.session.poll_timeout(), Some(client.now + stall));
    let until = client.now + stall;
    client.now = client.now + stall / 2;
    client.handle(Input::Written(0));
    assert_eq!(client.session.poll_timeout(), Some(until), "nothing was written");
    client.now = until;
    match &client.handle(Input::Timeout)[..] {
        [Output::Event(Event::RequestLost(lost)), Output::Close] => {
            assert_eq!(lost.stage, Lost::InResponse);
        }
        other => panic!("{other:?}"),
    }
}

/// Nobody is left to answer, and what asks is told so at once.
#[test]
fn a_question_ends_with_the_input_of_its_client() {
    let mut hub = Hub::new(HubLimits::default());
    let mut client = Client::new(true);
    let endpoint = config(true).endpoints.remove(0);
    let call = |hub: &mut Hub, outputs: Vec<Output>| {
        let mut calls = outputs.into_iter().filter_map(|output| match output {
            Output::Call(call) => Some(call),
            _ => None,
        });
        hub.admit(ZERO, calls.next().expect("a call"), None, Caller::default())
    };
    let outputs = client.send(INITIALIZE);
    let Admission::Initialize(begun) = call(&mut hub, outputs) else { panic!("no session") };
    let reply = hub.open_session(ZERO, SessionId::new([1; 16]), begun.request(), &endpoint, None);
    let outputs = client.handle(Input::Reply(begun.key(), reply));
    assert!(matches!(call(&mut hub, outputs), Admission::Stream { .. }));
    let outputs = client.send(CALL);
    let Admission::Call { key, .. } = call(&mut hub, outputs) else { panic!("no call") };
    let question = hub.ask(ZERO, key, ServerRequest::Ping).expect("it can be asked");
    assert!(hub.take_answer(ZERO, key).is_none());

    let outputs = client.handle(Input::PeerClosed(PeerClosed::Fin));
    assert!(matches!(call(&mut hub, outputs), Admission::Reply(_, Reply::Done)));
    match hub.take_answer(ZERO, key) {
        Some((of, Err(QuestionFailure::Left))) => assert_eq!(of, question),
        other => panic!("{other:?}"),
    }
    assert!(hub.is_open(key), "the call itself is served to its end");
    assert!(hub.ask(ZERO, key, ServerRequest::Ping).is_err());
}
