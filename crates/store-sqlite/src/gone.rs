//! What stands here no more and may not come back by hand: what other members gave, known again by its copy, and what this member has
//! erased itself, known by its identifier.
//!
//! Where another member's word goes, whatever takes it, a mark of it stays, which forbids nothing by itself. When its originator has had the
//! object erased, or where its time was over, a copy does not come in as this member's own word: it is refused to whoever could see the
//! place where it stood. To everybody else it is as new as what was never here, so that no refusal tells of it.
//!
//! A mark is two bytes of a keyed digest of what the object said, in whatever form, beside the object's number: enough to know a copy
//! among the versions of one object, and too little to find out by trying what the object was, for one guess in 65,536 fits by chance.
//! Marks of before were whole digests of the very bytes, of what was past its retention (table `gone`); they go on counting.
//!
//! Of this member's own word a mark is the place alone, since an erasure forbids every version of the object. Where none is left, since the
//! object went by an earlier build or before a restore, nobody knows who could see it: then everybody is refused.
//!
//! A mark outlives its collection, and so does who could read that one. Who administers the node is told of what stood in a collection that
//! is removed as well: they are told what became of it, and are who may act on the directory.

use base::signing::KeyId;
use handling::{CollectionNo, Originator, Rules, Writer};
use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};
use store::StoreError;

use crate::error::Done;
use crate::judge;
use crate::remove::End;
use crate::rules_rows;
use crate::version_rows::Arrival;
use crate::writer::Desk;

/// What forbids a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Forbidden {
    /// Its time was over.
    Retention,
    /// Its originator had the object erased.
    Erasure,
}

impl Forbidden {
    /// As it is stored; 0 where nothing forbids a copy.
    const fn number(self) -> i64 {
        match self {
            Self::Retention => 1,
            Self::Erasure => 2,
        }
    }
}

/// A place that goes.
pub(crate) struct Place {
    pub(crate) collection: i64,
    pub(crate) object: i64,
    pub(crate) version: i64,
    pub(crate) rules: i64,
}

/// Leaves a mark of a place: where another member's word stood, but not of what this member says itself as well; and where this
/// member's own stood that it may have everybody destroy.
pub(crate) fn remember(desk: &mut Desk<'_>, place: &Place, end: End) -> Done<()> {
    let me = desk.book().map(|book| book.member());
    let rules = match rules_rows::read(desk.sql(), place.rules)? {
        Some(rules) => rules,
        // A node that stands alone gives nothing, and has nothing destroyed anywhere.
        None if me.is_none() => return Ok(()),
        None => rules_rows::of_level(desk.sql(), place.version)?,
    };
    match (rules.originator(), me) {
        (Originator::Member(member), Some(me)) if me.as_bytes() == &member.0 => {}
        (Originator::Member(_), _) => return remember_anothers(desk, place, (&rules, end)),
        (Originator::Here, Some(me)) if end == End::Destroyed || was_given(desk.sql(), place, me)? => {
            put(desk.sql(), (place, &[]), (&rules, 0))?;
        }
        (Originator::Here | Originator::Nobody, _) => {}
    }
    Ok(())
}

/// Whether others were given an own object, so that it can be erased when it stands here no more.
fn was_given(sql: &Connection, place: &Place, me: KeyId) -> Done<bool> {
    let mut select =
        sql.prepare_cached("SELECT EXISTS (SELECT 1 FROM held WHERE object = ?1 AND author = ?2)")?;
    Ok(select.query_row((place.object, me.as_bytes()), |row| row.get(0))?)
}

fn remember_anothers(desk: &Desk<'_>, place: &Place, (rules, end): (&Rules, End)) -> Done<()> {
    let content: Vec<u8> = desk
        .sql()
        .prepare_cached("SELECT content_digest FROM version WHERE no = ?1")?
        .query_row([place.version], |row| row.get(0))?;
    // A sealed version whose key is gone cannot be told any more.
    if content.is_empty() || is_own_too(desk.sql(), place.object, &content)? {
        return Ok(());
    }
    let forbidden = if end == End::Over { Forbidden::Retention.number() } else { 0 };
    put(desk.sql(), (place, &mark(desk, &content)), (rules, forbidden))
}

