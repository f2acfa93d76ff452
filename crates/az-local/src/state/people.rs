//! Users, groups, and who is in which group.

use super::directory::ServicePrincipal;
use super::document::{Document, Index, Range};
use super::transaction::{StateError, Transaction};
use crate::ground::password::Hashed;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashSet;
use time::OffsetDateTime;

/// A person who can sign in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) object_id: String,
    pub(crate) tenant_id: String,
    /// The sign-in name: `ada@example.com`.
    pub(crate) user_principal_name: String,
    pub(crate) display_name: String,
    pub(crate) password: Hashed,
    pub(crate) enabled: bool,
    /// What else Graph was told of the user.
    pub(crate) more: Map<String, Value>,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created: OffsetDateTime,
}

impl User {
    pub(crate) const BY_TENANT: Index<User> = Index::new("tenant");
    /// `{tenant}/{display name}`, in lower case.
    pub(crate) const BY_NAME: Index<User> = Index::new("name");
    /// The sign-in name, in lower case. No two tenants have the same.
    pub(crate) const BY_SIGN_IN: Index<User> = Index::new("signin");
}

impl Document for User {
    const KIND: &'static str = "user";
    const COLUMNS: &'static [&'static str] = &["tenant", "name", "signin"];
    fn key(&self) -> String {
        self.object_id.clone()
    }
    fn columns(&self) -> Vec<Option<String>> {
        vec![
            Some(self.tenant_id.clone()),
            Some(ServicePrincipal::name_in(
                &self.tenant_id,
                &self.display_name,
            )),
            Some(self.user_principal_name.to_lowercase()),
        ]
    }
}

/// A security group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) object_id: String,
    pub(crate) tenant_id: String,
    pub(crate) display_name: String,
    /// What else Graph was told of the group.
    pub(crate) more: Map<String, Value>,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created: OffsetDateTime,
}

impl Group {
    pub(crate) const BY_TENANT: Index<Group> = Index::new("tenant");
    /// `{tenant}/{display name}`, in lower case.
    pub(crate) const BY_NAME: Index<Group> = Index::new("name");
}

impl Document for Group {
    const KIND: &'static str = "directoryGroup";
    const COLUMNS: &'static [&'static str] = &["tenant", "name"];
    fn key(&self) -> String {
        self.object_id.clone()
    }
    fn columns(&self) -> Vec<Option<String>> {
        vec![
            Some(self.tenant_id.clone()),
            Some(ServicePrincipal::name_in(
                &self.tenant_id,
                &self.display_name,
            )),
        ]
    }
}

/// That something of the directory is in a group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Membership {
    pub(crate) group_id: String,
    pub(crate) member_id: String,
}

impl Membership {
    pub(crate) const BY_MEMBER: Index<Membership> = Index::new("member");

    /// Before the keys of a group's members.
    pub(crate) fn below(group_id: &str) -> String {
        format!("{}|", group_id.to_ascii_lowercase())
    }

    pub(crate) fn key_of(group_id: &str, member_id: &str) -> String {
        Membership::below(group_id) + &member_id.to_ascii_lowercase()
    }
}

impl Document for Membership {
    const KIND: &'static str = "membership";
    const COLUMNS: &'static [&'static str] = &["member"];
    fn key(&self) -> String {
        Membership::key_of(&self.group_id, &self.member_id)
    }
    fn columns(&self) -> Vec<Option<String>> {
        vec![Some(self.member_id.clone())]
    }
}

/// Whatever an object id can be that a role can be given to, or that a group can have in it.
#[derive(Clone, Debug)]
pub(crate) enum DirectoryObject {
    User(User),
    Group(Group),
    ServicePrincipal(ServicePrincipal),
}

impl DirectoryObject {
    /// The object with this id, in whichever tenant it is.
    pub(crate) fn find(tx: &Transaction<'_>, id: &str) -> Result<Option<Self>, StateError> {
        let id = id.to_ascii_lowercase();
        if let Some(found) = tx.get(&id)? {
            return Ok(Some(DirectoryObject::ServicePrincipal(found)));
        }
        if let Some(found) = tx.get(&id)? {
            return Ok(Some(DirectoryObject::User(found)));
        }
        Ok(tx.get(&id)?.map(DirectoryObject::Group))
    }

    pub(crate) fn object_id(&self) -> &str {
        match self {
            DirectoryObject::User(user) => &user.object_id,
            DirectoryObject::Group(group) => &group.object_id,
            DirectoryObject::ServicePrincipal(principal) => &principal.object_id,
        }
    }

    pub(crate) fn tenant_id(&self) -> &str {
        match self {
            DirectoryObject::User(user) => &user.tenant_id,
            DirectoryObject::Group(group) => &group.tenant_id,
            DirectoryObject::ServicePrincipal(principal) => &principal.tenant_id,
        }
    }

    pub(crate) fn created(&self) -> OffsetDateTime {
        match self {
            DirectoryObject::User(user) => user.created,
            DirectoryObject::Group(group) => group.created,
            DirectoryObject::ServicePrincipal(principal) => principal.created,
        }
    }

    /// As role assignments name it (`principalType`).
    pub(crate) fn principal_type(&self) -> &'static str {
        match self {
            DirectoryObject::User(_) => "User",
            DirectoryObject::Group(_) => "Group",
            DirectoryObject::ServicePrincipal(_) => "ServicePrincipal",
        }
    }
}

/// The object ids that somebody goes by: its own, then those of the groups that it is in, directly or through others.
pub(crate) fn with_groups(tx: &Transaction<'_>, id: &str) -> Result<Vec<String>, StateError> {
    let mut found = vec![id.to_ascii_lowercase()];
    let mut seen: HashSet<String> = found.iter().cloned().collect();
    let mut at = 0;
    while let Some(member) = found.get(at).cloned() {
        at += 1;
        let range = Range::Equal(Membership::BY_MEMBER, member.as_str());
        tx.each(&range, |one: Membership| {
            if seen.insert(one.group_id.clone()) {
                found.push(one.group_id);
            }
            Ok::<_, StateError>(())
        })?;
    }
    Ok(found)
}

/// How many memberships are dropped at once.
const CHUNK: usize = 500;

/// Takes a user or a group out of the directory, and out of all groups. Role assignments that name it stay, as in Azure.
pub(crate) fn forget(tx: &Transaction<'_>, object: &DirectoryObject) -> Result<(), StateError> {
    let id = object.object_id();
    match object {
        DirectoryObject::User(_) => tx.delete::<User>(id)?,
        DirectoryObject::Group(_) => {
            while tx.delete_below::<Membership>(&Membership::below(id), CHUNK)? == CHUNK {}
            tx.delete::<Group>(id)?
        }
        DirectoryObject::ServicePrincipal(_) => tx.delete::<ServicePrincipal>(id)?,
    };
    leave_groups(tx, id)
}

/// Takes something out of all groups.
pub(crate) fn leave_groups(tx: &Transaction<'_>, id: &str) -> Result<(), StateError> {
    loop {
        let range = Range::Equal(Membership::BY_MEMBER, id);
        let page = tx.page(&range, None, CHUNK)?;
        for one in &page.items {
            tx.delete::<Membership>(&one.key())?;
        }
        if page.next.is_none() {
            return Ok(());
        }
    }
}
