//! What the local Azure answers to requests that no well-behaved client sends: the error bodies of Azure.

use end_to_end::{Azure, GROUP, IDENTITY, VAULT, VM, http::Client};
use serde_json::{Value, json};

const ARM: &str = "https://management.azure.com";
const ARM_SCOPE: &str = "https://management.azure.com/.default";
const VAULT_SCOPE: &str = "https://vault.azure.net/.default";
const IMDS: &str = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net";

#[test]
fn without_a_token_the_challenge_says_where_to_get_one() {
    let azure = Azure::apart().with_group().with_vault();
    let client = Client::new(&azure);
    let arm = client.send(
        "GET",
        &format!("{ARM}/subscriptions?api-version=2022-12-01"),
        &[],
        None,
    );
    assert_eq!(
        (arm.status, arm.code().as_str()),
        (401, "AuthenticationFailed")
    );
    assert!(
        arm.header("www-authenticate")
            .starts_with("Bearer authorization_uri=")
    );
    let vault = client.send(
        "GET",
        &format!("https://{VAULT}.vault.azure.net/secrets/s?api-version=7.4"),
        &[],
        None,
    );
    assert_eq!((vault.status, vault.code().as_str()), (401, "Unauthorized"));
    assert_eq!(
        vault.header("www-authenticate"),
        format!(
            "Bearer authorization=\"https://login.microsoftonline.com/{}\", resource=\"https://vault.azure.net\"",
            azure.var("AZURE_TENANT_ID")
        )
    );
}

#[test]
fn a_token_for_another_audience_is_refused() {
    let azure = Azure::apart().with_group().with_vault();
    let client = Client::new(&azure);
    let arm = client.get(
        &format!("{ARM}/subscriptions?api-version=2022-12-01"),
        &client.token(VAULT_SCOPE),
    );
    assert_eq!(
        (arm.status, arm.code().as_str()),
        (401, "InvalidAuthenticationTokenAudience")
    );
    let vault = client.get(
        &format!("https://{VAULT}.vault.azure.net/secrets?api-version=7.4"),
        &client.token(ARM_SCOPE),
    );
    assert_eq!(vault.status, 401);
    assert!(vault.text.contains("AKV10022"), "{}", vault.text);
}

#[test]
fn an_expired_token_is_refused() {
    let azure = Azure::apart().with_group().with_vault();
    let client = Client::new(&azure);
    let token = client.token(ARM_SCOPE);
    let of_vaults = client.token(VAULT_SCOPE);
    let url = format!("{ARM}/subscriptions?api-version=2022-12-01");
    assert_eq!(client.get(&url, &token).status, 200);
    azure
        .local()
        .args(["clock", "advance", "25h"])
        .assert()
        .success();
    let expired = client.get(&url, &token);
    assert_eq!(
        (expired.status, expired.code().as_str()),
        (401, "ExpiredAuthenticationToken")
    );
    let secrets = format!("https://{VAULT}.vault.azure.net/secrets?api-version=7.4");
    let vault = client.get(&secrets, &of_vaults);
    assert_eq!(vault.status, 401);
    assert!(vault.text.contains("AKV10001"), "{}", vault.text);
    assert_eq!(
        client.get(&url, &client.token(ARM_SCOPE)).status,
        200,
        "a new token is good"
    );
}

#[test]
fn a_token_that_was_changed_is_refused() {
    let azure = Azure::apart().with_group().with_vault();
    let client = Client::new(&azure);
    let token = client.token(ARM_SCOPE);
    let url = format!("{ARM}/subscriptions?api-version=2022-12-01");
    let (rest, signature) = token.rsplit_once('.').expect("a JWT");
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{rest}.{first}{}", &signature[1..]);
    for bad in [forged.as_str(), "garbage", "a.b.c"] {
        let answer = client.get(&url, bad);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (401, "InvalidAuthenticationToken"),
            "{bad}"
        );
        let secrets = format!("https://{VAULT}.vault.azure.net/secrets?api-version=7.4");
        let vault = client.get(&secrets, bad);
        assert_eq!(vault.status, 401);
        assert!(
            vault.text.contains("AKV10046: Unable to resolve"),
            "{}",
            vault.text
        );
    }
}

