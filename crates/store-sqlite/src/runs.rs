//! What a viewer sees of a type, found by rules and not row by row.
//!
//! A run is what stands in one collection, of one type, under the same rules. One index holds runs one behind the other, each in the order in
//! which its versions came, so that it is asked of each run once whether the viewer sees it, and what is withheld is jumped over, however
//! much it is: neither an answer nor a bound on one depends on how many hidden rows there are. How many *rules* hide something is all that
//! a walk costs besides.

use std::collections::{BTreeSet, BinaryHeap, HashMap};

use rusqlite::{Connection, OptionalExtension};

use crate::error::Done;
use crate::sight::Sight;

/// A run that a viewer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) collection: i64,
    pub(crate) kind: i64,
    pub(crate) rules: i64,
}

/// The runs that a viewer sees, on one connection.
pub(crate) struct Runs<'a> {
    connection: &'a Connection,
    sight: &'a Sight,
    /// Of rules that were asked about, whether what is under them is seen.
    seen: HashMap<i64, bool>,
}

impl<'a> Runs<'a> {
    pub(crate) fn of(connection: &'a Connection, sight: &'a Sight) -> Self {
        Self { connection, sight, seen: HashMap::new() }
    }

    /// The first run that is seen of a type in a collection, behind one or from the start.
    pub(crate) fn next(&mut self, (collection, kind): (i64, i64), behind: Option<Run>) -> Done<Option<Run>> {
        let mut jump = self.connection.prepare_cached(
            "SELECT h.rules FROM holding h INDEXED BY holding_seen WHERE h.collection = ?1 AND h.kind = ?2 AND h.rules > ?3 \
             ORDER BY h.rules LIMIT 1",
        )?;
        let mut last = behind.map_or(-1, |run| run.rules);
        while let Some(rules) = jump.query_row((collection, kind, last), |row| row.get(0)).optional()? {
            if self.is_seen(rules)? {
                return Ok(Some(Run { collection, kind, rules }));
            }
            last = rules;
        }
        Ok(None)
    }

    fn is_seen(&mut self, rules: i64) -> Done<bool> {
        if let Some(seen) = self.seen.get(&rules) {
            return Ok(*seen);
        }
        let seen = self.sight.sees_under(self.connection, rules)?;
        self.seen.insert(rules, seen);
        Ok(seen)
    }

    /// What the viewer sees of these types, or of all, in all of the viewer's collections: versions before one, the newest first.
    pub(crate) fn newest(&mut self, kinds: &[i64], before: i64) -> Done<Newest<'a>> {
        let mut newest = Newest { connection: self.connection, runs: Vec::new(), heads: BinaryHeap::new() };
        for collection in self.sight.collections() {
            let held = held(self.connection, collection)?;
            for kind in held.into_iter().filter(|kind| kinds.is_empty() || kinds.contains(kind)) {
                let mut behind = None;
                while let Some(run) = self.next((collection, kind), behind)? {
                    newest.runs.push(run);
                    newest.go_on(newest.runs.len().saturating_sub(1), before)?;
                    behind = Some(run);
                }
            }
        }
        Ok(newest)
    }
}

/// The numbers of the types that are held in a collection, seen or not, jumping from one to the next.
pub(crate) fn held(connection: &Connection, collection: i64) -> Done<BTreeSet<i64>> {
    let mut jump = connection.prepare_cached(
        "SELECT h.kind FROM holding h INDEXED BY holding_seen WHERE h.collection = ?1 AND h.kind > ?2 \
         ORDER BY h.kind LIMIT 1",
    )?;
    let (mut kinds, mut last) = (BTreeSet::new(), -1);
    while let Some(no) = jump.query_row((collection, last), |row| row.get(0)).optional()? {
        kinds.insert(no);
        last = no;
    }
    Ok(kinds)
}

/// Versions that stand in runs, the newest first and each once.
pub(crate) struct Newest<'a> {
    connection: &'a Connection,
    runs: Vec<Run>,
    /// Of each run the next version, and which run that is.
    heads: BinaryHeap<(i64, usize)>,
}

impl Newest<'_> {
    /// The next version.
    pub(crate) fn next(&mut self) -> Done<Option<i64>> {
        let Some((version, _)) = self.heads.peek().copied() else { return Ok(None) };
        // It may stand in several.
        while let Some((_, run)) = self.heads.peek().copied().filter(|(next, _)| *next == version) {
            self.heads.pop();
            self.go_on(run, version)?;
        }
        Ok(Some(version))
    }

    /// Looks for the newest version of a run before one.
    fn go_on(&mut self, at: usize, before: i64) -> Done<()> {
        let Some(run) = self.runs.get(at) else { return Ok(()) };
        let mut newest = self.connection.prepare_cached(
            "SELECT h.version FROM holding h INDEXED BY holding_seen WHERE h.collection = ?1 AND h.kind = ?2 AND h.rules = ?3 \
             AND h.version < ?4 ORDER BY h.version DESC LIMIT 1",
        )?;
        let next =
            newest.query_row((run.collection, run.kind, run.rules, before), |row| row.get(0)).optional()?;
        self.heads.extend(next.map(|version: i64| (version, at)));
        Ok(())
    }
}
