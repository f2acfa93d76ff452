//! People, groups, roles of one's own, and identities that others vouch for.

use end_to_end::{Azure, GROUP, IDENTITY, http::Client, json};
use predicates::str::contains;
use serde_json::{Value, json};

const GRAPH: &str = "https://graph.microsoft.com/v1.0";
const ARM: &str = "https://management.azure.com";
const CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
const PASSWORD: &str = "Correct-Horse-1";

/// Roles are effective at once.
fn start() -> Azure {
    Azure::with(&["--role-delay", "0s", "--principal-delay", "0s"]).with_group()
}

fn add(azure: &Azure, line: &str) -> Value {
    let mut command = azure.local();
    let line = format!("principal add {line}");
    command.args(line.split_whitespace());
    json(&command.write_stdin(PASSWORD).assert().success())
}

/// What a user gets for a password.
fn sign_in(client: &Client<'_>, name: &str, scope: &str) -> String {
    let answer = client.token_answer(&[
        ("client_id", CLI),
        ("grant_type", "password"),
        ("username", name),
        ("password", PASSWORD),
        ("scope", scope),
    ]);
    let tokens = answer.json();
    let token = tokens["access_token"].as_str();
    token.unwrap_or_else(|| panic!("{tokens}")).to_owned()
}

fn group_id(azure: &Azure) -> String {
    let subscription = azure.var("AZURE_SUBSCRIPTION_ID");
    format!("/subscriptions/{subscription}/resourceGroups/{GROUP}")
}

fn group_url(azure: &Azure) -> String {
    format!("{ARM}{}?api-version=2024-11-01", group_id(azure))
}

#[test]
fn a_user_is_given_a_role_by_name_and_has_it() {
    let azure = start();
    let ada = add(&azure, "user ada@example.com --password-file -");
    assert_eq!(ada["userPrincipalName"], "ada@example.com");
    assert_eq!(ada.get("password"), None);
    let client = Client::new(&azure);
    let url = group_url(&azure);
    let token = sign_in(&client, "ada@example.com", &format!("{ARM}/.default"));
    let refused = client.get(&url, &token);
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "AuthorizationFailed")
    );
    assert!(
        refused
            .text
            .contains("The client 'ada@example.com' with object id"),
        "{}",
        refused.text
    );
    let line = format!(
        "az-role assignment create --assignee ada@example.com --role Reader --scope {}",
        group_id(&azure)
    );
    let made = azure.json(&line);
    assert_eq!(
        (&made["principalType"], &made["principalId"]),
        (&json!("User"), &ada["id"])
    );
    assert_eq!(client.get(&url, &token).status, 200);
    let listed = azure.json(&format!(
        "az-role assignment list --assignee ada@example.com --scope {}",
        group_id(&azure)
    ));
    assert_eq!(listed[0]["principalName"], "ada@example.com");
    azure
        .run(&format!(
            "az-role assignment create --assignee eve@example.com --role Reader --scope {}",
            group_id(&azure)
        ))
        .assert()
        .code(3)
        .stderr(contains("the directory has no 'eve@example.com'"));
}

#[test]
fn a_role_of_a_group_is_its_members_however_deep() {
    let azure = start().with_vault();
    add(&azure, "user ada@example.com --password-file -");
    let inner = add(&azure, "group Inner --member ada@example.com");
    let outer = add(&azure, "group Outer --member Inner");
    let circle = add(&azure, "member --group Inner Outer");
    assert_eq!(circle["members"].as_array().map(Vec::len), Some(2));
    let client = Client::new(&azure);
    let id = outer["id"].as_str().expect("an id");
    let scope = azure.vault_id();
    let line = format!("az-role assignment create --assignee {id} --scope {scope} --role");
    let mut command = azure.run(&line);
    let made = json(&command.arg("Key Vault Secrets Officer").assert().success());
    assert_eq!(made["principalType"], "Group");
    let token = sign_in(
        &client,
        "ada@example.com",
        "https://vault.azure.net/.default",
    );
    let url = format!(
        "https://{}.vault.azure.net/secrets?api-version=7.4",
        end_to_end::VAULT
    );
    assert_eq!(client.get(&url, &token).status, 200);
    // Out of the group, out of the vault.
    let desk = client.token("https://graph.microsoft.com/.default");
    let bearer = format!("Bearer {desk}");
    let me = client
        .get(&format!("{GRAPH}/users/ada@example.com"), &desk)
        .json();
    let member = me["id"].as_str().expect("an id");
    let group = inner["id"].as_str().expect("an id");
    let url_of_member = format!("{GRAPH}/groups/{group}/members/{member}/$ref");
    let gone = client.send(
        "DELETE",
        &url_of_member,
        &[("authorization", &bearer)],
        None,
    );
    assert_eq!(gone.status, 204);
    assert_eq!(client.get(&url, &token).status, 403);
}

