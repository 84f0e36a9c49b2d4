//! Servers that let in only who has a token for them (2026-07-28, basic/authorization; RFC 6750;
//! RFC 9728).

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcp_proto::internals::parse_head;
use mcp_smol::{
    Authorizer, Context, Counters, Deadlines, Denial, Endpoints, Head, Instant, JwtKeys, Limits,
    Now, Principal, ProtectedResource, Server, tool,
};
use serde_json::{Value, json};

use crate::common::client::{HangUp, Request, Response, ToolCall, Wire, connect, field, read_head};
use crate::common::session::Client;
use crate::common::tokens::{AUDIENCE, ISSUER, authorizer, keys, later_jwks, token, tokens};
use crate::common::{On, Running, wait_until};

const METADATA: &str = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

struct Fixture {
    running: Running,
    counters: Counters,
    /// How often a handler has run.
    runs: Arc<AtomicUsize>,
}

impl Fixture {
    fn start(on: On, authorizer: impl Authorizer) -> Self {
        let runs = Arc::new(AtomicUsize::new(0));
        let count = runs.clone();
        let who = move |ctx: Context| {
            count.fetch_add(1, Ordering::SeqCst);
            let principal = ctx.principal().expect("nobody else is let in");
            principal.subject().to_owned()
        };
        let erase = tool("erase", "Erases all", || {
            Err::<(), _>(Denial::insufficient_scope(["files:erase"]))
        });
        let write = tool("write", "Writes", || "written").visible_if(|request| {
            request.principal().is_some_and(|principal| principal.has_scope("files:write"))
        });
        let resource = ProtectedResource::new(AUDIENCE, [ISSUER]).unwrap().scopes(["files:read"]);
        let mut server = Server::new("protected", "1.0.0")
            .tool("who", "Tells who asks", who)
            .add(erase)
            .add(write)
            .authorizer(authorizer)
            .protected_resource(resource);
        server.handle();
        let counters = server.counters();
        let deadlines = Deadlines {
            authorization: Duration::from_millis(300),
            drain: Duration::from_millis(100),
            ..Deadlines::default()
        };
        let endpoints = Endpoints::new().mount("/mcp", server).deadlines(deadlines);
        Self { running: on.serve(endpoints), counters, runs }
    }

