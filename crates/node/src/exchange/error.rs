//! Why something between members was not done.

use federation::{CourierError, DeedError, StoreFailed};
use store::{Fault, StoreError};

use crate::community::LostKey;
use crate::{AcceptError, CommunityError, ReadError};

/// Why a deed towards other members was not done. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The node's member is in no community.
    #[error(
        "this node's member is in no community yet: see `cresset community create` and `cresset community join`"
    )]
    Alone,
    /// The node's member has asked to join one, and waits.
    #[error(
        "this node's member has asked to join a community and has not been let in yet: its members answer with `cresset community approve`"
    )]
    Pending,
    /// Not there, or not for the one who asks.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Whoever is meant is not known.
    #[error(transparent)]
    Accept(#[from] AcceptError),
    /// A rule of the exchange speaks against it.
    #[error("{}", refused(.0))]
    Deed(DeedError),
    /// It stands here by this member's word, and nobody was ever given it.
    #[error(
        "{0} was never given to anybody, so there is nothing to call back: `cresset erase` destroys it here"
    )]
    NeverGiven(String),
    /// Some of what others were given under its identifier is known to who asks, and some is not.
    #[error(
        "something else was given to others under the id {0}, which you do not see where you may write, and this would reach that \
         too: ask whoever administers this node"
    )]
    GivenBesides(String),
    /// A message that is none, or is for somebody else.
    #[error("cannot take what a member said: {0}")]
    Message(String),
    /// No such consent, or not for the one who asks.
    #[error("no consent {0} is known here")]
    NoConsent(String),
    /// Nobody could pass the object on.
    #[error(
        "no member but the recipient has {0}: share it first, or name another member that may pass it on"
    )]
    NobodyHolds(String),
    /// The named member is not one that objects can be given to.
    #[error("{0} is no member that something can be given to")]
    NotAPeer(String),
    /// A courier file that is not taken.
    #[error(transparent)]
    Courier(CourierError),
    /// There is no courier file to acknowledge.
    #[error(
        "no courier file has come yet, so there is nothing to acknowledge: `cresset courier export --to MEMBER` writes a file for a member"
    )]
    NoCourier,
    /// What this member has of the registry cannot be put into a courier file.
    #[error("cannot put the papers of the community into a courier file: {0}")]
    Papers(#[source] CommunityError),
    /// The key of this node's member is not here.
    #[error("{}", .0.told())]
    KeyLost(LostKey),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a deed was not done, in words: of a rule what it says, and of a rule of handling that it goes by what that says.
fn refused(error: &DeedError) -> String {
    let DeedError::Refused(refused) = error else { return error.to_string() };
    let code = refused.handling.as_deref().unwrap_or(refused.rule.code());
    match super::Kept::by(code).why() {
        "" => error.to_string(),
        why => format!("refused by the rule {refused}: {}", why.trim_end_matches('.')),
    }
}

impl ExchangeError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Alone => "community-none",
            Self::Pending => "community-pending",
            Self::Read(error) => error.code(),
            Self::Accept(error) => error.code(),
            Self::Deed(DeedError::Refused(refused)) => refused.rule.code(),
            Self::Deed(DeedError::NoObject(_)) => "object-unknown",
            Self::Deed(DeedError::Store(_)) => "store-failed",
            Self::Deed(DeedError::Act(_)) => "act-unfit",
            Self::NeverGiven(_) => "never-given",
            Self::GivenBesides(_) => "given-besides",
            Self::Message(_) => "message-unreadable",
            Self::NoConsent(_) => "consent-unknown",
            Self::NobodyHolds(_) => "consent-nobody",
            Self::NotAPeer(_) => "peer-unknown",
            Self::Courier(CourierError::Gap { .. }) => "courier-missing",
            Self::Courier(CourierError::Outlived) => "outlived",
            Self::Courier(CourierError::LifeUnproven) => "life-unproven",
            Self::Courier(_) => "courier-unfit",
            Self::NoCourier => "courier-none",
            Self::Papers(error) => error.code(),
            Self::KeyLost(lost) => lost.word(),
            Self::Store(error) => error.code(),
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Read(error) => error.fault(),
            Self::Accept(error) => error.fault(),
            Self::Store(error) => error.fault(),
            Self::Papers(error) => error.fault(),
            Self::Deed(DeedError::Store(_)) => Fault::Operator,
            _ => Fault::Caller,
        }
    }
}

impl From<DeedError> for ExchangeError {
    fn from(error: DeedError) -> Self {
        match error {
            DeedError::Store(failed) => failed.into(),
            other => Self::Deed(other),
        }
    }
}

impl From<StoreFailed> for ExchangeError {
    fn from(failed: StoreFailed) -> Self {
        Self::Store(StoreError::Backend(failed.0))
    }
}
