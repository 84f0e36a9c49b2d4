//! Questions to clients over real sockets: rounds, what is carried between them, and clients that
//! answer as they like.

use std::io::{BufReader, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::client::{HangUp, Request, Response, Wire, connect};
use crate::common::{On, Running, wait_until};
use futures_lite::future::{or, pending, poll_once, try_zip};
use mcp_smol::{
    AskError, BoxError, Completion, Context, Counters, CreateMessageRequest, Elicited, Endpoints,
    Resource, ResponseMode, SamplingMessage, Server, StateKeys, prompt,
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
        .add(prompt("asks", "Asks", asked).complete("name", completions));
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
    for &on in On::ALL {
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

#[test]
fn a_call_goes_on_when_its_question_is_answered() {
    on_all_runtimes(|fixture| {
        let response = fixture.call("greet", json!({}));
        let form = json!({
            "type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"],
        });
        let question = json!({"name": {"method": "elicitation/create", "params": {
            "mode": "form", "message": "Who are you?", "requestedSchema": form,
        }}});
        assert_eq!(asked(&response), question);
        // There was nothing to remember.
        assert_eq!(response.answer()["result"].get("requestState"), None);
        let answers = json!({"name": named("Ann")});
        let response = fixture.call("greet", json!({"inputResponses": answers}));
        assert_eq!(response.text(), "Ann");
        assert_eq!(response.answer()["result"]["resultType"], json!("complete"));
        assert_eq!(fixture.handlers.begun(), 2);
    });
}

#[test]
fn questions_that_are_awaited_together_are_asked_together() {
    on_all_runtimes(|fixture| {
        let questions = asked(&fixture.call("all_at_once", json!({})));
        assert_eq!(questions["name"]["method"], json!("elicitation/create"));
        assert_eq!(questions["model"]["method"], json!("sampling/createMessage"));
        assert_eq!(questions["roots"], json!({"method": "roots/list"}));
        assert_eq!(questions.as_object().unwrap().len(), 3);

        // One of them is missing.
        let text = json!({"type": "text", "text": "Hi!"});
        let mut answers = json!({
            "model": {"role": "assistant", "content": text, "model": "m"},
            "roots": {"roots": [{"uri": "file:///a"}]},
        });
        let response = fixture.call("all_at_once", json!({"inputResponses": answers}));
        assert_eq!(asked(&response).as_object().unwrap().keys().collect::<Vec<_>>(), ["name"]);
        let state = state(&response);
        let rest = json!({"inputResponses": {"name": named("Ann")}, "requestState": state});
        assert_eq!(fixture.call("all_at_once", rest).text(), "Ann Hi! file:///a");

        answers["name"] = named("Ann");
        let response = fixture.call("all_at_once", json!({"inputResponses": answers}));
        assert_eq!(response.text(), "Ann Hi! file:///a");
    });
}

#[test]
fn earlier_answers_travel_in_the_state() {
    on_all_runtimes(|fixture| {
        let first = fixture.call("one_by_one", json!({}));
        assert_eq!(asked(&first).as_object().unwrap().keys().collect::<Vec<_>>(), ["first"]);
        let answers = json!({"first": named("Ann")});
        let second = fixture.call("one_by_one", json!({"inputResponses": answers}));
        assert_eq!(asked(&second).as_object().unwrap().keys().collect::<Vec<_>>(), ["last"]);
        // A later answer to the same question changes nothing.
        let answers = json!({"last": named("Lee"), "first": named("Bob")});
        let rest = json!({"inputResponses": answers, "requestState": state(&second)});
        assert_eq!(fixture.call("one_by_one", rest).text(), "Ann Lee");
        // Without its state, the call begins again.
        let answers = json!({"last": named("Lee")});
        let response = fixture.call("one_by_one", json!({"inputResponses": answers}));
        assert_eq!(asked(&response).as_object().unwrap().keys().collect::<Vec<_>>(), ["first"]);
    });
}

#[test]
fn what_is_done_once_is_done_once_over_all_rounds() {
    on_all_runtimes(|fixture| {
        let steps = || fixture.handlers.steps();
        let arguments = json!({"item": "tea"});
        let first = state(&fixture.call("order", json!({"arguments": arguments})));
        assert_eq!(steps(), 1);
        let mut retry = json!({"arguments": arguments, "requestState": first});
        retry["inputResponses"] = json!({"first": named("Ann")});
        let second = state(&fixture.call("order", retry.clone()));
        // What came first is still good, but not changed by what came later.
        assert_eq!(asked(&fixture.call("order", retry.clone()))["first"], json!(null));
        retry["requestState"] = second;
        retry["inputResponses"] = json!({"last": named("Lee")});
        assert_eq!(fixture.call("order", retry).text(), "tea 1 for Ann Lee");
        assert_eq!(steps(), 1);
        // Another call is another order.
        state(&fixture.call("order", json!({"arguments": arguments})));
        assert_eq!(steps(), 2);
    });
}

#[test]
fn a_key_names_one_question_and_one_step() {
    on_all_runtimes(|fixture| {
        let answer = |name| json!({"inputResponses": {"name": named(name)}});
        assert_eq!(fixture.call("insist", answer("Ann")).text(), "Ann");
        let taken = "the key \"name\" is used twice in one call";
        assert_error(&fixture.call("insist", answer("Bob")), -32603, taken);
        assert_error(&fixture.call("ask_twice", json!({})), -32603, taken);
        assert_error(&fixture.call("ask_twice", answer("Ann")), -32603, taken);
        let response = fixture.call("order_twice", json!({}));
        assert_error(&response, -32603, "the key \"order\" is used twice in one call");
        assert_eq!(fixture.handlers.steps(), 1);
    });
}

#[test]
fn what_cannot_be_kept_is_known_in_the_first_round() {
    on_all_runtimes(|fixture| {
        let response = fixture.call("keep", json!({}));
        assert_error(&response, -32603, "the outcome of \"ratio\" cannot be kept as JSON");
    });
}

#[test]
fn what_was_kept_is_told_to_nobody() {
    async fn secret(ctx: Context) -> Result<String, AskError> {
        let kept: String = ctx.once("kept", || async { "secret".into() }).await?;
        greet(Order { item: String::new() }, ctx, Handlers::new(On::Smol)).await.map(|_| kept)
    }
    async fn number(ctx: Context) -> Result<String, BoxError> {
        let kept: u64 = ctx.once("kept", || async { 7 }).await?;
        Ok(kept.to_string())
    }
    let keys = || StateKeys::new([1; 32]);
    let before = Fixture::start_with(On::Smol, |server| {
        server.state_keys(keys()).tool("kept", "Keeps a text", secret)
    });
    let state = state(&before.call("kept", json!({})));
    before.stop();
    // A later version of the server, which keeps something else.
    let after = Fixture::start_with(On::Smol, |server| {
        server.state_keys(keys()).tool("kept", "Keeps a number", number)
    });
    let response = after.call("kept", json!({"requestState": state}));
    assert_error(&response, -32603, "the outcome of \"kept\" cannot be kept as JSON");
    assert!(!response.body.contains("secret"), "{response:?}");
    after.stop();
}

#[test]
fn a_server_with_the_same_keys_goes_on_after_a_restart() {
    for &on in On::ALL {
        let keyed = |key| Fixture::start_with(on, |it| it.state_keys(StateKeys::new([key; 32])));
        let starts: [(&dyn Fn() -> Fixture, bool); 3] =
            [(&|| keyed(1), true), (&|| keyed(2), false), (&|| Fixture::start(on), false)];
        for (start, goes_on) in starts {
            let before = if goes_on { keyed(1) } else { Fixture::start(on) };
            let state = state(&before.call("order", json!({})));
            before.stop();
            let after = start();
            let answers = json!({"first": named("Ann"), "last": named("Lee")});
            let rest = json!({"inputResponses": answers, "requestState": state});
            let response = after.call("order", rest);
            if goes_on {
                assert_eq!(response.text(), " 1 for Ann Lee");
            } else {
                assert_invalid(&response, "`requestState` is not what this server gave");
                assert_eq!(after.handlers.begun(), 0);
            }
            assert_eq!(after.handlers.steps(), 0);
            after.stop();
        }
    }
}

#[test]
fn state_is_refused_where_it_does_not_belong() {
    on_all_runtimes(|fixture| {
        let by = |token: &str, tool: &str, item: &str, state: &Value| {
            let rest = json!({"arguments": {"item": item}, "requestState": state});
            let fields = format!("Authorization: Bearer {token}\r\n");
            fixture.send_with(&call(tool, rest), &fields)
        };
        let state = state(&by("a", "order", "tea", &json!(null)));
        let text = state.as_str().unwrap();
        let other = if text.as_bytes()[50] == b'A' { 'B' } else { 'A' };
        let tampered = format!("{}{other}{}", &text[..50], &text[51..]);
        let cut = &text[..text.len() - 1];
        assert_eq!(fixture.handlers.begun(), 1);
        for refused in [
            by("a", "order_as_well", "tea", &state),
            by("a", "greet", "tea", &state),
            by("a", "order", "milk", &state),
            by("b", "order", "tea", &state),
            by("a", "order", "tea", &json!(tampered)),
            by("a", "order", "tea", &json!(cut)),
            by("a", "order", "tea", &json!("")),
            fixture.call("order", json!({"arguments": {"item": "tea"}, "requestState": state})),
        ] {
            assert_invalid(&refused, "`requestState` is not what this server gave");
        }
        let refused = by("a", "order", "tea", &json!(7));
        assert_invalid(&refused, "`requestState` must be a string");
        assert_eq!((fixture.handlers.begun(), fixture.handlers.steps()), (1, 1));
        assert!(asked(&by("a", "order", "tea", &state))["first"].is_object());
        assert_eq!((fixture.handlers.begun(), fixture.handlers.steps()), (2, 1));
    });
}

#[test]
fn the_server_says_who_is_who() {
    let fixture = Fixture::start_with(On::Smol, |server| {
        server.principal(|head| {
            let user = head.field("x-user")?;
            Some(String::from_utf8_lossy(user).into_owned())
        })
    });
    let by = |fields: &str, state: &Value| {
        fixture.send_with(&call("order", json!({"requestState": state})), fields)
    };
    let state = state(&by("X-User: ann\r\nAuthorization: Bearer a\r\n", &json!(null)));
    asked(&by("X-User: ann\r\nAuthorization: Bearer b\r\n", &state));
    for other in ["X-User: bob\r\nAuthorization: Bearer a\r\n", "X-User:\r\n", ""] {
        assert_invalid(&by(other, &state), "`requestState` is not what this server gave");
    }
    fixture.stop();
}

#[test]
fn a_caller_who_cannot_be_told_ends_one_call_only() {
    for &on in On::ALL {
        let fixture = Fixture::start_with(on, |server| {
            server.principal(|head| Some(head.field("x-user").expect("a user").len().to_string()))
        });
        let by = |fields: &str, state: &Value| {
            fixture.send_with(&call("order", json!({"requestState": state})), fields)
        };
        let state = state(&by("X-User: ann\r\n", &json!(null)));
        // When the round ends, and when the next begins.
        for state in [&json!(null), &state] {
            let response = by("", state);
            assert_error(&response, -32603, "internal error");
            assert!(!response.body.contains("a user"), "{response:?}");
        }
        asked(&by("X-User: bob\r\n", &state));
        fixture.stop();
    }
}

#[test]
fn state_that_has_expired_is_refused() {
    let keys = StateKeys::new([1; 32]).lifetime(Duration::ZERO);
    let fixture = Fixture::start_with(On::Smol, |server| server.state_keys(keys));
    let state = state(&fixture.call("order", json!({})));
    // It is good to the end of its second.
    std::thread::sleep(Duration::from_millis(1_100));
    let response = fixture.call("order", json!({"requestState": state}));
    assert_invalid(&response, "`requestState` has expired");
    assert_eq!(fixture.handlers.begun(), 1);
    fixture.stop();
}

#[test]
fn clients_are_not_asked_what_they_cannot_be_asked() {
    on_all_runtimes(|fixture| {
        for (tool, capabilities, required) in [
            ("greet", json!({}), json!({"elicitation": {"form": {}}})),
            ("greet", json!({"elicitation": {"url": {}}}), json!({"elicitation": {"form": {}}})),
            ("boxed", json!({"sampling": {}}), json!({"elicitation": {"form": {}}})),
            ("visit", json!({"elicitation": {}}), json!({"elicitation": {"url": {}}})),
            ("all_at_once", json!({"elicitation": {}}), json!({"sampling": {}})),
            ("all_at_once", json!({"elicitation": {}, "sampling": {}}), json!({"roots": {}})),
            // What is malformed declares nothing.
            ("greet", json!({"elicitation": 7}), json!({"elicitation": {"form": {}}})),
        ] {
            let mut request = call(tool, json!({}));
            let meta = &mut request.params["_meta"];
            meta["io.modelcontextprotocol/clientCapabilities"] = capabilities;
            let response = fixture.send(&request);
            assert_eq!(response.status, 400, "{response:?}");
            assert_error(&response, -32021, "missing client capability");
            let data = &response.answer()["error"]["data"];
            assert_eq!(*data, json!({"requiredCapabilities": required}), "{tool}");
        }
    });
}

#[test]
fn users_may_decline_and_cancel() {
    on_all_runtimes(|fixture| {
        let answer = |tool, key: &str, answer: Value| {
            fixture.call(tool, json!({"inputResponses": {key: answer}})).text()
        };
        assert_eq!(answer("greet", "name", json!({"action": "decline"})), "declined");
        assert_eq!(answer("greet", "name", json!({"action": "cancel"})), "cancelled");
        // What comes with it is not looked at.
        let content = json!({"action": "decline", "content": {"name": 7}});
        assert_eq!(answer("greet", "name", content), "declined");
        assert_eq!(answer("visit", "page", json!({"action": "accept"})), "Accepted(())");
        assert_eq!(answer("visit", "page", json!({"action": "cancel"})), "Cancelled");
    });
}

#[test]
fn answers_that_do_not_fit_are_invalid() {
    on_all_runtimes(|fixture| {
        for (key, answer, reason) in [
            ("name", json!(null), "invalid type: null"),
            ("name", json!({}), "missing field `action`"),
            ("name", json!({"roots": []}), "missing field `action`"),
            ("name", json!({"action": "agree"}), "unknown variant `agree`"),
            ("name", json!({"action": "accept"}), "missing field `name`"),
            ("name", json!({"action": "accept", "content": {}}), "missing field `name`"),
            (
                "name",
                json!({"action": "accept", "content": {"name": 7}}),
                "for: `name`: invalid type",
            ),
            ("name", json!({"action": "accept", "content": [7]}), "`content` must be an object"),
            ("model", json!({"role": "assistant"}), "missing field"),
            ("roots", json!({"roots": [{}]}), "missing field `uri`"),
        ] {
            let answers = json!({"inputResponses": {key: answer}});
            let response = fixture.call("all_at_once", answers);
            assert_invalid(&response, &format!("the answer to {key:?} is not what was asked for"));
            assert_invalid(&response, reason);
        }
        // The client need not be told all that it has sent.
        let long = "\u{e9}".repeat(100_000);
        for (key, answer) in [
            ("name", json!({"action": long})),
            ("name", json!(long)),
            ("name", json!({"action": "accept", "content": {"name": {long.as_str(): 1}}})),
            ("roots", json!({"roots": [{"uri": "", "name": [long]}, long]})),
        ] {
            let response = fixture.call("all_at_once", json!({"inputResponses": {key: answer}}));
            assert_invalid(&response, &format!("the answer to {key:?} is not what was asked for"));
            assert!(response.body.chars().count() < 500, "{}", response.body.len());
        }
        for answers in [json!([]), json!("name"), json!(7), json!(false)] {
            let response = fixture.call("greet", json!({"inputResponses": answers}));
            assert_invalid(&response, "`inputResponses` must be an object");
        }
    });
}

#[test]
fn answers_that_nobody_asked_for_are_ignored() {
    on_all_runtimes(|fixture| {
        let answers = json!({"name": named("Ann"), "other": {"a": [1]}, "": null});
        let response = fixture.call("greet", json!({"inputResponses": answers}));
        assert_eq!(response.text(), "Ann");
        // Nor are they remembered.
        let answers = json!({"first": named("Ann"), "other": "x".repeat(30_000)});
        let response = fixture.call("one_by_one", json!({"inputResponses": answers}));
        let state = state(&response);
        assert!(state.as_str().unwrap().len() < 400, "{state}");
        for answers in [json!(null), json!({}), json!({"other": {}})] {
            let response = fixture.call("greet", json!({"inputResponses": answers}));
            assert!(asked(&response)["name"].is_object());
        }
    });
}

/// The client has declared and answered megabytes, which are looked at once, or not at all.
#[test]
fn many_questions_cost_no_more_than_their_answers() {
    on_all_runtimes(|fixture| {
        let mut answers = serde_json::Map::new();
        for n in 0..30_000 {
            answers.insert(n.to_string(), json!({"roots": []}));
        }
        let extensions: serde_json::Map<_, _> =
            (0..30_000).map(|n| (n.to_string(), json!({}))).collect();
        for answers in [json!(answers), json!(null)] {
            let mut request = call("ask_many", json!({"inputResponses": answers}));
            let meta = &mut request.params["_meta"];
            meta["io.modelcontextprotocol/clientCapabilities"]["extensions"] = json!(extensions);
            let response = fixture.send(&request);
            if answers.is_null() {
                assert_eq!(asked(&response).as_object().unwrap().len(), 1_000);
            } else {
                assert_eq!(response.text(), "0 roots");
            }
        }
        // A key that is no text, which only matters where it could be asked for.
        let respond = |tool| {
            let request = call(tool, json!({"inputResponses": {"123456": {}}}));
            let bytes = String::from_utf8(request.sized()).unwrap().replace("123456", "\\ud800");
            fixture.send_bytes(&request, bytes.as_bytes())
        };
        assert_eq!(respond("silent").text(), "nothing");
        assert_invalid(&respond("greet"), "`inputResponses`: unexpected end of hex escape");
    });
}

#[test]
fn prompts_and_resources_ask_as_well() {
    on_all_runtimes(|fixture| {
        for (method, subject) in [
            ("prompts/get", json!({"name": "asks"})),
            ("resources/read", json!({"uri": "demo://asks"})),
        ] {
            let response = fixture.send(&capable(method, subject.clone()));
            assert!(asked(&response)["name"].is_object());
            let mut rest = subject;
            rest["inputResponses"] = json!({"name": named("Ann")});
            let answer = fixture.send(&capable(method, rest.clone())).answer();
            let result = &answer["result"];
            let content = if method == "prompts/get" {
                &result["messages"][0]["content"]
            } else {
                &result["contents"][0]
            };
            assert_eq!(content["text"], json!("Ann"), "{answer}");
            rest["inputResponses"] = json!({"name": {}});
            let response = fixture.send(&capable(method, rest.clone()));
            assert_invalid(&response, "missing field `action`");
            rest.as_object_mut().unwrap().remove("inputResponses");
            let response = fixture.send(&Request::new(Wire::Modern, method, rest));
            assert_error(&response, -32021, "missing client capability");
        }
    });
}

#[test]
fn other_requests_cannot_ask() {
    on_all_runtimes(|fixture| {
        let reference = json!({"type": "ref/prompt", "name": "asks"});
        let argument = json!({"name": "name", "value": ""});
        let params = json!({"ref": reference, "argument": argument});
        let response = fixture.send(&capable("completion/complete", params));
        assert_error(&response, -32603, "internal error");
    });
}

#[test]
fn clients_of_2025_are_not_kept_waiting() {
    for mode in [ResponseMode::Json, ResponseMode::EventStream, ResponseMode::Auto] {
        for &on in On::ALL {
            let fixture = Fixture::start_with(on, |server| server.response_mode(mode));
            for tool in ["greet", "order", "all_at_once", "boxed", "report"] {
                let params = json!({"name": tool, "arguments": {}, "_meta": {"progressToken": 1}});
                let response = fixture.send(&Request::new(Wire::Legacy, "tools/call", params));
                assert_eq!(response.status, 200);
                assert_error(&response, -32603, "2026-07-28 needs neither");
            }
            // What it knows nothing of is not looked at.
            let params = json!({"name": "greet", "inputResponses": [], "requestState": 7});
            let response = fixture.send(&Request::new(Wire::Legacy, "tools/call", params));
            assert_error(&response, -32603, "the client cannot be asked");
            fixture.stop();
        }
    }
}

#[test]
fn progress_comes_before_the_questions() {
    on_all_runtimes(|fixture| {
        let response = fixture.call("report", json!({}));
        assert!(response.head.contains("text/event-stream"), "{}", response.head);
        let messages = response.messages();
        let steps: Vec<_> = messages.iter().map(|it| &it["params"]["progress"]).collect();
        assert_eq!(steps, [&json!(1.0), &json!(2.0), &json!(null)]);
        assert!(asked(&response)["name"].is_object());
    });
}

#[test]
fn questions_go_where_the_client_takes_its_answers() {
    on_all_runtimes(|fixture| {
        for kind in ["text/event-stream", "application/json"] {
            let response = fixture.send_for(&call("greet", json!({})), kind);
            assert!(response.head.contains(&format!("Content-Type: {kind}")), "{response:?}");
            assert!(asked(&response)["name"].is_object());
        }
    });
}

#[test]
fn boxed_errors_are_still_known() {
    on_all_runtimes(|fixture| {
        let response = fixture.call("boxed", json!({"inputResponses": {"name": {}}}));
        assert_invalid(&response, "missing field `action`");
        let answers = json!({"inputResponses": {"name": named("Ann")}});
        assert_eq!(fixture.call("boxed", answers).text(), "Ann");
    });
}

#[test]
fn forms_that_cannot_be_are_a_failure_of_the_server() {
    on_all_runtimes(|fixture| {
        let response = fixture.call("nested", json!({}));
        assert_eq!(response.status, 200);
        assert_error(&response, -32603, "the property \"name\" is an object");
    });
}

#[test]
fn a_round_ends_though_something_else_is_at_work() {
    on_all_runtimes(|fixture| {
        assert!(asked(&fixture.call("join_slow", json!({})))["name"].is_object());
        wait_until("the drop", || fixture.handlers.dropped.load(Ordering::SeqCst) == 1);
    });
}

#[test]
fn other_threads_may_ask_and_learn_that_the_round_has_ended() {
    on_all_runtimes(|fixture| {
        let dropped = |count| {
            wait_until("the thread's end", || {
                fixture.handlers.dropped.load(Ordering::SeqCst) == count
            });
        };
        // On a stream, the next keep-alive would bring the question to light.
        let response = fixture.send_for(&call("ask_elsewhere", json!({})), "application/json");
        assert!(asked(&response)["name"].is_object());
        dropped(1);
        let answers = json!({"inputResponses": {"name": named("Ann")}});
        assert_eq!(fixture.call("ask_elsewhere", answers).text(), "Ann");
        assert_eq!(fixture.call("ask_too_late", json!({})).text(), "done");
        dropped(2);
    });
}

#[test]
fn questions_that_an_answer_does_not_wait_for_are_not_asked() {
    on_all_runtimes(|fixture| {
        assert_eq!(fixture.call("need_not_know", json!({})).text(), "whoever");
        let answers = json!({"inputResponses": {"name": named("Ann")}});
        assert_eq!(fixture.call("need_not_know", answers).text(), "Ann");
    });
}

#[test]
fn clients_that_hang_up_leave_nothing_behind() {
    on_all_runtimes(|fixture| {
        for hang_up in HangUp::BOTH {
            let mut stream = connect(fixture.running.address);
            stream.write_all(&call("ask_late", json!({})).sized()).unwrap();
            wait_until("the call", || fixture.counters.calls_in_flight() == 1);
            hang_up.close(stream);
            wait_until("its end", || fixture.counters.calls_in_flight() == 0);
        }
        wait_until("the drops", || fixture.handlers.dropped.load(Ordering::SeqCst) == 2);
        wait_until("no connections", || fixture.counters.open_connections() == 0);
        assert_eq!(fixture.counters.requests_lost(), 2);
    });
}

#[test]
fn many_clients_are_asked_at_the_same_time() {
    on_all_runtimes(|fixture| {
        std::thread::scope(|scope| {
            for n in 0..8 {
                scope.spawn(move || {
                    let arguments = json!({"item": n.to_string()});
                    let first = fixture.call("order", json!({"arguments": arguments}));
                    let answers = json!({"first": named(&n.to_string()), "last": named("Lee")});
                    let response = fixture.call(
                        "order",
                        json!({"arguments": arguments, "inputResponses": answers,
                               "requestState": state(&first)}),
                    );
                    let text = response.text();
                    assert!(text.starts_with(&format!("{n} ")), "{text}");
                    assert!(text.ends_with(&format!(" for {n} Lee")), "{text}");
                });
            }
        });
        assert_eq!(fixture.handlers.steps(), 8);
    });
}
