//! How sessions begin, and what is of a session.

use super::*;

#[test]
fn initialize_makes_an_id_that_nobody_guesses() {
    on_all_runtimes(|fixture| {
        let mut ids = BTreeSet::new();
        for revision in REVISIONS.repeat(10) {
            let client = Client { revision, ..fixture.stranger() };
            let answer = client.post(&client.introduction());
            assert_eq!(answer.status, 200);
            assert_eq!(answer.field("content-type"), Some("application/json"));
            let id = answer.field("mcp-session-id").unwrap().to_owned();
            let is_lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            assert!(id.len() == 32 && id.bytes().all(is_lower_hex), "{id}");
            assert_eq!(answer.result()["protocolVersion"], json!(revision.as_str()));
            assert!(ids.insert(id));
            assert_eq!(fixture.counters.open_sessions(), ids.len());
        }
    });
}

#[test]
fn calls_know_their_session() {
    on_all_runtimes(|fixture| {
        for revision in REVISIONS {
            let client = Client { revision, ..fixture.stranger() }.begin();
            let expected = format!("{revision} of {:?}", client.session);
            for _ in 0..3 {
                assert_eq!(client.call("who", json!({})).text(), expected);
            }
            // Nor is the session that of a connection, or of whoever else calls.
            assert_eq!(fixture.stranger().call("who", json!({})).text(), "2025-11-25 of None");
        }
        // A client of today that still sends an id has no session for it.
        let modern = ToolCall::new(Wire::Modern, "who", json!({}));
        let text = String::from_utf8(modern.sized()).unwrap();
        for id in ["0".repeat(32), fixture.client().session.unwrap()] {
            let bytes = text.replacen("\r\n", &format!("\r\nMcp-Session-Id: {id}\r\n"), 1);
            let mut client = fixture.stranger();
            client.revision = Revision::V2026_07_28;
            let answer = client.send_bytes(bytes.as_bytes()).answer();
            assert_eq!(answer.status, 200);
        }
    });
}

#[test]
fn the_revision_is_that_of_the_session() {
    on_all_runtimes(|fixture| {
        for revision in REVISIONS {
            let client = Client { revision, ..fixture.stranger() }.begin();
            for named in REVISIONS {
                let client = Client { revision: named, ..client.clone() };
                let text = client.call("who", json!({})).text();
                assert!(text.starts_with(revision.as_str()), "{named} for {text}");
            }
        }
    });
}

#[test]
fn capabilities_are_those_of_sessions() {
    on_all_runtimes(|fixture| {
        for revision in REVISIONS {
            let client = Client { revision, ..fixture.stranger() };
            let capabilities = client.post(&client.introduction()).result()["capabilities"].take();
            for (kind, capability) in [
                ("tools", json!({"listChanged": true})),
                ("prompts", json!({"listChanged": true})),
                ("resources", json!({"listChanged": true, "subscribe": true})),
                ("logging", json!({})),
            ] {
                assert_eq!(capabilities[kind], capability, "{revision}: {capabilities}");
            }
        }
    });
}

#[test]
fn requests_need_not_wait_until_the_client_is_ready() {
    on_all_runtimes(|fixture| {
        let client = fixture.stranger().introduced();
        assert!(client.lives());
        assert!(client.call("who", json!({})).text().starts_with("2025-11-25"));
        // Told twice, it is still ready.
        client.notify("notifications/initialized", json!({}));
        client.notify("notifications/initialized", json!({}));
        assert!(client.lives());
    });
}

