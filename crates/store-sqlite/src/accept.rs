//! Adding: the version rules inside the transaction, and everything that is stored for an object.
//!
//! An object is judged against what its poster may know of in the same collection: the open versions, and restricted ones
//! whose rules let the poster see them. So the answer to a poster tells nothing of what is withheld from them. What other
//! members say is judged against what the same member said, whoever sees it: two members' words are never merged.

use base::Micros;
use handling::{MemberId, Originator, Writer};
use rusqlite::{CachedStatement, OptionalExtension, ToSql};
use stix::Timestamp;
use stix::version::{Verdict, VersionFacts, compare};
use store::{Batch, Conflict, Entry, Facts, Landed, LandedAs, LeavesBy};

use crate::book;
use crate::error::{Done, damaged, found};
use crate::follow;
use crate::gone::{self, Forbidden};
use crate::lineage;
use crate::rules_rows::{self, Under};
use crate::sight::Sight;
use crate::status;
use crate::version_rows::{Arrival, post, share, spec_no, store_version, versions_of};
use crate::writer::Desk;

/// Stores a batch inside the transaction, with a leaf of the ledger for each object that lands.
pub(crate) fn add(desk: &mut Desk<'_>, batch: &Batch) -> Done<Vec<Landed>> {
    add_with(desk, batch, LeavesBy::Store)
}

/// Stores a batch inside the transaction.
pub(crate) fn add_with(desk: &mut Desk<'_>, batch: &Batch, leaves: LeavesBy) -> Done<Vec<Landed>> {
    let collection = batch.writer.collection().0;
    let mut known = desk.sql().prepare_cached("SELECT 1 FROM collection WHERE no = ?1")?;
    found(known.query_row([collection], |_| Ok(())), "collection")?;
    let home = batch.writer.eyes().standing().home;
    let mut place = Place {
        collection,
        writer: batch.writer.clone(),
        home,
        beside: Beside::of(desk, batch, leaves)?,
        fresh: None,
        stored: Vec::new(),
    };
    let landed = batch.entries.iter().map(|entry| place.land(desk, entry)).collect::<Done<Vec<_>>>()?;
    if leaves == LeavesBy::Store {
        book::record(desk, batch, &landed, &place.stored)?;
    }
    if let Some(last) = place.fresh {
        let mut update = desk.sql().prepare_cached("UPDATE collection SET last_added = ?2 WHERE no = ?1")?;
        update.execute((collection, last))?;
    }
    if let Some((id, before)) = &batch.status {
        status::write(desk.sql(), batch, id, &status::results(before, batch, &landed))?;
    }
    Ok(landed)
}

/// Where a batch goes, and what its poster may know of there.
struct Place {
    collection: i64,
    writer: Writer,
    home: Option<MemberId>,
    beside: Beside,
    /// When the last open version came in: all readers are told, so a restricted one does not count.
    fresh: Option<i64>,
    /// Numbers of the objects of which something was stored, in the order of the batch.
    stored: Vec<i64>,
}

/// Which versions a new one is judged against.
enum Beside {
    /// Those that the poster may know of.
    Seen(Sight),
    /// Those by the word of the same originator, in the same collection.
    SameWord,
}

impl Beside {
    fn of(desk: &Desk<'_>, batch: &Batch, leaves: LeavesBy) -> Done<Self> {
        if leaves == LeavesBy::Step {
            return Ok(Self::SameWord);
        }
        let sight = Sight::of_one(desk.sql(), batch.writer.eyes(), batch.writer.collection())?;
        Ok(Self::Seen(sight.ok_or_else(|| damaged("a writer has no eyes on the collection"))?))
    }

    /// Which holdings `h` a new version is judged against; ?4 is whose word it is, ?5 the collection.
    fn meets(&self) -> String {
        match self {
            Self::Seen(sight) => sight.sees("h"),
            Self::SameWord => {
                let here = Originator::Here;
                format!(
                    "+h.collection = ?5 AND coalesce((SELECT r.originator FROM rules r WHERE r.no = h.rules), '{here}') = ?4"
                )
            }
        }
    }

    /// Whether a holding `h` among these is of the owner ?6: whom a new version follows, whatever others say.
    const fn is_own(&self) -> &'static str {
        match self {
            Self::Seen(_) => "h.owner IS ?6",
            Self::SameWord => "?6 IS ?6",
        }
    }

    /// Binds the parameters of a query that asks so, `own` from `?2` on.
    fn bind(&self, statement: &mut CachedStatement<'_>, own: &[&dyn ToSql]) -> Done<()> {
        match self {
            Self::Seen(sight) => sight.bind(statement, own),
            Self::SameWord => {
                for (at, value) in (2..=statement.parameter_count()).zip(own) {
                    statement.raw_bind_parameter(at, value)?;
                }
                Ok(())
            }
        }
    }
}

/// Whose word an entry is.
fn word(entry: &Entry) -> String {
    entry.rules.as_ref().map_or(Originator::Here, |rules| rules.originator().clone()).to_string()
}

