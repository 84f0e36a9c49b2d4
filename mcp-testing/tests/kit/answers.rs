//! What a server answers, tells and asks.

use super::*;

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
