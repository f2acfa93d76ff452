//! The state on a disk: what a database file and its log must be like before anything is written to them.

use super::transaction::StateError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Largest database that is looked through whole at a start (bytes): that takes some tens of milliseconds.
const LOOKED_THROUGH: u64 = 32 * 1024 * 1024;

/// How a write-ahead log begins (<https://www.sqlite.org/fileformat2.html#the_write_ahead_log>): its header's length, and
/// the number that says how its checksums are made.
const HEADER: usize = 32;
const MAGIC: u32 = 0x377f_0682;

/// Refuses a database that is damaged. Nothing is written, neither to it nor to its log.
pub(super) fn check(path: &Path) -> Result<(), StateError> {
    let damaged = |reason: String| StateError::DamagedDatabase {
        path: path.to_owned(),
        reason,
    };
    // SQLite takes a log whose header is no good for none, and what was in it for never written.
    let log = log_of(path);
    match begins_well(&log) {
        Ok(true) => {}
        Ok(false) => return Err(damaged(format!("{} is not its log", log.display()))),
        Err(error) => return Err(damaged(format!("{}: {error}", log.display()))),
    }
    let length = std::fs::metadata(path).map_or(0, |there| there.len());
    if length == 0 {
        return Ok(());
    }
    let look = || -> rusqlite::Result<Vec<String>> {
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        // Else the last connection writes the log's content into the database when it goes.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        if length > LOOKED_THROUGH {
            connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
            return Ok(Vec::new());
        }
        let mut found = connection.prepare("PRAGMA quick_check(1)")?;
        let found = found.query_map([], |row| row.get(0))?;
        found.collect()
    };
    let found = look().map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged(error.to_string()),
        _ => error.into(),
    })?;
    match found.into_iter().find(|line| line != "ok") {
        Some(fault) => Err(damaged(fault)),
        None => Ok(()),
    }
}

/// The write-ahead log beside a database.
fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Whether a log is empty, or begins as one. One that is shorter than its header was never used.
fn begins_well(log: &Path) -> io::Result<bool> {
    let mut header = Vec::new();
    match File::open(log) {
        Ok(file) => file.take(HEADER as u64).read_to_end(&mut header)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    if header.len() < HEADER || header.iter().all(|byte| *byte == 0) {
        return Ok(true);
    }
    let number = |at: usize, big: bool| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&header[at..at + 4]);
        if big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    };
    let magic = number(0, true);
    if magic & !1 != MAGIC {
        return Ok(false);
    }
    // The checksum's own numbers are in the order that the magic one says; it is kept as all others are.
    let (mut first, mut second) = (0_u32, 0_u32);
    for at in (0..24).step_by(8) {
        first = first
            .wrapping_add(number(at, magic & 1 == 1))
            .wrapping_add(second);
        second = second
            .wrapping_add(number(at + 4, magic & 1 == 1))
            .wrapping_add(first);
    }
    Ok((first, second) == (number(24, true), number(28, true)))
}

#[cfg(test)]
mod tests {
    use crate::state::{Resource, StateError, Store};
    use serde_json::{Map, json};
    use std::fs;
    use std::path::Path;
    use std::time::Instant;

    fn group(name: &str) -> Resource {
        let body = json!({"tags": {"filler": "x".repeat(2000)}});
        Resource {
            id: format!("/subscriptions/s/resourceGroups/{name}"),
            kind: "Microsoft.Resources/resourceGroups".to_owned(),
            body: body.as_object().expect("an object").clone(),
            hidden: Map::new(),
            incarnation: String::new(),
        }
    }

    fn write(store: &Store, from: usize, to: usize) {
        for at in from..to {
            let written: Result<(), StateError> =
                store.write(|tx| tx.put(&group(&format!("g{at:04}"))));
            written.expect("a write");
        }
    }

    /// Names and contents.
    type Files = Vec<(String, Vec<u8>)>;

