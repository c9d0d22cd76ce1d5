//! `doctor`: whether what is stored is whole, and the digest over what is held.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use rusqlite::Connection;
use sha2::{Digest, Sha256};
use stix::Subject;
use store::{Check, StoreError};

use crate::error::Done;
use crate::open::private;
use crate::{ids, leaves, migrate, rules_rows};

/// What must hold between the tables.
struct Consistency {
    name: &'static str,
    /// How many rows are wrong.
    wrong: &'static str,
    /// What is said when none is.
    good: &'static str,
    /// What to do otherwise.
    cure: &'static str,
}

/// What derives can be derived again.
const REBUILD: &str = "run `cresset rebuild`";
/// What does not derive is only in a backup.
pub(crate) const RESTORE: &str = "restore the last backup";

const RULES: [Consistency; 5] = [
    Consistency {
        name: "holdings",
        wrong: "SELECT count(*) FROM holding h WHERE NOT EXISTS (SELECT 1 FROM version v WHERE v.no = h.version AND \
                v.object = h.object)",
        good: "every holding has its version",
        cure: REBUILD,
    },
    Consistency {
        name: "versions",
        wrong: "SELECT count(*) FROM version v WHERE NOT EXISTS (SELECT 1 FROM holding h WHERE h.object = v.object AND \
                h.version = v.no)",
        good: "every version is held by a collection",
        cure: REBUILD,
    },
    Consistency {
        name: "order",
        wrong: "SELECT count(*) FROM holding WHERE added > (SELECT value FROM number WHERE name = 'last_added')",
        good: "no object was added after the last date given out",
        cure: REBUILD,
    },
    Consistency {
        name: "handling",
        wrong: "SELECT count(*) FROM holding h LEFT JOIN rules r ON r.no = h.rules WHERE CASE WHEN h.rules = 0 \
                THEN h.restricted <> 0 ELSE r.no IS NULL OR h.restricted = r.open END",
        good: "every object is under rules that are there",
        cure: RESTORE,
    },
    KEYS,
];

const KEYS: Consistency = Consistency {
    name: "keys",
    wrong: "SELECT count(*) FROM version v WHERE NOT EXISTS (SELECT 1 FROM version_key k WHERE k.object = v.object AND \
            k.version = v.no)",
    good: "every version has the key that backups seal it under",
    cure: REBUILD,
};

/// Checks what can be checked of a copy whose versions may be sealed, and whose schema may be an older one.
pub(crate) fn check_copy(connection: &Connection) -> Done<Vec<Check>> {
    let mut checks = vec![integrity(connection)?];
    for rule in RULES.iter().filter(|rule| rule.name != KEYS.name) {
        checks.push(count(connection, rule)?);
    }
    checks.push(leaves::check(connection, true)?);
    Ok(checks)
}

/// Checks everything, line by line.
pub(crate) fn check(
    connection: &Connection,
    path: &str,
    read_only: Option<String>,
    deep: bool,
) -> Done<Vec<Check>> {
    let mut checks = vec![schema(connection, path), writing(Path::new(path), read_only)];
    checks.extend(Path::new(path).parent().map(space));
    checks.push(told("database", integrity(connection)));
    checks.extend(RULES.iter().map(|rule| told(rule.name, count(connection, rule))));
    checks.push(told("ledger", leaves::check(connection, deep)));
    checks.push(told("markings", nameless(connection)));
    if deep {
        checks.push(told("objects", digests(connection)));
        checks.push(told("rules", rules(connection)));
        checks.push(told("persons", persons(connection)));
    }
    Ok(checks)
}

/// What a check came to; one that cannot be made has found something too.
fn told(name: &'static str, check: Done<Check>) -> Check {
    check.unwrap_or_else(|fail| {
        let detail = format!("this cannot be read: {}; {RESTORE}", StoreError::from(fail));
        Check { name, ok: false, detail }
    })
}

/// Below this much the disk is said to be full soon: what is written ahead is folded back at about as much.
const SPACE_BYTES_MIN: u64 = 256_000_000;

/// The check that is about the disk and not about the store.
pub(crate) const SPACE: &str = "space";

/// Whether there is room for what comes.
fn space(directory: &Path) -> Check {
    let (ok, detail) = match rustix::fs::statvfs(directory) {
        Ok(disk) => {
            let bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
            let free = format!("{} MB are free where the store lies", bytes / 1_000_000);
            if bytes < SPACE_BYTES_MIN {
                (false, format!("{free}: make space, or the store takes no writes soon"))
            } else {
                (true, free)
            }
        }
        Err(error) => (
            false,
            format!(
                "how much is free where the store lies cannot be told: {error}; see to the disk and to the rights on the directory"
            ),
        ),
    };
    Check { name: SPACE, ok, detail }
}

