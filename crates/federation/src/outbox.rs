//! What goes to a peer next: FLASH first, from the first place it has not acknowledged, as much as the window lets.
//!
//! Nothing is remembered of what was sent: the same places are sent again until the peer says it has taken them, and the peer
//! takes each once. An envelope is made when it is sent, so handling, consent and recall are asked at that moment, and what may
//! not go any more goes empty. To a peer that reads it a batch goes signed and sealed as one; over a relay and in courier
//! files each envelope goes for itself.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use base::limit::{
    ALONE_ENVELOPES_MAX, BATCH_BYTES_MAX, BATCH_ENVELOPES_MAX, ENVELOPE_BYTES_MAX, WINDOW_ENVELOPES_MAX,
};
use base::signed::Signed;
use base::signing::KeyId;
use ledger::act::ActKind;
use ledger::checkpoint::SignedCheckpoint;
use ledger::proof::inclusion;

use crate::Exchange;
use crate::batch::{BatchHead, EntryParts, sign_batch};
use crate::content::Content;
use crate::draft::DeedError;
use crate::envelope::{Envelope, Inclusion, Proof, statement};
use crate::hello::Versions;
use crate::load::Load;
use crate::port::{Question, Read, Rows, StoreFailed, TilesOf, Waiting};
use crate::relay::route_period;
use crate::rows::{
    ActRow, Effect, Lane, OutboxRow, PayloadRow, ReceiptRow, ReceiptState, RefusalRow, VersionRow,
};
use crate::seal::{Route, Sealed};
use crate::wire::{Ack, WireError};

/// How much goes at once.
pub(crate) struct Bounds {
    pub(crate) envelopes: usize,
    pub(crate) bytes: usize,
    pub(crate) window: u64,
}

/// The last place in each lane, FLASH first, that was brought to a peer: what is behind it may follow before the peer has answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brought([u64; 2]);

/// The payload where it may go, and the consents it needs.
type Goods = (Option<PayloadRow>, Vec<Signed>);

/// A line of an outbox, its act, and what of it may go.
type Line = (OutboxRow, ActRow, Goods);

/// What is sealed for a peer, and under which route: computed once for a batch, since it costs a key exchange.
pub(crate) struct Towards {
    key: [u8; 32],
    route: Route,
}

/// First and last place in each lane.
pub(crate) type Places = [Option<(u64, u64)>; 2];

