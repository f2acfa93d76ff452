//! Who is in which group (<https://learn.microsoft.com/graph/api/resources/groups-overview>).

use super::directory::{Found, Part};
use super::error::GraphError;
use super::objects::show_any;
use crate::request::Context;
use crate::state::people::{DirectoryObject, Group, Membership, with_groups};
use crate::state::{Document, Range};
use serde::Deserialize;
use serde_json::Value;

/// `groups/{id}/members`, in the order of their ids.
pub(super) fn members(cx: &Context<'_>, group: &Group, part: &Part) -> Result<Found, GraphError> {
    let below = Membership::below(&group.object_id);
    let page = cx
        .tx
        .page(&Range::Below(&below), part.after.as_deref(), part.size)?;
    let mut items = Vec::new();
    for one in &page.items {
        let member: &Membership = one;
        let member = DirectoryObject::find(cx.tx, &member.member_id)?;
        items.extend(member.as_ref().map(show_any));
    }
    Ok(Found {
        items,
        next: page.next,
    })
}

/// `…/memberOf`: the groups that an object is in directly.
pub(super) fn member_of(cx: &Context<'_>, id: &str, part: &Part) -> Result<Found, GraphError> {
    let range = Range::Equal(Membership::BY_MEMBER, id);
    let page = cx.tx.page(&range, part.after.as_deref(), part.size)?;
    let groups = page
        .items
        .iter()
        .map(|one: &Membership| one.group_id.clone());
    Ok(Found {
        items: shown(cx, groups.collect())?,
        next: page.next,
    })
}

/// `…/transitiveMemberOf`: also those that it is in through other groups.
pub(super) fn transitive(cx: &Context<'_>, id: &str) -> Result<Vec<Value>, GraphError> {
    shown(cx, groups_of(cx, id)?)
}

/// The ids of the groups that an object is in, directly or through others
/// (`getMemberGroups`, which answers at most 11,000).
pub(super) fn groups_of(cx: &Context<'_>, id: &str) -> Result<Vec<String>, GraphError> {
    let mut found = with_groups(cx.tx, id)?;
    found.remove(0);
    Ok(found)
}

fn shown(cx: &Context<'_>, groups: Vec<String>) -> Result<Vec<Value>, GraphError> {
    let mut shown = Vec::new();
    for id in groups {
        let group: Option<Group> = cx.tx.get(&id)?;
        shown.extend(group.map(|group| show_any(&DirectoryObject::Group(group))));
    }
    Ok(shown)
}

#[derive(Deserialize)]
struct Check {
    #[serde(alias = "ids", rename = "groupIds")]
    groups: Vec<String>,
}

/// `checkMemberGroups`: which of the groups that are asked about an object is in.
pub(super) fn check(cx: &Context<'_>, id: &str, body: &[u8]) -> Result<Vec<String>, GraphError> {
    let asked: Check = serde_json::from_slice(body).map_err(|_| {
        GraphError::BadRequest("The request body needs 'groupIds', an array of strings.")
    })?;
    let is_in = groups_of(cx, id)?;
    let mut asked = asked.groups;
    asked.retain(|group| is_in.iter().any(|one| one.eq_ignore_ascii_case(group)));
    Ok(asked)
}

/// Puts something into a group.
pub(crate) fn add(
    tx: &crate::state::Transaction<'_>,
    group: &Group,
    member_id: &str,
) -> Result<(), GraphError> {
    let member = DirectoryObject::find(tx, member_id)?
        .filter(|member| member.tenant_id() == group.tenant_id)
        .ok_or_else(|| GraphError::NotFound(member_id.to_owned()))?;
    let membership = Membership {
        group_id: group.object_id.clone(),
        member_id: member.object_id().to_owned(),
    };
    if tx.get::<Membership>(&membership.key())?.is_some() {
        return Err(GraphError::AlreadyMember);
    }
    if membership.member_id == membership.group_id {
        return Err(GraphError::Invalid(
            "A group cannot be a member of itself.".to_owned(),
        ));
    }
    Ok(tx.put(&membership)?)
}

/// `DELETE groups/{id}/members/{member}/$ref`
pub(super) fn remove(cx: &Context<'_>, group: &Group, member_id: &str) -> Result<(), GraphError> {
    let key = Membership::key_of(&group.object_id, member_id);
    match cx.tx.delete::<Membership>(&key)? {
        true => Ok(()),
        false => Err(GraphError::NotFound(member_id.to_owned())),
    }
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "@odata.id")]
    id: String,
}

/// The id at the end of the reference that `POST groups/{id}/members/$ref` has.
pub(super) fn referenced(body: &[u8]) -> Result<String, GraphError> {
    let reference: Reference = serde_json::from_slice(body)
        .map_err(|_| GraphError::BadRequest("The request body needs '@odata.id'."))?;
    let id = reference.id.trim_end_matches('/');
    Ok(id.rsplit('/').next().unwrap_or_default().to_owned())
}
