//! Meetings with another member's node, turn by turn: what is heard is taken in one commit, what is said is read after it.
//!
//! A turn's envelopes are judged one after the other, each over what the one before it has changed. An envelope whose rules
//! name a circle that is not known here yet is left for later: the circle's document travels with the registry's papers.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::signed::Signed;
use base::signing::KeyId;
use federation::{
    Compatibility, Cosigned, Effect, Exchange, HeadUpdate, Hello, Kept, Lane, Received, Refused, Rule,
    Sealed, Taken, Turn, Versions,
};
use store::{ExchangeDesk, StoreError};

use super::carry::{Carried, Carrier};
use super::{Court, ExchangeError};
use crate::{Node, ReadError};

/// What was heard in a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The next thing to say to the same node; `None` when the meeting is over.
    pub next: Option<Vec<u8>>,
    /// Envelopes that came.
    pub envelopes: usize,
}

/// What hearing a turn leaves to be said.
struct Minutes {
    hello: Hello,
    speaks: bool,
    ack: Option<Signed>,
    cosigned: Vec<Cosigned>,
    envelopes: usize,
    gaps: [Option<u64>; 2],
}

fn unreadable(error: impl std::fmt::Display) -> ExchangeError {
    ExchangeError::Message(error.to_string())
}

impl Node {
    /// The first turn of a meeting.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn turn_first(&self, to: community::MemberId) -> Result<Vec<u8>, ExchangeError> {
        let court = self.sitting().await?;
        let turn = self.words(&court, to.0, BTreeMap::new()).await?;
        Ok(turn.to_bytes())
    }

    /// Who speaks in a turn of which only the beginning may have come; `None` = more of it has to come first. What is no turn, or
    /// a stranger's, is refused before the rest is read.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn turn_speaker(&self, beginning: &[u8]) -> Result<Option<community::MemberId>, ExchangeError> {
        let Some(hello) = Turn::greeting_at(beginning).map_err(unreadable)? else { return Ok(None) };
        let court = self.court().await?.ok_or(ExchangeError::Alone)?;
        let hello = court.exchange().greeting(&hello).map_err(unreadable)?;
        Ok(Some(community::MemberId(hello.from)))
    }

    /// Answers another node's turn, after taking what it brings.
    ///
    /// # Errors
    /// See [`ExchangeError`]; nothing was changed.
    pub async fn turn_answer(&self, bytes: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        let court = self.sitting().await?;
        let minutes = self.hear(&court, bytes, None).await?;
        let from = minutes.hello.from;
        let mut turn = self.words_if(&court, from, &minutes).await?;
        if self.0.exchange.meets(&from, court.now) {
            turn.batch = Vec::new();
        }
        turn.ack = minutes.ack;
        turn.cosigned = minutes.cosigned;
        Ok(turn.to_bytes())
    }

    /// Takes the answer to a turn of this node, and says what is next.
    ///
    /// # Errors
    /// See [`ExchangeError`]; nothing was changed.
    pub async fn turn_take(&self, from: community::MemberId, bytes: &[u8]) -> Result<Heard, ExchangeError> {
        let court = self.sitting().await?;
        self.0.exchange.goes_on(&from.0, court.now);
        let minutes = self.hear(&court, bytes, Some(from.0)).await?;
        let envelopes = minutes.envelopes;
        let mut turn = self.words_if(&court, from.0, &minutes).await?;
        turn.ack = minutes.ack;
        turn.cosigned = minutes.cosigned;
        let next = turn.says_something().then(|| turn.to_bytes());
        Ok(Heard { next, envelopes })
    }

    async fn words_if(
        &self,
        court: &Arc<Court>,
        to: KeyId,
        minutes: &Minutes,
    ) -> Result<Turn, ExchangeError> {
        if minutes.speaks {
            return self.words(court, to, minutes.hello.heads.clone()).await;
        }
        // Whose version is not spoken here is told so by the versions in the greeting, and given nothing.
        let mut turn = self.words(court, to, BTreeMap::new()).await?;
        (turn.heads, turn.batch) = (Vec::new(), Vec::new());
        Ok(turn)
    }

    /// What there is to say to a member that knows ledgers up to the sizes in `known`.
    async fn words(
        &self,
        court: &Arc<Court>,
        to: KeyId,
        known: BTreeMap<KeyId, u64>,
    ) -> Result<Turn, ExchangeError> {
        let sitting = Arc::clone(court);
        let said = store::looked(self.store(), court.member(), move |rows| {
            let failed = |failed: federation::StoreFailed| StoreError::Backend(failed.0);
            let exchange = sitting.exchange();
            let mut turn = Turn::of(exchange.hello(rows, to, Versions::OURS).map_err(failed)?);
            // Before its greeting has come, what it said it had when it was last heard of.
            let known = if known.is_empty() { rows.peer(&to).map_err(failed)?.heads } else { known };
            turn.heads = exchange.heads_for(rows, &known).map_err(failed)?;
            if rows.own().map_err(failed)?.recovery.is_none() {
                turn.batch = exchange.outgoing(rows, &to).map_err(failed)?;
            }
            Ok(turn)
        });
        Ok(said.await?)
    }

    /// Takes a turn in one commit.
    async fn hear(
        &self,
        court: &Arc<Court>,
        bytes: &[u8],
        expected: Option<KeyId>,
    ) -> Result<Minutes, ExchangeError> {
        let turn = Turn::from_bytes(bytes).map_err(unreadable)?;
        // Before the writer is asked for anything: who is no member keeps nobody waiting.
        let speaker = court.exchange().greeting(&turn.hello).map_err(unreadable)?.from;
        if expected.is_some_and(|expected| expected != speaker) {
            return Err(ExchangeError::Message("another member answers than was asked".to_owned()));
        }
        let carrier = self.carrier(court).await?;
        let weight = turn.batch.len().max(1);
        let sitting = Arc::clone(court);
        let minutes = self
            .step(court, weight, move |exchange, desk| hear(&sitting, exchange, (desk, &carrier), &turn))
            .await?;
        self.0.exchange.note_gaps(minutes.hello.from, minutes.gaps);
        if minutes.envelopes > 0 || minutes.ack.is_some() {
            self.0.exchange.arrived.notify_waiters();
            // Receipts and what was passed along wait for others.
            self.tell_peers();
        }
        Ok(minutes)
    }

    /// The right to put what comes in into the collection for it.
    pub(super) async fn carrier(&self, court: &Court) -> Result<Carrier, ExchangeError> {
        let directory = self.directory().await?;
        let inbox = directory.collection("inbox").ok_or(StoreError::NotFound { what: "collection inbox" })?;
        let who = crate::initialise::members(inbox.no);
        let writer = handling::may_write(&who, inbox.no, &self.standing()).map_err(ReadError::Refused)?;
        Ok(Carrier { me: court.member(), writer, at: court.now, members: court.members.clone(), directory })
    }
}

