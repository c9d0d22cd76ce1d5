//! The postings in memory, so that looking a value up mostly needs no database.
//!
//! Loaded in the background at start, changed after each commit before anybody hears of it. Until it is loaded, and for
//! every object that stands in more than one place, in several versions, or for named persons, the database is asked: the
//! table answers only where one question decides, whether the viewer may read the one collection that holds the object.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use base::{Micros, limit};
use handling::{Action, CollectionNo, Viewer};
use index::{Audience, Fingerprint, ObjectFacts, ObjectNo, PrefixLengths, Table, Term, TermKind};
use rusqlite::Connection;
use store::LookupRow;

use crate::derived::Derived;
use crate::error::{Done, damaged};

/// Who may see it is for the database to say.
const ASK: Audience = Audience(0);
/// Rows loaded before it is looked whether the store is being closed.
const STEP: usize = 4_096;

/// Postings that one look-up looks at before it leaves the rest to the database, which knows when to give up.
const LOOKS_MAX: usize = 4_000_000;
/// How many looks a row that is kept counts for: so many rows are [`limit::LOOKUP_ROWS_MAX`].
const COST_OF_ROW: usize = LOOKS_MAX / limit::LOOKUP_ROWS_MAX;

/// A change that a commit makes.
#[derive(Debug)]
pub(crate) enum Change {
    /// A version is there now.
    Held(Box<Posted>),
    /// A version is no longer the only thing known of its object.
    Shared { version: i64, fingerprints: Vec<Fingerprint> },
    /// A version is gone.
    Gone { version: i64, fingerprints: Vec<Fingerprint> },
}

/// A version and what it is found by.
#[derive(Debug)]
pub(crate) struct Posted {
    /// The version.
    pub(crate) version: i64,
    /// What it is found by.
    pub(crate) fingerprints: Vec<Fingerprint>,
    /// The collection that alone decides who may see it; `None` = the database must be asked.
    pub(crate) only_in: Option<i64>,
    /// Its type.
    pub(crate) kind: String,
    /// Its UUID in stored form.
    pub(crate) uuid: Vec<u8>,
    /// Whether it is revoked.
    pub(crate) revoked: bool,
    /// Until when it says something.
    pub(crate) expires: Option<i64>,
    /// Its confidence.
    pub(crate) confidence: Option<u8>,
    /// When it was added.
    pub(crate) added: i64,
    /// Prefix lengths of its ranges.
    pub(crate) lengths: PrefixLengths,
}

/// What the table knows of the answer to one question.
#[derive(Clone, Debug)]
pub(crate) enum Draft {
    /// Everything but the labels, newest first, each with its version.
    Rows(Vec<(i64, LookupRow)>),
    /// The database must be asked.
    Ask,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Postings {
    state: RwLock<State>,
    closing: AtomicBool,
}

#[derive(Debug)]
enum State {
    /// Being loaded; changes wait.
    Loading(Vec<Change>),
    /// Ready.
    Ready(Box<Loaded>),
    /// It could not be loaded: the database is asked for everything.
    Off,
}

#[derive(Debug, Default)]
struct Loaded {
    table: Table,
    /// The version of each object number in the table, in four bytes each; a store with more versions asks the database.
    versions: Vec<u32>,
    free: Vec<u32>,
    lengths: PrefixLengths,
}

impl Postings {
    /// Postings that are to be loaded.
    pub(crate) fn loading() -> Arc<Self> {
        Arc::new(Self { state: RwLock::new(State::Loading(Vec::new())), closing: AtomicBool::new(false) })
    }

    /// Postings that never know anything.
    pub(crate) fn off() -> Arc<Self> {
        Arc::new(Self { state: RwLock::new(State::Off), closing: AtomicBool::new(false) })
    }

    /// Loads in the background.
    pub(crate) fn load_from(self: &Arc<Self>, database: &Path) {
        let (postings, database) = (Arc::clone(self), database.to_owned());
        let started = std::thread::Builder::new().name("store-postings".into()).spawn(move || {
            let loaded =
                crate::readers::open(&database).and_then(|connection| load(&connection, &postings.closing));
            postings.install(loaded);
        });
        if let Err(error) = started {
            tracing::warn!(%error, "cannot load the postings: every look-up asks the database");
            *self.state.write().unwrap_or_else(PoisonError::into_inner) = State::Off;
        }
    }

