//! Results on standard output, as `az` prints them.
//!
//! The formats follow `knack`'s, the library that prints for `az`
//! (<https://github.com/microsoft/knack/blob/dev/knack/output.py>): members sorted in JSON and YAML; in tab-separated
//! values and tables the order of a `--query`'s own hash is kept.

use az_jmespath::{Expression, Order, Value as Selected};
use clap::ValueEnum;
use indexmap::IndexSet;
use serde_json::Value;
use std::{borrow::Cow, fmt::Write as _, io::IsTerminal};
use unicode_width::UnicodeWidthStr;

/// An output format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// JSON, indented
    #[default]
    Json,
    /// JSON, coloured on a terminal
    Jsonc,
    /// Tab-separated values, for scripts
    Tsv,
    /// A table, for people
    Table,
    /// YAML
    #[value(alias = "yamlc")]
    Yaml,
    /// A sentence where a command has one, else as tsv
    Text,
    /// Nothing
    None,
}

/// A `--query`, or another flag's expression, that is no JMESPath, or that fails on the result.
#[derive(Debug, thiserror::Error)]
#[error("{flag} '{query}': {reason}")]
pub struct InvalidQuery {
    flag: &'static str,
    query: String,
    reason: String,
    /// It is JMESPath, but it failed on a result: the command itself has been carried out.
    pub(super) on_result: bool,
}

/// A query, compiled.
pub struct Query {
    flag: &'static str,
    expression: Expression,
    text: String,
}

impl Query {
    /// Compiles the JMESPath expression of `--query`.
    pub fn compile(text: &str) -> Result<Self, InvalidQuery> {
        Query::compile_of("--query", text)
    }

    /// Compiles the JMESPath expression of another flag, which messages name.
    pub fn compile_of(flag: &'static str, text: &str) -> Result<Self, InvalidQuery> {
        let expression = Expression::parse(text).map_err(|error| InvalidQuery {
            flag,
            query: shortened(text),
            reason: error.to_string(),
            on_result: false,
        })?;
        Ok(Query {
            flag,
            expression,
            text: text.to_owned(),
        })
    }

    /// The part of `value` that the query selects.
    pub fn apply(&self, value: &Value) -> Result<Selected, InvalidQuery> {
        let found = self.expression.search(&value.into());
        found.map_err(|error| InvalidQuery {
            flag: self.flag,
            query: shortened(&self.text),
            reason: error.to_string(),
            on_result: true,
        })
    }
}

/// A query in a message.
fn shortened(query: &str) -> String {
    const LONGEST: usize = 200;
    let mut letters = query.chars();
    let mut text: String = letters.by_ref().take(LONGEST).collect();
    if letters.next().is_some() {
        text.push('…');
    }
    text
}

/// A result in `format`, complete with its last line end; nothing for a null result.
///
/// `text` is the command's sentence for [`Format::Text`]; without one, tab-separated values stand in.
pub(crate) fn render(
    value: &Value,
    text: Option<&str>,
    format: Format,
    query: Option<&Query>,
    colour: bool,
) -> Result<String, InvalidQuery> {
    let selected = query.map(|query| query.apply(value)).transpose()?;
    let is_null = selected.as_ref().map_or(value.is_null(), Selected::is_null);
    if is_null && text.is_none() {
        return Ok(String::new());
    }
    // Rows keep the order of a query's hash; the other forms have members sorted.
    let rows = || selected.clone().unwrap_or_else(|| value.into());
    let sorted = || match &selected {
        Some(selected) => Cow::Owned(Value::from(selected)),
        None => Cow::Borrowed(value),
    };
    Ok(match format {
        Format::None => String::new(),
        Format::Jsonc if colour => coloured(&sorted(), 0) + "\n",
        Format::Json | Format::Jsonc => json(&sorted()) + "\n",
        Format::Yaml => {
            let value = sorted();
            serde_norway::to_string(&*value).unwrap_or_else(|_| json(&value) + "\n")
        }
        Format::Text => match text {
            Some(text) if query.is_none() => format!("{text}\n"),
            _ => tsv(&rows()),
        },
        Format::Tsv => tsv(&rows()),
        Format::Table => table(&rows()),
    })
}