#[test]
fn a_user_finds_itself_and_its_groups() {
    let azure = start();
    let ada = add(&azure, "user ada --password-file -");
    let name = ada["userPrincipalName"].as_str().expect("a name");
    assert_eq!(name, "ada@localazure.onmicrosoft.com");
    let group = add(&azure, "group Devs --member ada");
    let client = Client::new(&azure);
    let token = sign_in(&client, name, "https://graph.microsoft.com/.default");
    let me = client.get(&format!("{GRAPH}/me"), &token).json();
    assert_eq!(
        (&me["id"], &me["userPrincipalName"]),
        (&ada["id"], &json!(name))
    );
    let groups = client.get(&format!("{GRAPH}/me/memberOf"), &token).json();
    assert_eq!(groups["value"][0]["id"], group["id"]);
    let selected = client
        .get(&format!("{GRAPH}/me?$select=mail,accountEnabled"), &token)
        .json();
    assert_eq!(selected["accountEnabled"], true);
    assert_eq!(selected.get("id"), None);
    // Applications are nobody, and users change nothing.
    let desk = client.token("https://graph.microsoft.com/.default");
    assert_eq!(client.get(&format!("{GRAPH}/me"), &desk).status, 400);
    let bearer = format!("Bearer {token}");
    let denied = client.send(
        "POST",
        &format!("{GRAPH}/groups"),
        &[("authorization", &bearer)],
        Some("{}".to_owned()),
    );
    assert_eq!(
        (denied.status, denied.code().as_str()),
        (403, "Authorization_RequestDenied")
    );
}

#[test]
fn what_the_directory_cannot_have_is_refused() {
    let azure = start();
    add(&azure, "user ada@example.com --password-file -");
    for (line, says) in [
        ("user ada@example.com", "already exists"),
        ("user ada@nowhere", "is no domain"),
        ("user ada@someoneelse.onmicrosoft.com", "another tenant's"),
        (
            "group Devs --member nobody",
            "nobody in the directory is 'nobody'",
        ),
    ] {
        let mut command = azure.local();
        command
            .args(["principal", "add"])
            .args(line.split_whitespace());
        command.assert().failure().stderr(contains(says));
    }
    let mut command = azure.local();
    command.args(["principal", "add", "user", "bob", "--password-file", "-"]);
    command
        .write_stdin("simple")
        .assert()
        .failure()
        .stderr(contains("complexity"));
    let mut list = azure.local();
    let all = json(&list.args(["principal", "list"]).assert().success());
    let names: Vec<&str> = all
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["displayName"].as_str())
        .collect();
    assert_eq!(names, ["ada", "az-local-desk"]);
}

/// Sends one request of the desk's to Resource Manager.
fn arm(
    client: &Client<'_>,
    method: &str,
    path: &str,
    version: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let token = client.token(&format!("{ARM}/.default"));
    let bearer = format!("Bearer {token}");
    let url = format!("{ARM}{path}?api-version={version}");
    let answer = client.send(
        method,
        &url,
        &[("authorization", &bearer)],
        body.map(|body| body.to_string()),
    );
    let body = if answer.text.is_empty() {
        Value::Null
    } else {
        answer.json()
    };
    (answer.status, body)
}

