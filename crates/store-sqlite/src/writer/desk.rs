//! What a unit of work has before it: the transaction, the clock, and numbers that are given once.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use base::{Clock, Micros, SystemClock};
use handling::{MemberId, Originator, Rules};
use index::FingerprintKey;
use ledger::vault::ObjectKey;
use rusqlite::{Connection, OptionalExtension};
use store::{Recovering, StoreError};

use crate::book::Book;
use crate::ends::Left;
use crate::error::Done;
use crate::ids::Parts;
use crate::keys;
use crate::plans::Plans;
use crate::postings::Change;
use crate::rules_rows::Under;
use crate::text::{Pending, catch_up};

/// Object numbers remembered between units; then the memory starts anew.
const OBJECTS_KEPT: usize = 20_000;
/// Names remembered between units.
const NAMES_KEPT: usize = 4_000;

/// What readers may know of the writer without asking it.
#[derive(Debug, Default)]
pub(crate) struct State {
    last_added: AtomicI64,
    accounts_epoch: AtomicI64,
    last_version: AtomicI64,
    text_done: AtomicI64,
    commits: AtomicU64,
    recovering: AtomicI64,
    read_only: Mutex<Option<String>>,
}

impl State {
    /// The state of a store as it stands.
    pub(crate) fn load(connection: &Connection) -> Done<Self> {
        Ok(Self {
            last_added: AtomicI64::new(number(connection, "last_added")?),
            last_version: AtomicI64::new(number(connection, "version")?),
            accounts_epoch: AtomicI64::new(number(connection, "accounts_epoch")?),
            text_done: AtomicI64::new(number(connection, "text_done")?),
            commits: AtomicU64::new(0),
            recovering: AtomicI64::new(recovering(connection)?),
            read_only: Mutex::new(None),
        })
    }

    /// How many commits this process has made.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Acquire)
    }

    /// How often accounts and collections have changed, as of the latest commit of this process.
    pub(crate) fn accounts_epoch(&self) -> i64 {
        self.accounts_epoch.load(Ordering::Acquire)
    }

    /// Takes note of how often accounts and collections have changed.
    pub(super) fn note_accounts(&self, epoch: i64) {
        self.accounts_epoch.fetch_max(epoch, Ordering::AcqRel);
    }

    /// Whether a restore is to be recovered from, as of the latest commit of this process.
    pub(crate) fn recovery(&self) -> Recovering {
        match self.recovering.load(Ordering::Acquire) {
            0 => Recovering::No,
            1 => Recovering::Restored,
            _ => Recovering::Yes,
        }
    }

    /// Takes note of a recovery that began or ended.
    pub(super) fn note_recovery(&self, connection: &Connection) {
        if let Ok(now) = recovering(connection) {
            self.recovering.store(now, Ordering::Release);
        }
    }

    /// How far versions and their text reach.
    pub(crate) fn reach(&self) -> Reach {
        Reach {
            version: self.last_version.load(Ordering::Acquire),
            text: self.text_done.load(Ordering::Acquire),
        }
    }

    /// The latest `date_added` that has been committed.
    pub(crate) fn last_added(&self) -> Micros {
        Micros(self.last_added.load(Ordering::Acquire))
    }

    /// Why nothing can be written for now.
    pub(crate) fn read_only(&self) -> Option<String> {
        self.read_only.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of how a commit ended.
    pub(super) fn after_commit(&self, committed: &Result<(), StoreError>, memory: &Memory) {
        let mut read_only = self.read_only.lock().unwrap_or_else(PoisonError::into_inner);
        match committed {
            Ok(()) => {
                self.commits.fetch_add(1, Ordering::AcqRel);
                self.last_added.fetch_max(memory.last_added, Ordering::AcqRel);
                self.last_version.store(memory.last_version, Ordering::Release);
                self.text_done.store(memory.text_done, Ordering::Release);
                if read_only.take().is_some() {
                    tracing::info!("the store takes writes again");
                }
            }
            Err(StoreError::ReadOnly { reason }) => {
                if read_only.is_none() {
                    tracing::error!(%reason, "the store takes no writes for now");
                }
                *read_only = Some(reason.clone());
            }
            Err(error) => tracing::error!(%error, "a commit failed"),
        }
    }
}

