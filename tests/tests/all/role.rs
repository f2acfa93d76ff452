//! `az-role`: assignments and definitions.

use end_to_end::{Azure, GROUP, IDENTITY, OFFICER, SIZE, VAULT, VM, http::Client, json};
use predicates::{prelude::*, str::contains};
use serde_json::{Value, json};

/// A group with a vault and an identity; the identity's principal and the vault's id.
fn ready() -> (Azure, Value, String) {
    let azure = Azure::start().with_group().with_vault();
    let identity = azure.json(&format!("az-identity create -g {GROUP} -n {IDENTITY}"));
    let scope = azure.vault_id();
    (azure, identity, scope)
}

fn assign(azure: &Azure, assignee: &str, role: &str, scope: &str) -> assert_cmd::Command {
    let mut command = azure.tool("az-role");
    command.args([
        "assignment",
        "create",
        "--assignee",
        assignee,
        "--role",
        role,
        "--scope",
        scope,
    ]);
    command
}

#[test]
fn a_role_is_assigned_by_name_guid_and_id_as_one_assignment() {
    let (azure, identity, scope) = ready();
    let principal = identity["principalId"].as_str().expect("a principal");
    let first = json(
        &assign(&azure, principal, OFFICER, &scope)
            .assert()
            .success(),
    );
    assert_eq!(first["principalId"], principal);
    assert_eq!(first["principalType"], "ServicePrincipal");
    assert_eq!(first["scope"], scope.as_str());
    let members: Vec<&str> = first
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(members.len(), 17, "{members:?}");
    let definition = first["roleDefinitionId"].as_str().expect("a role");
    assert!(definition.ends_with("/b86a8fe4-44ce-4948-aee5-eccb2c155cd7"));
    for role in ["b86a8fe4-44ce-4948-aee5-eccb2c155cd7", definition] {
        let again = json(&assign(&azure, principal, role, &scope).assert().success());
        assert_eq!(again["id"], first["id"]);
    }
    let listed = azure.json(&format!("az-role assignment list --scope {scope}"));
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert_eq!(listed[0]["roleDefinitionName"], OFFICER);
    assert_eq!(listed[0]["principalName"], identity["clientId"]);
}

#[test]
fn an_assignee_may_be_an_object_an_application_or_an_identity() {
    let (azure, identity, scope) = ready();
    let text = |name: &str| identity[name].as_str().expect("text").to_owned();
    for assignee in [text("principalId"), text("clientId"), text("id")] {
        let made = json(
            &assign(&azure, &assignee, OFFICER, &scope)
                .assert()
                .success(),
        );
        assert_eq!(made["principalId"], identity["principalId"], "{assignee}");
    }
}

#[test]
fn an_assignment_of_another_name_that_says_the_same_is_found() {
    let (azure, identity, scope) = ready();
    let principal = identity["principalId"].as_str().expect("a principal");
    let subscription = azure.var("AZURE_SUBSCRIPTION_ID").to_owned();
    let role = format!(
        "/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
    );
    let url = format!(
        "https://management.azure.com{scope}/providers/Microsoft.Authorization/roleAssignments/11111111-2222-4333-8444-555555555555?api-version=2022-04-01"
    );
    let body = json!({"properties": {"principalId": principal, "principalType": "ServicePrincipal", "roleDefinitionId": role}});
    let client = end_to_end::http::Client::new(&azure);
    let token = client.token("https://management.azure.com/.default");
    // az gives random names. The principal must have reached the directory: moving the clock brings it there.
    azure
        .local()
        .args(["clock", "advance", "1m"])
        .assert()
        .success();
    let bearer = format!("Bearer {token}");
    let status = client
        .send(
            "PUT",
            &url,
            &[("authorization", &bearer)],
            Some(body.to_string()),
        )
        .status;
    assert_eq!(status, 201);
    let found = json(
        &assign(&azure, principal, OFFICER, &scope)
            .assert()
            .success(),
    );
    assert_eq!(found["name"], "11111111-2222-4333-8444-555555555555");
}

