//! What one resource holds of another: a machine its interfaces and its disk, an interface its public addresses, its
//! subnets and its security group. It is taken and released here and nowhere else.

use super::document::{Document, Index, Range};
use super::resources::Resource;
use super::transaction::{StateError, Transaction};
use serde::{Deserialize, Serialize};

/// One thing that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hold {
    /// The id of what is held.
    pub(crate) held: String,
    /// The id of what holds it: the resource, or a part of it (an IP configuration).
    pub(crate) holder: String,
    /// Whether nobody else can hold it meanwhile.
    pub(crate) exclusive: bool,
    /// Whether it is the first of its kind that the holder has (a machine's primary interface).
    pub(crate) primary: bool,
    /// The key of the resource that holds it.
    pub(crate) owner: String,
}

impl Hold {
    pub(crate) const BY_HELD: Index<Hold> = Index::new("held");
    pub(crate) const BY_OWNER: Index<Hold> = Index::new("owner");

    /// Something that others may hold, too.
    pub(crate) fn shared(owner: &Resource, held: &str, holder: &str) -> Self {
        Hold {
            held: held.to_owned(),
            holder: holder.to_owned(),
            exclusive: false,
            primary: false,
            owner: Resource::key_of(&owner.id),
        }
    }

    /// Something that nobody else can hold.
    pub(crate) fn exclusive(owner: &Resource, held: &str, holder: &str) -> Self {
        Hold {
            exclusive: true,
            ..Hold::shared(owner, held, holder)
        }
    }
}

impl Document for Hold {
    const KIND: &'static str = "hold";
    const COLUMNS: &'static [&'static str] = &["held", "owner"];
    fn key(&self) -> String {
        let held = Resource::key_of(&self.held);
        if self.exclusive {
            held
        } else {
            format!("{held}|{}", Resource::key_of(&self.holder))
        }
    }
    fn columns(&self) -> Vec<Option<String>> {
        vec![Some(Resource::key_of(&self.held)), Some(self.owner.clone())]
    }
}

/// Makes `wanted` all that an owner holds. Where someone else holds one of them, or it is wanted twice, says which and
/// changes nothing.
pub(crate) fn take(
    tx: &Transaction<'_>,
    owner: &str,
    wanted: &[Hold],
) -> Result<Result<(), Hold>, StateError> {
    for (at, hold) in wanted.iter().enumerate().filter(|(_, hold)| hold.exclusive) {
        if wanted[..at].iter().any(|other| other.key() == hold.key()) {
            return Ok(Err(hold.clone()));
        }
        let there: Option<Hold> = tx.get(&hold.key())?;
        if let Some(there) = there.filter(|there| there.owner != owner) {
            return Ok(Err(there));
        }
    }
    release(tx, owner)?;
    for hold in wanted {
        tx.put(hold)?;
    }
    Ok(Ok(()))
}

/// Releases all that an owner holds.
pub(crate) fn release(tx: &Transaction<'_>, owner: &str) -> Result<(), StateError> {
    for hold in tx.all(&Range::Equal(Hold::BY_OWNER, owner))? {
        tx.delete::<Hold>(&hold.key())?;
    }
    Ok(())
}

/// Who holds something that only one can hold.
pub(crate) fn holder(tx: &Transaction<'_>, held: &str) -> Result<Option<Hold>, StateError> {
    tx.get(&Resource::key_of(held))
}

/// How many of those that hold a thing an answer shows: a subnet may have 65 536 addresses in use.
pub(crate) const MOST_SHOWN: usize = 100;

/// Those that hold a resource, the first [`MOST_SHOWN`] of them.
pub(crate) fn users(tx: &Transaction<'_>, held: &str) -> Result<Vec<Hold>, StateError> {
    let key = Resource::key_of(held);
    let page = tx.page(&Range::Equal(Hold::BY_HELD, &key), None, MOST_SHOWN)?;
    Ok(page.items)
}

/// Those that hold what is below an id (a network's subnets), the first [`MOST_SHOWN`] of them.
pub(crate) fn users_below(tx: &Transaction<'_>, above: &str) -> Result<Vec<Hold>, StateError> {
    let key = Resource::key_of(above) + "/";
    let page = tx.page(&Range::Beginning(Hold::BY_HELD, &key), None, MOST_SHOWN)?;
    Ok(page.items)
}

/// One of those that hold a resource or a part of it (a network's subnets), if anybody does.
pub(crate) fn user(tx: &Transaction<'_>, held: &str) -> Result<Option<Hold>, StateError> {
    let key = Resource::key_of(held);
    if let Some(found) = tx.find(Hold::BY_HELD, &key)? {
        return Ok(Some(found));
    }
    let parts = format!("{key}/");
    let page = tx.page(&Range::Beginning(Hold::BY_HELD, &parts), None, 1)?;
    Ok(page.items.into_iter().next())
}
