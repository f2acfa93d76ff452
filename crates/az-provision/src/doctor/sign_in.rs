//! Who is signed in, and by which credential of the chain.

use super::{
    bound::{TOKEN, within},
    check::Check,
};
use az_core::{
    caller::Caller,
    cli::{Failure, Session, Status},
};
use az_credential::{Attempt, CredentialName, DefaultAzureCredential, Outcome};
use serde_json::json;

/// What is known of who asks.
pub(super) struct SignIn {
    pub(super) checks: Vec<Check>,
    pub(super) caller: Option<Caller>,
    /// A token could be had.
    pub(super) done: bool,
}

/// Goes down the chain of credentials, as every command does.
pub(super) async fn check(session: &Session) -> SignIn {
    let chain = match session.chain() {
        Ok(chain) => chain,
        Err(failure) => {
            return SignIn {
                checks: vec![Check::failure("credential", failure)],
                caller: None,
                done: false,
            };
        }
    };
    let found = within(TOKEN, session.caller()).await;
    let done = found.is_ok();
    let tried = chain.tried();
    let mut checks = vec![credential(&chain, found.as_ref().err(), &tried)];
    checks.extend(members(&chain, found.as_ref().err(), &tried));
    checks.push(metadata_service(&chain, &tried).await);
    let caller = found.ok().flatten();
    if done {
        checks.push(who(caller.as_ref()));
    }
    SignIn {
        checks,
        caller,
        done,
    }
}

/// What came of the whole chain.
fn credential(
    chain: &DefaultAzureCredential,
    failure: Option<&Failure>,
    tried: &[Attempt],
) -> Check {
    match (chain.chosen(), failure) {
        (Some(chosen), None) => {
            Check::ok("credential", chosen.as_str()).details(json!({"chosen": chosen.as_str()}))
        }
        (_, Some(failure)) if failure.status == Status::GaveUp => Check::failed(
            "credential",
            Status::Unauthenticated,
            failure.message.clone(),
            "AZURE_TOKEN_CREDENTIALS names the one credential that is meant.",
        ),
        (_, failure) => {
            let status = failure.map_or(Status::Unauthenticated, |failure| failure.status);
            let refused = tried
                .iter()
                .find(|attempt| matches!(attempt.outcome, Outcome::Refused { .. }));
            match refused {
                Some(attempt) => Check::failed(
                    "credential",
                    status,
                    format!("{} is set up, and gave no token", attempt.credential),
                    attempt.outcome.advice(),
                ),
                None => Check::failed(
                    "credential",
                    status,
                    "you are not signed in: no credential is available here",
                    "Sign in with 'az login', or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET.",
                ),
            }
        }
    }
}

/// A line for each credential of the chain, in order.
fn members(
    chain: &DefaultAzureCredential,
    failure: Option<&Failure>,
    tried: &[Attempt],
) -> Vec<Check> {
    let mut members = Vec::new();
    for &name in chain.selected() {
        let attempt = tried.iter().find(|attempt| attempt.credential == name);
        members.push(match attempt.map(|attempt| &attempt.outcome) {
            Some(Outcome::Refused { reason, advice, .. }) => {
                let status = failure.map_or(Status::Unauthenticated, |failure| failure.status);
                Check::failed(name.as_str(), status, reason, advice)
            }
            Some(Outcome::Unavailable { reason, advice }) => {
                let check = Check::skipped(name.as_str(), reason);
                // Who is signed in need not set up another one.
                match failure {
                    Some(_) => check.advice(advice),
                    None => check,
                }
            }
            None if chain.chosen() == Some(name) => Check::ok(name.as_str(), "it gave the token"),
            None => Check::skipped(name.as_str(), "not asked: the chain ended before it"),
        });
    }
    members
}

/// The service that managed identities of virtual machines come from, where the chain comes to it.
async fn metadata_service(chain: &DefaultAzureCredential, tried: &[Attempt]) -> Check {
    const NAME: &str = "metadata service";
    let managed = CredentialName::ManagedIdentity;
    if !chain.selected().contains(&managed) {
        return Check::skipped(
            NAME,
            "AZURE_TOKEN_CREDENTIALS leaves managed identities out",
        );
    }
    let alone = chain.selected().len() == 1;
    let asked = alone
        || chain.chosen() == Some(managed)
        || tried.iter().any(|attempt| attempt.credential == managed);
    if !asked {
        return Check::skipped(NAME, "not asked: the chain ended before it");
    }
    match chain.metadata_service().await {
        None => Check::skipped(NAME, "managed identities come from elsewhere here"),
        Some(Ok(())) => Check::ok(NAME, "it answers"),
        Some(Err(outcome)) if chain.chosen().is_some() => Check::skipped(NAME, outcome.reason()),
        Some(Err(outcome)) => Check::warning(NAME, outcome.reason(), outcome.advice()),
    }
}

fn who(caller: Option<&Caller>) -> Check {
    let Some(caller) = caller else {
        return Check::warning(
            "caller",
            "the token does not tell who it is for",
            "The permissions below are the token's all the same.",
        );
    };
    let kind = if caller.is_user {
        "user"
    } else {
        "application or managed identity"
    };
    let name = caller.name.as_deref().map(|name| format!(" {name}"));
    let application = caller
        .application_id
        .as_deref()
        .map(|id| format!(", client id {id}"));
    Check::ok(
        "caller",
        format!(
            "{kind}{}, object id {}{}",
            name.unwrap_or_default(),
            caller.object_id,
            application.unwrap_or_default()
        ),
    )
    .details(json!({
        "objectId": caller.object_id,
        "tenantId": caller.tenant_id,
        "isUser": caller.is_user,
        "applicationId": caller.application_id,
        "name": caller.name,
    }))
}
