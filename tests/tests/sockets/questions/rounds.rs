//! A call in several rounds, each with questions until there are none left.

use super::*;
use crate::common::client::field;

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
            assert_eq!(field(&response.head, "content-type"), Some(kind), "{response:?}");
            assert!(asked(&response)["name"].is_object());
        }
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
