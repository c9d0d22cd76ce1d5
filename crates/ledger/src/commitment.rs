//! Commitments: a digest that binds to a payload and tells nothing of it.
//!
//! Salted, because payloads can be guessed: without the salt nobody can test whether an address or a name is behind a leaf,
//! and once salt and payload are destroyed the leaf says nothing for ever, while every proof of it still holds.

use std::collections::BTreeSet;
use std::fmt;

use base::Rng;
use base::signing::KeyId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// A digest that stands in the header of an act.
///
/// # Shape
/// As text 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commitment(pub [u8; 32]);

/// The random half of a commitment, kept beside the payload and destroyed with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; 32]);

/// A text that is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 lower-case hexadecimal digits")]
pub struct NotADigest;

impl Salt {
    /// A new salt.
    #[must_use]
    pub fn generate(rng: &dyn Rng) -> Self {
        let mut bytes = [0; 32];
        rng.fill(&mut bytes);
        Self(bytes)
    }

    /// As many new salts as are wanted, for the price of asking once.
    pub fn several(rng: &dyn Rng, count: usize) -> impl Iterator<Item = Self> + use<> {
        let mut salts = vec![[0; 32]; count];
        rng.fill(salts.as_flattened_mut());
        salts.into_iter().map(Self)
    }

    /// A salt read back from where it was stored.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, for storing beside the payload.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The commitment to a payload: SHA-256 over salt and payload.
    #[must_use]
    pub fn commit(&self, payload: &[u8]) -> Commitment {
        let mut digest = Sha256::new();
        digest.update(self.0);
        digest.update(payload);
        Commitment(digest.finalize().into())
    }

    /// The commitment to the members an act is for: to their ids in ascending order, each on a line.
    #[must_use]
    pub fn commit_addressees(&self, members: &BTreeSet<KeyId>) -> Commitment {
        let lines: String = members.iter().map(|member| format!("{member}\n")).collect();
        self.commit(lines.as_bytes())
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt([redacted])")
    }
}

impl Commitment {
    /// The digest of a document that is no secret, such as a set of handling rules.
    #[must_use]
    pub fn digest(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 64];
        hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commitment({self})")
    }
}

impl std::str::FromStr for Commitment {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        base::digits::read_32(text).map(Self).ok_or(NotADigest)
    }
}

impl Serialize for Commitment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Commitment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use base::SeededRng;
    use base::signing::{Signer, SigningKey};

    use super::*;

    #[test]
    fn a_commitment_binds_to_salt_and_payload() {
        let rng = SeededRng::new(1);
        let (salt, other) = (Salt::generate(&rng), Salt::generate(&rng));
        let commitment = salt.commit(b"payload");
        let whole = [salt.as_bytes().as_slice(), b"payload"].concat();
        assert_eq!(commitment, Commitment::digest(&whole));
        assert_ne!(commitment, other.commit(b"payload"));
        assert_ne!(commitment, salt.commit(b"payloae"));
        assert_eq!(Salt::from_bytes(*salt.as_bytes()).commit(b"payload"), commitment);
        assert_eq!(commitment.to_string().parse(), Ok(commitment));
        assert_eq!(format!("{salt:?}"), "Salt([redacted])");
    }

    #[test]
    fn several_salts_are_all_different() {
        let salts: Vec<Salt> = Salt::several(&SeededRng::new(1), 300).collect();
        let different: BTreeSet<[u8; 32]> = salts.iter().map(|salt| *salt.as_bytes()).collect();
        assert_eq!((salts.len(), different.len()), (300, 300));
        assert_eq!(Salt::several(&SeededRng::new(1), 0).count(), 0);
    }

    #[test]
    fn addressees_count_and_their_order_does_not() {
        let salt = Salt::from_bytes([7; 32]);
        let member = |seed| SigningKey::generate(&SeededRng::new(seed)).public_key().id();
        let both = BTreeSet::from([member(1), member(2)]);
        assert_eq!(
            salt.commit_addressees(&both),
            salt.commit_addressees(&BTreeSet::from([member(2), member(1)]))
        );
        assert_ne!(salt.commit_addressees(&both), salt.commit_addressees(&BTreeSet::from([member(1)])));
        assert_ne!(salt.commit_addressees(&both), salt.commit_addressees(&BTreeSet::new()));
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for bad in ["", "00", &"A".repeat(64), &"0".repeat(63), &"x".repeat(64)] {
            assert_eq!(bad.parse::<Commitment>(), Err(NotADigest), "{bad}");
        }
        assert!(serde_json::from_str::<Commitment>("\"zz\"").is_err());
        assert!(serde_json::from_str::<Commitment>("7").is_err());
    }
}
