//! How sessions of the 2025 revisions begin, whose they are, and how they end, over real sockets
//! (2025-11-25, basic/transports, "Session Management", and basic/lifecycle).

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
    for &on in On::ALL {
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
fn initialize_makes_an_id_that_nobody_guesses() {
    on_all_runtimes(|fixture| {
        let mut ids = BTreeSet::new();
        for revision in REVISIONS.repeat(10) {
            let client = Client { revision, ..fixture.stranger() };
            let answer = client.post(&client.introduction());
            assert_eq!(answer.status, 200);
            assert_eq!(answer.field("content-type"), Some("application/json"));
            let id = answer.field("mcp-session-id").unwrap().to_owned();
            let is_lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            assert!(id.len() == 32 && id.bytes().all(is_lower_hex), "{id}");
            assert_eq!(answer.result()["protocolVersion"], json!(revision.as_str()));
            assert!(ids.insert(id));
            assert_eq!(fixture.counters.open_sessions(), ids.len());
        }
    });
}

#[test]
fn calls_know_their_session() {
    on_all_runtimes(|fixture| {
        for revision in REVISIONS {
            let client = Client { revision, ..fixture.stranger() }.begin();
            let expected = format!("{revision} of {:?}", client.session);
            for _ in 0..3 {
                assert_eq!(client.call("who", json!({})).text(), expected);
            }
            // Nor is the session that of a connection, or of whoever else calls.
            assert_eq!(fixture.stranger().call("who", json!({})).text(), "2025-11-25 of None");
        }
        // A client of today that still sends an id has no session for it.
        let modern = ToolCall::new(Wire::Modern, "who", json!({}));
        let text = String::from_utf8(modern.sized()).unwrap();
        for id in ["0".repeat(32), fixture.client().session.unwrap()] {
            let bytes = text.replacen("\r\n", &format!("\r\nMcp-Session-Id: {id}\r\n"), 1);
            let mut client = fixture.stranger();
            client.revision = Revision::V2026_07_28;
            let answer = client.send_bytes(bytes.as_bytes()).answer();
            assert_eq!(answer.status, 200);
        }
    });
}

#[test]
fn the_revision_is_that_of_the_session() {
    on_all_runtimes(|fixture| {
        for revision in REVISIONS {
            let client = Client { revision, ..fixture.stranger() }.begin();
            for named in REVISIONS {
                let client = Client { revision: named, ..client.clone() };
                let text = client.call("who", json!({})).text();
                assert!(text.starts_with(revision.as_str()), "{named} for {text}");
            }
        }
    });
}

#[test]
fn capabilities_are_those_of_sessions() {
    on_all_runtimes(|fixture| {
        for revision in REVISIONS {
            let client = Client { revision, ..fixture.stranger() };
            let capabilities = client.post(&client.introduction()).result()["capabilities"].take();
            for (kind, capability) in [
                ("tools", json!({"listChanged": true})),
                ("prompts", json!({"listChanged": true})),
                ("resources", json!({"listChanged": true, "subscribe": true})),
                ("logging", json!({})),
            ] {
                assert_eq!(capabilities[kind], capability, "{revision}: {capabilities}");
            }
        }
    });
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
    for &on in On::ALL {
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
fn requests_need_not_wait_until_the_client_is_ready() {
    on_all_runtimes(|fixture| {
        let client = fixture.stranger().introduced();
        assert!(client.lives());
        assert!(client.call("who", json!({})).text().starts_with("2025-11-25"));
        // Told twice, it is still ready.
        client.notify("notifications/initialized", json!({}));
        client.notify("notifications/initialized", json!({}));
        assert!(client.lives());
    });
}

#[test]
fn who_has_no_session_is_served_without() {
    on_all_runtimes(|fixture| {
        for revision in REVISIONS {
            let client = Client { revision, ..fixture.stranger() };
            assert!(client.lives());
            assert!(client.call("who", json!({})).text().ends_with("None"));
            client.notify("notifications/initialized", json!({}));
            client.accepted(&json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
            for (method, params) in [
                ("logging/setLevel", json!({"level": "error"})),
                ("resources/subscribe", json!({"uri": "a:"})),
                ("resources/unsubscribe", json!({"uri": "a:"})),
            ] {
                assert_eq!(client.request(method, params).error()["code"], json!(-32601));
            }
        }
        assert_eq!(fixture.counters.open_sessions(), 0);
    });
}

#[test]
fn a_client_ends_its_session() {
    on_all_runtimes(|fixture| {
        let (client, other) = (fixture.client(), fixture.client());
        let mut streams = [client.get(), client.get()];
        streams.iter_mut().for_each(Answer::primed);
        let mut others = other.get();
        others.primed();
        let held = client.send(&tool_call(json!(1), "hold", json!({})));
        let mut streaming = client.call("stream", json!({}));
        assert_eq!(streaming.message()["method"], json!("notifications/progress"));
        let others_call = other.send(&tool_call(json!(1), "hold", json!({})));
        fixture.has_calls(3);
        fixture.has_streams(3);

        let answer = client.delete();
        assert_eq!(answer.status, 204);
        assert_eq!(fixture.counters.open_sessions(), 1);
        // Its calls are gone, and what it was still to be told with them.
        fixture.has_calls(1);
        fixture.has_streams(1);
        streaming.ended();
        streams.into_iter().for_each(Answer::ended);
        // Some answer to that one there is, and it is no result.
        let messages = held.answer().messages();
        assert!(messages.iter().all(|message| message.get("result").is_none()), "{messages:?}");
        is_unknown(&client);

        fixture.gate.open(1);
        assert_eq!(others_call.answer().text(), "held");
        fixture.handle.notify_tools_list_changed();
        assert_eq!(others.message()["method"], json!("notifications/tools/list_changed"));
        assert!(other.lives());
        // It has to name the session.
        assert_eq!(fixture.stranger().delete().refusal(), (400, -32600));
        assert_eq!(other.delete().status, 204);
        others.ended();
        assert_eq!(fixture.counters.open_sessions(), 0);
    });
}

#[test]
fn a_second_initialize_changes_nothing() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        let second =
            Client { revision: Revision::V2025_03_26, capabilities: json!({}), ..client.clone() };
        let answer = second.post(&second.introduction());
        assert_eq!(answer.field("mcp-session-id"), None);
        assert_eq!(answer.refusal(), (400, -32600));
        assert_eq!(fixture.counters.open_sessions(), 1);
        // Revision and capabilities are what they were: the client can still be asked.
        assert!(client.call("who", json!({})).text().starts_with("2025-11-25"));
        let mut greeting = client.call("greet", json!({}));
        let question = greeting.message();
        assert_eq!(question["method"], json!("elicitation/create"), "{question}");
        client.respond(&question, json!({"action": "accept", "content": {"name": "Ann"}}));
        assert_eq!(greeting.text(), "Ann");

        client.delete();
        let answer = client.post(&client.introduction());
        assert_eq!(answer.field("mcp-session-id"), None);
        assert_eq!(answer.refusal(), (404, -32600));
        assert_eq!(fixture.counters.open_sessions(), 0);
    });
}

#[test]
fn what_cannot_be_negotiated_makes_no_session() {
    on_all_runtimes(|fixture| {
        let client = fixture.stranger();
        for params in [json!({}), json!([]), Value::Null, json!({"protocolVersion": 7})] {
            let answer = client.request("initialize", params.clone());
            assert_eq!(answer.field("mcp-session-id"), None, "{params}");
            assert!(answer.error()["code"].is_i64());
        }
        assert_eq!(fixture.counters.open_sessions(), 0);
        // A version that is not served is no fault: the latest is offered instead.
        for version in ["2024-11-05", "2026-07-28", "", "next"] {
            let params = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {}});
            let answer = client.request("initialize", params);
            assert!(answer.field("mcp-session-id").is_some(), "{version}");
            assert_eq!(answer.result()["protocolVersion"], json!("2025-11-25"));
        }
        assert_eq!(fixture.counters.open_sessions(), 4);
    });
}

