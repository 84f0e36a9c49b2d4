//! Requests that wait to be let in, on one connection in virtual time.

use std::sync::Arc;
use std::time::Duration;

use mcp_proto::{
    AuthorizationKey, Call, CallToolResult, Config, Denial, Endpoint, Event, Input, Instant, Lost,
    Notification, Origins, Principal, Progress, ProtectedResource, Refusal, Reply, Revision,
    RpcError,
};
use mcp_tests::http::Response;
use mcp_tests::peer::{CALL, PING, Peer, config, post};

const METADATA: &str = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

fn gated(change: impl FnOnce(&mut Config)) -> Peer {
    let mut config = config(true);
    let resource = ProtectedResource::new("https://mcp.example.com/mcp", ["https://a.example"]);
    config.endpoints[0].protected_resource = Some(resource.unwrap());
    config.endpoints[0].requires_authorization = true;
    change(&mut config);
    Peer::new(&Arc::new(config), Instant::from_micros(0))
}

fn peer() -> Peer {
    gated(|_| {})
}

/// The request that waits.
#[track_caller]
fn waiting(peer: &mut Peer) -> AuthorizationKey {
    assert_eq!(peer.waiting.len(), 1);
    assert!(peer.calls.is_empty() && peer.bytes().is_empty(), "nothing is done for it");
    peer.waiting.pop().unwrap().key()
}

fn let_in(peer: &mut Peer, key: AuthorizationKey) {
    peer.handle(Input::Authorized(key, Ok(Principal::new("somebody"))));
}

fn lost(peer: &Peer) -> Vec<(Lost, u64, Option<u64>)> {
    let lost = |event: &Event| match event {
        Event::RequestLost(lost) => Some((lost.stage, lost.received, lost.announced)),
        _ => None,
    };
    peer.events.iter().filter_map(lost).collect()
}

fn response(peer: &mut Peer) -> Response {
    let mut responses = peer.responses("tools/call").finals;
    assert_eq!(responses.len(), 1);
    responses.pop().unwrap()
}

fn done() -> Reply {
    Reply::Tool(CallToolResult::text("done"))
}

#[test]
fn nothing_is_done_before_it_is_let_in() {
    let request = post("Authorization: Bearer secret\r\n", CALL);
    for size in [1, 7, request.len()] {
        let mut peer = peer();
        peer.send_in(size, &request);
        let shown = format!("{:?} {:?}", peer.waiting, peer.session);
        assert!(!shown.contains("secret"), "{shown}");
        assert_eq!(peer.waiting[0].endpoint(), 0);
        assert_eq!(peer.waiting[0].head().bearer_token(), Ok("secret"));
        let key = waiting(&mut peer);
        let principal = Principal::new("alice").scopes(["a"]).with_claims(7.into()).with_data(8_u8);
        peer.handle(Input::Authorized(key, Ok(principal)));
        let call = peer.calls.pop().expect("a call");
        let principal = call.request().principal().expect("who it is");
        assert_eq!((principal.subject(), principal.has_scope("a")), ("alice", true));
        assert_eq!((principal.claims(), principal.data()), (&7.into(), Some(&8_u8)));
        assert_eq!(principal.data::<u16>(), None);
        peer.reply(call.key(), done());
        assert_eq!(response(&mut peer).status, 200);
    }
}

#[test]
fn who_is_to_be_let_in_is_asked_for_one_endpoint() {
    for (at, path) in ["/mcp", "/other"].into_iter().enumerate() {
        let mut peer = gated(|config| {
            let mut other = Endpoint::new("/other", config.endpoints[0].info().clone()).unwrap();
            other.requires_authorization = true;
            config.endpoints.push(other);
        });
        let request = String::from_utf8(post("", CALL)).unwrap().replacen("/mcp", path, 1);
        peer.send(request.as_bytes());
        assert_eq!(peer.waiting[0].endpoint(), at);
        let key = waiting(&mut peer);
        let_in(&mut peer, key);
        assert_eq!(peer.calls[0].endpoint(), at);
    }
}

#[test]
fn nobody_is_asked_for_what_is_open() {
    let mut peer = gated(|config| config.endpoints[0].requires_authorization = false);
    peer.send(&post("", CALL));
    assert!(peer.waiting.is_empty());
    assert!(peer.calls[0].request().principal().is_none());
}

