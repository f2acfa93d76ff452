//! `az-provision`: groups, machines, vaults.

use end_to_end::{Azure, GROUP, PASSWORD, SIZE, VAULT, VM, json, stderr};
use predicates::{prelude::*, str::contains};
use serde_json::{Value, json};

#[test]
fn a_group_is_created_shown_and_listed() {
    let azure = Azure::start();
    let created = azure.json(&format!(
        "az-provision group create --name {GROUP} --location eastus"
    ));
    let subscription = azure.var("AZURE_SUBSCRIPTION_ID");
    assert_eq!(
        created,
        json!({
            "id": format!("/subscriptions/{subscription}/resourceGroups/{GROUP}"),
            "location": "eastus", "managedBy": null, "name": GROUP,
            "properties": {"provisioningState": "Succeeded"}, "tags": null,
            "type": "Microsoft.Resources/resourceGroups",
        })
    );
    assert_eq!(
        azure.json(&format!("az-provision group show -n {GROUP}")),
        created
    );
    assert_eq!(azure.json("az-provision group list"), json!([created]));
}

#[test]
fn creating_a_group_twice_is_not_an_error_and_writes_once() {
    let azure = Azure::start().with_group();
    let before = azure.writes();
    azure
        .run(&format!("az-provision group create -n {GROUP} -l EastUS"))
        .assert()
        .success();
    assert_eq!(azure.writes(), before);
}

#[test]
fn a_group_in_another_location_is_a_conflict() {
    let azure = Azure::start().with_group();
    azure
        .run(&format!(
            "az-provision group create -n {GROUP} -l westeurope"
        ))
        .assert()
        .code(6)
        .stdout("")
        .stderr(
            contains("it exists already, in location 'eastus'").and(contains("use that location")),
        );
}

#[test]
fn groups_are_listed_by_tag() {
    let azure = Azure::start();
    azure
        .run("az-provision group create -n one -l eastus --tags team=red")
        .assert()
        .success();
    azure
        .run("az-provision group create -n two -l eastus --tags team=blue")
        .assert()
        .success();
    let found = azure.json("az-provision group list --tag team=red --query [].name");
    assert_eq!(found, json!(["one"]));
}

#[test]
fn what_is_not_there_exits_with_3() {
    let azure = Azure::start().with_group();
    for line in [
        "az-provision group show -n nowhere",
        "az-provision vm show -g go-on-azure -n nothing",
        "az-provision vm show -n nothing",
        "az-provision vm list -g nowhere",
        "az-provision keyvault show -n kv-nothing",
        "az-provision keyvault show -g go-on-azure -n kv-nothing",
        "az-provision keyvault create -g nowhere -n kv-nothing",
        "az-provision keyvault create -g nowhere -l eastus -n kv-nothing",
    ] {
        azure.run(line).assert().code(3).stdout("").stderr(
            contains("not found")
                .or(contains("there is no"))
                .or(contains("could not be found")),
        );
    }
}

