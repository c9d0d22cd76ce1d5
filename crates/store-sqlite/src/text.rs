//! Full text, brought up to date behind the commits.
//!
//! Writing the words of an object costs more than everything else that is stored for it, and nobody waits for them but a
//! search. So a commit leaves them out; the writer adds them while nothing waits, and a search first has it catch up: a
//! search never misses a committed object. A number in the database tells how far the text reaches, so that a crash loses
//! nothing: what is missing is derived again from the objects' bytes.

use std::collections::VecDeque;

use bytes::Bytes;
use rusqlite::Connection;
use stix::{Profile, examine};
use store::Entry;

use crate::error::{Done, damaged};
use crate::writer::{number, set_number};

/// Words kept in memory until they are written; what is beyond is derived again.
const KEPT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Words that are not written yet, by version.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    words: VecDeque<(i64, String)>,
    bytes: usize,
}

impl Pending {
    /// Keeps the words of a version, as long as there is room.
    pub(crate) fn keep(&mut self, version: i64, words: &str) {
        if self.bytes + words.len() <= KEPT_BYTES_MAX {
            self.bytes += words.len();
            self.words.push_back((version, words.to_owned()));
        }
    }

    /// The words of a version, if they were kept; those of earlier versions are dropped.
    fn take(&mut self, version: i64) -> Option<String> {
        while let Some((kept, _)) = self.words.front()
            && *kept <= version
        {
            let (kept, words) = self.words.pop_front()?;
            self.bytes -= words.len();
            if kept == version {
                return Some(words);
            }
        }
        None
    }
}