/// What a head can be refused for, it is refused for first.
#[test]
fn guards_come_first() {
    for (from, to, status) in [
        ("localhost", "evil.example.com", 403),
        ("/mcp", "/other", 404),
        ("application/json", "text/plain", 415),
    ] {
        let mut peer = peer();
        let request = String::from_utf8(post("", CALL)).unwrap().replacen(from, to, 1);
        peer.send(request.as_bytes());
        assert!(peer.waiting.is_empty(), "{to}");
        assert_eq!(response(&mut peer).status, status, "{to}");
    }
}

/// A body that a client holds back is not asked for, and one that it does not is not looked at.
#[test]
fn the_body_waits_within_a_limit() {
    let mut peer = gated(|config| config.limits.read_ahead = 100);
    let request = post("Expect: 100-continue\r\n", CALL);
    let head = request.len() - CALL.len();
    peer.send(&request[..head]);
    assert!(peer.session.wants_read());
    let key = waiting(&mut peer);
    peer.send(&request[head..head + 99]);
    assert!(peer.session.wants_read());
    peer.send(&request[head + 99..head + 100]);
    assert!(!peer.session.wants_read());
    assert!(peer.bytes().is_empty());
    let_in(&mut peer, key);
    assert_eq!(peer.bytes(), b"HTTP/1.1 100 Continue\r\n\r\n");
    assert!(peer.session.wants_read() && peer.calls.is_empty());
    peer.send(&request[head + 100..]);
    assert_eq!(peer.calls.len(), 1);
}

#[test]
fn who_is_not_let_in_is_told_why() {
    let metadata = format!("Bearer resource_metadata=\"{METADATA}\"");
    for (denial, status, rest) in [
        (Denial::missing_token(), 401, Some("")),
        (
            Denial::invalid_token("it is \"old\"\r\nX: y").scopes(["a b", "c"]),
            401,
            Some(
                ", scope=\"a b c\", error=\"invalid_token\", \
                 error_description=\"it is 'old'??X: y\"",
            ),
        ),
        (
            Denial::insufficient_scope(["a"]),
            403,
            Some(", scope=\"a\", error=\"insufficient_scope\""),
        ),
        (
            Denial::invalid_request("twice"),
            400,
            Some(", error=\"invalid_request\", error_description=\"twice\""),
        ),
        (Denial::unavailable("x"), 503, None),
        (Denial::failed(), 500, None),
    ] {
        // Behind one with a body no other can be found; behind one without, it is served.
        for (request, closes) in [(post("", CALL), true), (post("", ""), false)] {
            let mut peer = peer();
            peer.send(&[request, post("", PING)].concat());
            let key = waiting(&mut peer);
            peer.handle(Input::Authorized(key, Err(denial.clone())));
            let response = response(&mut peer);
            assert_eq!((response.status, response.closes()), (status, closes), "{denial:?}");
            let challenge = response.field("www-authenticate");
            let rest = rest.map(|rest| format!("{metadata}{rest}"));
            assert_eq!(challenge, rest.as_deref(), "{denial:?}");
            assert_eq!(peer.refusals(), [Refusal::Denied(Box::new(denial.clone()))]);
            assert_eq!(peer.waiting.len(), usize::from(!closes));
            // A second word on it changes nothing.
            let_in(&mut peer, key);
            assert!(peer.bytes().is_empty() && peer.calls.is_empty());
        }
    }
}

/// Where nothing is said of tokens, there is a challenge nevertheless (RFC 9110 section 15.5.2).
#[test]
fn there_is_a_challenge_without_metadata() {
    let mut peer = gated(|config| config.endpoints[0].protected_resource = None);
    peer.send(&post("", CALL));
    let key = waiting(&mut peer);
    peer.handle(Input::Authorized(key, Err(Denial::missing_token())));
    assert_eq!(response(&mut peer).field("www-authenticate"), Some("Bearer"));
}

#[test]
fn who_leaves_waits_no_more() {
    for has_body in [true, false] {
        let mut peer = peer();
        peer.send(&post("", if has_body { CALL } else { "" }));
        let key = peer.waiting[0].key();
        peer.close();
        assert!(peer.waiting.is_empty() && peer.is_closed);
        let announced = if has_body { CALL.len() as u64 } else { 0 };
        assert_eq!(lost(&peer), [(Lost::InAuthorization, 0, Some(announced))]);
        let_in(&mut peer, key);
        assert!(peer.calls.is_empty() && peer.bytes().is_empty());
    }
}

