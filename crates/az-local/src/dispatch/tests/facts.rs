//! What Azure answers, as its recordings show it (docs/fidelity.md).

use super::azure::Azure;
use http::Method;
use serde_json::{Value, json};

const IDENTITY: &str =
    "/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/who";

fn with_group() -> Azure {
    let azure = Azure::start();
    azure.done(
        Method::PUT,
        "/resourceGroups/g",
        &json!({"location": "eastus"}),
    );
    azure
}

/// Azure/azure-cli, command_modules/identity/tests/latest/recordings/test_identity_management.yaml
#[test]
fn an_identity_is_spelled_with_lower_case_groups_and_has_no_state() {
    let azure = with_group();
    let response = azure.answer(Method::PUT, IDENTITY, &json!({"location": "eastus"}));
    assert_eq!(response.status, 201);
    let made: Value = serde_json::from_slice(&response.body).expect("JSON");
    let id = made["id"].as_str().expect("an id");
    assert!(id.contains("/resourcegroups/g/"), "{id}");
    let location = response.headers.get("location").expect("a location");
    assert_eq!(location, id);
    let mut members: Vec<&String> = made["properties"]
        .as_object()
        .expect("members")
        .keys()
        .collect();
    members.sort();
    assert_eq!(members, ["clientId", "principalId", "tenantId"]);
    // Whatever the case, it is the same one, in every answer.
    let read = azure.done(Method::GET, &IDENTITY.to_uppercase(), &Value::Null);
    assert_eq!(read["id"], id);
    let again = azure.answer(Method::PUT, IDENTITY, &json!({"location": "eastus"}));
    assert_eq!(again.status, 200);
    assert!(again.headers.get("location").is_none());
    let collection = IDENTITY.trim_end_matches("/who");
    let list = azure.done(Method::GET, collection, &Value::Null);
    assert_eq!(list["value"][0]["id"], id);
}

/// hashicorp/terraform-provider-azurerm issue 25954, vmware-tanzu/velero issue 4737
#[test]
fn a_subscription_id_that_is_none_is_malformed() {
    let azure = Azure::start();
    for path in [
        "/subscriptions/notaguid",
        "/subscriptions/notaguid/resourceGroups/g",
        "/subscriptions/notaguid/providers/Microsoft.Authorization/roleAssignments",
        "/subscriptions/00000000000040008000000000000000/providers/Microsoft.Compute/virtualMachines",
    ] {
        let (status, answer) = azure.management(Method::GET, path, &Value::Null);
        let id = path.split('/').nth(2).expect("an id");
        assert_eq!(status, 400, "{path}");
        assert_eq!(answer["error"]["code"], "InvalidSubscriptionId");
        assert_eq!(
            answer["error"]["message"],
            format!("The provided subscription identifier '{id}' is malformed or invalid.")
        );
    }
    let unknown = "/subscriptions/00000000-0000-4000-8000-000000000000";
    let (status, answer) = azure.management(Method::GET, unknown, &Value::Null);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (404, &json!("SubscriptionNotFound"))
    );
}

fn vault(azure: &Azure) -> Value {
    json!({"location": "eastus", "properties": {
        "tenantId": azure.tenant, "sku": {"family": "A", "name": "standard"}, "accessPolicies": [],
    }})
}

const VAULT: &str = "/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-facts";

/// Azure/azure-cli, command_modules/keyvault/tests/latest/recordings/test_keyvault_rbac.yaml
#[test]
fn a_vaults_uri_gets_its_slash_when_the_vault_is_there() {
    let azure = with_group();
    let made = azure.done(Method::PUT, VAULT, &vault(&azure));
    assert_eq!(made["properties"]["provisioningState"], "RegisteringDns");
    assert_eq!(
        made["properties"]["vaultUri"],
        "https://kv-facts.vault.azure.net"
    );
    azure.later();
    let there = azure.done(Method::GET, VAULT, &Value::Null);
    assert_eq!(
        there["properties"]["vaultUri"],
        "https://kv-facts.vault.azure.net/"
    );
    assert_eq!(there["properties"]["enabledForDeployment"], false);
    let mut asked = vault(&azure);
    asked["properties"]["enabledForDeployment"] = json!(true);
    azure.done(Method::PUT, VAULT, &asked);
    let changed = azure.done(Method::PATCH, VAULT, &json!({"properties": {}}));
    assert_eq!(changed["properties"]["enabledForDeployment"], true);
}

