//! Keys and signatures: who says something, in a suite that is named in every key and in every signature.
//!
//! The one place that knows how a signature is made and checked. A text without its suite, or with one that is not known
//! here, is refused with the suite's name, so that a later suite can be told from garbage. What a signed message means is
//! no concern of this file; callers keep kinds of messages apart ([`crate::signed`] does it with its payload type).
//!
//! Invariants: one key has one text and one [`KeyId`]; small-order and non-canonical points are no keys; a signature is
//! checked strictly, so that two verifiers never differ; a secret key neither prints nor stays in memory after use.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{Redacted, Rng, quoted};

/// Bytes of an Ed25519 public key, and of the seed of a secret one.
const KEY_BYTES: usize = 32;
/// Bytes of an Ed25519 signature.
const SIGNATURE_BYTES: usize = 64;
/// What the digest of a [`KeyId`] begins with, so that it is the digest of nothing else.
const KEY_ID_DOMAIN: &[u8] = b"cresset key\0";

/// How signatures are made and checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    /// Ed25519 (RFC 8032), checked strictly.
    Ed25519,
}

impl Suite {
    /// Its name, as it stands in keys and signatures.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Suite {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        match text {
            "ed25519" => Ok(Self::Ed25519),
            other => Err(KeyTextError::UnknownSuite(quoted(other).to_string())),
        }
    }
}

/// Why a text is no key, no key id or no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyTextError {
    /// There is no `suite:` before the bytes.
    #[error("no suite before the key or signature: it begins with a name and a colon, as in ed25519:")]
    NoSuite,
    /// A suite that is not known here; its name, quoted.
    #[error("the suite {0} is not known to this version")]
    UnknownSuite(String),
    /// The bytes are not written as they must be.
    #[error("cannot read the bytes after the suite: they are base64url without padding")]
    Encoding,
    /// Too many bytes or too few.
    #[error("a {what} of the suite {suite} has {expected} bytes, this one {found}")]
    Length {
        /// `public key` or `signature`.
        what: &'static str,
        /// The suite.
        suite: Suite,
        /// Bytes it has in that suite.
        expected: usize,
        /// Bytes there were.
        found: usize,
    },
    /// The bytes are no point of the curve, one of small order, or one written in a second way.
    #[error("the public key is no sound point of the curve")]
    Unsound,
    /// A key id is 64 lower-case hexadecimal digits.
    #[error("a key id is 64 lower-case hexadecimal digits")]
    NotAKeyId,
}

/// A signature that its key did not make over the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not one by key {key} over this message")]
pub struct BadSignature {
    /// The key that was asked.
    pub key: KeyId,
}

/// The name of a key: SHA-256 over `cresset key`, a zero byte, the suite's name, a zero byte, and the key's bytes.
///
/// # Shape
/// As text 64 lower-case hexadecimal digits; one key has one id, and no other key has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 32]);

impl KeyId {
    /// A key id from its bytes, as read back from where it was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest itself.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 64];
        hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl FromStr for KeyId {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        crate::digits::read_32(text).map(Self).ok_or(KeyTextError::NotAKeyId)
    }
}

/// A public key.
///
/// # Shape
/// As text (and in JSON) `ed25519:` and the 32 bytes as base64url without padding.
#[derive(Clone, Copy)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// A key from its suite and bytes.
    ///
    /// # Errors
    /// `Length` and `Unsound`.
    pub fn from_bytes(suite: Suite, bytes: &[u8]) -> Result<Self, KeyTextError> {
        let wrong_length =
            |_| KeyTextError::Length { what: "public key", suite, expected: KEY_BYTES, found: bytes.len() };
        let bytes: &[u8; KEY_BYTES] = bytes.try_into().map_err(wrong_length)?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyTextError::Unsound)?;
        if key.is_weak() || key.to_edwards().compress().as_bytes() != bytes {
            return Err(KeyTextError::Unsound);
        }
        Ok(Self(key))
    }

    /// Its suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        Suite::Ed25519
    }

    /// Its bytes, as its suite writes them: 32 for Ed25519.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let mut digest = Sha256::new();
        digest.update(KEY_ID_DOMAIN);
        digest.update(self.suite().name());
        digest.update([0]);
        digest.update(self.as_bytes());
        KeyId(digest.finalize().into())
    }

    /// Checks that this key made `signature` over `message`, strictly: a signature passes either everywhere or nowhere.
    ///
    /// # Errors
    /// It did not.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        let made = ed25519_dalek::Signature::from_bytes(&signature.bytes);
        self.0.verify_strict(message, &made).map_err(|_| BadSignature { key: self.id() })
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for PublicKey {}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_tagged(f, self.suite(), self.as_bytes())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let (suite, bytes) = read_tagged(text)?;
        Self::from_bytes(suite, &bytes)
    }
}

