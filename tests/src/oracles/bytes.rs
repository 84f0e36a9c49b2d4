//! Raw bytes into a session with the default configuration, and an application that answers each
//! call at once: no panic, answers that can be read, and the same ones however the bytes come.

use std::sync::{Arc, LazyLock};

use mcp_proto::{CallToolResult, Config, Endpoint, Input, Output, Reply, ServerInfo, Session};

use super::{NOW, ragged};
use crate::http::read_responses;
use crate::sent::read_requests;

static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let mut info = ServerInfo::new("bytes", "1");
    info.capabilities.tools.get_or_insert_default();
    Arc::new(Config::new([Endpoint::new("/mcp", info).expect("a path")]))
});

/// Checks what is answered to bytes. The first of them says how the others are split.
pub fn check(input: &[u8]) {
    let [seed, stream @ ..] = input else {
        return;
    };
    let whole = answer([stream]);
    let mut length = ragged(u64::from(*seed));
    let mut rest = stream;
    let pieces = std::iter::from_fn(|| {
        let (piece, behind) = rest.split_at(length().min(rest.len()));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    });
    let split = answer(pieces);
    if whole != split {
        let [whole, split] = [whole, split].map(|bytes| bytes.escape_ascii().to_string());
        panic!("{whole}\nand, in pieces of {seed}, {split}");
    }
    if !whole.is_empty() {
        check_responses(&whole, stream);
    }
}

/// All that is sent to a peer that reads at once.
fn answer<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut session = Session::new(CONFIG.clone(), NOW);
    let mut sent = Vec::new();
    for piece in pieces {
        session.handle(NOW, Input::Bytes(piece));
        loop {
            while let Some(output) = session.poll_output() {
                if let Output::Call(call) = output {
                    let text = CallToolResult::text(call.request().name());
                    session.handle(NOW, Input::Reply(call.key(), Reply::Tool(text)));
                }
            }
            let count = session.transmit().len();
            if count == 0 {
                break;
            }
            sent.extend_from_slice(session.transmit());
            session.handle(NOW, Input::Written(count));
        }
    }
    sent
}

fn check_responses(sent: &[u8], stream: &[u8]) {
    // Only the answers to these have no body.
    let has_head = stream.windows(5).any(|method| method == b"HEAD ");
    let requests = if has_head { read_requests(stream) } else { Vec::new() };
    let is_head =
        |number: usize, _| requests.get(number).is_some_and(|request| request.method == "HEAD");
    let responses = read_responses(sent, is_head).finals;
    for response in &responses {
        for message in response.messages() {
            let read: serde_json::Result<&serde_json::value::RawValue> =
                serde_json::from_str(message);
            assert!(read.is_ok(), "{message}");
        }
    }
}
