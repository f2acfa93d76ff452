//! The tables: one for each type of documents.

use super::addresses::Address;
use super::authority::StoredAuthority;
use super::backup_key::StoredBackupKey;
use super::deployments::Deployment;
use super::directory::{Application, ServicePrincipal, Subscription, Tenant};
use super::document::Document;
use super::due::Due;
use super::federation::{IdentityFederation, Issuer};
use super::holds::Hold;
use super::host_keys::StoredSecret;
use super::locks::Lock;
use super::operations::Operation;
use super::people::{Group, Membership, User};
use super::proxy_clients::StoredClient;
use super::resources::Resource;
use super::role_assignments::RoleAssignment;
use super::roles::CustomRole;
use super::secrets::{DeletedSecret, Secret, SecretVersion};
use super::settings::{Desk, Settings};
use super::signing_keys::StoredKey;
use super::vaults::DeletedVault;

/// The format that this version writes. A folder of another format is refused.
pub(super) const FORMAT: i64 = 3;

/// The commands that make what is missing.
pub(super) fn commands() -> String {
    let mut commands = String::new();
    table::<Address>(&mut commands);
    table::<Application>(&mut commands);
    table::<CustomRole>(&mut commands);
    table::<DeletedSecret>(&mut commands);
    table::<DeletedVault>(&mut commands);
    table::<Deployment>(&mut commands);
    table::<Desk>(&mut commands);
    table::<Due>(&mut commands);
    table::<Group>(&mut commands);
    table::<Hold>(&mut commands);
    table::<IdentityFederation>(&mut commands);
    table::<Issuer>(&mut commands);
    table::<Lock>(&mut commands);
    table::<Membership>(&mut commands);
    table::<Operation>(&mut commands);
    table::<Resource>(&mut commands);
    table::<RoleAssignment>(&mut commands);
    table::<Secret>(&mut commands);
    table::<SecretVersion>(&mut commands);
    table::<ServicePrincipal>(&mut commands);
    table::<Settings>(&mut commands);
    table::<StoredAuthority>(&mut commands);
    table::<StoredBackupKey>(&mut commands);
    table::<StoredClient>(&mut commands);
    table::<StoredKey>(&mut commands);
    table::<StoredSecret>(&mut commands);
    table::<Subscription>(&mut commands);
    table::<Tenant>(&mut commands);
    table::<User>(&mut commands);
    commands
}

fn table<T: Document>(commands: &mut String) {
    let kind = T::KIND;
    let columns: String = T::COLUMNS
        .iter()
        .map(|name| format!(", {name} TEXT"))
        .collect();
    commands.push_str(&format!(
        "CREATE TABLE IF NOT EXISTS {kind} (key TEXT PRIMARY KEY NOT NULL, body TEXT NOT NULL{columns});\n"
    ));
    for column in T::COLUMNS {
        commands.push_str(&format!(
            "CREATE INDEX IF NOT EXISTS {kind}_{column} ON {kind} ({column}, key) WHERE {column} IS NOT NULL;\n"
        ));
    }
}
