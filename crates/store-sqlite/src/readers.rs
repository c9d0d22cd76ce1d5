//! A small pool of connections for reading.
//!
//! A read waits for a free connection without blocking its thread, then runs on it. What one read answers is bounded
//! (`base::limit::PAGE_MAX`, `PAGE_BYTES_MAX`, `LOOKUP_VALUES_MAX`), and so is what it looks at on the way: after
//! `base::limit::READ_STEPS_MAX` steps it is given up as too costly, for a reader who may see little can ask about much.
//! Reads that may come near that bound are *searching* ones: only some run at a time, so that a connection is always left
//! for the others, and the thread they run on leaves its other work to another.
//! Long work (check, state hash) takes a connection to a thread of its own and knows no bound.
//!
//! What a connection sees stays open after a read, and the next read on it goes on with it as long as nothing was committed:
//! to begin and end it takes three system calls. A log cannot be folded back past what a reader still sees, so the writer
//! says when it commits, and nothing stays open meanwhile.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base::limit::READ_STEPS_MAX;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use store::StoreError;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Semaphore, oneshot};

use crate::error::{Done, Fail, told};

/// Connections open for reading.
const READERS: usize = 4;
/// Connections that searching reads may hold at a time.
const SEARCHING: usize = READERS / 2;
/// Steps between two looks at how many there were.
const STEPS_AT_ONCE: i32 = 100_000;
/// Page cache of each read connection, in KiB.
const CACHE_KIB: i64 = 12 * 1024;
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
    commits: Option<Commits>,
    /// How often bytes that were changed were not given out: reads that were refused, and objects that were left out of one.
    altered: AtomicU64,
}

/// How far the writer of this process is: even while it rests, odd while it commits or folds the log back.
#[derive(Debug, Default)]
struct Commits(AtomicU64);

impl Commits {
    /// The moment that a read which begins now may stay at; `None` while the next one is being made.
    fn moment(&self) -> Option<u64> {
        let moment = self.0.load(Ordering::SeqCst);
        moment.is_multiple_of(2).then_some(moment)
    }
}

/// Who writes the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writes {
    /// This process alone, and says so by [`Readers::committing`].
    Here,
    /// Another process, perhaps.
    Elsewhere,
}

/// A connection that counts the steps of the present read and ends it beyond the bound.
#[derive(Debug)]
struct Counted {
    connection: Connection,
    steps: Arc<AtomicU64>,
    /// The moment that it still sees.
    at: Option<u64>,
}

impl Counted {
    fn open(path: &Path, steps_max: u64) -> Done<Self> {
        let (connection, steps) = (open(path)?, Arc::new(AtomicU64::new(0)));
        let count = Arc::clone(&steps);
        let at_once = u64::from(STEPS_AT_ONCE.unsigned_abs());
        let too_many = move || count.fetch_add(at_once, Ordering::Relaxed) >= steps_max;
        connection.progress_handler(STEPS_AT_ONCE, Some(too_many));
        Ok(Self { connection, steps, at: None })
    }

    /// Reads at `moment`, which the connection may see already.
    fn read<T>(&mut self, moment: Option<u64>, deed: impl FnOnce(&Connection) -> Done<T>) -> Done<T> {
        self.steps.store(0, Ordering::Relaxed);
        // After an I/O error SQLite has let go of what was seen, of itself.
        if self.at.is_none() || self.at != moment || self.connection.is_autocommit() {
            self.let_go()?;
            self.connection.prepare_cached("BEGIN")?.execute([])?;
            self.at = moment;
        }
        deed(&self.connection)
    }

    /// Sees nothing any more.
    fn let_go(&mut self) -> Done<()> {
        self.at = None;
        if !self.connection.is_autocommit() {
            self.connection.prepare_cached("ROLLBACK")?.execute([])?;
        }
        Ok(())
    }
}

impl Readers {
    /// Opens the pool.
    pub(crate) fn open(path: &Path, writes: Writes) -> Done<Self> {
        Self::bounded(path, writes, READ_STEPS_MAX)
    }

    fn bounded(path: &Path, writes: Writes, steps_max: u64) -> Done<Self> {
        let free = (0..READERS).map(|_| Counted::open(path, steps_max)).collect::<Done<Vec<_>>>()?;
        let (permits, searching) = (Semaphore::new(READERS), Semaphore::new(SEARCHING));
        let free = Mutex::new(free);
        let commits = (writes == Writes::Here).then(Commits::default);
        Ok(Self(Arc::new(Pool {
            path: path.to_owned(),
            free,
            permits,
            searching,
            steps_max,
            commits,
            altered: AtomicU64::new(0),
        })))
    }

