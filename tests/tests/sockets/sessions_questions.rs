//! Questions to clients of the 2025 revisions, over real sockets: they are requests on the stream of
//! the call, and their answers are POSTs of their own. The handlers are those of 2026-07-28.

use std::time::{Duration, Instant};

use crate::common::client::{HangUp, Request, Response, Wire};
use crate::common::fixture::{Fixture, Gate};
use crate::common::session::{Answer, Client, REVISIONS, is_response, request, text_in, tool_call};
use crate::common::{On, wait_until};
use futures_lite::future::{or, try_zip};
use mcp_proto::Revision;
use mcp_smol::{
    AskError, Context, CreateMessageRequest, Deadlines, Elicited, HubDeadlines, Resource,
    ResponseMode, SamplingMessage, Server, prompt,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// How long it takes at most to do what is done at once.
const SOON: Duration = Duration::from_secs(3);

#[derive(Debug, Deserialize, JsonSchema)]
struct Name {
    name: String,
}

/// What has become of a question, for the client to see.
fn told(answer: Result<String, AskError>) -> Result<String, AskError> {
    match answer {
        Err(AskError::TimedOut { .. }) => Ok("timed out".into()),
        Err(AskError::Refused { error, .. }) => {
            Ok(format!("refused: {} {}", error.code.0, error.message))
        }
        Err(AskError::Answer { key, .. }) => Ok(format!("no answer to {key}")),
        other => other,
    }
}

fn elicited(answer: Elicited<Name>) -> String {
    match answer {
        Elicited::Accepted(Name { name }) => name,
        Elicited::Declined => "declined".into(),
        Elicited::Cancelled => "cancelled".into(),
    }
}

async fn greet(ctx: Context) -> Result<String, AskError> {
    told(ctx.elicit("name", "Who are you?").await.map(elicited))
}

async fn visit(ctx: Context) -> Result<String, AskError> {
    let answer = ctx.elicit_url("page", "Look.", "https://a.test/page").await;
    told(answer.map(|answer| format!("{answer:?}")))
}

async fn sample(ctx: Context) -> Result<String, AskError> {
    let request = CreateMessageRequest::new(9, [SamplingMessage::user("Hi")]);
    let answer = ctx.sample("model", request).await;
    told(answer.map(|answer| answer.text().unwrap_or_default().to_owned()))
}

async fn roots(ctx: Context) -> Result<String, AskError> {
    told(ctx.list_roots("roots").await.map(|roots| roots[0].uri.to_string()))
}

async fn all_at_once(ctx: Context) -> Result<String, AskError> {
    let (name, (text, uri)) =
        try_zip(greet(ctx.clone()), try_zip(sample(ctx.clone()), roots(ctx))).await?;
    Ok(format!("{name} {text} {uri}"))
}

async fn one_by_one(ctx: Context) -> Result<String, AskError> {
    let first = elicited(ctx.elicit("first", "First name?").await?);
    let number: u32 = ctx.once("number", || async { 7 }).await?;
    let last = elicited(ctx.elicit("last", "Last name?").await?);
    Ok(format!("{first} {last} {number}"))
}

async fn ping(ctx: Context) -> Result<String, AskError> {
    told(ctx.ping().await.map(|()| "there".to_owned()))
}

/// Not at once.
async fn later() {
    mcp_smol::async_io::Timer::after(Duration::from_millis(1)).await;
}

fn server(gate: &Gate) -> Server {
    let [impatient, leaving] = [gate.clone(), gate.clone()];
    Server::new("questions", "1.0.0")
        .tool("greet", "Asks for a name", greet)
        .tool("visit", "Asks to visit a page", visit)
        .tool("sample", "Asks the model", sample)
        .tool("roots", "Asks for roots", roots)
        .tool("all_at_once", "Asks three things", all_at_once)
        .tool("one_by_one", "Asks two things", one_by_one)
        .tool("ping", "Asks whether the client is there", ping)
        .tool("report", "Reports, and then asks", async |ctx: Context| {
            ctx.progress(1.0).await;
            ctx.progress(2.0).await;
            ctx.progress(3.0).await;
            greet(ctx).await
        })
        .tool("give_up", "Gives up a question at once, and goes on", async |ctx: Context| {
            let name = or(greet(ctx.clone()), async { Ok("nobody".into()) }).await;
            later().await;
            name
        })
        .tool("impatient", "Asks until the gate is open", move |ctx: Context| {
            let gate = impatient.clone();
            async move {
                let late = async {
                    gate.pass().await;
                    Ok("too late".to_owned())
                };
                or(greet(ctx), late).await
            }
        })
        .tool("leave", "Has another thread ask until the gate is open", move |ctx: Context| {
            let gate = leaving.clone();
            async move {
                std::thread::spawn(move || mcp_smol::block_on(greet(ctx)));
                gate.pass().await;
                "left"
            }
        })
        .resource(Resource::new("demo://asks", "asks"), greet)
        .add(prompt("asks", "Asks", greet))
}

fn on_all_runtimes(test: impl Fn(&Fixture)) {
    for &on in On::AND_INSIDE {
        let fixture = Fixture::start(on, server);
        test(&fixture);
        fixture.stop();
    }
}

fn with_deadline(on: On, answer: Duration) -> Fixture {
    let deadlines = HubDeadlines { answer, ..HubDeadlines::default() };
    Fixture::start_with(on, server, |endpoints| endpoints.hub_deadlines(deadlines))
}

fn named(name: &str) -> Value {
    json!({"action": "accept", "content": {"name": name}})
}

/// An answer to each question of `all_at_once`, by its method.
fn answer_to(method: &str) -> Value {
    match method {
        "elicitation/create" => named("Ann"),
        "sampling/createMessage" => {
            json!({"role": "assistant", "content": {"type": "text", "text": "Hi!"}, "model": "m"})
        }
        "roots/list" => json!({"roots": [{"uri": "file:///a"}]}),
        "ping" => json!({}),
        _ => panic!("{method}"),
    }
}

/// The next question on a stream.
#[track_caller]
fn question(answer: &mut Answer) -> Value {
    let message = answer.message();
    assert!(message["method"].is_string() && message["id"].is_u64(), "no question: {message}");
    message
}

/// Asserts that the handler has given up that question.
#[track_caller]
fn is_given_up(answer: &mut Answer, question: &Value) {
    let message = answer.message();
    assert_eq!(message["method"], json!("notifications/cancelled"), "{message}");
    assert_eq!(message["params"]["requestId"], question["id"], "{message}");
}

/// Calls a tool as a client of 2026-07-28 does, which answers as [`answer_to`] does.
fn call_modern(client: &Client, tool: &str) -> Response {
    let mut params = json!({"name": tool, "arguments": {}});
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = client.capabilities.clone();
    for _ in 0..5 {
        let request = Request::new(Wire::Modern, "tools/call", params.clone());
        let response = request.send(client.address);
        let result = response.answer()["result"].clone();
        if result["resultType"] != json!("input_required") {
            return response;
        }
        for (key, asked) in result["inputRequests"].as_object().unwrap() {
            params["inputResponses"][key] = answer_to(asked["method"].as_str().unwrap());
        }
        params["requestState"] = result["requestState"].clone();
        if params["requestState"].is_null() {
            params.as_object_mut().unwrap().remove("requestState");
        }
    }
    panic!("it asks and asks")
}

#[test]
fn one_handler_asks_clients_of_either_kind() {
    on_all_runtimes(|fixture| {
        for (tool, methods, text) in [
            ("greet", &["elicitation/create"][..], "Ann"),
            ("visit", &["elicitation/create"], "Accepted(())"),
            ("sample", &["sampling/createMessage"], "Hi!"),
            ("roots", &["roots/list"], "file:///a"),
            (
                "all_at_once",
                &["elicitation/create", "sampling/createMessage", "roots/list"],
                "Ann Hi! file:///a",
            ),
            ("one_by_one", &["elicitation/create", "elicitation/create"], "Ann Ann 7"),
        ] {
            let client = fixture.client();
            let mut answer = client.call(tool, json!({}));
            for method in methods {
                let question = question(&mut answer);
                assert_eq!(question["method"], json!(method), "{tool}");
                client.respond(&question, answer_to(method));
            }
            assert_eq!(answer.text(), text, "{tool}");
            assert_eq!(call_modern(&client, tool).text(), text, "{tool}");
        }
    });
}

#[test]
fn what_was_reported_comes_before_the_question() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        let mut answer = client.call("report", json!({}));
        for progress in [1.0, 2.0, 3.0] {
            assert_eq!(answer.message()["params"]["progress"], json!(progress));
        }
        let asked = question(&mut answer);
        client.respond(&asked, named("Ann"));
        assert_eq!(answer.text(), "Ann");
    });
}

