//! Heads of ledgers: gossiped in every exchange, taken only when they continue what was taken before, cosigned, and put
//! together as evidence when they cannot both be honest.
//!
//! Every member mirrors the leaves (hashes, nothing else) of every other, so that whoever lost its ledger gets it back from
//! anybody, and so that two heads of which neither continues the other are found by whoever hears of both.

use base::Micros;
use base::limit::HEAD_LEAVES_MAX;
use base::signing::KeyId;
use ledger::TreeHash;
use ledger::checkpoint::{Origin, SignedCheckpoint};
use ledger::evidence::Evidence;
use ledger::frontier::Frontier;
use ledger::head::HeadKeeper;
use ledger::proof::{TreeHead, consistency, prefix, prefix_roots, root_at};
use ledger::witness::{AddCheckpoint, Verdict, Witness, Witnessed};

use crate::Exchange;
use crate::outbox::stored_note;
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
    /// It is for somebody who has another head; ask again with the sizes in a greeting.
    OtherSize,
    /// Not signed by the ledger's key, or its proof or leaves do not belong to it.
    Unsound,
    /// It cannot be honest together with the one that was taken: evidence is among the effects.
    Forked,
    /// A member's own ledger was found to be longer elsewhere than here: it has been restored without saying so.
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
    const fn only(kept: Kept) -> Self {
        Self { kept, effects: Vec::new() }
    }
}

fn broken(error: &impl std::fmt::Display) -> StoreFailed {
    StoreFailed(error.to_string())
}

