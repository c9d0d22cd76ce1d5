//! The keys that versions are sealed under in backups.
//!
//! A version gets its key in the transaction that stores it, and loses it in the transaction that destroys it, so that there is
//! no moment at which one is done and the other is not. What is only deleted keeps its key: a backup of before can bring it
//! back, and what it was is known as far as a deed needs that which reaches it later: where it stood, under which rules, and two marks
//! by which what it said is known again ([`gone::mark`]). Nothing here is sealed: whoever reads these files reads the objects beside the keys. A backup holds no key.

use handling::{Originator, Rules};
use ledger::vault::ObjectKey;
use rusqlite::Connection;

use crate::error::Done;
use crate::gone;
use crate::plans::Plans;
use crate::rules_rows;
use crate::text::TEXT_PURGE;
use crate::writer::{Desk, number, set_number};

/// Whether every version from before there were keys has its own.
const KEYED: &str = "keyed";

/// Gives a version its key. Version numbers are given once, so no two of a process have the same.
pub(crate) fn give(
    plans: &Plans<'_>,
    seed: &ObjectKey,
    (object, version): (i64, i64),
    word: &str,
) -> Done<()> {
    put(plans, (object, version), word, &seed.child(&version.to_be_bytes()))
}

/// Keeps the key of a version.
pub(crate) fn put(plans: &Plans<'_>, (object, version): (i64, i64), word: &str, key: &ObjectKey) -> Done<()> {
    let insert = "INSERT INTO version_key (object, version, word, key) VALUES (?1, ?2, ?3, ?4)";
    plans.run(insert, (object, version, word, key.expose()))?;
    Ok(())
}

/// Gives every version that has none a key.
pub(crate) fn fill(plans: &Plans<'_>, seed: &ObjectKey) -> Done<()> {
    let sql = plans.sql();
    let mut select = sql.prepare(
        "SELECT v.object, v.no, coalesce((SELECT r.originator FROM holding h JOIN rules r ON r.no = h.rules \
         WHERE h.object = v.object AND h.version = v.no), 'here') FROM version v WHERE NOT EXISTS \
         (SELECT 1 FROM version_key k WHERE k.object = v.object AND k.version = v.no)",
    )?;
    let rows = select.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get::<_, String>(2)?)))?;
    for (version, word) in rows.collect::<rusqlite::Result<Vec<_>>>()? {
        give(plans, seed, version, &word)?;
    }
    set_number(sql, KEYED, 1)
}

/// The same at the first opening by a program that knows of keys; a crash in it leaves it for the next.
pub(crate) fn fill_once(sql: &Connection, seed: &ObjectKey) -> Done<()> {
    if number(sql, KEYED)? != 0 {
        return Ok(());
    }
    sql.execute_batch("BEGIN IMMEDIATE")?;
    let filled = fill(&Plans::new(sql), seed);
    sql.execute_batch(if filled.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    filled
}

/// Destroys the key of a version. Its words go from the full-text index for good with it, whatever takes it away.
pub(crate) fn destroy(sql: &Connection, (object, version): (i64, i64)) -> Done<()> {
    let mut gone = 0;
    for table in ["version_key", "deleted"] {
        gone += sql
            .prepare_cached(&format!("DELETE FROM {table} WHERE object = ?1 AND version = ?2"))?
            .execute((object, version))?;
    }
    if gone > 0 {
        set_number(sql, TEXT_PURGE, 1)?;
    }
    Ok(())
}

/// What is known of a version that was only deleted.
pub(crate) struct Deleted {
    /// Where it stood last.
    pub(crate) collection: i64,
    /// Under which rules, as they are stored.
    rules: String,
    /// Its date, empty where it has none.
    pub(crate) dated: String,
    /// By what it is known again: its bytes, and its content.
    marks: [gone::Mark; 2],
}

impl Deleted {
    /// By what its content is known again.
    pub(crate) const fn content(&self) -> gone::Mark {
        self.marks[1]
    }

    /// The rules it was under; closed where they cannot be read.
    pub(crate) fn rules(&self) -> Rules {
        self.rules.parse().unwrap_or_else(|_| Rules::closed())
    }

    /// Whether its bytes or its content are one of these.
    pub(crate) fn says<'a>(&self, desk: &Desk<'_>, which: impl IntoIterator<Item = &'a [u8; 32]>) -> bool {
        which.into_iter().any(|digest| self.marks.contains(&gone::mark(desk, digest)))
    }
}

/// Notes what a version was that is deleted from its last place, and whose key stays.
pub(crate) fn outlive(desk: &Desk<'_>, place: &gone::Place) -> Done<()> {
    let rules = rules_rows::of_version(desk.sql(), (place.rules, place.version))?;
    let (dated, digest, content): (String, Vec<u8>, Vec<u8>) = desk
        .sql()
        .prepare_cached("SELECT coalesce(modified, ''), digest, content_digest FROM version WHERE no = ?1")?
        .query_row([place.version], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let [bytes, content] = [digest, content].map(|digest| gone::mark(desk, &digest));
    desk.sql()
        .prepare_cached(
            "INSERT OR REPLACE INTO deleted (object, version, collection, rules, dated, bytes, content) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((place.object, place.version, place.collection, rules.to_string(), dated, bytes, content))?;
    Ok(())
}

/// Destroys the keys of those versions of an object by somebody's word that were only deleted and that are picked. Of what an earlier build
/// deleted, and of lives before a restore, nothing is known but whose word it was.
pub(crate) fn destroy_deleted(
    desk: &Desk<'_>,
    (object, word): (i64, &Originator),
    mut picks: impl FnMut(Option<&Deleted>) -> bool,
) -> Done<()> {
    let sql = desk.sql();
    let mut select = sql.prepare_cached(
        "SELECT k.version, d.collection, d.rules, d.dated, d.bytes, d.content FROM version_key k \
         LEFT JOIN deleted d ON d.object = k.object AND d.version = k.version \
         WHERE k.object = ?1 AND k.word = ?2 AND NOT EXISTS (SELECT 1 FROM version v WHERE v.no = k.version)",
    )?;
    let unheld = select.query_map((object, word.to_string()), |row| {
        let collection: Option<i64> = row.get(1)?;
        let known = collection.map(|collection| {
            let marks = [row.get(4)?, row.get(5)?];
            Ok::<_, rusqlite::Error>(Deleted { collection, rules: row.get(2)?, dated: row.get(3)?, marks })
        });
        Ok((row.get(0)?, known.transpose()?))
    })?;
    for (version, known) in unheld.collect::<rusqlite::Result<Vec<(i64, Option<Deleted>)>>>()? {
        if picks(known.as_ref()) {
            destroy(sql, (object, version))?;
        }
    }
    Ok(())
}

/// Forgets what was deleted and has no key any more: that of a copy whose key file is newer.
pub(crate) fn forget_keyless(sql: &Connection) -> Done<()> {
    sql.execute_batch(
        "DELETE FROM deleted WHERE NOT EXISTS (SELECT 1 FROM version_key k \
         WHERE k.object = deleted.object AND k.version = deleted.version)",
    )?;
    Ok(())
}
