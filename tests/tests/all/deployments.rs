//! Template deployments, sent by hand: what `az deployment` and `az vm create` rest on.

use end_to_end::{
    Azure, GROUP, IDENTITY,
    http::{Answer, Client},
};
use serde_json::{Value, json};

const VERSION: &str = "api-version=2024-11-01";
const OFFICER_ID: &str = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7";

/// Sends deployments to one scope.
struct Deployer<'a> {
    azure: &'a Azure,
    client: Client<'a>,
    bearer: String,
    scope: String,
}

impl<'a> Deployer<'a> {
    fn to_group(azure: &'a Azure) -> Self {
        let client = Client::new(azure);
        let bearer = format!(
            "Bearer {}",
            client.token("https://management.azure.com/.default")
        );
        let subscription = azure.var("AZURE_SUBSCRIPTION_ID");
        let scope = format!("/subscriptions/{subscription}/resourceGroups/{GROUP}");
        Deployer {
            azure,
            client,
            bearer,
            scope,
        }
    }

    fn to_subscription(azure: &'a Azure) -> Self {
        let mut deployer = Self::to_group(azure);
        deployer.scope = format!("/subscriptions/{}", azure.var("AZURE_SUBSCRIPTION_ID"));
        deployer
    }

    fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let url = format!("https://management.azure.com{path}?{VERSION}");
        let headers = [("authorization", self.bearer.as_str())];
        self.client
            .send(method, &url, &headers, body.map(|body| body.to_string()))
    }

    fn path(&self, name: &str) -> String {
        format!(
            "{}/providers/Microsoft.Resources/deployments/{name}",
            self.scope
        )
    }

    /// Puts a deployment and waits until its operation has ended. Gives what a GET answers then.
    fn deploy(&self, name: &str, template: &Value, parameters: Value) -> Value {
        let body = request(template, parameters);
        // It goes on until the clock is moved, however slow this computer is.
        self.operations_take("10m");
        let put = self.call("PUT", &self.path(name), Some(body));
        assert!(matches!(put.status, 200 | 201), "{}", put.text);
        let began = put.json();
        assert_eq!(began["properties"]["provisioningState"], "Accepted");
        assert!(
            put.header("azure-asyncoperation")
                .contains("/operationStatuses/")
        );
        assert_eq!(
            self.call("GET", &self.path(name), None).json()["properties"]["provisioningState"],
            "Running"
        );
        // What runs goes by the clock.
        let mut advance = self.azure.local();
        advance.args(["clock", "advance", "11m"]).assert().success();
        self.operations_take("0s");
        self.call("GET", &self.path(name), None).json()
    }

    fn operations_take(&self, time: &str) {
        let mut set = self.azure.local();
        set.args(["set", "operation-time", time]).assert().success();
    }

    fn refused(&self, template: &Value, parameters: Value) -> Answer {
        let answer = self.call(
            "PUT",
            &self.path("refused"),
            Some(request(template, parameters)),
        );
        assert_eq!(answer.status, 400, "{}", answer.text);
        answer
    }
}

fn request(template: &Value, parameters: Value) -> Value {
    json!({"location": "eastus", "properties": {"mode": "Incremental", "template": template, "parameters": parameters}})
}

fn template(resources: Value) -> Value {
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": resources,
    })
}

fn identity(name: &str) -> Value {
    json!({
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities", "apiVersion": "2024-11-30", "name": name,
        "location": "[resourceGroup().location]",
    })
}