/// azure-mgmt-keyvault 9.0.0, tests/recordings/test_cli_mgmt_keyvault.test_keyvault.yaml
#[test]
fn a_purge_is_followed_at_the_vaults_location() {
    let azure = with_group();
    azure.done(Method::PUT, VAULT, &vault(&azure));
    azure.done(Method::DELETE, VAULT, &Value::Null);
    let (status, refused) = azure.arm(Method::PUT, VAULT, &vault(&azure));
    assert_eq!(
        (status, &refused["error"]["code"]),
        (409, &json!("ConflictError"))
    );
    let text = refused["error"]["message"].as_str().expect("a text");
    assert!(
        text.ends_with("for more information on soft delete."),
        "{text}"
    );
    let name = "/providers/Microsoft.KeyVault/checkNameAvailability";
    let asked = json!({"name": "kv-facts", "type": "Microsoft.KeyVault/vaults"});
    let taken = azure.done(Method::POST, name, &asked);
    assert_eq!(taken["reason"], "AlreadyExists");
    let text = taken["message"].as_str().expect("a text");
    assert!(text.contains("purging a vault follow this link"), "{text}");
    let purge = "/providers/Microsoft.KeyVault/locations/eastus/deletedVaults/kv-facts/purge";
    let response = azure.answer(Method::POST, purge, &Value::Null);
    assert_eq!(response.status, 202);
    let location = response.headers.get("location").expect("a location");
    let location = location.to_str().expect("a text");
    let path = location.trim_start_matches("https://management.azure.com");
    let path = path.split('?').next().expect("a path").to_owned();
    assert!(path.contains("/providers/Microsoft.KeyVault/locations/eastus/operationResults/"));
    let (status, body) = azure.management(Method::GET, &path, &Value::Null);
    assert_eq!((status, &body["status"]), (202, &json!("NotStarted")));
    assert!(
        body["createdDateTime"]
            .as_str()
            .is_some_and(|date| date.ends_with('Z'))
    );
    azure.later();
    let (status, body) = azure.management(Method::GET, &path, &Value::Null);
    assert_eq!((status, &body["status"]), (200, &json!("Succeeded")));
    assert!(body["lastActionDateTime"].is_string());
}

/// hashicorp/terraform issue 8796, hashicorp/terraform-provider-azurerm's comments on what cannot change
#[test]
fn what_cannot_be_changed_is_named_without_its_profile() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let machine = "/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm1";
    let image = |sku: &str| json!({"publisher": "canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": sku});
    for (change, named) in [
        (
            json!({"storageProfile": {"imageReference": image("22_04-lts-gen2")}}),
            "imageReference.sku",
        ),
        (
            json!({"osProfile": {"adminUsername": "other"}}),
            "adminUsername",
        ),
        (json!({"osProfile": {"customData": "eA=="}}), "customData"),
    ] {
        let (status, answer) = azure.arm(Method::PATCH, machine, &json!({"properties": change}));
        let error = &answer["error"];
        assert_eq!(
            (status, &error["code"]),
            (409, &json!("PropertyChangeNotAllowed"))
        );
        assert_eq!(error["target"], named);
        assert_eq!(
            error["message"],
            format!("Changing property '{named}' is not allowed.")
        );
    }
}

/// azure-mgmt-compute 19.0.0, tests/recordings/test_mgmt_compute_vm.test_compute_vm.yaml
#[test]
fn a_running_machine_tells_of_its_system_and_agent() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let machine = "/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm1";
    let view = azure.done(
        Method::GET,
        &format!("{machine}/instanceView"),
        &Value::Null,
    );
    assert_eq!(
        (&view["osName"], &view["osVersion"]),
        (&json!("ubuntu"), &json!("22.04"))
    );
    assert_eq!(view["hyperVGeneration"], "V1");
    assert_eq!(view["vmAgent"]["statuses"][0]["displayStatus"], "Ready");
    let time = view["statuses"][0]["time"].as_str().expect("a time");
    let digits = time.split('.').nth(1).expect("a fraction");
    assert_eq!(digits.len(), "1234567Z".len(), "{time}");
}