#[test]
fn a_machine_is_made_with_the_network_that_az_makes() {
    let azure = Azure::start().with_group();
    let line = format!(
        "az-provision vm create -g {GROUP} -n {VM} --image canonical:0001-com-ubuntu-server-jammy:22_04-lts:latest --size {SIZE} --admin-username azureuser --admin-password-file -"
    );
    let created = json(&azure.run(&line).write_stdin(PASSWORD).assert().success());
    let members: Vec<&str> = created
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        members,
        [
            "fqdns",
            "id",
            "location",
            "macAddress",
            "powerState",
            "privateIpAddress",
            "publicIpAddress",
            "resourceGroup"
        ]
    );
    assert_eq!(created["powerState"], "VM running");
    assert_eq!(created["privateIpAddress"], "10.0.0.4");
    assert!(
        created["publicIpAddress"]
            .as_str()
            .is_some_and(|ip| ip.starts_with("198.18.") || ip.starts_with("198.19."))
    );

    let urls: Vec<String> = azure
        .log()
        .iter()
        .filter(|exchange| {
            exchange["method"] == "PUT"
                && exchange["status"]
                    .as_u64()
                    .is_some_and(|status| status < 300)
        })
        .map(|exchange| {
            exchange["url"]
                .as_str()
                .unwrap_or_default()
                .split('?')
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    for name in [
        "virtualNetworks/go-on-azure-vmVNET",
        "networkSecurityGroups/go-on-azure-vmNSG",
        "publicIPAddresses/go-on-azure-vmPublicIP",
        "networkInterfaces/go-on-azure-vmVMNic",
        "virtualMachines/go-on-azure-vm",
    ] {
        assert_eq!(
            urls.iter().filter(|url| url.ends_with(name)).count(),
            1,
            "{name} in {urls:?}"
        );
    }

    let details = azure.json(&format!("az-provision vm show -d -g {GROUP} -n {VM}"));
    assert_eq!(details["publicIps"], created["publicIpAddress"]);
    assert_eq!(details["privateIps"], "10.0.0.4");
    assert_eq!(details["macAddresses"], created["macAddress"]);
    assert_eq!(details["osProfile"]["adminUsername"], "azureuser");
    assert_eq!(details["resourceGroup"], GROUP);
    assert_eq!(details["instanceView"], Value::Null);
    assert_eq!(
        azure.text(&format!("az-provision vm show -d -n {VM}"), "publicIps"),
        created["publicIpAddress"]
    );
    assert_eq!(
        azure.json("az-provision vm list --query [].name"),
        json!([VM])
    );
    assert_eq!(
        azure.json("az-provision vm list -d --query [].powerState"),
        json!(["VM running"])
    );
}

#[test]
fn creating_a_machine_twice_writes_once() {
    let azure = Azure::start().with_group();
    let create = format!("az-provision vm create -g {GROUP} -n {VM} --generate-ssh-keys -o none");
    azure.run(&create).assert().success();
    let before = azure.writes();
    let first = azure.json(&format!("az-provision vm show -n {VM}"));
    azure.run(&create).assert().success();
    assert_eq!(azure.writes(), before);
    assert_eq!(azure.json(&format!("az-provision vm show -n {VM}")), first);
}

#[test]
fn a_machine_that_differs_is_a_conflict_that_names_the_difference() {
    let azure = Azure::start().with_group().with_vm();
    let before = azure.writes();
    for (more, said) in [
        ("--zone 2", "zone is 'none', not '2'"),
        ("--image Debian12", "image is"),
        (
            "--location westeurope",
            "location is 'eastus', not 'westeurope'",
        ),
    ] {
        azure
            .run(&format!("az-provision vm create -g {GROUP} -n {VM} --size {SIZE} --admin-username azureuser --admin-password-file - {more}"))
            .write_stdin(PASSWORD)
            .assert()
            .code(6)
            .stderr(contains(said).and(contains("not overwritten")));
    }
    assert_eq!(azure.writes(), before);
}

#[test]
fn a_second_machine_uses_the_network_that_is_there() {
    let azure = Azure::start().with_group().with_vm();
    azure.create_vm("second");
    assert_eq!(
        azure.text("az-provision vm show -d -n second", "privateIps"),
        "10.0.0.5"
    );
}

#[test]
fn a_machine_without_a_public_address_has_none() {
    let azure = Azure::start().with_group();
    let mut command = azure.run(&format!("az-provision vm create -g {GROUP} -n inner --size {SIZE} --admin-username azureuser --admin-password-file - --nsg-rule NONE"));
    let created = json(
        &command
            .args(["--public-ip-address", ""])
            .write_stdin(PASSWORD)
            .assert()
            .success(),
    );
    assert_eq!(created["publicIpAddress"], "");
}

#[test]
fn ports_are_opened_on_request() {
    let azure = Azure::start().with_group();
    azure
        .run(&format!("az-provision vm create -g {GROUP} -n web --size {SIZE} --admin-username azureuser --admin-password-file - --open-ports 22,443,8000-8100"))
        .write_stdin(PASSWORD)
        .assert()
        .success();
    let log = azure.log();
    let nsg = log.iter().find(|one| {
        one["method"] == "PUT"
            && one["url"]
                .as_str()
                .is_some_and(|url| url.contains("networkSecurityGroups"))
    });
    let rules = &nsg.expect("a security group")["requestBody"]["properties"]["securityRules"];
    let ports: Vec<&Value> = rules
        .as_array()
        .expect("rules")
        .iter()
        .map(|rule| &rule["properties"]["destinationPortRange"])
        .collect();
    assert_eq!(ports, ["22", "443", "8000-8100"]);
}

#[test]
fn ssh_keys_are_made_kept_private_and_used_again() {
    let azure = Azure::start().with_group();
    let line = format!(
        "az-provision vm create -g {GROUP} -n keyed --size {SIZE} --admin-username azureuser --generate-ssh-keys"
    );
    azure
        .run(&line)
        .assert()
        .success()
        .stderr(contains("made the SSH key pair"));
    let private = azure.scratch().join(".ssh/id_ed25519");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(&private).expect("a key").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    azure
        .run(&line.replace("keyed", "again"))
        .assert()
        .success()
        .stderr("");
    let public = std::fs::read_to_string(private.with_extension("pub")).expect("a public key");
    let shown = azure.json("az-provision vm show -n again");
    let configuration = &shown["osProfile"]["linuxConfiguration"];
    assert_eq!(
        configuration["ssh"]["publicKeys"][0]["keyData"],
        public.trim()
    );
    assert_eq!(configuration["disablePasswordAuthentication"], true);
}

#[test]
fn a_password_is_never_shown() {
    let azure = Azure::start().with_group();
    let line = format!(
        "az-provision vm create -g {GROUP} -n {VM} --size {SIZE} --admin-username azureuser --admin-password {PASSWORD} --debug"
    );
    let made = azure.run(&line).assert().success();
    let shown = format!(
        "{}{}",
        String::from_utf8_lossy(&made.get_output().stdout),
        stderr(&made)
    );
    assert!(!shown.contains(PASSWORD), "{shown}");
    assert!(shown.contains("--admin-password is visible to everyone"));
    let dry = azure
        .run(&format!("{} --dry-run", line.replace(VM, "other")))
        .assert()
        .success()
        .stdout(contains("<redacted>"));
    assert!(!String::from_utf8_lossy(&dry.get_output().stdout).contains(PASSWORD));
    assert!(!azure.log_text().contains(PASSWORD));
}

#[test]
fn an_image_that_is_not_in_the_catalogue_is_found_out_before_anything_is_made() {
    let azure = Azure::start().with_group();
    let before = azure.writes();
    azure
        .run(&format!("az-provision vm create -g {GROUP} -n {VM} --image canonical:no-such-offer:sku:latest --size {SIZE} --admin-username azureuser --admin-password-file -"))
        .write_stdin(PASSWORD)
        .assert()
        .code(3)
        .stderr(contains("there is no image 'canonical:no-such-offer:sku:latest'"));
    assert_eq!(azure.writes(), before);
}

#[test]
fn a_vault_is_created_shown_and_listed() {
    let azure = Azure::start().with_group();
    let line = format!(
        "az-provision keyvault create --location eastus --name {VAULT} --resource-group {GROUP} --enable-rbac-authorization"
    );
    let created = azure.json(&line);
    assert_eq!(created["properties"]["enableRbacAuthorization"], true);
    assert_eq!(
        created["properties"]["vaultUri"],
        format!("https://{VAULT}.vault.azure.net/")
    );
    assert_eq!(created["properties"]["provisioningState"], "Succeeded");
    assert_eq!(
        created["properties"]["tenantId"],
        azure.var("AZURE_TENANT_ID")
    );
    assert_eq!(created["resourceGroup"], GROUP);
    let before = azure.writes();
    assert_eq!(azure.json(&line), created);
    assert_eq!(azure.writes(), before, "a second creation writes nothing");
    assert_eq!(
        azure.json(&format!("az-provision keyvault show --name {VAULT}")),
        created
    );
    assert_eq!(
        azure.json("az-provision keyvault list --query [].name"),
        json!([VAULT])
    );
}

#[test]
fn a_vault_that_differs_is_a_conflict() {
    let azure = Azure::start().with_group().with_vault();
    azure
        .run(&format!("az-provision keyvault create -g {GROUP} -n {VAULT} --enable-rbac-authorization false --retention-days 7"))
        .assert()
        .code(6)
        .stderr(contains("enableRbacAuthorization is 'true', not 'false'").and(contains("retention days is '90', not '7'")));
}

#[test]
fn a_vault_name_taken_in_another_subscription_is_a_conflict() {
    let azure = Azure::with(&["--subscriptions", "2"])
        .with_group()
        .with_vault();
    let other = azure.status()["tenants"][0]["subscriptions"][1]["id"]
        .as_str()
        .expect("a second subscription")
        .to_owned();
    azure
        .run(&format!(
            "az-provision group create -n elsewhere -l eastus --subscription {other}"
        ))
        .assert()
        .success();
    azure
        .run(&format!(
            "az-provision keyvault create -g elsewhere -n {VAULT} --subscription {other}"
        ))
        .assert()
        .code(6)
        .stderr(
            contains(format!("the name '{VAULT}' is taken by another vault"))
                .and(contains("VaultAlreadyExists")),
        );
}

#[test]
fn a_deleted_vault_holds_its_name_until_it_is_recovered_or_purged() {
    let azure = Azure::start().with_group().with_vault();
    azure
        .run(&format!("az-cleanup keyvault delete -n {VAULT}"))
        .assert()
        .success();
    let create = format!("az-provision keyvault create -g {GROUP} -n {VAULT}");
    azure
        .run(&create)
        .assert()
        .code(6)
        .stderr(contains("--recover").and(contains("--purge-deleted")));
    azure.run(&format!("{create} --recover")).assert().success();
    azure
        .run(&format!("az-cleanup keyvault delete -n {VAULT}"))
        .assert()
        .success();
    azure
        .run(&format!("{create} --purge-deleted"))
        .assert()
        .code(2)
        .stderr(contains("--yes"));
    azure
        .run(&format!("{create} --purge-deleted --yes"))
        .assert()
        .success();
    assert_eq!(azure.json("az-cleanup keyvault list-deleted"), json!([]));
}

#[test]
fn a_vault_that_was_deleted_elsewhere_holds_its_name_too() {
    let azure = Azure::start().with_group();
    azure
        .run("az-provision group create -n other -l westus2")
        .assert()
        .success();
    let create = |group: &str, more: &str| {
        azure.run(&format!(
            "az-provision keyvault create -g {group} -n {VAULT} {more}"
        ))
    };
    let delete = || {
        azure
            .run(&format!("az-cleanup keyvault delete -n {VAULT}"))
            .assert()
            .success();
    };
    create(GROUP, "-l westus2").assert().success();
    delete();
    // The message names the region, and the flags that help.
    create(GROUP, "").assert().code(6).stderr(
        contains("in location 'westus2'")
            .and(contains("--recover"))
            .and(contains("--purge-deleted")),
    );
    create(GROUP, "-l eastus --recover")
        .assert()
        .code(6)
        .stderr(contains("is in location 'westus2'").and(contains("--location westus2")));
    create("other", "--recover").assert().code(6).stderr(
        contains(format!("was in resource group '{GROUP}'"))
            .and(contains(format!("--resource-group {GROUP}"))),
    );
    // Nobody chose a location: it comes back where it was.
    let recovered = json(&create(GROUP, "--recover").assert().success());
    assert_eq!(recovered["location"], "westus2");
    delete();
    let new = json(
        &create("other", "-l eastus --purge-deleted --yes")
            .assert()
            .success(),
    );
    assert_eq!(new["location"], "eastus");
    assert_eq!(azure.json("az-cleanup keyvault list-deleted"), json!([]));
}

#[test]
fn purge_protection_names_the_date() {
    let azure = Azure::start().with_group();
    let create = format!(
        "az-provision keyvault create -g {GROUP} -n {VAULT} --enable-purge-protection --retention-days 7"
    );
    azure.run(&create).assert().success();
    azure
        .run(&format!("az-cleanup keyvault delete -n {VAULT}"))
        .assert()
        .success();
    let date = azure.text(
        "az-cleanup keyvault list-deleted",
        "[0].properties.scheduledPurgeDate",
    );
    let day = &date[..10];
    azure
        .run(&format!("{create} --purge-deleted --yes"))
        .assert()
        .code(6)
        .stderr(contains(day));
    azure
        .run(&format!("az-cleanup keyvault purge -n {VAULT}"))
        .assert()
        .code(6)
        .stderr(contains(day));
    azure.run(&format!("{create} --recover")).assert().success();
}

#[test]
fn all_makes_the_group_then_the_machine_and_the_vault() {
    let azure = Azure::start();
    let line = format!(
        "az-provision all -g {GROUP} -l eastus -n {VM} --vault-name {VAULT} --size {SIZE} --admin-username azureuser --admin-password-file -"
    );
    let made = json(&azure.run(&line).write_stdin(PASSWORD).assert().success());
    assert_eq!(made["group"]["name"], GROUP);
    assert_eq!(made["vm"]["powerState"], "VM running");
    assert_eq!(made["keyvault"]["name"], VAULT);
    let before = azure.writes();
    let again = json(&azure.run(&line).write_stdin(PASSWORD).assert().success());
    assert_eq!(again, made);
    // Azure was asked to compare the password, which it does not show.
    assert_eq!(azure.writes(), before + 1);
}

#[test]
fn when_the_machine_fails_the_vault_is_still_made() {
    let azure = Azure::start().with_group();
    // Azure keeps five addresses of a subnet: nobody knows that it is full before one more is asked for.
    azure
        .run(&format!(
            "az-provision vm create -g {GROUP} -n other --count 3 --subnet-address-prefix 10.0.0.0/29 --generate-ssh-keys"
        ))
        .assert()
        .success();
    let line = format!(
        "az-provision all -g {GROUP} -l eastus -n {VM} --vault-name {VAULT} --size {SIZE} --admin-username azureuser --admin-password-file -"
    );
    azure
        .run(&line)
        .write_stdin(PASSWORD)
        .assert()
        .code(1)
        .stderr(contains("SubnetIsFull").and(contains("run the same command again")));
    azure
        .run(&format!("az-provision keyvault show -g {GROUP} -n {VAULT}"))
        .assert()
        .success();
    azure
        .run(&format!("{line} --vnet-name wider"))
        .write_stdin(PASSWORD)
        .assert()
        .success();
}

#[test]
fn a_missing_provider_registration_is_made() {
    let azure = Azure::start().with_group();
    let client = end_to_end::http::Client::new(&azure);
    let bearer = format!(
        "Bearer {}",
        client.token("https://management.azure.com/.default")
    );
    let url = format!(
        "https://management.azure.com/subscriptions/{}/providers/Microsoft.KeyVault/unregister?api-version=2024-11-01",
        azure.var("AZURE_SUBSCRIPTION_ID")
    );
    let unregistered = client.send("POST", &url, &[("authorization", &bearer)], None);
    assert_eq!(unregistered.status, 200, "{}", unregistered.text);
    let made = azure
        .run(&format!(
            "az-provision keyvault create -g {GROUP} -n {VAULT}"
        ))
        .assert()
        .success();
    let log = azure.log();
    let url = |one: &Value| one["url"].as_str().unwrap_or_default().to_owned();
    assert!(
        log.iter()
            .any(|one| url(one).contains("/providers/Microsoft.KeyVault/register?")),
        "{}",
        stderr(&made)
    );
    assert!(stderr(&made).contains("Microsoft.KeyVault is not registered"));
}

#[test]
fn the_default_size_is_that_of_az_and_another_one_is_a_conflict() {
    let azure = Azure::apart().with_group();
    let line = format!(
        "az-provision vm create -g {GROUP} -n {VM} --admin-username azureuser --admin-password-file -"
    );
    azure.run(&line).write_stdin(PASSWORD).assert().success();
    assert_eq!(
        azure.text(
            &format!("az-provision vm show -n {VM}"),
            "hardwareProfile.vmSize"
        ),
        "Standard_D2s_v5"
    );
    let other = azure
        .run(&format!("{line} --size Standard_B1s"))
        .write_stdin(PASSWORD)
        .assert()
        .code(6);
    other.stderr(contains("size is 'Standard_D2s_v5', not 'Standard_B1s'"));
}
