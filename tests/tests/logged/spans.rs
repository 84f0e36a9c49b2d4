//! The span of each request (OpenTelemetry, semantic conventions for MCP).

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::pending;
use std::io::{BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::common::client::{field, read_head};
use crate::common::log::Log;
use mcp_smol::{
    BoxError, Context, Endpoints, ErrorCode, ExtensionMethod, ExtensionResult, HubLimits, Resource,
    Revision, RpcError, Server,
};
use mcp_testing::{Change, Client, accept};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
const OTHER_PARENT: &str = "00-11111111111111111111111111111111-2222222222222222-00";

type Fields = BTreeMap<String, String>;

/// The spans that have ended, in order, and the names of the spans that events were in.
#[derive(Clone, Default)]
struct Spans {
    ended: Arc<Mutex<Vec<Fields>>>,
    events: Arc<Mutex<Vec<Heard>>>,
}

/// What an event says, and the name of the span that it is in.
type Heard = (String, Option<String>);

struct Visitor<'a>(&'a mut Fields);

impl Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().into(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Visitor(&mut fields));
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: LayerContext<'_, S>) {
        let span = context.span(id).unwrap();
        let mut extensions = span.extensions_mut();
        values.record(&mut Visitor(extensions.get_mut().unwrap()));
    }

    fn on_event(&self, event: &Event<'_>, context: LayerContext<'_, S>) {
        let span = context.event_span(event);
        let name = span.and_then(|span| {
            span.extensions().get::<Fields>().and_then(|fields| fields.get("otel.name").cloned())
        });
        let mut fields = Fields::new();
        event.record(&mut Visitor(&mut fields));
        let message = fields.remove("message").unwrap_or_default();
        self.events.lock().unwrap().push((message, name));
    }

    fn on_close(&self, id: Id, context: LayerContext<'_, S>) {
        let fields = context.span(&id).unwrap().extensions_mut().remove::<Fields>().unwrap();
        self.ended.lock().unwrap().push(fields);
    }
}

impl Spans {
    /// Runs a test whose spans are recorded.
    fn of(test: impl FnOnce(&Self)) {
        // tracing remembers for all threads what the first of them wanted to know of a span.
        let _log = Log::capture();
        let spans = Self::default();
        let subscriber = tracing_subscriber::registry().with(spans.clone());
        tracing::subscriber::with_default(subscriber, || test(&spans));
    }

    /// The only span that has ended since it was asked last.
    #[track_caller]
    fn one(&self) -> Fields {
        let mut spans = std::mem::take(&mut *self.ended.lock().unwrap());
        assert_eq!(spans.len(), 1, "{spans:#?}");
        spans.remove(0)
    }

    fn clear(&self) {
        self.ended.lock().unwrap().clear();
    }

    fn events(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.events.lock().unwrap())
    }
}

/// What was asked, and how that went wrong, if it did.
fn outcome(fields: &Fields) -> (String, String, String) {
    let get = |name: &str| fields.get(name).cloned().unwrap_or_default();
    (get("otel.name"), get("error.type"), get("rpc.response.status_code"))
}

#[derive(Deserialize, JsonSchema)]
struct Text {
    text: String,
}

#[derive(Deserialize, JsonSchema)]
struct Sure {
    sure: bool,
}

/// Says so when it is dropped.
struct Dropped;

impl Drop for Dropped {
    fn drop(&mut self) {
        tracing::info!("dropped");
    }
}

fn server() -> Server {
    Server::new("seen", "1.0.0")
        .tool("echo", "Echoes", |args: Text| {
            tracing::info!("at once");
            async move {
                tracing::info!("later");
                args.text
            }
        })
        .tool("fail", "Fails", || Err::<String, _>("no"))
        .tool("panic", "Panics", || -> String { panic!("on purpose") })
        .tool("hang", "Hangs", |ctx: Context| async move {
            let _dropped = Dropped;
            ctx.progress(1.0).await;
            pending::<()>().await;
        })
        .tool("ask", "Asks", |ctx: Context| async move {
            let sure = ctx.elicit::<Sure>("sure", "Sure?").await?;
            Ok::<_, BoxError>(format!("{:?}", sure.accepted().map(|form| form.sure)))
        })
        .prompt("greet", "Greets", || "Hello!")
        .resource(Resource::new("seen://a", "a"), || {
            Err::<String, _>(RpcError::new(ErrorCode(-7), "gone"))
        })
        .extension("com.example/e", json!({}))
        .method(ExtensionMethod::new("e/do"), || ExtensionResult::complete(&json!({})))
}