/// A signature.
///
/// # Shape
/// As text (and in JSON) `ed25519:` and the 64 bytes as base64url without padding.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature {
    suite: Suite,
    bytes: [u8; SIGNATURE_BYTES],
}

impl Signature {
    /// A signature from its suite and bytes.
    ///
    /// # Errors
    /// `Length`. Whether anybody made it is for [`PublicKey::verify`] to say.
    pub fn from_bytes(suite: Suite, bytes: &[u8]) -> Result<Self, KeyTextError> {
        let wrong_length = |_| KeyTextError::Length {
            what: "signature",
            suite,
            expected: SIGNATURE_BYTES,
            found: bytes.len(),
        };
        Ok(Self { suite, bytes: bytes.try_into().map_err(wrong_length)? })
    }

    /// Its suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Its bytes, as its suite writes them: 64 for Ed25519.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.bytes
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_tagged(f, self.suite, &self.bytes)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({self})")
    }
}

impl FromStr for Signature {
    type Err = KeyTextError;

    fn from_str(text: &str) -> Result<Self, KeyTextError> {
        let (suite, bytes) = read_tagged(text)?;
        Self::from_bytes(suite, &bytes)
    }
}

/// Whoever can sign: a key in memory, or one that never leaves its device.
pub trait Signer: Send + Sync {
    /// The public half.
    fn public_key(&self) -> PublicKey;
    /// A signature over `message`. The same message gives the same signature.
    fn sign(&self, message: &[u8]) -> Signature;
}

/// A secret key in memory. It does not print, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A new key of the suite Ed25519.
    #[must_use]
    pub fn generate(rng: &dyn Rng) -> Self {
        let mut seed = Zeroizing::new([0; KEY_BYTES]);
        rng.fill(seed.as_mut_slice());
        Self::from_seed(&seed)
    }

    /// The key that `seed` stands for.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The seed, to be stored where secrets are.
    #[must_use]
    pub fn seed(&self) -> Redacted<Zeroizing<[u8; 32]>> {
        Redacted::new(Zeroizing::new(self.0.to_bytes()))
    }
}

impl Signer for SigningKey {
    fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature { suite: Suite::Ed25519, bytes: self.0.sign(message).to_bytes() }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, [redacted])", self.public_key())
    }
}

fn write_tagged(f: &mut fmt::Formatter<'_>, suite: Suite, bytes: &[u8]) -> fmt::Result {
    write!(f, "{suite}:{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// Longest text after the suite that is decoded at all, in bytes.
const ENCODED_BYTES_MAX: usize = 256;

fn read_tagged(text: &str) -> Result<(Suite, Vec<u8>), KeyTextError> {
    let (suite, encoded) = text.split_once(':').ok_or(KeyTextError::NoSuite)?;
    let suite = suite.parse()?;
    if encoded.len() > ENCODED_BYTES_MAX {
        return Err(KeyTextError::Encoding);
    }
    Ok((suite, URL_SAFE_NO_PAD.decode(encoded).map_err(|_| KeyTextError::Encoding)?))
}

/// Serde through the text form, for a type with `Display` and `FromStr`.
macro_rules! serde_as_text {
    ($($name:ty),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

serde_as_text!(Suite, KeyId, PublicKey, Signature);

#[cfg(test)]
#[path = "signing_tests.rs"]
mod tests;
