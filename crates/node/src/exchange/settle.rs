//! Marking definitions that come after objects that bear them: what the objects awaited is known now.
//!
//! Which have come is for the store to find ([`store::ExchangeDesk::settle`]), whoever brought or sent them; what was to be given to
//! other members follows here, in the same commit.

use base::signing::KeyId;
use federation::{Again, Effect, ObjectName, Rows};
use handling::Rules;
use store::{Settled, StoreError};

use super::views::failed;
use crate::Node;

impl Node {
    /// Puts on objects what the marking definitions ask that they awaited and that have come, and has looked at what these were to be
    /// given to. Says how many definitions that were. What a process that ended did not come to, the next one finds.
    ///
    /// # Errors
    /// The store failed; nothing has changed then.
    ///
    /// # Limits
    /// One commit; its time is linear in what awaited them.
    pub async fn settle_markings(&self) -> Result<u64, StoreError> {
        if !self.store().has_come().await? {
            return Ok(0);
        }
        self.keep_ledger().await?;
        let me = self.court().await?.map(|court| court.member());
        let home = self.standing().home;
        let settled = store::exchanged(self.store(), 1, move |desk| {
            let all = desk.settle(home)?;
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
        Ok(settled.len() as u64)
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
    if !effects.is_empty() {
        effects.push(Effect::LookAgain(Again::Object(name.id)));
    }
    Ok(effects)
}
