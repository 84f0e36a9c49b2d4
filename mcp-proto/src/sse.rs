//! Server-sent events, as far as MCP uses them (WHATWG HTML, "Server-sent events").

use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use crate::hub::EventId;
use crate::json::flatten;

/// Appends one event whose data is the JSON text that `json` appends.
pub(crate) fn write_event(out: &mut Vec<u8>, id: Option<EventId>, json: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"event: message\n");
    if let Some(id) = id {
        write_id(out, id);
    }
    out.extend_from_slice(b"data: ");
    let start = out.len();
    json(out);
    // A line end would cut the data in two.
    flatten(&mut out[start..]);
    out.extend_from_slice(b"\n\n");
}

/// Appends an event without data, which gives the client an id to come back with, and says how long
/// it is to wait before that (2025-11-25, basic/transports, "Sending Messages to the Server").
pub(crate) fn write_priming_event(out: &mut Vec<u8>, id: EventId, retry: Duration) {
    out.extend_from_slice(b"retry: ");
    out.extend_from_slice(itoa::Buffer::new().format(retry.as_millis()).as_bytes());
    out.push(b'\n');
    write_id(out, id);
    out.extend_from_slice(b"data:\n\n");
}

fn write_id(out: &mut Vec<u8>, id: EventId) {
    out.extend_from_slice(b"id: ");
    out.extend_from_slice(format!("{id}\n").as_bytes());
}

/// Appends a comment, which clients skip and which keeps proxies from closing a silent stream.
pub(crate) fn write_keep_alive(out: &mut Vec<u8>) {
    out.extend_from_slice(b": keep-alive\n\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_data() {
        let mut out = Vec::new();
        write_event(&mut out, None, |out| out.extend_from_slice(b"{\r\n \"a\":\n\"\\n\"}"));
        assert_eq!(out, b"event: message\ndata: {   \"a\": \"\\n\"}\n\n");
    }

    #[test]
    fn a_keep_alive_is_a_comment() {
        let mut out = Vec::new();
        write_keep_alive(&mut out);
        assert_eq!(out, b": keep-alive\n\n");
    }
}