#[test]
fn a_role_of_ones_own_allows_what_it_says_and_no_more() {
    let azure = start();
    add(&azure, "user ada@example.com --password-file -");
    let client = Client::new(&azure);
    let subscription = format!("/subscriptions/{}", azure.var("AZURE_SUBSCRIPTION_ID"));
    let group = format!("{subscription}/resourceGroups/{GROUP}");
    let id = "7d5f2f6c-3b0a-4d6e-9a53-2f3c8f3f0b01";
    let path = format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions/{id}");
    let role = |name: &str, scopes: Value, actions: Value, not: Value| {
        json!({"properties": {"roleName": name, "description": "d", "type": "CustomRole", "assignableScopes": scopes,
            "permissions": [{"actions": actions, "notActions": not}]}})
    };
    let good = role(
        "Group Keeper",
        json!([group]),
        json!(["Microsoft.Resources/subscriptions/resourceGroups/*"]),
        json!(["*/delete"]),
    );
    let put = |body: &Value| arm(&client, "PUT", &path, "2022-04-01", Some(body.clone()));
    for (body, code) in [
        (
            role("Reader", json!([group]), json!(["*/read"]), json!([])),
            "RoleDefinitionWithSameNameExists",
        ),
        (
            role("R", json!([group]), json!(["nonsense"]), json!([])),
            "InvalidActionOrNotAction",
        ),
        (
            role("R", json!(["/"]), json!(["*/read"]), json!([])),
            "AuthorizationFailed",
        ),
        (
            role("R", json!([]), json!(["*/read"]), json!([])),
            "InvalidAssignableScope",
        ),
    ] {
        let (_, answer) = put(&body);
        assert_eq!(answer["error"]["code"], code, "{body}");
    }
    let (status, made) = put(&good);
    assert_eq!(
        (status, &made["properties"]["type"]),
        (201, &json!("CustomRole"))
    );
    // By name, as any other role.
    let shown = azure
        .run("az-role definition list --name")
        .args(["Group Keeper", "--scope", &group])
        .assert()
        .success();
    assert_eq!(json(&shown)[0]["roleType"], "CustomRole");
    let assign = |scope: &str| {
        let mut command = azure.run("az-role assignment create --assignee ada@example.com --role");
        command.arg("Group Keeper").args(["--scope", scope]);
        command
    };
    // It is no role above its scopes.
    assign(&subscription)
        .assert()
        .failure()
        .stderr(contains("Group Keeper"));
    assign(&group).assert().success();
    let token = sign_in(&client, "ada@example.com", &format!("{ARM}/.default"));
    let bearer = format!("Bearer {token}");
    let url = group_url(&azure);
    let as_ada = |method: &str, body: Option<Value>| {
        let body = body.map(|body| body.to_string());
        client
            .send(method, &url, &[("authorization", &bearer)], body)
            .status
    };
    assert_eq!(as_ada("GET", None), 200);
    assert_eq!(as_ada("PATCH", Some(json!({"tags": {"a": "b"}}))), 200);
    assert_eq!(as_ada("DELETE", None), 403);
    let (_, held) = arm(&client, "DELETE", &path, "2022-04-01", None);
    assert_eq!(held["error"]["code"], "RoleDefinitionHasAssignments");
    // Another role now: what was allowed is not any more.
    let (status, _) = put(&role(
        "Group Keeper",
        json!([group]),
        json!(["Microsoft.KeyVault/*"]),
        json!([]),
    ));
    assert_eq!((status, as_ada("GET", None)), (201, 403));
    azure
        .run(&format!(
            "az-role assignment delete --assignee ada@example.com --scope {}",
            group_id(&azure)
        ))
        .assert()
        .success();
    assert_eq!(arm(&client, "DELETE", &path, "2022-04-01", None).0, 200);
    assert_eq!(arm(&client, "DELETE", &path, "2022-04-01", None).0, 204);
}

#[test]
fn an_identity_is_vouched_for_by_those_that_it_trusts_and_nobody_else() {
    let azure = start();
    let identity = azure.json(&format!("az-identity create -g {GROUP} -n {IDENTITY}"));
    let text = |name: &str| identity[name].as_str().expect("text").to_owned();
    azure
        .run(&format!(
            "az-role assignment create --assignee {} --role Reader --scope {}",
            text("principalId"),
            group_id(&azure)
        ))
        .assert()
        .success();
    let client = Client::new(&azure);
    let issuer = "https://token.actions.githubusercontent.com";
    let subject = "repo:o/r:ref:refs/heads/main";
    let path = format!("{}/federatedIdentityCredentials/github", text("id"));
    let body = json!({"properties": {"issuer": issuer, "subject": subject, "audiences": ["api://AzureADTokenExchange"]}});
    let version = "2024-11-30";
    let file = azure.scratch().join("assertion");
    let play = |subject: &str| {
        let mut command = azure.local();
        command.args([
            "credential",
            "federated",
            "--issuer",
            issuer,
            "--subject",
            subject,
            "-o",
        ]);
        command.arg(&file).assert().success();
    };
    // What a job of GitHub's runs: no secret, only the assertion.
    let show = || {
        let mut command = azure.run(&format!("az-provision group show -n {GROUP}"));
        command.env_remove("AZURE_CLIENT_SECRET");
        command.env("AZURE_CLIENT_ID", text("clientId"));
        command.env("AZURE_FEDERATED_TOKEN_FILE", &file);
        command.env("AZURE_TOKEN_CREDENTIALS", "WorkloadIdentityCredential");
        command
    };
    play(subject);
    show().assert().code(4).stderr(contains("AADSTS700211"));
    let (status, made) = arm(&client, "PUT", &path, version, Some(body.clone()));
    assert_eq!((status, &made["name"]), (201, &json!("github")));
    show().assert().success();
    play("repo:someone/else:ref:refs/heads/main");
    show().assert().code(4).stderr(contains("AADSTS700213"));
    // Each pair of issuer and subject once, each name as Azure has them.
    let twin = format!("{}/federatedIdentityCredentials/other", text("id"));
    let (status, refused) = arm(&client, "PUT", &twin, version, Some(body.clone()));
    assert_eq!(
        (status, &refused["error"]["code"]),
        (400, &json!("Conflict"))
    );
    assert_eq!(
        arm(&client, "PUT", &path, version, Some(body.clone())).0,
        200
    );
    let short = format!("{}/federatedIdentityCredentials/x", text("id"));
    assert_eq!(arm(&client, "PUT", &short, version, Some(body)).0, 400);
    let list = format!("{}/federatedIdentityCredentials", text("id"));
    let (_, all) = arm(&client, "GET", &list, version, None);
    assert_eq!(all["value"].as_array().map(Vec::len), Some(1));
    assert_eq!(arm(&client, "DELETE", &path, version, None).0, 200);
    assert_eq!(arm(&client, "GET", &path, version, None).0, 404);
}

