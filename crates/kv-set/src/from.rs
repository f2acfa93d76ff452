//! Several secrets from a file, side by side.

use crate::{cli::Cli, run::Run, secret::NewSecret, variables};
use az_core::cli::{Doing, Failure, SIDE_BY_SIDE, Session};
use futures::{StreamExt, stream};
use std::path::Path;

/// Writes each secret of a file. All are checked before anything is sent; one that fails does not stop the others.
pub(crate) async fn write(cli: &Cli, session: &Session, path: &Path) -> Result<(), Failure> {
    let vault = cli.secret.vault(session)?;
    let mut secrets = Vec::new();
    for variable in variables::read(path)? {
        let secret = NewSecret::new(variable.name, variable.value, &cli.properties)
            .doing(&variable.place)?;
        secrets.push(secret);
    }
    let run = &Run::new(cli, session, vault)?;
    let mut results = stream::iter(&secrets)
        .map(|secret| async move { (secret.name.as_str(), run.set(secret).await) })
        .buffered(SIDE_BY_SIDE);
    let mut written = Vec::new();
    let mut failed = Vec::new();
    let mut first: Option<Failure> = None;
    while let Some((name, result)) = results.next().await {
        match result {
            Ok(_) if session.is_dry_run() => {}
            Ok(value) => {
                written.push(name);
                session.print_line(&value, None)?;
            }
            Err(failure) => {
                failed.push(name);
                session.report(&failure);
                first.get_or_insert(failure);
            }
        }
    }
    let Some(first) = first else {
        return Ok(());
    };
    let count = failed.len();
    let total = secrets.len();
    let message = if written.is_empty() {
        format!("none of the {total} secrets is written")
    } else {
        format!(
            "{count} of {total} secrets are not written: {}; written: {}",
            failed.join(", "),
            written.join(", ")
        )
    };
    Err(Failure::new(first.status, message).hint(
        "Run the same command again: what is written already gets one version more, and with --only-changed not even that.",
    ))
}
