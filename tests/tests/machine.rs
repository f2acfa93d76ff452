//! The life of a machine: its power, its end, the sizes that there are.

use end_to_end::{Azure, GROUP, VM};
use predicates::{prelude::*, str::contains};

fn power_state(azure: &Azure) -> String {
    azure.text(
        &format!("az-provision vm show -d -g {GROUP} -n {VM}"),
        "powerState",
    )
}

#[test]
fn a_machine_is_stopped_deallocated_started_and_restarted() {
    let azure = Azure::start().with_group().with_vm();
    for (verb, state) in [
        ("stop", "VM stopped"),
        ("stop --skip-shutdown", "VM stopped"),
        ("start", "VM running"),
        ("deallocate", "VM deallocated"),
        ("deallocate", "VM deallocated"),
        ("start", "VM running"),
        ("restart", "VM running"),
    ] {
        azure
            .run(&format!("az-provision vm {verb} -g {GROUP} -n {VM}"))
            .assert()
            .success()
            .stdout("");
        assert_eq!(power_state(&azure), state, "after {verb}");
    }
    // Found by its name alone, and not waited for.
    azure
        .run(&format!("az-provision vm deallocate -n {VM} --no-wait"))
        .assert()
        .success();
    assert_eq!(power_state(&azure), "VM deallocated");
}

/// A machine that is off has no network: nobody runs there, and nobody gets a token as it.
#[test]
fn a_stopped_machine_does_nothing() {
    let azure = Azure::start().with_group().with_vm();
    azure
        .run(&format!("az-provision vm stop -n {VM}"))
        .assert()
        .success();
    azure.on_machine(VM, "true").assert().failure();
    azure
        .run(&format!("az-provision vm start -n {VM}"))
        .assert()
        .success();
    azure.on_machine(VM, "true").assert().success();
}

#[test]
fn a_machine_is_deleted_alone_and_only_when_that_is_meant() {
    let azure = Azure::start().with_group().with_vm();
    let delete = format!("az-provision vm delete -g {GROUP} -n {VM}");
    azure
        .run(&delete)
        .assert()
        .code(2)
        .stderr(contains("--yes"));
    let before = azure.writes();
    azure
        .run(&format!("{delete} --dry-run --force-deletion"))
        .assert()
        .success()
        .stdout(contains("DELETE").and(contains("forceDeletion=true")));
    assert_eq!(azure.writes(), before, "a dry run sends no write");
    azure
        .run(&format!("{delete} --yes"))
        .assert()
        .success()
        .stdout("");
    azure
        .run(&format!("az-provision vm show -g {GROUP} -n {VM}"))
        .assert()
        .code(3);
    // What is gone already is no error.
    azure.run(&format!("{delete} --yes")).assert().success();
    // Its network and its disk stay, as with `az`; the same machine can be made again on them.
    let left = azure.json("az-provision vm list");
    assert_eq!(left, serde_json::json!([]));
    azure.create_vm(VM);
}

#[test]
fn a_machine_that_is_not_there_says_so() {
    let azure = Azure::start().with_group();
    for verb in ["start", "stop", "deallocate", "restart"] {
        azure
            .run(&format!("az-provision vm {verb} -g {GROUP} -n none"))
            .assert()
            .code(3)
            .stderr(contains("'none'"));
    }
    azure.run("az-provision vm start -n bad_").assert().code(2);
}

#[test]
fn sizes_are_those_of_a_location() {
    let azure = Azure::start();
    let sizes = azure.json("az-provision vm list-sizes -l eastus");
    let found = sizes
        .as_array()
        .into_iter()
        .flatten()
        .find(|size| size["name"] == "Standard_D2s_v5")
        .expect("az's default size");
    assert_eq!(
        (&found["numberOfCores"], &found["memoryInMB"]),
        (&serde_json::json!(2), &serde_json::json!(8192))
    );
    azure
        .run("az-provision vm list-sizes -l atlantis!")
        .assert()
        .code(2);
}