    /// Said by the writer before it commits or folds the log back: until what is answered is dropped, no connection at rest
    /// sees anything, and afterwards every read sees what was committed.
    pub(crate) fn committing(&self) -> Committing<'_> {
        let guard = Committing(self);
        guard.step();
        for counted in self.0.free().iter_mut() {
            if let Err(fail) = counted.let_go() {
                tracing::warn!(error = %StoreError::from(fail), "a connection still sees what was there before a commit");
            }
        }
        guard
    }

    /// Runs a bounded read on the caller's thread. Everything it reads is one moment in commit order.
    pub(crate) async fn read<T>(
        &self,
        deed: impl FnOnce(&Connection) -> Done<T> + Send,
    ) -> Result<T, StoreError> {
        let _permit =
            self.0.permits.acquire().await.map_err(|_| StoreError::Backend("the store is closed".into()))?;
        // Before anything is seen: a later moment would be claimed for what an earlier one showed.
        let moment = self.0.moment();
        let taken = self.0.free().pop();
        let mut counted = match taken {
            Some(counted) => counted,
            None => Counted::open(&self.0.path, self.0.steps_max)?,
        };
        let result = counted.read(moment, deed);
        self.0.give_back(counted, result.is_ok());
        result.map_err(|fail| {
            let error = of_reading(fail);
            if matches!(error, StoreError::Altered { .. }) {
                self.0.altered.fetch_add(1, Ordering::Relaxed);
                tracing::error!(code = error.code(), %error, "a read was refused");
            }
            error
        })
    }

    /// Logs and counts what was left out of an answer since its bytes were changed.
    pub(crate) fn left_out<'a>(&self, altered: impl IntoIterator<Item = &'a StoreError>) {
        for error in altered {
            self.0.altered.fetch_add(1, Ordering::Relaxed);
            tracing::error!(code = error.code(), %error, "an object was left out of an answer");
        }
    }

    /// How many reads were refused because the bytes were changed.
    pub(crate) fn altered(&self) -> u64 {
        self.0.altered.load(Ordering::Relaxed)
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

impl Pool {
    fn free(&self) -> MutexGuard<'_, Vec<Counted>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn moment(&self) -> Option<u64> {
        self.commits.as_ref()?.moment()
    }

    /// Takes a connection back, which goes on seeing what it sees where that is the present and its read went well. One that
    /// cannot let go is closed.
    fn give_back(&self, mut counted: Counted, well: bool) {
        if (counted.at.is_none() || !well) && counted.let_go().is_err() {
            return;
        }
        // Asked under the lock: who commits says so first, and has those at rest let go then.
        let mut free = self.free();
        if counted.at == self.moment() || counted.let_go().is_ok() {
            free.push(counted);
        }
    }
}

/// A commit under way; see [`Readers::committing`].
pub(crate) struct Committing<'a>(&'a Readers);

impl Committing<'_> {
    fn step(&self) {
        if let Some(commits) = &self.0.0.commits {
            commits.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Committing<'_> {
    fn drop(&mut self) {
        self.step();
    }
}

/// What failed while somebody read says nothing of writing, whatever the disk was asked for: a sort writes as well.
fn of_reading(fail: Fail) -> StoreError {
    match StoreError::from(fail) {
        StoreError::ReadOnly { reason } => StoreError::Unreadable { reason },
        error => error,
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
    const COMMITS: usize = 300;

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
        let readers = Readers::bounded(&path, Writes::Here, STEPS_MAX).unwrap();
        (directory, readers)
    }

    fn writing(directory: &tempfile::TempDir) -> Connection {
        let writer = Connection::open(directory.path().join("db")).unwrap();
        writer.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).unwrap();
        writer
    }

    async fn lines(readers: &Readers) -> i64 {
        let count = |connection: &Connection| -> Done<i64> {
            Ok(connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?)
        };
        readers.read(count).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_seen_stays_until_a_commit_is_told_and_no_longer() {
        let (directory, readers) = readers();
        let writer = writing(&directory);
        assert_eq!(lines(&readers).await, 0);
        // Nobody may write like this; it shows that the connection goes on with what it saw.
        writer.execute_batch("INSERT INTO t VALUES (1)").unwrap();
        assert_eq!(lines(&readers).await, 0);
        {
            let _committing = readers.committing();
            assert_eq!(lines(&readers).await, 1);
            writer.execute_batch("INSERT INTO t VALUES (2)").unwrap();
            assert_eq!(lines(&readers).await, 2, "nothing is kept while a commit is under way");
        }
        assert_eq!(lines(&readers).await, 2);
        let elsewhere = Readers::bounded(&directory.path().join("db"), Writes::Elsewhere, STEPS_MAX).unwrap();
        assert_eq!(lines(&elsewhere).await, 2);
        writer.execute_batch("INSERT INTO t VALUES (3)").unwrap();
        assert_eq!(lines(&elsewhere).await, 3, "another process may have written");
    }

    #[tokio::test]
    async fn the_log_is_folded_back_past_readers_at_rest() {
        let (directory, readers) = readers();
        let writer = writing(&directory);
        let fold = || writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
        writer.execute_batch("INSERT INTO t VALUES (1)").unwrap();
        assert_eq!(lines(&readers).await, 1);
        writer.execute_batch("INSERT INTO t VALUES (2)").unwrap();
        writer.busy_timeout(std::time::Duration::ZERO).unwrap();
        assert!(fold().unwrap(), "a reader at rest still needs the log");
        let committing = readers.committing();
        assert!(!fold().unwrap());
        drop(committing);
        assert_eq!(lines(&readers).await, 2);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_read_that_begins_after_a_commit_sees_it_however_many_read() {
        let (directory, readers) = readers();
        let writer = writing(&directory);
        let done = Arc::new(AtomicUsize::new(0));
        let reading: Vec<_> = (0..READERS)
            .map(|_| {
                let (readers, done) = (readers.clone(), Arc::clone(&done));
                tokio::spawn(async move {
                    loop {
                        let before = done.load(Ordering::SeqCst);
                        let seen = usize::try_from(lines(&readers).await).unwrap();
                        assert!(seen >= before, "{seen} lines were seen after commit {before}");
                        if before >= COMMITS {
                            break;
                        }
                    }
                })
            })
            .collect();
        for commit in 1..=COMMITS {
            let committing = readers.committing();
            writer.execute_batch("INSERT INTO t VALUES (1)").unwrap();
            drop(committing);
            done.store(commit, Ordering::SeqCst);
        }
        for one in reading {
            one.await.unwrap();
        }
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
