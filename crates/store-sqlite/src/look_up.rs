//! Finding objects by exact terms, by address range, and the patterns and sightings of what is held.
//!
//! What is found is always the version that the viewer knows as the latest of its lineage (one `created`, one creator, one owner):
//! a value that a newer version dropped is not found any more, and what somebody else says of the same object hides nothing. Of what has no
//! date of its own, an observable, what any of them says is found ([`crate::undated`]).

use std::cmp::Reverse;
use std::collections::HashSet;

use base::{Micros, limit};
use bytes::Bytes;
use handling::Viewer;
use index::Fingerprint;
use rusqlite::{Connection, OptionalExtension, Row, ToSql};
use store::{LookupRow, PatternRow, Standing, StoreError, Worth};

use crate::error::Done;
use crate::ids;
use crate::postings::Draft;
use crate::sight::{NOW, Sight};
use crate::undated::Undated;
use crate::writer::object_no;

/// Columns of a [`LookupRow`], of a version `v` seen by `sight`; when it was added is for [`told`] to say where it has no date of its own.
pub(crate) fn row_columns(sight: &Sight) -> String {
    format!(
        "v.no, (SELECT n.name FROM name n WHERE n.no = v.kind), (SELECT o.uuid FROM object o WHERE o.no = v.object), \
         v.label, v.revoked, v.expires, v.confidence, \
         CASE WHEN v.modified IS NULL THEN 0 \
         ELSE (SELECT min(a.added) FROM holding a WHERE a.object = v.object AND a.version = v.no AND {}) END, v.starts, \
         v.object, v.modified IS NULL",
        sight.sees("a")
    )
}

/// How an object stands, from three columns: `revoked`, `starts`, `expires`.
pub(crate) fn standing(row: &Row<'_>, first: usize) -> Done<Standing> {
    Ok(Standing {
        revoked: row.get(first)?,
        starts: row.get::<_, Option<i64>>(first + 1)?.map(Micros),
        expires: row.get::<_, Option<i64>>(first + 2)?.map(Micros),
    })
}

/// A [`LookupRow`] from [`row_columns`]; `None` where another version is told for it.
pub(crate) fn told(
    row: &Row<'_>,
    undated: &mut Undated<'_>,
    (by, key): (&[&dyn ToSql], &[u8]),
) -> Done<Option<LookupRow>> {
    let dated = self::row(row)?;
    if !row.get::<_, bool>(10)? {
        return Ok(Some(dated));
    }
    let added = undated.added((row.get(9)?, row.get(0)?), by, key)?;
    Ok(added.map(|added| LookupRow { added: Micros(added), ..dated }))
}

fn row(row: &Row<'_>) -> Done<LookupRow> {
    let kind: String = row.get(1)?;
    let uuid = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
    Ok(LookupRow {
        id: ids::text(&kind, uuid),
        label: row.get(3)?,
        revoked: row.get(4)?,
        starts: row.get::<_, Option<i64>>(8)?.map(Micros),
        expires: row.get::<_, Option<i64>>(5)?.map(Micros),
        confidence: row.get(6)?,
        added: Micros(row.get(7)?),
    })
}

/// For each fingerprint in order, the first `most` matches the viewer may see: live ones first, then those whose time is over, then
/// revoked ones, each newest first. `drafts` is what the postings in memory know of the answers.
pub(crate) fn look_up(
    connection: &Connection,
    viewer: &Viewer,
    (terms, most): (&[Fingerprint], usize),
    drafts: Vec<Draft>,
) -> Done<Vec<Vec<LookupRow>>> {
    let Some(sight) = Sight::of(connection, viewer)? else {
        return Ok(vec![Vec::new(); terms.len()]);
    };
    let mut label = connection.prepare_cached("SELECT label FROM version WHERE no = ?1")?;
    let now = viewer.standing().now;
    let mut answers = Vec::with_capacity(terms.len());
    let mut room = limit::LOOKUP_ROWS_MAX;
    for (term, draft) in terms.iter().zip(drafts) {
        let Draft::Rows(mut rows) = draft else {
            let found = ask(connection, &sight, (*term, most), now)?;
            room = room.checked_sub(found.len()).ok_or(StoreError::TooCostly)?;
            answers.push(found);
            continue;
        };
        rows.sort_by_key(|(_, row)| row.worth(now));
        rows.truncate(most);
        room = room.checked_sub(rows.len()).ok_or(StoreError::TooCostly)?;
        let mut found = Vec::with_capacity(rows.len());
        for (version, row) in rows {
            let held = label.query_row([version], |row| row.get(0)).optional()?;
            // A version that has gone in between is not there.
            found.extend(held.map(|label| LookupRow { label, ..row }));
        }
        answers.push(found);
    }
    Ok(answers)
}

