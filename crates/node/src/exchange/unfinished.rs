//! What an earlier build answered as done, and did not do, is done at the first start of this one ([`store::Unfinished`]).
//!
//! Nothing is told to anybody: the receipts were given then, and are true from now on.

use std::sync::atomic::Ordering;

use federation::{Effect, ObjectName};
use handling::{MemberId, Originator};
use store::{StoreError, VersionsOf};

use super::ExchangeError;
use crate::Node;

impl Node {
    /// Takes away what its originator called back or erased, and puts what that one narrowed under what was told then.
    pub(super) async fn finish_deeds(&self) -> Result<(), ExchangeError> {
        if self.0.exchange.finished.load(Ordering::Acquire) || self.court().await?.is_none() {
            return Ok(());
        }
        let court = self.sitting().await?;
        let carrier = self.carrier(&court).await?;
        let finished = self.step(&court, 1, move |_, desk| {
            let left = desk.unfinished()?;
            for one in &left {
                let name = ObjectName { author: one.author, id: one.id.clone() };
                let held = desk.rows().versions(&name).map_err(|failed| StoreError::Backend(failed.0))?;
                let narrowed = held.into_iter().find(|held| one.is_held && held.version == one.version);
                if let Some(row) = narrowed {
                    carrier.carry(desk, vec![Effect::Version(row)])?;
                    continue;
                }
                let originator = Originator::Member(MemberId(*one.author.as_bytes()));
                desk.take_away(&VersionsOf { id: &one.id, version: &one.version, originator, digest: None })?;
                desk.overwrite_words()?;
                // What was erased does not come in again: said once more, now that it is known which copy that was.
                let fate = desk.rows().fate(&name).map_err(|failed| StoreError::Backend(failed.0))?;
                if fate.erased.is_some() {
                    desk.apply(vec![Effect::Fate(fate)])?;
                }
            }
            Ok(left.len())
        });
        let finished = finished.await?;
        if finished > 0 {
            tracing::info!(
                versions = finished,
                "finished what an earlier build had answered as done: recalls, erasures and narrowings of objects without `modified`"
            );
        }
        self.0.exchange.finished.store(true, Ordering::Release);
        Ok(())
    }
}
