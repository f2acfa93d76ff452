//! Several secrets from a file, side by side.

use crate::{cli::Cli, run::Run, secret::NewSecret, variables};
use az_core::cli::{Doing, Failure, List, Outcome, Session, each};
use std::{cell::RefCell, path::Path};

/// The most secrets that are named at the end.
const MOST_NAMED: usize = 20;

/// Writes each secret of a file. All are checked before anything is sent; one that fails does not stop the others, unless the
/// arguments say so.
pub(crate) async fn write(cli: &Cli, session: &Session, path: &Path) -> Result<(), Failure> {
    let vault = cli.secret.vault(session)?;
    let mut secrets = Vec::new();
    let mut names = Vec::new();
    for variable in variables::read(path)? {
        let place = variable.place.to_string();
        let secret =
            NewSecret::new(variable.name, variable.value, &cli.properties).doing(&place)?;
        names.push((place.clone(), secret.name.to_string()));
        secrets.push((place, secret));
    }
    let run = &Run::new(cli, session, vault)?;
    let total = secrets.len();
    let written = RefCell::new(Names::default());
    let failed = RefCell::new(Names::default());
    let mut names = names.iter();
    let outcome = each(
        session,
        &cli.lists,
        List::of(secrets),
        |secret| async move { run.set(&secret).await },
        |_, is_good| {
            let name = names.next().map(|(_, name)| name.as_str());
            let kept = if is_good { &written } else { &failed };
            kept.borrow_mut().add(name.unwrap_or_default());
        },
    )
    .await?;
    let (written, failed) = (written.into_inner(), failed.into_inner());
    match outcome {
        Outcome {
            stopped_before: None,
            first: Some((_, first)),
            ..
        } => Err(failure(&first, total, &written, &failed)),
        outcome => outcome.result(),
    }
}

fn failure(first: &Failure, total: usize, written: &Names, failed: &Names) -> Failure {
    let message = match written.count {
        0 => format!("none of the {total} secrets is written"),
        _ => format!(
            "{} of {total} secrets are not written: {}; written: {}",
            failed.count,
            failed.shown(),
            written.shown()
        ),
    };
    Failure::new(first.status, message).hint(
        "Run the same command again: what is written already gets one version more, and with --only-changed not even that.",
    )
}

/// Names, of which so many are kept as are said.
#[derive(Default)]
struct Names {
    first: Vec<String>,
    count: usize,
}

impl Names {
    fn add(&mut self, name: &str) {
        self.count += 1;
        if self.first.len() < MOST_NAMED {
            self.first.push(name.to_owned());
        }
    }

    fn shown(&self) -> String {
        let first = self.first.join(", ");
        match self.count - self.first.len() {
            0 => first,
            more => format!("{first} and {more} more"),
        }
    }
}
