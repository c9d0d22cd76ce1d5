//! Objects whose version is the date they came: observables, which nothing orders but where they stand.
//!
//! An observable has no `modified` that its maker set, so that it came later somewhere says nothing of what stands elsewhere. What is said
//! of it in one collection by one word is a strand of its own: strands stand side by side and hide nothing of each other. Within one
//! the later goes before, and hides what came before only where it is found by the same: what the earlier one alone says is found as
//! long as that stands.

use std::collections::{HashMap, HashSet};

use base::limit::{TELLINGS_BYTES_MAX, UNDATED_REMEMBERED_MAX};
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
    /// How many versions and objects may be remembered, and how many are.
    room: usize,
    remembered: usize,
}

impl<'a> Undated<'a> {
    /// For what is found by a condition on the version of a holding `l`, whose parameters start at `?4`.
    pub(crate) fn found_by(connection: &'a Connection, sight: &'a Sight, found_by: &'static str) -> Self {
        let told = HashMap::new();
        Self { connection, sight, found_by, told, room: UNDATED_REMEMBERED_MAX, remembered: 0 }
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
        self.remember(key, told);
        Ok(added)
    }

    /// Whoever walks by very many objects, seen or not, asks again of some and gets the same answer.
    fn remember(&mut self, key: (i64, Vec<u8>), told: HashMap<i64, i64>) {
        let more = told.len().saturating_add(1);
        if self.remembered.saturating_add(more) > self.room {
            self.told.clear();
            self.remembered = 0;
        }
        self.remembered = self.remembered.saturating_add(more);
        self.told.insert(key, told);
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

/// One version without a date of its own, beside others of its object.
pub(crate) struct Line {
    /// Its lineage and its collection.
    pub(crate) strand: (i64, i64),
    pub(crate) place: String,
    pub(crate) content: [u8; 32],
    /// Its number.
    pub(crate) version: i64,
}

/// What contradicts one version of several.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Contradicting {
    /// Of each of them, whether it does.
    pub(crate) which: Vec<bool>,
    /// How many were not held against it, for they and what was take too many bytes together: the earliest of its own strand.
    pub(crate) unread: u64,
}

impl Line {
    /// Which of these, that a viewer sees, contradict this one of them: of other strands those with content that its own never had, of its
    /// own those before it that say something which it does not. What these are found by is read one at a time, the latest first, and not
    /// more of it than [`TELLINGS_BYTES_MAX`].
    pub(crate) fn contradicted_by(&self, sql: &Connection, all: &[&Self]) -> Done<Contradicting> {
        self.contradicted_within(sql, all, TELLINGS_BYTES_MAX)
    }

