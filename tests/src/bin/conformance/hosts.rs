//! Hosts that give managed identities, other than virtual machines: the tutorial's program on each, by the default chain of
//! each SDK.

use crate::clients::Missing;
use crate::go::assert_printed;
use crate::sdks::{JAVA, NODE, PYTHON, Start};
use crate::suite::{Case, World};
use crate::tutorial::Tutorial;
use end_to_end::{Azure, GROUP, IDENTITY, OFFICER, VAULT, binary, json};
use serde_json::Value;

/// The kinds of hosts, as `az-local host` has them.
const KINDS: [&str; 7] = [
    "app-service",
    "functions",
    "arc",
    "azure-ml",
    "cloud-shell",
    "service-fabric",
    "kubernetes",
];

/// A client: its name, what starts it, its program, and what it writes.
type Client = (&'static str, Start, &'static str, &'static str);

const CLIENTS: [Client; 4] = [
    ("python", PYTHON, "machine.py", "createdWithPython"),
    (
        "python-async",
        PYTHON,
        "machine.py --aio",
        "createdWithPython",
    ),
    ("js", NODE, "machine.mjs", "createdWithJavaScript"),
    ("java", JAVA, "Machine", "createdWithJava"),
];

/// What a client does not do on a host, and why.
const CANNOT: [(&str, &str); 4] = [
    // It does not look at the thumbprint and takes no certificate that nobody vouches for
    // (AzureAD/microsoft-authentication-library-for-js issue 6888).
    ("js", "service-fabric"),
    // Neither does MSAL for Java, which has code for it: the JVM refuses the certificate.
    ("java", "service-fabric"),
    // MSAL for Java has no code for it, takes it for Cloud Shell, and sends no secret.
    ("java", "azure-ml"),
    // It asks Entra ID by the JDK's own client, which can show a proxy no credentials.
    ("java", "kubernetes"),
];

/// Where the Azure CLI cannot sign in: it knows no workload identity by itself, and in Cloud Shell it asks a port that is one
/// for the whole computer (msal/cloudshell.py).
const WITHOUT_AZ: [&str; 2] = ["kubernetes", "cloud-shell"];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in KINDS {
        for client in CLIENTS {
            if !CANNOT.contains(&(client.0, kind)) {
                let name = format!("hosts/{kind}-{}", client.0);
                cases.push(Case::new(name, move |world| writes(world, kind, client)));
            }
        }
        if !WITHOUT_AZ.contains(&kind) {
            let name = format!("hosts/{kind}-az");
            cases.push(Case::new(name, move |world| signs_in(world, kind)));
        }
        let name = format!("hosts/{kind}-go");
        cases.push(Case::new(name, move |world| chooses(world, kind)));
        let name = format!("hosts/{kind}-go-and-rust");
        cases.push(Case::new(name, move |world| programs(world, kind)));
    }
    cases
}

/// A client writes a secret.
fn writes(world: &World, kind: &str, client: Client) -> Result<(), Missing> {
    let (_, start, program, value) = client;
    let line = format!("{} {}{program}", world.bounded(), start(world)?);
    let azure = with_access(world, kind)?;
    let printed = run(&azure, kind, &line)?;
    assert_printed(&printed, value);
    Ok(())
}

/// The SDK for Go chooses the host's credential.
fn chooses(world: &World, kind: &str) -> Result<(), Missing> {
    let chain = world.clients.go_chain()?;
    let azure = with_access(world, kind)?;
    let line = format!("{} https://vault.azure.net/.default", chain.display());
    let answer: Value = serde_json::from_str(&run(&azure, kind, &line)?).expect("JSON");
    let chosen = match kind {
        "kubernetes" => "WorkloadIdentityCredential",
        _ => "ManagedIdentityCredential",
    };
    assert_eq!(answer["credential"], chosen, "{answer}");
    Ok(())
}

/// The tutorial's program in Go, and ours beside it, each write a secret.
fn programs(world: &World, kind: &str) -> Result<(), Missing> {
    let go = world.clients.go_tutorial(&Tutorial::read()?.go_program())?;
    let azure = with_access(world, kind)?;
    azure.grant(&azure.own_object_id(), OFFICER);
    let secret = format!("kv-get quickstart-secret --vault-name {VAULT}");
    for (program, value) in [
        (go, "createdWithGO"),
        (binary("examples/write_secret"), "createdWithRust"),
    ] {
        run(&azure, kind, &program.display().to_string())?;
        assert_eq!(azure.text(&secret, "value"), value);
    }
    Ok(())
}

/// The Azure CLI signs in with the host's identity.
fn signs_in(world: &World, kind: &str) -> Result<(), Missing> {
    let az = world.clients.az()?.join("az");
    let azure = with_access(world, kind)?;
    let az = az.display();
    let script = azure.scratch().join("sign-in");
    let lines = format!(
        "set -eu\n{az} login --identity -o none\n{az} keyvault secret list --vault-name {VAULT} -o tsv\n\
         {az} account show --query user.assignedIdentityInfo -o tsv\n"
    );
    std::fs::write(&script, lines).expect("a script");
    let line = format!("{} bash {}", world.bounded(), script.display());
    assert_eq!(run(&azure, kind, &line)?, "MSI\n");
    Ok(())
}

/// A vault that the host may write to, from now on.
fn with_access(world: &World, kind: &str) -> Result<Azure, Missing> {
    let azure = world.azure().with_group().with_vault();
    for knob in ["role-delay", "principal-delay"] {
        azure.local().args(["set", knob, "0s"]).assert().success();
    }
    if kind == "kubernetes" {
        azure.json(&format!("az-identity create -g {GROUP} -n {IDENTITY}"));
    }
    let mut show = azure.local();
    show.args(["host", "show"]).args(options(kind));
    let host = json(&show.assert().success());
    let (id, principal_type) = match kind {
        "cloud-shell" => (&host["user"]["id"], "User"),
        _ => (&host["identities"][0]["principalId"], "ServicePrincipal"),
    };
    let mut grant = azure.tool("az-role");
    grant.args(["assignment", "create", "--role", OFFICER]);
    grant.args(["--assignee-object-id", id.as_str().expect("an id")]);
    grant.args(["--assignee-principal-type", principal_type]);
    grant.args(["--scope", &azure.vault_id()]);
    grant.assert().success();
    // The Azure CLI signs in only where it finds a subscription.
    let subscription = format!("/subscriptions/{}", azure.var("AZURE_SUBSCRIPTION_ID"));
    let mut read = azure.tool("az-role");
    read.args(["assignment", "create", "--role", "Reader"]);
    read.args(["--assignee-object-id", id.as_str().expect("an id")]);
    read.args(["--assignee-principal-type", principal_type]);
    read.args(["--scope", &subscription]);
    read.assert().success();
    Ok(azure)
}

/// What a command line prints on a host.
fn run(azure: &Azure, kind: &str, line: &str) -> Result<String, Missing> {
    let mut command = azure.local();
    command.args(["host", "exec"]).args(options(kind));
    command.arg("--env").arg(format!("KEY_VAULT_NAME={VAULT}"));
    command.arg("--").args(line.split_whitespace());
    let output = command.output().expect("az-local runs");
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("/var/opt/azcmagent/tokens, and that folder cannot be written") {
        return Err(Missing(said.into_owned()));
    }
    assert!(output.status.success(), "{line}: {said}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn options(kind: &str) -> Vec<&str> {
    match kind {
        "kubernetes" => vec!["--kind", kind, "--identity", IDENTITY],
        _ => vec!["--kind", kind],
    }
}
