//! The built-in roles.
//!
//! Ids, names and permissions are those of
//! <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>.

use super::want::Want;
use serde::Deserialize;
use std::sync::LazyLock;

/// The role that the desk has on its subscriptions.
pub(crate) const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";

/// A role definition.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoleDefinition {
    /// Its GUID.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) actions: Vec<String>,
    #[serde(default)]
    pub(crate) not_actions: Vec<String>,
    #[serde(default)]
    pub(crate) data_actions: Vec<String>,
    #[serde(default)]
    pub(crate) not_data_actions: Vec<String>,
}

impl RoleDefinition {
    /// Whether the role allows this: one of its patterns does, and none takes it back.
    pub(crate) fn allows(&self, want: Want<'_>) -> bool {
        let (given, taken, action) = match want {
            Want::Action(action) => (&self.actions, &self.not_actions, action),
            Want::Data(action) => (&self.data_actions, &self.not_data_actions, action),
        };
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, action));
        any(given) && !any(taken)
    }
}

/// All roles.
pub(crate) fn all() -> &'static [RoleDefinition] {
    static ROLES: LazyLock<Vec<RoleDefinition>> = LazyLock::new(|| {
        // The file is part of the program; a unit test reads it.
        serde_json::from_str(include_str!("roles.json")).unwrap_or_default()
    });
    &ROLES
}

/// The role with this GUID.
pub(crate) fn by_id(id: &str) -> Option<&'static RoleDefinition> {
    all().iter().find(|role| role.id.eq_ignore_ascii_case(id))
}

/// Whether an action fits a pattern, in which `*` stands for any run of characters. Case does not count.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| action.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_roles_are_read() {
        assert!(all().len() > 20);
        assert_eq!(by_id(OWNER).map(|role| role.name.as_str()), Some("Owner"));
    }

    #[test]
    fn wildcards_stand_for_any_run_of_characters() {
        assert!(matches("*", "Microsoft.X/y/read"));
        assert!(matches("*/read", "Microsoft.X/y/READ"));
        assert!(matches(
            "Microsoft.KeyVault/vaults/*/read",
            "Microsoft.KeyVault/vaults/a/b/read"
        ));
        assert!(matches(
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/roleAssignments/write"
        ));
        assert!(!matches("*/read", "Microsoft.X/y/write"));
        assert!(!matches("Microsoft.X/y", "Microsoft.X/y/z"));
        assert!(!matches("Microsoft.X/*/read/action", "Microsoft.X/read"));
    }

    #[test]
    fn contributors_may_not_assign_roles() {
        let contributor = all()
            .iter()
            .find(|role| role.name == "Contributor")
            .expect("a role");
        assert!(contributor.allows(Want::Action("Microsoft.Compute/virtualMachines/write")));
        assert!(!contributor.allows(Want::Action(
            "Microsoft.Authorization/roleAssignments/write"
        )));
        assert!(!contributor.allows(Want::Data(
            "Microsoft.KeyVault/vaults/secrets/getSecret/action"
        )));
    }

    #[test]
    fn owners_have_no_data_actions() {
        let owner = by_id(OWNER).expect("a role");
        assert!(!owner.allows(Want::Data(
            "Microsoft.KeyVault/vaults/secrets/setSecret/action"
        )));
    }
}
