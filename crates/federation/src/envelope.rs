//! Envelopes: an act on its way from one member to another.
//!
//! # Shape
//! A frame (`CRE1`) of: 1 sender, 2 recipient (32 bytes each), 3 lane (one byte), 4 place, 5 the sender's epoch (eight bytes
//! each), 6 the signed act (JSON), 7 salt (32 bytes), 8 payload, 9 proof, 10 tokens of consent (JSON, may repeat), 11 the life of
//! the sender's node where it is not its first (eight bytes), fields of later versions, and last 65535, the sender's signature as text over everything before. Salt and payload are absent
//! when the author has taken them back. The whole is sealed to the recipient.
//!
//! Invariant: nothing of an envelope is used before its sender's signature over all of it was checked.

use base::limit::{DOCUMENT_BYTES_MAX, ENVELOPE_CONSENTS_MAX, ENVELOPE_FIELDS_MAX};
use base::signed::{EnvelopeError, Signed};
use base::signing::{KeyId, KeyTextError, PublicKey, Signature, Signer};
use ledger::checkpoint::SignedCheckpoint;
use ledger::commitment::Salt;
use ledger::proof::PROOF_HASHES_MAX;
use ledger::{HASH_BYTES, TreeHash};

use crate::frame::{self, Magic, Writer};
use crate::rows::Lane;
use crate::{Refused, Rule};

const MAGIC: Magic = *b"CRE1";
const PROOF_MAGIC: Magic = *b"CRI1";
/// What an envelope's signature begins with, so that it is over nothing else.
const SIGNED_AS: &[u8] = b"cresset envelope v1\0";
const FROM: u16 = 1;
const TO: u16 = 2;
pub(crate) const LANE: u16 = 3;
pub(crate) const PLACE: u16 = 4;
const EPOCH: u16 = 5;
pub(crate) const ACT: u16 = 6;
pub(crate) const SALT: u16 = 7;
pub(crate) const PAYLOAD: u16 = 8;
const PROOF: u16 = 9;
pub(crate) const CONSENT: u16 = 10;
const LIFE: u16 = 11;
pub(crate) const SIGNATURE: u16 = u16::MAX;

/// That an act is in its author's ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// Hashes from the leaf's sibling up.
    pub hashes: Vec<TreeHash>,
    /// The head they lead to.
    pub checkpoint: SignedCheckpoint,
}

/// What an envelope shows of where its act stands in its author's ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing: no head covers it yet.
    ToFollow,
    /// The way from the leaf to a head.
    Path(Box<Inclusion>),
    /// A head covers it, and the leaf is to be found in the ledger as the recipient mirrors it. Said in batches that are
    /// sealed as one only; written alone, the envelope shows nothing.
    Mirrored,
}

/// An act on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Who sends it: the act's author, or a holder with the author's consent.
    pub from: KeyId,
    /// To whom.
    pub to: KeyId,
    /// In which lane.
    pub lane: Lane,
    /// Its place in the lane, from 1; 0 in [`Lane::Back`].
    pub place: u64,
    /// Epoch of the registry the sender knows.
    pub epoch: u64,
    /// The act with its author's signature.
    pub act: Signed,
    /// Salt and payload.
    pub payload: Option<(Salt, Vec<u8>)>,
    /// Where the act stands in its author's ledger.
    pub proof: Proof,
    /// The originator's consent, where somebody else sends it.
    pub consents: Vec<Signed>,
    /// The life of the sender's node in which it was sealed; see [`crate::OwnRow::life`].
    pub life: u64,
    /// Fields that this version does not know, with their tags in order.
    pub unknown: Vec<(u16, Vec<u8>)>,
}

impl Envelope {
    /// The envelope signed by its sender, to be sealed.
    ///
    /// # Panics
    /// Never: parts that are too large were refused when they were made.
    #[must_use]
    pub fn sign(&self, signer: &dyn Signer) -> Vec<u8> {
        let mut writer = Writer::new(MAGIC);
        writer.field(FROM, self.from.as_bytes()).field(TO, self.to.as_bytes());
        writer.field(LANE, &[self.lane.number()]).field(PLACE, &self.place.to_be_bytes());
        writer.field(EPOCH, &self.epoch.to_be_bytes()).field(ACT, self.act.to_json().as_bytes());
        if let Some((salt, payload)) = &self.payload {
            writer.field(SALT, salt.as_bytes()).field(PAYLOAD, payload);
        }
        if let Proof::Path(proof) = &self.proof {
            writer.field(PROOF, &proof.to_bytes());
        }
        for consent in &self.consents {
            writer.field(CONSENT, consent.to_json().as_bytes());
        }
        if self.life > 0 {
            writer.field(LIFE, &self.life.to_be_bytes());
        }
        for (tag, bytes) in &self.unknown {
            writer.field(*tag, bytes);
        }
        let signature = signer.sign(&signed_bytes(writer.bytes()));
        writer.field(SIGNATURE, signature.to_string().as_bytes());
        writer.finish()
    }

