//! Full-text search over what a principal may read: what is called so, then what is called something like it, then what mentions it.
//!
//! The store tells what begins so and what has the words in its name from the rest (decision 0046); what bears exactly the text as
//! its name or alias is found here, by its term, and put before all of it.

use base::limit::{LOOKUP_MATCHES_MAX, NAMED_FIRST_MAX, PAGE_MAX, QUERY_BYTES_MAX};
use handling::{Action, Cleared, Principal, Viewer};
use store::{Fault, LookupRow, SearchRequest, StoreError};

use crate::Node;
use crate::look_up::{How, LookUpMatch};

/// A question in words.
#[derive(Clone, Debug, Default)]
pub struct SearchQuery {
    /// What is searched for; all words must occur.
    pub text: String,
    /// Whether the last word may go on (search as you type).
    pub open_ended: bool,
    /// Only these types; empty = all.
    pub types: Vec<String>,
    /// Most rows; on the first page what bears the text as its name comes besides, where it is more than that.
    pub limit: usize,
    /// Where to go on.
    pub next: Option<String>,
}

/// A page of results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchPage {
    /// On the first page what bears the text as its name or alias; then as [`store::Found`] says.
    pub rows: Vec<LookUpMatch>,
    /// Where to go on; `None` when nothing remains.
    pub next: Option<String>,
}

/// Why nothing was searched for.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// No word in the text.
    #[error("the search text holds no word")]
    Empty,
    /// Longer than a question may be.
    #[error("the search text is longer than {QUERY_BYTES_MAX} bytes")]
    TooLong,
    /// A cursor of another question.
    #[error("the cursor does not belong to this question: start again without it")]
    BadCursor,
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl SearchError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "search-empty",
            Self::TooLong => "query-too-long",
            Self::BadCursor => "bad-cursor",
            Self::Store(error) => error.code(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Store(error) => error.fault(),
            _ => Fault::Caller,
        }
    }
}

impl From<StoreError> for SearchError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::BadCursor => Self::BadCursor,
            other => Self::Store(other),
        }
    }
}

impl Node {
    /// Objects in whose text all words occur.
    ///
    /// # Errors
    /// See [`SearchError`].
    pub async fn search(
        &self,
        who: &Principal,
        query: SearchQuery,
    ) -> Result<Cleared<SearchPage>, SearchError> {
        if query.text.len() > QUERY_BYTES_MAX {
            return Err(SearchError::TooLong);
        }
        let words = index::query_words(&query.text);
        if words.is_empty() {
            return Err(SearchError::Empty);
        }
        let (view, now) = (self.eyes(who).to(Action::Search), self.now());
        let limit = query.limit.clamp(1, PAGE_MAX);
        let named = self.named(&view, &query).await?;
        // Those before are all on the first page, however short one was asked for; the later ones leave them out.
        let before = if query.next.is_none() { named.as_slice() } else { &[] };
        let request = SearchRequest {
            words,
            open_ended: query.open_ended,
            types: query.types,
            limit: limit.saturating_sub(before.len()).max(1),
            next: query.next,
        };
        let found = self.0.store.search(&view, &request).await?;
        let rest = found
            .rows
            .into_iter()
            .filter(|row| named.iter().all(|known| (&known.id, known.added) != (&row.id, row.added)));
        let rows = before.iter().cloned().chain(rest);
        let rows = rows.map(|row| LookUpMatch::of(row, How::Exact, now)).collect();
        Ok(view.clear(SearchPage { rows, next: found.next }))
    }

    /// What bears the text as its name or alias, where it is little.
    async fn named(&self, view: &Viewer, query: &SearchQuery) -> Result<Vec<LookupRow>, StoreError> {
        let Some(term) = index::name_term(&query.text) else { return Ok(Vec::new()) };
        let term = term.fingerprint(&self.0.store.fingerprint_key());
        let mut named = match self.0.store.look_up(view, &[term], LOOKUP_MATCHES_MAX).await {
            Ok(found) => found.into_iter().flatten().collect::<Vec<_>>(),
            Err(StoreError::TooCostly) => Vec::new(),
            Err(error) => return Err(error),
        };
        let of_type = |row: &LookupRow| {
            query.types.is_empty()
                || query.types.iter().any(|kind| row.id.split("--").next() == Some(kind.as_str()))
        };
        named.retain(of_type);
        Ok(if named.len() > NAMED_FIRST_MAX { Vec::new() } else { named })
    }
}
