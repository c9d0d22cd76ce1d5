//! Marking definitions that objects await and that have come: what these ask is put on.
//!
//! What has come is read from what stands, not remembered from when it came: so it is found again after a process has ended in between,
//! and when a definition and what bears it come at one moment. Each collection is looked at for itself, and only what every reader of
//! it may see, at any time, settles anything: nobody can tell from the rules of what they see that something hidden has come. Of
//! several definitions under one identifier the one that came first counts, as it does for objects that come after it.

use std::collections::BTreeSet;

use handling::{Mark, MemberId, mark_of};
use rusqlite::Connection;
use stix::{Json, ObjectId};
use store::Settled;

use crate::error::Done;
use crate::ids;
use crate::rules_rows;
use crate::writer::{Desk, object_no};

/// A definition that stands in a collection where own objects await it.
struct Come {
    collection: i64,
    definition: ObjectId,
    mark: Mark,
}

/// Whether there is something to settle.
pub(crate) fn has_come(sql: &Connection) -> Done<bool> {
    Ok(!come(sql)?.is_empty())
}

/// Puts on own objects what the definitions ask that they awaited and that have come. Each holding is looked at once.
pub(crate) fn settle(desk: &mut Desk<'_>, home: Option<MemberId>) -> Done<Vec<Settled>> {
    let mut all = Vec::new();
    for Come { collection, definition, mark } in come(desk.sql())? {
        let objects = put_on(desk, collection, (&definition, mark), home)?;
        all.push(Settled { definition, mark, objects });
    }
    Ok(all)
}

/// Definitions that have come where they are awaited, but for those that settle nothing.
fn come(sql: &Connection) -> Done<Vec<Come>> {
    let mut awaited = sql.prepare_cached("SELECT DISTINCT definition FROM awaits")?;
    let awaited: Vec<String> = awaited.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut come = Vec::new();
    for id in awaited {
        let (Some(object), Ok(definition)) = (object_no(sql, &id)?, ObjectId::parse(&id)) else { continue };
        for (collection, mark) in standing(sql, object)? {
            if mark.settles() && is_awaited(sql, collection, &id)? {
                come.push(Come { collection, definition: definition.clone(), mark });
            }
        }
    }
    Ok(come)
}

/// What the definition asks in each collection that it stands in for all readers.
fn standing(sql: &Connection, object: i64) -> Done<Vec<(i64, Mark)>> {
    // Beside a single min() the other columns are those of the row that has it.
    let mut select = sql.prepare_cached(
        "SELECT f.collection, b.bytes FROM (SELECT h.collection, h.version, min(h.added) FROM holding h \
         WHERE h.object = ?1 AND h.restricted = 0 GROUP BY h.collection) f JOIN body b ON b.version = f.version",
    )?;
    let rows = select.query_map([object], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)))?;
    let mut standing = Vec::new();
    for row in rows {
        let (collection, bytes) = row?;
        standing.push((collection, Json::parse(&bytes).map_or(Mark::Unknown, |json| mark_of(&json))));
    }
    Ok(standing)
}

/// Whether an own object in a collection awaits a definition. What others say is under the rules they say it with.
fn is_awaited(sql: &Connection, collection: i64, definition: &str) -> Done<bool> {
    let mut select = sql.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM awaits a JOIN rules r ON r.no = a.rules JOIN holding h ON h.rules = r.no \
         WHERE a.definition = ?1 AND r.originator = 'here' AND h.rules <> 0 AND h.collection = ?2)",
    )?;
    Ok(select.query_row((definition, collection), |row| row.get(0))?)
}

/// Puts on the own objects of a collection what a definition asks; names them.
fn put_on(
    desk: &mut Desk<'_>,
    collection: i64,
    (definition, mark): (&ObjectId, Mark),
    home: Option<MemberId>,
) -> Done<BTreeSet<String>> {
    let sql = desk.sql();
    let mut waiting = sql.prepare_cached(
        "SELECT a.rules FROM awaits a JOIN rules r ON r.no = a.rules WHERE a.definition = ?1 AND r.originator = 'here'",
    )?;
    let waiting: Vec<i64> =
        waiting.query_map([definition.as_str()], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut objects = BTreeSet::new();
    for no in waiting {
        let rules = rules_rows::read(sql, no)?;
        let Some(known) = rules.and_then(|rules| rules.settled_by(definition, mark)) else { continue };
        // Own rules below TLP:RED are open to whom they were open before, so the marks of first and last versions stay.
        let under = rules_rows::keep(desk, &known, home)?;
        let mut put = sql.prepare_cached(
            "UPDATE holding SET rules = ?3 WHERE collection = ?1 AND rules = ?2 AND rules <> 0 RETURNING object",
        )?;
        let put = put.query_map((collection, no, under.no), |row| row.get::<_, i64>(0))?;
        for object in put.collect::<rusqlite::Result<Vec<_>>>()? {
            objects.insert(ids::of_number(sql, object)?);
        }
        rules_rows::release(desk, no)?;
        rules_rows::release(desk, under.no)?;
    }
    Ok(objects)
}
