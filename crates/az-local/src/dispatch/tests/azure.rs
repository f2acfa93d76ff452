//! An instance without a network, and requests of the desk's to it.

use crate::arm::path::Path;
use crate::arm::version;
use crate::dispatch::{answer, settle};
use crate::entra::token::{Proof, issue};
use crate::ground::folder::Folder;
use crate::ground::wire::{Origin, Request, Response};
use crate::instance::{Access, Instance, Options};
use crate::state::knobs::Knob;
use crate::state::proxy_clients::Client;
use crate::state::settings::Desk;
use crate::state::testing::own_keys;
use crate::state::{ServicePrincipal, StateError};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use tempfile::TempDir;
use time::Duration;

pub(super) struct Azure {
    pub(super) instance: Arc<Instance>,
    pub(super) subscription: String,
    pub(super) tenant: String,
    object_id: String,
    management: String,
    vault: String,
    _folder: TempDir,
}

/// The newest version that is no preview of the type that a path names.
fn newest_version(path: &str) -> &'static str {
    let segments: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
    let provider = Path::parse(&segments).provider;
    let kind = provider.map(|provider| format!("{}/{}", provider.namespace, provider.types()));
    let known = version::published(kind.as_deref().unwrap_or("Microsoft.Resources"));
    let newest = known.and_then(|known| known.split(',').find(|one| one.len() == 10));
    newest.unwrap_or("2026-02-01")
}

/// How long an operation takes in these tests: nothing ends by itself while they look.
pub(super) const OPERATION: Duration = Duration::minutes(10);

