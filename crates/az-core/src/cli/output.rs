//! Results on standard output, as `az` prints them.
//!
//! The formats follow `knack`'s, the library that prints for `az`: members sorted in JSON and YAML; in
//! tab-separated values and tables the order of a `--query`'s own hash is kept.

use clap::ValueEnum;
use jmespath::ast::Ast;
use serde_json::Value;
use std::{fmt::Write as _, io::IsTerminal};
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
    Yaml,
    /// One sentence, where a command has one
    Text,
    /// Nothing
    None,
}

/// A `--query` that is no JMESPath, or that fails on the result.
#[derive(Debug, thiserror::Error)]
#[error("--query '{query}': {reason}")]
pub struct InvalidQuery {
    query: String,
    reason: String,
    /// It is JMESPath, but it failed on a result: the command itself has been carried out.
    pub(super) on_result: bool,
}

/// How many characters of a query may open a level of its tree: the parser and the evaluator go down it on the stack, and
/// a stack that overflows ends the program without a word.
const MOST_NESTING: usize = 2000;

/// A query, compiled.
pub struct Query {
    expression: jmespath::Expression<'static>,
    text: String,
}

impl Query {
    /// Compiles a JMESPath expression.
    pub fn compile(text: &str) -> Result<Self, InvalidQuery> {
        let nesting = text.chars().filter(|letter| "([{!&|.".contains(*letter));
        if nesting.count() > MOST_NESTING {
            return Err(InvalidQuery {
                query: text.chars().take(80).collect::<String>() + "…",
                reason: format!("it has more than {MOST_NESTING} brackets and operators"),
                on_result: false,
            });
        }
        let expression = jmespath::compile(text).map_err(|error| InvalidQuery {
            query: text.to_owned(),
            reason: error.reason.to_string(),
            on_result: false,
        })?;
        Ok(Query {
            expression,
            text: text.to_owned(),
        })
    }

    /// The part of `value` that the query selects.
    pub fn apply(&self, value: &Value) -> Result<Value, InvalidQuery> {
        let failed = |reason: String| InvalidQuery {
            query: self.text.clone(),
            reason,
            on_result: true,
        };
        let data = serde_json::from_value::<jmespath::Variable>(value.clone())
            .map_err(|e| failed(e.to_string()))?;
        let found = self
            .expression
            .search(data)
            .map_err(|error| failed(error.reason.to_string()))?;
        serde_json::to_value(&*found).map_err(|error| failed(error.to_string()))
    }

    /// The members of the hash that makes up each row of the result, in the order written.
    fn columns(&self) -> Option<Vec<String>> {
        fn find(ast: &Ast) -> Option<Vec<String>> {
            match ast {
                Ast::MultiHash { elements, .. } => {
                    Some(elements.iter().map(|pair| pair.key.clone()).collect())
                }
                Ast::Projection { rhs, .. } | Ast::Subexpr { rhs, .. } => find(rhs),
                Ast::Flatten { node, .. } => find(node),
                Ast::Index { .. } | Ast::Slice { .. } => None,
                _ => None,
            }
        }
        find(self.expression.as_ast())
    }
}

/// A result in `format`, complete with its last line end; nothing for a null result.
///
/// `text` is the command's sentence for [`Format::Text`]; without one, tab-separated values stand in.
pub(super) fn render(
    value: &Value,
    text: Option<&str>,
    format: Format,
    query: Option<&Query>,
    colour: bool,
) -> Result<String, InvalidQuery> {
    let selected;
    let (value, columns) = match query {
        Some(query) => {
            selected = query.apply(value)?;
            (&selected, Some(query.columns()))
        }
        None => (value, None),
    };
    if value.is_null() && text.is_none() {
        return Ok(String::new());
    }
    Ok(match format {
        Format::None => String::new(),
        Format::Json => json(value) + "\n",
        Format::Jsonc if colour => coloured(value, 0) + "\n",
        Format::Jsonc => json(value) + "\n",
        Format::Yaml => serde_norway::to_string(value).unwrap_or_else(|_| json(value) + "\n"),
        Format::Text => match text {
            Some(text) if query.is_none() => format!("{text}\n"),
            _ => tsv(value, columns.flatten().as_deref()),
        },
        Format::Tsv => tsv(value, columns.flatten().as_deref()),
        Format::Table => table(value, columns),
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
                Some(query) => query.apply(value)?,
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

fn tsv(value: &Value, columns: Option<&[String]>) -> String {
    let rows = match value {
        Value::Array(rows) => rows.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> = match row {
            Value::Object(members) => match columns {
                Some(columns) => columns
                    .iter()
                    .map(|column| tsv_cell(members.get(column)))
                    .collect(),
                None => members
                    .values()
                    .map(|member| tsv_cell(Some(member)))
                    .collect(),
            },
            Value::Array(items) => items.iter().map(|item| tsv_cell(Some(item))).collect(),
            Value::Bool(bool) => vec![bool.to_string()],
            other => vec![tsv_cell(Some(other))],
        };
        out.push_str(&cells.join("\t"));
        out.push('\n');
    }
    out
}

/// A cell as Python prints it, since scripts written for `az` compare with these words.
fn tsv_cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "None".to_owned(),
        Some(Value::Bool(true)) => "True".to_owned(),
        Some(Value::Bool(false)) => "False".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Array(items)) => items.len().to_string(),
        Some(Value::Object(_)) => String::new(),
    }
}

/// The layout is `tabulate`'s "simple", as `az` prints: two spaces between columns, a rule below the head.
fn table(value: &Value, columns: Option<Option<Vec<String>>>) -> String {
    const SKIPPED: [&str; 4] = ["id", "type", "etag", "revision"];
    let rows = match value {
        Value::Array(rows) => rows.as_slice(),
        one => std::slice::from_ref(one),
    };
    let order = columns.flatten();
    let mut head: Vec<String> = Vec::new();
    let mut body: Vec<Vec<(usize, String)>> = Vec::new();
    for row in rows {
        let members: Vec<(String, &Value)> = match (row, &order) {
            (Value::Object(members), Some(order)) => order
                .iter()
                .filter_map(|key| members.get(key).map(|member| (key.clone(), member)))
                .collect(),
            (Value::Object(members), None) => members
                .iter()
                .map(|(key, member)| (key.clone(), member))
                .collect(),
            (Value::Array(items), _) => items
                .iter()
                .enumerate()
                .map(|(index, item)| (format!("Column{}", index + 1), item))
                .collect(),
            (other, _) => vec![("Result".to_owned(), other)],
        };
        let mut cells = Vec::new();
        for (key, member) in members {
            let nested = matches!(member, Value::Array(_) | Value::Object(_) | Value::Null);
            if nested || SKIPPED.contains(&key.as_str()) {
                continue;
            }
            let title = capitalised(&key);
            let column = head
                .iter()
                .position(|known| *known == title)
                .unwrap_or_else(|| {
                    head.push(title);
                    head.len() - 1
                });
            cells.push((column, tsv_cell(Some(member))));
        }
        body.push(cells);
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
    fn a_query_of_any_depth_is_taken_or_refused() {
        let shapes: [fn(usize) -> String; 6] = [
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
                    for depth in [10, 999, MOST_NESTING, MOST_NESTING + 1, 1_000_000] {
                        let compiled = Query::compile(&shape(depth));
                        assert!(compiled.is_err() || depth <= MOST_NESTING);
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
