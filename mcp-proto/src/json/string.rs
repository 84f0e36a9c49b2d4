//! JSON strings: what they say, and how it is written.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::word::{equal, less, position};

/// Where a string stops to stand for itself, at `from` or behind: at a quote, a backslash, or a
/// control character, which must not be there.
#[inline(never)]
pub(super) fn plain_end(bytes: &[u8], from: usize) -> usize {
    // With that bit turned over, a quote follows the control characters, in place of a space.
    const TURN: u64 = u64::from_ne_bytes([b'"' ^ b' '; 8]);
    position(bytes, from, |word| less(word ^ TURN, b'!') | equal(word, b'\\'))
}

/// What a string in its quotes says. Nothing if half of a surrogate pair is missing in it.
pub(crate) fn decoded(string: &str) -> Option<Cow<'_, str>> {
    let inner = string.strip_prefix('"')?.strip_suffix('"')?;
    // It has been walked over, so nothing else has to be decoded.
    if !inner.bytes().any(|byte| byte == b'\\') {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(string).ok().map(Cow::Owned)
}

/// Appends a string in its quotes.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 2);
    out.push(b'"');
    loop {
        let (plain, behind) = rest.split_at(plain_end(rest, 0));
        out.extend_from_slice(plain);
        let Some((special, behind)) = behind.split_first() else {
            break;
        };
        match special {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *special]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                let digits = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(digits[usize::from(control >> 4)]);
                out.push(digits[usize::from(control & 0xf)]);
            }
        }
        rest = behind;
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;

    #[test]
    fn what_does_not_stand_for_itself_ends_what_is_plain() {
        for special in ['"', '\\', '\0', '\u{1f}'] {
            let text = format!("a{special}~~~~~~~~~");
            assert_eq!(plain_end(text.as_bytes(), 0), 1, "{text:?}");
            assert_eq!(plain_end(text.as_bytes(), 2), text.len(), "{text:?}");
        }
        let plain: String = (' '..='\u{ff}').filter(|c| !"\"\\".contains(*c)).collect();
        assert_eq!(plain_end(plain.as_bytes(), 0), plain.len());
    }

    #[test]
    fn strings_are_decoded_and_lone_surrogates_are_not_strings() {
        assert_eq!(decoded(r#""plain""#).as_deref(), Some("plain"));
        assert_eq!(decoded(r#""a\"\u00e9""#).as_deref(), Some("a\"é"));
        assert_eq!(decoded(r#""\ud800""#), None);
        assert_eq!(decoded("12"), None);
    }

    #[test]
    fn what_is_written_says_what_it_shall() {
        let all: String =
            ('\0'..='\u{7ff}').chain(['\u{2028}', '\u{ffff}', '\u{10ffff}']).collect();
        for text in ["", "plain", "\"", "ends in \\", "a\nb\r\tc", "\u{0}", &all] {
            let mut out = b"|".to_vec();
            write_string(&mut out, text);
            let json = core::str::from_utf8(&out[1..]).unwrap();
            assert_eq!(decoded(json).as_deref(), Some(text));
            assert_eq!(serde_json::from_str::<String>(json).unwrap(), text);
        }
    }
}
