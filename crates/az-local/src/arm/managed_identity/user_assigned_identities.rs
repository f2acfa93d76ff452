//! `Microsoft.ManagedIdentity/userAssignedIdentities`.

use crate::arm::call::Call;
use crate::arm::error::Error;
use crate::arm::keep::Members;
use crate::arm::names;
use crate::arm::resource_type::{Answers, Draft, Kind, Patches};
use crate::request::Context;
use crate::state::federation::IdentityFederation;
use crate::state::people;
use crate::state::{Resource, ServicePrincipal, StateError};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const KIND: Kind = Kind {
    name: "Microsoft.ManagedIdentity/userAssignedIdentities",
    names: names::user_assigned_identity,
    // Both as recorded: Azure/azure-cli,
    // src/azure-cli/azure/cli/command_modules/identity/tests/latest/recordings/test_identity_management.yaml.
    groups: "resourcegroups",
    has_state: false,
    answers: Answers::Located,
    members: Members {
        own: &[
            "properties/tenantId",
            "properties/principalId",
            "properties/clientId",
        ],
        ..Members::PLAIN
    },
    put,
    patches: Patches::All,
    gone,
    ..Kind::PLAIN
};

fn put(call: &Call<'_>, draft: &mut Draft) -> Result<(), Error> {
    if !draft.resource.body.contains_key("tags") {
        draft.set("tags", json!({}));
    }
    if let Some(properties) = draft
        .existing
        .as_ref()
        .and_then(|there| there.body.get("properties"))
        .cloned()
    {
        draft.set("properties", properties);
        return Ok(());
    }
    let principal = new_principal(
        call.cx,
        &call.principal.tenant_id,
        draft.resource.name(),
        draft.id(),
    )?;
    draft.set(
        "properties",
        json!({
            "tenantId": principal.tenant_id,
            "principalId": principal.object_id,
            "clientId": principal.app_id,
        }),
    );
    Ok(())
}

/// Makes the service principal of a managed identity.
pub(crate) fn new_principal(
    cx: &Context<'_>,
    tenant_id: &str,
    name: &str,
    resource_id: &str,
) -> Result<ServicePrincipal, StateError> {
    let principal = ServicePrincipal {
        object_id: Uuid::new_v4().to_string(),
        app_id: Uuid::new_v4().to_string(),
        tenant_id: tenant_id.to_owned(),
        display_name: name.to_owned(),
        managed_identity: Some(resource_id.to_owned()),
        created: cx.now,
    };
    cx.tx.put(&principal)?;
    Ok(principal)
}

/// How many credentials are dropped at once.
const CHUNK: usize = 100;

/// With the identity go its principal and whom it trusts; machines that have it keep only its id, as in Azure.
fn gone(cx: &Context<'_>, resource: &Resource) -> Result<Vec<String>, StateError> {
    let id = resource
        .body
        .get("properties")
        .and_then(|p| p.get("principalId"))
        .and_then(Value::as_str);
    let below = IdentityFederation::below(&resource.id);
    while cx.tx.delete_below::<IdentityFederation>(&below, CHUNK)? == CHUNK {}
    if let Some(id) = id {
        cx.tx.delete::<ServicePrincipal>(id)?;
        people::leave_groups(cx.tx, id)?;
    }
    Ok(Vec::new())
}
