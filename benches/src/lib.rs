//! What the core is measured with: a session, or a part of it, doing the same thing over and over.
//!
//! Each case is prepared once and then run many times. `benches/side-by-side` times them, the program
//! `counts` counts their instructions and allocations, and CI holds those to `baseline.txt`.

mod connection;
pub mod requests;

use std::hint::black_box;
use std::sync::Arc;

use connection::{Connection, config};
use mcp_proto::internals::{HeadScan, parse_head, parse_message};
use mcp_proto::{
    CallToolResult, Catalog, Change, Limits, Notification, Offer, Progress, Reply, Tool,
};
use requests::{call_echo, call_echo_from_node, discover, list_tools, listen, post};
use serde::de::IgnoredAny;

/// Something to be measured.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Case {
    /// Names it on the command line and in `baseline.txt`.
    pub name: &'static str,
    /// Gives what is to be run many times.
    pub prepare: fn() -> Box<dyn FnMut()>,
}

/// All of them.
pub const CASES: &[Case] = &[
    Case { name: "parse-head", prepare: parse_a_head },
    Case { name: "parse-json-rpc", prepare: parse_json_rpc },
    Case { name: "call-json", prepare: call_answered_by_json },
    Case { name: "call-json-node", prepare: call_from_node },
    Case { name: "call-sse", prepare: call_answered_by_events },
    Case { name: "list-50-tools", prepare: list_of_50_tools },
    Case { name: "discover", prepare: discovery },
    Case { name: "refuse-host", prepare: refused_host },
    Case { name: "refuse-version", prepare: refused_version },
    Case { name: "argument-1-mib", prepare: argument_of_1_mib },
    Case { name: "yardstick-1-mib", prepare: validation_of_1_mib },
    Case { name: "result-64-kib", prepare: result_of_64_kib },
    Case { name: "pipeline-1000", prepare: pipelined_calls },
    Case { name: "listen-fan-out-100", prepare: fan_out_to_100 },
];

fn parse_a_head() -> Box<dyn FnMut()> {
    let request = call_echo("hello", false);
    let limits = Limits::default();
    Box::new(move || {
        let length = HeadScan::default().advance(&request, limits.head).expect("well-formed");
        let head = parse_head(&request[..length.expect("complete")], &limits);
        black_box(head.expect("well-formed"));
    })
}

fn parse_json_rpc() -> Box<dyn FnMut()> {
    let request = String::from_utf8(call_echo("hello", false)).expect("UTF-8");
    let (_, body) = request.split_once("\r\n\r\n").expect("a head");
    let body = body.to_owned();
    Box::new(move || parse_message(black_box(&body)).expect("a message"))
}

fn call_answered_by_json() -> Box<dyn FnMut()> {
    answered_by_json(call_echo("hello", false))
}

fn call_from_node() -> Box<dyn FnMut()> {
    answered_by_json(call_echo_from_node("hello"))
}

fn answered_by_json(request: Vec<u8>) -> Box<dyn FnMut()> {
    let mut connection = Connection::new(config());
    Box::new(move || {
        let call = connection.call(&request);
        connection.reply(call.key(), Reply::Tool(CallToolResult::text("hello")));
        assert!(connection.send_out() > 0);
    })
}

fn call_answered_by_events() -> Box<dyn FnMut()> {
    let request = call_echo("hello", true);
    let mut connection = Connection::new(config());
    Box::new(move || {
        let call = connection.call(&request);
        connection.notify(call.key(), Notification::Progress(Progress::new(1.0)));
        assert!(connection.send_out() > 0);
        connection.reply(call.key(), Reply::Tool(CallToolResult::text("hello")));
        assert!(connection.send_out() > 0);
    })
}

fn list_of_50_tools() -> Box<dyn FnMut()> {
    let schema =
        serde_json::json!({"type": "object", "properties": {"message": {"type": "string"}}});
    let tool = |nth| Tool::new(format!("tool-{nth}"), "Does something", &schema);
    let offer = Offer { tools: (0..50).map(tool).collect(), ..Offer::default() };
    let catalog = Catalog::new(&offer).expect("all different");
    let request = list_tools();
    let mut connection = Connection::new(config());
    Box::new(move || {
        let call = connection.call(&request);
        connection.reply(call.key(), catalog.answer(&call).expect("a list"));
        assert!(connection.send_out() > 0);
    })
}

/// Requests that the session answers by itself.
fn answered_at_once(request: Vec<u8>) -> Box<dyn FnMut()> {
    let config = config();
    let mut connection = Connection::new(config.clone());
    Box::new(move || {
        connection.send(&request);
        assert!(connection.send_out() > 0);
        assert!(connection.poll_call().is_none(), "nobody is asked");
        if connection.has_ended() {
            connection = Connection::new(config.clone());
        }
    })
}

fn discovery() -> Box<dyn FnMut()> {
    answered_at_once(discover())
}

fn refused_host() -> Box<dyn FnMut()> {
    answered_at_once(post("example.com", "tools/list", "", "{}"))
}

fn refused_version() -> Box<dyn FnMut()> {
    let request = String::from_utf8(list_tools()).expect("UTF-8");
    answered_at_once(request.replace("2026-07-28", "2099-01-01").into_bytes())
}

fn argument_of_1_mib() -> Box<dyn FnMut()> {
    let request = call_echo(&"x".repeat(1024 * 1024), false);
    let mut connection = Connection::new(config());
    Box::new(move || {
        // As much as a driver reads at once.
        for piece in request.chunks(16 * 1024) {
            connection.send(piece);
        }
        let call = connection.take_call();
        connection.reply(call.key(), Reply::Tool(CallToolResult::text("hello")));
        assert!(connection.send_out() > 0);
    })
}

/// The same bytes copied once and validated by serde_json: what `argument-1-mib` is held against.
fn validation_of_1_mib() -> Box<dyn FnMut()> {
    let request = call_echo(&"x".repeat(1024 * 1024), false);
    let head = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    let body = request[head + 4..].to_vec();
    Box::new(move || {
        let copy = black_box(&body).clone();
        black_box(serde_json::from_slice::<IgnoredAny>(&copy).expect("a message"));
    })
}

fn result_of_64_kib() -> Box<dyn FnMut()> {
    let request = call_echo("hello", false);
    let result = CallToolResult::text("x".repeat(64 * 1024));
    let mut connection = Connection::new(config());
    Box::new(move || {
        let call = connection.call(&request);
        connection.reply(call.key(), Reply::Tool(result.clone()));
        assert!(connection.send_out() > 64 * 1024);
    })
}

fn pipelined_calls() -> Box<dyn FnMut()> {
    let requests = call_echo("hello", false).repeat(1000);
    let mut connection = Connection::new(config());
    Box::new(move || {
        for piece in requests.chunks(16 * 1024) {
            connection.send(piece);
            while let Some(call) = connection.poll_call() {
                connection.reply(call.key(), Reply::Tool(CallToolResult::text("hello")));
                assert!(connection.send_out() > 0);
            }
        }
    })
}

fn fan_out_to_100() -> Box<dyn FnMut()> {
    let config = config();
    let mut listeners: Vec<_> = (0..100)
        .map(|_| {
            let mut connection = Connection::new(Arc::clone(&config));
            let call = connection.call(&listen());
            connection.notify(call.key(), Notification::Subscribed);
            assert!(connection.send_out() > 0);
            (connection, call.key())
        })
        .collect();
    Box::new(move || {
        let change = Notification::Changed(Change::Tools);
        for (connection, key) in &mut listeners {
            connection.notify(*key, change.clone());
            assert!(connection.send_out() > 0);
        }
    })
}
