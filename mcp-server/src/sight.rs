//! What can be seen of a request from outside: a span, and how long it took. Names are those of the
//! OpenTelemetry conventions for MCP (semantic-conventions-genai, docs/gen-ai/mcp.md).

use std::borrow::Cow;
use std::cell::LazyCell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mcp_proto::{Call, McpMethod, Reply};
use tracing::field::Empty;
use tracing::{Span, info_span};

use crate::endpoints::Shared;
use crate::trace_context::TraceContext;

/// Looks at a span before it is entered.
pub(crate) type SpanHook = Arc<dyn Fn(&Span, &TraceContext) + Send + Sync>;

/// One request while it is answered. Dropped without a reply, it was cancelled.
pub(crate) struct Sight {
    pub(crate) span: Span,
    has_ended: bool,
    #[cfg(feature = "metrics")]
    operation: Option<crate::meters::Operation>,
}

impl Sight {
    /// Begins to look at a call. Costs next to nothing where nobody does: what a span says is put
    /// together if it is wanted.
    pub(crate) fn begin(call: &Call, shared: &Shared, peer: Option<SocketAddr>) -> Self {
        let request = call.request();
        let endpoint = &shared.config.endpoints[call.endpoint()];
        let method = match request.method() {
            McpMethod::Extension(at) => endpoint.methods.get(at).map_or("", |method| &*method.name),
            method => method.as_str(),
        };
        // A stream that is opened and a notification are no requests.
        if method.is_empty() {
            return Self::nothing();
        }
        let tool = matches!(request.method(), McpMethod::CallTool);
        let name = |wanted: &[McpMethod]| {
            wanted.contains(&request.method()).then(|| shortened(request.name()))
        };
        let trace = LazyCell::new(|| TraceContext::of(request));
        let span = info_span!(
            "mcp",
            otel.name = method,
            otel.kind = "server",
            otel.status_code = Empty,
            otel.status_description = Empty,
            mcp.method.name = method,
            mcp.protocol.version = request.revision().as_str(),
            mcp.session.id = request.session_id().map(fingerprint),
            mcp.resource.uri =
                name(&[McpMethod::ReadResource, McpMethod::Subscribe, McpMethod::Unsubscribe]),
            gen_ai.operation.name = tool.then_some("execute_tool"),
            gen_ai.tool.name = name(&[McpMethod::CallTool]),
            gen_ai.prompt.name = name(&[McpMethod::GetPrompt]),
            jsonrpc.request.id = request.id().map(|id| shortened(&id.to_string()).to_owned()),
            rpc.response.status_code = Empty,
            error.r#type = Empty,
            network.transport = shared.transport,
            network.protocol.name = (!request.is_by_line()).then_some("http"),
            client.address = peer.map(|peer| peer.ip().to_string()),
            client.port = peer.map(|peer| peer.port()),
            traceparent = trace.traceparent(),
            tracestate = trace.tracestate(),
            baggage = trace.baggage(),
        );
        if let Some(hook) = shared.on_span.as_ref().filter(|_| !span.is_disabled()) {
            // The application's code, on what a client has sent: it must not take other calls along.
            if catch_unwind(AssertUnwindSafe(|| hook(&span, &trace))).is_err() {
                tracing::warn!("what looks at spans has panicked");
            }
        }
        Self {
            span,
            has_ended: false,
            #[cfg(feature = "metrics")]
            operation: Some(crate::meters::Operation::begin(
                endpoint,
                request,
                method,
                shared.transport,
            )),
        }
    }

    /// Looks at nothing.
    fn nothing() -> Self {
        Self {
            span: Span::none(),
            has_ended: true,
            #[cfg(feature = "metrics")]
            operation: None,
        }
    }

    /// There is a handler behind the name that the client sent: it may be shown where names have to
    /// be few.
    pub(crate) fn finds(&mut self, call: &Call) {
        let request = call.request();
        if !matches!(request.method(), McpMethod::CallTool | McpMethod::GetPrompt) {
            return;
        }
        if !self.span.is_disabled() {
            let name = format!("{} {}", request.method().as_str(), shortened(request.name()));
            self.span.record("otel.name", &*name);
        }
        #[cfg(feature = "metrics")]
        if let Some(operation) = &mut self.operation {
            operation.finds(request);
        }
    }

    /// The request is answered, once.
    pub(crate) fn end(&mut self, reply: &Reply) {
        if self.span.is_disabled() && !cfg!(feature = "metrics") {
            self.has_ended = true;
            return;
        }
        match reply {
            Reply::Error(error) => {
                let code = error.code.0.to_string();
                self.span.record("rpc.response.status_code", &*code);
                self.span.record("otel.status_description", &*error.message);
                self.end_with(Some(code.into()));
            }
            Reply::Tool(result) if result.is_error => self.end_with(Some("tool_error".into())),
            Reply::Refused(_) => self.end_with(Some("refused".into())),
            Reply::NoResponse => self.end_with(Some("cancelled".into())),
            _ => self.end_with(None),
        }
    }

    fn end_with(&mut self, error: Option<Cow<'static, str>>) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        if let Some(error) = &error {
            self.span.record("error.type", &**error);
            self.span.record("otel.status_code", "ERROR");
        }
        #[cfg(feature = "metrics")]
        if let Some(operation) = self.operation.take() {
            operation.end(error);
        }
    }
}

impl Drop for Sight {
    fn drop(&mut self) {
        self.end_with(Some("cancelled".into()));
    }
}

/// No more than this of what a client may have made up: it is told with every line of the log.
const LONGEST: usize = 256;

fn shortened(text: &str) -> &str {
    let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= LONGEST);
    &text[..end.unwrap_or(text.len())]
}

/// Tells sessions apart, and lets nobody who reads the log into one: whoever knows the id of a
/// session can speak for its client.
fn fingerprint(session_id: &str) -> String {
    let mut hasher = DefaultHasher::new();
    session_id.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
