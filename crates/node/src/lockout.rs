//! Wrong passwords make the next attempt wait, longer each time.
//!
//! Counted by user name (which need not exist) and by where the attempts come from: an address, or the /64 network of one of
//! IPv6, which is what one customer has at least. What was verified before from the same place passes, and so do tokens and
//! sessions, so that strangers guessing at a name do not shut its owner's running clients out; not where the guesses come from
//! that very place, for there the right one would be told from the wrong ones as fast as they are sent. Attempts for one name, and from one place, take turns, so that each knows how the one before it ended: many at once
//! are no way around the count. Memory is bounded; when full, what failed longest ago is forgotten. The counts live as long
//! as the process: `docs/decisions/0019-lock-outs-end-with-the-process.md`.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use base::Micros;
use tokio::sync::MutexGuard;

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
    /// A name, tried from a place.
    NameAt(String, String),
}

impl Key {
    const fn free(&self) -> u32 {
        match self {
            Self::Name(_) | Self::NameAt(..) => NAME_FREE,
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

/// How many turns there are for names, and as many for places. Different names may share one; that costs a moment.
const TURNS: usize = 256;

/// The counts of wrong passwords.
pub(crate) struct Lockout {
    counts: Mutex<HashMap<Key, Count>>,
    names: [tokio::sync::Mutex<()>; TURNS],
    places: [tokio::sync::Mutex<()>; TURNS],
    hasher: RandomState,
}

/// The right to try one password for one name from one place; the next one waits until this is dropped.
pub(crate) struct Turn<'a> {
    _name: MutexGuard<'a, ()>,
    _place: MutexGuard<'a, ()>,
}

impl Default for Lockout {
    fn default() -> Self {
        let turns = || std::array::from_fn(|_| tokio::sync::Mutex::new(()));
        Self { counts: Mutex::default(), names: turns(), places: turns(), hasher: RandomState::new() }
    }
}

impl Lockout {
    /// Waits until no other attempt for this name or from this place is being checked.
    pub(crate) async fn turn(&self, name: &str, peer: &str) -> Turn<'_> {
        let [name, place, _] = keys(name, peer);
        // Always in this order, so that two cannot wait for each other, and whoever asks much from one place only waits there.
        let place = self.one_of(&self.places, &place).lock().await;
        Turn { _name: self.one_of(&self.names, &name).lock().await, _place: place }
    }

    fn one_of<'a>(
        &self,
        turns: &'a [tokio::sync::Mutex<()>; TURNS],
        key: &Key,
    ) -> &'a tokio::sync::Mutex<()> {
        let at = self.hasher.hash_one(key).to_le_bytes()[0];
        turns.get(usize::from(at)).expect("invariant: as many turns as a byte has values")
    }

    /// Whether an attempt may be made now; the error tells for how many seconds it may not.
    pub(crate) fn may_try(&self, name: &str, peer: &str, now: Micros) -> Result<(), u64> {
        self.waits(&keys(name, peer), now)
    }

    /// Whether what was verified before may pass unasked: nobody guesses at this name from this place. The error as for
    /// [`Lockout::may_try`].
    pub(crate) fn may_pass(&self, name: &str, peer: &str, now: Micros) -> Result<(), u64> {
        // Every request of a client that shows a password comes by here.
        if self.counts.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            return Ok(());
        }
        let [_, _, here] = keys(name, peer);
        self.waits(&[here], now)
    }

    fn waits(&self, keys: &[Key], now: Micros) -> Result<(), u64> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = keys.iter().filter_map(|key| counts.get(key).map(|count| count.wait_s(key.free(), now)));
        match waits.max() {
            None | Some(0) => Ok(()),
            Some(wait) => Err(wait),
        }
    }

    /// Notes a wrong password.
    pub(crate) fn wrong(&self, name: &str, peer: &str, now: Micros) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
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
    pub(crate) fn right(&self, name: &str, peer: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let [name, _, here] = keys(name, peer);
        counts.remove(&name);
        counts.remove(&here);
    }
}

fn keys(name: &str, peer: &str) -> [Key; 3] {
    let (name, place) = (cut(name), place_of(peer));
    [Key::Name(name.clone()), Key::Peer(place.clone()), Key::NameAt(name, place)]
}

/// Where an attempt comes from, as it is told apart: an IPv4 address, the first half of one of IPv6, or the text itself.
pub(crate) fn place_of(peer: &str) -> String {
    match peer.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => address.to_string(),
        Ok(IpAddr::V6(address)) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            format!("{}/64", Ipv6Addr::from_bits(network))
        }
        Err(_) => cut(peer),
    }
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
        lockout.right("ann", "10.0.0.1");
        assert_eq!(lockout.may_try("ann", "10.0.0.1", later), Ok(()));
    }

    #[test]
    fn what_was_verified_passes_unless_guesses_come_from_the_same_place() {
        let lockout = Lockout::default();
        for _ in 0..NAME_FREE {
            lockout.wrong("ann", "10.0.0.66", START);
        }
        assert_eq!(lockout.may_pass("Ann", "10.0.0.66", START), Err(1));
        assert_eq!(lockout.may_pass("ann", "10.0.0.1", START), Ok(()));
        assert_eq!(lockout.may_pass("bob", "10.0.0.66", START), Ok(()));
        assert_eq!(lockout.may_pass("ann", "10.0.0.66", START.plus(Micros::SECOND)), Ok(()));
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
    fn a_network_of_ipv6_is_one_place_and_so_is_an_address_however_it_is_written() {
        let lockout = Lockout::default();
        for at in 0..100 {
            lockout.wrong(&format!("name{at}"), &format!("2001:db8:0:1::{at:x}"), START);
        }
        assert!(lockout.may_try("new", "2001:db8:0:1:ffff::1", START).is_err());
        assert_eq!(lockout.may_try("new", "2001:db8:0:2::1", START), Ok(()));
        for at in 0..100 {
            lockout.wrong(&format!("name{at}"), "::ffff:192.0.2.1", START);
        }
        assert!(lockout.may_try("new", "192.0.2.1", START).is_err());
        assert_eq!(lockout.may_try("new", "192.0.2.2", START), Ok(()));
    }

    #[tokio::test]
    async fn attempts_for_a_name_and_from_a_place_take_turns() {
        let lockout = Lockout::default();
        let first = lockout.turn("ann", "10.0.0.1").await;
        let soon = std::time::Duration::from_millis(20);
        for (name, place) in [("ANN", "10.0.0.2"), ("bob", "10.0.0.1")] {
            assert!(tokio::time::timeout(soon, lockout.turn(name, place)).await.is_err(), "{name} {place}");
        }
        drop(first);
        lockout.turn("ann", "10.0.0.1").await;
    }

    #[test]
    fn memory_is_bounded() {
        let lockout = Lockout::default();
        for at in 0..3 * i64::try_from(KEYS_MAX).unwrap() {
            lockout.wrong(&format!("name{at}"), "peer", START.plus(at));
        }
        assert!(lockout.counts.lock().unwrap().len() <= KEYS_MAX);
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