#[test]
fn idle_sessions_end_and_busy_ones_do_not() {
    for &on in On::ALL {
        let session_idle = Duration::from_millis(400);
        let deadlines = HubDeadlines { session_idle, ..HubDeadlines::default() };
        let fixture =
            Fixture::start_with(on, server, |endpoints| endpoints.hub_deadlines(deadlines));
        let (calling, listening, active) = (fixture.client(), fixture.client(), fixture.client());
        let held = calling.send(&tool_call(json!(1), "hold", json!({})));
        let stream = listening.get();
        fixture.has_calls(1);
        fixture.has_streams(1);
        // As long as two idle ones live, one after the other, which is longer than the deadline
        // for those that are busy.
        for _ in 0..2 {
            let begun = Instant::now();
            let idle = fixture.client();
            wait_until("the end of the idle one", || {
                assert!(active.lives());
                fixture.counters.open_sessions() == 3
            });
            assert!(begun.elapsed() >= session_idle, "{on:?}: after {:?}", begun.elapsed());
            is_unknown(&idle);
        }
        assert!(calling.lives() && listening.lives());
        // The deadline counts from the end of what was going on.
        let begun = Instant::now();
        fixture.gate.open(1);
        assert_eq!(held.answer().text(), "held");
        let has_sessions = |count| {
            wait_until("the end of an idle one", || {
                // Those who come may be what makes the server look.
                is_unknown(&Client { session: Some("0".repeat(32)), ..fixture.stranger() });
                fixture.counters.open_sessions() == count
            });
        };
        has_sessions(1);
        assert!(begun.elapsed() >= session_idle, "{on:?}: after {:?}", begun.elapsed());
        assert!(listening.lives());
        let begun = Instant::now();
        stream.hang_up(HangUp::Fin);
        has_sessions(0);
        assert!(begun.elapsed() >= session_idle, "{on:?}: after {:?}", begun.elapsed());
        fixture.stop();
    }
}

