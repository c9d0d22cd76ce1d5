//! Opening a sealed copy in place: what has its key comes back and everything that derives is made again; what has none comes
//! back as an erasure leaves it.
//!
//! The file that is worked on is a copy of a backup that nobody else has open and that is thrown away when anything fails.

use std::io::Read;

use ledger::commitment::Salt;
use ledger::vault::ObjectKey;
use rusqlite::{Connection, OptionalExtension};
use store::{Absent, SIGNING_SEEDS, StoreError};

use super::key_file::{KeyReader, Record};
use super::seal::{SEALED, moment_of, name_of_payload, name_of_version, seeds, short_hash};
use crate::answers;
use crate::dated;
use crate::editions;
use crate::ends::mark_ends;
use crate::error::{Done, damaged};
use crate::ids;
use crate::keys;
use crate::lineage;
use crate::remove::{End, take_out};
use crate::text::entry;
use crate::version_rows::write_again;
use crate::writer::{Desk, set_number};

/// Versions opened in one step.
const STEP: i64 = 500;

/// What of a copy did not come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Missing {
    /// Versions whose key was destroyed.
    pub(super) erased: u64,
    /// Versions and payloads that the key file should have a key for and has none.
    pub(super) unopened: u64,
}

/// Opens the copy with the keys of a moment, and says what had none.
pub(super) fn unseal(desk: &mut Desk<'_>, at: i64, keys: &mut dyn Read, absent: Absent) -> Done<Missing> {
    let sql = desk.sql();
    let (mut reader, keys_of) = KeyReader::begin(keys)?;
    let copied = moment_of(sql, at)?;
    if keys_of.node != copied.node {
        return Err(told("the key file is another node's"));
    }
    take_keys(desk, &mut reader)?;
    let mut opening = Opening { older: keys_of.is_before(&copied), missing: Missing::default() };
    let last = copied.version.max(keys_of.version);
    // What is opened is found by its words at once; numbers that a later life gave are not given again.
    set_number(sql, "text_done", last)?;
    opening.versions(desk)?;
    // Nobody could read what was sealed when the migrations ran.
    dated::by_created(sql)?;
    editions::list_all(sql)?;
    // Of a copy from before there were lineages nobody could number them while it was sealed.
    lineage::number_all(sql)?;
    mark_ends(desk)?;
    desk.forget_posts();
    opening.payloads(sql)?;
    answers::fill(sql)?;
    opening.judge(absent)?;
    keys::forget_keyless(sql)?;
    end(sql)?;
    desk.skip_versions_to(last);
    Ok(opening.missing)
}

fn told(reason: &str) -> crate::error::Fail {
    StoreError::KeysMissing { reason: reason.into() }.into()
}

/// Takes the keys in: those of versions where they belong, salts beside the copy until they are needed.
fn take_keys(desk: &mut Desk<'_>, reader: &mut KeyReader<'_>) -> Done<()> {
    let sql = desk.sql();
    sql.execute_batch(
        "CREATE TEMP TABLE payload_salt (author BLOB NOT NULL, sequence INTEGER NOT NULL, salt BLOB NOT NULL, \
         PRIMARY KEY (author, sequence)) WITHOUT ROWID; DELETE FROM version_key",
    )?;
    while let Some(record) = reader.next()? {
        match record {
            Record::Version { kind, uuid, version, word, key } => {
                let object = desk.object(&ids::text(&kind, &uuid))?.no;
                keys::put(desk.plans(), (object, version), &word, &key)?;
            }
            Record::Leaf { sequence, hash, salt } => take_salt(sql, sequence, &hash, &salt)?,
            Record::Payload { author, sequence, salt } => {
                sql.prepare_cached(
                    "INSERT INTO temp.payload_salt (author, sequence, salt) VALUES (?1, ?2, ?3)",
                )?
                .execute((author, sequence, salt))?;
            }
            Record::Signing { seed } => take_seed(sql, seed.expose())?,
        }
    }
    Ok(())
}

