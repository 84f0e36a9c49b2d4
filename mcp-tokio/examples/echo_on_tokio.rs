//! An MCP server on tokio, with a tool that reports progress.
//!
//! `cargo run -p mcp-tokio --example echo_on_tokio` serves <http://127.0.0.1:8000/mcp>; another
//! port can be given as an argument.

use std::time::Duration;

use mcp_tokio::{BoxError, Context, Endpoints, Server, tokio};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
struct Echo {
    /// What to say.
    message: String,
    /// How many times.
    #[serde(default)]
    times: u8,
}

async fn echo(args: Echo, ctx: Context) -> String {
    for time in 0..args.times {
        ctx.progress(f64::from(time)).total(f64::from(args.times)).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    args.message.repeat(args.times.max(1).into())
}

fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let port = std::env::args().nth(1).unwrap_or_else(|| "8000".into());
    let server = Server::new("echo", "1.0.0").tool("echo", "Repeats its message", echo);

    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = mcp_tokio::bind(format!("127.0.0.1:{port}")).await?;
        println!("listening on http://{}/mcp", listener.local_addr()?);
        mcp_tokio::serve(listener, Endpoints::new().mount("/mcp", server))
            .until(mcp_tokio::shutdown_signal())
            .await?;
        Ok(())
    })
}
