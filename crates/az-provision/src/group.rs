//! Resource groups.

use crate::{
    cli::{GroupCreate, GroupsCreate, NameOrStdin, Until},
    plan::node::{Node, State, retagged},
    wait::{self, Watched},
};
use az_core::{
    arm::{Client, ResourceId, is_leaving, versions},
    cli::{Doing, Failure, List, Session, Status, for_each, lines::Item},
    name::{GroupName, Location},
};
use serde_json::{Value, json};

/// `group create`, of one or of those on standard input.
pub(crate) async fn create(session: &Session, args: &GroupsCreate) -> Result<(), Failure> {
    let names = match &args.name {
        NameOrStdin::Name(name) => List::one(name.clone()),
        NameOrStdin::Stdin => List::from_stdin("group names", name_of).await?,
    };
    for_each(session, &args.lists, names, |name| async move {
        let wanted = GroupCreate {
            name,
            location: args.location.clone(),
            tags: args.tags.clone(),
        };
        let looked = look(session, &wanted).await?;
        looked.refuse()?;
        looked.make(session).await
    })
    .await
}

fn name_of(item: &Item) -> Result<GroupName, Failure> {
    let text = item
        .text("name")
        .ok_or_else(|| Failure::usage("a name, or an object with 'name', was expected"))?;
    Ok(text.parse()?)
}

/// A group that is wanted, and what is there of it.
pub(crate) struct Looked<'a> {
    wanted: &'a GroupCreate,
    pub(crate) id: ResourceId,
    there: Option<Value>,
}

/// Reads the group; one that is being deleted is waited for.
pub(crate) async fn look<'a>(
    session: &Session,
    wanted: &'a GroupCreate,
) -> Result<Looked<'a>, Failure> {
    let id = session.group_id(wanted.name.as_str()).await?;
    let there = session
        .arm()?
        .find_lasting(&id, versions::RESOURCES, &[])
        .await
        .doing(doing(wanted))?;
    Ok(Looked { wanted, id, there })
}

fn doing(wanted: &GroupCreate) -> String {
    format!("creating resource group '{}'", wanted.name)
}

impl Looked<'_> {
    /// Whether it is there.
    pub(crate) fn is_there(&self) -> bool {
        self.there.is_some()
    }

    /// Refuses a group that is elsewhere.
    pub(crate) fn refuse(&self) -> Result<(), Failure> {
        let Some(elsewhere) = self.elsewhere() else {
            return Ok(());
        };
        Err(Failure::new(
            Status::Conflict,
            format!("{}: it exists already, {elsewhere}", doing(self.wanted)),
        )
        .hint("A group cannot move: use that location, or another name."))
    }

    /// Makes a group be there that was not refused. Tags are replaced only when given.
    pub(crate) async fn make(self, session: &Session) -> Result<Value, Failure> {
        let tags = self.wanted.tags.to_json();
        if let Some(there) = &self.there
            && (tags.is_none() || tags.as_ref() == there.get("tags"))
        {
            return Ok(shape(there));
        }
        let mut body = json!({"location": self.wanted.location.canonical()});
        if let Some(tags) = tags {
            body["tags"] = tags;
        }
        let arm = session.arm()?;
        let made = async {
            let answer = arm.put(&self.id, versions::RESOURCES, body).await?;
            arm.wait(answer).await
        };
        Ok(shape(&made.await.doing(doing(self.wanted))?))
    }

    /// What would become of it.
    pub(crate) fn node(&self) -> Node {
        let id = self.id.clone();
        match &self.there {
            None => Node::new(id, State::Create),
            Some(there) => {
                let tags = retagged(there, self.wanted.tags.to_json().as_ref());
                Node::there(id, self.elsewhere().into_iter().collect(), tags)
            }
        }
    }

    /// Says where it is, if that is not where it is wanted.
    fn elsewhere(&self) -> Option<String> {
        let there = self.there.as_ref()?["location"]
            .as_str()
            .unwrap_or_default();
        let wanted = &self.wanted.location;
        (!same_location(there, wanted)).then(|| format!("in location '{there}', not in '{wanted}'"))
    }
}

/// The location of a group, where a resource's is not given.
pub(crate) async fn location(arm: &Client, group: &ResourceId) -> Result<Location, Failure> {
    let found = arm.get(group, versions::RESOURCES).await?;
    if is_leaving(&found) {
        return Err(Failure::new(
            Status::Conflict,
            format!("resource group '{}' is being deleted", group.name()),
        )
        .hint("Wait until it is gone, or name another group."));
    }
    let location = found["location"].as_str().unwrap_or_default();
    Ok(location.parse()?)
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