fn hear(
    court: &Court,
    exchange: &Exchange<'_>,
    (desk, carrier): (&mut dyn ExchangeDesk, &Carrier),
    turn: &Turn,
) -> Result<Minutes, ExchangeError> {
    let greeted = exchange.greet(desk.rows(), &turn.hello, Versions::OURS).map_err(unreadable)??;
    let from = greeted.hello.from;
    if greeted.skewed {
        tracing::warn!(member = %from, "a member's clock differs much from this node's");
    }
    let speaks = matches!(greeted.compatibility, Compatibility::Speak(_));
    desk.apply(greeted.effects)?;
    let mut minutes = Minutes {
        hello: greeted.hello,
        speaks,
        ack: None,
        cosigned: Vec::new(),
        envelopes: turn.batch.len(),
        gaps: [None; 2],
    };
    if !speaks {
        tracing::warn!(member = %from, "a member speaks no version of the protocol that this node speaks");
        minutes.envelopes = 0;
        return Ok(minutes);
    }
    for line in &turn.cosigned {
        let effects = exchange.take_cosignature(desk.rows(), line)?;
        desk.apply(effects)?;
    }
    let mail = Mail { heads: &turn.heads, ack: turn.ack.as_ref(), batch: &turn.batch };
    let outcome = take_mail(court, exchange, (desk, carrier), &mail, from)?;
    minutes.gaps = gaps(&outcome.received);
    (minutes.ack, minutes.cosigned) = (outcome.ack, outcome.cosigned);
    Ok(minutes)
}

/// What a member sent, whatever road it came by.
pub(super) struct Mail<'a> {
    pub(super) heads: &'a [HeadUpdate],
    pub(super) ack: Option<&'a Signed>,
    pub(super) batch: &'a [Sealed],
}

/// What became of it.
pub(super) struct MailTaken {
    pub(super) received: Vec<Received>,
    /// The acknowledgement for who sent it; `None` where there was no envelope.
    pub(super) ack: Option<Signed>,
    pub(super) cosigned: Vec<Cosigned>,
}