#[test]
fn an_issuer_that_signs_itself_is_known_by_its_keys() {
    let azure = start();
    let set = |keys: &str| {
        let mut command = azure.local();
        command.args([
            "credential",
            "issuer",
            "https://cluster.example",
            "--keys",
            "-",
        ]);
        command.write_stdin(keys.to_owned());
        command
    };
    set("{}")
        .assert()
        .failure()
        .stderr(contains("JSON Web Key Set"));
    set("no JSON").assert().failure();
    let keys = json!({"keys": [{"kty": "RSA", "kid": "1", "n": "AQAB", "e": "AQAB"}]});
    set(&keys.to_string())
        .assert()
        .success()
        .stdout(contains("https://cluster.example"));
}

#[test]
fn a_role_is_changed_by_those_who_may_wherever_it_is_one() {
    let azure = start();
    azure
        .run("az-provision group create -n other -l eastus")
        .assert()
        .success();
    add(&azure, "user bob@example.com --password-file -");
    let client = Client::new(&azure);
    let subscription = format!("/subscriptions/{}", azure.var("AZURE_SUBSCRIPTION_ID"));
    let (one, other) = (
        group_id(&azure),
        format!("{subscription}/resourceGroups/other"),
    );
    let line = format!(
        "az-role assignment create --assignee bob@example.com --role Owner --scope {other}"
    );
    let mut assignment = azure.json(&line);
    let id = "7d5f2f6c-3b0a-4d6e-9a53-2f3c8f3f0b02";
    let role = |scope: &str, action: &str| json!({"properties": {"roleName": "Mine", "assignableScopes": [scope], "permissions": [{"actions": [action]}]}});
    let path =
        |scope: &str| format!("{scope}/providers/Microsoft.Authorization/roleDefinitions/{id}");
    assert_eq!(
        arm(
            &client,
            "PUT",
            &path(&one),
            "2022-04-01",
            Some(role(&one, "*/read"))
        )
        .0,
        201
    );
    // Bob owns the other group, where the role is none.
    let token = sign_in(&client, "bob@example.com", &format!("{ARM}/.default"));
    let bearer = format!("Bearer {token}");
    let url = format!("{ARM}{}?api-version=2022-04-01", path(&other));
    let taken = client.send(
        "PUT",
        &url,
        &[("authorization", &bearer)],
        Some(role(&other, "*").to_string()),
    );
    assert_eq!(
        (taken.status, taken.code().as_str()),
        (403, "AuthorizationFailed")
    );
    // What an assignment says of itself can be changed.
    let assigned = assignment["id"].as_str().expect("an id").to_owned();
    let properties = json!({"properties": {
        "roleDefinitionId": assignment["roleDefinitionId"].take(), "principalId": assignment["principalId"].take(),
        "description": "for a while",
    }});
    let (status, changed) = arm(&client, "PUT", &assigned, "2022-04-01", Some(properties));
    assert_eq!(
        (status, &changed["properties"]["description"]),
        (200, &json!("for a while"))
    );
}

#[test]
fn members_come_by_patch_and_what_graph_has_besides_is_not_denied() {
    let azure = start();
    let ada = add(&azure, "user ada --password-file -");
    let group = add(&azure, "group Devs");
    let client = Client::new(&azure);
    let desk = client.token("https://graph.microsoft.com/.default");
    let bearer = format!("Bearer {desk}");
    let url = format!("{GRAPH}/groups/{}", group["id"].as_str().expect("an id"));
    let member = format!(
        "{GRAPH}/directoryObjects/{}",
        ada["id"].as_str().expect("an id")
    );
    let body = json!({"members@odata.bind": [member]}).to_string();
    let patched = client.send("PATCH", &url, &[("authorization", &bearer)], Some(body));
    assert_eq!(patched.status, 204);
    let members = client.get(&format!("{url}/members"), &desk).json();
    assert_eq!(members["value"][0]["id"], ada["id"]);
    for path in ["users/$count", "domains", "directoryRoles"] {
        assert_eq!(
            client.get(&format!("{GRAPH}/{path}"), &desk).status,
            501,
            "{path}"
        );
    }
    azure
        .local()
        .args(["set", "token-lifetime", "999999999h"])
        .assert()
        .failure()
        .stderr(contains("100 years"));
}
