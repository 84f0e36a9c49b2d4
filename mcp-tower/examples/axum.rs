//! An axum application with a page of its own, and two MCP servers in it.
//!
//! `cargo run -p mcp-tower --example axum` serves <http://127.0.0.1:8000>, with the servers at
//! `/echo/mcp` and `/math/mcp`; another port can be given as an argument.
//!
//! ```sh
//! curl http://127.0.0.1:8000/math/mcp -H 'Content-Type: application/json' \
//!   -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":2}}}'
//! ```

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use mcp_tokio::{BoxError, Endpoints, Server, Tokio, tokio};
use mcp_tower::Mcp;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Echo {
    /// What to say.
    message: String,
}

#[derive(Deserialize, JsonSchema)]
struct Add {
    /// The first summand.
    a: f64,
    /// The second summand.
    b: f64,
}

fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let port = std::env::args().nth(1).unwrap_or_else(|| "8000".into());

    let echo = with_life("echo", Server::new("echo", "1.0.0")).tool(
        "echo",
        "Returns its message",
        |args: Echo| async move { args.message },
    );
    let math = with_life("math", Server::new("math", "1.0.0")).tool(
        "add",
        "Adds two numbers",
        |args: Add| args.a + args.b,
    );
    let endpoints = Endpoints::new().mount("/echo/mcp", echo).mount("/math/mcp", math);

    tokio::runtime::Runtime::new()?.block_on(async {
        // Whatever is mounted is started here, and stopped below. The paths are what a client asks
        // for: routes do not change them.
        let mcp = Mcp::start(Tokio::default(), endpoints).await?;
        let app = Router::new()
            .route("/", get(|| async { "An application, with MCP inside.\n" }))
            .route_service("/echo/mcp", mcp.service())
            .route_service("/math/mcp", mcp.service());

        let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
        let address = listener.local_addr()?;
        println!("listening on http://{address}/echo/mcp");
        println!("listening on http://{address}/math/mcp");
        axum::serve(listener, app)
            .with_graceful_shutdown(async {
                mcp_tokio::shutdown_signal().await;
                // Streams that clients listen to end with this.
                mcp.stop(Duration::from_secs(10)).await;
            })
            .await?;
        Ok(())
    })
}

/// Shows where a server would open and close what it needs, a database for one.
fn with_life(name: &'static str, server: Server) -> Server {
    server
        .on_start(move || async move {
            println!("{name} is up");
            Ok::<(), BoxError>(())
        })
        .on_stop(move || async move { println!("{name} is down") })
}
