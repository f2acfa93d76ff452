//! Addresses that are given out: private ones of subnets, public ones, and hardware addresses.

use super::document::{Document, Index, Range};
use super::transaction::{StateError, Transaction};
use serde::{Deserialize, Serialize};

/// An address that somebody has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    /// What it is one of: a subnet's key, [`PUBLIC`] or [`HARDWARE`].
    pub(crate) pool: String,
    pub(crate) number: u32,
    /// The key of the resource that has it.
    pub(crate) owner: String,
}

/// The pool of public IP addresses.
pub(crate) const PUBLIC: &str = "public";

/// The pool of hardware addresses.
pub(crate) const HARDWARE: &str = "hardware";

impl Address {
    pub(crate) const BY_OWNER: Index<Address> = Index::new("owner");
}

impl Document for Address {
    const KIND: &'static str = "address";
    const COLUMNS: &'static [&'static str] = &["owner"];
    fn key(&self) -> String {
        key_of(&self.pool, self.number)
    }
    fn columns(&self) -> Vec<Option<String>> {
        vec![Some(self.owner.clone())]
    }
}

fn key_of(pool: &str, number: u32) -> String {
    format!("{pool}|{number:010}")
}

/// Who has an address.
pub(crate) fn find(
    tx: &Transaction<'_>,
    pool: &str,
    number: u32,
) -> Result<Option<Address>, StateError> {
    tx.get(&key_of(pool, number))
}

/// Takes an address that nobody has; says which. None are left where it says none.
///
/// That is the one after the greatest, so that it costs the same however many are taken; gaps are filled once the end
/// is reached.
pub(crate) fn take(
    tx: &Transaction<'_>,
    pool: &str,
    (first, last): (u32, u32),
    owner: &str,
) -> Result<Option<u32>, StateError> {
    let greatest: Option<Address> = tx.last(&format!("{pool}|"))?;
    let after = greatest.map_or(Some(first), |greatest| greatest.number.checked_add(1));
    let number = match after.filter(|number| (first..=last).contains(number)) {
        Some(number) => Some(number),
        None => first_gap(tx, pool, (first, last))?,
    };
    if let Some(number) = number {
        tx.put(&Address {
            pool: pool.to_owned(),
            number,
            owner: owner.to_owned(),
        })?;
    }
    Ok(number)
}

fn first_gap(
    tx: &Transaction<'_>,
    pool: &str,
    (first, last): (u32, u32),
) -> Result<Option<u32>, StateError> {
    let mut next = Some(first);
    let mut found = None;
    tx.each(&Range::Below(&format!("{pool}|")), |taken: Address| {
        if found.is_none() && next.is_some_and(|next| taken.number > next) {
            found = next;
        }
        if taken.number >= first {
            next = taken.number.checked_add(1);
        }
        Ok::<_, StateError>(())
    })?;
    Ok(found
        .or(next)
        .filter(|number| (first..=last).contains(number)))
}

/// Takes a chosen address. Says whether nobody else had it.
pub(crate) fn take_chosen(
    tx: &Transaction<'_>,
    pool: &str,
    number: u32,
    owner: &str,
) -> Result<bool, StateError> {
    let there = find(tx, pool, number)?;
    if there.is_some_and(|there| there.owner != owner) {
        return Ok(false);
    }
    tx.put(&Address {
        pool: pool.to_owned(),
        number,
        owner: owner.to_owned(),
    })?;
    Ok(true)
}

/// Gives back what an owner has, but for what it keeps.
pub(crate) fn keep_only(
    tx: &Transaction<'_>,
    owner: &str,
    keep: &[(String, u32)],
) -> Result<(), StateError> {
    for address in tx.all(&Range::Equal(Address::BY_OWNER, owner))? {
        let kept = keep
            .iter()
            .any(|(pool, number)| *pool == address.pool && *number == address.number);
        if !kept {
            tx.delete::<Address>(&address.key())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::store::Store;

    #[test]
    fn addresses_are_taken_once_and_gaps_are_filled_at_the_end() {
        let store = Store::open(None).expect("a store");
        let result: Result<(), StateError> = store.write(|tx| {
            for wanted in 4..=9 {
                assert_eq!(take(tx, "p", (4, 9), &format!("o{wanted}"))?, Some(wanted));
            }
            assert_eq!(take(tx, "p", (4, 9), "late")?, None);
            assert_eq!(take(tx, "q", (4, 9), "late")?, Some(4));
            keep_only(tx, "o6", &[])?;
            keep_only(tx, "o8", &[])?;
            assert!(!take_chosen(tx, "p", 5, "late")?);
            assert!(take_chosen(tx, "p", 8, "late")?);
            assert_eq!(take(tx, "p", (4, 9), "late")?, Some(6));
            assert_eq!(take(tx, "p", (4, 9), "late")?, None);
            Ok(())
        });
        result.expect("addresses");
    }
}