#[test]
fn what_is_not_emulated_is_said_in_no_form_of_azures() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let machine = "/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm1";
    for (method, path) in [
        (
            Method::GET,
            "/providers/Microsoft.Storage/storageAccounts".to_owned(),
        ),
        (
            Method::GET,
            "/resourceGroups/g/providers/Microsoft.Compute/availabilitySets".to_owned(),
        ),
        (
            Method::PUT,
            "/resourceGroups/g/providers/Microsoft.Compute/sshPublicKeys/key".to_owned(),
        ),
        (Method::POST, format!("{machine}/capture")),
        (
            Method::GET,
            "/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv-g1/secrets".to_owned(),
        ),
        (Method::POST, "/resourceGroups/g/exportTemplate".to_owned()),
        (Method::GET, "/tagNames".to_owned()),
    ] {
        let (status, answer) = azure.arm(method, &path, &json!({}));
        assert_eq!(
            (status, &answer["error"]["code"]),
            (501, &json!("NotEmulated")),
            "{path}"
        );
    }
    let unknown = "/resourceGroups/g/providers/Microsoft.Nothing/things";
    let (status, answer) = azure.arm(Method::GET, unknown, &Value::Null);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (404, &json!("InvalidResourceNamespace"))
    );
}

/// <https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource-group>
#[test]
fn a_caller_is_told_what_he_may_do() {
    let azure = with_group();
    let path = "/resourceGroups/g/providers/Microsoft.Authorization/permissions";
    let held = azure.done(Method::GET, path, &Value::Null);
    assert_eq!(held["value"][0]["actions"], json!(["*"]));
    assert_eq!(held["value"][0]["notActions"], json!([]));
    let denied = path.replace("permissions", "denyAssignments");
    assert_eq!(
        azure.done(Method::GET, &denied, &Value::Null),
        json!({"value": []})
    );
}

/// azure-mgmt-network 17.1.0, tests/recordings/test_mgmt_network.test_virtual_networks.yaml and
/// test_mgmt_network.test_network_interface_card.yaml
#[test]
fn what_is_used_shows_by_whom() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let network = |kind: &str| format!("/resourceGroups/g/providers/Microsoft.Network/{kind}");
    let read =
        |path: &str| azure.done(Method::GET, &network(path), &Value::Null)["properties"].take();
    let configuration = json!([azure.id(&network("networkInterfaces/nic1/ipConfigurations/one"))]);
    assert_eq!(
        read("virtualNetworks/net1")["subnets"][0]["properties"]["ipConfigurations"],
        configuration
    );
    assert_eq!(
        read("virtualNetworks/net1/subnets/default")["ipConfigurations"],
        configuration
    );
    let list = azure.done(
        Method::GET,
        &network("virtualNetworks/net1/subnets"),
        &Value::Null,
    );
    assert_eq!(
        list["value"][0]["properties"]["ipConfigurations"],
        configuration
    );
    assert_eq!(
        read("publicIPAddresses/ip1")["ipConfiguration"],
        configuration[0]
    );
    let group = read("networkSecurityGroups/nsg1");
    assert_eq!(
        group["networkInterfaces"],
        json!([azure.id(&network("networkInterfaces/nic1"))])
    );
    assert!(group.get("subnets").is_none());
    let rules = group["defaultSecurityRules"].as_array().expect("rules");
    assert!(
        rules
            .iter()
            .all(|rule| rule["properties"]["description"].is_string())
    );
    let card = read("networkInterfaces/nic1");
    assert_eq!(
        (&card["hostedWorkloads"], &card["tapConfigurations"]),
        (&json!([]), &json!([]))
    );
    let suffix = card["dnsSettings"]["internalDomainNameSuffix"]
        .as_str()
        .expect("a suffix");
    assert_eq!(
        suffix.split_once('.').expect("a domain").0.len(),
        26,
        "{suffix}"
    );
    // What is sent back is as it was; a subnet that uses the group is told by it, and both until they do not.
    let mut whole = azure.done(Method::GET, &network("virtualNetworks/net1"), &Value::Null);
    whole["properties"]["subnets"][0]["properties"]["networkSecurityGroup"] =
        azure.id(&network("networkSecurityGroups/nsg1"));
    azure.done(Method::PUT, &network("virtualNetworks/net1"), &whole);
    let subnet = json!([azure.id(&network("virtualNetworks/net1/subnets/default"))]);
    assert_eq!(read("networkSecurityGroups/nsg1")["subnets"], subnet);
    azure.done(
        Method::DELETE,
        "/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm1",
        &Value::Null,
    );
    azure.later();
    azure.done(
        Method::DELETE,
        &network("networkInterfaces/nic1"),
        &Value::Null,
    );
    azure.later();
    assert!(
        read("virtualNetworks/net1/subnets/default")
            .get("ipConfigurations")
            .is_none()
    );
    assert!(
        read("networkSecurityGroups/nsg1")
            .get("networkInterfaces")
            .is_none()
    );
}

