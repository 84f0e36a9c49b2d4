//! Calls held to schemas written by hand (feature `validation`).

use std::io::{BufReader, Read, Write};
use std::time::{Duration, Instant};

use crate::common::client::{Request, ToolCall, Wire, connect, field, read_head};
use crate::common::log::Log;
use crate::common::{On, Running};
use mcp_smol::{
    CallToolResult, Endpoints, ExtensionResult, InvalidExtensionResult, Offered, Server,
    Structured, Tool, tool,
};
use mcp_tests::meter;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

const DRAFT_07: &str = "http://json-schema.org/draft-07/schema#";
const DRAFT_2020_12: &str = "https://json-schema.org/draft/2020-12/schema";

/// A tool that takes what fits the schema, and returns it.
fn echo(schema: Value) -> Offered<Tool> {
    tool("echo", "", |args: Value| args.to_string()).input_schema(schema)
}

fn serve(item: Offered<Tool>) -> Running {
    On::Smol.serve(Endpoints::new().mount("/mcp", Server::new("held", "1.0.0").add(item)))
}

/// The mistakes in the arguments, or nothing if the tool was called.
fn mistakes(running: &Running, wire: Wire, arguments: &Value) -> Option<String> {
    let response = ToolCall::new(wire, "echo", arguments.clone()).send(running.address);
    assert_eq!(response.status, 200, "{response:?}");
    let text = response.text();
    // What the model can mend is a result, and no error of the protocol.
    if response.answer()["result"]["isError"] == json!(true) {
        let mistakes = text.strip_prefix("invalid arguments: ");
        return Some(mistakes.unwrap_or_else(|| panic!("{text}")).to_owned());
    }
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), *arguments);
    None
}

/// Why a tool is not taken, which is the same at the start as later.
fn refused(item: impl Fn() -> Offered<Tool>) -> String {
    let mut server = Server::new("held", "1.0.0");
    let error = server.handle().add(item()).unwrap_err().to_string();
    let at_start = serve(item()).stopped().unwrap_err().to_string();
    assert_eq!(at_start, format!("cannot start the server at \"/mcp\": {error}"));
    error
}

#[test]
fn arguments_are_held_to_the_dialect_that_the_schema_names() {
    let pair = |dialect: Option<&str>, keyword: &str| {
        let mut schema = json!({"type": "object", "properties": {"pair": {"type": "array"}}});
        schema["properties"]["pair"][keyword] = json!([{"type": "string"}, {"type": "integer"}]);
        if let Some(dialect) = dialect {
            schema["$schema"] = json!(dialect);
        }
        serve(echo(schema))
    };
    let (good, bad) = (json!({"pair": ["a", 1]}), json!({"pair": [1, "a"]}));
    for (dialect, keyword, is_known) in [
        (None, "prefixItems", true),
        (Some(DRAFT_2020_12), "prefixItems", true),
        (Some(DRAFT_07), "items", true),
        (Some(DRAFT_07.trim_end_matches('#')), "items", true),
        // What 2020-12 calls so, draft-07 does not know.
        (Some(DRAFT_07), "prefixItems", false),
    ] {
        let running = pair(dialect, keyword);
        for wire in [Wire::Modern, Wire::Legacy] {
            assert_eq!(mistakes(&running, wire, &good), None);
            let expected = "`pair.0`: value is not of type \"string\"; `pair.1`: value is not of \
                            type \"integer\"";
            let expected = is_known.then(|| expected.to_owned());
            assert_eq!(mistakes(&running, wire, &bad), expected, "{dialect:?} {keyword}");
        }
        running.stop().unwrap();
    }
}

