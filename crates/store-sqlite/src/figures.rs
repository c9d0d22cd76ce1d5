//! How much there is.
//!
//! Counting walks all holdings of the viewer's collections: about 1 µs each. So an answer is kept until the next commit; one
//! that took long to count is told again, unchanged, for twenty times as long as counting took.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use base::Micros;
use handling::{Action, CollectionNo, Standing, UserNo, Viewer};
use rusqlite::Connection;
use store::Figures;

use crate::error::Done;
use crate::open::DATABASE;
use crate::sight::Sight;

/// Counting that took longer is not repeated after every commit.
const LONG: Duration = Duration::from_millis(50);
/// How much longer than counting an answer that took long is told.
const TOLD_FOR: u32 = 20;
/// Answers kept.
const KEPT_MAX: usize = 64;

/// Whose figures: collections, person, for what, in which community; `None` = of the whole node.
type Whose = Option<(Vec<CollectionNo>, UserNo, Action, Standing)>;

/// Answers told before.
#[derive(Debug, Default)]
pub(crate) struct Counted(Mutex<HashMap<Whose, Answer>>);

#[derive(Clone, Debug)]
struct Answer {
    figures: Figures,
    /// After how many commits it was counted.
    commits: u64,
    counted: Instant,
    took: Duration,
}

impl Counted {
    /// The answer, if it may be told again; and whether counting takes long.
    pub(crate) fn again(&self, viewer: Option<&Viewer>, commits: u64) -> (Option<Figures>, bool) {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(answer) = kept.get(&whose(viewer)) else {
            return (None, kept.values().any(|answer| answer.took > LONG));
        };
        let long = answer.took > LONG;
        let fresh = answer.commits == commits || (long && answer.counted.elapsed() < answer.took * TOLD_FOR);
        (fresh.then(|| answer.figures.clone()), long)
    }

    /// Keeps an answer.
    pub(crate) fn keep(&self, viewer: Option<&Viewer>, figures: &Figures, (commits, start): (u64, Instant)) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        let (counted, took) = (Instant::now(), start.elapsed());
        kept.insert(whose(viewer), Answer { figures: figures.clone(), commits, counted, took });
    }
}

fn whose(viewer: Option<&Viewer>) -> Whose {
    viewer.map(|viewer| {
        let standing = Standing { now: Micros(0), ..viewer.standing().clone() };
        (viewer.collections().iter().copied().collect(), viewer.user(), viewer.action(), standing)
    })
}

/// Figures, and whether they hold until the next commit: not where embargoes and retention run out by themselves.
pub(crate) fn counted(connection: &Connection, viewer: Option<&Viewer>) -> Done<(Figures, bool)> {
    let mut timed = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM rules INDEXED BY rules_timed WHERE embargo IS NOT NULL OR keep IS NOT NULL)",
    )?;
    let timed: bool = viewer.is_some() && timed.query_row([], |row| row.get(0))?;
    Ok((figures(connection, viewer)?, !timed))
}

/// Figures of what a viewer may know of, or of everything.
pub(crate) fn figures(connection: &Connection, viewer: Option<&Viewer>) -> Done<Figures> {
    let (sight, collections) = match viewer {
        None => (None, connection.query_row("SELECT count(*) FROM collection", [], |row| row.get(0))?),
        Some(viewer) => match Sight::of(connection, viewer)? {
            None => return Ok(Figures::default()),
            sight => (sight, viewer.collections().len() as u64),
        },
    };
    let sees = sight.as_ref().map_or_else(|| "1".to_owned(), |sight| sight.sees("h"));
    let mut select = connection.prepare_cached(&format!(
        "SELECT (SELECT n.name FROM name n WHERE n.no = h.kind), count(DISTINCT h.object), count(DISTINCT h.object || ' ' || h.place) \
         FROM holding h WHERE {sees} GROUP BY h.kind"
    ))?;
    if let Some(sight) = &sight {
        sight.bind(&mut select, &[])?;
    }
    let mut figures = Figures { collections, ..Figures::default() };
    let mut rows = select.raw_query();
    while let Some(row) = rows.next()? {
        let (kind, objects, versions): (String, u64, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        figures.objects += objects;
        figures.versions += versions;
        figures.by_type.push((kind, objects));
    }
    figures.by_type.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    Ok(figures)
}

/// Bytes of the database and its log on disk.
pub(crate) fn disk_bytes(directory: &Path) -> u64 {
    [DATABASE.to_owned(), format!("{DATABASE}-wal")]
        .iter()
        .filter_map(|name| std::fs::metadata(directory.join(name)).ok())
        .map(|file| file.len())
        .sum()
}
