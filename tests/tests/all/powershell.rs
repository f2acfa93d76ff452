//! The tutorial's PowerShell commands by our tools: `docs/powershell.md` is written from the rows here, and each row is
//! a test that runs the command that stands in the document.

use end_to_end::{Azure, GROUP, IDENTITY, OFFICER, PASSWORD, SIZE, VAULT, VM};
use predicates::{prelude::*, str::contains};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// A row of the document.
struct Row {
    /// The test's name.
    test: &'static str,
    /// The tutorial's lines; empty where the row shows how to get what Azure PowerShell does and `az` does not.
    powershell: &'static [&'static str],
    /// Our command, as a shell reads it, with the vault's name in `KEY_VAULT_NAME`.
    ours: &'static str,
    does: &'static str,
    /// What is there before the command.
    before: fn() -> Azure,
    /// What a person types at the prompts.
    answers: &'static [(&'static str, &'static str)],
    /// Looks at what the command printed and did.
    after: fn(&Azure, &str),
}

/// A test for each row, which runs the row's command.
macro_rules! tests {
    ($($test:ident),+ $(,)?) => {
        const TESTS: &[&str] = &[$(stringify!($test)),+];
        $(
            #[test]
            fn $test() {
                run(stringify!($test));
            }
        )+
    };
}

tests!(
    a_group_is_created,
    a_machine_is_created_with_a_password_that_is_asked_for,
    a_vault_is_created,
    the_system_assigned_identity_is_assigned,
    a_user_assigned_identity_is_created_and_assigned,
    the_machines_principal_and_the_vault_are_found_by_name_alone,
    the_user_assigned_identitys_principal_is_given_the_role,
    the_public_address_is_read,
    the_group_is_removed,
    the_removed_vault_is_purged,
    the_network_has_the_names_of_powershell,
    only_the_given_ports_are_open,
    the_system_assigned_identity_replaces_the_others,
    a_user_assigned_identity_replaces_the_system_assigned_one,
);

