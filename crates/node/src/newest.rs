//! What came last, of which types there is something, and how often an object was sighted: the small questions of pages.

use base::limit::PAGE_MAX;
use handling::{Action, Cleared, Principal};
use store::{SearchRequest, StoreError};

use crate::look_up::{How, LookUpMatch, Sightings};
use crate::{Node, ReadError, SearchPage};

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

    /// A page of the objects of one type that this principal may see, newest first.
    ///
    /// # Errors
    /// The store failed, or the cursor is of another question.
    ///
    /// # Limits
    /// At most [`PAGE_MAX`] rows; what is passed over for them are earlier versions of the type that this principal sees.
    pub async fn newest_of(
        &self,
        who: &Principal,
        kind: &str,
        (limit, next): (usize, Option<String>),
    ) -> Result<Cleared<SearchPage>, StoreError> {
        let (view, now) = (self.eyes(who).to(Action::Search), self.now());
        let limit = limit.clamp(1, PAGE_MAX);
        let request = SearchRequest { types: vec![kind.to_owned()], limit, next, ..SearchRequest::default() };
        let found = self.store().search(&view, &request).await?;
        let rows = found.rows.into_iter().map(|row| LookUpMatch::of(row, How::Exact, now)).collect();
        Ok(view.clear(SearchPage { rows, next: found.next }))
    }

    /// The types that a search of this principal may find, in the order of their names.
    ///
    /// # Errors
    /// The store failed.
    pub async fn types(&self, who: &Principal) -> Result<Cleared<Vec<String>>, StoreError> {
        let view = self.eyes(who).to(Action::Search);
        let types = self.store().types(&view).await?;
        Ok(view.clear(types))
    }

    /// The types of a collection in the order of their names, with how many objects of each this principal sees there, of `most` at most.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn types_in(
        &self,
        who: &Principal,
        collection: &str,
        most: usize,
    ) -> Result<Cleared<Vec<(String, usize)>>, ReadError> {
        let (view, no) = self.view_of(who, collection).await?;
        let types = self.store().types_in(&view, no, most).await?;
        Ok(view.clear(types))
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
