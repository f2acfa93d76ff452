//! The desk at an instance: its tokens, and requests made ready to be sent.

use crate::Result;
use crate::client::{Call, Client};
use crate::instance::SignIn;
use serde_json::Value;
use std::sync::Arc;

const ARM: &str = "management.azure.com";
const LOGIN: &str = "login.microsoftonline.com";
/// Versions of the programming interfaces.
const GROUPS: &str = "api-version=2024-11-01";
const IDENTITIES: &str = "api-version=2023-01-31";
const VAULTS: &str = "api-version=2023-07-01";
const NETWORK: &str = "api-version=2024-05-01";
const ROLES: &str = "api-version=2022-04-01";
const SECRETS: &str = "api-version=7.4";
/// Where user-assigned identities are.
const IDENTITY: &str = "providers/Microsoft.ManagedIdentity/userAssignedIdentities";

/// Signed in: what makes requests.
pub(crate) struct Desk {
    pub(crate) sign_in: SignIn,
    arm: Arc<str>,
    login: Arc<str>,
    arm_token: String,
    vault_token: String,
}

impl Desk {
    /// Signs in.
    pub(crate) async fn new(sign_in: SignIn) -> Result<Self> {
        let mut desk = Desk {
            sign_in,
            arm: ARM.into(),
            login: LOGIN.into(),
            arm_token: String::new(),
            vault_token: String::new(),
        };
        let mut client = desk.client();
        desk.arm_token = token(&mut client, &desk.token(ARM)).await?;
        desk.vault_token = token(&mut client, &desk.token("vault.azure.net")).await?;
        Ok(desk)
    }

    /// A client with connections of its own.
    pub(crate) fn client(&self) -> Client {
        Client::new(Arc::clone(&self.sign_in.dialer))
    }

    /// The subscription's id.
    pub(crate) fn subscription(&self) -> String {
        format!("/subscriptions/{}", self.sign_in.subscription)
    }

    /// A group's id.
    pub(crate) fn group_id(&self, name: &str) -> String {
        format!("{}/resourceGroups/{name}", self.subscription())
    }

    /// A vault's id.
    pub(crate) fn vault_id(&self, group: &str, name: &str) -> String {
        format!(
            "{}/providers/Microsoft.KeyVault/vaults/{name}",
            self.group_id(group)
        )
    }

