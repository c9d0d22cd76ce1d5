//! Adding: everything that is stored for an object inside the transaction, where the rules of versions let it ([`crate::judge`]).

use base::Micros;
use handling::{MemberId, Originator, Writer};
use rusqlite::OptionalExtension;
use stix::Timestamp;
use store::{Batch, Conflict, Entry, Facts, Landed, LandedAs, LeavesBy};

use crate::book;
use crate::editions::{self, spec_no};
use crate::error::{Done, found};
use crate::follow;
use crate::gone::{self, Forbidden};
use crate::judge::{Judge, Judged};
use crate::lineage;
use crate::rules_rows::{self, Under};
use crate::status;
use crate::version_rows::{Arrival, post, share, store_version, versions_of};
use crate::writer::Desk;

/// Stores a batch inside the transaction, with a leaf of the ledger for each object that lands.
pub(crate) fn add(desk: &mut Desk<'_>, batch: &Batch) -> Done<Vec<Landed>> {
    add_with(desk, batch, LeavesBy::Store)
}

/// Stores a batch inside the transaction.
pub(crate) fn add_with(desk: &mut Desk<'_>, batch: &Batch, leaves: LeavesBy) -> Done<Vec<Landed>> {
    let collection = batch.writer.collection().0;
    if !desk.is_known_place(collection) {
        let known = "SELECT 1 FROM collection WHERE no = ?1";
        found(desk.plans().of(known)?.query_row([collection], |_| Ok(())), "collection")?;
        desk.note_place(collection);
    }
    let home = batch.writer.eyes().standing().home;
    let mut place = Place {
        collection,
        writer: &batch.writer,
        home,
        judge: Judge::of(desk, batch, leaves)?,
        fresh: None,
        stored: Vec::new(),
    };
    let landed = batch.entries.iter().map(|entry| place.land(desk, entry)).collect::<Done<Vec<_>>>()?;
    if leaves == LeavesBy::Store {
        book::record(desk, batch, &landed, &place.stored)?;
    }
    if let Some(last) = place.fresh {
        desk.note_added(collection, last);
        // A step adds one at a time, and tells readers once, at its end.
        if leaves == LeavesBy::Store {
            tell_added(desk)?;
        }
    }
    if let Some((id, before)) = &batch.status {
        status::write(desk.sql(), batch, id, &status::results(before, batch, &landed))?;
    }
    Ok(landed)
}

/// Tells readers of collections when the last open version came into each.
pub(crate) fn tell_added(desk: &mut Desk<'_>) -> Done<()> {
    for (collection, last) in desk.take_added() {
        desk.plans().run("UPDATE collection SET last_added = ?2 WHERE no = ?1", (collection, last))?;
    }
    Ok(())
}

/// Where a batch goes, and what its poster may know of there.
struct Place<'b> {
    collection: i64,
    writer: &'b Writer,
    home: Option<MemberId>,
    judge: Judge,
    /// When the last open version came in: all readers are told, so a restricted one does not count.
    fresh: Option<i64>,
    /// Numbers of the objects of which something was stored, in the order of the batch.
    stored: Vec<i64>,
}