const ROWS: &[Row] = &[
    Row {
        test: "a_group_is_created",
        powershell: &["New-AzResourceGroup -Name go-on-azure -Location eastus"],
        ours: "az-provision group create --name go-on-azure --location eastus",
        does: "Creates the group. One that is there in that location is kept, without a question; `New-AzResourceGroup` \
               asks whether to update it.",
        before: Azure::start,
        answers: &[],
        after: |azure, _| {
            let groups = azure.json("az-provision group list --query [].[name,location]");
            assert_eq!(groups, json!([[GROUP, "eastus"]]));
        },
    },
    Row {
        test: "a_machine_is_created_with_a_password_that_is_asked_for",
        powershell: &[
            "$adminUsername = 'azureuser'",
            "$adminPassword = Read-Host -Prompt 'Enter a Password' -AsSecureString",
            "$credParams = @{",
            "TypeName = 'System.Management.Automation.PSCredential'",
            "ArgumentList = $adminUsername, $adminPassword",
            "}",
            "$credential = New-Object @credParams",
            "$vmParams = @{",
            "ResourceGroupName = 'go-on-azure'",
            "Location = 'eastus'",
            "Image = 'canonical:0001-com-ubuntu-server-jammy:22_04-lts:latest'",
            "Name = 'go-on-azure-vm'",
            "PublicIpAddressName = 'go-on-azure-vm'",
            "OpenPorts = 22",
            "Credential = $credential",
            "}",
            "New-AzVM @vmParams",
        ],
        ours: "az-provision vm create --resource-group go-on-azure --location eastus --name go-on-azure-vm \
               --image canonical:0001-com-ubuntu-server-jammy:22_04-lts:latest --size Standard_D2s_v3 \
               --public-ip-address go-on-azure-vm --open-ports 22 --admin-username azureuser --authentication-type password",
        does: "Asks for the password twice, without echo, and creates the machine with its network. The size is the one \
               that `New-AzVM` takes by itself; without `--size` it is `az`'s, Standard_D2s_v5.",
        before: || Azure::start().with_group(),
        answers: &[
            ("Password for azureuser: ", PASSWORD),
            ("The same again: ", PASSWORD),
        ],
        after: |azure, screen| {
            assert!(!screen.contains(PASSWORD), "{screen}");
            assert!(!azure.log_text().contains(PASSWORD));
            assert_eq!(
                azure.json(&format!(
                    "az-provision vm show -g {GROUP} -n {VM} --query [osProfile.adminUsername,hardwareProfile.vmSize,osProfile.linuxConfiguration.disablePasswordAuthentication]"
                )),
                json!(["azureuser", SIZE, false])
            );
            assert!(made(azure, "publicIPAddresses/go-on-azure-vm").is_some());
            assert_eq!(open_ports(azure, "go-on-azure-vmNSG"), ["22"]);
        },
    },
    Row {
        test: "a_vault_is_created",
        powershell: &[
            "New-AzKeyVault -ResourceGroupName go-on-azure -Name <keyVaultName> -Location eastus -EnableRbacAuthorization",
        ],
        ours: "az-provision keyvault create --resource-group go-on-azure --name \"$KEY_VAULT_NAME\" --location eastus \
               --enable-rbac-authorization",
        does: "Creates the vault, which asks Azure RBAC who may do what. One that is there with the same settings is \
               kept; `New-AzKeyVault` fails.",
        before: || Azure::start().with_group(),
        answers: &[],
        after: |azure, _| {
            assert_eq!(
                azure.json(&format!(
                    "az-provision keyvault show -n {VAULT} --query [resourceGroup,location,properties.enableRbacAuthorization]"
                )),
                json!([GROUP, "eastus", true])
            );
        },
    },
    Row {
        test: "the_system_assigned_identity_is_assigned",
        powershell: &[
            "$vm = Get-AzVM -ResourceGroupName go-on-azure -Name go-on-azure-vm",
            "Update-AzVM -ResourceGroupName go-on-azure -VM $vm -IdentityType SystemAssigned",
        ],
        ours: "az-identity vm assign -g go-on-azure -n go-on-azure-vm",
        does: "Gives the machine its own identity, besides those that it has.",
        before: || Azure::start().with_group().with_vm(),
        answers: &[],
        after: |azure, _| assert_eq!(identity(azure)["type"], "SystemAssigned"),
    },
    Row {
        test: "a_user_assigned_identity_is_created_and_assigned",
        powershell: &[
            "$userIdentity = New-AzUserAssignedIdentity -ResourceGroupName go-on-azure -Name GoUserIdentity -Location eastus",
            "$vm = Get-AzVM -ResourceGroupName go-on-azure -Name go-on-azure-vm",
            "Update-AzVM -ResourceGroupName go-on-azure -VM $vm -IdentityType UserAssigned -IdentityId $userIdentity.Id",
        ],
        ours: "az-identity vm assign -g go-on-azure -n go-on-azure-vm \
               --identities \"$(az-identity create -g go-on-azure -n GoUserIdentity -l eastus --query id -o tsv)\"",
        does: "Creates the identity and gives it to the machine, by its id, besides those that it has.",
        before: || Azure::start().with_group().with_vm(),
        answers: &[],
        after: |azure, _| {
            let identity = identity(azure);
            assert_eq!(identity["type"], "UserAssigned");
            assert_eq!(user_assigned(&identity), [IDENTITY]);
        },
    },
    Row {
        test: "the_machines_principal_and_the_vault_are_found_by_name_alone",
        powershell: &[
            "$systemIdentityParams = @{",
            "ObjectId = (Get-AzVM -Name go-on-azure-vm).Identity.PrincipalId",
            "RoleDefinitionName = 'Key Vault Secrets Officer'",
            "Scope = (Get-AzKeyVault -Name <keyVaultName>).ResourceId",
            "}",
            "New-AzRoleAssignment @systemIdentityParams",
        ],
        ours: "az-role assignment create \
               --assignee-object-id \"$(az-identity vm show -n go-on-azure-vm --query principalId -o tsv)\" \
               --role \"Key Vault Secrets Officer\" \
               --scope \"$(az-provision keyvault show -n \"$KEY_VAULT_NAME\" --query id -o tsv)\"",
        does: "Finds the machine and the vault in the whole subscription, by name, and assigns the role. Of several \
               machines with that name none is taken: they are named, exit 2. An assignment that is there is no error.",
        before: || {
            let azure = Azure::start().with_group().with_vault().with_vm();
            // Another group and another machine: the name alone must tell them apart.
            azure
                .run("az-provision group create -n elsewhere -l westeurope")
                .assert()
                .success();
            azure.create_vm("go-on-azure-vm2");
            azure
                .run(&format!("az-identity vm assign -g {GROUP} -n {VM}"))
                .assert()
                .success();
            azure
        },
        answers: &[],
        after: |azure, _| {
            assert_eq!(officers(azure), [identity(azure)["principalId"].clone()]);
            let second = format!(
                "az-provision vm create -g elsewhere -n {VM} --size {SIZE} --admin-username azureuser --admin-password-file -"
            );
            azure.run(&second).write_stdin(PASSWORD).assert().success();
            azure
                .run(&format!("az-identity vm show -n {VM}"))
                .assert()
                .code(2)
                .stdout("")
                .stderr(contains(GROUP).and(contains("elsewhere")));
        },
    },
    Row {
        test: "the_user_assigned_identitys_principal_is_given_the_role",
        powershell: &[
            "$userIdentityParams = @{",
            "ObjectId = (Get-AzUserAssignedIdentity -Name GoUserIdentity -ResourceGroupName go-on-azure).PrincipalId",
            "RoleDefinitionName = 'Key Vault Secrets Officer'",
            "Scope = (Get-AzKeyVault -Name <keyVaultName>).ResourceId",
            "}",
            "New-AzRoleAssignment @userIdentityParams",
        ],
        ours: "az-role assignment create \
               --assignee-object-id \"$(az-identity show -n GoUserIdentity -g go-on-azure --query principalId -o tsv)\" \
               --role \"Key Vault Secrets Officer\" \
               --scope \"$(az-provision keyvault show -n \"$KEY_VAULT_NAME\" --query id -o tsv)\"",
        does: "Assigns the role to the user-assigned identity.",
        before: || {
            let azure = Azure::start().with_group().with_vault();
            create_identity(&azure);
            azure
        },
        answers: &[],
        after: |azure, _| {
            let shown = azure.json(&format!("az-identity show -g {GROUP} -n {IDENTITY}"));
            assert_eq!(officers(azure), [shown["principalId"].clone()]);
        },
    },
    Row {
        test: "the_public_address_is_read",
        powershell: &[
            "(Get-AzVM -ResourceGroupName go-on-azure -VMName go-on-azure-vm | Get-AzPublicIpAddress).IpAddress",
        ],
        ours: "az-provision vm show -d -g go-on-azure -n go-on-azure-vm --query publicIps -o tsv",
        does: "Prints the machine's public IP address, whatever the address resource is called.",
        before: || Azure::start().with_group().with_vm(),
        answers: &[],
        after: |_, printed| {
            let address: std::net::Ipv4Addr = printed.trim_end().parse().expect("an address");
            assert!(address.octets().starts_with(&[198]), "{address}");
        },
    },
    Row {
        test: "the_group_is_removed",
        powershell: &["Remove-AzResourceGroup -Name go-on-azure -Force"],
        ours: "az-cleanup group delete --name go-on-azure --yes",
        does: "Deletes the group with all that is in it, without a question, and waits. The vault is soft-deleted.",
        before: || Azure::start().with_group().with_vault().with_vm(),
        answers: &[],
        after: |azure, printed| {
            assert_eq!(printed, "");
            assert_eq!(azure.json("az-provision group list"), json!([]));
            let deleted = azure.json("az-cleanup keyvault list-deleted --query [].name");
            assert_eq!(deleted, json!([VAULT]));
        },
    },
    Row {
        test: "the_removed_vault_is_purged",
        powershell: &["Remove-AzKeyVault -Name '<keyVaultName>' -InRemovedState -Force"],
        ours: "az-cleanup keyvault purge --name \"$KEY_VAULT_NAME\"",
        does: "Finds where the deleted vault was, purges it and waits; `--no-wait` does not. Its name is free then.",
        before: || {
            let azure = Azure::start().with_group().with_vault();
            azure
                .run(&format!("az-cleanup group delete -n {GROUP} --yes"))
                .assert()
                .success();
            azure
        },
        answers: &[],
        after: |azure, _| {
            assert_eq!(azure.json("az-cleanup keyvault list-deleted"), json!([]));
        },
    },
    Row {
        test: "the_network_has_the_names_of_powershell",
        powershell: &[],
        ours: "az-provision vm create -g go-on-azure -n go-on-azure-vm --size Standard_D2s_v3 \
               --vnet-name go-on-azure-vm --vnet-address-prefix 192.168.0.0/16 \
               --subnet go-on-azure-vm --subnet-address-prefix 192.168.1.0/24 \
               --nsg go-on-azure-vm --public-ip-address go-on-azure-vm \
               --admin-username azureuser --admin-password-file password.txt",
        does: "The names and address ranges that `New-AzVM` gives to the virtual network, subnet, security group and \
               public address. The network interface is still called go-on-azure-vmVMNic.",
        before: || {
            let azure = Azure::start().with_group();
            password_file(&azure);
            azure
        },
        answers: &[],
        after: |azure, _| {
            for (kind, name) in [
                ("virtualNetworks", VM),
                ("networkSecurityGroups", VM),
                ("publicIPAddresses", VM),
                ("networkInterfaces", "go-on-azure-vmVMNic"),
            ] {
                assert!(made(azure, &format!("{kind}/{name}")).is_some(), "{kind}");
            }
            let network =
                &made(azure, "virtualNetworks/go-on-azure-vm").expect("a network")["properties"];
            assert_eq!(
                network["addressSpace"]["addressPrefixes"],
                json!(["192.168.0.0/16"])
            );
            let subnet = &network["subnets"][0];
            assert_eq!(subnet["name"], VM);
            assert_eq!(subnet["properties"]["addressPrefix"], "192.168.1.0/24");
        },
    },
    Row {
        test: "only_the_given_ports_are_open",
        powershell: &[],
        ours: "az-provision vm create -g go-on-azure -n go-on-azure-vm --size Standard_D2s_v3 \
               --nsg-rule NONE --open-ports 80,443 --admin-username azureuser --admin-password-file password.txt",
        does: "Opens these ports and no other, as `-OpenPorts 80,443` does. Without `--nsg-rule NONE` port 22 is open, too.",
        before: || {
            let azure = Azure::start().with_group();
            password_file(&azure);
            azure
        },
        answers: &[],
        after: |azure, _| assert_eq!(open_ports(azure, "go-on-azure-vmNSG"), ["80", "443"]),
    },
    Row {
        test: "the_system_assigned_identity_replaces_the_others",
        powershell: &[],
        ours: "az-identity vm assign -g go-on-azure -n go-on-azure-vm && \
               az-identity vm remove -g go-on-azure -n go-on-azure-vm --identities \
               $(az-identity vm show -g go-on-azure -n go-on-azure-vm --query \"keys(userAssignedIdentities)\" -o tsv)",
        does: "What `Update-AzVM -IdentityType SystemAssigned` does to a machine with user-assigned identities: they are \
               taken away.",
        before: || {
            // Kept apart: an identity is taken away by a null, as `az` sends it, and the published schema of the type,
            // which is made for creation, knows only objects there.
            let azure = Azure::apart().with_group().with_vm();
            create_identity(&azure);
            azure
                .run("az-identity create -g go-on-azure -n another-identity")
                .assert()
                .success();
            azure
                .run(&format!(
                    "az-identity vm assign -g {GROUP} -n {VM} --identities {IDENTITY} another-identity"
                ))
                .assert()
                .success();
            azure
        },
        answers: &[],
        after: |azure, _| {
            let identity = identity(azure);
            assert_eq!(identity["type"], "SystemAssigned");
            assert_eq!(user_assigned(&identity), [""; 0]);
        },
    },
    Row {
        test: "a_user_assigned_identity_replaces_the_system_assigned_one",
        powershell: &[],
        ours: "az-identity vm assign -g go-on-azure -n go-on-azure-vm --identities GoUserIdentity && \
               az-identity vm remove -g go-on-azure -n go-on-azure-vm",
        does: "What `Update-AzVM -IdentityType UserAssigned -IdentityId` does to a machine with a system-assigned \
               identity: it is taken away.",
        before: || {
            let azure = Azure::start().with_group().with_vm();
            create_identity(&azure);
            azure
                .run(&format!("az-identity vm assign -g {GROUP} -n {VM}"))
                .assert()
                .success();
            azure
        },
        answers: &[],
        after: |azure, _| {
            let identity = identity(azure);
            assert_eq!(identity["type"], "UserAssigned");
            assert_eq!(user_assigned(&identity), [IDENTITY]);
        },
    },
];