#[test]
fn resource_manager_names_what_is_wrong() {
    let azure = Azure::apart().with_group();
    let client = Client::new(&azure);
    let token = client.token(ARM_SCOPE);
    let subscription = format!("{ARM}/subscriptions/{}", azure.var("AZURE_SUBSCRIPTION_ID"));
    let group = format!("{subscription}/resourceGroups/{GROUP}");
    for (url, status, code) in [
        (group.clone(), 400, "MissingApiVersionParameter"),
        (
            format!("{group}?api-version=yesterday"),
            400,
            "InvalidApiVersionParameter",
        ),
        (
            format!("{group}/providers/Microsoft.Nothing/things/x?api-version=2024-11-01"),
            404,
            "InvalidResourceNamespace",
        ),
        (
            format!("{group}/providers/Microsoft.Compute/things/x?api-version=2024-11-01"),
            501,
            "NotEmulated",
        ),
        (
            format!("{group}/providers/Microsoft.Compute/virtualMachines/x?api-version=2024-11-01"),
            404,
            "ResourceNotFound",
        ),
        (
            format!("{subscription}/resourceGroups/none?api-version=2024-11-01"),
            404,
            "ResourceGroupNotFound",
        ),
        (
            format!(
                "{ARM}/subscriptions/00000000-0000-4000-8000-000000000000?api-version=2022-12-01"
            ),
            404,
            "SubscriptionNotFound",
        ),
    ] {
        let answer = client.get(&url, &token);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{url}"
        );
        assert!(!answer.header("x-ms-request-id").is_empty());
    }
    let id = azure.var("AZURE_SUBSCRIPTION_ID").to_uppercase();
    let shouted = client.get(
        &format!(
            "{ARM}/SUBSCRIPTIONS/{id}/RESOURCEGROUPS/{}?API-VERSION=2024-11-01",
            GROUP.to_uppercase()
        ),
        &token,
    );
    assert_eq!(
        shouted.status, 200,
        "ids compare without case: {}",
        shouted.text
    );
}

#[test]
fn a_body_that_is_no_json_is_refused() {
    let azure = Azure::apart().with_group();
    let client = Client::new(&azure);
    let bearer = format!("Bearer {}", client.token(ARM_SCOPE));
    let url = format!(
        "{ARM}/subscriptions/{}/resourceGroups/other?api-version=2024-11-01",
        azure.var("AZURE_SUBSCRIPTION_ID")
    );
    for (body, code) in [
        ("{", "InvalidRequestContent"),
        ("[]", "InvalidRequestContent"),
        ("{}", "LocationRequired"),
    ] {
        let answer = client.send(
            "PUT",
            &url,
            &[("authorization", &bearer)],
            Some(body.to_owned()),
        );
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, code),
            "{body}"
        );
    }
}

#[test]
fn someone_elses_tenant_is_out_of_reach() {
    let azure = Azure::apart().with_group().with_vault();
    let client = Client::new(&azure);
    let status = azure.status();
    let other = status["tenants"][1]["subscriptions"][0]["id"]
        .as_str()
        .expect("a subscription");
    let answer = client.get(
        &format!("{ARM}/subscriptions/{other}/resourceGroups?api-version=2024-11-01"),
        &client.token(ARM_SCOPE),
    );
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (401, "InvalidAuthenticationTokenTenant")
    );

    // and the other way round: their principal, our vault
    let theirs = azure.environment("--tenant 2");
    let var = |name: &str| {
        theirs
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
            .expect("a variable")
    };
    let url = format!(
        "https://login.microsoftonline.com/{}/oauth2/v2.0/token",
        var("AZURE_TENANT_ID")
    );
    let form = format!(
        "client_id={}&client_secret={}&grant_type=client_credentials&scope={VAULT_SCOPE}",
        var("AZURE_CLIENT_ID"),
        var("AZURE_CLIENT_SECRET").replace('~', "%7E")
    );
    let token = client.send(
        "POST",
        &url,
        &[("content-type", "application/x-www-form-urlencoded")],
        Some(form),
    );
    let token = token.json()["access_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let answer = client.get(
        &format!("https://{VAULT}.vault.azure.net/secrets?api-version=7.4"),
        &token,
    );
    assert_eq!(answer.status, 401);
    assert!(answer.text.contains("AKV10032"), "{}", answer.text);
}

