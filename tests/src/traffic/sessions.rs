//! What peers send in sessions of the 2025 revisions.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Http, Message, http, id, legacy_ask};

/// What is sent in a session, be it one that is there or not.
pub fn in_session() -> impl Strategy<Value = Vec<u8>> {
    in_session_called(session_id())
}

/// A few requests in one session that is there.
pub fn visit() -> impl Strategy<Value = Vec<u8>> {
    let requests = |session| {
        let subscribe = http().prop_map(move |http| {
            let json = SUBSCRIBE.to_owned();
            let message = Message { version: None, method: "", name: None, json };
            Http { session: Some(session), is_http10: false, ..http }.request(&message)
        });
        let initialize = http().prop_map(|http| {
            let json = INITIALIZE.to_owned();
            let message = Message { version: None, method: "", name: None, json };
            Http { is_http10: false, ..http }.request(&message)
        });
        let request = prop_oneof![
            8 => in_session_called(Just(session)),
            2 => subscribe,
            1 => initialize,
        ];
        vec(request, 1..6)
    };
    select(SESSIONS.to_vec()).prop_flat_map(requests).prop_map(|requests| requests.concat())
}

fn in_session_called(
    session: impl Strategy<Value = &'static str> + Clone,
) -> impl Strategy<Value = Vec<u8>> {
    let versions = [None, None, Some("2025-03-26"), Some("2025-11-25")];
    let line = select(vec!["GET", "GET", "GET", "DELETE"]);
    let last_seen = select(vec![
        "",
        "",
        "",
        "Last-Event-ID: 1-0\r\n",
        "Last-Event-ID: 1-1\r\n",
        "Last-Event-ID: 1-1\r\n",
        "Last-Event-ID: 2-0\r\n",
        "Last-Event-ID: 2-1\r\n",
        "Last-Event-ID: 1-99\r\n",
        "Last-Event-ID: x\r\n",
    ]);
    prop_oneof![
        3 => (select(versions.to_vec()), session_ask(), http(), session.clone()).prop_map(
            |(version, json, http, session)| {
                let message = Message { version, method: "", name: None, json };
                Http { session: Some(session), ..http }.request(&message)
            }
        ),
        1 => (line, session, last_seen, select(vec!["1", "1", "0"])).prop_map(
            |(method, session, last_seen, minor)| {
                format!(
                    "{method} /mcp HTTP/1.{minor}\r\nHost: localhost\r\nAccept: */*\r\n\
                     Mcp-Session-Id: {session}\r\n{last_seen}\r\n"
                )
                .into_bytes()
            }
        ),
    ]
}

fn ask_with_token(id: &str) -> String {
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"_meta\":\
         {{\"progressToken\":{id}}},\"name\":\"echo\",\"arguments\":{{\"n\":1}}}}}}"
    )
}

/// Those that there are, one of each revision.
const SESSIONS: [&str; 3] = [
    "00000000000000000000000000000001",
    "00000000000000000000000000000002",
    "00000000000000000000000000000003",
];

/// One that there is, one that a script may begin, or one that never was.
fn session_id() -> impl Strategy<Value = &'static str> + Clone {
    let others = ["00000000000000000000000000000004", "000000000000000000000000000000FF", "1"];
    prop_oneof![2 => select(SESSIONS.to_vec()), 1 => select(others.to_vec())]
}

pub(super) fn session() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![2 => Just(None), 1 => session_id().prop_map(Some)]
}

const INITIALIZE: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#;

const SUBSCRIBE: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"law:one"}}"#;

/// What means something in a session.
fn session_ask() -> impl Strategy<Value = String> {
    let fixed = [
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
        INITIALIZE,
        r#"{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"error"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"loud"}}"#,
        SUBSCRIBE,
        r#"{"jsonrpc":"2.0","id":1,"method":"resources/unsubscribe","params":{"uri":"law:one"}}"#,
    ];
    let member = prop_oneof![
        2 => select(fixed.to_vec()).prop_map(String::from),
        3 => select(vec!["1", "2", "\"1\""]).prop_map(ask_with_token),
    ];
    prop_oneof![
        1 => select(fixed.to_vec()).prop_map(String::from),
        2 => (legacy_ask(), id()).prop_map(|(ask, id)| ask.replace("$ID", &id)),
        1 => select(vec!["1", "\"1\""]).prop_map(ask_with_token),
        1 => vec(member, 1..5).prop_map(|members| format!("[{}]", members.join(","))),
    ]
}
