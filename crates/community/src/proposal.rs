//! What is to be decided, and who is for it: proposals, approvals and refusals, each a signed document of its own.
//!
//! An approval speaks of a subject (a join request, or a member's proposal) and of no place in the chain, so it is given once
//! and stays good while other decisions go ahead of it. It is a word between members, not yet a vote: votes are signatures
//! on an entry, and [`crate::Council`] gives them when enough approvals are known.

use base::Micros;
use base::limit::REQUEST_SECONDS_MAX;
use base::signed::Signed;
use base::signing::{PublicKey, Signer};
use serde::{Deserialize, Serialize};

use crate::body::{Admitted, Body, OfMember, QuorumChanged};
use crate::statement::{JOIN_REQUEST_TYPE, micros, payload, sign, signed_by_alone};
use crate::words::is_line;
use crate::{CommunityId, JoinRequest, MemberId, QuorumRule, Rule, SubjectHash};

/// The type of a signed proposal.
pub const PROPOSAL_TYPE: &str = "application/vnd.cresset.proposal+json";
/// The type of a signed approval or refusal.
pub const APPROVAL_TYPE: &str = "application/vnd.cresset.approval+json";
/// Longest reason, in characters.
const REASON_CHARS_MAX: usize = base::limit::REASON_CHARS_MAX;

/// What a member proposes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Deed {
    /// To put a member aside.
    MemberSuspended {
        /// Which.
        member: MemberId,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// To take a suspended member back.
    MemberReinstated {
        /// Which.
        member: MemberId,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// To decide otherwise from now on.
    QuorumChanged {
        /// The rule.
        quorum: QuorumRule,
    },
}

/// A member's proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The community.
    pub community: CommunityId,
    /// Who proposes.
    pub by: MemberId,
    /// When.
    #[serde(rename = "at_us", with = "micros")]
    pub at: Micros,
    /// What.
    pub deed: Deed,
}

/// Something that waits for a decision, whose signature has been verified.
#[derive(Clone, Debug)]
pub struct Subject {
    hash: SubjectHash,
    signed: Signed,
    what: What,
}

/// What waits for a decision.
#[derive(Clone, Debug)]
pub enum What {
    /// Somebody asks to be let in.
    Join(Box<JoinRequest>),
    /// A member proposes something.
    Proposal(Proposal),
}

impl Proposal {
    /// Signs the proposal with the proposer's key.
    ///
    /// # Errors
    /// `PayloadForm` when the reason is too long, `QuorumUnfit`.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Signed, Rule> {
        self.check()?;
        sign(PROPOSAL_TYPE, self, signer)
    }

    fn check(&self) -> Result<(), Rule> {
        match &self.deed {
            Deed::MemberSuspended { reason, .. } | Deed::MemberReinstated { reason, .. } => {
                if reason.is_empty() || is_line(reason, REASON_CHARS_MAX) {
                    Ok(())
                } else {
                    Err(Rule::PayloadForm)
                }
            }
            Deed::QuorumChanged { quorum } => quorum.check().map(|_| ()),
        }
    }
}

impl Subject {
    /// Reads a request or proposal. A proposal's signature is verified with the key that `key_of` says its proposer has.
    ///
    /// # Errors
    /// `PayloadType`, `PayloadForm`, `MemberUnknown`, and what is wrong with the signature or statement.
    pub fn open(signed: &Signed, key_of: impl Fn(MemberId) -> Option<PublicKey>) -> Result<Self, Rule> {
        let what = if signed.payload_type() == JOIN_REQUEST_TYPE {
            What::Join(Box::new(JoinRequest::open(signed)?))
        } else {
            let proposal: Proposal = payload(signed, PROPOSAL_TYPE)?;
            proposal.check()?;
            let key = key_of(proposal.by).ok_or(Rule::MemberUnknown)?;
            signed_by_alone(signed, PROPOSAL_TYPE, &key)?;
            What::Proposal(proposal)
        };
        Ok(Self { hash: SubjectHash::of(signed.unverified_payload()), signed: signed.clone(), what })
    }

