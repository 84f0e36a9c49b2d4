//! Questions to clients over real sockets: rounds, what is carried between them, and clients that
//! answer as they like.

mod answers;
mod rounds;
mod state;

use std::io::{BufReader, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::client::{HangUp, Request, Response, Wire, connect};
use crate::common::{On, Running, wait_until};
use futures_lite::future::{or, pending, poll_once, try_zip};
use mcp_smol::{
    AskError, BoxError, Completion, Context, Counters, CreateMessageRequest, Elicited, Endpoints,
    Head, Principal, Prompt, PromptArgument, Resource, ResponseMode, SamplingMessage, Server,
    StateKeys, prompt,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema)]
struct Order {
    #[serde(default)]
    item: String,
}

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Nested {
    #[serde(rename = "name")]
    _name: Name,
}

/// What has become of the handlers.
struct Handlers {
    on: On,
    /// How often one began.
    begun: AtomicUsize,
    /// How often one did its step.
    steps: AtomicUsize,
    /// How many futures that wait long have been dropped, or threads have given up.
    dropped: AtomicUsize,
}

impl Handlers {
    fn new(on: On) -> Arc<Self> {
        let [begun, steps, dropped] = Default::default();
        Arc::new(Self { on, begun, steps, dropped })
    }

    /// Waits for long.
    async fn wait(self: Arc<Self>) -> Result<(), AskError> {
        struct Dropped(Arc<Handlers>);

        impl Drop for Dropped {
            fn drop(&mut self) {
                self.0.dropped.fetch_add(1, Ordering::SeqCst);
            }
        }

        let waiting = Dropped(self);
        waiting.0.on.sleep(Duration::from_secs(60)).await;
        Ok(())
    }

