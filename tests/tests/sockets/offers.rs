//! Prompts, resources, completion, log messages and pages, over real sockets.

use std::io::{BufReader, Write};
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::common::client::{Request, Response, Wire, connect};
use crate::common::{On, Running};
use mcp_smol::{
    BoxError, CacheScope, Caching, CallToolResult, Completion, Content, Context, Endpoints, Icon,
    LogLevel, PromptMessage, ReadResourceResult, Resource, ResourceContents, RpcError, Server,
    prompt, resource_template,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema)]
struct Review {
    /// What to look at.
    code: String,
    tone: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Count {
    from: u32,
}

#[derive(Deserialize)]
struct Order {
    number: u32,
    part: Option<String>,
}

fn server() -> Server {
    let text = Resource::new("demo://text", "text").description("Text").mime_type("text/plain");
    Server::new("offers", "1.0.0")
        .logging()
        .add(
            prompt("review", "Reviews code", |args: Review| {
                let tone = args.tone.unwrap_or_else(|| "kind".into());
                vec![
                    PromptMessage::user(Content::text(args.code)),
                    PromptMessage::assistant(Content::text(tone)),
                ]
            })
            .complete("tone", |typed: Completion| async move {
                (0..150).map(|n| format!("{}{n}", typed.value)).collect::<Vec<_>>()
            }),
        )
        .prompt("counts", "Counts", |args: Count| format!("{}", args.from + 1))
        .prompt("fails", "Fails", || async { Err::<String, _>("out of prompts") })
        .resource(text, || "a text")
        .resource(Resource::new("demo://bytes", "bytes"), || vec![1_u8, 2, 3])
        .add(
            resource_template(
                "demo://orders/{number}{?part}".parse().expect("a template"),
                "order",
                |template| template.mime_type("application/json"),
                |order: Order| async move {
                    match order.number {
                        0 => Err(BoxError::from("there is no order 0")),
                        404 => Err(RpcError::resource_not_found("demo://orders/404").into()),
                        number => Ok(json!({"number": number, "part": order.part}).to_string()),
                    }
                },
            )
            .complete("part", |_: Completion| vec!["lid"]),
        )
        .tool("log", "Logs at every level", |ctx: Context| async move {
            ctx.log(LogLevel::Debug, "fine").await;
            ctx.log(LogLevel::Warning, json!({"disk": 0.93})).await;
            ctx.log(LogLevel::Emergency, "on fire").await;
            "logged"
        })
}

struct Fixture {
    running: Running,
    wire: Wire,
}

impl Fixture {
    fn answer(&self, method: &'static str, params: Value) -> Value {
        Request::new(self.wire, method, params).send(self.running.address).answer()
    }