/// Runs the command of a test's row and looks at what it did.
fn run(test: &str) {
    let row = ROWS
        .iter()
        .find(|row| row.test == test)
        .expect("a row with the test's name");
    let azure = (row.before)();
    let printed = if row.answers.is_empty() {
        let mut shell = azure.shell(row.ours);
        let done = shell.env("KEY_VAULT_NAME", VAULT).assert().success();
        String::from_utf8_lossy(&done.get_output().stdout).into_owned()
    } else {
        at_a_terminal(&azure, row.ours, row.answers)
    };
    (row.after)(&azure, &printed);
}

/// Runs a command at a terminal of its own (util-linux's `script`), answers its questions, and gives all that the
/// terminal showed.
///
/// A question is answered when it stands there and the terminal does not show what is typed.
fn at_a_terminal(azure: &Azure, command: &str, answers: &[(&str, &str)]) -> String {
    let named = azure.scratch().join("terminal");
    let inner = format!("tty >{} && exec {command}", named.display());
    let mut script = Command::new("script");
    script
        .args(["-qec", &inner, "/dev/null"])
        .env_clear()
        .envs(azure.environment(""))
        .env("SHELL", "/bin/sh")
        .env("TERM", "dumb")
        .current_dir(azure.scratch())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = script.spawn().expect("util-linux's script runs");
    let mut keyboard = child.stdin.take().expect("standard input");
    let mut screen = child.stdout.take().expect("standard output");
    let mut shown = Vec::new();
    for (question, answer) in answers {
        while !String::from_utf8_lossy(&shown).ends_with(question) {
            let mut more = [0; 256];
            let read = screen.read(&mut more).expect("the terminal is read");
            let text = String::from_utf8_lossy(&shown);
            assert!(read > 0, "it ended without asking {question:?}: {text}");
            shown.extend_from_slice(&more[..read]);
        }
        let terminal = std::fs::read_to_string(&named).expect("the terminal's name");
        wait_for_no_echo(terminal.trim());
        writeln!(keyboard, "{answer}").expect("the answer is typed");
    }
    screen
        .read_to_end(&mut shown)
        .expect("the terminal is read");
    let shown = String::from_utf8_lossy(&shown).into_owned();
    assert!(child.wait().expect("it ends").success(), "{shown}");
    shown
}

