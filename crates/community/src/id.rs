//! Names that nobody hands out: digests of what they name.
//!
//! Each kind of digest begins with its own words, so that a value of one kind is never one of another.

use std::fmt;
use std::str::FromStr;

use base::signing::KeyId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::Rule;

/// A member for good: the id of its first long-term key. It stays when the key is changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub KeyId);

/// The place of an entry in its chain: a digest of the entry's payload. Signatures are not part of it, so that the same
/// decision has the same hash whoever signed it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryHash([u8; 32]);

/// A community for good: the hash of its founding entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommunityId(pub EntryHash);

/// What is to be decided: a digest of a join request's or a proposal's payload.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectHash([u8; 32]);

/// A circle for good: a digest of its owner and its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CircleId([u8; 32]);

/// A digest over `words`, a zero byte, and `pieces`, each after its length in eight bytes.
pub(crate) fn digest(words: &str, pieces: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(words);
    digest.update([0]);
    for piece in pieces {
        digest.update(u64::try_from(piece.len()).unwrap_or(u64::MAX).to_be_bytes());
        digest.update(piece);
    }
    digest.finalize().into()
}

impl EntryHash {
    /// The hash of an entry with this payload.
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        Self(digest("cresset registry entry", &[payload]))
    }

    /// The digest itself.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A hash from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl SubjectHash {
    /// The hash of a request or proposal with this payload.
    #[must_use]
    pub fn of(payload: &[u8]) -> Self {
        Self(digest("cresset registry subject", &[payload]))
    }

    /// The digest itself.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl CircleId {
    /// The circle that `owner` calls `name`.
    #[must_use]
    pub fn of(owner: MemberId, name: &str) -> Self {
        Self(digest("cresset circle", &[owner.0.as_bytes(), name.as_bytes()]))
    }

    /// The digest itself.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// `Display`, `Debug`, `FromStr` and serde as 64 lower-case hexadecimal digits.
macro_rules! hex_text {
    ($($name:ident: $to:expr, $from:expr;)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let bytes: fn(&Self) -> [u8; 32] = $to;
                f.write_str(&hex::encode(bytes(self)))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = Rule;

            fn from_str(text: &str) -> Result<Self, Rule> {
                let make: fn([u8; 32]) -> Self = $from;
                read_hex(text).map(make)
            }
        }

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

hex_text! {
    MemberId: |id| *id.0.as_bytes(), |bytes| MemberId(KeyId::from_bytes(bytes));
    EntryHash: |hash| hash.0, EntryHash;
    CommunityId: |id| id.0.0, |bytes| CommunityId(EntryHash(bytes));
    SubjectHash: |hash| hash.0, SubjectHash;
    CircleId: |id| id.0, CircleId;
}

fn read_hex(text: &str) -> Result<[u8; 32], Rule> {
    let lower = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
    let mut bytes = [0; 32];
    if !lower || hex::decode_to_slice(text, &mut bytes).is_err() {
        return Err(Rule::DigestForm);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_have_one_text() {
        let hash = EntryHash::of(b"x");
        assert_eq!(hash.to_string().parse::<EntryHash>(), Ok(hash));
        let upper = hash.to_string().to_uppercase();
        for bad in ["", "0", &upper, &"0".repeat(63), &"0".repeat(65), &"g".repeat(64)] {
            assert_eq!(bad.parse::<EntryHash>(), Err(Rule::DigestForm), "{bad}");
        }
    }

    #[test]
    fn digests_of_different_kinds_differ() {
        assert_ne!(EntryHash::of(b"x").as_bytes(), SubjectHash::of(b"x").as_bytes());
        let owner = MemberId(KeyId::from_bytes([7; 32]));
        assert_ne!(CircleId::of(owner, "a"), CircleId::of(owner, "b"));
    }
}