    /// Ends loading.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    fn install(&self, loaded: Done<Loaded>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let waiting = match &mut *state {
            State::Loading(waiting) => std::mem::take(waiting),
            _ => Vec::new(),
        };
        *state = match loaded.map(|loaded| loaded.with(waiting)) {
            Ok(Some(loaded)) => State::Ready(Box::new(loaded)),
            Ok(None) => State::Off,
            Err(fail) => {
                if !self.closing.load(Ordering::Acquire) {
                    let error = store::StoreError::from(fail);
                    tracing::warn!(%error, "cannot load the postings: every look-up asks the database");
                }
                State::Off
            }
        };
    }

    /// Takes over what a commit has changed.
    pub(crate) fn change(&self, changes: impl Iterator<Item = Change>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        match &mut *state {
            State::Loading(waiting) => waiting.extend(changes),
            State::Off => (),
            State::Ready(loaded) => {
                for change in changes {
                    if loaded.change(change, Seen::No).is_none() {
                        tracing::warn!("the postings are full: every look-up asks the database");
                        *state = State::Off;
                        return;
                    }
                }
            }
        }
    }

    /// Prefix lengths of the ranges that may be held.
    pub(crate) fn lengths(&self) -> PrefixLengths {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Ready(loaded) => loaded.lengths,
            _ => PrefixLengths::ALL,
        }
    }

    /// What is known of the answers; `None` where nothing is.
    pub(crate) fn drafts(&self, viewer: &Viewer, terms: &[Fingerprint]) -> Option<Vec<Draft>> {
        if !matches!(viewer.action(), Action::See | Action::Search) {
            return None;
        }
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Ready(loaded) => {
                let mut spent = 0;
                let draft = |term: &Fingerprint| {
                    if spent > LOOKS_MAX { Draft::Ask } else { loaded.draft(viewer, *term, &mut spent) }
                };
                Some(terms.iter().map(draft).collect())
            }
            _ => None,
        }
    }
}

/// Whether a change may be in the table already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    No,
    /// It came while the table was being loaded.
    Maybe,
}

impl Loaded {
    fn draft(&self, viewer: &Viewer, term: Fingerprint, spent: &mut usize) -> Draft {
        let mut rows = Vec::new();
        for (object, facts) in self.table.find(term) {
            *spent += 1;
            let id = self.table.id(&facts);
            let (Some(id), Some(&version), true) =
                (id, self.versions.get(object.0 as usize), facts.audience != ASK)
            else {
                return Draft::Ask;
            };
            if !viewer.collections().contains(&CollectionNo(i64::from(facts.audience.0))) {
                continue;
            }
            let row = LookupRow {
                id,
                label: String::new(),
                revoked: facts.revoked,
                starts: None,
                expires: facts.expires,
                confidence: facts.confidence,
                added: facts.added,
            };
            *spent += COST_OF_ROW;
            rows.push((i64::from(version), row));
            if rows.len() >= limit::LOOKUP_MATCHES_MAX {
                // The database knows which of many are the newest.
                return Draft::Ask;
            }
        }
        rows.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        Draft::Rows(rows)
    }

    /// With the changes that came while it was being loaded; `None` when it cannot take them.
    fn with(mut self, waiting: Vec<Change>) -> Option<Self> {
        for change in waiting {
            self.change(change, Seen::Maybe)?;
        }
        Some(self)
    }

    /// Takes a change over; `None` when the table can take no more.
    fn change(&mut self, change: Change, seen: Seen) -> Option<()> {
        match change {
            Change::Held(posted) => {
                self.lengths = self.lengths.union(posted.lengths);
                if posted.fingerprints.is_empty()
                    || (seen == Seen::Maybe && self.number(posted.version, &posted.fingerprints).is_some())
                {
                    return Some(());
                }
                let number = self.new_number(posted.version)?;
                let facts = self.facts(&posted);
                self.table.set_facts(number, &facts).ok()?;
                for fingerprint in &posted.fingerprints {
                    self.table.insert_new(*fingerprint, number).ok()?;
                }
            }
            Change::Shared { version, fingerprints } => {
                if let Some(number) = self.number(version, &fingerprints)
                    && let Some(facts) = self.table.facts(number)
                {
                    self.table.set_facts(number, &ObjectFacts { audience: ASK, ..facts }).ok()?;
                }
            }
            Change::Gone { version, fingerprints } => {
                if let Some(number) = self.number(version, &fingerprints) {
                    self.table.remove_object(number, &fingerprints);
                    self.free.push(number.0);
                }
            }
        }
        Some(())
    }

    /// The number of a version in the table.
    fn number(&self, version: i64, fingerprints: &[Fingerprint]) -> Option<ObjectNo> {
        let version = u32::try_from(version).ok()?;
        let is_it = |number: &ObjectNo| self.versions.get(number.0 as usize) == Some(&version);
        self.table.find(*fingerprints.first()?).map(|(number, _)| number).find(is_it)
    }

    /// Where a version stands while they are in order, which they are while being loaded.
    fn position(&self, version: i64) -> Option<usize> {
        self.versions.binary_search(&u32::try_from(version).ok()?).ok()
    }