/// Waits until a terminal does not show what is typed.
fn wait_for_no_echo(terminal: &str) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(10) {
        let settings = Command::new("stty")
            .args(["-a", "-F", terminal])
            .output()
            .expect("stty runs");
        let settings = String::from_utf8_lossy(&settings.stdout).into_owned();
        if settings.split_whitespace().any(|word| word == "-echo") {
            return;
        }
    }
    panic!("{terminal} shows what is typed");
}

/// What was sent to make a resource, by the end of its id.
fn made(azure: &Azure, resource: &str) -> Option<Value> {
    let put = azure.log().into_iter().find(|exchange| {
        let url = exchange["url"].as_str().unwrap_or_default();
        exchange["method"] == "PUT"
            && url
                .split('?')
                .next()
                .is_some_and(|path| path.ends_with(&format!("/{resource}")))
    });
    put.map(|exchange| exchange["requestBody"].clone())
}

/// The ports that a security group was made with.
fn open_ports(azure: &Azure, nsg: &str) -> Vec<String> {
    let made = made(azure, &format!("networkSecurityGroups/{nsg}")).expect("a security group");
    let rules = made["properties"]["securityRules"].as_array().cloned();
    rules
        .into_iter()
        .flatten()
        .filter_map(|rule| {
            rule["properties"]["destinationPortRange"]
                .as_str()
                .map(str::to_owned)
        })
        .collect()
}

