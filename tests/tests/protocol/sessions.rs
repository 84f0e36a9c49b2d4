//! Sessions of the 2025 revisions over HTTP, step by step. What many of them come to is checked by
//! `worlds`.

use std::sync::Arc;

use mcp_proto::{
    CallToolResult, Change, Config, Denial, Endpoint, FromStream, Hub, HubLimits, InputRequest,
    LogLevel, LogMessage, Notification, Refusal, Reply, Revision, RpcError, ServerInfo,
    ServerRequest,
};
use mcp_tests::peer::{CALL, Host, PING, Peer, config, post};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

const REVISION: Revision = Revision::V2025_11_25;

fn host_of(change: impl FnOnce(&mut Config)) -> Host {
    let mut host = Host::new(Hub::new(HubLimits::default()));
    let mut config = config(true);
    change(&mut config);
    host.config = Arc::new(config);
    host
}

/// RFC 9110 section 15.5.6: what is allowed depends on whether there is something to hear.
#[test]
fn what_is_not_allowed_says_what_is() {
    let put = b"PUT /mcp HTTP/1.1\r\nHost: localhost\r\nMCP-Protocol-Version: 2025-11-25\r\n\r\n";
    for (has_changes, keeps_sessions, allowed) in [
        (true, true, "POST, GET, DELETE"),
        (false, true, "POST, DELETE"),
        (true, false, "POST"),
        (false, false, "POST"),
    ] {
        let mut host = host_of(|config| {
            let endpoint = &mut config.endpoints[0];
            if !has_changes {
                *endpoint = Endpoint::new("/mcp", ServerInfo::new("t", "1")).expect("a path");
            }
            endpoint.keeps_sessions = keeps_sessions;
        });
        let responses = host.visit(put).peer.responses_on(REVISION, "").finals;
        assert_eq!((responses[0].status, responses[0].field("allow")), (405, Some(allowed)));
    }
}

/// 2025-11-25, basic/transports, "Protocol Version Header".
#[test]
fn streams_and_sessions_are_of_a_version_that_is_served() {
    for (version, expected) in
        [("2024-11-05", [400, 400]), ("2026-07-28", [405, 405]), ("2025-06-18", [200, 204])]
    {
        let mut host = host_of(|_| {});
        let id = host.session(Revision::V2025_06_18);
        for (method, status) in ["GET", "DELETE"].into_iter().zip(expected) {
            let mut visit = host.visit(
                format!(
                    "{method} /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: {id}\r\n\
                     MCP-Protocol-Version: {version}\r\nAccept: */*\r\n\r\n"
                )
                .as_bytes(),
            );
            let responses = visit.peer.responses_on(Revision::V2025_06_18, "").finals;
            let answers: Vec<_> = responses.iter().map(|response| response.status).collect();
            assert_eq!(answers, [status], "{method} {version}");
        }
    }
}

/// 2025-11-25, basic/transports, "Listening for Messages from the Server".
#[test]
fn a_stream_is_for_who_takes_events() {
    let mut host = host_of(|_| {});
    let id = host.session(REVISION);
    for (accept, status) in [("application/json", 406), ("text/event-stream", 200), ("*/*", 200)] {
        let mut visit = host.visit(
            format!(
                "GET /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: {id}\r\n\
                 MCP-Protocol-Version: {REVISION}\r\nAccept: {accept}\r\n\r\n"
            )
            .as_bytes(),
        );
        let responses = visit.peer.responses_on(REVISION, "");
        let answers = responses.finals.iter().map(|response| response.status);
        assert_eq!(answers.collect::<Vec<_>>(), [status], "{accept}");
        let is_refused = visit.peer.refusals() == [Refusal::NotAcceptable];
        assert_eq!(is_refused, status == 406, "{accept}");
    }
}

