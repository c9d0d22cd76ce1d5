//! Passwords verified a moment ago, so that Basic does not cost a password hash on every request.
//!
//! What is kept is a MAC of name, place and password under a key that lives and dies with this process: neither the memory nor a
//! dump of it is worth more to a thief than the stored hash. An entry names the user and the user's epoch at that time;
//! whoever uses it compares the epoch with the present one, so a changed password or role ends it at once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base::{Micros, Rng};
use handling::UserNo;
use sha2::{Digest, Sha256};

/// How long a verified password is trusted, in microseconds.
const LIFE_US: i64 = 5 * 60 * Micros::SECOND;
/// Entries kept at once.
const ENTRIES_MAX: usize = 4_096;

/// The MAC of a name, a place and a password.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Mac([u8; 32]);

#[derive(Clone, Copy)]
struct Entry {
    user: UserNo,
    epoch: i64,
    until: Micros,
}

/// The cache.
pub(crate) struct Verified {
    key: [u8; 32],
    entries: Mutex<HashMap<Mac, Entry>>,
}

impl Verified {
    pub(crate) fn new(rng: &dyn Rng) -> Self {
        let mut key = [0; 32];
        rng.fill(&mut key);
        Self { key, entries: Mutex::default() }
    }

    /// HMAC-SHA-256 (RFC 2104) over name and place, each after its length, and the password. What was verified in one place says
    /// nothing in another: whoever guesses elsewhere is not helped by its owner's having been here.
    pub(crate) fn mac(&self, name: &str, place: &str, password: &str) -> Mac {
        let (mut inner, mut outer) = ([0x36; 64], [0x5c; 64]);
        for ((inner, outer), key) in inner.iter_mut().zip(&mut outer).zip(&self.key) {
            *inner ^= key;
            *outer ^= key;
        }
        let message = [name, place].into_iter().fold(Sha256::new_with_prefix(inner), |message, text| {
            let length = u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes();
            message.chain_update(length).chain_update(text)
        });
        let digest = message.chain_update(password).finalize();
        Mac(Sha256::new_with_prefix(outer).chain_update(digest).finalize().into())
    }

    /// Who it was, with the epoch their account had.
    pub(crate) fn get(&self, mac: &Mac, now: Micros) -> Option<(UserNo, i64)> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(mac)?;
        let alive = now <= entry.until && now >= entry.until.plus(-LIFE_US);
        alive.then_some((entry.user, entry.epoch))
    }

    /// Remembers that `mac` was right.
    pub(crate) fn put(&self, mac: Mac, user: UserNo, epoch: i64, now: Micros) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ENTRIES_MAX {
            entries.retain(|_, entry| entry.until > now);
        }
        if entries.len() >= ENTRIES_MAX {
            entries.clear();
        }
        entries.insert(mac, Entry { user, epoch, until: now.plus(LIFE_US) });
    }

    /// Forgets `mac`.
    pub(crate) fn forget(&self, mac: &Mac) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(mac);
    }
}

#[cfg(test)]
mod tests {
    use base::SeededRng;

    use super::*;

    #[test]
    fn an_entry_lives_a_while_and_no_longer() {
        let verified = Verified::new(&SeededRng::new(1));
        let mac = verified.mac("ann", "here", "secret");
        assert_eq!(verified.get(&mac, Micros(0)), None);
        verified.put(mac, UserNo(7), 3, Micros(0));
        assert_eq!(verified.get(&mac, Micros(LIFE_US)), Some((UserNo(7), 3)));
        assert_eq!(verified.get(&mac, Micros(LIFE_US + 1)), None);
        assert_eq!(verified.get(&mac, Micros(-1)), None);
        verified.forget(&mac);
        assert_eq!(verified.get(&mac, Micros(0)), None);
    }

    #[test]
    fn name_place_and_password_do_not_run_into_each_other() {
        let verified = Verified::new(&SeededRng::new(1));
        assert!(verified.mac("ann", "here", "secret") != verified.mac("annh", "ere", "secret"));
        assert!(verified.mac("ann", "here", "secret") != verified.mac("ann", "heres", "ecret"));
        assert!(
            verified.mac("ann", "here", "secret")
                != Verified::new(&SeededRng::new(2)).mac("ann", "here", "secret")
        );
    }

    #[test]
    fn memory_is_bounded() {
        let verified = Verified::new(&SeededRng::new(1));
        for at in 0..=ENTRIES_MAX {
            verified.put(verified.mac("ann", "here", &at.to_string()), UserNo(1), 0, Micros(0));
        }
        assert!(verified.entries.lock().unwrap().len() <= ENTRIES_MAX);
    }
}
