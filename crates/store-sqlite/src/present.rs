//! Which fingerprints stand in the postings, in memory: a value nobody knows is answered without the database.
//!
//! Holds the first eight bytes of every fingerprint, and the prefix lengths of the ranges. It may hold more than the
//! database (what was deleted, or rolled back) and never less: the writer notes a fingerprint before its commit can be seen.
//! What is held is asked of the database all the same, so that rights and versions are decided there alone.
//!
//! Filled after opening by a thread of its own; until it is whole, everything is asked of the database. Up to 20 bytes a
//! fingerprint.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use index::{Fingerprint, PrefixLengths, Term, TermKind};
use rusqlite::Connection;

use crate::error::Done;

/// Fingerprints taken up at a time while filling.
const STEP: usize = 8_192;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Present {
    whole: AtomicBool,
    held: RwLock<Held>,
}

#[derive(Debug, Default)]
struct Held {
    fingerprints: HashSet<u64, BuildHasherDefault<Plain>>,
    lengths: PrefixLengths,
}

/// Fingerprints are keyed hashes already.
#[derive(Debug, Default)]
struct Plain(u64);

impl Hasher for Plain {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The first eight of sixteen bytes.
fn short(fingerprint: &[u8; 16]) -> u64 {
    (u128::from_be_bytes(*fingerprint) >> 64) as u64
}

impl Present {
    /// Takes note of what is about to be committed.
    pub(crate) fn note(&self, fingerprints: &[[u8; 16]], terms: &[Term]) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.fingerprints.extend(fingerprints.iter().map(short));
        terms.iter().for_each(|term| held.lengths.add(term));
    }

    /// The places of those fingerprints that may be held; `None` while that is not known.
    pub(crate) fn sift(&self, asked: &[Fingerprint]) -> Option<Vec<usize>> {
        if !self.whole.load(Ordering::Acquire) {
            return None;
        }
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let may_be_held = |asked: &Fingerprint| held.fingerprints.contains(&short(&asked.to_bytes()));
        Some(asked.iter().enumerate().filter(|(_, asked)| may_be_held(asked)).map(|(at, _)| at).collect())
    }

    /// The prefix lengths that ranges may have.
    pub(crate) fn lengths(&self) -> PrefixLengths {
        if !self.whole.load(Ordering::Acquire) {
            return PrefixLengths::ALL;
        }
        self.held.read().unwrap_or_else(PoisonError::into_inner).lengths
    }

    /// Starts filling from the database.
    pub(crate) fn fill(present: &Arc<Self>, database: &Path) {
        let (present, database) = (Arc::downgrade(present), database.to_owned());
        let started = std::thread::Builder::new().name("store-present".into()).spawn(move || {
            if let Err(error) = crate::readers::open(&database).and_then(|sql| fill(&present, &sql)) {
                let error = store::StoreError::from(error);
                tracing::warn!(%error, "look-ups stay slow: the fingerprints could not be read into memory");
            }
        });
        if let Err(error) = started {
            tracing::warn!(%error, "look-ups stay slow: no thread to read the fingerprints into memory");
        }
    }
}

/// Reads everything as of one moment; what is committed later was noted by the writer. Ends early when the store closes.
fn fill(present: &Weak<Present>, sql: &Connection) -> Done<()> {
    let mut lengths = PrefixLengths::NONE;
    let mut ranges = sql.prepare("SELECT DISTINCT low, high FROM address WHERE low < high")?;
    let mut rows = ranges.query([])?;
    let mut seen = HashSet::new();
    while let Some(row) = rows.next()? {
        let range = range_of(row.get(0)?, row.get(1)?);
        if seen.insert((range.0, range.1)) {
            lengths.add(&Term { kind: TermKind::Range, value: range.2 });
        }
    }
    let mut select = sql.prepare("SELECT DISTINCT fingerprint FROM posting")?;
    let mut rows = select.query([])?;
    let mut step = Vec::with_capacity(STEP);
    loop {
        let next = rows.next()?.map(|row| row.get::<_, [u8; 16]>(0)).transpose()?;
        step.extend(next.as_ref().map(short));
        if step.len() < STEP && next.is_some() {
            continue;
        }
        let Some(present) = present.upgrade() else { return Ok(()) };
        let mut held = present.held.write().unwrap_or_else(PoisonError::into_inner);
        held.fingerprints.extend(step.drain(..));
        if next.is_none() {
            held.lengths = held.lengths.union(lengths);
            drop(held);
            present.whole.store(true, Ordering::Release);
            return Ok(());
        }
    }
}

/// Whether a range is one of IPv4, its prefix length, and its text.
fn range_of(low: [u8; 16], high: [u8; 16]) -> (bool, u32, String) {
    let (low, high) = (u128::from_be_bytes(low), u128::from_be_bytes(high));
    let prefix = (low ^ high).leading_zeros();
    let address = std::net::Ipv6Addr::from_bits(low);
    match address.to_ipv4_mapped() {
        Some(address) if prefix >= 96 => (true, prefix - 96, format!("{address}/{}", prefix - 96)),
        _ => (false, prefix, format!("{address}/{prefix}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_back_from_their_ends() {
        for text in ["192.0.2.0/24", "0.0.0.0/0", "10.0.0.0/31", "2001:db8::/32", "::/0"] {
            let term = Term { kind: TermKind::Range, value: text.into() };
            let (low, high) = term.ends().unwrap();
            assert_eq!(range_of(low, high).2, text);
        }
    }

    #[test]
    fn nothing_is_known_to_be_absent_before_all_is_read() {
        let present = Present::default();
        assert!(present.sift(&[Fingerprint(1)]).is_none());
        assert_eq!(present.lengths(), PrefixLengths::ALL);
        present.note(&[Fingerprint(1 << 64).to_bytes()], &[]);
        present.whole.store(true, Ordering::Release);
        let asked = [Fingerprint(2 << 64), Fingerprint(1 << 64), Fingerprint(0)];
        assert_eq!(present.sift(&asked), Some(vec![1]));
        assert_eq!(present.lengths(), PrefixLengths::NONE);
    }
}