fn call(client: &Client, meta: Value) {
    let params = json!({"name": "echo", "arguments": {"text": "hi"}, "_meta": meta});
    client.request("tools/call", params).unwrap();
}

#[test]
fn a_call_is_a_span_with_the_names_of_the_conventions() {
    Spans::of(|spans| {
        let client = Client::new(server()).unwrap();
        call(&client, json!({}));
        let expected = [
            ("client.address", "127.0.0.1"),
            ("client.port", "50000"),
            ("gen_ai.operation.name", "execute_tool"),
            ("gen_ai.tool.name", "echo"),
            ("jsonrpc.request.id", "1"),
            ("mcp.method.name", "tools/call"),
            ("mcp.protocol.version", "2026-07-28"),
            ("network.protocol.name", "http"),
            ("network.transport", "tcp"),
            ("otel.kind", "server"),
            ("otel.name", "tools/call echo"),
        ];
        let expected: Vec<_> = expected.map(|(key, value)| (key.into(), value.into())).into();
        assert_eq!(Vec::<(String, String)>::from_iter(spans.one()), expected);
        let name = Some("tools/call echo".to_owned());
        assert_eq!(
            spans.events(),
            [("at once".into(), name.clone()), ("later".into(), name)],
            "the handler is not within its span"
        );
    });
}

/// Who comes by a Unix socket comes by no TCP, and has no address.
#[cfg(unix)]
#[test]
fn a_unix_socket_is_told_apart() {
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixStream;

    use mcp_smol::{Serve, Smol};

    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let http = format!("{head}Content-Length: {}\r\n\r\n{list}", list.len());
    for (request, protocol) in [(http, Some("http")), (format!("{list}\n"), None)] {
        let name = format!("mcp-seen-{}-{}.sock", protocol.unwrap_or("lines"), std::process::id());
        let path = std::env::temp_dir().join(name);
        Spans::of(|spans| {
            let listener = mcp_smol::bind_unix(&path).unwrap();
            let endpoints = Endpoints::new().mount("/mcp", server());
            let serve = Serve::new(Smol::new(), listener, endpoints);
            let serve = if protocol.is_none() { serve.by_line() } else { serve };
            // Spans are recorded on the thread of the test: the server has to be there.
            let (stop, stopped) = async_channel::bounded::<()>(1);
            let client = std::thread::spawn(move || {
                let _stop = stop;
                let mut stream = UnixStream::connect(path).unwrap();
                stream.write_all(request.as_bytes()).unwrap();
                BufReader::new(stream).read_line(&mut String::new()).unwrap();
            });
            let serve = serve.until(async move {
                let _ = stopped.recv().await;
            });
            mcp_smol::block_on(serve).unwrap();
            client.join().unwrap();
            let span = spans.one();
            assert_eq!(span["network.transport"], "unix");
            assert_eq!(span.get("network.protocol.name").map(String::as_str), protocol);
            assert!(!span.contains_key("client.address"), "{span:?}");
        });
    }
}

#[test]
fn what_goes_wrong_is_in_the_span() {
    Spans::of(|spans| {
        let client = Client::new(server()).unwrap();
        client.call("fail", ()).unwrap();
        let span = spans.one();
        assert_eq!(outcome(&span), ("tools/call fail".into(), "tool_error".into(), "".into()));
        assert_eq!(span["otel.status_code"], "ERROR");

        client.call("panic", ()).unwrap_err();
        let code = String::from("-32603");
        assert_eq!(outcome(&spans.one()), ("tools/call panic".into(), code.clone(), code));

        // Whatever a client makes up is in no name, of which there have to be few.
        client.call("made_up", ()).unwrap_err();
        let (span, code) = (spans.one(), String::from("-32602"));
        assert_eq!(outcome(&span), ("tools/call".into(), code.clone(), code));
        assert_eq!(span["gen_ai.tool.name"], "made_up");
        assert!(span["otel.status_description"].contains("made_up"), "{span:?}");

        client.read_resource("seen://a").unwrap_err();
        let span = spans.one();
        assert_eq!(outcome(&span), ("resources/read".into(), "-7".into(), "-7".into()));
        assert_eq!(span["mcp.resource.uri"], "seen://a");

        let mut hanging = client.begin_call("hang", ()).unwrap();
        hanging.next_progress().unwrap();
        spans.events();
        hanging.hang_up();
        let name = String::from("tools/call hang");
        assert_eq!(outcome(&spans.one()), (name.clone(), "cancelled".into(), "".into()));
        assert_eq!(spans.events()[0].0, "client left during the call");
        assert_eq!(spans.events(), []);
    });
}

