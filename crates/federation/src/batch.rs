//! A batch that is signed once and sealed once: what goes between two nodes that speak version 2.
//!
//! # Shape
//! A frame (`CRB2`) of: 1 sender, 2 recipient (32 bytes each), 3 the sender's epoch (eight bytes), 4 entries (may repeat), fields
//! of later versions, and last 65535, the sender's signature as text, over `cresset batch v2`, a zero byte and the SHA-256 of
//! everything before. An entry is a frame (`CRE2`) with the fields of an envelope by the same tags: 3 lane, 4 place, 6 the
//! signed act, 7 salt, 8 payload, 10 tokens of consent, and 11, without bytes, when a head covers the act; no proof, since
//! who takes such an act mirrors its leaf. The whole is sealed to the recipient.
//!
//! An entry whose lane and place can be read and whose rest cannot is refused in its place, so that it holds up nothing.
//!
//! Invariant: nothing of a batch is used before its sender's signature over all of it was checked.

use base::limit::{BATCH_ENVELOPES_MAX, ENVELOPE_FIELDS_MAX};
use base::signed::Signed;
use base::signing::{KeyId, PublicKey, Signature, Signer};
use ledger::commitment::Salt;
use sha2::{Digest, Sha256};

use crate::envelope::{
    ACT, CONSENT, Envelope, LANE, PAYLOAD, PLACE, Proof, SALT, SIGNATURE, consents, form, payload, statement,
};
use crate::frame::{self, Magic, Writer};
use crate::rows::Lane;
use crate::seal::Sealed;
use crate::{Exchange, Refused, Rule};

const MAGIC: Magic = *b"CRB2";
const ENTRY_MAGIC: Magic = *b"CRE2";
/// What a batch's signature begins with, so that it is over nothing else.
const SIGNED_AS: &[u8] = b"cresset batch v2\0";
const FROM: u16 = 1;
const TO: u16 = 2;
const EPOCH: u16 = 3;
const ENTRY: u16 = 4;
const COVERED: u16 = 11;

/// What is said once for all entries of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHead {
    /// Who sends it.
    pub from: KeyId,
    /// To whom.
    pub to: KeyId,
    /// Epoch of the registry the sender knows.
    pub epoch: u64,
}

/// The bytes of an entry, as [`sign_batch`] takes them; sender, recipient and epoch of the envelope are not among them.
#[must_use]
pub fn entry_bytes(envelope: &Envelope) -> Vec<u8> {
    let payload = envelope.payload.as_ref().map(|(salt, bytes)| (salt, bytes.as_slice()));
    EntryParts {
        at: (envelope.lane, envelope.place),
        act: &envelope.act.to_json(),
        payload,
        covered: envelope.proof != Proof::ToFollow,
        consents: &envelope.consents,
    }
    .to_bytes(&envelope.unknown)
}

/// What an entry says.
pub(crate) struct EntryParts<'a> {
    pub(crate) at: (Lane, u64),
    pub(crate) act: &'a str,
    pub(crate) payload: Option<(&'a Salt, &'a [u8])>,
    pub(crate) covered: bool,
    pub(crate) consents: &'a [Signed],
}

impl EntryParts<'_> {
    pub(crate) fn to_bytes(&self, unknown: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let (lane, place) = self.at;
        let mut writer = Writer::new(ENTRY_MAGIC);
        writer.field(LANE, &[lane.number()]).field(PLACE, &place.to_be_bytes());
        writer.field(ACT, self.act.as_bytes());
        if let Some((salt, payload)) = self.payload {
            writer.field(SALT, salt.as_bytes()).field(PAYLOAD, payload);
        }
        for consent in self.consents {
            writer.field(CONSENT, consent.to_json().as_bytes());
        }
        if self.covered {
            writer.field(COVERED, &[]);
        }
        for (tag, bytes) in unknown {
            writer.field(*tag, bytes);
        }
        writer.finish()
    }
}

/// Entries signed as one by their sender, to be sealed.
#[must_use]
pub fn sign_batch(head: &BatchHead, entries: &[Vec<u8>], signer: &dyn Signer) -> Vec<u8> {
    let mut writer = Writer::new(MAGIC);
    writer.field(FROM, head.from.as_bytes()).field(TO, head.to.as_bytes());
    writer.field(EPOCH, &head.epoch.to_be_bytes());
    for entry in entries {
        writer.field(ENTRY, entry);
    }
    let signature = signer.sign(&signed_bytes(writer.bytes()));
    writer.field(SIGNATURE, signature.to_string().as_bytes());
    writer.finish()
}

fn signed_bytes(frame: &[u8]) -> Vec<u8> {
    [SIGNED_AS, Sha256::digest(frame).as_slice()].concat()
}

/// A batch whose sender is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedBatch {
    /// What is said once.
    pub head: BatchHead,
    /// What it brings, to be judged one after the other.
    pub entries: Vec<Entry>,
    /// Fields that this version does not know, with their tags in order.
    pub unknown: Vec<(u16, Vec<u8>)>,
}