    fn token(&self, audience: &str) -> Call {
        let SignIn {
            tenant,
            client_id,
            secret,
            ..
        } = &self.sign_in;
        let form = format!(
            "grant_type=client_credentials&client_id={client_id}&client_secret={secret}&scope=https%3A%2F%2F{audience}%2F.default"
        );
        let head = format!(
            "POST /{tenant}/oauth2/v2.0/token HTTP/1.1\r\nhost: {LOGIN}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        );
        Call {
            host: Arc::clone(&self.login),
            bytes: head.into_bytes(),
        }
    }

    /// The token for Key Vault.
    pub(crate) fn key_vault(&self) -> &str {
        &self.vault_token
    }

    /// A token for Key Vault.
    pub(crate) fn vault_token(&self) -> Call {
        self.token("vault.azure.net")
    }

    /// A request to Resource Manager.
    pub(crate) fn arm(&self, method: &str, path: &str, body: Option<&Value>) -> Call {
        request(&self.arm, &self.arm_token, method, path, body)
    }

    /// A page of a list, by the link to it.
    pub(crate) fn follow(&self, link: &str) -> Result<Call> {
        let rest = link
            .strip_prefix("https://")
            .ok_or("a nextLink is no URL")?;
        let (host, path) = rest.split_once('/').ok_or("a nextLink has no path")?;
        let token = if host == ARM {
            &self.arm_token
        } else {
            &self.vault_token
        };
        Ok(request(
            &host.into(),
            token,
            "GET",
            &format!("/{path}"),
            None,
        ))
    }

    pub(crate) fn groups(&self, query: &str) -> Call {
        self.arm(
            "GET",
            &format!("{}/resourcegroups?{GROUPS}{query}", self.subscription()),
            None,
        )
    }

    pub(crate) fn group(&self, method: &str, name: &str, body: Option<&Value>) -> Call {
        self.arm(method, &format!("{}?{GROUPS}", self.group_id(name)), body)
    }

    /// Lists the resources of the subscription or of a group.
    pub(crate) fn resources(&self, scope: &str, query: &str) -> Call {
        self.arm("GET", &format!("{scope}/resources?{GROUPS}{query}"), None)
    }

    /// A user-assigned identity.
    pub(crate) fn identity(
        &self,
        method: &str,
        group: &str,
        name: &str,
        body: Option<&Value>,
    ) -> Call {
        let group = self.group_id(group);
        self.arm(
            method,
            &format!("{group}/{IDENTITY}/{name}?{IDENTITIES}"),
            body,
        )
    }

    /// The user-assigned identities of the subscription.
    pub(crate) fn identities(&self, query: &str) -> Call {
        self.arm(
            "GET",
            &format!("{}/{IDENTITY}?{IDENTITIES}{query}", self.subscription()),
            None,
        )
    }

    pub(crate) fn vault(&self, method: &str, id: &str, body: Option<&Value>) -> Call {
        self.arm(method, &format!("{id}?{VAULTS}"), body)
    }

    /// A network security group.
    pub(crate) fn firewall(
        &self,
        method: &str,
        group: &str,
        name: &str,
        body: Option<&Value>,
    ) -> Call {
        let group = self.group_id(group);
        self.arm(
            method,
            &format!("{group}/providers/Microsoft.Network/networkSecurityGroups/{name}?{NETWORK}"),
            body,
        )
    }

    pub(crate) fn role_definitions(&self) -> Call {
        let scope = self.subscription();
        self.arm(
            "GET",
            &format!("{scope}/providers/Microsoft.Authorization/roleDefinitions?{ROLES}"),
            None,
        )
    }

    /// The role assignments of a scope.
    pub(crate) fn assignments(&self, scope: &str, query: &str) -> Call {
        self.arm(
            "GET",
            &format!("{scope}/providers/Microsoft.Authorization/roleAssignments?{ROLES}{query}"),
            None,
        )
    }

    /// Gives a principal a role. The assignment's name comes from a number.
    pub(crate) fn assign(&self, number: u64, scope: &str, role: &str, principal: &str) -> Call {
        let root = self.subscription();
        let body = serde_json::json!({"properties": {
            "roleDefinitionId": format!("{root}/providers/Microsoft.Authorization/roleDefinitions/{role}"),
            "principalId": principal,
            "principalType": "ServicePrincipal",
        }});
        // Names are to be spread as random ones are; an odd factor keeps them apart.
        let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (high, low) = (spread >> 32, spread & 0xffff_ffff);
        let name = format!(
            "{high:08x}-{:04x}-4{:03x}-8000-{number:012x}",
            low >> 16,
            low & 0xfff
        );
        let path =
            format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}?{ROLES}");
        self.arm("PUT", &path, Some(&body))
    }

    /// A request for a vault's secrets; `path` follows `/secrets`.
    pub(crate) fn secret(
        &self,
        method: &str,
        vault: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Call {
        let (path, query) = path
            .split_once('?')
            .map_or((path, ""), |(path, query)| (path, query));
        let query = if query.is_empty() {
            SECRETS.to_owned()
        } else {
            format!("{SECRETS}&{query}")
        };
        let host = format!("{vault}.vault.azure.net");
        request(
            &host.as_str().into(),
            &self.vault_token,
            method,
            &format!("/secrets{path}?{query}"),
            body,
        )
    }
}

/// A request, with a token.
pub(crate) fn request(
    host: &Arc<str>,
    token: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Call {
    let body = body.map(Value::to_string);
    let announced = body.as_ref().map_or_else(String::new, |body| {
        format!(
            "content-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        )
    });
    let body = body.unwrap_or_default();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n{announced}\r\n{body}"
    );
    Call {
        host: Arc::clone(host),
        bytes: text.into_bytes(),
    }
}

async fn token(client: &mut Client, call: &Call) -> Result<String> {
    let answer = expect(client, call).await?;
    Ok(answer["access_token"]
        .as_str()
        .ok_or("no access_token")?
        .to_owned())
}

/// Sends a request that must succeed.
pub(crate) async fn expect(client: &mut Client, call: &Call) -> Result<Value> {
    let (status, body) = client.send(call).await?;
    if !(200..300).contains(&status) {
        let line = String::from_utf8_lossy(&call.bytes);
        let line = line.lines().next().unwrap_or_default().to_owned();
        return Err(format!("{line}: {status} {}", String::from_utf8_lossy(&body)).into());
    }
    Ok(serde_json::from_slice(&body).unwrap_or(Value::Null))
}