#[test]
fn every_method_has_a_span() {
    Spans::of(|spans| {
        let mut server = server();
        let _handle = server.handle();
        let client = Client::new(server).unwrap();
        client.list_tools().unwrap();
        assert_eq!(spans.one()["otel.name"], "tools/list");
        client.get_prompt("greet", ()).unwrap();
        let span = spans.one();
        assert_eq!(span["otel.name"], "prompts/get greet");
        assert_eq!(span["gen_ai.prompt.name"], "greet");
        client.request("e/do", json!({})).unwrap();
        assert_eq!(spans.one()["otel.name"], "e/do");
        let listening = client.listen([Change::Tools]).unwrap();
        assert_eq!(spans.one()["otel.name"], "subscriptions/listen");
        listening.hang_up();
        spans.clear();

        // Two rounds are two requests, and neither went wrong.
        let mut call = client.begin_call("ask", ()).unwrap();
        call.answer_elicitation(accept(json!({"sure": true}))).unwrap();
        call.finish().unwrap();
        let ended = std::mem::take(&mut *spans.ended.lock().unwrap());
        assert_eq!(ended.len(), 2);
        assert!(ended.iter().all(|span| !span.contains_key("error.type")), "{ended:#?}");
    });
}

#[test]
fn a_session_that_there_is_no_room_for_is_refused() {
    let limits = HubLimits { sessions: 0, ..HubLimits::default() };
    for hook in [false, true] {
        Spans::of(|spans| {
            let server = match hook {
                true => server().on_initialize(|_: Context| async { Ok::<(), BoxError>(()) }),
                false => server(),
            };
            let endpoints = Endpoints::new().mount("/mcp", server).hub_limits(limits.clone());
            let client = Client::start(endpoints).unwrap();
            client.revision(Revision::V2025_11_25).unwrap_err();
            let refused = ("initialize".into(), "refused".into(), "".into());
            assert_eq!(outcome(&spans.one()), refused, "{hook}");
        });
    }
}

