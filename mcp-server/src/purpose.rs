//! What request state is good for: one request of one caller.

use mcp_proto::Request;

/// What some state is good for: authenticated with it, and not part of it.
pub(crate) struct Purpose(Vec<u8>);

impl Purpose {
    /// The request that the client will repeat, to that server, as that caller.
    pub(crate) fn new(server: &str, principal: Option<&str>, request: &Request) -> Self {
        let mut bytes = Vec::new();
        let parts = [
            server.as_bytes(),
            // To have no principal is not the same as to have one without a name.
            if principal.is_some() { b"by" } else { b"by anybody" },
            principal.unwrap_or_default().as_bytes(),
            request.method().as_str().as_bytes(),
            request.name().as_bytes(),
            &canonical(request.arguments()),
        ];
        for part in parts {
            // With its length, so that no two lists of parts are alike.
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// JSON without white space and with the members of objects in order: the same for clients that
/// write it anew.
///
/// Nothing is parsed, so strings and numbers stay as they are written. What a parser takes for the
/// same, or for no value at all, need not be that to the type that the arguments are read as. `json`
/// comes from whoever likes to send some, who may have made up the state that it is compared with:
/// what this costs in time and space is a small multiple of its length.
fn canonical(json: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    // For each array or object that is open: nothing, or where its members begin.
    let mut open: Vec<Option<Vec<usize>>> = Vec::new();
    let mut rest = json.as_bytes();
    while let Some(&byte) = rest.first() {
        let (token, behind) = rest.split_at(if byte == b'"' { string_length(rest) } else { 1 });
        rest = behind;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            b'}' => {
                if let Some(Some(members)) = open.pop() {
                    sort(&mut out, &members);
                }
            }
            b']' => drop(open.pop()),
            _ => {}
        }
        out.extend_from_slice(token);
        match (byte, open.last_mut()) {
            (b'{', _) => open.push(Some(vec![out.len()])),
            (b'[', _) => open.push(None),
            (b',', Some(Some(members))) => members.push(out.len()),
            _ => {}
        }
    }
    out
}

/// Sorts the last members in `out`, which begin there. Those with one key stay in their order: which
/// of them counts is up to the parser.
fn sort(out: &mut Vec<u8>, members: &[usize]) {
    let Some(&first) = members.first() else {
        return;
    };
    let ends = members.iter().skip(1).map(|next| next - 1).chain([out.len()]);
    let mut sorted: Vec<_> = members
        .iter()
        .zip(ends)
        .map(|(&start, end)| {
            let member = &out[start..end];
            (&member[..string_length(member)], member)
        })
        .collect();
    if sorted.is_sorted_by_key(|(key, _)| key) {
        return;
    }
    sorted.sort_by_key(|(key, _)| *key);
    let sorted: Vec<_> = sorted.into_iter().map(|(_, member)| member).collect();
    let sorted = sorted.join(&b',');
    out.truncate(first);
    out.extend(sorted);
}

/// The length of the string that `json` begins with, in its quotes.
fn string_length(json: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = json.iter().skip(1).position(|&byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.map_or(json.len(), |end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_canonical(json: &str, expected: &str) {
        assert_eq!(String::from_utf8(canonical(json)).unwrap(), expected);
    }

    #[test]
    fn white_space_goes_and_members_are_sorted() {
        for (json, expected) in [
            ("{}", "{}"),
            (" [ ]\n", "[]"),
            ("{ \"a\" :\t1 ,\r\n\"b\": [ true , \"x y\" ] }", r#"{"a":1,"b":[true,"x y"]}"#),
            (r#"{"b":{"d":1,"c":[]},"a":[2,1]}"#, r#"{"a":[2,1],"b":{"c":[],"d":1}}"#),
            (r#"[{"b":1,"a":{}},{"c":1,"a":2}]"#, r#"[{"a":{},"b":1},{"a":2,"c":1}]"#),
            (r#"{"b":2,"b":1,"a":3}"#, r#"{"a":3,"b":2,"b":1}"#),
            (r#"{"a\"}":1,"a":",\\","":"\""}"#, r#"{"":"\"","a":",\\","a\"}":1}"#),
            (r#"{"z":1e999,"y":-0.10,"x":"\ud800"}"#, r#"{"x":"\ud800","y":-0.10,"z":1e999}"#),
        ] {
            assert_canonical(json, expected);
            assert_canonical(expected, expected);
        }
    }

    /// Requests are valid JSON by the time they get here, but that is nothing to rely on.
    #[test]
    fn what_is_no_json_does_no_harm() {
        for json in ["", "\"", "\"\\", "}", "]}", "{,}", "{]}", "[}", "{\"a\":1,2}", "{1,0}", "{,,"]
        {
            let once = String::from_utf8(canonical(json)).unwrap();
            assert!(once.len() <= json.len(), "{json}");
        }
    }

    #[test]
    fn nesting_needs_no_stack() {
        let depth = 100_000;
        let nested = format!("{}1{}", "{\"a\":[".repeat(depth), "]}".repeat(depth));
        assert_canonical(&nested, &nested);
    }
}
