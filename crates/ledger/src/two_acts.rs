//! Evidence that a member did two things at one place of its ledger: two acts that it signed for the place, or one that it signed and
//! another leaf that its ledger has there.
//!
//! An act is bound to its author by a signature, or by its leaf under a signed head; either is checked with the author's keys. The file
//! brings keys for whoever has no registry: then a member counts as the key it is called by, as in a proof.
//!
//! Invariant: an honest ledger cannot be accused. Its node signs one act for each place, the one whose leaf it adds in the same moment.

use base::limit::EVIDENCE_BYTES_MAX;
use base::signed::Signed;
use base::signing::{KeyId, PublicKey};
use serde::{Deserialize, Serialize};

use crate::act::{Act, ActError};
use crate::checkpoint::{CheckpointError, Origin, SignedCheckpoint};
use crate::hash::{HASH_BYTES, TreeHash};
use crate::note::{KeyKind, NoteKey};
use crate::proof::{PROOF_HASHES_MAX, ProofError, verify_inclusion};
use crate::proof_file::MemberKeys;

/// Most keys that are read out of a file.
const KEYS_MAX: usize = 64;

/// Why a file is no evidence of two acts, or proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TwoActsError {
    /// Not the JSON of such evidence, or too large.
    #[error("this is not a file of evidence")]
    Form,
    /// One of the acts cannot be read.
    #[error("an act of the evidence cannot be read: {0}")]
    Act(#[from] ActError),
    /// An act is bound to its author by nothing.
    #[error("an act of the evidence is not signed by a key of member {0}")]
    Unsigned(KeyId),
    /// The acts are of two members, or for two places.
    #[error("the two acts are not for one place of one ledger")]
    OtherPlace,
    /// The head is none, or not signed by a key of the author.
    #[error("the head of the evidence does not hold: {0}")]
    Head(#[from] CheckpointError),
    /// The leaf is not in the ledger at the place of the act.
    #[error("the leaf is not in the ledger at this place: {0}")]
    NotIncluded(#[from] ProofError),
    /// Nothing is wrong with this ledger.
    #[error("the two acts are one: they prove nothing against the ledger")]
    Same,
    /// The registry, or without one the file, has no key of the author.
    #[error("no key of member {0} is known")]
    UnknownMember(KeyId),
}

/// What stands in a ledger at the place of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// This act.
    Act(Signed),
    /// This leaf; the act that it stands for is not known.
    Hash(TreeHash),
}

/// What contradicts a signed act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Other {
    /// Another act that is signed for the same place.
    Signed(Signed),
    /// What the ledger has there.
    InLedger {
        /// Its leaf.
        leaf: Leaf,
        /// Hashes from the leaf's sibling up to the root's child.
        hashes: Vec<TreeHash>,
        /// The head that covers it.
        head: SignedCheckpoint,
    },
}

/// A signed act, and what contradicts it.
///
/// # Shape
/// As a file one JSON object: `{"format": "cresset-two-acts-1", "keys": [key], "first": act, "second": act}`, or `{"format":
/// "cresset-leaf-and-act-1", "keys": [key], "head": note, "proof": [hexadecimal], "leaf": act or hash, "act": act}`. Files of earlier
/// builds bring no keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwoActs {
    keys: Vec<PublicKey>,
    act: Signed,
    other: Other,
}

/// What evidence of two acts proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwoStories {
    /// The member that did both.
    pub author: KeyId,
    /// The place in its ledger.
    pub sequence: u64,
    /// The leaf of the signed act.
    pub signed: TreeHash,
    /// The leaf of what contradicts it.
    pub other: TreeHash,
    /// Whether that stands in the ledger, under a head that the author signed; else it is a second signed act.
    pub in_ledger: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "format")]
