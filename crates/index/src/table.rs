//! The table of postings in memory: fingerprint → objects, with the facts an answer needs about each object.
//!
//! Plain data: the store fills it at start, changes it inside its commit, and asks it on every look-up; it is rebuilt from the
//! store's rows and never written anywhere. It knows neither values nor rights: a caller turns an [`Audience`] number into
//! "may this viewer see it".
//!
//! # Shape
//! * *Slots*: one open-addressing array of 16 bytes a slot: 96 bits of the fingerprint and 32 bits that are either an object
//!   number or the first link of a chain. Home slot = fingerprint × capacity / 2^64, linear probing, load ≤ 3/4, growth by a half,
//!   deletion by shifting back, so there are no tombstones and rows that come sorted by fingerprint are written in order.
//!   Fingerprints are keyed, so nobody outside can crowd a slot; 96 bits make a false match among 10^6 terms and 10^12
//!   questions a matter of 10^-11.
//! * *Links*: 8 bytes for each further object of a fingerprint, newest first, free ones kept in a list.
//! * *Records*: 40 bytes an object: identifier, type, flags, expiry, confidence, date added, audience. Indexed by the caller's
//!   number, which should therefore be dense: number what has terms, and use the numbers of removed objects again.
//!
//! Together 22 to 32 bytes a term and 40 to 50 an object (growth leaves up to a quarter unused).
//!
//! Invariant: a chain is never empty and names no object twice.

use crate::Fingerprint;
use crate::record::{Record, TypeNames};

pub use crate::record::{Audience, ObjectFacts, TypeNo};

/// The caller's number of an object (or of the version that stands for it); below [`ObjectNo::MAX`], dense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectNo(pub u32);

impl ObjectNo {
    /// Numbers are smaller than this.
    pub const MAX: u32 = 1 << 31;
}

/// Why the table cannot take an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The number is 2^31 or more.
    #[error("put object number {0} into the look-up table: numbers end at 2147483647")]
    Number(u32),
    /// More than 2^31 postings share their fingerprint with others.
    #[error("put object number {0} into the look-up table: it holds all the postings it can")]
    Full(u32),
}

/// See the module's header.
#[derive(Clone, Debug, Default)]
pub struct Table {
    slots: Vec<u128>,
    used: usize,
    links: Vec<Link>,
    free: Option<u32>,
    records: Vec<Record>,
    objects: usize,
    types: TypeNames,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    object: u32,
    /// Number of the next link, or [`END`].
    next: u32,
}

const EMPTY: u128 = u32::MAX as u128;
const END: u32 = u32::MAX;
const CHAIN: u32 = 1 << 31;

impl Table {
    /// An empty table with room for so many terms and objects.
    #[must_use]
    pub fn with_capacity(terms: usize, objects: usize) -> Self {
        let mut table = Self::default();
        if terms > 0 {
            table.slots = vec![EMPTY; slots_for(terms)];
        }
        table.records.reserve_exact(objects);
        table
    }

    /// The number of a type, for [`ObjectFacts::type_no`].
    pub fn type_no(&mut self, name: &str) -> TypeNo {
        self.types.number(name)
    }

    /// Sets the facts of an object, new or known, leaving its terms as they are.
    ///
    /// # Errors
    /// The number is too large; nothing was changed.
    pub fn set_facts(&mut self, object: ObjectNo, facts: &ObjectFacts) -> Result<(), TableError> {
        if object.0 >= ObjectNo::MAX {
            return Err(TableError::Number(object.0));
        }
        let at = object.0 as usize;
        if at >= self.records.len() {
            if at >= self.records.capacity() {
                let wanted = at + 1 + at / 4;
                self.records.reserve_exact(wanted - self.records.len());
            }
            self.records.resize(at + 1, Record::VACANT);
        }
        if self.records[at].is_vacant() {
            self.objects += 1;
        }
        self.records[at] = Record::pack(facts);
        Ok(())
    }

    /// Adds one posting. The facts may be set before or after; until they are, the object is not found.
    /// Adding a posting that exists changes nothing.
    ///
    /// # Errors
    /// The number is too large, or 2^31 postings share fingerprints; nothing was changed.
    ///
    /// # Limits
    /// Time grows with the number of objects under this fingerprint.
    pub fn insert(&mut self, term: Fingerprint, object: ObjectNo) -> Result<(), TableError> {
        if object.0 >= ObjectNo::MAX {
            return Err(TableError::Number(object.0));
        }
        if self.chain_of(term).any(|known| known == object) {
            return Ok(());
        }
        self.insert_new(term, object)
    }