/// 0 = no, 1 = restored and nothing begun yet, 2 = a recovery goes on.
fn recovering(connection: &Connection) -> Done<i64> {
    let mut select = connection.prepare_cached(
        "SELECT CASE WHEN value <> 0 THEN 1 WHEN EXISTS (SELECT 1 FROM recovery) THEN 2 ELSE 0 END \
         FROM number WHERE name = 'restored'",
    )?;
    Ok(select.query_row([], |row| row.get(0))?)
}

/// How far the versions reach, and how far their text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// The last version.
    pub(crate) version: i64,
    /// The last version whose words are written.
    pub(crate) text: i64,
}

/// Numbers given once, and what was looked up before. Numbers are saved in the transaction that uses them; they may skip
/// when a transaction fails, and never come twice.
#[derive(Debug)]
pub(crate) struct Memory {
    key: FingerprintKey,
    /// Whose children are the keys of versions that this process stores. It is kept nowhere else.
    seed: ObjectKey,
    last_added: i64,
    last_object: i64,
    last_version: i64,
    saved: (i64, i64, i64),
    text_done: i64,
    pending_text: Pending,
    changes: Vec<Change>,
    names: HashMap<String, i64>,
    objects: HashMap<(i64, Vec<u8>), i64>,
    recent: Recent,
    /// The rules written or looked up last: what comes in together mostly stands under the same.
    rules: Option<(Rules, Option<MemberId>, Under)>,
    book: Option<Book>,
}

impl Memory {
    /// Reads where the numbers stand.
    pub(crate) fn load(connection: &Connection, key: FingerprintKey, seed: ObjectKey) -> Done<Self> {
        let last_added = number(connection, "last_added")?;
        let last_object = number(connection, "object")?;
        let last_version = number(connection, "version")?;
        Ok(Self {
            key,
            seed,
            last_added,
            last_object,
            last_version,
            saved: (last_added, last_object, last_version),
            text_done: number(connection, "text_done")?,
            pending_text: Pending::default(),
            changes: Vec::new(),
            names: HashMap::new(),
            objects: HashMap::new(),
            recent: Recent::default(),
            rules: None,
            book: None,
        })
    }

    /// How far versions and their text reach.
    pub(super) const fn reach(&self) -> Reach {
        Reach { version: self.last_version, text: self.text_done }
    }

    /// Forgets what a rolled-back transaction may have put in; numbers stay given.
    pub(super) fn forget(&mut self) {
        self.names.clear();
        self.objects.clear();
        self.recent = Recent::default();
        self.rules = None;
        self.saved = (-1, -1, -1);
    }

    /// How many changes of postings there are.
    pub(super) fn changes(&self) -> usize {
        self.changes.len()
    }

    /// Drops changes of postings that were rolled back.
    pub(super) fn drop_changes(&mut self, from: usize) {
        self.changes.truncate(from);
    }

    /// Hands out the changes of postings of a commit.
    pub(super) fn take_changes(&mut self) -> std::vec::Drain<'_, Change> {
        self.changes.drain(..)
    }

    /// Reads again how far the text reaches, after a transaction was rolled back.
    pub(super) fn reload(&mut self, connection: &Connection) {
        if let Ok(done) = number(connection, "text_done") {
            self.text_done = done;
        }
    }

    /// The ledger, once it is kept.
    pub(super) const fn book(&mut self) -> Option<&mut Book> {
        self.book.as_mut()
    }

    /// Saves the numbers into the transaction.
    pub(super) fn save(&mut self, connection: &Connection) -> Done<()> {
        let now = (self.last_added, self.last_object, self.last_version);
        if now != self.saved {
            for (name, value) in [("last_added", now.0), ("object", now.1), ("version", now.2)] {
                set_number(connection, name, value)?;
            }
            self.saved = now;
        }
        Ok(())
    }
}