#[test]
fn a_question_that_is_given_up_at_once_stops_nobody() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        assert_eq!(client.call("give_up", json!({})).text(), "nobody");
        assert_eq!(call_modern(&client, "give_up").text(), "nobody");
    });
}

#[test]
fn a_question_is_a_request_on_the_stream_of_its_call() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        let mut get = client.get();
        // The ids of questions are those of the session, and no matter of the client's own.
        for id in 1..=3 {
            let mut answer = client.call("greet", json!({}));
            assert!(answer.is_stream(), "{}", answer.head);
            let question = question(&mut answer);
            let schema = json!({
                "type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"],
            });
            let params = json!({
                "mode": "form", "message": "Who are you?", "requestedSchema": schema,
                // By which the client may tell how far the user has come.
                "_meta": {"progressToken": id},
            });
            assert_eq!(question, request(json!(id), "elicitation/create", params));
            client.respond(&question, named("Ann"));
            assert_eq!(text_in(&answer.response()), "Ann");
        }
        let other = fixture.client();
        let mut answer = other.call("greet", json!({}));
        let first = question(&mut answer);
        assert_eq!(first["id"], json!(1));
        other.respond(&first, named("Bob"));
        assert_eq!(answer.text(), "Bob");
        // Nothing of it is on the stream that belongs to no call.
        fixture.handle.notify_tools_list_changed();
        assert_eq!(get.message()["method"], json!("notifications/tools/list_changed"));
    });
}