    /// All files of a folder but SQLite's shared memory, which holds nothing of its own.
    fn files(folder: &Path) -> Files {
        let entries = fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry"));
        let mut all: Files = entries
            .map(|entry| {
                let name = entry.file_name().into_string().expect("UTF-8");
                (name, fs::read(entry.path()).expect("a file"))
            })
            .filter(|(name, _)| !name.ends_with("-shm"))
            .collect();
        all.sort();
        all
    }

    /// What a process left behind that ended, or was killed.
    fn left(closed: bool) -> Files {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(Some(&folder.path().join("state.db"))).expect("a store");
        write(&store, 0, 200);
        if closed {
            store.close();
        }
        files(folder.path())
    }

    /// Opens what was left behind, after `damage` was done to it.
    fn after(there: &Files, damage: impl Fn(&Path)) -> Option<String> {
        let left = tempfile::tempdir().expect("a folder");
        for (name, content) in there {
            fs::write(left.path().join(name), content).expect("a file");
        }
        let path = left.path().join("state.db");
        damage(&path);
        let before = files(left.path());
        let opened = Store::open(Some(&path));
        match opened {
            Ok(_) => None,
            Err(error) => {
                assert_eq!(files(left.path()), before, "{error}");
                Some(error.to_string())
            }
        }
    }

    #[test]
    fn a_database_that_is_damaged_is_refused_and_left_as_it_is() {
        type Damage<'a> = &'a dyn Fn(&Path);
        let (closed, killed) = (left(true), left(false));
        assert_eq!(after(&closed, |_| {}), None);
        assert_eq!(after(&killed, |_| {}), None);
        let overwrite = |path: &Path, at: usize, length: usize| {
            let mut content = fs::read(path).expect("a file");
            for byte in content.iter_mut().skip(at).take(length) {
                *byte = byte.wrapping_mul(7).wrapping_add(13);
            }
            fs::write(path, content).expect("a file");
        };
        let damages: [(&str, &Files, Damage<'_>); 6] = [
            ("no database", &closed, &|path| {
                fs::write(path, "not a database at all, but text").expect("a file")
            }),
            ("its header", &closed, &|path| overwrite(path, 0, 100)),
            ("a page in the middle", &closed, &|path| {
                overwrite(path, 4096 * 20, 4096)
            }),
            ("half of it", &closed, &|path| {
                let content = fs::read(path).expect("a file");
                fs::write(path, &content[..content.len() / 2]).expect("a file");
            }),
            ("its log's header", &killed, &|path| {
                overwrite(&super::log_of(path), 0, 32)
            }),
            ("one bit of its log's header", &killed, &|path| {
                overwrite(&super::log_of(path), 17, 1)
            }),
        ];
        for (what, there, damage) in damages {
            let said = after(there, damage).unwrap_or_else(|| panic!("{what}: opened"));
            assert!(
                said.contains("damaged") && said.contains("Nothing was changed"),
                "{what}: {said}"
            );
        }
    }

    #[test]
    fn what_was_closed_is_whole_without_its_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.db");
        let store = Store::open(Some(&path)).expect("a store");
        write(&store, 0, 50);
        let before = store.dump();
        store.close();
        let alone = folder.path().join("alone.db");
        fs::copy(&path, &alone).expect("a copy");
        assert_eq!(Store::open(Some(&alone)).expect("a store").dump(), before);
    }

    /// `cargo test --release -p az-local --lib a_commit_costs -- --ignored --nocapture`
    #[test]
    #[ignore = "measures"]
    fn what_a_commit_costs() {
        for mode in ["NORMAL", "FULL"] {
            let folder = tempfile::tempdir().expect("a folder");
            let store = Store::open(Some(&folder.path().join("state.db"))).expect("a store");
            store.set_synchronous(mode);
            write(&store, 0, 200);
            let before = Instant::now();
            write(&store, 200, 2200);
            let each = before.elapsed() / 2000;
            println!(
                "synchronous = {mode}: {each:?} a commit, {:.0} commits a second",
                1.0 / each.as_secs_f64()
            );
        }
    }
}