#[test]
fn the_token_endpoint_words_its_errors_as_entra_does() {
    let azure = Azure::apart();
    let client = Client::new(&azure);
    let id = azure.var("AZURE_CLIENT_ID");
    let form = |id: &str, secret: &str, grant: &str| {
        client
            .token_answer(&[
                ("client_id", id),
                ("client_secret", secret),
                ("grant_type", grant),
                ("scope", ARM_SCOPE),
            ])
            .json()
    };
    let wrong = form(id, "wrong", "client_credentials");
    assert_eq!(wrong["error"], "invalid_client");
    assert_eq!(wrong["error_codes"], json!([7000215]));
    let unknown = form(
        "00000000-0000-4000-8000-000000000000",
        "x",
        "client_credentials",
    );
    assert_eq!(unknown["error_codes"], json!([700016]));
    assert!(form(id, azure.var("AZURE_CLIENT_SECRET"), "password")["error"].is_string());
}

#[test]
fn the_metadata_service_is_there_only_for_machines_and_only_with_its_header() {
    if end_to_end::machines_are_apart() {
        return;
    }
    let azure = Azure::apart().with_group().with_vm();
    let desk = Client::new(&azure);
    assert!(
        desk.try_send("GET", IMDS, &[("metadata", "true")], None)
            .is_err(),
        "no answer at the desk"
    );

    let environment = azure.on_machine(VM, "env").assert().success();
    let text = String::from_utf8_lossy(&environment.get_output().stdout).into_owned();
    assert!(
        !text.contains("AZURE_CLIENT_SECRET") && !text.contains("AZURE_CLIENT_ID="),
        "{text}"
    );
    let proxy = text
        .lines()
        .find_map(|line| line.strip_prefix("HTTP_PROXY="))
        .expect("a proxy");
    let machine = Client::through(&azure, proxy);
    let refused = machine.send("GET", IMDS, &[], None);
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json()["error_description"],
        "Required metadata header not specified"
    );

    // no identity yet
    let none = machine.send("GET", IMDS, &[("metadata", "true")], None);
    assert_eq!(
        (none.status, &none.json()["error"]),
        (400, &json!("invalid_request"))
    );
    assert_eq!(none.json()["error_description"], "Identity not found");

    // an identity that exists but is not assigned to the machine
    let identity = azure.json(&format!("az-identity create -g {GROUP} -n {IDENTITY}"));
    let client_id = identity["clientId"].as_str().expect("an id");
    let foreign = machine.send(
        "GET",
        &format!("{IMDS}&client_id={client_id}"),
        &[("metadata", "true")],
        None,
    );
    assert_eq!(
        (foreign.status, &foreign.json()["error_description"]),
        (400, &json!("Identity not found"))
    );

    azure
        .run(&format!(
            "az-identity vm assign -g {GROUP} -n {VM} --identities {IDENTITY}"
        ))
        .assert()
        .success();
    let only = machine.send("GET", IMDS, &[("metadata", "true")], None);
    assert_eq!(only.status, 200, "{}", only.text);
    assert_eq!(only.json()["client_id"], client_id);
    azure
        .run(&format!("az-identity create -g {GROUP} -n second"))
        .assert()
        .success();
    azure
        .run(&format!(
            "az-identity vm assign -g {GROUP} -n {VM} --identities second"
        ))
        .assert()
        .success();
    let several = machine.send("GET", IMDS, &[("metadata", "true")], None);
    assert_eq!(several.status, 400);
    assert!(
        several
            .text
            .contains("Multiple user assigned identities exist"),
        "{}",
        several.text
    );

    let instance = machine.send(
        "GET",
        "http://169.254.169.254/metadata/instance?api-version=2021-02-01",
        &[("metadata", "true")],
        None,
    );
    assert_eq!(instance.json()["compute"]["name"], VM);
}

