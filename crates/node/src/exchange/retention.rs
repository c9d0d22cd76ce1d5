//! The end of retention: what is past it is destroyed here, as an erasure destroys, and each time leaves its own act.
//!
//! Every node does it for itself, by its own clock; nobody is told, because everybody has the same rules. What is gone comes
//! back by exchange only when its originator gives it anew, since the old act's own rules refuse it.

use std::sync::Arc;

use base::Micros;
use federation::ObjectName;
use handling::{Originator, Rules};
use store::{Retired, StoreError};

use super::ExchangeError;
use crate::Node;

/// Objects destroyed in one commit: others wait for it.
const AT_ONCE: usize = 200;

impl Node {
    /// Destroys what is past its retention, and says how many versions that were. A node that takes back what a restore has lost
    /// waits until it has.
    ///
    /// # Errors
    /// See [`ExchangeError`]; what was destroyed until then stays destroyed.
    pub async fn retire(&self) -> Result<u64, ExchangeError> {
        if self.is_recovering() {
            return Ok(0);
        }
        let mut all = 0_u64;
        while self.store().overdue(self.now()).await? > 0 {
            let gone = self.retire_some().await?;
            if gone == 0 {
                break;
            }
            all = all.saturating_add(gone);
        }
        if all > 0 {
            tracing::info!(versions = all, "destroyed what was past its retention");
        }
        Ok(all)
    }

    async fn retire_some(&self) -> Result<u64, ExchangeError> {
        let now = self.now();
        self.keep_ledger().await?;
        let Some(court) = self.court().await? else {
            let gone = store::exchanged(self.store(), AT_ONCE, move |desk| desk.retire(now, AT_ONCE));
            return Ok(gone.await?.len() as u64);
        };
        let court = Arc::new(court);
        let me = court.member();
        self.step(&court, AT_ONCE, move |exchange, desk| {
            let gone = desk.retire(now, AT_ONCE)?;
            for one in &gone {
                let Some(author) = author_of(one, me) else { continue };
                let name = ObjectName { author, id: one.id.clone() };
                let effects =
                    exchange.retire(desk.rows(), &name, &one.version, |rules| is_over(rules, now))?;
                desk.apply(effects)?;
            }
            Ok(gone.len() as u64)
        })
        .await
    }

    /// How many versions are past their retention and still here.
    pub(crate) async fn overdue(&self) -> Result<u64, StoreError> {
        self.store().overdue(self.now()).await
    }
}

/// Whether rules keep something no longer. Those that cannot be read keep nothing.
pub(super) fn is_over(rules: &str, now: Micros) -> bool {
    rules.parse::<Rules>().map_or(true, |rules| rules.retain().is_some_and(|until| until <= now))
}

/// Under whose word a version stood; none where several members' words were one.
fn author_of(one: &Retired, me: base::signing::KeyId) -> Option<base::signing::KeyId> {
    match &one.originator {
        Originator::Here => Some(me),
        Originator::Member(member) => Some(base::signing::KeyId::from_bytes(member.0)),
        Originator::Nobody => None,
    }
}