#[test]
fn idle_sessions_end_though_nobody_comes_for_one() {
    for &on in On::ALL {
        let session_idle = Duration::from_millis(200);
        let deadlines = HubDeadlines { session_idle, ..HubDeadlines::default() };
        let fixture =
            Fixture::start_with(on, server, |endpoints| endpoints.hub_deadlines(deadlines));
        for _ in 0..3 {
            fixture.client();
        }
        // Clients that need no session have the server at work meanwhile.
        wait_until("the end of the sessions", || {
            let modern = ToolCall::new(Wire::Modern, "who", json!({}));
            assert_eq!(modern.send(fixture.running.address).text(), "2026-07-28 of None");
            assert!(fixture.stranger().lives());
            fixture.counters.open_sessions() == 0
        });
        fixture.stop();
    }
}

#[test]
fn the_longest_idle_makes_room_for_another() {
    for &on in On::ALL {
        let limits = HubLimits { sessions: 3, ..HubLimits::default() };
        let fixture = Fixture::start_with(on, server, |endpoints| endpoints.hub_limits(limits));
        let [first, second, third] = [fixture.client(), fixture.client(), fixture.client()];
        assert!(first.lives());
        let fourth = fixture.client();
        is_unknown(&second);
        assert!(first.lives() && third.lives() && fourth.lives());
        assert_eq!(fixture.counters.open_sessions(), 3);

        // Who is busy is not idle, however long ago that began.
        let held = first.send(&tool_call(json!(1), "hold", json!({})));
        let mut stream = third.get();
        stream.primed();
        fixture.has_calls(1);
        fixture.has_streams(1);
        assert!(fourth.lives());
        let fifth = fixture.client();
        is_unknown(&fourth);
        let fifths = fifth.send(&tool_call(json!(1), "hold", json!({})));
        fixture.has_calls(2);
        let stranger = fixture.stranger();
        let answer = stranger.post(&stranger.introduction());
        assert_eq!(answer.field("mcp-session-id"), None);
        assert_eq!(answer.status, 503, "{}", answer.head);
        assert!(answer.error()["message"].as_str().unwrap().contains("3 sessions"));
        assert_eq!(fixture.counters.open_sessions(), 3);

        // They have not noticed.
        fixture.handle.notify_tools_list_changed();
        assert_eq!(stream.message()["method"], json!("notifications/tools/list_changed"));
        fixture.gate.open(2);
        assert_eq!(held.answer().text(), "held");
        assert_eq!(fifths.answer().text(), "held");
        assert!(first.lives() && third.lives() && fifth.lives());
        let _sixth = fixture.client();
        is_unknown(&first);
        fixture.stop();
    }
}