/// Takes a key of the member in that was made after the copy, behind those that it has.
fn take_seed(sql: &Connection, seed: &str) -> Done<()> {
    let held = seeds(sql, "main")?;
    if !held.is_empty() && held.lines().all(|line| line != seed) {
        sql.prepare_cached("UPDATE setting SET value = ?2 WHERE name = ?1")?
            .execute((SIGNING_SEEDS, format!("{held}{seed}\n")))?;
    }
    Ok(())
}

/// Gives an act its salt back, where the act at this place is the one that the salt is of.
fn take_salt(sql: &Connection, sequence: i64, hash: &[u8; 8], salt: &[u8; 32]) -> Done<()> {
    let held = sql
        .prepare_cached("SELECT sequence, header, NULL, common FROM written_leaf WHERE sequence = ?1")?
        .query_row([sequence], short_hash)
        .optional()?;
    if held == Some(*hash) {
        sql.prepare_cached("UPDATE leaf SET salt = ?2 WHERE sequence = ?1")?.execute((sequence, salt))?;
    }
    Ok(())
}

/// A version as it stands in the copy.
struct Sealed {
    no: i64,
    object: i64,
    tlp: Option<u8>,
    bytes: Vec<u8>,
    key: Option<[u8; 32]>,
}

/// The opening of a copy.
struct Opening {
    /// The keys are of a moment before the copy's: what has none may have come in between.
    older: bool,
    missing: Missing,
}

impl Opening {
    fn versions(&mut self, desk: &mut Desk<'_>) -> Done<()> {
        let mut after = 0;
        loop {
            let step = next(desk.sql(), after)?;
            let Some(last) = step.last() else { return Ok(()) };
            after = last.no;
            for version in step {
                self.version(desk, version)?;
            }
            desk.forget_posts();
        }
    }

    fn version(&mut self, desk: &mut Desk<'_>, version: Sealed) -> Done<()> {
        let Some(key) = version.key else {
            let count = if self.older { &mut self.missing.unopened } else { &mut self.missing.erased };
            *count = count.saturating_add(1);
            return leave_out(desk, &version);
        };
        let name = name_of_version(version.no);
        let Ok(bytes) = ObjectKey::from_bytes(&key).open(&name, &version.bytes) else {
            self.missing.unopened = self.missing.unopened.saturating_add(1);
            return leave_out(desk, &version);
        };
        desk.sql()
            .prepare_cached("UPDATE body SET bytes = ?2 WHERE version = ?1")?
            .execute((version.no, &bytes))?;
        let entry = entry(bytes);
        let mut entry =
            entry.map_err(|_| damaged(&format!("version {}: its bytes are no object", version.no)))?;
        entry.facts.tlp = entry.facts.tlp.max(version.tlp);
        write_again(desk, &entry, version.no)
    }

    fn payloads(&mut self, sql: &Connection) -> Done<()> {
        let names: Vec<([u8; 32], i64)> = sql
            .prepare("SELECT author, sequence FROM payload")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for name in names {
            self.payload(sql, name)?;
        }
        for statement in [
            "DELETE FROM replaced WHERE NOT EXISTS (SELECT 1 FROM temp.payload_salt s \
             WHERE s.author = replaced.author AND s.sequence = replaced.sequence)",
            "UPDATE replaced SET salt = (SELECT s.salt FROM temp.payload_salt s \
             WHERE s.author = replaced.author AND s.sequence = replaced.sequence)",
        ] {
            sql.execute(statement, [])?;
        }
        Ok(())
    }

