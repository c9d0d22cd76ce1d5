//! A small pool of connections for reading.
//!
//! A read waits for a free connection without blocking its thread, then runs on it. What one read answers is bounded
//! (`base::limit::PAGE_MAX`, `PAGE_BYTES_MAX`, `LOOKUP_VALUES_MAX`), and so is what it looks at on the way: after
//! `base::limit::READ_STEPS_MAX` steps it is given up as too costly, for a reader who may see little can ask about much.
//! Reads that may come near that bound are *searching* ones: only some run at a time, so that a connection is always left
//! for the others, and the thread they run on leaves its other work to another.
//! Long work (check, state hash) takes a connection to a thread of its own and knows no bound.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base::limit::READ_STEPS_MAX;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use store::StoreError;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Semaphore, oneshot};

use crate::error::{Done, told};

/// Connections open for reading.
const READERS: usize = 4;
/// Connections that searching reads may hold at a time.
const SEARCHING: usize = READERS / 2;
/// Steps between two looks at how many there were.
const STEPS_AT_ONCE: i32 = 100_000;
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
    free: Mutex<Vec<Counted>>,
    permits: Semaphore,
    searching: Semaphore,
    steps_max: u64,
}

/// A connection that counts the steps of the present read and ends it beyond the bound.
#[derive(Debug)]
struct Counted {
    connection: Connection,
    steps: Arc<AtomicU64>,
}

impl Counted {
    fn open(path: &Path, steps_max: u64) -> Done<Self> {
        let (connection, steps) = (open(path)?, Arc::new(AtomicU64::new(0)));
        let count = Arc::clone(&steps);
        let at_once = u64::from(STEPS_AT_ONCE.unsigned_abs());
        let too_many = move || count.fetch_add(at_once, Ordering::Relaxed) >= steps_max;
        connection.progress_handler(STEPS_AT_ONCE, Some(too_many));
        Ok(Self { connection, steps })
    }
}

impl Readers {
    /// Opens the pool.
    pub(crate) fn open(path: &Path) -> Done<Self> {
        Self::bounded(path, READ_STEPS_MAX)
    }

    fn bounded(path: &Path, steps_max: u64) -> Done<Self> {
        let free = (0..READERS).map(|_| Counted::open(path, steps_max)).collect::<Done<Vec<_>>>()?;
        let (permits, searching) = (Semaphore::new(READERS), Semaphore::new(SEARCHING));
        let free = Mutex::new(free);
        Ok(Self(Arc::new(Pool { path: path.to_owned(), free, permits, searching, steps_max })))
    }

    /// Runs a bounded read on the caller's thread. Everything it reads is one moment in commit order.
    pub(crate) async fn read<T>(
        &self,
        deed: impl FnOnce(&Connection) -> Done<T> + Send,
    ) -> Result<T, StoreError> {
        let _permit =
            self.0.permits.acquire().await.map_err(|_| StoreError::Backend("the store is closed".into()))?;
        let taken = self.0.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let counted = match taken {
            Some(counted) => counted,
            None => Counted::open(&self.0.path, self.0.steps_max)?,
        };
        counted.steps.store(0, Ordering::Relaxed);
        let result = in_one_moment(&counted.connection, deed);
        if counted.connection.is_autocommit() {
            self.0.free.lock().unwrap_or_else(PoisonError::into_inner).push(counted);
        }
        Ok(result?)
    }

    /// Runs a read that may have to look at much: as [`Readers::read`], but not in the way of others.
    pub(crate) async fn search<T>(
        &self,
        deed: impl FnOnce(&Connection) -> Done<T> + Send,
    ) -> Result<T, StoreError> {
        let turn = self.0.searching.acquire().await;
        let _turn = turn.map_err(|_| StoreError::Backend("the store is closed".into()))?;
        self.read(|connection| aside(|| deed(connection))).await
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

/// Runs `deed` here, and lets the runtime take the rest of this thread's work elsewhere first, where it can.
fn aside<T>(deed: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(deed),
        _ => deed(),
    }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    const STEPS_MAX: u64 = 1_000_000;

    fn count_to(number: i64) -> impl Fn(&Connection) -> Done<i64> {
        move |connection| {
            let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT count(*) FROM n";
            Ok(connection.query_row(sql, [number], |row| row.get(0))?)
        }
    }

    fn readers() -> (tempfile::TempDir, Readers) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (n)").unwrap();
        let readers = Readers::bounded(&path, STEPS_MAX).unwrap();
        (directory, readers)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_read_is_given_up_beyond_its_steps_and_the_next_one_is_not() {
        let (_directory, readers) = readers();
        for _ in 0..2 * READERS {
            assert_eq!(readers.read(count_to(10_000)).await.unwrap(), 10_000);
            let refused = readers.search(count_to(1_000_000_000)).await;
            assert!(matches!(refused, Err(StoreError::TooCostly)), "{refused:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn searching_reads_leave_a_connection_and_the_runtime_to_others() {
        let (_directory, readers) = readers();
        let (ending, waiting) = std::sync::mpsc::channel::<()>();
        let waiting = Arc::new(Mutex::new(waiting));
        let started = Arc::new(AtomicUsize::new(0));
        let searches: Vec<_> = (0..READERS)
            .map(|_| {
                let (readers, waiting, started) =
                    (readers.clone(), Arc::clone(&waiting), Arc::clone(&started));
                tokio::spawn(async move {
                    let held = readers.search(|_| {
                        started.fetch_add(1, Ordering::SeqCst);
                        let _ = waiting.lock().unwrap().recv();
                        Ok(())
                    });
                    held.await
                })
            })
            .collect();
        while started.load(Ordering::SeqCst) < SEARCHING {
            tokio::task::yield_now().await;
        }
        assert_eq!(readers.read(count_to(10)).await.unwrap(), 10);
        assert_eq!(started.load(Ordering::SeqCst), SEARCHING, "further ones wait");
        drop(ending);
        for search in searches {
            search.await.unwrap().unwrap();
        }
    }
}
