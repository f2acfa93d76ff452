//! Examples of every command, for its help and its manual page. They are one story, told in this order: a test runs it from
//! the first line to the last.

use std::fmt::Write as _;

/// One example.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// The tool and its command, as `az-provision vm create`.
    pub command: &'static str,
    /// What it does.
    pub what: &'static str,
    /// The line, for a POSIX shell.
    pub line: &'static str,
}

const fn example(command: &'static str, what: &'static str, line: &'static str) -> Example {
    Example {
        command,
        what,
        line,
    }
}

/// All examples. The vault's name is `$KEY_VAULT_NAME`, as names of vaults are unique in the whole cloud.
pub const EXAMPLES: &[Example] = &[
    example(
        "az-provision doctor",
        "Whether the tutorial would go through",
        "az-provision doctor -g go-on-azure --vault-name \"$KEY_VAULT_NAME\" -l eastus",
    ),
    example(
        "az-provision group create",
        "A group, with tags",
        "az-provision group create -n go-on-azure -l eastus --tags project=tutorial owner=ada",
    ),
    example(
        "az-provision group show",
        "Where a group is",
        "az-provision group show -n go-on-azure --query location -o tsv",
    ),
    example(
        "az-provision group list",
        "The groups of a project",
        "az-provision group list --tag project=tutorial -o table",
    ),
    example(
        "az-provision group exists",
        "Make a group unless it is there",
        "[ \"$(az-provision group exists -n go-on-azure)\" = true ] || az-provision group create -n go-on-azure -l eastus",
    ),
    example(
        "az-provision group wait",
        "Wait until a group is there",
        "az-provision group wait -n go-on-azure --exists",
    ),
    example(
        "az-provision vm list-sizes",
        "Sizes with two processors and at most 8 GB",
        "az-provision vm list-sizes -l eastus --query '[?numberOfCores==`2` && memoryInMB<=`8192`].name' -o tsv",
    ),
    example(
        "az-provision vm create",
        "A machine that you sign in to with a key",
        "az-provision vm create -g go-on-azure -n go-on-azure-vm --generate-ssh-keys",
    ),
    example(
        "az-provision vm create",
        "With a password that nobody sees, and another image and size",
        "az-provision vm create -g go-on-azure -n with-password --image Debian12 --size Standard_B1s --admin-username ada --admin-password-file - < password.txt",
    ),
    example(
        "az-provision vm create",
        "Behind a closed door: no address, no rule for SSH",
        "az-provision vm create -g go-on-azure -n inside --generate-ssh-keys --public-ip-address '' --nsg-rule NONE",
    ),
    example(
        "az-provision vm create",
        "Set up by cloud-init at its first start, with an identity of its own",
        "az-provision vm create -g go-on-azure -n set-up --generate-ssh-keys --custom-data @cloud-init.yaml --assign-identity",
    ),
    example(
        "az-provision vm create",
        "Three machines: worker0, worker1 and worker2",
        "az-provision vm create -g go-on-azure -n worker --count 3 --generate-ssh-keys",
    ),
    example(
        "az-provision vm create",
        "What would be sent, and nothing else",
        "az-provision vm create -g go-on-azure -n planned --generate-ssh-keys --dry-run",
    ),
    example(
        "az-provision vm create",
        "Without waiting for it",
        "az-provision vm create -g go-on-azure -n later --generate-ssh-keys --no-wait",
    ),
    example(
        "az-provision vm wait",
        "Until a machine that nobody waited for is there",
        "az-provision vm wait -g go-on-azure -n later --created",
    ),
    example(
        "az-provision vm wait",
        "Until a machine runs",
        "az-provision vm wait -g go-on-azure -n later --custom \"instanceView.statuses[?code=='PowerState/running']\"",
    ),
    example(
        "az-provision vm show",
        "A machine's address",
        "az-provision vm show -d -g go-on-azure -n go-on-azure-vm --query publicIps -o tsv",
    ),
    example(
        "az-provision vm list",
        "Names and addresses of the machines that run",
        "az-provision vm list -d -g go-on-azure --query \"[?powerState=='VM running'].{VM:name, IP:publicIps}\" -o table",
    ),
    example(
        "az-provision vm list-ip-addresses",
        "The addresses of a machine",
        "az-provision vm list-ip-addresses -n go-on-azure-vm -o table",
    ),
    example(
        "az-provision vm open-port",
        "Open the ports of a web server",
        "az-provision vm open-port -g go-on-azure -n go-on-azure-vm --port 80,443",
    ),
    example(
        "az-provision vm user update",
        "Another password for a user",
        "az-provision vm user update -g go-on-azure -n with-password -u ada --password-file - < password.txt",
    ),
    example(
        "az-provision vm run-command invoke",
        "What a machine's system is",
        "az-provision vm run-command invoke -g go-on-azure -n go-on-azure-vm --command-id RunShellScript --scripts 'uname -s' --query 'value[0].message' -o tsv",
    ),
    example(
        "az-provision vm stop",
        "Power a machine off; it is still billed",
        "az-provision vm stop -g go-on-azure -n set-up",
    ),
    example(
        "az-provision vm deallocate",
        "Give the hardware of all machines of a group back",
        "az-provision vm list -g go-on-azure --query '[].id' -o tsv | az-provision vm deallocate --ids -",
    ),
    example(
        "az-provision vm start",
        "Start machines",
        "az-provision vm list -g go-on-azure | az-provision vm start --ids -",
    ),
    example(
        "az-provision vm restart",
        "Restart a machine",
        "az-provision vm restart -g go-on-azure -n go-on-azure-vm",
    ),
    example(
        "az-provision vm delete",
        "Delete a machine without being asked",
        "az-provision vm delete -g go-on-azure -n later --yes",
    ),
    example(
        "az-provision keyvault create",
        "A vault whose secrets Azure roles open",
        "az-provision keyvault create -g go-on-azure -n \"$KEY_VAULT_NAME\"",
    ),
    example(
        "az-provision keyvault show",
        "A vault's id, as a role assignment takes it",
        "az-provision keyvault show -n \"$KEY_VAULT_NAME\" --query id -o tsv",
    ),
    example(
        "az-provision keyvault list",
        "The vaults of a group",
        "az-provision keyvault list -g go-on-azure -o table",
    ),
    example(
        "az-provision keyvault wait",
        "Until a vault is there",
        "az-provision keyvault wait -g go-on-azure -n \"$KEY_VAULT_NAME\" --created",
    ),
    example(
        "az-provision all",
        "What is there, and what would be made",
        "az-provision all -g at-once -l eastus --vm-name at-once-vm --vault-name \"$KEY_VAULT_NAME-too\" --generate-ssh-keys --plan",
    ),
    example(
        "az-provision all",
        "A group, a machine and a vault at once",
        "az-provision all -g at-once -l eastus --vm-name at-once-vm --vault-name \"$KEY_VAULT_NAME-too\" --generate-ssh-keys",
    ),
    example(
        "az-identity create",
        "An identity of its own standing",
        "az-identity create -g go-on-azure -n GoUserIdentity",
    ),
    example(
        "az-identity show",
        "An identity's client id, which AZURE_CLIENT_ID takes",
        "az-identity show -g go-on-azure -n GoUserIdentity --query clientId -o tsv",
    ),
    example(
        "az-identity list",
        "The identities of a group",
        "az-identity list -g go-on-azure -o table",
    ),
    example(
        "az-identity vm assign",
        "A machine's own identity",
        "az-identity vm assign -g go-on-azure -n go-on-azure-vm",
    ),
    example(
        "az-identity vm assign",
        "One identity for all machines of a group",
        "az-provision vm list -g go-on-azure --query '[].id' -o tsv | az-identity vm assign --ids - --identities GoUserIdentity",
    ),
    example(
        "az-identity vm show",
        "Who a machine is",
        "az-identity vm show -g go-on-azure -n go-on-azure-vm --query principalId -o tsv",
    ),
    example(
        "az-role definition list",
        "The roles for secrets",
        "az-role definition list --query \"[?contains(roleName, 'Key Vault Secrets')].roleName\" -o tsv",
    ),
    example(
        "az-role definition show",
        "What a role allows",
        "az-role definition show --name 'Key Vault Secrets Officer' --query 'permissions[0].dataActions'",
    ),
    example(
        "az-role assignment create",
        "A machine may write the secrets of a vault",
        "az-identity vm show -g go-on-azure -n go-on-azure-vm | az-role assignment create --assignee - --role 'Key Vault Secrets Officer' --scope \"$(az-provision keyvault show -n \"$KEY_VAULT_NAME\" --query id -o tsv)\"",
    ),
    example(
        "az-role assignment create",
        "You yourself may write the secrets of a vault, as an application",
        "az-role assignment create --assignee \"$AZURE_CLIENT_ID\" --role 'Key Vault Secrets Officer' --scope \"$(az-provision keyvault show -n \"$KEY_VAULT_NAME\" --query id -o tsv)\"",
    ),
    example(
        "kv-set",
        "A value that stands on no command line, as soon as a new role lets it in",
        "printf %s \"$password\" | kv-set db-password --wait-for-access 10m",
    ),
    example(
        "kv-set",
        "A file, byte for byte",
        "kv-set tls-key --value-file key.pem --content-type application/x-pem-file",
    ),
    example(
        "kv-set",
        "A file that is no text",
        "kv-set certificate --value-file cert.pfx --encoding base64",
    ),
    example(
        "kv-set",
        "A secret for each variable of a file, where it differs",
        "kv-set --from .env --only-changed",
    ),
    example(
        "kv-set",
        "Many, of JSON lines; run again, it goes on where it stopped",
        "printf '{\"name\": \"%s\", \"value\": \"v\"}\\n' one two three | kv-set - --skip-existing --fail-fast",
    ),
    example(
        "kv-set",
        "When a secret expires, without a new version of it",
        "kv-set db-password --attributes-only --expires 2030-12-31T00:00:00Z",
    ),
    example(
        "kv-get",
        "A value alone",
        "kv-get db-password --query value -o tsv",
    ),
    example("kv-get", "The names of a vault", "kv-get --list -o table"),
    example(
        "kv-get",
        "What expires before a date",
        "kv-get --list --query \"[?attributes.expires<'2031-01-01'].name\" -o tsv",
    ),
    example(
        "kv-get",
        "The versions of a secret",
        "kv-get db-password --list-versions -o table",
    ),
    example(
        "kv-get",
        "Secrets as variables of a shell",
        "kv-get --env db-password tls-key > secrets.env && set -a && . ./secrets.env && set +a",
    ),
    example(
        "kv-get",
        "A backup that only Key Vault can read",
        "kv-get db-password --backup db-password.backup",
    ),
    example(
        "az-cleanup secret delete",
        "Delete a secret; it can be recovered",
        "az-cleanup secret delete --name db-password --yes",
    ),
    example(
        "kv-get",
        "When deleted secrets will be gone",
        "kv-get --deleted --query '[].{Name:name, Gone:scheduledPurgeDate}' -o table",
    ),
    example(
        "az-cleanup secret recover",
        "Bring a secret back with all its versions",
        "az-cleanup secret recover --name db-password",
    ),
    example(
        "az-cleanup secret purge",
        "Remove a secret for good",
        "az-cleanup secret delete --name db-password --yes && az-cleanup secret purge --name db-password --yes",
    ),
    example(
        "kv-set",
        "A backup, back into a vault",
        "kv-set --restore db-password.backup",
    ),
    example(
        "az-role assignment list",
        "Who may do what with a vault",
        "az-role assignment list --scope \"$(az-provision keyvault show -n \"$KEY_VAULT_NAME\" --query id -o tsv)\" -o table",
    ),
    example(
        "az-role assignment delete",
        "Take a machine's right away",
        "az-role assignment delete --assignee \"$(az-identity vm show -g go-on-azure -n go-on-azure-vm --query principalId -o tsv)\" --role 'Key Vault Secrets Officer' --scope \"$(az-provision keyvault show -n \"$KEY_VAULT_NAME\" --query id -o tsv)\" --yes",
    ),
    example(
        "az-identity vm remove",
        "Take an identity from a machine",
        "az-identity vm remove -g go-on-azure -n go-on-azure-vm --identities GoUserIdentity",
    ),
    example(
        "az-identity delete",
        "Delete an identity",
        "az-identity delete -g go-on-azure -n GoUserIdentity",
    ),
    example(
        "az-cleanup keyvault delete",
        "Delete a vault; it can be recovered",
        "az-cleanup keyvault delete -n \"$KEY_VAULT_NAME\"",
    ),
    example(
        "az-cleanup keyvault list-deleted",
        "When deleted vaults will be gone",
        "az-cleanup keyvault list-deleted --query '[].{Vault:name, Gone:properties.scheduledPurgeDate}' -o table",
    ),
    example(
        "az-cleanup keyvault recover",
        "Bring a vault back with its secrets",
        "az-cleanup keyvault recover -n \"$KEY_VAULT_NAME\"",
    ),
    example(
        "az-cleanup keyvault purge",
        "Remove a vault for good",
        "az-cleanup keyvault delete -n \"$KEY_VAULT_NAME\" && az-cleanup keyvault purge -n \"$KEY_VAULT_NAME\" --yes",
    ),
    example(
        "az-cleanup group delete",
        "Delete a group with everything in it, machines by force",
        "az-cleanup group delete -n go-on-azure --force-deletion-types Microsoft.Compute/virtualMachines --yes",
    ),
    example(
        "az-cleanup all",
        "A group that is gone or not, and the vaults that were in it, for good",
        "az-cleanup all -g at-once --yes",
    ),
];

