//! What `az` is configured with counts for the tools too: `[defaults]`, `[core]`, and their variables.

use end_to_end::{Azure, GROUP, VM};
use predicates::{prelude::*, str::contains};

/// A folder with `az`'s `config` in it.
fn configured(azure: &Azure, text: &str) -> String {
    let folder = azure.scratch().join("configured");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("config"), text).expect("a file");
    folder.display().to_string()
}

#[test]
fn group_location_and_machine_come_from_the_variables() {
    let azure = Azure::start().with_group();
    let with = |line: &str| {
        let mut command = azure.run(line);
        command
            .env("AZURE_DEFAULTS_GROUP", GROUP)
            .env("AZURE_DEFAULTS_LOCATION", "westus2")
            .env("AZURE_DEFAULTS_VM", VM);
        command
    };
    with("az-identity create -n one --query location -o tsv")
        .assert()
        .success()
        .stdout("westus2\n");
    with(&format!(
        "az-provision vm create -n {VM} --generate-ssh-keys -l eastus -o none"
    ))
    .assert()
    .success();
    // The machine's name, where one is there already.
    with("az-provision vm show --query name -o tsv")
        .assert()
        .success()
        .stdout(format!("{VM}\n"));
    with("az-identity vm assign -o none").assert().success();
    // Of another group, the list is empty: the default narrows it, as az's does.
    azure
        .run("az-provision group create -n other -l eastus -o none")
        .assert()
        .success();
    with("az-provision vm list --query length(@)")
        .env("AZURE_DEFAULTS_GROUP", "other")
        .assert()
        .success()
        .stdout("0\n");
    // A flag goes before it.
    with(&format!(
        "az-provision vm list -g {GROUP} --query length(@)"
    ))
    .env("AZURE_DEFAULTS_GROUP", "other")
    .assert()
    .success()
    .stdout("1\n");
    // A new machine is named, and so is what is destroyed.
    with("az-provision vm create --generate-ssh-keys")
        .assert()
        .code(2)
        .stderr(contains("--name"));
    with("az-provision vm delete --yes")
        .assert()
        .code(2)
        .stderr(contains("--name"));
    with("az-cleanup all --yes")
        .assert()
        .code(2)
        .stderr(contains("--resource-group"));
    with("az-cleanup group delete --yes")
        .assert()
        .code(2)
        .stderr(contains("--name"));
}

#[test]
fn the_file_counts_where_no_variable_does() {
    let azure = Azure::start().with_group();
    let config = configured(
        &azure,
        &format!("[defaults]\ngroup = {GROUP}\n[core]\noutput = tsv\nonly_show_errors = true\n"),
    );
    let with = |line: &str| {
        let mut command = azure.run(line);
        command.env("AZURE_CONFIG_DIR", &config);
        command
    };
    with("az-identity create -n one --query [name,resourceGroup]")
        .assert()
        .success()
        .stdout(format!("one\n{GROUP}\n"));
    with("az-identity show -n one --query name -o json")
        .assert()
        .success()
        .stdout("\"one\"\n");
    with("az-identity show -n one --query name")
        .env("AZURE_CORE_OUTPUT", "json")
        .assert()
        .success()
        .stdout("\"one\"\n");
    // What is made is said, unless nothing but errors is wanted.
    let create = format!("az-provision vm create -n {VM} -o none --admin-password Correct-Horse-1");
    with(&create).assert().success().stderr("");
    with(&create)
        .env("AZURE_CORE_ONLY_SHOW_ERRORS", "no")
        .assert()
        .success()
        .stderr(contains("--admin-password is visible"));
}

#[test]
fn a_setting_that_is_wrong_says_where_it_stands() {
    let azure = Azure::start();
    azure
        .run("az-provision group list")
        .env("AZURE_CORE_OUTPUT", "xml")
        .assert()
        .code(2)
        .stderr(contains(
            "'xml' is no output format (from AZURE_CORE_OUTPUT)",
        ));
    let config = configured(&azure, "[cloud]\nname = Mars\n");
    azure
        .run("az-provision group list")
        .env_remove("AZURE_CLOUD")
        .env("AZURE_CONFIG_DIR", &config)
        .assert()
        .code(2)
        .stderr(contains("Mars").and(contains("configured/config")));
}

/// `az cloud set` counts here; a local Azure plays the public cloud, and with `--offline` lets nobody through to another.
#[test]
fn a_proxy_that_lets_a_cloud_not_through_is_what_is_told() {
    let azure = Azure::with(&["--offline"]);
    let config = configured(&azure, "[cloud]\nname = AzureUSGovernment\n");
    azure
        .run("az-provision group list")
        .env_remove("AZURE_CLOUD")
        .env("AZURE_CONFIG_DIR", &config)
        .assert()
        .code(1)
        .stderr(
            contains("the proxy (HTTPS_PROXY) refused the connection")
                .and(contains("tunnel").not()),
        );
}
