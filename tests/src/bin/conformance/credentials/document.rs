//! `docs/credentials.md`.

use super::rows::{GO, JAVASCRIPT, OURS, PYTHON, ROWS, Row};
use super::run::Choice;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Behind this line stands what was measured, which no two runs have in common.
const MEASURED: &str = "## What it takes\n";

/// What a row took: seconds and requests of each chain.
static TOOK: Mutex<BTreeMap<&'static str, Vec<(f64, usize)>>> = Mutex::new(BTreeMap::new());

/// A row was measured.
static ROW: Condvar = Condvar::new();

/// Keeps what a row took, for the document.
pub(super) fn measured(row: &Row, choices: &[Choice]) {
    let of = |who: &str| choices.iter().find(|choice| choice.who == who);
    let took = [OURS, GO, PYTHON, JAVASCRIPT]
        .map(|who| of(who).map_or((0.0, 0), |choice| (choice.seconds, choice.requests)));
    let mut all = TOOK.lock().unwrap_or_else(PoisonError::into_inner);
    all.insert(row.name, took.to_vec());
    ROW.notify_all();
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/credentials.md")
}

/// Compares the document with the table, or writes it where `UPDATE_DOCS` is set.
pub(super) fn compare() {
    let path = path();
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let old = there.split_once(MEASURED).map_or("", |(_, rest)| rest);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let took = took();
        let took = if took.is_empty() { old } else { &took };
        let text = format!("{}{MEASURED}{took}", chosen());
        std::fs::write(&path, text).expect("the document is written");
        return;
    }
    let there = there.split_once(MEASURED).map_or("", |(chosen, _)| chosen);
    assert_eq!(
        there,
        chosen(),
        "docs/credentials.md is not what was compared: run with UPDATE_DOCS=1"
    );
}

/// The table of what is chosen.
fn chosen() -> String {
    let mut text = "\
# Which credential is chosen

The tools sign in as the Azure SDKs do, with the first of these that gives a token: environment (client secret, client
certificate), workload identity, managed identity, Azure CLI, Azure Developer CLI, Azure PowerShell.
`AZURE_TOKEN_CREDENTIALS` narrows it: `prod` is the first three, `dev` the last three, a credential's name is that one
alone.

A credential that is not set up is passed over. One that is set up and refused ends the search: a wrong client secret is
told, not hidden behind another sign-in. On a computer that is no virtual machine, managed identity is given up after one
second.

Tokens that cost a process (those of `az`, `azd` and Azure PowerShell) are kept between calls in a file that only its
owner can read, in `AZ_TOKEN_CACHE_DIR` or the user's cache folder, until shortly before they expire or the sign-in
changes. `AZ_TOKEN_CACHE=off` turns that off. Managed identities' tokens, secrets and certificates are never kept.

Managed identity is that of virtual machines, App Service, Azure Arc, Azure ML, Cloud Shell and Service Fabric, as in the SDK
for Go. A virtual machine's metadata service that answers with a passing error is asked again for seconds, and for 70 s while
it is being updated. `crates/az-credential/README.md` has the library's own table of members and variables.

## Beside the SDKs for Go, Python and JavaScript

`scripts/conformance.sh credentials` runs `DefaultAzureCredential` of each SDK and our chain in each of these environments on
the local Azure, and fails unless each chooses the credential that stands here, and ours gives up as soon as any of them.
`az` is the real one. `azd` and `pwsh` come from no package registry: scripts that print what they would stand in for them.
Where one chooses another than ours, the reason stands beside it.

| environment | ours | Go's | Python's | JavaScript's |
|---|---|---|---|---|
"
    .to_owned();
    let shown = |name: Option<&str>| name.unwrap_or("none: an error").to_owned();
    for row in ROWS {
        let other = |who: &str| match row.others.iter().find(|(name, ..)| *name == who) {
            Some((_, name, why)) => format!("{}: {why}", shown(*name)),
            None => "the same".to_owned(),
        };
        text += &format!(
            "| {} | {} | {} | {} | {} |\n",
            row.what,
            shown(row.chosen),
            other(GO),
            other(PYTHON),
            other(JAVASCRIPT)
        );
    }
    text + "\n"
}

/// The table of what was measured.
fn took() -> String {
    // The last ones may still be at it beside this.
    const LONGEST: Duration = Duration::from_secs(120);
    let all = TOOK.lock().unwrap_or_else(PoisonError::into_inner);
    let missing = |all: &mut BTreeMap<_, _>| !all.is_empty() && all.len() < ROWS.len();
    let (all, _) = ROW
        .wait_timeout_while(all, LONGEST, missing)
        .unwrap_or_else(PoisonError::into_inner);
    if all.len() < ROWS.len() {
        return String::new();
    }
    let mut text = "
Seconds of the whole process, and the requests that it sent, in the run that wrote this page. Ours is a whole tool: where it
has a token it asks for one list besides.

| environment | ours | Go | Python | JavaScript |
|---|---|---|---|---|
"
    .to_owned();
    for row in ROWS {
        let Some(took) = all.get(row.name) else {
            continue;
        };
        let cells: Vec<String> = took
            .iter()
            .map(|(seconds, requests)| format!("{seconds:.2} s, {requests}"))
            .collect();
        text += &format!("| {} | {} |\n", row.what, cells.join(" | "));
    }
    text
}