#[test]
fn a_fresh_principal_is_waited_for() {
    let azure = Azure::with(&["--principal-delay", "2s"])
        .with_group()
        .with_vault();
    let scope = azure.vault_id();
    let script = format!(
        "id=$(az-identity create -g {GROUP} -n {IDENTITY} --query principalId -o tsv) &&
         az-role assignment create --assignee-object-id $id --role '{OFFICER}' --scope {scope}"
    );
    azure
        .shell(&script)
        .assert()
        .success()
        .stderr(contains("not known to Azure yet"));
}

/// Azure does not look for a principal whose type the request tells; a pipeline tells it.
#[test]
fn a_fresh_principal_of_a_known_type_is_not_waited_for() {
    let azure = Azure::with(&["--principal-delay", "1h"])
        .with_group()
        .with_vault();
    let scope = azure.vault_id();
    azure
        .shell(&format!(
            "az-identity create -g {GROUP} -n {IDENTITY} | az-role assignment create --assignee - --role '{OFFICER}' --scope {scope}"
        ))
        .assert()
        .success();
}

#[test]
fn an_unknown_principal_role_or_scope_says_so() {
    let (azure, identity, scope) = ready();
    let principal = identity["principalId"]
        .as_str()
        .expect("a principal")
        .to_owned();
    let nobody = "99999999-9999-4999-8999-999999999999";
    let mut unknown = assign(&azure, nobody, OFFICER, &scope);
    unknown
        .args(["--wait-for-principal", "300ms"])
        .assert()
        .code(3)
        .stderr(contains(nobody).and(contains("PrincipalNotFound")));
    assign(&azure, &principal, "No Such Role", &scope)
        .assert()
        .code(3)
        .stderr(contains("No Such Role").and(contains("az-role definition list")));
    assign(&azure, &principal, OFFICER, "not-a-scope")
        .assert()
        .code(2)
        .stderr(contains("it must begin with '/'"));
    assign(
        &azure,
        &principal,
        OFFICER,
        &scope.replace(VAULT, "kv-none"),
    )
    .assert()
    .code(3);
    assign(&azure, "Somebody", OFFICER, &scope)
        .assert()
        .code(2)
        .stderr(contains("is no assignee"));
    let gone = scope.replace("vaults", "x").replace(VAULT, "y").replace(
        "Microsoft.KeyVault/x/y",
        "Microsoft.ManagedIdentity/userAssignedIdentities/none",
    );
    assign(&azure, &gone, OFFICER, &scope).assert().code(3);
}

#[test]
fn assignments_are_removed_and_removing_twice_is_not_an_error() {
    let (azure, identity, scope) = ready();
    let principal = identity["principalId"].as_str().expect("a principal");
    assign(&azure, principal, OFFICER, &scope)
        .assert()
        .success();
    let mut remove = azure.tool("az-role");
    remove.args([
        "assignment",
        "delete",
        "--assignee",
        principal,
        "--role",
        OFFICER,
        "--scope",
        &scope,
    ]);
    remove.assert().success().stdout("");
    assert_eq!(
        azure.json(&format!("az-role assignment list --scope {scope}")),
        json!([])
    );
    remove
        .assert()
        .success()
        .stderr(contains("nothing was removed"));
}

#[test]
fn assignments_above_are_listed_on_request() {
    let (azure, _, scope) = ready();
    let own = azure.own_object_id();
    let inherited = azure.json(&format!(
        "az-role assignment list --scope {scope} --include-inherited"
    ));
    assert!(
        inherited
            .as_array()
            .expect("a list")
            .iter()
            .any(|one| one["principalId"] == own.as_str() && one["roleDefinitionName"] == "Owner")
    );
    let all = azure.json("az-role assignment list --all");
    assert!(all.as_array().is_some_and(|all| !all.is_empty()));
}

#[test]
fn removing_everything_needs_a_confirmation() {
    let azure = Azure::start();
    azure
        .run("az-role assignment delete")
        .assert()
        .code(2)
        .stderr(contains("--yes"));
}

