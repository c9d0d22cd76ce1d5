//! A member as the registry knows it: what the quorum has said about it, and its own chain, step by step.
//!
//! Every step of an own chain is kept with the state after it, because a decision of the quorum is judged by the keys of the
//! steps it notes, not by those that came later.

use base::Micros;
use base::limit::{RECOVERY_DELAY_SECONDS, WITHDRAWAL_NOTICE_SECONDS};
use base::signed::Signed;
use base::signing::{KeyId, PublicKey};
use serde::Serialize;

use crate::{
    Endpoint, EntryHash, IdentityId, MemberId, MemberKind, Names, Point, Recovery, SealingKey, Slug,
    Statement,
};

/// How a member stands at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It takes part.
    Active,
    /// It has given notice and takes part until then.
    Leaving {
        /// When the notice runs out.
        until: Micros,
    },
    /// The quorum has put it aside.
    Suspended,
    /// Its notice has run out.
    Withdrawn,
}

impl Status {
    /// Its name in commands and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Leaving { .. } => "leaving",
            Self::Suspended => "suspended",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether the member takes part: votes, sends and receives.
    #[must_use]
    pub const fn takes_part(self) -> bool {
        matches!(self, Self::Active | Self::Leaving { .. })
    }
}

/// A recovery of a member's key that its recovery keys have asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// The key to come.
    pub key: PublicKey,
    /// The step of the own chain that asks for it.
    pub epoch: u64,
}

/// What a member says of itself, after one step of its own chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnState {
    /// Its long-term key.
    pub key: PublicKey,
    /// Names by language.
    pub names: Names,
    /// Where its nodes answer.
    pub endpoints: Vec<Endpoint>,
    /// Who may replace its key.
    pub recovery: Recovery,
    /// What payloads to it are sealed for.
    pub sealing: Option<SealingKey>,
    /// Its identity object, by which STIX content names it as author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityId>,
    /// Certificates of its nodes.
    pub nodes: Vec<Signed>,
    /// When it gave notice.
    #[serde(serialize_with = "optional_micros")]
    pub notice: Option<Micros>,
    /// A recovery that has neither been cancelled nor settled.
    pub claim: Option<Claim>,
}

fn optional_micros<S: serde::Serializer>(at: &Option<Micros>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(|at| at.0).serialize(serializer)
}

impl OwnState {
    pub(crate) fn of(statement: &Statement) -> Self {
        Self {
            key: statement.key,
            names: statement.names.clone(),
            endpoints: statement.endpoints.clone(),
            recovery: statement.recovery.clone(),
            sealing: statement.sealing,
            identity: statement.identity.clone(),
            nodes: statement.nodes.clone(),
            notice: None,
            claim: None,
        }
    }
}

/// One step of an own chain.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) hash: EntryHash,
    pub(crate) at: Micros,
    /// Epoch of the decision it was made after.
    pub(crate) basis: u64,
    pub(crate) state: OwnState,
    /// The first decision that notes it: its epoch and moment.
    pub(crate) noted: Option<(u64, Micros)>,
}

/// A member, present or former.
#[derive(Clone, Debug)]
pub struct Member {
    pub(crate) id: MemberId,
    pub(crate) slug: Slug,
    pub(crate) kind: MemberKind,
    pub(crate) roles: Vec<String>,
    pub(crate) suites: Vec<String>,
    pub(crate) suspended: bool,
    /// Decisions that let it take part or put it aside, oldest first: the epoch, and whether it took part from then on.
    pub(crate) turns: Vec<(u64, bool)>,
    /// Epoch of the decision that let it in, the last time.
    pub(crate) since: u64,
    pub(crate) steps: Vec<Step>,
    /// Every key it has had or asked for, oldest first.
    pub(crate) keys: Vec<PublicKey>,
}

impl Member {
    /// Its id: that of its first long-term key.
    #[must_use]
    pub const fn id(&self) -> MemberId {
        self.id
    }

    /// Epoch of the decision that let it in, the last time.
    #[must_use]
    pub const fn admitted(&self) -> u64 {
        self.since
    }

    /// What people type for it.
    #[must_use]
    pub const fn slug(&self) -> &Slug {
        &self.slug
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> MemberKind {
        self.kind
    }

    /// What it does in the community, in its own words.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        &self.roles
    }

    /// Suites it can verify, best first.
    #[must_use]
    pub fn suites(&self) -> &[String] {
        &self.suites
    }

    /// What it says of itself, after the last step known.
    #[must_use]
    pub fn own(&self) -> &OwnState {
        &self.last().state
    }

    /// The last step of its own chain.
    #[must_use]
    pub fn head(&self) -> Point {
        let epoch = u64::try_from(self.steps.len()).unwrap_or(u64::MAX).saturating_sub(1);
        Point { epoch, hash: self.last().hash }
    }

    /// How far the quorum has noted its own chain.
    #[must_use]
    pub fn noted(&self) -> u64 {
        let noted = self.steps.iter().rposition(|step| step.noted.is_some()).unwrap_or(0);
        u64::try_from(noted).unwrap_or(u64::MAX)
    }

    /// Its key at a moment: what counts for signatures from now on.
    #[must_use]
    pub fn key(&self, now: Micros) -> PublicKey {
        self.key_after(self.last(), now, u64::MAX)
    }

