//! Deriving again what derives, and comparing it with what is stored.

use rusqlite::Connection;

use crate::error::Done;
use crate::remove::{ENDS, mark_ends};

/// What differs in the marks of last and first versions; `repair` sets them anew.
pub(crate) fn marks(sql: &Connection, repair: bool) -> Done<Vec<String>> {
    let mut differing: Vec<(i64, i64)> = Vec::new();
    for (flag, order) in ENDS {
        let mut select = sql.prepare(&format!(
            "SELECT h.object, h.collection FROM holding h WHERE h.{flag} <> (h.restricted = 0 AND h.added = \
             (SELECT m.added FROM holding m WHERE m.object = h.object AND +m.collection = h.collection \
             AND m.restricted = 0 ORDER BY {order}, m.added LIMIT 1))"
        ))?;
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for row in rows {
            differing.push(row?);
        }
    }
    differing.sort_unstable();
    differing.dedup();
    if repair {
        for (object, collection) in &differing {
            sql.execute(
                "UPDATE holding SET is_last = 0, is_first = 0 WHERE object = ?1 AND +collection = ?2",
                (object, collection),
            )?;
            mark_ends(sql, *object, *collection)?;
        }
    }
    Ok(differing
        .iter()
        .map(|(object, collection)| format!("marks of object {object} in collection {collection}"))
        .collect())
}
