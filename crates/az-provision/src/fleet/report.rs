//! `all --as-template --plan`: what would become of each deployment.

use super::{
    deploy::{self, Found, Outlook},
    deployment::Deployment,
};
use az_core::{
    cli::{Failure, Session},
    shown::shown,
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The columns of its table.
const COLUMNS: &str = "[].{State:state, Subscription:subscription, ResourceGroup:resourceGroup, \
    Name:name, Resources:resources, Changes:join(', ', changes)}";

pub(super) fn print(
    session: &Session,
    all: &[Deployment],
    outlooks: &[Outlook],
) -> Result<(), Failure> {
    let mut text = String::new();
    let mut data = Vec::with_capacity(all.len());
    for (one, outlook) in all.iter().zip(outlooks) {
        let state = state(outlook);
        let changes = outlook.changes.iter().flatten();
        let changes: Vec<String> = changes.map(|change| change.shown()).collect();
        let place = match one.place.resource_group() {
            Some(group) => format!("resource group '{group}'"),
            None => format!("subscription '{}'", one.place.name()),
        };
        let count = match one.resources.len() {
            1 => "1 resource".to_owned(),
            many => format!("{many} resources"),
        };
        let line = format!("{place}: {} with {count}", one.name);
        let _ = writeln!(text, "{state:10}{}", shown(&line));
        for change in &changes {
            let _ = writeln!(text, "{:10}  {}", "", shown(change));
        }
        let mut row = deploy::shown(one, state);
        row["changes"] = json!(changes);
        data.push(row);
    }
    session.print_for_people(&Value::Array(data), &text, COLUMNS)
}

/// In one word.
fn state(outlook: &Outlook) -> &'static str {
    match (&outlook.found, &outlook.changes) {
        (Found::Succeeded, _) => "exists",
        (Found::Running, _) => "running",
        // What it would change is asked once those are done that it comes after.
        (Found::Missing, None) => "later",
        (Found::Missing, Some(changes)) if changes.is_empty() => "create",
        (Found::Missing, Some(_)) => "change",
    }
}
