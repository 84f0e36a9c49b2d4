//! Cancelling calls of a session, over real sockets, and calls that nobody can tell apart by their
//! ids (2025-11-25, basic/utilities/cancellation).
//!
//! There is a client that gives every request the id 1 and has several in flight: each of its calls
//! is answered on its own, and none of them is cancelled as long as nobody knows which one is meant.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::client::HangUp;
use crate::common::fixture::{Fixture, Gate};
use crate::common::session::{Client, REVISIONS, is_response, notification, text_in, tool_call};
use crate::common::{On, wait_until};
use mcp_smol::{Context, Server};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema)]
struct Hold {
    message: String,
    /// Whether to report progress before.
    #[serde(default)]
    stream: bool,
}

fn server(gate: &Gate) -> Server {
    let gate = gate.clone();
    Server::new("cancel", "1.0.0").tool(
        "hold",
        "Waits at the gate, then echoes",
        move |args: Hold, ctx: Context| {
            let gate = gate.clone();
            async move {
                if args.stream {
                    ctx.progress(1.0).message(args.message.clone()).await;
                }
                gate.pass().await;
                if args.stream {
                    ctx.progress(2.0).message(args.message.clone()).await;
                }
                args.message
            }
        },
    )
}

fn on_all_runtimes(test: impl Fn(&Fixture)) {
    for &on in On::AND_INSIDE {
        let fixture = Fixture::start(on, server);
        test(&fixture);
        fixture.stop();
    }
}

fn hold(id: Value, message: &str) -> Value {
    tool_call(id, "hold", json!({"message": message}))
}

fn stream(id: Value, message: &str) -> Value {
    tool_call(id, "hold", json!({"message": message, "stream": true}))
}

fn cancel(client: &Client, id: Value) {
    client.notify("notifications/cancelled", json!({"requestId": id, "reason": "enough"}));
}

#[test]
fn a_call_that_is_cancelled_has_no_response() {
    on_all_runtimes(|fixture| {
        for revision in REVISIONS {
            let client = Client { revision, ..fixture.stranger() }.begin();
            for id in [json!(7), json!("7"), json!(0), json!(-3), json!("")] {
                // Before its stream has begun, and after.
                let silent = client.send(&hold(id.clone(), "silent"));
                fixture.has_calls(1);
                cancel(&client, id.clone());
                fixture.has_calls(0);
                let answer = silent.answer();
                assert_eq!(answer.status, 200, "{id}");
                assert!(answer.is_stream(), "{id}: {}", answer.head);
                answer.ended();

                let mut streaming = client.post(&stream(id.clone(), "streaming"));
                assert_eq!(streaming.message()["params"]["progress"], json!(1.0));
                cancel(&client, id);
                fixture.has_calls(0);
                streaming.ended();
            }
            // A client that takes no streams has to be told something.
            let client = Client { accept: "application/json", ..client };
            let json_only = client.send(&hold(json!("x"), "json"));
            fixture.has_calls(1);
            cancel(&client, json!("x"));
            fixture.has_calls(0);
            let response = json_only.answer().response();
            assert_eq!(response["id"], json!("x"), "{response}");
            assert!(response["error"].is_object(), "{response}");
            assert!(client.lives());
        }
    });
}

#[test]
fn a_call_whose_client_has_gone_can_be_cancelled() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        for how in HangUp::BOTH {
            let mut streaming = client.post(&stream(json!(1), "lost"));
            streaming.message();
            let id = streaming.last_id().to_owned();
            let silent = client.send(&hold(json!(2), "lost"));
            fixture.has_calls(2);
            streaming.hang_up(how);
            silent.hang_up(how);
            wait_until("the connections", || fixture.counters.open_connections() == 0);
            assert_eq!(fixture.counters.calls_in_flight(), 2);
            cancel(&client, json!(2));
            fixture.has_calls(1);
            cancel(&client, json!(1));
            fixture.has_calls(0);
            // What is left of it has no response, if anything is.
            let rest = client.resume(&id);
            if rest.status == 200 {
                rest.ended();
            } else {
                assert_eq!(rest.refusal(), (400, -32600));
            }
        }
    });
}

#[test]
fn ids_of_different_types_are_different() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        for [cancelled, left] in [[json!(1), json!("1")], [json!("1"), json!(1)]] {
            let first = client.send(&hold(cancelled.clone(), "cancelled"));
            let second = client.send(&hold(left, "left"));
            fixture.has_calls(2);
            cancel(&client, cancelled);
            fixture.has_calls(1);
            first.answer().ended();
            fixture.gate.open(1);
            assert_eq!(second.answer().text(), "left");
        }
    });
}

