//! What comes in on standard input when an argument is `-`.

use super::failure::Failure;
use serde::Deserialize;
use serde_json::Value;
use std::{
    io::{self, BufRead, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::mpsc;

/// The most bytes of one item. A secret has 25 kB, a machine as `az` prints it less.
const LONGEST_ITEM: u64 = 4 * 1024 * 1024;
/// The most letters of a number, which no list has.
const LONGEST_NUMBER: usize = 1000;
/// How many items are read before they are asked for.
const READ_AHEAD: usize = 32;

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
    let items: Result<Vec<Item>, String> = Items::of(io::stdin().lock()).collect();
    let items = items.map_err(|error| unreadable(what, &error))?;
    if items.is_empty() {
        return Err(nothing(what));
    }
    Ok(items)
}

/// The same of a text; `origin` is what errors call it.
///
/// # Errors
/// It holds broken JSON.
pub fn read_text(origin: &str, text: &str) -> Result<Vec<Item>, Failure> {
    let items: Result<Vec<Item>, String> = Items::of(text.as_bytes()).collect();
    items.map_err(|error| Failure::usage(format!("{origin}: {error}")))
}

pub(super) fn unreadable(what: &str, error: &str) -> Failure {
    Failure::usage(format!("standard input ({what}): {error}"))
}

pub(super) fn nothing(what: &str) -> Failure {
    Failure::usage(format!("standard input has no {what}"))
        .hint("Did the command in front of the pipe fail?")
}

/// Splits text into items. JSON values may span lines (`az` prints objects so); an array counts as its
/// members; anything else is one bare value a line, blank lines left out.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn parse(text: &str) -> Result<Vec<Item>, String> {
    Items::of(text.as_bytes()).collect()
}

/// Standard input, read by a thread of its own and no further ahead than some items: whoever writes to it waits meanwhile.
pub(super) struct Incoming {
    items: mpsc::Receiver<Result<Item, String>>,
    read: Arc<AtomicU64>,
    /// How many bytes there are in all, if that can be known.
    pub(super) size: Option<u64>,
}

impl Incoming {
    /// Begins to read.
    ///
    /// # Errors
    /// There can be no thread more.
    pub(super) fn begin() -> Result<Self, Failure> {
        let (sender, items) = mpsc::channel(READ_AHEAD);
        let read = Arc::new(AtomicU64::new(0));
        let count = read.clone();
        let size = size_of_stdin();
        let reading = move || {
            let mut all = Items::of(io::stdin().lock());
            while let Some(item) = all.next() {
                count.store(all.from.read, Ordering::Relaxed);
                if sender.blocking_send(item).is_err() {
                    return;
                }
            }
        };
        // It ends with the process at the latest: nobody waits for a read that may never end.
        std::thread::Builder::new()
            .name("standard input".to_owned())
            .spawn(reading)
            .map_err(|error| Failure::usage(format!("standard input: {error}")))?;
        Ok(Incoming { items, read, size })
    }

    /// The next item; what is behind an error is not read.
    pub(super) async fn next(&mut self) -> Option<Result<Item, String>> {
        self.items.recv().await
    }

    /// How many bytes of it were read.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

/// How many bytes are left of standard input where it is a file.
#[cfg(unix)]
fn size_of_stdin() -> Option<u64> {
    use std::{fs::File, io::Seek, os::fd::AsFd};
    let mut file = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    let about = file.metadata().ok()?;
    let at = about.is_file().then(|| file.stream_position().ok())??;
    Some(about.len().saturating_sub(at))
}

#[cfg(not(unix))]
fn size_of_stdin() -> Option<u64> {
    None
}

/// The items of a text, one after the other. An error is the last.
struct Items<R> {
    from: Counted<R>,
    form: Form,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// Nothing was read yet.
    Unknown,
    Bare,
    Json,
    /// JSON, within an array: before its first member, or after one.
    Array {
        is_first: bool,
    },
    Ended,
}

/// What is read, with its line.
struct Counted<R> {
    from: R,
    /// The line that is read, from 1.
    line: usize,
    read: u64,
    /// How far may be read.
    most: u64,
}

impl<R: BufRead> Counted<R> {
    /// The next byte, which is left there.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.from.fill_buf()?.first().copied())
    }

