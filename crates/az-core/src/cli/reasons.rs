//! What each error of the library means for the user: the message, the exit status, what to do next.

use super::{
    failure::{Failure, Status},
    output::InvalidQuery,
};
use crate::{
    arm::{ArmError, InvalidResourceId},
    graph::GraphError,
    identity::InvalidWord,
    keyvault::{InvalidVersion, ServiceError as VaultAnswer, VaultError},
    name::InvalidName,
    subscription::SubscriptionError,
};
use az_credential::{CredentialError, http::HttpError};
use std::time::Duration;

impl From<ArmError> for Failure {
    fn from(error: ArmError) -> Self {
        match error {
            ArmError::Service(error) => {
                let status = service_status(error.status, &error.code);
                let hint = service_hint(&error.code, status).map(str::to_owned);
                Failure {
                    status,
                    hint: wait_hint(status, error.retry_after).or(hint),
                    message: with_target(error.message, error.target.as_deref()),
                    code: Some(error.code),
                    request_id: error.request_id,
                    vault: None,
                }
            }
            ArmError::Credential(error) => credential_failure(&error),
            ArmError::Transport { what, reason, .. } => {
                Failure::new(Status::Failed, format!("{what}: no answer: {reason}"))
                    .hint("Check the network and the proxy variables (HTTPS_PROXY, NO_PROXY), then run the same command again; it goes on where it stopped.")
            }
            ArmError::Unexpected { .. } | ArmError::Foreign { .. } => Failure::new(Status::Failed, error.to_string()),
            ArmError::Silent { .. } => Failure::new(Status::GaveUp, error.to_string()).hint(SILENT),
            ArmError::Undecided { .. } => Failure::new(Status::GaveUp, error.to_string())
                .hint("Look whether it was done before you run it again: a second time does more."),
            ArmError::TimedOut { .. } => Failure::new(Status::GaveUp, error.to_string())
                .hint("The operation goes on in Azure. Run the same command again to wait for it, or give a longer --timeout."),
        }
    }
}

const SILENT: &str = "Check the network and the proxy, then run the same command again; it goes on where it stopped. A longer wait is --timeout.";

/// What to do where a service says when it can be asked again, and that is later than there is time.
fn wait_hint(status: Status, retry_after: Option<Duration>) -> Option<String> {
    let seconds = retry_after.filter(|_| status == Status::GaveUp)?.as_secs();
    Some(format!(
        "The service asks to wait for {seconds} s: run the same command again after that, or give a longer --timeout; it goes on where it stopped."
    ))
}

/// A message with what it is about, where it does not say so itself.
fn with_target(message: String, target: Option<&str>) -> String {
    match target {
        Some(target) if !message.contains(target) => {
            format!("{} (target: {target})", message.trim_end_matches('.'))
        }
        _ => message,
    }
}

/// A failure to get a token, with everything that the chain has to say. Where the network is to blame, it is no
/// question of who is signed in.
fn credential_failure(error: &azure_core::Error) -> Failure {
    let found = CredentialError::find(error);
    let message = found.map_or_else(|| error.to_string(), ToString::to_string);
    let status = match found {
        Some(CredentialError::TimedOut { .. }) => Status::GaveUp,
        Some(found) if found.is_unreachable() => Status::Failed,
        // Nobody said that the caller is not known.
        Some(found) => found
            .passing_status()
            .map_or(Status::Unauthenticated, |status| {
                service_status(status.into(), "")
            }),
        None => Status::Unauthenticated,
    };
    Failure::new(status, message)
}