fn put(sql: &Connection, (place, mark): (&Place, &[u8]), (rules, forbidden): (&Rules, i64)) -> Done<()> {
    let (seen_by, word) = (rules.apart_from_retention().to_string(), rules.originator().to_string());
    sql.prepare_cached(
        "INSERT INTO mark (object, digest, collection, rules, word, forbidden) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT DO UPDATE SET forbidden = max(forbidden, excluded.forbidden)",
    )?
    .execute((place.object, mark, place.collection, seen_by, word, forbidden))?;
    Ok(())
}

/// A collection is removed: of what stood there marks stay, and so does who could read it.
pub(crate) fn keep_readers(sql: &Connection, collection: i64) -> Done<()> {
    sql.execute(
        "INSERT INTO past_access (collection, account, role) SELECT collection, account, role FROM access \
         WHERE collection = ?1 AND may_read AND EXISTS (SELECT 1 FROM mark WHERE collection = ?1)",
        [collection],
    )?;
    Ok(())
}

fn is_own_too(sql: &Connection, object: i64, content: &[u8]) -> Done<bool> {
    let mut select = sql.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM holding h JOIN version v ON v.no = h.version LEFT JOIN rules r ON r.no = h.rules \
         WHERE h.object = ?1 AND v.content_digest = ?2 AND coalesce(r.originator = 'here', 1))",
    )?;
    Ok(select.query_row((object, content), |row| row.get(0))?)
}

/// By what something is known again, as far as it may be.
pub(crate) type Mark = [u8; 2];

/// The mark of a digest.
pub(crate) fn mark(desk: &Desk<'_>, content: &[u8]) -> Mark {
    let [first, second, ..] = keyed(desk, b"gone", content);
    [first, second]
}

/// As marks were before they stood beside an object.
fn mark_before(desk: &Desk<'_>, bytes: &[u8; 32]) -> [u8; 32] {
    keyed(desk, b"", bytes)
}

fn keyed(desk: &Desk<'_>, what: &[u8], digest: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(desk.key().0).chain_update(what).chain_update(digest).finalize().into()
}

/// An object is erased by its originator's word: no copy of what that one gave comes in any more.
pub(crate) fn forbid(sql: &Connection, object: i64, word: &Originator) -> Done<()> {
    sql.prepare_cached("UPDATE mark SET forbidden = ?3 WHERE object = ?1 AND word = ?2")?.execute((
        object,
        word.to_string(),
        Forbidden::Erasure.number(),
    ))?;
    Ok(())
}

/// The time of what was deleted is over: no copy of it comes in any more, wherever it stood.
pub(crate) fn forbid_over(sql: &Connection, object: i64, (mark, word): (&Mark, &Originator)) -> Done<()> {
    sql.prepare_cached(
        "UPDATE mark SET forbidden = max(forbidden, ?4) WHERE object = ?1 AND digest = ?2 AND word = ?3",
    )?
    .execute((object, mark, word.to_string(), Forbidden::Retention.number()))?;
    Ok(())
}

/// Its originator gives it anew: it is a copy of nothing that is gone.
pub(crate) fn forget(desk: &Desk<'_>, arrival: &Arrival<'_>) -> Done<()> {
    let facts = &arrival.entry.facts;
    if !arrival.new {
        let word = judge::word(arrival.entry);
        desk.sql()
            .prepare_cached(
                "DELETE FROM mark WHERE object = ?1 AND digest = ?2 AND word = ?3 AND forbidden <> ?4",
            )?
            .execute((
                arrival.object,
                mark(desk, &facts.content_digest),
                word,
                Forbidden::Erasure.number(),
            ))?;
    }
    if desk.has_marks_of_before()? {
        desk.plans().run("DELETE FROM gone WHERE mark = ?1", [mark_before(desk, &facts.digest)])?;
    }
    Ok(())
}

