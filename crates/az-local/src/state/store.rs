//! The instance's state: typed documents in SQLite, in memory or in a data folder.
//!
//! A document is a value with a kind and a key; keys of resources are their ids in lower case, so a
//! prefix finds what is below a scope. No other module speaks SQL.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Serialize, de::DeserializeOwned};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Something that is kept: [`Document::KIND`] names its collection, [`Document::key`] the one.
pub(crate) trait Document: Serialize + DeserializeOwned {
    const KIND: &'static str;
    fn key(&self) -> String;
}

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("the state's database: {0}")]
    Database(#[from] rusqlite::Error),
    #[error("a stored document is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
}

/// The store. One request at a time has it, which makes each request atomic.
pub(crate) struct Store {
    connection: Mutex<Connection>,
}

impl Store {
    /// Opens the database file, or one in memory without a path.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, StateError> {
        let connection = match path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        // A write-ahead log keeps every committed transaction through `kill -9`.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             CREATE TABLE IF NOT EXISTS documents (
                 kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,
                 PRIMARY KEY (kind, key)) WITHOUT ROWID;",
        )?;
        Ok(Store {
            connection: Mutex::new(connection),
        })
    }

    /// Runs `work` as one transaction: kept when it returns `Ok`, undone when `Err`.
    pub(crate) fn transaction<R, E: From<StateError>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        // A panic while the lock was held has rolled its transaction back: the data is sound.
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let inner = connection.transaction().map_err(StateError::from)?;
        let transaction = Transaction { inner };
        let result = work(&transaction)?;
        transaction.inner.commit().map_err(StateError::from)?;
        Ok(result)
    }
}

/// One request's reads and writes.
pub(crate) struct Transaction<'a> {
    inner: rusqlite::Transaction<'a>,
}

impl Transaction<'_> {
    /// Runs `work`; what it wrote is undone when it returns `Err`, and the transaction goes on either way.
    pub(crate) fn attempt<R, E>(
        &self,
        work: impl FnOnce() -> Result<R, E>,
    ) -> Result<Result<R, E>, StateError> {
        self.within_savepoint(work, Result::is_ok)
    }

    /// Runs `work` and undoes what it wrote.
    pub(crate) fn trial<R>(&self, work: impl FnOnce() -> R) -> Result<R, StateError> {
        self.within_savepoint(work, |_| false)
    }

    fn within_savepoint<R>(
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
        let body: Option<String> = self
            .inner
            .prepare_cached("SELECT body FROM documents WHERE kind = ?1 AND key = ?2")?
            .query_row(params![T::KIND, key], |row| row.get(0))
            .optional()?;
        body.map(|body| serde_json::from_str(&body).map_err(StateError::from))
            .transpose()
    }

    /// Keeps a document, in place of one with the same key.
    pub(crate) fn put<T: Document>(&self, document: &T) -> Result<(), StateError> {
        let body = serde_json::to_string(document)?;
        self.inner
            .prepare_cached(
                "INSERT OR REPLACE INTO documents (kind, key, body) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![T::KIND, document.key(), body])?;
        Ok(())
    }

    /// Forgets the document with this key. Says whether there was one.
    pub(crate) fn delete<T: Document>(&self, key: &str) -> Result<bool, StateError> {
        let count = self
            .inner
            .prepare_cached("DELETE FROM documents WHERE kind = ?1 AND key = ?2")?
            .execute(params![T::KIND, key])?;
        Ok(count > 0)
    }

    /// All documents of a kind whose keys begin with `prefix`, ordered by key.
    pub(crate) fn list<T: Document>(&self, prefix: &str) -> Result<Vec<T>, StateError> {
        let mut statement = self.inner.prepare_cached(
            "SELECT body FROM documents WHERE kind = ?1 AND key >= ?2 AND key < ?2 || char(1114111) ORDER BY key",
        )?;
        let rows = statement.query_map(params![T::KIND, prefix], |row| row.get::<_, String>(0))?;
        rows.map(|body| Ok(serde_json::from_str(&body?)?)).collect()
    }
}
