//! Meetings with another member's node, turn by turn: what is heard is taken, what is said is read after it.
//!
//! A turn is read and its batch opened before any transaction begins. Its envelopes are judged one after the other, each over
//! what the one before it has changed, [`STEP_ENVELOPES`] in one commit, so that others who write have their turn between. An envelope whose rules
//! name a circle that is not known here yet is left for later: the circle's document travels with the registry's papers.

use std::sync::{Arc, Mutex, PoisonError};

use base::signed::Signed;
use base::signing::KeyId;
use federation::{
    Back, Compatibility, Content, Cosigned, Effect, Exchange, HeadUpdate, Hello, Kept, Lane, Manifest, Owed,
    Received, Refused, Rule, Saying, Sealed, Taken, Turn, Untold, Versions,
};
use store::{ExchangeDesk, StoreError};

use super::awaited::HeardBack;
use super::carry::{Carried, Carrier, Regains};
use super::circle_wait::Lacking;
use super::letters::{Letters, Said};
use super::views::failed;
use super::{Court, ExchangeError, LastSaid};
use crate::{Node, ReadError};

/// Most envelopes judged in one commit.
const STEP_ENVELOPES: usize = base::limit::BATCH_ENVELOPES_MAX;

/// What was heard in a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The next thing to say to the same node; `None` when the meeting is over.
    pub next: Option<Vec<u8>>,
    /// Envelopes that came.
    pub envelopes: usize,
}

/// Whether a turn brings acts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Brings {
    /// Those that wait.
    WhatWaits,
    /// None.
    Nothing,
}

/// What hearing a turn leaves to be said.
struct Minutes {
    hello: Hello,
    speaks: bool,
    /// Envelopes of the step that was committed last, which are to be acknowledged, and its lines under heads.
    came: usize,
    cosigned: Vec<Cosigned>,
    /// Whether the beginning of a head came, and the rest is to be asked for.
    parts: bool,
    /// Why nothing of it counts.
    refused: Option<Rule>,
    /// It spoke of a later life of its node than was known, and is to hear that it is known now: then it goes on.
    begins_life: bool,
    /// What came of the own ledger is not its.
    unsound: bool,
    /// Its sender knows as many leaves of the own ledger as there are.
    confirms: bool,
    envelopes: usize,
    received: Vec<Received>,
    /// What it says of how far it has given back, as long as nothing it gives back is refused.
    back: Option<Back>,
    /// The same, whether it counts or not.
    said: Option<Back>,
    /// An envelope waits for a circle's document, and everything after it with it.
    waits: bool,
    /// Something came that was judged and will not come again.
    moved: bool,
}

/// What there is to say.
struct Words {
    turn: Turn,
    /// Whether this node takes back what a restore has lost.
    takes_back: bool,
}

impl Minutes {
    /// What a recovery that waits for the speaker tells of this.
    fn heard_back(&self) -> HeardBack {
        let refused = self.received.iter().rev().find_map(|one| match &one.taken {
            Taken::Refused(refused) => Some(refused.to_string()),
            _ => None,
        });
        HeardBack {
            greeting: self.refused,
            speaks: self.speaks || self.refused.is_some(),
            said: self.said,
            refused: refused.or_else(|| self.unsound.then(|| Rule::ProofContradicted.code().to_owned())),
        }
    }

    fn add(&mut self, taken: TakenSome) {
        self.came = taken.envelopes;
        self.envelopes = self.envelopes.saturating_add(taken.envelopes);
        self.moved |= taken.received.iter().any(|one| match &one.taken {
            Taken::Known => false,
            Taken::Refused(refused) => !refused.rule.passes(),
            Taken::Done { .. } => true,
        });
        if taken.received.iter().any(|one| matches!(one.taken, Taken::Refused(_))) {
            self.back = None;
        }
        self.received.extend(taken.received);
        self.waits = taken.waits;
    }
}

