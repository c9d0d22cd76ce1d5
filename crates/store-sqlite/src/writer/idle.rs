//! What the writer does while nothing waits: text, checkpoints, giving its page cache back, and trying whether a full disk has
//! space again.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use store::StoreError;

use super::{Bench, number};
use crate::error::Done;
use crate::open::BUSY;
use crate::text::{TEXT_PURGE, TEXT_UNNAMED, purge, write_again};

/// How long nothing must have waited before the write-ahead log is folded back.
const CHECKPOINT_AFTER: Duration = Duration::from_millis(500);
/// How long a checkpoint waits for readers: as long as it does, nothing is written.
const CHECKPOINT_WAIT: Duration = Duration::from_millis(10);
/// How long nothing must have waited before text is written.
const TEXT_AFTER: Duration = Duration::from_millis(40);
/// Versions whose text is written before the writer looks whether something waits.
const TEXT_STEP: usize = 256;
/// How long text is written at closing; what remains is written after opening.
const TEXT_AT_CLOSE: Duration = Duration::from_secs(2);
/// How much is written to try whether there is space: as much as a batch of a member's takes. With less there would be space for the trial
/// and for nothing else, again and again.
const TRIAL_BYTES: i64 = 4 * 1024 * 1024;
/// Where less is free on the disk the store takes no writes, and nothing is tried: a trial would fill it.
const FREE_BYTES_MIN: u64 = 1024 * 1024;
/// How often a store that takes no writes is tried.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// How often a store at rest looks whether there is space.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The full-text index is written anew for one part in so many of the time at most, however often something is taken away for good: it
/// takes time with all that is held, and nothing is written meanwhile.
const PURGE_SHARE: u32 = 20;
/// How long words of what was taken away wait at most, where nothing else is written.
const PURGE_WAIT_MAX: Duration = Duration::from_secs(3_600);

/// What is due.
#[derive(Debug)]
pub(super) struct Idle {
    since: Instant,
    tried: Instant,
    checkpoint_due: bool,
    /// Writing text got nowhere: it is not tried without rest.
    stuck: bool,
    /// There may be text that an earlier build wrote.
    old_text: bool,
    /// When the full-text index was written anew last, and how long that took.
    purged: Option<(Instant, Duration)>,
    /// Words wait for that.
    words_wait: bool,
}

impl Default for Idle {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            since: now,
            tried: now,
            checkpoint_due: true,
            stuck: false,
            old_text: true,
            purged: None,
            words_wait: false,
        }
    }
}

impl Idle {
    /// A group has just been committed.
    pub(super) fn worked(&mut self) {
        self.since = Instant::now();
        self.checkpoint_due = true;
    }

    /// Whether there is upkeep that should not wait long.
    pub(super) fn has_work(&self, bench: &Bench) -> bool {
        !self.stuck
            && self.since.elapsed() >= TEXT_AFTER
            && (text_waits(bench) || (self.old_text && !self.purge_due(bench)))
            && bench.state.read_only().is_none()
    }

    /// Nothing waits.
    pub(super) fn rest(&mut self, bench: &mut Bench) {
        if bench.state.read_only().is_some() {
            if self.tried.elapsed() >= TRY_EVERY {
                self.tried = Instant::now();
                if lacks(bench, FREE_BYTES_MIN.saturating_add(TRIAL_BYTES.unsigned_abs())).is_some() {
                    return;
                }
                // What it says is told by the state that it leaves.
                let _ = bench
                    .own(|desk| try_writing(desk.sql()))
                    .and_then(|()| bench.own(|desk| end_trial(desk.sql())));
            }
            return;
        }
        if self.tried.elapsed() >= LOOK_EVERY {
            self.tried = Instant::now();
            if let Some(free) = lacks(bench, FREE_BYTES_MIN) {
                let reason = format!("{} kB are free where the store lies", free / 1_000);
                bench.note(&Err(StoreError::ReadOnly { reason }), &[]);
                return;
            }
        }
        if self.since.elapsed() >= TEXT_AFTER && text_waits(bench) {
            self.checkpoint_due = true;
            self.stuck = !write_text(bench);
            return;
        }
        // Words of what was destroyed do not wait until the text of a whole store has been written again.
        if self.old_text && self.since.elapsed() >= TEXT_AFTER && !self.purge_due(bench) {
            self.old_text = write_old_text(bench);
            self.checkpoint_due |= self.old_text;
            return;
        }
        self.checkpoint_due |= self.words_wait && may_purge(self.purged);
        if self.checkpoint_due && self.since.elapsed() >= CHECKPOINT_AFTER {
            self.purge_text(bench);
            self.checkpoint_due = !folded(bench);
            if !self.checkpoint_due {
                give_back(bench);
            }
            self.since = Instant::now();
        }
    }