/// However many use a thing, an answer shows no more of them than it can bear.
#[test]
fn of_many_users_the_first_are_shown() {
    let azure = with_group();
    let network = |kind: &str| format!("/resourceGroups/g/providers/Microsoft.Network/{kind}");
    let body = json!({"location": "eastus", "properties": {
        "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
        "subnets": [{"name": "all", "properties": {"addressPrefix": "10.0.0.0/17"}}],
    }});
    azure.done(Method::PUT, &network("virtualNetworks/net"), &body);
    let subnet = azure.id(&network("virtualNetworks/net/subnets/all"));
    for at in 0..130 {
        let body = json!({"location": "eastus", "properties": {"ipConfigurations": [
            {"name": "one", "properties": {"subnet": subnet}},
        ]}});
        azure.done(
            Method::PUT,
            &network(&format!("networkInterfaces/nic{at}")),
            &body,
        );
    }
    let shown = azure.done(
        Method::GET,
        &network("virtualNetworks/net/subnets/all"),
        &Value::Null,
    );
    let shown = shown["properties"]["ipConfigurations"]
        .as_array()
        .map(Vec::len);
    assert_eq!(shown, Some(100));
}

#[test]
fn references_to_what_is_not_there_are_refused() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let network = |kind: &str| format!("/resourceGroups/g/providers/Microsoft.Network/{kind}");
    let none = |kind: &str| azure.id(&network(kind));
    let space = json!({"addressPrefixes": ["10.0.0.0/16"]});
    let subnet = |member: &str, id: Value| json!({"name": "s", "properties": {"addressPrefix": "10.0.0.0/24", member: id}});
    let vnet = |subnet: Value| json!({"location": "eastus", "properties": {"addressSpace": space, "subnets": [subnet]}});
    let address =
        |member: &str, id: Value| json!({"location": "eastus", "properties": {member: id}});
    let card = |member: &str, id: Value| {
        json!({"location": "eastus", "properties": {"ipConfigurations": [{"name": "one", "properties": {
            "subnet": none("virtualNetworks/net1/subnets/default"), member: id,
        }}]}})
    };
    let rule = json!({"location": "eastus", "properties": {"securityRules": [{"name": "r", "properties": {
        "protocol": "*", "access": "Allow", "direction": "Inbound", "priority": 100, "destinationPortRange": "*",
        "sourceApplicationSecurityGroups": [none("applicationSecurityGroups/no")],
    }}]}});
    let missing = [
        (
            "virtualNetworks/new",
            vnet(subnet(
                "networkSecurityGroup",
                none("networkSecurityGroups/no"),
            )),
        ),
        (
            "virtualNetworks/new",
            vnet(subnet("routeTable", none("routeTables/no"))),
        ),
        (
            "virtualNetworks/new",
            vnet(subnet("natGateway", none("natGateways/no"))),
        ),
        (
            "virtualNetworks/net1/subnets/more",
            subnet("natGateway", none("natGateways/no")),
        ),
        (
            "publicIPAddresses/new",
            address("publicIPPrefix", none("publicIPPrefixes/no")),
        ),
        (
            "networkInterfaces/new",
            card("publicIPAddress", none("publicIPAddresses/no")),
        ),
        (
            "networkInterfaces/new",
            card(
                "applicationSecurityGroups",
                json!([none("applicationSecurityGroups/no")]),
            ),
        ),
        (
            "networkInterfaces/new",
            card("subnet", none("virtualNetworks/net1/subnets/no")),
        ),
        ("networkSecurityGroups/new", rule),
    ];
    for (path, body) in missing {
        let (status, answer) = azure.arm(Method::PUT, &network(path), &body);
        let code = &answer["error"]["code"];
        assert_eq!(
            (status, code),
            (400, &json!("InvalidResourceReference")),
            "{path}: {answer}"
        );
    }
    let invalid = json!({"id": "nsg"});
    for (path, body, at) in [
        (
            "virtualNetworks/new",
            vnet(subnet("networkSecurityGroup", invalid.clone())),
            "properties.subnets[0].properties.networkSecurityGroup.id",
        ),
        (
            "networkInterfaces/new",
            card("subnet", invalid.clone()),
            "properties.ipConfigurations[0].properties.subnet.id",
        ),
    ] {
        let (status, answer) = azure.arm(Method::PUT, &network(path), &body);
        let error = &answer["error"];
        assert_eq!(
            (status, &error["code"]),
            (400, &json!("LinkedInvalidPropertyId")),
            "{answer}"
        );
        let text = error["message"].as_str().expect("a text");
        assert!(
            text.starts_with(&format!("Property id 'nsg' at path '{at}' is invalid.")),
            "{text}"
        );
    }
    // What is there may be referred to.
    let there = subnet("networkSecurityGroup", none("networkSecurityGroups/nsg1"));
    azure.done(Method::PUT, &network("virtualNetworks/new"), &vnet(there));
}

