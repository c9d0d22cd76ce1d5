//! Evidence that a member keeps two ledgers: two heads that it signed, of which neither continues the other.
//!
//! Anyone can check it without asking anyone: both heads carry the ledger's signature, and for heads of different sizes a
//! proof shows which root the larger one has for the leaves of the smaller, which is not the root that the smaller claims.
//! Whether the key is the member's is for the registry, which the reader has.
//!
//! Invariant: an honest ledger cannot be accused. Its heads continue each other, and then no proof passes.

use base::limit::EVIDENCE_BYTES_MAX;
use serde::{Deserialize, Serialize};

use crate::checkpoint::{CheckpointError, Origin, SignedCheckpoint};
use crate::hash::TreeHash;
use crate::note::{NoteError, NoteKey};
use crate::proof::{PROOF_HASHES_MAX, ProofError, TreeHead, prefix_roots, verify_consistency};

/// What the file says it is.
const FORMAT: &str = "cresset-split-view-1";

/// Why a file is no evidence, or proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Not the JSON of evidence, or too large.
    #[error("this is not a file of evidence")]
    Form,
    /// The key is none.
    #[error("the evidence names no sound key: {0}")]
    Key(NoteError),
    /// One of the heads is none, or not signed by the key.
    #[error("the {which} head of the evidence does not hold: {error}")]
    Head {
        /// `first` or `second`.
        which: &'static str,
        /// What is wrong with it.
        error: CheckpointError,
    },
    /// The proof does not lead to the larger head.
    #[error("the proof does not belong to the larger head: {0}")]
    Proof(ProofError),
    /// The heads continue each other: nothing is wrong with this ledger.
    #[error("the two heads are consistent: they prove nothing against the ledger")]
    Consistent,
}

/// Two heads of one ledger that cannot both be honest.
///
/// # Shape
/// As a file one JSON object: `{"format": "cresset-split-view-1", "key": verifier key, "first": note, "second": note,
/// "prefix": [base64]}`; the first head has no more leaves than the second, and `prefix` is empty when it has as many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    key: NoteKey,
    first: SignedCheckpoint,
    second: SignedCheckpoint,
    prefix: Vec<TreeHash>,
}

/// What evidence proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitView {
    /// The ledger that has forked.
    pub origin: Origin,
    /// The key that signed both heads.
    pub key: NoteKey,
    /// The smaller head, as it was signed.
    pub claimed: TreeHead,
    /// What the larger head says of as many leaves.
    pub proven: TreeHash,
    /// The larger head.
    pub larger: TreeHead,
}

#[derive(Serialize, Deserialize)]
struct Form {
    format: String,
    key: String,
    first: String,
    second: String,
    prefix: Vec<String>,
}

impl Evidence {
    /// Puts two heads together, in either order. `prefix` comes from the tiles of the larger one
    /// ([`crate::proof::prefix`]); it is empty for heads of one size.
    ///
    /// # Errors
    /// It would prove nothing; see [`EvidenceError`].
    pub fn new(
        key: NoteKey,
        one: SignedCheckpoint,
        other: SignedCheckpoint,
        prefix: Vec<TreeHash>,
    ) -> Result<Self, EvidenceError> {
        let (first, second) = if one.head().size <= other.head().size { (one, other) } else { (other, one) };
        let evidence = Self { key, first, second, prefix };
        evidence.verify()?;
        Ok(evidence)
    }

    /// Reads a file. Nothing of it is verified.
    ///
    /// # Errors
    /// `Form`, `Key` and `Head`.
    pub fn parse(bytes: &[u8]) -> Result<Self, EvidenceError> {
        if bytes.len() > EVIDENCE_BYTES_MAX {
            return Err(EvidenceError::Form);
        }
        let form: Form = serde_json::from_slice(bytes).map_err(|_| EvidenceError::Form)?;
        if form.format != FORMAT || form.prefix.len() > PROOF_HASHES_MAX.saturating_add(1) {
            return Err(EvidenceError::Form);
        }
        let prefix = form.prefix.iter().map(|text| text.parse().map_err(|_| EvidenceError::Form));
        let head = |which, text: &str| {
            SignedCheckpoint::parse(text.as_bytes()).map_err(|error| EvidenceError::Head { which, error })
        };
        Ok(Self {
            key: form.key.parse().map_err(EvidenceError::Key)?,
            first: head("first", &form.first)?,
            second: head("second", &form.second)?,
            prefix: prefix.collect::<Result<_, _>>()?,
        })
    }

    /// The file.
    #[must_use]
    pub fn to_json(&self) -> String {
        let form = Form {
            format: FORMAT.to_owned(),
            key: self.key.to_string(),
            first: self.first.to_string(),
            second: self.second.to_string(),
            prefix: self.prefix.iter().map(TreeHash::to_string).collect(),
        };
        serde_json::to_string(&form).expect("invariant: strings are always JSON")
    }

    /// Checks that the ledger has forked, and tells which key is to be asked about in the registry.
    ///
    /// # Errors
    /// See [`EvidenceError`]; then nothing is proven.
    pub fn verify(&self) -> Result<SplitView, EvidenceError> {
        let origin = self.first.checkpoint().origin.clone();
        let keys = std::slice::from_ref(&self.key);
        let head = |which, checkpoint: &SignedCheckpoint| {
            checkpoint.verify(&origin, keys).map_err(|error| EvidenceError::Head { which, error })
        };
        let claimed = head("first", &self.first)?;
        let larger = head("second", &self.second)?;
        let proven = if claimed.size == larger.size {
            if !self.prefix.is_empty() {
                return Err(EvidenceError::Proof(ProofError::Length(self.prefix.len())));
            }
            larger.root
        } else if claimed.size == 0 {
            // Every tree continues the empty one, and a checkpoint of no leaves has no root but the empty one.
            verify_consistency(claimed, larger, &[]).map_err(EvidenceError::Proof)?;
            return Err(EvidenceError::Consistent);
        } else {
            let (before, after) =
                prefix_roots(claimed.size, larger.size, &self.prefix).map_err(EvidenceError::Proof)?;
            if after != larger.root {
                return Err(EvidenceError::Proof(ProofError::OtherRoot));
            }
            before
        };
        if proven == claimed.root {
            return Err(EvidenceError::Consistent);
        }
        Ok(SplitView { origin, key: self.key.clone(), claimed, proven, larger })
    }
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
