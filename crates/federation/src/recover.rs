//! After a restore from a backup: a member gets back its own ledger, its own acts, and what others had sent since.
//!
//! It goes in two stages. *Taking back*: it signs no head, makes no act and takes nothing new, so that it can neither fork its
//! ledger nor show what has been recalled meanwhile. Leaves come with the heads that others mirror; acts and payloads come from
//! whoever holds them, in [`Lane::Back`] (heads first, then acts, then the word how far that was, [`Back`]). When every active
//! member has given back everything, but for those the operator leaves out, it makes acts again and is *catching up*: what the others had sent
//! until then comes again, because the greeting tells them the old cursors, and recalls with it. Then it is over.
//!
//! What it said before the restore and is still on its way could contradict it later. So every restore begins a new *life*
//! ([`crate::OwnRow::life`]), which every greeting, envelope and courier file names. Who has heard of a later life takes nothing any more of an
//! earlier one, and gives back after it has heard: whatever it ever took is then given back. So nothing has to be waited
//! for but the answers. What lies at relays is withdrawn by each greeting ([`crate::Hello::withdraw`]) as well.

use std::collections::{BTreeMap, BTreeSet};

use base::limit::{ALONE_ENVELOPES_MAX, BATCH_BYTES_MAX};
use base::signed::Signed;
use base::signing::KeyId;
use ledger::act::ActKind;

use crate::Exchange;
use crate::addressees::Addressees;
use crate::life::{LIFE_MAX, Shown};
use crate::outbox::brings_object;
use crate::port::{Read, Rows};
use crate::rows::{
    ActRow, Effect, Giving, HolderRow, Lane, OutboxRow, PeerRow, ReceiptRow, ReceiptState, Recovery,
    RefusalRow, Stage,
};
use crate::seal::Sealed;
use crate::wire::{Ack, Back};
use crate::{Hello, Rule};

