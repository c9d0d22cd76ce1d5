//! Password hashes (argon2id) and the rules a new password must meet.
//!
//! Hashing runs on the blocking pool, a few at a time: each takes 19 MiB and some ten milliseconds, so their number bounds
//! both memory and the share of the machine that strangers can take. Nobody waits in an endless queue: beyond a bound the
//! answer is "too many".
//!
//! The same password comes in other bytes from another keyboard or system: it is hashed as [`opaque`] writes it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use base::limit::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};
use base::{Redacted, Rng};
use tokio::sync::Semaphore;
use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::PasswordCost;
use crate::blocking::offload;

/// Hashes computed at once.
const HASHES_AT_ONCE: usize = 2;
/// Requests that may wait for a hash; more are turned away.
const HASHES_WAITING_MAX: usize = 64;

/// Why a new password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    Short,
    Long,
}

/// The queue before the hash function is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crowded;

/// Makes and checks password hashes.
pub(crate) struct Hasher {
    cost: PasswordCost,
    rng: Arc<dyn Rng>,
    running: Semaphore,
    waiting: AtomicUsize,
    /// The hash of a password nobody knows: an unknown user costs the same as a known one.
    decoy: tokio::sync::OnceCell<String>,
}

impl Hasher {
    pub(crate) fn new(cost: PasswordCost, rng: Arc<dyn Rng>) -> Self {
        Self {
            cost,
            rng,
            running: Semaphore::new(HASHES_AT_ONCE),
            waiting: AtomicUsize::new(0),
            decoy: tokio::sync::OnceCell::new(),
        }
    }

    /// Whether `password` may become someone's password: as it is typed and as it is hashed.
    pub(crate) fn fit(password: &Redacted<String>) -> Result<(), Unfit> {
        let password = password.expose();
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(Unfit::Long);
        }
        let written = opaque(password);
        if written.len() > PASSWORD_BYTES_MAX {
            return Err(Unfit::Long);
        }
        if written.chars().count() < PASSWORD_CHARS_MIN {
            return Err(Unfit::Short);
        }
        Ok(())
    }

    /// The PHC string of a new hash of `password`.
    pub(crate) async fn hash(&self, password: &Redacted<String>) -> Result<String, Crowded> {
        let mut salt = [0; 16];
        self.rng.fill(&mut salt);
        let (cost, password) = (self.cost, password.clone());
        self.in_turn(move || hash(cost, salt, &opaque(password.expose()))).await
    }

    /// Whether `password` belongs to `phc`; without a hash the same work is done and the answer is no. A hash of an earlier build is of the
    /// very bytes that were typed: they are tried too, where they are others.
    pub(crate) async fn verify(
        &self,
        phc: Option<String>,
        password: &Redacted<String>,
    ) -> Result<bool, Crowded> {
        if password.expose().len() > PASSWORD_BYTES_MAX {
            return Ok(false);
        }
        let known = phc.is_some();
        let phc = match phc {
            Some(phc) => phc,
            None => self.decoy().await?,
        };
        let (cost, password) = (self.cost, password.clone());
        let right = self.in_turn(move || verify(cost, &phc, password.expose())).await?;
        Ok(right && known)
    }

    async fn decoy(&self) -> Result<String, Crowded> {
        let made = self.decoy.get_or_try_init(|| async {
            let mut secret = [0; 32];
            self.rng.fill(&mut secret);
            self.hash(&Redacted::new(hex::encode(secret))).await
        });
        made.await.cloned()
    }

    async fn in_turn<T, F>(&self, work: F) -> Result<T, Crowded>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let place = Place::take(&self.waiting)?;
        let permit = self.running.acquire().await.expect("invariant: the semaphore is never closed");
        drop(place);
        let done = offload(work).await;
        drop(permit);
        Ok(done)
    }
}

/// A password as it is hashed: every space is the plain one, and letters with marks are composed, whichever system sends them.
///
/// # Source
/// RFC 8265, section 4.2 (`OpaqueString`). Characters that the profile disallows are taken as they are.
fn opaque(password: &str) -> Cow<'_, str> {
    if is_nfc(password) && !password.contains(is_other_space) {
        return Cow::Borrowed(password);
    }
    Cow::Owned(password.chars().map(|each| if is_other_space(each) { ' ' } else { each }).nfc().collect())
}

