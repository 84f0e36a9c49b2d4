//! URI templates (RFC 6570), read backwards: from a URI to the values of the variables.
//!
//! RFC 6570 says how a template becomes a URI; the way back is not always unique. So a template is
//! checked when it is made, and one that could be read in two ways is refused. What is left is
//! matched in one pass, from both sides of the one value whose end is not clear: there is nothing to
//! try again (CVE-2026-0621 was a matcher that did).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// A template for the URIs of resources, such as `file:///{+path}`.
///
/// Of RFC 6570 it takes, with one variable each: `{var}`, `{+var}`, `{#var}`, `{.var}`, `{/var}`
/// and `{;var}`; and at the end `{?var,..}` or `{&var,..}` with any number of them. Modifiers
/// (`:3`, `*`) are not taken. Between two variables must stand text, or an operator that begins
/// with a character of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UriTemplate {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// One variable, which has at least one character.
    Variable {
        name: String,
        charset: Charset,
    },
    /// The variables of a query, any of them, in any order.
    Query {
        first: char,
        names: Vec<String>,
    },
}

/// Which characters a value has when it is expanded (RFC 6570 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Charset {
    /// Unreserved ones and escapes.
    Unreserved,
    /// Reserved ones, too.
    Any,
}

/// The values of a template's variables in one URI, in the order of the template.
pub type Captures = Vec<(String, String)>;

/// A template that is malformed, or could be read in two ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTemplate {
    template: String,
    reason: &'static str,
}

impl fmt::Display for InvalidTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid URI template {:?}: {}", self.template, self.reason)
    }
}

impl core::error::Error for InvalidTemplate {}

/// Fails if the template is malformed, uses more of RFC 6570 than is taken here, or could be read in
/// two ways.
impl FromStr for UriTemplate {
    type Err = InvalidTemplate;

    fn from_str(template: &str) -> Result<Self, InvalidTemplate> {
        let parts = parse(template)
            .map_err(|reason| InvalidTemplate { template: template.to_owned(), reason })?;
        Ok(Self { text: template.to_owned(), parts })
    }
}

impl UriTemplate {
    /// The template as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of its variables.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts
            .iter()
            .flat_map(|part| match part {
                Part::Literal(_) => &[][..],
                Part::Variable { name, .. } => core::slice::from_ref(name),
                Part::Query { names, .. } => names,
            })
            .map(String::as_str)
    }

    /// The values of the variables in `uri`, with escapes decoded, if the template could have
    /// made it. Takes time linear in the length of `uri`.
    #[must_use]
    pub fn match_uri(&self, uri: &str) -> Option<Captures> {
        // RFC 6570 section 3 encodes all else.
        let is_of_uri = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
        if !uri.bytes().all(is_of_uri) {
            return None;
        }
        let mut captures = Captures::new();
        let mut rest = uri;
        let mut parts = self.parts.iter();
        for part in parts.by_ref() {
            match part {
                Part::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Part::Variable { name, charset: Charset::Unreserved } => {
                    let end = rest.find(|c| !is_value_char(c)).unwrap_or(rest.len());
                    let (value, behind) = rest.split_at(end);
                    captures.push(capture(name, value)?);
                    rest = behind;
                }
                Part::Variable { name, charset: Charset::Any } => {
                    match_around(rest, name, parts.as_slice(), &mut captures)?;
                    return Some(captures);
                }
                Part::Query { first, names } => {
                    match_query(rest, *first, names, &mut captures)?;
                    rest = "";
                }
            }
        }
        rest.is_empty().then_some(captures)
    }
}

