//! What the writer does while nothing waits: checkpoints, and trying whether a full disk has space again.

use std::time::{Duration, Instant};

use store::StoreError;

use super::Bench;
use crate::error::Done;

/// How long nothing must have waited before the write-ahead log is folded back.
const CHECKPOINT_AFTER: Duration = Duration::from_millis(500);
/// How often a store that takes no writes is tried.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// What is due.
#[derive(Debug)]
pub(super) struct Idle {
    since: Instant,
    tried: Instant,
    checkpoint_due: bool,
}

impl Default for Idle {
    fn default() -> Self {
        let now = Instant::now();
        Self { since: now, tried: now, checkpoint_due: true }
    }
}

impl Idle {
    /// A group has just been committed.
    pub(super) fn worked(&mut self) {
        self.since = Instant::now();
        self.checkpoint_due = true;
    }

    /// Nothing waits.
    pub(super) fn rest(&mut self, bench: &mut Bench) {
        if bench.state.read_only().is_some() && self.tried.elapsed() >= TRY_EVERY {
            self.tried = Instant::now();
            let tried = bench.commit(&mut []);
            bench.state.after_commit(&tried, bench.memory.last_added());
        }
        if self.checkpoint_due && self.since.elapsed() >= CHECKPOINT_AFTER {
            self.checkpoint_due = false;
            tell(checkpoint(bench));
        }
    }

    /// The store is being closed.
    pub(super) fn last(&mut self, bench: &mut Bench) {
        tell(checkpoint(bench));
    }
}

fn tell(result: Done<()>) {
    if let Err(error) = result {
        tracing::warn!(error = %StoreError::from(error), "upkeep failed and will be tried again");
    }
}

/// Folds the log back into the database and empties it, unless readers still need it.
fn checkpoint(bench: &Bench) -> Done<()> {
    bench.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}