fn schema(connection: &Connection, path: &str) -> Check {
    let differing = migrate::verify_current(connection, path).and_then(|()| migrate::differing(connection));
    match differing {
        Ok(differing) if differing.is_empty() => Check {
            name: "schema",
            ok: true,
            detail: "made by this program's migrations, and nothing else".into(),
        },
        Ok(differing) => {
            let names = stix::quote::quoted(&differing.join(", ")).to_string();
            let detail =
                format!("{names} differ from what this program's migrations make: restore a good backup");
            Check { name: "schema", ok: false, detail }
        }
        Err(fail) => Check { name: "schema", ok: false, detail: StoreError::from(fail).to_string() },
    }
}

/// What is written to see whether the disk takes it.
const TRIAL: &str = "cresset.trial";
/// How much that is: as much as a page of the database.
const TRIAL_BYTES: usize = 8192;

/// Whether the store takes writes: what its writer says, and what comes of trying.
fn writing(database: &Path, read_only: Option<String>) -> Check {
    match read_only.or_else(|| tried(database).err()) {
        None => Check { name: "writing", ok: true, detail: "the store takes writes".into() },
        Some(reason) => {
            let detail = format!("the store takes no writes: {reason}; make space or repair the disk");
            Check { name: "writing", ok: false, detail }
        }
    }
}

/// Writes beside the database, to the disk itself, and opens the database as somebody who changes it would. It is not changed: another
/// process may be at work on it, and a file system that is mounted to be read refuses even whoever may do everything.
fn tried(database: &Path) -> Result<(), String> {
    let told = |what: &Path, error: std::io::Error| format!("cannot write {}: {error}", what.display());
    std::fs::OpenOptions::new().write(true).open(database).map_err(|error| told(database, error))?;
    let trial = database.with_file_name(TRIAL);
    let mut file = private().truncate(true).open(&trial).map_err(|error| told(&trial, error))?;
    let written = file.write_all(&[0; TRIAL_BYTES]).and_then(|()| file.sync_all());
    // One that stays is written over by the next trial.
    let _ = std::fs::remove_file(&trial);
    written.map_err(|error| told(&trial, error))
}

fn integrity(connection: &Connection) -> Done<Check> {
    let mut statement = connection.prepare("PRAGMA integrity_check(20)")?;
    let lines: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let ok = lines.len() == 1 && lines.first().is_some_and(|line| line == "ok");
    let detail = if ok {
        "database pages and indexes agree".to_owned()
    } else {
        format!("{}; restore the last backup", lines.join("; "))
    };
    Ok(Check { name: "database", ok, detail })
}

fn count(connection: &Connection, rule: &Consistency) -> Done<Check> {
    let wrong: i64 = connection.query_row(rule.wrong, [], |row| row.get(0))?;
    let detail = if wrong == 0 { rule.good.to_owned() } else { format!("{wrong} are wrong; {}", rule.cure) };
    Ok(Check { name: rule.name, ok: wrong == 0, detail })
}

/// Objects told by name where something is wrong with many.
const NAMED_MAX: usize = 20;

/// Reads every object and compares it with its digest.
pub(crate) fn digests(connection: &Connection) -> Done<Check> {
    let mut statement = connection
        .prepare("SELECT v.object, v.digest, b.bytes FROM version v LEFT JOIN body b ON b.version = v.no")?;
    let mut rows = statement.query([])?;
    let (mut read, mut wrong) = (0_u64, Vec::new());
    while let Some(row) = rows.next()? {
        let digest: [u8; 32] = row.get(1)?;
        let bytes = row.get_ref(2)?.as_blob_or_null().map_err(rusqlite::Error::from)?.unwrap_or_default();
        if digest[..] != Sha256::digest(bytes)[..] {
            wrong.push(row.get::<_, i64>(0)?);
        }
        read += 1;
    }
    let detail = if wrong.is_empty() {
        format!("{read} versions read, every digest right")
    } else {
        let named = wrong.iter().take(NAMED_MAX).map(|object| ids::of_number(connection, *object));
        let shown: Vec<String> = named.collect::<Done<_>>()?;
        format!(
            "{} of {read} versions have other bytes than were stored ({}); {RESTORE}",
            wrong.len(),
            shown.join(", ")
        )
    };
    Ok(Check { name: "objects", ok: wrong.is_empty(), detail })
}

