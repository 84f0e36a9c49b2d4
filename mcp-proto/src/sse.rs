//! Server-sent events, as far as MCP uses them (WHATWG HTML, "Server-sent events").

use alloc::vec::Vec;

use memchr::memchr2;

/// Appends one event whose data is the JSON text that `json` appends.
pub(crate) fn write_event(out: &mut Vec<u8>, json: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"event: message\ndata: ");
    let start = out.len();
    json(out);
    flatten(&mut out[start..]);
    out.extend_from_slice(b"\n\n");
}

/// Appends a comment, which clients skip and which keeps proxies from closing a silent stream.
pub(crate) fn write_keep_alive(out: &mut Vec<u8>) {
    out.extend_from_slice(b": keep-alive\n\n");
}

/// Puts JSON on one line. A line end would cut the event's data in two; in JSON it can only be
/// white space between tokens, so a blank does as well.
fn flatten(json: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = memchr2(b'\n', b'\r', &json[at..]) {
        at += found;
        json[at] = b' ';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_data() {
        let mut out = Vec::new();
        write_event(&mut out, |out| out.extend_from_slice(b"{\r\n \"a\":\n\"\\n\"}"));
        assert_eq!(out, b"event: message\ndata: {   \"a\": \"\\n\"}\n\n");
    }

    #[test]
    fn a_keep_alive_is_a_comment() {
        let mut out = Vec::new();
        write_keep_alive(&mut out);
        assert_eq!(out, b": keep-alive\n\n");
    }
}
