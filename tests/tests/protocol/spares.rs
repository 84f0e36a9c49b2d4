//! The room that sessions without a request leave to others. That nobody else notices is seen by the
//! laws and by `worlds`, whose drivers pass it around all the time.

use std::sync::Arc;
use std::time::Duration;

use mcp_proto::{CallToolResult, Config, Input, Instant, PeerClosed, Reply, Session};
use mcp_tests::meter;
use mcp_tests::peer::{CALL, PING, Peer, config, post};

const START: Instant = Instant::from_micros(1_000_000);

fn shared() -> Arc<Config> {
    Arc::new(config(false))
}

#[test]
fn an_idle_session_keeps_nothing_but_itself() {
    assert!(size_of::<Session>() <= 64, "{} bytes", size_of::<Session>());
    let config = shared();
    let request = post("", PING);
    let mut session = Session::new(config.clone(), START.into());
    meter::reset();
    meter::switch(true);
    session.handle(START.into(), Input::Bytes(&request));
    session.handle(START.into(), Input::Written(usize::MAX));
    let kept = meter::live();
    drop(session.take_spare());
    meter::switch(false);
    assert!(kept > 0, "it has room for the next request");
    assert_eq!(meter::live(), 0);
    // What changes nothing makes no room either.
    meter::switch(true);
    session.handle(START.into(), Input::Timeout);
    session.handle(START.into(), Input::Written(1));
    meter::switch(false);
    assert!(session.wants_spare());
    assert_eq!(meter::live(), 0);
}

#[test]
fn room_is_there_only_between_requests() {
    let request = post("", PING);
    let head = request.len() - PING.len();
    for end in (1..head).chain([head, head + 1, request.len() - 1]) {
        let mut peer = Peer::new(&shared(), START);
        peer.send(&request[..end]);
        assert!(peer.session.take_spare().is_none(), "{end} bytes of a request");
        peer.send(&request[end..]);
        assert_eq!(peer.statuses("ping"), [200]);
        assert!(peer.session.take_spare().is_some());
    }
    // Half of an empty line would be missed.
    let mut peer = Peer::new(&shared(), START);
    peer.send(b"\r");
    assert!(peer.session.take_spare().is_none());
    peer.send(b"\n");
    assert!(peer.session.take_spare().is_some());
    // Nor while an answer waits to be read, or to be given, or when there is no next request.
    let mut peer = Peer::deaf(&shared(), START);
    peer.send(&request);
    assert!(peer.session.take_spare().is_none());
    peer.send(&post("", CALL));
    peer.read(usize::MAX);
    assert!(peer.session.take_spare().is_none());
    peer.handle(Input::PeerClosed(PeerClosed::Fin));
    assert!(peer.is_closed && peer.session.take_spare().is_none());
}

#[test]
fn who_borrows_room_finds_nothing_in_it() {
    let mut first = Peer::new(&shared(), START);
    first.send(&post("", CALL));
    let key = first.calls.pop().expect("a call").key();
    first.reply(key, Reply::Tool(CallToolResult::text("first")));
    assert_eq!(first.statuses("tools/call"), [200]);
    let spare = first.session.take_spare().expect("nothing is to be done");

    // Another one, of another configuration, later.
    let mut second = Peer::new(&shared(), START);
    second.pass(Duration::from_secs(7));
    let idle = second.session.poll_timeout();
    second.session.lend(spare);
    assert_eq!(second.session.poll_timeout(), idle);
    assert!(!second.session.wants_spare());
    second.reply(key, Reply::Tool(CallToolResult::text("late")));
    assert!(second.bytes().is_empty());
    second.send(&post("", CALL));
    let other = second.calls.pop().expect("a call").key();
    second.reply(other, Reply::Tool(CallToolResult::text("second")));
    let bytes = second.bytes();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("second") && !text.contains("first"), "{text}");

    // The first one goes on without, and gives no key twice.
    first.send(&post("", CALL));
    assert_ne!(first.calls.pop().expect("a call").key(), key);
}
