//! What an exchange is refused for: one stable code for each reason.
//!
//! A refusal changes nothing but the log of refusals, what its sender is to be told of it, and the cursor. Those that pass by
//! themselves (`passes`) leave the cursor where it stands, so that the sender tries again, and are not told; every other moves it on, so
//! that one bad envelope never stops a lane.

use std::fmt;

use base::Micros;

use crate::later::Hindrance;

/// The rules of exchange by name; `cresset explain CODE` tells more about each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Not sealed bytes, or too large.
    SealForm,
    /// Sealed in a suite that is not known.
    SealSuite,
    /// Sealed to another, or changed on the way.
    SealClosed,
    /// Not an envelope inside.
    EnvelopeForm,
    /// The envelope names another recipient than the one it was sealed to.
    WrongRecipient,
    /// The sender is no active member.
    SenderUnknown,
    /// The sender did not sign the envelope.
    SenderSignature,
    /// Envelopes before this one are missing.
    Gap,
    /// The sender knows a later registry than this node.
    RegistryBehind,
    /// The act stands under a head of its author's ledger that this node has not taken yet.
    HeadBehind,
    /// Its author took no part by the registry that its sender knew, and takes part by now.
    SenderBehind,
    /// This node is taking back what it lost, and takes nothing new until it has.
    Recovering,
    /// Its sender has been restored since it was sent: it was said in an earlier life.
    Outlived,
    /// A life of this node or of the sender's is spoken of that its own member's signature does not show.
    LifeUnproven,
    /// There is no recovery going on.
    NotRecovering,
    /// No own act is lost that a recovery could bring back.
    NothingLost,
    /// The author is no member.
    AuthorUnknown,
    /// The author is suspended, has left, or was not yet a member when it acted.
    AuthorInactive,
    /// Not an act.
    ActForm,
    /// The act names a suite that is not known.
    UnknownSuite,
    /// The author did not sign the act.
    ActSignature,
    /// The act was done in another community.
    CommunityOther,
    /// Two acts of one author claim the same place in its ledger.
    Equivocation,
    /// Payload and salt are not those the act commits to.
    Commitment,
    /// The payload cannot be read.
    PayloadForm,
    /// The object is not the one the act names.
    ObjectOther,
    /// The handling rules are not those the act names.
    HandlingOther,
    /// The object says that another member made it.
    OriginForged,
    /// The proof does not hold.
    Proof,
    /// The author's ledger has something else at the act's place.
    ProofContradicted,
    /// Somebody else than the originator asks to change or call back an object.
    NotOriginator,
    /// Handling does not let this recipient have it.
    Handling,
    /// It was passed on without the originator's consent.
    ConsentMissing,
    /// The consent is for another object, sender or recipient, or not signed by the originator.
    ConsentInvalid,
    /// The consent has run out.
    ConsentExpired,
    /// The originator has taken the consent back.
    ConsentRevoked,
    /// It was passed on, and what its sender may not give any more was left out on the way.
    CameEmpty,
    /// The recipient's node is of an earlier build, which cannot read the act by which the originator gave it.
    RecipientOlder,
    /// The originator has called it back or erased it.
    Tombstoned,
    /// A receipt for something that was never sent there.
    ReceiptUnfounded,
    /// A kind of act that never travels.
    KindStays,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 41] = [
        Self::SealForm,
        Self::SealSuite,
        Self::SealClosed,
        Self::EnvelopeForm,
        Self::WrongRecipient,
        Self::SenderUnknown,
        Self::SenderSignature,
        Self::Gap,
        Self::RegistryBehind,
        Self::HeadBehind,
        Self::SenderBehind,
        Self::Recovering,
        Self::Outlived,
        Self::LifeUnproven,
        Self::NotRecovering,
        Self::NothingLost,
        Self::AuthorUnknown,
        Self::AuthorInactive,
        Self::ActForm,
        Self::UnknownSuite,
        Self::ActSignature,
        Self::CommunityOther,
        Self::Equivocation,
        Self::Commitment,
        Self::PayloadForm,
        Self::ObjectOther,
        Self::HandlingOther,
        Self::OriginForged,
        Self::Proof,
        Self::ProofContradicted,
        Self::NotOriginator,
        Self::Handling,
        Self::ConsentMissing,
        Self::ConsentInvalid,
        Self::ConsentExpired,
        Self::ConsentRevoked,
        Self::CameEmpty,
        Self::RecipientOlder,
        Self::Tombstoned,
        Self::ReceiptUnfounded,
        Self::KindStays,
    ];

    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::SealForm => "seal-form",
            Self::SealSuite => "seal-suite",
            Self::SealClosed => "seal-closed",
            Self::EnvelopeForm => "envelope-form",
            Self::WrongRecipient => "wrong-recipient",
            Self::SenderUnknown => "sender-unknown",
            Self::SenderSignature => "sender-signature",
            Self::Gap => "gap",
            Self::RegistryBehind => "registry-behind",
            Self::HeadBehind => "head-behind",
            Self::SenderBehind => "sender-behind",
            Self::Recovering => "recovering",
            Self::Outlived => "outlived",
            Self::LifeUnproven => "life-unproven",
            Self::NotRecovering => "not-recovering",
            Self::NothingLost => "nothing-lost",
            Self::AuthorUnknown => "author-unknown",
            Self::AuthorInactive => "author-inactive",
            Self::ActForm => "act-form",
            Self::UnknownSuite => "unknown-suite",
            Self::ActSignature => "act-signature",
            Self::CommunityOther => "community-other",
            Self::Equivocation => "equivocation",
            Self::Commitment => "commitment",
            Self::PayloadForm => "payload-form",
            Self::ObjectOther => "object-other",
            Self::HandlingOther => "handling-other",
            Self::OriginForged => "origin-forged",
            Self::Proof => "proof",
            Self::ProofContradicted => "proof-contradicted",
            Self::NotOriginator => "not-originator",
            Self::Handling => "handling",
            Self::ConsentMissing => "consent-missing",
            Self::ConsentInvalid => "consent-invalid",
            Self::ConsentExpired => "consent-expired",
            Self::ConsentRevoked => "consent-revoked",
            Self::CameEmpty => "came-empty",
            Self::RecipientOlder => "recipient-older",
            Self::Tombstoned => "tombstoned",
            Self::ReceiptUnfounded => "receipt-unfounded",
            Self::KindStays => "kind-stays",
        }
    }

    /// Whether it passes by itself: the sender is to try again, and the cursor stays.
    #[must_use]
    pub const fn passes(self) -> bool {
        matches!(
            self,
            Self::Gap | Self::RegistryBehind | Self::HeadBehind | Self::SenderBehind | Self::Recovering
        )
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A refusal: the rule, and the handling rule behind it where handling decided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub struct Refused {
    /// The rule.
    pub rule: Rule,
    /// The code of the handling rule, for [`Rule::Handling`].
    pub handling: Option<String>,
}

impl From<Rule> for Refused {
    fn from(rule: Rule) -> Self {
        Self { rule, handling: None }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.handling {
            Some(handling) => write!(f, "{}/{handling}", self.rule),
            None => self.rule.fmt(f),
        }
    }
}

/// The rule of handling by which a member says that it refused something; `None` where something else decided.
fn of_handling(told: &str) -> Option<&str> {
    told.strip_prefix(Rule::Handling.code())?.strip_prefix('/')
}

/// Whether a member says that something is under an embargo by its clock.
pub(crate) fn is_too_early(told: &str) -> bool {
    of_handling(told) == Some(Hindrance::Embargo(Micros(0)).code())
}

/// Whether a member says that something is addressed to others: it is in no circle that would let it have it, as far as it knows.
pub(crate) fn is_for_others(told: &str) -> bool {
    of_handling(told) == Some("audience")
}

/// Whether a member says that the object is not the one that the act names, as a node does that reads one salt of an act that has two.
pub(crate) fn is_about_another(told: &str) -> bool {
    told == Rule::ObjectOther.code()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_its_own_code() {
        let codes: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.code()).collect();
        assert_eq!(codes.len(), Rule::ALL.len());
        assert!(Rule::ALL.windows(2).all(|pair| pair[0] < pair[1]), "each once, in order");
    }
}
