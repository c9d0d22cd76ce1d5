//! After a restore from a backup: a member gets back its own ledger, its own acts, and what others had sent since.
//!
//! Until then it signs no head, makes no act and takes nothing new ("recovering"), so that it can neither fork its ledger nor
//! show what has been recalled meanwhile. Leaves come with the heads that others mirror; acts and payloads come from whoever
//! holds them, in [`Lane::Back`] (heads first, then acts, then the word that this was all); places in outboxes jump beyond what each peer has already read; what others had sent comes
//! again because the greeting tells them the old cursors.
//!
//! It is over when every active member has answered, but for those the operator leaves out. Answers count from
//! [`RECOVERY_QUIET_SECONDS`] after the restore: what the node sent before may be on its way until then, and who takes it must
//! give it back too. What lies at relays is withdrawn by each greeting ([`crate::Hello::withdraw`]).

use std::collections::{BTreeMap, BTreeSet};

use base::Micros;
use base::limit::{BATCH_ENVELOPES_MAX, RECOVERY_QUIET_SECONDS};
use base::signing::KeyId;
use ledger::act::{Act, ActKind};

use crate::change::{self, ChangeOf};
use crate::consent::{Consent, Revocation};
use crate::content::{Content, ObjectHead};
use crate::draft::act_row;
use crate::envelope::{Envelope, statement};
use crate::inbox::{Received, Taken, form};
use crate::outbox::brings_object;
use crate::port::{Read, Rows};
use crate::rows::{
    Covered, Effect, HolderRow, Lane, ObjectName, OutboxRow, PayloadRow, PeerRow, ReceiptRow, ReceiptState,
    Recovery, RevokedRow, VersionRow,
};
use crate::seal::Sealed;
use crate::wire::Ack;
use crate::{Exchange, Refused, Rule};

