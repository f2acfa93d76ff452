//! Quoting for shells, and for the JVM.

/// Quotes a value so that bash, zsh and any POSIX shell read it as it is.
pub(crate) fn posix_quoted(value: &str) -> String {
    // No `=` and no `~`: zsh expands them at the beginning of a value.
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@%+,".contains(letter);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Quotes a value so that fish reads it as it is: between single quotes a backslash escapes itself and the quote
/// (<https://fishshell.com/docs/current/language.html#quotes>).
pub(crate) fn fish_quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

/// What PowerShell takes for a single quote (`IsSingleQuote` in PowerShell's
/// `src/System.Management.Automation/engine/parser/CharTraits.cs`): the straight one and four typographic ones.
const PWSH_QUOTES: [char; 5] = ['\'', '\u{2018}', '\u{2019}', '\u{201a}', '\u{201b}'];

/// Quotes a value so that PowerShell reads it as it is: between single quotes only the quotes mean something, and a
/// doubled one stands for itself (about_Quoting_Rules).
pub(crate) fn pwsh_quoted(value: &str) -> String {
    let mut quoted = String::from("'");
    for letter in value.chars() {
        if PWSH_QUOTES.contains(&letter) {
            quoted.push(letter);
        }
        quoted.push(letter);
    }
    quoted.push('\'');
    quoted
}

/// Quotes a word so that the JVM reads it as it is in `JAVA_TOOL_OPTIONS`: white space parts words, either quote holds
/// them together up to the same one, and nothing escapes one (`Arguments::parse_options_buffer` in HotSpot's
/// `src/hotspot/share/runtime/arguments.cpp`).
pub(crate) fn java_quoted(word: &str) -> String {
    let special = |letter: char| letter.is_ascii_whitespace() || letter == '\'' || letter == '"';
    if !word.contains(special) {
        return word.to_owned();
    }
    let between = word.split('"').map(|part| match part {
        "" => String::new(),
        part => format!("\"{part}\""),
    });
    between.collect::<Vec<_>>().join("'\"'")
}
