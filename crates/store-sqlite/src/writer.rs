//! The one thread that writes.
//!
//! Units of work arrive over a channel. The thread takes what waits (up to a bound), runs each unit in one transaction, each
//! but the first in a savepoint, commits it durably, and only then answers. A unit that fails is rolled back alone; its neighbours stay.
//! What has to find everything written that was done before it has a transaction to itself.
//! When nothing waits it does upkeep: full text, checkpoints, old statuses, and a try whether a full disk has space again.
//!
//! Invariants: an answer `Ok` is sent only after the commit that holds the unit has been flushed to disk; `date_added`
//! never goes back, not even over deletions, failed commits and restarts.

mod desk;
mod idle;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use base::Clock;
use rusqlite::Connection;
use store::StoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

pub(crate) use desk::{Desk, Memory, State, alone, name_no, next_number, number, object_no, set_number};

use crate::error::{Done, Fail};
use crate::exchange;
use crate::postings::Postings;
use crate::readers::Readers;

/// Units that may wait before those who ask wait with them.
const QUEUE_MAX: usize = 64;
/// A group is closed when it has this much weight (an object weighs one, any unit at least one).
const GROUP_WEIGHT_MAX: usize = 16_000;
/// How long the thread waits for work before it looks whether upkeep is due.
const REST: Duration = Duration::from_millis(50);

/// The way to the writer.
#[derive(Debug)]
pub(crate) struct Writer {
    to: Mutex<Option<Sender<Box<dyn Unit>>>>,
    room: Arc<Semaphore>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What may be sent to the writer.
trait Unit: Send {
    /// How much it adds to a group.
    fn weight(&self) -> usize;
    /// Whether it has a transaction to itself.
    fn company(&self) -> Company;
    /// Does the work inside the transaction; `false` = roll back.
    fn run(&mut self, desk: &mut Desk<'_>) -> bool;
    /// Why the work failed, once it did.
    fn failure(&self) -> Option<&StoreError>;
    /// Answers: with the outcome when `committed` is `Ok`, else with the error of the commit.
    fn finish(&mut self, committed: Result<(), StoreError>);
}

/// With whom a unit shares its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Company {
    Others,
    Nobody,
}

struct Task<T, F> {
    weight: usize,
    company: Company,
    deed: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    to: Option<oneshot::Sender<Result<T, StoreError>>>,
    _room: OwnedSemaphorePermit,
}

impl<T: Send, F: FnOnce(&mut Desk<'_>) -> Done<T> + Send> Unit for Task<T, F> {
    fn weight(&self) -> usize {
        self.weight
    }

    fn company(&self) -> Company {
        self.company
    }

    fn run(&mut self, desk: &mut Desk<'_>) -> bool {
        let Some(deed) = self.deed.take() else {
            return false;
        };
        // A panic ends the unit, not the writer: the savepoint is rolled back and what was remembered is forgotten.
        let outcome = catch_unwind(AssertUnwindSafe(|| deed(desk))).map_or_else(
            |_| Err(StoreError::Backend("a unit of work panicked; please report it".into())),
            |outcome| outcome.map_err(StoreError::from),
        );
        let ok = outcome.is_ok();
        self.outcome = Some(outcome);
        ok
    }

    fn failure(&self) -> Option<&StoreError> {
        self.outcome.as_ref()?.as_ref().err()
    }

    fn finish(&mut self, committed: Result<(), StoreError>) {
        let outcome = match (committed, self.outcome.take()) {
            (_, Some(Err(error))) | (Err(error), _) => Err(error),
            (Ok(()), Some(ok)) => ok,
            (Ok(()), None) => Err(StoreError::Backend("a unit of work did not run".into())),
        };
        if let Some(to) = self.to.take() {
            // The asker may have gone; the work stays done.
            let _ = to.send(outcome);
        }
    }
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(
        connection: Connection,
        memory: Memory,
        (state, postings, readers): (Arc<State>, Arc<Postings>, Readers),
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let (to, from) = channel();
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(move || {
            Bench { connection, memory, state, postings, readers, clock, begun: None, next: None }
                .work(&from);
        });
        let thread =
            thread.map_err(|error| StoreError::Backend(format!("cannot start the writer: {error}")))?;
        let room = Arc::new(Semaphore::new(QUEUE_MAX));
        Ok(Self { to: Mutex::new(Some(to)), room, thread: Mutex::new(Some(thread)) })
    }

    /// A writer for a store that is open for reading only: every unit is refused.
    pub(crate) fn none() -> Self {
        Self { to: Mutex::new(None), room: Arc::new(Semaphore::new(1)), thread: Mutex::new(None) }
    }

    /// Has `deed` done in a durable commit and tells its outcome.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        weight: usize,
        deed: impl FnOnce(&mut Desk<'_>) -> Done<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_in((weight, Company::Others), deed).await
    }

    /// The same, in a transaction of its own: it finds everything as the last commit left it.
    pub(crate) async fn write_alone<T: Send + 'static>(
        &self,
        deed: impl FnOnce(&mut Desk<'_>) -> Done<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_in((1, Company::Nobody), deed).await
    }

    async fn write_in<T: Send + 'static>(
        &self,
        (weight, company): (usize, Company),
        deed: impl FnOnce(&mut Desk<'_>) -> Done<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let closed = || StoreError::Backend("the writer has ended".into());
        let room = Arc::clone(&self.room).acquire_owned().await.map_err(|_| closed())?;
        let (tell, told) = oneshot::channel();
        let weight = weight.max(1);
        let task = Task { weight, company, deed: Some(deed), outcome: None, to: Some(tell), _room: room };
        self.sender()?.send(Box::new(task)).map_err(|_| closed())?;
        told.await.map_err(|_| closed())?
    }

    fn sender(&self) -> Result<Sender<Box<dyn Unit>>, StoreError> {
        let to = self.to.lock().unwrap_or_else(PoisonError::into_inner).clone();
        to.ok_or_else(|| StoreError::ReadOnly { reason: "it was opened for reading only".into() })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.to.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A writer that panicked has nothing left to do.
            let _ = thread.join();
        }
    }
}

