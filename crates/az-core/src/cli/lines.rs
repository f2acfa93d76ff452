//! What comes in on standard input when an argument is `-`.

use super::failure::Failure;
use serde_json::Value;
use std::io::Read;

/// One thing from standard input.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// A JSON object, or a bare value as a string.
    pub value: Value,
}

/// Reads all of standard input: one JSON object, several JSON lines, or bare values, a line each.
///
/// # Errors
/// Standard input cannot be read, holds broken JSON, or nothing at all.
pub fn read_stdin(what: &str) -> Result<Vec<Item>, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("standard input ({what}): {error}")))?;
    let items = read_text(&format!("standard input ({what})"), &text)?;
    if items.is_empty() {
        return Err(Failure::usage(format!("standard input has no {what}"))
            .hint("Did the command in front of the pipe fail?"));
    }
    Ok(items)
}

/// The same of a text; `origin` is what errors call it.
///
/// # Errors
/// It holds broken JSON.
pub fn read_text(origin: &str, text: &str) -> Result<Vec<Item>, Failure> {
    parse(text).map_err(|error| Failure::usage(format!("{origin}: {error}")))
}

/// Splits text into items. JSON values may span lines (`az` prints objects so); an array counts as its
/// members; anything else is one bare value a line, blank lines left out.
pub(crate) fn parse(text: &str) -> Result<Vec<Item>, String> {
    if !text.trim_start().starts_with(['{', '[', '"']) {
        return Ok(text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(index, line)| Item {
                line: index + 1,
                value: Value::from(line.trim()),
            })
            .collect());
    }
    let mut items = Vec::new();
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    // Each end of a line is counted once, however many values there are.
    let (mut line, mut counted) = (1, 0);
    loop {
        let before = stream.byte_offset();
        let begin = text.len() - text[before..].trim_start().len();
        line += text[counted..begin].matches('\n').count();
        counted = begin;
        match stream.next() {
            None => return Ok(items),
            Some(Ok(Value::Array(members))) => {
                items.extend(members.into_iter().map(|value| Item { line, value }));
            }
            Some(Ok(value)) => items.push(Item { line, value }),
            Some(Err(error)) => return Err(format!("line {line}: not JSON: {error}")),
        }
    }
}

impl Item {
    /// The bare value, or the named member of the object.
    pub fn text(&self, member: &str) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            Value::Object(members) => members.get(member).and_then(Value::as_str),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn an_indented_object_is_one_item() {
        let items = parse("{\n  \"principalId\": \"p\"\n}\n").expect("parses");
        assert_eq!(
            items,
            [Item {
                line: 1,
                value: json!({"principalId": "p"})
            }]
        );
        assert_eq!(items[0].text("principalId"), Some("p"));
    }

    #[test]
    fn json_lines_carry_their_line_numbers() {
        let items = parse("{\"a\":1}\n\n{\"a\":2}\n").expect("parses");
        assert_eq!(
            items.iter().map(|item| item.line).collect::<Vec<_>>(),
            [1, 3]
        );
    }

    #[test]
    fn bare_values_are_lines() {
        let items = parse("one\n\n two \n").expect("parses");
        assert_eq!(
            items[1],
            Item {
                line: 3,
                value: json!("two")
            }
        );
    }

    #[test]
    fn broken_json_names_its_line() {
        assert!(
            parse("{\"a\":1}\n{\"a\":")
                .expect_err("broken")
                .starts_with("line 2")
        );
    }

    #[test]
    fn many_lines_take_no_more_time_each_than_few() {
        let began = std::time::Instant::now();
        let items = parse(&"{\"a\": 1}\n".repeat(100_000)).expect("parses");
        assert_eq!(items.last().map(|item| item.line), Some(100_000));
        // A second where nothing is optimised; minutes if each counted the lines before it.
        assert!(began.elapsed() < std::time::Duration::from_secs(20));
    }

    proptest! {
        #[test]
        fn any_text_parses_or_says_why(text in "\\PC*") {
            let _ = parse(&text);
        }

        #[test]
        fn json_lines_round_trip(names in prop::collection::vec("[a-z]{1,8}", 1..8)) {
            let text: String = names.iter().map(|name| json!({"n": name}).to_string() + "\n").collect();
            let items = parse(&text).expect("parses");
            let back: Vec<&str> = items.iter().filter_map(|item| item.text("n")).collect();
            prop_assert_eq!(back, names);
        }
    }
}
