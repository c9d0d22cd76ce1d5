//! One object: the version asked for, and its history.

use std::collections::BTreeSet;

use base::Micros;
use bytes::Bytes;
use handling::{CollectionNo, Viewer};
use rusqlite::{Connection, ToSql};
use stix::timestamp::key_of;
use store::{Ruled, StoreError, StoredObject, VersionRow};

use crate::error::{Done, found};
use crate::page::version_text;
use crate::rules_rows;
use crate::sight::Sight;
use crate::writer::object_no;

/// One object from anywhere the viewer may look: the latest version, or the one named `version`.
pub(crate) fn object(
    connection: &Connection,
    viewer: &Viewer,
    id: &str,
    version: Option<&str>,
) -> Done<StoredObject> {
    let none = || StoreError::NotFound { what: "object" };
    let object = object_no(connection, id)?.ok_or_else(none)?;
    let sight = Sight::of(connection, viewer)?.ok_or_else(none)?;
    let held = holdings(connection, &sight, object, version.map(key_of))?;
    let Some((row, first)) = held.first() else {
        return Err(none().into());
    };
    // The latest version's text may stand in several collections: this is one object, told once.
    let same = || held.iter().filter(|(_, held)| held.digest == first.digest).map(|(_, held)| held);
    let mut collections: Vec<String> = same().map(|held| held.id.clone()).collect();
    let mut told = BTreeSet::new();
    collections.retain(|id| told.insert(id.clone()));
    let ruled = |held: &Holding| -> Done<Ruled> {
        let rules = rules_rows::read(connection, held.rules)?;
        Ok(Ruled { collection: CollectionNo(held.collection), rules })
    };
    let places = same().map(ruled).collect::<Done<Vec<_>>>()?;
    let revoked = if version.is_some() { latest_revoked(connection, &sight, object)? } else { None };
    let mut select = connection.prepare_cached(
        "SELECT v.modified, b.bytes, v.revoked, v.expires, v.findings, v.tlp FROM version v \
         JOIN body b ON b.version = v.no WHERE v.no = ?1",
    )?;
    let stored = select.query_row([row], |row| {
        Ok(StoredObject {
            id: id.to_owned(),
            version: version_text(row.get(0)?, first.added),
            bytes: Bytes::from(row.get::<_, Vec<u8>>(1)?),
            added: Micros(first.added),
            collections,
            revoked: revoked.map_or_else(|| row.get(2), Ok)?,
            expires: row.get::<_, Option<i64>>(3)?.map(Micros),
            findings: row.get(4)?,
            tlp: row.get(5)?,
            places,
        })
    });
    found(stored, "object")
}

struct Holding {
    added: i64,
    id: String,
    collection: i64,
    rules: i64,
    digest: [u8; 32],
}

/// The holdings of the latest version, or of the one with `key`, oldest first, each with its row in `version`.
fn holdings(
    connection: &Connection,
    sight: &Sight,
    object: i64,
    key: Option<&str>,
) -> Done<Vec<(i64, Holding)>> {
    let which = if key.is_some() { "h.place IN (?3, '~' || ?3)" } else { "?3 IS NULL" };
    let sees = sight.sees("h");
    let mut select = connection.prepare_cached(&format!(
        "SELECT h.place, h.version, h.added, c.id, c.no, h.rules, v.digest FROM holding h \
         JOIN version v ON v.no = h.version JOIN collection c ON c.no = h.collection \
         WHERE h.object = ?2 AND {which} AND {sees} ORDER BY h.place DESC, h.added"
    ))?;
    let own: [&dyn ToSql; 2] = [&object, &key];
    sight.bind(&mut select, &own)?;
    let mut rows = select.raw_query();
    let mut held: Vec<(i64, Holding)> = Vec::new();
    let mut latest: Option<String> = None;
    while let Some(row) = rows.next()? {
        let key = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        if latest.get_or_insert_with(|| key.to_owned()) != key {
            break;
        }
        let (added, id) = (row.get(2)?, row.get(3)?);
        let (collection, rules, digest) = (row.get(4)?, row.get(5)?, row.get(6)?);
        held.push((row.get(1)?, Holding { added, id, collection, rules, digest }));
    }
    Ok(held)
}

fn latest_revoked(connection: &Connection, sight: &Sight, object: i64) -> Done<Option<bool>> {
    let held = holdings(connection, sight, object, None)?;
    let Some((row, _)) = held.first() else {
        return Ok(None);
    };
    let mut select = connection.prepare_cached("SELECT revoked FROM version WHERE no = ?1")?;
    Ok(Some(select.query_row([row], |row| row.get(0))?))
}

/// History of one object over all collections of the viewer, oldest first.
pub(crate) fn history(connection: &Connection, viewer: &Viewer, id: &str) -> Done<Vec<VersionRow>> {
    let none = || StoreError::NotFound { what: "object" };
    let object = object_no(connection, id)?.ok_or_else(none)?;
    let sight = Sight::of(connection, viewer)?.ok_or_else(none)?;
    let sees = sight.sees("h");
    let mut select = connection.prepare_cached(&format!(
        "SELECT v.modified, h.added, c.id, v.revoked, v.digest FROM holding h JOIN version v ON v.no = h.version \
         JOIN collection c ON c.no = h.collection WHERE h.object = ?2 AND {sees} ORDER BY ltrim(h.place, '~'), h.added"
    ))?;
    sight.bind(&mut select, &[&object])?;
    let mut rows = select.raw_query();
    let mut history = Vec::new();
    while let Some(row) = rows.next()? {
        let added = row.get(1)?;
        history.push(VersionRow {
            version: version_text(row.get(0)?, added),
            collection: row.get(2)?,
            added: Micros(added),
            revoked: row.get(3)?,
            digest: row.get(4)?,
        });
    }
    if history.is_empty() {
        return Err(none().into());
    }
    Ok(history)
}
