//! The server that the official conformance suite and the official clients are let loose on.
//!
//! `conformance-server --runtime smol|tokio|axum --port P` serves the suite's fixture at `/mcp`, and with
//! `--stdio` on stdin and stdout, through nothing but the public API: an example of all of it, too.
//! With `axum` it is inside an axum application, on tokio. Web pages of other sites may use it if
//! `--origin https://app.example.com` says so.

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

use mcp_smol::{BoxError, Endpoints, Origins, Server};

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
    let listener = match options.is_stdio {
        true => None,
        false => {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
            let listener = TcpListener::bind(address)?;
            println!("listening on http://{}/mcp", listener.local_addr()?);
            Some(listener)
        }
    };
    let endpoints = Endpoints::new().origins(options.origins);
    match options.runtime.as_str() {
        "smol" => on_smol(listener, endpoints),
        #[cfg(feature = "tokio")]
        "tokio" => on_tokio(listener, endpoints),
        #[cfg(feature = "axum")]
        "axum" => in_axum(listener, endpoints),
        other => Err(format!("unknown runtime {other:?}").into()),
    }
}

fn on_smol(listener: Option<TcpListener>, endpoints: Endpoints) -> Result<(), BoxError> {
    let server = server(|duration| {
        Box::pin(async move {
            mcp_smol::async_io::Timer::after(duration).await;
        })
    });
    let stop = mcp_smol::shutdown_signal();
    match listener {
        Some(listener) => {
            let endpoints = endpoints.mount("/mcp", server);
            mcp_smol::block_on(mcp_smol::serve(listener.try_into()?, endpoints).until(stop))?
        }
        None => mcp_smol::block_on(mcp_smol::serve_stdio(server).until(stop))?,
    };
    Ok(())
}

#[cfg(feature = "tokio")]
fn on_tokio(listener: Option<TcpListener>, endpoints: Endpoints) -> Result<(), BoxError> {
    use mcp_tokio::tokio;

    tokio::runtime::Runtime::new()?.block_on(async {
        let server = server(|duration| Box::pin(tokio::time::sleep(duration)));
        let stop = mcp_tokio::shutdown_signal();
        match listener {
            Some(listener) => {
                listener.set_nonblocking(true)?;
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let endpoints = endpoints.mount("/mcp", server);
                mcp_tokio::serve(listener.into(), endpoints).until(stop).await?
            }
            None => mcp_tokio::serve_stdio(server).until(stop).await?,
        };
        Ok(())
    })
}

#[cfg(feature = "axum")]
fn in_axum(listener: Option<TcpListener>, endpoints: Endpoints) -> Result<(), BoxError> {
    use mcp_tokio::{Tokio, tokio};

    let listener = listener.ok_or("an axum application has no stdio")?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let server = server(|duration| Box::pin(tokio::time::sleep(duration)));
        let endpoints = endpoints.mount("/mcp", server);
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
    is_stdio: bool,
    origins: Origins,
}

impl Options {
    fn parse() -> Result<Self, lexopt::Error> {
        use lexopt::prelude::*;

        let mut options = Self {
            runtime: "smol".into(),
            port: 8000,
            is_stdio: false,
            origins: Origins::default(),
        };
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("runtime") => options.runtime = arguments.value()?.string()?,
                Long("stdio") => options.is_stdio = true,
                Long("port") => options.port = arguments.value()?.parse()?,
                Long("origin") => {
                    options.origins = options.origins.allow(arguments.value()?.string()?);
                }
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(options)
    }
}
