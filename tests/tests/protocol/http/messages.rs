//! What a session makes of JSON that is no message, or a strange one.

use std::sync::Arc;

use mcp_proto::{ExtensionMethod, Limits, Output};
use serde_json::Value;

use super::bodies::{
    HEADER_MISMATCH, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND, PARSE_ERROR, answer,
    answer_in, call, check, with, with_id, with_member,
};
use super::{PING, Peer, config_with, post};

/// JSON-RPC 2.0, section 4.
#[test]
fn what_is_no_message() {
    check(
        400,
        INVALID_REQUEST,
        ["1", "-0", "1.5", "1e999999", "\"s\"", "\"\\ud800\"", "true", "null"],
    );
    check(
        400,
        INVALID_REQUEST,
        [" 1 ", &"9".repeat(400), &format!("\"{}\"", "\\n".repeat(10_000))],
    );
    check(400, PARSE_ERROR, ["1 x", "\"s\" 1", "null,", "truefalse", "\"s", "1e", "\"\t\""]);
    check(400, INVALID_REQUEST, ["{}", r#"{"id":1}"#, r#"{"a":{},"b":[1,2,{}]}"#]);
    check(400, INVALID_REQUEST, {
        [
            "2.0",
            "2",
            "null",
            "\"2\"",
            "\"1.0\"",
            "\"2.00\"",
            "\" 2.0\"",
            "[\"2.0\"]",
            "\"2\\u002e0\"",
        ]
        .map(|version| with("\"2.0\"", version))
    });
    check(400, INVALID_REQUEST, {
        [
            "null",
            "true",
            "1.5",
            "1.0",
            "1e3",
            "1E3",
            "-1.0e0",
            "1e999999",
            "-1e-999999",
            "[]",
            "[1]",
            "{}",
        ]
        .map(with_id)
    });
    check(400, INVALID_REQUEST, {
        ["null", "1", "true", "[]", "{}", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\""]
            .map(|method| with("\"ping\"", method))
    });
    check(400, INVALID_REQUEST, {
        ["\"result\":{}", "\"error\":{}", "\"result\":null", "\"error\":null", "\"r\\u0065sult\":1"]
            .map(with_member)
    });
}

#[test]
fn keys_that_come_twice() {
    check(400, INVALID_REQUEST, {
        [
            "\"id\":1",
            "\"id\":2",
            "\"i\\u0064\":2",
            "\"method\":\"ping\"",
            "\"jsonrpc\":\"2.0\"",
            "\"params\":{},\"params\":{}",
            "\"params\":{},\"p\\u0061rams\":1",
            "\"params\":{\"_meta\":{},\"_meta\":{}}",
            "\"params\":{\"name\":\"a\",\"name\":\"b\"}",
            "\"params\":{\"cursor\":1,\"\\u0063ursor\":1}",
        ]
        .map(with_member)
    });
    check(200, INVALID_PARAMS, {
        [r#""params":{"_meta":{"progressToken":1,"progressToken":2}}"#].map(with_member)
    });
    // Keys that mean nothing, or are spelt in another way.
    for member in
        ["\"x\":1,\"x\":2", "\"ID\":2,\"Id\":3", "\"id \":2", "\"params\":{\"x\":1,\"x\":2}"]
    {
        assert_eq!(answer(with_member(member)).status, 200, "{member}");
    }
    // The arguments are the application's: it gets them as they came.
    let arguments = r#"{"a":1,"a":2,"A":3}"#;
    assert_eq!(answer(call("\"t\"", arguments)).call.unwrap().1, arguments);
}

#[test]
fn params_that_are_none() {
    check(200, INVALID_PARAMS, {
        ["[]", "[1]", "1", "-0", "true", "null", "\"s\"", "1.5", "1e999999", "\"\\ud800\""]
            .map(|params| with_member(&format!("\"params\":{params}")))
    });
    check(200, INVALID_PARAMS, [with_member(&format!("\"params\":{}", "9".repeat(400)))]);
    check(400, PARSE_ERROR, ["\"\\ud800\":1"].map(with_member));
    check(200, INVALID_PARAMS, {
        ["[]", "1e999999", "\"s\"", "true", "\"\\ud800\"", "-0"].map(|it| call("\"t\"", it))
    });
    check(200, INVALID_PARAMS, {
        ["1", "null", "\"\\ud800\"", "[]", "1e999999", "{}"].map(|it| call(it, "{}"))
    });
    check(200, INVALID_PARAMS, {
        ["1", "[]", "\"s\"", "1e999999"]
            .map(|it| with_member(&format!("\"params\":{{\"_meta\":{it}}}")))
    });
    check(200, METHOD_NOT_FOUND, {
        ["\"\"", "\"Ping\"", "\"ping \"", "\"ping\\u0000\"", "\"\\u0000\"", "\"\\ud83d\\ude00\""]
            .map(|method| with("\"ping\"", method))
    });
}

#[test]
fn ids_come_back_as_they_were_sent() {
    let (many, escapes) = ("9".repeat(400), format!("\"{}\"", "\\u0041\\\"\\n".repeat(5000)));
    for id in [
        "0",
        "-0",
        "-1",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        &many,
        &format!("-{many}"),
        "\"\"",
        "\"1\"",
        "\"\\u0000\"",
        "\"\\u001f\\/\\b\"",
        "\"\\\\\"",
        "\"\\\"\"",
        // No text, but nobody has to make one of it.
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\ud83d\\ude00\"",
        "\"\u{1f600}\u{ffff}\"",
        &escapes,
    ] {
        let answer = answer(with_id(id));
        assert_eq!(
            (answer.status, answer.body),
            (200, { format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#) })
        );
    }
    // Escapes in names are seen through.
    let escaped = PING.replace("ping", "\\u0070ing").replace("method", "meth\\u006fd");
    assert_eq!(answer(escaped).status, 200);
}

#[test]
fn arguments_come_out_as_they_were_sent() {
    let nested = format!("{{\"a\":{}1{}}}", "[".repeat(61), "]".repeat(61));
    for arguments in [
        "{}",
        "{ }",
        r#"{"a":1e999999,"b":-0,"c":-0.0,"d":1e-999999,"e":0.1000000000000000055511151231257827}"#,
        &format!("{{\"a\":{}}}", "9".repeat(400)),
        &format!("{{\"a\":0.{}1}}", "0".repeat(400)),
        r#"{"a":"\ud800","b":"\udc00\ud800","\ud800":1,"c":"\u0000","\u0000":2}"#,
        &format!("{{\"a\":\"{}\"}}", "\\u0041\\\\\\\"".repeat(5000)),
        "{\"a\":\"\u{feff}\u{ffff}\u{2028}\u{7f}\u{10ffff}\"}",
        "{\"\":\"\", \"a\"\t:\r\n[ ]}",
        &nested,
    ] {
        let answer = answer(call("\"t\"", arguments));
        assert_eq!((answer.status, answer.call), (200, Some(("t".into(), arguments.into()))));
    }
    let name = answer(call("\"\\u0000\\ud83d\\ude00\\n\"", "{}")).call.unwrap().0;
    assert_eq!(name, "\0\u{1f600}\n");
}

/// 2025-03-26, basic: batches. No later revision has them.
#[test]
fn batches() {
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let bodies = [
        ("[]".to_owned(), 400, Some(INVALID_REQUEST)),
        (" [ \r\n] ".to_owned(), 400, Some(INVALID_REQUEST)),
        (format!("[{PING}]"), 200, None),
        (format!("[{PING},{PING}]"), 200, None),
        (format!("[{notification}]"), 202, None),
        ("[1]".to_owned(), 200, None),
        ("[null,\"s\",[],{}]".to_owned(), 200, None),
        (format!("[[{PING}]]"), 200, None),
        (format!("[{}{PING}]", format!("{PING},").repeat(99)), 200, None),
        (format!("[{}{PING}]", format!("{PING},").repeat(100)), 400, Some(INVALID_REQUEST)),
    ];
    let config = config_with(Limits::default());
    for (body, status, code) in &bodies {
        for field in ["", "MCP-Protocol-Version: 2025-03-26\r\n"] {
            let answer = answer_in(&config, field, body.as_bytes());
            assert_eq!((answer.status, answer.code()), (*status, *code), "{body}: {}", answer.body);
        }
        for revision in ["2025-06-18", "2025-11-25", "2026-07-28"] {
            let field = format!("MCP-Protocol-Version: {revision}\r\n");
            let answer = answer_in(&config, &field, body.as_bytes());
            let found = (answer.status, answer.code());
            assert_eq!(found, (400, Some(INVALID_REQUEST)), "{revision}: {body}: {}", answer.body);
        }
    }
    // Each that is no message is told so.
    let answers: Vec<Value> = serde_json::from_str(&answer("[1,null,[],{}]").body).unwrap();
    assert!(answers.iter().all(|answer| answer["error"]["code"] == INVALID_REQUEST), "{answers:?}");
    assert_eq!(answers.len(), 4);
    check(
        400,
        PARSE_ERROR,
        [
            format!("[{PING}"),
            format!("[{PING},]"),
            format!("[,{PING}]"),
            format!("[{PING}]{PING}"),
            format!("[{PING}][]"),
            format!("[{PING} {PING}]"),
            format!("\u{feff}[{PING}]"),
            "[1,2".to_owned(),
            "[NaN]".to_owned(),
        ],
    );
}

/// 2026-07-28, basic/transports/streamable-http: errors have statuses of their own.
#[test]
fn the_modern_revision() {
    let config = config_with(Limits::default());
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}@}"#;
    let fields = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: t\r\n";
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{{}},{meta}}}}}"#
    );
    let plain = body.replace('@', "");
    assert!(answer_in(&config, fields, plain.as_bytes()).call.is_some());
    for (from, to, code) in [
        ("@", r#","progressToken":1,"progressToken":1"#, INVALID_PARAMS),
        ("@", r#","io.modelcontextprotocol/clientCapabilities":{}"#, INVALID_PARAMS),
        ("@", r#","progressToken":1e999999"#, INVALID_PARAMS),
        ("\"arguments\":{}", "\"arguments\":1e999999", INVALID_PARAMS),
        ("\"arguments\":{}", "\"arguments\":[]", INVALID_PARAMS),
        ("\"arguments\":{}", "\"arguments\":{},\"arguments\":{}", INVALID_REQUEST),
        ("\"id\":1", "\"id\":1e999999", INVALID_REQUEST),
        ("\"id\":1", "\"id\":null", INVALID_REQUEST),
        ("\"params\"", "\"params\":{},\"params\"", INVALID_REQUEST),
        ("\"name\":\"t\"", "\"name\":\"\\ud800\"", INVALID_PARAMS),
        ("\"id\":1,", "\"id\":1,,", PARSE_ERROR),
        ("\"id\":1,", "\"id\":1,\"x\":\"\0\",", PARSE_ERROR),
    ] {
        let body = body.replacen(from, to, 1).replace('@', "");
        let answer = answer_in(&config, fields, body.as_bytes());
        assert_eq!((answer.status, answer.code()), (400, Some(code)), "{body}: {}", answer.body);
    }
}

/// 2026-07-28 has no batches, whatever the head says of those who are in one.
#[test]
fn a_batch_with_something_modern_in_it() {
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    let member = |method: &str, params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}{meta}}}}}"#)
    };
    let half = member("ping", "").replace("clientCapabilities", "logLevel");
    for modern in [member("tools/call", r#""name":"t","#), member("server/discover", ""), half] {
        check(400, INVALID_REQUEST, [format!("[{modern}]"), format!("[{PING},{modern}]")]);
    }
}

