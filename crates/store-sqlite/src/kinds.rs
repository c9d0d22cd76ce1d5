//! Of which types a viewer sees objects, and how many of each: for filters beside lists.
//!
//! Types are jumped from one to the next, and what the viewer does not see of one is jumped over by the rules that it is under
//! ([`crate::runs`]), so that neither costs more where there are many objects, or many that are withheld. None is counted further than is
//! asked for.

use std::collections::BTreeSet;

use handling::{CollectionNo, Viewer};
use rusqlite::{Connection, ToSql};
use store::StoreError;

use crate::error::Done;
use crate::runs::{Run, Runs, held};
use crate::sight::{End, Sight};

/// The types of which the viewer sees an object somewhere, in the order of their names.
pub(crate) fn types(connection: &Connection, viewer: &Viewer) -> Done<Vec<String>> {
    let Some(sight) = Sight::of(connection, viewer)? else { return Ok(Vec::new()) };
    let mut runs = Runs::of(connection, &sight);
    let mut seen = BTreeSet::new();
    for collection in sight.collections() {
        for kind in held(connection, collection)? {
            if !seen.contains(&kind) && runs.next((collection, kind), None)?.is_some() {
                seen.insert(kind);
            }
        }
    }
    let mut names = seen.into_iter().map(|kind| spelt(connection, kind)).collect::<Done<Vec<String>>>()?;
    names.sort();
    Ok(names)
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
    let mut runs = Runs::of(connection, &sight);
    let mut types = Vec::new();
    for kind in held(connection, collection.0)? {
        let (mut number, mut behind) = (0_usize, None);
        while number < most
            && let Some(run) = runs.next((collection.0, kind), behind)?
        {
            number = number.saturating_add(count(connection, &sight, run, most.saturating_sub(number))?);
            behind = Some(run);
        }
        if number > 0 {
            types.push((spelt(connection, kind)?, number));
        }
    }
    types.sort();
    Ok(types)
}

fn spelt(connection: &Connection, kind: i64) -> Done<String> {
    let mut spell = connection.prepare_cached("SELECT name FROM name WHERE no = ?1")?;
    Ok(spell.query_row([kind], |row| row.get(0))?)
}

/// How many objects the viewer sees in a run in their last version, of `most` at most.
fn count(connection: &Connection, sight: &Sight, run: Run, most: usize) -> Done<usize> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT count(*) FROM (SELECT 1 FROM holding h INDEXED BY holding_seen WHERE h.collection = ?2 AND h.kind = ?3 \
         AND h.rules = ?4 AND {} AND {} LIMIT ?5)",
        sight.sees("h"),
        sight.ends("h", End::Last)
    ))?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let own: [&dyn ToSql; 4] = [&run.collection, &run.kind, &run.rules, &most];
    sight.bind(&mut select, &own)?;
    let mut rows = select.raw_query();
    Ok(match rows.next()? {
        Some(row) => usize::try_from(row.get::<_, u64>(0)?).unwrap_or(usize::MAX),
        None => 0,
    })
}
