//! The same credential: Go's `azidentity.NewDefaultAzureCredential` and the chain of az-credential, in one environment after
//! another. `docs/credentials.md` has the table.

use crate::az::LOGIN;
use crate::clients::Missing;
use crate::suite::{Case, World};
use end_to_end::{GROUP, IDENTITY, VM, binary};
use serde_json::Value;
use std::path::Path;

/// Where the programs run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Desk,
    /// On a machine with these identities.
    Machine(&'static str),
}
use Place::{Desk, Machine};

/// One environment, and the credential that both must choose.
struct Row {
    name: &'static str,
    what: &'static str,
    place: Place,
    /// Lines of shell that make the environment.
    setup: &'static str,
    chosen: Option<&'static str>,
}

const fn row(
    name: &'static str,
    what: &'static str,
    place: Place,
    setup: &'static str,
    chosen: Option<&'static str>,
) -> Row {
    Row {
        name,
        what,
        place,
        setup,
        chosen,
    }
}

const ENVIRONMENT: Option<&str> = Some("EnvironmentCredential");
const WORKLOAD: Option<&str> = Some("WorkloadIdentityCredential");
const MANAGED: Option<&str> = Some("ManagedIdentityCredential");
const CLI: Option<&str> = Some("AzureCLICredential");
const AZD: Option<&str> = Some("AzureDeveloperCLICredential");
const POWERSHELL: Option<&str> = Some("AzurePowerShellCredential");

