//! What a handler knows already travels with the client, sealed.

use super::*;

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
    for &on in On::AND_INSIDE {
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

/// Whoever was let in is who it is, whatever else would say so.
#[test]
fn the_authorizer_says_who_is_who() {
    let fixture = Fixture::start_with(On::Smol, |server| {
        let server = server.principal(|_| Some("everybody".to_owned()));
        server.authorizer(|head: Head| async move {
            let token = head.bearer_token()?;
            Ok(Principal::new(token.split('-').next().unwrap_or_default()))
        })
    });
    let by = |token: &str, state: &Value| {
        let fields = format!("Authorization: Bearer {token}\r\n");
        fixture.send_with(&call("order", json!({"requestState": state})), &fields)
    };
    let state = state(&by("ann-1", &json!(null)));
    asked(&by("ann-2", &state));
    assert_invalid(&by("bob-1", &state), "`requestState` is not what this server gave");
    fixture.stop();
}

#[test]
fn a_caller_who_cannot_be_told_ends_one_call_only() {
    for &on in On::AND_INSIDE {
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
