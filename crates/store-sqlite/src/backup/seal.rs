//! Writing a sealed copy: what tells the content of objects is left out or sealed, and the keys go elsewhere.
//!
//! The bytes of each version are sealed under its key, what an act carries under a key that follows from its salt. Salts are
//! left out, and so is everything that derives from the bytes: it is made again at restore. The rest is copied as it is. The
//! copy is written row by row into a new file, so no freed page of the store comes along.

use std::path::Path;
use std::time::Duration;

use base::{Redacted, Rng};
use ledger::TreeHash;
use ledger::commitment::Salt;
use ledger::vault::ObjectKey;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};
use sha2::{Digest, Sha256};
use store::{SIGNING_SEEDS, StoreError};

use super::key_file::{KeyWriter, Moment, Record};
use super::refused;
use crate::derived::Derived;
use crate::error::{Done, damaged};
use crate::leaves::leaf_hash;
use crate::migrate;
use crate::open::{held_key, make_private_file};
use crate::writer::{number, set_number};

/// Number in a sealed copy that says it is one: its value is the moment it was made.
pub(super) const SEALED: &str = "sealed";

/// Tables whose rows are sealed, or left out because they tell content, derive from it, or are keys.
const APART: [&str; 13] = [
    "migration",
    "version",
    "body",
    "posting",
    "address",
    "edge",
    "pattern",
    "sighting",
    "text",
    "version_key",
    "leaf",
    "payload",
    "replaced",
];

/// Copies the database in one moment of commit order, sealed, and writes the keys of that moment.
pub(super) fn copy(
    from: &Path,
    to: &Path,
    keys: &mut dyn std::io::Write,
    (rng, at): (&dyn Rng, i64),
) -> Done<()> {
    make_private_file(to)?;
    let target = Connection::open(to).map_err(|error| refused(to, error.to_string()))?;
    scratch(&target)?;
    migrate::migrate(&target, &to.display().to_string())?;
    attach(&target, from)?;
    // One transaction: the first read of the store holds its moment to the end.
    target.execute_batch("BEGIN")?;
    let moment = moment(&target, "store", at)?;
    plain(&target)?;
    versions(&target, rng)?;
    payloads(&target, rng)?;
    target.execute(
        "INSERT INTO main.leaf (sequence, object, header, salt, common) \
         SELECT sequence, object, header, NULL, common FROM store.leaf",
        [],
    )?;
    target.execute(
        "INSERT INTO main.replaced (author, object, version, sequence, salt, rules, shared) \
         SELECT author, object, version, sequence, x'', rules, shared FROM store.replaced",
        [],
    )?;
    set_number(&target, "text_done", 0)?;
    target.execute("INSERT INTO main.number (name, value) VALUES (?1, ?2)", (SEALED, at))?;
    write_keys(&target, "store", keys, &moment)?;
    target.execute_batch("COMMIT")?;
    target.execute_batch("DETACH store")?;
    target.close().map_err(|(_, error)| error)?;
    Ok(())
}

/// Writes the keys of this moment alone.
pub(super) fn keys_of(database: &Path, keys: &mut dyn std::io::Write, at: i64) -> Done<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source =
        Connection::open_with_flags(database, flags).map_err(|error| refused(database, error.to_string()))?;
    source.busy_timeout(Duration::from_secs(5))?;
    source.execute_batch("BEGIN")?;
    let moment = moment(&source, "main", at)?;
    write_keys(&source, "main", keys, &moment)
}

/// Settings for a file that is of no use until it is finished: nothing is kept to take anything back with.
pub(super) fn scratch(connection: &Connection) -> Done<()> {
    connection.pragma_update(None, "page_size", 8192)?;
    connection.pragma_update_and_check(None, "journal_mode", "off", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "off")?;
    connection.pragma_update(None, "cache_size", -128 * 1024)?;
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(())
}

