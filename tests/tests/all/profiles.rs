//! The local Azure as slow and as strict as the public cloud, and its clock running fast. No test waits for what takes time: the
//! clock is moved, or runs.

use end_to_end::{Azure, GROUP, IDENTITY, SIZE, VAULT, VM, http::Client};
use serde_json::{Value, json};

const ARM: &str = "https://management.azure.com";
const ARM_SCOPE: &str = "https://management.azure.com/.default";
const VAULT_SCOPE: &str = "https://vault.azure.net/.default";
const READS: &str = "x-ms-ratelimit-remaining-subscription-reads";

fn advance(azure: &Azure, by: &str) {
    azure
        .local()
        .args(["clock", "advance", by])
        .assert()
        .success();
}

fn clock(azure: &Azure) -> Value {
    let mut command = azure.local();
    let shown = command.args(["clock", "show"]).assert().success();
    serde_json::from_slice(&shown.get_output().stdout).expect("JSON")
}

fn seconds_ahead(azure: &Azure) -> f64 {
    clock(azure)["aheadSeconds"].as_f64().expect("a number")
}

fn remaining(answer: &end_to_end::http::Answer, name: &str) -> u32 {
    let value = answer.header(name);
    value
        .parse()
        .unwrap_or_else(|_| panic!("{name}: '{value}'"))
}

/// Sends a request until it is refused, and gives the answer that refuses it. The bucket fills meanwhile.
fn until_refused(
    mut send: impl FnMut() -> end_to_end::http::Answer,
    most: u32,
) -> end_to_end::http::Answer {
    for _ in 0..most {
        let answer = send();
        if answer.status == 429 {
            return answer;
        }
    }
    panic!("{most} requests were taken");
}

#[test]
fn resource_manager_counts_requests_and_refuses_one_too_many() {
    let azure = Azure::with(&["--throttle"]);
    let client = Client::new(&azure);
    let token = client.token(ARM_SCOPE);
    let subscription = azure.var("AZURE_SUBSCRIPTION_ID");
    let url = format!("{ARM}/subscriptions/{subscription}/resourcegroups?api-version=2022-09-01");
    let first = client.get(&url, &token);
    assert_eq!(first.status, 200);
    assert_eq!(remaining(&first, READS), 249);
    let global = "x-ms-ratelimit-remaining-subscription-global-reads";
    assert_eq!(remaining(&first, global), 3749);
    // Refused or not: it counts.
    let missing = client.get(&format!("{ARM}/subscriptions/{subscription}/x"), &token);
    assert!(missing.status >= 400);
    assert!((247..250).contains(&remaining(&missing, READS)));

    let refused = until_refused(|| client.get(&url, &token), 20_000);
    assert_eq!(refused.code(), "SubscriptionRequestsThrottled");
    assert_eq!(refused.header("retry-after"), "10");
    assert!(refused.header("x-ms-retry-after-ms").is_empty());
    let message = refused.json()["error"]["message"].to_string();
    assert!(
        message.contains("Number of 'read' requests for subscription"),
        "{message}"
    );
    assert!(
        message.contains("try again after '10' seconds"),
        "{message}"
    );
    advance(&azure, "10s");
    assert_eq!(remaining(&client.get(&url, &token), READS), 249);

    // Writes, deletes and what has no subscription are counted by themselves.
    let authorization = format!("Bearer {token}");
    let send = |method: &str, path: &str, body: Option<Value>| {
        let url = format!("{ARM}{path}?api-version=2022-09-01");
        let headers = [("authorization", authorization.as_str())];
        client.send(method, &url, &headers, body.map(|body| body.to_string()))
    };
    let group = format!("/subscriptions/{subscription}/resourcegroups/counted");
    let made = send("PUT", &group, Some(json!({"location": "eastus"})));
    assert_eq!(made.status, 201);
    assert_eq!(
        remaining(&made, "x-ms-ratelimit-remaining-subscription-writes"),
        199
    );
    let deleted = send("DELETE", &group, None);
    assert_eq!(deleted.status, 202);
    assert_eq!(
        remaining(&deleted, "x-ms-ratelimit-remaining-subscription-deletes"),
        199
    );
    let listed = send("GET", "/subscriptions", None);
    assert_eq!(
        remaining(&listed, "x-ms-ratelimit-remaining-tenant-reads"),
        249
    );
    assert!(listed.header(READS).is_empty());
}

