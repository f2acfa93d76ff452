//! Texts of others in messages and on terminals.

use std::borrow::Cow;

/// A text as a terminal can be given it: control characters are written as escapes, `\r` and `\u{1b}`, but for the ends of
/// lines and tabs. What a name or an answer holds must not move the cursor, hide what is before it, or call back.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains(controls) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if controls(letter) {
            out.extend(letter.escape_default());
        } else {
            out.push(letter);
        }
    }
    out.into()
}

/// Whether a letter does something else than stand there; those that turn the direction of writing make one text look like
/// another. <https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing>
fn controls(letter: char) -> bool {
    let turns = matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || letter.is_control() && letter != '\n' && letter != '\t'
}

/// The same for JSON, which has escapes of its own for most: those that it lets through, as one that begins a terminal's
/// sequence in one letter (U+009B), are written in its form. The sequences of its colours stay.
pub fn shown_json(text: &str) -> Cow<'_, str> {
    let control = |letter: char| ('\u{7f}'..='\u{9f}').contains(&letter);
    if !text.contains(control) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if control(letter) {
            out.push_str(&format!("\\u{:04x}", u32::from(letter)));
        } else {
            out.push(letter);
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(shown("a\r"), "a\\r");
        assert_eq!(shown("\u{1b}[2J\u{9b}x"), "\\u{1b}[2J\\u{9b}x");
        assert_eq!(shown("a\tb\nc é"), "a\tb\nc é");
    }

    proptest! {
        #[test]
        fn json_that_is_shown_is_the_same_json(text in ".*") {
            let json = serde_json::Value::from(text);
            let line = json.to_string();
            let shown = shown_json(&line);
            prop_assert!(!shown.chars().any(char::is_control));
            let back: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
            prop_assert_eq!(back, json);
        }

        #[test]
        fn nothing_shown_controls_a_terminal(text in ".*") {
            let text = shown(&text);
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
        }
    }
}
