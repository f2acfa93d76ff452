//! Texts of others in messages and on terminals.

use std::borrow::Cow;

/// A text as a terminal can be given it: control characters are written as escapes, `\r` and `\u{1b}`, but for the ends of
/// lines and tabs. What a name or an answer holds must not move the cursor, hide what is before it, or call back.
pub fn shown(text: &str) -> Cow<'_, str> {
    let control = |letter: char| letter.is_control() && letter != '\n' && letter != '\t';
    if !text.contains(control) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if control(letter) {
            out.extend(letter.escape_default());
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
        fn nothing_shown_controls_a_terminal(text in ".*") {
            let text = shown(&text);
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
        }
    }
}