#[test]
fn definitions_are_listed_and_shown() {
    let azure = Azure::start();
    let mut list = azure.tool("az-role");
    let found = json(
        &list
            .args(["definition", "list", "--name", OFFICER])
            .assert()
            .success(),
    );
    assert_eq!(found[0]["roleName"], OFFICER);
    assert_eq!(found[0]["roleType"], "BuiltInRole");
    let id = found[0]["name"].as_str().expect("a GUID");
    let shown = azure.json(&format!("az-role definition show --name {id}"));
    assert_eq!(shown, found[0]);
    let all = azure.json("az-role definition list --query [].roleName");
    for role in ["Owner", "Contributor", "Reader", "Key Vault Secrets User"] {
        assert!(
            all.as_array()
                .is_some_and(|all| all.iter().any(|name| name == role)),
            "{role}"
        );
    }
    azure
        .run("az-role definition show --name Nobody")
        .assert()
        .code(3);
}

#[test]
fn identities_piped_in_are_assigned_in_order() {
    let azure = Azure::start().with_group().with_vault();
    let scope = azure.vault_id();
    let script = format!(
        "set -o pipefail; printf 'id-one\\nid-two\\nid-three\\n' | az-identity create -g {GROUP} -n - | tee made |
         az-role assignment create --assignee - --role '{OFFICER}' --scope {scope} --query principalId -o tsv"
    );
    let assigned = azure.shell(&script).assert().success();
    let made = std::fs::read_to_string(azure.scratch().join("made")).expect("a file");
    let wanted: Vec<String> = made
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).expect("JSON")["principalId"]
                .as_str()
                .expect("text")
                .to_owned()
        })
        .collect();
    let got = String::from_utf8_lossy(&assigned.get_output().stdout).into_owned();
    assert_eq!(got.lines().collect::<Vec<_>>(), wanted);
}

#[test]
fn a_machines_identity_piped_in_is_assigned() {
    let azure = Azure::start().with_group().with_vault().with_vm();
    let scope = azure.vault_id();
    let script = format!(
        "az-identity vm assign -g {GROUP} -n {VM} | az-role assignment create --assignee - --role '{OFFICER}' --scope {scope}"
    );
    let assigned = json(&azure.shell(&script).assert().success());
    assert_eq!(
        assigned["principalId"],
        azure.text(
            &format!("az-identity vm show -g {GROUP} -n {VM}"),
            "principalId"
        )
    );
}

/// What `az vm create --assign-identity --role --scope` does in one.
#[test]
fn a_new_machine_piped_in_gets_a_role_for_its_own_identity() {
    let azure = Azure::start().with_group().with_vault();
    let scope = azure.vault_id();
    let script = format!(
        "az-provision vm create -g {GROUP} -n {VM} --size {SIZE} --admin-username azureuser --generate-ssh-keys --assign-identity |
            az-role assignment create --assignee - --role '{OFFICER}' --scope {scope}"
    );
    let assigned = json(&azure.shell(&script).assert().success());
    assert_eq!(
        assigned["principalId"],
        azure.text(
            &format!("az-identity vm show -g {GROUP} -n {VM}"),
            "principalId"
        )
    );
}

#[test]
fn an_empty_pipe_says_so() {
    let azure = Azure::start().with_group();
    let mut command = azure.tool("az-role");
    command.args([
        "assignment",
        "create",
        "--assignee",
        "-",
        "--role",
        OFFICER,
        "--scope",
        "/subscriptions/s",
    ]);
    command
        .write_stdin("")
        .assert()
        .code(2)
        .stderr(contains("Did the command in front of the pipe fail?"));
}

/// A machine whose own identity may give some roles on the vault.
fn with_access_administrator() -> Azure {
    let azure = Azure::start().with_group().with_vm().with_vault();
    azure
        .run(&format!("az-identity vm assign -g {GROUP} -n {VM}"))
        .assert()
        .success();
    let principal = machine_principal(&azure);
    azure.grant(&principal, "Key Vault Data Access Administrator");
    azure
}

fn machine_principal(azure: &Azure) -> String {
    azure.text(
        &format!("az-provision vm show -g {GROUP} -n {VM}"),
        "identity.principalId",
    )
}

