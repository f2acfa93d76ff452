//! How many requests a command sends, beside those of the real `az`: each is a round trip, of 50 to 300 ms in the public cloud.
//! What each is for stands in docs/performance.md.

use end_to_end::{Azure, GROUP, OFFICER, PASSWORD, VAULT, VM};
use serde_json::Value;

/// Requests of a command without those for a token (`az` keeps its own on disk) and without the polls of an operation (how many
/// there are is a matter of time): ours, and those that `az` 2.91 was seen to send.
struct Count {
    line: String,
    ours: usize,
    az: usize,
    /// Why there are more than `az`'s, if there are.
    more: &'static str,
}

fn count(line: impl Into<String>, ours: usize, az: usize) -> Count {
    Count {
        line: line.into(),
        ours,
        az,
        more: "",
    }
}

impl Count {
    fn because(self, more: &'static str) -> Self {
        Count { more, ..self }
    }
}

fn path(exchange: &Value) -> &str {
    let url = exchange["url"].as_str().unwrap_or_default();
    url.split('?').next().unwrap_or_default()
}

/// Whether an exchange asks only how far something is: an operation's own address, or a vault that is being made, again and again.
fn is_poll(exchange: &Value, before: &[&Value]) -> bool {
    let path = path(exchange).to_lowercase();
    path.contains("/operations/")
        || path.contains("/operationresults/")
        || exchange["method"] == "GET"
            && path.contains("/vaults/")
            && before
                .iter()
                .any(|one| one["method"] == "PUT" && self::path(one).to_lowercase() == path)
}

/// What a command asked for, without tokens and polls.
fn asked(azure: &Azure, line: &str) -> Vec<String> {
    let before = azure.log().len();
    let mut words = line.split(' ');
    let tool = words.next().expect("a tool");
    let words: Vec<String> = words.map(|word| word.replace('+', " ")).collect();
    azure.tool(tool).args(words).assert().success();
    let log = azure.log();
    let log: Vec<&Value> = log[before..].iter().collect();
    (0..log.len())
        .filter(|at| !path(log[*at]).ends_with("/token") && !is_poll(log[*at], &log[..*at]))
        .map(|at| {
            let (method, path) = (&log[at]["method"], path(log[at]));
            format!("{} {path}", method.as_str().unwrap_or_default())
        })
        .collect()
}

#[test]
fn no_command_of_the_tutorial_sends_more_than_it_must() {
    let azure = Azure::with(&["--role-delay", "0s", "--principal-delay", "0s"]);
    let own = azure.own_object_id();
    let vm = format!("-g {GROUP} -n {VM}");
    let check = |wanted: Count| {
        let asked = asked(&azure, &wanted.line);
        assert_eq!(asked.len(), wanted.ours, "{}: {asked:#?}", wanted.line);
        let (line, ours, az) = (wanted.line, wanted.ours, wanted.az);
        assert_eq!(
            ours > az,
            !wanted.more.is_empty(),
            "{line}: {ours}, az {az}"
        );
    };
    let group = count(
        format!("az-provision group create -n {GROUP} -l eastus"),
        2,
        1,
    );
    check(group.because("az takes the tags away from a group that is there; ours looks"));
    check(count(
        format!("az-provision vm create {vm} -l eastus --admin-username azureuser --admin-password {PASSWORD} --image Canonical:ubuntu-24_04-lts:server:latest"),
        17,
        9,
    )
    .because("every part is looked at before one is written; az leaves the parts to a deployment"));
    check(
        count(
            format!("az-provision keyvault create -g {GROUP} -n {VAULT} -l eastus"),
            3,
            2,
        )
        .because("az knows the tenant from its own sign-in; ours asks beside"),
    );
    check(count(format!("az-identity vm assign {vm}"), 3, 4));
    check(count(
        format!("az-identity create -g {GROUP} -n id1 -l eastus"),
        2,
        2,
    ));
    check(count(
        format!("az-identity vm assign {vm} --identities id1"),
        3,
        4,
    ));
    check(count(format!("az-identity vm show {vm}"), 1, 1));
    check(count(format!("az-identity show -g {GROUP} -n id1"), 1, 1));
    check(count(
        format!("az-provision keyvault show -n {VAULT}"),
        2,
        2,
    ));
    check(count(format!("az-provision vm show -d {vm}"), 3, 3));
    let scope = azure.vault_id();
    let role = OFFICER.replace(' ', "+");
    check(count(
        format!("az-role assignment create --assignee {own} --role {role} --scope {scope}"),
        4,
        4,
    ));
    check(count(
        format!(
            "az-role assignment create --assignee-object-id {own} --assignee-principal-type ServicePrincipal --role {role} --scope {scope}"
        ),
        2,
        2,
    ));
    check(count(
        format!("kv-set quickstart-secret --value one --vault-name {VAULT}"),
        1,
        2,
    ));
    check(count(
        format!("kv-get quickstart-secret --vault-name {VAULT}"),
        1,
        2,
    ));
    check(count(
        format!("az-cleanup group delete -n {GROUP} --yes"),
        1,
        1,
    ));
    check(count(format!("az-cleanup keyvault purge -n {VAULT}"), 2, 2));
}

#[test]
fn a_vault_is_told_who_asks_with_the_first_request() {
    let azure = Azure::start().with_group().with_vault().with_secrets();
    let before = azure.log().len();
    azure.set_secret("told", "value");
    let vault = format!("{VAULT}.vault.azure.net");
    let log = azure.log();
    let statuses: Vec<&Value> = log[before..]
        .iter()
        .filter(|one| path(one).contains(&vault))
        .map(|one| &one["status"])
        .collect();
    assert_eq!(statuses, [200]);
}