/// azure-mgmt-resource 16.0.0, tests/recordings/test_mgmt_resource.test_deployments_basic.yaml
#[test]
fn an_error_of_a_template_says_where_it_is() {
    let azure = with_group();
    let template = |members: &str| {
        format!(
            r#"{{"properties": {{"mode": "Incremental", "template": {{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0", "resources": [],
{members}}}}}}}"#
        )
    };
    let path = "/resourceGroups/g/providers/Microsoft.Resources/deployments/d";
    let refused = |members: &str| {
        let (status, mut answer) = azure.arm_text(Method::PUT, path, &template(members));
        assert_eq!(
            (status, &answer["error"]["code"]),
            (400, &json!("InvalidTemplate"))
        );
        let text = answer["error"]["message"].take();
        (
            text.as_str().expect("a text").to_owned(),
            answer["error"]["additionalInfo"].take(),
        )
    };
    let place = |path: &str, line: u8, column: u8| {
        let info = json!({"lineNumber": line, "linePosition": column, "path": path});
        json!([{"type": "TemplateViolation", "info": info}])
    };
    let (text, info) = refused(r#""parameters": {"location": {"type": "string"}}"#);
    assert!(
        text.contains("'location' at line '2' and column '28' is not provided"),
        "{text}"
    );
    assert_eq!(
        info,
        place("properties.template.parameters.location", 2, 28)
    );
    let (_, info) = refused(r#""variables": {"x": ["[nothing()]"]}"#);
    assert_eq!(info, place("properties.template.variables.x[0]", 2, 33));
    // Where no place is known, none is told.
    let (_, info) = refused(r#""parameters": {"x": {"type": "strange", "defaultValue": 1}}"#);
    assert_eq!(info, place("", 0, 0));
}

/// sassoftware/viya4-iac-azure issue 116, hashicorp/terraform pull request 6542
#[test]
fn a_machines_size_password_and_name_are_refused_in_azures_words() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let mut bodies = azure.bodies("g", "2");
    let at = bodies
        .iter()
        .position(|(path, _)| path.contains("virtualMachines/"));
    let (path, body) = bodies.remove(at.expect("a machine"));
    for (path, body) in bodies {
        azure.done(Method::PUT, &path, &body);
    }
    for (pointer, value, target, words) in [
        (
            "/properties/hardwareProfile/vmSize",
            "Huge",
            "vmSize",
            "The value Huge provided for the VM size is not valid. The valid sizes in the current region are: Standard_A1_v2,",
        ),
        (
            "/properties/osProfile/adminPassword",
            "short",
            "adminPassword",
            "The supplied password must be between 6-72 characters long and must satisfy at least 3",
        ),
        (
            "/properties/osProfile/computerName",
            "ba@d",
            "computerName",
            "Linux host name cannot exceed 64 characters",
        ),
    ] {
        let mut body = body.clone();
        *body.pointer_mut(pointer).expect("a member") = json!(value);
        let (status, answer) = azure.arm(Method::PUT, &path, &body);
        let error = &answer["error"];
        assert_eq!(
            (status, &error["code"], &error["target"]),
            (400, &json!("InvalidParameter"), &json!(target))
        );
        assert!(
            error["message"]
                .as_str()
                .expect("a text")
                .starts_with(words),
            "{error}"
        );
    }
}

/// Azure/azure-cli, command_modules/keyvault/tests/latest/recordings/test_keyvault_softdelete.yaml;
/// Azure/azure-sdk-for-js, sdk/keyvault/keyvault-secrets/recordings
#[test]
fn the_data_plane_answers_as_it_was_recorded() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let at = |version: &str| {
        let host = "kv-g1.vault.azure.net";
        azure.exchange(
            Method::PUT,
            host,
            "/secrets/s",
            version,
            r#"{"value": "x"}"#,
        )
    };
    for (version, days) in [("7.0", None), ("7.1", Some(90)), ("7.6", Some(90))] {
        let response = at(version);
        assert_eq!(response.status, 200);
        // Nobody asked for it to be given back.
        assert!(response.headers.get("x-ms-client-request-id").is_none());
        let body: Value = serde_json::from_slice(&response.body).expect("JSON");
        let attributes = &body["attributes"];
        assert_eq!(attributes["recoverableDays"].as_i64(), days, "{version}");
        assert_eq!(attributes["recoveryLevel"], "Recoverable+Purgeable");
    }
    let (status, missing) = azure.vault(Method::GET, "kv-g1", "/deletedsecrets/none", "");
    let error = json!({"code": "SecretNotFound", "message": "Deleted Secret not found: none"});
    assert_eq!((status, &missing["error"]), (404, &error));
}