#[test]
fn without_throttles_nothing_is_counted() {
    let azure = Azure::apart();
    let client = Client::new(&azure);
    let token = client.token(ARM_SCOPE);
    let url = format!("{ARM}/subscriptions?api-version=2022-09-01");
    for _ in 0..300 {
        let answer = client.get(&url, &token);
        assert_eq!(answer.status, 200);
        assert!(
            answer
                .headers
                .keys()
                .all(|name| !name.as_str().contains("ratelimit"))
        );
    }
}

#[test]
fn a_vault_takes_so_many_secrets_in_ten_seconds() {
    let azure = Azure::with(&["--throttle", "--role-delay", "0s"]).with_secrets();
    let client = Client::new(&azure);
    let token = client.token(VAULT_SCOPE);
    let url = format!("https://{VAULT}.vault.azure.net/secrets/s?api-version=7.4");
    let headers = [("authorization", &*format!("Bearer {token}"))];
    let write = || {
        client.send(
            "PUT",
            &url,
            &headers,
            Some(json!({"value": "v"}).to_string()),
        )
    };
    let refused = until_refused(write, 20_000);
    assert_eq!(
        refused.json(),
        json!({"error": {
            "code": "Throttled",
            "message": "Request was not processed because too many requests were received. Reason: \
                        VaultRequestTypeLimitReached",
        }})
    );
    assert!(refused.header("retry-after").is_empty());
    // Reads are counted by themselves, and after ten seconds all is as before.
    assert_eq!(client.get(&url, &token).status, 200);
    advance(&azure, "10s");
    for _ in 0..300 {
        assert_eq!(write().status, 200);
    }
}

#[test]
fn a_machine_asks_its_metadata_service_so_often_in_a_second() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = Azure::with(&["--throttle"]).with_group().with_vm();
    let proxy = azure
        .on_machine(VM, "printenv HTTP_PROXY")
        .assert()
        .success();
    let proxy = String::from_utf8_lossy(&proxy.get_output().stdout);
    let client = Client::through(&azure, proxy.trim());
    let metadata = "http://169.254.169.254/metadata";
    let get = |path: &str| {
        client.send(
            "GET",
            &format!("{metadata}/{path}"),
            &[("metadata", "true")],
            None,
        )
    };
    let refused = until_refused(|| get("instance?api-version=2021-02-01"), 20_000);
    assert_eq!(refused.status, 429);
    let identity = "identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net";
    let refused = until_refused(|| get(identity), 20_000);
    assert_eq!(
        refused.json(),
        json!({"error": "invalid_request", "error_description": "Temporarily throttled, too many requests"})
    );
    advance(&azure, "1s");
    for _ in 0..5 {
        assert_eq!(get("instance?api-version=2021-02-01").status, 200);
    }
}

