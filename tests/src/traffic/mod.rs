//! What peers send: valid requests of every revision, invalid ones of every kind, and valid ones
//! with something broken.

mod invalid;
mod sessions;

pub use invalid::invalid_requests;
pub use sessions::{in_session, visit};

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use invalid::{invalid, mutation};
use sessions::session;

use crate::script::PAGE;

/// A request that the server accepts.
pub fn valid() -> impl Strategy<Value = Vec<u8>> {
    (message(), http(), session())
        .prop_map(|(message, http, session)| Http { session, ..http }.request(&message))
}

/// A call that nothing stands in the way of, on a connection that goes on.
pub fn call() -> impl Strategy<Value = Vec<u8>> {
    let versions = [None, Some("2025-03-26"), Some("2025-06-18"), Some("2025-11-25")];
    let legacy = (select(versions.to_vec()), arguments()).prop_map(|(version, arguments)| {
        Message { version, method: "", name: None, json: legacy_call("$TOKEN", &arguments) }
    });
    let modern = arguments()
        .prop_map(|arguments| ModernAsk::CallTool("echo", arguments).message("$ID", "$TOKEN"));
    (prop_oneof![legacy, modern], id(), token(), http()).prop_map(|(message, id, token, http)| {
        let json = message.json.replace("$ID", &id).replace("$TOKEN", &token);
        let stands_in_the_way = http.extra.contains("close") || http.extra.contains("app.example");
        let extra = if stands_in_the_way { "" } else { http.extra };
        // What is pinned to one form is refused to who takes the other.
        let accept = if http.accept.contains("*/*") { http.accept } else { "" };
        // Smaller ones come to more framing than is put up with.
        let chunks = http.chunks.iter().map(|size| *size.max(&20)).collect();
        let http = Http { is_http10: false, accept, extra, chunks, ..http };
        http.request(&Message { json, ..message })
    })
}

/// A request to listen to all there is.
pub fn listen() -> impl Strategy<Value = Vec<u8>> {
    (id(), http()).prop_map(|(id, http)| {
        let accept = "Accept: */*\r\n";
        Http { accept, target: "/mcp", ..http }
            .request(&ModernAsk::Listen(FILTERS[0]).message(&id, ""))
    })
}

/// Any request: mostly valid, sometimes invalid, sometimes broken.
pub fn any_request() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        9 => valid(),
        1 => bodyless(),
        1 => preflight(),
        1 => invalid(),
        1 => refused_batch(),
        5 => in_session(),
        2 => (valid(), vec(mutation(), 1..3)).prop_map(|(request, mutations)| {
            mutations.into_iter().fold(request, |request, mutation| mutation.apply(request))
        }),
    ]
}

/// A request without a body, which is answered with a refusal that keeps the connection.
pub fn bodyless() -> impl Strategy<Value = Vec<u8>> {
    let lines =
        ["GET /mcp HTTP/1.1", "DELETE /mcp HTTP/1.1", "HEAD /mcp HTTP/1.1", "GET / HTTP/1.1"];
    select(lines.to_vec()).prop_map(|line| {
        format!("{line}\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n").into_bytes()
    })
}

/// What the browser of a page on another site asks before it sends a request.
fn preflight() -> impl Strategy<Value = Vec<u8>> {
    let names = select(vec!["", "Access-Control-Request-Headers: mcp-param-n,x\r\n"]);
    (select(vec!["/mcp", "/other/mcp", "/"]), names).prop_map(|(path, names)| {
        format!(
            "OPTIONS {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: {PAGE}\r\n\
             Access-Control-Request-Method: POST\r\n{names}\r\n"
        )
        .into_bytes()
    })
}

/// What is sent, and what its head has to say about it.
#[derive(Clone, Debug)]
struct Message {
    version: Option<&'static str>,
    method: &'static str,
    name: Option<&'static str>,
    json: String,
}

const MODERN: &str = "2026-07-28";

fn message() -> impl Strategy<Value = Message> {
    let versions = [None, Some("2025-03-26"), Some("2025-06-18"), Some("2025-11-25")];
    prop_oneof![
        (select(versions.to_vec()), legacy_ask(), id()).prop_map(|(version, ask, id)| Message {
            version,
            method: "",
            name: None,
            json: ask.replace("$ID", &id),
        }),
        (modern_ask(), id(), token()).prop_map(|(ask, id, token)| ask.message(&id, &token)),
        (select(versions[..2].to_vec()), batch(1..5)).prop_map(|(version, json)| Message {
            version,
            method: "",
            name: None,
            json,
        }),
    ]
}