    fn skip(&mut self) {
        let byte = self.from.fill_buf().ok().and_then(|bytes| bytes.first());
        if byte == Some(&b'\n') {
            self.line += 1;
        }
        self.read += 1;
        self.from.consume(1);
    }

    /// The next byte that is no space, as JSON has them; it is left there.
    fn next_word(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.peek()? {
                Some(byte) if byte.is_ascii_whitespace() => self.skip(),
                other => return Ok(other),
            }
        }
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read >= self.most {
            return Err(io::Error::other(format!(
                "there is more than the {LONGEST_ITEM} bytes that one may have"
            )));
        }
        let count = self.from.read(buffer)?;
        self.line += buffer[..count]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        self.read += count as u64;
        Ok(count)
    }
}

impl<R: BufRead> Items<R> {
    fn of(from: R) -> Self {
        Items {
            from: Counted {
                from,
                line: 1,
                read: 0,
                most: 0,
            },
            form: Form::Unknown,
        }
    }

    fn item(&mut self) -> Result<Option<Item>, String> {
        if self.form == Form::Bare {
            return self.bare();
        }
        loop {
            let next = self.from.next_word().map_err(|error| error.to_string())?;
            let Some(next) = next else {
                return match self.form {
                    Form::Array { .. } => Err(self.no_json("it ends within an array")),
                    _ => Ok(None),
                };
            };
            match (self.form, next) {
                (Form::Unknown, b'{' | b'[' | b'"') => self.form = Form::Json,
                (Form::Unknown, _) => {
                    self.form = Form::Bare;
                    return self.bare();
                }
                (Form::Json, b'[') => {
                    self.from.skip();
                    self.form = Form::Array { is_first: true };
                }
                (Form::Array { .. }, b']') => {
                    self.from.skip();
                    self.form = Form::Json;
                }
                (Form::Array { is_first: false }, b',') => {
                    self.from.skip();
                    match self.from.next_word().map_err(|error| error.to_string())? {
                        Some(b']' | b',') | None => {
                            return Err(self.no_json("a value was expected"));
                        }
                        Some(_) => return self.value().map(Some),
                    }
                }
                (Form::Array { is_first: false }, _) => {
                    return Err(self.no_json("a comma was expected"));
                }
                (Form::Array { is_first: true }, _) => {
                    self.form = Form::Array { is_first: false };
                    return self.value().map(Some);
                }
                _ => return self.value().map(Some),
            }
        }
    }

    fn no_json(&self, reason: &str) -> String {
        format!("line {}: not JSON: {reason}", self.from.line)
    }