/// Where there are more than are listed, each class is asked for by itself, so that many revoked ones push no live one out.
fn ask(
    connection: &Connection,
    sight: &Sight,
    (term, most): (Fingerprint, usize),
    now: Micros,
) -> Done<Vec<LookupRow>> {
    let mut found = ask_for(connection, sight, (term, None), most)?;
    if found.len() < most {
        found.sort_by_key(|row| row.worth(now));
        return Ok(found);
    }
    found.clear();
    for worth in Worth::ALL {
        let room = most.saturating_sub(found.len());
        if room > 0 {
            found.extend(ask_for(connection, sight, (term, Some(worth)), room)?);
        }
    }
    Ok(found)
}

/// The newest matches, of one class where it is named.
fn ask_for(
    connection: &Connection,
    sight: &Sight,
    (term, worth): (Fingerprint, Option<Worth>),
    most: usize,
) -> Done<Vec<LookupRow>> {
    let is_it = match worth {
        None => "1".to_owned(),
        Some(Worth::Live) => format!("v.revoked = 0 AND (v.expires IS NULL OR v.expires > ?{NOW})"),
        Some(Worth::Expired) => format!("v.revoked = 0 AND v.expires <= ?{NOW}"),
        Some(Worth::Revoked) => "v.revoked = 1".to_owned(),
    };
    let mut select = connection.prepare_cached(&format!(
        "SELECT {} FROM posting q CROSS JOIN version v ON v.no = q.version WHERE q.fingerprint = ?2 AND {is_it} AND {} \
         ORDER BY q.version DESC",
        row_columns(sight),
        sight.latest_dated("v")
    ))?;
    let term = term.to_bytes();
    sight.bind(&mut select, &[&term])?;
    let mut undated = Undated::found_by(connection, sight, HAS_TERM);
    let mut found = Vec::new();
    let mut rows = select.raw_query();
    while found.len() < most
        && let Some(next) = rows.next()?
    {
        found.extend(told(next, &mut undated, (&[&term], &[]))?);
    }
    Ok(found)
}

/// Whether a version has the term of a look-up.
const HAS_TERM: &str = "EXISTS (SELECT 1 FROM posting p WHERE p.fingerprint = ?4 AND p.version = l.version)";
/// Whether a version has the address or range that was found.
const HAS_ADDRESS: &str =
    "EXISTS (SELECT 1 FROM address p WHERE p.low = ?4 AND p.high = ?5 AND p.version = l.version)";

/// Addresses and ranges that lie wholly between two addresses, for each such range: what holds first, each newest first.
pub(crate) fn in_ranges(
    connection: &Connection,
    viewer: &Viewer,
    ranges: &[([u8; 16], [u8; 16])],
) -> Done<Vec<Vec<LookupRow>>> {
    let Some(sight) = Sight::of(connection, viewer)? else {
        return Ok(vec![Vec::new(); ranges.len()]);
    };
    let mut answers = Vec::with_capacity(ranges.len());
    let mut room = limit::LOOKUP_ROWS_MAX;
    let most = limit::IN_RANGES_RANKED_MAX.checked_div(ranges.len()).unwrap_or_default().max(ROWS_IN_RANGE);
    for range in ranges {
        let found = in_range(connection, &sight, (*range, most), viewer.standing().now)?;
        room = room.checked_sub(found.len()).ok_or(StoreError::TooCostly)?;
        answers.push(found);
    }
    Ok(answers)
}

/// Rows ranked for one of very many ranges: an object may have several addresses in it.
const ROWS_IN_RANGE: usize = 10 * limit::LOOKUP_MATCHES_MAX;

/// The first of the rows in a range: of its `most` lowest addresses, where there are more. Nothing leads to the newest of them but looking at each.
fn in_range(
    connection: &Connection,
    sight: &Sight,
    ((low, high), most): (([u8; 16], [u8; 16]), usize),
    now: Micros,
) -> Done<Vec<LookupRow>> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {}, q.low, q.high FROM address q JOIN version v ON v.no = q.version \
         WHERE q.low BETWEEN ?2 AND ?3 AND q.high <= ?3 AND {} ORDER BY q.low, q.high, q.version DESC",
        row_columns(sight),
        sight.latest_dated("v")
    ))?;
    let own: [&dyn ToSql; 2] = [&low, &high];
    sight.bind(&mut select, &own)?;
    let mut rows = select.raw_query();
    let mut undated = Undated::found_by(connection, sight, HAS_ADDRESS);
    let (mut found, mut once, mut rows_told) = (Vec::new(), HashSet::new(), 0_usize);
    while rows_told < most
        && let Some(next) = rows.next()?
    {
        // An object with two addresses in the range is one answer.
        let (low, high): ([u8; 16], [u8; 16]) = (next.get(11)?, next.get(12)?);
        let Some(row) = told(next, &mut undated, (&[&low, &high], &[low, high].concat()))? else {
            continue;
        };
        rows_told += 1;
        let version: i64 = next.get(0)?;
        if once.insert(version) {
            found.push((row, version));
        }
    }
    found.sort_by_key(|(row, version)| (row.worth(now), Reverse(row.added), Reverse(*version)));
    found.truncate(limit::LOOKUP_MATCHES_MAX);
    Ok(found.into_iter().map(|(row, _)| row).collect())
}