#[test]
fn an_azure_host_that_is_not_emulated_gets_a_clear_501() {
    let azure = Azure::apart();
    let client = Client::new(&azure);
    let answer = client.try_send("GET", "https://example.blob.core.windows.net/x", &[], None);
    match answer {
        Ok(answer) => assert_eq!(answer.status, 501, "{}", answer.text),
        Err(error) => assert!(
            format!("{error:?}").contains("501") || error.is_connect(),
            "{error:?}"
        ),
    }
}

#[test]
fn strangers_are_kept_out_of_the_proxy() {
    let azure = Azure::apart();
    let proxy = azure.var("HTTPS_PROXY");
    let at = proxy.rfind('@').expect("credentials");
    let open = format!("http://{}", &proxy[at + 1..]);
    for url in [open.clone(), open.replace("http://", "http://desk:wrong@")] {
        let stranger = Client::through(&azure, &url);
        let answer = stranger.try_send(
            "GET",
            "http://169.254.169.254/metadata/instance",
            &[("metadata", "true")],
            None,
        );
        assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status == 407));
        assert!(
            stranger
                .try_send(
                    "GET",
                    &format!("{ARM}/subscriptions?api-version=2022-12-01"),
                    &[],
                    None
                )
                .is_err()
        );
    }
}

#[test]
fn an_access_policy_vault_uses_its_policies_and_says_so() {
    let azure = Azure::apart().with_group();
    azure
        .run(&format!(
            "az-provision keyvault create -g {GROUP} -n {VAULT} --enable-rbac-authorization false"
        ))
        .assert()
        .success();
    let denied = azure
        .run(&format!("kv-set s --vault-name {VAULT}"))
        .write_stdin("v")
        .assert()
        .code(5);
    assert!(
        end_to_end::stderr(&denied).contains("AccessDenied")
            || end_to_end::stderr(&denied).contains("does not have secrets set permission")
    );
    let client = Client::new(&azure);
    let bearer = format!("Bearer {}", client.token(ARM_SCOPE));
    let own = azure.own_object_id();
    let body = json!({"properties": {"accessPolicies": [{"tenantId": azure.var("AZURE_TENANT_ID"), "objectId": own, "permissions": {"secrets": ["get", "set"]}}]}});
    let url = format!(
        "{ARM}{}/accessPolicies/add?api-version=2023-07-01",
        azure.vault_id()
    );
    let added = client.send(
        "PUT",
        &url,
        &[("authorization", &bearer)],
        Some(body.to_string()),
    );
    assert_eq!(added.status, 200, "{}", added.text);
    azure
        .run(&format!("kv-set s --vault-name {VAULT}"))
        .write_stdin("v")
        .assert()
        .success();
    azure
        .run(&format!("kv-get s --vault-name {VAULT}"))
        .assert()
        .success();
    azure
        .run(&format!("kv-get --list --vault-name {VAULT}"))
        .assert()
        .code(5);
}

#[test]
fn before_2026_a_vault_that_says_nothing_uses_access_policies() {
    let azure = Azure::apart().with_group();
    azure
        .run(&format!(
            "az-provision keyvault create -g {GROUP} -n {VAULT}"
        ))
        .assert()
        .success();
    let client = Client::new(&azure);
    let bearer = format!("Bearer {}", client.token(ARM_SCOPE));
    let body = json!({"location": "eastus", "properties": {"tenantId": azure.var("AZURE_TENANT_ID"),
        "sku": {"family": "A", "name": "standard"}, "accessPolicies": []}});
    let made = |name: &str, version: &str| {
        let url = format!(
            "{ARM}/subscriptions/{}/resourceGroups/{GROUP}/providers/Microsoft.KeyVault/vaults/{name}?api-version={version}",
            azure.var("AZURE_SUBSCRIPTION_ID")
        );
        let answer = client.send(
            "PUT",
            &url,
            &[("authorization", &bearer)],
            Some(body.to_string()),
        );
        answer.json()["properties"]["enableRbacAuthorization"].clone()
    };
    assert_eq!(made("kv-older-api", "2024-11-01"), Value::Bool(false));
    assert_eq!(made("kv-newer-api", "2026-02-01"), Value::Bool(true));
}

