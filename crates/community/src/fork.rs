//! Evidence that a member signed two different entries for one place: anybody with a registry snapshot can verify it.

use std::collections::BTreeSet;

use base::limit::FORK_BYTES_MAX;
use base::signing::KeyId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::entry::{Chain, Entry};
use crate::registry::Registry;
use crate::{MemberId, Rule};

/// What the file says it is.
const FORMAT: &str = "cresset-registry-fork-1";

/// Two entries that claim one place.
///
/// # Shape
/// As JSON `{"format": "cresset-registry-fork-1", "first": entry, "second": entry}`, the entry with the lower hash first.
#[derive(Clone, Debug)]
pub struct Fork {
    first: Entry,
    second: Entry,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    format: String,
    first: Box<RawValue>,
    second: Box<RawValue>,
}

impl Fork {
    /// Evidence of two entries.
    ///
    /// # Errors
    /// `EvidenceEmpty` when they do not claim one place of one community, or are the same.
    pub fn of(one: Entry, other: Entry) -> Result<Self, Rule> {
        let (a, b) = (one.content(), other.content());
        let same_place = one.community() == other.community()
            && (a.chain, a.epoch, a.previous) == (b.chain, b.epoch, b.previous)
            && a.previous.is_some();
        if !same_place || one.hash() == other.hash() {
            return Err(Rule::EvidenceEmpty);
        }
        Ok(if one.hash() < other.hash() {
            Self { first: one, second: other }
        } else {
            Self { first: other, second: one }
        })
    }

    /// Reads an evidence file in its one exact form.
    ///
    /// # Errors
    /// `TooLarge`, `EnvelopeForm`, `EvidenceEmpty`, and what is wrong with an entry. Nothing is verified.
    pub fn parse(text: &[u8]) -> Result<Self, Rule> {
        if text.len() > FORK_BYTES_MAX {
            return Err(Rule::TooLarge);
        }
        let form: Form = serde_json::from_slice(text).map_err(|_| Rule::EnvelopeForm)?;
        let read = |raw: &RawValue| Entry::parse(raw.get().as_bytes());
        let fork = Self::of(read(&form.first)?, read(&form.second)?)?;
        if form.format == FORMAT && fork.to_json().as_bytes() == text {
            Ok(fork)
        } else {
            Err(Rule::EnvelopeForm)
        }
    }

    /// The evidence as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        format!(
            r#"{{"format":"{FORMAT}","first":{},"second":{}}}"#,
            self.first.to_json(),
            self.second.to_json()
        )
    }

    /// Both entries, the one with the lower hash first.
    #[must_use]
    pub const fn entries(&self) -> (&Entry, &Entry) {
        (&self.first, &self.second)
    }

    /// Who signed twice: every member named here signed both entries, or signed one and also a vote that the other carries
    /// to show that the first could not succeed.
    ///
    /// # Errors
    /// `EvidenceEmpty` when nobody did. Signatures that do not hold, and keys that are no member's, count for nothing.
    pub fn verify(&self, registry: &Registry) -> Result<BTreeSet<MemberId>, Rule> {
        if self.first.community() != registry.id() {
            return Err(Rule::CommunityOther);
        }
        let (earlier, later) = if self.first.content().round <= self.second.content().round {
            (&self.first, &self.second)
        } else {
            (&self.second, &self.first)
        };
        let one = signers(registry, earlier);
        let mut other = BTreeSet::new();
        if earlier.content().round == later.content().round {
            other = signers(registry, later);
        } else {
            let round = earlier.content().round;
            let votes = later.stalled().iter().filter(|vote| {
                vote.content().round == round
                    && vote.hash() != earlier.hash()
                    && (vote.content().epoch, vote.content().previous)
                        == (earlier.content().epoch, earlier.content().previous)
            });
            for vote in votes {
                other.extend(signers(registry, vote));
            }
        }
        let twice: BTreeSet<MemberId> = one.intersection(&other).copied().collect();
        if twice.is_empty() { Err(Rule::EvidenceEmpty) } else { Ok(twice) }
    }
}

/// The members whose signatures hold on an entry.
fn signers(registry: &Registry, entry: &Entry) -> BTreeSet<MemberId> {
    let message = entry.signed().message();
    let holds = |(by, signature): &(KeyId, base::signing::Signature)| {
        let holder = registry.holder(*by)?;
        if let Chain::Own(member) = entry.content().chain
            && holder.id() != member
        {
            return None;
        }
        let key = holder.keys().iter().find(|key| key.id() == *by)?;
        key.verify(&message, signature).ok().map(|()| holder.id())
    };
    entry.signed().signatures().iter().filter_map(holds).collect()
}