enum Form {
    #[serde(rename = "cresset-two-acts-1")]
    Signed {
        #[serde(default)]
        keys: Vec<PublicKey>,
        first: Signed,
        second: Signed,
    },
    #[serde(rename = "cresset-leaf-and-act-1")]
    InLedger {
        #[serde(default)]
        keys: Vec<PublicKey>,
        head: String,
        proof: Vec<String>,
        leaf: LeafForm,
        act: Signed,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum LeafForm {
    Hash(String),
    Act(Signed),
}

impl TwoActs {
    /// Puts an act together with what contradicts it. `keys` are those that may have signed for its author.
    ///
    /// # Errors
    /// It would prove nothing; see [`TwoActsError`].
    pub fn new(keys: Vec<PublicKey>, act: Signed, other: Other) -> Result<Self, TwoActsError> {
        let evidence = Self { keys, act, other };
        evidence.holds(&evidence.keys)?;
        Ok(evidence)
    }

    /// Reads a file. Nothing of it is verified.
    ///
    /// # Errors
    /// `Form` and `Head`.
    pub fn parse(bytes: &[u8]) -> Result<Self, TwoActsError> {
        if bytes.len() > EVIDENCE_BYTES_MAX {
            return Err(TwoActsError::Form);
        }
        let form: Form = serde_json::from_slice(bytes).map_err(|_| TwoActsError::Form)?;
        let evidence = match form {
            Form::Signed { keys, first, second } => Self { keys, act: second, other: Other::Signed(first) },
            Form::InLedger { keys, head, proof, leaf, act } => {
                if proof.len() > PROOF_HASHES_MAX {
                    return Err(TwoActsError::Form);
                }
                let hashes: Option<Vec<TreeHash>> = proof.iter().map(|text| read_hash(text)).collect();
                let leaf = match leaf {
                    LeafForm::Hash(text) => Leaf::Hash(text.parse().map_err(|_| TwoActsError::Form)?),
                    LeafForm::Act(act) => Leaf::Act(act),
                };
                let head = SignedCheckpoint::parse(head.as_bytes())?;
                let hashes = hashes.ok_or(TwoActsError::Form)?;
                Self { keys, act, other: Other::InLedger { leaf, hashes, head } }
            }
        };
        if evidence.keys.len() > KEYS_MAX { Err(TwoActsError::Form) } else { Ok(evidence) }
    }

    /// The file.
    #[must_use]
    pub fn to_json(&self) -> String {
        let (keys, act) = (self.keys.clone(), self.act.clone());
        let form = match &self.other {
            Other::Signed(first) => Form::Signed { keys, first: first.clone(), second: act },
            Other::InLedger { leaf, hashes, head } => Form::InLedger {
                keys,
                head: head.to_string(),
                proof: hashes.iter().map(|hash| hex::encode(hash.0)).collect(),
                leaf: match leaf {
                    Leaf::Hash(hash) => LeafForm::Hash(hash.to_string()),
                    Leaf::Act(act) => LeafForm::Act(act.clone()),
                },
                act,
            },
        };
        serde_json::to_string(&form).expect("invariant: strings are always JSON")
    }

    /// Checks that one member did two things at one place.
    ///
    /// Without a registry a member counts as the key it is called by, so that one who has changed keys is not known.
    ///
    /// # Errors
    /// See [`TwoActsError`]; then nothing is proven.
    pub fn verify(&self, members: Option<&dyn MemberKeys>) -> Result<TwoStories, TwoActsError> {
        let author = Act::peek(&self.act)?.header().author;
        let keys = match members {
            Some(members) => members.keys_of(&author).unwrap_or_default(),
            None => self.keys.iter().filter(|key| key.id() == author).copied().collect(),
        };
        if keys.is_empty() {
            return Err(TwoActsError::UnknownMember(author));
        }
        self.holds(&keys)
    }

    fn holds(&self, keys: &[PublicKey]) -> Result<TwoStories, TwoActsError> {
        let act = signed_act(&self.act, keys)?;
        let (author, sequence) = (act.header().author, act.header().sequence);
        let same_place = |other: &Act| {
            let header = other.header();
            if header.author == author && header.sequence == sequence {
                Ok(other.leaf())
            } else {
                Err(TwoActsError::OtherPlace)
            }
        };
        let (other, in_ledger) = match &self.other {
            Other::Signed(signed) => (same_place(&signed_act(signed, keys)?)?, false),
            Other::InLedger { leaf, hashes, head } => {
                let leaf = match leaf {
                    Leaf::Hash(hash) => *hash,
                    Leaf::Act(signed) => same_place(&Act::peek(signed)?)?,
                };
                let origin = Origin::of_member(&author);
                let note_key =
                    |key: &PublicKey| NoteKey::new(origin.key_name().clone(), KeyKind::Ed25519, *key);
                let note_keys: Vec<NoteKey> = keys.iter().map(note_key).collect();
                let head = head.verify(&origin, &note_keys)?;
                verify_inclusion(leaf, sequence, head.size, hashes, head.root)?;
                (leaf, true)
            }
        };
        if other == act.leaf() {
            return Err(TwoActsError::Same);
        }
        Ok(TwoStories { author, sequence, signed: act.leaf(), other, in_ledger })
    }
}

/// The act that one of its author's keys signed.
fn signed_act(signed: &Signed, keys: &[PublicKey]) -> Result<Act, TwoActsError> {
    let author = Act::peek(signed)?.header().author;
    keys.iter().find_map(|key| Act::open(signed, key).ok()).ok_or(TwoActsError::Unsigned(author))
}

fn read_hash(text: &str) -> Option<TreeHash> {
    let mut bytes = [0; HASH_BYTES];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(TreeHash(bytes))
}

#[cfg(test)]
#[path = "two_acts_tests.rs"]
mod tests;
