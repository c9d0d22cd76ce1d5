//! Circles that this member is in no more: what it has by them alone is dropped here, as the end of retention drops, and its originators
//! are told.
//!
//! Looked for at the start of the process and whenever a circle has taken this member out ([`super::later`]), so that one that ended in
//! between goes on. Readers see nothing of it any more from the moment the circle's new version counts: they are judged by that.

use std::sync::Arc;

use federation::{Effect, LeftBehind, Rows, VersionRow};
use store::{Check, StoreError};

use super::views::failed;
use super::{Court, ExchangeError};
use crate::Node;

/// Versions dropped in one commit: others wait for it.
const AT_ONCE: usize = 200;

impl Node {
    /// Drops what circles alone let this member have that have taken it out, a page of what is held of others at a time.
    pub(super) async fn let_go_of_left(&self, court: &Arc<Court>) -> Result<(), ExchangeError> {
        let (mut after, mut all) = (None, 0_usize);
        loop {
            let (from, sitting) = (after.take(), Arc::clone(court));
            let look = move |rows: &dyn Rows| sitting.exchange().left_behind(rows, from).map_err(failed);
            let LeftBehind { versions, last } = store::looked(self.store(), court.member(), look).await?;
            for some in versions.chunks(AT_ONCE) {
                all = all.saturating_add(self.let_go(court, some.to_vec()).await?);
            }
            after = last;
            if after.is_none() {
                break;
            }
        }
        if all > 0 {
            self.tell_peers();
            tracing::info!(versions = all, "dropped what circles let this member have that it is in no more");
        }
        Ok(())
    }

    /// What is still here of it: nobody is shown that, and a node that is not served does not come to drop it.
    pub(crate) async fn check_left(&self) -> Result<Option<Check>, StoreError> {
        let Some(court) = self.court().await?.map(Arc::new) else { return Ok(None) };
        if court.members.seats().left.is_empty() {
            return Ok(None);
        }
        let (mut after, mut all) = (None, 0_usize);
        loop {
            let (from, sitting) = (after.take(), Arc::clone(&court));
            let look = move |rows: &dyn Rows| sitting.exchange().left_behind(rows, from).map_err(failed);
            let LeftBehind { versions, last } = store::looked(self.store(), court.member(), look).await?;
            all = all.saturating_add(versions.len());
            after = last;
            if after.is_none() {
                break;
            }
        }
        let detail = if all == 0 {
            "nothing is here by circles alone that have taken this member out".to_owned()
        } else {
            format!(
                "{all} versions are still here by circles alone that have taken this member out: nobody is shown them, and the node drops \
                 them while it serves, within seconds"
            )
        };
        Ok(Some(Check { name: "circles-left", ok: all == 0, detail }))
    }

    async fn let_go(&self, court: &Arc<Court>, versions: Vec<VersionRow>) -> Result<usize, ExchangeError> {
        let carrier = self.carrier(court).await?;
        self.step(court, versions.len(), move |exchange, desk| {
            let effects = exchange.let_go(desk.rows(), &versions)?;
            let gone = effects.iter().filter(|effect| matches!(effect, Effect::DropVersion { .. })).count();
            if gone > 0 {
                carrier.carry(desk, effects)?;
                desk.overwrite_words()?;
            }
            Ok(gone)
        })
        .await
    }
}
