//! The file that proves an act to anyone, without asking anyone.
//!
//! It is a C2SP proof file: a leaf's place, the hashes up to the root, and the checkpoint with its cosignatures. The act
//! itself, its author's signature and key, and the payload where it may be shown, stand in the file's extra line. Those who
//! check it need nothing but the file and, to know whose key it is, a snapshot of the registry ([`MemberKeys`]).
//!
//! Invariant: nothing of the extra line is believed that the leaf, the commitment or a signature does not bind.

use std::fmt::Write as _;

use base::limit::{PROOF_FILE_BYTES_MAX, PROOF_PAYLOAD_BYTES_MAX};
use base::signed::Signed;
use base::signing::{KeyId, PublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::act::{Act, ActError};
use crate::checkpoint::{CheckpointError, Cosignature, Origin, SignedCheckpoint, decimal};
use crate::commitment::Salt;
use crate::hash::TreeHash;
use crate::note::{KeyKind, NoteError, NoteKey};
use crate::proof::{PROOF_HASHES_MAX, ProofError, TreeHead, verify_inclusion};

/// First line of the file.
const FORMAT: &str = "c2sp.org/tlog-proof@v1";

/// Why a file is no proof, or does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileError {
    /// Larger than [`PROOF_FILE_BYTES_MAX`].
    #[error("the proof file has {0} bytes, more than {PROOF_FILE_BYTES_MAX}")]
    TooLarge(usize),
    /// Not a proof file.
    #[error("this is not a proof file: the {0} is not as it must be")]
    Form(&'static str),
    /// The act is none, or not signed by the key beside it.
    #[error("the act in the proof does not hold: {0}")]
    Act(#[from] ActError),
    /// The checkpoint is none, or not signed by the author's key.
    #[error("the checkpoint in the proof does not hold: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// A witness's line does not hold.
    #[error("a cosignature in the proof does not hold: {0}")]
    Cosignature(NoteError),
    /// The act is not the leaf it should be.
    #[error("the act is not in the ledger at this place: {0}")]
    NotIncluded(#[from] ProofError),
    /// The payload is not the one the act commits to.
    #[error("the payload is not the one the act commits to")]
    OtherPayload,
    /// The act's own place is not that of the leaf.
    #[error("the act says it is leaf {said}, and the proof is for leaf {index}")]
    OtherPlace {
        /// What the header says.
        said: u64,
        /// What the file says.
        index: u64,
    },
    /// The registry does not know the author.
    #[error("the registry does not know member {0}")]
    UnknownMember(KeyId),
    /// The key is not one of the author's.
    #[error("key {key} is not one of member {member}")]
    ForeignKey {
        /// The key that signed.
        key: KeyId,
        /// The author the act names.
        member: KeyId,
    },
}

/// Whose key is whose, as a snapshot of the registry of members has it.
pub trait MemberKeys {
    /// Every key that may have signed for `member`, past ones too; `None` when the member is not known.
    fn keys_of(&self, member: &KeyId) -> Option<Vec<PublicKey>>;
    /// Every member that may witness.
    fn members(&self) -> Vec<KeyId>;
}

/// An act and everything that proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    /// The act with its author's signature.
    pub act: Signed,
    /// The key it is signed with.
    pub key: PublicKey,
    /// Salt and payload, where they are shown.
    pub payload: Option<(Salt, Vec<u8>)>,
    /// Which leaf it is.
    pub index: u64,
    /// Hashes from the leaf's sibling up to the root's child.
    pub hashes: Vec<TreeHash>,
    /// The head that covers it.
    pub checkpoint: SignedCheckpoint,
}

/// What a proof file proves.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The act.
    pub act: Act,
    /// The payload, where it was shown and is the one committed to.
    pub payload: Option<Vec<u8>>,
    /// The head that covers it.
    pub head: TreeHead,
    /// Which members saw that head, and when.
    pub cosignatures: Vec<Cosignature>,
    /// Signatures under the head by nobody who is known: they prove nothing and spoil nothing (C2SP signed-note).
    pub unknown_signatures: usize,
}

#[derive(Serialize, Deserialize)]
struct Extra {
    act: Signed,
    key: PublicKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
}

impl ProofFile {
    /// Reads a file. Nothing of it is verified.
    ///
    /// # Errors
    /// `TooLarge`, `Form` and `Checkpoint`.
    ///
    /// # Source
    /// C2SP tlog-proof, "Format".
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        if bytes.len() > PROOF_FILE_BYTES_MAX {
            return Err(ProofFileError::TooLarge(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ProofFileError::Form("text"))?;
        let (head, note) = text.split_once("\n\n").ok_or(ProofFileError::Form("empty line"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(FORMAT) {
            return Err(ProofFileError::Form("first line"));
        }
        let extra = lines.next().and_then(|line| line.strip_prefix("extra "));
        let extra =
            extra.and_then(|text| STANDARD.decode(text).ok()).ok_or(ProofFileError::Form("extra line"))?;
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or(ProofFileError::Form("index line"))?;
        let mut hashes = Vec::new();
        for line in lines {
            if hashes.len() >= PROOF_HASHES_MAX {
                return Err(ProofFileError::Form("number of hashes"));
            }
            hashes.push(line.parse().map_err(|_| ProofFileError::Form("line of a hash"))?);
        }
        let checkpoint = SignedCheckpoint::parse(note.as_bytes())?;
        let (act, key, payload) = read_extra(&extra)?;
        Ok(Self { act, key, payload, index, hashes, checkpoint })
    }

    /// The file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let extra = Extra {
            act: self.act.clone(),
            key: self.key,
            salt: self.payload.as_ref().map(|(salt, _)| STANDARD.encode(salt.as_bytes())),
            payload: self.payload.as_ref().map(|(_, payload)| STANDARD.encode(payload)),
        };
        let extra = serde_json::to_vec(&extra).expect("invariant: strings are always JSON");
        let mut text = format!("{FORMAT}\nextra {}\nindex {}\n", STANDARD.encode(extra), self.index);
        for hash in &self.hashes {
            writeln!(text, "{hash}").expect("invariant: a string takes all");
        }
        write!(text, "\n{}", self.checkpoint).expect("invariant: a string takes all");
        text
    }

    /// Checks everything the file claims: the author's signature on the act, that the key is the author's, the payload
    /// against its commitment, the act's place in the tree, the author's signature on the head, and every cosignature by a
    /// member.
    ///
    /// Without a registry a member counts as the key it is called by, so that one who has changed keys is not known, and
    /// nobody's cosignature is.
    ///
    /// # Errors
    /// See [`ProofFileError`]; the first thing that does not hold.
    pub fn verify(&self, members: Option<&dyn MemberKeys>) -> Result<Proven, ProofFileError> {
        let act = Act::open(&self.act, &self.key)?;
        let author = act.header().author;
        let keys = match members {
            Some(members) => members.keys_of(&author),
            None => Some(vec![self.key]).filter(|_| self.key.id() == author),
        };
        let keys = keys.ok_or(ProofFileError::UnknownMember(author))?;
        if !keys.contains(&self.key) {
            return Err(ProofFileError::ForeignKey { key: self.key.id(), member: author });
        }
        let payload = self.committed_payload(&act)?;
        if act.header().sequence != self.index {
            return Err(ProofFileError::OtherPlace { said: act.header().sequence, index: self.index });
        }
        let origin = Origin::of_member(&author);
        let log_keys: Vec<NoteKey> =
            keys.iter().map(|key| NoteKey::new(origin.key_name().clone(), KeyKind::Ed25519, *key)).collect();
        let head = self.checkpoint.verify(&origin, &log_keys)?;
        verify_inclusion(act.leaf(), self.index, head.size, &self.hashes, head.root)?;
        let witnesses = members.map(|members| self.claimed_witnesses(members)).unwrap_or_default();
        let cosignatures = self.checkpoint.cosignatures(&witnesses).map_err(ProofFileError::Cosignature)?;
        let known: Vec<&NoteKey> = log_keys.iter().chain(&witnesses).collect();
        let lines = self.checkpoint.note().signatures().iter();
        let unknown_signatures = lines.filter(|line| !known.iter().any(|key| key.claims(line))).count();
        Ok(Proven { act, payload, head, cosignatures, unknown_signatures })
    }

    fn committed_payload(&self, act: &Act) -> Result<Option<Vec<u8>>, ProofFileError> {
        let Some((salt, payload)) = &self.payload else { return Ok(None) };
        if act.header().payload != Some(salt.commit(payload)) {
            return Err(ProofFileError::OtherPayload);
        }
        Ok(Some(payload.clone()))
    }

    /// Keys of the members whose names stand below the checkpoint: no other need be looked at.
    fn claimed_witnesses(&self, members: &dyn MemberKeys) -> Vec<NoteKey> {
        let mut witnesses = Vec::new();
        for member in members.members() {
            let name = Origin::of_member(&member);
            let lines = self.checkpoint.note().signatures();
            if lines.iter().any(|line| line.name() == name.key_name()) {
                let keys = members.keys_of(&member).unwrap_or_default();
                let named = |key| NoteKey::new(name.key_name().clone(), KeyKind::Cosignature, key);
                witnesses.extend(keys.into_iter().map(named));
            }
        }
        witnesses
    }
}

/// The act, the key it is signed with, and salt and payload where they are shown.
type Shown = (Signed, PublicKey, Option<(Salt, Vec<u8>)>);

fn read_extra(bytes: &[u8]) -> Result<Shown, ProofFileError> {
    let extra: Extra = serde_json::from_slice(bytes).map_err(|_| ProofFileError::Form("extra line"))?;
    let payload = match (&extra.salt, &extra.payload) {
        (Some(salt), Some(payload)) => {
            Some(read_payload(salt, payload).ok_or(ProofFileError::Form("payload"))?)
        }
        (None, None) => None,
        _ => return Err(ProofFileError::Form("payload")),
    };
    Ok((extra.act, extra.key, payload))
}

fn read_payload(salt: &str, payload: &str) -> Option<(Salt, Vec<u8>)> {
    let salt = STANDARD.decode(salt).ok()?.try_into().ok()?;
    let payload = STANDARD.decode(payload).ok().filter(|bytes| bytes.len() <= PROOF_PAYLOAD_BYTES_MAX)?;
    Some((Salt::from_bytes(salt), payload))
}

#[cfg(test)]
#[path = "proof_file_tests.rs"]
mod tests;
