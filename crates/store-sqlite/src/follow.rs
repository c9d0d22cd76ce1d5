//! A version stays under the handling of the others with its `created` and creator, whoever owns them.
//!
//! Whoever stated how an object is to be handled stated it of the object, not of one version of it: what is put in as another
//! version of it allows nothing that the rules refuse which a version stands under already. Only what this node's people put in
//! binds, and only as far as whoever puts in the next one may know of it; what members say is under the rules they say it with.
//!
//! Two things are not taken from a version that stands. What nobody said does not bind: without a marking and without options it is
//! handled as TLP:AMBER+STRICT, which is no word against what is said of the next one, also while it bears a marking whose definition is
//! awaited: that alone is awaited by the next one as well, but for what the next one bears itself and is known where that comes in, with which
//! what it asks has been put on. And members and circles that are named for
//! a version are let have it besides, as `share` would: whom to give it to is the originator's to say each time.
//!
//! What has another `created` or creator says itself how it is handled, but for the first of a lineage in a collection: it comes
//! under the handling of what stands there under its identifier, whatever that was created by. Else a second telling of what is for
//! few would open it there. From then on the lineage follows itself, and what stood there before is no further from its readers.
//!
//! An object without versions, an observable say, is followed in its own collection only: its identifier comes from its content, so
//! that it stands elsewhere says nothing of this one.
//!
//! A redacted view stays under the handling of earlier versions of its original as well, where these have no view of their own: whoever
//! put one of them in under stricter rules spoke of all of it. Where there is a view, that one binds.
//!
//! The identity of this node's member is put beside whatever the node makes of a list or a text, under the rules of that. It says
//! nothing but who that is, so it follows nothing: else an open list would come without it where a hidden one came before.

use std::collections::BTreeSet;

use handling::{Addressee, CollectionNo, Originator, Person, Rules, Writer};
use store::Entry;

use crate::error::Done;
use crate::rules_rows;
use crate::version_rows::Arrival;
use crate::writer::{Desk, object_no};

/// The rules that a version comes under, where they are stricter than those it came with.
pub(crate) fn stricter(desk: &Desk<'_>, writer: &Writer, arrival: &Arrival<'_>) -> Done<Option<Rules>> {
    let entry = arrival.entry;
    let asked = entry.rules.clone().unwrap_or_else(|| rules_rows::of_number(entry.facts.tlp));
    let mut met = asked.clone();
    let here = writer.collection().0;
    let created = &entry.facts.created_key;
    let own = (STANDS, rusqlite::params![arrival.object, created, arrival.creator, here]);
    let standing = meet(desk, writer, own, (entry, Standing::NotYet, &mut met))?;
    if let Some(view) = &entry.view_of
        && let Some(original) = object_no(desk.sql(), &view.id)?
    {
        let creator = view.creator.as_deref().map(|id| object_no(desk.sql(), id)).transpose()?.flatten();
        let key = &entry.facts.modified_key;
        let parameters = rusqlite::params![original, created, creator, here, arrival.object, key];
        meet(desk, writer, (STANDS_WITHOUT_VIEW, parameters), (entry, standing, &mut met))?;
    }
    if met == asked || is_own_identity(desk, entry.facts.id.as_str())? {
        return Ok(None);
    }
    Ok(Some(met))
}

/// The rules of versions of the object `?1` that have the `created` and creator of the next one, whoever owns them (the registry may have
/// come to know the creator in between), and of those in the collection `?4` that have others.
const STANDS: &str = "SELECT DISTINCT h.collection, h.rules, v.tlp, v.created_key IS ?2 AND v.creator IS ?3 \
     FROM holding h JOIN version v ON v.no = h.version WHERE h.object = ?1 AND (h.collection = ?4 OR (v.created_key IS ?2 AND v.creator IS ?3))";

