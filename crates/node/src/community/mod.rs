//! The community that this node's member belongs to: founding, joining, deciding, and what is shown of it.
//!
//! Rules are `community`'s; here is who of this node's users may ask for what, and that everything which was signed is
//! written down before anybody else sees it. How papers travel is in [`papers`], circles are in [`circles`].
//!
//! Invariant: one change at a time; a vote and the note that it was given are one commit.

mod asking;
mod circles;
mod deeds;
mod error;
mod papers;
mod parcels;
mod peers;
mod ports;
mod show;
mod spread;
mod table;
mod told;

use std::sync::{Arc, Mutex, PoisonError};

use store::StoreError;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

pub(crate) use asking::code_of;
pub(crate) use circles::may_know_circles;
pub use circles::{CircleView, NewCircle};
pub use deeds::{FoundRequest, JoinAsk, Said};
pub use error::CommunityError;
pub(crate) use papers::Heard;
pub use papers::{Have, LostKey, PAPERS_TYPE, Peer, Taken};
pub use ports::Members;
pub(crate) use ports::{Seats, circles_in};
pub use show::{CommunityView, MemberView, PendingView};
pub(crate) use table::Table;
pub use told::RegistryTold;

use crate::Node;

/// What a node keeps in memory of its community.
#[derive(Debug)]
pub(crate) struct Chamber {
    /// The table as of the last commit; the outer `None` = not read yet.
    table: Mutex<Option<Option<Arc<Table>>>>,
    one: Semaphore,
    changed: Notify,
    /// How it stands with this member's own request to be let in.
    asking: asking::Asking,
    /// What the own ledger says of the registry.
    telling: told::Telling,
}

impl Default for Chamber {
    fn default() -> Self {
        let (table, asking, telling) =
            (Mutex::default(), asking::Asking::default(), told::Telling::default());
        Self { table, one: Semaphore::new(1), changed: Notify::new(), asking, telling }
    }
}

impl Chamber {
    pub(crate) fn held(&self) -> Option<Option<Arc<Table>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hold(&self, table: Option<Arc<Table>>) {
        *self.table.lock().unwrap_or_else(PoisonError::into_inner) = Some(table);
    }
}

impl Node {
    /// What this node has of its community; `None` while it belongs to none.
    pub(crate) async fn community_table(&self) -> Result<Option<Arc<Table>>, StoreError> {
        if let Some(held) = self.chamber().held() {
            return Ok(held);
        }
        let table = Table::load(self.store(), self.first_member_id().await?).await?.map(Arc::new);
        self.chamber().hold(table.clone());
        if let Some(table) = &table {
            self.decide_by(table);
        }
        Ok(table)
    }

    async fn first_member_id(&self) -> Result<Option<community::MemberId>, StoreError> {
        use base::signing::Signer;
        // A node that was opened for reading and has no key yet belongs to no community either.
        match self.signing_keys().await {
            Ok(keys) => Ok(keys.first().map(|key| community::MemberId(key.public_key().id()))),
            Err(StoreError::ReadOnly { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Waits until something about the community has changed that others should hear of.
    pub async fn community_changed(&self) {
        self.chamber().changed.notified().await;
    }

    /// Has the other members asked for papers as soon as can be.
    pub(crate) fn ask_for_papers(&self) {
        self.chamber().changed.notify_one();
    }

    async fn one_at_a_time(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        let closed = |_| StoreError::Backend("the community's table is closed".into());
        self.chamber().one.acquire().await.map_err(closed)
    }

    /// As [`Node::one_at_a_time`], for what this member signs: not before a node that was restored has back what it had signed.
    async fn one_deed(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        if self.is_recovering() {
            self.keep_ledger().await?;
        }
        if self.is_recovering() {
            return Err(StoreError::Recovering);
        }
        self.one_at_a_time().await
    }

    /// Writes down what has changed and makes it what everybody here sees.
    async fn settle(&self, mut table: Table) -> Result<Arc<Table>, CommunityError> {
        let (work, tell) = (table.take_work(), table.take_news());
        let table = Arc::new(table);
        self.file(&table, work).await?;
        self.chamber().hold(Some(Arc::clone(&table)));
        self.decide_by(&table);
        // Heads are signed with the key that the registry names from this moment on.
        self.keep_ledger().await?;
        self.renew_certificate().await?;
        if tell {
            self.chamber().changed.notify_one();
            // What waited for these papers is asked for again.
            self.tell_peers();
        }
        Ok(table)
    }
}
