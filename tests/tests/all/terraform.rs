//! What HashiCorp's azurerm provider sends for the tutorial's resources: the same requests, in the same order, with the
//! bodies that its code builds (hashicorp/terraform-provider-azurerm 5.2, `internal/services/*/*_resource.go`, and its vendored
//! `go-azure-sdk`). After an apply a plan reads everything again, and compares it with what is configured: whatever is answered
//! otherwise is a change that it wants to make for ever.

use end_to_end::http::{Answer, Client};
use end_to_end::{Azure, GROUP};
use serde_json::{Value, json};

const ARM: &str = "https://management.azure.com";
const SCOPE: &str = "https://management.azure.com/.default";
const VAULT: &str = "kv-terraform";

// The versions of its API clients.
const GROUPS: &str = "2023-07-01";
const NETWORK: &str = "2025-01-01";
const MACHINES: &str = "2024-03-01";
const DISKS: &str = "2023-04-02";
const IDENTITIES: &str = "2024-11-30";
const VAULTS: &str = "2026-02-01";
const ASSIGNMENTS: &str = "2022-04-01";
const DEFINITIONS: &str = "2022-05-01-preview";
const SECRETS: &str = "7.4";

/// The provider, signed in.
struct Provider<'a> {
    azure: &'a Azure,
    client: Client<'a>,
    token: String,
    secrets: String,
    /// What was applied: where it is, the version, and what is configured.
    applied: Vec<(String, &'static str, Value)>,
}

impl<'a> Provider<'a> {
    fn new(azure: &'a Azure) -> Self {
        let client = Client::new(azure);
        Provider {
            token: client.token(SCOPE),
            secrets: client.token("https://vault.azure.net/.default"),
            azure,
            client,
            applied: Vec::new(),
        }
    }

    fn send(&self, method: &str, url: &str, body: Option<&Value>) -> Answer {
        let token = if url.starts_with(ARM) {
            &self.token
        } else {
            &self.secrets
        };
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            (
                "user-agent",
                "HashiCorp Terraform/1.13 terraform-provider-azurerm/5.2.0",
            ),
        ];
        self.client
            .send(method, url, &headers, body.map(Value::to_string))
    }

    fn url(&self, path: &str, version: &str) -> String {
        let subscription = self.azure.var("AZURE_SUBSCRIPTION_ID");
        let mark = if path.contains('?') { '&' } else { '?' };
        match path.strip_prefix("/subscriptions/") {
            Some(_) => format!("{ARM}{path}{mark}api-version={version}"),
            None => format!("{ARM}/subscriptions/{subscription}/{path}{mark}api-version={version}"),
        }
    }

    fn get(&self, path: &str, version: &str) -> Answer {
        self.send("GET", &self.url(path, version), None)
    }

    /// What is there.
    fn read(&self, path: &str, version: &str) -> Value {
        let answer = self.get(path, version);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    /// Sends what may take time, and waits for its end as the provider does: by `Azure-AsyncOperation`, by `Location`, else
    /// by the resource's own state.
    fn finish(&self, method: &str, path: &str, version: &str, body: Option<&Value>) {
        let url = self.url(path, version);
        let answer = self.send(method, &url, body);
        let good = [200, 201, 202, 204].contains(&answer.status);
        assert!(good, "{method} {path}: {} {}", answer.status, answer.text);
        let operation = answer.header("azure-asyncoperation");
        let location = answer.header("location");
        for _ in 0..5 {
            let done = if !operation.is_empty() {
                let status = self.send("GET", operation, None).json();
                assert_ne!(status["status"], "Failed", "{method} {path}: {status}");
                status["status"] == "Succeeded"
            } else if answer.status == 202 {
                self.send("GET", location, None).status != 202
            } else if method == "PUT" {
                let state = &self.read(path, version)["properties"]["provisioningState"];
                state.is_null() || state == "Succeeded"
            } else {
                true
            };
            if done {
                return;
            }
            let mut advance = self.azure.local();
            advance.args(["clock", "advance", "1m"]).assert().success();
        }
        panic!("{method} {path} does not end");
    }

    /// Creates a resource, which must not be there, and keeps what is configured for the plan.
    fn create(&mut self, path: &str, version: &'static str, body: Value) -> Value {
        assert_eq!(self.get(path, version).status, 404, "{path}");
        self.finish("PUT", path, version, Some(&body));
        self.applied.push((path.to_owned(), version, body));
        self.read(path, version)
    }

    /// Updates a resource as the provider does, which sends all that it has read and changes a part of it.
    fn update(&mut self, path: &str, change: impl FnOnce(&mut Value)) {
        let at = self.applied.iter().position(|(known, ..)| known == path);
        let at = at.unwrap_or_else(|| panic!("{path} was not applied"));
        let version = self.applied[at].1;
        let mut body = self.read(path, version);
        change(&mut body);
        self.finish("PUT", path, version, Some(&body));
    }

    /// Says in how many members what is there differs from what is configured.
    fn plan(&self) -> Vec<String> {
        let mut drift = Vec::new();
        for (path, version, configured) in &self.applied {
            compare(path, configured, &self.read(path, version), &mut drift);
        }
        drift
    }

    fn delete(&mut self, path: &str) {
        let at = self.applied.iter().position(|(known, ..)| known == path);
        let (_, version, _) = self.applied.remove(at.expect("applied"));
        self.finish("DELETE", path, version, None);
        assert_eq!(self.get(path, version).status, 404, "{path}");
    }
}