#[test]
fn schemas_that_calls_cannot_be_held_to_are_refused() {
    let object = |member: &str, value: Value| {
        let mut schema = json!({"type": "object"});
        schema[member] = value;
        schema
    };
    let of_a = |schema: Value| object("properties", json!({"a": schema}));
    for (schema, reason) in [
        (object("$schema", json!("https://json-schema.org/draft/2019-09/schema")), "dialect"),
        (object("$schema", json!("http://json-schema.org/draft-04/schema#")), "dialect"),
        (object("$schema", json!("urn:mine")), "dialect"),
        (object("$schema", json!(7)), "7 is not of type \"string\""),
        (of_a(json!({"$ref": "https://example.com/schema.json"})), "https://example.com"),
        (of_a(json!({"$ref": "http://127.0.0.1:1/schema.json#/a"})), "http://127.0.0.1:1"),
        (of_a(json!({"$ref": "file:///etc/passwd"})), "file:///etc/passwd"),
        (of_a(json!({"$ref": "other.json"})), "other.json"),
        (of_a(json!({"$ref": "#/$defs/none"})), "/$defs/none"),
        (of_a(json!({"type": "text"})), "text"),
        (of_a(json!({"pattern": "("})), "("),
        // What cannot be matched in linear time.
        (of_a(json!({"pattern": "(?=a)b"})), "(?=a)b"),
        (of_a(json!({"pattern": "(a)\\1"})), "\"regex\""),
        (object("required", json!("a")), "array"),
    ] {
        let error = refused(|| echo(schema.clone()));
        let begin = "the input schema of tool \"echo\" cannot be used: ";
        assert!(error.starts_with(begin) && error.contains(reason), "{error}");
        if schema["$schema"].is_null() {
            let with_output = || tool("echo", "", || Structured(1)).output_schema(schema.clone());
            let error = refused(with_output);
            let begin = "the output schema of tool \"echo\" cannot be used: ";
            assert!(error.starts_with(begin) && error.contains(reason), "{error}");
        }
    }
    // And an input schema has to be that of an object, as without validation.
    let error = refused(|| echo(json!({"type": "string"})));
    assert!(error.contains("does not describe an object"), "{error}");
}

#[test]
fn a_reference_within_the_schema_is_followed() {
    let running = serve(echo(json!({
        "type": "object",
        "properties": {"tree": {"$ref": "#/$defs/tree"}},
        "$defs": {"tree": {
            "type": "object",
            "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
            "additionalProperties": false,
        }},
    })));
    let deep = |leaf: Value| (0..15).fold(leaf, |tree, _| json!({"children": [tree]}));
    assert_eq!(mistakes(&running, Wire::Modern, &json!({"tree": deep(json!({}))})), None);
    let mistakes = mistakes(&running, Wire::Modern, &json!({"tree": deep(json!(1))})).unwrap();
    let place = format!("`tree{}`: ", ".children.0".repeat(15));
    assert!(mistakes.starts_with(&place), "{mistakes}");
    running.stop().unwrap();
}

#[test]
fn mistakes_are_told_by_their_place_and_without_the_value() {
    let running = serve(echo(json!({
        "type": "object",
        "properties": {
            "amount": {"type": "number", "exclusiveMinimum": 0},
            "to": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 3}}},
            "none": false,
        },
        "required": ["amount"],
        "additionalProperties": false,
    })));
    let long = "x".repeat(10_000);
    for (arguments, expected) in [
        (json!({"amount": 0.5, "to": {"name": "Jo"}}), None),
        (json!({}), Some("\"amount\" is a required property")),
        (json!({"amount": 0}), Some("`amount`: value is less than or equal to the minimum of 0")),
        (json!({"amount": 1, "to": {"name": long}}), Some("`to.name`: value is longer than 3")),
        (json!({"amount": 1, "none": 1}), Some("`none`: nothing is allowed here")),
        (json!({"amount": 1, "fee": 2}), Some("'fee' was unexpected")),
    ] {
        let told = mistakes(&running, Wire::Modern, &arguments);
        match (&told, expected) {
            (None, None) => {}
            (Some(told), Some(expected)) => {
                assert!(told.contains(expected) && told.len() < 200, "{told}");
            }
            _ => panic!("{arguments}: {told:?}"),
        }
    }
    // Five of them at most.
    let many: serde_json::Map<_, _> = (0..20).map(|n| (format!("a{n}"), json!(n))).collect();
    let each = serve(echo(json!({"type": "object", "additionalProperties": {"type": "string"}})));
    let told = mistakes(&each, Wire::Modern, &Value::Object(many)).unwrap();
    assert_eq!(told.matches("is not of type").count(), 5, "{told}");
    each.stop().unwrap();
    running.stop().unwrap();
}