impl super::Desk {
    /// What a step came to is to be told, as soon as it is committed.
    fn owe(&self, minutes: &mut Minutes) {
        let (came, cosigned) = (std::mem::take(&mut minutes.came), std::mem::take(&mut minutes.cosigned));
        let life = minutes.hello.life;
        self.owed(&minutes.hello.from, |owed| owed.note(life, came, &cosigned));
    }
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
        let Words { mut turn, .. } = self.words(&court, (to.0, Brings::WhatWaits), None).await?;
        self.0.exchange.owed(&to.0, Owed::begin);
        self.0.exchange.begins_parts(to.0, &turn);
        self.0.exchange.begins_to_move(&to.0);
        self.tell(&court, to.0, Saying::Turn, &mut turn).await?;
        Ok(turn.to_bytes())
    }

    /// A turn that may follow the one said last to a member before that has been answered: it brings what is behind what that
    /// one brought. `None` when nothing is, or enough is on its way.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn turn_ahead(&self, to: community::MemberId) -> Result<Option<Vec<u8>>, ExchangeError> {
        let Some(last) = self.0.exchange.last_said(&to.0) else { return Ok(None) };
        let court = self.sitting().await?;
        let (sitting, heard) = (Arc::clone(&court), self.0.exchange.answer_taken(&to.0));
        let said = store::looked(self.store(), court.member(), move |rows| {
            let exchange = sitting.exchange();
            if rows.own().map_err(failed)?.taking_back().is_some() {
                return Ok(None);
            }
            let mut turn =
                Turn::of(exchange.hello_after(rows, (to.0, Versions::OURS), heard).map_err(failed)?);
            let brought = exchange.bring_behind(rows, &to.0, &mut turn, last.brought).map_err(failed)?;
            if brought.is_some() {
                turn.heads = exchange.heads_for(rows, &last.known, None).map_err(failed)?;
            }
            let last = LastSaid::of(&turn, brought, last.known);
            Ok(last.map(|last| (turn, last)))
        });
        let Some((mut turn, last)) = said.await? else { return Ok(None) };
        self.0.exchange.note_said(to.0, Some(last));
        self.tell(&court, to.0, Saying::Turn, &mut turn).await?;
        Ok(Some(turn.to_bytes()))
    }

    /// Takes the answer to a turn that another one has followed already: what is next is said when that is answered.
    ///
    /// # Errors
    /// See [`ExchangeError`]; of a large turn some may have been taken.
    pub async fn turn_heard(&self, from: community::MemberId, bytes: &[u8]) -> Result<(), ExchangeError> {
        let court = self.sitting().await?;
        self.0.exchange.goes_on(&from.0, court.now);
        self.hear(&court, bytes, Some(from.0)).await?;
        Ok(())
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
    /// See [`ExchangeError`]; of a large turn some may have been taken.
    pub async fn turn_answer(&self, bytes: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        let court = self.sitting().await?;
        let minutes = self.hear(&court, bytes, None).await?;
        let from = minutes.hello.from;
        self.0.exchange.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(from);
        self.0.exchange.called.lock().unwrap_or_else(PoisonError::into_inner).insert(from, court.now);
        let paid = self.0.exchange.owed(&from, |owed| owed.heard_by_answer(minutes.hello.heard_us));
        if minutes.speaks && paid > 0 {
            let paid = Effect::Paid { peer: from, upto: paid };
            self.step(&court, 1, move |_, desk| Ok(desk.apply(vec![paid])?)).await?;
        }
        // What is for the other goes in the meeting that it was begun for.
        let brings =
            if self.0.exchange.meets(&from, court.now) { Brings::Nothing } else { Brings::WhatWaits };
        let Words { mut turn, .. } = self.words_if(&court, (from, brings), &minutes).await?;
        if minutes.speaks {
            self.tell(&court, from, Saying::Answer(court.now.0), &mut turn).await?;
        }
        Ok(turn.to_bytes())
    }

    /// Takes the answer to a turn of this node, and says what is next.
    ///
    /// # Errors
    /// See [`ExchangeError`]; of a large turn some may have been taken.
    pub async fn turn_take(&self, from: community::MemberId, bytes: &[u8]) -> Result<Heard, ExchangeError> {
        let court = self.sitting().await?;
        self.0.exchange.goes_on(&from.0, court.now);
        let minutes = self.hear(&court, bytes, Some(from.0)).await?;
        let envelopes = minutes.envelopes;
        let words = self.words_if(&court, (from.0, Brings::WhatWaits), &minutes).await?;
        let Words { mut turn, takes_back } = words;
        if minutes.speaks {
            self.tell(&court, from.0, Saying::Turn, &mut turn).await?;
        }
        let goes_on = if takes_back {
            // What is refused is not asked for again in the same meeting.
            minutes.back.is_some_and(|back| back.next.is_some()) || !turn.cosigned.is_empty()
        } else if minutes.hello.asks_back() {
            self.0.exchange.gives_anew(&minutes.hello)
        } else {
            // Each is asked: what one says is forgotten by the next.
            let parts = self.0.exchange.goes_on_with_parts(&minutes.hello, &turn);
            let moved = self.0.exchange.moved(&minutes.hello, &turn);
            (turn.says_something() && moved) || parts || minutes.parts || minutes.begins_life
        };
        Ok(Heard { next: goes_on.then(|| turn.to_bytes()), envelopes })
    }

    /// Puts what a member is still to be told into what is said to it next. What is given back has a word of its own.
    async fn tell(
        &self,
        court: &Arc<Court>,
        to: KeyId,
        saying: Saying,
        turn: &mut Turn,
    ) -> Result<(), ExchangeError> {
        if turn.ack.is_none() {
            let said = self.0.exchange.owed(&to, |owed| owed.said(saying));
            let untold = self.untold(court, to, said).await?;
            self.0.exchange.owed(&to, |owed| owed.tell(saying, untold)).put(&court.me, to, turn);
        } else if saying == Saying::Turn {
            self.0.exchange.owed(&to, Owed::pass);
        }
        Ok(())
    }

    /// What a member may be told: of what was refused that behind a number.
    pub(super) async fn untold(
        &self,
        court: &Arc<Court>,
        to: KeyId,
        after: u64,
    ) -> Result<Untold, StoreError> {
        let sitting = Arc::clone(court);
        store::looked(self.store(), court.member(), move |rows| {
            sitting.exchange().untold(rows, &to, after).map_err(failed)
        })
        .await
    }

    async fn words_if(
        &self,
        court: &Arc<Court>,
        (to, brings): (KeyId, Brings),
        minutes: &Minutes,
    ) -> Result<Words, ExchangeError> {
        if minutes.speaks {
            return self.words(court, (to, brings), Some(&minutes.hello)).await;
        }
        // Whose version is not spoken here is told so by the versions in the greeting, and given nothing; so is who speaks of
        // an earlier life.
        let mut words = self.words(court, (to, Brings::Nothing), None).await?;
        words.turn.heads = Vec::new();
        Ok(words)
    }

    /// What there is to say to a member that has greeted so, or not yet.
    async fn words(
        &self,
        court: &Arc<Court>,
        (to, brings): (KeyId, Brings),
        hello: Option<&Hello>,
    ) -> Result<Words, ExchangeError> {
        let (sitting, hello) = (Arc::clone(court), hello.cloned());
        let heard = self.0.exchange.answer_taken(&to);
        let said = store::looked(self.store(), court.member(), move |rows| {
            let exchange = sitting.exchange();
            let mut turn = Turn::of(exchange.hello_after(rows, (to, Versions::OURS), heard).map_err(failed)?);
            // Before its greeting has come, what it said it had when it was last heard of.
            let known = match &hello {
                Some(hello) => hello.heads.clone(),
                None => rows.peer(&to).map_err(failed)?.heads,
            };
            let recovers = hello.as_ref().filter(|hello| hello.recovering_from.is_some());
            let back = recovers.map(|hello| &hello.from);
            turn.heads = exchange.heads_for(rows, &known, back).map_err(failed)?;
            let takes_back = rows.own().map_err(failed)?.taking_back().is_some();
            let mut brought = None;
            match recovers {
                Some(hello) if hello.asks_back() => {
                    let (batch, word) = exchange.give_back(rows, hello).map_err(failed)?;
                    turn.batch = batch;
                    turn.ack = Some(exchange.gives_back(rows, to, word).map_err(failed)?);
                }
                // It takes nothing new until the others have given back, too.
                Some(_) => {}
                None if takes_back || brings == Brings::Nothing => {}
                // Nothing of it can be taken before the head that covers it.
                None if turn
                    .heads
                    .iter()
                    .any(|update| update.origin == sitting.member() && update.is_part()) => {}
                None => brought = exchange.bring(rows, &to, &mut turn).map_err(failed)?,
            }
            let last = LastSaid::of(&turn, brought, known);
            Ok((Words { turn, takes_back }, last))
        });
        let (words, last) = said.await?;
        if brings == Brings::WhatWaits {
            self.0.exchange.note_said(to, last);
        }
        Ok(words)
    }

    /// Takes a turn.
    async fn hear(
        &self,
        court: &Arc<Court>,
        bytes: &[u8],
        expected: Option<KeyId>,
    ) -> Result<Minutes, ExchangeError> {
        let (sitting, bytes) = (Arc::clone(court), bytes.to_vec());
        let read = tokio::task::spawn_blocking(move || {
            let said = Said::read(&sitting, &bytes, expected)?;
            let examined = said.letters().examined();
            Ok::<_, ExchangeError>((said, examined))
        });
        let (said, examined) = read.await.map_err(|failed| StoreError::Backend(failed.to_string()))??;
        let said = Arc::new(said);
        let carrier = Arc::new(Carrier { examined: Mutex::new(examined), ..self.carrier(court).await? });
        let paid = expected.map_or(0, |answers| self.0.exchange.owed(&answers, Owed::answered));
        let mut minutes = self.hear_in_steps(court, (&said, &carrier), paid).await?;
        self.hear_back(court, &mut minutes).await?;
        if expected.is_some() && minutes.speaks && said.tells_refusals() {
            self.0.exchange.took_answer(minutes.hello.from, minutes.hello.at_us);
        }
        if let Some(rule @ Rule::LifeUnproven) = minutes.refused {
            return Err(federation::DeedError::from(rule).into());
        }
        self.0.exchange.note_gaps(minutes.hello.from, gaps(&minutes.received));
        self.0.exchange.relays.note_met(minutes.hello.from, court.now);
        self.relay_withdraw(&minutes.hello.withdraw).await?;
        if minutes.confirms {
            self.ledger_confirmed().await?;
        }
        // Whoever sends something for a circle is in it, and can give its document.
        if minutes.waits && self.0.exchange.awaited_circles.since(&minutes.hello.from) == Some(court.now) {
            self.ask_for_papers();
        }
        if minutes.moved {
            self.0.exchange.arrived.notify_waiters();
            // Receipts and what was passed along wait for others.
            self.tell_peers();
        }
        Ok(minutes)
    }

    /// Takes the word of who gives back what a restore has lost, and goes on when nobody is missing any more.
    async fn hear_back(&self, court: &Arc<Court>, minutes: &mut Minutes) -> Result<(), ExchangeError> {
        let from = minutes.hello.from;
        if self.is_recovering() {
            let mut heard = self.0.exchange.heard_back.lock().unwrap_or_else(PoisonError::into_inner);
            heard.insert(from, minutes.heard_back());
        }
        // Until its papers are read it is not known here whether others have something to give back too.
        let known = self.0.exchange.has_papers_of(&from);
        let came = u64::try_from(minutes.received.len()).unwrap_or(u64::MAX);
        minutes.back = minutes.back.filter(|back| known && back.acts == came);
        if let Some(back) = minutes.back {
            self.step(court, 1, move |exchange, desk| {
                let effects = exchange.given_back(desk.rows(), &from, &back)?;
                Ok(desk.apply(effects)?)
            })
            .await?;
        }
        self.advance_recovery(court).await
    }

    /// Takes a turn, some envelopes in each commit with their receipts; all the rest of it in the first. By it refusals up to the
    /// number `paid` are known to have been heard.
    async fn hear_in_steps(
        &self,
        court: &Arc<Court>,
        (said, carrier): (&Arc<Said>, &Arc<Carrier>),
        paid: u64,
    ) -> Result<Minutes, ExchangeError> {
        let all = said.letters().count();
        let first = STEP_ENVELOPES.min(all);
        let (sitting, turn, carries) = (Arc::clone(court), Arc::clone(said), Arc::clone(carrier));
        let step = self.step(court, first.max(1), move |exchange, desk| {
            let mut minutes = greeted(exchange, desk, &turn.turn)?;
            // Who speaks no version that is spoken here has read nothing but the greeting.
            if minutes.speaks && paid > 0 {
                desk.apply(vec![Effect::Paid { peer: minutes.hello.from, upto: paid }])?;
            }
            if minutes.speaks && first > 0 {
                let from = minutes.hello.from;
                minutes.add(take_some(
                    &sitting,
                    exchange,
                    (desk, &carries),
                    (&turn.letters(), 0..first),
                    from,
                )?);
            }
            Ok(minutes)
        });
        let (mut minutes, mut at) = (step.await?, first);
        self.0.exchange.owe(&mut minutes);
        let (from, life) = (minutes.hello.from, minutes.hello.life);
        while minutes.speaks && !minutes.waits && at < all {
            let range = at..at.saturating_add(STEP_ENVELOPES).min(all);
            at = range.end;
            let (sitting, turn, carries) = (Arc::clone(court), Arc::clone(said), Arc::clone(carrier));
            let step = self.step(court, range.len(), move |exchange, desk| {
                if desk.rows().peer(&from)?.life > life {
                    return Err(federation::DeedError::from(Rule::Outlived).into());
                }
                take_some(&sitting, exchange, (desk, &carries), (&turn.letters(), range), from)
            });
            minutes.add(step.await?);
            self.0.exchange.owe(&mut minutes);
        }
        Ok(minutes)
    }

    /// The right to put what comes in into the collection for it.
    pub(super) async fn carrier(&self, court: &Court) -> Result<Carrier, ExchangeError> {
        let directory = self.directory().await?;
        let inbox = directory.collection("inbox").ok_or(StoreError::NotFound { what: "collection inbox" })?;
        let (inbox, regained) = (inbox.no, self.regained().await?);
        let writer = |into| {
            let who = crate::initialise::members(into);
            handling::may_write(&who, into, &self.standing()).map_err(ReadError::Refused)
        };
        let regains = |apart| -> Result<Regains, ReadError> {
            let beside = directory.collections().iter().map(|row| Ok((row.no, writer(row.no)?)));
            Ok(Regains { apart: writer(apart)?, beside: beside.collect::<Result<_, ReadError>>()? })
        };
        Ok(Carrier {
            me: court.member(),
            writer: writer(inbox)?,
            regains: regained.map(regains).transpose()?,
            at: court.now,
            members: court.members.clone(),
            directory,
            awaited_circles: Arc::clone(&self.0.exchange.awaited_circles),
            examined: Mutex::default(),
            last_rules: Mutex::default(),
            given: Mutex::default(),
        })
    }
}

