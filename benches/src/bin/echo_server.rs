//! The server that is measured from outside: at `/mcp` a tool, `echo`, one that reports progress
//! before it does the same, `echo-progress`, and one that tells all who listen of a change, `change`.
//!
//! `echo-server --runtime smol|tokio|blocking --threads N --port P --tools N`, where the last is how
//! many more tools are offered.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use mcp_smol::{BoxError, Context, Endpoints, HubLimits, Server};
use schemars::JsonSchema;
use serde::Deserialize;

/// `blocking` is the example of mcp-proto itself, which has an echo tool of its own.
#[path = "../../../mcp-proto/examples/blocking.rs"]
#[allow(dead_code, reason = "its main is not ours")]
mod blocking;

#[derive(Deserialize, JsonSchema)]
struct Echo {
    message: String,
}

async fn echo_with_progress(args: Echo, ctx: Context) -> String {
    ctx.progress(1.0).await;
    args.message
}

fn endpoints(more_tools: usize) -> Endpoints {
    let mut server = Server::new("echo", "1.0.0");
    let handle = server.handle();
    let server = server
        .tool("echo", "Returns its message", |args: Echo| async move { args.message })
        .tool("echo-progress", "Reports progress and returns its message", echo_with_progress)
        .tool("change", "Tells those who listen of a change", move || {
            handle.notify_tools_list_changed();
        });
    let server = (1..=more_tools).fold(server, |server, nth| {
        server.tool(format!("tool-{nth}"), "Returns its message", |args: Echo| async move {
            args.message
        })
    });
    // As many as there may be connections: that is what is measured.
    let limits = HubLimits { subscriptions: 10_000, ..HubLimits::default() };
    Endpoints::new().hub_limits(limits).mount("/mcp", server)
}

fn main() -> Result<(), BoxError> {
    let options = Options::parse()?;
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)))?;
    println!("listening on http://{}/mcp", listener.local_addr()?);
    let endpoints = endpoints(options.tools);
    match options.runtime.as_str() {
        "smol" => on_smol(listener, options.threads, endpoints),
        #[cfg(feature = "tokio")]
        "tokio" => on_tokio(listener, options.threads, endpoints),
        // A thread for each connection, however many are asked for.
        "blocking" => blocking::serve(&listener, mcp_smol::Deadlines::default()),
        other => Err(format!("unknown runtime {other:?}").into()),
    }
}

fn on_smol(listener: TcpListener, threads: usize, endpoints: Endpoints) -> Result<(), BoxError> {
    let serve = mcp_smol::Smol::new()
        .threads(threads)
        .serve(listener.try_into()?, endpoints)
        .until(mcp_smol::shutdown_signal());
    mcp_smol::block_on(serve)?;
    Ok(())
}

#[cfg(feature = "tokio")]
fn on_tokio(listener: TcpListener, threads: usize, endpoints: Endpoints) -> Result<(), BoxError> {
    use mcp_tokio::tokio;

    let mut runtime = if threads == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    runtime.worker_threads(threads).enable_all().build()?.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        mcp_tokio::serve(listener.into(), endpoints).until(mcp_tokio::shutdown_signal()).await?;
        Ok(())
    })
}

struct Options {
    runtime: String,
    threads: usize,
    port: u16,
    tools: usize,
}

impl Options {
    fn parse() -> Result<Self, lexopt::Error> {
        use lexopt::prelude::*;

        let mut options = Self { runtime: "smol".into(), threads: 1, port: 8000, tools: 0 };
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("runtime") => options.runtime = arguments.value()?.string()?,
                Long("threads") => options.threads = arguments.value()?.parse()?,
                Long("port") => options.port = arguments.value()?.parse()?,
                Long("tools") => options.tools = arguments.value()?.parse()?,
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(options)
    }
}