#[test]
fn what_does_not_name_one_call_cancels_none() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        let other = fixture.client();
        let stranger = fixture.stranger();
        let twins = ["one", "two"].map(|message| client.send(&hold(json!(1), message)));
        let single = client.send(&hold(json!("single"), "three"));
        let others = other.send(&hold(json!("other"), "four"));
        let strangers = stranger.send(&hold(json!("stranger"), "five"));
        fixture.has_calls(5);
        // Two of them have this id, and those have others, or another session, or none.
        for (client, id) in [
            (&client, json!(1)),
            (&client, json!("1")),
            (&client, json!(2)),
            (&client, json!("other")),
            (&client, json!("stranger")),
            (&other, json!("single")),
            (&other, json!(1)),
            (&stranger, json!("single")),
            (&stranger, json!("stranger")),
            (&client, json!("Single")),
        ] {
            cancel(client, id);
        }
        // Those name nothing at all.
        for params in [
            json!({}),
            json!([]),
            json!({"requestId": null}),
            json!({"requestId": ["single"]}),
            json!({"requestId": {"id": "single"}}),
            json!({"requestId": true}),
            json!({"requestId": 1.5}),
            json!({"id": "single"}),
        ] {
            let answer = client.post(&notification("notifications/cancelled", params.clone()));
            assert!([202, 400].contains(&answer.status), "{params}: {}", answer.head);
        }
        let bare = json!({"jsonrpc": "2.0", "method": "notifications/cancelled"});
        assert!([202, 400].contains(&client.post(&bare).status));
        assert_eq!(fixture.counters.calls_in_flight(), 5);

        fixture.gate.open(5);
        let mut texts: Vec<_> = twins
            .into_iter()
            .chain([single, others, strangers])
            .map(|underway| underway.answer().text())
            .collect();
        texts.sort_unstable();
        assert_eq!(texts, ["five", "four", "one", "three", "two"]);
    });
}

#[test]
fn when_one_of_two_is_done_the_other_can_be_cancelled() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        let mut twins =
            vec![client.send(&hold(json!(1), "either")), client.send(&hold(json!(1), "either"))];
        fixture.has_calls(2);
        cancel(&client, json!(1));
        assert_eq!(fixture.counters.calls_in_flight(), 2);
        fixture.gate.open(1);
        fixture.has_calls(1);
        cancel(&client, json!(1));
        fixture.has_calls(0);
        // One has been answered, and the other has not.
        let responses: Vec<_> =
            twins.drain(..).flat_map(|underway| underway.answer().messages()).collect();
        assert_eq!(responses.len(), 1, "{responses:#?}");
        assert_eq!(text_in(&responses[0]), "either");
    });
}

#[test]
fn to_cancel_too_late_does_nothing() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        for _ in 0..20 {
            fixture.gate.open(1);
            assert_eq!(client.post(&hold(json!(1), "done")).text(), "done");
            cancel(&client, json!(1));
            cancel(&client, json!(1));
        }
        // The next of that id is another call.
        let next = client.send(&hold(json!(1), "next"));
        fixture.has_calls(1);
        fixture.gate.open(1);
        assert_eq!(next.answer().text(), "next");
        // Whoever is faster: there is an answer, or there is none.
        for _ in 0..50 {
            let raced = client.send(&hold(json!(1), "raced"));
            fixture.has_calls(1);
            fixture.gate.open(1);
            cancel(&client, json!(1));
            let messages = raced.answer().messages();
            assert!(messages.len() <= 1, "{messages:#?}");
            fixture.has_calls(0);
            // If it was cancelled, it has not come by.
            fixture.gate.shut();
        }
    });
}

#[test]
fn initialize_cannot_be_cancelled() {
    for &on in On::AND_INSIDE {
        let gate = Gate::default();
        let asked = Arc::new(AtomicUsize::new(0));
        let hook = {
            let (gate, asked) = (gate.clone(), asked.clone());
            move |_: Context| {
                let gate = gate.clone();
                asked.fetch_add(1, Ordering::SeqCst);
                async move {
                    gate.pass().await;
                    Ok::<_, String>(())
                }
            }
        };
        let fixture = Fixture::start(on, |gate| server(gate).on_initialize(hook));
        let stranger = fixture.stranger();
        let underway = stranger.send(&stranger.introduction());
        wait_until("the hook", || asked.load(Ordering::SeqCst) == 1);
        cancel(&stranger, stranger.introduction()["id"].clone());
        gate.open(1);
        let answer = underway.answer();
        let session = answer.field("mcp-session-id").map(str::to_owned);
        assert_eq!(answer.result()["protocolVersion"], json!("2025-11-25"));
        let client = Client { session, ..stranger };
        cancel(&client, json!(1));
        assert!(client.lives());
        fixture.stop();
    }
}

/// The twelve are told apart by what they were called with, and by nothing else.
#[test]
fn twelve_calls_with_one_id_get_their_own_answers() {
    on_all_runtimes(|fixture| {
        for revision in REVISIONS {
            let client = Client { revision, ..fixture.stranger() }.begin();
            for is_stream in [false, true] {
                let call = if is_stream { stream } else { hold };
                let all: Vec<_> = (0..12)
                    .map(|n| {
                        let message = format!("answer {n}");
                        (client.send(&call(json!(1), &message)), message)
                    })
                    .collect();
                fixture.has_calls(12);
                cancel(&client, json!(1));
                assert_eq!(fixture.counters.calls_in_flight(), 12);
                fixture.gate.open(12);
                for (underway, message) in all {
                    let answer = underway.answer();
                    assert_eq!(answer.is_stream(), is_stream);
                    let messages = answer.messages();
                    let (response, reports) = messages.split_last().unwrap();
                    assert!(is_response(response), "{messages:#?}");
                    assert_eq!((text_in(response), &response["id"]), (message.clone(), &json!(1)));
                    assert_eq!(reports.len(), if is_stream { 2 } else { 0 });
                    let mut texts = reports.iter().map(|report| &report["params"]["message"]);
                    assert!(texts.all(|text| *text == json!(message)), "{messages:#?}");
                }
            }
        }
    });
}
