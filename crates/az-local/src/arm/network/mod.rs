//! `Microsoft.Network`.

pub(crate) mod network_interfaces;
pub(crate) mod network_security_groups;
pub(crate) mod public_ip_addresses;
pub(crate) mod range;
mod reference;
pub(crate) mod virtual_networks;

use super::call::Call;
use super::error::Error;
use super::path::ProviderPath;
use super::resource_type::Provider;
use crate::ground::wire::Response;

pub(crate) const PROVIDER: Provider = Provider {
    namespace: "Microsoft.Network",
    types: &[
        &virtual_networks::KIND,
        &network_security_groups::KIND,
        &public_ip_addresses::KIND,
        &network_interfaces::KIND,
    ],
    route,
};

/// What is not a tracked type of its own: subnets and rules, which are part of their parents.
fn route(
    call: &Call<'_>,
    provider: &ProviderPath,
    words: &[&str],
) -> Result<Option<Response>, Error> {
    match words {
        ["virtualnetworks", _, "subnets", ..] => {
            virtual_networks::subnets(call, provider).map(Some)
        }
        ["networksecuritygroups", _, "securityrules", ..] => {
            network_security_groups::rules(call, provider).map(Some)
        }
        _ => Ok(None),
    }
}