/// The same of versions other than that of the moment `?6`, of which no view stands under the identifier `?5`.
/// None of an object without versions: what stands is the original itself, whose rules are those of the parts that are left out.
const STANDS_WITHOUT_VIEW: &str = "SELECT DISTINCT h.collection, h.rules, v.tlp, v.created_key IS ?2 AND v.creator IS ?3 \
     FROM holding h JOIN version v ON v.no = h.version WHERE h.object = ?1 AND (h.collection = ?4 OR (v.created_key IS ?2 AND v.creator IS ?3)) \
     AND ltrim(h.place, '~') <> ?6 AND NOT EXISTS (SELECT 1 FROM holding w JOIN version o ON o.no = w.version WHERE w.object = ?5 \
     AND w.place IN (ltrim(h.place, '~'), '~' || ltrim(h.place, '~')) AND o.created_key IS v.created_key)";

/// Whether something of a lineage stands in a collection already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    NotYet,
    Already,
}

/// Meets `met` with the rules that a query finds, as far as they bind who brings the entry. Those of other lineages bind the first of a
/// lineage alone. Says whether the lineage stands in the collection.
fn meet(
    desk: &Desk<'_>,
    writer: &Writer,
    (query, parameters): (&str, &[&dyn rusqlite::ToSql]),
    (entry, mut standing, met): (&Entry, Standing, &mut Rules),
) -> Done<Standing> {
    let (named, borne) = (named_by(met), borne_and_known(entry, met));
    let only_in = entry.facts.modified_key.is_none().then(|| writer.collection());
    let mut select = desk.sql().prepare_cached(query)?;
    let mut rows = select.query(parameters)?;
    let mut of_others = Vec::new();
    while let Some(row) = rows.next()? {
        let (collection, no): (CollectionNo, i64) = (CollectionNo(row.get(0)?), row.get(1)?);
        let (level, same): (Option<u8>, bool) = (row.get(2)?, row.get(3)?);
        if only_in.is_some_and(|only| only != collection) {
            continue;
        }
        let held = rules_rows::read(desk.sql(), no)?.unwrap_or_else(|| rules_rows::of_number(level));
        if *held.originator() != Originator::Here || !writer.is_bound_by(collection, &held) {
            continue;
        }
        if same && collection == writer.collection() {
            standing = Standing::Already;
        }
        let held = held.knowing(|definition| borne.contains(definition.as_str()));
        let silent = rules_rows::say_nothing(level, &held);
        if silent && held.markings().are_known() {
            continue;
        }
        let held = if silent { held.awaiting_alone() } else { held };
        if same {
            *met = met.meet(&held.also_to(&named));
        } else {
            of_others.push(held);
        }
    }
    if standing == Standing::NotYet {
        *met = of_others.iter().fold(met.clone(), |met, held| met.meet(&held.also_to(&named)));
    }
    Ok(standing)
}

/// The marking definitions that an entry bears as a whole and that its rules do not await: what these ask is among its rules.
fn borne_and_known<'e>(entry: &'e Entry, rules: &Rules) -> BTreeSet<&'e str> {
    let refs = entry.edges.iter().filter(|edge| edge.name == "object_marking_refs");
    let awaits = |id: &str| rules.markings().awaited().any(|one| one.as_str() == id);
    refs.map(|edge| edge.target.as_str()).filter(|id| !awaits(id)).collect()
}

fn is_own_identity(desk: &Desk<'_>, id: &str) -> Done<bool> {
    let mut select = desk
        .sql()
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM setting WHERE name = 'member-id' AND value = ?1)")?;
    Ok(select.query_row([id], |row| row.get(0))?)
}

/// The members, circles and persons elsewhere that rules name.
fn named_by(rules: &Rules) -> BTreeSet<Addressee> {
    let here = |one: &Addressee| matches!(one, Addressee::Originator | Addressee::Person(Person::Here(_)));
    rules.audience().clauses().flatten().filter(|one| !here(one)).cloned().collect()
}
