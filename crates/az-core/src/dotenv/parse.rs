//! Reading.

use secrecy::SecretString;
use zeroize::Zeroizing;

/// Room for the longest value that a vault takes (25 kB), in bytes.
const MOST_ROOM: usize = 32 * 1024;

/// One variable of a file.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: SecretString,
}

/// A line that is none. What it holds is not told: it may be part of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {rule}")]
pub struct InvalidLine {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong.
    pub rule: &'static str,
}

const NO_KEY: &str = "it is not KEY=VALUE; a value of several lines stands in quotes";
const NO_VALUE: &str = "it has no value; an empty one is written as ''";
const OPEN: &str = "the quote that begins here has no end";
const AFTER: &str = "something follows the closing quote; a comment has a space before its #";

/// Reads the variables of a file, in their order.
///
/// Without quotes a value is the rest of the line, up to white space and a `#`. In single quotes all is literal; in double
/// quotes `\n`, `\r`, `\t`, `\\`, `\"`, `\$` and `` \` `` mean one character. Quoted parts may follow each other, as in
/// shells. A line that ends as on Windows has such ends within its quotes, too; they count as one character.
///
/// # Errors
/// A line is no variable, no comment and not blank.
pub fn parse(text: &str) -> Result<Vec<Entry>, InvalidLine> {
    let mut cursor = Cursor {
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        line: 1,
    };
    let mut entries = Vec::new();
    while !cursor.rest.is_empty() {
        cursor.blanks();
        if cursor.rest.starts_with('#') {
            cursor.until(|letter| letter == '\n');
        }
        if cursor.end_of_line().is_some() {
            continue;
        }
        entries.push(cursor.entry()?);
    }
    Ok(entries)
}

/// How a line ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Unix,
    Windows,
    File,
}

/// Where in a text.
struct Cursor<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Cursor<'a> {
    /// Takes all up to the first character of which `stop` says so.
    fn until(&mut self, stop: impl FnMut(char) -> bool) -> &'a str {
        let end = self.rest.find(stop).unwrap_or(self.rest.len());
        self.take(end)
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.take(next.len_utf8());
        Some(next)
    }

    fn blanks(&mut self) -> &'a str {
        self.until(|letter| letter != ' ' && letter != '\t')
    }

    /// Takes the line's end, if this is one.
    fn end_of_line(&mut self) -> Option<End> {
        let (bytes, end) = match self.rest {
            "" | "\r" => (self.rest.len(), End::File),
            rest if rest.starts_with('\n') => (1, End::Unix),
            rest if rest.starts_with("\r\n") => (2, End::Windows),
            _ => return None,
        };
        self.take(bytes);
        Some(end)
    }

    fn entry(&mut self) -> Result<Entry, InvalidLine> {
        let line = self.line;
        let invalid = |rule| InvalidLine { line, rule };
        let in_word = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
        let mut key = self.until(|letter| !in_word(letter));
        let gap = self.blanks();
        if key == "export" && !gap.is_empty() && !self.rest.starts_with('=') {
            key = self.until(|letter| !in_word(letter));
            self.blanks();
        }
        if key.is_empty() || !self.rest.starts_with('=') {
            return Err(invalid(NO_KEY));
        }
        self.take(1);
        let gap = self.blanks();
        let value = if self.rest.starts_with(['\'', '"']) {
            self.quoted()?
        } else {
            let value = self.plain(!gap.is_empty());
            if value.is_empty() {
                return Err(invalid(NO_VALUE));
            }
            SecretString::from(value)
        };
        Ok(Entry {
            line,
            key: key.to_owned(),
            value,
        })
    }

    /// A value without quotes: the rest of the line, without a comment. `after_blank`: white space is before it.
    fn plain(&mut self, after_blank: bool) -> &'a str {
        let value = self.until(|letter| letter == '\n');
        self.end_of_line();
        let value = value.trim_end_matches('\r');
        if after_blank && value.starts_with('#') {
            return "";
        }
        let comment = [" #", "\t#"]
            .iter()
            .filter_map(|mark| value.find(mark))
            .min();
        let value = &value[..comment.unwrap_or(value.len())];
        value.trim_end_matches([' ', '\t'])
    }

    /// A value of parts in quotes, to the end of its line.
    fn quoted(&mut self) -> Result<SecretString, InvalidLine> {
        // No part gets longer by what it means: nothing that a vault takes grows and leaves a copy behind.
        let room = self.rest.len().min(MOST_ROOM);
        let mut value = Zeroizing::new(String::with_capacity(room));
        loop {
            let line = self.line;
            let open = InvalidLine { line, rule: OPEN };
            match self.rest.chars().next() {
                Some('\'') => {
                    self.take(1);
                    let part = self.until(|letter| letter == '\'');
                    self.next().ok_or(open)?;
                    value.push_str(part);
                }
                Some('"') => {
                    self.take(1);
                    self.double(&mut value).ok_or(open)?;
                }
                Some('\\') => {
                    self.take(1);
                    value.extend(self.next().filter(|letter| *letter != '\n'));
                }
                _ => break,
            }
        }
        let gap = self.blanks();
        let line = self.line;
        if !gap.is_empty() && self.rest.starts_with('#') {
            let comment = self.until(|letter| letter == '\n');
            let windows = comment.ends_with('\r');
            self.end_of_line();
            return Ok(secret(&value, windows));
        }
        match self.end_of_line() {
            Some(end) => Ok(secret(&value, end == End::Windows)),
            None => Err(InvalidLine { line, rule: AFTER }),
        }
    }

    /// What is in double quotes, and the closing one.
    fn double(&mut self, value: &mut String) -> Option<()> {
        loop {
            value.push_str(self.until(|letter| letter == '"' || letter == '\\'));
            match self.next()? {
                '"' => return Some(()),
                _ => match self.next()? {
                    'n' => value.push('\n'),
                    'r' => value.push('\r'),
                    't' => value.push('\t'),
                    // The line goes on.
                    '\n' => {}
                    letter @ ('\\' | '"' | '$' | '`') => value.push(letter),
                    letter => value.extend(['\\', letter]),
                },
            }
        }
    }
}