    /// As [`Table::insert`], for a posting that is certainly new (a store's distinct rows at start): constant time.
    ///
    /// # Errors
    /// As [`Table::insert`].
    pub fn insert_new(&mut self, term: Fingerprint, object: ObjectNo) -> Result<(), TableError> {
        if object.0 >= ObjectNo::MAX {
            return Err(TableError::Number(object.0));
        }
        if self.used >= load_max(self.slots.len()) {
            self.grow();
        }
        let key = key_of(term);
        match self.find_slot(key) {
            Ok(at) => {
                let old = value_of(self.slots[at]);
                let chained = self.chain_with(old, object)?;
                self.slots[at] = key | u128::from(chained);
            }
            Err(at) => {
                self.slots[at] = key | u128::from(object.0);
                self.used += 1;
            }
        }
        Ok(())
    }

    /// Takes one posting away; says whether it was there.
    ///
    /// # Limits
    /// Time grows with the number of objects under this fingerprint.
    pub fn remove(&mut self, term: Fingerprint, object: ObjectNo) -> Removed {
        let key = key_of(term);
        if self.slots.is_empty() {
            return Removed::Absent;
        }
        let Ok(at) = self.find_slot(key) else {
            return Removed::Absent;
        };
        let value = value_of(self.slots[at]);
        if value & CHAIN == 0 {
            if value != object.0 {
                return Removed::Absent;
            }
            self.shift_back(at);
            self.used -= 1;
            return Removed::Gone;
        }
        let Some(first) = self.unchain(value & !CHAIN, object) else {
            return Removed::Absent;
        };
        self.slots[at] = key | u128::from(first);
        Removed::Gone
    }

    /// Brings an object up to date inside a commit: facts as given, postings from `old` to `new` terms.
    /// `old` is all that the object was found by until now.
    ///
    /// # Errors
    /// As [`Table::insert`]; facts and some postings may have been written then.
    ///
    /// # Limits
    /// Time grows with the product of the lengths of `old` and `new`, and with the number of objects under each term taken away.
    pub fn replace(
        &mut self,
        object: ObjectNo,
        facts: &ObjectFacts,
        old: &[Fingerprint],
        new: &[Fingerprint],
    ) -> Result<(), TableError> {
        self.set_facts(object, facts)?;
        for term in old.iter().filter(|term| !new.contains(term)) {
            self.remove(*term, object);
        }
        for (at, term) in new.iter().enumerate() {
            if !old.contains(term) && !new[..at].contains(term) {
                self.insert_new(*term, object)?;
            }
        }
        Ok(())
    }

    /// Takes an object away with all its postings. Its number may then be given to another.
    pub fn remove_object(&mut self, object: ObjectNo, terms: &[Fingerprint]) {
        for term in terms {
            self.remove(*term, object);
        }
        if let Some(record) = self.records.get_mut(object.0 as usize)
            && !record.is_vacant()
        {
            *record = Record::VACANT;
            self.objects -= 1;
        }
    }

