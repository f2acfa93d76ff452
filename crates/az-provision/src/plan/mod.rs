//! `all --plan`: what is there, and what would be made or changed. Nothing is written.

pub(crate) mod node;
mod report;

use crate::{
    cli::All,
    group,
    keyvault::{self, plan as vault_plan},
    vm,
};
use az_core::{
    arm::{ResourceId, versions},
    cli::{Doing, Failure, Session},
};
use node::{Node, State, retagged};
use serde_json::Value;

/// Looks at everything that `all` would make, and prints it; fails as `all` would.
pub(crate) async fn run(session: &Session, args: All) -> Result<(), Failure> {
    if session.is_dry_run() {
        return Err(Failure::usage("--plan and --dry-run exclude each other").hint(
            "--plan says what would become of each resource, --dry-run prints the requests for it.",
        ));
    }
    let machine = vm::request::Request::checked(session, &args.vm_name, args.machine)?;
    let id = session.group_id(args.resource_group.as_str()).await?;
    let arm = session.arm()?;
    let shown = session.progress("Looking at what is there");
    let there = arm
        .find(&id, versions::RESOURCES)
        .await
        .doing(format!("reading resource group '{}'", args.resource_group))?;
    let tags = args.tags.to_json();
    let target = vm::request::Target {
        group: &id,
        location: &args.location,
        tags: tags.clone(),
        no_wait: false,
    };
    let vault = keyvault::Plan {
        name: &args.vault_name,
        group: &id,
        location: &args.location,
        location_given: true,
        vault: &args.vault,
        tags: tags.clone(),
        no_wait: false,
    };
    let (machine, vault) = futures::try_join!(
        vm::plan::look(arm, &machine, &target, there.is_some()),
        vault_plan::look(arm, &vault, there.is_some()),
    )?;
    let mut nodes = vec![group_node(
        id,
        there.as_ref(),
        &args.location,
        tags.as_ref(),
    )];
    nodes.extend(machine);
    nodes.push(vault);
    drop(shown);
    session.print_for_people(&report::data(&nodes), &report::text(&nodes))?;
    report::result(&nodes)
}

fn group_node(
    id: ResourceId,
    there: Option<&Value>,
    location: &az_core::name::Location,
    tags: Option<&Value>,
) -> Node {
    match there {
        None => Node::new(id, State::Create),
        Some(there) => {
            let moved = group::elsewhere(there, location);
            Node::there(id, moved.into_iter().collect(), retagged(there, tags))
        }
    }
}
