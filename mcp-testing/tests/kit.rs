//! The kit on a sample server, on both eras of the protocol.

use std::future::{Future, pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use mcp_server::{
    AskError, BoxError, Completion, Context, CreateMessageRequest, Denial, Elicited, Endpoints,
    ExtensionMethod, ExtensionResult, Head, HubDeadlines, Instant, LogLevel, OfferKey, Principal,
    ReplayLog, Resource, RpcError, SamplingMessage, Server, StreamKey, Structured, prompt,
    resource_template, tool,
};
use mcp_testing::{Change, Client, Error, Revision, accept, cancel, decline};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Deserialize, Serialize, JsonSchema)]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Debug, Deserialize, PartialEq, Serialize, JsonSchema)]
struct Sum {
    sum: i64,
}

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Routed {
    #[schemars(extend("x-mcp-header" = "Region"))]
    region: String,
}

#[derive(Deserialize, JsonSchema)]
struct Wrap {
    wrap: bool,
}

async fn count(ctx: Context) -> &'static str {
    for step in 1..=3 {
        ctx.progress(f64::from(step)).total(3.0).message(format!("step {step}")).await;
        ctx.log(LogLevel::Info, json!({"step": step})).await;
    }
    "counted"
}

async fn order(ctx: Context) -> Result<String, BoxError> {
    ctx.progress(1.0).await;
    let wrap = match ctx.elicit::<Wrap>("wrap", "Wrap it up?").await? {
        Elicited::Accepted(answer) => answer.wrap,
        Elicited::Declined => return Ok("declined".into()),
        Elicited::Cancelled => return Ok("cancelled".into()),
    };
    let roots = ctx.list_roots("roots").await?;
    let question = [SamplingMessage::user("Which color?")];
    let request = CreateMessageRequest::new(10, question);
    let color = ctx.sample("color", request).await?;
    Ok(format!("wrapped: {wrap}, {} roots, {:?}", roots.len(), color.text()))
}

/// Says when it is dropped.
struct Counts(Arc<AtomicUsize>);

