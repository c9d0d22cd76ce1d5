//! Recovery after a restore: what is waited for, and what the operator may decide about it.
//!
//! `federation` decides, turns carry what comes back, and the store shows and takes nothing in meanwhile. Here a recovery begins,
//! goes on from stage to stage, and is told.

use std::sync::{Arc, PoisonError};

use base::signing::KeyId;
use federation::{Exchange, Recovery, Stage};
use handling::{Access, CollectionNo, Principal, Role, may_administer};
use serde::Serialize;
use stix::Timestamp;
use store::{Check, ExchangeDesk, Recovering, StoreError};

use super::awaited::{Awaited, AwaitedMember};
use super::{Court, ExchangeError};
use crate::{CollectionError, GranteeName, NewCollection, Node, ReadError, RoadError};

/// The setting that holds the id of the collection for what came back after a restore.
const REGAINED: &str = "regained-collection";

/// How far a recovery has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecoveryView {
    /// `none`, `taking-back` or `catching-up`.
    pub stage: &'static str,
    /// When it began (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Members that are waited for, by slug where known.
    pub awaited: Vec<String>,
    /// Members that have given back everything they had.
    pub answered: Vec<String>,
    /// Members that the operator does not wait for.
    pub without: Vec<String>,
    /// Why each of them is waited for, and what helps.
    pub waits: Vec<AwaitedMember>,
    /// The backup knows no other member: it waits until one that joined later calls, or for the operator's word that there never
    /// was one.
    pub alone: bool,
    /// One of them is waited for in vain unless somebody does something.
    pub stuck: bool,
}

impl RecoveryView {
    fn of(stage: &'static str) -> Self {
        Self {
            stage,
            since: None,
            awaited: Vec::new(),
            answered: Vec::new(),
            without: Vec::new(),
            waits: Vec::new(),
            alone: false,
            stuck: false,
        }
    }

    /// Why the node is recovering, in a sentence; `None` when it is not.
    fn told(&self) -> Option<String> {
        let what = match self.stage {
            "none" => return None,
            "taking-back" => "takes back from the other members what a restore has lost",
            _ => "reads again what the other members have sent since the backup",
        };
        Some(if self.alone {
            "the node knows no other member from its backup, and cannot tell whether one has joined since that mirrors what was \
             lost"
                .to_owned()
        } else if self.awaited.is_empty() {
            format!("the node {what}; it goes on while `cresset serve` runs")
        } else {
            format!("the node {what} and waits for {}", self.awaited.join(", "))
        })
    }
}

impl Node {
    /// Whether the node takes back what a restore has lost. Costs nothing.
    #[must_use]
    pub fn is_recovering(&self) -> bool {
        self.store().recovery() != Recovering::No
    }

    /// After a restore: begins the recovery, or ends it at once where nobody can have anything to give back.
    pub(crate) async fn answer_restore(&self) -> Result<(), StoreError> {
        if self.store().recovery() != Recovering::Restored {
            return Ok(());
        }
        let Some(court) = self.court().await? else {
            tracing::warn!(
                "restored, and in no community: if this member has joined one since the backup, join it again before anything is \
                 put in, and what was lost comes back"
            );
            let over = |desk: &mut dyn ExchangeDesk| desk.apply(vec![federation::Effect::Recovery(None)]);
            return store::exchanged(self.store(), 1, over).await;
        };
        self.forget_regained().await?;
        self.regained().await?;
        let court = Arc::new(court);
        let begun = self.step(&court, 1, |exchange, desk| {
            let effects = exchange.begin_recovery(desk.rows())?;
            desk.apply(effects)?;
            advance(exchange, desk)
        });
        begun.await.map_err(|error| match error {
            ExchangeError::Store(error) => error,
            other => StoreError::Backend(format!("cannot begin the recovery: {other}")),
        })
    }

    /// The collection for what this member's people had said and a restore has lost, made where it is not there yet; `None` while nothing is
    /// taken back.
    ///
    /// Acts do not name collections, so that it is not known who read it here before: those who run the node do until they say.
    pub(super) async fn regained(&self) -> Result<Option<CollectionNo>, StoreError> {
        if !self.is_recovering() {
            return Ok(None);
        }
        let (store, directory) = (self.store(), self.directory().await?);
        let known = store.setting(REGAINED).await?;
        if let Some(row) = known.and_then(|id| directory.collection(&id).map(|row| row.no)) {
            return Ok(Some(row));
        }
        let description = "What this member's people had put in after the backup, as other members gave it back. In which collection \
                           it stood is not known: only administrators read it until they grant it or put it where it belongs.";
        let new = |id: Option<&str>| NewCollection {
            id: id.map(str::to_owned),
            title: "Came back after a restore".into(),
            description: Some(description.into()),
            grants: vec![(GranteeName::Role(Role::Admin), Access { read: true, write: true })],
            ..NewCollection::default()
        };
        let operator = self.local_operator().await?;
        let made = match self.add_collection(&operator, new(Some("restored"))).await {
            // Somebody here calls one of theirs so.
            Err(CollectionError::NameTaken(_)) => self.add_collection(&operator, new(None)).await,
            made => made,
        };
        let made = made.map_err(|error| match error {
            CollectionError::Store(error) => error,
            other => StoreError::Backend(format!("cannot make the collection for what comes back: {other}")),
        })?;
        store.set_setting(REGAINED, &made.id).await?;
        Ok(Some(made.no))
    }

