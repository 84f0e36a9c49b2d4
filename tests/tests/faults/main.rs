//! Faults of peers, of the system and of handlers, on real sockets and every runtime.

#[path = "../common/mod.rs"]
mod common;

#[path = "../common/blocking.rs"]
mod blocking;

mod buffers;
mod descriptors;
mod handlers;
mod races;
mod signals;
mod stages;
mod stdio;

use std::time::Duration;

use common::{On, process};
use mcp_smol::{Context, Endpoints, Server};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Echo {
    message: String,
}

#[derive(Deserialize, JsonSchema)]
struct Wait {
    milliseconds: u64,
}

/// A server that echoes, and that reports progress and then waits.
fn server(on: On) -> Server {
    Server::new("faults", "1.0.0")
        .tool("echo", "Returns its message", |args: Echo| args.message)
        .tool("print", "Prints where a server must not print on stdio", || {
            println!("\"printed\"");
            "done"
        })
        .tool("wait", "Waits", move |args: Wait, ctx: Context| async move {
            ctx.progress(1.0).await;
            on.sleep(Duration::from_millis(args.milliseconds)).await;
            "waited"
        })
}

/// It answers clients that have closed their half at `/half`, and only there.
fn endpoints(on: On) -> Endpoints {
    let half = server(on).answer_half_closed(true);
    Endpoints::new().mount("/mcp", server(on)).mount("/half", half)
}

/// The server, for the tests that need it to be a process of its own.
#[test]
fn serve() {
    process::serve(None, |on| {
        tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr).init();
        endpoints(on)
    });
}
