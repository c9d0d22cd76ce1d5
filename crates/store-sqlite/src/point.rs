//! One object: the version asked for, and its history.

use std::collections::{BTreeMap, HashSet};

use base::Micros;
use bytes::Bytes;
use handling::{CollectionNo, Originator, Viewer};
use rusqlite::{Connection, ToSql};
use sha2::{Digest, Sha256};
use stix::timestamp::key_of;
use store::{Brief, Marks, OwnWord, Ruled, StoreError, StoredObject, VersionRow};

use crate::dates;
use crate::error::{Done, Fail, damaged, found};
use crate::look_up::standing;
use crate::page::version_text;
use crate::rules_rows;
use crate::sight::Sight;
use crate::undated::Line;
use crate::writer::object_no;

/// One object from anywhere the viewer may look: the latest version, or the one named `version`. Where there are several lineages
/// of it, that is a version of the one that was here first among what the viewer may see.
pub(crate) fn object(
    connection: &Connection,
    viewer: &Viewer,
    id: &str,
    version: Option<&str>,
) -> Done<StoredObject> {
    object_of(connection, viewer, (id, Which::named(version)), Sight::sees)
}

/// The version that came in at a moment, whoever says something else under the identifier.
pub(crate) fn object_added(
    connection: &Connection,
    viewer: &Viewer,
    id: &str,
    added: Micros,
) -> Done<StoredObject> {
    object_of(connection, viewer, (id, Which::Added(added.0)), Sight::sees)
}

/// The same of what stands there by this member's own word, whatever others say: where that word itself has several lineages, of the
/// one that was here first.
pub(crate) fn own_object(
    connection: &Connection,
    viewer: &Viewer,
    id: &str,
    version: Option<&str>,
) -> Done<StoredObject> {
    let home = viewer.standing().home;
    object_of(connection, viewer, (id, Which::named(version)), |sight, h| sight.sees_own(h, home))
}

/// Which version of an object is asked for.
enum Which<'a> {
    Latest,
    /// The one with this key.
    Of(&'a str),
    /// The one that came in at this moment.
    Added(i64),
}

impl<'a> Which<'a> {
    fn named(version: Option<&'a str>) -> Self {
        version.map_or(Self::Latest, |version| Self::Of(key_of(version)))
    }

    /// What is asked of a holding `h`, with `?3` for what it is asked by.
    const fn asked(&self) -> &'static str {
        match self {
            Self::Latest => "?3 IS NULL",
            Self::Of(_) => "h.place IN (?3, '~' || ?3)",
            Self::Added(_) => "h.added = ?3",
        }
    }

    const fn by(&self) -> &dyn ToSql {
        match self {
            Self::Latest => &rusqlite::types::Null,
            Self::Of(key) => key,
            Self::Added(added) => added,
        }
    }
}

/// The same of each of these, in order: one that is damaged hides none of the others.
pub(crate) fn own_objects(connection: &Connection, viewer: &Viewer, ids: &[String]) -> Done<Vec<OwnWord>> {
    let found = ids.iter().map(|id| match own_object(connection, viewer, id, None) {
        Ok(object) => Ok(OwnWord::Stands(object)),
        Err(Fail::Store(StoreError::NotFound { .. })) => Ok(OwnWord::None),
        Err(Fail::Store(error @ StoreError::Altered { .. })) => Ok(OwnWord::Altered(error)),
        Err(fail) => Err(fail),
    });
    found.collect()
}