/// The environment of `az-local env` has a client secret; most rows take it away.
static ROWS: &[Row] = &[
    row("client-secret", "client secret", Desk, "", ENVIRONMENT),
    row(
        "certificate-pem",
        "client certificate, PEM",
        Desk,
        "certificate; export AZURE_CLIENT_CERTIFICATE_PATH=$PWD/certificate.pem; without_secret",
        ENVIRONMENT,
    ),
    row(
        "certificate-pkcs12",
        "client certificate, PKCS#12",
        Desk,
        "certificate --pkcs12; export AZURE_CLIENT_CERTIFICATE_PATH=$PWD/certificate.pfx; without_secret",
        ENVIRONMENT,
    ),
    row(
        "certificate-pkcs12-password",
        "client certificate, PKCS#12 with a password",
        Desk,
        "echo secret >password; certificate --pkcs12 --password-file password; export AZURE_CLIENT_CERTIFICATE_PATH=$PWD/certificate.pfx AZURE_CLIENT_CERTIFICATE_PASSWORD=secret; without_secret",
        ENVIRONMENT,
    ),
    row(
        "certificate-wrong-password",
        "client certificate with a wrong password",
        Desk,
        "echo secret >password; certificate --pkcs12 --password-file password; export AZURE_CLIENT_CERTIFICATE_PATH=$PWD/certificate.pfx AZURE_CLIENT_CERTIFICATE_PASSWORD=wrong; without_secret",
        None,
    ),
    row(
        "certificate-missing",
        "client certificate whose file is not there, `az` signed in",
        Desk,
        "signed_in; export AZURE_CLIENT_CERTIFICATE_PATH=$PWD/none.pem; without_secret",
        CLI,
    ),
    row(
        "workload-identity",
        "workload identity token file",
        Desk,
        "federated; without_secret",
        WORKLOAD,
    ),
    row(
        "secret-and-workload-identity",
        "client secret and workload identity",
        Desk,
        "federated",
        ENVIRONMENT,
    ),
    row(
        "workload-identity-bad-token",
        "workload identity with a token that Entra ID refuses",
        Desk,
        "echo nonsense >token; export AZURE_FEDERATED_TOKEN_FILE=$PWD/token; without_secret",
        None,
    ),
    row(
        "managed-system",
        "machine with a system-assigned identity",
        Machine("[system]"),
        "",
        MANAGED,
    ),
    row(
        "managed-user",
        "machine with two identities, `AZURE_CLIENT_ID` of the user-assigned one",
        Machine("both"),
        "export AZURE_CLIENT_ID=$USER_ASSIGNED",
        MANAGED,
    ),
    row(
        "managed-user-only",
        "machine with a user-assigned identity, nothing set",
        Machine("user"),
        "",
        MANAGED,
    ),
    row(
        "managed-wrong-client",
        "machine, `AZURE_CLIENT_ID` of no identity of its own",
        Machine("[system]"),
        "export AZURE_CLIENT_ID=11111111-1111-4111-8111-111111111111",
        None,
    ),
    row(
        "managed-none",
        "machine without an identity",
        Machine(""),
        "",
        None,
    ),
    row("az", "`az` signed in", Desk, "signed_in; nothing_set", CLI),
    row(
        "az-absent",
        "no `az`, nothing set",
        Desk,
        "nothing_set",
        None,
    ),
    row(
        "az-not-signed-in",
        "`az` not signed in",
        Desk,
        "with_az; nothing_set",
        None,
    ),
    row("azd", "`azd` signed in", Desk, "azd; nothing_set", AZD),
    row(
        "az-before-azd",
        "`az` and `azd` signed in",
        Desk,
        "signed_in; azd; nothing_set",
        CLI,
    ),
    row(
        "az-fails-azd",
        "`az` not signed in, `azd` signed in",
        Desk,
        "with_az; azd; nothing_set",
        AZD,
    ),
    row(
        "powershell-last",
        "`azd` and Azure PowerShell signed in",
        Desk,
        "azd; powershell; nothing_set",
        AZD,
    ),
    row(
        "powershell",
        "Azure PowerShell signed in",
        Desk,
        "powershell; nothing_set",
        POWERSHELL,
    ),
    row(
        "only-dev",
        "`AZURE_TOKEN_CREDENTIALS=dev`, client secret, `az` signed in",
        Desk,
        "signed_in; export AZURE_TOKEN_CREDENTIALS=dev",
        CLI,
    ),
    row(
        "only-prod",
        "`AZURE_TOKEN_CREDENTIALS=prod`, nothing set, `az` signed in",
        Desk,
        "signed_in; nothing_set; export AZURE_TOKEN_CREDENTIALS=prod",
        None,
    ),
    row(
        "only-prod-secret",
        "`AZURE_TOKEN_CREDENTIALS=prod`, client secret",
        Desk,
        "export AZURE_TOKEN_CREDENTIALS=prod",
        ENVIRONMENT,
    ),
    row(
        "only-environment",
        "`AZURE_TOKEN_CREDENTIALS=EnvironmentCredential`",
        Desk,
        "export AZURE_TOKEN_CREDENTIALS=EnvironmentCredential",
        ENVIRONMENT,
    ),
    row(
        "only-environment-unset",
        "`AZURE_TOKEN_CREDENTIALS=EnvironmentCredential`, nothing set",
        Desk,
        "signed_in; nothing_set; export AZURE_TOKEN_CREDENTIALS=EnvironmentCredential",
        None,
    ),
    row(
        "only-workload-identity",
        "`AZURE_TOKEN_CREDENTIALS=WorkloadIdentityCredential`, client secret too",
        Desk,
        "federated; export AZURE_TOKEN_CREDENTIALS=WorkloadIdentityCredential",
        WORKLOAD,
    ),
    row(
        "only-managed-identity",
        "`AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential`, on a machine",
        Machine("[system]"),
        "export AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential",
        MANAGED,
    ),
    row(
        "only-az",
        "`AZURE_TOKEN_CREDENTIALS=AzureCLICredential`, client secret too",
        Desk,
        "signed_in; export AZURE_TOKEN_CREDENTIALS=AzureCLICredential",
        CLI,
    ),
    row(
        "only-az-other-case",
        "`AZURE_TOKEN_CREDENTIALS=azureclicredential`",
        Desk,
        "signed_in; export AZURE_TOKEN_CREDENTIALS=azureclicredential",
        CLI,
    ),
    row(
        "only-azd",
        "`AZURE_TOKEN_CREDENTIALS=AzureDeveloperCLICredential`",
        Desk,
        "signed_in; azd; export AZURE_TOKEN_CREDENTIALS=AzureDeveloperCLICredential",
        AZD,
    ),
    row(
        "only-powershell",
        "`AZURE_TOKEN_CREDENTIALS=AzurePowerShellCredential`",
        Desk,
        "azd; powershell; export AZURE_TOKEN_CREDENTIALS=AzurePowerShellCredential",
        POWERSHELL,
    ),
    row(
        "only-nonsense",
        "`AZURE_TOKEN_CREDENTIALS=nonsense`",
        Desk,
        "export AZURE_TOKEN_CREDENTIALS=nonsense",
        None,
    ),
    row(
        "partial-no-tenant",
        "client id and secret without a tenant, `az` signed in",
        Desk,
        "signed_in; unset AZURE_TENANT_ID",
        CLI,
    ),
    row(
        "partial-no-secret",
        "client id and tenant without a secret, `az` signed in",
        Desk,
        "signed_in; without_secret",
        CLI,
    ),
    row(
        "wrong-secret",
        "wrong client secret, `az` signed in",
        Desk,
        "signed_in; export AZURE_CLIENT_SECRET=wrong",
        None,
    ),
    row(
        "wrong-tenant",
        "client secret in a tenant that is not there",
        Desk,
        "export AZURE_TENANT_ID=11111111-1111-4111-8111-111111111111",
        None,
    ),
    row(
        "no-azure",
        "no Azure at all: the proxy does not answer",
        Desk,
        "nothing_set; for name in HTTPS_PROXY https_proxy HTTP_PROXY http_proxy; do export $name=http://127.0.0.1:9; done",
        None,
    ),
];