#[test]
fn who_has_no_session_is_served_without() {
    on_all_runtimes(|fixture| {
        for revision in REVISIONS {
            let client = Client { revision, ..fixture.stranger() };
            assert!(client.lives());
            assert!(client.call("who", json!({})).text().ends_with("None"));
            client.notify("notifications/initialized", json!({}));
            client.accepted(&json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
            for (method, params) in [
                ("logging/setLevel", json!({"level": "error"})),
                ("resources/subscribe", json!({"uri": "a:"})),
                ("resources/unsubscribe", json!({"uri": "a:"})),
            ] {
                assert_eq!(client.request(method, params).error()["code"], json!(-32601));
            }
        }
        assert_eq!(fixture.counters.open_sessions(), 0);
    });
}

#[test]
fn a_second_initialize_changes_nothing() {
    on_all_runtimes(|fixture| {
        let client = fixture.client();
        let second =
            Client { revision: Revision::V2025_03_26, capabilities: json!({}), ..client.clone() };
        let answer = second.post(&second.introduction());
        assert_eq!(answer.field("mcp-session-id"), None);
        assert_eq!(answer.refusal(), (400, -32600));
        assert_eq!(fixture.counters.open_sessions(), 1);
        // Revision and capabilities are what they were: the client can still be asked.
        assert!(client.call("who", json!({})).text().starts_with("2025-11-25"));
        let mut greeting = client.call("greet", json!({}));
        let question = greeting.message();
        assert_eq!(question["method"], json!("elicitation/create"), "{question}");
        client.respond(&question, json!({"action": "accept", "content": {"name": "Ann"}}));
        assert_eq!(greeting.text(), "Ann");

        client.delete();
        let answer = client.post(&client.introduction());
        assert_eq!(answer.field("mcp-session-id"), None);
        assert_eq!(answer.refusal(), (404, -32600));
        assert_eq!(fixture.counters.open_sessions(), 0);
    });
}

#[test]
fn what_cannot_be_negotiated_makes_no_session() {
    on_all_runtimes(|fixture| {
        let client = fixture.stranger();
        for params in [json!({}), json!([]), Value::Null, json!({"protocolVersion": 7})] {
            let answer = client.request("initialize", params.clone());
            assert_eq!(answer.field("mcp-session-id"), None, "{params}");
            assert!(answer.error()["code"].is_i64());
        }
        assert_eq!(fixture.counters.open_sessions(), 0);
        // A version that is not served is no fault: the latest is offered instead.
        for version in ["2024-11-05", "2026-07-28", "", "next"] {
            let params = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {}});
            let answer = client.request("initialize", params);
            assert!(answer.field("mcp-session-id").is_some(), "{version}");
            assert_eq!(answer.result()["protocolVersion"], json!("2025-11-25"));
        }
        assert_eq!(fixture.counters.open_sessions(), 4);
    });
}

#[test]
fn levels_of_logging_are_those_of_the_session() {
    on_all_runtimes(|fixture| {
        let (client, other) = (fixture.client(), fixture.client());
        let levels = |client: &Client| -> Vec<Value> {
            let messages = client.call("log", json!({})).messages();
            let logged = messages.iter().filter(|it| it["method"] == "notifications/message");
            logged.map(|message| message["params"]["level"].clone()).collect()
        };
        assert_eq!(levels(&client), ["info", "error"]);
        for (level, expected) in [
            ("error", &["error"][..]),
            ("debug", &["debug", "info", "error"]),
            ("emergency", &[]),
            ("notice", &["error"]),
        ] {
            let result = client.request("logging/setLevel", json!({"level": level})).result();
            assert_eq!(result, json!({}));
            assert_eq!(levels(&client), *expected, "{level}");
            assert_eq!(levels(&other), ["info", "error"]);
        }
        for params in [json!({"level": "loud"}), json!({"level": 3}), json!({})] {
            let error = client.request("logging/setLevel", params.clone()).error();
            assert_eq!(error["code"], json!(-32602), "{params}");
        }
        assert_eq!(levels(&client), ["error"]);
    });
}

#[test]
fn what_a_server_has_not_declared_is_not_found() {
    for &on in On::AND_INSIDE {
        let server = Server::new("bare", "1.0.0").tool("hello", "Says hello", || "hello");
        let running = on.serve(Endpoints::new().mount("/mcp", server));
        let stranger = Client::new(running.address);
        let capabilities = stranger.post(&stranger.introduction()).result()["capabilities"].take();
        assert_eq!(capabilities, json!({"tools": {}}));
        let client = stranger.begin();
        for (method, params) in [
            ("logging/setLevel", json!({"level": "error"})),
            ("resources/subscribe", json!({"uri": "a:"})),
            ("resources/unsubscribe", json!({"uri": "a:"})),
        ] {
            assert_eq!(client.request(method, params).error()["code"], json!(-32601), "{method}");
        }
        assert!(client.lives());
        running.stop().unwrap();
    }
}