/// Several messages at once, most of them requests, some of them no messages.
fn batch(size: Range<usize>) -> impl Strategy<Value = String> {
    let member = prop_oneof![
        12 => (legacy_ask(), id()).prop_map(|(ask, id)| ask.replace("$ID", &id)),
        2 => select(NO_MEMBERS.to_vec()).prop_map(String::from),
    ];
    vec(member, size).prop_map(|members| format!(" [{}\n]", members.join(", ")))
}

/// What a batch answers with an error in its place.
const NO_MEMBERS: [&str; 9] = [
    "1",
    "null",
    "[]",
    "{}",
    r#"{"jsonrpc":"1.0","id":4,"method":"ping"}"#,
    r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
    r#"{"jsonrpc":"2.0","id":5,"id":6,"method":"ping"}"#,
    r#"{"jsonrpc":"2.0","id":7,"method":"ping","result":{}}"#,
    r#"{"jsonrpc":"2.0","id":8,"method":"tools/call","params":[]}"#,
];

/// A batch that is refused: there are too many members, or none, or the revision has no batches.
fn refused_batch() -> impl Strategy<Value = Vec<u8>> {
    let versions = [None, Some("2025-03-26"), Some("2025-06-18"), Some("2025-11-25"), Some("x")];
    let json = prop_oneof![batch(0..1), batch(1..3), Just(format!("[{}1]", "1,".repeat(100)))];
    (select(versions.to_vec()), json, http()).prop_map(|(version, json, http)| {
        http.request(&Message { version, method: "", name: None, json })
    })
}

/// Ids that a client may choose, as JSON: every type and size of them.
fn id() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..100_000_u32).prop_map(|number| number.to_string()),
        4 => (0..100_000_u32).prop_map(|number| format!("\"{number}\"")),
        1 => select(vec![
            "-1", "-0", "0", "9223372036854775807", "92233720368547758080000", "\"\"",
            "\"\\u0041\\n\\\"\"", "\"é世\"",
        ]).prop_map(String::from),
    ]
}

/// A `progressToken` member with the comma behind it, or nothing.
fn token() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just(String::new()),
        3 => id().prop_map(|id| format!("\"progressToken\": {id},")),
    ]
}

/// Arguments as JSON, or nothing.
fn arguments() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..100_000_u32).prop_map(|number| format!(",\"arguments\":{{\"n\":{number}}}")),
        1 => select(vec![
            "",
            ",\"arguments\":null",
            ",\"arguments\" : { \"a\\u0000\\\"\":\n [1, {\"b\":\"é\\\\\"}], \"c\":-1.5e3 }",
        ]).prop_map(String::from),
        1 => (1..600_usize).prop_map(|n| format!(",\"arguments\":{{\"s\":\"{}\"}}", "y".repeat(n))),
    ]
}

fn legacy_ask() -> impl Strategy<Value = String> {
    let fixed = [
        r#"{"jsonrpc":"2.0","id":$ID,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","method":"ping","id":$ID,"params":{}}"#,
        r#"{"jsonrpc":"2.0","id":$ID,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#,
        r#"{"jsonrpc":"2.0","id":$ID,"method":"initialize","params":{"protocolVersion":"1"}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
        r#"{"jsonrpc":"2.0","id":$ID,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":$ID,"method":"tools/list"}"#,
        r#" {"jsonrpc":"2.0","id":$ID,"method":"tools/list","params":{"cursor":null}} "#,
        r#"{"jsonrpc":"2.0","id":$ID,"method":"tools/list","params":{"cursor":"ZWNobw=="}}"#,
        r#"{"jsonrpc":"2.0","id":$ID,"method":"prompts/list"}"#,
        r#"{"jsonrpc":"2.0","id":$ID,"method":"prompts/list","params":{"cursor":"?"}}"#,
        r#"{"jsonrpc":"2.0","id":$ID,"method":"prompts/get","params":{"name":"echo"}}"#,
        r#"{"jsonrpc":"2.0","id":$ID,"method":"resources/list"}"#,
        r#"{"jsonrpc":"2.0","id":$ID,"method":"resources/templates/list"}"#,
        r#"{"jsonrpc":"2.0","id":$ID,"method":"resources/read","params":{"uri":"law:one"}}"#,
        r#"{"jsonrpc":"2.0","id":$ID,"method":"resources/read","params":{"uri":"law:7"}}"#,
        r#"{"jsonrpc":"2.0","id":$ID,"method":"resources/read","params":{"uri":"no:7"}}"#,
        r#"{"jsonrpc":"2.0","id":$ID,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"echo"},"argument":{"name":"a","value":"x"}}}"#,
        r#"{"jsonrpc":"2.0","id":$ID,"method":"sampling/createMessage"}"#,
    ];
    prop_oneof![
        2 => select(fixed.to_vec()).prop_map(String::from),
        3 => (token(), arguments()).prop_map(|(token, arguments)| legacy_call(&token, &arguments)),
    ]
}

