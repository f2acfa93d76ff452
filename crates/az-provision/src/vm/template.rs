//! A machine as the resources that a template makes of it: the bodies are those of the single requests.

use super::{image::Facts, network::bodies::Base, request::Request, target::Target};
use az_core::arm::{Body, ResourceId, versions};

/// A resource that a template is to make.
pub(crate) struct New {
    pub(crate) id: ResourceId,
    pub(crate) version: &'static str,
    pub(crate) body: Body,
    /// What has to be there before.
    pub(crate) needs: Vec<ResourceId>,
    /// Whether others may have it, too.
    pub(crate) shared: bool,
}

/// The machine and what is its own of the network, each after what it needs. `subnet` is what is there before.
pub(crate) fn resources(
    request: &Request,
    target: &Target<'_>,
    facts: &Facts,
    keys: &[String],
    subnet: &ResourceId,
) -> Vec<New> {
    let (group, base, network) = (target.group, &Base::of(target), &request.network);
    let part = |id: &ResourceId, body, shared| New {
        id: id.clone(),
        version: versions::NETWORK,
        body: Body::from(body),
        needs: vec![],
        shared,
    };
    let (rules, address) = (network.security_group_id(group), network.address_id(group));
    let mut all = Vec::new();
    all.extend(
        rules
            .as_ref()
            .map(|id| part(id, network.security_group_body(base, facts.windows), true)),
    );
    all.extend(
        address
            .as_ref()
            .map(|id| part(id, network.address_body(base), false)),
    );
    let id = network.interface_id(group);
    let body = network.interface_body(base, subnet, rules.as_ref(), address.as_ref());
    // A subnet is a part of its network.
    let vnet = subnet.parent();
    let needs = [Some(subnet.clone()), vnet, rules, address];
    all.push(New {
        needs: needs.into_iter().flatten().collect(),
        ..part(&id, body, false)
    });
    let mut needs = request.user_assigned(group);
    needs.push(id.clone());
    all.push(New {
        id: request.id(group),
        version: versions::COMPUTE,
        body: request.body(&id, target, facts, keys),
        needs,
        shared: false,
    });
    all
}