/// Takes everything of a turn but its envelopes.
fn greeted(
    exchange: &Exchange<'_>,
    desk: &mut dyn ExchangeDesk,
    turn: &Turn,
) -> Result<Minutes, ExchangeError> {
    let greeted = exchange.greet(desk.rows(), &turn.hello, Versions::OURS).map_err(unreadable)??;
    let from = greeted.hello.from;
    if greeted.skewed {
        tracing::warn!(member = %from, "a member's clock differs much from this node's");
    }
    let speaks = greeted.refused.is_none() && matches!(greeted.compatibility, Compatibility::Speak(_));
    desk.apply(greeted.effects)?;
    if greeted.hello.recovering_from.is_some() {
        tracing::info!(member = %from, "a member takes back what a restore has lost");
    }
    let mut minutes = Minutes {
        hello: greeted.hello,
        speaks,
        came: 0,
        cosigned: Vec::new(),
        parts: false,
        refused: greeted.refused,
        begins_life: greeted.begins_life,
        unsound: false,
        confirms: false,
        envelopes: 0,
        received: Vec::new(),
        back: None,
        said: None,
        waits: false,
        moved: false,
    };
    match greeted.refused {
        Some(Rule::Outlived) => {
            tracing::info!(member = %from, "a member's turn is of before its node was restored, and counts no more");
            return Ok(minutes);
        }
        Some(rule) => {
            tracing::warn!(member = %from, %rule, "a member's greeting is refused, and all that came with it");
            return Ok(minutes);
        }
        None => {}
    }
    if !speaks {
        tracing::warn!(member = %from, "a member speaks no version of the protocol that this node speaks");
        return Ok(minutes);
    }
    for line in &turn.cosigned {
        let effects = exchange.take_cosignature(desk.rows(), line)?;
        desk.apply(effects)?;
    }
    let told = (turn.ack.as_ref(), turn.heads.as_slice());
    let before = before_envelopes(exchange, desk, told, (from, &mut minutes.cosigned))?;
    (minutes.parts, minutes.unsound) = (before.parts, before.unsound);
    (minutes.back, minutes.said) = (before.said.filter(|_| !before.unsound), before.said);
    let (own, me) = (desk.rows().own()?, &exchange.me.member);
    let known = minutes.hello.heads.get(me).copied().unwrap_or_default();
    minutes.confirms = own.taking_back().is_none() && known == own.next;
    Ok(minutes)
}

