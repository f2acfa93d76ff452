//! `WorkloadIdentityCredential`: a federated token, as the workload identity webhook of Kubernetes sets it up.

use crate::{
    advice::{Sent, advice},
    error::{Outcome, reason},
    federated_token::FederatedToken,
    parts::Parts,
};
use azure_core::credentials::TokenCredential;
use azure_identity::{ClientAssertionCredential, ClientAssertionCredentialOptions};
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
    let token = FederatedToken::at(file);
    // The token's file is read here: it is set up, so a missing file ends the search.
    let invalid = |reason: String| {
        Outcome::refused(
            reason,
            "Check AZURE_FEDERATED_TOKEN_FILE and AZURE_TENANT_ID.",
        )
    };
    token.read().map_err(invalid)?;
    let options = ClientAssertionCredentialOptions {
        client_options: parts.client_options(),
    };
    let made = ClientAssertionCredential::new(tenant_id, client_id, token, Some(options))
        .map_err(|error| invalid(reason(&error)))?;
    Ok(made)
}

/// A federated token that Entra ID refuses ends the search.
pub(super) fn failed(parts: &Parts, error: &azure_core::Error) -> Outcome {
    let file = parts.env.get("AZURE_FEDERATED_TOKEN_FILE");
    let sent = file.and_then(|file| FederatedToken::at(file).shown());
    Outcome::refused(reason(error), advice(error, &Sent::FederatedToken(sent)))
}
