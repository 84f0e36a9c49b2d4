//! The grammar of a head: its request line (RFC 9112 section 3) and its field lines (section 5).
//!
//! What is taken here, any parser takes, and reads alike: lines end in CR LF, a name in its colon, and
//! of control characters there are none but tabs, in values.

use super::scan::is_tchar;
use crate::error::Refusal;
use crate::word::{equal, leading, less, position};

/// The three parts of a request line.
pub(super) struct RequestLine<'a> {
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    pub(super) is_http11: bool,
}

impl<'a> RequestLine<'a> {
    /// Takes the first line from the front of a head.
    pub(super) fn take(head: &mut &'a [u8]) -> Result<Self, Refusal> {
        let (method, rest) = head.split_at(leading(head, is_tchar));
        let Some(rest) = rest.strip_prefix(b" ").filter(|_| !method.is_empty()) else {
            return Err(Refusal::MalformedRequestLine);
        };
        // What characters make a target is for whoever looks into it, but it has to be visible text.
        let end = position(rest, 0, |word| less(word, b'!') | equal(word, b'\x7f'));
        let (target, rest) = rest.split_at(end);
        let is_text = target.is_ascii() || core::str::from_utf8(target).is_ok();
        if target.is_empty() || !is_text {
            return Err(Refusal::MalformedRequestLine);
        }
        let is_http11 = match rest {
            [b' ', b'H', b'T', b'T', b'P', b'/', version @ ..] => match version {
                [b'1', b'.', minor @ (b'0' | b'1'), b'\r', b'\n', rest @ ..] => {
                    *head = rest;
                    *minor == b'1'
                }
                // Section 2.3.
                [b'0'..=b'9', b'.', b'0'..=b'9', b'\r', b'\n', ..] => {
                    return Err(Refusal::UnsupportedVersion);
                }
                _ => return Err(Refusal::MalformedRequestLine),
            },
            _ => return Err(Refusal::MalformedRequestLine),
        };
        Ok(Self { method, target, is_http11 })
    }
}

/// One field: what stands before its colon, and its value without white space around it.
///
/// The first is free of white space and control characters. Whether it is a [name](is_name) is for
/// whoever does not know it anyway.
pub(super) type Field<'a> = (&'a [u8], &'a [u8]);

/// Whether a field may be called that.
pub(super) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && leading(name, is_tchar) == name.len()
}

/// A line that is no field.
pub(super) struct MalformedField;

/// The fields of a head, line by line.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Of a head, or the rest of one, that begins with a field line.
    pub(super) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    /// What follows the fields, from the empty line on.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, MalformedField>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        let line = self.rest;
        if let [] | [b'\r', b'\n', ..] = line {
            return None;
        }
        // No white space in front of the colon: some parsers would take it for a part of the name.
        let colon = position(line, 0, |word| less(word, b'!') | equal(word, b':'));
        if line.get(colon) != Some(&b':') {
            return Some(Err(MalformedField));
        }
        let mut end = colon + 1;
        loop {
            end = position(line, end, |word| less(word, b' ') | equal(word, b'\x7f'));
            match line.get(end..) {
                Some([b'\t', ..]) => end += 1,
                Some([b'\r', b'\n', rest @ ..]) => {
                    self.rest = rest;
                    return Some(Ok((&line[..colon], trim(&line[colon + 1..end]))));
                }
                _ => return Some(Err(MalformedField)),
            }
        }
    }
}

/// Takes off optional white space (RFC 9110 section 5.6.3).
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
