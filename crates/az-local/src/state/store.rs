//! The database: one writer, and readers beside it.

use super::durable;
use super::schema;
use super::transaction::{StateError, Transaction};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use uuid::Uuid;

/// Statements that a connection keeps prepared.
const PREPARED: usize = 128;

/// Readers that are kept open while nobody reads.
const IDLE_READERS: usize = 16;

/// The store. Reads see the state as it was when they began, and go on beside each other and beside the one write.
///
/// Without a file the database is in memory; there, a write waits for the reads before it, and these for a write.
pub(crate) struct Store {
    writer: Mutex<Connection>,
    idle: Mutex<Vec<Connection>>,
    location: Location,
}

enum Location {
    File(PathBuf),
    /// The name that the connections share the memory by, and what keeps reads and writes apart: SQLite does not let
    /// them wait for each other there.
    Memory {
        name: String,
        gate: RwLock<()>,
    },
}

impl Store {
    /// Opens the database file, or one in memory without a path.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, StateError> {
        let location = match path {
            Some(path) => Location::File(path.to_owned()),
            None => Location::Memory {
                name: format!("file:/{}?vfs=memdb", Uuid::new_v4().simple()),
                gate: RwLock::new(()),
            },
        };
        if let Location::File(path) = &location {
            durable::check(path)?;
        }
        let writer = location.connect()?;
        refuse_other_formats(&writer)?;
        // A write-ahead log keeps every committed transaction through `kill -9`; with FULL it is on the disk before a commit
        // comes back, and so through a power failure, too (<https://www.sqlite.org/pragma.html#pragma_synchronous>).
        let (journal, synchronous) = match location {
            Location::File(_) => ("WAL", "FULL"),
            Location::Memory { .. } => ("MEMORY", "OFF"),
        };
        writer.execute_batch(&format!(
            "PRAGMA journal_mode = {journal}; PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -4000;
             PRAGMA journal_size_limit = 67108864; PRAGMA user_version = {};
             BEGIN; {} COMMIT;",
            schema::FORMAT,
            schema::commands(),
        ))?;
        Ok(Store {
            writer: Mutex::new(writer),
            idle: Mutex::new(Vec::new()),
            location,
        })
    }

    /// Brings the log's content into the database, at an end that was asked for: it is whole by itself then.
    pub(crate) fn close(&self) {
        // Where that fails, as with readers that are still there, the log is read at the next start.
        let _ = lock(&self.writer).execute_batch("PRAGMA wal_checkpoint(TRUNCATE);");
    }

    /// Runs `work` as one transaction: kept when it returns `Ok`, undone when `Err`.
    pub(crate) fn write<R, E: From<StateError>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        // A panic while the lock was held has rolled its transaction back: the data is sound.
        let mut writer = lock(&self.writer);
        let _gate = match &self.location {
            Location::Memory { gate, .. } => {
                Some(gate.write().unwrap_or_else(PoisonError::into_inner))
            }
            Location::File(_) => None,
        };
        let inner = writer
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(StateError::from)?;
        let transaction = Transaction { inner };
        let result = work(&transaction)?;
        transaction.inner.commit().map_err(StateError::from)?;
        Ok(result)
    }

    /// Runs `work`, which cannot write, beside others.
    pub(crate) fn read<R, E: From<StateError>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let _gate = match &self.location {
            Location::Memory { gate, .. } => {
                Some(gate.read().unwrap_or_else(PoisonError::into_inner))
            }
            Location::File(_) => None,
        };
        let idle = lock(&self.idle).pop();
        let mut reader = match idle {
            Some(reader) => reader,
            None => self.location.reader()?,
        };
        let result = {
            let inner = reader.transaction().map_err(StateError::from)?;
            work(&Transaction { inner })
        };
        let mut idle = lock(&self.idle);
        if idle.len() < IDLE_READERS {
            idle.push(reader);
        }
        result
    }
}

impl Location {
    fn connect(&self) -> Result<Connection, StateError> {
        let connection = match self {
            Location::File(path) => Connection::open(path)?,
            Location::Memory { name, .. } => Connection::open_with_flags(
                name,
                OpenFlags::SQLITE_OPEN_READ_WRITE
                    | OpenFlags::SQLITE_OPEN_CREATE
                    | OpenFlags::SQLITE_OPEN_URI
                    | OpenFlags::SQLITE_OPEN_NO_MUTEX,
            )?,
        };
        connection.set_prepared_statement_cache_capacity(PREPARED);
        // A statement's plan is that of its text: there are no statistics that a value could better it by, and otherwise
        // SQLite prepares it again with each value that is bound, which is a fifth of what a request costs
        // (SQLITE_DBCONFIG_ENABLE_QPSG in <https://www.sqlite.org/c3ref/c_dbconfig_defensive.html>).
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(connection)
    }

