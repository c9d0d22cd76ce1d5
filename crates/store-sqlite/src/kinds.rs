//! Of which types a viewer sees objects, and how many of each: for filters beside lists.
//!
//! Types are jumped from one to the next in the index of holdings by type, so that neither costs more where there are many objects: a type is
//! there with the first object that is seen, and none is counted further than is asked for.

use std::collections::BTreeSet;

use handling::{CollectionNo, Viewer};
use rusqlite::{Connection, OptionalExtension, ToSql};
use store::StoreError;

use crate::error::Done;
use crate::sight::{End, Sight};

/// The types of which the viewer sees an object somewhere, in the order of their names.
pub(crate) fn types(connection: &Connection, viewer: &Viewer) -> Done<Vec<String>> {
    let mut names = BTreeSet::new();
    for collection in viewer.collections() {
        let Some(sight) = Sight::of_one(connection, viewer, *collection)? else { continue };
        for (name, no) in kinds(connection, *collection)? {
            if !names.contains(&name) && count(connection, (&sight, "1"), (*collection, no), 1)? > 0 {
                names.insert(name);
            }
        }
    }
    Ok(names.into_iter().collect())
}

/// The types of one collection in the order of their names, with how many objects of each the viewer sees there, of `most` at most.
pub(crate) fn types_in(
    connection: &Connection,
    viewer: &Viewer,
    collection: CollectionNo,
    most: usize,
) -> Done<Vec<(String, usize)>> {
    let sight = Sight::of_one(connection, viewer, collection)?;
    let sight = sight.ok_or(StoreError::NotFound { what: "collection" })?;
    let last = sight.ends("h", End::Last);
    let mut types = Vec::new();
    for (name, no) in kinds(connection, collection)? {
        let number = count(connection, (&sight, &last), (collection, no), most)?;
        if number > 0 {
            types.push((name, number));
        }
    }
    types.sort();
    Ok(types)
}

/// The types that are held in a collection, seen or not.
fn kinds(connection: &Connection, collection: CollectionNo) -> Done<Vec<(String, i64)>> {
    let mut jump = connection.prepare_cached(
        "SELECT h.kind FROM holding h INDEXED BY holding_kind WHERE h.collection = ?1 AND h.kind > ?2 \
         ORDER BY h.kind LIMIT 1",
    )?;
    let mut spell = connection.prepare_cached("SELECT name FROM name WHERE no = ?1")?;
    let (mut kinds, mut last) = (Vec::new(), -1);
    while let Some(no) = jump.query_row((collection.0, last), |row| row.get(0)).optional()? {
        kinds.push((spell.query_row([no], |row| row.get(0))?, no));
        last = no;
    }
    Ok(kinds)
}

/// How many holdings of a type the viewer sees in a collection which `counts` counts, of `most` at most.
fn count(
    connection: &Connection,
    (sight, counts): (&Sight, &str),
    (collection, kind): (CollectionNo, i64),
    most: usize,
) -> Done<usize> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT count(*) FROM (SELECT 1 FROM holding h INDEXED BY holding_kind WHERE h.collection = ?2 AND h.kind = ?3 \
         AND {} AND {counts} LIMIT ?4)",
        sight.sees("h")
    ))?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let own: [&dyn ToSql; 3] = [&collection.0, &kind, &most];
    sight.bind(&mut select, &own)?;
    let mut rows = select.raw_query();
    Ok(match rows.next()? {
        Some(row) => usize::try_from(row.get::<_, u64>(0)?).unwrap_or(usize::MAX),
        None => 0,
    })
}