/// Whether it is a space (Unicode's category Zs) other than that of ASCII.
const fn is_other_space(each: char) -> bool {
    matches!(each, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// A place in the queue; leaving gives it back, also when the request is dropped while waiting.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, Crowded> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::AcqRel) >= HASHES_WAITING_MAX {
            drop(place);
            return Err(Crowded);
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn argon(cost: PasswordCost) -> Argon2<'static> {
    let params = match cost {
        PasswordCost::Standard => Params::new(19 * 1024, 2, 1, None),
        PasswordCost::Least => Params::new(Params::MIN_M_COST, 1, 1, None),
    };
    let params = params.expect("invariant: the costs are within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(cost: PasswordCost, salt: [u8; 16], password: &str) -> String {
    let salt = SaltString::encode_b64(&salt).expect("invariant: sixteen bytes are a salt");
    let hash = argon(cost).hash_password(password.as_bytes(), &salt);
    hash.expect("invariant: a bounded password can be hashed").to_string()
}

fn verify(cost: PasswordCost, phc: &str, password: &str) -> bool {
    let Ok(hash) = PasswordHash::new(phc) else {
        tracing::error!("a stored password hash is not readable");
        return false;
    };
    let is_of = |bytes: &[u8]| argon(cost).verify_password(bytes, &hash).is_ok();
    let written = opaque(password);
    is_of(written.as_bytes()) || (*written != *password && is_of(password.as_bytes()))
}

#[cfg(test)]
mod tests {
    use base::SeededRng;

    use super::*;

    fn secret(text: &str) -> Redacted<String> {
        Redacted::new(text.to_owned())
    }

    #[tokio::test]
    async fn the_right_password_passes_and_others_do_not() {
        let hasher = Hasher::new(PasswordCost::Least, Arc::new(SeededRng::new(1)));
        let phc = hasher.hash(&secret("correct horse")).await.unwrap();
        assert!(phc.starts_with("$argon2id$"), "{phc}");
        assert_eq!(hasher.verify(Some(phc.clone()), &secret("correct horse")).await, Ok(true));
        assert_eq!(hasher.verify(Some(phc), &secret("correct horsf")).await, Ok(false));
        assert_eq!(hasher.verify(None, &secret("correct horse")).await, Ok(false));
        assert_eq!(hasher.verify(Some("junk".into()), &secret("x")).await, Ok(false));
    }

    /// What is typed with composed letters, with marks behind them, and with another system's space is one password.
    #[tokio::test]
    async fn one_password_in_other_bytes_is_the_same() {
        let forms = [
            "Gr\u{fc}\u{df}e aus K\u{f6}ln",
            "Gru\u{308}\u{df}e aus Ko\u{308}ln",
            "Gr\u{fc}\u{df}e\u{a0}aus\u{3000}K\u{f6}ln",
        ];
        let hasher = Hasher::new(PasswordCost::Least, Arc::new(SeededRng::new(1)));
        for set in forms {
            let phc = hasher.hash(&secret(set)).await.unwrap();
            for typed in forms {
                assert_eq!(
                    hasher.verify(Some(phc.clone()), &secret(typed)).await,
                    Ok(true),
                    "{set:?} {typed:?}"
                );
            }
            for other in ["Grusse aus Koln", "gr\u{fc}\u{df}e aus k\u{f6}ln", "Gr\u{fc}\u{df}e ausK\u{f6}ln"]
            {
                assert_eq!(hasher.verify(Some(phc.clone()), &secret(other)).await, Ok(false), "{other:?}");
            }
            // What an earlier build has hashed as it was typed goes on being that one's password.
            let of_before = hash(PasswordCost::Least, [7; 16], set);
            assert_eq!(hasher.verify(Some(of_before), &secret(set)).await, Ok(true), "{set:?}");
        }
    }

    #[test]
    fn length_limits_hold_at_the_limit_and_beyond() {
        // As many characters as it has once it is composed.
        assert_eq!(Hasher::fit(&secret(&"e\u{301}".repeat(PASSWORD_CHARS_MIN - 1))), Err(Unfit::Short));
        assert_eq!(Hasher::fit(&secret(&"é".repeat(PASSWORD_CHARS_MIN))), Ok(()));
        assert_eq!(Hasher::fit(&secret(&"é".repeat(PASSWORD_CHARS_MIN - 1))), Err(Unfit::Short));
        assert_eq!(Hasher::fit(&secret(&"a".repeat(PASSWORD_BYTES_MAX))), Ok(()));
        assert_eq!(Hasher::fit(&secret(&"a".repeat(PASSWORD_BYTES_MAX + 1))), Err(Unfit::Long));
    }

    #[test]
    fn the_queue_is_bounded() {
        let waiting = AtomicUsize::new(0);
        let places: Vec<_> = (0..HASHES_WAITING_MAX).map(|_| Place::take(&waiting).unwrap()).collect();
        assert!(Place::take(&waiting).is_err());
        drop(places);
        assert_eq!(waiting.load(Ordering::Acquire), 0);
    }
}