    fn reader(&self) -> Result<Connection, StateError> {
        let connection = self.connect()?;
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -1000;")?;
        Ok(connection)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nothing is written to a database that another version has made.
fn refuse_other_formats(connection: &Connection) -> Result<(), StateError> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    let format: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    // The first format did not say so.
    if tables == 0 || format == schema::FORMAT {
        return Ok(());
    }
    Err(StateError::Format(format.max(1), schema::FORMAT))
}

#[cfg(test)]
impl Store {
    /// For measurements.
    pub(super) fn set_synchronous(&self, mode: &str) {
        let set = lock(&self.writer).execute_batch(&format!("PRAGMA synchronous = {mode};"));
        set.expect("a mode");
    }

    /// All that is kept, for tests that compare: a line for each document.
    pub(crate) fn dump(&self) -> Vec<String> {
        let result: Result<Vec<String>, StateError> = self.read(|tx| {
            let mut tables = tx
                .inner
                .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")?;
            let names: Vec<String> = tables
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let mut lines = Vec::new();
            for name in names {
                let sql = format!("SELECT key, body FROM {name} ORDER BY key");
                let mut rows = tx.inner.prepare(&sql)?;
                let found = rows.query_map([], |row| {
                    Ok(format!(
                        "{name} {} {}",
                        row.get::<_, String>(0)?,
                        row.get::<_, String>(1)?
                    ))
                })?;
                for line in found {
                    lines.push(line?);
                }
            }
            Ok(lines)
        });
        result.expect("a readable state")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::document::Range;
    use crate::state::resources::Resource;
    use serde_json::Map;

    fn group(name: &str) -> Resource {
        Resource {
            id: format!("/subscriptions/s/resourceGroups/{name}"),
            kind: "Microsoft.Resources/resourceGroups".to_owned(),
            body: Map::new(),
            hidden: Map::new(),
            incarnation: String::new(),
        }
    }

    #[test]
    fn a_database_of_another_format_is_refused_untouched() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        let old = "CREATE TABLE documents (kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, \
                   PRIMARY KEY (kind, key)) WITHOUT ROWID;";
        let connection = Connection::open(&path).expect("a database");
        connection.execute_batch(old).expect("a table");
        drop(connection);
        let before = std::fs::read(&path).expect("a file");
        let refused = Store::open(Some(&path));
        assert!(matches!(
            refused,
            Err(StateError::Format(1, schema::FORMAT))
        ));
        assert_eq!(std::fs::read(&path).expect("a file"), before);
    }

    #[test]
    fn pages_follow_each_other_without_a_gap() {
        let store = Store::open(None).expect("a store");
        let result: Result<(), StateError> = store.write(|tx| {
            for at in 0..57 {
                tx.put(&group(&format!("g{at:02}")))?;
            }
            let ranges = [
                Range::Below("/subscriptions/s/"),
                Range::Equal(Resource::BY_TYPE, "microsoft.resources/resourcegroups/s"),
                Range::Beginning(Resource::BY_TYPE, "microsoft.resources/"),
            ];
            for range in &ranges {
                for size in [1, 7, 56, 57, 58] {
                    let mut seen = Vec::new();
                    let mut after: Option<String> = None;
                    loop {
                        let page = tx.page(range, after.as_deref(), size)?;
                        assert!(page.items.len() <= size);
                        seen.extend(page.items.iter().map(|one| one.name().to_owned()));
                        match page.next {
                            Some(next) => after = Some(next),
                            None => break,
                        }
                    }
                    let all: Vec<String> = (0..57).map(|at| format!("g{at:02}")).collect();
                    assert_eq!(seen, all, "pages of {size}");
                }
            }
            Ok(())
        });
        result.expect("pages");
    }

    #[test]
    fn a_read_cannot_write_and_sees_one_state() {
        for path in [None, Some("state.db")] {
            let folder = tempfile::tempdir().expect("a folder");
            let path = path.map(|name| folder.path().join(name));
            let store = Store::open(path.as_deref()).expect("a store");
            let written: Result<(), StateError> = store.write(|tx| tx.put(&group("g")));
            written.expect("a write");
            let refused: Result<(), StateError> = store.read(|tx| tx.put(&group("h")));
            assert!(refused.is_err());
            let found: Result<bool, StateError> = store.read(|tx| {
                tx.any(&Range::<Resource>::Below(
                    "/subscriptions/s/resourcegroups/g",
                ))
            });
            assert!(found.expect("a read"));
        }
    }
}
