//! Sealed state: it opens for what it was sealed for, until it expires, and for nothing else.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use mcp_proto::{
    Call, Config, Endpoint, McpMethod, Output, PromptsCapability, ServerInfo, Session,
};
use mcp_server::StateKeys;
use mcp_server::internals::{Caller, Opened, open, seal};
use serde_json::json;
use serde_json::value::RawValue;

use super::json::{Json, Kind};
use super::{NOW, lines, receive};

const SEALED_AT: u64 = 1_800_000_000;
const LIFETIME: u64 = 600;

/// Checks what becomes of some state. The first byte says what happens to it on its way, the next
/// two where; then come lines: what it is sealed for, each twice, so that the second can be
/// another. They are the server, the principal, the name, and the arguments. The rest is any state.
pub fn check(input: &[u8]) {
    let [what, high, low, input @ ..] = input else {
        return;
    };
    let position = usize::from(u16::from_be_bytes([*high, *low]));
    let (lines, any_state) = lines::<8>(input);
    let [server, server2, principal, principal2, name, name2, arguments, arguments2] =
        lines.map(|line| String::from_utf8_lossy(line).into_owned());
    let method = |bit: u8| if what & bit == 0 { "tools/call" } else { "prompts/get" };
    // An empty line is nobody.
    let nobody = |principal: String| Some(principal).filter(|it| !it.is_empty());
    let from = Asker::new(server, nobody(principal), method(0x40), name, &arguments);
    let to = || Asker::new(server2, nobody(principal2), method(0x80), name2, &arguments2);

    let (keys, others) = (StateKeys::new([7; 32]).lifetime(lifetime()), StateKeys::new([8; 32]));
    let outcome = json!(input.len()).to_string();
    let raw = RawValue::from_string(outcome.clone()).expect("a number is JSON");
    let nonce = [position as u8; 24];
    let sealed = seal(&keys, SEALED_AT, nonce, from.caller(), raw.clone()).expect("it is small");
    let opened = |keys, now, asker: &Asker, state: &str| open(keys, now, asker.caller(), state);
    let good = Opened::Outcome(outcome);
    assert_eq!(opened(&keys, SEALED_AT, &from, &sealed), good);

    match what & 0x3f {
        // For somebody or something else.
        0..8 => {
            let to = to();
            let expected = if from.is_alike(&to) { good } else { Opened::Invalid };
            assert_eq!(opened(&keys, SEALED_AT, &to, &sealed), expected);
        }
        // At another time.
        8 => {
            let now = SEALED_AT + position as u64;
            let expected = if position as u64 <= LIFETIME { good } else { Opened::Expired };
            assert_eq!(opened(&keys, now, &from, &sealed), expected);
        }
        // With other keys, some of which are known.
        9 => {
            assert_eq!(opened(&others, SEALED_AT, &from, &sealed), Opened::Invalid);
            assert_eq!(opened(&others.clone().previous([7; 32]), SEALED_AT, &from, &sealed), good);
        }
        // Cut or longer.
        10 => {
            let cut = &sealed[..position % sealed.len()];
            assert_eq!(opened(&keys, SEALED_AT, &from, cut), Opened::Invalid);
            let more = format!("{sealed}{}", char::from(*low));
            assert_eq!(opened(&keys, SEALED_AT, &from, &more), Opened::Invalid);
        }
        // One bit is another.
        11..32 => {
            let mut bytes = sealed.clone().into_bytes();
            let bit = position % (8 * bytes.len());
            bytes[bit / 8] ^= 1 << (bit % 8);
            let flipped = String::from_utf8_lossy(&bytes);
            assert_eq!(opened(&keys, SEALED_AT, &from, &flipped), Opened::Invalid);
        }
        // Made up.
        _ => {
            let made_up = String::from_utf8_lossy(any_state);
            let expected = if made_up == sealed { good } else { Opened::Invalid };
            assert_eq!(opened(&keys, SEALED_AT, &from, &made_up), expected);
        }
    }
}

const fn lifetime() -> Duration {
    Duration::from_secs(LIFETIME)
}

/// A caller and what it asks for.
struct Asker {
    server: String,
    principal: Option<String>,
    name: String,
    arguments: String,
    call: Call,
}

static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let mut info = ServerInfo::new("sealed", "1");
    info.capabilities.tools.get_or_insert_default();
    info.capabilities.prompts = Some(PromptsCapability::default());
    Arc::new(Config::new([Endpoint::new("/", info).expect("a path")]))
});

impl Asker {
    /// Arguments that are none count as empty ones.
    fn new(
        server: String,
        principal: Option<String>,
        method: &str,
        name: String,
        arguments: &str,
    ) -> Self {
        let is_right = |text: &&str| {
            let brackets = text.bytes().filter(|byte| b"[{".contains(byte)).count();
            brackets < 60 && Json::read(text).is_some_and(|json| json.is_object())
        };
        let arguments = Some(arguments).filter(is_right).unwrap_or("{}").trim_ascii().to_owned();
        // Its state is opened in any revision.
        let name_json = json!(name);
        let body = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\",\
             \"params\":{{\"name\":{name_json},\"arguments\":{arguments}}}}}"
        );
        let head = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        let mut session = Session::new(CONFIG.clone(), NOW);
        let mut outputs = receive(&mut session, &[head.as_bytes(), body.as_bytes()].concat());
        match outputs.pop() {
            Some(Output::Call(call)) => Self { server, principal, name, arguments, call },
            other => panic!("no call but {other:?} of {body}"),
        }
    }

    fn caller(&self) -> Caller<'_> {
        Caller {
            server: &self.server,
            principal: self.principal.as_deref(),
            request: self.call.request(),
        }
    }

    fn method(&self) -> McpMethod {
        self.call.request().method()
    }

    /// Whether the one may bring what the other was given.
    fn is_alike(&self, other: &Self) -> bool {
        let read = |asker: &Self| Json::read(&asker.arguments).map(|json| sorted(&json));
        (&self.server, &self.principal, &self.name, self.method())
            == (&other.server, &other.principal, &other.name, other.method())
            && read(self) == read(other)
    }
}

/// The value as it was written, but for white space and the order of members with other names.
fn sorted(json: &Json<'_>) -> String {
    match &json.kind {
        Kind::Array(items) => {
            let items: Vec<_> = items.iter().map(sorted).collect();
            format!("[{}]", items.join(" "))
        }
        Kind::Object(members) => {
            // Names as they were written, in their quotes.
            let mut members: Vec<_> =
                members.iter().map(|(name, value)| (name.text, sorted(value))).collect();
            members.sort_by_key(|(name, _)| *name);
            let members: Vec<_> =
                members.iter().map(|(name, value)| format!("{name} {value}")).collect();
            format!("{{{}}}", members.join(" "))
        }
        _ => json.text.to_owned(),
    }
}