/// What a member sent by another road than a turn.
pub(super) struct Mail<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) heads: &'a [HeadUpdate],
    pub(super) ack: Option<&'a Signed>,
    pub(super) batch: &'a [Sealed],
}

/// What was taken of a mail.
pub(super) struct TakenMail {
    /// What became of each envelope, as far as it was taken.
    pub(super) received: Vec<Received>,
    /// Why the rest is not taken yet.
    pub(super) awaits: Option<Awaits>,
}

/// What has to come before the rest of a mail can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaits {
    /// The rest of its sender's ledger, of which it brought a part.
    Ledger,
    /// The document of a circle.
    Circle,
}

/// Takes what a member sent: its acknowledgement, heads of ledgers, then envelopes.
pub(super) fn take_mail(
    court: &Court,
    exchange: &Exchange<'_>,
    (desk, carrier): (&mut dyn ExchangeDesk, &Carrier),
    mail: &Mail<'_>,
) -> Result<TakenMail, ExchangeError> {
    let from = mail.manifest.from;
    let effects = exchange.parcel_heard(desk.rows(), mail.manifest, mail.ack)?;
    desk.apply(effects)?;
    let before = before_envelopes(exchange, desk, (mail.ack, mail.heads), (from, &mut Vec::new()))?;
    if mail.batch.is_empty() {
        let awaits = before.parts.then_some(Awaits::Ledger);
        return Ok(TakenMail { received: Vec::new(), awaits });
    }
    let letters = Letters { batch: mail.batch, together: None };
    let range = 0..letters.count();
    let taken = take_some(court, exchange, (desk, carrier), (&letters, range), from)?;
    Ok(TakenMail { received: taken.received, awaits: taken.waits.then_some(Awaits::Circle) })
}

