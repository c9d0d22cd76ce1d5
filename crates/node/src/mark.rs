//! How an object is handled, in so few words that a list can say them: its level, and whose word it is where that is another member's.

use base::Micros;
use base::limit::PAGE_MAX;
use handling::{Cleared, Originator, Principal};
use stix::TlpLevel;
use store::{Marks, Ruled, Standing, StoreError};

use crate::Node;
use crate::handle::{is_unmarked, met};

/// How one object is handled here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The level it is handled as.
    pub level: TlpLevel,
    /// Whether nothing marks it, so that the level is that of what is unmarked.
    pub unmarked: bool,
    /// The other member whose word it is, by slug where known; `None` for this node's own, and for what is nobody's alone.
    pub word: Option<String>,
}

/// How a version of an object is handled, and whether its identifier alone leads to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// How it is handled.
    pub mark: Mark,
    /// One line a person recognises it by.
    pub label: String,
    /// Whether who asks for the object by its identifier alone is told just this version: not where another word stands before it.
    pub told_first: bool,
}

/// What a list says of an object: of the version that who asks for it by its identifier alone is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    /// One line a person recognises it by.
    pub label: String,
    /// When that version was added.
    pub added: Micros,
    /// How it stands.
    pub standing: Standing,
    /// How it is handled.
    pub mark: Mark,
}

impl Node {
    /// How an object of this level stands in these places.
    #[must_use]
    pub fn mark_of(&self, tlp: Option<u8>, places: &[Ruled]) -> Mark {
        let rules = met(tlp, places);
        let home = self.standing().home;
        let word = match rules.originator() {
            other @ Originator::Member(member) if Some(*member) != home => self.word_of(other),
            _ => None,
        };
        Mark { level: rules.level(), unmarked: is_unmarked(tlp, places), word }
    }

    /// How versions of objects are handled, each named by its object and when it was added, as [`crate::LookUpMatch`] tells both; `None` for
    /// one that is not held, or not for this principal.
    ///
    /// # Errors
    /// The store failed.
    pub async fn marks(
        &self,
        who: &Principal,
        versions: &[(&str, Micros)],
    ) -> Result<Cleared<Vec<Option<Marked>>>, StoreError> {
        let view = self.eyes(who);
        let mut marks = Vec::with_capacity(versions.len());
        let marked = |one: Marks| Marked {
            mark: self.mark_of(one.tlp, &one.places),
            label: one.label,
            told_first: one.told_first,
        };
        for some in versions.chunks(PAGE_MAX) {
            let found = self.store().marks(&view, some).await?;
            marks.extend(found.into_iter().map(|one| one.map(marked)));
        }
        Ok(view.clear(marks))
    }

    /// What lists say of objects, of at most [`PAGE_MAX`] of them; `None` for one that is not held, or not for this principal.
    ///
    /// # Errors
    /// The store failed.
    pub async fn briefs(
        &self,
        who: &Principal,
        ids: &[&str],
    ) -> Result<Cleared<Vec<Option<Brief>>>, StoreError> {
        let view = self.eyes(who);
        let found = self.store().briefs(&view, ids.get(..PAGE_MAX).unwrap_or(ids)).await?;
        let told = |brief: store::Brief| Brief {
            mark: self.mark_of(brief.marks.tlp, &brief.marks.places),
            label: brief.marks.label,
            added: brief.added,
            standing: brief.standing,
        };
        Ok(view.clear(found.into_iter().map(|brief| brief.map(told)).collect()))
    }
}
