//! Sealing: bytes that one recipient opens and no relay reads.
//!
//! HPKE (RFC 9180) in its base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, one message a key. Who sent
//! it is said inside, by signature. A relay finds the recipient by a route that only the two ends can compute, and learns
//! length and route, nothing else.
//!
//! Invariant: a fresh key for every message; no nonce is ever used twice under one key.

use std::fmt;

use base::limit::{COURIER_BYTES_MAX, ENVELOPE_BYTES_MAX};
use base::signing::KeyId;
use base::{Redacted, Rng};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// First byte of everything sealed in the only suite known here.
const SUITE: u8 = 1;
/// Bytes before the ciphertext: suite, route, fresh public key.
const HEAD_BYTES: usize = 1 + ROUTE_BYTES + 32;
/// Bytes of a route.
pub const ROUTE_BYTES: usize = 16;
/// What the key schedule is bound to.
const INFO: &[u8] = b"cresset envelope v1";
const KEM_SUITE: &[u8] = b"KEM\x00\x20";
const HPKE_SUITE: &[u8] = b"HPKE\x00\x20\x00\x01\x00\x03";
const VERSION: &[u8] = b"HPKE-v1";

/// Why something sealed does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Too short or too long to be sealed bytes.
    #[error("this is not a sealed envelope")]
    Form,
    /// A suite that is not known here.
    #[error("the envelope is sealed in suite {0}, which is not known to this version")]
    UnknownSuite(u8),
    /// Sealed to somebody else, or changed on the way.
    #[error("the envelope does not open: it is sealed to another key or was changed")]
    Closed,
    /// The public key is one with which nothing would be secret.
    #[error("the sealing key is no sound point of the curve")]
    Unsound,
}

/// The secret half of a sealing key. It does not print, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct SealingSecret(StaticSecret);

impl SealingSecret {
    /// A new key.
    #[must_use]
    pub fn generate(rng: &dyn Rng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill(bytes.as_mut_slice());
        Self(StaticSecret::from(*bytes))
    }

    /// A key read back from where secrets are stored.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(StaticSecret::from(*bytes))
    }

    /// Its bytes, to be stored where secrets are.
    #[must_use]
    pub fn expose(&self) -> Redacted<Zeroizing<[u8; 32]>> {
        Redacted::new(Zeroizing::new(self.0.to_bytes()))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        PublicKey::from(&self.0).to_bytes()
    }

    /// The route from `from` to `to` in a period, which only the holders of the two sealing keys can tell from noise.
    ///
    /// # Errors
    /// `Unsound`.
    pub fn route(&self, theirs: &[u8; 32], from: KeyId, to: KeyId, period: u64) -> Result<Route, SealError> {
        let shared = self.0.diffie_hellman(&PublicKey::from(*theirs));
        if !shared.was_contributory() {
            return Err(SealError::Unsound);
        }
        let mut digest = Sha256::new();
        digest.update(b"cresset route\0");
        digest.update(shared.as_bytes());
        digest.update(from.as_bytes());
        digest.update(to.as_bytes());
        digest.update(period.to_be_bytes());
        let digest: [u8; 32] = digest.finalize().into();
        let mut route = [0; ROUTE_BYTES];
        route.copy_from_slice(&digest[..ROUTE_BYTES]);
        Ok(Route(route))
    }

    /// Opens what was sealed to this key.
    ///
    /// # Errors
    /// See [`SealError`].
    pub fn open(&self, sealed: &Sealed) -> Result<Vec<u8>, SealError> {
        let (route, encapsulated, ciphertext) = parts(&sealed.0)?;
        let theirs = PublicKey::from(encapsulated);
        let shared = self.0.diffie_hellman(&theirs);
        if !shared.was_contributory() {
            return Err(SealError::Unsound);
        }
        let shared = kem_secret(shared.as_bytes(), &encapsulated, &self.public());
        let (key, nonce) = schedule(&shared, INFO);
        let payload = Payload { msg: ciphertext, aad: &route };
        cipher(&key).decrypt(Nonce::from_slice(&nonce), payload).map_err(|_| SealError::Closed)
    }
}

impl fmt::Debug for SealingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingSecret([redacted])")
    }
}

/// Where a relay puts an envelope: 16 bytes that say nothing to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route(pub [u8; ROUTE_BYTES]);