    /// Reads an envelope that was opened. `keys` tells the keys of a member that takes part, and none of any other.
    ///
    /// # Errors
    /// `EnvelopeForm`, `UnknownSuite`, `SenderUnknown` and `SenderSignature`.
    pub fn open(bytes: &[u8], keys: impl Fn(&KeyId) -> Vec<PublicKey>) -> Result<Self, Refused> {
        let fields = frame::read(MAGIC, bytes, ENVELOPE_FIELDS_MAX).map_err(|_| Rule::EnvelopeForm)?;
        let id = |tag| frame::array(&fields, tag).map(KeyId::from_bytes).ok_or(Rule::EnvelopeForm);
        let from = id(FROM)?;
        let last = fields.last().filter(|field| field.tag == SIGNATURE).ok_or(Rule::EnvelopeForm)?;
        let signature = std::str::from_utf8(last.bytes).map_err(|_| Rule::EnvelopeForm)?;
        let signature: Signature = signature.parse().map_err(|error| form(&error))?;
        let keys = keys(&from);
        if keys.is_empty() {
            return Err(Rule::SenderUnknown.into());
        }
        let signed = signed_bytes(bytes.get(..last.at).ok_or(Rule::EnvelopeForm)?);
        if !keys.iter().any(|key| key.verify(&signed, &signature).is_ok()) {
            return Err(Rule::SenderSignature.into());
        }
        let lane = frame::array::<1>(&fields, LANE).and_then(|[lane]| Lane::from_number(lane));
        let proof = frame::single(&fields, PROOF).map(Inclusion::parse).transpose()?;
        let unknown = fields.iter().filter(|field| {
            ![0..=LIFE, SIGNATURE..=SIGNATURE].iter().any(|known| known.contains(&field.tag))
        });
        Ok(Self {
            from,
            to: id(TO)?,
            lane: lane.ok_or(Rule::EnvelopeForm)?,
            place: frame::number(&fields, PLACE).ok_or(Rule::EnvelopeForm)?,
            epoch: frame::number(&fields, EPOCH).ok_or(Rule::EnvelopeForm)?,
            act: statement(frame::single(&fields, ACT).ok_or(Rule::EnvelopeForm)?)?,
            payload: payload(&fields)?,
            proof: proof.map_or(Proof::ToFollow, |proof| Proof::Path(Box::new(proof))),
            consents: consents(&fields)?,
            life: life(&fields)?,
            unknown: unknown.map(|field| (field.tag, field.bytes.to_vec())).collect(),
        })
    }
}

fn life(fields: &[frame::Field<'_>]) -> Result<u64, Rule> {
    if !fields.iter().any(|field| field.tag == LIFE) {
        return Ok(0);
    }
    frame::number(fields, LIFE).ok_or(Rule::EnvelopeForm)
}

fn signed_bytes(frame: &[u8]) -> Vec<u8> {
    [SIGNED_AS, frame].concat()
}

pub(crate) fn form(error: &KeyTextError) -> Rule {
    if matches!(error, KeyTextError::UnknownSuite(_)) { Rule::UnknownSuite } else { Rule::EnvelopeForm }
}

/// A signed statement from JSON; an unknown suite is told from garbage.
pub(crate) fn statement(json: &[u8]) -> Result<Signed, Rule> {
    Signed::parse(json).map_err(|error| match error {
        EnvelopeError::Signature(error) => form(&error),
        _ => Rule::ActForm,
    })
}

pub(crate) fn payload(fields: &[frame::Field<'_>]) -> Result<Option<(Salt, Vec<u8>)>, Rule> {
    let salt = frame::array(fields, SALT).map(Salt::from_bytes);
    match (salt, frame::single(fields, PAYLOAD)) {
        (Some(salt), Some(payload)) => Ok(Some((salt, payload.to_vec()))),
        (None, None) if !fields.iter().any(|field| field.tag == SALT || field.tag == PAYLOAD) => Ok(None),
        _ => Err(Rule::EnvelopeForm),
    }
}

pub(crate) fn consents(fields: &[frame::Field<'_>]) -> Result<Vec<Signed>, Rule> {
    let found: Vec<&[u8]> =
        fields.iter().filter(|field| field.tag == CONSENT).map(|field| field.bytes).collect();
    if found.len() > ENVELOPE_CONSENTS_MAX || found.iter().any(|token| token.len() > DOCUMENT_BYTES_MAX) {
        return Err(Rule::EnvelopeForm);
    }
    found.into_iter().map(statement).collect()
}

impl Inclusion {
    fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(PROOF_MAGIC);
        let hashes: Vec<u8> = self.hashes.iter().flat_map(|hash| hash.0).collect();
        writer.field(1, self.checkpoint.to_string().as_bytes()).field(2, &hashes);
        writer.finish()
    }

    fn parse(bytes: &[u8]) -> Result<Self, Rule> {
        let fields = frame::read(PROOF_MAGIC, bytes, ENVELOPE_FIELDS_MAX).map_err(|_| Rule::EnvelopeForm)?;
        let note = frame::single(&fields, 1).ok_or(Rule::EnvelopeForm)?;
        let hashes = hashes(frame::single(&fields, 2).ok_or(Rule::EnvelopeForm)?, PROOF_HASHES_MAX)?;
        Ok(Self { hashes, checkpoint: SignedCheckpoint::parse(note).map_err(|_| Rule::EnvelopeForm)? })
    }
}

/// Hashes one after the other, at most `most`.
pub(crate) fn hashes(bytes: &[u8], most: usize) -> Result<Vec<TreeHash>, Rule> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    if !rest.is_empty() || hashes.len() > most {
        return Err(Rule::EnvelopeForm);
    }
    Ok(hashes.iter().map(|hash| TreeHash(*hash)).collect())
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