    fn contradicted_within(&self, sql: &Connection, all: &[&Self], bytes_max: usize) -> Done<Contradicting> {
        let own: HashSet<&[u8; 32]> =
            all.iter().filter(|line| line.strand == self.strand).map(|line| &line.content).collect();
        let beside = |line: &&Self| line.strand != self.strand && !own.contains(&line.content);
        let mut which: Vec<bool> = all.iter().map(beside).collect();
        let before = |line: &Self| line.strand == self.strand && line.place < self.place;
        let mut earlier: Vec<(&Self, &mut bool)> = all
            .iter()
            .zip(&mut which)
            .filter(|(line, _)| before(line))
            .map(|(line, one)| (*line, one))
            .collect();
        if earlier.is_empty() {
            return Ok(Contradicting { which, unread: 0 });
        }
        earlier.sort_by(|(one, _), (other, _)| other.place.cmp(&one.place));
        let (mut room, says) = (bytes_max, derived(sql, self.version)?);
        let (mut unread, mut is_full) = (0_u64, false);
        for (line, contradicts) in earlier {
            if is_full {
                unread = unread.saturating_add(1);
                continue;
            }
            let before = derived(sql, line.version)?;
            match room.checked_sub(size(&before)) {
                Some(left) => {
                    room = left;
                    *contradicts = !before.is_within(&says);
                }
                None => {
                    is_full = true;
                    unread = unread.saturating_add(1);
                }
            }
        }
        Ok(Contradicting { which, unread })
    }
}

/// How many bytes that takes by which a version is found, as if every number of an object took the same: how long it is, is a matter of
/// everything that came before, hidden or not.
fn size(said: &Derived) -> usize {
    let parts = [(said.fingerprints.len(), 16), (said.addresses.len(), 32), (said.edges.len(), 24)];
    parts.iter().fold(0, |all, (number, each)| number.saturating_mul(*each).saturating_add(all))
}

/// What a version is found by.
fn derived(sql: &Connection, version: i64) -> Done<Derived> {
    let mut select = sql.prepare_cached("SELECT derived FROM version WHERE no = ?1")?;
    let packed: Vec<u8> = select.query_row([version], |row| row.get(0))?;
    Ok(Derived::unpack(&packed).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use handling::CollectionNo;
    use store::conformance::sample::viewer;

    use super::*;
    use crate::migrate::migrate;

    /// Earlier tellings are held against the last until they have so many bytes; how many were not is told, and no other line is touched.
    #[test]
    fn so_many_bytes_of_earlier_tellings_are_read() {
        let sql = Connection::open_in_memory().unwrap();
        migrate(&sql, "db").unwrap();
        let said = |no: u8| Derived { fingerprints: vec![[no; 16]], ..Derived::default() };
        let (found_by, size) = (|no: u8| said(no).pack(), size(&said(1)));
        for (no, said) in [(1, 1), (2, 9), (3, 3), (4, 9), (5, 5)] {
            let insert = "INSERT INTO version (no, object, kind, spec, revoked, digest, content_digest, label, derived) \
                          VALUES (?1, 1, 1, 21, 0, x'', x'', '', ?2)";
            sql.execute(insert, (no, found_by(said))).unwrap();
        }
        let line = |version: i64, collection| Line {
            strand: (0, collection),
            place: format!("{version}"),
            content: [u8::try_from(version).unwrap(); 32],
            version,
        };
        let lines = [line(1, 1), line(2, 1), line(3, 1), line(4, 1), line(5, 2)];
        let all: Vec<&Line> = lines.iter().collect();
        let told = |bytes| lines[3].contradicted_within(&sql, &all, bytes).unwrap();
        let told_as = |which: [bool; 5], unread| Contradicting { which: which.to_vec(), unread };
        assert_eq!(told(3 * size), told_as([true, false, true, false, true], 0), "the second says the same");
        assert_eq!(told(2 * size), told_as([false, false, true, false, true], 1));
        assert_eq!(told(size - 1), told_as([false, false, false, false, true], 3));
        assert_eq!(
            lines[0].contradicted_within(&sql, &all, 0).unwrap(),
            told_as([false, false, false, false, true], 0)
        );
    }

    /// A walk by more objects than are kept in mind answers as if all were, and keeps no more.
    #[test]
    fn a_walk_keeps_so_many_in_mind_and_answers_the_same() {
        let sql = Connection::open_in_memory().unwrap();
        migrate(&sql, "db").unwrap();
        for no in 0..40_i64 {
            let version = "INSERT INTO version (no, object, kind, spec, revoked, digest, content_digest, label, derived) \
                           VALUES (?1, ?2, 1, 21, 0, x'', ?3, '', x'')";
            sql.execute(version, (no, no % 10, [u8::try_from(no).unwrap(); 32])).unwrap();
            let holding = "INSERT INTO holding (collection, added, object, kind, version, place, spec, size, is_last, is_first, \
                           restricted, rules) VALUES (1, ?1, ?2, 1, ?1, ?3, 21, 1, 0, 0, ?4, ?4)";
            // Half of the objects are withheld.
            sql.execute(holding, (no, no % 10, format!("{no:02}"), no % 2)).unwrap();
        }
        sql.execute_batch(
            "INSERT INTO rules (no, form, open, level, pap, originator, controlled, purposes, awaited) VALUES (1, '', 0, 4, 0, '', 0, 7, 0);
             INSERT INTO addressee VALUES (1, 0, '')",
        )
        .unwrap();
        let sight = Sight::of(&sql, &viewer(1, &[CollectionNo(1)])).unwrap().unwrap();
        let walk = |room: usize| {
            let mut undated = Undated { room, ..Undated::found_by(&sql, &sight, "1") };
            let told = (0..40_i64).rev().map(|no| {
                let added = undated.added((no % 10, no), &[], &[]).unwrap();
                assert!(undated.told.values().map(|told| told.len() + 1).sum::<usize>() <= room.max(2));
                added
            });
            told.collect::<Vec<_>>()
        };
        let all = walk(usize::MAX);
        assert_eq!(all.iter().flatten().count(), 5, "the last telling of each that is seen");
        for room in [1, 3, 7] {
            assert_eq!(walk(room), all);
        }
    }
}