    /// What comes back from now on goes into a collection of its own: that of an earlier recovery has been granted to others meanwhile.
    async fn forget_regained(&self) -> Result<(), StoreError> {
        match self.store().setting(REGAINED).await? {
            Some(known) if !known.is_empty() => self.store().set_setting(REGAINED, "").await,
            _ => Ok(()),
        }
    }

    /// Goes on to the next stage where nobody is missing any more, and has the others met again then.
    pub(super) async fn advance_recovery(&self, court: &Arc<Court>) -> Result<(), ExchangeError> {
        if !self.is_recovering() || self.lost_key().await?.is_some() {
            return Ok(());
        }
        let moved = self.step(court, 1, |exchange, desk| {
            let before = desk.rows().own()?.recovery.map(|recovery| recovery.stage);
            advance(exchange, desk)?;
            Ok(desk.rows().own()?.recovery.map(|recovery| recovery.stage) != before)
        });
        if moved.await? {
            if !self.is_recovering() {
                tracing::info!(
                    "everything that a restore had lost is back: the node serves again; what this member's people had put in since the \
                     backup stands in the collection for what came back, which only administrators read until they grant it"
                );
            }
            self.tell_peers();
        }
        Ok(())
    }

    /// How far a recovery has come.
    ///
    /// # Errors
    /// See [`ExchangeError`]; refused unless the principal runs the node.
    pub async fn recovery(&self, who: &Principal) -> Result<RecoveryView, ExchangeError> {
        may_administer(who).map_err(ReadError::Refused)?;
        Ok(self.recovery_view().await?)
    }

    /// Does not wait for a member any longer, which may never come back. What only that member had taken of this one, the next
    /// acts contradict: it can then prove that this member keeps two ledgers.
    ///
    /// # Errors
    /// See [`ExchangeError`]; refused unless the principal runs the node.
    pub async fn recover_without(
        &self,
        who: &Principal,
        member: &str,
    ) -> Result<RecoveryView, ExchangeError> {
        may_administer(who).map_err(ReadError::Refused)?;
        let court = self.sitting().await?;
        let member = self.member_called(who, member).await?;
        if let Some(lost) = self.lost_key().await? {
            // It would go on with less than it has shown, and by a key that nobody takes.
            return Err(ExchangeError::KeyLost(lost));
        }
        self.step(&court, 1, move |exchange, desk| {
            let effects = exchange.leave_out(desk.rows(), member)?;
            desk.apply(effects.map_err(federation::DeedError::from)?)?;
            Ok(())
        })
        .await?;
        tracing::warn!(%member, "the recovery goes on without a member, on the operator's word");
        self.advance_recovery(&court).await?;
        Ok(self.recovery_view().await?)
    }

    /// Takes back once more what a restore has lost: from a member that took no part when the last recovery ended, or was left out of it, and
    /// is back. Nothing is served until everybody has answered, as after a restore.
    ///
    /// # Errors
    /// See [`ExchangeError`]; refused unless the principal runs the node.
    pub async fn recover_again(&self, who: &Principal) -> Result<RecoveryView, ExchangeError> {
        may_administer(who).map_err(ReadError::Refused)?;
        let court = self.sitting().await?;
        if !self.is_recovering() {
            self.forget_regained().await?;
        }
        self.step(&court, 1, |exchange, desk| {
            let effects = exchange.recover_again(desk.rows())?;
            desk.apply(effects.map_err(federation::DeedError::from)?)?;
            Ok(())
        })
        .await?;
        tracing::warn!("the node takes back once more what a restore has lost, on the operator's word");
        self.advance_recovery(&court).await?;
        self.meet_now();
        Ok(self.recovery_view().await?)
    }

