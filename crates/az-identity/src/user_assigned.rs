//! User-assigned identities.

use crate::cli::{Create, Named};
use az_core::{
    arm::{ResourceId, versions},
    cli::{Doing, Failure, List, Session, Status, for_each, lines::Item},
    identity::{user_assigned_body, user_assigned_id},
    name::{GroupName, IdentityName, Location},
};
use serde_json::{Value, json};

/// The names that were given: one, or those on standard input.
async fn names(name: &str) -> Result<List<'static, IdentityName>, Failure> {
    match name {
        "-" => List::from_stdin("identity names", name_of).await,
        name => Ok(List::one(name.parse()?)),
    }
}

fn name_of(item: &Item) -> Result<IdentityName, Failure> {
    let text = item
        .text("name")
        .ok_or_else(|| Failure::usage("a name, or an object with 'name', was expected"))?;
    Ok(text.parse()?)
}

/// Creates identities, or finds them there.
pub(crate) async fn create(session: &Session, args: &Create) -> Result<(), Failure> {
    let names = names(&args.name).await?;
    let group = session.group_id(args.resource_group.as_str()).await?;
    let location = match &args.location {
        Some(location) => location.clone(),
        None => {
            let found = session.arm()?.get(&group, versions::RESOURCES).await?;
            found["location"]
                .as_str()
                .unwrap_or_default()
                .parse::<Location>()?
        }
    };
    let tags = args.tags.to_json();
    let (group, location, tags) = (&group, &location, &tags);
    for_each(session, &args.lists, names, |name| async move {
        create_one(
            session,
            &user_assigned_id(group, &name),
            location,
            tags.as_ref(),
        )
        .await
    })
    .await
}

async fn create_one(
    session: &Session,
    id: &ResourceId,
    location: &Location,
    tags: Option<&Value>,
) -> Result<Value, Failure> {
    let arm = session.arm()?;
    let doing = format!("creating identity '{}'", id.name());
    if let Some(there) = arm
        .find_lasting(id, versions::MANAGED_IDENTITY, &[])
        .await
        .doing(&doing)?
    {
        let is = there["location"].as_str().unwrap_or_default();
        if is.parse::<Location>()?.canonical() != location.canonical() {
            return Err(Failure::new(
                Status::Conflict,
                format!("{doing}: it exists already, in location '{is}', not in '{location}'"),
            )
            .hint("Use that location, or another name."));
        }
        if tags.is_none_or(|tags| Some(tags) == there.get("tags")) {
            return Ok(shape(&there));
        }
    }
    let body = user_assigned_body(location, tags);
    let answer = arm
        .put(id, versions::MANAGED_IDENTITY, body)
        .await
        .doing(&doing)?;
    Ok(shape(&answer.body))
}

/// Reads identities.
pub(crate) async fn show(session: &Session, args: &Named) -> Result<(), Failure> {
    let names = names(&args.name).await?;
    let group = &session.group_id(args.resource_group.as_str()).await?;
    for_each(session, &args.lists, names, |name| async move {
        let id = user_assigned_id(group, &name);
        let found = session.arm()?.get(&id, versions::MANAGED_IDENTITY).await;
        Ok(shape(&found.doing(format!("identity '{}'", id.name()))?))
    })
    .await
}

/// Reads the identities of a group or of the subscription.
pub(crate) async fn list(session: &Session, group: Option<&GroupName>) -> Result<Value, Failure> {
    let scope = match group {
        Some(group) => session.group_id(group.as_str()).await?,
        None => ResourceId::subscription(session.subscription().await?),
    };
    let path = format!("{scope}/providers/Microsoft.ManagedIdentity/userAssignedIdentities");
    let found = session
        .arm()?
        .list(path, versions::MANAGED_IDENTITY, &[])
        .await?;
    Ok(found.iter().map(shape).collect())
}

/// Deletes identities; one that is not there is no error, as for `az`.
pub(crate) async fn delete(session: &Session, args: &Named) -> Result<(), Failure> {
    let names = names(&args.name).await?;
    let group = &session.group_id(args.resource_group.as_str()).await?;
    for_each(session, &args.lists, names, |name| async move {
        let id = user_assigned_id(group, &name);
        let deleted = session
            .arm()?
            .delete(&id, versions::MANAGED_IDENTITY, &[])
            .await;
        deleted.doing(format!("deleting identity '{}'", id.name()))?;
        Ok(Value::Null)
    })
    .await
}

/// An identity with the members that `az` prints: `properties` lifted.
fn shape(identity: &Value) -> Value {
    if identity.is_null() {
        return Value::Null;
    }
    let properties = &identity["properties"];
    json!({
        "clientId": properties["clientId"],
        "id": identity["id"],
        "location": identity["location"],
        "name": identity["name"],
        "principalId": properties["principalId"],
        "tags": identity.get("tags").filter(|tags| tags.is_object()).unwrap_or(&json!({})),
        "tenantId": properties["tenantId"],
        "type": identity["type"],
    })
}
