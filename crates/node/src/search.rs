//! Full-text search over what a principal may read, newest first.

use base::limit::{PAGE_MAX, QUERY_BYTES_MAX};
use handling::{Action, Cleared, Principal};
use store::{Fault, SearchRequest, StoreError};

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
    /// Most rows.
    pub limit: usize,
    /// Where to go on.
    pub next: Option<String>,
}

/// A page of results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchPage {
    /// Objects, newest first.
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
        let request = SearchRequest {
            words,
            open_ended: query.open_ended,
            types: query.types,
            limit: query.limit.clamp(1, PAGE_MAX),
            next: query.next,
        };
        let found = self.0.store.search(&view, &request).await?;
        let rows = found.rows.into_iter().map(|row| LookUpMatch::of(row, How::Exact, now)).collect();
        Ok(view.clear(SearchPage { rows, next: found.next }))
    }
}
