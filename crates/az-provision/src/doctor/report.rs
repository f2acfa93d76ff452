//! All checks, as text and as data.

use super::check::{Check, State};
use az_core::{
    cli::{Failure, Status},
    shown::shown,
};
use serde_json::Value;
use std::fmt::Write as _;

/// The columns of its table.
pub(super) const COLUMNS: &str = "[].{State:state, Check:name, Found:found, Advice:advice || ' '}";

/// A line each, aligned.
pub(super) fn text(checks: &[Check]) -> String {
    let width = |word: fn(&Check) -> &str| checks.iter().map(|check| word(check).len()).max();
    let state = width(|check| check.state.as_str()).unwrap_or_default();
    let name = width(|check| &check.name).unwrap_or_default();
    let mut out = String::new();
    for check in checks {
        let mut said = one_line(&check.found);
        if let Some(advice) = &check.advice {
            if !said.ends_with(['.', '!', '?']) {
                said.push('.');
            }
            said.push(' ');
            said.push_str(&one_line(advice));
        }
        let _ = writeln!(
            out,
            "{:state$}   {:name$}   {said}",
            check.state.as_str(),
            check.name
        );
    }
    out
}

/// What services and tokens say, without what would move a terminal's cursor.
fn one_line(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    shown(&line.join(" ")).into_owned()
}

/// The same as data.
pub(super) fn data(checks: &[Check]) -> Value {
    checks.iter().map(Check::to_json).collect()
}

/// Nothing, or the failure that the work would end in: that of the first check which failed, since later ones rest on
/// earlier ones.
pub(super) fn result(checks: &[Check]) -> Result<(), Failure> {
    let failed: Vec<(&str, Status)> = checks
        .iter()
        .filter_map(|check| match check.state {
            State::Failed(status) => Some((check.name.as_str(), status)),
            _ => None,
        })
        .collect();
    let Some((_, status)) = failed.first() else {
        return Ok(());
    };
    let names: Vec<&str> = failed.iter().map(|(name, _)| *name).collect();
    Err(Failure::new(
        *status,
        format!(
            "{} of {} checks failed: {}",
            failed.len(),
            checks.len(),
            names.join(", ")
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks() -> Vec<Check> {
        vec![
            Check::ok("cloud", "AzureCloud"),
            Check::warning("read secret", "not\u{1b}[2J allowed\nyet", "Ask."),
            Check::failed("vault name", Status::Conflict, "taken.", "Choose another."),
            Check::failed("clock", Status::Denied, "late", "Set it."),
        ]
    }

    #[test]
    fn lines_are_aligned_and_hold_no_control_characters() {
        assert_eq!(
            text(&checks()),
            "ok        cloud         AzureCloud\n\
             warning   read secret   not\\u{1b}[2J allowed yet. Ask.\n\
             failed    vault name    taken. Choose another.\n\
             failed    clock         late. Set it.\n"
        );
    }

    #[test]
    fn the_first_failure_decides_and_warnings_do_not_count() {
        let failure = result(&checks()).expect_err("two failed");
        assert_eq!(failure.status, Status::Conflict);
        assert_eq!(failure.message, "2 of 4 checks failed: vault name, clock");
        assert!(result(&checks()[..2]).is_ok());
    }
}
