//! How deeply a JSON text nests, found without recursion and before anything is parsed.

use memchr::{memchr2, memchr2_iter};

/// Whether arrays and objects nest more than `limit` levels deep.
///
/// The text need not be valid JSON; a parser that runs afterwards decides on that.
pub(crate) fn is_deeper_than(limit: usize, json: &[u8]) -> bool {
    // Most bodies hold fewer brackets than the limit, and counting them is the faster scan.
    if memchr2_iter(b'{', b'[', json).count() <= limit {
        return false;
    }
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => at = string_end(json, at),
            _ => {}
        }
    }
    false
}

/// The offset behind the string whose first character is at `at`.
fn string_end(json: &[u8], mut at: usize) -> usize {
    while let Some(found) = json.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += found;
        if json[at] == b'"' {
            return at + 1;
        }
        // An escape takes the next byte with it, whatever that is.
        at += 2;
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn nested(levels: usize) -> String {
        let mut text = "[".repeat(levels);
        text.push('1');
        text.push_str(&"]".repeat(levels));
        text
    }

    #[test]
    fn counts_levels_at_and_past_the_limit() {
        assert!(!is_deeper_than(64, nested(64).as_bytes()));
        assert!(is_deeper_than(64, nested(65).as_bytes()));
    }

    #[test]
    fn siblings_and_strings_do_not_nest() {
        let siblings = "[[],[],[],{},{}]";
        assert!(!is_deeper_than(2, siblings.as_bytes()));
        let in_strings = r#"{"a":"[[[[[[","b\"[[":"\\","c":["]"]}"#;
        assert!(!is_deeper_than(2, in_strings.as_bytes()));
        assert!(is_deeper_than(1, in_strings.as_bytes()));
    }

    #[test]
    fn text_cut_anywhere_ends_the_scan() {
        let text = br#"[["a\"b\\"],{"c":"\u0041["}]"#;
        for end in 0..=text.len() {
            let _ = is_deeper_than(1, &text[..end]);
        }
    }
}
