//! Editions of the specification: which one a version is in, and what is picked of an object that is held in several.
//!
//! Nearly every object is in one edition, and then nothing here decides between its versions. Those of which a collection holds several are
//! listed in table `mixed`, so that whoever asks for a page pays one look at an empty list. The list may name too much (what was mixed and
//! is no more), never too little.
//!
//! Picked is among what the viewer sees, of the lineage that stands in the collection longest, as everywhere ([`Sight::ends`]). A version
//! that names an edition nobody here speaks stands behind all others: whoever writes a higher number does not take an object's place. A
//! revocation is of the object in whatever edition: it stays the latest for who names none.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use store::{Editions, Filter, VersionPick};

use crate::error::Done;
use crate::sight::Sight;
use crate::writer::Desk;

/// An edition as stored: ten times its first digit and its second; 0 for whatever has no such name.
pub(crate) fn spec_no(spec: &str) -> i64 {
    match spec.as_bytes() {
        [major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => {
            i64::from(major - b'0') * 10 + i64::from(minor - b'0')
        }
        _ => 0,
    }
}

/// An edition as told; empty for what has no such name.
pub(crate) fn spec_text(spec: i64) -> String {
    if (1..=99).contains(&spec) { format!("{}.{}", spec / 10, spec % 10) } else { String::new() }
}

/// The editions of a filter as SQL writes a list of them.
pub(crate) fn listed(specs: &[String]) -> String {
    let mut numbers: Vec<i64> = specs.iter().map(|spec| spec_no(spec)).filter(|spec| *spec != 0).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Notes that a collection holds an object in another edition than `spec`, where it does.
pub(crate) fn note(desk: &Desk<'_>, (collection, object): (i64, i64), spec: i64) -> Done<()> {
    desk.sql()
        .prepare_cached(
            "INSERT OR IGNORE INTO mixed (collection, object) SELECT ?1, ?2 WHERE EXISTS \
             (SELECT 1 FROM holding WHERE object = ?2 AND +collection = ?1 AND spec <> ?3)",
        )?
        .execute((collection, object, spec))?;
    Ok(())
}

/// Forgets an object of which a collection holds nothing any more.
pub(crate) fn forget(sql: &Connection, (collection, object): (i64, i64)) -> Done<()> {
    sql.prepare_cached(
        "DELETE FROM mixed WHERE collection = ?1 AND object = ?2 AND NOT EXISTS \
         (SELECT 1 FROM holding WHERE object = ?2 AND +collection = ?1)",
    )?
    .execute((collection, object))?;
    Ok(())
}

/// Whether a question between editions may decide anything in a collection.
pub(crate) fn matter(
    connection: &Connection,
    collection: i64,
    (filter, editions): (&Filter, Editions),
) -> Done<bool> {
    if filter.spec_versions.is_empty() && editions == Editions::Any {
        return Ok(false);
    }
    let mut any = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM mixed WHERE collection = ?1)")?;
    Ok(any.query_row([collection], |row| row.get(0))?)
}

/// Whether `h` is of an object that may be mixed in its collection.
pub(crate) const MAY_BE_MIXED: &str =
    "EXISTS (SELECT 1 FROM mixed m WHERE m.collection = h.collection AND m.object = h.object)";

/// A version that somebody sees of an object in a collection, as far as it can be picked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Its number.
    pub(crate) version: i64,
    pub(crate) lineage: i64,
    /// Its edition as stored.
    pub(crate) spec: i64,
    /// Its place among the versions.
    pub(crate) place: String,
}

impl Candidate {
    fn moment(&self) -> &str {
        self.place.trim_start_matches('~')
    }
}

