//! Check first, write last: what is refused leaves nothing behind, whichever command refuses it; and what is being deleted
//! is not there.

use end_to_end::{Azure, GROUP, VAULT, VM, http::Client, json, stderr};
use predicates::str::contains;
use serde_json::{Value, json};

/// What is there before, how the command differs from the plain one, its exit status and a word of its message.
struct Case {
    before: &'static str,
    flags: &'static str,
    status: i32,
    word: &'static str,
}

const fn case(before: &'static str, flags: &'static str, status: i32, word: &'static str) -> Case {
    Case {
        before,
        flags,
        status,
        word,
    }
}

/// What no machine can be made with, and what is in the way of one.
const MACHINES: &[Case] = &[
    case("", "--size Standard_Nope", 3, "there is no size"),
    case(
        "",
        "--image Canonical:ubuntu-24_04-lts:nope:latest",
        3,
        "there is no image",
    ),
    case(
        "",
        "--assign-identity nobody",
        3,
        "no user-assigned identity",
    ),
    case(
        "",
        "--image Win2022Datacenter --generate-ssh-keys",
        2,
        "takes a password and no SSH keys",
    ),
    case("", "--nsg= --open-ports 80", 2, "asks for none"),
    case("", "--nsg= --nsg-rule SSH", 2, "asks for none"),
    case(
        "",
        "--public-ip-address= --public-ip-sku Standard",
        2,
        "asks for none",
    ),
    case(
        "az-provision vm create -g GROUP -n VM --generate-ssh-keys",
        "--size Standard_D2s_v3",
        6,
        "size is",
    ),
    case(
        "az-provision vm create -g GROUP -n VM --generate-ssh-keys",
        "--open-ports 443",
        6,
        "does not open port 443",
    ),
    case(
        "NSG",
        "--nsg taken --open-ports 443",
        6,
        "does not open port 443",
    ),
    case("NSG", "--nsg taken --nsg-rule NONE", 6, "opens port 22"),
    case(
        "ADDRESS",
        "--public-ip-address taken --public-ip-sku Basic",
        6,
        "SKU 'Standard', not 'Basic'",
    ),
    case(
        "USED",
        "--public-ip-address taken",
        6,
        "user is 'otherVMNic'",
    ),
    case(
        "USED",
        "--vnet-address-prefix 10.9.0.0/16 --subnet-address-prefix 10.9.0.0/24 --vnet-name otherVNET",
        6,
        "not 10.9.0.0/16",
    ),
];