    /// Objects under a term with their facts; last inserted first.
    pub fn find(&self, term: Fingerprint) -> impl Iterator<Item = (ObjectNo, ObjectFacts)> + '_ {
        self.chain_of(term).filter_map(|object| Some((object, self.facts(object)?)))
    }

    /// The facts of one object; `None` when the table does not hold it.
    #[must_use]
    pub fn facts(&self, object: ObjectNo) -> Option<ObjectFacts> {
        self.records.get(object.0 as usize)?.unpack()
    }

    /// The identifier as its producer wrote it; `None` when it must be asked of the store (a UUID with capital letters, or
    /// one of more types than the table numbers).
    #[must_use]
    pub fn id(&self, facts: &ObjectFacts) -> Option<String> {
        facts.id_as_written.then(|| self.types.id(facts)).flatten()
    }

    /// The name of a type.
    #[must_use]
    pub fn type_name(&self, number: TypeNo) -> Option<&str> {
        self.types.name(number)
    }

    /// How many terms there are.
    #[must_use]
    pub const fn terms(&self) -> usize {
        self.used
    }

    /// How many objects have facts.
    #[must_use]
    pub const fn objects(&self) -> usize {
        self.objects
    }

    /// Bytes of memory that the table has reserved.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u128>()
            + self.links.capacity() * size_of::<Link>()
            + self.records.capacity() * size_of::<Record>()
            + self.types.memory_bytes()
    }

    fn chain_of(&self, term: Fingerprint) -> impl Iterator<Item = ObjectNo> + '_ {
        let found = if self.slots.is_empty() { None } else { self.find_slot(key_of(term)).ok() };
        let mut value = found.map(|at| value_of(self.slots[at]));
        std::iter::from_fn(move || {
            let now = value.take()?;
            if now & CHAIN == 0 {
                return Some(ObjectNo(now));
            }
            let link = self.links[(now & !CHAIN) as usize];
            value = (link.next != END).then_some(link.next | CHAIN);
            Some(ObjectNo(link.object))
        })
    }

    /// The slot that holds `key`, or else the empty one where it belongs. There is always an empty one: load is below one.
    fn find_slot(&self, key: u128) -> Result<usize, usize> {
        let mut at = home_of(key, self.slots.len());
        loop {
            let slot = self.slots[at];
            if (slot ^ key) >> 32 == 0 && slot as u32 != u32::MAX {
                return Ok(at);
            }
            if slot as u32 == u32::MAX {
                return Err(at);
            }
            at += 1;
            if at == self.slots.len() {
                at = 0;
            }
        }
    }

    fn grow(&mut self) {
        let capacity = (self.slots.len() + self.slots.len() / 2).max(16);
        let old = std::mem::replace(&mut self.slots, vec![EMPTY; capacity]);
        for slot in old.into_iter().filter(|slot| *slot as u32 != u32::MAX) {
            let Err(at) = self.find_slot(slot >> 32 << 32) else {
                unreachable!("invariant: a key stands once")
            };
            self.slots[at] = slot;
        }
    }

    /// Empties a slot and moves later ones of the same run closer to their homes.
    fn shift_back(&mut self, emptied: usize) {
        let capacity = self.slots.len();
        let mut hole = emptied;
        let mut at = emptied;
        loop {
            at = if at + 1 == capacity { 0 } else { at + 1 };
            let slot = self.slots[at];
            if slot as u32 == u32::MAX {
                break;
            }
            let home = home_of(slot, capacity);
            if distance(home, at, capacity) >= distance(hole, at, capacity) {
                self.slots[hole] = slot;
                hole = at;
            }
        }
        self.slots[hole] = EMPTY;
    }

    /// Puts an object before what a slot holds; answers with the slot's new value.
    fn chain_with(&mut self, old: u32, object: ObjectNo) -> Result<u32, TableError> {
        let next = if old & CHAIN == 0 {
            self.new_link(Link { object: old, next: END }).ok_or(TableError::Full(object.0))?
        } else {
            old & !CHAIN
        };
        match self.new_link(Link { object: object.0, next }) {
            Some(first) => Ok(first | CHAIN),
            None => Err(TableError::Full(object.0)),
        }
    }

    fn new_link(&mut self, link: Link) -> Option<u32> {
        if let Some(at) = self.free {
            let slot = &mut self.links[at as usize];
            self.free = (slot.next != END).then_some(slot.next);
            *slot = link;
            return Some(at);
        }
        let at = u32::try_from(self.links.len()).ok().filter(|at| *at < CHAIN - 1)?;
        if self.links.len() == self.links.capacity() {
            self.links.reserve_exact(self.links.len() / 4 + 16);
        }
        self.links.push(link);
        Some(at)
    }

    fn free_link(&mut self, at: u32) {
        self.links[at as usize].next = self.free.unwrap_or(END);
        self.free = Some(at);
    }

    /// Takes an object out of a chain; answers with the slot's new value, or `None` when it was not in it.
    fn unchain(&mut self, first: u32, object: ObjectNo) -> Option<u32> {
        let mut before = None;
        let mut at = first;
        while self.links[at as usize].object != object.0 {
            before = Some(at);
            at = Some(self.links[at as usize].next).filter(|next| *next != END)?;
        }
        let after = self.links[at as usize].next;
        self.free_link(at);
        let first = match before {
            None => after,
            Some(before) => {
                self.links[before as usize].next = after;
                first
            }
        };
        let only = self.links[first as usize];
        if only.next != END {
            return Some(first | CHAIN);
        }
        self.free_link(first);
        Some(only.object)
    }
}

/// Whether something was there to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It was, and is gone.
    Gone,
    /// It was not.
    Absent,
}

/// The upper 96 bits of a fingerprint, the lower 32 free for the value.
const fn key_of(term: Fingerprint) -> u128 {
    term.0 >> 32 << 32
}

const fn value_of(slot: u128) -> u32 {
    slot as u32
}

const fn home_of(key: u128, capacity: usize) -> usize {
    (((key >> 64) * capacity as u128) >> 64) as usize
}

const fn distance(from: usize, to: usize, capacity: usize) -> usize {
    if to >= from { to - from } else { to + capacity - from }
}

const fn load_max(slots: usize) -> usize {
    slots - slots.div_ceil(4)
}

const fn slots_for(terms: usize) -> usize {
    (terms / 3 + 1) * 4
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