#[test]
fn what_takes_time_says_when_to_ask_again_in_the_words_of_each_client() {
    let azure = Azure::apart().with_group();
    let client = Client::new(&azure);
    let bearer = format!("Bearer {}", client.token(ARM_SCOPE));
    let subscription = azure.var("AZURE_SUBSCRIPTION_ID");
    let url = |name: &str| {
        format!(
            "{ARM}/subscriptions/{subscription}/resourceGroups/{GROUP}/providers/Microsoft.Network/publicIPAddresses/{name}\
             ?api-version=2024-05-01"
        )
    };
    let body = json!({"location": "eastus", "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}});
    let put = |name: &str, agent: &str| {
        let headers = [("authorization", bearer.as_str()), ("user-agent", agent)];
        client.send("PUT", &url(name), &headers, Some(body.to_string()))
    };
    let other = put("a", "HashiCorp/go-azure-sdk");
    assert_eq!(other.status, 201, "{}", other.text);
    assert_eq!(other.header("x-ms-retry-after-ms"), "100");
    assert_eq!(other.header("retry-after"), "1");
    // Seconds are all that it would look at.
    let python = put("b", "AZURECLI/2.91.0 azsdk-python-core/1.38.0 Python/3.11");
    assert_eq!(python.header("x-ms-retry-after-ms"), "100");
    assert_eq!(python.header("retry-after"), "");
    let mut set = azure.local();
    set.args(["set", "retry-after", "2500ms"])
        .assert()
        .success();
    let slow = put("c", "azsdk-python-core/1.38.0");
    assert_eq!(slow.header("retry-after"), "3");
}

#[test]
fn the_exported_subscription_comes_first() {
    let azure = Azure::with(&["--subscriptions", "9"]);
    let client = Client::new(&azure);
    let list = client.get(
        &format!("{ARM}/subscriptions?api-version=2022-12-01"),
        &client.token(ARM_SCOPE),
    );
    let list = list.json();
    assert_eq!(list["value"].as_array().map(Vec::len), Some(9));
    assert_eq!(
        list["value"][0]["subscriptionId"],
        azure.var("AZURE_SUBSCRIPTION_ID")
    );
}

#[test]
fn a_disk_is_accepted_and_its_operation_ends_with_it() {
    let azure = Azure::apart().with_group();
    let client = Client::new(&azure);
    let token = client.token(ARM_SCOPE);
    let bearer = format!("Bearer {token}");
    let url = format!(
        "{ARM}/subscriptions/{}/resourceGroups/{GROUP}/providers/Microsoft.Compute/disks/d?api-version=2024-03-02",
        azure.var("AZURE_SUBSCRIPTION_ID")
    );
    let body = json!({"location": "eastus", "sku": {"name": "Standard_LRS"}, "zones": ["1"], "properties": {
        "creationData": {"createOption": "Empty"}, "diskSizeGB": 8, "networkAccessPolicy": "DenyAll",
    }});
    let headers = [("authorization", bearer.as_str())];
    let put = client.send("PUT", &url, &headers, Some(body.to_string()));
    assert_eq!(put.status, 202, "{}", put.text);
    assert_eq!(put.json()["properties"]["networkAccessPolicy"], "DenyAll");
    let mut advance = azure.local();
    advance.args(["clock", "advance", "1m"]).assert().success();
    let status = client
        .get(put.header("azure-asyncoperation"), &token)
        .json();
    assert_eq!(status["status"], "Succeeded");
    assert_eq!(status["properties"]["output"]["name"], "d");
    let result = client.get(put.header("location"), &token);
    assert_eq!(
        (result.status, &result.json()["zones"]),
        (200, &json!(["1"]))
    );
    let there = client.get(&url, &token).json();
    assert_eq!(there, result.json());
    assert_eq!(there["properties"]["provisioningState"], "Succeeded");
}
