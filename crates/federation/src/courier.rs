//! Courier files: the same envelopes across an air gap, and acknowledgements on the way back.
//!
//! # Shape
//! Sealed to the recipient, a frame (`CRC1`) of 1 the signed manifest (JSON), 2 a batch of envelopes as between peers, 3 the
//! sender's acknowledgement of what it last read (signed JSON), 4 the heads that the recipient lacked when it was last heard of,
//! 5 a message about the registry, and for a relay 6 nothing but room, so that the size tells little. The manifest says which
//! places of which lane are inside and binds the batch by its digest, so a missing or exchanged envelope shows before anything is
//! taken.
//!
//! A file that comes twice changes nothing; one that comes too early is refused with the place that is missing.

use base::limit::{
    BATCH_BYTES_MAX, BATCH_ENVELOPES_MAX, COURIER_BYTES_MAX, COURIER_ENVELOPES_MAX, ENVELOPE_BYTES_MAX,
    ENVELOPE_FIELDS_MAX, RELAY_PARCEL_BYTES_MAX, WINDOW_ENVELOPES_MAX,
};
use base::signed::Signed;
use base::signing::KeyId;
use ledger::commitment::Commitment;
use serde::{Deserialize, Serialize};

use crate::Exchange;
use crate::envelope::statement;
use crate::frame::{self, Magic, Writer};
use crate::life::Shown;
use crate::load::Load;
use crate::outbox::{Bounds, Places};
use crate::port::{Read, Rows, Standing, StoreFailed};
use crate::refusal::Rule;
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
    /// What proves that; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life_proof: Option<Signed>,
    /// When the parcel of the recipient that the sender has taken last was made, by the recipient's clock: what that one told need not be
    /// told again.
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
    /// A message about the registry, to be taken before the rest: it may say whose the keys are, and who is in a circle.
    pub papers: Option<Vec<u8>>,
}

impl Parcel {
    /// Whether it says again what is here: it brings envelopes, or the beginning of its sender's ledger, and nothing of them is new.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn says_again(&self, rows: &dyn Rows) -> Read<bool> {
        let from = self.manifest.from;
        let part = self.heads.iter().rfind(|update| update.origin == from && update.is_part());
        let held = rows.held(&from)?;
        let brings = part.is_some() || self.manifest.places.iter().any(Option::is_some);
        let known = self.manifest.is_read(&rows.peer(&from)?) && part.is_none_or(|part| part.upto() <= held);
        Ok(brings && known)
    }
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
    /// Signed with a key that is not known here yet: of a parcel by who may be an active member, of a file by anybody.
    #[error(
        "the courier file is signed with a key that is not known here, and its papers do not say whose it is: take papers of a member that knows its sender first"
    )]
    UnknownKey {
        /// The member that it says it is by.
        from: KeyId,
        /// The message about the registry in it, which may say whose key it is. Nothing of it is verified.
        papers: Option<Vec<u8>>,
    },
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
    /// It tells of a later life of its sender's node than is known, and does not show it.
    #[error("the courier file speaks of a restore of its sender's node that its sender has not signed")]
    LifeUnproven,
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

/// A parcel to be put at a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The sealed bytes.
    pub parcel: Sealed,
    /// What of it brings something.
    pub load: Load,
}

/// What goes into a parcel beside what waits.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// What this node refused of what the peer sent, as far as it may not know of it.
    pub refused: Vec<AckRefusal>,
    /// When the last parcel of the peer that was taken here was made.
    pub heard_us: Option<i64>,
    /// A message about the registry, for who exchanges no papers with this node over a network.
    pub papers: Option<Vec<u8>>,
}

/// In what a parcel travels, and what of it there is room for.
#[derive(Clone, Debug)]
struct Carriage {
    /// Most envelopes.
    envelopes: usize,
    /// Places beyond what the peer has acknowledged.
    window: u64,
    /// Bytes of envelopes.
    batch_bytes: usize,
    /// Bytes of everything.
    bytes: usize,
    /// Bytes of everything that are left to envelopes, however much there is of heads: the largest goes.
    batch_bytes_least: usize,
    /// Whether whoever carries it is to learn its size in steps alone.
    padded: bool,
}