/// Has a deed done in a database that nobody else has open: a copy that is being made.
pub(crate) fn alone<T>(
    connection: &Connection,
    (key, seed): (FingerprintKey, ObjectKey),
    deed: impl FnOnce(&mut Desk<'_>) -> Done<T>,
) -> Done<T> {
    let mut memory = Memory::load(connection, key, seed)?;
    let outcome = deed(&mut Desk::new(connection, &mut memory, &SystemClock::default()))?;
    memory.save(connection)?;
    Ok(outcome)
}

/// The place of work of one unit.
pub(crate) struct Desk<'a> {
    connection: &'a Connection,
    plans: Rc<Plans<'a>>,
    memory: &'a mut Memory,
    clock: &'a dyn Clock,
    /// What left a place (object and collection), or the eyes of some there, since the ends were marked there.
    left: BTreeMap<(i64, i64), Vec<Left>>,
    /// The collection that was found to be there last: none goes in a unit that adds.
    place: Option<i64>,
    /// When the last open version came into a collection, as far as its readers are still to be told.
    added: BTreeMap<i64, i64>,
    /// Whether marks of earlier builds are there ([`crate::gone`]): none comes any more.
    marks_of_before: OnceCell<bool>,
    /// Whose word was written last, as it is written.
    word: Option<(Originator, Rc<str>)>,
}

impl<'a> Desk<'a> {
    /// A desk inside a transaction.
    pub(super) fn new(connection: &'a Connection, memory: &'a mut Memory, clock: &'a dyn Clock) -> Self {
        let plans = Rc::new(Plans::new(connection));
        Self {
            connection,
            plans,
            memory,
            clock,
            left: BTreeMap::new(),
            place: None,
            added: BTreeMap::new(),
            marks_of_before: OnceCell::new(),
            word: None,
        }
    }