    fn new_number(&mut self, version: i64) -> Option<ObjectNo> {
        let version = u32::try_from(version).ok()?;
        if let Some(number) = self.free.pop() {
            *self.versions.get_mut(number as usize)? = version;
            return Some(ObjectNo(number));
        }
        let number = u32::try_from(self.versions.len()).ok()?;
        if self.versions.len() == self.versions.capacity() {
            self.versions.reserve_exact(self.versions.len() / 4 + 16);
        }
        self.versions.push(version);
        Some(ObjectNo(number))
    }

    fn facts(&mut self, posted: &Posted) -> ObjectFacts {
        let uuid: Option<[u8; 16]> = posted.uuid.as_slice().try_into().ok();
        let only_in = posted.only_in.and_then(|collection| u32::try_from(collection).ok());
        ObjectFacts {
            uuid: uuid.unwrap_or_default(),
            id_as_written: uuid.is_some(),
            type_no: self.table.type_no(&posted.kind),
            audience: only_in.map_or(ASK, Audience),
            revoked: posted.revoked,
            findings: false,
            expires: posted.expires.map(Micros),
            confidence: posted.confidence,
            added: Micros(posted.added),
        }
    }
}

/// Whether what an object says had begun when it was added. The table has no room for a beginning: where it is still to come, look-ups ask
/// the database.
pub(crate) fn has_begun(starts: Option<i64>, added: i64) -> bool {
    starts.is_none_or(|starts| starts <= added)
}

/// Reads everything that is posted; one moment in commit order.
fn load(connection: &Connection, closing: &AtomicBool) -> Done<Loaded> {
    connection.execute_batch("BEGIN")?;
    let terms: i64 = connection.query_row("SELECT count(*) FROM posting", [], |row| row.get(0))?;
    let mut loaded = Loaded {
        table: Table::with_capacity(usize::try_from(terms).unwrap_or_default(), 0),
        ..Loaded::default()
    };
    load_facts(connection, closing, &mut loaded)?;
    load_terms(connection, closing, &mut loaded)?;
    load_lengths(connection, &mut loaded)?;
    connection.execute_batch("ROLLBACK")?;
    Ok(loaded)
}

fn go_on(closing: &AtomicBool, row: usize) -> Done<()> {
    if row.is_multiple_of(STEP) && closing.load(Ordering::Acquire) {
        return Err(damaged("the store is being closed"));
    }
    Ok(())
}

fn load_facts(connection: &Connection, closing: &AtomicBool, loaded: &mut Loaded) -> Done<()> {
    // A version with terms begins with their number, which is not zero.
    let mut select = connection.prepare(
        "SELECT v.no, (SELECT n.name FROM name n WHERE n.no = v.kind), o.uuid, v.revoked, v.expires, v.confidence, \
         count(h.added), min(h.collection), max(h.restricted), min(h.added), v.starts FROM version v \
         CROSS JOIN object o ON o.no = v.object CROSS JOIN holding h ON h.object = v.object \
         WHERE substr(v.derived, 1, 1) <> x'00' GROUP BY v.no ORDER BY v.no",
    )?;
    let mut rows = select.query([])?;
    let mut read = 0;
    while let Some(row) = rows.next()? {
        go_on(closing, read)?;
        read += 1;
        let alone =
            row.get::<_, i64>(6)? == 1 && !row.get::<_, bool>(8)? && has_begun(row.get(10)?, row.get(9)?);
        let posted = Posted {
            version: row.get(0)?,
            fingerprints: Vec::new(),
            only_in: if alone { row.get(7)? } else { None },
            kind: row.get(1)?,
            uuid: row.get(2)?,
            revoked: row.get(3)?,
            expires: row.get(4)?,
            confidence: row.get(5)?,
            added: row.get(9)?,
            lengths: PrefixLengths::NONE,
        };
        let number = loaded.new_number(posted.version).ok_or_else(|| damaged("too many versions"))?;
        let facts = loaded.facts(&posted);
        loaded.table.set_facts(number, &facts).map_err(|_| damaged("too many versions"))?;
    }
    Ok(())
}

fn load_terms(connection: &Connection, closing: &AtomicBool, loaded: &mut Loaded) -> Done<()> {
    let mut select =
        connection.prepare("SELECT fingerprint, version FROM posting ORDER BY fingerprint, version")?;
    let mut rows = select.query([])?;
    let mut read = 0;
    while let Some(row) = rows.next()? {
        go_on(closing, read)?;
        read += 1;
        let version: i64 = row.get(1)?;
        let Some(number) = loaded.position(version) else {
            continue;
        };
        let number = u32::try_from(number).map_err(|_| damaged("too many versions"))?;
        let fingerprint = Fingerprint::from_bytes(row.get(0)?);
        loaded.table.insert_new(fingerprint, ObjectNo(number)).map_err(|_| damaged("too many terms"))?;
    }
    Ok(())
}

