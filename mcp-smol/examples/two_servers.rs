//! Two MCP servers on one listener, each with a life of its own.
//!
//! `cargo run -p mcp-smol --example two_servers` serves <http://127.0.0.1:8000/echo/mcp> and
//! <http://127.0.0.1:8000/math/mcp>; another port can be given as an argument.

use mcp_smol::{BoxError, Endpoints, Server};
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

    let listener = mcp_smol::bind(format!("127.0.0.1:{port}"))?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}/echo/mcp");
    println!("listening on http://{address}/math/mcp");

    // Mounting is all it takes: whatever is mounted is started, served and stopped.
    let endpoints = Endpoints::new().mount("/echo/mcp", echo).mount("/math/mcp", math);
    let serve = mcp_smol::serve(listener, endpoints).until(mcp_smol::shutdown_signal());
    mcp_smol::block_on(serve)?;
    Ok(())
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