/// What is answered in a batch has an answer, though no response of its own.
#[test]
fn a_message_of_a_batch_is_no_failure() {
    fn post(fields: &str, body: &str) -> String {
        format!(
            "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n{fields}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    Spans::of(|spans| {
        let (client, stream) = UnixStream::pair().unwrap();
        let client = std::thread::spawn(move || {
            let mut reader = BufReader::new(client.try_clone().unwrap());
            let mut client = client;
            let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
            client.write_all(post("", initialize).as_bytes()).unwrap();
            let head = read_head(&mut reader);
            let length = field(&head, "content-length").unwrap().parse().unwrap();
            reader.read_exact(&mut vec![0; length]).unwrap();
            let id = field(&head, "mcp-session-id").unwrap();
            let batch = r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#;
            let fields = format!("Mcp-Session-Id: {id}\r\nConnection: close\r\n");
            client.write_all(post(&fields, batch).as_bytes()).unwrap();
            let mut response = String::new();
            reader.read_to_string(&mut response).unwrap();
            response
        });
        mcp_smol::block_on(async {
            let service = Endpoints::new().mount("/mcp", server()).start().await.unwrap();
            let timer = mcp_smol::runtime::Runtime::timer(&mcp_smol::Smol::new());
            let stream = mcp_smol::async_io::Async::new(stream).unwrap();
            service.connection(stream, timer, None).await;
            service.stop(Duration::ZERO).await;
        });
        let response = client.join().unwrap();
        assert!(response.contains(r#""id":1,"result":{}"#), "{response}");
        let ended = std::mem::take(&mut *spans.ended.lock().unwrap());
        let names: Vec<_> = ended.iter().map(outcome).collect();
        let good = |name: &str| (name.to_owned(), String::new(), String::new());
        assert_eq!(names, [good("initialize"), good("ping")]);
    });
}

#[test]
fn a_session_is_told_apart_and_not_told() {
    Spans::of(|spans| {
        let client = Client::new(server()).unwrap().revision(Revision::V2025_11_25).unwrap();
        assert_eq!(spans.one()["otel.name"], "initialize");
        let (first, second) = (client.call("fail", ()).unwrap(), spans.one());
        assert!(first.is_error());
        assert_eq!(second["mcp.protocol.version"], "2025-11-25");
        client.request("ping", json!({})).unwrap();
        let ping = spans.one();
        assert_eq!(ping["otel.name"], "ping");
        assert_eq!(ping["mcp.session.id"], second["mcp.session.id"]);
        assert_eq!(ping["mcp.session.id"].len(), 16);
        let other = client.revision(Revision::V2025_11_25).unwrap();
        spans.clear();
        other.request("ping", json!({})).unwrap();
        assert_ne!(ping["mcp.session.id"], spans.one()["mcp.session.id"]);

        let mut asked = client.begin_call("ask", ()).unwrap();
        asked.answer_elicitation(accept(json!({"sure": true}))).unwrap();
        asked.finish().unwrap();
        let span = spans.one();
        assert_eq!(span["otel.name"], "tools/call ask");
        assert!(!span.contains_key("error.type"), "{span:?}");
        let mut cancelled = client.begin_call("hang", ()).unwrap();
        cancelled.next_progress().unwrap();
        cancelled.cancel().unwrap();
        assert_eq!(spans.one()["error.type"], "cancelled");
    });
}

#[test]
fn the_parent_is_that_of_the_client() {
    Spans::of(|spans| {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hears = heard.clone();
        let endpoints = Endpoints::new().mount("/mcp", server()).on_span(move |span, trace| {
            assert!(!span.is_disabled());
            hears.lock().unwrap().push(trace.clone());
        });
        let client = Client::start(endpoints).unwrap();
        let trace_of = |client: &Client, meta: Value| {
            call(client, meta);
            let mut span = spans.one();
            let trace = heard.lock().unwrap().pop().unwrap();
            let in_span = ["traceparent", "tracestate", "baggage"].map(|name| span.remove(name));
            let handed = [trace.traceparent(), trace.tracestate(), trace.baggage()];
            assert_eq!(in_span.each_ref().map(Option::as_deref), handed);
            assert_eq!(trace.fields().count(), handed.iter().flatten().count());
            in_span.map(Option::unwrap_or_default)
        };
        let meta = json!({"traceparent": PARENT, "tracestate": "a=1", "baggage": "user=u"});
        assert_eq!(trace_of(&client, meta.clone()), [PARENT, "a=1", "user=u"]);
        assert_eq!(trace_of(&client, json!({})), ["", "", ""]);

        // What is in `_meta` counts for more than the HTTP request, by which it came.
        let proxied = client
            .clone()
            .header("traceparent", OTHER_PARENT)
            .header("tracestate", "b=2")
            .header("baggage", "proxy=p");
        assert_eq!(trace_of(&proxied, meta), [PARENT, "a=1", "user=u"]);
        assert_eq!(trace_of(&proxied, json!({})), [OTHER_PARENT, "b=2", "proxy=p"]);
        assert_eq!(trace_of(&proxied, json!({"traceparent": PARENT})), [PARENT, "", ""]);

        // What is malformed is left out, and nothing else with it.
        for (meta, expected) in [
            (json!({"traceparent": "x", "tracestate": "a=1", "baggage": "b=1"}), ["", "", "b=1"]),
            (json!({"traceparent": PARENT, "tracestate": "?"}), [PARENT, "", ""]),
            (json!({"traceparent": 7, "tracestate": [], "baggage": "b=1"}), ["", "", "b=1"]),
            (json!({"traceparent": PARENT, "baggage": "\n"}), [PARENT, "", ""]),
        ] {
            assert_eq!(trace_of(&client, meta.clone()), expected, "{meta}");
        }
    });
}

#[test]
fn a_hook_that_panics_takes_no_call_along() {
    let log = Log::capture();
    let endpoints = Endpoints::new()
        .mount("/mcp", server())
        .on_span(|span, _| panic!("it does not like {span:?}"));
    let client = Client::start(endpoints).unwrap();
    log.clear();
    call(&client, json!({}));
    assert_eq!((log.warnings(), log.errors()), (1, 0), "{:#?}", log.excerpt());
}

#[test]
fn nobody_looks_at_what_nobody_records() {
    let _log = Log::capture();
    // In place of the subscriber of this process.
    tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::new(), || {
        let seen = Arc::new(AtomicBool::new(false));
        let sees = seen.clone();
        let endpoints = Endpoints::new()
            .mount("/mcp", server())
            .on_span(move |_, _| sees.store(true, Ordering::SeqCst));
        let client = Client::start(endpoints).unwrap();
        call(&client, json!({"traceparent": PARENT}));
        assert!(!seen.load(Ordering::SeqCst));
    });
}