/// Matches a value that may have any characters, and the parts behind it: those from right to left,
/// for what they are made of may be in the value, too.
fn match_around(uri: &str, name: &str, behind: &[Part], captures: &mut Captures) -> Option<()> {
    let (behind, query) = match behind {
        [behind @ .., Part::Query { first, names }] => (behind, Some((*first, names))),
        behind => (behind, None),
    };
    // No value reaches into the query.
    let start = query.map_or(uri.len(), |(first, _)| start_of_query(uri, first, behind));
    let (mut rest, query_text) = uri.split_at(start);
    let mut reversed = Captures::new();
    let mut parts = behind.iter().rev().peekable();
    while let Some(part) = parts.next() {
        match part {
            Part::Literal(literal) => rest = rest.strip_suffix(literal.as_str())?,
            Part::Variable { name, .. } => {
                // The text in front of it may end like a value, but does not begin like one.
                let ending = match parts.peek() {
                    Some(Part::Literal(literal)) => ending_of(literal),
                    _ => "",
                };
                let value = ending_of(rest).strip_prefix(ending)?;
                reversed.push(capture(name, value)?);
                rest = &rest[..rest.len() - value.len()];
            }
            Part::Query { .. } => return None,
        }
    }
    captures.push(capture(name, rest)?);
    captures.extend(reversed.into_iter().rev());
    match query {
        Some((first, names)) => match_query(query_text, first, names, captures),
        None => Some(()),
    }
}

/// Where a query begins: at the first such character that is not of the text in front of it.
fn start_of_query(uri: &str, first: char, before: &[Part]) -> usize {
    let of_text = |part: &Part| match part {
        Part::Literal(literal) => literal.matches(first).count(),
        _ => 0,
    };
    let count = before.iter().map(of_text).sum();
    uri.match_indices(first).nth(count).map_or(uri.len(), |(start, _)| start)
}

/// The end of a text, as far as it could be of a value without reserved characters.
fn ending_of(text: &str) -> &str {
    let is_behind = |(at, c): (usize, char)| (!is_value_char(c)).then_some(at + c.len_utf8());
    &text[text.char_indices().rev().find_map(is_behind).unwrap_or(0)..]
}

/// A value, which has at least one character.
fn capture(name: &str, value: &str) -> Option<(String, String)> {
    if value.is_empty() {
        return None;
    }
    Some((name.to_owned(), percent_decode(value)?))
}

fn match_query(rest: &str, first: char, names: &[String], captures: &mut Captures) -> Option<()> {
    if rest.is_empty() {
        return Some(());
    }
    let known = captures.len();
    for pair in rest.strip_prefix(first)?.split('&') {
        let (name, value) = pair.split_once('=')?;
        let is_new = captures[known..].iter().all(|(other, _)| other != name);
        if !is_new || !names.iter().any(|known| known == name) {
            return None;
        }
        captures.push((name.to_owned(), percent_decode(value)?));
    }
    Some(())
}

fn parse(template: &str) -> Result<Vec<Part>, &'static str> {
    let mut parts = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut rest = template;
    while !rest.is_empty() {
        if let Some(Part::Query { .. }) = parts.last() {
            return Err("nothing can follow `{?..}` or `{&..}`");
        }
        let Some(expression) = rest.strip_prefix('{') else {
            let end = rest.find(['{', '}']).unwrap_or(rest.len());
            let (literal, behind) = rest.split_at(end);
            if behind.starts_with('}') {
                return Err("a `}` without its `{`");
            }
            push_literal(&mut parts, literal)?;
            rest = behind;
            continue;
        };
        let (expression, behind) = expression.split_once('}').ok_or("a `{` without its `}`")?;
        rest = behind;
        let operator = expression.chars().next().filter(|c| !is_name_char(*c));
        let list = &expression[operator.map_or(0, char::len_utf8)..];
        let list: Vec<String> = list.split(',').map(ToOwned::to_owned).collect();
        for name in &list {
            if !is_name(name) {
                return Err(
                    "variables are named with letters, digits and `_`, with `.` between them; \
                            modifiers are not supported",
                );
            }
            if names.contains(name) {
                return Err("a variable stands twice");
            }
            names.push(name.clone());
        }
        match operator {
            Some(first @ ('?' | '&')) => parts.push(Part::Query { first, names: list }),
            _ if list.len() > 1 => return Err("only `{?..}` and `{&..}` take several variables"),
            operator => push_variable(&mut parts, operator, list.into_iter().next())?,
        }
    }
    let many_any =
        parts.iter().filter(|part| matches!(part, Part::Variable { charset: Charset::Any, .. }));
    if many_any.count() > 1 {
        return Err("two variables with reserved characters: where one ends is not clear");
    }
    Ok(parts)
}