    async fn recovery_view(&self) -> Result<RecoveryView, StoreError> {
        if !self.is_recovering() {
            return Ok(RecoveryView::of("none"));
        }
        let Some(court) = self.court().await? else {
            // Restored, and not yet opened to be written.
            return Ok(RecoveryView::of("taking-back"));
        };
        let court = Arc::new(court);
        let (sitting, node, lost) = (Arc::clone(&court), self.clone(), self.lost_key().await?);
        let found = store::looked(self.store(), court.member(), move |rows| {
            let failed = |failed: federation::StoreFailed| StoreError::Backend(failed.0);
            let Some(recovery) = rows.own().map_err(failed)?.recovery else { return Ok(None) };
            let exchange = sitting.exchange();
            let mut awaited = Vec::new();
            for member in exchange.awaited_members(rows, &recovery).map_err(failed)? {
                let reason = Awaited { lost, ..node.awaits(member, &recovery) }
                    .reason(&exchange, rows)
                    .map_err(failed)?;
                awaited.push((member, reason));
            }
            Ok(Some((recovery, awaited)))
        });
        let Some((recovery, awaited)) = found.await? else { return Ok(RecoveryView::of("taking-back")) };
        let slugs = |members: Vec<KeyId>| members.iter().map(|member| self.slug_of(member)).collect();
        let alone = awaited.iter().any(|(member, _)| *member == court.member());
        let stuck = !alone && awaited.iter().any(|(_, reason)| reason.is_stuck());
        let waits: Vec<AwaitedMember> =
            awaited.into_iter().map(|(member, reason)| reason.told_of(self.slug_of(&member))).collect();
        Ok(RecoveryView {
            stage: stage_name(&recovery),
            since: Some(Timestamp::text_of(recovery.since)),
            answered: slugs(answered(&recovery)),
            without: slugs(recovery.without.into_iter().collect()),
            awaited: waits.iter().map(|one| one.member.clone()).collect(),
            waits: if alone { Vec::new() } else { waits },
            alone,
            stuck,
        })
    }

    /// What is known here of a member that a recovery waits for.
    fn awaits<'r>(&self, member: KeyId, recovery: &'r Recovery) -> Awaited<'r> {
        let desk = &self.0.exchange;
        Awaited {
            member,
            recovery,
            spoken: desk.last_spoken(&member),
            unreached: desk.unreached_since(&member),
            heard: desk.heard_back.lock().unwrap_or_else(PoisonError::into_inner).get(&member).cloned(),
            road: self.0.roads.gone(&member).and_then(|gone| gone.refused).map(RoadError::code),
            papers: desk.has_papers_of(&member),
            lost: None,
        }
    }

    /// Why the node is recovering, in a sentence; `None` when it is not.
    pub(crate) async fn recovery_told(&self) -> Result<Option<String>, StoreError> {
        Ok(self.recovery_view().await?.told())
    }

    /// The line of `doctor` about recovery.
    pub(crate) async fn check_recovery(&self) -> Result<Check, StoreError> {
        let view = self.recovery_view().await?;
        let Some(told) = view.told() else {
            let detail = "the node takes nothing back at present".to_owned();
            return Ok(Check { name: "recovery", ok: true, detail });
        };
        let whys: Vec<String> =
            view.waits.iter().map(|one| format!("{}: {}", one.member, one.detail)).collect();
        let how = if self.lost_key().await?.is_some() {
            "until then nothing comes back, whomever it waits for"
        } else if view.alone {
            "a member that joined since calls by itself while it runs; where that cannot be, restore a later backup; if nobody \
             ever joined, `cresset node recover --without` with this member's own name goes on alone, and contradicts whatever \
             another has taken of it"
        } else if view.stuck {
            "if one never comes back, or can never be heard, `cresset node recover --without MEMBER` goes on without it, and what \
             only it had taken of this member is then contradicted"
        } else {
            "it goes on by itself"
        };
        let detail = [vec![told], whys, vec![how.to_owned()]].concat().join("; ");
        Ok(Check { name: "recovery", ok: false, detail })
    }
}

fn stage_name(recovery: &Recovery) -> &'static str {
    if recovery.stage == Stage::TakingBack { "taking-back" } else { "catching-up" }
}

fn answered(recovery: &Recovery) -> Vec<KeyId> {
    let done = recovery.peers.iter().filter(|(_, giving)| giving.sent.is_some());
    done.map(|(member, _)| *member).collect()
}

/// Both stages, where nobody is missing for either.
pub(super) fn advance(exchange: &Exchange<'_>, desk: &mut dyn ExchangeDesk) -> Result<(), ExchangeError> {
    for _ in 0..2 {
        let effects = exchange.advance(desk.rows())?;
        if effects.is_empty() {
            break;
        }
        desk.apply(effects)?;
    }
    Ok(())
}
