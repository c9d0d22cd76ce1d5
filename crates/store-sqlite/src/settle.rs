//! Marking definitions that objects await and that have come: what these ask is put on.
//!
//! What has come is read from what stands, not remembered from when it came: so it is found again after a process has ended in between,
//! and when a definition and what bears it come at one moment. Each collection is looked at for itself, and only what every reader of
//! it may see, at any time, settles anything: nobody can tell from the rules of what they see that something hidden has come. Of
//! several definitions under one identifier the one that came first counts, as it does for objects that come after it.
//!
//! What comes of it is what would stand if the definition had been there first, as far as it opens nothing: who was not spoken about and
//! awaits nothing more has no rules of its own again, and a level that a definition asks is noted with the version as its own.

use std::collections::BTreeSet;

use handling::{Mark, MemberId, Rules, mark_of};
use rusqlite::Connection;
use stix::{Json, ObjectId};
use store::Settled;

use crate::error::{Done, damaged};
use crate::ids;
use crate::rules_rows::{self, Under};
use crate::writer::{Desk, object_no};

/// Definitions that something awaits, after one.
pub(crate) fn awaited(sql: &Connection, after: Option<&ObjectId>, limit: usize) -> Done<Vec<ObjectId>> {
    let mut select = sql.prepare_cached(
        "SELECT DISTINCT definition FROM awaits WHERE definition > ?1 ORDER BY definition LIMIT ?2",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let ids = select.query_map((after.map_or("", ObjectId::as_str), limit), |row| row.get::<_, String>(0))?;
    let ids = ids.collect::<rusqlite::Result<Vec<String>>>()?;
    ids.iter()
        .map(|id| ObjectId::parse(id).map_err(|_| damaged("what awaits a definition names none")))
        .collect()
}

/// Those of these definitions that have come where they are awaited and settle something.
pub(crate) fn come(sql: &Connection, definitions: &[ObjectId]) -> Done<Vec<ObjectId>> {
    let mut come = Vec::new();
    for definition in definitions {
        if !come_where(sql, definition)?.is_empty() {
            come.push(definition.clone());
        }
    }
    Ok(come)
}

/// Puts on own objects what these definitions ask, as far as they have come where these await them.
pub(crate) fn settle(
    desk: &mut Desk<'_>,
    definitions: &[ObjectId],
    home: Option<MemberId>,
) -> Done<Vec<Settled>> {
    let mut all = Vec::new();
    for definition in definitions {
        for (collection, mark) in come_where(desk.sql(), definition)? {
            let objects = put_on(desk, collection, (definition, mark), home)?;
            all.push(Settled { definition: definition.clone(), mark, objects });
        }
    }
    Ok(all)
}

/// The line of rules that an own object was given under, where definitions that it awaits have come: to a collection that the object stands
/// in, and no own copy of it awaits them anywhere. `None` where none has.
pub(crate) fn known(sql: &Connection, id: &str, line: &str) -> Done<Option<String>> {
    let rules: Rules = line.parse().map_err(|_| damaged("a line of rules cannot be read"))?;
    let Some(object) = object_no(sql, id)? else { return Ok(None) };
    let mut known = rules.clone();
    for definition in rules.markings().awaited() {
        let marks = asked_of(sql, object, definition)?;
        let settled = marks.iter().map(|mark| known.settled_by(definition, *mark));
        let settled: Option<Vec<Rules>> = settled.collect();
        if let Some(settled) = settled.and_then(|all| all.into_iter().reduce(|one, other| one.meet(&other))) {
            known = settled;
        }
    }
    Ok((known != rules).then(|| known.to_string()))
}

/// What a definition asks where an own object stands that does not await it any more.
fn asked_of(sql: &Connection, object: i64, definition: &ObjectId) -> Done<Vec<Mark>> {
    let mut select = sql.prepare_cached(
        "SELECT h.collection, EXISTS (SELECT 1 FROM awaits a WHERE a.rules = h.rules AND a.definition = ?2) FROM holding h \
         LEFT JOIN rules r ON r.no = h.rules WHERE h.object = ?1 AND (h.rules = 0 OR r.originator = 'here')",
    )?;
    let places = select.query_map((object, definition.as_str()), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let places = places.collect::<rusqlite::Result<Vec<(i64, bool)>>>()?;
    let Some(of) = object_no(sql, definition.as_str())? else { return Ok(Vec::new()) };
    if places.iter().any(|(_, awaits)| *awaits) {
        return Ok(Vec::new());
    }
    let standing = standing(sql, of)?.into_iter();
    Ok(standing.filter(|(at, _)| places.iter().any(|(place, _)| place == at)).map(|(_, mark)| mark).collect())
}

/// The collections in which a definition has come and is awaited, and what it asks there. One that settles nothing has not come.
fn come_where(sql: &Connection, definition: &ObjectId) -> Done<Vec<(i64, Mark)>> {
    let Some(object) = object_no(sql, definition.as_str())? else { return Ok(Vec::new()) };
    let mut come = Vec::new();
    for (collection, mark) in standing(sql, object)? {
        if mark.settles() && is_awaited(sql, collection, definition.as_str())? {
            come.push((collection, mark));
        }
    }
    Ok(come)
}

/// What the definition asks in each collection that it stands in for all readers.
fn standing(sql: &Connection, object: i64) -> Done<Vec<(i64, Mark)>> {
    // Beside a single min() the other columns are those of the row that has it.
    let mut select = sql.prepare_cached(
        "SELECT f.collection, b.bytes FROM (SELECT h.collection, h.version, min(coalesce(h.arrived, h.added)) FROM holding h \
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

/// What stands under rules in a collection: object and version by number, and the level that the version was stored with.
fn under_rules(sql: &Connection, collection: i64, rules: i64) -> Done<Vec<(i64, i64, Option<u8>)>> {
    let mut select = sql.prepare_cached(
        "SELECT h.object, h.version, v.tlp FROM holding h JOIN version v ON v.no = h.version \
         WHERE h.collection = ?1 AND h.rules = ?2 AND h.rules <> 0",
    )?;
    let rows = select.query_map((collection, rules), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
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
        for (object, version, level) in under_rules(sql, collection, no)? {
            let level = match mark {
                Mark::Level(asked) => Some(asked.number().max(level.unwrap_or_default())),
                _ => level,
            };
            let silent = rules_rows::say_nothing(level, &known) && known.markings().are_known();
            let rules = if silent { Under::NONE.no } else { under.no };
            sql.prepare_cached("UPDATE version SET tlp = ?2 WHERE no = ?1 AND tlp IS NOT ?2")?
                .execute((version, level))?;
            sql.prepare_cached(
                "UPDATE holding SET rules = ?3 WHERE collection = ?1 AND version = ?2 AND rules = ?4",
            )?
            .execute((collection, version, rules, no))?;
            objects.insert(ids::of_number(sql, object)?);
        }
        rules_rows::release(desk, no)?;
        rules_rows::release(desk, under.no)?;
    }
    Ok(objects)
}