impl Exchange<'_> {
    /// The next sealed envelopes for a peer, FLASH first.
    ///
    /// # Errors
    /// The store did not answer. A peer without a sealing key gets nothing.
    ///
    /// # Limits
    /// [`ALONE_ENVELOPES_MAX`] envelopes, [`BATCH_BYTES_MAX`] bytes, and [`WINDOW_ENVELOPES_MAX`] places beyond what the peer
    /// has acknowledged.
    pub fn outgoing(&self, rows: &dyn Rows, peer: &KeyId) -> Read<Vec<Sealed>> {
        let bounds = Bounds {
            envelopes: ALONE_ENVELOPES_MAX,
            bytes: BATCH_BYTES_MAX.saturating_sub(16),
            window: WINDOW_ENVELOPES_MAX,
        };
        Ok(self.lines(rows, peer, &bounds)?.0)
    }

    /// The next lines for a peer as one batch, signed once and sealed once, for a peer that speaks [`Versions::TOGETHER`];
    /// `None` when nothing waits.
    ///
    /// # Errors
    /// The store did not answer. A peer without a sealing key gets nothing.
    ///
    /// # Limits
    /// Those of [`Exchange::outgoing`], but [`BATCH_ENVELOPES_MAX`] envelopes for a peer that speaks [`Versions::LARGE`].
    pub fn outgoing_together(&self, rows: &dyn Rows, peer: &KeyId) -> Read<Option<Sealed>> {
        Ok(self.together(rows, peer, (Brought::default(), WINDOW_ENVELOPES_MAX))?.map(|(sealed, _)| sealed))
    }

    /// The lines behind those that were brought, up to a window beyond what the peer has acknowledged, as one batch.
    pub(crate) fn together(
        &self,
        rows: &dyn Rows,
        peer: &KeyId,
        (behind, window): (Brought, u64),
    ) -> Read<Option<(Sealed, Brought)>> {
        let Some(towards) = self.towards(peer) else { return Ok(None) };
        let large = rows.peer(peer)?.version.is_some_and(|version| version >= Versions::LARGE);
        let envelopes = if large { BATCH_ENVELOPES_MAX } else { ALONE_ENVELOPES_MAX };
        let bounds = Bounds { envelopes, bytes: BATCH_BYTES_MAX.saturating_sub(1024), window };
        let mut covered = BTreeMap::new();
        let (entries, places) =
            self.lines_as(rows, peer, (&bounds, behind), |row, act, (payload, consents)| {
                let size = match covered.get(&act.author) {
                    Some(size) => *size,
                    None => *covered.entry(act.author).or_insert(self.head_size(rows, &act.author)?),
                };
                let entry = EntryParts {
                    at: (row.lane, row.place),
                    act: &act.signed,
                    payload: payload.as_ref().map(|row| (&row.salt, row.bytes.as_slice())),
                    covered: act.sequence < size,
                    consents: &consents,
                };
                let entry = entry.to_bytes(&[]);
                let length = entry.len();
                Ok(Some((entry, length)))
            })?;
        if entries.is_empty() {
            return Ok(None);
        }
        let head = BatchHead { from: self.me.member, to: *peer, epoch: self.directory.epoch() };
        let plain = sign_batch(&head, &entries, self.me.signer.as_ref());
        let sealed = Sealed::seal_batch(self.rng, &towards.key, towards.route, &plain).ok();
        let [flash, routine] = places.map(|place| place.map_or(0, |(_, last)| last));
        let brought = Brought([flash.max(behind.0[0]), routine.max(behind.0[1])]);
        Ok(sealed.map(|sealed| (sealed, brought)))
    }

    /// Leaves under the last head of a ledger that is known here; 0 where none is.
    fn head_size(&self, rows: &dyn Rows, author: &KeyId) -> Read<u64> {
        if *author != self.me.member {
            return Ok(rows.mirror(author)?.map_or(0, |row| row.size));
        }
        let note = rows.own()?.head;
        note.map_or(Ok(0), |note| Ok(stored_note(&note)?.head().size))
    }

    /// The next lines within bounds, which places of each lane they are, and which of them bring something.
    pub(crate) fn lines(
        &self,
        rows: &dyn Rows,
        peer: &KeyId,
        bounds: &Bounds,
    ) -> Read<(Vec<Sealed>, Places, Load)> {
        let Some(towards) = self.towards(peer) else { return Ok((Vec::new(), [None; 2], Load::default())) };
        let (made, places) = self.lines_as(rows, peer, (bounds, Brought::default()), |row, act, goods| {
            let brings = goods.0.is_some().then_some((row.lane, row.place));
            let envelope = self.envelope(rows, row, act, goods)?;
            let sealed = self.seal(&towards, &envelope)?;
            Ok(sealed.map(|sealed| {
                let length = sealed.as_bytes().len();
                ((sealed, brings), length)
            }))
        })?;
        let load = made.iter().filter_map(|(_, brings)| *brings).collect();
        Ok((made.into_iter().map(|(sealed, _)| sealed).collect(), places, load))
    }

    /// Whether all of a load would still go to a peer.
    pub(crate) fn still_goes(&self, rows: &dyn Rows, peer: &KeyId, load: &Load) -> Read<bool> {
        let mut last_own = None;
        for (lane, run) in load.runs() {
            let (last, mut went) = (*run.end(), None);
            rows.lines(peer, lane, run, &mut |place, waiting| {
                let line = self.line(rows, (peer, lane, place), waiting, &mut last_own)?;
                if line.is_none_or(|(_, _, (payload, _))| payload.is_none()) {
                    return Ok(ControlFlow::Break(()));
                }
                went = Some(place);
                Ok(ControlFlow::Continue(()))
            })?;
            if went != Some(last) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The next lines behind `behind` and within bounds as `make` makes them, with their bytes, and which places of each lane
    /// they are. Where it makes nothing, the lane ends.
    fn lines_as<T>(
        &self,
        rows: &dyn Rows,
        peer: &KeyId,
        (bounds, behind): (&Bounds, Brought),
        mut make: impl FnMut(&OutboxRow, &ActRow, Goods) -> Read<Option<(T, usize)>>,
    ) -> Read<(Vec<T>, Places)> {
        let known = rows.peer(peer)?;
        let (mut batch, mut places) = (Vec::new(), [None; 2]);
        let own = rows.own()?;
        if own.taking_back().is_some() || known.heard_in != own.life {
            // By whatever road: what it would say may contradict what it said before a restore, or stand in places that the peer
            // has read already.
            return Ok((batch, places));
        }
        let (mut bytes, mut last_own, mut full) = (0usize, None, false);
        for ((lane, range), behind) in Lane::QUEUES.into_iter().zip(&mut places).zip(behind.0) {
            let queue = known.queue(lane);
            let last = queue.last.min(queue.acked.saturating_add(bounds.window));
            let waiting = queue.acked.max(behind).saturating_add(1)..=last;
            rows.lines(peer, lane, waiting, &mut |place, waiting| {
                full = batch.len() >= bounds.envelopes;
                if full {
                    return Ok(ControlFlow::Break(()));
                }
                let line = self.line(rows, (peer, lane, place), waiting, &mut last_own)?;
                let Some((row, act, goods)) = line else { return Ok(ControlFlow::Break(())) };
                let Some((made, length)) = make(&row, &act, goods)? else {
                    return Ok(ControlFlow::Break(()));
                };
                bytes = bytes.saturating_add(length).saturating_add(6);
                full = bytes > bounds.bytes;
                if full {
                    return Ok(ControlFlow::Break(()));
                }
                let first = range.map_or(place, |(first, _): (u64, u64)| first);
                *range = Some((first, place));
                batch.push(made);
                Ok(ControlFlow::Continue(()))
            })?;
            if full {
                break;
            }
        }
        Ok((batch, places))
    }

    /// One line; `None` where it has to wait, and what is behind it too. A line that a restore has lost goes as an empty envelope
    /// of the last own act.
    fn line(
        &self,
        rows: &dyn Rows,
        (peer, lane, place): (&KeyId, Lane, u64),
        waiting: Option<Waiting>,
        last_own: &mut Option<Option<u64>>,
    ) -> Read<Option<Line>> {
        let Some(waiting) = waiting else {
            // Behind a recovery many places may have no act: looked for once.
            let found = match *last_own {
                Some(found) => found,
                None => *last_own.insert(self.last_own(rows)?),
            };
            let Some(sequence) = found else { return Ok(None) };
            let Some(act) = rows.act(&self.me.member, sequence)? else { return Ok(None) };
            let row = OutboxRow { peer: *peer, lane, place, author: self.me.member, sequence };
            return Ok(Some((row, act, (None, Vec::new()))));
        };
        let Waiting { line, act: Some(act), payload, mut version, fate } = waiting else { return Ok(None) };
        let others = line.author != self.me.member && brings_object(&act.kind);
        if others && self.may_be_recalled(rows, &line.author)? {
            return Ok(None);
        }
        let void = fate.is_some_and(|fate| fate.voids(act.sequence));
        if !void && version.is_none() && payload.is_some() && !others && brings_object(&act.kind) {
            version = self.giving_by(rows, &act)?;
        }
        let goods = self.may_go(rows, peer, &act, (payload, version.filter(|_| !void)))?;
        Ok(Some((line, act, goods)))
    }

    fn last_own(&self, rows: &dyn Rows) -> Read<Option<u64>> {
        let mut at = rows.own()?.next;
        while let Some(sequence) = at.checked_sub(1) {
            if rows.act(&self.me.member, sequence)?.is_some() {
                return Ok(Some(sequence));
            }
            at = sequence;
        }
        Ok(None)
    }

    pub(crate) fn envelope(
        &self,
        rows: &dyn Rows,
        row: &OutboxRow,
        act: &ActRow,
        goods: Goods,
    ) -> Read<Envelope> {
        let (payload, consents) = goods;
        let signed = statement(act.signed.as_bytes());
        let proof = self.proof_of(rows, &act.author, act.sequence)?;
        Ok(Envelope {
            from: self.me.member,
            to: row.peer,
            lane: row.lane,
            place: row.place,
            epoch: self.directory.epoch(),
            act: signed.map_err(|_| StoreFailed("a stored act cannot be read".to_owned()))?,
            payload: payload.map(|row| (row.salt, row.bytes)),
            proof: proof.map_or(Proof::ToFollow, |proof| Proof::Path(Box::new(proof))),
            consents,
            life: rows.own()?.life,
            unknown: Vec::new(),
        })
    }

    /// That an act is in its author's ledger, under the last head known here; `None` when no head covers it yet.
    pub(crate) fn proof_of(&self, rows: &dyn Rows, author: &KeyId, sequence: u64) -> Read<Option<Inclusion>> {
        let note = if *author == self.me.member {
            rows.own()?.head
        } else {
            rows.mirror(author)?.map(|row| row.note)
        };
        let Some(note) = note else { return Ok(None) };
        let checkpoint = stored_note(&note)?;
        let size = checkpoint.head().size;
        if sequence >= size {
            return Ok(None);
        }
        let hashes = inclusion(&TilesOf { rows, member: *author }, sequence, size)
            .map_err(|error| StoreFailed(error.to_string()))?;
        Ok(Some(Inclusion { hashes, checkpoint }))
    }

    pub(crate) fn seal(&self, to: &Towards, envelope: &Envelope) -> Read<Option<Sealed>> {
        let plain = envelope.sign(self.me.signer.as_ref());
        if plain.len().saturating_add(128) > ENVELOPE_BYTES_MAX {
            return Err(StoreFailed("a stored act is larger than an envelope takes".to_owned()));
        }
        Ok(Sealed::seal(self.rng, &to.key, to.route, &plain).ok())
    }

    /// Key and route to a peer; `None` where it has no sound sealing key.
    pub(crate) fn towards(&self, peer: &KeyId) -> Option<Towards> {
        let key = self.directory.sealing(peer)?;
        let period = route_period(self.now);
        let route = self.me.sealing.route(&key, self.me.member, *peer, period).ok()?;
        Some(Towards { key, route })
    }

    /// The payload, and the consents it needs, when it may still go to a peer; `held` is the version that the act brought, as long
    /// as it is not void.
    fn may_go(
        &self,
        rows: &dyn Rows,
        peer: &KeyId,
        act: &ActRow,
        (payload, held): (Option<PayloadRow>, Option<VersionRow>),
    ) -> Read<Goods> {
        let Some(payload) = payload else { return Ok((None, Vec::new())) };
        if act.object.is_none() || !brings_object(&act.kind) {
            return Ok((Some(payload), Vec::new()));
        }
        let Some(held) = held else { return Ok((None, Vec::new())) };
        if act.author != self.me.member {
            return match self.may_pass_on(rows, &held, *peer) {
                Ok(tokens) => Ok((Some(payload), tokens)),
                Err(DeedError::Store(failed)) => Err(failed),
                Err(_) => Ok((None, Vec::new())),
            };
        }
        let Ok(content) = Content::parse(&payload.bytes) else { return Ok((None, Vec::new())) };
        let question = self.sending(&held.rules, content.object, *peer);
        let allowed = self.may_give(&question).is_ok() || self.was_given_by(rows, act, &question)?;
        Ok((allowed.then_some(payload), Vec::new()))
    }

    /// Whether an act was for a member, who gets it again after a restore, by circles that this member is in no more: whether it is in them
    /// still is for its own node to say.
    fn was_given_by(&self, rows: &dyn Rows, act: &ActRow, question: &Question<'_>) -> Read<bool> {
        if !self.judge.might(question) || self.is_anothers(question.object, &question.originator) {
            return Ok(false);
        }
        let mut receipts = rows.receipts(act.sequence)?.into_iter();
        Ok(receipts.any(|row| row.member == question.recipient && row.state.is_given()))
    }

    /// Takes a peer's word on how far it has read. A word that says less than an earlier one changes nothing, and neither does one
    /// to another life of this node.
    ///
    /// # Errors
    /// The message does not count: see [`WireError`]. The store's failure stands inside.
    pub fn take_ack(&self, rows: &dyn Rows, signed: &Signed) -> Result<Read<(Ack, Vec<Effect>)>, WireError> {
        let ack = Ack::open(signed, &self.me.member, |member| self.directory.keys(member))?;
        Ok(self.acknowledged(rows, ack))
    }

    fn acknowledged(&self, rows: &dyn Rows, ack: Ack) -> Read<(Ack, Vec<Effect>)> {
        let mut effects = Vec::new();
        let (mut peer, life) = (rows.peer(&ack.from)?, rows.own()?.life);
        match ack.life {
            Some(said) if said != life => return Ok((ack, effects)),
            // Whoever does not say may speak of places that a restore has lost.
            None if peer.heard_in != life => return Ok((ack, effects)),
            _ => effects.extend(peer.acknowledges(&ack.from, ack.cursors, life)),
        }
        if !ack.heads.is_empty() {
            peer.heads.clone_from(&ack.heads);
        }
        // Behind them stand lines now that the refusals of an earlier life do not speak of.
        let moved: Vec<(Lane, u64)> = effects.iter().filter_map(Effect::moves_behind).collect();
        for refused in &ack.refused {
            let Some(lane) = Lane::from_number(refused.lane) else { continue };
            let rule: String = refused.rule.chars().take(128).collect();
            let is_lost = moved.iter().any(|(of, after)| *of == lane && refused.place > *after);
            let line = rows.outbox(&ack.from, lane, refused.place)?.filter(|_| !is_lost);
            let act = line.as_ref().map(|line| rows.act(&line.author, line.sequence)).transpose()?.flatten();
            if let Some(line) = line.filter(|line| line.author == self.me.member) {
                let mut receipts = rows.receipts(line.sequence)?.into_iter();
                let state = ReceiptState::Refused(rule.clone());
                match receipts.find(|receipt| receipt.member == ack.from).map(|receipt| receipt.state) {
                    Some(ReceiptState::Pending) => {
                        let row = ReceiptRow { sequence: line.sequence, member: ack.from, state };
                        effects.push(Effect::Receipt(row));
                        if let Some(act) = &act {
                            effects.extend(self.refused_for_now(rows, (act, ack.from, lane), &rule)?);
                        }
                    }
                    // It is said until it is known to have been heard.
                    Some(before) if before == state => continue,
                    _ => {}
                }
            }
            effects.push(Effect::RefusedThere(RefusalRow {
                peer: Some(ack.from),
                at_place: Some((lane, refused.place)),
                object: act.and_then(|act| act.object).map(|name| name.id),
                rule,
                at: self.now,
            }));
        }
        if peer != rows.peer(&ack.from)? {
            effects.push(Effect::Peer(ack.from, peer));
        }
        Ok((ack, effects))
    }
}

/// Kinds whose payload is an object that handling decides about; a kind that is not known is one.
pub(crate) const fn brings_object(kind: &ActKind) -> bool {
    matches!(kind, ActKind::Released | ActKind::Sighted | ActKind::Other(_))
}

pub(crate) fn stored_note(note: &str) -> Read<SignedCheckpoint> {
    SignedCheckpoint::parse(note.as_bytes()).map_err(|error| StoreFailed(format!("a stored head: {error}")))
}