/// A unit of the writer's own.
struct Own<F> {
    deed: Option<F>,
    failure: Option<StoreError>,
}

impl<F: FnOnce(&mut Desk<'_>) -> Done<()> + Send> Unit for Own<F> {
    fn weight(&self) -> usize {
        1
    }

    fn company(&self) -> Company {
        Company::Nobody
    }

    fn run(&mut self, desk: &mut Desk<'_>) -> bool {
        self.failure = self.deed.take().and_then(|deed| deed(desk).map_err(StoreError::from).err());
        self.failure.is_none()
    }

    fn failure(&self) -> Option<&StoreError> {
        self.failure.as_ref()
    }

    fn finish(&mut self, _committed: Result<(), StoreError>) {}
}

/// What the neighbours of a unit are told for which SQLite rolled everything back.
fn rolled_back(failure: Option<&StoreError>) -> StoreError {
    match failure {
        Some(disk @ (StoreError::ReadOnly { .. } | StoreError::Unreadable { .. })) => disk.clone(),
        _ => StoreError::ReadOnly { reason: "the disk is full or failed while writing".into() },
    }
}

/// Everything the thread owns.
struct Bench {
    connection: Connection,
    memory: Memory,
    state: Arc<State>,
    postings: Arc<Postings>,
    readers: Readers,
    clock: Arc<dyn Clock>,
    /// A recovery that began in a group whose leaves from before it are not to be signed.
    begun: Option<exchange::Begun>,
    /// What came while a group was gathered, and has a transaction to itself.
    next: Option<Box<dyn Unit>>,
}

