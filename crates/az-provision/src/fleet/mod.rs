//! `all --as-template`: a list of machines, vaults, identities and roles, by Resource Manager's own engine.
//!
//! The list becomes template deployments, whose resources are those of the single commands, body for body. Resource
//! Manager makes them in parallel, on its side; each deployment is one request, and is known again by its name.

mod deploy;
mod deployment;
mod lines;
mod look;
mod node;
mod report;
#[cfg(test)]
mod tests;
mod wanted;

use crate::cli::All;
use az_core::cli::{Failure, Session};
use deploy::{Ended, Found};
use deployment::Deployment;
use std::{collections::HashMap, path::Path};

/// Prints the deployments of a list, says what would become of them, or sends them.
pub(crate) async fn run(session: &Session, args: All, list: &Path) -> Result<(), Failure> {
    if args.plan && session.is_dry_run() {
        return Err(Failure::usage(
            "--plan and --dry-run exclude each other",
        )
        .hint("--plan says what would become of each deployment, --dry-run prints the requests for it."));
    }
    let jobs = usize::from(args.jobs);
    let lines = lines::read(session, &args, list)?;
    let shown = session.progress("Looking at what is there");
    let (mut wanted, known) = look::up(session, lines, jobs).await?;
    let tags = args.tags.to_json();
    // No key is made for a list that is refused.
    look::keys(session, &mut wanted, true)?;
    wanted::resources(&wanted, &known, tags.as_ref())?;
    look::keys(session, &mut wanted, args.plan)?;
    let nodes = wanted::resources(&wanted, &known, tags.as_ref())?;
    let mut locations = HashMap::new();
    for one in &wanted {
        let location = || one.location.canonical();
        locations
            .entry(one.subscription().to_owned())
            .or_insert_with(location);
    }
    let all = deployment::cut(&nodes, &locations);
    drop(shown);
    if !args.plan && !args.deploy {
        for one in &all {
            session.print_exact_line(&one.shown(&all))?;
        }
        return Ok(());
    }
    let is_new = |one: &Deployment| {
        one.place.resource_group().is_some() && !known.groups.contains(&node::key(&one.place))
    };
    let shown = session.progress("Asking what would be changed");
    let outlooks = deploy::look(session.arm()?, &all, is_new, jobs).await?;
    drop(shown);
    if args.plan {
        return report::print(session, &all, &outlooks);
    }
    let may_change = confirm(session, &outlooks)?;
    send(session, &all, &outlooks, may_change, jobs).await
}

/// Has it confirmed that what is there is changed, where something would be. Says whether it may be.
fn confirm(session: &Session, outlooks: &[deploy::Outlook]) -> Result<bool, Failure> {
    const NAMED: usize = 8;
    let changes: Vec<_> = outlooks
        .iter()
        .filter_map(|one| one.changes.as_ref())
        .flatten()
        .collect();
    if changes.is_empty() {
        return Ok(session.global.yes);
    }
    let named: Vec<String> = changes.iter().take(NAMED).map(|one| one.shown()).collect();
    let more = match changes.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    session.confirm_by_name(
        &format!(
            "What is there would be changed: {}{more}.",
            named.join(", ")
        ),
        "change",
    )?;
    Ok(true)
}

async fn send(
    session: &Session,
    all: &[Deployment],
    outlooks: &[deploy::Outlook],
    may_change: bool,
    jobs: usize,
) -> Result<(), Failure> {
    let (mut failed, mut first) = (0, None);
    let done = outlooks
        .iter()
        .filter(|one| one.found == Found::Succeeded)
        .count();
    let progress = format!("Deploying {} of {}", all.len() - done, all.len());
    let shown = session.progress(progress);
    let tell = |ended: Ended| {
        let one = &all[ended.at];
        match ended.result {
            Ok(_) if session.is_dry_run() => Ok(()),
            Ok(state) => session.print_line(&deploy::shown(one, state), None),
            Err(failure) => {
                failed += 1;
                let what = format!("deployment '{}' in '{}'", one.name, one.place);
                session.report(&failure.clone().doing(what));
                first.get_or_insert(failure);
                Ok(())
            }
        }
    };
    deploy::send(session, all, outlooks, may_change, jobs, tell).await?;
    drop(shown);
    if session.is_dry_run() {
        return session.print(&serde_json::Value::Null);
    }
    match first {
        None => Ok(()),
        Some(first) => Err(Failure::new(
            first.status,
            format!("{failed} of {} deployments failed", all.len()),
        )
        .hint("The others are done; run the same command again to go on.")),
    }
}