impl Carriage {
    /// A file in somebody's pocket.
    const FILE: Self = Self {
        envelopes: COURIER_ENVELOPES_MAX,
        window: u64::MAX,
        batch_bytes: COURIER_BYTES_MAX,
        bytes: COURIER_BYTES_MAX - 64 * 1024,
        // What is read as heads is no larger than a batch between peers.
        batch_bytes_least: COURIER_BYTES_MAX - BATCH_BYTES_MAX,
        padded: false,
    };
    /// A relay.
    const RELAY: Self = Self {
        envelopes: BATCH_ENVELOPES_MAX,
        window: WINDOW_ENVELOPES_MAX,
        batch_bytes: RELAY_PARCEL_BYTES_MAX / 2,
        bytes: RELAY_PARCEL_BYTES_MAX / 8 * 7,
        batch_bytes_least: ENVELOPE_BYTES_MAX + 64 * 1024,
        padded: true,
    };
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
    pub fn courier_out(&self, rows: &dyn Rows, peer: &KeyId, beside: &Beside) -> Read<Option<Vec<u8>>> {
        let packed = self.parcel_out(rows, peer, &Carriage::FILE, beside)?;
        Ok(packed.map(|packed| packed.parcel.as_bytes().to_vec()))
    }

    /// The same for a relay, which learns its size in steps alone; `None` also while this node takes back what a restore has lost.
    ///
    /// # Errors
    /// The store did not answer.
    ///
    /// # Limits
    /// [`BATCH_ENVELOPES_MAX`] envelopes and [`RELAY_PARCEL_BYTES_MAX`] bytes; the rest waits for the next one.
    pub fn relay_out(&self, rows: &dyn Rows, peer: &KeyId, beside: &Beside) -> Read<Option<Packed>> {
        if rows.own()?.taking_back().is_some() {
            return Ok(None);
        }
        self.parcel_out(rows, peer, &Carriage::RELAY, beside)
    }

    /// Heads come first, since nothing can be taken before the one that covers it: while the own ledger goes in parts no
    /// envelope goes along, and envelopes have the room that heads leave.
    fn parcel_out(
        &self,
        rows: &dyn Rows,
        peer: &KeyId,
        carriage: &Carriage,
        beside: &Beside,
    ) -> Read<Option<Packed>> {
        let Some(key) = self.directory.sealing(peer) else { return Ok(None) };
        let ack = self.parcel_ack(rows, peer, &beside.refused)?.to_json();
        let papers = beside.papers.as_deref().unwrap_or_default();
        let room = carriage.bytes.saturating_sub(ack.len()).saturating_sub(papers.len());
        let known = rows.peer(peer)?.heads;
        let heads = self.heads_within(rows, &known, room.saturating_sub(carriage.batch_bytes_least))?;
        let own = heads.iter().rfind(|update| update.origin == self.me.member);
        let (envelopes, places, load) = if own.is_some_and(HeadUpdate::is_part) {
            Default::default()
        } else {
            let heads = HeadUpdate::to_bytes(&heads).len();
            let bytes = carriage.batch_bytes.min(room.saturating_sub(heads));
            let bounds = Bounds { envelopes: carriage.envelopes, window: carriage.window, bytes };
            self.lines(rows, peer, &bounds)?
        };
        let batch = batch_to(&envelopes);
        let manifest = self.manifest_of(rows, (*peer, places), (&batch, beside.heard_us))?;
        let mut writer = Writer::new(MAGIC);
        writer.field(1, manifest.to_json().as_bytes()).field(2, &batch).field(3, ack.as_bytes());
        writer.field(4, &HeadUpdate::to_bytes(&heads));
        if !papers.is_empty() {
            writer.field(5, papers);
        }
        if carriage.padded {
            let size = writer.bytes().len();
            writer.field(6, &vec![0; padded(size).saturating_sub(size)]);
        }
        let route = self.me.sealing.route(&key, self.me.member, *peer, route_period(self.now));
        let sealed = route.and_then(|route| Sealed::seal_file(self.rng, &key, route, writer.bytes()));
        Ok(sealed.ok().map(|parcel| Packed { parcel, load }))
    }

    /// What says which places are inside, signed.
    fn manifest_of(
        &self,
        rows: &dyn Rows,
        (to, places): (KeyId, Places),
        (batch, heard_us): (&[u8], Option<i64>),
    ) -> Read<Signed> {
        let own = rows.own()?;
        let manifest = Manifest {
            from: self.me.member,
            to,
            places,
            batch: Commitment::digest(batch),
            at_us: self.now.0,
            life: own.life,
            life_proof: self.proof_of_life(&own),
            heard_us,
        };
        let payload = serde_json::to_vec(&manifest).expect("invariant: strings and numbers are always JSON");
        let signed = Signed::sign(MANIFEST_TYPE, payload, self.me.signer.as_ref());
        Ok(signed.expect("invariant: a manifest is small"))
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
        self.file_in(rows, &courier_file(file)?)
    }