/// Objects told by name of those that wait for a marking which cannot come.
const NAMELESS_SHOWN: i64 = 20;

/// Whether something of this member's own waits for markings that are not awaited by name, so that no definition which comes settles it.
fn nameless(connection: &Connection) -> Done<Check> {
    const THESE: &str = "FROM holding h JOIN rules r ON r.no = h.rules WHERE h.rules <> 0 AND r.awaited AND r.originator = 'here' \
                         AND NOT EXISTS (SELECT 1 FROM awaits a WHERE a.rules = r.no)";
    let count: i64 =
        connection.query_row(&format!("SELECT count(DISTINCT h.object) {THESE}"), [], |row| row.get(0))?;
    if count == 0 {
        let detail = "nothing waits for a marking that cannot come".to_owned();
        return Ok(Check { name: "markings", ok: true, detail });
    }
    let mut select = connection.prepare(&format!("SELECT DISTINCT h.object {THESE} ORDER BY 1 LIMIT ?1"))?;
    let named =
        select.query_map([NAMELESS_SHOWN], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    let named =
        named.into_iter().map(|object| ids::of_number(connection, object)).collect::<Done<Vec<_>>>()?;
    let detail = format!(
        "{count} objects are given to no other member and to no machine, and nothing that comes changes that: they bear more than 16 markings \
         that were not known when they came, or something that is no marking, or came into an earlier build with parts marked so ({}); \
         delete each over TAXII and bring it again once its marking definitions stand there",
        named.join(", ")
    );
    Ok(Check { name: "markings", ok: false, detail })
}

/// Compares what queries go by with the rules that it was written from.
fn rules(connection: &Connection) -> Done<Check> {
    let (read, wrong) = rules_rows::compare(connection)?;
    let detail = if wrong == 0 {
        format!("{read} sets of rules read, what queries go by agrees with each")
    } else {
        format!("{wrong} of {read} sets of rules are not what queries go by; {RESTORE}")
    };
    Ok(Check { name: "rules", ok: wrong == 0, detail })
}

/// Whether something about a person stands here without an end: an early build gave it none (decision 0032). Which it is to be is for who answers for
/// it, as what is long past the days that count now would be destroyed at once.
fn persons(connection: &Connection) -> Done<Check> {
    let mut statement = connection.prepare(
        "SELECT h.object, h.version, b.bytes FROM holding h JOIN body b ON b.version = h.version \
         LEFT JOIN rules r ON r.no = h.rules WHERE r.keep IS NULL",
    )?;
    let mut rows = statement.query([])?;
    let mut endless: BTreeSet<i64> = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let bytes = row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?;
        if Subject::of_bytes(bytes) >= Subject::Person {
            endless.insert(row.get(0)?);
        }
    }
    if endless.is_empty() {
        let detail = "everything about persons has an end".to_owned();
        return Ok(Check { name: "persons", ok: true, detail });
    }
    let named = endless.iter().take(NAMED_MAX).map(|object| ids::of_number(connection, *object));
    let detail = format!(
        "{} objects about persons stand without an end, as an earlier build stored them ({}): `cresset narrow ID --retain-until TIME` gives each one",
        endless.len(),
        named.collect::<Done<Vec<_>>>()?.join(", ")
    );
    Ok(Check { name: "persons", ok: false, detail })
}

/// Digest over what is held: SHA-256 over the sorted, distinct digests of all versions, each with its handling: TLP, PAP,
/// originator control, embargo, retention and purposes. To whom something is addressed stays out: people have numbers
/// here that mean nothing elsewhere.
///
/// Collections, dates and numbers are this node's own and stay out, so two nodes that hold the same objects have the same
/// digest, in whatever order those came. The sorting is done by the database in bounded memory.
pub(crate) fn state_hash(connection: &Connection) -> Done<[u8; 32]> {
    let mut statement = connection.prepare(
        "SELECT DISTINCT v.digest, coalesce(r.level, v.tlp, 255) || ' ' || coalesce(r.pap, 0) || ' ' \
         || coalesce(r.controlled, 0) || ' ' || coalesce(r.embargo, '-') || ' ' || coalesce(r.keep, '-') || ' ' \
         || coalesce(r.purposes, 7) FROM holding h JOIN version v ON v.no = h.version LEFT JOIN rules r ON r.no = h.rules \
         ORDER BY 1, 2",
    )?;
    let mut rows = statement.query([])?;
    let mut hash = Sha256::new();
    hash.update(b"cresset state 2\0");
    while let Some(row) = rows.next()? {
        hash.update(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
        hash.update(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
        hash.update([0]);
    }
    Ok(hash.finalize().into())
}