#[test]
fn what_a_session_keeps_of_its_client_is_bounded() {
    for &on in On::ALL {
        let limits =
            HubLimits { client_bytes: 1024, filter_bytes: 2 * 256 + 20, ..HubLimits::default() };
        let fixture = Fixture::start_with(on, server, |endpoints| endpoints.hub_limits(limits));
        let stranger = fixture.stranger();
        let introduce = |bytes: usize| {
            let mut introduction = stranger.introduction();
            introduction["params"]["clientInfo"]["name"] = json!("x".repeat(bytes));
            stranger.post(&introduction)
        };
        let answer = introduce(1024);
        assert_eq!(answer.field("mcp-session-id"), None);
        assert_eq!(answer.error()["code"], json!(-32602));
        assert!(introduce(800).field("mcp-session-id").is_some());
        fixture.has_sessions(1);

        let client = fixture.client();
        let subscribe = |uri: &str| client.request("resources/subscribe", json!({"uri": uri}));
        assert_eq!(subscribe("a:").result(), json!({}));
        assert_eq!(subscribe("a:").result(), json!({}));
        assert_eq!(subscribe(&"b".repeat(19)).error()["code"], json!(-32602));
        assert_eq!(subscribe(&"b".repeat(18)).result(), json!({}));
        assert_eq!(subscribe("c:").error()["code"], json!(-32602));
        client.request("resources/unsubscribe", json!({"uri": "a:"})).result();
        assert_eq!(subscribe("c:").result(), json!({}));
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
    for &on in On::ALL {
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

#[test]
fn levels_of_logging_are_those_of_the_session() {
    on_all_runtimes(|fixture| {
        let (client, other) = (fixture.client(), fixture.client());
        let levels = |client: &Client| -> Vec<Value> {
            let messages = client.call("log", json!({})).messages();
            let logged = messages.iter().filter(|it| it["method"] == "notifications/message");
            logged.map(|message| message["params"]["level"].clone()).collect()
        };
        assert_eq!(levels(&client), ["info", "error"]);
        for (level, expected) in [
            ("error", &["error"][..]),
            ("debug", &["debug", "info", "error"]),
            ("emergency", &[]),
            ("notice", &["error"]),
        ] {
            let result = client.request("logging/setLevel", json!({"level": level})).result();
            assert_eq!(result, json!({}));
            assert_eq!(levels(&client), *expected, "{level}");
            assert_eq!(levels(&other), ["info", "error"]);
        }
        for params in [json!({"level": "loud"}), json!({"level": 3}), json!({})] {
            let error = client.request("logging/setLevel", params.clone()).error();
            assert_eq!(error["code"], json!(-32602), "{params}");
        }
        assert_eq!(levels(&client), ["error"]);
    });
}

#[test]
fn what_a_server_has_not_declared_is_not_found() {
    for &on in On::ALL {
        let server = Server::new("bare", "1.0.0").tool("hello", "Says hello", || "hello");
        let running = on.serve(Endpoints::new().mount("/mcp", server));
        let stranger = Client::new(running.address);
        let capabilities = stranger.post(&stranger.introduction()).result()["capabilities"].take();
        assert_eq!(capabilities, json!({"tools": {}}));
        let client = stranger.begin();
        for (method, params) in [
            ("logging/setLevel", json!({"level": "error"})),
            ("resources/subscribe", json!({"uri": "a:"})),
            ("resources/unsubscribe", json!({"uri": "a:"})),
        ] {
            assert_eq!(client.request(method, params).error()["code"], json!(-32601), "{method}");
        }
        assert!(client.lives());
        running.stop().unwrap();
    }
}

#[test]
fn stateless_servers_keep_no_sessions() {
    for &on in On::ALL {
        let fixture = Fixture::start(on, |gate| server(gate).stateless());
        for revision in REVISIONS {
            let client = Client { revision, ..fixture.stranger() };
            let answer = client.post(&client.introduction());
            assert_eq!((answer.status, answer.field("mcp-session-id")), (200, None));
            let result = answer.result();
            assert_eq!(result["protocolVersion"], json!(revision.as_str()));
            // Nothing that would need one.
            let capabilities = &result["capabilities"];
            assert_eq!(capabilities.get("logging"), None, "{capabilities}");
            assert_eq!(capabilities["tools"], json!({}), "{capabilities}");
            assert_eq!(capabilities["resources"], json!({}), "{capabilities}");
            client.notify("notifications/initialized", json!({}));
            assert!(client.call("who", json!({})).text().ends_with("None"));
            for (method, params) in [
                ("logging/setLevel", json!({"level": "error"})),
                ("resources/subscribe", json!({"uri": "a:"})),
            ] {
                assert_eq!(client.request(method, params).error()["code"], json!(-32601));
            }
            for answer in [client.get(), client.delete()] {
                assert_eq!(answer.status, 405);
                assert!(answer.field("allow").unwrap().contains("POST"), "{}", answer.head);
            }
        }
        assert_eq!(fixture.counters.open_sessions(), 0);
        fixture.stop();
    }
}

#[test]
fn a_server_may_refuse_to_begin_a_session() {
    for &on in On::ALL {
        let asked = Arc::new(AtomicUsize::new(0));
        let hook = {
            let asked = asked.clone();
            move |ctx: Context| {
                asked.fetch_add(1, Ordering::SeqCst);
                async move {
                    match ctx.header("x-tenant") {
                        Some("blocked") => Err("this tenant is blocked"),
                        _ => Ok(()),
                    }
                }
            }
        };
        let fixture = Fixture::start(on, |gate| server(gate).on_initialize(hook));
        let blocked = Client { fields: "X-Tenant: blocked\r\n".into(), ..fixture.stranger() };
        let answer = blocked.post(&blocked.introduction());
        assert_eq!(answer.field("mcp-session-id"), None);
        let error = answer.error();
        assert!(error["message"].as_str().unwrap().contains("this tenant is blocked"), "{error}");
        assert_eq!(fixture.counters.open_sessions(), 0);
        let client = fixture.client();
        assert!(client.lives());
        // The hook is asked once for each session, and not of what comes to nothing anyway.
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        client.post(&client.introduction());
        client.request("initialize", json!({}));
        fixture.stranger().request("initialize", json!({}));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        assert_eq!(fixture.counters.open_sessions(), 1);
        fixture.stop();
    }
}

#[test]
fn who_leaves_before_the_answer_leaves_no_session() {
    for &on in On::ALL {
        let gate = Gate::default();
        // Two here, and one with each hook that runs.
        let running = Arc::new(());
        let hook = {
            let (gate, running) = (gate.clone(), running.clone());
            move |_: Context| {
                let (gate, running) = (gate.clone(), running.clone());
                async move {
                    gate.pass().await;
                    drop(running);
                    Ok::<_, String>(())
                }
            }
        };
        let fixture = Fixture::start(on, |gate| server(gate).on_initialize(hook));
        for how in HangUp::BOTH {
            let stranger = fixture.stranger();
            let underway = stranger.send(&stranger.introduction());
            wait_until("the hook", || Arc::strong_count(&running) == 3);
            underway.hang_up(how);
            wait_until("its connection", || fixture.counters.open_connections() == 0);
            gate.open(1);
            wait_until("the end of the hook", || Arc::strong_count(&running) == 2);
            fixture.has_sessions(0);
            gate.shut();
        }
        gate.open(1);
        assert!(fixture.client().lives());
        fixture.stop();
    }
}

#[test]
fn a_shutdown_ends_sessions() {
    for &on in On::ALL {
        let fixture = Fixture::start(on, server);
        let client = fixture.client();
        let mut stream = client.get();
        stream.primed();
        fixture.has_streams(1);
        let held = client.send(&tool_call(json!(1), "hold", json!({})));
        let mut streaming = client.call("stream", json!({}));
        streaming.message();
        fixture.has_calls(2);
        let begun = Instant::now();
        fixture.handle.notify_tools_list_changed();
        fixture.running.begin_stop();
        // What belongs to no call ends at once, and what is in flight may finish.
        assert_eq!(stream.message()["method"], json!("notifications/tools/list_changed"));
        stream.ended();
        assert!(begun.elapsed() < Duration::from_secs(3), "{on:?}: {:?}", begun.elapsed());
        fixture.gate.open(2);
        assert_eq!(held.answer().text(), "held");
        assert_eq!(streaming.text(), "streamed");
        let report = fixture.running.stopped().unwrap();
        assert_eq!((report.finished, report.cut), (2, 0), "{on:?}");
        assert_eq!(fixture.counters.open_streams(), 0);
    }
}
