//! Which indicators would have matched what was observed? STIX patterns over a bundle of observed data.
//!
//! Patterns are asked of the store page by page and matched on the blocking pool. An indicator that is revoked or expired
//! matches like any other and is said to be so; whether it was valid when the match was observed is said too, and where
//! some observations lie inside its validity and others do not, a match among the former is the one that is told. Compiled patterns are kept by their row
//! in the store, which never changes its pattern; their number and size are bounded.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base::Micros;
use base::limit::{OBSERVED_SECONDS_MAX, UNDECIDED_NAMED_MAX};
use bytes::Bytes;
use handling::{Cleared, Principal, Viewer};
use stix::pattern::matching::{Observations, Outcome, Prepared, Validity};
use stix::{Json, Timestamp};
use store::{Fault, PatternRow, Standing, StoreError};
use tokio::sync::Semaphore;

use crate::Node;
use crate::blocking::offload;

/// Patterns matched at a time.
const PATTERNS_AT_ONCE: usize = 2_000;
/// Bytes of the indicators of matches held at a time: one object may have half of it.
const DATED_BYTES_MAX: usize = 2 * base::limit::OBJECT_BYTES_MAX;
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
    /// Whether the indicator has been revoked.
    pub revoked: bool,
    /// Whether its time is still to come.
    pub not_yet_valid: bool,
    /// Whether its time is over.
    pub expired: bool,
    /// From when on it is valid, as its producer wrote it.
    pub valid_from: Option<String>,
    /// Until when it is valid, as its producer wrote it.
    pub valid_until: Option<String>,
    /// Whether it was valid when what matches was observed; an observation without usable times counts as made now. `None` where a
    /// limit was reached before it was known whether it also matches what was observed while it was valid.
    pub valid_then: Option<bool>,
}

/// The indicators that match, and how many patterns were tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Observed {
    /// Matches, in the order the indicators were added.
    pub matches: Vec<ObservedMatch>,
    /// Patterns tried.
    pub tried: u64,
    /// Patterns for which a limit was reached before there was an answer: whether they match is not known.
    pub undecided: u64,
    /// Their indicators, in the order they were added; at most [`UNDECIDED_NAMED_MAX`].
    pub undecided_ids: Vec<String>,
}

impl Observed {
    /// Counts what was tried further.
    fn count(&mut self, part: Self) {
        self.tried = self.tried.saturating_add(part.tried);
        self.undecided = self.undecided.saturating_add(part.undecided);
        let room = UNDECIDED_NAMED_MAX.saturating_sub(self.undecided_ids.len());
        self.undecided_ids.extend(part.undecided_ids.into_iter().take(room));
    }

    /// A pattern that ran into a limit.
    fn undecided(&mut self, id: String) {
        self.undecided = self.undecided.saturating_add(1);
        if self.undecided_ids.len() < UNDECIDED_NAMED_MAX {
            self.undecided_ids.push(id);
        }
    }
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
    /// The indicators this principal may read whose patterns match the observed data in a bundle, revoked and expired
    /// ones too.
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
            let rows = self.store().patterns(&view, after, PATTERNS_AT_ONCE).await?;
            let last = rows.last().map(|row| row.row);
            let (kept, asked) = (Arc::clone(&self.0.patterns), bundle.clone());
            let (part, hits, took) = offload(move || run(&kept, &asked, rows, time)).await?;
            time = time.saturating_sub(took);
            observed.count(part);
            let matches = self.date(&view, &bundle, hits, (now, &mut time)).await?;
            observed.matches.extend(matches);
            match last {
                Some(row) => after = row,
                None => return Ok(view.clear(observed)),
            }
        }
    }

    /// Says of hits how their indicators stand and stood. One that has gone in between is no match.
    async fn date(
        &self,
        view: &Viewer,
        bundle: &Bytes,
        mut hits: Vec<Hit>,
        (now, time): (Micros, &mut Duration),
    ) -> Result<Vec<ObservedMatch>, ObservedError> {
        let mut matches = Vec::with_capacity(hits.len());
        while !hits.is_empty() {
            let (start, rows) = (Instant::now(), hits.iter().map(|hit| hit.row.row).collect::<Vec<i64>>());
            let told = self.store().indicators_of(view, &rows, DATED_BYTES_MAX).await?;
            let left = time.saturating_sub(start.elapsed());
            let later = hits.split_off(told.len().clamp(1, hits.len()));
            let (kept, asked) = (Arc::clone(&self.0.patterns), bundle.clone());
            let (dated, took) = offload(move || date(&kept, &asked, (hits, told), (now, left))).await?;
            (hits, *time) = (later, left.saturating_sub(took));
            matches.extend(dated);
        }
        Ok(matches)
    }
}

