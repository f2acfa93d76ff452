//! Resource groups.

use crate::{
    cli::{GroupCreate, Until},
    wait::{self, Watched},
};
use az_core::{
    arm::versions,
    cli::{Doing, Failure, Session, Status},
    name::{GroupName, Location},
};
use serde_json::{Value, json};

/// Creates a group, or finds it there. Tags are replaced only when given.
pub(crate) async fn create(session: &Session, args: &GroupCreate) -> Result<Value, Failure> {
    let id = session.group_id(args.name.as_str()).await?;
    let arm = session.arm()?;
    let doing = format!("creating resource group '{}'", args.name);
    if let Some(group) = arm.find(&id, versions::RESOURCES).await.doing(&doing)? {
        if let Some(elsewhere) = elsewhere(&group, &args.location) {
            return Err(Failure::new(
                Status::Conflict,
                format!("{doing}: it exists already, {elsewhere}"),
            )
            .hint("A group cannot move: use that location, or another name."));
        }
        let wanted = args.tags.to_json();
        if wanted.is_none() || wanted.as_ref() == group.get("tags") {
            return Ok(shape(&group));
        }
    }
    let mut body = json!({"location": args.location.canonical()});
    if let Some(tags) = args.tags.to_json() {
        body["tags"] = tags;
    }
    let answer = arm
        .put(&id, versions::RESOURCES, body)
        .await
        .doing(&doing)?;
    Ok(shape(&arm.wait(answer).await.doing(&doing)?))
}

/// Says where a group is, if it is not where it is wanted.
pub(crate) fn elsewhere(group: &Value, wanted: &Location) -> Option<String> {
    let there = group["location"].as_str().unwrap_or_default();
    (!same_location(there, wanted)).then(|| format!("in location '{there}', not in '{wanted}'"))
}

/// Reads a group.
pub(crate) async fn show(session: &Session, name: &GroupName) -> Result<Value, Failure> {
    let id = session.group_id(name.as_str()).await?;
    Ok(shape(&session.arm()?.get(&id, versions::RESOURCES).await?))
}

/// Says whether a group is there.
pub(crate) async fn exists(session: &Session, name: &GroupName) -> Result<Value, Failure> {
    let id = session.group_id(name.as_str()).await?;
    let found = session.arm()?.find(&id, versions::RESOURCES).await?;
    Ok(found.is_some().into())
}

/// `group wait`.
pub(crate) async fn wait(
    session: &Session,
    name: &GroupName,
    until: &Until,
) -> Result<Value, Failure> {
    let watched = Watched {
        what: format!("resource group '{name}'"),
        id: session.group_id(name.as_str()).await?,
        version: versions::RESOURCES,
        query: &[],
        shape,
    };
    wait::until(session, &watched, until).await
}

/// Reads the subscription's groups, all or those with a tag.
pub(crate) async fn list(session: &Session, tag: Option<&str>) -> Result<Value, Failure> {
    let path = format!(
        "/subscriptions/{}/resourcegroups",
        session.subscription().await?
    );
    let filter = tag.map(|tag| {
        let quoted = |text: &str| text.replace('\'', "''");
        match tag.split_once('=') {
            Some((key, value)) => format!(
                "tagname eq '{}' and tagvalue eq '{}'",
                quoted(key),
                quoted(value)
            ),
            None => format!("tagname eq '{}'", quoted(tag)),
        }
    });
    let query: Vec<(&str, &str)> = filter
        .iter()
        .map(|filter| ("$filter", filter.as_str()))
        .collect();
    let groups = session
        .arm()?
        .list(&path, versions::RESOURCES, &query)
        .await?;
    Ok(groups.iter().map(shape).collect())
}

/// Whether two spellings name the same region.
pub(crate) fn same_location(there: &str, wanted: &Location) -> bool {
    there
        .parse::<Location>()
        .is_ok_and(|there| there.canonical() == wanted.canonical())
}

/// A group with the members that `az` prints.
fn shape(group: &Value) -> Value {
    if group.is_null() {
        return Value::Null;
    }
    json!({
        "id": group["id"],
        "location": group["location"],
        "managedBy": group["managedBy"],
        "name": group["name"],
        "properties": {"provisioningState": group["properties"]["provisioningState"]},
        "tags": group["tags"],
        "type": group["type"],
    })
}
