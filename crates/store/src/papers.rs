//! Papers: signed documents of a community, kept word for word by kind and name.
//!
//! What they mean is for whoever reads them; the store keeps them, and writes several in one commit, because a vote and the
//! note that it was given must become true together.

use async_trait::async_trait;
use base::Micros;

use crate::StoreError;

/// What sort of document a paper is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaperKind {
    /// An entry of the registry.
    Entry,
    /// A request or proposal that waits for a decision.
    Subject,
    /// A member's word on one.
    Approval,
    /// An entry that some have signed and that is not decided yet.
    Vote,
    /// The note of what this node has signed at a place: never taken back.
    Signed,
    /// A circle this node's member keeps or is in.
    Circle,
    /// A circle that is to go to one member.
    Parcel,
    /// The farewell that a member taken out of a circle was due.
    Farewell,
    /// Evidence of two entries at one place.
    Evidence,
    /// When another member was last heard of.
    Heard,
    /// The community itself: the anchor this node joined with.
    Anchor,
    /// The state of the registry that the own ledger has told last.
    Told,
}

impl PaperKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Entry,
        Self::Subject,
        Self::Approval,
        Self::Vote,
        Self::Signed,
        Self::Circle,
        Self::Parcel,
        Self::Farewell,
        Self::Evidence,
        Self::Heard,
        Self::Anchor,
        Self::Told,
    ];

    /// Its name where it is stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Subject => "subject",
            Self::Approval => "approval",
            Self::Vote => "vote",
            Self::Signed => "signed",
            Self::Circle => "circle",
            Self::Parcel => "parcel",
            Self::Farewell => "farewell",
            Self::Evidence => "evidence",
            Self::Heard => "heard",
            Self::Anchor => "anchor",
            Self::Told => "told",
        }
    }
}

/// A paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paper {
    /// What it is.
    pub kind: PaperKind,
    /// What it is called among its kind.
    pub name: String,
    /// What it says, word for word.
    pub text: String,
    /// When this node wrote it down.
    pub at: Micros,
}

/// Papers written and removed in one commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaperWork {
    /// To be written; one of the same kind and name is replaced.
    pub put: Vec<Paper>,
    /// To be removed; one that is not there is no error.
    pub remove: Vec<(PaperKind, String)>,
}

/// Papers of a community.
#[async_trait]
pub trait Papers: Send + Sync {
    /// All papers of one kind, in order of their names.
    async fn papers(&self, kind: PaperKind) -> Result<Vec<Paper>, StoreError>;
    /// Writes and removes papers in one durable commit: all of it or nothing.
    async fn file_papers(&self, work: PaperWork) -> Result<(), StoreError>;
}
