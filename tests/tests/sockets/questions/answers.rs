//! Who can be asked what, and which answers are taken.

use super::*;

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
fn other_requests_cannot_ask() {
    on_all_runtimes(|fixture| {
        let reference = json!({"type": "ref/prompt", "name": "asks"});
        let argument = json!({"name": "name", "value": ""});
        let params = json!({"ref": reference, "argument": argument});
        let response = fixture.send(&capable("completion/complete", params));
        // The handler learns of it, and may do without.
        let values = &response.answer()["result"]["completion"]["values"];
        assert!(values[0].as_str().unwrap().starts_with("the client cannot be asked"), "{values}");
    });
}

#[test]
fn clients_of_2025_are_not_kept_waiting() {
    for mode in [ResponseMode::Json, ResponseMode::EventStream, ResponseMode::Auto] {
        for &on in On::AND_INSIDE {
            let fixture = Fixture::start_with(on, |server| server.response_mode(mode));
            for tool in ["greet", "order", "all_at_once", "boxed", "report"] {
                let params = json!({"name": tool, "arguments": {}, "_meta": {"progressToken": 1}});
                let response = fixture.send(&Request::new(Wire::Legacy, "tools/call", params));
                assert_eq!(response.status, 200);
                assert_error(&response, -32603, "that takes a session and an event stream");
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
