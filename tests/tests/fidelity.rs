//! `docs/fidelity.md` says of each fact about Azure where it is known from and which test holds it. This reads the page and
//! the sources: every fact has a source or says that it has none, and every test that is named is there.

use regex::Regex;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What the last column may say instead of a test's name.
const WORDS: [&str; 3] = ["by hand", "not checked", "differs on purpose: "];

/// What the middle one may say instead of a link.
const NO_SOURCE: &str = "none found";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names of the tests in the sources below a folder.
fn tests_below(folder: &Path, found: &mut BTreeSet<String>) {
    let name = Regex::new(r"#\[(?:tokio::)?test[^\n]*\n(?:\s*#\[[^\n]*\n)*\s*(?:async )?fn (\w+)");
    let name = name.expect("a pattern");
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            tests_below(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            found.extend(name.captures_iter(&text).map(|one| one[1].to_owned()));
        }
    }
}

/// The rows of the tables, without their heads.
fn rows(page: &str) -> impl Iterator<Item = &str> {
    let is_head = |line: &str| line == "| what | source | how |" || line.starts_with("|---");
    page.lines()
        .filter(move |line| line.starts_with('|') && !is_head(line))
}

/// What is wrong with the page.
fn faults(page: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let link = Regex::new(r"\[([^\]]+)\]").expect("a pattern");
    let defined = |label: &str| page.contains(&format!("\n[{label}]: https://"));
    let mut faults = Vec::new();
    for row in rows(page) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [what, source, how] = cells.as_slice() else {
            faults.push(format!("not three columns: {row}"));
            continue;
        };
        let labels: Vec<&str> = link
            .captures_iter(source)
            .filter_map(|one| one.get(1).map(|label| label.as_str()))
            .collect();
        if labels.is_empty() && *source != NO_SOURCE {
            faults.push(format!("no source: {what}"));
        }
        let missing = labels.iter().filter(|label| !defined(label));
        faults.extend(missing.map(|label| format!("no such source as [{label}]: {what}")));
        let named = how.strip_prefix('`').and_then(|how| how.strip_suffix('`'));
        match named {
            Some(test) if tests.contains(test) => {}
            Some(test) => faults.push(format!("no such test as {test}: {what}")),
            None if WORDS.iter().any(|words| how.starts_with(words)) => {}
            None => faults.push(format!("neither a test nor a reason: {what}")),
        }
    }
    for label in page.lines().filter_map(|line| line.strip_prefix('[')) {
        if let Some((label, _)) = label.split_once("]: ")
            && page.matches(&format!("[{label}]")).count() < 2
        {
            faults.push(format!("nobody names the source [{label}]"));
        }
    }
    faults
}

#[test]
fn every_fact_has_a_source_and_the_tests_that_are_named_are_there() {
    let page = fs::read_to_string(workspace().join("docs/fidelity.md")).expect("the page");
    let mut tests = BTreeSet::new();
    for folder in ["crates", "tests"] {
        tests_below(&workspace().join(folder), &mut tests);
    }
    assert!(rows(&page).count() > 100);
    let faults = faults(&page, &tests);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let unsourced = rows(&page).filter(|row| row.contains(&format!("| {NO_SOURCE} |")));
    println!(
        "{} facts, {} without a source",
        rows(&page).count(),
        unsourced.count()
    );
}

#[test]
fn a_page_with_faults_is_found_out() {
    let tests = BTreeSet::from(["there".to_owned()]);
    let page = |row: &str| {
        format!(
            "| what | source | how |\n|---|---|---|\n{row}\n| x | [a] | by hand |\n\n[a]: https://example.com\n"
        )
    };
    for good in [
        "| a fact | [a] | `there` |",
        "| a fact | none found | not checked |",
        "| a fact | [a], [a] | differs on purpose: so |",
    ] {
        assert_eq!(faults(&page(good), &tests), [""; 0], "{good}");
    }
    for bad in [
        "| a fact | [a] | `gone` |",
        "| a fact |  | `there` |",
        "| a fact | from memory | `there` |",
        "| a fact | [b] | `there` |",
        "| a fact | [a] | perhaps |",
        "| a fact | [a] |",
    ] {
        assert_eq!(faults(&page(bad), &tests).len(), 1, "{bad}");
    }
    let unused = page("| a fact | [a] | by hand |") + "[b]: https://example.com\n";
    assert_eq!(faults(&unused, &tests).len(), 1);
}
