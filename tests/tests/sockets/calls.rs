//! Calls over real sockets: what handlers may return, how they fail, and that they do not mix.

use std::io::{BufReader, Write};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use crate::common::client::{Response, ToolCall, Wire, connect};
use crate::common::{On, Running, wait_until};
use mcp_smol::{
    CallToolResult, Content, Context, Counters, Deadlines, Endpoints, ResponseMode, Server,
    Structured,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Deserialize, JsonSchema)]
struct Echo {
    message: String,
}

#[derive(Serialize, JsonSchema)]
struct Sum {
    sum: i64,
}

#[derive(Deserialize, JsonSchema)]
struct Nothing {}

fn server(on: On) -> Server {
    Server::new("calls", "1.0.0")
        .tool("echo", "Async", |args: Echo| async move { args.message })
        .tool("echo_sync", "Sync", |args: Echo| args.message)
        .tool("sum", "Structured", || Structured(Sum { sum: 3 }))
        .tool("list", "A list of contents", || async {
            vec![Content::text("one"), Content::image(b"png", "image/png")]
        })
        .tool("nothing", "No content", || async {})
        .tool("fail", "Fails", || async { Err::<String, _>("try a smaller number") })
        .tool("fail_result", "Fails by result", || CallToolResult::error("no"))
        .tool("panic", "Panics", || async { panic!("a bug") as String })
        .tool("panic_at_once", "Panics before its future is made", |_: Nothing| -> String {
            panic!("a bug")
        })
        .tool("slow_echo", "Waits, then echoes", move |args: Echo| async move {
            on.sleep(Duration::from_millis(200)).await;
            args.message
        })
        .tool("progress", "Reports progress", |_: Nothing, ctx: Context| async move {
            for step in [1.0, 2.0, 2.0, f64::NAN, 1.0, 3.0] {
                ctx.progress(step).total(3.0).message(format!("step {step}")).await;
            }
            "done"
        })
        .tool("context", "Tells what it knows", |ctx: Context| async move {
            format!("{} {:?} {:?}", ctx.revision(), ctx.header("HOST"), ctx.header("x-none"))
        })
        .tool("silent", "Says nothing for long", move || async move {
            on.sleep(Duration::from_millis(500)).await;
            "at last"
        })
}

fn start(on: On) -> (Running, Counters) {
    let server = server(on);
    let counters = server.counters();
    (on.serve(Endpoints::new().mount("/mcp", server)), counters)
}

fn call(
    running: &Running,
    wire: Wire,
    tool: &'static str,
    arguments: serde_json::Value,
) -> Response {
    ToolCall::new(wire, tool, arguments).send(running.address)
}

#[test]
fn handlers_return_what_they_like() {
    for &on in On::AND_INSIDE {
        let (running, _) = start(on);
        for wire in [Wire::Modern, Wire::Legacy] {
            let result = |tool, arguments| {
                let response = call(&running, wire, tool, arguments);
                assert_eq!(response.status, 200);
                let mut result = response.answer()["result"].clone();
                let object = result.as_object_mut().unwrap();
                let (kind, meta) = (object.remove("resultType"), object.remove("_meta"));
                match wire {
                    Wire::Modern => {
                        assert_eq!(kind, Some(json!("complete")));
                        let info = &meta.unwrap()["io.modelcontextprotocol/serverInfo"];
                        assert_eq!(*info, json!({"name": "calls", "version": "1.0.0"}));
                    }
                    Wire::Legacy => assert_eq!((kind, meta), (None, None)),
                }
                result
            };
            let text = |text: &str| json!([{"type": "text", "text": text}]);
            let hello = json!({"message": "héllo \"\n\u{1F600}"});
            assert_eq!(result("echo", hello.clone())["content"], text("héllo \"\n\u{1F600}"));
            assert_eq!(result("echo_sync", hello)["content"], text("héllo \"\n\u{1F600}"));
            assert_eq!(
                result("sum", json!({})),
                json!({"content": text("{\"sum\":3}"), "structuredContent": {"sum": 3}})
            );
            assert_eq!(result("list", json!({}))["content"][1]["data"], json!("cG5n"));
            assert_eq!(result("nothing", json!({})), json!({"content": []}));
            assert_eq!(
                result("fail", json!({})),
                json!({"content": text("try a smaller number"), "isError": true})
            );
            assert_eq!(result("fail_result", json!({}))["isError"], json!(true));
            let invalid = result("echo", json!({"mesage": "x"}));
            assert_eq!(invalid["isError"], json!(true));
            assert_eq!(
                invalid["content"][0]["text"],
                json!("invalid arguments: \"message\" is a required property")
            );
            let wrong = result("echo", json!({"message": 7}))["content"][0]["text"].clone();
            assert!(
                wrong.as_str().unwrap().starts_with("invalid arguments: `message`: "),
                "{wrong}"
            );
            let context = result("context", json!({}))["content"][0]["text"].clone();
            let revision = if wire == Wire::Modern { "2026-07-28" } else { "2025-11-25" };
            assert_eq!(context, json!(format!("{revision} Some(\"localhost\") None")));
        }
        running.stop().unwrap();
    }
}

