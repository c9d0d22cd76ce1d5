//! Lineages: the versions of an object with one `created`, one creator and one owner, which alone follow each other.
//!
//! The owner is whose word it is: another member's, or this node's, which is also what its people say of what others made. What
//! they bring of what a member made under its identity in the registry is a copy of that member's word.
//!
//! Invariant: `version.lineage` and `holding.lineage` are the same for one version, and two versions of an object have the same
//! number exactly where `created`, creator and owner are the same. The number is 0 only where an object has one lineage, so that
//! whoever reads 0 asks nothing more.

use handling::Originator;
use rusqlite::{Connection, OptionalExtension};

use crate::ends::set_marks;
use crate::error::Done;
use crate::version_rows::Arrival;
use crate::writer::Desk;

/// Numbers the lineages of all objects anew, in the order in which they were first heard of, and sets the marks of the two ends where there
/// are several.
const NUMBER: &str = include_str!("lineages.sql");

/// The number of whose word it is that an entry stands by; `None` for this node's.
pub(crate) fn owner_of(
    desk: &mut Desk<'_>,
    entry: &store::Entry,
    home: Option<handling::MemberId>,
) -> Done<Option<i64>> {
    let word = match entry.rules.as_ref().map(|rules| rules.originator()) {
        Some(other) if !other.is_own(home) => desk.word(other),
        _ => match entry.maker {
            Some(maker) => desk.word(&Originator::Member(maker)),
            None => return Ok(None),
        },
    };
    desk.name(&word).map(Some)
}

/// Whether an entry is what this node's people bring of what a member made.
pub(crate) fn is_copy(entry: &store::Entry, home: Option<handling::MemberId>) -> bool {
    let own = entry.rules.as_ref().is_none_or(|rules| rules.originator().is_own(home));
    own && entry.maker.is_some()
}

/// The number of a version's lineage: the one of what is held of its object with the same `created`, creator and owner, or else a
/// new one. What had the object for itself until then gets a number too.
pub(crate) fn of(desk: &Desk<'_>, arrival: &Arrival<'_>) -> Done<i64> {
    let mut same = desk.sql().prepare_cached(
        "SELECT h.lineage FROM holding h JOIN version v ON v.no = h.version \
         WHERE h.object = ?1 AND h.owner IS ?4 AND v.created_key IS ?2 AND v.creator IS ?3 LIMIT 1",
    )?;
    let asked = (arrival.object, &arrival.entry.facts.created_key, arrival.creator, arrival.owner);
    if let Some(lineage) = same.query_row(asked, |row| row.get(0)).optional()? {
        return Ok(lineage);
    }
    let mut most = desk.sql().prepare_cached("SELECT max(lineage) FROM holding WHERE object = ?1")?;
    match most.query_row([arrival.object], |row| row.get::<_, Option<i64>>(0))? {
        None => Ok(0),
        Some(0) => {
            for update in [
                "UPDATE version SET lineage = 1 WHERE no IN (SELECT version FROM holding WHERE object = ?1)",
                "UPDATE holding SET lineage = 1 WHERE object = ?1",
            ] {
                desk.sql().prepare_cached(update)?.execute([arrival.object])?;
            }
            Ok(2)
        }
        Some(most) => Ok(most.saturating_add(1)),
    }
}

/// The number that a version which is held already has, by where it is held.
pub(crate) fn held(sql: &Connection, object: i64, version: i64) -> Done<i64> {
    let mut held =
        sql.prepare_cached("SELECT lineage FROM holding WHERE object = ?1 AND version = ?2 LIMIT 1")?;
    Ok(held.query_row((object, version), |row| row.get(0)).optional()?.unwrap_or_default())
}

/// Whether an object may have more than one lineage, seen or not. Nearly none has.
pub(crate) fn several(sql: &Connection, object: i64) -> Done<bool> {
    let mut several =
        sql.prepare_cached("SELECT EXISTS (SELECT 1 FROM holding WHERE object = ?1 AND lineage <> 0)")?;
    Ok(several.query_row([object], |row| row.get(0))?)
}

/// Whether a version has another number than where it is held.
pub(crate) fn differs(sql: &Connection, version: i64) -> Done<bool> {
    let mut differs = sql.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM version v JOIN holding h ON h.object = v.object AND h.version = v.no \
         WHERE v.no = ?1 AND h.lineage <> v.lineage)",
    )?;
    Ok(differs.query_row([version], |row| row.get(0))?)
}

/// Numbers all anew. For whoever has brought versions whose `created` and creator were not known before.
pub(crate) fn number_all(sql: &Connection) -> Done<()> {
    sql.execute_batch(NUMBER)?;
    // It goes by dates, of which some are newer than what they are of.
    let mut select = sql.prepare("SELECT DISTINCT object, collection FROM holding WHERE lineage <> 0")?;
    for place in select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))? {
        let (object, collection) = place?;
        set_marks(sql, object, collection)?;
    }
    Ok(())
}

/// Objects whose versions are not numbered by `created`, creator and owner; with `repair` all are numbered anew.
pub(crate) fn misnumbered(sql: &Connection, repair: bool) -> Done<Vec<String>> {
    let mut select = sql.prepare(
        "SELECT object FROM (SELECT DISTINCT h.object, h.lineage, quote(v.created_key) || ' ' || quote(v.creator) || ' ' || \
         quote(h.owner) AS origin FROM holding h JOIN version v ON v.no = h.version \
         WHERE h.object IN (SELECT o.object FROM holding o WHERE o.lone = 0)) GROUP BY object \
         HAVING count(*) > count(DISTINCT lineage) OR count(*) > count(DISTINCT origin) OR (count(*) > 1 AND min(lineage) = 0)",
    )?;
    let found: Vec<i64> = select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    if repair && !found.is_empty() {
        number_all(sql)?;
    }
    Ok(found.into_iter().map(|object| format!("lineages of object {object}")).collect())
}

/// A query for objects with several lineages, and collections, where a mark does not stand at the end of the one that is there longest;
/// `order` is the order of `holding m` of one lineage in which that end comes first.
pub(crate) fn wrong_ends((flag, order): (&str, &str)) -> String {
    format!(
        "SELECT object, collection FROM (SELECT m.object, m.collection, m.{flag} <> (m.restricted = 0 AND row_number() OVER \
         (PARTITION BY m.object, m.collection, m.restricted ORDER BY m.lineage <> m.longest, {order}, m.version) = 1) AS wrong \
         FROM (SELECT h.*, first_value(h.lineage) OVER (PARTITION BY h.object, h.collection, h.restricted \
         ORDER BY coalesce(h.arrived, h.added)) \
         AS longest FROM holding h WHERE h.object IN (SELECT o.object FROM holding o WHERE o.lineage <> 0)) m) WHERE wrong"
    )
}