#[test]
fn a_handler_finds_out_whether_its_client_is_there() {
    for &on in On::AND_INSIDE {
        let fixture = with_deadline(on, Duration::from_millis(300));
        for revision in REVISIONS {
            // Whatever it can be asked: everybody knows ping.
            let client = Client { revision, capabilities: json!({}), ..fixture.stranger() };
            let client = client.begin();
            let mut answer = client.call("ping", json!({}));
            let asked = question(&mut answer);
            assert_eq!((&asked["method"], asked.get("result")), (&json!("ping"), None));
            client.respond(&asked, json!({}));
            assert_eq!(answer.text(), "there", "{revision}");

            let mut answer = client.call("ping", json!({}));
            let asked = question(&mut answer);
            is_given_up(&mut answer, &asked);
            assert_eq!(answer.text(), "timed out", "{revision}");
        }
        fixture.stop();
    }
}

#[test]
fn answers_come_in_any_order() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        let mut answer = client.call("all_at_once", json!({}));
        let mut questions = [(); 3].map(|()| question(&mut answer));
        questions.reverse();
        for question in &questions {
            client.respond(question, answer_to(question["method"].as_str().unwrap()));
        }
        assert_eq!(answer.text(), "Ann Hi! file:///a");
    });
}

#[test]
fn prompts_and_resources_ask_as_well() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        for (method, params, text) in [
            ("prompts/get", json!({"name": "asks"}), "/result/messages/0/content/text"),
            ("resources/read", json!({"uri": "demo://asks"}), "/result/contents/0/text"),
        ] {
            let mut answer = client.request(method, params);
            let question = question(&mut answer);
            client.respond(&question, named("Ann"));
            assert_eq!(answer.response().pointer(text), Some(&json!("Ann")), "{method}");
        }
    });
}

