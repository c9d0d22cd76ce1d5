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

/// Whether words of something erased may still stand in the index.
pub(crate) const TEXT_PURGE: &str = "text_purge";

/// Writes the index anew without what was deleted, whose place is overwritten. Takes time with all that is held, and is only
/// needed after an erasure.
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
