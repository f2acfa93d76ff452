//! What the caller may do at a scope (`Microsoft.Authorization/permissions`,
//! <https://learn.microsoft.com/rest/api/authorization/permissions>).

use serde_json::Value;

/// What the caller may do at a scope: a set for each role that it has there, or above.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions(Vec<Set>);

/// What one role allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Set {
    actions: Vec<String>,
    not_actions: Vec<String>,
    data_actions: Vec<String>,
    not_data_actions: Vec<String>,
}

impl Permissions {
    /// The sets as Resource Manager lists them below a scope, at `providers/Microsoft.Authorization/permissions`.
    /// Conditions, locks and deny assignments are not in the answer.
    pub fn from_arm(sets: &[Value]) -> Self {
        Permissions(sets.iter().map(Set::from_arm).collect())
    }

    /// Whether an action is allowed, as `Microsoft.KeyVault/vaults/write`. What one role takes away from itself another
    /// may allow (<https://learn.microsoft.com/azure/role-based-access-control/role-definitions#notactions>).
    pub fn allows(&self, action: &str) -> bool {
        self.0
            .iter()
            .any(|set| any(&set.actions, action) && !any(&set.not_actions, action))
    }

    /// Whether a data action is allowed, as `Microsoft.KeyVault/vaults/secrets/getSecret/action`.
    pub fn allows_data(&self, action: &str) -> bool {
        self.0
            .iter()
            .any(|set| any(&set.data_actions, action) && !any(&set.not_data_actions, action))
    }
}

impl Set {
    fn from_arm(value: &Value) -> Self {
        let texts = |member: &str| {
            let list = value.get(member).and_then(Value::as_array);
            list.into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        Set {
            actions: texts("actions"),
            not_actions: texts("notActions"),
            data_actions: texts("dataActions"),
            not_data_actions: texts("notDataActions"),
        }
    }
}

fn any(patterns: &[String], action: &str) -> bool {
    patterns.iter().any(|pattern| fits(pattern, action))
}

/// Whether an action fits a pattern: `*` stands for any text, also with slashes, and case does not count.
fn fits(pattern: &str, action: &str) -> bool {
    let pattern = pattern.to_lowercase();
    let action = action.to_lowercase();
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == action;
    };
    let Some(mut left) = action.strip_prefix(first) else {
        return false;
    };
    // What stands between two asterisks is taken where it comes first; what follows the last one is the end.
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match left.split_once(part) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn an_asterisk_stands_for_any_text_and_case_does_not_count() {
        for (pattern, action) in [
            ("*", "Microsoft.X/y/read"),
            ("*/read", "microsoft.x/y/READ"),
            ("Microsoft.X/*", "Microsoft.X/a/b/action"),
            ("Microsoft.X/*/read", "Microsoft.X/a/b/read"),
            ("*/a/*/b/*", "x/a/1/a/2/b/3"),
            ("Microsoft.X/y/write", "Microsoft.X/y/write"),
        ] {
            assert!(fits(pattern, action), "{pattern} {action}");
        }
        for (pattern, action) in [
            ("Microsoft.X/y", "Microsoft.X/y/z"),
            ("*/read", "Microsoft.X/y/write"),
            ("Microsoft.X/*/read", "Microsoft.X/read"),
            ("a*ba", "aba/b"),
            ("a*a", "a"),
            ("", "a"),
        ] {
            assert!(!fits(pattern, action), "{pattern} {action}");
        }
    }

    #[test]
    fn what_one_role_leaves_out_another_may_allow() {
        let contributor =
            json!({"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]});
        let write = "Microsoft.Authorization/roleAssignments/write";
        let one = Permissions::from_arm(std::slice::from_ref(&contributor));
        assert!(one.allows("Microsoft.KeyVault/vaults/write") && !one.allows(write));
        let both = Permissions::from_arm(&[contributor, json!({"actions": [write]})]);
        assert!(both.allows(write));
        assert!(!Permissions::default().allows("a"));
    }

    #[test]
    fn the_control_plane_says_nothing_of_the_data() {
        let get = "Microsoft.KeyVault/vaults/secrets/getSecret/action";
        let owner = Permissions::from_arm(&[json!({"actions": ["*"]})]);
        assert!(owner.allows(get) && !owner.allows_data(get));
        let user = Permissions::from_arm(&[json!({"dataActions": [get], "notDataActions": null})]);
        assert!(user.allows_data(get) && !user.allows(get));
    }

    proptest! {
        /// The plainest matcher there is, by trying every split, finds the same.
        #[test]
        fn patterns_fit_as_the_plain_definition_says(pattern in "[ab*]{0,6}", action in "[ab]{0,6}") {
            fn plain(pattern: &str, action: &str) -> bool {
                match pattern.split_at_checked(1) {
                    None => action.is_empty(),
                    Some(("*", rest)) => (0..=action.len()).any(|at| plain(rest, &action[at..])),
                    Some((letter, rest)) => action.strip_prefix(letter).is_some_and(|left| plain(rest, left)),
                }
            }
            prop_assert_eq!(fits(&pattern, &action), plain(&pattern, &action));
        }
    }
}