impl Exchange<'_> {
    /// What a restore sets before anything else happens. Everybody is waited for, whomever an earlier recovery left out: one of
    /// them may be who showed that it is needed.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn begin_recovery(&self, rows: &dyn Rows) -> Read<Vec<Effect>> {
        self.begin_after(rows, rows.own()?.life, BTreeSet::new())
    }

    /// The same once more, on the operator's word, from the first own act that is not here: a member is back that took no part when the last
    /// recovery ended, or was left out of it. `NothingLost` where every own act is here: nobody could give anything back then, and nothing is
    /// served until everybody has said so.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn recover_again(&self, rows: &dyn Rows) -> Read<Result<Vec<Effect>, Rule>> {
        let own = rows.own()?;
        if own.recovery.is_some() {
            return Ok(Err(Rule::Recovering));
        }
        let mut lost = 0_u64;
        loop {
            let page = rows.acts_from(&self.me.member, lost, ALONE_ENVELOPES_MAX)?;
            let before = lost;
            for _ in page.iter().zip(before..).take_while(|(act, place)| act.sequence == *place) {
                lost = lost.saturating_add(1);
            }
            if page.is_empty() || lost != before.saturating_add(page.len() as u64) {
                break;
            }
        }
        if lost >= own.next {
            return Ok(Err(Rule::NothingLost));
        }
        let mut effects = self.begin_recovery(rows)?;
        for effect in &mut effects {
            if let Effect::Recovery(Some(recovery)) = effect {
                recovery.from = lost;
            }
        }
        Ok(Ok(effects))
    }

    fn begin_after(&self, rows: &dyn Rows, life: u64, without: BTreeSet<KeyId>) -> Read<Vec<Effect>> {
        let own = rows.own()?;
        let now = u64::try_from(self.now.0).unwrap_or_default();
        let before = own.recovery.as_ref();
        let recovery = Recovery {
            from: before.map_or(own.next, |recovery| recovery.from.min(own.next)),
            since: self.now,
            stage: Stage::TakingBack,
            peers: BTreeMap::new(),
            without,
        };
        // What an earlier recovery had held of leaves that did not all come back begins anew too.
        let ahead = Effect::Ahead { member: self.me.member, from: own.next, leaves: Vec::new() };
        let next = now.max(life.saturating_add(1)).min(LIFE_MAX);
        Ok(vec![ahead, Effect::Life(next), Effect::Recovery(Some(recovery))])
    }

    /// Somebody shows a later life of this node than the present one: it was put back to a state before its last restore.
    pub(crate) fn begin_anew(&self, rows: &dyn Rows, later: Option<&Shown>) -> Read<Vec<Effect>> {
        let Some(later) = later else { return Ok(Vec::new()) };
        let without = rows.own()?.recovery.map(|recovery| recovery.without).unwrap_or_default();
        self.begin_after(rows, later.life(), without)
    }

    /// What this node holds of a member whose greeting says that it takes back what it lost: a page of its acts, sealed, and the
    /// word how far that goes. The heads it lacks go before, and no act while the own one goes in parts.
    ///
    /// # Errors
    /// The store did not answer.
    ///
    /// # Limits
    /// [`ALONE_ENVELOPES_MAX`] acts and [`BATCH_BYTES_MAX`] bytes.
    pub fn give_back(&self, rows: &dyn Rows, hello: &Hello) -> Read<(Vec<Sealed>, Back)> {
        let to = hello.from;
        let peer = rows.peer(&to)?;
        let mut back = Back {
            life: hello.life,
            next: None,
            sent: match rows.own()?.taking_back() {
                Some(_) => Giving::SENT_NOT_KNOWN,
                None => Lane::QUEUES.map(|lane| peer.queue(lane).last),
            },
            leaves: rows.mirror(&to)?.map_or(0, |row| row.size),
            acts: 0,
            epoch: self.directory.epoch(),
        };
        let from = hello.recovering_from.unwrap_or_default();
        let known = hello.heads.get(&to).copied().unwrap_or(0);
        let lacks = usize::try_from(back.leaves.saturating_sub(known)).unwrap_or(usize::MAX);
        if lacks > self.leaves_max {
            // Its leaves come in parts, and an act is taken back for its leaf.
            back.next = Some(from);
            return Ok((Vec::new(), back));
        }
        let acts = rows.acts_from(&to, from, ALONE_ENVELOPES_MAX)?;
        if acts.len() >= ALONE_ENVELOPES_MAX {
            back.next = acts.last().map(|act| act.sequence.saturating_add(1));
        }
        let mut batch = Vec::new();
        let Some(towards) = self.towards(&to) else { return Ok((batch, back)) };
        let mut room = BATCH_BYTES_MAX.saturating_sub(1024);
        for act in &acts {
            let row = OutboxRow {
                peer: to,
                lane: Lane::Back,
                place: 0,
                author: act.author,
                sequence: act.sequence,
            };
            let payload = rows.payload(&act.author, act.sequence)?;
            let envelope = self.envelope(rows, &row, act, (payload, Vec::new()))?;
            let Some(sealed) = self.seal(&towards, &envelope)? else { continue };
            match room.checked_sub(sealed.as_bytes().len().saturating_add(6)) {
                Some(left) => room = left,
                None => {
                    back.next = Some(act.sequence);
                    break;
                }
            }
            batch.push(sealed);
        }
        back.acts = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        Ok((batch, back))
    }

    /// The acknowledgement that goes with what is given back.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn gives_back(&self, rows: &dyn Rows, to: KeyId, back: Back) -> Read<Signed> {
        let known = rows.peer(&to)?;
        let ack = Ack {
            from: self.me.member,
            to,
            life: Some(known.life),
            cursors: Lane::QUEUES.map(|lane| known.queue(lane).cursor),
            refused: Vec::new(),
            heads: BTreeMap::new(),
            back: Some(back),
        };
        Ok(ack.sign(self.me.signer.as_ref()))
    }

    /// The line in the log of refusals for leaves of the own ledger that are not its.
    #[must_use]
    pub fn refused_leaves(&self, from: KeyId) -> Effect {
        self.refused_of(from, Rule::ProofContradicted)
    }

    /// The line in the log of refusals for something of a member's that had no place.
    pub(crate) fn refused_of(&self, from: KeyId, rule: Rule) -> Effect {
        let rule = rule.code().to_owned();
        Effect::Refusal(RefusalRow { peer: Some(from), at_place: None, object: None, rule, at: self.now })
    }

    /// Takes the word of a member on how far it has given back, once everything that came with it was taken without a refusal.
    ///
    /// It counts for nothing when it was said to an earlier life, or while the member mirrors more leaves than have come; and it
    /// waits while the member knows a later registry: then this node does not know yet who else has something to give back.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn given_back(&self, rows: &dyn Rows, from: &KeyId, back: &Back) -> Read<Vec<Effect>> {
        let own = rows.own()?;
        let (life, Some(mut recovery)) = (own.life, own.recovery) else { return Ok(Vec::new()) };
        let behind = back.epoch > self.directory.epoch() || back.leaves > own.next;
        if recovery.stage != Stage::TakingBack || back.life != life || behind {
            return Ok(Vec::new());
        }
        let giving = recovery.peers.entry(*from).or_default();
        match back.next {
            Some(next) => giving.next = giving.next.max(next),
            None => giving.sent = Some(back.sent),
        }
        Ok(vec![Effect::Recovery(Some(recovery))])
    }

    /// What a member's greeting changes of how far it has given back, when `known` was its latest life until now.
    ///
    /// Who has been restored since it gave its word has other places in its lanes than it spoke of: while own acts come back it is
    /// asked again, and afterwards it is read up to where its lanes are once it has taken back what it lost.
    pub(crate) fn hear_again(&self, rows: &dyn Rows, hello: &Hello, known: u64) -> Read<Vec<Effect>> {
        let Some(mut recovery) = rows.own()?.recovery else { return Ok(Vec::new()) };
        let stage = recovery.stage;
        let Some(giving) = recovery.peers.get_mut(&hello.from) else { return Ok(Vec::new()) };
        let before = *giving;
        if hello.life > known {
            *giving = match stage {
                Stage::TakingBack => Giving::default(),
                Stage::CatchingUp => {
                    Giving { sent: giving.sent.and(Some(Giving::SENT_NOT_KNOWN)), ..*giving }
                }
            };
        }
        if giving.sent == Some(Giving::SENT_NOT_KNOWN) && hello.recovering_from.is_none() {
            giving.sent = Some(hello.sent);
        }
        let changed = *giving != before;
        Ok(if changed { vec![Effect::Recovery(Some(recovery))] } else { Vec::new() })
    }

    /// Does not wait for a member any longer. What only that member had taken of this one is contradicted by what is done next.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn leave_out(&self, rows: &dyn Rows, member: KeyId) -> Read<Result<Vec<Effect>, Rule>> {
        let Some(mut recovery) = rows.own()?.recovery else { return Ok(Err(Rule::NotRecovering)) };
        recovery.without.insert(member);
        Ok(Ok(vec![Effect::Recovery(Some(recovery))]))
    }

    /// Goes on to the next stage of a recovery when nobody is missing any more; no effect otherwise. To be asked again after its
    /// effects were applied.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn advance(&self, rows: &dyn Rows) -> Read<Vec<Effect>> {
        let Some(mut recovery) = rows.own()?.recovery else { return Ok(Vec::new()) };
        if !self.awaited_members(rows, &recovery)?.is_empty() {
            return Ok(Vec::new());
        }
        if recovery.stage == Stage::CatchingUp {
            return Ok(vec![Effect::Recovery(None)]);
        }
        let mut effects = self.address_again(rows, recovery.from)?;
        recovery.stage = Stage::CatchingUp;
        effects.push(Effect::Recovery(Some(recovery)));
        Ok(effects)
    }

    /// The members that a recovery waits for in its present stage.
    ///
    /// A backup that knows no other member cannot tell whether there is one by now that mirrors the ledger: it waits for this
    /// member itself, until the operator says that there never was one ([`Self::leave_out`] of itself).
    ///
    /// # Errors
    /// The store did not answer.
    pub fn awaited_members(&self, rows: &dyn Rows, recovery: &Recovery) -> Read<BTreeSet<KeyId>> {
        let mut awaited = BTreeSet::new();
        let active = self.directory.active();
        let me = self.me.member;
        if active.iter().all(|member| *member == me) && !recovery.without.contains(&me) {
            return Ok(BTreeSet::from([me]));
        }
        for member in active {
            if member != me && self.is_awaited(rows, recovery, &member)? {
                awaited.insert(member);
            }
        }
        Ok(awaited)
    }

    /// Whether a recovery waits for a member that takes part, in its present stage.
    fn is_awaited(&self, rows: &dyn Rows, recovery: &Recovery, member: &KeyId) -> Read<bool> {
        if recovery.without.contains(member) {
            return Ok(false);
        }
        let giving = recovery.peers.get(member).copied().unwrap_or_default();
        Ok(match (recovery.stage, giving.sent) {
            (Stage::TakingBack, sent) => sent.is_none(),
            (Stage::CatchingUp, None) => false,
            (Stage::CatchingUp, Some(sent)) => !self.has_read(rows, member, sent)?,
        })
    }

    /// Whether a member may have called back what this node holds of it, and only a backup does not know: nothing of it is passed
    /// on before it has been read up to where it was when it gave back.
    pub(crate) fn may_be_recalled(&self, rows: &dyn Rows, author: &KeyId) -> Read<bool> {
        let Some(recovery) = rows.own()?.recovery else { return Ok(false) };
        let takes_part = self.directory.standing(author) == crate::Standing::Active;
        Ok(takes_part && self.is_awaited(rows, &recovery, author)?)
    }

    fn has_read(&self, rows: &dyn Rows, member: &KeyId, sent: [u64; 2]) -> Read<bool> {
        let peer = rows.peer(member)?;
        Ok(Lane::QUEUES.into_iter().zip(sent).all(|(lane, last)| peer.queue(lane).cursor >= last))
    }

    /// Acts that came back go again to whom they concern, and of whom it is not known that they have them.
    fn address_again(&self, rows: &dyn Rows, from: u64) -> Read<Vec<Effect>> {
        let mut peers: BTreeMap<KeyId, PeerRow> = BTreeMap::new();
        let mut effects = Vec::new();
        let mut addressees = Addressees::among(self.directory.active());
        for act in rows.acts_from(&self.me.member, from, usize::MAX)? {
            let lane = if brings_object(&act.kind) { Lane::Routine } else { Lane::Flash };
            let answered: BTreeSet<KeyId> =
                rows.receipts(act.sequence)?.into_iter().map(|row| row.member).collect();
            let mut concerned = self.concerned(rows, &act)?;
            if let Some(name) = &act.object {
                let known = concerned.union(&answered).copied().collect();
                for member in addressees.of(rows, &act, known)? {
                    if member != self.me.member && concerned.insert(member) && brings_object(&act.kind) {
                        effects.push(self.holder(name, member, HolderRow::RELEASED));
                    }
                }
            }
            for member in concerned.into_iter().filter(|member| !answered.contains(member)) {
                let sequence = act.sequence;
                let known = match peers.remove(&member) {
                    Some(known) => known,
                    None => rows.peer(&member)?,
                };
                let peer = peers.entry(member).or_insert(known);
                let Some(queue) = peer.queue_mut(lane) else { continue };
                queue.last = queue.last.saturating_add(1);
                let place = queue.last;
                effects.push(Effect::Outbox(OutboxRow {
                    peer: member,
                    lane,
                    place,
                    author: act.author,
                    sequence,
                }));
                effects.push(Effect::Receipt(ReceiptRow { sequence, member, state: ReceiptState::Pending }));
            }
        }
        effects.extend(peers.into_iter().map(|(member, row)| Effect::Peer(member, row)));
        Ok(effects)
    }

    /// Whom an own act concerns: the holders of its object, and everybody who takes part where glass was broken.
    fn concerned(&self, rows: &dyn Rows, act: &ActRow) -> Read<BTreeSet<KeyId>> {
        if act.kind == ActKind::GlassBroken {
            let mut others = self.directory.active();
            others.remove(&self.me.member);
            return Ok(others);
        }
        let Some(name) = &act.object else { return Ok(BTreeSet::new()) };
        Ok(rows.holders(name)?.into_iter().map(|row| row.member).collect())
    }
}

#[cfg(test)]
#[path = "recover_tests.rs"]
pub(crate) mod tests;
