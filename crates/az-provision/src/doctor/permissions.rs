//! Whether the caller may do each step of the tutorial.

use super::{asking::Answer, check::Check};
use az_core::{
    arm::{Permissions, ResourceId},
    caller::Caller,
    cli::{Failure, Status},
};
use serde_json::{Value, json};

/// One step of the tutorial.
struct Step {
    name: &'static str,
    /// All of them are needed.
    actions: &'static [&'static str],
    at: At,
    /// A built-in role that has them (<https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>).
    role: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Group,
    Vault,
}

/// What creates a group; it is asked for where there is none yet.
const CREATE_GROUP: Step = Step {
    name: "create group",
    actions: &["Microsoft.Resources/subscriptions/resourceGroups/write"],
    at: At::Group,
    role: "Contributor",
};

/// The steps in a group. Who puts an interface in a subnet, or a machine on an interface, joins what is there:
/// <https://learn.microsoft.com/azure/virtual-network/virtual-network-manage-subnet#permissions>.
const STEPS: [Step; 5] = [
    Step {
        name: "create machine",
        actions: &[
            "Microsoft.Compute/virtualMachines/write",
            "Microsoft.Network/virtualNetworks/write",
            "Microsoft.Network/virtualNetworks/subnets/join/action",
            "Microsoft.Network/networkSecurityGroups/write",
            "Microsoft.Network/networkSecurityGroups/join/action",
            "Microsoft.Network/publicIPAddresses/write",
            "Microsoft.Network/publicIPAddresses/join/action",
            "Microsoft.Network/networkInterfaces/write",
            "Microsoft.Network/networkInterfaces/join/action",
        ],
        at: At::Group,
        role: "Contributor",
    },
    Step {
        name: "create vault",
        actions: &["Microsoft.KeyVault/vaults/write"],
        at: At::Group,
        role: "Key Vault Contributor",
    },
    Step {
        name: "create identity",
        actions: &["Microsoft.ManagedIdentity/userAssignedIdentities/write"],
        at: At::Group,
        role: "Managed Identity Contributor",
    },
    // https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-configure-managed-identities
    Step {
        name: "assign identity",
        actions: &[
            "Microsoft.Compute/virtualMachines/write",
            "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
        ],
        at: At::Group,
        role: "Contributor",
    },
    Step {
        name: "assign role",
        actions: &[ASSIGN],
        at: At::Vault,
        role: "Role Based Access Control Administrator",
    },
];

const ASSIGN: &str = "Microsoft.Authorization/roleAssignments/write";

/// What is done with secrets: the data action, the permission of an access policy, the role.
/// <https://learn.microsoft.com/azure/key-vault/general/rbac-guide#azure-built-in-roles-for-key-vault-data-plane-operations>
const SECRETS: [(&str, &str, &str, &str); 2] = [
    (
        "set secret",
        "Microsoft.KeyVault/vaults/secrets/setSecret/action",
        "set",
        "Key Vault Secrets Officer",
    ),
    (
        "read secret",
        "Microsoft.KeyVault/vaults/secrets/getSecret/action",
        "get",
        "Key Vault Secrets User",
    ),
];

/// What the caller may do at one scope.
pub(super) struct Held {
    pub(super) scope: ResourceId,
    pub(super) permissions: Permissions,
}

impl Held {
    /// What was answered of a scope; `None` where it is not there. Who may not even ask may do nothing.
    pub(super) fn of(scope: &ResourceId, answer: &Answer) -> Option<Result<Self, Failure>> {
        let permissions = match answer {
            Ok(Some(Value::Array(sets))) => Permissions::from_arm(sets),
            Ok(_) => return None,
            Err(failure) if failure.status == Status::Denied => Permissions::default(),
            Err(failure) => return Some(Err(failure.clone())),
        };
        Some(Ok(Held {
            scope: scope.clone(),
            permissions,
        }))
    }

    /// The scope in a sentence.
    fn place(&self) -> String {
        let id = &self.scope;
        match (id.resource_type(), id.resource_group()) {
            (Some(_), _) => format!("on vault '{}'", id.name()),
            (None, Some(group)) => format!("in resource group '{group}'"),
            (None, None) => "in the subscription".to_owned(),
        }
    }
}

