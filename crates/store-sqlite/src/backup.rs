//! Backup while the store is in use, and restore after verifying.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};
use store::{BackupReport, StoreError};

use crate::error::Done;
use crate::open::{DATABASE, SqliteStore, lock, make_private, make_private_file, set_private};
use crate::{health, migrate};

/// Pages copied before others get their turn.
const PAGES_A_STEP: i32 = 512;

impl SqliteStore {
    /// Verifies a backup and puts it into `directory`, which must hold no store.
    ///
    /// # Errors
    /// `CannotOpen` when the file is no backup, or of a newer program, or the directory holds a store already; `Damaged`
    /// when anything in it is not as it was stored. The directory then has no store.
    pub fn restore(file: &Path, directory: &Path) -> Result<BackupReport, StoreError> {
        Ok(restore(file, directory)?)
    }

    /// Verifies a backup without putting it anywhere.
    ///
    /// # Errors
    /// As [`SqliteStore::restore`].
    pub fn verify(file: &Path) -> Result<BackupReport, StoreError> {
        Ok(verify(file)?)
    }
}

fn refused(path: &Path, reason: impl Into<String>) -> StoreError {
    StoreError::CannotOpen { path: path.display().to_string(), reason: reason.into() }
}

/// Copies the database to `file`, in steps, through a connection of its own: one moment in commit order.
pub(crate) fn backup(database: &Path, file: &Path) -> Done<BackupReport> {
    if file.exists() {
        return Err(refused(file, "it exists already and is not overwritten").into());
    }
    let part = beside(file);
    let result = copy(database, &part).and_then(|()| {
        let report = verify(&part)?;
        put(&part, file)?;
        Ok(report)
    });
    if result.is_err() {
        // What was written so far is of no use; that it cannot be removed changes nothing about the error.
        let _ = std::fs::remove_file(&part);
    }
    result
}

/// Gives a finished file its name, durably.
fn put(part: &Path, file: &Path) -> Result<(), StoreError> {
    let named = std::fs::File::open(part)
        .and_then(|part| part.sync_all())
        .and_then(|()| std::fs::rename(part, file))
        .and_then(|()| {
            std::fs::File::open(
                file.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new(".")),
            )?
            .sync_all()
        });
    named.map_err(|error| refused(file, error.to_string()))
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    file.with_file_name(name)
}

fn copy(from: &Path, to: &Path) -> Done<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source =
        Connection::open_with_flags(from, flags).map_err(|error| refused(from, error.to_string()))?;
    source.busy_timeout(Duration::from_secs(5))?;
    // A read transaction holds the moment: without it every commit of the writer would start the copy anew.
    source.execute_batch("BEGIN")?;
    source.query_row("SELECT count(*) FROM migration", [], |_| Ok(()))?;
    make_private_file(to)?;
    let mut target = Connection::open(to).map_err(|error| refused(to, error.to_string()))?;
    {
        let copying = Backup::new(&source, &mut target)?;
        while copying.step(PAGES_A_STEP)? != StepResult::Done {
            std::thread::yield_now();
        }
    }
    target.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))?;
    target.close().map_err(|(_, error)| error)?;
    Ok(())
}

fn verify(file: &Path) -> Done<BackupReport> {
    if !file.is_file() {
        return Err(refused(file, "there is no such file").into());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(file, flags).map_err(|error| refused(file, error.to_string()))?;
    let path = file.display().to_string();
    migrate::verify_current(&connection, &path)?;
    let checks = health::check(&connection, &path, None, true)?;
    let wrong: Vec<String> = checks
        .iter()
        .filter(|check| !check.ok)
        .map(|check| format!("{}: {}", check.name, check.detail))
        .collect();
    if !wrong.is_empty() {
        return Err(StoreError::Damaged(wrong.join("; ")).into());
    }
    let objects = connection.query_row("SELECT count(DISTINCT object) FROM version", [], |row| row.get(0))?;
    let sequence = crate::writer::number(&connection, "last_added")?;
    drop(connection);
    let (bytes, digest) = digest_of(file).map_err(|error| refused(file, error.to_string()))?;
    Ok(BackupReport { bytes, digest, objects, sequence })
}

fn digest_of(file: &Path) -> std::io::Result<(u64, [u8; 32])> {
    let mut hash = Sha256::new();
    let bytes = std::io::copy(&mut std::fs::File::open(file)?, &mut hash)?;
    Ok((bytes, hash.finalize().into()))
}

/// Notes in the copy itself that it was restored: from its first moment on, no act is written into its ledger before the node
/// has seen whether the other members have something to give back.
fn mark(part: &Path) -> Done<()> {
    let connection = Connection::open(part).map_err(|error| refused(part, error.to_string()))?;
    crate::writer::set_number(&connection, "restored", 1)?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(())
}

fn restore(file: &Path, directory: &Path) -> Done<BackupReport> {
    make_private(directory)?;
    let _lock = lock(directory)?;
    let database = directory.join(DATABASE);
    if database.exists() {
        return Err(refused(&database, "there is a store already: restore into an empty directory").into());
    }
    let told = verify(file)?;
    let part = beside(&database);
    let copied = std::fs::copy(file, &part)
        .and_then(|_| set_private(&part))
        .map_err(|error| refused(&part, error.to_string()));
    let result = copied.map_err(Into::into).and_then(|()| {
        let report = verify(&part)?;
        if report != told {
            return Err(StoreError::Damaged("the copy differs from the backup".into()).into());
        }
        mark(&part)?;
        put(&part, &database)?;
        Ok(report)
    });
    if result.is_err() {
        // As in `backup`.
        let _ = std::fs::remove_file(&part);
    }
    result
}
