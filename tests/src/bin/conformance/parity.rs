//! The same words, the same answers: each command of the README's table by the real `az` and by ours, on one local
//! Azure, side by side. `docs/az-parity.md` is the result, with every deviation and its reason.

use crate::az::LOGIN;
use crate::clients::{AZ_VERSION, Missing};
use crate::suite::{Case, World};
use crate::tutorial::{Identity, Tutorial};
use end_to_end::http::Client;
use end_to_end::{Azure, OFFICER, PASSWORD, VAULT as VAULT_NAME};
use regex::Regex;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

/// A form in which both print.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    /// `-o json`, the default
    Json,
    /// `--query QUERY -o tsv`
    Tsv(&'static str),
    /// `-o table`
    Table,
}

impl Form {
    fn arguments(self) -> Vec<String> {
        match self {
            Form::Json => vec![],
            Form::Tsv(query) => ["--query", query, "-o", "tsv"].map(str::to_owned).to_vec(),
            Form::Table => ["-o", "table"].map(str::to_owned).to_vec(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Form::Json => "json",
            Form::Tsv(_) => "tsv",
            Form::Table => "table",
        }
    }
}

/// One command, in both tongues. `{…}` are names and ids of the side: `{g}` its group, `{vm}`, `{kv}`, `{id}`
struct Row {
    /// What `az` calls it, without its arguments.
    name: &'static str,
    az: &'static str,
    ours: &'static str,
    forms: &'static [Form],
    /// Ours on both sides before the row, to make what it needs.
    before: &'static str,
}

const READ: &[Form] = &[Form::Json, Form::Table];
const ONCE: &[Form] = &[Form::Json];

const fn row(
    name: &'static str,
    az: &'static str,
    ours: &'static str,
    forms: &'static [Form],
) -> Row {
    Row {
        name,
        az,
        ours,
        forms,
        before: "",
    }
}

impl Row {
    const fn after(mut self, before: &'static str) -> Self {
        self.before = before;
        self
    }
}

const MACHINE: &str = "echo Correct-Horse-1 | az-provision vm create -g {g} -n {vm} --admin-username azureuser --admin-password-file - -o none";
const VAULT: &str = "az-provision keyvault create -g {g} -n {kv} -o none";

/// The stories: each has a local Azure of its own.
static STORIES: &[(&str, &[Row])] = &[
    (
        "group",
        &[
            row(
                "group create",
                "az group create --name {g} --location eastus",
                "az-provision group create --name {g} --location eastus",
                ONCE,
            ),
            row(
                "group create, again",
                "az group create -n {g} -l eastus --tags a=b",
                "az-provision group create -n {g} -l eastus --tags a=b",
                READ,
            ),
            row(
                "group show",
                "az group show -n {g}",
                "az-provision group show -n {g}",
                &[Form::Json, Form::Table, Form::Tsv("location")],
            ),
            row(
                "group show, none",
                "az group show -n none",
                "az-provision group show -n none",
                ONCE,
            ),
            row(
                "group list",
                "az group list",
                "az-provision group list",
                &[Form::Json, Form::Table, Form::Tsv("[].name")],
            ),
            row(
                "group exists",
                "az group exists -n {g}",
                "az-provision group exists -n {g}",
                &[Form::Json, Form::Tsv("@")],
            ),
            row(
                "group wait",
                "az group wait -n {g} --created",
                "az-provision group wait -n {g} --created",
                ONCE,
            ),
            row(
                "group delete, none",
                "az group delete -n none --yes",
                "az-cleanup group delete -n none --yes",
                ONCE,
            ),
            row(
                "group delete",
                "az group delete --name {g} --force-deletion-types Microsoft.Compute/virtualMachines --yes",
                "az-cleanup group delete --name {g} --force-deletion-types Microsoft.Compute/virtualMachines --yes",
                ONCE,
            ),
        ],
    ),
    (
        "vm",
        &[
            row(
                "vm create",
                "az vm create --resource-group {g} --name {vm} --image canonical:0001-com-ubuntu-server-jammy:22_04-lts:latest --admin-username azureuser --admin-password Correct-Horse-1",
                "az-provision vm create --resource-group {g} --name {vm} --image canonical:0001-com-ubuntu-server-jammy:22_04-lts:latest --admin-username azureuser --admin-password Correct-Horse-1",
                ONCE,
            ),
            row(
                "vm create, again",
                "az vm create -g {g} -n {vm} --image canonical:0001-com-ubuntu-server-jammy:22_04-lts:latest --admin-username azureuser --admin-password Correct-Horse-1",
                "az-provision vm create -g {g} -n {vm} --image canonical:0001-com-ubuntu-server-jammy:22_04-lts:latest --admin-username azureuser --admin-password Correct-Horse-1",
                &[Form::Json, Form::Table],
            ),
            row(
                "vm create, bad password",
                "az vm create -g {g} -n bad --image Ubuntu2204 --admin-username azureuser --admin-password short",
                "az-provision vm create -g {g} -n bad --image Ubuntu2204 --admin-username azureuser --admin-password short",
                ONCE,
            ),
            row(
                "vm show",
                "az vm show -g {g} -n {vm}",
                "az-provision vm show -g {g} -n {vm}",
                &[
                    Form::Json,
                    Form::Table,
                    Form::Tsv("storageProfile.imageReference.sku"),
                ],
            ),
            row(
                "vm show -d",
                "az vm show -d -g {g} -n {vm}",
                "az-provision vm show -d -g {g} -n {vm}",
                &[Form::Json, Form::Table, Form::Tsv("publicIps")],
            ),
            row(
                "vm show, none",
                "az vm show -g {g} -n none",
                "az-provision vm show -g {g} -n none",
                ONCE,
            ),
            row(
                "vm list",
                "az vm list -g {g}",
                "az-provision vm list -g {g}",
                READ,
            ),
            row(
                "vm list -d",
                "az vm list -d -g {g}",
                "az-provision vm list -d -g {g}",
                &[
                    Form::Json,
                    Form::Table,
                    Form::Tsv("[].{VM:name,IP:publicIps} | [?VM!='none']"),
                ],
            ),
            row(
                "vm list-ip-addresses",
                "az vm list-ip-addresses -n {vm}",
                "az-provision vm list-ip-addresses -n {vm}",
                READ,
            ),
            row(
                "vm open-port",
                "az vm open-port -g {g} -n {vm} --port 80",
                "az-provision vm open-port -g {g} -n {vm} --port 80",
                ONCE,
            ),
            row(
                "vm wait",
                "az vm wait -g {g} -n {vm} --created",
                "az-provision vm wait -g {g} -n {vm} --created",
                ONCE,
            ),
            row(
                "vm stop",
                "az vm stop -g {g} -n {vm}",
                "az-provision vm stop -g {g} -n {vm}",
                ONCE,
            ),
            row(
                "vm deallocate",
                "az vm deallocate -g {g} -n {vm}",
                "az-provision vm deallocate -g {g} -n {vm}",
                ONCE,
            ),
            row(
                "vm start",
                "az vm start -g {g} -n {vm}",
                "az-provision vm start -g {g} -n {vm}",
                ONCE,
            ),
            row(
                "vm start, none",
                "az vm start -g {g} -n none",
                "az-provision vm start -g {g} -n none",
                ONCE,
            ),
            row(
                "vm restart",
                "az vm restart -g {g} -n {vm}",
                "az-provision vm restart -g {g} -n {vm}",
                ONCE,
            ),
            row(
                "vm run-command invoke",
                "az vm run-command invoke -g {g} -n {vm} --command-id RunShellScript --scripts 'echo $1' --parameters hello",
                "az-provision vm run-command invoke -g {g} -n {vm} --command-id RunShellScript --scripts 'echo $1' --parameters hello",
                &[Form::Json, Form::Tsv("value[0].message")],
            ),
            row(
                "vm list-sizes",
                "az vm list-sizes -l eastus",
                "az-provision vm list-sizes -l eastus",
                &[Form::Json, Form::Table, Form::Tsv("[0].name")],
            ),
            row(
                "vm delete",
                "az vm delete -g {g} -n {vm} --yes",
                "az-provision vm delete -g {g} -n {vm} --yes",
                ONCE,
            ),
            row(
                "vm delete, none",
                "az vm delete -g {g} -n {vm} --yes",
                "az-provision vm delete -g {g} -n {vm} --yes",
                ONCE,
            ),
        ],
    ),
    (
        "keyvault",
        &[
            row(
                "keyvault create",
                "az keyvault create --location eastus --name {kv} --resource-group {g} --enable-rbac-authorization",
                "az-provision keyvault create --location eastus --name {kv} --resource-group {g} --enable-rbac-authorization",
                ONCE,
            ),
            row(
                "keyvault create, again",
                "az keyvault create --location eastus --name {kv} --resource-group {g} --enable-rbac-authorization",
                "az-provision keyvault create --location eastus --name {kv} --resource-group {g} --enable-rbac-authorization",
                ONCE,
            ),
            row(
                "keyvault show",
                "az keyvault show --name {kv}",
                "az-provision keyvault show --name {kv}",
                &[Form::Json, Form::Table, Form::Tsv("id")],
            ),
            row(
                "keyvault show, none",
                "az keyvault show --name kv-none",
                "az-provision keyvault show --name kv-none",
                ONCE,
            ),
            row(
                "keyvault list",
                "az keyvault list -g {g}",
                "az-provision keyvault list -g {g}",
                READ,
            ),
            row(
                "keyvault delete",
                "az keyvault delete -n {kv}",
                "az-cleanup keyvault delete -n {kv}",
                ONCE,
            ),
            row(
                "keyvault list-deleted",
                "az keyvault list-deleted --query \"[?name=='{kv}']\"",
                "az-cleanup keyvault list-deleted --query \"[?name=='{kv}']\"",
                READ,
            ),
            row(
                "keyvault recover",
                "az keyvault recover -n {kv}",
                "az-cleanup keyvault recover -n {kv}",
                ONCE,
            ),
            row(
                "keyvault purge",
                "az keyvault purge --name {kv}",
                "az-cleanup keyvault purge --name {kv}",
                ONCE,
            )
            .after("az-cleanup keyvault delete -n {kv} --yes -o none"),
            row(
                "keyvault purge, none",
                "az keyvault purge --name {kv}",
                "az-cleanup keyvault purge --name {kv}",
                ONCE,
            ),
        ],
    ),
    (
        "identity",
        &[
            row(
                "identity create",
                "az identity create -g {g} -n {id} --tags a=b",
                "az-identity create -g {g} -n {id} --tags a=b",
                ONCE,
            ),
            row(
                "identity create, again",
                "az identity create -g {g} -n {id} --tags a=b",
                "az-identity create -g {g} -n {id} --tags a=b",
                READ,
            ),
            row(
                "identity show",
                "az identity show --resource-group {g} --name {id}",
                "az-identity show --resource-group {g} --name {id}",
                &[Form::Json, Form::Table, Form::Tsv("principalId")],
            ),
            row(
                "identity show, none",
                "az identity show -g {g} -n none",
                "az-identity show -g {g} -n none",
                ONCE,
            ),
            row(
                "identity list",
                "az identity list -g {g}",
                "az-identity list -g {g}",
                READ,
            ),
            row(
                "vm identity show, none",
                "az vm identity show -g {g} -n {vm}",
                "az-identity vm show -g {g} -n {vm}",
                ONCE,
            )
            .after(MACHINE),
            row(
                "vm identity assign",
                "az vm identity assign -g {g} -n {vm}",
                "az-identity vm assign -g {g} -n {vm}",
                ONCE,
            ),
            row(
                "vm identity assign --identities",
                "az vm identity assign -g {g} -n {vm} --identities {id}",
                "az-identity vm assign -g {g} -n {vm} --identities {id}",
                READ,
            ),
            row(
                "vm identity show",
                "az vm identity show --name {vm} --resource-group {g}",
                "az-identity vm show --name {vm} --resource-group {g}",
                &[Form::Json, Form::Table, Form::Tsv("principalId")],
            ),
            row(
                "vm identity remove --identities",
                "az vm identity remove -g {g} -n {vm} --identities {id}",
                "az-identity vm remove -g {g} -n {vm} --identities {id}",
                ONCE,
            ),
            row(
                "vm identity remove",
                "az vm identity remove -g {g} -n {vm}",
                "az-identity vm remove -g {g} -n {vm}",
                ONCE,
            ),
            row(
                "identity delete",
                "az identity delete -g {g} -n {id}",
                "az-identity delete -g {g} -n {id}",
                ONCE,
            ),
            row(
                "identity delete, none",
                "az identity delete -g {g} -n {id}",
                "az-identity delete -g {g} -n {id}",
                ONCE,
            ),
        ],
    ),
    (
        "role",
        &[
            row(
                "role assignment create",
                "az role assignment create --assignee {principal} --role 'Key Vault Secrets Officer' --scope {scope}",
                "az-role assignment create --assignee {principal} --role 'Key Vault Secrets Officer' --scope {scope}",
                ONCE,
            ),
            row(
                "role assignment create, again",
                "az role assignment create --assignee {principal} --role 'Key Vault Secrets Officer' --scope {scope}",
                "az-role assignment create --assignee {principal} --role 'Key Vault Secrets Officer' --scope {scope}",
                ONCE,
            ),
            row(
                "role assignment create, unknown role",
                "az role assignment create --assignee {principal} --role 'No Such Role' --scope {scope}",
                "az-role assignment create --assignee {principal} --role 'No Such Role' --scope {scope}",
                ONCE,
            ),
            row(
                "role assignment list",
                "az role assignment list --scope {scope}",
                "az-role assignment list --scope {scope}",
                &[Form::Json, Form::Table, Form::Tsv("[0].principalId")],
            ),
            row(
                "role assignment list --assignee",
                "az role assignment list --assignee {principal} --all",
                "az-role assignment list --assignee {principal} --all",
                READ,
            ),
            row(
                "role assignment delete",
                "az role assignment delete --assignee {principal} --role 'Key Vault Secrets Officer' --scope {scope}",
                "az-role assignment delete --assignee {principal} --role 'Key Vault Secrets Officer' --scope {scope}",
                ONCE,
            ),
            row(
                "role assignment delete, none",
                "az role assignment delete --assignee {principal} --role 'Key Vault Secrets Officer' --scope {scope}",
                "az-role assignment delete --assignee {principal} --role 'Key Vault Secrets Officer' --scope {scope}",
                ONCE,
            ),
            row(
                "role definition list --name",
                "az role definition list --name 'Key Vault Secrets Officer'",
                "az-role definition list --name 'Key Vault Secrets Officer'",
                &[Form::Json, Form::Table, Form::Tsv("[0].name")],
            ),
            row(
                "role definition show",
                "az role definition show --scope {scope} --name b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
                "az-role definition show --scope {scope} --name b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
                READ,
            ),
        ],
    ),
    (
        "secret",
        &[
            row(
                "keyvault secret set",
                "az keyvault secret set --vault-name {kv} -n s --value one --tags a=b --content-type text/plain --expires 2030-01-02T03:04:05Z",
                "kv-set s --vault-name {kv} --value one --tags a=b --content-type text/plain --expires 2030-01-02T03:04:05Z --show-value",
                ONCE,
            ),
            row(
                "keyvault secret set, again",
                "az keyvault secret set --vault-name {kv} -n s --value two",
                "kv-set s --vault-name {kv} --value two --show-value",
                ONCE,
            ),
            row(
                "keyvault secret show",
                "az keyvault secret show --vault-name {kv} --name s",
                "kv-get s --vault-name {kv}",
                &[Form::Json, Form::Table, Form::Tsv("value")],
            )
            .after("printf three | kv-set s --vault-name {kv} -o none"),
            row(
                "keyvault secret show, none",
                "az keyvault secret show --vault-name {kv} --name none",
                "kv-get none --vault-name {kv}",
                ONCE,
            ),
            row(
                "keyvault secret list",
                "az keyvault secret list --vault-name {kv}",
                "kv-get --list --vault-name {kv}",
                &[Form::Json, Form::Table, Form::Tsv("[].name")],
            ),
            row(
                "keyvault secret list-versions",
                "az keyvault secret list-versions --vault-name {kv} --name v",
                "kv-get v --list-versions --vault-name {kv}",
                &[Form::Json, Form::Table, Form::Tsv("length(@)")],
            )
            .after(
                "for value in one two; do echo $value | kv-set v --vault-name {kv} -o none; done",
            ),
            row(
                "keyvault secret set-attributes",
                "az keyvault secret set-attributes --vault-name {kv} -n v --expires 2031-01-02T03:04:05Z --tags c=d --content-type text/plain",
                "kv-set --attributes-only --vault-name {kv} -n v --expires 2031-01-02T03:04:05Z --tags c=d --content-type text/plain",
                READ,
            ),
            row(
                "keyvault secret backup",
                "az keyvault secret backup --vault-name {kv} -n v --file {kv}.backup",
                "kv-get --backup {kv}.backup --vault-name {kv} -n v",
                ONCE,
            ),
            row(
                "keyvault secret delete",
                "az keyvault secret delete --vault-name {kv} -n v",
                "az-cleanup secret delete --vault-name {kv} -n v",
                ONCE,
            ),
            row(
                "keyvault secret delete, none",
                "az keyvault secret delete --vault-name {kv} -n none",
                "az-cleanup secret delete --vault-name {kv} -n none",
                ONCE,
            ),
            row(
                "keyvault secret show-deleted",
                "az keyvault secret show-deleted --vault-name {kv} -n v",
                "kv-get --deleted --vault-name {kv} -n v",
                READ,
            ),
            row(
                "keyvault secret list-deleted",
                "az keyvault secret list-deleted --vault-name {kv}",
                "kv-get --deleted --vault-name {kv}",
                &[Form::Json, Form::Table, Form::Tsv("[].name")],
            ),
            row(
                "keyvault secret recover",
                "az keyvault secret recover --vault-name {kv} -n v",
                "az-cleanup secret recover --vault-name {kv} -n v",
                ONCE,
            ),
            row(
                "keyvault secret recover, none",
                "az keyvault secret recover --vault-name {kv} -n none",
                "az-cleanup secret recover --vault-name {kv} -n none",
                ONCE,
            ),
            row(
                "keyvault secret purge",
                "az keyvault secret purge --vault-name {kv} -n v",
                "az-cleanup secret purge --vault-name {kv} -n v",
                ONCE,
            )
            .after("az-cleanup secret delete --vault-name {kv} -n v -o none"),
            row(
                "keyvault secret purge, none",
                "az keyvault secret purge --vault-name {kv} -n v",
                "az-cleanup secret purge --vault-name {kv} -n v",
                ONCE,
            ),
            row(
                "keyvault secret restore",
                "az keyvault secret restore --vault-name {kv} --file {kv}.backup",
                "kv-set --restore {kv}.backup --vault-name {kv}",
                ONCE,
            ),
        ],
    ),
];

/// Deviations that are meant: of a row, in a form (or `exit`), and why.
const MEANT: &[(&str, &str, &str)] = &[
    (
        "vm create, bad password",
        "exit",
        "bad input is 2, and nothing was sent; az ends with 1",
    ),
    (
        "keyvault create, again",
        "exit",
        "what is there already is no error; az ends with 1",
    ),
    (
        "keyvault create, again",
        "json",
        "the vault that is there is printed; az prints nothing",
    ),
    (
        "keyvault show, none",
        "exit",
        "what is not found is 3; az ends with 1 where it looks for a vault by name",
    ),
    (
        "keyvault purge, none",
        "exit",
        "what is not found is 3; az ends with 1 where it looks for a vault by name",
    ),
    (
        "role assignment create, unknown role",
        "exit",
        "what is not found is 3; az ends with 1",
    ),
    (
        "role assignment create, again",
        "json",
        "the second run prints what the first did; az prints the assignment as its list does, with names and without \
         what is null",
    ),
    (
        "role assignment delete, none",
        "exit",
        "what is gone already is no error; az ends with 1",
    ),
    (
        "keyvault secret set",
        "json",
        "az tags each value with the encoding that it read it in; ours sets the tags that were asked for",
    ),
    (
        "keyvault secret set, again",
        "json",
        "az tags each value with the encoding that it read it in; ours sets the tags that were asked for",
    ),
    (
        "keyvault secret delete, none",
        "exit",
        "what is gone already is no error; az ends with 1",
    ),
    (
        "keyvault secret recover, none",
        "exit",
        "what is not found is 3; az ends with 1",
    ),
    (
        "keyvault secret purge, none",
        "exit",
        "what is gone already is no error; az ends with 1",
    ),
    (
        "vm restart",
        "json",
        "ours prints nothing, as for the machine's other actions; az prints the status of the operation",
    ),
];

/// What came of a row: its deviations by form, each with what both printed.
#[derive(Clone, Default)]
struct Compared {
    exit: (i32, i32),
    deviations: Vec<(&'static str, String)>,
}

type Results = Arc<OnceLock<Result<HashMap<&'static str, Compared>, Missing>>>;

/// All rows that were compared in this run, for the document.
static COMPARED: LazyLock<Mutex<HashMap<&'static str, Compared>>> = LazyLock::new(Mutex::default);

pub(crate) fn cases() -> Vec<Case> {
    let mut firsts = Vec::new();
    let mut rest = Vec::new();
    for (_, rows) in STORIES {
        let results = Results::default();
        for (at, row) in rows.iter().enumerate() {
            let results = Arc::clone(&results);
            let case = Case::new(
                format!("parity/{}", row.name.replace(", ", "-").replace(' ', "-")),
                move |world| {
                    let results = results.get_or_init(|| tell(world, rows));
                    let compared = results
                        .as_ref()
                        .map_err(Clone::clone)?
                        .get(row.name)
                        .cloned()
                        .unwrap_or_default();
                    COMPARED
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .insert(row.name, compared.clone());
                    judge(row, &compared);
                    Ok(())
                },
            );
            // The stories begin one after another, so that each core has one.
            if at == 0 {
                firsts.push(case)
            } else {
                rest.push(case)
            }
        }
    }
    firsts.append(&mut rest);
    firsts.push(Case::new("parity/whole-tutorial", whole_tutorial));
    firsts.push(Case::new("parity/powershell-document", |_| powershell()));
    firsts.push(Case::last("parity/document", documented));
    firsts
}

/// Every line of the tutorial's PowerShell stands in the document that says what ours is.
fn powershell() -> Result<(), Missing> {
    let tutorial = Tutorial::read()?;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/powershell.md");
    let document = std::fs::read_to_string(path).expect("a document");
    let lines = tutorial.powershell();
    assert!(!lines.is_empty(), "the tutorial has no PowerShell");
    for line in lines {
        let cell = format!("`{}`", line.replace('|', r"\|"));
        assert!(document.contains(&cell), "docs/powershell.md lacks {line}");
    }
    Ok(())
}

/// Fails on a deviation that is not meant, and on one that is meant and is not there.
fn judge(row: &Row, compared: &Compared) {
    let mut wrong = String::new();
    for (form, what) in &compared.deviations {
        if !MEANT
            .iter()
            .any(|(name, meant, _)| name == &row.name && meant == form)
        {
            wrong += &format!("{form}: {what}\n");
        }
    }
    for (name, form, _) in MEANT {
        if *name == row.name && !compared.deviations.iter().any(|(there, _)| there == form) {
            wrong += &format!("{form}: a deviation is named that is not there\n");
        }
    }
    assert!(wrong.is_empty(), "{}\n{}\n{wrong}", row.az, row.ours);
}

/// Whose turn it is.
struct Side {
    values: HashMap<&'static str, String>,
    az: bool,
}

impl Side {
    fn new(az: bool) -> Self {
        let suffix = if az { "az" } else { "rs" };
        let values = [
            ("g", "group"),
            ("vm", "machine"),
            ("kv", "kv-parity"),
            ("id", "identity"),
        ];
        let values = values.map(|(name, value)| (name, format!("{value}-{suffix}")));
        Side {
            values: values.into_iter().collect(),
            az,
        }
    }