fn legacy_call(token: &str, arguments: &str) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":$ID,\"method\":\"tools/call\",\"params\":\
         {{\"_meta\":{{{token}\"x\":1}},\"name\":\"echo\"{arguments}}}}}"
    )
}

#[derive(Clone, Debug)]
enum ModernAsk {
    Discover,
    ListTools,
    CallTool(&'static str, String),
    ListPrompts,
    GetPrompt(String),
    ListResources,
    ReadResource(&'static str),
    Complete(&'static str),
    Listen(&'static str),
    Extension(&'static str, &'static str),
    Retry(&'static str),
    Unknown,
    Notify,
}

fn modern_ask() -> impl Strategy<Value = ModernAsk> {
    prop_oneof![
        1 => Just(ModernAsk::Discover),
        1 => Just(ModernAsk::ListTools),
        4 => (select(vec!["echo", "list", "été", "e\\\"o"]), arguments())
            .prop_map(|(name, arguments)| ModernAsk::CallTool(name, arguments)),
        1 => prop_oneof![Just(ModernAsk::ListPrompts), Just(ModernAsk::ListResources)],
        1 => arguments().prop_map(ModernAsk::GetPrompt),
        1 => select(vec!["law:one", "law:2", "no:3"]).prop_map(ModernAsk::ReadResource),
        1 => select(vec!["echo", "nobody"]).prop_map(ModernAsk::Complete),
        1 => select(EXTENSIONS.to_vec())
            .prop_map(|(method, rest)| ModernAsk::Extension(method, rest)),
        2 => select(FILTERS.to_vec()).prop_map(ModernAsk::Listen),
        1 => select(RETRIES.to_vec()).prop_map(ModernAsk::Retry),
        1 => Just(ModernAsk::Unknown),
        1 => Just(ModernAsk::Notify),
    ]
}

/// What clients listen to: all that is offered, some of it, nothing of it, nothing that could be.
const FILTERS: [&str; 6] = [
    "{\"toolsListChanged\":true,\"promptsListChanged\":true,\"resourceSubscriptions\":\
     [\"law:one\",\"law:%22\",\"law:one\"]}",
    "{\"toolsListChanged\":true}",
    "{\"resourceSubscriptions\":[\"law:one\"],\"toolsListChanged\":false,\"x\":1}",
    "{}",
    "{\"toolsListChanged\":1}",
    "[]",
];

/// Methods that are no part of MCP, with what only they know.
const EXTENSIONS: [(&str, &str); 4] = [
    ("laws/get", "\"law\":\"one\",\"x\":[1]"),
    ("laws/get", "\"law\":1"),
    ("laws/get", "\"no\":\"law\""),
    ("laws/count", "\"from\":{\"law\":1}"),
];

/// What clients bring with them when they ask again.
const RETRIES: [&str; 5] = [
    "\"inputResponses\":{\"a\":{\"action\":\"decline\"}},\"requestState\":\"s\\u00e9\"",
    "\"inputResponses\":null,\"requestState\":null",
    "\"inputResponses\":{}",
    "\"inputResponses\":[]",
    "\"requestState\":7",
];

impl ModernAsk {
    fn message(self, id: &str, token: &str) -> Message {
        let (method, name, rest) = match self {
            Self::Discover => ("server/discover", None, String::new()),
            Self::ListTools => ("tools/list", None, String::new()),
            Self::CallTool(name, arguments) => ("tools/call", Some(name), arguments),
            Self::ListPrompts => ("prompts/list", None, String::new()),
            Self::GetPrompt(arguments) => ("prompts/get", Some("echo"), arguments),
            Self::ListResources => ("resources/list", None, String::new()),
            Self::ReadResource(uri) => ("resources/read", Some(uri), String::new()),
            Self::Complete(name) => (
                "completion/complete",
                None,
                format!(
                    ",\"ref\":{{\"type\":\"ref/prompt\",\"name\":\"{name}\"}},\
                     \"argument\":{{\"name\":\"a\",\"value\":\"\"}}"
                ),
            ),
            Self::Listen(filter) => {
                ("subscriptions/listen", None, format!(",\"notifications\":{filter}"))
            }
            Self::Extension(method, rest) => (method, None, format!(",{rest}")),
            Self::Retry(rest) => ("tools/call", Some("echo"), format!(",{rest}")),
            Self::Unknown => ("tools/burn", None, String::new()),
            Self::Notify => ("notifications/whatever", None, String::new()),
        };
        let member = if method == "resources/read" { "uri" } else { "name" };
        let named = name.map(|name| format!("\"{member}\":\"{name}\",")).unwrap_or_default();
        let id = match method {
            "notifications/whatever" => String::new(),
            _ => format!("\"id\":{id},"),
        };
        Message {
            version: Some(MODERN),
            method,
            // As header fields have it: ASCII as it is, all else in Base64.
            name: match name {
                None if method == "laws/get" => Some("one"),
                Some("été") => Some("=?base64?w6l0w6k=?="),
                Some("e\\\"o") => Some("e\"o"),
                other => other,
            },
            json: format!(
                "{{\"jsonrpc\":\"2.0\",{id}\"method\":\"{method}\",\"params\":{{{named}\
                 \"_meta\":{{{token}\"io.modelcontextprotocol/protocolVersion\":\"{MODERN}\",\
                 \"io.modelcontextprotocol/clientCapabilities\":{{}}}}{rest}}}}}"
            ),
        }
    }
}

/// How a message is carried.
#[derive(Clone, Debug)]
struct Http {
    target: &'static str,
    is_http10: bool,
    accept: &'static str,
    session: Option<&'static str>,
    /// Further field lines.
    extra: &'static str,
    /// The sizes of chunks, taken in turns; without any, the length is announced.
    chunks: Vec<usize>,
    /// Behind each chunk's size.
    extension: &'static str,
    trailers: &'static str,
    /// Empty lines in front of the request.
    blank: &'static str,
}

fn http() -> impl Strategy<Value = Http> {
    let targets = vec![
        "/mcp",
        "/mcp",
        "/mcp",
        "/mcp/",
        "/mcp?a=b",
        "/%6Dcp",
        "/other/mcp",
        "/oth%65r/mcp/",
        "http://localhost/mcp",
        "HTTP://LOCALHOST/other/mcp",
    ];
    let accepts = vec![
        "",
        "",
        "Accept: application/json, text/event-stream\r\n",
        "Accept: application/json\r\n",
        "Accept: text/event-stream\r\n",
        "accept: */*;q=0.5\r\n",
    ];
    let extras = vec![
        "",
        "",
        "",
        "Connection: close\r\n",
        "Connection: keep-alive\r\n",
        "Expect: 100-continue\r\n",
        "Origin: http://localhost\r\n",
        "Origin: https://app.example.com\r\n",
        "X-Empty:\r\nX-Other: \t a b \r\n",
    ];
    let chunks = prop_oneof![3 => Just(Vec::new()), 2 => vec(1..200_usize, 1..4)];
    (
        select(targets),
        prop::bool::weighted(0.15),
        select(accepts),
        select(extras),
        chunks,
        select(vec!["", "", ";a", ";a=\"b\";c"]),
        select(vec!["", "", "X-Sum: 1\r\n"]),
        select(vec!["", "", "", "\r\n", "\r\n\r\n"]),
    )
        .prop_map(|(target, is_http10, accept, extra, chunks, extension, trailers, blank)| {
            Http {
                target,
                is_http10,
                accept,
                session: None,
                extra,
                chunks,
                extension,
                trailers,
                blank,
            }
        })
}

impl Http {
    fn request(&self, message: &Message) -> Vec<u8> {
        let version = if self.is_http10 { "1.0" } else { "1.1" };
        let mut text = format!(
            "{}POST {} HTTP/{version}\r\nHost: localhost\r\nContent-Type: application/json\r\n{}{}",
            self.blank, self.target, self.accept, self.extra
        );
        if let Some(version) = message.version {
            text += &format!("MCP-Protocol-Version: {version}\r\n");
        }
        if let Some(session) = self.session {
            text += &format!("Mcp-Session-Id: {session}\r\n");
        }
        if message.version == Some(MODERN) {
            text += &format!("Mcp-Method: {}\r\n", message.method);
        }
        if let Some(name) = message.name {
            text += &format!("mcp-name: {name}\r\n");
        }
        // HTTP/1.0 knows no chunks.
        if self.chunks.is_empty() || self.is_http10 {
            text += &format!("Content-Length: {}\r\n\r\n{}", message.json.len(), message.json);
            return text.into_bytes();
        }
        text += "Transfer-Encoding: chunked\r\n\r\n";
        let mut request = text.into_bytes();
        let mut rest = message.json.as_bytes();
        for &size in self.chunks.iter().cycle() {
            let (chunk, behind) = rest.split_at(size.min(rest.len()));
            request
                .extend_from_slice(format!("{:x}{}\r\n", chunk.len(), self.extension).as_bytes());
            if chunk.is_empty() {
                request.extend_from_slice(self.trailers.as_bytes());
                request.extend_from_slice(b"\r\n");
                break;
            }
            request.extend_from_slice(chunk);
            request.extend_from_slice(b"\r\n");
            rest = behind;
        }
        request
    }
}