/// Members that are sent and that no plan reads, or that Azure answers otherwise by its own documentation: an interface's only
/// configuration is the primary one, and the subnets of a network are resources of their own here.
fn is_read(path: &str) -> bool {
    !path.ends_with(".primary") && !path.ends_with(".createMode") && !path.ends_with(".subnets")
}

/// Whether all that is configured is there. An empty object or list, an empty text and none are the same to the provider.
fn compare(path: &str, configured: &Value, there: &Value, drift: &mut Vec<String>) {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    if !is_read(path) || is_empty(configured) && is_empty(there) {
        return;
    }
    match (configured, there) {
        (Value::Object(configured), Value::Object(_)) => {
            for (name, value) in configured {
                compare(&format!("{path}.{name}"), value, &there[name], drift);
            }
        }
        (Value::Array(configured), Value::Array(items)) if configured.len() == items.len() => {
            for (at, (value, there)) in configured.iter().zip(items).enumerate() {
                compare(&format!("{path}[{at}]"), value, there, drift);
            }
        }
        (Value::String(configured), Value::String(there))
            if configured.starts_with("/subscriptions/")
                && configured.eq_ignore_ascii_case(there) => {}
        (configured, there) if configured == there => {}
        _ => drift.push(format!("{path}: {there}, not {configured}")),
    }
}

fn provider_path(name: &str) -> String {
    format!("resourceGroups/{GROUP}/providers/{name}")
}

/// Where the network's resources are.
struct Paths {
    network: String,
    subnet: String,
    guard: String,
    address: String,
    interface: String,
    machine: String,
    identity: String,
    vault: String,
}

impl Paths {
    fn new() -> Self {
        let network = provider_path("Microsoft.Network/virtualNetworks/tf-vnet");
        Paths {
            subnet: format!("{network}/subnets/internal"),
            network,
            guard: provider_path("Microsoft.Network/networkSecurityGroups/tf-nsg"),
            address: provider_path("Microsoft.Network/publicIPAddresses/tf-ip"),
            interface: provider_path("Microsoft.Network/networkInterfaces/tf-nic"),
            machine: provider_path("Microsoft.Compute/virtualMachines/tf-vm"),
            identity: provider_path("Microsoft.ManagedIdentity/userAssignedIdentities/tf-identity"),
            vault: provider_path(&format!("Microsoft.KeyVault/vaults/{VAULT}")),
        }
    }

    fn group() -> String {
        format!("resourceGroups/{GROUP}")
    }
}