/// A version held already, as far as the rules need it.
struct Held {
    /// Whether it is of the owner of the new one.
    own: bool,
    place: String,
    added: i64,
    content: [u8; 32],
    revoked: bool,
    created_key: Option<String>,
    creator: Option<i64>,
}

impl Place {
    fn land(&mut self, desk: &mut Desk<'_>, entry: &Entry) -> Done<Landed> {
        let mut arrival = Arrival::of(desk, entry)?;
        arrival.owner = lineage::owner_of(desk, entry, self.home)?;
        if lineage::is_copy(entry, self.home) && self.goes_on_here(desk, &mut arrival)? {
            arrival.owner = None;
        }
        if let Some(conflict) = self.gone(desk, &arrival)? {
            return Ok(Landed { how: LandedAs::Refused(conflict), added: None, inherited: None });
        }
        let before = if arrival.new { Vec::new() } else { versions_of(desk, arrival.object)? };
        // Known by references to it only: nothing is held that it could meet.
        arrival.new = before.is_empty();
        let judged =
            if arrival.new { Judged::Store(LandedAs::Accepted) } else { self.judge(desk, &arrival)? };
        let how = match judged {
            Judged::Known(added) => {
                return Ok(Landed { how: LandedAs::Known, added: Some(Micros(added)), inherited: None });
            }
            Judged::Store(how @ LandedAs::Refused(_)) => {
                return Ok(Landed { how, added: None, inherited: None });
            }
            Judged::Store(how) => how,
        };
        if !arrival.new {
            arrival.lineage = lineage::of(desk, &arrival)?;
        }
        // A version of its own for every place: if places shared one, its number would tell when the first of them got it.
        let (version, derived) = store_version(desk, &arrival)?;
        let added = desk.next_added();
        let inherited = match self.beside {
            Beside::Seen(_) if !arrival.new || entry.view_of.is_some() => {
                follow::stricter(desk, &self.writer, &arrival)?
            }
            _ => None,
        };
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
        Ok(Landed { how, added: Some(Micros(added)), inherited })
    }

