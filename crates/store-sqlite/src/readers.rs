//! A small pool of connections for reading.
//!
//! A read waits for a free connection without blocking its thread, then runs on it: every read is bounded
//! (`base::limit::PAGE_MAX`, `PAGE_BYTES_MAX`, `LOOKUP_VALUES_MAX`), so the thread is held for milliseconds at most.
//! Long work (check, state hash) takes a connection to a thread of its own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use store::StoreError;
use tokio::sync::{Semaphore, oneshot};

use crate::error::{Done, told};

/// Connections open for reading.
const READERS: usize = 4;
/// Page cache of each read connection, in KiB.
const CACHE_KIB: i64 = 6 * 1024;
/// Statements each connection keeps prepared.
const STATEMENTS_MAX: usize = 128;

/// The pool.
#[derive(Clone, Debug)]
pub(crate) struct Readers(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    path: PathBuf,
    free: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

impl Readers {
    /// Opens the pool.
    pub(crate) fn open(path: &Path) -> Done<Self> {
        let free = (0..READERS).map(|_| open(path)).collect::<Done<Vec<_>>>()?;
        let pool = Pool { path: path.to_owned(), free: Mutex::new(free), permits: Semaphore::new(READERS) };
        Ok(Self(Arc::new(pool)))
    }

    /// Runs a bounded read on the caller's thread. Everything it reads is one moment in commit order.
    pub(crate) async fn read<T>(
        &self,
        deed: impl FnOnce(&Connection) -> Done<T> + Send,
    ) -> Result<T, StoreError> {
        let _permit =
            self.0.permits.acquire().await.map_err(|_| StoreError::Backend("the store is closed".into()))?;
        let taken = self.0.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match taken {
            Some(connection) => connection,
            None => open(&self.0.path)?,
        };
        let result = in_one_moment(&connection, deed);
        if connection.is_autocommit() {
            self.0.free.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        Ok(result?)
    }

    /// Runs a long read on a thread and a connection of its own.
    pub(crate) async fn read_apart<T: Send + 'static>(
        &self,
        deed: impl FnOnce(&Connection) -> Done<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let path = self.0.path.clone();
        apart("store-long-read", move || in_one_moment(&open(&path)?, deed)).await
    }
}

/// Runs `deed` on a thread of its own.
pub(crate) async fn apart<T: Send + 'static>(
    name: &str,
    deed: impl FnOnce() -> Done<T> + Send + 'static,
) -> Result<T, StoreError> {
    let (tell, told) = oneshot::channel();
    let thread = std::thread::Builder::new().name(name.to_owned());
    let started = thread.spawn(move || {
        // The asker may have gone; then nobody waits for the answer.
        let _ = tell.send(deed());
    });
    started.map_err(|error| StoreError::Backend(format!("cannot start a thread: {error}")))?;
    let answer =
        told.await.map_err(|_| StoreError::Backend(format!("thread {name} ended without an answer")))?;
    Ok(answer?)
}

fn in_one_moment<T>(connection: &Connection, deed: impl FnOnce(&Connection) -> Done<T>) -> Done<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let result = deed(connection);
    if !connection.is_autocommit() {
        connection.prepare_cached("ROLLBACK")?.execute([])?;
    }
    result
}

/// A connection for reading.
pub(crate) fn open(path: &Path) -> Done<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| StoreError::CannotOpen {
        path: path.display().to_string(),
        reason: error.to_string(),
    })?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    keep_plans(&connection)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "query_only", true).map_err(|error| told(&error))?;
    Ok(connection)
}

/// Keeps statements prepared, and their plans whatever is bound to them. Without the second, SQLite as it is built here
/// (with STAT4) prepares a statement anew for each execution with other values: 300 µs instead of 2.
pub(crate) fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}