/// Versions of one object that somebody sees in a collection.
pub(crate) fn seen(connection: &Connection, sight: &Sight, object: i64) -> Done<Vec<Candidate>> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT h.version, h.lineage, h.spec, h.place FROM holding h WHERE h.object = ?2 AND {}",
        sight.sees("h")
    ))?;
    sight.bind(&mut select, &[&object])?;
    let mut rows = select.raw_query();
    let mut seen = Vec::new();
    while let Some(row) = rows.next()? {
        let (version, lineage) = (row.get(0)?, row.get(1)?);
        seen.push(Candidate { version, lineage, spec: row.get(2)?, place: row.get(3)? });
    }
    Ok(seen)
}

/// What a filter picks of the versions of an object: all of them are looked at once, whichever are picked, so that very many cost
/// as much as they are and not their square.
pub(crate) struct Picking<'a> {
    specs: Option<Vec<i64>>,
    /// Whether the latest edition comes before the others.
    ranked: bool,
    all: bool,
    last: bool,
    first: bool,
    moments: BTreeSet<&'a str>,
}

impl<'a> Picking<'a> {
    pub(crate) fn of(filter: &'a Filter, editions: Editions) -> Self {
        let has = |pick: &VersionPick| filter.versions.contains(pick);
        let any = filter.spec_versions.is_empty();
        let moment = |pick: &'a VersionPick| match pick {
            VersionPick::Exact(key) => Some(key.as_str()),
            _ => None,
        };
        Self {
            specs: (!any).then(|| filter.spec_versions.iter().map(|spec| spec_no(spec)).collect()),
            ranked: any && editions == Editions::Latest,
            all: has(&VersionPick::All),
            last: has(&VersionPick::Last) || filter.versions.is_empty(),
            first: has(&VersionPick::First),
            moments: filter.versions.iter().filter_map(moment).collect(),
        }
    }

    /// Whether a version in this edition is among those that are picked from.
    pub(crate) fn is_asked(&self, spec: i64) -> bool {
        self.specs.as_ref().is_none_or(|specs| spec != 0 && specs.contains(&spec))
    }

    /// The numbers of the versions that are picked, in rising order.
    pub(crate) fn among<'s>(&self, seen: impl IntoIterator<Item = &'s Candidate>) -> Vec<i64> {
        let asked: Vec<&Candidate> = seen.into_iter().filter(|one| self.is_asked(one.spec)).collect();
        // Of each lineage since when it stands here, and its latest edition.
        let mut lineages: BTreeMap<i64, (i64, u8)> = BTreeMap::new();
        for one in &asked {
            let (since, rank) = lineages.entry(one.lineage).or_insert((one.version, 0));
            *since = one.version.min(*since);
            *rank = self.rank(one).max(*rank);
        }
        let Some(longest) = lineages.iter().min_by_key(|(_, (since, _))| *since).map(|(lineage, _)| *lineage)
        else {
            return Vec::new();
        };
        let of_longest = || asked.iter().filter(|one| one.lineage == longest);
        let mut picked: BTreeSet<i64> = BTreeSet::new();
        if self.all {
            let is_latest =
                |one: &Candidate| lineages.get(&one.lineage).is_some_and(|of| of.1 == self.rank(one));
            let given = asked.iter().filter(|one| self.is_over(one) || is_latest(one));
            picked.extend(given.map(|one| one.version));
        }
        if self.last {
            let last = of_longest()
                .max_by_key(|one| (self.is_over(one), self.rank(one), &one.place, Reverse(one.version)));
            picked.extend(last.map(|one| one.version));
        }
        if self.first {
            let first = of_longest().min_by_key(|one| (Reverse(self.rank(one)), one.moment(), one.version));
            picked.extend(first.map(|one| one.version));
        }
        // Of each moment the one that stands in the lineage that stands here longest, and of several there the first.
        let mut of_moments: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for one in asked.iter().filter(|one| self.moments.contains(one.moment())) {
            let this = (lineages.get(&one.lineage).map_or(i64::MAX, |of| of.0), one.version);
            let best = of_moments.entry(one.moment()).or_insert(this);
            *best = this.min(*best);
        }
        picked.extend(of_moments.values().map(|(_, version)| *version));
        picked.into_iter().collect()
    }

    fn rank(&self, one: &Candidate) -> u8 {
        match one.spec {
            21 if self.ranked => 2,
            20 if self.ranked => 1,
            _ => 0,
        }
    }

    /// Whether it revokes, and comes before every edition by that.
    fn is_over(&self, one: &Candidate) -> bool {
        self.ranked && one.place.starts_with('~')
    }
}

