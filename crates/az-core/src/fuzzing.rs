//! What the fuzzers reach that nobody else does.

use crate::cli::{Format, lines, output};
use crate::said::Said;
use serde_json::Value;

/// What stands on standard input: the values, each with its line.
///
/// # Errors
/// Why it cannot be read.
pub fn lines(text: &str) -> Result<Vec<(usize, Value)>, String> {
    let items = lines::parse(text)?;
    Ok(items
        .into_iter()
        .map(|item| (item.line, item.value))
        .collect())
}

/// The code, the message and the target of an error's body.
pub fn said(body: &Value) -> [Option<String>; 3] {
    let said = Said::of(body);
    [said.code, said.message, said.target]
}

/// A result as each format prints what a query selects of it; none where the query fails.
pub fn printed(value: &Value, query: Option<&str>) -> Option<Vec<String>> {
    let query = query.map(output::Query::compile).transpose().ok()?;
    let formats = [
        Format::Json,
        Format::Jsonc,
        Format::Tsv,
        Format::Table,
        Format::Yaml,
        Format::Text,
    ];
    formats
        .iter()
        .map(|format| output::render(value, None, *format, query.as_ref(), true).ok())
        .collect()
}