fn load_lengths(connection: &Connection, loaded: &mut Loaded) -> Done<()> {
    let mut select = connection.prepare("SELECT low, high FROM address WHERE low <> high")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        loaded.lengths = loaded.lengths.union(lengths_of(&[(row.get(0)?, row.get(1)?)]));
    }
    Ok(())
}

/// The prefix lengths of ranges, from their ends.
fn lengths_of(ends: &[([u8; 16], [u8; 16])]) -> PrefixLengths {
    let mut lengths = PrefixLengths::NONE;
    for (low, high) in ends.iter().filter(|(low, high)| low != high) {
        let host_bits = 128 - (u128::from_be_bytes(*low) ^ u128::from_be_bytes(*high)).leading_zeros();
        let low = std::net::Ipv6Addr::from(*low);
        let value = match low.to_ipv4_mapped() {
            Some(low) if host_bits <= 32 => format!("{low}/{}", 32 - host_bits),
            _ => format!("{low}/{}", 128 - host_bits),
        };
        lengths.add(&Term { kind: TermKind::Range, value });
    }
    lengths
}

impl Derived {
    /// The fingerprints in the form of questions.
    pub(crate) fn asked(&self) -> Vec<Fingerprint> {
        self.fingerprints.iter().map(|bytes| Fingerprint::from_bytes(*bytes)).collect()
    }

    /// The prefix lengths of the ranges.
    pub(crate) fn lengths(&self) -> PrefixLengths {
        lengths_of(&self.addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text: &str) -> [u8; 16] {
        text.parse::<std::net::Ipv6Addr>().unwrap().octets()
    }

    #[test]
    fn lengths_come_from_the_ends() {
        let of = |value: &str| {
            let mut lengths = PrefixLengths::NONE;
            lengths.add(&Term { kind: TermKind::Range, value: value.into() });
            lengths
        };
        for (low, high, value) in [
            ("::ffff:192.0.2.0", "::ffff:192.0.2.255", "192.0.2.0/24"),
            ("::ffff:0.0.0.0", "::ffff:255.255.255.255", "0.0.0.0/0"),
            ("2001:db8::", "2001:db8::1", "2001:db8::/127"),
            ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"),
        ] {
            assert_eq!(lengths_of(&[(wide(low), wide(high))]), of(value), "{value}");
            assert_ne!(of(value), PrefixLengths::NONE);
        }
        assert_eq!(lengths_of(&[(wide("::1"), wide("::1"))]), PrefixLengths::NONE);
    }

    fn posted(version: i64, only_in: Option<i64>) -> Change {
        Change::Held(Box::new(Posted {
            version,
            fingerprints: vec![Fingerprint(7), Fingerprint(u128::MAX / 3 + u128::try_from(version).unwrap())],
            only_in,
            kind: "indicator".into(),
            uuid: vec![1; 16],
            revoked: false,
            expires: None,
            confidence: None,
            added: version,
            lengths: PrefixLengths::NONE,
        }))
    }

    fn rows(loaded: &Loaded) -> Option<Vec<i64>> {
        match loaded.draft(&viewer(), Fingerprint(7), &mut 0) {
            Draft::Rows(rows) => Some(rows.into_iter().map(|(version, _)| version).collect()),
            Draft::Ask => None,
        }
    }

    fn viewer() -> Viewer {
        store::conformance::sample::viewer(1, &[CollectionNo(1)])
    }

    #[test]
    fn answers_only_what_one_collection_decides() {
        let mut loaded = Loaded::default();
        loaded.change(posted(1, Some(1)), Seen::No).unwrap();
        loaded.change(posted(2, Some(2)), Seen::No).unwrap();
        loaded.change(posted(3, Some(1)), Seen::No).unwrap();
        assert_eq!(rows(&loaded), Some(vec![3, 1]), "newest first, the foreign one unseen");
        let fingerprints = vec![Fingerprint(7)];
        loaded.change(Change::Shared { version: 3, fingerprints: fingerprints.clone() }, Seen::No).unwrap();
        assert_eq!(rows(&loaded), None);
        loaded.change(Change::Gone { version: 3, fingerprints }, Seen::No).unwrap();
        assert_eq!(rows(&loaded), Some(vec![1]));
        loaded.change(posted(4, Some(1)), Seen::No).unwrap();
        assert_eq!((rows(&loaded), loaded.versions.len()), (Some(vec![4, 1]), 3), "numbers are used again");
    }

    #[test]
    fn changes_while_loading_come_once() {
        let mut loaded = Loaded::default();
        for change in [posted(1, Some(1)), posted(1, Some(1))] {
            loaded.change(change, Seen::Maybe).unwrap();
        }
        assert_eq!(rows(&loaded), Some(vec![1]));
    }
}
