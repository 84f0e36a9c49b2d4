//! Batches over real sockets: several messages in one POST, which only 2025-03-26 has (2025-03-26,
//! basic/transports, "Sending Messages to the Server", and 2025-06-18, changelog).

use crate::common::On;
use crate::common::client::{Request, Wire};
use crate::common::fixture::{Fixture, Gate};
use crate::common::session::{
    Client, REVISIONS, is_response, notification, request, text_in, tool_call,
};
use mcp_proto::Revision;
use mcp_smol::{Context, Elicited, Limits, Server};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema)]
struct Echo {
    message: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Name {
    name: String,
}

fn server(gate: &Gate) -> Server {
    let gate = gate.clone();
    Server::new("batches", "1.0.0")
        .logging()
        .tool("echo", "Echoes", |args: Echo| args.message)
        .tool("report", "Reports progress, then echoes", |args: Echo, ctx: Context| async move {
            ctx.progress(1.0).message(args.message.clone()).await;
            args.message
        })
        .tool("hold", "Waits at the gate, then echoes", move |args: Echo, _: Context| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                args.message
            }
        })
        .tool("roots", "Asks for roots", |ctx: Context| async move {
            ctx.list_roots("roots").await.map(|roots| roots[0].uri.to_string())
        })
        .tool("greet", "Asks for a name", |ctx: Context| async move {
            ctx.elicit::<Name>("name", "Who?").await.map(|answer| match answer {
                Elicited::Accepted(Name { name }) => name,
                other => format!("{other:?}"),
            })
        })
}

/// The two kinds of clients whose batches are read: those with a session of 2025-03-26, and those
/// without one that name no other revision.
fn for_each_client(test: impl Fn(&Fixture, &Client)) {
    for &on in On::AND_INSIDE {
        let fixture = Fixture::start(on, server);
        let stranger = Client { revision: Revision::V2025_03_26, ..fixture.stranger() };
        let named =
            Client { fields: "MCP-Protocol-Version: 2025-03-26\r\n".into(), ..stranger.clone() };
        for client in [stranger.clone().begin(), stranger, named] {
            test(&fixture, &client);
        }
        fixture.stop();
    }
}

fn echo(id: Value, message: &str) -> Value {
    tool_call(id, "echo", json!({"message": message}))
}

fn ping(id: Value) -> Value {
    request(id, "ping", json!({}))
}

/// The response to that id, which is there once.
#[track_caller]
fn response_to(responses: &[Value], id: &Value) -> Value {
    let mut found = responses.iter().filter(|response| response["id"] == *id);
    let response = found.next().unwrap_or_else(|| panic!("none to {id}: {responses:#?}"));
    assert_eq!(found.next(), None, "another to {id}");
    response.clone()
}

#[test]
fn responses_come_as_one_array() {
    for_each_client(|_, client| {
        // A client with streams may have one instead.
        let client = &Client { accept: "application/json", ..client.clone() };
        let mut answer = client.post(&json!([
            echo(json!(1), "one"),
            notification("notifications/initialized", json!({})),
            echo(json!("1"), "another"),
            ping(json!(2)),
            {"jsonrpc": "2.0", "id": 9, "result": {}},
            request(json!(3), "tools/list", json!({})),
        ]));
        assert_eq!((answer.status, answer.is_stream()), (200, false));
        let body: Value = serde_json::from_slice(&answer.body()).unwrap();
        let responses = body.as_array().unwrap_or_else(|| panic!("{body}"));
        assert_eq!(responses.len(), 4, "{responses:#?}");
        assert_eq!(text_in(&response_to(responses, &json!(1))), "one");
        assert_eq!(text_in(&response_to(responses, &json!("1"))), "another");
        assert_eq!(response_to(responses, &json!(2))["result"], json!({}));
        assert!(response_to(responses, &json!(3))["result"]["tools"].is_array());

        // One is as many as several.
        let mut answer = client.post(&json!([ping(json!(2))]));
        let body: Value = serde_json::from_slice(&answer.body()).unwrap();
        assert_eq!(body, json!([{"jsonrpc": "2.0", "id": 2, "result": {}}]));
    });
}