    /// The transaction.
    pub(crate) const fn sql(&self) -> &'a Connection {
        self.connection
    }

    /// Statements of the transaction that are run for each of many objects.
    pub(crate) fn plans(&self) -> &Rc<Plans<'a>> {
        &self.plans
    }

    /// Whether a collection was found to be there in this unit, last of all.
    pub(crate) fn is_known_place(&self, collection: i64) -> bool {
        self.place == Some(collection)
    }

    /// Takes note that a collection is there.
    pub(crate) const fn note_place(&mut self, collection: i64) {
        self.place = Some(collection);
    }

    /// Takes note of when the last open version came into a collection: its readers are to be told before the unit ends.
    pub(crate) fn note_added(&mut self, collection: i64, last: i64) {
        self.added.insert(collection, last);
    }

    /// Hands out what readers of collections are to be told.
    pub(crate) fn take_added(&mut self) -> BTreeMap<i64, i64> {
        std::mem::take(&mut self.added)
    }

    /// Whether there are marks of earlier builds.
    pub(crate) fn has_marks_of_before(&self) -> Done<bool> {
        if let Some(has) = self.marks_of_before.get() {
            return Ok(*has);
        }
        let mut any = self.connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM gone)")?;
        let has = any.query_row([], |row| row.get(0))?;
        Ok(*self.marks_of_before.get_or_init(|| has))
    }

    /// Whose word something is, as it is written.
    pub(crate) fn word(&mut self, of: &Originator) -> Rc<str> {
        match &self.word {
            Some((last, word)) if last == of => Rc::clone(word),
            _ => {
                let word: Rc<str> = of.to_string().into();
                self.word = Some((of.clone(), Rc::clone(&word)));
                word
            }
        }
    }

    /// The key of fingerprints.
    pub(crate) const fn key(&self) -> &FingerprintKey {
        &self.memory.key
    }

    /// Gives a version the key it is sealed under in backups.
    pub(crate) fn give_key(&self, version: (i64, i64), word: &str) -> Done<()> {
        keys::give(&self.plans, &self.memory.seed, version, word)
    }

    /// Gives every version that has none a key.
    pub(crate) fn fill_keys(&mut self) -> Done<()> {
        keys::fill(&self.plans, &self.memory.seed)
    }

    /// The ledger, once it is kept.
    pub(crate) const fn book(&mut self) -> Option<&mut Book> {
        self.memory.book()
    }

    /// Has the ledger kept from now on.
    pub(crate) fn keep(&mut self, book: Book) {
        self.memory.book = Some(book);
    }

    /// The number of these rules, where they are the ones asked for last.
    pub(crate) fn rules_kept_last(&self, rules: &Rules, home: Option<MemberId>) -> Option<Under> {
        let (kept, by, under) = self.memory.rules.as_ref()?;
        (kept == rules && *by == home).then_some(*under)
    }

    /// Remembers the number of rules.
    pub(crate) fn note_rules(&mut self, rules: &Rules, home: Option<MemberId>, under: Under) {
        self.memory.rules = Some((rules.clone(), home, under));
    }

    /// Forgets the number of rules: some are gone.
    pub(crate) fn forget_rules(&mut self) {
        self.memory.rules = None;
    }

    /// Takes note of what leaves a place (object and collection), or the eyes of some who see it there.
    pub(crate) fn note_left(&mut self, place: (i64, i64), left: Left) {
        self.left.entry(place).or_default().push(left);
    }

    /// Hands out what left since the ends were marked, by object and collection: they are to be marked now.
    pub(crate) fn take_left(&mut self) -> BTreeMap<(i64, i64), Vec<Left>> {
        std::mem::take(&mut self.left)
    }

    /// Whether the ends are still to be marked somewhere.
    pub(crate) fn has_left(&self) -> bool {
        !self.left.is_empty()
    }

    /// Forgets what left: there are no ends any more.
    pub(crate) fn forget_left(&mut self) {
        self.left.clear();
    }

    /// The moment by the clock.
    pub(crate) fn now(&self) -> Micros {
        self.clock.now()
    }

    /// The next `date_added`: now, or one microsecond after the last one given out, whichever is later.
    pub(crate) fn next_added(&mut self) -> i64 {
        self.memory.last_added = self.clock.now().0.max(self.memory.last_added.saturating_add(1));
        self.memory.last_added
    }

    /// The next version number.
    pub(crate) fn next_version(&mut self) -> i64 {
        self.memory.last_version += 1;
        self.memory.last_version
    }

    /// Has no version number up to this one given any more.
    pub(crate) fn skip_versions_to(&mut self, last: i64) {
        self.memory.last_version = self.memory.last_version.max(last);
    }

    /// Has the postings in memory changed with the commit.
    pub(crate) fn post(&mut self, change: Change) {
        self.memory.changes.push(change);
    }

    /// Forgets what was posted: the database is in no memory.
    pub(crate) fn forget_posts(&mut self) {
        self.memory.changes.clear();
    }

    /// Keeps the words of a version until they are written.
    pub(crate) fn keep_text(&mut self, version: i64, words: &str) {
        self.memory.pending_text.keep(version, words);
    }

    /// Writes the words of the next `most` versions.
    pub(crate) fn catch_up_text(&mut self, most: usize) -> Done<()> {
        let memory = &mut *self.memory;
        memory.text_done = catch_up(self.connection, &mut memory.pending_text, most, memory.last_version)?;
        Ok(())
    }

    /// The next number of a rarely used sequence.
    pub(crate) fn next_number(&self, sequence: &str) -> Done<i64> {
        next_number(self.connection, sequence)
    }

    /// The number of a type or of a reference's name, which is made known when it is new.
    pub(crate) fn name(&mut self, name: &str) -> Done<i64> {
        if let Some(no) = self.memory.names.get(name) {
            return Ok(*no);
        }
        let held = name_no(self.connection, name)?;
        let no = match held {
            Some(no) => no,
            None => {
                let no = self.next_number("name")?;
                let mut insert =
                    self.connection.prepare_cached("INSERT INTO name (no, name) VALUES (?1, ?2)")?;
                insert.execute((no, name))?;
                no
            }
        };
        if self.memory.names.len() >= NAMES_KEPT {
            self.memory.names.clear();
        }
        self.memory.names.insert(name.to_owned(), no);
        Ok(no)
    }

    /// An identifier's number, which is made known when it is new.
    pub(crate) fn object(&mut self, id: &str) -> Done<Known> {
        if let Some((no, kind)) = self.memory.recent.get(id) {
            return Ok(Known { no, kind, new: false });
        }
        let known = self.object_in_parts(id)?;
        self.memory.recent.note(id, (known.no, known.kind));
        Ok(known)
    }

    fn object_in_parts(&mut self, id: &str) -> Done<Known> {
        let parts = Parts::of(id);
        let kind = self.name(parts.kind)?;
        let named = (kind, parts.uuid);
        if let Some(no) = self.memory.objects.get(&named) {
            return Ok(Known { no: *no, kind, new: false });
        }
        let next = self.memory.last_object + 1;
        let insert = "INSERT OR IGNORE INTO object (no, uuid, kind) VALUES (?1, ?2, ?3)";
        let inserted = self.plans.run(insert, (next, &named.1, kind))?;
        let new = inserted == 1;
        let no = if new {
            self.memory.last_object = next;
            next
        } else {
            let mut select =
                self.connection.prepare_cached("SELECT no FROM object WHERE uuid = ?1 AND kind = ?2")?;
            select.query_row((&named.1, kind), |row| row.get(0))?
        };
        if self.memory.objects.len() >= OBJECTS_KEPT {
            self.memory.objects.clear();
        }
        self.memory.objects.insert(named, no);
        Ok(Known { no, kind, new })
    }
}