#[test]
fn results_are_held_to_the_output_schema() {
    let log = Log::capture();
    let schema = json!({"type": "object", "required": ["sum"], "properties": {
        "sum": {"type": "integer"},
    }});
    let result = |args: Value| {
        let structured = |value: Value| CallToolResult::structured(to_raw_value(&value).unwrap());
        match args["kind"].as_str() {
            Some("good") => structured(json!({"sum": 3})),
            Some("bad") => structured(json!({"sum": "a secret"})),
            Some("error") => CallToolResult::error("failed"),
            _ => CallToolResult::text("text"),
        }
    };
    let item = tool("sum", "", move |args: Value| result(args))
        .input_schema(json!({"type": "object"}))
        .output_schema(schema);
    let running = serve(item);
    log.clear();
    let call = |kind: &str| {
        ToolCall::new(Wire::Modern, "sum", json!({"kind": kind})).send(running.address).answer()
    };
    assert_eq!(call("good")["result"]["structuredContent"], json!({"sum": 3}));
    // A failure has no result that could fit.
    assert_eq!(call("error")["result"]["isError"], json!(true));
    assert_eq!(log.warnings(), 0, "{:#?}", log.excerpt());
    for (kind, warnings) in [("bad", 1), ("none", 2)] {
        let error = call(kind)["error"].clone();
        assert_eq!(error["code"], json!(-32603));
        assert!(error["message"].as_str().unwrap().contains("output schema"), "{error}");
        assert_eq!(log.warnings(), warnings, "{:#?}", log.excerpt());
    }
    assert!(!log.excerpt().concat().contains("secret"), "{:#?}", log.excerpt());
    running.stop().unwrap();
}

#[test]
fn patterns_are_matched_in_linear_time() {
    let running = serve(echo(json!({
        "type": "object",
        "properties": {"a": {"pattern": "^(a+)+$"}, "b": {"pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"}},
        "patternProperties": {"^(x|x)*y$": {"type": "string"}},
    })));
    let long = "a".repeat(100_000);
    let begun = Instant::now();
    let arguments = json!({"a": format!("{long}!"), "b": long, "x".repeat(100_000): 1});
    let told = mistakes(&running, Wire::Modern, &arguments).unwrap();
    assert_eq!(told.matches("does not match").count(), 2, "{}", told.len());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    running.stop().unwrap();
}

/// Serves one call on this thread, which the meter counts; returns the answer and the peak.
fn metered(item: Offered<Tool>, arguments: String) -> (Value, isize) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = std::thread::spawn(move || {
        let arguments: Value = serde_json::from_str(&arguments).unwrap();
        ToolCall::new(Wire::Modern, "echo", arguments).send(address).answer()
    });
    let server = Server::new("held", "1.0.0").add(item);
    let peak = mcp_smol::block_on(async {
        let service = Endpoints::new().mount("/mcp", server).start().await.unwrap();
        let stream = listener.accept().unwrap().0;
        meter::reset();
        meter::switch(true);
        mcp_smol::serve_stream(stream, &service).await.unwrap();
        meter::switch(false);
        service.stop(Duration::ZERO).await;
        meter::peak()
    });
    (client.join().unwrap(), peak)
}

#[test]
fn mistakes_without_number_take_no_memory_without_bound() {
    let schema = || {
        echo(json!({"type": "object", "additionalProperties": {"anyOf": [
            {"type": "array", "items": {"type": "string"}},
            {"type": "array", "items": {"type": "boolean"}},
        ]}}))
    };
    let numbers =
        |name: &str, count: usize| format!("{{\"{name}\":[{}1]}}", "1,".repeat(count - 1));
    for (name, count) in [("a".to_owned(), 1_000_000), ("a".repeat(500_000), 5_000)] {
        let arguments = numbers(&name, count);
        let length = arguments.len() as isize;
        let (answer, peak) = metered(schema(), arguments);
        let text = answer.pointer("/result/content/0/text").unwrap().as_str().unwrap();
        assert!(text.starts_with("invalid arguments: they do not fit"), "{text}");
        // A number, of two bytes, becomes a value of 32, in a vector that has grown by doubling.
        assert!(peak < 64 * length, "{peak} bytes for {length}");
    }

    // Where it takes no more than 4 MiB it is told, with 512 bytes for each value and its place.
    let all_wrong = || echo(json!({"type": "object", "additionalProperties": {"items": false}}));
    let most = (4 * 1024 * 1024 - 512 - (1 + 512 + 2)) / (1 + 512 + 2 + 8);
    for (count, is_told) in [(most, true), (most + 1, false)] {
        let (answer, _) = metered(all_wrong(), numbers("a", count));
        let text = answer.pointer("/result/content/0/text").unwrap().as_str().unwrap();
        assert_eq!(text.contains("`a.0`: nothing is allowed here"), is_told, "{text}");
    }
}

