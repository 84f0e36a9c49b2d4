//! The kit on a sample server, on both eras of the protocol.

mod answers;
mod leaving;
mod waiting;

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
fn an_extension_has_a_prefix() {
    let start = |name: &str| Client::new(Server::new("s", "1").extension(name, json!({})));
    for good in ["com.example/tasks", "a-b.c1/x_y.z-0", "io.modelcontextprotocol/ui", "a/"] {
        start(good).unwrap();
    }
    for bad in ["tasks", "/tasks", "1a/x", "a-/x", "a..b/x", "a/-x", "a/x.", "a/x/y", "a b/x", ""] {
        let Error::Start(error) = start(bad).unwrap_err() else { panic!("{bad}") };
        assert!(error.to_string().contains("such as com.example/"), "{error}");
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