    /// Every key it has had or asked for, oldest first: to tell who made an old signature.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// Every key that has counted for this member up to a moment, oldest first: not one that a recovery only asked for.
    #[must_use]
    pub fn keys_in_force(&self, now: Micros) -> Vec<PublicKey> {
        let mut counted: Vec<PublicKey> = Vec::new();
        for key in self.steps.iter().map(|step| step.state.key).chain([self.key(now)]) {
            if !counted.contains(&key) {
                counted.push(key);
            }
        }
        counted
    }

    /// Whether a key is or was one of this member's.
    #[must_use]
    pub fn has_had(&self, key: KeyId) -> bool {
        self.keys.iter().any(|known| known.id() == key)
    }

    /// How far a registry goes that tells of how a key of this member's ceased to count, and of nothing later: the last step of the own
    /// chain and the last decision in it. Of a key that was only asked for it goes as far as the decision that noted it. `None` for a
    /// key that counts, or is none of its.
    #[must_use]
    pub fn told_of(&self, key: KeyId) -> Option<(u64, u64)> {
        let asked = |step: &Step| step.state.claim.filter(|claim| claim.key.id() == key);
        let claim = match self.steps.iter().rposition(|step| step.state.key.id() == key) {
            Some(at) => match self.steps.get(at.saturating_add(1)) {
                Some(next) => return Some((self.last_after(next.basis), next.basis)),
                None => self.last().state.claim?,
            },
            None => self.steps.iter().find_map(asked)?,
        };
        let step = self.step(claim.epoch)?;
        let decision = step.noted.map_or(step.basis, |(noted, _)| noted);
        Some((self.last_after(decision), decision))
    }

    /// The last step that was made after no later decision.
    fn last_after(&self, decision: u64) -> u64 {
        let last = self.steps.iter().rposition(|step| step.basis <= decision).unwrap_or(0);
        u64::try_from(last).unwrap_or(u64::MAX)
    }

    /// When a recovery that is under way takes effect; `None` when there is none, or the quorum has not noted it yet.
    #[must_use]
    pub fn recovered_from(&self) -> Option<Micros> {
        self.claim_due(self.last(), u64::MAX).map(|(due, _)| due)
    }

    /// How it stands at a moment.
    #[must_use]
    pub fn status(&self, now: Micros) -> Status {
        self.status_after(self.last(), now)
    }

    /// Until when its notice runs, where it has given one: however it stands until then.
    #[must_use]
    pub fn leaves(&self) -> Option<Micros> {
        self.last().state.notice.map(notice_ends)
    }

    /// How it stood right after the decision of `epoch`, which was made at `at`; `None` before it was let in.
    pub(crate) fn status_at(&self, epoch: u64, at: Micros) -> Option<Status> {
        let (_, takes_part) = self.turns.iter().rev().find(|(since, _)| *since <= epoch)?;
        let noted = |step: &&Step| step.noted.is_some_and(|(noted, _)| noted <= epoch);
        let step = self.steps.iter().rev().find(noted)?;
        Some(status_by(step, at, !takes_part))
    }

    /// Since which decision it has claimed the identity object that it claims; `u64::MAX` while none has noted it.
    pub(crate) fn identity_since(&self) -> u64 {
        let claims = |step: &&Step| step.state.identity == self.own().identity;
        let first = self.steps.iter().rev().take_while(claims).last();
        first.and_then(|step| step.noted).map_or(u64::MAX, |(epoch, _)| epoch)
    }

    pub(crate) fn last(&self) -> &Step {
        self.steps.last().expect("invariant: a member begins with its request as its first step")
    }

    pub(crate) fn step(&self, epoch: u64) -> Option<&Step> {
        self.steps.get(usize::try_from(epoch).ok()?)
    }

    /// The key after a step, at a moment, by decisions up to `epoch`.
    pub(crate) fn key_after(&self, step: &Step, at: Micros, epoch: u64) -> PublicKey {
        match self.claim_due(step, epoch) {
            Some((due, key)) if due <= at => key,
            _ => step.state.key,
        }
    }

    /// When the claim that stands after a step takes effect, by decisions up to `epoch`, and the key it brings.
    pub(crate) fn claim_due(&self, step: &Step, epoch: u64) -> Option<(Micros, PublicKey)> {
        let claim = step.state.claim?;
        let (noted, at) = self.step(claim.epoch)?.noted?;
        (noted <= epoch).then(|| (at.plus(RECOVERY_DELAY_SECONDS.saturating_mul(Micros::SECOND)), claim.key))
    }

    pub(crate) fn status_after(&self, step: &Step, at: Micros) -> Status {
        status_by(step, at, self.suspended)
    }
}

fn status_by(step: &Step, at: Micros, suspended: bool) -> Status {
    match step.state.notice.map(notice_ends) {
        Some(until) if until <= at => Status::Withdrawn,
        _ if suspended => Status::Suspended,
        Some(until) => Status::Leaving { until },
        None => Status::Active,
    }
}

/// When a notice that was given at `at` runs out.
#[must_use]
pub fn notice_ends(at: Micros) -> Micros {
    at.plus(WITHDRAWAL_NOTICE_SECONDS.saturating_mul(Micros::SECOND))
}
