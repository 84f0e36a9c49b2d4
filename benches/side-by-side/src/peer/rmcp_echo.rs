//! The official toolkit, set up as its documentation does: the streamable HTTP service in a router of
//! axum. What can be prepared once is; its documentation prepares some of it for each request.

use rmcp::handler::server::router::tool::{ToolRoute, ToolRouter};
use rmcp::handler::server::tool::schema_for_type;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    Implementation, ProgressNotificationParam, RequestMetaObject, ServerCapabilities, ServerConfig,
    SubscriptionFilter, Tool,
};
use rmcp::service::SubscriptionContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, Peer, RoleServer, ServerHandler, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

use axum::serve::ListenerExt;

use super::BoxError;

pub(crate) async fn serve(
    listener: TcpListener,
    nodelay: bool,
    json: bool,
    more_tools: usize,
) -> Result<(), BoxError> {
    let mut config = StreamableHttpServerConfig::default();
    if json {
        config = config.with_legacy_session_mode(false).with_json_response(true);
    }
    let echo = Echo::new(more_tools);
    let service: StreamableHttpService<Echo, LocalSessionManager> =
        StreamableHttpService::new(move || Ok(echo.clone()), Default::default(), config);
    let router = axum::Router::new().nest_service("/mcp", service);
    let listener = listener.tap_io(move |stream| {
        if nodelay {
            stream.set_nodelay(true).expect("a connected socket");
        }
    });
    Ok(axum::serve(listener, router).await?)
}

#[derive(Deserialize, JsonSchema)]
struct Message {
    message: String,
}

#[derive(Clone)]
struct Echo {
    tool_router: ToolRouter<Self>,
    changes: watch::Sender<()>,
}

#[tool_router]
impl Echo {
    fn new(more_tools: usize) -> Self {
        let mut tool_router = Self::tool_router();
        for nth in 1..=more_tools {
            let schema = schema_for_type::<Parameters<Message>>();
            let tool = Tool::new(format!("tool-{nth}"), "Returns its message", schema);
            tool_router.add_route(ToolRoute::new(tool, Self::echo));
        }
        Self { tool_router, changes: watch::Sender::new(()) }
    }

    #[tool(description = "Returns its message")]
    async fn echo(&self, Parameters(Message { message }): Parameters<Message>) -> String {
        message
    }

    #[tool(name = "echo-progress", description = "Reports progress and returns its message")]
    async fn echo_progress(
        &self,
        Parameters(Message { message }): Parameters<Message>,
        meta: RequestMetaObject,
        client: Peer<RoleServer>,
    ) -> Result<String, ErrorData> {
        if let Some(token) = meta.get_progress_token() {
            let progress = ProgressNotificationParam::new(token, 1.0);
            let sent = client.notify_progress(progress).await;
            sent.map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
        }
        Ok(message)
    }

    #[tool(description = "Tells those who listen of a change")]
    async fn change(&self) -> String {
        self.changes.send_replace(());
        String::new()
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        let capabilities =
            ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
        ServerConfig::new(capabilities).with_server_info(Implementation::new("echo", "1.0.0"))
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.changes.subscribe();
        loop {
            tokio::select! {
                () = subscription.cancelled() => return Ok(()),
                _ = changes.changed() => {}
            }
            if subscription.sink().notify_tool_list_changed().await.is_err() {
                return Ok(());
            }
        }
    }
}