/// 2026-07-28, server/utilities/logging, "Error Handling". In the 2025 revisions the key means nothing.
#[test]
fn levels_that_are_none() {
    let config = config_with(Limits::default());
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/logLevel":@}"#;
    let modern = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","arguments":{{}},{meta}}}}}"#
    );
    let fields = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: t\r\n";
    let legacy = modern.replace(r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","#, "");
    let (legacy, of_2025) = (legacy.as_str(), "MCP-Protocol-Version: 2025-11-25\r\n");
    for (level, is_one) in [("\"info\"", true), ("null", true), ("\"loud\"", false), ("5", false)] {
        let answer = answer_in(&config, fields, modern.replace('@', level).as_bytes());
        let expected = if is_one { (200, None) } else { (400, Some(INVALID_PARAMS)) };
        assert_eq!((answer.status, answer.code()), expected, "{level}: {}", answer.body);
        let answer = answer_in(&config, of_2025, legacy.replace('@', level).as_bytes());
        assert!(answer.call.is_some(), "{level}: {}", answer.body);
    }
}

/// What an extension asks with is the extension's: it gets its parameters as they came, but for the one
/// that stands in the head as well.
#[test]
fn parameters_of_an_extension() {
    let mut config = config_with(Limits::default());
    let endpoint = &mut Arc::make_mut(&mut config).endpoints[0];
    endpoint.methods = vec![ExtensionMethod::new("laws/get").subject("law")];
    let fields = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: laws/get\r\nMcp-Name: b\r\n";
    let body = |params: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"laws/get","params":{{{params},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
        )
    };
    for params in [r#""cursor":5"#, r#""arguments":[1]"#, r#""arguments":"x","cursor":{}"#] {
        let request = body(&format!(r#""law":"b",{params}"#));
        let mut peer = Peer::new(config.clone());
        peer.send(post(&request).replacen("Host:", &format!("{fields}Host:"), 1).as_bytes());
        let params_of = |output: &Output| match output {
            Output::Call(call) => Some(call.request().params().to_owned()),
            _ => None,
        };
        let found = peer.outputs.iter().find_map(params_of).expect("a call");
        assert!(request.contains(&found) && found.contains(params), "{found}");
    }
    // Whoever is on the way may look at the first.
    for twice in [r#""law":"a","law":"b""#, r#""law":"b","\u006caw":"b""#] {
        let answer = answer_in(&config, fields, body(twice).as_bytes());
        assert_eq!((answer.status, answer.code()), (400, Some(INVALID_REQUEST)), "{twice}");
        assert!(answer.body.contains("comes twice"), "{}", answer.body);
    }
}

/// 2026-07-28, basic/transports/streamable-http, "Server Validation": what is said twice is malformed.
#[test]
fn repeated_fields() {
    for (name, code) in [
        ("MCP-Protocol-Version", HEADER_MISMATCH),
        ("mcp-method", HEADER_MISMATCH),
        ("Mcp-Name", HEADER_MISMATCH),
        ("Mcp-Session-Id", INVALID_REQUEST),
        ("Origin", INVALID_REQUEST),
    ] {
        let twice = format!("{name}: a\r\n{name}: a\r\n\r\n");
        let request = post(PING).replacen("\r\n\r\n", &format!("\r\n{twice}"), 1);
        let mut peer = Peer::new(config_with(Limits::default()));
        peer.send(request.as_bytes());
        let response = String::from_utf8_lossy(&peer.received);
        assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
        assert!(response.contains(&format!("\"code\":{code},")), "{response}");
    }
}

/// What is wrong is quoted in part at most.
#[test]
fn errors_do_not_grow_with_the_body() {
    let long = "\\u0001\\\"".repeat(20_000);
    for body in [
        with("\"ping\"", &format!("\"{long}\"")),
        with("\"2.0\"", &format!("\"{long}\"")),
        with_member(&format!("\"params\":\"{long}\"")),
        with_member(&format!("\"result\":\"{long}\"")),
        format!("\"{long}\""),
        format!("{{\"{long}\":}}"),
        format!("{PING}\"{long}\""),
        call(&format!("[\"{long}\"]"), "{}"),
        call("\"t\"", &format!("\"{long}\"")),
    ] {
        let mut peer = Peer::new(config_with(Limits::default()));
        peer.send(post(&body).as_bytes());
        assert!(peer.received.len() < 2048, "{}", peer.received.escape_ascii());
    }
}