/// Prepares what a case finds.
fn prepare(azure: &Azure, before: &str) {
    let address =
        json!({"sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}});
    let line = match before {
        "" => return,
        "NSG" => "az-provision vm create -g GROUP -n other --nsg taken --generate-ssh-keys",
        "USED" => {
            "az-provision vm create -g GROUP -n other --public-ip-address taken --generate-ssh-keys"
        }
        "ADDRESS" => return put(azure, "publicIPAddresses/taken", address),
        line => line,
    };
    let line = line
        .replace("GROUP", GROUP)
        .replace("VM ", &format!("{VM} "));
    azure.run(&line).assert().success();
}

/// Makes a resource of the group's network that the tools do not make alone.
fn put(azure: &Azure, resource: &str, mut body: Value) {
    body["location"] = "eastus".into();
    let client = Client::new(azure);
    let bearer = format!(
        "Bearer {}",
        client.token("https://management.azure.com/.default")
    );
    let url = format!(
        "https://management.azure.com/subscriptions/{}/resourceGroups/{GROUP}/providers/Microsoft.Network/{resource}?api-version=2024-05-01",
        azure.var("AZURE_SUBSCRIPTION_ID")
    );
    let answer = client.send(
        "PUT",
        &url,
        &[("authorization", &bearer)],
        Some(body.to_string()),
    );
    assert!(answer.status < 300, "{}", answer.text);
}

#[test]
fn what_a_machine_is_refused_for_leaves_nothing_behind() {
    for Case {
        before,
        flags,
        status,
        word,
    } in MACHINES
    {
        let azure = Azure::start().with_group();
        prepare(&azure, before);
        let writes = azure.writes();
        let keys = if flags.contains("ssh-keys") {
            ""
        } else {
            "--generate-ssh-keys"
        };
        for command in [
            format!("az-provision vm create -g {GROUP} -n {VM} {keys} {flags}"),
            format!("az-provision vm create -g {GROUP} -n {VM} --tags a=b {keys} {flags}"),
            format!(
                "az-provision all --plan -g {GROUP} -l eastus --vm-name {VM} --vault-name {VAULT} {keys} {flags}"
            ),
            format!(
                "az-provision all -g {GROUP} -l eastus --vm-name {VM} --vault-name {VAULT} --tags a=b {keys} {flags}"
            ),
        ] {
            let refused = azure.run(&command).assert().code(*status);
            let shown = stderr(&refused) + &String::from_utf8_lossy(&refused.get_output().stdout);
            assert!(shown.contains(word), "{command}\n{shown}");
            assert_eq!(azure.writes(), writes, "{command}\n{shown}");
        }
    }
}

#[test]
fn what_one_part_of_all_is_refused_for_keeps_the_others_from_being_made() {
    const NAMES: &[Case] = &[
        case("", "--size Standard_Nope", 3, "there is no size"),
        case("", "-l nowhere", 1, "in location 'nowhere'"),
        case(
            "az-provision group create -n elsewhere -l westeurope\n\
             az-provision keyvault create -g elsewhere -n VAULT",
            "",
            6,
            "is taken by another vault",
        ),
        case(
            "az-provision group create -n elsewhere -l westeurope\n\
             az-provision keyvault create -g elsewhere -n VAULT\n\
             az-cleanup keyvault delete -n VAULT -y",
            "",
            6,
            "a deleted vault in location 'westeurope' holds the name",
        ),
        case(
            "az-provision group create -n elsewhere -l westeurope\n\
             az-provision keyvault create -g elsewhere -n VAULT\n\
             az-cleanup keyvault delete -n VAULT -y",
            "--recover",
            6,
            "can be recovered only there",
        ),
        case(
            "az-provision group create -n GROUP -l westeurope",
            "",
            6,
            "in location 'westeurope'",
        ),
    ];
    for Case {
        before,
        flags,
        status,
        word,
    } in NAMES
    {
        let azure = Azure::start();
        for line in before.lines() {
            let line = line.replace("GROUP", GROUP).replace("VAULT", VAULT);
            azure.run(&line).assert().success();
        }
        let (groups, writes) = (azure.json("az-provision group list"), azure.writes());
        let location = if flags.contains("-l ") {
            ""
        } else {
            "-l eastus"
        };
        let all = format!(
            "az-provision all -g {GROUP} {location} --vm-name {VM} --vault-name {VAULT} --tags a=b --generate-ssh-keys {flags}"
        );
        for command in [format!("{all} --plan"), all] {
            let refused = azure.run(&command).assert().code(*status);
            let shown = stderr(&refused) + &String::from_utf8_lossy(&refused.get_output().stdout);
            assert!(shown.contains(word), "{command}\n{shown}");
            assert_eq!(azure.writes(), writes, "{command}\n{shown}");
        }
        assert_eq!(azure.json("az-provision group list"), groups);
        let keys = azure.scratch().join("home/.ssh/id_ed25519");
        assert!(!keys.exists(), "{}", keys.display());
    }
}

#[test]
fn what_is_being_deleted_is_made_anew_once_it_is_gone() {
    let azure = Azure::with(&[]);
    let ok = |line: &str| drop(azure.run(line).assert().success());
    // What is deleted is there for a while yet.
    let delete = |line: &str| {
        set(&azure, "operation-time", "1s");
        ok(line);
        set(&azure, "operation-time", "150ms");
    };
    let all = format!(
        "az-provision all -g {GROUP} -l eastus --vm-name {VM} --vault-name {VAULT} --purge-deleted -y --generate-ssh-keys -o none"
    );
    ok(&all);
    let show = format!("az-provision vm show -g {GROUP} -n {VM}");
    let first = azure.text(&show, "vmId");
    delete(&format!(
        "az-provision vm delete -g {GROUP} -n {VM} -y --no-wait"
    ));
    ok(&format!(
        "az-provision vm create -g {GROUP} -n {VM} --generate-ssh-keys"
    ));
    let second = azure.text(&show, "vmId");
    assert_ne!(first, second);

    delete(&format!("az-cleanup group delete -n {GROUP} -y --no-wait"));
    ok(&format!("{all} --plan"));
    ok(&all);
    assert_ne!(azure.text(&show, "vmId"), second);

    ok(&format!("az-identity create -g {GROUP} -n one"));
    delete(&format!("az-cleanup group delete -n {GROUP} -y --no-wait"));
    ok(&format!(
        "az-provision group create -n {GROUP} -l westeurope"
    ));
    let show = format!("az-provision group show -n {GROUP}");
    assert_eq!(azure.text(&show, "location"), "westeurope");
}

fn set(azure: &Azure, knob: &str, to: &str) {
    azure.local().args(["set", knob, to]).assert().success();
}

#[test]
fn a_machine_in_a_group_that_is_being_deleted_is_a_conflict() {
    let azure = Azure::with(&[]).with_group();
    set(&azure, "operation-time", "1h");
    azure
        .run(&format!("az-cleanup group delete -n {GROUP} -y --no-wait"))
        .assert()
        .success();
    azure
        .run(&format!(
            "az-provision vm create -g {GROUP} -n {VM} --generate-ssh-keys"
        ))
        .assert()
        .code(6)
        .stderr(contains("is being deleted"));
}

#[test]
fn of_several_machines_each_that_differs_is_named_and_none_is_made() {
    let azure = Azure::start().with_group();
    let create = format!("az-provision vm create -g {GROUP} -n vm --count 3 --generate-ssh-keys");
    let made = json(&azure.run(&create).assert().success());
    assert_eq!(made.as_array().map(Vec::len), Some(3));
    // One of another size: all are refused, and it is named.
    let writes = azure.writes();
    azure
        .run(&format!("{create} --size Standard_D2s_v3"))
        .assert()
        .code(6)
        .stderr(contains(
            "virtual machines 'vm0', 'vm1', 'vm2': it exists already, and its size is",
        ));
    assert_eq!(azure.writes(), writes);
}

#[test]
fn machines_that_were_made_beside_one_that_failed_are_printed() {
    let azure = Azure::start().with_group();
    // Azure keeps five addresses of a subnet, so that three of these eight can be had.
    let create = format!(
        "az-provision vm create -g {GROUP} -n vm --count 4 --subnet-address-prefix 10.0.0.0/29 --generate-ssh-keys"
    );
    let ended = azure
        .run(&create)
        .assert()
        .failure()
        .stderr(contains("1 of 4 machines were not made"));
    assert_eq!(json(&ended).as_array().map(Vec::len), Some(3));
}