fn message(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn a_server_may_say_how_it_is_used() {
    for instructions in [None, Some("Ask \"first\".")] {
        let mut host = host_of(|config| {
            let mut info = config.endpoints[0].info().clone();
            info.instructions = instructions.map(Into::into);
            let mut endpoint = Endpoint::new("/mcp", info).expect("a path");
            endpoint.keeps_sessions = true;
            config.endpoints = vec![endpoint];
        });
        let mut begun = host.initialize(REVISION, "{}");
        let responses = begun.peer.responses_on(REVISION, "initialize").finals;
        let legacy = message(responses[0].messages()[0]);
        let discover = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
        let fields = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: server/discover\r\n";
        let mut discovered = host.visit(&post(fields, discover));
        let responses =
            discovered.peer.responses_on(Revision::V2026_07_28, "server/discover").finals;
        let modern = message(responses[0].messages()[0]);
        for answer in [legacy, modern] {
            assert_eq!(answer["result"]["instructions"], json!(instructions), "{answer}");
        }
    }
}

/// An event of a stream that a connection does not read any more is nobody's there.
#[test]
fn an_event_that_comes_late_is_not_sent_to_another_call() {
    let mut host = host_of(|_| {});
    let id = host.session(REVISION);
    let visit = host.say(REVISION, &id, CALL);
    let pong = Reply::Tool(CallToolResult::text("done"));
    let endpoint = &host.config.endpoints[0];
    assert!(host.hub.reply(host.now, visit.work[0].key, endpoint, pong.clone()).is_some());
    let reader = host.listen(REVISION, &id, None).reader.expect("it listens");
    host.hub.publish(&Change::Tools);
    let Some(FromStream::Event(event)) = host.hub.next_event(host.now, reader) else {
        panic!("no event");
    };

    let mut peer = Peer::new(&host.config, host.now);
    peer.send(&post("", CALL));
    let first = peer.calls.pop().expect("a call").key();
    peer.reply(first, pong.clone());
    peer.bytes();
    peer.send(&post("", CALL));
    peer.notify(first, Notification::Event(event));
    assert_eq!(peer.bytes(), b"");
    let second = peer.calls.pop().expect("a call").key();
    peer.reply(second, pong);
    let responses = peer.responses("tools/call").finals;
    assert_eq!(responses[0].field("content-type"), Some("application/json"));
}

/// 2025-11-25, basic/transports, "Session Management": that it is gone is all there is to say.
#[test]
fn what_cannot_be_served_is_refused_if_its_session_is_gone() {
    let mut host = host_of(|_| {});
    let (id, gone) = (host.session(REVISION), "0".repeat(32));
    for (method, params, code) in [
        ("prompts/list", "{}", -32601),
        ("no/such", "{}", -32601),
        ("tools/list", r#"{"cursor":7}"#, -32602),
        ("tools/call", "[]", -32602),
        ("initialize", "{}", -32602),
    ] {
        let asked = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        for (id, status) in [(&id, 200), (&gone, 404)] {
            let mut visit = host.say(REVISION, id, &asked);
            let responses = visit.peer.responses_on(REVISION, method).finals;
            assert_eq!(responses[0].status, status, "{asked}");
            let error = &message(responses[0].messages()[0])["error"];
            assert!(status == 404 || error["code"] == code, "{error}");
        }
        let with_batches = Revision::V2025_03_26;
        let id = host.session(with_batches);
        for (id, status) in [(&id, 200), (&gone, 404)] {
            let mut visit = host.say(with_batches, id, &format!("[{asked}]"));
            host.pump(&mut visit);
            let responses = visit.peer.responses_on(with_batches, method).finals;
            assert_eq!(responses[0].status, status, "{asked}");
        }
    }
}

/// 2025-11-25, basic/lifecycle, "Initialization".
#[test]
fn a_client_is_asked_when_it_is_ready() {
    let mut host = host_of(|_| {});
    let mut begun = host.initialize(REVISION, r#"{"roots":{}}"#);
    let responses = begun.peer.responses_on(REVISION, "initialize").finals;
    let id = responses[0].field("mcp-session-id").expect("a session").to_owned();
    let mut visit = host.say(REVISION, &id, CALL);
    let key = visit.work[0].key;
    let roots = InputRequest::ListRoots;
    let [_, taken_back] =
        [(); 2].map(|()| host.hub.ask(host.now, key, ServerRequest::Input(&roots)).expect("asked"));
    host.hub.ask(host.now, key, ServerRequest::Ping).expect("it can be asked");
    host.hub.withdraw(host.now, key, taken_back);
    host.pump(&mut visit);
    let sent = String::from_utf8(visit.peer.bytes()).expect("UTF-8");
    assert!(sent.contains(r#""method":"ping""#), "{sent}");
    assert!(!sent.contains("roots/list") && !sent.contains("cancelled"), "{sent}");
    host.say(REVISION, &id, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    host.pump(&mut visit);
    let sent = String::from_utf8(visit.peer.bytes()).expect("UTF-8");
    assert_eq!(sent.matches("roots/list").count(), 1, "{sent}");
    host.say(REVISION, &id, r#"{"jsonrpc":"2.0","id":1,"result":{"roots":[]}}"#);
    assert!(host.hub.take_answer(host.now, key).is_some_and(|(_, answer)| answer.is_ok()));
}

/// 2025-11-25, server/utilities/logging: what is set holds from then on, for calls in flight as well.
#[test]
fn a_level_holds_for_calls_in_flight() {
    let mut host = host_of(|_| {});
    let id = host.session(REVISION);
    let mut visit = host.say(REVISION, &id, CALL);
    let key = visit.work[0].key;
    for (set, is_heard) in [(None, false), (Some("debug"), true), (Some("error"), false)] {
        if let Some(level) = set {
            let asked = json!({"jsonrpc": "2.0", "id": 1, "method": "logging/setLevel",
                "params": {"level": level}});
            host.say(REVISION, &id, &asked.to_string());
        }
        let data = to_raw_value("psst").expect("JSON");
        let log = Notification::Log(LogMessage::new(LogLevel::Debug, data));
        host.hub.notify(host.now, key, &log);
        host.pump(&mut visit);
        let sent = String::from_utf8(visit.peer.bytes()).expect("UTF-8");
        assert_eq!(sent.contains("psst"), is_heard, "{set:?}: {sent}");
    }
}

/// RFC 9110 sections 9.3.1 and 9.3.5: content of a GET or DELETE means nothing, and is no other request.
#[test]
fn content_of_other_methods_is_passed_over() {
    let ping = String::from_utf8(post("", PING)).expect("UTF-8");
    let framed = [
        ("Content-Length: 3\r\n", "abc"),
        ("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
        ("Content-Length: 3\r\nExpect: 100-continue\r\n", "abc"),
    ];
    for (method, status) in [("DELETE", 204), ("GET", 406)] {
        for (fields, content) in framed {
            let mut host = host_of(|_| {});
            let id = host.session(REVISION);
            let request = format!(
                "{method} /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: {id}\r\n\
                 MCP-Protocol-Version: {REVISION}\r\nAccept: application/json\r\n{fields}\r\n\
                 {content}{ping}"
            );
            let mut visit = host.visit(request.as_bytes());
            let responses = visit.peer.responses_on(REVISION, "ping").finals;
            let statuses: Vec<_> = responses.iter().map(|response| response.status).collect();
            // A refusal of what has content to come is the last.
            let expected = if status == 204 { vec![204, 200] } else { vec![status] };
            assert_eq!(statuses, expected, "{method} {fields}");
        }
    }
}

/// As without a session: an event stream has no status of its own.
#[test]
fn who_is_denied_in_a_session_is_told_so_by_the_status() {
    let mut host = host_of(|_| {});
    let id = host.session(REVISION);
    for accept in ["application/json", "text/event-stream", "*/*"] {
        let fields = format!(
            "Mcp-Session-Id: {id}\r\nMCP-Protocol-Version: {REVISION}\r\nAccept: {accept}\r\n"
        );
        let denial = || Reply::Error(RpcError::from(Denial::insufficient_scope(["a"])));
        let mut visit = host.visit(&post(&fields, CALL));
        host.reply(&mut visit, denial());
        let responses = visit.peer.responses_on(REVISION, "tools/call").finals;
        assert_eq!(responses[0].status, 403, "{accept}");
        let challenge = responses[0].field("www-authenticate").unwrap_or_default();
        assert!(challenge.contains("insufficient_scope"), "{challenge}");
        // Other errors have no status on the 2025 revisions, and go by what is accepted.
        let mut visit = host.visit(&post(&fields, CALL));
        host.reply(&mut visit, Reply::Error(RpcError::internal("failed")));
        let responses = visit.peer.responses_on(REVISION, "tools/call").finals;
        let media = if accept == "text/event-stream" { accept } else { "application/json" };
        assert_eq!((responses[0].status, responses[0].field("content-type")), (200, Some(media)));
    }
}

#[test]
fn what_is_asked_for_by_half_is_invalid() {
    let mut host = host_of(|_| {});
    let id = host.session(REVISION);
    for (method, params, says) in [
        ("logging/setLevel", "{}", "`level` must be a string"),
        ("logging/setLevel", r#"{"level":"loud"}"#, "must be one of syslog"),
        ("logging/setLevel", r#"{"level":null}"#, "must be one of syslog"),
        ("tools/list", r#"{"cursor":7}"#, "`cursor` must be a string"),
        ("tools/call", r#"{"name":"t","arguments":[]}"#, "`arguments` must be an object"),
        (
            "tools/call",
            r#"{"name":"t","_meta":{"progressToken":[]}}"#,
            "`_meta.progressToken` must be a string or an integer",
        ),
    ] {
        let asked = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let mut visit = host.say(REVISION, &id, &asked);
        let responses = visit.peer.responses_on(REVISION, method).finals;
        let error = &message(responses[0].messages()[0])["error"];
        assert_eq!(error["code"], -32602, "{asked}");
        assert!(error["message"].as_str().is_some_and(|text| text.contains(says)), "{error}");
    }
}

#[test]
fn a_log_message_says_what_part_it_is_of() {
    let mut host = host_of(|_| {});
    let id = host.session(REVISION);
    for logger in [None, Some("data\"base")] {
        let mut visit = host.say(REVISION, &id, CALL);
        let mut log = LogMessage::new(LogLevel::Warning, to_raw_value(&[1]).expect("JSON"));
        log.logger = logger.map(Into::into);
        host.hub.notify(host.now, visit.work[0].key, &Notification::Log(log));
        host.pump(&mut visit);
        let responses = visit.peer.responses_on(REVISION, "tools/call");
        let last = responses.finals.last().expect("a stream that goes on");
        let messages = last.messages();
        let mut params = json!({"level": "warning", "data": [1]});
        if let Some(logger) = logger {
            params["logger"] = logger.into();
        }
        assert_eq!(message(messages.last().expect("a message"))["params"], params);
    }
}
