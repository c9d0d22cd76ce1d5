//! What takes a second person: asking for one, saying yes or no, and going ahead alone where it cannot wait.
//!
//! A deed that `handling` guards asks [`Node::second`] for the proof that it may be done. The first time it is told that a
//! request waits; once somebody else has said yes, the same deed by the same person gets the proof, once. Where nobody else
//! could say yes, and for whoever holds the directory of a stopped node, the deed is done and written down as done alone.
//!
//! Going ahead alone (breaking the glass) is announced to every member that takes part, by an act in this member's ledger: it
//! says which kind of deed and why, and names no person.

use std::sync::Arc;

use base::Micros;
use base::limit::{
    APPROVAL_SECONDS, APPROVALS_OPEN_MAX, APPROVALS_SHOWN, GLASS_PER_DAY, NOTICES_SHOWN, REASON_CHARS_MAX,
};
use base::signed::Signed;
use federation::{Content, Notice};
use handling::{
    Answered, Colleague, Principal, Refusal, Role, Scope, Seconded, Spent, TwoPersonDeed, UserNo,
    may_approve, may_break_glass, may_use,
};
use ledger::act::Act;
use serde::Serialize;
use stix::Timestamp;
use store::{Answer, ApprovalRow, Fault, Spending, StoreError, Verdict};

use crate::directory::Directory;
use crate::{ExchangeError, Node, ReceiptView, SecondPerson};

/// Why a deed was not done, or a request not answered.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// Not for this principal.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It takes a second person, who has been asked.
    #[error(
        "pending approval {id}: this takes a second person; once somebody else has said yes (`cresset approval grant {id}`), \
         do the same again"
    )]
    Pending {
        /// The request.
        id: String,
    },
    /// There is no such request, or not one this principal may know of.
    #[error("there is no such request for a second person")]
    Unknown,
    /// It has an answer, or has been used.
    #[error("this request has been answered already")]
    Decided,
    /// Nobody answered in time.
    #[error("this request has run out: do again what it was for")]
    Expired,
    /// The requester waits for as much as one person may.
    #[error(
        "{APPROVALS_OPEN_MAX} of your requests wait for a second person: have some of them answered first"
    )]
    TooMany,
    /// The glass was broken by this person as often as one may.
    #[error(
        "you went ahead without a second person {GLASS_PER_DAY} times in 24 hours: somebody else answers this one"
    )]
    GlassMax,
    /// A reason of the wrong length.
    #[error("a reason has 1 to {REASON_CHARS_MAX} characters")]
    ReasonUnfit,
    /// The members could not be told.
    #[error("the members cannot be told: {said}")]
    Untold {
        /// Code of what prevented it.
        code: &'static str,
        /// Whose fault that is.
        fault: Fault,
        /// What prevented it.
        said: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl ApprovalError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.rule.code(),
            Self::Pending { .. } => "approval-pending",
            Self::Unknown => "approval-unknown",
            Self::Decided => "approval-decided",
            Self::Expired => "approval-expired",
            Self::TooMany => "approvals-open-max",
            Self::GlassMax => "glass-max",
            Self::ReasonUnfit => "reason-unfit",
            Self::Untold { code, .. } => code,
            Self::Store(error) => error.code(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Untold { fault, .. } => *fault,
            Self::Store(error) => error.fault(),
            _ => Fault::Caller,
        }
    }
}

impl From<StoreError> for ApprovalError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::Unknown,
            other => Self::Store(other),
        }
    }
}

/// A request for a second person, for those who may know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApprovalView {
    /// Public id.
    pub id: String,
    /// What kind of deed it is for.
    pub deed: &'static str,
    /// The deed with every argument.
    pub words: String,
    /// pending, granted, refused, alone, holder, broken-glass or expired.
    pub status: &'static str,
    /// Who asked, by name.
    pub requester: String,
    /// When (RFC 3339).
    pub asked: String,
    /// Until when it can be answered and used (RFC 3339).
    pub expires: String,
    /// With what kind of credential: password, token or directory; `None` where it was not kept yet.
    pub asked_with: Option<&'static str>,
    /// Who answered, by name.
    pub decider: Option<String>,
    /// With what kind of credential.
    pub decided_with: Option<&'static str>,
    /// When (RFC 3339).
    pub decided: Option<String>,
    /// Why, in their words.
    pub reason: Option<String>,
    /// When the deed was done with it (RFC 3339).
    pub used: Option<String>,
    /// That every member is told, where the glass was broken.
    pub announced: Option<Announced>,
}