    /// The same of a file whose form was looked at, which may be opened again once the papers in it were taken.
    ///
    /// # Errors
    /// See [`CourierError`]; `UnknownKey` only where papers came with it.
    pub fn file_in(&self, rows: &dyn Rows, file: &Sealed) -> Result<Parcel, CourierError> {
        match self.parcel_in(rows, file) {
            Err(CourierError::Stranger) => match self.unknown(file) {
                // Whoever carries a file vouches for no sender: the papers are judged by themselves, and may bring in a member.
                Some((from, papers @ Some(_))) => Err(CourierError::UnknownKey { from, papers }),
                _ => Err(CourierError::Stranger),
            },
            opened => opened,
        }
    }

    fn parcel_in(&self, rows: &dyn Rows, sealed: &Sealed) -> Result<Parcel, CourierError> {
        let plain = self.me.sealing.open(sealed)?;
        let fields = fields(&plain)?;
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
        self.life_in(&manifest, &known).map_err(|_| CourierError::LifeUnproven)?;
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
        match self.parcel_in(rows, parcel) {
            Err(CourierError::Stranger) => match self.unknown(parcel) {
                Some((from, papers)) if self.may_lie_there(&from, parcel) => {
                    Err(CourierError::UnknownKey { from, papers })
                }
                _ => Err(CourierError::Stranger),
            },
            Ok(parcel) if parcel.envelopes.len() > BATCH_ENVELOPES_MAX => {
                Err(CourierError::TooMany(parcel.envelopes.len()))
            }
            opened => opened,
        }
    }

    /// What a parcel tells of its sender's node, as a greeting would: in which life it is. Where that is a later one than was heard of
    /// and the sender knows the present one of this node, or has said before how far it has read in it, what it has read by now counts
    /// in place of what it acknowledged before.
    ///
    /// So two members that no network connects go on after a restore of either, or of both: until each has heard of the other's life
    /// and said how far it has read, their parcels hold no envelopes.
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
        let Ok(shown) = self.life_in(manifest, &peer) else { return Ok(Vec::new()) };
        shown.put(&mut peer);
        let ack =
            ack.and_then(|ack| Ack::open(ack, &self.me.member, |member| self.directory.keys(member)).ok());
        // Who had said so in this life has a backup of before, perhaps: it had read less of the same places then.
        let counts = |ack: &Ack| {
            ack.from == manifest.from && (ack.life == Some(own.life) || peer.heard_in == own.life)
        };
        let mut effects = match ack.filter(counts) {
            Some(ack) => peer.has_read(&manifest.from, ack.cursors, own.life),
            None => Vec::new(),
        };
        effects.push(Effect::OweAgain(manifest.from));
        effects.push(Effect::Peer(manifest.from, peer));
        Ok(effects)
    }

    /// The life of its sender's node that a manifest tells of.
    fn life_in(&self, manifest: &Manifest, known: &PeerRow) -> Result<Shown, Rule> {
        self.life_of(&manifest.from, known, (manifest.life, manifest.life_proof.as_ref()))
    }

    /// Whether a parcel that says it is by `from` came under a route of an active member of that name.
    fn may_lie_there(&self, from: &KeyId, parcel: &Sealed) -> bool {
        self.directory.standing(from) == Standing::Active && self.relay_routes(from).contains(&parcel.route())
    }

    /// Of what is signed by nobody known: who it says it is by, and the papers in it. Nothing of it is verified.
    fn unknown(&self, parcel: &Sealed) -> Option<(KeyId, Option<Vec<u8>>)> {
        let plain = self.me.sealing.open(parcel).ok()?;
        let fields = fields(&plain).ok()?;
        let signed = statement(frame::single(&fields, 1)?).ok()?;
        let manifest: Manifest = serde_json::from_slice(signed.unverified_payload()).ok()?;
        let papers = frame::single(&fields, 5).map(<[u8]>::to_vec);
        (manifest.to == self.me.member).then_some((manifest.from, papers))
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

/// Takes bytes for a courier file. Nothing is opened.
///
/// # Errors
/// `TooLarge`, and `Seal` where it is none.
pub fn courier_file(bytes: Vec<u8>) -> Result<Sealed, CourierError> {
    if bytes.len() > COURIER_BYTES_MAX {
        return Err(CourierError::TooLarge(bytes.len()));
    }
    Ok(Sealed::parse_file(bytes)?)
}

fn fields(plain: &[u8]) -> Result<Vec<frame::Field<'_>>, CourierError> {
    frame::read(MAGIC, plain, ENVELOPE_FIELDS_MAX).map_err(|_| CourierError::Form("frame"))
}

/// The size that a parcel of so many bytes is brought to: the next of eight steps between one power of two and the next, and
/// never less than [`SIZE_LEAST`].
fn padded(size: usize) -> usize {
    let step = (size.next_power_of_two() / 16).max(SIZE_LEAST);
    size.div_ceil(step).saturating_mul(step)
}

#[cfg(test)]
#[path = "courier_tests.rs"]
mod tests;
