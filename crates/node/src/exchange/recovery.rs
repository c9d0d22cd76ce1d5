//! Recovery after a restore: what is waited for, and what the operator may decide about it.
//!
//! `federation` decides, turns carry what comes back, and the store shows and takes nothing in meanwhile. Here a recovery begins,
//! goes on from stage to stage, and is told.

use std::sync::Arc;

use base::signing::KeyId;
use federation::{Exchange, Recovery, Stage};
use handling::{Principal, may_administer};
use serde::Serialize;
use stix::Timestamp;
use store::{Check, ExchangeDesk, Recovering, StoreError};

use super::{Court, ExchangeError};
use crate::{Node, ReadError};

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
    /// The backup knows no other member: it waits for the operator's word that there never was one.
    pub alone: bool,
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

    /// Goes on to the next stage where nobody is missing any more, and has the others met again then.
    pub(super) async fn advance_recovery(&self, court: &Arc<Court>) -> Result<(), ExchangeError> {
        if !self.is_recovering() {
            return Ok(());
        }
        let moved = self.step(court, 1, |exchange, desk| {
            let before = desk.rows().own()?.recovery.map(|recovery| recovery.stage);
            advance(exchange, desk)?;
            Ok(desk.rows().own()?.recovery.map(|recovery| recovery.stage) != before)
        });
        if moved.await? {
            if !self.is_recovering() {
                tracing::info!("everything that a restore had lost is back: the node serves again");
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

    async fn recovery_view(&self) -> Result<RecoveryView, StoreError> {
        let none = RecoveryView {
            stage: "none",
            since: None,
            awaited: Vec::new(),
            answered: Vec::new(),
            without: Vec::new(),
            alone: false,
        };
        if !self.is_recovering() {
            return Ok(none);
        }
        let Some(court) = self.court().await? else {
            // Restored, and not yet opened to be written.
            return Ok(RecoveryView { stage: "taking-back", ..none });
        };
        let court = Arc::new(court);
        let sitting = Arc::clone(&court);
        let found = store::looked(self.store(), court.member(), move |rows| {
            let failed = |failed: federation::StoreFailed| StoreError::Backend(failed.0);
            let Some(recovery) = rows.own().map_err(failed)?.recovery else { return Ok(None) };
            let awaited = sitting.exchange().awaited_members(rows, &recovery).map_err(failed)?;
            Ok(Some((recovery, awaited)))
        });
        let slugs = |members: Vec<KeyId>| members.iter().map(|member| self.slug_of(member)).collect();
        Ok(match found.await? {
            None => RecoveryView { stage: "taking-back", ..none },
            Some((recovery, awaited)) => RecoveryView {
                stage: stage_name(&recovery),
                since: Some(Timestamp::text_of(recovery.since)),
                answered: slugs(answered(&recovery)),
                without: slugs(recovery.without.into_iter().collect()),
                alone: awaited.contains(&court.member()),
                awaited: slugs(awaited.into_iter().collect()),
            },
        })
    }

    /// Why the node is recovering, in a sentence; `None` when it is not.
    pub(crate) async fn recovery_told(&self) -> Result<Option<String>, StoreError> {
        let view = self.recovery_view().await?;
        let what = match view.stage {
            "none" => return Ok(None),
            "taking-back" => "takes back from the other members what a restore has lost",
            _ => "reads again what the other members have sent since the backup",
        };
        if view.awaited.is_empty() {
            return Ok(Some(format!("the node {what}; it goes on while `cresset serve` runs")));
        }
        if view.alone {
            let lone = "knows no other member from its backup, and cannot tell whether one has joined since that mirrors what \
                        was lost";
            return Ok(Some(format!("the node {lone}")));
        }
        Ok(Some(format!("the node {what} and waits for {}", view.awaited.join(", "))))
    }

    /// The line of `doctor` about recovery.
    pub(crate) async fn check_recovery(&self) -> Result<Check, StoreError> {
        let told = self.recovery_told().await?;
        let (ok, detail) = match told {
            None => (true, "nothing that a restore lost is missing".to_owned()),
            Some(told) if self.recovery_view().await?.alone => {
                let how = "a member that joined since calls by itself while it runs; where that cannot be, restore a later backup; if \
                           nobody ever joined, `cresset node recover --without` with this member's own name goes on alone, and \
                           contradicts whatever another has taken of it";
                (false, format!("{told}: {how}"))
            }
            Some(told) => {
                let how = "see that these members run and can be reached; if one never comes back, `cresset node recover \
                           --without MEMBER` goes on without it, and what only it had taken of this member is then \
                           contradicted";
                (false, format!("{told}: {how}"))
            }
        };
        Ok(Check { name: "recovery", ok, detail })
    }

    /// The line of `doctor` about heads of this member's own ledger that cannot both be honest.
    pub(crate) async fn check_heads(&self) -> Result<Option<Check>, StoreError> {
        let Some(court) = self.court().await? else { return Ok(None) };
        let against = self.store().evidence().await?.into_iter().any(|(of, _)| of == court.member());
        Ok(against.then(|| Check {
            name: "heads",
            ok: false,
            detail: "another member has a head of this member's ledger that this ledger does not continue: the node went on \
                     from an older state and signed before it met anybody; tell the other members what happened"
                .to_owned(),
        }))
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