    fn payload(&mut self, sql: &Connection, (author, sequence): ([u8; 32], i64)) -> Done<()> {
        let (sealed, salt): (Vec<u8>, Option<[u8; 32]>) = sql
            .prepare_cached(
                "SELECT p.bytes, s.salt FROM payload p LEFT JOIN temp.payload_salt s \
                 ON s.author = p.author AND s.sequence = p.sequence WHERE p.author = ?1 AND p.sequence = ?2",
            )?
            .query_row((author, sequence), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let name = name_of_payload(&author, sequence);
        let opened = salt.map(|salt| ObjectKey::of_salt(&Salt::from_bytes(salt)).open(&name, &sealed));
        let Some(Ok(bytes)) = opened else {
            if self.older || opened.is_some() {
                self.missing.unopened = self.missing.unopened.saturating_add(1);
            }
            return drop_payload(sql, &author, sequence);
        };
        sql.prepare_cached("UPDATE payload SET salt = ?3, bytes = ?4 WHERE author = ?1 AND sequence = ?2")?
            .execute((author, sequence, salt, bytes))?;
        let Some(salt) = salt else { return Ok(()) };
        // The key file knows an own act that another has followed by its payload alone.
        let bare = sql
            .prepare_cached(
                "SELECT substr(a.leaf, 1, 8) FROM leaf l JOIN act a ON a.author = ?1 AND a.sequence = l.sequence \
                 WHERE l.sequence = ?2 AND l.salt IS NULL",
            )?
            .query_row((author, sequence), |row| row.get::<_, [u8; 8]>(0))
            .optional()?;
        bare.map_or(Ok(()), |hash| take_salt(sql, sequence, &hash, &salt))
    }

    fn judge(&self, absent: Absent) -> Done<()> {
        let unopened = self.missing.unopened;
        if unopened == 0 || absent == Absent::LeaveOut {
            return Ok(());
        }
        let why = if self.older { "is older than the backup" } else { "is of another life of the node" };
        Err(told(&format!("the key file {why}: {unopened} versions and payloads in it cannot be opened")))
    }
}

fn next(sql: &Connection, after: i64) -> Done<Vec<Sealed>> {
    let mut select = sql.prepare_cached(
        "SELECT v.no, v.object, v.tlp, b.bytes, k.key FROM version v JOIN body b ON b.version = v.no \
         LEFT JOIN version_key k ON k.object = v.object AND k.version = v.no WHERE v.no > ?1 ORDER BY v.no LIMIT ?2",
    )?;
    let rows = select.query_map((after, STEP), |row| {
        Ok(Sealed {
            no: row.get(0)?,
            object: row.get(1)?,
            tlp: row.get(2)?,
            bytes: row.get(3)?,
            key: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Takes a version out of every place, as its erasure did.
fn leave_out(desk: &mut Desk<'_>, version: &Sealed) -> Done<()> {
    let sql = desk.sql();
    let places: Vec<(i64, i64)> = sql
        .prepare_cached("SELECT collection, added FROM holding WHERE object = ?1 AND version = ?2")?
        .query_map((version.object, version.no), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (collection, added) in places {
        // Its ends are marked when all that stands beside it is opened.
        take_out(desk, (collection, added), version.no, End::Destroyed)?;
    }
    Ok(())
}

/// Takes away what an act carried, and, where nothing of its object is here any more, what is known of the version it brought.
fn drop_payload(sql: &Connection, author: &[u8; 32], sequence: i64) -> Done<()> {
    sql.prepare_cached("DELETE FROM payload WHERE author = ?1 AND sequence = ?2")?
        .execute((author, sequence))?;
    let objects: Vec<i64> = sql
        .prepare_cached("SELECT object FROM held WHERE author = ?1 AND sequence = ?2")?
        .query_map((author, sequence), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for object in objects {
        let here: bool = sql
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM holding WHERE object = ?1)")?
            .query_row([object], |row| row.get(0))?;
        if !here {
            sql.prepare_cached("DELETE FROM held WHERE author = ?1 AND object = ?2 AND sequence = ?3")?
                .execute((author, object, sequence))?;
        }
    }
    Ok(())
}

/// It is no sealed copy any more.
fn end(sql: &Connection) -> Done<()> {
    sql.execute_batch("DROP TABLE temp.payload_salt")?;
    sql.execute("DELETE FROM number WHERE name = ?1", [SEALED])?;
    Ok(())
}