    /// What approvals name it by.
    #[must_use]
    pub const fn hash(&self) -> SubjectHash {
        self.hash
    }

    /// The document.
    #[must_use]
    pub const fn signed(&self) -> &Signed {
        &self.signed
    }

    /// What it asks for.
    #[must_use]
    pub const fn what(&self) -> &What {
        &self.what
    }

    /// The community it is for.
    #[must_use]
    pub fn community(&self) -> CommunityId {
        match &self.what {
            What::Join(request) => request.community,
            What::Proposal(proposal) => proposal.community,
        }
    }

    /// When it was made.
    #[must_use]
    pub fn at(&self) -> Micros {
        match &self.what {
            What::Join(request) => request.at,
            What::Proposal(proposal) => proposal.at,
        }
    }

    /// The member it is about; `None` for a change of the rules.
    #[must_use]
    pub fn about(&self) -> Option<MemberId> {
        match &self.what {
            What::Join(request) => Some(request.member()),
            What::Proposal(Proposal { deed, .. }) => match deed {
                Deed::MemberSuspended { member, .. } | Deed::MemberReinstated { member, .. } => Some(*member),
                Deed::QuorumChanged { .. } => None,
            },
        }
    }

    /// Whether `other` takes its place: of the requests that one key makes for one member the last counts.
    #[must_use]
    pub fn is_replaced_by(&self, other: &Self) -> bool {
        let (What::Join(this), What::Join(that)) = (&self.what, &other.what) else { return false };
        let same = this.member() == that.member() && this.statement.key == that.statement.key;
        same && this.again == that.again && (self.at(), self.hash) < (other.at(), other.hash)
    }

    /// Until when it can be decided.
    #[must_use]
    pub fn until(&self) -> Micros {
        self.at().plus(REQUEST_SECONDS_MAX.saturating_mul(Micros::SECOND))
    }

    /// The body of the entry that makes it true.
    #[must_use]
    pub fn body(&self) -> Body {
        match &self.what {
            What::Join(request) => {
                let admitted = Box::new(Admitted { request: self.signed.clone() });
                if request.again.is_some() { Body::Rejoined(admitted) } else { Body::Admitted(admitted) }
            }
            What::Proposal(Proposal { deed, at, .. }) => {
                let of = |member: &MemberId, reason: &String| OfMember {
                    member: *member,
                    reason: reason.clone(),
                    proposed: *at,
                };
                match deed {
                    Deed::MemberSuspended { member, reason } => Body::Suspended(of(member, reason)),
                    Deed::MemberReinstated { member, reason } => Body::Reinstated(of(member, reason)),
                    Deed::QuorumChanged { quorum } => {
                        Body::QuorumChanged(QuorumChanged { quorum: *quorum, proposed: *at })
                    }
                }
            }
        }
    }
}

/// For or against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// For it.
    Approve,
    /// Against it.
    Refuse,
}

/// A member's word on a subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The community.
    pub community: CommunityId,
    /// On what.
    pub subject: SubjectHash,
    /// By whom.
    pub by: MemberId,
    /// For or against; the later word counts.
    pub word: Word,
    /// When.
    #[serde(rename = "at_us", with = "micros")]
    pub at: Micros,
}

impl Approval {
    /// Signs the word with the member's key.
    ///
    /// # Errors
    /// None that a caller can bring about.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Signed, Rule> {
        sign(APPROVAL_TYPE, self, signer)
    }

    /// Reads a word and verifies it with the key that `key_of` says its member has.
    ///
    /// # Errors
    /// `PayloadType`, `PayloadForm`, `MemberUnknown`, and what is wrong with the signature.
    pub fn open(signed: &Signed, key_of: impl Fn(MemberId) -> Option<PublicKey>) -> Result<Self, Rule> {
        let approval: Self = payload(signed, APPROVAL_TYPE)?;
        let key = key_of(approval.by).ok_or(Rule::MemberUnknown)?;
        signed_by_alone(signed, APPROVAL_TYPE, &key)?;
        Ok(approval)
    }
}