#[test]
fn a_shutdown_waits_as_long_as_for_a_call() {
    let minute = Duration::from_secs(60);
    let mut peer = gated(|config| config.deadlines.authorization = Duration::MAX);
    peer.send(&post("", CALL));
    peer.handle(Input::Shutdown(peer.now + minute));
    peer.wake_after(minute - Duration::from_micros(1));
    assert_eq!((peer.waiting.len(), peer.is_closed), (1, false));
    peer.wake_after(Duration::from_micros(1));
    assert_eq!((peer.waiting.len(), peer.is_closed), (0, true));

    // Who is let in by then is served, as the last.
    let mut peer = self::peer();
    peer.send(&post("", CALL));
    peer.handle(Input::Shutdown(peer.now + minute));
    let key = waiting(&mut peer);
    let_in(&mut peer, key);
    let key = peer.calls.pop().expect("a call").key();
    peer.reply(key, done());
    let response = response(&mut peer);
    assert_eq!((response.status, response.closes()), (200, true));
}

/// A FIN behind a complete request is only the end of that, but whether it is complete shows late.
#[test]
fn half_closed_peers_are_answered() {
    let half_closing = || gated(|config| config.endpoints[0].answer_half_closed = true);
    let request = post("", CALL);
    let mut peer = half_closing();
    peer.send(&[&request[..], b"GET"].concat());
    peer.close();
    let key = waiting(&mut peer);
    assert!(!peer.is_closed && lost(&peer).is_empty() && !peer.session.wants_read());
    let_in(&mut peer, key);
    assert_eq!(lost(&peer), [(Lost::InHead, 3, None)]);
    let key = peer.calls.pop().expect("a call").key();
    peer.reply(key, done());
    assert_eq!(response(&mut peer).status, 200);
    assert!(peer.is_closed);

    let mut peer = half_closing();
    peer.send(&request[..request.len() - 1]);
    peer.close();
    let key = waiting(&mut peer);
    let_in(&mut peer, key);
    let length = CALL.len() as u64;
    assert_eq!(lost(&peer), [(Lost::InBody, length - 1, Some(length))]);
    assert!(peer.is_closed && peer.calls.is_empty());

    let mut peer = half_closing();
    peer.send(&request);
    peer.close();
    let key = waiting(&mut peer);
    peer.handle(Input::Authorized(key, Err(Denial::missing_token())));
    assert_eq!(response(&mut peer).status, 401);
    assert!(peer.is_closed && lost(&peer).is_empty());
}

/// Whoever reads or ends a stream or a session is asked for, too; and each of a batch is somebody.
#[test]
fn all_that_is_called_is_of_somebody() {
    let fields = "Host: localhost\r\nMcp-Session-Id: 0\r\nMCP-Protocol-Version: 2025-11-25\r\n";
    for method in ["GET", "DELETE"] {
        let mut peer = peer();
        let accept = "Accept: text/event-stream\r\n";
        peer.send(format!("{method} /mcp HTTP/1.1\r\n{fields}{accept}\r\n").as_bytes());
        let key = waiting(&mut peer);
        let_in(&mut peer, key);
        assert_eq!(peer.calls[0].request().principal().map(Principal::subject), Some("somebody"));
    }
    let mut peer = peer();
    let other = CALL.replacen("\"id\":1", "\"id\":2", 1);
    peer.send(&post("", &format!("[{CALL},{other}]")));
    let key = waiting(&mut peer);
    let_in(&mut peer, key);
    assert_eq!(peer.calls.len(), 2);
    for call in &peer.calls {
        assert_eq!(call.request().principal().map(Principal::subject), Some("somebody"));
    }
}

