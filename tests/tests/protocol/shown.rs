//! What a log gets to see when something is shown by `{:?}`: where it stands, and no secret.

use std::fmt::Debug;
use std::sync::Arc;

use mcp_proto::{
    CallToolResult, Event, Hub, HubLimits, Input, Instant, LineSession, Output, PeerClosed,
    Principal, Reply, Revision,
};
use mcp_tests::peer::{CALL, Host, PING, Peer, begin_chunks, config, post};

const SECRET: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t","arguments":{"password":"hunter2"}}}"#;

#[track_caller]
fn shows(value: &impl Debug, parts: &[&str]) {
    let shown = format!("{value:?}");
    for part in parts {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// The states have the names that ARCHITECTURE.md has for them.
#[test]
fn a_session_shows_its_state() {
    let start = Instant::from_micros(0);
    let mut gated = config(false);
    gated.endpoints[0].requires_authorization = true;
    let mut peer = Peer::new(&Arc::new(gated), start);
    let request = post("Authorization: Bearer hunter2\r\n", SECRET);
    peer.send(&request);
    shows(&peer.session, &["Authorize"]);

    let mut peer = Peer::deaf(&Arc::new(config(false)), start);
    shows(&peer.session, &["Idle", "read_ahead: 0", "unsent: 0"]);
    let head = request.len() - SECRET.len();
    for (from, to, state) in [(0, 1, "Head"), (1, head, "Body"), (head, request.len() - 1, "Body")]
    {
        peer.send(&request[from..to]);
        shows(&peer.session, &[state]);
    }
    peer.send(&request[request.len() - 1..]);
    shows(&peer.session, &["Call", "unsent: 0"]);
    peer.send(&post("", PING));
    shows(&peer.session, &[&format!("read_ahead: {}", post("", PING).len())]);
    let key = peer.calls.pop().expect("a call").key();
    peer.reply(key, Reply::Tool(CallToolResult::text("hunter2")));
    let unsent = peer.session.transmit().len();
    shows(&peer.session, &["Flush", &format!("unsent: {unsent}")]);
    while peer.read(usize::MAX) > 0 {}
    shows(&peer.session, &["Idle"]);
    peer.send(b"GET hunter2\r\n\r\n");
    while peer.read(usize::MAX) > 0 {}
    shows(&peer.session, &["Drain"]);
    peer.close();
    shows(&peer.session, &["Closed"]);
}

#[test]
fn a_client_line_by_line_is_shown_by_what_it_holds() {
    let now = Instant::from_micros(0).into();
    let mut session = LineSession::new(Arc::new(config(false)));
    session.handle(now, Input::Bytes(format!("{SECRET}\n{SECRET}\n\"hunter2").as_bytes()));
    shows(&session, &["Open", "open: 2", "read_ahead: 8", "unsent: 0"]);
    session.handle(now, Input::Bytes(b"\"\n"));
    let unsent = session.transmit().len();
    assert!(unsent > 0, "it is answered that this is no message");
    shows(&session, &["open: 2", "read_ahead: 0", &format!("unsent: {unsent}")]);
    session.handle(now, Input::PeerClosed(PeerClosed::Reset));
    shows(&session, &["Closed", "open: 0"]);
}

/// How far a request had come says what to look for: a client, a proxy, a slow handler.
#[test]
fn a_client_that_is_lost_is_told_apart() {
    let request = post("", SECRET);
    let head = request.len() - SECRET.len();
    let chunks = begin_chunks();
    for (is_gated, sent, reads, says) in [
        (false, &request[..5], true, "client left within the head, after 5 bytes".to_owned()),
        (true, &request, true, "client left while it waited to be let in".to_owned()),
        (
            false,
            &request[..head + 3],
            true,
            format!("client left within the body, after 3 of {} bytes", SECRET.len()),
        ),
        (false, &chunks, true, "client left within a chunked body, after 0 bytes".to_owned()),
        (false, &request, true, "client left during the call".to_owned()),
        (false, &post("", PING), false, "client left before the answer was written".to_owned()),
    ] {
        let mut config = config(false);
        config.endpoints[0].requires_authorization = is_gated;
        let mut peer = Peer::new(&Arc::new(config), Instant::from_micros(0));
        peer.reads = reads;
        peer.send(sent);
        peer.close();
        let [Event::RequestLost(lost)] = &peer.events[..] else { panic!("{:?}", peer.events) };
        assert_eq!(lost.to_string(), says);
    }
    let mut session = LineSession::new(Arc::new(config(false)));
    let now = Instant::from_micros(0).into();
    session.handle(now, Input::Bytes(b"{\"jsonrpc"));
    session.handle(now, Input::PeerClosed(PeerClosed::Fin));
    let Some(Output::Event(Event::RequestLost(lost))) = session.poll_output() else {
        panic!("nothing is lost");
    };
    assert_eq!(lost.to_string(), "client left within a line, after 9 bytes");
}

#[test]
fn a_request_shows_what_is_asked_and_not_what_with() {
    let mut peer = Peer::new(&Arc::new(config(false)), Instant::from_micros(0));
    peer.send(&post("Authorization: Bearer hunter2\r\n", SECRET));
    let call = peer.calls.pop().expect("a call");
    shows(call.request(), &["CallTool", "id: Some(7)", r#"name: "t""#, "V2025_03_26"]);
    shows(&call, &["CallTool"]);
    shows(call.request().head(), &["Post", "/mcp"]);
}

#[test]
fn a_principal_shows_whom_it_is_and_not_what_is_known() {
    let principal = Principal::new("alice").scopes(["read"]).with_claims("hunter2".into());
    shows(&principal, &["alice", "read"]);
}

#[test]
fn a_hub_shows_how_much_it_holds() {
    let mut host = Host::new(Hub::new(HubLimits::default()));
    shows(&host.hub, &["subscriptions: 0", "sessions: 0", "calls: 0", "readers: 0"]);
    let id = host.session(Revision::V2025_11_25);
    let _visit = host.say(Revision::V2025_11_25, &id, CALL);
    shows(&host.hub, &["subscriptions: 0", "sessions: 1", "calls: 1", "readers: 1"]);
    assert!(!format!("{:?}", host.hub).contains(&id), "an id lets in whoever has it");
}
