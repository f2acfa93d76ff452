//! What is to be done when its time has come.

use super::document::{Document, Index};
use super::transaction::{StateError, Transaction};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// What is to be done. A deletion is that of the one which it was asked for: one that came later under the same name
/// has another incarnation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Effect {
    /// A group goes, with all that is in it.
    DeleteGroup { id: String, incarnation: String },
    /// A resource goes.
    DeleteResource { id: String, incarnation: String },
    /// A deleted vault goes for good.
    PurgeVault { name: String },
    /// A deleted secret goes for good.
    PurgeSecret { vault: String, name: String },
    /// A deleted secret comes back.
    RecoverSecret { vault: String, name: String },
}

impl Effect {
    /// There is one of each at a time.
    fn key(&self) -> String {
        match self {
            Effect::DeleteGroup { id, incarnation }
            | Effect::DeleteResource { id, incarnation } => {
                format!("delete|{}|{incarnation}", id.to_ascii_lowercase())
            }
            Effect::PurgeVault { name } => format!("vault|{}", name.to_ascii_lowercase()),
            Effect::PurgeSecret { vault, name } | Effect::RecoverSecret { vault, name } => {
                format!("secret|{vault}|{name}").to_ascii_lowercase()
            }
        }
    }
}

/// An effect and its time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Due {
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) at: OffsetDateTime,
    pub(crate) effect: Effect,
}

impl Due {
    const BY_TIME: Index<Due> = Index::new("at");
}

impl Document for Due {
    const KIND: &'static str = "due";
    const COLUMNS: &'static [&'static str] = &["at"];
    fn key(&self) -> String {
        self.effect.key()
    }
    fn columns(&self) -> Vec<Option<String>> {
        vec![Some(stamp(self.at))]
    }
}

/// A time as text that orders as times do (milliseconds since 1970).
pub(crate) fn stamp(time: OffsetDateTime) -> String {
    format!("{:016}", time.unix_timestamp_nanos() / 1_000_000)
}

/// Notes that something is to be done, in place of an earlier note of the same.
pub(crate) fn note(
    tx: &Transaction<'_>,
    at: OffsetDateTime,
    effect: Effect,
) -> Result<(), StateError> {
    tx.put(&Due { at, effect })
}

/// What is due first, if anything is.
pub(crate) fn next(tx: &Transaction<'_>, now: OffsetDateTime) -> Result<Option<Due>, StateError> {
    tx.first(Due::BY_TIME, &stamp(now))
}

/// Forgets a note: it is done, or must not be done any more.
pub(crate) fn forget(tx: &Transaction<'_>, effect: &Effect) -> Result<(), StateError> {
    tx.delete::<Due>(&effect.key())?;
    Ok(())
}