impl Drop for Counts {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn hanging(dropped: &Arc<AtomicUsize>) -> Server {
    let dropped = dropped.clone();
    sample().tool("hang", "Never ends", move |ctx: Context| {
        let counts = Counts(dropped.clone());
        async move {
            ctx.progress(1.0).await;
            pending::<()>().await;
            drop(counts);
        }
    })
}

fn sample() -> Server {
    let greet = prompt("greet", "Greets", |args: Name| format!("Hello, {}!", args.name)).complete(
        "name",
        |typed: Completion| {
            let mut names = vec!["Ada", "Alan", "Grace"];
            names.retain(|name| name.starts_with(&typed.value));
            names
        },
    );
    let book = resource_template(
        "shop://books/{name}".parse().unwrap(),
        "book",
        |template| template,
        |book: Name| match &*book.name {
            "emma" => Ok("A matchmaker."),
            _ => Err(RpcError::invalid_params("no such book")),
        },
    );
    Server::new("sample", "1.0.0")
        .logging()
        .tool("add", "Adds", |args: Add| Structured(Sum { sum: args.a + args.b }))
        .tool("fail", "Fails", || Err::<String, _>("it is broken"))
        .tool("count", "Counts", count)
        .tool("order", "Orders", order)
        .tool("elsewhere", "Works on another thread", || async {
            elsewhere(Duration::from_millis(20)).await;
            "done"
        })
        .tool("header", "Says who asks", |ctx: Context| {
            ctx.header("authorization").unwrap_or("nobody").to_owned()
        })
        .add(tool("routed", "Is routed", |args: Routed| args.region))
        .add(greet)
        .prompt("grüße", "Grüßt", || "Hallo!")
        .add(book)
        .resource(Resource::new("shop://logo", "logo"), || vec![1_u8, 2, 3])
        .page_size(3.try_into().unwrap())
}

/// Waits for another thread, which takes that long.
async fn elsewhere(time: Duration) {
    let (mut started, done) = (false, Arc::new(AtomicUsize::new(0)));
    poll_fn(move |cx| {
        if done.load(Ordering::SeqCst) == 1 {
            return Poll::Ready(());
        }
        if !std::mem::replace(&mut started, true) {
            let (done, waker) = (done.clone(), cx.waker().clone());
            std::thread::spawn(move || {
                std::thread::sleep(time);
                done.store(1, Ordering::SeqCst);
                waker.wake();
            });
        }
        Poll::Pending
    })
    .await;
}

/// A client of each revision, latest first.
fn clients(server: Server) -> impl Iterator<Item = Client> {
    let client = Client::new(server).unwrap();
    Revision::ALL.into_iter().map(move |revision| client.revision(revision).unwrap())
}

#[test]
fn tools_answer_on_every_revision() {
    for client in clients(sample()) {
        let result = client.call("add", Add { a: 1, b: 2 }).unwrap();
        assert!(!result.is_error());
        assert_eq!(result.text(), r#"{"sum":3}"#);
        let failed = client.call("fail", ()).unwrap();
        assert_eq!((failed.is_error(), failed.text()), (true, "it is broken".into()));
    }
    let result = Client::new(sample()).unwrap().call("add", json!({"a": 1, "b": 2})).unwrap();
    assert_eq!(result.structured(), &json!({"sum": 3}));
    assert_eq!(result.structured_as::<Sum>().unwrap(), Sum { sum: 3 });
    let error = result.structured_as::<Vec<i64>>().unwrap_err().to_string();
    assert!(error.starts_with("expected structured content that is a "), "{error}");
}

#[test]
fn errors_say_what_came() {
    for client in clients(sample()) {
        let error = client.call("nothing", ()).unwrap_err();
        assert_eq!(error.code(), Some(-32602), "{error}");
        assert!(
            error.to_string().contains(r#"tools/call "nothing" was answered with error -32602"#)
        );
        let error = client.read_resource("shop://books/none").unwrap_err();
        assert_eq!(error.code(), Some(-32602), "{error}");
    }
    let client = Client::new(sample()).unwrap();
    let error = client.clone().at("/elsewhere").call("add", ()).unwrap_err();
    assert_eq!((error.code(), error.status()), (Some(-32600), Some(404)), "{error}");
    let error = client.clone().header("Host", "evil.example").call("add", ()).unwrap_err();
    assert!(error.to_string().contains("evil.example"), "{error}");
    let error = client.request("tools/call", [1]).unwrap_err().to_string();
    assert_eq!(
        error,
        "the test asks for what cannot be sent: `params` must be an object, and not [1]"
    );
    let twice = sample().tool("add", "Again", || "");
    assert!(matches!(Client::new(twice).unwrap_err(), Error::Start(_)));
}

#[test]
fn lists_prompts_resources_and_completion() {
    for client in clients(sample()) {
        let tools = client.list_tools().unwrap();
        let names: Vec<_> = tools.iter().map(|tool| tool.name()).collect();
        assert_eq!(names, ["add", "fail", "count", "order", "elsewhere", "header", "routed"]);
        assert_eq!(tools[0].description(), "Adds");
        assert_eq!(client.list_prompts().unwrap()[0].name(), "greet");
        assert_eq!(client.list_resources().unwrap()[0].uri(), "shop://logo");
        assert_eq!(client.list_resource_templates().unwrap()[0].name(), "book");
        let greeting = client.get_prompt("greet", json!({"name": "Ada"})).unwrap();
        assert_eq!((greeting.messages().len(), &*greeting.text()), (1, "Hello, Ada!"));
        assert_eq!(client.get_prompt("grüße", ()).unwrap().text(), "Hallo!");
        assert_eq!(client.read_resource("shop://books/emma").unwrap().text(), "A matchmaker.");
        assert_eq!(client.read_resource("shop://logo").unwrap().bytes(), [1, 2, 3]);
        assert_eq!(client.complete_prompt("greet", "name", "A").unwrap(), ["Ada", "Alan"]);
        let nothing = client.complete_template("shop://books/{name}", "name", "e").unwrap();
        assert!(nothing.is_empty());
    }
}

#[test]
fn progress_and_logs_come_in_order() {
    for client in clients(sample()) {
        let mut call = client.begin_call("count", ()).unwrap();
        let progress = call.next_progress().unwrap();
        assert_eq!((progress.progress, progress.total), (1.0, Some(3.0)));
        let log = call.next_log().unwrap();
        assert_eq!((&*log.level, log.data), ("info", json!({"step": 1})));
        assert_eq!(call.finish().unwrap().text(), "counted");
        let rest: Vec<_> =
            call.take_progress().unwrap().iter().map(|report| report.progress).collect();
        assert_eq!(rest, [2.0, 3.0]);
        assert_eq!(call.take_logs().unwrap().len(), 2);
        let error = call.next_progress().unwrap_err().to_string();
        assert!(error.contains("its result has been taken already"), "{error}");
    }
}

#[test]
fn a_quiet_client_hears_the_result_only() {
    for revision in [Revision::V2026_07_28, Revision::V2025_11_25] {
        let client = Client::new(sample()).unwrap().quiet().revision(revision).unwrap();
        let mut call = client.begin_call("count", ()).unwrap();
        assert_eq!(call.finish().unwrap().text(), "counted");
        assert!(call.take_progress().unwrap().is_empty());
        assert!(call.take_logs().unwrap().is_empty());
    }
}

#[test]
fn questions_are_answered_step_by_step() {
    for client in clients(sample()).take(3) {
        let mut call = client.begin_call("order", ()).unwrap();
        assert_eq!(call.next_progress().unwrap().progress, 1.0);
        let error = call.answer_roots(&[]).unwrap_err().to_string();
        assert!(error.starts_with("expected a question of roots/list, but there is"), "{error}");
        let question = call.next_question().unwrap();
        assert_eq!((&*question.method, question.message()), ("elicitation/create", "Wrap it up?"));
        let error = call.finish().unwrap_err().to_string();
        assert!(error.contains("it waits for an answer to elicitation/create"), "{error}");
        call.answer_elicitation(accept(json!({"wrap": true}))).unwrap();
        call.answer_roots(&["file:///a", "file:///b"]).unwrap();
        call.answer_sampling("blue").unwrap();
        let text = call.finish().unwrap().text();
        assert_eq!(text, r#"wrapped: true, 2 roots, Some("blue")"#);
    }
}

#[test]
fn questions_are_answered_by_a_function() {
    let client = Client::new(sample()).unwrap();
    for (answer, expected) in [(decline(), "declined"), (cancel(), "cancelled")] {
        let client = client.clone().answering(move |_| Some(answer.clone()));
        for revision in [Revision::V2026_07_28, Revision::V2025_11_25] {
            let client = client.revision(revision).unwrap();
            assert_eq!(client.call("order", ()).unwrap().text(), expected);
        }
    }
}

#[test]
fn a_client_that_cannot_be_asked_is_not() {
    let client = Client::new(sample()).unwrap().capabilities(json!({}));
    let error = client.call("order", ()).unwrap_err();
    assert_eq!(error.code(), Some(-32021), "{error}");
}

#[test]
fn a_question_can_be_refused_where_that_exists() {
    let client = Client::new(sample()).unwrap();
    let mut call = client.begin_call("order", ()).unwrap();
    assert!(matches!(call.refuse(-1, "no").unwrap_err(), Error::Argument(_)));
    let client = client.revision(Revision::V2025_11_25).unwrap();
    let mut call = client.begin_call("order", ()).unwrap();
    call.refuse(-1, "no").unwrap();
    assert!(call.finish().unwrap_err().to_string().contains("no"));
}

#[test]
fn a_client_that_hangs_up_drops_the_handler() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let client = Client::new(hanging(&dropped)).unwrap();
    let mut call = client.begin_call("hang", ()).unwrap();
    call.next_progress().unwrap();
    assert!(call.is_waiting().unwrap());
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    call.hang_up();
    assert_eq!(dropped.load(Ordering::SeqCst), 1);

    // The 2025 revisions have another way to say so.
    let client = client.revision(Revision::V2025_11_25).unwrap();
    client.begin_call("hang", ()).unwrap().hang_up();
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    let mut call = client.begin_call("hang", ()).unwrap();
    call.next_progress().unwrap();
    call.cancel().unwrap();
    assert_eq!(dropped.load(Ordering::SeqCst), 2);
}

#[test]
fn a_lost_connection_is_come_back_to() {
    let client = Client::new(sample()).unwrap();
    let session = client.revision(Revision::V2025_11_25).unwrap();
    let mut call = session.begin_call("order", ()).unwrap();
    call.next_progress().unwrap();
    call.next_question().unwrap();
    call.lose_connection().unwrap();
    call.answer_elicitation(decline()).unwrap();
    assert_eq!(call.finish().unwrap().text(), "declined");

    let mut call = client.begin_call("count", ()).unwrap();
    assert!(matches!(call.lose_connection().unwrap_err(), Error::HungUp { .. }));
}

#[test]
fn a_connection_may_be_lost_again_and_again() {
    let server = Server::new("s", "1").tool("long", "Takes long", |ctx: Context| async move {
        ctx.progress(1.0).await;
        elsewhere(Duration::from_millis(20)).await;
        ctx.release_connection();
        elsewhere(Duration::from_millis(20)).await;
        "at last"
    });
    let client = Client::new(server).unwrap().revision(Revision::V2025_11_25).unwrap();
    let mut call = client.begin_call("long", ()).unwrap();
    call.next_progress().unwrap();
    for _ in 0..3 {
        call.lose_connection().unwrap();
    }
    assert_eq!(call.finish().unwrap().text(), "at last");
}

#[test]
fn what_is_reported_is_there_without_waiting_for_anything_else() {
    for client in clients(hanging(&Arc::default())) {
        let mut call = client.begin_call("hang", ()).unwrap();
        assert_eq!(call.take_progress().unwrap().len(), 1);
        assert!(call.take_progress().unwrap().is_empty());
    }
}

/// A session lives longer than its connections, and no longer than its server.
#[test]
fn nothing_is_left_of_sessions_when_a_server_has_stopped() {
    let mut server = sample();
    let (counters, handle) = (server.counters(), server.handle());
    let client = Client::new(server).unwrap();
    let session = client.revision(Revision::V2025_11_25).unwrap();
    let mut call = session.begin_call("order", ()).unwrap();
    call.next_question().unwrap();
    assert_eq!(counters.open_sessions(), 1);
    client.shutdown(SECOND).unwrap();
    assert_eq!((counters.open_sessions(), counters.calls_in_flight()), (0, 0));
    handle.notify_tools_list_changed();
}

#[test]
fn a_replay_log_that_panics_forgets() {
    struct Panicking;

    impl ReplayLog for Panicking {
        fn append(&mut self, _: Instant, _: StreamKey, _: u64, _: &Arc<str>) {
            panic!("the disk is full");
        }

        fn next(&self, _: StreamKey, _: u64) -> Option<(u64, Arc<str>)> {
            panic!("the disk is gone");
        }

        fn forget_stream(&mut self, _: StreamKey) {
            panic!("the disk is gone");
        }

        fn expire(&mut self, _: Instant) {
            panic!("the disk is gone");
        }
    }

    let client = Client::new(sample().replay_log(Panicking)).unwrap();
    let session = client.revision(Revision::V2025_11_25).unwrap();
    let mut call = session.begin_call("order", ()).unwrap();
    call.next_progress().unwrap();
    // The question is not in the log alone.
    call.lose_connection().unwrap();
    call.answer_elicitation(decline()).unwrap();
    assert_eq!(call.finish().unwrap().text(), "declined");
    client.advance(60 * 60 * SECOND);
    client.call("add", json!({"a": 1, "b": 2})).unwrap();
    client.shutdown(SECOND).unwrap();
}

/// A step that loses a race was not done.
#[test]
fn a_step_that_was_dropped_can_be_begun_again() {
    let server = Server::new("s", "1").tool("steps", "Does them", |ctx: Context| async move {
        let mut step = Box::pin(ctx.once("step", pending::<u8>));
        let polled = poll_fn(|cx| Poll::Ready(step.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        drop(step);
        let done = ctx.once("step", || async { 7_u8 }).await?;
        match ctx.once("step", || async { 8_u8 }).await {
            Err(AskError::KeyTaken { .. }) => Ok(done.to_string()),
            other => Err(BoxError::from(format!("{other:?}"))),
        }
    });
    for client in clients(server) {
        assert_eq!(client.call("steps", ()).unwrap().text(), "7");
    }
}

#[test]
fn a_method_has_one_meaning() {
    for methods in [["tools/call", "x/y"], ["x/y", "server/discover"], ["x/y", "x/y"]] {
        let server = methods.into_iter().fold(Server::new("s", "1"), |server, name| {
            server.method(ExtensionMethod::new(name), || ExtensionResult::complete(&json!({})))
        });
        let Error::Start(error) = Client::new(server).unwrap_err() else { panic!("{methods:?}") };
        assert!(error.to_string().contains("has a method"), "{error}");
    }
}

#[test]
fn a_server_that_lets_go_is_come_back_to() {
    let server = Server::new("s", "1").tool("long", "Takes long", |ctx: Context| async move {
        ctx.release_connection();
        elsewhere(Duration::from_millis(20)).await;
        "at last"
    });
    let client = Client::new(server).unwrap().revision(Revision::V2025_11_25).unwrap();
    assert_eq!(client.call("long", ()).unwrap().text(), "at last");
}

#[test]
fn other_threads_are_waited_for() {
    for client in clients(sample()) {
        assert_eq!(client.call("elsewhere", ()).unwrap().text(), "done");
    }
}

#[test]
fn what_never_comes_is_said() {
    let client = Client::new(hanging(&Arc::default())).unwrap();
    client.patience(Duration::ZERO);
    let mut call = client.begin_call("hang", ()).unwrap();
    let error = call.finish().unwrap_err();
    assert!(matches!(error, Error::Stalled { .. }));
    let error = error.to_string();
    assert!(error.contains(r#"waited 0ns for a result of tools/call "hang""#), "{error}");
    let error = call.next_question().unwrap_err().to_string();
    assert!(error.contains(r#"for a question of tools/call "hang""#), "{error}");
}

#[test]
fn a_handler_that_fits_no_uri_is_not_blamed_on_the_client() {
    let file = |args: Name| args.name;
    let files = |template: &str| {
        let template = template.parse().unwrap();
        let server = Server::new("files", "1.0.0");
        Client::new(server.add(resource_template(template, "files", |it| it, file))).unwrap()
    };
    assert_eq!(files("a:{name}").read_resource("a:b").unwrap().text(), "b");
    for (client, says) in [
        (files("a:{path}"), "takes `name`, which is no variable of \"a:{path}\""),
        (
            Client::new(Server::new("file", "1.0.0").resource(Resource::new("a:b", "b"), file))
                .unwrap(),
            "the handler of a resource takes no arguments",
        ),
    ] {
        let error = client.read_resource("a:b").unwrap_err();
        assert_eq!(error.code(), Some(-32603), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    // What is left out of a query is the client's.
    let error = files("a:b{?name}").read_resource("a:b").unwrap_err();
    assert_eq!(error.code(), Some(-32602), "{error}");
}

#[test]
fn what_is_attached_to_connections_is_found() {
    struct Tenant(&'static str);

    let server = Server::new("tenants", "1.0.0").tool("whose", "", |ctx: Context| {
        ctx.attachment::<Tenant>().map_or("nobody's", |tenant| tenant.0)
    });
    let client = Client::new(server).unwrap();
    assert_eq!(client.call("whose", ()).unwrap().text(), "nobody's");
    let client = client.attach(Arc::new(Tenant("acme's")));
    assert_eq!(client.call("whose", ()).unwrap().text(), "acme's");
}

#[test]
fn who_is_not_let_in_is_told_why() {
    let server = sample().authorizer(|head: Head| async move {
        match head.bearer_token()? {
            "good" => Ok(Principal::new("alice")),
            _ => Err(Denial::invalid_token("nobody has this token")),
        }
    });
    let client = Client::new(server).unwrap();
    let status = |client: &Client| client.list_tools().err().and_then(|error| error.status());
    assert_eq!(status(&client), Some(401));
    assert_eq!(status(&client.clone().header("Authorization", "Bearer bad")), Some(401));
    assert_eq!(status(&client.header("Authorization", "Bearer good")), None);
}

#[test]
fn sessions_that_are_idle_end_by_themselves() {
    let server = sample();
    let counters = server.counters();
    let client = Client::new(server).unwrap().revision(Revision::V2025_11_25).unwrap();
    client.advance(Duration::from_secs(29 * 60));
    assert_eq!(counters.open_sessions(), 1);
    client.advance(Duration::from_secs(2 * 60));
    assert_eq!(counters.open_sessions(), 0);
}

#[test]
fn what_never_rests_is_cut_short() {
    let server = Server::new("s", "1").tool("spin", "Never rests", || async {
        poll_fn::<(), _>(|cx| {
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    });
    let client = Client::new(server).unwrap();
    let begun = std::time::Instant::now();
    client.patience(Duration::from_millis(50));
    assert!(matches!(client.call("spin", ()).unwrap_err(), Error::Stalled { .. }));
    assert!(begun.elapsed() < 5 * SECOND);
}

#[test]
fn time_passes_when_told_to() {
    let client = Client::new(hanging(&Arc::default())).unwrap();
    let begun = std::time::Instant::now();
    let session = client.revision(Revision::V2025_11_25).unwrap();
    session.call("add", json!({"a": 1, "b": 2})).unwrap();
    client.advance(20 * 60 * SECOND);
    session.call("add", json!({"a": 1, "b": 2})).unwrap();
    // Idle for longer than half an hour, which is the default.
    client.advance(40 * 60 * SECOND);
    let error = session.call("add", json!({"a": 1, "b": 2})).unwrap_err();
    assert!(error.to_string().contains("session"), "{error}");
    assert!(begun.elapsed() < 20 * SECOND);
}

#[test]
fn time_may_be_as_long_as_can_be() {
    let client = Client::new(hanging(&Arc::default())).unwrap();
    let mut session = client.revision(Revision::V2025_11_25).unwrap();
    session.advance(Duration::MAX);
    session.call("add", json!({"a": 1, "b": 2})).unwrap_err();
    session = client.revision(Revision::V2025_11_25).unwrap();
    let _call = session.begin_call("hang", ()).unwrap();
    client.patience(Duration::from_millis(50));
    client.shutdown(Duration::MAX).unwrap_err();
}

#[test]
fn a_deadline_comes_when_it_is_due() {
    let deadlines = HubDeadlines { answer: 30 * SECOND, ..HubDeadlines::default() };
    let endpoints = Endpoints::new().mount("/mcp", sample()).hub_deadlines(deadlines);
    let client = Client::start(endpoints).unwrap().revision(Revision::V2025_11_25).unwrap();
    let mut call = client.begin_call("order", ()).unwrap();
    call.next_question().unwrap();
    client.advance(29 * SECOND);
    assert!(call.take_logs().unwrap().is_empty());
    client.advance(SECOND);
    let error = call.answer_elicitation(decline()).and_then(|()| call.finish()).unwrap_err();
    assert!(error.to_string().contains("in time"), "{error}");
}

#[test]
fn changes_are_heard_of() {
    let mut server = sample();
    let handle = server.handle();
    let client = Client::new(server).unwrap();
    let logo = Change::resource("shop://logo");
    for revision in [Revision::V2026_07_28, Revision::V2025_11_25] {
        let client = client.revision(revision).unwrap();
        let mut listening = client.listen([Change::Tools, logo.clone()]).unwrap();
        assert_eq!(listening.take_changes().unwrap(), []);
        handle.notify_resource_updated("shop://logo");
        assert_eq!(listening.next_change().unwrap(), logo);
        handle.add(tool("new", "Is new", || "new")).unwrap();
        assert_eq!(listening.next_change().unwrap(), Change::Tools);
        assert_eq!(client.call("new", ()).unwrap().text(), "new");
        handle.remove(&OfferKey::Tool("new".into()));
        assert_eq!(listening.take_changes().unwrap(), [Change::Tools]);
        client.advance(60 * SECOND);
        assert!(!listening.has_ended().unwrap());
        listening.hang_up();
    }
    client.patience(Duration::ZERO);
    let mut listening = client.listen([Change::Tools]).unwrap();
    assert!(matches!(listening.next_change().unwrap_err(), Error::Stalled { .. }));
    client.shutdown(SECOND).unwrap();
    assert!(listening.has_ended().unwrap());
}

#[test]
fn what_nobody_tells_of_is_not_listened_for() {
    let client = Client::new(sample()).unwrap();
    let error = client.listen([Change::Tools]).unwrap_err().to_string();
    assert!(error.contains("expected to be told of"), "{error}");
}

#[test]
fn a_shutdown_drains() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let stopped = Arc::new(AtomicUsize::new(0));
    let counts = stopped.clone();
    let server = hanging(&dropped).on_stop(move || async move {
        counts.fetch_add(1, Ordering::SeqCst);
    });
    let client = Client::new(server).unwrap();
    let mut call = client.begin_call("hang", ()).unwrap();
    call.next_progress().unwrap();
    let report = client.shutdown(10 * SECOND).unwrap();
    assert_eq!((report.finished, report.cut), (0, 1));
    assert_eq!((dropped.load(Ordering::SeqCst), stopped.load(Ordering::SeqCst)), (1, 1));
    assert!(call.finish().is_err());
    assert!(matches!(client.call("add", ()).unwrap_err(), Error::Stopped));
    assert!(matches!(client.shutdown(SECOND).unwrap_err(), Error::Stopped));
}

#[test]
fn headers_are_sent_and_mirrored() {
    let client = Client::new(sample()).unwrap();
    let client = client.header("Authorization", "Bearer a").header("authorization", "Bearer b");
    for revision in Revision::ALL {
        let client = client.revision(revision).unwrap();
        assert_eq!(client.call("header", ()).unwrap().text(), "Bearer b");
        let routed = client.call("routed", json!({"region": "us-wést"})).unwrap();
        assert_eq!(routed.text(), "us-wést");
    }
}

#[test]
fn servers_are_told_apart_by_their_paths() {
    let endpoints = Endpoints::new()
        .mount("/a", Server::new("a", "1").tool("who", "", || "a"))
        .mount("/b", Server::new("b", "1").tool("who", "", || "b").stateless());
    let client = Client::start(endpoints).unwrap();
    assert_eq!(client.clone().at("/a").call("who", ()).unwrap().text(), "a");
    let client = client.at("/b");
    assert_eq!(client.call("who", ()).unwrap().text(), "b");
    // Without sessions, the 2025 revisions have none either.
    let legacy = client.revision(Revision::V2025_06_18).unwrap();
    assert_eq!(legacy.call("who", ()).unwrap().text(), "b");
    assert_eq!(legacy.discover().unwrap()["serverInfo"]["name"], "b");
    assert!(client.discover().unwrap()["supportedVersions"].is_array());
}
