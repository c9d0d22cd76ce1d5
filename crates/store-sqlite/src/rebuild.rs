//! Deriving again what derives, and comparing it with what is stored.
//!
//! The bytes are the truth: everything that a version is found by is derived from them anew and compared. What differs is
//! told and, where asked, written. The digest of the bytes does not derive: it is what they are held to, so that of a version whose
//! bytes are other than those that were stored nothing is derived and nothing is written. Handling stands beside the bytes and is never loosened here: a stored level that is
//! stricter than the object's own markings stays. Versions are taken in steps, so that other writers have their turn between.

use rusqlite::{Connection, ToSql};
use sha2::{Digest, Sha256};
use store::{Difference, Entry, Facts};

use crate::derived::Derived;
use crate::editions;
use crate::ends::{ENDS, set_marks};
use crate::error::{Done, damaged};
use crate::health::RESTORE;
use crate::ids;
use crate::lineage;
use crate::remove::unindex;
use crate::text::entry;
use crate::version_rows;
use crate::writer::{Desk, object_no};

/// Versions looked at in one step.
const STEP: i64 = 500;
/// Differences told; more are only counted.
pub(crate) const TOLD_MAX: usize = 1_000;

/// What a step found.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// The last version it looked at; `None` when there is none left.
    pub(crate) reached: Option<i64>,
    /// What differs.
    pub(crate) differing: Vec<Difference>,
    /// The versions that are to be derived again.
    versions: Vec<i64>,
}

/// Compares the next versions after one.
pub(crate) fn compare(sql: &Connection, after: i64) -> Done<Step> {
    let mut select = sql.prepare_cached(
        "SELECT v.no, v.object, v.digest, b.bytes FROM version v LEFT JOIN body b ON b.version = v.no \
         WHERE v.no > ?1 ORDER BY v.no LIMIT ?2",
    )?;
    let mut rows = select.query((after, STEP))?;
    let mut step = Step::default();
    while let Some(row) = rows.next()? {
        let (no, bytes): (i64, Option<Vec<u8>>) = (row.get(0)?, row.get(3)?);
        step.reached = Some(no);
        let entry = match whole(bytes, row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?) {
            Ok(entry) => entry,
            Err(what) => {
                let id = ids::of_number(sql, row.get(1)?)?;
                step.differing.push(Difference::Altered(format!("version {no} of {id}: {what}; {RESTORE}")));
                continue;
            }
        };
        for what in differences(sql, no, &entry)? {
            step.differing.push(Difference::Derived(format!("version {no} of {}: {what}", entry.facts.id)));
            step.versions.push(no);
        }
    }
    step.versions.dedup();
    Ok(step)
}

/// What the bytes of a version say, where they are those that were stored.
fn whole(bytes: Option<Vec<u8>>, digest: &[u8]) -> Result<Entry, &'static str> {
    let bytes = bytes.ok_or("its bytes are missing")?;
    if digest != &Sha256::digest(&bytes)[..] {
        return Err("its bytes are not those that were stored");
    }
    entry(bytes).map_err(|_| "its bytes are no object")
}

/// Compares the next versions and writes anew what differs.
pub(crate) fn repair(desk: &mut Desk<'_>, after: i64) -> Done<Step> {
    let step = compare(desk.sql(), after)?;
    for no in &step.versions {
        let (bytes, tlp): (Vec<u8>, Option<u8>) = desk.sql().query_row(
            "SELECT b.bytes, v.tlp FROM version v JOIN body b ON b.version = v.no WHERE v.no = ?1",
            [no],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let mut entry = entry(bytes)?;
        entry.facts.tlp = entry.facts.tlp.max(tlp);
        unindex(desk, *no)?;
        version_rows::write_again(desk, &entry, *no)?;
    }
    Ok(step)
}

fn differences(sql: &Connection, no: i64, entry: &Entry) -> Done<Vec<&'static str>> {
    let mut differing = Vec::new();
    if !same_facts(sql, no, &entry.facts)? {
        differing.push("facts");
    }
    if lineage::differs(sql, no)? {
        differing.push("lineage");
    }
    let packed: Vec<u8> =
        sql.prepare_cached("SELECT derived FROM version WHERE no = ?1")?.query_row([no], |row| row.get(0))?;
    let stored = Derived::unpack(&packed);
    if stored.is_none_or(|stored| derived_again(sql, no, entry).is_ok_and(|again| again != Some(stored))) {
        differing.push("terms and edges");
    } else if !indexed(sql, no, &packed)? {
        differing.push("index entries");
    }
    let pattern: Option<String> = one(sql, "SELECT pattern FROM pattern WHERE version = ?1", no)?;
    if pattern != entry.pattern {
        differing.push("pattern");
    }
    let sighting: Option<i64> = one(sql, "SELECT count FROM sighting WHERE version = ?1", no)?;
    if sighting != entry.sighting.as_ref().map(|sighting| sighting.count) {
        differing.push("sighting");
    }
    let text_done = crate::writer::number(sql, "text_done")?;
    let text: Option<i64> = one(sql, "SELECT rowid FROM text WHERE rowid = ?1", no)?;
    if no <= text_done && text.is_some() == entry.text.0.is_empty() {
        differing.push("text");
    }
    Ok(differing)
}

fn one<T: rusqlite::types::FromSql>(sql: &Connection, query: &str, no: i64) -> Done<Option<T>> {
    use rusqlite::OptionalExtension;
    Ok(sql.prepare_cached(query)?.query_row([no], |row| row.get(0)).optional()?)
}