    /// What refuses an object because it was here and is gone for good.
    fn gone(&self, desk: &mut Desk<'_>, arrival: &Arrival<'_>) -> Done<Option<Conflict>> {
        let gone = match self.beside {
            Beside::SameWord => {
                gone::forget(desk, arrival, &word(arrival.entry))?;
                None
            }
            Beside::Seen(_) => gone::forbidden(desk, arrival, &self.writer)?,
        };
        let (code, reason) = match gone {
            _ if !arrival.new && erased(desk, arrival)? => {
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

    /// Whether what is brought of another's goes on from what was brought here before its identity was anybody's: who says later that
    /// it is theirs does not part the two, or a revocation would not reach what it revokes.
    fn goes_on_here(&self, desk: &Desk<'_>, arrival: &mut Arrival<'_>) -> Done<bool> {
        if arrival.new {
            return Ok(false);
        }
        let owner = arrival.owner.take();
        let here = self.held(desk, arrival, Which::OwnLatest)?;
        arrival.owner = owner;
        let facts = &arrival.entry.facts;
        Ok(here.is_some_and(|held| held.created_key == facts.created_key && held.creator == arrival.creator))
    }

    /// The rules of versions, in one collection, as the poster may know them.
    fn judge(&self, desk: &Desk<'_>, arrival: &Arrival<'_>) -> Done<Judged> {
        let facts = &arrival.entry.facts;
        let Some(key) = &facts.modified_key else {
            return self.judge_observable(desk, arrival);
        };
        let Some(held) = self.beside(desk, arrival, key)? else {
            return Ok(Judged::Store(LandedAs::Accepted));
        };
        let creators = [held.creator, arrival.creator].map(|no| no.map(|no| no.to_string()));
        let current = VersionFacts {
            modified: held.place.trim_start_matches('~'),
            created: held.created_key.as_deref().unwrap_or_default(),
            created_by_ref: creators[0].as_deref(),
            revoked: held.revoked,
            content: held.content,
        };
        let incoming = VersionFacts {
            modified: key,
            created: facts.created_key.as_deref().unwrap_or_default(),
            created_by_ref: creators[1].as_deref(),
            revoked: facts.revoked,
            content: facts.content_digest,
        };
        Ok(match compare(&current, &incoming) {
            Verdict::New => Judged::Store(LandedAs::Accepted),
            Verdict::Newer => Judged::Store(LandedAs::Newer),
            Verdict::Older => Judged::Store(LandedAs::Older),
            Verdict::Same => Judged::Known(held.added),
            Verdict::Conflict => refused(
                "version-conflict",
                "this version is held here with other content: the first one stays",
            ),
            Verdict::AfterRevocation => {
                refused("revoked-already", "the object was revoked by an earlier version held here")
            }
            Verdict::CreatorChanged => {
                refused("creator-changed", "created_by_ref differs from the version held here")
            }
            Verdict::CreatedChanged => {
                refused("created-changed", "created differs from the version held here")
            }
        })
    }

    /// An observable's version is its `date_added`: the same content is known, other content is a newer version.
    fn judge_observable(&self, desk: &Desk<'_>, arrival: &Arrival<'_>) -> Done<Judged> {
        let mut select = desk.sql().prepare_cached(&format!(
            "SELECT h.added, v.content_digest = ?3 FROM holding h JOIN version v ON v.no = h.version \
             WHERE h.object = ?2 AND {} ORDER BY 2 DESC, 1 LIMIT 1",
            self.beside.meets()
        ))?;
        let digest = &arrival.entry.facts.content_digest;
        let word = word(arrival.entry);
        self.beside.bind(&mut select, &[&arrival.object, digest, &word, &self.collection])?;
        let mut rows = select.raw_query();
        let held: Option<(i64, bool)> = match rows.next()? {
            Some(row) => Some((row.get(0)?, row.get(1)?)),
            None => None,
        };
        Ok(match held {
            None => Judged::Store(LandedAs::Accepted),
            Some((added, true)) => Judged::Known(added),
            Some((_, false)) => Judged::Store(LandedAs::Newer),
        })
    }

    /// The version that a new one with `key` is judged against. What its owner said comes first: a date that another put under
    /// the same identifier is no obstacle. The same content is the same, whoever brought it.
    fn beside(&self, desk: &Desk<'_>, arrival: &Arrival<'_>, key: &str) -> Done<Option<Held>> {
        let content = arrival.entry.facts.content_digest;
        let same = self.held(desk, arrival, Which::Of(key))?;
        if let Some(held) = &same
            && (held.own || held.content == content)
        {
            return Ok(same);
        }
        let latest = self.held(desk, arrival, Which::Latest)?;
        if latest.as_ref().is_none_or(|held| held.own) {
            return Ok(latest);
        }
        let own = self.held(desk, arrival, Which::OwnLatest)?;
        Ok(own.or(same).or(latest))
    }

    /// One version among those that count.
    fn held(&self, desk: &Desk<'_>, arrival: &Arrival<'_>, which: Which<'_>) -> Done<Option<Held>> {
        let own = self.beside.is_own();
        let (which, order, key) = match which {
            Which::Of(key) => {
                ("h.place IN (?3, '~' || ?3)", "7 DESC, v.content_digest = ?7 DESC, h.added", key)
            }
            Which::Latest => ("?3 = ''", "h.place DESC, h.added", ""),
            Which::OwnLatest => ("?3 = '' AND h.owner IS ?6", "h.place DESC, h.added", ""),
        };
        let mut select = desk.sql().prepare_cached(&format!(
            "SELECT h.place, h.added, v.content_digest, v.revoked, v.created_key, v.creator, {own} \
             FROM holding h JOIN version v ON v.no = h.version \
             WHERE h.object = ?2 AND {which} AND {} ORDER BY {order} LIMIT 1",
            self.beside.meets()
        ))?;
        let (word, content) = (word(arrival.entry), &arrival.entry.facts.content_digest);
        let asked: [&dyn ToSql; 6] =
            [&arrival.object, &key, &word, &self.collection, &arrival.owner, content];
        self.beside.bind(&mut select, &asked)?;
        let mut rows = select.raw_query();
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(Held {
            place: row.get(0)?,
            added: row.get(1)?,
            content: row.get(2)?,
            revoked: row.get(3)?,
            created_key: row.get(4)?,
            creator: row.get(5)?,
            own: row.get(6)?,
        }))
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
        }
        let size = i64::try_from(arrival.entry.bytes.len()).unwrap_or(i64::MAX);
        sql.prepare_cached(
            "INSERT INTO holding (collection, added, object, kind, version, place, spec, size, is_last, \
             is_first, restricted, rules, lone, lineage, owner) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(rusqlite::params![
            self.collection,
            added,
            arrival.object,
            arrival.kind,
            version,
            place,
            spec_no(facts.spec_version),
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
            "SELECT lineage FROM holding WHERE object = ?1 AND +collection = ?2 AND restricted = 0 ORDER BY added LIMIT 1",
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

/// Which of the versions held is asked for.
#[derive(Clone, Copy)]
enum Which<'a> {
    /// One of this moment: the owner's before others, and of others' one with the same content.
    Of(&'a str),
    /// The latest.
    Latest,
    /// The latest of the owner.
    OwnLatest,
}

/// What the rules say.
enum Judged {
    /// Held already, since then.
    Known(i64),
    /// To be stored so, or refused.
    Store(LandedAs),
}

fn refused(code: &'static str, reason: &str) -> Judged {
    Judged::Store(LandedAs::Refused(Conflict { reason: reason.to_owned(), code }))
}

/// The version key of an object whose version is its `date_added`.
pub(crate) fn key_of_added(added: i64) -> String {
    Timestamp::from_micros(Micros(added)).sort_key().to_owned()
}
