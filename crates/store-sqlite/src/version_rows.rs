//! The rows of a version: what is known of it, its bytes, and everything that it is found by.
//!
//! Says how a version is written, not whether: that is for [`crate::accept`].

use handling::Originator;
use store::Entry;

use crate::derived::Derived;
use crate::editions::spec_no;
use crate::error::Done;
use crate::ids::Parts;
use crate::lineage;
use crate::postings::{Change, Posted, has_begun};
use crate::writer::{Desk, number};

/// An object on its way in.
pub(crate) struct Arrival<'a> {
    /// What is to be stored.
    pub(crate) entry: &'a Entry,
    /// Its object, by number.
    pub(crate) object: i64,
    /// Its type, by number.
    pub(crate) kind: i64,
    /// Whether nothing is held of it anywhere. At first only: whether its identifier was unknown until now.
    pub(crate) new: bool,
    /// Its creator, by number.
    pub(crate) creator: Option<i64>,
    /// Whose word it is, by number; `None` for this node's. See [`lineage`].
    pub(crate) owner: Option<i64>,
    /// Which lineage of its object it belongs to.
    pub(crate) lineage: i64,
}

impl<'a> Arrival<'a> {
    /// Gives identifiers their numbers. Whose word it is, and its lineage, are for who lands it to say.
    pub(crate) fn of(desk: &mut Desk<'_>, entry: &'a Entry) -> Done<Self> {
        let known = desk.object(entry.facts.id.as_str())?;
        let creator =
            entry.facts.creator.as_deref().map(|id| desk.object(id)).transpose()?.map(|known| known.no);
        Ok(Self {
            entry,
            object: known.no,
            kind: known.kind,
            new: known.new,
            creator,
            owner: None,
            lineage: 0,
        })
    }
}

/// Writes again everything that derives from a version's bytes, after what was there has been taken away.
pub(crate) fn write_again(desk: &mut Desk<'_>, entry: &Entry, version: i64) -> Done<()> {
    let mut arrival = Arrival::of(desk, entry)?;
    arrival.lineage = lineage::held(desk.sql(), arrival.object, version)?;
    let derived = derive(desk, &arrival)?;
    desk.sql().prepare_cached("DELETE FROM version WHERE no = ?1")?.execute([version])?;
    insert_version(desk, &arrival, version, &derived)?;
    index_version(desk, entry, version, &derived)?;
    post(desk, &arrival, (version, &derived), (None, 0));
    if version <= number(desk.sql(), "text_done")? && !entry.text.0.is_empty() {
        desk.sql()
            .prepare_cached("INSERT INTO text (rowid, words) VALUES (?1, ?2)")?
            .execute((version, &entry.text.0))?;
    }
    Ok(())
}

