//! What came last, and how often an object was sighted: the small questions of pages.

use handling::{Cleared, Principal};
use store::{SearchRequest, StoreError};

use crate::Node;
use crate::look_up::{How, LookUpMatch, Sightings};

impl Node {
    /// The newest objects that this principal may see, newest first, at most `limit`.
    ///
    /// # Errors
    /// The store failed.
    pub async fn newest(
        &self,
        who: &Principal,
        limit: usize,
    ) -> Result<Cleared<Vec<LookUpMatch>>, StoreError> {
        let (view, now) = (self.eyes(who), self.now());
        let request = SearchRequest { limit, ..SearchRequest::default() };
        let found = self.0.store.search(&view, &request).await?;
        let rows = found.rows.into_iter().map(|row| LookUpMatch::of(row, How::Exact, now)).collect();
        Ok(view.clear(rows))
    }

    /// How often an object was sighted, as far as this principal may know.
    ///
    /// # Errors
    /// The store failed.
    pub async fn sightings_of(&self, who: &Principal, id: &str) -> Result<Cleared<Sightings>, StoreError> {
        let view = self.eyes(who);
        let sighted = self.0.store.sightings(&view, &[id]).await?.first().copied().unwrap_or_default();
        Ok(view.clear(Sightings::of(sighted)))
    }
}
