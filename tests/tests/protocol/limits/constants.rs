//! Limits that nobody can set: caps on those that can, and what is quoted of others.
//!
//! How many values a completion has, and how much longer a question may take with progress, is
//! tested where it is settled: `completion.rs` and `hub/tests/questions.rs` in `mcp-proto`.

use mcp_proto::{Catalog, ElicitSchema, Limits, Offer, Refusal, Tool};
use mcp_tests::peer::{PING, begin_chunks, post};
use serde_json::json;

use super::{PIECES, is_refused, is_served, peer};

/// Offsets into a head have 16 bits.
#[test]
fn heads_of_65_535_bytes() {
    let bare = post("X: \r\n", PING).len() - PING.len();
    let head_of = |length: usize| post(&format!("X: {}\r\n", "y".repeat(length - bare)), PING);
    for head in [65_535, 65_536, usize::MAX] {
        let limits = Limits { head, ..Limits::default() };
        is_served(&limits, &head_of(65_535));
        is_refused(&limits, &head_of(65_536), 431, "larger than 65535 bytes", false);
    }
}

/// Parts of a body are found by 32 bits.
#[cfg(target_pointer_width = "64")]
#[test]
fn bodies_of_4_294_967_295_bytes() {
    for body in [u32::MAX as usize, u32::MAX as usize + 1, usize::MAX] {
        let limits = Limits { body, ..Limits::default() };
        let announcing = |length: u64| {
            let head = post("", "");
            let head = String::from_utf8(head).unwrap();
            head.replace("Content-Length: 0", &format!("Content-Length: {length}")).into_bytes()
        };
        let in_chunks = |length: u64| {
            let mut request = begin_chunks();
            request.extend_from_slice(format!("{length:x}\r\n").as_bytes());
            request
        };
        let most = u64::from(u32::MAX);
        let reason = "larger than 4294967295 bytes";
        is_refused(&limits, &announcing(most + 1), 413, reason, false);
        is_refused(&limits, &in_chunks(most + 1), 413, reason, false);
        for request in [announcing(most), in_chunks(most)] {
            let mut peer = peer(&limits);
            peer.send(&request);
            assert!(peer.refusals().is_empty(), "it is waited for");
        }
    }
}

/// As many as 64 bits need, leading zeros included.
#[test]
fn chunk_sizes_of_16_digits() {
    let limits = Limits::default();
    let (first, rest) = PING.split_at(1);
    let of_size = |size: &str| {
        let mut request = begin_chunks();
        let chunks = format!("{size}\r\n{first}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n", rest.len());
        request.extend_from_slice(chunks.as_bytes());
        request
    };
    is_served(&limits, &of_size("0000000000000001"));
    is_refused(&limits, &of_size("00000000000000001"), 400, "malformed chunk", false);
}

/// Of what a peer has sent, errors quote 128 characters.
#[test]
fn quotes_of_128_characters() {
    for (count, quoted) in [(128, 128), (129, 128), (100_000, 128)] {
        let name = "\u{e9}".repeat(count);
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{name}"}}"#);
        for size in PIECES {
            let mut peer = peer(&Limits::default());
            peer.send_in(size, &post("", &body));
            let responses = peer.responses("ping").finals;
            let message = responses[0].messages()[0];
            assert_eq!(message.matches('\u{e9}').count(), quoted, "{message}");
            assert_eq!(message.contains("..."), count > 128);
            assert!(message.contains(r#""code":-32601"#), "{message}");
        }
    }
}

/// A bit is kept for each level, whatever is set.
#[test]
fn levels_of_json_128() {
    let limits = Limits { json_depth: usize::MAX, ..Limits::default() };
    for (levels, answer) in [(126, 200), (127, 400)] {
        let params = format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{params}}}"#);
        for size in PIECES {
            let mut peer = peer(&limits);
            peer.send_in(size, &post("", &body));
            assert_eq!(peer.statuses("ping"), [answer]);
            let is_named = |refusal: &Refusal| matches!(refusal, Refusal::TooDeep { limit: 128 });
            assert_eq!(peer.refusals().iter().any(is_named), answer == 400);
        }
    }
}

/// What the specification allows, and clients can be relied on to take.
#[test]
fn tool_names_of_128_characters() {
    let offer = |length: usize| {
        let tool = Tool::new("x".repeat(length), "Tests", &json!({"type": "object"}));
        Catalog::new(&Offer { tools: vec![tool], ..Offer::default() }).map(drop)
    };
    assert_eq!(offer(128), Ok(()));
    let error = offer(129).unwrap_err().to_string();
    assert!(error.contains("use 1 to 128 of the characters"), "{error}");
}

/// A schema that leads to another one that leads to another one.
#[test]
fn forms_of_5_layers() {
    let form = |layers: usize| {
        let definitions: serde_json::Map<_, _> = (2..=layers)
            .map(|layer| {
                let next = json!({"$ref": format!("#/$defs/{}", layer + 1)});
                let schema = if layer == layers { json!({"type": "string"}) } else { next };
                (layer.to_string(), schema)
            })
            .collect();
        let properties = json!({"p": {"$ref": "#/$defs/2"}});
        let schema = json!({"type": "object", "properties": properties, "$defs": definitions});
        ElicitSchema::try_from(&schema).map(drop)
    };
    assert_eq!(form(5), Ok(()));
    let error = form(6).unwrap_err().to_string();
    assert!(error.contains("or to itself"), "{error}");
}