/// One object of the holdings that count, given the name of their table.
fn object_of(
    connection: &Connection,
    viewer: &Viewer,
    (id, which): (&str, Which<'_>),
    counts: impl Fn(&Sight, &str) -> String,
) -> Done<StoredObject> {
    let none = || StoreError::NotFound { what: "object" };
    let object = object_no(connection, id)?.ok_or_else(none)?;
    let sight = Sight::of(connection, viewer)?.ok_or_else(none)?;
    let order = sight.told_first(connection, "h", (object, &counts(&sight, "f")))?;
    let counts = counts(&sight, "h");
    let told = told(connection, (&sight, &counts), (object, &order), &which)?.ok_or_else(none)?;
    let (collections, places) = places(connection, (&sight, &counts), object, &told)?;
    let revoked = latest_revoked(connection, (&sight, &counts), object, &told)?;
    let (contradictions, uncompared) = match told.only_in {
        None => (contradictions(connection, &sight, object, &told)?, 0),
        Some(collection) => undated_contradictions(connection, &sight, object, (&told, collection))?,
    };
    let mut select = connection.prepare_cached(
        "SELECT v.modified, b.bytes, v.expires, v.findings, v.tlp, v.starts FROM version v \
         JOIN body b ON b.version = v.no WHERE v.no = ?1",
    )?;
    let stored = select.query_row([told.version], |row| {
        Ok(StoredObject {
            id: id.to_owned(),
            version: version_text(row.get(0)?, told.added),
            bytes: Bytes::from(row.get::<_, Vec<u8>>(1)?),
            added: Micros(told.added),
            arrived: Micros(told.arrived),
            collections,
            revoked,
            starts: row.get::<_, Option<i64>>(5)?.map(Micros),
            expires: row.get::<_, Option<i64>>(2)?.map(Micros),
            findings: row.get(3)?,
            tlp: row.get(4)?,
            contradictions,
            uncompared,
            places,
        })
    });
    let stored = found(stored, "object")?;
    if Sha256::digest(&stored.bytes)[..] != told.digest {
        return Err(StoreError::Altered { id: stored.id, version: stored.version }.into());
    }
    Ok(stored)
}

/// Under what each of these stands, in the version that came in at that moment; `None` for one that is not here, or not for the viewer.
pub(crate) fn marks(
    connection: &Connection,
    viewer: &Viewer,
    versions: &[(&str, Micros)],
) -> Done<Vec<Option<Marks>>> {
    let Some(sight) = Sight::of(connection, viewer)? else { return Ok(vec![None; versions.len()]) };
    let counts = sight.sees("h");
    let marks = |(id, added): &(&str, Micros)| {
        let Some(object) = object_no(connection, id)? else { return Ok(None) };
        let order = sight.told_first(connection, "h", (object, &sight.sees("f")))?;
        let version = |which| told(connection, (&sight, &counts), (object, &order), &which);
        let Some(asked) = version(Which::Added(added.0))? else { return Ok(None) };
        let told_first = version(Which::Latest)?.is_some_and(|first| first.digest == asked.digest);
        let (_, places) = places(connection, (&sight, &counts), object, &asked)?;
        let mut select = connection.prepare_cached("SELECT tlp, label FROM version WHERE no = ?1")?;
        let (tlp, label) = select.query_row([asked.version], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(Some(Marks { tlp, places, label, told_first }))
    };
    versions.iter().map(marks).collect()
}

/// What lists say of each of these objects, of the version that the viewer is told first; `None` for one that is not here, or not for
/// the viewer.
pub(crate) fn briefs(connection: &Connection, viewer: &Viewer, ids: &[&str]) -> Done<Vec<Option<Brief>>> {
    let Some(sight) = Sight::of(connection, viewer)? else { return Ok(vec![None; ids.len()]) };
    let counts = sight.sees("h");
    let brief = |id: &&str| {
        let Some(object) = object_no(connection, id)? else { return Ok(None) };
        let order = sight.told_first(connection, "h", (object, &sight.sees("f")))?;
        let first = told(connection, (&sight, &counts), (object, &order), &Which::Latest)?;
        let Some(first) = first else { return Ok(None) };
        let (_, places) = places(connection, (&sight, &counts), object, &first)?;
        let mut select = connection
            .prepare_cached("SELECT tlp, label, revoked, starts, expires FROM version WHERE no = ?1")?;
        let mut rows = select.query([first.version])?;
        let row = rows.next()?.ok_or_else(|| damaged("a version is missing"))?;
        let marks = Marks { tlp: row.get(0)?, places, label: row.get(1)?, told_first: true };
        Ok(Some(Brief { added: Micros(first.added), standing: standing(row, 2)?, marks }))
    };
    ids.iter().map(brief).collect()
}

/// The version that is told.
struct Told {
    version: i64,
    added: i64,
    arrived: i64,
    place: String,
    lineage: i64,
    digest: [u8; 32],
    /// The collection whose versions alone it is one of, where it has no date of its own.
    only_in: Option<i64>,
}

/// The version that is asked for: of the lineage that was here first, or else of another.
fn told(
    connection: &Connection,
    (sight, counts): (&Sight, &str),
    (object, order): (i64, &str),
    which: &Which<'_>,
) -> Done<Option<Told>> {
    let asked = which.asked();
    let mut select = connection.prepare_cached(&format!(
        "SELECT t.*, v.digest, v.modified IS NULL FROM (SELECT h.version, h.added, h.place, h.lineage, {}, h.collection FROM holding h \
         WHERE h.object = ?2 AND {asked} AND {counts} ORDER BY {order} LIMIT 1) t JOIN version v ON v.no = t.version",
        dates::arrived("h")
    ))?;
    let own: [&dyn ToSql; 2] = [&object, which.by()];
    sight.bind(&mut select, &own)?;
    let mut rows = select.raw_query();
    Ok(match rows.next()? {
        Some(row) => {
            let undated: bool = row.get(7)?;
            Some(Told {
                version: row.get(0)?,
                added: row.get(1)?,
                place: row.get(2)?,
                lineage: row.get(3)?,
                arrived: row.get(4)?,
                digest: row.get(6)?,
                only_in: Some(row.get(5)?).filter(|_| undated),
            })
        }
        None => None,
    })
}

/// Where the text of a version stands, oldest first: it may be in several collections and is one object, told once.
fn places(
    connection: &Connection,
    (sight, counts): (&Sight, &str),
    object: i64,
    told: &Told,
) -> Done<(Vec<String>, Vec<Ruled>)> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT c.id, c.no, h.rules FROM holding h JOIN version v ON v.no = h.version \
         JOIN collection c ON c.no = h.collection \
         WHERE h.object = ?2 AND (h.place = ?3 OR (?5 AND v.modified IS NULL)) AND v.digest = ?4 AND {counts} \
         ORDER BY h.added"
    ))?;
    // What has no date of its own stands in each collection at the moment at which it came there.
    let undated = told.only_in.is_some();
    let own: [&dyn ToSql; 4] = [&object, &told.place, &told.digest, &undated];
    sight.bind(&mut select, &own)?;
    let mut rows = select.raw_query();
    let (mut collections, mut places): (Vec<String>, Vec<Ruled>) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        if !collections.contains(&id) {
            collections.push(id);
        }
        let rules = rules_rows::read(connection, row.get(2)?)?;
        places.push(Ruled { collection: CollectionNo(row.get(1)?), rules });
    }
    Ok((collections, places))
}

