//! Opening and closing: the directory, its lock, the database's settings, and the parts put together.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Rng};
use index::FingerprintKey;
use ledger::vault::ObjectKey;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use store::StoreError;

use crate::error::{Done, Fail, damaged, told};
use crate::figures::Counted;
use crate::postings::Postings;
use crate::readers::{Readers, Writes, keep_plans};
use crate::writer::{Memory, State, Writer};
use crate::{keys, migrate};

/// Name of the database in the directory.
pub(crate) const DATABASE: &str = "cresset.db";
/// Name of the lock in the directory.
pub(crate) const LOCK: &str = "cresset.lock";
/// How long the writing connection waits for others, who should be none.
pub(crate) const BUSY: Duration = Duration::from_secs(5);
/// Page cache of the writing connection, in KiB: holds the pages that a commit of thousands of objects changes at random
/// places (identifiers, fingerprints), so that none is written twice. More was measured to gain nothing: what it misses, the
/// operating system has.
const WRITER_CACHE_KIB: i64 = 32 * 1024;
/// Pages in the write-ahead log (192 MiB) before a commit folds them back: a page changed by many commits is folded back once.
const AUTOCHECKPOINT_PAGES: i64 = 24_000;

/// The embedded store.
#[derive(Debug)]
pub struct SqliteStore {
    pub(crate) directory: PathBuf,
    pub(crate) key: FingerprintKey,
    pub(crate) state: Arc<State>,
    pub(crate) readers: Readers,
    pub(crate) postings: Arc<Postings>,
    pub(crate) counted: Counted,
    // Before the lock: closing waits for the writer, then gives the directory free.
    pub(crate) writer: Writer,
    lock: Option<File>,
}

/// Whether a directory holds a store.
#[must_use]
pub fn is_there(directory: &Path) -> bool {
    directory.join(DATABASE).is_file()
}

impl SqliteStore {
    /// Opens the store in `directory` for reading and writing, and makes one where there is none.
    ///
    /// # Errors
    /// `Busy` while another process has it open so; `CannotOpen` when it is not a store, is newer than this program, or
    /// the directory cannot be used. Nothing has been changed then.
    pub fn open(directory: &Path, clock: Arc<dyn Clock>, rng: &dyn Rng) -> Result<Arc<Self>, StoreError> {
        make_private(directory)?;
        let lock = lock(directory)?;
        let database = directory.join(DATABASE);
        let connection = open_writing(&database)?;
        migrate::migrate(&connection, &database.display().to_string())?;
        let key = match held_key(&connection, "main")? {
            Some(key) => key,
            None => new_key(&connection, rng)?,
        };
        let seed = ObjectKey::generate(rng);
        keys::fill_once(&connection, &seed)?;
        let memory = Memory::load(&connection, key, seed)?;
        let state = Arc::new(State::load(&connection)?);
        let readers = Readers::open(&database, Writes::Here)?;
        let postings = Postings::loading();
        let shared = (Arc::clone(&state), Arc::clone(&postings), readers.clone());
        let writer = Writer::start(connection, memory, shared, clock)?;
        postings.load_from(&database);
        Ok(Arc::new(Self {
            directory: directory.to_owned(),
            key,
            state,
            readers,
            postings,
            counted: Counted::default(),
            writer,
            lock: Some(lock),
        }))
    }

    /// Opens the store in `directory` for reading only, beside a process that may be writing it.
    ///
    /// # Errors
    /// `CannotOpen` when there is no store, or one of another schema.
    pub fn open_read_only(directory: &Path) -> Result<Arc<Self>, StoreError> {
        let database = directory.join(DATABASE);
        let path = database.display().to_string();
        if !database.is_file() {
            return Err(StoreError::CannotOpen { path, reason: "there is none: run `cresset init`".into() });
        }
        must_hold_something(&database)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(&database, flags).map_err(|error| cannot(&database, &error))?;
        migrate::verify_current(&connection, &path).map_err(|fail| unfit(&database, fail))?;
        let key =
            held_key(&connection, "main")?.ok_or_else(|| damaged("the key of fingerprints is missing"))?;
        let state = Arc::new(State::load(&connection)?);
        let readers = Readers::open(&database, Writes::Elsewhere)?;
        let (writer, postings) = (Writer::none(), Postings::off());
        Ok(Arc::new(Self {
            directory: directory.to_owned(),
            key,
            state,
            readers,
            postings,
            counted: Counted::default(),
            writer,
            lock: None,
        }))
    }

