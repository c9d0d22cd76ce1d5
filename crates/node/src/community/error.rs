//! Why a deed about the community was not done.

use community::{Refused, Rule};
use handling::Refusal;
use store::{Fault, StoreError};

use crate::{ApprovalError, RoadError};

/// Why a deed about the community was not done. Nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum CommunityError {
    /// Not for this principal.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// This node belongs to no community.
    #[error("this node belongs to no community: found one or join one")]
    None,
    /// It belongs to one, or has asked to, already.
    #[error("this node belongs to a community already, or has asked to: a node belongs to one")]
    Already,
    /// The member has asked and has not been let in yet.
    #[error("this member has asked to join and has not been let in yet")]
    Pending,
    /// Nothing waits for a decision under this name.
    #[error("nothing waits for a decision under this name")]
    NothingPending,
    /// More than one thing waits for a decision under this name.
    #[error("more than one thing waits for a decision under this name: name it by its subject")]
    Ambiguous,
    /// As much waits for a decision as may.
    #[error("too much waits for a decision already: decide or refuse something first")]
    Crowded,
    /// This member has no vote.
    #[error("this member has no vote here")]
    NoVote,
    /// The only member with a vote is to be suspended: nobody could take it back.
    #[error(
        "this is the only member with a vote: once it is suspended nobody can take it back. To leave the community, run `cresset community withdraw`"
    )]
    LastVote,
    /// No member has this name or id.
    #[error("there is no member {} in this community: `cresset community show` lists them", base::quoted(.0))]
    MemberUnknown(String),
    /// The member has no circle of this name.
    #[error("there is no circle of this name")]
    CircleUnknown,
    /// There is a circle of this name already.
    #[error("this member has a circle of this name already")]
    CircleExists,
    /// A circle of this name could not be addressed by it.
    #[error("a circle cannot be called {}: it is a member's name, a word that means somebody else, 64 digits of an id, or holds , / : @ or characters that do not show", base::quoted(.0))]
    CircleName(String),
    /// A member that is not in the circle.
    #[error("{} is not in this circle", base::quoted(.0))]
    NotInCircle(String),
    /// The circle's owner, who is always in it.
    #[error("this member keeps the circle, and is always in it")]
    CircleOwner,
    /// Not from a member, nor from one who asks to become one.
    #[error("this does not come from a member of the community")]
    Stranger,
    /// Signed with a key of its member's that was replaced since.
    #[error("this is signed with a key that its member has replaced since")]
    FormerKey,
    /// A request to be let in that so many members have refused that it cannot be approved.
    #[error("the members have refused the request to be let in")]
    Declined,
    /// A message that was made for somebody else, or as an answer to something else.
    #[error("this message is for somebody else, or answers another one")]
    Misdirected,
    /// A message whose moment is more than a day away from this node's clock.
    #[error("the message's moment is more than a day away from this node's clock")]
    ClockApart,
    /// The node that says it is not one of the member that signed it.
    #[error(transparent)]
    Road(#[from] RoadError),
    /// A rule of the community.
    #[error("{0}")]
    Rule(#[from] Rule),
    /// An entry of the registry that a rule refuses.
    #[error(transparent)]
    Entry(#[from] Refused),
    /// It takes a second person.
    #[error(transparent)]
    Second(#[from] ApprovalError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CommunityError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.rule.code(),
            Self::None => "community-none",
            Self::Already => "community-already",
            Self::Pending => "community-pending",
            Self::NothingPending => "nothing-pending",
            Self::Ambiguous => "pending-ambiguous",
            Self::Crowded => "pending-crowded",
            Self::NoVote => "member-without-vote",
            Self::LastVote => "last-vote",
            Self::MemberUnknown(_) => Rule::MemberUnknown.code(),
            Self::CircleUnknown => "circle-unknown",
            Self::CircleExists => "circle-exists",
            Self::CircleName(_) => "circle-name",
            Self::NotInCircle(_) => "not-in-circle",
            Self::CircleOwner => "circle-owner",
            Self::Stranger => "exchange-stranger",
            Self::FormerKey => "exchange-key-former",
            Self::Declined => "join-refused",
            Self::Misdirected => "exchange-misdirected",
            Self::ClockApart => "exchange-clock-apart",
            Self::Road(error) => error.code(),
            Self::Rule(rule) => rule.code(),
            Self::Entry(refused) => refused.rule.code(),
            Self::Second(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Second(error) => error.fault(),
            Self::Store(error) => error.fault(),
            _ => Fault::Caller,
        }
    }
}
