//! Hashes of the tree: leaves and nodes, told apart by their first byte.
//!
//! Invariant: no leaf can be passed off as a node, since what is hashed begins with 0 for one and with 1 for the other.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// Bytes of a hash.
pub const HASH_BYTES: usize = 32;

/// A SHA-256 hash of the tree.
///
/// # Shape
/// As text the 44 characters of standard base64, as in checkpoints.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeHash(pub [u8; HASH_BYTES]);

/// A text that is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 32 bytes in standard base64")]
pub struct NotAHash;

impl TreeHash {
    /// The root of the tree without leaves.
    ///
    /// # Source
    /// RFC 6962, section 2.1.
    #[must_use]
    pub fn empty() -> Self {
        Self(Sha256::digest([]).into())
    }

    /// The hash of a leaf.
    ///
    /// # Source
    /// RFC 6962, section 2.1: SHA-256 over a zero byte and the data.
    #[must_use]
    pub fn leaf(data: &[u8]) -> Self {
        let mut digest = Sha256::new();
        digest.update([0]);
        digest.update(data);
        Self(digest.finalize().into())
    }

    /// The hash of an inner node.
    ///
    /// # Source
    /// RFC 6962, section 2.1: SHA-256 over a one byte and both children.
    #[must_use]
    pub fn node(left: Self, right: Self) -> Self {
        let mut bytes = [1; 2 * HASH_BYTES + 1];
        bytes[1..=HASH_BYTES].copy_from_slice(&left.0);
        bytes[HASH_BYTES + 1..].copy_from_slice(&right.0);
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreeHash({self})")
    }
}

impl FromStr for TreeHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let mut bytes = [0; HASH_BYTES + 2];
        if text.len() != 44 || STANDARD.decode_slice(text, &mut bytes) != Ok(HASH_BYTES) {
            return Err(NotAHash);
        }
        let mut hash = [0; HASH_BYTES];
        hash.copy_from_slice(&bytes[..HASH_BYTES]);
        Ok(Self(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_back_and_no_other_is_a_hash() {
        let hash = TreeHash::leaf(b"x");
        let text = hash.to_string();
        assert_eq!(text.parse(), Ok(hash));
        for bad in ["", &text[..43], &format!("{text}="), &text.replace('=', "A"), &"-".repeat(44)] {
            assert_eq!(bad.parse::<TreeHash>(), Err(NotAHash), "{bad}");
        }
        // The last character before the padding carries two bits that must be zero.
        let mut second = text.into_bytes();
        second[42] += 1;
        assert_eq!(String::from_utf8(second).unwrap().parse::<TreeHash>(), Err(NotAHash));
    }

    #[test]
    fn published_hashes() {
        assert_eq!(
            hex::encode(TreeHash::empty().0),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            hex::encode(TreeHash::leaf(b"").0),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }
}