#[test]
fn what_users_and_clients_refuse() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        let ask = |tool: &str, reply: Value| {
            let mut answer = client.call(tool, json!({}));
            let mut reply = reply;
            reply["jsonrpc"] = json!("2.0");
            reply["id"] = question(&mut answer)["id"].clone();
            client.accepted(&reply);
            answer.text()
        };
        assert_eq!(ask("greet", json!({"result": {"action": "decline"}})), "declined");
        assert_eq!(ask("greet", json!({"result": {"action": "cancel"}})), "cancelled");
        for tool in ["greet", "visit", "sample", "roots", "ping"] {
            let error = json!({"code": -1, "message": "User rejected it", "data": {"a": 1}});
            assert_eq!(ask(tool, json!({"error": error})), "refused: -1 User rejected it");
        }
        let error = json!({"code": -32601, "message": "Method not found"});
        assert_eq!(ask("roots", json!({"error": error})), "refused: -32601 Method not found");
        // What does not fit is no answer.
        for result in [json!({}), json!({"action": "agree"}), json!({"roots": []})] {
            assert_eq!(ask("greet", json!({"result": result})), "no answer to name");
        }
        assert_eq!(ask("sample", json!({"result": {"role": "assistant"}})), "no answer to model");
    });
}

#[test]
fn a_client_that_does_not_answer_is_waited_for_so_long() {
    for &on in On::AND_INSIDE {
        let ask = Duration::from_millis(400);
        let fixture = with_deadline(on, ask);
        let client = fixture.client();
        let begun = Instant::now();
        let mut answer = client.call("greet", json!({}));
        let asked = question(&mut answer);
        is_given_up(&mut answer, &asked);
        assert_eq!(answer.text(), "timed out");
        assert!((ask..SOON).contains(&begun.elapsed()), "{on:?}: {:?}", begun.elapsed());
        // It is too late now, and no mistake.
        client.respond(&asked, named("Ann"));
        assert!(client.lives());

        // Who tells of progress has longer.
        let begun = Instant::now();
        let mut answer = client.call("sample", json!({}));
        let asked = question(&mut answer);
        for step in 0..6 {
            std::thread::sleep(ask / 4);
            let progress = json!({"progressToken": asked["id"], "progress": step});
            client.notify("notifications/progress", progress);
        }
        client.respond(&asked, answer_to("sampling/createMessage"));
        assert_eq!(answer.text(), "Hi!");
        assert!(begun.elapsed() > ask, "{:?}", begun.elapsed());
        // That of others does not count.
        let mut answer = client.call("sample", json!({}));
        let asked = question(&mut answer);
        let other = fixture.client();
        let progress = json!({"progressToken": asked["id"], "progress": 1});
        wait_until("the end of the call", || {
            other.notify("notifications/progress", progress.clone());
            let no_token =
                json!({"progressToken": asked["id"].as_u64().unwrap() + 1, "progress": 1});
            client.notify("notifications/progress", no_token);
            fixture.counters.calls_in_flight() == 0
        });
        is_given_up(&mut answer, &asked);
        assert_eq!(answer.text(), "timed out");
        fixture.stop();
    }
}

#[test]
fn a_question_that_is_given_up_is_taken_back() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        for (tool, text) in [("impatient", "too late"), ("leave", "left")] {
            let mut answer = client.call(tool, json!({}));
            let asked = question(&mut answer);
            fixture.gate.open(1);
            is_given_up(&mut answer, &asked);
            assert_eq!(answer.text(), text);
            client.respond(&asked, named("Ann"));
        }
        // One that has been answered is not.
        let mut answer = client.call("impatient", json!({}));
        client.respond(&question(&mut answer), named("Ann"));
        assert_eq!(answer.text(), "Ann");
    });
}

#[test]
fn a_call_that_is_cancelled_asks_no_more() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        let ends: [fn(&Client); 2] = [
            |client| client.notify("notifications/cancelled", json!({"requestId": "c"})),
            |client| assert_eq!(client.delete().status, 204),
        ];
        for end in ends {
            let mut answer = client.post(&tool_call(json!("c"), "greet", json!({})));
            let asked = question(&mut answer);
            assert!(client.lives());
            end(&client);
            fixture.has_calls(0);
            // Whether the question is taken back is another matter.
            let rest = answer.messages();
            assert!(!rest.iter().any(is_response), "{rest:#?}");
            let late = json!({"jsonrpc": "2.0", "id": asked["id"], "result": named("Ann")});
            assert!([202, 404].contains(&client.post(&late).status));
        }
    });
}

