//! Payloads kept under a key of their own, so that destroying 32 bytes destroys the payload wherever copies of it lie.
//!
//! The ledger proves that something was sent and never what; the payload stands beside it, encrypted under the object's key.
//! Erasing is forgetting the key: backups of the ciphertext then hold noise, and every proof still verifies.
//! Where keys are kept, and that they are in no backup after erasure, is the store's part.
//!
//! Invariant: a payload opens only under the name it was sealed under, so that one cannot be put in another's place.

use std::fmt;

use base::Rng;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::commitment::Salt;

/// First byte of what is sealed with XChaCha20-Poly1305: the suite is named in every payload.
const XCHACHA20_POLY1305: u8 = 1;
/// Bytes of a nonce.
const NONCE_BYTES: usize = 24;

/// Why a sealed payload does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Not a sealed payload.
    #[error("this is not a sealed payload")]
    Form,
    /// Sealed in a way that is not known here.
    #[error("the payload is sealed in suite {0}, which is not known to this version")]
    UnknownSuite(u8),
    /// Another key, another name, or changed bytes.
    #[error(
        "the payload does not open: its key is another, it was sealed under another name, or it was changed"
    )]
    Closed,
}

/// The key of one object. It does not print, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct ObjectKey(Zeroizing<[u8; 32]>);

impl ObjectKey {
    /// A new key.
    #[must_use]
    pub fn generate(rng: &dyn Rng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill(bytes.as_mut_slice());
        Self(bytes)
    }

    /// A key read back from where it was stored.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The key of a name under this one: who has this one can make it, and nobody gets back from it.
    #[must_use]
    pub fn child(&self, name: &[u8]) -> Self {
        let mut digest = Sha256::new();
        digest.update(b"cresset object key\0");
        digest.update(self.0.as_slice());
        digest.update(name);
        Self(Zeroizing::new(digest.finalize().into()))
    }

    /// The key that follows from the salt of a commitment: where the salt is destroyed, so is the key.
    #[must_use]
    pub fn of_salt(salt: &Salt) -> Self {
        Self::from_bytes(salt.as_bytes()).child(b"payload")
    }

    /// Its bytes, for storing where keys are kept.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Seals `payload` under `name`.
    ///
    /// # Shape
    /// One byte for the suite, 24 random bytes, then the ciphertext with its tag: 41 bytes longer than the payload.
    #[must_use]
    pub fn seal(&self, rng: &dyn Rng, name: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rng.fill(&mut nonce);
        let sealed = self.cipher().encrypt(XNonce::from_slice(&nonce), Payload { msg: payload, aad: name });
        let sealed = sealed.expect("invariant: payloads are far below what the cipher can take");
        let mut bytes = Vec::with_capacity(sealed.len().saturating_add(1 + NONCE_BYTES));
        bytes.push(XCHACHA20_POLY1305);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        bytes
    }

    /// Opens what was sealed under `name`.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, name: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (suite, rest) = sealed.split_first().ok_or(OpenError::Form)?;
        if *suite != XCHACHA20_POLY1305 {
            return Err(OpenError::UnknownSuite(*suite));
        }
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError::Form)?;
        let payload = Payload { msg: ciphertext, aad: name };
        self.cipher().decrypt(XNonce::from_slice(nonce), payload).map_err(|_| OpenError::Closed)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ObjectKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use base::SeededRng;

    use super::*;

    #[test]
    fn the_published_vector() {
        // draft-irtf-cfrg-xchacha-03, appendix A.3.1.
        let key: [u8; 32] = std::array::from_fn(|at| 0x80 + at as u8);
        let nonce: [u8; 24] = std::array::from_fn(|at| 0x40 + at as u8);
        let aad = hex::decode("50515253c0c1c2c3c4c5c6c7").unwrap();
        let text =
            b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
            sunscreen would be it.";
        struct Fixed([u8; 24]);
        impl Rng for Fixed {
            fn fill(&self, out: &mut [u8]) {
                out.copy_from_slice(&self.0);
            }
        }
        let sealed = ObjectKey::from_bytes(&key).seal(&Fixed(nonce), &aad, text);
        assert!(hex::encode(&sealed[25..]).starts_with("bd6d179d3e83d43b9576579493c0e939572a1700252bfacc"));
        assert!(hex::encode(&sealed).ends_with("c0875924c1c7987947deafd8780acf49"));
    }

    #[test]
    fn a_payload_opens_with_its_key_under_its_name_only() {
        let rng = SeededRng::new(1);
        let (key, other) = (ObjectKey::generate(&rng), ObjectKey::generate(&rng));
        let sealed = key.seal(&rng, b"indicator--1", b"secret");
        assert_eq!(sealed.len(), 6 + 41);
        assert_eq!(key.open(b"indicator--1", &sealed).unwrap(), b"secret");
        assert_eq!(key.open(b"indicator--2", &sealed), Err(OpenError::Closed));
        assert_eq!(other.open(b"indicator--1", &sealed), Err(OpenError::Closed));
        for at in 1..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open(b"indicator--1", &changed), Err(OpenError::Closed), "byte {at}");
            assert!(key.open(b"indicator--1", &sealed[..at]).is_err());
        }
        assert_eq!(key.open(b"x", &[]), Err(OpenError::Form));
        assert_eq!(key.open(b"x", &[1, 2, 3]), Err(OpenError::Form));
        assert_eq!(key.open(b"x", &[9; 60]), Err(OpenError::UnknownSuite(9)));
        assert_ne!(key.seal(&rng, b"n", b"secret"), key.seal(&rng, b"n", b"secret"));
        let back = ObjectKey::from_bytes(key.expose());
        assert_eq!(back.open(b"indicator--1", &sealed).unwrap(), b"secret");
        assert_eq!(format!("{key:?}"), "ObjectKey([redacted])");
    }

    #[test]
    fn keys_under_a_key_are_others_for_other_names_and_the_same_again() {
        let key = ObjectKey::from_bytes(&[7; 32]);
        assert_eq!(key.child(b"1").expose(), key.child(b"1").expose());
        assert_ne!(key.child(b"1").expose(), key.child(b"2").expose());
        assert_ne!(key.child(b"").expose(), key.expose());
        let salt = Salt::from_bytes([7; 32]);
        assert_eq!(ObjectKey::of_salt(&salt).expose(), key.child(b"payload").expose());
    }
}
