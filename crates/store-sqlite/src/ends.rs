//! The two ends of an object's versions in a collection: the marks of the last and the first, and a new date for what becomes one of them
//! because another went.
//!
//! Who polls for last versions passed by what takes the place of one that goes: it came before. So it is dated anew ([`crate::dates`]), in the
//! transaction that takes the other away, whoever does it and why: whatever takes a version out of a place, or from somebody's eyes, tells
//! the desk so ([`Left`]), and [`mark_ends`] goes by that.
//!
//! What one viewer knows as the last another may not. A row is dated anew where it becomes an end for whoever sees no more than
//! everybody who sees it, and where they all saw what went. So nobody learns from a date that something stood, or went, which they may not
//! know of (decision 0012). Where an object is held in several editions, each has its ends ([`crate::editions`]). Who saw a version that others did not, and sees those others' version when it goes, gets no news of that one.

use std::collections::{BTreeMap, BTreeSet};

use handling::{MemberId, Originator, Rules};
use rusqlite::{Connection, OptionalExtension};
use stix::TlpLevel;
use store::{Editions, Filter, VersionPick};

use crate::dates;
use crate::editions::{Candidate, Picking, spec_text};
use crate::error::Done;
use crate::rules_rows;
use crate::sight::End;
use crate::version_rows::share;
use crate::writer::Desk;

/// The marks of the two ends, and in which order of `holding m` of one lineage each comes first.
pub(crate) const ENDS: [(&str, &str); 2] = [("is_last", "m.place DESC"), ("is_first", "ltrim(m.place, '~')")];

/// What is gone from a place for somebody who saw it there, until the ends are marked anew.
#[derive(Clone, Debug)]
pub(crate) struct Left {
    line: Candidate,
    seen: Seen,
}

/// The rules that say who sees what stands in a place; `None` where every reader does, at any time.
type Seen = Option<Rules>;

/// Takes note of what leaves a place, or the eyes of some who see it there. To be told before it does, and before its rules are forgotten.
pub(crate) fn leaves(desk: &mut Desk<'_>, (collection, added): (i64, i64)) -> Done<()> {
    let sql = desk.sql();
    let row = sql
        .prepare_cached(
            "SELECT object, version, lineage, place, restricted, rules, spec FROM holding \
             WHERE collection = ?1 AND added = ?2",
        )?
        .query_row((collection, added), |row| {
            let (version, lineage) = (row.get(1)?, row.get(2)?);
            let line = Candidate { version, lineage, spec: row.get(6)?, place: row.get(3)? };
            Ok((row.get(0)?, line, row.get::<_, bool>(4)?, row.get(5)?))
        })
        .optional()?;
    let Some((object, line, restricted, rules)) = row else { return Ok(()) };
    // Until its time was over it was seen whenever that is.
    let seen = restricted.then(|| seen_by(sql, rules).apart_from_retention());
    desk.note_left((object, collection), Left { line, seen });
    Ok(())
}

/// Rules that cannot be read show it to nobody.
fn seen_by(sql: &Connection, rules: i64) -> Rules {
    rules_rows::read(sql, rules).ok().flatten().unwrap_or_else(Rules::closed)
}

/// Wherever something left, sets the marks of the last and the first open version anew, of the lineage that stands in the collection longest;
/// what becomes an end for somebody by it is dated anew. To be called when all of a deed has left: dates name places.
pub(crate) fn mark_ends(desk: &mut Desk<'_>) -> Done<()> {
    desk.take_left().into_iter().try_for_each(|(place, left)| mark_ends_of(desk, place, &left))
}

fn mark_ends_of(desk: &mut Desk<'_>, (object, collection): (i64, i64), left: &[Left]) -> Done<()> {
    let home = desk.book().map(|book| MemberId(*book.member().as_bytes()));
    let rows = Rows::of(desk.sql(), (object, collection))?;
    let eyes = |wide: &Seen, narrow: &Seen| covers(desk, home, (wide, narrow));
    for (added, version) in rows.moved_to(left, eyes) {
        dates::give_anew(desk, (collection, added), version)?;
        share(desk, version)?;
    }
    set_marks(desk.sql(), object, collection)
}

/// The marks alone.
pub(crate) fn set_marks(sql: &Connection, object: i64, collection: i64) -> Done<()> {
    for (flag, order) in ENDS {
        let added: Option<i64> = sql
            .prepare_cached(&format!(
                "SELECT m.added FROM holding m WHERE m.object = ?1 AND +m.collection = ?2 AND m.restricted = 0 \
                 ORDER BY m.lineage <> 0 AND m.lineage <> (SELECT f.lineage FROM holding f WHERE f.object = ?1 \
                 AND +f.collection = ?2 AND f.restricted = 0 ORDER BY coalesce(f.arrived, f.added) LIMIT 1), {order}, \
                 m.version LIMIT 1"
            ))?
            .query_row((object, collection), |row| row.get(0))
            .optional()?;
        sql.prepare_cached(&format!(
            "UPDATE holding SET {flag} = (added IS ?3) WHERE object = ?1 AND +collection = ?2 AND {flag} <> (added IS ?3)"
        ))?
        .execute((object, collection, added))?;
    }
    Ok(())
}

/// Whether everybody here who sees what is seen by `narrow` sees what is seen by `wide`.
fn covers(desk: &Desk<'_>, home: Option<MemberId>, (wide, narrow): (&Seen, &Seen)) -> bool {
    let Some(wide) = wide else { return true };
    let all = || Rules::marked(Some(TlpLevel::Clear), Originator::Here);
    let narrow = narrow.clone().unwrap_or_else(all);
    !narrow.opens_here(wide, home, desk.now())
}