/// What forbids that this writer brings an object in, having seen where it stood; nothing does while what it says stands here by some word
/// that the writer may know of.
pub(crate) fn forbidden(desk: &Desk<'_>, arrival: &Arrival<'_>, writer: &Writer) -> Done<Option<Forbidden>> {
    let past = is_marked_before(desk, arrival, writer)? || is_over(desk, arrival, writer)?;
    let found = past.then_some(Forbidden::Retention).max(marked(desk, arrival, writer)?);
    if found.is_some() && stands(desk.sql(), arrival, writer)? {
        return Ok(None);
    }
    Ok(found)
}

fn marked(desk: &Desk<'_>, arrival: &Arrival<'_>, writer: &Writer) -> Done<Option<Forbidden>> {
    let mut found = None;
    if arrival.new {
        return Ok(found);
    }
    let mut select = desk.sql().prepare_cached(
        "SELECT collection, rules, forbidden FROM mark WHERE object = ?1 AND digest = ?2 AND forbidden > 0",
    )?;
    let mut rows = select.query((arrival.object, mark(desk, &arrival.entry.facts.content_digest)))?;
    while let Some(row) = rows.next()? {
        if saw(desk.sql(), writer, (row.get(0)?, &rules_in(row, 1)?))? {
            let erased = row.get::<_, i64>(2)? == Forbidden::Erasure.number();
            found = found.max(Some(if erased { Forbidden::Erasure } else { Forbidden::Retention }));
        }
    }
    Ok(found)
}

/// Whether a writer could see where this member's own word of an object stood: as far as is known.
pub(crate) fn saw_own(desk: &Desk<'_>, object: i64, writer: &Writer) -> Done<bool> {
    let mut select =
        desk.sql().prepare_cached("SELECT collection, rules FROM mark WHERE object = ?1 AND digest = x''")?;
    let mut rows = select.query([object])?;
    let mut is_known = false;
    while let Some(row) = rows.next()? {
        is_known = true;
        if saw(desk.sql(), writer, (row.get(0)?, &rules_in(row, 1)?))? {
            return Ok(true);
        }
    }
    Ok(!is_known)
}

/// Whether a writer could see what stood in a collection under these rules, which may be removed by now.
fn saw(sql: &Connection, writer: &Writer, (collection, rules): (i64, &Rules)) -> Done<bool> {
    if writer.is_bound_by(CollectionNo(collection), rules) {
        return Ok(true);
    }
    if !writer.is_bound_under(rules) {
        return Ok(false);
    }
    let mut select = sql.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM account a WHERE a.no = ?2 AND (instr(' ' || a.roles || ' ', ' admin ') > 0 \
         OR EXISTS (SELECT 1 FROM past_access p WHERE p.collection = ?1 AND (p.account = a.no \
         OR p.account = 0 AND instr(' ' || a.roles || ' ', ' ' || p.role || ' ') > 0)))) \
         AND NOT EXISTS (SELECT 1 FROM collection WHERE no = ?1)",
    )?;
    Ok(select.query_row((collection, writer.user().0), |row| row.get(0))?)
}

