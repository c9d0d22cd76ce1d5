//! The node's directory: opened by one process for writing, by any for reading.
//!
//! The only place that names a storage backend.

use std::fs::DirBuilder;
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use base::{Clock, SystemRng};
use node::{Node, SecondPerson, Settings};
use store::{Absent, Restored, Store, StoreError};
use store_sqlite::{RestoreFrom, SqliteStore};

use crate::exit::Failure;

/// What a command does with the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reads only: allowed beside a running node.
    Read,
    /// Changes something: takes the directory for itself.
    Write,
}

/// Opens the node in a directory that `init` has made, for one command.
pub(crate) fn open(directory: &Path, access: Access, clock: impl Clock + 'static) -> Result<Node, Failure> {
    must_exist(directory)?;
    let clock: Arc<dyn Clock> = Arc::new(clock);
    let store: Arc<dyn Store> = match access {
        Access::Read => SqliteStore::open_read_only(directory).map_err(|error| failure(&error))?,
        Access::Write => writable(directory, &clock)?,
    };
    Ok(Node::open(store, clock, Arc::new(SystemRng), of_one_command()))
}

/// Opens the node in a directory that `init` has made, for others to use.
pub(crate) fn open_to_serve(
    directory: &Path,
    clock: impl Clock + 'static,
    settings: Settings,
) -> Result<Node, Failure> {
    must_exist(directory)?;
    let clock: Arc<dyn Clock> = Arc::new(clock);
    let store = writable(directory, &clock)?;
    Ok(Node::open(store, clock, Arc::new(SystemRng), settings))
}

/// A node's directory, held so that nobody else opens it to write.
pub(crate) type Held = store_sqlite::Held;

/// Takes the node in a directory without opening it; `None` where there is none.
pub(crate) fn hold(directory: &Path) -> Result<Option<Held>, StoreError> {
    store_sqlite::is_there(directory).then(|| Held::take(directory)).transpose()
}

/// Makes the store of a new node; the directory may exist and must hold no node.
pub(crate) fn create(directory: &Path, clock: impl Clock + 'static) -> Result<Node, Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|error| Failure::file("make", directory, &error))?;
    let clock: Arc<dyn Clock> = Arc::new(clock);
    let store = writable(directory, &clock)?;
    Ok(Node::open(store, clock, Arc::new(SystemRng), of_one_command()))
}

fn writable(directory: &Path, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Store>, Failure> {
    let store = SqliteStore::open(directory, Arc::clone(clock), &SystemRng);
    match store {
        Ok(store) => Ok(store),
        Err(error) => Err(failure(&error)),
    }
}

/// Refuses a directory for a new node that holds anything but what is the node's own: its settings may lie there before it does. One that
/// holds a node is let through, for that says more of itself.
pub(crate) fn must_be_free(directory: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::file("read", directory, &error);
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        // A file system of its own has that from the start.
        if name != "lost+found" && !name.as_encoded_bytes().starts_with(b"cresset.") {
            let name = crate::out::shown(&name.to_string_lossy());
            return Err(Failure::unreachable(format_args!(
                "{} holds something that is no node's: {name}",
                directory.display()
            ))
            .hint("name a new directory, or an empty one, with --data"));
        }
    }
    Ok(())
}

fn must_exist(directory: &Path) -> Result<(), Failure> {
    // Opening a store to write would make one where there is none.
    if store_sqlite::is_there(directory) {
        return Ok(());
    }
    Err(Failure::unreachable(format_args!("there is no node in {}", directory.display()))
        .hint("make one with `cresset init --name NAME`, or name another directory with --data"))
}

/// The directory holds a store and no member yet.
pub(crate) fn not_initialised(directory: &Path) -> Failure {
    Failure::unreachable(format_args!("the node in {} has not been initialised", directory.display()))
        .code("not-initialised")
        .hint("run `cresset init --name NAME`")
}

/// One command by whoever holds the directory: nobody to protect from.
fn of_one_command() -> Settings {
    Settings { rate_per_second: 0, second_person: SecondPerson::Holder, ..Settings::default() }
}

/// The code of a store that is damaged.
pub(crate) const DAMAGED: &str = "store-damaged";
/// Who tells more of that.
pub(crate) const EXAMINE: &str = "`cresset doctor --deep` tells what is damaged and what helps";

/// A store that cannot be opened or used, as a failure of the command.
pub(crate) fn failure(error: &StoreError) -> Failure {
    let failure = match error {
        StoreError::Damaged(_) => Failure::unverified(error).code(DAMAGED).hint(EXAMINE),
        _ => Failure::unreachable(error),
    };
    match error {
        StoreError::Busy { .. } => {
            failure.hint("a node is running on it: stop that first, or act on it with --url and --token")
        }
        _ => failure,
    }
}

/// Checks a store's decrypted backup in full and puts it into a directory that holds no store.
pub(crate) fn restore_copy<'a>(
    file: &'a Path,
    keys: Option<&'a mut dyn Read>,
    absent: Absent,
    directory: &Path,
) -> Result<Restored, StoreError> {
    SqliteStore::restore(RestoreFrom { file, keys, absent, rng: &SystemRng }, directory)
}
