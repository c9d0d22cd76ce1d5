//! Heads of ledgers: gossiped in every exchange, taken only when they continue what was taken before, cosigned, and put
//! together as evidence when they cannot both be honest.
//!
//! Every member mirrors the leaves (hashes, nothing else) of every other, so that whoever lost its ledger gets it back from
//! anybody, and so that two heads of which neither continues the other are found by whoever hears of both.

use std::collections::BTreeMap;

use base::Micros;
use base::limit::EVIDENCE_OF_ONE_MAX;
use base::signing::KeyId;
use ledger::TreeHash;
use ledger::checkpoint::{Origin, SignedCheckpoint};
use ledger::evidence::Evidence;
use ledger::head::HeadKeeper;
use ledger::proof::{TreeHead, consistency, inclusion, prefix, prefix_roots, root_at};
use ledger::two_acts::{Leaf, Other};
use ledger::witness::{AddCheckpoint, Verdict, Witnessed};

use crate::Exchange;
use crate::envelope::statement;
use crate::grown::Grown;
use crate::outbox::stored_note;
use crate::parts::Fit;
use crate::port::{Read, Rows, StoreFailed, TilesOf};
use crate::rows::{Covered, Effect, MirrorRow, RefusalRow};
use crate::wire::{Cosigned, HeadUpdate};

/// What became of a head that somebody told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It continues what was known, was taken and cosigned: the line goes back to its ledger.
    Cosigned(Box<Cosigned>),
    /// Nothing new.
    Known,
    /// Its first leaves were taken; the rest has to come. Nothing is cosigned before that.
    Part,
    /// It is for somebody who has another head; ask again with the sizes in a greeting.
    OtherSize,
    /// Not signed by the ledger's key, or its proof or leaves do not belong to it.
    Unsound,
    /// It cannot be honest together with the one that was taken: evidence is among the effects, unless there is enough of it.
    Forked,
    /// The own ledger was found to be longer elsewhere than here: it was put back to an earlier state. A recovery is among the
    /// effects.
    Regressed,
}

/// A head's outcome and what is to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadOutcome {
    /// What became of it.
    pub kept: Kept,
    /// What is to be applied.
    pub effects: Vec<Effect>,
}

impl HeadOutcome {
    pub(crate) const fn only(kept: Kept) -> Self {
        Self { kept, effects: Vec::new() }
    }
}

pub(crate) fn broken(error: &impl std::fmt::Display) -> StoreFailed {
    StoreFailed(error.to_string())
}