    /// The JSON value that begins here.
    fn value(&mut self) -> Result<Item, String> {
        let line = self.from.line;
        self.from.most = self.from.read + LONGEST_ITEM;
        let next = self.from.peek().map_err(|error| error.to_string())?;
        let value = match next {
            // The parser would read one byte beyond a number.
            Some(b'-' | b'0'..=b'9') => {
                let mut word = String::new();
                while let Ok(Some(byte)) = self.from.peek()
                    && (byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
                    && word.len() <= LONGEST_NUMBER
                {
                    word.push(char::from(byte));
                    self.from.skip();
                }
                if word.len() > LONGEST_NUMBER {
                    return Err(self.no_json("a number is too long"));
                }
                serde_json::from_str(&word)
            }
            _ => Value::deserialize(&mut serde_json::Deserializer::from_reader(&mut self.from)),
        };
        match value {
            Ok(value) => Ok(Item { line, value }),
            Err(error) => {
                // The parser counts lines from here.
                let text = error.to_string();
                let reason = text.split(" at line ").next().unwrap_or(&text);
                Err(format!("line {line}: not JSON: {reason}"))
            }
        }
    }

    /// The next line that is not blank.
    fn bare(&mut self) -> Result<Option<Item>, String> {
        loop {
            let line = self.from.line;
            let mut bytes = Vec::new();
            let count = (&mut self.from.from)
                .take(LONGEST_ITEM)
                .read_until(b'\n', &mut bytes)
                .map_err(|error| format!("line {line}: {error}"))?;
            if count == 0 {
                return Ok(None);
            }
            self.from.read += count as u64;
            self.from.line += 1;
            if bytes.len() as u64 == LONGEST_ITEM && bytes.last() != Some(&b'\n') {
                return Err(format!(
                    "line {line}: it is longer than the {LONGEST_ITEM} bytes that one may have"
                ));
            }
            let text = str::from_utf8(&bytes)
                .map_err(|_| format!("line {line}: it is not UTF-8 text"))?
                .trim();
            if !text.is_empty() {
                return Ok(Some(Item {
                    line,
                    value: Value::from(text),
                }));
            }
        }
    }
}

impl<R: BufRead> Iterator for Items<R> {
    type Item = Result<Item, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.form == Form::Ended {
            return None;
        }
        let item = self.item().transpose();
        if !matches!(item, Some(Ok(_))) {
            self.form = Form::Ended;
        }
        item
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
    fn members_of_an_array_carry_theirs() {
        let items = parse("\n[\n {\"a\":1},\n 2, \"b\",\n [3, 4]\n]\n\"c\" []").expect("parses");
        let found: Vec<(usize, Value)> = items
            .into_iter()
            .map(|item| (item.line, item.value))
            .collect();
        assert_eq!(
            found,
            [
                (3, json!({"a": 1})),
                (4, json!(2)),
                (4, json!("b")),
                (5, json!([3, 4])),
                (7, json!("c"))
            ]
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
        for broken in [
            "{\"a\":1}\n{\"a\":",
            "{\"a\":1}\nx",
            "[1,\n2",
            "[1,\n,2]",
            "[1,\n]",
            "[1,\n2 3]",
            "[1,\n-]",
        ] {
            let error = parse(broken).expect_err("broken");
            assert!(error.starts_with("line 2: not JSON"), "{broken}: {error}");
        }
    }

    #[test]
    fn what_is_before_an_error_is_read() {
        let mut items = Items::of(&b"{}\n{\n"[..]);
        assert!(matches!(items.next(), Some(Ok(_))));
        assert!(matches!(items.next(), Some(Err(_))));
        assert!(items.next().is_none());
    }

    #[test]
    fn many_lines_take_no_more_time_each_than_few() {
        let began = std::time::Instant::now();
        let items = parse(&"{\"a\": 1}\n".repeat(100_000)).expect("parses");
        assert_eq!(items.last().map(|item| item.line), Some(100_000));
        // A second where nothing is optimised; minutes if each counted the lines before it.
        assert!(began.elapsed() < std::time::Duration::from_secs(20));
    }

    /// A text without an end, of which is counted how much was read.
    struct Endless {
        text: &'static [u8],
        read: u64,
    }

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min(1000);
            for (at, byte) in buffer[..count].iter_mut().enumerate() {
                *byte = self.text[at % self.text.len()];
            }
            self.read += count as u64;
            Ok(count)
        }
    }

    #[test]
    fn a_list_is_read_no_further_than_its_items_are_taken() {
        let mut endless = Endless {
            text: b"name\n",
            read: 0,
        };
        let items = Items::of(io::BufReader::new(&mut endless)).take(3);
        assert_eq!(
            items.map(|item| item.is_ok()).collect::<Vec<_>>(),
            [true; 3]
        );
        assert!(endless.read < 10_000, "{}", endless.read);
    }

    #[test]
    fn an_item_without_an_end_has_a_bound() {
        for text in [&b"x"[..], b"[\"x", b"{\"x\":"] {
            let mut endless = Endless { text, read: 0 };
            let mut items = Items::of(io::BufReader::new(&mut endless));
            assert!(items.any(|item| item.is_err()));
            assert!(endless.read < 2 * LONGEST_ITEM, "{}", endless.read);
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_or_says_why(text in "\\PC*|[\\[\\]{},:\"0-9a-z \n-]{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn json_is_read_as_its_parser_reads_it(text in "[\\[{\"][\\[\\]{},:\"0-9ae.+ \n-]{0,24}") {
            let whole: Result<Vec<Value>, _> =
                serde_json::Deserializer::from_str(&text).into_iter::<Value>().collect();
            let read = parse(&text).map(|items| items.into_iter().map(|item| item.value));
            if let Ok(whole) = whole {
                let members = whole.into_iter().flat_map(|value| match value {
                    Value::Array(members) => members,
                    other => vec![other],
                });
                prop_assert_eq!(read.map(Iterator::collect), Ok(members.collect::<Vec<_>>()));
            }
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