    /// Whether words of something destroyed are to be taken out of the full-text index now.
    fn purge_due(&self, bench: &Bench) -> bool {
        may_purge(self.purged) && matches!(number(&bench.connection, TEXT_PURGE), Ok(1..))
    }

    /// Takes words of what was destroyed out of the full-text index for good.
    fn purge_text(&mut self, bench: &mut Bench) {
        self.words_wait = !matches!(number(&bench.connection, TEXT_PURGE), Ok(0) | Err(_));
        if !self.words_wait || !may_purge(self.purged) {
            return;
        }
        let start = Instant::now();
        let purged = bench.own(|desk| purge(desk.sql()));
        if let Err(error) = &purged {
            tracing::warn!(%error, "words of something destroyed are still in the full-text index; it will be tried again");
        }
        self.words_wait = purged.is_err();
        self.purged = Some((Instant::now(), start.elapsed()));
    }

    /// The store is being closed.
    pub(super) fn last(&mut self, bench: &mut Bench) {
        let start = Instant::now();
        while text_waits(bench) && start.elapsed() < TEXT_AT_CLOSE && write_text(bench) {}
        folded(bench);
    }
}

fn text_waits(bench: &Bench) -> bool {
    let reach = bench.memory.reach();
    reach.text < reach.version
}

/// Writes the next step of text; whether it got anywhere.
fn write_text(bench: &mut Bench) -> bool {
    let before = bench.memory.reach().text;
    let written = bench.own(|desk| desk.catch_up_text(TEXT_STEP));
    if let Err(error) = &written {
        tracing::warn!(%error, "writing full text failed and will be tried again");
    }
    written.is_ok() && bench.memory.reach().text > before
}

/// Writes the next step of text again that an earlier build wrote; whether there is more. What fails is tried after the next start.
fn write_old_text(bench: &mut Bench) -> bool {
    let is_left = |bench: &Bench| number(&bench.connection, TEXT_UNNAMED).is_ok_and(|left| left > 0);
    if !is_left(bench) {
        return false;
    }
    let written = bench.own(|desk| write_again(desk.sql(), TEXT_STEP));
    if let Err(error) = &written {
        tracing::warn!(%error, "full text that an earlier build wrote could not be written anew: it will be tried at the next start");
    }
    written.is_ok() && is_left(bench)
}

/// Whether the index may be written anew again.
fn may_purge(purged: Option<(Instant, Duration)>) -> bool {
    purged.is_none_or(|(at, took)| at.elapsed() >= took.saturating_mul(PURGE_SHARE).min(PURGE_WAIT_MAX))
}

/// How much is free where the store lies, in bytes, where the system says that it is less than this though the log was folded back.
fn lacks(bench: &Bench, bytes: u64) -> Option<u64> {
    let free = || {
        let disk = rustix::fs::statvfs(bench.connection.path()?).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize)).filter(|free| *free < bytes)
    };
    free()?;
    // Whether it could is seen by what is free then.
    let _ = checkpoint(bench);
    free()
}

/// Writes something that needs room of its own, as objects do.
fn try_writing(sql: &Connection) -> Done<()> {
    sql.execute(
        "INSERT INTO setting (name, value) VALUES ('trial', zeroblob(?1)) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [TRIAL_BYTES],
    )?;
    Ok(())
}

fn end_trial(sql: &Connection) -> Done<()> {
    sql.execute("DELETE FROM setting WHERE name = 'trial'", [])?;
    Ok(())
}

/// Gives the memory of the page cache back: a node at rest needs none, and the next write reads what it needs.
fn give_back(bench: &Bench) {
    if let Err(error) = bench.connection.execute_batch("PRAGMA shrink_memory") {
        tracing::warn!(%error, "the writer's page cache stays in memory");
    }
}

fn folded(bench: &Bench) -> bool {
    checkpoint(bench).unwrap_or_else(|fail| {
        tracing::warn!(error = %StoreError::from(fail), "the log could not be folded back and will be tried again");
        false
    })
}

/// Folds the log back into the database and empties it; whether it could, for readers may still need it.
fn checkpoint(bench: &Bench) -> Done<bool> {
    let _committing = bench.readers.committing();
    bench.connection.busy_timeout(CHECKPOINT_WAIT)?;
    let busy = bench.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
    bench.connection.busy_timeout(BUSY)?;
    Ok(!busy?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_written_anew_for_a_part_of_the_time_alone() {
        let ago = |ago: u64, took: u64| {
            Some((Instant::now() - Duration::from_secs(ago), Duration::from_millis(took)))
        };
        assert!(may_purge(None) && may_purge(ago(1, 10)));
        assert!(!may_purge(ago(100, 30_000)) && may_purge(ago(601, 30_000)));
        assert!(!may_purge(ago(3_500, 600_000)) && may_purge(ago(3_600, 600_000)));
    }
}