    fn fill(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.values {
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
        filled
    }

    /// What is the side's own, or made anew each time, made the same.
    fn mask(&self, text: &str) -> String {
        static MASKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
            let mask = |pattern: &str, with| (Regex::new(pattern).expect("a pattern"), with);
            vec![
                mask(
                    "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
                    "00000000-0000-0000-0000-000000000000",
                ),
                mask(r"\b[0-9a-f]{32}\b|_[0-9a-f]{32}\b", "HEX32"),
                mask(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", "TIME"),
                mask(r"00-0D-3A(-[0-9A-F]{2}){3}", "MAC"),
                mask(r"[0-9a-z]+\.bx\.internal\.cloudapp\.net", "SUFFIX"),
                mask(r"198\.1[89]\.\d+\.\d+", "ADDRESS"),
            ]
        });
        // A list of everything has both sides in it.
        let mut text = text.replace("-az", "-@@").replace("-rs", "-@@");
        for (pattern, with) in MASKS.iter() {
            text = pattern.replace_all(&text, *with).into_owned();
        }
        text
    }
}

/// Runs a story's rows on both sides.
fn tell(world: &World, rows: &'static [Row]) -> Result<HashMap<&'static str, Compared>, Missing> {
    let azure = world.azure();
    world.script(&azure, LOGIN)?;
    let mut sides = [Side::new(true), Side::new(false)];
    let whole = rows.iter().map(|row| row.az).collect::<String>();
    for side in &mut sides {
        if !rows[0].name.starts_with("group") {
            azure
                .shell(&side.fill("az-provision group create -n {g} -l eastus -o none"))
                .assert()
                .success();
        }
        if whole.contains("{scope}") || whole.contains("secret") {
            azure.shell(&side.fill(VAULT)).assert().success();
            let scope = azure.text(&side.fill("az-provision keyvault show -n {kv}"), "id");
            side.values.insert("scope", scope);
            let identity = side.fill("az-identity create -g {g} -n {id}");
            side.values
                .insert("principal", azure.text(&identity, "principalId"));
        }
        if whole.contains("secret") {
            let own = azure.own_object_id();
            azure.shell(&side.fill(&format!("az-role assignment create --assignee-object-id {own} --assignee-principal-type ServicePrincipal --role '{OFFICER}' --scope {{scope}}"))).assert().success();
            azure
                .shell(&side.fill("kv-get --list --vault-name {kv} --wait-for-access 2m"))
                .assert()
                .success();
        }
    }
    azure
        .local()
        .args(["clock", "advance", "1m"])
        .assert()
        .success();
    let mut all = HashMap::new();
    for row in rows {
        let mut compared = Compared::default();
        for form in row.forms {
            let mut printed = Vec::new();
            for side in &mut sides {
                if !row.before.is_empty() && *form == row.forms[0] {
                    azure.shell(&side.fill(row.before)).assert().success();
                }
                let line = side.fill(if side.az { row.az } else { row.ours });
                let line = form.arguments().into_iter().fold(line, |line, word| {
                    format!("{line} '{}'", word.replace('\'', r"'\''"))
                });
                let output = world.try_script(&azure, &line)?;
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                let status = output.status.code().unwrap_or(-1);
                printed.push((
                    status,
                    side.mask(&text),
                    String::from_utf8_lossy(&output.stderr).into_owned(),
                ));
            }
            let [(az, az_text, az_error), (ours, our_text, our_error)] =
                printed.try_into().expect("two sides");
            if *form == row.forms[0] {
                compared.exit = (az, ours);
                if az != ours {
                    compared.deviations.push((
                        "exit",
                        format!("az: {az} {az_error}\nours: {ours} {our_error}"),
                    ));
                }
            }
            if az_text != our_text {
                compared
                    .deviations
                    .push((form.name(), difference(&az_text, &our_text)));
            }
        }
        all.insert(row.name, compared);
    }
    Ok(all)
}

/// The lines that only one side has.
fn difference(az: &str, ours: &str) -> String {
    let mut shown = String::new();
    let (a, b): (Vec<&str>, Vec<&str>) = (az.lines().collect(), ours.lines().collect());
    for line in a.iter().filter(|line| !b.contains(line)) {
        shown += &format!("\n  az:   {line}");
    }
    for line in b.iter().filter(|line| !a.contains(line)) {
        shown += &format!("\n  ours: {line}");
    }
    if shown.is_empty() {
        shown = format!("the same lines in another order\n  az:\n{az}\n  ours:\n{ours}");
    }
    shown
}

/// After the tutorial by `az` and by ours, on two local Azures, the same is there.
fn whole_tutorial(world: &World) -> Result<(), Missing> {
    let tutorial = Tutorial::read()?;
    for identity in [Identity::System, Identity::User] {
        let by_az = world.azure();
        world.script(&by_az, LOGIN)?;
        crate::az::steps_1_to_3(world, &by_az, &tutorial, identity)?;
        let by_ours = world.azure();
        let kind = if identity == Identity::System {
            "system"
        } else {
            "user"
        };
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts");
        for step in ["1-create-resources", "2-create-identity", "3-assign-role"] {
            let mut shell = by_ours.shell(&format!("{}/{step}.sh", scripts.display()));
            shell
                .env("IDENTITY", kind)
                .env("KEY_VAULT_NAME", VAULT_NAME)
                .env("ADMIN_PASSWORD", PASSWORD);
            // The tutorial leaves the size to `az`; the script's own default is one that the published schema lists.
            shell.env("SIZE", "Standard_D2s_v5").assert().success();
        }
        let (az, ours) = (everything(&by_az), everything(&by_ours));
        assert!(az.lines().count() > 100, "{az}");
        assert_eq!(az, ours, "{}", difference(&az, &ours));
    }
    Ok(())
}

/// What a GET of each resource answers, and of what is assigned on the vault.
fn everything(azure: &Azure) -> String {
    let client = Client::new(azure);
    let token = client.token("https://management.azure.com/.default");
    let subscription = format!("/subscriptions/{}", azure.var("AZURE_SUBSCRIPTION_ID"));
    let get = |path: &str, version: &str| {
        let answer = client.get(
            &format!("https://management.azure.com{path}?api-version={version}"),
            &token,
        );
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    };
    let mut all =
        vec![get(&format!("{subscription}/resourceGroups"), "2024-11-01")["value"].clone()];
    let listed = get(&format!("{subscription}/resources"), "2024-11-01");
    for resource in listed["value"].as_array().into_iter().flatten() {
        let kind = resource["type"].as_str().unwrap_or_default();
        let version = match kind.split_once('/').unwrap_or_default() {
            // Disks have versions of their own.
            ("Microsoft.Compute", "disks") => "2025-01-02",
            ("Microsoft.Compute", _) => "2025-04-01",
            ("Microsoft.KeyVault", _) => "2026-02-01",
            ("Microsoft.ManagedIdentity", _) => "2024-11-30",
            _ => "2024-05-01",
        };
        let id = resource["id"].as_str().unwrap_or_default();
        all.push(get(id, version));
        let roles = format!("{id}/providers/Microsoft.Authorization/roleAssignments");
        if id.contains("/vaults/") {
            all.push(get(&roles, "2022-04-01"));
        }
    }
    // Names with random parts are listed in a random order.
    let mut all: Vec<String> = all
        .iter()
        .map(|one| Side::new(false).mask(&serde_json::to_string_pretty(one).unwrap_or_default()))
        .collect();
    all.sort();
    all.join("\n")
}

/// The document, from what was compared.
fn document(compared: &HashMap<&'static str, Compared>) -> String {
    let mut text = format!(
        "# Our tools beside `az`\n\nEach command of the README's table was run by the real Azure CLI {AZ_VERSION} and by our tool, on one local \
         Azure, and\nwhat both printed was compared, every member of it, with generated ids, times and addresses masked. This table is what\n\
         `scripts/conformance.sh parity` found; it fails where this document does not say the same.\n\n\
         | command of `az` | exit status, az / ours | the same in | deviation |\n|---|---|---|---|\n"
    );
    for row in STORIES.iter().flat_map(|(_, rows)| rows.iter()) {
        let one = compared.get(row.name).cloned().unwrap_or_default();
        let same: Vec<String> = row
            .forms
            .iter()
            .filter(|form| !one.deviations.iter().any(|(name, _)| *name == form.name()))
            .map(|form| match form {
                Form::Tsv(query) => format!("`--query '{}' -o tsv`", query.replace('|', "\\|")),
                form => form.name().to_owned(),
            })
            .collect();
        let why: Vec<&str> = one
            .deviations
            .iter()
            .map(|(form, _)| {
                let meant = MEANT
                    .iter()
                    .find(|(name, meant, _)| *name == row.name && meant == form);
                meant.map_or("not meant", |(_, _, why)| *why)
            })
            .collect();
        let mut why_once = why.clone();
        why_once.dedup();
        let (command, note) = row.name.split_once(", ").unwrap_or((row.name, ""));
        let note = if note.is_empty() {
            String::new()
        } else {
            format!(", {note}")
        };
        text += &format!(
            "| `az {command}`{note} | {} / {} | {} | {} |\n",
            one.exit.0,
            one.exit.1,
            same.join(", "),
            why_once.join("; ")
        );
    }
    text + "\nAfter the tutorial by `az` and by ours, with either kind of identity, a GET of each resource answers the same on both local\n\
            Azures, masked likewise; only `az` leaves a template deployment (`Microsoft.Resources/deployments`).\n"
}

/// Compares the document with what was found, or writes it where `UPDATE_DOCS` is set.
fn documented(_: &World) -> Result<(), Missing> {
    let compared = COMPARED.lock().unwrap_or_else(PoisonError::into_inner);
    let rows = STORIES.iter().map(|(_, rows)| rows.len()).sum::<usize>();
    if compared.len() < rows {
        return Err(Missing(format!(
            "{} of {rows} commands were compared",
            compared.len()
        )));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/az-parity.md");
    let found = document(&compared);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &found).expect("the document is written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        there, found,
        "docs/az-parity.md is not what was found: run with UPDATE_DOCS=1 and look at the change"
    );
    Ok(())
}
