//! Whom a role is for.

use crate::{
    cli::{Assignee, PrincipalType},
    graph,
};
use az_core::{
    arm::{ResourceId, versions},
    cli::{Failure, Session, Status, lines::Item},
    graph::GraphError,
};
use serde_json::Value;
use uuid::Uuid;

/// An assignee with an object id.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Principal {
    pub(crate) id: String,
    /// As role assignments spell it, if it is known. With it Azure does not ask Microsoft Graph, which may not
    /// know a new identity yet.
    pub(crate) kind: Option<String>,
}

/// An assignee as it was written, checked before anything is sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Named {
    /// An object id that needs no look-up.
    Known(Principal),
    /// A GUID: an application's or an object's.
    Guid(String),
    /// A user-assigned identity.
    Identity(ResourceId),
    /// A service principal's or user's name.
    Name(String),
}

impl Named {
    /// Reads one assignee of the command line or of standard input.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Failure::usage("--assignee is empty")
                .hint("Did the command that should fill it in fail?"));
        }
        if let Ok(guid) = Uuid::try_parse(text) {
            return Ok(Named::Guid(guid.to_string()));
        }
        if text.starts_with('/') {
            let id: ResourceId = text.parse()?;
            if !id.is_type("Microsoft.ManagedIdentity/userAssignedIdentities") {
                return Err(Failure::usage(format!(
                    "'{text}' is not the id of a user-assigned identity"
                )));
            }
            return Ok(Named::Identity(id));
        }
        let name = text.contains('@') || text.contains("://");
        if !name {
            return Err(Failure::usage(format!(
                "'{text}' is no assignee: give an object id, an application id, a user-assigned identity's id, or a sign-in name"
            )));
        }
        Ok(Named::Name(text.to_owned()))
    }

    /// Reads what `az-identity` prints, an identity or a machine's identities; a machine as `az-provision vm create`
    /// prints it; or a bare id.
    pub(crate) fn from_item(item: &Item) -> Result<Self, Failure> {
        if let Value::String(text) = &item.value {
            return Named::parse(text);
        }
        let identity = item.value.get("identity").unwrap_or(&item.value);
        let id = ["principalId", "systemAssignedIdentity"]
            .iter()
            .find_map(|member| identity.get(member).and_then(Value::as_str));
        match id.filter(|id| !id.is_empty()) {
            Some(id) if Uuid::try_parse(id).is_ok() => {
                // Only managed identities carry these members in what the tools print.
                let kind = item
                    .text("principalType")
                    .unwrap_or("ServicePrincipal")
                    .to_owned();
                Ok(Named::Known(Principal {
                    id: id.to_owned(),
                    kind: Some(kind),
                }))
            }
            _ => Err(Failure::usage(
                "an id, or an object with 'principalId', was expected",
            )),
        }
    }

    /// Finds the object id.
    pub(crate) async fn resolve(&self, session: &Session) -> Result<Principal, Failure> {
        match self {
            Named::Known(principal) => Ok(principal.clone()),
            Named::Identity(id) => {
                let identity = session.arm()?.get(id, versions::MANAGED_IDENTITY).await?;
                let object = identity["properties"]["principalId"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                Ok(Principal {
                    id: object,
                    kind: Some("ServicePrincipal".to_owned()),
                })
            }
            Named::Guid(guid) => by_guid(session, guid).await,
            Named::Name(name) => by_name(session, name).await,
        }
    }
}

/// A GUID may be an application's id or an object's. Both are asked for side by side. One that Graph does not
/// know yet, or that Graph may not tell us of, is taken for an object id, as `az` does.
async fn by_guid(session: &Session, guid: &str) -> Result<Principal, Failure> {
    let client = graph::client(session)?;
    let ids = [guid];
    let (application, object) = futures::join!(
        graph::service_principal(&client, guid),
        graph::by_ids(&client, &ids)
    );
    let unknown = || Principal {
        id: guid.to_owned(),
        kind: None,
    };
    match (application, object) {
        (Ok(Some(found)), _) => Ok(Principal {
            id: found.id,
            kind: found.kind,
        }),
        (Ok(None), Ok(found)) => {
            Ok(found
                .into_iter()
                .next()
                .map_or_else(unknown, |found| Principal {
                    id: found.id,
                    kind: found.kind,
                }))
        }
        (Err(error), _) | (_, Err(error)) => {
            if !matches!(error, GraphError::Refused { .. }) {
                return Err(error.into());
            }
            session.warn(format!("Microsoft Graph cannot be asked about '{guid}' ({error}); it is taken for an object id"));
            Ok(unknown())
        }
    }
}

async fn by_name(session: &Session, name: &str) -> Result<Principal, Failure> {
    let client = graph::client(session)?;
    let found = if name.contains("://") {
        graph::service_principal(&client, name).await?
    } else {
        graph::user(&client, name).await?
    };
    match found {
        Some(found) => Ok(Principal {
            id: found.id,
            kind: found.kind,
        }),
        None => Err(
            Failure::new(Status::NotFound, format!("the directory has no '{name}'"))
                .hint("Check the name, or give --assignee-object-id."),
        ),
    }
}

impl Assignee {
    /// The one assignee of a filter, if any is given.
    pub(crate) async fn filter(&self, session: &Session) -> Result<Option<String>, Failure> {
        if let Some(id) = &self.assignee_object_id {
            return Ok(Some(id.clone()));
        }
        match &self.assignee {
            Some(text) => Ok(Some(Named::parse(text)?.resolve(session).await?.id)),
            None => Ok(None),
        }
    }
}

/// The assignee that `--assignee-object-id` names.
pub(crate) fn known(id: &str, kind: Option<PrincipalType>) -> Named {
    Named::Known(Principal {
        id: id.to_owned(),
        kind: kind.map(|kind| kind.as_str().to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "ac8d9ad7-5a9a-4c3a-93d9-80c1a2395358";

    #[test]
    fn what_az_identity_prints_needs_no_look_up() {
        let known = Named::Known(Principal {
            id: ID.into(),
            kind: Some("ServicePrincipal".into()),
        });
        for value in [
            json!({"principalId": ID, "clientId": "x"}),
            json!({"systemAssignedIdentity": ID}),
            json!({"id": "/x", "identity": {"systemAssignedIdentity": ID}}),
            json!({"id": "/x", "identity": {"type": "SystemAssigned", "principalId": ID}}),
        ] {
            assert_eq!(
                Named::from_item(&Item { line: 1, value }).expect("an identity"),
                known
            );
        }
        assert!(
            Named::from_item(&Item {
                line: 1,
                value: json!({"systemAssignedIdentity": ""})
            })
            .is_err()
        );
    }

    #[test]
    fn an_assignee_is_told_by_its_form() {
        assert_eq!(Named::parse(ID).expect("a GUID"), Named::Guid(ID.into()));
        assert_eq!(
            Named::parse("ada@example.com").expect("a name"),
            Named::Name("ada@example.com".into())
        );
        assert!(Named::parse("").is_err());
        assert!(Named::parse("GoUserIdentity").is_err());
        assert!(Named::parse("/subscriptions/s").is_err());
    }
}