#[test]
fn a_script_runs_on_the_machine_as_the_machine() {
    let azure = Azure::start().with_group().with_vm();
    let invoke = |script: &str, parameters: &[&str]| {
        let mut command = azure.tool("az-provision");
        command.args(["vm", "run-command", "invoke", "-g", GROUP, "-n", VM]);
        command.args(["--command-id", "RunShellScript", "--scripts", script]);
        if !parameters.is_empty() {
            command.arg("--parameters").args(parameters);
        }
        end_to_end::json(&command.assert().success())
    };
    let said = |output: &serde_json::Value| {
        output["value"][0]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let place = invoke("printenv HTTP_PROXY", &[]);
    let proxy = said(&place);
    let proxy = proxy
        .split_once("[stdout]\n")
        .and_then(|(_, rest)| rest.lines().next())
        .expect("a line");
    assert_eq!(
        place,
        serde_json::json!({"value": [{
            "code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded",
            "message": format!("Enable succeeded: \n[stdout]\n{proxy}\n\n[stderr]\n"),
        }]})
    );
    let answer = end_to_end::http::Client::through(&azure, proxy).send(
        "GET",
        "http://169.254.169.254/metadata/instance/compute/name?api-version=2021-02-01&format=text",
        &[("metadata", "true")],
        None,
    );
    assert_eq!(answer.text, VM);
    // As with Azure, a script that fails is known by what it says.
    let failed = invoke(
        "echo \"$1 $user\"; echo bad >&2; exit 3",
        &["hello", "user=me"],
    );
    assert_eq!(
        said(&failed),
        "Enable succeeded: \n[stdout]\nhello me\n\n[stderr]\nbad\n"
    );
    assert!(
        !azure.log_text().contains("\"hello\""),
        "parameters may be secrets"
    );
    // Only the end of a long output comes back.
    let long = said(&invoke(
        "head -c 100000 /dev/zero | tr '\\0' x; echo end",
        &[],
    ));
    assert!(
        long.ends_with("xend\n\n[stderr]\n") && long.len() < 4200,
        "{}",
        long.len()
    );
    // A script from standard input.
    let mut piped = azure.run(&format!(
        "az-provision vm run-command invoke -n {VM} --command-id RunShellScript --scripts @-"
    ));
    let piped = piped
        .write_stdin("a=1\nb=2\necho $((a + b))\n")
        .assert()
        .success();
    assert!(said(&end_to_end::json(&piped)).contains("[stdout]\n3\n"));
}

#[test]
fn a_script_needs_a_machine_that_runs_and_waits_its_turn() {
    let azure = Azure::start().with_group().with_vm();
    let invoke = |script: &str, more: &[&str]| {
        let mut command = azure.tool("az-provision");
        command.args(["vm", "run-command", "invoke", "-n", VM]);
        command.args(["--command-id", "RunShellScript", "--scripts", script]);
        command.args(more).assert()
    };
    let before = azure.writes();
    invoke(
        "echo $TOKEN",
        &["--dry-run", "--parameters", "TOKEN=very-secret"],
    )
    .success()
    .stdout(contains("/runCommand").and(contains("very-secret").not()));
    invoke(" ", &[]).code(2);
    assert_eq!(azure.writes(), before);
    let marker = azure.scratch().join("marker");
    let wait = format!("until [ -e {} ]; do sleep 0.05; done", marker.display());
    invoke(&wait, &["--no-wait"]).success().stdout("");
    invoke("true", &[]).code(6).stderr(contains("in progress"));
    std::fs::write(&marker, "").expect("a file");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while invoke("true", &["--no-wait"]).try_success().is_err() {
        assert!(
            std::time::Instant::now() < deadline,
            "the first script does not end"
        );
    }
    azure
        .run(&format!("az-provision vm deallocate -n {VM}"))
        .assert()
        .success();
    invoke("true", &[]).code(6).stderr(contains("running"));
}
