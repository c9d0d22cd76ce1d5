//! Messages between peers, from exact bytes to types and back, each within a named limit.
//!
//! | door | asked with | answered with |
//! |---|---|---|
//! | `POST /federation/v1/hello` | a signed [`crate::Hello`] | a signed [`crate::Hello`] |
//! | `POST /federation/v1/outbox` | a signed [`Ack`] (how far the asker has read) | a batch of sealed envelopes |
//! | `POST /federation/v1/inbox` | a batch of sealed envelopes | a signed [`Ack`] |
//! | `GET /federation/v1/registry?after=` | - | a [`RegistryPage`] |
//! | `POST /federation/v1/heads` | [`HeadUpdate`]s | [`Cosigned`] lines |
//!
//! What they say is not verified here; each type says by whom it must be.

use std::collections::BTreeMap;

use base::limit::{
    ACK_REFUSALS_MAX, BATCH_BYTES_MAX, BATCH_ENVELOPES_MAX, COURIER_ENVELOPES_MAX, HEAD_LEAVES_MAX,
    HEADS_MAX, REGISTRY_PAGE_MAX,
};
use base::signed::Signed;
use base::signing::{KeyId, PublicKey, Signer};
use ledger::TreeHash;
use ledger::checkpoint::SignedCheckpoint;
use ledger::note::NoteSignature;
use ledger::proof::PROOF_HASHES_MAX;
use serde::{Deserialize, Serialize};

use crate::envelope::hashes;
use crate::frame::{self, FrameError, Magic, Writer};
use crate::seal::{SealError, Sealed};

const BATCH: Magic = *b"CRB1";
const HEADS: Magic = *b"CRHS";
const HEAD: Magic = *b"CRH1";
const COSIGNED: Magic = *b"CRW1";
const REGISTRY: Magic = *b"CRR1";

/// What a signed acknowledgement says it is.
pub const ACK_TYPE: &str = "application/vnd.cresset.ack.v1+json";

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not the frame of the message.
    #[error("cannot read the message: {0}")]
    Frame(#[from] FrameError),
    /// Larger than is taken.
    #[error("the message has {0} bytes, more than is taken")]
    TooLarge(usize),
    /// A sealed envelope in it is none.
    #[error("cannot read an envelope of the batch: {0}")]
    Seal(#[from] SealError),
    /// A part is missing or is not as it must be.
    #[error("the {0} of the message is not as it must be")]
    Part(&'static str),
    /// Not signed by a key of who it claims to be from.
    #[error("the message is not signed by the member it names")]
    Signature,
    /// It is for somebody else.
    #[error("the message is for another member")]
    OtherRecipient,
}

/// A batch of sealed envelopes as one message.
#[must_use]
pub fn batch_to(envelopes: &[Sealed]) -> Vec<u8> {
    let mut writer = Writer::new(BATCH);
    for envelope in envelopes {
        writer.field(1, envelope.as_bytes());
    }
    writer.finish()
}

/// Reads a batch.
///
/// # Errors
/// `TooLarge` above [`BATCH_BYTES_MAX`], `Frame` also for more than [`BATCH_ENVELOPES_MAX`] envelopes, and `Seal`.
pub fn batch_from(bytes: &[u8]) -> Result<Vec<Sealed>, WireError> {
    envelopes(bytes, BATCH_BYTES_MAX, BATCH_ENVELOPES_MAX)
}

pub(crate) fn courier_batch_from(bytes: &[u8]) -> Result<Vec<Sealed>, WireError> {
    envelopes(bytes, base::limit::COURIER_BYTES_MAX, COURIER_ENVELOPES_MAX)
}

fn envelopes(bytes: &[u8], bytes_max: usize, fields_max: usize) -> Result<Vec<Sealed>, WireError> {
    if bytes.len() > bytes_max {
        return Err(WireError::TooLarge(bytes.len()));
    }
    let fields = frame::read(BATCH, bytes, fields_max)?;
    let known = fields.into_iter().filter(|field| field.tag == 1);
    known.map(|field| Ok(Sealed::parse(field.bytes.to_vec())?)).collect()
}

/// How far a node has read what a peer sent, and what it refused of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Who has read.
    pub from: KeyId,
    /// Whose envelopes.
    pub to: KeyId,
    /// The latest life of the other's node that it has heard of: places of another one are others. `None` = it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life: Option<u64>,
    /// The last place taken in each lane, FLASH first.
    pub cursors: [u64; 2],
    /// What was refused, as far as it is not known that the other has been told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<AckRefusal>,
    /// In a courier file, where no greeting goes before: leaves of each ledger that it has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub heads: BTreeMap<KeyId, u64>,
    /// Said to a member that takes back what it lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<Back>,
}

/// How far a member has given back, said with what it gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Back {
    /// The life of the other's node in which it asked; said of another life it counts for nothing.
    pub life: u64,
    /// The place to ask from next; `None` = this was all.
    pub next: Option<u64>,
    /// The last place given to something for the other in each lane, FLASH first.
    pub sent: [u64; 2],
    /// Leaves of the other's ledger that it mirrors: heads travel unsigned by who tells them, so that somebody on the way could
    /// keep them back.
    pub leaves: u64,
    /// Acts that go with this word.
    pub acts: u64,
    /// Epoch of the registry known to who says so: whoever is behind does not know all who have something to give back.
    pub epoch: u64,
}

