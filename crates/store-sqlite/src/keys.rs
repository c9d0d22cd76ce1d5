//! The keys that versions are sealed under in backups.
//!
//! A version gets its key in the transaction that stores it, and loses it in the transaction that destroys it, so that there is
//! no moment at which one is done and the other is not. What is only deleted keeps its key: a backup of before can bring it
//! back. Nothing here is sealed: whoever reads these files reads the objects beside the keys. A backup holds no key.

use handling::Originator;
use ledger::vault::ObjectKey;
use rusqlite::Connection;

use crate::error::Done;
use crate::writer::{number, set_number};

/// Whether every version from before there were keys has its own.
const KEYED: &str = "keyed";

/// Gives a version its key. Version numbers are given once, so no two of a process have the same.
pub(crate) fn give(
    sql: &Connection,
    seed: &ObjectKey,
    (object, version): (i64, i64),
    word: &str,
) -> Done<()> {
    put(sql, (object, version), word, &seed.child(&version.to_be_bytes()))
}

/// Keeps the key of a version.
pub(crate) fn put(sql: &Connection, (object, version): (i64, i64), word: &str, key: &ObjectKey) -> Done<()> {
    sql.prepare_cached("INSERT INTO version_key (object, version, word, key) VALUES (?1, ?2, ?3, ?4)")?
        .execute((object, version, word, key.expose()))?;
    Ok(())
}

/// Gives every version that has none a key.
pub(crate) fn fill(sql: &Connection, seed: &ObjectKey) -> Done<()> {
    let mut select = sql.prepare(
        "SELECT v.object, v.no, coalesce((SELECT r.originator FROM holding h JOIN rules r ON r.no = h.rules \
         WHERE h.object = v.object AND h.version = v.no), 'here') FROM version v WHERE NOT EXISTS \
         (SELECT 1 FROM version_key k WHERE k.object = v.object AND k.version = v.no)",
    )?;
    let rows = select.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get::<_, String>(2)?)))?;
    for (version, word) in rows.collect::<rusqlite::Result<Vec<_>>>()? {
        give(sql, seed, version, &word)?;
    }
    set_number(sql, KEYED, 1)
}

/// The same at the first opening by a program that knows of keys; a crash in it leaves it for the next.
pub(crate) fn fill_once(sql: &Connection, seed: &ObjectKey) -> Done<()> {
    if number(sql, KEYED)? != 0 {
        return Ok(());
    }
    sql.execute_batch("BEGIN IMMEDIATE")?;
    let filled = fill(sql, seed);
    sql.execute_batch(if filled.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    filled
}

/// Destroys the key of a version.
pub(crate) fn destroy(sql: &Connection, (object, version): (i64, i64)) -> Done<()> {
    sql.prepare_cached("DELETE FROM version_key WHERE object = ?1 AND version = ?2")?
        .execute((object, version))?;
    Ok(())
}

/// Destroys the keys of versions of an object by somebody's word that are not held any more, however they went.
pub(crate) fn destroy_unheld(sql: &Connection, object: i64, word: &Originator) -> Done<()> {
    sql.prepare_cached(
        "DELETE FROM version_key WHERE object = ?1 AND word = ?2 AND NOT EXISTS \
         (SELECT 1 FROM version v WHERE v.no = version_key.version)",
    )?
    .execute((object, word.to_string()))?;
    Ok(())
}
