//! Who is a member and what handling says, for the simulator; and the faults that prove it can fail.
//!
//! Rules are a line `to=all` or `to=` and member ids, and `;until=` a moment where they end. A fault switches one check off, so that a test can see the invariant
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
    /// The store forgets which life of a peer it has heard of.
    LivesForgotten,
    /// What is past its time is not destroyed.
    NothingRetired,
    /// The store keeps the content of what is no longer held.
    ContentStays,
    /// Handling does not look at the clock.
    TimeForgotten,
    /// The store loses the lines that tell others of broken glass.
    NoticesLost,
    /// The store loses the acts that say what was destroyed because its time was over.
    TracesLost,
    /// Relays let nothing go, whatever they are told and however old it is.
    RelaysHoard,
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

/// A line of rules as the simulator reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ruling {
    /// Who may have it; `None` = everybody.
    to: Option<BTreeSet<KeyId>>,
    /// Until when; `None` = for ever.
    until: Option<Micros>,
}

impl Ruling {
    /// Nobody may have it.
    fn closed() -> Self {
        Self { to: Some(BTreeSet::new()), until: None }
    }

    fn read(line: &str) -> Option<Self> {
        let (to, until) = match line.split_once(';') {
            Some((to, until)) => (to, Some(Micros(until.strip_prefix("until=")?.parse().ok()?))),
            None => (line, None),
        };
        let list = to.strip_prefix("to=")?;
        let ids = list.split(',').filter(|id| !id.is_empty()).map(|id| id.parse().ok());
        let to = if list == "all" { None } else { Some(ids.collect::<Option<BTreeSet<KeyId>>>()?) };
        Some(Self { to, until })
    }

    fn line(&self) -> String {
        let to = match &self.to {
            None => "all".to_owned(),
            Some(members) => members.iter().map(KeyId::to_string).collect::<Vec<_>>().join(","),
        };
        match self.until {
            None => format!("to={to}"),
            Some(until) => format!("to={to};until={}", until.0),
        }
    }
}

/// The line of rules that lets these members have something.
#[must_use]
pub fn rules_for(members: &BTreeSet<KeyId>) -> String {
    rules_until(members, None)
}

/// The same until a moment, where one is named.
#[must_use]
pub fn rules_until(members: &BTreeSet<KeyId>, until: Option<Micros>) -> String {
    Ruling { to: Some(members.clone()), until }.line()
}

/// Until when what is under a line of rules may be kept; `None` = for ever.
#[must_use]
pub fn kept_until(rules: &str) -> Option<Micros> {
    Ruling::read(rules)?.until
}

/// Handling for the simulator.
#[derive(Clone, Copy, Debug)]
pub struct HouseJudge(pub Fault);

impl Judge for HouseJudge {
    fn decide(&self, question: &Question<'_>) -> Result<(), String> {
        let ruling = Ruling::read(question.rules).unwrap_or_else(Ruling::closed);
        let over = ruling.until.is_some_and(|until| until <= question.now);
        if over && self.0 != Fault::TimeForgotten {
            return Err("retention".to_owned());
        }
        let named = ruling.to.is_none_or(|members| members.contains(&question.recipient));
        let own = question.recipient == question.originator;
        if named || own || question.consent == Consented::Yes || self.0 == Fault::JudgeAllows {
            Ok(())
        } else {
            Err("audience".to_owned())
        }
    }

    fn named(&self, rules: &str, now: Micros) -> BTreeSet<KeyId> {
        let ruling = Ruling::read(rules).filter(|ruling| ruling.until.is_none_or(|until| now < until));
        ruling.and_then(|ruling| ruling.to).unwrap_or_default()
    }

    fn meet(&self, one: &str, other: &str) -> String {
        let read = |line| Ruling::read(line).unwrap_or_else(Ruling::closed);
        let (one, other) = (read(one), read(other));
        let to = match (one.to, other.to) {
            (None, to) | (to, None) => to,
            (Some(one), Some(other)) => Some(one.intersection(&other).copied().collect()),
        };
        let until = match (one.until, other.until) {
            (None, until) | (until, None) => until,
            (Some(one), Some(other)) => Some(one.min(other)),
        };
        Ruling { to, until }.line()
    }
}
