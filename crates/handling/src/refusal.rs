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
    /// TLP:RED is for named persons.
    TlpRedPersons,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 6] = [
        Self::CollectionUnknown,
        Self::CollectionNotReadable,
        Self::CollectionNotWritable,
        Self::RoleMissing,
        Self::ScopeMissing,
        Self::TlpRedPersons,
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
            Self::TlpRedPersons => "tlp-red-persons",
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