/// Takes what a member sent: its acknowledgement, heads of ledgers, then envelopes.
pub(super) fn take_mail(
    court: &Court,
    exchange: &Exchange<'_>,
    (desk, carrier): (&mut dyn ExchangeDesk, &Carrier),
    mail: &Mail<'_>,
    from: KeyId,
) -> Result<MailTaken, ExchangeError> {
    if let Some(ack) = mail.ack {
        let (_, effects) = exchange.take_ack(desk.rows(), ack).map_err(unreadable)??;
        desk.apply(effects)?;
    }
    let mut taken = MailTaken { received: Vec::new(), ack: None, cosigned: Vec::new() };
    heads(exchange, desk, mail.heads, (from, &mut taken.cosigned))?;
    batch(court, exchange, (desk, carrier), (mail.batch, from), &mut taken)?;
    Ok(taken)
}

fn heads(
    exchange: &Exchange<'_>,
    desk: &mut dyn ExchangeDesk,
    updates: &[HeadUpdate],
    (from, cosigned): (KeyId, &mut Vec<Cosigned>),
) -> Result<(), ExchangeError> {
    for update in updates {
        let outcome = exchange.take_head(desk.rows(), update)?;
        desk.apply(outcome.effects)?;
        match outcome.kept {
            Kept::Cosigned(line) if update.origin == from => cosigned.push(*line),
            Kept::Forked => {
                tracing::error!(member = %update.origin, "a member's ledger has two heads: evidence is kept");
            }
            Kept::Regressed => {
                tracing::error!(
                    "another member has a later head of this ledger: this node was restored without recovery"
                );
            }
            _ => {}
        }
    }
    Ok(())
}

/// The first place in each lane that was refused for what is missing before it, and not for what merely waits.
pub(super) fn gaps(all: &[Received]) -> [Option<u64>; 2] {
    Lane::QUEUES.map(|lane| {
        let mut in_lane = all.iter().filter_map(|received| match (received.at_place, &received.taken) {
            (Some((at, place)), Taken::Refused(refused)) if at == lane && refused.rule.passes() => {
                Some((place, refused.rule))
            }
            _ => None,
        });
        in_lane.next().filter(|(_, rule)| *rule == Rule::Gap).map(|(place, _)| place)
    })
}

/// Takes envelopes, and makes the acknowledgement for who sent them.
fn batch(
    court: &Court,
    exchange: &Exchange<'_>,
    (desk, carrier): (&mut dyn ExchangeDesk, &Carrier),
    (batch, from): (&[Sealed], KeyId),
    outcome: &mut MailTaken,
) -> Result<(), ExchangeError> {
    if batch.is_empty() {
        return Ok(());
    }
    for sealed in batch {
        let received = exchange.receive(desk.rows(), sealed)?;
        if awaits_circle(court, exchange, &received, sealed) {
            // Everything after it would be a gap: it comes again, in order.
            break;
        }
        if let Taken::Heads(lines) = &received.taken {
            let own = lines.iter().filter(|(to, _)| *to == from);
            outcome.cosigned.extend(own.map(|(_, line)| line.clone()));
        }
        outcome.received.push(take(carrier, desk, received)?);
    }
    let (ack, effects) = exchange.close(desk.rows(), from, &outcome.received)?;
    desk.apply(effects)?;
    outcome.ack = Some(ack.sign(exchange.me.signer.as_ref()));
    Ok(())
}

/// Whether it was refused for want of a circle's document that may still come.
fn awaits_circle(court: &Court, exchange: &Exchange<'_>, received: &Received, sealed: &Sealed) -> bool {
    let Taken::Refused(Refused { rule: Rule::Handling, .. }) = &received.taken else { return false };
    let Some(rules) = exchange.rules_in(sealed) else { return false };
    !court.members.knows_circles(&rules)
}

/// Applies what an envelope comes to. What cannot stand beside what is here is refused like anything else.
fn take(
    carrier: &Carrier,
    desk: &mut dyn ExchangeDesk,
    mut received: Received,
) -> Result<Received, StoreError> {
    match carrier.carry(desk, std::mem::take(&mut received.effects))? {
        Carried::Done => Ok(received),
        Carried::Unfit { code, effects } => {
            let cursors = effects.into_iter().filter(|effect| matches!(effect, Effect::Peer(..)));
            let refused = Refused { rule: Rule::Handling, handling: Some(code.to_owned()) };
            let row = federation::RefusalRow {
                peer: received.from,
                at_place: received.at_place,
                rule: refused.to_string(),
                at: carrier.at,
            };
            desk.apply(cursors.chain([Effect::Refusal(row)]).collect())?;
            received.taken = Taken::Refused(refused);
            Ok(received)
        }
    }
}