fn apply_network(provider: &mut Provider<'_>, paths: &Paths) -> Value {
    provider.create(
        &Paths::group(),
        GROUPS,
        json!({"location": "eastus", "tags": {"environment": "test"}}),
    );
    let rule = |name: &str, priority: u16, port: &str| {
        json!({"name": name, "properties": {
            "access": "Allow", "description": "", "destinationAddressPrefix": "*", "destinationPortRange": port,
            "direction": "Inbound", "priority": priority, "protocol": "Tcp", "sourceAddressPrefix": "*",
            "sourcePortRange": "*"}})
    };
    let guard = provider.create(
        &paths.guard,
        NETWORK,
        json!({"location": "eastus", "name": "tf-nsg", "tags": {},
            "properties": {"securityRules": [rule("ssh", 1001, "22"), rule("web", 1002, "443")]}}),
    );
    provider.create(
        &paths.network,
        NETWORK,
        json!({"location": "eastus", "name": "tf-vnet", "tags": {}, "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}, "dhcpOptions": {"dnsServers": []},
            "privateEndpointVNetPolicies": "Disabled", "subnets": []}}),
    );
    let subnet = provider.create(
        &paths.subnet,
        NETWORK,
        json!({"name": "internal", "properties": {
            "addressPrefixes": ["10.0.2.0/24"], "defaultOutboundAccess": true, "delegations": [],
            "privateEndpointNetworkPolicies": "Disabled", "privateLinkServiceNetworkPolicies": "Enabled",
            "serviceEndpoints": [{"service": "Microsoft.KeyVault"}]}}),
    );
    // azurerm_subnet_network_security_group_association
    provider.update(&paths.subnet, |subnet| {
        subnet["properties"]["networkSecurityGroup"] = json!({"id": guard["id"]});
    });
    let address = provider.create(
        &paths.address,
        NETWORK,
        json!({"location": "eastus", "name": "tf-ip", "tags": {}, "sku": {"name": "Standard", "tier": "Regional"},
            "properties": {"publicIPAllocationMethod": "Static", "publicIPAddressVersion": "IPv4",
                "idleTimeoutInMinutes": 4, "ddosSettings": {"protectionMode": "VirtualNetworkInherited"}}}),
    );
    assert!(address["properties"]["ipAddress"].is_string(), "{address}");
    provider.create(
        &paths.interface,
        NETWORK,
        json!({"location": "eastus", "name": "tf-nic", "tags": {}, "properties": {
            "enableAcceleratedNetworking": false, "enableIPForwarding": false,
            "ipConfigurations": [{"name": "internal", "properties": {
                "primary": false, "privateIPAddressVersion": "IPv4", "privateIPAllocationMethod": "Dynamic",
                "publicIPAddress": {"id": address["id"]}, "subnet": {"id": subnet["id"]}}}]}}),
    )
}

fn apply_machine(
    provider: &mut Provider<'_>,
    paths: &Paths,
    interface: &Value,
    identity: &Value,
) -> Value {
    let id = identity["id"].as_str().expect("an id");
    provider.create(
        &paths.machine,
        MACHINES,
        json!({"location": "eastus", "name": "tf-vm", "tags": {},
            "identity": {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {id: {}}},
            "properties": {
                "additionalCapabilities": {},
                "applicationProfile": {"galleryApplications": []},
                "diagnosticsProfile": {"bootDiagnostics": {"enabled": false, "storageUri": ""}},
                "extensionsTimeBudget": "PT1H30M",
                "hardwareProfile": {"vmSize": "Standard_D2s_v3"},
                "networkProfile": {"networkInterfaces": [{"id": interface["id"], "properties": {"primary": true}}]},
                "osProfile": {
                    "adminUsername": "azureuser", "allowExtensionOperations": true, "computerName": "tf-vm",
                    "linuxConfiguration": {
                        "disablePasswordAuthentication": true,
                        "patchSettings": {"assessmentMode": "ImageDefault", "patchMode": "ImageDefault"},
                        "provisionVMAgent": true,
                        "ssh": {"publicKeys": [{"keyData": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPCvI8wL1yq5pHtWFdOFkYHPZkGKRJ9xjaBvxVnN6dYy story",
                            "path": "/home/azureuser/.ssh/authorized_keys"}]}},
                    "secrets": []},
                "priority": "Regular",
                "storageProfile": {
                    "dataDisks": [],
                    "imageReference": {"publisher": "Canonical", "offer": "0001-com-ubuntu-server-jammy",
                        "sku": "22_04-lts-gen2", "version": "latest"},
                    "osDisk": {"caching": "ReadWrite", "createOption": "FromImage", "osType": "Linux",
                        "managedDisk": {"storageAccountType": "Standard_LRS"}, "writeAcceleratorEnabled": false}},
            }}),
    )
}