    /// A step, with its number as the outcome.
    async fn step(&self) -> usize {
        self.steps.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    fn steps(&self) -> usize {
        self.steps.load(Ordering::SeqCst)
    }
}

fn elicited(answer: Elicited<Name>) -> String {
    match answer {
        Elicited::Accepted(Name { name }) => name,
        Elicited::Declined => "declined".into(),
        Elicited::Cancelled => "cancelled".into(),
    }
}

async fn greet(_: Order, ctx: Context, _: Arc<Handlers>) -> Result<String, AskError> {
    Ok(elicited(ctx.elicit("name", "Who are you?").await?))
}

async fn visit(_: Order, ctx: Context, _: Arc<Handlers>) -> Result<String, AskError> {
    let answer = ctx.elicit_url("page", "Look.", "https://a.test/page").await?;
    Ok(format!("{answer:?}"))
}

async fn all_at_once(_: Order, ctx: Context, _: Arc<Handlers>) -> Result<String, AskError> {
    let sample = CreateMessageRequest::new(9, [SamplingMessage::user("Hi")]);
    let others = try_zip(ctx.sample("model", sample), ctx.list_roots("roots"));
    let (name, (answer, roots)) = try_zip(ctx.elicit("name", "Who are you?"), others).await?;
    let text = answer.text().unwrap_or_default();
    Ok(format!("{} {text} {}", elicited(name), roots[0].uri))
}

async fn one_by_one(_: Order, ctx: Context, _: Arc<Handlers>) -> Result<String, AskError> {
    let first = elicited(ctx.elicit("first", "First name?").await?);
    let last = elicited(ctx.elicit("last", "Last name?").await?);
    Ok(format!("{first} {last}"))
}

/// Orders once, however often it asks.
async fn order(args: Order, ctx: Context, all: Arc<Handlers>) -> Result<String, AskError> {
    let number: usize = ctx.once("order", || all.step()).await?;
    let first = elicited(ctx.elicit("first", "First name?").await?);
    ctx.once("greeting", || async {}).await?;
    let last = elicited(ctx.elicit("last", "Last name?").await?);
    Ok(format!("{} {number} for {first} {last}", args.item))
}

async fn nested(_: Order, ctx: Context, _: Arc<Handlers>) -> Result<String, AskError> {
    let answer = ctx.elicit::<Nested>("name", "Who are you?").await?;
    Ok(answer.accepted().map_or("nobody", |_| "somebody").into())
}

async fn report(_: Order, ctx: Context, all: Arc<Handlers>) -> Result<String, AskError> {
    ctx.progress(1.0).await;
    ctx.progress(2.0).await;
    greet(Order { item: String::new() }, ctx, all).await
}

async fn join_slow(_: Order, ctx: Context, all: Arc<Handlers>) -> Result<String, AskError> {
    let ((), name) = try_zip(all.wait(), ctx.elicit("name", "Who are you?")).await?;
    Ok(elicited(name))
}

/// Does something slow at last, and does not ask if that is done first.
async fn ask_late(_: Order, ctx: Context, all: Arc<Handlers>) -> Result<String, AskError> {
    all.wait().await?;
    Ok(elicited(ctx.elicit("name", "Who are you?").await?))
}

async fn need_not_know(_: Order, ctx: Context, _: Arc<Handlers>) -> Result<String, AskError> {
    let default = async { Ok("whoever".to_owned()) };
    or(async { ctx.elicit("name", "Who are you?").await.map(elicited) }, default).await
}

/// Asks until it likes the answer.
async fn insist(_: Order, ctx: Context, _: Arc<Handlers>) -> Result<String, AskError> {
    loop {
        let name = elicited(ctx.elicit("name", "Who are you?").await?);
        if name == "Ann" {
            return Ok(name);
        }
    }
}

async fn ask_twice(_: Order, ctx: Context, _: Arc<Handlers>) -> Result<String, AskError> {
    let (first, last) = (ctx.elicit("name", "First name?"), ctx.elicit("name", "Last name?"));
    let (first, last) = try_zip(first, last).await?;
    Ok(format!("{} {}", elicited(first), elicited(last)))
}

async fn order_twice(_: Order, ctx: Context, all: Arc<Handlers>) -> Result<String, AskError> {
    ctx.once("order", || all.step()).await?;
    ctx.once("order", || all.step()).await?;
    Ok("ordered".into())
}

/// Has another thread ask.
async fn ask_elsewhere(_: Order, ctx: Context, all: Arc<Handlers>) -> Result<String, AskError> {
    let (answered, answer) = async_channel::bounded(1);
    std::thread::spawn(move || {
        let asked = mcp_smol::block_on(ctx.elicit("name", "Who are you?"));
        if let Err(AskError::Ended) = asked {
            all.dropped.fetch_add(1, Ordering::SeqCst);
        }
        let _ = answered.send_blocking(asked.map(elicited));
    });
    answer.recv().await.expect("the thread answers")
}

/// Has another thread ask when nobody listens any more.
async fn ask_too_late(_: Order, ctx: Context, all: Arc<Handlers>) -> Result<String, AskError> {
    std::thread::spawn(move || {
        wait_until("the end of the call", || ctx.has_ended());
        let asked = mcp_smol::block_on(ctx.elicit::<Name>("name", "Who are you?"));
        if let Err(AskError::Ended) = asked {
            all.dropped.fetch_add(1, Ordering::SeqCst);
        }
    });
    Ok("done".into())
}

/// Keeps what JSON has no word for.
async fn keep(_: Order, ctx: Context, _: Arc<Handlers>) -> Result<String, AskError> {
    let kept = ctx.once("ratio", || async { f64::NAN }).await?;
    Ok(kept.to_string())
}

/// Asks many questions at once.
async fn ask_many(_: Order, ctx: Context, _: Arc<Handlers>) -> Result<String, AskError> {
    let mut questions: Vec<_> = (0..1_000).map(|n| ctx.list_roots(format!("{n}"))).collect();
    let mut roots = 0;
    for question in &mut questions {
        match poll_once(question).await {
            Some(answer) => roots += answer?.len(),
            None => roots = usize::MAX,
        }
    }
    if roots == usize::MAX { pending().await } else { Ok(format!("{roots} roots")) }
}

/// A prompt that says it takes a name.
fn with_name(mut prompt: Prompt) -> Prompt {
    prompt.arguments.push(PromptArgument::new("name", false));
    prompt
}

fn server(handlers: &Arc<Handlers>) -> Server {
    let boxed = |ctx: Context| async move {
        let name = ctx.elicit::<Name>("name", "Who are you?").await?;
        Ok::<_, BoxError>(elicited(name))
    };
    let asked = |ctx: Context| greet(Order { item: String::new() }, ctx, Handlers::new(On::Smol));
    let completions = |_: Completion, ctx: Context| async move {
        let name = ctx.elicit("name", "Who are you?").await.map(elicited);
        vec![name.unwrap_or_else(|error| error.to_string())]
    };
    let mut server = Server::new("questions", "1.0.0")
        .tool("boxed", "Asks, and boxes its errors", boxed)
        .tool("silent", "Asks nothing", |_: Context| "nothing")
        .resource(Resource::new("demo://asks", "asks"), asked)
        .add(prompt("asks", "Asks", asked).describe(with_name).complete("name", completions));
    server = with(server, handlers, "greet", greet);
    server = with(server, handlers, "visit", visit);
    server = with(server, handlers, "all_at_once", all_at_once);
    server = with(server, handlers, "one_by_one", one_by_one);
    server = with(server, handlers, "order", order);
    server = with(server, handlers, "order_as_well", order);
    server = with(server, handlers, "nested", nested);
    server = with(server, handlers, "report", report);
    server = with(server, handlers, "join_slow", join_slow);
    server = with(server, handlers, "ask_late", ask_late);
    server = with(server, handlers, "ask_elsewhere", ask_elsewhere);
    server = with(server, handlers, "ask_too_late", ask_too_late);
    server = with(server, handlers, "ask_many", ask_many);
    server = with(server, handlers, "keep", keep);
    server = with(server, handlers, "insist", insist);
    server = with(server, handlers, "ask_twice", ask_twice);
    server = with(server, handlers, "order_twice", order_twice);
    with(server, handlers, "need_not_know", need_not_know)
}

/// Adds a tool that counts how often it begins.
fn with<Fut>(
    server: Server,
    handlers: &Arc<Handlers>,
    name: &'static str,
    handler: fn(Order, Context, Arc<Handlers>) -> Fut,
) -> Server
where
    Fut: Future<Output = Result<String, AskError>> + Send + 'static,
{
    let handlers = handlers.clone();
    server.tool(name, "Asks", move |args: Order, ctx: Context| {
        handlers.begun.fetch_add(1, Ordering::SeqCst);
        handler(args, ctx, handlers.clone())
    })
}

/// A server, and a client of it that can be asked everything.
struct Fixture {
    running: Running,
    counters: Counters,
    handlers: Arc<Handlers>,
}

impl Fixture {
    fn start(on: On) -> Self {
        Self::start_with(on, |server| server)
    }