/// The machine's identities.
fn identity(azure: &Azure) -> Value {
    azure.json(&format!("az-identity vm show -g {GROUP} -n {VM}"))
}

/// The names of the user-assigned ones among them.
fn user_assigned(identity: &Value) -> Vec<&str> {
    let ids = identity["userAssignedIdentities"].as_object();
    ids.into_iter()
        .flat_map(|ids| ids.keys())
        .filter_map(|id| id.rsplit('/').next())
        .collect()
}

/// The principals that hold the tutorial's role on the vault.
fn officers(azure: &Azure) -> Vec<Value> {
    let mut list = azure.tool("az-role");
    list.args(["assignment", "list", "--scope", &azure.vault_id()]);
    list.args(["--role", OFFICER, "--query", "[].principalId"]);
    let found = end_to_end::json(&list.assert().success());
    found.as_array().cloned().unwrap_or_default()
}

fn create_identity(azure: &Azure) {
    azure
        .run(&format!("az-identity create -g {GROUP} -n {IDENTITY}"))
        .assert()
        .success();
}

/// The password in the folder that commands run in.
fn password_file(azure: &Azure) {
    std::fs::write(azure.scratch().join("password.txt"), PASSWORD).expect("a password file");
}

/// The document: what is known of Azure PowerShell, the rows, the differences.
fn document() -> String {
    let code = |text: &str| format!("`{}`", text.replace('|', r"\|"));
    let mut text = "\
# The tutorial's PowerShell commands by our tools

Each command of the tutorial's PowerShell variant, in its order, and ours. Every command in the second column is run, as it
stands here, by the test that is named beside it (`cargo test -p end-to-end --test all powershell`); these tables are written
from the tests' own rows. `KEY_VAULT_NAME` holds the vault's name.

Azure PowerShell itself was not run. What is said of it was read in its source and documentation, named below.

| PowerShell | ours | what ours does | test |
|---|---|---|---|
"
    .to_owned();
    let (tutorial, more): (Vec<&Row>, Vec<&Row>) =
        ROWS.iter().partition(|row| !row.powershell.is_empty());
    for row in tutorial {
        let lines: Vec<String> = row.powershell.iter().map(|line| code(line)).collect();
        let (ours, does, test) = (code(row.ours), row.does, row.test);
        text += &format!("| {} | {ours} | {does} | `{test}` |\n", lines.join("<br>"));
    }
    text += DIFFERENCES;
    text += "\
\n## To get what Azure PowerShell does

| ours | what it does | test |
|---|---|---|
";
    for row in more {
        text += &format!("| {} | {} | `{}` |\n", code(row.ours), row.does, row.test);
    }
    text + SOURCES
}