fn error_text(answer: &Answer) -> String {
    answer.json()["error"]["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// An identity, a vault and a role on the vault for the identity, as Bicep writes them.
#[test]
fn a_vault_with_a_role_for_a_new_identity() {
    let azure = Azure::apart().with_group();
    let deployer = Deployer::to_group(&azure);
    let mut template = template(json!([
        // Listed before what it needs.
        {
            "type": "Microsoft.Authorization/roleAssignments", "apiVersion": "2022-04-01",
            "name": "[guid(variables('vault'), parameters('identity'))]",
            "scope": "[format('Microsoft.KeyVault/vaults/{0}', variables('vault'))]",
            "properties": {
                "principalId": "[reference(resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', parameters('identity')), '2024-11-30').principalId]",
                "roleDefinitionId": format!("[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{OFFICER_ID}')]"),
                "principalType": "ServicePrincipal",
            },
            "dependsOn": ["[resourceId('Microsoft.KeyVault/vaults', variables('vault'))]"],
        },
        {
            "type": "Microsoft.KeyVault/vaults", "apiVersion": "2026-02-01", "name": "[variables('vault')]",
            "location": "[parameters('location')]", "tags": {"for": "[[literal]"},
            "properties": {
                "tenantId": "[tenant().tenantId]", "sku": {"family": "A", "name": "standard"},
                "enableRbacAuthorization": true, "accessPolicies": [],
            },
        },
        identity("[parameters('identity')]"),
        {"condition": "[parameters('more')]", "type": "Microsoft.Network/publicIPAddresses", "apiVersion": "2024-07-01",
            "name": "never", "location": "[parameters('location')]", "properties": {}},
    ]));
    template["parameters"] = json!({
        "identity": {"type": "string", "minLength": 3},
        "location": {"type": "string", "defaultValue": "[resourceGroup().location]"},
        "more": {"type": "bool", "defaultValue": false},
        "password": {"type": "secureString"},
    });
    template["variables"] =
        json!({"vault": "[format('kv-{0}', uniqueString(resourceGroup().id))]"});
    template["outputs"] = json!({
        "uri": {"type": "string", "value": "[reference(variables('vault')).vaultUri]"},
        "principal": {"type": "object", "value": "[reference(parameters('identity'), '2024-11-30', 'Full').properties]"},
        "hidden": {"type": "securestring", "value": "[parameters('password')]"},
    });
    let parameters = json!({"identity": {"value": IDENTITY}, "password": {"value": "never-shown"}});
    let made = deployer.deploy("first", &template, parameters.clone());
    let properties = &made["properties"];
    assert_eq!(properties["provisioningState"], "Succeeded", "{made}");
    assert_eq!(made["type"], "Microsoft.Resources/deployments");
    let uri = properties["outputs"]["uri"]["value"]
        .as_str()
        .expect("a URI");
    let vault = uri
        .strip_prefix("https://")
        .and_then(|uri| uri.strip_suffix(".vault.azure.net/"))
        .expect("a vault's URI");
    let principal = &properties["outputs"]["principal"]["value"]["principalId"];
    assert_eq!(
        properties["outputs"]["hidden"],
        json!({"type": "SecureString"})
    );
    assert_eq!(
        properties["parameters"]["password"],
        json!({"type": "SecureString"})
    );
    assert!(!made.to_string().contains("never-shown"));
    assert_eq!(
        properties["outputResources"].as_array().map(Vec::len),
        Some(3)
    );
    assert_eq!(
        properties["dependencies"][0]["dependsOn"][0]["resourceName"],
        vault
    );
    assert_eq!(
        azure.text(
            &format!("az-provision keyvault show -n {vault}"),
            "tags.\"for\""
        ),
        "[literal]"
    );
    let scope = azure.text(&format!("az-provision keyvault show -n {vault}"), "id");
    let roles = azure.json(&format!("az-role assignment list --scope {scope}"));
    assert_eq!(roles[0]["principalId"], *principal);
    assert_eq!(roles.as_array().map(Vec::len), Some(1));
    azure
        .run("az-provision group show -n go-on-azure")
        .assert()
        .success();

    // The same again changes nothing.
    let again = deployer.deploy("first", &template, parameters);
    assert_eq!(again["properties"]["outputs"], properties["outputs"]);
    let operations = deployer
        .call(
            "GET",
            &format!("{}/operations", deployer.path("first")),
            None,
        )
        .json();
    assert_eq!(operations["value"].as_array().map(Vec::len), Some(3));
    let short = format!("{}/deployments/first/operations", deployer.scope);
    assert_eq!(
        deployer.call("GET", &short, None).json()["value"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
}

#[test]
fn an_invalid_template_makes_nothing() {
    let azure = Azure::apart().with_group();
    let deployer = Deployer::to_group(&azure);
    let named = |name: &str| template(json!([identity(name)]));
    let mut circle = template(json!([identity("one"), identity("two")]));
    circle["resources"][0]["dependsOn"] = json!(["two"]);
    circle["resources"][1]["dependsOn"] = json!(["one"]);
    let mut stranger = template(json!([identity("one")]));
    stranger["resources"][0]["dependsOn"] = json!(["Microsoft.Network/virtualNetworks/none"]);
    let mut unused = template(json!([]));
    unused["outputs"] =
        json!({"x": {"type": "string", "value": "[if(true(), 'a', nonsense('b'))]"}});
    let mut copied = template(json!([identity("many")]));
    copied["resources"][0]["copy"] = json!({"name": "loop", "count": 2});
    let mut early = template(json!([]));
    early["variables"] = json!({"x": "[reference('one').principalId]"});
    early["outputs"] = json!({"x": {"type": "string", "value": "[variables('x')]"}});
    for (template, word) in [
        (named("[lambda('x')]"), "'lambda'"),
        (named("[concat('a']"), "ends too early"),
        (
            named("[parameters('none')]"),
            "template parameter 'none' is not found",
        ),
        (
            named("[variables('none')]"),
            "template variable 'none' is not found",
        ),
        (named("a/b"), "incorrect segment lengths"),
        (circle, "Circular dependency"),
        (stranger, "not defined in the template"),
        (unused, "'nonsense'"),
        (copied, "multiple times"),
        (early, "'reference' is not expected"),
        (json!({"resources": []}), "$schema"),
        (
            template(json!([identity("twice"), identity("TWICE")])),
            "multiple times",
        ),
    ] {
        let answer = deployer.refused(&template, json!({}));
        assert_eq!(answer.code(), "InvalidTemplate", "{}", answer.text);
        assert!(
            error_text(&answer).contains(word),
            "{word}: {}",
            answer.text
        );
    }
    let count = azure.json("az-identity list");
    assert_eq!(count, json!([]));
    assert_eq!(
        deployer.call("GET", &deployer.path("refused"), None).status,
        404
    );
}

#[test]
fn parameters_are_checked() {
    let azure = Azure::apart().with_group();
    let deployer = Deployer::to_group(&azure);
    let mut template = template(json!([]));
    template["parameters"] = json!({
        "size": {"type": "string", "allowedValues": ["small", "large"]},
        "count": {"type": "int", "defaultValue": 1, "minValue": 1, "maxValue": 3},
    });
    for (parameters, word) in [
        (json!({}), "'size' at line '1' and column '"),
        (
            json!({"size": {"value": "huge"}}),
            "allowed value(s): 'small,large'",
        ),
        (json!({"size": {"value": 5}}), "Expected 'string'"),
        (
            json!({"size": {"value": "small"}, "count": {"value": 9}}),
            "outside the allowed range",
        ),
        (
            json!({"size": {"value": "small"}, "other": {"value": 1}}),
            "'other'",
        ),
        (json!({"size": {"reference": {}}}), "Key Vault"),
    ] {
        let answer = deployer.refused(&template, parameters);
        assert_eq!(answer.code(), "InvalidTemplate");
        assert!(
            error_text(&answer).contains(word),
            "{word}: {}",
            answer.text
        );
    }
}

/// What a provider refuses before anything is made is told at once; what it refuses later fails the deployment.
#[test]
fn a_refused_resource_fails_the_deployment() {
    let azure = Azure::apart().with_group();
    let deployer = Deployer::to_group(&azure);
    let mut wrong = template(json!([identity("good"), identity("good-too")]));
    wrong["resources"][1]["location"] = json!("atlantis");
    let answer = deployer.refused(&wrong, json!({}));
    assert_eq!(answer.code(), "InvalidTemplateDeployment");
    assert_eq!(
        answer.json()["error"]["details"][0]["code"],
        "LocationNotAvailableForResourceType"
    );
    assert_eq!(azure.json("az-identity list"), json!([]));

    azure
        .run(&format!("az-identity create -g {GROUP} -n taken -l westus"))
        .assert()
        .success();
    let mut conflict = template(json!([
        identity("taken"),
        identity("needs-it"),
        identity("alone")
    ]));
    conflict["resources"][1]["dependsOn"] = json!(["taken"]);
    let failed = deployer.deploy("conflict", &conflict, json!({}));
    let properties = &failed["properties"];
    assert_eq!(properties["provisioningState"], "Failed");
    assert_eq!(properties["error"]["code"], "DeploymentFailed");
    assert_eq!(
        properties["error"]["details"][0]["code"],
        "InvalidResourceLocation"
    );
    let names = azure.json("az-identity list --query [].name");
    assert_eq!(names, json!(["alone", "taken"]));
    let operations = deployer
        .call(
            "GET",
            &format!("{}/operations", deployer.path("conflict")),
            None,
        )
        .json();
    let states: Vec<&Value> = operations["value"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| &one["properties"]["provisioningState"])
        .collect();
    assert_eq!(states, ["Failed", "Succeeded"]);
}

/// A machine and a role for its own identity, as `az vm create --assign-identity --role --scope` writes them: the role
/// comes after the machine, so the directory knows the principal though the template does not say what it is.
#[test]
fn a_role_for_a_new_machines_own_identity() {
    let azure = Azure::apart().with_group();
    let deployer = Deployer::to_group(&azure);
    azure.create_vm("donor");
    let nic = azure.text(
        "az-provision vm show -n donor",
        "networkProfile.networkInterfaces[0].id",
    );
    azure
        .run("az-provision vm delete -n donor --yes")
        .assert()
        .success();
    let machine = json!({
        "type": "Microsoft.Compute/virtualMachines", "apiVersion": "2025-04-01", "name": "own", "location": "eastus",
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "hardwareProfile": {"vmSize": end_to_end::SIZE},
            "networkProfile": {"networkInterfaces": [{"id": nic}]},
            "storageProfile": {"osDisk": {"createOption": "FromImage"}, "imageReference": {
                "publisher": "canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts", "version": "latest"}},
            "osProfile": {"computerName": "own", "adminUsername": "azureuser", "adminPassword": end_to_end::PASSWORD},
        },
    });
    let id = format!(
        "{}/providers/Microsoft.Compute/virtualMachines/own",
        deployer.scope
    );
    let role = json!({
        "type": "Microsoft.Authorization/roleAssignments", "apiVersion": "2015-07-01",
        "name": "11111111-2222-4333-8444-555555555555",
        "dependsOn": ["Microsoft.Compute/virtualMachines/own"],
        "properties": {
            "roleDefinitionId": format!("[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{OFFICER_ID}')]"),
            "principalId": format!("[reference('{id}', '2019-07-01', 'Full').identity.principalId]"),
            "scope": deployer.scope,
        },
    });
    let template = template(json!([role, machine]));
    let set_delay = |delay: &str| {
        let mut set = azure.local();
        set.args(["set", "principal-delay", delay])
            .assert()
            .success();
    };
    set_delay("1h");
    let early = deployer.refused(&template, json!({}));
    assert!(early.text.contains("PrincipalNotFound"), "{}", early.text);
    set_delay("100ms");
    let deployed = deployer.deploy("own", &template, json!({}));
    assert_eq!(deployed["properties"]["provisioningState"], "Succeeded");
    let principal = azure.text(
        &format!("az-identity vm show -g {GROUP} -n own"),
        "principalId",
    );
    let assigned = azure.json(&format!(
        "az-role assignment list --scope {}",
        deployer.scope
    ));
    assert_eq!(assigned[0]["principalId"], principal);
}

/// A template gives nobody more rights than he has.
#[test]
fn a_deployment_has_its_callers_rights_only() {
    let azure = Azure::apart().with_group().with_vm();
    let machine = azure.json(&format!(
        "az-identity vm assign -g {GROUP} -n {}",
        end_to_end::VM
    ));
    let principal = machine["systemAssignedIdentity"]
        .as_str()
        .expect("an identity")
        .to_owned();
    let deployer = Deployer::to_group(&azure);
    // "Managed Identity Contributor" may deploy, and make identities, but no network.
    azure
        .run(&format!(
            "az-role assignment create --assignee {principal} --role e40ec5ca-96e0-45a2-b4ff-59039f2c2b59 --scope {}",
            deployer.scope
        ))
        .assert()
        .success();
    azure
        .local()
        .args(["clock", "advance", "1h"])
        .assert()
        .success();
    let environment = azure
        .on_machine(end_to_end::VM, "env")
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    let environment = String::from_utf8(environment).expect("UTF-8");
    let proxy = environment
        .lines()
        .find_map(|line| line.strip_prefix("HTTP_PROXY="))
        .expect("a proxy");
    let machine = Client::through(&azure, proxy);
    let token = machine
        .send(
            "GET",
            "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/",
            &[("metadata", "true")],
            None,
        )
        .json()["access_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let bearer = format!("Bearer {token}");
    let put = |name: &str, template: &Value| {
        machine.send(
            "PUT",
            &format!(
                "https://management.azure.com{}?{VERSION}",
                deployer.path(name)
            ),
            &[("authorization", &bearer)],
            Some(request(template, json!({})).to_string()),
        )
    };
    let allowed = put("allowed", &template(json!([identity("mine")])));
    assert_eq!(allowed.status, 201, "{}", allowed.text);
    let network = json!({"type": "Microsoft.Network/publicIPAddresses", "apiVersion": "2024-07-01", "name": "ip",
        "location": "eastus", "properties": {}});
    let denied = put("denied", &template(json!([identity("not-this"), network])));
    assert_eq!(
        (denied.status, denied.code().as_str()),
        (403, "InvalidTemplateDeployment")
    );
    assert_eq!(
        denied.json()["error"]["details"][0]["code"],
        "AuthorizationFailed"
    );
    assert_eq!(
        azure.json("az-identity list --query [].name"),
        json!(["mine"])
    );
}

#[test]
fn validation_and_what_if_change_nothing() {
    let azure = Azure::apart().with_group();
    let deployer = Deployer::to_group(&azure);
    let template = template(json!([identity("planned")]));
    let post = |verb: &str, template: &Value| {
        deployer.call(
            "POST",
            &format!("{}/{verb}", deployer.path("trial")),
            Some(request(template, json!({}))),
        )
    };
    let valid = post("validate", &template);
    assert_eq!(valid.status, 200, "{}", valid.text);
    assert_eq!(
        valid.json()["properties"]["validatedResources"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let changes = post("whatIf", &template).json()["properties"]["changes"].clone();
    assert_eq!(changes[0]["changeType"], "Create");
    assert_eq!(azure.json("az-identity list"), json!([]));
    assert_eq!(
        deployer.call("HEAD", &deployer.path("trial"), None).status,
        404
    );

    deployer.deploy("real", &template, json!({}));
    assert_eq!(
        deployer.call("HEAD", &deployer.path("real"), None).status,
        204
    );
    let changes = post("whatIf", &template).json()["properties"]["changes"].clone();
    assert_eq!(changes[0]["changeType"], "NoChange", "{changes}");
    let mut tagged = template;
    tagged["resources"][0]["tags"] = json!({"team": "one"});
    let changes = post("whatIf", &tagged).json()["properties"]["changes"].clone();
    assert_eq!(changes[0]["changeType"], "Modify", "{changes}");
    assert_eq!(changes[0]["delta"][0]["path"], "tags.team", "{changes}");
    tagged["resources"][0]["location"] = json!("atlantis");
    assert_eq!(
        post("validate", &tagged).code(),
        "InvalidTemplateDeployment"
    );
    assert_eq!(
        azure.text(
            &format!("az-identity show -g {GROUP} -n planned"),
            "length(tags)"
        ),
        "0"
    );
}

/// A subscription's deployment makes a group, and a module of Bicep's fills it.
#[test]
fn a_subscription_s_deployment_makes_a_group_and_fills_it() {
    let azure = Azure::apart();
    let deployer = Deployer::to_subscription(&azure);
    let mut inner = template(json!([identity("[parameters('name')]")]));
    inner["parameters"] = json!({"name": {"type": "string"}});
    inner["outputs"] = json!({
        "principal": {"type": "string", "value": "[reference(resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', parameters('name')), '2024-11-30').principalId]"},
    });
    let mut outer = template(json!([
        {"type": "Microsoft.Resources/resourceGroups", "apiVersion": "2024-11-01", "name": "[parameters('group')]",
            "location": "[deployment().location]"},
        {
            "type": "Microsoft.Resources/deployments", "apiVersion": "2024-11-01", "name": "module",
            "resourceGroup": "[parameters('group')]",
            "dependsOn": ["[subscriptionResourceId('Microsoft.Resources/resourceGroups', parameters('group'))]"],
            "properties": {
                "expressionEvaluationOptions": {"scope": "inner"}, "mode": "Incremental",
                "parameters": {"name": {"value": "[concat(parameters('group'), '-id')]"}}, "template": inner,
            },
        },
    ]));
    outer["parameters"] = json!({"group": {"type": "string"}});
    outer["outputs"] = json!({
        "principal": {"type": "string", "value": "[reference(extensionResourceId(format('/subscriptions/{0}/resourceGroups/{1}', subscription().subscriptionId, parameters('group')), 'Microsoft.Resources/deployments', 'module'), '2024-11-01').outputs.principal.value]"},
    });
    let made = deployer.deploy("outer", &outer, json!({"group": {"value": "by-template"}}));
    assert_eq!(
        made["properties"]["provisioningState"], "Succeeded",
        "{made}"
    );
    assert_eq!(made["location"], "eastus");
    let there = azure.text(
        "az-identity show -g by-template -n by-template-id",
        "principalId",
    );
    assert_eq!(made["properties"]["outputs"]["principal"]["value"], there);
}
