//! What the fuzzers reach that nobody else does: one instance, whose services and connections are called directly.

use crate::arm;
use crate::dispatch;
use crate::entra;
use crate::entra::token::{Proof, authenticate, issue};
use crate::entra::{Accepts, Assertion};
use crate::graph;
use crate::ground::folder::Folder;
use crate::ground::gate::Gate;
use crate::ground::request_log;
use crate::ground::wire::{Origin, Request, Response};
use crate::instance::isolation::Machines;
use crate::instance::{Access, Instance, Options};
use crate::keyvault;
use crate::machines::ssh;
use crate::proxy;
use crate::rbac::condition::{Attributes, Condition};
use crate::request::Context;
use crate::state::knobs::Knob;
use crate::state::machine::{self, VirtualMachine};
use crate::state::proxy_clients::Client;
use crate::state::settings::Desk;
use crate::state::{FederatedCredential, Resource, ServicePrincipal, StateError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};

const ARM: &str = "https://management.azure.com";
const GRAPH: &str = "https://graph.microsoft.com";
const VAULT: &str = "https://vault.azure.net";
const ADDRESS: Ipv4Addr = Ipv4Addr::new(20, 0, 0, 4);

/// The machine's user and password.
pub const LOGIN: (&str, &str) = ("azureuser", "Correct-Horse-1");

/// An instance in memory, with one machine.
pub struct Azure {
    instance: Arc<Instance>,
    desk: Desk,
    machine: Option<Resource>,
    desk_login: String,
    machine_login: String,
    arm_token: String,
    graph_token: String,
    vault_token: String,
    _folder: TempDir,
}

/// Whatever kept the instance from beginning.
type Failure = Box<dyn std::error::Error>;