/// What is known of the vault.
#[derive(Clone, Copy)]
pub(super) enum Vault<'a> {
    /// None is asked about.
    NotNamed,
    /// There is none yet.
    Absent,
    /// The caller may not look whether it is there.
    NotSeen,
    There(&'a Value),
}

/// Everything that is known, from the widest scope to the narrowest.
pub(super) struct Scopes<'a> {
    pub(super) subscription: &'a Held,
    pub(super) group: Option<&'a Held>,
    pub(super) vault: Option<&'a Held>,
    pub(super) resource: Vault<'a>,
    pub(super) caller: Option<&'a Caller>,
}

impl<'a> Scopes<'a> {
    /// What counts at a place: the narrowest scope that is there, as what is above it is in its answer.
    fn at(&self, at: At) -> &'a Held {
        let group = self.group.unwrap_or(self.subscription);
        match at {
            At::Group => group,
            At::Vault => self.vault.unwrap_or(group),
        }
    }

    /// A command for somebody who may give roles.
    fn grant(&self, role: &str, scope: &ResourceId) -> String {
        let whom = self
            .caller
            .map_or("OBJECT-ID", |caller| caller.object_id.as_str());
        format!("az-role assignment create --assignee {whom} --role '{role}' --scope {scope}")
    }

    /// A check for each step.
    pub(super) fn checks(&self) -> Vec<Check> {
        let mut checks = Vec::new();
        checks.push(match self.group {
            Some(group) => Check::skipped(
                CREATE_GROUP.name,
                format!("resource group '{}' is there", group.scope.name()),
            ),
            None => self.step(&CREATE_GROUP),
        });
        checks.extend(STEPS.iter().map(|step| self.step(step)));
        checks.extend(SECRETS.map(|secret| self.secret(secret)));
        checks
    }

    fn step(&self, step: &Step) -> Check {
        let held = self.at(step.at);
        let missing: Vec<&str> = step
            .actions
            .iter()
            .filter(|action| !held.permissions.allows(action))
            .copied()
            .collect();
        let details =
            json!({"scope": held.scope.as_str(), "actions": step.actions, "missing": missing});
        let check = match missing.as_slice() {
            [] => Check::ok(step.name, format!("allowed {}", held.place())),
            [first, more @ ..] => {
                let more = match more.len() {
                    0 => String::new(),
                    count => format!(" and {count} more"),
                };
                Check::failed(
                    step.name,
                    Status::Denied,
                    format!("{} you may not {first}{more}", held.place()),
                    format!(
                        "Ask an owner for the role '{}': {}",
                        step.role,
                        self.grant(step.role, &held.scope)
                    ),
                )
            }
        };
        check.details(details)
    }

    /// What is done with secrets: in the tutorial by the machine's identity, and by the caller only to look at them.
    fn secret(&self, (name, action, permission, role): (&str, &str, &str, &str)) -> Check {
        let held = self.at(At::Vault);
        if let Vault::There(vault) = self.resource
            && vault["properties"]["enableRbacAuthorization"] != true
        {
            return self.by_policy(name, permission, vault);
        }
        let details = json!({"scope": held.scope.as_str(), "dataActions": [action]});
        let denied = || format!("{} you may not {action}", held.place());
        let grant = self.grant(role, &held.scope);
        let check = match self.resource {
            _ if held.permissions.allows_data(action) => {
                Check::ok(name, format!("allowed {}", held.place()))
            }
            Vault::NotNamed => Check::skipped(name, "no vault is named (--vault-name)"),
            Vault::Absent => Check::skipped(
                name,
                "there is no vault yet; whoever is to have its secrets needs a role on it",
            ),
            _ if held.permissions.allows(ASSIGN) => {
                let advice = format!("You may give yourself the role: {grant}");
                Check::warning(name, denied(), advice)
            }
            Vault::NotSeen | Vault::There(_) => {
                let advice = format!("Ask an owner for the role '{role}': {grant}");
                Check::failed(name, Status::Denied, denied(), advice)
            }
        };
        check.details(details)
    }

    /// The same in a vault that goes by access policies. Those for groups are not known to be the caller's.
    fn by_policy(&self, name: &str, permission: &str, vault: &Value) -> Check {
        let whom = self.caller.map(|caller| caller.object_id.as_str());
        let policies = vault["properties"]["accessPolicies"].as_array();
        let granted = policies
            .into_iter()
            .flatten()
            .filter(|policy| whom.is_some() && policy["objectId"].as_str() == whom)
            .filter_map(|policy| policy["permissions"]["secrets"].as_array())
            .flatten()
            .filter_map(Value::as_str)
            .any(|one| one.eq_ignore_ascii_case(permission) || one.eq_ignore_ascii_case("all"));
        if granted {
            return Check::ok(name, "allowed by an access policy of the vault");
        }
        let vault_name = vault["name"].as_str().unwrap_or_default();
        Check::warning(
            name,
            format!(
                "vault '{vault_name}' goes by access policies, and none for you allows '{permission}'"
            ),
            format!(
                "Unless a group of yours has one: az keyvault set-policy -n {vault_name} --object-id {} --secret-permissions {permission}",
                whom.unwrap_or("OBJECT-ID")
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    fn held(scope: ResourceId, sets: &[Value]) -> Held {
        Held {
            scope,
            permissions: Permissions::from_arm(sets),
        }
    }

    fn states(scopes: &Scopes<'_>) -> Vec<(String, State)> {
        let checks = scopes.checks();
        checks
            .into_iter()
            .map(|check| (check.name, check.state))
            .collect()
    }

    #[test]
    fn the_narrowest_scope_that_is_there_counts() {
        let subscription = held(ResourceId::subscription("s"), &[]);
        let group = held(
            ResourceId::group("s", "g"),
            &[json!({"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]})],
        );
        let scopes = Scopes {
            subscription: &subscription,
            group: Some(&group),
            vault: None,
            resource: Vault::NotNamed,
            caller: None,
        };
        let denied = State::Failed(Status::Denied);
        assert_eq!(
            states(&scopes),
            [
                ("create group", State::Skipped),
                ("create machine", State::Ok),
                ("create vault", State::Ok),
                ("create identity", State::Ok),
                ("assign identity", State::Ok),
                ("assign role", denied),
                ("set secret", State::Skipped),
                ("read secret", State::Skipped),
            ]
            .map(|(name, state)| (name.to_owned(), state))
        );
        let scopes = Scopes {
            group: None,
            ..scopes
        };
        assert!(
            states(&scopes)[..6]
                .iter()
                .all(|(_, state)| *state == denied)
        );
    }

    #[test]
    fn who_may_give_roles_is_warned_that_the_data_needs_one() {
        let id = ResourceId::group("s", "g").resource("Microsoft.KeyVault", "vaults", "kv");
        let vault = json!({"name": "kv", "properties": {"enableRbacAuthorization": true}});
        let user = json!({"dataActions": ["Microsoft.KeyVault/vaults/secrets/getSecret/action"]});
        for (sets, set, get) in [
            (
                vec![json!({"actions": ["*"]})],
                State::Warning,
                State::Warning,
            ),
            (vec![user], State::Failed(Status::Denied), State::Ok),
        ] {
            let held = held(id.clone(), &sets);
            let scopes = Scopes {
                subscription: &held,
                group: Some(&held),
                vault: Some(&held),
                resource: Vault::There(&vault),
                caller: None,
            };
            let found: Vec<State> = states(&scopes)[6..].iter().map(|(_, s)| *s).collect();
            assert_eq!(found, [set, get]);
        }
    }

    #[test]
    fn a_vault_of_access_policies_is_asked_for_the_caller_s() {
        let subscription = held(ResourceId::subscription("s"), &[]);
        let caller = Caller {
            object_id: "o".to_owned(),
            tenant_id: "t".to_owned(),
            is_user: false,
            application_id: None,
            name: None,
        };
        let vault = json!({"name": "kv", "properties": {"accessPolicies": [
            {"objectId": "o", "permissions": {"secrets": ["Get"]}},
            {"objectId": "other", "permissions": {"secrets": ["all"]}}]}});
        let scopes = Scopes {
            subscription: &subscription,
            group: None,
            vault: None,
            resource: Vault::There(&vault),
            caller: Some(&caller),
        };
        let found: Vec<State> = states(&scopes)[6..].iter().map(|(_, s)| *s).collect();
        assert_eq!(found, [State::Warning, State::Ok]);
    }
}
