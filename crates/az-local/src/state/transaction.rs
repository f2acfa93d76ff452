//! One request's reads and writes.

use super::document::{Document, Index, Page, Range};
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use rusqlite::{ErrorCode, OptionalExtension, Row, ToSql, params};
use std::path::PathBuf;

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("the state's database: {0}")]
    Database(rusqlite::Error),
    #[error(
        "the disk that the state is on is full: nothing of this was kept. Make room, and try again"
    )]
    Full,
    #[error(
        "the state in {} is damaged ({reason}). Nothing was changed: put a copy of it back, or begin anew with another \
         --data-dir or without its files state.db*",
        path.display()
    )]
    DamagedDatabase { path: PathBuf, reason: String },
    #[error("a stored document is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    #[error("the state is damaged: '{id}' has no '{member}'")]
    Lacks { id: String, member: &'static str },
    #[error(
        "the state in this folder was written by an az-local of another version (format {0}; this one has format {1}). \
         Nothing was changed: start with another --data-dir, or with that version"
    )]
    Format(i64, i64),
}

impl From<rusqlite::Error> for StateError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error() {
            // The second is what SQLite says where there is no room for what its connections share.
            Some(failure)
                if failure.code == ErrorCode::DiskFull
                    || failure.extended_code == SQLITE_IOERR_SHMSIZE =>
            {
                StateError::Full
            }
            _ => StateError::Database(error),
        }
    }
}

/// What is above every text that begins with a prefix.
const ABOVE: char = char::MAX;

/// Separates a column's value from the key in a cursor.
const SEPARATOR: char = '\u{1}';

/// How many documents a filter looks at for one page, at most.
pub(crate) const MOST_LOOKED_AT: usize = 10_000;

/// How many documents are read at once where all are wanted.
const CHUNK: usize = 500;

/// One request's reads and writes; they see one state, and are kept together.
pub(crate) struct Transaction<'a> {
    pub(super) inner: rusqlite::Transaction<'a>,
}