impl Exchange<'_> {
    /// Signs a head over the own ledger as it now is, after all leaves of a transaction and inside it.
    ///
    /// # Errors
    /// The store did not answer, or what it holds would make a smaller or another head: then nothing is signed.
    pub fn sign_head(&self, rows: &dyn Rows) -> Read<Vec<Effect>> {
        let own = rows.own()?;
        if own.taking_back().is_some() {
            return Ok(Vec::new());
        }
        let origin = Origin::of_member(&self.me.member);
        let signer = self.me.signer.as_ref();
        let tiles = TilesOf { rows, member: self.me.member };
        let (mut keeper, old) = match &own.head {
            None => (HeadKeeper::new(origin, signer), 0),
            Some(note) => {
                let stored = stored_note(note)?;
                let size = stored.head().size;
                if size == own.next {
                    return Ok(Vec::new());
                }
                let earlier = self.ledger_keys(&self.me.member);
                let keeper = HeadKeeper::resume(origin, signer, &stored, &earlier).map_err(|e| broken(&e))?;
                (keeper, size)
            }
        };
        let root = root_at(&tiles, own.next).map_err(|error| broken(&error))?;
        let proof = consistency(&tiles, old, own.next).map_err(|error| broken(&error))?;
        let head = TreeHead { size: own.next, root };
        let signed = keeper.sign(head, &proof, signer).map_err(|error| broken(&error))?;
        Ok(vec![Effect::OwnHead(signed.to_string())])
    }

    /// The heads that somebody lacks who knows ledgers up to the sizes in `known`.
    ///
    /// # Errors
    /// The store did not answer.
    ///
    /// # Limits
    /// [`Exchange::leaves_max`] leaves in all, the own ledger's first, since nothing of it can be taken before; a head for which there
    /// is no room goes in the next exchange, when the others are known, and one for which there is not room enough goes in parts.
    /// `back` is a member that takes back what it lost: before anything else it gets its own.
    pub fn heads_for(
        &self,
        rows: &dyn Rows,
        known: &BTreeMap<KeyId, u64>,
        back: Option<&KeyId>,
    ) -> Read<Vec<HeadUpdate>> {
        self.heads_with(rows, (known, back), self.leaves_max)
    }

    /// The same within so many leaves.
    pub(crate) fn heads_with(
        &self,
        rows: &dyn Rows,
        (known, back): (&BTreeMap<KeyId, u64>, Option<&KeyId>),
        leaves_max: usize,
    ) -> Read<Vec<HeadUpdate>> {
        let mut updates = Vec::new();
        let mut members: Vec<KeyId> = std::iter::once(self.me.member).chain(rows.mirrored()?).collect();
        members.sort_by_key(|member| Some(member) != back);
        let mut room = leaves_max;
        for member in members.into_iter().take(base::limit::HEADS_MAX) {
            let asked = known.get(&member).copied().unwrap_or(0);
            let Some(update) = self.update_of(rows, &member, (asked, room))? else { continue };
            room = room.saturating_sub(update.leaves.len());
            updates.push(update);
        }
        Ok(updates)
    }

    fn update_of(
        &self,
        rows: &dyn Rows,
        member: &KeyId,
        (asked, most): (u64, usize),
    ) -> Read<Option<HeadUpdate>> {
        let note = if *member == self.me.member {
            rows.own()?.head
        } else {
            rows.mirror(member)?.map(|row| row.note)
        };
        let Some(note) = note.as_deref().map(stored_note).transpose()? else { return Ok(None) };
        let size = note.head().size;
        // A head as large as the asker's is told too, without leaves: it may be another one.
        let old = asked.min(size);
        let upto = size.min(old.saturating_add(u64::try_from(most).unwrap_or(u64::MAX)));
        if upto == old && old < size {
            return Ok(None);
        }
        let tiles = TilesOf { rows, member: *member };
        let proof = |old| prefix(&tiles, old, size).map_err(|error| broken(&error));
        let (prefix, rest) = (proof(old)?, proof(upto)?);
        let leaves = rows.leaves(member, old, upto)?;
        Ok(Some(HeadUpdate { origin: *member, note, old, prefix, leaves, rest }))
    }

    /// Takes a head that somebody told.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn take_head(&self, rows: &dyn Rows, update: &HeadUpdate) -> Read<HeadOutcome> {
        let origin = Origin::of_member(&update.origin);
        let keys = self.ledger_keys(&update.origin);
        let Ok(head) = update.note.verify(&origin, &keys) else {
            return Ok(HeadOutcome::only(Kept::Unsound));
        };
        if update.origin == self.me.member {
            return self.own_told(rows, update, head);
        }
        let held = match rows.mirror(&update.origin)? {
            Some(row) => Some(stored_note(&row.note)?),
            None => None,
        };
        let known = held.as_ref().map_or_else(empty, SignedCheckpoint::head);
        if head.size <= known.size {
            return match held {
                None => Ok(HeadOutcome::only(Kept::Known)),
                Some(held) => self.not_larger(rows, update, &held),
            };
        }
        let stored = rows.held(&update.origin)?.max(known.size);
        let added = if head.size <= stored {
            // What is held ahead of the known head covers it.
            &[][..]
        } else if let Some(added) = self.leaves_beyond(rows, update, stored)? {
            added
        } else {
            return Ok(HeadOutcome::only(Kept::OtherSize));
        };
        match self.fit(rows, (update, head), (stored.min(head.size), added))? {
            Fit::Whole => return self.take_grown(rows, update, (stored, added)),
            Fit::Part => return Ok(self.hold_ahead(update.origin, (stored, added))),
            Fit::No if stored > known.size => {
                return self.let_go_ahead(rows, (update, head), (known.size, stored));
            }
            Fit::No => {}
        }
        let Some(held) = held.filter(|_| known.size > 0 && update.old == known.size) else {
            return Ok(HeadOutcome::only(Kept::Unsound));
        };
        self.branched(rows, update, (&held, head))
    }

    /// The leaves are not the head's: then its ledger has another beginning, or these are somebody's invention.
    fn branched(
        &self,
        rows: &dyn Rows,
        update: &HeadUpdate,
        (held, head): (&SignedCheckpoint, TreeHead),
    ) -> Read<HeadOutcome> {
        let known = held.head();
        match prefix_roots(known.size, head.size, &update.prefix) {
            Ok((before, after)) if after == head.root && before != known.root => {
                self.forked(rows, update, (held, update.prefix.clone()))
            }
            _ => Ok(HeadOutcome::only(Kept::Unsound)),
        }
    }

    /// The leaves of an update that are not here yet; `None` when they do not begin where this node ends, nor before with the
    /// same leaves.
    fn leaves_beyond<'u>(
        &self,
        rows: &dyn Rows,
        update: &'u HeadUpdate,
        size: u64,
    ) -> Read<Option<&'u [TreeHash]>> {
        let Some(known) = size.checked_sub(update.old).and_then(|known| usize::try_from(known).ok()) else {
            return Ok(None);
        };
        let Some((again, added)) = update.leaves.split_at_checked(known) else { return Ok(None) };
        let same = known == 0 || rows.leaves(&update.origin, update.old, size)? == again;
        Ok(same.then_some(added))
    }

    /// A head no larger than the one held: honest only if it is what the held one has for as many leaves.
    fn not_larger(&self, rows: &dyn Rows, update: &HeadUpdate, held: &SignedCheckpoint) -> Read<HeadOutcome> {
        let head = update.note.head();
        let tiles = TilesOf { rows, member: update.origin };
        let root = root_at(&tiles, head.size).map_err(|error| broken(&error))?;
        if root == head.root {
            return Ok(HeadOutcome::only(Kept::Known));
        }
        let prefix = prefix(&tiles, head.size, held.head().size).map_err(|error| broken(&error))?;
        self.forked(rows, update, (held, prefix))
    }

    fn forked(
        &self,
        rows: &dyn Rows,
        update: &HeadUpdate,
        (held, prefix): (&SignedCheckpoint, Vec<TreeHash>),
    ) -> Read<HeadOutcome> {
        let keys = self.ledger_keys(&update.origin);
        let evidence = keys
            .into_iter()
            .find_map(|key| Evidence::new(key, held.clone(), update.note.clone(), prefix.clone()).ok());
        let Some(evidence) = evidence else { return Ok(HeadOutcome::only(Kept::Unsound)) };
        let mut outcome = HeadOutcome::only(Kept::Forked);
        if rows.evidence_against(&update.origin)? < EVIDENCE_OF_ONE_MAX {
            outcome.effects.push(Effect::Evidence { origin: update.origin, text: evidence.to_json() });
        }
        Ok(outcome)
    }

    /// Takes a head with its leaves, and cosigns it unless a later one was cosigned already.
    fn take_grown(
        &self,
        rows: &dyn Rows,
        update: &HeadUpdate,
        (stored, added): (u64, &[TreeHash]),
    ) -> Read<HeadOutcome> {
        let tiles = Grown { rows, member: update.origin, stored, added };
        let last = self.cosigned_last(rows, &update.origin)?;
        let mirrored_size = rows.mirror(&update.origin)?.map_or(0, |row| row.size);
        let old = last.as_ref().map_or(0, |last| last.head().size);
        let size = update.note.head().size;
        let mirrored = |note: String| -> Read<Vec<Effect>> {
            let row = MirrorRow { member: update.origin, note, size };
            let mut effects = vec![Effect::Mirror { row, leaves: added.to_vec() }];
            effects.extend(self.settle_awaited(rows, update, (&tiles, mirrored_size))?);
            Ok(effects)
        };
        if size < old {
            // Its leaves are kept; whether they are those of the later head is seen when they reach it.
            return Ok(HeadOutcome { kept: Kept::Known, effects: mirrored(update.note.to_string())? });
        }
        let proof = if old == 0 {
            Vec::new()
        } else {
            consistency(&tiles, old, size).map_err(|error| broken(&error))?
        };
        let request = AddCheckpoint { old, proof, checkpoint: update.note.clone() };
        let known = Witnessed { keys: self.ledger_keys(&update.origin), last: last.clone() };
        match (self.decide(request.to_body().as_bytes(), Some(known)), last) {
            (Verdict::Cosigned { checkpoint, line }, _) => {
                let line = Cosigned { witness: self.me.member, size, line };
                let effects = mirrored(checkpoint.to_string())?;
                Ok(HeadOutcome { kept: Kept::Cosigned(Box::new(line)), effects })
            }
            // The leaves are this head's and not those of the one that was cosigned for somebody else.
            (Verdict::Conflict { .. } | Verdict::NoContinuation(_), Some(last)) if mirrored_size < old => {
                let prefix = if size == old {
                    Vec::new()
                } else {
                    prefix(&tiles, old, size).map_err(|error| broken(&error))?
                };
                self.forked(rows, update, (&last, prefix))
            }
            _ => Ok(HeadOutcome::only(Kept::Unsound)),
        }
    }

    /// Acts that waited for a head: they are its leaves, or their author said two things. `known` = leaves that heads covered before: what
    /// those contradicted was told then.
    fn settle_awaited(
        &self,
        rows: &dyn Rows,
        update: &HeadUpdate,
        (tiles, known): (&Grown<'_>, u64),
    ) -> Read<Vec<Effect>> {
        let (author, size) = (update.origin, update.note.head().size);
        let (mut effects, mut evidence) = (Vec::new(), None);
        for sequence in rows.awaited(&author)?.into_iter().filter(|place| (known..size).contains(place)) {
            let leaf = tiles.leaf(sequence)?;
            let act = rows.act(&author, sequence)?;
            if act.as_ref().is_some_and(|act| act.leaf == leaf) {
                effects.push(Effect::Covered { author, sequence });
                continue;
            }
            if let (None, Some(act)) = (&evidence, &act)
                && let Ok(signed) = statement(act.signed.as_bytes())
            {
                let hashes = inclusion(tiles, sequence, size).map_err(|error| broken(&error))?;
                let other = Other::InLedger { leaf: Leaf::Hash(leaf), hashes, head: update.note.clone() };
                evidence = self.contradiction(rows, author, (signed, other))?;
            }
            effects.push(Effect::Refusal(RefusalRow {
                peer: Some(author),
                at_place: None,
                object: act.and_then(|act| act.object).map(|name| name.id),
                rule: crate::Rule::ProofContradicted.code().to_owned(),
                at: self.now,
            }));
        }
        effects.extend(evidence);
        Ok(effects)
    }

    /// Somebody tells this member of its own ledger.
    fn own_told(&self, rows: &dyn Rows, update: &HeadUpdate, head: TreeHead) -> Read<HeadOutcome> {
        let own = rows.own()?;
        let held = own.head.as_deref().map(stored_note).transpose()?;
        if head.size <= own.next {
            let tiles = TilesOf { rows, member: self.me.member };
            let root = root_at(&tiles, head.size).map_err(|error| broken(&error))?;
            return match held {
                Some(held) if root != head.root => self.not_larger(rows, update, &held),
                _ => Ok(HeadOutcome::only(Kept::Known)),
            };
        }
        let stored = rows.held(&self.me.member)?.max(own.next);
        let added = if head.size <= stored {
            &[][..]
        } else if let Some(added) = self.leaves_beyond(rows, update, stored)? {
            added
        } else {
            return Ok(HeadOutcome::only(Kept::OtherSize));
        };
        let fit = self.fit(rows, (update, head), (stored.min(head.size), added))?;
        if fit != Fit::No && own.taking_back().is_none() {
            // Put back to an earlier state without a restore: it signs nothing more before it has back what it lost.
            return Ok(HeadOutcome { kept: Kept::Regressed, effects: self.begin_recovery(rows)? });
        }
        match fit {
            Fit::Whole => {
                let (leaves, note) = (added.to_vec(), update.note.to_string());
                Ok(HeadOutcome { kept: Kept::Known, effects: vec![Effect::TakenBack { leaves, note }] })
            }
            Fit::Part => Ok(self.hold_ahead(self.me.member, (stored, added))),
            Fit::No if stored > own.next => self.let_go_ahead(rows, (update, head), (own.next, stored)),
            Fit::No => match held.filter(|held| held.head().size == own.next && update.old == own.next) {
                Some(held) => self.branched(rows, update, (&held, head)),
                None => Ok(HeadOutcome::only(Kept::Unsound)),
            },
        }
    }

    /// Takes a witness's line for the own head; one for an earlier head changes nothing.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn take_cosignature(&self, rows: &dyn Rows, cosigned: &Cosigned) -> Read<Vec<Effect>> {
        let Some(note) = rows.own()?.head else { return Ok(Vec::new()) };
        let mut head = stored_note(&note)?;
        if head.head().size != cosigned.size {
            return Ok(Vec::new());
        }
        let keys = self.witness_keys(&cosigned.witness);
        let known = keys
            .iter()
            .any(|key| head.cosignatures(std::slice::from_ref(key)).is_ok_and(|lines| !lines.is_empty()));
        if known || !keys.iter().any(|key| head.attach(key, cosigned.line.clone()).is_ok()) {
            return Ok(Vec::new());
        }
        Ok(vec![Effect::OwnHead(head.to_string())])
    }

    /// Acts that have waited for a head longer than the grace: their authors owe a proof.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn overdue(&self, rows: &dyn Rows) -> Read<Vec<(KeyId, u64)>> {
        let grace = base::limit::PROOF_GRACE_SECONDS.saturating_mul(Micros::SECOND);
        let mut overdue = Vec::new();
        for member in self.directory.active() {
            for sequence in rows.awaited(&member)? {
                let Some(act) = rows.act(&member, sequence)? else { continue };
                if let Covered::Awaited(since) = act.covered
                    && since.plus(grace) < self.now
                {
                    overdue.push((member, sequence));
                }
            }
        }
        Ok(overdue)
    }
}

fn empty() -> TreeHead {
    TreeHead { size: 0, root: TreeHash::empty() }
}
