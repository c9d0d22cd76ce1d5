//! Courier files: the same envelopes across an air gap, and acknowledgements on the way back.
//!
//! # Shape
//! Sealed to the recipient, a frame (`CRC1`) of 1 the signed manifest (JSON), 2 a batch of envelopes as between peers, 3 the
//! sender's acknowledgement of what it last read (signed JSON), 4 the heads that the recipient lacked when it was last heard of,
//! and for a relay 5 a message about the registry, 6 nothing but room, so that the size tells little. The manifest says which
//! places of which lane are inside and binds the batch by its digest, so a missing or exchanged envelope shows before anything is
//! taken.
//!
//! A file that comes twice changes nothing; one that comes too early is refused with the place that is missing.

use base::limit::{
    BATCH_ENVELOPES_MAX, COURIER_BYTES_MAX, COURIER_ENVELOPES_MAX, ENVELOPE_FIELDS_MAX,
    RELAY_PARCEL_BYTES_MAX, WINDOW_ENVELOPES_MAX,
};
use base::signed::Signed;
use base::signing::KeyId;
use ledger::commitment::Commitment;
use serde::{Deserialize, Serialize};

use crate::Exchange;
use crate::envelope::statement;
use crate::frame::{self, Magic, Writer};
use crate::outbox::Bounds;
use crate::port::{Read, Rows, Standing, StoreFailed};
use crate::relay::route_period;
use crate::rows::{Effect, Lane, PeerRow};
use crate::seal::{SealError, Sealed};
use crate::wire::{Ack, AckRefusal, HeadUpdate, batch_to, courier_batch_from};

const MAGIC: Magic = *b"CRC1";
/// What a signed manifest says it is.
const MANIFEST_TYPE: &str = "application/vnd.cresset.courier.v1+json";

/// The smallest size of what a relay sees, in bytes.
const SIZE_LEAST: usize = 4096;

/// What is in a courier file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Who sends it.
    pub from: KeyId,
    /// To whom.
    pub to: KeyId,
    /// First and last place in each lane, FLASH first; `None` = nothing of it.
    pub places: [Option<(u64, u64)>; 2],
    /// Digest of the batch.
    pub batch: Commitment,
    /// When it was made, by the sender's clock, in microseconds since 1970.
    pub at_us: i64,
    /// The life of the sender's node in which it was made; see [`crate::OwnRow::life`].
    #[serde(default)]
    pub life: u64,
    /// When the last parcel of the recipient that the sender has taken was made: what that one told need not be told again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_us: Option<i64>,
}

impl Manifest {
    /// Whether everything that it names has been read by who knows its sender so.
    #[must_use]
    pub fn is_read(&self, sender: &PeerRow) -> bool {
        let mut lanes = Lane::QUEUES.into_iter().zip(self.places);
        lanes.all(|(lane, places)| places.is_none_or(|(_, last)| last <= sender.queue(lane).cursor))
    }
}

/// What a courier file brings.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// What is in it.
    pub manifest: Manifest,
    /// Heads of ledgers, to be taken before the envelopes.
    pub heads: Vec<HeadUpdate>,
    /// The envelopes, to be received one after the other.
    pub envelopes: Vec<Sealed>,
    /// What the sender had read of this node, to be taken as an acknowledgement.
    pub ack: Option<Signed>,
    /// A message about the registry, to be taken like one that was asked over a road; `None` in a file.
    pub papers: Option<Vec<u8>>,
}

/// Why a courier file is not taken. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CourierError {
    /// Larger than [`COURIER_BYTES_MAX`].
    #[error("the courier file has {0} bytes, more than {COURIER_BYTES_MAX}")]
    TooLarge(usize),
    /// Not sealed to this node, or changed.
    #[error("cannot open the courier file: {0}")]
    Seal(#[from] SealError),
    /// Opened, but not a courier file.
    #[error("this is not a courier file: its {0} is not as it must be")]
    Form(&'static str),
    /// Not signed by an active member.
    #[error("the courier file is not signed by an active member")]
    Stranger,
    /// For another member.
    #[error("the courier file is for another member")]
    OtherRecipient,
    /// Envelopes are missing from it or others were put in.
    #[error("the courier file is not complete: its envelopes are not those of its manifest")]
    Incomplete,
    /// More envelopes than a parcel holds that goes over a relay.
    #[error("the parcel holds {0} envelopes, more than {BATCH_ENVELOPES_MAX}")]
    TooMany(usize),
    /// Its sender has been restored from a backup since it was made.
    #[error("the courier file was made before its sender was restored from a backup: ask for a new one")]
    Outlived,
    /// A file before this one has not come.
    #[error("a courier file is missing: lane {lane} goes on at {expected}, and this file begins at {first}")]
    Gap {
        /// 0 FLASH, 1 routine.
        lane: u8,
        /// The place that comes next here.
        expected: u64,
        /// The first place in the file.
        first: u64,
    },
    /// Replies were too large to be signed.
    #[error("the store did not answer: {0}")]
    Store(#[from] StoreFailed),
}

/// What goes into a parcel beside what waits.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// What this node refused of what the peer sent, as far as it may not know of it.
    pub refused: Vec<AckRefusal>,
    /// When the last parcel of the peer that was taken here was made.
    pub heard_us: Option<i64>,
    /// A message about the registry, for who exchanges no papers with this node.
    pub papers: Option<Vec<u8>>,
}

/// In what a parcel travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carriage {
    /// A file in somebody's pocket.
    File,
    /// A relay, which sees how large it is.
    Relay,
}