fn push_literal(parts: &mut Vec<Part>, text: &str) -> Result<(), &'static str> {
    match parts.last_mut() {
        Some(Part::Literal(literal)) => literal.push_str(text),
        Some(Part::Variable { charset: Charset::Unreserved, .. })
            if text.starts_with(is_value_char) =>
        {
            return Err("what follows a variable begins like a part of its value");
        }
        _ => parts.push(Part::Literal(text.to_owned())),
    }
    Ok(())
}

fn push_variable(
    parts: &mut Vec<Part>,
    operator: Option<char>,
    name: Option<String>,
) -> Result<(), &'static str> {
    let name = name.unwrap_or_default();
    let charset = match operator {
        Some('+' | '#') => Charset::Any,
        None | Some('.' | '/' | ';') => Charset::Unreserved,
        Some(_) => return Err("an operator that RFC 6570 does not define"),
    };
    // Some operators put a text before the value.
    match operator {
        Some(first @ ('#' | '/' | '.')) => push_literal(parts, first.encode_utf8(&mut [0; 4]))?,
        Some(';') => push_literal(parts, &alloc::format!(";{name}="))?,
        _ => {}
    }
    match &parts[..] {
        [.., Part::Variable { .. }] => {
            return Err("between two variables must stand text, to tell where one ends");
        }
        [.., Part::Variable { .. }, Part::Literal(literal)]
            if literal.starts_with(is_value_char) =>
        {
            return Err("the text between two variables begins like a part of a value");
        }
        _ => {}
    }
    parts.push(Part::Variable { name, charset });
    Ok(())
}

/// What a value without reserved characters consists of: unreserved ones (RFC 3986 section 2.3),
/// and escapes.
const fn is_value_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '%')
}

/// RFC 6570 section 2.3, without escapes.
fn is_name(name: &str) -> bool {
    name.split('.').all(|part| !part.is_empty() && part.chars().all(is_name_char))
}

const fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// `None` for a broken escape, or one that is not UTF-8.
pub(crate) fn percent_decode(value: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || (bytes.next()? as char).to_digit(16);
            decoded.push((digit()? << 4 | digit()?) as u8);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    fn matches(template: &str, uri: &str) -> Option<Vec<(String, String)>> {
        template.parse::<UriTemplate>().unwrap().match_uri(uri)
    }

    #[track_caller]
    fn check(template: &str, uri: &str, expected: Option<&[(&str, &str)]>) {
        let expected = expected.map(|pairs| {
            pairs.iter().map(|(name, value)| (String::from(*name), String::from(*value))).collect()
        });
        assert_eq!(matches(template, uri), expected, "{template} {uri}");
    }

    #[test]
    fn finds_the_values() {
        check("test://static", "test://static", Some(&[]));
        check("test://t/{id}/data", "test://t/123/data", Some(&[("id", "123")]));
        check("test://t/{id}/data", "test://t/a%2Fb%20c/data", Some(&[("id", "a/b c")]));
        check("a:{x}/{y}", "a:1/2", Some(&[("x", "1"), ("y", "2")]));
        check("a:{x}{/y}", "a:1/2", Some(&[("x", "1"), ("y", "2")]));
        check("file:///{+path}", "file:///a/b%20c/d.txt", Some(&[("path", "a/b c/d.txt")]));
        check("git://{+path}@{rev}", "git://a@b/c@v1", Some(&[("path", "a@b/c"), ("rev", "v1")]));
        check("a:b{#part}", "a:b#x/y?z", Some(&[("part", "x/y?z")]));
        check("a:b{;v}", "a:b;v=1.2", Some(&[("v", "1.2")]));
        check("a:b{.v}", "a:b.1", Some(&[("v", "1")]));
        check("a:{b.c}", "a:1", Some(&[("b.c", "1")]));
        check("a:b{?x,y}", "a:b", Some(&[]));
        check("a:b{?x,y}", "a:b?y=2&x=1%262", Some(&[("y", "2"), ("x", "1&2")]));
        check("a:{+p}{?x}", "a:b/c?x=", Some(&[("p", "b/c"), ("x", "")]));
        check("a:{+p}/{x}/{y}", "a:b/c/1/2", Some(&[("p", "b/c"), ("x", "1"), ("y", "2")]));
        check("a:{+p}/b{x}/b", "a:p/b1/b", Some(&[("p", "p"), ("x", "1")]));
        check("a:{+p}/b{x}{?y}", "a:p/b1?y=/b2", Some(&[("p", "p"), ("x", "1"), ("y", "/b2")]));
        check("a:{+p}?k={x}{?y}", "a:p?k=1?y=2", Some(&[("p", "p"), ("x", "1"), ("y", "2")]));
        check("a:b?k=v{&x}", "a:b?k=v&x=1", Some(&[("x", "1")]));
        // What stands in no URI, no template makes.
        for other in
            [" ", "\n", "\0", "\u{e9}", "\"", "<", ">", "\\", "^", "`", "{", "|", "}", "\x7f"]
        {
            check("file:///{+path}", &format!("file:///a{other}b"), None);
            check("a:b{#part}", &format!("a:b#{other}"), None);
            check("a:b{?x}", &format!("a:b?x={other}"), None);
        }
    }

    #[test]
    fn refuses_what_the_template_could_not_have_made() {
        for (template, uri) in [
            ("test://static", "test://static/"),
            ("test://t/{id}/data", "test://t//data"),
            ("test://t/{id}/data", "test://t/1/2/data"),
            ("test://t/{id}/data", "test://t/1/datum"),
            ("test://t/{id}/data", "TEST://t/1/data"),
            ("test://t/{id}", "test://t/%zz"),
            ("test://t/{id}", "test://t/%f"),
            ("test://t/{id}", "test://t/%ff"),
            ("file:///{+path}", "file:///"),
            ("a:b{.v}", "a:b1"),
            ("a:{+p}/{x}", "a:/1"),
            ("a:{+p}/{x}", "a:b/"),
            ("a:{+p}/b{x}", "a:p/1"),
            ("a:b{?x}", "a:b?y=1"),
            ("a:b{?x}", "a:b?x=1&x=2"),
            ("a:b{?x}", "a:b?x"),
            ("a:b{?x}", "a:b#x=1"),
        ] {
            check(template, uri, None);
        }
    }

    #[test]
    fn refuses_templates_that_could_be_read_in_two_ways() {
        for template in [
            "a:{",
            "a:}",
            "a:{}",
            "a:{x",
            "a:{x}}",
            "a:{x y}",
            "a:{x:3}",
            "a:{x*}",
            "a:{/x*}",
            "a:{x}{y}",
            "a:{x}{+y}",
            "a:{x}{.y}",
            "a:{x}b{y}",
            "a:{x}-{y}",
            "a:{+x}/{+y}",
            "a:{x,y}",
            "a:{x}/{x}",
            "a:{?x}/b",
            "a:{?x}{&y}",
            "a:{!x}",
            "a:{=x}",
            "a:{?}",
            "a:{x}b",
            "a:{+x}b{y}",
            "a:{+x}%20{y}",
            "a:{..x}",
            "a:{x.}",
            "a:{x..y}",
        ] {
            let says = template.parse::<UriTemplate>().unwrap_err().to_string();
            assert!(says.starts_with(&format!("invalid URI template {template:?}: ")), "{says}");
        }
    }

    #[test]
    fn takes_time_linear_in_the_uri() {
        // What made other matchers hang (CVE-2026-0621), at a length where squares would show.
        let template: UriTemplate = "a:{+x}/end{?q}".parse().unwrap();
        let uri = format!("a:{}", "/en".repeat(1 << 20));
        assert_eq!(template.match_uri(&uri), None);
        let template: UriTemplate = "a:{+x}/b{y}/b{z}{?q}".parse().unwrap();
        let uri = format!("a:{}&z=1", "/b1?q=".repeat(1 << 20));
        assert_eq!(template.match_uri(&uri), None);
    }

    #[test]
    fn names_its_variables() {
        let template: UriTemplate = "a:{x}/{y}{?p,q}".parse().unwrap();
        assert_eq!(template.variables().collect::<Vec<_>>(), ["x", "y", "p", "q"]);
    }
}