/// Versions that the viewer may see which contradict one: of the same lineage those of the same moment with other content, of
/// other lineages those with content that this one never had.
fn contradictions(connection: &Connection, sight: &Sight, object: i64, told: &Told) -> Done<u64> {
    let elsewhere = if told.lineage == 0 {
        String::new()
    } else {
        format!(
            " UNION ALL SELECT 1 FROM holding h CROSS JOIN version v ON v.no = h.version WHERE h.object = ?2 \
             AND h.lineage <> ?5 AND {} AND v.content_digest NOT IN (SELECT w.content_digest FROM holding s \
             CROSS JOIN version w ON w.no = s.version WHERE s.object = ?2 AND s.lineage = ?5 AND {})",
            sight.sees("h"),
            sight.sees("s")
        )
    };
    let mut select = connection.prepare_cached(&format!(
        "SELECT count(*) FROM (SELECT 1 FROM holding h CROSS JOIN version v ON v.no = h.version, version t \
         WHERE t.no = ?3 AND h.object = ?2 AND h.lineage = ?5 AND h.place IN (?4, '~' || ?4) AND {} \
         AND v.modified = t.modified AND v.content_digest <> t.content_digest{elsewhere})",
        sight.sees("h")
    ))?;
    let own: [&dyn ToSql; 4] = [&object, &told.version, &told.place.trim_start_matches('~'), &told.lineage];
    sight.bind(&mut select, &own)?;
    let mut rows = select.raw_query();
    Ok(match rows.next()? {
        Some(row) => row.get(0)?,
        None => 0,
    })
}

/// The same where versions are their dates, and how many were not looked at for that.
fn undated_contradictions(
    connection: &Connection,
    sight: &Sight,
    object: i64,
    (told, collection): (&Told, i64),
) -> Done<(u64, u64)> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT h.lineage, h.collection, h.place, v.content_digest, v.no FROM holding h \
         CROSS JOIN version v ON v.no = h.version WHERE h.object = ?2 AND {}",
        sight.sees("h")
    ))?;
    sight.bind(&mut select, &[&object])?;
    let mut rows = select.raw_query();
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let strand = (row.get(0)?, row.get(1)?);
        lines.push(Line { strand, place: row.get(2)?, content: row.get(3)?, version: row.get(4)? });
    }
    let own = (told.lineage, collection);
    let Some(own) = lines.iter().find(|line| line.strand == own && line.place == told.place) else {
        return Ok((0, 0));
    };
    let all: Vec<&Line> = lines.iter().collect();
    let contradicting = own.contradicted_by(connection, &all)?;
    let contradict = contradicting.which.into_iter().filter(|contradicts| *contradicts).count();
    Ok((contradict as u64, contradicting.unread))
}

/// Whether the latest version of a lineage is revoked, of those that count.
fn latest_revoked(
    connection: &Connection,
    (sight, counts): (&Sight, &str),
    object: i64,
    told: &Told,
) -> Done<bool> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT v.revoked FROM version v WHERE v.no = (SELECT h.version FROM holding h WHERE h.object = ?2 \
         AND h.lineage = ?3 AND (?4 IS NULL OR h.collection = ?4) AND {counts} ORDER BY h.place DESC, h.added LIMIT 1)"
    ))?;
    let own: [&dyn ToSql; 3] = [&object, &told.lineage, &told.only_in];
    sight.bind(&mut select, &own)?;
    let mut rows = select.raw_query();
    Ok(match rows.next()? {
        Some(row) => row.get(0)?,
        None => false,
    })
}