#[test]
fn the_questions_of_a_call_that_is_cancelled_are_taken_back() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        let mut answer = client.post(&tool_call(json!("c"), "greet", json!({})));
        let asked = question(&mut answer);
        client.notify("notifications/cancelled", json!({"requestId": "c"}));
        is_given_up(&mut answer, &asked);
        answer.ended();
    });
}

#[test]
fn clients_are_not_asked_what_they_cannot_be_asked() {
    on_all_runtimes(|fixture| {
        for (tool, capabilities) in [
            ("greet", json!({})),
            ("greet", json!({"elicitation": {"url": {}}})),
            ("greet", json!({"sampling": {}, "roots": {}})),
            ("visit", json!({"elicitation": {}})),
            ("visit", json!({"elicitation": {"form": {}}})),
            ("sample", json!({"elicitation": {}, "roots": {}})),
            ("roots", json!({"elicitation": {}, "sampling": {}})),
            ("greet", json!({"elicitation": 7})),
        ] {
            let client = Client { capabilities, ..fixture.stranger() }.begin();
            let begun = Instant::now();
            let messages = client.call(tool, json!({})).messages();
            assert!(begun.elapsed() < SOON, "{tool}: after {:?}", begun.elapsed());
            // No question, and an error that says why.
            assert_eq!(messages.len(), 1, "{messages:#?}");
            let message = messages[0]["error"]["message"].as_str().unwrap();
            assert!(message.contains("missing client capability"), "{tool}: {message}");
            assert!(client.lives());
        }
        // What was there before the modes is that of forms.
        for capabilities in [json!({"elicitation": {}}), json!({"elicitation": {"form": {}}})] {
            let client = Client { capabilities, ..fixture.stranger() }.begin();
            let mut answer = client.call("greet", json!({}));
            client.respond(&question(&mut answer), named("Ann"));
            assert_eq!(answer.text(), "Ann");
        }
    });
}

#[test]
fn older_clients_are_asked_in_their_own_words() {
    on_all_runtimes(|fixture| {
        let revision = Revision::V2025_06_18;
        let capabilities = json!({"elicitation": {}, "sampling": {}, "roots": {}});
        let client = Client { revision, capabilities, ..fixture.stranger() }.begin();
        let mut answer = client.call("all_at_once", json!({}));
        for _ in 0..3 {
            let question = question(&mut answer);
            client.respond(&question, answer_to(question["method"].as_str().unwrap()));
        }
        assert_eq!(answer.text(), "Ann Hi! file:///a");
        let revision = Revision::V2025_03_26;
        let capabilities = json!({"sampling": {}, "roots": {"listChanged": true}});
        let client = Client { revision, capabilities, ..fixture.stranger() }.begin();
        for (tool, text) in [("sample", "Hi!"), ("roots", "file:///a")] {
            let mut answer = client.call(tool, json!({}));
            let question = question(&mut answer);
            client.respond(&question, answer_to(question["method"].as_str().unwrap()));
            assert_eq!(answer.text(), text);
        }
    });
}

#[test]
fn where_nobody_can_be_asked_that_is_known_at_once() {
    for &on in On::AND_INSIDE {
        let mut pieces: Vec<(Fixture, Option<&'static str>)> = vec![
            (Fixture::start(on, |gate| server(gate).response_mode(ResponseMode::Json)), None),
            (Fixture::start(on, |gate| server(gate).stateless()), None),
            (Fixture::start(on, server), Some("application/json")),
            (Fixture::start(on, server), None),
        ];
        for (nth, (fixture, accept)) in pieces.drain(..).enumerate() {
            let mut client = fixture.stranger();
            client.accept = accept.unwrap_or(client.accept);
            if nth != 1 && nth != 3 {
                client = client.begin();
            }
            for tool in ["greet", "visit", "sample", "roots", "all_at_once", "ping"] {
                let begun = Instant::now();
                let messages = client.call(tool, json!({})).messages();
                assert!(begun.elapsed() < SOON, "{nth} {tool}: after {:?}", begun.elapsed());
                assert_eq!(messages.len(), 1, "{nth} {tool}: {messages:#?}");
                let error = &messages[0]["error"];
                assert_eq!(error["code"], json!(-32603), "{nth} {tool}: {error}");
            }
            fixture.stop();
        }
    }
}