#[test]
fn errors_have_the_status_of_their_era() {
    let (running, _) = start(On::Smol);
    for (tool, arguments, code, modern, legacy) in [
        ("unknown", json!({}), -32602, 400, 200),
        ("echo", json!("a string"), -32602, 400, 200),
        ("panic", json!({}), -32603, 200, 200),
    ] {
        for (wire, status) in [(Wire::Modern, modern), (Wire::Legacy, legacy)] {
            let response = call(&running, wire, tool, arguments.clone());
            let answer = response.answer();
            assert_eq!(
                (response.status, &answer["error"]["code"]),
                (status, &json!(code)),
                "{tool}"
            );
            assert_eq!(answer["id"], json!(1));
        }
    }
    running.stop().unwrap();
}

#[test]
fn a_panic_is_the_end_of_one_call_only() {
    for &on in On::AND_INSIDE {
        let (running, counters) = start(on);
        // On one connection, which stays usable.
        let mut stream = connect(running.address);
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        for tool in ["panic", "panic_at_once", "echo"] {
            let arguments = if tool == "echo" { json!({"message": "fine"}) } else { json!({}) };
            let call = ToolCall::new(Wire::Legacy, tool, arguments);
            stream.write_all(&call.sized()).unwrap();
            let answer = Response::read(&mut reader, &call.request()).answer();
            if tool == "echo" {
                assert_eq!(answer["result"]["content"][0]["text"], json!("fine"));
            } else {
                assert_eq!(answer["error"]["code"], json!(-32603), "{answer}");
            }
        }
        assert_eq!(counters.calls_in_flight(), 0);
        running.stop().unwrap();
    }
}

#[test]
fn twelve_calls_with_one_id_get_their_own_answers() {
    for &on in On::AND_INSIDE {
        let (running, counters) = start(on);
        for wire in [Wire::Modern, Wire::Legacy] {
            let barrier = Arc::new(Barrier::new(12));
            let clients: Vec<_> = (0..12)
                .map(|n| {
                    let (barrier, address) = (barrier.clone(), running.address);
                    std::thread::spawn(move || {
                        let message = format!("answer {n}");
                        let call = ToolCall::new(wire, "slow_echo", json!({"message": message}));
                        barrier.wait();
                        let response = call.send(address);
                        assert_eq!(response.answer()["id"], json!(1));
                        assert_eq!(response.text(), message);
                    })
                })
                .collect();
            wait_until("all twelve in flight", || counters.calls_in_flight() == 12);
            clients.into_iter().for_each(|client| client.join().unwrap());
        }
        running.stop().unwrap();
    }
}

#[test]
fn ids_are_echoed_as_they_came() {
    let (running, _) = start(On::Smol);
    for id in [json!(0), json!("1"), json!(-7), json!(9_007_199_254_740_993_i64), json!("")] {
        let echo = ToolCall::new(Wire::Modern, "echo", json!({"message": "x"}));
        let response = ToolCall { id: id.clone(), ..echo }.send(running.address);
        assert_eq!(response.answer()["id"], id);
    }
    running.stop().unwrap();
}

#[test]
fn progress_makes_a_stream_and_only_ever_increases() {
    for &on in On::AND_INSIDE {
        let (running, _) = start(on);
        for wire in [Wire::Modern, Wire::Legacy] {
            let response = call(&running, wire, "progress", json!({}));
            assert!(response.head.contains("text/event-stream"), "{}", response.head);
            let messages = response.messages();
            let steps: Vec<_> =
                messages.iter().map(|message| &message["params"]["progress"]).collect();
            assert_eq!(steps, [&json!(1.0), &json!(2.0), &json!(3.0), &json!(null)]);
            assert_eq!(messages[2]["params"]["progressToken"], json!(1));
            assert_eq!(messages[2]["params"]["message"], json!("step 3"));
            assert_eq!(response.text(), "done");
        }
        running.stop().unwrap();
    }
}

#[test]
fn a_pinned_server_keeps_to_its_shape() {
    let endpoints = Endpoints::new()
        .mount("/json", server(On::Smol).response_mode(ResponseMode::Json))
        .mount("/stream", server(On::Smol).response_mode(ResponseMode::EventStream));
    let running = On::Smol.serve(endpoints);
    let progress = ToolCall::new(Wire::Modern, "progress", json!({}));
    let response = ToolCall { path: "/json", ..progress }.send(running.address);
    assert!(response.head.contains("application/json"), "{}", response.head);
    assert_eq!(response.text(), "done");
    let echo = || ToolCall::new(Wire::Modern, "echo", json!({"message": "x"}));
    let response = ToolCall { path: "/stream", ..echo() }.send(running.address);
    assert!(response.head.contains("text/event-stream"), "{}", response.head);
    assert_eq!(response.text(), "x");
    // An error has a status to tell.
    let response = ToolCall { path: "/stream", tool: "unknown", ..echo() }.send(running.address);
    assert_eq!(response.status, 400);
    running.stop().unwrap();
}

#[test]
fn a_silent_handler_is_kept_alive() {
    for &on in On::AND_INSIDE {
        let deadlines = Deadlines {
            stream_after: Duration::from_millis(100),
            keep_alive: Duration::from_millis(100),
            ..Deadlines::default()
        };
        let endpoints = Endpoints::new().mount("/mcp", server(on)).deadlines(deadlines);
        let running = on.serve(endpoints);
        let response = call(&running, Wire::Modern, "silent", json!({}));
        let comments = response.body.lines().filter(|line| *line == ": keep-alive").count();
        assert!((2..=5).contains(&comments), "{}", response.body);
        assert_eq!(response.text(), "at last");
        running.stop().unwrap();
    }
}
