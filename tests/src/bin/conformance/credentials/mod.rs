//! The same credential: the default chains of the SDKs for Go, Python and JavaScript and that of az-credential, in one
//! environment after another. `docs/credentials.md` has the tables.

mod document;
mod rows;
mod run;

use crate::az::LOGIN;
use crate::clients::Missing;
use crate::suite::{Case, World};
use end_to_end::{GROUP, IDENTITY};
use rows::{OURS, ROWS, Row};
use run::Choice;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = ROWS
        .iter()
        .map(|row| {
            Case::new(format!("credentials/{}", row.name), move |world| {
                compare(world, row)
            })
        })
        .collect();
    cases.push(Case::new("credentials/one-az-process", one_process));
    cases.push(Case::new("credentials/document", |_| {
        document::compare();
        Ok(())
    }));
    cases
}

fn compare(world: &World, row: &Row) -> Result<(), Missing> {
    let choices = run::all(world, row)?;
    let mut wrong = Vec::new();
    for choice in &choices {
        let wanted = row.chosen_by(choice.who);
        if choice.name.as_deref() != wanted {
            wrong.push(format!(
                "{} chose {:?}, not {wanted:?}: {}",
                choice.who, choice.name, choice.said
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    document::measured(row, &choices);
    if row.chosen.is_none() {
        let took = |who: &str| choices.iter().find(|choice| choice.who == who);
        let ours = took(OURS).map_or(0.0, |choice| choice.seconds);
        // A bound on giving up, with room for a machine that is busy; one that does not give up is not waited for.
        let others = choices
            .iter()
            .filter(|other| row.chosen_by(other.who).is_none());
        for Choice { who, seconds, .. } in others {
            assert!(
                ours <= seconds + 2.0,
                "ours took {ours:.1} s to give up, that of {who} {seconds:.1} s"
            );
        }
    }
    Ok(())
}

/// A pipeline of our tools, signed in by the real `az`, starts it once, and not once a tool.
fn one_process(world: &World) -> Result<(), Missing> {
    let az = world.clients.az()?;
    let azure = world.azure().with_group();
    let script = format!(
        r#"{LOGIN}
        unset AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID
        mkdir programs
        printf '#!/bin/sh\necho started >>%s/started\nexec %s "$@"\n' "$PWD" {}/az >programs/az
        chmod +x programs/az
        export PATH=$PWD/programs:$PATH
        started() {{ wc -l <started | tr -d ' '; }}
        az-identity create -g {GROUP} -n {IDENTITY} |
            az-role assignment create --assignee - --role Reader --scope "/subscriptions/$AZURE_SUBSCRIPTION_ID" -o none
        az-provision group list -o none
        [ "$(started)" = 1 ] || {{ echo "az was started $(started) times"; exit 1; }}
        AZ_TOKEN_CACHE=off az-provision group list -o none
        [ "$(started)" = 2 ] || {{ echo "without the cache az was started $(started) times"; exit 1; }}
        az logout
        az-provision group list -o none && exit 1
        [ $? = 4 ]"#,
        az.display()
    );
    world.script(&azure, &script)?;
    Ok(())
}