#[test]
fn their_messages_are_valid_and_all_there() {
    for_each_client(|_, client| {
        let all: Vec<_> = (0..100).map(|n| echo(json!(n), &format!("answer {n}"))).collect();
        let responses = client.post(&json!(all)).messages();
        assert_eq!(responses.len(), 100);
        for n in 0..100 {
            assert_eq!(text_in(&response_to(&responses, &json!(n))), format!("answer {n}"));
        }
        // Calls that the client cannot tell apart are answered as often as they were made.
        let same = ["a", "b", "c"].map(|message| echo(json!(1), message));
        let responses = client.post(&json!(same)).messages();
        let mut texts: Vec<_> = responses.iter().map(text_in).collect();
        texts.sort_unstable();
        assert_eq!(texts, ["a", "b", "c"]);
    });
}

#[test]
fn calls_of_a_batch_are_in_flight_at_the_same_time() {
    for_each_client(|fixture, client| {
        let all: Vec<_> = (0..5)
            .map(|n| tool_call(json!(n), "hold", json!({"message": n.to_string()})))
            .collect();
        let underway = client.send(&json!(all));
        fixture.has_calls(5);
        fixture.gate.open(5);
        let responses = underway.answer().messages();
        for n in 0..5 {
            assert_eq!(text_in(&response_to(&responses, &json!(n))), n.to_string());
        }
    });
}

#[test]
fn what_a_member_has_to_tell_makes_a_stream() {
    for_each_client(|_, client| {
        let answer = client.post(&json!([
            tool_call(json!(1), "report", json!({"message": "one"})),
            echo(json!(2), "two"),
            tool_call(json!(3), "report", json!({"message": "three"})),
        ]));
        assert_eq!((answer.status, answer.is_stream()), (200, true), "{}", answer.head);
        let messages = answer.messages();
        let (responses, reports): (Vec<_>, Vec<_>) = messages.into_iter().partition(is_response);
        assert_eq!(responses.len(), 3, "{responses:#?}");
        for (id, text) in [(1, "one"), (2, "two"), (3, "three")] {
            assert_eq!(text_in(&response_to(&responses, &json!(id))), text);
        }
        let mut texts: Vec<_> = reports.iter().map(|it| it["params"]["message"].clone()).collect();
        texts.sort_unstable_by_key(Value::to_string);
        assert_eq!(texts, ["one", "three"]);
        // A client without streams is only told the end.
        let json_only = Client { accept: "application/json", ..client.clone() };
        let mut answer =
            json_only.post(&json!([tool_call(json!(1), "report", json!({"message": "one"}))]));
        let body: Value = serde_json::from_slice(&answer.body()).unwrap();
        assert_eq!(text_in(&body[0]), "one");
    });
}

#[test]
fn a_member_of_a_batch_may_ask() {
    for &on in On::AND_INSIDE {
        let fixture = Fixture::start(on, server);
        let revision = Revision::V2025_03_26;
        let client = Client { revision, ..fixture.stranger() }.begin();
        let mut answer =
            client.post(&json!([tool_call(json!(1), "roots", json!({})), echo(json!(2), "two"),]));
        let mut messages = Vec::new();
        while let Some(event) = answer.event() {
            let Some(message) = event.message else { continue };
            if message["method"] == json!("roots/list") {
                // The answer may come in a batch as well.
                let roots = json!({"roots": [{"uri": "file:///a"}]});
                let response = json!({"jsonrpc": "2.0", "id": message["id"], "result": roots});
                let progress = json!({"progressToken": message["id"], "progress": 1});
                client
                    .accepted(&json!(
                        [notification("notifications/progress", progress), response,]
                    ));
            }
            messages.push(message);
        }
        let messages: Vec<_> = messages
            .into_iter()
            .flat_map(|message| match message {
                Value::Array(messages) => messages,
                message => vec![message],
            })
            .filter(is_response)
            .collect();
        assert_eq!(text_in(&response_to(&messages, &json!(1))), "file:///a");
        assert_eq!(text_in(&response_to(&messages, &json!(2))), "two");
        fixture.stop();
    }
}

#[test]
fn a_batch_without_requests_is_accepted() {
    for_each_client(|_, client| {
        client.accepted(&json!([notification("notifications/initialized", json!({}))]));
        client.accepted(&json!([
            {"jsonrpc": "2.0", "id": 1, "result": {}},
            notification("notifications/cancelled", json!({"requestId": 1})),
            {"jsonrpc": "2.0", "id": 2, "error": {"code": 1, "message": "no"}},
            notification("notifications/unheard_of", json!({})),
        ]));
    });
}