impl Azure {
    /// Opens one.
    pub fn open() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let options = Options {
            machines: Machines::Process,
            offline: true,
            // However long it is fuzzed.
            knobs: vec![(Knob::TokenLifetime, time::Duration::days(365))],
            ..Options::default()
        };
        let instance = Instance::open(Folder::open(folder.path())?, &options)?;
        // It is made beside, and kept by a write, which would wait for the read that waits for it.
        instance.keys.current()?;
        let (desk, login) = instance.store.write(|tx| {
            let desk: Option<Desk> = tx.get(&Desk::key_of(1))?;
            Ok::<_, StateError>((desk, instance.clients.desk(tx)?))
        })?;
        let mut azure = Azure {
            instance,
            desk: desk.ok_or("no desk")?,
            machine: None,
            desk_login: basic(&login),
            machine_login: String::new(),
            arm_token: String::new(),
            graph_token: String::new(),
            vault_token: String::new(),
            _folder: folder,
        };
        azure.arm_token = azure.token(ARM)?;
        azure.graph_token = azure.token(GRAPH)?;
        azure.vault_token = azure.token(VAULT)?;
        azure.fill()?;
        Ok(azure)
    }

    /// What the desk and the machine send as `Proxy-Authorization`.
    pub fn logins(&self) -> [&str; 2] {
        [&self.desk_login, &self.machine_login]
    }

    /// The desk's subscription and tenant.
    pub fn desk(&self) -> [&str; 2] {
        [&self.desk.subscription_ids[0], &self.desk.tenant_id]
    }

    fn within<R>(&self, work: impl FnOnce(&Context<'_>) -> R) -> R {
        let served = self
            .instance
            .serve(Access::Read, self.client().caller(), |cx| {
                Ok::<_, StateError>(work(cx))
            });
        match served.result {
            Ok(result) => result,
            Err(error) => panic!("{error}"),
        }
    }

    fn client(&self) -> Client {
        Client {
            machine: None,
            host: None,
        }
    }

    fn token(&self, audience: &str) -> Result<String, Failure> {
        self.within(|cx| {
            let principal: ServicePrincipal =
                cx.tx.get(&self.desk.object_id)?.ok_or("no principal")?;
            let token = issue(cx, &principal, audience, &Proof::ClientSecret)?;
            Ok(format!("Bearer {}", token.jwt))
        })
    }

    /// Has Resource Manager check a deployment; the status and the answer.
    pub fn validate(&self, body: &Value) -> (u16, Value) {
        let path = format!(
            "/subscriptions/{}/providers/Microsoft.Resources/deployments/d/validate",
            self.desk.subscription_ids[0]
        );
        let mut request = request(Method::POST, ARM, &path, &self.arm_token);
        let version = ("api-version".to_owned(), "2024-11-01".to_owned());
        request.query.push(version);
        request.body = body.to_string().into();
        read(&self.within(|cx| arm::handle(cx, &request)))
    }

    /// Asks Microsoft Graph for the service principals of a filter; the status and the answer.
    pub fn principals(&self, filter: &str) -> (u16, Value) {
        let mut request = request(
            Method::GET,
            GRAPH,
            "/v1.0/servicePrincipals",
            &self.graph_token,
        );
        request
            .query
            .push(("$filter".to_owned(), filter.to_owned()));
        read(&self.within(|cx| graph::handle(cx, &request)))
    }

    /// Asks Resource Manager for the resources of a filter; the status and the answer.
    pub fn resources(&self, filter: &str) -> (u16, Value) {
        let path = format!("/subscriptions/{}/resources", self.desk.subscription_ids[0]);
        let mut request = request(Method::GET, ARM, &path, &self.arm_token);
        let version = ("api-version".to_owned(), "2024-11-01".to_owned());
        request.query.push(version);
        request
            .query
            .push(("$filter".to_owned(), filter.to_owned()));
        read(&self.within(|cx| arm::handle(cx, &request)))
    }

    /// The services' answer to a request of the desk's: its status, none where nobody answers. What it wrote is undone.
    pub fn answer(
        &self,
        method: &str,
        host: &str,
        path: &str,
        query: &str,
        body: &[u8],
    ) -> Option<u16> {
        let request = self.request(method.parse().ok()?, host, path, query, body);
        let answer = self.serve(&request, false)?;
        (!answer.hang_up).then(|| answer.status.as_u16())
    }

    fn request(&self, method: Method, host: &str, path: &str, query: &str, body: &[u8]) -> Request {
        let token = match host {
            "graph.microsoft.com" => &self.graph_token,
            "management.azure.com" => &self.arm_token,
            _ => &self.vault_token,
        };
        let mut request = request(method, host, path, token);
        request.query = url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        request.body = body.to_vec().into();
        request
    }

    fn serve(&self, request: &Request, keep: bool) -> Option<Response> {
        let mut answer = None;
        let served = self
            .instance
            .serve(Access::Write, self.client().caller(), |cx| {
                answer = Some(match request.host.as_str() {
                    "management.azure.com" => arm::handle(cx, request),
                    "graph.microsoft.com" => graph::handle(cx, request),
                    "login.microsoftonline.com" => entra::handle(cx, request),
                    _ => keyvault::handle(cx, request),
                });
                match keep {
                    true => Ok(()),
                    false => Err(Opening("undone".to_owned())),
                }
            });
        drop(served);
        answer
    }

    /// Makes a group with one resource of each kind, a vault's secret, and lets their operations end.
    fn fill(&mut self) -> Result<(), Failure> {
        let group = format!(
            "/subscriptions/{}/resourceGroups/g",
            self.desk.subscription_ids[0]
        );
        let id = |path: &str| format!("{group}/providers/{path}");
        let is = |path: &str| json!({"id": id(path)});
        let machine = id("Microsoft.Compute/virtualMachines/vm");
        let policy = json!({"tenantId": self.desk.tenant_id, "objectId": self.desk.object_id,
            "permissions": {"secrets": ["all"]}});
        let ssh = json!({"name": "ssh", "properties": {"protocol": "Tcp", "sourcePortRange": "*",
            "destinationPortRange": "22", "sourceAddressPrefix": "*", "destinationAddressPrefix": "*",
            "access": "Allow", "priority": 300, "direction": "Inbound"}});
        let image = json!({"publisher": "canonical", "offer": "0001-com-ubuntu-server-jammy",
            "sku": "22_04-lts", "version": "latest"});
        for (path, version, properties) in [
            (group.clone(), "2024-11-01", json!({})),
            (
                id("Microsoft.Network/networkSecurityGroups/nsg"),
                "2024-05-01",
                json!({"securityRules": [ssh]}),
            ),
            (
                id("Microsoft.Network/virtualNetworks/net"),
                "2024-05-01",
                json!({"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                    "subnets": [{"name": "default", "properties": {"addressPrefix": "10.0.0.0/24"}}]}),
            ),
            (
                id("Microsoft.Network/publicIPAddresses/ip"),
                "2024-05-01",
                json!({"publicIPAllocationMethod": "Static"}),
            ),
            (
                id("Microsoft.Network/networkInterfaces/nic"),
                "2024-05-01",
                json!({"networkSecurityGroup": is("Microsoft.Network/networkSecurityGroups/nsg"),
                    "ipConfigurations": [{"name": "one", "properties": {
                        "subnet": is("Microsoft.Network/virtualNetworks/net/subnets/default"),
                        "publicIPAddress": is("Microsoft.Network/publicIPAddresses/ip")}}]}),
            ),
            (
                machine.clone(),
                "2024-07-01",
                json!({"hardwareProfile": {"vmSize": "Standard_D2s_v3"},
                    "storageProfile": {"imageReference": image,
                        "osDisk": {"name": "os", "createOption": "FromImage", "deleteOption": "Delete"}},
                    "osProfile": {"computerName": "vm", "adminUsername": LOGIN.0, "adminPassword": LOGIN.1},
                    "networkProfile": {"networkInterfaces": [is("Microsoft.Network/networkInterfaces/nic")]}}),
            ),
            (
                id("Microsoft.KeyVault/vaults/kv-fuzz"),
                "2023-07-01",
                json!({"tenantId": self.desk.tenant_id, "sku": {"family": "A", "name": "standard"},
                    "enableRbacAuthorization": false, "accessPolicies": [policy]}),
            ),
        ] {
            let mut body = json!({"location": "eastus", "properties": properties});
            if path.ends_with("/ip") {
                body["sku"] = json!({"name": "Standard"});
            }
            if path == group {
                body = json!({"location": "eastus"});
            }
            self.put("management.azure.com", &path, version, &body)?;
        }
        self.put(
            "kv-fuzz.vault.azure.net",
            "/secrets/s",
            "7.4",
            &json!({"value": "v"}),
        )?;
        self.instance.advance_clock(time::Duration::hours(1))?;
        dispatch::settle(&self.instance)?;
        let clients = &self.instance.clients;
        let (machine, login) = self.instance.store.write(|tx| {
            let machine = machine::find(tx, &machine)?.ok_or(Opening("no machine".to_owned()))?;
            let vm_id = VirtualMachine::of(&machine).vm_id()?;
            let login = clients.machine(tx, &machine, vm_id)?;
            Ok::<_, Opening>((machine, login))
        })?;
        self.machine = Some(machine);
        self.machine_login = basic(&login);
        Ok(())
    }

    fn put(&self, host: &str, path: &str, version: &str, body: &Value) -> Result<(), Failure> {
        let query = format!("api-version={version}");
        let body = body.to_string();
        let request = self.request(Method::PUT, host, path, &query, body.as_bytes());
        let (status, answer) = read(&self.serve(&request, true).ok_or("no answer")?);
        match status {
            200..300 => Ok(()),
            _ => Err(format!("{path}: {status}: {answer}").into()),
        }
    }

    /// Checks what stands in `Authorization`: whose token it is.
    pub fn authorized(&self, header: &str) -> Option<String> {
        let request = request(Method::GET, ARM, "/", header);
        let found = self.within(|cx| authenticate(cx, &request, &[ARM]));
        found.ok().map(|principal| principal.object_id)
    }

    /// Claims as the instance signs them.
    pub fn signed(&self, claims: &Value) -> Option<String> {
        self.instance.keys.current().ok()?.sign(claims).ok()
    }

    /// Whether a client assertion is one of an application's that trusts this issuer and certificate.
    pub fn asserted(&self, jwt: &str, certificate: &str) -> bool {
        let Ok(assertion) = Assertion::parse(jwt) else {
            return false;
        };
        let accepts = Accepts {
            app_id: "app".to_owned(),
            tenant_id: self.desk.tenant_id.clone(),
            certificates: vec![certificate.to_owned()],
            federated: vec![FederatedCredential {
                issuer: "https://issuer".to_owned(),
                subject: "subject".to_owned(),
                audience: "api://AzureADTokenExchange".to_owned(),
            }],
        };
        match self.within(|cx| assertion.check(cx, &accepts)) {
            Ok(_) => true,
            Err(error) => {
                let _ = error.to_string();
                false
            }
        }
    }

    /// Serves one connection of the proxy.
    pub async fn proxy(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let stranger = Arc::new(Gate::new().enter());
        proxy::serve_connection(Arc::clone(&self.instance), stream, stranger).await;
    }

    /// Serves one connection to the machine.
    pub async fn ssh(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let Some(machine) = self.machine.clone() else {
            return;
        };
        if let Err(error) = ssh::serve(Arc::clone(&self.instance), machine, ADDRESS, stream).await {
            panic!("{error}");
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Opening(String);

impl From<StateError> for Opening {
    fn from(error: StateError) -> Self {
        Opening(error.to_string())
    }
}

fn basic((user, password): &(String, String)) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn request(method: Method, origin: &str, path: &str, authorization: &str) -> Request {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(authorization) {
        headers.insert(http::header::AUTHORIZATION, value);
    }
    Request {
        method,
        host: origin.trim_start_matches("https://").to_owned(),
        path: path.to_owned(),
        query: Vec::new(),
        headers,
        body: bytes::Bytes::new(),
        origin: Origin::Desk,
    }
}

fn read(response: &Response) -> (u16, Value) {
    let body = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
    (response.status.as_u16(), body)
}

/// Whether a text is a condition, and whether it holds for an action with each attribute `value`.
pub fn condition(text: &str, action: &str, value: &str) -> Option<bool> {
    let condition = Condition::parse(text).ok()?;
    let attributes = Attributes {
        requested_role: Some(value),
        requested_principal: Some(value),
        requested_principal_type: Some(value),
        assigned_role: Some(value),
        assigned_principal: Some(value),
        assigned_principal_type: Some(value),
    };
    Some(condition.holds(action, &attributes))
}

/// Reads a filter of Microsoft Graph's and, where it is one, writes it and reads it again.
///
/// # Panics
/// It is not the same then.
pub fn graph_filter(text: &str) -> bool {
    graph::filter_read_and_written(text)
}

/// The equalities of a filter of Resource Manager's.
pub fn arm_filter(text: &str) -> Option<Vec<(String, String)>> {
    arm::equalities(text).ok()
}

/// The line that the request log has of an exchange with this body each way.
pub fn logged(host: &str, path: &str, query: &str, content_type: &str, body: &[u8]) -> String {
    let mut request = request(Method::PUT, host, path, "");
    request.query = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    if let Ok(value) = HeaderValue::from_str(content_type) {
        let name = HeaderName::from_static("content-type");
        request.headers.insert(name, value);
    }
    request.body = body.to_vec().into();
    let mut response = Response::empty(StatusCode::OK);
    response.body = request.body.clone();
    request_log::line(&request, &response)
}

/// Serves files below a folder.
pub async fn sftp<S>(home: PathBuf, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    ssh::sftp::serve_on(home, stream).await;
}

/// A path as the file server tells it.
pub fn real_path(path: &Path) -> PathBuf {
    ssh::sftp::real_path(path)
}