/// What rows make their environments with. `azd` and `pwsh` are in no package registry: scripts in their place print
/// what they would.
const WORDS: &str = r#"
without_secret() { unset AZURE_CLIENT_SECRET; }
nothing_set() { unset AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID; }
certificate() { az-local credential certificate --output-dir . "$@" >/dev/null; }
federated() { az-local credential federated --output-file token >/dev/null; export AZURE_FEDERATED_TOKEN_FILE=$PWD/token; }
with_az() { export PATH=$AZ_FOLDER:$PATH; }
program() { cat >"programs/$1"; chmod +x "programs/$1"; }
token() {
    curl --silent --fail "https://login.microsoftonline.com/$AZURE_TENANT_ID/oauth2/v2.0/token" --data-urlencode "client_id=$AZURE_CLIENT_ID" \
        --data-urlencode "client_secret=$AZURE_CLIENT_SECRET" --data grant_type=client_credentials --data-urlencode scope=https://management.azure.com/.default |
        sed 's/.*"access_token":"\([^"]*\)".*/\1/'
}
azd() { printf '#!/bin/sh\necho '\''{"token":"%s","expiresOn":"2099-01-01T00:00:00Z"}'\''\n' "$(token)" | program azd; }
powershell() { printf '#!/bin/sh\necho '\''{"Token":"%s","ExpiresOn":4070908800}'\''\n' "$(token)" | program pwsh; }
"#;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = ROWS
        .iter()
        .map(|row| {
            Case::new(format!("credentials/{}", row.name), move |world| {
                compare(world, row)
            })
        })
        .collect();
    cases.push(Case::new("credentials/one-az-process", one_process));
    cases.push(Case::new("credentials/document", |_| documented()));
    cases
}

/// What a program chose, and how long it took.
struct Choice {
    name: Option<String>,
    seconds: f64,
    said: String,
}

fn compare(world: &World, row: &Row) -> Result<(), Missing> {
    let chain = world.clients.go_chain()?;
    let needs_az = row.setup.contains("signed_in") || row.setup.contains("with_az");
    let az = if needs_az {
        world.clients.az()?.display().to_string()
    } else {
        String::new()
    };
    let azure = world.azure();
    let tools = binary("az-local")
        .parent()
        .expect("a folder")
        .display()
        .to_string();
    // The programs by Go and by us, in one environment; each tells in a file what it did.
    let both = format!(
        "export AZ_TOKEN_CACHE=off
         began=$(date +%s.%N)
         {} https://management.azure.com/.default >go.json 2>go.txt || true
         echo \"$began $(date +%s.%N)\" >go.time
         began=$(date +%s.%N)
         az-provision group list {} --debug >ours.txt 2>&1 || true
         echo \"$began $(date +%s.%N)\" >ours.time
         for file in go.json ours.txt go.time ours.time; do echo \"=== $file\"; cat $file; done",
        chain.display(),
        // The desk has its subscription from the environment; on the machine nobody has named one.
        if row.place == Desk {
            ""
        } else {
            "--subscription 11111111-1111-4111-8111-111111111111"
        },
    );
    let script = format!(
        "set -eu\nmkdir -p programs\nexport PATH=$PWD/programs:{tools}:/usr/local/bin:/usr/bin:/bin AZ_FOLDER={az}\n{WORDS}\nsigned_in() {{ with_az; {}; }}\n{}\n{both}",
        LOGIN.trim_end(),
        row.setup
    );
    let output = match row.place {
        Desk => azure.shell(&script).output().expect("bash runs"),
        Machine(identities) => {
            let azure = azure.with_group().with_vm();
            let assign = |what: &str| {
                let line = format!("az-identity vm assign -g {GROUP} -n {VM} {what}");
                azure.run(&line).assert().success();
            };
            let mut user_assigned = String::new();
            if matches!(identities, "user" | "both") {
                user_assigned = azure.text(
                    &format!("az-identity create -g {GROUP} -n {IDENTITY}"),
                    "clientId",
                );
                assign(&format!("--identities {IDENTITY}"));
            }
            if matches!(identities, "[system]" | "both") {
                assign("--identities [system]");
            }
            let mut command = azure.local();
            command.args([
                "vm",
                "exec",
                "-g",
                GROUP,
                "-n",
                VM,
                "--env",
                &format!("USER_ASSIGNED={user_assigned}"),
            ]);
            command.args(["--", "bash", "-c", &script]);
            command.output().expect("az-local runs")
        }
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (go, ours) = read(&text);
    assert_eq!(go.name.as_deref(), row.chosen, "Go: {}", go.said);
    assert_eq!(ours.name.as_deref(), row.chosen, "ours: {}", ours.said);
    if row.chosen.is_none() {
        // A bound on giving up, with room for a machine that is busy.
        assert!(
            ours.seconds <= go.seconds + 2.0,
            "ours took {:.1} s to give up, Go's {:.1} s",
            ours.seconds,
            go.seconds
        );
    }
    Ok(())
}

/// A pipeline of our tools, signed in by the real `az`, starts it once, and not once a tool.
fn one_process(world: &World) -> Result<(), Missing> {
    let az = world.clients.az()?;
    let azure = world.azure().with_group();
    let script = format!(
        r#"{LOGIN}
        unset AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID
        mkdir programs
        printf '#!/bin/sh\necho started >>%s/started\nexec %s "$@"\n' "$PWD" {}/az >programs/az
        chmod +x programs/az
        export PATH=$PWD/programs:$PATH
        started() {{ wc -l <started | tr -d ' '; }}
        az-identity create -g {GROUP} -n {IDENTITY} |
            az-role assignment create --assignee - --role Reader --scope "/subscriptions/$AZURE_SUBSCRIPTION_ID" -o none
        az-provision group list -o none
        [ "$(started)" = 1 ] || {{ echo "az was started $(started) times"; exit 1; }}
        AZ_TOKEN_CACHE=off az-provision group list -o none
        [ "$(started)" = 2 ] || {{ echo "without the cache az was started $(started) times"; exit 1; }}
        az logout
        az-provision group list -o none && exit 1
        [ $? = 4 ]"#,
        az.display()
    );
    world.script(&azure, &script)?;
    Ok(())
}

fn read(text: &str) -> (Choice, Choice) {
    let part = |file: &str| {
        let mark = format!("=== {file}\n");
        let from = text.find(&mark).map_or(text.len(), |at| at + mark.len());
        let rest = &text[from..];
        rest[..rest.find("=== ").unwrap_or(rest.len())].to_owned()
    };
    let seconds = |file: &str| {
        let times: Vec<f64> = part(file)
            .split_whitespace()
            .filter_map(|time| time.parse().ok())
            .collect();
        times.last().unwrap_or(&0.0) - times.first().unwrap_or(&0.0)
    };
    let go: Value = serde_json::from_str(&part("go.json")).unwrap_or_default();
    let said = part("ours.txt");
    let name = said
        .split("signed in credential=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .map(str::to_owned);
    (
        Choice {
            name: go["credential"].as_str().map(str::to_owned),
            seconds: seconds("go.time"),
            said: go.to_string(),
        },
        Choice {
            name,
            seconds: seconds("ours.time"),
            said: said.lines().rev().take(12).collect::<Vec<_>>().join("\n"),
        },
    )
}

fn document() -> String {
    let mut text = "\
# Which credential is chosen

The tools sign in as the Azure SDKs do, with the first of these that gives a token: environment (client secret, client
certificate), workload identity, managed identity, Azure CLI, Azure Developer CLI, Azure PowerShell.
`AZURE_TOKEN_CREDENTIALS` narrows it: `prod` is the first three, `dev` the last three, a credential's name is that one
alone.

A credential that is not set up is passed over. One that is set up and refused ends the search: a wrong client secret is
told, not hidden behind another sign-in. On a computer that is no virtual machine, managed identity is given up after one
second.

Tokens that cost a process (those of `az`, `azd` and Azure PowerShell) are kept between calls in a file that only its
owner can read, in `AZ_TOKEN_CACHE_DIR` or the user's cache folder, until shortly before they expire or the sign-in
changes. `AZ_TOKEN_CACHE=off` turns that off. Managed identities' tokens, secrets and certificates are never kept.

Managed identity is that of virtual machines and App Service. The sources of Azure Arc, Service Fabric, Cloud Shell and
Azure ML count as unavailable.

## Beside the SDK for Go

`scripts/conformance.sh credentials` runs `azidentity.NewDefaultAzureCredential` of the SDK for Go and our chain in each of
these environments on the local Azure, and fails unless both choose the credential that stands here, and ours gives up as
soon. `az` is the real one. `azd` and `pwsh` come from no package registry: scripts that print what they would stand in for
them.

| environment | credential, Go's and ours |
|---|---|
"
    .to_owned();
    for row in ROWS {
        text += &format!(
            "| {} | {} |\n",
            row.what,
            row.chosen.unwrap_or("none: an error")
        );
    }
    text
}

/// Compares the document with the table, or writes it where `UPDATE_DOCS` is set.
fn documented() -> Result<(), Missing> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/credentials.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, document()).expect("the document is written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        there,
        document(),
        "docs/credentials.md is not what was compared: run with UPDATE_DOCS=1"
    );
    Ok(())
}