#[test]
fn a_member_that_is_wrong_is_told_so() {
    for_each_client(|_, client| {
        let client = &Client { accept: "application/json", ..client.clone() };
        let responses = client
            .post(&json!([
                echo(json!(1), "one"),
                7,
                {},
                [],
                [echo(json!(2), "nested")],
                {"jsonrpc": "1.0", "id": 3, "method": "ping"},
                {"jsonrpc": "2.0", "id": 4, "method": 4},
                request(json!(5), "no/such/method", json!({})),
                tool_call(json!(6), "unknown", json!({})),
                request(json!(7), "tools/call", json!([])),
                {"jsonrpc": "2.0", "id": null, "method": "ping"},
                echo(json!(8), "eight"),
            ]))
            .messages();
        assert_eq!(text_in(&response_to(&responses, &json!(1))), "one");
        assert_eq!(text_in(&response_to(&responses, &json!(8))), "eight");
        assert_eq!(response_to(&responses, &json!(5))["error"]["code"], json!(-32601));
        assert_eq!(response_to(&responses, &json!(6))["error"]["code"], json!(-32602));
        assert_eq!(response_to(&responses, &json!(7))["error"]["code"], json!(-32602));
        let invalid = responses.iter().filter(|it| it["error"]["code"] == json!(-32600));
        assert_eq!(invalid.count(), 7, "{responses:#?}");
        assert_eq!(responses.len(), 12, "{responses:#?}");
        // With nothing else in it, too.
        let responses = client.post(&json!([1, 2, 3])).messages();
        let codes: Vec<_> = responses.iter().map(|it| &it["error"]["code"]).collect();
        assert_eq!(codes, [-32600, -32600, -32600]);
    });
}

/// What is wrong, and what needs no work, is on the stream of the batch like all else, and comes
/// again like all else.
#[test]
fn a_batch_of_all_kinds_can_be_come_back_to() {
    for &on in On::AND_INSIDE {
        let fixture = Fixture::start(on, server);
        let client = Client { revision: Revision::V2025_03_26, ..fixture.stranger() }.begin();
        let batch = json!([
            tool_call(json!(1), "report", json!({"message": "one"})),
            7,
            ping(json!(2)),
            request(json!(3), "no/such/method", json!({})),
            echo(json!(4), "four"),
        ]);
        let mut answer = client.post(&batch);
        let events: Vec<_> = std::iter::from_fn(|| answer.event()).collect();
        assert_eq!(events.len(), 6, "{events:#?}");
        for (nth, event) in events.iter().enumerate() {
            let mut again = client.resume_answering(&batch, &event.id);
            let rest: Vec<_> = std::iter::from_fn(|| again.event()).collect();
            assert_eq!(rest, events[nth + 1..], "behind {}", event.id);
        }
        fixture.stop();
    }
}

#[test]
fn a_batch_that_is_wrong_as_a_whole_is_refused() {
    for &on in On::AND_INSIDE {
        let limits = Limits { batch: 3, ..Limits::default() };
        let fixture = Fixture::start_with(on, server, |endpoints| endpoints.limits(limits));
        let stranger = Client { revision: Revision::V2025_03_26, ..fixture.stranger() };
        let client = stranger.clone().begin();
        for client in [&client, &stranger] {
            let most = [ping(json!(1)), ping(json!(2)), ping(json!(3))];
            assert_eq!(client.post(&json!(most)).messages().len(), 3);
            for batch in [
                json!([]),
                json!([ping(json!(1)), ping(json!(2)), ping(json!(3)), ping(json!(4))]),
                json!([1, 2, 3, 4]),
            ] {
                let mut answer = client.post(&batch);
                assert_eq!((answer.status, answer.is_stream()), (400, false), "{batch}");
                assert_eq!(answer.field("mcp-session-id"), None);
                let body: Value = serde_json::from_slice(&answer.body()).unwrap();
                assert_eq!(body["error"]["code"], json!(-32600), "{body}");
                assert_eq!(body.get("id").unwrap_or(&Value::Null), &Value::Null, "{body}");
            }
            let half =
                client.post_text("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"},", false);
            assert_eq!(client.send_bytes(&half).answer().refusal(), (400, -32700));
        }
        // None of what was in them has been done.
        assert_eq!(fixture.counters.open_sessions(), 1);
        // Nor is anything of a session that nobody knows.
        let gone = Client { session: Some("0".repeat(32)), ..client };
        assert_eq!(gone.post(&json!([ping(json!(1))])).refusal(), (404, -32600));
        fixture.stop();
    }
}