/// The examples of a command, as its help ends with them; empty where it has none.
pub fn help(command: &str) -> String {
    let own = EXAMPLES.iter().filter(|example| example.command == command);
    let mut text = String::new();
    for example in own {
        let lead = if text.is_empty() { "Examples:\n" } else { "\n" };
        let _ = write!(
            text,
            "{lead}  {}\n      {}",
            example.what,
            broken(example.line)
        );
    }
    text
}

/// A line in a help of 80 columns: broken before flags and pipes, as a shell goes on behind a backslash.
pub fn broken(line: &str) -> String {
    const LONGEST: usize = 70;
    let mut lines = vec![String::new()];
    let mut rest = line;
    let mut open = Vec::new();
    while !rest.is_empty() {
        let end = piece(rest, &mut open);
        let (piece, after) = rest.split_at(end);
        let last = lines.last().map_or(0, |last| last.chars().count());
        if last > 0 && last + piece.trim_end().chars().count() > LONGEST {
            lines.push(String::new());
        }
        if let Some(last) = lines.last_mut() {
            last.push_str(piece);
        }
        rest = after;
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    lines.join(" \\\n        ")
}

/// Where the next piece of a line begins, which a line end may stand before, and in which quotes and substitutions that
/// is: at a flag or a pipe outside of quotes, or in a `$(…)`, where quotes begin anew.
fn piece(line: &str, open: &mut Vec<u8>) -> usize {
    let bytes = line.as_bytes();
    for (at, byte) in bytes.iter().enumerate().skip(1) {
        match (open.last(), byte) {
            (Some(b'\''), byte) if *byte != b'\'' => {}
            (Some(last), byte) if last == byte => drop(open.pop()),
            (_, b'(') if bytes[at - 1] == b'$' => open.push(b')'),
            (Some(b'"'), _) => {}
            (_, b'\'' | b'"') => open.push(*byte),
            (_, b' ') => {
                let next = &line[at + 1..];
                if next.starts_with('-')
                    || next.starts_with("| ")
                    || next.starts_with("&& ")
                    || next.starts_with("|| ")
                {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_before_flags_and_means_the_same() {
        for example in EXAMPLES {
            let broken = broken(example.line);
            assert_eq!(broken.replace(" \\\n        ", " "), example.line);
        }
        let text = help("az-provision vm create");
        assert!(text.starts_with("Examples:\n  A machine that you sign in to with a key\n      az-provision vm create -g go-on-azure"));
        assert_eq!(help("nothing"), "");
        let line = "az-role assignment create --role 'Key Vault Secrets Officer' --scope \"$(az-provision keyvault show -n \"$KEY_VAULT_NAME\" --query id -o tsv)\" -o none";
        assert!(
            broken(line).contains("\"$KEY_VAULT_NAME\" --query id \\\n        -o tsv)\" -o none"),
            "{}",
            broken(line)
        );
    }
}