const DIFFERENCES: &str = "
## Where Azure PowerShell and `az` differ

Ours does what `az` does, but for idempotence, as everywhere.

| | Azure PowerShell | `az` | ours |
|---|---|---|---|
| a group that is there | `New-AzResourceGroup` asks before it writes it again; `-Force` | is written again | is kept [16] |
| password | one question by `Read-Host -AsSecureString` | on the command line, or a question asked twice | a question asked twice, or `--admin-password-file` [1] |
| virtual network | the machine's name, 192.168.0.0/16 | `<machine>VNET`, 10.0.0.0/16 | as `az` [1] |
| subnet | the machine's name, 192.168.1.0/24 | `<machine>Subnet`, 10.0.0.0/24 | as `az` [1] |
| security group | the machine's name | `<machine>NSG` | as `az` [1] |
| network interface | the machine's name | `<machine>VMNic` | as `az` [1] |
| public IP address | `-PublicIpAddressName`; without it none | `<machine>PublicIP` | as `az`; `--public-ip-address \"\"` for none [1] |
| its tier and DNS name | Basic without `-Zone`, in the source that was read; `<machine>-` and six letters | Standard; none | as `az` [1] [2] |
| open ports | those of `-OpenPorts` and no other; without it 22 on Linux, 3389 and 5985 on Windows | 22 on Linux, 3389 on Windows | as `az`, and those of `--open-ports` besides [3] [4] |
| size | Standard_D2s_v3 | Standard_D2s_v5 | as `az` [1] |
| an image's version `latest` | is looked up, and sent as that version | is sent as it is | as `az` [4] |
| New-AzKeyVault -EnableRbacAuthorization | since Az 12 (Az.KeyVault 6) the parameter is gone and RBAC the default; the tutorial's line is for versions before | `--enable-rbac-authorization`, the default | as `az` [5] [6] |
| identities of a machine | `Update-AzVM -IdentityType` sends the whole machine with these identities alone: they replace what it has; `-IdentityId` has to repeat those that are to stay | `az vm identity assign` adds to what the machine has | as `az` [7] [8] [9] |
| a machine by name alone | `Get-AzVM -Name` lists the subscription's machines and gives all that match, wildcards too | `--resource-group` is required | the one machine with that name; more than one is an error that names them [10] |
| a vault by name alone | `Get-AzKeyVault -Name` looks for its group | the same | the same [11] |
| a machine's public address | `Get-AzVM \\| Get-AzPublicIpAddress` hands on name and group: it finds the address resource that is called as the machine, which is why the tutorial names it so | follows the network interface | as `az` [12] |
| removing a group | waits; `-Force` asks nothing | waits; `--yes` | as `az` [13] |
| Remove-AzKeyVault -InRemovedState | `-Location` is mandatory: the tutorial's line asks for it; it is purged by an operation that is waited for | the location is found out; the tutorial's `--no-wait` does not wait | as `az` [14] [15] |
";