fn secret(value: &str, windows: bool) -> SecretString {
    if windows {
        SecretString::from(value.replace("\r\n", "\n"))
    } else {
        SecretString::from(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    fn read(text: &str) -> Vec<(String, String)> {
        let entries = parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let pair = |entry: Entry| (entry.key, entry.value.expose_secret().to_owned());
        entries.into_iter().map(pair).collect()
    }

    #[test]
    fn the_usual_forms_are_read() {
        for (text, value) in [
            ("K=v", "v"),
            ("K=v\r\n", "v"),
            ("  K = v  # comment\n", "v"),
            ("export K=v\n", "v"),
            ("export\tK='v'\n", "v"),
            ("K=a#b", "a#b"),
            ("K=#b", "#b"),
            ("K=a b c", "a b c"),
            ("K=it's", "it's"),
            ("K=a=b==", "a=b=="),
            ("K=''", ""),
            ("K=\"\"", ""),
            ("K='a # b' # c", "a # b"),
            ("K='a\\n$b'", "a\\n$b"),
            ("K=\"a\\nb\\t\\\"c\\\" \\$d \\q\"", "a\nb\t\"c\" $d \\q"),
            ("K='it'\\''s'", "it's"),
            ("K=\"a\"'b'\"c\"", "abc"),
            ("K='a\nb'\n", "a\nb"),
            ("K='a\r\nb'\r\n", "a\nb"),
            ("K='a\r\nb' # c\r\n", "a\nb"),
            ("K='a\r\nb'\n", "a\r\nb"),
            ("\u{feff}K=v", "v"),
        ] {
            assert_eq!(read(text), [("K".to_owned(), value.to_owned())], "{text:?}");
        }
    }

    #[test]
    fn comments_and_blank_lines_are_none() {
        let text = "# one\n\n  # two\r\nA=1\r\n\t\nexport=2\n#\r\n# end";
        assert_eq!(
            read(text),
            [
                ("A".to_owned(), "1".to_owned()),
                ("export".to_owned(), "2".to_owned())
            ]
        );
        assert_eq!(parse(text).expect("parses")[1].line, 6);
    }

    #[test]
    fn a_line_that_is_none_is_named_and_not_shown() {
        for (text, line, rule) in [
            ("A=1\nhunter2\n", 2, NO_KEY),
            ("hunter 2=x", 1, NO_KEY),
            ("=hunter2", 1, NO_KEY),
            ("A=\n", 1, NO_VALUE),
            ("A= # hunter2\n", 1, NO_VALUE),
            ("\nA='hunter2\n\n", 2, OPEN),
            ("A=\"hunter2\\\"", 1, OPEN),
            ("A='x'hunter2", 1, AFTER),
            ("A='x' hunter2", 1, AFTER),
            ("A='x\n\n'#hunter2", 3, AFTER),
        ] {
            let error = parse(text).expect_err(text);
            assert_eq!(error, InvalidLine { line, rule }, "{text:?}");
            assert!(!error.to_string().contains("hunter"));
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_or_says_where(text in "[\\PC\r\n]{0,80}|[ #='\"\\\\\r\nA_]{0,30}") {
            let lines = text.matches('\n').count() + 1;
            match parse(&text) {
                Ok(entries) => prop_assert!(entries.iter().all(|entry| entry.line <= lines)),
                Err(error) => prop_assert!(error.line <= lines),
            }
        }
    }
}