/// One act of a batch at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its lane and place.
    pub at_place: (Lane, u64),
    /// The envelope, or what speaks against its form.
    pub envelope: Result<Envelope, Rule>,
}

impl Entry {
    /// The payload in it, for who has to know what it speaks of before it can be judged.
    #[must_use]
    pub fn payload(&self) -> Option<&[u8]> {
        self.envelope.as_ref().ok()?.payload.as_ref().map(|(_, bytes)| bytes.as_slice())
    }

    fn read(head: &BatchHead, bytes: &[u8]) -> Result<Self, Rule> {
        let fields = frame::read(ENTRY_MAGIC, bytes, ENVELOPE_FIELDS_MAX).map_err(|_| Rule::EnvelopeForm)?;
        let lane = frame::array::<1>(&fields, LANE).and_then(|[lane]| Lane::from_number(lane));
        let lane = lane.filter(|lane| Lane::QUEUES.contains(lane)).ok_or(Rule::EnvelopeForm)?;
        let place = frame::number(&fields, PLACE).ok_or(Rule::EnvelopeForm)?;
        let at_place = (lane, place);
        Ok(Self { at_place, envelope: envelope(head, at_place, &fields) })
    }
}

fn envelope(head: &BatchHead, at: (Lane, u64), fields: &[frame::Field<'_>]) -> Result<Envelope, Rule> {
    let proof = match frame::single(fields, COVERED) {
        Some([]) => Proof::Mirrored,
        None if !fields.iter().any(|field| field.tag == COVERED) => Proof::ToFollow,
        _ => return Err(Rule::EnvelopeForm),
    };
    let unknown = fields.iter().filter(|field| field.tag > COVERED);
    Ok(Envelope {
        from: head.from,
        to: head.to,
        lane: at.0,
        place: at.1,
        epoch: head.epoch,
        act: statement(frame::single(fields, ACT).ok_or(Rule::EnvelopeForm)?)?,
        payload: payload(fields)?,
        proof,
        consents: consents(fields)?,
        // A batch travels in turns alone, whose greeting says it.
        life: 0,
        unknown: unknown.map(|field| (field.tag, field.bytes.to_vec())).collect(),
    })
}

impl OpenedBatch {
    /// Reads a batch that was unsealed. `keys` tells the keys of a member that takes part, and none of any other.
    ///
    /// # Errors
    /// `EnvelopeForm`, `UnknownSuite`, `SenderUnknown` and `SenderSignature`.
    pub fn read(bytes: &[u8], keys: impl Fn(&KeyId) -> Vec<PublicKey>) -> Result<Self, Refused> {
        let fields_max = BATCH_ENVELOPES_MAX.saturating_add(ENVELOPE_FIELDS_MAX);
        let fields = frame::read(MAGIC, bytes, fields_max).map_err(|_| Rule::EnvelopeForm)?;
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
        let epoch = frame::number(&fields, EPOCH).ok_or(Rule::EnvelopeForm)?;
        let head = BatchHead { from, to: id(TO)?, epoch };
        let entries: Vec<&[u8]> =
            fields.iter().filter(|field| field.tag == ENTRY).map(|field| field.bytes).collect();
        if entries.len() > BATCH_ENVELOPES_MAX
            || fields.iter().filter(|field| field.tag == SIGNATURE).count() > 1
        {
            return Err(Rule::EnvelopeForm.into());
        }
        let entries: Result<Vec<Entry>, Rule> =
            entries.into_iter().map(|entry| Entry::read(&head, entry)).collect();
        let unknown = fields.iter().filter(|field| field.tag > ENTRY && field.tag != SIGNATURE);
        let unknown = unknown.map(|field| (field.tag, field.bytes.to_vec())).collect();
        Ok(Self { head, entries: entries?, unknown })
    }

    /// The batch, where its sender is who speaks in the turn that brings it. In which life of its sender's node it was made is said by
    /// the greeting beside it and by nothing in it: whoever kept another member's batch would bring it back to life with its own.
    ///
    /// # Errors
    /// `SenderSignature`.
    pub fn said_by(self, speaker: &KeyId) -> Result<Self, Refused> {
        if self.head.from == *speaker { Ok(self) } else { Err(Rule::SenderSignature.into()) }
    }
}

impl Exchange<'_> {
    /// Questions 1 and 2 for a batch that is sealed as one, without any row: open, and by an active member that signed it.
    ///
    /// # Errors
    /// Those of [`OpenedBatch::read`], `SealForm`, `SealSuite`, `SealClosed` and `WrongRecipient`.
    ///
    /// # Limits
    /// Time and memory grow with the bytes, which are at most [`base::limit::BATCH_BYTES_MAX`].
    pub fn open_batch(&self, sealed: &Sealed) -> Result<OpenedBatch, Refused> {
        let batch = OpenedBatch::read(&self.unseal(sealed)?, |member| self.sender_keys(member))?;
        if batch.head.to != self.me.member || batch.head.from == self.me.member {
            return Err(Rule::WrongRecipient.into());
        }
        Ok(batch)
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