/// How the other members were told of broken glass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Announced {
    /// The act in this member's ledger.
    pub leaf: u64,
    /// What each member answered.
    pub receipts: Vec<ReceiptView>,
}

/// What a member told all others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NoticeView {
    /// The member's id and the leaf: names the notice for good.
    #[serde(skip)]
    pub id: String,
    /// The member, by slug where known.
    pub member: String,
    /// Its act in that member's ledger.
    pub leaf: u64,
    /// When, by that member's clock (RFC 3339).
    pub at: Option<String>,
    /// What kind of deed was done without a second person.
    pub deed: String,
    /// Why, in that member's words.
    pub reason: String,
}

impl Node {
    /// The proof that a deed may be done; it can be had once for an approval.
    ///
    /// # Errors
    /// `Pending` with the request that waits for a second person now, `TooMany`, or the store failed. Nothing was done.
    pub(crate) async fn second<T: TwoPersonDeed + Send>(
        &self,
        who: &Principal,
        deed: T,
    ) -> Result<Seconded<T>, ApprovalError> {
        let (words, now) = (deed.words(), self.now());
        let bound = match self.0.settings.second_person {
            SecondPerson::Asked(bound) => bound,
            SecondPerson::Holder => {
                match self.write_alone(who, T::KIND, &words, Verdict::Holder).await {
                    // A command that only reads has opened the directory only for reading: nothing can be written down.
                    Ok(()) | Err(StoreError::ReadOnly { .. }) => return Ok(handling::by_holder(deed)),
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let directory = self.directory().await?;
        let deed = match handling::alone(deed, who, colleagues(&directory), bound) {
            Ok(proof) => {
                self.write_alone(who, T::KIND, &words, Verdict::Alone).await?;
                return Ok(proof);
            }
            Err(deed) => deed,
        };
        let spending = Spending { requester: who.user, deed: T::KIND, words: &words, at: now };
        let spent = self.store().spend_approval(spending).await?.and_then(spent);
        // Who said yes may have lost their say since, or their account to somebody: then it counts for nothing.
        if let Some(spent) = spent.filter(|spent| still_counts(spent, &directory)) {
            return Ok(handling::seconded(deed, who, spent, now)?);
        }
        let wanted = self.request(who, T::KIND, &words);
        match self.store().ask_approval(wanted, APPROVALS_OPEN_MAX).await? {
            Some(row) => Err(ApprovalError::Pending { id: row.id }),
            None => Err(ApprovalError::TooMany),
        }
    }

    fn request(&self, who: &Principal, deed: handling::Guarded, words: &str) -> ApprovalRow {
        let asked = self.now();
        ApprovalRow {
            id: self.new_uuid().to_string(),
            deed,
            words: words.to_owned(),
            requester: who.user,
            asked_with: Some(who.shown.clone()),
            asked,
            expires: Micros(asked.0.saturating_add(APPROVAL_SECONDS.saturating_mul(Micros::SECOND))),
            answer: None,
            spent: None,
        }
    }

    /// Writes down a deed that was done without anybody being asked.
    async fn write_alone(
        &self,
        who: &Principal,
        deed: handling::Guarded,
        words: &str,
        verdict: Verdict,
    ) -> Result<(), StoreError> {
        let at = self.now();
        let with = Some(who.shown.clone());
        let answer = Answer { verdict, by: who.user, with, at, reason: String::new(), leaf: None };
        let row = ApprovalRow { answer: Some(answer), spent: Some(at), ..self.request(who, deed, words) };
        self.store().ask_approval(row, APPROVALS_OPEN_MAX).await.map(|_| ())
    }

    /// Requests for a second person, newest first: all of them for those who may answer and for auditors, one's own otherwise.
    ///
    /// # Errors
    /// The credential may not read, or the store failed.
    pub async fn approvals(&self, who: &Principal) -> Result<Vec<ApprovalView>, ApprovalError> {
        may_use(who, Scope::Read)?;
        let all = sees_all(who);
        let rows = self.store().approvals((!all).then_some(who.user), APPROVALS_SHOWN).await?;
        let directory = self.directory().await?;
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            views.push(self.approval_view(&directory, row).await?);
        }
        Ok(views)
    }

    /// Says yes to what somebody else asked for.
    ///
    /// # Errors
    /// See [`ApprovalError`]; nothing was changed.
    pub async fn grant_approval(&self, who: &Principal, id: &str) -> Result<ApprovalView, ApprovalError> {
        let row = self.request_known(who, id).await?;
        may_approve(who, row.requester, row.asked_with.as_ref())?;
        self.answer(who, &row, (Verdict::Granted, ""), None).await
    }

    /// Says no to what somebody else asked for.
    ///
    /// # Errors
    /// See [`ApprovalError`]; nothing was changed.
    pub async fn refuse_approval(
        &self,
        who: &Principal,
        id: &str,
        reason: &str,
    ) -> Result<ApprovalView, ApprovalError> {
        let row = self.request_known(who, id).await?;
        may_approve(who, row.requester, row.asked_with.as_ref())?;
        if !reason.is_empty() {
            fit(reason)?;
        }
        self.answer(who, &row, (Verdict::Refused, reason), None).await
    }

    /// Goes ahead with one's own request without a second person, and tells every member that takes part. The members are
    /// told first: glass that is broken unheard is not broken.
    ///
    /// # Errors
    /// See [`ApprovalError`]; nothing was changed but, where the store failed at the end, that members are told.
    pub async fn break_glass(
        &self,
        who: &Principal,
        id: &str,
        reason: &str,
    ) -> Result<ApprovalView, ApprovalError> {
        let row = self.request_known(who, id).await?;
        may_break_glass(who, row.requester)?;
        fit(reason)?;
        self.open_still(&row)?;
        let _turn = self.0.glass.lock().await;
        self.may_break_again(who).await?;
        let leaf = self.tell_of_broken_glass(row.deed, reason).await?;
        self.answer(who, &row, (Verdict::BrokenGlass, reason), leaf).await
    }

    /// What the other members told all others, newest first; for those who run or audit this node, and those who may answer.
    ///
    /// # Errors
    /// Not for this principal, or the store failed.
    pub async fn notices(&self, who: &Principal) -> Result<Vec<NoticeView>, ApprovalError> {
        may_use(who, Scope::Read)?;
        if !sees_all(who) {
            let why = "notices of other members are for those who run, audit or approve on this node";
            return Err(Refusal::new(handling::Rule::RoleMissing, why).into());
        }
        let mut views = Vec::new();
        for row in self.store().notices(NOTICES_SHOWN).await? {
            let Some(notice) =
                Content::parse(&row.payload).ok().and_then(|content| Notice::read(&content).ok())
            else {
                continue;
            };
            let signed = Signed::parse(row.signed.as_bytes()).ok();
            let at = signed.and_then(|signed| Act::peek(&signed).ok()).map(|act| act.header().at);
            views.push(NoticeView {
                id: format!("{}:{}", row.author, row.sequence),
                member: self.slug_of(&row.author),
                leaf: row.sequence,
                at: at.map(Timestamp::text_of),
                deed: notice.deed,
                reason: notice.reason,
            });
        }
        views.sort_by(|one, other| other.at.cmp(&one.at));
        Ok(views)
    }

    /// A request that this principal may know of.
    async fn request_known(&self, who: &Principal, id: &str) -> Result<ApprovalRow, ApprovalError> {
        let row = self.store().approval(id).await?;
        if sees_all(who) || row.requester == who.user { Ok(row) } else { Err(ApprovalError::Unknown) }
    }

    fn open_still(&self, row: &ApprovalRow) -> Result<(), ApprovalError> {
        if row.answer.is_some() || row.spent.is_some() {
            return Err(ApprovalError::Decided);
        }
        if row.expires <= self.now() { Err(ApprovalError::Expired) } else { Ok(()) }
    }

    async fn answer(
        &self,
        who: &Principal,
        row: &ApprovalRow,
        (verdict, reason): (Verdict, &str),
        leaf: Option<u64>,
    ) -> Result<ApprovalView, ApprovalError> {
        self.open_still(row)?;
        let (at, with, reason) = (self.now(), Some(who.shown.clone()), reason.trim().to_owned());
        let answer = Answer { verdict, by: who.user, with, at, reason, leaf };
        let after = self.store().answer_approval(&row.id, answer.clone()).await?;
        match &after.answer {
            Some(given) if *given == answer => {}
            Some(_) => return Err(ApprovalError::Decided),
            None => return Err(ApprovalError::Expired),
        }
        self.approval_view(&self.directory().await?, after).await
    }

    /// Tells every member that takes part; `None` while this node's member is in no community, where there is nobody to tell.
    async fn tell_of_broken_glass(
        &self,
        deed: handling::Guarded,
        reason: &str,
    ) -> Result<Option<u64>, ApprovalError> {
        if self.court().await?.is_none() {
            return Ok(None);
        }
        let court = self.sitting().await.map_err(untold)?;
        let notice = Notice { deed: deed.name().to_owned(), reason: reason.trim().to_owned() };
        let told = self.step(&court, 1, move |exchange, desk| {
            let (leaf, effects) = exchange.announce(desk.rows(), &notice)?;
            desk.apply(effects)?;
            Ok(leaf)
        });
        let leaf = told.await.map_err(untold)?;
        self.tell_peers();
        Ok(Some(leaf))
    }

    async fn approval_view(
        &self,
        directory: &Arc<Directory>,
        row: ApprovalRow,
    ) -> Result<ApprovalView, ApprovalError> {
        let name = |no: UserNo| {
            directory.user(no).map_or_else(|| format!("user no. {}", no.0), |user| user.name.clone())
        };
        let status = match &row.answer {
            Some(answer) => answer.verdict.name(),
            None if row.expires <= self.now() => "expired",
            None => "pending",
        };
        let announced = match row.answer.as_ref().and_then(|answer| answer.leaf) {
            Some(leaf) => {
                let receipts = self.receipts(leaf).await;
                let receipts = receipts.map_err(untold)?;
                Some(Announced { leaf, receipts })
            }
            None => None,
        };
        Ok(ApprovalView {
            deed: row.deed.name(),
            status,
            requester: name(row.requester),
            asked: Timestamp::text_of(row.asked),
            expires: Timestamp::text_of(row.expires),
            asked_with: row.asked_with.as_ref().map(|shown| shown.means.name()),
            decided_with: row
                .answer
                .as_ref()
                .and_then(|answer| answer.with.as_ref())
                .map(|with| with.means.name()),
            decider: row.answer.as_ref().map(|answer| name(answer.by)),
            decided: row.answer.as_ref().map(|answer| Timestamp::text_of(answer.at)),
            reason: row.answer.map(|answer| answer.reason).filter(|reason| !reason.is_empty()),
            used: row.spent.map(Timestamp::text_of),
            announced,
            id: row.id,
            words: row.words,
        })
    }
}

fn untold(error: ExchangeError) -> ApprovalError {
    ApprovalError::Untold { code: error.code(), fault: error.fault(), said: error.to_string() }
}

/// Who sees what everybody asked for.
pub(crate) fn sees_all(who: &Principal) -> bool {
    [Role::Approver, Role::Admin, Role::Auditor].iter().any(|role| who.is(*role))
}

fn colleagues(directory: &Directory) -> Vec<Colleague> {
    let one = |row: &store::UserRow| Colleague {
        user: row.no,
        approves: !row.disabled && handling::approves(row.roles.iter().copied()),
    };
    directory.users().map(one).collect()
}

/// Whether whoever said yes could still say it.
fn still_counts(spent: &Spent, directory: &Directory) -> bool {
    match spent.answered {
        Answered::Granted { by } => colleagues(directory).iter().any(|one| one.user == by && one.approves),
        Answered::BrokenGlass => true,
    }
}

fn fit(reason: &str) -> Result<(), ApprovalError> {
    let count = reason.trim().chars().count();
    if (1..=REASON_CHARS_MAX).contains(&count) { Ok(()) } else { Err(ApprovalError::ReasonUnfit) }
}

/// An approval as it is used.
fn spent(row: ApprovalRow) -> Option<Spent> {
    let answer = row.answer?;
    let answered = match answer.verdict {
        Verdict::Granted => Answered::Granted { by: answer.by },
        Verdict::BrokenGlass => Answered::BrokenGlass,
        Verdict::Refused | Verdict::Alone | Verdict::Holder => return None,
    };
    Some(Spent {
        id: row.id,
        deed: row.deed,
        words: row.words,
        requester: row.requester,
        expires: row.expires,
        answered,
    })
}