/// Looks a role up by its name and gives it to a principal, as `azurerm_role_assignment` does. Gives the assignment's path.
fn apply_role(provider: &mut Provider<'_>, vault: &Value, principal: &str, name: &str) -> String {
    let scope = vault["id"].as_str().expect("an id");
    let path = format!(
        "{scope}/providers/Microsoft.Authorization/roleDefinitions?$filter=roleName%20eq%20'Key%20Vault%20Secrets%20Officer'"
    );
    let roles = provider.read(&path, DEFINITIONS);
    let role = &roles["value"][0]["id"];
    let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}");
    let assignment = json!({"properties": {"principalId": principal, "roleDefinitionId": role}});
    provider.create(&path, ASSIGNMENTS, assignment);
    path
}

fn apply_vault(provider: &mut Provider<'_>, paths: &Paths) -> Value {
    let deleted = format!("providers/Microsoft.KeyVault/locations/eastus/deletedVaults/{VAULT}");
    assert_eq!(provider.get(&deleted, VAULTS).status, 404);
    provider.create(
        &paths.vault,
        VAULTS,
        json!({"location": "eastus", "tags": {}, "properties": {
            "accessPolicies": [], "createMode": "default", "enableRbacAuthorization": true, "enableSoftDelete": true,
            "enabledForDeployment": false, "enabledForDiskEncryption": false, "enabledForTemplateDeployment": false,
            "publicNetworkAccess": "Enabled", "sku": {"family": "A", "name": "standard"},
            "softDeleteRetentionInDays": 7, "tenantId": provider.azure.var("AZURE_TENANT_ID")}}),
    )
}

/// Where the secret is.
fn secret_url(place: &str) -> String {
    format!("https://{VAULT}.vault.azure.net/{place}?api-version={SECRETS}")
}

fn apply_secret(provider: &Provider<'_>) {
    let url = secret_url("secrets/quickstart");
    assert_eq!(provider.send("GET", &url, None).status, 404);
    let body =
        json!({"attributes": {}, "contentType": "", "tags": {}, "value": "createdWithTerraform"});
    assert_eq!(provider.send("PUT", &url, Some(&body)).status, 200);
    let read = provider.send("GET", &url, None).json();
    assert_eq!(read["value"], "createdWithTerraform");
    assert!(read["attributes"]["exp"].is_null() && read["attributes"]["nbf"].is_null());
}

/// `size` of a machine: what sizes there are, is it on, stop it, change it, start it.
fn resize(provider: &mut Provider<'_>, machine: &str, size: &str) {
    let sizes = provider.read(&format!("{machine}/vmSizes"), MACHINES);
    let known = sizes["value"].as_array().expect("a list");
    assert!(known.iter().any(|one| one["name"] == size), "{sizes}");
    let view = provider.read(&format!("{machine}/instanceView"), MACHINES);
    assert!(view["statuses"].to_string().contains("PowerState/running"));
    let off = format!("{machine}/powerOff");
    provider.finish("POST", &off, MACHINES, None);
    let change = json!({"properties": {"hardwareProfile": {"vmSize": size}}});
    provider.finish("PATCH", machine, MACHINES, Some(&change));
    provider.finish("POST", &format!("{machine}/start"), MACHINES, None);
    for (path, _, configured) in &mut provider.applied {
        if path == machine {
            configured["properties"]["hardwareProfile"]["vmSize"] = json!(size);
        }
    }
}

