//! Wrong passwords make the next attempt wait, longer each time.
//!
//! Counted by user name (which need not exist) and by where the attempts come from. Only attempts that would cost a
//! password hash are held back: a credential verified before, a token or a session passes, so that strangers guessing at
//! a name do not shut its owner's running clients out. Memory is bounded; when full, what failed longest ago is forgotten.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base::Micros;

/// Wrong passwords for one name before waiting begins.
const NAME_FREE: u32 = 5;
/// Wrong passwords from one place before waiting begins; people share addresses.
const PEER_FREE: u32 = 25;
/// Longest wait, in seconds.
const WAIT_S_MAX: u64 = 15 * 60;
/// After so long without a wrong password a count begins anew, in seconds.
const FORGET_S: i64 = 60 * 60;
/// Names and places remembered at once.
const KEYS_MAX: usize = 16_384;
/// Longest part of a name or place that is told apart, in bytes.
const KEY_BYTES_MAX: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Name(String),
    Peer(String),
}

impl Key {
    const fn free(&self) -> u32 {
        match self {
            Self::Name(_) => NAME_FREE,
            Self::Peer(_) => PEER_FREE,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Count {
    wrong: u32,
    last: Micros,
}

impl Count {
    /// Seconds still to wait at `now`.
    fn wait_s(self, free: u32, now: Micros) -> u64 {
        let Some(over) = self.wrong.checked_sub(free) else { return 0 };
        let whole_s = 1_u64.checked_shl(over).unwrap_or(u64::MAX).min(WAIT_S_MAX);
        let passed_us = now.0.saturating_sub(self.last.0).max(0);
        let passed_s = u64::try_from(passed_us / Micros::SECOND).unwrap_or(0);
        whole_s.saturating_sub(passed_s)
    }

    fn forgotten(self, now: Micros) -> bool {
        now.0.saturating_sub(self.last.0) > FORGET_S * Micros::SECOND
    }
}

/// The counts of wrong passwords.
#[derive(Default)]
pub(crate) struct Lockout(Mutex<HashMap<Key, Count>>);

impl Lockout {
    /// Whether an attempt may be made now; the error tells for how many seconds it may not.
    pub(crate) fn may_try(&self, name: &str, peer: &str, now: Micros) -> Result<(), u64> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = keys(name, peer)
            .iter()
            .filter_map(|key| counts.get(key).map(|count| count.wait_s(key.free(), now)))
            .max()
            .unwrap_or(0);
        if wait == 0 { Ok(()) } else { Err(wait) }
    }

    /// Notes a wrong password.
    pub(crate) fn wrong(&self, name: &str, peer: &str, now: Micros) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys(name, peer) {
            make_room(&mut counts, &key, now);
            let count = counts.entry(key).or_insert(Count { wrong: 0, last: now });
            if count.forgotten(now) {
                count.wrong = 0;
            }
            *count = Count { wrong: count.wrong.saturating_add(1), last: now };
        }
    }

    /// Notes a right password: the name's count begins anew, the place's does not (others may be guessing from there).
    pub(crate) fn right(&self, name: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.remove(&Key::Name(cut(name)));
    }
}

fn keys(name: &str, peer: &str) -> [Key; 2] {
    [Key::Name(cut(name)), Key::Peer(cut(peer))]
}

fn cut(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).take(KEY_BYTES_MAX / 4).collect()
}

fn make_room(counts: &mut HashMap<Key, Count>, coming: &Key, now: Micros) {
    if counts.len() < KEYS_MAX || counts.contains_key(coming) {
        return;
    }
    counts.retain(|_, count| !count.forgotten(now));
    if counts.len() < KEYS_MAX {
        return;
    }
    let mut ages: Vec<Micros> = counts.values().map(|count| count.last).collect();
    let quarter = ages.len() / 4;
    let (_, &mut eldest, _) = ages.select_nth_unstable(quarter);
    counts.retain(|_, count| count.last > eldest);
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Micros = Micros(1_700_000_000 * Micros::SECOND);

    #[test]
    fn waiting_grows_and_ends() {
        let lockout = Lockout::default();
        for _ in 0..NAME_FREE {
            assert_eq!(lockout.may_try("Ann", "10.0.0.1", START), Ok(()));
            lockout.wrong("ann", "10.0.0.1", START);
        }
        assert_eq!(lockout.may_try("ANN", "10.0.0.2", START), Err(1));
        assert_eq!(lockout.may_try("bob", "10.0.0.1", START), Ok(()));
        let later = START.plus(Micros::SECOND);
        assert_eq!(lockout.may_try("ann", "10.0.0.1", later), Ok(()));
        lockout.wrong("ann", "10.0.0.1", later);
        assert_eq!(lockout.may_try("ann", "10.0.0.1", later), Err(2));
        lockout.right("ann");
        assert_eq!(lockout.may_try("ann", "10.0.0.1", later), Ok(()));
    }

    #[test]
    fn the_wait_is_bounded_and_a_place_is_held_too() {
        let lockout = Lockout::default();
        for at in 0..100 {
            lockout.wrong(&format!("name{at}"), "10.0.0.1", START);
        }
        assert_eq!(lockout.may_try("new", "10.0.0.1", START), Err(WAIT_S_MAX));
        assert_eq!(lockout.may_try("new", "10.0.0.2", START), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let lockout = Lockout::default();
        for at in 0..3 * i64::try_from(KEYS_MAX).unwrap() {
            lockout.wrong(&format!("name{at}"), "peer", START.plus(at));
        }
        assert!(lockout.0.lock().unwrap().len() <= KEYS_MAX);
    }

    #[test]
    fn a_clock_set_back_does_not_unlock() {
        let lockout = Lockout::default();
        for _ in 0..=NAME_FREE {
            lockout.wrong("ann", "p", START);
        }
        assert_eq!(lockout.may_try("ann", "p", START.plus(-3600 * Micros::SECOND)), Err(2));
    }
}
