//! The server in the storm: everything that servers can do, and deadlines that are short.

use std::time::Duration;

use mcp_smol::{
    AskError, Context, Counters, Deadlines, Elicited, Endpoints, HubDeadlines, HubLimits, Limits,
    Resource, Server, ServerHandle, tool,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::common::{On, listen};

/// The example of mcp-proto.
#[path = "../../../mcp-proto/examples/blocking.rs"]
#[allow(dead_code, reason = "its main is not ours")]
mod blocking;

/// Between two changes.
const TICK: Duration = Duration::from_millis(5);

/// Serves until it is asked to end.
pub(crate) fn serve(runtime: &str) {
    let listener = listen();
    println!("listening on {}", listener.local_addr().unwrap());
    if runtime == "blocking" {
        let ended = blocking::serve(&listener, deadlines());
        return ended.unwrap();
    }
    tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
    let on = On::ALL.iter().find(|on| format!("{on:?}").eq_ignore_ascii_case(runtime));
    let on = *on.unwrap_or_else(|| panic!("unknown runtime {runtime:?}"));
    let mut server = Server::new("chaos", "1.0.0");
    let (handle, counters) = (server.handle(), server.counters());
    std::thread::spawn(move || change(&handle));
    let endpoints = Endpoints::new()
        .mount("/mcp", offer(on, server, counters))
        .mount(
            "/half",
            Server::new("half", "1.0.0").answer_half_closed(true).tool(
                "echo",
                "Returns its message",
                |args: Echo| args.message,
            ),
        )
        .limits(Limits { body: 256 * 1024, unsent: 64 * 1024, ..Limits::default() })
        .hub_limits(HubLimits { subscriptions: 32, sessions: 32, streams: 4, ..Default::default() })
        .hub_deadlines(HubDeadlines {
            session_idle: Duration::from_secs(2),
            replay: Duration::from_secs(1),
            answer: Duration::from_secs(2),
            retry: Duration::from_millis(10),
        })
        .deadlines(deadlines());
    on.run(listener, endpoints, Duration::from_secs(2), on.shutdown_signal()).unwrap();
}

fn deadlines() -> Deadlines {
    Deadlines {
        head: Duration::from_secs(1),
        authorization: Duration::from_secs(1),
        body: Duration::from_secs(1),
        idle: Duration::from_secs(2),
        write_stall: Duration::from_secs(1),
        input_end: Duration::from_secs(1),
        drain: Duration::from_millis(300),
        stream_after: Duration::from_millis(100),
        keep_alive: Duration::from_millis(50),
    }
}

/// Changes what the server offers for as long as the process lives.
fn change(handle: &ServerHandle) {
    for tick in 0_u64.. {
        std::thread::sleep(TICK);
        handle.notify_resource_updated("chaos://a");
        if tick % 20 == 0 {
            let changing = tool("changing", format!("Version {tick}"), || "changed");
            handle.replace(changing).unwrap();
        }
    }
}

#[derive(Deserialize, JsonSchema)]
struct Echo {
    message: String,
}

#[derive(Deserialize, JsonSchema)]
struct Steps {
    steps: u32,
    milliseconds: u64,
    #[serde(default)]
    releases: bool,
}

#[derive(Deserialize, JsonSchema)]
struct Big {
    kib: usize,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Name {
    name: String,
}

async fn ask(ctx: Context) -> Result<String, AskError> {
    ctx.progress(1.0).await;
    match ctx.elicit::<Name>("name", "Who are you?").await? {
        Elicited::Accepted(Name { name }) => Ok(name),
        other => Ok(format!("{other:?}")),
    }
}

fn offer(on: On, server: Server, counters: Counters) -> Server {
    server
        .logging()
        .resource(Resource::new("chaos://a", "a"), || "A")
        .prompt("greet", "Greets", || "Hello!")
        .tool("echo", "Returns its message", |args: Echo| args.message)
        .tool("ask", "Asks for a name", ask)
        .tool("big", "Returns much", |args: Big| "x".repeat(args.kib * 1024))
        .tool("steps", "Reports progress", move |args: Steps, ctx: Context| async move {
            for step in 1..=args.steps {
                ctx.progress(f64::from(step)).message("x".repeat(1024)).await;
                if args.releases && step == 2 {
                    ctx.release_connection();
                }
                if args.milliseconds > 0 {
                    on.sleep(Duration::from_millis(args.milliseconds)).await;
                }
            }
            "done"
        })
        .tool("left", "Counts what is there besides this call", move || {
            json!({
                "connections": counters.open_connections() - 1,
                "calls": counters.calls_in_flight() - 1,
                "subscriptions": counters.open_subscriptions(),
                "sessions": counters.open_sessions(),
                "streams": counters.open_streams(),
            })
            .to_string()
        })
}