impl Transaction<'_> {
    /// Runs `work`; what it wrote is undone unless `keep` says so. The transaction goes on either way.
    pub(crate) fn within_savepoint<R>(
        &self,
        work: impl FnOnce() -> R,
        keep: impl FnOnce(&R) -> bool,
    ) -> Result<R, StateError> {
        self.inner.execute_batch("SAVEPOINT attempt")?;
        let result = work();
        if !keep(&result) {
            self.inner.execute_batch("ROLLBACK TO attempt")?;
        }
        self.inner.execute_batch("RELEASE attempt")?;
        Ok(result)
    }

    /// The document with this key, if there is one.
    pub(crate) fn get<T: Document>(&self, key: &str) -> Result<Option<T>, StateError> {
        let sql = format!("SELECT body FROM {} WHERE key = ?1", T::KIND);
        self.one(&sql, params![key])
    }

    /// The first document with this in a column, if there is one.
    pub(crate) fn find<T: Document>(
        &self,
        index: Index<T>,
        value: &str,
    ) -> Result<Option<T>, StateError> {
        let sql = format!(
            "SELECT body FROM {} WHERE {} = ?1 ORDER BY key LIMIT 1",
            T::KIND,
            index.column
        );
        self.one(&sql, params![value])
    }

    /// The document with the smallest value in a column, if that is not above `most`.
    pub(crate) fn first<T: Document>(
        &self,
        index: Index<T>,
        most: &str,
    ) -> Result<Option<T>, StateError> {
        let column = index.column;
        let sql = format!(
            "SELECT body FROM {} WHERE {column} <= ?1 ORDER BY {column}, key LIMIT 1",
            T::KIND
        );
        self.one(&sql, params![most])
    }

    /// The document with the greatest key that begins so.
    pub(crate) fn last<T: Document>(&self, prefix: &str) -> Result<Option<T>, StateError> {
        let sql = format!(
            "SELECT body FROM {} WHERE key >= ?1 AND key < ?2 ORDER BY key DESC LIMIT 1",
            T::KIND
        );
        self.one(&sql, params![prefix, above(prefix)])
    }

    /// Keeps a document, in place of one with the same key.
    pub(crate) fn put<T: Document>(&self, document: &T) -> Result<(), StateError> {
        let body = serde_json::to_string(document)?;
        let key = document.key();
        let columns = document.columns();
        let marks: String = (0..T::COLUMNS.len())
            .map(|at| format!(", ?{}", at + 3))
            .collect();
        let names: String = T::COLUMNS.iter().map(|name| format!(", {name}")).collect();
        let sets: String = T::COLUMNS
            .iter()
            .map(|name| format!(", {name} = excluded.{name}"))
            .collect();
        let sql = format!(
            "INSERT INTO {} (key, body{names}) VALUES (?1, ?2{marks}) \
             ON CONFLICT (key) DO UPDATE SET body = excluded.body{sets}",
            T::KIND
        );
        let mut values: Vec<&dyn ToSql> = vec![&key, &body];
        values.extend(columns.iter().map(|value| value as &dyn ToSql));
        self.inner
            .prepare_cached(&sql)?
            .execute(values.as_slice())?;
        Ok(())
    }

    /// Forgets the document with this key. Says whether there was one.
    pub(crate) fn delete<T: Document>(&self, key: &str) -> Result<bool, StateError> {
        let sql = format!("DELETE FROM {} WHERE key = ?1", T::KIND);
        let count = self.inner.prepare_cached(&sql)?.execute(params![key])?;
        Ok(count > 0)
    }

    /// Forgets at most `most` documents whose keys begin so. Says how many.
    pub(crate) fn delete_below<T: Document>(
        &self,
        prefix: &str,
        most: usize,
    ) -> Result<usize, StateError> {
        let sql = format!(
            "DELETE FROM {0} WHERE rowid IN (SELECT rowid FROM {0} WHERE key >= ?1 AND key < ?2 LIMIT ?3)",
            T::KIND
        );
        let mut statement = self.inner.prepare_cached(&sql)?;
        Ok(statement.execute(params![prefix, above(prefix), most as i64])?)
    }

    /// Forgets at most `most` documents that have less than `least` in a column.
    pub(crate) fn delete_less<T: Document>(
        &self,
        index: Index<T>,
        least: &str,
        most: usize,
    ) -> Result<usize, StateError> {
        let sql = format!(
            "DELETE FROM {0} WHERE rowid IN (SELECT rowid FROM {0} WHERE {1} < ?1 LIMIT ?2)",
            T::KIND,
            index.column
        );
        let mut statement = self.inner.prepare_cached(&sql)?;
        Ok(statement.execute(params![least, most as i64])?)
    }

    /// A part of a list, of at most `limit` documents, from where the one before ended.
    pub(crate) fn page<T: Document>(
        &self,
        range: &Range<'_, T>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<T>, StateError> {
        let mut rows = self.rows(range, after, limit.saturating_add(1))?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().map(|row| row.cursor.clone()).filter(|_| more);
        let items = rows
            .into_iter()
            .map(|row| Ok(serde_json::from_str(&row.body)?))
            .collect::<Result<_, StateError>>()?;
        Ok(Page { items, next })
    }

    /// The same, of those documents that `keep` keeps. A page may hold less than `limit` though more follow: no more
    /// than [`MOST_LOOKED_AT`] documents are looked at for one.
    pub(crate) fn filtered_page<T: Document, E: From<StateError>>(
        &self,
        range: &Range<'_, T>,
        after: Option<&str>,
        limit: usize,
        mut keep: impl FnMut(&T) -> Result<bool, E>,
    ) -> Result<Page<T>, E> {
        let mut items = Vec::new();
        let mut after = after.map(str::to_owned);
        let mut looked_at = 0;
        while looked_at < MOST_LOOKED_AT {
            let rows = self.rows(range, after.as_deref(), CHUNK.min(limit.saturating_add(1)))?;
            if rows.is_empty() {
                return Ok(Page { items, next: None });
            }
            looked_at += rows.len();
            for row in rows {
                let item: T = serde_json::from_str(&row.body).map_err(StateError::from)?;
                if keep(&item)? {
                    if items.len() == limit {
                        return Ok(Page { items, next: after });
                    }
                    items.push(item);
                }
                after = Some(row.cursor);
            }
        }
        Ok(Page { items, next: after })
    }

    /// Every document of a range, a few at a time.
    pub(crate) fn each<T: Document, E: From<StateError>>(
        &self,
        range: &Range<'_, T>,
        mut work: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut after: Option<String> = None;
        loop {
            let page = self.page(range, after.as_deref(), CHUNK)?;
            for item in page.items {
                work(item)?;
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Every document of a range, where they are known to be few.
    pub(crate) fn all<T: Document>(&self, range: &Range<'_, T>) -> Result<Vec<T>, StateError> {
        let mut all = Vec::new();
        self.each(range, |item| {
            all.push(item);
            Ok::<_, StateError>(())
        })?;
        Ok(all)
    }

    /// Whether the range holds any document.
    pub(crate) fn any<T: Document>(&self, range: &Range<'_, T>) -> Result<bool, StateError> {
        Ok(!self.rows(range, None, 1)?.is_empty())
    }

    fn one<T: Document>(&self, sql: &str, values: &[&dyn ToSql]) -> Result<Option<T>, StateError> {
        let body: Option<String> = self
            .inner
            .prepare_cached(sql)?
            .query_row(values, |row| row.get(0))
            .optional()?;
        body.map(|body| serde_json::from_str(&body).map_err(StateError::from))
            .transpose()
    }

    fn rows<T: Document>(
        &self,
        range: &Range<'_, T>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredRow>, StateError> {
        let kind = T::KIND;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let plain = |row: &Row<'_>| {
            Ok(StoredRow {
                body: row.get(0)?,
                cursor: row.get(1)?,
            })
        };
        let after = after.unwrap_or_default();
        match range {
            Range::Below(prefix) => {
                // One lower bound: of two, SQLite looks up the first and walks to the second. A cursor from elsewhere
                // leads to the beginning, never out of the range.
                let (from, than) = lower_bound(after, prefix);
                let sql = format!(
                    "SELECT body, key FROM {kind} WHERE key {than} ?1 AND key < ?2 ORDER BY key LIMIT ?3"
                );
                let mut statement = self.inner.prepare_cached(&sql)?;
                let rows = statement.query_map(params![from, above(prefix), limit], plain)?;
                Ok(rows.collect::<Result<_, _>>()?)
            }
            Range::Equal(index, value) => {
                let column = index.column;
                let sql = format!(
                    "SELECT body, key FROM {kind} WHERE {column} = ?1 AND key > ?2 ORDER BY key LIMIT ?3"
                );
                let mut statement = self.inner.prepare_cached(&sql)?;
                let rows = statement.query_map(params![value, after, limit], plain)?;
                Ok(rows.collect::<Result<_, _>>()?)
            }
            Range::Beginning(index, prefix) => {
                let column = index.column;
                // One lower bound here, too: an empty key is before every key of a value.
                let cursor = after.split_once(SEPARATOR);
                let (value, key) = cursor
                    .filter(|(value, _)| *value >= *prefix)
                    .unwrap_or((prefix, ""));
                let sql = format!(
                    "SELECT body, {column} || ?4 || key FROM {kind} WHERE ({column}, key) > (?1, ?2) \
                     AND {column} < ?3 ORDER BY {column}, key LIMIT ?5"
                );
                let separator = SEPARATOR.to_string();
                let mut statement = self.inner.prepare_cached(&sql)?;
                let rows = statement
                    .query_map(params![value, key, above(prefix), separator, limit], plain)?;
                Ok(rows.collect::<Result<_, _>>()?)
            }
        }
    }
}

/// Where a range goes on, and how that is compared.
fn lower_bound<'a>(after: &'a str, prefix: &'a str) -> (&'a str, &'static str) {
    if after > prefix {
        (after, ">")
    } else {
        (prefix, ">=")
    }
}

struct StoredRow {
    body: String,
    cursor: String,
}

fn above(prefix: &str) -> String {
    let mut above = String::with_capacity(prefix.len() + 4);
    above.push_str(prefix);
    above.push(ABOVE);
    above
}
