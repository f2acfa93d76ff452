//! Commands of `az` as they are typed from habit, and what they are called here.

/// A command's words in `az`, and the tool and command that do it here.
pub const COMMANDS: &[(&str, &str)] = &[
    ("group create", "az-provision group create"),
    ("group show", "az-provision group show"),
    ("group list", "az-provision group list"),
    ("group wait", "az-provision group wait"),
    ("group exists", "az-provision group exists"),
    ("group delete", "az-cleanup group delete"),
    ("vm create", "az-provision vm create"),
    ("vm show", "az-provision vm show"),
    ("vm list", "az-provision vm list"),
    ("vm list-sizes", "az-provision vm list-sizes"),
    ("vm list-ip-addresses", "az-provision vm list-ip-addresses"),
    ("vm open-port", "az-provision vm open-port"),
    ("vm user update", "az-provision vm user update"),
    ("vm wait", "az-provision vm wait"),
    ("vm start", "az-provision vm start"),
    ("vm stop", "az-provision vm stop"),
    ("vm deallocate", "az-provision vm deallocate"),
    ("vm restart", "az-provision vm restart"),
    ("vm delete", "az-provision vm delete"),
    (
        "vm run-command invoke",
        "az-provision vm run-command invoke",
    ),
    ("vm identity assign", "az-identity vm assign"),
    ("vm identity remove", "az-identity vm remove"),
    ("vm identity show", "az-identity vm show"),
    ("identity create", "az-identity create"),
    ("identity show", "az-identity show"),
    ("identity list", "az-identity list"),
    ("identity delete", "az-identity delete"),
    ("role assignment create", "az-role assignment create"),
    ("role assignment list", "az-role assignment list"),
    ("role assignment delete", "az-role assignment delete"),
    ("role definition list", "az-role definition list"),
    ("role definition show", "az-role definition show"),
    ("keyvault create", "az-provision keyvault create"),
    ("keyvault show", "az-provision keyvault show"),
    ("keyvault list", "az-provision keyvault list"),
    ("keyvault delete", "az-cleanup keyvault delete"),
    ("keyvault purge", "az-cleanup keyvault purge"),
    ("keyvault recover", "az-cleanup keyvault recover"),
    ("keyvault list-deleted", "az-cleanup keyvault list-deleted"),
    ("keyvault secret set", "kv-set"),
    ("keyvault secret show", "kv-get"),
    ("keyvault secret list", "kv-get --list"),
    ("keyvault secret list-versions", "kv-get --list-versions"),
    ("keyvault secret list-deleted", "kv-get --deleted"),
    ("keyvault secret show-deleted", "kv-get --deleted"),
    ("keyvault secret set-attributes", "kv-set --attributes-only"),
    ("keyvault secret delete", "az-cleanup secret delete"),
    ("keyvault secret recover", "az-cleanup secret recover"),
    ("keyvault secret purge", "az-cleanup secret purge"),
    ("keyvault secret backup", "kv-get --backup"),
    ("keyvault secret restore", "kv-set --restore"),
];

/// The line that is meant by a command line of `tool` that it does not understand, if it begins like one of `az`'s:
/// `words` are what follows the tool's name. Values of flags that may be secrets are left out.
pub(super) fn meant(tool: &str, words: &[String]) -> Option<String> {
    let count = words
        .iter()
        .take_while(|word| !word.starts_with('-'))
        .count();
    // The longest run of words that ends like a command of az.
    let (command, used) = (1..=count.min(4)).rev().find_map(|used| {
        let typed = words[..used].join(" ");
        let found = COMMANDS.iter().find(|(az, ours)| {
            let is_tail = az == &typed
                || used >= 2 && az.ends_with(&format!(" {typed}"))
                || *ours == format!("{tool} {typed}");
            is_tail && !ours.eq_ignore_ascii_case(&format!("{tool} {typed}"))
        })?;
        Some((found.1, used))
    })?;
    let mut line = command.to_owned();
    let mut rest = words[used..].iter();
    while let Some(word) = rest.next() {
        let flag = word.split('=').next().unwrap_or_default();
        let secret = [
            "--value",
            "--admin-password",
            "--custom-data",
            "--user-data",
        ];
        if secret.contains(&flag) {
            line.push_str(&format!(" {flag} …"));
            if !word.contains('=') {
                rest.next();
            }
            continue;
        }
        line.push(' ');
        line.push_str(word);
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(tool: &str, typed: &str) -> Option<String> {
        let words: Vec<String> = typed.split(' ').map(str::to_owned).collect();
        meant(tool, &words)
    }

    #[test]
    fn a_command_of_az_gets_the_line_that_is_meant() {
        for (tool, typed, expected) in [
            ("kv-set", "secret set --name n", "kv-set --name n"),
            (
                "az-provision",
                "keyvault secret set --vault-name v --name n --value s3cret",
                "kv-set --vault-name v --name n --value …",
            ),
            (
                "az-identity",
                "vm identity assign -g g -n m",
                "az-identity vm assign -g g -n m",
            ),
            (
                "az-identity",
                "identity create -g g",
                "az-identity create -g g",
            ),
            (
                "az-provision",
                "group delete -n g",
                "az-cleanup group delete -n g",
            ),
            ("az-role", "role assignment list", "az-role assignment list"),
            (
                "kv-get",
                "secret list --vault-name v",
                "kv-get --list --vault-name v",
            ),
        ] {
            assert_eq!(
                line(tool, typed).as_deref(),
                Some(expected),
                "{tool} {typed}"
            );
        }
        for (tool, typed) in [
            ("az-provision", "vm create -n x"),
            ("az-provision", "nothing"),
            ("kv-set", "name"),
            ("kv-get", "--list"),
        ] {
            assert_eq!(line(tool, typed), None, "{tool} {typed}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_repeated() {
        let said = line("az-provision", "keyvault secret set --value=hunter2 -n x");
        assert_eq!(said.as_deref(), Some("kv-set --value … -n x"));
    }
}
