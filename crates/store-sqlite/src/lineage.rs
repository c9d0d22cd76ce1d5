//! Lineages: the versions of an object with one `created` and one creator, which alone follow each other.
//!
//! Invariant: `version.lineage` and `holding.lineage` are the same for one version, and two versions of an object have the same
//! number exactly where `created` and creator are the same.

use rusqlite::{Connection, OptionalExtension};

use crate::error::Done;
use crate::version_rows::Arrival;
use crate::writer::Desk;

/// Numbers the lineages of all objects anew, in the order in which they were first heard of.
const NUMBER: &str = include_str!("lineages.sql");

/// The number of a version's lineage: the one of what is held of its object with the same `created` and creator, or else a new one.
pub(crate) fn of(desk: &Desk<'_>, arrival: &Arrival<'_>) -> Done<i64> {
    let mut same = desk.sql().prepare_cached(
        "SELECT h.lineage FROM holding h JOIN version v ON v.no = h.version \
         WHERE h.object = ?1 AND v.created_key IS ?2 AND v.creator IS ?3 LIMIT 1",
    )?;
    let asked = (arrival.object, &arrival.entry.facts.created_key, arrival.creator);
    if let Some(lineage) = same.query_row(asked, |row| row.get(0)).optional()? {
        return Ok(lineage);
    }
    let mut next =
        desk.sql().prepare_cached("SELECT coalesce(max(lineage) + 1, 0) FROM holding WHERE object = ?1")?;
    Ok(next.query_row([arrival.object], |row| row.get(0))?)
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
    Ok(sql.execute_batch(NUMBER)?)
}