/// The exit status for an answer of an Azure service.
fn service_status(http: u16, code: &str) -> Status {
    match code {
        "ResourceNotFound"
        | "ResourceGroupNotFound"
        | "SubscriptionNotFound"
        | "NotFound"
        | "PrincipalNotFound" => {
            return Status::NotFound;
        }
        "AuthorizationFailed" | "LinkedAuthorizationFailed" => return Status::Denied,
        // The network's services answer these with 400.
        "PublicIPAddressInUse" | "SecurityRuleConflict" | "NicInUse" => return Status::Conflict,
        _ => {}
    }
    match http {
        401 => Status::Unauthenticated,
        403 => Status::Denied,
        404 => Status::NotFound,
        409 | 412 => Status::Conflict,
        408 | 429 | 503 | 504 => Status::GaveUp,
        _ => Status::Failed,
    }
}

fn service_hint(code: &str, status: Status) -> Option<&'static str> {
    Some(match code {
        "ResourceGroupNotFound" => {
            "Create it with 'az-provision group create -n NAME -l LOCATION', or check --subscription."
        }
        "SubscriptionNotFound" | "InvalidSubscriptionId" => {
            "Check --subscription, AZURE_SUBSCRIPTION_ID and the tenant you are signed in to."
        }
        "AuthorizationFailed" => {
            "Ask an owner of the scope for a role with this action, or sign in with another account; a role given just now takes a few minutes."
        }
        "LinkedAuthorizationFailed" => "The identity needs a role on the linked resource too.",
        "PrincipalNotFound" => {
            "Check the id; an identity created just now takes a moment to be known: run the command again."
        }
        "RoleDefinitionDoesNotExist" => "List the roles with 'az-role definition list'.",
        "InvalidAuthenticationTokenTenant" => {
            "The token is from another tenant than the subscription's: check --subscription and AZURE_TENANT_ID."
        }
        _ => match status {
            Status::GaveUp => {
                "The service is busy: run the same command again in a minute; it goes on where it stopped."
            }
            Status::Unauthenticated => {
                "Sign in again ('az login'), or check the AZURE_* variables."
            }
            _ => return None,
        },
    })
}

impl From<InvalidName> for Failure {
    fn from(error: InvalidName) -> Self {
        Failure::usage(error.to_string())
    }
}

impl From<InvalidResourceId> for Failure {
    fn from(error: InvalidResourceId) -> Self {
        Failure::usage(error.to_string())
    }
}

impl From<InvalidQuery> for Failure {
    fn from(error: InvalidQuery) -> Self {
        if error.on_result {
            return Failure::new(Status::Failed, error.to_string())
                .hint("The command itself has been carried out; only its result is not printed.");
        }
        Failure::usage(error.to_string())
    }
}

impl From<SubscriptionError> for Failure {
    fn from(error: SubscriptionError) -> Self {
        use SubscriptionError as E;
        let status = match error {
            E::NotFound { .. } | E::None => Status::NotFound,
            E::Ambiguous { .. } | E::Several { .. } => Status::Usage,
        };
        Failure::new(status, error.to_string())
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Failure::usage(error.to_string())
    }
}

impl From<GraphError> for Failure {
    fn from(error: GraphError) -> Self {
        match error {
            GraphError::Credential(error) => credential_failure(&error),
            GraphError::Refused {
                status,
                code,
                message,
                request_id,
                retry_after,
            } => {
                let mut failure = Failure::new(service_status(status, &code), message);
                failure.hint = wait_hint(failure.status, retry_after);
                failure.request_id = request_id;
                failure.code = Some(code);
                failure
            }
            GraphError::OutOfTime(_) => {
                Failure::new(Status::GaveUp, error.to_string()).hint(SILENT)
            }
            GraphError::Foreign(_) | GraphError::Unexpected(_) | GraphError::GoesRound(_) => {
                Failure::new(Status::Failed, error.to_string())
            }
            GraphError::Transport(_) => Failure::new(Status::Failed, error.to_string())
                .hint("Check the network and the proxy variables (HTTPS_PROXY, NO_PROXY)."),
        }
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Service(error) => Failure {
                status: service_status(error.status, &error.code),
                hint: wait_hint(service_status(error.status, &error.code), error.retry_after)
                    .or_else(|| vault_hint(&error).map(str::to_owned)),
                message: error.message,
                code: Some(error.code),
                request_id: error.request_id,
                vault: error.vault.map(String::into_boxed_str),
            },
            VaultError::Credential(error) => credential_failure(&error),
            VaultError::NoAnswer(_) => Failure::new(Status::Failed, error.to_string()).hint(
                "Check the vault's name (a vault that does not exist has no address), the network and the proxy variables (HTTPS_PROXY, NO_PROXY).",
            ),
            VaultError::NoVault(ref name) => {
                let mut failure = Failure::new(Status::NotFound, error.to_string())
                    .hint("The cloud answers, but nothing does at the vault's address: check its name and --cloud.");
                failure.vault = Some(name.as_str().into());
                failure
            }
            VaultError::OutOfTime(_) => Failure::new(Status::GaveUp, error.to_string()).hint(SILENT),
            VaultError::Other(_) | VaultError::Unexpected(_) => Failure::new(Status::Failed, error.to_string()),
        }
    }
}

