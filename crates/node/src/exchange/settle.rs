//! Marking definitions that come after objects that bear them: what the objects awaited is known now.
//!
//! Which have come is for the store to find ([`store::ExchangeDesk::settle`]), whoever brought or sent them; what was to be given to
//! other members follows here, in the same commit.

use std::sync::PoisonError;

use base::limit::AWAITED_PAGE;
use base::signing::KeyId;
use federation::{Again, Effect, ObjectName, Rows};
use handling::Rules;
use stix::ObjectId;
use store::{Settled, StoreError};

use super::views::failed;
use crate::Node;

impl Node {
    /// Looks whether marking definitions have come that something awaits, and settles what does; goes on from where the last look ended,
    /// and begins anew behind the last one. What a process that ended did not come to, the next one finds.
    ///
    /// # Errors
    /// The store failed; nothing has changed then.
    ///
    /// # Limits
    /// 1,000 definitions a look.
    pub(super) async fn settle_awaited(&self) -> Result<(), StoreError> {
        let next = &self.0.exchange.awaited;
        let after = next.lock().unwrap_or_else(PoisonError::into_inner).take();
        let page = self.store().awaited(after, AWAITED_PAGE).await?;
        let last = page.last().filter(|_| page.len() == AWAITED_PAGE).cloned();
        self.settle_markings(page).await?;
        *next.lock().unwrap_or_else(PoisonError::into_inner) = last;
        Ok(())
    }

    /// Puts on objects what those of these marking definitions ask that they awaited and that have come, and has looked at what these
    /// were to be given to.
    ///
    /// # Errors
    /// The store failed; nothing has changed then.
    ///
    /// # Limits
    /// One commit; its time is linear in what awaited them.
    pub(crate) async fn settle_markings(&self, definitions: Vec<ObjectId>) -> Result<(), StoreError> {
        if definitions.is_empty() {
            return Ok(());
        }
        let come = self.store().come(definitions).await?;
        if come.is_empty() {
            return Ok(());
        }
        self.keep_ledger().await?;
        let me = self.court().await?.map(|court| court.member());
        let home = self.standing().home;
        let settled = store::exchanged(self.store(), come.len(), move |desk| {
            let all = desk.settle(&come, home)?;
            if let Some(me) = me {
                for (settled, id) in all.iter().flat_map(|one| one.objects.iter().map(move |id| (one, id))) {
                    let effects = looked_at(desk.rows(), (me, id), settled)?;
                    desk.apply(effects)?;
                }
            }
            Ok(all)
        });
        let settled = settled.await?;
        let objects = settled.iter().map(|settled| settled.objects.len()).sum::<usize>();
        tracing::info!(
            definitions = settled.len(),
            objects,
            "put on objects what markings ask that have come"
        );
        self.0.exchange.later.notify_one();
        Ok(())
    }
}

/// What was said of an own object to be given later is under what the definition asks as well, and is looked at.
fn looked_at(rows: &dyn Rows, (me, id): (KeyId, &str), settled: &Settled) -> Result<Vec<Effect>, StoreError> {
    let name = ObjectName { author: me, id: id.to_owned() };
    let mut effects = Vec::new();
    for mut held in rows.versions(&name).map_err(failed)? {
        let Ok(rules) = held.rules.parse::<Rules>() else { continue };
        if let Some(known) = rules.settled_by(&settled.definition, settled.mark) {
            held.rules = known.to_string();
            effects.push(Effect::Version(held));
        }
    }
    // Also where what waits was said by a giving that stands beside another, whose rules are read from its act.
    if !effects.is_empty() || !rows.later(id).map_err(failed)?.is_empty() {
        effects.push(Effect::LookAgain(Again::Object(name.id)));
    }
    Ok(effects)
}