/// Patterns of indicators after a row.
pub(crate) fn patterns(
    connection: &Connection,
    viewer: &Viewer,
    after: i64,
    limit: usize,
) -> Done<Vec<PatternRow>> {
    let Some(sight) = Sight::of(connection, viewer)? else {
        return Ok(Vec::new());
    };
    let mut select = connection.prepare_cached(&format!(
        "SELECT q.version, (SELECT n.name FROM name n WHERE n.no = v.kind), \
         (SELECT o.uuid FROM object o WHERE o.no = v.object), q.pattern \
         FROM pattern q JOIN version v ON v.no = q.version WHERE q.version > ?2 \
         AND v.findings IS NULL AND {} ORDER BY q.version LIMIT ?3",
        sight.latest("v")
    ))?;
    let most = i64::try_from(limit.min(limit::PAGE_MAX)).unwrap_or(i64::MAX);
    let own: [&dyn ToSql; 2] = [&after, &most];
    sight.bind(&mut select, &own)?;
    let mut rows = select.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let kind: String = row.get(1)?;
        let uuid = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        found.push(PatternRow { row: row.get(0)?, id: ids::text(&kind, uuid), pattern: row.get(3)? });
    }
    Ok(found)
}

/// The versions that patterns are of, and how they stand, until they have so many bytes.
pub(crate) fn indicators_of(
    connection: &Connection,
    viewer: &Viewer,
    (versions, bytes_max): (&[i64], usize),
) -> Done<Vec<Option<(Bytes, Standing)>>> {
    let Some(sight) = Sight::of(connection, viewer)? else {
        return Ok(vec![None; versions.len()]);
    };
    let mut select = connection.prepare_cached(&format!(
        "SELECT b.bytes, v.revoked, v.starts, v.expires FROM version v JOIN body b ON b.version = v.no WHERE v.no = ?2 AND {}",
        sight.latest("v")
    ))?;
    let (mut found, mut bytes) = (Vec::with_capacity(versions.len()), 0_usize);
    for version in versions {
        sight.bind(&mut select, &[version])?;
        let mut rows = select.raw_query();
        let Some(row) = rows.next()? else {
            found.push(None);
            continue;
        };
        let stands = standing(row, 1)?;
        let object: Vec<u8> = row.get(0)?;
        bytes = bytes.saturating_add(object.len());
        found.push(Some((object.into(), stands)));
        if bytes >= bytes_max {
            break;
        }
    }
    Ok(found)
}

/// Sightings of each object: how many, the sum of their counts, and when last.
pub(crate) fn sightings(connection: &Connection, viewer: &Viewer, ids: &[&str]) -> Done<Vec<Sighted>> {
    let Some(sight) = Sight::of(connection, viewer)? else {
        return Ok(vec![(0, 0, None); ids.len()]);
    };
    ids.iter().map(|id| sightings_of(connection, &sight, id)).collect()
}

/// How many, the sum of their counts, and when last.
type Sighted = (u64, i64, Option<Micros>);

fn sightings_of(connection: &Connection, sight: &Sight, id: &str) -> Done<Sighted> {
    let Some(object) = object_no(connection, id)? else {
        return Ok((0, 0, None));
    };
    let mut select = connection.prepare_cached(&format!(
        "SELECT count(*), coalesce(sum(min(max(q.count, 0), 999999999)), 0), max(q.last_seen) FROM sighting q \
         JOIN version v ON v.no = q.version WHERE q.target = ?2 AND v.revoked = 0 AND {}",
        sight.latest("v")
    ))?;
    sight.bind(&mut select, &[&object])?;
    let mut rows = select.raw_query();
    let Some(row) = rows.next()? else {
        return Ok((0, 0, None));
    };
    Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<i64>>(2)?.map(Micros)))
}
