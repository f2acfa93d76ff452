//! Template deployments.

use super::document::Document;
use super::due::stamp;
use super::transaction::{StateError, Transaction};
use rusqlite::params;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

/// A deployment that was accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    /// Where the deployment itself is kept, for one at a subscription.
    pub(crate) location: Option<String>,
    pub(crate) tags: Option<Value>,
    /// What a GET answers once it has ended.
    pub(crate) properties: Map<String, Value>,
    pub(crate) template: Value,
    pub(crate) operation: String,
    /// What was done for each resource.
    pub(crate) steps: Vec<Value>,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) began: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) ends: OffsetDateTime,
    pub(crate) error: Option<Value>,
}

impl Document for Deployment {
    const KIND: &'static str = "deployment";
    const COLUMNS: &'static [&'static str] = &["history", "place"];
    fn key(&self) -> String {
        self.id.to_ascii_lowercase()
    }
    /// The scope with the time that the deployment ends, and with the location that it is kept in.
    fn columns(&self) -> Vec<Option<String>> {
        let key = self.key();
        let scope = key
            .rsplit_once("/providers/")
            .map_or("", |(scope, _)| scope);
        let location = self.location.as_ref();
        vec![
            Some(format!("{scope}{SEPARATOR}{}", stamp(self.ends))),
            location.map(|location| format!("{scope}{SEPARATOR}{location}")),
        ]
    }
}

/// Separates a scope from what stands with it in a column; no scope has it.
const SEPARATOR: char = '\u{1}';

/// What is above [`SEPARATOR`], and so above all that begins with a scope and it.
const BEHIND: char = '\u{2}';

/// How many deployments a scope has.
pub(crate) fn count(tx: &Transaction<'_>, scope: &str) -> Result<usize, StateError> {
    let scope = scope.to_ascii_lowercase();
    let sql = "SELECT COUNT(*) FROM deployment WHERE history > ?1 AND history < ?2";
    let bounds = params![format!("{scope}{SEPARATOR}"), format!("{scope}{BEHIND}")];
    let count: i64 = tx
        .inner
        .prepare_cached(sql)?
        .query_row(bounds, |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// The locations that a scope's deployments are kept in.
pub(crate) fn locations(tx: &Transaction<'_>, scope: &str) -> Result<Vec<String>, StateError> {
    let scope = scope.to_ascii_lowercase();
    let sql =
        "SELECT DISTINCT place FROM deployment WHERE place > ?1 AND place < ?2 ORDER BY place";
    let bounds = params![format!("{scope}{SEPARATOR}"), format!("{scope}{BEHIND}")];
    let mut statement = tx.inner.prepare_cached(sql)?;
    let places = statement.query_map(bounds, |row| row.get::<_, String>(0))?;
    let location = |place: String| match place.split_once(SEPARATOR) {
        Some((_, location)) => location.to_owned(),
        None => place,
    };
    Ok(places
        .map(|place| place.map(location))
        .collect::<Result<_, _>>()?)
}

/// Forgets at most `most` of a scope's deployments that have ended by `now`, those first that ended first. Says how
/// many.
pub(crate) fn forget_oldest(
    tx: &Transaction<'_>,
    scope: &str,
    now: OffsetDateTime,
    most: usize,
) -> Result<usize, StateError> {
    let scope = scope.to_ascii_lowercase();
    let sql = "DELETE FROM deployment WHERE rowid IN (SELECT rowid FROM deployment \
               WHERE history > ?1 AND history <= ?2 ORDER BY history, key LIMIT ?3)";
    let from = format!("{scope}{SEPARATOR}");
    let to = format!("{scope}{SEPARATOR}{}", stamp(now));
    let mut statement = tx.inner.prepare_cached(sql)?;
    Ok(statement.execute(params![from, to, most as i64])?)
}

/// Forgets at most `most` deployments at a scope that goes. Says how many.
pub(crate) fn forget(tx: &Transaction<'_>, scope: &str, most: usize) -> Result<usize, StateError> {
    let prefix = format!("{}/providers/", scope.to_ascii_lowercase());
    tx.delete_below::<Deployment>(&prefix, most)
}