impl Azure {
    pub(super) fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let options = Options {
            subscriptions: 1,
            knobs: vec![
                (Knob::OperationTime, OPERATION),
                (Knob::RoleDelay, Duration::ZERO),
                (Knob::PrincipalDelay, Duration::ZERO),
                // Longer than the clock is moved.
                (Knob::TokenLifetime, Duration::days(400)),
            ],
            ..Options::default()
        };
        let opened = Folder::open(folder.path()).expect("the folder");
        let instance = Instance::open_with(opened, &options, own_keys()).expect("an instance");
        let desk: Result<Option<Desk>, StateError> =
            instance.store.read(|tx| tx.get(&Desk::key_of(1)));
        let desk = desk.expect("a state").expect("a desk");
        let token = |audience: &str| {
            let served = instance.serve(Access::Read, Default::default(), |cx| {
                let principal: ServicePrincipal =
                    cx.tx.get(&desk.object_id)?.expect("the desk's principal");
                let issued = issue(cx, &principal, audience, &Proof::ClientSecret);
                Ok::<_, StateError>(issued.expect("a token").jwt)
            });
            served.result.expect("a token")
        };
        let (management, vault) = (
            token("https://management.azure.com"),
            token("https://vault.azure.net"),
        );
        Azure {
            subscription: desk.subscription_ids[0].clone(),
            tenant: desk.tenant_id.clone(),
            object_id: desk.object_id.clone(),
            management,
            vault,
            instance,
            _folder: folder,
        }
    }

    /// A request to Resource Manager: `path` is below the subscription.
    pub(super) fn arm(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let path = format!("/subscriptions/{}{path}", self.subscription);
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let version = newest_version(&path);
        self.send(method, "management.azure.com", &path, version, &text)
    }

    /// The same with a body that may be no JSON.
    pub(super) fn arm_text(&self, method: Method, path: &str, body: &str) -> (u16, Value) {
        let path = format!("/subscriptions/{}{path}", self.subscription);
        let version = newest_version(&path);
        self.send(method, "management.azure.com", &path, version, body)
    }

    /// A request to a vault.
    pub(super) fn vault(&self, method: Method, name: &str, path: &str, body: &str) -> (u16, Value) {
        self.send(
            method,
            &format!("{name}.vault.azure.net"),
            path,
            "7.4",
            body,
        )
    }

    /// The whole answer to a request to Resource Manager: `path` is below the subscription.
    pub(super) fn answer(&self, method: Method, path: &str, body: &Value) -> Response {
        let path = format!("/subscriptions/{}{path}", self.subscription);
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let version = newest_version(&path);
        self.exchange(method, "management.azure.com", &path, version, &text)
    }

    /// A request to Resource Manager at any path.
    pub(super) fn management(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let version = newest_version(path);
        self.send(method, "management.azure.com", path, version, &text)
    }

    /// A request to Resource Manager in another version: `path` is below the subscription.
    pub(super) fn at_version(&self, path: &str, version: &str, body: &Value) -> (u16, Value) {
        let path = format!("/subscriptions/{}{path}", self.subscription);
        let (method, text) = if body.is_null() {
            (Method::GET, String::new())
        } else {
            (Method::PUT, body.to_string())
        };
        self.send(method, "management.azure.com", &path, version, &text)
    }

    fn send(
        &self,
        method: Method,
        host: &str,
        path: &str,
        version: &str,
        body: &str,
    ) -> (u16, Value) {
        let response = self.exchange(method, host, path, version, body);
        let body = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
        (response.status.as_u16(), body)
    }

    /// The whole answer to any request of the desk's.
    pub(super) fn exchange(
        &self,
        method: Method,
        host: &str,
        path: &str,
        version: &str,
        body: &str,
    ) -> Response {
        let token = if host.starts_with("management") {
            &self.management
        } else {
            &self.vault
        };
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static("authorization"),
            HeaderValue::try_from(format!("Bearer {token}")).expect("a header"),
        );
        let request = Request {
            method,
            host: host.to_owned(),
            path: path.to_owned(),
            query: vec![("api-version".to_owned(), version.to_owned())],
            headers,
            body: body.to_owned().into(),
            origin: Origin::Desk,
        };
        let response = answer(
            &self.instance,
            &Client {
                machine: None,
                host: None,
            },
            "https",
            &request,
        );
        assert!(
            !response.status.is_server_error() || response.status == StatusCode::NOT_IMPLEMENTED,
            "{} {}: {} {}",
            request.method,
            request.path,
            response.status,
            String::from_utf8_lossy(&response.body)
        );
        response
    }

    /// A request that must be done.
    pub(super) fn done(&self, method: Method, path: &str, body: &Value) -> Value {
        let (status, answer) = self.arm(method.clone(), path, body);
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    }

    /// Lets all operations end.
    pub(super) fn later(&self) {
        self.instance
            .clock
            .advance(OPERATION + Duration::seconds(1));
        settle(&self.instance).expect("a state");
    }

    pub(super) fn state(&self) -> Vec<String> {
        self.instance.store.dump()
    }

    pub(super) fn id(&self, path: &str) -> Value {
        json!({"id": format!("/subscriptions/{}{path}", self.subscription)})
    }

    /// The body that makes a resource of each kind, in the order that they need each other; `n` tells their names.
    pub(super) fn bodies(&self, group: &str, n: &str) -> Vec<(String, Value)> {
        let network = |kind: &str, name: &str| {
            format!("/resourceGroups/{group}/providers/Microsoft.Network/{kind}/{name}{n}")
        };
        let compute = |kind: &str, name: &str| {
            format!("/resourceGroups/{group}/providers/Microsoft.Compute/{kind}/{name}{n}")
        };
        let subnet = network("virtualNetworks", "net") + "/subnets/default";
        let identity = format!(
            "/resourceGroups/{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/who{n}"
        );
        vec![
            (
                network("networkSecurityGroups", "nsg"),
                json!({"location": "eastus", "tags": {"a": "b"}, "properties": {"securityRules": [
                    {"name": "ssh", "properties": {"protocol": "Tcp", "sourcePortRange": "*", "destinationPortRange": "22",
                     "sourceAddressPrefix": "*", "destinationAddressPrefix": "*", "access": "Allow", "priority": 300, "direction": "Inbound"}},
                ]}}),
            ),
            (
                network("virtualNetworks", "net"),
                json!({"location": "eastus", "properties": {
                    "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                    "subnets": [{"name": "default", "properties": {"addressPrefix": "10.0.0.0/24"}}],
                }}),
            ),
            (
                network("publicIPAddresses", "ip"),
                json!({"location": "eastus", "sku": {"name": "Standard"}, "properties": {"publicIPAllocationMethod": "Static"}}),
            ),
            (
                network("networkInterfaces", "nic"),
                json!({"location": "eastus", "properties": {
                    "networkSecurityGroup": self.id(&network("networkSecurityGroups", "nsg")),
                    "ipConfigurations": [{"name": "one", "properties": {
                        "subnet": self.id(&subnet),
                        "publicIPAddress": self.id(&network("publicIPAddresses", "ip")),
                    }}],
                }}),
            ),
            (identity.clone(), json!({"location": "eastus", "tags": {}})),
            (
                compute("disks", "disk"),
                json!({"location": "eastus", "sku": {"name": "Standard_LRS"}, "properties": {
                    "creationData": {"createOption": "Empty"}, "diskSizeGB": 8,
                }}),
            ),
            (
                compute("virtualMachines", "vm"),
                json!({"location": "eastus",
                    "identity": {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {
                        self.id(&identity)["id"].as_str().expect("an id"): {},
                    }},
                    "properties": {
                        "hardwareProfile": {"vmSize": "Standard_D2s_v3"},
                        "storageProfile": {
                            "imageReference": {"publisher": "canonical", "offer": "0001-com-ubuntu-server-jammy", "sku": "22_04-lts", "version": "latest"},
                            "osDisk": {"name": format!("os{n}"), "createOption": "FromImage", "deleteOption": "Delete"},
                        },
                        "osProfile": {"computerName": "vm", "adminUsername": "azureuser", "adminPassword": "Correct-Horse-1"},
                        "networkProfile": {"networkInterfaces": [self.id(&network("networkInterfaces", "nic"))]},
                    },
                }),
            ),
            (
                format!(
                    "/resourceGroups/{group}/providers/Microsoft.KeyVault/vaults/kv-{group}{n}"
                ),
                json!({"location": "eastus", "properties": {
                    "tenantId": self.tenant, "sku": {"family": "A", "name": "standard"},
                    "enableRbacAuthorization": false, "accessPolicies": [{
                        "tenantId": self.tenant, "objectId": self.object_id, "permissions": {"secrets": ["all"]},
                    }],
                }}),
            ),
        ]
    }

    /// A group with one resource of each kind in it, all operations ended.
    pub(super) fn furnish(&self, group: &str, n: &str) {
        let path = format!("/resourceGroups/{group}");
        self.done(Method::PUT, &path, &json!({"location": "eastus"}));
        for (path, body) in self.bodies(group, n) {
            self.done(Method::PUT, &path, &body);
        }
        self.later();
    }
}
