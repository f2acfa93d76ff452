//! What every instance has before anything is measured: as many of each thing as several pages of it need.

use crate::Result;
use crate::client::Client;
use crate::desk::{Desk, expect};
use crate::fill::{Limits, fill};
use serde_json::{Value, json};
use std::sync::Arc;

/// How many groups, secrets, identities and versions of a secret there are at size 0. A list is measured a page of 25 at
/// a time, so that its first page and its middle one are full at every size.
pub(crate) const EACH: usize = 100;
/// Entries of a page.
pub(crate) const PAGE: usize = 25;
/// How many roles are given: as many as fill a page.
const ROLES: usize = PAGE;
/// The group with the vaults and the identities.
pub(crate) const GROUP: &str = "bench";
/// The vault in which the desk may do everything with secrets.
pub(crate) const VAULT: &str = "kv-bench";
/// The vault in which it may do nothing with them.
pub(crate) const FORBIDDEN: &str = "kv-bench-forbidden";
/// A secret with one version; one that gets new versions; one with many.
pub(crate) const SMALL: &str = "small";
pub(crate) const WRITTEN: &str = "written";
pub(crate) const MANY: &str = "many";
const OFFICER: &str = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7";

/// What a population needs to know of what is there.
pub(crate) struct Base {
    pub(crate) desk: Arc<Desk>,
    /// The identity that has these roles at the group.
    pub(crate) reader: String,
    /// Some built-in roles' names.
    pub(crate) roles: Vec<String>,
}

/// Bodies of requests.
pub(crate) fn located(tag: usize) -> Value {
    json!({"location": "eastus", "tags": {"round": tag.to_string()}})
}

pub(crate) fn value(number: usize) -> Value {
    json!({"value": format!("a value that is not very long, number {number}")})
}

/// A group of the base.
pub(crate) fn group(number: usize) -> String {
    format!("base-{number:03}")
}

/// Makes the base.
pub(crate) async fn make(desk: Arc<Desk>) -> Result<Base> {
    let mut client = desk.client();
    open_vault(&desk, &mut client).await?;
    vault(&desk, &mut client, FORBIDDEN).await?;
    let roles = expect(&mut client, &desk.role_definitions()).await?;
    let roles = roles["value"].as_array().ok_or("no roles")?;
    let roles = roles.iter().filter_map(|role| role["name"].as_str());
    let roles: Vec<String> = roles.take(ROLES).map(str::to_owned).collect();
    things(&desk).await?;
    let reader = desk.identity("GET", GROUP, &group(0), None);
    let reader = expect(&mut client, &reader).await?;
    let reader = reader["properties"]["principalId"].as_str();
    let reader = reader.ok_or("an identity has no principalId")?.to_owned();
    for (number, role) in (1..).zip(&roles) {
        let call = desk.assign(number, &desk.group_id(GROUP), role, &reader);
        expect(&mut client, &call).await?;
    }
    Ok(Base {
        desk,
        reader,
        roles,
    })
}

/// Makes the group, and the vault in which the desk may do everything with secrets.
pub(crate) async fn open_vault(desk: &Desk, client: &mut Client) -> Result<()> {
    expect(client, &desk.group("PUT", GROUP, Some(&located(0)))).await?;
    vault(desk, client, VAULT).await?;
    let scope = desk.vault_id(GROUP, VAULT);
    let officer = desk.assign(0, &scope, OFFICER, &desk.sign_in.object_id);
    expect(client, &officer).await?;
    Ok(())
}

async fn vault(desk: &Desk, client: &mut Client, name: &str) -> Result<()> {
    let vault = json!({"location": "eastus", "properties": {
        "tenantId": desk.sign_in.tenant,
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": true,
        "accessPolicies": [],
    }});
    let id = desk.vault_id(GROUP, name);
    expect(client, &desk.vault("PUT", &id, Some(&vault))).await?;
    Ok(())
}

async fn things(desk: &Arc<Desk>) -> Result<()> {
    let limits = Limits::of_base();
    for name in [SMALL, WRITTEN] {
        let call = desk.secret("PUT", VAULT, &format!("/{name}"), Some(&value(0)));
        expect(&mut desk.client(), &call).await?;
    }
    let makers: [fn(&Desk, usize) -> crate::client::Call; 4] = [
        |desk, number| desk.group("PUT", &group(number), Some(&located(number))),
        |desk, number| desk.identity("PUT", GROUP, &group(number), Some(&located(number))),
        |desk, number| {
            let path = format!("/{}", group(number));
            desk.secret("PUT", VAULT, &path, Some(&value(number)))
        },
        |desk, number| desk.secret("PUT", VAULT, &format!("/{MANY}"), Some(&value(number))),
    ];
    for maker in makers {
        let with = Arc::clone(desk);
        fill(&desk.sign_in.dialer, EACH, limits, move |number| {
            maker(&with, number)
        })
        .await?
        .whole()?;
    }
    Ok(())
}
