//! An MCP server with one tool.
//!
//! `cargo run -p mcp-smol --example echo` serves <http://127.0.0.1:8000/mcp>; another port can be
//! given as an argument.

use mcp_smol::{Endpoints, Server};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Echo {
    /// What to say.
    message: String,
}

fn main() -> Result<(), mcp_smol::BoxError> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let port = std::env::args().nth(1).unwrap_or_else(|| "8000".into());

    let server =
        Server::new("echo", "1.0.0")
            .tool("echo", "Returns its message", |args: Echo| async move { args.message });

    let listener = mcp_smol::bind(format!("127.0.0.1:{port}"))?;
    println!("listening on http://{}/mcp", listener.local_addr()?);
    let serve = mcp_smol::serve(listener, Endpoints::new().mount("/mcp", server))
        .until(mcp_smol::shutdown_signal());
    mcp_smol::block_on(serve)?;
    Ok(())
}