    fn with_tokens(on: On) -> Self {
        Self::start(on, authorizer(keys()))
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    fn call(&self, wire: Wire, tool: &'static str, bearer: Option<&'static str>) -> Response {
        let call = ToolCall::new(wire, tool, json!({}));
        Request { bearer, ..call.request() }.send(self.running.address)
    }

    fn client(&self, token: &str) -> Client {
        Client::new(self.running.address).authorized(token)
    }
}

fn on_all_runtimes(test: impl Fn(On)) {
    On::ALL.iter().for_each(|&on| test(on));
}

/// The challenge in a head, with nothing in it that could end the field.
fn challenge(head: &str) -> &str {
    let fields = head.lines().filter(|line| line.to_lowercase().starts_with("www-authenticate:"));
    assert_eq!(fields.count(), 1, "{head}");
    field(head, "www-authenticate").unwrap()
}

#[test]
fn each_token_gets_what_it_deserves() {
    on_all_runtimes(|on| {
        let fixture = Fixture::with_tokens(on);
        let prefix = format!("Bearer resource_metadata=\"{METADATA}\", scope=\"files:read\"");
        let mut runs = 0;
        for token in tokens() {
            for wire in [Wire::Legacy, Wire::Modern] {
                let response = fixture.call(wire, "who", Some(token.text));
                let name = token.name;
                assert_eq!(response.status, token.status, "{name}: {response:?}");
                assert!(!response.head.contains(token.text) && !response.body.contains(token.text));
                let error = match token.status {
                    200 => {
                        runs += 1;
                        let who = if name == "somebody else" { "bob" } else { "alice" };
                        assert_eq!(response.text(), who, "{name}");
                        continue;
                    }
                    401 => ", error=\"invalid_token\", error_description=\"",
                    _ => ", error=\"insufficient_scope\"",
                };
                let rest = challenge(&response.head).strip_prefix(&prefix);
                assert!(rest.is_some_and(|rest| rest.starts_with(error)), "{name}: {response:?}");
                assert_eq!(response.answer()["error"]["code"], json!(-32600), "{name}");
            }
            if token.status == 200 {
                continue;
            }
            // Nothing is begun for it, which would still be there.
            let fields = json!({"notifications": {"toolsListChanged": true}});
            let listen = Request::new(Wire::Modern, "subscriptions/listen", fields);
            let listen = Request { bearer: Some(token.text), ..listen };
            assert_eq!(listen.send(fixture.running.address).status, token.status);
            let client = fixture.client(token.text);
            assert_eq!(client.post(&client.introduction()).status, token.status);
        }
        assert_eq!(fixture.runs(), runs, "a handler ran for nobody");
        let counters = &fixture.counters;
        let counts = (counters.open_sessions(), counters.open_subscriptions());
        assert_eq!((counts, counters.calls_in_flight()), ((0, 0), 0));
        assert_eq!(counters.requests_lost(), 0);
        fixture.running.stop().unwrap();
    });
}

#[test]
fn without_a_token_there_is_no_error_to_speak_of() {
    on_all_runtimes(|on| {
        let fixture = Fixture::with_tokens(on);
        for wire in [Wire::Legacy, Wire::Modern] {
            let response = fixture.call(wire, "who", None);
            assert_eq!(response.status, 401);
            assert_eq!(
                challenge(&response.head),
                format!("Bearer resource_metadata=\"{METADATA}\", scope=\"files:read\"")
            );
        }
        // Where the client is led to is open.
        let path = METADATA.strip_prefix("https://mcp.example.com").unwrap();
        let mut stream = connect(fixture.running.address);
        for method in ["GET", "HEAD", "POST"] {
            write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            if method == "HEAD" {
                let head = read_head(&mut BufReader::new(&stream));
                assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
                continue;
            }
            let response = read_any(&stream);
            match method {
                "GET" => {
                    assert_eq!(response.status, 200);
                    assert_eq!(field(&response.head, "content-type"), Some("application/json"));
                    let metadata: Value = serde_json::from_str(&response.body).unwrap();
                    assert_eq!(
                        metadata,
                        json!({
                            "resource": AUDIENCE,
                            "authorization_servers": [ISSUER],
                            "scopes_supported": ["files:read"],
                            "bearer_methods_supported": ["header"],
                        })
                    );
                }
                _ => {
                    assert_eq!(response.status, 405);
                    assert_eq!(field(&response.head, "allow"), Some("GET, HEAD"));
                }
            }
        }
        assert_eq!(fixture.runs(), 0);
        fixture.running.stop().unwrap();
    });
}

/// Reads a response with a length, whatever it is of.
fn read_any(stream: &TcpStream) -> Response {
    let mut reader = BufReader::new(stream);
    let head = read_head(&mut reader);
    let length = field(&head, "content-length").unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let status = head[9..12].parse().unwrap();
    Response { status, head, body: String::from_utf8(body).unwrap() }
}

#[test]
fn scopes_say_who_sees_what_and_who_may() {
    on_all_runtimes(|on| {
        let fixture = Fixture::start(on, |head: Head| async move {
            match head.bearer_token()? {
                "reader" => Ok(Principal::new("alice").scopes(["files:read"])),
                "writer" => Ok(Principal::new("alice").scopes(["files:read", "files:write"])),
                _ => Err(Denial::unavailable("nobody is there")),
            }
        });
        for wire in [Wire::Legacy, Wire::Modern] {
            for (token, sees) in [("reader", false), ("writer", true)] {
                let list = Request::new(wire, "tools/list", json!({}));
                let list = Request { bearer: Some(token), ..list };
                let body = list.send(fixture.running.address).body;
                assert_eq!(body.contains("\"write\""), sees, "{body}");
            }
            // A handler may want more than the server does.
            let response = fixture.call(wire, "erase", Some("writer"));
            assert_eq!(response.status, 403, "{response:?}");
            assert_eq!(
                challenge(&response.head),
                format!(
                    "Bearer resource_metadata=\"{METADATA}\", scope=\"files:erase\", \
                     error=\"insufficient_scope\""
                )
            );
            assert_eq!(response.answer()["id"], json!(1));
            assert_eq!(fixture.call(wire, "who", Some("x")).status, 503);
        }
        // In a session, too.
        let client = fixture.client("writer").begin();
        let answer = client.call("erase", json!({}));
        assert_eq!(answer.status, 403);
        assert!(challenge(&answer.head).contains("scope=\"files:erase\""));
        assert!(client.lives());
        fixture.running.stop().unwrap();
    });
}

#[test]
fn a_session_is_of_one_subject() {
    on_all_runtimes(|on| {
        let fixture = Fixture::with_tokens(on);
        let alice = fixture.client(token("good")).begin();
        let as_alice = |token: &str| alice.clone().authorized(token);
        // With a token that she has renewed, it is still she.
        assert!(as_alice(token("ES256")).lives());
        let bob = as_alice(token("somebody else"));
        assert_eq!(bob.request("ping", json!({})).status, 404);
        assert_eq!(bob.get().status, 404);
        assert_eq!(bob.delete().status, 404);
        for (bad, status) in [("expired", 401), ("wrong scope", 403)] {
            let nobody = as_alice(token(bad));
            assert_eq!(nobody.request("ping", json!({})).status, status);
            assert_eq!(nobody.get().status, status);
            assert_eq!(nobody.delete().status, status);
        }
        let stranger = Client { fields: String::new(), ..alice.clone() };
        assert_eq!(stranger.request("ping", json!({})).status, 401);
        assert_eq!(stranger.get().status, 401);
        assert_eq!(stranger.delete().status, 401);
        assert_eq!(fixture.counters.open_sessions(), 1);
        let mut stream = alice.get();
        stream.primed();
        assert_eq!(fixture.counters.open_streams(), 1);
        assert_eq!(alice.delete().status, 204);
        assert_eq!(fixture.counters.open_sessions(), 0);
        stream.ended();
        fixture.running.stop().unwrap();
    });
}

#[test]
fn keys_can_be_replaced() {
    on_all_runtimes(|on| {
        let keys = keys();
        let fixture = Fixture::start(on, authorizer(keys.clone()));
        let status = |name| fixture.call(Wire::Modern, "who", Some(token(name))).status;
        assert_eq!((status("good"), status("of keys to come")), (200, 401));
        assert!(keys.replace("{\"keys\":[]}").is_err());
        assert_eq!((status("good"), status("of keys to come")), (200, 401));
        keys.replace(&later_jwks()).unwrap();
        assert_eq!((status("good"), status("of keys to come")), (401, 200));
        fixture.running.stop().unwrap();
    });
}

#[test]
fn what_is_no_key_set_is_refused() {
    for (jwks, reason) in [
        ("", "it is no key set"),
        ("{}", "it is no key set"),
        (r#"{"keys":[]}"#, "it has no public key"),
        (r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#, "it has no public key"),
        (r#"{"keys":[{"kty":"RSA","alg":"HS256","n":"AQAB","e":"AQAB"}]}"#, "it has no public key"),
        (r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]}"#, "it has no public key"),
        (r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]}"#, "it has no public key"),
        (r#"{"keys":[{"kty":"RSA","key_ops":["encrypt"],"n":"AQAB","e":"AQAB"}]}"#, "it has no"),
    ] {
        let error = JwtKeys::from_jwks(jwks).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

/// At the second, by the clock that is handed in.
#[test]
fn tokens_are_good_for_as_long_as_they_say() {
    let head = |name| {
        let head =
            format!("POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", token(name));
        parse_head(head.as_bytes(), &Limits::default()).unwrap().0
    };
    let at = |name, seconds, leeway| {
        let authorizer = authorizer(keys()).leeway(Duration::from_secs(leeway));
        let now = Now::new(Instant::from_micros(0), seconds);
        let result = futures_lite::future::block_on(authorizer.authorize(head(name), now));
        result.map_err(|denial| denial.to_string())
    };
    let (begins, ends) = (1_577_836_800, 4_102_444_800);
    let expired = Err("invalid token: the token has expired");
    let early = Err("invalid token: the token may not be used yet");
    for leeway in [0, 30] {
        for (name, seconds, expected) in [
            ("good", ends - 1 + leeway, Ok("alice")),
            ("good", ends + leeway, expired),
            ("good", begins - leeway, Ok("alice")),
            ("good", begins - leeway - 1, early),
            ("expired", begins + leeway, expired),
        ] {
            let found = at(name, seconds, leeway);
            let found = found.as_ref().map(Principal::subject).map_err(String::as_str);
            assert_eq!(found, expected, "{name} at {seconds}");
        }
    }
    // Without a date, nobody.
    let now = Now::from(Instant::from_micros(0));
    let result = futures_lite::future::block_on(authorizer(keys()).authorize(head("good"), now));
    assert_eq!(result.unwrap_err(), Denial::failed().scopes(["files:read"]));
    let claims = at("good", begins, 0).unwrap();
    assert_eq!(claims.claims()["aud"], json!(AUDIENCE));
    assert_eq!(claims.granted().collect::<Vec<_>>(), ["files:read", "files:write"]);
}

/// Lives as long as an authorizer's future.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An authorizer that does what the token says.
fn moody(on: On, alive: &Arc<AtomicUsize>) -> impl Authorizer {
    let alive = alive.clone();
    move |head: Head| {
        let alive = Alive::new(&alive);
        let token = head.bearer_token().unwrap().to_owned();
        assert_ne!(token, "panics");
        async move {
            let _alive = alive;
            match &*token {
                "panics-later" => panic!("as it was told"),
                "never" => std::future::pending().await,
                "slow" => on.sleep(Duration::from_millis(100)).await,
                _ => {}
            }
            Ok(Principal::new(token))
        }
    }
}

#[test]
fn an_authorizer_that_fails_fails_its_request_alone() {
    on_all_runtimes(|on| {
        let alive = Arc::new(AtomicUsize::new(0));
        let fixture = Fixture::start(on, moody(on, &alive));
        for (token, status) in
            [("panics", 500), ("panics-later", 500), ("never", 503), ("slow", 200), ("good", 200)]
        {
            for wire in [Wire::Legacy, Wire::Modern] {
                let response = fixture.call(wire, "who", Some(token));
                assert_eq!(response.status, status, "{token}");
                assert_eq!(field(&response.head, "www-authenticate"), None);
                wait_until("its end", || alive.load(Ordering::SeqCst) == 0);
            }
        }
        assert_eq!(fixture.runs(), 4);
        fixture.running.stop().unwrap();
    });
}

#[test]
fn a_client_that_leaves_is_not_let_in() {
    on_all_runtimes(|on| {
        let alive = Arc::new(AtomicUsize::new(0));
        let fixture = Fixture::start(on, moody(on, &alive));
        for how in HangUp::BOTH {
            for token in ["slow", "never"] {
                let lost = fixture.counters.requests_lost();
                let call = ToolCall::new(Wire::Modern, "who", json!({}));
                let request = Request { bearer: Some(token), ..call.request() };
                let mut stream = connect(fixture.running.address);
                stream.write_all(&request.sized()).unwrap();
                wait_until("the authorizer", || alive.load(Ordering::SeqCst) == 1);
                how.close(stream);
                wait_until("its end", || alive.load(Ordering::SeqCst) == 0);
                wait_until("the report", || fixture.counters.requests_lost() == lost + 1);
            }
        }
        assert_eq!(fixture.runs(), 0);
        fixture.running.stop().unwrap();
    });
}

#[test]
fn a_shutdown_does_not_wait_for_an_authorizer() {
    on_all_runtimes(|on| {
        let alive = Arc::new(AtomicUsize::new(0));
        let server = Server::new("protected", "1.0.0").authorizer(moody(on, &alive));
        let endpoints = Endpoints::new().mount("/mcp", server);
        let running = on.serve_with(endpoints, Duration::from_millis(50));
        let request = Request::new(Wire::Modern, "tools/list", json!({}));
        let request = Request { bearer: Some("never"), ..request };
        let mut stream = connect(running.address);
        stream.write_all(&request.sized()).unwrap();
        wait_until("the authorizer", || alive.load(Ordering::SeqCst) == 1);
        running.stop().unwrap();
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    });
}
