//! How sessions of the 2025 revisions begin, whose they are, and how they end, over real sockets
//! (2025-11-25, basic/transports, "Session Management", and basic/lifecycle).

mod beginning;
mod end;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::common::client::{HangUp, ToolCall, Wire};
use crate::common::fixture::{Fixture, Gate};
use crate::common::session::{Answer, Client, REVISIONS, request, tool_call};
use crate::common::{On, wait_until};
use mcp_proto::Revision;
use mcp_smol::{
    Context, Elicited, Endpoints, Head, HubDeadlines, HubLimits, LogLevel, Resource, Server,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize, JsonSchema)]
struct Name {
    name: String,
}

fn server(gate: &Gate) -> Server {
    let (holding, streaming) = (gate.clone(), gate.clone());
    Server::new("life", "1.0.0")
        .logging()
        .resource(Resource::new("a:", "a"), || "A")
        .tool("who", "Tells whose call it is", |ctx: Context| async move {
            format!("{} of {:?}", ctx.revision(), ctx.session_id())
        })
        .tool("hold", "Waits at the gate", move |_: Context| {
            let gate = holding.clone();
            async move {
                gate.pass().await;
                "held"
            }
        })
        .tool("stream", "Reports progress, then waits at the gate", move |ctx: Context| {
            let gate = streaming.clone();
            async move {
                ctx.progress(1.0).await;
                gate.pass().await;
                "streamed"
            }
        })
        .tool("log", "Logs at three levels", |ctx: Context| async move {
            for level in [LogLevel::Debug, LogLevel::Info, LogLevel::Error] {
                ctx.log(level, "a message").await;
            }
            "logged"
        })
        .tool("greet", "Asks for a name", |ctx: Context| async move {
            match ctx.elicit::<Name>("name", "Who are you?").await {
                Ok(Elicited::Accepted(Name { name })) => name,
                other => format!("{other:?}"),
            }
        })
}

fn on_all_runtimes(test: impl Fn(&Fixture)) {
    for &on in On::AND_INSIDE {
        let fixture = Fixture::start(on, server);
        test(&fixture);
        fixture.stop();
    }
}

/// A way to use a session.
struct Use {
    what: &'static str,
    send: fn(&Client) -> Answer,
    /// The id of the request, if it is one, which an error has to have.
    id: Value,
}

/// Uses that need a session which is alive.
fn uses() -> [Use; 7] {
    [
        Use {
            what: "ping",
            send: |client| client.post(&request(json!("p"), "ping", json!({}))),
            id: json!("p"),
        },
        Use {
            what: "call",
            send: |client| client.post(&tool_call(json!(7), "who", json!({}))),
            id: json!(7),
        },
        Use {
            what: "notification",
            send: |client| {
                client.post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            },
            id: Value::Null,
        },
        Use {
            what: "response",
            send: |client| client.post(&json!({"jsonrpc": "2.0", "id": 1, "result": {}})),
            id: Value::Null,
        },
        Use { what: "stream", send: Client::get, id: Value::Null },
        Use { what: "resumed stream", send: |client| client.resume("1-0"), id: Value::Null },
        Use { what: "end", send: Client::delete, id: Value::Null },
    ]
}

/// Asserts that nothing can be done with the session, and that the client learns that it needs
/// another.
#[track_caller]
fn is_unknown(client: &Client) {
    for Use { what, send, id } in uses() {
        let answer = send(client);
        let session = &client.session;
        assert_eq!(answer.status, 404, "{what} of {session:?}");
        let response = answer.response();
        assert_eq!(response["error"]["code"], json!(-32600), "{what} of {session:?}: {response}");
        assert_eq!(response["id"], id, "{what} of {session:?}");
    }
}

#[test]
fn ids_that_name_no_session_are_not_found() {
    on_all_runtimes(|fixture| {
        let living = fixture.client();
        let id = living.session.clone().unwrap();
        let other_digit = if id.ends_with('0') { "1" } else { "0" };
        for unknown in [
            "0".repeat(32),
            "x".into(),
            id.to_uppercase().replace(|c: char| c.is_ascii_digit(), "A"),
            id[1..].to_owned(),
            format!("{id}0"),
            format!("{}{other_digit}", &id[..31]),
            format!("\"{id}\""),
            format!("{id}, {id}"),
            "\u{e9}".repeat(16),
            "g".repeat(10_000),
        ] {
            is_unknown(&Client { session: Some(unknown), ..living.clone() });
        }
        assert!(living.lives());
        assert_eq!(fixture.counters.open_sessions(), 1);
    });
}

#[test]
fn a_session_is_known_at_its_own_server_only() {
    for &on in On::AND_INSIDE {
        let fixture = Fixture::start_with(on, server, |endpoints| {
            let mut another = server(&Gate::default());
            another.handle();
            endpoints.mount("/another", another)
        });
        let client = fixture.client();
        is_unknown(&Client { path: "/another", ..client.clone() });
        let another = Client { path: "/another", ..fixture.stranger() }.begin();
        is_unknown(&Client { path: "/mcp", ..another.clone() });
        assert!(client.lives() && another.lives());
        assert_eq!(fixture.counters.open_sessions(), 1);
        fixture.stop();
    }
}

#[test]
fn a_session_is_good_for_who_began_it() {
    on_all_runtimes(|fixture| {
        let owner = fixture.stranger().authorized("ann").begin();
        let nobody = fixture.client();
        is_unknown(&owner.clone().authorized("bob"));
        is_unknown(&owner.clone().authorized("Ann"));
        is_unknown(&Client { fields: String::new(), ..owner.clone() });
        is_unknown(&nobody.clone().authorized("ann"));
        assert!(owner.lives() && nobody.lives());
        assert_eq!(owner.delete().status, 204);
    });
}

#[test]
fn a_server_says_what_makes_a_principal() {
    let principal = |head: &Head| Some(String::from_utf8_lossy(head.field("x-user")?).into_owned());
    for &on in On::AND_INSIDE {
        let fixture = Fixture::start(on, |gate| server(gate).principal(principal));
        let user = |name: &str, token: &str| Client {
            fields: format!("X-User: {name}\r\nAuthorization: Bearer {token}\r\n"),
            ..fixture.stranger()
        };
        let owner = user("ann", "1").begin();
        let session = owner.session.clone();
        // Her token has been renewed.
        assert!(Client { session: session.clone(), ..user("ann", "2") }.lives());
        is_unknown(&Client { session: session.clone(), ..user("bob", "1") });
        is_unknown(&Client { session, ..fixture.stranger() });
        assert!(owner.lives());
        fixture.stop();
    }
}