fn is_marked_before(desk: &Desk<'_>, arrival: &Arrival<'_>, writer: &Writer) -> Done<bool> {
    if !desk.has_marks_of_before()? {
        return Ok(false);
    }
    let mut select = desk.sql().prepare_cached("SELECT rules FROM gone WHERE mark = ?1")?;
    let mut rows = select.query([mark_before(desk, &arrival.entry.facts.digest)])?;
    while let Some(row) = rows.next()? {
        if writer.eyes().judge(&rules_in(row, 0)?).is_allowed() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether what an object says is past its retention and not destroyed yet, by another member's word that the writer could see: the clock
/// decides, and not whether the destruction has run.
fn is_over(desk: &Desk<'_>, arrival: &Arrival<'_>, writer: &Writer) -> Done<bool> {
    if arrival.new {
        return Ok(false);
    }
    let (sql, content) = (desk.sql(), &arrival.entry.facts.content_digest);
    if is_own_too(sql, arrival.object, content)? {
        return Ok(false);
    }
    let standing = writer.eyes().standing();
    let past = |rules: &Rules| {
        let anothers =
            matches!(rules.originator(), Originator::Member(_)) && !rules.originator().is_own(standing.home);
        anothers && rules.retain().is_some_and(|until| until <= standing.now)
    };
    let saw = |collection: i64, rules: &Rules| saw(sql, writer, (collection, &rules.apart_from_retention()));
    let mut select = sql.prepare_cached(
        "SELECT DISTINCT h.collection, h.rules FROM holding h JOIN version v ON v.no = h.version \
         WHERE h.object = ?1 AND v.content_digest = ?2 AND h.rules <> 0",
    )?;
    let mut rows = select.query((arrival.object, content))?;
    while let Some(row) = rows.next()? {
        if let Some(rules) = rules_rows::read(sql, row.get(1)?)?.filter(past)
            && saw(row.get(0)?, &rules)?
        {
            return Ok(true);
        }
    }
    let mut select =
        sql.prepare_cached("SELECT collection, rules FROM deleted WHERE object = ?1 AND content = ?2")?;
    let mut rows = select.query((arrival.object, mark(desk, content)))?;
    while let Some(row) = rows.next()? {
        let rules = row.get::<_, String>(1)?.parse().unwrap_or_else(|_| Rules::closed());
        if past(&rules) && saw(row.get(0)?, &rules)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn rules_in(row: &Row<'_>, column: usize) -> Done<Rules> {
    let rules: String = row.get(column)?;
    Ok(rules.parse().map_err(|_| StoreError::Damaged("rules of what is gone".into()))?)
}

/// Whether what an object says stands here, as far as the writer may know.
fn stands(sql: &Connection, arrival: &Arrival<'_>, writer: &Writer) -> Done<bool> {
    let mut select = sql.prepare_cached(
        "SELECT DISTINCT h.collection, h.rules, v.tlp FROM holding h JOIN version v ON v.no = h.version \
         WHERE h.object = ?1 AND v.content_digest = ?2",
    )?;
    let mut rows = select.query((arrival.object, arrival.entry.facts.content_digest))?;
    while let Some(row) = rows.next()? {
        let no: i64 = row.get(1)?;
        let level: Option<u8> = row.get(2)?;
        let rules = rules_rows::read(sql, no)?.unwrap_or_else(|| rules_rows::of_number(level));
        if writer.is_bound_by(CollectionNo(row.get(0)?), &rules) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use handling::{Audience, MemberId};
    use stix::TlpLevel;
    use store::conformance::sample::{START, collections, writer};
    use store::{Batch, LandedAs, Objects};

    use super::*;
    use crate::rebuild_tests::{indicator, open};

    #[tokio::test]
    async fn marks_of_before_go_on_counting() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).unwrap();
        let c = collections(&*store, 1).await;
        let word = Originator::Member(MemberId([7; 32]));
        let rules = Rules::marked(Some(TlpLevel::Green), word).to(Audience::EVERYBODY).to_string();
        let digest = indicator(1).facts.digest;
        let put = move |desk: &mut Desk<'_>| {
            let mark = mark_before(desk, &digest);
            Ok(desk.sql().execute("INSERT INTO gone (mark, rules, at) VALUES (?1, ?2, 0)", (mark, rules))?)
        };
        store.writer.write(1, put).await.unwrap();
        let entries = vec![indicator(1), indicator(2)];
        let batch = Batch { writer: writer(1, c[0]), at: START, entries, status: None };
        let landed = store.add(batch).await.unwrap();
        assert!(
            matches!(&landed[0].how, LandedAs::Refused(conflict) if conflict.code == "retention-over"),
            "{landed:?}"
        );
        assert_eq!(landed[1].how, LandedAs::Accepted);
    }
}
