//! The server that the official conformance suite and the official clients are let loose on.
//!
//! `conformance-server --runtime smol|tokio|axum --port P` serves the suite's fixture at `/mcp`, through
//! nothing but the public API: an example of all of it, too. With `axum` it is inside an axum
//! application, on tokio.

mod media;
mod prompts;
mod questions;
mod resources;
mod skills;
mod tasks;
mod tools;
mod waiting;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use mcp_smol::{BoxError, Endpoints, Server};

fn server(sleep: fn(Duration) -> Sleep) -> Server {
    let mut server = Server::new("conformance", "1.0.0").logging();
    let handle = server.handle();
    let server = waiting::add_to(tools::add_to(server, &handle, sleep), sleep);
    let server = tasks::add_to(questions::add_to(server), sleep);
    skills::add_to(resources::add_to(prompts::add_to(server)))
}

/// Each runtime has a way to wait of its own.
type Sleep = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

fn main() -> Result<(), BoxError> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let options = Options::parse()?;
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)))?;
    println!("listening on http://{}/mcp", listener.local_addr()?);
    match options.runtime.as_str() {
        "smol" => on_smol(listener),
        #[cfg(feature = "tokio")]
        "tokio" => on_tokio(listener),
        #[cfg(feature = "axum")]
        "axum" => in_axum(listener),
        other => Err(format!("unknown runtime {other:?}").into()),
    }
}

fn on_smol(listener: TcpListener) -> Result<(), BoxError> {
    let server = server(|duration| {
        Box::pin(async move {
            mcp_smol::async_io::Timer::after(duration).await;
        })
    });
    let serve = mcp_smol::serve(listener.try_into()?, Endpoints::new().mount("/mcp", server))
        .until(mcp_smol::shutdown_signal());
    mcp_smol::block_on(serve)?;
    Ok(())
}

#[cfg(feature = "tokio")]
fn on_tokio(listener: TcpListener) -> Result<(), BoxError> {
    use mcp_tokio::tokio;

    tokio::runtime::Runtime::new()?.block_on(async {
        let server = server(|duration| Box::pin(tokio::time::sleep(duration)));
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        mcp_tokio::serve(listener.into(), Endpoints::new().mount("/mcp", server))
            .until(mcp_tokio::shutdown_signal())
            .await?;
        Ok(())
    })
}

#[cfg(feature = "axum")]
fn in_axum(listener: TcpListener) -> Result<(), BoxError> {
    use mcp_tokio::{Tokio, tokio};

    tokio::runtime::Runtime::new()?.block_on(async {
        let server = server(|duration| Box::pin(tokio::time::sleep(duration)));
        let endpoints = Endpoints::new().mount("/mcp", server);
        let mcp = mcp_tower::Mcp::start(Tokio::default(), endpoints).await?;
        let app = axum::Router::new().route_service("/mcp", mcp.service());
        listener.set_nonblocking(true)?;
        axum::serve(tokio::net::TcpListener::from_std(listener)?, app)
            .with_graceful_shutdown(async {
                mcp_tokio::shutdown_signal().await;
                mcp.stop(Duration::from_secs(10)).await;
            })
            .await?;
        Ok(())
    })
}

struct Options {
    runtime: String,
    port: u16,
}

impl Options {
    fn parse() -> Result<Self, lexopt::Error> {
        use lexopt::prelude::*;

        let mut options = Self { runtime: "smol".into(), port: 8000 };
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("runtime") => options.runtime = arguments.value()?.string()?,
                Long("port") => options.port = arguments.value()?.parse()?,
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(options)
    }
}
