//! Text for a terminal: whoever chose a name chose no colours, no cursor and no other line with it.

/// A text with what a terminal would obey, or would show in another order, as `\u{…}`.
pub fn escaped(text: &str) -> String {
    escape(text, |c| c.escape_unicode().to_string())
}

/// The same in JSON, where such a character can only stand in a text, as JSON has it.
pub fn escaped_json(text: &str) -> String {
    let mut lines = text.split('\n');
    let first = lines.next().unwrap_or_default();
    // The line ends are its layout: within a text JSON escapes them.
    lines.fold(json_line(first), |all, line| all + "\n" + &json_line(line))
}

fn json_line(line: &str) -> String {
    escape(line, |c| {
        let mut units = [0; 2];
        let units = c.encode_utf16(&mut units).iter();
        units.map(|unit| format!("\\u{unit:04x}")).collect()
    })
}

fn escape(text: &str, with: impl Fn(char) -> String) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_direction(c) {
            shown.push_str(&with(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Characters that change the order or the lines of what is shown (Unicode Technical Report 36, 3.1).
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn what_a_terminal_obeys_is_shown_instead() {
        assert_eq!(
            escaped("a\u{1b}[2Jb\n\u{9b}1m"),
            "a\\u{1b}[2Jb\\u{a}\\u{9b}1m"
        );
        assert_eq!(escaped("\u{202e}gpj.exe"), "\\u{202e}gpj.exe");
        assert_eq!(escaped("Müller (Zürich) 東京"), "Müller (Zürich) 東京");
    }

    proptest! {
        #[test]
        fn json_stays_what_it_is(text in any::<String>()) {
            let value = json!({"a": [text.clone()], text.clone(): 1});
            let shown = escaped_json(&format!("{value:#}"));
            prop_assert_eq!(serde_json::from_str::<Value>(&shown).expect("JSON"), value);
            prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()));
        }

        #[test]
        fn no_text_has_a_control_character(text in any::<String>()) {
            prop_assert!(!escaped(&text).chars().any(|c| c.is_control() || is_direction(c)));
        }
    }
}
