//! A refusal carries the rule that made it and a sentence for the one who asked.

use std::fmt;

/// The rules of this node by name; `cresset explain CODE` tells more about each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// No grant lets this user know that the collection exists.
    CollectionUnknown,
    /// The collection is known but may not be read.
    CollectionNotReadable,
    /// The collection is known but may not be written.
    CollectionNotWritable,
    /// The user's roles do not include what this needs.
    RoleMissing,
    /// The credential's scopes do not include what this needs.
    ScopeMissing,
    /// What is kept for a time only is for nobody after it.
    Retention,
    /// Until its embargo is over, it is for the named only.
    Embargo,
    /// TLP:RED is for named persons.
    TlpRedPersons,
    /// It is addressed to others.
    Audience,
    /// TLP:GREEN is for the community.
    TlpCommunity,
    /// TLP:AMBER+STRICT is for the organisation, not for its clients.
    TlpStrictClients,
    /// Its originator decides who else gets it.
    OriginatorControl,
    /// It may not be used for this.
    Purpose,
    /// PAP keeps machines from acting on it.
    PapAutomation,
    /// It bears a marking that is not known here yet.
    MarkingUnresolved,
    /// The circle is empty or cannot be resolved.
    CircleUnresolved,
    /// Data about a person stays on the node it came to. After the others, so that whatever else refuses goes on being named.
    PersonDataStaysHome,
    /// One person alone may not do this, or not decide it.
    SecondPerson,
    /// Not a refusal: no rule speaks against it.
    HandlingAllows,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 19] = [
        Self::CollectionUnknown,
        Self::CollectionNotReadable,
        Self::CollectionNotWritable,
        Self::RoleMissing,
        Self::ScopeMissing,
        Self::Retention,
        Self::Embargo,
        Self::TlpRedPersons,
        Self::Audience,
        Self::TlpCommunity,
        Self::TlpStrictClients,
        Self::OriginatorControl,
        Self::Purpose,
        Self::PapAutomation,
        Self::MarkingUnresolved,
        Self::CircleUnresolved,
        Self::PersonDataStaysHome,
        Self::SecondPerson,
        Self::HandlingAllows,
    ];

    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::CollectionUnknown => "collection-unknown",
            Self::CollectionNotReadable => "collection-not-readable",
            Self::CollectionNotWritable => "collection-not-writable",
            Self::RoleMissing => "role-missing",
            Self::ScopeMissing => "scope-missing",
            Self::PersonDataStaysHome => "person-data-stays-home",
            Self::Retention => "retention",
            Self::Embargo => "embargo",
            Self::TlpRedPersons => "tlp-red-persons",
            Self::Audience => "audience",
            Self::TlpCommunity => "tlp-community",
            Self::TlpStrictClients => "tlp-strict-clients",
            Self::OriginatorControl => "originator-control",
            Self::Purpose => "purpose",
            Self::PapAutomation => "pap-automation",
            Self::MarkingUnresolved => "marking-unresolved",
            Self::CircleUnresolved => "circle-unresolved",
            Self::SecondPerson => "second-person",
            Self::HandlingAllows => "handling-allows",
        }
    }
}

/// A "no" with its reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// The rule that decided.
    pub rule: Rule,
    /// One sentence for the one who asked; says nothing about what they may not know of.
    pub reason: String,
}

impl Refusal {
    /// A refusal by `rule`.
    #[must_use]
    pub fn new(rule: Rule, reason: impl Into<String>) -> Self {
        Self { rule, reason: reason.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