#[test]
fn the_other_revisions_have_no_batches() {
    for &on in On::AND_INSIDE {
        let fixture = Fixture::start(on, server);
        let batch = json!([ping(json!(1)), ping(json!(2))]);
        for revision in REVISIONS {
            if revision == Revision::V2025_03_26 {
                continue;
            }
            let stranger = Client { revision, ..fixture.stranger() };
            assert_eq!(stranger.post(&batch).refusal(), (400, -32600), "{revision}");
            let client = stranger.begin();
            assert_eq!(client.post(&batch).refusal(), (400, -32600), "{revision}");
            // Whatever the field says, the session is what it is.
            let pretending = Client { revision: Revision::V2025_03_26, ..client };
            assert_eq!(pretending.post(&batch).refusal(), (400, -32600), "{revision}");
        }
        // 2026-07-28 says in each message which revision it is of.
        let modern = Request::new(Wire::Modern, "tools/list", json!({}));
        let text = String::from_utf8(modern.sized()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let head = head.replace(
            &format!("Content-Length: {}", body.len()),
            &format!("Content-Length: {}", body.len() + 2),
        );
        let answer = fixture.stranger().send_bytes(format!("{head}\r\n\r\n[{body}]").as_bytes());
        assert_eq!(answer.answer().refusal(), (400, -32600));
        fixture.stop();
    }
}

/// The session is what it is, whatever the field says.
#[test]
fn a_session_has_batches_whatever_the_field_says() {
    for &on in On::AND_INSIDE {
        let fixture = Fixture::start(on, server);
        let client = Client { revision: Revision::V2025_03_26, ..fixture.stranger() }.begin();
        for revision in REVISIONS {
            let client = Client { revision, ..client.clone() };
            let responses = client.post(&json!([ping(json!(1)), ping(json!(2))])).messages();
            assert_eq!(responses.len(), 2, "{revision}: {responses:#?}");
        }
        fixture.stop();
    }
}

#[test]
fn a_batch_with_initialize_is_refused_as_a_whole() {
    for_each_client(|fixture, client| {
        let sessions = fixture.counters.open_sessions();
        let introduction = Client { session: None, ..client.clone() }.introduction();
        for batch in [json!([introduction]), json!([echo(json!(2), "x"), introduction])] {
            let answer = client.post(&batch);
            assert_eq!(answer.field("mcp-session-id"), None);
            assert_eq!((answer.status, answer.is_stream()), (400, false), "{batch}");
            assert_eq!(answer.messages().len(), 1);
            assert_eq!(fixture.counters.open_sessions(), sessions);
        }
    });
}

/// However the batch is refused, no session begins with it.
#[test]
fn a_batch_begins_no_session() {
    for_each_client(|fixture, client| {
        let sessions = fixture.counters.open_sessions();
        let introduction = Client { session: None, ..client.clone() }.introduction();
        for batch in [json!([introduction]), json!([ping(json!(2)), introduction])] {
            let answer = client.post(&batch);
            assert_eq!(answer.field("mcp-session-id"), None);
            let messages = answer.messages();
            assert!(messages.iter().any(|it| it["error"]["code"] == json!(-32600)));
            assert_eq!(fixture.counters.open_sessions(), sessions);
        }
    });
}

#[test]
fn a_batch_cannot_ask_where_nobody_answers() {
    for &on in On::AND_INSIDE {
        let fixture = Fixture::start(on, server);
        let revision = Revision::V2025_03_26;
        let stranger = Client { revision, ..fixture.stranger() };
        let session = stranger.clone().begin();
        let json_only = Client { accept: "application/json", ..session };
        for client in [stranger, json_only] {
            let responses = client
                .post(&json!([tool_call(json!(1), "roots", json!({})), echo(json!(2), "two")]))
                .messages();
            assert_eq!(response_to(&responses, &json!(1))["error"]["code"], json!(-32603));
            assert_eq!(text_in(&response_to(&responses, &json!(2))), "two");
        }
        fixture.stop();
    }
}
