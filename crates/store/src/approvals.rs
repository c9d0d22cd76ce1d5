//! What was asked of a second person, what was answered, and what became of it.
//!
//! Rows are kept: they are the record that auditors read. An approval is given out to be used once; giving it out marks it,
//! in one commit.

use async_trait::async_trait;
use base::Micros;
use handling::{Guarded, Shown, UserNo};

use crate::StoreError;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A second person said yes.
    Granted,
    /// A second person said no.
    Refused,
    /// There was nobody to ask: it was done alone.
    Alone,
    /// It was done by whoever holds the node's directory.
    Holder,
    /// The one who asked went ahead alone, and every member is told.
    BrokenGlass,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 5] = [Self::Granted, Self::Refused, Self::Alone, Self::Holder, Self::BrokenGlass];

    /// The name in commands, the API and the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Refused => "refused",
            Self::Alone => "alone",
            Self::Holder => "holder",
            Self::BrokenGlass => "broken-glass",
        }
    }
}

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was answered.
    pub verdict: Verdict,
    /// By whom.
    pub by: UserNo,
    /// With which credential; `None` where that was not kept yet.
    pub with: Option<Shown>,
    /// When.
    pub at: Micros,
    /// Why, in their words; empty where nothing was said.
    pub reason: String,
    /// The act in the member's ledger that tells the others, where one does.
    pub leaf: Option<u64>,
}

/// A request for a second person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalRow {
    /// Public id.
    pub id: String,
    /// What kind of deed it is for.
    pub deed: Guarded,
    /// The deed with every argument, in one line.
    pub words: String,
    /// Who asked.
    pub requester: UserNo,
    /// With which credential; `None` where that was not kept yet.
    pub asked_with: Option<Shown>,
    /// When.
    pub asked: Micros,
    /// Until when it can be answered and used.
    pub expires: Micros,
    /// The answer, once there is one.
    pub answer: Option<Answer>,
    /// When it was used, once it was.
    pub spent: Option<Micros>,
}

/// What an approval is used for.
#[derive(Clone, Copy, Debug)]
pub struct Spending<'a> {
    /// By whom.
    pub requester: UserNo,
    /// For what kind of deed.
    pub deed: Guarded,
    /// For which deed.
    pub words: &'a str,
    /// When.
    pub at: Micros,
}

/// Requests for a second person.
#[async_trait]
pub trait Approvals: Send + Sync {
    /// Files a request and answers with it, or with the one for the same deed that the same person has open already, asked with
    /// a credential of the same kind that the same people know: not refused, not used, not run out. `None` when the requester has `open_max` open ones; a row that is answered already is
    /// always filed.
    async fn ask_approval(
        &self,
        row: ApprovalRow,
        open_max: usize,
    ) -> Result<Option<ApprovalRow>, StoreError>;
    /// One request.
    async fn approval(&self, id: &str) -> Result<ApprovalRow, StoreError>;
    /// Requests, newest first, at most `limit`; of one requester, or of all.
    async fn approvals(
        &self,
        requester: Option<UserNo>,
        limit: usize,
    ) -> Result<Vec<ApprovalRow>, StoreError>;
    /// Requests for which the glass was broken after `since`, newest first: few, since a person may do it
    /// [`base::limit::GLASS_PER_DAY`] times a day.
    async fn glass_broken(&self, since: Micros) -> Result<Vec<ApprovalRow>, StoreError>;
    /// Answers a request that has no answer and has not run out at the answer's moment, and answers with the row as it then
    /// is: with another answer in it where one was given before, with none where it has run out.
    async fn answer_approval(&self, id: &str, answer: Answer) -> Result<ApprovalRow, StoreError>;
    /// Uses up an approval that was granted, or for which the glass was broken, and has not run out. `None` when there is
    /// none: each is given out once.
    async fn spend_approval(&self, spending: Spending<'_>) -> Result<Option<ApprovalRow>, StoreError>;
    /// Whether a collection holds an object that a marking, or the rules it is under, put at [`handling::Holds::FROM`] or above.
    async fn holds_marked(&self, collection: handling::CollectionNo) -> Result<bool, StoreError>;
}