/// One refusal in an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AckRefusal {
    /// 0 FLASH, 1 routine.
    pub lane: u8,
    /// Its place in the lane.
    pub place: u64,
    /// The code, with the handling rule after a slash where handling decided.
    pub rule: String,
}

impl Ack {
    /// The acknowledgement, signed.
    ///
    /// # Panics
    /// Never: it is bounded far below what a signed statement takes.
    #[must_use]
    pub fn sign(&self, signer: &dyn Signer) -> Signed {
        let payload = serde_json::to_vec(self).expect("invariant: strings and numbers are always JSON");
        Signed::sign(ACK_TYPE, payload, signer).expect("invariant: refusals are bounded")
    }

    /// Reads an acknowledgement for `me` that is signed by the member it is from.
    ///
    /// # Errors
    /// `Part`, `Signature` and `OtherRecipient`.
    pub fn open(
        signed: &Signed,
        me: &KeyId,
        keys: impl Fn(&KeyId) -> Vec<PublicKey>,
    ) -> Result<Self, WireError> {
        let ack: Self = serde_json::from_slice(signed.unverified_payload())
            .map_err(|_| WireError::Part("acknowledgement"))?;
        if !keys(&ack.from).iter().any(|key| signed.verify_with(ACK_TYPE, key).is_ok()) {
            return Err(WireError::Signature);
        }
        if ack.to != *me {
            return Err(WireError::OtherRecipient);
        }
        if ack.refused.len() > ACK_REFUSALS_MAX {
            return Err(WireError::Part("number of refusals"));
        }
        if ack.heads.len() > HEADS_MAX {
            return Err(WireError::Part("number of heads"));
        }
        Ok(ack)
    }
}

/// A head of a ledger, for somebody who has an earlier one: the proof that it continues that, and the leaves between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadUpdate {
    /// Whose ledger.
    pub origin: KeyId,
    /// The head, with the cosignatures known.
    pub note: SignedCheckpoint,
    /// Leaves of the head the asker has; 0 = none.
    pub old: u64,
    /// What [`ledger::proof::prefix_roots`] takes; empty when `old` is 0 or the head's own size.
    pub prefix: Vec<TreeHash>,
    /// The leaves from `old` on; where they are more than go at once, the first of them.
    pub leaves: Vec<TreeHash>,
    /// Where the leaves end before the head does: what [`ledger::proof::prefix_roots`] takes to show that the head begins with
    /// them. Else empty.
    pub rest: Vec<TreeHash>,
}

impl HeadUpdate {
    /// How many leaves somebody has after it who had `old` of them.
    #[must_use]
    pub fn upto(&self) -> u64 {
        self.old.saturating_add(u64::try_from(self.leaves.len()).unwrap_or(u64::MAX))
    }

    /// Whether more of its leaves have to come.
    #[must_use]
    pub fn is_part(&self) -> bool {
        self.upto() < self.note.head().size
    }

    /// Several of them as one message.
    #[must_use]
    pub fn to_bytes(updates: &[Self]) -> Vec<u8> {
        let mut writer = Writer::new(HEADS);
        for update in updates {
            let mut one = Writer::new(HEAD);
            let prefix: Vec<u8> = update.prefix.iter().flat_map(|hash| hash.0).collect();
            let leaves: Vec<u8> = update.leaves.iter().flat_map(|hash| hash.0).collect();
            one.field(1, update.origin.as_bytes()).field(2, update.note.to_string().as_bytes());
            one.field(3, &update.old.to_be_bytes()).field(4, &prefix).field(5, &leaves);
            if !update.rest.is_empty() {
                let rest: Vec<u8> = update.rest.iter().flat_map(|hash| hash.0).collect();
                one.field(6, &rest);
            }
            writer.field(1, one.bytes());
        }
        writer.finish()
    }