impl Exchange<'_> {
    /// What a restore sets before anything else happens.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn begin_recovery(&self, rows: &dyn Rows) -> Read<Vec<Effect>> {
        let from = rows.own()?.next;
        Ok(vec![Effect::Recovery(Some(Recovery { from, since: self.now, answered: BTreeSet::new() }))])
    }

    /// What this node holds of a member that takes back what it lost: its acts from a place on, sealed, and the place to go on
    /// from, `None` when that was all.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn give_back(&self, rows: &dyn Rows, to: &KeyId, from: u64) -> Read<(Vec<Sealed>, Option<u64>)> {
        let acts = rows.acts_from(to, from, BATCH_ENVELOPES_MAX)?;
        let full = acts.len() >= BATCH_ENVELOPES_MAX;
        let next = acts.last().map(|act| act.sequence.saturating_add(1)).filter(|_| full);
        let mut batch = Vec::new();
        let Some(towards) = self.towards(to) else { return Ok((batch, None)) };
        for act in &acts {
            let row = OutboxRow {
                peer: *to,
                lane: Lane::Back,
                place: 0,
                author: act.author,
                sequence: act.sequence,
            };
            let payload = rows.payload(&act.author, act.sequence)?;
            let envelope = self.envelope(rows, &row, act, (payload, Vec::new()))?;
            batch.extend(self.seal(&towards, &envelope)?);
        }
        Ok((batch, next))
    }

    /// Takes back one of the own acts.
    pub(crate) fn take_back(&self, rows: &dyn Rows, envelope: &Envelope) -> Read<Received> {
        let (taken, effects) = match self.own_act(rows, envelope)? {
            Ok(effects) if effects.is_empty() => (Taken::Known, effects),
            Ok(effects) => (Taken::Done { author: self.me.member, lane: Lane::Back, line: None }, effects),
            Err(refused) => (Taken::Refused(refused), Vec::new()),
        };
        Ok(Received { from: Some(envelope.from), at_place: None, taken, effects })
    }

    fn own_act(&self, rows: &dyn Rows, envelope: &Envelope) -> Read<Result<Vec<Effect>, Refused>> {
        let act = match Act::peek(&envelope.act) {
            Ok(act) => act,
            Err(error) => return Ok(Err(form(&error).into())),
        };
        let header = act.header();
        let own = rows.own()?;
        if header.author != self.me.member || own.recovery.is_none() {
            return Ok(Err(Rule::NotOriginator.into()));
        }
        // The leaves came before, with the heads of whoever gives back.
        let next = header.sequence.saturating_add(1);
        let leaf = if header.sequence < own.next {
            rows.leaves(&self.me.member, header.sequence, next)?.pop()
        } else {
            None
        };
        if leaf != Some(act.leaf()) {
            return Ok(Err(Rule::ProofContradicted.into()));
        }
        // It is this member's own by its leaf. Who gives it back may never have verified the signature beside it.
        let keys = self.directory.keys(&self.me.member);
        let signed = if keys.iter().any(|key| Act::open(&envelope.act, key).is_ok()) {
            envelope.act.clone()
        } else if let Ok(signed) = act.sign(self.me.signer.as_ref()) {
            signed
        } else {
            return Ok(Err(Rule::ActSignature.into()));
        };
        let mut effects = self.addressed(rows, envelope, &act)?;
        if rows.act(&header.author, header.sequence)?.is_none() {
            effects.push(Effect::Act(act_row(&act, signed.to_json(), Covered::Yes)));
        }
        // Who no longer may have the content gives the act back without it; somebody else still has it.
        let Some((salt, bytes)) = &envelope.payload else { return Ok(Ok(effects)) };
        if rows.payload(&header.author, header.sequence)?.is_some() {
            return Ok(Ok(effects));
        }
        if header.payload != Some(salt.commit(bytes)) {
            return Ok(Err(Rule::Commitment.into()));
        }
        let Ok(content) = Content::parse(bytes) else { return Ok(Err(Rule::PayloadForm.into())) };
        let payload = PayloadRow {
            author: header.author,
            sequence: header.sequence,
            salt: *salt,
            bytes: bytes.clone(),
        };
        effects.extend(self.again(rows, &act, &content, payload)?);
        Ok(Ok(effects))
    }

    /// Who gave it back has it: a holder, a receipt already, and a line in its outbox should it lose it too.
    fn addressed(&self, rows: &dyn Rows, envelope: &Envelope, act: &ledger::act::Act) -> Read<Vec<Effect>> {
        let header = act.header();
        let (sequence, member) = (header.sequence, envelope.from);
        if rows.receipts(sequence)?.iter().any(|row| row.member == member) {
            return Ok(Vec::new());
        }
        let mut peer = rows.peer(&member)?;
        let Some(queue) = peer.queue_mut(Lane::Routine) else { return Ok(Vec::new()) };
        queue.last = queue.last.saturating_add(1);
        let place = queue.last;
        let row = OutboxRow { peer: member, lane: Lane::Routine, place, author: header.author, sequence };
        let state = ReceiptState::Done { receipt: 0, outcome: "given-back".to_owned() };
        let mut effects = vec![
            Effect::Receipt(ReceiptRow { sequence, member, state }),
            Effect::Outbox(row),
            Effect::Peer(member, peer),
        ];
        if let Some(object) = &header.object {
            let name = ObjectName { author: header.author, id: object.id.clone() };
            // Who has it by consent stays so.
            if !rows.holders(&name)?.iter().any(|row| row.member == member) {
                let ground = "released".to_owned();
                effects.push(Effect::Holder(HolderRow { name, member, ground, since: self.now }));
            }
        }
        Ok(effects)
    }

    /// What the act did here before it was lost.
    fn again(
        &self,
        rows: &dyn Rows,
        act: &ledger::act::Act,
        content: &Content<'_>,
        payload: PayloadRow,
    ) -> Read<Vec<Effect>> {
        let header = act.header();
        let mut effects = Vec::new();
        if header.kind == ActKind::Consented
            && let Ok(signed) = statement(content.document)
            && let Ok(token) = Consent::open(&signed, &self.directory.keys(&self.me.member))
        {
            let name = ObjectName { author: self.me.member, id: token.object.clone() };
            let ground = "consent".to_owned();
            effects.push(Effect::Holder(HolderRow { name, member: token.to, ground, since: self.now }));
            effects.push(Effect::Consent(token.row(&signed)));
        }
        if header.kind == ActKind::ConsentRevoked
            && let Ok(said) = crate::content::read_document::<Revocation>(content.document)
        {
            let (author, sequence) = (header.author, header.sequence);
            effects.push(Effect::Revoked(RevokedRow { author, id: said.token.0, sequence }));
        }
        let Some(object) = &header.object else {
            effects.push(Effect::Payload(payload));
            return Ok(effects);
        };
        let name = ObjectName { author: header.author, id: object.id.clone() };
        if !brings_object(&header.kind) {
            let change =
                ChangeOf { kind: &header.kind, name: &name, sequence: header.sequence, rules: content.rules };
            effects.extend(change::apply(self, rows, &change)?);
            effects.push(Effect::Payload(payload));
            return Ok(effects);
        }
        let fate = rows.fate(&name)?;
        let Ok(head) = ObjectHead::read(content.object) else { return Ok(effects) };
        let version = head.version().unwrap_or_default().to_owned();
        let held = rows.versions(&name)?.into_iter().find(|held| held.version == version);
        if fate.voids(header.sequence) || held.as_ref().is_some_and(|held| held.sequence > header.sequence) {
            return Ok(effects);
        }
        effects.extend(
            held.map(|held| Effect::DropPayload { author: held.name.author, sequence: held.sequence }),
        );
        let rules = change::rules_now(self, &fate, header.sequence, content.rules);
        effects.push(Effect::Version(VersionRow {
            name,
            version,
            sequence: header.sequence,
            kind: header.kind.clone(),
            digest: object.digest,
            rules,
            by: None,
        }));
        effects.push(Effect::Payload(payload));
        Ok(effects)
    }

    /// Takes the word of a peer that it has given back everything (no effect while things may be on their way): places in its outbox jump beyond what it has read, and
    /// taking back is over when no active member but those in `without` is missing.
    ///
    /// # Errors
    /// The store did not answer.
    pub fn given_back(&self, rows: &dyn Rows, ack: &Ack, without: &BTreeSet<KeyId>) -> Read<Vec<Effect>> {
        let Some(mut recovery) = rows.own()?.recovery else { return Ok(Vec::new()) };
        let quiet = RECOVERY_QUIET_SECONDS.saturating_mul(Micros::SECOND);
        if !ack.given_back || self.now < recovery.since.plus(quiet) {
            return Ok(Vec::new());
        }
        let mut peer = rows.peer(&ack.from)?;
        for (lane, cursor) in Lane::QUEUES.into_iter().zip(ack.cursors) {
            if let Some(queue) = peer.queue_mut(lane) {
                queue.last = queue.last.max(cursor);
                queue.acked = queue.acked.max(cursor);
            }
        }
        recovery.answered.insert(ack.from);
        let missing = self.directory.active().into_iter().any(|member| {
            member != self.me.member && !recovery.answered.contains(&member) && !without.contains(&member)
        });
        let mut effects = vec![Effect::Peer(ack.from, peer.clone())];
        if !missing {
            effects.extend(self.address_again(rows, recovery.from, (ack.from, peer))?);
        }
        effects.push(Effect::Recovery(missing.then_some(recovery)));
        Ok(effects)
    }

    /// Acts that came back go again to holders of whom nothing is known to have reached them.
    fn address_again(&self, rows: &dyn Rows, from: u64, changed: (KeyId, PeerRow)) -> Read<Vec<Effect>> {
        let mut peers = BTreeMap::from([changed]);
        let mut effects = Vec::new();
        for act in rows.acts_from(&self.me.member, from, usize::MAX)? {
            let Some(name) = &act.object else { continue };
            let lane = if brings_object(&act.kind) { Lane::Routine } else { Lane::Flash };
            let answered: BTreeSet<KeyId> =
                rows.receipts(act.sequence)?.into_iter().map(|row| row.member).collect();
            for holder in rows.holders(name)?.into_iter().filter(|row| !answered.contains(&row.member)) {
                let (member, sequence) = (holder.member, act.sequence);
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
}
