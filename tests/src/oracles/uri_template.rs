//! URI templates: which are taken, and every way to read a URI by one, tried out.

use mcp_proto::UriTemplate;

use super::lines;

/// Trying out takes time exponential in this at worst.
const LONGEST: usize = 96;

/// Checks a template against the URI in the line behind it.
pub fn check(input: &[u8]) {
    let ([template], uri) = lines(input);
    let (Ok(template), Ok(uri)) = (std::str::from_utf8(template), std::str::from_utf8(uri)) else {
        return;
    };
    check_match(template, uri);
}

/// Checks a template that may be malformed against a URI that may not be of it.
pub fn check_match(template: &str, uri: &str) {
    let parts = read(template);
    let parsed: Result<UriTemplate, _> = template.parse();
    assert_eq!(parsed.is_ok(), parts.is_some(), "{template:?}: {parsed:?}");
    let (Ok(parsed), Some(parts)) = (parsed, parts) else {
        return;
    };
    assert_eq!(parsed.as_str(), template);
    let names = parts.iter().flat_map(Part::names);
    assert_eq!(parsed.variables().collect::<Vec<_>>(), names.collect::<Vec<_>>());
    let found = parsed.match_uri(uri);
    if uri.len() > LONGEST {
        return;
    }
    let mut readings = Vec::new();
    // RFC 3986 section 2: what else there is, is in no URI.
    if uri.chars().all(|c| is_plain(c) || ":/?#[]@!$&'()*+,;=".contains(c)) {
        read_uri(&parts, uri, &mut Vec::new(), &mut readings);
    }
    match &found {
        None => assert_eq!(readings, Vec::<Values>::new(), "{template:?} could have made {uri:?}"),
        Some(found) => assert!(
            readings.contains(found),
            "{template:?} made {uri:?} of {readings:?}, and not of {found:?}"
        ),
    }
    // Without reserved characters in values, there is one way at most.
    if !parts.iter().any(|part| matches!(part, Part::Variable { is_any: true, .. })) {
        assert!(readings.len() <= 1, "{template:?} and {uri:?} give {readings:?}");
    }
    if let Some(found) = found
        && let Some(made) = expand(&parts, &found)
    {
        assert_eq!(parsed.match_uri(&made), Some(found), "{template:?} makes {made:?}");
    }
}

enum Part<'a> {
    Text(String),
    /// A value of one character or more: unreserved ones and escapes, or any.
    Variable {
        name: &'a str,
        is_any: bool,
    },
    Query {
        first: char,
        names: Vec<&'a str>,
    },
}

impl<'a> Part<'a> {
    fn names(&self) -> Vec<&'a str> {
        match self {
            Part::Text(_) => Vec::new(),
            Part::Variable { name, .. } => vec![*name],
            Part::Query { names, .. } => names.clone(),
        }
    }
}

/// What may be part of a value without reserved characters.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~%".contains(c)
}

/// RFC 6570 sections 2 and 3, as far as it is taken, or nothing for the rest.
fn read(template: &str) -> Option<Vec<Part<'_>>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    // Up to each `{`, and then up to its `}`.
    let mut pieces = template.split('{');
    let first = pieces.next()?;
    push_text(&mut parts, first)?;
    for piece in pieces {
        let (expression, text) = piece.split_once('}')?;
        if matches!(parts.last(), Some(Part::Query { .. })) {
            return None;
        }
        let operator = expression.chars().next().filter(|c| "+#./;?&".contains(*c));
        let list = operator.map_or(expression, |_| &expression[1..]);
        let names: Vec<_> = list.split(',').collect();
        // Section 2.3: a dot stands between others.
        let is_name_char = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let is_word = |word: &str| !word.is_empty() && word.chars().all(is_name_char);
        if !names.iter().all(|name| name.split('.').all(is_word)) {
            return None;
        }
        match (operator, &names[..]) {
            (Some(first @ ('?' | '&')), _) => parts.push(Part::Query { first, names }),
            (_, [name]) => {
                let before = match operator {
                    Some(c @ ('#' | '/' | '.')) => c.to_string(),
                    Some(';') => format!(";{name}="),
                    _ => String::new(),
                };
                push_text(&mut parts, &before)?;
                let is_any = matches!(operator, Some('+' | '#'));
                parts.push(Part::Variable { name, is_any });
            }
            _ => return None,
        }
        push_text(&mut parts, text)?;
    }
    is_clear(&parts).then_some(parts)
}

fn push_text(parts: &mut Vec<Part<'_>>, text: &str) -> Option<()> {
    if text.contains('}') {
        return None;
    }
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Text(before)) => before.push_str(text),
        _ => parts.push(Part::Text(text.to_owned())),
    }
    Some(())
}

