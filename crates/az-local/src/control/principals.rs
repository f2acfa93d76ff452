//! Adding to the directory from the command line, and showing who is in it.

use super::reports::{ReportError, find_desk};
use crate::graph::{changes, members};
use crate::ground::secret::random_secret;
use crate::instance::Instance;
use crate::state::people::{Group, Membership, User};
use crate::state::{Range, ServicePrincipal, StateError, Tenant, Transaction};
use serde_json::{Map, Value, json};

/// Makes a user. A name without a domain is of the tenant's own; a domain that nobody has becomes the tenant's. Without a
/// password it gets one, which only this answer tells.
pub(super) fn add_user(
    instance: &Instance,
    tenant: usize,
    name: &str,
    display_name: Option<String>,
    password: Option<String>,
) -> Result<Value, ReportError> {
    let now = instance.clock.now();
    instance.store.write(|tx| {
        let mut tenant = find_tenant(tx, tenant)?;
        let name = match name.split_once('@') {
            Some((_, domain)) => {
                take_domain(tx, &mut tenant, domain)?;
                name.to_owned()
            }
            None => format!("{name}@{}", tenant.initial_domain()),
        };
        let made_up = password.is_none();
        let password = password.unwrap_or_else(|| format!("{}-Aa1", random_secret()));
        let display_name = display_name.unwrap_or_else(|| first_part(&name).to_owned());
        let asked = members_of(json!({
            "accountEnabled": true,
            "displayName": display_name,
            "mailNickname": first_part(&name),
            "userPrincipalName": name,
            "passwordProfile": {"password": password},
        }));
        let user = changes::create_user(tx, &tenant, &asked, now)?;
        let mut shown = show_user(&user);
        if made_up {
            shown["password"] = json!(password);
        }
        Ok(shown)
    })
}

/// Makes a group with its first members.
pub(super) fn add_group(
    instance: &Instance,
    tenant: usize,
    name: &str,
    first: &[String],
) -> Result<Value, ReportError> {
    let now = instance.clock.now();
    instance.store.write(|tx| {
        let tenant = find_tenant(tx, tenant)?;
        let nickname: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let asked = members_of(json!({
            "displayName": name,
            "mailEnabled": false,
            "mailNickname": if nickname.is_empty() { "group".to_owned() } else { nickname },
            "securityEnabled": true,
        }));
        let group = changes::create_group(tx, &tenant, &asked, now)?;
        for member in first {
            members::add(tx, &group, &find_principal(tx, &tenant, member)?)?;
        }
        show_group(tx, &group)
    })
}

/// Puts principals into a group that is there.
pub(super) fn add_members(
    instance: &Instance,
    tenant: usize,
    group: &str,
    more: &[String],
) -> Result<Value, ReportError> {
    instance.store.write(|tx| {
        let tenant = find_tenant(tx, tenant)?;
        let id = find_principal(tx, &tenant, group)?;
        let group: Group = tx
            .get(&id)?
            .ok_or_else(|| ReportError::NoPrincipal(group.to_owned()))?;
        for member in more {
            members::add(tx, &group, &find_principal(tx, &tenant, member)?)?;
        }
        show_group(tx, &group)
    })
}

/// Everybody in a tenant.
pub(super) fn list(instance: &Instance, tenant: usize) -> Result<Value, ReportError> {
    instance.store.read(|tx| {
        let tenant = find_tenant(tx, tenant)?;
        let mut all = Vec::new();
        tx.each(&Range::Equal(User::BY_TENANT, &tenant.id), |user: User| {
            all.push(show_user(&user));
            Ok::<_, ReportError>(())
        })?;
        tx.each(
            &Range::Equal(Group::BY_TENANT, &tenant.id),
            |group: Group| {
                all.push(show_group(tx, &group)?);
                Ok::<_, ReportError>(())
            },
        )?;
        let range = Range::Equal(ServicePrincipal::BY_TENANT, &tenant.id);
        tx.each(&range, |principal: ServicePrincipal| {
            all.push(show_service_principal(&principal));
            Ok::<_, ReportError>(())
        })?;
        Ok(Value::Array(all))
    })
}

fn find_tenant(tx: &Transaction<'_>, number: usize) -> Result<Tenant, ReportError> {
    let desk = find_desk(tx, number)?;
    tx.get(&desk.tenant_id)?
        .ok_or(ReportError::NoTenant(number))
}

fn take_domain(tx: &Transaction<'_>, tenant: &mut Tenant, domain: &str) -> Result<(), ReportError> {
    if tenant.has_domain(domain) {
        return Ok(());
    }
    let tenants: Vec<Tenant> = tx.all(&Range::Below(""))?;
    if tenants.iter().any(|one| one.has_domain(domain)) {
        return Err(ReportError::DomainTaken(domain.to_owned()));
    }
    let labels = domain.split('.');
    let is_label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    if !domain.contains('.') || !labels.into_iter().all(is_label) {
        return Err(ReportError::NoDomain(domain.to_owned()));
    }
    tenant.domains.push(domain.to_ascii_lowercase());
    Ok(tx.put(tenant)?)
}

/// The object id of whoever a word names: an object id, a sign-in name, or a display name that only one has.
fn find_principal(
    tx: &Transaction<'_>,
    tenant: &Tenant,
    word: &str,
) -> Result<String, ReportError> {
    if uuid::Uuid::try_parse(word).is_ok() {
        return Ok(word.to_ascii_lowercase());
    }
    let signs_in: Option<User> = tx.find(User::BY_SIGN_IN, &word.to_lowercase())?;
    if let Some(user) = signs_in {
        return Ok(user.object_id);
    }
    let name = ServicePrincipal::name_in(&tenant.id, word);
    let mut ids: Vec<String> = Vec::new();
    let users = tx.page(&Range::Equal(User::BY_NAME, &name), None, 2)?;
    ids.extend(users.items.into_iter().map(|one: User| one.object_id));
    let groups = tx.page(&Range::Equal(Group::BY_NAME, &name), None, 2)?;
    ids.extend(groups.items.into_iter().map(|one: Group| one.object_id));
    let range = Range::Equal(ServicePrincipal::BY_NAME, name.as_str());
    let principals = tx.page(&range, None, 2)?.items;
    ids.extend(principals.into_iter().map(|one| one.object_id));
    match ids.as_slice() {
        [id] => Ok(id.clone()),
        [] => Err(ReportError::NoPrincipal(word.to_owned())),
        _ => Err(ReportError::SeveralPrincipals(word.to_owned())),
    }
}

fn first_part(name: &str) -> &str {
    name.split('@').next().unwrap_or(name)
}

fn members_of(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn show_user(user: &User) -> Value {
    json!({
        "type": "User",
        "id": user.object_id,
        "displayName": user.display_name,
        "userPrincipalName": user.user_principal_name,
    })
}

/// A group with the ids of its members.
fn show_group(tx: &Transaction<'_>, group: &Group) -> Result<Value, ReportError> {
    let below = Membership::below(&group.object_id);
    let mut members = Vec::new();
    tx.each(&Range::Below(&below), |one: Membership| {
        members.push(one.member_id);
        Ok::<_, StateError>(())
    })?;
    Ok(json!({
        "type": "Group",
        "id": group.object_id,
        "displayName": group.display_name,
        "members": members,
    }))
}

fn show_service_principal(principal: &ServicePrincipal) -> Value {
    json!({
        "type": "ServicePrincipal",
        "id": principal.object_id,
        "displayName": principal.display_name,
        "appId": principal.app_id,
        "managedIdentity": principal.managed_identity,
    })
}