fn attach(target: &Connection, from: &Path) -> Done<()> {
    let mut name = String::from("file:");
    for byte in from.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            name.push(char::from(*byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    name.push_str("?mode=ro");
    target.execute("ATTACH ?1 AS store", [name]).map_err(|error| refused(from, error.to_string()))?;
    target.busy_timeout(Duration::from_secs(5))?;
    Ok(())
}

fn moment(sql: &Connection, of: &str, at: i64) -> Done<Moment> {
    let version =
        sql.query_row(&format!("SELECT value FROM {of}.number WHERE name = 'version'"), [], |row| {
            row.get(0)
        })?;
    let key = held_key(sql, of)?.ok_or_else(|| damaged("the key of fingerprints is missing"))?;
    Ok(Moment { node: Moment::node_of(&key), at, version })
}

/// Copies the tables that are copied as they are.
fn plain(target: &Connection) -> Done<()> {
    let mut select = target.prepare("SELECT name FROM main.sqlite_schema WHERE type = 'table'")?;
    let tables: Vec<String> = select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let copied = tables.iter().filter(|name| {
        !APART.contains(&name.as_str()) && !name.starts_with("text_") && !name.starts_with("sqlite_")
    });
    for table in copied {
        target.execute_batch(&format!(
            "DELETE FROM main.{table}; INSERT INTO main.{table} SELECT * FROM store.{table}"
        ))?;
    }
    Ok(())
}

/// What a version's bytes are sealed under.
pub(super) fn name_of_version(version: i64) -> Vec<u8> {
    [b"version ".as_slice(), &version.to_be_bytes()].concat()
}

/// What the payload of an act is sealed under.
pub(super) fn name_of_payload(author: &[u8; 32], sequence: i64) -> Vec<u8> {
    [b"payload ".as_slice(), author, &sequence.to_be_bytes()].concat()
}

/// Seals the versions. Of what is known of one stays which object's it is, and handling that stands beside the bytes.
fn versions(target: &Connection, rng: &dyn Rng) -> Done<()> {
    let mut select = target.prepare(
        "SELECT v.no, v.object, v.kind, v.tlp, v.digest, b.bytes, k.key FROM store.version v \
         LEFT JOIN store.body b ON b.version = v.no \
         LEFT JOIN store.version_key k ON k.object = v.object AND k.version = v.no ORDER BY v.no",
    )?;
    let mut version = target.prepare(
        "INSERT INTO main.version (no, object, kind, spec, revoked, tlp, digest, content_digest, label, derived) \
         VALUES (?1, ?2, ?3, 21, 0, ?4, x'', x'', '', ?5)",
    )?;
    let mut body = target.prepare("INSERT INTO main.body (version, bytes) VALUES (?1, ?2)")?;
    let nothing = Derived::default().pack();
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let no: i64 = row.get(0)?;
        let (object, kind, tlp): (i64, i64, Option<u8>) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let bytes = row.get_ref(5)?.as_blob_or_null().map_err(rusqlite::Error::from)?.unwrap_or_default();
        if row.get::<_, [u8; 32]>(4)?[..] != Sha256::digest(bytes)[..] {
            let what = format!("version {no} has other bytes than were stored: restore the last backup");
            return Err(StoreError::Damaged(what).into());
        }
        let key: Option<[u8; 32]> = row.get(6)?;
        let key = key.ok_or_else(|| damaged(&format!("version {no} has no key: run `cresset rebuild`")))?;
        version.execute((no, object, kind, tlp, &nothing))?;
        body.execute((no, ObjectKey::from_bytes(&key).seal(rng, &name_of_version(no), bytes)))?;
    }
    Ok(())
}

/// Seals what acts carry.
fn payloads(target: &Connection, rng: &dyn Rng) -> Done<()> {
    let mut select = target.prepare("SELECT author, sequence, salt, bytes FROM store.payload")?;
    let mut insert = target
        .prepare("INSERT INTO main.payload (author, sequence, salt, bytes) VALUES (?1, ?2, x'', ?3)")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (author, sequence): ([u8; 32], i64) = (row.get(0)?, row.get(1)?);
        let key = ObjectKey::of_salt(&Salt::from_bytes(row.get(2)?));
        let bytes = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
        insert.execute((author, sequence, key.seal(rng, &name_of_payload(&author, sequence), bytes)))?;
    }
    Ok(())
}

fn write_keys(sql: &Connection, of: &str, to: &mut dyn std::io::Write, moment: &Moment) -> Done<()> {
    let mut writer = KeyWriter::begin(to, moment)?;
    let mut select = sql.prepare(&format!(
        "SELECT n.name, o.uuid, k.version, k.word, k.key FROM {of}.version_key k \
         JOIN {of}.object o ON o.no = k.object JOIN {of}.name n ON n.no = o.kind ORDER BY k.object, k.version"
    ))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (kind, uuid, version, word) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let key = ObjectKey::from_bytes(&row.get(4)?);
        writer.add(&Record::Version { kind, uuid, version, word, key })?;
    }
    let mut select = sql.prepare(&format!(
        "SELECT sequence, header, NULL, common, salt FROM {of}.written_leaf WHERE salt IS NOT NULL ORDER BY sequence"
    ))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (sequence, hash, salt) = (row.get(0)?, short_hash(row)?, row.get(4)?);
        writer.add(&Record::Leaf { sequence, hash, salt })?;
    }
    // Of acts that others have followed, a backup of before has the payload.
    let mut select = sql.prepare(&format!(
        "SELECT author, sequence, salt FROM {of}.payload UNION SELECT author, sequence, salt FROM {of}.replaced"
    ))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (author, sequence, salt) = (row.get(0)?, row.get(1)?, row.get(2)?);
        writer.add(&Record::Payload { author, sequence, salt })?;
    }
    for seed in seeds(sql, of)?.lines() {
        writer.add(&Record::Signing { seed: Redacted::new(seed.to_owned()) })?;
    }
    writer.end()
}

/// The keys of the member, one a line.
pub(super) fn seeds(sql: &Connection, of: &str) -> Done<String> {
    let mut select = sql.prepare(&format!("SELECT value FROM {of}.setting WHERE name = ?1"))?;
    Ok(select.query_row([SIGNING_SEEDS], |row| row.get(0)).optional()?.unwrap_or_default())
}

/// The beginning of a leaf's hash, from its row as [`leaf_hash`] reads it.
pub(super) fn short_hash(row: &Row<'_>) -> rusqlite::Result<[u8; 8]> {
    let TreeHash(hash) = leaf_hash(row)?;
    Ok(std::array::from_fn(|at| hash[at]))
}

/// When a sealed copy was made; `None` for a copy from before copies were sealed.
pub(super) fn sealed_at(sql: &Connection) -> Done<Option<i64>> {
    let at = sql.query_row("SELECT value FROM number WHERE name = ?1", [SEALED], |row| row.get(0));
    Ok(at.optional()?)
}

/// The moment of a sealed copy.
pub(super) fn moment_of(sql: &Connection, at: i64) -> Done<Moment> {
    let key = held_key(sql, "main")?.ok_or_else(|| damaged("the key of fingerprints is missing"))?;
    Ok(Moment { node: Moment::node_of(&key), at, version: number(sql, "version")? })
}
