//! Lines and fields (RFC 9112 sections 2.2 and 5, RFC 9110 section 5.5).

use super::{Rows, answered, bare, closed, ping, ping_by, ping_with, refused, served, waiting};

pub(super) fn rows() -> Rows {
    let mut rows = Rows::default();
    let before = |bytes: &str| format!("{bytes}{}", ping(""));
    rows.add("RFC 9112 2.2, empty lines", served(), ["\r\n", "\r\n\r\n"].map(before));
    rows.add("RFC 9112 2.2, empty lines", waiting([]), ["\r", "\r\n", "\r\n\r"]);
    let others = ["\n", "\r", "\r\r\n", "\r\n\n", "\n\r\n", " ", "\t", " \r\n", "\0", "\u{feff}"];
    rows.add("RFC 9112 2.2, no empty line", refused(400), others.map(before));
    rows.add("RFC 9112 2.2, no text", refused(400), [&b"\x16\x03\x01\x02\0"[..], b"\x80.\x01"]);
    let behind = |line: &str| format!("{}\r\n{}", ping(""), line);
    rows.add("RFC 9112 2.2, behind a body", served(), [behind("")]);

    // A line ends in CR LF: the three that are not the last of the head, and then that.
    for line in ["HTTP/1.1\r\n", "localhost\r\n", "application/json\r\n"] {
        let text = line.trim_end();
        let ends = ["\n", "\r", "\r\r\n", "\n\r", "\r\n\n", "\r\n\r", " \n", "\0\r\n", "\u{b}\r\n"];
        let requests = ends.map(|end| ping_with(line, &format!("{text}{end}")));
        rows.add("RFC 9112 2.2, line ends", refused(400), requests);
    }
    let last = |end: &str| ping_with(": 40\r\n\r\n", &format!(": 40{end}"));
    rows.add("RFC 9112 2.2, end of the head", refused(400), {
        ["\n\n", "\r\n\n", "\n\r\n", "\r\r\n\r\n", "\r\n \r\n", "\r\n\t\r\n\r\n"].map(last)
    });
    rows.add("RFC 9112 2.2, no end of the head", waiting([]), {
        ["\r\r", "\r\n\r", "\r\r\n", "\r\n\r\r\n"].map(last)
    });

    rows.add("RFC 9112 2.2, white space behind the request line", refused(400), {
        [" ", "\t", " \r\n", "\t\t"].map(|space| ping_with("Host", &format!("{space}Host")))
    });
    let field = |line: &str| ping(&format!("{line}\r\n"));
    rows.add("RFC 9112 5.1, optional white space", served(), {
        ["X:y", "X: y", "X:\ty", "X: \t y\t ", "X:", "X: ", "X:\t", "X: a b:c;d,\"e"].map(field)
    });
    rows.add("RFC 9112 5.1, no white space before the colon", refused(400), {
        ["X : y", "X\t: y", "X  : y", "X :y", " : y", "Content-Length : 0"].map(field)
    });
    rows.add("RFC 9112 5, no field line", refused(400), {
        [": y", ":", "X", "X y", "X=y", "X; y", "\"X\": y", "X\r\ny: z"].map(field)
    });
    rows.add("RFC 9112 5.2, folded", refused(400), {
        [
            "X: y\r\n z",
            "X: y\r\n\tz",
            "X:\r\n y",
            "X:\r\n ",
            " X: y",
            "\tX: y",
            "X: y\r\n \r\n z: 1",
        ]
        .map(field)
    });
    rows.add("RFC 9110 5.6.2, a name of all characters", served(), {
        [field("!#$%&'*+-.^_`|~09azAZ: y")]
    });
    let is_tchar = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let others = (0..=255_u8).filter(|byte| !is_tchar(byte) && *byte != b':');
    rows.add("RFC 9110 5.6.2, names of other characters", refused(400), {
        others.map(|byte| with_byte("Xbyte-Y: z", byte))
    });
    let (text, control): (Vec<_>, Vec<_>) =
        (0..=255_u8).partition(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..));
    rows.add("RFC 9110 5.5, values", served(), {
        text.into_iter().map(|byte| with_byte("X: abyteb", byte))
    });
    rows.add("RFC 9110 5.5, values of other characters", refused(400), {
        control.into_iter().map(|byte| with_byte("X: abyteb", byte))
    });
    // Whether anybody reads the field or not.
    rows.add("RFC 9110 5.5, NUL", refused(400), {
        ["PO\0ST", "/m\0cp", "HTTP/1\0.1", "Ho\0st", "local\0host", "\0localhost"]
            .map(|text| ping_with(&text.replace('\0', ""), text))
    });

    rows.add("RFC 9112 8, cut", waiting([]), {
        ["P", "POST /mcp HTTP/1.1", "POST /mcp HTTP/1.1\r\n", "GET /mcp HTTP/1.1\r\nHost: x\r\n"]
    });
    rows.add("RFC 9112 8, cut", waiting([]), [&ping("")[..ping("").len() - 1]]);
    rows.add(
        "RFC 9112 2.1, one behind the other",
        closed([405, 200, 404, 200]),
        [[
            bare("GET /mcp HTTP/1.1"),
            ping(""),
            bare("GET / HTTP/1.1"),
            ping("Connection: close\r\n"),
            ping_by("POST /never HTTP/1.1"),
        ]
        .concat()],
    );
    rows.add("RFC 9112 2.1, one behind the other", answered(200), [ping("")]);
    rows
}

/// A ping with a field line in which `byte` stands for a byte.
fn with_byte(line: &str, byte: u8) -> Vec<u8> {
    let (before, after) = line.split_once("byte").unwrap();
    let request = ping("\u{1}\r\n").into_bytes();
    let at = request.iter().position(|&byte| byte == 1).unwrap();
    [&request[..at], before.as_bytes(), &[byte], after.as_bytes(), &request[at + 1..]].concat()
}

#[test]
fn lines_and_fields() {
    rows().check();
}