impl Exchange<'_> {
    /// Signs a head over the own ledger as it now is, after all leaves of a transaction and inside it.
    ///
    /// # Errors
    /// The store did not answer, or what it holds would make a smaller or another head: then nothing is signed.
    pub fn sign_head(&self, rows: &dyn Rows) -> Read<Vec<Effect>> {
        let own = rows.own()?;
        if own.recovery.is_some() {
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
    /// A head that is more than [`HEAD_LEAVES_MAX`] leaves ahead is left out; its tiles are to be fetched.
    pub fn heads_for(
        &self,
        rows: &dyn Rows,
        known: &std::collections::BTreeMap<KeyId, u64>,
    ) -> Read<Vec<HeadUpdate>> {
        let mut updates = Vec::new();
        let mut members = rows.mirrored()?;
        members.push(self.me.member);
        for member in members.into_iter().take(base::limit::HEADS_MAX) {
            let asked = known.get(&member).copied().unwrap_or(0);
            updates.extend(self.update_of(rows, &member, asked)?);
        }
        Ok(updates)
    }

    fn update_of(&self, rows: &dyn Rows, member: &KeyId, asked: u64) -> Read<Option<HeadUpdate>> {
        let note = if *member == self.me.member {
            rows.own()?.head
        } else {
            rows.mirror(member)?.map(|row| row.note)
        };
        let Some(note) = note.as_deref().map(stored_note).transpose()? else { return Ok(None) };
        let size = note.head().size;
        // A head as large as the asker's is told too, without leaves: it may be another one.
        let old = asked.min(size);
        if usize::try_from(size.saturating_sub(old)).unwrap_or(usize::MAX) > HEAD_LEAVES_MAX {
            return Ok(None);
        }
        let tiles = TilesOf { rows, member: *member };
        let prefix = prefix(&tiles, old, size).map_err(|error| broken(&error))?;
        let leaves = rows.leaves(member, old, size)?;
        Ok(Some(HeadUpdate { origin: *member, note, old, prefix, leaves }))
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
        if update.old != known.size {
            return Ok(HeadOutcome::only(Kept::OtherSize));
        }
        if let Some(held) = &held
            && known.size > 0
        {
            let roots = prefix_roots(known.size, head.size, &update.prefix);
            match roots {
                Ok((_, after)) if after != head.root => return Ok(HeadOutcome::only(Kept::Unsound)),
                Ok((before, _)) if before != known.root => {
                    return Ok(self.forked(update, held, update.prefix.clone()));
                }
                Ok(_) => {}
                Err(_) => return Ok(HeadOutcome::only(Kept::Unsound)),
            }
        }
        if !self.leaves_fit(rows, update, known.size, head)? {
            return Ok(HeadOutcome::only(Kept::Unsound));
        }
        self.cosign(rows, update, held)
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
        Ok(self.forked(update, held, prefix))
    }

    fn forked(&self, update: &HeadUpdate, held: &SignedCheckpoint, prefix: Vec<TreeHash>) -> HeadOutcome {
        let keys = self.ledger_keys(&update.origin);
        let evidence = keys
            .into_iter()
            .find_map(|key| Evidence::new(key, held.clone(), update.note.clone(), prefix.clone()).ok());
        match evidence {
            Some(evidence) => HeadOutcome {
                kept: Kept::Forked,
                effects: vec![Effect::Evidence { origin: update.origin, text: evidence.to_json() }],
            },
            None => HeadOutcome::only(Kept::Unsound),
        }
    }

    fn leaves_fit(&self, rows: &dyn Rows, update: &HeadUpdate, from: u64, head: TreeHead) -> Read<bool> {
        let added = u64::try_from(update.leaves.len()).unwrap_or(u64::MAX);
        if from.checked_add(added) != Some(head.size) {
            return Ok(false);
        }
        Ok(self.edge(rows, &update.origin, from, &update.leaves)?.root() == head.root)
    }

    fn edge(&self, rows: &dyn Rows, member: &KeyId, from: u64, added: &[TreeHash]) -> Read<Frontier> {
        let mut edge = Frontier::new();
        for leaf in rows.leaves(member, 0, from)?.iter().chain(added) {
            edge.append(*leaf, |_| {});
        }
        Ok(edge)
    }

    fn cosign(
        &self,
        rows: &dyn Rows,
        update: &HeadUpdate,
        held: Option<SignedCheckpoint>,
    ) -> Read<HeadOutcome> {
        let mut proof = update.prefix.clone();
        if update.old.is_power_of_two() && !proof.is_empty() {
            proof.remove(0);
        }
        let request = AddCheckpoint { old: update.old, proof, checkpoint: update.note.clone() };
        let name = Origin::of_member(&self.me.member).key_name().clone();
        let witness = Witness::new(name, self.me.signer.as_ref());
        let keys = self.ledger_keys(&update.origin);
        let seconds = self.now.0.checked_div(Micros::SECOND).and_then(|seconds| u64::try_from(seconds).ok());
        let verdict = witness.decide(
            request.to_body().as_bytes(),
            |_| Some(Witnessed { keys, last: held }),
            seconds.unwrap_or(0),
        );
        let Verdict::Cosigned { checkpoint, line } = verdict else {
            return Ok(HeadOutcome::only(Kept::Unsound));
        };
        let size = checkpoint.head().size;
        let row = MirrorRow { member: update.origin, note: checkpoint.to_string(), size };
        let mut effects = vec![Effect::Mirror { row, leaves: update.leaves.clone() }];
        effects.extend(self.settle_awaited(rows, update)?);
        let line = Cosigned { witness: self.me.member, size, line };
        Ok(HeadOutcome { kept: Kept::Cosigned(Box::new(line)), effects })
    }

    /// Acts that waited for a head: they are its leaves, or their author said two things.
    fn settle_awaited(&self, rows: &dyn Rows, update: &HeadUpdate) -> Read<Vec<Effect>> {
        let mut effects = Vec::new();
        for sequence in rows.awaited(&update.origin)? {
            let at = sequence.checked_sub(update.old).and_then(|at| usize::try_from(at).ok());
            let Some(leaf) = at.and_then(|at| update.leaves.get(at)) else { continue };
            let act = rows.act(&update.origin, sequence)?;
            if act.is_some_and(|act| act.leaf == *leaf) {
                effects.push(Effect::Covered { author: update.origin, sequence });
            } else {
                effects.push(Effect::Refusal(RefusalRow {
                    peer: Some(update.origin),
                    at_place: None,
                    rule: crate::Rule::ProofContradicted.code().to_owned(),
                    at: self.now,
                }));
            }
        }
        Ok(effects)
    }

    /// Somebody tells this member of its own ledger.
    fn own_told(&self, rows: &dyn Rows, update: &HeadUpdate, head: TreeHead) -> Read<HeadOutcome> {
        let own = rows.own()?;
        let tiles = TilesOf { rows, member: self.me.member };
        if head.size <= own.next {
            let root = root_at(&tiles, head.size).map_err(|error| broken(&error))?;
            let kept = if root == head.root { Kept::Known } else { Kept::Regressed };
            return Ok(HeadOutcome::only(kept));
        }
        if own.recovery.is_none() {
            return Ok(HeadOutcome::only(Kept::Regressed));
        }
        if update.old != own.next {
            return Ok(HeadOutcome::only(Kept::OtherSize));
        }
        if !self.leaves_fit(rows, update, own.next, head)? {
            return Ok(HeadOutcome::only(Kept::Unsound));
        }
        let places = own.next..head.size;
        let mut effects: Vec<Effect> = places
            .zip(&update.leaves)
            .map(|(sequence, leaf)| Effect::Leaf { sequence, leaf: *leaf })
            .collect();
        effects.push(Effect::OwnHead(update.note.to_string()));
        Ok(HeadOutcome { kept: Kept::Known, effects })
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