#[test]
fn only_the_client_that_was_asked_can_answer_and_only_once() {
    on_all_runtimes(|fixture| {
        let (client, other) = (fixture.client(), fixture.client());
        // Both are asked under the same id.
        let mut answer = client.call("one_by_one", json!({}));
        let mut others = other.call("greet", json!({}));
        let first = question(&mut answer);
        let asked = question(&mut others);
        assert_eq!(first["id"], asked["id"]);
        // Answers to what was never asked, or under other names for it.
        let id = first["id"].as_u64().unwrap();
        for id in [json!(id.to_string()), json!(id + 1), json!(0), json!(-1), json!("")] {
            client.respond(&json!({"id": id}), named("Eve"));
        }
        // The same from whoever has no session, or another.
        fixture.stranger().respond(&first, named("Eve"));
        fixture.client().respond(&first, named("Eve"));
        other.respond(&asked, named("Bob"));
        assert_eq!(others.text(), "Bob");

        client.respond(&first, named("Ann"));
        client.respond(&first, named("Eve"));
        let last = question(&mut answer);
        assert_ne!(last["id"], first["id"]);
        client.respond(&first, named("Eve"));
        client.respond(&last, named("Lee"));
        client.respond(&last, named("Eve"));
        assert_eq!(answer.text(), "Ann Lee 7");
        client.respond(&last, named("Eve"));
        assert!(client.lives() && other.lives());
    });
}

#[test]
fn a_thief_of_the_id_alone_cannot_answer() {
    on_all_runtimes(|fixture| {
        let client = fixture.stranger().authorized("ann").begin();
        let mut answer = client.call("greet", json!({}));
        let asked = question(&mut answer);
        let thief = client.clone().authorized("eve");
        let stolen = json!({"jsonrpc": "2.0", "id": asked["id"], "result": named("Eve")});
        assert_eq!(thief.post(&stolen).refusal(), (404, -32600));
        client.respond(&asked, named("Ann"));
        assert_eq!(answer.text(), "Ann");
    });
}

#[test]
fn a_client_that_was_cut_off_is_still_asked() {
    on_all_runtimes(|fixture| {
        for how in HangUp::BOTH {
            let client = fixture.client();
            // Before it has read the question, and after.
            for has_read in [false, true] {
                let mut answer = client.call("one_by_one", json!({}));
                answer.primed();
                let begin = answer.last_id().to_owned();
                let first = question(&mut answer);
                let last_id = if has_read { answer.last_id().to_owned() } else { begin };
                answer.hang_up(how);
                wait_until("its connection", || fixture.counters.open_connections() == 0);
                if has_read {
                    // The answer needs no stream.
                    client.respond(&first, named("Ann"));
                }
                let mut answer = client.resume(&last_id);
                if !has_read {
                    assert_eq!(question(&mut answer), first, "the question as it was");
                    client.respond(&first, named("Ann"));
                }
                let last = question(&mut answer);
                client.respond(&last, named("Lee"));
                assert_eq!(answer.text(), "Ann Lee 7");
            }
        }
    });
}

#[test]
fn a_question_waits_for_no_deadline_but_its_own() {
    for &on in On::AND_INSIDE {
        let keep_alive = Duration::from_millis(100);
        let fixture = Fixture::start_with(on, server, |endpoints| {
            endpoints
                .deadlines(Deadlines { keep_alive, ..Deadlines::default() })
                .hub_deadlines(HubDeadlines { session_idle: keep_alive, ..HubDeadlines::default() })
        });
        let client = fixture.client();
        let mut answer = client.call("greet", json!({}));
        let asked = question(&mut answer);
        // People think for longer than connections are silent and sessions idle.
        for _ in 0..5 {
            assert_eq!(answer.piece(), crate::common::session::Piece::Comment);
        }
        client.respond(&asked, named("Ann"));
        assert_eq!(answer.text(), "Ann");
        fixture.stop();
    }
}