/// The first two versions held of an object, wherever they are.
pub(crate) fn versions_of(desk: &Desk<'_>, object: i64) -> Done<Vec<i64>> {
    let mut select = desk.sql().prepare_cached("SELECT version FROM holding WHERE object = ?1 LIMIT 2")?;
    Ok(select.query_map([object], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

/// Has look-ups ask the database about a version from now on.
pub(crate) fn share(desk: &mut Desk<'_>, version: i64) -> Done<()> {
    let packed: Vec<u8> = desk
        .sql()
        .prepare_cached("SELECT derived FROM version WHERE no = ?1")?
        .query_row([version], |row| row.get(0))?;
    if let Some(derived) = Derived::unpack(&packed) {
        desk.post(Change::Shared { version, fingerprints: derived.asked() });
    }
    Ok(())
}

/// Posts a version for look-ups; `only_in` is the collection that alone decides who may see it.
pub(crate) fn post(
    desk: &mut Desk<'_>,
    arrival: &Arrival<'_>,
    (version, derived): (i64, &Derived),
    (only_in, added): (Option<i64>, i64),
) {
    if derived.fingerprints.is_empty() {
        return;
    }
    let facts = &arrival.entry.facts;
    let parts = Parts::of(facts.id.as_str());
    desk.post(Change::Held(Box::new(Posted {
        version,
        fingerprints: derived.asked(),
        only_in: only_in.filter(|_| has_begun(facts.starts.map(|at| at.0), added)),
        kind: parts.kind.to_owned(),
        uuid: parts.uuid,
        revoked: facts.revoked,
        expires: facts.expires.map(|at| at.0),
        confidence: facts.confidence,
        added,
        lengths: derived.lengths(),
    })));
}

/// Stores a version with everything that it is found by.
pub(crate) fn store_version(desk: &mut Desk<'_>, arrival: &Arrival<'_>) -> Done<(i64, Derived)> {
    let version = desk.next_version();
    let derived = derive(desk, arrival)?;
    insert_version(desk, arrival, version, &derived)?;
    desk.plans()
        .run("INSERT INTO body (version, bytes) VALUES (?1, ?2)", (version, &arrival.entry.bytes[..]))?;
    let word = arrival.entry.rules.as_ref().map_or(&Originator::Here, |rules| rules.originator());
    let word = desk.word(word);
    desk.give_key((arrival.object, version), &word)?;
    index_version(desk, arrival.entry, version, &derived)?;
    desk.keep_text(version, &arrival.entry.text.0);
    Ok((version, derived))
}

fn derive(desk: &mut Desk<'_>, arrival: &Arrival<'_>) -> Done<Derived> {
    let mut derived = Derived {
        fingerprints: arrival
            .entry
            .terms
            .iter()
            .map(|term| term.fingerprint(desk.key()).to_bytes())
            .collect(),
        addresses: arrival.entry.terms.iter().filter_map(crate::address::ends).collect(),
        edges: Vec::with_capacity(arrival.entry.edges.len()),
    };
    for edge in &arrival.entry.edges {
        let source = match &edge.source {
            Some(id) => desk.object(id)?.no,
            None => arrival.object,
        };
        derived.edges.push((source, desk.name(&edge.name)?, desk.object(&edge.target)?.no));
    }
    derived.tidy();
    Ok(derived)
}

fn insert_version(desk: &Desk<'_>, arrival: &Arrival<'_>, version: i64, derived: &Derived) -> Done<()> {
    let facts = &arrival.entry.facts;
    desk.plans()
        .of(
            "INSERT INTO version (no, object, kind, spec, modified, created_key, creator, revoked, expires, \
             confidence, tlp, digest, content_digest, label, findings, derived, lineage, starts) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        )?
        .execute(rusqlite::params![
            version,
            arrival.object,
            arrival.kind,
            spec_no(&facts.spec_version),
            facts.modified,
            facts.created_key,
            arrival.creator,
            facts.revoked,
            facts.expires.map(|at| at.0),
            facts.confidence,
            facts.tlp,
            facts.digest,
            facts.content_digest,
            facts.label,
            facts.findings,
            derived.pack(),
            arrival.lineage,
            facts.starts.map(|at| at.0),
        ])?;
    Ok(())
}

/// Writes everything a version can be found by.
fn index_version(desk: &mut Desk<'_>, entry: &Entry, version: i64, derived: &Derived) -> Done<()> {
    let plans = desk.plans();
    for fingerprint in &derived.fingerprints {
        plans.run("INSERT INTO posting (fingerprint, version) VALUES (?1, ?2)", (fingerprint, version))?;
    }
    for (low, high) in &derived.addresses {
        plans.run("INSERT INTO address (low, high, version) VALUES (?1, ?2, ?3)", (low, high, version))?;
    }
    for (source, name, target) in &derived.edges {
        let insert = "INSERT INTO edge (source, name, version, target) VALUES (?1, ?2, ?3, ?4)";
        plans.run(insert, (source, name, version, target))?;
    }
    if let Some(pattern) = &entry.pattern {
        plans.run("INSERT INTO pattern (version, pattern) VALUES (?1, ?2)", (version, pattern))?;
    }
    if let Some(sighting) = &entry.sighting {
        let target = desk.object(&sighting.of)?.no;
        desk.sql()
            .prepare_cached(
                "INSERT INTO sighting (version, target, count, last_seen) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((version, target, sighting.count, sighting.last_seen.map(|at| at.0)))?;
    }
    Ok(())
}