#[test]
fn what_is_refused_has_azures_code() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let of =
        |kind: &str, name: &str| format!("/resourceGroups/g/providers/Microsoft.{kind}/{name}");
    let body = |n: &str, kind: &str| {
        let found = azure
            .bodies("g", n)
            .into_iter()
            .find(|(path, _)| path.contains(kind));
        found.expect("a body").1
    };
    let machine = |pointer: &str, value: &str| {
        let mut body = body("1", "virtualMachines/");
        body["properties"]["storageProfile"]["osDisk"]["name"] = json!("other");
        *body.pointer_mut(pointer).expect("a member") = json!(value);
        body["properties"]["networkProfile"] =
            json!({"networkInterfaces": [azure.id(&of("Network", "networkInterfaces/free"))]});
        body
    };
    let card = json!({"location": "eastus", "properties": {"ipConfigurations": [{"name": "one", "properties": {
        "subnet": azure.id(&of("Network", "virtualNetworks/net1/subnets/default")),
    }}]}});
    azure.done(Method::PUT, &of("Network", "networkInterfaces/free"), &card);
    let mut protected = vault(&azure);
    protected["properties"]["enablePurgeProtection"] = json!(false);
    let role = "11111111-1111-4111-8111-111111111111";
    let assignment = json!({"properties": {
        "principalId": role, "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{role}"),
    }});
    let assigned = format!("Authorization/roleAssignments/{role}");
    let vm = of("Compute", "virtualMachines/new");
    let image = "/properties/storageProfile/imageReference/sku";
    let mars = json!({"location": "mars"});
    for (method, path, body, status, code) in [
        (
            Method::DELETE,
            of("Network", "virtualNetworks/net1"),
            Value::Null,
            400,
            "InUseSubnetCannotBeDeleted",
        ),
        (
            Method::DELETE,
            of("Network", "publicIPAddresses/ip1"),
            Value::Null,
            400,
            "PublicIPAddressCannotBeDeleted",
        ),
        (
            Method::DELETE,
            of("Network", "networkSecurityGroups/nsg1"),
            Value::Null,
            400,
            "InUseNetworkSecurityGroupCannotBeDeleted",
        ),
        (
            Method::DELETE,
            of("Network", "networkInterfaces/nic1"),
            Value::Null,
            400,
            "NicInUse",
        ),
        (
            Method::PUT,
            vm.clone(),
            machine(image, "none"),
            404,
            "PlatformImageNotFound",
        ),
        (
            Method::PUT,
            vm,
            machine("/properties/osProfile/adminUsername", "root"),
            400,
            "InvalidParameter",
        ),
        (
            Method::PUT,
            of("KeyVault", "vaults/a--b"),
            vault(&azure),
            400,
            "VaultNameNotValid",
        ),
        (
            Method::PUT,
            of("KeyVault", "vaults/kv-plain"),
            protected,
            400,
            "BadRequest",
        ),
        (
            Method::PUT,
            of("Network", "networkSecurityGroups/new"),
            mars,
            400,
            "LocationNotAvailableForResourceType",
        ),
        (
            Method::PUT,
            format!("/providers/Microsoft.{assigned}"),
            assignment,
            404,
            "RoleDefinitionDoesNotExist",
        ),
    ] {
        let (got, answer) = azure.arm(method, &path, &body);
        let error = &answer["error"];
        assert_eq!(
            (got, &error["code"]),
            (status, &json!(code)),
            "{path}: {answer}"
        );
        if code == "RoleDefinitionDoesNotExist" {
            let text = error["message"].as_str().expect("a text");
            assert!(text.contains(&role.replace('-', "")), "{text}");
        }
    }
}