    /// Whether this process holds the directory: then nobody else writes, and what its writer knows is how things stand.
    pub(crate) const fn is_alone(&self) -> bool {
        self.lock.is_some()
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.postings.close();
    }
}

fn cannot(path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::CannotOpen { path: path.display().to_string(), reason: error.to_string() }
}

/// Why a file is not opened as a database.
fn unfit(database: &Path, fail: Fail) -> StoreError {
    match fail {
        Fail::Sql(error) => match told(&error) {
            StoreError::Damaged(what) => StoreError::Damaged(format!("{}: {what}", database.display())),
            _ => cannot(database, &error),
        },
        Fail::Store(error) => error,
    }
}

/// Refuses a database that was cut to nothing, before SQLite takes it for a new one and its log for a left-over, and `init` makes another
/// member of it.
fn must_hold_something(database: &Path) -> Result<(), StoreError> {
    let is_empty = std::fs::metadata(database).is_ok_and(|data| data.is_file() && data.len() == 0);
    let reason = "it is empty: if there was a node here, restore its last backup into an empty directory (`cresset restore`), for a new \
                  node would be another member with other keys; if there was none, remove the file and run `cresset init` again";
    if is_empty { Err(cannot(database, &reason)) } else { Ok(()) }
}

/// Makes the directory where there is none, for its owner alone.
pub(crate) fn make_private(directory: &Path) -> Result<(), StoreError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(|error| cannot(directory, &error))
}

/// A store that this process holds without having it open: nobody else can open it to write until this goes.
#[derive(Debug)]
pub struct Held(#[expect(dead_code, reason = "held, not read")] File);

impl Held {
    /// Takes the store in a directory.
    ///
    /// # Errors
    /// `Busy` while another process has it open to write; `CannotOpen` where the directory cannot be used.
    pub fn take(directory: &Path) -> Result<Self, StoreError> {
        lock(directory).map(Self)
    }
}

/// Takes the directory for this process; the operating system gives it back when the process ends, however it ends.
pub(crate) fn lock(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join(LOCK);
    let file = private().truncate(false).open(&path);
    let file = file.map_err(|error| cannot(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Busy { path: directory.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(cannot(&path, &error)),
    }
}

/// How files of a store are made: for their owner alone, whoever may enter the directory.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes an empty file where there is none: SQLite gives the files beside the database the database's own mode. One that is
/// there stays as its operator made it, who is told when others may read it.
pub(crate) fn make_private_file(path: &Path) -> Result<(), StoreError> {
    let file = private().truncate(false).open(path).map_err(|error| cannot(path, &error))?;
    #[cfg(unix)]
    if let Ok(data) = file.metadata()
        && std::os::unix::fs::PermissionsExt::mode(&data.permissions()) & 0o077 != 0
    {
        tracing::warn!(path = %path.display(), "other users of this machine may read the store: chmod 600");
    }
    drop(file);
    Ok(())
}

/// Gives a file that was copied the mode of one that was made here.
pub(crate) fn set_private(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}

/// Lets everybody read a file who may enter its directory.
pub(crate) fn set_readable(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    Ok(())
}

fn open_writing(database: &Path) -> Result<Connection, StoreError> {
    must_hold_something(database)?;
    make_private_file(database)?;
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(database, flags).map_err(|error| cannot(database, &error))?;
    migrate::verify(&connection, &database.display().to_string()).map_err(|fail| unfit(database, fail))?;
    settings(&connection).map_err(|error| cannot(database, &error))?;
    Ok(connection)
}

fn settings(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    keep_plans(connection)?;
    connection.pragma_update(None, "page_size", 8192)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", AUTOCHECKPOINT_PAGES, |_| Ok(()))?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)
}

/// The key of fingerprints of a database that is open here, where the store has one already.
pub(crate) fn held_key(connection: &Connection, of: &str) -> Done<Option<FingerprintKey>> {
    let select = format!("SELECT value FROM {of}.setting WHERE name = 'fingerprint_key'");
    let held: Option<String> = connection.query_row(&select, [], |row| row.get(0)).optional()?;
    let Some(held) = held else {
        return Ok(None);
    };
    let mut key = [0; 16];
    hex::decode_to_slice(held, &mut key).map_err(|_| damaged("the key of fingerprints is unreadable"))?;
    Ok(Some(FingerprintKey(key)))
}

fn new_key(connection: &Connection, rng: &dyn Rng) -> Done<FingerprintKey> {
    let mut key = [0; 16];
    rng.fill(&mut key);
    connection
        .execute("INSERT INTO setting (name, value) VALUES ('fingerprint_key', ?1)", [hex::encode(key)])?;
    Ok(FingerprintKey(key))
}
