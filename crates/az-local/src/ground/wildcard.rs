//! Patterns of actions, hosts, paths.

/// Whether a text fits a pattern, in which `*` stands for any run of characters. Case does not count.
pub(crate) fn matches(pattern: &str, action: &str) -> bool {
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
}