#[test]
fn with_the_profile_azure_a_machine_takes_its_time() {
    let azure = Azure::with(&["--profile", "azure"]).with_group();
    let client = Client::new(&azure);
    let token = client.token(ARM_SCOPE);
    let headers = [("authorization", &*format!("Bearer {token}"))];
    let group = format!(
        "{ARM}/subscriptions/{}/resourceGroups/{GROUP}/providers",
        azure.var("AZURE_SUBSCRIPTION_ID")
    );
    let put = |path: &str, version: &str, body: Value| {
        let url = format!("{group}/{path}?api-version={version}");
        let answer = client.send("PUT", &url, &headers, Some(body.to_string()));
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer
    };
    let network = put(
        "Microsoft.Network/virtualNetworks/network",
        "2022-01-01",
        json!({"location": "eastus", "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": [{"name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}],
        }}),
    );
    assert_eq!(network.header("retry-after"), "3");
    advance(&azure, "3s");
    let subnet = network.json()["properties"]["subnets"][0]["id"].clone();
    let interface = put(
        "Microsoft.Network/networkInterfaces/interface",
        "2022-01-01",
        json!({"location": "eastus", "properties": {"ipConfigurations": [
            {"name": "c", "properties": {"subnet": {"id": subnet}}},
        ]}}),
    );
    advance(&azure, "1s");
    let machine = put(
        "Microsoft.Compute/virtualMachines/machine",
        "2024-07-01",
        json!({"location": "eastus", "properties": {
            "hardwareProfile": {"vmSize": SIZE},
            "storageProfile": {"imageReference": {
                "publisher": "Canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts-gen2", "version": "latest",
            }},
            "osProfile": {"computerName": "m", "adminUsername": "azureuser", "adminPassword": "Correct-Horse-1"},
            "networkProfile": {"networkInterfaces": [{"id": interface.json()["id"]}]},
        }}),
    );
    assert_eq!(machine.header("retry-after"), "10");
    assert!(machine.header("x-ms-retry-after-ms").is_empty());
    let operation = machine.header("azure-asyncoperation").to_owned();
    let status = || {
        let answer = client.get(&operation, &token);
        (
            answer.json()["status"].clone(),
            answer.header("retry-after").to_owned(),
        )
    };
    assert_eq!(status(), (json!("InProgress"), "10".to_owned()));
    // It is 68 seconds, of which the test itself takes some.
    advance(&azure, "38s");
    assert_eq!(status().0, json!("InProgress"));
    advance(&azure, "30s");
    assert_eq!(status(), (json!("Succeeded"), String::new()));
    let shown = client.get(
        &format!("{group}/Microsoft.Compute/virtualMachines/machine?api-version=2024-07-01"),
        &token,
    );
    assert_eq!(shown.json()["properties"]["provisioningState"], "Succeeded");
    // The profile has the throttles too.
    assert!(remaining(&shown, READS) < 250);

    let status = azure.status();
    assert_eq!(
        (&status["profile"], &status["throttle"]),
        (&json!("azure"), &json!(true))
    );
    let described = azure.local().arg("status").assert().success();
    let described = String::from_utf8_lossy(&described.get_output().stdout).into_owned();
    assert!(
        described.contains("profile  azure, throttle on"),
        "{described}"
    );
    assert!(
        described.contains("operation-time as in Azure"),
        "{described}"
    );
}

#[test]
fn a_profile_stays_with_its_folder_and_single_knobs_win() {
    let mut azure = Azure::with(&[
        "--profile",
        "azure",
        "--operation-time",
        "1s",
        "--throttle=off",
    ]);
    let knobs = |azure: &Azure| {
        let status = azure.status();
        let knobs = &status["knobs"];
        (
            status["profile"].clone(),
            status["throttle"].clone(),
            knobs["operation_ms"].clone(),
            knobs["typical_operations"].clone(),
            knobs["typical_retry_after"].clone(),
        )
    };
    let as_started = (
        json!("azure"),
        json!(false),
        json!(1000),
        json!(false),
        json!(true),
    );
    assert_eq!(knobs(&azure), as_started);
    azure.local().arg("stop").assert().success();
    azure.launch(&[]);
    assert_eq!(knobs(&azure), as_started);
    azure.local().arg("stop").assert().success();
    azure.launch(&["--profile", "quick"]);
    let quick = (
        json!("quick"),
        json!(false),
        json!(150),
        json!(false),
        json!(false),
    );
    assert_eq!(knobs(&azure), quick);
}

#[test]
fn a_fast_clock_goes_on_after_a_stop_and_after_a_crash() {
    let mut azure = Azure::with(&["--speed", "1000"]);
    let first = seconds_ahead(&azure);
    assert_eq!(clock(&azure)["speed"], 1000);
    assert_eq!(clock(&azure)["profile"], "quick");
    azure.local().arg("stop").assert().success();
    azure.launch(&[]);
    assert_eq!(clock(&azure)["speed"], 1000, "the speed is kept");
    let second = seconds_ahead(&azure);
    assert!(second > first, "{second} {first}");
    azure.kill();
    azure.launch(&["--speed", "1"]);
    let third = seconds_ahead(&azure);
    assert!(third >= second, "{third} {second}");
    assert_eq!(seconds_ahead(&azure), third, "it gains no more");
}

#[test]
fn a_token_is_good_for_as_long_as_its_holder_takes_it_for() {
    let azure = Azure::with(&["--speed", "10000", "--token-lifetime", "1h"]);
    let client = Client::new(&azure);
    let token = client.token(ARM_SCOPE);
    let now = |url: &str| {
        let answer = client.get(url, &token);
        (answer.status, answer.header("date").to_owned())
    };
    let url = format!("{ARM}/subscriptions?api-version=2022-09-01");
    // More than an hour passes by the instance's clock.
    let before = seconds_ahead(&azure);
    while seconds_ahead(&azure) < before + 4000.0 {
        assert_eq!(now(&url).0, 200);
    }
    assert_eq!(now(&url).0, 200);
    // The date is one that a client can hold against its own.
    let date = httpdate(&now(&url).1);
    let real = time::OffsetDateTime::now_utc();
    assert!(
        (date - real).abs() < time::Duration::minutes(1),
        "{date} {real}"
    );
    // Moved by hand, the clock ends the token as ever.
    advance(&azure, "2h");
    assert_eq!(now(&url).0, 401);
}

fn httpdate(text: &str) -> time::OffsetDateTime {
    let form = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    time::PrimitiveDateTime::parse(text, form)
        .expect("a date")
        .assume_utc()
}

#[test]
fn at_a_thousand_times_the_speed_the_tutorial_takes_the_public_clouds_times() {
    let azure = Azure::with(&["--profile", "azure", "--speed", "1000"]);
    let ok = |line: &str| drop(azure.run(line).assert().success());
    ok(&format!(
        "az-provision group create -n {GROUP} -l eastus -o none"
    ));
    ok(&format!(
        "az-provision all -g {GROUP} -l eastus --vm-name {VM} --vault-name {VAULT} --size {SIZE} --generate-ssh-keys -o none"
    ));
    ok(&format!(
        "az-identity create -g {GROUP} -n {IDENTITY} -o none"
    ));
    ok(&format!(
        "az-identity vm assign -g {GROUP} -n {VM} --identities {IDENTITY} -o none"
    ));
    let show = format!("az-identity show -g {GROUP} -n {IDENTITY}");
    azure.grant(&azure.text(&show, "principalId"), end_to_end::OFFICER);
    azure
        .on_machine(VM, "kv-set quickstart-secret --wait-for-access 1m")
        .write_stdin("createdWithRust")
        .assert()
        .success();
    // Of the fifteen seconds that a client is asked to wait a thousandth is told, and no less than one.
    let client = Client::new(&azure);
    let authorization = format!("Bearer {}", client.token(ARM_SCOPE));
    let subscription = azure.var("AZURE_SUBSCRIPTION_ID");
    ok("az-provision group create -n short -l eastus -o none");
    let url =
        format!("{ARM}/subscriptions/{subscription}/resourcegroups/short?api-version=2022-09-01");
    let deleted = client.send("DELETE", &url, &[("authorization", &authorization)], None);
    assert_eq!((deleted.status, deleted.header("retry-after")), (202, "1"));
    ok("az-provision group wait -n short --deleted");
    ok(&format!("az-cleanup all -g {GROUP} -y"));
    let left = azure.json("az-provision group list");
    assert_eq!(left, json!([]));
}