fn vault_hint(error: &VaultAnswer) -> Option<&'static str> {
    Some(match error.code.as_str() {
        "ForbiddenByRbac" => {
            "Ask for a role on the vault, as 'Key Vault Secrets Officer' (to read only: 'Key Vault Secrets User'). One given just now takes some minutes to be effective: --wait-for-access 10m waits for it."
        }
        "AccessDenied" | "ForbiddenByPolicy" => {
            "The vault goes by access policies: ask for one with the permission for secrets."
        }
        "ForbiddenByFirewall" | "ForbiddenByConnection" => {
            "The vault's network rules keep this address out: run it from an allowed network."
        }
        "SecretDisabled" => "Enable it with 'kv-set NAME --attributes-only --enabled'.",
        "SecretNotFound" => "'kv-get --list' shows the names.",
        "ObjectIsDeletedButRecoverable" => {
            "A deleted secret holds the name: recover it with 'az-cleanup secret recover', or purge it with 'az-cleanup secret purge'."
        }
        "ObjectIsBeingDeleted" | "ObjectIsBeingRecovered" => {
            "Run the same command again in a minute."
        }
        _ => match error.status {
            401 => {
                "The vault trusts its own tenant only: check who is signed in, and AZURE_TENANT_ID."
            }
            429 | 503 => "The vault is busy: run the same command again in a minute.",
            _ => return None,
        },
    })
}

impl From<InvalidVersion> for Failure {
    fn from(error: InvalidVersion) -> Self {
        match error {
            InvalidVersion::Malformed(_) => Failure::usage(error.to_string()),
            InvalidVersion::Differs => {
                Failure::usage("--version is another version than the one of --id")
            }
        }
    }
}

impl From<InvalidWord> for Failure {
    fn from(error: InvalidWord) -> Self {
        Failure::usage(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_follow_the_contract() {
        for (http, status) in [
            (400, 1),
            (401, 4),
            (403, 5),
            (404, 3),
            (409, 6),
            (429, 7),
            (500, 1),
            (503, 7),
        ] {
            assert_eq!(service_status(http, "X") as u8, status, "{http}");
        }
        assert_eq!(service_status(400, "PrincipalNotFound"), Status::NotFound);
    }

    #[test]
    fn a_vault_that_denies_says_what_to_ask_for() {
        let failure = Failure::from(VaultError::Service(VaultAnswer {
            status: 403,
            code: "ForbiddenByRbac".to_owned(),
            message: "Caller is not authorized.".to_owned(),
            request_id: Some("r".to_owned()),
            retry_after: None,
            vault: None,
        }));
        assert_eq!(
            (failure.status, failure.code.as_deref()),
            (Status::Denied, Some("ForbiddenByRbac"))
        );
        assert_eq!(failure.request_id.as_deref(), Some("r"));
        assert!(failure.hint.expect("hint").contains("--wait-for-access"));
    }
}