const SOURCES: &str = "
## Sources

In the repository Azure/azure-powershell, unless another one is named:

1. `src/Compute/Compute/VirtualMachine/Operation/NewAzureVMCommand.cs`, the simple parameter set;
   in Azure/azure-cli `src/azure-cli/azure/cli/command_modules/vm/custom.py`
2. `src/Compute/Compute/Strategies/Network/PublicIPAddressStrategy.cs`
3. `src/Compute/Compute/Strategies/Network/NetworkSecurityGroupPolicy.cs`
4. `src/Compute/Compute/Strategies/ComputeRp/ImageEx.cs`
5. `src/KeyVault/KeyVault/Commands/KeyVault/NewAzureKeyVault.cs`
6. `src/KeyVault/KeyVault/ChangeLog.md`, in <https://github.com/Azure/azure-powershell/pull/24424>
7. `src/Compute/Compute/VirtualMachine/Operation/UpdateAzureVMCommand.cs`
8. In MicrosoftDocs/azure-docs `articles/active-directory/managed-identities-azure-resources/qs-configure-powershell-windows-vm.md`,
   the warning under \"Assign a user-assigned managed identity to an existing Azure VM\"
9. In Azure/azure-cli `src/azure-cli/azure/cli/command_modules/vm/custom.py`, `assign_vm_identity`
10. `src/Compute/Compute/help/Get-AzVM.md`
11. `src/KeyVault/KeyVault/Commands/GetAzureKeyVault.cs`
12. `src/Network/Network/PublicIpAddress/GetAzurePublicIpAddressCommand.cs`: `Name` and `ResourceGroupName` come from the
    pipeline by property name
13. `src/Resources/ResourceManager/Implementation/ResourceGroups/RemoveAzureResourceGroupCmdlet.cs`
14. `src/KeyVault/KeyVault/Commands/RemoveAzureKeyVault.cs`; <https://learn.microsoft.com/powershell/module/az.keyvault/remove-azkeyvault>
15. `src/KeyVault/KeyVault/Models/VaultManagementClient.cs`, `PurgeVault`
16. `src/Resources/ResourceManager/Implementation/ResourceGroups/NewAzureResourceGroupCmdlet.cs`
";

#[test]
fn each_row_has_its_test() {
    let rows: Vec<&str> = ROWS.iter().map(|row| row.test).collect();
    assert_eq!(rows, TESTS);
}

/// Compares the document with the rows, or writes it where `UPDATE_DOCS` is set.
#[test]
fn the_document_holds_the_commands_that_are_run() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/powershell.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, document()).expect("the document is written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        there,
        document(),
        "docs/powershell.md is not what the tests run: run with UPDATE_DOCS=1"
    );
}

/// What `az-local env --shell pwsh` prints sets what a POSIX shell is given.
#[test]
fn powershell_is_given_the_environment_that_a_posix_shell_is_given() {
    let azure = Azure::start();
    let printed = |shell: &str| {
        let mut command = azure.local();
        let done = command.args(["env", "--shell", shell]).assert().success();
        String::from_utf8_lossy(&done.get_output().stdout).into_owned()
    };
    let names = |text: &str, before: &str, between: &str| -> Vec<String> {
        text.lines()
            .filter_map(|line| line.strip_prefix(before)?.split_once(between))
            .map(|(name, _)| name.to_owned())
            .collect()
    };
    let (posix, pwsh, fish) = (printed("sh"), printed("pwsh"), printed("fish"));
    let set = names(&posix, "export ", "=");
    assert_eq!(names(&pwsh, "$env:", " = "), set);
    assert_eq!(names(&fish, "set -gx ", " "), set);
    let tenant = azure.var("AZURE_TENANT_ID");
    assert!(pwsh.contains(&format!("$env:AZURE_TENANT_ID = '{tenant}'\n")));
    assert!(pwsh.contains("$env:NO_PROXY = ''\n"));
    assert_eq!(
        pwsh.matches("Remove-Item -ErrorAction Ignore Env:").count(),
        posix.matches("unset ").count()
    );
}
