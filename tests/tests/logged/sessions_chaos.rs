//! Many clients do all that can be done with sessions, at the same time and to the same ones. Whatever
//! comes of it, everybody is answered, and nothing is left in the end.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::common::On;
use crate::common::client::HangUp;
use crate::common::fixture::{Fixture, Gate};
use crate::common::log::Log;
use crate::common::random::Random;
use crate::common::session::{Answer, Client, is_response, request, text_in, tool_call};
use mcp_smol::{AskError, Context, Elicited, HubLimits, LogLevel, Resource, Server};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

const THREADS: usize = 8;
const SESSIONS: usize = 3;
const STEPS: usize = 150;

#[derive(Debug, Deserialize, JsonSchema)]
struct Name {
    name: String,
}

async fn greet(ctx: Context) -> Result<String, AskError> {
    ctx.progress(1.0).await;
    match ctx.elicit::<Name>("name", "Who are you?").await? {
        Elicited::Accepted(Name { name }) => Ok(name),
        other => Ok(format!("{other:?}")),
    }
}

async fn count(ctx: Context) -> &'static str {
    for step in 1..20 {
        ctx.progress(f64::from(step)).await;
        if step == 10 {
            ctx.log(LogLevel::Info, "halfway").await;
            ctx.release_connection();
        }
    }
    "counted"
}

fn server(_: &Gate) -> Server {
    Server::new("chaos", "1.0.0")
        .logging()
        .resource(Resource::new("a:", "a"), || "A")
        .tool("hello", "Says hello", || "hello")
        .tool("greet", "Asks for a name", greet)
        .tool("count", "Counts, and does without its connection halfway", count)
}

/// The sessions that all threads use. Any of them may have ended.
struct Sessions {
    used: Mutex<[Client; SESSIONS]>,
    /// Two threads may have filled the same place.
    all: Mutex<Vec<Client>>,
}

impl Sessions {
    fn at(&self, index: usize) -> Client {
        lock(&self.used)[index].clone()
    }

    fn replace(&self, index: usize, client: &Client) {
        lock(&self.all).push(client.clone());
        lock(&self.used)[index] = client.clone();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer of a session, unless that has ended meanwhile.
fn living(answer: Answer) -> Option<Answer> {
    match answer.status {
        200 | 202 | 204 => Some(answer),
        404 => None,
        _ => panic!("{}", answer.head),
    }
}

/// A client with a session, if there is room for another. It may be gone at once: others need room,
/// too.
fn begin(fixture: &Fixture) -> Option<Client> {
    let stranger = fixture.stranger();
    let answer = stranger.post(&stranger.introduction());
    if answer.status == 503 {
        return None;
    }
    let session = answer.field("mcp-session-id").map(str::to_owned);
    let client = Client { session, ..stranger };
    let params = json!({});
    living(client.post(&crate::common::session::notification("notifications/initialized", params)));
    Some(client)
}

/// Reads some events, answers questions, and perhaps goes away and comes back. Whoever else is in
/// the session may end it, or take the stream.
fn read_on(random: &mut Random, client: &Client, mut answer: Answer) {
    let mut last_id = None;
    for _ in 0..10 {
        let mut is_over = false;
        while let Some(event) = answer.event() {
            last_id = Some(event.id);
            let Some(message) = event.message else { continue };
            is_over |= is_response(&message);
            if message["method"] == json!("elicitation/create") && random.below(2) == 0 {
                let result = json!({"action": "accept", "content": {"name": "Ann"}});
                let response = json!({"jsonrpc": "2.0", "id": message["id"], "result": result});
                living(client.post(&response));
            } else if message["method"] == json!("elicitation/create") {
                cancel(client, &json!(1));
                // Where that was ambiguous, somebody has to end it.
                living(client.post(&json!({
                    "jsonrpc": "2.0", "id": message["id"], "error": {"code": 1, "message": "no"},
                })));
            }
            if random.below(10) == 0 {
                break;
            }
        }
        answer.hang_up(HangUp::BOTH[random.below(2)]);
        let Some(id) = last_id.as_ref().filter(|_| !is_over) else {
            return;
        };
        answer = client.resume(id);
        if answer.status != 200 {
            assert!([400, 404].contains(&answer.status), "{}", answer.head);
            return;
        }
    }
}

fn cancel(client: &Client, id: &Value) {
    let params = json!({"requestId": id});
    living(client.post(&crate::common::session::notification("notifications/cancelled", params)));
}

/// Does something.
fn step(random: &mut Random, fixture: &Fixture, sessions: &Sessions) {
    let index = random.below(SESSIONS);
    let client = sessions.at(index);
    match random.below(12) {
        0 => {
            living(client.delete());
            if let Some(client) = begin(fixture) {
                sessions.replace(index, &client);
            }
        }
        1 | 2 => {
            // None if somebody has cancelled it, or ended the session.
            let answer = living(client.call("hello", json!({})));
            if let Some(response) = answer.and_then(|answer| answer.messages().pop()) {
                assert_eq!(text_in(&response), "hello");
            }
        }
        3..=5 => {
            let tool = ["count", "greet"][random.below(2)];
            let answer = client.post(&tool_call(json!(1), tool, json!({})));
            if let Some(answer) = living(answer).filter(Answer::is_stream) {
                read_on(random, &client, answer);
            }
        }
        6 => {
            // Nobody will ever answer what the one asks.
            let tool = ["count", "greet"][random.below(2)];
            let underway = client.send(&tool_call(json!("left"), tool, json!({})));
            underway.hang_up(HangUp::BOTH[random.below(2)]);
        }
        7 => cancel(&client, &json!(1)),
        8 => {
            let method = ["resources/subscribe", "resources/unsubscribe"][random.below(2)];
            living(client.post(&request(json!(1), method, json!({"uri": "a:"}))));
        }
        9 => {
            if let Some(mut stream) = living(client.get()) {
                stream.primed();
                stream.hang_up(HangUp::BOTH[random.below(2)]);
            }
        }
        10 => {
            fixture.handle.notify_tools_list_changed();
            fixture.handle.notify_resource_updated("a:");
        }
        _ => {
            living(client.post(&request(json!(1), "logging/setLevel", json!({"level": "info"}))));
        }
    }
}

#[test]
fn nothing_is_left_of_any_of_it() {
    let log = Log::capture();
    for &on in On::ALL {
        // There is not room for all that begin.
        let limits = HubLimits { sessions: 3 * SESSIONS, streams: 4, ..HubLimits::default() };
        let fixture = Fixture::start_with(on, server, |endpoints| endpoints.hub_limits(limits));
        log.clear();
        let first = [(); SESSIONS].map(|()| fixture.client());
        let all = Mutex::new(first.to_vec());
        let sessions = Sessions { used: Mutex::new(first), all };
        std::thread::scope(|scope| {
            for seed in 0..THREADS as u64 {
                let (fixture, sessions) = (&fixture, &sessions);
                scope.spawn(move || {
                    let mut random = Random(seed);
                    (0..STEPS).for_each(|_| step(&mut random, fixture, sessions));
                });
            }
        });
        let all = lock(&sessions.all);
        all.iter().for_each(|client| drop(living(client.delete())));
        assert_eq!(fixture.counters.open_sessions(), 0, "{on:?}: of {}", all.len());
        fixture.has_streams(0);
        fixture.has_calls(0);
        crate::common::wait_until("the connections", || fixture.counters.open_connections() == 0);
        assert!(fixture.client().lives());
        assert_eq!(log.errors(), 0, "{:#?}", log.excerpt());
        fixture.stop();
    }
}