impl Bench {
    fn work(mut self, from: &Receiver<Box<dyn Unit>>) {
        let mut idle = idle::Idle::default();
        loop {
            let rest = if idle.has_work(&self) { Duration::ZERO } else { REST };
            let first = self.next.take().map_or_else(|| from.recv_timeout(rest), Ok);
            match first {
                Ok(first) => {
                    self.group(first, from);
                    idle.worked();
                }
                Err(RecvTimeoutError::Timeout) => idle.rest(&mut self),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        idle.last(&mut self);
    }

    fn group(&mut self, first: Box<dyn Unit>, from: &Receiver<Box<dyn Unit>>) {
        let mut weight = first.weight();
        let mut units = vec![first];
        let shared = units.iter().all(|unit| unit.company() == Company::Others);
        while shared && weight < GROUP_WEIGHT_MAX {
            let Ok(next) = from.try_recv() else {
                break;
            };
            if next.company() == Company::Nobody {
                self.next = Some(next);
                break;
            }
            weight = weight.saturating_add(next.weight());
            units.push(next);
        }
        let committed = self.commit(&mut units);
        // Before anybody hears of the commit, so that who changed an account is never answered by the accounts of before.
        if let Ok(epoch) = number(&self.connection, "accounts_epoch") {
            self.state.note_accounts(epoch);
        }
        self.state.note_recovery(&self.connection);
        self.note(&committed, &units);
        for mut unit in units {
            unit.finish(committed.clone());
        }
    }

    /// Has a unit of the writer's own done.
    fn own(
        &mut self,
        deed: impl FnOnce(&mut Desk<'_>) -> Done<()> + Send + 'static,
    ) -> Result<(), StoreError> {
        let mut units: [Box<dyn Unit>; 1] = [Box::new(Own { deed: Some(deed), failure: None })];
        let committed = self.commit(&mut units);
        self.note(&committed, &units);
        committed.and_then(|()| units[0].failure().map_or(Ok(()), |error| Err(error.clone())))
    }

    /// Lets readers know how a commit ended; a unit that found no space counts as much as a commit that found none.
    fn note(&self, committed: &Result<(), StoreError>, units: &[Box<dyn Unit>]) {
        let full = |error: &&StoreError| matches!(error, StoreError::ReadOnly { .. });
        match units.iter().find_map(|unit| unit.failure().filter(full)) {
            Some(error) if committed.is_ok() => self.state.after_commit(&Err(error.clone()), &self.memory),
            _ => self.state.after_commit(committed, &self.memory),
        }
    }

    fn commit(&mut self, units: &mut [Box<dyn Unit>]) -> Result<(), StoreError> {
        let result = self.transaction(units).map_err(StoreError::from);
        if result.is_err() {
            if !self.connection.is_autocommit() {
                // The transaction is lost either way; what failed is told to those who asked.
                let _ = self.connection.execute_batch("ROLLBACK");
            }
            self.memory.forget();
            self.memory.reload(&self.connection);
            self.memory.drop_changes(0);
        }
        if let Some(book) = self.memory.book() {
            if result.is_ok() { book.committed() } else { book.lost() }
        }
        if let Some(begun) = self.begun.take() {
            self.begin_recovery(begun);
        }
        if self.memory.changes() > 0 {
            self.postings.change(self.memory.take_changes());
        }
        result
    }

    /// The group in which a recovery began is lost, since leaves were added before it which another head of this ledger contradicts.
    /// The recovery begins all the same: the next group would sign such leaves.
    fn begin_recovery(&mut self, begun: exchange::Begun) {
        let connection = &self.connection;
        let written = connection.execute_batch("BEGIN IMMEDIATE").map_err(Fail::from).and_then(|()| {
            exchange::begin(connection, begun)?;
            let _committing = self.readers.committing();
            Ok(connection.execute_batch("COMMIT")?)
        });
        if let Err(fail) = written {
            let error = StoreError::from(fail);
            tracing::error!(%error, "a recovery could not begin: it does when another member is met again");
            if !connection.is_autocommit() {
                let _ = connection.execute_batch("ROLLBACK");
            }
        } else if let Some(book) = self.memory.book()
            && book.look_again(connection).is_ok()
        {
            book.committed();
        }
    }

    fn transaction(&mut self, units: &mut [Box<dyn Unit>]) -> Done<()> {
        let connection = &self.connection;
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for (at, unit) in units.iter_mut().enumerate() {
            // The first needs no savepoint, whose journal would copy every page it touches: nothing of the others is done yet, so that
            // when it fails the transaction begins anew, to save the numbers that were given.
            let first = at == 0;
            if !first {
                connection.prepare_cached("SAVEPOINT unit")?.execute([])?;
            }
            let changes = self.memory.changes();
            let mark = self.memory.book().map(|book| book.mark());
            let done = {
                let mut desk = Desk::new(connection, &mut self.memory, &*self.clock);
                let done = unit.run(&mut desk);
                debug_assert!(
                    !done || !desk.has_left(),
                    "invariant: what takes a version out of its place marks the ends there"
                );
                done
            };
            if !done {
                if connection.is_autocommit() {
                    // SQLite has rolled everything back (full disk, I/O error): the neighbours' work is gone too.
                    return Err(Fail::Store(rolled_back(unit.failure())));
                }
                if first {
                    connection.prepare_cached("ROLLBACK")?.execute([])?;
                    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
                } else {
                    connection.prepare_cached("ROLLBACK TO unit")?.execute([])?;
                }
                self.memory.forget();
                self.memory.reload(connection);
                self.memory.drop_changes(changes);
                if let (Some(book), Some(mark)) = (self.memory.book(), &mark) {
                    book.go_back(mark);
                }
            }
            if !first {
                connection.prepare_cached("RELEASE unit")?.execute([])?;
            }
        }
        self.memory.save(connection)?;
        if let Some(book) = self.memory.book() {
            let written = book.write(connection);
            if matches!(&written, Err(Fail::Store(StoreError::Recovering))) {
                self.begun = exchange::begun(connection, book.member())?;
            }
            written?;
        }
        let _committing = self.readers.committing();
        connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }
}