/// A pattern that matches, and where.
struct Hit {
    row: PatternRow,
    observations: Vec<usize>,
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
) -> Result<(Observed, Vec<Hit>, Duration), ObservedError> {
    let start = Instant::now();
    let bundle = Json::parse(bundle).map_err(|error| ObservedError::Unfit(error.to_string()))?;
    let observations = Observations::from_bundle(&bundle);
    if observations.is_empty() {
        return Err(ObservedError::Unfit("there is no observed-data object".into()));
    }
    let (mut observed, mut hits) = (Observed::default(), Vec::new());
    for row in rows {
        if start.elapsed() >= time {
            return Err(ObservedError::TooCostly);
        }
        let Some(prepared) = patterns.of(&row) else { continue };
        observed.tried = observed.tried.saturating_add(1);
        match prepared.run_until(&observations, &|| start.elapsed() >= time) {
            Outcome::Matched(observations) => hits.push(Hit { row, observations }),
            Outcome::NotMatched => {}
            Outcome::Undecided => observed.undecided(row.id),
        }
    }
    if start.elapsed() >= time {
        return Err(ObservedError::TooCostly);
    }
    Ok((observed, hits, start.elapsed()))
}

/// Says of each match whether its indicator was valid then, looking for another match that was where the first was not.
fn date(
    patterns: &Patterns,
    bundle: &[u8],
    (hits, told): (Vec<Hit>, Vec<Option<(Bytes, Standing)>>),
    (now, time): (Micros, Duration),
) -> Result<(Vec<ObservedMatch>, Duration), ObservedError> {
    let start = Instant::now();
    let bundle = Json::parse(bundle).map_err(|error| ObservedError::Unfit(error.to_string()))?;
    let observations = Observations::from_bundle(&bundle);
    let at = Timestamp::from_micros(now);
    let mut matches = Vec::with_capacity(hits.len());
    for (hit, told) in hits.into_iter().zip(told) {
        if start.elapsed() >= time {
            return Err(ObservedError::TooCostly);
        }
        let Some((bytes, standing)) = told else { continue };
        let json = Json::parse(&bytes).unwrap_or(Json::Null);
        let moment = |key| json.get(key).and_then(Json::as_str).and_then(|text| Timestamp::parse(text).ok());
        let (from, until) = (moment("valid_from"), moment("valid_until"));
        let validity = Validity::new(from.as_ref(), until.as_ref(), &at);
        let halt = || start.elapsed() >= time;
        let (valid_then, observations) = was_valid(patterns, &hit, (&observations, &validity), &halt);
        let text = |at: Option<Timestamp>| at.map(|at| at.as_str().to_owned());
        matches.push(ObservedMatch {
            id: hit.row.id,
            observations: observations.unwrap_or(hit.observations),
            revoked: standing.revoked,
            not_yet_valid: standing.not_yet(now),
            expired: standing.expired(now),
            valid_from: text(from),
            valid_until: text(until),
            valid_then,
        });
    }
    if start.elapsed() >= time {
        return Err(ObservedError::TooCostly);
    }
    Ok((matches, start.elapsed()))
}

/// Whether an indicator was valid when what its pattern matches was observed, and another match where that one shows it.
fn was_valid(
    patterns: &Patterns,
    hit: &Hit,
    (observations, validity): (&Observations<'_>, &Validity),
    halt: &dyn Fn() -> bool,
) -> (Option<bool>, Option<Vec<usize>>) {
    if hit.observations.iter().all(|at| observations.is_within(*at, validity)) {
        return (Some(true), None);
    }
    let again = |prepared: Arc<Prepared>| prepared.run_until(&observations.within(validity), halt);
    match patterns.of(&hit.row).map(again) {
        Some(Outcome::Matched(then)) => (Some(true), Some(then)),
        Some(Outcome::NotMatched) => (Some(false), None),
        Some(Outcome::Undecided) | None => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One pattern over many values is given up in time too, not only many patterns.
    #[test]
    fn one_pattern_does_not_go_on_behind_its_time() {
        let values = vec![format!("{}!", "a".repeat(60)); 20_000];
        let bundle = serde_json::json!({"type": "bundle", "objects": [
            {"type": "file", "id": "file--1", "x_l": values},
            {"type": "observed-data", "first_observed": "2024-01-01T00:00:00Z", "last_observed": "2024-01-01T00:00:00Z",
             "number_observed": 1, "object_refs": ["file--1"]}]})
        .to_string();
        let pattern = "[file:x_l[*] MATCHES '^(a|aa)+$']".to_owned();
        let row = || vec![PatternRow { row: 1, id: "indicator--1".into(), pattern: pattern.clone() }];
        let patterns = Patterns::default();
        let short = Duration::from_millis(50);
        let given_up = run(&patterns, bundle.as_bytes(), row(), short);
        assert!(matches!(given_up, Err(ObservedError::TooCostly)), "{:?}", given_up.is_ok());
    }
}
