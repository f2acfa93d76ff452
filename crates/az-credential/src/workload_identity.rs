//! `WorkloadIdentityCredential`: a federated token, as the workload identity webhook of Kubernetes sets it up.

use crate::{
    advice::advice,
    error::{Outcome, reason},
    parts::Parts,
};
use azure_core::credentials::TokenCredential;
use azure_identity::{
    ClientAssertionCredentialOptions, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use std::sync::Arc;

/// The credential that the variables describe.
pub(super) fn build(parts: &Parts) -> Result<Arc<dyn TokenCredential>, Outcome> {
    let env = &parts.env;
    let found = |name: &'static str| env.get(name).map(str::to_owned).ok_or(name);
    let values = (
        found("AZURE_CLIENT_ID"),
        found("AZURE_FEDERATED_TOKEN_FILE"),
        found("AZURE_TENANT_ID"),
    );
    let (client_id, file, tenant_id) = match values {
        (Ok(client), Ok(file), Ok(tenant)) => (client, file, tenant),
        (_, Err(name), _) | (Err(name), ..) | (.., Err(name)) => {
            return Err(Outcome::unavailable(
                format!("{name} is not set"),
                "In Kubernetes, label the pod 'azure.workload.identity/use: \"true\"' and use the annotated service account.",
            ));
        }
    };
    let options = WorkloadIdentityCredentialOptions {
        credential_options: ClientAssertionCredentialOptions {
            client_options: parts.client_options(),
        },
        client_id: Some(client_id),
        tenant_id: Some(tenant_id),
        token_file_path: Some(file.into()),
    };
    // The token's file is read here: it is set up, so a missing file ends the search.
    let made = WorkloadIdentityCredential::new(Some(options)).map_err(|error| {
        Outcome::refused(
            reason(&error),
            "Check AZURE_FEDERATED_TOKEN_FILE and AZURE_TENANT_ID.",
        )
    })?;
    Ok(made)
}

/// A federated token that Entra ID refuses ends the search.
pub(super) fn failed(error: &azure_core::Error) -> Outcome {
    Outcome::refused(reason(error), advice(error))
}