impl Place<'_> {
    fn land(&mut self, desk: &mut Desk<'_>, entry: &Entry) -> Done<Landed> {
        let mut arrival = Arrival::of(desk, entry)?;
        arrival.owner = lineage::owner_of(desk, entry, self.home)?;
        if lineage::is_copy(entry, self.home) {
            self.go_on_here(desk, &mut arrival)?;
        }
        if let Some(conflict) = self.gone(desk, &arrival)? {
            return Ok(Landed::so(LandedAs::Refused(conflict), None));
        }
        let before = if arrival.new { Vec::new() } else { versions_of(desk, arrival.object)? };
        // Known by references to it only: nothing is held that it could meet.
        arrival.new = before.is_empty();
        let judged =
            if arrival.new { Judged::Store(LandedAs::Accepted) } else { self.judge.judge(desk, &arrival)? };
        let how = match judged {
            Judged::Known { added, word } => {
                return Ok(Landed { word, ..Landed::so(LandedAs::Known, Some(Micros(added))) });
            }
            Judged::Store(how @ LandedAs::Refused(_)) => return Ok(Landed::so(how, None)),
            Judged::Store(how) => how,
        };
        if !arrival.new {
            arrival.lineage = lineage::of(desk, &arrival)?;
        }
        let contradicts = self.judge.contradiction(desk, &arrival)?;
        // A version of its own for every place: if places shared one, its number would tell when the first of them got it.
        let (version, derived) = store_version(desk, &arrival)?;
        let added = desk.next_added();
        let follows = self.judge.is_of_people() && (!arrival.new || entry.view_of.is_some());
        let inherited = if follows { follow::stricter(desk, self.writer, &arrival)? } else { None };
        let under = match inherited.as_ref().or(entry.rules.as_ref()) {
            None => Under::NONE,
            Some(rules) => rules_rows::keep(desk, rules, self.home)?,
        };
        self.hold(desk, &arrival, (version, added), under)?;
        if !under.restricted {
            self.fresh = Some(added);
        }
        for version in &before {
            share(desk, *version)?;
        }
        let alone = before.is_empty() && !under.restricted;
        post(desk, &arrival, (version, &derived), (alone.then_some(self.collection), added));
        self.stored.push(arrival.object);
        Ok(Landed { how, added: Some(Micros(added)), inherited, contradicts, word: None })
    }

    /// What refuses an object because it was here and is gone for good.
    fn gone(&self, desk: &mut Desk<'_>, arrival: &Arrival<'_>) -> Done<Option<Conflict>> {
        let gone = if self.judge.is_of_people() {
            gone::forbidden(desk, arrival, self.writer)?
        } else {
            gone::forget(desk, arrival)?;
            None
        };
        let (code, reason) = match gone {
            _ if !arrival.new && erased(desk, arrival)? && self.may_know_of(desk, arrival)? => {
                ("erased", "this member had the object destroyed everywhere, for good")
            }
            Some(Forbidden::Erasure) => {
                ("erased-by-originator", "its originator had it destroyed everywhere, for good")
            }
            Some(Forbidden::Retention) => {
                ("retention-over", "its originator gave it for a time that is over, and can give it anew")
            }
            None => return Ok(None),
        };
        Ok(Some(Conflict { reason: reason.to_owned(), code }))
    }

    /// Whether whoever brings an object may know that this member had it erased.
    fn may_know_of(&self, desk: &Desk<'_>, arrival: &Arrival<'_>) -> Done<bool> {
        Ok(!self.judge.is_of_people() || gone::saw_own(desk, arrival.object, self.writer)?)
    }

    /// What is brought of another's goes on from what was brought here before its identity was anybody's: who says later that
    /// it is theirs does not part the two, or a revocation would not reach what it revokes.
    fn go_on_here(&self, desk: &Desk<'_>, arrival: &mut Arrival<'_>) -> Done<()> {
        if arrival.new {
            return Ok(());
        }
        let owner = arrival.owner.take();
        if !self.judge.is_followed(desk, arrival)? {
            arrival.owner = owner;
        }
        Ok(())
    }

    /// Puts a version into the collection.
    fn hold(
        &self,
        desk: &Desk<'_>,
        arrival: &Arrival<'_>,
        (version, added): (i64, i64),
        under: Under,
    ) -> Done<()> {
        let facts = &arrival.entry.facts;
        let place = place(facts, added);
        let (is_last, is_first) = match (under.restricted, arrival.new) {
            (false, true) => (true, true),
            (false, false) if self.stands_longest(desk, arrival)? => {
                self.displace(desk, arrival.object, &place)?
            }
            _ => (false, false),
        };
        let sql = desk.sql();
        if !arrival.new {
            sql.prepare_cached(
                "UPDATE holding SET lone = 0 WHERE object = ?1 AND +collection = ?2 AND lone = 1",
            )?
            .execute((arrival.object, self.collection))?;
            editions::note(desk, (self.collection, arrival.object), spec_no(&facts.spec_version))?;
        }
        let size = i64::try_from(arrival.entry.bytes.len()).unwrap_or(i64::MAX);
        let mut insert = desk.plans().of(
            "INSERT INTO holding (collection, added, object, kind, version, place, spec, size, is_last, \
             is_first, restricted, rules, lone, lineage, owner) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?;
        insert.execute(rusqlite::params![
            self.collection,
            added,
            arrival.object,
            arrival.kind,
            version,
            place,
            spec_no(&facts.spec_version),
            size,
            is_last,
            is_first,
            under.restricted,
            under.no,
            arrival.new,
            arrival.lineage,
            arrival.owner,
        ])?;
        Ok(())
    }

    /// Whether an arrival is of the lineage that stands in the collection longest, of the open versions: that one has the marks.
    fn stands_longest(&self, desk: &Desk<'_>, arrival: &Arrival<'_>) -> Done<bool> {
        if arrival.lineage == 0 {
            return Ok(true);
        }
        let mut first = desk.sql().prepare_cached(
            "SELECT lineage FROM holding WHERE object = ?1 AND +collection = ?2 AND restricted = 0 \
             ORDER BY coalesce(arrived, added) LIMIT 1",
        )?;
        let first = first.query_row((arrival.object, self.collection), |row| row.get(0)).optional()?;
        Ok(first.is_none_or(|first: i64| first == arrival.lineage))
    }

    /// Whether an open version at `place` becomes last and first; those it displaces lose the mark.
    fn displace(&self, desk: &Desk<'_>, object: i64, place: &str) -> Done<(bool, bool)> {
        let sql = desk.sql();
        let take = |flag: &str, stays: &str| -> Done<bool> {
            let held: Option<(i64, bool)> = sql
                .prepare_cached(&format!(
                    "SELECT added, {stays} FROM holding WHERE object = ?1 AND +collection = ?2 AND {flag} = 1"
                ))?
                .query_row((object, self.collection, place), |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let Some((added, stays)) = held else {
                return Ok(true);
            };
            if !stays {
                sql.prepare_cached(&format!(
                    "UPDATE holding SET {flag} = 0 WHERE collection = ?1 AND added = ?2"
                ))?
                .execute((self.collection, added))?;
            }
            Ok(!stays)
        };
        let last = take("is_last", "place >= ?3")?;
        Ok((last, take("is_first", "ltrim(place, '~') <= ltrim(?3, '~')")?))
    }
}

/// Whether this member had the object erased, by whose word it would come in again.
fn erased(desk: &mut Desk<'_>, arrival: &Arrival<'_>) -> Done<bool> {
    let own = arrival.entry.rules.as_ref().is_none_or(|rules| *rules.originator() == Originator::Here);
    let Some(me) = desk.book().map(|book| book.member()).filter(|_| own) else { return Ok(false) };
    let mut select = desk.sql().prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM fate WHERE author = ?1 AND object = ?2 AND erased IS NOT NULL)",
    )?;
    Ok(select.query_row((me.as_bytes(), arrival.object), |row| row.get(0))?)
}

/// Where a version stands among the versions of its object; a revocation stands after all that it forbids.
fn place(facts: &Facts, added: i64) -> String {
    match &facts.modified_key {
        None => key_of_added(added),
        Some(key) if facts.revoked => format!("~{key}"),
        Some(key) => key.clone(),
    }
}

/// The version key of an object whose version is its `date_added`.
pub(crate) fn key_of_added(added: i64) -> String {
    Timestamp::from_micros(Micros(added)).sort_key().to_owned()
}
