//! The id of a request that is refused without being read.

use memchr::memchr2;
use serde_json::Value;

use super::Id;

/// The id of a request that nests too deeply, or goes on beyond the end of `text`: somebody waits for
/// its answer, and knows it by the id.
///
/// Nothing for what is no request, a response for one: its id is none of the client's. Takes time linear
/// in the length of `text`, and no stack.
pub(crate) fn find_request_id(text: &[u8]) -> Option<Id> {
    let (mut id, mut has_method) = (None, false);
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let end = string_end(text, at)?;
                let (key, rest) = (&text[at..end], text[end + 1..].trim_ascii_start());
                at = end + 1;
                if let Some(value) = rest.strip_prefix(b":").filter(|_| depth == 1) {
                    match key {
                        b"id" => id = leading_id(value.trim_ascii_start()),
                        b"method" => has_method = true,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        if has_method && id.is_some() {
            return id;
        }
    }
    None
}

/// Where the string ends whose first character is at `at`.
fn string_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let end = at + memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[end] == b'"' {
            return Some(end);
        }
        at = end + 2;
    }
}

/// The id that `text` begins with, if it is whole.
fn leading_id(text: &[u8]) -> Option<Id> {
    let end = match text {
        [b'"', ..] => string_end(text, 1)? + 1,
        _ => {
            // Of nothing but what an integer consists of: no text is looked at for two keys.
            let end = text.iter().position(|it| !matches!(it, b'-' | b'0'..=b'9'))?;
            if !(text[end].is_ascii_whitespace() || matches!(text[end], b',' | b'}')) {
                return None;
            }
            end
        }
    };
    let json = core::str::from_utf8(&text[..end]).ok()?;
    // It goes back to the client, so it has to be what a parser takes.
    serde_json::from_str::<Value>(json).ok()?;
    Id::from_json(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    #[test]
    fn requests_have_their_id_wherever_it_stands() {
        for id in ["7", "-1", "92233720368547758080", r#""a""#, r#""a\"b\\""#, r#""\u0041""#] {
            for text in [
                format!(r#"{{"id":{id},"method":"m","params":{{"id":8}}}}"#),
                format!(r#"{{"method":"m","params":{{"id":8,"a":[[["}}"]]]}},"id":{id}}}"#),
                format!("{{ \"a\\\"id\" : \"id\" , \"id\"\n:\t{id} ,\"method\" : 0 }}"),
            ] {
                let found = find_request_id(text.as_bytes());
                assert_eq!(found.map(|id| id.to_string()).as_deref(), Some(id), "{text}");
                // However much of it there is, it is that one or none.
                for end in 0..text.len() {
                    let found = find_request_id(&text.as_bytes()[..end]);
                    assert!(found.is_none_or(|found| found.to_string() == id), "{text} to {end}");
                }
            }
        }
    }

    #[test]
    fn what_has_no_id_of_a_request_has_none() {
        for text in [
            r#"{"id":7,"result":{}}"#,
            r#"{"method":"m"}"#,
            r#"{"method":"m","id":null}"#,
            r#"{"method":"m","id":1.5}"#,
            r#"{"method":"m","id":07}"#,
            r#"{"method":"m","id":[7]}"#,
            r#"{"method":"m","id":"\ud800"}"#,
            r#"{"method":"m","id":"\x"}"#,
            r#"{"method":"m","id":7"#,
            r#"{"method":"m","id":"7"#,
            r#"{"method":"m","id":"7\"#,
            r#"{"method":"m","params":{"id":7}}"#,
            r#"[{"method":"m","id":7}]"#,
            "}}}}",
            "",
        ] {
            assert_eq!(find_request_id(text.as_bytes()), None, "{text}");
        }
        assert_eq!(find_request_id(b"{\"method\":\"m\",\"id\":\"\xff\"}"), None);
    }
}