    /// Reads a message of heads.
    ///
    /// # Errors
    /// `TooLarge`, `Frame` and `Part`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Vec<Self>, WireError> {
        if bytes.len() > BATCH_BYTES_MAX {
            return Err(WireError::TooLarge(bytes.len()));
        }
        let fields = frame::read(HEADS, bytes, HEADS_MAX.saturating_add(1))?;
        fields.iter().filter(|field| field.tag == 1).map(|field| Self::read(field.bytes)).collect()
    }

    fn read(bytes: &[u8]) -> Result<Self, WireError> {
        let fields = frame::read(HEAD, bytes, base::limit::ENVELOPE_FIELDS_MAX)?;
        let part = |tag, name| frame::single(&fields, tag).ok_or(WireError::Part(name));
        let list = |tag, name, most| hashes(part(tag, name)?, most).map_err(|_| WireError::Part(name));
        Ok(Self {
            origin: frame::array(&fields, 1).map(KeyId::from_bytes).ok_or(WireError::Part("ledger"))?,
            note: SignedCheckpoint::parse(part(2, "head")?).map_err(|_| WireError::Part("head"))?,
            old: frame::number(&fields, 3).ok_or(WireError::Part("old size"))?,
            prefix: list(4, "prefix", PROOF_HASHES_MAX.saturating_add(1))?,
            leaves: list(5, "leaves", HEAD_LEAVES_MAX)?,
            rest: match fields.iter().any(|field| field.tag == 6) {
                true => list(6, "rest", PROOF_HASHES_MAX.saturating_add(1))?,
                false => Vec::new(),
            },
        })
    }
}

/// A witness's line under a head, on its way back to whose head it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// The witness.
    pub witness: KeyId,
    /// Leaves of the head.
    pub size: u64,
    /// The line.
    pub line: NoteSignature,
}

impl Cosigned {
    /// The line as a message.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(COSIGNED);
        writer.field(1, self.witness.as_bytes()).field(2, &self.size.to_be_bytes());
        writer.field(3, self.line.to_string().as_bytes());
        writer.finish()
    }

    /// Reads a line.
    ///
    /// # Errors
    /// `Frame` and `Part`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        let fields = frame::read(COSIGNED, bytes, base::limit::ENVELOPE_FIELDS_MAX)?;
        let line = frame::single(&fields, 3).and_then(|line| std::str::from_utf8(line).ok());
        let line = line.and_then(|line| NoteSignature::parse(line).ok());
        Ok(Self {
            witness: frame::array(&fields, 1).map(KeyId::from_bytes).ok_or(WireError::Part("witness"))?,
            size: frame::number(&fields, 2).ok_or(WireError::Part("size"))?,
            line: line.ok_or(WireError::Part("line"))?,
        })
    }
}

/// Entries of the registry, as the crate that replays them writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryPage {
    /// The entries.
    pub entries: Vec<Vec<u8>>,
    /// Whether there are more.
    pub more: bool,
}

impl RegistryPage {
    /// The page as a message.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(REGISTRY);
        for entry in &self.entries {
            writer.field(1, entry);
        }
        writer.field(2, &[u8::from(self.more)]);
        writer.finish()
    }

    /// Reads a page. Its entries are not looked into.
    ///
    /// # Errors
    /// `TooLarge`, `Frame` and `Part`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > BATCH_BYTES_MAX {
            return Err(WireError::TooLarge(bytes.len()));
        }
        let fields = frame::read(REGISTRY, bytes, REGISTRY_PAGE_MAX.saturating_add(2))?;
        let entries: Vec<Vec<u8>> =
            fields.iter().filter(|field| field.tag == 1).map(|field| field.bytes.to_vec()).collect();
        if entries.len() > REGISTRY_PAGE_MAX {
            return Err(WireError::Part("number of entries"));
        }
        match frame::array::<1>(&fields, 2) {
            Some([0]) => Ok(Self { entries, more: false }),
            Some([1]) => Ok(Self { entries, more: true }),
            _ => Err(WireError::Part("end")),
        }
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