/// A version that stands.
struct Row {
    added: i64,
    line: Candidate,
    /// The number of the rules that say who sees it; 0 where everybody does.
    rules: i64,
    /// Whether its version is its date.
    undated: bool,
}

/// What stands of an object in a collection, in the order of the versions.
struct Rows {
    rows: Vec<Row>,
    seen: BTreeMap<i64, Seen>,
}

impl Rows {
    fn of(sql: &Connection, (object, collection): (i64, i64)) -> Done<Self> {
        let mut select = sql.prepare_cached(
            "SELECT h.added, h.version, h.lineage, h.place, CASE h.restricted WHEN 0 THEN 0 ELSE h.rules END, v.modified IS NULL, h.spec \
             FROM holding h JOIN version v ON v.no = h.version WHERE h.object = ?1 AND +h.collection = ?2 \
             ORDER BY ltrim(h.place, '~'), h.version",
        )?;
        let rows = select.query_map((object, collection), |row| {
            let (version, lineage) = (row.get(1)?, row.get(2)?);
            let line = Candidate { version, lineage, spec: row.get(6)?, place: row.get(3)? };
            Ok(Row { added: row.get(0)?, line, rules: row.get(4)?, undated: row.get(5)? })
        })?;
        let rows = rows.collect::<rusqlite::Result<Vec<Row>>>()?;
        let numbers: BTreeSet<i64> = rows.iter().map(|row| row.rules).collect();
        let seen = numbers.into_iter().map(|no| (no, (no != 0).then(|| seen_by(sql, no)))).collect();
        Ok(Self { rows, seen })
    }

    /// Dates and versions of what becomes an end because others left, in the order of the versions. `covers` tells whether who sees what
    /// is seen by the second sees what is seen by the first.
    fn moved_to(&self, left: &[Left], covers: impl Fn(&Seen, &Seen) -> bool) -> Vec<(i64, i64)> {
        let went_from: BTreeMap<i64, Vec<&Candidate>> = self
            .seen
            .iter()
            .map(|(no, seen)| {
                let went = left.iter().filter(|left| covers(&left.seen, seen));
                (*no, went.map(|left| &left.line).collect())
            })
            .collect();
        let asked = self.asked(left);
        let mut moved = BTreeSet::new();
        for (no, seen) in &self.seen {
            let went = went_from.get(no).map(Vec::as_slice).unwrap_or_default();
            if went.is_empty() {
                continue;
            }
            let known: BTreeSet<i64> =
                self.seen.iter().filter(|(_, other)| covers(other, seen)).map(|(no, _)| *no).collect();
            let stand: Vec<&Candidate> =
                self.rows.iter().filter(|row| known.contains(&row.rules)).map(|row| &row.line).collect();
            let before: Vec<&Candidate> = stand.iter().chain(went).copied().collect();
            for (end, filter, editions) in &asked {
                let picking = Picking::of(filter, *editions);
                let now = picking.among(stand.iter().copied());
                if now == picking.among(before.iter().copied()) {
                    continue;
                }
                // Where others see it too, it is for what they know to say whether it has moved.
                let at = self.rows.iter().position(|row| row.rules == *no && now.contains(&row.line.version));
                if let Some(at) = at {
                    moved.extend(self.with(at, *end, |row| !went_from[&row.rules].is_empty()));
                }
            }
        }
        moved
            .into_iter()
            .filter_map(|at| self.rows.get(at))
            .map(|row| (row.added, row.line.version))
            .collect()
    }

    /// What can be asked for the ends: whatever the edition, and where there are several, in the latest and in each.
    fn asked(&self, left: &[Left]) -> Vec<(End, Filter, Editions)> {
        let left = left.iter().map(|left| left.line.spec);
        let specs: BTreeSet<i64> = self.rows.iter().map(|row| row.line.spec).chain(left).collect();
        let mut questions = vec![(Vec::new(), Editions::Any)];
        if specs.len() > 1 {
            questions.push((Vec::new(), Editions::Latest));
            questions.extend(specs.iter().map(|spec| (vec![spec_text(*spec)], Editions::Any)));
        }
        let of_ends = |(spec_versions, editions): (Vec<String>, Editions)| {
            [(End::Last, VersionPick::Last), (End::First, VersionPick::First)].map(|(end, pick)| {
                let filter = Filter {
                    versions: vec![pick],
                    spec_versions: spec_versions.clone(),
                    ..Filter::default()
                };
                (end, filter, editions)
            })
        };
        questions.into_iter().flat_map(of_ends).collect()
    }

    /// What has to be dated anew for the row at a place to be given once more. The date of what has no other is its version: so that the
    /// first stays the first, all that came after it in its lineage are, or none if `may` says of one that it may not be.
    fn with(&self, at: usize, end: End, may: impl Fn(&Row) -> bool) -> Vec<usize> {
        let Some((row, after)) = self.rows.get(at..).and_then(<[Row]>::split_first) else {
            return Vec::new();
        };
        let mut all = vec![at];
        if row.undated && matches!(end, End::First) {
            let later = (at.saturating_add(1)..).zip(after);
            for (at, later) in later.filter(|(_, later)| later.line.lineage == row.line.lineage) {
                if !may(later) {
                    return Vec::new();
                }
                all.push(at);
            }
        }
        all
    }
}