/// One result on one line, as lists in give lists out.
pub(super) fn render_line(
    value: &Value,
    text: Option<&str>,
    format: Format,
    query: Option<&Query>,
) -> Result<String, InvalidQuery> {
    match format {
        Format::Json | Format::Jsonc => {
            let selected = match query {
                Some(query) => Value::from(&query.apply(value)?),
                None => value.clone(),
            };
            Ok(if selected.is_null() {
                String::new()
            } else {
                format!("{selected}\n")
            })
        }
        Format::Yaml => Ok(format!(
            "---\n{}",
            render(value, text, format, query, false)?
        )),
        _ => render(value, text, format, query, false),
    }
}

/// Whether standard output takes colours: a terminal, and no `NO_COLOR` (<https://no-color.org>).
pub(super) fn takes_colour(no_color: bool) -> bool {
    !no_color && std::io::stdout().is_terminal()
}

fn json(value: &Value) -> String {
    format!("{value:#}")
}

fn coloured(value: &Value, depth: usize) -> String {
    const KEY: &str = "\x1b[34m";
    const STRING: &str = "\x1b[32m";
    const OTHER: &str = "\x1b[36m";
    const END: &str = "\x1b[0m";
    let indent = "  ".repeat(depth + 1);
    let close = "  ".repeat(depth);
    match value {
        Value::Object(members) if !members.is_empty() => {
            let lines: Vec<String> = members
                .iter()
                .map(|(key, member)| {
                    let key = Value::from(key.as_str());
                    format!("{indent}{KEY}{key}{END}: {}", coloured(member, depth + 1))
                })
                .collect();
            format!("{{\n{}\n{close}}}", lines.join(",\n"))
        }
        Value::Array(items) if !items.is_empty() => {
            let lines: Vec<String> = items
                .iter()
                .map(|item| format!("{indent}{}", coloured(item, depth + 1)))
                .collect();
            format!("[\n{}\n{close}]", lines.join(",\n"))
        }
        Value::String(_) => format!("{STRING}{value}{END}"),
        other => format!("{OTHER}{other}{END}"),
    }
}

fn tsv(value: &Selected) -> String {
    let mut out = String::new();
    for row in rows(value) {
        let cells: Vec<String> = match row {
            Selected::Object(object) => {
                let mut members: Vec<_> = object.members.iter().collect();
                if object.order == Order::Found {
                    members.sort_by_key(|(name, _)| *name);
                }
                members
                    .into_iter()
                    .map(|(_, member)| tsv_cell(member))
                    .collect()
            }
            Selected::Array(items) => items.iter().map(tsv_cell).collect(),
            // Python's `True` as a row of its own is written in lower case, in a cell it is not.
            Selected::Bool(bool) => vec![bool.to_string()],
            other => vec![tsv_cell(other)],
        };
        out.push_str(&cells.join("\t"));
        out.push('\n');
    }
    out
}

fn rows(value: &Selected) -> &[Selected] {
    match value {
        Selected::Array(rows) => rows,
        one => std::slice::from_ref(one),
    }
}

/// A cell as Python prints it, since scripts written for `az` compare with these words.
fn tsv_cell(value: &Selected) -> String {
    match value {
        Selected::Array(items) => items.len().to_string(),
        Selected::Object(_) => String::new(),
        other => python(other, false),
    }
}