    fn start_with(on: On, change: impl FnOnce(Server) -> Server) -> Self {
        let handlers = Handlers::new(on);
        let server = change(server(&handlers));
        let counters = server.counters();
        Self { running: on.serve(Endpoints::new().mount("/mcp", server)), counters, handlers }
    }

    fn send(&self, request: &Request) -> Response {
        request.send(self.running.address)
    }

    /// Calls a tool, with what else there is in the parameters.
    fn call(&self, tool: &str, more: Value) -> Response {
        self.send(&call(tool, more))
    }

    /// Sends a request with more field lines in its head.
    fn send_with(&self, request: &Request, fields: &str) -> Response {
        let bytes = String::from_utf8(request.sized()).unwrap();
        let bytes = bytes.replacen("Content-Length", &format!("{fields}Content-Length"), 1);
        self.send_bytes(request, bytes.as_bytes())
    }

    /// Sends a request whose answer can be of that media type only.
    fn send_for(&self, request: &Request, media_type: &str) -> Response {
        let bytes = String::from_utf8(request.sized()).unwrap();
        let bytes = bytes.replace("application/json, text/event-stream", media_type);
        self.send_bytes(request, bytes.as_bytes())
    }

    fn send_bytes(&self, request: &Request, bytes: &[u8]) -> Response {
        let mut stream = connect(self.running.address);
        stream.write_all(bytes).unwrap();
        Response::read(&mut BufReader::new(stream), request)
    }

    fn stop(self) {
        wait_until("no calls in flight", || self.counters.calls_in_flight() == 0);
        self.running.stop().unwrap();
    }
}

fn on_all_runtimes(test: impl Fn(&Fixture)) {
    for &on in On::AND_INSIDE {
        let fixture = Fixture::start(on);
        test(&fixture);
        fixture.stop();
    }
}

fn capable(method: &'static str, mut params: Value) -> Request {
    let capabilities = json!({"elicitation": {"form": {}, "url": {}}, "sampling": {}, "roots": {}});
    let meta = &mut params["_meta"];
    meta["io.modelcontextprotocol/clientCapabilities"] = capabilities;
    meta["progressToken"] = json!(1);
    Request::new(Wire::Modern, method, params)
}

fn call(tool: &str, mut more: Value) -> Request {
    more["name"] = json!(tool);
    capable("tools/call", more)
}

/// What the client is asked for, by name.
#[track_caller]
fn asked(response: &Response) -> Value {
    let result = response.answer()["result"].clone();
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(result["resultType"], json!("input_required"), "{response:?}");
    result["inputRequests"].clone()
}

#[track_caller]
fn state(response: &Response) -> Value {
    asked(response);
    let state = response.answer()["result"]["requestState"].clone();
    assert!(state.is_string(), "{response:?}");
    state
}

/// Asserts that it is -32602, and that the message says that.
#[track_caller]
fn assert_invalid(response: &Response, message: &str) {
    assert_error(response, -32602, message);
    assert_eq!(response.status, 400, "{response:?}");
}

#[track_caller]
fn assert_error(response: &Response, code: i32, message: &str) {
    let error = &response.answer()["error"];
    assert_eq!(error["code"], json!(code), "{response:?}");
    assert!(error["message"].as_str().unwrap().contains(message), "{error}");
}

fn named(name: &str) -> Value {
    json!({"action": "accept", "content": {"name": name}})
}
