//! Full-text search over what a principal may read: what is called so, then what is called something like it, then what mentions it.
//!
//! The store tells what begins so and what has the words in its name from the rest (decision 0046); what bears exactly the text as
//! its name or alias is found here, by its term, and put before all of it.

use base::limit::{LOOKUP_MATCHES_MAX, NAMED_FIRST_MAX, PAGE_MAX, QUERY_BYTES_MAX};
use handling::{Action, Cleared, Principal, Viewer};
use index::{Fingerprint, TermKind};
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
    /// Most rows.
    pub limit: usize,
    /// Where to go on.
    pub next: Option<String>,
}

/// A page of results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchPage {
    /// First what bears the text as its name or alias, where it is little; then the rest, as [`store::Found`] says.
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

/// A row that was told, or a question.
type Mark = [u8; 8];

/// Where a page ends. What bears the text as its name is found anew for each page, and may be more or less by then: so a cursor names
/// which of it was told, and the rest is told without these and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Place {
    told: Vec<Mark>,
    /// The store's cursor; `None` where the rest has not begun.
    rest: Option<String>,
}

impl Place {
    /// What was told and the question's own mark, in hexadecimal, then a full stop, then the store's cursor.
    fn write(&self, question: Mark) -> String {
        let told: String = self.told.iter().chain([&question]).map(hex::encode).collect();
        format!("{told}.{}", self.rest.as_deref().unwrap_or_default())
    }

    fn read(cursor: &str, question: Mark) -> Option<Self> {
        let (told, rest) = cursor.split_once('.')?;
        let told = hex::decode(told).ok()?;
        let (told, odd) = told.as_chunks();
        let (of, told) = told.split_last()?;
        let own = odd.is_empty() && *of == question;
        own.then(|| Self { told: told.to_vec(), rest: (!rest.is_empty()).then(|| rest.to_owned()) })
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
        let question = self.marked(&("question", &words, query.open_ended, &query.types));
        let mut place = match &query.next {
            None => Place::default(),
            Some(next) => Place::read(next, question).ok_or(SearchError::BadCursor)?,
        };
        let page = |rows: Vec<LookupRow>, next: Option<Place>| {
            let rows = rows.into_iter().map(|row| LookUpMatch::of(row, How::Exact, now)).collect();
            view.clear(SearchPage { rows, next: next.map(|place| place.write(question)) })
        };
        let mut rows = Vec::new();
        if place.rest.is_none() {
            let named = self.named(&view, &query).await?;
            let mut untold = named.into_iter().filter(|row| !place.told.contains(&self.mark(row)));
            rows.extend(untold.by_ref().take(limit));
            let more = untold.next().is_some();
            place.told.extend(rows.iter().map(|row| self.mark(row)));
            if more {
                return Ok(page(rows, Some(place)));
            }
        }
        let request = SearchRequest {
            words,
            open_ended: query.open_ended,
            types: query.types,
            limit: 0,
            next: place.rest.clone(),
        };
        // A full page is told to end here only where nothing follows.
        let full = rows.len() >= limit;
        let room = limit.saturating_sub(rows.len()).max(1);
        let (rest, next) = self.rest_of(&view, (request, room), &place.told).await?;
        if full {
            let next = (!rest.is_empty()).then_some(place);
            return Ok(page(rows, next));
        }
        rows.extend(rest);
        let next = next.map(|next| Place { rest: Some(next), ..place });
        Ok(page(rows, next))
    }

    /// So many rows from a place among the rest on, without those that were told before it, and where to go on.
    async fn rest_of(
        &self,
        view: &Viewer,
        (mut request, room): (SearchRequest, usize),
        told: &[Mark],
    ) -> Result<(Vec<LookupRow>, Option<String>), StoreError> {
        let mut rows = Vec::new();
        loop {
            request.limit = room.saturating_sub(rows.len());
            let found = self.0.store.search(view, &request).await?;
            rows.extend(found.rows.into_iter().filter(|row| !told.contains(&self.mark(row))));
            request.next = found.next;
            if rows.len() >= room || request.next.is_none() {
                return Ok((rows, request.next));
            }
        }
    }

    /// By what a cursor knows a row again.
    fn mark(&self, row: &LookupRow) -> Mark {
        self.marked(&("told", &row.id, row.added))
    }

    /// It is made with the node's key, so that nobody can bring an object that is taken for another.
    fn marked(&self, what: &impl std::fmt::Debug) -> Mark {
        let key = self.0.store.fingerprint_key();
        let mark = Fingerprint::of(&key, TermKind::Other, &format!("search\0{what:?}"));
        let mut first = Mark::default();
        first.iter_mut().zip(mark.to_bytes()).for_each(|(to, byte)| *to = byte);
        first
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
