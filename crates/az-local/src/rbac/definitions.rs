//! Roles. The built-in ones are all that Azure has, as its API answers them (`GET /providers/Microsoft.Authorization/roleDefinitions`,
//! kept by <https://github.com/iann0036/iam-dataset>, state of 2026-08-22). The same are at
//! <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>.

use super::condition::{Attributes, Condition};
use super::want::Want;
use crate::ground::wildcard::matches;
use crate::state::roles::{CustomRole, Permission, RoleDefinition};
use crate::state::{StateError, Transaction};
use std::borrow::Cow;
use std::sync::{LazyLock, OnceLock};

/// The role that the desk has on its subscriptions.
pub(crate) const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";

impl RoleDefinition {
    /// Whether the role allows this.
    pub(crate) fn allows(&self, want: Want<'_>, attributes: &Attributes<'_>) -> bool {
        let mut permissions = self.permissions.iter();
        permissions.any(|one| one.allows(want, attributes))
    }
}

impl Permission {
    /// One of the patterns does, none takes it back, and the condition holds. One that cannot be decided does not hold.
    fn allows(&self, want: Want<'_>, attributes: &Attributes<'_>) -> bool {
        let (given, taken, action) = match want {
            Want::Action(action) => (&self.actions, &self.not_actions, action),
            Want::Data(action) => (&self.data_actions, &self.not_data_actions, action),
        };
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, action));
        let holds = |text: &String| {
            Condition::parse(text).is_ok_and(|condition| condition.holds(action, attributes))
        };
        any(given) && !any(taken) && self.condition.as_ref().is_none_or(holds)
    }
}

/// A role as it stands in the file, read when it is asked for.
struct Entry {
    line: &'static str,
    role: OnceLock<Option<RoleDefinition>>,
}

impl Entry {
    /// Each line begins with the id.
    fn id(&self) -> &'static str {
        const BEGINNING: usize = r#"{"id":""#.len();
        self.line
            .get(BEGINNING..BEGINNING + OWNER.len())
            .unwrap_or("")
    }

    fn role(&self) -> Option<&RoleDefinition> {
        // The file is part of the program; a unit test reads all of it.
        let read = || serde_json::from_str(self.line).ok();
        self.role.get_or_init(read).as_ref()
    }
}

/// The lines of the file, which are in the order of their ids.
fn entries() -> &'static [Entry] {
    static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
        let lines = include_str!("roles.jsonl").lines();
        let role = OnceLock::new;
        lines.map(|line| Entry { line, role: role() }).collect()
    });
    &ENTRIES
}

/// All built-in roles.
pub(crate) fn all() -> impl Iterator<Item = &'static RoleDefinition> {
    entries().iter().filter_map(Entry::role)
}

/// The role with this GUID, as a tenant knows it: built in, or its own.
pub(crate) fn find(
    tx: &Transaction<'_>,
    tenant_id: &str,
    id: &str,
) -> Result<Option<Cow<'static, RoleDefinition>>, StateError> {
    if let Some(role) = by_id(id) {
        return Ok(Some(Cow::Borrowed(role)));
    }
    let own = CustomRole::find(tx, tenant_id, id)?;
    Ok(own.map(|role| Cow::Owned(role.definition)))
}

/// The built-in role with this GUID.
pub(crate) fn by_id(id: &str) -> Option<&'static RoleDefinition> {
    let id = id.to_ascii_lowercase();
    let entries = entries();
    let at = entries.binary_search_by(|entry| entry.id().cmp(&id)).ok()?;
    entries[at].role()
}

/// Whether a role names an action of this resource provider: then Azure has it.
pub(crate) fn name_provider(namespace: &str) -> bool {
    // Patterns are no names.
    if !namespace.contains('.') || namespace.contains(['*', '"']) {
        return false;
    }
    let begin = format!("\"{}/", namespace.to_ascii_lowercase());
    entries()
        .iter()
        .any(|entry| entry.line.to_ascii_lowercase().contains(&begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> &'static RoleDefinition {
        let found = all().find(|role| role.name == name);
        found.unwrap_or_else(|| panic!("no role '{name}'"))
    }

    fn may(role: &str, action: &str) -> bool {
        named(role).allows(Want::Action(action), &Attributes::default())
    }

    #[test]
    fn every_role_is_read_and_found_by_its_id() {
        assert!(all().count() > 900);
        assert_eq!(all().count(), entries().len());
        for role in all() {
            let found = by_id(&role.id.to_ascii_uppercase()).map(|role| role.name.as_str());
            assert_eq!(found, Some(role.name.as_str()));
            assert!(!role.permissions.is_empty(), "{}", role.name);
        }
        assert_eq!(by_id(OWNER).map(|role| role.name.as_str()), Some("Owner"));
        assert!(by_id("").is_none() && by_id("8e3af657").is_none());
    }

    #[test]
    fn the_providers_of_azure_are_those_that_roles_name() {
        for known in [
            "Microsoft.Storage",
            "microsoft.web",
            "Microsoft.ContainerService",
        ] {
            assert!(name_provider(known), "{known}");
        }
        for unknown in ["Microsoft.Nothing", "Microsoft.Stor", "", "*"] {
            assert!(!name_provider(unknown), "{unknown}");
        }
    }

    #[test]
    fn the_conditions_of_built_in_roles_are_read() {
        let unread: Vec<&str> = all()
            .filter(|role| {
                let conditions = role
                    .permissions
                    .iter()
                    .filter_map(|one| one.condition.as_ref());
                conditions
                    .map(|text| Condition::parse(text))
                    .any(|read| read.is_err())
            })
            .map(|role| role.name.as_str())
            .collect();
        assert_eq!(unread, [""; 0]);
    }

    #[test]
    fn contributors_may_not_assign_roles() {
        assert!(may(
            "Contributor",
            "Microsoft.Compute/virtualMachines/write"
        ));
        let write = "Microsoft.Authorization/roleAssignments/write";
        assert!(!may("Contributor", write));
        let secret = "Microsoft.KeyVault/vaults/secrets/getSecret/action";
        assert!(!named("Contributor").allows(Want::Data(secret), &Attributes::default()));
    }

    #[test]
    fn an_administrator_of_access_to_vaults_assigns_the_roles_of_vaults_only() {
        let role = named("Key Vault Data Access Administrator");
        let write = Want::Action("Microsoft.Authorization/roleAssignments/write");
        let assigns = |name: &str| {
            let attributes = Attributes {
                requested_role: Some(&named(name).id),
                ..Attributes::default()
            };
            role.allows(write, &attributes)
        };
        assert!(assigns("Key Vault Secrets Officer"));
        assert!(assigns("Key Vault Administrator"));
        assert!(!assigns("Owner"));
        assert!(!assigns("Reader"));
        assert!(!role.allows(write, &Attributes::default()));
        assert!(may(
            &role.name,
            "Microsoft.Authorization/roleAssignments/read"
        ));
    }
}
