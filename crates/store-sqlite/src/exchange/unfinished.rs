//! What other members' deeds left standing in builds before migration 40: versions that have `created` alone were called by that in exchange
//! and had no date in the store, so that a recall, an erasure or a narrowing found none, was answered as done, and left the bytes as they were.
//! Since that migration both call them the same, and what was answered can be finished.

use base::signing::KeyId;
use handling::{MemberId, Originator};
use rusqlite::Connection;
use stix::Json;
use store::Unfinished;

use crate::error::Done;
use crate::ids;

/// Whether it was looked for.
const FINISHED: &str = "deeds_finished";

/// Names them, and has them named no more.
pub(super) fn name(sql: &Connection, me: KeyId) -> Done<Vec<Unfinished>> {
    if finished(sql)? {
        return Ok(Vec::new());
    }
    let mut select = sql.prepare(
        "SELECT f.author, f.object, v.modified, r.originator, b.bytes, \
         EXISTS (SELECT 1 FROM held x WHERE x.object = f.object AND x.author = f.author AND x.version = v.modified) \
         FROM fate f JOIN holding h ON h.object = f.object JOIN rules r ON r.no = h.rules \
         JOIN version v ON v.no = h.version JOIN body b ON b.version = v.no \
         WHERE f.author <> ?1 AND v.modified IS NOT NULL AND v.created_key IS NOT NULL \
         AND (EXISTS (SELECT 1 FROM narrowing n WHERE n.object = f.object AND n.author = f.author) \
         OR (f.recalled IS NOT NULL OR f.erased IS NOT NULL) \
         AND NOT EXISTS (SELECT 1 FROM held x WHERE x.object = f.object AND x.author = f.author AND x.version = v.modified))",
    )?;
    let mut rows = select.query([me.as_bytes()])?;
    let mut left: Vec<Unfinished> = Vec::new();
    while let Some(row) = rows.next()? {
        let author = KeyId::from_bytes(row.get(0)?);
        let word: String = row.get(3)?;
        let bytes = row.get_ref(4)?.as_blob().map_err(rusqlite::Error::from)?;
        // What says when it was modified was found by that, and bytes that were changed are for `doctor` and `rebuild` to tell of.
        let by_created = Json::parse(bytes).is_ok_and(|object| object.get("modified").is_none());
        if !by_created || word != Originator::Member(MemberId(*author.as_bytes())).to_string() {
            continue;
        }
        let found = Unfinished {
            author,
            id: ids::of_number(sql, row.get(1)?)?,
            version: row.get(2)?,
            is_held: row.get(5)?,
        };
        if !left.contains(&found) {
            left.push(found);
        }
    }
    sql.execute("INSERT OR REPLACE INTO number (name, value) VALUES (?1, 1)", [FINISHED])?;
    Ok(left)
}

/// Whether they were named before; a store of before knows nothing of it, and so does a copy that was made then.
fn finished(sql: &Connection) -> Done<bool> {
    let mut select = sql.prepare_cached("SELECT EXISTS (SELECT 1 FROM number WHERE name = ?1)")?;
    Ok(select.query_row([FINISHED], |row| row.get(0))?)
}
