//! What the echo server in `docs/migrating-from-rmcp.md` has become.
//!
//! `cargo run -p mcp-tokio --example echo_from_rmcp` serves <http://127.0.0.1:8000/mcp>.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mcp_tokio::{Endpoints, Server};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Message {
    /// What to say.
    message: String,
}

#[derive(Clone, Default)]
struct Echo {
    calls: Arc<AtomicU64>,
}

impl Echo {
    async fn echo(self, Message { message }: Message) -> String {
        self.calls.fetch_add(1, Ordering::Relaxed);
        message
    }

    fn calls(&self) -> String {
        self.calls.load(Ordering::Relaxed).to_string()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let echo = Echo::default();
    let counted = echo.clone();
    let server = Server::new("echo", "1.0.0")
        .tool("echo", "Returns its message", move |message| counted.clone().echo(message))
        .tool("calls", "Tells how often there was an echo", move || echo.calls());
    let listener = mcp_tokio::bind("127.0.0.1:8000").await?;
    mcp_tokio::serve(listener, Endpoints::new().mount("/mcp", server)).await?;
    Ok(())
}