#[test]
fn a_handler_may_want_more() {
    let denial = Denial::insufficient_scope(["a"]);
    let error = || Reply::Error(RpcError::from(Denial::insufficient_scope(["a"])));
    let begin = || {
        let mut peer = peer();
        peer.send(&post("", CALL));
        let key = waiting(&mut peer);
        let_in(&mut peer, key);
        let key = peer.calls.pop().expect("a call").key();
        (peer, key)
    };
    let (mut peer, key) = begin();
    peer.reply(key, error());
    let refused = response(&mut peer);
    assert_eq!((refused.status, refused.closes()), (403, false));
    assert_eq!(
        refused.field("www-authenticate"),
        Some(&*format!(
            "Bearer resource_metadata=\"{METADATA}\", scope=\"a\", error=\"insufficient_scope\""
        ))
    );
    assert!(refused.messages()[0].contains("\"id\":1"), "{refused:?}");
    assert_eq!(peer.refusals(), [Refusal::Denied(Box::new(denial))]);

    // A status that is out cannot be taken back.
    let (mut peer, key) = begin();
    peer.notify(key, Notification::Progress(Progress::new(1.0)));
    peer.reply(key, error());
    let stream = response(&mut peer);
    assert_eq!(stream.status, 200);
    assert!(stream.messages()[1].contains("insufficient scope"), "{stream:?}");
}

#[test]
fn what_is_answered_to_the_others_of_a_batch_stands() {
    let error = Reply::Error(RpcError::from(Denial::insufficient_scope(["a"])));
    let mut peer = peer();
    let other = CALL.replacen("\"id\":1", "\"id\":2", 1);
    peer.send(&post("", &format!("[{CALL},{other}]")));
    let key = waiting(&mut peer);
    let_in(&mut peer, key);
    let keys: Vec<_> = peer.calls.iter().map(Call::key).collect();
    peer.reply(keys[0], done());
    peer.reply(keys[1], error);
    let both = response(&mut peer);
    assert_eq!(both.status, 200);
    let body = both.messages().concat();
    assert!(body.contains("done") && body.contains("insufficient scope"), "{body}");
}

/// 2026-07-28, server/utilities/caching, "Security Considerations": what is public is shared with callers
/// who would not be let in.
#[test]
fn what_a_server_says_of_itself_is_for_those_who_are_let_in() {
    let discover = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let fields = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: server/discover\r\n";
    for (is_gated, scope) in [(true, "private"), (false, "public")] {
        let mut peer = gated(|config| config.endpoints[0].requires_authorization = is_gated);
        peer.send(&post(fields, discover));
        if is_gated {
            let key = waiting(&mut peer);
            let_in(&mut peer, key);
        }
        let responses = peer.responses_on(Revision::V2026_07_28, "server/discover").finals;
        let hint = format!(r#""cacheScope":"{scope}""#);
        assert!(responses[0].messages()[0].contains(&hint), "{responses:?}");
    }
}

#[test]
fn metadata_is_open() {
    let get = |method: &str, target: &str, host: &str| {
        let mut peer = peer();
        peer.send(format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        assert!(peer.waiting.is_empty() && peer.calls.is_empty());
        assert!(!peer.has_fin, "the connection stays");
        String::from_utf8(peer.bytes()).unwrap()
    };
    let path = "/.well-known/oauth-protected-resource/mcp";
    let json = "{\"resource\":\"https://mcp.example.com/mcp\",\
                \"authorization_servers\":[\"https://a.example\"],\
                \"bearer_methods_supported\":[\"header\"]}";
    let whole = get("GET", path, "localhost");
    let (head, body) = whole.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"), "{head}");
    assert_eq!(body, json);
    assert_eq!(get("HEAD", path, "localhost"), format!("{head}\r\n\r\n"));
    let refused = get("DELETE", path, "localhost");
    assert!(refused.starts_with("HTTP/1.1 405 "), "{refused}");
    assert!(refused.contains("\r\nAllow: GET, HEAD\r\n"), "{refused}");
    assert!(get("GET", path, "evil.example.com").starts_with("HTTP/1.1 403 "));
    assert!(get("GET", &format!("{path}/x"), "localhost").starts_with("HTTP/1.1 404 "));
    // A page of another origin may ask first.
    let mut peer = gated(|config| config.origins = Origins::same().allow("https://a.page"));
    peer.send(
        format!(
            "OPTIONS {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: https://a.page\r\n\
             Access-Control-Request-Method: GET\r\n\r\n"
        )
        .as_bytes(),
    );
    let preflight = response(&mut peer);
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.field("access-control-allow-methods"), Some("GET, HEAD"));
    assert_eq!(preflight.field("access-control-allow-origin"), Some("https://a.page"));
    assert!(!peer.has_fin, "the connection stays");
    // It is told of where it is declared alone.
    let mut peer = gated(|config| config.endpoints[0].protected_resource = None);
    peer.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    assert_eq!(response(&mut peer).status, 404);
}
