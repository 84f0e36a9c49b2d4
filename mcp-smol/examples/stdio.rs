//! A server that a client launches and talks to over stdin and stdout:
//!
//! ```sh
//! echo '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' | cargo run -p mcp-smol --example stdio
//! ```

use mcp_smol::{BoxError, Server};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Add {
    a: i64,
    b: i64,
}

async fn add(Add { a, b }: Add) -> i64 {
    a + b
}

fn main() -> Result<(), BoxError> {
    // stdout belongs to the protocol.
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();

    let server = Server::new("calculator", "1.0.0").tool("add", "Adds two numbers", add);
    mcp_smol::block_on(mcp_smol::serve_stdio(server).until(mcp_smol::shutdown_signal()))?;
    Ok(())
}
