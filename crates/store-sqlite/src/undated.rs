//! Objects whose version is the date they came: observables, which nothing orders but where they stand.
//!
//! An observable has no `modified` that its maker set, so that it came later somewhere says nothing of what stands elsewhere. What is said
//! of it in one collection by one word is a strand of its own: strands stand side by side and hide nothing of each other. Within one
//! the later goes before, and hides what came before only where it is found by the same: what the earlier one alone says is found as
//! long as that stands.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, ToSql};

use crate::derived::Derived;
use crate::error::Done;
use crate::sight::Sight;

/// Which versions without a date of their own are told for one question, object by object.
pub(crate) struct Undated<'a> {
    connection: &'a Connection,
    sight: &'a Sight,
    /// What it is found by: a condition on the version of a holding `l`, whose parameters start at `?4`.
    found_by: &'static str,
    told: HashMap<(i64, Vec<u8>), HashMap<i64, i64>>,
}

impl<'a> Undated<'a> {
    /// For what is found by a condition on the version of a holding `l`, whose parameters start at `?4`.
    pub(crate) fn found_by(connection: &'a Connection, sight: &'a Sight, found_by: &'static str) -> Self {
        Self { connection, sight, found_by, told: HashMap::new() }
    }

    /// When the viewer's first holding of a version of this object, which was found, was added, where it is told; `None` where another is told for it. `by`
    /// are the parameters of what it is found by, of which `key` is what changes between two calls.
    pub(crate) fn added(
        &mut self,
        (object, version): (i64, i64),
        by: &[&dyn ToSql],
        key: &[u8],
    ) -> Done<Option<i64>> {
        let key = (object, key.to_vec());
        if let Some(told) = self.told.get(&key) {
            return Ok(told.get(&version).copied());
        }
        let told = self.of_object((object, version), by)?;
        let added = told.get(&version).copied();
        self.told.insert(key, told);
        Ok(added)
    }

    /// The latest of each strand that is found, and what several say alike once: as the one that said it first. The version in hand was
    /// found and is not asked for again, which is dear of what is open-ended: it mostly is the only one.
    fn of_object(&self, (object, in_hand): (i64, i64), by: &[&dyn ToSql]) -> Done<HashMap<i64, i64>> {
        let mut select = self.connection.prepare_cached(&format!(
            "SELECT l.version, l.added, l.lineage, l.collection, w.content_digest FROM holding l \
             CROSS JOIN version w ON w.no = l.version WHERE l.object = ?2 AND w.modified IS NULL AND {} \
             AND (l.version = ?3 OR {}) \
             ORDER BY l.place DESC, l.version",
            self.sight.sees("l"),
            self.found_by
        ))?;
        let mut own: Vec<&dyn ToSql> = vec![&object, &in_hand];
        own.extend(by);
        self.sight.bind(&mut select, &own)?;
        let mut rows = select.raw_query();
        let (mut strands, mut said) = (HashSet::new(), HashMap::new());
        let mut added: HashMap<i64, i64> = HashMap::new();
        while let Some(row) = rows.next()? {
            let version: i64 = row.get(0)?;
            let at: i64 = row.get(1)?;
            added.entry(version).and_modify(|first| *first = at.min(*first)).or_insert(at);
            if strands.insert((row.get::<_, i64>(2)?, row.get::<_, i64>(3)?)) {
                let first = said.entry(row.get::<_, [u8; 32]>(4)?).or_insert(version);
                *first = version.min(*first);
            }
        }
        let told: HashSet<i64> = said.into_values().collect();
        added.retain(|version, _| told.contains(version));
        Ok(added)
    }
}

/// Whether an object has versions without a date of their own and stands in several collections, among what `counts` of holdings `f`:
/// what is withheld decides nothing of what is told.
pub(crate) fn in_several(sql: &Connection, sight: &Sight, (object, counts): (i64, &str)) -> Done<bool> {
    // Nearly all stand in one, and are not asked for what is seen.
    let mut may =
        sql.prepare_cached("SELECT min(collection) <> max(collection) FROM holding WHERE object = ?1")?;
    if may.query_row([object], |row| row.get(0)).optional()?.flatten() != Some(true) {
        return Ok(false);
    }
    let mut several = sql.prepare_cached(&format!(
        "SELECT max(v.modified IS NULL) AND min(f.collection) <> max(f.collection) \
         FROM holding f CROSS JOIN version v ON v.no = f.version WHERE f.object = ?2 AND {counts}"
    ))?;
    sight.bind(&mut several, &[&object])?;
    let mut rows = several.raw_query();
    Ok(match rows.next()? {
        Some(row) => row.get::<_, Option<bool>>(0)?.unwrap_or_default(),
        None => false,
    })
}

/// What one version without a date of its own says beside others of its object.
pub(crate) struct Line {
    /// Its lineage and its collection.
    pub(crate) strand: (i64, i64),
    pub(crate) place: String,
    pub(crate) content: [u8; 32],
    /// What it is found by, as it is packed.
    pub(crate) derived: Vec<u8>,
}

impl Line {
    /// Which of these contradict this one of them: of other strands those with content that its own never had, of its own those before it
    /// that say something which it does not.
    pub(crate) fn contradicted_by(&self, all: &[&Self]) -> Vec<bool> {
        let own: HashSet<&[u8; 32]> =
            all.iter().filter(|line| line.strand == self.strand).map(|line| &line.content).collect();
        let says = Derived::unpack(&self.derived).unwrap_or_default();
        let contradicts = |line: &&Self| {
            if line.strand != self.strand {
                return !own.contains(&line.content);
            }
            let before = || Derived::unpack(&line.derived).unwrap_or_default();
            line.place < self.place && !before().is_within(&says)
        };
        all.iter().map(contradicts).collect()
    }
}
