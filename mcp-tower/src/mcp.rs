//! The life of the servers in an application.

use std::fmt;
use std::time::Duration;

use mcp_server::runtime::Runtime;
use mcp_server::{Endpoints, Report, Service, StartError};

use crate::service::McpService;

/// Servers that have been started, for an application to route requests to.
///
/// Must be [stopped](Mcp::stop) for the shut-down hooks to run. Keep it: if it is dropped, its services go on
/// for as long as the runtime does.
#[must_use = "stop the servers, or their shut-down hooks do not run"]
pub struct Mcp<R> {
    running: Service,
    service: McpService<R>,
}

impl<R: Runtime> Mcp<R> {
    /// Starts every server, in the order mounted. Their work is spawned on `runtime`, which must
    /// run what is spawned by itself, as tokio does.
    ///
    /// # Errors
    ///
    /// If something is mounted wrong, or a start-up hook fails. The error names the mount; the
    /// servers that had been started by then have been stopped again.
    ///
    /// Not cancel-safe: if it is dropped while a start-up hook runs, the shut-down hooks of the servers
    /// that have been started by then do not run.
    pub async fn start(runtime: R, endpoints: Endpoints) -> Result<Self, StartError> {
        let running = endpoints.start().await?;
        for (path, name) in running.mounts() {
            tracing::info!(server = name, "serving {path} inside an application");
        }
        runtime.spawn(Box::pin(running.housekeeping(runtime.timer())));
        let service = McpService::new(runtime, running.acceptor());
        Ok(Self { running, service })
    }

    /// What the application routes requests to. Cheap to clone; all clones are one service.
    pub fn service(&self) -> McpService<R> {
        self.service.clone()
    }

    /// Ends streams at once, waits for what is in flight, cancels what is left after `drain`, and
    /// runs the shut-down hooks. Requests are answered with 503 from here on.
    ///
    /// Not cancel-safe: if it is dropped, what is in flight ends all the same, but the shut-down hooks do
    /// not run.
    pub async fn stop(self, drain: Duration) -> Report {
        let report = self.running.stop(drain).await;
        tracing::info!(finished = report.finished, cut = report.cut, "stopped");
        report
    }
}

impl<R> fmt::Debug for Mcp<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mcp").field("running", &self.running).finish_non_exhaustive()
    }
}
