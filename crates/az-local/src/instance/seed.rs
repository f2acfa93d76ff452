//! What a new instance begins with: tenants, subscriptions, and the desk's service principals.

use crate::ground::secret::random_secret;
use crate::rbac;
use crate::state::settings::Desk;
use crate::state::{Application, ServicePrincipal, StateError, Subscription, Tenant, Transaction};
use time::OffsetDateTime;
use uuid::Uuid;

/// The name of the desk's application in every tenant.
pub(crate) const DESK_NAME: &str = "az-local-desk";

/// Resource providers that are registered at first: those that every subscription has
/// (<https://learn.microsoft.com/azure/azure-resource-manager/management/resource-providers-and-types>),
/// and those that one in use has. They can be unregistered, as in Azure.
const INITIALLY_REGISTERED: [&str; 11] = [
    "microsoft.authorization",
    "microsoft.billing",
    "microsoft.compute",
    "microsoft.consumption",
    "microsoft.costmanagement",
    "microsoft.features",
    "microsoft.keyvault",
    "microsoft.managedidentity",
    "microsoft.network",
    "microsoft.portal",
    "microsoft.resources",
];

/// Makes sure that there are two tenants: the first with at least `subscriptions` subscriptions, the
/// second, which is someone else, with one.
pub(crate) fn seed(
    tx: &Transaction<'_>,
    subscriptions: usize,
    now: OffsetDateTime,
) -> Result<(), StateError> {
    let mut first = desk(tx, 1, "Local Azure", now)?;
    let mut second = desk(tx, 2, "Someone Else", now)?;
    own(
        tx,
        &mut first,
        subscriptions.max(1),
        "Local Subscription",
        now,
    )?;
    own(tx, &mut second, 1, "Someone Else's Subscription", now)
}

fn desk(
    tx: &Transaction<'_>,
    number: usize,
    name: &str,
    now: OffsetDateTime,
) -> Result<Desk, StateError> {
    if let Some(desk) = tx.get(&Desk::key_of(number))? {
        return Ok(desk);
    }
    let tenant = Tenant {
        id: new_id(),
        display_name: name.to_owned(),
        domains: Vec::new(),
    };
    let application = Application {
        app_id: new_id(),
        tenant_id: tenant.id.clone(),
        secrets: vec![random_secret()],
        certificates: Vec::new(),
        federated: Vec::new(),
    };
    let principal = ServicePrincipal {
        object_id: new_id(),
        app_id: application.app_id.clone(),
        tenant_id: tenant.id.clone(),
        display_name: DESK_NAME.to_owned(),
        managed_identity: None,
        created: now,
    };
    let desk = Desk {
        number,
        tenant_id: tenant.id.clone(),
        app_id: application.app_id.clone(),
        object_id: principal.object_id.clone(),
        subscription_ids: Vec::new(),
    };
    tx.put(&tenant)?;
    tx.put(&application)?;
    tx.put(&principal)?;
    tx.put(&desk)?;
    Ok(desk)
}

fn own(
    tx: &Transaction<'_>,
    desk: &mut Desk,
    count: usize,
    name: &str,
    now: OffsetDateTime,
) -> Result<(), StateError> {
    while desk.subscription_ids.len() < count {
        let number = desk.subscription_ids.len() + 1;
        let subscription = Subscription {
            id: new_id(),
            display_name: if number == 1 {
                name.to_owned()
            } else {
                format!("{name} {number}")
            },
            tenant_id: desk.tenant_id.clone(),
            tags: serde_json::Map::new(),
            providers: INITIALLY_REGISTERED
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
        };
        tx.put(&subscription)?;
        rbac::seed_owner(tx, &subscription.id, &desk.object_id, now)?;
        desk.subscription_ids.push(subscription.id);
    }
    tx.put(desk)
}

fn new_id() -> String {
    Uuid::new_v4().to_string()
}