#[test]
fn what_an_extension_says_in_place_of_a_result_passes() {
    let item = tool("later", "", || {
        let task = ExtensionResult::new("task", &json!({"taskId": "7"}))?;
        Ok::<_, InvalidExtensionResult>(CallToolResult::extension(task))
    })
    .output_schema(json!({"type": "object", "required": ["sum"]}));
    let running = serve(item);
    // Of an extension, the official schemas know nothing.
    let mut stream = connect(running.address);
    stream.write_all(&ToolCall::new(Wire::Modern, "later", json!({})).sized()).unwrap();
    let mut stream = BufReader::new(stream);
    let length = field(&read_head(&mut stream), "content-length").unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer["result"]["resultType"], json!("task"), "{answer}");
    running.stop().unwrap();
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all(serialize = "camelCase"))]
struct Found {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    all_hits: Vec<String>,
    of_them: u32,
}

#[test]
fn a_structured_result_fits_the_schema_that_is_told() {
    let item = tool("find", "", || Structured(Found { all_hits: Vec::new(), of_them: 0 }));
    let running = serve(item);
    let answer = ToolCall::new(Wire::Modern, "find", json!({})).send(running.address).answer();
    assert_eq!(answer["result"]["structuredContent"], json!({"ofThem": 0}), "{answer}");
    let listed = Request::new(Wire::Modern, "tools/list", json!({})).send(running.address).answer();
    let schema = &listed["result"]["tools"][0]["outputSchema"];
    assert_eq!(schema["required"], json!(["ofThem"]), "{schema}");
    assert!(schema["properties"]["allHits"].is_object(), "{schema}");
    running.stop().unwrap();
}

#[test]
fn mistakes_do_not_multiply_where_a_schema_refers_to_itself() {
    let list = |op| {
        let of = json!({"type": "array", "items": {"$ref": "#/$defs/filter"}});
        json!({"required": ["op", "of"], "properties": {"op": {"const": op}, "of": of}})
    };
    let filter = |of: &str| {
        let schema = json!({
            "type": "object",
            "properties": {"filter": {"$ref": "#/$defs/filter"}},
            "$defs": {"filter": {"oneOf": [list("and"), list("or"), {
                "required": ["op", "field"], "properties": {"op": {"const": "has"}}
            }]}},
        });
        metered(echo(schema), format!("{{\"filter\":{of}}}"))
    };
    let nested = |levels: usize, innermost: &str| {
        let (open, close) = (r#"{"op":"and","of":["#.repeat(levels), "]}".repeat(levels));
        format!("{open}{innermost}{close}")
    };
    let text = |answer: &Value| answer["result"]["content"][0]["text"].as_str().unwrap().to_owned();
    assert_eq!(text(&filter(&nested(29, "")).0).matches("and").count(), 29);
    for (of, is_told) in [
        (nested(1, "1"), true),
        (nested(5, "1"), true),
        (nested(29, "1"), false),
        // Whatever is wrong in a branch is told with a copy of the value.
        (format!(r#"{{"op":"?","note":"{}"}}"#, "x".repeat(100_000)), true),
        (format!(r#"{{"op":"?","note":"{}"}}"#, "x".repeat(1 << 20)), false),
    ] {
        let (answer, peak) = filter(&of);
        let text = text(&answer);
        let expected = if is_told { "`filter`: " } else { "they do not fit" };
        assert!(text.starts_with(&format!("invalid arguments: {expected}")), "{text}");
        assert!(peak < (8 << 20) + 4 * of.len() as isize, "{peak} bytes for {}", of.len());
    }
}
