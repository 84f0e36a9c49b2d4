//! What sessions of the 2025 revisions are told on, over real sockets: responses as JSON or as event
//! streams, streams that belong to no call, and coming back to either (2025-11-25, basic/transports,
//! "Sending Messages to the Server" to "Resumability and Redelivery").

mod changes;
mod resumption;
mod shapes;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::common::client::{HangUp, ToolCall, Wire};
use crate::common::fixture::{Fixture, Gate};
use crate::common::session::{
    Answer, Client, Event, Piece, REVISIONS, is_response, text_in, tool_call,
};
use crate::common::subscription::change_in;
use crate::common::{On, wait_until};
use mcp_proto::Revision;
use mcp_smol::{
    Context, Deadlines, Endpoints, HubDeadlines, HubLimits, LogLevel, Resource, ResponseMode,
    Server, ServerHandle,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// How long "soon" is, and nothing on the way there takes any time.
const SOON: Duration = Duration::from_secs(3);

#[derive(Deserialize, JsonSchema)]
struct Count {
    to: u32,
    /// Bytes of text with each report.
    #[serde(default)]
    bytes: usize,
}

fn server(gate: &Gate) -> Server {
    let [holding, stepping, releasing, parting] = [(); 4].map(|()| gate.clone());
    Server::new("streams", "1.0.0")
        .logging()
        .resource(Resource::new("a:", "a"), || "A")
        .tool("hello", "Says hello", || "hello")
        .tool("log", "Logs", |ctx: Context| async move {
            ctx.log(LogLevel::Info, "a message").await;
            "logged"
        })
        .tool("hold", "Waits at the gate", move |_: Context| {
            let gate = holding.clone();
            async move {
                gate.pass().await;
                "held"
            }
        })
        .tool("count", "Counts as fast as it can", |args: Count, ctx: Context| async move {
            for step in 1..=args.to {
                ctx.progress(step.into()).message("x".repeat(args.bytes)).await;
            }
            "counted"
        })
        .tool(
            "step",
            "Counts, and waits at the gate each time",
            move |args: Count, ctx: Context| {
                let gate = stepping.clone();
                async move {
                    for step in 1..=args.to {
                        ctx.progress(step.into()).await;
                        gate.pass().await;
                    }
                    "stepped"
                }
            },
        )
        .tool(
            "release",
            "Counts, and does without its connection each time",
            move |args: Count, ctx: Context| {
                let gate = releasing.clone();
                async move {
                    for step in 1..=args.to {
                        ctx.release_connection();
                        gate.pass().await;
                        ctx.progress(step.into()).await;
                    }
                    "released"
                }
            },
        )
        .tool(
            "part",
            "Reports, and does without its connection in the same breath",
            move |ctx: Context| {
                let gate = parting.clone();
                async move {
                    ctx.progress(1.0).await;
                    ctx.release_connection();
                    gate.pass().await;
                    "parted"
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

fn start_with(on: On, deadlines: HubDeadlines, limits: HubLimits) -> Fixture {
    Fixture::start_with(on, server, |endpoints| {
        endpoints.hub_deadlines(deadlines).hub_limits(limits)
    })
}

#[track_caller]
fn step_of(message: &Value) -> f64 {
    assert_eq!(message["method"], json!("notifications/progress"), "{message}");
    message["params"]["progress"].as_f64().unwrap()
}

/// The steps, and the text of the response that comes last.
#[track_caller]
fn counted(messages: &[Value]) -> (Vec<f64>, String) {
    let (response, steps) = messages.split_last().expect("there are messages");
    assert!(is_response(response), "{messages:#?}");
    (steps.iter().map(step_of).collect(), text_in(response))
}

/// The events up to the end of a stream, or of a connection that it is to do without.
#[track_caller]
fn events(answer: &mut Answer) -> Vec<Event> {
    std::iter::from_fn(|| answer.event()).collect()
}
