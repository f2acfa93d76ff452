//! The compliance suite of JMESPath (<https://github.com/jmespath/jmespath.test>), from the sources of the `jmespath`
//! crate.

use az_jmespath::{Expression, Value};
use std::path::PathBuf;
use std::process::Command;

#[test]
fn the_suite_passes() {
    let mut cases = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(suite()).expect("the suite's folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a file of the suite");
        let groups: Value = serde_json::from_str(&text).expect("JSON");
        for group in items(&groups) {
            for case in items(&member(group, "cases")) {
                cases += 1;
                if let Some(what) = check(&member(group, "given"), case) {
                    let file = path.file_name().unwrap_or_default().to_string_lossy();
                    wrong.push(format!("{file}: {what}"));
                }
            }
        }
    }
    println!("{cases} cases");
    assert!(cases > 800, "only {cases} cases were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with a case.
fn check(given: &Value, case: &Value) -> Option<String> {
    let Value::String(text) = member(case, "expression") else {
        return Some(format!("{case} has no expression"));
    };
    let found = Expression::parse(&text)
        .map_err(|error| error.to_string())
        .and_then(|expression| expression.search(given).map_err(|error| error.to_string()));
    // A benchmark is there to be timed: two of them are no expressions, or call a function wrongly.
    if !member(case, "bench").is_null() {
        return None;
    }
    let expected = member(case, "error")
        .is_null()
        .then(|| member(case, "result"));
    match (expected, found) {
        (None, Err(_)) => None,
        (Some(expected), Ok(found)) if plain(&expected) == plain(&found) => None,
        (expected, found) => Some(format!(
            "{text} of {given}: {found:?}, not {}",
            expected.map_or("an error".to_owned(), |value| value.to_string())
        )),
    }
}

fn plain(value: &Value) -> serde_json::Value {
    value.into()
}

fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        _ => &[],
    }
}

fn member(value: &Value, name: &str) -> Value {
    match value {
        Value::Object(object) => object.members.get(name).cloned().unwrap_or_default(),
        _ => Value::Null,
    }
}

/// Where Cargo keeps the sources of the `jmespath` crate.
fn suite() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let package = packages
        .iter()
        .find(|package| package["name"] == "jmespath")
        .expect("the jmespath crate");
    let manifest = PathBuf::from(package["manifest_path"].as_str().expect("a path"));
    manifest.with_file_name("tests").join("compliance")
}