fn destroy(provider: &mut Provider<'_>, paths: &Paths, roles: &[String]) {
    let secret = secret_url("secrets/quickstart");
    assert_eq!(provider.send("DELETE", &secret, None).status, 200);
    let deleted = secret_url("deletedsecrets/quickstart");
    for _ in 0..5 {
        if provider.send("GET", &deleted, None).status == 200 {
            break;
        }
        let mut advance = provider.azure.local();
        advance.args(["clock", "advance", "1m"]).assert().success();
    }
    assert_eq!(provider.send("DELETE", &deleted, None).status, 204);
    for role in roles {
        provider.delete(role);
    }
    provider.delete(&paths.vault);
    let purge =
        format!("providers/Microsoft.KeyVault/locations/eastus/deletedVaults/{VAULT}/purge");
    provider.finish("POST", &purge, VAULTS, None);

    let machine = provider.read(&paths.machine, MACHINES);
    let disk = &machine["properties"]["storageProfile"]["osDisk"]["managedDisk"]["id"];
    let disk = disk.as_str().expect("a disk").to_owned();
    provider.delete(&paths.machine);
    provider.finish("DELETE", &disk, DISKS, None);
    assert_eq!(provider.get(&disk, DISKS).status, 404);
    provider.delete(&paths.interface);
    // azurerm_subnet_network_security_group_association goes first.
    provider.update(&paths.subnet, |subnet| {
        let properties = subnet["properties"].as_object_mut().expect("an object");
        properties.remove("networkSecurityGroup");
    });
    for path in [
        &paths.subnet,
        &paths.network,
        &paths.address,
        &paths.guard,
        &paths.identity,
    ] {
        provider.delete(path);
    }
    // The group must be empty: the provider looks first.
    let left = provider.read(&format!("{}/resources", Paths::group()), GROUPS);
    assert_eq!(left["value"], json!([]));
    provider.delete(&Paths::group());
}

#[test]
fn what_terraform_applies_is_planned_without_a_change_resized_and_destroyed() {
    let azure = Azure::apart();
    let mut provider = Provider::new(&azure);
    let paths = Paths::new();
    let interface = apply_network(&mut provider, &paths);
    let identity = provider.create(
        &paths.identity,
        IDENTITIES,
        json!({"location": "eastus", "tags": {}, "properties": {"isolationScope": "None"}}),
    );
    let machine = apply_machine(&mut provider, &paths, &interface, &identity);
    let vault = apply_vault(&mut provider, &paths);
    let own = azure.own_object_id();
    let machines = machine["identity"]["principalId"].as_str();
    let roles: Vec<String> = [
        (own.as_str(), "6a0b3a1e-6a39-4f0e-9f25-0d6d5d4e0001"),
        (
            machines.expect("an identity"),
            "6a0b3a1e-6a39-4f0e-9f25-0d6d5d4e0002",
        ),
    ]
    .into_iter()
    .map(|(principal, name)| apply_role(&mut provider, &vault, principal, name))
    .collect();
    let mut advance = azure.local();
    advance.args(["clock", "advance", "10m"]).assert().success();
    apply_secret(&provider);

    assert_eq!(provider.plan(), Vec::<String>::new());
    resize(&mut provider, &paths.machine, "Standard_D4s_v3");
    assert_eq!(provider.plan(), Vec::<String>::new());
    // Every resource sent as it was read changes nothing, not even what is read-only.
    for path in [
        &paths.network,
        &paths.subnet,
        &paths.address,
        &paths.interface,
        &paths.guard,
    ] {
        let guid = |provider: &Provider<'_>| {
            provider.read(path, NETWORK)["properties"]["resourceGuid"].clone()
        };
        let before = guid(&provider);
        provider.update(path, |_| {});
        assert_eq!(guid(&provider), before, "{path}");
    }
    assert_eq!(provider.plan(), Vec::<String>::new());
    destroy(&mut provider, &paths, &roles);
}

#[test]
fn a_plan_sees_what_was_dropped_or_changed_and_no_more() {
    let configured = json!({"a": {"b": "x", "c": [1, 2]}, "d": {}, "id": "/subscriptions/A"});
    for (there, wanted) in [
        (
            json!({"a": {"b": "x", "c": [1, 2], "e": 1}, "id": "/subscriptions/a"}),
            0,
        ),
        (json!({"a": {"c": [1, 2]}, "id": "/subscriptions/A"}), 1),
        (
            json!({"a": {"b": "x", "c": [1]}, "id": "/subscriptions/A"}),
            1,
        ),
        (
            json!({"a": {"b": "X", "c": [1, 3]}, "d": {"f": 1}, "id": "/subscriptions/B"}),
            3,
        ),
    ] {
        let mut drift = Vec::new();
        compare("", &configured, &there, &mut drift);
        assert_eq!(drift.len(), wanted, "{drift:?}");
    }
}
