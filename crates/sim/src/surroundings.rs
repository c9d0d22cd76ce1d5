//! Who is a member and what handling says, for the simulator; and the faults that prove it can fail.
//!
//! Rules are a line `to=all` or `to=` and member ids. A fault switches one check off, so that a test can see the invariant
//! break that the check holds up.

use std::collections::{BTreeMap, BTreeSet};

use base::Micros;
use base::signing::{KeyId, PublicKey};
use federation::{Consented, Directory, Judge, Question, Standing};

/// A check that is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Everything works.
    None,
    /// Handling allows everything.
    JudgeAllows,
    /// Every member's signature passes as every other's.
    KeysMixed,
    /// A crash leaves what had been written of a transaction.
    StoreTears,
    /// The store forgets recalls, narrowings and erasures.
    FatesForgotten,
    /// A restored node goes on as if nothing had happened.
    RestoreUnnoticed,
}

/// The registry of a simulated community.
#[derive(Clone, Debug)]
pub struct House {
    /// Members with their keys.
    pub members: BTreeMap<KeyId, (PublicKey, [u8; 32])>,
    /// Members put aside.
    pub inactive: BTreeSet<KeyId>,
    /// Epoch of the last decision.
    pub epoch: u64,
    /// The check that is switched off.
    pub fault: Fault,
}

impl Directory for House {
    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn standing_at(&self, member: &KeyId, _epoch: u64) -> Standing {
        self.standing(member)
    }

    fn standing(&self, member: &KeyId) -> Standing {
        if self.inactive.contains(member) {
            Standing::Inactive
        } else if self.members.contains_key(member) {
            Standing::Active
        } else {
            Standing::Unknown
        }
    }

    fn keys(&self, member: &KeyId) -> Vec<PublicKey> {
        if self.fault == Fault::KeysMixed {
            return self.members.values().map(|(key, _)| *key).collect();
        }
        self.members.get(member).map(|(key, _)| *key).into_iter().collect()
    }

    fn sealing(&self, member: &KeyId) -> Option<[u8; 32]> {
        self.members.get(member).map(|(_, sealing)| *sealing)
    }

    fn active(&self) -> BTreeSet<KeyId> {
        self.members.keys().filter(|member| !self.inactive.contains(member)).copied().collect()
    }

    fn identity_owner(&self, identity: &str) -> Option<KeyId> {
        identity.strip_prefix("identity--")?.parse().ok()
    }
}

/// The line of rules that lets these members have something.
#[must_use]
pub fn rules_for(members: &BTreeSet<KeyId>) -> String {
    let ids: Vec<String> = members.iter().map(KeyId::to_string).collect();
    format!("to={}", ids.join(","))
}

fn addressees(rules: &str) -> Option<BTreeSet<KeyId>> {
    let list = rules.strip_prefix("to=")?;
    list.split(',').filter(|id| !id.is_empty()).map(|id| id.parse().ok()).collect()
}

/// Handling for the simulator.
#[derive(Clone, Copy, Debug)]
pub struct HouseJudge(pub Fault);

impl Judge for HouseJudge {
    fn decide(&self, question: &Question<'_>) -> Result<(), String> {
        let all = question.rules == "to=all" || self.0 == Fault::JudgeAllows;
        if all || question.consent == Consented::Yes || question.recipient == question.originator {
            return Ok(());
        }
        let named = addressees(question.rules).is_some_and(|members| members.contains(&question.recipient));
        if named { Ok(()) } else { Err("audience".to_owned()) }
    }

    fn named(&self, rules: &str, _: Micros) -> BTreeSet<KeyId> {
        addressees(rules).unwrap_or_default()
    }

    fn meet(&self, one: &str, other: &str) -> String {
        if one == "to=all" {
            return other.to_owned();
        }
        if other == "to=all" {
            return one.to_owned();
        }
        let nobody = BTreeSet::new();
        let (one, other) = (addressees(one), addressees(other));
        let both = one.as_ref().unwrap_or(&nobody).intersection(other.as_ref().unwrap_or(&nobody));
        rules_for(&both.copied().collect())
    }
}