#[test]
fn stateless_servers_keep_no_sessions() {
    for &on in On::AND_INSIDE {
        let fixture = Fixture::start(on, |gate| server(gate).stateless());
        for revision in REVISIONS {
            let client = Client { revision, ..fixture.stranger() };
            let answer = client.post(&client.introduction());
            assert_eq!((answer.status, answer.field("mcp-session-id")), (200, None));
            let result = answer.result();
            assert_eq!(result["protocolVersion"], json!(revision.as_str()));
            // Nothing that would need one.
            let capabilities = &result["capabilities"];
            assert_eq!(capabilities.get("logging"), None, "{capabilities}");
            assert_eq!(capabilities["tools"], json!({}), "{capabilities}");
            assert_eq!(capabilities["resources"], json!({}), "{capabilities}");
            client.notify("notifications/initialized", json!({}));
            assert!(client.call("who", json!({})).text().ends_with("None"));
            for (method, params) in [
                ("logging/setLevel", json!({"level": "error"})),
                ("resources/subscribe", json!({"uri": "a:"})),
            ] {
                assert_eq!(client.request(method, params).error()["code"], json!(-32601));
            }
            for answer in [client.get(), client.delete()] {
                assert_eq!(answer.status, 405);
                assert!(answer.field("allow").unwrap().contains("POST"), "{}", answer.head);
            }
        }
        assert_eq!(fixture.counters.open_sessions(), 0);
        fixture.stop();
    }
}

#[test]
fn a_server_may_refuse_to_begin_a_session() {
    for &on in On::AND_INSIDE {
        let asked = Arc::new(AtomicUsize::new(0));
        let hook = {
            let asked = asked.clone();
            move |ctx: Context| {
                asked.fetch_add(1, Ordering::SeqCst);
                async move {
                    match ctx.header("x-tenant") {
                        Some("blocked") => Err("this tenant is blocked"),
                        _ => Ok(()),
                    }
                }
            }
        };
        let fixture = Fixture::start(on, |gate| server(gate).on_initialize(hook));
        let blocked = Client { fields: "X-Tenant: blocked\r\n".into(), ..fixture.stranger() };
        let answer = blocked.post(&blocked.introduction());
        assert_eq!(answer.field("mcp-session-id"), None);
        let error = answer.error();
        assert!(error["message"].as_str().unwrap().contains("this tenant is blocked"), "{error}");
        assert_eq!(fixture.counters.open_sessions(), 0);
        let client = fixture.client();
        assert!(client.lives());
        // The hook is asked once for each session, and not of what comes to nothing anyway.
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        client.post(&client.introduction());
        client.request("initialize", json!({}));
        fixture.stranger().request("initialize", json!({}));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        assert_eq!(fixture.counters.open_sessions(), 1);
        fixture.stop();
    }
}

#[test]
fn who_leaves_before_the_answer_leaves_no_session() {
    for &on in On::AND_INSIDE {
        let gate = Gate::default();
        // Two here, and one with each hook that runs.
        let running = Arc::new(());
        let hook = {
            let (gate, running) = (gate.clone(), running.clone());
            move |_: Context| {
                let (gate, running) = (gate.clone(), running.clone());
                async move {
                    gate.pass().await;
                    drop(running);
                    Ok::<_, String>(())
                }
            }
        };
        let fixture = Fixture::start(on, |gate| server(gate).on_initialize(hook));
        for how in HangUp::BOTH {
            let stranger = fixture.stranger();
            let underway = stranger.send(&stranger.introduction());
            wait_until("the hook", || Arc::strong_count(&running) == 3);
            underway.hang_up(how);
            wait_until("its connection", || fixture.counters.open_connections() == 0);
            gate.open(1);
            wait_until("the end of the hook", || Arc::strong_count(&running) == 2);
            fixture.has_sessions(0);
            gate.shut();
        }
        gate.open(1);
        assert!(fixture.client().lives());
        fixture.stop();
    }
}
