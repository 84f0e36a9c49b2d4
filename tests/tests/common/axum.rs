//! Servers inside an axum application, which has a page of its own at `/own`.

use std::net::TcpListener;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use mcp_smol::{Endpoints, Report, ServeError};
use mcp_tokio::{Tokio, tokio};
use mcp_tower::Mcp;

use super::{Running, listen};

/// Serves on this thread and one more until `stop` is done.
pub fn run(
    listener: TcpListener,
    endpoints: Endpoints,
    drain: Duration,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<Report, ServeError> {
    run_app(listener, endpoints, drain, stop, |mcp| {
        Router::new().route("/own", get(|| async { "own" })).fallback_service(mcp.service())
    })
}

/// Serves in an application that `app` makes, until the result is stopped.
pub fn serve(
    endpoints: Endpoints,
    app: impl FnOnce(&Mcp<Tokio>) -> Router + Send + 'static,
) -> Running {
    Running::start(listen(), |listener, until| {
        run_app(listener, endpoints, Duration::from_secs(5), until, app)
    })
}

fn run_app(
    listener: TcpListener,
    endpoints: Endpoints,
    drain: Duration,
    stop: impl Future<Output = ()> + Send + 'static,
    app: impl FnOnce(&Mcp<Tokio>) -> Router,
) -> Result<Report, ServeError> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(async {
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let mcp = Mcp::start(Tokio::default(), endpoints).await.map_err(ServeError::Start)?;
        let app = app(&mcp);
        let (report, reported) = async_channel::bounded(1);
        let stopping = async move {
            stop.await;
            let _ = report.send(mcp.stop(drain).await).await;
        };
        axum::serve(listener, app).with_graceful_shutdown(stopping).await.unwrap();
        Ok(reported.recv().await.unwrap())
    })
}
