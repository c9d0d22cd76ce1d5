//! Sealing: bytes that one recipient opens and no relay reads.
//!
//! HPKE (RFC 9180) in its base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, one message a key; all of it
//! is the crate `hpke`. Who sent it is said inside, by signature. A relay finds the recipient by a route that only the two ends can compute, and learns
//! length and route, nothing else.
//!
//! Invariant: a fresh key for every message; no nonce is ever used twice under one key.

use std::fmt;

use base::limit::{BATCH_BYTES_MAX, COURIER_BYTES_MAX, ENVELOPE_BYTES_MAX, RELAY_PARCEL_BYTES_MAX};
use base::signing::KeyId;
use base::{Redacted, Rng};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{CryptoRng, RngCore};
use hpke::{
    Deserializable, HpkeError, Kem, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal,
};
use serde::{Deserialize, Serialize};
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

type OpeningKey = <X25519HkdfSha256 as Kem>::PrivateKey;
type RecipientKey = <X25519HkdfSha256 as Kem>::PublicKey;
type FreshKey = <X25519HkdfSha256 as Kem>::EncappedKey;

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
pub struct SealingSecret {
    exchange: StaticSecret,
    opening: OpeningKey,
}

impl SealingSecret {
    /// A new key.
    #[must_use]
    pub fn generate(rng: &dyn Rng) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill(bytes.as_mut_slice());
        Self::from_bytes(&bytes)
    }

    /// A key read back from where secrets are stored.
    ///
    /// # Panics
    /// Never: 32 bytes are always a key.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let opening = OpeningKey::from_bytes(bytes).expect("invariant: 32 bytes are always a key");
        Self { exchange: StaticSecret::from(*bytes), opening }
    }

    /// Its bytes, to be stored where secrets are.
    #[must_use]
    pub fn expose(&self) -> Redacted<Zeroizing<[u8; 32]>> {
        Redacted::new(Zeroizing::new(self.exchange.to_bytes()))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        PublicKey::from(&self.exchange).to_bytes()
    }

    /// The route from `from` to `to` in a period, which only the holders of the two sealing keys can tell from noise.
    ///
    /// # Errors
    /// `Unsound`.
    pub fn route(&self, theirs: &[u8; 32], from: KeyId, to: KeyId, period: u64) -> Result<Route, SealError> {
        let shared = self.exchange.diffie_hellman(&PublicKey::from(*theirs));
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
        let (route, fresh, ciphertext) = parts(&sealed.0)?;
        open_with(&self.opening, INFO, &route, (&fresh, ciphertext))
    }
}

impl fmt::Debug for SealingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingSecret([redacted])")
    }
}

/// Where a relay puts an envelope: 16 bytes that say nothing to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
        Self::parse(sealed(rng, recipient, route, plain)?)
    }

    /// Seals a courier file, which may be larger than an envelope.
    pub(crate) fn seal_file(
        rng: &dyn Rng,
        recipient: &[u8; 32],
        route: Route,
        plain: &[u8],
    ) -> Result<Self, SealError> {
        Self::parse_file(sealed(rng, recipient, route, plain)?)
    }

    /// Takes bytes for a parcel that goes over a relay, which may be larger than an envelope. Nothing is opened.
    ///
    /// # Errors
    /// `Form`, above [`RELAY_PARCEL_BYTES_MAX`] too, and `UnknownSuite`.
    pub fn parse_parcel(bytes: Vec<u8>) -> Result<Self, SealError> {
        Self::bounded(bytes, RELAY_PARCEL_BYTES_MAX)
    }

    pub(crate) fn parse_file(bytes: Vec<u8>) -> Result<Self, SealError> {
        Self::bounded(bytes, COURIER_BYTES_MAX)
    }

    /// Seals a batch as one, which may be larger than an envelope.
    pub(crate) fn seal_batch(
        rng: &dyn Rng,
        recipient: &[u8; 32],
        route: Route,
        plain: &[u8],
    ) -> Result<Self, SealError> {
        Self::parse_batch(sealed(rng, recipient, route, plain)?)
    }

    /// Takes bytes for a batch that was sealed as one. Nothing is opened.
    ///
    /// # Errors
    /// `Form`, above [`BATCH_BYTES_MAX`] too, and `UnknownSuite`.
    pub fn parse_batch(bytes: Vec<u8>) -> Result<Self, SealError> {
        Self::bounded(bytes, BATCH_BYTES_MAX)
    }

    /// Takes bytes for sealed ones. Nothing is opened.
    ///
    /// # Errors
    /// `Form` and `UnknownSuite`.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, SealError> {
        Self::bounded(bytes, ENVELOPE_BYTES_MAX)
    }

    fn bounded(bytes: Vec<u8>, bytes_max: usize) -> Result<Self, SealError> {
        if bytes.len() > bytes_max {
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

fn sealed(rng: &dyn Rng, recipient: &[u8; 32], route: Route, plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let (fresh, ciphertext) = seal_with(rng, recipient, (INFO, &route.0), plain)?;
    let mut bytes = Vec::with_capacity(ciphertext.len().saturating_add(HEAD_BYTES));
    bytes.push(SUITE);
    bytes.extend_from_slice(&route.0);
    bytes.extend_from_slice(&fresh);
    bytes.extend_from_slice(&ciphertext);
    Ok(bytes)
}

/// RFC 9180, section 6.1, in base mode: the fresh public key and the ciphertext with its tag. `bound` is what the key schedule
/// and the message are bound to (`info` and `aad` there).
fn seal_with(
    rng: &dyn Rng,
    recipient: &[u8; 32],
    bound: (&[u8], &[u8]),
    plain: &[u8],
) -> Result<([u8; 32], Vec<u8>), SealError> {
    let (info, aad) = bound;
    let recipient = RecipientKey::from_bytes(recipient).map_err(|_| SealError::Unsound)?;
    let (fresh, ciphertext) = single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256, _>(
        &OpModeS::Base,
        &recipient,
        info,
        plain,
        aad,
        &mut Drawn(rng),
    )
    .map_err(|error| if error == HpkeError::EncapError { SealError::Unsound } else { SealError::Form })?;
    Ok((fresh.to_bytes().into(), ciphertext))
}

/// The other direction of [`seal_with`]; `sealed` is what that gives.
fn open_with(
    key: &OpeningKey,
    info: &[u8],
    aad: &[u8],
    sealed: (&[u8; 32], &[u8]),
) -> Result<Vec<u8>, SealError> {
    let (fresh, ciphertext) = sealed;
    let fresh = FreshKey::from_bytes(fresh).map_err(|_| SealError::Unsound)?;
    single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        key,
        &fresh,
        info,
        ciphertext,
        aad,
    )
    .map_err(|error| if error == HpkeError::DecapError { SealError::Unsound } else { SealError::Closed })
}

/// Our randomness as the library asks for it, so that a seed repeats what was sealed.
struct Drawn<'a>(&'a dyn Rng);

impl RngCore for Drawn<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }
}

impl CryptoRng for Drawn<'_> {}

type Parts<'a> = ([u8; ROUTE_BYTES], [u8; 32], &'a [u8]);

fn parts(bytes: &[u8]) -> Result<Parts<'_>, SealError> {
    let (suite, rest) = bytes.split_first().ok_or(SealError::Form)?;
    if *suite != SUITE {
        return Err(SealError::UnknownSuite(*suite));
    }
    let (route, rest) = rest.split_first_chunk::<ROUTE_BYTES>().ok_or(SealError::Form)?;
    let (fresh, ciphertext) = rest.split_first_chunk::<32>().ok_or(SealError::Form)?;
    Ok((*route, *fresh, ciphertext))
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
