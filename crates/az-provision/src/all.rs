//! Step 1 of the tutorial at once.

use crate::{
    cli::{All, GroupCreate},
    group, keyvault,
    plan::report,
    vm,
};
use az_core::cli::{Failure, Session};
use serde_json::{Value, json};
use std::slice;

/// Creates the group, then the machine and the vault side by side, once nothing of them is refused; or says what would
/// become of them. When one of the two fails the other is still brought to its end, so that the next run has less to do.
pub(crate) async fn run(session: &Session, args: All) -> Result<(), Failure> {
    let All {
        resource_group: Some(resource_group),
        location: Some(location),
        vm_name: Some(vm_name),
        vault_name: Some(vault_name),
        ..
    } = args
    else {
        return Err(Failure::usage(
            "a group, a location, a machine and a vault are to be named",
        ));
    };
    if args.plan && session.is_dry_run() {
        return Err(Failure::usage("--plan and --dry-run exclude each other").hint(
            "--plan says what would become of each resource, --dry-run prints the requests for it.",
        ));
    }
    let machine = vm::request::Request::checked(session, &vm_name, args.machine)?;
    let group = GroupCreate {
        name: resource_group,
        location,
        tags: args.tags,
    };
    if !args.plan {
        session.show_each_resource();
    }
    let shown = session.progress("Looking at what is there");
    let arm = session.arm()?;
    let group_looked = group::look(session, &group).await?;
    let (id, in_group) = (group_looked.id.clone(), group_looked.is_there());
    let vault = keyvault::wanted::Wanted {
        name: &vault_name,
        group: &id,
        location: &group.location,
        location_given: true,
        vault: &args.vault,
        tags: group.tags.to_json(),
        no_wait: false,
    };
    let target = vm::target::Target {
        group: &id,
        location: &group.location,
        tags: group.tags.to_json(),
        no_wait: false,
    };
    let (machines, vault, _) = futures::try_join!(
        vm::look::all(arm, slice::from_ref(&machine), &target, in_group),
        keyvault::look::thoroughly(arm, &vault, in_group),
        // What a new vault has to say is known before there is a group to put it into.
        session.tenant(),
    )?;
    drop(shown);
    if args.plan {
        let mut nodes = vec![group_looked.node()];
        nodes.extend(machines.iter().flat_map(|one| one.nodes(&target)));
        nodes.push(vault.node());
        session.print_for_people(
            &report::data(&nodes),
            &report::text(&nodes),
            report::COLUMNS,
        )?;
        return report::result(&nodes);
    }
    let mut refused: Vec<Failure> = group_looked.refuse().err().into_iter().collect();
    refused.extend(vm::look::refused(&machines, &id));
    refused.extend(vault.refuse().err());
    session.none_of(refused)?;
    vault.confirm(session)?;
    let keys = vm::look::keys(session, &machines)?;
    let created = group_looked.make(session).await?;
    let (machines, vault) = futures::join!(
        async {
            let mut made = Vec::new();
            for one in machines {
                made.push(vm::create::make(session, one, &target, &keys).await?);
            }
            Ok(made)
        },
        keyvault::create::make(session, &vault)
    );
    let (machine, vault) = match (machines, vault) {
        (Ok(mut machines), Ok(vault)) => (machines.pop().unwrap_or(Value::Null), vault),
        (Err(first), Err(second)) => {
            session.report(&second);
            return Err(first);
        }
        (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => {
            return Err(
                failure.hint_also("What was made is kept: run the same command again to go on.")
            );
        }
    };
    session.print(&json!({"group": created, "vm": machine, "keyvault": vault}))
}