impl Exchange<'_> {
    /// Everything that waits for a peer, and what this node has read of it, as one courier file; `None` for a peer without a
    /// sealing key.
    ///
    /// # Errors
    /// The store did not answer.
    ///
    /// # Limits
    /// [`COURIER_ENVELOPES_MAX`] envelopes and [`COURIER_BYTES_MAX`] bytes; the rest waits for the next file.
    pub fn courier_out(&self, rows: &dyn Rows, peer: &KeyId) -> Read<Option<Vec<u8>>> {
        let bounds = Bounds {
            envelopes: COURIER_ENVELOPES_MAX,
            bytes: COURIER_BYTES_MAX.saturating_sub(1024 * 1024),
            window: u64::MAX,
        };
        self.parcel_out(rows, peer, (&bounds, Carriage::File), &Beside::default())
    }

    /// The same for a relay, which learns its size in steps alone; `None` also while this node takes back what a restore has lost.
    ///
    /// # Errors
    /// The store did not answer.
    ///
    /// # Limits
    /// [`BATCH_ENVELOPES_MAX`] envelopes and [`RELAY_PARCEL_BYTES_MAX`] bytes; the rest waits for the next one.
    pub fn relay_out(&self, rows: &dyn Rows, peer: &KeyId, beside: &Beside) -> Read<Option<Vec<u8>>> {
        if rows.own()?.taking_back().is_some() {
            return Ok(None);
        }
        let bounds = Bounds {
            envelopes: BATCH_ENVELOPES_MAX,
            bytes: RELAY_PARCEL_BYTES_MAX / 2,
            window: WINDOW_ENVELOPES_MAX,
        };
        self.parcel_out(rows, peer, (&bounds, Carriage::Relay), beside)
    }

    fn parcel_out(
        &self,
        rows: &dyn Rows,
        peer: &KeyId,
        (bounds, carriage): (&Bounds, Carriage),
        beside: &Beside,
    ) -> Read<Option<Vec<u8>>> {
        let Some(key) = self.directory.sealing(peer) else { return Ok(None) };
        let (envelopes, places) = self.lines(rows, peer, bounds)?;
        let batch = batch_to(&envelopes);
        let manifest = Manifest {
            from: self.me.member,
            to: *peer,
            places,
            batch: Commitment::digest(&batch),
            at_us: self.now.0,
            life: rows.own()?.life,
            heard_us: beside.heard_us,
        };
        let payload = serde_json::to_vec(&manifest).expect("invariant: strings and numbers are always JSON");
        let signed = Signed::sign(MANIFEST_TYPE, payload, self.me.signer.as_ref())
            .expect("invariant: a manifest is small");
        let ack = self.parcel_ack(rows, peer, &beside.refused)?;
        let mut writer = Writer::new(MAGIC);
        writer.field(1, signed.to_json().as_bytes()).field(2, &batch).field(3, ack.to_json().as_bytes());
        let room =
            if carriage == Carriage::Relay { RELAY_PARCEL_BYTES_MAX / 8 * 7 } else { COURIER_BYTES_MAX };
        let mut within = |tag: u16, bytes: &[u8]| {
            if writer.bytes().len().saturating_add(bytes.len()).saturating_add(1024) <= room {
                writer.field(tag, bytes);
            }
        };
        let mut heads = self.heads_for(rows, &rows.peer(peer)?.heads, None)?;
        heads.retain(|update| update.note.head().size > update.old);
        within(4, &HeadUpdate::to_bytes(&heads));
        if let Some(papers) = &beside.papers {
            within(5, papers);
        }
        if carriage == Carriage::Relay {
            let size = writer.bytes().len();
            writer.field(6, &vec![0; padded(size).saturating_sub(size)]);
        }
        let route = self.me.sealing.route(&key, self.me.member, *peer, route_period(self.now));
        let sealed = route.and_then(|route| Sealed::seal_file(self.rng, &key, route, writer.bytes()));
        Ok(sealed.ok().map(|sealed| sealed.as_bytes().to_vec()))
    }

    /// How far what a peer sent was read, signed.
    fn parcel_ack(&self, rows: &dyn Rows, peer: &KeyId, refused: &[AckRefusal]) -> Read<Signed> {
        let known = rows.peer(peer)?;
        let ack = Ack {
            from: self.me.member,
            to: *peer,
            life: Some(known.life),
            cursors: Lane::QUEUES.map(|lane| known.queue(lane).cursor),
            refused: refused.to_vec(),
            heads: self.heads_known(rows)?,
            back: None,
        };
        Ok(ack.sign(self.me.signer.as_ref()))
    }

    /// Opens a courier file and checks that it is whole and comes next. Its envelopes are then received like any others.
    ///
    /// # Errors
    /// See [`CourierError`].
    pub fn courier_in(&self, rows: &dyn Rows, file: Vec<u8>) -> Result<Parcel, CourierError> {
        if file.len() > COURIER_BYTES_MAX {
            return Err(CourierError::TooLarge(file.len()));
        }
        let plain = self.me.sealing.open(&Sealed::parse_file(file)?)?;
        let fields =
            frame::read(MAGIC, &plain, ENVELOPE_FIELDS_MAX).map_err(|_| CourierError::Form("frame"))?;
        let part = |tag, name| frame::single(&fields, tag).ok_or(CourierError::Form(name));
        let manifest = self.manifest(part(1, "manifest")?)?;
        let batch = part(2, "batch")?;
        if Commitment::digest(batch) != manifest.batch {
            return Err(CourierError::Incomplete);
        }
        let known = rows.peer(&manifest.from)?;
        if manifest.life < known.life {
            return Err(CourierError::Outlived);
        }
        for (lane, places) in Lane::QUEUES.into_iter().zip(manifest.places) {
            let expected = known.queue(lane).cursor.saturating_add(1);
            if let Some((first, _)) = places.filter(|(first, _)| *first > expected) {
                return Err(CourierError::Gap { lane: lane.number(), expected, first });
            }
        }
        let ack = frame::single(&fields, 3).map(statement).transpose();
        let heads = frame::single(&fields, 4).map_or(Ok(Vec::new()), HeadUpdate::from_bytes);
        Ok(Parcel {
            manifest,
            heads: heads.map_err(|_| CourierError::Form("heads"))?,
            envelopes: courier_batch_from(batch).map_err(|_| CourierError::Form("batch"))?,
            ack: ack.map_err(|_| CourierError::Form("acknowledgement"))?,
            papers: frame::single(&fields, 5).map(<[u8]>::to_vec),
        })
    }

    /// The same of a parcel that a relay handed out, which holds as much as one commit takes.
    ///
    /// # Errors
    /// See [`CourierError`].
    pub fn relay_in(&self, rows: &dyn Rows, parcel: &Sealed) -> Result<Parcel, CourierError> {
        let parcel = self.courier_in(rows, parcel.as_bytes().to_vec())?;
        match parcel.envelopes.len() {
            many if many > BATCH_ENVELOPES_MAX => Err(CourierError::TooMany(many)),
            _ => Ok(parcel),
        }
    }

    /// What a parcel tells of its sender's node, as a greeting would: in which life it is. Where that is a later one than was heard of
    /// and the sender knows the present one of this node, what it has read by now counts in place of what it acknowledged before.
    ///
    /// So two members that no network connects go on after a restore of either: until each has heard of the other's life and said
    /// how far it has read, their parcels hold no envelopes.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn parcel_heard(
        &self,
        rows: &dyn Rows,
        manifest: &Manifest,
        ack: Option<&Signed>,
    ) -> Read<Vec<Effect>> {
        let (own, mut peer) = (rows.own()?, rows.peer(&manifest.from)?);
        // While this node recovers, a greeting has to tell it: what its sender gave back before is asked for again then.
        if manifest.life <= peer.life || own.recovery.is_some() {
            return Ok(Vec::new());
        }
        peer.life = manifest.life;
        let ack =
            ack.and_then(|ack| Ack::open(ack, &self.me.member, |member| self.directory.keys(member)).ok());
        let mut effects = match ack.filter(|ack| ack.from == manifest.from && ack.life == Some(own.life)) {
            Some(ack) => peer.has_read(&manifest.from, ack.cursors, own.life),
            None => Vec::new(),
        };
        effects.push(Effect::Peer(manifest.from, peer));
        Ok(effects)
    }

    fn manifest(&self, json: &[u8]) -> Result<Manifest, CourierError> {
        let signed = statement(json).map_err(|_| CourierError::Form("manifest"))?;
        let manifest: Manifest = serde_json::from_slice(signed.unverified_payload())
            .map_err(|_| CourierError::Form("manifest"))?;
        let active = self.directory.standing(&manifest.from) == Standing::Active;
        let keys = self.directory.keys(&manifest.from);
        if !active || !keys.iter().any(|key| signed.verify_with(MANIFEST_TYPE, key).is_ok()) {
            return Err(CourierError::Stranger);
        }
        if manifest.to == self.me.member { Ok(manifest) } else { Err(CourierError::OtherRecipient) }
    }
}

/// The size that a parcel of so many bytes is brought to: the next of eight steps between one power of two and the next, and
/// never less than [`SIZE_LEAST`].
fn padded(size: usize) -> usize {
    let step = (size.next_power_of_two() / 16).max(SIZE_LEAST);
    size.div_ceil(step).saturating_mul(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_come_in_few_steps_and_cost_little() {
        for (size, shown) in
            [(0, 0), (1, 4096), (4096, 4096), (4097, 8192), (100_000, 106_496), (1 << 20, 1 << 20)]
        {
            assert_eq!(padded(size), shown);
        }
        assert!((65_536..2_000_000).step_by(977).all(|size| padded(size) <= size + size / 8));
    }
}