/// Objects, and collections, that are mixed and not listed, or whose place names another edition than their version.
pub(crate) const UNLISTED: &str = "SELECT h.object, h.collection FROM holding h WHERE h.lone = 0 GROUP BY h.collection, h.object \
     HAVING min(h.spec) <> max(h.spec) AND NOT EXISTS \
     (SELECT 1 FROM mixed m WHERE m.collection = h.collection AND m.object = h.object) \
     UNION SELECT h.object, h.collection FROM holding h JOIN version v ON v.no = h.version WHERE h.spec <> v.spec";

/// Reads again which edition those versions are in that name none that is spoken here, as far as their bytes can be read: until migration 40
/// they were taken for the latest.
pub(crate) fn read_again(sql: &Connection) -> Done<()> {
    let mut select = sql.prepare(
        "SELECT v.no, b.bytes FROM version v JOIN body b ON b.version = v.no WHERE v.findings LIKE '%\"spec-version\"%'",
    )?;
    let mut update = sql.prepare("UPDATE version SET spec = ?2 WHERE no = ?1")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        if let Ok(entry) = crate::text::entry(row.get(1)?) {
            update.execute((row.get::<_, i64>(0)?, spec_no(&entry.facts.spec_version)))?;
        }
    }
    Ok(())
}

/// Lists what is mixed anew, from the versions.
pub(crate) fn list_all(sql: &Connection) -> Done<()> {
    sql.execute_batch(
        "UPDATE holding SET spec = v.spec FROM version v WHERE v.no = holding.version AND v.spec <> holding.spec;
         DELETE FROM mixed;
         INSERT INTO mixed (collection, object) SELECT collection, object FROM holding WHERE lone = 0
           GROUP BY collection, object HAVING min(spec) <> max(spec);",
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edition_is_told_as_it_was_stored() {
        for spec in ["2.0", "2.1", "2.2", "3.0", "0.1"] {
            assert_eq!(spec_text(spec_no(spec)), spec);
        }
        for other in ["", "2", "2.10", "2.1 ", "x.y", "02.1"] {
            assert_eq!((spec_no(other), spec_text(spec_no(other))), (0, String::new()), "{other}");
        }
        assert_eq!(listed(&["2.1".into(), "2.0".into(), "2.10".into(), "2.1".into()]), "20,21");
    }

    #[test]
    fn of_several_under_one_moment_the_first_is_picked() {
        let standing =
            |version, lineage, place: &str| Candidate { version, lineage, spec: 21, place: place.into() };
        let seen = [standing(4, 2, "a"), standing(3, 1, "~b"), standing(2, 1, "b"), standing(1, 2, "c")];
        let picked = |moments: &[&str]| {
            let versions = moments.iter().map(|moment| VersionPick::Exact((*moment).into())).collect();
            let filter = Filter { versions, ..Filter::default() };
            Picking::of(&filter, Editions::Any).among(&seen)
        };
        assert_eq!(picked(&["a"]), [4]);
        assert_eq!(picked(&["b"]), [2], "of one lineage");
        assert_eq!(picked(&["a", "b", "c", "d"]), [1, 2, 4]);
        let one = [standing(2, 0, "b"), standing(1, 0, "b")];
        let filter = Filter { versions: vec![VersionPick::Exact("b".into())], ..Filter::default() };
        assert_eq!(Picking::of(&filter, Editions::Any).among(&one), [1], "where there is one lineage");
    }
}