#[test]
fn a_role_whose_condition_limits_it_gives_no_other_roles() {
    let azure = with_access_administrator();
    let (scope, desk) = (azure.vault_id(), azure.own_object_id());
    let assign = |role: &str| {
        let mut command = azure.on_machine(VM, "az-role assignment create --assignee-object-id");
        command.arg(&desk);
        command.args([
            "--assignee-principal-type",
            "ServicePrincipal",
            "--role",
            role,
        ]);
        command.args(["--scope", &scope, "--query", "id", "-o", "tsv"]);
        command.assert()
    };
    // It takes a while until the role is effective.
    let advance = ["clock", "advance", "10m"];
    azure.local().args(advance).assert().success();
    let id = assign("Key Vault Secrets Officer").success();
    let id = String::from_utf8_lossy(&id.get_output().stdout)
        .trim_end()
        .to_owned();
    for role in [
        "Owner",
        "Contributor",
        "Reader",
        "User Access Administrator",
    ] {
        assign(role)
            .failure()
            .stderr(contains("AuthorizationFailed"));
    }
    // The same for taking them away.
    let owner = azure.text(
        &format!("az-role assignment list --scope {scope} --include-inherited"),
        "[?roleDefinitionName=='Key Vault Data Access Administrator'] | [0].id",
    );
    let delete = |id: &str| {
        let mut command = azure.on_machine(VM, "az-role assignment delete --ids");
        command.arg(id).assert()
    };
    delete(&owner)
        .failure()
        .stderr(contains("AuthorizationFailed"));
    delete(&id).success();
}

#[test]
fn a_role_on_one_secret_opens_that_secret_only() {
    let azure = Azure::start().with_group().with_vm().with_vault();
    azure.grant(&azure.own_object_id(), OFFICER);
    azure
        .local()
        .args(["clock", "advance", "10m"])
        .assert()
        .success();
    for name in ["open", "shut"] {
        azure
            .run(&format!(
                "kv-set {name} --vault-name {VAULT} --value {name}"
            ))
            .assert()
            .success();
    }
    azure
        .run(&format!("az-identity vm assign -g {GROUP} -n {VM}"))
        .assert()
        .success();
    let scope = format!("{}/secrets/open", azure.vault_id());
    let mut create = azure.tool("az-role");
    create.args([
        "assignment",
        "create",
        "--role",
        "Key Vault Secrets User",
        "--scope",
        &scope,
    ]);
    create.args(["--assignee-object-id", &machine_principal(&azure)]);
    create.args(["--assignee-principal-type", "ServicePrincipal"]);
    create.assert().success();
    azure
        .local()
        .args(["clock", "advance", "10m"])
        .assert()
        .success();
    azure
        .on_machine(VM, "kv-get open")
        .assert()
        .success()
        .stdout(contains("open"));
    azure
        .on_machine(VM, "kv-get shut")
        .assert()
        .failure()
        .stderr(contains("ForbiddenByRbac"));
}

#[test]
fn a_condition_that_nobody_can_evaluate_is_refused() {
    let azure = Azure::apart().with_group();
    let client = Client::new(&azure);
    let bearer = format!(
        "Bearer {}",
        client.token("https://management.azure.com/.default")
    );
    let subscription = azure.var("AZURE_SUBSCRIPTION_ID");
    let put = |condition: &str| {
        let url = format!(
            "https://management.azure.com/subscriptions/{subscription}/resourceGroups/{GROUP}/providers/\
             Microsoft.Authorization/roleAssignments/11111111-2222-4333-8444-555555555555?api-version=2022-04-01"
        );
        let body = json!({"properties": {
            "principalId": azure.own_object_id(), "principalType": "ServicePrincipal", "condition": condition, "conditionVersion": "2.0",
            "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
        }});
        client.send(
            "PUT",
            &url,
            &[("authorization", &bearer)],
            Some(body.to_string()),
        )
    };
    let refused = put("@Resource[Microsoft.Storage/x:y] DateTimeGreaterThan '2026'");
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(
        refused.text.contains("DateTimeGreaterThan"),
        "{}",
        refused.text
    );
    let taken = put("ActionMatches{'*/read'}");
    assert_eq!(taken.status, 201, "{}", taken.text);
    assert_eq!(
        taken.json()["properties"]["condition"],
        "ActionMatches{'*/read'}"
    );
}
