//! Removing versions from a collection, and with the last holding of a version everything that derives from it; putting
//! versions under stricter rules.

use handling::{CollectionNo, MemberId, Narrower, Originator, Rules, Viewer, Writer};
use rusqlite::{Connection, OptionalExtension};
use store::{Deleted, Editions, Filter, StoreError, VersionPick, VersionsOf};

use crate::dates;
use crate::derived::Derived;
use crate::editions::{self, Candidate, Picking};
use crate::ends::{self, mark_ends};
use crate::error::Done;
use crate::gone;
use crate::keys;
use crate::postings::Change;
use crate::rules_rows;
use crate::sight::Sight;
use crate::version_rows::share;
use crate::writer::{Desk, object_no};

/// What becomes of a version that is taken out of its last place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A backup of before can bring it back.
    Deleted,
    /// No backup can: its key goes too.
    Destroyed,
    /// The same, because its time is over.
    Over,
}

/// A version in the collection.
pub(crate) struct Held {
    pub(crate) added: i64,
    pub(crate) version: i64,
    place: String,
    spec: i64,
    pub(crate) rules: i64,
    lineage: i64,
}

impl Held {
    fn candidate(&self) -> Candidate {
        let Self { version, lineage, spec, .. } = *self;
        Candidate { version, lineage, spec, place: self.place.clone() }
    }
}

/// Removes an object, or the versions that `filter` picks, as far as the writer may know of them.
pub(crate) fn delete(desk: &mut Desk<'_>, writer: &Writer, id: &str, filter: &Filter) -> Done<Deleted> {
    let none = || StoreError::NotFound { what: "object" };
    let sql = desk.sql();
    let collection = writer.collection().0;
    let object = object_no(sql, id)?.ok_or_else(none)?;
    let held = held(sql, object, (writer.eyes(), writer.collection()))?;
    // The first and the last are those that are read as such in the editions that are asked for.
    let is_end = |pick: &&VersionPick| matches!(pick, VersionPick::First | VersionPick::Last);
    let versions: Vec<VersionPick> = filter.versions.iter().filter(is_end).cloned().collect();
    let ends = if versions.is_empty() {
        Vec::new()
    } else {
        let standing: Vec<Candidate> = held.iter().map(Held::candidate).collect();
        Picking::of(&Filter { versions, ..filter.clone() }, Editions::Latest).among(&standing)
    };
    let picking = Picking::of(filter, Editions::Latest);
    let picked: Vec<&Held> = held
        .iter()
        .filter(|held| picking.is_asked(held.spec))
        .filter(|held| ends.contains(&held.version) || picks(filter, held))
        .collect();
    if picked.is_empty() {
        return Err(none().into());
    }
    for version in &picked {
        take_out(desk, (collection, version.added), version.version, End::Deleted)?;
    }
    mark_ends(desk)?;
    Ok(Deleted { versions: picked.len() as u64 })
}

/// The versions in a collection that these eyes may know of, oldest first.
pub(crate) fn held(
    sql: &Connection,
    object: i64,
    (eyes, collection): (&Viewer, CollectionNo),
) -> Done<Vec<Held>> {
    let Some(sight) = Sight::of_one(sql, eyes, collection)? else {
        return Ok(Vec::new());
    };
    let mut select = sql.prepare_cached(&format!(
        "SELECT h.added, h.version, h.place, h.spec, h.rules, h.lineage FROM holding h WHERE h.object = ?2 AND {} \
         ORDER BY h.place, h.added",
        sight.sees("h")
    ))?;
    sight.bind(&mut select, &[&object])?;
    let mut rows = select.raw_query();
    let mut held = Vec::new();
    while let Some(row) = rows.next()? {
        held.push(Held {
            added: row.get(0)?,
            version: row.get(1)?,
            place: row.get(2)?,
            spec: row.get(3)?,
            rules: row.get(4)?,
            lineage: row.get(5)?,
        });
    }
    Ok(held)
}