/// <https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview#default-security-rules>
#[test]
fn every_security_group_has_the_same_six_rules() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let path = "/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/nsg1";
    let group = azure.done(Method::GET, path, &Value::Null);
    let rules = group["properties"]["defaultSecurityRules"]
        .as_array()
        .expect("rules");
    let rules: Vec<(&str, i64)> = rules
        .iter()
        .map(|rule| {
            let priority = rule["properties"]["priority"].as_i64();
            (
                rule["name"].as_str().expect("a name"),
                priority.expect("a priority"),
            )
        })
        .collect();
    let expected = [
        ("AllowVnetInBound", 65000),
        ("AllowAzureLoadBalancerInBound", 65001),
        ("DenyAllInBound", 65500),
        ("AllowVnetOutBound", 65000),
        ("AllowInternetOutBound", 65001),
        ("DenyAllOutBound", 65500),
    ];
    assert_eq!(rules, expected);
}

/// Azure/azure-sdk-for-js issue 24756, Azure/azure-powershell issue 14800, and what the pages on secrets say.
#[test]
fn secrets_are_refused_and_given_as_azure_does_it() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let send = |method: Method, path: &str, body: Value| {
        azure.vault(method, "kv-g1", path, &body.to_string())
    };
    let code = |answer: &Value| answer["error"]["innererror"]["code"].clone();
    let disabled = json!({"value": "x", "attributes": {"enabled": false}});
    assert_eq!(send(Method::PUT, "/secrets/off", disabled).0, 200);
    let (status, answer) = send(Method::GET, "/secrets/off", Value::Null);
    assert_eq!((status, code(&answer)), (403, json!("SecretDisabled")));
    let expired = json!({"value": "x", "attributes": {"exp": 1}});
    assert_eq!(send(Method::PUT, "/secrets/old", expired).0, 200);
    assert_eq!(send(Method::GET, "/secrets/old", Value::Null).0, 200);
    let long = json!({"value": "x".repeat(25 * 1024 + 1)});
    assert_eq!(send(Method::PUT, "/secrets/long", long).0, 400);
    assert_eq!(send(Method::DELETE, "/secrets/old", Value::Null).0, 200);
    let (status, answer) = send(Method::PUT, "/secrets/old", json!({"value": "y"}));
    assert_eq!(
        (status, code(&answer)),
        (409, json!("ObjectIsDeletedButRecoverable"))
    );
    for at in 0..30 {
        assert_eq!(
            send(
                Method::PUT,
                &format!("/secrets/s{at}"),
                json!({"value": "x"})
            )
            .0,
            200
        );
    }
    let (_, page) = send(Method::GET, "/secrets", Value::Null);
    assert_eq!(page["value"].as_array().map(Vec::len), Some(25));
    assert!(page["nextLink"].is_string());
}