/// History of one object over all collections of the viewer, oldest first. Of what has no date of its own, what each telling is found by is
/// read as far as [`Line::contradicted_by`] goes.
pub(crate) fn history(connection: &Connection, viewer: &Viewer, id: &str) -> Done<Vec<VersionRow>> {
    let none = || StoreError::NotFound { what: "object" };
    let object = object_no(connection, id)?.ok_or_else(none)?;
    let sight = Sight::of(connection, viewer)?.ok_or_else(none)?;
    let (sees, arrived) = (sight.sees("h"), dates::arrived("h"));
    let mut select = connection.prepare_cached(&format!(
        "SELECT v.modified, h.added, c.id, v.revoked, v.digest, h.lineage, v.content_digest, h.rules, h.version, {arrived}, \
         CASE WHEN v.modified IS NULL THEN h.collection ELSE 0 END, h.place \
         FROM holding h JOIN version v ON v.no = h.version \
         JOIN collection c ON c.no = h.collection WHERE h.object = ?2 AND {sees} ORDER BY ltrim(h.place, '~'), {arrived}"
    ))?;
    sight.bind(&mut select, &[&object])?;
    let mut rows = select.raw_query();
    let (mut history, mut marks) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let (modified, added): (Option<String>, _) = (row.get(0)?, row.get(1)?);
        let line = Line {
            strand: (row.get(5)?, row.get(10)?),
            place: row.get(11)?,
            content: row.get(6)?,
            version: row.get(8)?,
        };
        marks.push(Mark { line, modified: modified.clone() });
        history.push(VersionRow {
            version: version_text(modified, added),
            collection: row.get(2)?,
            added: Micros(added),
            arrived: Micros(row.get(9)?),
            revoked: row.get(3)?,
            digest: row.get(4)?,
            content: row.get(6)?,
            contradicts: false,
            originator: rules_rows::read(connection, row.get(7)?)?
                .map_or(Originator::Here, |rules| rules.originator().clone()),
            lineage: 0,
        });
    }
    let first = marks.iter().min_by_key(|mark| mark.line.version);
    let Some(first) = first else { return Err(none().into()) };
    let came = came(&marks);
    for (row, mark) in history.iter_mut().zip(&marks) {
        row.lineage = came.iter().position(|strand| *strand == mark.line.strand).unwrap_or_default();
    }
    let contradict = match marks.iter().rfind(|mark| mark.line.strand == first.line.strand) {
        Some(last) if last.modified.is_none() => {
            let all: Vec<&Line> = marks.iter().map(|mark| &mark.line).collect();
            last.line.contradicted_by(connection, &all)?.which
        }
        _ => contradict_dated(first, &marks),
    };
    for (row, contradicts) in history.iter_mut().zip(contradict) {
        row.contradicts = contradicts;
    }
    Ok(history)
}

/// Which of these versions, in the order of their dates, contradict what is told first: of its lineage those of one date with other content,
/// of other lineages those with content that this one never had.
fn contradict_dated(first: &Mark, marks: &[Mark]) -> Vec<bool> {
    let of_first = |mark: &&Mark| mark.line.strand == first.line.strand;
    let told: HashSet<&[u8; 32]> = marks.iter().filter(of_first).map(|mark| &mark.line.content).collect();
    let mut before: Option<&Mark> = None;
    let contradicts = marks.iter().map(|mark| {
        if !of_first(&mark) {
            return !told.contains(&mark.line.content);
        }
        let same = before.filter(|before| mark.modified.is_some() && before.modified == mark.modified);
        // Of versions with one date the first stays what the others are held against.
        before = same.or(Some(mark));
        same.is_some_and(|same| same.line.content != mark.line.content)
    });
    contradicts.collect()
}

/// The lineages of these versions, and of what has no date of its own the collections, in the order in which they came.
fn came(marks: &[Mark]) -> Vec<(i64, i64)> {
    let mut first: BTreeMap<(i64, i64), i64> = BTreeMap::new();
    for mark in marks {
        let no = first.entry(mark.line.strand).or_insert(mark.line.version);
        *no = mark.line.version.min(*no);
    }
    let mut came: Vec<(i64, i64)> = first.keys().copied().collect();
    came.sort_by_key(|strand| first.get(strand));
    came
}

/// What a version is held against others by.
struct Mark {
    /// Its strand is its lineage, and of what has no date of its own its collection; its number tells what came first.
    line: Line,
    modified: Option<String>,
}
