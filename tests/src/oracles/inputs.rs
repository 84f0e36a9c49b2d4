//! Inputs for the oracles: ordinary ones, hostile ones, and ordinary ones with something broken.
//!
//! What the parts of an input are is said where it is checked.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::traffic::any_request;

/// For [`bytes`](super::bytes).
pub fn streams() -> impl Strategy<Value = Vec<u8>> {
    let request = (select(&["", "", "\r\n"][..]), any_request());
    (any::<u8>(), vec(request, 1..4)).prop_map(|(seed, requests)| {
        let requests =
            requests.into_iter().map(|(line, request)| [line.as_bytes(), &request].concat());
        [vec![seed], requests.collect::<Vec<_>>().concat()].concat()
    })
}

/// For [`lines`](super::lines).
pub fn line_scripts() -> impl Strategy<Value = Vec<u8>> {
    const MODERN: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
        "io.modelcontextprotocol/clientCapabilities":{},"progressToken":7}"#;
    const CLIENT: &str = r#""capabilities":{"roots":{}},"clientInfo":{"name":"a","version":"1"}"#;
    const ACTS: &[&str] = &[
        "!r0", "!r1", "!r2", "!e0", "!p0", "!p1", "!q0", "!c", "!w0", "!w2", "!w?", "!w?", "!w?",
        "!t1", "!t4",
    ];
    let modern = MODERN.replace('\n', " ");
    let request = |id: &str, method: &str, params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}}}}}"#)
    };
    let initialize = |id: &str, revision: &str| {
        request(id, "initialize", &format!(r#""protocolVersion":"{revision}",{CLIENT}"#))
    };
    let notification = |method: &str, params: &str| {
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/{method}","params":{{{params}}}}}"#)
    };
    let call = r#""name":"a","arguments":{},"_meta":{"progressToken":3}"#;
    let listen = format!(r#""notifications":{{"toolsListChanged":true}},{modern}"#);
    let lines = vec![
        initialize("1", "2025-11-25"),
        initialize("2", "2025-03-26"),
        notification("initialized", ""),
        notification("cancelled", r#""requestId":3"#),
        notification("cancelled", r#""requestId":"s""#),
        notification("cancelled", r#""requestId":5"#),
        notification("cancelled", ""),
        notification("progress", r#""progressToken":1,"progress":1"#),
        request("3", "tools/call", call),
        request("3", "tools/call", &format!(r#""name":"a",{modern}"#)),
        request(r#""s""#, "tools/call", &format!(r#""name":"b",{modern}"#)),
        request("5", "subscriptions/listen", &listen),
        request("6", "server/discover", &modern),
        request("7", "ping", ""),
        request("8", "logging/setLevel", r#""level":"debug""#),
        request("9", "resources/subscribe", r#""uri":"a:b""#),
        request("10", "nothing/of/the/kind", ""),
        format!("[{},{}]", request("3", "tools/call", call), request("7", "ping", "")),
        r#"{"jsonrpc":"2.0","id":1,"result":{"roots":[]}}"#.into(),
        r#"{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":"no"}}"#.into(),
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"what?"}}"#.into(),
        "{".into(),
        String::new(),
        "\r".into(),
        "7".into(),
        "[]".into(),
        "\u{0}".into(),
        format!("\"{}\"", "x".repeat(598)),
        format!("\"{}\"\r", "x".repeat(598)),
        format!("\"{}\"\r", "x".repeat(599)),
        "y".repeat(2000),
    ];
    let end = select(&["", "", "", "", "", "", "~"][..]);
    let line = prop_oneof![
        10 => (select(lines), end).prop_map(|(line, end)| line + end),
        10 => select(ACTS).prop_map(ToOwned::to_owned),
        1 => select(&["!f", "!x", "!s"][..]).prop_map(ToOwned::to_owned),
    ];
    let script = vec(line, 0..30).prop_map(|lines| lines.join("\n").into_bytes());
    prop_oneof![3 => script.clone(), 1 => broken(script)]
}

/// For [`head`](super::head).
pub fn heads() -> impl Strategy<Value = Vec<u8>> {
    const LINES: &[&str] = &[
        "POST /mcp HTTP/1.1",
        "GET / HTTP/1.0",
        "HEAD http://a/mcp HTTP/1.1",
        "post /\u{e9} HTTP/1.1",
        "POST /mcp HTTP/2.0",
        "POST /mcp HTTP/1.1 ",
        "POST  /mcp HTTP/1.1",
        "POST /mcp",
    ];
    const FIELDS: &[&str] = &[
        "Host: a",
        "host:a:8000 ",
        "Content-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: 0007",
        "Content-Length: +5",
        "Content-Length: 99999999999999999999",
        "content-length:",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, Chunked",
        "Transfer-Encoding: chunked, chunked",
        "transfer-encoding: ,chunked\t,",
        "Transfer-Encoding:",
        "Transfer-Encoding : chunked",
        "Connection: close",
        "Connection: foo, Keep-Alive",
        "Expect: 100-Continue",
        "Expect: more",
        "Origin: http://a",
        "Mcp-Name: x",
        "Mcp-Method: tools/call",
        "MCP-Protocol-Version: 2026-07-28",
        "Mcp-Session-Id: 0",
        "Last-Event-ID: 1-1",
        "Content-Type:\tapplication/json\t",
        "Content-Encoding: identity",
        "X: \u{e9} \u{7f}",
        "X: a\rb",
        ": b",
        " X: folded",
        "no colon",
        "",
    ];
    let line = prop_oneof![4 => Just(LINES[0]), 2 => select(LINES)];
    let field = prop_oneof![2 => Just("Host: a"), 6 => select(FIELDS)];
    let end =
        prop_oneof![30 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r"), 1 => Just("\r\r\n")];
    let fields = vec((field, end.clone()), 0..7);
    let head = (line, end.clone(), fields, end).prop_map(|(line, end, fields, last)| {
        let fields = fields.into_iter().map(|(field, end)| format!("{field}{end}"));
        format!("{line}{end}{}{last}", fields.collect::<String>()).into_bytes()
    });
    broken(head)
}

/// For [`chunks`](super::chunks).
pub fn chunked_bodies() -> impl Strategy<Value = Vec<u8>> {
    let chunk = (vec(any::<u8>(), 1..40), select(EXTENSIONS), any::<bool>()).prop_map(
        |(data, extension, is_upper)| {
            let size = match is_upper {
                true => format!("{:X}", data.len()),
                false => format!("00{:x}", data.len()),
            };
            [size.as_bytes(), extension.as_bytes(), b"\r\n", &data, b"\r\n"].concat()
        },
    );
    let end = (select(EXTENSIONS), vec(select(TRAILERS), 0..3))
        .prop_map(|(extension, trailers)| format!("0{extension}\r\n{}\r\n", trailers.concat()));
    let body = (limit_and_seed(), vec(chunk, 0..5), end).prop_map(|(first, chunks, end)| {
        [&first[..], &chunks.concat(), end.as_bytes(), b"POST"].concat()
    });
    let soup =
        (limit_and_seed(), soup(CHUNK_PARTS)).prop_map(|(first, soup)| [first, soup].concat());
    prop_oneof![3 => broken(body), 1 => soup]
}

const EXTENSIONS: &[&str] = &["", "", "", ";a", r#";a="b""#, "; \u{e9}\t"];
const TRAILERS: &[&str] = &["A: b\r\n", "C:\r\n", "a-long-name: and a long value\r\n"];
const CHUNK_PARTS: &[&str] = &[
    "0\r\n",
    "1\r\nx\r\n",
    "a",
    "F",
    "ffffffffffffffff",
    "\r\n",
    "\r",
    "\n",
    ";",
    "=",
    " ",
    "-1",
    "0x1",
    "A: b",
    ":",
    "\u{0}",
    "0\r\n\r\n",
];

fn limit_and_seed() -> impl Strategy<Value = Vec<u8>> {
    (prop_oneof![Just(255), 0..40_u8], any::<u8>()).prop_map(|(limit, seed)| vec![limit, seed])
}

/// For [`messages`](super::messages).
pub fn messages() -> impl Strategy<Value = Vec<u8>> {
    const SCALARS: &[&str] = &[
        "1",
        r#""1""#,
        "1.0",
        "-0",
        "1e999",
        "92233720368547758080000",
        "null",
        "true",
        r#""""#,
        "\"\\ud800\"",
        "\"a\\u0062\\n\"",
        "{}",
        "[]",
        "\"\u{4e16}\"",
        r#"{"a":1,"a":2}"#,
    ];
    const METHODS: &[&str] = &[
        "tools/call",
        "tools/call",
        "tools/list",
        "prompts/get",
        "resources/read",
        "ping",
        "initialize",
        "server/discover",
        "completion/complete",
        "laws/get",
        "subscriptions/listen",
        "notifications/cancelled",
        "nonsense",
    ];
    const VERSIONS: &[&str] = &["-", "2025-03-26", "2025-11-25", "2026-07-28", "2027-01-01", ""];
    const MEMBERS: &[&str] = &[
        r#""cursor":"c""#,
        r#""cursor":null"#,
        r#""uri":"echo""#,
        r#""law":"echo""#,
        r#""protocolVersion":"2025-06-18""#,
        r#""arguments":{"p":"x"}"#,
        r#""arguments":{"p":42}"#,
        r#""arguments":{"p":true}"#,
        r#""arguments":[]"#,
        r#""arguments":{"p":null}"#,
        r#""inputResponses":{}"#,
        "\"requestState\":\"s\\u0031\"",
        "\"\\u006eame\":\"echo\"",
        r#""ref":{"type":"ref/prompt","name":"echo"},"argument":{"name":"a","value":"v"}"#,
        r#""ref":{"type":"ref/resource","uri":"x"},"argument":["a","v"]"#,
        r#""x":1,"x":2"#,
    ];
    const META: &[&str] = &[
        r#""progressToken":1"#,
        r#""progressToken":"t""#,
        r#""progressToken":1.5"#,
        r#""x":{}"#,
        r#""io.modelcontextprotocol/protocolVersion":"2025-11-25""#,
        r#""io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"}"#,
    ];
    const PARAM: &[&str] =
        &["-", "-", "x", "42", "42.0", "true", "=?base64?eA==?=", "=?base64?eA=?=", ""];
    let name = prop_oneof![6 => Just("echo"), 1 => select(PARAM)];
    let id = prop_oneof![
        4 => Just(r#""id":7,"#.to_owned()),
        2 => select(SCALARS).prop_map(|id| format!("\"id\":{id},")),
        1 => Just(String::new()),
    ];
    let more = prop_oneof![
        12 => Just(String::new()),
        1 => select(SCALARS).prop_map(|it| format!(",\"result\":{it}")),
        1 => select(SCALARS).prop_map(|it| format!(",\"id\":{it}")),
        1 => select(SCALARS).prop_map(|it| format!(",\"method\":{it}")),
        1 => select(SCALARS).prop_map(|it| format!(",\"params\":{it}")),
        1 => select(SCALARS).prop_map(|it| format!(",\"\\ud83d\":{it}")),
    ];
    let meta = prop_oneof![
        5 => vec(select(META), 0..3).prop_map(|members| format!("{{{}}}", members.join(","))),
        1 => select(SCALARS).prop_map(String::from),
    ];
    let params = (vec(select(MEMBERS), 0..3), name.clone(), any::<bool>(), meta);
    let message = (select(VERSIONS), select(METHODS), name, select(PARAM), id, params, more)
        .prop_map(|(version, method, name, param, id, (members, called, is_right, meta), more)| {
            let meta = match meta.strip_prefix('{') {
                Some(rest) if is_right && version > "2026" => format!(
                    "{{\"io.modelcontextprotocol/protocolVersion\":\"{version}\",\
                     \"io.modelcontextprotocol/clientCapabilities\":{{}},\"y\":1{}{rest}",
                    if rest == "}" { "" } else { "," }
                ),
                _ => meta,
            };
            let members: String = members.iter().map(|member| format!(",{member}")).collect();
            let params = format!("{{\"name\":\"{called}\",\"_meta\":{meta}{members}}}");
            let json = format!(
                "{{\"jsonrpc\":\"2.0\",{id}\"method\":\"{method}\",\"params\":{params}{more}}}"
            );
            ([version, method, name, param].join("\n").into_bytes(), json)
        });
    let alone =
        message.clone().prop_map(|(head, json)| [&head[..], b"\n", json.as_bytes()].concat());
    let batch = vec(message, 0..4).prop_map(|messages| {
        let members: Vec<_> = messages.iter().map(|(_, json)| json.as_str()).collect();
        format!("-\n-\n-\n-\n[{}]", members.join(" ,\n")).into_bytes()
    });
    let deep = (60..68_usize).prop_map(|depth| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(
            "-\n-\n-\n-\n{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"x\":{open}{close}}}"
        )
        .into_bytes()
    });
    prop_oneof![10 => broken(alone), 2 => broken(batch), 1 => deep]
}

/// For [`guards`](super::guards).
pub fn guarded_heads() -> impl Strategy<Value = Vec<u8>> {
    const HOSTS: &[&str] = &[
        "localhost",
        "LocalHost:8000",
        "127.0.0.1:",
        "[::1]:80",
        "mcp.example.com:1",
        "10.0.0.7:81",
        "10.0.0.7",
        "[2001:DB8::1]",
        "a@localhost",
        "localhost:a",
        "[::1",
        "::1",
        "evil.example.com",
        "-",
        "",
    ];
    const ORIGINS: &[&str] = &[
        "-",
        "-",
        "http://localhost",
        "http://localhost:80",
        "https://localhost:443",
        "null",
        "",
        "http://127.0.0.1:",
        "https://app.example.com",
        "HTTPS://app.example.com",
        "ftp://localhost",
        "http://localhost:8000",
        "http://a@localhost",
        "http://mcp.example.com:1/",
    ];
    const CONTENT_TYPES: &[&str] = &[
        "application/json",
        "Application/JSON ; charset=UTF-8",
        r#"application/json;charset="utf-8""#,
        "application/json; charset=latin1",
        "text/plain",
        "application/json-rpc",
        "-",
        "",
        "application/json, text/plain",
        "application/json;;x=y",
    ];
    const ACCEPTS: &[&str] = &[
        "-",
        "*/*",
        "application/json, text/event-stream",
        "TEXT/*;q=0.5",
        "text/event-stream;q=0",
        "application/*;q=0.0, application/json",
        "*/*;Q=0.000",
        "text/html",
        "",
        "application/json;q=0,application/json",
        "text/event-stream ; q=0",
    ];
    const TARGETS: &[&str] = &[
        "/mcp",
        "/mcp/",
        "/mcp//",
        "/a/b~c?x#y",
        "/a/b%7Ec?x",
        "/%6dcp",
        "/mcp%2F",
        "/mcp%2",
        "*",
        "/",
        "http://localhost/mcp",
        "HTTPS://LocalHost",
        "http://localhost?x",
        "ftp://a/",
        "mcp",
        "//mcp",
        "http://b/%zz",
    ];
    const VALUES: &[&str] = &[
        "1-1",
        "0-0",
        "01-1",
        "4294967295-18446744073709551615",
        "4294967296-1",
        "+1-1",
        "1-",
        "0123456789abcdef0123456789abcdef",
        "0123456789ABCDEF0123456789abcdef",
        "=?base64?SGk=?=",
        "=?base64?SGl=?=",
        "=?base64?SGk?=",
        "=?base64?=?=",
        "=?base64??=",
        "=?base64?/w==?=",
        "plain",
        "=?base64?4pyT",
        "\u{e9}",
    ];
    let lists = [HOSTS, ORIGINS, CONTENT_TYPES, ACCEPTS, ACCEPTS, TARGETS, VALUES];
    let lines = lists.map(select::<&'static str>);
    broken(Vec::from(lines).prop_map(|lines| lines.join("\n").into_bytes()))
}

/// For [`sse`](super::sse).
pub fn events() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: &[&str] = &[
        "\u{0}",
        "\n",
        "\r",
        "\r\n",
        "\n\n",
        "data: x\n\n",
        "id: 1\n",
        "event: x\n",
        "retry: 1\n",
        ": comment",
        " ",
        r#"{"a": 1}"#,
        "\u{feff}",
        "\u{2028}",
        "\"\\n\"",
        "\u{e9}",
    ];
    let event = (any::<u8>(), any::<u8>(), soup(PARTS))
        .prop_map(|(kind, number, data)| [&[kind, number], &data[..], &[0]].concat());
    (any::<u8>(), vec(event, 0..5))
        .prop_map(|(first, events)| [&[first], &events.concat()[..]].concat())
}

/// For [`request_state`](super::request_state).
pub fn states() -> impl Strategy<Value = Vec<u8>> {
    const TEXTS: &[&str] = &["", "shop", "bookshop", "a", "b", "\u{e9}"];
    const ARGUMENTS: &[&str] = &[
        "",
        "{}",
        "{ }",
        r#"{"a":1,"b":[2,3]}"#,
        r#"{ "b" : [2, 3], "a" : 1 }"#,
        r#"{"a":1.0,"b":[2,3]}"#,
        r#"{"a":{"x":1,"y":2},"a":1}"#,
        r#"{"a":1,"a":{"y":2,"x":1}}"#,
        r#"{"a":{"y":2,"x":1},"a":1}"#,
        "{\"\\u0061\":1}",
        r#"{"a\"":1,"a":"}"}"#,
        "[1]",
    ];
    let twins = |list: &'static [&'static str]| {
        let apart = (select(list), select(list));
        prop_oneof![2 => select(list).prop_map(|text| (text, text)), 1 => apart]
    };
    let parts = (twins(TEXTS), twins(TEXTS), twins(TEXTS), twins(ARGUMENTS));
    let state =
        prop_oneof![2 => "[A-Za-z0-9_-]{0,80}".prop_map(String::into_bytes), 1 => Just(Vec::new())];
    // Around the end of its life, among others.
    let position = prop_oneof![3 => 0..2000_u16, 1 => 598..603_u16];
    // The methods are mostly alike.
    let what = (0..40_u8, select(vec![0_u8, 0, 0xc0, 0x80])).prop_map(|(what, bits)| what | bits);
    (what, position, parts, state).prop_map(
        |(what, position, (server, who, name, arguments), state)| {
            let lines =
                [server.0, server.1, who.0, who.1, name.0, name.1, arguments.0, arguments.1, ""];
            let first = [&[what], &position.to_be_bytes()[..]].concat();
            [&first[..], lines.join("\n").as_bytes(), &state].concat()
        },
    )
}

/// For [`uri_template`](super::uri_template).
pub fn templates() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: &[&str] = &[
        "{x}", "{+y}", "{#z}", "{.v}", "{/w}", "{;u}", "{?p,q}", "{&p}", "{x:3}", "{x*}", "{!x}",
        "{x", "}", "{a.b}", "{.a.b}", "{..a}", "/", "//", "/b", "a", ":", "@", "?", "?p=", "%",
        "\u{e9}",
    ];
    const URIS: &[&str] = &[
        "/", "//", "/b", "a", "b1", ":", "@", "?", "?p=1", "&q=2", "&p=", "=", "%41", "%2F", "%",
        "%ff", "%c3%a9", "\u{e9}", "#", ";u=", ".", "a.b", "~",
    ];
    let apart = (soup(PARTS), soup(URIS)).prop_map(|(template, uri)| [template, uri].join(&b'\n'));
    // Expressions, and what they could have made.
    const FITTING: &[(&str, &[&str])] = &[
        ("/", &["/"]),
        ("/b", &["/b"]),
        ("@", &["@"]),
        ("{+y}", &["a", "a/b", "/b1/b", "x@y@", "a?p=1"]),
        ("{x}", &["1", "b", "%2f", "a.b"]),
        ("{.v}", &[".1", ".a"]),
        ("{/w}", &["/1", "/b"]),
        ("{;u}", &[";u=1"]),
        ("{#z}", &["#", "#a/b"]),
        ("{?p,q}", &["", "?p=1", "?q=2&p=%26", "?r=1"]),
        ("{&p}", &["", "&p=1"]),
    ];
    let part = select(FITTING).prop_flat_map(|(part, uris)| (Just(part), select(uris)));
    let fitting = vec(part, 0..6).prop_map(|parts| {
        let (template, uri): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        [template.concat(), uri.concat()].join("\n").into_bytes()
    });
    prop_oneof![1 => apart, 2 => fitting]
}

/// Some of the parts, in any order.
fn soup(parts: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    vec(select(parts), 0..8).prop_map(|parts| parts.concat().into_bytes())
}

/// Mostly as it is, and otherwise with a few bytes changed, cut out, or put in.
fn broken(whole: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    const BYTES: &[u8] = b"\r\n \t\0\x0b\x7f\xff:;,=\"\\{}[]0/%-aZ";
    let change = (any::<prop::sample::Index>(), 0..3_u8, select(BYTES));
    let changes = prop_oneof![3 => Just(Vec::new()), 2 => vec(change, 1..4)];
    (whole, changes).prop_map(|(mut bytes, changes)| {
        for (at, how, byte) in changes {
            let at = at.index(bytes.len() + 1);
            match how {
                0 if at < bytes.len() => bytes[at] = byte,
                1 if at < bytes.len() => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}
