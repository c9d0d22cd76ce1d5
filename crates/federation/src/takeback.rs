//! Own acts that somebody gives back to a member that lost them: each is what the own ledger has in its place, or is refused.

use ledger::act::{Act, ActKind};

use crate::change::{self, ChangeOf};
use crate::consent::{Consent, Revocation};
use crate::content::{Content, ObjectHead};
use crate::draft::act_row;
use crate::envelope::{Envelope, statement};
use crate::inbox::{Received, Taken, about, form};
use crate::outbox::brings_object;
use crate::port::{Read, Rows};
use crate::rows::{
    Covered, Effect, HolderRow, Lane, ObjectName, OutboxRow, PayloadRow, ReceiptRow, ReceiptState,
    RefusalRow, RevokedRow, VersionRow,
};
use crate::{Exchange, Refused, Rule};

impl Exchange<'_> {
    /// Takes back one of the own acts.
    pub(crate) fn take_back(&self, rows: &dyn Rows, envelope: &Envelope) -> Read<Received> {
        let (taken, effects) = match self.own_act(rows, envelope)? {
            Ok(effects) if effects.is_empty() => (Taken::Known, effects),
            Ok(effects) => (Taken::Done { author: self.me.member, lane: Lane::Back, line: None }, effects),
            Err(refused) => {
                let row = RefusalRow {
                    peer: Some(envelope.from),
                    at_place: None,
                    object: Act::peek(&envelope.act).ok().and_then(|act| about(&act)),
                    rule: refused.to_string(),
                    at: self.now,
                };
                (Taken::Refused(refused), vec![Effect::Refusal(row)])
            }
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
        if header.author != self.me.member || own.taking_back().is_none() {
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
        let state = ReceiptState::Done { receipt: 0, outcome: ReceiptState::GIVEN_BACK.to_owned() };
        let mut effects = vec![
            Effect::Receipt(ReceiptRow { sequence, member, state }),
            Effect::Outbox(row),
            Effect::Peer(member, peer),
        ];
        if let Some(object) = &header.object {
            let name = ObjectName { author: header.author, id: object.id.clone() };
            // Who has it by consent stays so.
            if !rows.holders(&name)?.iter().any(|row| row.member == member) {
                let ground = HolderRow::RELEASED.to_owned();
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
            let ground = HolderRow::CONSENT.to_owned();
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
            // Whether it ended consents is asked of those who have the object by one, not of its originator.
            let (kind, sequence, rules) = (&header.kind, header.sequence, content.rules);
            let change = ChangeOf { kind, name: &name, sequence, rules, only: false };
            effects.extend(change::apply(self, rows, &change)?);
            effects.push(Effect::Payload(payload));
            return Ok(effects);
        }
        let fate = rows.fate(&name)?;
        let Ok(head) = ObjectHead::read(content.object) else { return Ok(effects) };
        let version = head.version().unwrap_or_default().to_owned();
        let held = rows.versions(&name)?.into_iter().find(|held| held.version == version);
        if fate.voids(header.sequence) {
            return Ok(effects);
        }
        if held.as_ref().is_some_and(|held| held.sequence > header.sequence) {
            // Who gave it back with its payload has the version by it.
            effects.push(Effect::Payload(payload));
            effects.push(Effect::Besides { name, version, sequence: header.sequence });
            return Ok(effects);
        }
        let rules = change::rules_now(self, &fate, header.sequence, content.rules);
        if let Some(held) = held {
            let within = self.judge.meet(&held.rules, &rules) == held.rules;
            effects.push(if within {
                change::followed(rows, held, content.object)?
            } else {
                Effect::Besides { name: held.name, version: held.version, sequence: held.sequence }
            });
        }
        // Whom the rules name was to have it, also where that member has lost it at the same time.
        let known = rows.holders(&name)?;
        for member in self.judge.named(&rules, self.now) {
            if member != self.me.member && !known.iter().any(|row| row.member == member) {
                let (name, ground) = (name.clone(), HolderRow::RELEASED.to_owned());
                effects.push(Effect::Holder(HolderRow { name, member, ground, since: self.now }));
            }
        }
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
}
