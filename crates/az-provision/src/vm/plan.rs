//! What would become of a virtual machine and its network. What Azure shows to nobody, as its password, is not compared.

use super::{
    compare,
    machine::Addresses,
    network::plan as network_plan,
    request::{Request, Target},
};
use crate::plan::node::{Node, State, retagged};
use az_core::{
    arm::{Client, versions},
    cli::{Doing, Failure},
};

/// The network's resources, then the machine; `in_group` is whether its group is there.
pub(crate) async fn look(
    arm: &Client,
    request: &Request,
    target: &Target<'_>,
    in_group: bool,
) -> Result<Vec<Node>, Failure> {
    let id = request.id(target.group);
    let doing = format!("reading virtual machine '{}'", request.name);
    let there = match in_group {
        true => arm
            .find_with(&id, versions::COMPUTE, &request.expand())
            .await
            .doing(&doing)?,
        false => None,
    };
    if let Some(there) = there {
        let mut differences = compare::machine(request, &there, target.group, target.location);
        let addresses = Addresses::read(arm, &there).await.doing(&doing)?;
        let interface = addresses.first();
        differences.extend(request.network.differences(arm, interface).await?);
        let mut nodes = network_plan::of_interface(interface);
        let tags = retagged(&there, target.tags.as_ref());
        nodes.push(Node::there(id, differences.into_list(), tags));
        return Ok(nodes);
    }
    let subscription = target.group.subscription_id().unwrap_or_default();
    let (facts, identities, network) = futures::join!(
        request.image.look_up(arm, subscription, target.location),
        request.look_up_identities(arm, target.group),
        network_plan::look(
            &request.network,
            arm,
            target.group,
            target.location,
            in_group
        ),
    );
    let mut nodes = network?;
    let refused = facts.err().or(identities.err());
    nodes.push(match refused {
        Some(failure) => Node::refused(id, &failure),
        None => Node::new(id, State::Create),
    });
    Ok(nodes)
}
