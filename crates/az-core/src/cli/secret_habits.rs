//! Commands of `az keyvault secret` that are typed from habit.

/// What stands in a line for the secret's name.
const NAME: &str = "NAME";

/// What does the same as each command of `az keyvault secret`
/// (Azure CLI 2.91.0, azure/cli/command_modules/keyvault/commands.py).
const LINES: [(&str, &str); 13] = [
    ("backup", "kv-get NAME --backup FILE"),
    ("delete", "az-cleanup secret delete --name NAME"),
    ("download", "kv-get NAME --query value -o tsv > FILE"),
    ("list", "kv-get --list"),
    ("list-deleted", "kv-get --deleted"),
    ("list-versions", "kv-get NAME --list-versions"),
    ("purge", "az-cleanup secret purge --name NAME"),
    ("recover", "az-cleanup secret recover --name NAME"),
    ("restore", "kv-set --restore FILE"),
    ("set", "kv-set NAME"),
    ("set-attributes", "kv-set NAME --attributes-only"),
    ("show", "kv-get NAME"),
    ("show-deleted", "kv-get NAME --deleted"),
];

/// The line that is meant by these words, if they are a command of `az keyvault secret`: with `keyvault secret` or
/// `secret` in front, or without. `name` is the secret's, where it is known.
pub(super) fn meant(words: &[&str], name: Option<&str>) -> Option<String> {
    let words = words.strip_prefix(&["keyvault"]).unwrap_or(words);
    let words = words.strip_prefix(&["secret"]).unwrap_or(words);
    let command = words.first()?;
    let (_, line) = LINES.iter().find(|(known, _)| known == command)?;
    Some(line.replace(NAME, name.unwrap_or(NAME)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_known_with_and_without_its_groups() {
        for words in [
            &["keyvault", "secret", "show"][..],
            &["secret", "show", "x"],
            &["show"],
        ] {
            assert_eq!(meant(words, Some("n")).as_deref(), Some("kv-get n"));
        }
        assert_eq!(
            meant(&["set-attributes"], None).as_deref(),
            Some("kv-set NAME --attributes-only")
        );
        for words in [
            &["secret"][..],
            &["keyvault"],
            &["db-password", "show"],
            &[],
        ] {
            assert_eq!(meant(words, None), None);
        }
    }
}
