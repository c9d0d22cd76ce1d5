//! Versions by `created`: what says when it was made and not when it was changed has that moment for its version.
//!
//! Before migration 40 only marking definitions had; other such objects had their `date_added`. What was stored before is brought to the
//! rule here: by that migration, and after a sealed backup of before was opened, which has no bytes to read when migrations run.
//!
//! Where several contents of one object stand in a collection under one `created`, they stay, and the first of them is the one that is
//! given, as everywhere where contents stand under one moment.

use std::collections::BTreeSet;

use rusqlite::Connection;
use stix::Json;
use stix::timestamp::{check, key_of};

use crate::ends::set_marks;
use crate::error::Done;

/// Gives versions and places their `created` where they should have it.
pub(crate) fn by_created(sql: &Connection) -> Done<()> {
    name_versions(sql)?;
    move_places(sql)
}

fn name_versions(sql: &Connection) -> Done<()> {
    let mut select = sql.prepare(
        "SELECT v.no, b.bytes FROM version v JOIN body b ON b.version = v.no \
         WHERE v.modified IS NULL AND v.created_key IS NOT NULL",
    )?;
    let mut update = sql.prepare("UPDATE version SET modified = ?2 WHERE no = ?1 AND created_key = ?3")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let no: i64 = row.get(0)?;
        let bytes = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        // Bytes that were changed are for `doctor` and `rebuild` to tell of.
        let Ok(object) = Json::parse(bytes) else { continue };
        if let Some(created) = object.get("created").and_then(Json::as_str)
            && check(created).is_ok()
        {
            update.execute((no, created, key_of(created)))?;
        }
    }
    Ok(())
}

fn move_places(sql: &Connection) -> Done<()> {
    let mut select = sql.prepare(
        "SELECT h.collection, h.added, h.object, v.modified, v.created_key, v.revoked FROM holding h \
         JOIN version v ON v.no = h.version WHERE substr(v.modified, 1, length(v.created_key)) = v.created_key \
         AND ltrim(h.place, '~') <> v.created_key",
    )?;
    let found = select.query_map([], |row| {
        let (collection, added, object): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (modified, created, revoked): (String, String, bool) = (row.get(3)?, row.get(4)?, row.get(5)?);
        Ok((collection, added, object, modified, created, revoked))
    })?;
    let mut moved = BTreeSet::new();
    for (collection, added, object, modified, created, revoked) in
        found.collect::<rusqlite::Result<Vec<_>>>()?
    {
        if key_of(&modified) != created {
            continue;
        }
        let place = if revoked { format!("~{created}") } else { created };
        sql.prepare_cached("UPDATE holding SET place = ?3 WHERE collection = ?1 AND added = ?2")?
            .execute((collection, added, place))?;
        moved.insert((object, collection));
    }
    moved.into_iter().try_for_each(|(object, collection)| set_marks(sql, object, collection))
}