/// What came before the envelopes of a turn.
struct Before {
    /// What the acknowledgement says of giving back.
    said: Option<Back>,
    /// The beginning of a head was taken.
    parts: bool,
    /// What came of the own ledger is not its.
    unsound: bool,
}

/// An acknowledgement and heads of ledgers, which are taken before any envelope.
fn before_envelopes(
    exchange: &Exchange<'_>,
    desk: &mut dyn ExchangeDesk,
    (ack, updates): (Option<&Signed>, &[HeadUpdate]),
    (from, cosigned): (KeyId, &mut Vec<Cosigned>),
) -> Result<Before, ExchangeError> {
    let mut said = None;
    if let Some(ack) = ack {
        let (ack, effects) = exchange.take_ack(desk.rows(), ack).map_err(unreadable)??;
        desk.apply(effects)?;
        said = ack.back;
    }
    let (own, parts) = heads(exchange, desk, updates, (from, cosigned))?;
    Ok(Before { said, parts, unsound: own == Own::Unsound })
}

/// What heads told of this node's own ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Own {
    /// Nothing, or what it is or continues to.
    Sound,
    /// Something that is not its.
    Unsound,
}

fn heads(
    exchange: &Exchange<'_>,
    desk: &mut dyn ExchangeDesk,
    updates: &[HeadUpdate],
    (from, cosigned): (KeyId, &mut Vec<Cosigned>),
) -> Result<(Own, bool), ExchangeError> {
    let (mut told, mut parts) = (Own::Sound, false);
    for update in updates {
        let outcome = exchange.take_head(desk.rows(), update)?;
        let is_news = outcome.kept == Kept::Forked && desk.rows().evidence_against(&update.origin)? == 0;
        desk.apply(outcome.effects)?;
        let own = update.origin == exchange.me.member;
        parts |= outcome.kept == Kept::Part;
        if own && !matches!(outcome.kept, Kept::Known | Kept::Part) {
            told = Own::Unsound;
        }
        match outcome.kept {
            Kept::Unsound if own => {
                tracing::warn!(member = %from, "a member tells leaves of this ledger that are not its");
                desk.apply(vec![exchange.refused_leaves(from)])?;
            }
            // Said again in every meeting, and in `doctor` and the list of peers.
            Kept::Forked if !is_news => {
                tracing::debug!(member = %update.origin, "a ledger has two heads, as was known");
            }
            Kept::Forked if own => {
                tracing::error!(
                    member = %from,
                    "another member has a head of this ledger that it does not continue: it was put back and went on"
                );
            }
            Kept::Cosigned(line) if update.origin == from => cosigned.push(*line),
            Kept::Forked => {
                tracing::error!(member = %update.origin, "a member's ledger has two heads: evidence is kept");
            }
            Kept::Regressed => {
                tracing::error!(
                    member = %from,
                    "another member has a later head of this ledger: the node was put back to an earlier state, and takes \
                     back what it lost before it does anything else"
                );
            }
            _ => {}
        }
    }
    Ok((told, parts))
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

/// What became of some envelopes of a turn.
struct TakenSome {
    /// What became of each, as far as it was taken.
    received: Vec<Received>,
    /// How many came.
    envelopes: usize,
    /// One of them waits for a circle's document, and everything after it with it.
    waits: bool,
}

/// Takes some envelopes of a turn, and adds the receipts for them.
fn take_some(
    court: &Court,
    exchange: &Exchange<'_>,
    (desk, carrier): (&mut dyn ExchangeDesk, &Carrier),
    (letters, range): (&Letters<'_>, std::ops::Range<usize>),
    from: KeyId,
) -> Result<TakenSome, ExchangeError> {
    let mut waits = false;
    let envelopes = range.len();
    let mut all = Vec::with_capacity(envelopes);
    for at in range {
        let Some(mut received) = letters.receive(exchange, desk.rows(), at)? else { continue };
        brought_by(&mut received, from);
        let lacking = lacking_circles(court, (from, &received), || letters.payload(exchange, at));
        if !lacking.circles.is_empty() && carrier.awaited_circles.wait(from, lacking, court.now) {
            // Everything after it would be a gap: it comes again, in order.
            waits = true;
            break;
        }
        all.push(take(carrier, desk, received)?);
    }
    if !waits && envelopes > 0 {
        carrier.awaited_circles.goes_on(&from);
    }
    let effects = exchange.close(desk.rows(), from, &all)?;
    desk.apply(effects)?;
    Ok(TakenSome { received: all, envelopes, waits })
}

/// What was refused before its sender was known is told of who brought it.
fn brought_by(received: &mut Received, from: KeyId) {
    for effect in &mut received.effects {
        if let Effect::Refusal(row) = effect {
            row.peer.get_or_insert(from);
        }
    }
}

/// The circles for want of whose documents alone it was refused; they may still come.
fn lacking_circles(
    court: &Court,
    (from, received): (KeyId, &Received),
    payload: impl FnOnce() -> Option<Vec<u8>>,
) -> Lacking {
    let Taken::Refused(Refused { rule: Rule::Handling, .. }) = &received.taken else {
        return Lacking::default();
    };
    let payload = payload().unwrap_or_default();
    let content = Content::parse(&payload);
    content
        .map_or_else(|_| Lacking::default(), |content| court.members.lacks_circles(from, &content, court.now))
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
            let object = effects.iter().find_map(|effect| match effect {
                Effect::Act(act) => act.object.as_ref().map(|name| name.id.clone()),
                _ => None,
            });
            let cursors = effects.into_iter().filter(|effect| matches!(effect, Effect::Peer(..)));
            let refused = Refused { rule: Rule::Handling, handling: Some(code.to_owned()) };
            let row = federation::RefusalRow {
                peer: received.from,
                at_place: received.at_place,
                object,
                rule: refused.to_string(),
                at: carrier.at,
            };
            desk.apply(cursors.chain([Effect::Refusal(row)]).collect())?;
            received.taken = Taken::Refused(refused);
            Ok(received)
        }
    }
}
