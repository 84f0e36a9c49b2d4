//! Law 7: responses leave in request order (pipelining), each on its own exchange only.

use super::exchanges::Exchanges;
use crate::application::answer_to;
use crate::http::Response;
use crate::messages::{self, Ending};
use crate::script::{Script, Step, With};
use crate::sent::{Kind, Message, Sent};
use crate::simulation::{Manners, Simulation};

/// Checks law 7: with nothing in the way, every request gets its own answer.
pub fn check(script: &Script) {
    let mut script = script.clone();
    script.steps.retain(|step| match step {
        Step::Reply(_, with) => !matches!(with, With::Refusal | With::Silence),
        step => matches!(step, Step::Feed(_) | Step::Notify(..)),
    });
    for manners in [Manners::PUSHY, Manners::POLITE] {
        check_with(&script, manners);
    }
}

fn check_with(script: &Script, manners: Manners) {
    let exchanges = play(script, manners).0;
    for (response, request) in exchanges.pairs() {
        check_pair(response, request);
    }
    // What is behind a request that closes the connection is not served.
    let responses = &exchanges.responses.finals;
    if !responses.iter().any(Response::closes) {
        let is_complete = |request: &&Sent| request.end.is_some();
        let complete = exchanges.requests.iter().filter(is_complete).count();
        assert!(responses.len() >= complete, "{} of {complete} answered", responses.len());
    }
}

/// Checks law 7 on calls that nothing stands in the way of: each has a result.
pub fn check_calls(script: &Script) {
    for manners in [Manners::PUSHY, Manners::POLITE] {
        let (exchanges, fed) = play(script, manners);
        assert_eq!(fed, script.stream.len(), "it reads no more");
        assert_eq!(exchanges.responses.finals.len(), exchanges.requests.len());
        for (response, request) in exchanges.pairs() {
            let ending = messages::check(response, request);
            assert!(matches!(ending, Ending::Result(_)), "{ending:?} for {request:?}");
            check_pair(response, request);
        }
    }
}

/// Plays a script, replies to all, and says how many bytes were read.
fn play(script: &Script, manners: Manners) -> (Exchanges, usize) {
    let mut simulation = Simulation::new(script, manners, |_| {});
    simulation.play();
    simulation.reply_to_all();
    let trace = simulation.into_trace();
    let fed = trace.turns.last().map_or(0, |turn| turn.fed);
    (Exchanges::read(&trace.turns, &trace.emitted, script, fed), fed)
}

/// Checks that a response is the answer to that request and to no other.
fn check_pair(response: &Response, request: &Sent) {
    let message = request.message().unwrap_or_default();
    if request.method != "POST" || cancels_itself(request) {
        return;
    }
    if response.status == 202 {
        assert!(request.end.is_some());
        let mut messages = request.batch().unwrap_or_else(|| vec![message]).into_iter();
        assert!(messages.all(|message| message.kind == Kind::Silent), "{request:?} has no answer");
        return;
    }
    let ending = messages::check(response, request);
    assert_ne!(ending, Ending::Open, "a call was replied to and its stream has no end");
    assert!(request.end.is_some() || matches!(ending, Ending::Error(_) | Ending::Empty));
    match ending {
        Ending::Result(result) => check_result(&result, &message),
        Ending::Batch(endings) => {
            let members = request.batch().unwrap_or_default();
            for (at, ending) in endings {
                if let (Some(at), Ending::Result(result)) = (at, ending) {
                    check_result(&result, &members[at]);
                }
            }
        }
        Ending::Open | Ending::Empty | Ending::Error(_) => {}
    }
}

/// Whether it is a batch that takes back what is in it.
fn cancels_itself(request: &Sent) -> bool {
    let is_cancelled = |message: &Message| message.method == "notifications/cancelled";
    request.session.is_some() && request.batch().unwrap_or_default().iter().any(is_cancelled)
}

/// Checks that a result is of what was asked.
fn check_result(result: &str, message: &Message) {
    match &*message.method {
        "tools/call" | "prompts/get" | "resources/read" | "completion/complete" => {
            let name = message.name.as_deref().unwrap_or_default();
            let arguments = message.arguments.as_deref().filter(|json| *json != "null");
            let answer = answer_to(name, arguments.unwrap_or("{}"));
            let json = serde_json::to_string(&answer).expect("a string");
            // The structured answers carry it in JSON within JSON.
            let nested = serde_json::to_string(&json).expect("a string");
            let nested = &nested[1..nested.len() - 1];
            assert!(result.contains(&json) || result.contains(nested), "{result} for {answer}");
        }
        "tools/list" => assert!(result.contains("\"tools\"")),
        "prompts/list" => assert!(result.contains("\"prompts\"")),
        "resources/list" => assert!(result.contains("\"resources\"")),
        "resources/templates/list" => assert!(result.contains("\"resourceTemplates\"")),
        "laws/get" | "laws/count" => assert!(result.contains("\"text\"")),
        "subscriptions/listen" => assert!(result.contains("subscriptionId")),
        "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe" => {
            assert_eq!(result, "{}");
        }
        "initialize" => assert!(result.contains("\"protocolVersion\"")),
        "server/discover" => assert!(result.contains("\"supportedVersions\"")),
        other => panic!("a result for {other:?}"),
    }
}