/// Whether it is clear where each value ends.
fn is_clear(parts: &[Part<'_>]) -> bool {
    let mut names: Vec<_> = parts.iter().flat_map(Part::names).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    let any = parts.iter().filter(|part| matches!(part, Part::Variable { is_any: true, .. }));
    let pairs_are_clear = parts.windows(2).all(|pair| match pair {
        [Part::Query { .. }, _] | [Part::Variable { .. }, Part::Variable { .. }] => false,
        [Part::Variable { is_any: false, .. }, Part::Text(text)] => !text.starts_with(is_plain),
        _ => true,
    });
    let triples_are_clear = parts.windows(3).all(|triple| match triple {
        [Part::Variable { .. }, Part::Text(text), Part::Variable { .. }] => {
            !text.starts_with(is_plain)
        }
        _ => true,
    });
    names.len() == count && any.count() <= 1 && pairs_are_clear && triples_are_clear
}

/// What a query begins with, if there is one at the end.
fn start_of_query(parts: &[Part<'_>]) -> Option<char> {
    match parts.last() {
        Some(Part::Query { first, .. }) => Some(*first),
        _ => None,
    }
}

type Values = Vec<(String, String)>;

/// All that the variables could have been.
fn read_uri(parts: &[Part<'_>], uri: &str, so_far: &mut Values, readings: &mut Vec<Values>) {
    let Some((part, behind)) = parts.split_first() else {
        if uri.is_empty() {
            readings.push(so_far.clone());
        }
        return;
    };
    match part {
        Part::Text(text) => {
            if let Some(rest) = uri.strip_prefix(text.as_str()) {
                read_uri(behind, rest, so_far, readings);
            }
        }
        Part::Variable { name, is_any } => {
            // No value reaches into the query.
            let stop = start_of_query(behind);
            for (at, c) in uri.char_indices() {
                if !(*is_any || is_plain(c)) || Some(c) == stop {
                    break;
                }
                let (value, rest) = uri.split_at(at + c.len_utf8());
                if let Some(value) = decode(value) {
                    so_far.push(((*name).to_owned(), value));
                    read_uri(behind, rest, so_far, readings);
                    so_far.pop();
                }
            }
        }
        Part::Query { first, names } => {
            if let Some(values) = read_query(uri, *first, names) {
                readings.push([so_far.clone(), values].concat());
            }
        }
    }
}

fn read_query(query: &str, first: char, names: &[&str]) -> Option<Values> {
    let mut values = Values::new();
    if query.is_empty() {
        return Some(values);
    }
    for pair in query.strip_prefix(first)?.split('&') {
        let (name, value) = pair.split_once('=')?;
        if !names.contains(&name) || values.iter().any(|(other, _)| other == name) {
            return None;
        }
        values.push((name.to_owned(), decode(value)?));
    }
    Some(values)
}

/// RFC 3986 section 2.1.
fn decode(value: &str) -> Option<String> {
    let mut parts = value.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|it| it.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

/// RFC 6570 section 3.2: what the values make, unless that could be read in another way: `%` is not
/// escaped in a value with reserved characters, and neither is what ends one.
fn expand(parts: &[Part<'_>], values: &Values) -> Option<String> {
    let mut uri = String::new();
    let value_of = |name: &str| values.iter().find(|(other, _)| other == name);
    for (position, part) in parts.iter().enumerate() {
        match part {
            Part::Text(text) => uri.push_str(text),
            Part::Variable { name, is_any } => {
                let (_, value) = value_of(name)?;
                let ends_at = start_of_query(&parts[position..]);
                if *is_any && value.contains(|c| c == '%' || Some(c) == ends_at) {
                    return None;
                }
                let reserved = if *is_any { ":/?#[]@!$&'()*+,;=" } else { "" };
                escape(&mut uri, value, reserved);
            }
            Part::Query { first, names } => {
                // In the order in which they came.
                let there = values.iter().filter(|(name, _)| names.contains(&name.as_str()));
                for (count, (name, value)) in there.enumerate() {
                    uri.push(if count == 0 { *first } else { '&' });
                    uri.push_str(name);
                    uri.push('=');
                    escape(&mut uri, value, "");
                }
            }
        }
    }
    Some(uri)
}

fn escape(uri: &mut String, value: &str, reserved: &str) {
    for c in value.chars() {
        if (is_plain(c) && c != '%') || reserved.contains(c) {
            uri.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                uri.push_str(&format!("%{byte:02X}"));
            }
        }
    }
}