/// The identifiers that were asked for last, with their numbers and those of their types: an object is named by four rows on its way
/// in, and many have one creator.
#[derive(Debug, Default)]
struct Recent {
    held: [(String, (i64, i64)); 4],
    /// Which of them goes next.
    next: usize,
}

impl Recent {
    fn get(&self, id: &str) -> Option<(i64, i64)> {
        // What is empty is no identifier that was asked for, or is asked for anew.
        self.held.iter().find(|(held, _)| held == id && !id.is_empty()).map(|(_, numbers)| *numbers)
    }

    fn note(&mut self, id: &str, numbers: (i64, i64)) {
        if let Some((held, of)) = self.held.get_mut(self.next) {
            held.clear();
            held.push_str(id);
            *of = numbers;
        }
        self.next = (self.next + 1) % self.held.len();
    }
}

/// An identifier by number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// Its number.
    pub(crate) no: i64,
    /// The number of its type's name.
    pub(crate) kind: i64,
    /// Whether it was unknown until now.
    pub(crate) new: bool,
}

/// The next number of a sequence that is kept in the database alone.
pub(crate) fn next_number(connection: &Connection, sequence: &str) -> Done<i64> {
    let mut statement =
        connection.prepare_cached("UPDATE number SET value = value + 1 WHERE name = ?1 RETURNING value")?;
    Ok(statement.query_row([sequence], |row| row.get(0))?)
}

/// The number of a name that is known already.
pub(crate) fn name_no(connection: &Connection, name: &str) -> Done<Option<i64>> {
    let mut select = connection.prepare_cached("SELECT no FROM name WHERE name = ?1")?;
    Ok(select.query_row([name], |row| row.get(0)).optional()?)
}

/// The number of an identifier that is known already.
pub(crate) fn object_no(connection: &Connection, id: &str) -> Done<Option<i64>> {
    let parts = Parts::of(id);
    let mut select = connection.prepare_cached(
        "SELECT no FROM object WHERE uuid = ?1 AND kind = (SELECT no FROM name WHERE name = ?2)",
    )?;
    Ok(select.query_row((&parts.uuid, parts.kind), |row| row.get(0)).optional()?)
}

/// Where a sequence stands.
pub(crate) fn number(connection: &Connection, name: &str) -> Done<i64> {
    let mut select = connection.prepare_cached("SELECT value FROM number WHERE name = ?1")?;
    Ok(select.query_row([name], |row| row.get(0))?)
}

/// Sets where a sequence stands.
pub(crate) fn set_number(connection: &Connection, name: &str, value: i64) -> Done<()> {
    connection.prepare_cached("UPDATE number SET value = ?2 WHERE name = ?1")?.execute((name, value))?;
    Ok(())
}
