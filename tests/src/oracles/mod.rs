//! For each parser and encoder of the toolkit, something slower and simpler that says what it
//! should have done. Each `check` panics where the two disagree; the property tests and the fuzz
//! targets call the same ones.
//!
//! What is checked is what the public API shows, as far as possible; the rest is reached by the
//! feature `internals`.

pub mod bytes;
pub mod chunks;
pub mod guards;
pub mod head;
pub mod inputs;
pub mod json;
pub mod lines;
pub mod messages;
pub mod request_state;
pub mod sse;
pub mod uri_template;

use mcp_proto::{Input, Instant, Now, Output, Session};

/// The offset of the first `what` in `bytes`.
fn find(bytes: &[u8], what: u8) -> Option<usize> {
    bytes.iter().position(|&byte| byte == what)
}

/// The first `N` lines of an input, and what is behind them. What is missing is empty.
fn lines<const N: usize>(mut input: &[u8]) -> ([&[u8]; N], &[u8]) {
    let lines = std::array::from_fn(|_| {
        let end = find(input, b'\n').unwrap_or(input.len());
        let line = &input[..end];
        input = input.get(end + 1..).unwrap_or_default();
        line
    });
    (lines, input)
}

/// Lengths of pieces that follow from `seed` and look random: mostly short ones.
fn ragged(mut seed: u64) -> impl FnMut() -> usize {
    move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let most = [2, 5, 40, 300][(seed >> 60) as usize % 4];
        1 + (seed >> 33) as usize % most
    }
}

/// RFC 9110 section 5.6.2: the characters of a token.
fn is_token(text: &[u8]) -> bool {
    let is_tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(is_tchar)
}

/// RFC 9110 section 5.5: what a field value consists of, blanks and tabs among it.
fn is_field_value(text: &[u8]) -> bool {
    text.iter().all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

/// RFC 9110 section 5.6.3: optional white space is blanks and tabs.
fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// When everything happens that takes no time.
const NOW: Now = Now { instant: Instant::from_micros(0), unix_seconds: None };

/// What a session makes of one request.
fn receive(session: &mut Session, request: &[u8]) -> Vec<Output> {
    session.handle(NOW, Input::Bytes(request));
    std::iter::from_fn(|| session.poll_output()).collect()
}