/// A value as Python prints it: `None`, `True`, `{'a': 1}`. `quoted`: strings in quotes, as inside of others.
fn python(value: &Selected, quoted: bool) -> String {
    match value {
        Selected::Null => "None".to_owned(),
        Selected::Bool(true) => "True".to_owned(),
        Selected::Bool(false) => "False".to_owned(),
        Selected::Number(number) => number.to_string(),
        Selected::String(text) if quoted => python_string(text),
        Selected::String(text) => text.to_string(),
        Selected::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| python(item, true)).collect();
            format!("[{}]", items.join(", "))
        }
        Selected::Object(object) => {
            let members: Vec<String> = object
                .members
                .iter()
                .map(|(name, value)| format!("{}: {}", python_string(name), python(value, true)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

fn python_string(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::from(quote);
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if letter == quote => {
                out.push('\\');
                out.push(letter);
            }
            letter if letter.is_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push(quote);
    out
}

/// The layout is `tabulate`'s "simple", as `az` prints: two spaces between columns, a rule below the head.
fn table(value: &Selected) -> String {
    const SKIPPED: [&str; 4] = ["id", "type", "etag", "revision"];
    let mut head: IndexSet<String> = IndexSet::new();
    let mut body: Vec<Vec<(usize, String)>> = Vec::new();
    for row in rows(value) {
        let cells: Vec<(String, String)> = match row {
            Selected::Object(object) => {
                let simple = object.members.iter().filter(|(name, member)| {
                    let nested = matches!(
                        member,
                        Selected::Array(_) | Selected::Object(_) | Selected::Null
                    );
                    !nested && !SKIPPED.contains(&name.as_ref())
                });
                simple
                    .map(|(name, member)| (capitalised(name), python(member, false)))
                    .collect()
            }
            Selected::Array(items) => {
                let numbered = items.iter().enumerate();
                numbered
                    .map(|(index, item)| (format!("Column{}", index + 1), table_cell(item)))
                    .collect()
            }
            other => vec![("Result".to_owned(), table_cell(other))],
        };
        let placed = cells
            .into_iter()
            .map(|(title, cell)| (head.insert_full(title).0, cell));
        body.push(placed.collect());
    }
    if head.is_empty() {
        return "\n".to_owned();
    }
    // `tabulate`, which draws for `az`, gives each title two cells more than it needs.
    let mut widths: Vec<usize> = head.iter().map(|title| title.width() + 2).collect();
    for (column, cell) in body.iter().flatten() {
        widths[*column] = widths[*column].max(cell.width());
    }
    let mut out = String::new();
    line(&mut out, &widths, |column| head[column].clone());
    line(&mut out, &widths, |column| "-".repeat(widths[column]));
    for row in &body {
        line(&mut out, &widths, |column| {
            row.iter()
                .find(|(at, _)| *at == column)
                .map(|(_, cell)| cell.clone())
                .unwrap_or_default()
        });
    }
    out
}

fn line(out: &mut String, widths: &[usize], cell: impl Fn(usize) -> String) {
    let mut text = String::new();
    for (column, width) in widths.iter().enumerate() {
        let cell = cell(column);
        let gap = if column + 1 < widths.len() {
            width + 2 - cell.width().min(*width)
        } else {
            0
        };
        let _ = write!(text, "{cell}{:gap$}", "");
    }
    out.push_str(text.trim_end());
    out.push('\n');
}

/// `tabulate` leaves a cell of Python's `None` empty.
fn table_cell(value: &Selected) -> String {
    match value {
        Selected::Null => String::new(),
        other => python(other, false),
    }
}

fn capitalised(key: &str) -> String {
    let mut chars = key.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rendered(value: Value, format: Format, query: Option<&str>) -> String {
        let query = query.map(|query| Query::compile(query).expect("a query"));
        render(&value, None, format, query.as_ref(), false).expect("renders")
    }

    #[test]
    fn a_hash_keeps_its_order_whatever_follows_it() {
        let value = json!([{"name": "k1", "ips": "10.0.0.4"}, {"name": "k2", "ips": "10.0.0.5"}]);
        let hash = "[].{VM:name,IP:ips}";
        for after in [
            "",
            " | [?VM=='k1']",
            "[?VM=='k1']",
            " | [0]",
            " | sort_by(@, &IP)",
            " | reverse(@) | reverse(@)",
            " | max_by(@, &'x')",
            " | map(&@, @)",
            " | [:1]",
        ] {
            let query = format!("{hash}{after}");
            let tsv = rendered(value.clone(), Format::Tsv, Some(&query));
            assert!(tsv.starts_with("k1\t10.0.0.4\n"), "{query}: {tsv}");
            let table = rendered(value.clone(), Format::Table, Some(&query));
            assert!(table.starts_with("VM    IP\n"), "{query}: {table}");
        }
    }

    #[test]
    fn table_cells_are_as_python_prints_them() {
        let value = json!([["a", null, {"k": ["v", "it's", true, 1.5]}]]);
        assert_eq!(
            rendered(value, Format::Table, None).lines().last(),
            Some("a                     {'k': ['v', \"it's\", True, 1.5]}")
        );
    }

    #[test]
    fn a_query_of_any_depth_is_taken_or_refused() {
        // No shape of this many levels is taken.
        const MOST: usize = 2000;
        let shapes: [fn(usize) -> String; 10] = [
            |n| "a".to_owned() + &" | a".repeat(n),
            |n| "a".to_owned() + &"[?b]".repeat(n),
            |n| "a".to_owned() + &"[]".repeat(n),
            |n| "a".to_owned() + &" == a".repeat(n),
            |n| "(".repeat(n) + "a" + &")".repeat(n),
            |n| "!".repeat(n) + "a",
            |n| "a".to_owned() + &".a".repeat(n),
            |n| "a".to_owned() + &" || a".repeat(n),
            |n| "[".repeat(n),
            |n| "{a:".repeat(n),
        ];
        // A test's thread has a smaller stack than the program's first.
        let checked = std::thread::Builder::new()
            .stack_size(8 * 1024 * 1024)
            .spawn(move || {
                for shape in shapes {
                    for depth in [10, 130, 199, 399, 400, 999, MOST, MOST + 1, 1_000_000] {
                        let compiled = Query::compile(&shape(depth));
                        assert!(compiled.is_err() || depth <= MOST);
                        if let Ok(query) = compiled {
                            let _ = query.apply(&serde_json::json!({"a": [1]}));
                        }
                    }
                }
            });
        checked.expect("a thread").join().expect("no overflow");
    }

    #[test]
    fn tsv_prints_a_string_bare_and_a_list_by_lines() {
        assert_eq!(
            rendered(json!({"a": "x y"}), Format::Tsv, Some("a")),
            "x y\n"
        );
        assert_eq!(rendered(json!(["x", "y"]), Format::Tsv, None), "x\ny\n");
    }

    #[test]
    fn tsv_keeps_the_order_of_the_query() {
        let value = json!([{"name": "n", "id": "i", "on": true, "no": null}]);
        assert_eq!(
            rendered(value.clone(), Format::Tsv, Some("[].{z:name, a:id}")),
            "n\ti\n"
        );
        assert_eq!(
            rendered(value, Format::Tsv, Some("[].[name, on, no]")),
            "n\tTrue\tNone\n"
        );
    }

    #[test]
    fn a_null_result_prints_nothing() {
        for format in [Format::Json, Format::Tsv, Format::Table, Format::Yaml] {
            assert_eq!(rendered(json!({"a": 1}), format, Some("b")), "");
        }
    }

    #[test]
    fn tables_have_az_layout() {
        let value = json!([{"name": "a", "location": "eastus", "tags": {}}, {"name": "long-name", "location": "x"}]);
        assert_eq!(
            rendered(value.clone(), Format::Table, None),
            "Location    Name\n----------  ---------\neastus      a\nx           long-name\n"
        );
        assert!(
            rendered(value, Format::Table, Some("[].{Name:name}")).starts_with("Name\n---------\n")
        );
    }

    #[test]
    fn a_bad_query_says_why() {
        let error = Query::compile("a[").err().expect("no query").to_string();
        assert!(error.contains("--query 'a['"), "{error}");
    }

    #[test]
    fn lines_are_compact_json() {
        let line =
            render_line(&json!({"b": 1, "a": [2]}), None, Format::Json, None).expect("renders");
        assert_eq!(line, "{\"a\":[2],\"b\":1}\n");
    }
}