/// Puts an object's versions by this member's own word, as far as the writer may know of them, each under its rules and what is asked.
pub(crate) fn narrow(desk: &mut Desk<'_>, writer: &Writer, id: &str, asked: &Narrower) -> Done<u64> {
    let none = || StoreError::NotFound { what: "object" };
    let sql = desk.sql();
    let (collection, home) = (writer.collection().0, writer.eyes().standing().home);
    let object = object_no(sql, id)?.ok_or_else(none)?;
    let held = held(sql, object, (&writer.eyes().clone().for_deeds(), writer.collection()))?;
    let (mut own, mut changed) = (0, 0);
    for version in &held {
        let before = rules_rows::of_version(sql, (version.rules, version.version))?;
        // What stands here by another member's word is under what that member says.
        if !before.originator().is_own(home) {
            continue;
        }
        own += 1;
        let after = asked.over(&before);
        if after != before {
            put_under(desk, collection, version, &after, home)?;
            changed += 1;
        }
    }
    if own == 0 {
        return Err(none().into());
    }
    mark_ends(desk)?;
    Ok(changed)
}

/// A place of a version: its collection, and what stands there.
type Standing = (i64, Held);

/// Where the versions of an originator stand.
fn places(sql: &Connection, object: i64, versions: &VersionsOf<'_>) -> Done<Vec<Standing>> {
    let here = versions.originator == Originator::Here;
    let mut select = sql.prepare_cached(
        "SELECT h.collection, h.added, h.version, h.place, h.spec, h.rules, h.lineage FROM holding h \
         JOIN version v ON v.no = h.version LEFT JOIN rules r ON r.no = h.rules \
         WHERE h.object = ?1 AND coalesce(v.modified, '') = ?2 AND coalesce(r.originator = ?3, ?4) \
         AND (?5 IS NULL OR v.digest = ?5) ORDER BY h.collection, h.added",
    )?;
    let word = versions.originator.to_string();
    let rows = select.query_map((object, versions.version, word, here, versions.digest), |row| {
        let held = Held {
            added: row.get(1)?,
            version: row.get(2)?,
            place: row.get(3)?,
            spec: row.get(4)?,
            rules: row.get(5)?,
            lineage: row.get(6)?,
        };
        Ok((row.get(0)?, held))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The collections in which any version of an object stands by an originator's word, with what is asked of all of these together.
pub(crate) fn places_of(
    sql: &Connection,
    id: &str,
    originator: &Originator,
) -> Done<Vec<(CollectionNo, Rules)>> {
    let Some(object) = object_no(sql, id)? else { return Ok(Vec::new()) };
    let here = *originator == Originator::Here;
    let mut select = sql.prepare_cached(
        "SELECT h.collection, h.rules, h.version FROM holding h LEFT JOIN rules r ON r.no = h.rules \
         WHERE h.object = ?1 AND coalesce(r.originator = ?2, ?3) ORDER BY h.collection",
    )?;
    let mut rows = select.query((object, originator.to_string(), here))?;
    let mut places: Vec<(CollectionNo, Rules)> = Vec::new();
    while let Some(row) = rows.next()? {
        let collection = CollectionNo(row.get(0)?);
        let rules = rules_rows::of_version(sql, (row.get(1)?, row.get(2)?))?;
        match places.last_mut() {
            Some((last, met)) if *last == collection => *met = met.meet(&rules),
            _ => places.push((collection, rules)),
        }
    }
    Ok(places)
}

/// Whether versions of an originator stand in any collection.
pub(crate) fn stands(desk: &Desk<'_>, versions: &VersionsOf<'_>) -> Done<bool> {
    let Some(object) = object_no(desk.sql(), versions.id)? else { return Ok(false) };
    Ok(!places(desk.sql(), object, versions)?.is_empty())
}

/// Removes versions of an originator, of the object with this number, from every collection.
pub(crate) fn take_away(desk: &mut Desk<'_>, object: i64, versions: &VersionsOf<'_>) -> Done<u64> {
    let places = places(desk.sql(), object, versions)?;
    for (collection, held) in &places {
        take_out(desk, (*collection, held.added), held.version, End::Destroyed)?;
    }
    mark_ends(desk)?;
    let own = versions.originator == Originator::Here;
    keys::destroy_deleted(desk, (object, &versions.originator), |deleted| {
        deleted.map_or(!own, |deleted| {
            deleted.dated == versions.version
                && versions.digest.is_none_or(|digest| deleted.says(desk, [&digest]))
        })
    })?;
    Ok(places.len() as u64)
}

/// Removes every version of an object by an originator's word from every collection.
pub(crate) fn take_away_every(desk: &mut Desk<'_>, id: &str, originator: &Originator) -> Done<u64> {
    let Some(object) = object_no(desk.sql(), id)? else { return Ok(0) };
    let mut select = desk.sql().prepare_cached(
        "SELECT h.collection, h.added, h.version FROM holding h LEFT JOIN rules r ON r.no = h.rules \
         WHERE h.object = ?1 AND coalesce(r.originator = ?2, ?3)",
    )?;
    let here = *originator == Originator::Here;
    let places: Vec<(i64, i64, i64)> = select
        .query_map((object, originator.to_string(), here), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (collection, added, version) in &places {
        take_out(desk, (*collection, *added), *version, End::Destroyed)?;
    }
    mark_ends(desk)?;
    keys::destroy_deleted(desk, (object, originator), |_| true)?;
    Ok(places.len() as u64)
}

/// Puts versions of an originator under exactly these rules, in every collection.
pub(crate) fn put_versions_under(
    desk: &mut Desk<'_>,
    versions: &VersionsOf<'_>,
    rules: &Rules,
    home: Option<MemberId>,
) -> Done<u64> {
    let Some(object) = object_no(desk.sql(), versions.id)? else { return Ok(0) };
    let places = places(desk.sql(), object, versions)?;
    for (collection, held) in &places {
        put_under(desk, *collection, held, rules, home)?;
    }
    mark_ends(desk)?;
    Ok(places.len() as u64)
}

/// Whether an object stands in any collection by an originator's word, or by anybody's, whoever may see it.
pub(crate) fn stands_anywhere(sql: &Connection, id: &str, originator: Option<&Originator>) -> Done<bool> {
    let Some(object) = object_no(sql, id)? else { return Ok(false) };
    let here = originator.is_none_or(|originator| *originator == Originator::Here);
    let mut select = sql.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM holding h LEFT JOIN rules r ON r.no = h.rules \
         WHERE h.object = ?1 AND coalesce(r.originator = ?2, ?3))",
    )?;
    Ok(select.query_row((object, originator.map(ToString::to_string), here), |row| row.get(0))?)
}

/// Puts a version under exactly these rules. Where somebody here sees it by them who did not before, it is dated anew, and its place is
/// another one.
pub(crate) fn put_under(
    desk: &mut Desk<'_>,
    collection: i64,
    version: &Held,
    rules: &Rules,
    home: Option<MemberId>,
) -> Done<()> {
    let under = rules_rows::keep(desk, rules, home)?;
    let before = rules_rows::of_version(desk.sql(), (version.rules, version.version))?;
    if under.no != version.rules {
        ends::leaves(desk, (collection, version.added))?;
    }
    desk.sql()
        .prepare_cached(
            "UPDATE holding SET rules = ?3, restricted = ?4, is_last = is_last AND NOT ?4, \
             is_first = is_first AND NOT ?4 WHERE collection = ?1 AND added = ?2",
        )?
        .execute((collection, version.added, under.no, under.restricted))?;
    if rules.opens_here(&before, home, desk.now()) {
        dates::give_anew(desk, (collection, version.added), version.version)?;
    }
    if under.no != version.rules {
        rules_rows::release(desk, version.rules)?;
    }
    share(desk, version.version)
}

/// What is picked besides the two ends. Without versions in the filter, all are: a deletion that names none removes the object. Nor does
/// one that names all leave what is in an earlier edition.
fn picks(filter: &Filter, held: &Held) -> bool {
    filter.versions.is_empty()
        || filter.versions.iter().any(|pick| match pick {
            VersionPick::All => true,
            VersionPick::First | VersionPick::Last => false,
            VersionPick::Exact(key) => held.place.trim_start_matches('~') == key,
        })
}

/// Removes one holding, and its version when nothing else holds it.
pub(crate) fn take_out(
    desk: &mut Desk<'_>,
    (collection, added): (i64, i64),
    version: i64,
    end: End,
) -> Done<()> {
    ends::leaves(desk, (collection, added))?;
    let sql = desk.sql();
    let (object, rules): (i64, i64) = sql
        .prepare_cached("DELETE FROM holding WHERE collection = ?1 AND added = ?2 RETURNING object, rules")?
        .query_row((collection, added), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let place = gone::Place { collection, object, version, rules };
    gone::remember(desk, &place, end)?;
    editions::forget(sql, (collection, object))?;
    let elsewhere: Option<i64> = sql
        .prepare_cached("SELECT 1 FROM holding WHERE object = ?1 AND version = ?2 LIMIT 1")?
        .query_row((object, version), |row| row.get(0))
        .optional()?;
    if elsewhere.is_none() {
        if end == End::Deleted {
            keys::outlive(desk, &place)?;
        }
        unindex(desk, version)?;
        sql.prepare_cached("DELETE FROM body WHERE version = ?1")?.execute([version])?;
        sql.prepare_cached("DELETE FROM version WHERE no = ?1")?.execute([version])?;
        if end != End::Deleted {
            keys::destroy(sql, (object, version))?;
        }
    }
    rules_rows::release(desk, rules)
}

/// Takes away everything that a version can be found by.
pub(crate) fn unindex(desk: &mut Desk<'_>, version: i64) -> Done<()> {
    let sql = desk.sql();
    let packed: Vec<u8> = sql
        .prepare_cached("SELECT derived FROM version WHERE no = ?1")?
        .query_row([version], |row| row.get(0))?;
    let Some(derived) = Derived::unpack(&packed) else {
        // What is damaged cannot tell where to look: every entry is looked at.
        for table in ["posting", "address", "edge"] {
            sql.prepare_cached(&format!("DELETE FROM {table} WHERE version = ?1"))?.execute([version])?;
        }
        return unindex_by_version(sql, version);
    };
    desk.post(Change::Gone { version, fingerprints: derived.asked() });
    for fingerprint in &derived.fingerprints {
        sql.prepare_cached("DELETE FROM posting WHERE fingerprint = ?1 AND version = ?2")?
            .execute((fingerprint, version))?;
    }
    for (low, high) in &derived.addresses {
        sql.prepare_cached("DELETE FROM address WHERE low = ?1 AND high = ?2 AND version = ?3")?
            .execute((low, high, version))?;
    }
    for (source, name, target) in &derived.edges {
        sql.prepare_cached(
            "DELETE FROM edge WHERE source = ?1 AND name = ?2 AND version = ?3 AND target = ?4",
        )?
        .execute((source, name, version, target))?;
    }
    unindex_by_version(sql, version)
}

fn unindex_by_version(sql: &Connection, version: i64) -> Done<()> {
    for table in ["pattern", "sighting"] {
        sql.prepare_cached(&format!("DELETE FROM {table} WHERE version = ?1"))?.execute([version])?;
    }
    sql.prepare_cached("DELETE FROM text WHERE rowid = ?1")?.execute([version])?;
    Ok(())
}

/// Removes a collection with everything that stands only in it.
pub(crate) fn remove_collection(desk: &mut Desk<'_>, collection: i64) -> Done<()> {
    let sql = desk.sql();
    let mut select =
        sql.prepare("SELECT added, version FROM holding WHERE collection = ?1 ORDER BY added LIMIT 10000")?;
    loop {
        let some: Vec<(i64, i64)> = select
            .query_map([collection], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        if some.is_empty() {
            break;
        }
        for (added, version) in some {
            take_out(desk, (collection, added), version, End::Deleted)?;
        }
        // Nothing of it is left to be an end.
        desk.forget_left();
    }
    gone::keep_readers(sql, collection)?;
    sql.execute("DELETE FROM access WHERE collection = ?1", [collection])?;
    let removed = sql.execute("DELETE FROM collection WHERE no = ?1", [collection])?;
    if removed == 0 {
        return Err(StoreError::NotFound { what: "collection" }.into());
    }
    Ok(())
}