    fn result(&self, method: &'static str, params: Value) -> Value {
        let answer = self.answer(method, params);
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    /// Code, and whether the message has the text.
    fn error(&self, method: &'static str, params: Value, text: &str) -> i64 {
        let answer = self.answer(method, params);
        let message = answer["error"]["message"].as_str().unwrap_or_else(|| panic!("{answer}"));
        assert!(message.contains(text), "{message}");
        answer["error"]["code"].as_i64().unwrap()
    }
}

fn on_both_wires(test: impl Fn(&Fixture)) {
    for wire in [Wire::Modern, Wire::Legacy] {
        let running = On::Smol.serve(Endpoints::new().mount("/mcp", server()));
        let fixture = Fixture { running, wire };
        test(&fixture);
        fixture.running.stop().unwrap();
    }
}

#[test]
fn prompts_are_described_by_their_types() {
    on_both_wires(|fixture| {
        let list = fixture.result("prompts/list", json!({}));
        assert_eq!(
            list["prompts"][0],
            json!({"name": "review", "description": "Reviews code", "arguments": [
                {"name": "code", "description": "What to look at.", "required": true},
                {"name": "tone", "required": false},
            ]})
        );
        assert_eq!(list["prompts"][2], json!({"name": "fails", "description": "Fails"}));
        let params = json!({"name": "review", "arguments": {"code": "1+1"}});
        assert_eq!(
            fixture.result("prompts/get", params)["messages"],
            json!([
                {"role": "user", "content": {"type": "text", "text": "1+1"}},
                {"role": "assistant", "content": {"type": "text", "text": "kind"}},
            ])
        );
        // Arguments of prompts are text.
        let count = |from: &str| json!({"name": "counts", "arguments": {"from": from}});
        let counted = fixture.result("prompts/get", count("41"));
        assert_eq!(counted["messages"][0]["content"]["text"], json!("42"));
        let error = |params, text| fixture.error("prompts/get", params, text);
        assert_eq!(error(count("many"), "`from`: invalid type: string"), -32602);
        assert_eq!(error(json!({"name": "review"}), "missing field `code`"), -32602);
        assert_eq!(error(json!({"name": "unknown"}), "unknown prompt"), -32602);
        assert_eq!(error(json!({"name": "fails"}), "out of prompts"), -32603);
        assert_eq!(error(json!({"name": 7}), "`name`"), -32602);
    });
}

#[test]
fn resources_are_found_by_uri_or_template() {
    on_both_wires(|fixture| {
        let list = fixture.result("resources/list", json!({}));
        assert_eq!(
            list["resources"],
            json!([
                {"uri": "demo://text", "name": "text", "description": "Text",
                 "mimeType": "text/plain"},
                {"uri": "demo://bytes", "name": "bytes"},
            ])
        );
        let templates = fixture.result("resources/templates/list", json!({}));
        assert_eq!(
            templates["resourceTemplates"],
            json!([{"uriTemplate": "demo://orders/{number}{?part}", "name": "order",
                    "mimeType": "application/json"}])
        );
        let read = |uri: &str| {
            fixture.result("resources/read", json!({"uri": uri}))["contents"][0].clone()
        };
        assert_eq!(
            read("demo://text"),
            json!({"uri": "demo://text", "mimeType": "text/plain", "text": "a text"})
        );
        assert_eq!(read("demo://bytes"), json!({"uri": "demo://bytes", "blob": "AQID"}));
        let order = read("demo://orders/7?part=a%26b");
        assert_eq!(order["text"], json!("{\"number\":7,\"part\":\"a&b\"}"));
        assert_eq!(order["uri"], json!("demo://orders/7?part=a%26b"));

        let error = |uri: &str, text| fixture.error("resources/read", json!({"uri": uri}), text);
        assert_eq!(error("demo://orders/many", "invalid resource URI"), -32602);
        assert_eq!(error("demo://orders/0", "no order 0"), -32603);
        let unknown = if fixture.wire == Wire::Modern { -32602 } else { -32002 };
        assert_eq!(error("demo://unknown", "unknown resource"), unknown);
        // Whoever finds that it is not there.
        assert_eq!(error("demo://orders/404", "unknown resource"), unknown);
        let answer = fixture.answer("resources/read", json!({"uri": "demo://unknown"}));
        assert_eq!(answer["error"]["data"], json!({"uri": "demo://unknown"}));
    });
}

#[test]
fn the_uri_of_a_read_is_mirrored_in_a_header_field() {
    let running = On::Smol.serve(Endpoints::new().mount("/mcp", server()));
    let read = Request::new(Wire::Modern, "resources/read", json!({"uri": "demo://text"}));
    let response = Request { name: Some("demo://bytes".into()), ..read }.send(running.address);
    assert_eq!((response.status, &response.answer()["error"]["code"]), (400, &json!(-32020)));
    running.stop().unwrap();
}

#[test]
fn arguments_and_variables_are_completed() {
    on_both_wires(|fixture| {
        let complete = |reference: Value, argument: &str| json!({"ref": reference, "argument": {"name": argument, "value": "x"}});
        let review = || json!({"type": "ref/prompt", "name": "review"});
        let orders = || json!({"type": "ref/resource", "uri": "demo://orders/{number}{?part}"});
        let values = |params| fixture.result("completion/complete", params)["completion"].clone();
        let tones = values(complete(review(), "tone"));
        assert_eq!(tones["values"].as_array().unwrap().len(), 100);
        assert_eq!((&tones["total"], &tones["hasMore"]), (&json!(150), &json!(true)));
        assert_eq!(tones["values"][7], json!("x7"));
        assert_eq!(values(complete(orders(), "part"))["values"], json!(["lid"]));
        // Nobody completes this one, which is no error.
        let nothing = json!({"values": [], "total": 0, "hasMore": false});
        assert_eq!(values(complete(review(), "code")), nothing);
        let error = |params, text| fixture.error("completion/complete", params, text);
        let unknown = json!({"type": "ref/prompt", "name": "unknown"});
        assert_eq!(error(complete(unknown, "x"), "unknown prompt"), -32602);
        assert_eq!(error(json!({"ref": review()}), "`argument` is missing"), -32602);
        assert_eq!(error(complete(json!({"type": "ref/x"}), "x"), "`ref` is malformed"), -32602);
    });
}

#[test]
fn log_messages_come_at_the_level_asked_for() {
    let running = On::Smol.serve(Endpoints::new().mount("/mcp", server()));
    let call = |level: Option<&str>| {
        let mut params = json!({"name": "log", "arguments": {}});
        if let Some(level) = level {
            params["_meta"]["io.modelcontextprotocol/logLevel"] = json!(level);
        }
        Request::new(Wire::Modern, "tools/call", params).send(running.address)
    };
    let levels = |level| {
        let messages = call(level).messages();
        let (_, logs) = messages.split_last().unwrap();
        logs.iter()
            .map(|log| log["params"]["level"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(levels(None), [""; 0]);
    assert_eq!(levels(Some("debug")), ["debug", "warning", "emergency"]);
    assert_eq!(levels(Some("notice")), ["warning", "emergency"]);
    let log = call(Some("error")).messages().swap_remove(0);
    assert_eq!(log["method"], json!("notifications/message"));
    assert_eq!(log["params"], json!({"level": "emergency", "data": "on fire"}));
    let response = call(Some("loud"));
    assert_eq!((response.status, &response.answer()["error"]["code"]), (400, &json!(-32602)));
    running.stop().unwrap();
}

#[test]
fn lists_come_in_pages_whose_cursors_outlive_the_server() {
    let serve = || {
        let mut server = Server::new("pages", "1.0.0").page_size(NonZeroUsize::new(2).unwrap());
        for n in 0..5 {
            server = server.tool(format!("tool{n}"), "A tool", || "");
        }
        On::Smol.serve(Endpoints::new().mount("/mcp", server))
    };
    let page = |running: &Running, cursor: Option<&Value>| {
        let params = cursor.map_or_else(|| json!({}), |cursor| json!({"cursor": cursor}));
        Request::new(Wire::Modern, "tools/list", params).send(running.address).answer()
    };
    let (mut names, mut cursor) = (Vec::new(), None);
    for _ in 0..3 {
        let running = serve();
        let result = page(&running, cursor.as_ref())["result"].clone();
        running.stop().unwrap();
        let tools = result["tools"].as_array().unwrap().clone();
        names.extend(tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()));
        cursor = result.get("nextCursor").cloned();
    }
    assert_eq!((names.len(), &names[4], &cursor), (5, &"tool4".to_owned(), &None));
    let running = serve();
    // `tool9`, which is not there, in Base64.
    for bad in [json!(""), json!("dG9vbDk="), json!("tool0"), json!("\u{1}")] {
        assert_eq!(page(&running, Some(&bad))["error"]["code"], json!(-32602), "{bad}");
    }
    running.stop().unwrap();
}

#[test]
fn what_is_not_offered_is_not_there() {
    let server = Server::new("tools-only", "1.0.0").tool("t", "T", || "");
    let running = On::Smol.serve(Endpoints::new().mount("/mcp", server));
    for method in ["prompts/list", "resources/list", "resources/templates/list"] {
        let response = Request::new(Wire::Modern, method, json!({})).send(running.address);
        assert_eq!((response.status, &response.answer()["error"]["code"]), (404, &json!(-32601)));
    }
    let discover = Request::new(Wire::Modern, "server/discover", json!({})).send(running.address);
    assert_eq!(discover.answer()["result"]["capabilities"], json!({"tools": {}}));
    running.stop().unwrap();
}

#[test]
fn a_server_describes_itself() {
    let server = Server::new("shop", "1.0.0")
        .title("Shop")
        .description("Sells")
        .website_url("https://shop.example.com")
        .icon(Icon::new("https://shop.example.com/icon.png"));
    let running = On::Smol.serve(Endpoints::new().mount("/mcp", server));
    let discover = Request::new(Wire::Modern, "server/discover", json!({})).send(running.address);
    assert_eq!(
        discover.answer()["result"]["_meta"]["io.modelcontextprotocol/serverInfo"],
        json!({"name": "shop", "title": "Shop", "version": "1.0.0", "description": "Sells",
               "websiteUrl": "https://shop.example.com",
               "icons": [{"src": "https://shop.example.com/icon.png"}]})
    );
    running.stop().unwrap();
}

#[test]
fn results_say_how_long_they_are_good_and_what_else_there_is() {
    let meta = || serde_json::value::to_raw_value(&json!({"example.com/a": 1})).unwrap();
    let caching = Caching { ttl: Duration::from_secs(60), scope: CacheScope::Public };
    let server = Server::new("says", "1.0.0")
        .tool("more", "Says more", move |ctx: Context| {
            CallToolResult::text(ctx.request().name()).meta(meta())
        })
        .resource(Resource::new("demo://kept", "kept"), move |ctx: Context| {
            let contents = vec![ResourceContents::text(ctx.request().name(), "kept")];
            ReadResourceResult::new(contents).caching(caching).meta(meta())
        });
    let running = On::Smol.serve(Endpoints::new().mount("/mcp", server));
    let result = |method, params| {
        let answer = Request::new(Wire::Modern, method, params).send(running.address).answer();
        assert_eq!(answer["result"]["_meta"]["example.com/a"], 1, "{answer}");
        answer["result"].clone()
    };
    let called = result("tools/call", json!({"name": "more", "arguments": {}}));
    assert_eq!(called["content"][0]["text"], "more");
    let read = result("resources/read", json!({"uri": "demo://kept"}));
    assert_eq!(read["contents"][0]["uri"], "demo://kept");
    assert_eq!((&read["ttlMs"], &read["cacheScope"]), (&json!(60_000), &json!("public")));
    running.stop().unwrap();
}

/// What nobody could ask for is a mistake.
#[test]
fn what_is_completed_has_to_be_there() {
    let completions = |_: Completion| vec!["x"];
    let template = "demo://{number}".parse().expect("a template");
    for (server, expected) in [
        (
            Server::new("bad", "1.0.0")
                .add(prompt("p", "", |args: Review| args.code).complete("tune", completions)),
            r#""p" has no "tune" to complete, but ["code", "tone"]"#,
        ),
        (
            Server::new("bad", "1.0.0").add(
                resource_template(template, "t", |it| it, || "").complete("numbr", completions),
            ),
            r#""demo://{number}" has no "numbr" to complete, but ["number"]"#,
        ),
    ] {
        let error = On::Smol.serve(Endpoints::new().mount("/bad", server)).stopped().unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_template_that_could_be_read_in_two_ways_is_reported_at_the_start() {
    let server = Server::new("bad", "1.0.0").resource_template("a:{x}{y}", "x", |it| it, || "");
    let error = On::Smol.serve(Endpoints::new().mount("/bad", server)).stopped().unwrap_err();
    assert!(error.to_string().contains("a:{x}{y}"), "{error}");
}

#[derive(Deserialize, JsonSchema)]
struct Query {
    #[schemars(extend("x-mcp-header" = "Region"))]
    region: String,
}

#[test]
fn mirrored_parameters_must_agree_with_their_fields() {
    let server = Server::new("mirrors", "1.0.0").tool("query", "Q", |args: Query| args.region);
    let running = On::Smol.serve(Endpoints::new().mount("/mcp", server));
    let status = |wire, field: &str| {
        let params = json!({"name": "query", "arguments": {"region": "us-west1"}});
        let request = Request::new(wire, "tools/call", params);
        let bytes = String::from_utf8(request.sized()).unwrap();
        let bytes = bytes.replace("Content-Length", &format!("{field}Content-Length"));
        let mut stream = connect(running.address);
        stream.write_all(bytes.as_bytes()).unwrap();
        let response = Response::read(&mut BufReader::new(stream), &request);
        (response.status, response.answer()["error"]["code"].as_i64())
    };
    assert_eq!(status(Wire::Modern, "mcp-param-region: us-west1\r\n"), (200, None));
    assert_eq!(status(Wire::Modern, "mcp-param-region: eu\r\n"), (400, Some(-32020)));
    assert_eq!(status(Wire::Modern, ""), (400, Some(-32020)));
    // The 2025 revisions know nothing of it.
    assert_eq!(status(Wire::Legacy, ""), (200, None));
    running.stop().unwrap();
}