/// Writes the words of the next `most` versions; tells how far the text reaches now.
pub(crate) fn catch_up(sql: &Connection, pending: &mut Pending, most: usize, last_version: i64) -> Done<i64> {
    let done = number(sql, "text_done")?;
    let mut next = sql.prepare_cached("SELECT no, kind FROM version WHERE no > ?1 ORDER BY no LIMIT ?2")?;
    let versions: Vec<i64> = next
        .query_map((done, i64::try_from(most).unwrap_or(i64::MAX)), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for version in &versions {
        let words = match pending.take(*version) {
            Some(words) => words,
            None => derive(sql, *version)?,
        };
        if !words.is_empty() {
            sql.prepare_cached("INSERT INTO text (rowid, words) VALUES (?1, ?2)")?
                .execute((version, words))?;
        }
    }
    let reached = if versions.len() < most { last_version } else { versions.last().copied().unwrap_or(done) };
    set_number(sql, "text_done", reached)?;
    Ok(reached)
}

/// The last version whose text an earlier build wrote, without the marks of its names.
pub(crate) const TEXT_UNNAMED: &str = "text_unnamed";

/// Writes the text of up to `most` versions again that an earlier build wrote, the newest first.
pub(crate) fn write_again(sql: &Connection, most: usize) -> Done<()> {
    let from = number(sql, TEXT_UNNAMED)?;
    let mut next = sql.prepare_cached("SELECT no FROM version WHERE no <= ?1 ORDER BY no DESC LIMIT ?2")?;
    let versions: Vec<i64> = next
        .query_map((from, i64::try_from(most).unwrap_or(i64::MAX)), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for version in &versions {
        // What cannot be read keeps the text it has.
        let Ok(words) = derive(sql, *version) else { continue };
        if !words.is_empty() {
            sql.prepare_cached("INSERT OR REPLACE INTO text (rowid, words) VALUES (?1, ?2)")?
                .execute((version, words))?;
        }
    }
    let left =
        if versions.len() < most { 0 } else { versions.last().map_or(0, |last| last.saturating_sub(1)) };
    set_number(sql, TEXT_UNNAMED, left)
}

/// Whether words of something that was destroyed may still stand in the index.
pub(crate) const TEXT_PURGE: &str = "text_purge";

/// Writes the index anew without what was deleted, whose place is overwritten. Takes time with all that is held, and is only
/// needed after something was destroyed: by an erasure, a recall, a narrowing, or the end of its time.
pub(crate) fn purge(sql: &Connection) -> Done<()> {
    sql.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    let purged = sql.execute("INSERT INTO text (text) VALUES ('optimize')", []);
    sql.pragma_update_and_check(None, "secure_delete", false, |_| Ok(()))?;
    purged?;
    set_number(sql, TEXT_PURGE, 0)
}

fn derive(sql: &Connection, version: i64) -> Done<String> {
    let bytes: Vec<u8> = sql
        .prepare_cached("SELECT bytes FROM body WHERE version = ?1")?
        .query_row([version], |row| row.get(0))?;
    Ok(entry(bytes).map(|entry| entry.text.0).unwrap_or_default())
}

/// The entry of stored bytes; an error where they are no object.
pub(crate) fn entry(bytes: Vec<u8>) -> Done<Entry> {
    let bytes = Bytes::from(bytes);
    let valid = examine(&bytes, Profile::Store).map_err(|_| damaged("stored bytes are no object"))?;
    Ok(Entry::from_valid(&valid, bytes.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an earlier build wrote says nothing of names until it is written again, in steps.
    #[test]
    fn text_of_before_is_written_again() {
        let sql = crate::migrate::tests::before("named");
        let bytes = |no: i64| {
            format!(
                r#"{{"type":"campaign","spec_version":"2.1","id":"campaign--00000000-0000-4000-8000-00000000000{no}","created":"2025-01-01T00:00:00.000Z","modified":"2025-01-01T00:00:00.000Z","name":"Number {no}"}}"#
            )
        };
        sql.execute("INSERT INTO name VALUES (1, 'campaign')", []).unwrap();
        for no in 1..=5 {
            let version = "INSERT INTO version (no, object, kind, spec, revoked, digest, content_digest, label, derived) \
                           VALUES (?1, ?1, 1, 21, 0, x'', x'', '', x'')";
            sql.execute(version, [no]).unwrap();
            sql.execute("INSERT INTO body (version, bytes) VALUES (?1, CAST(?2 AS BLOB))", (no, bytes(no)))
                .unwrap();
            let old = "INSERT INTO text (rowid, words) VALUES (?1, 'number ' || ?1)";
            sql.execute(old, [no]).unwrap();
        }
        sql.execute("UPDATE body SET bytes = x'00' WHERE version = 3", []).unwrap();
        sql.execute("UPDATE number SET value = 5 WHERE name = 'text_done'", []).unwrap();
        crate::migrate::migrate(&sql, "db").unwrap();
        let found = |asked: &str| -> Vec<i64> {
            let mut select =
                sql.prepare("SELECT rowid FROM text WHERE text MATCH ?1 ORDER BY rowid").unwrap();
            select.query_map([asked], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        for (left, named) in [(3, vec![4, 5]), (1, vec![2, 4, 5]), (0, vec![1, 2, 4, 5])] {
            write_again(&sql, 2).unwrap();
            assert_eq!((number(&sql, TEXT_UNNAMED).unwrap(), found("\"=number\"")), (left, named));
        }
        write_again(&sql, 2).unwrap();
        assert_eq!(
            found("number"),
            [1, 2, 3, 4, 5],
            "what cannot be read is still found by what was written"
        );
        let named = |name: &str| found(&format!("\"{name}\""));
        assert_eq!((named("^number=4"), named("4")), (vec![4], vec![4]));
    }

    #[test]
    fn keeps_what_fits_in_order() {
        let mut pending = Pending::default();
        for version in [2, 3, 5] {
            pending.keep(version, &version.to_string());
        }
        pending.keep(6, &"x".repeat(KEPT_BYTES_MAX));
        assert_eq!(pending.take(1), None);
        assert_eq!(pending.take(3), Some("3".to_owned()));
        assert_eq!(pending.take(4), None);
        assert_eq!(pending.take(5), Some("5".to_owned()));
        assert_eq!((pending.take(6), pending.bytes), (None, 0));
    }
}