fn same_facts(sql: &Connection, no: i64, facts: &Facts) -> Done<bool> {
    let creator = match &facts.creator {
        Some(id) => object_no(sql, id)?,
        None => None,
    };
    let object = object_no(sql, facts.id.as_str())?;
    let (starts, expires) = (facts.starts.map(|at| at.0), facts.expires.map(|at| at.0));
    let spec = editions::spec_no(&facts.spec_version);
    let values: [(&str, &dyn ToSql); 12] = [
        ("object", &object),
        ("spec", &spec),
        ("modified", &facts.modified),
        ("created_key", &facts.created_key),
        ("creator", &creator),
        ("revoked", &facts.revoked),
        ("starts", &starts),
        ("expires", &expires),
        ("confidence", &facts.confidence),
        ("content_digest", &facts.content_digest),
        ("label", &facts.label),
        ("findings", &facts.findings),
    ];
    let mut conditions: Vec<String> =
        values.iter().enumerate().map(|(at, (column, _))| format!("{column} IS ?{}", at + 2)).collect();
    // stricter handling than the bytes ask for was asked for beside them
    conditions.push(format!("coalesce(tlp, -1) >= coalesce(?{}, -1)", values.len() + 2));
    let query = format!("SELECT count(*) FROM version WHERE no = ?1 AND {}", conditions.join(" AND "));
    let mut select = sql.prepare_cached(&query)?;
    let mut parameters: Vec<&dyn ToSql> = vec![&no];
    parameters.extend(values.iter().map(|(_, value)| *value));
    parameters.push(&facts.tlp);
    Ok(select.query_row(&parameters[..], |row| row.get::<_, i64>(0))? == 1)
}

/// What the entry's terms and edges are in numbers; `None` where one of its names or identifiers is unknown here.
fn derived_again(sql: &Connection, no: i64, entry: &Entry) -> Done<Option<Derived>> {
    let object: i64 =
        sql.prepare_cached("SELECT object FROM version WHERE no = ?1")?.query_row([no], |row| row.get(0))?;
    let key =
        crate::open::held_key(sql, "main")?.ok_or_else(|| damaged("the key of fingerprints is missing"))?;
    let mut derived = Derived {
        fingerprints: entry.terms.iter().map(|term| term.fingerprint(&key).to_bytes()).collect(),
        addresses: entry.terms.iter().filter_map(crate::address::ends).collect(),
        edges: Vec::new(),
    };
    for edge in &entry.edges {
        let source = match &edge.source {
            Some(id) => object_no(sql, id)?,
            None => Some(object),
        };
        let (name, target) = (crate::writer::name_no(sql, &edge.name)?, object_no(sql, &edge.target)?);
        let (Some(source), Some(name), Some(target)) = (source, name, target) else {
            return Ok(None);
        };
        derived.edges.push((source, name, target));
    }
    derived.tidy();
    Ok(Some(derived))
}

/// Whether every index holds what the packed form says.
fn indexed(sql: &Connection, no: i64, packed: &[u8]) -> Done<bool> {
    let Some(derived) = Derived::unpack(packed) else {
        return Ok(false);
    };
    for fingerprint in &derived.fingerprints {
        let mut select = sql.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM posting WHERE fingerprint = ?1 AND version = ?2)",
        )?;
        if !select.query_row((fingerprint, no), |row| row.get(0))? {
            return Ok(false);
        }
    }
    for (low, high) in &derived.addresses {
        let mut select = sql.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM address WHERE low = ?1 AND high = ?2 AND version = ?3)",
        )?;
        if !select.query_row((low, high, no), |row| row.get(0))? {
            return Ok(false);
        }
    }
    for (source, name, target) in &derived.edges {
        let mut select = sql.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM edge WHERE source = ?1 AND name = ?2 AND version = ?3 AND target = ?4)",
        )?;
        if !select.query_row((source, name, no, target), |row| row.get(0))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What differs in the numbers of lineages and the marks of last and first versions, which go by them; `repair` sets them anew.
pub(crate) fn marks(sql: &Connection, repair: bool) -> Done<Vec<Difference>> {
    let mut told = lineage::misnumbered(sql, repair)?;
    let mut differing: Vec<(i64, i64)> = Vec::new();
    let found = |query: &str| -> Done<Vec<(i64, i64)>> {
        let mut select = sql.prepare(query)?;
        Ok(select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
    };
    for (flag, order) in ENDS {
        differing.extend(found(&format!(
            "SELECT h.object, h.collection FROM holding h WHERE h.lineage = 0 AND h.{flag} <> (h.restricted = 0 AND h.added = \
             (SELECT m.added FROM holding m WHERE m.object = h.object AND +m.collection = h.collection \
             AND m.restricted = 0 ORDER BY {order}, m.version LIMIT 1))"
        ))?);
        differing.extend(found(&lineage::wrong_ends((flag, order)))?);
    }
    let unlisted = found(editions::UNLISTED)?;
    if repair && !unlisted.is_empty() {
        editions::list_all(sql)?;
    }
    differing.extend(unlisted);
    differing.sort_unstable();
    differing.dedup();
    if repair {
        for (object, collection) in &differing {
            set_marks(sql, *object, *collection)?;
        }
    }
    let marks = differing.iter();
    told.extend(marks.map(|(object, at)| format!("marks of object {object} in collection {at}")));
    Ok(told.into_iter().map(Difference::Derived).collect())
}
