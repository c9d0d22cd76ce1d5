//! Which indicators would have matched what was observed? STIX patterns over a bundle of observed data.
//!
//! Patterns are asked of the store page by page and matched on the blocking pool. Compiled patterns are kept by their row
//! in the store, which never changes its pattern; their number and size are bounded.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base::limit::OBSERVED_SECONDS_MAX;
use bytes::Bytes;
use handling::{Cleared, Principal};
use stix::Json;
use stix::pattern::matching::{Observations, Outcome, Prepared};
use store::{Fault, PatternRow, StoreError};
use tokio::sync::Semaphore;

use crate::Node;
use crate::blocking::offload;

/// Patterns matched at a time.
const PATTERNS_AT_ONCE: usize = 2_000;
/// Compiled patterns kept.
const KEPT_MAX: usize = 20_000;
/// Text of the compiled patterns kept, in bytes: what they take in memory is a small multiple of it.
const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// One indicator whose pattern matches.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ObservedMatch {
    /// Indicator id.
    pub id: String,
    /// The observed-data objects of one binding, as indexes in bundle order.
    pub observations: Vec<usize>,
}

/// The indicators that match, and how many patterns were tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Observed {
    /// Matches, in the order the indicators were added.
    pub matches: Vec<ObservedMatch>,
    /// Patterns tried.
    pub tried: u64,
    /// Patterns for which a limit was reached before there was an answer; they count as not matching.
    pub undecided: u64,
}

/// Why observations were not matched.
#[derive(Debug, thiserror::Error)]
pub enum ObservedError {
    /// Not a bundle of observed data.
    #[error("cannot read the observations: {0}")]
    Unfit(String),
    /// Matching takes longer than one request may.
    #[error(
        "matching these observations takes longer than {OBSERVED_SECONDS_MAX} s: send fewer of them at once"
    )]
    TooCostly,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ObservedError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unfit(_) => "observations-unfit",
            Self::TooCostly => "query-too-costly",
            Self::Store(error) => error.code(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Unfit(_) | Self::TooCostly => Fault::Caller,
            Self::Store(error) => error.fault(),
        }
    }
}

impl Node {
    /// The current indicators this principal may read whose patterns match the observed data in a bundle.
    ///
    /// # Errors
    /// See [`ObservedError`].
    ///
    /// # Limits
    /// Time grows with patterns times observations; each pattern is bounded by `base::limit::MATCH_STEPS_MAX`, all together by
    /// [`OBSERVED_SECONDS_MAX`]. Half the processors match at a time; further requests wait.
    pub async fn observed(&self, who: &Principal, bundle: Bytes) -> Result<Cleared<Observed>, ObservedError> {
        let (view, now) = (self.eyes(who), self.now());
        let mut observed = Observed::default();
        let mut time = Duration::from_secs(OBSERVED_SECONDS_MAX);
        let _turn = self.0.patterns.turns.acquire().await.expect("invariant: the semaphore is never closed");
        let mut after = i64::MIN;
        loop {
            let rows = self.store().patterns(&view, now, after, PATTERNS_AT_ONCE).await?;
            let last = rows.last().map(|row| row.row);
            let (kept, bundle) = (Arc::clone(&self.0.patterns), bundle.clone());
            let (part, took) = offload(move || run(&kept, &bundle, rows, time)).await?;
            time = time.saturating_sub(took);
            observed.matches.extend(part.matches);
            observed.tried = observed.tried.saturating_add(part.tried);
            observed.undecided = observed.undecided.saturating_add(part.undecided);
            match last {
                Some(row) => after = row,
                None => return Ok(view.clear(observed)),
            }
        }
    }
}

/// Compiled patterns by their row.
pub(crate) struct Patterns {
    kept: Mutex<Kept>,
    /// For requests that match.
    turns: Semaphore,
}

impl Default for Patterns {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { kept: Mutex::default(), turns: Semaphore::new(processors.div_ceil(2)) }
    }
}

#[derive(Default)]
struct Kept {
    prepared: HashMap<i64, Arc<Prepared>>,
    bytes: usize,
    /// Patterns compiled and not kept for want of room.
    turned_away: usize,
}

impl Patterns {
    /// The compiled pattern of a row; `None` when it does not parse (any more), which a store's check would have told.
    fn of(&self, row: &PatternRow) -> Option<Arc<Prepared>> {
        let kept = |patterns: &Self| {
            let kept = patterns.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.prepared.get(&row.row).cloned()
        };
        if let Some(found) = kept(self) {
            return Some(found);
        }
        let prepared = Arc::new(stix::pattern::parse(&row.pattern).ok()?.prepare());
        self.keep(row, &prepared);
        Some(prepared)
    }

    /// Keeps a pattern while there is room. A scan longer than the room would throw everything out before it is used
    /// again, so newcomers are turned away; when as many were as there is room for, all begins anew.
    fn keep(&self, row: &PatternRow, prepared: &Arc<Prepared>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = kept.bytes.saturating_add(row.pattern.len());
        if kept.prepared.len() < KEPT_MAX && bytes <= KEPT_BYTES_MAX {
            kept.bytes = bytes;
            kept.prepared.insert(row.row, Arc::clone(prepared));
            return;
        }
        kept.turned_away = kept.turned_away.saturating_add(1);
        if kept.turned_away > KEPT_MAX.saturating_mul(10) {
            *kept = Kept::default();
        }
    }
}

fn run(
    patterns: &Patterns,
    bundle: &[u8],
    rows: Vec<PatternRow>,
    time: Duration,
) -> Result<(Observed, Duration), ObservedError> {
    let start = Instant::now();
    let bundle = Json::parse(bundle).map_err(|error| ObservedError::Unfit(error.to_string()))?;
    let observations = Observations::from_bundle(&bundle);
    if observations.is_empty() {
        return Err(ObservedError::Unfit("there is no observed-data object".into()));
    }
    let mut observed = Observed::default();
    for row in rows {
        if start.elapsed() >= time {
            return Err(ObservedError::TooCostly);
        }
        let Some(prepared) = patterns.of(&row) else { continue };
        observed.tried = observed.tried.saturating_add(1);
        match prepared.run(&observations) {
            Outcome::Matched(observations) => {
                observed.matches.push(ObservedMatch { id: row.id, observations });
            }
            Outcome::NotMatched => {}
            Outcome::Undecided => observed.undecided = observed.undecided.saturating_add(1),
        }
    }
    Ok((observed, start.elapsed()))
}
