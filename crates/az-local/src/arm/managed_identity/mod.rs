//! `Microsoft.ManagedIdentity`.

mod federated_identity_credentials;
pub(crate) mod user_assigned_identities;

use super::call::Call;
use super::error::Error;
use super::path::ProviderPath;
use super::resource_type::Provider;
use crate::ground::wire::Response;
pub(crate) use user_assigned_identities::new_principal;

pub(crate) const PROVIDER: Provider = Provider {
    namespace: "Microsoft.ManagedIdentity",
    types: &[&user_assigned_identities::KIND],
    route,
};

fn route(
    call: &Call<'_>,
    provider: &ProviderPath,
    words: &[&str],
) -> Result<Option<Response>, Error> {
    match words {
        [
            "userassignedidentities",
            _,
            "federatedidentitycredentials",
            ..,
        ] => federated_identity_credentials::route(call, provider).map(Some),
        _ => Ok(None),
    }
}
