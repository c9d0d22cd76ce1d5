//! Backup while the store is in use, and restore after verifying.
//!
//! A backup is a copy in which what tells the content of objects is sealed ([`seal`]), and a key file that goes beside it
//! ([`key_file`]). A restore takes both ([`unseal`]); of copies that were made before they were sealed it takes the one file.

mod key_file;
mod naming;
mod seal;
mod unseal;

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use base::{Micros, Rng};
use ledger::vault::ObjectKey;
use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};
use store::{Absent, BackupReport, BackupTo, KeySink, Restored, StoreError};

use self::unseal::Missing;
use crate::error::{Done, damaged};
use crate::open::{DATABASE, LOCK, SqliteStore, held_key, lock, make_private, set_private, set_readable};
use crate::plans::Plans;
use crate::writer::alone;
use crate::{health, keys, migrate};

/// What a restore is made of.
pub struct RestoreFrom<'a> {
    /// The store's backup, decrypted.
    pub file: &'a Path,
    /// Its key file or a later one, decrypted. A backup that was made before there were key files has none.
    pub keys: Option<&'a mut dyn Read>,
    /// What to do about what the key file should open and does not.
    pub absent: Absent,
    /// Where keys come from for versions that have none yet.
    pub rng: &'a dyn Rng,
}

impl SqliteStore {
    /// Verifies a backup and puts it into `directory`, which must hold no store. What has no key any more comes back erased.
    ///
    /// # Errors
    /// `CannotOpen` when the file is no backup, or of a newer program, or the directory holds a store already, or the key file
    /// is missing, another node's, or older than the backup and lacks something; `Damaged` when anything is not as it was
    /// stored. The directory then has no store.
    pub fn restore(from: RestoreFrom<'_>, directory: &Path) -> Result<Restored, StoreError> {
        Ok(restore(from, directory)?)
    }
}

/// The file in the directory that says when the last backup was made, in microseconds since 1970.
const NOTED: &str = "cresset.backup";

fn refused(path: &Path, reason: impl Into<String>) -> StoreError {
    StoreError::CannotOpen { path: path.display().to_string(), reason: reason.into() }
}

/// Copies the database to a file, sealed, through a connection of its own: one moment in commit order.
pub(crate) fn backup(database: &Path, to: BackupTo) -> Done<BackupReport> {
    let BackupTo { file, mut keys, rng, at } = to;
    if file.exists() {
        return Err(refused(&file, "it exists already and is not overwritten").into());
    }
    let part = beside(&file);
    let result = seal::copy(database, &part, &mut *keys, (&*rng, at.0)).and_then(|()| {
        let report = report(&part)?;
        put(&part, &file)?;
        Ok(report)
    });
    if result.is_err() {
        // What was written so far is of no use; that it cannot be removed changes nothing about the error.
        let _ = std::fs::remove_file(&part);
    }
    result
}

/// Writes the keys alone, to be kept instead of those of every earlier backup.
pub(crate) fn backup_keys(database: &Path, mut keys: KeySink, at: i64) -> Done<()> {
    seal::keys_of(database, &mut *keys, at)
}

/// Notes when a backup was made, for all to read who may enter the directory: who makes backups need not be who serves.
pub(crate) fn note(directory: &Path, at: Micros) -> Result<(), StoreError> {
    let file = directory.join(NOTED);
    let part = beside(&file);
    let written = std::fs::write(&part, format!("{}\n", at.0)).and_then(|()| set_readable(&part));
    written.map_err(|error| refused(&part, error.to_string()))?;
    put(&part, &file)
}

/// When the last backup was made. What is not as [`note`] writes it says nothing.
pub(crate) fn last(directory: &Path) -> Result<Option<Micros>, StoreError> {
    let file = directory.join(NOTED);
    match std::fs::read_to_string(&file) {
        Ok(text) => Ok(text.trim().parse().ok().map(Micros)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused(&file, error.to_string())),
    }
}

/// Gives a finished file its name, durably. Where the name may not outlive a power cut it is taken away again: what failed is not there.
fn put(part: &Path, file: &Path) -> Result<(), StoreError> {
    let directory = file.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let named =
        std::fs::File::open(part).and_then(|part| part.sync_all()).and_then(|()| std::fs::rename(part, file));
    let kept = named.and_then(|()| {
        std::fs::File::open(directory).and_then(|directory| directory.sync_all()).inspect_err(|_| {
            let _ = std::fs::remove_file(file);
        })
    });
    kept.map_err(|error| refused(file, error.to_string()))
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    file.with_file_name(name)
}

