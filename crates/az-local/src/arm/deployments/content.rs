//! The loose JSON that Azure takes templates in.

use crate::arm::call::{Call, DEEPEST_JSON, invalid_content, members, too_deep};
use crate::arm::error::{Error, Violation};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, ast, parse_to_ast};
use serde_json::{Map, Value};

/// The body: with comments, with texts of several lines, and names without quotes, as `az` sends them.
pub(super) fn template_body(call: &Call<'_>) -> Result<Map<String, Value>, Error> {
    let text = call.content()?;
    // Before any parser sees it: parsers stop at depths of their own, each with its own words.
    if nesting(text) > DEEPEST_JSON {
        return Err(too_deep());
    }
    let parsed = match serde_json::from_slice(text) {
        Ok(parsed) => parsed,
        Err(_) => {
            let text = String::from_utf8_lossy(text);
            jsonc_parser::parse_to_serde_value::<Value>(&text, &ParseOptions::default())
                .map_err(|error| invalid_content(&error.to_string()))?
        }
    };
    members(parsed)
}

/// Where a value stands in the body that was sent, by the path that leads to it from the template.
pub(super) fn place_of(call: &Call<'_>, path: &[Step<'_>]) -> Violation {
    let mut full = vec![Step::Member("properties"), Step::Member("template")];
    full.extend_from_slice(path);
    let text = String::from_utf8_lossy(&call.request.body);
    let before = end_of(&text, &full).and_then(|at| text.get(..at));
    let (line, column) = match before {
        Some(before) => {
            let begin = before.rfind('\n').map_or(0, |at| at + 1);
            (
                before.matches('\n').count() + 1,
                before[begin..].chars().count(),
            )
        }
        None => (0, 0),
    };
    let path = shown(&full);
    Violation { path, line, column }
}

/// Where a reader has read the value, or its first bracket (bytes).
fn end_of(text: &str, path: &[Step<'_>]) -> Option<usize> {
    let parsed = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default()).ok()?;
    let mut value = parsed.value?;
    for step in path {
        value = match (step, value) {
            (Step::Member(name), ast::Value::Object(object)) => {
                let mut all = object.properties.into_iter();
                all.find(|one| one.name.as_str() == *name)?.value
            }
            (Step::Index(index), ast::Value::Array(array)) => {
                array.elements.into_iter().nth(*index)?
            }
            _ => return None,
        };
    }
    Some(match &value {
        ast::Value::Object(object) => object.range.start + 1,
        ast::Value::Array(array) => array.range.start + 1,
        leaf => leaf.range().end,
    })
}

/// A step on the way to a value in a template.
#[derive(Clone, Copy)]
pub(super) enum Step<'v> {
    Member(&'v str),
    Index(usize),
}

pub(super) fn shown(path: &[Step<'_>]) -> String {
    let mut shown = String::new();
    for step in path {
        match step {
            Step::Member(name) if shown.is_empty() => shown.push_str(name),
            Step::Member(name) => shown += &format!(".{name}"),
            Step::Index(index) => shown += &format!("[{index}]"),
        }
    }
    shown
}

/// How deep brackets are nested, those in texts and comments not counted. Text that is no JSON may be counted wrongly.
fn nesting(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' | b'\'' => at = text_end(text, at),
            b'/' => match text.get(at + 1) {
                Some(b'/') => at += find(&text[at..], b"\n"),
                Some(b'*') => at += 2 + find(&text[at + 2..], b"*/"),
                _ => {}
            },
            _ => {}
        }
        at += 1;
    }
    deepest
}

/// Where the text ends that begins here: its closing quote, or the end of all.
fn text_end(text: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 1,
            byte if byte == text[from] => break,
            _ => {}
        }
        at += 1;
    }
    at
}

/// How far away the mark is, or the end where it does not come.
fn find(text: &[u8], mark: &[u8]) -> usize {
    text.windows(mark.len())
        .position(|window| window == mark)
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_where_a_reader_has_read_it() {
        let text = "{\n  // a comment\n  a: [\"x\", {\"b\": 12}],\n\"c\": {}}";
        let (a, b) = (Step::Member("a"), Step::Member("b"));
        for (path, before) in [
            (vec![Step::Member("c")], "\"c\": {"),
            (vec![a], "a: ["),
            (vec![a, Step::Index(0)], "a: [\"x\""),
            (vec![a, Step::Index(1), b], "{\"b\": 12"),
        ] {
            let end = end_of(text, &path).expect("a place");
            assert!(text[..end].ends_with(before), "{}", shown(&path));
        }
        for path in [vec![b], vec![a, Step::Index(2)], vec![a, b]] {
            assert_eq!(end_of(text, &path), None);
        }
    }

    #[test]
    fn brackets_in_texts_and_comments_are_not_counted() {
        for (text, depth) in [
            ("", 0),
            ("{}", 1),
            ("[[],[[]]]", 3),
            (r#"{"a": "[[[\"[", b: '{{\'{'}"#, 1),
            ("// [[[\n{}", 1),
            ("/* [[[ */ [{}]", 2),
            ("/* [[[", 0),
            ("\"[[[", 0),
            ("]]]][", 1),
            ("/", 0),
            ("\"\\", 0),
        ] {
            assert_eq!(nesting(text.as_bytes()), depth, "{text}");
        }
    }
}