/// As ansible-collections/azure's plugins/inventory/azure_rm.py sends and reads it.
#[test]
fn a_batch_answers_each_of_its_requests() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let url = |path: &str| {
        let version = if path.contains("ManagedIdentity") {
            "2024-11-30"
        } else {
            "2024-07-01"
        };
        format!(
            "https://management.azure.com/subscriptions/{}{path}?api-version={version}",
            azure.subscription
        )
    };
    let made = "/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities";
    let body = json!({"requests": [
        {"httpMethod": "GET", "name": "a", "url": url("/providers/Microsoft.Compute/virtualMachines")},
        {"httpMethod": "GET", "name": "b", "url": url("/resourceGroups/none")},
        {"httpMethod": "PUT", "name": "c", "url": url(&format!("{made}/new")), "content": {"location": "eastus"}},
        {"httpMethod": "PUT", "name": "d", "url": url(&format!("{made}/other")), "content": {"location": "mars"}},
    ]});
    let (status, answer) = azure.management(Method::POST, "/batch", &body);
    assert_eq!(status, 200, "{answer}");
    let got: Vec<(&Value, &Value)> = answer["responses"]
        .as_array()
        .expect("responses")
        .iter()
        .map(|one| (&one["name"], &one["httpStatusCode"]))
        .collect();
    let expected = [("a", 200), ("b", 404), ("c", 201), ("d", 400)];
    let expected = expected.map(|(name, status)| (json!(name), json!(status)));
    assert_eq!(
        got,
        expected.each_ref().map(|(name, status)| (name, status))
    );
    assert_eq!(answer["responses"][0]["content"]["value"][0]["name"], "vm1");
    azure.done(Method::GET, &format!("{made}/new"), &Value::Null);
    assert_eq!(
        azure
            .arm(Method::GET, &format!("{made}/other"), &Value::Null)
            .0,
        404
    );
    for bad in [
        json!({}),
        json!({"requests": [{"name": "x"}]}),
        json!({"requests": [{"url": "https://example.com/subscriptions"}]}),
        json!({"requests": [{"url": "/batch", "httpMethod": "POST"}]}),
        json!({"requests": vec![json!({"url": "/tenants"}); 501]}),
    ] {
        assert_eq!(
            azure.management(Method::POST, "/batch", &bad).0,
            400,
            "{bad}"
        );
    }
}

/// ansible-collections/azure compares the ids that it set with those that it reads, letter by letter.
#[test]
fn a_machine_spells_its_identities_as_they_were_asked_for() {
    let azure = Azure::start();
    azure.furnish("g", "1");
    let (vm, mut body) = azure.bodies("g", "1")[6].clone();
    let asked = azure
        .id("/resourceGroups/G/providers/microsoft.managedidentity/userassignedidentities/WHO1");
    let asked = asked["id"].as_str().expect("an id").to_owned();
    body["identity"] = json!({"type": "UserAssigned", "userAssignedIdentities": {&asked: {}}});
    azure.done(Method::PUT, &vm, &body);
    let read = azure.done(Method::GET, &vm, &Value::Null);
    let keys = read["identity"]["userAssignedIdentities"]
        .as_object()
        .expect("identities");
    assert_eq!(keys.keys().collect::<Vec<_>>(), [&asked]);
    assert!(keys[&asked]["principalId"].is_string());
}
