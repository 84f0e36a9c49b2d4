//! Serves MCP inside an axum, tower or hyper application.
//!
//! [`Mcp::start`] starts servers, [`Mcp::service`] is what the application routes to, and
//! [`Mcp::stop`] ends them:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use axum::Router;
//! use axum::routing::get;
//! use mcp_tokio::{BoxError, Endpoints, Server, Tokio, tokio};
//! use mcp_tower::Mcp;
//!
//! # async fn run() -> Result<(), BoxError> {
//! let server = Server::new("hello", "1.0.0").tool("hello", "Says hello", || "Hello!");
//! let endpoints = Endpoints::new().mount("/mcp", server);
//! let mcp = Mcp::start(Tokio::default(), endpoints).await?;
//!
//! let app = Router::new()
//!     .route("/", get(|| async { "an application" }))
//!     .route_service("/mcp", mcp.service());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
//! axum::serve(listener, app)
//!     .with_graceful_shutdown(async {
//!         mcp_tokio::shutdown_signal().await;
//!         mcp.stop(Duration::from_secs(10)).await;
//!     })
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`Server`](mcp_server::Server) says what can be offered, [`Endpoints`](mcp_server::Endpoints) who is
//! let in and what is bounded. Any [`Runtime`](mcp_server::runtime::Runtime) will do: `Tokio` is that of
//! `mcp-tokio`.
//!
//! Each request becomes one connection of [`mcp_server`], over memory in place of a socket. So
//! limits, deadlines, guards, streaming and what becomes of clients that leave are the same as
//! there: when the application drops a response before its end, or a request's body fails, that is
//! a client that has hung up.
//!
//! What the HTTP server in front decides stays its own: how heads are read, how long they may take,
//! how many connections there are and how long they are kept. What is bounded here is how many requests
//! are in flight: [`McpService::max_requests`]. hyper sees a client leave once it has read all of the request.
//!
//! # Paths
//!
//! A server is mounted at the path that this service sees. `Router::route_service`,
//! `fallback_service` and hyper leave paths alone: mount at what the client asks for.
//! `Router::nest_service("/api", ..)` takes its prefix off: mount at `/mcp` what the client finds
//! at `/api/mcp`.
//!
//! A server that says where tokens for it come from
//! ([`protected_resource`](mcp_server::Server::protected_resource)) is asked that at
//! `/.well-known/oauth-protected-resource` and the path of its resource, below the root of the host: route
//! that to the service, too.
//!
//! # Hosts
//!
//! Only loopback names are served, unless `Endpoints::hosts` says otherwise: there is no listener whose
//! address could be let in by itself. On HTTP/2 the host is that of `:authority`.
//!
//! # Stopping
//!
//! Streams that clients listen to end when the servers are told to stop, and an HTTP server that
//! waits for its connections waits for these, too. So stop the servers when the application begins
//! to end, as above, and not after it. From then on requests are answered with 503.
//!
//! # Extensions of requests
//!
//! What the application has put there, as its middleware does, handlers find by its type:
//!
//! ```
//! use mcp_server::Context;
//!
//! #[derive(Clone)]
//! struct User(String);
//!
//! async fn who_am_i(ctx: Context) -> Result<String, &'static str> {
//!     let extensions = ctx.attachment::<http::Extensions>();
//!     let user = extensions.and_then(|extensions| extensions.get::<User>());
//!     user.map(|user| user.0.clone()).ok_or("the application has let nobody in")
//! }
//! ```
//!
//! They are those of the request that the call came by. Whose sessions and sealed state are, an
//! [authorizer](mcp_server::Server::authorizer) says, and nothing of these.
//!
//! # The log
//!
//! It has the address of a client if the application puts one into the extensions of its requests,
//! as a [`SocketAddr`](std::net::SocketAddr).
#![forbid(unsafe_code)]

mod body;
pub use body::Body;

mod mcp;
pub use mcp::Mcp;

mod pipe;

mod request;

mod response;

mod service;
pub use service::{McpService, ResponseFuture};

mod stream;
