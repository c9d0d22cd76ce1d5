//! Matching patterns over observed data.
//!
//! [`Observations::from_bundle`] reads the data once; [`Prepared::new`] reads the pattern once; [`Prepared::run`] brings
//! them together in two steps. First each condition is asked of the objects of its types, which gives the observations
//! that could serve (`condition`, `compare`, `path`). Then, if the pattern is more than one condition, the `search`
//! looks for different observations that satisfy the whole, times included.
//!
//! Nothing here panics or stalls, whatever pattern and data: every search is bounded by a limit in [`base::limit`], and
//! an answer that a limit has cut short says so ([`Outcome::Undecided`]).
//!
//! # Example
//! ```
//! use stix::Json;
//! use stix::pattern::matching::{Observations, Outcome, Prepared};
//!
//! let bundle = Json::parse(
//!     br#"{"objects": [
//!         {"type": "file", "id": "file--1", "name": "a.exe"},
//!         {"type": "observed-data", "first_observed": "2024-01-01T00:00:00Z",
//!          "last_observed": "2024-01-01T00:00:00Z", "number_observed": 1, "object_refs": ["file--1"]}]}"#,
//! )
//! .unwrap();
//! let observations = Observations::from_bundle(&bundle);
//! let pattern = stix::pattern::parse("[file:name LIKE '%.exe']").unwrap();
//! assert_eq!(Prepared::new(&pattern).run(&observations), Outcome::Matched(vec![0]));
//! assert_eq!(pattern.match_over(&observations), Some(vec![0]));
//! ```
//!
//! # Source
//! STIX 2.1, sections 9.4 to 9.7

mod address;
mod compare;
mod condition;
mod declared;
mod flow;
mod like;
mod moment;
mod observation;
mod path;
mod plan;
mod search;

use std::borrow::Cow;

use base::limit::MATCH_CANDIDATES_MAX;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::pattern::ast::Pattern;
use crate::pattern::matching::condition::{Doubt, Leaf};
use crate::pattern::matching::plan::Plan;
use crate::pattern::matching::search::Search;

pub use address::Network;
pub use observation::{Observations, Validity};

/// A pattern compiled for matching.
///
/// # Limits
/// Memory is linear in the pattern, plus what PCRE2 needs for its regular expressions.
#[derive(Debug)]
pub struct Prepared {
    plan: Plan,
    leaves: Vec<Leaf>,
}

/// What came of matching a pattern over observations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Matched: the observed-data objects of one binding, by their place among the observed-data objects of the bundle,
    /// in ascending order, each once.
    Matched(Vec<usize>),
    /// Not matched.
    NotMatched,
    /// No match was found before a limit was reached. Counts as not matched, but may be worth a note.
    Undecided,
}

impl Prepared {
    /// Compiles a pattern.
    #[must_use]
    pub fn new(pattern: &Pattern) -> Self {
        let mut leaves = Vec::new();
        let plan = Plan::new(pattern.expression(), &mut leaves);
        Self { plan, leaves }
    }

    /// Matches over observations.
    ///
    /// # Limits
    /// Each condition is asked of the objects of its types; the search that follows takes at most
    /// [`base::limit::MATCH_STEPS_MAX`] steps.
    #[must_use]
    pub fn run(&self, over: &Observations<'_>) -> Outcome {
        self.run_until(over, &|| false)
    }

    /// As [`Prepared::run`], until `halt` says that it is enough. It is asked before each search for a regular expression and each LIKE:
    /// one of these is bounded by itself, many over many values are not. From then on they count as not true.
    #[must_use]
    pub fn run_until(&self, over: &Observations<'_>, halt: &dyn Fn() -> bool) -> Outcome {
        let mut doubt = Doubt { cut: false, halt };
        let found = self.binding(over, &mut doubt);
        self.leaves.iter().for_each(Leaf::cool);
        match (found, doubt.cut) {
            (Some(binding), _) => Outcome::Matched(binding),
            (None, true) => Outcome::Undecided,
            (None, false) => Outcome::NotMatched,
        }
    }

    fn binding(&self, over: &Observations<'_>, doubt: &mut Doubt<'_>) -> Option<Vec<usize>> {
        if let Plan::Slot(slot) = &self.plan
            && let ([choice], 1) = (slot.choices.as_slice(), slot.times)
            && choice.span == moment::ALWAYS
        {
            return self.leaves.get(choice.leaf)?.first(over, doubt).map(|found| vec![found]);
        }
        if self.plan.least() > over.total() {
            return None;
        }
        let mut left = MATCH_CANDIDATES_MAX;
        let mut candidates = Vec::with_capacity(self.leaves.len());
        for leaf in &self.leaves {
            let found = leaf.all(over, left, doubt)?;
            left = left.saturating_sub(found.len());
            candidates.push(found);
        }
        let mut search = Search::new(over, &candidates);
        let found = search.run(&self.plan);
        doubt.cut |= search.exhausted;
        found
    }
}

impl Pattern {
    /// Compiles this pattern for matching over many observations.
    #[must_use]
    pub fn prepare(&self) -> Prepared {
        Prepared::new(self)
    }

    /// The observed-data objects of one binding, by their place among the observed-data objects of the bundle, in
    /// ascending order; `None` when the pattern does not match.
    #[must_use]
    pub fn match_over(&self, over: &Observations<'_>) -> Option<Vec<usize>> {
        match self.prepare().run(over) {
            Outcome::Matched(binding) => Some(binding),
            Outcome::NotMatched | Outcome::Undecided => None,
        }
    }
}

/// A text in Unicode normalisation form C.
pub(super) fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepared_patterns_and_observations_are_shared_between_threads() {
        fn is_shared<T: Send + Sync>() {}
        is_shared::<Prepared>();
        is_shared::<Observations<'_>>();
    }
}