/// Sealed bytes.
///
/// # Shape
/// One byte for the suite, 16 for the route, 32 for the fresh public key, then the ciphertext with its tag.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Seals `plain` to the holder of `recipient`.
    ///
    /// # Errors
    /// `Unsound`, and `Form` when it would be larger than [`ENVELOPE_BYTES_MAX`].
    pub fn seal(rng: &dyn Rng, recipient: &[u8; 32], route: Route, plain: &[u8]) -> Result<Self, SealError> {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill(seed.as_mut_slice());
        Self::parse(seal_with(&StaticSecret::from(*seed), recipient, route, plain)?)
    }

    /// Seals a courier file, which may be larger than an envelope.
    pub(crate) fn seal_file(
        rng: &dyn Rng,
        recipient: &[u8; 32],
        route: Route,
        plain: &[u8],
    ) -> Result<Self, SealError> {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill(seed.as_mut_slice());
        Self::parse_file(seal_with(&StaticSecret::from(*seed), recipient, route, plain)?)
    }

    pub(crate) fn parse_file(bytes: Vec<u8>) -> Result<Self, SealError> {
        if bytes.len() > COURIER_BYTES_MAX {
            return Err(SealError::Form);
        }
        parts(&bytes)?;
        Ok(Self(bytes))
    }

    /// Takes bytes for sealed ones. Nothing is opened.
    ///
    /// # Errors
    /// `Form` and `UnknownSuite`.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, SealError> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(SealError::Form);
        }
        parts(&bytes)?;
        Ok(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The route, as far as anybody on the way can read.
    #[must_use]
    pub fn route(&self) -> Route {
        let (route, _, _) = parts(&self.0).expect("invariant: checked when it was made");
        Route(route)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

fn seal_with(
    fresh: &StaticSecret,
    recipient: &[u8; 32],
    route: Route,
    plain: &[u8],
) -> Result<Vec<u8>, SealError> {
    let encapsulated = PublicKey::from(fresh).to_bytes();
    let shared = fresh.diffie_hellman(&PublicKey::from(*recipient));
    if !shared.was_contributory() {
        return Err(SealError::Unsound);
    }
    let shared = kem_secret(shared.as_bytes(), &encapsulated, recipient);
    let (key, nonce) = schedule(&shared, INFO);
    let payload = Payload { msg: plain, aad: &route.0 };
    let ciphertext = cipher(&key).encrypt(Nonce::from_slice(&nonce), payload).map_err(|_| SealError::Form)?;
    let mut bytes = Vec::with_capacity(ciphertext.len().saturating_add(HEAD_BYTES));
    bytes.push(SUITE);
    bytes.extend_from_slice(&route.0);
    bytes.extend_from_slice(&encapsulated);
    bytes.extend_from_slice(&ciphertext);
    Ok(bytes)
}

type Parts<'a> = ([u8; ROUTE_BYTES], [u8; 32], &'a [u8]);

fn parts(bytes: &[u8]) -> Result<Parts<'_>, SealError> {
    let (suite, rest) = bytes.split_first().ok_or(SealError::Form)?;
    if *suite != SUITE {
        return Err(SealError::UnknownSuite(*suite));
    }
    let (route, rest) = rest.split_first_chunk::<ROUTE_BYTES>().ok_or(SealError::Form)?;
    let (encapsulated, ciphertext) = rest.split_first_chunk::<32>().ok_or(SealError::Form)?;
    Ok((*route, *encapsulated, ciphertext))
}

fn cipher(key: &[u8; 32]) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(key.into())
}

/// RFC 9180, section 4.1: ExtractAndExpand over the exchanged secret and both public keys.
fn kem_secret(exchanged: &[u8], encapsulated: &[u8; 32], recipient: &[u8; 32]) -> Zeroizing<[u8; 32]> {
    let prk = extract(KEM_SUITE, &[], b"eae_prk", exchanged);
    let mut context = encapsulated.to_vec();
    context.extend_from_slice(recipient);
    let mut secret = Zeroizing::new([0; 32]);
    expand(KEM_SUITE, &prk, b"shared_secret", &context, secret.as_mut_slice());
    secret
}

/// RFC 9180, section 5.1, base mode: the key and the nonce of the first message.
fn schedule(shared: &[u8; 32], info: &[u8]) -> (Zeroizing<[u8; 32]>, [u8; 12]) {
    let psk_id = extract(HPKE_SUITE, &[], b"psk_id_hash", &[]);
    let info = extract(HPKE_SUITE, &[], b"info_hash", info);
    let mut context = vec![0];
    context.extend_from_slice(psk_id.as_slice());
    context.extend_from_slice(info.as_slice());
    let secret = extract(HPKE_SUITE, shared, b"secret", &[]);
    let (mut key, mut nonce) = (Zeroizing::new([0; 32]), [0; 12]);
    expand(HPKE_SUITE, &secret, b"key", &context, key.as_mut_slice());
    expand(HPKE_SUITE, &secret, b"base_nonce", &context, &mut nonce);
    (key, nonce)
}

/// LabeledExtract of RFC 9180, section 4.
fn extract(suite: &[u8], salt: &[u8], label: &[u8], ikm: &[u8]) -> Zeroizing<[u8; 32]> {
    let labeled = Zeroizing::new([VERSION, suite, label, ikm].concat());
    let (prk, _) = Hkdf::<Sha256>::extract(Some(salt), &labeled);
    Zeroizing::new(prk.into())
}

/// LabeledExpand of RFC 9180, section 4.
fn expand(suite: &[u8], prk: &[u8; 32], label: &[u8], info: &[u8], out: &mut [u8]) {
    let length = u16::try_from(out.len()).expect("invariant: keys are short").to_be_bytes();
    let labeled = [&length[..], VERSION, suite, label, info].concat();
    let hkdf = Hkdf::<Sha256>::from_prk(prk).expect("invariant: a digest is long enough");
    hkdf.expand(&labeled, out).expect("invariant: keys are short");
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
