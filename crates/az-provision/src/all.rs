//! Step 1 of the tutorial at once.

use crate::{
    cli::{All, GroupCreate},
    group, keyvault, vm,
};
use az_core::cli::{Failure, Session};
use serde_json::{Value, json};

/// Creates the group, then the machine and the vault side by side. When one of the two fails the other is
/// still brought to its end, so that the next run has less to do.
pub(crate) async fn run(session: &Session, args: All) -> Result<Value, Failure> {
    let machine = vm::request::Request::checked(session, &args.vm_name, args.machine)?;
    let group = GroupCreate {
        name: args.resource_group.clone(),
        location: args.location.clone(),
        tags: args.tags.clone(),
    };
    session.show_each_resource();
    let created = group::create(session, &group).await?;
    let id = session.group_id(args.resource_group.as_str()).await?;
    let vault = keyvault::Plan {
        name: &args.vault_name,
        group: &id,
        location: &args.location,
        location_given: true,
        vault: &args.vault,
        tags: args.tags.to_json(),
        no_wait: false,
    };
    let target = vm::request::Target {
        group: &id,
        location: &args.location,
        tags: args.tags.to_json(),
        no_wait: false,
    };
    let (machine, vault) = futures::join!(
        vm::create::ensure(session, &machine, &target),
        keyvault::ensure(session, &vault)
    );
    match (machine, vault) {
        (Ok(machine), Ok(vault)) => Ok(json!({"group": created, "vm": machine, "keyvault": vault})),
        (Err(first), Err(second)) => {
            session.report(&second);
            Err(first)
        }
        (Err(failure), Ok(_)) | (Ok(_), Err(failure)) => {
            Err(failure.hint_also("What was made is kept: run the same command again to go on."))
        }
    }
}
