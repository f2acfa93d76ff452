//! The loose JSON that Azure takes templates in.

use crate::arm::call::{Call, DEEPEST_JSON, invalid_content, members, too_deep};
use crate::arm::error::Error;
use jsonc_parser::ParseOptions;
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