fn open_to_read(file: &Path) -> Done<Connection> {
    if !file.is_file() {
        return Err(refused(file, "there is no such file").into());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(file, flags).map_err(|error| refused(file, error.to_string()))?)
}

/// What a copy holds, once everything that can be checked without a key is in order.
fn report(file: &Path) -> Done<BackupReport> {
    let connection = open_to_read(file)?;
    let path = file.display().to_string();
    migrate::verify(&connection, &path)?;
    all_right(health::check_copy(&connection)?)?;
    let objects = connection.query_row("SELECT count(DISTINCT object) FROM version", [], |row| row.get(0))?;
    let sequence = crate::writer::number(&connection, "last_added")?;
    drop(connection);
    let (bytes, digest) = digest_of(file).map_err(|error| refused(file, error.to_string()))?;
    Ok(BackupReport { bytes, digest, objects, sequence })
}

fn all_right(checks: Vec<store::Check>) -> Result<(), StoreError> {
    let wrong: Vec<String> = checks
        .iter()
        .filter(|check| !check.ok)
        .map(|check| format!("{}: {}", check.name, check.detail))
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(StoreError::Damaged(wrong.join("; "))) }
}

fn digest_of(file: &Path) -> std::io::Result<(u64, [u8; 32])> {
    let mut hash = Sha256::new();
    let bytes = std::io::copy(&mut std::fs::File::open(file)?, &mut hash)?;
    Ok((bytes, hash.finalize().into()))
}

fn restore(from: RestoreFrom<'_>, directory: &Path) -> Done<Restored> {
    make_private(directory)?;
    let _lock = lock(directory)?;
    let restored = restore_locked(from, directory);
    if restored.is_err() && !directory.join(DATABASE).exists() {
        // So that it can be tried again in the same place; who waits for the lock waits for nothing.
        let _ = std::fs::remove_file(directory.join(LOCK));
    }
    restored
}

fn restore_locked(from: RestoreFrom<'_>, directory: &Path) -> Done<Restored> {
    let database = directory.join(DATABASE);
    if database.exists() {
        return Err(refused(&database, "there is a store already: restore into an empty directory").into());
    }
    let copy = report(from.file)?;
    let part = beside(&database);
    let copied = std::fs::copy(from.file, &part)
        .and_then(|_| set_private(&part))
        .map_err(|error| refused(&part, error.to_string()));
    let result = copied.map_err(Into::into).and_then(|()| {
        if digest_of(&part).map_err(|error| refused(&part, error.to_string()))? != (copy.bytes, copy.digest) {
            return Err(StoreError::Damaged("the copy differs from the backup".into()).into());
        }
        let Missing { erased, unopened } = revive(&part, from)?;
        put(&part, &database)?;
        Ok(Restored { copy, erased, unopened })
    });
    if result.is_err() {
        // As in `backup`.
        let _ = std::fs::remove_file(&part);
    }
    result
}

/// Makes a store of a copy: of this program's schema, opened, whole, and marked as restored.
fn revive(part: &Path, from: RestoreFrom<'_>) -> Done<Missing> {
    let path = part.display().to_string();
    let connection = Connection::open(part).map_err(|error| refused(part, error.to_string()))?;
    seal::scratch(&connection)?;
    let names = naming::names(migrate::verify(&connection, &path)?);
    migrate::migrate(&connection, &path)?;
    let key = held_key(&connection, "main")?.ok_or_else(|| damaged("the key of fingerprints is missing"))?;
    connection.execute_batch("BEGIN")?;
    let seed = ObjectKey::generate(from.rng);
    let missing = match (seal::sealed_at(&connection)?, from.keys) {
        (None, _) => Missing::default(),
        (Some(_), None) => {
            let reason = "it is sealed, and no key file was given".to_owned();
            return Err(StoreError::KeysMissing { reason }.into());
        }
        (Some(at), Some(keys)) => {
            let missing =
                alone(&connection, (key, seed.clone()), |desk| unseal::unseal(desk, at, keys, from.absent))?;
            if !names {
                naming::name(&connection)?;
            }
            missing
        }
    };
    keys::fill(&Plans::new(&connection), &seed)?;
    // From its first moment on, no act is written into its ledger before the node has seen whether the other members have
    // something to give back.
    crate::writer::set_number(&connection, "restored", 1)?;
    connection.execute_batch("COMMIT")?;
    // How much room is left beside it is for `doctor` to say, and no reason to throw a whole store away.
    let checks = health::check(&connection, &path, None, true)?;
    all_right(checks.into_iter().filter(|check| check.name != health::SPACE).collect())?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(missing)
}
