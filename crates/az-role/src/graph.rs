//! The part of Microsoft Graph that turns names into object ids and back.

use az_core::{
    cli::{Failure, Session},
    graph::{Client, GraphError},
};
use serde_json::{Value, json};

/// An object of the directory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Principal {
    pub(crate) id: String,
    /// As role assignments spell it, if Graph says.
    pub(crate) kind: Option<String>,
    /// What `az` shows as its name: a service principal's first name, else the display name.
    pub(crate) name: Option<String>,
}

/// The service principal with this application id or name.
pub(crate) async fn service_principal(
    client: &Client,
    name: &str,
) -> Result<Option<Principal>, GraphError> {
    let filter = format!(
        "servicePrincipalNames/any(c:c eq '{}')",
        name.replace('\'', "''")
    );
    let found = client
        .list("/v1.0/servicePrincipals", &[("$filter", &filter)])
        .await?;
    Ok(found.first().and_then(principal))
}

/// The user with this sign-in name.
pub(crate) async fn user(client: &Client, name: &str) -> Result<Option<Principal>, GraphError> {
    let filter = format!("userPrincipalName eq '{}'", name.replace('\'', "''"));
    let found = client.list("/v1.0/users", &[("$filter", &filter)]).await?;
    Ok(found.first().and_then(principal).map(|found| Principal {
        kind: Some("User".to_owned()),
        ..found
    }))
}

/// The objects with these ids; those that Graph does not know are left out.
pub(crate) async fn by_ids(client: &Client, ids: &[&str]) -> Result<Vec<Principal>, GraphError> {
    // https://learn.microsoft.com/graph/api/directoryobject-getbyids: 1000 ids a request
    let mut found = Vec::new();
    for ids in ids.chunks(1000) {
        let body = json!({"ids": ids, "types": ["user", "group", "servicePrincipal", "directoryObjectPartnerReference"]});
        let objects = client
            .post_list("/v1.0/directoryObjects/getByIds", &body)
            .await?;
        found.extend(objects.iter().filter_map(principal));
    }
    Ok(found)
}

fn principal(object: &Value) -> Option<Principal> {
    let text = |name: &str| object[name].as_str().map(str::to_owned);
    let kind = match object["@odata.type"].as_str() {
        Some("#microsoft.graph.user") => Some("User"),
        Some("#microsoft.graph.group") => Some("Group"),
        Some("#microsoft.graph.servicePrincipal") => Some("ServicePrincipal"),
        Some("#microsoft.graph.directoryObjectPartnerReference") => Some("ForeignGroup"),
        _ if object["appId"].is_string() => Some("ServicePrincipal"),
        _ => None,
    };
    let name = object["servicePrincipalNames"]
        .get(0)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .or_else(|| text("userPrincipalName"))
        .or_else(|| text("displayName"));
    Some(Principal {
        id: text("id")?,
        kind: kind.map(str::to_owned),
        name,
    })
}

/// A client for the session's cloud.
pub(crate) fn client(session: &Session) -> Result<Client, Failure> {
    Ok(Client::new(&session.connection()?))
}
