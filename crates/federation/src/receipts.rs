//! Receipts, from both ends: what a member answers to the acts of others, and what its own acts were answered.
//!
//! One act of the recipient says of a whole batch what became of it. A member may answer an act again, when it is given it again or lets
//! go of what it brought; of its answers the one with the latest place in its ledger counts, in whatever order they come.

use std::collections::{BTreeMap, BTreeSet};

use base::Micros;
use base::limit::EARLY_AGAIN_SECONDS;
use base::signing::KeyId;
use ledger::TreeHash;
use ledger::act::{ActKind, Header};

use crate::content::{Content, Outcome, Receipt, ReceiptLine, write_document};
use crate::draft::{DeedError, Draft, NewAct, Salts};
use crate::inbox::{Received, Taken};
use crate::later::said_at;
use crate::outbox::brings_object;
use crate::port::{Read, Rows};
use crate::rows::{ActRow, Effect, HolderRow, Lane, ReceiptRow, ReceiptState};
use crate::wire::AckRefusal;
use crate::{Exchange, Rule};

/// What is answered to acts: whose they are, and in which lane the receipt goes.
pub(crate) type Answers = BTreeMap<(KeyId, Lane), Vec<ReceiptLine>>;

impl Exchange<'_> {
    /// Ends a batch: a receipt for each author of what was taken; and what was refused is owed to the sender until it is known to have
    /// been told (see `owed`).
    ///
    /// # Errors
    /// Those of [`DeedError`].
    pub fn close(&self, rows: &dyn Rows, peer: KeyId, batch: &[Received]) -> Result<Vec<Effect>, DeedError> {
        let mut answers = Answers::new();
        for received in batch {
            if let Taken::Done { author, lane, line: Some(line) } = &received.taken {
                let lines = answers.entry((*author, *lane)).or_default();
                // Places that a restore has lost all bring the same act: what became of it last is its answer.
                lines.retain(|before: &ReceiptLine| before.sequence != line.sequence);
                lines.push(line.clone());
            }
        }
        let mut effects = Vec::new();
        if !answers.is_empty() {
            let mut draft = Draft::begin(self, rows)?;
            self.answer(&mut draft, answers)?;
            effects = draft.finish();
        }
        let refused: Vec<AckRefusal> =
            batch.iter().filter_map(|received| ack_refusal(&peer, received)).collect();
        if !refused.is_empty() {
            effects.push(Effect::Owe(peer, refused));
        }
        Ok(effects)
    }

    /// Answers acts: a receipt for each author.
    pub(crate) fn answer(&self, draft: &mut Draft<'_>, answers: Answers) -> Result<(), DeedError> {
        for ((author, lane), acts) in answers {
            let document = write_document(&Receipt { of: author, acts, at_us: self.now.0 });
            let content = Content { document: &document, ..Content::default() };
            let addressees = BTreeSet::from([author]);
            let (kind, addressees) = (ActKind::Received, &addressees);
            let made =
                draft.append(&NewAct { kind, object: None, content, addressees, salts: Salts::Own })?;
            draft.enqueue(author, lane, (self.me.member, made.sequence))?;
        }
        Ok(())
    }

    /// What a member answered to own acts. A receipt that answers no act of this member's is refused.
    pub(crate) fn take_receipt(
        &self,
        rows: &dyn Rows,
        header: &Header,
        receipt: &Receipt,
    ) -> Read<Result<Vec<Effect>, Rule>> {
        if receipt.of != self.me.member {
            return Ok(Err(Rule::ReceiptUnfounded));
        }
        let size = rows.own()?.next;
        let (mut effects, mut unfounded) = (Vec::new(), 0_usize);
        // What an answer says of everything given before is looked for once, however often somebody repeats the line.
        let mut looked_for = BTreeSet::new();
        for line in &receipt.acts {
            let next = line.sequence.saturating_add(1);
            let leaf: Option<TreeHash> = if line.sequence < size {
                rows.leaves(&self.me.member, line.sequence, next)?.pop()
            } else {
                None
            };
            if leaf != Some(line.leaf) {
                // A restore may have lost one act of several that are answered in one.
                unfounded = unfounded.saturating_add(1);
                continue;
            }
            effects.extend(self.answered(rows, line, (header.author, header.sequence))?);
            if line.outcome == Outcome::Done
                && looked_for.insert(line.sequence)
                && let Some(act) = rows.act(&self.me.member, line.sequence)?
            {
                let signed = (header.author, header.sequence, Micros(receipt.at_us));
                effects.extend(self.signed_for_narrowing(rows, &act, signed)?);
            }
        }
        if unfounded > 0 {
            if unfounded == receipt.acts.len() {
                return Ok(Err(Rule::ReceiptUnfounded));
            }
            effects.push(self.refused_of(header.author, Rule::ReceiptUnfounded));
        }
        Ok(Ok(effects))
    }

    /// What one line of a member's receipt changes, the receipt being the act at `receipt` in its ledger.
    fn answered(
        &self,
        rows: &dyn Rows,
        line: &ReceiptLine,
        (member, receipt): (KeyId, u64),
    ) -> Read<Vec<Effect>> {
        let sequence = line.sequence;
        let known = rows.receipts(sequence)?.into_iter().find(|row| row.member == member);
        let known = known.map(|row| row.state);
        let had = known.as_ref().is_none_or(|state| state.is_given() && *state != ReceiptState::Pending);
        let has_had = known.as_ref().is_some_and(|state| state.has_been_had() || state.is_let_go());
        let found = match known {
            Some(ReceiptState::Done { receipt: last, .. }) if last > receipt => return Ok(Vec::new()),
            // Its receipt for what it was given, heard again: it has let go since.
            Some(ref state @ ReceiptState::Done { receipt: last, .. })
                if last == receipt && state.is_let_go() =>
            {
                return Ok(Vec::new());
            }
            Some(_) => Some(Vec::new()),
            None if self.has_by_consent(rows, sequence, member)? => Some(Vec::new()),
            None => self.was_given(rows, sequence, member)?,
        };
        let Some(mut effects) = found else { return Ok(Vec::new()) };
        let goes = line.outcome == Outcome::Empty && has_had;
        let outcome = if goes { ReceiptState::LET_GO } else { line.outcome.name() }.to_owned();
        let state = ReceiptState::Done { receipt, outcome };
        effects.push(Effect::Receipt(ReceiptRow { sequence, member, state }));
        if line.outcome == Outcome::Empty
            && let Some(act) = rows.act(&self.me.member, sequence)?
        {
            let look = self.awaits_again(rows, (&act, member), had)?;
            effects.extend(self.give_again(rows, (&act, member), look)?);
        }
        Ok(effects)
    }

    /// When a member that says it has nothing of what an act gave is asked about again. Who `had` it and has let go of it awaits it, and gets it
    /// at once where it was not given it again before. Who was given it and has nothing of it, or gives it up again, may say so each time.
    fn awaits_again(&self, rows: &dyn Rows, (act, member): (&ActRow, KeyId), had: bool) -> Read<Micros> {
        let pause = EARLY_AGAIN_SECONDS * Micros::SECOND;
        if !had {
            return Ok(self.now.plus(pause));
        }
        let holders = act.object.as_ref().map(|name| rows.holders(name)).transpose()?.unwrap_or_default();
        let given = holders.into_iter().find(|holder| holder.member == member).map(|holder| holder.since);
        let again = given.filter(|given| said_at(act).is_some_and(|said| *given > said));
        Ok(again.map_or(self.now, |given| given.plus(pause).max(self.now)))
    }

    /// Whether a member may have got what an own act gave from somebody else, by consent: its receipt was awaited of nobody.
    fn has_by_consent(&self, rows: &dyn Rows, sequence: u64, member: KeyId) -> Read<bool> {
        let act = rows.act(&self.me.member, sequence)?.filter(|act| brings_object(&act.kind));
        let Some(name) = act.and_then(|act| act.object) else { return Ok(false) };
        let mut holders = rows.holders(&name)?.into_iter();
        Ok(holders.any(|holder| holder.member == member && holder.ground == HolderRow::CONSENT))
    }
}

fn ack_refusal(peer: &KeyId, received: &Received) -> Option<AckRefusal> {
    let Taken::Refused(refused) = &received.taken else { return None };
    let (lane, place) = received.at_place.filter(|_| received.from == Some(*peer))?;
    if refused.rule.passes() {
        return None;
    }
    Some(AckRefusal { lane: lane.number(), place, rule: refused.to_string() })
}
